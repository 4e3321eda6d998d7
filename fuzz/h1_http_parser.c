/* SPDX-License-Identifier: Apache-2.0 */
#include "h1_http_parser.h"

#include <assert.h>
#include <string.h>

#include <http_parser.h>

typedef struct reading {
    http_parser parser;
    const rill_h1_form *form;
    rill_http_message *message;
    size_t names;
    bool differs;
    bool headers_complete;
    bool complete;
    int error;
} reading;

static_assert(sizeof(reading) <= RILL_H1_ENGINE_SIZE, "the state of http-parser has room");

static bool is_span(rill_bytes span, const char *at, size_t len)
{
    if (len < span.len || (const uint8_t *)at != span.data)
        return len == 0 && span.len == 0;
    for (size_t i = span.len; i < len; i++)
        if (at[i] != ' ' && at[i] != '\t')
            return false;
    return true;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    reading *r = parser->data;
    r->differs = r->differs || r->form == NULL || r->form->target.len != len ||
                 !is_span(r->form->target, at, len);
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    reading *r = parser->data;
    r->differs = r->differs || r->form == NULL || r->names >= r->form->count ||
                 r->form->fields[r->names].name.len != len ||
                 !is_span(r->form->fields[r->names].name, at, len);
    r->names++;
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    reading *r = parser->data;
    r->differs = r->differs || r->form == NULL || r->names == 0 || r->names > r->form->count ||
                 !is_span(r->form->fields[r->names - 1].value, at, len);
    return 0;
}

static bool same_framing(const http_parser *p, const rill_h1_form *f)
{
    bool chunked = (p->flags & F_CHUNKED) != 0;
    if (f->to_head)
        return true;
    switch (f->framing) {
    case RILL_H1_CHUNKED:
        return chunked;
    case RILL_H1_LENGTH:
        return !chunked && p->content_length == f->length;
    case RILL_H1_TO_END:
        return !chunked && p->content_length == UINT64_MAX;
    default:
        return !chunked && (p->content_length == 0 || p->content_length == UINT64_MAX);
    }
}

static int on_headers_complete(http_parser *parser)
{
    reading *r = parser->data;
    const rill_h1_form *f = r->form;
    r->headers_complete = true;
    if (f == NULL)
        return -1;
    r->differs = r->differs || r->names != f->count || parser->http_major != 1 ||
                 parser->http_minor != f->minor || !same_framing(parser, f) ||
                 (f->response && parser->status_code != f->status) ||
                 (!f->response &&
                  !rill_http_same(f->method, http_method_str((enum http_method)parser->method)));
    parser->upgrade = 0;
    return f->to_head ? 1 : 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    reading *r = parser->data;
    if (r->message != NULL && r->error == RILL_OK)
        r->error = rill_http_add_body(r->message, (const uint8_t *)at, len);
    return r->message != NULL && r->error == RILL_OK ? 0 : -1;
}

static int on_complete(http_parser *parser)
{
    reading *r = parser->data;
    r->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static bool execute(reading *r, const uint8_t *data, size_t len)
{
    size_t used = http_parser_execute(&r->parser, &settings, (const char *)data, len);
    enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);
    return used == len && (e == HPE_PAUSED ? r->complete : e == HPE_OK && !r->complete);
}

static int head(rill_h1_state *s, rill_h1_form *f, const uint8_t *data, size_t len)
{
    reading *r = (reading *)(void *)s;
    memset(r, 0, sizeof *r);
    http_parser_init(&r->parser, f->response ? HTTP_RESPONSE : HTTP_REQUEST);
    r->parser.data = r;
    r->form = f;
    bool whole = execute(r, data, len);
    r->form = NULL;
    if (HTTP_PARSER_ERRNO(&r->parser) == HPE_INVALID_METHOD)
        return RILL_ERR_UNSUPPORTED;
    bool ended = f->framing == RILL_H1_NO_BODY;
    return whole && r->headers_complete && !r->differs && r->complete == ended ? RILL_OK
                                                                               : RILL_ERR_MALFORMED;
}

static int body(rill_h1_state *s, rill_http_message *m, const uint8_t *data, size_t len,
                bool *complete)
{
    reading *r = (reading *)(void *)s;
    r->message = m;
    bool whole = execute(r, data, len);
    r->message = NULL;
    *complete = r->complete;
    if (r->error != RILL_OK)
        return r->error;
    return whole && !r->differs ? RILL_OK : RILL_ERR_MALFORMED;
}

const rill_h1_engine fuzz_http_parser = {head, body};

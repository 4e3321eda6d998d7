/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llhttp, the parser of Node.js. Version 8.1.0 lacks one fix of later ones: it takes an empty
 * field that a carriage return alone ends for the end of a line, and what follows for a field
 * (CVE-2023-30589). No such byte gets past h1_form.
 */
#include "http/h1_engine.h"

#include <assert.h>
#include <string.h>

#include <llhttp.h>

/* The state of one message. */
typedef struct reading {
    llhttp_t parser;
    rill_h1_form *form;         /* while the head is read */
    rill_http_message *message; /* while the body is */
    size_t names;               /* of fields, that were right */
    size_t values;
    bool differs; /* it understood something else than the form */
    bool headers_complete;
    bool complete;
    int error;
} reading;

static_assert(sizeof(reading) <= RILL_H1_ENGINE_SIZE, "the state of llhttp has room");

static reading *of(llhttp_t *parser)
{
    return (reading *)parser;
}

/* The same bytes at the same place; it may leave blanks at the end that the form does not. */
static bool is_span(rill_bytes span, const char *at, size_t len)
{
    if (len < span.len || (const uint8_t *)at != span.data)
        return len == 0 && span.len == 0;
    for (size_t i = span.len; i < len; i++)
        if (at[i] != ' ' && at[i] != '\t')
            return false;
    return true;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    reading *r = of(parser);
    r->differs = r->differs || r->form == NULL || r->form->target.len != len ||
                 !is_span(r->form->target, at, len);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    reading *r = of(parser);
    if (r->form == NULL || r->names >= r->form->count || r->names != r->values ||
        r->form->fields[r->names].name.len != len ||
        !is_span(r->form->fields[r->names].name, at, len)) {
        r->differs = true;
        return -1;
    }
    r->names++;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    reading *r = of(parser);
    if (r->form == NULL || r->names != r->values + 1 ||
        !is_span(r->form->fields[r->values].value, at, len)) {
        r->differs = true;
        return -1;
    }
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    of(parser)->values++;
    return 0;
}

static bool same_framing(const llhttp_t *p, const rill_h1_form *f)
{
    switch (f->framing) {
    case RILL_H1_CHUNKED:
        return (p->flags & F_CHUNKED) != 0 && (p->flags & F_CONTENT_LENGTH) == 0;
    case RILL_H1_LENGTH:
        return (p->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) == 0 &&
               (p->flags & F_CONTENT_LENGTH) != 0 && p->content_length == f->length;
    case RILL_H1_TO_END:
        return llhttp_message_needs_eof(p) != 0;
    default:
        return f->to_head ||
               ((p->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) == 0 && p->content_length == 0);
    }
}

static int on_headers_complete(llhttp_t *parser)
{
    reading *r = of(parser);
    rill_h1_form *f = r->form;
    r->headers_complete = true;
    if (f != NULL && f->to_head)
        parser->flags |= F_SKIPBODY;
    if (f == NULL || r->names != f->count || r->values != f->count || parser->http_major != 1 ||
        parser->http_minor != f->minor || !same_framing(parser, f) ||
        (f->response && parser->status_code != f->status) ||
        (!f->response &&
         !rill_http_same(f->method, llhttp_method_name((llhttp_method_t)parser->method)))) {
        r->differs = true;
        return -1;
    }
    f->keep_alive = f->keep_alive && llhttp_should_keep_alive(parser) != 0;
    /* Whether another protocol follows is decided above: here the message has its end. */
    parser->upgrade = 0;
    return f->to_head ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    reading *r = of(parser);
    r->differs = r->differs || r->message == NULL;
    if (!r->differs && r->error == RILL_OK)
        r->error = rill_http_add_body(r->message, (const uint8_t *)at, len);
    return r->error == RILL_OK && !r->differs ? 0 : -1;
}

static int on_complete(llhttp_t *parser)
{
    of(parser)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

/* All of the bytes; false where it takes them for wrong, or for more than the message. */
static bool execute(reading *r, const uint8_t *data, size_t len)
{
    const char *from = (const char *)data;
    llhttp_errno_t e = llhttp_execute(&r->parser, from, len);
    if (e == HPE_PAUSED)
        return r->complete && llhttp_get_error_pos(&r->parser) == from + len;
    return e == HPE_OK && !r->complete;
}

static int head(rill_h1_state *s, rill_h1_form *f, const uint8_t *data, size_t len)
{
    reading *r = (reading *)(void *)s;
    memset(r, 0, sizeof *r);
    llhttp_init(&r->parser, f->response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    r->form = f;
    bool whole = execute(r, data, len);
    r->form = NULL;
    if (llhttp_get_errno(&r->parser) == HPE_INVALID_METHOD)
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

const rill_h1_engine rill_h1_llhttp = {head, body};

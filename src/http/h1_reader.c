/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_reader.h"

#include <assert.h>
#include <string.h>

void rill_h1_reader_init(rill_h1_reader *r, const rill_h1_engine *engine, rill_blocks *blocks,
                         const rill_http_limits *limits, bool response)
{
    *r = (rill_h1_reader){
        .engine = engine, .blocks = blocks, .limits = limits, .response = response};
}

void rill_h1_reader_clear(rill_h1_reader *r)
{
    rill_blocks_give(r->blocks, r->head);
    r->head = NULL;
}

bool rill_h1_reader_is_amid(const rill_h1_reader *r)
{
    return r->in_body || r->head_len != 0;
}

bool rill_h1_reader_has_head(const rill_h1_reader *r)
{
    return r->in_body;
}

static int refuse(rill_h1_reader *r, int error, unsigned status, const char *problem)
{
    r->refusal = status;
    r->problem = problem;
    return error;
}

static int disagree(rill_h1_reader *r)
{
    return refuse(r, RILL_ERR_MALFORMED, 400, "it can be understood in two ways");
}

/* RFC 9112 section 3.2: the path, also from a target with a scheme and a host before it. */
static int take_target(rill_http_message *m, const rill_h1_form *f)
{
    rill_bytes target = f->target;
    rill_bytes host = {0};
    const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2 && target.data[0] != '/'; i++) {
        size_t len = strlen(schemes[i]);
        if (target.len <= len || !rill_http_same_nocase((rill_bytes){target.data, len}, schemes[i]))
            continue;
        const uint8_t *rest = target.data + len;
        const uint8_t *slash = memchr(rest, '/', target.len - len);
        size_t host_len = slash == NULL ? target.len - len : (size_t)(slash - rest);
        host = (rill_bytes){rest, host_len};
        target = slash == NULL ? (rill_bytes){(const uint8_t *)"/", 1}
                               : (rill_bytes){slash, target.len - len - host_len};
        break;
    }
    if (target.data[0] != '/' && !rill_http_same(target, "*"))
        return RILL_ERR_MALFORMED;
    for (size_t i = 0; i < f->count && host.len == 0; i++)
        if (rill_http_same_nocase(f->fields[i].name, "host"))
            host = f->fields[i].value;
    int error = rill_http_add_text(m, target, &m->path);
    return error != RILL_OK ? error : rill_http_add_text(m, host, &m->authority);
}

static int fill(rill_http_message *m, const rill_h1_form *f)
{
    int error = RILL_OK;
    m->status = f->status;
    m->version = 10 + f->minor;
    if (!f->response) {
        error = rill_http_add_text(m, f->method, &m->method);
        if (error == RILL_OK)
            error = take_target(m, f);
    }
    for (size_t i = 0; error == RILL_OK && i < f->count; i++)
        error = rill_http_add_field(m, f->fields[i].name, f->fields[i].value);
    if (error == RILL_OK && f->framing == RILL_H1_LENGTH)
        error = rill_http_expect_body(m, f->length);
    return error;
}

/* As it came, for who reads what follows. */
static int fill_raw(rill_http_message *m, const rill_h1_form *f, const uint8_t *data, size_t len)
{
    return f->upgrade && f->framing == RILL_H1_NO_BODY ? rill_http_add_body(m, data, len) : RILL_OK;
}

static int take_head(rill_h1_reader *r, rill_http_message *m, const uint8_t *data, size_t len)
{
    rill_h1_form f;
    f.response = r->response;
    f.to_head = r->to_head;
    int error = rill_h1_form_read(&f, data, len);
    if (error != RILL_OK)
        return refuse(r, error, f.refusal, f.problem);
    error = r->engine->head(&r->state, &f, data, len);
    if (error == RILL_ERR_UNSUPPORTED)
        return refuse(r, error, 501, "the method is not known");
    if (error != RILL_OK)
        return disagree(r);
    error = fill(m, &f);
    if (error == RILL_OK && r->keep_raw)
        error = fill_raw(m, &f, data, len);
    if (error == RILL_ERR_TOO_LARGE)
        return m->too_large ? refuse(r, error, 413, "the body is too large")
                            : refuse(r, error, 431, "the header fields are too large");
    if (error != RILL_OK)
        return refuse(r, error, error == RILL_ERR_NOMEM ? 503 : 400, "the target is malformed");
    r->framing = f.framing;
    r->minor = f.minor;
    r->keep_alive = f.keep_alive;
    r->upgrade = f.upgrade;
    r->expect_continue = f.expect_continue;
    r->left = f.length;
    r->chunks = (rill_h1_chunks){0};
    r->in_body = f.framing != RILL_H1_NO_BODY;
    return r->in_body ? RILL_ERR_BLOCKED : RILL_OK;
}

/* Puts bytes behind the part of a head that has come. */
static int keep(rill_h1_reader *r, const uint8_t *data, size_t len)
{
    uint8_t *room = rill_blocks_resize(r->blocks, r->head, r->head_len + len);
    if (room == NULL)
        return refuse(r, RILL_ERR_NOMEM, 503, "out of memory");
    r->head = room;
    memcpy(r->head + r->head_len, data, len);
    r->head_len += len;
    return RILL_OK;
}

static void forget_head(rill_h1_reader *r)
{
    rill_blocks_give(r->blocks, r->head);
    r->head = NULL;
    r->head_len = 0;
    r->seen = 0;
}

/* A client may send one empty line too many after a body (RFC 9112 section 2.2). */
static size_t empty_line(const rill_h1_reader *r, const uint8_t *data, size_t len)
{
    return !r->response && len >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
}

static int feed_head(rill_h1_reader *r, rill_http_message *m, const uint8_t *data, size_t len,
                     size_t *used)
{
    size_t had = r->head_len;
    size_t end = 0;
    size_t most = r->limits->max_head - had + 1;
    size_t now = len < most ? len : most;
    const uint8_t *head = data;
    if (had != 0) {
        int error = keep(r, data, now);
        if (error != RILL_OK)
            return error;
        head = r->head;
    }
    int error = rill_h1_head_end(head, had + now, &r->seen, &end);
    if (error == RILL_ERR_MALFORMED)
        return refuse(r, error, 400, "a line does not end with CR LF");
    if (error == RILL_ERR_BLOCKED) {
        if (had + now > r->limits->max_head)
            return refuse(r, RILL_ERR_TOO_LARGE, 431, "the header fields are too large");
        *used = now;
        error = had != 0 ? RILL_OK : keep(r, data, now);
        return error != RILL_OK ? error : RILL_ERR_BLOCKED;
    }
    if (end > r->limits->max_head)
        return refuse(r, RILL_ERR_TOO_LARGE, 431, "the header fields are too large");
    *used = end - had;
    size_t skip = empty_line(r, head, end);
    error = end - skip < 4 ? refuse(r, RILL_ERR_MALFORMED, 400, "the request line is malformed")
                           : take_head(r, m, head + skip, end - skip);
    forget_head(r);
    return error;
}

/* How much of this belongs to the body, and whether it ends there, as the form says. */
static int measure(rill_h1_reader *r, const uint8_t *data, size_t len, size_t *part)
{
    if (r->framing == RILL_H1_CHUNKED)
        return rill_h1_chunks_read(&r->chunks, data, len, part);
    *part = len;
    if (r->framing == RILL_H1_TO_END)
        return RILL_ERR_BLOCKED;
    if (r->left <= len)
        *part = (size_t)r->left;
    r->left -= *part;
    return r->left == 0 ? RILL_OK : RILL_ERR_BLOCKED;
}

static int feed_body(rill_h1_reader *r, rill_http_message *m, const uint8_t *data, size_t len,
                     size_t *used)
{
    size_t part = 0;
    bool complete = false;
    int state = measure(r, data, len, &part);
    if (state == RILL_ERR_MALFORMED)
        return refuse(r, state, 400, "a chunk is malformed");
    if (r->chunks.total > r->limits->max_body)
        return refuse(r, RILL_ERR_TOO_LARGE, 413, "the body is too large");
    int error = r->engine->body(&r->state, m, data, part, &complete);
    if (error == RILL_ERR_TOO_LARGE)
        return refuse(r, error, 413, "the body is too large");
    if (error == RILL_ERR_NOMEM)
        return refuse(r, error, 503, "out of memory");
    if (error != RILL_OK || complete != (state == RILL_OK) ||
        (complete && r->framing == RILL_H1_CHUNKED && m->body_len != r->chunks.total))
        return disagree(r);
    *used = part;
    r->in_body = !complete;
    return state;
}

int rill_h1_reader_feed(rill_h1_reader *r, rill_http_message *m, const uint8_t *data, size_t len,
                        size_t *used)
{
    int state = RILL_ERR_BLOCKED;
    *used = 0;
    while (*used < len && state == RILL_ERR_BLOCKED) {
        size_t now = 0;
        if (r->in_body)
            state = feed_body(r, m, data + *used, len - *used, &now);
        else
            state = feed_head(r, m, data + *used, len - *used, &now);
        *used += now;
    }
    return state;
}

int rill_h1_reader_end(rill_h1_reader *r)
{
    if (r->in_body && r->framing == RILL_H1_TO_END) {
        r->in_body = false;
        return RILL_OK;
    }
    return RILL_ERR_TRUNCATED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A client's end in HTTP/1.1. */
#include <string.h>

#include "http/client_impl.h"

static size_t room(const rill_http_client *c)
{
    return c->h1.closed || c->h1.current != NULL ? 0 : 1;
}

static int request(rill_http_client *c, rill_http_exchange *x, const rill_http_request *r)
{
    enum { WORDS = 96 };
    rill_h1_client *h = &c->h1;
    size_t size = r->method.len + r->path.len + r->authority.len + r->body.len + WORDS +
                  rill_http_fields_size(r->fields, r->field_count);
    int error = rill_http_output_reserve(&h->out, size);
    if (error != RILL_OK)
        return error;
    h->to_head = rill_http_same(r->method, "HEAD");
    rill_http_put(&h->out, r->method.data, r->method.len);
    rill_http_put_text(&h->out, " ");
    rill_http_put(&h->out, r->path.data, r->path.len);
    rill_http_put_text(&h->out, " HTTP/1.1\r\nhost: ");
    rill_http_put(&h->out, r->authority.data, r->authority.len);
    rill_http_put_text(&h->out, "\r\n");
    rill_http_put_fields(&h->out, r->fields, r->field_count);
    if (r->body.len != 0 || rill_http_same(r->method, "POST")) {
        rill_http_put_text(&h->out, "content-length: ");
        rill_http_put_number(&h->out, r->body.len);
        rill_http_put_text(&h->out, "\r\n");
    }
    rill_http_put_text(&h->out, "\r\n");
    rill_http_put(&h->out, r->body.data, r->body.len);
    h->current = x;
    return RILL_OK;
}

/* What is open is no more. */
static rill_http_exchange *take_current(rill_http_client *c)
{
    rill_http_exchange *x = c->h1.current;
    c->h1.current = NULL;
    return x;
}

static void cancel(rill_http_client *c, rill_http_exchange *x)
{
    x->doomed = true;
    /* Nothing of it left: then it never was. */
    if (!x->begun)
        rill_http_output_clear(&c->h1.out);
    c->h1.closed = true;
    if (take_current(c) != NULL)
        rill_http_table_close(&c->table, x);
}

static void stop(rill_http_client *c, int error, bool sent)
{
    rill_http_exchange *x = take_current(c);
    c->h1.closed = true;
    if (x == NULL)
        return;
    rill_http_client_fail(c, x, error, sent);
    rill_http_table_close(&c->table, x);
}

/* "timeout=5" of Keep-Alive: for how long the server leaves an idle connection open. */
static uint32_t idle_of(const rill_http_message *m)
{
    static const char word[] = "timeout=";
    enum { MAX_SECONDS = 1000000 };
    rill_bytes value;
    if (rill_http_find(m, "keep-alive", &value) != RILL_OK)
        return UINT32_MAX;
    for (size_t at = 0; at + strlen(word) <= value.len; at++) {
        if (memcmp(value.data + at, word, strlen(word)) != 0)
            continue;
        uint32_t seconds = 0;
        for (at += strlen(word); at < value.len && value.data[at] >= '0' && value.data[at] <= '9';
             at++)
            if (seconds < MAX_SECONDS)
                seconds = seconds * 10 + (uint32_t)(value.data[at] - '0');
        return seconds < MAX_SECONDS ? seconds * 1000 : UINT32_MAX;
    }
    return UINT32_MAX;
}

static void take_response(rill_http_client *c, bool keep_alive)
{
    rill_h1_client *h = &c->h1;
    rill_http_exchange *x = h->current;
    uint32_t idle = idle_of(&x->in);
    if (idle != UINT32_MAX)
        c->idle_ms = idle;
    if (!keep_alive || c->draining || !x->begun)
        h->closed = true;
    h->current = NULL;
    rill_http_client_succeed(c, x);
    rill_http_table_close(&c->table, x);
}

static int misread(rill_http_client *c, int error)
{
    c->problem = c->h1.reader.problem;
    stop(c, error, true);
    return error == RILL_ERR_NOMEM ? error : RILL_ERR_CLOSED;
}

static int feed(rill_http_client *c, const uint8_t *data, size_t len)
{
    rill_h1_client *h = &c->h1;
    while (len != 0 && !h->closed) {
        size_t used = 0;
        if (h->current == NULL) {
            /* Nobody asked: the server says why it closes the connection, or is confused. */
            h->closed = true;
            break;
        }
        h->reader.to_head = h->to_head;
        int error = rill_h1_reader_feed(&h->reader, &h->current->in, data, len, &used);
        data += used;
        len -= used;
        if (error == RILL_ERR_BLOCKED)
            continue;
        if (error != RILL_OK)
            return misread(c, error);
        if (h->current->in.status == 101) {
            h->reader.problem = "switches to a protocol that nobody asked for";
            return misread(c, RILL_ERR_PROTOCOL);
        }
        if (h->current->in.status < 200)
            rill_http_message_clear(&h->current->in);
        else
            take_response(c, h->reader.keep_alive);
    }
    return h->closed ? RILL_ERR_CLOSED : RILL_OK;
}

static int output(rill_http_client *c, rill_bytes *out)
{
    rill_h1_client *h = &c->h1;
    *out = rill_http_output_take(&h->out);
    if (out->len != 0 && h->current != NULL && !h->current->begun) {
        h->current->begun = true;
        h->current->begins = h->output;
    }
    h->output += out->len;
    return RILL_OK;
}

static void end(rill_http_client *c)
{
    rill_h1_client *h = &c->h1;
    if (h->current != NULL && rill_h1_reader_end(&h->reader) == RILL_OK)
        take_response(c, false);
    /* Whether what was asked had arrived is for `lost` to say. */
    h->closed = true;
}

static bool is_done(const rill_http_client *c)
{
    return c->h1.closed;
}

static void drain(rill_http_client *c)
{
    if (c->h1.current == NULL)
        c->h1.closed = true;
}

static void free_h1(rill_http_client *c)
{
    rill_h1_reader_clear(&c->h1.reader);
    rill_http_output_clear(&c->h1.out);
}

void rill_h1_client_begin(rill_http_client *c)
{
    static const rill_http_client_ops ops = {room, request, cancel, feed,   output,
                                             end,  is_done, drain,  free_h1};
    c->ops = &ops;
    c->h1 = (rill_h1_client){0};
    rill_h1_reader_init(&c->h1.reader, &rill_h1_llhttp, c->blocks, c->limits, true);
    rill_http_output_init(&c->h1.out, c->blocks);
}

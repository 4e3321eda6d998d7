/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "link/link_impl.h"
#include "link/pool.h"
#include "link/scheme.h"

void rill_link_options_init_sized(rill_link_options *o, size_t size)
{
    const rill_link_options defaults = {
        .connect_timeout_ns = 10 * RILL_SECOND,
        .reconnect = true,
        .verify = true,
        .connections = 1,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* Those that a link calls without looking. */
static bool complete(const rill_link_handlers *h)
{
    return h->up != NULL && h->down != NULL && h->prepare != NULL && h->reply != NULL &&
           h->unanswered != NULL && h->writable != NULL && h->closed != NULL;
}

int rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                   const rill_link_options *given_options, const rill_link_handlers *given_handlers,
                   void *user, const char **problem)
{
    rill_link_options options;
    rill_link_handlers handlers = {.size = sizeof(rill_link_handlers), 0};
    const char *ignored;
    if (problem == NULL)
        problem = &ignored;
    *problem = NULL;
    rill_link_options_init(&options);
    int err = given_options ? rill_sized_take(&options, sizeof options, given_options) : RILL_OK;
    if (err == RILL_OK)
        err = rill_sized_take(&handlers, sizeof handlers, given_handlers);
    if (err != RILL_OK) {
        *problem = rill_options_problem(err);
        return err;
    }
    if (strstr(uri, "://") == NULL) {
        *problem = "it does not begin with a scheme, such as btp+ws://";
        return RILL_ERR_URI;
    }
    const rill_scheme *scheme = rill_scheme_of(rill_schemes, uri);
    if (scheme == NULL) {
        *problem = "its scheme is not btp+ws, btp+wss, ilp+http or ilp+https";
        return RILL_ERR_UNSUPPORTED;
    }
    if (!complete(&handlers)) {
        *problem = "a handler of the link is missing";
        return RILL_ERR_INVALID;
    }
    if ((options.cert_file == NULL) != (options.key_file == NULL)) {
        *problem = "a certificate and its key belong together";
        return RILL_ERR_INVALID;
    }
    if (options.connections == 0 || options.connections > RILL_LINK_POOL_MAX) {
        *problem = "a link has 1 to 16 connections";
        return RILL_ERR_INVALID;
    }
    if (options.connections > 1)
        return rill_link_pool_open(out, loop, scheme, uri, options.connections, &options, &handlers,
                                   user, problem);
    return scheme->open(out, loop, uri, &options, &handlers, user, problem);
}

bool rill_link_is_up(const rill_link *l)
{
    return l->ops->is_up(l);
}

void rill_waiting_set(rill_waiting *out, rill_wait reason, const char *more)
{
    bool any = more != NULL && *more != '\0';
    out->reason = reason;
    snprintf(out->text, sizeof out->text, "%s%s%s", rill_wait_text(reason), any ? ": " : "",
             any ? more : "");
}

void rill_link_get_waiting_sized(const rill_link *l, rill_waiting *out, size_t size)
{
    rill_waiting waiting = {.until_ns = RILL_NEVER};
    rill_waiting_set(&waiting, RILL_WAIT_NOTHING, NULL);
    if (l->ops->waiting != NULL)
        l->ops->waiting(l, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

int rill_link_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    return l->ops->send(l, outgoing_id, packet, len);
}

int rill_link_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    return l->ops->reply(l, request, packet, len);
}

/* ---- messages ---- */

static bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* A packet is not sent as a message, nor what could be taken for one. */
static bool parts_valid(const rill_message *m)
{
    static const rill_bytes ilp = {(const uint8_t *)"ilp", 3};
    if (m->count > RILL_MAX_MESSAGE_PARTS)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        rill_bytes name = m->parts[i].protocol;
        if (name.len == 0 || name.len > UINT8_MAX || same(name, ilp))
            return false;
        for (size_t k = 0; k < i; k++)
            if (same(name, m->parts[k].protocol))
                return false;
    }
    return true;
}

int rill_link_send_message(rill_link *l, uint64_t outgoing_id, const rill_message *message)
{
    if (!parts_valid(message) || (message->count == 0 && !message->transfer) ||
        (message->amount != 0 && !message->transfer))
        return RILL_ERR_INVALID;
    if (l->ops->send_message == NULL)
        return RILL_ERR_UNSUPPORTED;
    return l->ops->send_message(l, outgoing_id, message);
}

int rill_link_reply_message(rill_link *l, uint64_t request, const rill_message *reply)
{
    static const rill_message nothing = {.count = 0};
    if (reply == NULL)
        reply = &nothing;
    if (!parts_valid(reply) || reply->transfer)
        return RILL_ERR_INVALID;
    assert(l->ops->reply_message != NULL); /* it has given us one */
    return l->ops->reply_message(l, request, reply, NULL);
}

int rill_link_refuse_message(rill_link *l, uint64_t request, const char *why)
{
    assert(l->ops->reply_message != NULL && why != NULL);
    return l->ops->reply_message(l, request, NULL, why);
}

void rill_link_close(rill_link *l)
{
    l->ops->close(l);
}

void rill_link_set_user(rill_link *l, void *user)
{
    l->user = user;
}

void *rill_link_user(const rill_link *l)
{
    return l->user;
}

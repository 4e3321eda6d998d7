/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "link/link_impl.h"

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

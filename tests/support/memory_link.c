/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_link.h"

#include <cmocka.h>
#include <rill/net.h>

memory_links memory;

void memory_post(fake_link *l, note_type type, uint64_t id, int error, const uint8_t *packet,
                 size_t len)
{
    note *n = malloc(sizeof *n + len);
    assert_non_null(n);
    *n = (note){.type = type, .id = id, .error = error, .len = len};
    if (len)
        memcpy(n->packet, packet, len);
    *l->last = n;
    l->last = &n->next;
    rill_loop_defer(l->link.loop, &l->task);
}

static void give(fake_link *l, const note *n)
{
    const rill_link_handlers *on = &l->link.on;
    void *user = l->link.user;
    switch (n->type) {
    case UP:
        l->up = true;
        on->up(&l->link, user);
        break;
    case PREPARE:
        on->prepare(&l->link, n->id, n->packet, n->len, user);
        break;
    case REPLY:
        on->reply(&l->link, n->id, n->packet, n->len, user);
        break;
    case UNANSWERED:
        on->unanswered(&l->link, n->id, n->error, true, user);
        break;
    case WRITABLE:
        l->room = memory.room;
        on->writable(&l->link, user);
        break;
    case DOWN:
        l->up = false;
        on->down(&l->link, n->error, "it was cut", n->id != 0, user);
        break;
    case CLOSED:
        on->closed(&l->link, user);
        break;
    }
}

static void on_task(rill_task *task)
{
    fake_link *l = RILL_CONTAINER(task, fake_link, task);
    bool closed = false;
    while (l->first) {
        note *n = l->first;
        l->first = n->next;
        if (!l->first)
            l->last = &l->first;
        closed = n->type == CLOSED;
        /* Like any link: after its close it reports nothing but its end. */
        if (closed || !l->closing)
            give(l, n);
        free(n);
    }
    if (!closed)
        return;
    if (l->other)
        l->other->other = NULL;
    memory.links[l == memory.links[1]] = NULL;
    free(l);
}

static bool fake_is_up(const rill_link *l)
{
    return ((const fake_link *)l)->up;
}

static void answer_ildcp(fake_link *l, uint64_t outgoing_id)
{
    uint8_t packet[256];
    size_t len;
    const char *address = l == memory.links[0] ? "test.node.server" : "test.node.client";
    rill_ildcp_info info = {
        {(const uint8_t *)address, strlen(address)}, 9, {(const uint8_t *)"XRP", 3}};
    assert_int_equal(rill_ildcp_response_encode(&info, packet, sizeof packet, &len), RILL_OK);
    memory_post(l, REPLY, outgoing_id, 0, packet, len);
}

static int fake_send(rill_link *link, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    fake_link *l = (fake_link *)link;
    rill_prepare prepare;
    if (!l->up)
        return RILL_ERR_NOT_CONNECTED;
    assert_int_equal(rill_prepare_decode(&prepare, packet, len), RILL_OK);
    if (rill_ildcp_is_request(&prepare)) {
        if (memory.answer_account)
            answer_ildcp(l, outgoing_id);
        return RILL_OK;
    }
    if (l->room == 0) {
        memory_post(l, WRITABLE, 0, 0, NULL, 0);
        return RILL_ERR_BLOCKED;
    }
    l->room--;
    memory.sent_by_client += l == memory.links[1];
    if (!l->other || !l->other->up) {
        memory_post(l, UNANSWERED, outgoing_id, RILL_ERR_NOT_CONNECTED, NULL, 0);
        return RILL_OK;
    }
    uint64_t request = l->other->next_request++;
    l->other->ids[request % 4096] = outgoing_id;
    memory_post(l->other, PREPARE, request, 0, packet, len);
    return RILL_OK;
}

static int fake_reply(rill_link *link, uint64_t request, const uint8_t *packet, size_t len)
{
    fake_link *l = (fake_link *)link;
    if (!l->up)
        return RILL_ERR_NOT_CONNECTED;
    rill_reject reject;
    if (l == memory.links[0] && rill_reject_decode(&reject, packet, len) == RILL_OK)
        memory.busy += rill_ilp_code_find(reject.code) == RILL_ILP_T02_PEER_BUSY;
    if (l->other)
        memory_post(l->other, REPLY, l->ids[request % 4096], 0, packet, len);
    return RILL_OK;
}

static void fake_close(rill_link *link)
{
    fake_link *l = (fake_link *)link;
    l->closing = true;
    l->up = false;
    memory_post(l, CLOSED, 0, 0, NULL, 0);
}

static const rill_link_ops ops = {
    .is_up = fake_is_up, .send = fake_send, .reply = fake_reply, .close = fake_close};

/*
 * Replaces the function of src/link/link.c: the first link is the server's, the second the
 * client's.
 */
int __wrap_rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                          const rill_link_options *options, const rill_link_handlers *handlers,
                          void *user, const char **problem);
int __wrap_rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                          const rill_link_options *options, const rill_link_handlers *handlers,
                          void *user, const char **problem)
{
    (void)options;
    (void)problem;
    (void)uri;
    fake_link *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->link = (rill_link){.ops = &ops, .loop = loop, .on = *handlers, .user = user};
    l->last = &l->first;
    l->room = memory.room;
    rill_task_init(&l->task, on_task);
    memory.links[memory.opened++ % 2] = l;
    if (memory.links[0] && memory.links[1]) {
        memory.links[0]->other = memory.links[1];
        memory.links[1]->other = memory.links[0];
    }
    memory_post(l, UP, 0, 0, NULL, 0);
    *out = &l->link;
    return RILL_OK;
}

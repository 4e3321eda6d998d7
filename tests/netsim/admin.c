/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' port of a node. Its names are those of its own header, so it is a file alone. */
#include "admin.h"

#include <stdio.h>
#include <string.h>

#include "connector/admin_api.h"

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static const rill_overlay *on_overlay(void *user)
{
    const net_admin_owner *owner = user;
    return owner->overlay;
}

static int on_change(void *user, const rill_admin_change *change, json_t *changes, json_t *problems,
                     uint64_t *group)
{
    const net_admin_owner *owner = user;
    (void)changes;
    (void)problems;
    return owner->change(owner->user, change->kind, change->name, change->value, group);
}

unsigned net_admin_ask(rill_core *core, const net_admin_owner *owner, const net_admin_question *q,
                       char *out, size_t cap, uint64_t *group)
{
    net_admin_owner who = *owner;
    const rill_admin_control control = {.overlay = on_overlay, .change = on_change, .user = &who};
    const rill_admin_request request = {
        .method = text(q->method),
        .path = text(q->path),
        .body = text(q->body),
        .scopes = RILL_SCOPES_ALL,
        .person = q->person,
    };
    rill_admin_answer answer = {.status = 0};
    rill_admin_ask(core, owner->change == NULL ? NULL : &control, &request, &answer);
    snprintf(out, cap, "%s", answer.body == NULL ? "" : answer.body);
    *group = answer.group;
    unsigned status = answer.status;
    rill_admin_free(&answer);
    return status;
}

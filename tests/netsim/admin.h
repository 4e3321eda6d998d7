/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ADMIN_H
#define NET_ADMIN_H

#include "connector/core.h"

/* What somebody asks of a node by its operators' port. */
typedef struct net_admin_question {
    const char *method;
    const char *path;
    const char *person; /* who asks */
    const char *body;
} net_admin_question;

/* Who runs the node, for what operators add and take out; all NULL: nobody does. */
typedef struct net_admin_owner {
    const rill_overlay *overlay;
    /* As rill_admin_control.change; value NULL: it is taken out. */
    int (*change)(void *user, const char *kind, const char *name, const char *value,
                  uint64_t *group);
    void *user;
} net_admin_owner;

/* The status, and the body in out. *group: when it is kept; 0: it is. */
unsigned net_admin_ask(rill_core *core, const net_admin_owner *owner, const net_admin_question *q,
                       char *out, size_t cap, uint64_t *group);

#endif

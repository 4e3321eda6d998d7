/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are given later: once the books are kept up to a group, or somebody else has
 * answered. Each is on its connection, so that it ends with it, and in a line of its owner's. It is
 * taken from both before it is answered: an answer that cannot be made ends the connection, and all
 * that waits there.
 */
#ifndef RILL_WEB_WAITING_H
#define RILL_WEB_WAITING_H

#include "web/web.h"

/* The first member of what its owner remembers. */
typedef struct rill_web_waiting {
    rill_list of_connection; /* rill_web_connection.requests */
    rill_list of_line;
    rill_web_connection *connection;
    uint64_t handle;
    uint64_t order;
} rill_web_waiting;

/*
 * Begins to wait, in a line by order: behind those of the same. line NULL: in none. What is shown
 * again may have to wait for less than who came before.
 */
void rill_web_wait(rill_web_waiting *w, rill_web_connection *c, uint64_t handle, rill_list *line,
                   uint64_t order);
/* It waits no more. */
void rill_web_stop_waiting(rill_web_waiting *w);
/* The first of a line, if it waits for no more than this. NULL: none does. */
rill_web_waiting *rill_web_first_waiting(const rill_list *line, uint64_t order);
/* What waits to answer this request. NULL: nothing does. */
rill_web_waiting *rill_web_find_waiting(const rill_web_connection *c, uint64_t handle);
/* Any that waits on a connection. NULL: nothing does. */
rill_web_waiting *rill_web_any_waiting(const rill_web_connection *c);
/*
 * For `gone` and `over` of an owner who has nothing else in rill_web_connection.requests: what
 * waits to answer this request, or all of them, ends. end: takes it from both lists, and frees it.
 */
void rill_web_end_waiting(const rill_web_connection *c, uint64_t handle,
                          void (*end)(rill_web_waiting *w));
void rill_web_end_all_waiting(const rill_web_connection *c, void (*end)(rill_web_waiting *w));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "web/waiting.h"

static rill_web_waiting *on_connection(const rill_list *node)
{
    return RILL_CONTAINER(node, rill_web_waiting, of_connection);
}

static rill_web_waiting *in_line(const rill_list *node)
{
    return RILL_CONTAINER(node, rill_web_waiting, of_line);
}

void rill_web_wait(rill_web_waiting *w, rill_web_connection *c, uint64_t handle, rill_list *line,
                   uint64_t order)
{
    w->connection = c;
    w->handle = handle;
    w->order = order;
    rill_list_init(&w->of_line);
    rill_list_push_back(&c->requests, &w->of_connection);
    if (line == NULL)
        return;
    rill_list *before = line->prev;
    while (before != line && in_line(before)->order > order)
        before = before->prev;
    rill_list_push_back(before->next, &w->of_line);
}

void rill_web_stop_waiting(rill_web_waiting *w)
{
    rill_list_remove(&w->of_connection);
    if (rill_list_linked(&w->of_line))
        rill_list_remove(&w->of_line);
}

rill_web_waiting *rill_web_first_waiting(const rill_list *line, uint64_t order)
{
    if (rill_list_empty(line) || in_line(line->next)->order > order)
        return NULL;
    return in_line(line->next);
}

rill_web_waiting *rill_web_find_waiting(const rill_web_connection *c, uint64_t handle)
{
    for (const rill_list *n = c->requests.next; n != &c->requests; n = n->next) {
        if (on_connection(n)->handle == handle)
            return on_connection(n);
    }
    return NULL;
}

rill_web_waiting *rill_web_any_waiting(const rill_web_connection *c)
{
    return rill_list_empty(&c->requests) ? NULL : on_connection(c->requests.next);
}

void rill_web_end_waiting(const rill_web_connection *c, uint64_t handle,
                          void (*end)(rill_web_waiting *w))
{
    rill_web_waiting *w = rill_web_find_waiting(c, handle);
    if (w != NULL)
        end(w);
}

void rill_web_end_all_waiting(const rill_web_connection *c, void (*end)(rill_web_waiting *w))
{
    rill_web_waiting *w;
    while ((w = rill_web_any_waiting(c)) != NULL)
        end(w);
}

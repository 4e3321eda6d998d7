/* SPDX-License-Identifier: Apache-2.0 */
/* Doubly linked lists whose nodes are inside the objects: a ring that goes through a head. */
#ifndef RILL_BASE_LIST_H
#define RILL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct rill_list {
    struct rill_list *next;
    struct rill_list *prev;
} rill_list;

#define RILL_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void rill_list_init(rill_list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool rill_list_empty(const rill_list *l)
{
    return l->next == l;
}

/* A node made by rill_list_init is in a list if it does not point at itself. */
static inline bool rill_list_linked(const rill_list *node)
{
    return node->next != node;
}

static inline void rill_list_push_back(rill_list *head, rill_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void rill_list_push_front(rill_list *head, rill_list *node)
{
    rill_list_push_back(head->next, node);
}

static inline void rill_list_remove(rill_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    rill_list_init(node);
}

static inline rill_list *rill_list_pop_front(rill_list *head)
{
    if (rill_list_empty(head))
        return NULL;
    rill_list *node = head->next;
    rill_list_remove(node);
    return node;
}

#endif

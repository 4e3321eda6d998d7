/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/overlay.h"

#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

void rill_overlay_init(rill_overlay *o, const rill_allocator *allocator)
{
    *o = (rill_overlay){.allocator = allocator};
}

void rill_overlay_set(const rill_overlay *o, rill_overlay_item *item, char *value)
{
    if (item->is_read)
        rill_yaml_clear(&item->tree);
    item->is_read = false;
    rill_free(o->allocator, item->value);
    item->value = value;
}

int rill_overlay_read(const rill_overlay *o, rill_overlay_item *item)
{
    rill_yaml_problem problem;
    if (item->is_read)
        return RILL_OK;
    int rc = rill_yaml_read(&item->tree, o->allocator, item->value, strlen(item->value), &problem);
    item->is_read = rc == RILL_OK;
    if (rc == RILL_OK)
        rill_yaml_fit(&item->tree);
    else
        rill_yaml_clear(&item->tree);
    return rc;
}

static void free_item(const rill_overlay *o, rill_overlay_item *item)
{
    rill_overlay_set(o, item, NULL);
    rill_free(o->allocator, item->name);
    rill_free(o->allocator, item);
}

void rill_overlay_clear(rill_overlay *o)
{
    while (o->first != NULL) {
        rill_overlay_item *item = o->first;
        o->first = item->next;
        free_item(o, item);
    }
    o->count = 0;
}

static bool is_it(const rill_overlay_item *item, const char *kind, const char *name)
{
    return strcmp(item->kind, kind) == 0 && strcmp(item->name, name) == 0;
}

rill_overlay_item *rill_overlay_find(const rill_overlay *o, const char *kind, const char *name)
{
    rill_overlay_item *item = o->first;
    while (item != NULL && !is_it(item, kind, name))
        item = item->next;
    return item;
}

static char *copy_of(const rill_overlay *o, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rill_alloc(o->allocator, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* In the order in which they came. */
static void append(rill_overlay *o, rill_overlay_item *item)
{
    rill_overlay_item **at = &o->first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = item;
    o->count++;
}

int rill_overlay_put(rill_overlay *o, const char *kind, const char *name, const char *value)
{
    rill_overlay_item *item = rill_overlay_find(o, kind, name);
    if (strlen(value) > RILL_OVERLAY_TEXT)
        return RILL_ERR_TOO_LARGE;
    if (item == NULL && o->count == RILL_OVERLAY_MAX)
        return RILL_ERR_LIMIT;
    char *copy = copy_of(o, value);
    if (copy == NULL)
        return RILL_ERR_NOMEM;
    if (item != NULL) {
        rill_overlay_set(o, item, copy);
        return RILL_OK;
    }
    item = rill_calloc(o->allocator, 1, sizeof *item);
    char *named = item == NULL ? NULL : copy_of(o, name);
    if (named == NULL) {
        rill_free(o->allocator, item);
        rill_free(o->allocator, copy);
        return RILL_ERR_NOMEM;
    }
    item->kind = strcmp(kind, RILL_SETTING_ROUTE) == 0      ? RILL_SETTING_ROUTE
                 : strcmp(kind, RILL_SETTING_PROPOSAL) == 0 ? RILL_SETTING_PROPOSAL
                 : strcmp(kind, RILL_SETTING_PEER) == 0     ? RILL_SETTING_PEER
                                                            : RILL_SETTING_ACCOUNT;
    item->name = named;
    item->value = copy;
    append(o, item);
    return RILL_OK;
}

void rill_overlay_remove(rill_overlay *o, const char *kind, const char *name)
{
    rill_overlay_item **at = &o->first;
    while (*at != NULL && !is_it(*at, kind, name))
        at = &(*at)->next;
    if (*at == NULL)
        return;
    rill_overlay_item *item = *at;
    *at = item->next;
    free_item(o, item);
    o->count--;
}

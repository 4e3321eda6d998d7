/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and routes that operators add while a node runs. They stand beside those of its
 * configuration, which counts where both speak of the same one; what does not fit to it is set
 * aside, and said to be.
 */
#ifndef RILL_CONNECTOR_OVERLAY_H
#define RILL_CONNECTOR_OVERLAY_H

#include <rill/types.h>

#include "connector/yaml_tree.h"

/* Of rill_store_setting. */
#define RILL_SETTING_ACCOUNT "account"
#define RILL_SETTING_ROUTE   "route"
/* In a list of its own: what one operator proposes, and another one confirms. */
#define RILL_SETTING_PROPOSAL "proposal"
/* In a list of its own: who has asked to be a peer, and waits for an operator. */
#define RILL_SETTING_PEER "peer"
/* Accounts and routes, together. */
#define RILL_OVERLAY_MAX     10000
#define RILL_OVERLAY_TEXT    4096 /* bytes of a value */
#define RILL_OVERLAY_TROUBLE 256

typedef struct rill_overlay_item {
    struct rill_overlay_item *next;
    const char *kind;    /* one of those above */
    char *name;          /* of an account; or a prefix, which may be empty */
    char *value;         /* an account as an object of JSON; of a route: the account's name */
    rill_yaml_tree tree; /* of value, once it was read */
    bool is_read;        /* it is there */
    bool gone;           /* it is about to be taken out */
    char trouble[RILL_OVERLAY_TROUBLE]; /* why it is set aside; empty: it is not */
} rill_overlay_item;

typedef struct rill_overlay {
    const rill_allocator *allocator;
    rill_overlay_item *first;
    size_t count;
} rill_overlay;

void rill_overlay_init(rill_overlay *o, const rill_allocator *allocator);
void rill_overlay_clear(rill_overlay *o);
/* NULL: there is none. */
rill_overlay_item *rill_overlay_find(const rill_overlay *o, const char *kind, const char *name);
/*
 * Adds one, or changes its value; texts are copied. RILL_ERR_NOMEM, RILL_ERR_LIMIT
 * (RILL_OVERLAY_MAX), RILL_ERR_TOO_LARGE (the value). Then all is as before.
 */
RILL_MUST_CHECK int rill_overlay_put(rill_overlay *o, const char *kind, const char *name,
                                     const char *value);
/*
 * The value of an account as a tree: read the first time, and kept, since all of them are read
 * again for each change. RILL_ERR_MALFORMED, RILL_ERR_NOMEM: as rill_yaml_read, without saying why.
 */
RILL_MUST_CHECK int rill_overlay_read(const rill_overlay *o, rill_overlay_item *item);
/* It has this value instead, which was allocated with its allocator, and is its own from now on. */
void rill_overlay_set(const rill_overlay *o, rill_overlay_item *item, char *value);
/* If it is there. */
void rill_overlay_remove(rill_overlay *o, const char *kind, const char *name);

#endif

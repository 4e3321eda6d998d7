/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration that is prepared or applied, for the files that do so. */
#ifndef RILL_CONNECTOR_CORE_CHANGE_H
#define RILL_CONNECTOR_CORE_CHANGE_H

#include "connector/core_impl.h"

typedef struct change_line {
    struct change_line *next;
    rill_holder_account *account; /* NULL: of the node */
    char text[RILL_ENTRY_TEXT_MAX + 1];
} change_line;

struct rill_core_change {
    rill_core *core;
    const rill_config *fresh;
    rill_arena arena;
    rill_tokens tokens;
    rill_rates rates;
    rill_holder_account **accounts; /* in the order of the new configuration */
    size_t count;
    size_t routes_added; /* of the new configuration, those that were looked at */
    bool default_added;
    change_line *first;
    change_line **last;
    bool no_memory; /* a line is missing */
};

/* core_told.c */

/* A line of what changes; a is NULL: of the node. One that is too long is cut. */
void rill_core_tell_change(rill_core_change *n, rill_holder_account *a, const char *format, ...)
    RILL_PRINTF(3, 4);
/* What is different of it. Its settlement is prepared already. */
void rill_core_tell_account(rill_core_change *n, rill_holder_account *a,
                            const rill_config_account *fresh);
/* The same of all that is of no account, but for routes. */
void rill_core_tell_node(rill_core_change *n);

#endif

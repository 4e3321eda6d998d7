/* SPDX-License-Identifier: Apache-2.0 */
/* What another configuration changes, in words: for the audit, and for whoever asked for it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "connector/config_shapes.h"
#include "connector/core_change.h"

/* ---- words ---- */

typedef struct words {
    rill_core_line *tell;
    void *user;
    char added[RILL_ENTRY_TEXT_MAX + 1]; /* what is not told yet of it */
    const char *next;                    /* before its next part */
} words;

static void on_difference(void *user, rill_difference kind, const char *path, const char *before,
                          const char *now)
{
    const words *w = user;
    char text[RILL_ENTRY_TEXT_MAX + 1];
    switch (kind) {
    case RILL_MORE:
        (void)snprintf(text, sizeof text, "%s %s added", path, now);
        break;
    case RILL_FEWER:
        (void)snprintf(text, sizeof text, "%s %s removed", path, before);
        break;
    case RILL_OTHER_SECRET:
        (void)snprintf(text, sizeof text, "%s: another one is there now", path);
        break;
    default:
        (void)snprintf(text, sizeof text, "%s %.88s, before %.88s", path, now, before);
        break;
    }
    w->tell(w->user, text);
}

/* In as many lines as it takes: no limit may be what is cut. */
static void on_part(void *user, rill_difference kind, const char *path, const char *before,
                    const char *now)
{
    words *w = user;
    char part[RILL_SHAPE_PATH + RILL_SHAPE_VALUE + 2];
    (void)kind;
    (void)before;
    (void)snprintf(part, sizeof part, "%s %s", path, now);
    size_t len = strlen(w->added);
    if (len + 2 + strlen(part) >= sizeof w->added) {
        w->tell(w->user, w->added);
        len = (size_t)snprintf(w->added, sizeof w->added, "added with");
        w->next = " ";
    }
    memcpy(w->added + len, w->next, strlen(w->next));
    memcpy(w->added + len + strlen(w->next), part, strlen(part) + 1);
    w->next = ", ";
}

int rill_core_say_added(const rill_allocator *allocator, rill_bytes now, rill_core_line *tell,
                        void *user)
{
    static const rill_bytes none = {NULL, 0};
    words w = {.tell = tell, .user = user, .added = "added", .next = ": "};
    int rc = rill_shape_compare(allocator, none, now, none, on_part, &w);
    tell(user, w.added);
    return rc;
}

int rill_core_say_differences(const rill_allocator *allocator, rill_bytes before, rill_bytes now,
                              rill_bytes defaults, rill_core_line *tell, void *user)
{
    words w = {.tell = tell, .user = user};
    return rill_shape_compare(allocator, before, now, defaults, on_difference, &w);
}

/* ---- lines of a change ---- */

void rill_core_tell_change(rill_core_change *n, rill_holder_account *a, const char *format, ...)
{
    change_line *line = rill_arena_alloc(&n->arena, sizeof *line);
    va_list args;
    if (line == NULL) {
        n->no_memory = true;
        return;
    }
    line->next = NULL;
    line->account = a;
    va_start(args, format);
    (void)vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
    *n->last = line;
    n->last = &line->next;
}

typedef struct telling {
    rill_core_change *change;
    rill_holder_account *account;
} telling;

static void on_line(void *user, const char *text)
{
    const telling *t = user;
    rill_core_tell_change(t->change, t->account, "%s", text);
}

static rill_bytes bytes_of(const rill_lines *l)
{
    return (rill_bytes){(const uint8_t *)l->text, l->len};
}

/* before NULL: it was not there. */
static void tell_shape(rill_core_change *n, rill_holder_account *a, const rill_shape *shape,
                       const void *before, const void *now, const char *const *skip)
{
    const rill_core_options *o = &n->core->options;
    const rill_lines none = {
        .allocator = o->allocator, .hash = rill_core_text_hash, .user = n->core};
    rill_lines old = none;
    rill_lines fresh = none;
    rill_lines usual = none;
    telling t = {n, a};
    rill_arena arena;
    rill_arena_init(&arena, o->allocator);
    const void *defaults = rill_shape_defaults(shape, &arena);
    int rc = defaults == NULL ? RILL_ERR_NOMEM : RILL_OK;
    if (rc == RILL_OK) {
        rill_shape_write(&fresh, shape, now, defaults, skip);
        if (before != NULL)
            rill_shape_write(&old, shape, before, defaults, skip);
        rill_shape_write(&usual, shape, defaults, NULL, skip);
        rc = before == NULL
                 ? rill_core_say_added(o->allocator, bytes_of(&fresh), on_line, &t)
                 : rill_core_say_differences(o->allocator, bytes_of(&old), bytes_of(&fresh),
                                             bytes_of(&usual), on_line, &t);
    }
    n->no_memory =
        n->no_memory || rc != RILL_OK || old.no_memory || fresh.no_memory || usual.no_memory;
    rill_lines_clear(&old);
    rill_lines_clear(&fresh);
    rill_lines_clear(&usual);
    rill_arena_clear(&arena);
}

void rill_core_tell_account(rill_core_change *n, rill_holder_account *a,
                            const rill_config_account *fresh)
{
    const rill_config_account *old = a->config;
    if (a->fresh)
        tell_shape(n, a, &rill_config_account_shape, NULL, fresh, NULL);
    else if (!rill_shape_same(&rill_config_account_shape, old, fresh))
        tell_shape(n, a, &rill_config_account_shape, old, fresh, NULL);
    if (!a->fresh && old->settlement->engine != NULL && fresh->settlement->engine != NULL &&
        rill_config_same_text(old->settlement->token, fresh->settlement->token) &&
        a->settling != NULL &&
        !rill_config_same_text(a->settling->terms.token, a->settling->fresh.token))
        rill_core_tell_change(n, a, "settlement token: another one is there now");
}

/* Accounts are told one by one, and routes where they are changed. */
void rill_core_tell_node(rill_core_change *n)
{
    static const char *const skip[] = {"accounts", "routes", "default-route", NULL};
    tell_shape(n, NULL, &rill_config_shape, n->core->options.config, n->fresh, skip);
}

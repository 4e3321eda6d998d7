/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration together with what operators added while the node ran. */
#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "connector/config.h"

/* Places of what is not in the file have line 0, and the number of their item as column. */
typedef struct merge {
    rill_overlay *overlay;
    const char *own; /* this node's address; NULL: it is not known yet */
    rill_overlay_item **items;
    rill_config_account *accounts; /* by the number of their item */
    const char **prefixes;         /* the same of routes */
    const char **owners;
    size_t count;
    size_t *peers; /* of these items: those that have a route of their own */
    size_t peer_count;
    size_t troubles;
} merge;

static void trouble(merge *m, rill_overlay_item *item, const char *what)
{
    if (item->trouble[0] == '\0')
        m->troubles++;
    (void)snprintf(item->trouble, sizeof item->trouble, "%s", what);
}

/* What is wrong with an account's own text. */
typedef struct reading {
    merge *merge;
    rill_overlay_item *item;
} reading;

static void on_wrong_text(void *user, rill_place place, const char *problem)
{
    reading *r = user;
    (void)place;
    if (r->item->trouble[0] == '\0')
        trouble(r->merge, r->item, problem);
}

/* Of both; those of the file are told at the end, when nothing else is wrong. */
static void on_problem(void *user, rill_place place, const char *problem)
{
    merge *m = user;
    if (place.line == 0 && place.column > 0 && place.column <= m->count)
        trouble(m, m->items[place.column - 1], problem);
}

static void set_places(rill_config_account *a, rill_place place)
{
    rill_text *tokens = a->tokens.items;
    a->place = a->link->place = a->settlement->place = a->peered->place = place;
    for (size_t i = 0; i < a->tokens.count; i++)
        tokens[i].place = place;
}

static int read_account(merge *m, size_t index, rill_arena *arena)
{
    reading r = {m, m->items[index]};
    rill_config_account *a = &m->accounts[index];
    int rc = rill_overlay_read(m->overlay, r.item);
    if (rc == RILL_OK)
        rc = rill_config_take_account(a, arena, &r.item->tree, on_wrong_text, &r);
    else if (rc == RILL_ERR_MALFORMED) /* to be told why */
        rc = rill_config_parse_account(a, arena, r.item->value, on_wrong_text, &r);
    a->name = rill_arena_text(arena, r.item->name);
    if (a->name == NULL || rc == RILL_ERR_NOMEM)
        return RILL_ERR_NOMEM;
    set_places(a, (rill_place){0, (uint32_t)index + 1});
    return rc == RILL_ERR_MALFORMED ? RILL_OK : rc;
}

static bool has_account(const rill_config *c, const char *name)
{
    const rill_config_account *all = c->accounts.items;
    for (size_t i = 0; i < c->accounts.count; i++) {
        if (strcmp(all[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool has_route(const rill_config *c, const char *prefix)
{
    const rill_config_route *all = c->routes.items;
    for (size_t i = 0; i < c->routes.count; i++) {
        if (strcmp(all[i].prefix, prefix) == 0)
            return true;
    }
    return false;
}

static bool is_route(const rill_overlay_item *item)
{
    return strcmp(item->kind, RILL_SETTING_ROUTE) == 0;
}

static int read_route(merge *m, size_t index, rill_arena *arena)
{
    rill_overlay_item *item = m->items[index];
    m->prefixes[index] = rill_arena_text(arena, item->name);
    m->owners[index] = rill_arena_text(arena, item->value);
    if (m->prefixes[index] == NULL || m->owners[index] == NULL)
        return RILL_ERR_NOMEM;
    return RILL_OK;
}

/* The prefix that packets go to by this item; NULL: none. */
static const char *prefix_of(const merge *m, size_t index)
{
    return is_route(m->items[index]) ? m->prefixes[index] : m->accounts[index].peered->address;
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* What a peer said is his may be ours by now: this node has another address. */
static bool is_ours(const merge *m, const char *prefix)
{
    return m->own != NULL && rill_address_has_prefix(bytes_of(prefix), bytes_of(m->own));
}

/*
 * Is a route above the address of a peer? Then it had more of a say than the route, which leads to
 * somebody else: its prefix is longer. A route to everything, or to all of a network, says nothing
 * of who owns an address in it.
 */
static bool is_above(const char *route, const char *address)
{
    return strchr(route, '.') != NULL && strcmp(route, address) != 0 &&
           rill_address_has_prefix(bytes_of(address), bytes_of(route));
}

static bool has_route_above(const rill_config *file, const char *address)
{
    const rill_config_route *all = file->routes.items;
    for (size_t i = 0; i < file->routes.count; i++) {
        if (is_above(all[i].prefix, address))
            return true;
    }
    return false;
}

/*
 * Of two items with the same prefix the first one counts, as do routes of the file. No two routes
 * among them have the same one: a peer is one of the two.
 */
static void judge_prefix(merge *m, size_t index, const rill_config *file)
{
    const char *prefix = prefix_of(m, index);
    const bool peer = !is_route(m->items[index]);
    if (prefix == NULL)
        return;
    if (has_route(file, prefix))
        trouble(m, m->items[index], "the configuration has a route to this prefix");
    if (peer && has_route_above(file, prefix))
        trouble(m, m->items[index], "the configuration has a route above its address");
    if (peer && is_ours(m, prefix))
        trouble(m, m->items[index], "it is this node's address, or below it");
    for (size_t i = 0; i < (peer ? index : m->peer_count); i++) {
        const size_t before = peer ? i : m->peers[i];
        const char *other = prefix_of(m, before);
        if (other != NULL && strcmp(other, prefix) == 0 && m->items[before]->trouble[0] == '\0' &&
            !m->items[before]->gone)
            trouble(m, m->items[index], "another one has the route to this prefix");
    }
    if (peer)
        m->peers[m->peer_count++] = index;
}

/* What operators said since then counts as what the file says. */
static void judge_routes_above(merge *m)
{
    for (size_t k = 0; k < m->peer_count; k++) {
        rill_overlay_item *peer = m->items[m->peers[k]];
        const char *address = prefix_of(m, m->peers[k]);
        for (size_t i = 0; i < m->count && peer->trouble[0] == '\0'; i++) {
            const rill_overlay_item *item = m->items[i];
            if (is_route(item) && item->trouble[0] == '\0' && !item->gone &&
                is_above(m->prefixes[i], address))
                trouble(m, peer, "an operator has added a route above its address");
        }
    }
}

/* Reads them, and sets aside what the file has itself. */
static int read_items(merge *m, const rill_config *file, rill_arena *arena)
{
    size_t i = 0;
    int rc = RILL_OK;
    m->count = m->overlay->count;
    m->items = rill_arena_alloc(arena, (m->count + 1) * sizeof(rill_overlay_item *));
    m->accounts = rill_arena_alloc(arena, (m->count + 1) * sizeof *m->accounts);
    m->prefixes = rill_arena_alloc(arena, (m->count + 1) * sizeof(char *));
    m->owners = rill_arena_alloc(arena, (m->count + 1) * sizeof(char *));
    m->peers = rill_arena_alloc(arena, (m->count + 1) * sizeof *m->peers);
    if (m->items == NULL || m->accounts == NULL || m->prefixes == NULL || m->owners == NULL ||
        m->peers == NULL)
        return RILL_ERR_NOMEM;
    for (rill_overlay_item *item = m->overlay->first; item != NULL; item = item->next, i++) {
        m->items[i] = item;
        item->trouble[0] = '\0';
        rc = is_route(item) ? read_route(m, i, arena) : read_account(m, i, arena);
        if (rc != RILL_OK)
            return rc;
        if (!is_route(item) && has_account(file, item->name))
            trouble(m, item, "the configuration has an account of this name");
        judge_prefix(m, i, file);
    }
    judge_routes_above(m);
    return RILL_OK;
}

/* Appends what is not set aside. */
static int build(const merge *m, const rill_config *file, rill_arena *arena, rill_config *out)
{
    size_t accounts = file->accounts.count;
    size_t routes = file->routes.count;
    rill_config_account *a = rill_arena_alloc(arena, (accounts + m->count + 1) * sizeof *a);
    rill_config_route *r = rill_arena_alloc(arena, (routes + m->count + 1) * sizeof *r);
    if (a == NULL || r == NULL)
        return RILL_ERR_NOMEM;
    if (accounts > 0)
        memcpy(a, file->accounts.items, accounts * sizeof *a);
    if (routes > 0)
        memcpy(r, file->routes.items, routes * sizeof *r);
    for (size_t i = 0; i < m->count; i++) {
        const rill_overlay_item *item = m->items[i];
        const rill_place place = {0, (uint32_t)i + 1};
        if (item->trouble[0] != '\0' || item->gone)
            continue;
        if (is_route(item))
            r[routes++] = (rill_config_route){place, m->prefixes[i], m->owners[i]};
        else
            a[accounts++] = m->accounts[i];
        if (!is_route(item) && prefix_of(m, i) != NULL)
            r[routes++] = (rill_config_route){place, prefix_of(m, i), m->accounts[i].name};
    }
    *out = *file;
    out->accounts = (rill_items){a, accounts};
    out->routes = (rill_items){r, routes};
    return RILL_OK;
}

int rill_config_read_with(rill_config *out, rill_arena *arena, const char *text, size_t len,
                          const char *address, rill_overlay *overlay, rill_shape_report *report,
                          void *user)
{
    merge m = {.overlay = overlay};
    rill_config file;
    int rc = rill_config_parse(&file, arena, text, len, report, user);
    *out = file;
    if (rc != RILL_OK || overlay == NULL || overlay->first == NULL)
        return rc == RILL_OK ? rill_config_judge(out, arena, report, user) : rc;
    m.own = file.address != NULL ? file.address : address;
    /* What a node would not start with is no configuration, whatever operators have added. */
    rc = rill_config_judge(out, arena, report, user);
    if (rc == RILL_OK)
        rc = read_items(&m, &file, arena);
    /* What one of them is set aside for may leave another one without its account. */
    for (size_t before = SIZE_MAX; rc == RILL_OK && before != m.troubles;) {
        before = m.troubles;
        rc = build(&m, &file, arena, out);
        if (rc == RILL_OK)
            rc = rill_config_judge(out, arena, on_problem, &m);
        if (rc == RILL_ERR_MALFORMED)
            rc = RILL_OK;
    }
    return rc == RILL_OK ? rill_config_judge(out, arena, report, user) : rc;
}

int rill_config_read(rill_config *out, rill_arena *arena, const char *text, size_t len,
                     rill_shape_report *report, void *user)
{
    return rill_config_read_with(out, arena, text, len, NULL, NULL, report, user);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/rib.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/rib_log.h"
#include "node/routes.h"

static bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static rill_rib_entry *entry_of(rill_name *name)
{
    return RILL_CONTAINER(name, rill_rib_entry, name);
}

void rill_rib_init(rill_rib *r, const rill_rib_options *options)
{
    memset(r, 0, sizeof *r);
    r->options = *options;
    r->global = rill_address_segment_after(options->address, (rill_bytes){NULL, 0});
    rill_names_init(&r->names, options->allocator, options->key);
    rill_list_init(&r->dirty);
    rill_list_init(&r->sweeping);
}

void rill_via_init(rill_via *via, const char *name, rill_relation relation, rill_bytes address)
{
    memset(via, 0, sizeof *via);
    via->name = name;
    via->relation = relation;
    via->address = address;
    via->away = true;
    rill_list_init(&via->routes);
    rill_list_init(&via->sweeping);
}

/* ---- entries ---- */

static void mark(rill_rib *r, rill_rib_entry *e)
{
    if (!rill_list_linked(&e->dirty))
        rill_list_push_back(&r->dirty, &e->dirty);
}

/* A way of our own. NULL: no memory. */
static rill_rib_route *own_route(rill_rib *r, rill_rib_entry *e, rill_via *via,
                                 rill_route_kind kind)
{
    rill_rib_route *route = rill_calloc(r->options.allocator, 1, sizeof *route);
    if (route == NULL)
        return NULL;
    rill_list_init(&route->of_via);
    route->entry = e;
    route->via = via;
    route->kind = kind;
    route->serial = ++r->serial;
    route->next = e->routes;
    e->routes = route;
    return route;
}

/* Packets go by it already. */
static int add_given(rill_rib *r, rill_rib_entry *e, rill_bytes prefix)
{
    rill_via *via = r->options.given == NULL ? NULL : r->options.given(r->options.user, prefix);
    if (via != NULL && own_route(r, e, via, RILL_ROUTE_CHILD) == NULL)
        return RILL_ERR_NOMEM;
    e->applied = via;
    r->taken_over += via != NULL;
    return RILL_OK;
}

/* The entry of a prefix, new if there is none. RILL_ERR_LIMIT, RILL_ERR_NOMEM. */
static int entry_for(rill_rib *r, rill_bytes prefix, rill_rib_entry **out)
{
    rill_name *name = rill_names_find(&r->names, prefix);
    if (name != NULL) {
        *out = entry_of(name);
        return RILL_OK;
    }
    rill_rib_entry *e = rill_calloc(r->options.allocator, 1, sizeof *e + prefix.len + 1);
    if (e == NULL)
        return RILL_ERR_NOMEM;
    if (prefix.len > 0)
        memcpy(e->prefix, prefix.data, prefix.len);
    rill_list_init(&e->dirty);
    int rc = rill_names_put(&r->names, &e->name, (rill_bytes){e->prefix, prefix.len});
    if (rc != RILL_OK) {
        rill_free(r->options.allocator, e);
        return rc;
    }
    rc = add_given(r, e, prefix);
    if (rc != RILL_OK) {
        rill_names_remove(&r->names, &e->name);
        rill_free(r->options.allocator, e);
        return rc;
    }
    *out = e;
    return RILL_OK;
}

/* One that no way leads to, and that nobody has to be told of. */
static void free_if_done(rill_rib *r, rill_rib_entry *e)
{
    if (e->routes != NULL || e->applied != NULL || e->logged || rill_list_linked(&e->dirty))
        return;
    rill_names_remove(&r->names, &e->name);
    rill_free(r->options.allocator, e);
}

static void free_route(rill_rib *r, rill_rib_route *route)
{
    rill_rib_route **at = &route->entry->routes;
    while (*at != route)
        at = &(*at)->next;
    *at = route->next;
    if (route->entry->best == route)
        route->entry->best = NULL;
    if (route->kind == RILL_ROUTE_LEARNT) {
        rill_list_remove(&route->of_via);
        route->via->count--;
    }
    rill_free(r->options.allocator, route);
}

static rill_rib_route *find_route(const rill_rib_entry *e, const rill_via *via)
{
    rill_rib_route *route = e->routes;
    while (route != NULL && (route->via != via || route->kind != RILL_ROUTE_LEARNT))
        route = route->next;
    return route;
}

static void drop_learnt(rill_rib *r, rill_rib_route *route)
{
    if (r->options.learnt != NULL)
        r->options.learnt(r->options.user, route->via, rill_rib_prefix(route->entry), NULL);
    mark(r, route->entry);
    free_route(r, route);
}

void rill_rib_clear(rill_rib *r)
{
    size_t cursor = 0;
    for (rill_name *n; (n = rill_names_next(&r->names, &cursor)) != NULL;) {
        rill_rib_entry *e = entry_of(n);
        while (e->routes != NULL)
            free_route(r, e->routes);
        rill_names_remove(&r->names, n);
        rill_free(r->options.allocator, e);
    }
    rill_names_clear(&r->names);
    rill_free(r->options.allocator, r->log);
    r->log = NULL;
    r->log_count = 0;
}

/* ---- which is the best? ---- */

static int number_of(const rill_rib_route *route)
{
    if (route->kind != RILL_ROUTE_LEARNT)
        return 3;
    if (route->via->away)
        return 0;
    return route->via->relation == RILL_RELATION_CHILD ? 2 : 1;
}

static bool is_better(const rill_rib_route *a, const rill_rib_route *b)
{
    int x = number_of(a);
    int y = number_of(b);
    if (x != y)
        return x > y;
    if (x == 3)
        return a->kind > b->kind;
    size_t hops = rill_rib_words_of(a)->told.hops;
    size_t others = rill_rib_words_of(b)->told.hops;
    if (hops != others)
        return hops < others;
    bool up = a->via->relation == RILL_RELATION_PARENT;
    bool other_up = b->via->relation == RILL_RELATION_PARENT;
    if (up != other_up)
        return other_up;
    return strcmp(a->via->name, b->via->name) < 0;
}

static rill_rib_route *best_of(const rill_rib_entry *e)
{
    rill_rib_route *best = e->routes;
    for (rill_rib_route *at = e->routes; at != NULL; at = at->next) {
        if (is_better(at, best))
            best = at;
    }
    return best;
}

/*
 * Another way is there for what neighbours told who are away now. What they told is dropped: if the
 * other way goes, too, it may have gone by the very neighbour that is away, and two of us who each
 * take the other's way for that would never come to rest.
 */
static void give_up_others(rill_rib *r, rill_rib_entry *e, const rill_rib_route *best)
{
    if (best->kind != RILL_ROUTE_LEARNT || best->via->away)
        return;
    for (rill_rib_route *at = e->routes, *next; at != NULL; at = next) {
        next = at->next;
        if (at->kind == RILL_ROUTE_LEARNT && at->via->away) {
            at->via->given_up = true;
            drop_learnt(r, at);
        }
    }
}

/* ---- settling ---- */

/* RILL_ERR_NOMEM: it stays as it was. */
static int settle_one(rill_rib *r, rill_rib_entry *e)
{
    int rc = rill_rib_make_room(r);
    if (rc != RILL_OK)
        return rc;
    rill_rib_route *best = best_of(e);
    rill_via *via = best == NULL ? NULL : best->via;
    if (via != e->applied) {
        rc = r->options.apply(r->options.user, rill_rib_prefix(e), via);
        if (rc != RILL_OK)
            return rc;
        e->applied = via;
    }
    e->best = best;
    if (best != NULL)
        give_up_others(r, e, best);
    uint64_t serial = best == NULL ? 0 : best->serial;
    bool tell = best != NULL && rill_rib_may_be_told(r, e);
    if (serial != e->serial && (tell || (e->logged && e->told)))
        rill_rib_write_down(r, e, tell);
    e->serial = serial;
    return RILL_OK;
}

static void sweep_one(rill_rib *r, rill_via *via, rill_rib_route *route)
{
    if (via->purge && route->table != via->current) {
        drop_learnt(r, route);
        return;
    }
    route->wave = via->wave;
    rill_list_remove(&route->of_via);
    rill_list_push_back(&via->routes, &route->of_via);
    mark(r, route->entry);
}

static rill_rib_route *first_of(const rill_via *via)
{
    return rill_list_empty(&via->routes) ? NULL
                                         : RILL_CONTAINER(via->routes.next, rill_rib_route, of_via);
}

/* Those of one neighbour; returns how many there were. */
static size_t sweep(rill_rib *r, rill_via *via, size_t most)
{
    size_t done = 0;
    rill_rib_route *route;
    while (done < most && (route = first_of(via)) != NULL && route->wave != via->wave) {
        sweep_one(r, via, route);
        done++;
    }
    route = first_of(via);
    if (route == NULL || route->wave == via->wave) {
        rill_list_remove(&via->sweeping);
        via->purge = false;
    }
    return done + 1;
}

int rill_rib_settle(rill_rib *r, size_t most)
{
    size_t done = 0;
    while (done < most && !rill_list_empty(&r->sweeping))
        done += sweep(r, RILL_CONTAINER(r->sweeping.next, rill_via, sweeping), most - done);
    for (done = 0; done < most && !rill_list_empty(&r->dirty); done++) {
        rill_rib_entry *e = RILL_CONTAINER(r->dirty.next, rill_rib_entry, dirty);
        rill_list_remove(&e->dirty);
        int rc = settle_one(r, e);
        if (rc != RILL_OK) {
            mark(r, e);
            return rc;
        }
        free_if_done(r, e);
    }
    return rill_rib_is_settled(r) ? RILL_OK : RILL_ERR_LIMIT;
}

bool rill_rib_is_settled(const rill_rib *r)
{
    return rill_list_empty(&r->dirty) && rill_list_empty(&r->sweeping);
}

/* ---- ways that come and go ---- */

static size_t segments(rill_bytes prefix)
{
    size_t count = prefix.len > 0;
    for (size_t i = 0; i < prefix.len; i++)
        count += prefix.data[i] == '.';
    return count;
}

int rill_rib_add(rill_rib *r, rill_via *via, rill_route_kind kind, rill_bytes prefix)
{
    assert(kind != RILL_ROUTE_LEARNT);
    rill_rib_entry *e = NULL;
    if (!rill_address_prefix_valid(prefix))
        return RILL_ERR_ADDRESS;
    if (segments(prefix) > RILL_ROUTE_MAX_SEGMENTS)
        return RILL_ERR_LIMIT;
    int rc = entry_for(r, prefix, &e);
    if (rc != RILL_OK)
        return rc;
    for (const rill_rib_route *at = e->routes; at != NULL; at = at->next) {
        if (at->kind != RILL_ROUTE_LEARNT)
            return RILL_ERR_EXISTS;
    }
    if (own_route(r, e, via, kind) == NULL) {
        free_if_done(r, e);
        return RILL_ERR_NOMEM;
    }
    mark(r, e);
    return RILL_OK;
}

/* A way of our own to a prefix; NULL: there is none of this kind. */
static rill_rib_route *own_of(const rill_rib *r, rill_route_kind kind, rill_bytes prefix)
{
    assert(kind != RILL_ROUTE_LEARNT);
    rill_name *name = rill_names_find(&r->names, prefix);
    rill_rib_route *at = name == NULL ? NULL : entry_of(name)->routes;
    while (at != NULL && at->kind != kind)
        at = at->next;
    return at;
}

int rill_rib_move(rill_rib *r, rill_via *via, rill_route_kind kind, rill_bytes prefix)
{
    rill_rib_route *route = own_of(r, kind, prefix);
    if (route == NULL)
        return RILL_ERR_NOT_FOUND;
    route->via = via;
    route->serial = ++r->serial;
    mark(r, route->entry);
    return RILL_OK;
}

int rill_rib_remove(rill_rib *r, rill_route_kind kind, rill_bytes prefix)
{
    rill_rib_route *route = own_of(r, kind, prefix);
    if (route == NULL)
        return RILL_ERR_NOT_FOUND;
    mark(r, route->entry);
    free_route(r, route);
    return RILL_OK;
}

static bool goes_by_us(const rill_rib *r, const rill_ccp_route *route)
{
    rill_reader path = rill_reader_of(route->path.data, route->path.len);
    rill_bytes hop;
    while (rill_ccp_next_address(&path, &hop)) {
        if (same(hop, r->options.address))
            return true;
    }
    return false;
}

/* Nobody but a child may have what is below our address, and it only what is below its own. */
static bool is_credible(const rill_rib *r, const rill_via *via, const rill_ccp_route *route)
{
    rill_bytes prefix = route->prefix;
    if (prefix.len <= r->global.len || !rill_address_has_prefix(prefix, r->global) ||
        segments(prefix) > RILL_ROUTE_MAX_SEGMENTS)
        return false;
    if (rill_address_has_prefix(prefix, r->options.address) &&
        (via->address.len == 0 || !rill_address_has_prefix(prefix, via->address)))
        return false;
    /* With us before it, its path must still be short enough for everybody. */
    return route->hops < RILL_CCP_MAX_PATH && route->path.len <= RILL_RIB_MAX_PATH &&
           route->props.len <= RILL_RIB_MAX_PROPS && !goes_by_us(r, route);
}

static bool says_the_same(const rill_rib_route *known, const rill_ccp_route *route)
{
    const rill_rib_words *words = known->words;
    return same(words->told.path, route->path) && same(words->told.props, route->props) &&
           memcmp(words->auth, route->auth, sizeof words->auth) == 0;
}

static void refresh(rill_via *via, rill_rib_route *route)
{
    route->table = via->current;
    route->wave = via->wave;
    rill_list_remove(&route->of_via);
    rill_list_push_back(&via->routes, &route->of_via);
}

static rill_rib_route *new_route(rill_rib *r, rill_rib_entry *e, rill_via *via,
                                 const rill_ccp_route *told)
{
    rill_rib_words *words;
    rill_rib_route *route = rill_alloc(r->options.allocator, sizeof *route + sizeof *words +
                                                                 told->path.len + told->props.len);
    if (route == NULL)
        return NULL;
    memset(route, 0, sizeof *route);
    words = route->words;
    uint8_t *bytes = (uint8_t *)(words + 1);
    route->entry = e;
    route->via = via;
    route->kind = RILL_ROUTE_LEARNT;
    route->serial = ++r->serial;
    words->told = *told;
    words->told.prefix = rill_rib_prefix(e);
    words->told.path.data = bytes;
    words->told.props.data = bytes + told->path.len;
    words->told.auth = words->auth;
    memcpy(words->auth, told->auth, sizeof words->auth);
    if (told->path.len > 0)
        memcpy(bytes, told->path.data, told->path.len);
    if (told->props.len > 0)
        memcpy(bytes + told->path.len, told->props.data, told->props.len);
    rill_list_init(&route->of_via);
    return route;
}

int rill_rib_learn(rill_rib *r, rill_via *via, const rill_ccp_route *told, bool *taken)
{
    rill_rib_entry *e = NULL;
    *taken = is_credible(r, via, told);
    if (!*taken) {
        rill_rib_unlearn(r, via, told->prefix);
        return RILL_OK;
    }
    int rc = entry_for(r, told->prefix, &e);
    *taken = rc == RILL_OK;
    if (rc != RILL_OK)
        return rc == RILL_ERR_LIMIT ? RILL_OK : rc;
    rill_rib_route *known = find_route(e, via);
    if (known != NULL && says_the_same(known, told)) {
        refresh(via, known);
        return RILL_OK;
    }
    rill_rib_route *route = new_route(r, e, via, told);
    if (route == NULL) {
        free_if_done(r, e);
        return RILL_ERR_NOMEM;
    }
    if (known != NULL)
        free_route(r, known);
    route->next = e->routes;
    e->routes = route;
    via->count++;
    refresh(via, route);
    mark(r, e);
    if (r->options.learnt != NULL)
        r->options.learnt(r->options.user, via, rill_rib_prefix(e), &route->words->told);
    return RILL_OK;
}

void rill_rib_unlearn(rill_rib *r, rill_via *via, rill_bytes prefix)
{
    rill_name *name = rill_names_find(&r->names, prefix);
    rill_rib_route *route = name == NULL ? NULL : find_route(entry_of(name), via);
    if (route != NULL)
        drop_learnt(r, route);
}

void rill_rib_sweep(rill_rib *r, rill_via *via)
{
    via->wave++;
    if (!rill_list_linked(&via->sweeping))
        rill_list_push_back(&r->sweeping, &via->sweeping);
}

/* Where packets went by it they go by nobody, until the entry is settled. */
static void unapply(rill_rib *r, rill_rib_entry *e, const rill_via *via)
{
    for (rill_rib_route *at = e->routes, *next; at != NULL; at = next) {
        next = at->next;
        if (at->via != via)
            continue;
        free_route(r, at);
        mark(r, e);
    }
    if (e->applied != via)
        return;
    mark(r, e);
    int rc = r->options.apply(r->options.user, rill_rib_prefix(e), NULL);
    assert(rc == RILL_OK);
    (void)rc;
    e->applied = NULL;
}

void rill_rib_forget(rill_rib *r, rill_via *via)
{
    size_t cursor = 0;
    for (rill_name *n; (n = rill_names_next(&r->names, &cursor)) != NULL;)
        unapply(r, entry_of(n), via);
    rill_list_remove(&via->sweeping);
}

void rill_rib_told(rill_rib *r, uint32_t epoch, size_t keep)
{
    for (size_t i = 0; i < r->log_count && r->withdrawn > keep && r->log[i].epoch < epoch; i++) {
        rill_rib_entry *e = r->log[i].entry;
        if (e == NULL || e->told)
            continue;
        r->forgotten = e->epoch + 1;
        rill_rib_take_out(r, e);
        free_if_done(r, e);
    }
}

/* ---- looking ---- */

const rill_rib_entry *rill_rib_find(const rill_rib *r, rill_bytes prefix)
{
    rill_name *name = rill_names_find(&r->names, prefix);
    return name == NULL ? NULL : entry_of(name);
}

const rill_rib_entry *rill_rib_next(const rill_rib *r, size_t *cursor)
{
    rill_name *name = rill_names_next(&r->names, cursor);
    return name == NULL ? NULL : entry_of(name);
}

size_t rill_rib_count(const rill_rib *r)
{
    return rill_names_count(&r->names);
}

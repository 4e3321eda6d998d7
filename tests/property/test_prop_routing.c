/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks of 3 to 30 speakers of CCP in virtual time. Their messages are lost, come twice, late
 * and out of order; links are cut, and speakers die and begin again, with what a store had or
 * without. Once that has ended, every table has the shortest way to what is there, and no way to
 * what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connector/rib_log.h"
#include "connector/speaker.h"

#define A rill_allocator_default()

enum {
    MOST_NODES = 30,
    MOST_LINKS = 90,
    MOST_FLYING = 4000,
    EXTRA = 4, /* prefixes that are moved about: "g.extra0", ... */
    PREFIXES = MOST_NODES + EXTRA,
    NOWHERE = -1,
    DUMMY = -2, /* a neighbour outside, which a static way leads to */
    CASES = 40,
};

typedef struct node node;

/* One end of a link. */
typedef struct end {
    rill_speaker_peer peer; /* first */
    node *of;
    struct end *other;
    unsigned link;
    char name[32];
} end;

struct node {
    unsigned number;
    bool runs;
    rill_speaker s;
    char address[32];
    rill_via outside;
    int table[PREFIXES]; /* the node that packets go to */
    end *ends[MOST_NODES];
    size_t end_count;
};

typedef struct link_state {
    end a, b;
    bool there; /* both ends know it then */
} link_state;

typedef struct message {
    uint64_t at;
    end *to;
    unsigned life; /* of the link when it was sent */
    uint64_t id;
    bool is_answer, fulfilled, is_control;
    size_t len;
    uint8_t *data;
} message;

static struct {
    uint64_t seed, case_seed, now;
    node nodes[MOST_NODES];
    size_t node_count;
    link_state links[MOST_LINKS];
    unsigned lives[MOST_LINKS];
    size_t link_count;
    message flying[MOST_FLYING];
    size_t flying_count;
    int owner[EXTRA];     /* the node that has a static way to it; NOWHERE */
    unsigned loss, twice; /* of 100 */
    uint64_t slow;        /* nanoseconds that a message takes at most */
    uint64_t sent;
    rill_crypto *crypto;
} w;

static uint64_t next(void)
{
    w.seed += 0x9e3779b97f4a7c15;
    uint64_t z = w.seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t bound)
{
    return next() % bound;
}

/* Of so many. */
static size_t any(size_t count)
{
    return (size_t)below(count);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("case seed %llu at %llu s: %s", (unsigned long long)w.case_seed,              \
                     (unsigned long long)(w.now / RILL_SECOND), #condition);                       \
    } while (0)

static rill_bytes text(const char *t)
{
    return (rill_bytes){(const uint8_t *)t, strlen(t)};
}

static void name_of_prefix(size_t prefix, char *out, size_t cap)
{
    if (prefix < MOST_NODES)
        snprintf(out, cap, "g.n%u", (unsigned)prefix % 100);
    else
        snprintf(out, cap, "g.extra%u", (unsigned)(prefix - MOST_NODES) % 100);
}

static size_t prefix_number(rill_bytes prefix)
{
    char name[32];
    for (size_t i = 0; i < PREFIXES; i++) {
        name_of_prefix(i, name, sizeof name);
        if (prefix.len == strlen(name) && memcmp(prefix.data, name, prefix.len) == 0)
            return i;
    }
    fail_msg("a prefix that nobody has");
    return 0;
}

/* ---- nodes ---- */

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    node *n = user;
    size_t number = prefix_number(prefix);
    if (via == NULL)
        n->table[number] = NOWHERE;
    else if (via == &n->outside)
        n->table[number] = DUMMY;
    else
        n->table[number] = (int)((end *)(void *)via)->other->of->number;
    return RILL_OK;
}

static void start(node *n)
{
    rill_speaker_options o;
    rill_speaker_options_init(&o);
    o.allocator = A;
    o.address = text(n->address);
    o.crypto = w.crypto;
    for (size_t i = 0; i < sizeof o.secret; i++)
        o.secret[i] = (uint8_t)next();
    o.key[0] = next();
    o.apply = on_apply;
    o.user = n;
    for (size_t i = 0; i < PREFIXES; i++)
        n->table[i] = NOWHERE;
    assert_int_equal(rill_speaker_init(&n->s, &o), RILL_OK);
    rill_via_init(&n->outside, "outside", RILL_RELATION_PEER, text(""));
    for (size_t i = 0; i < n->end_count; i++) {
        end *e = n->ends[i];
        rill_relation relation = e->peer.via.relation;
        memset(&e->peer, 0, sizeof e->peer);
        rill_via_init(&e->peer.via, e->name, relation, text(""));
        e->peer.owner = e;
        e->peer.tells = true;
        e->peer.is_heard = true;
        e->peer.most = 1000;
        assert_int_equal(rill_speaker_add(&n->s, &e->peer), RILL_OK);
    }
    for (size_t i = 0; i < EXTRA; i++) {
        char name[32];
        name_of_prefix(MOST_NODES + i, name, sizeof name);
        if (w.owner[i] == (int)n->number)
            assert_int_equal(rill_rib_add(&n->s.rib, &n->outside, RILL_ROUTE_STATIC, text(name)),
                             RILL_OK);
    }
    n->runs = true;
}

static void set_link(size_t link, bool up)
{
    link_state *l = &w.links[link];
    if (l->there == up)
        return;
    l->there = up;
    w.lives[link]++; /* what is on its way is lost */
    end *ends[2] = {&l->a, &l->b};
    for (size_t i = 0; i < 2; i++) {
        end *e = ends[i];
        if (!e->of->runs)
            continue;
        if (up)
            rill_speaker_up(&e->of->s, &e->peer, w.now);
        else
            rill_speaker_down(&e->of->s, &e->peer, w.now);
    }
}

/* What a store would have of a neighbour. */
typedef struct kept {
    uint8_t table[RILL_CCP_TABLE_LEN];
    uint32_t epoch;
    size_t count;
    struct {
        char prefix[32];
        uint8_t path[1024];
        rill_ccp_route route;
        uint8_t auth[RILL_CCP_AUTH_LEN];
    } routes[PREFIXES];
} kept;

static void keep(kept *k, const end *e)
{
    rill_speaker_known(&e->peer, k->table, &k->epoch);
    k->count = 0;
    for (const rill_list *at = e->peer.via.routes.next; at != &e->peer.via.routes; at = at->next) {
        const rill_rib_route *r = RILL_CONTAINER(at, rill_rib_route, of_via);
        const rill_rib_words *words = rill_rib_words_of(r);
        const rill_ccp_route *told = &words->told;
        assert_in_range(told->path.len, 0, sizeof k->routes[0].path);
        k->routes[k->count].route = *told;
        name_of_prefix(prefix_number(told->prefix), k->routes[k->count].prefix, 32);
        memcpy(k->routes[k->count].path, told->path.data, told->path.len);
        memcpy(k->routes[k->count].auth, words->auth, sizeof words->auth);
        k->count++;
    }
}

static void restore(kept *k, end *e)
{
    rill_speaker_restore(&e->of->s, &e->peer, k->table, k->epoch, w.now);
    for (size_t i = 0; i < k->count; i++) {
        rill_ccp_route *r = &k->routes[i].route;
        r->prefix = text(k->routes[i].prefix);
        r->path.data = k->routes[i].path;
        r->auth = k->routes[i].auth;
        r->props.len = 0;
        assert_int_equal(rill_speaker_restore_route(&e->of->s, &e->peer, r), RILL_OK);
    }
}

/* It dies, and begins again: the store has what it knew, or nothing. */
static void restart(node *n, bool with_store)
{
    static kept stores[MOST_NODES];
    for (size_t i = 0; i < n->end_count; i++) {
        keep(&stores[i], n->ends[i]);
        set_link(n->ends[i]->link, false);
    }
    rill_speaker_clear(&n->s);
    start(n);
    for (size_t i = 0; with_store && i < n->end_count; i++)
        restore(&stores[i], n->ends[i]);
}

/* ---- messages ---- */

static void fly(message m)
{
    if (w.flying_count == MOST_FLYING) {
        free(m.data);
        return;
    }
    m.at = w.now + 1 + below(w.slow);
    m.life = w.lives[m.to->link];
    w.flying[w.flying_count++] = m;
}

static uint8_t *copy_of(rill_bytes data)
{
    uint8_t *copy = malloc(data.len + 1);
    assert_non_null(copy);
    memcpy(copy, data.data, data.len);
    return copy;
}

static void send(const rill_speaker_message *m)
{
    end *from = m->to->owner;
    message out = {.to = from->other, .id = m->id, .len = m->data.len};
    out.is_control = strcmp(m->destination, "peer.route.control") == 0;
    w.sent++;
    unsigned copies = below(100) < w.loss ? 0 : below(100) < w.twice ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        out.data = copy_of(m->data);
        fly(out);
    }
    /* If no answer comes, that shows after 10 seconds. */
    message late = {.to = from, .id = m->id, .is_answer = true};
    fly(late);
    if (w.flying_count < MOST_FLYING)
        w.flying[w.flying_count - 1].at = w.now + 10 * RILL_SECOND;
}

static void pump(node *n)
{
    rill_speaker_message m;
    if (!n->runs)
        return;
    while (rill_speaker_deadline(&n->s) <= w.now) {
        if (rill_speaker_next(&n->s, w.now, &m))
            send(&m);
    }
}

static void arrive(message *m)
{
    end *e = m->to;
    node *n = e->of;
    if (m->life != w.lives[e->link] || !n->runs || !w.links[e->link].there)
        return;
    if (m->is_answer) {
        rill_speaker_answered(&n->s, &e->peer, m->id, m->fulfilled, w.now);
        return;
    }
    const char *problem = NULL;
    const rill_bytes data = {m->data, m->len};
    int rc = m->is_control ? rill_speaker_take_control(&n->s, &e->peer, data, w.now, &problem)
                           : rill_speaker_take_update(&n->s, &e->peer, data, w.now, &problem);
    CHECK(rc == RILL_OK);
    if (below(100) >= w.loss)
        fly((message){.to = e->other, .id = m->id, .is_answer = true, .fulfilled = true});
}

static uint64_t next_event(void)
{
    uint64_t at = RILL_NEVER;
    for (size_t i = 0; i < w.flying_count; i++) {
        if (w.flying[i].at < at)
            at = w.flying[i].at;
    }
    for (size_t i = 0; i < w.node_count; i++) {
        uint64_t deadline = w.nodes[i].runs ? rill_speaker_deadline(&w.nodes[i].s) : RILL_NEVER;
        if (deadline < at)
            at = deadline;
    }
    return at;
}

static void run_until(uint64_t until)
{
    for (uint64_t at; (at = next_event()) <= until;) {
        if (at > w.now)
            w.now = at;
        for (size_t i = 0; i < w.flying_count; i++) {
            if (w.flying[i].at > w.now)
                continue;
            message m = w.flying[i];
            w.flying[i--] = w.flying[--w.flying_count];
            arrive(&m);
            free(m.data);
        }
        for (size_t i = 0; i < w.node_count; i++)
            pump(&w.nodes[i]);
    }
    w.now = until;
}

/* ---- networks ---- */

static void connect(size_t a, size_t b, rill_relation of_b)
{
    link_state *l = &w.links[w.link_count];
    node *nodes[2] = {&w.nodes[a], &w.nodes[b]};
    end *ends[2] = {&l->a, &l->b};
    for (size_t i = 0; i < nodes[0]->end_count; i++) {
        if (nodes[0]->ends[i]->other->of == nodes[1])
            return;
    }
    if (a == b || w.link_count == MOST_LINKS)
        return;
    for (size_t i = 0; i < 2; i++) {
        end *e = ends[i];
        e->of = nodes[i];
        e->other = ends[1 - i];
        e->link = (unsigned)w.link_count;
        snprintf(e->name, sizeof e->name, "n%u", nodes[1 - i]->number);
        nodes[i]->ends[nodes[i]->end_count++] = e;
    }
    l->a.peer.via.relation = of_b;
    l->b.peer.via.relation = of_b == RILL_RELATION_CHILD    ? RILL_RELATION_PARENT
                             : of_b == RILL_RELATION_PARENT ? RILL_RELATION_CHILD
                                                            : RILL_RELATION_PEER;
    w.link_count++;
}

static void begin(uint64_t case_seed, bool relations)
{
    memset(&w, 0, sizeof w);
    w.seed = w.case_seed = case_seed;
    w.now = RILL_SECOND;
    w.crypto = rill_crypto_new(A);
    assert_non_null(w.crypto);
    w.node_count = 3 + any(MOST_NODES - 2);
    w.loss = (unsigned)below(30);
    w.twice = (unsigned)below(20);
    w.slow = (1 + below(2000)) * RILL_MS;
    for (size_t i = 0; i < w.node_count; i++) {
        w.nodes[i].number = (unsigned)i;
        snprintf(w.nodes[i].address, sizeof w.nodes[i].address, "g.n%zu", i);
    }
    /* A tree, and links across it. */
    for (size_t i = 1; i < w.node_count; i++)
        connect(i, any(i), relations ? RILL_RELATION_PARENT : RILL_RELATION_PEER);
    for (size_t i = any(2 * w.node_count); i > 0; i--)
        connect(any(w.node_count), any(w.node_count), RILL_RELATION_PEER);
    for (size_t i = 0; i < EXTRA; i++)
        w.owner[i] = (int)below(w.node_count);
    for (size_t i = 0; i < w.node_count; i++)
        start(&w.nodes[i]);
    for (size_t i = 0; i < w.link_count; i++)
        set_link(i, true);
}

static void finish(void)
{
    for (size_t i = 0; i < w.flying_count; i++)
        free(w.flying[i].data);
    for (size_t i = 0; i < w.node_count; i++)
        rill_speaker_clear(&w.nodes[i].s);
    rill_crypto_free(w.crypto);
}

static void move_extra(size_t i)
{
    char name[32];
    name_of_prefix(MOST_NODES + i, name, sizeof name);
    if (w.owner[i] != NOWHERE)
        assert_int_equal(rill_rib_remove(&w.nodes[w.owner[i]].s.rib, RILL_ROUTE_STATIC, text(name)),
                         RILL_OK);
    w.owner[i] = below(3) == 0 ? NOWHERE : (int)below(w.node_count);
    if (w.owner[i] != NOWHERE) {
        node *n = &w.nodes[w.owner[i]];
        assert_int_equal(rill_rib_add(&n->s.rib, &n->outside, RILL_ROUTE_STATIC, text(name)),
                         RILL_OK);
    }
}

static void disturb(void)
{
    switch (below(5)) {
    case 0:
        restart(&w.nodes[any(w.node_count)], below(2) == 0);
        break;
    case 1:
        move_extra(any(EXTRA));
        break;
    default: {
        size_t link = any(w.link_count);
        set_link(link, !w.links[link].there);
        break;
    }
    }
}

static void live_and_rest(bool whole)
{
    for (unsigned i = 0; i < 60; i++) {
        run_until(w.now + below(8 * RILL_SECOND));
        disturb();
    }
    w.loss = 0;
    w.twice = 0;
    for (size_t i = 0; i < w.link_count; i++)
        set_link(i, whole || below(6) != 0);
    run_until(w.now + 300 * RILL_SECOND);
}

/* ---- what must hold ---- */

static int origin_of(size_t prefix)
{
    if (prefix >= MOST_NODES)
        return w.owner[prefix - MOST_NODES];
    return prefix < w.node_count ? (int)prefix : NOWHERE;
}

static void distances(int from, unsigned *out)
{
    for (size_t i = 0; i < w.node_count; i++)
        out[i] = (int)i == from ? 0 : UINT32_MAX;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < w.link_count; i++) {
            const link_state *l = &w.links[i];
            unsigned *a = &out[l->a.of->number];
            unsigned *b = &out[l->b.of->number];
            if (!l->there)
                continue;
            if (*b != UINT32_MAX && *b + 1 < *a)
                *a = *b + 1, changed = true;
            if (*a != UINT32_MAX && *a + 1 < *b)
                *b = *a + 1, changed = true;
        }
    }
}

static void check_shortest(void)
{
    for (size_t prefix = 0; prefix < PREFIXES; prefix++) {
        unsigned distance[MOST_NODES];
        int origin = origin_of(prefix);
        distances(origin, distance);
        for (size_t i = 0; i < w.node_count; i++) {
            int to = w.nodes[i].table[prefix];
            if ((int)i == origin)
                CHECK(to == (prefix < MOST_NODES ? NOWHERE : DUMMY));
            else if (origin == NOWHERE || distance[i] == UINT32_MAX)
                CHECK(to == NOWHERE);
            else
                CHECK(to >= 0 && distance[to] + 1 == distance[i]);
        }
    }
}

/* Wherever there is a way, it ends where the prefix is. */
static void check_no_loops(void)
{
    for (size_t prefix = 0; prefix < PREFIXES; prefix++) {
        int origin = origin_of(prefix);
        for (size_t i = 0; i < w.node_count; i++) {
            int at = (int)i;
            for (size_t hops = 0; at != origin && w.nodes[at].table[prefix] >= 0; hops++) {
                CHECK(hops < w.node_count);
                at = w.nodes[at].table[prefix];
            }
            CHECK(at == origin || at == (int)i);
        }
    }
}

/* The tables rest: nothing but heartbeats is said any more, and what is withdrawn is forgotten. */
static void check_rest(void)
{
    uint32_t epochs[MOST_NODES];
    for (size_t i = 0; i < w.node_count; i++)
        epochs[i] = w.nodes[i].s.rib.epoch;
    w.sent = 0;
    run_until(w.now + 60 * RILL_SECOND);
    CHECK(w.sent <= w.link_count * 2 * 4);
    for (size_t i = 0; i < w.node_count; i++) {
        const rill_rib *r = &w.nodes[i].s.rib;
        CHECK(epochs[i] == r->epoch);
        bool all_there = true;
        for (size_t k = 0; k < w.nodes[i].end_count; k++)
            all_there = all_there && w.links[w.nodes[i].ends[k]->link].there;
        CHECK(!all_there || r->withdrawn == 0);
    }
}

static uint64_t first_seed(void)
{
    const char *seed = getenv("RILL_SEED");
    return seed == NULL ? 1 : strtoull(seed, NULL, 10);
}

static void test_the_shortest_ways_are_found(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < CASES; i++) {
        begin(first_seed() + i, false);
        live_and_rest(i % 2 == 0);
        check_shortest();
        check_rest();
        finish();
    }
}

static void test_parents_and_children_come_to_rest(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < CASES; i++) {
        begin(1000000 + first_seed() + i, true);
        live_and_rest(true);
        check_no_loops();
        check_rest();
        /* Everybody is below the first one, which knows all; and everybody learns of it. */
        for (size_t n = 1; n < w.node_count; n++) {
            CHECK(w.nodes[0].table[n] >= 0);
            CHECK(w.nodes[n].table[0] >= 0);
        }
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shortest_ways_are_found),
        cmocka_unit_test(test_parents_and_children_come_to_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routes cost, by how many there are.
 *
 * usage: bench_routes PREFIXES SECONDS ROUNDS
 *
 * "few" and "many" are lookups of destinations below 10 prefixes, and below PREFIXES, each time
 * another one; the two take turns. "change" is the longest time that an update with one route takes
 * in a table of PREFIXES, until packets go the new way. "loss" is the longest time that the loop is
 * kept from other work when a neighbour is lost that had all of them, and "lost" is how long all of
 * it takes.
 */
#include <string.h>

#include "clock.h"
#include "connector/speaker.h"
#include "io/large_pages.h"
#include "node/routes.h"

enum { FEW = 10, AT_ONCE = 200, CHANGES = 2000, SPACE = 64, BURST = 256 };

static rill_routes table;
static rill_speaker speaker;
static rill_speaker_peer near_peer, far_peer;

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    (void)user;
    if (via != NULL)
        return rill_routes_set(&table, prefix,
                               (rill_hop){.kind = RILL_HOP_ACCOUNT, .account = (void *)via});
    int rc = rill_routes_remove(&table, prefix);
    return rc == RILL_ERR_NOT_FOUND ? RILL_OK : rc;
}

static size_t name_prefix(char *out, size_t cap, uint32_t i)
{
    return (size_t)snprintf(out, cap, "g.net%u.shop%u", i % 97, i);
}

/* ---- lookups ---- */

typedef struct lookups {
    rill_routes routes;
    char *destinations; /* of SPACE bytes each */
    uint8_t *lengths;
    uint32_t count;
    uint64_t at;
    char burst[BURST][SPACE]; /* destinations of packets that have come */
    uint8_t length[BURST];
} lookups;

static void fill(lookups *l, uint32_t count)
{
    static const uint64_t key[2] = {1, 2};
    static int somebody;
    l->count = count;
    l->destinations = calloc(count, SPACE);
    l->lengths = calloc(count, 1);
    if (l->destinations == NULL || l->lengths == NULL)
        exit(1);
    rill_routes_init(&l->routes, rill_allocator_large_pages(), key);
    for (uint32_t i = 0; i < count; i++) {
        char *to = l->destinations + (size_t)i * SPACE;
        size_t len = name_prefix(to, SPACE, i);
        const rill_hop hop = {.kind = RILL_HOP_ACCOUNT, .account = (void *)&somebody};
        bench_check(rill_routes_add(&l->routes, (rill_bytes){(const uint8_t *)to, len}, hop),
                    "rill_routes_add");
        l->lengths[i] = (uint8_t)(len + (size_t)snprintf(to + len, SPACE - len, ".alice.x"));
    }
}

/* As if they had just come in packets. */
static void draw(lookups *l)
{
    for (unsigned i = 0; i < BURST; i++) {
        l->at = l->at * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t which = (uint32_t)((l->at >> 33) * l->count >> 31);
        l->length[i] = l->lengths[which];
        memcpy(l->burst[i], l->destinations + (size_t)which * SPACE, SPACE);
    }
}

static double look(lookups *l, uint64_t ns)
{
    uint64_t done = 0;
    uint64_t spent = 0;
    bench_span span = bench_begin(ns);
    while (bench_goes_on(&span)) {
        draw(l);
        uint64_t began = bench_cpu_ns();
        for (unsigned i = 0; i < BURST; i++) {
            const rill_bytes to = {(const uint8_t *)l->burst[i], l->length[i]};
            if (rill_routes_find(&l->routes, to).kind != RILL_HOP_ACCOUNT)
                exit(1);
        }
        spent += bench_cpu_ns() - began;
        done += BURST;
    }
    return (double)spent / (double)done;
}

static void clear(lookups *l)
{
    rill_routes_clear(&l->routes);
    free(l->destinations);
    free(l->lengths);
}

/* ---- changes ---- */

static void tell(rill_speaker_peer *p, uint32_t from, uint32_t first, uint32_t count,
                 uint32_t current)
{
    static uint8_t data[1 << 16];
    static const uint8_t auth[RILL_CCP_AUTH_LEN];
    const char *problem = NULL;
    char prefix[SPACE];
    rill_writer w = rill_writer_of(data, sizeof data);
    const rill_ccp_update u = {.table = {(uint8_t)(p == &far_peer)},
                               .current_epoch = current,
                               .from_epoch = from,
                               .to_epoch = from + count,
                               .hold_down_ms = 3600000,
                               .speaker = {(const uint8_t *)"g.p", 3},
                               .route_count = count};
    rill_ccp_update_begin(&w, &u);
    for (uint32_t i = 0; i < count; i++) {
        const rill_ccp_route route = {
            .prefix = {(const uint8_t *)prefix, name_prefix(prefix, sizeof prefix, first + i)},
            .hops = p == &far_peer ? 2 : 1,
            .path = {(const uint8_t *)"\003g.p\003g.q", p == &far_peer ? 8 : 4},
            .auth = auth};
        rill_ccp_put_route(&w, (rill_bytes){NULL, 0}, &route);
    }
    rill_ccp_begin_withdrawn(&w, 0);
    bench_check(rill_speaker_take_update(&speaker, p, (rill_bytes){data, rill_writer_len(&w)},
                                         RILL_SECOND, &problem),
                "rill_speaker_take_update");
}

static void add_peer(rill_speaker_peer *p, const char *name)
{
    rill_via_init(&p->via, name, RILL_RELATION_PEER, (rill_bytes){NULL, 0});
    p->tells = true;
    p->is_heard = true;
    p->most = SIZE_MAX;
    bench_check(rill_speaker_add(&speaker, p), "rill_speaker_add");
    rill_speaker_up(&speaker, p, RILL_SECOND);
}

static void settle_all(double *longest, double *all)
{
    rill_speaker_message m;
    do {
        uint64_t began = bench_cpu_ns();
        (void)rill_speaker_next(&speaker, RILL_SECOND, &m);
        double took = (double)(bench_cpu_ns() - began);
        *longest = took > *longest ? took : *longest;
        *all += took;
    } while (!rill_rib_is_settled(&speaker.rib));
}

static void measure_changes(uint32_t count)
{
    static const uint64_t key[2] = {3, 4};
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    rill_speaker_options o;
    double longest = 0;
    double all = 0;
    if (crypto == NULL)
        exit(1);
    rill_routes_init(&table, rill_allocator_default(), key);
    rill_speaker_options_init(&o);
    o.allocator = rill_allocator_default();
    o.address = (rill_bytes){(const uint8_t *)"g.x", 3};
    o.crypto = crypto;
    o.apply = on_apply;
    bench_check(rill_speaker_init(&speaker, &o), "rill_speaker_init");
    add_peer(&near_peer, "near");
    add_peer(&far_peer, "far");
    for (uint32_t i = 0; i < count; i += AT_ONCE) {
        tell(&near_peer, i, i, AT_ONCE, count);
        tell(&far_peer, i, i, AT_ONCE, count + CHANGES);
    }
    settle_all(&longest, &all);
    longest = 0;
    for (uint32_t i = 0; i < CHANGES; i++) {
        uint64_t began = bench_cpu_ns();
        tell(&far_peer, count + i, count + i, 1, count + CHANGES);
        double took = (double)(bench_cpu_ns() - began);
        longest = took > longest ? took : longest;
    }
    bench_figure("change", longest / 1e6);
    longest = 0;
    all = 0;
    uint64_t began = bench_cpu_ns();
    rill_speaker_down(&speaker, &near_peer, RILL_SECOND);
    longest = (double)(bench_cpu_ns() - began);
    settle_all(&longest, &all);
    bench_figure("loss", longest / 1e6);
    bench_figure("lost", all / 1e6);
    rill_speaker_clear(&speaker);
    rill_routes_clear(&table);
    rill_crypto_free(crypto);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_routes PREFIXES SECONDS ROUNDS\n");
        return 2;
    }
    uint32_t count = (uint32_t)bench_number(argv[1]) / AT_ONCE * AT_ONCE;
    uint64_t ns = (uint64_t)(bench_number(argv[2]) * 1e9);
    static lookups few, many;
    fill(&few, FEW);
    fill(&many, count);
    for (int round = (int)bench_number(argv[3]); round > 0; round--) {
        bench_figure("few", look(&few, ns));
        bench_figure("many", look(&many, ns));
    }
    clear(&few);
    clear(&many);
    measure_changes(count);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What forwarding one Prepare and its Fulfill costs the node itself, with a number of connected
 * accounts, over links that do nothing.
 *
 * usage: bench_node ACCOUNTS one|all|any|links|routes SECONDS ROUNDS
 *
 * Account 0 pays account 1 ("one"), every account pays the next one in turn ("all"), or another one
 * each time ("any"). "links" is "all" without the node: what the links and the loop cost that
 * measure it. With "routes" account 0 pays account 1 by another prefix each time, of 10 ("few") or
 * of ACCOUNTS ("many"). In each of ROUNDS a node of two accounts ("few") and one of ACCOUNTS
 * ("many") take turns.
 */
#include <string.h>

#include "clock.h"
#include "crypto/crypto.h"
#include "io/large_pages.h"
#include "link/link_impl.h"
#include "node/hub.h"
#include "rill/rill.h"

#define BURST 64 /* packets under way */

typedef struct fake {
    rill_link link; /* first */
} fake;

typedef struct forwarded {
    fake *to;
    uint64_t outgoing_id;
} forwarded;

typedef struct arrival {
    rill_link *link;
    void (*call)(rill_link *l, uint64_t request, const uint8_t *packet, size_t len, void *user);
    void *user;
} arrival;

/* Who pays whom. None of these is "all". */
typedef struct pattern {
    bool one;
    bool any;
    bool links;
    bool routes;
} pattern;

/* A node and its accounts. */
typedef struct world {
    fake *fakes;
    uint32_t count;
    uint64_t at; /* the account whose turn it was */
    uint32_t prefixes;
} world;

static forwarded queue[BURST];
static int queued;
static uint64_t answered;
static uint8_t fulfill[256];
static size_t fulfill_len;

static bool fake_is_up(const rill_link *l)
{
    (void)l;
    return true;
}

static int fake_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    (void)packet;
    (void)len;
    queue[queued++] = (forwarded){(fake *)l, outgoing_id};
    return RILL_OK;
}

static int fake_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    (void)l;
    (void)request;
    (void)len;
    if (packet[0] != RILL_ILP_FULFILL)
        bench_check(-1, "forwarding");
    answered++;
    return RILL_OK;
}

/* user: the account to which the packet goes. */
static void past_the_node(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                          void *user)
{
    (void)l;
    bench_check(rill_link_send(user, request, packet, len), "sending");
}

/* user: the account from which it came. */
static void back_past_the_node(rill_link *l, uint64_t outgoing_id, const uint8_t *packet,
                               size_t len, void *user)
{
    (void)l;
    bench_check(rill_link_reply(user, outgoing_id, packet, len), "answering");
}

static void fake_close(rill_link *l)
{
    (void)l;
}

static const rill_link_ops ops = {
    .is_up = fake_is_up, .send = fake_send, .reply = fake_reply, .close = fake_close};

static rill_now clocks(void *user)
{
    (void)user;
    return (rill_now){bench_ns(CLOCK_MONOTONIC), bench_ns(CLOCK_REALTIME) / RILL_MS};
}

static void nothing(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void drained(void *user)
{
    (void)user;
}

static void log_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    fprintf(stderr, "%d: %s\n", (int)level, line);
}

static rill_hub *node_of(uint32_t accounts)
{
    rill_hub_options options;
    rill_hub *node = NULL;
    rill_hub_options_init(&options);
    options.allocator = rill_allocator_large_pages(); /* as rilld has it */
    options.max_accounts = 2 * accounts + 10;         /* named ones are at most half */
    options.now = clocks;
    options.wake = nothing;
    options.drained = drained;
    options.log = (rill_log){log_line, NULL, RILL_LOG_WARNING, NULL};
    bench_check(rill_hub_new(&node, &options), "rill_hub_new");
    return node;
}

static void admit(rill_hub *node, fake *f, uint32_t number)
{
    char name[32];
    int len = snprintf(name, sizeof name, "a%u", number);
    rill_bytes bytes = {(const uint8_t *)name, (size_t)len};
    const rill_link_handlers *handlers = NULL;
    f->link.ops = &ops;
    bench_check(rill_hub_admit(&handlers, &f->link.user, node, &f->link, bytes, bytes),
                "rill_hub_admit");
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
}

/* A Prepare to an address, with data of a money packet's size. */
static size_t prepare_to(const char *to, uint8_t *buf, size_t cap)
{
    static const uint8_t data[92];
    static uint8_t condition[32];
    static bool hashed;
    uint8_t preimage[32];
    size_t len;

    memset(preimage, 7, sizeof preimage);
    if (!hashed) {
        rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
        bench_check(rill_crypto_sha256(crypto, preimage, 32, condition), "sha256");
        rill_crypto_free(crypto);
        rill_fulfill reply = {.fulfillment = preimage, .data = {data, sizeof data}};
        bench_check(rill_fulfill_encode(&reply, fulfill, sizeof fulfill, &fulfill_len), "encode");
        hashed = true;
    }
    rill_prepare prepare = {
        .amount = 1,
        .expires_at_ms = clocks(NULL).wall_ms + 20000,
        .condition = condition,
        .destination = {(const uint8_t *)to, strlen(to)},
        .data = {data, sizeof data},
    };
    bench_check(rill_prepare_encode(&prepare, buf, cap, &len), "encode");
    return len;
}

static size_t prepare_for(uint32_t number, uint8_t *buf, size_t cap)
{
    char to[64];
    snprintf(to, sizeof to, "private.rill.a%u.stream-token-of-a-server", number);
    return prepare_to(to, buf, cap);
}

static void name_prefix(uint32_t number, char *out, size_t cap)
{
    snprintf(out, cap, "g.net%u.shop%u", number % 97, number);
}

/* To one of the prefixes that lead to account 1. */
static size_t prepare_by(world *w, uint8_t *buf, size_t cap)
{
    char prefix[64];
    char to[128];
    w->at = w->at * UINT64_C(6364136223846793005) + 1442695040888963407;
    name_prefix((uint32_t)((w->at >> 33) * w->prefixes >> 31), prefix, sizeof prefix);
    snprintf(to, sizeof to, "%s.alice.stream-token-of-a-server", prefix);
    return prepare_to(to, buf, cap);
}

/* Tells the node which packet or reply comes next, as a link knows that has just read it. */
static arrival arrival_of(fake *f, bool reply)
{
    const rill_link_handlers *on = &f->link.on;
    return (arrival){&f->link, reply ? on->reply : on->prepare, f->link.user};
}

/*
 * Sends BURST packets, then their replies back. Work that is not the node's is not counted: making
 * a Prepare, and reading it from the link.
 */
static uint64_t burst(world *w, const pattern *p)
{
    static uint8_t packets[BURST][512];
    size_t lens[BURST];
    arrival from[BURST];
    uint32_t count = w->count;
    uint64_t step = 7919 % count ? 7919 : 1;

    for (int i = 0; i < BURST && p->routes; i++) {
        from[i] = arrival_of(&w->fakes[0], false);
        lens[i] = prepare_by(w, packets[i], sizeof packets[i]);
    }
    for (int i = 0; i < BURST && !p->routes; i++) {
        uint64_t away = p->any && count > 2 ? 1 + answered * 7907 % (count - 1) : 1;
        w->at = p->one ? 0 : (w->at + step) % count;
        uint32_t to = (uint32_t)((w->at + away + (p->any ? (uint64_t)i : 0)) % count);
        from[i] = arrival_of(&w->fakes[w->at], false);
        lens[i] = prepare_for(to == w->at ? (to + 1) % count : to, packets[i], sizeof packets[i]);
        if (p->links)
            from[i] =
                (arrival){&w->fakes[w->at].link, past_the_node, &w->fakes[(w->at + 1) % count]};
    }
    uint64_t start = bench_cpu_ns();
    for (int i = 0; i < BURST; i++)
        from[i].call(from[i].link, (uint64_t)i, packets[i], lens[i], from[i].user);
    uint64_t ns = bench_cpu_ns() - start;
    for (int i = 0; i < queued; i++) {
        rill_link *asked = from[i].link;
        from[i] = arrival_of(queue[i].to, true);
        if (p->links)
            from[i] = (arrival){&queue[i].to->link, back_past_the_node, asked};
    }
    start = bench_cpu_ns();
    for (int i = 0; i < queued; i++)
        from[i].call(from[i].link, queue[i].outgoing_id, fulfill, fulfill_len, from[i].user);
    queued = 0;
    return ns + bench_cpu_ns() - start;
}

/* The process frees it: its links are no real ones that could be closed. */
static world world_of(uint32_t count)
{
    rill_hub *node = node_of(count);
    world w = {.fakes = calloc(count, sizeof *w.fakes), .count = count};
    bench_check(w.fakes ? 0 : -1, "memory");
    for (uint32_t i = 0; i < count; i++)
        admit(node, &w.fakes[i], i);
    return w;
}

/* Two accounts, and so many prefixes that lead to the second. */
static world world_of_routes(uint32_t count)
{
    rill_hub *node = node_of(2);
    world w = {.fakes = calloc(2, sizeof *w.fakes), .count = 2, .prefixes = count};
    bench_check(w.fakes ? 0 : -1, "memory");
    admit(node, &w.fakes[0], 0);
    admit(node, &w.fakes[1], 1);
    struct rill_account *to = rill_hub_find(node, (rill_bytes){(const uint8_t *)"a1", 2});
    for (uint32_t i = 0; i < count; i++) {
        char prefix[64];
        name_prefix(i, prefix, sizeof prefix);
        const rill_bytes bytes = {(const uint8_t *)prefix, strlen(prefix)};
        bench_check(rill_hub_add_route(node, bytes, to), "rill_hub_add_route");
    }
    return w;
}

static void forward(const char *name, world *w, const pattern *p, uint64_t ns)
{
    uint64_t before = answered, spent = 0;
    bench_span span = bench_begin(ns);
    while (bench_goes_on(&span))
        spent += burst(w, p);
    bench_rate(name, (double)(answered - before), spent);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    pattern p = {strcmp(argv[2], "one") == 0, strcmp(argv[2], "any") == 0,
                 strcmp(argv[2], "links") == 0, strcmp(argv[2], "routes") == 0};
    uint64_t ns = (uint64_t)(bench_number(argv[3]) * 1e9);
    uint32_t count = (uint32_t)bench_number(argv[1]);
    world few = p.routes ? world_of_routes(10) : world_of(2);
    world many = p.routes ? world_of_routes(count) : world_of(count);
    for (int rounds = (int)bench_number(argv[4]); rounds > 0; rounds--) {
        forward("few", &few, &p, ns);
        forward("many", &many, &p, ns);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a packet through a node, to be counted: Prepares of one account that go to another,
 * and their Fulfills back, over links that do nothing, at a clock of its own. What happens in
 * budget_measured is what tests/budget/check.py counts; the rest is warm-up.
 *   forward_path forward PACKETS
 * It also counts what the node allocates meanwhile: that must be nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "link/link_impl.h"
#include "node/hub.h"
#include "rill/rill.h"

#define WALL_MS UINT64_C(1700000000000)

static rill_link payer;
static rill_link payee;
static uint64_t outgoing_id;
static uint64_t forwarded;
static uint64_t answered;
static uint64_t allocations;
static rill_now now = {.mono_ns = RILL_SECOND, .wall_ms = WALL_MS};
static uint8_t prepare[512];
static uint8_t fulfill[256];
static size_t prepare_len;
static size_t fulfill_len;

void budget_measured(uint64_t packets);

static void check(int err, const char *what)
{
    if (err == RILL_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, rill_strerror(err));
    exit(1);
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    allocations++;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static bool is_up(const rill_link *l)
{
    (void)l;
    return true;
}

static int on_send(rill_link *l, uint64_t id, const uint8_t *packet, size_t len)
{
    (void)packet;
    (void)len;
    forwarded += l == &payee;
    outgoing_id = id;
    return RILL_OK;
}

static int on_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    (void)request;
    (void)len;
    answered += l == &payer && packet[0] == RILL_ILP_FULFILL;
    return RILL_OK;
}

static void on_close(rill_link *l)
{
    (void)l;
}

static rill_now clocks(void *user)
{
    (void)user;
    return now;
}

static void on_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void on_drained(void *user)
{
    (void)user;
}

static void on_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    fprintf(stderr, "%d: %s\n", (int)level, line);
}

static rill_hub *make_node(void)
{
    static const rill_allocator counting = {count_realloc, count_free, NULL};
    rill_hub_options options;
    rill_hub *node = NULL;
    rill_hub_options_init(&options);
    options.allocator = &counting;
    options.now = clocks;
    options.wake = on_wake;
    options.drained = on_drained;
    options.log = (rill_log){on_line, NULL, RILL_LOG_WARNING, NULL};
    check(rill_hub_new(&node, &options), "rill_hub_new");
    return node;
}

static void admit(rill_hub *node, rill_link *l, const char *name)
{
    static const rill_link_ops ops = {
        .is_up = is_up, .send = on_send, .reply = on_reply, .close = on_close};
    const rill_bytes bytes = {(const uint8_t *)name, strlen(name)};
    const rill_link_handlers *handlers = NULL;
    l->ops = &ops;
    check(rill_hub_admit(&handlers, &l->user, node, l, bytes, bytes), "rill_hub_admit");
    l->on = *handlers;
    l->on.up(l, l->user);
}

static void make_packets(void)
{
    static const char to[] = "private.rill.payee.stream-token-of-a-server";
    static const uint8_t data[92]; /* as many as a packet of money has */
    uint8_t preimage[32];
    uint8_t condition[32];
    memset(preimage, 7, sizeof preimage);
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    check(rill_crypto_sha256(crypto, preimage, sizeof preimage, condition), "sha256");
    rill_crypto_free(crypto);
    const rill_prepare p = {
        .amount = 1,
        .expires_at_ms = WALL_MS + 20000,
        .condition = condition,
        .destination = {(const uint8_t *)to, sizeof to - 1},
        .data = {data, sizeof data},
    };
    const rill_fulfill f = {.fulfillment = preimage, .data = {data, sizeof data}};
    check(rill_prepare_encode(&p, prepare, sizeof prepare, &prepare_len), "rill_prepare_encode");
    check(rill_fulfill_encode(&f, fulfill, sizeof fulfill, &fulfill_len), "rill_fulfill_encode");
}

/* The node writes into what it is given. */
static void run(uint64_t packets)
{
    uint8_t there[sizeof prepare];
    uint8_t back[sizeof fulfill];
    for (uint64_t i = 0; i < packets; i++) {
        memcpy(there, prepare, prepare_len);
        memcpy(back, fulfill, fulfill_len);
        payer.on.prepare(&payer, i, there, prepare_len, payer.user);
        payee.on.reply(&payee, outgoing_id, back, fulfill_len, payee.user);
        now.mono_ns += 1000;
    }
}

__attribute__((noinline)) void budget_measured(uint64_t packets)
{
    run(packets);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    uint64_t packets = strtoull(argv[2], NULL, 10);
    rill_hub *node = make_node();
    admit(node, &payer, "payer");
    admit(node, &payee, "payee");
    make_packets();
    run(1000);
    uint64_t before = allocations;
    budget_measured(packets);
    printf("packets %" PRIu64 "\nallocations %" PRIu64 "\n", packets, allocations - before);
    if (forwarded != 1000 + packets || answered != forwarded)
        check(RILL_ERR_INVALID, "not all packets were forwarded and answered");
    return 0; /* the node's links are no real ones that could be closed */
}

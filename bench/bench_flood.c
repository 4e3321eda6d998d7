/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a node. One account sends Prepares, and another one answers them with the same Fulfill
 * each time. Both are in this process, without STREAM or its cryptography. The caller measures from
 * outside how much the node spends.
 *
 * usage: bench_flood LINK_FROM LINK_TO WINDOW SECONDS [RATE]
 *        bench_flood LINK - WINDOW SECONDS     whoever is at the other end answers them itself
 *
 * With RATE so many leave in a second, evenly, and it also prints how long the answers took. Then
 * one that is late because the window is full is counted from when it should have left.
 */
#include <string.h>
#include <uv.h>

#include "clock.h"
#include "crypto/crypto.h"
#include "rill/net.h"

static rill_link *from, *to;
static rill_loop *loop;
static uint8_t prepare[2048], fulfill[256];
static size_t prepare_len, fulfill_len;
static uint64_t window, duration, open_now, answered, fulfilled, start, last;
static bool running, stopping;

/* With a rate: */
static uv_loop_t uv;
static uv_timer_t tick;
static double rate;         /* packets in a nanosecond; 0: as many as the window allows */
static uint64_t left, most; /* the number that have left; that may */
static uint64_t *due;       /* monotonic ns, of each packet by its number */
static uint64_t *took;      /* ns, of those that were fulfilled */

static void make_packets(rill_bytes address)
{
    static const uint8_t data[92];
    uint8_t preimage[32], condition[32];
    char destination[RILL_ILP_MAX_ADDRESS];
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    int len = snprintf(destination, sizeof destination, "%.*s.stream-token-of-a-server",
                       (int)address.len, (const char *)address.data);

    memset(preimage, 7, sizeof preimage);
    bench_check(rill_crypto_sha256(crypto, preimage, 32, condition), "sha256");
    rill_crypto_free(crypto);
    rill_prepare request = {
        .amount = 1,
        .expires_at_ms = rill_loop_now(loop).wall_ms + 25000,
        .condition = condition,
        .destination = {(const uint8_t *)destination, (size_t)len},
        .data = {data, sizeof data},
    };
    rill_fulfill reply = {.fulfillment = preimage, .data = {data, sizeof data}};
    bench_check(rill_prepare_encode(&request, prepare, sizeof prepare, &prepare_len), "encode");
    bench_check(rill_fulfill_encode(&reply, fulfill, sizeof fulfill, &fulfill_len), "encode");
}

static void finish(void)
{
    stopping = true;
    if (rate > 0)
        uv_close((uv_handle_t *)&tick, NULL);
    rill_link_close(from);
    if (to != NULL)
        rill_link_close(to);
}

static void fill(void)
{
    while (!stopping && open_now < window) {
        int error = rill_link_send(from, 1, prepare, prepare_len);
        if (error == RILL_ERR_BLOCKED || error == RILL_ERR_LIMIT)
            return;
        bench_check(error, "rill_link_send");
        open_now++;
    }
}

/* What should have left by now. */
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    uint64_t now = bench_ns(CLOCK_MONOTONIC);
    while (!stopping && open_now < window && left < most) {
        uint64_t at = start + (uint64_t)((double)left / rate);
        if (at > now)
            return;
        due[left] = at;
        int error = rill_link_send(from, left + 1, prepare, prepare_len);
        if (error == RILL_ERR_BLOCKED || error == RILL_ERR_LIMIT)
            return;
        bench_check(error, "rill_link_send");
        left++;
        open_now++;
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void tell_times(void)
{
    if (rate == 0 || fulfilled == 0)
        return;
    qsort(took, fulfilled, sizeof *took, by_size);
    bench_figure("half_ms", (double)took[fulfilled / 2] / 1e6);
    bench_figure("p99_ms", (double)took[fulfilled - 1 - fulfilled / 100] / 1e6);
    bench_figure("most_ms", (double)took[fulfilled - 1] / 1e6);
}

/* The receiver asks for its address. */
static void ask_address(rill_link *l)
{
    uint8_t request[256];
    size_t len;
    bench_check(rill_ildcp_request_encode(rill_loop_now(loop).wall_ms + 10000, request,
                                          sizeof request, &len),
                "encode");
    bench_check(rill_link_send(l, 0, request, len), "rill_link_send");
}

static rill_link_handlers sender;

/* First the receiver, then the sender. */
static void on_receiver_up(rill_link *l, void *user)
{
    (void)l;
    bench_check(rill_link_open(&from, loop, user, NULL, &sender, NULL, NULL), "LINK_FROM");
}

static void begin(rill_bytes address)
{
    make_packets(address);
    start = bench_ns(CLOCK_MONOTONIC);
    running = rate == 0;
    if (rate > 0)
        uv_timer_start(&tick, on_tick, 1, 1);
    else
        fill();
}

static void on_sender_up(rill_link *l, void *user)
{
    (void)l;
    (void)user;
    if (to != NULL)
        ask_address(to);
    else
        begin((rill_bytes){(const uint8_t *)"test.server", 11});
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void) final;
    (void)user;
    if (!stopping) {
        fprintf(stderr, "link: %s\n", detail);
        exit(error ? 1 : 0);
    }
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    (void)packet;
    (void)len;
    (void)user;
    int error = rill_link_reply(l, request, fulfill, fulfill_len);
    if (!stopping)
        bench_check(error, "rill_link_reply");
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)user;
    if (outgoing_id == 0) {
        rill_ildcp_info info;
        bench_check(rill_ildcp_response_decode(&info, packet, len), "IL-DCP");
        begin(info.address);
        return;
    }
    (void)l;
    open_now--;
    answered++;
    last = rill_loop_now(loop).mono_ns;
    if (rate > 0 && packet[0] == RILL_ILP_FULFILL)
        took[fulfilled] = bench_ns(CLOCK_MONOTONIC) - due[outgoing_id - 1];
    fulfilled += packet[0] == RILL_ILP_FULFILL;
    if (last - start > duration && !stopping)
        finish();
    if (rate == 0 && open_now <= window / 2)
        fill();
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)l;
    (void)outgoing_id;
    (void)error;
    (void)sent;
    (void)user;
}

static void on_writable(rill_link *l, void *user)
{
    (void)user;
    if (l == from && running)
        fill();
}

static void on_closed(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

int main(int argc, char **argv)
{
    rill_link_handlers receiver = {
        .size = sizeof(rill_link_handlers),
        .up = on_receiver_up,
        .down = on_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = on_writable,
        .closed = on_closed,
    };

    if (argc != 5 && argc != 6)
        return 2;
    window = (uint64_t)bench_number(argv[3]);
    duration = (uint64_t)(bench_number(argv[4]) * 1e9);
    sender = receiver;
    sender.up = on_sender_up;
    bench_check(uv_loop_init(&uv), "uv_loop_init");
    if (argc == 6) {
        rate = bench_number(argv[5]) / 1e9;
        most = (uint64_t)(rate * (double)duration * 2) + 1;
        due = calloc(most, sizeof *due);
        took = calloc(most, sizeof *took);
        bench_check(due && took && uv_timer_init(&uv, &tick) == 0 ? 0 : -1, "preparing");
    }
    bench_check(rill_loop_new(&loop, &uv), "rill_loop_new");
    if (strcmp(argv[2], "-") == 0)
        on_receiver_up(NULL, argv[1]);
    else
        bench_check(rill_link_open(&to, loop, argv[2], NULL, &receiver, argv[1], NULL), "LINK_TO");
    rill_loop_run(loop);
    bench_rate("packets", (double)answered, last - start);
    bench_figure("answered", (double)answered);
    bench_figure("fulfilled", (double)fulfilled);
    tell_times();
    rill_loop_free(loop);
    free(due);
    free(took);
    return answered > 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a server's connection with one stream that has carried a packet and is idle now. It
 * counts everything that malloc has handed out, also to OpenSSL, and separately what Rill asked for
 * itself. Clients come and go in turns, so that only the server's side stays.
 *
 * usage: bench_idle CONNECTIONS
 */
#include <malloc.h>
#include <string.h>

#include "clock.h"
#include "pair.h"

#define TURN 100 /* clients at a time */

static uint64_t own; /* bytes from the server's allocator */

static void *counting_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    size_t before = ptr ? malloc_usable_size(ptr) : 0;
    void *out = realloc(ptr, size);
    if (out)
        own += malloc_usable_size(out) - before;
    return out;
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    own -= ptr ? malloc_usable_size(ptr) : 0;
    free(ptr);
}

static double in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd);
}

static double resident(void)
{
    unsigned long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu %lu", &size, &pages) != 2)
        return 0;
    fclose(file);
    return (double)pages * 4096;
}

/* TURN clients connect, pay one packet each, and vanish. */
static void clients(bench_pair *p)
{
    static const char address[] = "test.rill.client";
    rill_endpoint_options options;
    rill_stream *streams[TURN];

    rill_endpoint_options_init(&options);
    bench_check(rill_endpoint_new(&p->client, &options), "rill_endpoint_new");
    bench_check(rill_endpoint_set_account(
                    p->client, (rill_bytes){(const uint8_t *)address, sizeof address - 1},
                    (rill_bytes){(const uint8_t *)"XRP", 3}, 9),
                "rill_endpoint_set_account");
    for (int i = 0; i < TURN; i++) {
        streams[i] = bench_pair_stream(bench_pair_connect(p, 10));
        bench_check(rill_stream_set_send_max(streams[i], PAIR_PACKET), "rill_stream_set_send_max");
    }
    while (bench_pair_turn(p))
        ;
    for (int i = 0; i < TURN; i++) {
        rill_stream_totals totals;
        rill_stream_get_totals(streams[i], &totals);
        bench_check(totals.sent == PAIR_PACKET ? 0 : -1, "paying");
    }
    rill_endpoint_free(p->client);
    p->client = NULL;
}

int main(int argc, char **argv)
{
    static const rill_allocator counting = {counting_realloc, counting_free, NULL};
    uint32_t count = (uint32_t)bench_number(argc > 1 ? argv[1] : "100000") / TURN * TURN;
    bench_pair p;

    bench_pair_open(&p, count + 10, 10, &counting, RILL_CRYPTO_OPENSSL);
    rill_endpoint_free(p.client);
    clients(&p); /* memory that is needed once, whatever the number of connections */
    double before = in_use(), resident_before = resident();
    uint64_t own_before = own;
    for (uint32_t done = TURN; done < count; done += TURN)
        clients(&p);
    double n = count - TURN;
    bench_check(rill_endpoint_connection_count(p.server) == count ? 0 : -1, "connecting");
    bench_figure("bytes", (in_use() - before) / n);
    bench_figure("own_bytes", (double)(own - own_before) / n);
    bench_figure("resident_bytes", (resident() - resident_before) / n);
    rill_endpoint_free(p.server);
    return 0;
}

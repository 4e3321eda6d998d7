/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of packets that an earlier run of the node has left, of which a disk may have any part, or
 * somebody has written: a connector begins with it. The books add up, nobody owes what is not in
 * the list, and all that was held is free in the end.
 *
 * Input: what the store had of the run; then packets, some of which are written as the node does
 * it, some with bytes that are changed afterwards.
 */
#define _GNU_SOURCE /* memfd_create */

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books_world.h"
#include "program.h"
#include "store/flights.h"

enum { EXCHANGE = 1, OUTSIDE, ALICE, BOB, CAROL, GONE, EUR_EXCHANGE, EUR_OUTSIDE, SLOT = 64 };

static const rill_store_account accounts[] = {
    {.id = EXCHANGE, .holder = RILL_HOLDER_EXCHANGE, .name = "", .asset = "USD", .scale = 2},
    {.id = OUTSIDE, .holder = RILL_HOLDER_OUTSIDE, .name = "", .asset = "USD", .scale = 2},
    {.id = ALICE, .holder = RILL_HOLDER_NEIGHBOUR, .name = "alice", .asset = "USD", .scale = 2},
    {.id = BOB, .holder = RILL_HOLDER_NEIGHBOUR, .name = "bob", .asset = "EUR", .scale = 4},
    {.id = CAROL, .holder = RILL_HOLDER_NEIGHBOUR, .name = "carol", .asset = "USD", .scale = 2},
    {.id = GONE, .holder = RILL_HOLDER_NEIGHBOUR, .name = "gone", .asset = "USD", .scale = 2},
    {.id = EUR_EXCHANGE, .holder = RILL_HOLDER_EXCHANGE, .name = "", .asset = "EUR", .scale = 4},
    {.id = EUR_OUTSIDE, .holder = RILL_HOLDER_OUTSIDE, .name = "", .asset = "EUR", .scale = 4},
};

static char path[64];
static int fd = -1;

static rill_flights *opened(void)
{
    char problem[256] = "";
    rill_flights *f = NULL;
    int rc = rill_flights_open(&f, rill_allocator_default(), path, problem, sizeof problem);
    CHECK((rc == RILL_OK) == (f != NULL));
    CHECK(rc == RILL_OK || ((rc == RILL_ERR_IO || rc == RILL_ERR_MALFORMED) && problem[0] != '\0'));
    return f;
}

/* What is there is as the node writes it. Its first slots are the next that are free. */
static void add_packets(program *p, rill_flights *f)
{
    const unsigned count = take_byte(p) % 32;
    for (unsigned i = 0; i < count && p->left > 0; i++) {
        const rill_flight flight = {
            .source = take_byte(p) % 12,
            .destination = take_byte(p) % 12,
            .taken = take_number(p),
            .given = take_number(p),
            .expires_ms = UINT64_C(1790000000000) + take_number(p) - 1000,
        };
        const uint8_t how = take_byte(p);
        const uint32_t slot = rill_flights_add(f, &flight);
        CHECK(slot != 0);
        if (how % 4 == 1)
            rill_flights_fulfilled(f, slot, 1 + take_byte(p) % 4, (how & 16) != 0);
        else if (how % 4 == 2)
            rill_flights_remove(f, slot);
    }
}

/* Near its beginning or its end: so much of it is ever used here. */
static void change_bytes(program *p)
{
    for (unsigned i = 0; i < 16 && p->left > 0; i++) {
        const uint8_t where = take_byte(p);
        const off_t slot = where < 224 ? where % 48 : RILL_FLIGHTS_MAX - where % 32;
        const off_t at = slot * SLOT + take_byte(p) % SLOT;
        const rill_bytes bytes = take_bytes(p, SLOT);
        CHECK(pwrite(fd, bytes.data, bytes.len, at) == (ssize_t)bytes.len);
    }
    if (take_byte(p) == 255)
        CHECK(ftruncate(fd, (off_t)(take_number(p) % (16 << 20))) == 0);
}

/* As new. Of its eight megabytes only that is written anew which may have been used. */
static void clear_file(void)
{
    static const uint8_t zeros[SLOT * 64];
    struct stat found;
    if (fd < 0) {
        fd = memfd_create("flights", 0);
        CHECK(fd >= 0);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    CHECK(fstat(fd, &found) == 0);
    if (found.st_size != (RILL_FLIGHTS_MAX + 1) * SLOT) {
        CHECK(ftruncate(fd, 0) == 0);
        return;
    }
    const uint64_t begins = RILL_FLIGHTS_MAGIC;
    CHECK(pwrite(fd, zeros, sizeof zeros, 0) == sizeof zeros);
    CHECK(pwrite(fd, zeros, sizeof zeros, found.st_size - (off_t)sizeof zeros) == sizeof zeros);
    CHECK(pwrite(fd, &begins, sizeof begins, 0) == sizeof begins);
}

static bool holds_nothing(const books_world *w, const char *name)
{
    const rill_balance *b =
        &rill_core_find(w->core, (rill_bytes){(const uint8_t *)name, strlen(name)})->balance;
    return b->held.high == 0 && b->held.low == 0 && b->coming.high == 0 && b->coming.low == 0;
}

static void begin_with(rill_flights *f, uint64_t runs, uint64_t kept)
{
    static books_world w;
    const books_before before = {.accounts = accounts,
                                 .account_count = sizeof accounts / sizeof *accounts,
                                 .flights = f,
                                 .runs = runs,
                                 .kept = kept};
    if (!books_begin_after(&w, &before))
        return;
    CHECK(!w.odd);
    for (unsigned i = 0; i < 4; i++) {
        books_turn(&w);
        books_written(&w, true);
        books_check(&w);
    }
    /* All of it has expired, however far in the future that was said to be. */
    for (unsigned i = 0; i < 8; i++) {
        w.now.mono_ns += (UINT64_C(1) << 60) / 8;
        w.now.wall_ms = i < 7 ? w.now.wall_ms + 3600000 : UINT64_MAX;
        (void)rill_core_expire_flights(w.core);
        books_turn(&w);
        books_written(&w, true);
        books_check(&w);
    }
    CHECK(holds_nothing(&w, "alice") && holds_nothing(&w, "bob") && holds_nothing(&w, "carol"));
    books_end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    clear_file();
    const uint64_t runs = 1 + take_byte(&p) % 4;
    const uint8_t kept = take_byte(&p);
    rill_flights *f = opened();
    CHECK(f != NULL && rill_flights_count(f) == 0);
    rill_flights_begin(f, runs);
    add_packets(&p, f);
    rill_flights_close(f);
    change_bytes(&p);
    f = opened();
    if (f != NULL)
        begin_with(f, runs, kept == 255 ? UINT64_MAX : kept % 6);
    rill_flights_close(f);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "store/flights.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"

/*
 * One cache line. A slot is in use while run is not 0 and check is right: run is written last, and
 * taken away first. Disks write sectors of 512 bytes or more whole, so that no slot is torn.
 */
typedef struct slot {
    _Atomic uint64_t run;
    uint64_t check;
    uint32_t source;
    uint32_t destination;
    uint64_t taken;
    uint64_t given;
    uint64_t expires_ms;
    _Atomic uint64_t fulfilled; /* the group twice, and 1 if the source is charged; 0: it is out */
    uint64_t zero;
} slot;

_Static_assert(sizeof(slot) == 64, "a slot is a cache line, and in one sector");

/* Slots follow. */
static const uint64_t magic = RILL_FLIGHTS_MAGIC;

/* The first slot's place: magic stands for its run. */
enum { SLOTS = RILL_FLIGHTS_MAX + 1 };

struct rill_flights {
    const rill_allocator *allocator;
    slot *slots;    /* [SLOTS], mapped; the first is the head of the file */
    uint32_t *free; /* those that are not in use, the next last */
    uint32_t unused;
    uint64_t run;
};

static uint64_t mixed(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static uint64_t check_of(const slot *s, uint64_t run)
{
    uint64_t sum = mixed(magic, run);
    sum = mixed(sum, (uint64_t)s->source << 32 | s->destination);
    sum = mixed(sum, s->taken);
    sum = mixed(sum, s->given);
    return mixed(sum, s->expires_ms);
}

static bool in_use(const slot *s)
{
    uint64_t run = atomic_load_explicit(&s->run, memory_order_relaxed);
    return run != 0 && s->check == check_of(s, run);
}

/* ---- the file ---- */

static int failed(const char *path, char *problem, size_t cap)
{
    (void)snprintf(problem, cap, "%s: %s", path, strerror(errno));
    return RILL_ERR_IO;
}

/* With all of its room: a page that the disk has no room for would end the process later. */
static int open_file(const char *path, int *fd, bool *fresh, char *problem, size_t cap)
{
    struct stat found;
    const off_t size = (off_t)SLOTS * (off_t)sizeof(slot);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (*fd < 0)
        return failed(path, problem, cap);
    int rc = fstat(*fd, &found) == 0 ? RILL_OK : failed(path, problem, cap);
    *fresh = rc == RILL_OK && found.st_size == 0;
    if (rc == RILL_OK && !*fresh && found.st_size != size) {
        (void)snprintf(problem, cap, "%s: is no list of packets of this version", path);
        rc = RILL_ERR_MALFORMED;
    }
    if (rc == RILL_OK) {
        int number = posix_fallocate(*fd, 0, size);
        errno = number;
        if (number != 0) {
            rc = failed(path, problem, cap);
            if (*fresh)
                (void)unlink(path);
        }
    }
    if (rc != RILL_OK)
        close(*fd);
    return rc;
}

static int map_file(rill_flights *f, int fd, bool fresh, const char *path, char *problem,
                    size_t cap)
{
    void *at = mmap(NULL, SLOTS * sizeof(slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return failed(path, problem, cap);
    f->slots = at;
    if (fresh)
        f->slots[0].run = magic;
    if (f->slots[0].run == magic)
        return RILL_OK;
    (void)snprintf(problem, cap, "%s: is no list of packets of this version", path);
    return RILL_ERR_MALFORMED;
}

static void find_free(rill_flights *f)
{
    for (uint32_t i = SLOTS - 1; i > 0; i--) {
        if (!in_use(&f->slots[i]))
            f->free[f->unused++] = i;
    }
}

int rill_flights_open(rill_flights **out, const rill_allocator *allocator, const char *path,
                      char *problem, size_t cap)
{
    int fd = -1;
    bool fresh = false;
    rill_flights *f = rill_calloc(allocator, 1, sizeof *f);
    if (f != NULL)
        f->free = rill_alloc(allocator, RILL_FLIGHTS_MAX * sizeof *f->free);
    if (f == NULL || f->free == NULL) {
        rill_free(allocator, f);
        (void)snprintf(problem, cap, "%s: out of memory", path);
        return RILL_ERR_NOMEM;
    }
    f->allocator = allocator;
    int rc = open_file(path, &fd, &fresh, problem, cap);
    if (rc == RILL_OK) {
        rc = map_file(f, fd, fresh, path, problem, cap);
        close(fd);
    }
    if (rc != RILL_OK) {
        rill_flights_close(f);
        return rc;
    }
    find_free(f);
    *out = f;
    return RILL_OK;
}

void rill_flights_close(rill_flights *f)
{
    if (f == NULL)
        return;
    if (f->slots != NULL)
        (void)munmap(f->slots, SLOTS * sizeof(slot));
    rill_free(f->allocator, f->free);
    rill_free(f->allocator, f);
}

void rill_flights_begin(rill_flights *f, uint64_t run)
{
    f->run = run;
}

/* ---- looking ---- */

bool rill_flights_next(const rill_flights *f, uint32_t *cursor, uint32_t *slot_number,
                       rill_flight *out)
{
    while (++*cursor < SLOTS) {
        const slot *s = &f->slots[*cursor];
        if (!in_use(s))
            continue;
        uint64_t fulfilled = atomic_load_explicit(&s->fulfilled, memory_order_relaxed);
        *slot_number = *cursor;
        *out = (rill_flight){
            .run = atomic_load_explicit(&s->run, memory_order_relaxed),
            .source = s->source,
            .destination = s->destination,
            .taken = s->taken,
            .given = s->given,
            .expires_ms = s->expires_ms,
            .group = fulfilled >> 1,
            .charged = (fulfilled & 1) != 0,
        };
        return true;
    }
    return false;
}

size_t rill_flights_count(const rill_flights *f)
{
    return RILL_FLIGHTS_MAX - f->unused;
}

/* ---- writing: the order of these stores is what counts if the process dies between two ---- */

uint32_t rill_flights_add(rill_flights *f, const rill_flight *flight)
{
    if (f->unused == 0)
        return 0;
    uint32_t number = f->free[--f->unused];
    slot *s = &f->slots[number];
    s->source = flight->source;
    s->destination = flight->destination;
    s->taken = flight->taken;
    s->given = flight->given;
    s->expires_ms = flight->expires_ms;
    s->check = check_of(s, f->run);
    atomic_store_explicit(&s->fulfilled, 0, memory_order_relaxed);
    atomic_store_explicit(&s->run, f->run, memory_order_release);
    return number;
}

void rill_flights_fulfilled(rill_flights *f, uint32_t number, uint64_t group, bool charged)
{
    if (number != 0)
        atomic_store_explicit(&f->slots[number].fulfilled, group << 1 | (charged ? 1 : 0),
                              memory_order_release);
}

void rill_flights_remove(rill_flights *f, uint32_t number)
{
    if (number == 0)
        return;
    assert(number < SLOTS && f->unused < RILL_FLIGHTS_MAX);
    atomic_store_explicit(&f->slots[number].run, 0, memory_order_release);
    f->free[f->unused++] = number;
}

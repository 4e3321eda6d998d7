/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L /* sigfillset, pthread_sigmask, clock_gettime */

#include "connector/packet_desk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "connector/packet_ring.h"

/* Milliseconds that the thread waits: for lines, to look what is old, for a disk that refuses. */
enum { IDLE_MS = 60000, AGAIN_MS = 1000 };
/* Once so long it is said that lines are missing, if more are. */
#define SAY_EVERY (60 * RILL_SECOND)

/* What the thread waits for, and who wakes it. */
enum { AWAKE, IDLE, GATHERING, REFUSED };

/* A packet that is under way. Six cache lines, of which the first two are used by most. */
typedef struct note {
    uint64_t begun_ns;
    uint64_t in;
    uint64_t out;
    uint64_t expires_ms;
    uint8_t id[RILL_PACKET_ID];
    uint32_t next; /* of one that is not used: the next of these; 0: there is none */
    uint16_t len;
    char address[RILL_PACKET_ADDRESS];
} note;

_Static_assert(sizeof(note) == 384, "notes are cache lines");

struct rill_packet_desk {
    rill_packet_desk_options options;
    rill_packet_ring *ring;
    /* The loop's. */
    note *notes;    /* [RILL_PACKET_NOTES]: number 1 is the first */
    uint32_t free;  /* the one that was used last; 0: there is none */
    uint32_t fresh; /* so many were used at some time: the rest was never touched */
    bool turning;   /* `soon` was called */
    uint64_t told;  /* missing ones that somebody was told of */
    uint64_t told_at;
    bool failed; /* as far as was said */
    /* Both sides'. */
    pthread_t thread;
    int pipe[2]; /* by which the thread is woken */
    _Atomic int sleeping;
    pthread_mutex_t lock;
    /* Under the lock. */
    rill_packet_limits limits;
    rill_packet_search *waiting; /* the first first */
    rill_packet_search *over;    /* the last first */
    size_t searches;             /* that wait */
    rill_packet_desk_state state;
    bool ending;
    bool ended;
    /* The thread's. */
    rill_packet_log log;
    uint64_t failing_ms;
    uint64_t tidied_ms;
};

/* ---- on a packet's way ---- */

static void want_turn(rill_packet_desk *d)
{
    if (d->turning)
        return;
    d->turning = true;
    d->options.soon(d->options.user);
}

/* Others may say in their own words where a packet went. */
static void leave_out_addresses(const rill_packet_desk *d, rill_packet_line *line)
{
    if (d->options.addresses)
        return;
    line->destination.len = 0;
    if (!line->by_node)
        line->triggered_by.len = line->message.len = 0;
}

uint32_t rill_packet_desk_sent(rill_packet_desk *d, const rill_packet_sent *p, rill_now now)
{
    uint32_t number = d->free;
    if (number == 0 && d->fresh < RILL_PACKET_NOTES)
        number = ++d->fresh;
    else if (number != 0)
        d->free = d->notes[number - 1].next;
    if (number == 0) {
        rill_packet_ring_miss(d->ring, now.wall_ms);
        want_turn(d);
        return 0;
    }
    note *n = &d->notes[number - 1];
    n->begun_ns = now.mono_ns;
    n->in = p->in;
    n->out = p->out;
    n->expires_ms = p->expires_ms;
    memcpy(n->id, p->condition, sizeof n->id);
    size_t len = d->options.addresses ? p->address.len : 0;
    n->len = (uint16_t)(len < sizeof n->address ? len : sizeof n->address);
    if (n->len > 0)
        memcpy(n->address, p->address.data, n->len);
    return number;
}

void rill_packet_desk_over(rill_packet_desk *d, uint32_t number, rill_packet_line *line,
                           rill_now now)
{
    assert(number > 0 && number <= d->fresh);
    note *n = &d->notes[number - 1];
    line->at_ms = now.wall_ms;
    line->took_us = now.mono_ns > n->begun_ns ? (now.mono_ns - n->begun_ns) / 1000 : 0;
    line->in = n->in;
    line->out = n->out;
    line->expires_ms = n->expires_ms;
    line->has_id = true;
    memcpy(line->id, n->id, sizeof line->id);
    line->destination = (rill_bytes){(const uint8_t *)n->address, n->len};
    leave_out_addresses(d, line);
    rill_packet_ring_put(d->ring, line);
    n->next = d->free;
    d->free = number;
    want_turn(d);
}

void rill_packet_desk_refused(rill_packet_desk *d, rill_packet_line *line, rill_now now)
{
    line->at_ms = now.wall_ms;
    leave_out_addresses(d, line);
    rill_packet_ring_put(d->ring, line);
    want_turn(d);
}

/* ---- waking the thread ---- */

/* A pipe that is full has woken it already. */
static void post(const rill_packet_desk *d)
{
    ssize_t n = write(d->pipe[1], "", 1);
    (void)n;
}

/*
 * The order of these two counts: the thread says that it sleeps before it looks for the last time
 * if there is a line.
 */
static void wake_thread(rill_packet_desk *d)
{
    atomic_thread_fence(memory_order_seq_cst);
    int sleeping = atomic_load_explicit(&d->sleeping, memory_order_relaxed);
    size_t used = rill_packet_ring_used(d->ring);
    bool wanted =
        (sleeping == IDLE && used > 0) || (sleeping == GATHERING && used > RILL_PACKET_RING / 4);
    if (wanted && atomic_exchange(&d->sleeping, AWAKE) != AWAKE)
        post(d);
}

/* Once a while, and once it is over. */
static void say_missing(rill_packet_desk *d, rill_now now)
{
    char line[200];
    uint64_t missing = rill_packet_ring_missing(d->ring);
    if (missing == d->told || (d->told_at != 0 && now.mono_ns - d->told_at < SAY_EVERY))
        return;
    (void)snprintf(line, sizeof line,
                   "packet-log: %" PRIu64 " packets are missing in it: the disk is too slow or "
                   "refuses, or too many packets are under way",
                   missing - d->told);
    d->told = missing;
    d->told_at = now.mono_ns;
    d->options.say(d->options.user, line);
}

void rill_packet_desk_turn(rill_packet_desk *d, rill_now now)
{
    d->turning = false;
    wake_thread(d);
    say_missing(d, now);
}

/* ---- the thread ---- */

static uint64_t now_ms(const rill_packet_desk *d)
{
    struct timespec t = {.tv_sec = 0};
    if (d->options.now_ms != NULL)
        return d->options.now_ms(d->options.user);
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool take_lines(rill_packet_desk *d)
{
    rill_packet_line line;
    while (rill_packet_ring_next(d->ring, &line)) {
        if (!rill_packet_log_add(&d->log, &line))
            return false;
        rill_packet_ring_drop(d->ring);
    }
    return rill_packet_log_flush(&d->log);
}

/* Of a clock that was set back, too. */
static bool tidy(rill_packet_desk *d, uint64_t now)
{
    if (now >= d->tidied_ms && now - d->tidied_ms < IDLE_MS)
        return true;
    if (!rill_packet_log_tidy(&d->log, now))
        return false;
    d->tidied_ms = now;
    return true;
}

/* What there is to write. False: the disk refuses. */
static bool work(rill_packet_desk *d)
{
    uint64_t now = now_ms(d);
    pthread_mutex_lock(&d->lock);
    rill_packet_log_limit(&d->log, d->limits);
    pthread_mutex_unlock(&d->lock);
    bool good = rill_packet_log_begin(&d->log, now) && take_lines(d) && tidy(d, now);
    if (good)
        d->failing_ms = 0;
    else if (d->failing_ms == 0)
        d->failing_ms = now;
    return good;
}

/* Tells the loop how it is, if it has to know. Under the lock. */
static void tell_state(rill_packet_desk *d)
{
    const rill_packet_log *l = &d->log;
    bool changed = d->state.failing_ms != d->failing_ms;
    d->state.lines = l->lines;
    d->state.bytes = l->total;
    d->state.files = l->count;
    d->state.oldest_ms = l->count == 0 ? 0 : l->segments[0].begun_ms;
    d->state.failing_ms = d->failing_ms;
    d->state.error = d->failing_ms == 0 ? 0 : l->error;
    if (changed)
        d->options.wake(d->options.user);
}

/* A step of the first search. Under the lock, which it leaves. */
static void search_on(rill_packet_desk *d)
{
    rill_packet_search *s = d->waiting;
    pthread_mutex_unlock(&d->lock);
    bool over = true;
    if (d->log.begun) {
        over = rill_packet_search_step(&d->log, s);
    } else { /* nobody knows yet what is there */
        s->rc = RILL_ERR_IO;
        s->error = d->log.error;
    }
    pthread_mutex_lock(&d->lock);
    if (!over)
        return;
    d->waiting = s->next;
    d->searches--;
    s->next = d->over;
    d->over = s;
    d->options.wake(d->options.user);
}

/* Until there is something to do, or for a while. */
static void sleep_for(rill_packet_desk *d, int how)
{
    int ms = how == IDLE ? IDLE_MS : how == GATHERING ? RILL_PACKET_GATHER_MS : AGAIN_MS;
    char bytes[64];
    struct pollfd p = {.fd = d->pipe[0], .events = POLLIN};
    atomic_store(&d->sleeping, how);
    atomic_thread_fence(memory_order_seq_cst);
    if (how == IDLE && rill_packet_ring_used(d->ring) > 0)
        ms = 0;
    int rc = poll(&p, 1, ms);
    (void)rc; /* whatever woke it */
    atomic_store(&d->sleeping, AWAKE);
    while (read(d->pipe[0], bytes, sizeof bytes) > 0)
        ;
}

static void *run(void *user)
{
    rill_packet_desk *d = user;
    for (;;) {
        uint64_t before = d->log.lines;
        bool good = work(d);
        pthread_mutex_lock(&d->lock);
        tell_state(d);
        bool searching = d->waiting != NULL;
        bool ending = d->ending;
        if (searching && !ending)
            search_on(d);
        pthread_mutex_unlock(&d->lock);
        if (ending)
            break;
        if (!searching)
            sleep_for(d, !good ? REFUSED : d->log.lines == before ? IDLE : GATHERING);
    }
    bool whole = work(d) && rill_packet_log_end(&d->log, now_ms(d));
    (void)whole; /* a disk that fails is not waited for any longer */
    pthread_mutex_lock(&d->lock);
    tell_state(d);
    d->ended = true;
    d->options.wake(d->options.user);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- from the loop ---- */

int rill_packet_desk_search(rill_packet_desk *d, rill_packet_search *s)
{
    pthread_mutex_lock(&d->lock);
    bool room = d->searches < RILL_PACKET_SEARCHES && !d->ending;
    rill_packet_search **at = &d->waiting;
    while (room && *at != NULL)
        at = &(*at)->next;
    if (room) {
        s->next = NULL;
        *at = s;
        d->searches++;
    }
    pthread_mutex_unlock(&d->lock);
    if (room)
        post(d);
    return room ? RILL_OK : RILL_ERR_LIMIT;
}

/* Each may be gone when `done` returns. */
static void tell_searches(rill_packet_search *first)
{
    while (first != NULL) {
        rill_packet_search *s = first;
        first = s->next;
        s->done(s);
    }
}

static void say_state(rill_packet_desk *d, const rill_packet_desk_state *state)
{
    char line[200];
    bool fails = state->failing_ms != 0;
    if (fails == d->failed)
        return;
    d->failed = fails;
    if (fails)
        (void)snprintf(line, sizeof line,
                       "packet-log: it cannot be written, and packets go on without it: %.100s",
                       strerror(state->error));
    else
        (void)snprintf(line, sizeof line, "packet-log: it can be written again");
    d->options.say(d->options.user, line);
}

void rill_packet_desk_collect(rill_packet_desk *d, rill_now now)
{
    pthread_mutex_lock(&d->lock);
    rill_packet_search *over = d->over;
    d->over = NULL;
    const rill_packet_desk_state state = d->state;
    pthread_mutex_unlock(&d->lock);
    if (d->failed && state.failing_ms == 0)
        d->told_at = 0; /* how many were missing is known now */
    say_state(d, &state);
    rill_packet_ring_tell(d->ring, now.wall_ms);
    want_turn(d);
    tell_searches(over);
}

void rill_packet_desk_get_state(rill_packet_desk *d, rill_packet_desk_state *out)
{
    pthread_mutex_lock(&d->lock);
    *out = d->state;
    pthread_mutex_unlock(&d->lock);
    out->missing = rill_packet_ring_missing(d->ring);
}

void rill_packet_desk_change(rill_packet_desk *d, rill_packet_limits limits, bool addresses)
{
    pthread_mutex_lock(&d->lock);
    d->limits = limits;
    pthread_mutex_unlock(&d->lock);
    d->options.addresses = addresses;
    post(d);
}

/* ---- its life ---- */

/* The process's signals are for the thread of the loop. */
static int start(rill_packet_desk *d)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&d->thread, NULL, run, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? RILL_OK : RILL_ERR_LIMIT;
}

static int open_pipe(int fds[2])
{
    if (pipe(fds) != 0)
        return RILL_ERR_FILES;
    for (size_t i = 0; i < 2; i++) {
        int rc = fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0;
        (void)rc; /* it cannot fail */
    }
    return RILL_OK;
}

static void release(rill_packet_desk *d)
{
    for (size_t i = 0; i < 2; i++) {
        if (d->pipe[i] >= 0)
            close(d->pipe[i]);
    }
    rill_packet_log_clear(&d->log);
    rill_packet_ring_free(d->ring);
    rill_free(d->options.allocator, d->notes);
    rill_free(d->options.allocator, d);
}

int rill_packet_desk_new(rill_packet_desk **out, const rill_packet_desk_options *options)
{
    const rill_allocator *allocator = options->allocator;
    rill_packet_desk *d = rill_calloc(allocator, 1, sizeof *d);
    if (d == NULL)
        return RILL_ERR_NOMEM;
    d->options = *options;
    d->limits = options->limits;
    d->pipe[0] = d->pipe[1] = -1;
    d->log.file = -1;
    d->log.allocator = allocator;
    /* Not touched before they are used. */
    d->notes = rill_alloc(allocator, RILL_PACKET_NOTES * sizeof *d->notes);
    int rc = d->notes == NULL ? RILL_ERR_NOMEM
                              : rill_packet_ring_new(&d->ring, allocator, RILL_PACKET_RING);
    if (rc == RILL_OK)
        rc = rill_packet_log_init(&d->log, allocator, options->files, options->limits);
    if (rc == RILL_OK)
        rc = open_pipe(d->pipe);
    if (rc == RILL_OK) {
        pthread_mutex_init(&d->lock, NULL);
        rc = start(d);
        if (rc != RILL_OK)
            pthread_mutex_destroy(&d->lock);
    }
    if (rc != RILL_OK) {
        release(d);
        return rc;
    }
    *out = d;
    return RILL_OK;
}

void rill_packet_desk_end(rill_packet_desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->ending = true;
    pthread_mutex_unlock(&d->lock);
    post(d);
}

bool rill_packet_desk_has_ended(rill_packet_desk *d)
{
    pthread_mutex_lock(&d->lock);
    bool ended = d->ended;
    pthread_mutex_unlock(&d->lock);
    return ended;
}

static void close_searches(rill_packet_desk *d)
{
    for (rill_packet_search *s = d->waiting; s != NULL; s = s->next) {
        rill_packet_search_stop(d->options.files, s);
        s->rc = RILL_ERR_CLOSED;
    }
    tell_searches(d->over);
    tell_searches(d->waiting);
}

void rill_packet_desk_free(rill_packet_desk *d)
{
    rill_packet_desk_end(d);
    pthread_join(d->thread, NULL);
    close_searches(d);
    pthread_mutex_destroy(&d->lock);
    release(d);
}

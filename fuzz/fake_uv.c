/* SPDX-License-Identifier: Apache-2.0 */
/* Handles, timers and turns of the loop. fake_socket.c has the connections. */
#define _POSIX_C_SOURCE 200809L

#include "fake_uv_impl.h"

#include <time.h>

#include "fuzz.h"

enum { MAX_HANDLES = 4096 };

#define START_NS (100 * RILL_SECOND)
#define START_MS UINT64_C(1700000000000)

static uv_handle_t *handles[MAX_HANDLES];
static size_t handle_count;
static uv_handle_t *closing; /* the last one first, as in libuv */
static uint64_t now_ns = START_NS;
static uint64_t loop_ms;
static uint64_t timer_serial;
static int64_t wall_offset;
static bool in_turn;

void fake_uv_reset(void)
{
    CHECK(handle_count == 0 && closing == NULL && !in_turn);
    now_ns = START_NS;
    loop_ms = START_NS / RILL_MS;
    timer_serial = 0;
    wall_offset = 0;
    fake_sockets_reset();
}

uint64_t fake_uv_now(void)
{
    return now_ns;
}

void fake_uv_advance(uint64_t ns)
{
    now_ns += ns;
}

void fake_uv_set_wall(int64_t offset_ms)
{
    wall_offset = offset_ms;
}

size_t fake_uv_handles(void)
{
    return handle_count;
}

/* ---- handles ---- */

void fake_handle_add(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type)
{
    CHECK(handle_count < MAX_HANDLES);
    for (size_t i = 0; i < handle_count; i++)
        CHECK(handles[i] != h); /* still in use */
    h->loop = loop;
    h->type = type;
    h->flags = FAKE_REF;
    h->close_cb = NULL;
    h->u.reserved[2] = h->u.reserved[3] = NULL;
    handles[handle_count++] = h;
}

static void remove_handle(const uv_handle_t *h)
{
    for (size_t i = 0; i < handle_count; i++)
        if (handles[i] == h) {
            handles[i] = handles[--handle_count];
            return;
        }
    CHECK(false);
}

void fake_handle_check(const void *handle)
{
    for (size_t i = 0; i < handle_count; i++)
        if (handles[i] == handle)
            return;
    CHECK(false); /* never initialised, or closed */
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    fake_handle_check(h);
    CHECK((h->flags & FAKE_CLOSING) == 0);
    h->flags = (h->flags | FAKE_CLOSING) & ~(unsigned)FAKE_ACTIVE;
    h->close_cb = cb;
    h->next_closing = closing;
    closing = h;
}

void uv_walk(uv_loop_t *loop, uv_walk_cb cb, void *arg)
{
    for (size_t i = 0; i < handle_count; i++)
        if (handles[i]->loop == loop)
            cb(handles[i], arg);
}

int uv_is_closing(const uv_handle_t *h)
{
    return (h->flags & FAKE_CLOSING) != 0;
}

int uv_is_active(const uv_handle_t *h)
{
    fake_handle_check(h);
    return (h->flags & FAKE_ACTIVE) != 0;
}

void uv_ref(uv_handle_t *h)
{
    fake_handle_check(h);
    h->flags |= FAKE_REF;
}

void uv_unref(uv_handle_t *h)
{
    fake_handle_check(h);
    h->flags &= ~(unsigned)FAKE_REF;
}

static void run_closing(void)
{
    uv_handle_t *h = closing;
    closing = NULL;
    while (h != NULL) {
        uv_handle_t *next = h->next_closing;
        if (h->type == UV_TCP)
            fake_socket_release((uv_tcp_t *)h);
        remove_handle(h);
        if (h->close_cb != NULL)
            h->close_cb(h);
        h = next;
    }
}

/* ---- timers ---- */

int uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
    fake_handle_add(loop, (uv_handle_t *)t, UV_TIMER);
    t->timer_cb = NULL;
    t->timeout = t->repeat = 0;
    return 0;
}

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    fake_handle_check(t);
    if ((t->flags & FAKE_CLOSING) != 0 || cb == NULL)
        return UV_EINVAL;
    t->timer_cb = cb;
    t->timeout = timeout > UINT64_MAX - loop_ms ? UINT64_MAX : loop_ms + timeout;
    t->repeat = repeat;
    t->start_id = ++timer_serial;
    t->flags |= FAKE_ACTIVE;
    return 0;
}

int uv_timer_stop(uv_timer_t *t)
{
    fake_handle_check(t);
    t->flags &= ~(unsigned)FAKE_ACTIVE;
    return 0;
}

static uv_timer_t *next_timer(void)
{
    uv_timer_t *first = NULL;
    for (size_t i = 0; i < handle_count; i++) {
        uv_timer_t *t = (uv_timer_t *)handles[i];
        if (handles[i]->type != UV_TIMER || (t->flags & FAKE_ACTIVE) == 0)
            continue;
        if (first == NULL || t->timeout < first->timeout ||
            (t->timeout == first->timeout && t->start_id < first->start_id))
            first = t;
    }
    return first;
}

uint64_t fake_uv_deadline(void)
{
    const uv_timer_t *t = next_timer();
    return t == NULL || t->timeout > UINT64_MAX / RILL_MS ? RILL_NEVER : t->timeout * RILL_MS;
}

static void run_timers(void)
{
    uv_timer_t *t;
    for (unsigned n = 0; (t = next_timer()) != NULL && t->timeout <= loop_ms; n++) {
        CHECK(n < 10000); /* timers that start each other again for the same moment */
        (void)uv_timer_stop(t);
        if (t->repeat != 0)
            (void)uv_timer_start(t, t->timer_cb, t->repeat, t->repeat);
        t->timer_cb(t);
    }
}

/* ---- callbacks of every turn ---- */

#define WATCHER(name, NAME)                                                                        \
    int uv_##name##_init(uv_loop_t *loop, uv_##name##_t *h)                                        \
    {                                                                                              \
        fake_handle_add(loop, (uv_handle_t *)h, UV_##NAME);                                        \
        return 0;                                                                                  \
    }                                                                                              \
    int uv_##name##_start(uv_##name##_t *h, uv_##name##_cb cb)                                     \
    {                                                                                              \
        fake_handle_check(h);                                                                      \
        if ((h->flags & FAKE_ACTIVE) == 0)                                                         \
            h->name##_cb = cb;                                                                     \
        h->flags |= FAKE_ACTIVE;                                                                   \
        return 0;                                                                                  \
    }                                                                                              \
    int uv_##name##_stop(uv_##name##_t *h)                                                         \
    {                                                                                              \
        fake_handle_check(h);                                                                      \
        h->flags &= ~(unsigned)FAKE_ACTIVE;                                                        \
        return 0;                                                                                  \
    }                                                                                              \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        for (size_t i = 0; i < handle_count; i++) {                                                \
            uv_##name##_t *h = (uv_##name##_t *)handles[i];                                        \
            if (handles[i]->type == UV_##NAME && (h->flags & FAKE_ACTIVE) != 0)                    \
                h->name##_cb(h);                                                                   \
        }                                                                                          \
    }
WATCHER(prepare, PREPARE)
WATCHER(check, CHECK)
WATCHER(idle, IDLE)

/* There is one thread here: whatever is sent is seen in the next turn. */
int uv_async_init(uv_loop_t *loop, uv_async_t *h, uv_async_cb cb)
{
    fake_handle_add(loop, (uv_handle_t *)h, UV_ASYNC);
    h->async_cb = cb;
    h->pending = 0;
    h->flags |= FAKE_ACTIVE;
    return 0;
}

int uv_async_send(uv_async_t *h)
{
    fake_handle_check(h);
    h->pending = 1;
    return 0;
}

static void run_async(void)
{
    for (size_t i = 0; i < handle_count; i++) {
        uv_async_t *h = (uv_async_t *)handles[i];
        if (handles[i]->type != UV_ASYNC || h->pending == 0 || (h->flags & FAKE_ACTIVE) == 0)
            continue;
        h->pending = 0;
        h->async_cb(h);
    }
}

static void update_time(void)
{
    loop_ms = now_ns / RILL_MS;
}

void fake_uv_turn(uv_loop_t *loop)
{
    (void)loop;
    CHECK(!in_turn);
    in_turn = true;
    update_time();
    run_timers();
    fake_sockets_pending();
    run_idle();
    run_prepare();
    update_time();
    fake_sockets_poll();
    run_async();
    run_check();
    run_closing();
    in_turn = false;
}

/* For rill_loop_free, which waits for its own handles to close. */
int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    CHECK(mode == UV_RUN_NOWAIT);
    fake_uv_turn(loop);
    return 0;
}

void uv_stop(uv_loop_t *loop)
{
    (void)loop;
}

int uv_loop_init(uv_loop_t *loop)
{
    memset(loop, 0, sizeof *loop);
    return 0;
}

int uv_loop_close(uv_loop_t *loop)
{
    (void)loop;
    return handle_count == 0 ? 0 : UV_EBUSY;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return loop_ms;
}

uint64_t uv_hrtime(void)
{
    return now_ns;
}

/* Linked with --wrap=clock_gettime, so that the wall clock is virtual, too. */
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    (void)id;
    uint64_t ms = START_MS + (now_ns - START_NS) / RILL_MS + (uint64_t)wall_offset;
    out->tv_sec = (time_t)(ms / 1000);
    out->tv_nsec = (long)(ms % 1000 * RILL_MS);
    return 0;
}

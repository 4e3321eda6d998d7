/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, writing and ending of connections. tcp_connect.c makes them.
 *
 * Over 600 lines: all of it is one state, from the first byte to the last. Whoever writes
 * has to know what ends, and the other way round.
 */
#define _POSIX_C_SOURCE 200809L

#include "io/tcp.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/muldiv.h"

#define LINGER_MS 1000
/* However slowly the peer goes on reading: so many looks, then it is over. */
#define LINGER_LOOKS 10
/* Connections among which the fullest is dropped. */
#define SEARCHED 64

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);
static void flush(rill_task *task);
static void push(rill_task *task);
static void read_again(rill_task *task);

static void on_failure(rill_task *task)
{
    rill_tcp *t = RILL_CONTAINER(task, rill_tcp, failure);
    if (t->released)
        rill_tcp_part_closed(t);
    else
        rill_tcp_lose(t, t->error);
}

int rill_tcp_new(rill_tcp **out, rill_loop *loop, const rill_tcp_handlers *on, void *owner)
{
    rill_tcp *t = rill_calloc(rill_allocator_default(), 1, sizeof *t);
    if (t == NULL)
        return RILL_ERR_NOMEM;
    t->loop = loop;
    t->on = on;
    t->owner = owner;
    t->state = RILL_TCP_IDLE;
    rill_tcp_limit(t, RILL_TCP_MAX_BACKLOG);
    uv_tcp_init(loop->uv, &t->handle);
    uv_timer_init(loop->uv, &t->linger);
    t->handle.data = t->linger.data = t;
    t->parts = 2;
    rill_task_init(&t->flush, flush);
    t->flush.push = push;
    rill_task_init(&t->failure, on_failure);
    rill_task_init(&t->again, read_again);
    rill_list_init(&t->heavy);
    rill_list_init(&t->stranger);
    *out = t;
    return RILL_OK;
}

void rill_tcp_give(rill_tcp *t, const rill_tcp_handlers *on, void *owner)
{
    assert(!t->reported && t->state < RILL_TCP_FINISHING);
    t->on = on;
    t->owner = owner;
    if (t->expire_ms != 0)
        uv_timer_stop(&t->linger);
    t->expire_ms = 0;
    rill_tcp_read_on(t);
}

const char *rill_tcp_alpn(const rill_tcp *t)
{
    return t->tls != NULL ? rill_tls_alpn(t->tls) : "";
}

static void on_expired(uv_timer_t *timer)
{
    rill_tcp *t = timer->data;
    uint64_t due_ms = rill_add_sat(t->accepted_at, t->expire_ms);
    if (rill_loop_is_behind(t->loop, rill_mul_div_floor_sat(due_ms, RILL_MS, 1))) {
        uv_timer_start(timer, on_expired, 1, 0);
        return;
    }
    snprintf(t->detail, sizeof t->detail, "%s did not %s in time", t->name,
             t->state == RILL_TCP_HANDSHAKE ? "agree on TLS" : "say what it wants");
    rill_tcp_lose(t, RILL_ERR_TIMEOUT);
}

void rill_tcp_expire(rill_tcp *t, uint64_t ms)
{
    t->expire_ms = ms;
    uv_timer_start(&t->linger, on_expired, ms, 0);
}

void rill_tcp_is_stranger(rill_tcp *t, rill_strangers *strangers)
{
    assert(t->strangers == NULL);
    t->strangers = strangers;
    rill_list_push_back(&strangers->list, &t->stranger);
    strangers->count++;
}

void rill_tcp_welcome(rill_tcp *t)
{
    if (t->strangers == NULL)
        return;
    assert(t->strangers->count > 0);
    rill_list_remove(&t->stranger);
    t->strangers->count--;
    t->strangers = NULL;
}

void rill_tcp_limit(rill_tcp *t, size_t max_backlog)
{
    t->max_backlog = max_backlog;
    t->high_water = max_backlog / 2 < RILL_TCP_HIGH_WATER ? max_backlog / 2 : RILL_TCP_HIGH_WATER;
}

size_t rill_tcp_backlog(const rill_tcp *t)
{
    size_t records = t->tls != NULL ? rill_tls_pending(t->tls) : 0;
    return records + rill_buffer_len(&t->plain) + rill_buffer_len(&t->out) +
           uv_stream_get_write_queue_size((const uv_stream_t *)&t->handle);
}

uint64_t rill_tcp_handed(const rill_tcp *t)
{
    return t->state == RILL_TCP_FINISHING ? t->appended : t->handed;
}

void rill_tcp_fail(rill_tcp *t, int error, const char *what)
{
    if (t->state == RILL_TCP_CLOSED)
        return;
    if (t->error == RILL_OK) {
        t->error = error;
        t->broken = true;
        snprintf(t->detail, sizeof t->detail, "%s %s", t->name, what);
    }
    rill_loop_defer(t->loop, &t->failure);
}

/* What it has to write goes now; what libuv is writing, when it has closed. */
static void shed(rill_tcp *t)
{
    rill_list_remove(&t->heavy);
    rill_buffer_clear(t->loop, &t->plain);
    rill_buffer_clear(t->loop, &t->out);
    t->leaving = t->busy.cap;
    t->loop->leaving += t->leaving;
    t->broken = true;
    if (t->state == RILL_TCP_OPEN)
        rill_tcp_fail(t, RILL_ERR_LIMIT, "does not read what is sent to it");
    else
        rill_tcp_close(t);
}

/* The one that waits for most, of some: there may be thousands. The next search goes on behind. */
static rill_tcp *fullest_of(rill_loop *loop)
{
    rill_tcp *fullest = RILL_CONTAINER(loop->heavy.next, rill_tcp, heavy);
    for (int i = 0; i < SEARCHED; i++) {
        rill_list *at = rill_list_pop_front(&loop->heavy);
        rill_tcp *t = RILL_CONTAINER(at, rill_tcp, heavy);
        rill_list_push_back(&loop->heavy, at);
        if (rill_tcp_backlog(t) > rill_tcp_backlog(fullest))
            fullest = t;
    }
    return fullest;
}

/* All of them together wait for too much: who makes the others pay goes. */
static void relieve(rill_loop *loop)
{
    while (loop->storage - loop->leaving > loop->max_storage && !rill_list_empty(&loop->heavy))
        shed(fullest_of(loop));
}

/* The backlog grew or shrank. TLS makes it grow, too: who waits for less of it is always told. */
static void weigh(rill_tcp *t)
{
    if (rill_tcp_backlog(t) >= t->high_water)
        t->above = true;
    bool heavy = !t->broken && rill_tcp_backlog(t) > RILL_BLOCK_SMALL;
    if (heavy && !rill_list_linked(&t->heavy))
        rill_list_push_back(&t->loop->heavy, &t->heavy);
    else if (!heavy)
        rill_list_remove(&t->heavy);
}

uint8_t *rill_tcp_reserve(rill_tcp *t, size_t len)
{
    if (t->state != RILL_TCP_OPEN || t->error != RILL_OK)
        return NULL;
    size_t backlog = rill_tcp_backlog(t);
    if (backlog > t->max_backlog || len > t->max_backlog - backlog) {
        rill_tcp_fail(t, RILL_ERR_LIMIT, "does not read what is sent to it");
        return NULL;
    }
    rill_buffer *b = t->tls != NULL ? &t->plain : &t->out;
    uint8_t *room = rill_buffer_reserve(t->loop, b, len);
    if (room == NULL)
        rill_tcp_fail(t, RILL_ERR_NOMEM, "cannot be written to: out of memory");
    return room;
}

void rill_tcp_commit(rill_tcp *t, size_t len)
{
    /* Room is only given while it can be written. */
    assert(t->state == RILL_TCP_OPEN && t->error == RILL_OK);
    rill_buffer_commit(t->tls != NULL ? &t->plain : &t->out, len);
    t->appended += len;
    weigh(t);
    relieve(t->loop);
    rill_loop_before_wait(t->loop, &t->flush);
}

void rill_tcp_wipe_written(rill_tcp *t)
{
    t->plain.secret = t->plain.data != NULL;
    t->out.secret = t->out.data != NULL;
}

static void check_drained(rill_tcp *t)
{
    weigh(t);
    if (t->above && t->state == RILL_TCP_OPEN && rill_tcp_backlog(t) <= t->high_water / 4) {
        t->above = false;
        t->on->drained(t->owner);
    }
}

/* Fetches all that TLS has for the network. */
static int take_records(rill_tcp *t)
{
    size_t pending = rill_tls_pending(t->tls);
    if (pending == 0)
        return RILL_OK;
    uint8_t *room = rill_buffer_reserve(t->loop, &t->out, pending);
    if (room == NULL)
        return RILL_ERR_NOMEM;
    rill_buffer_commit(&t->out, rill_tls_take(t->tls, room, pending));
    return RILL_OK;
}

/* Encrypts what waits, and fetches it. */
static int pump_tls(rill_tcp *t)
{
    size_t plain = rill_buffer_len(&t->plain);
    if (plain != 0) {
        int error = rill_tls_write(t->tls, t->plain.data + t->plain.start, plain);
        if (error != RILL_OK)
            return error;
        rill_buffer_consume(t->loop, &t->plain, plain);
    }
    return take_records(t);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    rill_tcp *t = request->handle->data;
    if (t->state == RILL_TCP_FINISHING && (status != 0 || t->ended))
        rill_tcp_close(t);
}

/* Everything is written: nothing more will be, and the peer's end is waited for. */
static void shut(rill_tcp *t)
{
    if (t->shut)
        return;
    if (t->tls != NULL) {
        rill_tls_end(t->tls);
        if (pump_tls(t) == RILL_OK && rill_buffer_len(&t->out) != 0) {
            uv_buf_t last =
                uv_buf_init((char *)t->out.data + t->out.start, (unsigned)rill_buffer_len(&t->out));
            /* A close_notify that does not fit now is not worth waiting for. */
            (void)uv_try_write((uv_stream_t *)&t->handle, &last, 1);
            rill_buffer_clear(t->loop, &t->out);
        }
    }
    t->shut = true;
    if (uv_shutdown(&t->shutdown, (uv_stream_t *)&t->handle, on_shutdown) != 0)
        rill_tcp_close(t);
}

static void socket_failed(rill_tcp *t, int status)
{
    t->broken = true;
    snprintf(t->detail, sizeof t->detail, "lost %s: %s", t->name, uv_strerror(status));
    rill_tcp_lose(t, RILL_ERR_NOT_CONNECTED);
}

static void on_written(uv_write_t *request, int status)
{
    rill_tcp *t = request->handle->data;
    t->writing = false;
    rill_buffer_clear(t->loop, &t->busy);
    if (t->state == RILL_TCP_CLOSED)
        return;
    if (status != 0) {
        socket_failed(t, status);
        return;
    }
    rill_loop_before_wait(t->loop, &t->flush);
    check_drained(t);
}

/* Hands what the socket does not take now over to libuv. */
static int write_rest(rill_tcp *t)
{
    assert(rill_buffer_len(&t->busy) == 0);
    t->busy = t->out;
    t->out = (rill_buffer){0};
    uv_buf_t rest =
        uv_buf_init((char *)t->busy.data + t->busy.start, (unsigned)rill_buffer_len(&t->busy));
    int status = uv_write(&t->write, (uv_stream_t *)&t->handle, &rest, 1, on_written);
    if (status == 0)
        t->writing = true;
    return status;
}

static bool can_write(const rill_tcp *t)
{
    return t->state >= RILL_TCP_HANDSHAKE && t->state != RILL_TCP_CLOSED && !t->writing;
}

/* Writes what waits, as much as the socket takes, and leaves the rest to libuv. Its status. */
static int transmit(rill_tcp *t)
{
    t->handed = t->appended;
    if (t->tls != NULL && !t->shut && pump_tls(t) != RILL_OK)
        return UV_EPROTO;
    size_t len = rill_buffer_len(&t->out);
    if (len == 0)
        return 0;
    uv_buf_t all = uv_buf_init((char *)t->out.data + t->out.start, (unsigned)len);
    int status = uv_try_write((uv_stream_t *)&t->handle, &all, 1);
    if (status > 0)
        rill_buffer_consume(t->loop, &t->out, (size_t)status);
    if (rill_buffer_len(&t->out) != 0 && (status >= 0 || status == UV_EAGAIN))
        status = write_rest(t);
    return status < 0 ? status : 0;
}

static void push(rill_task *task)
{
    rill_tcp *t = RILL_CONTAINER(task, rill_tcp, flush);
    if (can_write(t) && t->status == 0)
        t->status = transmit(t);
}

static void flush(rill_task *task)
{
    rill_tcp *t = RILL_CONTAINER(task, rill_tcp, flush);
    int status = t->status;
    t->status = 0;
    if (status == 0 && can_write(t))
        status = transmit(t);
    if (t->state < RILL_TCP_HANDSHAKE || t->state == RILL_TCP_CLOSED)
        return;
    if (status == UV_EPROTO) {
        t->broken = true;
        snprintf(t->detail, sizeof t->detail, "lost %s: TLS failed", t->name);
        rill_tcp_lose(t, RILL_ERR_TLS);
    } else if (status < 0) {
        socket_failed(t, status);
    } else if (t->state == RILL_TCP_FINISHING && !t->writing) {
        shut(t);
    } else {
        check_drained(t);
    }
}

/*
 * What TLS itself wants to say: session tickets, answers to key updates, alerts. It counts like all
 * that waits, for who asks for it without end may not read any of it.
 */
static void answer_tls(rill_tcp *t)
{
    if (rill_tls_pending(t->tls) == 0)
        return;
    rill_loop_before_wait(t->loop, &t->flush);
    if (take_records(t) != RILL_OK) {
        rill_tcp_fail(t, RILL_ERR_NOMEM, "cannot be written to: out of memory");
        return;
    }
    if (rill_tcp_backlog(t) > t->max_backlog)
        rill_tcp_fail(t, RILL_ERR_LIMIT, "does not read what is sent to it");
    weigh(t);
    relieve(t->loop);
}

/* Plaintext to the owner, as long as it wants any. */
static void read_tls(rill_tcp *t)
{
    while (t->state == RILL_TCP_OPEN && t->error == RILL_OK) {
        size_t len = 0;
        int error = rill_tls_read(t->tls, t->loop->record, RILL_TLS_RECORD, &len);
        answer_tls(t);
        if (error == RILL_OK) {
            t->on->read(t->owner, t->loop->record, len);
            continue;
        }
        if (error == RILL_ERR_BLOCKED)
            return;
        if (error == RILL_ERR_CLOSED)
            snprintf(t->detail, sizeof t->detail, "%s closed the connection", t->name);
        else
            snprintf(t->detail, sizeof t->detail, "lost %s: %s", t->name, rill_tls_problem(t->tls));
        rill_tcp_lose(t, error == RILL_ERR_CLOSED ? RILL_ERR_NOT_CONNECTED : RILL_ERR_TLS);
        return;
    }
}

static void shake_hands(rill_tcp *t)
{
    int error = rill_tls_handshake(t->tls);
    rill_loop_before_wait(t->loop, &t->flush);
    if (error == RILL_ERR_BLOCKED)
        return;
    if (error != RILL_OK) {
        snprintf(t->detail, sizeof t->detail, "no TLS with %s: %s", t->name,
                 error == RILL_ERR_TLS ? rill_tls_problem(t->tls) : "closed");
        rill_tcp_lose(t, RILL_ERR_TLS);
        return;
    }
    t->state = RILL_TCP_OPEN;
    t->on->open(t->owner);
    read_tls(t);
}

static void read_late(rill_tcp *t, uint8_t *data, size_t len)
{
    if (t->tls == NULL) {
        t->on->late(t->owner, data, len);
        return;
    }
    if (rill_tls_feed(t->tls, data, len) != RILL_OK)
        return;
    while (t->state == RILL_TCP_FINISHING &&
           rill_tls_read(t->tls, t->loop->record, RILL_TLS_RECORD, &len) == RILL_OK)
        t->on->late(t->owner, t->loop->record, len);
}

static void input(rill_tcp *t, uint8_t *data, size_t len)
{
    if (t->tls == NULL) {
        t->on->read(t->owner, data, len);
        return;
    }
    if (rill_tls_feed(t->tls, data, len) != RILL_OK) {
        snprintf(t->detail, sizeof t->detail, "lost %s: out of memory", t->name);
        rill_tcp_lose(t, RILL_ERR_NOMEM);
    } else if (t->state == RILL_TCP_HANDSHAKE) {
        shake_hands(t);
    } else {
        read_tls(t);
    }
}

static void on_ended(rill_tcp *t, ssize_t status)
{
    t->ended = true;
    if (t->state == RILL_TCP_FINISHING) {
        /* A peer may stop writing and still read. */
        if (status != UV_EOF || t->shut)
            rill_tcp_close(t);
        return;
    }
    if (status != UV_EOF) {
        socket_failed(t, (int)status);
        return;
    }
    snprintf(t->detail, sizeof t->detail, "%s closed the connection", t->name);
    rill_tcp_lose(t, RILL_ERR_NOT_CONNECTED);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    rill_tcp *t = stream->data;
    rill_loop_stale(t->loop);
    if (count < 0)
        on_ended(t, count);
    else if (count > 0 && (t->state == RILL_TCP_OPEN || t->state == RILL_TCP_HANDSHAKE))
        input(t, (uint8_t *)buf->base, (size_t)count);
    else if (count > 0 && t->state == RILL_TCP_FINISHING && t->on->late != NULL)
        read_late(t, (uint8_t *)buf->base, (size_t)count);
    /*
     * libuv would read on in this turn, up to 2 MB: more than may wait to be written elsewhere,
     * and too long for the others to wait. A share is enough, then it is their turn.
     */
    if (count == (ssize_t)buf->len && t->state != RILL_TCP_CLOSED && !t->unwanted) {
        uv_read_stop(stream);
        rill_loop_defer(t->loop, &t->again);
        t->loop->unread++;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);

static void read_again(rill_task *task)
{
    rill_tcp *t = RILL_CONTAINER(task, rill_tcp, again);
    int status = uv_read_start((uv_stream_t *)&t->handle, on_alloc, on_read);
    if (status != 0 && status != UV_EALREADY)
        socket_failed(t, status);
}

void rill_tcp_read_no_more(rill_tcp *t)
{
    if (t->state != RILL_TCP_OPEN || t->unwanted)
        return;
    t->unwanted = true;
    uv_read_stop((uv_stream_t *)&t->handle);
    rill_task_cancel(&t->again);
}

void rill_tcp_read_on(rill_tcp *t)
{
    if (!t->unwanted)
        return;
    t->unwanted = false;
    if (t->state != RILL_TCP_CLOSED)
        rill_loop_defer(t->loop, &t->again);
}

/* libuv reads and calls on_read at once, so one block serves all connections of a loop. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    const rill_tcp *t = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)t->loop->read_block, (unsigned)t->loop->share);
}

void rill_tcp_start(rill_tcp *t, uint8_t *early, size_t len)
{
    uv_tcp_nodelay(&t->handle, 1);
    int status = uv_read_start((uv_stream_t *)&t->handle, on_alloc, on_read);
    if (status != 0) {
        socket_failed(t, status);
        return;
    }
    if (t->tls != NULL) {
        t->state = RILL_TCP_HANDSHAKE;
        shake_hands(t);
    } else {
        t->state = RILL_TCP_OPEN;
        t->on->open(t->owner);
    }
    if (len > 0 && (t->state == RILL_TCP_OPEN || t->state == RILL_TCP_HANDSHAKE))
        input(t, early, len);
}

void rill_tcp_lose(rill_tcp *t, int error)
{
    if (t->state == RILL_TCP_FINISHING)
        rill_tcp_close(t);
    if ((t->state == RILL_TCP_CLOSED && !t->kept) || t->reported)
        return;
    t->reported = true;
    t->error = error;
    t->on->lost(t->owner, error, t->detail);
}

static void on_linger(uv_timer_t *timer)
{
    rill_tcp *t = timer->data;
    size_t backlog = rill_tcp_backlog(t);
    if (backlog >= t->lingered || ++t->looks == LINGER_LOOKS)
        rill_tcp_close(t);
    else
        t->lingered = backlog;
}

void rill_tcp_finish(rill_tcp *t)
{
    if (t->state == RILL_TCP_FINISHING)
        return;
    if (t->state != RILL_TCP_OPEN || t->broken) {
        /* An alert that says what is wrong with TLS is worth one attempt. */
        if (t->state == RILL_TCP_HANDSHAKE)
            flush(&t->flush);
        rill_tcp_close(t);
        return;
    }
    t->state = RILL_TCP_FINISHING;
    rill_tcp_read_on(t); /* the end is to be seen */
    t->lingered = rill_tcp_backlog(t);
    uv_timer_start(&t->linger, on_linger, LINGER_MS, LINGER_MS);
    rill_loop_before_wait(t->loop, &t->flush);
}

void rill_tcp_nothing_follows(rill_tcp *t)
{
    t->ended = true;
    if (t->state == RILL_TCP_FINISHING && t->shut)
        rill_tcp_close(t);
}

void rill_tcp_part_closed(rill_tcp *t)
{
    assert(t->parts > 0);
    if (--t->parts != 0)
        return;
    rill_buffer_clear(t->loop, &t->plain);
    rill_buffer_clear(t->loop, &t->out);
    rill_buffer_clear(t->loop, &t->busy);
    rill_tls_free(t->tls);
    t->tls = NULL;
    t->loop->leaving -= t->leaving;
    /* Nothing of the loop's may find it again. */
    assert(t->strangers == NULL && !rill_list_linked(&t->heavy) &&
           !rill_list_linked(&t->flush.node) && !rill_list_linked(&t->failure.node) &&
           !rill_list_linked(&t->again.node));
    t->on->closed(t->owner);
    rill_free(rill_allocator_default(), t);
}

static void on_handle_closed(uv_handle_t *handle)
{
    rill_tcp_part_closed(handle->data);
}

static void close_socket(rill_tcp *t)
{
    t->state = RILL_TCP_CLOSED;
    rill_tcp_welcome(t);
    rill_list_remove(&t->heavy);
    rill_task_cancel(&t->flush);
    rill_task_cancel(&t->failure);
    rill_task_cancel(&t->again);
    if (t->dialing != NULL)
        t->dialing->cancel(t->dialing);
    uv_close((uv_handle_t *)&t->handle, on_handle_closed);
    uv_close((uv_handle_t *)&t->linger, on_handle_closed);
}

void rill_tcp_close(rill_tcp *t)
{
    if (t->state != RILL_TCP_CLOSED) {
        close_socket(t);
    } else if (t->kept) {
        t->kept = false;
        t->released = true;
        rill_loop_defer(t->loop, &t->failure);
    }
}

void rill_tcp_drop(rill_tcp *t, int error, const char *what)
{
    if (t->state == RILL_TCP_CLOSED)
        return;
    /* Who is finishing it has closed it already, and waits for nothing but the end. */
    bool owned = t->state != RILL_TCP_FINISHING;
    close_socket(t);
    if (!owned)
        return;
    t->kept = true;
    t->parts++;
    if (t->reported)
        return;
    t->error = error;
    t->broken = true;
    snprintf(t->detail, sizeof t->detail, "%s %s", t->name, what);
    rill_loop_defer(t->loop, &t->failure);
}

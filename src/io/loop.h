/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of librill-net share of a loop: the work to do before it
 * waits, the clocks, random bytes, and memory that passes from connection to
 * connection. Whoever includes this defines _POSIX_C_SOURCE first, for uv.h.
 */
#ifndef RILL_IO_LOOP_H
#define RILL_IO_LOOP_H

#include <pthread.h>

#include <rill/loop.h>
#include <uv.h>

#include "base/list.h"
#include "crypto/crypto.h"

/*
 * Output starts in a block of this size, and one read brings at most as much.
 * Measured: reads of twice and four times as much cost the node more a packet.
 */
#define RILL_BLOCK 65536
/* Or in one of this size, while no other is to be had. */
#define RILL_BLOCK_SMALL 4096
/*
 * Where many connections bring more than that all the time, each is read less at once: about so
 * much of all of them before it is the turn of those that say little. Not less than a small block
 * each.
 */
#define RILL_TURN ((size_t)16 * RILL_BLOCK)
/* Blocks kept for the next connection that has something to write. */
#define RILL_BLOCK_POOL 32
/* Plaintext of one TLS record. */
#define RILL_TLS_RECORD 16384

/* Something to do once, later in this turn or in the next. In one list at a time. */
typedef struct rill_task {
    rill_list node;
    void (*run)(struct rill_task *task);
    /*
     * For rill_loop_before_wait: writes what it can and tells nobody of what it finds, which
     * is left to run. May be NULL.
     */
    void (*push)(struct rill_task *task);
} rill_task;

/* What other threads hand over: rill_loop_post. All but async is behind the lock. */
typedef struct rill_posts {
    pthread_mutex_t lock;
    uv_async_t async;
    rill_list waiting;
    rill_list taken; /* out of it: those whose turn it is */
    bool over;       /* nothing is taken any more */
    bool finishing;  /* the loop is being freed, and what waits is called */
} rill_posts;

struct rill_loop {
    uv_loop_t *uv;
    uv_loop_t own; /* uv points here where the embedder gave none */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* active while something is deferred, so that the loop does not wait */
    rill_posts posts;
    unsigned handles; /* of its own, above */
    unsigned held;    /* by what has an end of its own */
    bool running;     /* by rill_loop_run */
    bool freed;       /* it goes with that; an embedder's with the last that holds it */
    rill_crypto *crypto;
    rill_list pumps; /* hosts: before dirty, so that what they write leaves in the same turn */
    rill_list dirty;
    rill_list *flushing; /* those of dirty whose turn it is; NULL */
    rill_list deferred;
    rill_now now;
    uint64_t now_uv; /* uv_now() when `now` was read */
    bool now_valid;
    bool owing;            /* replies wait to be written */
    uint64_t polled_at;    /* monotonic: when it last went to look at what has arrived */
    unsigned unread;       /* connections that had more then than was read at once */
    size_t share;          /* what one may bring at once, in this turn */
    uint64_t behind_until; /* see rill_loop_is_behind; 0 */
    uint8_t *read_block;
    uint8_t *record;
    size_t storage; /* bytes that buffers hold */
    size_t max_storage;
    rill_list heavy;    /* connections with more than a small block to write */
    size_t leaving;     /* part of storage: of connections that were dropped for theirs */
    rill_list partials; /* WebSockets with a part of a message, who began first first */
    size_t partial;     /* bytes that these parts hold */
    size_t pool_count;
    uint8_t *pool[RILL_BLOCK_POOL];
    rill_list adopted;           /* listening sockets that nobody has taken yet (adopt.h) */
    rill_list listening;         /* acceptors that are open */
    struct http_desk *http_desk; /* src/links/http's; NULL: nobody has any */
};

/* ---- post.c ---- */
/* RILL_ERR_NOMEM, RILL_ERR_IO, RILL_ERR_FILES. */
RILL_MUST_CHECK int rill_posts_init(rill_loop *loop);
/* Makes the calls that wait. False: there were none. */
bool rill_posts_run(rill_loop *loop);
/* Makes those that wait; when this returns none wait, and no more are taken. */
void rill_posts_finish(rill_loop *loop);
/* They are taken again: the loop stays. */
void rill_posts_go_on(rill_loop *loop);
void rill_posts_destroy(rill_loop *loop);

/* ---- loop.c ---- */
/* Something of an application's is on it, until it has said that it is over. */
void rill_loop_hold(rill_loop *loop);
void rill_loop_drop(rill_loop *loop);

/* ---- status.c ---- */
/* Which of ours it is, of a status of libuv's: RILL_ERR_FILES, RILL_ERR_NOMEM, RILL_ERR_IO. */
int rill_loop_error(int status);

/* ---- turn.c ---- */
/* loop->uv is set. From now on tasks can wait, and run where the loop does. */
void rill_turns_init(rill_loop *loop);
void rill_task_init(rill_task *task, void (*run)(rill_task *task));
/* Runs it right before the loop waits next. Does nothing where it is in a list already. */
void rill_loop_before_wait(rill_loop *loop, rill_task *task);
/* Runs it before all of those, so that their output leaves in this turn. For hosts. */
void rill_loop_before_flush(rill_loop *loop, rill_task *task);
/*
 * Writes what waits to be written, as far as sockets take it, from inside any call: nobody is
 * called back. Before every handler of an application: it may take its time, and what was
 * committed may not wait for it.
 */
void rill_loop_push(rill_loop *loop);
/*
 * The clocks as they were last read in this callback of libuv: for who is called for
 * each packet. rill_loop_stale says that time may have passed since: it begins every such callback,
 * and follows every handler of an application.
 */
rill_now rill_loop_clock(rill_loop *loop);
/* The wall clock as it is now, nanoseconds since 1970: what begins in one turn is in order too. */
uint64_t rill_loop_wall_ns(void);
void rill_loop_stale(rill_loop *loop);
/* What one connection may bring in a turn if in the last one so many had more than theirs. */
size_t rill_loop_share(unsigned unread);
/*
 * True if something was due a while ago, and not all that has arrived since was read: the process
 * was stopped, say, or a handler took long. A peer that seems to have timed out may have answered,
 * so its timer tries again in a millisecond. This is true for a second at most, however much
 * arrives. due: monotonic nanoseconds.
 */
bool rill_loop_is_behind(rill_loop *loop, uint64_t due);
/* Runs it from the loop, never from inside this call, and soon. */
void rill_loop_defer(rill_loop *loop, rill_task *task);
void rill_task_cancel(rill_task *task);

/* ---- buffer.c ---- */
/* A queue of bytes. It has storage only while it has bytes. */
typedef struct rill_buffer {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t cap;
    bool secret; /* wiped before its storage is another's; of this storage, not of the queue */
} rill_buffer;

size_t rill_buffer_len(const rill_buffer *b);
/* Room for len bytes at the end, contiguous; NULL: no memory. Not part of it until committed. */
uint8_t *rill_buffer_reserve(rill_loop *loop, rill_buffer *b, size_t len);
void rill_buffer_commit(rill_buffer *b, size_t len);
/* Takes len bytes off the front. */
void rill_buffer_consume(rill_loop *loop, rill_buffer *b, size_t len);
void rill_buffer_clear(rill_loop *loop, rill_buffer *b);

#endif

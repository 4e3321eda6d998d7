/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection, with TLS on it where asked for. Output is collected and
 * leaves in one write a turn of the loop; what waits is counted and limited,
 * for each connection and (RILL_LOOP_MAX_OUTPUT) for all of a loop.
 *
 * It has one owner at a time, who is told what happens. A listener hands one that it
 * has accepted over to the protocol that it speaks, HTTP to WebSocket when a client
 * asks for that: rill_tcp_give.
 */
#ifndef RILL_IO_TCP_H
#define RILL_IO_TCP_H

#include "io/loop.h"
#include "io/tls.h"

/* Where a sender is asked to wait; it may go on at a quarter of it. */
#define RILL_TCP_HIGH_WATER  ((size_t)1024 * 1024)
#define RILL_TCP_MAX_BACKLOG ((size_t)16 * 1024 * 1024)
#define RILL_TCP_NAME        288

/* Connections that a listener took, and nobody has said yet that they may stay: oldest first. */
typedef struct rill_strangers {
    rill_list list; /* rill_tcp.stranger */
    uint32_t count;
} rill_strangers;

/* All from the loop, never from inside a call. */
typedef struct rill_tcp_handlers {
    /* Connected, and TLS agreed upon. */
    void (*open)(void *owner);
    /* The bytes are good, and the owner's to change, until it returns. */
    void (*read)(void *owner, uint8_t *data, size_t len);
    /*
     * As read, of what comes while it is being finished: only to see whether more does
     * (rill_tcp_nothing_follows). May be NULL.
     */
    void (*late)(void *owner, uint8_t *data, size_t len);
    /* Of no use any more; the owner then finishes or closes it. Once at most. */
    void (*lost)(void *owner, int error, const char *detail);
    /* The backlog was over the high-water mark and is under the low one. */
    void (*drained)(void *owner);
    /* After finish or close: the last call. The connection is freed when it returns. */
    void (*closed)(void *owner);
} rill_tcp_handlers;

typedef enum rill_tcp_state {
    RILL_TCP_IDLE,
    RILL_TCP_CONNECTING,
    RILL_TCP_HANDSHAKE,
    RILL_TCP_OPEN,
    RILL_TCP_FINISHING, /* writes what waits, ignores what comes */
    RILL_TCP_CLOSED     /* waits for libuv to let go */
} rill_tcp_state;

/* What is at making the connection. It sets rill_tcp.dialing, and back to NULL at its end. */
typedef struct rill_dialing {
    /* The connection is closed: it ends at once. */
    void (*cancel)(struct rill_dialing *d);
    bool resolving; /* it does not know an address yet */
} rill_dialing;

typedef struct rill_tcp {
    rill_loop *loop;
    const rill_tcp_handlers *on;
    void *owner;
    rill_tcp_state state;
    uv_tcp_t handle;
    uv_timer_t linger;
    uv_shutdown_t shutdown;
    uv_write_t write;
    rill_task flush;
    rill_task failure;
    rill_task again; /* reads on in the next turn */
    rill_list heavy; /* in loop->heavy while more than a small block waits */
    rill_tls *tls;
    rill_buffer plain; /* with TLS: what is to be encrypted */
    rill_buffer out;
    rill_buffer busy;  /* libuv is writing it */
    uint64_t appended; /* bytes of the application, ever */
    uint64_t handed;   /* of these, the ones that may have left */
    size_t high_water;
    size_t max_backlog;
    size_t lingered;           /* backlog when the linger timer last looked */
    unsigned looks;            /* of the linger timer */
    size_t leaving;            /* bytes of storage in loop->leaving */
    rill_dialing *dialing;     /* while it is being connected; NULL */
    uint64_t accepted_at;      /* uv_now() */
    uint64_t expire_ms;        /* after that; 0: not set */
    rill_strangers *strangers; /* the listener's that it is one of; NULL */
    rill_list stranger;        /* in that */
    unsigned parts;            /* libuv handles and requests that still point here */
    bool writing;
    bool unwanted; /* its owner wants to read nothing now */
    bool above;    /* was over the high-water mark, and not under the low one since */
    bool reported; /* lost */
    bool broken;   /* nothing can be written any more, or nothing should */
    bool ended;    /* the peer writes nothing more */
    bool shut;     /* we write nothing more */
    bool kept;     /* dropped, and its owner has not closed it yet */
    bool released; /* it has: the last part goes */
    int status;    /* libuv's of the last write, until somebody is told of it; 0 */
    int error;
    char name[RILL_TCP_NAME]; /* of the peer, for people */
    char detail[RILL_TCP_NAME + 128];
} rill_tcp;

/* Nothing happens yet. It ends by rill_tcp_finish or rill_tcp_close. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_tcp_new(rill_tcp **out, rill_loop *loop, const rill_tcp_handlers *on,
                                 void *owner);
/*
 * From now on it is another's, who is told what happens from here on: the one before is
 * called no more. From inside a handler too, but not once it was lost.
 */
void rill_tcp_give(rill_tcp *t, const rill_tcp_handlers *on, void *owner);
/*
 * tls: NULL for none. Through the proxy of the environment, if there is one (io/proxy.h). open or
 * lost follows. RILL_ERR_NOMEM, RILL_ERR_TLS, RILL_ERR_RESOLVE.
 */
RILL_MUST_CHECK int rill_tcp_connect(rill_tcp *t, const char *host, uint16_t port,
                                     rill_tls_context *tls);
/* Connecting: it does not know an address yet. */
bool rill_tcp_is_resolving(const rill_tcp *t);
/*
 * Takes the connection that waits at a listener; open comes before it returns
 * where there is no TLS. RILL_ERR_IO, and as above.
 */
RILL_MUST_CHECK int rill_tcp_accept(rill_tcp *t, uv_stream_t *listener, rill_tls_context *tls);

/*
 * Room for len bytes of output, which count once committed and leave before
 * the loop waits. NULL: not open, no memory, or over the limit; `lost` follows
 * where it is not over already.
 */
uint8_t *rill_tcp_reserve(rill_tcp *t, size_t len);
void rill_tcp_commit(rill_tcp *t, size_t len);
/*
 * What comes stays in the system, until rill_tcp_read_on, a new owner or the end; what TLS has of
 * it already, at most a block, is still read. Nobody notices meanwhile that the peer has gone.
 */
void rill_tcp_read_no_more(rill_tcp *t);
void rill_tcp_read_on(rill_tcp *t);
/* Beyond that many bytes of backlog it is lost. Default: RILL_TCP_MAX_BACKLOG. */
void rill_tcp_limit(rill_tcp *t, size_t max_backlog);
/* How many of the appended bytes may have left, or may yet. */
uint64_t rill_tcp_handed(const rill_tcp *t);
/* Bytes that wait to be written. */
size_t rill_tcp_backlog(const rill_tcp *t);

/* All that waits now holds a secret: once it has been written no copy of it stays. */
void rill_tcp_wipe_written(rill_tcp *t);

/* Of no use any more: nothing is written, and `lost` follows from the loop. what: after the name.
 */
void rill_tcp_fail(rill_tcp *t, int error, const char *what);
/*
 * Writes what waits, then closes; gives up where the peer takes nothing for a
 * second, or not all of it in ten.
 */
void rill_tcp_finish(rill_tcp *t);
/*
 * The peer has said that it sends nothing more and knows that we do not: where all is
 * written, it is closed without waiting for the end of what comes, which some never send.
 */
void rill_tcp_nothing_follows(rill_tcp *t);
/* Closes, whatever waits. */
void rill_tcp_close(rill_tcp *t);
/*
 * Others need its place: the socket is closed before this returns, whatever its owner is at.
 * `lost` follows from the loop, where the owner was not told of an end before, and then the
 * owner closes it as usual. what: after the name.
 */
void rill_tcp_drop(rill_tcp *t, int error, const char *what);

/*
 * The number of the user at the other end of a socket of this machine, when it connected. False:
 * the system does not say.
 */
bool rill_tcp_peer_user(const rill_tcp *t, uint32_t *user);
/* What TLS has agreed on by ALPN (RFC 7301), once it is open; "" where nothing. */
const char *rill_tcp_alpn(const rill_tcp *t);
/*
 * So many milliseconds after it was accepted it is lost (RILL_ERR_TIMEOUT), unless it was given
 * away by then. The time of a handshake is limited so.
 */
void rill_tcp_expire(rill_tcp *t, uint64_t ms);
/* It is one of them until rill_tcp_welcome, or its end. */
void rill_tcp_is_stranger(rill_tcp *t, rill_strangers *strangers);
/* Who it is has been checked: it gives way to nobody. Again: nothing. */
void rill_tcp_welcome(rill_tcp *t);

/* For those who connect it: the socket is connected, and these bytes have come over it. */
void rill_tcp_start(rill_tcp *t, uint8_t *early, size_t len);
/* Reports `lost` with t->detail, or ends what was finishing. From the loop only. */
void rill_tcp_lose(rill_tcp *t, int error);
/* One of t->parts let go. */
void rill_tcp_part_closed(rill_tcp *t);

#endif

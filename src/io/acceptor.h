/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket that survives running out of file descriptors. */
#ifndef RILL_IO_ACCEPTOR_H
#define RILL_IO_ACCEPTOR_H

#include "io/loop.h"
#include "io/unix_socket.h"

typedef struct rill_acceptor {
    rill_loop *loop;
    rill_list node; /* of the loop, while it is open */
    uv_tcp_t handle;
    uv_timer_t retry;
    struct sockaddr_storage address; /* with the port that was picked */
    unsigned parts;
    bool closing;
    bool open;              /* handle is in use */
    rill_unix_socket local; /* if it has a path */
    int kept; /* the socket once more, lest it be bound again without the right to; or -1 */
    /* A connection waits to be taken with uv_accept. */
    void (*ready)(struct rill_acceptor *l, uv_stream_t *stream);
    /* Connections cannot be taken at present; status is libuv's. */
    void (*trouble)(struct rill_acceptor *l, int status);
    void (*closed)(struct rill_acceptor *l);
} rill_acceptor;

/*
 * loop and the three functions are set. A socket that the loop has adopted is taken.
 * RILL_ERR_INVALID (host is no numeric address), RILL_ERR_ADDRESS_IN_USE, RILL_ERR_FILES,
 * RILL_ERR_IO: then `closed` follows as well.
 */
RILL_MUST_CHECK int rill_acceptor_open(rill_acceptor *l, const char *host, uint16_t port);
/* The same at a path; the errors of rill_unix_bind, and RILL_ERR_INVALID: one that was adopted is
 * for everybody. */
RILL_MUST_CHECK int rill_acceptor_open_unix(rill_acceptor *l, const char *path);
/* 0 at a path. */
uint16_t rill_acceptor_port(const rill_acceptor *l);
/*
 * For a moment, where a connection that waits cannot even be taken to be
 * closed: it is dropped, those after it wait. From `ready`.
 */
void rill_acceptor_pause(rill_acceptor *l);
/* Leaves the connection that waits, and those after it: `ready` comes again then. From `ready`. */
void rill_acceptor_wait(rill_acceptor *l, uint64_t ms);
/* closed follows. Again: nothing. */
void rill_acceptor_close(rill_acceptor *l);

#endif

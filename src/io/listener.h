/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port. It takes connections, agrees with each on TLS, finds out which protocol it speaks, and
 * hands it over to that: BTP over WebSocket, HTTP/1.1, HTTP/2, or another.
 *
 * ALPN says which protocol it is, if the client offers something (RFC 7301). Otherwise the first
 * bytes say it: each protocol looks at them, in the order of the list.
 *
 * A connection is a stranger until its protocol knows who is at the other end, and says so by
 * rill_tcp_welcome. There is a limit on strangers. Beyond it the oldest gives way, so that clients
 * that say nothing keep nobody out.
 */
#ifndef RILL_IO_LISTENER_H
#define RILL_IO_LISTENER_H

#include "io/tcp.h"

#define RILL_LISTENER_MAX_PROTOCOLS 8
/* First bytes that a protocol is shown at most: as many as HTTP/2's preface has. */
#define RILL_SNIFF_MAX 24

typedef enum rill_sniffed {
    RILL_SNIFF_NO,
    RILL_SNIFF_MORE, /* so far it may be; never at RILL_SNIFF_MAX bytes */
    RILL_SNIFF_YES
} rill_sniffed;

typedef struct rill_protocol {
    /* Its name in ALPN, such as "h2". NULL: it has none. */
    const char *alpn;
    /*
     * Do these first bytes, one at least, begin a connection of this protocol? NULL: it takes
     * whatever comes, and at once: the protocols behind it are reached by ALPN alone.
     */
    rill_sniffed (*sniff)(const uint8_t *data, size_t len);
    /*
     * The connection is to be taken over, by rill_tcp_give before this returns: its new owner's
     * `open` follows at once, and then `read` with all that came, from the first byte on. Any
     * error: it was not taken over, and the listener closes it.
     */
    int (*take)(void *user, rill_tcp *t);
    void *user;
} rill_protocol;

/* "PRI * HTTP/2.0", the preface of a client that speaks HTTP/2 (RFC 9113 section 3.4). */
rill_sniffed rill_sniff_http2(const uint8_t *data, size_t len);
/* A method and a blank, as a request of HTTP/1.1 begins (RFC 9112 section 3): also that preface. */
rill_sniffed rill_sniff_http1(const uint8_t *data, size_t len);

typedef struct rill_listener_options {
    const char *host; /* numeric address. Default: "127.0.0.1" */
    uint16_t port;    /* 0: any that is free. Default: 0 */
    /* A socket at this path instead, for who runs as the same user. Default: NULL, none */
    const char *path;
    /* PEM files, for TLS. Default: both NULL, no TLS */
    const char *cert_file;
    const char *key_file;
    const rill_protocol *protocols; /* copied; the names that they point at stay */
    size_t protocol_count;          /* 1 to RILL_LISTENER_MAX_PROTOCOLS */
    /*
     * Connections that are strangers, at least 1. One more, and the oldest is dropped; not before
     * as many milliseconds as this limit says, or 500, for which the newcomer waits. Default: 1024
     */
    uint32_t max_strangers;
    /* From being accepted to being handed over, nanoseconds. Default: 5 s */
    uint64_t hello_timeout;
    /* A line about somebody outside. May be NULL. */
    void (*log)(void *user, const char *line);
    void *user;
} rill_listener_options;

typedef struct rill_listener rill_listener;

void rill_listener_options_init(rill_listener_options *o);
/*
 * RILL_ERR_ADDRESS_IN_USE, RILL_ERR_INVALID (host, protocols, one
 * file without the other), RILL_ERR_FILES, RILL_ERR_IO, RILL_ERR_NOMEM, RILL_ERR_TLS; with a path
 * those of rill_unix_bind, too.
 */
RILL_MUST_CHECK int rill_listener_open(rill_listener **out, rill_loop *loop,
                                       const rill_listener_options *o);
/* The port that it listens on; 0 at a path. */
uint16_t rill_listener_port(const rill_listener *l);
/*
 * Certificates anew from these files, for connections to come. RILL_ERR_TLS, RILL_ERR_NOMEM: all
 * stays as it was; RILL_ERR_INVALID: it serves without TLS.
 */
RILL_MUST_CHECK int rill_listener_renew_tls(rill_listener *l, const char *cert_file,
                                            const char *key_file);
/* Takes no more. */
void rill_listener_stop(rill_listener *l);
/*
 * Takes no more, and drops those that it has not handed over; those that it has are their
 * protocols'. closed(user) follows, then it is gone; closed may be NULL. Once.
 */
void rill_listener_close(rill_listener *l, void (*closed)(void *user));

#endif

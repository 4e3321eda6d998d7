/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a node for an echo, as the JavaScript connectors answer it: a packet without money goes to
 * the node's ILP address, with our own address in it; the node sends it back to us, and we fulfil
 * it. So it went both ways. Not every node answers such packets.
 */
#ifndef RILL_PING_H
#define RILL_PING_H

#include <rill/ilp.h>
#include <rill/link.h>

RILL_BEGIN_DECLS

typedef struct rill_ping rill_ping;

/* Called from the loop, never from inside a call. All but done may be NULL. */
typedef struct rill_ping_handlers {
    size_t size RILL_SIZE_OF(struct rill_ping_handlers); /* see rill/types.h */
    /* The answer to packet `number`, which counts from 1, after so many nanoseconds. */
    void (*answered)(uint64_t number, uint64_t round_trip_ns, void *user) RILL_UNSET;
    /*
     * There is none. reject: what was refused, by whom; borrowed, and NULL where no Reject came.
     * error: RILL_ERR_REFUSED with a reject; RILL_ERR_MALFORMED: the answer is no ILP packet, or
     * no answer to this one; else as `unanswered` of rill_link_handlers.
     */
    void (*unanswered)(uint64_t number, int error, const rill_reject *reject,
                       void *user) RILL_UNSET;
    /*
     * The last call: it is gone when this returns. RILL_OK: all packets were sent, whatever became
     * of them, or it was closed. Otherwise the node was not reached (an error of rill_link_open or
     * of the link's `down`), tells no account (RILL_ERR_REFUSED, RILL_ERR_TIMEOUT, RILL_ERR_
     * MALFORMED and what else rill_ildcp_response_decode returns), or a packet could not be sent
     * (reached). detail: one line for people, without secrets.
     */
    void (*done)(int error, bool reached, const char *detail, void *user) RILL_UNSET;
} rill_ping_handlers;

typedef struct rill_ping_options {
    size_t size;                           /* sizeof(rill_ping_options): see rill/types.h */
    const char *link_uri;                  /* Default: NULL: rill_link_uri_from_environment */
    const rill_link_options *link_options; /* copied. Default: NULL: the defaults */
    /* Our own ILP address, copied. Default: NULL: the link's neighbour is asked (IL-DCP) */
    const char *address;
    uint64_t count;             /* packets, at least 1. Default: 1 */
    uint64_t interval_ns;       /* from an answer to the next packet. Default: 1 s */
    uint64_t answer_timeout_ns; /* for an answer, until the packet expires. Default: 10 s */
    /* For the neighbour to tell our address, once the link is up. Default: 15 s */
    uint64_t account_timeout_ns;
} rill_ping_options;

RILL_API void rill_ping_options_init_sized(rill_ping_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_ping_options_init(rill_ping_options *o)
{
    rill_ping_options_init_sized(o, sizeof *o);
}

/*
 * Connects, and sends the first packet to the node at destination, an ILP address, which is copied.
 * done follows. options may be NULL. RILL_ERR_ADDRESS (destination or address), RILL_ERR_INVALID,
 * and the errors of rill_link_open and of rill_link_uri_from_environment; RILL_ERR_CRYPTO. *problem
 * (may be NULL) then says what is wrong, static, without secrets.
 */
RILL_API RILL_MUST_CHECK int rill_ping_open(rill_ping **out, rill_loop *loop,
                                            const char *destination,
                                            const rill_ping_options *options,
                                            const rill_ping_handlers *handlers, void *user,
                                            const char **problem);
/* What it waits for: the link, our address, the answer. NOTHING between two packets. */
RILL_API void rill_ping_get_waiting_sized(const rill_ping *p, rill_waiting *out, size_t size);
static inline void rill_ping_get_waiting(const rill_ping *p, rill_waiting *out)
{
    rill_ping_get_waiting_sized(p, out, sizeof *out);
}
/* Sends nothing more; done follows. A second call does nothing. */
RILL_API void rill_ping_close(rill_ping *p);

RILL_END_DECLS

#endif

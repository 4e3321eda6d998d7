/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a packet gets on its way to an ILP address, and what each node on the way refuses. ILP
 * counts no hops, so this asks with packets that nobody can fulfil: one with much time and without
 * money, then some with less and less time, then some with more and more money. No money moves.
 *
 * What it cannot know: a node that refuses none of these packets is not seen. Who refused is what
 * that node says of itself, and nobody checks it. The time of an answer is that of the whole way
 * there and back. While such a packet is under way, the nodes hold its amount as that of any other.
 */
#ifndef RILL_TRACE_H
#define RILL_TRACE_H

#include <rill/ilp.h>
#include <rill/link.h>

RILL_BEGIN_DECLS

typedef struct rill_trace rill_trace;

/* What a packet is about. */
typedef enum rill_trace_kind {
    RILL_TRACE_REACH = 0, /* all of the time, and no money */
    RILL_TRACE_TIME,      /* less time, and no money */
    RILL_TRACE_AMOUNT     /* all of the time, and money */
} rill_trace_kind;

/* What became of a packet. */
typedef struct rill_trace_answer {
    rill_trace_kind kind;
    uint64_t amount;  /* units of our account */
    uint64_t left_ms; /* milliseconds until it expired, when it was sent */
    uint64_t round_trip_ns;
    /*
     * RILL_ERR_REFUSED: a Reject came. RILL_ERR_TIMEOUT: nothing came until the packet had expired,
     * and for late_ns longer. RILL_ERR_MALFORMED: what came is no ILP packet, or a Fulfill, which
     * nobody can have made. Else as `unanswered` of rill_link_handlers.
     */
    int error;
    const rill_reject *reject; /* borrowed; NULL where no Reject came */
    /* Of an F08 that says it, in units of whoever refused; both 0: it does not say. */
    rill_amount_too_large too_large;
} rill_trace_answer;

/* Packets in a row that had the same outcome: the same code from the same node. */
typedef struct rill_trace_range {
    rill_trace_kind kind; /* never RILL_TRACE_REACH */
    /*
     * The smallest and the largest that was asked: milliseconds, or units of our account. What lies
     * between this range and the next was not asked.
     */
    uint64_t first;
    uint64_t last;
    uint64_t round_trip_ns; /* of the quickest answer */
    int error;              /* as in rill_trace_answer */
    /* As in rill_trace_answer, of one of the packets, without data, and its message cut at 255. */
    const rill_reject *reject;
    rill_amount_too_large too_large; /* of the packet `first` */
} rill_trace_range;

/* Called from the loop, never from inside a call. All but done may be NULL. */
typedef struct rill_trace_handlers {
    size_t size RILL_SIZE_OF(struct rill_trace_handlers); /* see rill/types.h */
    /* For each packet, in the order in which they were sent. The first is RILL_TRACE_REACH. */
    void (*answered)(const rill_trace_answer *answer, void *user) RILL_UNSET;
    /* After all packets: first the ranges of time, the shortest first, then those of amounts, the
     * smallest first. */
    void (*range)(const rill_trace_range *range, void *user) RILL_UNSET;
    /*
     * The last call: it is gone when this returns. RILL_OK: all was asked, or it was closed.
     * Otherwise the node was not reached (an error of rill_link_open or of the link's `down`), or a
     * packet could not be sent (reached). detail: one line for people, without secrets.
     */
    void (*done)(int error, bool reached, const char *detail, void *user) RILL_UNSET;
} rill_trace_handlers;

typedef struct rill_trace_options {
    size_t size;                           /* sizeof(rill_trace_options): see rill/types.h */
    const char *link_uri;                  /* Default: NULL: rill_link_uri_from_environment */
    const rill_link_options *link_options; /* copied. Default: NULL: the defaults */
    /*
     * How long packets that do not test the time live. At least 2 ms, at most an hour. Default: 30
     * s
     */
    uint64_t packet_time_ns;
    uint64_t late_ns; /* how long to wait for answers after a packet has expired. Default: 1 s */
    /* The largest amount, units of our account; 0: none is asked. Default: the largest there is */
    uint64_t max_amount;
    /* Before a packet that a node refused because there were too many (T05) is repeated, four times
       at most. Default: 1 s */
    uint64_t pause_ns;
} rill_trace_options;

RILL_API void rill_trace_options_init_sized(rill_trace_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_trace_options_init(rill_trace_options *o)
{
    rill_trace_options_init_sized(o, sizeof *o);
}

/*
 * Connects, and sends packets to destination, an ILP address, which is copied: one at a time, and
 * not more than 200. done follows. options may be NULL. RILL_ERR_ADDRESS (destination),
 * RILL_ERR_INVALID, and the errors of rill_link_open and of rill_link_uri_from_environment.
 * *problem (may be NULL) then says what is wrong, static, without secrets.
 */
RILL_API RILL_MUST_CHECK int rill_trace_open(rill_trace **out, rill_loop *loop,
                                             const char *destination,
                                             const rill_trace_options *options,
                                             const rill_trace_handlers *handlers, void *user,
                                             const char **problem);
/* What it waits for: the link, or an answer. NOTHING between two packets. */
RILL_API void rill_trace_get_waiting_sized(const rill_trace *t, rill_waiting *out, size_t size);
static inline void rill_trace_get_waiting(const rill_trace *t, rill_waiting *out)
{
    rill_trace_get_waiting_sized(t, out, sizeof *out);
}
/* Sends nothing more; done follows, without ranges. A second call does nothing. */
RILL_API void rill_trace_close(rill_trace *t);

RILL_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a payment is made of: shared by its files alone. */
#ifndef RILL_RUN_PAYMENT_IMPL_H
#define RILL_RUN_PAYMENT_IMPL_H

#include <uv.h>

#include "io/loop.h"
#include <rill/payment.h>

#define RILL_PAYMENT_CHUNK 16384

struct rill_payment {
    rill_loop *loop;
    rill_client *client;         /* NULL between two, and at the end */
    rill_connection *connection; /* NULL before ready and after its end */
    rill_stream *stream;         /* NULL so too */
    uv_timer_t timer;
    rill_task report; /* progress: told once what can leave has left */
    rill_payment_handlers handlers;
    rill_bytes data; /* of the options: what is still to be written */
    rill_net_options net;
    rill_link_options link_options;             /* what net points at */
    rill_connection_options connection_options; /* so too */
    char *destination_account;
    uint8_t *secret;
    size_t secret_len;
    uint64_t amount;
    uint64_t goal;    /* of the amount, what this connection is to send */
    uint64_t started; /* monotonic nanoseconds */
    uint64_t deadline;
    uint64_t stall;    /* without progress for so long it ends, nanoseconds; 0: never */
    uint64_t grace_at; /* RILL_NEVER while nothing has failed */
    bool fail_fast;
    bool reached;    /* the node */
    bool money_sent; /* all of it */
    bool data_read;  /* all of it, and written to the stream */
    bool ended;      /* connection_end was asked for */
    bool over;       /* the connection is gone, and the outcome known: only the link is closed */
    bool gave_up;    /* the connection was closed because of the error */
    bool sent_away;  /* the other side ended it first, and called that no error */
    bool vague;      /* the detail is no more than the error's text */
    bool again;      /* another connection is to carry the rest */
    unsigned barren; /* connections in a row that were forgotten and had sent nothing */
    int error;
    char link_detail[256]; /* why the link is down; "" */
    rill_pay_result result;
    rill_pay_result before; /* sums of the connections before this one */
    uint64_t data_written;

    /* what is told of waiting */
    uint64_t progress_at;   /* monotonic nanoseconds of the last progress */
    uint64_t progress_seen; /* units and bytes by then */
    uint64_t told_at;
    rill_wait told;
    rill_waiting last; /* as it was when the clock was looked at last */

    size_t chunk_at;
    size_t chunk_len;
    uint8_t chunk[RILL_PAYMENT_CHUNK];
};

static inline uint64_t rill_payment_now(rill_payment *p)
{
    return rill_loop_now(p->loop).mono_ns;
}

/* ---- pay.c ---- */

/* What the program gave, with the defaults of what it does not know, and all that is needed. */
RILL_MUST_CHECK int rill_pay_options_take(rill_pay_options *full, const rill_pay_options *o,
                                          const char **problem);

/* ---- payment_tell.c ---- */

/* The sums so far, of this connection and those before it, into the result. */
void rill_payment_take_stats(rill_payment *p);
void rill_payment_take_offsets(rill_payment *p);
/* The same sums, in what the application is told while it goes on. */
void rill_payment_add_before(const rill_payment *p, rill_connection_stats *stats,
                             rill_stream_totals *totals);
/* Writes one line about why not all was sent, where there is none yet. message may be NULL. */
void rill_payment_describe(rill_payment *p, int error, const char *message, bool remote);
/* Notes progress; tells what is waited for. False: the application cancels. */
RILL_MUST_CHECK bool rill_payment_tell(rill_payment *p);
/* Nothing has gone on for too long. */
RILL_MUST_CHECK bool rill_payment_stalled(rill_payment *p);

#endif

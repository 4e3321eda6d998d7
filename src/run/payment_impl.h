/* SPDX-License-Identifier: Apache-2.0 */
/* What a payment is made of: shared by its files alone. */
#ifndef RILL_RUN_PAYMENT_IMPL_H
#define RILL_RUN_PAYMENT_IMPL_H

#include <uv.h>

#include "base/muldiv.h"
#include "io/loop.h"
#include <rill/payment.h>
#include <rill/quote.h>

#define RILL_PAYMENT_CHUNK 16384

/* What a payment is before it has terms. */
struct rill_quote {
    rill_quote_handlers handlers;
};

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
    uint64_t amount;  /* the most that is sent */
    uint64_t deliver; /* the other side's units: ends when they have arrived; 0: when all is sent */
    uint64_t goal;    /* of the amount, what this connection may send */
    uint64_t allowed; /* of this, what it may have sent by now: the step under way */
    uint64_t packet_lifetime;  /* no packet that is in doubt lives longer, nanoseconds */
    rill_ratio min_rate;       /* num 0: the connection's options say */
    rill_ratio asked_min_rate; /* what was given beside a fixed delivery: num 0: none */
    rill_quote_path path;      /* what is known of it */
    rill_quote quote;
    uint64_t hint;    /* what is asked about; 0: anything */
    bool is_quote;    /* terms are to come: rill_quote_pay */
    bool asks;        /* the path is asked before anything is sent */
    bool held;        /* it has answered, and nothing is sent before there are terms */
    bool pushed;      /* the step is all that there is: smaller ones bring nothing */
    bool words_taken; /* of the other side, for the result */
    uint64_t saved_at;
    uint64_t saved_sent;
    uint64_t started; /* monotonic nanoseconds */
    uint64_t deadline;
    uint64_t stall;    /* without progress for so long it ends, nanoseconds; 0: never */
    uint64_t grace_at; /* RILL_NEVER while nothing has failed */
    bool fail_fast;
    bool let_in;     /* the link to the node was up once */
    bool reached;    /* the node, which has told our account */
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

/* ---- payment_open.c ---- */

/* rill_payment_start, and for a quote: asks, and waits for terms then. */
RILL_MUST_CHECK int rill_payment_open(rill_payment **out, rill_loop *loop,
                                      const rill_pay_options *o,
                                      const rill_payment_handlers *handlers, bool is_quote,
                                      const char **problem);
/* Data and times of the options, from now on. */
void rill_payment_take_data(rill_payment *p, const rill_pay_options *o);
void rill_payment_take_times(rill_payment *p, const rill_pay_options *o);

/* ---- payment.c ---- */

/* Opens the client, for the first time or another one. As rill_client_open. */
RILL_MUST_CHECK int rill_payment_connect(rill_payment *p, const char **problem);
/* Its timer, once it is connecting. */
void rill_payment_begin(rill_payment *p, rill_loop *loop);
void rill_payment_free(rill_payment *p);
/* There are terms: money and data leave. error: why not. */
void rill_payment_release(rill_payment *p, int error);

/* ---- payment_goal.c ---- */

/* Units of ours that an earlier connection or process has sent, or may have. */
static inline uint64_t rill_payment_gone(const rill_payment *p)
{
    return rill_add_sat(p->before.sent, p->before.in_doubt);
}
/* What still has to arrive, if all that may have arrived has. delivered: by this connection. */
uint64_t rill_payment_left(const rill_payment *p, uint64_t delivered);
/* What is known of the path, from the connection. There are connection and stream. */
void rill_payment_take_path(rill_payment *p);
/* Asks the path. As rill_connection_probe. */
RILL_MUST_CHECK int rill_payment_ask(rill_payment *p);
/* What is to be sent, and how. As rill_connection_set_min_rate. */
RILL_MUST_CHECK int rill_payment_take_terms(rill_payment *p, uint64_t amount, uint64_t deliver,
                                            rill_ratio min_rate);
/* The next step, or the whole: rill_stream_send_total, after its state was saved. */
RILL_MUST_CHECK int rill_payment_send_more(rill_payment *p);
/* All that this connection was to do with money is done. */
bool rill_payment_has_all(const rill_payment *p);
/* A step failed: a larger one may do. */
RILL_MUST_CHECK bool rill_payment_push(rill_payment *p, int error);
bool rill_payment_saves(const rill_payment *p);
RILL_MUST_CHECK int rill_payment_save(rill_payment *p, bool at_end);
RILL_MUST_CHECK int rill_payment_save_progress(rill_payment *p);

/* ---- pay_options.c ---- */

/* What the program gave, with the defaults of what it does not know, and all that is needed. */
RILL_MUST_CHECK int rill_pay_options_take(rill_pay_options *full, const rill_pay_options *o,
                                          const char **problem);

/* ---- payment_tell.c ---- */

/* The sums so far, of this connection and those before it, into the result. */
void rill_payment_take_stats(rill_payment *p);
void rill_payment_take_stream(rill_payment *p);
/* The same sums, in what the application is told while it goes on. */
void rill_payment_add_before(const rill_payment *p, rill_connection_stats *stats,
                             rill_stream_totals *totals);
/* Writes one line about why not all was sent, where there is none yet. message may be NULL. */
void rill_payment_describe(rill_payment *p, int error, const char *message, bool remote);
/*
 * Ours is the first stream of its connection, and it is new. A server that says that it has closed
 * it takes the connection for one of before, which it has kept: the reference does so until its own
 * goodbye to that one is answered. False: it is not that.
 */
bool rill_payment_describe_refused_anew(rill_payment *p, const rill_end *end);
/* Notes progress; tells what is waited for. False: the application cancels. */
RILL_MUST_CHECK bool rill_payment_tell(rill_payment *p);
/* The last reject's words, while there is a connection. */
void rill_payment_take_reject(rill_payment *p);
/* Words of the other side: the first that come. */
void rill_payment_take_words(rill_payment *p, const void *text, size_t len);
/* What an error means, where nothing finer was noted. */
rill_reason rill_payment_reason(const rill_payment *p, int error);
/* The path has answered: who asked for a quote is told. */
void rill_payment_tell_quote(rill_payment *p);
/* Nothing has gone on for too long. */
RILL_MUST_CHECK bool rill_payment_stalled(rill_payment *p);

#endif

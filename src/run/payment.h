/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One payment on one stream of a connection of its own: what rill_pay and
 * `rill send` have in common. The data may come bit by bit.
 */
#ifndef RILL_RUN_PAYMENT_H
#define RILL_RUN_PAYMENT_H

#include <rill/net.h>

typedef struct rill_payment rill_payment;

/*
 * Where the data comes from. Reads at most cap bytes to buf; *len 0 at the
 * end. RILL_ERR_BLOCKED: nothing yet, rill_payment_readable follows. Another
 * error ends the payment.
 */
typedef struct rill_payment_source {
    int (*read)(void *user, uint8_t *buf, size_t cap, size_t *len);
    void *user;
} rill_payment_source;

typedef struct rill_payment_handlers {
    /* Now and then, every tenth of a second at least; false cancels. May be NULL. */
    bool (*progress)(const rill_connection_stats *stats, const rill_stream_totals *totals,
                     void *user);
    /* As rill_pay_options'. May be NULL. */
    bool (*waiting)(const rill_waiting *waiting, uint64_t waited, void *user);
    /* The last call. reached: the node was, so that the error is not about it. */
    void (*done)(int error, bool reached, const rill_pay_result *result, void *user);
    void *user;
} rill_payment_handlers;

/*
 * As rill_client_open. o's data, progress and waiting are not looked at. source may be NULL.
 * fail_fast: the first failure to reach the node is the end. Options, credentials, source and
 * handlers are copied, and what o->net points at too, but for its texts, which stay until done.
 */
RILL_MUST_CHECK int rill_payment_start(rill_payment **out, rill_loop *loop,
                                       const rill_pay_options *o, const rill_payment_source *source,
                                       const rill_payment_handlers *handlers, bool fail_fast,
                                       const char **problem);
/* What the program gave, with the defaults of what it does not know, and all that is needed. */
RILL_MUST_CHECK int rill_pay_options_take(rill_pay_options *full, const rill_pay_options *o,
                                          const char **problem);
/* Bytes of data that the other side has acknowledged. */
uint64_t rill_payment_acknowledged(const rill_payment *p);
void rill_payment_readable(rill_payment *p);
/* Sends nothing more; done follows with RILL_ERR_CANCELLED, once what is in flight is answered. */
void rill_payment_cancel(rill_payment *p);
/* What it waits for; since is its last progress. */
void rill_payment_waiting(rill_payment *p, rill_waiting *out);

#endif

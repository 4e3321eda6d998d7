/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One payment on one stream of a connection of its own, on a loop beside other things: what
 * rill_pay (rill/net.h) does while its caller waits.
 */
#ifndef RILL_PAYMENT_H
#define RILL_PAYMENT_H

#include <rill/net.h>

RILL_BEGIN_DECLS

typedef struct rill_payment rill_payment;

/* Called from the loop, never from inside a call. All but done may be NULL. */
typedef struct rill_payment_handlers {
    size_t size RILL_SIZE_OF(struct rill_payment_handlers);
    /*
     * Where the bytes come from that are sent beside the money, instead of the data of the options.
     * Reads at most cap bytes into buf and sets *len; 0 is the end. RILL_ERR_BLOCKED: there are
     * none yet, and rill_payment_readable will be called. Another error ends the payment. NULL: the
     * data of the options.
     */
    int (*read)(uint8_t *buf, size_t cap, size_t *len, void *user) RILL_UNSET;
    /* At least every tenth of a second while it goes on; false cancels. */
    bool (*progress)(const rill_connection_stats *stats, const rill_stream_totals *totals,
                     void *user) RILL_UNSET;
    /*
     * Once a second while nothing has gone on for a second or more, and at once where the reason
     * changes. waited_ns: for how long nothing has. false cancels.
     */
    bool (*waiting)(const rill_waiting *waiting, uint64_t waited_ns, void *user) RILL_UNSET;
    /*
     * The last call: the payment is gone when it returns. error and result: as of rill_pay. result
     * is the library's. reached: the node was reached, so that the error is not about it.
     */
    void (*done)(int error, bool reached, const rill_pay_result *result, void *user) RILL_UNSET;
    void *user RILL_UNSET;
} rill_payment_handlers;

/*
 * Starts a payment; done follows. Of the options, progress, waiting and user are not looked at.
 * Options, credentials and handlers are copied, and what options->net points at too. The texts of
 * options->net and the data stay the caller's, and must be there until done.
 * Errors, which come without done: as rill_client_open. *problem (may be NULL) then says what is
 * wrong with the options, static, without secrets.
 */
RILL_API RILL_MUST_CHECK int rill_payment_start(rill_payment **out, rill_loop *loop,
                                                const rill_pay_options *options,
                                                const rill_payment_handlers *handlers,
                                                const char **problem);
/* Bytes that the other side has acknowledged. */
RILL_API uint64_t rill_payment_acknowledged(const rill_payment *p);
/* The read handler, which had nothing, has something again. */
RILL_API void rill_payment_readable(rill_payment *p);
/*
 * Sends nothing more. done follows with RILL_ERR_CANCELLED when what is in flight is answered, or
 * after 2 s. Does nothing if the payment has failed already.
 */
RILL_API void rill_payment_cancel(rill_payment *p);
/* What it waits for; since_ns is its last progress. */
RILL_API void rill_payment_get_waiting_sized(rill_payment *p, rill_waiting *out, size_t size);
static inline void rill_payment_get_waiting(rill_payment *p, rill_waiting *out)
{
    rill_payment_get_waiting_sized(p, out, sizeof *out);
}

RILL_END_DECLS

#endif

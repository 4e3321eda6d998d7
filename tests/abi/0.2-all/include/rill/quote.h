/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes: what a payment will cost and bring, before any of it is paid.
 *
 * A quote connects to the receiver and asks the path once, with packets that nobody can fulfil
 * (rill_connection_probe). From then on terms for any amount are arithmetic. The connection stays
 * open while somebody decides, and then it pays by the terms, or closes.
 *
 * Terms promise three things, whatever the path and the receiver do. No more than max_source is
 * ever sent. Of each amount sent at least min_rate arrives, rounded down to a whole unit once and
 * not for each packet. When all of max_source is sent, at least min_delivery has arrived.
 */
#ifndef RILL_QUOTE_H
#define RILL_QUOTE_H

#include <rill/payment.h>
#include <rill/reason.h>

RILL_BEGIN_DECLS

/* ---- terms: arithmetic alone ---- */

/* What is known of a path and of both ends. rill_quote_path_init sets what means "not known". */
typedef struct rill_quote_path {
    size_t size; /* sizeof(rill_quote_path): see rill/types.h */
    /* Units of the receiver's for one of ours, not scaled to whole assets. */
    rill_ratio low_rate;        /* some packet has brought this; num 0: not known */
    rill_ratio high_rate;       /* it is less than this; den 0: not known */
    uint64_t max_packet_amount; /* our units: the largest packet that is known to pass */
    uint64_t receive_max;   /* its units: the most that it takes; RILL_UNLIMITED; 0: nothing yet */
    uint64_t round_trip_ns; /* 0: not known */
    char source_asset_code[RILL_MAX_ASSET_CODE + 1]; /* "": not known */
    uint8_t source_asset_scale;
    char destination_asset_code[RILL_MAX_ASSET_CODE + 1]; /* "": the receiver has told none */
    uint8_t destination_asset_scale;
} rill_quote_path;

/* What is wanted. Exactly one of source_amount and deliver_amount is set. */
typedef struct rill_quote_options {
    size_t size RILL_SIZE_OF(rill_quote_options);
    uint64_t source_amount;  /* our units: how much is sent. Default: 0 */
    uint64_t deliver_amount; /* the receiver's units: how much arrives. Default: 0 */
    uint64_t max_source;     /* with deliver_amount: the most that is sent. Default: by min_rate */
    /*
     * What one whole unit of our asset is worth in whole units of the receiver's: 0.92 for EUR paid
     * from USD, whatever the scales. The minimum rate is this less slippage. Default: num 0: the
     * rate that was probed, less slippage.
     */
    rill_ratio price;
    rill_ratio slippage; /* the part that may be lost, less than 1. Default: 1/100 */
    rill_ratio min_rate; /* units for units, instead of price and slippage. Default: num 0: none */
    /* The asset that the receiver must have. Default: NULL: any. */
    const char *asset_code;
    uint8_t asset_scale;
} rill_quote_options;

RILL_API void rill_quote_options_init_sized(rill_quote_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_quote_options_init(rill_quote_options *o)
{
    rill_quote_options_init_sized(o, sizeof *o);
}

typedef struct rill_quote_terms {
    size_t size RILL_SIZE_OF(rill_quote_terms);
    bool fixed_delivery;   /* ends when min_delivery has arrived; else when max_source is sent */
    uint64_t max_source;   /* our units: the most that is sent */
    uint64_t min_delivery; /* the receiver's units: the least that arrives if all goes through */
    rill_ratio min_rate;   /* units for units; no packet may bring less than this, rounded */
    /* What will probably be sent and arrive: at the probed rate, rounded against us. */
    uint64_t likely_source;
    uint64_t likely_delivery;
} rill_quote_terms;

RILL_API void rill_quote_path_init_sized(rill_quote_path *path, size_t size);
/* Sets size, and that nothing is known. */
static inline void rill_quote_path_init(rill_quote_path *path)
{
    rill_quote_path_init_sized(path, sizeof *path);
}

/*
 * The terms for what is wanted on a path. Errors, of which *reason (may be NULL) says more:
 * RILL_ERR_INVALID: NO_AMOUNT (none of the two, or both), SLIPPAGE, PRICE (den 0), or options that
 * were not initialised. RILL_ERR_UNSUPPORTED: an option of a later version. RILL_ERR_RANGE: AMOUNT
 * (more than 2^64 - 1 units would be needed), SOURCE_MAX. RILL_ERR_RATE: NO_RATE (nothing is known
 * of the path), RATE (it is below the minimum), UNENFORCEABLE (the minimum rounds to 0).
 * RILL_ERR_TOO_LITTLE: TOO_LITTLE. RILL_ERR_LIMIT: RECEIVE_MAX. RILL_ERR_ASSET: ASSET_CONFLICT,
 * DESTINATION_ASSET (a price needs to know it).
 * *out is all zeros then, but for its size.
 */
RILL_API RILL_MUST_CHECK int rill_quote_find_terms_sized(rill_quote_terms *out, size_t size,
                                                         const rill_quote_path *path,
                                                         const rill_quote_options *options,
                                                         rill_reason *reason);
RILL_MUST_CHECK static inline int rill_quote_find_terms(rill_quote_terms *out,
                                                        const rill_quote_path *path,
                                                        const rill_quote_options *options,
                                                        rill_reason *reason)
{
    return rill_quote_find_terms_sized(out, sizeof *out, path, options, reason);
}

/* ---- asking ---- */

typedef struct rill_quote rill_quote;

typedef struct rill_quote_handlers {
    size_t size RILL_SIZE_OF(struct rill_quote_handlers);
    /*
     * The path has answered. path is the library's, valid until the handler returns. The quote
     * stays until it pays or is closed, which may be done in here.
     */
    void (*quoted)(rill_quote *quote, const rill_quote_path *path, void *user) RILL_UNSET;
    /* As of rill_payment_handlers, while the path is asked. false gives up. May be NULL. */
    bool (*waiting)(const rill_waiting *waiting, uint64_t waited_ns, void *user) RILL_UNSET;
    /*
     * The last call. There is no quote, or not any more: it was closed, or the connection has
     * ended. Not called for a quote that pays. error and result: as of rill_payment_handlers, and
     * RILL_ERR_CANCELLED if the program closed it.
     */
    void (*done)(int error, bool reached, const rill_pay_result *result, void *user) RILL_UNSET;
    void *user RILL_UNSET;
} rill_quote_handlers;

/*
 * Asks for a quote. Of the options it uses net, the credentials and fail_fast; timeout_ns and
 * stall_timeout_ns, which limit the time for asking alone; and amount, our units, as a hint: larger
 * packets are not tried (0: 10^12). It does not use min_rate of the connection's options. The rest,
 * and all errors, are as of rill_payment_start.
 */
RILL_API RILL_MUST_CHECK int rill_quote_start(rill_quote **out, rill_loop *loop,
                                              const rill_pay_options *options,
                                              const rill_quote_handlers *handlers,
                                              const char **problem);
/*
 * Pays by these terms on the quote's connection. The terms need not come from this quote. The quote
 * is gone then, and the payment takes its place, with handlers of its own. Of the options it uses
 * data, timeout_ns and stall_timeout_ns (NULL: the defaults).
 *
 * After an error the quote is as it was before. RILL_ERR_STATE: the path has not answered yet.
 * RILL_ERR_INVALID: the terms have no amount or no minimum rate, or options, terms or handlers were
 * not initialised. RILL_ERR_UNSUPPORTED: they are of a later version. RILL_ERR_CLOSED: the
 * connection has ended, and done of the quote follows.
 */
RILL_API RILL_MUST_CHECK int rill_quote_pay(rill_payment **out, rill_quote *quote,
                                            const rill_quote_terms *terms,
                                            const rill_pay_options *options,
                                            const rill_payment_handlers *handlers);
/* Gives up: done follows. */
RILL_API void rill_quote_close(rill_quote *quote);

/* ---- blocking ---- */

/*
 * Asks, closes, and returns what is known of the path. Errors as rill_pay's; *result (may be NULL)
 * then has detail and reason.
 */
RILL_API RILL_MUST_CHECK int rill_quote_ask_sized(rill_quote_path *out, size_t size,
                                                  const rill_pay_options *options,
                                                  rill_pay_result *result, size_t result_size);
RILL_MUST_CHECK static inline int
rill_quote_ask(rill_quote_path *out, const rill_pay_options *options, rill_pay_result *result)
{
    return rill_quote_ask_sized(out, sizeof *out, options, result, sizeof *result);
}

RILL_END_DECLS

#endif

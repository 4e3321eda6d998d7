/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open Payments 1.3 for one's own account: a wallet that keeps money for somebody is asked for a
 * quote, a person agrees at the wallet's own page, and the wallet pays. Rill sends no money here;
 * it asks for it to be sent, and follows it to its end.
 *
 * The person agrees in a browser (GNAP, RFC 9635 section 4). The wallet sends the browser back to a
 * port of this machine, which is open for that time alone. What comes there is believed only with
 * the hash that the wallet made of our question and its answer (section 4.2.3).
 */
#ifndef RILL_OP_SENDER_H
#define RILL_OP_SENDER_H

#include <rill/open_payments.h>

RILL_BEGIN_DECLS

/* What the payer's wallet offers. Amounts are in units of the account that they belong to. */
typedef struct rill_op_quote {
    char id[RILL_MAX_URL];               /* its URL */
    char incoming_payment[RILL_MAX_URL]; /* what is paid: the receiver's */
    uint64_t debit_amount;               /* leaves the payer's account, with all fees */
    char debit_asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t debit_asset_scale;
    uint64_t receive_amount; /* arrives at the receiver's account */
    char receive_asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t receive_asset_scale;
    uint64_t expires_at_ms; /* wall milliseconds; 0: it does not say */
} rill_op_quote;

typedef struct rill_op_sender_options {
    size_t size RILL_SIZE_OF(rill_op_sender_options); /* see rill/types.h */
    const rill_signer *signer;                        /* who signs; copied; not NULL */
    const uint8_t *public_key;  /* RILL_KEY_PUBLIC_LEN bytes: the signer's; copied; not NULL */
    const char *wallet_address; /* the payer's, whose jwks.json has the key; not NULL */
    const char *receiver;       /* as of rill_op_receiver_new; not NULL */
    uint64_t amount;            /* units of the payer's account, to be sent. Default: 0: none */
    bool deliver;          /* amount is to arrive, in units of the receiver's. Default: false */
    uint64_t max_debit;    /* never pay more: units of the payer's account. Default: 0: any */
    uint64_t expires_in_s; /* of a new incoming payment. Default: 0: the server decides */
    const char *metadata;  /* of both payments, and seen by both: a JSON object. Default: NULL */
    uint64_t timeout_ns;   /* for each request, but to end: 5 s at most. Default: 30 s */
    uint64_t grant_timeout_ns;   /* for a grant that needs no person's consent. Default: 60 s */
    uint64_t consent_timeout_ns; /* for the person to agree. Default: 10 minutes */
    uint64_t payment_timeout_ns; /* for the payment to end, once it is made. Default: 5 minutes */
    const char *ca_file; /* PEM of authorities to trust beside the system's. Default: NULL */
    bool insecure;       /* http to other machines, too. Default: false */
} rill_op_sender_options;

RILL_API void rill_op_sender_options_init_sized(rill_op_sender_options *o, size_t size);
/* Sets size and every default. The rest that is not NULL is still to be set. */
static inline void rill_op_sender_options_init(rill_op_sender_options *o)
{
    rill_op_sender_options_init_sized(o, sizeof *o);
}

/* The assets of both accounts, once they are known. */
typedef struct rill_op_assets {
    char source_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t source_scale;
    char destination_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t destination_scale;
    uint64_t missing; /* what an incoming payment with an amount still takes; 0: it has none */
} rill_op_assets;

/* What it waits for, where that may take longer than an answer does. */
typedef enum rill_op_wait {
    RILL_OP_WAIT_GRANT = 1,   /* a server has yet to grant, and asks nobody */
    RILL_OP_WAIT_PERSON = 2,  /* to agree at the wallet's page */
    RILL_OP_WAIT_PAYMENT = 3, /* the wallet pays */
    RILL_OP_WAIT_ANSWER = 4,  /* cancelled while the payment is being made: timeout_ns at most */
    /* Grants are revoked, at most 5 s for each server. Told only if it takes long. */
    RILL_OP_WAIT_END = 5
} rill_op_wait;

/* What came of it. Valid until the handler that is told it returns. */
typedef struct rill_op_sender_result {
    /*
     * RILL_OK: the wallet has paid. Or:
     * RILL_ERR_NOT_FOUND: there is no such wallet address or payment.
     * RILL_ERR_REFUSED: a server or the person refused.
     * RILL_ERR_REMOTE: the wallet tried to pay, and failed; `sent` may be above 0.
     * RILL_ERR_TIMEOUT: no answer, no consent in time, or the payment had not ended in time.
     * RILL_ERR_EXPIRED: the time of the quote or of the incoming payment is over.
     * RILL_ERR_CLOSED: the incoming payment is complete.
     * RILL_ERR_RATE: more than max_debit, or another amount than was asked for, is quoted.
     * RILL_ERR_LIMIT: the receiver takes less than that.
     * RILL_ERR_ASSET: an amount is in another asset than its account.
     * RILL_ERR_CANCELLED: rill_op_sender_cancel. RILL_ERR_IN_DOUBT: no answer came to the question
     * that makes the payment, or one that does not say whether it was made; or the wallet says that
     * all was sent, and less than was quoted is there ten seconds later, of an incoming payment
     * that was made for this. It is not told then that no more comes.
     * RILL_ERR_INVALID: nothing says how much is to be paid; or what `amount` returned.
     * RILL_ERR_UNSUPPORTED, RILL_ERR_MALFORMED, RILL_ERR_RESOLVE, RILL_ERR_CONNECT, RILL_ERR_TLS,
     * RILL_ERR_TOO_LARGE, RILL_ERR_PROTOCOL, RILL_ERR_IO, RILL_ERR_FILES, RILL_ERR_CRYPTO,
     * RILL_ERR_NOMEM, or the signer's error.
     */
    int error;
    const char *problem;          /* one line for people; "" where error is RILL_OK */
    bool may_move;                /* money may still move: a payment is, or may be, under way */
    const rill_op_quote *quote;   /* NULL: it did not come so far */
    const char *outgoing_payment; /* its URL; "": none that is known of */
    uint64_t sent;     /* by the wallet, so far as it says: units of the payer's account */
    uint64_t received; /* arrived since it began, as the receiver's wallet says; units of
                          the receiver's account */
} rill_op_sender_result;

/* A payment out of one's own account. Frees itself after done has returned. */
typedef struct rill_op_sender rill_op_sender;

/* All are called from the loop, never from inside a call of the program's. */
typedef struct rill_op_sender_handlers {
    size_t size RILL_SIZE_OF(rill_op_sender_handlers); /* see rill/types.h */
    /*
     * Both assets are known: how much is to be paid, into *amount, instead of options.amount. 0:
     * what the incoming payment still takes. An error ends it. May be NULL.
     */
    int (*amount)(const rill_op_assets *assets, uint64_t *amount, void *user) RILL_UNSET;
    /* rill_op_sender_agree goes on, now or later; rill_op_sender_cancel does not. Not NULL. */
    void (*quoted)(const rill_op_quote *quote, void *user) RILL_UNSET;
    /* A person is to open url in a browser: an http or https URL without blanks. Not NULL. */
    void (*interact)(const char *url, void *user) RILL_UNSET;
    /* Also what is new in a later version: what is not known is to be ignored. May be NULL. */
    void (*waiting)(rill_op_wait what, void *user) RILL_UNSET;
    /* The last of all: grants are given back. Not NULL. */
    void (*done)(const rill_op_sender_result *result, void *user) RILL_UNSET;
    void *user RILL_UNSET;
} rill_op_sender_handlers;

/*
 * Begins. Options and handlers are copied. RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED,
 * RILL_ERR_BUFFER: the wallet address or the receiver is none, or metadata is not a JSON object;
 * *problem (may be NULL) says why, a static text. RILL_ERR_INVALID: something is NULL that must not
 * be, or options that were not initialised. RILL_ERR_TLS: ca_file cannot be read. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_op_sender_start(rill_op_sender **out, rill_loop *loop,
                                                  const rill_op_sender_options *options,
                                                  const rill_op_sender_handlers *handlers,
                                                  const char **problem);
/*
 * The quote is taken: the wallet is asked for the grant to pay it, and no more than it.
 * RILL_ERR_STATE: there is no quote, or it was taken or cancelled before.
 */
RILL_API RILL_MUST_CHECK int rill_op_sender_agree(rill_op_sender *sender);
/*
 * Stops: grants are given back, and done follows. Once the payment was made the wallet goes on with
 * it, whatever is asked here, and done says so (may_move). May be called from a handler. A second
 * call does nothing.
 */
RILL_API void rill_op_sender_cancel(rill_op_sender *sender);
/*
 * Frees at once, and tells nobody: done is not called, and grants end by themselves. NULL is
 * allowed. Not from inside any handler: rill_op_sender_cancel is for there, and after done the
 * sender frees itself.
 */
RILL_API void rill_op_sender_free(rill_op_sender *sender);

RILL_END_DECLS

#endif

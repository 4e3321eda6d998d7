/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a receiver, as people write it, and gets credentials to pay with. People write a payment
 * pointer, the URL of an SPSP server, a wallet address of Open Payments, or the URL of an incoming
 * payment. The receiver's server says which of them it is.
 *
 * The server is asked by SPSP first (rill/spsp.h), which needs nothing from the payer. If it does
 * not speak SPSP, it is asked by Open Payments (rill/open_payments.h), with the payer's key or with
 * a key that is made for this one question. A key or a wallet address of the payer is shown by Open
 * Payments alone.
 */
#ifndef RILL_RECEIVER_H
#define RILL_RECEIVER_H

#include <rill/open_payments.h>
#include <rill/reason.h>
#include <rill/spsp.h>

RILL_BEGIN_DECLS

typedef struct rill_receiver_options {
    size_t size RILL_SIZE_OF(rill_receiver_options); /* see rill/types.h */
    /*
     * The signer for Open Payments, and the public half of its key, RILL_KEY_PUBLIC_LEN bytes.
     * Both, or both NULL. Copied. Default: NULL: a new key is made if one is needed.
     */
    const rill_signer *signer;
    const uint8_t *public_key;
    /* As of rill_op_options: */
    const char *wallet_address;
    uint64_t amount; /* the receiver's units: what a new incoming payment is for */
    uint64_t expires_in_s;
    const char *metadata;
    uint64_t grant_timeout_ns;
    /* For receipts, as of rill_spsp_query_options; both, or NULL. */
    const uint8_t *receipt_nonce;
    const uint8_t *receipt_secret;
    uint64_t timeout_ns; /* for each request. Default: 30 s */
    const char *ca_file; /* PEM of authorities to trust beside the system's. Default: NULL */
    bool insecure;       /* http to other machines, too. Default: false */
    /* For SPSP, as of rill_spsp_query_options; ca_file and insecure are for the rest then. */
    rill_spsp_connections *spsp_connections;
} rill_receiver_options;

RILL_API void rill_receiver_options_init_sized(rill_receiver_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_receiver_options_init(rill_receiver_options *o)
{
    rill_receiver_options_init_sized(o, sizeof *o);
}

/* The result. Valid until the handler that gets it returns. */
typedef struct rill_receiver_result {
    int error;                           /* RILL_OK, or as of rill_spsp_result and rill_op_result */
    rill_reason reason;                  /* finer; RILL_REASON_NONE */
    const char *problem;                 /* one line for people; "" where error is RILL_OK */
    const rill_credentials *credentials; /* to pay with; NULL where error is not RILL_OK */
    /*
     * Of Open Payments; NULL: it was SPSP, or error is not RILL_OK. But where the incoming payment
     * is complete or over (RILL_ERR_CLOSED, RILL_ERR_EXPIRED) it says what has arrived.
     */
    const rill_incoming_payment *payment;
    bool receipts_enabled; /* the receiver can prove what it gets; of SPSP */
    const char *url;       /* the one that answered, after all redirects */
    unsigned redirects;    /* how many were followed */
    bool created;          /* the payment was made for us, at a wallet address */
} rill_receiver_result;

typedef void (*rill_receiver_done)(const rill_receiver_result *result, void *user);

typedef struct rill_receiver rill_receiver;

/*
 * Asks for a receiver and its credentials. done is called once, from the loop, never from inside
 * this call. The object is the caller's until rill_receiver_close or rill_receiver_free.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED, RILL_ERR_BUFFER: not a receiver, or metadata is not a
 * JSON object; *problem (may be NULL) says why, a static text. RILL_ERR_INVALID: a signer without
 * its key, half of what receipts need, an id that is none, options that were not initialised.
 * RILL_ERR_TLS: ca_file cannot be read. RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_receiver_start(rill_receiver **out, rill_loop *loop,
                                                 const char *receiver,
                                                 const rill_receiver_options *options,
                                                 rill_receiver_done done, void *user,
                                                 const char **problem);
/*
 * Asks how much an incoming payment has received. RILL_ERR_STATE: there is none, or a question is
 * open. RILL_ERR_NOMEM, RILL_ERR_CRYPTO, the signer's error.
 */
RILL_API RILL_MUST_CHECK int rill_receiver_refresh(rill_receiver *r, rill_receiver_done done,
                                                   void *user);
/* Says that all has been paid. As above. */
RILL_API RILL_MUST_CHECK int rill_receiver_complete(rill_receiver *r, rill_receiver_done done,
                                                    void *user);
/*
 * Gives the grant back, and frees. Do not use the object after this call. A question that is open
 * is given up, and its done is not called. closed (may be NULL) is called from the loop at the end,
 * whether or not the server took the grant back.
 */
RILL_API void rill_receiver_close(rill_receiver *r, void (*closed)(void *user), void *user);
/* Frees at once, and tells nobody. NULL is allowed. Both may be called from inside done. */
RILL_API void rill_receiver_free(rill_receiver *r);

RILL_END_DECLS

#endif

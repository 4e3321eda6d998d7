/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open Payments 1.3, the payer's part: a wallet address, or the URL of an incoming payment, becomes
 * the credentials to pay with. Everything is asked for on the loop, and every request is signed
 * (rill/http_signature.h).
 *
 * Who pays needs a key and nothing else: the key itself is shown to the wallet (directed identity),
 * and no account anywhere. Where a server wants to know a wallet address of the payer's, that is
 * the second way.
 */
#ifndef RILL_OPEN_PAYMENTS_H
#define RILL_OPEN_PAYMENTS_H

#include <rill/credentials.h>
#include <rill/http_signature.h>
#include <rill/loop.h>
#include <rill/spsp.h>

RILL_BEGIN_DECLS

/* An incoming payment: a receiver's readiness to be paid. Amounts are in the receiver's units. */
typedef struct rill_incoming_payment {
    char id[RILL_MAX_URL];                    /* its URL */
    rill_credentials credentials;             /* to pay it with STREAM; wipe after use */
    char asset_code[RILL_MAX_ASSET_CODE + 1]; /* of the receiver's account */
    uint8_t asset_scale;
    bool completed;           /* nothing more can be paid to it */
    uint64_t incoming_amount; /* the most that it takes; 0: no limit */
    uint64_t received_amount;
    uint64_t expires_at_ms; /* wall milliseconds; 0: never */
} rill_incoming_payment;

typedef struct rill_op_options {
    size_t size RILL_SIZE_OF(rill_op_options); /* see rill/types.h */
    const rill_signer *signer;                 /* who signs; copied, and its key_id; not NULL */
    const uint8_t *public_key;  /* RILL_KEY_PUBLIC_LEN bytes: the signer's; copied; not NULL */
    const char *wallet_address; /* of the payer, whose jwks.json has the key. Default: NULL: none */
    uint64_t amount;            /* of a new incoming payment. Default: 0: no limit */
    uint64_t expires_in_s;      /* of a new incoming payment. Default: 0: the server decides */
    const char *metadata;       /* of a new incoming payment: a JSON object. Default: NULL */
    uint64_t timeout_ns;        /* for each request. Default: 30 s */
    uint64_t grant_timeout_ns;  /* while a grant is pending. Default: 60 s */
    const char *ca_file;        /* PEM of authorities to trust beside the system's. Default: NULL */
    bool insecure;              /* http to other machines, too. Default: false */
} rill_op_options;

RILL_API void rill_op_options_init_sized(rill_op_options *o, size_t size);
/* Sets size and every default. signer and public_key are still to be set. */
static inline void rill_op_options_init(rill_op_options *o)
{
    rill_op_options_init_sized(o, sizeof *o);
}

/* What came of a question. Valid until the handler that is told it returns. */
typedef struct rill_op_result {
    /*
     * RILL_OK, or:
     * RILL_ERR_NOT_FOUND: there is no such wallet address or payment.
     * RILL_ERR_REFUSED: a server refused the grant or the request.
     * RILL_ERR_UNSUPPORTED: not Open Payments, or no way of ILP to pay, or the wallet wants to ask
     * a person before it is paid.
     * RILL_ERR_CLOSED: the incoming payment is complete. RILL_ERR_EXPIRED: its time is over.
     * RILL_ERR_ASSET: its asset is another than the wallet address's.
     * RILL_ERR_TIMEOUT: no answer, or the grant was pending for too long.
     * RILL_ERR_MALFORMED, RILL_ERR_RESOLVE, RILL_ERR_CONNECT, RILL_ERR_TLS, RILL_ERR_TOO_LARGE,
     * RILL_ERR_PROTOCOL, RILL_ERR_IO, RILL_ERR_CRYPTO, RILL_ERR_NOMEM, or the signer's error.
     */
    int error;
    const char *problem; /* one line for people; "" where error is RILL_OK */
    /*
     * How far it is; without credentials where error is RILL_ERR_CLOSED or RILL_ERR_EXPIRED. NULL
     * with any other error.
     */
    const rill_incoming_payment *payment;
    const char *url;    /* that was asked last */
    unsigned redirects; /* on the way to the receiver's document */
    bool created;       /* payment was made for us, of a wallet address; else it was there before */
} rill_op_result;

typedef void (*rill_op_done)(const rill_op_result *result, void *user);

/* A receiver that is being asked, and the grant that it gave. */
typedef struct rill_op_receiver rill_op_receiver;

/*
 * Asks a receiver (rill_receiver_url) for an incoming payment: of a wallet address a new one, of
 * an incoming payment's URL that one. done is called once, from the loop, never from inside this
 * call. The receiver is the caller's until rill_op_receiver_close or _free. Options are copied.
 * RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED, RILL_ERR_BUFFER: not a receiver, or metadata is not a
 * JSON object; *problem (may be NULL) says why, a static text. RILL_ERR_INVALID: no signer, no key,
 * not an id of a key, options that were not initialised. RILL_ERR_TLS: ca_file cannot be read.
 * RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_op_receiver_new(rill_op_receiver **out, rill_loop *loop,
                                                  const char *receiver,
                                                  const rill_op_options *options, rill_op_done done,
                                                  void *user, const char **problem);
/*
 * Asks again how much has been received. RILL_ERR_STATE: there is no incoming payment, or another
 * question is open. RILL_ERR_NOMEM, RILL_ERR_CRYPTO, the signer's error.
 */
RILL_API RILL_MUST_CHECK int rill_op_receiver_refresh(rill_op_receiver *r, rill_op_done done,
                                                      void *user);
/*
 * Says that all has been paid: the receiver need not wait for its time to be over. It has 5 s to
 * answer, or timeout_ns if that is shorter. As above.
 */
RILL_API RILL_MUST_CHECK int rill_op_receiver_complete(rill_op_receiver *r, rill_op_done done,
                                                       void *user);
/*
 * Gives the grant back, and frees: the receiver is not to be used any more. An open question is
 * given up, and its done is not called. closed (may be NULL) is called from the loop when that is
 * over, whatever came of it; the server has as long as for rill_op_receiver_complete.
 */
RILL_API void rill_op_receiver_close(rill_op_receiver *r, void (*closed)(void *user), void *user);
/*
 * Frees at once, and tells the server nothing: its grant ends by itself. NULL is allowed. Both may
 * be called from inside done.
 */
RILL_API void rill_op_receiver_free(rill_op_receiver *r);

RILL_END_DECLS

#endif

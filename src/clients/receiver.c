/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver, whichever way it is asked: by SPSP, or by Open Payments. */
#define _POSIX_C_SOURCE 200809L

#include <rill/receiver.h>

#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <rill/error.h>

#include "base/sized.h"
#include "clients/op_receiver.h"
#include "clients/spsp_connections.h"
#include "crypto/crypto.h"

/* Who is told that it is closed. May outlive its receiver, until libuv has closed the timer. */
typedef struct closing {
    uv_timer_t timer;
    void (*closed)(void *user);
    void *user;
} closing;

struct rill_receiver {
    rill_loop *loop;
    char *text;
    rill_receiver_options options; /* with copies of what it points at */
    rill_signer signer;
    char key_id[RILL_MAX_KEY_ID + 1];
    uint8_t public_key[RILL_KEY_PUBLIC_LEN];
    rill_key *own_key; /* NULL: the payer has one, or none was needed */
    char *wallet_address;
    char *metadata;
    char *ca_file;
    uint8_t receipt_nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
    rill_spsp_connections *connections; /* ours, of all questions; NULL: of each kind its own */
    rill_spsp_query *query;             /* one of the two, or none */
    rill_op_receiver *op;
    bool by_spsp_before; /* it was asked by SPSP, and does not speak it: */
    int spsp_error;
    char spsp_problem[512];
    rill_receiver_done done; /* NULL: nobody asks */
    void *user;
    closing *closing;
};

static const rill_receiver_options defaults = {
    .size = sizeof defaults,
    .grant_timeout_ns = 60 * RILL_SECOND,
    .timeout_ns = 30 * RILL_SECOND,
};

void rill_receiver_options_init_sized(rill_receiver_options *o, size_t size)
{
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* ---- telling ---- */

static rill_reason reason_of(int error)
{
    switch (error) {
    case RILL_OK:
        return RILL_REASON_NONE;
    case RILL_ERR_NOT_FOUND:
        return RILL_REASON_NO_SUCH_RECEIVER;
    case RILL_ERR_RESOLVE:
    case RILL_ERR_CONNECT:
    case RILL_ERR_TIMEOUT:
    case RILL_ERR_IO:
        return RILL_REASON_SERVER_UNREACHABLE;
    case RILL_ERR_TLS:
        return RILL_REASON_SERVER_TLS;
    case RILL_ERR_REFUSED:
        return RILL_REASON_SERVER_REFUSED;
    case RILL_ERR_MALFORMED:
    case RILL_ERR_TOO_LARGE:
    case RILL_ERR_PROTOCOL:
        return RILL_REASON_SERVER_ANSWER;
    case RILL_ERR_UNSUPPORTED:
        return RILL_REASON_SERVER_UNSUPPORTED;
    case RILL_ERR_CLOSED:
        return RILL_REASON_COMPLETED;
    case RILL_ERR_EXPIRED:
        return RILL_REASON_EXPIRED;
    case RILL_ERR_ASSET:
        return RILL_REASON_ASSET_CONFLICT;
    default:
        return RILL_REASON_OTHER;
    }
}

/* r may be freed in it, or asked the next question. */
static void tell(rill_receiver *r, rill_receiver_result *result)
{
    rill_receiver_done done = r->done;
    r->done = NULL;
    result->reason = reason_of(result->error);
    done(result, r->user);
}

static void tell_error(rill_receiver *r, int error, const char *problem, const char *url)
{
    rill_receiver_result result = {.error = error, .problem = problem, .url = url};
    tell(r, &result);
}

/* ---- Open Payments ---- */

static void on_payment(const rill_op_result *op, void *user)
{
    rill_receiver *r = user;
    rill_receiver_result result = {
        .error = op->error,
        .problem = op->problem,
        .payment = op->payment,
        .credentials = op->error == RILL_OK ? &op->payment->credentials : NULL,
        .url = op->url,
        .redirects = op->redirects,
        .created = op->created,
    };
    /* Neither the one nor the other: what it said first is what people will look for. */
    if (r->by_spsp_before && !rill_op_receiver_was_found(r->op) &&
        (op->error == r->spsp_error || op->error == RILL_ERR_UNSUPPORTED)) {
        result.error = r->spsp_error;
        result.problem = r->spsp_problem;
    }
    tell(r, &result);
}

/* A key that nobody knows: it is enough for a wallet to see that the same one asks. */
static int make_key(rill_receiver *r)
{
    int error = rill_key_new(&r->own_key);
    if (error == RILL_OK)
        error = rill_key_thumbprint(rill_key_public(r->own_key), r->key_id);
    if (error != RILL_OK)
        return error;
    memcpy(r->public_key, rill_key_public(r->own_key), sizeof r->public_key);
    rill_signer_of_key(&r->signer, r->own_key, r->key_id);
    return RILL_OK;
}

static int ask_open_payments(rill_receiver *r, const char **problem)
{
    rill_op_options o;
    int error = r->options.signer ? RILL_OK : make_key(r);
    if (error != RILL_OK)
        return error;
    rill_op_options_init(&o);
    o.signer = &r->signer;
    o.public_key = r->public_key;
    o.wallet_address = r->wallet_address;
    o.amount = r->options.amount;
    o.expires_in_s = r->options.expires_in_s;
    o.metadata = r->metadata;
    o.timeout_ns = r->options.timeout_ns;
    o.grant_timeout_ns = r->options.grant_timeout_ns;
    o.ca_file = r->ca_file;
    o.insecure = r->options.insecure;
    return rill_op_receiver_over(&r->op, r->loop, r->text, &o,
                                 r->connections ? r->connections->http : NULL, on_payment, r,
                                 problem);
}

/* ---- SPSP ---- */

/* It answered, and not as a server of SPSP: it may be a wallet. */
static bool may_be_wallet(int error)
{
    return error == RILL_ERR_UNSUPPORTED || error == RILL_ERR_REFUSED ||
           error == RILL_ERR_NOT_FOUND;
}

static void on_spsp(const rill_spsp_result *spsp, void *user)
{
    rill_receiver *r = user;
    const char *problem = "";
    r->query = NULL;
    if (may_be_wallet(spsp->error)) {
        r->by_spsp_before = true;
        r->spsp_error = spsp->error;
        strncpy(r->spsp_problem, spsp->problem, sizeof r->spsp_problem - 1);
        int error = ask_open_payments(r, &problem);
        if (error != RILL_OK)
            tell_error(r, error, *problem ? problem : rill_strerror(error), spsp->url);
        return;
    }
    rill_receiver_result result = {
        .error = spsp->error,
        .problem = spsp->problem,
        .credentials = spsp->answer ? &spsp->answer->credentials : NULL,
        .receipts_enabled = spsp->answer && spsp->answer->receipts_enabled,
        .url = spsp->url,
        .redirects = spsp->redirects,
    };
    tell(r, &result);
}

static int ask_spsp(rill_receiver *r, const char **problem)
{
    rill_spsp_query_options o;
    rill_spsp_query_options_init(&o);
    o.timeout_ns = r->options.timeout_ns;
    o.ca_file = r->ca_file;
    o.insecure = r->options.insecure;
    o.receipt_nonce = r->options.receipt_nonce;
    o.receipt_secret = r->options.receipt_secret;
    o.connections = r->connections ? r->connections : r->options.spsp_connections;
    return rill_spsp_query_start(&r->query, r->loop, r->text, &o, on_spsp, r, problem);
}

/* ---- a receiver's life ---- */

static int copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? RILL_ERR_NOMEM : RILL_OK;
}

static int take_signer(rill_receiver *r, const rill_receiver_options *o)
{
    if (!o->signer != !o->public_key)
        return RILL_ERR_INVALID;
    if (!o->signer)
        return RILL_OK;
    if (!rill_key_id_valid(o->signer->key_id))
        return RILL_ERR_INVALID;
    memcpy(r->key_id, o->signer->key_id, strlen(o->signer->key_id) + 1);
    memcpy(r->public_key, o->public_key, sizeof r->public_key);
    r->signer = *o->signer;
    r->signer.key_id = r->key_id;
    return RILL_OK;
}

static int take_options(rill_receiver *r, const char *text, const rill_receiver_options *options)
{
    rill_receiver_options *o = &r->options;
    *o = defaults;
    int error = rill_sized_take(o, sizeof *o, options);
    if (error == RILL_OK && !o->receipt_nonce != !o->receipt_secret)
        error = RILL_ERR_INVALID;
    if (error == RILL_OK)
        error = take_signer(r, o);
    if (error == RILL_OK)
        error = copy(&r->text, text);
    if (error == RILL_OK)
        error = copy(&r->wallet_address, o->wallet_address);
    if (error == RILL_OK)
        error = copy(&r->metadata, o->metadata);
    if (error == RILL_OK)
        error = copy(&r->ca_file, o->ca_file);
    if (error != RILL_OK || !o->receipt_nonce)
        return error;
    memcpy(r->receipt_nonce, o->receipt_nonce, sizeof r->receipt_nonce);
    memcpy(r->receipt_secret, o->receipt_secret, sizeof r->receipt_secret);
    o->receipt_nonce = r->receipt_nonce;
    o->receipt_secret = r->receipt_secret;
    return RILL_OK;
}

int rill_receiver_start(rill_receiver **out, rill_loop *loop, const char *receiver,
                        const rill_receiver_options *options, rill_receiver_done done, void *user,
                        const char **problem)
{
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = "";
    rill_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return RILL_ERR_NOMEM;
    r->loop = loop;
    r->done = done;
    r->user = user;
    int error = take_options(r, receiver, options);
    r->closing = calloc(1, sizeof *r->closing);
    if (error == RILL_OK && !r->closing)
        error = RILL_ERR_NOMEM;
    if (error == RILL_OK && !r->options.spsp_connections)
        error = rill_spsp_connections_new(&r->connections, loop, r->ca_file, r->options.insecure);
    if (error == RILL_OK)
        error = r->options.signer || r->wallet_address ? ask_open_payments(r, problem)
                                                       : ask_spsp(r, problem);
    if (error != RILL_OK) {
        rill_receiver_free(r);
        return error;
    }
    *out = r;
    return RILL_OK;
}

/* A later question, which Open Payments alone has. */
static int ask_again(rill_receiver *r, int (*ask)(rill_op_receiver *, rill_op_done, void *),
                     rill_receiver_done done, void *user)
{
    if (!r->op || r->done)
        return RILL_ERR_STATE;
    int error = ask(r->op, on_payment, r);
    if (error != RILL_OK)
        return error;
    r->by_spsp_before = false;
    r->done = done;
    r->user = user;
    return RILL_OK;
}

int rill_receiver_refresh(rill_receiver *r, rill_receiver_done done, void *user)
{
    return ask_again(r, rill_op_receiver_refresh, done, user);
}

int rill_receiver_complete(rill_receiver *r, rill_receiver_done done, void *user)
{
    return ask_again(r, rill_op_receiver_complete, done, user);
}

static void free_receiver(rill_receiver *r)
{
    if (r->query)
        rill_spsp_query_cancel(r->query);
    rill_op_receiver_free(r->op);
    rill_spsp_connections_free(r->connections);
    rill_key_free(r->own_key);
    free(r->text);
    free(r->wallet_address);
    free(r->metadata);
    free(r->ca_file);
    free(r->closing);
    rill_wipe(r->receipt_secret, sizeof r->receipt_secret);
    free(r);
}

void rill_receiver_free(rill_receiver *r)
{
    if (r)
        free_receiver(r);
}

/* ---- closing ---- */

static void on_op_closed(void *user)
{
    rill_receiver *r = user;
    void (*closed)(void *) = r->closing->closed;
    void *closed_user = r->closing->user;
    r->op = NULL; /* it is gone: whose key signed its goodbye may go too */
    free_receiver(r);
    if (closed)
        closed(closed_user);
}

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_timer(uv_timer_t *timer)
{
    closing *c = timer->data;
    void (*closed)(void *) = c->closed;
    void *user = c->user;
    uv_close((uv_handle_t *)timer, on_timer_closed);
    if (closed)
        closed(user);
}

void rill_receiver_close(rill_receiver *r, void (*closed)(void *user), void *user)
{
    closing *c = r->closing;
    c->closed = closed;
    c->user = user;
    r->done = NULL;
    if (r->op) {
        rill_op_receiver_close(r->op, on_op_closed, r);
        return;
    }
    /* Nothing to give back: from the loop all the same. */
    r->closing = NULL;
    (void)uv_timer_init(rill_loop_uv(r->loop), &c->timer); /* cannot fail */
    c->timer.data = c;
    (void)uv_timer_start(&c->timer, on_timer, 0, 0);
    free_receiver(r);
}

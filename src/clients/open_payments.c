/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver of Open Payments, one question after the other: its document, a grant, an incoming
 * payment; later how far that is, that it is complete, and the grant given back. Each question is
 * one signed request, and says which function reads its answer.
 */
#define _POSIX_C_SOURCE 200809L

#include <rill/open_payments.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/sized.h"
#include "clients/op_receiver.h"
#include "clients/op_session.h"
#include "crypto/crypto.h"

struct rill_op_receiver {
    rill_op_session session;
    rill_op_options options;
    char *wallet_address;
    json_t *metadata;
    bool by_wallet; /* who we are was said by our wallet address */
    bool closing;
    uint64_t pending_until_ms; /* of the loop's clock: a grant is given up */
    rill_op_document document;
    rill_incoming_payment payment;
    bool has_payment;
    unsigned redirects;
    rill_op_done done; /* NULL: nobody asks */
    void (*closed)(void *user);
    void *user;
    bool found; /* the document was read */
};

static const rill_op_options defaults = {
    .size = sizeof defaults,
    .timeout_ns = 30 * RILL_SECOND,
    .grant_timeout_ns = 60 * RILL_SECOND,
};

void rill_op_options_init_sized(rill_op_options *o, size_t size)
{
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* ---- telling ---- */

/* The last of a question: r may be freed in it, or asked the next one. What it tells stays. */
static void tell_payment(rill_op_receiver *r, int error, const char *problem, bool has_payment)
{
    rill_op_done done = r->done;
    rill_incoming_payment payment = r->payment;
    char url[RILL_MAX_URL];
    memcpy(url, r->session.asked.url, sizeof url);
    rill_op_result result = {
        .error = error,
        .problem = problem,
        .payment = has_payment ? &payment : NULL,
        .url = url,
        .redirects = r->redirects,
        .created = r->document.kind == RILL_OP_WALLET,
    };
    r->done = NULL;
    done(&result, r->user);
    rill_credentials_wipe(&payment.credentials);
}

static void on_failed(int error, const char *problem, void *user)
{
    tell_payment(user, error, problem, false);
}

/* Takes body over, also on failure. */
static int ask(rill_op_receiver *r, const char *method, const char *url, char *body, size_t len,
               rill_op_credential token, rill_op_answered answered)
{
    rill_op_question q = rill_op_question_of(method, token, answered);
    q.body = body;
    q.len = len;
    return rill_op_session_ask(&r->session, url, &q);
}

/* ---- reading answers ---- */

static void on_payment(const rill_web_answer *a, void *user)
{
    rill_op_receiver *r = user;
    const char *problem = "";
    bool has_method = false;
    if (rill_op_session_refused(&r->session, a, "the wallet refuses the incoming payment"))
        return;
    rill_incoming_payment fresh = r->payment;
    int error = rill_op_payment_read(&fresh, &has_method, a->body, a->len, &problem);
    if (error == RILL_OK)
        r->payment = fresh; /* whole, or not at all */
    rill_credentials_wipe(&fresh.credentials);
    bool was_read = error == RILL_OK;
    if (error == RILL_OK && !r->has_payment) {
        uint64_t now_ms = rill_loop_now(r->session.loop).wall_ms;
        if (r->payment.completed) {
            error = RILL_ERR_CLOSED;
            problem = "the incoming payment is complete: nothing more can be paid to it";
        } else if (r->payment.expires_at_ms != 0 && r->payment.expires_at_ms <= now_ms) {
            error = RILL_ERR_EXPIRED;
            problem = "the time of the incoming payment is over";
        } else if (!has_method) {
            error = RILL_ERR_UNSUPPORTED;
            problem = "the incoming payment has no way of Interledger to be paid";
        } else if (r->document.kind == RILL_OP_WALLET && r->options.amount != 0 &&
                   r->payment.incoming_amount != r->options.amount) {
            error = RILL_ERR_MALFORMED;
            problem = "the incoming payment is for another amount than was asked for";
        }
    }
    if (error == RILL_OK)
        r->has_payment = true;
    else if (!r->has_payment)
        rill_credentials_wipe(&r->payment.credentials); /* nobody is to pay with them */
    bool is_over = error == RILL_ERR_CLOSED || error == RILL_ERR_EXPIRED;
    tell_payment(r, error, error == RILL_OK ? "" : problem,
                 was_read && (error == RILL_OK || is_over));
}

static void create_payment(rill_op_receiver *r)
{
    char url[RILL_MAX_URL];
    char *body;
    size_t len;
    uint64_t expires_at_ms = 0;
    if (r->options.expires_in_s != 0)
        expires_at_ms = rill_loop_now(r->session.loop).wall_ms + r->options.expires_in_s * 1000;
    int error =
        rill_op_session_path(&r->session, r->document.resource_server, "/incoming-payments", url);
    if (error == RILL_OK)
        error = rill_op_payment_body(&body, &len, &r->document, r->options.amount, expires_at_ms,
                                     r->metadata);
    if (error == RILL_OK) {
        memcpy(r->payment.asset_code, r->document.asset_code, sizeof r->payment.asset_code);
        r->payment.asset_scale = r->document.asset_scale;
        error = ask(r, "POST", url, body, len, RILL_OP_ACCESS_TOKEN, on_payment);
    }
    rill_op_session_go_on(&r->session, error);
}

static void on_granted(rill_op_receiver *r)
{
    if (r->document.kind == RILL_OP_WALLET)
        create_payment(r);
    else
        rill_op_session_go_on(
            &r->session, ask(r, "GET", r->document.id, NULL, 0, RILL_OP_ACCESS_TOKEN, on_payment));
}

/* ---- the grant ---- */

static void on_grant(const rill_web_answer *a, void *user);

static void request_grant(rill_op_receiver *r)
{
    char *body;
    size_t len;
    int error = rill_op_grant_body(&body, &len, r->document.kind, &r->session.jwk,
                                   r->by_wallet ? r->wallet_address : NULL);
    if (error == RILL_OK)
        error = ask(r, "POST", r->document.auth_server, body, len, RILL_OP_NO_TOKEN, on_grant);
    rill_op_session_go_on(&r->session, error);
}

static void on_waited(void *user)
{
    rill_op_receiver *r = user;
    rill_op_session_go_on(&r->session, ask(r, "POST", r->session.grant.continue_uri, NULL, 0,
                                           RILL_OP_CONTINUE_TOKEN, on_grant));
}

/* It is pending: asks again after the time that the server wants. */
static void wait_for_grant(rill_op_receiver *r)
{
    uint64_t wait_ms = rill_op_session_wait_ms(&r->session);
    uint64_t now_ms = rill_loop_now(r->session.loop).mono_ns / RILL_MS;
    if (now_ms + wait_ms > r->pending_until_ms) {
        rill_op_session_fail(&r->session, RILL_ERR_TIMEOUT,
                             "the wallet has not granted it in time");
        return;
    }
    rill_op_session_after(&r->session, wait_ms, on_waited);
}

/* A server that does not take a key alone may take a wallet address. */
static bool second_way(const rill_op_receiver *r, const rill_web_answer *a)
{
    return !r->by_wallet && r->wallet_address && (a->status == 400 || a->status == 401);
}

static void on_grant(const rill_web_answer *a, void *user)
{
    rill_op_receiver *r = user;
    const char *problem = "";
    if (r->session.asked.token == RILL_OP_NO_TOKEN && second_way(r, a)) {
        r->by_wallet = true;
        request_grant(r);
        return;
    }
    if (rill_op_session_refused(&r->session, a, "the wallet does not grant an incoming payment"))
        return;
    int error = rill_op_grant_read(&r->session.grant, a->body, a->len, &problem);
    if (error != RILL_OK)
        rill_op_session_fail(&r->session, error, "%s", problem);
    else if (*r->session.grant.token)
        on_granted(r);
    else if (r->session.grant.interact || !*r->session.grant.continue_uri)
        rill_op_session_fail(&r->session, RILL_ERR_UNSUPPORTED,
                             "the wallet wants to ask a person before it can be paid");
    else
        wait_for_grant(r);
}

/* ---- the receiver's document ---- */

static void on_document(const rill_web_answer *a, void *user)
{
    rill_op_receiver *r = user;
    const char *problem = "";
    r->redirects = a->redirects;
    if (rill_op_session_refused(&r->session, a, "the receiver cannot be read"))
        return;
    int error = rill_op_document_read(&r->document, a->body, a->len, &problem);
    if (error != RILL_OK) {
        rill_op_session_fail(&r->session, error, "%s", problem);
        return;
    }
    r->found = true;
    if (r->document.kind == RILL_OP_INCOMING)
        snprintf(r->document.id, sizeof r->document.id, "%s", a->url);
    snprintf(r->session.from, sizeof r->session.from, "%s", a->url);
    r->pending_until_ms =
        rill_loop_now(r->session.loop).mono_ns / RILL_MS + r->options.grant_timeout_ns / RILL_MS;
    request_grant(r);
}

/* ---- a receiver's life ---- */

bool rill_op_receiver_was_found(const rill_op_receiver *r)
{
    return r->found;
}

void rill_op_receiver_free(rill_op_receiver *r)
{
    if (!r)
        return;
    rill_op_session_clear(&r->session);
    json_decref(r->metadata);
    free(r->wallet_address);
    rill_credentials_wipe(&r->payment.credentials);
    free(r);
}

static int take_options(rill_op_receiver *r, const rill_op_options *options, const char **problem)
{
    r->options = defaults;
    int error = rill_sized_take(&r->options, sizeof r->options, options);
    if (error != RILL_OK)
        return error;
    if (!r->options.signer || !r->options.public_key ||
        !rill_key_id_valid(r->options.signer->key_id) || r->options.expires_in_s > UINT32_MAX)
        return RILL_ERR_INVALID;
    if (r->options.wallet_address) {
        char url[RILL_MAX_URL];
        error = rill_receiver_url(r->options.wallet_address, r->options.insecure, url, sizeof url,
                                  problem);
        r->wallet_address = error == RILL_OK ? strdup(url) : NULL;
        if (error == RILL_OK && !r->wallet_address)
            error = RILL_ERR_NOMEM;
    }
    if (error == RILL_OK && r->options.metadata) {
        r->metadata = json_loads(r->options.metadata, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(r->metadata)) {
            *problem = "the metadata is not a JSON object";
            error = RILL_ERR_MALFORMED;
        }
    }
    return error;
}

int rill_op_receiver_over(rill_op_receiver **out, rill_loop *loop, const char *receiver,
                          const rill_op_options *options, rill_web_client *http, rill_op_done done,
                          void *user, const char **problem)
{
    const char *ignored;
    char url[RILL_MAX_URL];
    if (!problem)
        problem = &ignored;
    *problem = "";
    rill_op_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return RILL_ERR_NOMEM;
    r->session.http = http;
    r->session.failed = on_failed;
    r->session.user = r;
    int error = take_options(r, options, problem);
    if (error == RILL_OK)
        error = rill_receiver_url(receiver, r->options.insecure, url, sizeof url, problem);
    if (error == RILL_OK)
        error = rill_op_session_open(&r->session, loop, &r->options);
    if (error == RILL_OK)
        error = ask(r, "GET", url, NULL, 0, RILL_OP_NO_TOKEN, on_document);
    if (error != RILL_OK) {
        rill_op_receiver_free(r);
        return error;
    }
    r->done = done;
    r->user = user;
    *out = r;
    return RILL_OK;
}

int rill_op_receiver_new(rill_op_receiver **out, rill_loop *loop, const char *receiver,
                         const rill_op_options *options, rill_op_done done, void *user,
                         const char **problem)
{
    return rill_op_receiver_over(out, loop, receiver, options, NULL, done, user, problem);
}

/* A question of the application's: nobody is told of what stops it but by the return value. */
static int ask_for(rill_op_receiver *r, const char *method, const char *suffix, rill_op_done done,
                   void *user)
{
    char url[RILL_MAX_URL];
    rill_op_question q = rill_op_question_of(method, RILL_OP_ACCESS_TOKEN, on_payment);
    q.tidies = *suffix != '\0'; /* it only says that no more comes */
    if (!r->has_payment || r->done || r->closing)
        return RILL_ERR_STATE;
    int n = snprintf(url, sizeof url, "%s%s", r->payment.id, suffix);
    if (n < 0 || (size_t)n >= sizeof url)
        return RILL_ERR_STATE;
    int error = rill_op_session_ask(&r->session, url, &q);
    if (error == RILL_ERR_INVALID)
        return RILL_ERR_STATE; /* the server gave the payment a URL that cannot be asked */
    if (error != RILL_OK)
        return error;
    r->done = done;
    r->user = user;
    return RILL_OK;
}

int rill_op_receiver_refresh(rill_op_receiver *r, rill_op_done done, void *user)
{
    return ask_for(r, "GET", "", done, user);
}

int rill_op_receiver_complete(rill_op_receiver *r, rill_op_done done, void *user)
{
    return ask_for(r, "POST", "/complete", done, user);
}

static void end_closing(void *user)
{
    rill_op_receiver *r = user;
    void (*closed)(void *user) = r->closed;
    void *closed_user = r->user;
    rill_op_receiver_free(r);
    if (closed)
        closed(closed_user);
}

/* Whatever came of it. */
static void on_given_back(const rill_web_answer *a, void *user)
{
    (void)a;
    end_closing(user);
}

void rill_op_receiver_close(rill_op_receiver *r, void (*closed)(void *user), void *user)
{
    rill_op_question q = rill_op_question_of("DELETE", RILL_OP_ACCESS_TOKEN, on_given_back);
    q.whatever = true;
    q.once = true;
    q.tidies = true;
    rill_op_session_stop(&r->session);
    r->done = NULL;
    r->closed = closed;
    r->user = user;
    r->closing = true;
    if (*r->session.grant.token && *r->session.grant.manage &&
        rill_op_session_ask(&r->session, r->session.grant.manage, &q) == RILL_OK)
        return;
    /* Nothing to give back: from the loop all the same. */
    rill_op_session_after(&r->session, 0, end_closing);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver of Open Payments, one question after the other: its document, a grant, an incoming
 * payment; later how far that is, that it is complete, and the grant given back. Each question is
 * one signed request, and says which function reads its answer.
 */
#define _POSIX_C_SOURCE 200809L

#include <rill/open_payments.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <rill/error.h>

#include "base/sized.h"
#include "clients/op_documents.h"
#include "clients/url.h"
#include "clients/web_client.h"
#include "clients/web_problem.h"
#include "crypto/crypto.h"

#define MAX_ANSWER 262144 /* bytes; metadata may be long */
/* Between two looks at a grant that is pending, where the server does not say: seconds. */
#define WAIT_S 5

typedef enum credential { NO_TOKEN, ACCESS_TOKEN, CONTINUE_TOKEN } credential;

/* What is asked; kept until it is answered, for it may have to be asked again. */
typedef struct question {
    const char *method;
    char url[RILL_MAX_URL];
    char *body; /* NULL: none */
    size_t len;
    credential token;
    bool is_signed;
    void (*answered)(rill_op_receiver *r, const rill_web_answer *a);
} question;

/* Outlives its receiver until libuv has closed it. */
typedef struct waiting {
    uv_timer_t timer;
    rill_op_receiver *receiver;
} waiting;

struct rill_op_receiver {
    rill_loop *loop;
    rill_web_client *http;
    rill_web_call *call; /* NULL: none is under way */
    waiting *waiting;
    rill_op_options options;
    rill_signer signer;
    rill_jwk jwk;
    char *wallet_address;
    json_t *metadata;
    question asked;
    char from[RILL_MAX_URL]; /* who answered with the document; "": nobody yet */
    char why[500];           /* a URL that a server named cannot be asked */
    bool by_wallet;          /* who we are was said by our wallet address */
    bool rotating; /* the access token is being made anew, for what is asked to be asked again */
    bool rotated;  /* that has been done for this question */
    bool closing;
    uint64_t pending_until_ms; /* of the loop's clock: a grant is given up */
    rill_op_document document;
    rill_op_grant grant;
    rill_incoming_payment payment;
    bool has_payment;
    unsigned redirects;
    rill_op_done done; /* NULL: nobody asks */
    void (*closed)(void *user);
    void *user;
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
static void tell(rill_op_receiver *r, int error, const char *problem)
{
    rill_op_done done = r->done;
    rill_incoming_payment payment = r->payment;
    char url[RILL_MAX_URL];
    memcpy(url, r->asked.url, sizeof url);
    rill_op_result result = {
        .error = error,
        .problem = problem,
        .payment = error == RILL_OK ? &payment : NULL,
        .url = url,
        .redirects = r->redirects,
        .created = r->document.kind == RILL_OP_WALLET,
    };
    r->done = NULL;
    done(&result, r->user);
    rill_credentials_wipe(&payment.credentials);
}

RILL_PRINTF(3, 4) static void fail(rill_op_receiver *r, int error, const char *format, ...)
{
    char problem[600];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    rill_web_one_line(problem); /* a server's words may be in it */
    tell(r, error, problem);
}

/* ---- asking ---- */

static void on_answer(const rill_web_answer *a, void *user);

static size_t add_field(rill_request_header *fields, size_t count, const char *name,
                        const char *value)
{
    fields[count] = (rill_request_header){name, {(const uint8_t *)value, strlen(value)}};
    return count + 1;
}

/* With its headers, and signed where it is. */
static int send_question(rill_op_receiver *r, const question *q)
{
    char authorization[RILL_OP_MAX_TOKEN + 8];
    rill_request_signature signature;
    rill_request_header fields[8];
    size_t count = 0;
    rill_signed_request request = {
        {(const uint8_t *)q->method, strlen(q->method)},
        {(const uint8_t *)q->url, strlen(q->url)},
        fields,
        0,
        {(const uint8_t *)q->body, q->len},
    };
    count = add_field(fields, count, "accept", "application/json");
    if (q->body)
        count = add_field(fields, count, "content-type", "application/json");
    if (q->token != NO_TOKEN) {
        snprintf(authorization, sizeof authorization, "GNAP %s",
                 q->token == ACCESS_TOKEN ? r->grant.token : r->grant.continue_token);
        count = add_field(fields, count, "authorization", authorization);
    }
    request.field_count = count;
    int error = RILL_OK;
    if (q->is_signed) {
        error = rill_sign_request(&signature, &request, &r->signer,
                                  rill_loop_now(r->loop).wall_ms / 1000);
        count = add_field(fields, count, "signature", signature.signature);
        count = add_field(fields, count, "signature-input", signature.signature_input);
        if (q->body)
            count = add_field(fields, count, "content-digest", signature.content_digest);
    }
    rill_web_ask ask = {q->method, q->url, fields, count, request.body, .follow = !q->is_signed};
    if (error == RILL_OK)
        error = rill_web_call_start(&r->call, r->http, &ask, on_answer, r);
    rill_wipe(authorization, sizeof authorization);
    return error;
}

/* A URL that may be asked, into out[RILL_MAX_URL]. RILL_ERR_INVALID: r->why says why not. */
static int take_url(rill_op_receiver *r, const char *url, char *out)
{
    char checked[RILL_MAX_URL];
    const char *from = *r->from ? r->from : url;
    const char *problem = "it is too long";
    if (rill_url_named(from, url, r->options.insecure, checked, sizeof checked, &problem) ==
            RILL_OK &&
        rill_url_normal(checked, out, RILL_MAX_URL) == RILL_OK)
        return RILL_OK;
    snprintf(r->why, sizeof r->why, "%.300s: %s", url, problem);
    return RILL_ERR_INVALID;
}

/* Takes body over, also on failure. */
static int ask(rill_op_receiver *r, const char *method, const char *url, char *body, size_t len,
               credential token, void (*answered)(rill_op_receiver *r, const rill_web_answer *a))
{
    question q = {
        .method = method,
        .body = body,
        .len = len,
        .token = token,
        .is_signed = token != NO_TOKEN || body,
        .answered = answered,
    };
    int error = take_url(r, url, q.url);
    if (error != RILL_OK) {
        free(body);
        return error;
    }
    free(r->asked.body);
    r->asked = q;
    r->rotated = false;
    return send_question(r, &r->asked);
}

/* A question that follows an answer: what stops it is told. */
static void go_on(rill_op_receiver *r, int error)
{
    if (error == RILL_ERR_INVALID)
        fail(r, RILL_ERR_MALFORMED, "the server names a URL that cannot be asked: %s", r->why);
    else if (error != RILL_OK)
        fail(r, error, "%s", rill_strerror(error));
}

/* ---- an access token that is over ---- */

/* Asks for a new one, and then the same question again. False: there is no way to. */
static bool rotate(rill_op_receiver *r)
{
    question q = {.method = "POST", .token = ACCESS_TOKEN, .is_signed = true};
    if (r->asked.token != ACCESS_TOKEN || r->rotated ||
        take_url(r, r->grant.manage, q.url) != RILL_OK || send_question(r, &q) != RILL_OK)
        return false;
    r->rotating = true;
    r->rotated = true;
    return true;
}

/* ---- reading answers ---- */

/* What is wrong with an answer's status: true where it was told. */
static bool refused(rill_op_receiver *r, const rill_web_answer *a, const char *what)
{
    char why[400];
    if (a->status >= 200 && a->status < 300)
        return false;
    rill_op_error_read(a->body, a->len, why, sizeof why);
    fail(r, a->status == 404 ? RILL_ERR_NOT_FOUND : RILL_ERR_REFUSED, "%s: status %u%s%s", what,
         a->status, *why ? ", " : "", why);
    return true;
}

static void on_payment(rill_op_receiver *r, const rill_web_answer *a)
{
    const char *problem = "";
    bool has_method = false;
    if (refused(r, a, "the wallet refuses the incoming payment"))
        return;
    rill_incoming_payment fresh = r->payment;
    int error = rill_op_payment_read(&fresh, &has_method, a->body, a->len, &problem);
    if (error == RILL_OK)
        r->payment = fresh; /* whole, or not at all */
    rill_credentials_wipe(&fresh.credentials);
    if (error == RILL_OK && !r->has_payment) {
        uint64_t now_ms = rill_loop_now(r->loop).wall_ms;
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
    tell(r, error, error == RILL_OK ? "" : problem);
}

static void create_payment(rill_op_receiver *r)
{
    char url[RILL_MAX_URL];
    char *body;
    size_t len;
    uint64_t expires_at_ms = 0;
    const char *server = r->document.resource_server;
    size_t server_len = strlen(server);
    if (r->options.expires_in_s != 0)
        expires_at_ms = rill_loop_now(r->loop).wall_ms + r->options.expires_in_s * 1000;
    if (server_len > 0 && server[server_len - 1] == '/')
        server_len--;
    int n = snprintf(url, sizeof url, "%.*s/incoming-payments", (int)server_len, server);
    int error = n > 0 && (size_t)n < sizeof url
                    ? rill_op_payment_body(&body, &len, &r->document, r->options.amount,
                                           expires_at_ms, r->metadata)
                    : RILL_ERR_INVALID;
    if (error == RILL_OK) {
        memcpy(r->payment.asset_code, r->document.asset_code, sizeof r->payment.asset_code);
        r->payment.asset_scale = r->document.asset_scale;
        error = ask(r, "POST", url, body, len, ACCESS_TOKEN, on_payment);
    }
    go_on(r, error);
}

static void on_granted(rill_op_receiver *r)
{
    if (r->document.kind == RILL_OP_WALLET)
        create_payment(r);
    else
        go_on(r, ask(r, "GET", r->document.id, NULL, 0, ACCESS_TOKEN, on_payment));
}

/* ---- the grant ---- */

static void on_grant(rill_op_receiver *r, const rill_web_answer *a);

static void request_grant(rill_op_receiver *r)
{
    char *body;
    size_t len;
    int error = rill_op_grant_body(&body, &len, r->document.kind, &r->jwk,
                                   r->by_wallet ? r->wallet_address : NULL);
    if (error == RILL_OK)
        error = ask(r, "POST", r->document.auth_server, body, len, NO_TOKEN, on_grant);
    go_on(r, error);
}

static void on_waited(uv_timer_t *timer)
{
    waiting *w = timer->data;
    rill_op_receiver *r = w->receiver;
    go_on(r, ask(r, "POST", r->grant.continue_uri, NULL, 0, CONTINUE_TOKEN, on_grant));
}

/* It is pending: asks again after the time that the server wants. */
static void wait_for_grant(rill_op_receiver *r)
{
    uint64_t wait_ms = (r->grant.wait_s != 0 ? r->grant.wait_s : WAIT_S) * UINT64_C(1000);
    uint64_t now_ms = rill_loop_now(r->loop).mono_ns / RILL_MS;
    if (now_ms + wait_ms > r->pending_until_ms) {
        fail(r, RILL_ERR_TIMEOUT, "the wallet has not granted it in time");
        return;
    }
    (void)uv_timer_start(&r->waiting->timer, on_waited, wait_ms, 0);
}

/* A server that does not take a key alone may take a wallet address. */
static bool second_way(const rill_op_receiver *r, const rill_web_answer *a)
{
    return !r->by_wallet && r->wallet_address && (a->status == 400 || a->status == 401);
}

static void on_grant(rill_op_receiver *r, const rill_web_answer *a)
{
    const char *problem = "";
    if (r->asked.token == NO_TOKEN && second_way(r, a)) {
        r->by_wallet = true;
        request_grant(r);
        return;
    }
    if (refused(r, a, "the wallet does not grant an incoming payment"))
        return;
    int error = rill_op_grant_read(&r->grant, a->body, a->len, &problem);
    if (error != RILL_OK)
        fail(r, error, "%s", problem);
    else if (*r->grant.token)
        on_granted(r);
    else if (r->grant.interact || !*r->grant.continue_uri)
        fail(r, RILL_ERR_UNSUPPORTED, "the wallet wants to ask a person before it can be paid");
    else
        wait_for_grant(r);
}

/* ---- the receiver's document ---- */

static void on_document(rill_op_receiver *r, const rill_web_answer *a)
{
    const char *problem = "";
    r->redirects = a->redirects;
    if (refused(r, a, "the receiver cannot be read"))
        return;
    int error = rill_op_document_read(&r->document, a->body, a->len, &problem);
    if (error != RILL_OK) {
        fail(r, error, "%s", problem);
        return;
    }
    if (r->document.kind == RILL_OP_INCOMING)
        snprintf(r->document.id, sizeof r->document.id, "%s", a->url);
    snprintf(r->from, sizeof r->from, "%s", a->url);
    r->pending_until_ms =
        rill_loop_now(r->loop).mono_ns / RILL_MS + r->options.grant_timeout_ns / RILL_MS;
    request_grant(r);
}

/* ---- one answer ---- */

static void end_closing(rill_op_receiver *r)
{
    void (*closed)(void *user) = r->closed;
    void *user = r->user;
    rill_op_receiver_free(r);
    if (closed)
        closed(user);
}

static void on_rotated(rill_op_receiver *r, const rill_web_answer *a)
{
    const char *problem = "";
    int error;
    if (refused(r, a, "the wallet does not renew the grant"))
        return;
    error = rill_op_token_read(&r->grant, a->body, a->len, &problem);
    if (error != RILL_OK)
        fail(r, error, "%s", problem);
    else
        go_on(r, send_question(r, &r->asked));
}

static void on_answer(const rill_web_answer *a, void *user)
{
    rill_op_receiver *r = user;
    r->call = NULL;
    if (r->closing) {
        end_closing(r);
        return;
    }
    if (a->error != RILL_OK) {
        fail(r, a->error, "%s", a->problem);
        return;
    }
    if (r->rotating) {
        r->rotating = false;
        on_rotated(r, a);
    } else if ((a->status != 401 && a->status != 403) || !rotate(r)) {
        r->asked.answered(r, a);
    }
}

/* ---- a receiver's life ---- */

static void on_waiting_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void rill_op_receiver_free(rill_op_receiver *r)
{
    if (!r)
        return;
    rill_web_client_free(r->http);
    if (r->waiting)
        uv_close((uv_handle_t *)&r->waiting->timer, on_waiting_closed);
    json_decref(r->metadata);
    free(r->wallet_address);
    free(r->asked.body);
    rill_credentials_wipe(&r->payment.credentials);
    rill_wipe(&r->grant, sizeof r->grant);
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
    memcpy(r->jwk.key_id, r->options.signer->key_id, strlen(r->options.signer->key_id) + 1);
    memcpy(r->jwk.public_key, r->options.public_key, sizeof r->jwk.public_key);
    r->signer = *r->options.signer;
    r->signer.key_id = r->jwk.key_id;
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

static int prepare(rill_op_receiver *r, rill_loop *loop)
{
    rill_web_client_options http;
    rill_web_client_options_init(&http);
    http.timeout_ns = r->options.timeout_ns;
    http.ca_file = r->options.ca_file;
    http.insecure = r->options.insecure;
    http.max_body = MAX_ANSWER;
    r->loop = loop;
    int error = rill_web_client_new(&r->http, loop, &http);
    if (error != RILL_OK)
        return error;
    r->waiting = calloc(1, sizeof *r->waiting);
    if (!r->waiting)
        return RILL_ERR_NOMEM;
    (void)uv_timer_init(rill_loop_uv(loop), &r->waiting->timer); /* cannot fail */
    r->waiting->timer.data = r->waiting;
    r->waiting->receiver = r;
    return RILL_OK;
}

int rill_op_receiver_new(rill_op_receiver **out, rill_loop *loop, const char *receiver,
                         const rill_op_options *options, rill_op_done done, void *user,
                         const char **problem)
{
    const char *ignored;
    char url[RILL_MAX_URL];
    if (!problem)
        problem = &ignored;
    *problem = "";
    rill_op_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return RILL_ERR_NOMEM;
    int error = take_options(r, options, problem);
    if (error == RILL_OK)
        error = rill_receiver_url(receiver, r->options.insecure, url, sizeof url, problem);
    if (error == RILL_OK)
        error = prepare(r, loop);
    if (error == RILL_OK)
        error = ask(r, "GET", url, NULL, 0, NO_TOKEN, on_document);
    if (error != RILL_OK) {
        rill_op_receiver_free(r);
        return error;
    }
    r->done = done;
    r->user = user;
    *out = r;
    return RILL_OK;
}

/* A question of the application's: nobody is told of what stops it but by the return value. */
static int ask_for(rill_op_receiver *r, const char *method, const char *suffix, rill_op_done done,
                   void *user)
{
    char url[RILL_MAX_URL];
    if (!r->has_payment || r->done || r->closing)
        return RILL_ERR_STATE;
    int n = snprintf(url, sizeof url, "%s%s", r->payment.id, suffix);
    if (n < 0 || (size_t)n >= sizeof url)
        return RILL_ERR_STATE;
    int error = ask(r, method, url, NULL, 0, ACCESS_TOKEN, on_payment);
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

static void on_closing(uv_timer_t *timer)
{
    waiting *w = timer->data;
    end_closing(w->receiver);
}

void rill_op_receiver_close(rill_op_receiver *r, void (*closed)(void *user), void *user)
{
    if (r->call)
        rill_web_call_cancel(r->call);
    r->call = NULL;
    r->done = NULL;
    r->rotating = false;
    r->closed = closed;
    r->user = user;
    r->closing = true;
    uv_timer_stop(&r->waiting->timer);
    if (*r->grant.token && *r->grant.manage &&
        ask(r, "DELETE", r->grant.manage, NULL, 0, ACCESS_TOKEN, on_payment) == RILL_OK)
        return;
    /* Nothing to give back: from the loop all the same. */
    (void)uv_timer_start(&r->waiting->timer, on_closing, 0, 0);
}

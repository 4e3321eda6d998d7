/* SPDX-License-Identifier: Apache-2.0 */
/* A payment out of one's own account, up to the quote; and what programs call. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/sized.h"
#include "clients/op_receiver.h"
#include "clients/op_sender_impl.h"

static const rill_op_sender_options defaults = {
    .size = sizeof defaults,
    .timeout_ns = 30 * RILL_SECOND,
    .grant_timeout_ns = 60 * RILL_SECOND,
    .consent_timeout_ns = 600 * RILL_SECOND,
    .payment_timeout_ns = 300 * RILL_SECOND,
};

void rill_op_sender_options_init_sized(rill_op_sender_options *o, size_t size)
{
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* ---- the quote ---- */

/* What is offered is what was asked for; NULL, or what is wrong with it. */
static const char *quote_problem(const rill_op_sender *p, int *error)
{
    const rill_op_quote *q = &p->quote;
    const rill_incoming_payment *in = &p->incoming;
    uint64_t fixed = p->amount.value;
    if (!rill_op_sender_same_url(q->incoming_payment, in->id)) {
        *error = RILL_ERR_MALFORMED;
        return "your wallet's quote is for another incoming payment than was asked for";
    }
    if (strcmp(q->debit_asset_code, p->wallet.asset_code) != 0 ||
        q->debit_asset_scale != p->wallet.asset_scale ||
        strcmp(q->receive_asset_code, in->asset_code) != 0 ||
        q->receive_asset_scale != in->asset_scale) {
        *error = RILL_ERR_ASSET;
        return "your wallet's quote is in other assets than the two accounts have";
    }
    *error = RILL_ERR_RATE;
    if (fixed == 0)
        fixed = in->incoming_amount - in->received_amount;
    if (p->amount.value != 0 && !p->options.deliver ? q->debit_amount > fixed
                                                    : q->receive_amount != fixed)
        return "your wallet's quote is for another amount than was asked for";
    if (rill_op_sender_takes_less(in, q->receive_amount)) {
        *error = RILL_ERR_LIMIT;
        return "the receiver takes less than that: pay less";
    }
    if (p->options.max_debit != 0 && q->debit_amount > p->options.max_debit)
        return "to pay it would cost more than may be sent: allow more, or pay less";
    if (q->debit_amount == 0 || q->receive_amount == 0)
        return "nothing would be paid: pay more";
    return NULL;
}

static void tell_quote(rill_op_sender *p)
{
    p->on.quoted(&p->quote, p->on.user);
}

static void on_quote(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    const char *problem = "";
    if (rill_op_session_refused(&p->session, a, "your wallet gives no quote"))
        return;
    int error = rill_op_quote_read(&p->quote, a->body, a->len, &problem);
    if (error == RILL_OK)
        problem = quote_problem(p, &error);
    else if (!problem)
        problem = rill_strerror(error);
    if (problem) {
        rill_op_sender_finish(p, error, problem);
        return;
    }
    p->has_quote = true;
    if (rill_op_sender_quote_is_over(p))
        return;
    p->step = RILL_OP_STEP_HAS_QUOTE;
    rill_op_sender_give_back(p, tell_quote);
}

static void ask_for_quote(rill_op_sender *p)
{
    char url[RILL_MAX_URL];
    char *body;
    size_t len;
    int error = rill_op_session_path(&p->session, p->wallet.resource_server, "/quotes", url);
    if (error == RILL_OK)
        error = rill_op_quote_body(&body, &len, p->wallet.id, p->incoming.id,
                                   p->amount.value != 0 ? &p->amount : NULL, p->options.deliver);
    if (error == RILL_OK)
        error = rill_op_sender_ask(p, "POST", url, body, len, RILL_OP_ACCESS_TOKEN, on_quote);
    rill_op_session_go_on(&p->session, error);
}

static void on_quote_grant(const rill_web_answer *a, void *user);

static void look_at_quote_grant(void *user)
{
    rill_op_sender *p = user;
    rill_op_session_go_on(&p->session,
                          rill_op_sender_ask(p, "POST", p->session.grant.continue_uri, NULL, 0,
                                             RILL_OP_CONTINUE_TOKEN, on_quote_grant));
}

static void on_quote_grant(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    if (rill_op_session_refused(&p->session, a,
                                a->status == 400 || a->status == 401
                                    ? "your wallet does not take the key: give it the public half "
                                      "(rill keys jwks), and "
                                      "say the key's id as the wallet shows it"
                                    : "your wallet does not let a quote be asked for") ||
        !rill_op_sender_take_grant(p, a))
        return;
    const rill_op_grant *grant = &p->session.grant;
    if (*grant->token) {
        ask_for_quote(p);
    } else if (grant->interact || !*grant->continue_uri) {
        rill_op_sender_finish(
            p, RILL_ERR_UNSUPPORTED,
            "your wallet wants to ask a person before it gives a quote, which is not known "
            "here");
    } else if (rill_op_sender_mono_ms(p) + rill_op_session_wait_ms(&p->session) > p->until_ms) {
        rill_op_sender_finish(p, RILL_ERR_TIMEOUT, "your wallet has not granted a quote in time");
    } else {
        rill_op_session_after(&p->session, rill_op_session_wait_ms(&p->session),
                              look_at_quote_grant);
        rill_op_sender_tell_waiting(p, RILL_OP_WAIT_GRANT);
    }
}

static void ask_for_quote_grant(rill_op_sender *p)
{
    char *body;
    size_t len;
    p->step = RILL_OP_STEP_ASKS_QUOTE;
    rill_op_sender_wait_until(p, p->options.grant_timeout_ns);
    int error = rill_op_quote_grant_body(&body, &len, p->wallet.id);
    if (error == RILL_OK)
        error = rill_op_sender_ask(p, "POST", p->wallet.auth_server, body, len, RILL_OP_NO_TOKEN,
                                   on_quote_grant);
    rill_op_session_go_on(&p->session, error);
}

/* ---- the receiver ---- */

/* How much is to be paid, now that both assets are known. False: it ends. */
static bool find_amount(rill_op_sender *p)
{
    const rill_incoming_payment *in = &p->incoming;
    rill_op_assets assets = {.source_scale = p->wallet.asset_scale,
                             .destination_scale = in->asset_scale};
    bool deliver = p->options.deliver;
    uint64_t amount = p->options.amount;
    memcpy(assets.source_code, p->wallet.asset_code, sizeof assets.source_code);
    memcpy(assets.destination_code, in->asset_code, sizeof assets.destination_code);
    if (in->incoming_amount > in->received_amount)
        assets.missing = in->incoming_amount - in->received_amount;
    int error = p->on.amount ? p->on.amount(&assets, &amount, p->on.user) : RILL_OK;
    if (p->step == RILL_OP_STEP_ENDS)
        return false;
    if (error != RILL_OK)
        rill_op_sender_finish(p, error, rill_strerror(error));
    else if (in->incoming_amount != 0 && assets.missing == 0)
        rill_op_sender_finish(p, RILL_ERR_CLOSED, "the incoming payment has all that it is for");
    else if (in->incoming_amount == 0 && amount == 0)
        rill_op_sender_finish(p, RILL_ERR_INVALID,
                              "nothing says how much is to be paid: give an amount");
    else if (assets.missing != 0 && deliver && amount > assets.missing)
        rill_op_sender_finish(p, RILL_ERR_LIMIT, "the receiver takes less than that: deliver less");
    p->amount.value = amount;
    p->amount.asset_scale = deliver ? assets.destination_scale : assets.source_scale;
    memcpy(p->amount.asset_code, deliver ? assets.destination_code : assets.source_code,
           sizeof p->amount.asset_code);
    return p->step != RILL_OP_STEP_ENDS;
}

static void on_receiver(const rill_op_result *result, void *user)
{
    rill_op_sender *p = user;
    if (p->step != RILL_OP_STEP_ASKS_RECEIVER)
        return;
    if (result->error != RILL_OK) {
        rill_op_sender_finish(p, result->error, result->problem);
        return;
    }
    p->incoming = *result->payment;
    p->created = result->created;
    p->received_before = p->incoming.received_amount;
    rill_credentials_wipe(&p->incoming.credentials);
    if (find_amount(p))
        ask_for_quote_grant(p);
}

static void ask_receiver(rill_op_sender *p)
{
    rill_op_options o;
    const char *problem = "";
    rill_op_options_init(&o);
    o.signer = &p->session.signer;
    o.public_key = p->session.jwk.public_key;
    o.wallet_address = p->wallet.id;
    o.expires_in_s = p->options.expires_in_s;
    o.metadata = p->metadata_text;
    o.timeout_ns = p->options.timeout_ns;
    o.grant_timeout_ns = p->options.grant_timeout_ns;
    o.ca_file = p->ca_file;
    o.insecure = p->options.insecure;
    p->step = RILL_OP_STEP_ASKS_RECEIVER;
    int error = rill_op_receiver_over(&p->receiver, p->session.loop, p->receiver_text, &o,
                                      p->session.http, on_receiver, p, &problem);
    if (error != RILL_OK)
        rill_op_sender_finish(p, error, *problem ? problem : rill_strerror(error));
}

/* ---- the payer's wallet ---- */

static void on_wallet(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    const char *problem = "";
    if (rill_op_session_refused(&p->session, a, "your wallet address cannot be read"))
        return;
    int error = rill_op_document_read(&p->wallet, a->body, a->len, &problem);
    if (error == RILL_OK && p->wallet.kind != RILL_OP_WALLET) {
        error = RILL_ERR_UNSUPPORTED;
        problem = "what is to pay is an incoming payment, and not a wallet address";
    }
    if (error != RILL_OK) {
        rill_op_sender_finish(p, error, problem);
        return;
    }
    snprintf(p->session.from, sizeof p->session.from, "%s", a->url);
    ask_receiver(p);
}

/* ---- its life ---- */

static int copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? RILL_ERR_NOMEM : RILL_OK;
}

static int take_metadata(rill_op_sender *p, const char **problem)
{
    if (!p->options.metadata)
        return RILL_OK;
    p->metadata = json_loads(p->options.metadata, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(p->metadata))
        return copy(&p->metadata_text, p->options.metadata);
    *problem = "the metadata is not a JSON object";
    return RILL_ERR_MALFORMED;
}

/* Both are looked at before anything is asked. */
static int take_parties(rill_op_sender *p, const char **problem)
{
    char url[RILL_MAX_URL];
    const rill_op_sender_options *o = &p->options;
    if (!o->signer || !o->public_key || !o->wallet_address || !o->receiver ||
        o->expires_in_s > UINT32_MAX)
        return RILL_ERR_INVALID;
    int error = rill_receiver_url(o->receiver, o->insecure, url, sizeof url, problem);
    if (error == RILL_OK)
        error = rill_receiver_url(o->wallet_address, o->insecure, url, sizeof url, problem);
    if (error == RILL_OK)
        error = copy(&p->wallet_address, url);
    if (error == RILL_OK)
        error = copy(&p->receiver_text, o->receiver);
    return error == RILL_OK ? copy(&p->ca_file, o->ca_file) : error;
}

static int take_handlers(rill_op_sender *p, const rill_op_sender_handlers *handlers)
{
    p->on = (rill_op_sender_handlers){.size = sizeof p->on};
    int error = rill_sized_take(&p->on, sizeof p->on, handlers);
    if (error == RILL_OK && (!p->on.quoted || !p->on.interact || !p->on.done))
        error = RILL_ERR_INVALID;
    return error;
}

/* What stops a question. One that only looks at a payment does not stop the payment. */
static void on_failed(int error, const char *problem, void *user)
{
    rill_op_sender *p = user;
    if (p->step == RILL_OP_STEP_FOLLOWS)
        rill_op_sender_look(p);
    else
        rill_op_sender_finish(p, error, problem);
}

static int begin(rill_op_sender *p, rill_loop *loop)
{
    rill_op_options o;
    rill_op_options_init(&o);
    o.signer = p->options.signer;
    o.public_key = p->options.public_key;
    o.timeout_ns = p->options.timeout_ns;
    o.ca_file = p->ca_file;
    o.insecure = p->options.insecure;
    p->session.failed = on_failed;
    p->session.user = p;
    int error = rill_op_session_open(&p->session, loop, &o);
    if (error != RILL_OK)
        return error;
    return rill_op_sender_ask(p, "GET", p->wallet_address, NULL, 0, RILL_OP_NO_TOKEN, on_wallet);
}

int rill_op_sender_start(rill_op_sender **out, rill_loop *loop,
                         const rill_op_sender_options *options,
                         const rill_op_sender_handlers *handlers, const char **problem)
{
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = "";
    rill_op_sender *p = calloc(1, sizeof *p);
    if (!p)
        return RILL_ERR_NOMEM;
    p->options = defaults;
    int error = rill_sized_take(&p->options, sizeof p->options, options);
    if (error == RILL_OK)
        error = take_handlers(p, handlers);
    if (error == RILL_OK)
        error = take_parties(p, problem);
    if (error == RILL_OK)
        error = take_metadata(p, problem);
    if (error == RILL_OK)
        error = begin(p, loop);
    if (error != RILL_OK) {
        rill_op_sender_free(p);
        return error;
    }
    p->options.signer = NULL; /* the session has a copy, and what else it points at is copied too */
    *out = p;
    return RILL_OK;
}

static void on_agreed(void *user)
{
    rill_op_sender_ask_person(user);
}

int rill_op_sender_agree(rill_op_sender *p)
{
    if (p->step != RILL_OP_STEP_HAS_QUOTE)
        return RILL_ERR_STATE;
    p->step = RILL_OP_STEP_ASKS_GRANT;
    rill_op_session_after(&p->session, 0, on_agreed);
    return RILL_OK;
}

static void on_answer_waited_for(void *user)
{
    rill_op_sender_tell_waiting(user, RILL_OP_WAIT_ANSWER);
}

void rill_op_sender_cancel(rill_op_sender *p)
{
    if (p->step == RILL_OP_STEP_CREATES && !p->session.rotating) {
        p->cancelled = true; /* its answer tells whether money moves */
        p->session.asked.once = true;
        rill_op_session_after(&p->session, 0, on_answer_waited_for);
    } else {
        rill_op_sender_finish(p, RILL_ERR_CANCELLED, "stopped");
    }
}

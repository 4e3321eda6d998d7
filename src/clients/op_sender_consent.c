/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "clients/op_sender_impl.h"

#include <string.h>

#include <rill/error.h>

/* ---- a person is asked ---- */

static void ask_to_continue(void *user);

static void on_no_consent(void *user)
{
    rill_op_sender_finish(
        user, RILL_ERR_TIMEOUT,
        "you have not agreed at your wallet in time: begin again, and agree sooner");
}

/* then, after as long as the server wants; but not beyond the time that there is. */
static void wait_for_server(rill_op_sender *p, void (*then)(void *user))
{
    uint64_t wait_ms = rill_op_session_wait_ms(&p->session);
    uint64_t now = rill_op_sender_mono_ms(p);
    uint64_t left = now < p->until_ms ? p->until_ms - now : 0;
    if (wait_ms < left)
        rill_op_session_after(&p->session, wait_ms, then);
    else
        rill_op_session_after(&p->session, left, on_no_consent);
}

/* Only the way back of the browser is waited for. */
static void wait_for_browser(rill_op_sender *p)
{
    uint64_t now = rill_op_sender_mono_ms(p);
    rill_op_session_after(&p->session, now < p->until_ms ? p->until_ms - now : 0, on_no_consent);
}

static bool is_too_fast(const rill_web_answer *a)
{
    char why[64];
    rill_op_error_read(a->body, a->len, why, sizeof why);
    return a->status == 429 || (a->status == 400 && strncmp(why, "too_fast", 8) == 0);
}

static void on_continued(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    if (is_too_fast(a)) {
        wait_for_server(p, ask_to_continue);
        return;
    }
    if (a->status == 401 || a->status == 403 || a->status == 404) {
        char why[400];
        rill_op_error_read(a->body, a->len, why, sizeof why);
        rill_op_session_fail(&p->session, RILL_ERR_REFUSED,
                             "your wallet does not grant the payment: status %u%s%s", a->status,
                             *why ? ", " : "", why);
        return;
    }
    if (rill_op_session_refused(&p->session, a, "your wallet does not grant the payment") ||
        !rill_op_sender_take_grant(p, a))
        return;
    if (*p->session.grant.token) {
        rill_op_sender_pay(p);
    } else if (p->step == RILL_OP_STEP_WAITS_FOR_PERSON && p->redirect && *p->server_nonce) {
        wait_for_browser(p); /* somebody else than the wallet said that it was refused */
    } else {
        *p->interact_ref = '\0'; /* it was taken */
        wait_for_server(p, ask_to_continue);
    }
}

static void ask_to_continue(void *user)
{
    rill_op_sender *p = user;
    char *body = NULL;
    size_t len = 0;
    int error = RILL_OK;
    if (*p->interact_ref)
        error = rill_op_continue_body(&body, &len, p->interact_ref);
    if (error == RILL_OK)
        error = rill_op_sender_ask(p, "POST", p->session.grant.continue_uri, body, len,
                                   RILL_OP_CONTINUE_TOKEN, on_continued);
    rill_op_session_go_on(&p->session, error);
}

/*
 * The browser is back, or somebody who looks like it. Nothing that comes here ends the payment by
 * itself: what is not right is not taken, and that it was refused is asked of the wallet.
 */
static rill_redirect_page on_came(const rill_redirect_query *query, void *user)
{
    rill_op_sender *p = user;
    const rill_interaction interaction = {
        .client_nonce = p->nonce,
        .server_nonce = p->server_nonce,
        .grant_url = p->wallet.auth_server,
        .interact_ref = query->interact_ref,
    };
    if (p->step != RILL_OP_STEP_WAITS_FOR_PERSON)
        return p->step < RILL_OP_STEP_WAITS_FOR_PERSON ? RILL_REDIRECT_WRONG : RILL_REDIRECT_AGAIN;
    if (*p->server_nonce && *query->hash && *query->interact_ref &&
        rill_interaction_check(&interaction, query->hash) == RILL_OK) {
        memcpy(p->interact_ref, query->interact_ref, sizeof p->interact_ref);
        p->step = RILL_OP_STEP_CONTINUES;
        rill_op_session_stop(&p->session);
        ask_to_continue(p);
        return RILL_REDIRECT_THANKS;
    }
    if (*query->hash || strcmp(query->result, "grant_rejected") != 0)
        return RILL_REDIRECT_WRONG;
    if (!p->session.call) {
        rill_op_session_stop(&p->session); /* its timer must not end what follows */
        ask_to_continue(p);
    }
    return RILL_REDIRECT_REJECTED;
}

static void show_page(rill_op_sender *p)
{
    char url[RILL_MAX_URL];
    int error = rill_op_session_url(&p->session, p->session.grant.redirect, url);
    if (error != RILL_OK) {
        rill_op_session_go_on(&p->session, error);
        return;
    }
    memcpy(p->server_nonce, p->session.grant.finish, sizeof p->server_nonce);
    p->step = RILL_OP_STEP_WAITS_FOR_PERSON;
    rill_op_sender_wait_until(p, p->options.consent_timeout_ns);
    wait_for_browser(p);
    p->on.interact(url, p->on.user);
    if (p->step == RILL_OP_STEP_WAITS_FOR_PERSON)
        rill_op_sender_tell_waiting(p, RILL_OP_WAIT_PERSON);
}

static void on_grant(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    if (rill_op_session_refused(&p->session, a,
                                "your wallet does not take the question for a "
                                "grant to pay") ||
        !rill_op_sender_take_grant(p, a))
        return;
    const rill_op_grant *grant = &p->session.grant;
    if (*grant->token) {
        rill_op_sender_pay(p);
    } else if (!*grant->continue_uri || (grant->interact && !*grant->redirect)) {
        rill_op_sender_finish(p, RILL_ERR_UNSUPPORTED,
                              "your wallet shows no page to agree at, in a way that is known here");
    } else if (grant->interact) {
        show_page(p);
    } else { /* it asks in a way of its own */
        p->step = RILL_OP_STEP_WAITS_FOR_PERSON;
        rill_op_sender_wait_until(p, p->options.consent_timeout_ns);
        wait_for_server(p, ask_to_continue);
        rill_op_sender_tell_waiting(p, RILL_OP_WAIT_PERSON);
    }
}

void rill_op_sender_ask_person(rill_op_sender *p)
{
    char *body;
    size_t len;
    if (rill_op_sender_quote_is_over(p))
        return;
    int error = rill_interaction_nonce(p->nonce);
    if (error == RILL_OK)
        error = rill_redirect_open(&p->redirect, p->session.loop, on_came, p);
    if (error == RILL_OK)
        error = rill_op_outgoing_grant_body(&body, &len, p->wallet.id, &p->quote,
                                            rill_redirect_uri(p->redirect), p->nonce);
    if (error == RILL_OK)
        error = rill_op_sender_ask(p, "POST", p->wallet.auth_server, body, len, RILL_OP_NO_TOKEN,
                                   on_grant);
    rill_op_session_go_on(&p->session, error);
}

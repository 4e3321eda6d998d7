/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "clients/op_sender_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "crypto/crypto.h"

/* Whoever waits for the end for so long is told so. */
#define TELL_END_MS 500

uint64_t rill_op_sender_wall_ms(const rill_op_sender *p)
{
    return rill_loop_now(p->session.loop).wall_ms;
}

uint64_t rill_op_sender_mono_ms(const rill_op_sender *p)
{
    return rill_loop_now(p->session.loop).mono_ns / RILL_MS;
}

void rill_op_sender_wait_until(rill_op_sender *p, uint64_t ns)
{
    uint64_t now = rill_op_sender_mono_ms(p);
    p->until_ms = now > UINT64_MAX - ns / RILL_MS ? UINT64_MAX : now + ns / RILL_MS;
}

uint64_t rill_op_sender_received(const rill_op_sender *p)
{
    return p->incoming.received_amount > p->received_before
               ? p->incoming.received_amount - p->received_before
               : 0;
}

void rill_op_sender_tell_waiting(rill_op_sender *p, rill_op_wait what)
{
    if (p->on.waiting)
        p->on.waiting(what, p->on.user);
}

bool rill_op_sender_quote_is_over(rill_op_sender *p)
{
    if (p->quote.expires_at_ms == 0 || p->quote.expires_at_ms > rill_op_sender_wall_ms(p))
        return false;
    rill_op_sender_finish(p, RILL_ERR_EXPIRED,
                          "the quote's time is over: begin again, and agree sooner");
    return true;
}

int rill_op_sender_ask(rill_op_sender *p, const char *method, const char *url, char *body,
                       size_t len, rill_op_credential token, rill_op_answered answered)
{
    rill_op_question q = rill_op_question_of(method, token, answered);
    q.body = body;
    q.len = len;
    return rill_op_session_ask(&p->session, url, &q);
}

bool rill_op_sender_take_grant(rill_op_sender *p, const rill_web_answer *a)
{
    const char *problem = "";
    rill_op_grant fresh;
    int error = rill_op_grant_read(&fresh, a->body, a->len, &problem);
    if (error != RILL_OK) {
        rill_op_sender_finish(p, error, problem);
        return false;
    }
    if (!*fresh.continue_uri) {
        memcpy(fresh.continue_uri, p->session.grant.continue_uri, sizeof fresh.continue_uri);
        memcpy(fresh.continue_token, p->session.grant.continue_token, sizeof fresh.continue_token);
    }
    p->session.grant = fresh;
    rill_wipe(&fresh, sizeof fresh);
    return true;
}

/* ---- the end ---- */

void rill_op_sender_free(rill_op_sender *p)
{
    if (!p)
        return;
    rill_redirect_close(p->redirect);
    rill_op_receiver_free(p->receiver);
    rill_op_session_clear(&p->session);
    json_decref(p->metadata);
    free(p->wallet_address);
    free(p->receiver_text);
    free(p->metadata_text);
    free(p->ca_file);
    rill_wipe(p->interact_ref, sizeof p->interact_ref);
    free(p);
}

static void on_receiver_closed(void *user)
{
    rill_op_sender *p = user;
    rill_op_sender_result result = {
        .error = p->error,
        .problem = p->problem,
        .may_move = p->may_move,
        .quote = p->has_quote ? &p->quote : NULL,
        .outgoing_payment = p->outgoing.id,
        .sent = p->outgoing.sent.value,
        .received = rill_op_sender_received(p),
    };
    p->receiver = NULL; /* it is gone */
    p->on.done(&result, p->on.user);
    rill_op_sender_free(p);
}

static void close_receiver(rill_op_sender *p)
{
    if (p->receiver)
        rill_op_receiver_close(p->receiver, on_receiver_closed, p);
    else
        rill_op_session_after(&p->session, 0, on_receiver_closed);
}

static void on_completed(const rill_op_result *result, void *user)
{
    (void)result;
    close_receiver(user);
}

/* What was made for this payment alone need not wait for more, once nothing more can come. */
static void on_all_given_back(rill_op_sender *p)
{
    if (!p->created || p->may_move ||
        rill_op_receiver_complete(p->receiver, on_completed, p) != RILL_OK)
        close_receiver(p);
}

static void on_given_back(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    (void)a; /* whatever came of it */
    rill_wipe(&p->session.grant, sizeof p->session.grant);
    p->given_back(p);
}

void rill_op_sender_give_back(rill_op_sender *p, void (*then)(rill_op_sender *p))
{
    const rill_op_grant *grant = &p->session.grant;
    bool token = *grant->token && *grant->manage;
    rill_op_question q = rill_op_question_of(
        "DELETE", token ? RILL_OP_ACCESS_TOKEN : RILL_OP_CONTINUE_TOKEN, on_given_back);
    q.whatever = true;
    q.once = true;
    q.tidies = true;
    p->given_back = then;
    if ((token || *grant->continue_uri) &&
        rill_op_session_ask(&p->session, token ? grant->manage : grant->continue_uri, &q) ==
            RILL_OK)
        return;
    on_given_back(NULL, p);
}

static void on_end_waited_for(void *user)
{
    rill_op_sender_tell_waiting(user, RILL_OP_WAIT_END);
}

static void on_ended(void *user)
{
    rill_op_sender *p = user;
    rill_op_session_after(&p->session, TELL_END_MS, on_end_waited_for);
    rill_op_sender_give_back(p, on_all_given_back);
}

void rill_op_sender_finish(rill_op_sender *p, int error, const char *problem)
{
    if (p->step == RILL_OP_STEP_ENDS)
        return;
    if (p->step == RILL_OP_STEP_CREATES && p->session.call && !p->session.rotating) {
        p->may_move = true;
        p->error = RILL_ERR_IN_DOUBT;
        snprintf(
            p->problem, sizeof p->problem,
            "whether your wallet has made the payment is not known (%.400s): look at your wallet "
            "before you pay again",
            problem);
    } else {
        p->error = error;
        snprintf(p->problem, sizeof p->problem, "%s", problem);
    }
    p->step = RILL_OP_STEP_ENDS;
    rill_op_session_stop(&p->session);
    rill_op_session_after(&p->session, 0, on_ended);
}

void rill_op_sender_finish_with(rill_op_sender *p, int error, const char *format, ...)
{
    char problem[600];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    rill_op_sender_finish(p, error, problem);
}

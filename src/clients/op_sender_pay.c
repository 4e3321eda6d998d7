/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "clients/op_sender_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "clients/url.h"

#define LOOK_MS 1000 /* between two looks at a payment that goes on */
/* What the payer's wallet has sent, the receiver's has by then. */
#define ARRIVE_MS 10000

/* ---- the payment goes on ---- */

bool rill_op_sender_same_url(const char *a, const char *b)
{
    char one[RILL_MAX_URL], other[RILL_MAX_URL];
    return rill_url_normal(a, one, sizeof one) == RILL_OK &&
           rill_url_normal(b, other, sizeof other) == RILL_OK && strcmp(one, other) == 0;
}

bool rill_op_sender_takes_less(const rill_incoming_payment *in, uint64_t units)
{
    uint64_t missing =
        in->incoming_amount > in->received_amount ? in->incoming_amount - in->received_amount : 0;
    return in->incoming_amount != 0 && units > missing;
}

static void look(void *user);

/* It is given up at p->until_ms, which is near once all was sent. */
static void give_up(rill_op_sender *p)
{
    if (!p->all_sent)
        rill_op_sender_finish(
            p, RILL_ERR_TIMEOUT,
            "the payment has not ended in time: your wallet goes on with it by itself");
    else
        rill_op_sender_finish_with(
            p, RILL_ERR_IN_DOUBT,
            "your wallet says that it has sent all (%" PRIu64 " units), and at the receiver's "
            "wallet %" PRIu64 " of %" PRIu64 " units have arrived: ask the receiver before you pay "
            "again",
            p->outgoing.sent.value, rill_op_sender_received(p), p->quote.receive_amount);
}

/* From now on only what has left is waited for. */
static void note_all_sent(rill_op_sender *p)
{
    uint64_t by = rill_op_sender_mono_ms(p) + ARRIVE_MS;
    if (!p->all_sent && by < p->until_ms)
        p->until_ms = by;
    p->all_sent = true;
}

/* What both wallets say by now. */
static void judge(rill_op_sender *p)
{
    uint64_t received = rill_op_sender_received(p);
    uint64_t said = p->outgoing.sent.value;
    bool sent = said >= p->outgoing.debit.value;
    /* Wallets differ in whether fees were "sent". Others may pay into what was not made for us. */
    bool arrived =
        received >= p->quote.receive_amount && (p->created || (said > 0 && said == p->said_before));
    /* Where nobody else pays, the receiver's wallet is who says that it was paid. */
    bool paid = arrived || (sent && !p->created);
    if (p->step != RILL_OP_STEP_FOLLOWS)
        return;
    p->said_before = said;
    p->may_move = !p->outgoing.failed && !paid;
    if (sent)
        note_all_sent(p);
    if (p->outgoing.failed)
        rill_op_sender_finish(
            p, RILL_ERR_REMOTE,
            "your wallet could not pay all of it, and has ended the payment: see your wallet "
            "for why");
    else if (paid)
        rill_op_sender_finish(p, RILL_OK, "");
    else if (rill_op_sender_mono_ms(p) >= p->until_ms)
        give_up(p);
    else
        rill_op_session_after(&p->session, LOOK_MS, look);
}

static void on_receiver_seen(const rill_op_result *result, void *user)
{
    rill_op_sender *p = user;
    if (result->error == RILL_OK)
        p->incoming.received_amount = result->payment->received_amount;
    judge(p);
}

void rill_op_sender_look(rill_op_sender *p)
{
    if (rill_op_receiver_refresh(p->receiver, on_receiver_seen, p) != RILL_OK)
        judge(p);
}

static void on_outgoing(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    rill_op_outgoing fresh;
    const char *problem;
    /* No answer, or one that is none: the next look may bring a better one. */
    if (a->error == RILL_OK && a->status == 200 &&
        rill_op_outgoing_read(&fresh, a->body, a->len, &problem) == RILL_OK &&
        rill_op_sender_same_url(fresh.id, p->outgoing.id))
        p->outgoing = fresh;
    rill_op_sender_look(p);
}

static void look(void *user)
{
    rill_op_sender *p = user;
    rill_op_question q = rill_op_question_of("GET", RILL_OP_ACCESS_TOKEN, on_outgoing);
    q.whatever = true;
    if (rill_op_session_ask(&p->session, p->outgoing.id, &q) != RILL_OK)
        rill_op_sender_look(p);
}

/* ---- the payment is made ---- */

static bool same_asset(const rill_op_amount *amount, const char *code, uint8_t scale)
{
    return strcmp(amount->asset_code, code) == 0 && amount->asset_scale == scale;
}

/* It never left this machine. */
static bool was_not_sent(int error)
{
    return error == RILL_ERR_RESOLVE || error == RILL_ERR_CONNECT || error == RILL_ERR_TLS;
}

static void follow(rill_op_sender *p)
{
    p->step = RILL_OP_STEP_FOLLOWS;
    rill_op_sender_wait_until(p, p->options.payment_timeout_ns);
    rill_op_sender_tell_waiting(p, RILL_OP_WAIT_PAYMENT);
    if (p->step == RILL_OP_STEP_FOLLOWS)
        look(p);
}

static void read_created(rill_op_sender *p, const rill_web_answer *a)
{
    const char *problem = "";
    int error = rill_op_outgoing_read(&p->outgoing, a->body, a->len, &problem);
    p->may_move = true;
    if (error != RILL_OK) {
        *p->outgoing.id = '\0';
        rill_op_sender_finish_with(
            p, RILL_ERR_IN_DOUBT,
            "your wallet has taken the payment, and its answer cannot be read (%s): look "
            "at your wallet before you pay again",
            problem);
    } else if (!rill_op_sender_same_url(p->outgoing.receiver, p->quote.incoming_payment) ||
               !same_asset(&p->outgoing.debit, p->quote.debit_asset_code,
                           p->quote.debit_asset_scale) ||
               p->outgoing.debit.value > p->quote.debit_amount) {
        rill_op_sender_finish(
            p, RILL_ERR_PROTOCOL,
            "your wallet has made another payment than was agreed to: ask whoever runs it");
    } else if (p->cancelled) {
        rill_op_sender_finish(p, RILL_ERR_CANCELLED, "stopped");
    } else {
        follow(p);
    }
}

/*
 * Whether it was made: a wallet that breaks down, that leads on to another page, or that gave up
 * waiting (408, 425) may have made it.
 */
static bool says_nothing(unsigned status)
{
    return status >= 500 || status < 400 || status == 408 || status == 425;
}

static void on_created(const rill_web_answer *a, void *user)
{
    rill_op_sender *p = user;
    if (a->error == RILL_OK && a->status >= 200 && a->status < 300) {
        read_created(p, a);
    } else if (a->error != RILL_OK && was_not_sent(a->error)) {
        rill_op_sender_finish(p, a->error, a->problem);
    } else if (a->error != RILL_OK || says_nothing(a->status)) {
        char said[64];
        snprintf(said, sizeof said, "it answers %u", (unsigned)a->status);
        p->may_move = true;
        rill_op_sender_finish_with(
            p, RILL_ERR_IN_DOUBT,
            "whether your wallet has made the payment is not known (%s): look at your "
            "wallet before you pay again",
            a->error != RILL_OK ? a->problem
            : a->status >= 500  ? "it answers that it is out of order"
                                : said);
    } else if (p->cancelled) {
        rill_op_sender_finish(p, RILL_ERR_CANCELLED, "stopped");
    } else {
        (void)rill_op_session_refused(&p->session, a, "your wallet does not make the payment");
    }
}

static void create(rill_op_sender *p)
{
    char url[RILL_MAX_URL];
    rill_op_question q = rill_op_question_of("POST", RILL_OP_ACCESS_TOKEN, on_created);
    int error =
        rill_op_session_path(&p->session, p->wallet.resource_server, "/outgoing-payments", url);
    if (error == RILL_OK)
        error = rill_op_outgoing_body(&q.body, &q.len, p->wallet.id, p->quote.id, p->metadata);
    q.whatever = true;
    q.sent_once = true;
    p->step = RILL_OP_STEP_CREATES;
    if (error == RILL_OK)
        error = rill_op_session_ask(&p->session, url, &q);
    rill_op_session_go_on(&p->session, error);
}

/* A person may have taken long: the receiver is asked once more, before anything moves. */
static void on_checked(const rill_op_result *result, void *user)
{
    rill_op_sender *p = user;
    if (p->step != RILL_OP_STEP_CHECKS)
        return;
    if (result->error != RILL_OK) {
        rill_op_sender_finish(p, result->error, result->problem);
        return;
    }
    p->incoming.received_amount = result->payment->received_amount;
    p->received_before = result->payment->received_amount;
    if (result->payment->completed)
        rill_op_sender_finish(
            p, RILL_ERR_CLOSED,
            "the incoming payment has become complete meanwhile: nothing more is to be paid");
    else if (result->payment->expires_at_ms != 0 &&
             result->payment->expires_at_ms <= rill_op_sender_wall_ms(p))
        rill_op_sender_finish(
            p, RILL_ERR_EXPIRED,
            "the time of the incoming payment is over meanwhile: ask the receiver for a new "
            "one");
    else if (rill_op_sender_takes_less(result->payment, p->quote.receive_amount))
        rill_op_sender_finish(
            p, RILL_ERR_LIMIT,
            "the receiver has got money meanwhile, and takes less than that: pay less");
    else
        create(p);
}

void rill_op_sender_pay(rill_op_sender *p)
{
    rill_op_session_stop(&p->session); /* nothing of the way here may end what begins now */
    p->step = RILL_OP_STEP_CHECKS;
    if (!rill_op_sender_quote_is_over(p))
        rill_op_session_go_on(&p->session, rill_op_receiver_refresh(p->receiver, on_checked, p));
}

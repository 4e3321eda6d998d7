/* SPDX-License-Identifier: Apache-2.0 */
/* How `rill pay` and `rill quote` end: what is said, and what is closed. */
#define _POSIX_C_SOURCE 200809L

#include "cli/payer.h"

#include <inttypes.h>
#include <string.h>

/* ---- before anything was sent ---- */

/* The last event of a payment that did not come to paying: what an earlier process did counts. */
void payer_print_nothing_done(const payer *p, int error, rill_reason reason)
{
    if (!p->json || p->quotes_only)
        return;
    (void)cli_print_json(json_pack(
        "{s:s,s:s,s:s,s:o,s:o,s:o}", "event", "done", "error", cli_error_word(error), "reason",
        rill_reason_name(reason), "sent", cli_json_amount(p->before.sent), "delivered",
        cli_json_amount(p->before.delivered), "in_doubt", cli_json_amount(p->before.in_doubt)));
}

/* Where the money is, of a payment that ends before more of it is sent. */
static void where_it_is(const payer *p, char *out, size_t cap)
{
    const payer_sums *b = &p->before;
    *out = '\0';
    if (b->known)
        snprintf(out, cap,
                 " Nothing more was sent: %" PRIu64 " of %" PRIu64 " units are sent, %" PRIu64
                 " delivered, %" PRIu64 " in doubt.",
                 b->sent, b->amount, b->delivered, b->in_doubt);
    else if (!p->quotes_only)
        snprintf(out, cap, " Nothing was sent.");
}

void payer_give_up(payer *p, int error, rill_reason reason, const char *what)
{
    char shown[800], rest[200];
    if (p->code != CLI_DONE)
        return;
    p->code = CLI_INCOMPLETE;
    cli_escape(shown, sizeof shown, (const uint8_t *)what, strlen(what));
    where_it_is(p, rest, sizeof rest);
    if (reason == RILL_REASON_CANCELLED || reason == RILL_REASON_OTHER)
        cli_fail(p->args->command, error, "%s.%s", shown, rest);
    else
        cli_fail(p->args->command, error, "%s. What can be done: %s.%s", shown,
                 rill_reason_advice(reason), rest);
    payer_print_nothing_done(p, error, reason);
}

void payer_give_up_wrong(payer *p, int error, const char *problem)
{
    payer_give_up(p, error, RILL_REASON_OTHER,
                  problem && *problem ? problem : rill_strerror(error));
}

/* ---- the end ---- */

static void on_receiver_closed(void *user)
{
    (void)user;
}

void payer_stop_watching(payer *p)
{
    cli_watch_close(p->watch);
    p->watch = NULL;
}

void payer_end(payer *p)
{
    p->stage = PAYER_ENDS;
    payer_prompt_close(p->prompt);
    p->prompt = NULL;
    payer_stop_watching(p);
    payer_settle_end(p->settler);
    p->settler = NULL;
    if (p->receiver)
        rill_receiver_close(p->receiver, on_receiver_closed, p);
    p->receiver = NULL;
    cli_signals_close(p->signals);
    p->signals = NULL;
}

static void on_completed(const rill_receiver_result *result, void *user)
{
    payer *p = user;
    if (result->error != RILL_OK && cli_verbose(p->args)) {
        char shown[600];
        cli_escape(shown, sizeof shown, (const uint8_t *)result->problem, strlen(result->problem));
        cli_warn(p->args, "the receiver could not be told that this is all: %s", shown);
    }
    payer_end(p);
}

/* An incoming payment that was made for us need not wait for more. */
static void complete(payer *p)
{
    if (p->receiver && p->created && p->paying.error == RILL_OK &&
        rill_receiver_complete(p->receiver, on_completed, p) == RILL_OK)
        p->stage = PAYER_ENDS;
    else
        payer_end(p);
}

static void on_paid(void *user)
{
    payer *p = user;
    p->code = cli_paying_report(&p->paying);
    /* The grant to complete it went with the process that had it made. */
    if (p->before.known && *p->state.incoming && p->paying.error == RILL_OK)
        cli_warn(p->args, "the receiver's wallet is not told that this was all: the incoming "
                          "payment stays open until its time is over");
    complete(p);
}

void payer_show_amount(payer *p, uint64_t amount, const char *code, uint8_t scale)
{
    p->paying.amount = amount;
    if (!p->units) {
        snprintf(p->paying.asset_code, sizeof p->paying.asset_code, "%s", code);
        p->paying.asset_scale = scale;
    }
    p->paying.ended = on_paid;
    p->paying.user = p;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `rill pay --resume`: a payment that another process has begun. */
#define _POSIX_C_SOURCE 200809L

#include "cli/payer.h"

#include <inttypes.h>
#include <uv.h>

bool payer_is_complete(payer *p, const rill_payment_state *state)
{
    if (!state->complete)
        return false;
    if (p->json)
        (void)cli_print_json(json_pack(
            "{s:s,s:n,s:n,s:o,s:o,s:s,s:i,s:i,s:i,s:f}", "event", "done", "error", "reason", "sent",
            cli_json_amount(state->sent), "delivered", cli_json_amount(state->delivered),
            "in_doubt", "0", "bytes", 0, "packets", 0, "rejects", 0, "seconds", 0.0));
    else if (!cli_quiet(p->args))
        printf("nothing is left to pay: %" PRIu64 " units were sent, %" PRIu64 " delivered\n",
               state->sent, state->delivered);
    return true;
}

/* What the state says, whatever comes of going on with it. */
static void take_sums(payer *p, const rill_payment_state *s)
{
    p->before = (payer_sums){.known = true,
                             .amount = s->amount,
                             .sent = s->sent,
                             .delivered = s->delivered,
                             .in_doubt = s->in_doubt};
}

static void resume(payer *p, const rill_payment_state *state)
{
    const char *problem = NULL;
    rill_payment *payment;
    time_left_go_on(&p->time, uv_hrtime());
    (void)time_left_get(&p->time, uv_hrtime(), &p->pay.timeout_ns);
    payer_show_amount(p, state->amount, "", 0);
    p->paying.save = &p->state;
    const rill_payment_handlers handlers = cli_paying_handlers(&p->paying);
    p->pay.net = &p->net.options;
    p->pay.fail_fast = true;
    p->pay.resume = (rill_bytes){p->state.text, p->state.len};
    int error = rill_payment_start(&payment, p->loop, &p->pay, &handlers, &problem);
    if (error != RILL_OK) {
        p->code = cli_start_error(p->args->command, error, problem);
        payer_end(p);
        return;
    }
    p->stage = PAYER_PAYS;
    cli_paying_begin(&p->paying, p->loop, payment);
}

/* The wallet has said what arrived, or cannot say it. */
static void on_settled(rill_reason reason, void *user)
{
    payer *p = user;
    rill_payment_state state;
    int error = rill_payment_state_read(&state, (rill_bytes){p->state.text, p->state.len}, NULL);
    if (error == RILL_OK)
        take_sums(p, &state);
    else
        payer_give_up_wrong(p, error, NULL);
    bool is_over = error != RILL_OK || payer_is_complete(p, &state);
    if (!is_over && reason != RILL_REASON_NONE) {
        payer_give_up(p, reason == RILL_REASON_EXPIRED ? RILL_ERR_EXPIRED : RILL_ERR_CLOSED, reason,
                      rill_reason_text(reason));
        is_over = true;
    }
    if (is_over)
        payer_end(p);
    else
        resume(p, &state);
    rill_credentials_wipe(&state.credentials);
}

void payer_resume(payer *p, const rill_payment_state *state)
{
    p->stage = PAYER_SETTLES;
    take_sums(p, state);
    time_left_stop(&p->time, uv_hrtime()); /* the wallet is asked when it can be sure */
    p->settler = payer_settle_begin(p->args, p->loop, &p->state, state, on_settled, p);
    if (!p->settler)
        resume(p, state);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/payer_settle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <rill/crypto.h>
#include <rill/receiver.h>

/* Clocks differ. */
#define GRACE_MS 1000

struct payer_settler {
    const cli_args *args;
    rill_loop *loop;
    state_file *file;
    rill_receiver *receiver;
    payer_settled done;
    void *user;
    uv_timer_t timer; /* until the last packet has expired */
};

static void warn(const payer_settler *s, const char *why)
{
    char shown[600];
    cli_escape(shown, sizeof shown, (const uint8_t *)why, strlen(why));
    cli_warn(s->args, "the wallet cannot say what has arrived, and it stays in doubt: %s", shown);
}

/* The state that follows from the wallet's word is kept before anything is done by it. */
static void take(payer_settler *s, uint64_t received)
{
    uint8_t text[RILL_PAYMENT_STATE_MAX];
    size_t len = 0;
    int error =
        rill_payment_state_settle((rill_bytes){s->file->text, s->file->len}, received, text, &len);
    if (error == RILL_OK)
        error = state_file_save((rill_bytes){text, len}, s->file);
    if (error == RILL_OK) {
        memcpy(s->file->text, text, len);
        s->file->len = len;
        if (!cli_quiet(s->args) && !cli_value(s->args, "--json"))
            printf("the receiver's wallet says that %" PRIu64 " units have arrived\n", received);
    } else {
        warn(s, error == RILL_ERR_RANGE ? "it has less than had arrived for certain"
                                        : rill_strerror(error));
    }
    rill_wipe(text, sizeof text);
}

static void on_receiver(const rill_receiver_result *result, void *user)
{
    payer_settler *s = user;
    bool is_over = result->error == RILL_ERR_CLOSED || result->error == RILL_ERR_EXPIRED;
    /* One that takes no more says what it has got all the same. */
    if (result->payment)
        take(s, result->payment->received_amount);
    else
        warn(s, result->error == RILL_OK ? "it is no wallet" : result->problem);
    s->done(is_over ? result->reason : RILL_REASON_NONE, s->user);
}

static void on_timer(uv_timer_t *timer)
{
    payer_settler *s = timer->data;
    rill_receiver_options o;
    const char *problem = "";
    rill_receiver_options_init(&o);
    o.ca_file = cli_value(s->args, "--ca-file");
    int error =
        rill_receiver_start(&s->receiver, s->loop, s->file->incoming, &o, on_receiver, s, &problem);
    if (error == RILL_OK)
        return;
    warn(s, *problem ? problem : rill_strerror(error));
    s->done(RILL_REASON_NONE, s->user);
}

/* When no packet can arrive any more. The process that sent them is gone: we have its lock. */
static uint64_t last_packet_ms(const rill_payment_state *state)
{
    return state->packet_lifetime_ns / 1000000 + GRACE_MS;
}

static void tell_wait(const cli_args *args, const rill_payment_state *state)
{
    uint64_t seconds = last_packet_ms(state) / 1000;
    if (cli_value(args, "--json"))
        (void)cli_print_json(json_pack("{s:s,s:s,s:s,s:i,s:I}", "event", "waiting", "for", "doubt",
                                       "text", "the receiver's wallet is asked what has arrived",
                                       "seconds", 0, "left", (json_int_t)seconds));
    else if (!cli_quiet(args))
        fprintf(stderr,
                "rill pay: %" PRIu64
                " units are in doubt: the receiver's wallet is asked in %" PRIu64
                " s, when no packet can arrive any more\n",
                state->in_doubt, seconds);
}

payer_settler *payer_settle_begin(const cli_args *args, rill_loop *loop, state_file *file,
                                  const rill_payment_state *state, payer_settled done, void *user)
{
    if (*file->incoming == '\0' || state->in_doubt == 0)
        return NULL;
    if (state->packet_lifetime_ns == RILL_NEVER) {
        cli_warn(args, "nobody can know when no packet can arrive any more: the receiver's wallet "
                       "is not asked, and what is in doubt stays so");
        return NULL;
    }
    payer_settler *s = calloc(1, sizeof *s);
    if (!s)
        return NULL; /* it stays in doubt */
    *s = (payer_settler){.args = args, .loop = loop, .file = file, .done = done, .user = user};
    (void)uv_timer_init(rill_loop_uv(loop), &s->timer); /* cannot fail */
    s->timer.data = s;
    (void)uv_timer_start(&s->timer, on_timer, last_packet_ms(state), 0);
    tell_wait(args, state);
    return s;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_receiver_closed(void *user)
{
    (void)user;
}

void payer_settle_end(payer_settler *s)
{
    if (!s)
        return;
    if (s->receiver)
        rill_receiver_close(s->receiver, on_receiver_closed, NULL);
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

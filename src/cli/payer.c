/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/payer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <rill/crypto.h>

#include "cli/pay_text.h"
#include "cli/waits.h"

static void ask_path(payer *p);

/* ---- telling ---- */

/* What an incoming payment that names its amount still takes. */
static uint64_t left_of(const rill_incoming_payment *payment)
{
    return payment->incoming_amount > payment->received_amount
               ? payment->incoming_amount - payment->received_amount
               : 0;
}

/* What the next step may take, of --timeout. False: nothing is left, and that was said. */
static bool take_time(payer *p)
{
    if (time_left_get(&p->time, uv_hrtime(), &p->pay.timeout_ns))
        return true;
    payer_give_up(p, RILL_ERR_TIMEOUT, RILL_REASON_TIMEOUT, "the time of --timeout is over");
    return false;
}

/* ---- paying ---- */

static void pay(payer *p)
{
    rill_payment *payment;
    if (!take_time(p)) {
        rill_quote_close(p->quote);
        return;
    }
    payer_show_amount(p, p->terms.likely_source, p->path.source_asset_code,
                      p->path.source_asset_scale);
    p->paying.save = p->state.path ? &p->state : NULL;
    const rill_payment_handlers handlers = cli_paying_handlers(&p->paying);
    int error = rill_quote_pay(&payment, p->quote, &p->terms, &p->pay, &handlers);
    if (error != RILL_OK) {
        payer_give_up_wrong(p, error, NULL);
        rill_quote_close(p->quote);
        return;
    }
    p->quote = NULL;
    p->stage = PAYER_PAYS;
    cli_paying_begin(&p->paying, p->loop, payment);
}

/* ---- a person decides ---- */

static void on_answered(bool yes, void *user)
{
    payer *p = user;
    payer_prompt_close(p->prompt);
    p->prompt = NULL;
    time_left_go_on(&p->time, uv_hrtime());
    if (yes) {
        pay(p);
        return;
    }
    payer_give_up(p, RILL_ERR_CANCELLED, RILL_REASON_CANCELLED, "not paid");
    rill_quote_close(p->quote);
}

static void ask_person(payer *p)
{
    p->stage = PAYER_ASKS_PERSON;
    if (p->yes) {
        pay(p);
        return;
    }
    time_left_stop(&p->time, uv_hrtime());
    p->prompt = payer_prompt_open(p->loop, on_answered, p);
    if (p->prompt)
        return;
    payer_give_up(p, RILL_ERR_IO, RILL_REASON_OTHER, "the terminal cannot be asked: give --yes");
    rill_quote_close(p->quote);
}

/* ---- the quote ---- */

/* What the receiver's wallet says about how much it takes. */
static void apply_incoming(payer *p)
{
    if (!p->by_open_payments)
        return;
    p->wanted.asset_code = p->incoming.asset_code;
    p->wanted.asset_scale = p->incoming.asset_scale;
    if (p->incoming.incoming_amount == 0)
        return;
    uint64_t left = left_of(&p->incoming);
    /* 0: the receiver has not said yet what it takes. */
    if (left < p->path.receive_max || p->path.receive_max == 0)
        p->path.receive_max = left;
    if (!p->amount.given)
        p->wanted.deliver_amount = left;
}

/* Amounts in the receiver's asset can be understood now. */
static int find_amounts(payer *p)
{
    bool told = *p->path.destination_asset_code != '\0';
    const char *code = told ? p->path.destination_asset_code : p->incoming.asset_code;
    uint8_t scale = told ? p->path.destination_asset_scale : p->incoming.asset_scale;
    return p->deliver ? cli_money_option_units(p->args, p->units, "AMOUNT", &p->amount, code, scale,
                                               &p->wanted.deliver_amount)
                      : CLI_DONE;
}

static void refuse_terms(payer *p, int error, rill_reason reason)
{
    char what[700];
    char there[CLI_MONEY_SIZE];
    snprintf(what, sizeof what, "%s", rill_reason_text(reason));
    if (reason == RILL_REASON_RECEIVE_MAX) {
        cli_money_text(p->path.receive_max, p->path.destination_asset_code,
                       p->path.destination_asset_scale, there, sizeof there);
        snprintf(what, sizeof what, "the receiver takes %s at most, and this payment brings more",
                 there);
    } else if (reason == RILL_REASON_ASSET_CONFLICT) {
        snprintf(what, sizeof what, "the receiver's asset is %s/%u, and %s/%u was expected",
                 p->path.destination_asset_code, (unsigned)p->path.destination_asset_scale,
                 p->wanted.asset_code, (unsigned)p->wanted.asset_scale);
    }
    payer_give_up(p, error, reason, what);
    rill_quote_close(p->quote);
}

static void print_receiver(FILE *out, const payer *p)
{
    char shown[600];
    const char *how = p->from_file ? "credentials" : p->by_open_payments ? "Open Payments" : "SPSP";
    cli_escape(shown, sizeof shown, (const uint8_t *)p->receiver_text, strlen(p->receiver_text));
    fprintf(out, "to        %s (%s)\n", shown, how);
}

static void print_terms(FILE *out, const payer *p)
{
    print_receiver(out, p);
    cli_terms_print(out, &p->path, &p->terms, p->wanted.price);
}

static void on_quoted(rill_quote *quote, const rill_quote_path *path, void *user)
{
    payer *p = user;
    rill_reason reason;
    p->path = *path;
    p->code = find_amounts(p);
    if (p->code != CLI_DONE) {
        payer_print_nothing_done(p, RILL_ERR_INVALID, RILL_REASON_AMOUNT);
        rill_quote_close(quote);
        return;
    }
    apply_incoming(p);
    int error = rill_quote_find_terms(&p->terms, &p->path, &p->wanted, &reason);
    if (error != RILL_OK) {
        refuse_terms(p, error, reason);
        return;
    }
    if (p->json)
        (void)cli_print_json(cli_terms_json(&p->path, &p->terms));
    if (!p->json && (!cli_quiet(p->args) || !p->yes))
        print_terms(stdout, p);
    /* Whoever is asked sees it, wherever it is kept. */
    bool seen = true;
    if (!p->yes && !isatty(STDOUT_FILENO)) {
        print_terms(stderr, p);
        seen = fflush(stderr) == 0 && !ferror(stderr);
    }
    /* Who cannot see what is paid, and later what was, does not pay. */
    if (!p->quotes_only && (!cli_flush(p->args->command) || !seen))
        payer_give_up(p, RILL_ERR_IO, RILL_REASON_OTHER, "what would be paid cannot be written");
    if (p->quotes_only || p->code != CLI_DONE)
        rill_quote_close(quote);
    else
        ask_person(p);
}

/* There is no quote, or no longer; not called for one that pays. */
static void on_quote_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    payer *p = user;
    p->quote = NULL;
    bool wanted = p->code != CLI_DONE || (p->quotes_only && p->stage == PAYER_ASKS_PATH &&
                                          error == RILL_ERR_CANCELLED && !p->stopped);
    if (!wanted && p->stopped)
        payer_give_up(p, RILL_ERR_CANCELLED, RILL_REASON_CANCELLED, "stopped");
    else if (!wanted && !reached)
        p->code = cli_unreachable(p->args->command, error, result->detail);
    else if (!wanted)
        payer_give_up(p, error, result->reason, result->detail);
    if (!wanted && !reached && !p->stopped)
        payer_print_nothing_done(p, error, result->reason);
    payer_end(p);
}

static bool on_waiting(const rill_waiting *waiting, uint64_t waited, void *user)
{
    payer *p = user;
    cli_waits_tell(&p->paying.waits, waiting, waited, rill_loop_now(p->loop).mono_ns, NULL);
    return true;
}

static void ask_path(payer *p)
{
    const rill_quote_handlers handlers = {.size = sizeof handlers,
                                          .quoted = on_quoted,
                                          .waiting = on_waiting,
                                          .done = on_quote_done,
                                          .user = p};
    const char *problem = NULL;
    if (!take_time(p)) {
        payer_end(p);
        return;
    }
    p->stage = PAYER_ASKS_PATH;
    p->pay.net = &p->net.options;
    p->pay.destination_account = p->credentials.destination_account;
    p->pay.shared_secret = p->credentials.shared_secret;
    p->pay.secret_len = sizeof p->credentials.shared_secret;
    p->pay.fail_fast = true;
    p->pay.amount = p->wanted.max_source != 0 ? p->wanted.max_source : p->wanted.source_amount;
    int error = rill_quote_start(&p->quote, p->loop, &p->pay, &handlers, &problem);
    rill_wipe(p->credentials.shared_secret, sizeof p->credentials.shared_secret);
    if (error == RILL_OK)
        return;
    p->code = cli_start_error(p->args->command, error, problem);
    payer_end(p);
}

/* ---- the receiver's server ---- */

static void on_receiver(const rill_receiver_result *result, void *user)
{
    payer *p = user;
    payer_stop_watching(p);
    if (result->error != RILL_OK) {
        payer_give_up(p, result->error, result->reason, result->problem);
        payer_end(p);
        return;
    }
    p->credentials = *result->credentials;
    p->by_open_payments = result->payment != NULL;
    if (result->payment) {
        p->incoming = *result->payment;
        p->created = result->created;
        /* Others may pay into one that was there before. */
        if (p->created)
            state_file_set_incoming(&p->state, p->incoming.id);
        rill_credentials_wipe(&p->incoming.credentials);
    }
    if (p->json)
        (void)cli_print_json(
            json_pack("{s:s,s:s,s:o,s:i,s:o}", "event", "receiver", "by",
                      result->payment ? "open_payments" : "spsp", "url", cli_json_text(result->url),
                      "redirects", (int)result->redirects, "incoming_payment",
                      result->payment ? cli_json_text(p->incoming.id) : json_null()));
    else if (result->redirects > 0 && !cli_quiet(p->args)) {
        char shown[600];
        cli_escape(shown, sizeof shown, (const uint8_t *)result->url, strlen(result->url));
        cli_warn(p->args, "the receiver's server has led on to another page, %u time%s",
                 result->redirects, result->redirects == 1 ? "" : "s");
        fprintf(stderr, "  which is now %s\n", shown);
    }
    if (p->receiver_options.metadata && !p->created)
        cli_warn(p->args, "nobody is given --metadata: no incoming payment was made for us");
    if (p->incoming.incoming_amount != 0 && left_of(&p->incoming) == 0) {
        payer_give_up(p, RILL_ERR_CLOSED, RILL_REASON_COMPLETED,
                      "the incoming payment has all that it is for");
        payer_end(p);
        return;
    }
    if (!p->amount.given && p->incoming.incoming_amount == 0) {
        payer_give_up(p, RILL_ERR_INVALID, RILL_REASON_NO_AMOUNT,
                      "the receiver does not say how much is to be paid");
        p->code = CLI_USAGE;
        payer_end(p);
        return;
    }
    ask_path(p);
}

static void on_server_waited_for(void *user, rill_waiting *out)
{
    (void)user;
    *out = (rill_waiting){.reason = RILL_WAIT_SERVER, .until_ns = RILL_NEVER};
    (void)snprintf(out->text, sizeof out->text, "%s", rill_wait_text(RILL_WAIT_SERVER));
}

/* --timeout is over. */
static void on_server_late(void *user, const rill_waiting *waiting)
{
    payer *p = user;
    (void)waiting;
    payer_give_up(p, RILL_ERR_TIMEOUT, RILL_REASON_SERVER_UNREACHABLE,
                  "the receiver's server has not answered in time");
    payer_end(p);
}

static void ask_receiver(payer *p)
{
    const cli_watch_handlers handlers = {on_server_waited_for, on_server_late, p};
    const char *problem = "";
    if (!take_time(p)) {
        payer_end(p);
        return;
    }
    p->stage = PAYER_ASKS_RECEIVER;
    int error = rill_receiver_start(&p->receiver, p->loop, p->receiver_text, &p->receiver_options,
                                    on_receiver, p, &problem);
    if (error == RILL_OK) {
        p->watch = cli_watch_open(p->loop, p->args, p->pay.timeout_ns, &handlers);
        return;
    }
    payer_give_up_wrong(p, error, problem);
    payer_end(p);
}

/* ---- a signal ---- */

static void on_stop(void *user)
{
    payer *p = user;
    p->stopped = true;
    switch (p->stage) {
    case PAYER_SETTLES:
    case PAYER_ASKS_RECEIVER:
        payer_give_up(p, RILL_ERR_CANCELLED, RILL_REASON_CANCELLED, "stopped");
        payer_end(p);
        break;
    case PAYER_ASKS_PERSON:
        fputc('\n', stderr);
        payer_prompt_close(p->prompt);
        p->prompt = NULL;
        rill_quote_close(p->quote);
        break;
    case PAYER_ASKS_PATH:
        rill_quote_close(p->quote);
        break;
    case PAYER_PAYS:
        cli_paying_stop(&p->paying);
        break;
    case PAYER_ENDS:
        break;
    }
}

/* ---- all of it ---- */

/* Before anything is asked of the receiver: our node can be reached, and amounts make sense. */
static int prepare(payer *p, const char *uri)
{
    int code = cli_account_ask(p->args, uri, p->pay.timeout_ns, &p->account);
    if (code == CLI_DONE && !p->deliver)
        code =
            cli_money_option_units(p->args, p->units, "AMOUNT", &p->amount, p->account.asset_code,
                                   p->account.asset_scale, &p->wanted.source_amount);
    if (code == CLI_DONE)
        code = cli_money_option_units(p->args, p->units, "--max-source", &p->max_source,
                                      p->account.asset_code, p->account.asset_scale,
                                      &p->wanted.max_source);
    return code;
}

static int run_loop(payer *p, const rill_payment_state *state)
{
    int error = rill_loop_new(&p->loop, NULL);
    if (error != RILL_OK)
        return cli_start_error(p->args->command, error, NULL);
    p->signals = cli_signals_open_paying(p->loop, on_stop, p);
    if (state)
        payer_resume(p, state);
    else if (p->from_file)
        ask_path(p);
    else
        ask_receiver(p);
    (void)rill_loop_run(p->loop);
    rill_loop_free(p->loop);
    return p->code;
}

static int run_resume(payer *p)
{
    rill_payment_state state;
    int code = state_file_open(&p->state, p->args, cli_value(p->args, "--resume"), &state);
    if (code != CLI_DONE)
        return code;
    if (!payer_is_complete(p, &state))
        code = run_loop(p, &state);
    rill_credentials_wipe(&state.credentials);
    return code;
}

static int run_new(payer *p, const char *uri)
{
    const char *save = p->quotes_only ? NULL : cli_value(p->args, "--save");
    int code = save ? state_file_create(&p->state, p->args, save) : CLI_DONE;
    if (code == CLI_DONE && !p->amount.given && p->from_file) {
        cli_error(p->args->command, "AMOUNT is missing; see \"rill help %s\"",
                  p->args->command->name);
        code = CLI_USAGE;
    }
    if (code == CLI_DONE)
        code = prepare(p, uri);
    return code == CLI_DONE ? run_loop(p, NULL) : code;
}

int payer_run(const cli_args *args, bool quotes_only)
{
    payer p = {.args = args, .quotes_only = quotes_only};
    char *uri = NULL;
    p.json = cli_value(args, "--json") != NULL;
    state_file_init(&p.state);
    cli_paying_init(&p.paying, args);
    int code = payer_parse(&p);
    time_left_begin(&p.time, p.pay.timeout_ns, uv_hrtime());
    if (code == CLI_DONE)
        code = cli_link_uri(args, &uri);
    if (code == CLI_DONE) {
        cli_net_init(&p.net, args, uri);
        code = cli_amount(args, "--max-packet", &p.net.connection.max_packet_amount);
    }
    if (code == CLI_DONE && p.net.connection.max_packet_amount == 0) {
        cli_error(args->command, "--max-packet must be above 0");
        code = CLI_USAGE;
    }
    if (code == CLI_DONE)
        code = cli_crypto(args, &p.net.options.crypto);
    if (code == CLI_DONE)
        code = !quotes_only && cli_value(args, "--resume") ? run_resume(&p) : run_new(&p, uri);
    data_source_close(p.paying.source);
    state_file_close(&p.state);
    rill_credentials_wipe(&p.credentials);
    rill_key_free(p.key.key);
    cli_free_secret(uri);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/op_pay.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rill/op_sender.h>
#include <rill/reason.h>

#include "cli/browser.h"
#include "cli/key_option.h"
#include "cli/money_option.h"
#include "cli/pay_text.h"
#include "cli/payer.h"

#define WAIT_S 600

typedef struct op_pay {
    const cli_args *args;
    bool json;
    bool yes;
    bool units;
    cli_amount_text amount;
    cli_amount_text max_source;
    cli_key key;
    rill_op_sender_options options;
    rill_loop *loop;
    cli_signals *signals;
    rill_op_sender *sender; /* NULL: it is over */
    payer_prompt *prompt;
    cli_browser *browser;
    rill_op_quote quote; /* where has_quote */
    bool has_quote;
    int told; /* an error that was said; RILL_OK: none */
    int code;
} op_pay;

/* ---- telling ---- */

static json_t *money_json(uint64_t units, const char *code, uint8_t scale)
{
    return json_pack("{s:o,s:o,s:i}", "value", cli_json_amount(units), "asset_code",
                     cli_json_text(code), "asset_scale", (int)scale);
}

static void print_terms(FILE *out, const op_pay *p, const rill_op_quote *q)
{
    char source[CLI_MONEY_SIZE], there[CLI_MONEY_SIZE], to[600], from[600];
    cli_money_text(q->debit_amount, q->debit_asset_code, q->debit_asset_scale, source,
                   sizeof source);
    cli_money_text(q->receive_amount, q->receive_asset_code, q->receive_asset_scale, there,
                   sizeof there);
    cli_escape(to, sizeof to, (const uint8_t *)p->options.receiver, strlen(p->options.receiver));
    cli_escape(from, sizeof from, (const uint8_t *)p->options.wallet_address,
               strlen(p->options.wallet_address));
    fprintf(out, "to        %s\nfrom      %s\npay       %s, with all fees\ndeliver   %s\n", to,
            from, source, there);
}

static void print_quote(const op_pay *p, const rill_op_quote *q)
{
    if (p->json) {
        (void)cli_print_json(json_pack(
            "{s:s,s:o,s:o,s:o,s:o,s:I}", "event", "quote", "debit",
            money_json(q->debit_amount, q->debit_asset_code, q->debit_asset_scale), "receive",
            money_json(q->receive_amount, q->receive_asset_code, q->receive_asset_scale),
            "incoming_payment", cli_json_text(q->incoming_payment), "id", cli_json_text(q->id),
            "expires_at_ms", (json_int_t)q->expires_at_ms));
        return;
    }
    if (!cli_quiet(p->args) || !p->yes)
        print_terms(stdout, p, q);
    /* Whoever is asked sees it, wherever it is kept. */
    if (!p->yes && !isatty(STDOUT_FILENO))
        print_terms(stderr, p, q);
}

/* What can be done, where the line itself does not say it. */
static const char *advice(int error, const char *problem)
{
    if (strchr(problem, ':'))
        return NULL;
    switch (error) {
    case RILL_ERR_NOT_FOUND:
        return rill_reason_advice(RILL_REASON_NO_SUCH_RECEIVER);
    case RILL_ERR_RESOLVE:
    case RILL_ERR_CONNECT:
    case RILL_ERR_TIMEOUT:
    case RILL_ERR_IO:
        return rill_reason_advice(RILL_REASON_SERVER_UNREACHABLE);
    case RILL_ERR_TLS:
        return "do not pay: the server cannot prove who it is";
    case RILL_ERR_CLOSED:
        return rill_reason_advice(RILL_REASON_COMPLETED);
    case RILL_ERR_EXPIRED:
        return rill_reason_advice(RILL_REASON_EXPIRED);
    case RILL_ERR_ASSET:
        return rill_reason_advice(RILL_REASON_ASSET_CONFLICT);
    default:
        return NULL;
    }
}

/* Whether money moved, or may yet: the last word of each line. */
static void money_words(const op_pay *p, const rill_op_sender_result *r, char *out, size_t cap)
{
    char sent[CLI_MONEY_SIZE] = "";
    char received[CLI_MONEY_SIZE] = "";
    char where[600] = "";
    if (p->has_quote) {
        cli_money_text(r->sent, p->quote.debit_asset_code, p->quote.debit_asset_scale, sent,
                       sizeof sent);
        cli_money_text(r->received, p->quote.receive_asset_code, p->quote.receive_asset_scale,
                       received, sizeof received);
    }
    cli_escape(where, sizeof where, (const uint8_t *)r->outgoing_payment,
               strlen(r->outgoing_payment));
    if (!r->may_move && r->sent == 0 && r->received == 0)
        snprintf(out, cap, "Nothing was sent");
    else if (!r->may_move && r->sent == 0)
        snprintf(out, cap, "Your wallet says that nothing was sent, but %s arrived", received);
    else if (!r->may_move)
        snprintf(out, cap, "%s was sent", sent);
    else if (*where)
        snprintf(out, cap, "Money may still move (%s by now): the payment is %s", sent, where);
    else
        snprintf(out, cap, "Money may still move");
}

static void print_failure(op_pay *p, const rill_op_sender_result *r)
{
    char problem[800], money[1400];
    const char *what = advice(r->error, r->problem);
    cli_escape(problem, sizeof problem, (const uint8_t *)r->problem, strlen(r->problem));
    money_words(p, r, money, sizeof money);
    if (p->told == RILL_OK)
        cli_fail(p->args->command, r->error, "%s%s%s. %s.", problem,
                 what ? ". What can be done: " : "", what ? what : "", money);
}

static void sums(const op_pay *p, const rill_op_sender_result *r, char sent[CLI_MONEY_SIZE],
                 char received[CLI_MONEY_SIZE])
{
    const rill_op_quote *q = &p->quote;
    cli_money_text(r->sent, q->debit_asset_code, q->debit_asset_scale, sent, CLI_MONEY_SIZE);
    cli_money_text(r->received, q->receive_asset_code, q->receive_asset_scale, received,
                   CLI_MONEY_SIZE);
}

/* Standard output does not take it: who sees that it failed might pay again. */
static void tell_paid(const op_pay *p, const rill_op_sender_result *r)
{
    char sent[CLI_MONEY_SIZE], received[CLI_MONEY_SIZE];
    sums(p, r, sent, received);
    fprintf(stderr, "rill %s: all was paid: sent %s, received %s\n", p->args->command->name, sent,
            received);
}

static void print_success(const op_pay *p, const rill_op_sender_result *r)
{
    char sent[CLI_MONEY_SIZE], received[CLI_MONEY_SIZE];
    if (p->json || cli_quiet(p->args))
        return;
    sums(p, r, sent, received);
    printf("sent %s, received %s\n", sent, received);
    if (cli_verbose(p->args)) {
        char where[600];
        cli_escape(where, sizeof where, (const uint8_t *)r->outgoing_payment,
                   strlen(r->outgoing_payment));
        printf("the payment is %s\n", where);
    }
}

static void end(op_pay *p)
{
    payer_prompt_close(p->prompt);
    p->prompt = NULL;
    cli_browser_close(p->browser);
    p->browser = NULL;
    cli_signals_close(p->signals);
    p->signals = NULL;
}

static void on_done(const rill_op_sender_result *r, void *user)
{
    op_pay *p = user;
    int error = p->told != RILL_OK ? p->told : r->error;
    p->sender = NULL;
    if (r->error == RILL_OK) {
        print_success(p, r);
    } else {
        print_failure(p, r);
        if (p->code == CLI_DONE)
            p->code = r->error == RILL_ERR_INVALID ? CLI_USAGE : CLI_INCOMPLETE;
    }
    if (p->json)
        (void)cli_print_json(
            json_pack("{s:s,s:s?,s:o,s:o,s:b,s:o,s:o}", "event", "done", "error",
                      error != RILL_OK ? cli_error_word(error) : NULL, "sent",
                      cli_json_amount(r->sent), "received", cli_json_amount(r->received),
                      "may_move", (int)r->may_move, "outgoing_payment",
                      *r->outgoing_payment ? cli_json_text(r->outgoing_payment) : json_null(),
                      "incoming_payment",
                      r->quote ? cli_json_text(r->quote->incoming_payment) : json_null()));
    if (r->error == RILL_OK && !cli_flush(p->args->command))
        tell_paid(p, r);
    end(p);
}

/* ---- the quote ---- */

static int on_amount(const rill_op_assets *a, uint64_t *amount, void *user)
{
    op_pay *p = user;
    bool deliver = p->options.deliver;
    p->code = cli_money_option_units(p->args, p->units, "AMOUNT", &p->amount,
                                     deliver ? a->destination_code : a->source_code,
                                     deliver ? a->destination_scale : a->source_scale, amount);
    if (p->code == CLI_DONE)
        return RILL_OK;
    p->told = RILL_ERR_INVALID;
    return RILL_ERR_INVALID;
}

static void agree(op_pay *p)
{
    if (rill_op_sender_agree(p->sender) != RILL_OK)
        rill_op_sender_cancel(p->sender);
}

static void on_answered(bool yes, void *user)
{
    op_pay *p = user;
    payer_prompt_close(p->prompt);
    p->prompt = NULL;
    if (!p->sender)
        return;
    if (yes)
        agree(p);
    else
        rill_op_sender_cancel(p->sender);
}

/* --max-source can be understood now, and nothing is asked of anybody before it is kept. */
static bool is_too_dear(op_pay *p, const rill_op_quote *q)
{
    uint64_t most = 0;
    p->code = cli_money_option_units(p->args, p->units, "--max-source", &p->max_source,
                                     q->debit_asset_code, q->debit_asset_scale, &most);
    if (p->code != CLI_DONE) {
        p->told = RILL_ERR_INVALID;
        return true;
    }
    if (!p->max_source.given || q->debit_amount <= most)
        return false;
    cli_fail(p->args->command, RILL_ERR_RATE,
             "it would cost more than --max-source allows: allow more, or pay less. Nothing was "
             "sent.");
    p->told = RILL_ERR_RATE;
    p->code = CLI_INCOMPLETE;
    return true;
}

/* Who cannot see what is paid, and later what was, does not pay. */
static bool is_unseen(op_pay *p)
{
    bool seen = p->yes || (fflush(stderr) == 0 && !ferror(stderr));
    if (cli_flush(p->args->command) && seen)
        return false;
    cli_fail(p->args->command, RILL_ERR_IO,
             "what would be paid cannot be written. Nothing was sent.");
    p->told = RILL_ERR_IO;
    p->code = CLI_INCOMPLETE;
    return true;
}

static void on_quoted(const rill_op_quote *quote, void *user)
{
    op_pay *p = user;
    p->quote = *quote;
    p->has_quote = true;
    print_quote(p, quote);
    if (is_too_dear(p, quote) || is_unseen(p)) {
        rill_op_sender_cancel(p->sender);
        return;
    }
    if (p->yes) {
        agree(p);
        return;
    }
    p->prompt = payer_prompt_open(p->loop, on_answered, p);
    if (p->prompt)
        return;
    cli_fail(p->args->command, RILL_ERR_IO,
             "the terminal cannot be asked: give --yes. Nothing was "
             "sent.");
    p->told = RILL_ERR_IO;
    rill_op_sender_cancel(p->sender);
}

/* ---- the browser ---- */

static void on_browser_failed(const char *command, void *user)
{
    op_pay *p = user;
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)command, strlen(command));
    cli_warn(p->args, "%s could not show the page: open it yourself", shown);
}

static void on_interact(const char *url, void *user)
{
    op_pay *p = user;
    const char *why = "";
    bool shows = !cli_value(p->args, "--no-browser");
    if (shows)
        p->browser = cli_browser_open(p->loop, url, on_browser_failed, p, &why);
    if (p->json)
        (void)cli_print_json(json_pack("{s:s,s:o,s:b}", "event", "interact", "url",
                                       cli_json_text(url), "browser", p->browser != NULL));
    else
        fprintf(stderr, "%s\n  %s\n",
                p->browser
                    ? "Agree at your wallet's page, which opens in your browser:"
                    : "Open your wallet's page in a browser on this machine, and agree there:",
                url);
    if (shows && !p->browser)
        cli_warn(p->args, "no browser was opened: %s", why);
}

static void on_waiting(rill_op_wait what, void *user)
{
    static const char *const names[] = {NULL, "grant", "consent", "payment", "answer", "end"};
    static const char *const texts[] = {
        NULL,
        "your wallet to let a quote be asked for",
        "you to agree at your wallet's page (Ctrl-C gives up, and nothing is sent)",
        "your wallet to pay (Ctrl-C stops following; the payment goes on)",
        "your wallet's answer, which says whether it pays: stopped now, nobody here would know "
        "(Ctrl-C again stops all the same: look at your wallet then)",
        "servers to take back what they granted (Ctrl-C again ends at once)"};
    op_pay *p = user;
    if ((size_t)what >= sizeof names / sizeof names[0])
        return;
    if (p->json)
        (void)cli_print_json(json_pack("{s:s,s:s,s:s}", "event", "waiting", "for", names[what],
                                       "text", texts[what]));
    else if (!cli_quiet(p->args))
        fprintf(stderr, "rill %s: waiting for %s\n", p->args->command->name, texts[what]);
}

/* ---- all of it ---- */

static void on_stop(void *user)
{
    op_pay *p = user;
    if (p->prompt)
        fputc('\n', stderr);
    payer_prompt_close(p->prompt);
    p->prompt = NULL;
    if (p->sender)
        rill_op_sender_cancel(p->sender);
}

static int run_loop(op_pay *p)
{
    const rill_op_sender_handlers handlers = {.size = sizeof handlers,
                                              .amount = on_amount,
                                              .quoted = on_quoted,
                                              .interact = on_interact,
                                              .waiting = on_waiting,
                                              .done = on_done,
                                              .user = p};
    const char *problem = "";
    int error = rill_loop_new(&p->loop, NULL);
    if (error != RILL_OK)
        return cli_start_error(p->args->command, error, NULL);
    p->signals = cli_signals_open_paying(p->loop, on_stop, p);
    error = rill_op_sender_start(&p->sender, p->loop, &p->options, &handlers, &problem);
    if (error == RILL_ERR_TLS) {
        cli_error(p->args->command, "--ca-file cannot be read, or holds no certificate");
        p->code = CLI_USAGE;
    } else if (error != RILL_OK) {
        cli_fail(p->args->command, error, "%s", *problem ? problem : rill_strerror(error));
        p->code = CLI_INCOMPLETE;
    }
    if (error != RILL_OK)
        end(p);
    (void)rill_loop_run(p->loop);
    rill_loop_free(p->loop);
    return p->code;
}

static int usage(const op_pay *p, const char *problem)
{
    cli_error(p->args->command, "%s; see \"rill help %s\"", problem, p->args->command->name);
    return CLI_USAGE;
}

static int parse_amounts(op_pay *p)
{
    const char *amount = p->args->operands[2];
    const char *most = cli_value(p->args, "--max-source");
    char both[128];
    p->units = cli_value(p->args, "--units") != NULL;
    p->options.deliver = cli_value(p->args, "--deliver") != NULL;
    if (p->args->operands[2] && p->args->operands[3]) { /* a shell gives "1.5 XRP" as two words */
        snprintf(both, sizeof both, "%s %s", amount, p->args->operands[3]);
        amount = both;
    }
    int code =
        amount ? cli_money_option(p->args, p->units, "AMOUNT", amount, &p->amount) : CLI_DONE;
    if (code == CLI_DONE && most)
        code = cli_money_option(p->args, p->units, "--max-source", most, &p->max_source);
    if (code == CLI_DONE && p->options.deliver && !amount)
        return usage(p, "--deliver needs an AMOUNT");
    return code;
}

/* A URL that is none is a mistake of whoever typed it, before anything is asked. */
static int parse_parties(op_pay *p)
{
    const struct {
        const char *name, *text;
    } parties[] = {{"RECEIVER", p->options.receiver}, {"--from", p->options.wallet_address}};
    char url[RILL_MAX_URL];
    const char *problem = "";
    for (size_t i = 0; i < 2; i++) {
        if (rill_receiver_url(parties[i].text, p->options.insecure, url, sizeof url, &problem) !=
            RILL_OK) {
            cli_error(p->args->command, "%s: %s", parties[i].name, problem);
            return CLI_USAGE;
        }
    }
    return CLI_DONE;
}

static int parse(op_pay *p)
{
    const cli_args *args = p->args;
    rill_op_sender_options *o = &p->options;
    rill_op_sender_options_init(o);
    o->receiver = args->operands[1];
    o->wallet_address = cli_value(args, "--from");
    o->insecure = cli_value(args, "--insecure-http") != NULL;
    o->ca_file = cli_value(args, "--ca-file");
    o->consent_timeout_ns = WAIT_S * RILL_SECOND;
    if (!o->receiver)
        return usage(p, "RECEIVER is missing");
    if (!o->wallet_address)
        return usage(p, "--from WALLET is missing: the wallet address that pays");
    if (!cli_value(args, "--key"))
        return usage(p, "--key FILE is missing: the key that your wallet knows");
    p->json = cli_value(args, "--json") != NULL;
    p->yes = cli_value(args, "--yes") != NULL;
    if (!p->yes && (p->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
        return usage(p, p->json ? "--json needs --yes: a script is not asked"
                                : "there is no terminal to ask at: give --yes to take the quote "
                                  "without being asked here");
    int code = cli_seconds(args, "--timeout", &o->consent_timeout_ns);
    o->payment_timeout_ns = o->consent_timeout_ns;
    if (o->grant_timeout_ns > o->consent_timeout_ns)
        o->grant_timeout_ns = o->consent_timeout_ns;
    if (code == CLI_DONE)
        code = parse_amounts(p);
    if (code == CLI_DONE)
        code = cli_metadata(args, &o->metadata);
    if (code == CLI_DONE)
        code = parse_parties(p);
    if (code == CLI_DONE)
        code = cli_key_load(args, &p->key);
    o->signer = &p->key.signer;
    o->public_key = code == CLI_DONE ? rill_key_public(p->key.key) : NULL;
    return code;
}

int op_pay_run(const cli_args *args)
{
    op_pay p = {.args = args};
    int code = parse(&p);
    if (code == CLI_DONE)
        code = run_loop(&p);
    rill_key_free(p.key.key);
    return code;
}

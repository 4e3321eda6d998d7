/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/paying.h"

#include <inttypes.h>
#include <string.h>

#include <rill/reason.h>

#include "base/base64.h"
#include "base/ratio_text.h"

/* At most once each second, and only if something has changed. */
static void print_progress(cli_paying *run, const rill_connection_stats *stats,
                           const rill_stream_totals *totals)
{
    uint64_t now = rill_loop_now(run->loop).mono_ns;
    uint64_t bytes = rill_payment_acknowledged(run->payment);
    if (run->event_at == 0)
        run->event_at = now;
    if (now - run->event_at < RILL_SECOND ||
        (totals->sent == run->event_sent && bytes == run->event_bytes))
        return;
    run->event_at = now;
    run->event_sent = totals->sent;
    run->event_bytes = bytes;
    (void)cli_print_json(json_pack("{s:s,s:o,s:o,s:o,s:I,s:I}", "event", "progress", "sent",
                                   cli_json_amount(totals->sent), "delivered",
                                   cli_json_amount(totals->delivered), "in_flight",
                                   cli_json_amount(totals->in_flight), "bytes", (json_int_t)bytes,
                                   "packets_in_flight", (json_int_t)stats->packets_in_flight));
}

static bool on_waiting(const rill_waiting *waiting, uint64_t waited, void *user)
{
    cli_paying *run = user;
    cli_waits_tell(&run->waits, waiting, waited, rill_loop_now(run->loop).mono_ns, &run->progress);
    return true;
}

/* The receiver tells the other payer with the same file, too. */
static void warn_of_another(cli_paying *run, bool ended_another)
{
    static const char text[] =
        "the receiver has ended an earlier payment with these credentials, which was still open, "
        "in favour of this one: use a credentials file for one payment at a time";
    if (!ended_another || run->warned)
        return;
    run->warned = true;
    cli_progress_erase(&run->progress);
    cli_warn(run->args, "%s", text);
    if (run->json)
        (void)cli_print_json(json_pack("{s:s,s:s,s:s}", "event", "warning", "warning",
                                       "ENDED_ANOTHER", "text", text));
}

static bool on_progress(const rill_connection_stats *stats, const rill_stream_totals *totals,
                        void *user)
{
    cli_paying *run = user;
    run->stats = *stats;
    warn_of_another(run, stats->ended_another);
    if (run->json)
        print_progress(run, stats, totals);
    if (!run->progress_wanted)
        return true;
    cli_progress_state state = {
        .sent = totals->sent,
        .amount = run->amount,
        .bytes = rill_payment_acknowledged(run->payment),
        .size = data_source_size(run->source),
        .packets = stats->packets_in_flight,
        .packets_sent = stats->packets_sent,
        .rate = stats->rate,
        .asset = *run->asset_code ? run->asset_code : NULL,
        .asset_scale = run->asset_scale,
    };
    cli_progress_show(&run->progress, rill_loop_now(run->loop).mono_ns, &state);
    return true;
}

void cli_paying_stop(void *user)
{
    cli_paying *run = user;
    rill_waiting waiting;
    rill_payment_cancel(run->payment);
    rill_payment_get_waiting(run->payment, &waiting);
    cli_waits_stopping(&run->waits, &waiting, rill_loop_now(run->loop).mono_ns, &run->progress);
}

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    cli_paying *run = user;
    run->done = true;
    run->error = error;
    run->reached = reached;
    run->result = *result;
    run->size = data_source_size(run->source);
    data_source_close(run->source);
    run->source = NULL;
    if (run->ended)
        run->ended(run->user);
}

/* What --verbose adds to the result: the last state of the path. */
static void print_details(const cli_paying *run)
{
    const rill_connection_stats *stats = &run->stats;
    char rate[RILL_RATIO_TEXT];
    printf("%" PRIu64 " packets rejected", run->result.rejects);
    if (stats->rate.num > 0) {
        rill_ratio_text(stats->rate, rate);
        printf(", rate %s", rate);
    }
    if (stats->min_rate.num > 0) {
        rill_ratio_text(stats->min_rate, rate);
        printf(" (minimum %s)", rate);
    }
    if (stats->round_trip_ns > 0)
        printf(", round trip %" PRIu64 ".%03" PRIu64 " ms", stats->round_trip_ns / RILL_MS,
               stats->round_trip_ns % RILL_MS / 1000);
    if (stats->packets_sent > 0 && stats->max_packet_amount != RILL_UNLIMITED)
        printf(", at most %" PRIu64 " units in a packet", stats->max_packet_amount);
    putchar('\n');
}

/* What others said: the last reject, and the receiver's own words. */
static void add_words(json_t *object, const rill_pay_result *r)
{
    if (r->reject_code.text[0])
        json_object_set_new(object, "reject",
                            json_pack("{s:s,s:o,s:o}", "code", r->reject_code.text, "triggered_by",
                                      cli_json_text(r->reject_triggered_by), "message",
                                      cli_json_text(r->reject_message)));
    if (*r->receiver_words)
        json_object_set_new(object, "receiver_words", cli_json_text(r->receiver_words));
}

/* Proof for whoever asked for it, and only he can verify it. */
static void print_receipt(const rill_pay_result *r)
{
    char text[RILL_BASE64_SIZE(RILL_RECEIPT_LEN)];
    (void)rill_base64_encode(r->receipt, r->receipt_len, text);
    printf("receipt %s (not verified: rill receipt verify)\n", text);
}

static void print_result(const cli_paying *run)
{
    const rill_pay_result *r = &run->result;
    double seconds = (double)r->duration_ns / 1e9;
    if (run->json) {
        json_t *object = json_pack(
            "{s:s,s:s?,s:s?,s:o,s:o,s:o,s:I,s:I,s:I,s:f}", "event", "done", "error",
            run->error != RILL_OK ? cli_error_word(run->error) : NULL, "reason",
            run->error != RILL_OK ? rill_reason_name(r->reason) : NULL, "sent",
            cli_json_amount(r->sent), "delivered", cli_json_amount(r->delivered), "in_doubt",
            cli_json_amount(r->in_doubt), "bytes", (json_int_t)r->data_acknowledged, "packets",
            (json_int_t)r->packets, "rejects", (json_int_t)r->rejects, "seconds", seconds);
        if (object && run->error != RILL_OK)
            add_words(object, r);
        if (object && r->receipt_len > 0)
            json_object_set_new(object, "receipt", cli_json_base64(r->receipt, r->receipt_len));
        (void)cli_print_json(object);
        return;
    }
    if (cli_quiet(run->args))
        return;
    char sent[512];
    char delivered[512];
    cli_units_text(r->sent, r->source_asset_code, r->source_asset_scale, sent, sizeof sent);
    cli_units_text(r->delivered, r->destination_asset_code, r->destination_asset_scale, delivered,
                   sizeof delivered);
    printf("sent %s, delivered %s", sent, delivered);
    if (r->in_doubt > 0)
        printf(", %" PRIu64 " in doubt", r->in_doubt);
    if (r->data_acknowledged > 0)
        printf(", %" PRIu64 " bytes of data", r->data_acknowledged);
    printf(", in %" PRIu64 " packets and %.3f s\n", r->packets, seconds);
    if (r->receipt_len > 0)
        print_receipt(r);
    if (cli_verbose(run->args))
        print_details(run);
}

/* Standard output does not take it: who sees that it failed might pay again. */
static void tell_paid(const cli_paying *run)
{
    const rill_pay_result *r = &run->result;
    fprintf(stderr,
            "rill %s: all was %s: sent %" PRIu64 " units, delivered %" PRIu64 ", in doubt %" PRIu64
            ", %" PRIu64 " bytes of data\n",
            run->args->command->name, run->amount > 0 ? "paid" : "sent", r->sent, r->delivered,
            r->in_doubt, r->data_acknowledged);
}

/* Names money, data or both, depending on what was to be sent. */
static void incomplete_text(const cli_paying *run, char *out, size_t cap)
{
    const rill_pay_result *r = &run->result;
    size_t len = 0;
    if (run->amount > 0 || run->size == 0)
        len = (size_t)snprintf(
            out, cap,
            "%" PRIu64 " of %" PRIu64 " units sent, %" PRIu64 " delivered, %" PRIu64 " in doubt%s",
            r->sent, run->amount, r->delivered, r->in_doubt, run->size > 0 ? ", and " : "");
    if (run->size == UINT64_MAX)
        snprintf(out + len, cap - len, "%" PRIu64 " bytes arrived", r->data_acknowledged);
    else if (run->size > 0)
        snprintf(out + len, cap - len, "%" PRIu64 " of %" PRIu64 " bytes arrived",
                 r->data_acknowledged, run->size);
}

/* Which file, and why: money that moved before, and what can be done. */
static void save_text(const cli_paying *run, char *out, size_t cap)
{
    const rill_pay_result *r = &run->result;
    char path[256];
    bool all = run->amount > 0 && r->sent >= run->amount;
    cli_escape(path, sizeof path, (const uint8_t *)run->save->path, strlen(run->save->path));
    if (all) /* the words of the library say what not to do */
        snprintf(out, cap, "%s (%s: %s)", r->detail, path, state_file_problem(run->save));
    else
        snprintf(out, cap, "%s: %s: %s. What can be done: %s", rill_reason_text(r->reason), path,
                 state_file_problem(run->save), rill_reason_advice(r->reason));
}

int cli_paying_report(cli_paying *run)
{
    const rill_pay_result *r = &run->result;
    cli_progress_erase(&run->progress);
    warn_of_another(run, r->ended_another);
    if (run->error == RILL_OK) {
        print_result(run);
        if (!cli_flush(run->args->command))
            tell_paid(run);
        return CLI_DONE;
    }
    if (!run->reached && run->error != RILL_ERR_CANCELLED)
        return cli_unreachable(run->args->command, run->error, r->detail);
    char detail[900];
    if (r->reason == RILL_REASON_SAVE && run->save)
        save_text(run, detail, sizeof detail);
    else
        cli_escape(detail, sizeof detail, (const uint8_t *)r->detail, strlen(r->detail));
    /* First the result, then the error. With --json the last event is `done`. */
    if (!run->json)
        print_result(run);
    char what[256];
    incomplete_text(run, what, sizeof what);
    cli_fail(run->args->command, run->error, "incomplete: %s: %s", what, detail);
    if (run->json)
        print_result(run);
    return CLI_INCOMPLETE;
}

static int on_read(uint8_t *buf, size_t cap, size_t *len, void *user)
{
    cli_paying *run = user;
    return data_source_read(run->source, buf, cap, len);
}

void cli_paying_init(cli_paying *run, const cli_args *args)
{
    *run =
        (cli_paying){.args = args, .json = cli_value(args, "--json") != NULL, .waits.args = args};
    cli_progress_init(&run->progress);
    /* Progress lines do not belong into a log, unless --verbose asks for everything. */
    run->progress_wanted = !cli_quiet(args) && (run->progress.terminal || cli_verbose(args));
}

static int on_save(rill_bytes state, void *user)
{
    return state_file_save(state, ((cli_paying *)user)->save);
}

rill_payment_handlers cli_paying_handlers(cli_paying *run)
{
    return (rill_payment_handlers){.size = sizeof(rill_payment_handlers),
                                   .read = run->source ? on_read : NULL,
                                   .progress = on_progress,
                                   .waiting = on_waiting,
                                   .done = on_done,
                                   .user = run,
                                   .save = run->save ? on_save : NULL};
}

void cli_paying_begin(cli_paying *run, rill_loop *loop, rill_payment *payment)
{
    run->loop = loop;
    run->payment = payment;
    if (run->source)
        data_source_attach(run->source, loop, payment);
}

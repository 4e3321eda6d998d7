/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <string.h>

#include <uv.h>

#include "cli/cli.h"
#include "cli/waits.h"
#include <rill/trace.h>

#define MAX_NODES 32

typedef struct trace_run {
    const cli_args *args;
    rill_loop *loop;
    rill_trace *trace;
    cli_signals *signals;
    cli_watch *watch;
    uv_timer_t timer; /* of --timeout */
    /* Who has refused something, in the order in which it was heard of. */
    char nodes[MAX_NODES][RILL_ILP_MAX_ADDRESS + 1];
    size_t node_count;
    uint64_t packets;
    bool answered;        /* the first packet, by anybody */
    rill_trace_kind told; /* the heading that was printed last */
    int code;
} trace_run;

static const char *const searches[] = {"reach", "time", "amount"};

static void on_waiting(void *user, rill_waiting *out)
{
    const trace_run *run = user;
    rill_trace_get_waiting(run->trace, out);
}

static void stop_now(trace_run *run)
{
    run->code = CLI_INCOMPLETE;
    rill_trace_close(run->trace);
}

static void on_stop(void *user)
{
    trace_run *run = user;
    if (run->code == CLI_DONE)
        cli_fail(run->args->command, RILL_ERR_CANCELLED, "stopped before everything was asked");
    stop_now(run);
}

/* --timeout is over. */
static void on_late(uv_timer_t *timer)
{
    trace_run *run = timer->data;
    if (run->code == CLI_DONE)
        cli_fail(run->args->command, RILL_ERR_TIMEOUT,
                 "the time is over before everything was asked; %" PRIu64 " packets were answered. "
                 "Give more by --timeout, or ask less by --packet-time and --max-amount 0",
                 run->packets);
    stop_now(run);
}

/* ---- what was seen ---- */

static void note_node(trace_run *run, const rill_reject *reject)
{
    if (reject == NULL || reject->triggered_by.len == 0 || run->node_count == MAX_NODES)
        return;
    char by[RILL_ILP_MAX_ADDRESS + 1];
    cli_escape(by, sizeof by, reject->triggered_by.data, reject->triggered_by.len);
    for (size_t i = 0; i < run->node_count; i++)
        if (strcmp(run->nodes[i], by) == 0)
            return;
    (void)snprintf(run->nodes[run->node_count++], sizeof run->nodes[0], "%s", by);
}

/* "F08 (amount too large), says g.x: its words", or why there was no answer. */
static void print_outcome(int error, const rill_reject *reject)
{
    if (reject == NULL) {
        printf("%s", error == RILL_ERR_TIMEOUT     ? "no answer before it expired"
                     : error == RILL_ERR_MALFORMED ? "an answer that no node can have made"
                                                   : rill_strerror(error));
        return;
    }
    char by[RILL_ILP_MAX_ADDRESS + 1];
    cli_escape(by, sizeof by, reject->triggered_by.data, reject->triggered_by.len);
    printf("%s (%s), says %s", reject->code.text, rill_ilp_code_name(reject->code),
           *by ? by : "a node that gives no name");
    if (reject->message.len > 0) {
        printf(": ");
        cli_print_text(stdout, reject->message.data, reject->message.len);
    }
}

/* Whether a node's address is that of the destination, or the beginning of it. */
static bool is_theirs(const char *destination, rill_bytes by)
{
    size_t len = strlen(destination);
    return by.len > 0 && by.len <= len && memcmp(destination, by.data, by.len) == 0 &&
           (by.len == len || destination[by.len] == '.');
}

/* What the code of the first packet's answer says about how far it came. */
static const char *how_far(const trace_run *run, const rill_reject *reject)
{
    if (reject == NULL)
        return "nobody has said where it was lost";
    switch (rill_ilp_code_find(reject->code)) {
    case RILL_ILP_F02_UNREACHABLE:
        return "it got to that node, which knows no way on";
    case RILL_ILP_T01_PEER_UNREACHABLE:
        return "it got to that node, whose next one is away";
    case RILL_ILP_R00_TRANSFER_TIMED_OUT:
    case RILL_ILP_R02_INSUFFICIENT_TIMEOUT:
        return "it got to that node, and had too little time left";
    default:
        return is_theirs(run->args->operands[0], reject->triggered_by)
                   ? "it got to the destination, or to the node that answers for it"
                   : "it got to that node";
    }
}

/* ---- answers ---- */

static void add_reject(json_t *event, int error, const rill_reject *reject,
                       rill_amount_too_large too_large)
{
    if (reject == NULL) {
        (void)json_object_set_new(event, "error", cli_json_text(cli_error_word(error)));
        return;
    }
    char by[RILL_ILP_MAX_ADDRESS + 1];
    char message[1024];
    cli_escape(by, sizeof by, reject->triggered_by.data, reject->triggered_by.len);
    cli_escape(message, sizeof message, reject->message.data, reject->message.len);
    (void)json_object_set_new(event, "code", cli_json_text(reject->code.text));
    (void)json_object_set_new(event, "name", cli_json_text(rill_ilp_code_name(reject->code)));
    (void)json_object_set_new(event, "triggered_by", cli_json_text(by));
    (void)json_object_set_new(event, "message", cli_json_text(message));
    if (too_large.received > 0) {
        (void)json_object_set_new(event, "received", cli_json_amount(too_large.received));
        (void)json_object_set_new(event, "maximum", cli_json_amount(too_large.maximum));
    }
}

static void print_answer(const rill_trace_answer *a)
{
    json_t *event =
        json_pack("{s:s,s:s,s:o,s:I,s:f}", "event", "answer", "search", searches[a->kind], "amount",
                  cli_json_amount(a->amount), "left_ms", (json_int_t)a->left_ms, "milliseconds",
                  (double)a->round_trip_ns / 1e6);
    if (event != NULL)
        add_reject(event, a->error, a->reject, a->too_large);
    (void)cli_print_json(event);
}

static void print_first(const trace_run *run, const rill_trace_answer *a)
{
    printf("to %s, with %.3g s and no money:\n  ", run->args->operands[0],
           (double)a->left_ms / 1000);
    print_outcome(a->error, a->reject);
    printf(" (%.3f ms)\n  %s\n", (double)a->round_trip_ns / 1e6, how_far(run, a->reject));
}

static void on_answered(const rill_trace_answer *answer, void *user)
{
    trace_run *run = user;
    run->packets++;
    note_node(run, answer->reject);
    if (answer->kind == RILL_TRACE_REACH)
        run->answered = answer->reject != NULL;
    if (cli_value(run->args, "--json"))
        print_answer(answer);
    else if (!cli_quiet(run->args) && answer->kind == RILL_TRACE_REACH)
        print_first(run, answer);
    if (!cli_flush(run->args->command))
        stop_now(run);
}

/* ---- ranges ---- */

static void print_range_json(const rill_trace_range *r)
{
    json_t *event =
        json_pack("{s:s,s:s,s:o,s:o,s:f}", "event", "range", "search", searches[r->kind], "first",
                  cli_json_amount(r->first), "last", cli_json_amount(r->last), "milliseconds",
                  (double)r->round_trip_ns / 1e6);
    if (event != NULL)
        add_reject(event, r->error, r->reject, r->too_large);
    (void)cli_print_json(event);
}

static void print_range(trace_run *run, const rill_trace_range *r)
{
    char range[64];
    const char *unit = r->kind == RILL_TRACE_TIME ? " ms" : "";
    if (run->told != r->kind)
        printf("%s\n", r->kind == RILL_TRACE_TIME ? "by the time that it has, from the least:"
                                                  : "by its amount in units, from the least:");
    run->told = r->kind;
    if (r->first == r->last)
        (void)snprintf(range, sizeof range, "%" PRIu64 "%s", r->first, unit);
    else
        (void)snprintf(range, sizeof range, "%" PRIu64 " to %" PRIu64 "%s", r->first, r->last,
                       unit);
    printf("  %s: ", range);
    print_outcome(r->error, r->reject);
    if (r->too_large.received > 0)
        printf("; of %" PRIu64 ", %" PRIu64 " came there, and it takes %" PRIu64, r->first,
               r->too_large.received, r->too_large.maximum);
    printf("\n");
}

static void on_range(const rill_trace_range *range, void *user)
{
    trace_run *run = user;
    if (cli_value(run->args, "--json"))
        print_range_json(range);
    else if (!cli_quiet(run->args))
        print_range(run, range);
    if (!cli_flush(run->args->command))
        stop_now(run);
}

/* ---- the end ---- */

static void print_summary(trace_run *run)
{
    if (cli_value(run->args, "--json")) {
        json_t *nodes = json_array();
        for (size_t i = 0; nodes != NULL && i < run->node_count; i++)
            (void)json_array_append_new(nodes, cli_json_text(run->nodes[i]));
        (void)cli_print_json(json_pack("{s:s,s:s,s:o,s:I}", "event", "trace", "address",
                                       run->args->operands[0], "nodes", nodes, "packets",
                                       (json_int_t)run->packets));
    } else if (!cli_quiet(run->args)) {
        printf("nodes that have refused something:");
        for (size_t i = 0; i < run->node_count; i++)
            printf("%s %s", i > 0 ? "," : "", run->nodes[i]);
        printf("%s\n", run->node_count == 0 ? " none" : "");
        printf("A node that refuses nothing is not seen. Its name is what a node says of itself.\n"
               "Times are of the whole way there and back.\n");
    }
    if (!cli_flush(run->args->command))
        run->code = CLI_INCOMPLETE;
}

static void on_done(int error, bool reached, const char *detail, void *user)
{
    trace_run *run = user;
    cli_signals_close(run->signals);
    cli_watch_close(run->watch);
    uv_close((uv_handle_t *)&run->timer, NULL);
    if (run->code != CLI_DONE)
        return; /* it has been told why */
    if (error != RILL_OK && !reached) {
        run->code = cli_unreachable(run->args->command, error, detail);
        return;
    }
    if (error != RILL_OK) {
        run->code = CLI_INCOMPLETE;
        cli_fail(run->args->command, error, "cannot send: %s", detail);
        return;
    }
    print_summary(run);
    if (!run->answered)
        run->code = CLI_INCOMPLETE;
}

static int open_and_run(trace_run *run, const rill_trace_options *options, uint64_t timeout)
{
    const rill_trace_handlers handlers = {
        .size = sizeof handlers,
        .answered = on_answered,
        .range = on_range,
        .done = on_done,
    };
    const char *problem = NULL;
    int rc = rill_trace_open(&run->trace, run->loop, run->args->operands[0], options, &handlers,
                             run, &problem);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, problem);
    (void)uv_timer_init(rill_loop_uv(run->loop), &run->timer); /* cannot fail */
    run->timer.data = run;
    if (timeout != 0)
        (void)uv_timer_start(&run->timer, on_late, timeout / RILL_MS + 1, 0);
    run->signals = cli_signals_open(run->loop, on_stop, run);
    /* Each wait ends by itself. */
    run->watch = cli_watch_open(run->loop, run->args, 0,
                                &(cli_watch_handlers){.waiting = on_waiting, .user = run});
    (void)rill_loop_run(run->loop);
    return run->code;
}

static int run_with_link(const cli_args *args, const char *uri, rill_trace_options *options,
                         uint64_t timeout)
{
    static trace_run run; /* large */
    cli_net net;
    run = (trace_run){.args = args};
    cli_net_init(&net, args, uri);
    options->link_uri = uri;
    options->link_options = &net.link;
    int rc = rill_loop_new(&run.loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(args->command, rc, NULL);
    int code = open_and_run(&run, options, timeout);
    rill_loop_free(run.loop);
    return code;
}

static int run_trace(const cli_args *args)
{
    rill_trace_options options;
    uint64_t timeout = 0;
    rill_trace_options_init(&options);
    int code = cli_seconds(args, "--packet-time", &options.packet_time_ns);
    if (code == CLI_DONE && options.packet_time_ns < 2 * RILL_MS)
        code = cli_bad_value(args, "--packet-time", cli_value(args, "--packet-time"),
                             "is too little: 0.002 is the least");
    if (code == CLI_DONE)
        code = cli_seconds(args, "--timeout", &timeout);
    if (code == CLI_DONE)
        code = cli_amount(args, "--max-amount", &options.max_amount);
    if (code != CLI_DONE)
        return code;
    rill_bytes address = {(const uint8_t *)args->operands[0], strlen(args->operands[0])};
    if (!rill_address_valid(address)) {
        char shown[64];
        cli_escape(shown, sizeof shown, address.data, address.len);
        cli_error(args->command, "\"%s\" is not an ILP address, like private.rill", shown);
        return CLI_USAGE;
    }
    char *uri;
    code = cli_link_uri(args, &uri);
    if (code != CLI_DONE)
        return code;
    code = run_with_link(args, uri, &options, timeout);
    cli_free_secret(uri);
    return code;
}

static const cli_option options[] = {
    {"--packet-time", "SECONDS", "the most time that a packet gets. Default: 30"},
    {"--timeout", "SECONDS", "give up after this time, like 60 or 0.5. Default: no limit"},
    {"--max-amount", "N", "the largest amount to ask with; 0: none. Default: the largest"},
    {NULL, NULL, NULL},
};

const cli_command cli_trace = {
    .name = "trace",
    .summary = "show how far a packet gets, and what each node refuses",
    .usage = "ADDRESS [--packet-time SECONDS] [--max-amount N] [--timeout SECONDS] [--link URI]\n"
             "                  [--json]",
    .about =
        "Sends packets that nobody can fulfil to an ILP address: one with much time and no\n"
        "money, then some with less time, then some with more money. Each refusal says which\n"
        "node made it. No money moves, but nodes hold the amount of a packet while it is under\n"
        "way.\n\n"
        "A node that refuses nothing is not seen, and its name is what a node says of itself.\n"
        "The code is 0 if the first packet was answered by anybody, and otherwise 1.\n\n"
        "--json prints the event answer for each packet, the event range for packets in a row\n"
        "that had the same outcome, and the event trace at the end.",
    .options = options,
    .operands = {"ADDRESS"},
    .examples = "rill trace test.connector.bob\n"
                "rill trace private.rill.bob --max-amount 0 --json",
    .run = run_trace,
};

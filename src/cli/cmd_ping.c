/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/waits.h"
#include <rill/crypto.h>
#include <rill/ping.h>

typedef struct ping_run {
    const cli_args *args;
    rill_loop *loop;
    rill_ping *ping;
    cli_signals *signals;
    cli_watch *watch;
    bool answered;
    int code;
} ping_run;

static void on_waiting(void *user, rill_waiting *out)
{
    const ping_run *run = user;
    rill_ping_get_waiting(run->ping, out);
}

/* If it is stopped before any answer came, nothing is known about the node. */
static void on_stop(void *user)
{
    ping_run *run = user;
    if (!run->answered && run->code == CLI_DONE) {
        cli_fail(run->args->command, RILL_ERR_CANCELLED, "stopped before an answer came");
        run->code = CLI_INCOMPLETE;
    }
    rill_ping_close(run->ping);
}

static void on_answered(uint64_t number, uint64_t nanoseconds, void *user)
{
    ping_run *run = user;
    const char *address = run->args->operands[0];
    run->answered = true;
    if (cli_value(run->args, "--json"))
        (void)cli_print_json(json_pack("{s:s,s:s,s:I,s:f}", "event", "ping", "address", address,
                                       "number", (json_int_t)number, "milliseconds",
                                       (double)nanoseconds / 1e6));
    else if (!cli_quiet(run->args))
        printf("answer from %s: number %" PRIu64 ", time %.3f ms\n", address, number,
               (double)nanoseconds / 1e6);
    if (!cli_flush(run->args->command)) {
        run->code = CLI_INCOMPLETE;
        rill_ping_close(run->ping);
    }
}

static void on_unanswered(uint64_t number, int error, const rill_reject *reject, void *user)
{
    (void)number;
    ping_run *run = user;
    const cli_command *command = run->args->command;
    const char *address = run->args->operands[0];
    char by[RILL_ILP_MAX_ADDRESS + 1] = "";
    run->code = CLI_INCOMPLETE;
    if (reject) {
        cli_escape(by, sizeof by, reject->triggered_by.data, reject->triggered_by.len);
        cli_fail(command, error, "%s does not answer: %s (%s)%s%s", address, reject->code.text,
                 rill_ilp_code_name(reject->code), *by ? ", says " : "", by);
    } else if (error == RILL_ERR_MALFORMED) {
        cli_fail(command, error, "the node sent an answer that is no ILP packet");
    } else {
        cli_fail(command, error, "%s does not answer: %s", address, rill_strerror(error));
    }
}

static void on_done(int error, bool reached, const char *detail, void *user)
{
    ping_run *run = user;
    cli_signals_close(run->signals);
    cli_watch_close(run->watch);
    if (error == RILL_OK)
        return;
    run->code = CLI_INCOMPLETE;
    if (reached)
        cli_fail(run->args->command, error, "cannot send: %s", detail);
    else
        run->code = cli_unreachable(run->args->command, error, detail);
}

static int open_and_run(ping_run *run, const rill_ping_options *options)
{
    const rill_ping_handlers handlers = {
        .size = sizeof handlers,
        .answered = on_answered,
        .unanswered = on_unanswered,
        .done = on_done,
    };
    const char *problem = NULL;
    int rc = rill_ping_open(&run->ping, run->loop, run->args->operands[0], options, &handlers, run,
                            &problem);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, problem);
    run->signals = cli_signals_open(run->loop, on_stop, run);
    /* Each wait ends by itself. */
    run->watch = cli_watch_open(run->loop, run->args, 0,
                                &(cli_watch_handlers){.waiting = on_waiting, .user = run});
    (void)rill_loop_run(run->loop);
    return run->code;
}

static int run_with_link(const cli_args *args, const char *uri, uint64_t count)
{
    ping_run run = {.args = args};
    rill_ping_options options;
    cli_net net;
    cli_net_init(&net, args, uri);
    rill_ping_options_init(&options);
    options.link_uri = uri;
    options.link_options = &net.link;
    options.address = net.options.address;
    options.count = count;
    int rc = rill_loop_new(&run.loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(args->command, rc, NULL);
    int code = open_and_run(&run, &options);
    rill_loop_free(run.loop);
    return code;
}

static int run_ping(const cli_args *args)
{
    uint64_t count = 1;
    int code = cli_count(args, "--count", &count);
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
    code = run_with_link(args, uri, count);
    cli_free_secret(uri);
    return code;
}

static const cli_option options[] = {
    {"--count", "N", "packets to send, one each second. Default: 1"},
    {NULL, NULL, NULL},
};

const cli_command cli_ping = {
    .name = "ping",
    .summary = "see whether a node answers, and how fast",
    .usage = "ADDRESS [--count N] [--link URI] [--json]",
    .about =
        "Sends an echo packet without money to the node at an ILP address, and prints how long\n"
        "its answer takes. Not every node answers such packets.",
    .options = options,
    .operands = {"ADDRESS"},
    .examples = "rill ping private.rill\n"
                "rill ping private.rill --count 5",
    .run = run_ping,
};

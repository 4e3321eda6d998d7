/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo, as the JavaScript connectors answer it (node/echo.h): a Prepare with our address in it goes
 * there, comes back to us, and is fulfilled.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/waits.h"
#include "crypto/crypto.h"
#include "link/link_impl.h"
#include "node/echo.h"
#include "run/account_query.h"

#define ANSWER_TIME (10 * RILL_SECOND)
#define INTERVAL_MS 1000
/* How long the node has to tell our account. Until then a refused question is asked again. */
#define ACCOUNT_TIME (15 * RILL_SECOND)

typedef struct ping_run {
    const cli_args *args;
    rill_loop *loop;
    rill_link *link;
    rill_crypto *crypto;
    cli_signals *signals;
    cli_watch *watch;
    uv_timer_t timer; /* for the next ping, or for the next question about our account */
    rill_account_query account;
    char address[RILL_ILP_MAX_ADDRESS + 1]; /* our address; "" while it is not known */
    uint64_t account_until;
    uint64_t count;
    uint64_t sent;
    uint64_t answered;
    uint64_t sent_at;
    bool waiting;
    bool closing;
    uint8_t fulfillment[32];
    uint8_t condition[32];
    int code;
    uint8_t buffer[RILL_ILP_MAX_PACKET];
} ping_run;

static void finish(ping_run *run)
{
    if (run->closing)
        return;
    run->closing = true;
    uv_close((uv_handle_t *)&run->timer, NULL);
    cli_signals_close(run->signals);
    cli_watch_close(run->watch);
    rill_link_close(run->link);
}

static void on_waiting(void *user, rill_waiting *out)
{
    ping_run *run = user;
    rill_link_get_waiting(run->link, out);
    if (out->reason != RILL_WAIT_NOTHING)
        return;
    if (!*run->address)
        rill_waiting_set(out, RILL_WAIT_ACCOUNT, NULL);
    else if (run->waiting)
        rill_waiting_set(out, RILL_WAIT_REPLY, run->args->operands[0]);
}

/* If it is stopped before any answer came, nothing is known about the node. */
static void on_stop(void *user)
{
    ping_run *run = user;
    if (run->answered == 0 && run->code == CLI_DONE) {
        cli_fail(run->args->command, RILL_ERR_CANCELLED, "stopped before an answer came");
        run->code = CLI_INCOMPLETE;
    }
    finish(run);
}

static void fail(ping_run *run, int code)
{
    run->code = code;
    finish(run);
}

/* ---- pings ---- */

static int make_prepare(ping_run *run, size_t *len)
{
    rill_now now = rill_loop_now(run->loop);
    uint8_t echo[RILL_ECHO_REQUEST_MAX];
    size_t echo_len;
    rill_bytes ours = {(const uint8_t *)run->address, strlen(run->address)};
    int rc = rill_crypto_random(run->crypto, run->fulfillment, sizeof run->fulfillment);
    if (rc == RILL_OK)
        rc = rill_crypto_sha256(run->crypto, run->fulfillment, sizeof run->fulfillment,
                                run->condition);
    if (rc == RILL_OK)
        rc = rill_echo_request_encode(ours, echo, sizeof echo, &echo_len);
    if (rc != RILL_OK)
        return rc;
    const char *there = run->args->operands[0];
    rill_prepare prepare = {
        .expires_at_ms = now.wall_ms + ANSWER_TIME / RILL_MS,
        .condition = run->condition,
        .destination = {(const uint8_t *)there, strlen(there)},
        .data = {echo, echo_len},
    };
    return rill_prepare_encode(&prepare, run->buffer, sizeof run->buffer, len);
}

static void ping(ping_run *run)
{
    size_t len;
    int rc = make_prepare(run, &len);
    run->sent++;
    run->sent_at = uv_hrtime();
    run->waiting = true;
    if (rc == RILL_OK)
        rc = rill_link_send(run->link, run->sent, run->buffer, len);
    if (rc != RILL_OK) {
        cli_fail(run->args->command, rc, "cannot send: %s", rill_strerror(rc));
        fail(run, CLI_INCOMPLETE);
    }
}

static void no_account(ping_run *run, int error)
{
    char detail[256];
    rill_account_query_explain(&run->account, error, detail, sizeof detail);
    fail(run, cli_unreachable(run->args->command, error, detail));
}

static void on_timer(uv_timer_t *timer)
{
    ping_run *run = timer->data;
    if (*run->address) {
        ping(run);
        return;
    }
    rill_now now = rill_loop_now(run->loop);
    if (now.mono_ns >= run->account_until) {
        no_account(run, RILL_ERR_TIMEOUT);
        return;
    }
    rill_account_query_run(&run->account, run->link, now, run->buffer);
    uint64_t at = run->account.retry_at;
    if (at != RILL_NEVER)
        uv_timer_start(&run->timer, on_timer,
                       at > now.mono_ns ? (at - now.mono_ns) / RILL_MS + 1 : 1, 0);
}

/* An answer came, or no answer will come. */
static void next(ping_run *run)
{
    run->waiting = false;
    if (run->sent == run->count)
        finish(run);
    else
        uv_timer_start(&run->timer, on_timer, INTERVAL_MS, 0);
}

static void answered(ping_run *run)
{
    uint64_t nanoseconds = uv_hrtime() - run->sent_at;
    run->answered++;
    if (cli_value(run->args, "--json"))
        (void)cli_print_json(json_pack("{s:s,s:s,s:I,s:f}", "event", "ping", "address",
                                       run->args->operands[0], "number", (json_int_t)run->sent,
                                       "milliseconds", (double)nanoseconds / 1e6));
    else if (!cli_quiet(run->args))
        printf("answer from %s: number %" PRIu64 ", time %.3f ms\n", run->args->operands[0],
               run->sent, (double)nanoseconds / 1e6);
    if (!cli_flush(run->args->command))
        fail(run, CLI_INCOMPLETE);
    else
        next(run);
}

static void refused(ping_run *run, const uint8_t *packet, size_t len)
{
    rill_reject reject;
    run->code = CLI_INCOMPLETE;
    if (rill_reject_decode(&reject, packet, len) != RILL_OK) {
        cli_fail(run->args->command, RILL_ERR_MALFORMED,
                 "the node sent an answer that is no ILP packet");
    } else {
        char by[RILL_ILP_MAX_ADDRESS + 1];
        cli_escape(by, sizeof by, reject.triggered_by.data, reject.triggered_by.len);
        cli_fail(run->args->command, RILL_ERR_REFUSED, "%s does not answer: %s (%s)%s%s",
                 run->args->operands[0], reject.code.text, rill_ilp_code_name(reject.code),
                 *by ? ", says " : "", by);
    }
    next(run);
}

/* ---- the link ---- */

/* The question about our account leaves together with our authentication. */
static void on_early(rill_link *l, void *user)
{
    ping_run *run = user;
    if (!run->closing)
        rill_account_query_early(&run->account, l, rill_loop_now(run->loop), run->buffer);
}

static void on_up(rill_link *l, void *user)
{
    (void)l;
    ping_run *run = user;
    if (run->closing)
        return;
    rill_now now = rill_loop_now(run->loop);
    run->account_until = now.mono_ns + ACCOUNT_TIME;
    rill_account_query_start(&run->account, now);
    on_timer(&run->timer);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void) final;
    ping_run *run = user;
    if (!run->closing)
        fail(run, cli_unreachable(run->args->command, error, detail));
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    ping_run *run = user;
    rill_prepare prepare;
    bool ours = run->waiting && rill_prepare_decode(&prepare, packet, len) == RILL_OK &&
                rill_echo_is_response(prepare.data) &&
                rill_equal_ct(prepare.condition, run->condition, sizeof run->condition);
    size_t reply_len;
    int rc;
    if (ours) {
        rill_fulfill fulfill = {.fulfillment = run->fulfillment};
        rc = rill_fulfill_encode(&fulfill, run->buffer, sizeof run->buffer, &reply_len);
    } else {
        rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE)};
        rc = rill_reject_encode(&reject, run->buffer, sizeof run->buffer, &reply_len);
    }
    if (rc == RILL_OK)
        (void)!rill_link_reply(l, request, run->buffer, reply_len);
}

static void on_account(ping_run *run, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    rill_ildcp_info info;
    int rc = rill_account_query_reply(&run->account, outgoing_id, rill_loop_now(run->loop), packet,
                                      len, &info);
    if (rc == RILL_ERR_BLOCKED)
        return;
    if (rc != RILL_OK) {
        no_account(run, rc);
        return;
    }
    memcpy(run->address, info.address.data, info.address.len);
    run->address[info.address.len] = '\0';
    uv_timer_stop(&run->timer);
    ping(run);
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)l;
    ping_run *run = user;
    if (run->closing)
        return;
    if (rill_account_query_owns(outgoing_id)) {
        on_account(run, outgoing_id, packet, len);
        return;
    }
    rill_fulfill fulfill;
    if (rill_fulfill_decode(&fulfill, packet, len) == RILL_OK &&
        rill_equal_ct(fulfill.fulfillment, run->fulfillment, sizeof run->fulfillment))
        answered(run);
    else
        refused(run, packet, len);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)l;
    (void)sent;
    ping_run *run = user;
    if (run->closing)
        return;
    if (rill_account_query_owns(outgoing_id)) {
        rill_account_query_unanswered(&run->account, outgoing_id, rill_loop_now(run->loop));
        /* The early question was lost with the link. What became of the link is reported next. */
        if (rill_link_is_up(run->link))
            on_timer(&run->timer);
        return;
    }
    run->code = CLI_INCOMPLETE;
    cli_fail(run->args->command, error, "%s does not answer: %s", run->args->operands[0],
             rill_strerror(error));
    next(run);
}

static void on_writable(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static void on_closed(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static int open_and_run(ping_run *run, const rill_link_options *options, const char *uri)
{
    static const rill_link_handlers handlers = {
        .size = sizeof(rill_link_handlers),
        .up = on_up,
        .down = on_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = on_writable,
        .closed = on_closed,
        .early = on_early,
    };
    const char *problem = NULL;
    rill_account_query_init(&run->account);
    int rc = rill_link_open(&run->link, run->loop, uri, options, &handlers, run, &problem);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, problem);
    uv_timer_init(rill_loop_uv(run->loop), &run->timer);
    run->timer.data = run;
    run->signals = cli_signals_open(run->loop, on_stop, run);
    /* Each wait ends by itself. */
    run->watch = cli_watch_open(run->loop, run->args, 0,
                                &(cli_watch_handlers){.waiting = on_waiting, .user = run});
    (void)rill_loop_run(run->loop);
    return run->code;
}

static int run_with_link(const cli_args *args, const char *uri, uint64_t count)
{
    ping_run run = {.args = args, .count = count};
    cli_net net;
    cli_net_init(&net, args, uri);
    int rc = rill_loop_new(&run.loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(args->command, rc, NULL);
    run.crypto = rill_crypto_new(rill_allocator_default());
    int code = run.crypto ? open_and_run(&run, &net.link, uri)
                          : cli_start_error(args->command, RILL_ERR_CRYPTO, NULL);
    rill_loop_free(run.loop);
    rill_crypto_free(run.crypto);
    rill_wipe(run.fulfillment, sizeof run.fulfillment);
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
    char from_environment[4096];
    code = cli_link_uri(args, &uri);
    if (code != CLI_DONE)
        return code;
    int rc =
        uri ? RILL_OK : rill_link_uri_from_environment(from_environment, sizeof from_environment);
    if (rc != RILL_OK)
        code = cli_start_error(args->command, rc, "the link in the environment cannot be used");
    else
        code = run_with_link(args, uri ? uri : from_environment, count);
    rill_wipe(from_environment, sizeof from_environment);
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

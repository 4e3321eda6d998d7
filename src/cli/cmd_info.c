/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <uv.h>

#include "cli/cli.h"

/* For the node to answer at all. */
#define ANSWER_TIME_MS 15000

typedef struct info_run {
    const cli_args *args;
    rill_server *server;
    uv_timer_t timer;
    bool known;
    char detail[256]; /* why the link does not come up */
    int code;
} info_run;

static void on_listening(rill_server *server, void *user)
{
    info_run *run = user;
    const char *address = rill_server_address(server);
    const char *asset = rill_server_asset_code(server);
    int scale = rill_server_asset_scale(server);
    run->known = true;
    if (cli_value(run->args, "--json")) {
        (void)cli_print_json(json_pack("{s:s,s:s,s:o,s:i}", "event", "info", "address", address,
                                       "asset_code", cli_json_text(asset), "asset_scale", scale));
    } else {
        printf("address      %s\nasset code   ", address);
        cli_print_text(stdout, (const uint8_t *)asset, strlen(asset));
        printf("\nasset scale  %d\n", scale);
    }
    rill_server_close(server);
}

static void on_link(bool up, const char *detail, void *user)
{
    info_run *run = user;
    if (up || run->known)
        return;
    snprintf(run->detail, sizeof run->detail, "%s", detail);
    rill_server_close(run->server);
}

static void on_timer(uv_timer_t *timer)
{
    info_run *run = timer->data;
    if (run->known || *run->detail)
        return;
    snprintf(run->detail, sizeof run->detail, "it does not tell our address (IL-DCP)");
    rill_server_close(run->server);
}

static void on_closed(int error, const char *detail, void *user)
{
    info_run *run = user;
    uv_close((uv_handle_t *)&run->timer, NULL);
    if (run->known)
        return;
    if (error == RILL_OK)
        run->code = cli_unreachable(run->args->command, RILL_ERR_CONNECT, run->detail);
    else
        run->code = cli_unreachable(run->args->command, error, detail);
}

static int run_with_link(const cli_args *args, const char *uri)
{
    static const rill_handlers handlers = {
        .listening = on_listening, .link = on_link, .closed = on_closed};
    info_run run = {.args = args};
    rill_loop *loop;
    int rc = rill_loop_new(&loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(args->command, rc, NULL);
    rill_net_options net;
    cli_net_options(args, uri, &net);
    net.handlers = &handlers;
    net.user = &run;
    const char *problem = NULL;
    /* A server that gives nobody its credentials: it learns its account, which is all we want. */
    rc = rill_listen(&run.server, loop, &net, &problem);
    if (rc == RILL_OK) {
        uv_timer_init(rill_loop_uv(loop), &run.timer);
        run.timer.data = &run;
        uv_timer_start(&run.timer, on_timer, ANSWER_TIME_MS, 0);
        (void)rill_loop_run(loop);
    } else {
        run.code = cli_start_error(args->command, rc, problem);
    }
    rill_loop_free(loop);
    return run.code;
}

static int run_info(const cli_args *args)
{
    char *uri;
    int code = cli_link_uri(args, &uri);
    if (code == CLI_DONE)
        code = run_with_link(args, uri);
    cli_free_secret(uri);
    return code;
}

const cli_command cli_info = {
    .name = "info",
    .summary = "show the account's address and asset",
    .usage = "[--link URI] [--json]",
    .about =
        "Asks the node for the ILP address and the asset of our account (IL-DCP). Amounts are\n"
        "in units of the asset scale: at scale 9, 1000000000 units are one of the asset.",
    .run = run_info,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* What the node tells about our account, and amounts in its asset. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/waits.h"

/* How long the node has to answer. */
#define ANSWER_TIME (15 * RILL_SECOND)

typedef struct account_run {
    const cli_args *args;
    cli_account *out;
    rill_server *server;
    cli_watch *watch;
    uint64_t most;
    bool let_in; /* the link was up once */
    bool known;
    char detail[256]; /* why the link does not come up */
    int code;
} account_run;

static void on_listening(rill_server *server, void *user)
{
    account_run *run = user;
    cli_account *out = run->out;
    snprintf(out->address, sizeof out->address, "%s", rill_server_address(server));
    snprintf(out->asset_code, sizeof out->asset_code, "%s", rill_server_asset_code(server));
    out->asset_scale = rill_server_asset_scale(server);
    run->known = true;
    rill_server_close(server);
}

static void on_link(bool up, const char *detail, void *user)
{
    account_run *run = user;
    run->let_in = run->let_in || up;
    /* A node that has let us in, and then left, is restarted, perhaps: it gets the time to answer.
     */
    if (run->let_in || run->known)
        return;
    snprintf(run->detail, sizeof run->detail, "%s", detail);
    rill_server_close(run->server);
}

static void on_waiting(void *user, rill_waiting *out)
{
    rill_server_get_waiting(((account_run *)user)->server, out);
}

static void on_late(void *user, const rill_waiting *waiting)
{
    account_run *run = user;
    if (run->known || *run->detail)
        return;
    snprintf(run->detail, sizeof run->detail, "waited %" PRIu64 " s for %.200s",
             (run->most + RILL_SECOND - 1) / RILL_SECOND, waiting->text);
    rill_server_close(run->server);
}

static void on_closed(int error, const char *detail, void *user)
{
    account_run *run = user;
    cli_watch_close(run->watch);
    if (run->known)
        return;
    if (error == RILL_OK)
        run->code = cli_unreachable(run->args->command, RILL_ERR_CONNECT, run->detail);
    else
        run->code = cli_unreachable(run->args->command, error, detail);
}

int cli_account_ask(const cli_args *args, const char *uri, uint64_t most, cli_account *out)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_listening,
                                           .link = on_link,
                                           .closed = on_closed};
    account_run run = {
        .args = args, .out = out, .most = most == 0 || most > ANSWER_TIME ? ANSWER_TIME : most};
    rill_loop *loop;
    int rc = rill_loop_new(&loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(args->command, rc, NULL);
    cli_net net;
    cli_net_init(&net, args, uri);
    net.options.handlers = &handlers;
    net.options.user = &run;
    const char *problem = NULL;
    /* A server that gives nobody credentials. It learns its account, and that is all we want. */
    rc = rill_server_open(&run.server, loop, &net.options, &problem);
    if (rc == RILL_OK) {
        run.watch =
            cli_watch_open(loop, args, run.most, &(cli_watch_handlers){on_waiting, on_late, &run});
        (void)rill_loop_run(loop);
    } else {
        run.code = cli_start_error(args->command, rc, problem);
    }
    rill_loop_free(loop);
    return run.code;
}

static int bad_asset(const cli_args *args, const char *name, const cli_amount_text *text,
                     const cli_account *account)
{
    char ours[4 * RILL_MAX_ASSET_CODE + 1];
    cli_escape(ours, sizeof ours, (const uint8_t *)account->asset_code,
               strlen(account->asset_code));
    cli_error(args->command, "%s: the asset of our account is %s, not %s", name, ours, text->code);
    return CLI_USAGE;
}

int cli_amount_units(const cli_args *args, const char *name, const char *uri,
                     const cli_amount_text *text, uint64_t *units, uint8_t *scale)
{
    cli_account account = {{0}, {0}, 0};
    if (!text->given)
        return CLI_DONE;
    int code = *text->code ? cli_account_ask(args, uri, 0, &account) : CLI_DONE;
    if (code != CLI_DONE)
        return code;
    if (*text->code)
        *scale = account.asset_scale;
    switch (cli_amount_text_units(text, account.asset_code, account.asset_scale, units)) {
    case RILL_OK:
        return CLI_DONE;
    case RILL_ERR_INVALID:
        return bad_asset(args, name, text, &account);
    case RILL_ERR_RANGE:
        cli_error(args->command, "%s: it is too large: at most 18446744073709551615 units", name);
        return CLI_USAGE;
    default:
        cli_error(args->command,
                  "%s: it has too many digits after the point: the scale of our account is %u, so "
                  "that one unit is 10^-%u %s",
                  name, (unsigned)account.asset_scale, (unsigned)account.asset_scale, text->code);
        return CLI_USAGE;
    }
}

void cli_units_text(uint64_t units, const char *asset_code, uint8_t asset_scale, char *out,
                    size_t cap)
{
    char decimal[CLI_DECIMAL_SIZE];
    char code[4 * RILL_MAX_ASSET_CODE + 1];
    cli_decimal_text(units, asset_scale, decimal);
    cli_escape(code, sizeof code, (const uint8_t *)asset_code, strlen(asset_code));
    if (*code)
        snprintf(out, cap, "%" PRIu64 " units (%s %s)", units, decimal, code);
    else
        snprintf(out, cap, "%" PRIu64 " units", units);
}

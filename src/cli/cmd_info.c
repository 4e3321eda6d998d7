/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli.h"

static void print_account(const cli_args *args, const cli_account *account)
{
    if (cli_value(args, "--json")) {
        (void)cli_print_json(json_pack(
            "{s:s,s:s,s:o,s:i}", "event", "info", "address", account->address, "asset_code",
            cli_json_text(account->asset_code), "asset_scale", account->asset_scale));
        return;
    }
    printf("address      %s\nasset code   ", account->address);
    cli_print_text(stdout, (const uint8_t *)account->asset_code, strlen(account->asset_code));
    printf("\nasset scale  %d\n", account->asset_scale);
}

static int run_info(const cli_args *args)
{
    char *uri;
    cli_account account;
    int code = cli_link_uri(args, &uri);
    if (code == CLI_DONE)
        code = cli_account_ask(args, uri, 0, &account);
    if (code == CLI_DONE && (!cli_quiet(args) || cli_value(args, "--json")))
        print_account(args, &account);
    cli_free_secret(uri);
    return code;
}

const cli_command cli_info = {
    .name = "info",
    .summary = "show the account's address and asset",
    .usage = "[--link URI] [--json]",
    .about =
        "Asks the node for the ILP address and the asset of our account (IL-DCP). All amounts are\n"
        "whole numbers of units. The asset scale says how large a unit is: at scale 9, 1000000000\n"
        "units are one of the asset.",
    .examples = "rill info\n"
                "rill info --link btp+ws://alice:TOKEN@localhost:7768",
    .run = run_info,
};

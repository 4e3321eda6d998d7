/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/uri_file.h"
#include <rill/crypto.h>

static int bad_file(const cli_args *args, const char *path, const char *why)
{
    char shown[256];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    cli_error(args->command, "the link's file %s: %s", shown, why);
    return CLI_USAGE;
}

static int read_file(const cli_args *args, const char *path, char **uri)
{
    bool readable; /* cli_warn_readable says how */
    const char *why = cli_uri_read(path, uri, &readable);
    if (why)
        return bad_file(args, path, why);
    cli_warn_readable(args, path, "the link's token");
    return CLI_DONE;
}

static int given_uri(const cli_args *args, char **uri)
{
    const char *link = cli_value(args, "--link");
    const char *path = cli_value(args, "--link-file");
    if (link && path) {
        cli_error(args->command, "give --link or --link-file, not both");
        return CLI_USAGE;
    }
    if (link && link[0] == '@')
        path = link + 1;
    if (path)
        return read_file(args, path, uri);
    if (!link)
        return CLI_DONE;
    *uri = strdup(link);
    if (*uri)
        return CLI_DONE;
    cli_error(args->command, "%s", rill_strerror(RILL_ERR_NOMEM));
    return CLI_INCOMPLETE;
}

/* Otherwise a file that cannot be used would look like a node that cannot be reached. */
static int check_files(const cli_args *args)
{
    static const char *const names[] = {"--ca-file", "--client-cert", "--client-key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = cli_value(args, names[i]);
        if (path && access(path, R_OK) != 0)
            return cli_bad_value(args, names[i], path, strerror(errno));
    }
    if (!cli_value(args, "--client-cert") == !cli_value(args, "--client-key"))
        return CLI_DONE;
    cli_error(args->command, "--client-cert and --client-key belong together");
    return CLI_USAGE;
}

/* "USD/9" into code and scale; false: it is none. */
static bool read_asset(const char *text, char code[RILL_MAX_ASSET_CODE + 1], uint8_t *scale)
{
    const char *slash = strrchr(text, '/');
    uint64_t number = 0;
    if (!slash || slash == text || slash - text > RILL_MAX_ASSET_CODE ||
        rill_amount_parse(slash + 1, &number) != RILL_OK || number > UINT8_MAX)
        return false;
    for (const char *at = text; at < slash; at++) {
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    }
    memcpy(code, text, (size_t)(slash - text));
    code[slash - text] = '\0';
    *scale = (uint8_t)number;
    return true;
}

/* Both or neither: half an account is none. */
static int check_account(const cli_args *args)
{
    const char *address = cli_value(args, "--address");
    const char *asset = cli_value(args, "--asset");
    char code[RILL_MAX_ASSET_CODE + 1];
    uint8_t scale;
    if (address && !rill_address_valid((rill_bytes){(const uint8_t *)address, strlen(address)}))
        return cli_bad_value(args, "--address", address, "it is not an ILP address");
    if (asset && !read_asset(asset, code, &scale))
        return cli_bad_value(args, "--asset", asset, "it must be CODE/SCALE, like USD/9");
    if (!address == !asset)
        return CLI_DONE;
    cli_error(args->command, "give --address and --asset together, or neither");
    return CLI_USAGE;
}

int cli_link_uri(const cli_args *args, char **uri)
{
    *uri = NULL;
    int code = check_files(args);
    if (code == CLI_DONE)
        code = check_account(args);
    if (code == CLI_DONE)
        code = given_uri(args, uri);
    if (code != CLI_DONE)
        return code;
    if (*uri) {
        code = cli_link_check(args, "the link's URI", *uri);
        if (code != CLI_DONE) {
            cli_free_secret(*uri);
            *uri = NULL;
        }
        return code;
    }
    return args->command->own_node ? CLI_DONE : cli_link_check_environment(args);
}

void cli_net_init(cli_net *net, const cli_args *args, const char *uri)
{
    rill_net_options_init(&net->options);
    rill_link_options_init(&net->link);
    rill_connection_options_init(&net->connection);
    net->options.link_uri = uri;
    net->options.link_options = &net->link;
    net->options.connection = &net->connection;
    net->link.ca_file = cli_value(args, "--ca-file");
    net->link.cert_file = cli_value(args, "--client-cert");
    net->link.key_file = cli_value(args, "--client-key");
    const char *asset = cli_value(args, "--asset");
    if (asset && read_asset(asset, net->asset_code, &net->options.asset_scale)) {
        net->options.address = cli_value(args, "--address");
        net->options.asset_code = net->asset_code;
    }
}

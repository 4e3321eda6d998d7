/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explains mistakes in the URI of a link, and names where the URI stands. Shows nothing of it that
 * is secret.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/suggest.h"

/* The scheme to write instead of one that looks like ours. */
static const char *right_scheme(const char *uri, size_t len)
{
    static const struct {
        const char *scheme;
        const char *right;
    } known[] = {{"ws", "btp+ws"},     {"wss", "btp+wss"}, {"http", "btp+ws"},
                 {"https", "btp+wss"}, {"btp", "btp+ws"},  {"btps", "btp+wss"}};
    cli_suggestion meant;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].scheme) == len && strncasecmp(uri, known[i].scheme, len) == 0)
            return known[i].right;
    }
    cli_suggest_begin(&meant, uri, len);
    cli_suggest_offer(&meant, "btp+ws");
    cli_suggest_offer(&meant, "btp+wss");
    cli_suggest_offer(&meant, "ilp+http");
    cli_suggest_offer(&meant, "ilp+https");
    return meant.best;
}

int cli_link_check(const cli_args *args, const char *where, const char *uri)
{
    const char *problem = NULL;
    int rc = rill_link_uri_check(uri, &problem);
    if (rc == RILL_OK)
        return CLI_DONE;
    const char *end = strstr(uri, "://");
    size_t len = end ? (size_t)(end - uri) : 0;
    const char *right = rc == RILL_ERR_UNSUPPORTED ? right_scheme(uri, len) : NULL;
    if (right) {
        char scheme[32];
        cli_escape(scheme, sizeof scheme, (const uint8_t *)uri, len);
        cli_error(args->command, "%s: it begins with %s://; write %s:// instead", where, scheme,
                  right);
    } else {
        cli_error(args->command, "%s: %s; a URI looks like btp+ws://:TOKEN@HOST:PORT", where,
                  problem);
    }
    return CLI_USAGE;
}

/* Like JavaScript, we take an empty variable as not set. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int check_credentials(const cli_args *args, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    const char *server = json_string_value(json_object_get(json, "server"));
    int code = CLI_USAGE;
    if (!json_is_object(json))
        cli_error(args->command, "ILP_CREDENTIALS: it is not a JSON object, like "
                                 "{\"server\":\"btp+ws://:TOKEN@HOST:PORT\"}");
    else if (!server)
        cli_error(args->command, "ILP_CREDENTIALS: it has no \"server\", like "
                                 "{\"server\":\"btp+ws://:TOKEN@HOST:PORT\"}");
    else
        code = cli_link_check(args, "ILP_CREDENTIALS: \"server\"", server);
    json_decref(json);
    return code;
}

/* A URI that is right: an account or a token before the host. */
static bool has_credentials(const char *uri)
{
    const char *authority = strstr(uri, "://") + 3;
    const char *at = memchr(authority, '@', strcspn(authority, "/?#"));
    return at && strncmp(authority, ":@", 2) != 0 && at != authority;
}

static int check_server(const cli_args *args, const char *server)
{
    int code = cli_link_check(args, "ILP_BTP_SERVER", server);
    if (code == CLI_DONE && has_credentials(server))
        cli_warn(args,
                 "the account and token in ILP_BTP_SERVER are replaced by a new random token, "
                 "as ilp-plugin does; use --link or ILP_CREDENTIALS to keep them");
    return code;
}

int cli_link_check_environment(const cli_args *args)
{
    const char *plugin = variable("ILP_PLUGIN");
    const char *credentials = variable("ILP_CREDENTIALS");
    const char *server = variable("ILP_BTP_SERVER");
    if (plugin && strcmp(plugin, "ilp-plugin-btp") != 0) {
        cli_error(args->command,
                  "ILP_PLUGIN: rill knows only ilp-plugin-btp; unset the variable, or "
                  "give --link");
        return CLI_USAGE;
    }
    if (credentials)
        return check_credentials(args, credentials);
    return server ? check_server(args, server) : CLI_DONE;
}

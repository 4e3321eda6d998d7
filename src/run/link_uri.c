/* SPDX-License-Identifier: Apache-2.0 */
/* URIs of links: which are right, a new token for one, the one that the environment names. */
#define _POSIX_C_SOURCE 200809L

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/link.h>
#include <uv.h>

#include "crypto/crypto.h"
#include "link/uri.h"

#define TOKEN_BYTES 16

/* JavaScript takes an empty variable for one that is not there. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* out has 2 * TOKEN_BYTES + 1 bytes, or more. */
static int random_token(char *out)
{
    uint8_t bytes[TOKEN_BYTES];
    if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0)
        return RILL_ERR_CRYPTO;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    rill_wipe(bytes, sizeof bytes);
    return RILL_OK;
}

/* ilp-plugin-btp takes account and token beside the server too, but not in both places. */
static int add_credentials(rill_uri *uri, const json_t *credentials)
{
    const char *account = json_string_value(json_object_get(credentials, "btpAccount"));
    const char *token = json_string_value(json_object_get(credentials, "btpToken"));
    bool given = (account != NULL && account[0] != '\0') || (token != NULL && token[0] != '\0');
    if (!given)
        return RILL_OK;
    if (uri->account[0] != '\0' || uri->token[0] != '\0')
        return RILL_ERR_MALFORMED;
    int account_len = snprintf(uri->account, sizeof uri->account, "%s", account ? account : "");
    int token_len = snprintf(uri->token, sizeof uri->token, "%s", token ? token : "");
    return (size_t)account_len < sizeof uri->account && (size_t)token_len < sizeof uri->token
               ? RILL_OK
               : RILL_ERR_MALFORMED;
}

static int from_json(const json_t *credentials, char *out, size_t cap)
{
    const char *server = json_string_value(json_object_get(credentials, "server"));
    if (server == NULL)
        return RILL_ERR_MALFORMED;
    if (strlen(server) >= cap)
        return RILL_ERR_BUFFER;
    rill_uri uri;
    if (rill_uri_parse(&uri, server, NULL) != RILL_OK) {
        /* Another scheme may be known elsewhere, and says better itself what is wrong. */
        memcpy(out, server, strlen(server) + 1);
        return RILL_OK;
    }
    int error = add_credentials(&uri, credentials);
    if (error == RILL_OK)
        error = rill_uri_write(&uri, out, cap);
    /* What was put in may mean something else in a URI, as a token with "@" does. */
    rill_uri again = {0};
    if (error == RILL_OK &&
        (rill_uri_parse(&again, out, NULL) != RILL_OK || strcmp(again.host, uri.host) != 0 ||
         strcmp(again.account, uri.account) != 0 ||
         !rill_equal_ct(again.token, uri.token, sizeof uri.token)))
        error = RILL_ERR_MALFORMED;
    rill_wipe(&uri, sizeof uri);
    rill_wipe(&again, sizeof again);
    return error;
}

static int from_credentials(const char *text, char *out, size_t cap)
{
    json_t *credentials = json_loads(text, 0, NULL);
    int error = RILL_ERR_MALFORMED;
    if (json_is_object(credentials))
        error = from_json(credentials, out, cap);
    json_decref(credentials);
    return error;
}

int rill_link_uri_check(const char *uri, const char **problem)
{
    rill_uri parsed;
    int error = rill_uri_parse(&parsed, uri, problem);
    rill_wipe(&parsed, sizeof parsed);
    return error;
}

int rill_link_uri_with_new_token(char *out, size_t cap, const char *uri)
{
    rill_uri parsed;
    int error = rill_uri_parse(&parsed, uri, NULL);
    if (error != RILL_OK)
        return error;
    parsed.account[0] = '\0';
    error = random_token(parsed.token);
    if (error == RILL_OK)
        error = rill_uri_write(&parsed, out, cap);
    rill_wipe(&parsed, sizeof parsed);
    return error;
}

int rill_link_uri_from_environment(char *uri, size_t cap)
{
    const char *module = variable("ILP_PLUGIN");
    if (module != NULL && strcmp(module, "ilp-plugin-btp") != 0)
        return RILL_ERR_UNSUPPORTED;
    const char *credentials = variable("ILP_CREDENTIALS");
    if (credentials != NULL)
        return from_credentials(credentials, uri, cap);
    const char *server = variable("ILP_BTP_SERVER");
    return rill_link_uri_with_new_token(uri, cap,
                                        server != NULL ? server : "btp+ws://localhost:7768");
}

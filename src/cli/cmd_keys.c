/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <rill/key.h>

#include "cli/cli.h"

#define MAX_KEYS 2

/* What went wrong with a key's file: one line; CLI_USAGE. */
static int complain(const cli_args *args, const char *path, int error)
{
    char shown[128];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    switch (error) {
    case RILL_ERR_IO:
        cli_error(args->command, "%s: %s", shown, strerror(errno));
        return CLI_USAGE;
    case RILL_ERR_EXISTS:
        cli_error(args->command, "%s is there already: a key is never overwritten", shown);
        return CLI_USAGE;
    case RILL_ERR_EXPOSED:
        cli_error(args->command,
                  "others can read %s, so the key may be known to them. Make a new one, or, if you "
                  "are sure that nobody has read it: chmod 600 %s",
                  shown, shown);
        return CLI_USAGE;
    case RILL_ERR_MALFORMED:
    case RILL_ERR_TOO_LARGE:
        cli_error(args->command,
                  "%s holds no private key: PEM (PKCS #8), as \"rill keys new\" writes it", shown);
        return CLI_USAGE;
    case RILL_ERR_UNSUPPORTED:
        cli_error(args->command,
                  "%s holds a key that is encrypted or of another kind: Ed25519 is needed, without "
                  "a password",
                  shown);
        return CLI_USAGE;
    default:
        cli_fail(args->command, error, "%s: %s", shown, rill_strerror(error));
        return CLI_INCOMPLETE;
    }
}

/* The public half under --id, or under its own. */
static int describe(const cli_args *args, const rill_key *key, rill_jwk *out)
{
    char own[RILL_KEY_THUMBPRINT_LEN + 1];
    const char *id = cli_value(args, "--id");
    int error = RILL_OK;
    if (!id) {
        error = rill_key_thumbprint(rill_key_public(key), own);
        id = own;
    }
    if (error == RILL_OK)
        error = rill_jwk_of_key(out, key, id);
    if (error == RILL_ERR_INVALID)
        return cli_bad_value(args, "--id", id,
                             "is not an id: 1 to 255 visible characters, none of them \", \\ or ;");
    if (error != RILL_OK) {
        cli_fail(args->command, error, "%s", rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    return CLI_DONE;
}

static int print_key(const cli_args *args, const char *event, const char *path, const rill_jwk *jwk)
{
    char text[RILL_JWK_TEXT_MAX];
    size_t len;
    int error = rill_jwk_write(jwk, text, sizeof text, &len);
    if (error != RILL_OK) {
        cli_fail(args->command, error, "%s", rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    if (cli_value(args, "--json")) {
        (void)cli_print_json(json_pack("{s:s,s:o,s:s,s:o}", "event", event, "file",
                                       cli_json_text(path), "key_id", jwk->key_id, "jwk",
                                       json_loads(text, 0, NULL)));
        return CLI_DONE;
    }
    if (cli_quiet(args))
        return CLI_DONE;
    printf("key id      %s\npublic key  %s\n", jwk->key_id, text);
    return CLI_DONE;
}

static int new_key(const cli_args *args)
{
    const char *path = args->operands[1];
    rill_jwk jwk;
    rill_key *key;
    int error = rill_key_new(&key);
    if (error != RILL_OK) {
        cli_fail(args->command, error, "%s", rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    int code = describe(args, key, &jwk);
    if (code == CLI_DONE) {
        error = rill_key_write(key, path);
        code = error == RILL_OK ? print_key(args, "new", path, &jwk) : complain(args, path, error);
    }
    rill_key_free(key);
    return code;
}

static int load(const cli_args *args, const char *path, rill_jwk *out)
{
    rill_key *key;
    int error = rill_key_read(&key, path);
    if (error != RILL_OK)
        return complain(args, path, error);
    int code = describe(args, key, out);
    rill_key_free(key);
    return code;
}

static int show_key(const cli_args *args)
{
    rill_jwk jwk;
    int code = load(args, args->operands[1], &jwk);
    return code == CLI_DONE ? print_key(args, "key", args->operands[1], &jwk) : code;
}

/* The document itself, also with --json: it is one. */
static int print_set(const cli_args *args)
{
    rill_jwk jwks[MAX_KEYS];
    char text[MAX_KEYS * RILL_JWK_TEXT_MAX + 16];
    size_t count = 0;
    size_t len;
    for (; count < MAX_KEYS && args->operands[count + 1]; count++) {
        int code = load(args, args->operands[count + 1], &jwks[count]);
        if (code != CLI_DONE)
            return code;
    }
    if (count == 2 && strcmp(jwks[0].key_id, jwks[1].key_id) == 0) {
        cli_error(args->command, "both keys have the id \"%s\": each needs its own",
                  jwks[0].key_id);
        return CLI_USAGE;
    }
    int error = rill_jwks_write(jwks, count, text, sizeof text, &len);
    if (error != RILL_OK) {
        cli_fail(args->command, error, "%s", rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    puts(text);
    return CLI_DONE;
}

static int run_keys(const cli_args *args)
{
    static const struct {
        const char *name;
        int (*run)(const cli_args *args);
        size_t most; /* operands */
    } actions[] = {{"new", new_key, 2}, {"show", show_key, 2}, {"jwks", print_set, 3}};
    const char *name = args->operands[0];
    for (size_t i = 0; name && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) != 0)
            continue;
        if (!args->operands[1] || (actions[i].most == 2 && args->operands[2])) {
            cli_error(args->command, "\"rill keys %s\" takes one FILE; see \"rill help keys\"",
                      name);
            return CLI_USAGE;
        }
        return actions[i].run(args);
    }
    cli_error(args->command, "say what to do: \"rill keys new FILE\", \"rill keys show FILE\" or "
                             "\"rill keys jwks FILE\"");
    return CLI_USAGE;
}

static const cli_option options[] = {
    {"--id", "ID", "the key's id (kid). Default: the thumbprint of the public key (RFC 7638)"},
    {NULL, NULL, NULL},
};

const cli_command cli_keys = {
    .name = "keys",
    .summary = "make and show keys for signing",
    .usage = "new|show FILE [--id ID] | jwks FILE [FILE]",
    .about =
        "Ed25519 keys that sign requests to wallets (Open Payments).\n\n"
        "\"new\" makes a key and writes it to FILE in PEM, mode 0600. A file that is there stays.\n"
        "\"show\" prints the key's id and its public half, which others may see.\n"
        "\"jwks\" prints the document for https://YOUR.WALLET/jwks.json: one key, or the old and\n"
        "the new one.",
    .options = options,
    .operands = {"ACTION", "FILE", "[FILE]"},
    .examples = "rill keys new key.pem\n"
                "rill keys jwks key.pem > jwks.json",
    .run = run_keys,
};

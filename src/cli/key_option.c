/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key_option.h"

#include <errno.h>
#include <string.h>

#include <rill/key.h>

static int bad_key(const cli_args *args, const char *path, int error)
{
    char shown[256];
    const char *why = rill_strerror(error);
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    if (error == RILL_ERR_IO)
        why = strerror(errno);
    else if (error == RILL_ERR_EXPOSED)
        why = "others can read it, so the key may be known to them: make a new one (rill keys new)";
    else if (error == RILL_ERR_MALFORMED || error == RILL_ERR_TOO_LARGE)
        why = "it holds no private key, as \"rill keys new\" writes it";
    else if (error == RILL_ERR_UNSUPPORTED)
        why = "it holds a key that is encrypted or of another kind: Ed25519 is needed";
    cli_error(args->command, "--key %s: %s", shown, why);
    return CLI_USAGE;
}

int cli_key_load(const cli_args *args, cli_key *out)
{
    const char *path = cli_value(args, "--key");
    const char *id = cli_value(args, "--key-id");
    *out = (cli_key){0};
    if (!path && id) {
        cli_error(args->command, "--key-id needs --key; see \"rill help %s\"", args->command->name);
        return CLI_USAGE;
    }
    if (!path)
        return CLI_DONE;
    int error = rill_key_read(&out->key, path);
    if (error != RILL_OK)
        return bad_key(args, path, error);
    if (!id) {
        error = rill_key_thumbprint(rill_key_public(out->key), out->id);
        if (error != RILL_OK)
            return bad_key(args, path, error);
        id = out->id;
    }
    if (!rill_key_id_valid(id))
        return cli_bad_value(args, "--key-id", id,
                             "is not an id: 1 to 255 visible characters, none of them \", \\ or ;");
    rill_signer_of_key(&out->signer, out->key, id);
    return CLI_DONE;
}

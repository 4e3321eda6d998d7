/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/hand_out.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* Writes text, or text.number. False: it is too long. */
static bool numbered(char *out, size_t cap, const char *text, uint64_t number, bool several)
{
    int len =
        several ? snprintf(out, cap, "%s.%" PRIu64, text, number) : snprintf(out, cap, "%s", text);
    return len >= 0 && (size_t)len < cap;
}

static int write_one(rill_server *server, const char *path, const char *tag, char *problem,
                     size_t cap)
{
    rill_credentials_options options;
    rill_credentials credentials;
    rill_credentials_options_init(&options);
    options.tag = tag;
    int rc = rill_server_generate_credentials(server, &options, &credentials);
    if (rc != RILL_OK)
        snprintf(problem, cap, "cannot make credentials: %s", rill_strerror(rc));
    else
        rc = cli_credentials_save(path, &credentials, problem, cap);
    rill_credentials_wipe(&credentials);
    return rc;
}

int cli_hand_out(rill_server *server, const char *path, const char *tag, uint64_t count, FILE *say,
                 char *problem, size_t cap)
{
    bool out = strcmp(path, "-") == 0;
    for (uint64_t i = 1; i <= count; i++) {
        char file[PATH_MAX];
        char own_tag[RILL_MAX_TAG + 1];
        if (!numbered(file, sizeof file, path, i, count > 1 && !out) ||
            (tag && !numbered(own_tag, sizeof own_tag, tag, i, count > 1))) {
            snprintf(problem, cap,
                     "the name of credentials number %" PRIu64 ", or their tag, is "
                     "too long",
                     i);
            return RILL_ERR_TOO_LARGE;
        }
        int rc = write_one(server, file, tag ? own_tag : NULL, problem, cap);
        if (rc != RILL_OK)
            return rc;
        if (say && !out) {
            fputs("server wrote its ILP address and shared secret for a client to ", say);
            cli_print_text(say, (const uint8_t *)file, strlen(file));
            fputc('\n', say);
        }
    }
    return RILL_OK;
}

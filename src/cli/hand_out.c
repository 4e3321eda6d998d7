/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/hand_out.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* Of one turn of the loop: signals and packets are not kept waiting for longer. */
#define TURN 100

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

static int write_next(cli_hand_out *h, char *problem, size_t cap)
{
    bool out = strcmp(h->path, "-") == 0;
    char file[PATH_MAX];
    char own_tag[RILL_MAX_TAG + 1];
    uint64_t i = ++h->written;
    if (!numbered(file, sizeof file, h->path, i, h->count > 1 && !out) ||
        (h->tag && !numbered(own_tag, sizeof own_tag, h->tag, i, h->count > 1))) {
        snprintf(problem, cap,
                 "the name of credentials number %" PRIu64 ", or their tag, is "
                 "too long",
                 i);
        return RILL_ERR_TOO_LARGE;
    }
    int rc = write_one(h->server, file, h->tag ? own_tag : NULL, problem, cap);
    if (rc == RILL_OK && h->say && !out) {
        fputs("server wrote its ILP address and shared secret for a client to ", h->say);
        cli_print_text(h->say, (const uint8_t *)file, strlen(file));
        fputc('\n', h->say);
    }
    return rc;
}

static void write_some(cli_hand_out *h)
{
    char problem[512] = "";
    int rc = RILL_OK;
    for (unsigned n = 0; n < TURN && h->written < h->count && rc == RILL_OK; n++)
        rc = write_next(h, problem, sizeof problem);
    if (rc != RILL_OK || h->written == h->count)
        cli_hand_out_stop(h);
    h->told(rc, problem, h->user); /* the last: it may stop all */
}

static void on_turn(uv_timer_t *timer)
{
    write_some(timer->data);
}

void cli_hand_out_start(cli_hand_out *h, rill_loop *loop)
{
    (void)uv_timer_init(rill_loop_uv(loop), &h->timer); /* cannot fail */
    h->timer.data = h;
    h->open = true;
    (void)uv_timer_start(&h->timer, on_turn, 1, 1);
    write_some(h);
}

void cli_hand_out_stop(cli_hand_out *h)
{
    if (!h->open)
        return;
    h->open = false;
    uv_close((uv_handle_t *)&h->timer, NULL);
}

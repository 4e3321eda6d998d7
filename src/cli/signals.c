/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"

#define MOST 3

struct cli_signals {
    uv_signal_t handles[MOST];
    int count;
    int open;
    bool stopping;
    void (*stop)(void *user);
    void *user;
};

static void on_signal(uv_signal_t *handle, int number)
{
    cli_signals *s = handle->data;
    if (s->stopping && number == SIGHUP)
        return; /* of one terminal that closes a shell and the system send one each */
    if (s->stopping)
        _exit(128 + number);
    s->stopping = true;
    s->stop(s->user);
}

/* nohup has said so, and it stays. */
static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static cli_signals *open_first(rill_loop *loop, int count, void (*stop)(void *user), void *user)
{
    static const int numbers[MOST] = {SIGINT, SIGTERM, SIGHUP};
    cli_signals *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->stop = stop;
    s->user = user;
    s->count = s->open = count;
    for (int i = 0; i < count; i++) {
        uv_signal_init(rill_loop_uv(loop), &s->handles[i]);
        s->handles[i].data = s;
        uv_signal_start(&s->handles[i], on_signal, numbers[i]);
        /* Waiting for a signal alone does not keep the loop running. */
        uv_unref((uv_handle_t *)&s->handles[i]);
    }
    return s;
}

cli_signals *cli_signals_open(rill_loop *loop, void (*stop)(void *user), void *user)
{
    return open_first(loop, 2, stop, user);
}

cli_signals *cli_signals_open_paying(rill_loop *loop, void (*stop)(void *user), void *user)
{
    return open_first(loop, is_ignored(SIGHUP) ? 2 : 3, stop, user);
}

static void on_closed(uv_handle_t *handle)
{
    cli_signals *s = handle->data;
    if (--s->open == 0)
        free(s);
}

void cli_signals_close(cli_signals *s)
{
    for (int i = 0; s && i < s->count; i++)
        uv_close((uv_handle_t *)&s->handles[i], on_closed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"

struct cli_signals {
    uv_signal_t handles[2];
    int open;
    bool stopping;
    void (*stop)(void *user);
    void *user;
};

static void on_signal(uv_signal_t *handle, int number)
{
    cli_signals *s = handle->data;
    if (s->stopping)
        _exit(128 + number);
    s->stopping = true;
    s->stop(s->user);
}

cli_signals *cli_signals_open(rill_loop *loop, void (*stop)(void *user), void *user)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    cli_signals *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->stop = stop;
    s->user = user;
    s->open = 2;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(rill_loop_uv(loop), &s->handles[i]);
        s->handles[i].data = s;
        uv_signal_start(&s->handles[i], on_signal, numbers[i]);
        /* Waiting for a signal alone does not keep the loop running. */
        uv_unref((uv_handle_t *)&s->handles[i]);
    }
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    cli_signals *s = handle->data;
    if (--s->open == 0)
        free(s);
}

void cli_signals_close(cli_signals *s)
{
    for (int i = 0; s && i < 2; i++)
        uv_close((uv_handle_t *)&s->handles[i], on_closed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A question to the person at the terminal, while the loop goes on. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "cli/payer.h"

struct payer_prompt {
    uv_poll_t poll;
    void (*answered)(bool yes, void *user);
    void *user;
};

/* A terminal gives whole lines. Its end is a "no" as well. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    payer_prompt *p = poll->data;
    char line[64] = "";
    ssize_t n = 0;
    (void)events;
    if (status == 0)
        n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    uv_poll_stop(poll);
    if (n <= 0)
        fputc('\n', stderr);
    p->answered(n > 0 && (line[0] == 'y' || line[0] == 'Y'), p->user);
}

payer_prompt *payer_prompt_open(rill_loop *loop, void (*answered)(bool yes, void *user), void *user)
{
    payer_prompt *p = calloc(1, sizeof *p);
    if (!p || uv_poll_init(rill_loop_uv(loop), &p->poll, STDIN_FILENO) != 0) {
        free(p);
        return NULL;
    }
    p->poll.data = p;
    p->answered = answered;
    p->user = user;
    fflush(stdout);
    fputs("Pay? [y/N] ", stderr);
    fflush(stderr);
    (void)uv_poll_start(&p->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    return p;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void payer_prompt_close(payer_prompt *p)
{
    if (p)
        uv_close((uv_handle_t *)&p->poll, on_closed);
}

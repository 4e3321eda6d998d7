/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "run/asker.h"

#include <stdio.h>

#include "link/link_impl.h"

static void part_closed(rill_asker *a)
{
    if (--a->parts > 0)
        return;
    rill_loop *loop = a->loop;
    a->gone(a);
    rill_loop_stale(loop);
    rill_loop_drop(loop);
}

static void on_timer_closed(uv_handle_t *timer)
{
    part_closed(timer->data);
}

static void on_closed(rill_link *l, void *user)
{
    (void)l;
    part_closed(user);
}

void rill_asker_close(rill_asker *a)
{
    if (a->closing)
        return;
    a->closing = true;
    uv_close((uv_handle_t *)&a->timer, on_timer_closed);
    rill_link_close(a->link);
}

void rill_asker_fail(rill_asker *a, int error, const char *detail)
{
    if (a->closing)
        return;
    a->error = error;
    (void)snprintf(a->detail, sizeof a->detail, "%s",
                   detail != NULL && *detail != '\0' ? detail : rill_strerror(error));
    rill_asker_close(a);
}

void rill_asker_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void) final;
    rill_asker_fail(user, error, detail);
}

void rill_asker_writable(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static int open_link(rill_asker *a, const char *uri, const rill_link_options *options,
                     const rill_link_handlers *handlers, const char **problem)
{
    char from_environment[RILL_LINK_URI_SIZE];
    if (uri != NULL)
        return rill_link_open(&a->link, a->loop, uri, options, handlers, a, problem);
    int error = rill_link_uri_from_environment(from_environment, sizeof from_environment);
    *problem = "ILP_CREDENTIALS, ILP_PLUGIN or ILP_BTP_SERVER cannot be used";
    if (error == RILL_OK)
        error = rill_link_open(&a->link, a->loop, from_environment, options, handlers, a, problem);
    rill_wipe(from_environment, sizeof from_environment);
    return error;
}

int rill_asker_open(rill_asker *a, rill_loop *loop, const char *uri,
                    const rill_link_options *options, const rill_link_handlers *handlers,
                    const char **problem)
{
    rill_link_handlers all = *handlers;
    all.closed = on_closed;
    a->loop = loop;
    *problem = NULL;
    int error = open_link(a, uri, options, &all, problem);
    if (error != RILL_OK) {
        if (*problem == NULL)
            *problem = rill_strerror(error);
        return error;
    }
    (void)uv_timer_init(loop->uv, &a->timer); /* cannot fail */
    a->timer.data = a;
    a->parts = 2;
    rill_loop_hold(loop);
    return RILL_OK;
}

void rill_asker_waiting(const rill_asker *a, rill_wait what, const char *more, uint64_t until,
                        rill_waiting *out)
{
    rill_link_get_waiting(a->link, out);
    if (out->reason != RILL_WAIT_NOTHING || what == RILL_WAIT_NOTHING)
        return;
    rill_waiting_set(out, what, more);
    out->until_ns = until;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is due around every call of the application's. */
#define _POSIX_C_SOURCE 200809L

#include "run/host_impl.h"

void rill_host_before_handler(rill_host *h)
{
    /* What is only asked goes with the rest of the turn. */
    if (h->loop->owing)
        rill_loop_push(h->loop);
}

void rill_host_after_handler(rill_host *h)
{
    rill_loop_stale(h->loop);
}

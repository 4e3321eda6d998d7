/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says of itself: whether it goes on, and what it waits for. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>

#include "link/link_impl.h"
#include "run/host_impl.h"

bool rill_host_is_open(const rill_host *h)
{
    return h->state == HOST_OPEN;
}

int rill_host_error(const rill_host *h, const char **detail)
{
    *detail = h->detail;
    return h->error;
}

/* ---- what it waits for ---- */

static void wait_for_account(const rill_host *h, rill_waiting *out)
{
    char said[96] = "";
    rill_ilp_code refusal = h->account.refusal;
    if (refusal.text[0] != '\0')
        snprintf(said, sizeof said, "it has answered %s %s", refusal.text,
                 rill_ilp_code_name(refusal));
    rill_waiting_set(out, RILL_WAIT_ACCOUNT, said);
    out->since_ns = h->up_since;
}

static void find_connection(const rill_host *h, rill_waiting *out)
{
    size_t cursor = 0;
    uint64_t key;
    void *guest;
    while (out->reason == RILL_WAIT_NOTHING &&
           rill_map_next(&h->connections, &cursor, &key, &guest))
        rill_connection_get_waiting((rill_connection *)(uintptr_t)key, out);
}

void rill_host_waiting(const rill_host *h, rill_waiting *out)
{
    if (h->state >= HOST_LINK_CLOSING) {
        /* The link may be gone. */
        *out = (rill_waiting){.until_ns = RILL_NEVER};
        rill_waiting_set(out, RILL_WAIT_NOTHING, NULL);
        return;
    }
    rill_link_get_waiting(h->link, out);
    bool up = rill_link_is_up(h->link);
    if (up && h->ready && h->state == HOST_OPEN)
        return;
    if (!up && h->ready)
        rill_waiting_set(out, RILL_WAIT_LINK, h->link_detail);
    else if (up && !h->ready)
        wait_for_account(h, out);
    else if (up)
        find_connection(h, out);
    if (h->state == HOST_OPEN && h->give_up_at != RILL_NEVER)
        out->until_ns = h->give_up_at;
    else if (h->state != HOST_OPEN && h->close_at < out->until_ns)
        out->until_ns = h->close_at;
}

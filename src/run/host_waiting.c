/* SPDX-License-Identifier: Apache-2.0 */
/* What a host waits for, for who asks. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>

#include "link/link_impl.h"
#include "run/host_impl.h"

static void wait_for_account(const rill_host *h, rill_waiting *out)
{
    char said[96] = "";
    rill_ilp_code refusal = h->account.refusal;
    if (refusal.text[0] != '\0')
        snprintf(said, sizeof said, "it has answered %s %s", refusal.text,
                 rill_ilp_code_name(refusal));
    rill_waiting_set(out, RILL_WAIT_ACCOUNT, said);
    out->since = h->up_since;
}

static void find_connection(const rill_host *h, rill_waiting *out)
{
    size_t cursor = 0;
    uint64_t key;
    void *connection;
    while (out->reason == RILL_WAIT_NOTHING &&
           rill_map_next(&h->connections, &cursor, &key, &connection))
        rill_connection_waiting(connection, out);
}

void rill_host_waiting(const rill_host *h, rill_waiting *out)
{
    if (h->state >= HOST_LINK_CLOSING) {
        /* The link may be gone. */
        *out = (rill_waiting){.until = RILL_NEVER};
        rill_waiting_set(out, RILL_WAIT_NOTHING, NULL);
        return;
    }
    rill_link_waiting(h->link, out);
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
        out->until = h->give_up_at;
    else if (h->state != HOST_OPEN && h->close_at < out->until)
        out->until = h->close_at;
}

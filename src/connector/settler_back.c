/* SPDX-License-Identifier: Apache-2.0 */
/* What no engine has taken, where there is no engine any more. */
#include <inttypes.h>

#include "connector/settler_impl.h"

/* All of it in one batch, or nothing. */
static int write_back(const rill_settler *s, const rill_settling *a, rill_balance *balance,
                      const rill_exact *left, uint64_t wall_ms)
{
    rill_clerk *clerk = s->options.clerk;
    const rill_clerk_mark mark = rill_clerk_mark_settlements(clerk);
    const rill_store_entry entry = {
        .at_ms = wall_ms,
        .kind = RILL_ENTRY_SETTLED_BACK,
        .amount = a->left_out.units,
        .who = "node",
        .note = "no engine has taken it, and there is none any more",
        .key = "",
    };
    uint64_t group;
    int rc = rill_settler_put_left(s, a, RILL_SETTLEMENT_LEFT_OUT, left);
    if (rc == RILL_OK)
        rc = rill_clerk_enter(clerk, balance, &entry, &group);
    if (rc != RILL_OK)
        rill_clerk_unput_settlements(clerk, mark);
    return rc;
}

void rill_settler_give_back(rill_settler *s, rill_settling *a, rill_balance *balance, rill_now now)
{
    rill_exact left = a->left_out;
    if (a->of != NULL || a->terms.engine != NULL || left.units == 0)
        return;
    left.units = 0;
    int rc = write_back(s, a, balance, &left, now.wall_ms);
    if (rc != RILL_OK) {
        rill_log_account_line(s->options.log, RILL_LOG_WARNING, a->name,
                              "%" PRIu64 " units that no engine took are not booked back: %s",
                              a->left_out.units, rill_strerror(rc));
        return;
    }
    rill_log_account_line(s->options.log, RILL_LOG_WARNING, a->name,
                          "%" PRIu64 " units that no engine took are owed again, since there is no "
                          "engine any more",
                          a->left_out.units);
    a->left_out = left;
    s->options.soon(s->options.user);
}

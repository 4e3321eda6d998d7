/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do a parent and this node hold their account in the same asset? While they do not, each amount
 * between them would mean something else to either of them, so nothing is forwarded.
 */
#include "connector/core_impl.h"

void rill_core_look_closer(rill_core *c)
{
    bool all_agreed = true;
    for (size_t i = 0; i < c->account_count && all_agreed; i++)
        all_agreed = c->accounts[i]->agreement == RILL_AGREED;
    c->looks_closer = c->failing || !all_agreed;
}

void rill_core_set_agreement(rill_core *c, rill_holder_account *a, rill_agreement agreement)
{
    if (a->agreement == agreement)
        return;
    a->agreement = agreement;
    rill_core_look_closer(c);
}

bool rill_core_is_agreed(const rill_core *c)
{
    if (!c->looks_closer)
        return true;
    for (size_t i = 0; i < c->account_count; i++) {
        if (c->accounts[i]->agreement == RILL_NOT_AGREED)
            return false;
    }
    return true;
}

const char *rill_core_state(const rill_core *c)
{
    if (c->failing)
        return "the books cannot be written";
    if (c->draining)
        return "stopping";
    return rill_core_is_agreed(c) ? "ready" : "the parent holds its account in another asset";
}

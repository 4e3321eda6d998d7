/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/outcomes.h"

#include "base/muldiv.h"

void rill_tally_add(rill_tally *t, uint64_t amount)
{
    t->packets++;
    t->amount = rill_add_sat(t->amount, amount);
}

void rill_outcomes_count_from(rill_outcomes *o, const rill_money_reject *r)
{
    if (r->limited)
        o->limited++;
    else
        rill_tally_add(r->by_destination ? &o->from_rejected : &o->from_failed, r->taken);
}

void rill_outcomes_count_to(rill_outcomes *o, const rill_money_reject *r)
{
    if (!r->by_destination) {
        rill_tally_add(&o->to_failed, r->given);
        return;
    }
    o->to_rejected[rill_ilp_code_find(r->reject->code)]++;
    o->to_rejected_amount = rill_add_sat(o->to_rejected_amount, r->given);
}

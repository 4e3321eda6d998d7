/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the books must have of settlements: what was taken off a balance for an engine, what engines
 * have told, and what is left below what they can settle. What a node does is undone if it is
 * killed before its store has it.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

net_account *net_account_named(net_node *node, const char *name)
{
    for (unsigned i = 0; i < node->account_count; i++) {
        if (strcmp(node->accounts[i].name, name) == 0)
            return &node->accounts[i];
    }
    return NULL;
}

/* An engine is in its configuration. */
static bool has_engine(const net_account *a)
{
    return a->settles && !a->engine_off && !a->out;
}

/* ---- what is not kept yet ---- */

/* Before anything of the account is changed. */
static net_line *begin_line(net_node *node, const net_account *a, oracle_i128 booked)
{
    net *n = node->net;
    n->lines = sim_reallocate(n->lines, (n->line_count + 1) * sizeof *n->lines);
    net_line *line = &n->lines[n->line_count++];
    *line = (net_line){
        .node = node,
        .account = (unsigned)(a - node->accounts),
        .before = a->settle,
        .booked = booked,
    };
    return line;
}

static void move(net_line *line, bool back)
{
    net_account *a = &line->node->accounts[line->account];
    oracle_i128 amount = back ? -line->booked : line->booked;
    a->booked += amount;
    line->node->outside[a->way->asset] -= amount;
}

void net_settle_given(const net_node *node, uint64_t batch)
{
    net *n = node->net;
    for (size_t i = 0; i < n->line_count; i++) {
        net_line *line = &n->lines[i];
        if (line->node == node && !line->over && line->batch == 0)
            line->batch = batch;
    }
}

void net_settle_kept(const net_node *node, uint64_t batch)
{
    net *n = node->net;
    for (size_t i = 0; i < n->line_count; i++) {
        net_line *line = &n->lines[i];
        if (line->node != node || line->over || line->batch == 0 || line->batch > batch)
            continue;
        line->over = true;
        if (line->told != NULL)
            line->told->kept = true;
    }
}

void net_settle_killed(const net_node *node)
{
    net *n = node->net;
    net_settle_kept(node, node->disk.kept_batch);
    for (size_t i = n->line_count; i-- > 0;) {
        net_line *line = &n->lines[i];
        if (line->node != node || line->over)
            continue;
        move(line, true);
        line->node->accounts[line->account].settle = line->before;
        line->over = true;
        if (line->told != NULL)
            line->told->booked = false;
        n->counts.undone++;
    }
    for (unsigned i = 0; i < node->account_count; i++)
        n->nodes[node->index].accounts[i].due = false;
}

/* ---- what a node takes off a balance for an engine ---- */

static oracle_u128 step_of(const net_account *a)
{
    oracle_u128 step = 1;
    for (unsigned i = 0; i < a->engine_coarse; i++)
        step *= 10;
    return step;
}

/* Units that no engine has taken: they are owed beside the balance. */
static oracle_i128 units_left(const net_account *a)
{
    return a->settle.left_out / NET_FINE;
}

/* What an engine is asked for if this much is booked: in its steps. 0: nothing. */
static uint64_t asked_for(const net_account *a, oracle_i128 booked)
{
    oracle_i128 over = booked + units_left(a) - (oracle_i128)a->settle_to;
    if (over <= 0)
        return 0;
    over = over > (oracle_i128)UINT64_MAX ? (oracle_i128)UINT64_MAX : over;
    return (uint64_t)((oracle_u128)over - (oracle_u128)over % step_of(a));
}

static void begins(net_node *node, net_account *a, const rill_holder_account *holder,
                   const rill_store_entry *entry)
{
    sim_report *r = &node->net->report;
    net_settle *s = &a->settle;
    /* When it begins it looks before it books what an earlier life has left. */
    oracle_i128 booked =
        node->running ? a->booked : net_wide(holder->balance.booked) + (oracle_i128)entry->amount;
    if (!has_engine(a) || s->outstanding || booked + units_left(a) < (oracle_i128)a->threshold) {
        sim_violation(r, "%s: settles %" PRIu64 " of %s without a reason", node->address,
                      entry->amount, a->name);
        return;
    }
    uint64_t asked = asked_for(a, booked);
    uint64_t left = (uint64_t)units_left(a);
    uint64_t debit = asked > left ? asked - left : 0;
    if (asked == 0 || entry->amount != debit)
        sim_violation(r, "%s: takes %" PRIu64 " of %s to settle, and should take %" PRIu64,
                      node->address, entry->amount, a->name, debit);
    net_line *line = begin_line(node, a, -(oracle_i128)debit);
    line->begins = true;
    move(line, false);
    s->outstanding = true;
    s->engine = a->engine;
    s->asked = asked;
    s->key[0] = '\0';
    s->left_out += ((oracle_i128)debit - (oracle_i128)s->asked) * NET_FINE;
    s->out += (oracle_i128)debit;
    a->due = false;
    node->net->counts.settled++;
}

void net_settle_expect(net_node *node, unsigned account)
{
    net_account *a = &node->accounts[account];
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    if (!has_engine(a) || a->settle.outstanding ||
        a->booked + units_left(a) < (oracle_i128)a->threshold || rill_core_is_failing(node->core))
        return;
    const rill_holder_account *holder = rill_core_find(node->core, name);
    /* An engine that took less of the last one is not asked at once. */
    a->due =
        asked_for(a, a->booked) > 0 && holder->settling->rest_until <= net_node_now(node).mono_ns;
}

void net_settle_takes(net_node *node, net_account *a, oracle_i128 taken)
{
    net_settle *s = &a->settle;
    oracle_i128 asked = (oracle_i128)s->asked * NET_FINE;
    net_line *line = begin_line(node, a, 0);
    (void)line;
    taken = taken > asked ? asked : taken;
    s->believed += taken;
    s->left_out += asked - taken;
    s->outstanding = false;
    s->key[0] = '\0';
}

/* Where there is no engine any more, what none has taken is owed as before. */
static void given_back(net_node *node, net_account *a, const rill_store_entry *entry)
{
    net_settle *s = &a->settle;
    if (has_engine(a) || s->outstanding || entry->amount == 0 ||
        entry->amount != (oracle_u128)units_left(a))
        sim_violation(&node->net->report, "%s: gives %" PRIu64 " of %s back without a reason",
                      node->address, entry->amount, a->name);
    net_line *line = begin_line(node, a, (oracle_i128)entry->amount);
    move(line, false);
    s->out -= (oracle_i128)entry->amount;
    s->left_out -= (oracle_i128)entry->amount * NET_FINE;
}

/* ---- an operator says how it ended ---- */

static void ends(net_node *node, net_account *a, const rill_store_entry *entry)
{
    net_settle *s = &a->settle;
    bool paid = entry->kind == RILL_ENTRY_CHANGE;
    if (node->ending != a || node->ending_paid != paid || !s->outstanding ||
        entry->amount != (paid ? 0 : s->asked)) {
        sim_violation(&node->net->report, "%s: %s: a settlement is ended that nobody has ended",
                      node->address, a->name);
        return;
    }
    net_line *line = begin_line(node, a, paid ? 0 : (oracle_i128)s->asked);
    move(line, false);
    s->believed += paid ? (oracle_i128)s->asked * NET_FINE : 0;
    s->out -= paid ? 0 : (oracle_i128)s->asked;
    s->outstanding = false;
    s->key[0] = '\0';
    node->net->counts.ended++;
}

static void end_one(net_node *node, const rill_settling *of)
{
    net *n = node->net;
    char key[RILL_SETTLE_KEY + 1];
    const rill_settling *found = NULL;
    uint64_t group = 0;
    snprintf(key, sizeof key, "%s", of->key);
    if (node->two_people) {
        net_operator_ends(node, net_account_named(node, of->name), key,
                          sim_rng_chance(&n->rng, 500));
        return;
    }
    const rill_settler_word word = {
        .key = key, .paid = sim_rng_chance(&n->rng, 500), .who = "operator", .note = ""};
    const rill_bytes name = {(const uint8_t *)of->name, strlen(of->name)};
    node->ending = net_account_named(node, of->name);
    node->ending_paid = word.paid;
    int rc = rill_core_end_outstanding(node->core, name, &word, &found, &group);
    sim_trace(&n->report, "%s: what is outstanding of %s is ended as %s: %s", node->address,
              node->ending->name, word.paid ? "paid" : "not paid", rill_error_name(rc));
    if (rc != RILL_OK && rc != RILL_ERR_BLOCKED)
        sim_violation(&n->report, "%s: what is outstanding cannot be ended: %s", node->address,
                      rill_error_name(rc));
    /* The same again changes nothing, and the other one is refused. */
    if (rc == RILL_OK) {
        const rill_settler_word other = {
            .key = key, .paid = !word.paid, .who = "operator", .note = ""};
        int same = rill_core_end_outstanding(node->core, name, &word, &found, &group);
        int not = rill_core_end_outstanding(node->core, name, &other, &found, &group);
        if (same != RILL_ERR_EXISTS || not != RILL_ERR_STATE)
            sim_violation(&n->report, "%s: what was ended is ended again: %s, %s", node->address,
                          rill_error_name(same), rill_error_name(not ));
    }
    node->ending = NULL;
    net_node_after(node);
}

void net_settle_end_some(net_node *node)
{
    const rill_settling *a = NULL;
    if (!node->running)
        return;
    while (rill_core_next_outstanding(node->core, &a)) {
        if (!sim_rng_chance(&node->net->rng, 600))
            continue;
        end_one(node, a);
        return;
    }
}

/* ---- what an engine tells ---- */

static void told(net_node *node, net_account *a, const rill_store_entry *entry)
{
    net_settle *s = &a->settle;
    net_transfer *t = node->telling;
    if (t == NULL || t->booked || t->way != a->way || t->to != a->side) {
        sim_violation(&node->net->report, "%s: books %" PRIu64 " of %s, which nobody has told",
                      node->address, entry->amount, a->name);
        return;
    }
    oracle_i128 all = s->left_in + t->amount;
    oracle_i128 units = all / NET_FINE;
    if (entry->amount != (oracle_u128)units)
        sim_violation(&node->net->report,
                      "%s: %s: an engine has told %" PRIu64 " units, and %" PRIu64 " are booked",
                      node->address, a->name, (uint64_t)units, entry->amount);
    net_line *line = begin_line(node, a, units);
    line->told = t;
    move(line, false);
    s->left_in = all % NET_FINE;
    s->in += units;
    t->booked = true;
    node->net->counts.told++;
}

void net_settle_entered(void *user, const rill_holder_account *holder,
                        const rill_store_entry *entry, uint64_t group)
{
    net_node *node = user;
    net_account *a = net_account_named(node, holder->config->name);
    (void)group;
    if (node->entering != NULL) {
        net_entry_entered(node, a, entry);
        return;
    }
    switch (entry->kind) {
    case RILL_ENTRY_SETTLED_OUT:
        begins(node, a, holder, entry);
        break;
    case RILL_ENTRY_SETTLED_IN:
        told(node, a, entry);
        break;
    case RILL_ENTRY_SETTLED_BACK:
        if (entry->key[0] == '\0') {
            given_back(node, a, entry);
            break;
        }
        ends(node, a, entry);
        break;
    case RILL_ENTRY_CHANGE:
        ends(node, a, entry);
        break;
    default:
        sim_violation(&node->net->report, "%s: books what nobody has asked for", node->address);
        break;
    }
}

/* ---- the rules ---- */

static oracle_i128 fine_of(const rill_exact *e)
{
    oracle_i128 part =
        (oracle_i128)((oracle_u128)rill_wide_high(e->part) << 64 | rill_wide_low(e->part));
    for (unsigned digits = e->digits; digits < 6; digits++)
        part *= 10;
    return (oracle_i128)e->units * NET_FINE + part;
}

void net_settle_check(net_node *node, const net_account *a, const rill_settling *has)
{
    static const rill_settling nothing;
    sim_report *r = &node->net->report;
    const net_settle *s = &a->settle;
    has = has == NULL ? &nothing : has;
    if (a->due)
        sim_violation(r, "%s: does not settle %s, though it owes it %" PRId64, node->address,
                      a->name, (int64_t)a->booked);
    if ((has->of != NULL) != s->outstanding || (s->outstanding && has->asked != s->asked))
        sim_violation(r, "%s: %" PRIu64 " of %s is outstanding, and should be %" PRIu64,
                      node->address, has->of == NULL ? 0 : has->asked, a->name,
                      s->outstanding ? s->asked : 0);
    if (fine_of(&has->left_out) != s->left_out || fine_of(&has->left_in) != s->left_in)
        sim_violation(r,
                      "%s: %" PRId64 " and %" PRId64 " millionths are left of settlements of %s, "
                      "and should be %" PRId64 " and %" PRId64,
                      node->address, (int64_t)fine_of(&has->left_out),
                      (int64_t)fine_of(&has->left_in), a->name, (int64_t)s->left_out,
                      (int64_t)s->left_in);
    oracle_i128 waits = s->outstanding ? (oracle_i128)s->asked * NET_FINE : 0;
    if (s->out * NET_FINE != s->believed + s->left_out + waits)
        sim_violation(r, "%s: what was taken of %s to settle is not what became of it",
                      node->address, a->name);
}

bool net_settle_is_over(const net *n)
{
    for (size_t i = 0; i < n->transfer_count; i++) {
        if (!n->transfers[i]->answered)
            return false;
    }
    for (unsigned i = 0; i < n->node_count; i++) {
        for (unsigned k = 0; k < n->nodes[i].account_count; k++) {
            if (n->nodes[i].accounts[k].settle.outstanding)
                return false;
        }
    }
    for (unsigned i = 0; i < n->entry_count; i++) {
        if (!n->entries[i].answered)
            return false;
    }
    return true;
}

/* What engines of this side have paid, and what became of it. */
static void judge_side(net *n, const net_way *w, unsigned side)
{
    const net_settle *s = &w->side[side].node->accounts[w->side[side].account].settle;
    const net_account *other = &w->side[1 - side].node->accounts[w->side[1 - side].account];
    oracle_i128 paid = 0;
    oracle_i128 came = 0;
    for (size_t i = 0; i < n->paid_count; i++) {
        const net_paid *p = &n->paid[i];
        if (p->node == w->side[side].node && p->account == w->side[side].account)
            paid += p->paid;
    }
    for (size_t i = 0; i < n->transfer_count; i++) {
        if (n->transfers[i]->way == w && n->transfers[i]->to != side)
            came += n->transfers[i]->amount + n->transfers[i]->dust;
    }
    if (paid != came)
        sim_violation(&n->report, "%s: its engines have paid otherwise than the neighbour was told",
                      w->side[side].node->address);
    if (other->settles && came != other->settle.in * NET_FINE + other->settle.left_in)
        sim_violation(&n->report, "%s: has not booked what its engine has told",
                      w->side[1 - side].node->address);
    if (s->outstanding)
        sim_violation(&n->report, "%s: something is outstanding at the end",
                      w->side[side].node->address);
}

oracle_i128 net_settle_judge(net *n, const net_way *w)
{
    oracle_i128 moved = 0;
    for (unsigned side = 0; side < 2; side++) {
        const net_settle *s = &w->side[side].node->accounts[w->side[side].account].settle;
        judge_side(n, w, side);
        moved += s->in - s->out;
    }
    return moved;
}

void net_settle_free(net *n)
{
    for (size_t i = 0; i < n->transfer_count; i++)
        free(n->transfers[i]);
    free(n->transfers);
    free(n->lines);
    free(n->paid);
}

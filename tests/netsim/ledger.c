/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's own account of every packet on every way: what the books of each node must have
 * at any moment, whatever has been lost, and what the two ends of a way may disagree about.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static unsigned index_at(const net_prepare *p, unsigned side)
{
    return p->conn->way->side[side].account;
}

static unsigned asset_of(const net_node *node, unsigned account)
{
    return node->accounts[account].way->asset;
}

bool net_is_booked(const net_flight *f)
{
    return f->state == NET_FLIGHT_BOOKED || f->state == NET_FLIGHT_KEPT;
}

/* ---- prices ---- */

static oracle_u128 power_of_ten(unsigned exponent)
{
    oracle_u128 power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static void reduce(oracle_u128 *a, oracle_u128 *b)
{
    oracle_u128 x = *a;
    oracle_u128 y = *b;
    while (y != 0) {
        oracle_u128 rest = x % y;
        x = y;
        y = rest;
    }
    *a /= x;
    *b /= x;
}

/* Is there one, and is it new enough? */
static bool is_good(const net_flight *f, unsigned asset)
{
    const net_node *node = f->node;
    const net_price *p = &node->prices[asset];
    const rill_now now = net_node_now(node);
    const uint64_t until_ms = node->pricing == NET_PRICES_SERVICE ? p->good_until_ms : p->until_ms;
    if (p->good_until == RILL_NEVER || (now.mono_ns < p->good_until && now.wall_ms < until_ms))
        return true;
    sim_violation(&node->net->report, "%s: exchanges at a price of %s that is too old",
                  node->address, node->net->assets[asset].code);
    return false;
}

/* What goes on is what comes, at the price, less the spread, rounded down: to the unit. */
static void check_exchange(const net_flight *f)
{
    const net_node *node = f->node;
    net *n = node->net;
    unsigned source = asset_of(node, f->source);
    unsigned destination = asset_of(node, f->destination);
    const net_asset *from = &n->assets[source];
    const net_asset *to = &n->assets[destination];
    const net_price *x = &node->prices[source];
    const net_price *y = &node->prices[destination];
    oracle_u128 num = 1;
    oracle_u128 den = 1;
    oracle_u128 taken;
    oracle_u128 given;
    if (strcmp(from->code, to->code) != 0) {
        if (!is_good(f, source) || !is_good(f, destination))
            return;
        num = (oracle_u128)x->num * y->den * (1000000 - node->spread);
        den = (oracle_u128)x->den * y->num * 1000000;
    }
    num *= to->scale > from->scale ? power_of_ten(to->scale - from->scale) : 1;
    den *= from->scale > to->scale ? power_of_ten(from->scale - to->scale) : 1;
    reduce(&num, &den);
    if (__builtin_mul_overflow(num, f->taken, &taken) ||
        __builtin_mul_overflow(den, (oracle_u128)f->given + 1, &given))
        return; /* too wide to say */
    if (given - den > taken || taken >= given)
        sim_violation(&n->report, "%s: takes %" PRIu64 " %s/%u and gives %" PRIu64 " %s/%u",
                      node->address, f->taken, from->code, from->scale, f->given, to->code,
                      to->scale);
}

/* ---- a packet that is out ---- */

static void check_limits(const net_flight *f)
{
    net_node *node = f->node;
    const net_account *source = &node->accounts[f->source];
    const net_account *destination = &node->accounts[f->destination];
    sim_report *r = &node->net->report;
    if (destination->out || (source->out && f->taken > 0))
        sim_violation(r, "%s: forwards a packet from %s to %s, and one of them was taken out",
                      node->address, source->name, destination->name);
    if (f->taken > source->terms.max_packet)
        sim_violation(r, "%s: forwards %" PRIu64 " from %s, which may send %" PRIu64, node->address,
                      f->taken, source->name, source->terms.max_packet);
    if (f->taken > 0 && source->terms.credit != RILL_NO_LIMIT &&
        source->booked + (oracle_i128)source->terms.credit < (oracle_i128)(source->held + f->taken))
        sim_violation(r, "%s: forwards %" PRIu64 " from %s beyond its credit of %" PRIu64,
                      node->address, f->taken, source->name, source->terms.credit);
    if (f->given > 0 && destination->terms.most != RILL_NO_LIMIT &&
        destination->booked + (oracle_i128)(destination->coming + f->given) >
            (oracle_i128)destination->terms.most)
        sim_violation(r, "%s: would owe %s more than %" PRIu64, node->address, destination->name,
                      destination->terms.most);
    if (f->expires_ms + node->window > f->in->expires_ms)
        sim_violation(r, "%s: packet %" PRIu64 " expires too late where it goes to", node->address,
                      f->in->number);
}

/* After a kill the list of packets names balances, and the store must know whose they are. */
static void check_known(net_node *node, const net_account *a)
{
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    const rill_holder_account *holder = rill_core_find(node->core, name);
    if (holder == NULL || strcmp(node->disk.names[holder->balance.id], a->name) != 0)
        sim_violation(&node->net->report,
                      "%s: forwards a packet of %s, which its store does not have", node->address,
                      a->name);
}

static void new_flight(net_node *node, net_prepare *in, net_prepare *p)
{
    rill_now now = net_node_now(node);
    net_flight *f = sim_allocate(sizeof *f);
    *f = (net_flight){
        .node = node,
        .in = in,
        .out = p,
        .source = index_at(in, 1 - in->from),
        .destination = index_at(p, p->from),
        .taken = in->amount,
        .given = p->amount,
        .deadline = now.mono_ns + (p->expires_ms - now.wall_ms) * RILL_MS,
        .expires_ms = p->expires_ms,
        .wall_offset = node->wall_offset,
    };
    check_known(node, &node->accounts[f->source]);
    check_known(node, &node->accounts[f->destination]);
    check_limits(f);
    check_exchange(f);
    node->accounts[f->source].held += f->taken;
    node->accounts[f->destination].coming += f->given;
    rill_list_push_back(&node->flights, &f->link);
    in->forwarded = f;
    p->flight = f;
    p->payer = in->payer;
    p->probe = in->probe;
    if (p->probe != NULL)
        net_probe_visits(p->probe, node);
    net_limits_forwarded(node, f);
    net_log_left(f);
    node->net->counts.forwarded++;
}

void net_ledger_sent(net_node *node, net_prepare *p)
{
    sim_report *r = &node->net->report;
    net_flight *again = node->answering;
    if (again != NULL && again->out->outgoing_id == p->outgoing_id) {
        p->flight = again;
        p->payer = again->in->payer;
        p->probe = again->in->probe;
        again->out = p;
        return;
    }
    if (node->coming_in == NULL) {
        if (p->amount != 0)
            sim_violation(r, "%s: sends %" PRIu64 " that nobody has sent it", node->address,
                          p->amount);
        return;
    }
    if (node->coming_in->forwarded != NULL)
        sim_violation(r, "%s: forwards packet %" PRIu64 " twice", node->address,
                      node->coming_in->number);
    else
        new_flight(node, node->coming_in, p);
}

static void release(net_flight *f)
{
    f->node->accounts[f->source].held -= f->taken;
    f->node->accounts[f->destination].coming -= f->given;
}

static void is_done(net_flight *f, net_flight_state state)
{
    f->state = state;
    net_log_over(f);
    rill_list_remove(&f->link);
    rill_list_push_back(&f->node->net->done, &f->link);
}

/* It is answered or nobody waits for an answer any more; at its time or later, as too late. */
static void end(net_flight *f)
{
    f->expired = net_node_now(f->node).mono_ns >= f->deadline;
    release(f);
    is_done(f, NET_FLIGHT_ENDED);
}

/* ---- answers ---- */

static void charge(net_flight *f, bool back)
{
    net_node *node = f->node;
    oracle_i128 taken = back ? -(oracle_i128)f->taken : (oracle_i128)f->taken;
    node->accounts[f->source].booked -= taken;
    node->exchange[asset_of(node, f->source)] += taken;
    f->charged = !back;
}

static void book(net_flight *f)
{
    net_node *node = f->node;
    net_account *source = &node->accounts[f->source];
    release(f);
    f->state = NET_FLIGHT_BOOKED;
    f->seen = !f->in->asker_gone;
    if (f->seen || source->charge_unseen)
        charge(f, false);
    if (!f->seen) {
        source->unseen_packets++;
        source->unseen += f->taken;
        node->net->counts.unseen++;
        /* What is least often out at a kill. */
        if (!node->net->calm && sim_rng_chance(&node->net->rng, 60))
            net_node_kill_soon(node);
    }
    node->accounts[f->destination].booked += f->given;
    node->exchange[asset_of(node, f->destination)] -= f->given;
    f->in->booked_at = net_now(node->net);
    node->net->counts.booked++;
    if (f->given > 0)
        net_settle_expect(node, f->destination);
    if (node->kill_at_booking > 0 && --node->kill_at_booking == 0)
        net_node_kill_soon(node);
}

/*
 * A Fulfill that came too late is lost to who sent it. It may be late if its way, the store or the
 * clocks took more than the time by which the packet expired earlier there.
 */
static void judge_late(const net_node *node, net_prepare *p)
{
    net *n = node->net;
    const net_flight *there = p->forwarded;
    n->counts.late++;
    p->why |= NET_WHY_LATE;
    if (there == NULL || !net_is_booked(there))
        return;
    int64_t took = (int64_t)((net_now(n) - p->booked_at) / RILL_MS);
    int64_t room = (int64_t)there->node->window + there->wall_offset - p->flight->wall_offset;
    if (took + 2 < room)
        sim_violation(&n->report,
                      "%s: the Fulfill of packet %" PRIu64 " came after %" PRId64
                      " ms, and that was too late",
                      node->address, p->number, took);
}

/* Rejected for its time, and fulfilled all the same: the node names it, once. */
static void count_late(net_flight *f, const net_prepare *p)
{
    net_account *a = &f->node->accounts[f->destination];
    if (!f->expired || f->was_late || f->out != p)
        return;
    f->was_late = true;
    a->late_packets++;
    a->late += f->given;
}

void net_ledger_answer(net_node *node, net_prepare *p, const uint8_t *packet, size_t len)
{
    net_flight *f = p->flight;
    bool fulfilled = net_fulfills(node->net, p, packet, len);
    node->answering = NULL;
    if (f == NULL)
        return;
    bool due = net_node_now(node).mono_ns >= f->deadline;
    if (f->state != NET_FLIGHT_OUT || f->out != p || due) {
        if (fulfilled && !(net_is_booked(f) && f->out == p))
            judge_late(node, p);
        if (f->state == NET_FLIGHT_OUT && f->out == p)
            end(f);
        if (fulfilled)
            count_late(f, p);
    } else if (fulfilled) {
        book(f);
    } else {
        node->answering = f;
    }
}

void net_ledger_answered(net_node *node, net_prepare *p)
{
    net_flight *f = node->answering;
    node->answering = NULL;
    if (f != NULL && f->out == p && f->state == NET_FLIGHT_OUT)
        end(f);
}

void net_ledger_unanswered(net_node *node, net_prepare *p)
{
    net_flight *f = p->flight;
    (void)node;
    if (f != NULL && f->state == NET_FLIGHT_OUT && f->out == p)
        end(f);
}

static void passes_on(net_node *node, net_prepare *p, const uint8_t *packet, size_t len)
{
    sim_report *r = &node->net->report;
    net_flight *f = p->forwarded;
    if (!net_fulfills(node->net, p, packet, len))
        sim_violation(r, "%s: passes on a wrong fulfillment of packet %" PRIu64, node->address,
                      p->number);
    else if (!net_is_booked(f))
        sim_violation(r, "%s: fulfills packet %" PRIu64 ", which nobody has fulfilled",
                      node->address, p->number);
    else if (f->state != NET_FLIGHT_KEPT && node->durability != RILL_DURABILITY_NONE)
        sim_violation(r, "%s: fulfills packet %" PRIu64 ", whose booking is not kept",
                      node->address, p->number);
    f->passed = true;
}

void net_ledger_replied(net_node *node, net_prepare *p, const uint8_t *packet, size_t len)
{
    sim_report *r = &node->net->report;
    net_flight *f = p->forwarded;
    bool fulfill = len > 0 && packet[0] == RILL_ILP_FULFILL;
    if (p->replied)
        sim_violation(r, "%s: answers packet %" PRIu64 " twice", node->address, p->number);
    else if (fulfill && f != NULL)
        passes_on(node, p, packet, len);
    else if (fulfill && p->amount > 0)
        sim_violation(r, "%s: takes packet %" PRIu64 " for itself", node->address, p->number);
    else if (!fulfill && f != NULL && net_is_booked(f))
        sim_violation(r, "%s: rejects packet %" PRIu64 ", which it has booked", node->address,
                      p->number);
    else if (!fulfill && f != NULL && f->state == NET_FLIGHT_OUT)
        end(f);
    else if (!fulfill && f == NULL)
        net_limits_refused(node, p, packet, len);
}

void net_ledger_ticked(net_node *node)
{
    uint64_t now = net_node_now(node).mono_ns;
    for (rill_list *at = node->flights.next, *next; at != &node->flights; at = next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        next = at->next;
        if (f->state == NET_FLIGHT_OUT && f->deadline <= now)
            end(f);
    }
}

/* ---- the store ---- */

void net_ledger_given(net_node *node, uint64_t group)
{
    net_entries_given(node, group);
    for (rill_list *at = node->flights.next; at != &node->flights; at = at->next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        if (f->state == NET_FLIGHT_BOOKED && f->group == 0)
            f->group = group;
    }
}

void net_ledger_kept(net_node *node, uint64_t group)
{
    net_entries_kept(node, group);
    net_prices_kept(node, group);
    net_joiners_kept(node, group);
    for (rill_list *at = node->flights.next, *next; at != &node->flights; at = next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        next = at->next;
        if (f->state == NET_FLIGHT_BOOKED && f->group != 0 && f->group <= group)
            is_done(f, NET_FLIGHT_KEPT);
    }
}

/* ---- kills ---- */

/*
 * What a neighbour fulfilled is owed to it. The source owes what it was told, and what it would not
 * have been told in any case.
 */
static void recover(net_flight *f)
{
    bool owed = f->seen ? f->passed : f->charged;
    net_counts *counts = &f->node->net->counts;
    if (f->charged && !owed) {
        charge(f, true);
        f->in->why |= NET_WHY_KILLED;
        counts->uncharged++;
    }
    f->group = 0;
    counts->recovered++;
}

void net_ledger_killed(net_node *node, uint64_t kept)
{
    net_counts *counts = &node->net->counts;
    net_entries_killed(node, kept);
    net_settle_killed(node);
    net_prices_killed(node, kept);
    net_joiners_killed(node, kept);
    for (rill_list *at = node->flights.next, *next; at != &node->flights; at = next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        next = at->next;
        if (f->state == NET_FLIGHT_BOOKED && f->group != 0 && f->group <= kept) {
            counts->unheard++;
            is_done(f, NET_FLIGHT_KEPT);
        } else if (f->state == NET_FLIGHT_BOOKED) {
            recover(f);
        } else if (f->state == NET_FLIGHT_OUT) {
            counts->left++;
            f->state = NET_FLIGHT_LEFT;
        }
    }
}

void net_ledger_begun(net_node *node)
{
    uint64_t wall = net_node_now(node).wall_ms;
    /* The wall clock may be set back: nothing is held for longer than any packet lives. */
    node->old_until = net_node_now(node).mono_ns + node->config.max_hold_time;
    for (unsigned i = 0; i < node->account_count; i++) {
        node->accounts[i].held = node->accounts[i].coming = node->accounts[i].unseen = 0;
        node->accounts[i].unseen_packets = node->accounts[i].late_packets = 0;
        node->accounts[i].late = 0;
    }
    for (rill_list *at = node->flights.next; at != &node->flights; at = at->next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        /* Of an account that is not there nobody could take anything. */
        f->held = f->state == NET_FLIGHT_LEFT && f->expires_ms > wall &&
                  !node->accounts[f->source].out && !node->accounts[f->destination].out;
        if (!f->held)
            continue;
        node->accounts[f->source].held += f->taken;
        node->accounts[f->destination].coming += f->given;
    }
}

void net_ledger_chores(net_node *node)
{
    uint64_t wall = net_node_now(node).wall_ms;
    bool over = net_node_now(node).mono_ns >= node->old_until;
    for (rill_list *at = node->flights.next, *next; at != &node->flights; at = next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        next = at->next;
        if (f->state != NET_FLIGHT_LEFT || (f->expires_ms > wall && !over))
            continue;
        if (f->held)
            release(f);
        is_done(f, NET_FLIGHT_ENDED);
    }
}

/* ---- the rules, at every moment ---- */

oracle_i128 net_wide(rill_i128 value)
{
    rill_u128 bits = rill_wide_bits(value);
    return (oracle_i128)((oracle_u128)rill_wide_high(bits) << 64 | rill_wide_low(bits));
}

static oracle_u128 sum_of(rill_sum sum)
{
    return (oracle_u128)sum.high << 64 | sum.low;
}

static void check_account(net_node *node, net_account *a)
{
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    const rill_holder_account *holder = rill_core_find(node->core, name);
    sim_report *r = &node->net->report;
    if (holder == NULL && a->out) {
        net_member_gone(node, a);
        return;
    }
    if (holder == NULL || (holder->leaving != a->out)) {
        sim_violation(r, "%s: has no account %s any more", node->address, a->name);
        return;
    }
    a->gone = false;
    net_settle_check(node, a, holder->settling);
    oracle_i128 booked = net_wide(holder->balance.booked);
    if (booked != a->booked)
        sim_violation(r, "%s: the balance of %s is %" PRId64 ", and should be %" PRId64,
                      node->address, a->name, (int64_t)booked, (int64_t)a->booked);
    uint64_t unseen = a->unseen > UINT64_MAX ? UINT64_MAX : (uint64_t)a->unseen;
    const rill_unseen counted = rill_core_unseen(holder);
    if (counted.packets != a->unseen_packets || counted.amount != unseen)
        sim_violation(r,
                      "%s: %" PRIu64 " packets of %" PRIu64
                      " of %s are said to be unseen, and %" PRIu64 " of %" PRIu64 " are",
                      node->address, counted.packets, counted.amount, a->name, a->unseen_packets,
                      unseen);
    const rill_tally late = holder->outcomes == NULL ? (rill_tally){0, 0} : holder->outcomes->late;
    if (late.packets != a->late_packets ||
        late.amount != (a->late > UINT64_MAX ? UINT64_MAX : (uint64_t)a->late))
        sim_violation(r,
                      "%s: %" PRIu64 " packets of %" PRIu64 " are said to be fulfilled too late by "
                      "%s, and %" PRIu64 " of %" PRIu64 " are",
                      node->address, late.packets, late.amount, a->name, a->late_packets,
                      (uint64_t)a->late);
    if (sum_of(holder->balance.held) != a->held)
        sim_violation(r, "%s: %" PRIu64 " of %s is held, and should be %" PRIu64, node->address,
                      holder->balance.held.low, a->name, (uint64_t)a->held);
    if (sum_of(holder->balance.coming) != a->coming)
        sim_violation(r, "%s: %" PRIu64 " is coming to %s, and should be %" PRIu64, node->address,
                      holder->balance.coming.low, a->name, (uint64_t)a->coming);
}

/* The node's own balances of an asset. */
static void check_own(net_node *node, const char *what, rill_i128 has, oracle_i128 wanted,
                      const char *code)
{
    if (net_wide(has) != wanted)
        sim_violation(&node->net->report, "%s: its %s has %" PRId64 " %s, and should have %" PRId64,
                      node->address, what, (int64_t)net_wide(has), code, (int64_t)wanted);
}

static void check_exchanges(net_node *node)
{
    net *n = node->net;
    const rill_rates *rates = rill_core_rates(node->core);
    const rill_books *books = rill_core_books(node->core);
    for (size_t i = 0; i < books->asset_count; i++) {
        for (unsigned k = 0; k < n->asset_count; k++) {
            if (strcmp(rates->assets[i].code, n->assets[k].code) != 0 ||
                rates->assets[i].scale != n->assets[k].scale)
                continue;
            check_own(node, "exchange", books->assets[i]->exchange.booked, node->exchange[k],
                      n->assets[k].code);
            check_own(node, "outside", books->assets[i]->outside.booked, node->outside[k],
                      n->assets[k].code);
        }
    }
}

void net_ledger_check(net_node *node)
{
    uint64_t now = net_node_now(node).mono_ns;
    sim_report *r = &node->net->report;
    if (!node->running || r->failed)
        return;
    if (!rill_core_is_even(node->core))
        sim_violation(r, "%s: the balances of an asset do not add up to 0", node->address);
    for (unsigned i = 0; i < node->account_count; i++)
        check_account(node, &node->accounts[i]);
    check_exchanges(node);
    for (rill_list *at = node->flights.next; at != &node->flights; at = at->next) {
        const net_flight *f = RILL_CONTAINER(at, net_flight, link);
        if (f->state == NET_FLIGHT_OUT && f->deadline + RILL_MS < now)
            sim_violation(r, "%s: packet %" PRIu64 " is held after its expiry", node->address,
                          f->in->number);
    }
}

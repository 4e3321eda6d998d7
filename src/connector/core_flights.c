/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that were under way when the node was killed. What was fulfilled and not booked is
 * booked: the neighbour that fulfilled it has booked it, too, and is owed. What was out is listed,
 * with what it may take held, until it has expired: the neighbour may have fulfilled it just then.
 * The clock by which it expires may have been wrong before the kill, or may be wrong now. As no
 * node holds a packet for longer than max-hold-time, all are over so long after the start.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/core_impl.h"

/* ---- of this run ---- */

void rill_core_flight_fulfilled(rill_core *c, uint32_t slot, uint64_t group, bool charged)
{
    core_flights *f = &c->flights;
    if (slot == 0)
        return;
    rill_flights_fulfilled(f->file, slot, group, charged);
    assert(f->count < RILL_FLIGHTS_MAX);
    uint32_t at = (f->first + f->count++) % RILL_FLIGHTS_MAX;
    f->fulfilled[at].group = group;
    f->fulfilled[at].slot = slot;
}

static void forget_recovered(core_flights *f)
{
    for (size_t i = 0; i < f->old_count; i++) {
        if (f->old[i].recovered && !f->old[i].done) {
            rill_flights_remove(f->file, f->old[i].slot);
            f->old[i].done = true;
        }
    }
    f->recovered_group = 0;
}

void rill_core_flights_kept(rill_core *c, uint64_t group)
{
    core_flights *f = &c->flights;
    for (; f->count > 0 && f->fulfilled[f->first].group <= group; f->count--) {
        rill_flights_remove(f->file, f->fulfilled[f->first].slot);
        f->first = (f->first + 1) % RILL_FLIGHTS_MAX;
    }
    if (f->recovered_group != 0 && f->recovered_group <= group)
        forget_recovered(f);
}

void rill_core_clear_flights(rill_core *c)
{
    rill_free(c->options.allocator, c->flights.fulfilled);
    rill_free(c->options.allocator, c->flights.old);
}

/* ---- of earlier runs ---- */

int rill_core_list_flights(rill_core *c, rill_flights *file)
{
    core_flights *f = &c->flights;
    const rill_allocator *allocator = c->options.allocator;
    uint32_t cursor = 0;
    size_t count = rill_flights_count(file);
    f->fulfilled = rill_calloc(allocator, RILL_FLIGHTS_MAX, sizeof *f->fulfilled);
    f->old = rill_calloc(allocator, count + 1, sizeof *f->old);
    if (f->fulfilled == NULL || f->old == NULL)
        return RILL_ERR_NOMEM;
    f->file = file;
    while (f->old_count < count) {
        old_flight *old = &f->old[f->old_count];
        if (!rill_flights_next(file, &cursor, &old->slot, &old->flight))
            break;
        f->old_count++;
    }
    return RILL_OK;
}

void rill_core_know_run(rill_core *c, uint64_t run, uint64_t kept)
{
    for (size_t i = 0; i < c->flights.old_count; i++) {
        if (c->flights.old[i].flight.run == run) {
            c->flights.old[i].kept = kept;
            c->flights.old[i].known = true;
        }
    }
}

/* The account that has this balance now; name NULL: it has none. */
static rill_holder_account *of_balance(const rill_core *c, const char *name, rill_balance_id id)
{
    if (name == NULL)
        return NULL;
    rill_terms *terms =
        rill_hub_find_terms(c->hub, (rill_bytes){(const uint8_t *)name, strlen(name)});
    if (terms == NULL)
        return NULL;
    rill_holder_account *holder = RILL_CONTAINER(terms, rill_holder_account, terms);
    return holder->leaving || holder->balance.id != id ? NULL : holder;
}

static void end_old(rill_core *c, old_flight *old)
{
    if (old->hold != NULL)
        rill_books_release(old->hold, old->flight.taken, old->flight.given);
    old->hold = NULL;
    rill_flights_remove(c->flights.file, old->slot);
    old->done = true;
}

/*
 * A balance of it. One that is of no account of the configuration is opened for what is booked
 * alone: *out is NULL if nothing is, or if the store does not have it. RILL_ERR_NOMEM.
 */
static int balance_of(rill_core *c, const char *name, rill_balance_id id, bool books,
                      rill_balance **out)
{
    rill_holder_account *holder = of_balance(c, name, id);
    *out = holder == NULL ? NULL : &holder->balance;
    int rc = holder == NULL && books ? rill_core_open_closed(c, id, out) : RILL_OK;
    return rc == RILL_ERR_NOT_FOUND ? RILL_OK : rc;
}

/* The flow of its accounts; NULL: there is none. */
static int flow_of(rill_core *c, const old_flight *old, rill_flow **out)
{
    bool books = old->flight.group != 0;
    rill_balance *source = NULL;
    rill_balance *destination = NULL;
    *out = NULL;
    int rc = balance_of(c, old->source, old->flight.source, books, &source);
    if (rc == RILL_OK)
        rc = balance_of(c, old->destination, old->flight.destination, books, &destination);
    return rc != RILL_OK || source == NULL || destination == NULL
               ? rc
               : rill_books_flow(&c->books, source, destination, out);
}

/* Of a node that was killed no packet was passed on that was not booked, unless it had to be. */
static int settle(rill_core *c, old_flight *old)
{
    const rill_flight *flight = &old->flight;
    rill_now now = c->options.now(c->options.user);
    bool booked = flight->group != 0 && flight->group <= old->kept;
    rill_flow *flow;
    /* A run that the books do not know is of other books. */
    if (!old->known || booked) {
        end_old(c, old);
        return RILL_OK;
    }
    int rc = flow_of(c, old, &flow);
    if (rc != RILL_OK || flow == NULL)
        return rc;
    if (flight->group != 0) {
        c->flights.recovered_group = rill_books_recover(
            &c->books, flow, flight->taken, flight->given, flight->charged, now.wall_ms);
        c->flights.recovered++;
        rill_core_keep_closed(c, flow->source);
        rill_core_keep_closed(c, flow->destination);
        rill_holder_account *payee = of_balance(c, old->destination, flight->destination);
        if (payee != NULL) /* else its account is in the configuration no more */
            rill_core_look_to_settle(c, payee);
        old->recovered = true;
    } else if (flight->expires_ms > now.wall_ms) {
        rill_books_hold_again(flow, flight->taken, flight->given);
        old->hold = flow;
    }
    return RILL_OK;
}

static bool is_listed(const old_flight *old)
{
    return !old->done && !old->recovered;
}

static const char *name_of(const rill_core *c, rill_balance_id id)
{
    const known_balance *k = rill_core_known_balance(c, id);
    return k == NULL || k->holder != RILL_HOLDER_NEIGHBOUR ? NULL : k->name;
}

static int number_balances(rill_core *c)
{
    core_flights *f = &c->flights;
    f->ids = c->last_id + 1;
    f->by_id = rill_calloc(c->options.allocator, f->ids, sizeof *f->by_id);
    if (f->by_id == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < c->known_count; i++)
        f->by_id[c->known[i].id].known = (uint32_t)i + 1;
    return RILL_OK;
}

/* What is known of balances goes when the node has begun, and the list of packets stays. */
static int keep_names(rill_core *c, old_flight *old)
{
    const char **names[] = {&old->source, &old->destination};
    for (size_t i = 0; i < 2; i++) {
        if (*names[i] == NULL)
            continue;
        *names[i] = rill_arena_text(&c->arena, *names[i]);
        if (*names[i] == NULL)
            return RILL_ERR_NOMEM;
    }
    return RILL_OK;
}

int rill_core_settle_flights(rill_core *c)
{
    core_flights *f = &c->flights;
    int rc = f->old_count == 0 ? RILL_OK : number_balances(c);
    f->old_until =
        rill_add_sat(c->options.now(c->options.user).mono_ns, c->options.config->max_hold_time);
    for (size_t i = 0; i < f->old_count && rc == RILL_OK; i++) {
        f->old[i].source = name_of(c, f->old[i].flight.source);
        f->old[i].destination = name_of(c, f->old[i].flight.destination);
        rc = settle(c, &f->old[i]);
        if (rc == RILL_OK && is_listed(&f->old[i]))
            rc = keep_names(c, &f->old[i]);
        f->old_left += is_listed(&f->old[i]);
    }
    rill_free(c->options.allocator, f->by_id);
    f->by_id = NULL;
    if (f->recovered > 0)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "the node was killed before %" PRIu64
                      " packets that neighbours had fulfilled were booked: they are booked now",
                      f->recovered);
    if (f->old_left > 0)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "%zu packets were out when the node was killed: what they may take is held "
                      "until they expire",
                      f->old_left);
    return rc;
}

bool rill_core_next_flight(const rill_core *c, size_t *cursor, rill_core_flight *out)
{
    for (; *cursor < c->flights.old_count; ++*cursor) {
        const old_flight *old = &c->flights.old[*cursor];
        if (!is_listed(old))
            continue;
        *out = (rill_core_flight){&old->flight, old->slot,
                                  of_balance(c, old->source, old->flight.source),
                                  of_balance(c, old->destination, old->flight.destination)};
        ++*cursor;
        return true;
    }
    return false;
}

uint64_t rill_core_recovered(const rill_core *c)
{
    return c->flights.recovered;
}

/* When it is over, in monotonic nanoseconds; not after now: it is. */
static uint64_t end_of(const core_flights *f, const old_flight *old, rill_now now)
{
    uint64_t expires = old->flight.expires_ms;
    uint64_t left = expires > now.wall_ms ? expires - now.wall_ms : 0;
    uint64_t at = rill_add_sat(now.mono_ns, rill_mul_div_floor_sat(left, RILL_MS, 1));
    return at < f->old_until ? at : f->old_until;
}

uint64_t rill_core_expire_flights(rill_core *c)
{
    core_flights *f = &c->flights;
    rill_now now = c->options.now(c->options.user);
    uint64_t next = RILL_NEVER;
    uint64_t ended = 0;
    if (f->old_left == 0)
        return RILL_NEVER;
    for (size_t i = 0; i < f->old_count; i++) {
        old_flight *old = &f->old[i];
        if (!is_listed(old))
            continue;
        /* What was fulfilled between accounts that the books do not have stays listed. */
        if (old->flight.group != 0)
            continue;
        uint64_t at = end_of(f, old, now);
        if (at > now.mono_ns) {
            next = at < next ? at : next;
            continue;
        }
        end_old(c, old);
        f->old_left--;
        ended++;
    }
    if (ended > 0)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "%" PRIu64
                      " packets that were out when the node was killed have expired, and "
                      "are not booked: a neighbour that has booked one is owed it",
                      ended);
    return next;
}

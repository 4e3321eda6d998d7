/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "connector/when.h"

/* A cursor that is of no event of this run. */
enum { OF_EARLIER = 0 };

/* What was told of an account. */
typedef struct told {
    uint64_t answered;
    uint64_t rejected;
    uint64_t sent;
    uint64_t fulfilled_from;
    uint64_t fulfilled_to;
    rill_i128 booked;
    uint64_t at_ns;
    uint32_t sessions;
    uint32_t comings;
    size_t index;      /* where it was among the accounts */
    uint64_t *rejects; /* by rows, and then of all others; NULL: none yet */
} told;

typedef struct kept_event {
    const char *name;
    size_t len;
    char data[];
} kept_event;

typedef struct recent_entry {
    char account[RILL_STORE_NAME_MAX + 1];
    char asset[RILL_STORE_ASSET_MAX + 1];
    uint8_t scale;
    rill_entry_kind kind;
    uint64_t amount;
    uint64_t at_ms;
    uint64_t group;
    bool told; /* or nobody followed */
    char who[RILL_ENTRY_TEXT_MAX + 1];
    char note[RILL_ENTRY_TEXT_MAX + 1];
} recent_entry;

/* Of the node, since the last event about it. */
typedef struct totals {
    uint64_t fulfilled;
    uint64_t rejected;
    rill_histogram packets; /* what had been counted then */
    rill_histogram books;
    uint64_t at_ns;
    uint32_t epoch; /* of routes */
} totals;

struct rill_events {
    const rill_allocator *allocator;
    uint64_t run;
    kept_event *ring[RILL_EVENTS_KEPT];
    uint64_t first; /* the oldest that is kept */
    uint64_t next;  /* the number of the next one */
    size_t bytes;
    unsigned followers;
    uint64_t left_at;  /* monotonic nanoseconds, when there are none */
    bool looking;      /* accounts are known */
    rill_map accounts; /* told, by the balance */
    rill_arena arena;  /* all of them */
    size_t at;         /* the account that is looked at next */
    uint64_t round_at; /* when the first one was looked at */
    bool first_round;  /* those that are met in it have a past */
    bool complete;     /* all accounts of this round are known */
    totals totals;
    recent_entry *entries[RILL_EVENTS_ENTRIES]; /* a ring */
    size_t entry_count;                         /* that ever were */
    uint64_t untold; /* entries that were forgotten before they were kept */
    char lost[120];  /* for who reads */
};

int rill_events_new(rill_events **out, const rill_allocator *allocator, uint64_t run)
{
    rill_events *e = rill_calloc(allocator, 1, sizeof *e);
    if (e == NULL)
        return RILL_ERR_NOMEM;
    e->allocator = allocator;
    e->run = run;
    e->first = e->next = 1;
    rill_map_init(&e->accounts, allocator, run);
    rill_arena_init(&e->arena, allocator);
    *out = e;
    return RILL_OK;
}

/* ---- what is kept ---- */

static void drop_first(rill_events *e)
{
    kept_event **slot = &e->ring[e->first % RILL_EVENTS_KEPT];
    e->bytes -= (*slot)->len;
    rill_free(e->allocator, *slot);
    *slot = NULL;
    e->first++;
}

/* Whoever has not read until now is told that there was something. */
static void miss(rill_events *e)
{
    while (e->first < e->next)
        drop_first(e);
    e->first = ++e->next;
}

/* Takes the value; NULL: there was no memory for it. */
static void tell(rill_events *e, const char *name, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text);
    kept_event *k = text == NULL ? NULL : rill_alloc(e->allocator, sizeof *k + len + 1);
    json_decref(value);
    if (k == NULL) {
        free(text);
        miss(e);
        return;
    }
    k->name = name;
    k->len = len;
    memcpy(k->data, text, len + 1);
    free(text);
    if (e->next - e->first == RILL_EVENTS_KEPT)
        drop_first(e);
    e->ring[e->next++ % RILL_EVENTS_KEPT] = k;
    e->bytes += len;
    while (e->bytes > RILL_EVENTS_BYTES)
        drop_first(e);
}

static void forget_accounts(rill_events *e)
{
    rill_map_clear(&e->accounts);
    rill_map_init(&e->accounts, e->allocator, e->run);
    rill_arena_clear(&e->arena);
    e->looking = false;
}

void rill_events_free(rill_events *e)
{
    if (e == NULL)
        return;
    miss(e);
    forget_accounts(e);
    for (size_t i = 0; i < RILL_EVENTS_ENTRIES; i++)
        rill_free(e->allocator, e->entries[i]);
    rill_free(e->allocator, e);
}

void rill_events_follow(rill_events *e)
{
    e->followers++;
}

void rill_events_leave(rill_events *e, rill_now now)
{
    e->followers--;
    e->left_at = now.mono_ns;
}

bool rill_events_is_idle(rill_events *e, rill_now now)
{
    if (e->followers > 0 || (e->looking && now.mono_ns - e->left_at < RILL_EVENTS_PATIENCE))
        return false;
    if (e->looking) {
        forget_accounts(e);
        miss(e);
    }
    return true;
}

/* ---- looking ---- */

static json_t *amount_json(uint64_t amount)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, amount);
    return json_string(text);
}

static json_t *sum_json(rill_sum sum)
{
    char text[RILL_WIDE_TEXT];
    rill_wide_text(rill_wide_of(sum.high, sum.low), text);
    return json_string(text);
}

static json_t *wide_json(rill_i128 value)
{
    char text[RILL_WIDE_TEXT];
    rill_wide_signed_text(value, text);
    return json_string(text);
}

static json_t *when_json(uint64_t ms)
{
    char text[RILL_WHEN_TEXT];
    rill_when_text(ms, text);
    return json_string(text);
}

/* An account that was away has begun to count anew. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

static double seconds(uint64_t ns)
{
    return (double)(ns / RILL_MS) / 1000;
}

/* The neighbour that has this balance. It may not have been looked at yet, or be gone. */
static const char *name_of(const rill_events *e, const rill_core *core, rill_balance_id by)
{
    const told *t = by == 0 ? NULL : rill_map_get(&e->accounts, by);
    if (t == NULL || t->index >= rill_core_accounts(core))
        return by == 0 ? NULL : "(unknown)";
    const rill_holder_account *a = rill_core_account(core, t->index);
    return a->balance.id == by ? a->config->name : "(unknown)";
}

/* How many events it was. */
static size_t tell_rejects(rill_events *e, const rill_core *core, const rill_holder_account *a,
                           told *t, uint64_t wall_ms)
{
    const rill_rejects *r = a->rejects;
    size_t count = 0;
    if (r == NULL)
        return 0;
    if (t->rejects == NULL)
        t->rejects = rill_arena_alloc(&e->arena, (RILL_REJECTS_KEPT + 1) * sizeof *t->rejects);
    if (t->rejects == NULL) {
        miss(e);
        return 0;
    }
    for (size_t i = 0; i < r->count; i++) {
        const rill_reject_row *row = &r->rows[i];
        uint64_t more = since(row->count, t->rejects[i]);
        t->rejects[i] = row->count;
        if (more == 0)
            continue;
        tell(e, "rejects",
             json_pack("{s:o, s:s, s:s, s:s, s:s?, s:s, s:s, s:I}", "at", when_json(wall_ms),
                       "account", a->config->name, "code", row->code.text, "name",
                       rill_ilp_code_name(row->code), "by", name_of(e, core, row->by),
                       "triggered_by", row->triggered_by, "message", row->message, "count",
                       (json_int_t)more));
        count++;
    }
    uint64_t others = since(r->others, t->rejects[RILL_REJECTS_KEPT]);
    t->rejects[RILL_REJECTS_KEPT] = r->others;
    if (others == 0)
        return count;
    tell(e, "rejects",
         json_pack("{s:o, s:s, s:n, s:s, s:n, s:s, s:s, s:I}", "at", when_json(wall_ms), "account",
                   a->config->name, "code", "name", "other reasons", "by", "triggered_by", "",
                   "message", "", "count", (json_int_t)others));
    return count + 1;
}

static void tell_account(rill_events *e, const rill_holder_account *a, const told *before,
                         const told *t, rill_now now)
{
    char asset[RILL_STORE_ASSET_MAX + 8];
    uint64_t rejected = since(t->rejected, before->rejected);
    (void)snprintf(asset, sizeof asset, "%s/%u", a->config->asset.code,
                   (unsigned)a->config->asset.scale);
    tell(e, "account",
         json_pack("{s:o, s:s, s:s, s:f, s:{s:I, s:I, s:I}, s:{s:o, s:o}, s:o, s:o, s:o, s:i}",
                   "at", when_json(now.wall_ms), "account", a->config->name, "asset", asset,
                   "seconds", seconds(t->at_ns - before->at_ns), "packets", "fulfilled",
                   (json_int_t)(since(t->answered, before->answered) - rejected), "rejected",
                   (json_int_t)rejected, "sent", (json_int_t)since(t->sent, before->sent),
                   "amounts", "from", amount_json(since(t->fulfilled_from, before->fulfilled_from)),
                   "to", amount_json(since(t->fulfilled_to, before->fulfilled_to)), "balance",
                   wide_json(t->booked), "held", sum_json(a->balance.held), "coming",
                   sum_json(a->balance.coming), "sessions", (int)t->sessions));
}

static void tell_link(rill_events *e, const rill_holder_account *a, const told *before,
                      const told *t, uint64_t wall_ms)
{
    tell(e, "link",
         json_pack("{s:o, s:s, s:b, s:i, s:I}", "at", when_json(wall_ms), "account",
                   a->config->name, "up", (int)(t->sessions > 0), "sessions", (int)t->sessions,
                   "came", (json_int_t)(uint32_t)(t->comings - before->comings)));
}

/* What the account is told of as, from now on. */
static told state_of(const rill_core *core, size_t index, uint64_t now)
{
    const rill_holder_account *a = rill_core_account(core, index);
    rill_node_account traffic = {.sessions = 0};
    const char *name = a->config->name;
    int rc = rill_hub_account(rill_core_hub(core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &traffic);
    (void)rc; /* it is there */
    return (told){
        .answered = traffic.packets_from - traffic.open,
        .rejected = traffic.rejected_from,
        .sent = traffic.packets_to,
        .fulfilled_from = traffic.fulfilled_from,
        .fulfilled_to = traffic.fulfilled_to,
        .booked = a->balance.booked,
        .at_ns = now,
        .sessions = traffic.sessions,
        .comings = a->comings,
        .index = index,
    };
}

/* Rejects of before anybody followed are not told. False: no memory. */
static bool know_rejects(rill_events *e, const rill_holder_account *a, told *t)
{
    if (a->rejects == NULL)
        return true;
    t->rejects = rill_arena_alloc(&e->arena, (RILL_REJECTS_KEPT + 1) * sizeof *t->rejects);
    if (t->rejects == NULL)
        return false;
    for (size_t i = 0; i < a->rejects->count; i++)
        t->rejects[i] = a->rejects->rows[i].count;
    t->rejects[RILL_REJECTS_KEPT] = a->rejects->others;
    return true;
}

/*
 * One that is seen for the first time. Whoever was there before anybody followed has a past, which
 * is not told. NULL: no memory.
 */
static told *meet(rill_events *e, const rill_holder_account *a, const told *state)
{
    told *t = rill_arena_alloc(&e->arena, sizeof *t);
    if (t != NULL && e->first_round)
        *t = *state;
    if (t == NULL || (e->first_round && !know_rejects(e, a, t)) ||
        rill_map_put(&e->accounts, a->balance.id, t) != RILL_OK) {
        e->complete = false;
        miss(e);
        return NULL;
    }
    t->booked = state->booked;
    t->at_ns = state->at_ns;
    return t;
}

/* How many events it was. */
static size_t look_at(rill_events *e, const rill_core *core, size_t index, rill_now now)
{
    const rill_holder_account *a = rill_core_account(core, index);
    told state = state_of(core, index, now.mono_ns);
    told *t = rill_map_get(&e->accounts, a->balance.id);
    size_t count = 0;
    if (t == NULL)
        t = meet(e, a, &state);
    if (t == NULL)
        return 0;
    const told before = *t;
    bool came = before.comings != state.comings || (before.sessions > 0) != (state.sessions > 0);
    bool busy = state.answered != before.answered || state.sent != before.sent ||
                state.fulfilled_to != before.fulfilled_to ||
                !rill_wide_equal(state.booked, before.booked);
    state.rejects = before.rejects;
    if (busy || came || state.sessions != before.sessions)
        *t = state;
    t->at_ns = now.mono_ns;
    t->index = index;
    if (came) {
        tell_link(e, a, &before, &state, now.wall_ms);
        count++;
    }
    if (!busy)
        return count;
    uint64_t rejected = since(state.rejected, before.rejected);
    e->totals.rejected += rejected;
    e->totals.fulfilled += since(state.answered, before.answered) - rejected;
    tell_account(e, a, &before, &state, now);
    return count + 1 + tell_rejects(e, core, a, t, now.wall_ms);
}

/* ---- the node ---- */

static json_t *times_json(const rill_histogram *h)
{
    if (h->count == 0)
        return json_null();
    return json_pack("{s:f, s:f, s:f}", "p50", (double)rill_histogram_quantile(h, 500) / 1e6, "p90",
                     (double)rill_histogram_quantile(h, 900) / 1e6, "p99",
                     (double)rill_histogram_quantile(h, 990) / 1e6);
}

static void begin_totals(rill_events *e, const rill_core *core, rill_now now)
{
    const rill_waits *times = rill_core_waits(core);
    e->totals.packets = times->packets;
    e->totals.books = times->books;
    e->totals.fulfilled = e->totals.rejected = 0;
    e->totals.at_ns = now.mono_ns;
    e->totals.epoch = rill_core_routing(core)->speaker.rib.epoch;
}

static void tell_node(rill_events *e, const rill_core *core, rill_now now)
{
    const rill_waits *times = rill_core_waits(core);
    const rill_rib *rib = &rill_core_routing(core)->speaker.rib;
    rill_histogram packets;
    rill_histogram books;
    const char *state = rill_core_state(core);
    rill_histogram_since(&times->packets, &e->totals.packets, &packets);
    rill_histogram_since(&times->books, &e->totals.books, &books);
    tell(e, "node",
         json_pack("{s:o, s:s, s:f, s:I, s:I, s:{s:I, s:I}, s:o, s:o}", "at",
                   when_json(now.wall_ms), "state", state, "seconds",
                   seconds(now.mono_ns - e->totals.at_ns), "open",
                   (json_int_t)rill_hub_open(rill_core_hub(core)), "accounts",
                   (json_int_t)rill_core_accounts(core), "packets", "fulfilled",
                   (json_int_t)e->totals.fulfilled, "rejected", (json_int_t)e->totals.rejected,
                   "packet_ms", times_json(&packets), "books_ms", times_json(&books)));
    if (rib->epoch != e->totals.epoch)
        tell(e, "routes",
             json_pack("{s:o, s:I, s:I}", "at", when_json(now.wall_ms), "changes",
                       (json_int_t)(uint32_t)(rib->epoch - e->totals.epoch), "prefixes",
                       (json_int_t)rill_routing_count(rill_core_routing(core))));
    begin_totals(e, core, now);
}

/* ---- entries ---- */

static const char *const kinds[] = {"",           "settled-in", "settled-out", "deposit",
                                    "withdrawal", "change",     "settled-back"};

static json_t *entry_json(const recent_entry *r)
{
    char asset[RILL_STORE_ASSET_MAX + 8];
    (void)snprintf(asset, sizeof asset, "%s/%u", r->asset, (unsigned)r->scale);
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:s, s:s}", "at", when_json(r->at_ms), "account",
                     r->account, "asset", asset, "kind",
                     kinds[(size_t)r->kind % (sizeof kinds / sizeof *kinds)], "amount",
                     amount_json(r->amount), "who", r->who, "note", r->note);
}

static size_t oldest_entry(const rill_events *e)
{
    return e->entry_count < RILL_EVENTS_ENTRIES ? 0 : e->entry_count - RILL_EVENTS_ENTRIES;
}

static void tell_entries(rill_events *e, const rill_core *core)
{
    for (size_t i = oldest_entry(e); i < e->entry_count; i++) {
        recent_entry *r = e->entries[i % RILL_EVENTS_ENTRIES];
        if (r == NULL || r->told)
            continue;
        if (!rill_core_has_kept(core, r->group))
            break;
        r->told = true;
        tell(e, "entry", entry_json(r));
    }
    if (e->untold > 0)
        miss(e);
    e->untold = 0;
}

void rill_events_enter(rill_events *e, const rill_holder_account *a, const rill_store_entry *entry,
                       uint64_t group)
{
    recent_entry **slot = &e->entries[e->entry_count++ % RILL_EVENTS_ENTRIES];
    if (*slot == NULL)
        *slot = rill_calloc(e->allocator, 1, sizeof **slot);
    else
        e->untold += !(*slot)->told;
    if (*slot == NULL) {
        e->untold += e->looking;
        return;
    }
    recent_entry *r = *slot;
    *r = (recent_entry){.scale = a->config->asset.scale,
                        .kind = entry->kind,
                        .amount = entry->amount,
                        .at_ms = entry->at_ms,
                        .group = group,
                        .told = !e->looking};
    (void)snprintf(r->account, sizeof r->account, "%s", a->config->name);
    (void)snprintf(r->asset, sizeof r->asset, "%s", a->config->asset.code);
    (void)snprintf(r->who, sizeof r->who, "%s", entry->who);
    (void)snprintf(r->note, sizeof r->note, "%s", entry->note);
}

json_t *rill_events_entries(const rill_events *e)
{
    json_t *all = json_array();
    for (size_t i = e->entry_count; all != NULL && i-- > oldest_entry(e);) {
        const recent_entry *r = e->entries[i % RILL_EVENTS_ENTRIES];
        if (r != NULL && json_array_append_new(all, entry_json(r)) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

void rill_events_reload(rill_events *e, rill_now now, const char *who, size_t changes)
{
    if (e->looking)
        tell(e, "reload",
             json_pack("{s:o, s:s, s:I}", "at", when_json(now.wall_ms), "who", who, "changes",
                       (json_int_t)changes));
}

/* ---- rounds ---- */

void rill_events_look(rill_events *e, const rill_core *core)
{
    const rill_now now = rill_core_now(core);
    size_t seen = 0;
    size_t count = 0;
    if (!e->looking) {
        e->looking = e->first_round = true;
        e->at = 0;
        e->round_at = 0;
        begin_totals(e, core, now);
    }
    tell_entries(e, core);
    if (e->at == 0 && e->round_at != 0 && now.mono_ns - e->round_at < RILL_EVENTS_EVERY)
        return;
    if (e->at == 0) {
        e->round_at = now.mono_ns;
        e->complete = true;
    }
    while (e->at < rill_core_accounts(core) && seen++ < RILL_EVENTS_ACCOUNTS &&
           count < RILL_EVENTS_TOLD)
        count += look_at(e, core, e->at++, now);
    if (e->at >= rill_core_accounts(core)) {
        e->at = 0;
        e->first_round = e->first_round && !e->complete;
    }
    if (now.mono_ns - e->totals.at_ns >= RILL_EVENTS_EVERY)
        tell_node(e, core, now);
}

/* ---- reading ---- */

uint64_t rill_events_end(const rill_events *e)
{
    return e->next;
}

void rill_events_id(const rill_events *e, uint64_t number, char out[RILL_EVENTS_ID])
{
    (void)snprintf(out, RILL_EVENTS_ID, "%" PRIx64 ".%" PRIu64, e->run, number);
}

uint64_t rill_events_after(const rill_events *e, rill_bytes id)
{
    char run[RILL_EVENTS_ID];
    uint64_t number = 0;
    int len = snprintf(run, sizeof run, "%" PRIx64 ".", e->run);
    if (len < 0 || id.len <= (size_t)len || id.len >= (size_t)len + 20 ||
        memcmp(id.data, run, (size_t)len) != 0)
        return OF_EARLIER;
    for (size_t i = (size_t)len; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9')
            return OF_EARLIER;
        number = number * 10 + (uint64_t)(id.data[i] - '0');
    }
    return number >= e->next ? OF_EARLIER : number + 1;
}

bool rill_events_next(rill_events *e, uint64_t *cursor, rill_event *out)
{
    if (*cursor < e->first) {
        if (*cursor == OF_EARLIER)
            (void)snprintf(e->lost, sizeof e->lost, "{\"events\":null}");
        else
            (void)snprintf(e->lost, sizeof e->lost, "{\"events\":%" PRIu64 "}", e->first - *cursor);
        *out = (rill_event){0, "lost", e->lost};
        *cursor = e->first;
        return true;
    }
    if (*cursor >= e->next)
        return false;
    const kept_event *k = e->ring[*cursor % RILL_EVENTS_KEPT];
    *out = (rill_event){*cursor, k->name, k->data};
    ++*cursor;
    return true;
}

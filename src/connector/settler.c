/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/settler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/secret.h"
#include "connector/settler_impl.h"
#include "crypto/crypto.h"

void rill_settler_init(rill_settler *s, const rill_settler_options *options)
{
    *s = (rill_settler){.options = *options};
    rill_list_init(&s->all);
    rill_list_init(&s->waiting);
    rill_heap_init(&s->timers, options->allocator);
    rill_map_init(&s->by_id, options->allocator, options->seed);
    rill_map_init(&s->by_key, options->allocator, options->seed + 1);
}

void rill_settler_clear(rill_settler *s)
{
    const rill_allocator *allocator = s->options.allocator;
    while (!rill_list_empty(&s->all)) {
        rill_settling *a = RILL_CONTAINER(s->all.next, rill_settling, linked);
        rill_list_remove(&a->linked);
        rill_settler_clear_in(s, a);
        rill_settler_free_terms(s, &a->terms);
        rill_settler_free_terms(s, &a->fresh);
        rill_settler_free_terms(s, &a->before[0]);
        rill_settler_free_terms(s, &a->before[1]);
        rill_free(allocator, a->kept_tokens);
        rill_free(allocator, a->kept_terms);
        rill_free(allocator, a->name);
        rill_free(allocator, a);
    }
    while (s->engines != NULL) {
        rill_engine *engine = s->engines;
        s->engines = engine->next;
        rill_free(allocator, engine);
    }
    rill_heap_clear(&s->timers);
    rill_map_clear(&s->by_id);
    rill_map_clear(&s->by_key);
}

/* ---- engines and accounts ---- */

static int know_amount(const rill_store_settlement *row, rill_exact *out)
{
    rill_quantity q;
    int rc = rill_quantity_of(&q, row->amount, strlen(row->amount), row->scale);
    /* Scales of what is left count from the account's: rill_settler_put_left. */
    if (rc == RILL_OK)
        rc = rill_exact_of(out, &q, 0);
    return rc == RILL_OK ? RILL_OK : RILL_ERR_MALFORMED;
}

static int know_out(rill_settler *s, rill_settling *a, const rill_store_settlement *row)
{
    rill_exact amount;
    int rc = know_amount(row, &amount);
    if (rc != RILL_OK || strlen(row->key) > RILL_SETTLE_KEY || amount.digits != 0)
        return RILL_ERR_MALFORMED;
    a->of = rill_settler_engine(s, row->engine);
    a->asked = amount.units;
    a->begun_ms = row->at_ms;
    (void)snprintf(a->key, sizeof a->key, "%s", row->key);
    return a->of == NULL ? RILL_ERR_NOMEM : RILL_OK;
}

int rill_settler_know(rill_settler *s, const rill_store_settlement *row, uint64_t mono_ns)
{
    rill_settling *a = rill_settler_find(s, row->account);
    if (a == NULL)
        a = rill_settler_make(s, row->account);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    switch (row->kind) {
    case RILL_SETTLEMENT_OUT:
        return know_out(s, a, row);
    case RILL_SETTLEMENT_IN:
        return rill_settler_know_in(s, a, row, mono_ns);
    case RILL_SETTLEMENT_LEFT_OUT:
        return know_amount(row, &a->left_out);
    case RILL_SETTLEMENT_LEFT_IN:
        return know_amount(row, &a->left_in);
    case RILL_SETTLEMENT_ENGINE:
        a->known = rill_settler_engine(s, row->engine);
        a->forgotten = strcmp(row->amount, "1") == 0;
        return a->known == NULL ? RILL_ERR_NOMEM : RILL_OK;
    }
    return RILL_ERR_MALFORMED;
}

static rill_settle_step next_step(const rill_settling *a)
{
    if (a->call != 0 || a->name == NULL)
        return RILL_SETTLE_NOTHING;
    if (a->of != NULL) {
        if (a->group != 0)
            return RILL_SETTLE_NOTHING;
        return a->known == a->of && !a->forgotten ? RILL_SETTLE_PAY : RILL_SETTLE_SETUP;
    }
    if (a->known != NULL && a->known != a->terms.engine)
        return RILL_SETTLE_DELETE;
    return a->terms.engine != NULL && (a->known == NULL || a->forgotten) ? RILL_SETTLE_SETUP
                                                                         : RILL_SETTLE_NOTHING;
}

/* Something is to be settled, and nothing else is: as soon as the engine may be asked again. */
static bool may_begin(const rill_settler *s, const rill_settling *a)
{
    return a->due && a->of == NULL && !s->paused && a->terms.engine != NULL && a->balance != NULL;
}

void rill_settler_arm(rill_settler *s, rill_settling *a)
{
    uint64_t at = next_step(a) != RILL_SETTLE_NOTHING ? a->retry_at : RILL_NEVER;
    if (may_begin(s, a) && a->rest_until < at)
        at = a->rest_until;
    rill_heap_move(&s->timers, &a->timer, at);
    if (at != RILL_NEVER)
        s->options.soon(s->options.user);
}

int rill_settler_attach(rill_settling **out, rill_settler *s, rill_balance_id id, const char *name,
                        uint8_t scale, rill_balance *balance)
{
    rill_settling *a = rill_settler_find(s, id);
    if (a == NULL)
        a = rill_settler_make(s, id);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    if (a->name == NULL) {
        size_t size = strlen(name) + 1;
        a->name = rill_alloc(s->options.allocator, size);
        if (a->name == NULL)
            return RILL_ERR_NOMEM;
        memcpy(a->name, name, size);
    }
    a->scale = scale;
    if (balance != NULL)
        a->balance = balance;
    rill_settler_arm(s, a);
    *out = a;
    return RILL_OK;
}

void rill_settler_detach(rill_settling *a)
{
    a->balance = NULL;
}

int rill_settler_prepare(rill_settler *s, rill_settling *a, const rill_settler_wanted *wanted)
{
    return rill_settler_set_terms(s, &a->fresh, wanted);
}

void rill_settler_agree(rill_settler *s, rill_settling *a, rill_now now)
{
    rill_settle_terms old = a->terms;
    a->terms = a->fresh;
    a->fresh = (rill_settle_terms){.engine = NULL};
    if (old.engine != a->terms.engine) {
        a->wait = 0;
        a->rest_until = 0;
        a->retry_at = now.mono_ns;
    }
    if (old.engine != NULL && old.engine != a->terms.engine) {
        /* An engine is told what is over with its own token, and no other's. */
        rill_settler_keep_before(s, a, &old);
    } else {
        rill_settler_free_terms(s, &old);
    }
    if (a->balance != NULL)
        rill_settler_give_back(s, a, a->balance, now);
    if (rill_settler_has_new_terms(s, a)) {
        a->due = rill_settling_is_due(a);
        rill_settler_keep_terms(s, a, now.wall_ms);
    }
    rill_settler_keep_tokens(s, a, now.wall_ms);
    rill_settler_begin_due(s, a, now);
}

void rill_settler_forget(rill_settler *s, rill_settling *a)
{
    rill_settler_free_terms(s, &a->fresh);
}

/* ---- rows ---- */

/* Of a settlement, for the audit. No memory: it is in the log. */
static void note(const rill_settler *s, const rill_settling *a, uint64_t wall_ms, const char *what)
{
    char who[RILL_ENGINE_MAX + 20];
    (void)snprintf(who, sizeof who, "engine %s", a->of->url);
    int rc = rill_clerk_note(s->options.clerk, a->id, wall_ms, who, what);
    (void)rc;
}

/* ---- a settlement begins ---- */

/* 10^digits; 0: more than an amount can have. */
static uint64_t power(unsigned digits)
{
    uint64_t all = 1;
    for (unsigned i = 0; i < digits; i++) {
        if (all > UINT64_MAX / 10)
            return 0;
        all *= 10;
    }
    return all;
}

/*
 * What the engine is asked for, in amounts that it can settle: all that is owed above settle_to,
 * with what is left of those before. And what of that is taken from the balance. False: nothing.
 */
static bool find_amounts(const rill_settling *a, uint64_t *debit, uint64_t *asked)
{
    const rill_settle_terms *t = &a->terms;
    const uint64_t left = a->left_out.units;
    rill_i128 over;
    if (!rill_wide_sum(a->balance->booked, rill_wide_signed(rill_wide(left)), &over) ||
        !rill_wide_sum(over, rill_wide_negate(rill_wide_signed(rill_wide(t->settle_to))), &over) ||
        rill_wide_negative(over))
        return false;
    uint64_t step = t->scale < a->scale ? power(a->scale - t->scale) : 1;
    *asked = rill_wide_sat(rill_wide_bits(over));
    *asked -= step == 0 ? *asked : *asked % step;
    *debit = rill_sub_sat(*asked, left);
    return *asked > 0;
}

/* All of it in one batch, or nothing. */
static int write_begun(const rill_settler *s, const rill_settling *a, const char *key,
                       uint64_t debit, uint64_t asked, const rill_exact *left, uint64_t wall_ms,
                       uint64_t *group)
{
    rill_clerk *clerk = s->options.clerk;
    const rill_clerk_mark mark = rill_clerk_mark_settlements(clerk);
    char who[RILL_ENGINE_MAX + 20];
    char what[120];
    (void)snprintf(who, sizeof who, "engine %s", a->terms.engine->url);
    (void)snprintf(what, sizeof what, "asked for %" PRIu64 ", key %s", asked, key);
    const rill_store_entry entry = {
        .at_ms = wall_ms,
        .kind = RILL_ENTRY_SETTLED_OUT,
        .amount = debit,
        .who = who,
        .note = what,
        .key = "",
    };
    int rc = rill_settler_put_out(s, a, key, asked, a->terms.engine->url, wall_ms, false);
    if (rc == RILL_OK)
        rc = rill_settler_put_left(s, a, RILL_SETTLEMENT_LEFT_OUT, left);
    if (rc == RILL_OK)
        rc = rill_clerk_enter(clerk, a->balance, &entry, group);
    if (rc != RILL_OK)
        rill_clerk_unput_settlements(clerk, mark);
    return rc;
}

static bool begin(rill_settler *s, rill_settling *a, uint64_t debit, uint64_t asked, rill_now now)
{
    char key[RILL_SETTLE_KEY + 1];
    rill_exact left = a->left_out;
    uint64_t group = 0;
    left.units = left.units + debit - asked;
    int rc = rill_settler_make_key(s, key);
    if (rc == RILL_OK)
        rc = write_begun(s, a, key, debit, asked, &left, now.wall_ms, &group);
    if (rc != RILL_OK) {
        rill_log_account_line(s->options.log, RILL_LOG_WARNING, a->name,
                              "cannot be settled now: %s", rill_strerror(rc));
        return false;
    }
    memcpy(a->key, key, sizeof a->key);
    a->of = a->terms.engine;
    a->asked = asked;
    a->begun_ms = now.wall_ms;
    a->left_out = left;
    a->group = group;
    rill_list_push_back(&s->waiting, &a->waiting);
    rill_log_account_line(s->options.log, RILL_LOG_INFO, a->name,
                          "%" PRIu64 " units are to be settled by %s, key %s", asked, a->of->url,
                          key);
    s->options.soon(s->options.user);
    return true;
}

void rill_settler_begin_due(rill_settler *s, rill_settling *a, rill_now now)
{
    uint64_t debit;
    uint64_t asked;
    /* An engine that did not take what it was asked for is not asked for the rest at once. */
    if (may_begin(s, a) && now.mono_ns >= a->rest_until) {
        a->due = rill_settling_is_due(a) && find_amounts(a, &debit, &asked) &&
                 !begin(s, a, debit, asked, now);
        if (a->due)
            a->rest_until = now.mono_ns + RILL_SETTLE_FIRST_WAIT;
    }
    if (a->kept_terms != NULL && (a->kept_terms[0] == '1') != a->due)
        rill_settler_keep_terms(s, a, now.wall_ms);
    rill_settler_arm(s, a);
}

void rill_settler_look(rill_settler *s, rill_settling *a, rill_now now)
{
    if (!rill_settling_is_due(a) || (a->due && (!may_begin(s, a) || now.mono_ns < a->rest_until)))
        return;
    a->due = true;
    rill_settler_begin_due(s, a, now);
}

void rill_settler_pause(rill_settler *s, bool paused)
{
    s->paused = paused;
    for (rill_list *at = s->all.next; at != &s->all; at = at->next) {
        rill_settling *a = RILL_CONTAINER(at, rill_settling, linked);
        if (a->due)
            rill_settler_arm(s, a);
    }
}

void rill_settler_kept(rill_settler *s, uint64_t group, uint64_t mono_ns)
{
    while (!rill_list_empty(&s->waiting)) {
        rill_settling *a = RILL_CONTAINER(s->waiting.next, rill_settling, waiting);
        if (a->group > group)
            return;
        rill_list_remove(&a->waiting);
        a->group = 0;
        a->retry_at = mono_ns;
        rill_settler_arm(s, a);
    }
}

/* ---- asking ---- */

/* One bit is left for others. */
uint64_t rill_settler_next_id(rill_settler *s, const rill_settling *a)
{
    s->serial = (s->serial + 1) & INT32_MAX;
    return (uint64_t)s->serial << 32 | a->id;
}

rill_settling *rill_settler_find_call(const rill_settler *s, uint64_t id)
{
    return rill_settler_find(s, (rill_balance_id)id);
}

/* In ASCII: a text that is cut would else end in the middle of a character. */
static void keep_problem(rill_settling *a, const char *problem)
{
    (void)snprintf(a->problem, sizeof a->problem, "%s", problem);
    for (char *c = a->problem; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}

/* Again later: at last once an hour, and never all accounts of an engine at once. */
static void fail(rill_settler *s, rill_settling *a, const char *problem, uint64_t mono_ns)
{
    static const char *const what[] = {"", "is told of the account", "is asked to settle",
                                       "is told that the account is gone"};
    uint64_t random = 0;
    int rc = s->options.random(s->options.user, (uint8_t *)&random, sizeof random);
    (void)rc; /* then it is the shortest wait */
    a->wait = a->wait == 0 ? RILL_SETTLE_FIRST_WAIT : a->wait * 2;
    if (a->wait > RILL_SETTLE_LONGEST_WAIT)
        a->wait = RILL_SETTLE_LONGEST_WAIT;
    a->retry_at = mono_ns + a->wait / 2 + random % (a->wait / 2 + 1);
    a->tries++;
    a->failures++;
    keep_problem(a, problem);
    rill_log_account_line(s->options.log, a->tries == 1 ? RILL_LOG_WARNING : RILL_LOG_INFO, a->name,
                          "the engine %s %s again in %" PRIu64 " s: %s", a->asks->url,
                          what[a->step], (a->retry_at - mono_ns) / RILL_SECOND, a->problem);
    a->step = RILL_SETTLE_NOTHING;
    rill_settler_arm(s, a);
}

static void succeed(rill_settler *s, rill_settling *a, uint64_t mono_ns)
{
    if (a->tries > 0)
        rill_log_account_line(s->options.log, RILL_LOG_INFO, a->name, "the engine answers again");
    a->tries = 0;
    a->wait = 0;
    a->problem[0] = '\0';
    a->retry_at = mono_ns;
    a->step = RILL_SETTLE_NOTHING;
    rill_settler_arm(s, a);
}

/* Another account of this name has this engine: its scale is another. */
static bool is_shared(const rill_settler *s, const rill_settling *a)
{
    for (const rill_list *at = s->all.next; at != &s->all; at = at->next) {
        const rill_settling *other = RILL_CONTAINER(at, rill_settling, linked);
        if (other != a && other->name != NULL && strcmp(other->name, a->name) == 0 &&
            (other->terms.engine == a->asks || other->of == a->asks))
            return true;
    }
    return false;
}

/* From now on it may have forgotten the account, whatever comes of the call, and of this node. */
static void begin_to_forget(const rill_settler *s, rill_settling *a)
{
    if (!a->forgotten && rill_settler_put_engine(s, a, a->known->url, true, 0) == RILL_OK)
        s->options.soon(s->options.user);
    a->forgotten = true;
}

static void ask(rill_settler *s, rill_settling *a, uint64_t mono_ns)
{
    char path[RILL_SETTLE_PATH];
    char body[RILL_QUANTITY_JSON];
    rill_engine_call call = {.method = NULL};
    a->step = next_step(a);
    a->asks = a->of != NULL ? a->of : a->step == RILL_SETTLE_DELETE ? a->known : a->terms.engine;
    if (a->step == RILL_SETTLE_DELETE && is_shared(s, a)) {
        /* That one needs it. */
        a->known = NULL;
        if (rill_settler_put_engine(s, a, NULL, false, 0) == RILL_OK)
            s->options.soon(s->options.user);
        rill_settler_arm(s, a);
        return;
    }
    rill_settler_describe(a, &call, path, body);
    call.id = a->call = rill_settler_next_id(s, a);
    int rc = s->options.call(s->options.user, &call);
    if (rc == RILL_OK) {
        s->open++;
        if (a->step == RILL_SETTLE_DELETE)
            begin_to_forget(s, a);
        rill_settler_arm(s, a);
        return;
    }
    a->call = 0;
    fail(s, a, rill_strerror(rc), mono_ns);
}

static void take_step(rill_settler *s, rill_settling *a, rill_now now)
{
    rill_settler_begin_due(s, a, now);
    if (next_step(a) != RILL_SETTLE_NOTHING && a->retry_at <= now.mono_ns)
        ask(s, a, now.mono_ns);
}

void rill_settler_turn(rill_settler *s, rill_now now)
{
    uint64_t was;
    for (rill_timer *due; s->open < RILL_SETTLE_CALLS &&
                          (due = rill_heap_due(&s->timers, now.mono_ns, &was)) != NULL;)
        take_step(s, RILL_CONTAINER(due, rill_settling, timer), now);
}

uint64_t rill_settler_deadline(const rill_settler *s)
{
    /* The end of a call is the time for what waits for one. */
    return s->open < RILL_SETTLE_CALLS ? rill_heap_deadline(&s->timers) : RILL_NEVER;
}

/* ---- what engines answer ---- */

/* It says that it has taken so much. False: that cannot be written, and it is asked again. */
static bool end_settlement(rill_settler *s, rill_settling *a, const rill_exact *taken, rill_now now)
{
    rill_clerk *clerk = s->options.clerk;
    const rill_clerk_mark mark = rill_clerk_mark_settlements(clerk);
    const rill_exact asked = rill_exact_units(a->asked);
    rill_exact rest;
    rill_exact left = a->left_out;
    char what[160];
    bool lies = rill_exact_sub(&rest, &asked, taken) != RILL_OK;
    if (lies)
        rest = rill_exact_units(0);
    int rc = rill_exact_add(&left, &left, &rest);
    if (rc == RILL_OK)
        rc = rill_settler_put_out(s, a, a->key, 0, "", 0, true);
    if (rc == RILL_OK)
        rc = rill_settler_put_left(s, a, RILL_SETTLEMENT_LEFT_OUT, &left);
    if (rc != RILL_OK) {
        rill_clerk_unput_settlements(clerk, mark);
        return false;
    }
    bool all = rill_exact_is_zero(&rest);
    (void)snprintf(what, sizeof what, "took %s of %" PRIu64 ", key %s",
                   lies  ? "more than it was asked for, it says,"
                   : all ? "all"
                         : "less",
                   a->asked, a->key);
    note(s, a, now.wall_ms, what);
    rill_log_account_line(s->options.log, lies || !all ? RILL_LOG_WARNING : RILL_LOG_INFO, a->name,
                          "the engine %s %s%s", a->of->url, what,
                          !lies && !all ? "; the rest is added to the next" : "");
    a->left_out = left;
    a->of = NULL;
    a->key[0] = '\0';
    rill_settler_keep_tokens(s, a, now.wall_ms);
    a->units_out = rill_add_sat(a->units_out, rill_sub_sat(a->asked, rest.units));
    return true;
}

static void answered_pay(rill_settler *s, rill_settling *a, const rill_engine_answer *answer,
                         rill_now now)
{
    rill_exact taken;
    const rill_exact asked = rill_exact_units(a->asked);
    rill_exact rest;
    const char *problem = rill_settler_find_taken(a, answer, &taken);
    if (problem == NULL && !end_settlement(s, a, &taken, now))
        problem = "out of memory";
    if (problem != NULL) {
        fail(s, a, problem, now.mono_ns);
        return;
    }
    if (rill_exact_sub(&rest, &asked, &taken) == RILL_OK && !rill_exact_is_zero(&rest)) {
        uint64_t wait = a->wait == 0 ? RILL_SETTLE_FIRST_WAIT : a->wait * 2;
        succeed(s, a, now.mono_ns);
        a->wait = wait < RILL_SETTLE_LONGEST_WAIT ? wait : RILL_SETTLE_LONGEST_WAIT;
        a->rest_until = now.mono_ns + a->wait;
        a->due = a->due || (rest.units > 0 && rill_settling_is_due(a));
    } else {
        succeed(s, a, now.mono_ns);
    }
    if (a->balance != NULL)
        rill_settler_give_back(s, a, a->balance, now);
    s->options.soon(s->options.user);
    rill_settler_begin_due(s, a, now);
}

void rill_settler_answered(rill_settler *s, rill_settling *a, uint64_t id,
                           const rill_engine_answer *answer, rill_now now)
{
    char text[RILL_SETTLE_REFUSAL];
    const rill_engine *fresh;
    if (a->call != id)
        return;
    a->call = 0;
    s->open--;
    s->options.soon(s->options.user);
    const char *problem = rill_settler_find_refusal(a, answer, text);
    if (a->step == RILL_SETTLE_PAY && answer->status == 404)
        a->forgotten = true;
    if (problem != NULL && a->step == RILL_SETTLE_DELETE && a->terms.engine != NULL &&
        a->terms.engine != a->asks) {
        rill_log_account_line(s->options.log, RILL_LOG_WARNING, a->name,
                              "the engine %s is not told that the account is gone: %s",
                              a->asks->url, problem);
        a->tries = 0;
        problem = NULL; /* its successor does not wait for it */
    }
    if (problem != NULL) {
        fail(s, a, problem, now.mono_ns);
        return;
    }
    if (a->step == RILL_SETTLE_PAY) {
        answered_pay(s, a, answer, now);
        return;
    }
    fresh = a->step == RILL_SETTLE_DELETE ? NULL : a->asks;
    if (rill_settler_put_engine(s, a, fresh == NULL ? NULL : fresh->url, false, now.wall_ms) !=
        RILL_OK) {
        fail(s, a, "out of memory", now.mono_ns);
        return;
    }
    /* Only its answer to what is outstanding says if it goes on: it may forget the account again.
     */
    const bool goes_on = a->step != RILL_SETTLE_SETUP || !a->forgotten || a->of == NULL;
    a->known = fresh;
    a->forgotten = false;
    rill_settler_keep_tokens(s, a, now.wall_ms);
    s->options.soon(s->options.user);
    if (goes_on) {
        succeed(s, a, now.mono_ns);
        return;
    }
    a->step = RILL_SETTLE_NOTHING;
    a->retry_at = now.mono_ns;
    rill_settler_arm(s, a);
}

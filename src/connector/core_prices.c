/* SPDX-License-Identifier: Apache-2.0 */
/* Prices that come while a connector runs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/core_impl.h"

/* ---- the service ---- */

const rill_rate_feed *rill_core_rate_feed(const rill_core *c)
{
    return &c->prices.feed;
}

uint64_t rill_core_rates_deadline(const rill_core *c)
{
    uint64_t deadline = c->prices.feed.due;
    for (size_t i = 0; i < c->prices.entered_count; i++) {
        const core_entered *e = &c->prices.entered[i];
        const rill_price *used = rill_rates_price(&c->rates, e->code);
        /* One that is over and has none behind it stays, so that it is said to be too old. */
        if (used != NULL && used->kind == RILL_PRICE_ENTERED && e->good_until < deadline &&
            rill_core_now(c).mono_ns < e->good_until)
            deadline = e->good_until;
    }
    return deadline;
}

bool rill_core_rates_turn(rill_core *c, uint64_t *ticket)
{
    const rill_now now = rill_core_now(c);
    bool over = false;
    const char *problem;
    rill_rates fresh;
    for (size_t i = 0; i < c->prices.entered_count; i++) {
        const rill_price *used = rill_rates_price(&c->rates, c->prices.entered[i].code);
        over = over || (used != NULL && used->kind == RILL_PRICE_ENTERED &&
                        !rill_rates_is_new(used->good_until, used->good_until_ms, now));
    }
    if (over && rill_core_compose_rates(c, &fresh, &problem) == RILL_OK)
        rill_core_use_rates(c, &fresh); /* without memory it is too old, and later is tried again */
    bool ask = rill_rate_feed_ask(&c->prices.feed, now.mono_ns);
    if (ask)
        c->prices.asked_ms = now.wall_ms;
    *ticket = c->prices.feed.ticket;
    return ask;
}

/* Says it once, and again when it is another problem, or is over. */
static void say_problem(const rill_core *c, const char *before)
{
    const char *problem = c->prices.feed.problem;
    if (problem[0] == '\0' && before[0] != '\0')
        rill_log_line(&c->options.log, RILL_LOG_WARNING, "prices come again");
    else if (strcmp(problem, before) != 0)
        rill_log_line(&c->options.log, RILL_LOG_WARNING, "prices: %s", problem);
}

static void fail(rill_core *c, const char *problem)
{
    rill_rate_feed *feed = &c->prices.feed;
    char before[RILL_FEED_PROBLEM];
    memcpy(before, feed->problem, sizeof before);
    rill_rate_feed_failed(feed, problem, rill_core_now(c));
    say_problem(c, before);
}

void rill_core_rates_failed(rill_core *c, uint64_t ticket, const char *problem)
{
    if (rill_rate_feed_expects(&c->prices.feed, ticket))
        fail(c, problem);
}

void rill_core_rates_again(rill_core *c, uint64_t ticket)
{
    if (rill_rate_feed_expects(&c->prices.feed, ticket))
        c->prices.feed.due = rill_core_now(c).mono_ns;
}

static const rill_rate_line *find_line(const rill_rate_answer *answer, const char *code)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (strcmp(answer->lines[i].code, code) == 0)
            return &answer->lines[i];
    }
    return NULL;
}

/* What is wrong with the price of an asset that needs one; empty: nothing is. */
static void judge_lines(const rill_core *c, const rill_rate_answer *answer, char *out, size_t cap)
{
    const rill_config_rates *rates = &c->options.config->rates;
    out[0] = '\0';
    for (size_t i = 0; i < c->rates.asset_count && out[0] == '\0'; i++) {
        const char *code = c->rates.assets[i].code;
        const rill_rate_line *line = find_line(answer, code);
        if (rill_core_price_is_fixed(rates, code) || rill_core_find_entered(c, code) != NULL)
            continue;
        if (line == NULL)
            (void)snprintf(out, cap, "the answer has no price of %s", code);
        else if (line->problem != NULL)
            (void)snprintf(out, cap, "the price of %s %s", code, line->problem);
    }
}

/* What the answer says, and of those that it says nothing of what was said before. */
static core_quote *merge(const rill_core *c, const rill_rate_answer *answer, size_t *count)
{
    core_quote *all =
        rill_calloc(c->options.allocator, answer->count + c->prices.quote_count + 1, sizeof *all);
    *count = 0;
    for (size_t i = 0; all != NULL && i < answer->count; i++) {
        if (answer->lines[i].problem == NULL)
            all[(*count)++] =
                (core_quote){answer->lines[i], c->prices.feed.asked_at, c->prices.asked_ms};
    }
    for (size_t i = 0; all != NULL && i < c->prices.quote_count; i++) {
        const core_quote *old = &c->prices.quotes[i];
        if (rill_rates_price(&c->rates, old->line.code) == NULL)
            continue; /* no account is held in it */
        const rill_rate_line *line = find_line(answer, old->line.code);
        if (line == NULL || line->problem != NULL)
            all[(*count)++] = *old;
    }
    return all;
}

/* NULL: it was taken. */
static const char *take(rill_core *c, const rill_rate_answer *answer)
{
    core_prices *p = &c->prices;
    const core_prices before = *p;
    size_t count;
    core_quote *all = merge(c, answer, &count);
    if (all == NULL)
        return rill_strerror(RILL_ERR_NOMEM);
    p->quotes = all;
    p->quote_count = count;
    p->feed.good_at = p->feed.asked_at;
    const char *problem;
    rill_rates fresh;
    int rc = rill_core_compose_rates(c, &fresh, &problem);
    if (rc == RILL_OK) {
        rill_core_use_rates(c, &fresh);
        rill_free(c->options.allocator, before.quotes);
        return NULL;
    }
    rill_free(c->options.allocator, all);
    *p = before;
    return rc == RILL_ERR_INVALID ? problem : rill_strerror(rc);
}

void rill_core_rates_answered(rill_core *c, uint64_t ticket, unsigned status, const char *body,
                              size_t len)
{
    char problem[RILL_FEED_PROBLEM];
    char before[RILL_FEED_PROBLEM];
    const char *why = NULL;
    rill_rate_answer answer;
    rill_rate_feed *feed = &c->prices.feed;
    if (!rill_rate_feed_expects(feed, ticket))
        return;
    if (status != 200) {
        (void)snprintf(problem, sizeof problem, "the service answered with status %u%s", status,
                       status >= 300 && status < 400 ? ", to another URL, which is not followed"
                                                     : "");
        fail(c, problem);
        return;
    }
    int rc = rill_rate_answer_read(&answer, c->options.allocator, body, len,
                                   c->options.config->rates.base, &why);
    if (rc != RILL_OK) {
        fail(c, why);
        return;
    }
    judge_lines(c, &answer, problem, sizeof problem);
    why = take(c, &answer);
    rill_rate_answer_clear(&answer);
    if (why != NULL) {
        fail(c, why);
        return;
    }
    memcpy(before, feed->problem, sizeof before);
    rill_rate_feed_taken(feed, problem, rill_core_now(c));
    say_problem(c, before);
}

/* ---- the API ---- */

static int enter(rill_core *c, const core_entered *fresh)
{
    core_prices *p = &c->prices;
    core_entered *e = rill_core_find_entered(c, fresh->code);
    if (e != NULL) {
        *e = *fresh;
        return RILL_OK;
    }
    if (p->entered_count == RILL_ENTERED_MAX)
        return RILL_ERR_LIMIT;
    e = rill_realloc_array(c->options.allocator, p->entered, p->entered_count + 1, sizeof *e);
    if (e == NULL)
        return RILL_ERR_NOMEM;
    p->entered = e;
    e[p->entered_count++] = *fresh;
    return RILL_OK;
}

static void remove_entered(rill_core *c, const char *code)
{
    core_prices *p = &c->prices;
    core_entered *e = rill_core_find_entered(c, code);
    *e = p->entered[--p->entered_count];
}

/* All is as before but for the order. */
static void undo(rill_core *c, const core_entered *fresh, bool was, const core_entered *before)
{
    core_entered *e = rill_core_find_entered(c, fresh->code);
    if (was && e != NULL)
        *e = *before;
    else if (was)
        c->prices.entered[c->prices.entered_count++] = *before;
    else if (e != NULL)
        remove_entered(c, fresh->code);
}

static int note_price(rill_core *c, const core_entered *fresh, uint64_t good_for)
{
    char what[RILL_ENTRY_TEXT_MAX + 1];
    char until[48] = "";
    if (good_for != RILL_NEVER)
        (void)snprintf(until, sizeof until, " for %llu s",
                       (unsigned long long)(good_for / RILL_SECOND));
    if (fresh->price.num == 0)
        (void)snprintf(what, sizeof what, "price of %s taken away", fresh->code);
    else
        (void)snprintf(what, sizeof what, "price of %s %llu/%llu%s", fresh->code,
                       (unsigned long long)fresh->price.num, (unsigned long long)fresh->price.den,
                       until);
    return rill_core_note(c, NULL, fresh->who, what);
}

/* ---- prices that are kept ---- */

enum { VALUE = 2 * RILL_ENTRY_TEXT_MAX + 200 };

/* RILL_ERR_NOMEM. e NULL: there is none any more. */
static int keep(rill_core *c, const char *code, const core_entered *e, uint64_t *group)
{
    char value[VALUE] = "";
    if (e != NULL)
        (void)snprintf(value, sizeof value,
                       "%" PRIu64 "/%" PRIu64 "\n%" PRIu64 "\n%" PRIu64 "\n%.31s\n%s", e->price.num,
                       e->price.den, e->at_ms, e->until_ms, c->options.config->rates.base, e->who);
    const rill_store_setting setting = {RILL_SETTING_PRICE, code, value};
    return rill_core_put_setting(c, &setting, group);
}

/* Else it would be back, however old, once its base is used again. */
static void forget_price(rill_core *c, const char *code, const char *base)
{
    char what[RILL_ENTRY_TEXT_MAX + 1];
    uint64_t group;
    (void)snprintf(what, sizeof what, "price of %s taken away: the base is %s now", code,
                   base == NULL ? "none" : base);
    if (keep(c, code, NULL, &group) != RILL_OK || rill_core_note(c, NULL, "node", what) != RILL_OK)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "out of memory: that the price of %s is gone is not in the books", code);
}

void rill_core_forget_entered(rill_core *c, const char *base)
{
    for (size_t i = 0; i < c->prices.entered_count; i++)
        forget_price(c, c->prices.entered[i].code, base);
    c->prices.entered_count = 0;
}

void rill_core_forget_old_prices(rill_core *c)
{
    for (size_t i = 0; i < c->prices.old_count; i++)
        forget_price(c, c->prices.old[i].code, c->options.config->rates.base);
    rill_free(c->options.allocator, c->prices.old);
    c->prices.old = NULL;
    c->prices.old_count = 0;
}

/* Its balances are not known yet, so that the audit cannot be told before the node has begun. */
static int remember_old(rill_core *c, const char *code)
{
    core_prices *p = &c->prices;
    core_old_price *grown =
        rill_realloc_array(c->options.allocator, p->old, p->old_count + 1, sizeof *grown);
    if (grown == NULL)
        return RILL_ERR_NOMEM;
    p->old = grown;
    (void)snprintf(grown[p->old_count++].code, sizeof grown->code, "%s", code);
    return RILL_OK;
}

/* A number that ends with this character. */
static bool take_number(const char **at, char end, uint64_t *out)
{
    char *rest = NULL;
    if (**at < '0' || **at > '9')
        return false;
    *out = strtoull(*at, &rest, 10);
    if (*rest != end)
        return false;
    *at = rest + 1;
    return true;
}

/* False: it is none of ours, or, if *other, in another base. */
static bool read_kept(const rill_core *c, const char *value, core_entered *out, bool *other)
{
    const char *base = c->options.config->rates.base;
    rill_now now = rill_core_now(c);
    const char *at = value;
    if (!take_number(&at, '/', &out->price.num) || !take_number(&at, '\n', &out->price.den) ||
        !take_number(&at, '\n', &out->at_ms) || !take_number(&at, '\n', &out->until_ms))
        return false;
    size_t len = strcspn(at, "\n");
    if (at[len] == '\0' || at[len + 1] == '\0' || out->price.num == 0 || out->price.den == 0)
        return false;
    *other = base == NULL || strlen(base) != len || memcmp(base, at, len) != 0;
    if (*other)
        return false;
    (void)snprintf(out->who, sizeof out->who, "%s", at + len + 1);
    out->good_until = now.mono_ns;
    if (out->until_ms == RILL_NEVER)
        out->good_until = RILL_NEVER;
    else if (out->until_ms > now.wall_ms && (out->until_ms - now.wall_ms) < RILL_NEVER / RILL_MS)
        out->good_until = rill_add_sat(now.mono_ns, (out->until_ms - now.wall_ms) * RILL_MS);
    return true;
}

int rill_core_know_price(rill_core *c, const rill_store_setting *setting)
{
    core_entered e = {.at_ms = 0};
    bool other = false;
    if (strlen(setting->name) > RILL_ASSET_CODE_MAX)
        return RILL_OK;
    if (!read_kept(c, setting->value, &e, &other))
        return other ? remember_old(c, setting->name) : RILL_OK;
    (void)snprintf(e.code, sizeof e.code, "%s", setting->name);
    int rc = enter(c, &e);
    return rc == RILL_ERR_LIMIT ? RILL_OK : rc;
}

/* What was changed in memory is kept, and in the audit. RILL_ERR_NOMEM: it is not. */
static int keep_change(rill_core *c, const core_entered *fresh, bool was,
                       const core_entered *before, uint64_t good_for, uint64_t *group)
{
    uint64_t again;
    int rc = keep(c, fresh->code, fresh->price.num == 0 ? NULL : fresh, group);
    if (rc != RILL_OK)
        return rc;
    rc = note_price(c, fresh, good_for);
    if (rc != RILL_OK && keep(c, fresh->code, was ? before : NULL, &again) != RILL_OK)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "out of memory: the price of %s will be another one after a restart",
                      fresh->code);
    return rc;
}

static int judge_price(const rill_core *c, const char *code, rill_ratio price, const char *who)
{
    const rill_config_rates *rates = &c->options.config->rates;
    if (rates->base == NULL)
        return RILL_ERR_STATE;
    if (code[0] == '\0' || strlen(code) > RILL_ASSET_CODE_MAX || who[0] == '\0' ||
        strlen(who) > RILL_ENTRY_TEXT_MAX || price.den == 0)
        return RILL_ERR_INVALID;
    if (rill_core_price_is_fixed(rates, code))
        return RILL_ERR_EXISTS;
    return price.num == 0 && rill_core_find_entered(c, code) == NULL ? RILL_ERR_NOT_FOUND : RILL_OK;
}

int rill_core_enter_price(rill_core *c, const char *code, rill_ratio price, uint64_t good_for,
                          const char *who, uint64_t *group)
{
    rill_now now = rill_core_now(c);
    core_entered fresh = {.price = price, .at_ms = now.wall_ms, .until_ms = RILL_NEVER};
    fresh.good_until = RILL_NEVER;
    int rc = judge_price(c, code, price, who);
    if (rc != RILL_OK)
        return rc;
    if (good_for != RILL_NEVER) {
        fresh.good_until = rill_add_sat(now.mono_ns, good_for);
        fresh.until_ms = now.wall_ms + good_for / RILL_MS;
    }
    (void)snprintf(fresh.code, sizeof fresh.code, "%s", code);
    (void)snprintf(fresh.who, sizeof fresh.who, "%s", who);
    const core_entered *there = rill_core_find_entered(c, code);
    const core_entered before = there == NULL ? (core_entered){.at_ms = 0} : *there;
    bool was = there != NULL;
    const char *problem;
    rill_rates composed;
    if (price.num != 0)
        rc = enter(c, &fresh);
    else
        remove_entered(c, code);
    if (rc != RILL_OK)
        return rc;
    rc = rill_core_compose_rates(c, &composed, &problem);
    if (rc == RILL_OK) {
        rc = keep_change(c, &fresh, was, &before, good_for, group);
        if (rc == RILL_OK)
            rill_core_use_rates(c, &composed);
        else
            rill_rates_clear(&composed);
    }
    if (rc != RILL_OK)
        undo(c, &fresh, was, &before);
    return rc;
}

void rill_core_price_source(const rill_core *c, const rill_price *price, rill_price_source *out)
{
    const core_entered *e = rill_core_find_entered(c, price->code);
    const core_quote *q = rill_core_find_quote(c, price->code);
    rill_now now = rill_core_now(c);
    *out = (rill_price_source){.at_ms = 0};
    if (price->kind == RILL_PRICE_ENTERED && e != NULL) {
        out->at_ms = e->at_ms;
        out->who = e->who;
        out->age_ns = now.wall_ms > e->at_ms ? (now.wall_ms - e->at_ms) * RILL_MS : 0;
    } else if (price->kind == RILL_PRICE_DATED && q != NULL) {
        out->at_ms = q->asked_ms;
        out->age_ns = now.mono_ns - q->asked_at;
        if (now.wall_ms > q->asked_ms && (now.wall_ms - q->asked_ms) * RILL_MS > out->age_ns)
            out->age_ns = (now.wall_ms - q->asked_ms) * RILL_MS;
    }
}

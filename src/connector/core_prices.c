/* SPDX-License-Identifier: Apache-2.0 */
/* Prices that come while a connector runs. */
#include <stdio.h>
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
    uint64_t now = rill_core_now(c).mono_ns;
    bool over = false;
    const char *problem;
    rill_rates fresh;
    for (size_t i = 0; i < c->prices.entered_count; i++) {
        const rill_price *used = rill_rates_price(&c->rates, c->prices.entered[i].code);
        over =
            over || (used != NULL && used->kind == RILL_PRICE_ENTERED && now >= used->good_until);
    }
    if (over && rill_core_compose_rates(c, &fresh, &problem) == RILL_OK)
        rill_core_use_rates(c, &fresh); /* without memory it is too old, and later is tried again */
    bool ask = rill_rate_feed_ask(&c->prices.feed, now);
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
    rill_now now = rill_core_now(c);
    uint64_t age = now.mono_ns - c->prices.feed.asked_at;
    core_quote *all =
        rill_calloc(c->options.allocator, answer->count + c->prices.quote_count + 1, sizeof *all);
    *count = 0;
    for (size_t i = 0; all != NULL && i < answer->count; i++) {
        if (answer->lines[i].problem == NULL)
            all[(*count)++] = (core_quote){answer->lines[i], c->prices.feed.asked_at,
                                           now.wall_ms - age / RILL_MS};
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

int rill_core_enter_price(rill_core *c, const char *code, rill_ratio price, uint64_t good_for,
                          const char *who)
{
    const rill_config_rates *rates = &c->options.config->rates;
    rill_now now = rill_core_now(c);
    core_entered fresh = {.price = price, .at_ms = now.wall_ms};
    fresh.good_until = good_for == RILL_NEVER ? RILL_NEVER : rill_add_sat(now.mono_ns, good_for);
    if (rates->base == NULL)
        return RILL_ERR_STATE;
    if (code[0] == '\0' || strlen(code) > RILL_ASSET_CODE_MAX || who[0] == '\0' ||
        strlen(who) > RILL_ENTRY_TEXT_MAX || price.den == 0)
        return RILL_ERR_INVALID;
    if (rill_core_price_is_fixed(rates, code))
        return RILL_ERR_EXISTS;
    (void)snprintf(fresh.code, sizeof fresh.code, "%s", code);
    (void)snprintf(fresh.who, sizeof fresh.who, "%s", who);
    const core_entered *there = rill_core_find_entered(c, code);
    const core_entered before = there == NULL ? (core_entered){.at_ms = 0} : *there;
    bool was = there != NULL;
    rill_rates composed;
    int rc = RILL_OK;
    if (price.num != 0)
        rc = enter(c, &fresh);
    else if (!was)
        return RILL_ERR_NOT_FOUND;
    else
        remove_entered(c, code);
    if (rc != RILL_OK)
        return rc;
    const char *problem;
    rc = rill_core_compose_rates(c, &composed, &problem);
    if (rc == RILL_OK) {
        rc = note_price(c, &fresh, good_for);
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
    }
}

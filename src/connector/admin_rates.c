/* SPDX-License-Identifier: Apache-2.0 */
/* Prices, for operators. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/wide_text.h"
#include "connector/admin_answer.h"
#include "connector/core_rates.h"
#include "connector/when.h"

static bool append(json_t **array, json_t *value)
{
    if (*array != NULL && json_array_append_new(*array, value) == 0)
        return true;
    json_decref(*array);
    *array = NULL;
    return false;
}

/* A number, with so many zeros behind it. */
static void put_number(char *out, size_t cap, uint64_t number, int zeros)
{
    (void)snprintf(out, cap, "%" PRIu64 "%0*d", number, zeros, 0);
    if (zeros <= 0)
        (void)snprintf(out, cap, "%" PRIu64, number);
}

/* In lowest terms where 64 bits can hold what the power of ten makes of it. */
static json_t *price_json(const rill_price *price)
{
    char up[90];
    char down[90];
    rill_ratio ratio = price->price;
    int tens = price->tens;
    for (; tens > 0 && ratio.num <= UINT64_MAX / 10; tens--)
        ratio.num *= 10;
    for (; tens < 0 && ratio.den <= UINT64_MAX / 10; tens++)
        ratio.den *= 10;
    uint64_t common = ratio.num == 0 ? 1 : rill_gcd_u64(ratio.num, ratio.den);
    put_number(up, sizeof up, ratio.num / common, tens);
    put_number(down, sizeof down, ratio.den / common, -tens);
    return strcmp(down, "1") == 0 ? json_string(up) : json_sprintf("%s/%s", up, down);
}

/* Millionths, as a part of 1. */
static json_t *part_json(uint32_t millionths)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%" PRIu32 ".%06" PRIu32, millionths / 1000000,
                   millionths % 1000000);
    return json_string(text);
}

static const char *state_of(const rill_price *price, rill_now now)
{
    switch (price->kind) {
    case RILL_PRICE_FIXED:
        return "fixed";
    case RILL_PRICE_NONE:
        return "none";
    case RILL_PRICE_AWAITED:
        return "awaited";
    default:
        return rill_rates_is_new(price->good_until, price->good_until_ms, now) ? "good" : "too old";
    }
}

static const char *source_of(const rill_price *price)
{
    switch (price->kind) {
    case RILL_PRICE_FIXED:
        return "configuration";
    case RILL_PRICE_ENTERED:
        return "api";
    default:
        return "service";
    }
}

static json_t *seconds_json(uint64_t ns)
{
    return json_integer((json_int_t)(ns / RILL_SECOND));
}

/* NULL: the price has no time. */
static json_t *age_json(const rill_core *core, const rill_price *price, const char **who)
{
    rill_price_source source;
    rill_core_price_source(core, price, &source);
    *who = source.who;
    return source.at_ms == 0 ? NULL : seconds_json(source.age_ns);
}

/* Nanoseconds that it is good for, by the clock that ends first. */
static uint64_t left_of(const rill_price *price, rill_now now)
{
    if (!rill_rates_is_new(price->good_until, price->good_until_ms, now))
        return 0;
    uint64_t left = price->good_until - now.mono_ns;
    uint64_t left_ms = price->good_until_ms - now.wall_ms;
    return left_ms < left / RILL_MS ? left_ms * RILL_MS : left;
}

static json_t *one_price_json(const rill_core *core, const rill_price *price, rill_now now)
{
    const char *who = NULL;
    json_t *age = age_json(core, price, &who);
    bool limited = (price->kind == RILL_PRICE_DATED || price->kind == RILL_PRICE_ENTERED) &&
                   price->good_until != RILL_NEVER;
    json_t *left = limited ? seconds_json(left_of(price, now)) : NULL;
    json_t *value = price->kind == RILL_PRICE_AWAITED ? NULL : price_json(price);
    return json_pack("{s:s, s:o?, s:s, s:s, s:o?, s:o?, s:s?}", "code", price->code, "price", value,
                     "state", state_of(price, now), "source", source_of(price), "age", age,
                     "good_for", left, "who", who);
}

/* Without its query, where services want keys. */
static json_t *url_json(const char *url)
{
    return json_stringn(url, strcspn(url, "?"));
}

json_t *rill_admin_price_service(const rill_core *core)
{
    const rill_config_rates *rates = &rill_core_config(core)->rates;
    const rill_rate_feed *feed = rill_core_rate_feed(core);
    const rill_now now = rill_core_now(core);
    char when[RILL_WHEN_TEXT] = "";
    if (rates->url == NULL)
        return NULL;
    bool wrong = feed->problem[0] != '\0';
    if (wrong)
        rill_when_text(feed->problem_ms, when);
    json_t *age = feed->good_at == 0 ? NULL : seconds_json(now.mono_ns - feed->good_at);
    return json_pack("{s:o, s:o?, s:I, s:I, s:s?, s:s?}", "url", url_json(rates->url), "age", age,
                     "taken", (json_int_t)feed->taken, "failed", (json_int_t)feed->failed,
                     "problem", wrong ? feed->problem : NULL, "problem_at", wrong ? when : NULL);
}

/* What so many units bring, for people: of one coin, or of the largest power of ten that fits. */
static json_t *pair_json(const rill_rates *r, size_t from, size_t to, rill_now now)
{
    const rill_pair *pair = &r->pairs[from * r->asset_count + to];
    uint64_t units = 1;
    uint64_t brought = 0;
    const char *state = "good";
    for (unsigned i = 0; i < r->assets[from].scale && units < UINT64_C(1000000000000000000); i++)
        units *= 10;
    if (!rill_rates_is_new(pair->good_until, pair->good_until_ms, now))
        state = pair->good_until == 0 ? "no price" : pair->good_until == 1 ? "awaited" : "too old";
    else if (!rill_convert(&pair->conversion, units, &brought))
        state = "too large";
    char text[RILL_WIDE_TEXT];
    char got[RILL_WIDE_TEXT];
    rill_wide_text(rill_wide(units), text);
    rill_wide_text(rill_wide(brought), got);
    return json_pack("{s:{s:s, s:i}, s:{s:s, s:i}, s:s, s:s, s:s, s:o}", "from", "code",
                     r->assets[from].code, "scale", (int)r->assets[from].scale, "to", "code",
                     r->assets[to].code, "scale", (int)r->assets[to].scale, "units", text, "brings",
                     got, "state", state, "spread", part_json(pair->conversion.spread));
}

void rill_admin_rates(const rill_core *core, rill_admin_answer *out)
{
    const rill_rates *r = rill_core_rates(core);
    const char *base = rill_core_config(core)->rates.base;
    const rill_now now = rill_core_now(core);
    json_t *prices = json_array();
    json_t *pairs = json_array();
    for (size_t i = 0; i < r->price_count; i++) {
        if (!append(&prices, one_price_json(core, &r->prices[i], now)))
            break;
    }
    for (size_t i = 0; i < r->asset_count * r->asset_count; i++) {
        if (i / r->asset_count != i % r->asset_count &&
            !append(&pairs, pair_json(r, i / r->asset_count, i % r->asset_count, now)))
            break;
    }
    /* json_pack gives back what it took where it cannot go on. */
    rill_admin_json(out, 200,
                    json_pack("{s:s?, s:o, s:o?, s:o, s:o}", "base", base, "spread",
                              part_json(r->spread), "service", rill_admin_price_service(core),
                              "prices", prices, "pairs", pairs));
}

/* ---- prices that are entered ---- */

/* NULL: well, or what is wrong. null takes a price away. */
static const char *read_price(const json_t *value, rill_ratio *out)
{
    const char *text = json_string_value(value);
    *out = (rill_ratio){0, 1};
    if (json_is_null(value))
        return NULL;
    if (text == NULL || rill_ratio_parse(text, out) != RILL_OK || out->num == 0)
        return "price must be a string with a number above 0, such as \"1.0842\" or \"3/4\"; or "
               "null";
    return NULL;
}

static const char *read_good_for(const json_t *object, uint64_t *out)
{
    const json_t *value = json_object_get(object, "good_for");
    json_int_t seconds = json_integer_value(value);
    *out = RILL_NEVER;
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_integer(value) || seconds < 1 || seconds > INT32_MAX)
        return "good_for must be a whole number of seconds, at least 1, or null";
    *out = (uint64_t)seconds * RILL_SECOND;
    return NULL;
}

static void answer_entered(rill_admin_answer *out, int rc, const rill_core *core, const char *code)
{
    switch (rc) {
    case RILL_OK:
        rill_admin_rates(core, out);
        break;
    case RILL_ERR_EXISTS:
        rill_admin_refuse(out, 409, "the configuration says what %s is worth", code);
        break;
    case RILL_ERR_STATE:
        rill_admin_refuse(out, 409, "the configuration names no base");
        break;
    case RILL_ERR_NOT_FOUND:
        rill_admin_refuse(out, 404, "no price of %s was entered", code);
        break;
    case RILL_ERR_INVALID:
        rill_admin_refuse(out, 400, "code has 1 to %d bytes, and who at most %d",
                          RILL_ASSET_CODE_MAX, RILL_ENTRY_TEXT_MAX);
        break;
    case RILL_ERR_LIMIT:
        rill_admin_refuse(out, 409, "%d prices are entered already", RILL_ENTERED_MAX);
        break;
    default:
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
        break;
    }
}

void rill_admin_enter_price(rill_core *core, const json_t *object, rill_admin_answer *out)
{
    const char *code = json_string_value(json_object_get(object, "code"));
    const json_t *who = json_object_get(object, "who");
    const char *name = who == NULL ? "api" : json_string_value(who);
    const json_t *value = json_object_get(object, "price");
    rill_ratio price;
    uint64_t good_for;
    const char *problem = code == NULL || strlen(code) > RILL_ASSET_CODE_MAX
                              ? "code must be a string of at most 31 bytes"
                          : name == NULL  ? "who must be a string"
                          : value == NULL ? "price is missing"
                                          : read_price(value, &price);
    if (problem == NULL)
        problem = read_good_for(object, &good_for);
    if (problem != NULL)
        rill_admin_refuse(out, 400, "%s", problem);
    else
        answer_entered(out, rill_core_enter_price(core, code, price, good_for, name, &out->group),
                       core, code);
}

/* ---- metrics ---- */

void rill_admin_price_metrics(const rill_core *core, rill_admin_lines *l)
{
    const rill_rates *r = rill_core_rates(core);
    const rill_rate_feed *feed = rill_core_rate_feed(core);
    const rill_now now = rill_core_now(core);
    rill_admin_line(l, "# HELP rill_connector_price_age_seconds How old a price of the service or "
                       "of the API is.\n# TYPE rill_connector_price_age_seconds gauge\n");
    for (size_t i = 0; i < r->price_count; i++) {
        rill_price_source source;
        char code[80];
        rill_core_price_source(core, &r->prices[i], &source);
        rill_admin_label(r->prices[i].code, code, sizeof code);
        if (source.at_ms != 0)
            rill_admin_line(
                l, "rill_connector_price_age_seconds{asset=\"%s\",source=\"%s\"} %" PRIu64 "\n",
                code, source_of(&r->prices[i]), source.age_ns / RILL_SECOND);
    }
    rill_admin_line(l, "# HELP rill_connector_price_good 1 while the price may be used.\n"
                       "# TYPE rill_connector_price_good gauge\n");
    for (size_t i = 0; i < r->price_count; i++) {
        const rill_price *p = &r->prices[i];
        char code[80];
        bool good = p->kind == RILL_PRICE_FIXED ||
                    ((p->kind == RILL_PRICE_DATED || p->kind == RILL_PRICE_ENTERED) &&
                     rill_rates_is_new(p->good_until, p->good_until_ms, now));
        rill_admin_label(p->code, code, sizeof code);
        rill_admin_line(l, "rill_connector_price_good{asset=\"%s\"} %d\n", code, good ? 1 : 0);
    }
    rill_admin_line(l,
                    "# HELP rill_connector_price_answers_total Answers of the service of prices.\n"
                    "# TYPE rill_connector_price_answers_total counter\n"
                    "rill_connector_price_answers_total{result=\"taken\"} %" PRIu64
                    "\nrill_connector_price_answers_total{result=\"failed\"} %" PRIu64 "\n",
                    feed->taken, feed->failed);
}

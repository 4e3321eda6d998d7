/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pay_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/ratio_text.h"
#include "cli/cli.h"

void cli_money_text(uint64_t units, const char *asset_code, uint8_t asset_scale, char *out,
                    size_t cap)
{
    char decimal[CLI_DECIMAL_SIZE];
    char code[4 * RILL_MAX_ASSET_CODE + 1];
    if (!*asset_code) {
        snprintf(out, cap, "%" PRIu64 " unit%s", units, units == 1 ? "" : "s");
        return;
    }
    cli_decimal_text(units, asset_scale, decimal);
    cli_escape(code, sizeof code, (const uint8_t *)asset_code, strlen(asset_code));
    snprintf(out, cap, "%s %s (%" PRIu64 " unit%s)", decimal, code, units, units == 1 ? "" : "s");
}

rill_ratio cli_whole_rate(rill_ratio rate, const rill_quote_path *path)
{
    int power = (int)path->source_asset_scale - (int)path->destination_asset_scale;
    for (; power != 0; power += power > 0 ? -1 : 1)
        rate =
            rill_ratio_multiply_floor(rate, power > 0 ? (rill_ratio){10, 1} : (rill_ratio){1, 10});
    return rate;
}

static void print_amount(FILE *out, const char *name, const char *before, uint64_t units,
                         const char *code, uint8_t scale)
{
    char text[CLI_MONEY_SIZE];
    cli_money_text(units, code, scale, text, sizeof text);
    fprintf(out, "%-9s %s%s", name, before, text);
}

static void print_also(FILE *out, const char *before, uint64_t units, const char *code,
                       uint8_t scale)
{
    char text[CLI_MONEY_SIZE];
    cli_money_text(units, code, scale, text, sizeof text);
    fprintf(out, ", %s%s", before, text);
}

static void print_rate(FILE *out, const rill_quote_path *path, const rill_quote_terms *terms)
{
    char rate[RILL_RATIO_TEXT], minimum[RILL_RATIO_TEXT];
    char here[4 * RILL_MAX_ASSET_CODE + 1], there[4 * RILL_MAX_ASSET_CODE + 1];
    bool known = *path->destination_asset_code && *path->source_asset_code;
    rill_ratio_text(known ? cli_whole_rate(path->low_rate, path) : path->low_rate, rate);
    rill_ratio_text(known ? cli_whole_rate(terms->min_rate, path) : terms->min_rate, minimum);
    cli_escape(here, sizeof here, (const uint8_t *)path->source_asset_code,
               strlen(path->source_asset_code));
    cli_escape(there, sizeof there, (const uint8_t *)path->destination_asset_code,
               strlen(path->destination_asset_code));
    if (known)
        fprintf(out, "rate      %s %s for 1 %s, at least %s\n", rate, there, here, minimum);
    else
        fprintf(out, "rate      %s units for each unit, at least %s\n", rate, minimum);
}

/* What the path keeps, in units of the receiver's; false where it cannot be told. */
static bool find_fee(const rill_quote_path *path, const rill_quote_terms *terms, rill_ratio price,
                     uint64_t *fee, uint64_t *whole)
{
    bool same = strcmp(path->source_asset_code, path->destination_asset_code) == 0;
    if (!*path->source_asset_code || !*path->destination_asset_code || (price.num == 0 && !same))
        return false;
    rill_ratio fair = price.num != 0 ? price : (rill_ratio){1, 1};
    int power = (int)path->destination_asset_scale - (int)path->source_asset_scale;
    for (; power != 0; power += power > 0 ? -1 : 1)
        fair =
            rill_ratio_multiply_floor(fair, power > 0 ? (rill_ratio){10, 1} : (rill_ratio){1, 10});
    *whole = rill_ratio_floor(fair, terms->likely_source);
    *fee = rill_sub_sat(*whole, terms->likely_delivery);
    return *whole != UINT64_MAX && *whole > 0;
}

static void print_fee(FILE *out, const rill_quote_path *path, const rill_quote_terms *terms,
                      rill_ratio price)
{
    uint64_t fee, whole;
    char part[RILL_RATIO_TEXT];
    if (!find_fee(path, terms, price, &fee, &whole))
        return;
    print_amount(out, "fee", "", fee, path->destination_asset_code, path->destination_asset_scale);
    rill_ratio_text(rill_ratio_multiply_floor((rill_ratio){fee, whole}, (rill_ratio){100, 1}),
                    part);
    fprintf(out, ", %s %%\n", part);
}

void cli_terms_print(FILE *out, const rill_quote_path *path, const rill_quote_terms *terms,
                     rill_ratio price)
{
    const char *here = path->source_asset_code;
    const char *there = path->destination_asset_code;
    print_amount(out, "send", "", terms->likely_source, here, path->source_asset_scale);
    if (terms->max_source != terms->likely_source)
        print_also(out, "at most ", terms->max_source, here, path->source_asset_scale);
    fputc('\n', out);
    print_amount(out, "deliver", "", terms->likely_delivery, there, path->destination_asset_scale);
    if (terms->min_delivery != terms->likely_delivery)
        print_also(out, "at least ", terms->min_delivery, there, path->destination_asset_scale);
    fputc('\n', out);
    print_rate(out, path, terms);
    print_fee(out, path, terms, price);
}

static json_t *ratio_json(rill_ratio ratio)
{
    char text[48];
    if (ratio.den == 0)
        return json_null();
    snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, ratio.num, ratio.den);
    return json_string(text);
}

static json_t *asset_json(const char *code, uint8_t scale)
{
    return *code ? json_pack("{s:o,s:i}", "code", cli_json_text(code), "scale", (int)scale)
                 : json_null();
}

json_t *cli_terms_json(const rill_quote_path *path, const rill_quote_terms *terms)
{
    return json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "event", "quote", "fixed",
        terms->fixed_delivery ? "delivery" : "source", "max_source",
        cli_json_amount(terms->max_source), "min_delivery", cli_json_amount(terms->min_delivery),
        "likely_source", cli_json_amount(terms->likely_source), "likely_delivery",
        cli_json_amount(terms->likely_delivery), "min_rate", ratio_json(terms->min_rate),
        "low_rate", ratio_json(path->low_rate), "high_rate", ratio_json(path->high_rate),
        "max_packet",
        path->max_packet_amount == RILL_UNLIMITED ? json_null()
                                                  : cli_json_amount(path->max_packet_amount),
        "source_asset", asset_json(path->source_asset_code, path->source_asset_scale),
        "destination_asset",
        asset_json(path->destination_asset_code, path->destination_asset_scale));
}

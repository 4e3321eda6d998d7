/* SPDX-License-Identifier: Apache-2.0 */
/* Prices: what there are, and entering one. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"

static void add_price(ctl_table *t, const json_t *price)
{
    char age[40] = "";
    const char *who = ctl_text(price, "who");
    const char *source = ctl_text(price, "source");
    if (json_is_integer(json_object_get(price, "age")))
        ctl_duration_text(ctl_number(price, "age"), age, sizeof age);
    ctl_cell(t, ctl_text(price, "code"));
    ctl_cell(t, ctl_text(price, "price"));
    ctl_cell(t, ctl_text(price, "state"));
    ctl_cell(t, age);
    ctl_cell(t, who[0] == '\0' ? source : who);
}

static void show_rates(const json_t *rates)
{
    size_t i;
    const json_t *one;
    ctl_table *t = ctl_table_new("CODE|>PRICE IN BASE|STATE|>AGE|FROM");
    if (ctl_text(rates, "base")[0] != '\0')
        (void)printf("base %s, spread %s\n", ctl_text(rates, "base"), ctl_text(rates, "spread"));
    ctl_print_price_service(json_object_get(rates, "service"));
    (void)fputc('\n', stdout);
    json_array_foreach(json_object_get(rates, "prices"), i, one) add_price(t, one);
    ctl_table_print(t);
    t = ctl_table_new("FROM|TO|>ONE BRINGS|>SPREAD|STATE");
    json_array_foreach(json_object_get(rates, "pairs"), i, one)
    {
        char text[80];
        const json_t *to = json_object_get(one, "to");
        ctl_asset_text(json_object_get(one, "from"), text, sizeof text);
        ctl_cell(t, text);
        ctl_asset_text(to, text, sizeof text);
        ctl_cell(t, text);
        ctl_cell_units(t, json_object_get(one, "brings"), (unsigned)ctl_number(to, "scale"));
        ctl_cell(t, ctl_text(one, "spread"));
        ctl_cell(t, ctl_text(one, "state"));
    }
    (void)fputc('\n', stdout);
    ctl_table_print(t);
}

/* "90", "90s", "15m", "2h" or "1d": seconds. NULL: none is said. */
static bool read_time(const char *text, json_t **out)
{
    static const struct {
        const char *unit;
        long seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end = NULL;
    *out = NULL;
    if (text == NULL)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    long number = strtol(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out = json_integer((json_int_t)number * units[i].seconds);
            return number > 0;
        }
    }
    return false;
}

static int set_rate(const ctl_args *args)
{
    const char *price = args->operands[2];
    const char *code = args->operands[1];
    json_t *good_for;
    ctl_reply r;
    if (code == NULL || price == NULL) {
        ctl_error(args, "an argument is missing: rillctl rates set CODE PRICE");
        return CTL_USAGE;
    }
    if (!read_time(ctl_value(args, "--for"), &good_for)) {
        json_decref(good_for);
        ctl_error(args, "--for is a time such as 90s, 15m, 2h or 1d, not \"%s\"",
                  ctl_value(args, "--for"));
        return CTL_USAGE;
    }
    json_t *body = json_pack("{s:s, s:s?, s:o?, s:s}", "code", code, "price",
                             strcmp(price, "none") == 0 ? NULL : price, "good_for", good_for, "who",
                             ctl_who(args));
    if (body == NULL) {
        ctl_error(args, "CODE, PRICE and --who must be text in UTF-8");
        return CTL_USAGE;
    }
    int rc = ctl_ask(args, "PUT", "/v1/rates", body, &r);
    if (rc == CTL_DONE && ctl_json(args))
        rc = ctl_print_json(&r);
    else if (rc == CTL_DONE && strcmp(price, "none") == 0)
        (void)printf("the price of %s that was entered is taken away\n", code);
    else if (rc == CTL_DONE)
        (void)printf("one %s is worth %s %s now\n", code, price, ctl_text(r.value, "base"));
    ctl_reply_clear(&r);
    return rc;
}

int ctl_rates(const ctl_args *args)
{
    ctl_reply r;
    const char *verb = args->operands[0];
    if (verb != NULL && strcmp(verb, "set") == 0)
        return set_rate(args);
    if (verb != NULL) {
        ctl_error(args, "there is no \"rates %s\"; there is: rates, rates set", verb);
        return CTL_USAGE;
    }
    int code = ctl_ask(args, "GET", "/v1/rates", NULL, &r);
    if (code == CTL_DONE && ctl_json(args))
        code = ctl_print_json(&r);
    else if (code == CTL_DONE)
        show_rates(r.value);
    ctl_reply_clear(&r);
    return code;
}

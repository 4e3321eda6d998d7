/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/money_option.h"

#include <string.h>

int cli_money_option(const cli_args *args, bool units, const char *name, const char *text,
                     cli_amount_text *out)
{
    int error = units ? cli_amount_text_parse(text, out) : cli_amount_text_parse_whole(text, out);
    if (error == RILL_ERR_RANGE)
        return cli_bad_value(args, name, text, "is too large");
    if (cli_below_zero(text))
        return cli_bad_value(args, name, text, CLI_BELOW_ZERO);
    if (error != RILL_OK)
        return cli_bad_value(args, name, text,
                             units ? "is not a number of units, such as 1500"
                                   : "is not an amount, such as 5 or 0.25 or 1.5XRP");
    if (units && *out->code)
        return cli_bad_value(args, name, text,
                             "is an amount of an asset, and --units says that it is none");
    if (out->whole == 0)
        return cli_bad_value(args, name, text, "is nothing: it must be above 0");
    return CLI_DONE;
}

/* The largest number means that there is no limit. */
static int too_large(const cli_args *args, const char *name)
{
    cli_error(args->command, "%s: it is too large: at most 18446744073709551614 units", name);
    return CLI_USAGE;
}

int cli_money_option_units(const cli_args *args, bool units, const char *name,
                           const cli_amount_text *text, const char *code, uint8_t scale,
                           uint64_t *out)
{
    char shown[4 * RILL_MAX_ASSET_CODE + 1];
    cli_amount_text named = *text;
    if (!text->given || units) {
        *out = text->given ? text->whole : 0;
        return *out == UINT64_MAX ? too_large(args, name) : CLI_DONE;
    }
    if (!*code) {
        cli_error(args->command,
                  "%s: it is not known how large a unit is there: give a number of units with "
                  "--units",
                  name);
        return CLI_USAGE;
    }
    if (!*named.code) /* whole ones of whatever the asset is */
        strncpy(named.code, code, sizeof named.code - 1);
    cli_escape(shown, sizeof shown, (const uint8_t *)code, strlen(code));
    switch (cli_amount_text_units(&named, code, scale, out)) {
    case RILL_OK:
        return *out == UINT64_MAX ? too_large(args, name) : CLI_DONE;
    case RILL_ERR_INVALID:
        cli_error(args->command, "%s: the asset is %s, not %s", name, shown, named.code);
        return CLI_USAGE;
    case RILL_ERR_RANGE:
        return too_large(args, name);
    default:
        cli_error(args->command,
                  "%s: it has too many digits after the point: the scale is %u, so that one unit "
                  "is 10^-%u %s",
                  name, (unsigned)scale, (unsigned)scale, shown);
        return CLI_USAGE;
    }
}

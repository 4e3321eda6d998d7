/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms of quotes, one question a line, in numbers with blanks between:
 *
 *   low rate, high rate, price, slippage, minimum rate: numerator and denominator of each
 *   scale here, scale there, source amount, amount to deliver, most to send
 *
 * answers: error, reason, minimum rate, most to send, least to arrive, likely sent, likely to
 * arrive.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>
#include <rill/quote.h>

enum { NUMBERS = 15 };

static bool read_numbers(uint64_t out[NUMBERS])
{
    char line[1024];
    if (!fgets(line, sizeof line, stdin))
        return false;
    char *at = line;
    for (int i = 0; i < NUMBERS; i++) {
        char *end;
        out[i] = strtoull(at, &end, 10);
        if (end == at) {
            fprintf(stderr, "not a question: %s", line);
            exit(1);
        }
        at = end;
    }
    return true;
}

int main(void)
{
    uint64_t n[NUMBERS];
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    while (read_numbers(n)) {
        rill_quote_path path;
        rill_quote_options options;
        rill_quote_terms terms;
        rill_reason reason;
        rill_quote_path_init(&path);
        rill_quote_options_init(&options);
        path.low_rate = (rill_ratio){n[0], n[1]};
        path.high_rate = (rill_ratio){n[2], n[3]};
        options.price = (rill_ratio){n[4], n[5]};
        options.slippage = (rill_ratio){n[6], n[7]};
        options.min_rate = (rill_ratio){n[8], n[9]};
        path.source_asset_scale = (uint8_t)n[10];
        path.destination_asset_scale = (uint8_t)n[11];
        options.source_amount = n[12];
        options.deliver_amount = n[13];
        options.max_source = n[14];
        strcpy(path.source_asset_code, "ABC");
        strcpy(path.destination_asset_code, "XYZ");
        int error = rill_quote_find_terms(&terms, &path, &options, &reason);
        printf("%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
               rill_error_name(error), rill_reason_name(reason), terms.min_rate.num,
               terms.min_rate.den, terms.max_source, terms.min_delivery, terms.likely_source,
               terms.likely_delivery);
    }
    return 0;
}

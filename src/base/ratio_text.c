/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ratio_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/muldiv.h"

#define MILLION 1000000u
/* Fewer digits than this would say too little. */
#define LEAST 1000u

void rill_ratio_text(rill_ratio ratio, char out[RILL_RATIO_TEXT])
{
    uint64_t millionths = ratio.den != 0 ? rill_ratio_floor(ratio, MILLION) : 0;
    if (millionths == UINT64_MAX || (millionths < LEAST && ratio.num != 0)) {
        snprintf(out, RILL_RATIO_TEXT, "%" PRIu64 "/%" PRIu64, ratio.num, ratio.den);
        return;
    }
    int len = snprintf(out, RILL_RATIO_TEXT, "%" PRIu64 ".%06" PRIu64, millionths / MILLION,
                       millionths % MILLION);
    while (out[len - 1] == '0')
        out[--len] = '\0';
    if (out[len - 1] == '.')
        out[len - 1] = '\0';
}

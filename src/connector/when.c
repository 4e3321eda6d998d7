/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/when.h"

#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

enum { DIGITS = 17 }; /* of RFC 30: YYYYMMDDHHMMSSmmm */

/* How far a text may go, and where it may end: after the day, the minute, the second, or all. */
static const char form[] = "0000-00-00T00:00:00.000";

static bool may_end(size_t len)
{
    return len == 10 || len == 16 || len == 19 || len == 23;
}

bool rill_when_parse(const char *text, uint64_t *out)
{
    uint8_t digits[DIGITS];
    size_t count = 0;
    size_t len = strlen(text);
    if (len > 10 && text[len - 1] == 'Z')
        len--;
    if (!may_end(len))
        return false;
    memset(digits, '0', sizeof digits);
    for (size_t i = 0; i < len; i++) {
        if (form[i] != '0') {
            if (text[i] != form[i])
                return false;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            return false;
        digits[count++] = (uint8_t)text[i];
    }
    return rill_ilp_time_decode(digits, out) == RILL_OK;
}

void rill_when_text(uint64_t ms, char out[RILL_WHEN_TEXT])
{
    uint8_t digits[DIGITS];
    size_t count = 0;
    memcpy(out, "9999-12-31T23:59:59.999Z", 25);
    if (rill_ilp_time_encode(ms, digits) != RILL_OK)
        return; /* after the last that can be written */
    for (size_t i = 0; form[i] != '\0'; i++)
        out[i] = form[i] == '0' ? (char)digits[count++] : form[i];
}

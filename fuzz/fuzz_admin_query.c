/* SPDX-License-Identifier: Apache-2.0 */
/* What operators write into a URL: queries, and points in time. */
#include "connector/admin_answer.h"
#include "connector/when.h"
#include "fuzz.h"

static void check_time(const char *text)
{
    uint64_t ms = 0;
    uint64_t again = 0;
    char written[RILL_WHEN_TEXT];
    if (!rill_when_parse(text, &ms))
        return;
    rill_when_text(ms, written);
    CHECK(rill_when_parse(written, &again) && again == ms);
    /* What was left out is zero; what was written is the same. */
    size_t len = strlen(text);
    CHECK(strncmp(text, written, text[len - 1] == 'Z' ? len - 1 : len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"from", "to", "step", "format"};
    for (size_t cap = 1; cap <= 40; cap += 13) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char value[40] = "untouched";
            bool there = rill_admin_query((rill_bytes){data, size}, names[i], value, cap);
            CHECK(there || strcmp(value, "untouched") == 0);
            CHECK(!there || strlen(value) < cap);
            if (there)
                check_time(value);
        }
    }
    return 0;
}

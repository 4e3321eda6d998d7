/* SPDX-License-Identifier: Apache-2.0 */
/* What operators write into a URL: queries, and points in time; and names in header fields. */
#include "connector/admin_answer.h"
#include "connector/admin_origin.h"
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

/* A name is ours whatever its port and case, and with a name in front of it not any more. */
static void check_names(const uint8_t *data, size_t size)
{
    static const rill_text own[] = {{.text = "node.example"}};
    const rill_items names = {.items = (void *)(uintptr_t)own, .count = 1};
    const rill_items none = {.items = NULL, .count = 0};
    const rill_bytes host = {data, size};
    const rill_admin_origin o = {.host = host, .origin = host};
    bool ours = rill_admin_is_our_name(host, &none);
    CHECK(!ours || rill_admin_is_our_name(host, &names));
    /* An origin has a scheme. */
    CHECK(size == 0 || (data[0] | 0x20) == 'h' || rill_admin_is_foreign(&o, &names, true));
    for (size_t i = 0; ours && i < size; i++)
        CHECK(data[i] < 0x80 || memchr(data, ':', size) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_names(data, size);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/reason.h>

#include <stddef.h>

struct words {
    const char *name;
    const char *text;
    const char *advice;
};

static const struct words reasons[] = {
#define WORDS(reason, number, word, text, advice) [number] = {word, text, advice},
    RILL_REASON_LIST(WORDS)
#undef WORDS
};

static const struct words *find(rill_reason reason)
{
    size_t at = (size_t)reason;
    return at < sizeof reasons / sizeof reasons[0] ? &reasons[at] : &reasons[RILL_REASON_OTHER];
}

const char *rill_reason_name(rill_reason reason)
{
    return find(reason)->name;
}

const char *rill_reason_text(rill_reason reason)
{
    return find(reason)->text;
}

const char *rill_reason_advice(rill_reason reason)
{
    return find(reason)->advice;
}

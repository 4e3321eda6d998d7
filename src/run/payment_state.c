/* SPDX-License-Identifier: Apache-2.0 */
#include "run/payment_state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "crypto/crypto.h"
#include "files/file.h"

#define VERSION "1"
/* Of a number, or of two with a slash between them. */
#define NUMBER 48
/* Of packets whose state does not say it: the most that a connection's options take. */
#define LONGEST_LIFETIME (3600 * RILL_SECOND)

static_assert(RILL_CREDENTIALS_TEXT_MAX + 512 <= RILL_PAYMENT_STATE_MAX, "any state has room");

int rill_payment_state_write(const rill_payment_state *s, char text[RILL_PAYMENT_STATE_MAX],
                             size_t *len)
{
    size_t at = 0;
    int error = rill_credentials_encode(&s->credentials, text, RILL_PAYMENT_STATE_MAX, &at);
    if (error != RILL_OK)
        return error;
    at -= 2; /* "}\n": more members follow */
    rill_ratio rate = s->min_rate.num != 0 ? s->min_rate : (rill_ratio){0, 1};
    int n =
        snprintf(text + at, RILL_PAYMENT_STATE_MAX - at,
                 ",\"rill_payment\":" VERSION ",\"amount\":\"%" PRIu64 "\",\"deliver\":\"%" PRIu64
                 "\",\"min_rate\":\"%" PRIu64 "/%" PRIu64 "\",\"sent\":\"%" PRIu64
                 "\",\"in_doubt\":\"%" PRIu64 "\",\"delivered\":\"%" PRIu64
                 "\",\"packet_lifetime_ns\":\"%" PRIu64 "\",\"complete\":%s}\n",
                 s->amount, s->deliver, rate.num, rate.den, s->sent, s->in_doubt, s->delivered,
                 s->packet_lifetime_ns, s->complete ? "true" : "false");
    assert(n > 0 && (size_t)n < RILL_PAYMENT_STATE_MAX - at);
    *len = at + (size_t)n;
    return RILL_OK;
}

static bool read_amount(rill_bytes value, uint64_t *out)
{
    char text[NUMBER];
    return value.data && rill_json_ascii(value, text, sizeof text) == RILL_OK &&
           rill_amount_parse(text, out) == RILL_OK;
}

static bool read_rate(rill_bytes value, rill_ratio *out)
{
    char text[NUMBER];
    if (!value.data || rill_json_ascii(value, text, sizeof text) != RILL_OK)
        return false;
    char *slash = strchr(text, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return rill_amount_parse(text, &out->num) == RILL_OK &&
           rill_amount_parse(slash + 1, &out->den) == RILL_OK && out->den != 0;
}

static bool is_word(rill_bytes value, const char *word)
{
    return value.len == strlen(word) && memcmp(value.data, word, value.len) == 0;
}

enum { MARK, AMOUNT, DELIVER, MIN_RATE, SENT, IN_DOUBT, DELIVERED, LIFETIME, COMPLETE, MEMBERS };

/* What is wrong, or NULL. */
static const char *read_members(rill_payment_state *s, const rill_json_member *m)
{
    bool numbers =
        read_amount(m[AMOUNT].value, &s->amount) && read_amount(m[DELIVER].value, &s->deliver) &&
        read_amount(m[SENT].value, &s->sent) && read_amount(m[IN_DOUBT].value, &s->in_doubt) &&
        read_amount(m[DELIVERED].value, &s->delivered) &&
        read_rate(m[MIN_RATE].value, &s->min_rate);
    s->packet_lifetime_ns = LONGEST_LIFETIME;
    if (m[LIFETIME].value.data && !read_amount(m[LIFETIME].value, &s->packet_lifetime_ns))
        numbers = false;
    s->complete = is_word(m[COMPLETE].value, "true");
    if (!numbers || (!s->complete && !is_word(m[COMPLETE].value, "false")))
        return "the saved state of the payment lacks a number, or has one that is none";
    /* More cannot have been sent than was allowed, or the state is another's. */
    if (s->sent > s->amount || s->in_doubt > s->amount - s->sent)
        return "the saved state of the payment says that more was sent than might be";
    return NULL;
}

static int read_state(rill_payment_state *s, rill_bytes state, const char **problem)
{
    rill_json_member members[MEMBERS] = {
        [MARK] = {.name = "rill_payment"},   [AMOUNT] = {.name = "amount"},
        [DELIVER] = {.name = "deliver"},     [MIN_RATE] = {.name = "min_rate"},
        [SENT] = {.name = "sent"},           [IN_DOUBT] = {.name = "in_doubt"},
        [DELIVERED] = {.name = "delivered"}, [LIFETIME] = {.name = "packet_lifetime_ns"},
        [COMPLETE] = {.name = "complete"},
    };
    const char *text = (const char *)state.data;
    if (state.len == 0 || rill_json_find(text, state.len, members, MEMBERS) != RILL_OK ||
        !members[MARK].value.data) {
        *problem = "this is not the saved state of a payment";
        return RILL_ERR_MALFORMED;
    }
    if (!is_word(members[MARK].value, VERSION)) {
        *problem = "the payment was saved by a later version";
        return RILL_ERR_UNSUPPORTED;
    }
    int error = rill_credentials_decode(&s->credentials, text, state.len, problem);
    if (error == RILL_OK)
        *problem = read_members(s, members);
    return *problem ? RILL_ERR_MALFORMED : error;
}

int rill_payment_state_read_sized(rill_payment_state *out, size_t size, rill_bytes state,
                                  const char **problem)
{
    const char *ignored;
    rill_payment_state s = {.min_rate = {0, 1}};
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    int error = read_state(&s, state, problem);
    if (error != RILL_OK) {
        rill_credentials_wipe(&s.credentials);
        s = (rill_payment_state){.min_rate = {0, 1}};
    }
    rill_sized_give(out, size, &s, sizeof s);
    rill_credentials_wipe(&s.credentials);
    return error;
}

/*
 * The most of ours that can have brought this much, or no more than a unit above it that rounding
 * took: floor(minimum * sent) never passes what arrives.
 */
static uint64_t most_for(rill_ratio minimum, uint64_t arrived)
{
    if (arrived == UINT64_MAX)
        return UINT64_MAX;
    uint64_t too_much = rill_ratio_inverse_ceil(minimum, arrived + 1);
    return too_much == UINT64_MAX ? too_much : too_much - 1;
}

/*
 * How much of what is in doubt may have been taken, where `delivered` has arrived in all, which is
 * more than was known. The minimum holds for the whole payment and not for each packet, so that the
 * last of them may have brought little. Of a payment over several connections each has kept it on
 * its own, and what arrived since is looked at too: the larger is the safe side.
 */
static uint64_t most_taken(const rill_payment_state *s, uint64_t delivered)
{
    uint64_t by_all = rill_sub_sat(most_for(s->min_rate, delivered), s->sent);
    uint64_t by_new = most_for(s->min_rate, delivered - s->delivered);
    uint64_t most = by_all > by_new ? by_all : by_new;
    return most < s->in_doubt ? most : s->in_doubt;
}

int rill_payment_state_settle(rill_bytes state, uint64_t delivered, uint8_t *out, size_t *len)
{
    rill_payment_state s;
    int error = rill_payment_state_read(&s, state, NULL);
    if (error != RILL_OK)
        return error;
    if (s.in_doubt > 0 && s.packet_lifetime_ns == RILL_NEVER)
        error = RILL_ERR_STATE;
    else if (delivered < s.delivered)
        error = RILL_ERR_RANGE;
    if (error != RILL_OK) {
        rill_credentials_wipe(&s.credentials);
        return error;
    }
    if (delivered == s.delivered) {
        s.in_doubt = 0; /* it expired on its way */
    } else {
        /* How much that took is not known: the most that it can be. The rest never left. */
        s.sent += most_taken(&s, delivered);
        s.in_doubt = 0;
        s.delivered = delivered;
    }
    s.complete = s.complete || (s.deliver != 0 ? s.delivered >= s.deliver : s.sent == s.amount);
    error = rill_payment_state_write(&s, (char *)out, len);
    rill_credentials_wipe(&s.credentials);
    return error;
}

int rill_payment_state_save(const char *path, rill_bytes state)
{
    int error = rill_file_replace(path, (const char *)state.data, state.len);
    errno = error;
    if (error == ENOMEM)
        return RILL_ERR_NOMEM;
    return error == 0 ? RILL_OK : RILL_ERR_IO;
}

int rill_payment_state_load(const char *path, uint8_t *out, size_t *len)
{
    int error = rill_file_read(path, (char *)out, RILL_PAYMENT_STATE_MAX, len, NULL);
    errno = error;
    if (error != 0)
        return RILL_ERR_IO;
    return *len < RILL_PAYMENT_STATE_MAX ? RILL_OK : RILL_ERR_MALFORMED;
}

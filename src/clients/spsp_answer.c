/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of SPSP (RFC 9), as servers in use write them. */
#include <rill/spsp.h>

#include <string.h>
#include <strings.h>

#include <jansson.h>

#include <rill/error.h>

#include "base/base64.h"
#include "base/sized.h"
#include "crypto/crypto.h"

static int fail(const char **problem, int error, const char *text)
{
    if (problem)
        *problem = text;
    return error;
}

/* A media type without its parameters, in any case (RFC 9110 section 8.3.1). */
static bool is_type(const char *content_type, const char *type)
{
    size_t len = strcspn(content_type, "; \t");
    return len == strlen(type) && strncasecmp(content_type, type, len) == 0;
}

/*
 * Seconds that an answer may be used again: max-age, unless no-cache or no-store (RFC 9111 section
 * 5.2.2). Without a word of it: not at all, since the secret is for one client.
 */
static uint32_t max_age(const char *at)
{
    uint32_t age = 0;
    while (*at) {
        size_t len = strcspn(at, ",");
        at += strspn(at, " \t");
        if (strncasecmp(at, "no-cache", 8) == 0 || strncasecmp(at, "no-store", 8) == 0)
            return 0;
        if (strncasecmp(at, "max-age=", 8) == 0) {
            uint64_t value = 0;
            const char *digit = at + 8 + (at[8] == '"');
            while (*digit >= '0' && *digit <= '9' && value < UINT32_MAX)
                value = value * 10 + (uint64_t)(*digit++ - '0');
            age = value > INT32_MAX ? INT32_MAX : (uint32_t)value; /* RFC 9111 section 1.2.2 */
        }
        len = strcspn(at, ",");
        at += len + (at[len] == ',');
    }
    return age;
}

static int read_credentials(rill_credentials *out, const json_t *answer, const char **problem)
{
    const json_t *account = json_object_get(answer, "destination_account");
    const json_t *secret = json_object_get(answer, "shared_secret");
    size_t len = 0;

    if (!json_is_string(account))
        return fail(problem, RILL_ERR_MALFORMED, "the answer has no \"destination_account\"");
    rill_bytes address = {(const uint8_t *)json_string_value(account), json_string_length(account)};
    if (!rill_address_valid(address))
        return fail(problem, RILL_ERR_MALFORMED,
                    "the answer's \"destination_account\" is not an ILP address");
    if (!json_is_string(secret))
        return fail(problem, RILL_ERR_MALFORMED, "the answer has no \"shared_secret\"");
    if (rill_base64_decode(json_string_value(secret), json_string_length(secret),
                           out->shared_secret, sizeof out->shared_secret, &len) != RILL_OK ||
        len != sizeof out->shared_secret)
        return fail(problem, RILL_ERR_MALFORMED,
                    "the answer's \"shared_secret\" is not 32 bytes in base64");
    memcpy(out->destination_account, address.data, address.len + 1);
    return RILL_OK;
}

static int read_whole(rill_spsp_answer *out, const char *content_type, const char *cache_control,
                      const char *body, size_t len, const char **problem)
{
    if (!is_type(content_type, "application/spsp4+json") &&
        !is_type(content_type, "application/spsp+json"))
        return fail(problem, RILL_ERR_UNSUPPORTED, "the answer is not one of SPSP");
    json_t *answer = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    int error = json_is_object(answer)
                    ? read_credentials(&out->credentials, answer, problem)
                    : fail(problem, RILL_ERR_MALFORMED,
                           "the answer is not a JSON object: it may be a page for people");
    out->receipts_enabled = json_is_true(json_object_get(answer, "receipts_enabled"));
    json_decref(answer);
    if (error != RILL_OK) {
        rill_credentials_wipe(&out->credentials);
        return error;
    }
    out->max_age_s = max_age(cache_control);
    return RILL_OK;
}

int rill_spsp_answer_read_sized(rill_spsp_answer *out, size_t size, const char *content_type,
                                const char *cache_control, const char *body, size_t len,
                                const char **problem)
{
    rill_spsp_answer whole = {0};
    int error = read_whole(&whole, content_type, cache_control, body, len, problem);
    if (error != RILL_OK)
        whole = (rill_spsp_answer){0};
    rill_sized_give(out, size, &whole, sizeof whole);
    rill_credentials_wipe(&whole.credentials);
    return error;
}

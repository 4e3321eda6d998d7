/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and a server's secret as text: rill/credentials.h. */
#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "crypto/crypto.h"
#include <rill/credentials.h>

#define SECRET_TEXT RILL_BASE64_SIZE(RILL_SHARED_SECRET_LEN)

static const char before_account[] = "{\"destination_account\":\"";
static const char before_secret[] = "\",\"shared_secret\":\"";
static const char after_secret[] = "\"}\n";

static_assert(sizeof before_account + RILL_ILP_MAX_ADDRESS + sizeof before_secret + SECRET_TEXT +
                      sizeof after_secret <=
                  RILL_CREDENTIALS_TEXT_MAX,
              "any credentials have room");

static char *append(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

int rill_credentials_encode(const rill_credentials *in, char *text, size_t cap, size_t *len)
{
    const char *end = memchr(in->destination_account, '\0', sizeof in->destination_account);
    if (!end)
        return RILL_ERR_ADDRESS;
    size_t account = (size_t)(end - in->destination_account);
    /* Of an address nothing has to be escaped. */
    if (!rill_address_valid((rill_bytes){(const uint8_t *)in->destination_account, account}))
        return RILL_ERR_ADDRESS;
    char secret[SECRET_TEXT];
    size_t secret_len = SECRET_TEXT - 1;
    size_t need = sizeof before_account - 1 + account + sizeof before_secret - 1 + secret_len +
                  sizeof after_secret;
    if (cap < need)
        return RILL_ERR_BUFFER;
    rill_base64_encode(in->shared_secret, sizeof in->shared_secret, secret);
    text = append(text, before_account, sizeof before_account - 1);
    text = append(text, in->destination_account, account);
    text = append(text, before_secret, sizeof before_secret - 1);
    text = append(text, secret, secret_len);
    append(text, after_secret, sizeof after_secret);
    rill_wipe(secret, sizeof secret);
    if (len)
        *len = need - 1;
    return RILL_OK;
}

static bool decode_secret(uint8_t out[RILL_SHARED_SECRET_LEN], const char *text, size_t len)
{
    size_t got = 0;
    return rill_base64_decode(text, len, out, RILL_SHARED_SECRET_LEN, &got) == RILL_OK &&
           got == RILL_SHARED_SECRET_LEN;
}

static bool is_string(rill_bytes value)
{
    return value.len > 0 && value.data[0] == '"';
}

/* NULL, or what is wrong. */
static const char *decode(rill_credentials *out, const char *text, size_t len)
{
    rill_json_member members[] = {{.name = "destination_account"}, {.name = "shared_secret"}};
    if (rill_json_find(text, len, members, 2) != RILL_OK || !is_string(members[0].value) ||
        !is_string(members[1].value))
        return "holds no credentials: a JSON object with \"destination_account\" and "
               "\"shared_secret\", as \"rill receive\" writes it";
    if (rill_json_ascii(members[0].value, out->destination_account,
                        sizeof out->destination_account) != RILL_OK ||
        !rill_address_valid((rill_bytes){(const uint8_t *)out->destination_account,
                                         strlen(out->destination_account)}))
        return "\"destination_account\" is not an ILP address";
    char secret[2 * SECRET_TEXT]; /* one without padding is shorter, and none is longer */
    bool good = rill_json_ascii(members[1].value, secret, sizeof secret) == RILL_OK &&
                decode_secret(out->shared_secret, secret, strlen(secret));
    rill_wipe(secret, sizeof secret);
    return good ? NULL : "\"shared_secret\" is not 32 bytes in base64";
}

int rill_credentials_decode(rill_credentials *out, const char *text, size_t len,
                            const char **problem)
{
    memset(out, 0, sizeof *out);
    const char *wrong = decode(out, text, len);
    if (problem)
        *problem = wrong;
    if (!wrong)
        return RILL_OK;
    rill_wipe(out, sizeof *out);
    return RILL_ERR_MALFORMED;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int rill_server_secret_decode(uint8_t out[RILL_SHARED_SECRET_LEN], const char *text, size_t len)
{
    for (; len > 0 && is_space(text[len - 1]); len--)
        continue;
    for (; len > 0 && is_space(*text); len--)
        text++;
    if (decode_secret(out, text, len))
        return RILL_OK;
    rill_wipe(out, RILL_SHARED_SECRET_LEN);
    return RILL_ERR_MALFORMED;
}

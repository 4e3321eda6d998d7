/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands above STREAM and comes from strangers: payment pointers, against the grammar of RFC
 * 26 as a regular expression; answers of SPSP, sets of keys, signatures of requests, and JSON that
 * is written anew, against what must hold of each.
 */
#define _POSIX_C_SOURCE 200809L

#include <regex.h>
#include <stdio.h>

#include <rill/error.h>
#include <rill/http_signature.h>
#include <rill/spsp.h>

#include "base/alloc.h"
#include "clients/op_sender_documents.h"
#include "clients/signature_text.h"
#include "clients/url.h"
#include "fuzz.h"

#define NAME  "([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f][0-9A-Fa-f])"
#define PCHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f][0-9A-Fa-f])"

static regex_t pointer_grammar;

static void compile(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    CHECK(regcomp(&pointer_grammar,
                  "^[$](" NAME "+|\\[[0-9A-Fa-f:.][0-9A-Fa-f:.]+\\])((/" PCHAR "*)*)$",
                  REG_EXTENDED) == 0);
}

static void fuzz_pointer(const char *text)
{
    char url[RILL_MAX_URL], same[RILL_MAX_URL];
    const char *problem = NULL;
    int error = rill_payment_pointer_url(text, url, sizeof url, &problem);
    bool matches = regexec(&pointer_grammar, text, 0, NULL, 0) == 0;
    CHECK((error == RILL_OK) == (problem == NULL));
    CHECK(matches ? error == RILL_OK || error == RILL_ERR_BUFFER : error == RILL_ERR_MALFORMED);
    if (error == RILL_OK) {
        CHECK(strncmp(url + 8, text + 1, strcspn(text + 1, "/")) == 0);
        CHECK(rill_receiver_url(url, false, same, sizeof same, NULL) == RILL_OK);
        CHECK(strcmp(url, same) == 0);
    }
    problem = NULL;
    error = rill_receiver_url(text, false, url, sizeof url, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    if (error == RILL_OK)
        CHECK(strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
}

static void fuzz_answer(const char *text, size_t len)
{
    rill_spsp_answer answer;
    const char *problem = NULL;
    size_t cut = strcspn(text, "\n"); /* what Cache-Control says, then the body */
    char cache[256];
    snprintf(cache, sizeof cache, "%.*s", (int)cut, text);
    int error = rill_spsp_answer_read(&answer, "application/spsp4+json", cache, text + cut,
                                      len - cut, &problem);
    CHECK(error == RILL_OK || error == RILL_ERR_MALFORMED);
    CHECK((error == RILL_OK) == (problem == NULL));
    if (error != RILL_OK)
        return;
    const char *account = answer.credentials.destination_account;
    CHECK(rill_address_valid((rill_bytes){(const uint8_t *)account, strlen(account)}));
    CHECK(answer.max_age_s <= INT32_MAX);
}

static void fuzz_keys(const char *text, size_t len)
{
    rill_jwk jwk, again;
    rill_key *key;
    char written[RILL_JWK_TEXT_MAX];
    size_t written_len;
    if (rill_jwk_read(&jwk, text, len) == RILL_OK) {
        CHECK(rill_jwk_write(&jwk, written, sizeof written, &written_len) == RILL_OK);
        CHECK(rill_jwk_read(&again, written, written_len) == RILL_OK);
        CHECK(strcmp(jwk.key_id, again.key_id) == 0);
        CHECK(memcmp(jwk.public_key, again.public_key, sizeof jwk.public_key) == 0);
    }
    if (rill_jwks_find(&jwk, text, len, "a") == RILL_OK)
        CHECK(strcmp(jwk.key_id, "a") == 0);
    if (rill_key_from_text(&key, text, len) == RILL_OK) {
        char pem[RILL_KEY_TEXT_MAX];
        CHECK(rill_key_text(key, pem, &written_len) == RILL_OK);
        rill_key_free(key);
    }
}

static void fuzz_json(const char *text, size_t len)
{
    char *once, *twice;
    size_t once_len, twice_len;
    if (rill_json_rewrite(text, len, &once, &once_len) != RILL_OK)
        return;
    CHECK(rill_json_rewrite(once, once_len, &twice, &twice_len) == RILL_OK);
    CHECK(once_len == twice_len && memcmp(once, twice, once_len) == 0);
    free(once);
    free(twice);
}

/* Lines: Signature-Input, Signature, Content-Digest, Authorization, and the body. */
static void fuzz_signature(const char *text, size_t len)
{
    static const char *const names[] = {"signature-input", "signature", "content-digest",
                                        "authorization"};
    static const uint8_t public_key[RILL_KEY_PUBLIC_LEN] = {1};
    rill_request_header fields[4];
    rill_signature_info info;
    const char *end = text + len;
    size_t count = 0;
    while (count < 4 && text != end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end ? line_end : end) - text);
        if (line > 0)
            fields[count] = (rill_request_header){names[count], {(const uint8_t *)text, line}};
        else
            fields[count] = (rill_request_header){"x-none", {0}};
        count++;
        text += line + (line_end != NULL);
    }
    rill_signed_request request = {{(const uint8_t *)"POST", 4},
                                   {(const uint8_t *)"https://a.example/b?c", 21},
                                   fields,
                                   count,
                                   {(const uint8_t *)text, (size_t)(end - text)}};
    int error = rill_signature_info_of(&info, &request);
    if (error == RILL_OK)
        CHECK(strlen(info.key_id) <= RILL_MAX_KEY_ID);
    /* Nobody has the other half of that key. */
    int verified = rill_verify_request(&request, public_key, 1618884473, 0);
    CHECK(verified != RILL_OK);
    CHECK(error == RILL_OK || verified == error);
}

/* What a wallet's servers answer, whatever was asked. */
static void fuzz_wallet(const char *text, size_t len)
{
    static rill_op_document document;
    static rill_op_grant grant;
    static rill_incoming_payment payment;
    static rill_op_quote quote;
    static rill_op_outgoing outgoing;
    const char *problem = NULL;
    char words[64];
    char url[RILL_MAX_URL], again[RILL_MAX_URL];
    uint64_t ms;
    bool has_method = false;
    int error = rill_op_document_read(&document, text, len, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    problem = NULL;
    error = rill_op_grant_read(&grant, text, len, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    CHECK(error != RILL_OK || *grant.token || *grant.continue_uri || grant.interact);
    problem = NULL;
    memset(&payment, 0, sizeof payment);
    error = rill_op_payment_read(&payment, &has_method, text, len, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    CHECK(error != RILL_OK || !has_method || *payment.credentials.destination_account);
    problem = NULL;
    error = rill_op_quote_read(&quote, text, len, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    CHECK(error != RILL_OK || memchr(quote.id, '\0', sizeof quote.id) != NULL);
    problem = NULL;
    error = rill_op_outgoing_read(&outgoing, text, len, &problem);
    CHECK((error == RILL_OK) == (problem == NULL));
    rill_op_error_read(text, len, words, sizeof words);
    CHECK(strlen(words) < sizeof words);
    if (rill_op_time_read(text, &ms) == RILL_OK)
        CHECK(ms < UINT64_C(253402387200000)); /* the year 10000, and a day */
    if (rill_url_normal(text, url, sizeof url) == RILL_OK) {
        CHECK(rill_url_normal(url, again, sizeof again) == RILL_OK);
        CHECK(strcmp(url, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    compile();
    char *text = malloc(size); /* of exactly that length, with its NUL */
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 6) {
    case 0:
        fuzz_pointer(text);
        break;
    case 1:
        fuzz_answer(text, strlen(text));
        break;
    case 2:
        fuzz_keys(text, size - 1);
        break;
    case 3:
        fuzz_json(text, size - 1);
        break;
    case 4:
        fuzz_signature(text, size - 1);
        break;
    case 5:
        fuzz_wallet(text, strlen(text));
        break;
    }
    free(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>
#include <rill/http_signature.h>

#include "base/alloc.h"
#include "clients/signature_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          UINT64_C(1618884473)

static rill_key *key;

static rill_bytes text(const char *words)
{
    return (rill_bytes){(const uint8_t *)words, strlen(words)};
}

/* ---- RFC 9421 appendix B.2.6, RFC 9530 ---- */

static void test_rfc_9421(void **state)
{
    (void)state;
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
                              "-----END PRIVATE KEY-----\n";
    static const char input[] =
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" "
        "\"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    const rill_request_header fields[] = {{"date", text("Tue, 20 Apr 2021 02:07:55 GMT")},
                                          {"content-type", text("application/json")},
                                          {"content-length", text("18")}};
    rill_signed_request request = {text("POST"), text("https://example.com/foo?param=Value"),
                                   fields, COUNT(fields), text("{\"hello\": \"world\"}")};
    rill_signature_input read;
    rill_key *test_key;
    uint8_t *base, signature[RILL_SIGNATURE_LEN], told[RILL_SIGNATURE_LEN];
    size_t len;

    assert_int_equal(rill_key_from_text(&test_key, pem, strlen(pem)), RILL_OK);
    assert_int_equal(rill_signature_input_read(&read, text(input)), RILL_OK);
    assert_int_equal(read.component_count, 6);
    assert_int_equal(read.created_s, NOW);
    assert_int_equal(rill_signature_base(&request, read.components, read.component_count,
                                         read.params, &base, &len),
                     RILL_OK);
    static const char right[] =
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
        "\"@method\": POST\n"
        "\"@path\": /foo\n"
        "\"@authority\": example.com\n"
        "\"content-type\": application/json\n"
        "\"content-length\": 18\n"
        "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" "
        "\"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    assert_int_equal(len, strlen(right));
    assert_memory_equal(base, right, len);
    assert_int_equal(rill_key_sign(test_key, base, len, signature), RILL_OK);
    rill_free(rill_allocator_default(), base);
    assert_int_equal(
        rill_signature_member(text("sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1"
                                   "u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"),
                              read.label, told, sizeof told, &len),
        RILL_OK);
    assert_memory_equal(signature, told, sizeof told);
    rill_key_free(test_key);
}

static void test_parts_of_a_uri(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *authority, *path, *query;
    } uris[] = {
        {"https://a.example", "a.example", "/", "?"},
        {"https://a.example?q", "a.example", "/", "?q"},
        {"https://a.example:8080/b/c?d=/e", "a.example:8080", "/b/c", "?d=/e"},
    };
    for (size_t i = 0; i < COUNT(uris); i++) {
        char right[200];
        const rill_bytes parts[] = {text("@scheme"), text("@authority"), text("@path"),
                                    text("@query")};
        rill_signed_request request = {text("GET"), text(uris[i].uri), NULL, 0, {0}};
        uint8_t *base;
        size_t len;
        snprintf(right, sizeof right,
                 "\"@scheme\": https\n\"@authority\": %s\n\"@path\": %s\n\"@query\": %s\n"
                 "\"@signature-params\": ",
                 uris[i].authority, uris[i].path, uris[i].query);
        assert_int_equal(rill_signature_base(&request, parts, 4, text(""), &base, &len), RILL_OK);
        assert_int_equal(len, strlen(right));
        assert_memory_equal(base, right, len);
        rill_free(rill_allocator_default(), base);
    }
}

/* ---- signing and verifying ---- */

/* A signed request as it arrives. */
typedef struct arrived {
    rill_request_header fields[8];
    rill_signed_request request;
    rill_request_signature signature;
} arrived;

#define BODY "{\"hello\":\"world\"}"

static void sign(arrived *a, const char *authorization, const char *body)
{
    rill_signer signer;
    size_t n = 0;
    *a = (arrived){0};
    a->request = (rill_signed_request){text("POST"), text("https://auth.example/tenant"), a->fields,
                                       0, text(body)};
    if (authorization)
        a->fields[n++] = (rill_request_header){"authorization", text(authorization)};
    if (*body)
        a->fields[n++] = (rill_request_header){"content-type", text("application/json")};
    a->request.field_count = n;
    rill_signer_of_key(&signer, key, "my-key");
    assert_int_equal(rill_sign_request(&a->signature, &a->request, &signer, NOW), RILL_OK);
    if (*body) {
        a->fields[n++] = (rill_request_header){"content-digest", text(a->signature.content_digest)};
        a->fields[n++] = (rill_request_header){"content-length", text(a->signature.content_length)};
    }
    a->fields[n++] = (rill_request_header){"signature-input", text(a->signature.signature_input)};
    a->fields[n++] = (rill_request_header){"signature", text(a->signature.signature)};
    a->request.field_count = n;
}

static int verify(const arrived *a)
{
    return rill_verify_request(&a->request, rill_key_public(key), NOW, 30);
}

static rill_request_header *field(arrived *a, const char *name)
{
    for (size_t i = 0; i < a->request.field_count; i++) {
        if (strcmp(a->fields[i].name, name) == 0)
            return &a->fields[i];
    }
    return NULL;
}

static void test_what_is_written(void **state)
{
    (void)state;
    arrived a;
    sign(&a, "GNAP token", BODY);
    assert_string_equal(a.signature.signature_input,
                        "sig1=(\"@method\" \"@target-uri\" \"authorization\" \"content-digest\" "
                        "\"content-length\" \"content-type\");keyid=\"my-key\";created=1618884473");
    assert_string_equal(a.signature.content_length, "17");
    assert_memory_equal(a.signature.content_digest, "sha-512=:", 9);
    assert_memory_equal(a.signature.signature, "sig1=:", 6);
    assert_int_equal(verify(&a), RILL_OK);

    sign(&a, NULL, "");
    assert_string_equal(a.signature.signature_input,
                        "sig1=(\"@method\" \"@target-uri\");keyid=\"my-key\";created=1618884473");
    assert_string_equal(a.signature.content_digest, "");
    assert_string_equal(a.signature.content_length, "");
    assert_int_equal(verify(&a), RILL_OK);

    rill_signature_info info;
    assert_int_equal(rill_signature_info_of(&info, &a.request), RILL_OK);
    assert_string_equal(info.key_id, "my-key");
    assert_int_equal(info.created_s, NOW);
    assert_int_equal(info.expires_s, 0);
}

static void test_longest_key_id_fits(void **state)
{
    (void)state;
    char id[RILL_MAX_KEY_ID + 2] = {0};
    rill_request_signature out;
    rill_signer signer;
    const rill_request_header fields[] = {{"authorization", text("GNAP t")},
                                          {"content-type", text("application/json")}};
    rill_signed_request request = {text("POST"), text("https://a.example"), fields, 2, text(BODY)};
    memset(id, 'k', RILL_MAX_KEY_ID);
    rill_signer_of_key(&signer, key, id);
    assert_int_equal(rill_sign_request(&out, &request, &signer, UINT64_C(999999999999999)),
                     RILL_OK);
    assert_non_null(strstr(out.signature_input, ";created=999999999999999"));
    assert_int_equal(rill_sign_request(&out, &request, &signer, UINT64_C(1000000000000000)),
                     RILL_ERR_INVALID);
    id[RILL_MAX_KEY_ID] = 'k';
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_INVALID);
}

static void test_what_cannot_be_signed(void **state)
{
    (void)state;
    rill_request_signature out;
    rill_signer signer;
    rill_signer_of_key(&signer, key, "k");
    const rill_request_header broken[] = {{"authorization", text("GNAP a\nb")}};
    rill_signed_request request = {text("POST"), text("https://a.example"), NULL, 0, text(BODY)};
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW),
                     RILL_ERR_INVALID); /* no type */
    request.body = text("");
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_OK);
    const rill_request_header twice[] = {{"authorization", text("GNAP a")},
                                         {"authorization", text("GNAP b")}};
    request.fields = twice;
    request.field_count = 2;
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_INVALID);
    request.fields = broken;
    request.field_count = 1;
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_INVALID);
    request.field_count = 0;
    request.method = text("");
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_INVALID);
    request.method = text("POST");
    request.target_uri = text("https://a.example/\xc3\xa4");
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_INVALID);
}

static int refuse(void *user, const uint8_t *message, size_t len,
                  uint8_t signature[RILL_SIGNATURE_LEN])
{
    (void)message;
    (void)signature;
    *(size_t *)user = len;
    return RILL_ERR_REFUSED;
}

static void test_another_signer_and_its_error(void **state)
{
    (void)state;
    rill_request_signature out;
    size_t seen = 0;
    rill_signer signer = {"k", refuse, &seen};
    rill_signed_request request = {text("GET"), text("https://a.example"), NULL, 0, {0}};
    assert_int_equal(rill_sign_request(&out, &request, &signer, NOW), RILL_ERR_REFUSED);
    assert_true(seen > 0);
    assert_string_equal(out.signature, "");
}

static void test_every_part_counts(void **state)
{
    (void)state;
    arrived a;
    static const struct {
        const char *name, *value;
    } changes[] = {{"authorization", "GNAP other"},
                   {"content-type", "text/plain"},
                   {"content-length", "18"},
                   {"content-digest", "sha-512=:AAAA:"},
                   {"signature-input",
                    "sig1=(\"@method\" \"@target-uri\" \"authorization\" \"content-digest\" "
                    "\"content-length\" \"content-type\");keyid=\"my-key\";created=1618884474"}};
    for (size_t i = 0; i < COUNT(changes); i++) {
        sign(&a, "GNAP token", BODY);
        field(&a, changes[i].name)->value = text(changes[i].value);
        assert_int_equal(verify(&a), RILL_ERR_AUTH);
        sign(&a, "GNAP token", BODY);
        field(&a, changes[i].name)->name = "x-gone";
        int error = verify(&a);
        assert_int_equal(error, strcmp(changes[i].name, "signature-input") == 0 ? RILL_ERR_NOT_FOUND
                                                                                : RILL_ERR_AUTH);
        /* Twice: which of the two is meant? */
        sign(&a, "GNAP token", BODY);
        a.fields[a.request.field_count++] =
            (rill_request_header){changes[i].name, text(changes[i].value)};
        error = verify(&a);
        assert_int_equal(error, strcmp(changes[i].name, "signature-input") == 0 ? RILL_ERR_NOT_FOUND
                                                                                : RILL_ERR_AUTH);
        /* Nor does it help that the signed one of the two is the last. */
        a.fields[a.request.field_count - 1].value = field(&a, changes[i].name)->value;
        field(&a, changes[i].name)->value = text(changes[i].value);
        error = verify(&a);
        assert_int_equal(error, strcmp(changes[i].name, "signature-input") == 0 ? RILL_ERR_NOT_FOUND
                                                                                : RILL_ERR_AUTH);
    }
    sign(&a, "GNAP token", BODY);
    a.request.method = text("PUT");
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
    sign(&a, "GNAP token", BODY);
    a.request.target_uri = text("https://auth.example/tenant/");
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
    sign(&a, "GNAP token", BODY);
    a.request.body = text("{\"hello\":\"World\"}");
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
    /* A body, although none was signed. */
    sign(&a, "GNAP token", "");
    a.request.body = text("{}");
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
    /* An authorization that was not signed. */
    sign(&a, NULL, BODY);
    a.fields[a.request.field_count++] = (rill_request_header){"authorization", text("GNAP mine")};
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
    /* Another key. */
    rill_key *other;
    sign(&a, "GNAP token", BODY);
    assert_int_equal(rill_key_new(&other), RILL_OK);
    assert_int_equal(rill_verify_request(&a.request, rill_key_public(other), NOW, 30),
                     RILL_ERR_AUTH);
    rill_key_free(other);
}

/* Whoever writes them with capitals is not taken in. */
static void test_names_in_any_case(void **state)
{
    (void)state;
    arrived a;
    sign(&a, NULL, "");
    a.fields[a.request.field_count++] = (rill_request_header){"Authorization", text("GNAP token")};
    assert_int_equal(verify(&a), RILL_ERR_AUTH); /* not covered */
    sign(&a, "GNAP token", BODY);
    field(&a, "authorization")->name = "Authorization";
    field(&a, "signature-input")->name = "Signature-Input";
    assert_int_equal(verify(&a), RILL_OK);
    a.fields[a.request.field_count++] = (rill_request_header){"AUTHORIZATION", text("GNAP other")};
    assert_int_equal(verify(&a), RILL_ERR_AUTH);
}

static void test_age(void **state)
{
    (void)state;
    arrived a;
    const uint8_t *public_key = rill_key_public(key);
    sign(&a, NULL, "");
    assert_int_equal(rill_verify_request(&a.request, public_key, NOW + 30, 30), RILL_OK);
    assert_int_equal(rill_verify_request(&a.request, public_key, NOW + 31, 30), RILL_ERR_EXPIRED);
    assert_int_equal(rill_verify_request(&a.request, public_key, NOW - 30, 30), RILL_OK);
    assert_int_equal(rill_verify_request(&a.request, public_key, NOW - 31, 30), RILL_ERR_EXPIRED);
    assert_int_equal(rill_verify_request(&a.request, public_key, NOW + 1000000, 0), RILL_OK);
}

/* Signs the value that a test gives for Signature-Input, as another implementation would. */
static int verify_input(const char *label, const char *params, uint64_t now_s, uint64_t max_age_s)
{
    char input[600], signature_text[128], encoded[100];
    uint8_t *base, signature[RILL_SIGNATURE_LEN];
    size_t len;
    rill_signature_input read;
    rill_request_header fields[2];
    rill_signed_request request = {text("GET"), text("https://a.example/"), fields, 2, {0}};
    snprintf(input, sizeof input, "%s=%s", label, params);
    fields[0] = (rill_request_header){"signature-input", text(input)};
    fields[1] = (rill_request_header){"signature", text("sig1=:AAAA:")};
    int error = rill_signature_input_read(&read, text(input));
    if (error == RILL_OK)
        error = rill_signature_base(&request, read.components, read.component_count, read.params,
                                    &base, &len);
    if (error != RILL_OK)
        return error;
    assert_int_equal(rill_key_sign(key, base, len, signature), RILL_OK);
    rill_free(rill_allocator_default(), base);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (size_t i = 0; i < 64; i += 3) {
        uint32_t v = (uint32_t)signature[i] << 16;
        v |= i + 1 < 64 ? (uint32_t)signature[i + 1] << 8 : 0;
        v |= i + 2 < 64 ? (uint32_t)signature[i + 2] : 0;
        for (int shift = 18; shift >= 0; shift -= 6)
            encoded[n++] = digits[v >> shift & 63];
    }
    encoded[86] = '=', encoded[87] = '=', encoded[88] = '\0';
    snprintf(signature_text, sizeof signature_text, "%s=:%s:", read.label.len ? label : "",
             encoded);
    fields[1].value = text(signature_text);
    return rill_verify_request(&request, rill_key_public(key), now_s, max_age_s);
}

#define BOTH "(\"@method\" \"@target-uri\")"

static void test_inputs_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *label, *params;
        int error;
    } cases[] = {
        {"sig1", BOTH ";created=1618884473;keyid=\"k\"", RILL_OK},
        {"other", BOTH ";created=1618884473;keyid=\"k\";alg=\"ed25519\"", RILL_OK},
        {"sig1", "( \"@target-uri\"   \"@method\" );created=1618884473", RILL_OK},
        {"sig1", BOTH ";created=1618884473;expires=1618884473;nonce=\"n\";tag=\"gnap\"", RILL_OK},
        {"sig1", BOTH ";created=1618884473;unknown;also=?1;and=1.5", RILL_OK},
        {"sig1", BOTH ";created=1618884473;expires=1618884472", RILL_ERR_EXPIRED},
        {"sig1", BOTH, RILL_ERR_EXPIRED}, /* at no time */
        {"sig1", "(\"@target-uri\");created=1618884473", RILL_ERR_AUTH},
        {"sig1", "(\"@method\");created=1618884473", RILL_ERR_AUTH},
        {"sig1", BOTH ";created=1618884473;alg=\"rsa-v1_5-sha256\"", RILL_ERR_UNSUPPORTED},
        {"sig1", "(\"@method\" \"@target-uri\" \"@status\");created=1618884473",
         RILL_ERR_UNSUPPORTED},
        {"sig1", "(\"@method\" \"@target-uri\";req);created=1618884473", RILL_ERR_UNSUPPORTED},
        {"sig1", "(\"@method\" \"@target-uri\" \"date\");created=1618884473", RILL_ERR_AUTH},
        {"sig1", "(\"@method\" \"@target-uri\" \"@method\");created=1618884473",
         RILL_ERR_MALFORMED},
        {"sig1", "(\"@method\"\"@target-uri\");created=1618884473", RILL_ERR_MALFORMED},
        {"sig1", BOTH ";created=\"1618884473\"", RILL_ERR_MALFORMED},
        {"sig1", BOTH ";created=-1", RILL_ERR_MALFORMED},
        {"sig1", BOTH ";keyid=k;created=1618884473", RILL_ERR_MALFORMED},
        {"sig1", BOTH ";keyid=\"k;created=1618884473", RILL_ERR_MALFORMED},
        {"sig1", BOTH ";created=1618884473 x", RILL_ERR_MALFORMED},
        {"sig1", "\"@method\";created=1618884473", RILL_ERR_MALFORMED},
        {"sig1", "(\"@method\"", RILL_ERR_MALFORMED},
        {"Sig1", BOTH ";created=1618884473", RILL_ERR_MALFORMED},
        {"", BOTH ";created=1618884473", RILL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int error = verify_input(cases[i].label, cases[i].params, NOW, 30);
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].params, rill_error_name(error));
    }
}

static void test_several_signatures(void **state)
{
    (void)state;
    rill_signature_input read;
    static const char *const inputs[] = {
        "a=" BOTH ";keyid=\"1\", sig1=" BOTH ";keyid=\"2\"",
        "sig1=" BOTH ";keyid=\"2\" ,\ta=" BOTH ";keyid=\"1\"",
    };
    for (size_t i = 0; i < COUNT(inputs); i++) {
        assert_int_equal(rill_signature_input_read(&read, text(inputs[i])), RILL_OK);
        assert_memory_equal(read.key_id.data, "2", 1);
        assert_memory_equal(read.params.data, BOTH ";keyid=\"2\"", read.params.len);
    }
    assert_int_equal(rill_signature_input_read(&read, text("a=" BOTH ",b=" BOTH)),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_signature_input_read(&read, text("a=" BOTH ",")), RILL_ERR_MALFORMED);
    assert_int_equal(rill_signature_input_read(&read, text("")), RILL_ERR_MALFORMED);
    char many[1000] = "sig1=(";
    for (int i = 0; i <= RILL_MAX_COMPONENTS; i++)
        sprintf(many + strlen(many), "\"c%d\" ", i);
    strcat(many, ")");
    assert_int_equal(rill_signature_input_read(&read, text(many)), RILL_ERR_UNSUPPORTED);
}

static void test_members(void **state)
{
    (void)state;
    uint8_t out[4];
    size_t len;
    assert_int_equal(rill_signature_member(text("a=:AQ==:, b=:AgM=:"), text("b"), out, 4, &len),
                     RILL_OK);
    assert_int_equal(len, 2);
    assert_int_equal(out[0], 2);
    static const struct {
        const char *header;
        int error;
    } cases[] = {
        {"b=:AQ==:", RILL_ERR_NOT_FOUND},   {"a=:AQ==:,a=:AQ==:", RILL_ERR_MALFORMED},
        {"a=:AQ==", RILL_ERR_MALFORMED},    {"a=AQ==", RILL_ERR_MALFORMED},
        {"a=:A*==:", RILL_ERR_MALFORMED},   {"a=:AQEBAQEBAQE=:", RILL_ERR_MALFORMED},
        {"a=:AQ==: x", RILL_ERR_MALFORMED}, {"", RILL_ERR_MALFORMED},
        {"a=:AQ==:,", RILL_ERR_MALFORMED},  {"aa=:AQ==:", RILL_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int error = rill_signature_member(text(cases[i].header), text("a"), out, 4, &len);
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].header, rill_error_name(error));
    }
}

/* RFC 9530 appendix D, of {"hello": "world"} and a line break. */
static void test_digests(void **state)
{
    (void)state;
    static const char right_256[] = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    static const char right_512[] =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM"
        "44T3qg==:";
    static const struct {
        const char *first, *second;
        int error;
    } cases[] = {
        {right_256, NULL, RILL_OK},
        {right_512, NULL, RILL_OK},
        {right_256, right_512, RILL_OK},
        {right_512, "md5=:AAAA:", RILL_OK},
        {"md5=:AAAA:", NULL, RILL_ERR_UNSUPPORTED},
        {right_512, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDA=:", RILL_ERR_AUTH},
        {right_512, "sha-256=:RK8=:", RILL_ERR_AUTH},
        {"sha-512=:AAAA:", NULL, RILL_ERR_AUTH},
        {"sha-512=AAAA", NULL, RILL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arrived a;
        char header[400];
        snprintf(header, sizeof header, "%s%s%s", cases[i].first, cases[i].second ? ", " : "",
                 cases[i].second ? cases[i].second : "");
        /* Signed over whatever the header says. */
        rill_signed_request r = {text("POST"), text("https://a.example/"), a.fields, 3,
                                 text("{\"hello\": \"world\"}\n")};
        static const char input[] =
            "sig1=(\"@method\" \"@target-uri\" \"content-digest\");created=1618884473";
        a.fields[0] = (rill_request_header){"content-digest", text(header)};
        a.fields[1] = (rill_request_header){"signature-input", text(input)};
        /* A signature of nobody. If the digest is right, the error names the signature. */
        a.fields[2] = (rill_request_header){
            "signature",
            text("sig1=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu"
                 "4A0w6vuQv5lIp5WPpBKRCw==:")};
        rill_signature_input read;
        uint8_t *base;
        size_t len;
        uint8_t signature[RILL_SIGNATURE_LEN];
        assert_int_equal(rill_signature_input_read(&read, text(input)), RILL_OK);
        assert_int_equal(rill_signature_base(&r, read.components, read.component_count, read.params,
                                             &base, &len),
                         RILL_OK);
        assert_int_equal(rill_key_sign(key, base, len, signature), RILL_OK);
        rill_free(rill_allocator_default(), base);
        int error = rill_verify_request(&r, rill_key_public(key), NOW, 30);
        assert_int_equal(error, cases[i].error == RILL_OK ? RILL_ERR_AUTH : cases[i].error);
    }
}

/* ---- JSON ---- */

static void rewrites(const char *from, const char *to)
{
    char *out;
    size_t len;
    assert_int_equal(rill_json_rewrite(from, strlen(from), &out, &len), RILL_OK);
    assert_string_equal(out, to);
    assert_int_equal(len, strlen(to));
    free(out);
}

static void test_json(void **state)
{
    (void)state;
    rewrites(" { \"b\" : [ 1 , true , null , \"\\u00e4\\/\" ] , \"a\" : { } } ",
             "{\"b\":[1,true,null,\"\xc3\xa4/\"],\"a\":{}}");
    rewrites("{\"b\":1,\"10\":2,\"9\":3,\"01\":4,\"a\":5,\"4294967295\":6,\"4294967294\":7}",
             "{\"9\":3,\"10\":2,\"4294967294\":7,\"b\":1,\"01\":4,\"a\":5,\"4294967295\":6}");
    rewrites("\"\\u0000\\u0008\\t\\n\\u000b\\f\\r\\u001f\\u007f\\u2028\\\"\\\\\"",
             "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\xe2\x80\xa8\\\"\\\\\"");
    rewrites("[0,-0,-0.0,1e3,0.1,1.50,-2.5e-7,0.000001,1e20,1e21,123456789012345678901234567890,"
             "9007199254740993,5e-324,1.7976931348623157e308,100,0.5e1]",
             "[0,0,0,1000,0.1,1.5,-2.5e-7,0.000001,100000000000000000000,1e+21,"
             "1.2345678901234568e+29,9007199254740992,5e-324,1.7976931348623157e+308,100,5]");
    static const char *const wrong[] = {
        "",      "{",   "{\"a\":1,\"a\":2}", "[1,]", "1e400", "\xff", "'a'",
        "{} {}", "nul", "\"\\ud800\""};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char *out;
        size_t len;
        int error = rill_json_rewrite(wrong[i], strlen(wrong[i]), &out, &len);
        if (error != RILL_ERR_MALFORMED)
            fail_msg("%s: %s", wrong[i], rill_error_name(error));
    }
    char deep[10002] = {0};
    char *out;
    size_t len;
    memset(deep, '[', 5000);
    memset(deep + 5000, ']', 5000);
    assert_int_equal(rill_json_rewrite(deep, 10000, &out, &len), RILL_ERR_MALFORMED);
}

static int make_key(void **state)
{
    (void)state;
    return rill_key_new(&key);
}

static int free_key(void **state)
{
    (void)state;
    rill_key_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_9421),
        cmocka_unit_test(test_parts_of_a_uri),
        cmocka_unit_test(test_what_is_written),
        cmocka_unit_test(test_longest_key_id_fits),
        cmocka_unit_test(test_what_cannot_be_signed),
        cmocka_unit_test(test_another_signer_and_its_error),
        cmocka_unit_test(test_every_part_counts),
        cmocka_unit_test(test_names_in_any_case),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_inputs_of_others),
        cmocka_unit_test(test_several_signatures),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}

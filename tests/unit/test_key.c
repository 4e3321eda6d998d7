/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/error.h>
#include <rill/key.h>

#include "base/base64.h"

/* RFC 8032 section 7.1, test 3. */
static const uint8_t SEED[32] = {0xc5, 0xaa, 0x8d, 0xf4, 0x3f, 0x9f, 0x83, 0x7b, 0xed, 0xb7, 0x44,
                                 0x2f, 0x31, 0xdc, 0xb7, 0xb1, 0x66, 0xd3, 0x85, 0x35, 0x07, 0x6f,
                                 0x09, 0x4b, 0x85, 0xce, 0x3a, 0x2e, 0x0b, 0x44, 0x58, 0xf7};
static const uint8_t PUBLIC[32] = {0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3, 0x8d, 0xa4, 0x7e,
                                   0xd0, 0x02, 0x30, 0xf0, 0x58, 0x08, 0x16, 0xed, 0x13, 0xba, 0x33,
                                   0x03, 0xac, 0x5d, 0xeb, 0x91, 0x15, 0x48, 0x90, 0x80, 0x25};
static const uint8_t SIGNATURE[64] = {
    0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02, 0x48, 0x27, 0xe6, 0x9c, 0x3a, 0xbe, 0x01, 0xa3,
    0x0c, 0xe5, 0x48, 0xa2, 0x84, 0x74, 0x3a, 0x44, 0x5e, 0x36, 0x80, 0xd7, 0xdb, 0x5a, 0xc3, 0xac,
    0x18, 0xff, 0x9b, 0x53, 0x8d, 0x16, 0xf2, 0x90, 0xae, 0x67, 0xf7, 0x60, 0x98, 0x4d, 0xc6, 0x59,
    0x4a, 0x7c, 0x15, 0xe9, 0x71, 0x6e, 0xd2, 0x8d, 0xc0, 0x27, 0xbe, 0xce, 0xea, 0x1e, 0xc4, 0x0a};

static char folder[] = "/tmp/rill-key-XXXXXX";
static char path[64];

static void in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void put(const char *name, const char *text, size_t len, mode_t mode)
{
    in_folder(name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (int)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_rfc_8032(void **state)
{
    (void)state;
    rill_key *key;
    uint8_t signature[RILL_SIGNATURE_LEN];
    static const uint8_t message[] = {0xaf, 0x82};
    assert_int_equal(rill_key_from_seed(&key, SEED), RILL_OK);
    assert_memory_equal(rill_key_public(key), PUBLIC, 32);
    assert_int_equal(rill_key_sign(key, message, 2, signature), RILL_OK);
    assert_memory_equal(signature, SIGNATURE, 64);
    assert_int_equal(rill_key_verify(PUBLIC, message, 2, signature), RILL_OK);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_int_equal(rill_key_verify(PUBLIC, message, 2, signature), RILL_ERR_AUTH);
        signature[i] ^= 1;
    }
    assert_int_equal(rill_key_verify(PUBLIC, message, 1, signature), RILL_ERR_AUTH);
    rill_key_free(key);
    rill_key_free(NULL);
}

static void test_two_new_ones_differ(void **state)
{
    (void)state;
    rill_key *a, *b;
    assert_int_equal(rill_key_new(&a), RILL_OK);
    assert_int_equal(rill_key_new(&b), RILL_OK);
    assert_memory_not_equal(rill_key_public(a), rill_key_public(b), 32);
    rill_key_free(a);
    rill_key_free(b);
}

static void expect(const char *text, int error)
{
    rill_key *key = NULL;
    int got = rill_key_from_text(&key, text, strlen(text));
    if (got == RILL_OK)
        assert_memory_equal(rill_key_public(key), PUBLIC, 32);
    rill_key_free(key);
    if (got != error)
        fail_msg("%s: %s", text, rill_error_name(got));
}

static void test_texts(void **state)
{
    (void)state;
    rill_key *key;
    char pem[RILL_KEY_TEXT_MAX];
    char text[1024];
    size_t len;
    assert_int_equal(rill_key_from_seed(&key, SEED), RILL_OK);
    assert_int_equal(rill_key_text(key, pem, &len), RILL_OK);
    rill_key_free(key);
    assert_int_equal(len, strlen(pem));
    assert_non_null(strstr(pem, "-----BEGIN PRIVATE KEY-----\n"));
    expect(pem, RILL_OK);
    snprintf(text, sizeof text, "\r\n a key of ours\n%s\n\n", pem);
    expect(text, RILL_OK);
    len = rill_base64_encode((const uint8_t *)pem, strlen(pem), text);
    expect(text, RILL_OK);
    text[len] = '\n';
    text[len + 1] = '\0';
    expect(text, RILL_OK);
    expect("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
           "\"d\":\"xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc\",\"x\":\"who cares\"}",
           RILL_OK);
    expect("", RILL_ERR_MALFORMED);
    expect(" \n", RILL_ERR_MALFORMED);
    expect("-", RILL_ERR_MALFORMED);
    expect("AAAA", RILL_ERR_MALFORMED);
    expect("not base64!", RILL_ERR_MALFORMED);
    expect("{}", RILL_ERR_MALFORMED);
    expect("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", RILL_ERR_MALFORMED);
    expect("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"xaqN\"}", RILL_ERR_MALFORMED);
    expect("{\"kty\":\"OKP\",\"crv\":\"X25519\","
           "\"d\":\"xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc\"}",
           RILL_ERR_UNSUPPORTED);
    /* A public key is none to sign with. */
    expect("-----BEGIN PUBLIC KEY-----\n"
           "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
           "-----END PUBLIC KEY-----\n",
           RILL_ERR_MALFORMED);
    /* Another kind of key: X25519. */
    expect("-----BEGIN PRIVATE KEY-----\n"
           "MC4CAQAwBQYDK2VuBCIEIBA0oyrJFbhI/ankD/4FZdqexvgVYop/drLiUk6Azvtc\n"
           "-----END PRIVATE KEY-----\n",
           RILL_ERR_UNSUPPORTED);
    /* Behind a password: openssl genpkey -algorithm ed25519 -aes-256-cbc. */
    expect("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
           "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgKNzxWWjjdEAICCAAw\n"
           "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMdSAY/hecm++Flk18p3k7sEQN7Y\n"
           "faW6JzqS4/2dnM301IsKuw5MFGbmwUuypd+X3iqnHohIsEWBhucFXYejzvFZRYvU\n"
           "AMDFAWn6BTR+kcIft3U=\n"
           "-----END ENCRYPTED PRIVATE KEY-----\n",
           RILL_ERR_UNSUPPORTED);
}

static void test_files(void **state)
{
    (void)state;
    rill_key *key, *back;
    struct stat about;
    char before[RILL_KEY_TEXT_MAX];
    assert_int_equal(rill_key_new(&key), RILL_OK);
    in_folder("new.pem");
    assert_int_equal(rill_key_write(key, path), RILL_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_nlink, 1);
    assert_int_equal(rill_key_read(&back, path), RILL_OK);
    assert_memory_equal(rill_key_public(key), rill_key_public(back), 32);
    rill_key_free(key);

    /* An existing file stays. */
    assert_int_equal(rill_key_new(&key), RILL_OK);
    assert_int_equal(rill_key_write(key, path), RILL_ERR_EXISTS);
    rill_key_free(key);
    assert_int_equal(rill_key_read(&key, path), RILL_OK);
    assert_memory_equal(rill_key_public(key), rill_key_public(back), 32);
    rill_key_free(back);

    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_int_equal(rill_key_read(&back, path), RILL_ERR_EXPOSED);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(rill_key_read(&back, path), RILL_OK);
    rill_key_free(back);

    in_folder("not there");
    assert_int_equal(rill_key_read(&back, path), RILL_ERR_IO);
    assert_int_equal(errno, ENOENT);
    in_folder("no folder/key.pem");
    assert_int_equal(rill_key_write(key, path), RILL_ERR_IO);
    assert_int_equal(errno, ENOENT);
    rill_key_free(key);

    memset(before, '\n', sizeof before);
    put("blanks", before, sizeof before, 0600);
    assert_int_equal(rill_key_read(&back, path), RILL_ERR_MALFORMED);
    char *large = calloc(1, 20000);
    put("large", large, 20000, 0600);
    free(large);
    assert_int_equal(rill_key_read(&back, path), RILL_ERR_TOO_LARGE);
}

static void test_jwk(void **state)
{
    (void)state;
    rill_key *key;
    rill_jwk jwk, back;
    char text[RILL_JWK_TEXT_MAX];
    char longest[RILL_MAX_KEY_ID + 2];
    size_t len;
    assert_int_equal(rill_key_from_seed(&key, SEED), RILL_OK);
    assert_int_equal(rill_jwk_of_key(&jwk, key, "my-key"), RILL_OK);
    assert_int_equal(rill_jwk_write(&jwk, text, sizeof text, &len), RILL_OK);
    assert_string_equal(text, "{\"kid\":\"my-key\",\"alg\":\"EdDSA\",\"use\":\"sig\","
                              "\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU\"}");
    assert_int_equal(len, strlen(text));
    assert_int_equal(rill_jwk_write(&jwk, text, len, &len), RILL_ERR_BUFFER);
    assert_int_equal(rill_jwk_write(&jwk, text, len + 1, &len), RILL_OK);
    assert_int_equal(rill_jwk_read(&back, text, len), RILL_OK);
    assert_string_equal(back.key_id, "my-key");
    assert_memory_equal(back.public_key, PUBLIC, 32);
    memset(longest, 'k', sizeof longest);
    longest[RILL_MAX_KEY_ID] = '\0';
    assert_int_equal(rill_jwk_of_key(&jwk, key, longest), RILL_OK);
    assert_int_equal(rill_jwk_write(&jwk, text, sizeof text, &len), RILL_OK);
    longest[RILL_MAX_KEY_ID] = 'k';
    longest[RILL_MAX_KEY_ID + 1] = '\0';
    static const char *const wrong[] = {"", "a b", "a\"b", "a;b", "a\\b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(rill_jwk_of_key(&jwk, key, wrong[i]), RILL_ERR_INVALID);
    assert_int_equal(rill_jwk_of_key(&jwk, key, longest), RILL_ERR_INVALID);
    rill_key_free(key);
}

/* RFC 8037 appendix A.3. */
static void test_thumbprint(void **state)
{
    (void)state;
    uint8_t public_key[32];
    char id[RILL_KEY_THUMBPRINT_LEN + 1];
    size_t len;
    static const char x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    assert_int_equal(rill_base64_decode(x, strlen(x), public_key, 32, &len), RILL_OK);
    assert_int_equal(rill_key_thumbprint(public_key, id), RILL_OK);
    assert_string_equal(id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_true(rill_key_id_valid(id));
}

#define X ",\"x\":\"_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU\"}"

static void test_jwks(void **state)
{
    (void)state;
    rill_jwk two[2] = {{.key_id = "one"}, {.key_id = "two"}};
    rill_jwk found;
    char text[2 * RILL_JWK_TEXT_MAX];
    size_t len;
    memset(two[1].public_key, 7, 32);
    assert_int_equal(rill_jwks_write(two, 2, text, sizeof text, &len), RILL_OK);
    assert_int_equal(len, strlen(text));
    assert_int_equal(rill_jwks_find(&found, text, len, "two"), RILL_OK);
    assert_memory_equal(found.public_key, two[1].public_key, 32);
    assert_int_equal(rill_jwks_find(&found, text, len, "three"), RILL_ERR_NOT_FOUND);
    for (size_t cap = 0; cap <= len; cap++)
        assert_int_equal(rill_jwks_write(two, 2, text, cap, &(size_t){0}), RILL_ERR_BUFFER);
    assert_int_equal(rill_jwks_write(two, 2, text, len + 1, &len), RILL_OK);
    assert_int_equal(rill_jwks_write(NULL, 0, text, sizeof text, &len), RILL_OK);
    assert_string_equal(text, "{\"keys\":[]}");

    static const struct {
        const char *text;
        int error;
    } sets[] = {
        {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"RSA\"},{\"kid\":\"a\",\"kty\":\"OKP\","
         "\"crv\":\"Ed25519\"" X "]}",
         RILL_OK},
        {"{\"keys\":[7,{},{\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
         "\"alg\":\"Ed25519\"" X "]}",
         RILL_OK},
        {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"RSA\"}]}", RILL_ERR_UNSUPPORTED},
        {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ES256\"" X "]}",
         RILL_ERR_UNSUPPORTED},
        {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":7" X "]}",
         RILL_ERR_MALFORMED},
        {"{\"keys\":[{\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}", RILL_ERR_MALFORMED},
        {"{\"keys\":[{\"kid\":\"a\",\"kid\":\"a\",\"kty\":\"OKP\",\"crv\":\"Ed25519\"" X "]}",
         RILL_ERR_MALFORMED},
        {"{\"keys\":{}}", RILL_ERR_MALFORMED},
        {"[]", RILL_ERR_MALFORMED},
        {"<html>", RILL_ERR_MALFORMED},
        {"", RILL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        int got = rill_jwks_find(&found, sets[i].text, strlen(sets[i].text), "a");
        if (got != sets[i].error)
            fail_msg("%s: %s", sets[i].text, rill_error_name(got));
        if (got == RILL_OK)
            assert_memory_equal(found.public_key, PUBLIC, 32);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"new.pem", "blanks", "large"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        in_folder(names[i]);
        (void)unlink(path);
    }
    return rmdir(folder); /* nothing else was left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_8032), cmocka_unit_test(test_two_new_ones_differ),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_jwk),      cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_jwks),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backends of AES-256-GCM against each other. For the same key, IV and text they give the same
 * bytes. Each opens what the other sealed, and refuses what was changed. Also how the choice is
 * made if the processor, the library or the build says no. If intel-ipsec-mb was built in, the
 * linker puts functions before three of the library's (--wrap).
 *
 * usage: test_gcm "built" | "not built"
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/endpoint.h>
#include <rill/error.h>

#include "crypto/gcm.h"

/* ---- what the library says ---- */

static bool no_aes;     /* the processor's */
static bool no_manager; /* memory for it */
static bool bad_start;  /* of the library */
static bool under_test; /* the functions above have been asked */

uint64_t __real_imb_get_feature_flags(void);
uint64_t __wrap_imb_get_feature_flags(void);
void *__real_alloc_mb_mgr(uint64_t flags);
void *__wrap_alloc_mb_mgr(uint64_t flags);
int __real_imb_get_errno(void *manager);
int __wrap_imb_get_errno(void *manager);

/* Where it is not built in, nobody calls these, and they need not be linked. */
#define REAL(name) __attribute__((weak)) extern __typeof__(name) name
REAL(__real_imb_get_feature_flags);
REAL(__real_alloc_mb_mgr);
REAL(__real_imb_get_errno);

uint64_t __wrap_imb_get_feature_flags(void)
{
    under_test = true;
    return no_aes ? 0 : __real_imb_get_feature_flags();
}

void *__wrap_alloc_mb_mgr(uint64_t flags)
{
    return no_manager ? NULL : __real_alloc_mb_mgr(flags);
}

int __wrap_imb_get_errno(void *manager)
{
    return bad_start ? 2000 : __real_imb_get_errno(manager);
}

/* ---- two backends ---- */

#define MAX_LEN 40000

typedef struct end {
    rill_gcm *gcm;
    void *key;
} end;

typedef struct ends {
    end of[2]; /* OpenSSL's, the other */
} ends;

static uint64_t seed;

static uint64_t next_random(void)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fill(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)next_random();
}

static int setup(void **state)
{
    static ends e;
    seed = 1;
    if (rill_gcm_openssl_new(&e.of[0].gcm, rill_allocator_default()) != RILL_OK ||
        rill_gcm_ipsec_mb_new(&e.of[1].gcm, rill_allocator_default()) != RILL_OK)
        return -1;
    for (unsigned i = 0; i < 2; i++) {
        e.of[i].key = e.of[i].gcm->key_new(e.of[i].gcm);
        if (e.of[i].key == NULL)
            return -1;
    }
    *state = &e;
    return 0;
}

static int teardown(void **state)
{
    ends *e = *state;
    for (unsigned i = 0; i < 2; i++) {
        e->of[i].gcm->key_free(e->of[i].gcm, NULL);
        e->of[i].gcm->key_free(e->of[i].gcm, e->of[i].key);
        e->of[i].gcm->free(e->of[i].gcm);
    }
    return 0;
}

static void set_keys(ends *e, const uint8_t bytes[RILL_KEY_LEN])
{
    for (unsigned i = 0; i < 2; i++)
        assert_true(e->of[i].gcm->key_set(e->of[i].gcm, e->of[i].key, bytes));
}

static int seals(const end *by, uint8_t *envelope, size_t len)
{
    return by->gcm->seal(by->gcm, by->key, envelope, len);
}

static int opens(const end *by, const uint8_t *envelope, size_t len, uint8_t *out)
{
    return by->gcm->open(by->gcm, by->key, envelope, len, out);
}

static uint8_t plain[MAX_LEN];
static uint8_t envelope[2][RILL_ENVELOPE_OVERHEAD + MAX_LEN + 1];
static uint8_t out[MAX_LEN + 1];

/* Both seal the same, then each opens the other's. One byte more is never touched. */
static void both(ends *e, size_t len)
{
    size_t total = RILL_ENVELOPE_OVERHEAD + len;
    uint8_t iv[RILL_IV_LEN];
    fill(iv, sizeof iv);
    fill(plain, len);
    for (unsigned i = 0; i < 2; i++) {
        memcpy(envelope[i], iv, sizeof iv);
        memcpy(envelope[i] + RILL_ENVELOPE_OVERHEAD, plain, len);
        envelope[i][total] = 0xa5;
        assert_int_equal(seals(&e->of[i], envelope[i], len), RILL_OK);
        assert_int_equal(envelope[i][total], 0xa5);
        assert_memory_equal(envelope[i], iv, sizeof iv);
    }
    assert_memory_equal(envelope[0], envelope[1], total);
    for (unsigned i = 0; i < 2; i++) {
        out[len] = 0x5a;
        assert_int_equal(opens(&e->of[i], envelope[1 - i], len, out), RILL_OK);
        assert_memory_equal(out, plain, len);
        assert_int_equal(out[len], 0x5a);
    }
}

static void test_the_same_bytes(void **state)
{
    ends *e = *state;
    uint8_t key[RILL_KEY_LEN];
    for (size_t len = 0; len < 1100; len++) {
        if (len % 16 == 0) {
            fill(key, sizeof key);
            set_keys(e, key);
        }
        both(e, len);
    }
    for (unsigned i = 0; i < 300; i++) {
        fill(key, sizeof key);
        set_keys(e, key);
        both(e, (size_t)(next_random() % (MAX_LEN + 1)));
    }
    both(e, 32767);
    both(e, MAX_LEN);
}

/* Every bit of IV, tag and text is changed. Without text there is no place to write to. */
static void test_every_changed_bit(void **state)
{
    static const size_t lengths[] = {0, 1, 16, 33, 200};
    ends *e = *state;
    uint8_t key[RILL_KEY_LEN];
    uint8_t *whole = envelope[0];
    fill(key, sizeof key);
    set_keys(e, key);
    for (unsigned n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        size_t len = lengths[n];
        fill(whole, RILL_ENVELOPE_OVERHEAD + len);
        assert_int_equal(seals(&e->of[0], whole, len), RILL_OK);
        for (unsigned i = 0; i < 2; i++) {
            for (size_t bit = 0; bit < 8 * (RILL_ENVELOPE_OVERHEAD + len); bit++) {
                whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(opens(&e->of[i], whole, len, out), RILL_ERR_AUTH);
                whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            assert_int_equal(opens(&e->of[i], whole, len, len != 0 ? out : NULL), RILL_OK);
        }
    }
}

/* Nothing of the key before is left in use. */
static void test_a_new_key_in_the_place_of_the_old(void **state)
{
    ends *e = *state;
    uint8_t key[2][RILL_KEY_LEN];
    fill(key[0], sizeof key[0]);
    fill(key[1], sizeof key[1]);
    for (unsigned i = 0; i < 2; i++) {
        const end *by = &e->of[i];
        assert_true(by->gcm->key_set(by->gcm, by->key, key[0]));
        assert_int_equal(seals(by, envelope[0], 100), RILL_OK);
        assert_true(by->gcm->key_set(by->gcm, by->key, key[1]));
        assert_int_equal(opens(by, envelope[0], 100, out), RILL_ERR_AUTH);
        assert_true(by->gcm->key_set(by->gcm, by->key, key[0]));
        assert_int_equal(opens(by, envelope[0], 100, out), RILL_OK);
    }
}

/* ---- the choice ---- */

static int endpoint_with(rill_crypto_backend backend)
{
    rill_endpoint_options o;
    rill_endpoint *e;
    rill_endpoint_options_init(&o);
    assert_int_equal(o.crypto, RILL_CRYPTO_OPENSSL);
    o.crypto = backend;
    int err = rill_endpoint_new(&e, &o);
    assert_int_equal(e != NULL, err == RILL_OK);
    rill_endpoint_free(e);
    return err;
}

static void test_a_processor_without_aes(void **state)
{
    (void)state;
    under_test = false;
    no_aes = true;
    assert_false(rill_crypto_available(RILL_CRYPTO_IPSEC_MB));
    assert_int_equal(endpoint_with(RILL_CRYPTO_IPSEC_MB), RILL_ERR_UNSUPPORTED);
    assert_int_equal(endpoint_with(RILL_CRYPTO_FASTEST), RILL_OK);
    assert_int_equal(endpoint_with(RILL_CRYPTO_OPENSSL), RILL_OK);
    no_aes = false;
    assert_true(under_test);
}

static void test_a_library_that_does_not_start(void **state)
{
    (void)state;
    no_manager = true;
    assert_int_equal(endpoint_with(RILL_CRYPTO_IPSEC_MB), RILL_ERR_NOMEM);
    no_manager = false;
    bad_start = true;
    assert_int_equal(endpoint_with(RILL_CRYPTO_IPSEC_MB), RILL_ERR_CRYPTO);
    bad_start = false;
    assert_int_equal(endpoint_with(RILL_CRYPTO_IPSEC_MB), RILL_OK);
}

static void test_it_is_not_there(void **state)
{
    (void)state;
    assert_false(rill_crypto_available(RILL_CRYPTO_IPSEC_MB));
    assert_int_equal(endpoint_with(RILL_CRYPTO_IPSEC_MB), RILL_ERR_UNSUPPORTED);
    assert_int_equal(endpoint_with(RILL_CRYPTO_FASTEST), RILL_OK);
}

static void test_no_such_choice(void **state)
{
    (void)state;
    assert_int_equal(endpoint_with((rill_crypto_backend)3), RILL_ERR_INVALID);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest there[] = {
        cmocka_unit_test_setup_teardown(test_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_changed_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_key_in_the_place_of_the_old, setup, teardown),
        cmocka_unit_test(test_a_processor_without_aes),
        cmocka_unit_test(test_a_library_that_does_not_start),
        cmocka_unit_test(test_no_such_choice),
    };
    const struct CMUnitTest not_there[] = {
        cmocka_unit_test(test_it_is_not_there),
        cmocka_unit_test(test_no_such_choice),
    };
    bool built = argc > 1 && strcmp(argv[1], "built") == 0;
    if (built && rill_gcm_ipsec_mb_available())
        return cmocka_run_group_tests(there, NULL, NULL);
    return cmocka_run_group_tests(not_there, NULL, NULL);
}

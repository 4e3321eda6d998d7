/* SPDX-License-Identifier: Apache-2.0 */
/* The key beside the books that secrets are printed with. */
#define _XOPEN_SOURCE 700 /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "connector/print_key.h"

static char folder[64];
static char books[128];
static char path[160];
static rill_crypto *crypto;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/rill-key-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(books, sizeof books, "%s/books", folder);
    snprintf(path, sizeof path, "%s.key", books);
    crypto = rill_crypto_new(rill_allocator_default());
    return crypto == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    rill_crypto_free(crypto);
    unlink(path);
    return rmdir(folder);
}

static void write_bytes(size_t count, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        fputc('k', file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_it_is_made_once(void **state)
{
    uint8_t key[RILL_PRINT_KEY] = {0}, again[RILL_PRINT_KEY] = {0}, other[RILL_PRINT_KEY] = {0};
    struct stat about;
    (void)state;
    assert_null(rill_print_key_find(books, crypto, key));
    assert_memory_not_equal(key, other, sizeof key);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_size, RILL_PRINT_KEY);
    assert_null(rill_print_key_find(books, crypto, again));
    assert_memory_equal(key, again, sizeof key);
    assert_int_equal(unlink(path), 0);
    assert_null(rill_print_key_find(books, crypto, other));
    assert_memory_not_equal(key, other, sizeof key);
}

static void is_wrong(const char *problem)
{
    static const uint8_t zeros[RILL_PRINT_KEY];
    uint8_t key[RILL_PRINT_KEY] = {0};
    assert_string_equal(rill_print_key_find(books, crypto, key), problem);
    assert_memory_equal(key, zeros, sizeof key);
}

static void test_what_is_no_key(void **state)
{
    (void)state;
    write_bytes(RILL_PRINT_KEY, 0600);
    uint8_t key[RILL_PRINT_KEY];
    assert_null(rill_print_key_find(books, crypto, key));
    assert_memory_equal(key, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", sizeof key);
    write_bytes(RILL_PRINT_KEY, 0640);
    is_wrong("others than its owner can read it");
    write_bytes(RILL_PRINT_KEY - 1, 0600);
    is_wrong("it has not 32 bytes");
    write_bytes(RILL_PRINT_KEY + 1, 0600);
    is_wrong("it has not 32 bytes");
    write_bytes(0, 0600);
    is_wrong("it has not 32 bytes");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    is_wrong("it cannot be read");
    assert_int_equal(rmdir(path), 0);
    snprintf(books, sizeof books, "%s/none/books", folder);
    is_wrong("it cannot be written");
}

static void test_a_path_that_is_too_long(void **state)
{
    uint8_t key[RILL_PRINT_KEY];
    char longest[2048];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(rill_print_key_find(longest, crypto, key), "its path is too long");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_made_once),
        TEST(test_what_is_no_key),
        TEST(test_a_path_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/kept_text.h"
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"

static char folder[] = "/tmp/rill-kept-text-XXXXXX";
static char beside[64];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(beside, sizeof beside, "%s/books", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder); /* nothing is in it */
}

static char *text_of(size_t len, char with)
{
    char *text = rill_alloc(rill_allocator_default(), len + 1);
    assert_non_null(text);
    memset(text, with, len);
    text[len] = '\0';
    return text;
}

static void has(const rill_kept_text *k, size_t len, char with)
{
    char *text = NULL;
    size_t got = 0;
    char *want = text_of(len, with);
    assert_int_equal(rill_kept_text_read(k, &text, &got), RILL_OK);
    assert_int_equal(got, len);
    assert_string_equal(text, want);
    rill_free(rill_allocator_default(), text);
    rill_free(rill_allocator_default(), want);
}

static void test_small_and_large(void **state)
{
    rill_kept_text k;
    (void)state;
    rill_kept_text_init(&k);
    has(&k, 0, 'x');
    rill_kept_text_take(&k, text_of(0, 'a'), 0, beside);
    has(&k, 0, 'a');
    rill_kept_text_take(&k, text_of(RILL_KEPT_TEXT_LARGE - 1, 'b'), RILL_KEPT_TEXT_LARGE - 1,
                        beside);
    assert_int_equal(k.fd, -1);
    has(&k, RILL_KEPT_TEXT_LARGE - 1, 'b');
    rill_kept_text_take(&k, text_of(3000000, 'c'), 3000000, beside);
    assert_true(k.fd >= 0);
    assert_null(k.text);
    has(&k, 3000000, 'c');
    has(&k, 3000000, 'c');
    /* It has no name, and no program that is started has it. */
    assert_int_equal(fcntl(k.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    DIR *d = opendir(folder);
    unsigned names = 0;
    while (readdir(d) != NULL)
        names++;
    (void)closedir(d);
    assert_int_equal(names, 2);
    /* Another one, which is smaller, takes its place. */
    int fd = k.fd;
    rill_kept_text_take(&k, text_of(10, 'd'), 10, beside);
    assert_int_equal(k.fd, -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    has(&k, 10, 'd');
    rill_kept_text_clear(&k);
    has(&k, 0, 'x');
}

static void test_where_no_file_can_be(void **state)
{
    rill_kept_text k;
    static char longest[5000];
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    rill_kept_text_init(&k);
    rill_kept_text_take(&k, text_of(100000, 'a'), 100000, "/nowhere/at/all");
    assert_int_equal(k.fd, -1);
    has(&k, 100000, 'a');
    rill_kept_text_take(&k, text_of(100000, 'b'), 100000, longest);
    assert_int_equal(k.fd, -1);
    has(&k, 100000, 'b');
    rill_kept_text_clear(&k);
}

/* Half of a configuration is none. */
static void test_a_file_that_was_cut(void **state)
{
    rill_kept_text k;
    char *text = NULL;
    size_t len = 0;
    (void)state;
    rill_kept_text_init(&k);
    rill_kept_text_take(&k, text_of(100000, 'a'), 100000, beside);
    assert_int_equal(ftruncate(k.fd, 99999), 0);
    assert_int_equal(rill_kept_text_read(&k, &text, &len), RILL_ERR_IO);
    assert_null(text);
    rill_kept_text_clear(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_and_large),
        cmocka_unit_test(test_where_no_file_can_be),
        cmocka_unit_test(test_a_file_that_was_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

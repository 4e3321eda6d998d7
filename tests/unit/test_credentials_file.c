/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <rill/credentials_file.h>
#include <rill/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rill-credentials-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/rill-credentials-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/c.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* a temporary file that was left behind is a failure */
}

static rill_credentials sample(uint8_t fill)
{
    rill_credentials c = {.destination_account = "test.server.token"};
    memset(c.shared_secret, fill, sizeof c.shared_secret);
    return c;
}

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void test_saved_and_loaded_by_its_owner_alone(void **state)
{
    (void)state;
    struct stat s;
    rill_credentials out;
    mode_t before = umask(0);
    for (uint8_t i = 1; i <= 2; i++) {
        const rill_credentials in = sample(i);
        assert_int_equal(rill_credentials_save(path, &in), RILL_OK);
        assert_int_equal(stat(path, &s), 0);
        assert_int_equal(s.st_mode & 0777, 0600);
        assert_int_equal(rill_credentials_load(&out, path, NULL), RILL_OK);
        assert_memory_equal(&out, &in, sizeof in);
        /* Whatever others made of it. */
        assert_int_equal(chmod(path, 0644), 0);
    }
    umask(before);
}

static void test_what_cannot_be_saved_changes_nothing(void **state)
{
    (void)state;
    char below[80];
    rill_credentials in = sample(1);
    rill_credentials out;
    snprintf(below, sizeof below, "%s/none/c.json", folder);
    errno = 0;
    assert_int_equal(rill_credentials_save(below, &in), RILL_ERR_IO);
    assert_int_equal(errno, ENOENT);
    /* A folder is in the place of the file: the last step fails. */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(rill_credentials_save(path, &in), RILL_ERR_IO);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rill_credentials_save(path, &in), RILL_OK);
    strcpy(in.destination_account, "no address");
    assert_int_equal(rill_credentials_save(path, &in), RILL_ERR_ADDRESS);
    assert_int_equal(rill_credentials_load(&out, path, NULL), RILL_OK);
    assert_string_equal(out.destination_account, "test.server.token");
}

static void test_what_cannot_be_loaded(void **state)
{
    (void)state;
    rill_credentials out;
    const char *problem = "";
    assert_int_equal(rill_credentials_load(&out, path, &problem), RILL_ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_null(problem);
    assert_int_equal(rill_credentials_load(&out, folder, &problem), RILL_ERR_IO);
    assert_int_equal(errno, EISDIR);
    write_file("{}", 2);
    assert_int_equal(rill_credentials_load(&out, path, &problem), RILL_ERR_MALFORMED);
    assert_non_null(problem);
}

static void test_a_file_that_is_too_long(void **state)
{
    (void)state;
    const rill_credentials in = sample(3);
    rill_credentials out;
    char text[16384];
    size_t len;
    assert_int_equal(rill_credentials_encode(&in, text, sizeof text, &len), RILL_OK);
    memset(text + len, ' ', sizeof text - len);
    write_file(text, sizeof text - 1);
    assert_int_equal(rill_credentials_load(&out, path, NULL), RILL_OK);
    write_file(text, sizeof text);
    assert_int_equal(rill_credentials_load(&out, path, NULL), RILL_ERR_MALFORMED);
}

static void test_a_servers_secret(void **state)
{
    (void)state;
    static const char text[] = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n";
    uint8_t out[RILL_SHARED_SECRET_LEN];
    assert_int_equal(rill_server_secret_load(out, path), RILL_ERR_IO);
    assert_int_equal(errno, ENOENT);
    write_file(text, sizeof text - 1);
    assert_int_equal(rill_server_secret_load(out, path), RILL_OK);
    assert_memory_equal(out, sample(3).shared_secret, sizeof out);
    write_file(text, 20);
    assert_int_equal(rill_server_secret_load(out, path), RILL_ERR_MALFORMED);
    assert_int_equal(out[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_saved_and_loaded_by_its_owner_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_saved_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_servers_secret, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

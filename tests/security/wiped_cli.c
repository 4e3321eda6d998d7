/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as rill reads and writes them: files, the environment, and the copies that a client
 * makes. No block is freed with a secret in it. The linker puts the function here in front of
 * free().
 */
#define _GNU_SOURCE /* memmem, setenv */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "cli/cli.h"

static uint8_t secret[RILL_SHARED_SECRET_LEN];
static char text[RILL_BASE64_SIZE(sizeof secret)];
static volatile unsigned found; /* the compiler knows that free() changes no variable */

void __real_free(void *p);
void __wrap_free(void *p);

/* Only the end of a freed block: its beginning is the allocator's. */
static bool holds(const void *data, size_t size)
{
    return memmem(data, size, secret + 16, 16) != NULL || memmem(data, size, text + 20, 20) != NULL;
}

void __wrap_free(void *p)
{
    if (p != NULL && holds(p, malloc_usable_size(p)))
        found++;
    __real_free(p);
}

static void prepare(void)
{
    for (uint8_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(i * 11 + 3);
    rill_base64_encode(secret, sizeof secret, text);
    found = 0;
}

static void test_what_is_freed_is_looked_at(void **state)
{
    (void)state;
    prepare();
    char *volatile copy = strdup(text);
    free(copy);
    assert_int_equal(found, 1);
}

static void test_credentials_in_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/rill-wiped-XXXXXX";
    char problem[256];
    static rill_credentials in;
    static rill_credentials out;
    prepare();
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(in.destination_account, sizeof in.destination_account, "test.server.token");
    memcpy(in.shared_secret, secret, sizeof secret);
    assert_int_equal(cli_credentials_save(path, &in, problem, sizeof problem), RILL_OK);
    assert_int_equal(cli_credentials_load(path, &out, problem, sizeof problem), RILL_OK);
    assert_memory_equal(out.shared_secret, secret, sizeof secret);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("and no JSON\n", file);
    fclose(file);
    assert_int_equal(cli_credentials_load(path, &out, problem, sizeof problem), RILL_ERR_MALFORMED);
    unlink(path);
    assert_int_equal(found, 0);
}

static void test_a_token_in_the_environment(void **state)
{
    (void)state;
    char credentials[512];
    char uri[256];
    prepare();
    /* In one text, and by itself. */
    snprintf(credentials, sizeof credentials, "{\"server\":\"btp+ws://:%.40s@localhost:7768\"}",
             text);
    setenv("ILP_CREDENTIALS", credentials, 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_OK);
    unsetenv("ILP_CREDENTIALS");
    assert_int_equal(found, 0);
}

/* What the client copied, when it could not begin. */
static void test_a_client_that_cannot_begin(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_client *client;
    rill_net_options o;
    prepare();
    rill_net_options_init(&o);
    o.link_uri = "btp+ws://no port:x";
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_int_equal(
        rill_client_open(&client, loop, &o, "test.server.token", secret, sizeof secret, NULL),
        RILL_ERR_URI);
    o.link_uri = "btp+ws://:t@127.0.0.1:1";
    assert_int_equal(
        rill_client_open(&client, loop, &o, "test.server.token", secret, sizeof secret, NULL),
        RILL_OK);
    rill_client_close(client);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    rill_loop_free(loop);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_freed_is_looked_at),
        cmocka_unit_test(test_credentials_in_a_file),
        cmocka_unit_test(test_a_token_in_the_environment),
        cmocka_unit_test(test_a_client_that_cannot_begin),
    };
    cli_wipe_json();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

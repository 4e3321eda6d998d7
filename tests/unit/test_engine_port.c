/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port of settlement engines, where a reply that waited cannot be made. The core is two
 * functions here: they stand in for those of the library.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <arpa/inet.h>
#include <unistd.h>
#include <uv.h>

#include "connector/engine_port.h"
#include <cmocka.h>

static rill_engine_reply answer; /* what the core says to any request */
static unsigned asked;
static bool known; /* who asked last */
static rill_tokens general;
static rill_tokens own;
static rill_crypto *crypto;
static unsigned closed;
static uv_loop_t uv;
static rill_loop *loop;
static rill_engine_port *port;

void rill_core_engine_ask(rill_core *c, const rill_engine_request *r, rill_engine_reply *out)
{
    (void)c;
    assert_int_equal(r->body.len, 2);
    *out = answer;
    known = r->known;
    asked++;
}

static const char *has_own; /* this account has tokens of its own; NULL: none has */

bool rill_core_engine_has_tokens(const rill_core *c, rill_bytes path, rill_bytes *account)
{
    (void)c;
    assert_memory_equal(path.data, "/accounts/bob", 13);
    if (has_own == NULL)
        return false;
    *account = (rill_bytes){(const uint8_t *)has_own, strlen(has_own)};
    return true;
}

bool rill_core_has_kept(const rill_core *c, uint64_t group)
{
    (void)c;
    (void)group;
    return false;
}

static void on_closed(void *user)
{
    (void)user;
    closed++;
}

static void on_line(void *user, const char *line)
{
    (void)user;
    (void)line;
}

static int set_up(void **state)
{
    (void)state;
    const rill_engine_port_options o = {.host = "127.0.0.1",
                                        .tokens = &general,
                                        .own_tokens = &own,
                                        .log = on_line,
                                        .closed = on_closed};
    asked = closed = 0;
    has_own = NULL;
    crypto = rill_crypto_new(rill_allocator_default());
    rill_tokens_init(&general, rill_allocator_default(), crypto, 1);
    rill_tokens_init(&own, rill_allocator_default(), crypto, 2);
    memset(&answer, 0, sizeof answer);
    answer.type = "text/plain";
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(rill_loop_new(&loop, &uv), RILL_OK);
    assert_int_equal(rill_engine_port_open(&port, loop, &o), RILL_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_engine_port_close(port);
    while (closed == 0)
        uv_run(&uv, UV_RUN_ONCE);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    while (uv_loop_close(&uv) != 0)
        uv_run(&uv, UV_RUN_ONCE);
    rill_tokens_clear(&general);
    rill_tokens_clear(&own);
    rill_crypto_free(crypto);
    return 0;
}

/* An engine has asked, and waits. header: a line more, or nothing. Returns its socket. */
static int ask_with(const char *header)
{
    char request[300];
    int len = snprintf(request, sizeof request,
                       "POST /accounts/bob/messages HTTP/1.1\r\nHost: a\r\n%s"
                       "Content-Length: 2\r\n\r\nhi",
                       header);
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons(rill_engine_port_number(port))};
    unsigned before = asked;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(connect(s, (const struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(write(s, request, (size_t)len), len);
    while (asked == before)
        uv_run(&uv, UV_RUN_ONCE);
    return s;
}

static int ask(void)
{
    return ask_with("");
}

static rill_bytes text(const char *of)
{
    return (rill_bytes){(const uint8_t *)of, strlen(of)};
}

/* A token of one account. Its owner is of no interest. */
static void give(const char *token, const char *account)
{
    uint8_t hash[RILL_SHA256_LEN];
    uint8_t bound[RILL_SHA256_LEN];
    assert_int_equal(rill_crypto_sha256(crypto, (const uint8_t *)token, strlen(token), hash),
                     RILL_OK);
    assert_int_equal(rill_engine_token_of(crypto, hash, text(account), bound), RILL_OK);
    assert_int_equal(rill_tokens_add_hash(&own, bound, &own), RILL_OK);
}

static bool is_known(const char *header)
{
    close(ask_with(header));
    return known;
}

/* One of an account is good for that account, and no other one is. */
static void test_whose_token_it_is(void **state)
{
    (void)state;
    answer.status = 200;
    assert_true(is_known("")); /* no token is needed */
    give("eves", "eve");
    give("both", "eve");
    give("both", "bob");
    give("bobs", "bob");
    assert_true(is_known(""));
    has_own = "bob";
    assert_false(is_known(""));
    assert_true(is_known("Authorization: Bearer bobs\r\n"));
    assert_true(is_known("Authorization: Bearer both\r\n"));
    assert_false(is_known("Authorization: Bearer eves\r\n"));
    assert_false(is_known("Authorization: Bearer bob\r\n"));
    assert_int_equal(rill_tokens_add(&general, text("all"), &general), RILL_OK);
    assert_false(is_known("Authorization: Bearer all\r\n"));
    assert_true(is_known("Authorization: Bearer bobs\r\n"));
    has_own = NULL;
    assert_false(is_known(""));
    assert_false(is_known("Authorization: Bearer bobs\r\n"));
    assert_true(is_known("Authorization: Bearer all\r\n"));
}

/* Nothing was said to it, and the connection is over. */
static void is_over(int s)
{
    char byte;
    for (unsigned i = 0; i < 5; i++)
        uv_run(&uv, UV_RUN_NOWAIT);
    assert_int_equal(read(s, &byte, 1), 0);
    close(s);
}

/* There is no status 7, so that there is no such reply, as there is none without memory. */

static void test_a_message(void **state)
{
    (void)state;
    answer.message = 5;
    int s = ask();
    rill_engine_port_messaged(port, 5, 7, (rill_bytes){NULL, 0});
    rill_engine_port_messaged(port, 5, 201, (rill_bytes){NULL, 0}); /* nobody waits any more */
    is_over(s);
}

static void test_what_waits_for_the_books(void **state)
{
    (void)state;
    answer.group = 3;
    answer.status = 7;
    int first = ask();
    int second = ask();
    rill_engine_port_kept(port, 2);
    rill_engine_port_kept(port, 3);
    is_over(first);
    is_over(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_whose_token_it_is),
        TEST(test_a_message),
        TEST(test_what_waits_for_the_books),
    };
    return cmocka_run_group_tests_name("engine port", tests, NULL, NULL);
}

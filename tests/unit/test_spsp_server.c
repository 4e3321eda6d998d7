/* SPDX-License-Identifier: Apache-2.0 */
/* What a server of SPSP hands out, to whom, and what it says to those who want something else. */
#define _GNU_SOURCE

#include "spsp_server_fixture.h"

static void test_each_query_gets_its_own(void **state)
{
    (void)state;
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    assert_int_equal(rill_spsp_server_add(w.spsp, RILL_SPSP_WELL_KNOWN, NULL), RILL_OK);
    rill_spsp_answer a = read_answer(get("/alice", "Accept: application/spsp4+json\r\n"));
    assert_non_null(strstr(w.got, "content-type: application/spsp4+json\r\n"));
    rill_spsp_answer b = read_answer(get("/alice", ""));
    assert_non_null(strstr(w.got, "content-type: application/spsp4+json\r\n"));
    rill_spsp_answer c = read_answer(get("/.well-known/pay", "Accept: " RILL_SPSP_ACCEPT "\r\n"));
    assert_string_not_equal(a.credentials.destination_account, b.credentials.destination_account);
    assert_memory_not_equal(a.credentials.shared_secret, b.credentials.shared_secret, 32);
    assert_true(starts(c.credentials.destination_account, rill_server_address(w.server)));
    assert_false(a.receipts_enabled);
    /* The older name of the same thing, for who takes nothing else. */
    (void)read_answer(get("/alice", "Accept: application/spsp+json;q=0.9, text/html\r\n"));
    assert_non_null(strstr(w.got, "content-type: application/spsp+json\r\n"));
    (void)read_answer(
        get("/alice", "Accept: application/spsp+json\r\naccept: application/spsp4+json\r\n"));
    assert_non_null(strstr(w.got, "content-type: application/spsp4+json\r\n"));
    finish();
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        const char *status;
    } cases[] = {
        {"/alice", "200"},      {"/%61lice", "200"},   {"/al%69%63e", "200"}, {"/zo%C3%AB", "200"},
        {"/a/b/c", "200"},      {"/Alice", "404"},     {"/alice/", "404"},    {"//alice", "404"},
        {"/alic", "404"},       {"/", "404"},          {"/a%2Fb/c", "404"},   {"/alice%00", "404"},
        {"/alice%", "400"},     {"/alice%6", "400"},   {"/alice%6g", "400"},  {"/alice?", "400"},
        {"/alice?x=1", "400"},  {"/%2561lice", "404"}, {"*", "400"},          {"/..", "404"},
        {"/a/../alice", "404"},
    };
    char longest[RILL_SPSP_MAX_PATH + 2];
    (void)state;
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/zo\xc3\xab", NULL), RILL_OK);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/a/b/c", ""), RILL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = get(cases[i].path, "");
        if (strncmp(got + 9, cases[i].status, 3) != 0)
            fail_msg("%s: %.20s", cases[i].path, got);
    }
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[RILL_SPSP_MAX_PATH] = '\0';
    assert_int_equal(rill_spsp_server_add(w.spsp, longest, NULL), RILL_OK);
    assert_true(starts(get(longest, ""), "HTTP/1.1 200 "));
    longest[RILL_SPSP_MAX_PATH] = 'x';
    longest[RILL_SPSP_MAX_PATH + 1] = '\0';
    assert_int_equal(rill_spsp_server_add(w.spsp, longest, NULL), RILL_ERR_INVALID);
    assert_true(starts(get(longest, ""), "HTTP/1.1 404 "));
    finish();
}

static void test_nobody(void **state)
{
    (void)state;
    begin(&quiet);
    const char *got = get("/bob", "");
    assert_true(starts(got, "HTTP/1.1 404 Not Found\r\n"));
    assert_non_null(strstr(got, "content-type: application/spsp4+json\r\n"));
    assert_non_null(strstr(got, "access-control-allow-origin: *\r\n"));
    assert_string_equal(body_of(got),
                        "{\"id\":\"InvalidReceiverError\",\"message\":\"Invalid receiver ID\"}");
    finish();
}

static void test_adding_and_removing(void **state)
{
    char tag[RILL_MAX_TAG + 2];
    rill_spsp_server *other;
    rill_spsp_server_options o;
    (void)state;
    begin(&quiet);
    memset(tag, 't', sizeof tag);
    tag[RILL_MAX_TAG + 1] = '\0';
    assert_int_equal(rill_spsp_server_add(w.spsp, "/a", tag), RILL_ERR_INVALID);
    tag[RILL_MAX_TAG] = '\0';
    assert_int_equal(rill_spsp_server_add(w.spsp, "/a", tag), RILL_OK);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/a", NULL), RILL_ERR_EXISTS);
    assert_int_equal(rill_spsp_server_add(w.spsp, "a", NULL), RILL_ERR_INVALID);
    assert_int_equal(rill_spsp_server_add(w.spsp, "", NULL), RILL_ERR_INVALID);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/", NULL), RILL_ERR_INVALID);
    assert_true(starts(get("/a", ""), "HTTP/1.1 200 "));
    assert_int_equal(rill_spsp_server_remove(w.spsp, "/b"), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_spsp_server_remove(w.spsp, "/a"), RILL_OK);
    assert_int_equal(rill_spsp_server_remove(w.spsp, "/a"), RILL_ERR_NOT_FOUND);
    assert_true(starts(get("/a", ""), "HTTP/1.1 404 "));
    /* One without a receiver's credentials has nothing to hand out by itself. */
    rill_spsp_server_options_init(&o);
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_OK);
    assert_int_equal(rill_spsp_server_add(other, "/a", NULL), RILL_ERR_STATE);
    rill_spsp_server_close(other);
    finish();
}

static void test_options_that_cannot_be(void **state)
{
    rill_spsp_server_options o;
    rill_spsp_server *other = NULL;
    (void)state;
    begin(&quiet);
    rill_spsp_server_options_init(&o);
    o.port = rill_spsp_server_port(w.spsp);
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_ADDRESS_IN_USE);
    rill_spsp_server_options_init(&o);
    o.host = "wallet.example";
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_INVALID);
    rill_spsp_server_options_init(&o);
    o.cert_file = "/nowhere";
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_INVALID);
    o.key_file = "/nowhere";
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_TLS);
    rill_spsp_server_options_init(&o);
    o.max_connections = 0;
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_INVALID);
    memset(&o, 0, sizeof o);
    assert_int_equal(rill_spsp_server_open(&other, w.loop, &o), RILL_ERR_INVALID);
    assert_int_equal(rill_spsp_server_renew_tls(w.spsp, "/nowhere", "/nowhere"), RILL_ERR_INVALID);
    assert_null(other);
    finish();
}

/* ---- other methods ---- */

static void test_methods(void **state)
{
    (void)state;
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    const char *got = ask("HEAD /alice HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 200 OK\r\n"));
    assert_string_equal(body_of(got), "");
    assert_non_null(strstr(got, "content-length: "));
    got = ask("HEAD /bob HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 404 "));
    assert_string_equal(body_of(got), "");
    got = ask("OPTIONS /alice HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\n"
              "Access-Control-Request-Method: GET\r\n"
              "Access-Control-Request-Headers: web-monetization-id\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 204 No Content\r\n"));
    assert_non_null(strstr(got, "access-control-allow-origin: *\r\n"));
    assert_non_null(strstr(got, "access-control-allow-headers: web-monetization-id"));
    assert_non_null(strstr(got, "access-control-allow-methods: GET, HEAD, OPTIONS\r\n"));
    assert_true(starts(ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 204 "));
    got = ask("POST /alice HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    assert_true(starts(got, "HTTP/1.1 405 "));
    assert_non_null(strstr(got, "allow: GET, HEAD, OPTIONS\r\n"));
    assert_true(starts(ask("PUT /alice HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 4"));
    /* Several on one connection, one after the other; then one that is no HTTP at all. */
    got = ask_for("GET /alice HTTP/1.1\r\nHost: x\r\n\r\nGET /bob HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /alice HTTP/1.1\r\nHost: x\r\n\r\n",
                  3);
    assert_non_null(strstr(got, "HTTP/1.1 404 "));
    (void)ask_for("GET /alice\r\n\r\n", 0);
    assert_true(starts(get("/alice", ""), "HTTP/1.1 200 "));
    finish();
}

/* ---- what is posted ---- */

static struct {
    unsigned count;
    uint64_t query;
    unsigned status; /* that it is answered with */
    char path[64];
    char body[64];
    size_t len;
} post;

static void on_posted(rill_spsp_server *s, uint64_t query_id, const rill_spsp_posted *posted,
                      void *user)
{
    (void)user;
    post.count++;
    post.query = query_id;
    snprintf(post.path, sizeof post.path, "%s", posted->path);
    post.len = posted->body.len;
    snprintf(post.body, sizeof post.body, "%.*s", (int)posted->body.len,
             posted->body.data ? (const char *)posted->body.data : "");
    assert_int_equal(rill_spsp_server_reply(s, query_id, 199, "no"), RILL_ERR_INVALID);
    assert_int_equal(rill_spsp_server_reply(s, query_id, 600, "no"), RILL_ERR_INVALID);
    assert_int_equal(rill_spsp_server_reply(s, query_id, post.status, "so it is"), RILL_OK);
}

static void test_what_is_posted(void **state)
{
    static const rill_spsp_server_handlers on = {
        .size = sizeof on, .closed = on_spsp_closed, .posted = on_posted};
    static char large[70000];
    (void)state;
    memset(&post, 0, sizeof post);
    begin(&on);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    post.status = 200;
    const char *got = ask("POST /balances/a%20b:spend HTTP/1.1\r\nHost: x\r\n"
                          "Content-Length: 2\r\n\r\nhi");
    assert_true(starts(got, "HTTP/1.1 200 OK\r\n"));
    assert_string_equal(body_of(got), "so it is");
    assert_non_null(strstr(got, "content-type: text/plain\r\n"));
    assert_string_equal(post.path, "/balances/a b:spend");
    assert_string_equal(post.body, "hi");
    post.status = 409;
    got = ask("POST /alice HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 409 "));
    assert_int_equal(post.len, 0);
    assert_int_equal(rill_spsp_server_reply(w.spsp, post.query, 200, ""), RILL_ERR_NOT_FOUND);
    assert_int_equal(post.count, 2);
    /* What is no path does not get there, nor what is too large; other methods do not either. */
    got = ask("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 400 "));
    got = ask("PUT /alice HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_true(starts(got, "HTTP/1.1 405 "));
    (void)snprintf(large, sizeof large,
                   "POST /alice HTTP/1.1\r\nHost: x\r\nContent-Length: 66000\r\n\r\n%0*d", 66000,
                   0);
    assert_true(starts(ask(large), "HTTP/1.1 413 "));
    (void)snprintf(large, sizeof large,
                   "POST /alice HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "101d0\r\n%0*d\r\n0\r\n\r\n",
                   66000, 0);
    assert_true(starts(ask(large), "HTTP/1.1 413 "));
    assert_int_equal(post.count, 2);
    finish();
}

/* ---- receipts ---- */

static void test_receipts(void **state)
{
    static const char *const bad[] = {
        "Receipt-Nonce: " NONCE "\r\n",
        "Receipt-Secret: " SECRET "\r\n",
        "Receipt-Nonce: AAAA\r\nReceipt-Secret: " SECRET "\r\n",
        "Receipt-Nonce: " NONCE "\r\nReceipt-Secret: AAAA\r\n",
        "Receipt-Nonce: !\r\nReceipt-Secret: " SECRET "\r\n",
        "Receipt-Nonce:\r\nReceipt-Secret: " SECRET "\r\n",
        "Receipt-Nonce: " NONCE "\r\nReceipt-Nonce: " NONCE "\r\nReceipt-Secret: " SECRET "\r\n",
        "Receipt-Nonce: " NONCE "\r\nReceipt-Secret: " SECRET "AAAA\r\n",
    };
    (void)state;
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    rill_spsp_answer a =
        read_answer(get("/alice", "Receipt-Nonce: " NONCE "\r\nreceipt-secret: " SECRET "\r\n"));
    assert_true(a.receipts_enabled);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!starts(get("/alice", bad[i]), "HTTP/1.1 400 "))
            fail_msg("%s: %.20s", bad[i], w.got);
        assert_non_null(strstr(body_of(w.got), "Receipt-"));
    }
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_query_gets_its_own),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_adding_and_removing),
        cmocka_unit_test(test_options_that_cannot_be),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_what_is_posted),
        cmocka_unit_test(test_receipts),
    };
    return cmocka_run_group_tests_name("spsp server", tests, NULL, NULL);
}

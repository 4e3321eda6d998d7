/* SPDX-License-Identifier: Apache-2.0 */
/* A server of SPSP and its application: questions, time, the end, many receivers, failures. */
#define _GNU_SOURCE

#include "spsp_server_fixture.h"

#include "spsp/spsp_server.h"

/* ---- receivers that the application knows ---- */

static void test_the_application_is_asked(void **state)
{
    (void)state;
    begin(&handlers);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice"), RILL_OK);
    (void)read_answer(get("/alice", ""));
    assert_int_equal(w.asked, 0);
    (void)read_answer(get("/b%6fb", "Receipt-Nonce: " NONCE "\r\nReceipt-Secret: " SECRET "\r\n"));
    assert_int_equal(w.asked, 1);
    assert_string_equal(w.path, "/bob");
    assert_string_equal(w.host, "wallet.example");
    assert_true(w.receipts);
    w.answer = RILL_ERR_NOT_FOUND;
    assert_true(starts(get("/bob", ""), "HTTP/1.1 404 "));
    assert_false(w.receipts);
    w.answer = RILL_ERR_LIMIT;
    assert_true(starts(get("/bob", ""), "HTTP/1.1 503 "));
    assert_non_null(strstr(w.got, "retry-after: 1\r\n"));
    /* Answered: it is over. */
    assert_int_equal(rill_spsp_server_hand_out(w.spsp, w.query, w.server, NULL),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_spsp_server_refuse(w.spsp, w.query, RILL_ERR_LIMIT), RILL_ERR_NOT_FOUND);
    finish();
}

static bool was_asked;

static void on_asked_later(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                           void *user)
{
    w.answer = 1;
    on_asked(s, query_id, asked, user);
    was_asked = true;
}

static void test_an_answer_takes_its_time(void **state)
{
    static const rill_spsp_server_handlers later = {
        .size = sizeof later, .asked = on_asked_later, .closed = on_spsp_closed};
    rill_credentials c;
    char tag[RILL_MAX_TAG + 2];
    (void)state;
    begin(&later);
    was_asked = false;
    begin_ask("GET /bob HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    until(&was_asked);
    /* What is wrong is not the end of it. */
    memset(tag, 't', sizeof tag);
    tag[RILL_MAX_TAG + 1] = '\0';
    assert_int_not_equal(rill_spsp_server_hand_out(w.spsp, w.query, w.server, tag), RILL_OK);
    memset(&c, 0, sizeof c);
    assert_int_equal(rill_spsp_server_answer(w.spsp, w.query, &c, false), RILL_ERR_ADDRESS);
    assert_int_equal(rill_server_generate_credentials(w.server, NULL, &c), RILL_OK);
    assert_int_equal(rill_spsp_server_answer(w.spsp, w.query, &c, true), RILL_OK);
    assert_int_equal(rill_map_count(&w.spsp->queries),
                     0); /* it does not wait for its asker to go */
    until(&w.ended);
    until(&w.socket_closed);
    rill_spsp_answer a = read_answer(w.got);
    assert_memory_equal(&a.credentials.shared_secret, c.shared_secret, sizeof c.shared_secret);
    assert_true(a.receipts_enabled);
    /* Who asked has gone. */
    was_asked = false;
    begin_ask("GET /bob HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    until(&was_asked);
    hang_up();
    until(&w.socket_closed);
    while (rill_spsp_server_answer(w.spsp, w.query, &(rill_credentials){.shared_secret = {0}},
                                   false) == RILL_ERR_ADDRESS)
        (void)uv_run(rill_loop_uv(w.loop), UV_RUN_ONCE);
    assert_int_equal(rill_spsp_server_answer(w.spsp, w.query, &c, false), RILL_ERR_NOT_FOUND);
    /* The server closes while one is open. */
    was_asked = false;
    begin_ask("GET /bob HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    until(&was_asked);
    rill_spsp_server_close(w.spsp);
    assert_int_equal(rill_spsp_server_answer(w.spsp, w.query, &c, false), RILL_ERR_NOT_FOUND);
    until(&w.ended);
    until(&w.socket_closed);
    rill_credentials_wipe(&c);
    finish();
}

static void on_asked_close(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                           void *user)
{
    (void)query_id;
    (void)asked;
    (void)user;
    rill_spsp_server_close(s);
}

static void test_closing_from_inside(void **state)
{
    static const rill_spsp_server_handlers close = {
        .size = sizeof close, .asked = on_asked_close, .closed = on_spsp_closed};
    (void)state;
    begin(&close);
    assert_string_equal(ask_for("GET /bob HTTP/1.1\r\nHost: x\r\n\r\n", 0), "");
    finish();
}

/* ---- who pays with what was handed out ---- */

static void on_client_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    *(bool *)user = true;
}

static void test_the_name_is_the_connections_tag(void **state)
{
    static const rill_handlers on = {.size = sizeof on, .closed = on_client_closed};
    rill_client *client;
    rill_net_options o;
    char link[128];
    bool closed = false;
    (void)state;
    begin(&handlers);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", "alice and nobody else"), RILL_OK);
    snprintf(link, sizeof link, "btp+ws://payer:open@%s", strstr(w.uri, "127."));
    for (unsigned i = 0; i < 2; i++) {
        rill_spsp_answer a = read_answer(get(i == 0 ? "/alice" : "/bob", ""));
        rill_net_options_init(&o);
        o.link_uri = link;
        o.handlers = &on;
        o.user = &closed;
        assert_int_equal(rill_client_open(&client, w.loop, &o, a.credentials.destination_account,
                                          a.credentials.shared_secret, RILL_SHARED_SECRET_LEN,
                                          NULL),
                         RILL_OK);
        w.tagged = closed = false;
        until(&w.tagged);
        assert_string_equal(w.tag, i == 0 ? "alice and nobody else" : "asked");
        rill_client_close(client);
        until(&closed);
    }
    finish();
}

static void test_who_has_ended_its_side_is_answered(void **state)
{
    (void)state;
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", NULL), RILL_OK);
    /* Request and end come together, since the server's loop does not run between the two. */
    w.half = true;
    (void)ask_for("GET /alice HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    (void)read_answer(w.got);
    finish();
}

/* ---- before there is an address ---- */

static void test_not_ready_yet(void **state)
{
    (void)state;
    begin_without();
    assert_int_equal(open_spsp(&quiet), RILL_OK);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/alice", NULL), RILL_OK);
    /* The node answers on this loop, too; so this one comes first or not. */
    const char *got = get("/alice", "");
    assert_true(starts(got, w.ready ? "HTTP/1.1 " : "HTTP/1.1 503 "));
    until(&w.ready);
    assert_true(starts(get("/alice", ""), "HTTP/1.1 200 "));
    finish();
}

/* ---- many ---- */

static void test_a_hundred_thousand_receivers(void **state)
{
    char path[32];
    (void)state;
    begin(&quiet);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(path, sizeof path, "/user%u", i);
        assert_int_equal(rill_spsp_server_add(w.spsp, path, path + 1), RILL_OK);
    }
    for (unsigned i = 0; i < 100000; i += 9999) {
        snprintf(path, sizeof path, "/user%u", i);
        (void)read_answer(get(path, ""));
    }
    assert_true(starts(get("/user100000", ""), "HTTP/1.1 404 "));
    finish();
}

/* ---- allocations that fail ---- */

static void test_failing_allocations(void **state)
{
    unsigned long n = 1;
    unsigned refusals = 0;
    (void)state;
    for (bool done = false; !done; n++) {
        begin_without();
        until(&w.ready);
        counting = true;
        asked_for = 0;
        fail_at = n;
        int error = open_spsp(&handlers);
        if (error == RILL_OK)
            error = rill_spsp_server_add(w.spsp, "/alice", "alice");
        counting = false;
        if (error != RILL_OK)
            assert_true(error == RILL_ERR_NOMEM || error == RILL_ERR_TLS);
        if (w.spsp == NULL)
            assert_int_equal(open_spsp(&handlers), RILL_OK);
        error = rill_spsp_server_add(w.spsp, "/alice", "alice");
        assert_true(error == RILL_OK || error == RILL_ERR_EXISTS);
        counting = true;
        const char *got = ask_for("GET /alice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0);
        bool whole_answer = starts(got, "HTTP/1.1 200 ") || starts(got, "HTTP/1.1 503 ");
        assert_true(whole_answer || *got == '\0');
        refusals += !starts(got, "HTTP/1.1 200 ");
        w.answer = 1;
        got = NULL;
        w.asked = 0;
        begin_ask("GET /bob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0);
        while (!w.ended && w.asked == 0)
            (void)uv_run(rill_loop_uv(w.loop), UV_RUN_ONCE);
        if (w.asked > 0 && rill_spsp_server_hand_out(w.spsp, w.query, w.server, "bob") != RILL_OK)
            (void)rill_spsp_server_refuse(w.spsp, w.query, RILL_ERR_NOMEM);
        until(&w.ended);
        until(&w.socket_closed);
        refusals += !starts(w.got, "HTTP/1.1 200 ");
        done = asked_for < n;
        counting = false;
        /* The next one is served. */
        w.answer = RILL_OK;
        (void)read_answer(get("/alice", ""));
        (void)read_answer(get("/bob", ""));
        finish();
    }
    assert_true(n > 10);
    assert_true(refusals > 2);
}

/* ---- who asks without end, and reads late ---- */

enum { ASKED = 30000 };
static const char one_of_many[] = "GET /all HTTP/1.1\r\nHost: wallet.example\r\n\r\n";
static const char last_of_many[] =
    "GET /all HTTP/1.1\r\nHost: wallet.example\r\nConnection: close\r\n\r\n";
static unsigned heads;
static size_t in_blank_line;

/* A head ends with a blank line, and no body has one. */
static void on_many(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    static const char blank[] = "\r\n\r\n";
    (void)stream;
    for (ssize_t i = 0; i < n; i++) {
        in_blank_line = buf->base[i] == blank[in_blank_line] ? in_blank_line + 1
                        : buf->base[i] == '\r'               ? 1
                                                             : 0;
        if (in_blank_line == strlen(blank)) {
            heads++;
            in_blank_line = 0;
        }
    }
    if (n < 0) {
        w.ended = true;
        hang_up();
    }
}

static void on_connected_to_ask(uv_connect_t *req, int status)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)w.request, (unsigned)w.request_len);
    (void)req;
    assert_int_equal(status, 0);
    assert_int_equal(uv_write(&w.writing, (uv_stream_t *)&w.socket, &buf, 1, on_written), 0);
}

static void on_late(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    assert_int_equal(uv_read_start((uv_stream_t *)&w.socket, on_room, on_many), 0);
}

/* What it wrote stays in the system meanwhile; then all of it is answered, and it does nothing. */
static void test_who_asks_and_does_not_read_is_served_when_it_does(void **state)
{
    struct sockaddr_in at;
    uv_timer_t late;
    size_t one = strlen(one_of_many);
    char *all = malloc(ASKED * one + sizeof last_of_many);
    (void)state;
    assert_non_null(all);
    for (size_t i = 0; i < ASKED; i++)
        memcpy(all + i * one, one_of_many, one);
    memcpy(all + ASKED * one, last_of_many, sizeof last_of_many);
    begin(&quiet);
    assert_int_equal(rill_spsp_server_add(w.spsp, "/all", "all"), RILL_OK);
    w.request = all;
    w.request_len = ASKED * one + strlen(last_of_many);
    heads = 0;
    in_blank_line = 0;
    assert_int_equal(uv_ip4_addr("127.0.0.1", rill_spsp_server_port(w.spsp), &at), 0);
    assert_int_equal(uv_tcp_init(rill_loop_uv(w.loop), &w.socket), 0);
    assert_int_equal(
        uv_tcp_connect(&w.connecting, &w.socket, (const struct sockaddr *)&at, on_connected_to_ask),
        0);
    uv_timer_init(rill_loop_uv(w.loop), &late);
    uv_timer_start(&late, on_late, 1500, 0);
    until(&w.ended);
    until(&w.socket_closed);
    assert_int_equal(heads, ASKED + 1);
    free(all);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_application_is_asked),
        cmocka_unit_test(test_an_answer_takes_its_time),
        cmocka_unit_test(test_closing_from_inside),
        cmocka_unit_test(test_the_name_is_the_connections_tag),
        cmocka_unit_test(test_who_has_ended_its_side_is_answered),
        cmocka_unit_test(test_not_ready_yet),
        cmocka_unit_test(test_a_hundred_thousand_receivers),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_who_asks_and_does_not_read_is_served_when_it_does),
    };
    return cmocka_run_group_tests_name("spsp server life", tests, NULL, NULL);
}

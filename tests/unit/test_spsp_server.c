/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of SPSP over real sockets: what it hands out, to whom, and what it says to those who
 * want something else. A node, a receiver, the server and a client without rules are on one loop.
 *
 * The linker puts the functions below before malloc's (--wrap), for the code of this tree.
 */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rill/receipt.h>
#include <rill/rill.h>
#include <rill/spsp.h>
#include <rill/spsp_server.h>
#include <uv.h>

#include "cli/demo_node.h"

#define DEADLINE_MS 60000
#define NONCE       "AAECAwQFBgcICQoLDA0ODw=="
#define SECRET      "6jR5iNIVRvqeasJeCty6C-YB5X9FhSOUPCL_5nha5Vs"

/* ---- allocations that fail ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool counting;
static unsigned long asked_for, fail_at;

static bool refused(void)
{
    return counting && ++asked_for == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : __real_realloc(ptr, size);
}

/* ---- the world ---- */

typedef struct world {
    rill_loop *loop;
    rill_node *node;
    rill_server *server;
    rill_spsp_server *spsp;
    uv_timer_t deadline;
    bool ready, server_closed, spsp_closed, tagged;
    char uri[64];
    char tag[RILL_MAX_TAG + 1];
    /* the client */
    uv_tcp_t socket;
    uv_connect_t connecting;
    uv_write_t writing;
    uv_shutdown_t shutting;
    bool half; /* it says at once that it says nothing more */
    const char *request;
    size_t request_len;
    char got[65536]; /* NUL-terminated */
    size_t got_len;
    bool ended, socket_closed;
    unsigned answers; /* that are wanted before it hangs up; 0: it waits for the server */
    /* what the application was asked */
    unsigned asked;
    uint64_t query;
    char path[RILL_SPSP_MAX_PATH + 1];
    char host[256];
    bool receipts;
    int answer; /* RILL_OK: hand out; 1: later; else refuse with it */
    char line[512];
} world;

static world w;

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fprintf(stderr, "# it does not end: got \"%s\"\n", w.got);
    _exit(1);
}

static void until(const bool *done)
{
    while (!*done)
        (void)uv_run(rill_loop_uv(w.loop), UV_RUN_ONCE);
}

static void on_server_ready(rill_server *server, void *user)
{
    (void)server;
    ((world *)user)->ready = true;
}

static void on_connection(rill_connection *c, void *user)
{
    world *m = user;
    snprintf(m->tag, sizeof m->tag, "%s", rill_connection_tag(c));
    m->tagged = true;
}

static void on_server_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    ((world *)user)->server_closed = true;
}

static void on_asked(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                     void *user)
{
    world *m = user;
    m->asked++;
    m->query = query_id;
    snprintf(m->path, sizeof m->path, "%s", asked->path);
    snprintf(m->host, sizeof m->host, "%s", asked->host);
    m->receipts = asked->receipt_nonce != NULL;
    assert_true((asked->receipt_nonce != NULL) == (asked->receipt_secret != NULL));
    if (m->answer == RILL_OK)
        assert_int_equal(rill_spsp_server_hand_out(s, query_id, m->server, "asked"), RILL_OK);
    else if (m->answer < 0)
        assert_int_equal(rill_spsp_server_refuse(s, query_id, m->answer), RILL_OK);
}

static void on_log(const char *line, void *user)
{
    snprintf(((world *)user)->line, sizeof w.line, "%s", line);
}

static void on_spsp_closed(void *user)
{
    world *m = user;
    m->spsp_closed = true;
    m->spsp = NULL;
}

static const rill_spsp_server_handlers handlers = {
    .size = sizeof handlers, .asked = on_asked, .log = on_log, .closed = on_spsp_closed};
static const rill_spsp_server_handlers quiet = {.size = sizeof quiet, .closed = on_spsp_closed};

static int open_spsp(const rill_spsp_server_handlers *on)
{
    rill_spsp_server_options o;
    rill_spsp_server_options_init(&o);
    o.server = w.server;
    o.handlers = on;
    o.user = &w;
    w.spsp_closed = false;
    return rill_spsp_server_open(&w.spsp, w.loop, &o);
}

static void begin_without(void)
{
    static const rill_handlers on = {.size = sizeof on,
                                     .server_ready = on_server_ready,
                                     .connection = on_connection,
                                     .closed = on_server_closed};
    static char link[128];
    rill_net_options o;
    memset(&w, 0, sizeof w);
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    uv_timer_init(rill_loop_uv(w.loop), &w.deadline);
    uv_timer_start(&w.deadline, on_deadline, DEADLINE_MS, 0);
    assert_int_equal(demo_node_open(&w.node, w.loop, w.uri, sizeof w.uri), RILL_OK);
    snprintf(link, sizeof link, "btp+ws://shop:open@%s", strstr(w.uri, "127."));
    rill_net_options_init(&o);
    o.link_uri = link;
    o.handlers = &on;
    o.user = &w;
    assert_int_equal(rill_server_open(&w.server, w.loop, &o, NULL), RILL_OK);
}

static void begin(const rill_spsp_server_handlers *on)
{
    begin_without();
    until(&w.ready);
    assert_int_equal(open_spsp(on), RILL_OK);
}

static void finish(void)
{
    if (!w.spsp_closed) {
        rill_spsp_server_close(w.spsp);
        rill_spsp_server_close(w.spsp); /* again: nothing */
    }
    rill_server_close(w.server);
    until(&w.spsp_closed);
    until(&w.server_closed);
    rill_node_close(w.node);
    uv_close((uv_handle_t *)&w.deadline, NULL);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

/* ---- the client ---- */

static void on_socket_closed(uv_handle_t *handle)
{
    (void)handle;
    w.socket_closed = true;
}

static void hang_up(void)
{
    if (!uv_is_closing((uv_handle_t *)&w.socket))
        uv_close((uv_handle_t *)&w.socket, on_socket_closed);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(w.got + w.got_len, (unsigned)(sizeof w.got - 1 - w.got_len));
}

/* Whole responses that have come: each says how long its body is. */
static unsigned whole(void)
{
    unsigned count = 0;
    for (const char *at = w.got;; count++) {
        const char *head = strstr(at, "\r\n\r\n");
        if (head == NULL)
            return count;
        const char *length = strcasestr(at, "content-length: ");
        size_t body = length != NULL && length < head && strstr(w.request, "HEAD ") != w.request
                          ? strtoul(length + 16, NULL, 10)
                          : 0;
        if (strlen(head + 4) < body)
            return count;
        at = head + 4 + body;
    }
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)stream;
    (void)buf;
    if (n > 0) {
        w.got_len += (size_t)n;
        w.got[w.got_len] = '\0';
    }
    if (n < 0 || (w.answers > 0 && whole() >= w.answers)) {
        w.ended = true;
        hang_up();
    }
}

static void on_written(uv_write_t *req, int status)
{
    (void)req;
    (void)status;
}

static void on_shut(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status;
}

static void on_connected(uv_connect_t *req, int status)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)w.request, (unsigned)w.request_len);
    (void)req;
    assert_int_equal(status, 0);
    assert_int_equal(uv_write(&w.writing, (uv_stream_t *)&w.socket, &buf, 1, on_written), 0);
    if (w.half)
        assert_int_equal(uv_shutdown(&w.shutting, (uv_stream_t *)&w.socket, on_shut), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&w.socket, on_room, on_bytes), 0);
}

static void begin_ask(const char *request, unsigned answers)
{
    struct sockaddr_in at;
    w.request = request;
    w.request_len = strlen(request);
    w.answers = answers;
    w.got_len = 0;
    w.got[0] = '\0';
    w.ended = w.socket_closed = false;
    assert_int_equal(uv_ip4_addr("127.0.0.1", rill_spsp_server_port(w.spsp), &at), 0);
    assert_int_equal(uv_tcp_init(rill_loop_uv(w.loop), &w.socket), 0);
    assert_int_equal(
        uv_tcp_connect(&w.connecting, &w.socket, (const struct sockaddr *)&at, on_connected), 0);
}

/* All that came back, until so many responses are whole, or the server hung up. */
static const char *ask_for(const char *request, unsigned answers)
{
    begin_ask(request, answers);
    until(&w.ended);
    until(&w.socket_closed);
    return w.got;
}

static const char *ask(const char *request)
{
    return ask_for(request, 1);
}

static const char *get(const char *path, const char *fields)
{
    static char request[16384];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: wallet.example\r\n%s\r\n", path,
             fields);
    return ask(request);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* The credentials of an answer, as our client reads them. */
static rill_spsp_answer read_answer(const char *response)
{
    rill_spsp_answer answer;
    const char *problem = "";
    assert_true(starts(response, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(response, "cache-control: no-cache, no-store\r\n"));
    assert_non_null(strstr(response, "access-control-allow-origin: *\r\n"));
    const char *type = strstr(response, "content-type: ") + 14;
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(type, "\r"), type);
    const char *body = body_of(response);
    assert_int_equal(
        rill_spsp_answer_read(&answer, kind, "no-cache, no-store", body, strlen(body), &problem),
        RILL_OK);
    assert_int_equal(answer.max_age_s, 0);
    return answer;
}

/* ---- receivers that were added ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_query_gets_its_own),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_adding_and_removing),
        cmocka_unit_test(test_options_that_cannot_be),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_the_application_is_asked),
        cmocka_unit_test(test_an_answer_takes_its_time),
        cmocka_unit_test(test_closing_from_inside),
        cmocka_unit_test(test_the_name_is_the_connections_tag),
        cmocka_unit_test(test_who_has_ended_its_side_is_answered),
        cmocka_unit_test(test_not_ready_yet),
        cmocka_unit_test(test_a_hundred_thousand_receivers),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("spsp server", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries of SPSP over real sockets. The server is a thread that answers each connection with the
 * next of the texts that a test gives it, and keeps what it was asked.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rill/error.h>
#include <rill/spsp.h>

#define SECRET "6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/5nha5Vs="
#define GOOD   "{\"destination_account\":\"test.a\",\"shared_secret\":\"" SECRET "\"}"

/* ---- the server ---- */

typedef struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *const *answers; /* NULL ends; "" hangs up, "..." never answers */
    char asked[8][2048];
    unsigned count;
} server;

static void answer(server *s, int fd, const char *text)
{
    char *asked = s->asked[s->count++];
    size_t len = 0;
    while (len < sizeof s->asked[0] - 1 && !strstr(asked, "\r\n\r\n")) {
        ssize_t n = read(fd, asked + len, sizeof s->asked[0] - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        asked[len] = '\0';
    }
    if (strcmp(text, "...") == 0) {
        while (read(fd, (char[1]){0}, 1) > 0) /* until the other side gives up */
            continue;
        return;
    }
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        left -= (size_t)n;
    }
}

static void *serve(void *user)
{
    server *s = user;
    for (const char *const *text = s->answers; *text; text++) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        answer(s, fd, *text);
        close(fd);
    }
    return NULL;
}

/* All of them on the first connection: who comes by another one is not answered. */
static void *serve_on_one(void *user)
{
    server *s = user;
    int fd = accept(s->fd, NULL, NULL);
    for (const char *const *text = s->answers; fd >= 0 && *text; text++)
        answer(s, fd, *text);
    close(fd);
    return NULL;
}

static void listen_on_loopback(server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *s = (server){0};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
}

/* ---- a query ---- */

typedef struct told {
    unsigned calls;
    int error;
    char problem[512];
    char url[RILL_MAX_URL];
    unsigned redirects;
    rill_spsp_answer answer;
    bool had_answer;
} told;

static void on_done(const rill_spsp_result *result, void *user)
{
    told *t = user;
    t->calls++;
    t->error = result->error;
    snprintf(t->problem, sizeof t->problem, "%s", result->problem);
    snprintf(t->url, sizeof t->url, "%s", result->url);
    t->redirects = result->redirects;
    t->had_answer = result->answer != NULL;
    if (result->answer)
        t->answer = *result->answer;
}

static void ask(told *t, const char *url, const rill_spsp_query_options *options)
{
    rill_loop *loop;
    rill_spsp_query *query;
    *t = (told){0};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_int_equal(rill_spsp_query_start(&query, loop, url, options, on_done, t, NULL), RILL_OK);
    assert_int_equal(t->calls, 0); /* never from inside the call */
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK); /* nothing is left open */
    assert_int_equal(t->calls, 1);
    assert_true((t->error == RILL_OK) == t->had_answer);
    assert_true((t->error == RILL_OK) == (*t->problem == '\0'));
}

/* Asks a server that answers so, once for each text. */
static void ask_one_of(told *t, server *s, const char *const *answers,
                       const rill_spsp_query_options *options)
{
    char url[100];
    s->answers = answers;
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/alice?a=b", s->port);
    ask(t, url, options);
    shutdown(s->fd, SHUT_RDWR); /* wakes it if not everything was asked for */
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void ask_for(told *t, const char *text, const rill_spsp_query_options *options)
{
    server s;
    rill_spsp_query_options defaults;
    rill_spsp_query_options_init(&defaults);
    listen_on_loopback(&s);
    ask_one_of(t, &s, (const char *const[]){text, NULL}, options ? options : &defaults);
}

#define OK_200(headers, body) "HTTP/1.1 200 OK\r\nConnection: close\r\n" headers "\r\n" body
#define SPSP                  "Content-Type: application/spsp4+json\r\n"

static void test_an_answer(void **state)
{
    (void)state;
    server s;
    told t;
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1}, secret[RILL_RECEIPT_SECRET_LEN] = {2};
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    options.receipt_nonce = nonce;
    options.receipt_secret = secret;
    listen_on_loopback(&s);
    ask_one_of(
        &t, &s,
        (const char *const[]){
            OK_200(SPSP "Cache-Control: public\r\ncache-control: max-age=7\r\n", GOOD), NULL},
        &options);
    assert_int_equal(t.error, RILL_OK);
    assert_string_equal(t.answer.credentials.destination_account, "test.a");
    assert_int_equal(t.answer.max_age_s, 7);
    assert_int_equal(t.redirects, 0);
    assert_non_null(strstr(t.url, "/alice?a=b"));
    assert_memory_equal(s.asked[0], "GET /alice?a=b HTTP/1.1\r\n", 25);
    assert_non_null(strstr(s.asked[0], "\r\nAccept: " RILL_SPSP_ACCEPT "\r\n"));
    assert_non_null(strstr(s.asked[0], "\r\nReceipt-Nonce: AQAAAAAAAAAAAAAAAAAAAA==\r\n"));
    assert_non_null(
        strstr(s.asked[0], "\r\nReceipt-Secret: AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"));
    assert_non_null(strstr(s.asked[0], "\r\nUser-Agent: rill/"));
    assert_null(strstr(s.asked[0], "Expect"));
}

static void test_statuses_and_types(void **state)
{
    (void)state;
    told t;
    ask_for(&t, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n" SPSP "\r\n{}", NULL);
    assert_int_equal(t.error, RILL_ERR_NOT_FOUND);
    ask_for(&t, "HTTP/1.1 500 Oh\r\nConnection: close\r\n" SPSP "\r\n" GOOD, NULL);
    assert_int_equal(t.error, RILL_ERR_REFUSED);
    assert_non_null(strstr(t.problem, "500"));
    ask_for(&t, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", NULL);
    assert_int_equal(t.error, RILL_ERR_REFUSED);
    ask_for(&t, OK_200("Content-Type: text/html\r\n", "<html>"), NULL);
    assert_int_equal(t.error, RILL_ERR_UNSUPPORTED);
    ask_for(&t, OK_200("", GOOD), NULL);
    assert_int_equal(t.error, RILL_ERR_UNSUPPORTED);
    ask_for(&t,
            OK_200("Content-Type: application/json\r\n",
                   "{\"id\":\"https://w.example/a\",\"authServer\":\"https://auth.w.example\"}"),
            NULL);
    assert_int_equal(t.error, RILL_ERR_UNSUPPORTED);
    assert_non_null(strstr(t.problem, "Open Payments"));
    ask_for(&t, OK_200(SPSP, "{\"destination_account\":\"test.a\"}"), NULL);
    assert_int_equal(t.error, RILL_ERR_MALFORMED);
    assert_non_null(strstr(t.problem, "shared_secret"));
    ask_for(&t, OK_200(SPSP, ""), NULL);
    assert_int_equal(t.error, RILL_ERR_MALFORMED);
}

static void test_what_is_not_http(void **state)
{
    (void)state;
    told t;
    ask_for(&t, "SSH-2.0-OpenSSH\r\n", NULL);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    ask_for(&t, "", NULL);
    assert_int_equal(t.error, RILL_ERR_IO);
    ask_for(&t, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n" SPSP "\r\n" GOOD, NULL);
    assert_int_equal(t.error, RILL_ERR_IO); /* closed in the middle */
}

static void test_large(void **state)
{
    (void)state;
    told t;
    static char text[70000];
    int head = snprintf(text, sizeof text, "%s", OK_200(SPSP, "{\"x\":\""));
    memset(text + head, 'x', sizeof text - (size_t)head - 1);
    ask_for(&t, text, NULL);
    assert_int_equal(t.error, RILL_ERR_TOO_LARGE);
}

static void test_many_headers(void **state)
{
    (void)state;
    told t;
    static char text[8000];
    size_t len = (size_t)snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    while (len < sizeof text - 200)
        len += (size_t)snprintf(text + len, sizeof text - len, "Cache-Control: a=%099d\r\n", 0);
    snprintf(text + len, sizeof text - len, SPSP "\r\n" GOOD);
    ask_for(&t, text, NULL);
    assert_int_equal(t.error, RILL_ERR_TOO_LARGE);
}

/* A proxy would read what is not protected, and ask its own machine instead of this one. */
static void test_this_machine_is_asked_without_a_proxy(void **state)
{
    (void)state;
    told t;
    server proxy;
    char url[100];
    listen_on_loopback(&proxy);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", proxy.port);
    unsetenv("no_proxy");
    setenv("http_proxy", url, 1);
    close(proxy.fd);
    ask_for(&t, OK_200(SPSP, GOOD), NULL);
    unsetenv("http_proxy");
    setenv("no_proxy", "*", 1);
    assert_int_equal(t.error, RILL_OK);
}

static void test_slow(void **state)
{
    (void)state;
    told t;
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    options.timeout_ns = 100 * RILL_MS;
    ask_for(&t, "...", &options);
    assert_int_equal(t.error, RILL_ERR_TIMEOUT);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    server s;
    told t;
    char url[100];
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    listen_on_loopback(&s);
    close(s.fd);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", s.port);
    ask(&t, url, &options);
    assert_int_equal(t.error, RILL_ERR_CONNECT);
}

#define REDIRECT(location)                                                                         \
    "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: " location "\r\n\r\n"

static void test_redirects(void **state)
{
    (void)state;
    server s;
    told t;
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    listen_on_loopback(&s);
    ask_one_of(
        &t, &s,
        (const char *const[]){REDIRECT("/there"), REDIRECT("here?c"), OK_200(SPSP, GOOD), NULL},
        &options);
    assert_int_equal(t.error, RILL_OK);
    assert_int_equal(t.redirects, 2);
    assert_memory_equal(s.asked[1], "GET /there ", 11);
    assert_memory_equal(s.asked[2], "GET /here?c ", 12);
    assert_non_null(strstr(t.url, "/here?c"));

    listen_on_loopback(&s);
    ask_one_of(&t, &s,
               (const char *const[]){REDIRECT("/1"), REDIRECT("/2"), REDIRECT("/3"), REDIRECT("/4"),
                                     REDIRECT("/5"), REDIRECT("/6"), OK_200(SPSP, GOOD), NULL},
               &options);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    assert_int_equal(s.count, 6);

    /*
     * Redirects: to a place where everybody could read the secret, to another place, and to
     * nowhere.
     */
    ask_for(&t, REDIRECT("http://wallet.example/"), NULL);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    assert_non_null(strstr(t.problem, "https"));
    ask_for(&t, REDIRECT("ftp://127.0.0.1/"), NULL);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    ask_for(&t, REDIRECT("//user@127.0.0.1/"), NULL);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    ask_for(&t, "HTTP/1.1 302 Found\r\nConnection: close\r\n\r\n", NULL);
    assert_int_equal(t.error, RILL_ERR_PROTOCOL);
    assert_non_null(strstr(t.problem, "nowhere"));
}

/* What was asked of a server does not count for the next: a Cache-Control of the redirect. */
static void test_headers_of_a_redirect_are_forgotten(void **state)
{
    (void)state;
    server s;
    told t;
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    listen_on_loopback(&s);
    ask_one_of(&t, &s,
               (const char *const[]){"HTTP/1.1 301 Moved\r\nConnection: close\r\n"
                                     "Cache-Control: max-age=999\r\nLocation: /b\r\n"
                                     "Content-Length: 4\r\n\r\nbody",
                                     OK_200(SPSP, GOOD), NULL},
               &options);
    assert_int_equal(t.error, RILL_OK);
    assert_int_equal(t.answer.max_age_s, 0);
}

static void test_time_is_over_for_all_redirects_together(void **state)
{
    (void)state;
    server s;
    told t;
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    options.timeout_ns = 150 * RILL_MS;
    listen_on_loopback(&s);
    ask_one_of(&t, &s, (const char *const[]){REDIRECT("/1"), "...", NULL}, &options);
    assert_int_equal(t.error, RILL_ERR_TIMEOUT);
}

static void test_giving_up(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    rill_spsp_query *query;
    told t = {0};
    char url[100];
    rill_spsp_query_options options;
    rill_spsp_query_options_init(&options);
    listen_on_loopback(&s);
    s.answers = (const char *const[]){"...", NULL};
    assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", s.port);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_int_equal(rill_spsp_query_start(&query, loop, url, &options, on_done, &t, NULL),
                     RILL_OK);
    rill_spsp_query_cancel(query);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    assert_int_equal(t.calls, 0);
    shutdown(s.fd, SHUT_RDWR);
    pthread_join(s.thread, NULL);
    close(s.fd);
}

/* ---- connections that stay ---- */

#define KEPT(body) "HTTP/1.1 200 OK\r\nContent-Length: 95\r\n" SPSP "\r\n" body

typedef struct asker {
    rill_loop *loop;
    rill_spsp_query_options options;
    char url[100];
    unsigned left;
    told told;
} asker;

/* One after the other: the next is asked by the answer to the one before. */
static void on_done_ask_again(const rill_spsp_result *result, void *user)
{
    asker *a = user;
    rill_spsp_query *query;
    on_done(result, &a->told);
    assert_int_equal(result->error, RILL_OK);
    if (--a->left > 0)
        assert_int_equal(
            rill_spsp_query_start(&query, a->loop, a->url, &a->options, on_done_ask_again, a, NULL),
            RILL_OK);
    else
        rill_spsp_connections_free(a->options.connections);
}

static void test_connections_are_kept(void **state)
{
    (void)state;
    server s;
    asker a = {.left = 3};
    rill_spsp_query *query;
    listen_on_loopback(&s);
    assert_int_equal(sizeof GOOD - 1, 95);
    s.answers = (const char *const[]){KEPT(GOOD), KEPT(GOOD), KEPT(GOOD), NULL};
    assert_int_equal(pthread_create(&s.thread, NULL, serve_on_one, &s), 0);
    snprintf(a.url, sizeof a.url, "http://127.0.0.1:%u/alice", s.port);
    assert_int_equal(rill_loop_new(&a.loop, NULL), RILL_OK);
    rill_spsp_query_options_init(&a.options);
    a.options.timeout_ns = 10 * RILL_SECOND;
    assert_int_equal(rill_spsp_connections_new(&a.options.connections, a.loop, "/not/there", false),
                     RILL_ERR_TLS);
    assert_int_equal(rill_spsp_connections_new(&a.options.connections, a.loop, NULL, false),
                     RILL_OK);
    assert_int_equal(
        rill_spsp_query_start(&query, a.loop, a.url, &a.options, on_done_ask_again, &a, NULL),
        RILL_OK);
    assert_int_equal(rill_loop_run(a.loop), RILL_OK);
    assert_int_equal(rill_loop_free(a.loop), RILL_OK);
    assert_int_equal(a.told.calls, 3);
    pthread_join(s.thread, NULL);
    assert_int_equal(s.count, 3);
    close(s.fd);
    rill_spsp_connections_free(NULL);
}

/* What they were made with counts, and not what a query says. A query that is given up is over. */
static void test_connections_have_options_of_their_own(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_spsp_query *query;
    told t = {0};
    const char *problem = NULL;
    rill_spsp_query_options options;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_spsp_query_options_init(&options);
    options.insecure = true;
    assert_int_equal(rill_spsp_connections_new(&options.connections, loop, NULL, false), RILL_OK);
    assert_int_equal(
        rill_spsp_query_start(&query, loop, "http://a.example", &options, on_done, &t, &problem),
        RILL_ERR_UNSUPPORTED);
    assert_true(*problem != '\0');
    assert_int_equal(
        rill_spsp_query_start(&query, loop, "http://127.0.0.1:1", &options, on_done, &t, NULL),
        RILL_OK);
    rill_spsp_query_cancel(query);
    rill_spsp_connections_free(options.connections);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    assert_int_equal(t.calls, 0);
}

static void test_what_cannot_be_asked(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_spsp_query *query;
    told t = {0};
    const char *problem;
    rill_spsp_query_options options;
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {0};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    static const struct {
        const char *receiver;
        int error;
    } cases[] = {{"$a.example:80", RILL_ERR_MALFORMED},
                 {"http://a.example", RILL_ERR_UNSUPPORTED},
                 {"alice", RILL_ERR_UNSUPPORTED}};
    rill_spsp_query_options_init(&options);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int error =
            rill_spsp_query_start(&query, loop, cases[i].receiver, &options, on_done, &t, &problem);
        assert_int_equal(error, cases[i].error);
        assert_true(*problem != '\0');
    }
    options.receipt_nonce = nonce;
    assert_int_equal(
        rill_spsp_query_start(&query, loop, "$a.example", &options, on_done, &t, &problem),
        RILL_ERR_INVALID);
    options.receipt_nonce = NULL;
    options.ca_file = "/not/there";
    assert_int_equal(
        rill_spsp_query_start(&query, loop, "$a.example", &options, on_done, &t, &problem),
        RILL_ERR_TLS);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_statuses_and_types),
        cmocka_unit_test(test_what_is_not_http),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_many_headers),
        cmocka_unit_test(test_this_machine_is_asked_without_a_proxy),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_headers_of_a_redirect_are_forgotten),
        cmocka_unit_test(test_time_is_over_for_all_redirects_together),
        cmocka_unit_test(test_giving_up),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_connections_have_options_of_their_own),
        cmocka_unit_test(test_what_cannot_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

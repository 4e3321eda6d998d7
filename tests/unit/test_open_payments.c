/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receivers of Open Payments over real sockets, from servers that mean harm, and with allocations
 * that fail. The server is a thread that answers each connection with the next of the texts that a
 * test gives it, and keeps what it was asked. The linker puts the functions below before malloc's
 * (--wrap), for the code of this tree.
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
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rill/error.h>
#include <rill/open_payments.h>

#include "clients/web_client.h"
#include "clients/web_problem.h"
#include "support/certificate.h"

#define MOST_ASKED 8
#define MOST_RUNS  1000
#define NEVER_FAIL 0

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

/* Not of the server's thread. */
static _Thread_local unsigned long allocations;
static _Thread_local unsigned long fail_at;

static bool refused(void)
{
    return ++allocations == fail_at;
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

/* ---- the server ---- */

typedef struct server {
    int fd;
    uint16_t port;
    bool tls;
    pthread_t thread;
    const char *const *answers; /* NULL ends; "PORT" is the port of `other`, or of this one */
    const struct server *other;
    char asked[MOST_ASKED][4096];
    unsigned count;
} server;

typedef struct wire {
    int fd;
    SSL *ssl; /* NULL: not protected */
} wire;

static int wire_read(wire *w, char *to, size_t cap)
{
    return w->ssl ? SSL_read(w->ssl, to, (int)cap) : (int)read(w->fd, to, cap);
}

static int wire_write(wire *w, const char *from, size_t len)
{
    return w->ssl ? SSL_write(w->ssl, from, (int)len) : (int)send(w->fd, from, len, MSG_NOSIGNAL);
}

static void answer(server *s, wire *w, const char *text)
{
    char *asked = s->asked[s->count++];
    char said[4096] = "";
    size_t len = 0;
    while (len < sizeof s->asked[0] - 1 && !strstr(asked, "\r\n\r\n")) {
        int n = wire_read(w, asked + len, sizeof s->asked[0] - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        asked[len] = '\0';
    }
    for (len = 0; *text && len < sizeof said - 8;) {
        if (strncmp(text, "PORT", 4) == 0) {
            len += (size_t)snprintf(said + len, 8, "%u", s->other ? s->other->port : s->port);
            text += 4;
        } else {
            said[len++] = *text++;
        }
    }
    (void)wire_write(w, said, len);
    if (w->ssl)
        (void)SSL_shutdown(w->ssl); /* else it is taken for an answer that was cut off */
    shutdown(w->fd, SHUT_WR);
    while (!w->ssl && read(w->fd, (char[64]){0}, 64) > 0) /* a body, until the other side closes */
        continue;
}

static void *serve(void *user)
{
    server *s = user;
    SSL_CTX *context = NULL;
    if (s->tls) {
        context = SSL_CTX_new(TLS_server_method());
        SSL_CTX_use_certificate_file(context, test_certificate.cert_file, SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(context, test_certificate.key_file, SSL_FILETYPE_PEM);
    }
    for (const char *const *text = s->answers; *text && s->count < MOST_ASKED; text++) {
        wire w = {.fd = accept(s->fd, NULL, NULL)};
        if (w.fd < 0)
            break;
        if (context) {
            w.ssl = SSL_new(context);
            SSL_set_fd(w.ssl, w.fd);
        }
        if (!w.ssl || SSL_accept(w.ssl) == 1)
            answer(s, &w, *text);
        SSL_free(w.ssl);
        close(w.fd);
    }
    SSL_CTX_free(context);
    return NULL;
}

static void start(server *s, bool tls, const server *other, const char *const *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *s = (server){.tls = tls, .other = other, .answers = answers};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
    shutdown(s->fd, SHUT_RDWR); /* wakes it if not everything was asked for */
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* ---- a receiver ---- */

static rill_key *key;

typedef struct told {
    unsigned calls;
    unsigned closed;
    int error;
    char problem[700];
    char url[RILL_MAX_URL];
    char id[RILL_MAX_URL];
    void (*then)(struct told *t, const rill_op_result *result);
    rill_op_receiver *receiver;
} told;

static void on_done(const rill_op_result *result, void *user)
{
    told *t = user;
    t->calls++;
    t->error = result->error;
    if (t->then)
        t->then(t, result);
    snprintf(t->problem, sizeof t->problem, "%s", result->problem);
    snprintf(t->url, sizeof t->url, "%s", result->url);
    bool is_over = result->error == RILL_ERR_CLOSED || result->error == RILL_ERR_EXPIRED;
    assert_true((result->payment != NULL) == (result->error == RILL_OK || is_over));
    snprintf(t->id, sizeof t->id, "%s", result->payment ? result->payment->id : "");
}

static void on_closed(void *user)
{
    told *t = user;
    t->closed++;
}

static int begin(told *t, rill_loop *loop, const server *s, rill_op_options *options)
{
    char url[100];
    rill_signer signer;
    rill_signer_of_key(&signer, key, "k");
    options->signer = &signer;
    options->public_key = rill_key_public(key);
    options->ca_file = test_certificate.cert_file;
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/alice", s->tls ? "https" : "http", s->port);
    return rill_op_receiver_new(&t->receiver, loop, url, options, on_done, t, NULL);
}

/* Asks, until there is nothing to do any more. The receiver stays, but where `then` frees it. */
static void ask_with(told *t, rill_loop *loop, const server *s, rill_op_options *options)
{
    assert_int_equal(begin(t, loop, s, options), RILL_OK);
    assert_int_equal(t->calls, 0); /* never from inside the call */
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(t->calls, 1);
}

static void ask(told *t, rill_loop *loop, const server *s)
{
    rill_op_options options;
    rill_op_options_init(&options);
    ask_with(t, loop, s, &options);
}

static void end(rill_loop *loop, rill_op_receiver *receiver)
{
    rill_op_receiver_free(receiver);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK); /* nothing is left open */
}

#define ANSWER(status, body) "HTTP/1.1 " status " -\r\nConnection: close\r\n\r\n" body
#define HERE                 "http://127.0.0.1:PORT"
#define WALLET                                                                                     \
    ANSWER("200",                                                                                  \
           "{\"id\":\"" HERE "/alice\",\"authServer\":\"" HERE                                     \
           "/auth\",\"resourceServer\":\"" HERE "\",\"assetCode\":\"USD\",\"assetScale\":2}")
#define GRANT         ANSWER("200", "{\"access_token\":{\"value\":\"tok\",\"manage\":\"" HERE "/manage\"}}")
#define AMOUNT(value) "{\"value\":\"" value "\",\"assetCode\":\"USD\",\"assetScale\":2}"
#define PAYMENT(name, value)                                                                       \
    ANSWER("201", "{\"id\":\"" HERE "/" name "\",\"completed\":false,\"receivedAmount\":" AMOUNT(  \
                      value) ",\"methods\":[{\"type\":\"ilp\",\"ilpAddress\":\"test.a\","          \
                             "\"sharedSecret\":\"6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/"             \
                             "5nha5Vs=\"}]}")

/* ---- what takes no more says what it has got ---- */

static uint64_t got;

static void look_at_sum(told *t, const rill_op_result *result)
{
    const rill_credentials none = {0};
    (void)t;
    got = result->payment->received_amount;
    assert_memory_equal(&result->payment->credentials, &none, sizeof none);
}

#define OVER(member, value)                                                                        \
    ANSWER("200", "{\"id\":\"" HERE "/1\"," member ",\"receivedAmount\":" AMOUNT(                  \
                      value) ",\"methods\":[{\"type\":\"ilp\",\"ilpAddress\":\"test.a\","          \
                             "\"sharedSecret\":\"6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/"             \
                             "5nha5Vs=\"}]}")

static void test_what_takes_no_more_says_what_it_has(void **state)
{
    static const struct {
        const char *answer;
        int error;
        uint64_t received;
    } cases[] = {
        {OVER("\"completed\":true", "77"), RILL_ERR_CLOSED, 77},
        {OVER("\"completed\":false,\"expiresAt\":\"2020-01-01T00:00:00Z\"", "9"), RILL_ERR_EXPIRED,
         9},
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        server s;
        rill_loop *loop;
        told t = {.then = look_at_sum};
        assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
        start(&s, false, NULL, (const char *const[]){WALLET, GRANT, cases[i].answer, NULL});
        ask(&t, loop, &s);
        stop(&s);
        assert_int_equal(t.error, cases[i].error);
        assert_true(got == cases[i].received);
        end(loop, t.receiver);
    }
}

/* ---- what is told stays until the handler returns ---- */

static void free_receiver(told *t, const rill_op_result *result)
{
    (void)result;
    rill_op_receiver_free(t->receiver);
    t->receiver = NULL;
}

static void ask_again(told *t, const rill_op_result *result)
{
    (void)result;
    t->then = NULL;
    assert_int_equal(rill_op_receiver_refresh(t->receiver, on_done, t), RILL_OK);
}

static void test_what_is_told_outlives_the_receiver(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    told t = {.then = free_receiver};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL, (const char *const[]){WALLET, GRANT, PAYMENT("1", "0"), NULL});
    ask(&t, loop, &s);
    stop(&s);
    assert_int_equal(t.error, RILL_OK);
    assert_non_null(strstr(t.id, "/1"));
    assert_non_null(strstr(t.url, "/incoming-payments"));
    end(loop, NULL);
}

static void look_at_url(told *t, const rill_op_result *result)
{
    ask_again(t, result);
    assert_non_null(strstr(result->url, "/incoming-payments"));
}

static void test_asked_from_inside_done(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    rill_op_options options;
    told t = {.then = look_at_url};
    rill_op_options_init(&options);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL,
          (const char *const[]){WALLET, GRANT, PAYMENT("1", "0"), PAYMENT("1", "5"), NULL});
    assert_int_equal(begin(&t, loop, &s, &options), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    stop(&s);
    assert_int_equal(t.calls, 2);
    assert_int_equal(t.error, RILL_OK);
    assert_memory_equal(s.asked[3], "GET /1 ", 7);
    end(loop, t.receiver);
}

/* ---- servers that mean harm ---- */

static void test_words_of_a_server_are_one_line(void **state)
{
    (void)state;
    static const char *const refusals[] = {
        ANSWER("403", "{\"error\":{\"code\":\"no\\nrill: paid\",\"description\":\"\\u001b[2J\\r"
                      "\\u009b2Jx\\u007f\"}}"),
        ANSWER("200", "{\"access_token\":{\"value\":\"t\"},\"continue\":{}}"),
    };
    for (size_t i = 0; i < 2; i++) {
        server s;
        rill_loop *loop;
        told t = {0};
        assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
        start(&s, false, NULL, (const char *const[]){WALLET, refusals[i], NULL});
        ask(&t, loop, &s);
        stop(&s);
        assert_true(t.error != RILL_OK);
        for (const char *c = t.problem; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        assert_null(strstr(t.problem, "\xc2\x9b"));
        end(loop, t.receiver);
    }
    char cut[] = "a \xe2\x82";
    rill_web_one_line(cut);
    assert_string_equal(cut, "a ");
    char whole[] = "\xe2\x82\xac";
    rill_web_one_line(whole);
    assert_string_equal(whole, "\xe2\x82\xac");
    char empty[] = "";
    rill_web_one_line(empty);
    assert_string_equal(empty, "");
}

/* A stranger's wallet would have us send what it likes to whatever listens on this machine. */
static void test_a_server_asked_by_https_names_none_by_http(void **state)
{
    (void)state;
    for (int insecure = 0; insecure < 2; insecure++) {
        server victim, wallet;
        rill_loop *loop;
        rill_op_options options;
        told t = {0};
        rill_op_options_init(&options);
        options.insecure = insecure == 1;
        options.timeout_ns = 30 * RILL_SECOND;
        assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
        start(&victim, false, NULL, (const char *const[]){GRANT, NULL});
        start(&wallet, true, &victim, (const char *const[]){WALLET, NULL});
        ask_with(&t, loop, &wallet, &options);
        stop(&wallet);
        stop(&victim);
        assert_int_equal(wallet.count, 1);
        assert_int_equal(t.error, RILL_ERR_MALFORMED);
        assert_non_null(strstr(t.problem, "from https to http"));
        assert_int_equal(victim.count, 0);
        assert_non_null(strstr(t.url, "/alice")); /* asked last */
        end(loop, t.receiver);
    }
}

/* An answer that is wrong leaves nothing of it behind. */
static void test_half_an_answer_is_none(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    told t = {0};
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL,
          (const char *const[]){WALLET, GRANT, PAYMENT("1", "0"), PAYMENT("2", "-5"),
                                PAYMENT("1", "7"), NULL});
    ask(&t, loop, &s);
    assert_int_equal(t.error, RILL_OK);
    assert_int_equal(rill_op_receiver_refresh(t.receiver, on_done, &t), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(t.error, RILL_ERR_MALFORMED);
    assert_int_equal(rill_op_receiver_complete(t.receiver, on_done, &t), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    stop(&s);
    assert_int_equal(t.error, RILL_OK);
    assert_memory_equal(s.asked[4], "POST /1/complete ", 17);
    end(loop, t.receiver);
}

static void test_a_grant_may_be_pending_for_ever(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    rill_op_options options;
    told t = {0};
    rill_op_options_init(&options);
    options.grant_timeout_ns = UINT64_MAX;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL,
          (const char *const[]){
              WALLET,
              ANSWER("200", "{\"continue\":{\"access_token\":{\"value\":\"c\"},\"uri\":\"" HERE
                            "/c\",\"wait\":1}}"),
              GRANT, PAYMENT("1", "0"), NULL});
    ask_with(&t, loop, &s, &options);
    stop(&s);
    assert_int_equal(t.error, RILL_OK);
    end(loop, t.receiver);
}

/* ---- one call ---- */

static void on_web_answer(const rill_web_answer *answer, void *user)
{
    told *t = user;
    t->calls++;
    t->error = answer->error;
    assert_int_equal(answer->redirects, 1);
    assert_int_equal(answer->len, 0);
    assert_int_equal(answer->body[answer->len], '\0');
}

static void test_nothing_is_left_of_a_redirect(void **state)
{
    (void)state;
    server s;
    rill_loop *loop;
    rill_web_client *client;
    rill_web_call *call;
    rill_web_client_options options;
    told t = {0};
    char url[100];
    rill_web_client_options_init(&options);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(
        &s, false, NULL,
        (const char *const[]){
            "HTTP/1.1 302 -\r\nConnection: close\r\nLocation: /b\r\nContent-Length: 4\r\n\r\nbody",
            ANSWER("200", ""), NULL});
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", s.port);
    assert_int_equal(rill_web_client_new(&client, loop, &options), RILL_OK);
    const rill_web_ask question = {.method = "GET", .url = url, .follow = true};
    assert_int_equal(rill_web_call_start(&call, client, &question, on_web_answer, &t), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    stop(&s);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.error, RILL_OK);
    rill_web_client_free(client);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
}

static void on_cut(const rill_web_answer *answer, void *user)
{
    told *t = user;
    t->calls++;
    t->error = answer->error;
    assert_int_equal(answer->status, answer->error == RILL_OK ? 200 : 0);
}

/* An answer whose connection ends at this byte. */
static int ask_for(const char *bytes, bool ignore_body)
{
    server s;
    rill_loop *loop;
    rill_web_client *client;
    rill_web_call *call;
    rill_web_client_options options;
    told t = {0};
    char url[100];
    rill_web_client_options_init(&options);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL, (const char *const[]){bytes, NULL});
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", s.port);
    assert_int_equal(rill_web_client_new(&client, loop, &options), RILL_OK);
    const rill_web_ask question = {.method = "GET", .url = url, .ignore_body = ignore_body};
    assert_int_equal(rill_web_call_start(&call, client, &question, on_cut, &t), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(t.calls, 1);
    rill_web_client_free(client);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    stop(&s);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    return t.error;
}

/* Who asked for a status alone is not told one before the head is whole. */
static void test_half_a_head_is_no_answer(void **state)
{
    (void)state;
    for (unsigned ignore = 0; ignore < 2; ignore++) {
        assert_int_not_equal(ask_for("HTTP/1.1 200 OK\r\n", ignore), RILL_OK);
        assert_int_not_equal(ask_for("HTTP/1.1 200 OK\r\nContent-Le", ignore), RILL_OK);
        assert_int_not_equal(ask_for("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", ignore), RILL_OK);
        assert_int_not_equal(ask_for("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", ignore),
                             RILL_OK);
        assert_int_equal(ask_for("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ignore), RILL_OK);
        assert_int_equal(ask_for("HTTP/1.1 200 OK\r\n\r\nup to the end", ignore), RILL_OK);
    }
}

/* ---- allocations that fail ---- */

/* The number of allocations. */
static unsigned long run_with(unsigned long which)
{
    server s;
    rill_loop *loop;
    rill_op_options options;
    told t = {0};
    rill_op_options_init(&options);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    start(&s, false, NULL,
          (const char *const[]){WALLET, GRANT, PAYMENT("1", "0"), ANSWER("204", ""), NULL});
    allocations = 0;
    fail_at = which;
    int error = begin(&t, loop, &s, &options);
    if (error == RILL_OK) {
        assert_int_equal(rill_loop_run(loop), RILL_OK);
        assert_int_equal(t.calls, 1);
        assert_true(t.error == RILL_OK || which != NEVER_FAIL);
        rill_op_receiver_close(t.receiver, on_closed, &t);
    } else {
        assert_int_equal(error, RILL_ERR_NOMEM);
    }
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    unsigned long made = allocations;
    fail_at = NEVER_FAIL;
    stop(&s);
    assert_int_equal(t.closed, error == RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK); /* nothing is left open */
    return made;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    unsigned long made = run_with(NEVER_FAIL);
    assert_in_range(made, 10, MOST_RUNS);
    for (unsigned long i = 1; i <= made; i++)
        (void)run_with(i);
}

static int set_up(void **state)
{
    static const uint8_t seed[RILL_KEY_SEED_LEN] = {1};
    return rill_key_from_seed(&key, seed) != RILL_OK || certificate_make(state) != 0;
}

static int tear_down(void **state)
{
    rill_key_free(key);
    return certificate_remove(state);
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told_outlives_the_receiver),
        cmocka_unit_test(test_asked_from_inside_done),
        cmocka_unit_test(test_words_of_a_server_are_one_line),
        cmocka_unit_test(test_a_server_asked_by_https_names_none_by_http),
        cmocka_unit_test(test_half_an_answer_is_none),
        cmocka_unit_test(test_a_grant_may_be_pending_for_ever),
        cmocka_unit_test(test_nothing_is_left_of_a_redirect),
        cmocka_unit_test(test_half_a_head_is_no_answer),
        cmocka_unit_test(test_what_takes_no_more_says_what_it_has),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is to be paid, asked by SPSP first and then by Open Payments, over real sockets; and with
 * allocations that fail. The server is a thread that answers each connection with the next of the
 * texts that a test gives it, and keeps what it was asked.
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
#include <rill/receiver.h>

#define MOST_ASKED 8
#define MOST_RUNS  2000
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
    pthread_t thread;
    const char *const *answers; /* NULL ends; "PORT" is its port */
    char asked[MOST_ASKED][4096];
    unsigned count;
} server;

static void answer(server *s, int fd, const char *text)
{
    char *asked = s->asked[s->count++];
    char said[4096] = "";
    size_t len = 0;
    while (len < sizeof s->asked[0] - 1 && !strstr(asked, "\r\n\r\n")) {
        ssize_t n = read(fd, asked + len, sizeof s->asked[0] - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        asked[len] = '\0';
    }
    for (len = 0; *text && len < sizeof said - 8;) {
        if (strncmp(text, "PORT", 4) == 0) {
            len += (size_t)snprintf(said + len, 8, "%u", s->port);
            text += 4;
        } else {
            said[len++] = *text++;
        }
    }
    (void)!send(fd, said, len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    while (read(fd, (char[64]){0}, 64) > 0) /* a body, until the other side closes */
        continue;
}

static void *serve(void *user)
{
    server *s = user;
    for (const char *const *text = s->answers; *text && s->count < MOST_ASKED; text++) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        answer(s, fd, *text);
        close(fd);
    }
    return NULL;
}

static void start(server *s, const char *const *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *s = (server){.answers = answers};
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

/* ---- what it says ---- */

#define ANSWER(status, body) "HTTP/1.1 " status " -\r\nConnection: close\r\n\r\n" body
#define HERE                 "http://127.0.0.1:PORT"
#define SECRET               "6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/5nha5Vs="
#define SPSP                                                                                       \
    "HTTP/1.1 200 -\r\nConnection: close\r\nContent-Type: application/spsp4+json\r\n\r\n"          \
    "{\"destination_account\":\"test.spsp\",\"shared_secret\":\"" SECRET                           \
    "\",\"receipts_enabled\":true}"
#define NO_SPSP ANSWER("404", "")
#define WALLET                                                                                     \
    ANSWER("200",                                                                                  \
           "{\"id\":\"" HERE "/alice\",\"authServer\":\"" HERE                                     \
           "/auth\",\"resourceServer\":\"" HERE "\",\"assetCode\":\"USD\",\"assetScale\":2}")
#define GRANT         ANSWER("200", "{\"access_token\":{\"value\":\"tok\",\"manage\":\"" HERE "/manage\"}}")
#define AMOUNT(value) "{\"value\":\"" value "\",\"assetCode\":\"USD\",\"assetScale\":2}"
#define PAYMENT(status, value)                                                                     \
    ANSWER(status, "{\"id\":\"" HERE "/1\",\"completed\":false,\"receivedAmount\":" AMOUNT(        \
                       value) ",\"methods\":[{\"type\":\"ilp\",\"ilpAddress\":\"test.wallet\","    \
                              "\"sharedSecret\":\"" SECRET "\"}]}")
#define COMPLETE                                                                                   \
    ANSWER("200", "{\"id\":\"" HERE "/1\",\"completed\":true,\"receivedAmount\":" AMOUNT("7") "}")

/* ---- a receiver ---- */

typedef struct told {
    rill_loop *loop;
    rill_receiver *receiver;
    unsigned calls;
    unsigned closed;
    int error;
    rill_reason reason;
    bool by_wallet;
    bool created;
    bool receipts;
    char address[64];
    uint64_t received;
    char problem[700];
    int (*then)(struct told *t); /* asked next, from inside done */
    int then_error;
    bool free_inside;
} told;

static void on_done(const rill_receiver_result *result, void *user)
{
    told *t = user;
    t->calls++;
    t->error = result->error;
    t->reason = result->reason;
    t->by_wallet = result->payment != NULL;
    t->created = result->created;
    t->receipts = result->receipts_enabled;
    assert_true((result->error == RILL_OK) == (result->reason == RILL_REASON_NONE));
    assert_true((result->error == RILL_OK) == (*result->problem == '\0'));
    assert_true(result->error == RILL_OK || result->credentials == NULL);
    snprintf(t->address, sizeof t->address, "%.63s",
             result->credentials ? result->credentials->destination_account : "");
    t->received = result->payment ? result->payment->received_amount : 0;
    snprintf(t->problem, sizeof t->problem, "%s", result->problem);
    int (*then)(told *) = t->then;
    t->then = NULL;
    if (then && t->error == RILL_OK)
        t->then_error = then(t);
    if (t->free_inside) {
        rill_receiver_free(t->receiver);
        t->receiver = NULL;
    }
}

static void on_closed(void *user)
{
    ((told *)user)->closed++;
}

static int begin(told *t, const server *s, const rill_receiver_options *options)
{
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/alice", s->port);
    return rill_receiver_start(&t->receiver, t->loop, url, options, on_done, t, NULL);
}

static void ask(told *t, server *s, const char *const *answers)
{
    rill_receiver_options o;
    rill_receiver_options_init(&o);
    assert_int_equal(rill_loop_new(&t->loop, NULL), RILL_OK);
    start(s, answers);
    assert_int_equal(begin(t, s, &o), RILL_OK);
    assert_int_equal(t->calls, 0); /* never from inside the call */
    assert_int_equal(rill_loop_run(t->loop), RILL_OK);
}

static void end(told *t, server *s)
{
    if (t->receiver)
        rill_receiver_close(t->receiver, on_closed, t);
    assert_int_equal(rill_loop_run(t->loop), RILL_OK);
    stop(s);
    assert_int_equal(rill_loop_free(t->loop), RILL_OK); /* nothing is left open */
}

static bool was_asked(const server *s, unsigned which, const char *what)
{
    return which < s->count && strstr(s->asked[which], what) != NULL;
}

/* ---- by SPSP, by Open Payments ---- */

static void test_by_spsp(void **state)
{
    (void)state;
    server s;
    told t = {0};
    ask(&t, &s, (const char *const[]){SPSP, NULL});
    assert_int_equal(t.error, RILL_OK);
    assert_string_equal(t.address, "test.spsp");
    assert_true(t.receipts && !t.by_wallet && !t.created);
    assert_true(was_asked(&s, 0, "application/spsp4+json"));
    /* It has no more to be asked. */
    assert_int_equal(rill_receiver_refresh(t.receiver, on_done, &t), RILL_ERR_STATE);
    assert_int_equal(rill_receiver_complete(t.receiver, on_done, &t), RILL_ERR_STATE);
    end(&t, &s);
    assert_int_equal(t.closed, 1);
    assert_int_equal(t.calls, 1);
    assert_int_equal(s.count, 1);
}

static int complete(told *t)
{
    return rill_receiver_complete(t->receiver, on_done, t);
}

static int refresh(told *t)
{
    int error = rill_receiver_refresh(t->receiver, on_done, t);
    /* One question at a time. */
    assert_int_equal(rill_receiver_complete(t->receiver, on_done, t), RILL_ERR_STATE);
    return error;
}

static void test_by_open_payments_after_spsp(void **state)
{
    (void)state;
    server s;
    told t = {.then = complete};
    ask(&t, &s,
        (const char *const[]){NO_SPSP, WALLET, GRANT, PAYMENT("201", "0"), COMPLETE,
                              ANSWER("204", ""), NULL});
    assert_int_equal(t.then_error, RILL_OK);
    assert_int_equal(t.calls, 2);
    assert_int_equal(t.error, RILL_OK);
    end(&t, &s);
    assert_int_equal(t.closed, 1);
    assert_int_equal(s.count, 6);
    /* With a key of its own, which the wallet is shown, and by which it signs. */
    assert_true(was_asked(&s, 2, "Signature-Input") || was_asked(&s, 2, "signature-input"));
    assert_true(was_asked(&s, 5, "DELETE /manage"));
}

static void test_what_it_has_received(void **state)
{
    (void)state;
    server s;
    told t = {.then = refresh};
    ask(&t, &s,
        (const char *const[]){NO_SPSP, WALLET, GRANT, PAYMENT("201", "0"), PAYMENT("200", "42"),
                              ANSWER("204", ""), NULL});
    assert_int_equal(t.then_error, RILL_OK);
    assert_int_equal(t.error, RILL_OK);
    assert_true(t.by_wallet);
    assert_string_equal(t.address, "test.wallet");
    assert_int_equal(t.received, 42);
    end(&t, &s);
}

/* What it said first is what people will look for. */
static void test_neither(void **state)
{
    (void)state;
    server s;
    told t = {0};
    ask(&t, &s, (const char *const[]){NO_SPSP, ANSWER("200", "{\"a\":1}"), NULL});
    assert_int_not_equal(t.error, RILL_OK);
    assert_int_equal(t.calls, 1);
    assert_string_not_equal(t.problem, "");
    end(&t, &s);
}

/* A server that cannot be asked is not asked in another way. */
static void test_nobody_is_there(void **state)
{
    (void)state;
    server s;
    told t = {0};
    rill_receiver_options o;
    rill_receiver_options_init(&o);
    assert_int_equal(rill_loop_new(&t.loop, NULL), RILL_OK);
    start(&s, (const char *const[]){NULL});
    stop(&s);
    assert_int_equal(begin(&t, &s, &o), RILL_OK);
    assert_int_equal(rill_receiver_refresh(t.receiver, on_done, &t), RILL_ERR_STATE);
    assert_int_equal(rill_loop_run(t.loop), RILL_OK);
    assert_int_equal(t.error, RILL_ERR_CONNECT);
    assert_int_equal(t.reason, RILL_REASON_SERVER_UNREACHABLE);
    rill_receiver_free(t.receiver);
    assert_int_equal(rill_loop_run(t.loop), RILL_OK);
    assert_int_equal(rill_loop_free(t.loop), RILL_OK);
}

static void test_a_server_that_hangs_up(void **state)
{
    (void)state;
    server s;
    told t = {0};
    ask(&t, &s, (const char *const[]){"", WALLET, GRANT, PAYMENT("201", "0"), NULL});
    assert_int_not_equal(t.error, RILL_OK);
    end(&t, &s);
    assert_int_equal(s.count, 1);
}

/* ---- giving up ---- */

static void test_closed_before_it_answers(void **state)
{
    (void)state;
    server s;
    told t = {0};
    rill_receiver_options o;
    rill_receiver_options_init(&o);
    assert_int_equal(rill_loop_new(&t.loop, NULL), RILL_OK);
    start(&s, (const char *const[]){SPSP, NULL});
    assert_int_equal(begin(&t, &s, &o), RILL_OK);
    end(&t, &s);
    assert_int_equal(t.calls, 0);
    assert_int_equal(t.closed, 1);
}

static void test_freed_from_inside_done(void **state)
{
    (void)state;
    server s;
    for (int wallet = 0; wallet < 2; wallet++) {
        told t = {.free_inside = true};
        ask(&t, &s,
            wallet ? (const char *const[]){NO_SPSP, WALLET, GRANT, PAYMENT("201", "0"), NULL}
                   : (const char *const[]){SPSP, NULL});
        assert_int_equal(t.error, RILL_OK);
        assert_null(t.receiver);
        end(&t, &s);
    }
    rill_receiver_free(NULL);
}

/* ---- options ---- */

static int try(const char *who, const rill_receiver_options *o)
{
    told t = {0};
    rill_loop *loop;
    const char *problem = NULL;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    int error = rill_receiver_start(&t.receiver, loop, who, o, on_done, &t, &problem);
    assert_non_null(problem);
    assert_null(t.receiver);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    assert_int_equal(t.calls, 0);
    return error;
}

static int sign(void *user, const uint8_t *data, size_t len, uint8_t out[RILL_SIGNATURE_LEN])
{
    (void)user;
    (void)data;
    (void)len;
    (void)out;
    return RILL_ERR_CRYPTO;
}

static void test_options(void **state)
{
    (void)state;
    rill_receiver_options o;
    uint8_t bytes[32] = {0};
    char long_id[RILL_MAX_KEY_ID + 2];
    rill_receiver_options_init(&o);
    assert_int_equal(try("$wallet.example:80/alice", &o), RILL_ERR_MALFORMED);
    assert_int_equal(try("ftp://wallet.example/alice", &o), RILL_ERR_UNSUPPORTED);
    o.receipt_nonce = bytes;
    assert_int_equal(try("$wallet.example", &o), RILL_ERR_INVALID);
    rill_receiver_options_init(&o);
    rill_signer signer = {.sign = sign, .key_id = "k"};
    o.signer = &signer;
    assert_int_equal(try("$wallet.example", &o), RILL_ERR_INVALID);
    memset(long_id, 'k', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    signer.key_id = long_id;
    o.public_key = bytes;
    assert_int_equal(try("$wallet.example", &o), RILL_ERR_INVALID);
    rill_receiver_options_init(&o);
    o.size = 0;
    assert_int_equal(try("$wallet.example", &o), RILL_ERR_INVALID);
    rill_receiver_options_init(&o);
    o.ca_file = "/nowhere/at/all";
    assert_int_equal(try("https://127.0.0.1:1/", &o), RILL_ERR_TLS);
}

/* ---- allocations that fail ---- */

/* The number of allocations. */
static unsigned long run_with(unsigned long which, bool wallet)
{
    static const uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1};
    static const uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {2};
    server s;
    told t = {.then = wallet ? complete : NULL};
    rill_receiver_options o;
    rill_receiver_options_init(&o);
    o.receipt_nonce = nonce;
    o.receipt_secret = secret;
    o.metadata = "{\"a\":\"b\"}";
    assert_int_equal(rill_loop_new(&t.loop, NULL), RILL_OK);
    start(&s, wallet ? (const char *const[]){NO_SPSP, WALLET, GRANT, PAYMENT("201", "0"), COMPLETE,
                                             ANSWER("204", ""), NULL}
                     : (const char *const[]){SPSP, NULL});
    allocations = 0;
    fail_at = which;
    int error = begin(&t, &s, &o);
    if (error == RILL_OK) {
        assert_int_equal(rill_loop_run(t.loop), RILL_OK);
        assert_true(t.calls >= 1);
        assert_true(t.error == RILL_OK || which != NEVER_FAIL);
        rill_receiver_close(t.receiver, on_closed, &t);
    } else {
        assert_true(which != NEVER_FAIL);
        assert_null(t.receiver);
    }
    assert_int_equal(rill_loop_run(t.loop), RILL_OK);
    unsigned long made = allocations;
    fail_at = NEVER_FAIL;
    stop(&s);
    assert_int_equal(t.closed, error == RILL_OK);
    assert_int_equal(rill_loop_free(t.loop), RILL_OK); /* nothing is left open */
    return made;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    for (int wallet = 0; wallet < 2; wallet++) {
        unsigned long made = run_with(NEVER_FAIL, wallet != 0);
        assert_in_range(made, 10, MOST_RUNS);
        for (unsigned long i = 1; i <= made; i++)
            (void)run_with(i, wallet != 0);
    }
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_spsp),
        cmocka_unit_test(test_by_open_payments_after_spsp),
        cmocka_unit_test(test_what_it_has_received),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_nobody_is_there),
        cmocka_unit_test(test_a_server_that_hangs_up),
        cmocka_unit_test(test_closed_before_it_answers),
        cmocka_unit_test(test_freed_from_inside_done),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

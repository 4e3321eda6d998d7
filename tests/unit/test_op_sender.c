/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments out of one's own account over real sockets: the whole way, each step of it going wrong,
 * whoever else calls at the port where the browser comes back, and each allocation failing. The
 * server is a thread that answers each question with the next of a test's texts, and keeps what it
 * was asked. Grants that are given back it takes at any time. The linker puts the functions below
 * before malloc's (--wrap), for the code of this tree.
 *
 * Over 600 lines: one server and one browser for all of it, and the texts of one payment.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <rill/error.h>
#include <rill/op_sender.h>

#include "base/base64.h"
#include "clients/op_sender_impl.h"
#include "crypto/ed25519.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_ASKED   40
#define MOST_RUNS    2000
#define NEVER_FAIL   0

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

#define ANSWER(status, body) "HTTP/1.1 " status " -\r\nConnection: close\r\n\r\n" body
#define KEPT(body)           "KEPT" body /* the connection stays open for another question */
#define HERE                 "http://127.0.0.1:PORT"
#define EUR(value)           "{\"value\":\"" value "\",\"assetCode\":\"EUR\",\"assetScale\":2}"
#define USD(value)           "{\"value\":\"" value "\",\"assetCode\":\"USD\",\"assetScale\":2}"
#define WALLET(name, asset)                                                                        \
    ANSWER("200", "{\"id\":\"" HERE "/" name "\",\"authServer\":\"" HERE                           \
                  "/auth\",\"resourceServer\":\"" HERE "\",\"assetCode\":\"" asset                 \
                  "\",\"assetScale\":2}")
#define TOKEN "\"access_token\":{\"value\":\"tok\",\"manage\":\"" HERE "/manage\"}"
#define CONTINUE                                                                                   \
    "\"continue\":{\"access_token\":{\"value\":\"ct\"},\"uri\":\"" HERE "/c\",\"wait\":1}"
#define GRANT   ANSWER("200", "{" TOKEN "}")
#define PENDING ANSWER("200", "{" CONTINUE "}")
#define CONSENT                                                                                    \
    ANSWER("200", "{\"interact\":{\"redirect\":\"" HERE "/page\",\"finish\":\"sn\"}," CONTINUE "}")
#define INCOMING_TEXT(more, value)                                                                 \
    "{\"id\":\"" HERE "/1\"," more "\"receivedAmount\":" USD(                                      \
        value) ",\"methods\":[{\"type\":\"ilp\",\"ilpAddress\":\"test.a\","                        \
               "\"sharedSecret\":\"6jR5iNIVRvqeasJeCty6C+YB5X9FhSOUPCL/5nha5Vs=\"}]}"
#define INCOMING(status, more, value) ANSWER(status, INCOMING_TEXT(more, value))
#define PAYMENT(value)                INCOMING("200", "\"completed\":false,", value)
#define QUOTE(receiver, debit, receive, more)                                                      \
    ANSWER("201", "{\"id\":\"" HERE "/quotes/1\",\"receiver\":\"" HERE receiver                    \
                  "\",\"debitAmount\":" debit ",\"receiveAmount\":" receive more "}")
#define OUTGOING(status, debit, sent, more)                                                        \
    ANSWER(status, "{\"id\":\"" HERE "/out/1\",\"receiver\":\"" HERE "/1\",\"debitAmount\":" debit \
                   ",\"sentAmount\":" sent more "}")

/* The places of a payment's answers. */
enum {
    AT_WALLET,
    AT_RECEIVER,
    AT_INCOMING_GRANT,
    AT_INCOMING,
    AT_QUOTE_GRANT,
    AT_QUOTE,
    AT_GRANT,
    AT_CONTINUE,
    AT_CHECK,
    AT_CREATE,
    AT_LOOK,
    AT_RECEIVED,
    AT_END
};

static const char *const whole[AT_END + 1] = {
    WALLET("bob", "EUR"),
    WALLET("alice", "USD"),
    GRANT,
    INCOMING("201", "\"completed\":false,", "0"),
    GRANT,
    QUOTE("/1", EUR("500"), USD("490"), ""),
    CONSENT,
    ANSWER("200", "{" TOKEN "," CONTINUE "}"),
    PAYMENT("0"),
    OUTGOING("201", EUR("500"), EUR("0"), ""),
    OUTGOING("200", EUR("500"), EUR("500"), ""),
    PAYMENT("490"),
    NULL,
};

typedef struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *const *answers; /* NULL ends; "PORT" is the port */
    char asked[MOST_ASKED][4096];
    unsigned count;    /* all questions */
    unsigned answered; /* of `answers` */
    unsigned deleted;
    bool made;           /* a payment was asked for, */
    unsigned times;      /* that often */
    const char *held_up; /* how a question begins that is answered once `go` has a byte, */
    int asked_for_it;    /* of which this pipe is told; 0: none is */
    int go;
} server;

static bool is_whole(const char *asked, size_t len)
{
    const char *end = strstr(asked, "\r\n\r\n");
    const char *field = strstr(asked, "Content-Length: ");
    size_t body = field && end && field < end ? strtoul(field + 16, NULL, 10) : 0;
    return end && len >= (size_t)(end + 4 - asked) + body;
}

static void write_answer(const server *s, int fd, const char *text)
{
    char said[4096] = "";
    char head[64];
    size_t len = 0;
    bool kept = strncmp(text, "KEPT", 4) == 0;
    text += kept ? 4 : 0;
    while (*text && len < sizeof said - 8) {
        if (strncmp(text, "PORT", 4) == 0) {
            len += (size_t)snprintf(said + len, 8, "%u", s->port);
            text += 4;
        } else {
            said[len++] = *text++;
        }
    }
    int head_len =
        snprintf(head, sizeof head, "HTTP/1.1 200 -\r\nContent-Length: %zu\r\n\r\n", len);
    if (kept)
        (void)send(fd, head, (size_t)head_len, MSG_NOSIGNAL);
    (void)send(fd, said, len, MSG_NOSIGNAL);
}

/* Whether the connection is kept. */
static bool answer(server *s, int fd)
{
    bool kept = false;
    char *asked = s->asked[s->count++];
    size_t len = 0;
    while (len < sizeof s->asked[0] - 1 && !is_whole(asked, len)) {
        ssize_t n = read(fd, asked + len, sizeof s->asked[0] - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        asked[len] = '\0';
    }
    bool makes = strncmp(asked, "POST /outgoing-payments ", 24) == 0;
    s->made = s->made || makes;
    s->times += makes;
    if (s->asked_for_it != 0 && strncmp(asked, s->held_up, strlen(s->held_up)) == 0) {
        (void)!write(s->asked_for_it, "", 1);
        (void)!read(s->go, (char[1]){0}, 1);
    }
    if (strncmp(asked, "DELETE ", 7) == 0) {
        s->deleted++;
        write_answer(s, fd, ANSWER("204", ""));
    } else if (strncmp(asked, "POST /1/complete ", 17) == 0) {
        write_answer(s, fd, PAYMENT("490"));
    } else if (s->answers[s->answered]) {
        kept = strncmp(s->answers[s->answered], "KEPT", 4) == 0;
        write_answer(s, fd, s->answers[s->answered++]);
    } else {
        write_answer(s, fd, ANSWER("500", ""));
    }
    if (kept)
        return true;
    shutdown(fd, SHUT_WR);
    while (read(fd, (char[64]){0}, 64) > 0) /* until the other side closes */
        continue;
    return false;
}

static void *serve(void *user)
{
    server *s = user;
    int kept = -1;
    while (s->count < MOST_ASKED) {
        struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN}, {.fd = kept, .events = POLLIN}};
        (void)poll(fds, 2, -1);
        int fd = fds[1].revents != 0 ? kept : accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        if (fd == kept)
            kept = -1;
        if (answer(s, fd))
            kept = fd;
        else
            close(fd);
    }
    if (kept >= 0)
        close(kept);
    return NULL;
}

static void start(server *s, const char *const *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(s, 0, sizeof *s);
    s->answers = answers;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(server *s)
{
    shutdown(s->fd, SHUT_RDWR); /* wakes it */
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* ---- a payer ---- */

static rill_key *key;

typedef struct payer {
    server *server;
    rill_loop *loop;
    rill_op_sender *sender;
    rill_op_sender_options options;
    void (*browse)(struct payer *p); /* instead of a person who agrees */
    rill_op_wait cancel_at;          /* 0: never */
    unsigned waits[RILL_OP_WAIT_END + 1];
    bool no_agreement;
    bool comes_again; /* once the wallet pays */
    unsigned quotes, pages, calls;
    int visitors[4]; /* connections to the port of the way back */
    int error;
    char problem[700];
    bool may_move;
    uint64_t sent, received;
    char outgoing[200];
} payer;

/* A member of the question for a grant that asks a person. */
static void member_of_grant(const payer *p, const char *member, char *out, size_t cap)
{
    const char *asked = NULL;
    for (unsigned i = 0; i < p->server->count; i++) {
        if (strstr(p->server->asked[i], "\"interact\""))
            asked = p->server->asked[i];
    }
    assert_non_null(asked);
    const char *body = strstr(asked, "\r\n\r\n") + 4;
    json_t *json = json_loads(body, 0, NULL);
    const json_t *finish = json_object_get(json_object_get(json, "interact"), "finish");
    snprintf(out, cap, "%s", json_string_value(json_object_get(finish, member)));
    json_decref(json);
}

/* A request to the way back; what comes of it is to be read once the loop has run. */
static int visit(const payer *p, const char *method, const char *path, const char *query,
                 const char *fields)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char uri[200], text[1024];
    unsigned port = 0;
    member_of_grant(p, "uri", uri, sizeof uri);
    assert_int_equal(sscanf(uri, "http://127.0.0.1:%u/", &port), 1);
    const char *own = strchr(uri + 7, '/');
    int len = snprintf(text, sizeof text, "%s %s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n",
                       method, path ? path : own, query, port, fields);
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    return fd;
}

/* The status that a visitor was answered with; 0: none. */
static unsigned status_of(int fd)
{
    char text[2048] = "";
    unsigned status = 0;
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text - 1 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    (void)sscanf(text, "HTTP/1.1 %u ", &status);
    close(fd);
    return status;
}

/* "?hash=...&interact_ref=ref", as the wallet makes it. */
static void good_query(const payer *p, const char *ref, char *out, size_t cap)
{
    char nonce[100], text[400], hash[RILL_BASE64_SIZE(RILL_SHA256_LEN)];
    uint8_t digest[RILL_SHA256_LEN];
    member_of_grant(p, "nonce", nonce, sizeof nonce);
    int len = snprintf(text, sizeof text, "%s\nsn\n%s\nhttp://127.0.0.1:%u/auth", nonce, ref,
                       p->server->port);
    assert_int_equal(rill_sha256((const uint8_t *)text, (size_t)len, digest), RILL_OK);
    (void)rill_base64url_encode(digest, sizeof digest, hash);
    snprintf(out, cap, "?hash=%s&interact_ref=%s", hash, ref);
}

static void agree_at_page(payer *p)
{
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, query, "");
}

static void on_quoted(const rill_op_quote *quote, void *user)
{
    payer *p = user;
    p->quotes++;
    assert_int_equal(quote->debit_amount, 500);
    assert_string_equal(quote->receive_asset_code, "USD");
    if (p->no_agreement)
        rill_op_sender_cancel(p->sender);
    else
        assert_int_equal(rill_op_sender_agree(p->sender), RILL_OK);
    assert_int_equal(rill_op_sender_agree(p->sender), RILL_ERR_STATE);
}

static void on_interact(const char *url, void *user)
{
    payer *p = user;
    unsigned long left = fail_at;
    fail_at = NEVER_FAIL; /* the test's own */
    p->pages++;
    assert_non_null(strstr(url, "/page"));
    p->browse(p);
    fail_at = left;
}

static void on_waiting(rill_op_wait what, void *user)
{
    payer *p = user;
    p->waits[what]++;
    if (what == RILL_OP_WAIT_PAYMENT && p->comes_again) {
        char query[300];
        good_query(p, "ref", query, sizeof query);
        p->visitors[3] = visit(p, "GET", NULL, query, "");
    }
    if (what == p->cancel_at)
        rill_op_sender_cancel(p->sender);
}

static void on_done(const rill_op_sender_result *r, void *user)
{
    payer *p = user;
    p->calls++;
    p->error = r->error;
    p->may_move = r->may_move;
    p->sent = r->sent;
    p->received = r->received;
    snprintf(p->problem, sizeof p->problem, "%s", r->problem);
    snprintf(p->outgoing, sizeof p->outgoing, "%s", r->outgoing_payment);
}

static void set_up_payer(payer *p, server *s)
{
    *p = (payer){.server = s, .browse = agree_at_page};
    rill_op_sender_options_init(&p->options);
    p->options.amount = 500;
    p->options.consent_timeout_ns = 5 * RILL_SECOND;
    p->options.payment_timeout_ns = 5 * RILL_SECOND;
    assert_int_equal(rill_loop_new(&p->loop, NULL), RILL_OK);
}

static int begin(payer *p, const char *receiver)
{
    char from[100], to[100];
    rill_signer signer;
    const rill_op_sender_handlers handlers = {.size = sizeof handlers,
                                              .quoted = on_quoted,
                                              .interact = on_interact,
                                              .waiting = on_waiting,
                                              .done = on_done,
                                              .user = p};
    rill_signer_of_key(&signer, key, "k");
    snprintf(from, sizeof from, "http://127.0.0.1:%u/bob", p->server->port);
    snprintf(to, sizeof to, "http://127.0.0.1:%u%s", p->server->port, receiver);
    p->options.signer = &signer;
    p->options.public_key = rill_key_public(key);
    p->options.wallet_address = from;
    p->options.receiver = to;
    return rill_op_sender_start(&p->sender, p->loop, &p->options, &handlers, NULL);
}

static void run(payer *p)
{
    assert_int_equal(begin(p, "/alice"), RILL_OK);
    assert_int_equal(p->calls, 0); /* never from inside the call */
    assert_int_equal(rill_loop_run(p->loop), RILL_OK);
    assert_int_equal(p->calls, 1);
}

static void tear_down_payer(payer *p)
{
    assert_int_equal(rill_loop_free(p->loop), RILL_OK); /* nothing is left open */
    for (size_t i = 0; i < COUNT(p->visitors); i++) {
        if (p->visitors[i] > 0)
            close(p->visitors[i]);
    }
}

static const char *asked_with(const server *s, const char *begins)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strncmp(s->asked[i], begins, strlen(begins)) == 0)
            return s->asked[i];
    }
    fail_msg("nobody asked: %s", begins);
    return NULL;
}

/* ---- the whole way ---- */

static void test_a_payment(void **state)
{
    (void)state;
    server s;
    payer p;
    char limits[400];
    start(&s, whole);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_string_equal(p.problem, "");
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.sent, 500);
    assert_int_equal(p.received, 490);
    assert_false(p.may_move);
    assert_non_null(strstr(p.outgoing, "/out/1"));
    assert_int_equal(p.quotes, 1);
    assert_int_equal(p.pages, 1);
    assert_int_equal(s.answered, AT_END);
    assert_int_equal(s.deleted, 3); /* the quote's grant, the payment's, the receiver's */
    (void)asked_with(&s, "POST /1/complete ");
    assert_non_null(strstr(asked_with(&s, "POST /c "), "{\"interact_ref\":\"ref\"}"));
    snprintf(limits, sizeof limits,
             "\"limits\":{\"receiver\":\"http://127.0.0.1:%u/1\",\"debitAmount\":" EUR("500") "}",
             s.port);
    bool limited = false;
    for (unsigned i = 0; i < s.count; i++)
        limited = limited || strstr(s.asked[i], limits) != NULL;
    assert_true(limited); /* a grant for that much, to that receiver alone */
    assert_int_equal(status_of(p.visitors[0]), 200);
    p.visitors[0] = 0;
    tear_down_payer(&p);
}

/* ---- what goes wrong, and whether money moves then ---- */

typedef struct wrong {
    const char *what;
    unsigned at;
    const char *answer;
    int error;
    const char *problem; /* a part of it */
    bool may_move;
} wrong;

static const wrong wrongs[] = {
    {"no such wallet", AT_WALLET, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "wallet address", false},
    {"an incoming payment for a wallet", AT_WALLET,
     ANSWER("200", "{\"authServer\":\"" HERE "/auth\"}"), RILL_ERR_UNSUPPORTED,
     "not a wallet address", false},
    {"no such receiver", AT_RECEIVER, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "receiver", false},
    {"a receiver that grants nothing", AT_INCOMING_GRANT, ANSWER("403", "{}"), RILL_ERR_REFUSED,
     "does not grant", false},
    {"a complete incoming payment", AT_INCOMING, INCOMING("201", "\"completed\":true,", "0"),
     RILL_ERR_CLOSED, "complete", false},
    {"an incoming payment that is over", AT_INCOMING,
     INCOMING("201", "\"expiresAt\":\"2020-01-01T00:00:00Z\",", "0"), RILL_ERR_EXPIRED, "over",
     false},
    {"an incoming payment in another asset", AT_INCOMING,
     INCOMING("201", "\"incomingAmount\":" EUR("9") ",", "0"), RILL_ERR_ASSET, "another asset",
     false},
    {"an incoming payment with all that it is for", AT_INCOMING,
     INCOMING("201", "\"incomingAmount\":" USD("9") ",", "9"), RILL_ERR_CLOSED,
     "all that it is for", false},
    {"a key that the wallet does not know", AT_QUOTE_GRANT,
     ANSWER("400", "{\"error\":{\"code\":\"invalid_client\"}}"), RILL_ERR_REFUSED,
     "does not take the key", false},
    {"a person to ask for a quote", AT_QUOTE_GRANT, CONSENT, RILL_ERR_UNSUPPORTED, "ask a person",
     false},
    {"no quote", AT_QUOTE, ANSWER("400", "{}"), RILL_ERR_REFUSED, "gives no quote", false},
    {"a quote that is none", AT_QUOTE, ANSWER("201", "{}"), RILL_ERR_MALFORMED, "\"id\"", false},
    {"a quote for another receiver", AT_QUOTE, QUOTE("/2", EUR("500"), USD("490"), ""),
     RILL_ERR_MALFORMED, "another incoming payment", false},
    {"a quote for more", AT_QUOTE, QUOTE("/1", EUR("501"), USD("490"), ""), RILL_ERR_RATE,
     "another amount", false},
    {"a quote that brings nothing", AT_QUOTE, QUOTE("/1", EUR("500"), USD("0"), ""), RILL_ERR_RATE,
     "nothing would be paid", false},
    {"a quote in another asset", AT_QUOTE, QUOTE("/1", USD("500"), USD("490"), ""), RILL_ERR_ASSET,
     "other assets", false},
    {"a quote that arrives in another asset", AT_QUOTE, QUOTE("/1", EUR("500"), EUR("490"), ""),
     RILL_ERR_ASSET, "other assets", false},
    {"a quote that is over", AT_QUOTE,
     QUOTE("/1", EUR("500"), USD("490"), ",\"expiresAt\":\"2020-01-01T00:00:00Z\""),
     RILL_ERR_EXPIRED, "quote's time is over", false},
    {"a grant that is refused", AT_GRANT, ANSWER("403", "{}"), RILL_ERR_REFUSED, "does not take",
     false},
    {"a page that is none", AT_GRANT, ANSWER("200", "{\"interact\":{}," CONTINUE "}"),
     RILL_ERR_UNSUPPORTED, "no page", false},
    {"no nonce of the wallet's", AT_GRANT,
     ANSWER("200", "{\"interact\":{\"redirect\":\"" HERE "/page\"}," CONTINUE "}"),
     RILL_ERR_UNSUPPORTED, "no page", false},
    {"a page by another scheme", AT_GRANT,
     ANSWER("200",
            "{\"interact\":{\"redirect\":\"file:///etc/passwd\",\"finish\":\"sn\"}," CONTINUE "}"),
     RILL_ERR_MALFORMED, "cannot be asked", false},
    {"a page for a shell", AT_GRANT,
     ANSWER("200",
            "{\"interact\":{\"redirect\":\"" HERE "/page x\",\"finish\":\"sn\"}," CONTINUE "}"),
     RILL_ERR_MALFORMED, "cannot be asked", false},
    {"consent that the wallet does not remember", AT_CONTINUE,
     ANSWER("401", "{\"error\":{\"code\":\"request_denied\"}}"), RILL_ERR_REFUSED, "does not grant",
     false},
    {"an incoming payment that became complete", AT_CHECK,
     INCOMING("200", "\"completed\":true,", "0"), RILL_ERR_CLOSED, "meanwhile", false},
    {"an incoming payment whose time ended", AT_CHECK,
     INCOMING("200", "\"expiresAt\":\"2020-01-01T00:00:00Z\",", "0"), RILL_ERR_EXPIRED, "meanwhile",
     false},
    {"an incoming payment of which less is missing by now", AT_CHECK,
     INCOMING("200", "\"incomingAmount\":" USD("700") ",", "211"), RILL_ERR_LIMIT, "meanwhile",
     false},
    {"an incoming payment that has more than it is for by now", AT_CHECK,
     INCOMING("200", "\"incomingAmount\":" USD("700") ",", "701"), RILL_ERR_LIMIT, "meanwhile",
     false},
    {"a receiver that went away", AT_CHECK, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "incoming",
     false},
    {"a payment that is refused", AT_CREATE,
     ANSWER("400", "{\"error\":{\"code\":\"expired_quote\"}}"), RILL_ERR_REFUSED, "expired_quote",
     false},
    {"a wallet that breaks down", AT_CREATE, ANSWER("500", ""), RILL_ERR_IN_DOUBT, "not known",
     true},
    {"a wallet that says nothing", AT_CREATE, "", RILL_ERR_IN_DOUBT, "not known", true},
    {"a payment that cannot be read", AT_CREATE, ANSWER("201", "{}"), RILL_ERR_IN_DOUBT,
     "cannot be read", true},
    {"a payment above the quote", AT_CREATE, OUTGOING("201", EUR("501"), EUR("0"), ""),
     RILL_ERR_PROTOCOL, "another payment", true},
    {"a payment that fails", AT_LOOK, OUTGOING("200", EUR("500"), EUR("70"), ",\"failed\":true"),
     RILL_ERR_REMOTE, "could not pay all", false},
};

static void test_each_step_goes_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        const wrong *w = &wrongs[i];
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[w->at] = w->answer;
        start(&s, answers);
        set_up_payer(&p, &s);
        run(&p);
        stop(&s);
        if (p.error != w->error || !strstr(p.problem, w->problem) || p.may_move != w->may_move)
            fail_msg("%s: %s, %s", w->what, rill_error_name(p.error), p.problem);
        assert_int_equal(s.made, w->at >= AT_CREATE); /* no sooner than it may */
        assert_int_equal(p.pages, w->at >= AT_CONTINUE);
        for (const char *c = p.problem; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        tear_down_payer(&p);
    }
}

/* A connection that was kept ends with the question: it is not sent over another one. */
static void test_a_payment_is_asked_for_once(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_CHECK] = KEPT(INCOMING_TEXT("\"completed\":false,", "0"));
    answers[AT_CREATE] = "";
    answers[AT_CREATE + 1] = OUTGOING("201", EUR("500"), EUR("0"), "");
    answers[AT_CREATE + 2] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    assert_true(p.may_move);
    assert_int_equal(s.times, 1);
    tear_down_payer(&p);
}

/* ---- amounts ---- */

typedef struct amounts {
    uint64_t amount;
    bool deliver;
    uint64_t max_debit;
    const char *incoming; /* NULL: the usual answer */
    const char *quote;
    int error;
    const char *asked; /* what the wallet is asked for */
} amounts;

static void test_amounts(void **state)
{
    (void)state;
    static const char limited[] =
        INCOMING("201", "\"incomingAmount\":" USD("700") ",\"completed\":false,", "210");
    static const amounts cases[] = {
        {500, false, 0, NULL, NULL, RILL_OK, "\"debitAmount\":" EUR("500")},
        {490, true, 0, NULL, NULL, RILL_OK, "\"receiveAmount\":" USD("490")},
        {490, true, 500, NULL, NULL, RILL_OK, NULL},
        {490, true, 499, NULL, NULL, RILL_ERR_RATE, NULL},
        {489, true, 0, NULL, NULL, RILL_ERR_RATE, NULL}, /* more arrives than was asked for */
        {491, true, 0, NULL, NULL, RILL_ERR_RATE, NULL}, /* or less */
        {499, false, 0, NULL, NULL, RILL_ERR_RATE, NULL},
        {0, false, 0, NULL, NULL, RILL_ERR_INVALID, NULL},
        {0, false, 0, limited, NULL, RILL_OK, "\"method\":\"ilp\"}"},
        {0, false, 0, limited, QUOTE("/1", EUR("500"), USD("700"), ""), RILL_ERR_RATE, NULL},
        {491, true, 0, limited, NULL, RILL_ERR_LIMIT, NULL},
        {490, true, 0, limited, NULL, RILL_OK, NULL},
        {500, false, 0, limited, NULL, RILL_OK, NULL},
        {500, false, 0, limited, QUOTE("/1", EUR("500"), USD("491"), ""), RILL_ERR_LIMIT, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        if (cases[i].incoming)
            answers[AT_INCOMING] = cases[i].incoming;
        if (cases[i].quote)
            answers[AT_QUOTE] = cases[i].quote;
        start(&s, answers);
        set_up_payer(&p, &s);
        p.options.amount = cases[i].amount;
        p.options.deliver = cases[i].deliver;
        p.options.max_debit = cases[i].max_debit;
        run(&p);
        stop(&s);
        if (p.error != cases[i].error)
            fail_msg("%zu: %s, %s", i, rill_error_name(p.error), p.problem);
        if (cases[i].asked)
            assert_non_null(strstr(asked_with(&s, "POST /quotes "), cases[i].asked));
        tear_down_payer(&p);
    }
}

/* ---- who else comes to the way back ---- */

static void come_in_many_ways(payer *p)
{
    static const char wrong_hash[] =
        "?hash=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&interact_ref=ref";
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, wrong_hash, "");
    p->visitors[1] = visit(p, "GET", "/else", query, "");
    p->visitors[2] = visit(p, "GET", NULL, query, "Origin: https://evil.example\r\n");
    p->visitors[3] = visit(p, "GET", NULL, query, "");
}

static void test_others_at_the_way_back(void **state)
{
    (void)state;
    static const unsigned expected[] = {400, 404, 403, 200};
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_in_many_ways;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(status_of(p.visitors[i]), expected[i]);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

/* Who holds connections open, and says nothing, does not keep the browser out. */
#define MOST_HELD 40

typedef struct holder {
    pthread_t thread;
    payer *payer;
    char query[300];
    char uri[200];
    int held[MOST_HELD];
} holder;

static holder held;

static void *hold(void *user)
{
    holder *h = user;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port = 0;
    (void)sscanf(h->uri, "http://127.0.0.1:%u/", &port);
    address.sin_port = htons((uint16_t)port);
    for (size_t i = 0; i < MOST_HELD; i++) {
        h->held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)connect(h->held[i], (struct sockaddr *)&address, sizeof address);
        (void)send(h->held[i], "GET ", 4, MSG_NOSIGNAL);
    }
    h->payer->visitors[0] = visit(h->payer, "GET", NULL, h->query, "");
    return NULL;
}

static void hold_the_port(payer *p)
{
    held.payer = p;
    good_query(p, "ref", held.query, sizeof held.query);
    member_of_grant(p, "uri", held.uri, sizeof held.uri);
    assert_int_equal(pthread_create(&held.thread, NULL, hold, &held), 0);
}

static void test_the_port_is_held(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = hold_the_port;
    run(&p);
    pthread_join(held.thread, NULL);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < MOST_HELD; i++)
        close(held.held[i]);
    tear_down_payer(&p);
}

static void come_twice(payer *p)
{
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, query, "");
    p->visitors[1] = visit(p, "GET", NULL, query, "");
    p->visitors[2] = visit(p, "GET", NULL, "?result=grant_rejected", "");
}

static void test_a_second_answer_changes_nothing(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_twice;
    p.comes_again = true;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(status_of(p.visitors[i]), 200);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

/* "It was refused" is asked of the wallet, whose word counts. */
static void say_refused(payer *p)
{
    p->visitors[0] = visit(p, "GET", NULL, "?result=grant_rejected", "");
}

static void test_a_refusal_is_asked_of_the_wallet(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        int error;
    } cases[] = {
        {ANSWER("401", "{\"error\":{\"code\":\"request_denied\"}}"), NULL, RILL_ERR_REFUSED},
        {ANSWER("404", "{}"), NULL, RILL_ERR_REFUSED},
        {ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}"), ANSWER("401", "{}"),
         RILL_ERR_REFUSED},
        {PENDING, NULL, RILL_ERR_TIMEOUT}, /* it was not, and nobody agrees */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[AT_CONTINUE] = cases[i].first;
        answers[AT_CONTINUE + 1] = cases[i].second;
        start(&s, answers);
        set_up_payer(&p, &s);
        p.browse = say_refused;
        p.options.consent_timeout_ns = 3 * RILL_SECOND;
        run(&p);
        stop(&s);
        assert_int_equal(p.error, cases[i].error);
        assert_false(p.may_move);
        assert_false(s.made);
        assert_null(strstr(asked_with(&s, "POST /c "), "interact_ref"));
        (void)asked_with(&s, "DELETE /c ");
        tear_down_payer(&p);
    }
}

/* Nothing else that a visitor calls a result is. */
static void come_with_other_results(payer *p)
{
    p->visitors[0] = visit(p, "GET", NULL, "?result=done", "");
    p->visitors[1] = visit(p, "GET", NULL, "?result=grant_rejected2", "");
}

static void test_other_results_are_no_refusal(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_with_other_results;
    p.options.consent_timeout_ns = RILL_SECOND / 2;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_int_equal(s.answered, AT_CONTINUE); /* the wallet was not asked */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(status_of(p.visitors[i]), 400);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

/* ---- waiting ---- */

static void do_nothing(payer *p)
{
    (void)p;
}

static void test_nobody_agrees(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = do_nothing;
    p.options.consent_timeout_ns = RILL_SECOND / 5;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_non_null(strstr(p.problem, "have not agreed"));
    assert_false(s.made);
    (void)asked_with(&s, "DELETE /c "); /* the question is taken back */
    tear_down_payer(&p);
}

/* The wallet wants a moment, after the person has agreed too. */
static void test_a_wallet_takes_its_time(void **state)
{
    (void)state;
    const char *answers[AT_END + 4];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_CONTINUE);
    answers[AT_CONTINUE] = ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}");
    answers[AT_CONTINUE + 1] = PENDING;
    memcpy(answers + AT_CONTINUE + 2, whole + AT_CONTINUE,
           sizeof whole[0] * (AT_END + 1 - AT_CONTINUE));
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(s.answered, AT_END + 2);
    tear_down_payer(&p);
}

/* The quote is over while the person thinks. */
static void test_a_quote_ends_meanwhile(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    char quote[1024];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_QUOTE] = quote;
    answers[AT_CONTINUE] =
        ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}"); /* a second passes */
    answers[AT_CONTINUE + 1] = whole[AT_CONTINUE];
    answers[AT_CONTINUE + 2] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    time_t then = (time_t)(rill_loop_now(p.loop).wall_ms / 1000) + 1;
    struct tm tm;
    char until[40];
    gmtime_r(&then, &tm);
    strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(quote, sizeof quote, QUOTE("/1", EUR("500"), USD("490"), ",\"expiresAt\":\"%s\""),
             until);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_EXPIRED);
    assert_false(s.made);
    tear_down_payer(&p);
}

/* Neither a lost look nor one that says nonsense ends a payment. */
static void test_looks_may_come_to_nothing(void **state)
{
    (void)state;
    const char *answers[AT_END + 5];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_LOOK);
    answers[AT_LOOK] = "";
    answers[AT_LOOK + 1] = ANSWER("500", "");
    answers[AT_LOOK + 2] = ANSWER("200", "{}");
    answers[AT_LOOK + 3] = PAYMENT("0");
    answers[AT_LOOK + 4] = whole[AT_LOOK];
    answers[AT_LOOK + 5] = whole[AT_RECEIVED];
    answers[AT_LOOK + 6] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.sent, 500);
    tear_down_payer(&p);
}

/* The wallet lets nobody look any more: what the receiver has got tells the end. */
static void test_a_token_that_is_not_renewed(void **state)
{
    (void)state;
    const char *answers[AT_END + 2];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_LOOK);
    answers[AT_LOOK] = ANSWER("401", "{}");
    answers[AT_LOOK + 1] = ANSWER("403", "{}");
    answers[AT_LOOK + 2] = whole[AT_RECEIVED];
    answers[AT_LOOK + 3] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    (void)asked_with(&s, "POST /manage ");
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.received, 490);
    tear_down_payer(&p);
}

static void test_a_payment_that_does_not_end(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_LOOK] = OUTGOING("200", EUR("500"), EUR("20"), "");
    answers[AT_RECEIVED] = PAYMENT("19");
    start(&s, answers);
    set_up_payer(&p, &s);
    p.options.payment_timeout_ns = 1;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_true(p.may_move);
    assert_int_equal(p.sent, 20);
    assert_int_equal(p.received, 19);
    tear_down_payer(&p);
}

/* ---- stopped ---- */

static void test_cancelled(void **state)
{
    (void)state;
    static const struct {
        bool no_agreement;
        rill_op_wait at;
        bool may_move;
        const char *asked; /* at the end */
    } cases[] = {
        {true, 0, false, "POST /1/complete "},
        {false, RILL_OP_WAIT_PERSON, false, "DELETE /c "},
        {false, RILL_OP_WAIT_PAYMENT, true, "DELETE /manage "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        server s;
        payer p;
        start(&s, whole);
        set_up_payer(&p, &s);
        p.no_agreement = cases[i].no_agreement;
        p.cancel_at = cases[i].at;
        if (cases[i].at == RILL_OP_WAIT_PERSON)
            p.browse = do_nothing;
        run(&p);
        stop(&s);
        assert_int_equal(p.error, RILL_ERR_CANCELLED);
        assert_int_equal(p.may_move, cases[i].may_move);
        assert_int_equal(s.made, cases[i].may_move);
        (void)asked_with(&s, cases[i].asked);
        tear_down_payer(&p);
    }
}

/* What is done while a question waits for its answer. */
typedef struct holdup {
    uv_poll_t poll;
    uv_timer_t timer;
    payer *payer;
    void (*act)(payer *p);
    uint64_t ms; /* until it is answered */
    int asked[2], go[2];
} holdup;

static void on_long_enough(uv_timer_t *timer)
{
    holdup *h = timer->data;
    (void)!write(h->go[1], (char[2]){0}, 2); /* one for a question that must not come again */
    uv_close((uv_handle_t *)timer, NULL);
}

static void on_asked_for_it(uv_poll_t *poll, int status, int events)
{
    holdup *h = poll->data;
    (void)status;
    (void)events;
    h->act(h->payer);
    assert_int_equal(uv_timer_start(&h->timer, on_long_enough, h->ms, 0), 0);
    uv_close((uv_handle_t *)poll, NULL);
}

/* Runs p, whose server was just started. */
static void run_with_holdup(payer *p, const char *question, void (*act)(payer *p), uint64_t ms)
{
    holdup h = {.payer = p, .act = act, .ms = ms};
    assert_int_equal(pipe(h.asked) | pipe(h.go), 0);
    p->server->held_up = question;
    p->server->go = h.go[0];
    p->server->asked_for_it = h.asked[1];
    assert_int_equal(uv_poll_init(rill_loop_uv(p->loop), &h.poll, h.asked[0]), 0);
    assert_int_equal(uv_timer_init(rill_loop_uv(p->loop), &h.timer), 0);
    h.poll.data = &h;
    h.timer.data = &h;
    assert_int_equal(uv_poll_start(&h.poll, UV_READABLE, on_asked_for_it), 0);
    run(p);
    stop(p->server);
    for (size_t end = 0; end < 2; end++) {
        close(h.asked[end]);
        close(h.go[end]);
    }
}

static void cancel_twice(payer *p)
{
    rill_op_sender_cancel(p->sender);
    rill_op_sender_cancel(p->sender);
}

/* The answer is waited for, since it tells whether money moves; but it is not asked for again. */
static void test_cancelled_while_it_is_made(void **state)
{
    (void)state;
    static const struct {
        const char *held_up, *answer;
        int error;
        bool may_move;
    } cases[] = {
        {"POST /outgoing-payments ", OUTGOING("201", EUR("500"), EUR("0"), ""), RILL_ERR_CANCELLED,
         true},
        {"POST /outgoing-payments ", ANSWER("400", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", ANSWER("401", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", ANSWER("403", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", "", RILL_ERR_IN_DOUBT, true},
        {"POST /manage ", ANSWER("401", "{}"), RILL_ERR_CANCELLED, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[AT_CREATE] = cases[i].answer;
        answers[AT_CREATE + 1] = GRANT; /* a new token, for whoever asks */
        answers[AT_CREATE + 2] = whole[AT_CREATE];
        answers[AT_CREATE + 3] = NULL;
        start(&s, answers);
        set_up_payer(&p, &s);
        run_with_holdup(&p, cases[i].held_up, cancel_twice, 20);
        /* At once, and not as long as the answer takes. */
        assert_int_equal(p.waits[RILL_OP_WAIT_ANSWER], cases[i].held_up[6] == 'o');
        if (p.error != cases[i].error || p.may_move != cases[i].may_move)
            fail_msg("%zu: %s, %s", i, rill_error_name(p.error), p.problem);
        assert_int_equal(s.times, 1);
        tear_down_payer(&p);
    }
}

/* The time to agree is over once the wallet was asked, however long its answers take. */
static void test_no_time_ends_a_payment_that_is_made(void **state)
{
    (void)state;
    static const char *const held_up[] = {"POST /c ", "POST /outgoing-payments "};
    for (size_t i = 0; i < COUNT(held_up); i++) {
        server s;
        payer p;
        start(&s, whole);
        set_up_payer(&p, &s);
        p.browse = say_refused; /* which the wallet knows nothing of */
        p.options.consent_timeout_ns = RILL_SECOND;
        run_with_holdup(&p, held_up[i], do_nothing, 1500);
        if (p.error != RILL_OK)
            fail_msg("%s: %s, %s", held_up[i], rill_error_name(p.error), p.problem);
        assert_int_equal(p.sent, 500);
        tear_down_payer(&p);
    }
}

/* Whatever ends it then, nobody is told that nothing was sent. */
static void end_it(payer *p)
{
    rill_op_sender_finish(p->sender, RILL_ERR_TIMEOUT, "too late");
}

static void test_ended_while_it_is_made(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    run_with_holdup(&p, "POST /outgoing-payments ", end_it, 0);
    assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    assert_true(p.may_move);
    assert_non_null(strstr(p.problem, "not known (too late)"));
    tear_down_payer(&p);
}

static void test_freed_at_once(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    assert_int_equal(begin(&p, "/alice"), RILL_OK);
    rill_op_sender_free(p.sender);
    rill_op_sender_free(NULL);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    assert_int_equal(p.calls, 0);
    stop(&s);
    tear_down_payer(&p);
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    (void)state;
    server s = {.port = 1};
    payer p;
    rill_op_sender_handlers handlers = {
        .size = sizeof handlers, .quoted = on_quoted, .interact = on_interact, .done = on_done};
    rill_signer signer;
    const char *problem = NULL;
    set_up_payer(&p, &s);
    rill_signer_of_key(&signer, key, "k");
    p.options.receiver = "https://a.example";
    p.options.wallet_address = "https://b.example";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, NULL),
                     RILL_ERR_INVALID); /* nobody signs */
    p.options.signer = &signer;
    p.options.public_key = rill_key_public(key);
    p.options.receiver = "http://a.example";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, &problem),
                     RILL_ERR_UNSUPPORTED);
    assert_non_null(strstr(problem, "http is not protected"));
    p.options.receiver = "https://a.example";
    p.options.metadata = "[]";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, &problem),
                     RILL_ERR_MALFORMED);
    p.options.metadata = NULL;
    handlers.interact = NULL;
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, NULL),
                     RILL_ERR_INVALID);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    tear_down_payer(&p);
}

/* ---- allocations that fail ---- */

/* The number of allocations. */
static unsigned long run_with(unsigned long which)
{
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.options.metadata = "{\"a\":1}";
    p.options.consent_timeout_ns = 2 * RILL_SECOND;
    if (which != NEVER_FAIL)
        p.options.payment_timeout_ns = RILL_SECOND / 5; /* where the payment cannot be looked at */
    allocations = 0;
    fail_at = which;
    int error = begin(&p, "/alice");
    if (error != RILL_OK)
        assert_int_equal(error, RILL_ERR_NOMEM);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    unsigned long made = allocations;
    fail_at = NEVER_FAIL;
    stop(&s);
    assert_int_equal(p.calls, error == RILL_OK);
    if (which == NEVER_FAIL)
        assert_int_equal(p.error, RILL_OK);
    if (s.made && p.error != RILL_OK)
        assert_true(p.may_move); /* never told as if nothing had been sent */
    if (p.may_move && !s.made)
        assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    tear_down_payer(&p);
    return made;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    unsigned long made = run_with(NEVER_FAIL);
    assert_in_range(made, 50, MOST_RUNS);
    for (unsigned long i = 1; i <= made; i++)
        (void)run_with(i);
}

static int set_up(void **state)
{
    static const uint8_t seed[RILL_KEY_SEED_LEN] = {1};
    (void)state;
    return rill_key_from_seed(&key, seed) != RILL_OK;
}

static int tear_down(void **state)
{
    (void)state;
    rill_key_free(key);
    return 0;
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_payment),
        cmocka_unit_test(test_each_step_goes_wrong),
        cmocka_unit_test(test_a_payment_is_asked_for_once),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_others_at_the_way_back),
        cmocka_unit_test(test_the_port_is_held),
        cmocka_unit_test(test_a_second_answer_changes_nothing),
        cmocka_unit_test(test_a_refusal_is_asked_of_the_wallet),
        cmocka_unit_test(test_other_results_are_no_refusal),
        cmocka_unit_test(test_nobody_agrees),
        cmocka_unit_test(test_a_wallet_takes_its_time),
        cmocka_unit_test(test_a_quote_ends_meanwhile),
        cmocka_unit_test(test_looks_may_come_to_nothing),
        cmocka_unit_test(test_a_token_that_is_not_renewed),
        cmocka_unit_test(test_a_payment_that_does_not_end),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_cancelled_while_it_is_made),
        cmocka_unit_test(test_no_time_ends_a_payment_that_is_made),
        cmocka_unit_test(test_ended_while_it_is_made),
        cmocka_unit_test(test_freed_at_once),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

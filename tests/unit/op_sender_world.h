/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments out of one's own account over real sockets, for the tests of them. The server is a
 * thread that answers each question with the next of a test's texts, and keeps what it was asked.
 * Grants that are given back it takes at any time. _POSIX_C_SOURCE comes before this.
 */
#ifndef RILL_TESTS_OP_SENDER_WORLD_H
#define RILL_TESTS_OP_SENDER_WORLD_H

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
#define NEVER_FAIL   0

/* The allocation that fails, for a test that counts them. Not of the server's thread. */
static _Thread_local unsigned long fail_at;

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

static inline bool is_whole(const char *asked, size_t len)
{
    const char *end = strstr(asked, "\r\n\r\n");
    const char *field = strstr(asked, "Content-Length: ");
    size_t body = field && end && field < end ? strtoul(field + 16, NULL, 10) : 0;
    return end && len >= (size_t)(end + 4 - asked) + body;
}

static inline void write_answer(const server *s, int fd, const char *text)
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
static inline bool answer(server *s, int fd)
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

static inline void *serve(void *user)
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

static inline void start(server *s, const char *const *answers)
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

static inline void stop(server *s)
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
static inline void member_of_grant(const payer *p, const char *member, char *out, size_t cap)
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
static inline int visit(const payer *p, const char *method, const char *path, const char *query,
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
static inline unsigned status_of(int fd)
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
static inline void good_query(const payer *p, const char *ref, char *out, size_t cap)
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

static inline void say_refused(payer *p)
{
    p->visitors[0] = visit(p, "GET", NULL, "?result=grant_rejected", "");
}

static inline void agree_at_page(payer *p)
{
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, query, "");
}

static inline void on_quoted(const rill_op_quote *quote, void *user)
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

static inline void on_interact(const char *url, void *user)
{
    payer *p = user;
    unsigned long left = fail_at;
    fail_at = NEVER_FAIL; /* the test's own */
    p->pages++;
    assert_non_null(strstr(url, "/page"));
    p->browse(p);
    fail_at = left;
}

static inline void on_waiting(rill_op_wait what, void *user)
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

static inline void on_done(const rill_op_sender_result *r, void *user)
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

static inline void set_up_payer(payer *p, server *s)
{
    *p = (payer){.server = s, .browse = agree_at_page};
    rill_op_sender_options_init(&p->options);
    p->options.amount = 500;
    p->options.consent_timeout_ns = 5 * RILL_SECOND;
    p->options.payment_timeout_ns = 5 * RILL_SECOND;
    assert_int_equal(rill_loop_new(&p->loop, NULL), RILL_OK);
}

static inline int begin(payer *p, const char *receiver)
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

static inline void run(payer *p)
{
    assert_int_equal(begin(p, "/alice"), RILL_OK);
    assert_int_equal(p->calls, 0); /* never from inside the call */
    assert_int_equal(rill_loop_run(p->loop), RILL_OK);
    assert_int_equal(p->calls, 1);
}

static inline void tear_down_payer(payer *p)
{
    assert_int_equal(rill_loop_free(p->loop), RILL_OK); /* nothing is left open */
    for (size_t i = 0; i < COUNT(p->visitors); i++) {
        if (p->visitors[i] > 0)
            close(p->visitors[i]);
    }
}

static inline const char *asked_with(const server *s, const char *begins)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strncmp(s->asked[i], begins, strlen(begins)) == 0)
            return s->asked[i];
    }
    fail_msg("nobody asked: %s", begins);
    return NULL;
}

static inline int set_up(void **state)
{
    static const uint8_t seed[RILL_KEY_SEED_LEN] = {1};
    (void)state;
    return rill_key_from_seed(&key, seed) != RILL_OK;
}

static inline int tear_down(void **state)
{
    (void)state;
    rill_key_free(key);
    return 0;
}

#endif

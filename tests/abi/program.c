/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program URI: pays over two endpoints in memory, then over the node at URI with a server in a
 * thread, a client and rill_pay. It is compiled against the oldest headers that are supported, and
 * runs with the library of today. What the library fills in is surrounded by bytes that must stay.
 */
#include <pthread.h>
#include <rill/net.h>
#include <rill/payment.h>
#include <rill/rill.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUARD 64

static void check_at(bool good, const char *what, int line)
{
    if (good)
        return;
    fprintf(stderr, "line %d: %s\n", line, what);
    exit(1);
}
#define CHECK(condition) check_at((condition), #condition, __LINE__)

/* A struct that the library fills in or initialises, and what lies around it. */
#define GUARDED(type)                                                                              \
    struct {                                                                                       \
        uint8_t before[GUARD];                                                                     \
        type value;                                                                                \
        uint8_t after[GUARD];                                                                      \
    }
#define PREPARE(g)     memset(&(g), 0xa5, sizeof(g))
#define CHECK_GUARD(g) check_guard((g).before, (g).after, __LINE__)

static void check_guard(const uint8_t *before, const uint8_t *after, int line)
{
    for (unsigned i = 0; i < GUARD; i++)
        check_at(before[i] == 0xa5 && after[i] == 0xa5, "the library wrote beside a struct", line);
}

/* ---- the core: two endpoints ---- */

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static rill_now now = {1000000000, 1700000000000};

static rill_endpoint *make_endpoint(const char *address, bool accept)
{
    GUARDED(rill_endpoint_options) o;
    GUARDED(rill_connection_options) c;
    rill_endpoint *e;
    PREPARE(o);
    PREPARE(c);
    rill_endpoint_options_init(&o.value);
    rill_connection_options_init(&c.value);
    CHECK_GUARD(o);
    CHECK_GUARD(c);
    CHECK(o.value.accept && o.value.max_connections == 100000 && o.value.instance == NULL);
    CHECK(c.value.max_in_flight == 4096 && c.value.packet_lifetime_ns == 30 * RILL_SECOND);
    c.value.min_rate = (rill_ratio){1, 1};
    o.value.accept = accept;
    o.value.connection = &c.value;
    CHECK(rill_endpoint_new(&e, &o.value) == RILL_OK);
    CHECK(rill_endpoint_set_account(e, text(address), text("XRP"), 9) == RILL_OK);
    return e;
}

/* Everything that one has to send, answered by the other. */
static void carry(rill_endpoint *from, rill_endpoint *to)
{
    static uint8_t packet[RILL_PACKET_BUFFER], reply[RILL_PACKET_BUFFER];
    size_t len, reply_len;
    uint64_t id;
    while (rill_endpoint_next_prepare(from, now, packet, &len, &id) == RILL_OK && len > 0) {
        CHECK(rill_endpoint_receive_prepare(to, now, 7, packet, len, reply, &reply_len) == RILL_OK);
        CHECK(reply_len > 0);
        CHECK(rill_endpoint_receive_reply(from, now, id, reply, reply_len) == RILL_OK);
    }
}

typedef struct seen {
    uint64_t in, out;
    bool sent, ended;
    rill_stream *stream;
} seen;

static void take_events(rill_endpoint *e, seen *s)
{
    GUARDED(rill_event) event;
    PREPARE(event);
    while (rill_endpoint_next_event(e, &event.value)) {
        CHECK_GUARD(event);
        CHECK(event.value.message != NULL);
        switch (event.value.type) {
        case RILL_EVENT_STREAM:
            s->stream = event.value.stream;
            break;
        case RILL_EVENT_MONEY:
            s->in += event.value.amount;
            break;
        case RILL_EVENT_OUTGOING_MONEY:
            s->out += event.value.amount;
            break;
        case RILL_EVENT_SEND_TOTAL_END:
            CHECK(event.value.error == RILL_OK);
            s->sent = true;
            break;
        case RILL_EVENT_CONNECTION_END:
            CHECK(event.value.error == RILL_OK);
            s->ended = true;
            break;
        default:
            break;
        }
        PREPARE(event);
    }
    CHECK_GUARD(event);
}

static void look_at(rill_connection *c, rill_stream *s)
{
    GUARDED(rill_stream_totals) totals;
    GUARDED(rill_stream_offsets) offsets;
    GUARDED(rill_connection_stats) stats;
    GUARDED(rill_waiting) waiting;
    PREPARE(totals);
    PREPARE(offsets);
    PREPARE(stats);
    PREPARE(waiting);
    rill_stream_get_totals(s, &totals.value);
    rill_stream_get_offsets(s, &offsets.value);
    rill_connection_get_stats(c, &stats.value);
    rill_connection_get_waiting(c, &waiting.value);
    CHECK_GUARD(totals);
    CHECK_GUARD(offsets);
    CHECK_GUARD(stats);
    CHECK_GUARD(waiting);
    CHECK(totals.value.sent == 1000 && totals.value.delivered == 1000);
    CHECK(totals.value.in_flight == 0 && totals.value.in_doubt == 0);
    CHECK(offsets.value.written == 5 && offsets.value.acknowledged == 5);
    CHECK(stats.value.sent == 1000 && stats.value.packets_fulfilled > 0);
    CHECK(stats.value.rate.num == stats.value.rate.den && !stats.value.ended_another);
    CHECK(waiting.value.reason == RILL_WAIT_NOTHING && waiting.value.text[0] != '\0');
}

static void pay_in_memory(void)
{
    rill_endpoint *server = make_endpoint("test.server", true);
    rill_endpoint *client = make_endpoint("test.client", false);
    GUARDED(rill_credentials_options) with;
    GUARDED(rill_credentials) credentials;
    seen s = {0}, c = {0};
    rill_connection *connection;
    rill_stream *stream;
    size_t accepted;
    PREPARE(with);
    PREPARE(credentials);
    rill_credentials_options_init(&with.value);
    CHECK_GUARD(with);
    with.value.tag = "invoice";
    CHECK(rill_endpoint_generate_credentials(server, &with.value, &credentials.value) == RILL_OK);
    CHECK_GUARD(credentials);
    CHECK(rill_endpoint_connect(client, now, credentials.value.destination_account,
                                credentials.value.shared_secret, RILL_SHARED_SECRET_LEN, NULL,
                                &connection) == RILL_OK);
    CHECK(rill_connection_open_stream(connection, &stream) == RILL_OK);
    CHECK(rill_stream_write(stream, "hello", 5, &accepted) == RILL_OK && accepted == 5);
    CHECK(rill_stream_send_total(stream, 1000, RILL_NEVER) == RILL_OK);
    for (unsigned turn = 0; turn < 1000 && !c.sent; turn++) {
        carry(client, server);
        carry(server, client);
        take_events(server, &s);
        take_events(client, &c);
        now.mono_ns += RILL_SECOND / 100;
        now.wall_ms += 10;
        rill_endpoint_timeout(client, now);
        rill_endpoint_timeout(server, now);
    }
    CHECK(c.sent && c.out == 1000 && s.in == 1000);
    CHECK(rill_stream_peek(s.stream).len == 5);
    rill_stream_consume(s.stream, 5);
    CHECK(strcmp(rill_connection_tag(rill_stream_connection(s.stream)), "invoice") == 0);
    look_at(connection, stream);
    CHECK(rill_connection_end(connection) == RILL_OK);
    for (unsigned turn = 0; turn < 1000 && !(s.ended && c.ended); turn++) {
        carry(client, server);
        carry(server, client);
        take_events(server, &s);
        take_events(client, &c);
        now.mono_ns += RILL_SECOND / 100;
        now.wall_ms += 10;
        rill_endpoint_timeout(client, now);
        rill_endpoint_timeout(server, now);
    }
    CHECK(s.ended && c.ended);
    rill_endpoint_free(client);
    rill_endpoint_free(server);
}

/* ---- the network ---- */

#define CONNECTIONS 3

typedef struct server_thread {
    const char *uri;
    int credentials; /* a pipe: they are written to it */
    rill_server *server;
    unsigned ended;
    uint64_t money;
    size_t bytes;
} server_thread;

static void on_server_ready(rill_server *server, void *user)
{
    server_thread *t = user;
    rill_credentials c;
    /* For each payment its own: two that begin in one millisecond are not told apart. */
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        CHECK(rill_server_generate_credentials(server, NULL, &c) == RILL_OK);
        CHECK(write(t->credentials, &c, sizeof c) == sizeof c);
    }
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    ((server_thread *)user)->money += amount;
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    CHECK(memcmp(data, "data", len) == 0);
    ((server_thread *)user)->bytes += len;
}

static void on_server_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    server_thread *t = user;
    (void)c;
    CHECK(end->error == RILL_OK && end->message != NULL);
    if (++t->ended == CONNECTIONS)
        rill_server_close(t->server);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    (void)detail;
    (void)user;
    CHECK(error == RILL_OK);
}

static void *run_server(void *user)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_server_ready,
        .money = on_money,
        .data = on_data,
        .connection_end = on_server_connection_end,
        .closed = on_server_closed,
    };
    server_thread *t = user;
    GUARDED(rill_net_options) o;
    rill_loop *loop;
    const char *problem = "";
    PREPARE(o);
    rill_net_options_init(&o.value);
    CHECK_GUARD(o);
    o.value.link_uri = t->uri;
    o.value.handlers = &handlers;
    o.value.user = t;
    CHECK(rill_loop_new(&loop, NULL) == RILL_OK);
    CHECK(rill_server_open(&t->server, loop, &o.value, &problem) == RILL_OK);
    CHECK(rill_loop_run(loop) == RILL_OK);
    CHECK(rill_loop_free(loop) == RILL_OK);
    return NULL;
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    rill_stream *s;
    GUARDED(rill_waiting) waiting;
    (void)user;
    PREPARE(waiting);
    rill_client_get_waiting(client, &waiting.value);
    CHECK_GUARD(waiting);
    CHECK(rill_connection_open_stream(c, &s) == RILL_OK);
    CHECK(rill_stream_send_total(s, 500, RILL_NEVER) == RILL_OK);
}

static void on_send_total_end(rill_stream *s, int error, void *user)
{
    CHECK(error == RILL_OK);
    ++*(unsigned *)user;
    CHECK(rill_connection_end(rill_stream_connection(s)) == RILL_OK);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    (void)detail;
    CHECK(error == RILL_OK);
    ++*(unsigned *)user;
}

static void pay_by_client(const char *uri, const rill_credentials *c)
{
    /* Not all handlers, and in another way of writing. */
    rill_handlers handlers = {.size = sizeof handlers};
    handlers.client_ready = on_client_ready;
    handlers.send_total_end = on_send_total_end;
    handlers.closed = on_client_closed;
    rill_net_options o;
    GUARDED(rill_link_options) link;
    rill_loop *loop;
    rill_client *client;
    unsigned calls = 0;
    PREPARE(link);
    rill_net_options_init(&o);
    rill_link_options_init(&link.value);
    CHECK_GUARD(link);
    o.link_uri = uri;
    o.link_options = &link.value;
    o.handlers = &handlers;
    o.user = &calls;
    CHECK(rill_loop_new(&loop, NULL) == RILL_OK);
    CHECK(rill_client_open(&client, loop, &o, c->destination_account, c->shared_secret,
                           RILL_SHARED_SECRET_LEN, NULL) == RILL_OK);
    CHECK(rill_loop_run(loop) == RILL_OK);
    CHECK(rill_loop_free(loop) == RILL_OK);
    CHECK(calls == 2);
}

static void pay_in_one_call(const char *uri, const rill_credentials *c)
{
    GUARDED(rill_pay_options) o;
    GUARDED(rill_pay_result) result;
    rill_net_options net;
    PREPARE(o);
    PREPARE(result);
    rill_pay_options_init(&o.value);
    rill_net_options_init(&net);
    CHECK_GUARD(o);
    net.link_uri = uri;
    o.value.net = &net;
    o.value.destination_account = c->destination_account;
    o.value.shared_secret = c->shared_secret;
    o.value.secret_len = RILL_SHARED_SECRET_LEN;
    o.value.amount = 300;
    CHECK(rill_pay(&o.value, &result.value) == RILL_OK);
    CHECK_GUARD(result);
    CHECK(result.value.sent == 300 && result.value.delivered == 300);
    CHECK(result.value.in_doubt == 0 && result.value.detail[0] == '\0');
}

static void on_payment_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    CHECK(error == RILL_OK && reached && result->sent == 200 && result->data_acknowledged == 4);
    ++*(unsigned *)user;
}

static void pay_on_a_loop(const char *uri, const rill_credentials *c)
{
    unsigned calls = 0;
    const rill_payment_handlers handlers = {
        .size = sizeof handlers, .done = on_payment_done, .user = &calls};
    rill_pay_options o;
    rill_net_options net;
    rill_loop *loop;
    rill_payment *payment;
    GUARDED(rill_waiting) waiting;
    PREPARE(waiting);
    rill_pay_options_init(&o);
    rill_net_options_init(&net);
    net.link_uri = uri;
    o.net = &net;
    o.destination_account = c->destination_account;
    o.shared_secret = c->shared_secret;
    o.secret_len = RILL_SHARED_SECRET_LEN;
    o.amount = 200;
    o.data = text("data");
    CHECK(rill_loop_new(&loop, NULL) == RILL_OK);
    CHECK(rill_payment_start(&payment, loop, &o, &handlers, NULL) == RILL_OK);
    rill_payment_get_waiting(payment, &waiting.value);
    CHECK_GUARD(waiting);
    CHECK(rill_loop_run(loop) == RILL_OK);
    CHECK(rill_loop_free(loop) == RILL_OK);
    CHECK(calls == 1);
}

static void pay_over_a_node(const char *uri)
{
    int pipes[2];
    char links[CONNECTIONS + 1][256];
    rill_credentials c[CONNECTIONS];
    pthread_t thread;
    CHECK(pipe(pipes) == 0);
    for (unsigned i = 0; i <= CONNECTIONS; i++)
        snprintf(links[i], sizeof links[i], "btp+ws://abi%u:token@%s", i, uri);
    server_thread t = {.uri = links[0], .credentials = pipes[1]};
    CHECK(pthread_create(&thread, NULL, run_server, &t) == 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        CHECK(read(pipes[0], &c[i], sizeof c[i]) == sizeof c[i]);
    pay_by_client(links[1], &c[0]);
    pay_in_one_call(links[2], &c[1]);
    pay_on_a_loop(links[3], &c[2]);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(t.money == 1000 && t.bytes == 4);
}

int main(int argc, char **argv)
{
    pay_in_memory();
    if (argc > 1)
        pay_over_a_node(argv[1]);
    printf("paid\n");
    return 0;
}

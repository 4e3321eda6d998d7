/* SPDX-License-Identifier: Apache-2.0 */
/* What neighbours say beside ILP packets: over BTP on loopback, both ways. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <rill/btp.h>

#include "links/btp/btp_session.h"
#include "raw_session.h"

#define MAX_KEPT 8

/* The messages that one side has got, and what became of its own. */
typedef struct side {
    rill_link *link;
    unsigned messages, replies, unanswered;
    uint64_t request, outgoing_id;
    int error;
    bool sent;
    bool transfer;
    uint64_t amount;
    size_t count;
    char protocols[MAX_KEPT][32];
    uint8_t content_types[MAX_KEPT];
    char data[MAX_KEPT][64];
    size_t len[MAX_KEPT]; /* whole */
} side;

static net n;
static side server, client;
static rill_link_handlers client_handlers;
static bool deaf; /* the server takes no messages */

static side *side_of(void *user)
{
    return user == &n.session ? &server : &client;
}

static void keep(side *s, const rill_message *m)
{
    s->transfer = m->transfer;
    s->amount = m->amount;
    s->count = m->count;
    for (size_t i = 0; i < m->count && i < MAX_KEPT; i++) {
        const rill_message_part *part = &m->parts[i];
        snprintf(s->protocols[i], sizeof s->protocols[i], "%.*s", (int)part->protocol.len,
                 (const char *)part->protocol.data);
        s->content_types[i] = part->content_type;
        s->len[i] = part->data.len;
        snprintf(s->data[i], sizeof s->data[i], "%.*s",
                 (int)(part->data.len < 63 ? part->data.len : 63), (const char *)part->data.data);
    }
}

static void on_message(rill_link *l, uint64_t request, const rill_message *m, void *user)
{
    side *s = side_of(user);
    assert_ptr_equal(l, s->link);
    s->messages++;
    s->request = request;
    keep(s, m);
}

static void on_message_reply(rill_link *l, uint64_t outgoing_id, const rill_message *reply,
                             void *user)
{
    side *s = side_of(user);
    assert_ptr_equal(l, s->link);
    s->replies++;
    s->outgoing_id = outgoing_id;
    keep(s, reply);
}

static void on_message_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                                  void *user)
{
    side *s = side_of(user);
    (void)l;
    s->unanswered++;
    s->outgoing_id = outgoing_id;
    s->error = error;
    s->sent = sent;
}

static rill_link_handlers with_messages(void)
{
    rill_link_handlers h = link_handlers;
    h.message = on_message;
    h.message_reply = on_message_reply;
    h.message_unanswered = on_message_unanswered;
    return h;
}

static int admit(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                 const rill_link_handlers **handlers, void **user)
{
    static rill_link_handlers own;
    int error = authenticate(owner, name, token, session, handlers, user);
    own = with_messages();
    if (deaf)
        own.message = NULL;
    *handlers = &own;
    server.link = session;
    return error;
}

static void begin(void)
{
    char uri[256];
    net_begin(&n);
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    n.options.authenticate = admit;
    net_serve(&n);
    client_handlers = with_messages();
    net_uri(&n, uri, sizeof uri, "btp+ws", TOKEN, "localhost");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, NULL, &client_handlers, &n.client, NULL),
        RILL_OK);
    client.link = n.client.link;
    until(&n, both_up);
}

static bool server_got(net *unused)
{
    (void)unused;
    return server.messages > 0;
}

static bool client_got(net *unused)
{
    (void)unused;
    return client.messages > 0;
}

static bool client_answered(net *unused)
{
    (void)unused;
    return client.replies + client.unanswered > 0;
}

static bool server_answered(net *unused)
{
    (void)unused;
    return server.replies + server.unanswered > 0;
}

static rill_message_part part(const char *protocol, uint8_t type, const char *data)
{
    return (rill_message_part){
        .protocol = {(const uint8_t *)protocol, strlen(protocol)},
        .content_type = type,
        .data = {(const uint8_t *)data, strlen(data)},
    };
}

static void test_there_and_back(void **state)
{
    (void)state;
    begin();
    const rill_message_part parts[] = {
        part("claim", RILL_CONTENT_JSON, "{\"amount\":\"7\"}"),
        part("signature", RILL_CONTENT_BYTES, "abc"),
        part("note", RILL_CONTENT_TEXT, ""),
    };
    const rill_message m = {.parts = parts, .count = 3};
    assert_int_equal(rill_link_send_message(client.link, 42, &m), RILL_OK);
    until(&n, server_got);
    assert_false(server.transfer);
    assert_int_equal(server.count, 3);
    assert_string_equal(server.protocols[0], "claim");
    assert_int_equal(server.content_types[0], RILL_CONTENT_JSON);
    assert_string_equal(server.data[0], "{\"amount\":\"7\"}");
    assert_string_equal(server.protocols[1], "signature");
    assert_int_equal(server.content_types[1], RILL_CONTENT_BYTES);
    assert_string_equal(server.data[1], "abc");
    assert_string_equal(server.protocols[2], "note");
    assert_int_equal(server.content_types[2], RILL_CONTENT_TEXT);
    assert_int_equal(server.len[2], 0);
    const rill_message_part answer = part("claim", RILL_CONTENT_TEXT, "taken");
    const rill_message reply = {.parts = &answer, .count = 1};
    assert_int_equal(rill_link_reply_message(server.link, server.request, &reply), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.replies, 1);
    assert_int_equal(client.outgoing_id, 42);
    assert_int_equal(client.count, 1);
    assert_string_equal(client.protocols[0], "claim");
    assert_int_equal(client.content_types[0], RILL_CONTENT_TEXT);
    assert_string_equal(client.data[0], "taken");
    /* Packets have nothing to do with it. */
    assert_int_equal(n.client.replies + n.client.unanswered + n.session.prepares, 0);
    net_end(&n);
}

static void test_the_other_way(void **state)
{
    (void)state;
    begin();
    const rill_message_part one = part("info", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(server.link, UINT64_MAX, &m), RILL_OK);
    until(&n, client_got);
    assert_string_equal(client.protocols[0], "info");
    /* Just accepted. */
    assert_int_equal(rill_link_reply_message(client.link, client.request, NULL), RILL_OK);
    until(&n, server_answered);
    assert_int_equal(server.replies, 1);
    assert_true(server.outgoing_id == UINT64_MAX);
    assert_int_equal(server.count, 0);
    net_end(&n);
}

/* A outgoing_id of a packet's and of a message's may be the same. */
static void test_beside_packets(void **state)
{
    (void)state;
    static const uint8_t packet[] = {RILL_ILP_PREPARE, 1, 7};
    begin();
    n.session.echo = true;
    const rill_message_part one = part("info", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_OK);
    assert_int_equal(rill_link_send(client.link, 1, packet, sizeof packet), RILL_OK);
    until(&n, server_got);
    assert_int_equal(rill_link_reply_message(server.link, server.request, &m), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.replies, 1);
    assert_int_equal(n.client.replies, 1);
    assert_int_equal(n.client.outgoing_id, 1);
    assert_int_equal(n.session.prepares, 1);
    net_end(&n);
}

static void test_transfer(void **state)
{
    (void)state;
    begin();
    const rill_message bare = {.transfer = true, .amount = 1234567890123456789};
    assert_int_equal(rill_link_send_message(client.link, 3, &bare), RILL_OK);
    until(&n, server_got);
    assert_true(server.transfer);
    assert_true(server.amount == 1234567890123456789);
    assert_int_equal(server.count, 0);
    assert_int_equal(rill_link_reply_message(server.link, server.request, NULL), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.replies, 1);
    net_end(&n);
}

static void test_refused(void **state)
{
    (void)state;
    begin();
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(client.link, 9, &m), RILL_OK);
    until(&n, server_got);
    assert_int_equal(rill_link_refuse_message(server.link, server.request,
                                              "a \"quoted\" \\ reason\nof more than a line, which "
                                              "is longer than what fits into the answer, as is to "
                                              "be seen where it is cut"),
                     RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.unanswered, 1);
    assert_int_equal(client.outgoing_id, 9);
    assert_int_equal(client.error, RILL_ERR_REFUSED);
    assert_true(client.sent);
    assert_true(rill_link_is_up(client.link));
    net_end(&n);
}

static bool raw_answered(net *unused)
{
    (void)unused;
    return raw_has(&raw_, "}");
}

/* What is refused is JSON, as JavaScript peers read it, whatever the reason says. */
static void test_a_refusal_is_json(void **state)
{
    (void)state;
    uint8_t frame[256];
    size_t len;
    rill_btp_frame claim = {
        .type = RILL_BTP_MESSAGE,
        .request_id = 77,
        .entry_count = 1,
        .entries = {{.name = {(const uint8_t *)"claim", 5}, .content_type = RILL_BTP_JSON}},
    };
    raw_session_begin(&n);
    memset(&server, 0, sizeof server);
    server.link = n.session.link;
    server.link->on = with_messages();
    assert_int_equal(rill_btp_encode(&claim, frame, sizeof frame, &len), RILL_OK);
    raw_frame(0x82, frame, len);
    until(&n, server_got);
    assert_int_equal(rill_link_refuse_message(server.link, server.request, "a \"b\" \\ c\n"),
                     RILL_OK);
    until(&n, raw_answered);
    assert_true(raw_has(&raw_, "{\"message\":\"a ?b? ? c?\"}"));
    raw_session_end(&n);
}

/* Who has no handler for them refuses them all, and says so once in the log. */
static void test_nobody_listens(void **state)
{
    (void)state;
    deaf = true;
    begin();
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    const rill_message transfer = {.transfer = true, .amount = 1};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.error, RILL_ERR_REFUSED);
    client.unanswered = 0;
    assert_int_equal(rill_link_send_message(client.link, 2, &transfer), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.outgoing_id, 2);
    assert_int_equal(client.error, RILL_ERR_REFUSED);
    assert_int_equal(n.lines, 1);
    assert_non_null(strstr(n.line, "without an ILP packet"));
    deaf = false;
    net_end(&n);
}

static void test_the_link_is_lost(void **state)
{
    (void)state;
    begin();
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(client.link, 9, &m), RILL_OK);
    until(&n, server_got);
    rill_link *gone = server.link;
    uint64_t request = server.request;
    /* One that never left is told apart. */
    assert_int_equal(rill_link_send_message(server.link, 10, &m), RILL_OK);
    net_stop_server(&n);
    until(&n, client_answered);
    assert_int_equal(client.unanswered, 1);
    assert_int_equal(client.outgoing_id, 9);
    assert_true(client.sent);
    assert_int_equal(server.unanswered, 1);
    assert_int_equal(server.outgoing_id, 10);
    assert_false(rill_link_is_up(client.link));
    assert_int_equal(rill_link_send_message(client.link, 11, &m), RILL_ERR_NOT_CONNECTED);
    assert_int_equal(rill_link_reply_message(client.link, request, NULL), RILL_ERR_NOT_CONNECTED);
    assert_int_equal(rill_link_refuse_message(client.link, request, ""), RILL_ERR_NOT_CONNECTED);
    (void)gone;
    net_end(&n);
}

/* An answer to a message of before the link was lost means nothing to the link of now. */
static void test_an_old_request(void **state)
{
    (void)state;
    begin();
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(server.link, 9, &m), RILL_OK);
    until(&n, client_got);
    uint64_t request = client.request;
    net_stop_server(&n);
    n.client.ups = n.session.ups = 0;
    net_serve(&n);
    until(&n, both_up);
    assert_int_equal(rill_link_reply_message(client.link, request, NULL), RILL_ERR_NOT_CONNECTED);
    net_end(&n);
}

static void test_limit(void **state)
{
    (void)state;
    static const uint8_t packet[] = {RILL_ILP_PREPARE, 1, 7};
    begin();
    rill_btp_session *s = RILL_CONTAINER(client.link, rill_btp_session, link);
    s->max_requests = 2;
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_OK);
    assert_int_equal(rill_link_send(client.link, 2, packet, sizeof packet), RILL_OK);
    assert_int_equal(rill_link_send_message(client.link, 3, &m), RILL_ERR_LIMIT);
    assert_int_equal(rill_link_send(client.link, 4, packet, sizeof packet), RILL_ERR_LIMIT);
    net_end(&n);
    /* What was open has been told of, each its own way. */
    assert_int_equal(client.unanswered, 1);
    assert_int_equal(n.client.unanswered, 1);
}

/* More than we agreed to keep in mind is refused, until some are answered. */
static void test_limit_of_what_comes(void **state)
{
    (void)state;
    begin();
    rill_btp_session *s = RILL_CONTAINER(server.link, rill_btp_session, link);
    s->max_requests = 1;
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_OK);
    assert_int_equal(rill_link_send_message(client.link, 2, &m), RILL_OK);
    until(&n, client_answered);
    assert_int_equal(client.unanswered, 1);
    assert_int_equal(client.outgoing_id, 2);
    assert_int_equal(client.error, RILL_ERR_REFUSED);
    assert_int_equal(server.messages, 1);
    client.unanswered = server.messages = 0;
    assert_int_equal(rill_link_refuse_message(server.link, server.request, "no"), RILL_OK);
    assert_int_equal(rill_link_send_message(client.link, 3, &m), RILL_OK);
    until(&n, server_got);
    net_end(&n);
}

static void test_wrong_ones(void **state)
{
    (void)state;
    static char name[UINT8_MAX + 2];
    static uint8_t bytes[RILL_BTP_MAX_FRAME];
    begin();
    rill_message_part parts[RILL_MAX_MESSAGE_PARTS + 1];
    rill_message m = {.parts = parts, .count = 0};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    m.count = 1;
    parts[0] = part("", RILL_CONTENT_BYTES, "");
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    parts[0] = part("ilp", RILL_CONTENT_BYTES, "");
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    memset(name, 'n', sizeof name - 1);
    parts[0] = part(name, RILL_CONTENT_BYTES, "");
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    parts[0] = parts[1] = part("twice", RILL_CONTENT_BYTES, "");
    m.count = 2;
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    m.count = RILL_MAX_MESSAGE_PARTS + 1;
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    parts[0] = part("claim", RILL_CONTENT_BYTES, "");
    m = (rill_message){.parts = parts, .count = 1, .amount = 5};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_INVALID);
    m.amount = 0;
    parts[0].data = (rill_bytes){bytes, sizeof bytes};
    assert_int_equal(rill_link_send_message(client.link, 1, &m), RILL_ERR_TOO_LARGE);
    m.transfer = true;
    assert_int_equal(rill_link_reply_message(client.link, 1, &m), RILL_ERR_INVALID);
    /* As much as there is room for. */
    char names[RILL_MAX_MESSAGE_PARTS][8];
    for (size_t i = 0; i < RILL_MAX_MESSAGE_PARTS; i++) {
        snprintf(names[i], sizeof names[i], "p%zu", i);
        parts[i] = part(names[i], RILL_CONTENT_BYTES, "");
        parts[i].data = (rill_bytes){bytes, 3000};
    }
    m = (rill_message){.parts = parts, .count = RILL_MAX_MESSAGE_PARTS};
    assert_int_equal(rill_link_send_message(client.link, 7, &m), RILL_OK);
    until(&n, server_got);
    assert_int_equal(server.count, RILL_MAX_MESSAGE_PARTS);
    assert_string_equal(server.protocols[7], "p7");
    assert_int_equal(server.len[7], 3000);
    net_end(&n);
}

static int no_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    (void)l;
    (void)outgoing_id;
    (void)packet;
    (void)len;
    return RILL_OK;
}

static void test_another_kind_of_link(void **state)
{
    (void)state;
    static const rill_link_ops ops = {.send = no_send};
    rill_link other = {.ops = &ops};
    const rill_message_part one = part("claim", RILL_CONTENT_BYTES, "?");
    const rill_message m = {.parts = &one, .count = 1};
    assert_int_equal(rill_link_send_message(&other, 1, &m), RILL_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_the_other_way),
        cmocka_unit_test(test_beside_packets),
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_a_refusal_is_json),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_the_link_is_lost),
        cmocka_unit_test(test_an_old_request),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_of_what_comes),
        cmocka_unit_test(test_wrong_ones),
        cmocka_unit_test(test_another_kind_of_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

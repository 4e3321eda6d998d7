/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour over three sockets is one link: over BTP on loopback. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include "link/link_impl.h"
#include "link/pool.h"

#define SOCKETS 3

static net n;
static rill_link *sessions[8]; /* of the server, as they came */
static unsigned session_count;
static unsigned by_session[8]; /* Prepares and messages that came by each */
static uint64_t requests[8];   /* the last of each */
static uint64_t replies_to[8]; /* outgoing_ids of the replies that each got */
static unsigned session_replies;
static unsigned client_messages;
static uint64_t client_request;
static unsigned message_replies;
static unsigned refused;
static bool silent; /* the server answers nothing */

static unsigned index_of(const rill_link *l)
{
    for (unsigned i = 0; i < session_count; i++)
        if (sessions[i] == l)
            return i;
    fail();
    return 0;
}

static void server_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                           void *user)
{
    static const uint8_t fulfill[] = {RILL_ILP_FULFILL, 0};
    (void)packet;
    (void)len;
    told *t = user;
    t->prepares++;
    by_session[index_of(l)]++;
    requests[index_of(l)] = request;
    if (!silent)
        assert_int_equal(rill_link_reply(l, request, fulfill, sizeof fulfill), RILL_OK);
}

static void server_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                         void *user)
{
    (void)packet;
    (void)len;
    (void)user;
    replies_to[index_of(l)] = outgoing_id;
    session_replies++;
}

static void server_message(rill_link *l, uint64_t request, const rill_message *m, void *user)
{
    (void)m;
    (void)user;
    by_session[index_of(l)]++;
    assert_int_equal(rill_link_reply_message(l, request, NULL), RILL_OK);
}

static void client_message(rill_link *l, uint64_t request, const rill_message *m, void *user)
{
    (void)m;
    (void)user;
    assert_ptr_equal(l, n.client.link);
    client_messages++;
    client_request = request;
    assert_int_equal(rill_link_refuse_message(l, request, "no"), RILL_OK);
}

static void on_message_reply(rill_link *l, uint64_t outgoing_id, const rill_message *reply,
                             void *user)
{
    (void)l;
    (void)outgoing_id;
    (void)reply;
    (void)user;
    message_replies++;
}

static void on_message_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                                  void *user)
{
    (void)l;
    (void)outgoing_id;
    (void)sent;
    (void)user;
    refused += error == RILL_ERR_REFUSED;
}

static int admit(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                 const rill_link_handlers **handlers, void **user)
{
    static rill_link_handlers own;
    int error = authenticate(owner, name, token, session, handlers, user);
    own = link_handlers;
    own.prepare = server_prepare;
    own.reply = server_reply;
    own.message = server_message;
    own.message_unanswered = on_message_unanswered;
    *handlers = &own;
    if (error == RILL_OK)
        sessions[session_count++] = session;
    return error;
}

static void open_pool(const char *token)
{
    static rill_link_handlers own;
    char uri[256];
    rill_link_options options;
    rill_link_options_init(&options);
    options.connections = SOCKETS;
    own = link_handlers;
    own.message = client_message;
    own.message_reply = on_message_reply;
    net_uri(&n, uri, sizeof uri, "btp+ws", token, "localhost");
    assert_int_equal(rill_link_open(&n.client.link, n.loop, uri, &options, &own, &n.client, NULL),
                     RILL_OK);
}

static bool all_up(net *unused)
{
    (void)unused;
    return n.session.ups == SOCKETS;
}

static const uint8_t packet[] = {RILL_ILP_PREPARE, 1, 7};

static void begin(void)
{
    memset(by_session, 0, sizeof by_session);
    memset(replies_to, 0, sizeof replies_to);
    session_count = session_replies = client_messages = message_replies = refused = 0;
    silent = false;
    net_begin(&n);
    n.options.authenticate = admit;
    n.session.close_when_down = true;
    net_serve(&n);
}

static unsigned sent;

static bool three_ways(net *unused)
{
    (void)unused;
    /* By whom it goes depends on who is up by now: until all are, one more is sent. */
    while (n.client.ups > 0 && sent - n.client.replies == 0)
        assert_int_equal(rill_link_send(n.client.link, sent++, packet, sizeof packet), RILL_OK);
    return by_session[0] > 0 && by_session[1] > 0 && by_session[2] > 0;
}

static bool quiet(net *unused)
{
    (void)unused;
    return n.client.replies == sent;
}

/* Opened, and every member is up at both ends. */
static void begin_up(void)
{
    begin();
    open_pool(TOKEN);
    until(&n, all_up);
    sent = 0;
    until(&n, three_ways);
    until(&n, quiet);
    memset(by_session, 0, sizeof by_session);
    n.client.replies = 0;
}

static void test_one_link(void **state)
{
    (void)state;
    begin_up();
    assert_int_equal(n.client.ups, 1);
    assert_true(rill_link_is_up(n.client.link));
    net_end(&n);
    assert_int_equal(n.client.downs, 0);
}

static void test_the_end_of_what_is_open(void **state)
{
    (void)state;
    begin_up();
    silent = true;
    for (uint64_t i = 0; i < 2 * SOCKETS; i++)
        assert_int_equal(rill_link_send(n.client.link, i, packet, sizeof packet), RILL_OK);
    net_end(&n);
    /* What was open has been reported once each, when it closed. */
    assert_int_equal(n.client.unanswered, 2 * SOCKETS);
}

static bool six_came(net *unused)
{
    (void)unused;
    return by_session[0] + by_session[1] + by_session[2] == 2 * SOCKETS;
}

static unsigned strays;

static void on_stray(rill_link *l, const uint8_t *data, size_t len, void *user)
{
    assert_ptr_equal(l, n.client.link);
    assert_ptr_equal(user, &strays);
    assert_int_equal(len, 2);
    assert_int_equal(data[0], RILL_ILP_FULFILL);
    strays++;
}

static bool is_stray(net *unused)
{
    (void)unused;
    return strays > 0;
}

static void test_the_least_busy(void **state)
{
    (void)state;
    static const uint8_t fulfill[] = {RILL_ILP_FULFILL, 0};
    begin_up();
    silent = true;
    for (uint64_t i = 0; i < 2 * SOCKETS; i++)
        assert_int_equal(rill_link_send(n.client.link, i, packet, sizeof packet), RILL_OK);
    until(&n, six_came);
    for (unsigned i = 0; i < SOCKETS; i++)
        assert_int_equal(by_session[i], 2);
    /* One of them has answered one: the next goes there. */
    n.client.replies = 0;
    assert_int_equal(rill_link_reply(sessions[1], requests[1], fulfill, sizeof fulfill), RILL_OK);
    sent = 1;
    until(&n, quiet);
    memset(by_session, 0, sizeof by_session);
    silent = false;
    assert_int_equal(rill_link_send(n.client.link, 99, packet, sizeof packet), RILL_OK);
    sent = 2;
    until(&n, quiet);
    assert_int_equal(by_session[1], 1);
    assert_int_equal(n.client.outgoing_id, 99);
    /* One that has been answered is answered again. */
    strays = 0;
    n.client.link->stray = on_stray;
    n.client.link->stray_user = &strays;
    assert_int_equal(rill_link_reply(sessions[1], requests[1], fulfill, sizeof fulfill), RILL_OK);
    until(&n, is_stray);
    net_end(&n);
}

static bool session_is_back(net *unused)
{
    (void)unused;
    return n.session.ups == SOCKETS + 1;
}

static bool told_unanswered(net *unused)
{
    (void)unused;
    return n.client.unanswered > 0;
}

static bool client_asked_once(net *unused)
{
    (void)unused;
    return n.client.prepares == 1;
}

static void test_one_socket_is_lost(void **state)
{
    (void)state;
    begin_up();
    assert_int_equal(rill_link_send(sessions[0], 100, packet, sizeof packet), RILL_OK);
    until(&n, client_asked_once);
    const uint64_t asked = n.client.request;
    assert_true(rill_link_waits(n.client.link, asked));
    silent = true;
    for (uint64_t i = 0; i < SOCKETS; i++)
        assert_int_equal(rill_link_send(n.client.link, i, packet, sizeof packet), RILL_OK);
    while (by_session[0] + by_session[1] + by_session[2] < SOCKETS)
        uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    rill_link_close(sessions[0]);
    until(&n, told_unanswered);
    /* Of what went by it, no more; the neighbour is still there. */
    assert_int_equal(n.client.unanswered, 1);
    assert_int_equal(n.client.error, RILL_ERR_NOT_CONNECTED);
    assert_int_equal(n.client.downs, 0);
    assert_true(rill_link_is_up(n.client.link));
    silent = false;
    assert_int_equal(rill_link_send(n.client.link, 9, packet, sizeof packet), RILL_OK);
    n.client.replies = 0;
    sent = 1;
    until(&n, quiet);
    /* Who asked by it does not wait any more, also once there is another in its place. */
    assert_false(rill_link_waits(n.client.link, asked));
    until(&n, session_is_back);
    assert_false(rill_link_waits(n.client.link, asked));
    assert_int_equal(n.client.ups, 1);
    assert_int_equal(n.client.downs, 0);
    net_end(&n);
}

static bool client_down(net *unused)
{
    (void)unused;
    return n.client.downs > 0;
}

static bool up_again(net *unused)
{
    (void)unused;
    return n.client.ups == 2;
}

static void test_all_are_lost(void **state)
{
    (void)state;
    begin_up();
    net_stop_server(&n);
    until(&n, client_down);
    assert_false(n.client.final);
    assert_false(rill_link_is_up(n.client.link));
    assert_int_equal(rill_link_send(n.client.link, 1, packet, sizeof packet),
                     RILL_ERR_NOT_CONNECTED);
    session_count = 0;
    net_serve(&n);
    until(&n, up_again);
    assert_int_equal(rill_link_send(n.client.link, 1, packet, sizeof packet), RILL_OK);
    n.client.replies = 0;
    sent = 1;
    until(&n, quiet);
    net_end(&n);
}

static bool sessions_answered(net *unused)
{
    (void)unused;
    return session_replies == SOCKETS;
}

static bool client_asked(net *unused)
{
    (void)unused;
    return n.client.prepares == SOCKETS;
}

/* What came by a socket is answered by the same: the outgoing_ids are the sessions' own. */
static void test_requests(void **state)
{
    (void)state;
    begin_up();
    n.client.echo = true;
    for (unsigned i = 0; i < SOCKETS; i++)
        assert_int_equal(rill_link_send(sessions[i], 100 + i, packet, sizeof packet), RILL_OK);
    until(&n, client_asked);
    until(&n, sessions_answered);
    for (unsigned i = 0; i < SOCKETS; i++)
        assert_int_equal(replies_to[i], 100 + i);
    /* Of a socket that the pool does not have. */
    n.client.echo = false;
    n.client.prepares = 0;
    assert_int_equal(rill_link_send(sessions[0], 9, packet, sizeof packet), RILL_OK);
    until(&n, client_asked_once);
    uint64_t beyond = n.client.request + ((uint64_t)SOCKETS << RILL_LINK_REQUEST_BITS);
    assert_int_equal(rill_link_reply(n.client.link, beyond, packet, sizeof packet),
                     RILL_ERR_NOT_CONNECTED);
    assert_int_equal(rill_link_reply(n.client.link, n.client.request, packet, sizeof packet),
                     RILL_OK);
    assert_int_equal(rill_link_reply(n.client.link, UINT64_MAX, packet, sizeof packet),
                     RILL_ERR_NOT_CONNECTED);
    assert_int_equal(rill_link_reply_message(n.client.link, UINT64_MAX, NULL),
                     RILL_ERR_NOT_CONNECTED);
    net_end(&n);
}

static bool messages_done(net *unused)
{
    (void)unused;
    return message_replies == SOCKETS && client_messages == 1 && refused == 1;
}

static void test_messages(void **state)
{
    (void)state;
    begin_up();
    const rill_message_part part = {.protocol = {(const uint8_t *)"claim", 5}};
    const rill_message m = {.parts = &part, .count = 1};
    for (uint64_t i = 0; i < SOCKETS; i++)
        assert_int_equal(rill_link_send_message(n.client.link, i, &m), RILL_OK);
    assert_int_equal(rill_link_send_message(sessions[2], 5, &m), RILL_OK);
    until(&n, messages_done);
    for (unsigned i = 0; i < SOCKETS; i++)
        assert_int_equal(by_session[i], 1);
    assert_true(client_request >> RILL_LINK_REQUEST_BITS < SOCKETS);
    net_end(&n);
}

static bool client_final(net *unused)
{
    (void)unused;
    return n.client.final;
}

static void test_refused(void **state)
{
    (void)state;
    begin();
    open_pool("another-token");
    until(&n, client_final);
    assert_int_equal(n.client.ups, 0);
    assert_int_equal(n.client.error, RILL_ERR_AUTH);
    /* Each socket may have been news while others could still come; the end came once, as the last.
     */
    assert_in_range(n.client.downs, 1, SOCKETS);
    net_end(&n);
}

static void test_options(void **state)
{
    (void)state;
    rill_link *l;
    const char *problem = NULL;
    rill_link_options options;
    begin();
    rill_link_options_init(&options);
    assert_int_equal(options.connections, 1);
    options.connections = 0;
    assert_int_equal(rill_link_open(&l, n.loop, "btp+ws://:x@localhost", &options, &link_handlers,
                                    NULL, &problem),
                     RILL_ERR_INVALID);
    assert_non_null(strstr(problem, "connections"));
    options.connections = 17;
    assert_int_equal(
        rill_link_open(&l, n.loop, "btp+ws://:x@localhost", &options, &link_handlers, NULL, NULL),
        RILL_ERR_INVALID);
    options.connections = 16;
    assert_int_equal(
        rill_link_open(&l, n.loop, "btp+ws://:x@", &options, &link_handlers, NULL, &problem),
        RILL_ERR_URI);
    net_end(&n);
}

/* ---- members that do as they are told ---- */

typedef struct fake {
    rill_link link; /* first */
    int says;       /* what send returns */
    unsigned sent;
    bool closing;
    uint64_t forgotten; /* and 1 if it was a Fulfill */
} fake;

static fake fakes[SOCKETS];
static unsigned opened;
static unsigned fail_at; /* the one that cannot be opened */

static bool fake_is_up(const rill_link *l)
{
    (void)l;
    return true;
}

static int fake_send(rill_link *l, uint64_t outgoing_id, const uint8_t *bytes, size_t len)
{
    fake *f = (fake *)l;
    (void)outgoing_id;
    (void)bytes;
    (void)len;
    f->sent += f->says == RILL_OK;
    return f->says;
}

static int fake_reply(rill_link *l, uint64_t request, const uint8_t *bytes, size_t len)
{
    (void)l;
    (void)request;
    (void)bytes;
    (void)len;
    return RILL_OK;
}

static void fake_close(rill_link *l)
{
    ((fake *)l)->closing = true;
}

static void fake_forget(rill_link *l, uint64_t request, bool fulfilled)
{
    ((fake *)l)->forgotten = request + fulfilled;
}

static int fake_open(rill_link **out, rill_loop *loop, const char *uri,
                     const rill_link_options *options, const rill_link_handlers *handlers,
                     void *user, const char **problem)
{
    static const rill_link_ops ops = {.is_up = fake_is_up,
                                      .send = fake_send,
                                      .reply = fake_reply,
                                      .close = fake_close,
                                      .forget = fake_forget};
    (void)uri;
    (void)options;
    (void)problem;
    if (opened == fail_at)
        return RILL_ERR_NOMEM;
    fake *f = &fakes[opened++];
    *f = (fake){.link = {.ops = &ops, .loop = loop, .on = *handlers, .user = user}};
    *out = &f->link;
    return RILL_OK;
}

static const rill_scheme fake_scheme = {"fake", fake_open};

static int open_fakes(rill_link **l, told *t)
{
    rill_link_options options;
    const char *problem;
    opened = 0;
    memset(t, 0, sizeof *t);
    rill_link_options_init(&options);
    return rill_link_pool_open(l, NULL, &fake_scheme, "fake://x", SOCKETS, &options, &link_handlers,
                               t, &problem);
}

static void finish(fake *f)
{
    assert_true(f->closing);
    f->link.on.closed(&f->link, f->link.user);
}

static uint64_t pool_request;

static void on_pool_prepare(rill_link *l, uint64_t request, const uint8_t *bytes, size_t len,
                            void *user)
{
    (void)l;
    (void)bytes;
    (void)len;
    (void)user;
    pool_request = request;
}

/* That a request is not answered is told to the member by which it came, and by its own number. */
static void test_a_request_is_forgotten(void **state)
{
    rill_link_options options;
    rill_link_handlers handlers = link_handlers;
    const char *problem;
    rill_link *l;
    told t;
    (void)state;
    memset(&t, 0, sizeof t);
    handlers.prepare = on_pool_prepare;
    opened = 0;
    fail_at = SOCKETS;
    rill_link_options_init(&options);
    assert_int_equal(rill_link_pool_open(&l, NULL, &fake_scheme, "fake://x", SOCKETS, &options,
                                         &handlers, &t, &problem),
                     RILL_OK);
    for (unsigned i = 0; i < SOCKETS; i++)
        fakes[i].link.on.up(&fakes[i].link, fakes[i].link.user);
    fakes[1].link.on.prepare(&fakes[1].link, 40, packet, sizeof packet, fakes[1].link.user);
    rill_link_forget(l, pool_request, true);
    assert_int_equal(fakes[1].forgotten, 41);
    rill_link_forget(l, pool_request, false);
    assert_int_equal(fakes[1].forgotten, 40);
    assert_int_equal(fakes[0].forgotten, 0);
    assert_int_equal(fakes[2].forgotten, 0);
    rill_link_close(l);
    for (unsigned i = 0; i < SOCKETS; i++)
        finish(&fakes[i]);
}

/* Another takes what one does not. Where nobody does, the first that can says so. */
static void test_blocked(void **state)
{
    (void)state;
    rill_link *l;
    told t;
    fail_at = SOCKETS;
    assert_int_equal(open_fakes(&l, &t), RILL_OK);
    assert_int_equal(rill_link_send(l, 0, packet, sizeof packet), RILL_ERR_NOT_CONNECTED);
    for (unsigned i = 0; i < SOCKETS; i++)
        fakes[i].link.on.up(&fakes[i].link, fakes[i].link.user);
    assert_int_equal(t.ups, 1);
    fakes[0].says = RILL_ERR_BLOCKED;
    fakes[1].says = RILL_ERR_LIMIT;
    assert_int_equal(rill_link_send(l, 1, packet, sizeof packet), RILL_OK);
    assert_int_equal(rill_link_send(l, 2, packet, sizeof packet), RILL_OK);
    assert_int_equal(fakes[2].sent, 2);
    assert_int_equal(t.writable, 0);
    fakes[2].says = RILL_ERR_LIMIT;
    assert_int_equal(rill_link_send(l, 3, packet, sizeof packet), RILL_ERR_BLOCKED);
    fakes[0].says = RILL_OK;
    fakes[0].link.on.writable(&fakes[0].link, fakes[0].link.user);
    assert_int_equal(t.writable, 1);
    assert_int_equal(rill_link_send(l, 3, packet, sizeof packet), RILL_OK);
    fakes[0].says = RILL_ERR_LIMIT;
    assert_int_equal(rill_link_send(l, 4, packet, sizeof packet), RILL_ERR_LIMIT);
    /* This kind carries no messages, nor packets in parts. */
    assert_null(l->ops->send_message);
    assert_null(l->ops->send_parts);
    rill_link_close(l);
    assert_false(rill_link_is_up(l));
    fakes[2].link.on.unanswered(&fakes[2].link, 1, RILL_ERR_CLOSED, true, fakes[2].link.user);
    fakes[2].link.on.unanswered(&fakes[2].link, 2, RILL_ERR_CLOSED, true, fakes[2].link.user);
    fakes[0].link.on.unanswered(&fakes[0].link, 3, RILL_ERR_CLOSED, true, fakes[0].link.user);
    assert_int_equal(t.unanswered, 3);
    for (unsigned i = 0; i < SOCKETS; i++) {
        assert_int_equal(t.closed, 0);
        finish(&fakes[i]);
    }
    assert_int_equal(t.closed, 1);
    assert_int_equal(t.downs, 0);
}

/* Nobody is told of a pool that was not opened whole; those that were go. */
static void test_not_all_can_be_opened(void **state)
{
    (void)state;
    rill_link *l;
    told t;
    for (fail_at = 0; fail_at < SOCKETS; fail_at++) {
        assert_int_equal(open_fakes(&l, &t), RILL_ERR_NOMEM);
        assert_int_equal(opened, fail_at);
        for (unsigned i = 0; i < opened; i++)
            finish(&fakes[i]);
        assert_int_equal(t.closed + t.ups + t.downs, 0);
    }
}

/* While nobody is up one speaks for all, and the last word is the last one's. */
static void test_who_is_heard(void **state)
{
    (void)state;
    rill_link *l;
    told t;
    fail_at = SOCKETS;
    assert_int_equal(open_fakes(&l, &t), RILL_OK);
    for (unsigned i = SOCKETS; i-- > 0;)
        fakes[i].link.on.down(&fakes[i].link, RILL_ERR_CONNECT, "no", false, fakes[i].link.user);
    assert_int_equal(t.downs, 1);
    fakes[0].link.on.down(&fakes[0].link, RILL_ERR_AUTH, "never", true, fakes[0].link.user);
    assert_false(t.final);
    fakes[1].link.on.up(&fakes[1].link, fakes[1].link.user);
    t.downs = 0;
    fakes[2].link.on.down(&fakes[2].link, RILL_ERR_AUTH, "never", true, fakes[2].link.user);
    assert_int_equal(t.downs, 0);
    fakes[1].link.on.down(&fakes[1].link, RILL_ERR_CLOSED, "gone", true, fakes[1].link.user);
    assert_int_equal(t.downs, 1);
    assert_true(t.final);
    assert_string_equal(t.detail, "gone");
    rill_link_close(l);
    for (unsigned i = 0; i < SOCKETS; i++)
        finish(&fakes[i]);
    assert_int_equal(t.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_link),       cmocka_unit_test(test_the_end_of_what_is_open),
        cmocka_unit_test(test_the_least_busy), cmocka_unit_test(test_one_socket_is_lost),
        cmocka_unit_test(test_all_are_lost),   cmocka_unit_test(test_requests),
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_options),        cmocka_unit_test(test_a_request_is_forgotten),
        cmocka_unit_test(test_blocked),        cmocka_unit_test(test_not_all_can_be_opened),
        cmocka_unit_test(test_who_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

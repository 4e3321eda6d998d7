/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "support/drive.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop.h"
#include <rill/payment.h>

/* ---- chance ---- */

uint64_t drive_draw(drive *d)
{
    if (d->random == 0)
        return UINT64_MAX;
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    return d->random;
}

bool drive_one_in(drive *d, unsigned n)
{
    return d->random != 0 && drive_draw(d) % n == 0;
}

void drive_block(uint64_t ns)
{
    if (ns != 0)
        fake_uv_advance(ns);
}

static void maybe_block(drive *d)
{
    if (drive_one_in(d, 12))
        drive_block(drive_draw(d) % (8 * RILL_SECOND));
}

static drive *enter(void *user)
{
    drive *d = user;
    assert_false(d->inside);
    d->inside = true;
    maybe_block(d);
    return d;
}

static void leave(drive *d)
{
    maybe_block(d);
    d->inside = false;
}

/* ---- the server ---- */

static void on_listening(rill_server *server, void *user);

static void on_connection(rill_connection *c, void *user)
{
    drive *d = enter(user);
    assert_true(rill_connection_is_server(c));
    d->connections++;
    if (d->pause_until != 0)
        rill_server_pause(d->server, true);
    if (drive_one_in(d, 40))
        rill_connection_close(c, RILL_CLOSE_ENDPOINT_BUSY, "not now");
    leave(d);
}

static void on_stream(rill_stream *s, void *user)
{
    drive *d = enter(user);
    size_t accepted;
    d->streams++;
    if (drive_one_in(d, 20))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    else if (drive_one_in(d, 4))
        (void)!rill_stream_write(s, "hello", 5, &accepted);
    if (drive_one_in(d, 4))
        (void)!rill_stream_receive_total(s, d->amount, RILL_NEVER);
    leave(d);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    drive *d = enter(user);
    d->credited += amount;
    drive_block(d->block_money);
    if (drive_one_in(d, 60))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    if (drive_one_in(d, 60))
        (void)!rill_connection_end(rill_stream_connection(s));
    if (drive_one_in(d, 30))
        rill_server_pause(d->server, true);
    leave(d);
}

static void on_incoming(rill_connection *c, const rill_incoming *packet, void *user)
{
    drive *d = enter(user);
    bool fulfilled = true;
    drive_block(d->block_incoming);
    if (drive_one_in(d, 3) && d->late_count < MAX_LATE) {
        d->late[d->late_count++] = (late_decision){
            c, packet->decision_id, fake_uv_now() + drive_draw(d) % (40 * RILL_SECOND)};
    } else {
        assert_int_equal(
            rill_connection_decide(c, packet->decision_id, !drive_one_in(d, 10), &fulfilled),
            RILL_OK);
        assert_int_equal(rill_connection_decide(c, packet->decision_id, true, &fulfilled),
                         RILL_ERR_NOT_FOUND);
        assert_false(fulfilled);
    }
    drive_block(d->block_after_deciding);
    leave(d);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    drive *d = enter(user);
    assert_true(len > 0 && len <= 65536);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], (uint8_t)((d->bytes + i) * 7));
    d->bytes += len;
    if (d->consume_half)
        rill_stream_consume(s, len / 2);
    else if (drive_one_in(d, 3))
        rill_stream_consume(s, drive_one_in(d, 2) ? len : len / 2);
    if (drive_one_in(d, 60))
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    leave(d);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    drive *d = enter(user);
    assert_non_null(end->message);
    assert_true(rill_stream_id(s) > 0);
    d->streams--;
    assert_true(d->streams >= 0);
    leave(d);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    drive *d = enter(user);
    rill_connection_stats stats;
    assert_non_null(end->message);
    rill_connection_get_stats(c, &stats);
    d->received += stats.received;
    d->connections--;
    assert_true(d->connections >= 0);
    leave(d);
}

static void on_link(bool up, const char *detail, void *user)
{
    drive *d = enter(user);
    assert_true(up || *detail);
    leave(d);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    drive *d = enter(user);
    assert_non_null(detail);
    (void)error;
    d->server_closed++;
    /* Everything that may be asked in here. */
    assert_int_equal(strncmp(rill_server_address(d->server), "test.node.0", d->listening ? 11 : 0),
                     0);
    (void)rill_server_asset_scale(d->server);
    rill_server_close(d->server);
    rill_server_pause(d->server, true);
    leave(d);
}

static const rill_handlers server_handlers = {
    .size = sizeof(rill_handlers),
    .server_ready = on_listening,
    .connection = on_connection,
    .stream = on_stream,
    .money = on_money,
    .data = on_data,
    .incoming = on_incoming,
    .stream_end = on_stream_end,
    .connection_end = on_connection_end,
    .link = on_link,
    .closed = on_server_closed,
};

/* ---- the client ---- */

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    drive *d = enter(user);
    static uint8_t data[BYTES];
    size_t accepted;
    d->ready++;
    assert_ptr_equal(rill_client_connection(client), c);
    assert_int_equal(rill_connection_open_stream(c, &d->stream), RILL_OK);
    assert_int_equal(rill_stream_send_total(d->stream, d->amount, RILL_NEVER), RILL_OK);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(rill_stream_write(d->stream, data, sizeof data, &accepted), RILL_OK);
    if (drive_one_in(d, 30))
        rill_client_close(client);
    drive_block(d->block_ready);
    if (d->end_at_once)
        assert_int_equal(rill_connection_end(c), RILL_OK);
    leave(d);
}

static void on_sent(rill_stream *s, int error, void *user)
{
    drive *d = enter(user);
    assert_ptr_equal(s, d->stream);
    d->sent_told++;
    d->sent_error = error;
    (void)!rill_connection_end(rill_stream_connection(s));
    leave(d);
}

static void on_client_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    drive *d = enter(user);
    (void)end;
    assert_ptr_equal(s, d->stream);
    assert_int_equal(d->sent_told, 1);
    d->stream = NULL;
    leave(d);
}

static void on_client_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    drive *d = enter(user);
    rill_connection_stats stats;
    (void)end;
    assert_null(d->stream);
    rill_connection_get_stats(c, &stats);
    d->sent = stats.sent;
    d->in_doubt = stats.in_flight;
    d->lost = stats.packets_lost;
    leave(d);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    drive *d = enter(user);
    (void)error;
    (void)detail;
    d->client_closed++;
    assert_null(rill_client_connection(d->client));
    assert_non_null(rill_client_address(d->client));
    rill_client_close(d->client);
    if (d->server_closed == 0)
        rill_server_close(d->server);
    leave(d);
}

static const rill_handlers client_handlers = {
    .size = sizeof(rill_handlers),
    .client_ready = on_ready,
    .send_total_end = on_sent,
    .stream_end = on_client_stream_end,
    .connection_end = on_client_connection_end,
    .link = on_link,
    .closed = on_client_closed,
};

static void on_paid(int error, bool reached, const rill_pay_result *result, void *user)
{
    drive *d = enter(user);
    assert_true(reached);
    d->paid++;
    d->pay_error = error;
    d->sent = result->sent;
    d->in_doubt = result->in_doubt;
    rill_server_close(d->server);
    leave(d);
}

static void pay(drive *d, const rill_credentials *credentials)
{
    const rill_payment_handlers handlers = {.size = sizeof handlers, .done = on_paid, .user = d};
    rill_payment *payment;
    rill_pay_options o;
    rill_pay_options_init(&o);
    rill_net_options net = d->client_options;
    net.link_uri = "btp+ws://:1@node";
    o.net = &net;
    o.destination_account = credentials->destination_account;
    o.shared_secret = credentials->shared_secret;
    o.secret_len = sizeof credentials->shared_secret;
    o.amount = d->amount;
    o.timeout_ns = d->pay_timeout;
    d->pay_started = fake_uv_now();
    assert_int_equal(rill_payment_start(&payment, d->loop, &o, &handlers, NULL), RILL_OK);
}

static void on_listening(rill_server *server, void *user)
{
    drive *d = enter(user);
    rill_credentials credentials;
    char link[] = "btp+ws://:1@node";
    d->listening++;
    assert_int_equal(rill_server_generate_credentials(server, NULL, &credentials), RILL_OK);
    if (d->pay) {
        pay(d, &credentials);
        leave(d);
        return;
    }
    d->client_options.link_uri = link;
    assert_int_equal(rill_client_open(&d->client, d->loop, &d->client_options,
                                      credentials.destination_account, credentials.shared_secret,
                                      sizeof credentials.shared_secret, NULL),
                     RILL_OK);
    /* Copied, all of it. */
    memset(link, 'x', sizeof link - 1);
    memset(&credentials, 'x', sizeof credentials);
    leave(d);
}

/* ---- the world ---- */

drive *drive_begin(uint64_t random)
{
    drive *d = calloc(1, sizeof *d);
    assert_non_null(d);
    fake_uv_reset();
    assert_int_equal(rill_loop_new(&d->loop, NULL), RILL_OK);
    wire_node_open(&d->node, d->loop);
    d->random = random;
    d->amount = 2000;
    d->started = fake_uv_now();
    d->pay_timeout = 60 * RILL_SECOND;
    rill_net_options_init(&d->server_options);
    rill_connection_options_init(&d->server_connection);
    rill_connection_options_init(&d->client_connection);
    d->server_options.connection = &d->server_connection;
    d->server_options.handlers = &server_handlers;
    d->server_options.user = d;
    d->server_options.link_uri = "btp+ws://:0@node";
    rill_net_options_init(&d->client_options);
    d->client_options.connection = &d->client_connection;
    d->client_options.handlers = &client_handlers;
    d->client_options.user = d;
    d->client_connection.max_packet_amount = 100;
    d->client_connection.min_rate = (rill_ratio){1, 1};
    return d;
}

static void decide_late(drive *d)
{
    for (unsigned i = 0; i < d->late_count; i++) {
        late_decision *l = &d->late[i];
        if (l->at > fake_uv_now())
            continue;
        bool fulfilled = true;
        /* Of a connection that may be gone for a long time. */
        int rc = rill_connection_decide(l->connection, l->decision, true, &fulfilled);
        assert_true(rc == RILL_OK || (rc == RILL_ERR_NOT_FOUND && !fulfilled));
        *l = d->late[--d->late_count];
        i--;
    }
}

static void accidents(drive *d)
{
    if (drive_one_in(d, 40))
        rill_server_pause(d->server, false);
    if (drive_one_in(d, 300))
        wire_node_sleep(&d->node, drive_draw(d) % (100 * RILL_SECOND));
    if (d->cuts && drive_one_in(d, 60))
        wire_node_cut(&d->node, (int)(drive_draw(d) % 2));
    if (drive_one_in(d, 400))
        rill_client_close(d->client);
    if (drive_one_in(d, 400))
        rill_server_close(d->server);
}

static uint64_t next_of(const drive *d)
{
    uint64_t next = fake_uv_deadline();
    if (wire_node_deadline(&d->node) < next)
        next = wire_node_deadline(&d->node);
    for (unsigned i = 0; i < d->late_count; i++)
        if (d->late[i].at < next)
            next = d->late[i].at;
    return next;
}

static bool over(const drive *d)
{
    return d->server_closed > 0 && (d->client_closed > 0 || d->client == NULL);
}

/* Runs until everything has ended, or until `until` in virtual time. */
void drive_run(drive *d, uint64_t until)
{
    while (!over(d) && fake_uv_now() - d->started < until &&
           !(d->stop_when_paid && d->node.sides[0].paid_in > 0) &&
           !(d->stop_at_prepares != 0 && d->node.sides[0].prepares >= d->stop_at_prepares)) {
        wire_node_step(&d->node);
        fake_uv_turn(rill_loop_uv(d->loop));
        if (d->random != 0 && d->client != NULL && !over(d) && d->client_closed == 0 &&
            d->server_closed == 0)
            accidents(d);
        decide_late(d);
        if (d->pause_until != 0 && d->pause_until <= fake_uv_now())
            rill_server_pause(d->server, false);
        uint64_t next = next_of(d);
        fake_uv_turn(rill_loop_uv(d->loop));
        if (next_of(d) < next)
            next = next_of(d);
        /* Nothing may wait for ever without saying so: a pause of the application ends. */
        if (next == RILL_NEVER || next > fake_uv_now() + RILL_SECOND) {
            next = fake_uv_now() + RILL_SECOND;
            if (d->server_closed == 0)
                rill_server_pause(d->server, false);
        }
        if (next > fake_uv_now())
            fake_uv_advance(next - fake_uv_now());
    }
}

void drive_end(drive *d)
{
    assert_true(over(d));
    assert_int_equal(d->server_closed, 1);
    assert_int_equal(d->client_closed, d->client != NULL ? 1 : 0);
    assert_int_equal(d->connections, 0);
    assert_int_equal(d->streams, 0);
    /* The books. */
    const node_side *receiver = &d->node.sides[0];
    assert_int_equal(receiver->late, 0);
    assert_int_equal(receiver->stale + d->node.sides[1].stale, 0);
    /*
     * A receiver whose own link breaks may have fulfilled what its node does not see. Nobody can
     * know that.
     */
    if (d->cuts)
        assert_true(d->received >= receiver->paid_in);
    else
        assert_int_equal(d->received, receiver->paid_in);
    assert_int_equal(d->credited, d->received);
    assert_int_equal(d->node.sides[1].charged, receiver->paid_in);
    assert_true(d->sent <= d->received);
    assert_true(d->sent + d->in_doubt >= receiver->paid_in);
    wire_node_close(&d->node);
    rill_loop_free(d->loop);
    assert_int_equal(fake_uv_handles(), 0);
    free(d);
}

void drive_start(drive *d)
{
    assert_int_equal(rill_server_open(&d->server, d->loop, &d->server_options, NULL), RILL_OK);
}

void drive_all_arrived(drive *d)
{
    drive_start(d);
    drive_run(d, DRIVE_LIMIT);
    assert_int_equal(d->sent_error, RILL_OK);
    assert_int_equal(d->sent, d->amount);
    assert_int_equal(d->bytes, BYTES);
    drive_end(d);
}

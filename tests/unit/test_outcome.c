/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which money stops being under way: what became of its packets, combined with what
 * ended its stream or connection meanwhile, at either side. A payer goes on with another
 * connection, as rill_pay does, for what is neither sent nor in doubt. In every case the receiver
 * gets no unit twice, and what is called sent has arrived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"

#define PACKET UINT64_C(50)
#define TOTAL  (3 * PACKET)

typedef enum event {
    NOTHING,
    CLIENT_ENDS,
    CLIENT_CLOSES,
    CLIENT_ABANDONS,
    CLIENT_CLOSES_STREAM,
    SERVER_CLOSES,
    SERVER_ABANDONS,
    SERVER_CLOSES_STREAM,
    SERVER_RESTARTS,
    CLIENT_SLEEPS,
    PATH_IS_GONE,
    EVENTS
} event;

typedef struct fate {
    const char *name;
    pair_action action;
    uint64_t delay;
    unsigned copies;
    bool comes_back; /* the payer hears of it: nothing is in doubt for good */
} fate;

static const fate fates[] = {
    {"passes", PAIR_PASS, 0, 1, true},
    {"is late", PAIR_PASS, 5 * RILL_SECOND, 1, true},
    {"comes twice", PAIR_PASS, 0, 2, true},
    {"is refused", PAIR_REJECT, 0, 1, true},
    {"never left", PAIR_UNSENT, 0, 1, true},
    {"is dropped", PAIR_DROP, 0, 1, false},
    {"has no reply", PAIR_LOSE_REPLY, 0, 1, false},
    {"is in doubt", PAIR_IN_DOUBT, 0, 1, false},
};

typedef struct run {
    const fate *fate;
    unsigned money; /* packets with money that have met it, of two in three */
    bool gone;
} run;

static void meet(pair *p, pair_packet *packet)
{
    run *r = p->user;
    if (r->gone)
        packet->action = PAIR_DROP;
    if (r->gone || packet->from != PAIR_CLIENT || packet->amount == 0 || r->money >= 3)
        return;
    if (r->money++ == 1)
        return;
    packet->action = r->fate->action;
    packet->code = RILL_ILP_T00_INTERNAL_ERROR;
    packet->delay = r->fate->delay;
    packet->copies = r->fate->copies;
}

static void happen(pair *p, event what, const pair_options *o, rill_stream *s)
{
    rill_connection *client = p->end[PAIR_CLIENT].connection;
    rill_connection *server = p->end[PAIR_SERVER].connection;
    rill_stream *other = server ? rill_connection_stream(server, 1) : NULL;
    run *r = p->user;
    if (what == CLIENT_ENDS)
        assert_int_equal(rill_connection_end(client), RILL_OK);
    if (what == CLIENT_CLOSES)
        rill_connection_close(client, RILL_CLOSE_NO_ERROR, NULL);
    if (what == CLIENT_ABANDONS)
        rill_connection_abandon(client, RILL_ERR_CANCELLED);
    if (what == CLIENT_CLOSES_STREAM)
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    if (what == SERVER_CLOSES && server)
        rill_connection_close(server, RILL_CLOSE_NO_ERROR, NULL);
    if (what == SERVER_ABANDONS && server)
        rill_connection_abandon(server, RILL_ERR_CANCELLED);
    if (what == SERVER_CLOSES_STREAM && other)
        rill_stream_close(other, RILL_CLOSE_NO_ERROR, NULL);
    if (what == SERVER_RESTARTS)
        pair_restart_server(p, o);
    if (what == CLIENT_SLEEPS)
        pair_suspend(p, PAIR_CLIENT, 300 * RILL_SECOND);
    r->gone = what == PATH_IS_GONE;
}

/* Sums over all connections that the payer had. */
static void count(const pair *p, uint64_t *sent, uint64_t *in_flight)
{
    const pair_end *client = &p->end[PAIR_CLIENT];
    *sent = client->ended_sent;
    *in_flight = client->ended_in_flight;
    for (unsigned i = 0; i < client->open_count; i++) {
        rill_connection_stats stats;
        rill_connection_get_stats(client->open[i], &stats);
        *sent += stats.sent;
        *in_flight += stats.in_flight;
    }
}

static void check(const pair *p, uint64_t total, bool settled)
{
    uint64_t sent, in_flight;
    uint64_t arrived = p->end[PAIR_SERVER].fulfilled_in;
    count(p, &sent, &in_flight);
    assert_true(arrived <= sent + in_flight);
    assert_true(sent + in_flight <= total);
    if (!settled)
        return;
    assert_true(sent <= arrived);
}

/* early: nothing has been answered before. soon: it happens before a reply can be here. */
static void meets(event what, const fate *f, bool early, bool soon)
{
    pair p = {0};
    pair_options o = pair_defaults();
    static const uint8_t secret[32] = {9};
    run r = {.fate = f, .money = 3};
    uint64_t before = early ? 0 : PACKET;
    o.server.server_secret = secret;
    o.connection.max_packet_amount = PACKET;
    o.connection.connect_timeout_ns = 200 * RILL_SECOND;
    pair_open(&p, &o);
    p.on_packet = meet;
    p.user = &r;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    if (!early) {
        assert_int_equal(rill_stream_send_total(s, before, RILL_NEVER), RILL_OK);
        pair_run(&p, RILL_SECOND);
    }
    r.money = 0;
    assert_int_equal(rill_stream_send_total(s, before + TOTAL, RILL_NEVER), RILL_OK);
    pair_run(&p, soon ? RILL_MS + RILL_MS / 2 : RILL_SECOND);
    happen(&p, what, &o, s);
    for (unsigned i = 0; i < 100; i++) {
        pair_run(&p, 2 * RILL_SECOND);
        check(&p, before + TOTAL, false);
    }
    check(&p, before + TOTAL, true);
    r.gone = false;
    uint64_t sent, in_flight;
    count(&p, &sent, &in_flight);
    if (p.end[PAIR_CLIENT].connection == NULL && sent + in_flight < before + TOTAL) {
        assert_int_equal(pair_connect(&p, &o.connection), RILL_OK);
        s = pair_stream_open(&p, PAIR_CLIENT);
        assert_int_equal(rill_stream_send_total(s, before + TOTAL - sent - in_flight, RILL_NEVER),
                         RILL_OK);
        pair_run(&p, 100 * RILL_SECOND);
        check(&p, before + TOTAL, true);
        count(&p, &sent, &in_flight);
        assert_int_equal(sent + in_flight, before + TOTAL);
    }
    if (f->comes_back && what == NOTHING)
        assert_int_equal(p.end[PAIR_SERVER].fulfilled_in, before + TOTAL);
    pair_close(&p);
}

static const fate *last;
static unsigned last_when;

static void test_money_meets_every_fate(void **state)
{
    const event *what = *state;
    for (unsigned f = 0; f < sizeof fates / sizeof fates[0]; f++)
        for (unsigned when = 0; when < 4; when++) {
            last = &fates[f];
            last_when = when;
            meets(*what, last, when & 1, when & 2);
        }
}

static int tell_last(void **state)
{
    (void)state;
    print_message("# the last packet %s (%u)\n", last->name, last_when);
    return 0;
}

int main(void)
{
    static const char *const names[EVENTS] = {
        "nothing happens",      "client ends",   "client closes",   "client abandons",
        "client closes stream", "server closes", "server abandons", "server closes stream",
        "server restarts",      "client sleeps", "path is gone",
    };
    static event events[EVENTS];
    struct CMUnitTest tests[EVENTS];
    for (unsigned i = 0; i < EVENTS; i++) {
        events[i] = (event)i;
        tests[i] =
            (struct CMUnitTest){names[i], test_money_meets_every_fate, NULL, tell_last, &events[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

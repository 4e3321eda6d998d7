/* SPDX-License-Identifier: Apache-2.0 */
/* What a speaker of CCP believes, prefers, tells and forgets. */
#include "speaker_fixture.h"

static world w;
static rill_speaker_peer a, b, c, up;

static void with_peers(void)
{
    open_world(&w, "g.x", 1);
    add_peer(&w, &a, "a", RILL_RELATION_PEER, "");
    add_peer(&w, &b, "b", RILL_RELATION_PEER, "");
    add_peer(&w, &c, "c", RILL_RELATION_CHILD, "g.x.c");
    add_peer(&w, &up, "up", RILL_RELATION_PARENT, "");
    rill_speaker_up(&w.s, &a, now);
    rill_speaker_up(&w.s, &b, now);
    rill_speaker_up(&w.s, &c, now);
    rill_speaker_up(&w.s, &up, now);
}

static void control_of(rill_speaker_peer *p, uint64_t ms, rill_ccp_control *control, uint64_t *id)
{
    rill_speaker_message m;
    assert_true(next_to(&w, p, RILL_CCP_CONTROL, ms, &m));
    assert_int_equal(rill_ccp_control_decode(control, m.data), RILL_OK);
    assert_int_equal(control->mode, RILL_CCP_SYNC);
    if (id != NULL)
        *id = m.id;
    else
        rill_speaker_answered(&w.s, p, m.id, true, now);
}

/* ---- what it asks and hears ---- */

static void test_it_asks_who_comes(void **state)
{
    (void)state;
    rill_ccp_control control;
    rill_speaker_message m;
    uint64_t id = 0;
    with_peers();
    control_of(&a, 0, &control, &id);
    assert_int_equal(control.epoch, 0);
    assert_int_equal(control.table[0], 0);
    /* One at a time; again a second after it was refused, and then two, and so on. */
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 100000, &m));
    rill_speaker_answered(&w.s, &a, id, false, now);
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 999, &m));
    control_of(&a, 1, &control, &id);
    rill_speaker_answered(&w.s, &a, id, false, now);
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 1999, &m));
    control_of(&a, 1, &control, &id);
    rill_speaker_answered(&w.s, &a, id, true, now);
    /* It says yes, and nothing: it is asked again, ever more rarely. */
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 37499, &m));
    control_of(&a, 1, &control, NULL);
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 74999, &m));
    control_of(&a, 1, &control, NULL);
    rill_speaker_clear(&w.s);
}

static void test_it_learns_and_forgets(void **state)
{
    (void)state;
    with_peers();
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a", "g.d", "g.a g.d"), NULL),
                     RILL_OK);
    assert_string_equal(way(&w, "g.a"), "a");
    assert_string_equal(way(&w, "g.d"), "a");
    assert_int_equal(w.learnt, 2);
    assert_int_equal(tell(&w, &a, 7, 2, 3, 3, NULL, ROUTES("g.d")), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "");
    assert_int_equal(w.unlearnt, 1);
    assert_int_equal(a.talk->heard, 3);
    /* An old one, late: nothing happens. */
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a", "g.d", "g.a g.d"), NULL),
                     RILL_OK);
    assert_string_equal(way(&w, "g.d"), "");
    /* Another table: what is not in it goes, once all of it is there. */
    assert_int_equal(tell(&w, &a, 8, 0, 1, 2, ROUTES("g.e", "g.a g.e"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.a"), "a");
    assert_string_equal(way(&w, "g.e"), "a");
    assert_int_equal(tell(&w, &a, 8, 1, 2, 2, ROUTES("g.f", "g.a g.f"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.a"), "");
    assert_string_equal(way(&w, "g.e"), "a");
    assert_string_equal(way(&w, "g.f"), "a");
    rill_speaker_clear(&w.s);
}

static void test_a_gap_is_asked_for(void **state)
{
    (void)state;
    rill_ccp_control control;
    rill_speaker_message m;
    with_peers();
    control_of(&a, 0, &control, NULL);
    now += 10 * RILL_SECOND;
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 10000, &m));
    assert_int_equal(tell(&w, &a, 7, 3, 4, 4, ROUTES("g.d", "g.a g.d"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "");
    control_of(&a, 0, &control, NULL);
    assert_int_equal(control.epoch, 2);
    assert_int_equal(control.table[0], 7);
    /* Not more than once a second, whatever comes. */
    assert_int_equal(tell(&w, &a, 7, 3, 4, 4, NULL, NULL), RILL_OK);
    assert_false(next_to(&w, &a, RILL_CCP_CONTROL, 999, &m));
    control_of(&a, 1, &control, NULL);
    rill_speaker_clear(&w.s);
}

static void test_silence_ends_what_was_told(void **state)
{
    (void)state;
    rill_speaker_message m;
    rill_ccp_control control;
    with_peers();
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_false(next_to(&w, &a, RILL_CCP_UPDATE, 40000, &m));
    /* A heartbeat keeps it. */
    assert_int_equal(tell(&w, &a, 7, 1, 1, 1, NULL, NULL), RILL_OK);
    assert_false(next_to(&w, &a, RILL_CCP_UPDATE, 44999, &m));
    assert_string_equal(way(&w, "g.a"), "a");
    assert_false(next_to(&w, &a, RILL_CCP_UPDATE, 2, &m));
    assert_string_equal(way(&w, "g.a"), "");
    /* It is asked for all. */
    rill_speaker_down(&w.s, &a, now);
    rill_speaker_up(&w.s, &a, now);
    control_of(&a, 0, &control, NULL);
    assert_int_equal(control.table[0], 0);
    rill_speaker_clear(&w.s);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    with_peers();
    const char *problem = NULL;
    rill_bytes nonsense = text("nonsense");
    assert_int_equal(rill_speaker_take_update(&w.s, &a, nonsense, now, &problem),
                     RILL_ERR_MALFORMED);
    assert_string_equal(problem, "not a well-formed route update");
    assert_int_equal(rill_speaker_take_control(&w.s, &a, nonsense, now, &problem),
                     RILL_ERR_MALFORMED);
    a.is_heard = false;
    a.tells = false;
    assert_int_equal(rill_speaker_take_update(&w.s, &a, nonsense, now, &problem), RILL_OK);
    assert_int_equal(rill_speaker_take_control(&w.s, &a, nonsense, now, &problem), RILL_OK);
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.a"), "");
    ask(&w, &a, NULL, 0);
    assert_string_equal(told(&w, &a, 100000, NULL), "nothing");
    rill_speaker_clear(&w.s);
}

/* ---- what it believes ---- */

static void test_what_is_not_believed(void **state)
{
    (void)state;
    char hops[800] = "g.h0";
    char deep[200] = "g";
    with_peers();
    for (int i = 1; i < 64; i++)
        snprintf(hops + strlen(hops), sizeof hops - strlen(hops), " g.h%d", i);
    for (int i = 0; i < 32; i++)
        strcat(deep, ".d");
    assert_int_equal(
        tell(&w, &a, 7, 0, 9, 9,
             ROUTES("g", "g.a", "test.a", "g.a", "g.x", "g.a", "g.x.c", "g.a", "g.x.c.d", "g.a",
                    "g.l", "g.a g.x g.l", "g.h", hops, deep, "g.a", "g.good", "g.a"),
             NULL),
        RILL_OK);
    assert_string_equal(way(&w, "g.good"), "a");
    assert_int_equal(a.via.count, 1);
    /* A child may say more of what is below its own address, and no other's. */
    assert_int_equal(tell(&w, &c, 7, 0, 2, 2, ROUTES("g.x.c.d", "g.x.c", "g.x.e", "g.x.c"), NULL),
                     RILL_OK);
    assert_string_equal(way(&w, "g.x.c.d"), "c");
    assert_string_equal(way(&w, "g.x.e"), "");
    /* A way that begins to go by us is dropped. */
    assert_int_equal(tell(&w, &a, 7, 9, 10, 10, ROUTES("g.good", "g.a g.b g.x g.good"), NULL),
                     RILL_OK);
    assert_string_equal(way(&w, "g.good"), "");
    assert_int_equal(a.via.count, 0);
    rill_speaker_clear(&w.s);
}

static void test_no_more_than_agreed(void **state)
{
    (void)state;
    with_peers();
    a.most = 2;
    assert_int_equal(
        tell(&w, &a, 7, 0, 3, 3, ROUTES("g.a", "g.a", "g.b", "g.a g.b", "g.c", "g.a g.c"), NULL),
        RILL_OK);
    assert_int_equal(a.via.count, 2);
    assert_string_equal(way(&w, "g.c"), "");
    /* One that it has may change. */
    assert_int_equal(tell(&w, &a, 7, 3, 4, 4, ROUTES("g.b", "g.a g.d g.b"), NULL), RILL_OK);
    assert_int_equal(rill_rib_find(&w.s.rib, text("g.b"))->best->words->told.hops, 3);
    rill_speaker_clear(&w.s);
}

static void test_which_way_is_the_best(void **state)
{
    (void)state;
    with_peers();
    /* By name, if all else is the same; then a parent after a peer; then the shortest. */
    assert_int_equal(tell(&w, &up, 7, 0, 1, 1, ROUTES("g.d", "g.u g.e"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "up");
    assert_int_equal(tell(&w, &b, 7, 0, 1, 1, ROUTES("g.d", "g.b g.e g.f"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "up");
    assert_int_equal(tell(&w, &b, 7, 1, 2, 2, ROUTES("g.d", "g.b g.e"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "b");
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.d", "g.a g.e"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "a");
    assert_int_equal(tell(&w, &b, 7, 2, 3, 3, ROUTES("g.d", "g.b"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "b");
    /* A child's before all of these, and the operator's word before a child's. */
    assert_int_equal(tell(&w, &c, 7, 0, 1, 1, ROUTES("g.d", "g.c g.e g.f g.g"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "c");
    assert_int_equal(rill_rib_add(&w.s.rib, &up.via, RILL_ROUTE_STATIC, text("g.d")), RILL_OK);
    assert_int_equal(rill_rib_add(&w.s.rib, &a.via, RILL_ROUTE_STATIC, text("g.d")),
                     RILL_ERR_EXISTS);
    assert_int_equal(rill_rib_settle(&w.s.rib, 100), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "up");
    assert_int_equal(rill_rib_remove(&w.s.rib, RILL_ROUTE_STATIC, text("g.d")), RILL_OK);
    assert_int_equal(rill_rib_remove(&w.s.rib, RILL_ROUTE_STATIC, text("g.d")), RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_rib_settle(&w.s.rib, 100), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "c");
    /* Who goes takes its ways along. */
    rill_speaker_remove(&w.s, &c);
    assert_string_equal(way(&w, "g.d"), "b");
    rill_speaker_clear(&w.s);
}

static void test_who_is_away(void **state)
{
    (void)state;
    rill_ccp_control control;
    with_peers();
    control_of(&a, 0, &control, NULL);
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.d", "g.a", "g.e", "g.a"), NULL), RILL_OK);
    assert_int_equal(tell(&w, &b, 7, 0, 1, 1, ROUTES("g.d", "g.b g.h"), NULL), RILL_OK);
    rill_speaker_down(&w.s, &a, now);
    /* Another way is taken at once; where there is none, senders are to try again. */
    assert_string_equal(way(&w, "g.d"), "b");
    assert_string_equal(way(&w, "g.e"), "a");
    now += 2 * RILL_SECOND;
    /* It comes back, and is asked for all, since some has been given up; also if it speaks first.
     */
    rill_speaker_up(&w.s, &a, now);
    assert_int_equal(tell(&w, &a, 7, 2, 2, 2, NULL, NULL), RILL_OK);
    control_of(&a, 0, &control, NULL);
    assert_int_equal(control.epoch, 0);
    assert_int_equal(control.table[0], 0);
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.d", "g.a", "g.e", "g.a"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "a");
    /* Nothing has been given up: it goes on where it stopped. */
    assert_int_equal(tell(&w, &b, 7, 1, 2, 2, NULL, ROUTES("g.d")), RILL_OK);
    rill_speaker_down(&w.s, &a, now);
    now += 2 * RILL_SECOND;
    rill_speaker_up(&w.s, &a, now);
    control_of(&a, 0, &control, NULL);
    assert_int_equal(control.epoch, 2);
    assert_int_equal(control.table[0], 7);
    rill_speaker_clear(&w.s);
}

/* ---- what it tells ---- */

static void test_who_is_told_what(void **state)
{
    (void)state;
    rill_ccp_update u;
    with_peers();
    assert_int_equal(rill_rib_add(&w.s.rib, &up.via, RILL_ROUTE_STATIC, text("")), RILL_OK);
    assert_int_equal(rill_rib_add(&w.s.rib, &c.via, RILL_ROUTE_CHILD, text("g.x.c")), RILL_OK);
    /* A child's address is no route of the configuration, and goes and moves with none. */
    assert_int_equal(rill_rib_remove(&w.s.rib, RILL_ROUTE_STATIC, text("g.x.c")),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(rill_rib_move(&w.s.rib, &up.via, RILL_ROUTE_STATIC, text("g.x.c")),
                     RILL_ERR_NOT_FOUND);
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_int_equal(tell(&w, &c, 7, 0, 1, 1, ROUTES("g.c", "g.c"), NULL), RILL_OK);
    assert_int_equal(tell(&w, &up, 7, 0, 1, 1, ROUTES("g.u", "g.u"), NULL), RILL_OK);
    assert_string_equal(told(&w, &b, 31000, NULL), "nothing"); /* it has not asked */
    ask(&w, &b, NULL, 0);
    assert_string_equal(told(&w, &b, 0, &u), "0-4 +g.x(g.x) +g.a(g.x g.a) +g.c(g.x g.c)"
                                             " +g.u(g.x g.u)");
    assert_int_equal(u.hold_down_ms, 45000);
    assert_int_equal(u.current_epoch, 4);
    /* Not back to where it came from; to a parent, only what children tell. */
    ask(&w, &a, NULL, 0);
    assert_string_equal(told(&w, &a, 0, NULL), "0-4 +g.x(g.x) +g.c(g.x g.c) +g.u(g.x g.u) -g.a");
    ask(&w, &up, NULL, 0);
    assert_string_equal(told(&w, &up, 0, NULL), "0-4 +g.x(g.x) +g.c(g.x g.c) -g.a -g.u");
    rill_speaker_clear(&w.s);
}

static void test_changes_are_told(void **state)
{
    (void)state;
    rill_ccp_update u;
    with_peers();
    ask(&w, &b, NULL, 0);
    assert_string_equal(told(&w, &b, 0, NULL), "0-1 +g.x(g.x)");
    assert_string_equal(told(&w, &b, 29999, NULL), "nothing");
    assert_string_equal(told(&w, &b, 1, NULL), "1-1");
    now += RILL_SECOND;
    assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a", "g.d", "g.a g.d"), NULL),
                     RILL_OK);
    assert_string_equal(told(&w, &b, 0, NULL), "1-3 +g.a(g.x g.a) +g.d(g.x g.a g.d)");
    /* Another path by the same neighbour; and not sooner than 150 ms after the last. */
    assert_int_equal(tell(&w, &a, 7, 2, 3, 3, ROUTES("g.d", "g.a g.e g.d"), NULL), RILL_OK);
    assert_string_equal(told(&w, &b, 149, NULL), "nothing");
    assert_string_equal(told(&w, &b, 1, NULL), "3-4 +g.d(g.x g.a g.e g.d)");
    /* The same again is no change. */
    assert_int_equal(tell(&w, &a, 7, 3, 4, 4, ROUTES("g.d", "g.a g.e g.d"), NULL), RILL_OK);
    assert_string_equal(told(&w, &b, 20000, NULL), "nothing");
    assert_int_equal(tell(&w, &a, 7, 4, 5, 5, NULL, ROUTES("g.d", "g.none")), RILL_OK);
    assert_string_equal(told(&w, &b, 0, &u), "4-5 -g.d");
    /* Who has asked from the middle is told from there. */
    ask(&w, &b, u.table, 2);
    assert_string_equal(told(&w, &b, 150, NULL), "2-5 -g.d");
    ask(&w, &b, u.table, 5);
    assert_string_equal(told(&w, &b, 150, NULL), "5-5");
    rill_speaker_clear(&w.s);
}

static void test_what_is_withdrawn_is_forgotten(void **state)
{
    (void)state;
    rill_ccp_update u;
    with_peers();
    ask(&w, &b, NULL, 0);
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.d", "g.a"), NULL), RILL_OK);
    assert_string_equal(told(&w, &b, 0, &u), "0-2 +g.x(g.x) +g.d(g.x g.a)");
    uint8_t table[RILL_CCP_TABLE_LEN];
    memcpy(table, u.table, sizeof table);
    rill_speaker_down(&w.s, &b, now);
    assert_int_equal(tell(&w, &a, 7, 1, 2, 2, NULL, ROUTES("g.d")), RILL_OK);
    /* While b is away it is kept for it. */
    assert_string_equal(told(&w, &a, 20000, NULL), "nothing");
    assert_non_null(rill_rib_find(&w.s.rib, text("g.d")));
    rill_speaker_up(&w.s, &b, now);
    assert_string_equal(told(&w, &b, 0, NULL), "2-3 -g.d");
    assert_string_equal(told(&w, &b, 31000, NULL), "3-3");
    assert_string_equal(told(&w, &b, 31000, NULL), "3-3");
    assert_null(rill_rib_find(&w.s.rib, text("g.d")));
    assert_int_equal(w.s.rib.withdrawn, 0);
    /* Who still knows it is told all again, as another table. */
    ask(&w, &b, table, 2);
    assert_string_equal(told(&w, &b, 150, &u), "0-3 +g.x(g.x)");
    assert_memory_not_equal(u.table, table, sizeof table);
    /* So is who claims to know the future. */
    memcpy(table, u.table, sizeof table);
    ask(&w, &b, table, 77);
    assert_string_equal(told(&w, &b, 150, &u), "0-3 +g.x(g.x)");
    assert_memory_not_equal(u.table, table, sizeof table);
    rill_speaker_clear(&w.s);
}

static void test_what_is_lost_is_told_again(void **state)
{
    (void)state;
    rill_speaker_message m;
    with_peers();
    ask(&w, &b, NULL, 0);
    assert_true(next_to(&w, &b, RILL_CCP_UPDATE, 0, &m));
    uint64_t id = m.id;
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_false(next_to(&w, &b, RILL_CCP_UPDATE, 20000, &m)); /* one at a time */
    rill_speaker_answered(&w.s, &b, id, false, now);
    assert_string_equal(told(&w, &b, 999, NULL), "nothing");
    assert_string_equal(told(&w, &b, 1, NULL), "0-2 +g.x(g.x) +g.a(g.x g.a)");
    /* An answer to what is not waited for any more changes nothing. */
    rill_speaker_answered(&w.s, &b, id, true, now);
    assert_int_equal(b.talk->told, 2);
    rill_speaker_clear(&w.s);
}

/* As many as one packet does not hold; all come, in order, one behind the other. */
static void test_a_large_table(void **state)
{
    (void)state;
    enum { MANY = 3000, AT_ONCE = 500 };
    static char names[MANY][32];
    static const char *routes[2 * AT_ONCE + 1];
    rill_ccp_update u;
    with_peers();
    for (uint32_t i = 0; i < MANY; i++)
        snprintf(names[i], sizeof names[i], "g.far.away.and.more.%u", i);
    for (uint32_t from = 0; from < MANY; from += AT_ONCE) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            routes[2 * i] = names[from + i];
            routes[2 * i + 1] = "g.a g.far";
        }
        assert_int_equal(tell(&w, &a, 7, from, from + AT_ONCE, MANY, routes, NULL), RILL_OK);
    }
    assert_int_equal(a.via.count, MANY);
    ask(&w, &b, NULL, 0);
    uint64_t count = 0;
    uint32_t next = 0;
    uint64_t began = now;
    do {
        assert_string_not_equal(told(&w, &b, 0, &u), "nothing");
        assert_int_equal(u.from_epoch, next);
        assert_true(u.to_epoch > next);
        next = u.to_epoch;
        count += u.route_count;
    } while (u.to_epoch < u.current_epoch);
    assert_int_equal(now, began);
    assert_int_equal(count, MANY + 1);
    /* All go at once, and that is told. */
    rill_speaker_remove(&w.s, &a);
    count = 0;
    do {
        assert_string_not_equal(told(&w, &b, 150, &u), "nothing");
        count += u.withdrawn_count;
    } while (u.to_epoch < u.current_epoch);
    assert_int_equal(count, MANY);
    rill_speaker_clear(&w.s);
}

/* Epochs come to their end. */
static void test_epochs_begin_again(void **state)
{
    (void)state;
    rill_ccp_update u;
    with_peers();
    ask(&w, &b, NULL, 0);
    assert_string_equal(told(&w, &b, 0, &u), "0-1 +g.x(g.x)");
    uint8_t table[RILL_CCP_TABLE_LEN];
    memcpy(table, u.table, sizeof table);
    w.s.rib.epoch = UINT32_MAX / 2;
    b.talk->told = UINT32_MAX / 2;
    assert_int_equal(tell(&w, &a, 7, 0, 1, 1, ROUTES("g.a", "g.a"), NULL), RILL_OK);
    assert_string_equal(told(&w, &b, 150, &u), "0-2 +g.x(g.x) +g.a(g.x g.a)");
    assert_memory_not_equal(u.table, table, sizeof table);
    rill_speaker_clear(&w.s);
}

/* ---- memory ---- */

/* Each allocation of a scene fails once; what was lost by that comes when there is memory again. */
static void test_failing_memory(void **state)
{
    (void)state;
    bool failed = true;
    for (long n = 0; failed; n++) {
        rill_speaker_message m;
        with_peers();
        allocations_left = n;
        int rc = rill_rib_add(&w.s.rib, &b.via, RILL_ROUTE_STATIC, text("g.s"));
        int told_rc = tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a", "g.d", "g.a g.d"), NULL);
        failed = allocations_left == 0;
        allocations_left = -1;
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        assert_true(told_rc == RILL_OK || failed);
        if (told_rc != RILL_OK)
            assert_int_equal(tell(&w, &a, 7, 0, 2, 2, ROUTES("g.a", "g.a", "g.d", "g.a g.d"), NULL),
                             RILL_OK);
        assert_false(next_to(&w, &a, "", 2000, &m));
        assert_string_equal(way(&w, "g.a"), "a");
        assert_string_equal(way(&w, "g.d"), "a");
        assert_string_equal(way(&w, "g.s"), rc == RILL_OK ? "b" : "");
        rill_speaker_clear(&w.s);
    }
}

/* ---- a store ---- */

static void test_what_a_store_had(void **state)
{
    (void)state;
    static const uint8_t auth[RILL_CCP_AUTH_LEN];
    rill_ccp_control control;
    uint8_t table[RILL_CCP_TABLE_LEN] = {7};
    const rill_ccp_route route = {
        .prefix = text("g.d"), .hops = 1, .path = text("\003g.d"), .auth = auth};
    open_world(&w, "g.x", 1);
    add_peer(&w, &a, "a", RILL_RELATION_PEER, "");
    rill_speaker_restore(&w.s, &a, table, 5, now);
    assert_int_equal(rill_speaker_restore_route(&w.s, &a, &route), RILL_OK);
    assert_int_equal(rill_rib_settle(&w.s.rib, 100), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "a");
    rill_speaker_up(&w.s, &a, now);
    control_of(&a, 0, &control, NULL);
    assert_int_equal(control.epoch, 5);
    assert_int_equal(control.table[0], 7);
    assert_int_equal(tell(&w, &a, 7, 5, 5, 5, NULL, NULL), RILL_OK);
    assert_string_equal(way(&w, "g.d"), "a");
    rill_speaker_known(&a, table, &control.epoch);
    assert_int_equal(control.epoch, 5);
    rill_speaker_clear(&w.s);
    /* Nobody confirms it: it goes after the hold-down time. */
    open_world(&w, "g.x", 1);
    add_peer(&w, &a, "a", RILL_RELATION_PEER, "");
    rill_speaker_restore(&w.s, &a, table, 5, now);
    assert_int_equal(rill_speaker_restore_route(&w.s, &a, &route), RILL_OK);
    rill_speaker_message m;
    assert_false(next_to(&w, &a, "", 44999, &m));
    assert_string_equal(way(&w, "g.d"), "a");
    assert_false(next_to(&w, &a, "", 2, &m));
    assert_string_equal(way(&w, "g.d"), "");
    rill_speaker_clear(&w.s);
}

/* Nothing is kept of a child that is not asked, until it asks. */
static void test_who_is_not_asked_may_ask(void **state)
{
    (void)state;
    rill_ccp_control asked = {.mode = RILL_CCP_SYNC};
    const char *problem = NULL;
    uint8_t data[64];
    size_t len = 0;
    assert_int_equal(rill_ccp_control_encode(&asked, data, sizeof data, &len), RILL_OK);
    open_world(&w, "g.x", 1);
    memset(&c, 0, sizeof c);
    rill_via_init(&c.via, "c", RILL_RELATION_CHILD, text("g.x.c"));
    c.tells = true;
    c.most = 10;
    allocations_left = 0;
    assert_int_equal(rill_speaker_add(&w.s, &c), RILL_OK);
    rill_speaker_up(&w.s, &c, now);
    rill_speaker_drop(&w.s, &c);
    rill_speaker_review(&w.s);
    assert_int_equal(tell(&w, &c, 7, 0, 1, 1, ROUTES("g.x.c.d", "g.x.c"), NULL), RILL_OK);
    rill_speaker_answered(&w.s, &c, 1, true, now);
    assert_int_equal(rill_speaker_take_control(&w.s, &c, (rill_bytes){data, len}, now, &problem),
                     RILL_ERR_NOMEM);
    assert_string_equal(problem, "out of memory");
    assert_int_equal(rill_speaker_prepare(&w.s, &c), RILL_ERR_NOMEM);
    rill_speaker_down(&w.s, &c, now);
    assert_null(c.talk);
    allocations_left = -1;
    now += RILL_SECOND;
    rill_speaker_up(&w.s, &c, now);
    ask(&w, &c, NULL, 0);
    assert_string_equal(told(&w, &c, 0, NULL), "0-1 +g.x(g.x)");
    assert_string_equal(told(&w, &c, 30000, NULL), "1-1");
    /* From now on it is asked, too. */
    assert_int_equal(rill_speaker_prepare(&w.s, &c), RILL_OK);
    c.is_heard = true;
    rill_speaker_review(&w.s);
    control_of(&c, 0, &asked, NULL);
    assert_int_equal(tell(&w, &c, 7, 0, 1, 1, ROUTES("g.x.c.d", "g.x.c"), NULL), RILL_OK);
    assert_string_equal(way(&w, "g.x.c.d"), "c");
    rill_speaker_remove(&w.s, &c);
    assert_string_equal(way(&w, "g.x.c.d"), "");
    assert_null(c.talk);
    rill_speaker_answered(&w.s, &c, 1, true, now);
    rill_speaker_clear(&w.s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_asks_who_comes),
        TEST(test_it_learns_and_forgets),
        TEST(test_a_gap_is_asked_for),
        TEST(test_silence_ends_what_was_told),
        TEST(test_nonsense_is_refused),
        TEST(test_what_is_not_believed),
        TEST(test_no_more_than_agreed),
        TEST(test_which_way_is_the_best),
        TEST(test_who_is_away),
        TEST(test_who_is_told_what),
        TEST(test_changes_are_told),
        TEST(test_what_is_withdrawn_is_forgotten),
        TEST(test_what_is_lost_is_told_again),
        TEST(test_a_large_table),
        TEST(test_epochs_begin_again),
        TEST(test_failing_memory),
        TEST(test_what_a_store_had),
        TEST(test_who_is_not_asked_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

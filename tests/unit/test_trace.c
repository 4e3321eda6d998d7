/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace through two nodes to a link that refuses every packet, all on one loop: who refuses what
 * is told as it is. Allocations fail one after the other.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rill/node.h>
#include <rill/trace.h>

#define TIME_LIMIT 60 /* seconds, for a test */
#define MOST_RUNS  5000
#define RANGES     32
#define DOWN       "test.up.down"
#define BOB        "test.up.bob"

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned long asked;
static unsigned long fail_at; /* 0: none fails */

static bool refused(void)
{
    return fail_at != 0 && ++asked == fail_at;
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

/* ---- the nodes, bob, and a trace ---- */

typedef struct range {
    rill_trace_kind kind;
    uint64_t first;
    uint64_t last;
    int error;
    bool answered;
    char code[4];
    char by[64];
    char message[64];
    rill_amount_too_large too_large;
} range;

typedef struct world {
    rill_loop *loop;
    rill_node *up, *down;
    rill_node_port *up_port, *down_port;
    unsigned up_window_ms, down_window_ms;
    rill_link *bob;
    bool bob_is_up;
    unsigned busy; /* bob says so often that there were too many packets */
    bool silent;   /* bob answers nothing */
    bool fulfills; /* bob fulfills, with what he does not know */
    rill_trace *trace;
    rill_trace_options options;
    const char *destination;
    char uri[2][64];
    uint64_t answers;
    uint64_t close_after; /* so many answers; 0: never */
    rill_trace_answer first;
    char first_code[4];
    range ranges[RANGES];
    size_t range_count;
    bool done;
    bool done_reached;
    int error;
    char detail[256];
    bool traced; /* the trace has begun */
} world;

static void on_bobs_prepare(rill_link *l, uint64_t id, const uint8_t *packet, size_t len,
                            void *user)
{
    (void)packet;
    (void)len;
    world *w = user;
    uint8_t reply[256];
    size_t reply_len;
    if (w->silent)
        return;
    uint8_t nothing[32] = {0};
    const rill_fulfill fulfill = {.fulfillment = nothing};
    rill_reject reject = {
        .code = rill_ilp_code_of(w->busy > 0 ? RILL_ILP_T05_RATE_LIMITED
                                             : RILL_ILP_F99_APPLICATION_ERROR),
        .triggered_by = {(const uint8_t *)BOB, strlen(BOB)},
        .message = {(const uint8_t *)"no, thanks", 10},
    };
    w->busy -= w->busy > 0;
    if (w->fulfills)
        assert_int_equal(rill_fulfill_encode(&fulfill, reply, sizeof reply, &reply_len), RILL_OK);
    else
        assert_int_equal(rill_reject_encode(&reject, reply, sizeof reply, &reply_len), RILL_OK);
    (void)!rill_link_reply(l, id, reply, reply_len);
}

static void end_all(world *w)
{
    if (w->down != NULL)
        rill_node_close(w->down);
    if (w->bob != NULL)
        rill_link_close(w->bob);
    if (w->up != NULL)
        rill_node_close(w->up);
    w->up = w->down = NULL;
    w->bob = NULL;
}

static void on_answered(const rill_trace_answer *a, void *user)
{
    world *w = user;
    /* One thing at a time. */
    uint64_t all = w->options.packet_time_ns / RILL_MS;
    assert_true(a->kind == RILL_TRACE_AMOUNT || a->amount == 0);
    assert_true(a->kind == RILL_TRACE_TIME || a->left_ms == all);
    if (w->answers++ == 0) {
        w->first = *a;
        if (a->reject != NULL)
            strcpy(w->first_code, a->reject->code.text);
    }
    if (w->answers == w->close_after) {
        rill_trace_close(w->trace);
        rill_trace_close(w->trace);
    }
}

static void copy(char *out, size_t cap, rill_bytes text)
{
    assert_true(text.len < cap);
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

static void on_range(const rill_trace_range *r, void *user)
{
    world *w = user;
    assert_true(w->range_count < RANGES);
    range *to = &w->ranges[w->range_count++];
    *to =
        (range){r->kind, r->first, r->last, r->error, r->reject != NULL, "", "", "", r->too_large};
    if (r->reject == NULL)
        return;
    strcpy(to->code, r->reject->code.text);
    copy(to->by, sizeof to->by, r->reject->triggered_by);
    copy(to->message, sizeof to->message, r->reject->message);
    assert_int_equal(r->reject->data.len, 0);
}

static void on_done(int error, bool reached, const char *detail, void *user)
{
    world *w = user;
    assert_false(w->done);
    w->done = true;
    w->error = error;
    w->done_reached = reached;
    snprintf(w->detail, sizeof w->detail, "%s", detail);
    end_all(w);
}

static const rill_trace_handlers trace_handlers = {
    .size = sizeof(rill_trace_handlers),
    .answered = on_answered,
    .range = on_range,
    .done = on_done,
};

static void begin_trace(world *w)
{
    if (w->traced || !w->bob_is_up || w->down_port == NULL)
        return;
    w->traced = true;
    snprintf(w->uri[0], sizeof w->uri[0], "btp+ws://alice:token@127.0.0.1:%u",
             (unsigned)rill_node_port_number(w->down_port));
    w->options.link_uri = w->uri[0];
    if (rill_trace_open(&w->trace, w->loop, w->destination, &w->options, &trace_handlers, w,
                        NULL) != RILL_OK)
        end_all(w);
}

static void on_down_ready(void *user)
{
    world *w = user;
    rill_node_port_options o;
    rill_node_port_options_init(&o);
    if (rill_node_listen(&w->down_port, w->down, &o, NULL) == RILL_OK)
        begin_trace(w);
    else
        end_all(w);
}

static void on_failed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    end_all(user);
}

static const rill_node_handlers node_handlers = {
    .size = sizeof(rill_node_handlers),
    .ready = on_down_ready,
    .failed = on_failed,
};

static void on_bob_up(rill_link *l, void *user)
{
    (void)l;
    world *w = user;
    w->bob_is_up = true;
    begin_trace(w);
}

static void on_bob_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void)error;
    (void)detail;
    (void) final;
    end_all(user);
}

static void on_bobs_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    (void)l;
    (void)packet;
    (void)user;
    fail_msg("bob has asked nothing: request %" PRIu64 ", %zu bytes", id, len);
}

static void on_bobs_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    (void)l;
    (void)sent;
    (void)user;
    fail_msg("bob has asked nothing: request %" PRIu64 ", error %d", id, error);
}

static void on_bobs_turn(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static const rill_link_handlers bob_handlers = {
    .size = sizeof(rill_link_handlers),
    .up = on_bob_up,
    .down = on_bob_down,
    .prepare = on_bobs_prepare,
    .reply = on_bobs_reply,
    .unanswered = on_bobs_unanswered,
    .writable = on_bobs_turn,
    .closed = on_bobs_turn,
};

static int open_up(world *w)
{
    static const rill_node_handlers quiet = {.size = sizeof(rill_node_handlers)};
    rill_node_options o;
    rill_node_port_options port;
    rill_node_options_init(&o);
    rill_node_port_options_init(&port);
    o.address = "test.up";
    o.max_packet_amount = 1000;
    o.min_message_window_ms = w->up_window_ms;
    int error = rill_node_open(&w->up, w->loop, &o, &quiet, w, NULL);
    if (error == RILL_OK)
        error = rill_node_listen(&w->up_port, w->up, &port, NULL);
    return error;
}

static int open_all(world *w)
{
    rill_node_options o;
    int error = open_up(w);
    if (error != RILL_OK)
        return error;
    unsigned port = rill_node_port_number(w->up_port);
    snprintf(w->uri[0], sizeof w->uri[0], "btp+ws://down:token@127.0.0.1:%u", port);
    snprintf(w->uri[1], sizeof w->uri[1], "btp+ws://bob:token@127.0.0.1:%u", port);
    rill_node_options_init(&o);
    o.uplink = w->uri[0];
    o.max_packet_amount = 5000;
    o.min_message_window_ms = w->down_window_ms;
    error = rill_node_open(&w->down, w->loop, &o, &node_handlers, w, NULL);
    if (error == RILL_OK)
        error = rill_link_open(&w->bob, w->loop, w->uri[1], NULL, &bob_handlers, w, NULL);
    return error;
}

static world *new_world(void)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.up_window_ms = 3000;
    w.down_window_ms = 2000;
    w.destination = BOB;
    rill_trace_options_init(&w.options);
    w.options.pause_ns = RILL_MS;
    assert_int_equal(rill_loop_new(&w.loop, NULL), RILL_OK);
    return &w;
}

static void run(world *w)
{
    alarm(TIME_LIMIT);
    if (open_all(w) != RILL_OK)
        end_all(w);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_int_equal(rill_loop_free(w->loop), RILL_OK);
    alarm(0);
}

/* The range from which on this node refuses with this code; it must be there. */
static const range *find(const world *w, rill_trace_kind kind, const char *code, const char *by)
{
    for (size_t i = 0; i < w->range_count; i++) {
        const range *r = &w->ranges[i];
        if (r->kind == kind && strcmp(r->code, code) == 0 && strcmp(r->by, by) == 0)
            return r;
    }
    fail_msg("nobody said %s as %s", code, by);
    return NULL;
}

/* ---- tests ---- */

static void test_each_node_is_heard(void **state)
{
    (void)state;
    world *w = new_world();
    run(w);
    assert_true(w->done);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->first.kind, RILL_TRACE_REACH);
    assert_int_equal(w->first.left_ms, 30000);
    assert_int_equal(w->first.amount, 0);
    assert_string_equal(w->first_code, "F99");
    /* A node needs its window twice: once to answer, and once for who comes after it. */
    const range *down = find(w, RILL_TRACE_TIME, "R02", DOWN);
    const range *up = find(w, RILL_TRACE_TIME, "R02", "test.up");
    const range *bob = find(w, RILL_TRACE_TIME, "F99", BOB);
    assert_string_equal(down->message, "expires too soon to forward");
    assert_in_range(down->last, 3900, 4000 + 200);
    assert_in_range(up->first, 4000, down->last + 32);
    assert_in_range(up->last, 7900, 8000 + 200);
    assert_in_range(bob->first, 8000, up->last + 64);
    assert_int_equal(bob->last, 30000);
    /* Amounts are exact, since nodes say what they take. */
    bob = find(w, RILL_TRACE_AMOUNT, "F99", BOB);
    up = find(w, RILL_TRACE_AMOUNT, "F08", "test.up");
    down = find(w, RILL_TRACE_AMOUNT, "F08", DOWN);
    assert_true(bob->first == 0 && bob->last == 1000);
    assert_true(up->first == 1001 && up->last == 5000);
    assert_true(down->first == 5001 && down->last == UINT64_MAX);
    assert_string_equal(bob->message, "no, thanks");
    assert_true(up->too_large.received == 1001 && up->too_large.maximum == 1000);
    assert_true(down->too_large.received == 5001 && down->too_large.maximum == 5000);
    assert_true(w->answers < 80);
}

static void test_how_far(void **state)
{
    (void)state;
    world *w = new_world();
    w->destination = "test.up.nobody";
    w->options.max_amount = 0;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_string_equal(w->first_code, "F02");
    assert_string_equal(find(w, RILL_TRACE_TIME, "F02", "test.up")->code, "F02");
    for (size_t i = 0; i < w->range_count; i++)
        assert_int_equal(w->ranges[i].kind, RILL_TRACE_TIME);
}

/* What was refused because there were too many is asked again, and told once. */
static void test_too_many_packets(void **state)
{
    (void)state;
    for (unsigned busy = 4; busy <= 5; busy++) {
        world *w = new_world();
        w->busy = busy;
        w->options.max_amount = 1;
        run(w);
        assert_int_equal(w->error, RILL_OK);
        assert_string_equal(w->first_code, busy == 4 ? "F99" : "T05");
    }
}

/* Bob says nothing: the node does, when the packet has expired. */
static void test_silence(void **state)
{
    (void)state;
    world *w = new_world();
    w->silent = true;
    w->up_window_ms = w->down_window_ms = 5;
    w->options.packet_time_ns = 60 * RILL_MS;
    w->options.max_amount = 1;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_string_equal(w->first_code, "R00");
    assert_true(w->first.round_trip_ns >= 40 * RILL_MS);
}

/* Nobody can have fulfilled it: the node takes no such answer, and neither is it one for us. */
static void test_a_fulfillment_is_none(void **state)
{
    (void)state;
    world *w = new_world();
    w->fulfills = true;
    w->options.max_amount = 1;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_true(w->first.error == RILL_ERR_REFUSED || w->first.error == RILL_ERR_MALFORMED);
    assert_string_not_equal(w->first_code, "F99");
}

static void test_a_trace_that_is_closed(void **state)
{
    (void)state;
    world *w = new_world();
    w->close_after = 3;
    run(w);
    assert_true(w->done);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->answers, 3);
    assert_int_equal(w->range_count, 0);
}

static void on_nobody_done(int error, bool reached, const char *detail, void *user)
{
    (void)detail;
    *(int *)user = reached ? RILL_OK : error;
}

static void test_traces_that_cannot_be(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_trace *t = NULL;
    rill_trace_options o;
    int error = RILL_OK;
    const char *problem = NULL;
    const rill_trace_handlers on = {.size = sizeof on, .done = on_nobody_done};
    const rill_trace_handlers none = {.size = sizeof none};
    alarm(TIME_LIMIT);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    rill_trace_options_init(&o);
    assert_int_equal(rill_trace_open(&t, loop, "no address", &o, &on, &error, &problem),
                     RILL_ERR_ADDRESS);
    assert_non_null(problem);
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &none, &error, NULL),
                     RILL_ERR_INVALID);
    o.packet_time_ns = 2 * RILL_MS - 1;
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &on, &error, NULL), RILL_ERR_INVALID);
    o.packet_time_ns = 3601 * RILL_SECOND;
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &on, &error, NULL), RILL_ERR_INVALID);
    rill_trace_options_init(&o);
    o.late_ns = RILL_NEVER;
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &on, &error, NULL), RILL_ERR_INVALID);
    rill_trace_options_init(&o);
    o.link_uri = "btp+ws://";
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &on, &error, NULL), RILL_ERR_URI);
    assert_null(t);
    o.link_uri = "btp+ws://127.0.0.1:1"; /* nobody is there */
    assert_int_equal(rill_trace_open(&t, loop, "test.x", &o, &on, &error, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(loop), RILL_OK);
    assert_int_equal(error, RILL_ERR_CONNECT);
    assert_int_equal(rill_loop_free(loop), RILL_OK);
    alarm(0);
}

/* Whatever fails, it ends, and nothing is left. */
static void test_allocations_that_fail(void **state)
{
    (void)state;
    unsigned long n = 1;
    unsigned complete = 0;
    for (bool failed = true; failed; n++) {
        assert_true(n < MOST_RUNS);
        world *w = new_world();
        w->options.max_amount = 2;
        w->options.packet_time_ns = RILL_SECOND;
        asked = 0;
        fail_at = n;
        run(w);
        failed = asked >= n;
        fail_at = 0;
        complete += w->done && w->error == RILL_OK;
    }
    assert_true(n > 20 && complete > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_node_is_heard),    cmocka_unit_test(test_how_far),
        cmocka_unit_test(test_too_many_packets),      cmocka_unit_test(test_silence),
        cmocka_unit_test(test_a_fulfillment_is_none), cmocka_unit_test(test_a_trace_that_is_closed),
        cmocka_unit_test(test_traces_that_cannot_be), cmocka_unit_test(test_allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

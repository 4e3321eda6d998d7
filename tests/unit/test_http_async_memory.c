/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes that answer each other asynchronously over HTTP, in which one allocation fails: each in
 * turn. Every Prepare has one end, whatever fails, and the next ones arrive.
 *
 * The linker puts the functions below before malloc's (--wrap), for the code of this tree.
 */
#define _GNU_SOURCE

#include "http_async_fixture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool counting;
static unsigned long asked, fail_at;

static bool refused(void)
{
    return counting && ++asked == fail_at;
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

static net n;
static side us, them;
static uint8_t packet[512];
static size_t packet_len;

/* Without memory it is not answered yet: it is tried once more. */
static void on_ask(rill_link *l, uint64_t request, const uint8_t *bytes, size_t len, void *user)
{
    uint8_t answer[sizeof packet];
    told *t = user;
    t->prepares++;
    assert_in_range(len, 1, sizeof answer);
    memcpy(answer, bytes, len);
    answer[0] = RILL_ILP_FULFILL;
    if (rill_link_reply(l, request, answer, len) == RILL_ERR_NOMEM)
        assert_int_equal(rill_link_reply(l, request, answer, len), RILL_OK);
}

static bool is_told(net *m)
{
    (void)m;
    return us.told.replies + us.told.unanswered > 0;
}

/* What becomes of a packet from us to them; it is none where none was sent. */
static void send_one(void)
{
    us.told.replies = us.told.unanswered = them.told.prepares = 0;
    int error;
    packet_len = make_prepare(&n, 600, packet, sizeof packet);
    while ((error = rill_link_send(us.told.link, 7, packet, packet_len)) == RILL_ERR_NOT_CONNECTED)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    if (error != RILL_OK) {
        assert_int_equal(error, RILL_ERR_NOMEM);
        return;
    }
    until(&n, is_told);
    assert_int_equal(us.told.replies + us.told.unanswered, 1);
    assert_in_range(them.told.prepares, 0, 1);
    assert_true(us.told.replies == 0 || us.told.last[0] == RILL_ILP_REJECT ||
                them.told.prepares == 1);
}

static bool both_closed(net *m)
{
    (void)m;
    return us.http_closed && them.http_closed && side_ports_closed == 2;
}

static bool went_well(void)
{
    return us.told.replies == 1 && us.told.last[0] == RILL_ILP_FULFILL;
}

static void test_failing_allocations(void **state)
{
    unsigned refusals = 0, lost = 0;
    (void)state;
    for (bool done = false; !done; fail_at++) {
        const char *problem = NULL;
        net_begin(&n);
        side_ports_closed = 0;
        assert_int_equal(side_open(&us, &n), RILL_OK);
        assert_int_equal(side_open(&them, &n), RILL_OK);
        us.handlers.prepare = them.handlers.prepare = on_ask;
        snprintf(us.callback, sizeof us.callback, "http://127.0.0.1:%u/theirs",
                 (unsigned)us.number);
        snprintf(them.callback, sizeof them.callback, "http://127.0.0.1:%u/theirs",
                 (unsigned)them.number);
        assert_int_equal(side_add(&them, "ilp+http", us.number, &problem), RILL_OK);
        counting = true;
        asked = 0;
        int error = side_add(&us, "ilp+http", them.number, &problem);
        if (error == RILL_OK)
            send_one();
        done = asked < fail_at;
        counting = false;
        assert_true(error == RILL_OK || error == RILL_ERR_NOMEM || error == RILL_ERR_LIMIT);
        refusals += error != RILL_OK;
        lost += error == RILL_OK && !went_well();
        while (error != RILL_OK &&
               (error = side_add(&us, "ilp+http", them.number, &problem)) != RILL_OK) {
            assert_int_equal(error, RILL_ERR_EXISTS);
            (void)uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
        }
        do {
            send_one();
        } while (!went_well());
        side_close(&us);
        side_close(&them);
        until(&n, both_closed);
        net_end(&n);
    }
    assert_true(fail_at > 30);
    assert_true(refusals > 5);
    assert_true(lost > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocations),
    };
    fail_at = 1;
    return cmocka_run_group_tests_name("http async memory", tests, NULL, NULL);
}

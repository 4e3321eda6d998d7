/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that nobody can fulfil, one at a time, and what becomes of them (trace_search.h). */
#define _POSIX_C_SOURCE 200809L

#include <rill/trace.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "crypto/crypto.h"
#include "run/asker.h"
#include "run/trace_search.h"

#define MAX_TIME    (3600 * RILL_SECOND)
#define MAX_REPEATS 4
#define MESSAGE_MAX 255

/* A code from a node, or no answer at all. */
typedef struct outcome {
    int error;
    bool refused;
    rill_ilp_code code;
    char by[RILL_ILP_MAX_ADDRESS + 1];
    char message[MESSAGE_MAX + 1];
    uint64_t quickest; /* nanoseconds */
} outcome;

struct rill_trace {
    rill_asker asker; /* first; its timer is for an answer, or until the next packet */
    rill_trace_handlers on;
    void *user;
    rill_trace_options options; /* without pointers that the caller may take back */
    char destination[RILL_ILP_MAX_ADDRESS + 1];
    rill_trace_kind kind; /* of the packet that is out, or is next */
    uint64_t amount;
    uint64_t left_ms;
    uint64_t number; /* of the last packet */
    uint64_t sent_at;
    unsigned repeats; /* of this packet */
    bool waiting;     /* for an answer */
    outcome outcomes[2 * RILL_TRACE_POINTS + 1];
    size_t outcome_count;
    size_t reach; /* the outcome of the first packet */
    rill_trace_search times;
    rill_trace_search amounts;
    /* Of the points of `amounts`, by the amount. */
    struct {
        uint64_t amount;
        rill_amount_too_large too_large;
    } told[RILL_TRACE_POINTS];
    size_t told_count;
    uint8_t buffer[RILL_ILP_MAX_PACKET];
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_bytes text_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- the end ---- */

static void on_gone(rill_asker *a)
{
    rill_trace *t = (rill_trace *)a;
    t->on.done(a->error, a->reached, a->detail, t->user);
    rill_free(memory(), t);
}

void rill_trace_close(rill_trace *t)
{
    rill_asker_close(&t->asker);
}

/* ---- what is told ---- */

static rill_amount_too_large told_about(const rill_trace *t, rill_trace_kind kind, uint64_t amount)
{
    for (size_t i = 0; kind == RILL_TRACE_AMOUNT && i < t->told_count; i++)
        if (t->told[i].amount == amount)
            return t->told[i].too_large;
    return (rill_amount_too_large){0, 0};
}

static void tell_ranges(const rill_trace *t, rill_trace_kind kind, const rill_trace_search *s)
{
    for (size_t from = 0, end; t->on.range != NULL && from < s->count && !t->asker.closing;
         from = end) {
        end = rill_trace_search_row(s, from);
        const outcome *o = &t->outcomes[s->points[from].outcome];
        rill_reject reject = {o->code, text_of(o->by), text_of(o->message), {NULL, 0}};
        rill_trace_range range = {
            .kind = kind,
            .first = s->points[from].at,
            .last = s->points[end - 1].at,
            .round_trip_ns = o->quickest,
            .error = o->error,
            .reject = o->refused ? &reject : NULL,
            .too_large = told_about(t, kind, s->points[from].at),
        };
        t->on.range(&range, t->user);
    }
}

/* ---- packets ---- */

static void on_timer(uv_timer_t *timer);

static int make_prepare(rill_trace *t, rill_now now, size_t *len)
{
    uint8_t condition[RILL_SHA256_LEN]; /* of no fulfillment that anybody knows */
    int error = rill_crypto_random(t->asker.loop->crypto, condition, sizeof condition);
    if (error != RILL_OK)
        return error;
    rill_prepare prepare = {
        .amount = t->amount,
        .expires_at_ms = now.wall_ms + t->left_ms,
        .condition = condition,
        .destination = text_of(t->destination),
        .data = {NULL, 0},
    };
    return rill_prepare_encode(&prepare, t->buffer, sizeof t->buffer, len);
}

static void send_packet(rill_trace *t)
{
    size_t len;
    rill_now now = rill_loop_now(t->asker.loop);
    int error = make_prepare(t, now, &len);
    t->number++;
    t->sent_at = now.mono_ns;
    t->waiting = true;
    if (error == RILL_OK)
        error = rill_link_send(t->asker.link, t->number, t->buffer, len);
    if (error != RILL_OK) {
        t->asker.reached = true;
        rill_asker_fail(&t->asker, error, NULL);
        return;
    }
    (void)uv_timer_start(&t->asker.timer, on_timer, t->left_ms + t->options.late_ns / RILL_MS + 1,
                         0);
}

/* What is asked next; false: all has been. */
static bool choose(rill_trace *t)
{
    uint64_t all = t->options.packet_time_ns / RILL_MS;
    t->repeats = 0;
    t->amount = 0;
    t->left_ms = all;
    if (t->kind == RILL_TRACE_REACH) {
        t->kind = RILL_TRACE_TIME;
        t->left_ms = 1;
        return true;
    }
    if (t->kind == RILL_TRACE_TIME) {
        if (rill_trace_search_next(&t->times, &t->left_ms))
            return true;
        t->kind = RILL_TRACE_AMOUNT;
        t->amount = t->options.max_amount;
        return t->amount > 0;
    }
    return rill_trace_search_next(&t->amounts, &t->amount);
}

static void go_on(rill_trace *t)
{
    if (t->asker.closing)
        return;
    if (choose(t)) {
        send_packet(t);
        return;
    }
    tell_ranges(t, RILL_TRACE_TIME, &t->times);
    if (t->options.max_amount > 0)
        tell_ranges(t, RILL_TRACE_AMOUNT, &t->amounts);
    rill_trace_close(t);
}

/* ---- answers ---- */

static bool same(const outcome *o, int error, const rill_reject *reject)
{
    if (o->error != error || o->refused != (reject != NULL))
        return false;
    return reject == NULL ||
           (memcmp(o->code.text, reject->code.text, sizeof o->code.text) == 0 &&
            strlen(o->by) == reject->triggered_by.len &&
            memcmp(o->by, reject->triggered_by.data, reject->triggered_by.len) == 0);
}

/* A message may hold a NUL: it ends there. */
static void copy(char *out, size_t cap, rill_bytes text)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

static size_t outcome_of(rill_trace *t, const rill_trace_answer *a)
{
    for (size_t i = 0; i < t->outcome_count; i++) {
        outcome *o = &t->outcomes[i];
        if (same(o, a->error, a->reject)) {
            if (a->round_trip_ns < o->quickest)
                o->quickest = a->round_trip_ns;
            return i;
        }
    }
    outcome *o = &t->outcomes[t->outcome_count];
    o->error = a->error;
    o->refused = a->reject != NULL;
    o->quickest = a->round_trip_ns;
    if (o->refused) {
        o->code = a->reject->code;
        copy(o->by, sizeof o->by, a->reject->triggered_by);
        copy(o->message, sizeof o->message, a->reject->message);
    }
    return t->outcome_count++;
}

/* By what an F08 says: what reaches that node of an amount, and what passes there. */
static uint64_t passes(const rill_trace_answer *a)
{
    uint64_t amount;
    if (a->too_large.received <= a->too_large.maximum ||
        !rill_mul_div_floor(a->amount, a->too_large.maximum, a->too_large.received, &amount))
        return UINT64_MAX;
    return amount;
}

static void note(rill_trace *t, const rill_trace_answer *a)
{
    rill_trace_point point = {.outcome = outcome_of(t, a), .passes = UINT64_MAX};
    if (a->kind == RILL_TRACE_REACH)
        t->reach = point.outcome;
    if (a->kind != RILL_TRACE_AMOUNT) {
        point.at = a->left_ms;
        rill_trace_search_note(&t->times, point);
    }
    if (a->kind != RILL_TRACE_TIME) {
        point.at = a->amount;
        point.passes = passes(a);
        rill_trace_search_note(&t->amounts, point);
        if (t->told_count < RILL_TRACE_POINTS) {
            t->told[t->told_count].amount = a->amount;
            t->told[t->told_count++].too_large = a->too_large;
        }
    }
}

static bool too_many(const rill_trace *t, const rill_reject *reject)
{
    return reject != NULL && rill_ilp_code_find(reject->code) == RILL_ILP_T05_RATE_LIMITED &&
           t->repeats < MAX_REPEATS;
}

static void say(rill_trace *t, int error, const rill_reject *reject)
{
    rill_trace_answer a = {
        .kind = t->kind,
        .amount = t->amount,
        .left_ms = t->left_ms,
        .round_trip_ns = rill_loop_now(t->asker.loop).mono_ns - t->sent_at,
        .error = error,
        .reject = reject,
    };
    t->waiting = false;
    (void)uv_timer_stop(&t->asker.timer);
    if (too_many(t, reject)) {
        t->repeats++;
        (void)uv_timer_start(&t->asker.timer, on_timer, t->options.pause_ns / RILL_MS, 0);
        return;
    }
    if (reject == NULL || rill_ilp_code_find(reject->code) != RILL_ILP_F08_AMOUNT_TOO_LARGE ||
        rill_amount_too_large_decode(&a.too_large, reject->data) != RILL_OK)
        a.too_large = (rill_amount_too_large){0, 0};
    note(t, &a);
    if (t->on.answered != NULL)
        t->on.answered(&a, t->user);
    rill_loop_stale(t->asker.loop);
    go_on(t);
}

/* Nothing came in time, or the pause is over. */
static void on_timer(uv_timer_t *timer)
{
    rill_trace *t = timer->data;
    if (t->waiting)
        say(t, RILL_ERR_TIMEOUT, NULL);
    else
        send_packet(t);
}

/* ---- the link ---- */

static void on_up(rill_link *l, void *user)
{
    (void)l;
    rill_trace *t = user;
    if (!t->asker.closing)
        send_packet(t);
}

static void on_prepare(rill_link *l, uint64_t incoming_id, const uint8_t *packet, size_t len,
                       void *user)
{
    (void)packet;
    (void)len;
    (void)user;
    uint8_t reply[64];
    size_t reply_len;
    rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE)};
    if (rill_reject_encode(&reject, reply, sizeof reply, &reply_len) == RILL_OK)
        (void)!rill_link_reply(l, incoming_id, reply, reply_len);
}

static bool is_ours(const rill_trace *t, uint64_t outgoing_id)
{
    return !t->asker.closing && t->waiting && outgoing_id == t->number;
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)l;
    rill_trace *t = user;
    rill_reject reject;
    if (!is_ours(t, outgoing_id))
        return;
    if (rill_reject_decode(&reject, packet, len) == RILL_OK)
        say(t, RILL_ERR_REFUSED, &reject);
    else
        say(t, RILL_ERR_MALFORMED, NULL);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)sent;
    rill_trace *t = user;
    /* What became of a link that was lost is reported next. */
    if (is_ours(t, outgoing_id) && rill_link_is_up(l))
        say(t, error, NULL);
}

static int open_link(rill_trace *t, rill_loop *loop, const char *uri,
                     const rill_link_options *options, const char **problem)
{
    static const rill_link_handlers handlers = {
        .size = sizeof(rill_link_handlers),
        .up = on_up,
        .down = rill_asker_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = rill_asker_writable,
    };
    t->asker.gone = on_gone;
    return rill_asker_open(&t->asker, loop, uri, options, &handlers, problem);
}

/* ---- options ---- */

void rill_trace_options_init_sized(rill_trace_options *o, size_t size)
{
    const rill_trace_options defaults = {
        .packet_time_ns = 30 * RILL_SECOND,
        .late_ns = RILL_SECOND,
        .max_amount = UINT64_MAX,
        .pause_ns = RILL_SECOND,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static int take_options(rill_trace_options *o, rill_trace_handlers *on,
                        const rill_trace_options *given, const rill_trace_handlers *handlers,
                        const char **problem)
{
    rill_trace_options_init(o);
    int error = given != NULL ? rill_sized_take(o, sizeof *o, given) : RILL_OK;
    if (error == RILL_OK)
        error = rill_sized_take(on, sizeof *on, handlers);
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    *problem = "the handler done is missing";
    if (on->done == NULL)
        return RILL_ERR_INVALID;
    *problem = "a packet needs 2 milliseconds at least, and an hour at most";
    if (o->packet_time_ns < 2 * RILL_MS || o->packet_time_ns > MAX_TIME)
        return RILL_ERR_INVALID;
    *problem = "answers and pauses take an hour at most";
    if (o->late_ns > MAX_TIME || o->pause_ns > MAX_TIME)
        return RILL_ERR_INVALID;
    return RILL_OK;
}

static void set_up(rill_trace *t, const rill_trace_options *o, const char *destination)
{
    t->options = *o;
    t->options.link_uri = NULL;
    t->options.link_options = NULL;
    (void)snprintf(t->destination, sizeof t->destination, "%s", destination);
    t->left_ms = o->packet_time_ns / RILL_MS;
    rill_trace_search_init(&t->times, 5, 128);
    rill_trace_search_init(&t->amounts, 1, 16);
}

int rill_trace_open(rill_trace **out, rill_loop *loop, const char *destination,
                    const rill_trace_options *options, const rill_trace_handlers *handlers,
                    void *user, const char **problem)
{
    const char *ignored;
    rill_trace_options o;
    rill_trace_handlers on = {.size = sizeof on, 0};
    if (problem == NULL)
        problem = &ignored;
    int error = take_options(&o, &on, options, handlers, problem);
    if (error != RILL_OK)
        return error;
    *problem = "it must be an ILP address such as private.rill";
    if (!rill_address_valid(text_of(destination)))
        return RILL_ERR_ADDRESS;
    *problem = rill_strerror(RILL_ERR_NOMEM);
    rill_trace *t = rill_calloc(memory(), 1, sizeof *t);
    if (t == NULL)
        return RILL_ERR_NOMEM;
    t->on = on;
    t->user = user;
    set_up(t, &o, destination);
    error = open_link(t, loop, o.link_uri, o.link_options, problem);
    if (error != RILL_OK) {
        rill_free(memory(), t);
        return error;
    }
    *out = t;
    return RILL_OK;
}

void rill_trace_get_waiting_sized(const rill_trace *t, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    uint64_t until = t->sent_at + t->left_ms * RILL_MS + t->options.late_ns;
    rill_asker_waiting(&t->asker, t->waiting ? RILL_WAIT_REPLY : RILL_WAIT_NOTHING, t->destination,
                       until, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

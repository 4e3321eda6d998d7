/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* By then everything has ended: the idle time, a packet's lifetime, the time for a slow reader. */
#define LAST_WAIT (260 * RILL_SECOND)

static void note_problem(scene *s, int err)
{
    if (err == RILL_OK)
        return;
    s->problems++;
    if (s->problem == RILL_OK)
        s->problem = err;
}

/* What a call returned must be one of its documented errors. */
static bool is_one_of(int err, const int *documented)
{
    for (; *documented != RILL_OK; documented++)
        if (*documented == err)
            return true;
    return err == RILL_OK;
}

static int checked(scene *s, int err, const int *documented)
{
    assert_true(is_one_of(err, documented));
    note_problem(s, err);
    return err;
}

/* The call failed only once: it works if it is made again. */
static bool again(const scene *s, int err)
{
    assert_true(!s->one_failure || err == RILL_OK || err == RILL_ERR_CLOSED);
    return err == RILL_OK;
}

/* ---- what the application is told ---- */

static scene_track *track_of(scene *s, pair_side side, const rill_connection *c, uint64_t id)
{
    for (unsigned i = 0; i < s->track_count; i++) {
        scene_track *t = &s->tracks[i];
        if (t->side == side && t->connection == c && t->id == id)
            return t;
    }
    assert_true(s->track_count < SCENE_TRACKS);
    scene_track *t = &s->tracks[s->track_count++];
    *t = (scene_track){.side = side, .connection = c, .id = id};
    return t;
}

/* An error that a single failure may have led to. Nobody must find it out by waiting. */
static void check_reason(const scene *s, int err)
{
    static const int clear[] = {RILL_ERR_NOMEM,  RILL_ERR_CRYPTO, RILL_ERR_REMOTE,
                                RILL_ERR_CLOSED, RILL_ERR_LIMIT,  RILL_OK};
    assert_string_not_equal(rill_error_name(err), rill_error_name(-9999));
    if (s->one_failure && !s->idle_allowed)
        assert_true(is_one_of(err, clear));
}

static void on_event(pair *p, pair_side side, const rill_event *event)
{
    scene *s = p->user;
    if (event->type == RILL_EVENT_CONNECTION)
        s->connected++;
    if (event->stream) {
        scene_track *t = track_of(s, side, event->connection, rill_stream_id(event->stream));
        t->sent += event->type == RILL_EVENT_SEND_TOTAL_END;
        t->received += event->type == RILL_EVENT_RECEIVE_TOTAL_END;
        assert_true(t->sent <= t->wants_sent && t->received <= t->wants_received);
    }
    note_problem(s, event->error);
    check_reason(s, event->error);
    if (event->type == RILL_EVENT_CONNECTION_END)
        for (unsigned i = 0; i < s->track_count; i++)
            if (s->tracks[i].connection == event->connection)
                s->tracks[i].connection = NULL;
}

/* ---- what the application does ---- */

bool scene_connect(scene *s)
{
    static const int documented[] = {RILL_ERR_NOMEM, RILL_ERR_CRYPTO, RILL_OK};
    if (checked(s, pair_connect(&s->p, &s->connection), documented) != RILL_OK &&
        !again(s, pair_connect(&s->p, &s->connection)))
        return false;
    s->connected++;
    return true;
}

uint64_t scene_open(scene *s, pair_side side)
{
    static const int documented[] = {RILL_ERR_NOMEM, RILL_ERR_CLOSED, RILL_OK};
    rill_connection *c = s->p.end[side].connection;
    rill_stream *stream;
    if (!c)
        return 0;
    int err = rill_connection_open_stream(c, &stream);
    if (err == RILL_ERR_STREAM_ID)
        return 0; /* no problem: not yet */
    if (checked(s, err, documented) == RILL_ERR_CLOSED)
        return 0;
    if (err != RILL_OK && !again(s, rill_connection_open_stream(c, &stream)))
        return 0;
    (void)track_of(s, side, c, rill_stream_id(stream));
    return rill_stream_id(stream);
}

rill_stream *scene_stream(scene *s, pair_side side, uint64_t id)
{
    rill_connection *c = s->p.end[side].connection;
    return c && id != 0 ? rill_connection_stream(c, id) : NULL;
}

static scene_track *track(scene *s, pair_side side, uint64_t id)
{
    return track_of(s, side, s->p.end[side].connection, id);
}

static uint8_t byte_at(pair_side from, uint64_t id, uint64_t offset)
{
    uint64_t x = (offset + 1) * UINT64_C(0x9e3779b97f4a7c15) + id * 7 + (from == PAIR_SERVER);
    return (uint8_t)(x >> 40);
}

void scene_write(scene *s, pair_side side, uint64_t id, size_t len)
{
    static const int documented[] = {RILL_ERR_NOMEM, RILL_ERR_CLOSED, RILL_ERR_BLOCKED, RILL_OK};
    static uint8_t bytes[1 << 17];
    size_t accepted;
    rill_stream *stream = scene_stream(s, side, id);
    assert_true(len <= sizeof bytes);
    if (!stream)
        return;
    scene_track *t = track(s, side, id);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(side, id, t->written + i);
    int err = checked(s, rill_stream_write(stream, bytes, len, &accepted), documented);
    if (err != RILL_OK) {
        assert_int_equal(accepted, 0);
        (void)again(s, rill_stream_write(stream, bytes, len, &accepted));
    }
    t->written += accepted;
}

static uint64_t at(const scene *s, uint64_t timeout)
{
    return timeout == RILL_NEVER ? RILL_NEVER : s->p.now.mono_ns + timeout;
}

/* A stream that is closed already. Nothing else can be wrong with these calls. */
static const int closed_only[] = {RILL_ERR_CLOSED, RILL_OK};

void scene_send(scene *s, pair_side side, uint64_t id, uint64_t total, uint64_t timeout)
{
    static const int documented[] = {RILL_ERR_CLOSED, RILL_ERR_NOMEM, RILL_OK};
    rill_stream *stream = scene_stream(s, side, id);
    if (!stream)
        return;
    int err = checked(s, rill_stream_send_total(stream, total, at(s, timeout)), documented);
    if (err == RILL_ERR_NOMEM && again(s, rill_stream_send_total(stream, total, at(s, timeout))))
        err = RILL_OK;
    if (err == RILL_OK)
        track(s, side, id)->wants_sent = true;
}

void scene_receive(scene *s, pair_side side, uint64_t id, uint64_t total, uint64_t timeout)
{
    rill_stream *stream = scene_stream(s, side, id);
    if (stream && checked(s, rill_stream_receive_total(stream, total, at(s, timeout)),
                          closed_only) == RILL_OK)
        track(s, side, id)->wants_received = true;
}

void scene_end_stream(scene *s, pair_side side, uint64_t id)
{
    rill_stream *stream = scene_stream(s, side, id);
    if (stream)
        (void)checked(s, rill_stream_end(stream), closed_only);
}

void scene_decide(scene *s, pair_side side, unsigned no)
{
    static const int documented[] = {RILL_ERR_NOT_FOUND, RILL_OK};
    pair_end *end = &s->p.end[side];
    for (unsigned i = 0; i < end->asked_count; i++) {
        bool fulfilled;
        if (end->asked[i].decided)
            continue;
        bool yes = no == 0 || i % no != 0;
        int err = pair_decide(&s->p, side, i, yes, &fulfilled);
        assert_true(is_one_of(err, documented));
        assert_true(yes || !fulfilled);
    }
}

void scene_finish(scene *s)
{
    pair_end *client = &s->p.end[PAIR_CLIENT];
    for (unsigned i = 0; i < client->open_count; i++)
        (void)checked(s, rill_connection_end(client->open[i]), closed_only);
    for (unsigned i = 0; i < 40 && client->open_count > 0; i++) {
        pair_run(&s->p, RILL_SECOND / 2);
        scene_decide(s, PAIR_SERVER, 0);
        scene_decide(s, PAIR_CLIENT, 0);
    }
    pair_run(&s->p, LAST_WAIT);
}

/* ---- what has to hold ---- */

/* Bytes are what the other side wrote at their places, whatever has failed. */
static void check_bytes(const scene *s, pair_side side)
{
    pair_side from = side == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
    const pair_end *end = &s->p.end[side];
    for (unsigned i = 0; i < end->stream_count; i++) {
        const pair_stream *seen = &end->streams[i];
        size_t right = 0;
        while (right < seen->len && seen->data[right] == byte_at(from, seen->id, right))
            right++;
        assert_int_equal(right, seen->len);
    }
}

static uint64_t written_by(const scene *s, pair_side side)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->track_count; i++)
        if (s->tracks[i].side == side)
            sum += s->tracks[i].written;
    return sum;
}

static uint64_t read_by(const scene *s, pair_side side, uint64_t *money)
{
    const pair_end *end = &s->p.end[side];
    uint64_t sum = 0;
    *money = 0;
    for (unsigned i = 0; i < end->stream_count; i++) {
        sum += end->streams[i].len;
        *money += end->streams[i].money;
    }
    return sum;
}

static void check_side(const scene *s, pair_side side)
{
    pair_side other = side == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
    const pair_end *end = &s->p.end[side];
    uint64_t money;
    uint64_t bytes = read_by(s, side, &money);
    check_bytes(s, side);
    /* The application was told of every unit that was fulfilled. */
    assert_int_equal(money, end->fulfilled_in);
    assert_true(bytes <= written_by(s, other));
    if (s->problems == 0)
        assert_int_equal(bytes, written_by(s, other));
    /* What was sent has been received, if there is no rate in between. */
    if (s->p.rate[side].num == s->p.rate[side].den)
        assert_true(end->fulfilled_out <= s->p.end[other].fulfilled_in);
    assert_int_equal(end->open_count, 0);
    assert_int_equal(rill_endpoint_connection_count(end->endpoint), 0);
    /* Nobody waits for something that never comes. */
    for (unsigned i = 0; i < end->asked_count; i++)
        assert_true(end->asked[i].decided);
}

static void check_all(scene *s)
{
    pair_check_books(&s->p);
    check_side(s, PAIR_CLIENT);
    check_side(s, PAIR_SERVER);
    const unsigned *client = s->p.end[PAIR_CLIENT].events;
    const unsigned *server = s->p.end[PAIR_SERVER].events;
    assert_int_equal(client[RILL_EVENT_CONNECTION_END] + server[RILL_EVENT_CONNECTION_END],
                     s->connected);
    for (unsigned i = 0; i < s->track_count; i++) {
        assert_int_equal(s->tracks[i].sent, s->tracks[i].wants_sent);
        assert_int_equal(s->tracks[i].received, s->tracks[i].wants_received);
    }
}

bool scene_play(scene *s, const scenario *what, pair_options *o, bool one_failure)
{
    memset(s, 0, sizeof *s);
    o->stay = true;
    if (what->options)
        what->options(o);
    int err = pair_try_open(&s->p, o);
    assert_true(err == RILL_OK || err == RILL_ERR_NOMEM || err == RILL_ERR_CRYPTO);
    if (err != RILL_OK)
        return false;
    s->connection = o->connection;
    s->one_failure = one_failure;
    s->idle_allowed = what->idle_allowed;
    s->p.user = s;
    s->p.on_event = on_event;
    (void)scene_connect(s);
    what->run(s);
    scene_finish(s);
    check_all(s);
    return true;
}

void scene_close(scene *s)
{
    pair_close(&s->p);
}

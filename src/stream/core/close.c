/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection ends (RFC 29 section 4.6): OPEN, then CLOSING while our
 * ConnectionClose is under way, then CLOSED until the last reply has come and
 * the last byte been read, then GONE.
 */
#include "stream/core/close.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/numbering.h"
#include "stream/core/outcome.h"
#include "stream/core/probing.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"
#include "stream/core/succession.h"
#include "stream/core/undecided.h"

/* How long the other side has to answer our close. */
#define CLOSE_TIMEOUT (5 * RILL_SECOND)
/* How long a reader has, after the other side closed, to take what had arrived. */
#define READ_TIMEOUT (60 * RILL_SECOND)
/* Streams that a close says of how many bytes were written to them; it is a frame as well. */
#define MAX_CUT (RILL_PACKET_MAX_FRAMES - 1u)
/* Of such a frame at most: type, length, and two numbers of 64 bits with their lengths. */
#define CUT_SIZE 20u
_Static_assert(MAX_CUT *CUT_SIZE + RILL_MAX_MESSAGE + 64 <= RILL_PACKET_MAX_PLAINTEXT,
               "a close has room in one packet, whatever it cuts off");

static void keep_message(rill_connection *c, const char *message, size_t len)
{
    if (!message || len == 0 || c->closing.message)
        return;
    if (len > RILL_MAX_MESSAGE)
        len = RILL_MAX_MESSAGE;
    c->closing.message = rill_alloc(c->endpoint->allocator, len + 1);
    if (!c->closing.message)
        return; /* a text for people: the code says it too */
    memcpy(c->closing.message, message, len);
    c->closing.message[len] = '\0';
}

static bool is_unfinished(const rill_stream *s)
{
    return !s->closed_remote && rill_stream_lacks_bytes(s);
}

/*
 * Streams may be gone before the close leaves. False where not all of them can be told of:
 * without memory, or where they are very many.
 */
static bool note_cut(rill_connection *c)
{
    uint32_t count = 0;
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next)
        count += is_unfinished(RILL_CONTAINER(n, rill_stream, node));
    bool all = count <= MAX_CUT;
    count = all ? count : MAX_CUT;
    if (count == 0)
        return true;
    c->closing.cut = rill_calloc(c->endpoint->allocator, count, sizeof *c->closing.cut);
    for (rill_list *n = c->streams.all.next; c->closing.cut && c->closing.cut_count < count;
         n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (is_unfinished(s))
            c->closing.cut[c->closing.cut_count++] =
                (rill_cut){s->id, rill_sendbuf_written(s->sendbuf)};
    }
    return all && c->closing.cut;
}

/* A reader that cannot be told how much it lacks is not told of success either. */
static void start_closing(rill_connection *c, uint8_t code)
{
    assert(c->state == RILL_STATE_OPEN && !c->closing.cut); /* once */
    bool told = note_cut(c);
    c->state = RILL_STATE_CLOSING;
    c->closing.code = told || code != RILL_CLOSE_NO_ERROR ? code : RILL_CLOSE_INTERNAL_ERROR;
    c->closing.deadline = 0;
    rill_probing_stop(c->probing);
    rill_undecided_settle_all(c);
    rill_connection_mark_timer(c);
}

/* What carries no money is not waited for. */
static void drop_unanswered_of(rill_connection *c, rill_list *flights, uint64_t now_ns)
{
    for (rill_list *n = flights->next, *next; n != flights; n = next) {
        next = n->next;
        rill_flight *f = RILL_CONTAINER(n, rill_flight, node);
        if (f->amount == 0 || f->kind != RILL_FLIGHT_NORMAL)
            rill_flight_lose(c, f, now_ns);
    }
}

static void drop_unanswered(rill_connection *c, uint64_t now_ns)
{
    drop_unanswered_of(c, &c->path->flights.out, now_ns);
    drop_unanswered_of(c, &c->path->flights.aside, now_ns);
}

/*
 * The time to answer runs from the first reading of the clock after the close:
 * the application, whose call it may have been, brings none.
 */
void rill_connection_closing_on_deadline(rill_connection *c, uint64_t now_ns)
{
    if (c->closing.deadline == 0)
        c->closing.deadline = now_ns + CLOSE_TIMEOUT;
    if (c->closing.deadline > now_ns)
        return;
    drop_unanswered(c, now_ns);
    rill_connection_shut(c, now_ns);
}

static void shut_streams(rill_connection *c, uint8_t code, bool remote, int error)
{
    for (rill_list *n = c->streams.all.next, *next; n != &c->streams.all; n = next) {
        next = n->next;
        rill_stream_shut(RILL_CONTAINER(n, rill_stream, node), code, NULL, 0, remote, error);
    }
}

/* The other side can be told, and would have something to forget. */
static bool worth_telling(const rill_connection *c)
{
    return c->peer.address && (c->contact.connected || c->numbers.given > 0) &&
           !rill_numbering_is_used_up(&c->numbers);
}

void rill_connection_close_well(rill_connection *c, uint64_t now_ns)
{
    start_closing(c, RILL_CLOSE_NO_ERROR);
    shut_streams(c, RILL_CLOSE_NO_ERROR, false, RILL_OK);
    if (worth_telling(c)) {
        rill_connection_ready(c);
    } else {
        rill_connection_shut(c, now_ns);
    }
}

void rill_connection_fail(rill_connection *c, uint8_t code, int error, const char *message,
                          uint64_t now_ns)
{
    if (c->state != RILL_STATE_OPEN)
        return;
    start_closing(c, code);
    c->closing.error = (int8_t)error;
    keep_message(c, message, message ? strlen(message) : 0);
    shut_streams(c, code, false, error);
    /* What is said in its own words to nobody in particular is not sent to a path that fails. */
    bool path_works = error != RILL_ERR_PATH && error != RILL_ERR_UNREACHABLE &&
                      error != RILL_ERR_AUTH && error != RILL_ERR_CLOCK;
    if (worth_telling(c) && path_works) {
        rill_connection_ready(c);
    } else {
        rill_connection_shut(c, now_ns);
    }
}

void rill_connection_exhaust(rill_connection *c, uint64_t now_ns)
{
    rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_EXHAUSTED,
                         "all packets of this connection are used up", now_ns);
}

void rill_connection_closed_by_remote(rill_connection *c, uint8_t code, int error,
                                      rill_bytes message, uint64_t now_ns)
{
    if (c->state == RILL_STATE_OPEN) {
        c->closing.by_remote = true;
        c->closing.code = code;
        c->closing.error = (int8_t)error;
        keep_message(c, (const char *)message.data, message.len);
        c->state = RILL_STATE_CLOSING;
        rill_undecided_settle_all(c);
        shut_streams(c, code, true, error);
    }
    if (c->state == RILL_STATE_CLOSING)
        rill_connection_shut(c, now_ns);
}

void rill_connection_closes_cross(rill_connection *c, uint64_t now_ns)
{
    if (c->state != RILL_STATE_CLOSING)
        return;
    drop_unanswered(c, now_ns);
    rill_connection_shut(c, now_ns);
}

void rill_connection_superseded(rill_connection *c, rill_now now)
{
    static const char message[] = "its client has started again";
    if (c->state == RILL_STATE_OPEN || c->state == RILL_STATE_CLOSING) {
        drop_unanswered(c, now.mono_ns);
        rill_succession_replace(&c->succession, c->state == RILL_STATE_OPEN);
        rill_connection_closed_by_remote(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_REMOTE,
                                         (rill_bytes){(const uint8_t *)message, sizeof message - 1},
                                         now.mono_ns);
    }
    rill_succession_make_way(c, now);
}

static void expire_all(rill_connection *c, rill_list *flights, uint64_t now_ns)
{
    while (!rill_list_empty(flights))
        rill_flight_expire(c, RILL_CONTAINER(flights->next, rill_flight, node), now_ns);
}

void rill_connection_shut(rill_connection *c, uint64_t now_ns)
{
    if (c->state >= RILL_STATE_CLOSED)
        return;
    c->state = RILL_STATE_CLOSED;
    c->closing.deadline = now_ns + READ_TIMEOUT;
    rill_list_remove(&c->ready_node);
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next)
        RILL_CONTAINER(n, rill_stream, node)->close_done = true;
    rill_connection_mark_all(c);
    rill_connection_mark_timer(c);
}

void rill_connection_start_ending(rill_connection *c, uint64_t now_ns)
{
    c->closing.ending = true;
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (!s->closed && !s->ending)
            rill_stream_start_ending(s, now_ns);
    }
    rill_connection_mark(c);
}

void rill_connection_give_up(rill_connection *c, int error, uint64_t now_ns)
{
    if (c->state == RILL_STATE_OPEN) {
        start_closing(c, RILL_CLOSE_INTERNAL_ERROR);
        shut_streams(c, RILL_CLOSE_INTERNAL_ERROR, false, error);
    }
    if (c->closing.error == RILL_OK)
        c->closing.error = (int8_t)error;
    c->closing.forced = true;
    rill_connection_shut(c, now_ns);
    /* Their streams are closed: nobody is asked what became of them. */
    expire_all(c, &c->path->flights.out, now_ns);
    expire_all(c, &c->path->flights.aside, now_ns);
    rill_connection_mark_all(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reply to a Prepare of ours. A Fulfill commits its money; a Reject with
 * an authentic STREAM packet is the receiver's own word; any other Reject is a
 * connector's, and says something of the path.
 */
#include "stream/core/receive_reply.h"

#include <assert.h>

#include "stream/core/apply.h"
#include "stream/core/close.h"
#include "stream/core/connection.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/holdoffs.h"
#include "stream/core/numbering.h"
#include "stream/core/outcome.h"
#include "stream/core/path_refusal.h"
#include "stream/core/patience.h"
#include "stream/core/peer.h"
#include "stream/core/probe.h"
#include "stream/core/refusal.h"
#include "stream/core/schedule_amount.h"
#include "stream/core/settle.h"
#include "stream/core/tell.h"
#include "stream/core/timeout.h"

typedef struct rill_answer {
    rill_connection *c;
    rill_now now;
    rill_flight *f;
    bool authentic;
    bool unopened;                    /* it might be: our cryptography failed */
    bool of_another;                  /* server than the one that has what came before */
    const rill_stream_packet *packet; /* the endpoint's scratch; valid where authentic */
    uint64_t sequence;
} rill_answer;

static void found_another(rill_answer *a, const char *message)
{
    a->of_another = true;
    rill_connection_fail(a->c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_FORGOTTEN, message,
                         a->now.mono_ns);
}

/* What the first words of the server say of our numbers; and it is to know who we are. */
static void hear_numbers(rill_answer *a)
{
    rill_connection *c = a->c;
    bool opening = c->numbers.opening;
    if (c->numbers.opening && !rill_tells_who_we_are(a->f))
        rill_tell_who_we_are(c);
    if (!rill_numbering_hear(&c->numbers, a->packet->after, &c->counts.ended_another))
        found_another(a, "two servers answer, or one that was started again");
    else if (opening)
        rill_flight_overdue_bytes(c, a->now.mono_ns);
}

/* The STREAM packet in the data of a reply, if it is the one that belongs there. */
static void open_packet(rill_answer *a, rill_bytes data, uint8_t type)
{
    rill_shared *shared = a->c->endpoint->shared;
    bool header_ok;
    a->authentic = false;
    if (data.len <= RILL_ENVELOPE_OVERHEAD || data.len > RILL_ILP_MAX_DATA_READ)
        return;
    int err = rill_keys_open(a->c->identity.keys, data.data, data.len, shared->plaintext);
    a->unopened = err == RILL_ERR_CRYPTO;
    if (err != RILL_OK)
        return;
    err = rill_stream_packet_decode(&shared->incoming, shared->plaintext,
                                    data.len - RILL_ENVELOPE_OVERHEAD, &header_ok);
    if (!header_ok || a->packet->type != type || a->packet->sequence != a->f->sequence)
        return;
    if (err != RILL_OK)
        shared->incoming.frame_count = 0; /* its word on the packet counts, its frames do not */
    a->authentic = true;
    if (err == RILL_OK && a->sequence < RILL_NUMBER_LIMIT)
        hear_numbers(a);
}

static void apply_frames(rill_answer *a)
{
    rill_connection *c = a->c;
    rill_frame_walk walk;
    rill_frames_begin(&walk, a->packet);
    const rill_frame_source from = {.now_ns = a->now.mono_ns, .sequence = a->sequence};
    rill_settle_ends(c, a->now.mono_ns);
    for (const rill_frame *frame;
         c->state < RILL_STATE_CLOSED && (frame = rill_frame_walk_next(&walk)) != NULL;) {
        int err = rill_apply_frame(c, frame, &from);
        if (err != RILL_OK) {
            rill_connection_fail(c, rill_apply_close_code(err), err, rill_strerror(err),
                                 a->now.mono_ns);
            return;
        }
        rill_settle_ends(c, a->now.mono_ns);
    }
}

static void authentic(rill_answer *a)
{
    rill_connection *c = a->c;
    rill_connection_authentic(c, a->now.mono_ns);
    rill_hold_end(&c->holdoffs.path);
    /* That money passes does not say that anything else does. */
    if (a->f->amount == 0)
        rill_hold_end(&c->holdoffs.plain);
    rill_contact_answered(&c->contact);
    rill_peer_answered(&c->peer, a->f->sequence);
}

/* What this packet's money brought, by the receiver's own word. */
static void learn_worth(rill_answer *a, bool refused)
{
    rill_connection *c = a->c;
    rill_word word = {.limit = rill_amount_limit(c),
                      .amount = a->f->amount,
                      .delivered = a->packet->amount,
                      .refused = refused && a->packet->amount < a->f->minimum,
                      .trial = a->f->trial,
                      .hoped = a->f->minimum};
    if (word.refused) {
        rill_tally_begin(&c->path->tally, rill_rate_minimum(&c->path->rate),
                         rill_rate_era(&c->path->rate));
        word.affords = rill_tally_affords(&c->path->tally, word.delivered);
    }
    rill_worth_learn(&c->path->worth, &c->path->rate, &word);
}

/* ---- a reply of the receiver ---- */

#define CLOSES                                                                                     \
    (RILL_FRAME_BIT(RILL_FRAME_STREAM_CLOSE) | RILL_FRAME_BIT(RILL_FRAME_CONNECTION_CLOSE))

/* The stream's end by an error: in this answer, or told before. */
static bool ended_badly(const rill_answer *a, const rill_stream *s)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, a->packet);
    if (s->closed_remote && s->close_code != RILL_CLOSE_NO_ERROR)
        return true;
    if (!(a->packet->types & CLOSES)) /* nearly all */
        return false;
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;) {
        bool of_it = frame->type == RILL_FRAME_CONNECTION_CLOSE ||
                     (frame->type == RILL_FRAME_STREAM_CLOSE && frame->stream == s->id);
        if (of_it && frame->code != RILL_CLOSE_NO_ERROR)
            return true;
    }
    return false;
}

/*
 * An answered packet is not sent again, since some peers stall where bytes come twice. But an
 * answer says that a reader was given the bytes only if it is a Fulfill, can be read, comes from
 * the server that has the bytes before, and the stream has not ended by an error: who has closed a
 * stream drops what comes for it after that.
 */
static void note_astray(rill_answer *a, bool fulfilled)
{
    const rill_flight *f = a->f;
    for (unsigned i = 0; i < f->piece_count; i++) {
        rill_stream *s = f->pieces[i].stream;
        if (fulfilled && a->authentic && !a->of_another && !ended_badly(a, s))
            continue;
        if (f->pieces[i].piece->offset < s->astray)
            s->astray = f->pieces[i].piece->offset;
    }
}

/* How much of its money arrived is not known. */
static void note_vague(rill_answer *a)
{
    for (unsigned i = 0; !a->authentic && i < a->f->money_count; i++)
        a->f->money[i].stream->out->vague = true;
}

/*
 * A server that counts, and was started again in the middle of our bytes, takes
 * them all the same, and gives them to nobody. The reference shows it: to each
 * packet it says the limits of all streams that are open, and its own; where it has
 * no address of the client, which only our first packets tell, its own alone.
 */
static bool server_began_anew(const rill_answer *a)
{
    rill_connection *c = a->c;
    if (c->server || c->numbers.marked || !a->authentic || a->f->piece_count == 0)
        return false;
    if (a->packet->types & RILL_FRAME_BIT(RILL_FRAME_STREAM_MAX_DATA))
        rill_peer_tells_limits(&c->peer);
    return c->peer.tells_limits && a->packet->frame_count == 1 &&
           a->packet->types == RILL_FRAME_BIT(RILL_FRAME_CONNECTION_MAX_DATA);
}

/* ---- Fulfill ---- */

static void fulfilled(rill_answer *a)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    /* Only the receiver can make the fulfillment: it has taken the packet, whatever its data says.
     */
    uint64_t delivered = a->authentic ? a->packet->amount : f->minimum;
    authentic(a);
    c->counts.packets_fulfilled++;
    if (f->amount > 0) {
        rill_hold_end(&c->holdoffs.refusals);
        if (rill_patience_rewarded(&c->path->patience)) /* which said nothing of a better rate */
            rill_worth_again(&c->path->worth);
        rill_path_passed(c->path, f->amount, a->now.mono_ns);
        if (a->authentic)
            learn_worth(a, false);
    }
    rill_congestion_delivered(c->path->congestion, a->now.mono_ns, f->sent_ns,
                              rill_flight_value(f));
    note_vague(a);
    if (server_began_anew(a))
        found_another(a, "the receiver was started again, and knows nothing of the bytes before");
    note_astray(a, true);
    rill_flight_succeed(c, f, delivered, a->now.mono_ns);
    if (a->authentic)
        apply_frames(a);
}

/* ---- Reject by the receiver ---- */

/* The receiver did not want this packet's money. Its frames say what it takes, if it is that. */
static void note_refusal(rill_answer *a)
{
    rill_connection *c = a->c;
    bool low = a->packet->amount < a->f->minimum;
    (void)rill_hold_refused(&c->holdoffs.refusals, a->f->sent_ns, a->now.mono_ns);
    if (!low) {
        if (c->holdoffs.refusals.rounds == 1)
            rill_hold_waive(&c->holdoffs.refusals); /* what it said may be all that is needed */
        return;
    }
    /* Another size may bring enough: there is no waiting for that. */
    bool other = c->path->worth.enough != 0 || !rill_rate_is_low(&c->path->rate);
    if (other && c->path->worth.refused < RILL_WORTH_TRIALS)
        rill_hold_waive(&c->holdoffs.refusals);
    else
        rill_patience_low_rate(c, a->now.mono_ns);
}

/* A connection that is over takes nothing: its authentic reject acknowledges nothing. */
static bool says_closed(const rill_answer *a)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, a->packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == RILL_FRAME_CONNECTION_CLOSE)
            return true;
    return false;
}

static bool is_about(const rill_flight *f, uint64_t stream)
{
    for (unsigned i = 0; i < f->piece_count; i++)
        if (f->pieces[i].stream->id == stream)
            return true;
    for (unsigned i = 0; i < f->money_count; i++)
        if (f->money[i].stream->id == stream)
            return true;
    return false;
}

/*
 * The reference refuses a packet whole, before it looks at any other frame, that has bytes or money
 * for a stream that it has closed, and says so, with the code of that close: nothing of the packet
 * has been taken.
 */
static bool says_stream_closed(const rill_answer *a)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, a->packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == RILL_FRAME_STREAM_CLOSE && is_about(a->f, frame->stream))
            return true;
    return false;
}

static void refused(rill_answer *a)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    rill_flight_kind kind = f->kind;
    uint64_t amount = f->amount;
    authentic(a);
    /* The path has passed it all the same. */
    if (rill_flight_value(f) > 0)
        rill_congestion_delivered(c->path->congestion, a->now.mono_ns, f->sent_ns,
                                  rill_flight_value(f));
    else
        rill_congestion_neutral(c->path->congestion, 0);
    if (kind == RILL_FLIGHT_PROBE) {
        rill_probe_answered(c, a->now.mono_ns, f, a->packet->amount);
    } else if (kind == RILL_FLIGHT_NORMAL && amount > 0) {
        rill_path_passed(c->path, amount, a->now.mono_ns);
        learn_worth(a, true);
        note_refusal(a);
    }
    if (says_closed(a) || says_stream_closed(a)) {
        rill_flight_lose(c, f, a->now.mono_ns);
    } else {
        note_astray(a, false);
        rill_flight_refuse(c, f, a->now.mono_ns);
    }
    apply_frames(a);
}

/* ---- Reject ---- */

/*
 * The receiver says that it knows nothing of this connection. It may be another
 * one than the one that does, for which the packet was not meant: so it is asked
 * again for a while. What its packet brought has not been taken.
 */
static void not_known(rill_answer *a)
{
    static const char message[] = "the receiver knows nothing of this connection (any more)";
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    rill_flight_kind kind = f->kind;
    uint8_t volley = f->volley;
    uint64_t amount = f->amount;
    /* That the packet is not under way any more says nothing of how many pass. */
    rill_congestion_neutral(c->path->congestion, rill_flight_value(f));
    rill_holdoffs_path(&c->holdoffs, f->sent_ns, a->now.mono_ns);
    rill_holdoffs_plain(&c->holdoffs, f->amount, f->sent_ns, a->now.mono_ns);
    rill_flight_lose(c, f, a->now.mono_ns);
    rill_settle_now(c, a->now.mono_ns);
    if (kind == RILL_FLIGHT_PROBE)
        rill_probe_failed(c, a->now.mono_ns, volley, amount, RILL_PROBE_ACCIDENT);
    if (rill_contact_forgotten(&c->contact, a->now.mono_ns))
        rill_connection_closed_by_remote(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_FORGOTTEN,
                                         (rill_bytes){(const uint8_t *)message, sizeof message - 1},
                                         a->now.mono_ns);
}

/* A reply that no honest neighbour sends: as if the packet had been refused on the way. */
static void nonsense(rill_answer *a)
{
    rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F05_WRONG_CONDITION)};
    rill_refused_by_path(a->c, a->now, a->f, &reject);
}

static void answer_fulfill(rill_answer *a, const rill_fulfill *fulfill)
{
    if (a->f->kind != RILL_FLIGHT_NORMAL ||
        !rill_equal_ct(fulfill->fulfillment, a->f->fulfillment, 32)) {
        a->c->counts.packets_rejected++;
        nonsense(a);
        return;
    }
    open_packet(a, fulfill->data, RILL_ILP_FULFILL);
    fulfilled(a);
}

static void answer_reject(rill_answer *a, const rill_reject *reject)
{
    a->c->counts.packets_rejected++;
    a->c->counts.last_reject = reject->code;
    open_packet(a, reject->data, RILL_ILP_REJECT);
    rill_refusal_keep(a->c, reject, a->authentic);
    uint64_t value;
    if (a->authentic && rill_trailer_read(a->packet->after, &value) == RILL_TRAILER_FORGOTTEN)
        not_known(a);
    else if (a->authentic)
        refused(a);
    else if (a->unopened)
        rill_refused_by_path(a->c, a->now, a->f,
                             &(rill_reject){.code = rill_ilp_code_of(RILL_ILP_T00_INTERNAL_ERROR)});
    else
        rill_refused_by_path(a->c, a->now, a->f, reject);
}

/* Our close was answered: by the receiver, for good, or by a path that may be better soon. */
static void closed_or_again(rill_connection *c, rill_now now, char reject_class)
{
    bool temporary = reject_class == 'T' || reject_class == 'R';
    if (!temporary || c->closing.told || c->state != RILL_STATE_CLOSING ||
        now.mono_ns >= c->closing.deadline || rill_numbering_is_used_up(&c->numbers)) {
        rill_connection_shut(c, now.mono_ns);
        return;
    }
    const rill_holdoffs *held = &c->holdoffs;
    uint64_t at = held->path.until > held->plain.until ? held->path.until : held->plain.until;
    rill_closing_again(&c->closing, at);
}

void rill_connection_reply(rill_connection *c, rill_now now, rill_flight *f, const uint8_t *packet,
                           size_t len)
{
    rill_answer a = {.c = c,
                     .now = now,
                     .f = f,
                     .packet = &c->endpoint->shared->incoming,
                     .sequence = f->sequence};
    bool closes = f->kind == RILL_FLIGHT_CLOSE;
    char reject_class = 'F';
    rill_fulfill fulfill;
    rill_reject reject;
    assert(f->connection == c && !f->in_doubt); /* who is asked about has no reply any more */
    rill_flight_found(c, f);
    if (rill_fulfill_decode(&fulfill, packet, len) == RILL_OK) {
        answer_fulfill(&a, &fulfill);
    } else if (rill_reject_decode(&reject, packet, len) == RILL_OK) {
        answer_reject(&a, &reject);
        reject_class = a.authentic ? 'F' : reject.code.text[0];
    } else {
        rill_connection_unanswered(c, now, f, true);
        return;
    }
    if (closes)
        closed_or_again(c, now, reject_class);
    if (c->probing->found)
        rill_probe_tell(c);
    rill_settle(c, now.mono_ns);
}

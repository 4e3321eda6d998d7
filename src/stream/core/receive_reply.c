/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reply to a Prepare of ours. A Fulfill commits its money; a Reject with
 * an authentic STREAM packet is the receiver's own word; any other Reject is a
 * connector's, and says something of the path.
 */
#include "stream/core/receive_reply.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/apply.h"
#include "stream/core/close.h"
#include "stream/core/connection.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/holdoffs.h"
#include "stream/core/numbering.h"
#include "stream/core/outcome.h"
#include "stream/core/patience.h"
#include "stream/core/peer.h"
#include "stream/core/probe.h"
#include "stream/core/refusal.h"
#include "stream/core/schedule_amount.h"
#include "stream/core/settle.h"
#include "stream/core/tell.h"
#include "stream/core/timeout.h"

/* Packets of less may come to their end on a path of many hops. */
#define CLOCK_LIFETIME (10 * RILL_SECOND)
/* F08s in a row that are taken for packets that are too small, while larger ones meet T04. */
#define MOST_SUSPICIONS 16
/* Units that arrive of a packet, rather, where value is short. */
#define FINE 400
#define FEW  50 /* where nothing is rounded */

typedef struct rill_answer {
    rill_connection *c;
    rill_now now;
    rill_flight *f;
    bool authentic;
    bool unopened;                    /* it might be: our cryptography failed */
    const rill_stream_packet *packet; /* the endpoint's scratch; valid where authentic */
    uint64_t sequence;
} rill_answer;

/* What the first words of the server say of our numbers; and it is to know who we are. */
static void hear_numbers(rill_answer *a)
{
    rill_connection *c = a->c;
    if (c->numbers.opening && !rill_tells_who_we_are(a->f))
        rill_tell_who_we_are(c);
    if (!rill_numbering_hear(&c->numbers, a->packet->after, &c->counts.ended_another))
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_FORGOTTEN,
                             "two servers answer, or one that was started again", a->now.mono_ns);
}

/* The STREAM packet in the data of a reply, if it is the one that belongs there. */
static void open_packet(rill_answer *a, rill_bytes data, uint8_t type)
{
    rill_endpoint *e = a->c->endpoint;
    bool header_ok;
    a->authentic = false;
    if (data.len <= RILL_ENVELOPE_OVERHEAD || data.len > RILL_ILP_MAX_DATA_READ)
        return;
    int err = rill_keys_open(a->c->identity.keys, data.data, data.len, e->plaintext);
    a->unopened = err == RILL_ERR_CRYPTO;
    if (err != RILL_OK)
        return;
    err = rill_stream_packet_decode(&e->incoming, e->plaintext, data.len - RILL_ENVELOPE_OVERHEAD,
                                    &header_ok);
    if (!header_ok || a->packet->type != type || a->packet->sequence != a->f->sequence)
        return;
    if (err != RILL_OK)
        e->incoming.frame_count = 0; /* its word on the packet counts, its frames do not */
    a->authentic = true;
    if (err == RILL_OK && a->sequence < RILL_NUMBER_LIMIT)
        hear_numbers(a);
}

/* That the packet is not under way any more says nothing of how many pass. */
static void neutral(const rill_answer *a)
{
    rill_congestion_neutral(a->c->path.congestion, rill_flight_value(a->f));
}

static void apply_frames(rill_answer *a)
{
    rill_connection *c = a->c;
    rill_frame_walk walk = rill_frames_of(a->packet);
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
        rill_tally_begin(&c->tally, rill_rate_minimum(&c->path.rate), rill_rate_era(&c->path.rate));
        word.affords = rill_tally_affords(&c->tally, word.delivered);
    }
    rill_worth_learn(&c->path.worth, &c->path.rate, &word);
}

/* ---- Fulfill ---- */

/*
 * Frames were acknowledged, but bytes for a stream that was over went nowhere.
 * Where the word on that was taken off on the way, they may have, and how much
 * money arrived is not known.
 */
static void note_dropped(rill_answer *a)
{
    for (unsigned i = 0; !a->authentic && i < a->f->money_count; i++)
        a->f->money[i].stream->out.vague = true;
    for (unsigned i = 0; !a->authentic && i < a->f->piece_count; i++) {
        rill_stream *s = a->f->pieces[i].stream;
        s->dropped = true;
    }
    if (!a->authentic)
        return;
    rill_frame_walk walk = rill_frames_of(a->packet);
    if (a->f->piece_count == 0 || !(a->packet->types & RILL_FRAME_BIT(RILL_FRAME_STREAM_CLOSE)))
        return;
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;) {
        if (frame->type != RILL_FRAME_STREAM_CLOSE || frame->code != RILL_CLOSE_STREAM_STATE_ERROR)
            continue;
        for (unsigned i = 0; i < a->f->piece_count; i++)
            if (a->f->pieces[i].stream->id == frame->stream)
                a->f->pieces[i].stream->dropped = true;
    }
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
        c->peer.tells_limits = true;
    return c->peer.tells_limits && a->packet->frame_count == 1 &&
           a->packet->types == RILL_FRAME_BIT(RILL_FRAME_CONNECTION_MAX_DATA);
}

static void note_passed(rill_connection *c, uint64_t amount, uint64_t now_ns)
{
    c->path.suspicions = 0;
    rill_packet_size_passed(&c->path.packet_size, amount, now_ns);
}

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
        if (c->patience.low_rate_since != 0) /* which says nothing of a better one */
            rill_worth_again(&c->path.worth);
        c->patience.low_rate_since = 0;
        c->patience.looks = 0;
        note_passed(c, f->amount, a->now.mono_ns);
        if (a->authentic)
            learn_worth(a, false);
    }
    rill_congestion_delivered(c->path.congestion, a->now.mono_ns, f->sent_ns, rill_flight_value(f));
    note_dropped(a);
    if (server_began_anew(a))
        rill_connection_fail(
            c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_FORGOTTEN,
            "the receiver was started again, and knows nothing of the bytes before",
            a->now.mono_ns);
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
            c->holdoffs.refusals.until = 0; /* at once: what it said may be all that is needed */
        return;
    }
    /* Another size may bring enough: there is no waiting for that. */
    bool other = c->path.worth.enough != 0 || !rill_rate_is_low(&c->path.rate);
    if (other && c->path.worth.refused < RILL_WORTH_TRIALS)
        c->holdoffs.refusals.until = 0;
    else
        rill_patience_low_rate(c, a->now.mono_ns);
}

/* A connection that is over takes nothing: its authentic reject acknowledges nothing. */
static bool says_closed(const rill_answer *a)
{
    rill_frame_walk walk = rill_frames_of(a->packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == RILL_FRAME_CONNECTION_CLOSE)
            return true;
    return false;
}

/*
 * The reference refuses a packet whole that has bytes for a stream that it has
 * closed, and says so: those of the other streams have not been taken.
 */
static bool says_stream_closed(const rill_answer *a)
{
    rill_frame_walk walk = rill_frames_of(a->packet);
    if (a->f->piece_count < 2)
        return false;
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == RILL_FRAME_STREAM_CLOSE && frame->code == RILL_CLOSE_STREAM_STATE_ERROR)
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
        rill_congestion_delivered(c->path.congestion, a->now.mono_ns, f->sent_ns,
                                  rill_flight_value(f));
    else
        rill_congestion_neutral(c->path.congestion, 0);
    if (kind == RILL_FLIGHT_PROBE) {
        rill_probe_answered(c, a->now.mono_ns, f, a->packet->amount);
    } else if (kind == RILL_FLIGHT_NORMAL && amount > 0) {
        note_passed(c, amount, a->now.mono_ns);
        learn_worth(a, true);
        note_refusal(a);
    }
    if (says_closed(a) || says_stream_closed(a))
        rill_flight_lose(c, f, a->now.mono_ns);
    else
        rill_flight_refuse(c, f, a->now.mono_ns);
    apply_frames(a);
}

/* ---- Reject by a connector ---- */

static int final_error_meaning(rill_ilp_code_id code)
{
    if (code == RILL_ILP_F02_UNREACHABLE)
        return RILL_ERR_UNREACHABLE;
    if (code == RILL_ILP_F06_UNEXPECTED_PAYMENT)
        return RILL_ERR_AUTH;
    return RILL_ERR_PATH;
}

static void final_error(rill_answer *a, int error)
{
    rill_connection *c = a->c;
    c->contact.last_failure = (int8_t)error;
    if (!rill_hold_refused(&c->holdoffs.path, a->f->sent_ns, a->now.mono_ns))
        return;
    if (rill_contact_final_error(&c->contact, error))
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, error, rill_contact_error_text(error),
                             a->now.mono_ns);
}

/* Of so many that arrive a unit matters little, also where several hops take one each. */
static uint64_t good_piece(const rill_rate *r)
{
    if (!rill_rate_is_known(r))
        return 1;
    return rill_rate_needed_ceil(r, rill_rate_guess(r).den == 1 ? FEW : FINE);
}

static void temporary_error(rill_answer *a, rill_congestion_signal signal)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    if (signal == RILL_SIGNAL_VALUE)
        rill_congestion_prefer(c->path.congestion, good_piece(&c->path.rate));
    /* A probe's money is nobody's: that it was too much says nothing of how many packets pass. */
    if (f->kind == RILL_FLIGHT_PROBE && f->amount > 0 && signal == RILL_SIGNAL_VALUE)
        rill_congestion_neutral(c->path.congestion, 0);
    else
        rill_congestion_refused(c->path.congestion, a->now.mono_ns, f->sent_ns,
                                rill_flight_value(f), signal);
    c->contact.last_failure = RILL_ERR_UNREACHABLE;
    /* The congestion window paces money; what is not money is held back here. */
    if (f->amount == 0)
        rill_holdoffs_path(&c->holdoffs, f->sent_ns, a->now.mono_ns);
}

/* Which of them say that it is too many packets, and not merely that it went wrong. */
static rill_congestion_signal temporary_signal(rill_ilp_code_id code)
{
    if (code == RILL_ILP_T02_PEER_BUSY || code == RILL_ILP_T03_CONNECTOR_BUSY ||
        code == RILL_ILP_T05_RATE_LIMITED)
        return RILL_SIGNAL_PACKETS;
    return RILL_SIGNAL_FAILED;
}

/*
 * Connectors say F08 of a packet that rounding would leave nothing of, and R01
 * where too little would be left: then it is too small, and not too large. What
 * is much smaller than what passes is believed to be that once: if it is refused
 * again, the maximum has fallen. But where value is short larger ones can not be
 * tried, and only the smallest meet anything but T04. What passes may be what one
 * connector says: what is as large as something that has arrived is too large for
 * another. So is what meets F08 again and again, and nothing larger passes.
 */
static bool value_is_short(const rill_connection *c)
{
    return rill_congestion_value_is_short(c->path.congestion);
}

static bool is_dust(const rill_connection *c, uint64_t amount)
{
    const rill_path *p = &c->path;
    uint64_t passed = p->packet_size.passed;
    bool known = rill_rate_is_known(&p->rate);
    if (passed > 0 && amount > passed) /* what is smaller has passed */
        return false;
    bool arrives = known && amount >= rill_rate_latest(&p->rate).den;
    bool much_smaller = amount <= passed / 8 && !arrives && p->suspicions < MOST_SUSPICIONS;
    bool once = amount > p->suspected || value_is_short(c);
    return (much_smaller && once) || (known && rill_rate_delivers(&p->rate, amount) <= 1);
}

static void too_small(rill_answer *a, bool certain)
{
    rill_connection *c = a->c;
    uint64_t amount = a->f->amount;
    if (certain)
        rill_worth_too_small(&c->path.worth, amount);
    else if (c->path.suspected < amount)
        c->path.suspected = amount;
    if (certain || !value_is_short(c)) /* else larger ones wait for value, and not for a rate */
        rill_patience_low_rate(c, a->now.mono_ns);
    if (!certain && c->path.suspicions < MOST_SUSPICIONS)
        c->path.suspicions++;
    (void)rill_hold_refused(&c->holdoffs.refusals, a->f->sent_ns, a->now.mono_ns);
}

/* Of a probe that is F08 the volley decides what it means, unless it is told. */
static rill_probe_failure too_large(rill_answer *a, rill_bytes data)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    bool told = rill_packet_size_is_told(f->amount, data);
    neutral(a);
    if (f->kind == RILL_FLIGHT_PROBE && !told)
        return RILL_PROBE_SIZE;
    if (f->kind != RILL_FLIGHT_PROBE && !told && is_dust(c, f->amount)) {
        too_small(a, rill_rate_delivers(&c->path.rate, f->amount) <= 1);
        return RILL_PROBE_DUST;
    }
    if (f->amount <= c->path.suspected || c->path.suspicions == MOST_SUSPICIONS)
        c->path.suspected = 0; /* smaller ones pass, if any do */
    rill_packet_size_refused(&c->path.packet_size, f->amount, data, a->now.mono_ns);
    if (rill_packet_size_next(&c->path.packet_size, a->now.mono_ns) > 0)
        return RILL_PROBE_JUDGED;
    if (c->money.sent > 0) {
        /* It did: what is left is too small after all. */
        rill_packet_size_init(&c->path.packet_size, c->path.packet_size.configured);
        too_small(a, true);
    } else {
        rill_connection_fail(c, RILL_CLOSE_INTERNAL_ERROR, RILL_ERR_PATH,
                             "the path takes no amount at all", a->now.mono_ns);
    }
    return RILL_PROBE_JUDGED;
}

/*
 * Of a packet that has most of its time left by our clock somebody says that its time is over:
 * they are not of one time, unless a lifetime was asked for that no path can keep to.
 * Where nothing has got through yet, nothing will.
 */
static bool clocks_differ(const rill_answer *a)
{
    uint64_t lifetime = a->c->options->packet_lifetime_ns;
    return !a->c->contact.connected && lifetime >= CLOCK_LIFETIME &&
           a->now.mono_ns - a->f->sent_ns < lifetime / 2;
}

/* What a connector's reject says of the path. Returned: what it says of a probe. */
static rill_probe_failure learn_from_reject(rill_answer *a, const rill_reject *reject)
{
    const rill_flight *f = a->f;
    rill_ilp_code_id code = rill_ilp_code_find(reject->code);
    char class = reject->code.text[0];
    if (code == RILL_ILP_F08_AMOUNT_TOO_LARGE && f->amount > 0)
        return too_large(a, reject->data);
    if (code == RILL_ILP_T04_INSUFFICIENT_LIQUIDITY) {
        temporary_error(a, RILL_SIGNAL_VALUE);
        return RILL_PROBE_VALUE;
    }
    if (code == RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT && f->amount > 0) {
        neutral(a);
        if (f->kind != RILL_FLIGHT_PROBE)
            too_small(a, true);
        return RILL_PROBE_DUST;
    }
    if (class == 'R' && clocks_differ(a)) {
        neutral(a);
        if (f->kind != RILL_FLIGHT_CLOSE)
            final_error(a, RILL_ERR_CLOCK);
        return RILL_PROBE_ACCIDENT;
    }
    if (class == 'T' || class == 'R') {
        temporary_error(a, class == 'R' ? RILL_SIGNAL_LATE : temporary_signal(code));
        return RILL_PROBE_ACCIDENT;
    }
    neutral(a);
    if (f->kind != RILL_FLIGHT_CLOSE)
        final_error(a, final_error_meaning(code));
    return RILL_PROBE_JUDGED;
}

/* Connectors say these of packets that they have not passed on; others they may have. */
static bool refused_unsent(rill_ilp_code_id code)
{
    switch (code) {
    case RILL_ILP_F08_AMOUNT_TOO_LARGE:
    case RILL_ILP_T02_PEER_BUSY:
    case RILL_ILP_T03_CONNECTOR_BUSY:
    case RILL_ILP_T04_INSUFFICIENT_LIQUIDITY:
    case RILL_ILP_T05_RATE_LIMITED:
    case RILL_ILP_R01_INSUFFICIENT_SOURCE_AMOUNT:
    case RILL_ILP_R02_INSUFFICIENT_TIMEOUT:
        return true;
    default:
        return false;
    }
}

static void refused_by_path(rill_answer *a, const rill_reject *reject)
{
    rill_connection *c = a->c;
    rill_flight *f = a->f;
    rill_flight_kind kind = f->kind;
    uint8_t volley = f->volley;
    uint64_t amount = f->amount;
    rill_probe_failure why = learn_from_reject(a, reject);
    rill_holdoffs_plain(&c->holdoffs, f->amount, f->sent_ns, a->now.mono_ns);
    f->unsure = !refused_unsent(rill_ilp_code_find(reject->code));
    rill_flight_lose(c, f, a->now.mono_ns);
    rill_settle_now(c, a->now.mono_ns);
    if (kind == RILL_FLIGHT_PROBE)
        rill_probe_failed(c, a->now.mono_ns, volley, amount, why);
}

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
    neutral(a);
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
    refused_by_path(a, &reject);
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
        refused_by_path(a, &(rill_reject){.code = rill_ilp_code_of(RILL_ILP_T00_INTERNAL_ERROR)});
    else
        refused_by_path(a, reject);
}

/* Our close was answered: by the receiver, for good, or by a path that may be better soon. */
static void closed_or_again(rill_connection *c, rill_now now, char reject_class)
{
    bool temporary = reject_class == 'T' || reject_class == 'R';
    if (!temporary || c->closing.told || c->state != RILL_STATE_CLOSING ||
        now.mono_ns >= c->closing.deadline) {
        rill_connection_shut(c, now.mono_ns);
        return;
    }
    c->closing.sent = false;
    const rill_holdoffs *held = &c->holdoffs;
    c->closing.again_at =
        held->path.until > held->plain.until ? held->path.until : held->plain.until;
}

void rill_connection_reply(rill_connection *c, rill_now now, rill_flight *f, const uint8_t *packet,
                           size_t len)
{
    rill_answer a = {
        .c = c, .now = now, .f = f, .packet = &c->endpoint->incoming, .sequence = f->sequence};
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

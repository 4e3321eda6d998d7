/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one connection, and what its parts do with each other. */
#ifndef RILL_STREAM_CONNECTION_INTERNAL_H
#define RILL_STREAM_CONNECTION_INTERNAL_H

#include "stream/core/blocked.h"
#include "stream/core/closing.h"
#include "stream/core/contact.h"
#include "stream/core/data_flow.h"
#include "stream/core/flights.h"
#include "stream/core/holdoffs.h"
#include "stream/core/identity.h"
#include "stream/core/numbering.h"
#include "stream/core/patience.h"
#include "stream/core/peer.h"
#include "stream/core/probing.h"
#include "stream/core/stream_internal.h"
#include "stream/core/streams.h"
#include "stream/core/succession.h"
#include "stream/core/telling.h"
#include "stream/core/undecided.h"
#include "stream/path/path.h"
#include "stream/wire/token.h"
#include <rill/endpoint.h>

typedef enum rill_connection_state {
    RILL_STATE_OPEN,
    RILL_STATE_CLOSING, /* our ConnectionClose is to be sent, or under way */
    RILL_STATE_CLOSED,  /* no packet leaves any more; replies may still come */
    RILL_STATE_GONE     /* its end was fetched: freed with the next event */
} rill_connection_state;

/* What is counted, as rill_connection_stats has it: the rest of that is known from the parts. */
typedef struct rill_connection_counts {
    uint64_t received;
    uint64_t packets_sent;
    uint64_t packets_fulfilled;
    uint64_t packets_rejected;
    uint64_t packets_lost;
    uint64_t packets_received;
    uint64_t packets_refused;
    rill_ilp_code last_reject;
    bool ended_another;
} rill_connection_counts;

/*
 * One connection: its parts, each with a header that says what it is, and what ties them together.
 */
struct rill_connection {
    rill_endpoint *endpoint;
    void *user;
    rill_list node;       /* of the endpoint: all of one state */
    rill_list ready_node; /* of the endpoint: may have something to send */
    rill_list event_node; /* of the endpoint: has events */
    rill_deadline deadline;
    const rill_connection_options *options; /* the endpoint's, or its own */
    rill_connection_state state;
    uint16_t events; /* RILL_EVENT_BIT bits that wait to be fetched */
    bool server;
    bool in_table;
    bool money_turn;     /* money and bytes take turns */
    bool doubt_answered; /* of a stream: to be reviewed */
    bool unsettled;      /* marked: see settle.h */
    bool retime;         /* its timer is to be set anew */
    bool in_vain;        /* some stream's out.vain is set: at once, but not amid sending */

    rill_identity identity;
    rill_peer peer;
    rill_contact contact;
    rill_numbering numbers;
    rill_succession succession;
    rill_flights flights;
    rill_undecided_set undecided;
    rill_path path;
    rill_patience patience;
    rill_holdoffs holdoffs;
    rill_probing *probing; /* the endpoint's unused one until it begins */
    rill_streams streams;
    rill_data_flow data;
    rill_blocked blocked;
    rill_telling telling;
    rill_closing closing;

    rill_tally tally;
    rill_money_sums money;
    rill_connection_counts counts;
};

/* ---- connection_api.c ---- */
/*
 * What the program gave (NULL: nothing), with the defaults of what it does not know.
 * RILL_ERR_INVALID, RILL_ERR_UNSUPPORTED.
 */
RILL_MUST_CHECK int rill_connection_options_take(rill_connection_options *full,
                                                 const rill_connection_options *o);

/* ---- connection.c ---- */
rill_connection *rill_connection_create(rill_endpoint *e, rill_now now, bool server,
                                        const rill_connection_options *own);
void rill_connection_destroy(rill_connection *c);
/* Before the first packet: it shares none with others from then on. False without memory. */
RILL_MUST_CHECK bool rill_connection_own_congestion(rill_connection *c);
/* It may have something to send. */
void rill_connection_ready(rill_connection *c);
void rill_connection_notify(rill_connection *c, uint32_t event_type);
void rill_connection_tell(rill_connection *c, uint32_t bits, bool urgent);
/* Something of this connection changed by the application's hand. */
void rill_connection_wake(rill_connection *c);
rill_stream *rill_connection_find(rill_connection *c, uint64_t id);
/* RILL_ERR_STREAM_ID, RILL_ERR_PROTOCOL (parity), RILL_ERR_CLOSED (was open), RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_connection_accept_stream(rill_connection *c, uint64_t id,
                                                  rill_stream **out);
/* As accept_stream would do, without doing it. RILL_OK where it is open. */
RILL_MUST_CHECK int rill_connection_check_stream(const rill_connection *c, uint64_t id);
/* A stream that the other side opened is over: it may open another one. */
void rill_connection_allow_another(rill_connection *c);
/* Bytes that open streams, or all, have taken of the connection's send window. */
uint64_t rill_connection_send_left(const rill_connection *c);
void rill_connection_update_receive_window(rill_connection *c);

/* ---- close.c ---- */
/* Everything that rill_connection_end waits for has happened: the other side is told. */
void rill_connection_close_well(rill_connection *c);
/* Closes from our side: the other is told. error is for the application. */
void rill_connection_fail(rill_connection *c, uint8_t code, int error, const char *message);
/* So, for all packets of its key have been used up. */
void rill_connection_exhaust(rill_connection *c);
/* The other side closed; with an error of ours where that says more than its code. */
void rill_connection_closed_by_remote(rill_connection *c, uint8_t code, int error,
                                      rill_bytes message);
/*
 * Its client has begun anew with the same credentials, and will go on with
 * nothing of it: ends as if the other side had closed, with RILL_ERR_REMOTE, and makes way.
 */
void rill_connection_superseded(rill_connection *c);
/* The other side closed while our close was under way: that is as good as an answer to it, which
 * may not come any more. */
void rill_connection_closes_cross(rill_connection *c);
/* The frames of our ConnectionClose. False: no room, which a packet of its own has. */
bool rill_connection_add_close(const rill_connection *c, rill_packet_writer *p);
/* Nothing more leaves: its end is reported once the last reply has come. */
void rill_connection_shut(rill_connection *c);
void rill_connection_closing_on_deadline(rill_connection *c, uint64_t now_ns);

/* ---- outcome.c: what becomes of a flight; each takes it out of the connection and the table ----
 */
/* Frames have arrived; money: delivered other side's units, or not taken. */
/* Before it leaves: what it may lose is taken off the tallies. */
void rill_flight_hold_tallies(rill_connection *c, rill_flight *f);
void rill_flight_succeed(rill_connection *c, rill_flight *f, uint64_t delivered);
void rill_flight_refuse(rill_connection *c, rill_flight *f);
/* It has not arrived, as far as we know. */
void rill_flight_lose(rill_connection *c, rill_flight *f);
/* The control and data it carried is sent again, its money stays held. */
void rill_flight_doubt(rill_connection *c, rill_flight *f);
/* As doubt, but a reply may still come. */
void rill_flight_overdue(rill_connection *c, rill_flight *f);
/* It has come, or cannot come any more: as if it had never been overdue. */
void rill_flight_found(rill_connection *c, rill_flight *f);

/* Bytes that come twice do no harm: to Rill itself. */
bool rill_takes_duplicates(const rill_connection *c);

/* ---- unsure.c: bytes that may have arrived, at a peer that stalls where they come twice ---- */
/* The piece was lost, as far as we know; may: it may have arrived. */
void rill_unsure_lost(rill_stream *s, rill_send_piece *piece, bool may);
/* The reply to our packet of this number told the limit of the stream's bytes. */
void rill_unsure_told(rill_stream *s, uint64_t limit, uint64_t sequence);
/* Something of the stream is unsure: to be asked about now. */
bool rill_unsure_ask(rill_stream *s, uint64_t now_ns);

/* ---- doubt.c: money that expired without a reply ---- */
/* Its money stays held and in doubt, and is asked about; what carries none is lost. */
void rill_flight_expire(rill_connection *c, rill_flight *f);
/* Where the stream has lost money, and nothing else of its money is under way: asks. */
void rill_doubt_ask(rill_stream *s);
/* The reply to our packet of this number told how much has been received in all. */
void rill_doubt_told(rill_stream *s, uint64_t total, uint64_t sequence);
/* The reply to our packet of this number, which asked, has come. */
void rill_doubt_acknowledged(rill_stream *s, uint64_t sequence);
/* Those that were answered without being told: their money stays in doubt. */
void rill_doubt_review(rill_connection *c);
/* Nobody can be asked any more: what is lost stays in doubt. */
void rill_doubt_abandon(rill_stream *s);

/* ---- tell.c ---- */
/*
 * Adds frames for what is to be told. flight: records them there, to be sent
 * again when lost; NULL: in a reply, where they count as told.
 */
void rill_tell_frames(rill_connection *c, rill_packet_writer *p, rill_flight *flight);
/* Something is to be told that is worth a packet. */
bool rill_tell_urgent(const rill_connection *c);
/* Each of a client's packets does, until one is answered. */
bool rill_tells_who_we_are(const rill_flight *f);
/* Our address and asset: to somebody who may not know them yet. */
void rill_tell_who_we_are(rill_connection *c);
/* A frame recorded in a flight was lost: to be told again. */
void rill_tell_again(rill_connection *c, const rill_flight_control *control);
void rill_tell_acknowledged(rill_connection *c, const rill_flight_control *control,
                            uint64_t sequence);

/* ---- schedule_amount.c ---- */
typedef struct rill_choice {
    uint64_t amount;
    uint64_t minimum; /* that it must bring */
    uint64_t brings;  /* as hoped */
    bool trial;       /* that it brings so much has not been seen */
    bool alone;       /* its answer decides what comes next */
} rill_choice;
/* A packet size is searched, between what passed and what was refused. */
bool rill_money_searches(const rill_connection *c);
/* Packets of money may be so large, as far as is known; 0 while that is searched. */
uint64_t rill_money_limit(const rill_connection *c);
/* A packet of s, which may send room units, of at most `most`. False: none is worth it. */
bool rill_money_choose(const rill_connection *c, const rill_stream *s, uint64_t room, uint64_t most,
                       rill_choice *out);
/* One for several streams together, who have all to send. */
bool rill_money_choose_shared(const rill_connection *c, uint64_t most, uint64_t all,
                              rill_choice *out);
/* Raises f->minimum so that each stream of f keeps its own; false where more than brings. */
bool rill_money_share(rill_flight *f, uint64_t brings);
/* Why nothing of s is worth a packet: RILL_ERR_RATE, RILL_ERR_TOO_LITTLE, or RILL_ERR_IN_DOUBT
 * where the rest of the payment is. */
int rill_money_problem(const rill_connection *c, const rill_stream *s);
/* What s has to send will not be sent: its goal, or its end, fails. */
void rill_money_give_up(rill_stream *s, int error);
/* All those of which nothing is worth sending. */
void rill_money_give_up_vain(rill_connection *c);

/* ---- schedule.c, schedule_money.c, schedule_data.c, probe.c ---- */
/* The next Prepare of this connection, or *len 0. */
RILL_MUST_CHECK int rill_connection_next_packet(rill_connection *c, rill_now now, uint8_t *packet,
                                                size_t *len, uint64_t *request);
/* Chooses streams and amounts: into the flight. False: no money now. */
bool rill_plan_money(rill_connection *c, uint64_t now_ns, rill_flight *f);
/* The money could be sent, were it not for the time: when then? RILL_NEVER where there is none. */
uint64_t rill_money_not_before(const rill_connection *c);
/* What may be sent of s now, by our limits and the other side's. */
uint64_t rill_money_room(const rill_connection *c, const rill_stream *s);
bool rill_money_wanted(const rill_connection *c);
/* Bytes may be sent now. */
bool rill_data_wanted(rill_connection *c);
/* False where there are bytes to send, and no memory for the record of any. */
RILL_MUST_CHECK bool rill_add_data(rill_connection *c, rill_packet_writer *p, rill_flight *f);
void rill_add_money_frames(rill_packet_writer *p, const rill_flight *f);
/* A limit of the other side stops us: it is told, and asked again later. */
void rill_note_blocked(rill_connection *c);
/* So too, and soon. */
void rill_ask_soon(rill_connection *c);
void rill_blocked_on_deadline(rill_connection *c, uint64_t now_ns);

/* Probing is under way. */
static inline bool rill_probe_is_active(const rill_connection *c)
{
    return c->probing->active;
}
/* Nobody asks any more: who does next begins anew. */
void rill_probe_stop(rill_connection *c);
/* Names the volley under way, for rill_probe_failed. */
static inline uint8_t rill_probe_volley(const rill_connection *c)
{
    return c->probing->volleys;
}
bool rill_probe_wanted(rill_connection *c, uint64_t now_ns);
uint64_t rill_probe_take(rill_connection *c, uint64_t now_ns);
void rill_probe_answered(rill_connection *c, uint64_t now_ns, const rill_flight *f,
                         uint64_t delivered);
void rill_probe_failed(rill_connection *c, uint64_t now_ns, uint8_t volley, uint64_t amount,
                       rill_probe_failure why);
/* When probing ends at the latest, with what is known then; RILL_NEVER. It is under way. */
uint64_t rill_probe_gives_up(const rill_connection *c);
uint64_t rill_probe_deadline(const rill_connection *c, uint64_t now_ns);
void rill_probe_on_deadline(rill_connection *c, uint64_t now_ns);

/* ---- timeout.c ---- */
/* No reply can come any more. sent: it may have arrived. */
void rill_connection_unanswered(rill_connection *c, rill_now now, rill_flight *f, bool sent);

/* ---- patience.c ---- */
/* Nothing is sent at this rate. It may recover; for those who wait, not for ever. */
void rill_low_rate(rill_connection *c, uint64_t now_ns);
/* When those who wait for a better rate give up; RILL_NEVER. */
uint64_t rill_low_rate_deadline(const rill_connection *c);
/* Nothing of s is worth a packet now: it will be looked at again. False where that is for good. */
bool rill_rate_may_recover(rill_connection *c, rill_stream *s, uint64_t now_ns);
void rill_patience_on_deadline(rill_connection *c, uint64_t now_ns);

/* ---- timeout.c ---- */
void rill_connection_rearm(rill_connection *c, uint64_t now_ns);
void rill_connection_on_deadline(rill_connection *c, rill_now now);
/* The other side is there: an authentic packet has come from it. */
void rill_connection_connected(rill_connection *c);
/* One has come now, the first or another. */
static inline void rill_connection_authentic(rill_connection *c, uint64_t now_ns)
{
    if (rill_contact_heard(&c->contact, now_ns))
        rill_connection_connected(c);
}

#endif

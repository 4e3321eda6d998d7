/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over 600 lines: a packet's whole way, from the Prepare to its answer. What it needs on the way is
 * in files of its own.
 */
#include "node/forward.h"

#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/prefetch.h"
#include "ilp/address.h"
#include "ilp/echo.h"
#include "ilp/peer.h"
#include "link/link_impl.h"
#include "node/local.h"
#include "node/noted.h"
#include "node/pace.h"

typedef struct refusal {
    rill_ilp_code_id code;
    const char *message;
} refusal;

/* Where an address leads, while the account is still being fetched into the cache. */
typedef struct lookup {
    rill_hop hop;
    rill_bytes name; /* RILL_HOP_CHILDREN: the account's */
    uint64_t begun;
} lookup;

/* A Prepare that the node is dealing with. */
typedef struct incoming {
    rill_session *from;
    uint64_t request;
    rill_now now;
    rill_bytes packet;
    rill_prepare prepare;
    rill_bytes destination; /* where it goes: the prepare's, or for an echo where that says */
    lookup next_hop;
} incoming;

/* Larger than any reject or IL-DCP answer of ours. */
enum { ANSWER_MAX = 2048 };
/* No Prepare for so long: none is on its way any more. Longer than most round trips. */
#define QUIET (100 * RILL_MS)

void rill_forward_init(rill_forwarder *f, const uint64_t key[2])
{
    rill_owners_init(&f->owners, f->options->allocator, key);
    rill_pendings_init(&f->pendings, f->options->allocator, f->options->max_open);
    f->armed = RILL_NEVER;
    f->rewriter.expiry_ms = 0;
    f->returning_until =
        rill_add_sat(f->options->now(f->options->user).mono_ns, f->options->returning_ns);
    f->heard_at = 0;
    f->draining = false;
    f->drained = false;
    rill_lates_init(&f->lates, f->options->allocator, key);
}

void rill_forward_clear(rill_forwarder *f)
{
    rill_lates_clear(&f->lates);
    rill_pendings_clear(&f->pendings);
    rill_owners_clear(&f->owners);
}

/* ---- answering ---- */

/*
 * An error is not the node's concern: a link that was lost has nobody to be answered. But a link
 * that has not taken the answer must not keep the request for good.
 */
static void answer(const rill_session *to, uint64_t request, const uint8_t *packet, size_t len)
{
    if (rill_link_reply(to->link, request, packet, len) != RILL_OK)
        rill_link_forget(to->link, request, packet[0] == RILL_ILP_FULFILL);
}

/* A packet that was not fulfilled. */
typedef struct unfulfilled {
    rill_account *from;
    const rill_account *to; /* NULL: it was not sent on */
    bool by_it;             /* rejected by that, and not by the node */
    bool limited;           /* above the source's packets a second */
    uint64_t taken;         /* units that it would have taken from the source */
    uint64_t given;         /* units that were sent on */
} unfulfilled;

static unfulfilled unfulfilled_of(const rill_pending *entry)
{
    return (unfulfilled){
        .from = entry->from,
        .to = entry->asks ? NULL : entry->to,
        .taken = entry->hold.between != NULL ? entry->hold.taken : entry->amount,
        .given = entry->amount,
    };
}

static void count_rejected(const rill_forwarder *f, const unfulfilled *u, const rill_reject *reject)
{
    const rill_hub_options *o = f->options;
    u->from->stats.rejected_from++;
    if (o->money == NULL || o->money->rejected == NULL)
        return;
    const rill_money_reject told = {
        .source = u->from->of.terms,
        .destination = u->to == NULL ? NULL : u->to->of.terms,
        .reject = reject,
        .taken = u->taken,
        .given = u->given,
        .by_destination = u->by_it,
        .limited = u->limited,
    };
    o->money->rejected(o->money->user, &told, o->now(o->user));
}

static rill_reject reject_of(const rill_forwarder *f, refusal why)
{
    return (rill_reject){
        .code = rill_ilp_code_of(why.code),
        .triggered_by = f->address,
        .message = {(const uint8_t *)why.message, strlen(why.message)},
    };
}

/* to NULL: nobody is there to be told, and it is counted all the same. */
static void refuse_with_data(const rill_forwarder *f, const rill_session *to, uint64_t request,
                             const unfulfilled *u, refusal why, rill_bytes data)
{
    rill_reject reject = reject_of(f, why);
    reject.data = data;
    uint8_t packet[ANSWER_MAX];
    size_t len = 0;
    count_rejected(f, u, &reject);
    if (to != NULL && rill_reject_encode(&reject, packet, sizeof packet, &len) == RILL_OK)
        answer(to, request, packet, len);
}

static void refuse(const rill_forwarder *f, const rill_session *to, uint64_t request,
                   const unfulfilled *u, refusal why)
{
    refuse_with_data(f, to, request, u, why, (rill_bytes){NULL, 0});
}

/* For the log of packets. prepare NULL: it is malformed. */
static void note_refused(const rill_forwarder *f, const rill_session *from,
                         const rill_prepare *prepare, refusal why, rill_now now)
{
    if (RILL_LIKELY(f->options->notes == NULL))
        return;
    const rill_reject reject = reject_of(f, why);
    rill_noted_refused(f->options, from->account, prepare, &reject, now);
}

/* The same of one that was sent. reject NULL: it was fulfilled. */
static void note_over(const rill_forwarder *f, rill_pending *entry, const rill_reject *reject)
{
    if (RILL_UNLIKELY(entry->note != 0))
        rill_noted_over(f->options, entry, reject, false);
}

/* Does somebody want to see every packet? */
static bool says_all(const rill_forwarder *f)
{
    return rill_log_wants(&f->options->log, RILL_LOG_DEBUG);
}

/* To who wants to see every packet. */
static void say_refused(const rill_forwarder *f, const incoming *in, refusal why)
{
    if (RILL_LIKELY(!says_all(f)))
        return;
    const rill_reject reject = reject_of(f, why);
    rill_say_refused(&f->options->log, in->from->account, &in->prepare, &reject);
}

/* Refuses, and says so. */
static void refuse_prepare(const rill_forwarder *f, const incoming *in, refusal why)
{
    say_refused(f, in, why);
    const unfulfilled u = {.from = in->from->account, .taken = in->prepare.amount};
    note_refused(f, in->from, &in->prepare, why, in->now);
    refuse(f, in->from, in->request, &u, why);
}

/* Once a session, so that nobody fills the log. */
static void complain(const rill_forwarder *f, rill_session *about, const char *what)
{
    if (about->complained)
        return;
    about->complained = true;
    rill_log_account_line(&f->options->log, RILL_LOG_WARNING, rill_account_text(about->account),
                          "%s (more of this session is not logged)", what);
}

/* ---- the requests that wait ---- */

static void arm(rill_forwarder *f, uint64_t deadline)
{
    f->armed = deadline;
    if (deadline != RILL_NEVER)
        f->options->wake(f->options->user, deadline);
}

/* What is said of a question of our own: nobody answered. */
static const rill_talk_answer no_answer = {.fulfilled = false};

static void arm_for(rill_forwarder *f, const rill_pending *entry)
{
    if (entry->timer.deadline < f->armed)
        arm(f, entry->timer.deadline);
}

/*
 * Nothing is open, and no neighbour has sent anything for a moment: what is not read yet when a
 * connection ends is in doubt for its sender, while those that are refused come less and less
 * often.
 */
static void settle_drain(rill_forwarder *f)
{
    if (!f->draining || f->drained || f->pendings.open != 0)
        return;
    uint64_t quiet = f->heard_at == 0 ? 0 : f->heard_at + QUIET;
    if (f->options->now(f->options->user).mono_ns < quiet) {
        if (quiet < f->armed)
            arm(f, quiet);
        return;
    }
    f->drained = true;
    f->options->drained(f->options->user);
}

/* Where its amounts are held. NULL, NULL: of accounts without such limits, as nearly all are. */
static rill_paced_packet paced_packet(const rill_pending *entry)
{
    return (rill_paced_packet){
        .source = entry->from->of.terms->pace,
        .destination = entry->to->of.terms->pace,
        .amount = entry->hold.taken,
        .sent = entry->hold.given,
    };
}

static bool is_paced(const rill_paced_packet *packet)
{
    return packet->source != NULL || packet->destination != NULL;
}

/* It came to nothing. */
static void give_back(const rill_forwarder *f, const rill_pending *entry)
{
    const rill_paced_packet packet = paced_packet(entry);
    if (RILL_UNLIKELY(is_paced(&packet)))
        rill_pace_give_back(&packet, &entry->paced, f->options->now(f->options->user).mono_ns);
    f->options->money->release(f->options->money->user, &entry->hold);
}

/* After this the entry is another's. */
static void finish_with(rill_forwarder *f, rill_pending *entry, const rill_talk_answer *answer)
{
    assert(entry->note == 0);
    if (entry->hold.between != NULL)
        give_back(f, entry);
    rill_account *from = entry->from;
    rill_account *to = entry->to;
    bool own = entry->own;
    uint64_t request = entry->request;
    if (RILL_LIKELY(!own))
        from->open_from--;
    rill_pendings_close(&f->pendings, entry);
    if (RILL_UNLIKELY(own))
        f->options->talk->answered(f->options->talk->user, to->of.terms, request, answer);
    rill_account_release(f->accounts, from);
    rill_account_release(f->accounts, to);
    settle_drain(f);
}

static void finish(rill_forwarder *f, rill_pending *entry)
{
    finish_with(f, entry, &no_answer);
}

/*
 * Who asked may have gone though its session has not: a request over HTTP that was cut or given up.
 * Asked before the answer is given, where it matters who sees that. The link hears that no answer
 * comes.
 */
static void look_for_source(const rill_forwarder *f, rill_pending *entry, bool fulfilled)
{
    if (f->options->money == NULL || entry->source == NULL ||
        rill_link_waits(entry->source->link, entry->request))
        return;
    rill_link_forget(entry->source->link, entry->request, fulfilled);
    rill_list_remove(&entry->of_source);
    entry->source = NULL;
}

/* The source has left, or is told. */
static void end_unfulfilled(rill_forwarder *f, rill_pending *entry, refusal why)
{
    const rill_talk_answer answer = {.code = rill_ilp_code_of(why.code)};
    const unfulfilled u = unfulfilled_of(entry);
    look_for_source(f, entry, false);
    if (RILL_UNLIKELY(entry->note != 0 || says_all(f))) {
        const rill_reject reject = reject_of(f, why);
        rill_say_rejected(&f->options->log, entry, &reject, true);
        if (entry->note != 0)
            rill_noted_over(f->options, entry, &reject, true);
    }
    if (!entry->own)
        refuse(f, entry->source, entry->request, &u, why);
    finish_with(f, entry, &answer);
}

static const refusal timed_out = {RILL_ILP_R00_TRANSFER_TIMED_OUT, "expired while waiting"};
static const refusal one_is_away = {RILL_ILP_T01_PEER_UNREACHABLE,
                                    "one of the destination's programs has just left"};
static const refusal not_back_yet = {RILL_ILP_T01_PEER_UNREACHABLE,
                                     "no such account here, but the node has just been started"};
static const refusal parting = {RILL_ILP_T03_CONNECTOR_BUSY, "another link has taken this place"};
static const refusal stopping = {RILL_ILP_T03_CONNECTOR_BUSY, "the node is stopping"};

/* Rejected before it was answered. A Fulfill that comes now is of money that the books lack. */
static void may_come_late(rill_forwarder *f, const rill_pending *entry)
{
    if (entry->hold.between != NULL)
        rill_lates_remember(&f->lates, entry->outgoing_id, entry->to, entry->condition,
                            entry->hold.given);
}

void rill_forward_expire(rill_forwarder *f)
{
    uint64_t now = f->options->now(f->options->user).mono_ns;
    for (rill_pending *entry; (entry = rill_pendings_due(&f->pendings, now)) != NULL;) {
        rill_session *silent = rill_owners_asked(entry->to, &entry->turn);
        if (silent != NULL)
            silent->deaf = true;
        may_come_late(f, entry);
        end_unfulfilled(f, entry, timed_out);
    }
    arm(f, rill_pendings_deadline(&f->pendings));
    settle_drain(f);
}

void rill_forward_abandon(rill_forwarder *f)
{
    f->heard_at = 0; /* nobody is waited for */
    for (rill_pending *entry; (entry = rill_pendings_due(&f->pendings, RILL_NEVER)) != NULL;) {
        may_come_late(f, entry);
        end_unfulfilled(f, entry, stopping);
    }
    settle_drain(f);
}

void rill_forward_drain(rill_forwarder *f)
{
    f->draining = true;
    settle_drain(f);
}

/* With money, what is out may still be fulfilled, and is owed to the destination then. */
void rill_forward_source_gone(rill_forwarder *f, rill_session *source)
{
    while (!rill_list_empty(&source->open)) {
        rill_pending *entry = RILL_CONTAINER(source->open.next, rill_pending, of_source);
        if (entry->hold.between == NULL) {
            entry->source = NULL;
            note_over(f, entry, NULL); /* it is booked, and waits for the disk */
            finish(f, entry);
            continue;
        }
        rill_list_remove(&entry->of_source);
        entry->source = NULL;
    }
}

/* ---- forwarding ---- */

/*
 * To the account's session, or to the first of several: never to two, who might both
 * fulfill it. Where it is the next one's turn, a copy is needed; without one, nobody has it.
 */
static int send_first(rill_forwarder *f, rill_pending *entry, const incoming *in,
                      const rill_session *except, const rill_outgoing *out)
{
    const rill_account *to = entry->to;
    rill_session *session = RILL_CONTAINER(to->sessions.next, rill_session, in_account);
    if (RILL_UNLIKELY(to->sessions.next != to->sessions.prev)) {
        /* What comes back to its sender is for the session that sent it. */
        const rill_session *source = except == NULL && in->from->account == to ? in->from : NULL;
        rill_owners_begin(&f->owners, &entry->turn, in->destination, except, source);
        session = rill_owners_next(&f->owners, to, &entry->turn);
        int rc = rill_pendings_keep(&f->pendings, entry, out->parts, out->count);
        (void)rc;
    }
    return session == NULL
               ? RILL_ERR_NOT_CONNECTED
               : rill_outgoing_send(&f->rewriter, session->link, entry->outgoing_id, out);
}

static refusal refusal_of_send(int error)
{
    switch (error) {
    case RILL_ERR_BLOCKED:
        return (refusal){RILL_ILP_T03_CONNECTOR_BUSY, "the destination does not read fast enough"};
    case RILL_ERR_LIMIT:
        return (refusal){RILL_ILP_T03_CONNECTOR_BUSY, "too many requests are open"};
    case RILL_ERR_NOMEM:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR, "out of memory"};
    default:
        return (refusal){RILL_ILP_T01_PEER_UNREACHABLE, "the destination is not connected"};
    }
}

/*
 * How many requests of one account may be open: the fewer, the fewer are left,
 * so that there are always some for an account that has none.
 */
static size_t share_of_open(const rill_forwarder *f)
{
    size_t share = (f->options->max_open - f->pendings.open + 7) / 8;
    return share < f->options->max_open_from ? share : f->options->max_open_from;
}

static refusal refusal_of_money(rill_money_verdict verdict)
{
    switch (verdict) {
    case RILL_MONEY_NO_CREDIT:
        return (refusal){RILL_ILP_T04_INSUFFICIENT_LIQUIDITY, "above the account's credit"};
    case RILL_MONEY_NO_ROOM:
        return (refusal){RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
                         "above what this node may owe the destination"};
    case RILL_MONEY_NO_PRICE:
        return (refusal){RILL_ILP_F07_CANNOT_RECEIVE, "no price between the two assets"};
    case RILL_MONEY_OLD_PRICE:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR, "no price that is new enough"};
    case RILL_MONEY_TOO_LARGE:
        return (refusal){RILL_ILP_F03_INVALID_AMOUNT,
                         "the amount is too large in the destination's asset"};
    case RILL_MONEY_CANNOT_BOOK:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR, "the books cannot be written"};
    case RILL_MONEY_NOT_AGREED:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR,
                         "an account's asset is not agreed on with the neighbour"};
    case RILL_MONEY_NOT_IN_BOOKS:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR,
                         "the account is new, and not in the books yet"};
    default:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR, "out of memory"};
    }
}

/* Reserves the money that *out moves, and sets its amount. False: it has been refused. */
static bool hold_money(const rill_forwarder *f, const incoming *in, const rill_account *to,
                       rill_prepare *out, rill_money_hold *hold)
{
    const rill_money *money = f->options->money;
    if (RILL_LIKELY(money == NULL))
        return true;
    rill_money_verdict verdict = money->hold(money->user, in->from->account->of.terms, to->of.terms,
                                             out->amount, out->expires_at_ms, in->now, hold);
    if (verdict == RILL_MONEY_HELD)
        out->amount = hold->given;
    else
        refuse_prepare(f, in, refusal_of_money(verdict));
    return verdict == RILL_MONEY_HELD;
}

static void release_money(const rill_forwarder *f, const rill_money_hold *hold)
{
    if (hold->between != NULL)
        f->options->money->release(f->options->money->user, hold);
}

/* An entry for what waits so many milliseconds for its answer. */
static int open_entry(rill_forwarder *f, const incoming *in, rill_account *to, uint64_t wait_ms,
                      rill_pending **out)
{
    rill_account *from = in->from->account;
    if (from->open_from >= share_of_open(f))
        return RILL_ERR_LIMIT;
    int rc =
        rill_pendings_open(&f->pendings, rill_add_sat(in->now.mono_ns, wait_ms * RILL_MS), out);
    if (rc != RILL_OK)
        return rc;
    rill_pending *entry = *out;
    entry->source = in->from;
    entry->from = from;
    entry->to = to;
    entry->request = in->request;
    rill_list_push_back(&in->from->open, &entry->of_source);
    from->open_from++;
    rill_account_hold(from);
    rill_account_hold(to);
    return RILL_OK;
}

/* F08. The source has to know how much less it is, in units of its own. */
static void refuse_amount(const rill_forwarder *f, const incoming *in, uint64_t most,
                          const char *message)
{
    uint8_t data[16];
    rill_amount_too_large limits = {in->prepare.amount, most};
    const refusal why = {RILL_ILP_F08_AMOUNT_TOO_LARGE, message};
    const unfulfilled u = {.from = in->from->account, .taken = in->prepare.amount};
    rill_amount_too_large_encode(limits, data);
    say_refused(f, in, why);
    note_refused(f, in->from, &in->prepare, why, in->now);
    refuse_with_data(f, in->from, in->request, &u, why, (rill_bytes){data, sizeof data});
}

static void refuse_pace(const rill_forwarder *f, const incoming *in, rill_pace_verdict verdict,
                        const rill_paced_packet *packet)
{
    switch (verdict) {
    case RILL_PACE_FROM:
        refuse_prepare(
            f, in,
            (refusal){RILL_ILP_T04_INSUFFICIENT_LIQUIDITY, "above the account's amount a second"});
        return;
    case RILL_PACE_TO:
        refuse_prepare(f, in,
                       (refusal){RILL_ILP_T04_INSUFFICIENT_LIQUIDITY,
                                 "above the destination's amount a second"});
        return;
    case RILL_PACE_SENT:
        refuse_prepare(
            f, in,
            (refusal){RILL_ILP_T05_RATE_LIMITED, "above the destination's packets a second"});
        return;
    default:
        /* What goes on was rounded down: so much of what comes is not above the limit. */
        refuse_amount(
            f, in,
            rill_mul_div_floor_sat(packet->amount, packet->destination->amount_to, packet->sent),
            "above the destination's amount a second");
    }
}

/* False: it has been refused, and the entry is another's. */
static bool keep_pace(rill_forwarder *f, const incoming *in, rill_pending *entry)
{
    const rill_paced_packet packet = paced_packet(entry);
    if (RILL_LIKELY(!is_paced(&packet)))
        return true;
    rill_pace_verdict verdict = rill_pace_take(&packet, in->now.mono_ns, &entry->paced);
    if (verdict == RILL_PACE_KEPT)
        return true;
    finish(f, entry);
    refuse_pace(f, in, verdict, &packet);
    return false;
}

/* Sends *out, whose time is over at out->expires_at, on behalf of in. */
static void forward(rill_forwarder *f, const incoming *in, rill_account *to,
                    const rill_session *except, rill_prepare *out)
{
    rill_pending *entry = NULL;
    rill_outgoing packet;
    rill_money_hold hold = {NULL, 0, 0, 0, 0};
    if (!hold_money(f, in, to, out, &hold))
        return;
    int rc = rill_rewrite(&f->rewriter, in->packet, &in->prepare, out, &packet);
    if (rc != RILL_OK) {
        release_money(f, &hold);
        refuse_prepare(f, in, (refusal){RILL_ILP_F00_BAD_REQUEST, "cannot be forwarded"});
        return;
    }
    rc = open_entry(f, in, to, out->expires_at_ms - in->now.wall_ms, &entry);
    if (rc != RILL_OK) {
        release_money(f, &hold);
        refuse_prepare(f, in, refusal_of_send(rc));
        return;
    }
    entry->hold = hold;
    entry->amount = out->amount;
    memcpy(entry->condition, out->condition, sizeof entry->condition);
    if (f->options->money != NULL && !keep_pace(f, in, entry))
        return;
    rc = send_first(f, entry, in, except, &packet);
    if (rc != RILL_OK) {
        finish(f, entry);
        refuse_prepare(f, in, refusal_of_send(rc));
        return;
    }
    to->stats.packets_to++;
    if (RILL_UNLIKELY(f->options->notes != NULL))
        rill_noted_sent(f->options, entry, &in->prepare, out, in->now);
    arm_for(f, entry);
}

/* It is from the account that it goes to, as far as anybody counts. */
static void open_own(rill_forwarder *f, rill_pending *entry, rill_account *to,
                     const rill_prepare *prepare, uint64_t id)
{
    entry->from = to;
    entry->to = to;
    entry->own = true;
    entry->request = id;
    memcpy(entry->condition, prepare->condition, sizeof entry->condition);
    rill_list_init(&entry->of_source);
    rill_account_hold(to);
    rill_account_hold(to);
    arm_for(f, entry);
}

static bool is_there(const rill_forwarder *f, const rill_account *account)
{
    return rill_account_is_there(account, f->options->money != NULL && account->of.terms->linked);
}

int rill_forward_own(rill_forwarder *f, rill_account *to, const rill_prepare *prepare,
                     uint64_t wait, uint64_t id)
{
    rill_pending *entry = NULL;
    size_t len = 0;
    if (f->draining)
        return RILL_ERR_CLOSED;
    if (!is_there(f, to))
        return RILL_ERR_NOT_CONNECTED;
    int rc = rill_prepare_encode(prepare, f->rewriter.out, sizeof f->rewriter.out, &len);
    if (rc != RILL_OK)
        return rc;
    uint64_t now = f->options->now(f->options->user).mono_ns;
    rc = rill_pendings_open(&f->pendings, rill_add_sat(now, wait), &entry);
    if (rc != RILL_OK)
        return rc;
    open_own(f, entry, to, prepare, id);
    const rill_session *session = RILL_CONTAINER(to->sessions.next, rill_session, in_account);
    rc = rill_link_send(session->link, entry->outgoing_id, f->rewriter.out, len);
    if (rc != RILL_OK) {
        entry->own = false; /* its owner knows */
        to->open_from++;
        finish(f, entry);
    }
    return rc;
}

static lookup look_up(const rill_forwarder *f, rill_bytes destination,
                      const rill_route_search *search)
{
    lookup l = {.hop = rill_routes_end(f->routes, destination, search)};
    if (l.hop.kind == RILL_HOP_CHILDREN) {
        l.name = rill_address_segment_after(destination, l.hop.prefix);
        l.begun = rill_accounts_begin(f->accounts, l.name);
    } else if (l.hop.kind == RILL_HOP_TERMS) {
        rill_prefetch(l.hop.terms, offsetof(rill_terms, address));
    }
    return l;
}

/* The account that it leads to; NULL, and why, where there is none. */
static rill_account *next_hop(const rill_forwarder *f, rill_session *from, const lookup *l,
                              refusal *why)
{
    *why = (refusal){RILL_ILP_F02_UNREACHABLE, "no route to the destination"};
    if (l->hop.kind == RILL_HOP_TERMS) {
        *why = refusal_of_send(RILL_ERR_NOT_CONNECTED);
        return l->hop.terms->account;
    }
    if (l->hop.kind != RILL_HOP_CHILDREN)
        return l->hop.account;
    if (f->options->money != NULL) {
        /* Each child has a route of its own. */
        why->message = "no such account here";
        return NULL;
    }
    /* Most packets go where the one before went, and that account is here already. */
    rill_account *to = from->last_to;
    if (to != NULL && rill_account_is(to, l->name))
        return to;
    to = rill_accounts_candidate(f->accounts, l->begun);
    if (to == NULL || !rill_account_is(to, l->name)) {
        why->message = "no such account here";
        if (f->options->now(f->options->user).mono_ns < f->returning_until)
            *why = not_back_yet;
        return NULL;
    }
    from->last_to = to;
    return to;
}

/*
 * Forwards on behalf of in with the amount and condition of its Prepare.
 * reflect: it may go back to where it came from.
 */
static void route(rill_forwarder *f, incoming *in, rill_bytes destination, rill_bytes data,
                  bool reflect)
{
    const rill_hub_options *o = f->options;
    rill_prepare out = in->prepare;
    uint64_t latest = rill_sub_sat(in->prepare.expires_at_ms, o->min_message_window);
    out.expires_at_ms = rill_add_sat(in->now.wall_ms, o->max_hold_time);
    if (latest < out.expires_at_ms)
        out.expires_at_ms = latest;
    out.destination = in->destination = destination;
    out.data = data;
    refusal why;
    rill_account *to = next_hop(f, in->from, &in->next_hop, &why);
    if (to == NULL) {
        refuse_prepare(f, in, why);
        return;
    }
    const rill_session *except = reflect ? NULL : in->from;
    if (!is_there(f, to)) {
        refuse_prepare(f, in, refusal_of_send(RILL_ERR_NOT_CONNECTED));
        return;
    }
    /* Where there is money, a neighbour is one, however many sessions it has. */
    bool back = o->money != NULL && to == in->from->account;
    if (except != NULL && (back || (to->sessions.next == &except->in_account &&
                                    to->sessions.prev == &except->in_account))) {
        refuse_prepare(f, in, (refusal){RILL_ILP_F02_UNREACHABLE, "leads back to the sender"});
        return;
    }
    if (rill_sub_sat(out.expires_at_ms, in->now.wall_ms) < o->min_message_window) {
        refuse_prepare(f, in,
                       (refusal){RILL_ILP_R02_INSUFFICIENT_TIMEOUT, "expires too soon to forward"});
        return;
    }
    /* It is needed when all else is ready. */
    rill_prefetch(RILL_CONTAINER(to->sessions.next, rill_session, in_account)->link,
                  offsetof(rill_link, on));
    forward(f, in, to, except, &out);
}

static void echo(rill_forwarder *f, incoming *in)
{
    rill_bytes reply_to;
    const char *problem = NULL;
    if (rill_echo_request_decode(in->prepare.data, &reply_to, &problem) != RILL_OK) {
        refuse_prepare(f, in, (refusal){RILL_ILP_F01_INVALID_PACKET, problem});
        return;
    }
    uint8_t data[RILL_ECHO_RESPONSE_LEN];
    rill_echo_response_encode(data);
    rill_route_search search;
    rill_routes_begin(f->routes, reply_to, &search);
    in->next_hop = look_up(f, reply_to, &search);
    route(f, in, reply_to, (rill_bytes){data, sizeof data}, true);
}

/* What was agreed with who sent it; NULL: nothing with anybody. */
static const rill_terms *terms_of(const rill_forwarder *f, const rill_account *account)
{
    return f->options->money == NULL ? NULL : account->of.terms;
}

/* ---- messages of settlement engines ---- */

static refusal refusal_of_settlement(int error)
{
    switch (error) {
    case RILL_ERR_NOT_FOUND:
        return (refusal){RILL_ILP_F02_UNREACHABLE, "the account has no settlement engine"};
    case RILL_ERR_LIMIT:
        return (refusal){RILL_ILP_T03_CONNECTOR_BUSY, "too many messages of the account wait"};
    default:
        return (refusal){RILL_ILP_T00_INTERNAL_ERROR, rill_strerror(error)};
    }
}

static void ask_engine(rill_forwarder *f, const incoming *in)
{
    const rill_talk *talk = f->options->talk;
    rill_pending *entry = NULL;
    if (!rill_peer_is_settlement(&in->prepare) || in->prepare.amount != 0) {
        refuse_prepare(f, in,
                       (refusal){RILL_ILP_F01_INVALID_PACKET,
                                 in->prepare.amount != 0
                                     ? "a request to a peer carries no money"
                                     : "a message to an engine has another condition"});
        return;
    }
    uint64_t wait = in->prepare.expires_at_ms - in->now.wall_ms;
    if (wait > f->options->max_hold_time)
        wait = f->options->max_hold_time;
    int rc = open_entry(f, in, in->from->account, wait, &entry);
    if (rc == RILL_OK) {
        entry->asks = true;
        rc = talk->settle(talk->user, in->from->account->of.terms, in->prepare.data,
                          entry->outgoing_id);
        if (rc != RILL_OK)
            finish(f, entry);
        else
            arm_for(f, entry);
    }
    if (rc != RILL_OK)
        refuse_prepare(f, in, refusal_of_settlement(rc));
}

void rill_forward_answer(rill_forwarder *f, uint64_t ticket, const rill_talk_answer *told,
                         const char *message)
{
    rill_pending *entry = rill_pendings_find(&f->pendings, ticket);
    size_t len = 0;
    int rc = RILL_OK;
    if (entry == NULL || !entry->asks)
        return; /* its time was over, or who asked is gone */
    rill_reject reject = {
        .code = told->code,
        .triggered_by = {(const uint8_t *)RILL_SETTLE, strlen(RILL_SETTLE)},
        .message = {(const uint8_t *)message, strlen(message)},
        .data = told->data,
    };
    if (told->fulfilled) {
        rc = rill_peer_answer_encode(told->data, f->rewriter.out, sizeof f->rewriter.out, &len);
    } else {
        const unfulfilled u = unfulfilled_of(entry);
        count_rejected(f, &u, &reject);
        rc = rill_reject_encode(&reject, f->rewriter.out, sizeof f->rewriter.out, &len);
    }
    if (rc != RILL_OK) {
        end_unfulfilled(f, entry,
                        (refusal){RILL_ILP_T00_INTERNAL_ERROR, "the engine's answer is too large"});
        return;
    }
    answer(entry->source, entry->request, f->rewriter.out, len);
    finish(f, entry);
}

/* A request to a peer that is well made. What is said of routes is for the owner. */
static int hear(const rill_forwarder *f, const incoming *in, const char **problem)
{
    const rill_talk *talk = f->options->talk;
    bool update = rill_peer_is_request(&in->prepare, RILL_CCP_UPDATE);
    if (talk == NULL || (!update && !rill_peer_is_request(&in->prepare, RILL_CCP_CONTROL)))
        return RILL_OK;
    return talk->hear(talk->user, in->from->account->of.terms, update, in->prepare.data, problem);
}

static bool is_settlement(const rill_forwarder *f, const incoming *in)
{
    static const rill_bytes settle = {(const uint8_t *)RILL_SETTLE, sizeof RILL_SETTLE - 1};
    const rill_bytes *to = &in->prepare.destination;
    return f->options->talk != NULL && f->options->talk->settle != NULL && to->len == settle.len &&
           memcmp(to->data, settle.data, settle.len) == 0;
}

static void answer_peer_protocol(rill_forwarder *f, const incoming *in)
{
    uint8_t packet[ANSWER_MAX];
    size_t len = 0;
    if (is_settlement(f, in)) {
        ask_engine(f, in);
        return;
    }
    const char *problem =
        rill_local_answer(f->options, terms_of(f, in->from->account), &in->prepare,
                          in->from->account->name.bytes, packet, sizeof packet, &len);
    int rc = problem != NULL ? RILL_ERR_MALFORMED : hear(f, in, &problem);
    if (rc == RILL_OK)
        answer(in->from, in->request, packet, len);
    else
        refuse_prepare(f, in,
                       (refusal){rc == RILL_ERR_NOMEM ? RILL_ILP_T00_INTERNAL_ERROR
                                                      : RILL_ILP_F01_INVALID_PACKET,
                                 problem});
}

static void refuse_malformed(const rill_forwarder *f, const incoming *in)
{
    rill_session *from = in->from;
    refusal why = {RILL_ILP_F00_BAD_REQUEST, "not a well-formed ILP packet"};
    if (in->packet.len > 0 && in->packet.data[0] != RILL_ILP_PREPARE)
        why = (refusal){RILL_ILP_F01_INVALID_PACKET, "not an ILP Prepare"};
    complain(f, from,
             why.code == RILL_ILP_F00_BAD_REQUEST ? "sent a malformed Prepare, rejected F00"
                                                  : "sent a request that is no Prepare, "
                                                    "rejected F01");
    const unfulfilled u = {.from = from->account};
    note_refused(f, from, NULL, why, in->now);
    refuse(f, from, in->request, &u, why);
}

/*
 * What a packet needs of accounts and sessions is rarely in the cache where
 * there are many of them. So each is asked for as soon as it is known where it
 * is, and something else is done until it comes: that is why things are in this order.
 */
void rill_forward_prepare(rill_forwarder *f, rill_session *from, uint64_t request,
                          rill_bytes packet)
{
    static const rill_bytes peer = {(const uint8_t *)"peer", 4};
    const rill_hub_options *o = f->options;
    incoming in;
    rill_prefetch(from, sizeof *from);
    in.from = from;
    in.request = request;
    in.packet = packet;
    bool decoded = rill_prepare_decode_any_address(&in.prepare, packet.data, packet.len) == RILL_OK;
    if (decoded) {
        rill_route_search search;
        rill_routes_begin(f->routes, in.prepare.destination, &search);
        decoded = rill_address_valid(in.prepare.destination);
        in.next_hop = look_up(f, in.prepare.destination, &search);
    }
    rill_account *account = from->account;
    rill_prefetch(account, offsetof(rill_account, first));
    if (from->last_to != NULL)
        rill_account_prefetch(from->last_to);
    in.now = o->now(o->user);
    f->heard_at = in.now.mono_ns;
    account->stats.packets_from++;
    const rill_terms *terms = terms_of(f, account);
    rill_rate_limit limit = terms != NULL ? terms->rate_limit : rill_rate_limit_of(o->rate_limit);
    uint64_t largest = terms != NULL ? terms->max_packet_amount : o->max_packet_amount;
    uint64_t most = terms != NULL ? rill_pace_most(terms->pace, largest) : largest;
    if (!rill_bucket_take(&account->bucket, limit, in.now.mono_ns)) {
        const refusal why = {RILL_ILP_T05_RATE_LIMITED, "above the account's rate limit"};
        const unfulfilled u = {
            .from = account, .limited = true, .taken = decoded ? in.prepare.amount : 0};
        if (decoded)
            say_refused(f, &in, why);
        refuse(f, from, request, &u, why);
        return;
    }
    if (!decoded)
        refuse_malformed(f, &in);
    else if (f->draining)
        refuse_prepare(f, &in, stopping);
    else if (in.prepare.amount > most)
        refuse_amount(f, &in, most,
                      most < largest ? "above the account's amount a second"
                                     : "above the maximum packet amount");
    else if (in.prepare.expires_at_ms <= in.now.wall_ms)
        refuse_prepare(f, &in,
                       (refusal){RILL_ILP_R00_TRANSFER_TIMED_OUT, "expired before it arrived"});
    else if (rill_address_has_prefix(in.prepare.destination, peer))
        answer_peer_protocol(f, &in);
    else if (RILL_UNLIKELY(from->parting))
        refuse_prepare(f, &in, parting);
    else if (rill_local_is_node(o, in.prepare.destination))
        echo(f, &in);
    else
        route(f, &in, in.prepare.destination, in.prepare.data, false);
}

/* ---- answers ---- */

/* It has taken a packet: it gets those that follow. */
static void note_owner(rill_forwarder *f, rill_session *by, const rill_pending *entry)
{
    if (RILL_LIKELY(entry->turn.destination == 0) ||
        !rill_owners_took(&f->owners, entry->to, &entry->turn, by))
        return;
    rill_log_account_line(&f->options->log, RILL_LOG_WARNING, rill_account_text(entry->to),
                          "several of its programs answer for the same clients, as a fleet of "
                          "servers with one secret does; each client stays with one (said once)");
}

static bool fulfills(const rill_forwarder *f, const uint8_t condition[32],
                     const rill_fulfill *fulfill)
{
    uint8_t hash[RILL_SHA256_LEN];
    return rill_crypto_sha256(f->crypto, fulfill->fulfillment, 32, hash) == RILL_OK &&
           rill_equal_ct(hash, condition, sizeof hash);
}

/*
 * Books what was fulfilled. True: the Fulfill may go on. Else it waits, and rill_forward_kept
 * passes it on: as it came, or, where there is no memory for that, what counts of it alone.
 */
static bool book(rill_forwarder *f, rill_pending *entry, const rill_fulfill *fulfill,
                 rill_bytes packet)
{
    const rill_money *money = f->options->money;
    if (RILL_LIKELY(entry->hold.between == NULL))
        return true;
    rill_now now = f->options->now(f->options->user);
    look_for_source(f, entry, true);
    uint64_t group = money->commit(money->user, &entry->hold, entry->source != NULL, now);
    entry->hold.between = NULL;
    if (group == 0)
        return true;
    memcpy(entry->condition, fulfill->fulfillment, sizeof entry->condition);
    int rc = rill_pendings_keep(&f->pendings, entry, &packet, 1);
    (void)rc;
    rill_pendings_book(&f->pendings, entry, group);
    return false;
}

static void pass_on(rill_forwarder *f, const rill_pending *entry)
{
    rill_fulfill bare = {.fulfillment = entry->condition};
    const uint8_t *packet = entry->copy;
    size_t len = entry->copy_len;
    if (entry->source == NULL)
        return;
    if (len == 0) {
        packet = f->rewriter.out;
        if (rill_fulfill_encode(&bare, f->rewriter.out, sizeof f->rewriter.out, &len) != RILL_OK)
            return;
    }
    answer(entry->source, entry->request, packet, len);
}

void rill_forward_kept(rill_forwarder *f, uint64_t group)
{
    for (rill_pending *entry; (entry = rill_pendings_booked(&f->pendings, group)) != NULL;) {
        look_for_source(f, entry, true);
        pass_on(f, entry);
        note_over(f, entry, NULL);
        finish(f, entry);
    }
}

/* packet is the answer as it came, or as it is passed on. */
static void take_fulfill(rill_forwarder *f, rill_session *by, rill_pending *entry,
                         const rill_fulfill *fulfill, rill_bytes packet)
{
    if (!fulfills(f, entry->condition, fulfill)) {
        complain(f, by, "sent a fulfillment that does not match the condition, rejected F05");
        end_unfulfilled(f, entry,
                        (refusal){RILL_ILP_F05_WRONG_CONDITION,
                                  "the fulfillment does not match the condition"});
        return;
    }
    note_owner(f, by, entry);
    rill_account_stats *from = &entry->from->stats;
    rill_account_stats *to = &entry->to->stats;
    uint64_t taken = entry->hold.between != NULL ? entry->hold.taken : entry->amount;
    from->fulfilled_from = rill_add_sat(from->fulfilled_from, taken);
    to->fulfilled_to = rill_add_sat(to->fulfilled_to, entry->amount);
    const rill_talk_answer told = {.fulfilled = true, .data = fulfill->data};
    if (!book(f, entry, fulfill, packet))
        return;
    if (entry->source != NULL)
        answer(entry->source, entry->request, packet.data, packet.len);
    note_over(f, entry, NULL);
    finish_with(f, entry, &told);
}

/*
 * It is not this session's own, which has had no effect: the next one is asked. False where there
 * is none, and the answer is the sender's. After this the entry may be another's.
 */
static bool ask_next(rill_forwarder *f, rill_session *by, rill_pending *entry, bool word)
{
    rill_owners_not_his(&f->owners, &entry->turn, by, word);
    rill_session *next = rill_owners_next(&f->owners, entry->to, &entry->turn);
    if (next == NULL)
        return false;
    int rc = RILL_ERR_LIMIT;
    if (entry->copy_len > 0)
        rc = rill_link_send(next->link, entry->outgoing_id, entry->copy, entry->copy_len);
    if (rc != RILL_OK)
        end_unfulfilled(f, entry, refusal_of_send(rc));
    return true;
}

static void take_reject(rill_forwarder *f, rill_session *by, rill_pending *entry,
                        const rill_reject *reject, rill_bytes packet)
{
    rill_ilp_code_id code = rill_ilp_code_find(reject->code);
    bool elsewhere = code == RILL_ILP_F02_UNREACHABLE || code == RILL_ILP_F06_UNEXPECTED_PAYMENT;
    if (RILL_UNLIKELY(entry->turn.destination != 0)) {
        if (elsewhere && ask_next(f, by, entry, reject->data.len > 0))
            return;
        /* Data is a word of who knows the packet. */
        if (!elsewhere && reject->data.len > 0)
            note_owner(f, by, entry);
    }
    if (code == RILL_ILP_F02_UNREACHABLE &&
        rill_owners_miss_one(entry->to, f->options->now(f->options->user).mono_ns)) {
        end_unfulfilled(f, entry, one_is_away);
        return;
    }
    look_for_source(f, entry, false);
    if (!entry->own) {
        unfulfilled u = unfulfilled_of(entry);
        u.by_it = true;
        count_rejected(f, &u, reject);
    }
    const rill_talk_answer told = {.code = reject->code, .data = reject->data};
    if (entry->source != NULL)
        answer(entry->source, entry->request, packet.data, packet.len);
    note_over(f, entry, reject);
    if (RILL_UNLIKELY(says_all(f)))
        rill_say_rejected(&f->options->log, entry, reject, false);
    finish_with(f, entry, &told);
}

/* NULL: it has been answered. */
static rill_pending *find_open(const rill_forwarder *f, uint64_t outgoing_id)
{
    rill_pending *entry = rill_pendings_find(&f->pendings, outgoing_id);
    return entry == NULL || entry->group != 0 || entry->asks ? NULL : entry;
}

/*
 * What was rejected here is answered. Who has fulfilled it has booked it, and is owed it by its own
 * books alone: it is named, so that the two can be compared.
 */
static void count_late(rill_forwarder *f, const rill_session *by, const rill_late *late)
{
    const rill_money *money = f->options->money;
    uint64_t given = late->given;
    rill_lates_forget(&f->lates, late->outgoing_id);
    money->late(money->user, by->account->of.terms, given, f->options->now(f->options->user));
}

static void take_late(rill_forwarder *f, const rill_session *by, uint64_t outgoing_id,
                      rill_bytes packet)
{
    const rill_late *late = rill_lates_find(&f->lates, outgoing_id);
    rill_fulfill fulfill;
    bool whole = true;
    if (late != NULL &&
        rill_fulfill_decode_noting(&fulfill, packet.data, packet.len, &whole) == RILL_OK &&
        fulfills(f, late->condition, &fulfill))
        count_late(f, by, late);
}

void rill_forward_stray(rill_forwarder *f, const rill_session *by, const uint8_t *packet,
                        size_t len)
{
    uint8_t condition[RILL_SHA256_LEN];
    const rill_late *late = NULL;
    rill_fulfill fulfill;
    bool whole = true;
    if (f->options->money != NULL &&
        rill_fulfill_decode_noting(&fulfill, packet, len, &whole) == RILL_OK &&
        rill_crypto_sha256(f->crypto, fulfill.fulfillment, 32, condition) == RILL_OK)
        late = rill_lates_find_condition(&f->lates, by->account, condition);
    if (late != NULL)
        count_late(f, by, late);
}

void rill_forward_reply(rill_forwarder *f, rill_session *by, uint64_t outgoing_id,
                        const uint8_t *packet, size_t len)
{
    rill_pending *entry = find_open(f, outgoing_id);
    if (entry == NULL) {
        take_late(f, by, outgoing_id, (rill_bytes){packet, len});
        return;
    }
    /* Its time may be over though the timer has not fired yet. */
    if (f->options->now(f->options->user).mono_ns >= entry->timer.deadline) {
        may_come_late(f, entry);
        end_unfulfilled(f, entry, timed_out);
        take_late(f, by, outgoing_id, (rill_bytes){packet, len});
        return;
    }
    rill_fulfill fulfill;
    rill_reject reject;
    bool whole = true;
    rill_bytes on = {packet, len};
    if (rill_fulfill_decode_noting(&fulfill, packet, len, &whole) == RILL_OK) {
        if (!whole && rill_fulfill_encode_any_size(&fulfill, f->rewriter.out,
                                                   sizeof f->rewriter.out, &len) == RILL_OK)
            on = (rill_bytes){f->rewriter.out, len};
        take_fulfill(f, by, entry, &fulfill, on);
    } else if (rill_reject_decode_noting(&reject, packet, len, &whole) == RILL_OK) {
        if (!whole && rill_reject_encode_any_size(&reject, f->rewriter.out, sizeof f->rewriter.out,
                                                  &len) == RILL_OK)
            on = (rill_bytes){f->rewriter.out, len};
        take_reject(f, by, entry, &reject, on);
    } else {
        complain(f, by, "answered with what is no Fulfill or Reject, rejected T01");
        end_unfulfilled(
            f, entry,
            (refusal){RILL_ILP_T01_PEER_UNREACHABLE, "the destination's answer is malformed"});
    }
}

/* Nobody knows what became of it: the neighbour has said nothing. */
static void tell_unanswered(const rill_forwarder *f, const rill_pending *entry)
{
    const rill_money *money = f->options->money;
    if (entry->hold.between != NULL && money->unanswered != NULL)
        money->unanswered(money->user, entry->to->of.terms, entry->hold.given);
}

void rill_forward_unanswered(rill_forwarder *f, rill_session *by, uint64_t outgoing_id, int error,
                             bool sent)
{
    rill_pending *entry = find_open(f, outgoing_id);
    if (entry == NULL)
        return;
    /* A program without an ear for packets, which only its account shares with another. */
    if (entry->turn.destination != 0 && (error == RILL_ERR_REFUSED || error == RILL_ERR_PROTOCOL))
        by->deaf = true;
    /* It may have been fulfilled: nobody else is asked. */
    if (sent) /* its answer may still come another way */
        may_come_late(f, entry);
    if (sent && error != RILL_ERR_REFUSED && error != RILL_ERR_PROTOCOL)
        tell_unanswered(f, entry);
    end_unfulfilled(
        f, entry,
        (refusal){RILL_ILP_T01_PEER_UNREACHABLE, "the destination left or gave no answer"});
}

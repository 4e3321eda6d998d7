/* SPDX-License-Identifier: Apache-2.0 */
#include "node/owners.h"

#include <string.h>

#include "base/alloc.h"

/*
 * New destinations that a session took when asked first, without ever refusing any. Of two servers
 * with a secret each, either is asked first as often as not about what is the other's.
 */
enum { TAKEN_BY_ONE_OF_A_FLEET = 8 };
/* Seconds in which a program is started again, or its link is made anew. */
enum { COMES_BACK_S = 10 };

void rill_owners_init(rill_owners *o, const rill_allocator *allocator, const uint64_t key[2])
{
    *o = (rill_owners){.allocator = allocator, .key = {key[0], key[1]}};
}

void rill_owners_clear(rill_owners *o)
{
    rill_free(o->allocator, o->sets);
    o->sets = NULL;
}

/* ---- the table ---- */

/* NULL: no memory for it yet. */
static rill_owner *set_of(const rill_owners *o, uint64_t destination)
{
    return o->sets == NULL ? NULL
                           : &o->sets[destination % RILL_OWNERS_SETS * (size_t)RILL_OWNERS_WAYS];
}

/* NULL: nobody is known. */
static rill_owner *find(const rill_owners *o, uint64_t destination)
{
    rill_owner *set = set_of(o, destination);
    for (size_t i = 0; set != NULL && i < RILL_OWNERS_WAYS; i++) {
        if (set[i].destination == destination)
            return &set[i];
    }
    return NULL;
}

static rill_owner *make_set(rill_owners *o, uint64_t destination)
{
    if (o->sets == NULL)
        o->sets =
            rill_calloc(o->allocator, (size_t)RILL_OWNERS_SETS * RILL_OWNERS_WAYS, sizeof *o->sets);
    return set_of(o, destination);
}

/* False where it was known already. */
static bool put(rill_owners *o, uint64_t destination, uint32_t session)
{
    rill_owner *set = make_set(o, destination);
    if (set == NULL)
        return true;
    size_t at = 0;
    while (at < RILL_OWNERS_WAYS - 1 && set[at].destination != destination)
        at++;
    bool known = set[at].destination == destination && set[at].session == session && !set[at].asked;
    /* To the front; where it is new, the last one is forgotten. */
    memmove(&set[1], &set[0], at * sizeof *set);
    set[0] = (rill_owner){.destination = destination, .session = session};
    return !known;
}

/* Nobody who took something is forgotten for who may not: anybody can name destinations. */
static rill_owner *room_for_asked(rill_owners *o, uint64_t destination)
{
    rill_owner *set = make_set(o, destination);
    rill_owner *asked = NULL;
    for (size_t i = 0; set != NULL && i < RILL_OWNERS_WAYS; i++) {
        if (set[i].destination == 0)
            return &set[i];
        if (set[i].asked)
            asked = &set[i];
    }
    return asked;
}

/* ---- the order ---- */

static void place(const rill_account *account, rill_session *session)
{
    uint64_t taken = 0;
    for (rill_list *at = account->sessions.next; at != &account->sessions; at = at->next) {
        const rill_session *s = RILL_CONTAINER(at, rill_session, in_account);
        taken |= UINT64_C(1) << s->place;
    }
    /* Not the one that became free last: a turn that goes on may have been to it. */
    unsigned free = session->serial % RILL_OWNERS_PLACES;
    while ((taken >> free & 1) != 0 && taken != UINT64_MAX)
        free = (free + 1) % RILL_OWNERS_PLACES;
    session->place = (uint8_t)free;
}

/* Before those that take nothing: the first one is asked what the node itself asks. */
static rill_list *place_in_list(rill_account *account, const rill_session *session)
{
    rill_list *at = account->sessions.next;
    while (at != &account->sessions &&
           (session->only_asks || !RILL_CONTAINER(at, rill_session, in_account)->only_asks))
        at = at->next;
    return at;
}

void rill_owners_comes(rill_account *account, rill_session *session)
{
    place(account, session);
    rill_list_push_back(place_in_list(account, session), &session->in_account);
    if (account->missing > 0)
        account->missing--;
}

static uint16_t seconds(uint64_t now)
{
    return (uint16_t)(now / RILL_SECOND);
}

void rill_owners_leaves(rill_account *account, rill_session *session, uint64_t now)
{
    rill_list_remove(&session->in_account);
    bool alone = rill_list_empty(&account->sessions) && !rill_owners_miss_one(account, now);
    if (alone || account->missing == UINT8_MAX)
        return;
    account->missing++;
    account->left_s = seconds(now);
}

bool rill_owners_miss_one(rill_account *account, uint64_t now)
{
    if ((uint16_t)(seconds(now) - account->left_s) > COMES_BACK_S)
        account->missing = 0;
    return account->missing > 0;
}

static uint64_t place_of(const rill_session *s)
{
    return UINT64_C(1) << s->place;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/*
 * The heaviest session is asked first: another one that comes or goes changes nothing between
 * those that stay. Those who did not answer are asked last, and those who take nothing after them.
 */
static uint64_t weight_of(const rill_session *s, uint64_t destination)
{
    uint64_t weight = mix(destination ^ mix(s->serial)) >> 1;
    if (s->only_asks)
        return weight >> 2;
    return s->deaf ? (weight >> 2) | UINT64_C(1) << 61 : (weight >> 1) | UINT64_C(1) << 62;
}

void rill_owners_begin(rill_owners *o, rill_turn *turn, rill_bytes destination,
                       const rill_session *except, const rill_session *source)
{
    uint64_t hash = rill_siphash(o->key, destination.data, destination.len);
    *turn = (rill_turn){
        .destination = hash != 0 ? hash : 1,
        .done = except != NULL ? place_of(except) : 0,
    };
    const rill_owner *owner = find(o, turn->destination);
    turn->first = owner != NULL ? owner->session : 0;
    if (source != NULL)
        turn->first = source->serial;
    else
        turn->unsure = owner != NULL && owner->asked;
}

static rill_session *with_serial(const rill_account *account, uint32_t serial)
{
    for (rill_list *at = account->sessions.next; at != &account->sessions; at = at->next) {
        rill_session *s = RILL_CONTAINER(at, rill_session, in_account);
        if (s->serial == serial)
            return s;
    }
    return NULL;
}

rill_session *rill_owners_asked(const rill_account *account, const rill_turn *turn)
{
    return with_serial(account, turn->asked);
}

/* Who is deaf may change while others are asked: so it is known who has been, not how far it got.
 */
static rill_session *heaviest_left(const rill_account *account, const rill_turn *turn)
{
    rill_session *best = NULL;
    uint64_t most = 0;
    for (rill_list *at = account->sessions.next; at != &account->sessions; at = at->next) {
        rill_session *s = RILL_CONTAINER(at, rill_session, in_account);
        uint64_t weight = weight_of(s, turn->destination);
        if ((turn->done & place_of(s)) != 0)
            continue;
        if (best == NULL || weight > most) {
            best = s;
            most = weight;
        }
    }
    return best;
}

/* Until it answers it may be the owner; who took the last packet is, unless it was asked, or left.
 */
static void note_asked(rill_owners *o, const rill_account *account, const rill_turn *turn,
                       const rill_session *session)
{
    rill_owner *owner = find(o, turn->destination);
    if (owner != NULL && !owner->asked) {
        const rill_session *last = with_serial(account, owner->session);
        if (last == session || (last != NULL && (turn->done & place_of(last)) == 0))
            return;
    }
    if (owner == NULL)
        owner = room_for_asked(o, turn->destination);
    if (owner != NULL)
        *owner = (rill_owner){turn->destination, session->serial, true};
}

rill_session *rill_owners_next(rill_owners *o, const rill_account *account, rill_turn *turn)
{
    rill_session *next = NULL;
    if (turn->asked == 0)
        next = with_serial(account, turn->first);
    if (next != NULL && turn->unsure && next->deaf)
        next = NULL;
    if (next == NULL || (turn->done & place_of(next)) != 0)
        next = heaviest_left(account, turn);
    if (next == NULL && turn->word != turn->asked) {
        next = with_serial(account, turn->word);
        turn->word = 0;
    }
    if (next != NULL) {
        note_asked(o, account, turn, next);
        turn->alone = turn->asked == 0;
        turn->asked = next->serial;
        turn->done |= place_of(next);
    }
    return next;
}

/* ---- what is learnt ---- */

void rill_owners_not_his(rill_owners *o, rill_turn *turn, rill_session *session, bool word)
{
    rill_owner *owner = find(o, turn->destination);
    if (owner != NULL && owner->asked && owner->session == session->serial)
        *owner = (rill_owner){0};
    if (word)
        turn->word = session->serial;
    session->refuses = true;
    session->deaf = false;
}

bool rill_owners_took(rill_owners *o, const rill_account *account, const rill_turn *turn,
                      rill_session *session)
{
    session->deaf = false;
    if (!put(o, turn->destination, session->serial) || !turn->alone ||
        (turn->first != 0 && !turn->unsure))
        return false;
    if (session->taken < UINT8_MAX)
        session->taken++;
    if (session->taken < TAKEN_BY_ONE_OF_A_FLEET || session->refuses)
        return false;
    for (rill_list *at = account->sessions.next; at != &account->sessions; at = at->next) {
        rill_session *other = RILL_CONTAINER(at, rill_session, in_account);
        if (other == session || other->refuses || other->taken < TAKEN_BY_ONE_OF_A_FLEET)
            continue;
        session->refuses = other->refuses = true; /* it has been said */
        return true;
    }
    return false;
}

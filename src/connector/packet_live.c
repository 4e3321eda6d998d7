/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/packet_live.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <rill/error.h>

#include "base/alloc.h"
#include "connector/when.h"

/* What a packet that nobody is shown is known by. */
enum { SHOWN_TO_NOBODY = RILL_LIVE_KEPT + 1 };

typedef enum packet_state { NONE, UNDER_WAY, OVER, NOT_KNOWN } packet_state;

/* A packet that is shown to somebody. Sets of those who watch are bits. */
typedef struct shown_packet {
    uint64_t number; /* 1, 2, ...: in the order of their coming; 0: there is none */
    uint64_t begun_ns;
    uint64_t came_ms;
    uint64_t took_us;
    uint64_t in;
    uint64_t out;
    packet_state state;
    char code[4]; /* empty: it was fulfilled */
    bool by_node;
    bool has_id;
    bool was_sent;
    uint8_t id[RILL_PACKET_ID];
    uint8_t wanted; /* they see it */
    uint8_t due;    /* they are to be told how it is */
    uint8_t told;   /* they were told of it */
    char from[RILL_STORE_NAME_MAX + 1];
    char to[RILL_STORE_NAME_MAX + 1];
} shown_packet;

_Static_assert(RILL_LIVE_WATCHES <= 8, "those who watch are bits of a byte");

typedef struct watch {
    bool used;
    rill_live_filter filter;
    unsigned left;       /* packets that it may still be shown before the next look */
    uint64_t skip;       /* packets that pass before the next one that it is shown */
    uint64_t met;        /* packets that it could have been shown since the last look */
    uint64_t stride;     /* one of so many it is shown */
    uint64_t passed;     /* packets of the filter since it was told how many */
    uint64_t shown;      /* new ones that it was told of since then */
    uint64_t counted_at; /* when that was: monotonic nanoseconds */
    bool quiet;          /* what it was told then is that there were none */
    uint64_t at;         /* the number behind the one that it was told of last in this look */
} watch;

struct rill_live {
    const rill_allocator *allocator;
    shown_packet packets[RILL_LIVE_KEPT]; /* a ring */
    size_t place;                         /* of the next one */
    uint64_t last;                        /* the number of the newest */
    watch watches[RILL_LIVE_WATCHES];
    unsigned count;
    uint8_t patient; /* those who are told of a packet when it is fulfilled, and not before */
    uint64_t random; /* for a sample that no rhythm of packets can dodge */
    rill_now now;    /* of the last look */
    char *text;      /* that was told last */
};

bool rill_live_parse_outcome(const char *text, rill_live_filter *out)
{
    static const struct {
        const char *name;
        rill_live_outcome outcome;
    } all[] = {
        {"open", RILL_LIVE_OPEN},
        {"fulfilled", RILL_LIVE_FULFILLED},
        {"rejected", RILL_LIVE_REJECTED},
        {"expired", RILL_LIVE_EXPIRED},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(text, all[i].name) == 0) {
            out->outcome = all[i].outcome;
            return true;
        }
    }
    if (strlen(text) != 3 || text[0] < 'A' || text[0] > 'Z' || text[1] < '0' || text[1] > '9' ||
        text[2] < '0' || text[2] > '9')
        return false;
    out->outcome = RILL_LIVE_CODE;
    memcpy(out->code, text, sizeof out->code);
    return true;
}

int rill_live_new(rill_live **out, const rill_allocator *allocator)
{
    rill_live *l = rill_calloc(allocator, 1, sizeof *l);
    if (l == NULL)
        return RILL_ERR_NOMEM;
    l->allocator = allocator;
    l->random = UINT64_C(0x9e3779b97f4a7c15);
    *out = l;
    return RILL_OK;
}

void rill_live_free(rill_live *l)
{
    if (l == NULL)
        return;
    free(l->text);
    rill_free(l->allocator, l);
}

int rill_live_watch(rill_live *l, const rill_live_filter *filter, rill_now now, unsigned *out)
{
    unsigned i = 0;
    while (i < RILL_LIVE_WATCHES && l->watches[i].used)
        i++;
    if (i == RILL_LIVE_WATCHES)
        return RILL_ERR_LIMIT;
    l->watches[i] = (watch){
        .used = true, .filter = *filter, .left = RILL_LIVE_SHOWN, .counted_at = now.mono_ns};
    l->now = now;
    l->count++;
    if (filter->outcome == RILL_LIVE_FULFILLED)
        l->patient |= (uint8_t)(1u << i);
    *out = i;
    return RILL_OK;
}

void rill_live_leave(rill_live *l, unsigned number)
{
    const uint8_t others = (uint8_t) ~(1u << number);
    assert(l->watches[number].used);
    l->watches[number].used = false;
    l->count--;
    l->patient &= others;
    for (size_t i = 0; i < RILL_LIVE_KEPT; i++) {
        l->packets[i].wanted &= others;
        l->packets[i].due &= others;
        l->packets[i].told &= others;
    }
}

bool rill_live_is_idle(const rill_live *l)
{
    return l->count == 0;
}

/* ---- whom a packet is shown to ---- */

/* xorshift64*: from 0 to most. */
static uint64_t random_up_to(rill_live *l, uint64_t most)
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return (l->random * UINT64_C(2685821657736338717) >> 11) % (most + 1);
}

/* One of `stride` packets on average, and no more than there is room for. */
static bool take(rill_live *l, watch *w)
{
    w->met++;
    if (w->left == 0)
        return false;
    if (w->skip > 0) {
        w->skip--;
        return false;
    }
    w->left--;
    if (w->stride > 1)
        w->skip = random_up_to(l, 2 * (w->stride - 1));
    return true;
}

static bool is_of_account(const watch *w, const rill_live_packet *p)
{
    return w->filter.account[0] == '\0' || strcmp(w->filter.account, p->from) == 0 ||
           (p->to != NULL && strcmp(w->filter.account, p->to) == 0);
}

/* An end that it waits for; of one that is chosen when it comes this says if it is shown. */
static bool is_end_of(const watch *w, const rill_live_packet *p)
{
    switch (w->filter.outcome) {
    case RILL_LIVE_FULFILLED:
        return p->code == NULL;
    case RILL_LIVE_REJECTED:
        return p->code != NULL;
    case RILL_LIVE_EXPIRED:
        return p->code != NULL && p->by_node && strcmp(p->code->text, "R00") == 0;
    case RILL_LIVE_CODE:
        return p->code != NULL && strcmp(p->code->text, w->filter.code) == 0;
    default:
        return true;
    }
}

/*
 * Most packets are fulfilled, so these are chosen when they come: then all is known of them. Those
 * with another end are chosen when they are over.
 */
static bool chooses_early(const watch *w)
{
    return w->filter.outcome <= RILL_LIVE_FULFILLED;
}

/* Those who are shown a packet that comes. */
static unsigned choose_early(rill_live *l, const rill_live_packet *p)
{
    unsigned who = 0;
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++) {
        watch *w = &l->watches[i];
        if (!w->used || !chooses_early(w) || !is_of_account(w, p))
            continue;
        w->passed += w->filter.outcome != RILL_LIVE_FULFILLED;
        if (take(l, w))
            who |= 1u << i;
    }
    return who;
}

/* Those who are shown a packet since it ended so. */
static unsigned choose_late(rill_live *l, const rill_live_packet *p)
{
    unsigned who = 0;
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++) {
        watch *w = &l->watches[i];
        if (!w->used || w->filter.outcome < RILL_LIVE_FULFILLED || !is_of_account(w, p) ||
            !is_end_of(w, p))
            continue;
        w->passed++;
        if (!chooses_early(w) && take(l, w))
            who |= 1u << i;
    }
    return who;
}

/* ---- on a packet's way ---- */

/*
 * The oldest goes for a new one, but for those of which somebody was told that they are under way.
 * Unless there are very many of these: then who was told has newer ones to look at.
 */
static shown_packet *make_room(rill_live *l)
{
    shown_packet *s = NULL;
    for (size_t i = 0; i < RILL_LIVE_KEPT / 8; i++) {
        s = &l->packets[l->place++ % RILL_LIVE_KEPT];
        if (s->state != UNDER_WAY || s->told == 0)
            break;
    }
    return s;
}

static void copy_name(char out[RILL_STORE_NAME_MAX + 1], const char *name)
{
    size_t len = name == NULL ? 0 : strlen(name);
    if (len > RILL_STORE_NAME_MAX)
        len = RILL_STORE_NAME_MAX;
    if (len > 0)
        memcpy(out, name, len);
    out[len] = '\0';
}

static shown_packet *show(rill_live *l, const rill_live_packet *p, unsigned who, rill_now now)
{
    shown_packet *s = make_room(l);
    s->number = ++l->last;
    s->begun_ns = p->begun_ns;
    const uint64_t ago = now.mono_ns > p->begun_ns ? (now.mono_ns - p->begun_ns) / RILL_MS : 0;
    s->came_ms = now.wall_ms > ago ? now.wall_ms - ago : 0;
    s->in = p->in;
    s->out = p->out;
    s->state = UNDER_WAY;
    s->was_sent = p->to != NULL;
    s->has_id = p->condition != NULL;
    if (s->has_id)
        memcpy(s->id, p->condition, sizeof s->id);
    s->wanted = s->due = (uint8_t)who;
    s->told = 0;
    copy_name(s->from, p->from);
    copy_name(s->to, p->to);
    return s;
}

static void end(shown_packet *s, const rill_live_packet *p, rill_now now)
{
    s->state = OVER;
    s->took_us = now.mono_ns > s->begun_ns ? (now.mono_ns - s->begun_ns) / 1000 : 0;
    s->by_node = p->by_node;
    memset(s->code, 0, sizeof s->code);
    if (p->code != NULL)
        memcpy(s->code, p->code->text, 3);
}

uint32_t rill_live_sent(rill_live *l, const rill_live_packet *p, rill_now now)
{
    const unsigned who = choose_early(l, p);
    if (who == 0)
        return SHOWN_TO_NOBODY;
    shown_packet *s = show(l, p, who, now);
    s->due &= (uint8_t)~l->patient;
    return (uint32_t)(s - l->packets) + 1;
}

/* Who wants to see those under way, or that were fulfilled, sees it no more, or only now. */
static void tell_end(const rill_live *l, shown_packet *s, const rill_live_packet *p)
{
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++) {
        const uint8_t bit = (uint8_t)(1u << i);
        const watch *w = &l->watches[i];
        if ((s->wanted & bit) == 0)
            continue;
        const bool gone = w->filter.outcome == RILL_LIVE_OPEN && (s->told & bit) == 0;
        if (gone || !is_end_of(w, p)) {
            s->wanted &= (uint8_t)~bit;
            s->due &= (uint8_t)~bit;
        } else {
            s->due |= bit;
        }
    }
}

void rill_live_over(rill_live *l, uint32_t number, const rill_live_packet *p, rill_now now)
{
    unsigned who = choose_late(l, p);
    shown_packet *s = NULL;
    assert(number > 0 && number <= RILL_LIVE_NUMBER_MAX);
    if (number != SHOWN_TO_NOBODY) {
        s = &l->packets[number - 1];
        /* Its place may be a newer one's by now. */
        if (s->number == 0 || s->state != UNDER_WAY || s->begun_ns != p->begun_ns)
            s = NULL;
    }
    if (s != NULL)
        tell_end(l, s, p);
    else if (who != 0)
        s = show(l, p, who, now);
    if (s == NULL)
        return;
    s->wanted |= (uint8_t)who;
    s->due |= (uint8_t)who;
    end(s, p, now);
}

void rill_live_refused(rill_live *l, const rill_live_packet *p, rill_now now)
{
    unsigned who = choose_late(l, p);
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++) {
        watch *w = &l->watches[i];
        if (!w->used || w->filter.outcome > RILL_LIVE_OPEN || !is_of_account(w, p))
            continue;
        w->passed++;
        if (w->filter.outcome == RILL_LIVE_ALL && take(l, w))
            who |= 1u << i;
    }
    if (who != 0)
        end(show(l, p, who, now), p, now);
}

void rill_live_forget(rill_live *l)
{
    for (size_t i = 0; i < RILL_LIVE_KEPT; i++) {
        shown_packet *s = &l->packets[i];
        if (s->state != UNDER_WAY)
            continue;
        s->state = NOT_KNOWN;
        s->due |= s->told;
    }
}

/* ---- looking ---- */

void rill_live_look(rill_live *l, rill_now now)
{
    l->now = now;
    for (unsigned i = 0; i < RILL_LIVE_WATCHES; i++) {
        watch *w = &l->watches[i];
        w->stride = (w->met + RILL_LIVE_SHOWN - 1) / RILL_LIVE_SHOWN;
        w->met = 0;
        w->left = RILL_LIVE_SHOWN;
        if (w->skip > w->stride)
            w->skip = w->stride > 1 ? random_up_to(l, w->stride - 1) : 0;
        w->at = 0;
    }
}

static json_t *amount_json(uint64_t amount)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, amount);
    return json_string(text);
}

static json_t *id_json(const shown_packet *s)
{
    char text[2 * RILL_PACKET_ID + 1];
    if (!s->has_id)
        return json_null();
    for (size_t i = 0; i < RILL_PACKET_ID; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", s->id[i]);
    return json_string(text);
}

static const char *result_of(const shown_packet *s)
{
    switch (s->state) {
    case UNDER_WAY:
        return "open";
    case OVER:
        return s->code[0] == '\0' ? "fulfilled" : s->code;
    default:
        return "unknown";
    }
}

static json_t *packet_json(const shown_packet *s)
{
    char came[RILL_WHEN_TEXT];
    const bool over = s->state == OVER;
    const bool rejected = over && s->code[0] != '\0';
    rill_when_text(s->came_ms, came);
    return json_pack("{s:I, s:s, s:s, s:s?, s:o, s:o, s:o, s:s, s:s?, s:o}", "number",
                     (json_int_t)s->number, "came", came, "from", s->from, "to",
                     s->was_sent ? s->to : NULL, "in", amount_json(s->in), "out",
                     s->was_sent ? amount_json(s->out) : json_null(), "id", id_json(s), "result",
                     result_of(s), "by",
                     !rejected    ? NULL
                     : s->by_node ? "node"
                                  : "neighbour",
                     "us", over ? json_integer((json_int_t)s->took_us) : json_null());
}

static json_t *count_json(watch *w, rill_now now)
{
    char at[RILL_WHEN_TEXT];
    rill_when_text(now.wall_ms, at);
    json_t *value = json_pack("{s:s, s:f, s:I, s:I}", "at", at, "seconds",
                              (double)((now.mono_ns - w->counted_at) / RILL_MS) / 1000, "passed",
                              (json_int_t)w->passed, "shown", (json_int_t)w->shown);
    w->quiet = w->passed == 0;
    w->passed = w->shown = 0;
    w->counted_at = now.mono_ns;
    return value;
}

/* False: there was no memory for it, and it is not shown. */
static bool tell(rill_live *l, const char *name, json_t *value, rill_live_event *out)
{
    free(l->text);
    l->text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    json_decref(value);
    *out = (rill_live_event){name, l->text};
    return l->text != NULL;
}

/* The oldest that it is to be told of, and was not told of in this look. NULL: none. */
static shown_packet *first_due(rill_live *l, unsigned number)
{
    shown_packet *first = NULL;
    for (size_t i = 0; i < RILL_LIVE_KEPT; i++) {
        shown_packet *s = &l->packets[i];
        if ((s->due & (1u << number)) != 0 && s->number >= l->watches[number].at &&
            (first == NULL || s->number < first->number))
            first = s;
    }
    return first;
}

static bool next_packet(rill_live *l, unsigned number, rill_live_event *out)
{
    const uint8_t bit = (uint8_t)(1u << number);
    watch *w = &l->watches[number];
    shown_packet *s;
    while ((s = first_due(l, number)) != NULL) {
        w->at = s->number + 1;
        s->due &= (uint8_t)~bit;
        if (!tell(l, "packet", packet_json(s), out))
            continue;
        w->shown += (s->told & bit) == 0;
        s->told |= bit;
        return true;
    }
    return false;
}

bool rill_live_next(rill_live *l, unsigned number, rill_live_event *out)
{
    watch *w = &l->watches[number];
    assert(w->used);
    if (next_packet(l, number, out))
        return true;
    if (l->now.mono_ns - w->counted_at < RILL_LIVE_EVERY || (w->passed == 0 && w->quiet))
        return false;
    return tell(l, "count", count_json(w, l->now), out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaks CCP with neighbours: asks them for their routes, learns what they tell, and tells them
 * ours, as ilp-connector and interledger-rs do. It makes no system call. Its owner passes the time
 * and what comes, and sends what it wants to have sent.
 *
 * A neighbour that we learn from is asked when it comes, when an update is missing (a gap), and
 * when nothing has been heard for longer than updates take. Its ways are good until its hold-down
 * time has passed without a word, also while it is away, but they are taken only if there is no
 * other: packets then get T01, which senders try again. What it had told is kept with its table
 * and epoch, so that it goes on where it stopped. If its table is another one, what is not in that
 * goes when all of it has come.
 *
 * A neighbour that asks us is told what has changed since what it knows, a packet at a time, the
 * next one when it has said that it has it.
 */
#ifndef RILL_CONNECTOR_SPEAKER_H
#define RILL_CONNECTOR_SPEAKER_H

#include <rill/error.h>

#include "base/heap.h"
#include "connector/rib.h"
#include "node/log.h"

/* Prefixes that are looked at in one go, in a few milliseconds. */
#define RILL_SPEAKER_BATCH 4096
/* Bytes of an update's data: all implementations take so much. */
#define RILL_SPEAKER_MAX_DATA 24000

/* A neighbour. All but the first group is the speaker's. */
typedef struct rill_speaker_peer {
    rill_via via;
    void *owner;
    size_t most;   /* routes that we learn from it */
    bool tells;    /* we tell it our routes, if it asks */
    bool is_heard; /* we ask it for its routes; see rill_speaker_prepare */

    bool up;
    /* Most neighbours are children that are not asked, and that do not ask: NULL. */
    struct rill_speaker_talk *talk;
} rill_speaker_peer;

/* What one of us has asked the other, and was told. All but the first group is the speaker's. */
typedef struct rill_speaker_talk {
    rill_speaker_peer *peer;
    uint8_t kept_table[RILL_CCP_TABLE_LEN]; /* what a store has of it: for the owner */
    uint32_t kept_epoch;
    bool unkept; /* the same: the store lacks some of it, until the node is started again */

    rill_timer timer;
    rill_list in_talks; /* in rill_speaker.talks */
    bool wants;         /* it has asked to be told */
    /* what we tell */
    uint8_t table[RILL_CCP_TABLE_LEN]; /* our table, as it knows it */
    uint32_t told;                     /* it has all before this epoch */
    uint32_t telling;                  /* it will have, when it says that it has the packet */
    bool more;                         /* than there was room for */
    uint64_t update_id;                /* that it has not answered yet; 0: none */
    uint64_t tell_at;                  /* not before this */
    uint64_t beat_at;                  /* at the latest, also if there is nothing new */
    unsigned tell_failures;
    /* what it tells */
    uint8_t heard_table[RILL_CCP_TABLE_LEN]; /* zeros: none */
    uint32_t heard;                          /* we have all before this epoch */
    uint64_t expiry;                         /* of all that it told; RILL_NEVER: there is nothing */
    bool whole;                              /* we have had all of the table once */
    uint64_t control_id;                     /* that it has not answered yet; 0: none */
    uint64_t ask_at;
    uint64_t asked_at;
    unsigned ask_failures;
    unsigned unheard; /* so often it has said yes since anything was heard */
    bool full;        /* it told more than `most`: this has been logged */
    bool restored;    /* what the store had of it has not been confirmed yet */
} rill_speaker_talk;

typedef struct rill_speaker_options {
    const rill_allocator *allocator;
    rill_bytes address; /* our own; stays, as does the next */
    rill_crypto *crypto;
    uint8_t secret[32]; /* random */
    uint64_t key[2];    /* random */
    uint64_t interval;  /* between updates if nothing changes, in nanoseconds */
    uint64_t hold_down; /* how long what we tell is good without a word; nanoseconds */
    uint64_t least;     /* time between two updates; nanoseconds */
    /* As of rill_rib_options; via is the first member of a peer. */
    int (*apply)(void *user, rill_bytes prefix, rill_via *via);
    rill_via *(*given)(void *user, rill_bytes prefix);
    void (*learnt)(void *user, rill_via *via, rill_bytes prefix, const rill_ccp_route *route);
    rill_log log;
    void *user;
} rill_speaker_options;

/* 30 s, 45 s, 150 ms, as ilp-connector has it. */
void rill_speaker_options_init(rill_speaker_options *o);

typedef struct rill_speaker {
    rill_speaker_options options;
    rill_rib rib;
    rill_heap timers;
    rill_list talks;
    uint8_t table[RILL_CCP_TABLE_LEN];
    uint64_t tables;                     /* so many have been named */
    uint64_t id;                         /* of the last message */
    uint32_t planned;                    /* the epoch when all peers were last looked at */
    uint64_t retry_at;                   /* settling failed for want of memory; 0: it did not */
    uint64_t forget_at;                  /* when withdrawals are next looked at */
    uint8_t data[RILL_SPEAKER_MAX_DATA]; /* of the last message */
} rill_speaker;

/* RILL_ERR_NOMEM; RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_speaker_init(rill_speaker *s, const rill_speaker_options *options);
/* Its peers are the owner's. */
void rill_speaker_clear(rill_speaker *s);

/* ---- neighbours ---- */

/*
 * The first group of *p has been set, by rill_via_init and by its owner, and all else is zero.
 * It is away. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_speaker_add(rill_speaker *s, rill_speaker_peer *p);
/*
 * It will be asked for its routes: called before is_heard becomes true of a peer that was added.
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_speaker_prepare(rill_speaker *s, rill_speaker_peer *p);
/* Packets go nowhere by it any more: see rill_rib_forget. */
void rill_speaker_remove(rill_speaker *s, rill_speaker_peer *p);
/* Forgets what it told. */
void rill_speaker_drop(rill_speaker *s, rill_speaker_peer *p);
/* What their owner has set of peers has changed. */
void rill_speaker_review(rill_speaker *s);
/* It is connected, and is not. */
void rill_speaker_up(rill_speaker *s, rill_speaker_peer *p, uint64_t now);
void rill_speaker_down(rill_speaker *s, rill_speaker_peer *p, uint64_t now);

/* What a store keeps of it beside its routes: zeros if it has to tell all again. */
void rill_speaker_known(const rill_speaker_peer *p, uint8_t table[RILL_CCP_TABLE_LEN],
                        uint32_t *epoch);
/*
 * What a store had of it, before it is up: its table, and then each route. It is good as if it had
 * been heard now. RILL_ERR_NOMEM.
 */
void rill_speaker_restore(rill_speaker *s, rill_speaker_peer *p,
                          const uint8_t table[RILL_CCP_TABLE_LEN], uint32_t epoch, uint64_t now);
RILL_MUST_CHECK int rill_speaker_restore_route(rill_speaker *s, rill_speaker_peer *p,
                                               const rill_ccp_route *route);

/* ---- messages ---- */

/*
 * The data of a Prepare to peer.route.control or peer.route.update. RILL_OK: it is to be fulfilled.
 * RILL_ERR_MALFORMED, RILL_ERR_NOMEM, RILL_ERR_CRYPTO: *problem says what is wrong, static.
 */
RILL_MUST_CHECK int rill_speaker_take_control(rill_speaker *s, rill_speaker_peer *p,
                                              rill_bytes data, uint64_t now, const char **problem);
RILL_MUST_CHECK int rill_speaker_take_update(rill_speaker *s, rill_speaker_peer *p, rill_bytes data,
                                             uint64_t now, const char **problem);

typedef struct rill_speaker_message {
    rill_speaker_peer *to;
    const char *destination; /* of the Prepare */
    rill_bytes data;         /* valid until the next call */
    uint64_t id;
} rill_speaker_message;

/* Something to be sent now. False: there is nothing more, until rill_speaker_deadline. */
bool rill_speaker_next(rill_speaker *s, uint64_t now, rill_speaker_message *out);
/* It was fulfilled; or it was rejected, was not answered in time, or could not be sent. */
void rill_speaker_answered(rill_speaker *s, rill_speaker_peer *p, uint64_t id, bool fulfilled,
                           uint64_t now);
/* When rill_speaker_next is wanted though nothing happens; 0: at once. */
uint64_t rill_speaker_deadline(const rill_speaker *s);

#endif

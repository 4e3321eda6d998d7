/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who follow what happens, or watch packets, over HTTP: Server-Sent Events. Nobody of them
 * holds the node up. Who reads slowly is written nothing until it has read, and told then what it
 * has missed; who does not read at all is cut off.
 */
#ifndef RILL_CONNECTOR_FOLLOW_H
#define RILL_CONNECTOR_FOLLOW_H

#include "connector/events.h"
#include "web/web.h"

/* More are refused. */
#define RILL_FOLLOWERS_MAX 32
/* Who has so many bytes to read is written nothing more. */
#define RILL_FOLLOWER_BEHIND ((size_t)64 * 1024)
/* So long, and then it is cut off. */
#define RILL_FOLLOWER_PATIENCE (30 * RILL_SECOND)
/* Who was told nothing for so long is told that, so that both know that the other is there. */
#define RILL_FOLLOWER_SILENCE (15 * RILL_SECOND)

typedef struct rill_followers {
    rill_loop *loop;
    rill_core *core;
    rill_events *events;
    rill_list all;
    size_t count;     /* of all */
    size_t watching;  /* of them: those who watch packets */
    bool writing;     /* those who leave are taken out later */
    uv_timer_t timer; /* runs while somebody follows, or may come back */
    void (*closed)(void *user);
    void *user;
} rill_followers;

/* core is borrowed. RILL_ERR_NOMEM. It ends by rill_followers_close, and stays where it is. */
RILL_MUST_CHECK int rill_followers_open(rill_followers *f, rill_loop *loop, rill_core *core);
/* After all connections are closed. `closed` follows, from the loop. */
void rill_followers_close(rill_followers *f, void (*closed)(void *user), void *user);

/*
 * Answers with all that happens from now on, or since the event of this id (empty: from now on).
 * RILL_ERR_LIMIT: there are too many; RILL_ERR_NOMEM. Then it is not answered.
 */
RILL_MUST_CHECK int rill_followers_add(rill_followers *f, rill_web_connection *c, uint64_t handle,
                                       rill_bytes last);
/* Answers with packets as they pass. As rill_followers_add; RILL_LIVE_WATCHES may watch. */
RILL_MUST_CHECK int rill_followers_watch(rill_followers *f, rill_web_connection *c, uint64_t handle,
                                         const rill_live_filter *filter);
/* Who asked has gone; any other handle is ignored. */
void rill_followers_gone(rill_followers *f, const rill_web_connection *c, uint64_t handle);
/* All that came by this connection have. */
void rill_followers_over(rill_followers *f, const rill_web_connection *c);
/* Ends all that came by connections of this, who may come again: a token may not be good any more.
 */
void rill_followers_end(rill_followers *f, const rill_web *web);

#endif

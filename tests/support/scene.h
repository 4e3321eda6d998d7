/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair whose application goes on if something fails. It records what it was told, tries once
 * more, and never uses what is gone. This checks what it must be able to rely on even then:
 * documented errors, books that agree to the unit, bytes in order and unchanged, one report for
 * each wait, an end to everything.
 */
#ifndef RILL_TESTS_SCENE_H
#define RILL_TESTS_SCENE_H

#include "pair.h"

#define SCENE_TRACKS 128

/* What was asked of one stream, and what was reported of it. */
typedef struct scene_track {
    pair_side side;
    const rill_connection *connection; /* NULL: it is over */
    uint64_t id;
    uint64_t written; /* accepted */
    bool wants_sent;
    bool wants_received;
    unsigned sent; /* events */
    unsigned received;
} scene_track;

typedef struct scene {
    pair p;
    rill_connection_options connection; /* of the client's */
    /* most failures; after them things succeed when tried again */
    bool one_failure;
    bool idle_allowed;  /* ends by time-outs are part of it */
    unsigned problems;  /* errors that the application was told */
    int problem;        /* the first */
    unsigned connected; /* connections of both sides that there ever were */
    scene_track tracks[SCENE_TRACKS];
    unsigned track_count;
    void *user; /* of the scenario */
} scene;

typedef struct scenario {
    const char *name;
    void (*options)(pair_options *o); /* NULL: as they are */
    void (*run)(scene *s);
    void (*check)(scene *s); /* whether it did what it is for, if nothing failed */
    bool idle_allowed;
} scenario;

extern const scenario scenarios[];
extern const unsigned scenario_count;

/*
 * One run, from the making of both endpoints to the last event. o brings the allocators. False if
 * the endpoints could not be made.
 */
bool scene_play(scene *s, const scenario *what, pair_options *o, bool one_failure);
/* After scene_play: frees the endpoints. */
void scene_close(scene *s);

/* One more connection. */
bool scene_connect(scene *s);
/* A stream of the side's latest connection; 0 if it could not be opened. */
uint64_t scene_open(scene *s, pair_side side);
/* NULL if it is over, or never existed. */
rill_stream *scene_stream(scene *s, pair_side side, uint64_t id);
/* Bytes whose values follow from side, id and offset. */
void scene_write(scene *s, pair_side side, uint64_t id, size_t len);
/* timeout: nanoseconds from now, or RILL_NEVER. */
void scene_send(scene *s, pair_side side, uint64_t id, uint64_t total, uint64_t timeout);
void scene_receive(scene *s, pair_side side, uint64_t id, uint64_t total, uint64_t timeout);
void scene_end_stream(scene *s, pair_side side, uint64_t id);
/*
 * Decides on everything that was asked and is not decided yet: each `no`th with no; 0: none with
 * no.
 */
void scene_decide(scene *s, pair_side side, unsigned no);
/* Ends all connections of the client, and waits for it. */
void scene_finish(scene *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the application share. */
#ifndef SIM_APP_INTERNAL_H
#define SIM_APP_INTERNAL_H

#include "app.h"

#include <rill/error.h>

/* Everything that this end of a stream was asked to do. It is kept after the stream's end. */
typedef struct sim_app_stream {
    sim_app *app;
    rill_stream *stream; /* NULL once its end was reported */
    unsigned pair;
    uint64_t id;
    bool slow;
    bool reading;      /* a slow reader's next read is in the queue */
    uint64_t read;     /* bytes taken and checked */
    uint64_t to_write; /* bytes that it wants to write */
    uint64_t written;  /* accepted by the core */
    bool sending;      /* rill_stream_send_total is under way */
    uint64_t send_total;
    uint64_t send_deadline; /* its clock */
    bool receiving;
    uint64_t receive_total;
    uint64_t receive_deadline;
    uint64_t money_events; /* sums of MONEY and of PROGRESS */
    uint64_t progress_events;
    bool ending;     /* we called rill_stream_end */
    bool closed;     /* we called rill_stream_close, or the connection's */
    bool ended_well; /* it ended by our rill_stream_end, without an error */
    bool crashed;    /* its endpoint was destroyed */
    uint64_t got;    /* the bytes in order that it had then */
    uint64_t given;  /* the same, or those that it had when its end was reported */
    uint64_t told;   /* of the bytes that it wrote, those that it was told then had arrived */
    unsigned life;   /* the lives of its host and of its client to which what it writes belongs */
    bool from_known; /* its bytes are from this life of the other side */
    unsigned from_life;
    unsigned client_life; /* the life of its connection's client */
    bool cut_short;       /* a payment, or a wait for money, was under way when it ended */
    uint64_t progress;    /* while it is ending: how far it has come, */
    uint64_t progress_at; /* and since when that is so, by its host's monotonic clock */
    bool read_well;       /* the other side closed it without an error, and it ended without one */
} sim_app_stream;

/* Since when a connection is in a state, by its host's monotonic clock; 0: it is not. */
typedef struct sim_watch {
    uint64_t progress;
    uint64_t silent_since; /* it waits for something, and does not report it */
    uint64_t closing_since;
} sim_watch;

typedef struct sim_decision {
    uint64_t decision;
    uint64_t request;
    uint64_t expires_at;
    uint64_t expires_ns; /* the same time by our monotonic clock of that moment */
    unsigned pair;
    bool made;
    bool never;
    bool expires_late; /* ... by our clock, longer than packets live */
    bool fulfill;
} sim_decision;

struct sim_app {
    sim_host *host;
    sim_report *report;
    sim_app_config config;
    rill_connection_options options;
    sim_rng rng;
    sim_app_stream **streams;
    unsigned stream_count;
    unsigned stream_capacity;
    rill_connection *connections[SIM_MAX_PAIRS]; /* NULL: not yet, or no longer */
    bool ended[SIM_MAX_PAIRS];
    bool closing[SIM_MAX_PAIRS]; /* we ended it */
    sim_decision *decisions;
    uint64_t decision_count;
    uint64_t decision_capacity;
    bool settling;
    bool enough;              /* it pays no more */
    int error[SIM_MAX_PAIRS]; /* number of ends */
    /* one of its streams was cut short, so its end must not be success */
    bool undone[SIM_MAX_PAIRS];
    bool excused[SIM_MAX_PAIRS]; /* ... or ended with an error, so its end may say so */
    unsigned
        /* bits: lives of clients of which it had not been told when it died */
        unheard[SIM_MAX_PAIRS];
    sim_watch watches[SIM_MAX_PAIRS];
    char waits[160];
};

sim_app_stream *sim_app_add(sim_app *a, unsigned pair, rill_stream *s);
/* Writes as many of the wanted bytes as are accepted. */
void sim_app_write(sim_app_stream *s);
void sim_app_read(sim_app_stream *s, size_t most);
/* A slow reader reads again after a while. */
void sim_app_read_later(sim_app_stream *s);
void sim_app_decide(sim_app *a, uint64_t index);
/* Whoever runs the endpoint owes the link an answer, even when the connection is over. */
void sim_app_answer_all(sim_app *a, unsigned pair);
/* Whether the call may have failed for want of memory. */
bool sim_app_no_memory(const sim_app *a, int error);
/* Reports a call's error that is not an expected one. */
void sim_app_unexpected(sim_app *a, const char *what, int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two endpoints and a path between them, in virtual time. A test says what the path does with each
 * packet: pass, drop, duplicate, delay, reject, tamper. Every mistake of the pair itself fails the
 * test that uses it.
 */
#ifndef RILL_TESTS_PAIR_H
#define RILL_TESTS_PAIR_H

#include <rill/rill.h>
#include <stdlib.h>

#define PAIR_STREAMS     512
#define PAIR_ASKED       256
#define PAIR_CONNECTIONS 64

typedef enum pair_side { PAIR_CLIENT, PAIR_SERVER } pair_side;

typedef enum pair_action {
    PAIR_PASS,
    PAIR_DROP,       /* it does not arrive, and nothing ever comes back */
    PAIR_LOSE_REPLY, /* it arrives, and nothing ever comes back */
    PAIR_REJECT,     /* a connector refuses it with `code` */
    PAIR_UNSENT,     /* the link says that it certainly never left */
    PAIR_IN_DOUBT    /* it arrives, but the link says that no reply can come */
} pair_action;

/* One Prepare on its way. The first part says what it is, the second what becomes of it. */
typedef struct pair_packet {
    pair_side from;
    uint64_t number; /* its number among those that this side sent, from 0 */
    uint64_t amount; /* at the sender */
    uint8_t *bytes;  /* may be changed in place */
    size_t len;

    pair_action action;
    rill_ilp_code_id code;
    uint64_t maximum; /* told with F08; 0: no data */
    uint64_t delay;   /* of each way, nanoseconds */
    unsigned copies;  /* how often it arrives; replies to all but the first are lost */
} pair_packet;

typedef struct pair_stream {
    uint64_t id;
    const rill_connection *connection; /* NULL before its first event and after its end */
    bool over;                         /* its connection is */
    uint64_t money;
    uint8_t *data; /* all that was read */
    size_t len;
    bool ended;
    int error;
    uint8_t code;
    bool remote;
} pair_stream;

typedef struct pair_asked {
    uint64_t decision;
    uint64_t request;
    uint64_t amount;
    uint8_t packet_id[32];
    bool decided;
} pair_asked;

/* What was seen of one side: its events by type, and the money at its link. */
typedef struct pair_end {
    rill_endpoint *endpoint;
    rill_connection *connection; /* the latest; NULL before it exists and after its end */
    rill_connection *open[PAIR_CONNECTIONS];
    unsigned open_count;
    uint64_t ended_sent; /* of connections that are over */
    uint64_t ended_received;
    uint64_t ended_in_flight;
    unsigned events[RILL_EVENT_PROBED + 1];
    int sent_error;
    int received_error;
    int end_error;
    uint8_t end_code;
    bool end_remote;
    rill_connection_stats last; /* at its end */
    pair_stream streams[PAIR_STREAMS];
    unsigned stream_count;
    pair_asked asked[PAIR_ASKED];
    unsigned asked_count;
    uint64_t packets; /* that it sent */
    uint64_t
        /* its units, of Prepares that it sent and whose Fulfill the link brought */
        fulfilled_out;
    uint64_t paid_out;     /* those whose Fulfill was lost, too */
    uint64_t fulfilled_in; /* its units, of Prepares that it received */
} pair_end;

typedef struct pair pair;
struct pair {
    pair_end end[2];
    rill_now now;
    rill_credentials credentials;
    void *user;
    /* by the side that sends */
    uint64_t delay[2];
    rill_ratio rate[2];
    uint64_t maximum[2]; /* larger packets are refused F08 */
    bool silent_maximum; /* ... without data */
    bool doubled;        /* some packet was */
    bool no_read[2];     /* the application leaves its bytes alone */
    bool no_events[2];   /* ... and its events */
    bool asleep[2];
    uint64_t slept[2]; /* how long its monotonic clock stood still, nanoseconds */
    void (*on_packet)(pair *p, pair_packet *packet);
    void (*on_reply)(pair *p, pair_side to, uint8_t *bytes, size_t *len);
    void (*on_event)(pair *p, pair_side side, const rill_event *event);

    struct pair_item *queue;
    struct pair_item *waiting; /* for a decision */
    uint64_t serial;
    struct pair_conditions *fulfilled;
};

typedef struct pair_options {
    rill_endpoint_options server;
    rill_endpoint_options client;
    rill_connection_options connection; /* the client's */
    rill_connection_options accepted;   /* the server's, unless server has its own */
    rill_credentials_options credentials;
    bool stay; /* does not connect */
} pair_options;

/* min_rate 1/1 on both sides, so that money leaves at once. */
void pair_options_init(pair_options *o);
/* The same, as a value. */
pair_options pair_defaults(void);
void pair_open(pair *p, const pair_options *o);
/* As pair_open, for tests in which something may fail: returns the error. Close the pair anyway. */
int pair_try_open(pair *p, const pair_options *o);
/* Nothing if it is closed already. */
void pair_close(pair *p);

/* One more connection of the client's, with the credentials of the pair. */
int pair_connect(pair *p, const rill_connection_options *o);

/*
 * The server's process is gone with everything that it knew, and another one is there, with the
 * same secret if o has one. Nobody is told.
 */
void pair_restart_server(pair *p, const pair_options *o);

rill_stream *pair_stream_open(pair *p, pair_side side);
/* What was seen of the latest stream with that id. It is made if nothing was seen. */
pair_stream *pair_seen(pair *p, pair_side side, uint64_t id);
/* What a reader took from its stream. */
void pair_keep_bytes(pair_stream *seen, rill_bytes bytes);
void pair_write(rill_stream *s, const void *data, size_t len);

/* Everything that happens without time passing. */
void pair_pump(pair *p);
/* Lets time pass, with everything that happens in it. */
void pair_run(pair *p, uint64_t ns);
/* Lets time pass in which nothing happens: nobody is asked, and nothing is sent. */
void pair_sleep(pair *p, uint64_t ns);
/*
 * A machine is suspended for so long. Its side does nothing, what comes to it is lost, and its
 * monotonic clock stands still. The other side goes on.
 */
void pair_suspend(pair *p, pair_side side, uint64_t ns);
/* Decides on the n-th packet that a side was asked about. */
int pair_decide(pair *p, pair_side side, unsigned n, bool fulfill, bool *fulfilled);

/*
 * The connections must say what the links saw, to the unit. That no packet is fulfilled twice is
 * checked all the time.
 */
void pair_check_books(pair *p);

/*
 * Tests whose *state is a pair. The pair is closed after them, also if they fail. It is opened with
 * the defaults, or the test opens it.
 */
#define PAIR_TEST(f)         cmocka_unit_test_setup_teardown(f, pair_setup_open, pair_teardown)
#define PAIR_TEST_TO_OPEN(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

static inline int pair_setup(void **state)
{
    *state = calloc(1, sizeof(pair));
    return *state ? 0 : -1;
}

static inline int pair_setup_open(void **state)
{
    pair_options o = pair_defaults();
    if (pair_setup(state) != 0)
        return -1;
    pair_open(*state, &o);
    return 0;
}

static inline int pair_teardown(void **state)
{
    pair_close(*state);
    free(*state);
    return 0;
}

#endif

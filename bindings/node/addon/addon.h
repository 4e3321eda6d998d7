/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the addon: Rill's core for JavaScript, by Node-API version 8 and Rill's public
 * headers alone, but for state.c. It starts no thread, and knows no event loop: JavaScript brings
 * packets and takes packets, a turn of its loop at a time. Of files it makes no more than a lock.
 */
#ifndef RILL_NODE_ADDON_H
#define RILL_NODE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <rill/rill.h>

/* ---- a turn, as JavaScript sees it: memory that both have ---- */

#define RECORD_WORDS 16
#define MAX_RECORDS  2048
#define INBOX_BYTES  (256 * 1024)
/* The words of a turn's result before its records. */
#define HEAD_WORDS 16

/*
 * One record of a turn: 16 words of 32 bits. JavaScript reads it as lib/engine.js says. An amount
 * or a name has two words, the lower first.
 */
enum record_word {
    WORD_TYPE = 0,
    WORD_ERROR = 1,
    WORD_CONNECTION = 2, /* handle */
    WORD_AMOUNT = 4,     /* or the packet's name */
    WORD_STREAM = 6,     /* handle; of INCOMING the decision */
    WORD_AT = 8,         /* in the slab */
    WORD_LEN = 9,
    WORD_EVENT = 10,
    WORD_PACKET = 11, /* the incoming packet that it came with, or 0 */
    WORD_CLOSE =
        12, /* code, and 256 if it was the other side; of INCOMING: 1: the name is ASKED's */
    WORD_LAST = 13, /* of an END: place in the slab and 1 of what is left to be said; 0: nothing */
    WORD_ID = 14    /* of a stream; of the END of a connection the length of that */
};
enum record_type {
    RECORD_REPLY = 1,
    RECORD_PREPARE = 2,
    RECORD_EVENT = 3,
    RECORD_REFUSED = 4, /* a Prepare of a link that the core gives no reply to: JavaScript does */
    RECORD_ASKED = 5    /* one that JavaScript decides on, before what it brings */
};

/* HEAD words. */
enum head_word {
    HEAD_COUNT = 0,
    HEAD_MORE = 1,
    HEAD_TAKEN = 2,
    HEAD_DELAY = 3,
    HEAD_SLAB = 4,
    /* Of an engine that uses a link: */
    HEAD_SENT = 5,    /* packets that were written to it */
    HEAD_OUT = 6,     /* its packets that wait for their replies */
    HEAD_ANSWERED = 7 /* Prepares that were taken */
};

/* What a packet may need of the slab: itself, and what its events say. */
#define MAX_MESSAGE 8192
#define SLAB_NEED   (RILL_PACKET_BUFFER + 2 * MAX_MESSAGE)
/* Records that are kept free for what a packet brings. */
#define RECORDS_NEED 64

/* ---- names of engines, connections and streams (handles.c) ---- */

/*
 * JavaScript may keep the name of what is gone: a name is never given twice, and is looked up.
 * It is a whole number that a double holds.
 */
typedef struct handle_entry {
    void *object; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
    bool stream;
} handle_entry;

typedef struct handles {
    handle_entry *entries;
    uint32_t count;
    uint32_t room;
    uint32_t first_free;
    uint32_t live;
} handles;

/* 0 without memory. */
uint64_t handles_add(handles *h, void *object, bool stream);
void handles_remove(handles *h, uint64_t handle);
/* NULL: not there (any more), or of the other kind. */
void *handles_find(const handles *h, uint64_t handle, bool stream);
void handles_free(handles *h);

/* ---- what one environment (a thread of JavaScript) shares (arena.c) ---- */

typedef struct arena {
    rill_shared *shared;        /* what its engines share: made with the first of them */
    handles engines;            /* by their names */
    handles links;              /* by theirs (link.h) */
    struct rill_crypto *crypto; /* the links' random bytes: made with the first of them */
    napi_ref memory;            /* ArrayBuffer: numbers, records and inbox, one after the other */
    napi_ref slab; /* ArrayBuffer that outgoing packets and bytes are written to, in order */
    /* Looked up anew in each call, since JavaScript may take an ArrayBuffer away (transfer). */
    uint8_t *in;
    uint32_t *out;
    uint64_t *stats;
    uint8_t *bytes;
    size_t bytes_len;
    size_t bytes_at;
    /* Of the turn that runs: */
    uint64_t quiet;     /* nobody looks at each packet's money of this stream */
    uint32_t packet_at; /* a Prepare that a link has brought: where it is in the engine's queue */
    uint32_t packet_len;
} arena;

/* What stats() and others fill, or options() reads: in 64 bits each. */
#define NUMBERS       32
#define STATS_NUMBERS 20
#define RECORDS_AT    (NUMBERS * sizeof(uint64_t))
#define INBOX_AT      (RECORDS_AT + (HEAD_WORDS + MAX_RECORDS * RECORD_WORDS) * sizeof(uint32_t))

/* False, and an exception is pending: the arena's memory is not there. */
bool arena_open(napi_env env, arena *a);
/* Room for len bytes in the slab, aligned to 8; NULL: it is full, JavaScript brings another. */
uint8_t *arena_room(arena *a, size_t len);
/* Keeps len of them. */
uint32_t arena_keep(arena *a, const uint8_t *at, size_t len);
/* A record of this turn, and a number of 64 bits in one. */
uint32_t *record_add(arena *a, uint32_t type);
void record_put64(uint32_t *record, unsigned word, uint64_t value);
napi_value arena_set(napi_env env, napi_callback_info info);
/* What the core's endpoints share; an error of rill_shared_new. */
int arena_shared(arena *a, rill_shared **out);
void arena_end(napi_env env, void *data, void *hint);

/* ---- an engine: one endpoint (engine.c) ---- */

/*
 * JavaScript has its name, which costs less than an object, and says when it is freed; of an engine
 * that was never started the garbage collector says so (lib/engine.js).
 */
typedef struct engine {
    uint64_t name; /* among those of its arena */
    rill_endpoint *endpoint;
    handles handles;
    arena *arena;
    uint32_t packet;       /* the incoming packet that is being taken */
    bool stop;             /* JavaScript has something to answer before the next packet is taken */
    bool accepts;          /* a server's: it has many connections */
    struct direct *direct; /* NULL: it has never used a link (link.h) */
} engine;

/* The connection's or stream's name, given when it is first seen; 0 without memory. */
uint64_t engine_connection(engine *e, rill_connection *c);
uint64_t engine_stream(engine *e, rill_stream *s);
void engine_free(engine *e);
rill_now engine_now(void);
void engine_write_stats(const rill_connection *c, uint64_t numbers[STATS_NUMBERS]);
napi_value engine_turn(napi_env env, napi_callback_info info);
napi_value engine_read(napi_env env, napi_callback_info info);

/* What is() is asked of a connection. */
enum connection_state {
    STATE_RATE_KNOWN = 1,
    STATE_OUT = 2,      /* packets of it are on their way */
    STATE_QUIET = 4,    /* nothing of ours is, or will be without something new */
    STATE_REACHABLE = 8 /* the other side has told its address */
};

/* ---- the saved state of a payment (state.c) ---- */

napi_value state_read(napi_env env, napi_callback_info info);
napi_value state_write(napi_env env, napi_callback_info info);
napi_value state_settle(napi_env env, napi_callback_info info);
napi_value state_lock(napi_env env, napi_callback_info info);
napi_value state_holds(napi_env env, napi_callback_info info);
napi_value state_unlock(napi_env env, napi_callback_info info);

/* ---- arguments (args.c) ---- */

#define MAX_ARGS 3 /* behind the engine's name */

typedef struct args {
    napi_env env;
    engine *engine; /* whose name came first */
    size_t count;   /* of the others */
    napi_value value[MAX_ARGS];
} args;

/* False, and a TypeError is pending: there is no engine of that name, or there are fewer others. */
bool args_get(napi_env env, napi_callback_info info, size_t least, args *out);
/* Each of them: false, and a TypeError is pending, where it is none. */
bool args_u64(napi_env env, napi_value v, uint64_t *out); /* a bigint, or a whole number */
bool args_bytes(napi_env env, napi_value v, rill_bytes *out);
bool args_text(napi_env env, napi_value v, char *out, size_t room); /* at most room - 1 bytes */
bool args_bool(napi_env env, napi_value v, bool *out);
/* The connection or stream of that name; NULL: it is gone, and that is no error. */
rill_connection *args_connection(const args *a, size_t index);
rill_stream *args_stream(const args *a, size_t index);
/*
 * null: the defaults. true: those that lib/options.js has put into the arena's numbers: which of
 * those that follow are given, a bit for each, and they, in the order of args.c.
 */
bool args_options(napi_env env, napi_value v, arena *a, rill_connection_options *out);
napi_value args_int(napi_env env, int64_t value);
napi_value args_handle(napi_env env, uint64_t value);

#endif

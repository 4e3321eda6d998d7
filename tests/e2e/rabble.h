/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of rabble share: connections, and the kinds of neighbours that there are. What
 * each does is written by hand: nothing of it is shared with what is besieged.
 */
#ifndef RABBLE_H
#define RABBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kind kind;

typedef struct conn {
    int fd;       /* -1: none now */
    uint32_t who; /* whose it is: neighbour n00000 and so on */
    const kind *kind;
    bool served; /* the node has connected to us */
    bool connected;
    bool upgraded; /* BTP: it is a WebSocket now */
    bool welcome;  /* BTP: authenticated */
    bool broken;   /* it is to be closed, by a reset */
    uint32_t step; /* of what its kind does */
    uint32_t asks; /* answers that are to come */
    uint64_t due;  /* without a connection: when it connects again, ms */
    uint8_t *in;   /* what was read and is not whole; or NULL */
    size_t in_len;
    size_t skip;  /* bytes to come that are of no interest */
    uint8_t *out; /* what the system did not take yet; or NULL */
    size_t out_len;
    struct {
        uint32_t id;
        uint64_t at; /* ms; 0: none */
    } late[8];       /* Prepares that are answered too late */
} conn;

/* One way to misbehave. Each function may be NULL. */
struct kind {
    const char *name;
    bool deaf; /* it never reads */
    /* It is connected; of those that the node connects to: its first bytes are there. */
    void (*begin)(conn *c);
    void (*met)(conn *c); /* BTP: the node has accepted it */
    /* BTP: a Prepare has come. */
    void (*asked)(conn *c, uint32_t id);
    void (*tick)(conn *c); /* some times a second */
    void (*take)(conn *c, const uint8_t *data, size_t len);
};

enum { IN_MAX = 4096, NAME = 8, TOKEN = 32 };

/* What all of them have done. */
typedef struct counts {
    uint64_t connected, failed, closed, served, bytes, prepares, fulfilled, said;
} counts;

extern counts n;
extern uint32_t neighbours; /* how many there are */
extern uint32_t *heard;     /* by neighbour: Fulfills of its own packets that it was told */
extern uint32_t *said;      /* by neighbour: right Fulfills that it has told */
extern const char *prefix;  /* the node's address */

uint64_t now_ms(void);
/* The name of a neighbour, and its token, which is the name and "-token". */
void name_of(char out[NAME], uint32_t who);
void token_of(char out[TOKEN], uint32_t who);

/* Writes it, now or when the system takes it. False: too much waits. */
bool put(conn *c, const void *data, size_t len);
/* Nothing waits to be written. */
bool is_clear(const conn *c);
/* It is reset when the call that it is in has returned. */
void cut(conn *c);
/* One byte more of this text, and then no more. */
void drip(conn *c, const uint8_t *text, size_t len);

/* Who connects to the node. */
extern const kind btp_kinds[], h1_kinds[], h2_kinds[];
extern const size_t btp_kind_count, h1_kind_count, h2_kind_count;
/* Who is connected to. */
extern const kind btp_hosts[], h1_hosts[], h2_hosts[];
extern const size_t btp_host_count, h1_host_count, h2_host_count;

/* BTP: whatever comes; calls met and asked. */
void btp_take(conn *c, const uint8_t *data, size_t len);

#endif

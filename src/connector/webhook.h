/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells somebody of each line of the audit, one after the other, each until he says that he has it:
 * at least once, and in order, over restarts. It makes no call and has no clock. Its owner looks
 * into the store and sends, when it says so, and keeps how far it has come.
 *
 * A line is sent as Rafiki sends an event, with the same signature: POST of {id, type, data} as
 * canonical JSON (RFC 8785), and Rafiki-Signature: t=MILLISECONDS, v1=HEX, the HMAC-SHA-256 of
 * "MILLISECONDS." and the JSON.
 */
#ifndef RILL_CONNECTOR_WEBHOOK_H
#define RILL_CONNECTOR_WEBHOOK_H

#include <rill/error.h>

#include "base/alloc.h"
#include "crypto/crypto.h"
#include "store/look.h"

/*
 * Between two tries: doubled each time, up to this, and then anything from a half of it to all of
 * it.
 */
#define RILL_WEBHOOK_LONGEST_WAIT (60 * RILL_SECOND)
/* Lines that are read at a time. */
#define RILL_WEBHOOK_LINES 64
/* Bytes of a signature, and of how far it has come, as texts, with a NUL. */
#define RILL_WEBHOOK_SIGNATURE 100
#define RILL_WEBHOOK_CURSOR    24
#define RILL_WEBHOOK_PROBLEM   160

typedef enum rill_webhook_step {
    RILL_WEBHOOK_NOTHING,
    RILL_WEBHOOK_LOOK, /* rill_webhook_ask, then rill_webhook_looked */
    RILL_WEBHOOK_SEND, /* rill_webhook_line, then rill_webhook_answered */
} rill_webhook_step;

typedef struct rill_webhook {
    const rill_allocator *allocator;
    bool known;          /* how far it has come */
    uint64_t cursor;     /* the line that he has */
    uint64_t first_wait; /* nanoseconds */
    uint64_t last;       /* the newest, when the store was looked into */
    bool stale;          /* there may be newer ones */
    bool busy;           /* a look, or a call, is under way */
    rill_audit_lines lines;
    size_t at; /* the next of them */
    uint64_t tries;
    uint64_t wait;
    uint64_t retry_at; /* monotonic nanoseconds */
    uint64_t random;
    uint64_t delivered; /* since the node began */
    uint64_t failures;
    uint64_t failing_since_ms;          /* wall clock; 0: it is not */
    char problem[RILL_WEBHOOK_PROBLEM]; /* of the last try; empty: it was good */
} rill_webhook;

/* Nothing is done until rill_webhook_begin. seed: random. */
void rill_webhook_init(rill_webhook *w, const rill_allocator *allocator, uint64_t seed);
void rill_webhook_clear(rill_webhook *w);
/* What the store has of how far it had come. What cannot be read is ignored. */
void rill_webhook_know(rill_webhook *w, const char *cursor);
/*
 * Somebody is to be told from now on, or somebody else: at once. A call before is over. Where it is
 * not known how far it has come, he is told what comes after line `after`; and where it has come
 * further than that, since somebody has put an older copy of the books in their place. True: how
 * far it has come is to be kept.
 */
RILL_MUST_CHECK bool rill_webhook_begin(rill_webhook *w, uint64_t after, uint64_t first_wait,
                                        uint64_t mono_ns);
/* The store has new lines. */
void rill_webhook_stir(rill_webhook *w);

rill_webhook_step rill_webhook_next(const rill_webhook *w, uint64_t mono_ns);
/* When there is something to do though nothing happens; RILL_NEVER. */
uint64_t rill_webhook_deadline(const rill_webhook *w);

/* Fills in what is looked for. */
void rill_webhook_ask(rill_webhook *w, rill_store_look *look);
/* What was found, which is taken. */
void rill_webhook_looked(rill_webhook *w, rill_store_look *look, rill_now now);
/* The line that is to be sent: it counts as being sent. */
const rill_audit_line *rill_webhook_line(rill_webhook *w);
/*
 * What came of it; status 0: no answer, and problem says why. Any 2xx says that he has it. True:
 * how far it has come is to be kept.
 */
RILL_MUST_CHECK bool rill_webhook_answered(rill_webhook *w, unsigned status, const char *problem,
                                           rill_now now);
void rill_webhook_cursor(const rill_webhook *w, char out[RILL_WEBHOOK_CURSOR]);
/* How many lines he has not got, as far as is known. */
uint64_t rill_webhook_waiting(const rill_webhook *w);

/* The body, to be freed with free(). NULL: no memory. */
char *rill_webhook_body(const rill_audit_line *line);
/* The value of Rafiki-Signature. RILL_ERR_CRYPTO, RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_webhook_sign(rill_crypto *crypto, const rill_allocator *allocator,
                                      const char *secret, uint64_t wall_ms, const char *body,
                                      char out[RILL_WEBHOOK_SIGNATURE]);

#endif

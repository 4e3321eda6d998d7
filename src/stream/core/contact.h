/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the other side is there: first words, signs of life, and silence. */
#ifndef RILL_STREAM_CONTACT_H
#define RILL_STREAM_CONTACT_H

#include "base/muldiv.h"
#include <rill/connection.h>
#include <rill/error.h>

/* Times are monotonic nanoseconds. */
typedef struct rill_contact {
    uint64_t started;
    uint64_t first_sent;      /* of the first packet; 0: none yet */
    uint64_t hello_at;        /* until something came back, another packet is due then */
    uint64_t last_authentic;  /* packet or reply of the other side */
    uint64_t idle_not_before; /* a payment has time until then, or nobody looked */
    uint64_t alive_at;        /* a sign of life was sent */
    uint64_t forgotten_since; /* the server says so, and nothing else; 0 */
    uint16_t final_errors;    /* rounds of them in a row, by connectors */
    int8_t last_failure;      /* what to report if it never connects */
    bool connected;           /* an authentic packet or reply has come */
} rill_contact;

void rill_contact_init(rill_contact *k, uint64_t now_ns);
/* A packet has left. */
void rill_contact_sent(rill_contact *k, uint64_t now_ns);
/* An authentic packet or reply has come. True: it is the first. */
static inline bool rill_contact_heard(rill_contact *k, uint64_t now_ns)
{
    bool first = !k->connected;
    k->last_authentic = now_ns;
    k->connected = true;
    return first;
}
/* A reply of the receiver: it can be reached, and knows us. */
static inline void rill_contact_answered(rill_contact *k)
{
    k->final_errors = 0;
    k->forgotten_since = 0;
}
/* One more round of packets met errors that say that none will ever arrive. True: that is enough.
 * clock: it may be that a clock is wrong, which is judged with more patience. */
RILL_MUST_CHECK bool rill_contact_final_error(rill_contact *k, int error);
/* The receiver knows nothing of the connection. True: it says nothing else for long enough. */
RILL_MUST_CHECK bool rill_contact_forgotten(rill_contact *k, uint64_t now_ns);
/* The path says that it cannot be reached, as far as that tells. */
static inline void rill_contact_refused(rill_contact *k, int error)
{
    k->last_failure = (int8_t)error;
}
/* What a final error of the path means, for people. */
const char *rill_contact_error_text(int error);
/* Why it never connected. */
static inline int rill_contact_failure(const rill_contact *k)
{
    return k->last_failure != RILL_OK ? k->last_failure : RILL_ERR_TIMEOUT;
}

/* When to give up without an answer. RILL_NEVER: there was one, or nothing was sent. */
static inline uint64_t rill_contact_connect_deadline(const rill_contact *k,
                                                     const rill_connection_options *o)
{
    if (k->connected || k->first_sent == 0)
        return RILL_NEVER;
    return rill_add_sat(k->first_sent, o->connect_timeout_ns);
}
/* When to greet again without an answer. RILL_NEVER: so too. */
static inline uint64_t rill_contact_hello_deadline(const rill_contact *k)
{
    return k->connected || k->first_sent == 0 ? RILL_NEVER : k->hello_at;
}
/* It greets now. */
void rill_contact_hello(rill_contact *k, uint64_t now_ns);
/* It has been silent for too long then; RILL_NEVER. */
static inline uint64_t rill_contact_idle_deadline(const rill_contact *k,
                                                  const rill_connection_options *o)
{
    if (o->idle_timeout_ns == 0)
        return RILL_NEVER;
    uint64_t at = rill_add_sat(k->last_authentic, o->idle_timeout_ns);
    return at > k->idle_not_before ? at : k->idle_not_before;
}
/* Not before then. */
static inline void rill_contact_spare(rill_contact *k, uint64_t until)
{
    if (until > k->idle_not_before)
        k->idle_not_before = until;
}
/* A sign of life is due then, while somebody wants something; RILL_NEVER: it is not connected. */
uint64_t rill_contact_alive_deadline(const rill_contact *k, const rill_connection_options *o);
/*
 * Nobody looked for a while: the process was stopped, or busy. What has come
 * meanwhile is not read yet, and the other side may not have noticed anything:
 * so that time was not one of silence, and both have a moment to show it.
 */
void rill_contact_look_around(rill_contact *k, const rill_connection_options *o, uint64_t now_ns);

#endif

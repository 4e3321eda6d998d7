/* SPDX-License-Identifier: Apache-2.0 */
/* How the connection learns the rate (as the reference probes it, in parallel volleys). */
#ifndef RILL_STREAM_PROBING_H
#define RILL_STREAM_PROBING_H

#include <stdbool.h>
#include <stdint.h>

/* Why a probe brought no answer of the receiver. */
typedef enum rill_probe_failure {
    RILL_PROBE_ACCIDENT, /* T and R codes, or no reply: its size may not be the reason */
    RILL_PROBE_VALUE,    /* T04: as much is not there, now or ever */
    RILL_PROBE_SIZE,     /* F08 that tells no maximum: too large, or too small to be anything */
    RILL_PROBE_DUST,     /* too small to be anything */
    RILL_PROBE_JUDGED    /* what it says was noted elsewhere */
} rill_probe_failure;

#define RILL_PROBE_AMOUNTS 8

typedef struct rill_probing {
    bool active;
    uint8_t volleys;  /* names the one under way, */
    uint8_t first;    /* and the first of them */
    uint8_t attempts; /* of those: that did not halve the size searched, and told nothing new */
    uint8_t next;     /* of amounts */
    uint8_t count;
    uint8_t in_flight;
    uint8_t accidents; /* bits of amounts: to be sent again */
    uint8_t close;     /* volleys in a row between nearly the same bounds */
    bool rose;         /* answered has risen in this volley */
    bool between;      /* the sizes between the first ones were tried */
    /* The application asks what the path makes of this, and sends nothing (rill_connection_probe);
     * 0 */
    uint64_t asked;
    bool found; /* ... and it is known: to be told once what else is out has been answered */
    uint64_t amounts[RILL_PROBE_AMOUNTS];
    uint64_t answered;  /* the largest of which the receiver said what arrived; 0: none */
    uint64_t short_of;  /* the smallest above it that met T04; UINT64_MAX: none */
    uint64_t too_large; /* the same of F08, in this volley */
    uint64_t retry_at;  /* monotonic ns: next volley not before; 0 at once */
    uint64_t delay;     /* of the retry after that */
    uint64_t started;
    uint64_t settle_at; /* rate is good enough: waits no longer for the rest; 0 unset */
    uint64_t launched;  /* the volley under way */
    uint64_t patience;  /* until then the rest of its answers is waited for; 0 none under way */
} rill_probing;

/* Nobody asks any more: who does next begins anew. */
static inline void rill_probing_stop(rill_probing *p)
{
    p->active = false;
    p->asked = 0;
    p->found = false;
}

#endif

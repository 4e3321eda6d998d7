/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the other side is there: first words, signs of life, and silence. */
#ifndef RILL_STREAM_CONTACT_H
#define RILL_STREAM_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rill_contact {
    uint64_t started;
    uint64_t first_sent;      /* monotonic ns of the first packet; 0: none yet */
    uint64_t hello_at;        /* until something came back, another packet is due then */
    uint64_t last_authentic;  /* monotonic ns, either way */
    uint64_t idle_not_before; /* monotonic ns: a payment has time until then, or nobody looked */
    uint64_t alive_at;        /* monotonic ns: a sign of life was sent */
    uint64_t forgotten_since; /* monotonic ns: the server says so, and nothing else; 0 */
    uint16_t final_errors;    /* rounds of them in a row, by connectors */
    int8_t last_failure;      /* what to report if it never connects */
    bool connected;           /* an authentic packet or reply has come */
} rill_contact;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a line of a log is about, for who looks for it by more than its words. */
#ifndef RILL_BASE_LOG_ABOUT_H
#define RILL_BASE_LOG_ABOUT_H

#include <rill/types.h>

/* Bytes of a packet's condition by which it is known, at each node on its way. */
#define RILL_LOG_PACKET 16
/* As digits, with a NUL. */
#define RILL_LOG_PACKET_TEXT (2 * RILL_LOG_PACKET + 1)

/* What is not known is NULL, or empty. Texts of others are as they sent them. */
typedef struct rill_log_about {
    const char *account;    /* by which a packet came, or that it is about */
    const uint8_t *packet;  /* RILL_LOG_PACKET bytes */
    rill_bytes destination; /* of the packet */
    const char *code;       /* it was rejected with */
    const char *by;         /* "node", or the account that rejected it */
} rill_log_about;

static inline void rill_log_packet_text(const uint8_t packet[RILL_LOG_PACKET],
                                        char out[RILL_LOG_PACKET_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < RILL_LOG_PACKET; i++) {
        out[2 * i] = digits[packet[i] >> 4];
        out[2 * i + 1] = digits[packet[i] & 15];
    }
    out[RILL_LOG_PACKET_TEXT - 1] = '\0';
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The line on a terminal that says how far a payment has come. */
#ifndef RILL_CLI_PROGRESS_H
#define RILL_CLI_PROGRESS_H

#include <stddef.h>

#include "cli/speed.h"

/* Data whose length is not known beforehand. */
#define CLI_SIZE_UNKNOWN UINT64_MAX

/* How far it is. */
typedef struct cli_progress_state {
    uint64_t sent;         /* units sent */
    uint64_t amount;       /* of this amount; 0: no money is sent */
    uint64_t bytes;        /* bytes acknowledged */
    uint64_t size;         /* of this size; 0: no data is sent; CLI_SIZE_UNKNOWN */
    uint32_t packets;      /* packets in flight */
    uint64_t packets_sent; /* nanoseconds since the beginning */
    rill_ratio rate;       /* num 0: not known */
    const char *asset;     /* amounts are shown in this asset; NULL: in units */
    uint8_t asset_scale;
} cli_progress_state;

typedef struct cli_progress {
    /* standard error is a terminal; otherwise a whole line is printed now and then */
    bool terminal;
    bool capable; /* the terminal knows escape sequences */
    bool shown;   /* length of the line that must be erased; 0: none */
    size_t drawn; /* its columns */
    bool begun;   /* shown_at is set */
    uint64_t shown_at;
    uint32_t peak;         /* the most packets in flight since then */
    uint64_t packets_sent; /* then */
    cli_speed money;
    cli_speed data;
} cli_progress;

/*
 * The text of the line, in at most `columns` bytes, with the most important parts first. now:
 * monotonic nanoseconds.
 */
void cli_progress_text(const cli_progress *p, uint64_t now, const cli_progress_state *state,
                       size_t columns, char *out, size_t cap);
/* Looks at standard error, and prepares p for _show. */
void cli_progress_init(cli_progress *p);
/* Writes the line to standard error, as often as a person can read it. */
void cli_progress_show(cli_progress *p, uint64_t now, const cli_progress_state *state);
void cli_progress_erase(cli_progress *p);

/* "999 B", "1.2 kB", "34.5 MB", rounded down. */
void cli_bytes_text(uint64_t bytes, char out[24]);
/* "3 s", "2 min 05 s", "3 h 12 min", "2 d 3 h". */
void cli_duration_text(uint64_t seconds, char out[48]);
/* part of whole in percent, rounded down; 100 means everything. */
unsigned cli_percent(uint64_t part, uint64_t whole);

#endif

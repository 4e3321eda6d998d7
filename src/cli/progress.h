/* SPDX-License-Identifier: Apache-2.0 */
/* The line on a terminal that says how far a payment has come. */
#ifndef RILL_CLI_PROGRESS_H
#define RILL_CLI_PROGRESS_H

#include <rill/net.h>

typedef struct cli_progress {
    bool shown;       /* there is a line to be erased */
    uint64_t amount;  /* to be sent */
    uint64_t started; /* monotonic nanoseconds; 0: not yet */
} cli_progress;

/* The text of the line, without what places it on the terminal. now: monotonic nanoseconds. */
void cli_progress_text(const cli_progress *p, uint64_t now, const rill_connection_stats *stats,
                       const rill_stream_totals *totals, char *out, size_t cap);
/* Writes it to stderr, which is a terminal. */
void cli_progress_show(cli_progress *p, uint64_t now, const rill_connection_stats *stats,
                       const rill_stream_totals *totals);
void cli_progress_erase(cli_progress *p);

#endif

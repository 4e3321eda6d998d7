/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/muldiv.h"

/* A ratio with six digits after the point: for people, so rounded down. */
static void ratio_text(rill_ratio ratio, char *out, size_t cap)
{
    if (ratio.num == 0 || ratio.den == 0) {
        snprintf(out, cap, "?");
        return;
    }
    uint64_t millionths = rill_ratio_floor(ratio, 1000000);
    if (millionths == UINT64_MAX)
        snprintf(out, cap, "%" PRIu64, ratio.num / ratio.den);
    else
        snprintf(out, cap, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
}

void cli_progress_text(const cli_progress *p, uint64_t now, const rill_connection_stats *stats,
                       const rill_stream_totals *totals, char *out, size_t cap)
{
    char rate[48];
    char left[48] = "";
    ratio_text(stats->rate, rate, sizeof rate);
    uint64_t remaining = p->amount > totals->sent ? p->amount - totals->sent : 0;
    if (totals->sent > 0 && remaining > 0) {
        uint64_t seconds =
            rill_mul_div_ceil_sat(now - p->started, remaining, totals->sent) / RILL_SECOND + 1;
        snprintf(left, sizeof left, ", %" PRIu64 " s left", seconds);
    }
    snprintf(out, cap, "sent %" PRIu64 " of %" PRIu64 ", rate %s, %" PRIu32 " packets in flight%s",
             totals->sent, p->amount, rate, stats->packets_in_flight, left);
}

void cli_progress_show(cli_progress *p, uint64_t now, const rill_connection_stats *stats,
                       const rill_stream_totals *totals)
{
    char text[256];
    if (p->started == 0)
        p->started = now;
    cli_progress_text(p, now, stats, totals, text, sizeof text);
    /* Back to the margin, the line, and what was longer before is cleared. */
    fprintf(stderr, "\r%s\x1b[K", text);
    fflush(stderr);
    p->shown = true;
}

void cli_progress_erase(cli_progress *p)
{
    if (!p->shown)
        return;
    fputs("\r\x1b[K", stderr);
    fflush(stderr);
    p->shown = false;
}

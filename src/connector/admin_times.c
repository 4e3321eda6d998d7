/* SPDX-License-Identifier: Apache-2.0 */
/* How long things take, for Prometheus. */
#include <inttypes.h>

#include "connector/admin_answer.h"

/* Each power of two that was counted, in seconds. */
static void put_times(rill_admin_lines *l, const char *name, const char *help,
                      const rill_histogram *h)
{
    rill_admin_line(l, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
    for (unsigned power = RILL_HISTOGRAM_FIRST; power <= RILL_HISTOGRAM_LAST; power++)
        rill_admin_line(l, "%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name,
                        (double)(UINT64_C(1) << power) / 1e9, rill_histogram_below(h, power));
    rill_admin_line(l, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n",
                    name, h->count, name, (double)h->sum_ns / 1e9, name, h->count);
}

void rill_admin_times(const rill_core *core, rill_admin_lines *l)
{
    const rill_waits *waits = rill_core_waits(core);
    put_times(l, "rill_connector_packet_seconds",
              "From a Prepare until its Fulfill came, of packets that were fulfilled.",
              &waits->packets);
    put_times(l, "rill_connector_books_seconds",
              "From the first booking of a group until the books had it.", &waits->books);
    rill_admin_line(l,
                    "# HELP rill_connector_open_packets Packets that wait for an answer.\n"
                    "# TYPE rill_connector_open_packets gauge\n"
                    "rill_connector_open_packets %" PRIu64 "\n",
                    (uint64_t)rill_hub_open(rill_core_hub(core)));
}

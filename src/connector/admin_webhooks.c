/* SPDX-License-Identifier: Apache-2.0 */
/* How webhooks are. */
#include <inttypes.h>
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/webhook.h"
#include "connector/when.h"

json_t *rill_admin_webhooks(const rill_core *core)
{
    const rill_config_webhooks *config = &rill_core_config(core)->webhooks;
    const rill_webhook *w = rill_core_webhook_state(core);
    char since[RILL_WHEN_TEXT];
    if (config->url == NULL)
        return json_null();
    rill_when_text(w->failing_since_ms, since);
    /* A secret may be behind the ?. */
    return json_pack("{s:o, s:I, s:I, s:I, s:s?, s:s?}", "url",
                     json_stringn(config->url, strcspn(config->url, "?")), "delivered",
                     (json_int_t)w->delivered, "waiting", (json_int_t)rill_webhook_waiting(w),
                     "tries", (json_int_t)w->tries, "failing_since",
                     w->failing_since_ms == 0 ? NULL : since, "problem",
                     w->problem[0] == '\0' ? NULL : w->problem);
}

void rill_admin_webhook_metrics(const rill_core *core, rill_admin_lines *l)
{
    const rill_webhook *w = rill_core_webhook_state(core);
    const uint64_t now = rill_core_now(core).wall_ms;
    const uint64_t since = w->failing_since_ms;
    if (rill_core_config(core)->webhooks.url == NULL)
        return;
    rill_admin_line(
        l,
        "# HELP rill_connector_webhooks_delivered_total Lines that the receiver has taken.\n"
        "# TYPE rill_connector_webhooks_delivered_total counter\n"
        "rill_connector_webhooks_delivered_total %" PRIu64 "\n"
        "# HELP rill_connector_webhooks_failures_total Tries that failed.\n"
        "# TYPE rill_connector_webhooks_failures_total counter\n"
        "rill_connector_webhooks_failures_total %" PRIu64 "\n",
        w->delivered, w->failures);
    rill_admin_line(
        l,
        "# HELP rill_connector_webhooks_waiting Lines that the receiver has not got.\n"
        "# TYPE rill_connector_webhooks_waiting gauge\n"
        "rill_connector_webhooks_waiting %" PRIu64 "\n"
        "# HELP rill_connector_webhooks_failing_seconds How long it has not taken any; 0:"
        " it takes them.\n"
        "# TYPE rill_connector_webhooks_failing_seconds gauge\n"
        "rill_connector_webhooks_failing_seconds %" PRIu64 "\n",
        rill_webhook_waiting(w), since == 0 || now < since ? 0 : (now - since) / 1000);
}

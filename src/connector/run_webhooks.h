/* SPDX-License-Identifier: Apache-2.0 */
/* Sends lines of the audit to whom the configuration names, on the loop. */
#ifndef RILL_CONNECTOR_RUN_WEBHOOKS_H
#define RILL_CONNECTOR_RUN_WEBHOOKS_H

#include "connector/run.h"

typedef struct rill_run_webhooks rill_run_webhooks;

/* After the core has begun. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_run_webhooks_open(rill_run_webhooks **out, rill_connector *owner);
/* Another configuration was applied, and what it says of webhooks may be different. */
void rill_run_webhooks_changed(rill_run_webhooks *r, bool different, uint64_t after);
/* The store has written something. NULL is allowed. */
void rill_run_webhooks_written(rill_run_webhooks *r);
/* It is gone when the loop's turn ends, and *r is NULL at once, as it may have been. */
void rill_run_webhooks_close(rill_run_webhooks **r);

#endif

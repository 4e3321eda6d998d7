/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the service of prices that a configuration names, when the core wants it. */
#ifndef RILL_CONNECTOR_RUN_RATES_H
#define RILL_CONNECTOR_RUN_RATES_H

#include "connector/run.h"

typedef struct rill_run_rates rill_run_rates;

/* After the core has begun. Asks at once, if there is a service. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_run_rates_open(rill_run_rates **out, rill_connector *owner);
/* Another configuration was applied. */
void rill_run_rates_changed(rill_run_rates *r);
/* Something may be due earlier than before. NULL is allowed. */
void rill_run_rates_look(rill_run_rates *r);
/* It is gone when the loop's turn ends. NULL is allowed. */
void rill_run_rates_close(rill_run_rates *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prices of a connector: those of its configuration, those that somebody enters by the API, and
 * those of a service. Of a code that several speak of, the configuration's counts, then the one
 * that was entered, as long as it is good, and then the service's.
 */
#ifndef RILL_CONNECTOR_CORE_RATES_H
#define RILL_CONNECTOR_CORE_RATES_H

#include "connector/core.h"
#include "connector/rate_feed.h"

/* Of rill_store_setting: by its code. */
#define RILL_SETTING_PRICE "price"
/* Prices that were entered, at once. */
#define RILL_ENTERED_MAX RILL_MAX_ASSETS

/*
 * When rill_core_rates_turn is wanted: monotonic nanoseconds; RILL_NEVER.
 */
uint64_t rill_core_rates_deadline(const rill_core *c);
/*
 * Ends what was entered for a time that is over. True: the service is to be asked now, and
 * rill_core_rates_answered or _failed follows, with *ticket.
 */
bool rill_core_rates_turn(rill_core *c, uint64_t *ticket);
/* What it answered with this status. An answer to another question is ignored. */
void rill_core_rates_answered(rill_core *c, uint64_t ticket, unsigned status, const char *body,
                              size_t len);
/* There was no answer; problem says why, in one line. */
void rill_core_rates_failed(rill_core *c, uint64_t ticket, const char *problem);
/* Nobody waits for the answer: the service is to be asked again. */
void rill_core_rates_again(rill_core *c, uint64_t ticket);
const rill_rate_feed *rill_core_rate_feed(const rill_core *c);

/*
 * Enters what a coin of this code is worth, in coins of the base, for so many nanoseconds
 * (RILL_NEVER: until it is taken away); price 0 takes it away. It is written into the audit, and
 * kept in the store with *group.
 * RILL_ERR_EXISTS: the configuration says what it is worth. RILL_ERR_STATE: there is no base.
 * RILL_ERR_NOT_FOUND: there is none to take away. RILL_ERR_INVALID (the code, who),
 * RILL_ERR_LIMIT (RILL_ENTERED_MAX), RILL_ERR_NOMEM. Then all is as before.
 */
RILL_MUST_CHECK int rill_core_enter_price(rill_core *c, const char *code, rill_ratio price,
                                          uint64_t good_for, const char *who, uint64_t *group);

/* Where the price of a code comes from. */
typedef struct rill_price_source {
    uint64_t at_ms;  /* when it was entered, or the service was asked; 0: it has no time */
    uint64_t age_ns; /* since then; of an entered one by the wall clock */
    const char *who; /* that entered it; NULL: nobody did */
} rill_price_source;
void rill_core_price_source(const rill_core *c, const rill_price *price, rill_price_source *out);

#endif

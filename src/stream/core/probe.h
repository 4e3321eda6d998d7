/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the rate, where the application gave none. */
#ifndef RILL_STREAM_PROBE_H
#define RILL_STREAM_PROBE_H

#include "stream/core/connection_internal.h"

/* The application asks for the rate of `amount`. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_probe_ask(rill_connection *c, uint64_t amount);
bool rill_probe_wanted(rill_connection *c, uint64_t now_ns);
uint64_t rill_probe_take(rill_connection *c, uint64_t now_ns);
void rill_probe_answered(rill_connection *c, uint64_t now_ns, const rill_flight *f,
                         uint64_t delivered);
void rill_probe_failed(rill_connection *c, uint64_t now_ns, uint8_t volley, uint64_t amount,
                       rill_probe_failure why);
/* What was asked is told, if it is known and nothing is out that says more. */
void rill_probe_tell(rill_connection *c);
/* When probing ends at the latest, with what is known then; RILL_NEVER. It is under way. */
uint64_t rill_probe_gives_up(const rill_connection *c);
uint64_t rill_probe_deadline(const rill_connection *c, uint64_t now_ns);
void rill_probe_on_deadline(rill_connection *c, uint64_t now_ns);

#endif

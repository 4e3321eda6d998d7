/* SPDX-License-Identifier: Apache-2.0 */
/* A connector's Reject of a packet of ours, and what it says of the path. */
#ifndef RILL_STREAM_PATH_REFUSAL_H
#define RILL_STREAM_PATH_REFUSAL_H

#include "stream/core/connection_internal.h"
#include "stream/core/flight.h"
#include <rill/ilp.h>

/* f ends with it: what it carried is free again. */
void rill_refused_by_path(rill_connection *c, rill_now now, rill_flight *f,
                          const rill_reject *reject);

#endif

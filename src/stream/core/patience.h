/* SPDX-License-Identifier: Apache-2.0 */
/* How long a path that is not good enough for what waits is borne with. */
#ifndef RILL_STREAM_PATIENCE_H
#define RILL_STREAM_PATIENCE_H

#include <stdint.h>

typedef struct rill_patience {
    uint64_t low_rate_since; /* monotonic ns: the rate is below the minimum; 0 */
    uint64_t look_at; /* monotonic ns: what was learnt of refused sizes is forgotten then; 0 */
    uint16_t looks;   /* at what may be better now, since money was fulfilled */
} rill_patience;

#endif

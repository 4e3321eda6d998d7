/* SPDX-License-Identifier: Apache-2.0 */
/* How long a path that is not good enough for what waits is borne with. */
#ifndef RILL_STREAM_PATIENCE_H
#define RILL_STREAM_PATIENCE_H

#include <rill/connection.h>

typedef struct rill_patience {
    uint64_t low_rate_since; /* monotonic ns: the rate is below the minimum; 0 */
    uint64_t low_rate_until; /* monotonic ns: that long it is waited for a better one */
    uint64_t look_at; /* monotonic ns: what was learnt of refused sizes is forgotten then; 0 */
    uint16_t looks;   /* at what may be better now, since money was fulfilled */
} rill_patience;

/* Nothing is sent at this rate. It may recover; for those who wait, not for ever. */
void rill_patience_low_rate(rill_connection *c, uint64_t now_ns);
/* When those who wait for a better rate give up; RILL_NEVER. */
uint64_t rill_patience_deadline(const rill_connection *c);
/* Nothing of s is worth a packet now: it will be looked at again. False where that is for good. */
bool rill_patience_may_recover(rill_connection *c, rill_stream *s, uint64_t now_ns);
/* Money was fulfilled. True: the rate had been too low until then. */
static inline bool rill_patience_rewarded(rill_patience *p)
{
    bool low = p->low_rate_since != 0;
    p->low_rate_since = 0;
    p->looks = 0;
    return low;
}
/* There is another minimum: nothing is known to be too bad for it. */
static inline void rill_patience_anew(rill_patience *p)
{
    p->low_rate_since = 0;
    p->look_at = 0;
}
void rill_patience_on_deadline(rill_connection *c, uint64_t now_ns);

#endif

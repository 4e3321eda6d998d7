/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/hold.h"

#include <assert.h>

#include <rill/types.h>

#define FIRST          (10 * RILL_MS)
#define LONGEST        RILL_SECOND
#define MOST_DOUBLINGS 7
_Static_assert(FIRST << MOST_DOUBLINGS >= LONGEST, "the wait doubles until it is the longest");

bool rill_hold_refused(rill_hold *h, uint64_t sent_ns, uint64_t now_ns)
{
    if (sent_ns < h->started)
        return false;
    unsigned doublings = h->rounds < MOST_DOUBLINGS ? h->rounds : MOST_DOUBLINGS;
    uint64_t delay = FIRST << doublings;
    h->started = now_ns + 1;
    h->until = now_ns + (delay < LONGEST ? delay : LONGEST);
    if (h->rounds < UINT16_MAX)
        h->rounds++;
    return true;
}

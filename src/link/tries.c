/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tries.h"

#include <rill/error.h>

#include "base/muldiv.h"

bool rill_tries_again(rill_tries *t, int error, uint64_t now_ms, uint64_t wait_ms,
                      uint64_t limit_ms)
{
    if (error == RILL_ERR_NOT_CONNECTED && t->ends++ == 0)
        t->since_ms = now_ms;
    if ((error != RILL_ERR_NOT_CONNECTED && error != RILL_ERR_CONNECT) || t->ends == 0 ||
        t->ends >= RILL_TRIES_ENDS)
        return false;
    return rill_add_sat(now_ms - t->since_ms, wait_ms) < limit_ms;
}

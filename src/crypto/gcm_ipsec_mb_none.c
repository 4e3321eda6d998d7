/* SPDX-License-Identifier: Apache-2.0 */
/* Built in the place of gcm_ipsec_mb.c where the library is not there or not wanted. */
#include <rill/error.h>

#include "crypto/gcm.h"

bool rill_gcm_ipsec_mb_available(void)
{
    return false;
}

int rill_gcm_ipsec_mb_new(rill_gcm **out, const rill_allocator *allocator)
{
    (void)out;
    (void)allocator;
    return RILL_ERR_UNSUPPORTED;
}

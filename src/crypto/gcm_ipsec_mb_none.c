/* SPDX-License-Identifier: Apache-2.0 */
/* This file is built instead of gcm_ipsec_mb.c if the library is missing or not wanted. */
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

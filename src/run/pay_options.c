/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "base/sized.h"
#include "run/payment_impl.h"

void rill_pay_options_init_sized(rill_pay_options *o, size_t size)
{
    const rill_pay_options defaults = {.stall_timeout_ns = RILL_STALL_DEFAULT};
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

int rill_pay_options_take(rill_pay_options *full, const rill_pay_options *o, const char **problem)
{
    rill_pay_options_init(full);
    int rc = rill_sized_take(full, sizeof *full, o);
    if (rc != RILL_OK) {
        *problem = rill_options_problem(rc);
        return rc;
    }
    if (full->resume.len > 0) /* which names them */
        return RILL_OK;
    if (full->destination_account && full->shared_secret)
        return RILL_OK;
    *problem = "destination account and shared secret are needed";
    return RILL_ERR_INVALID;
}

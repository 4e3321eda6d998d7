/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sized.h"
#include "run/host.h"

void rill_net_options_init_sized(rill_net_options *o, size_t size)
{
    const rill_net_options defaults = {.max_connections = 100000,
                                       .connect_timeout_ns = 30 * RILL_SECOND};
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

int rill_net_options_take(rill_net_options *full, const rill_net_options *o, const char **problem)
{
    rill_net_options_init(full);
    int rc = o ? rill_sized_take(full, sizeof *full, o) : RILL_OK;
    if (rc != RILL_OK)
        *problem = rill_options_problem(rc);
    return rc;
}

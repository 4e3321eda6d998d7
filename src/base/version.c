/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/api.h>

const char *rill_version(void)
{
    return RILL_VERSION;
}

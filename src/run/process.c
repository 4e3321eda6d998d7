/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <rill/net.h>

int rill_protect_process(void)
{
    const struct rlimit none = {0, 0};
    int status = setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
    /* A program that takes the dumps (a core_pattern with |) does not look at that limit. */
    status = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    return status == 0 ? RILL_OK : RILL_ERR_IO;
}

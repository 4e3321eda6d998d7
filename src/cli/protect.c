/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/protect.h"

#include <fcntl.h>
#include <rill/net.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/*
 * If one of the standard files is closed, the next file that is opened, such as a client's socket,
 * would get its number, and our messages. So each is opened in the wrong direction: reading and
 * writing fail, as they would on a closed file.
 */
static bool occupy_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

bool cli_protect(void)
{
    if (!occupy_standard_files())
        return false;
#ifdef __linux__
    /* We start no other program, least of all a program with more rights. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
#endif
    const char *dumps = getenv("RILL_CORE_DUMPS");
    if (dumps != NULL && strcmp(dumps, "1") == 0)
        return true;
    return rill_protect_process() == RILL_OK;
}

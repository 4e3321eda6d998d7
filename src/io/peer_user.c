/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a connection of this machine. */
#define _GNU_SOURCE /* struct ucred, or getpeereid */

#include <sys/socket.h>
#include <unistd.h>

#include "io/tcp.h"

bool rill_tcp_peer_user(const rill_tcp *t, uint32_t *user)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&t->handle, &fd) != 0)
        return false;
#ifdef SO_PEERCRED
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || len != sizeof who ||
        who.uid == (uid_t)-1)
        return false;
    *user = who.uid;
    return true;
#else
    uid_t uid;
    gid_t gid;
    if (getpeereid(fd, &uid, &gid) != 0)
        return false;
    *user = uid;
    return true;
#endif
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* S_ISSOCK */

#include "io/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int error_of(int number)
{
    if (number == EMFILE || number == ENFILE)
        return RILL_ERR_FILES;
    return number == ENOMEM ? RILL_ERR_NOMEM : RILL_ERR_IO;
}

static int new_socket(int *fd)
{
    *fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (*fd < 0)
        return error_of(errno);
    (void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
    return RILL_OK;
}

/* Somebody listens, or something else is there; RILL_OK: nothing is there any more. */
static int make_room(const struct sockaddr_un *at)
{
    struct stat found;
    int fd;
    if (lstat(at->sun_path, &found) != 0)
        return errno == ENOENT ? RILL_OK : RILL_ERR_IO;
    if (!S_ISSOCK(found.st_mode))
        return RILL_ERR_EXISTS;
    int rc = new_socket(&fd);
    if (rc != RILL_OK)
        return rc;
    /* Where the queue is full somebody listens all the same: it must not wait for room there. */
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    int refused = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ? 0 : errno;
    close(fd);
    if (refused != ECONNREFUSED && refused != ENOENT)
        return RILL_ERR_ADDRESS_IN_USE;
    return unlink(at->sun_path) == 0 || errno == ENOENT ? RILL_OK : RILL_ERR_IO;
}

int rill_unix_bind(rill_unix_socket *s, int *fd, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat made;
    size_t len = strlen(path);
    s->path[0] = '\0';
    if (len >= sizeof s->path || len >= sizeof at.sun_path)
        return RILL_ERR_TOO_LARGE;
    memcpy(at.sun_path, path, len + 1);
    int rc = make_room(&at);
    if (rc == RILL_OK)
        rc = new_socket(fd);
    if (rc != RILL_OK)
        return rc;
    /* Before it has a path: on Linux it gets this mode with it. */
    (void)fchmod(*fd, S_IRUSR | S_IWUSR);
    if (bind(*fd, (const struct sockaddr *)&at, sizeof at) != 0)
        rc = errno == EADDRINUSE ? RILL_ERR_ADDRESS_IN_USE : error_of(errno);
    else if (chmod(path, S_IRUSR | S_IWUSR) != 0 || lstat(path, &made) != 0)
        rc = RILL_ERR_IO;
    if (rc != RILL_OK) {
        int number = errno;
        close(*fd);
        errno = number;
        return rc;
    }
    memcpy(s->path, path, len + 1);
    s->device = made.st_dev;
    s->file = made.st_ino;
    return RILL_OK;
}

void rill_unix_remove(rill_unix_socket *s)
{
    struct stat found;
    if (s->path[0] != '\0' && lstat(s->path, &found) == 0 && found.st_dev == s->device &&
        found.st_ino == s->file)
        (void)unlink(s->path);
    s->path[0] = '\0';
}

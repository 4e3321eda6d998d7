/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets with a path (AF_UNIX), for programs of this machine. Only their owner may connect: a
 * socket has mode 0600 from the moment that it can be seen.
 */
#ifndef RILL_IO_UNIX_SOCKET_H
#define RILL_IO_UNIX_SOCKET_H

#include <sys/types.h>

#include <rill/error.h>

/* Bytes of a path with its NUL: what every system has room for. */
#define RILL_UNIX_PATH 104

typedef struct rill_unix_socket {
    char path[RILL_UNIX_PATH]; /* empty: there is none */
    dev_t device;              /* which file it is */
    ino_t file;
} rill_unix_socket;

/*
 * A bound socket that does not listen yet, in *fd. What a process that died has left at the path is
 * replaced. RILL_ERR_TOO_LARGE: the path is too long. RILL_ERR_ADDRESS_IN_USE: somebody listens
 * there. RILL_ERR_EXISTS: something else than a socket is there. RILL_ERR_FILES, RILL_ERR_IO (errno
 * says more).
 */
RILL_MUST_CHECK int rill_unix_bind(rill_unix_socket *s, int *fd, const char *path);
/*
 * Takes the path away, unless it is another's by now. To be called before the socket is closed,
 * since another may be the same file afterwards. Again: nothing.
 */
void rill_unix_remove(rill_unix_socket *s);

#endif

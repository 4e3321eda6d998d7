/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where file descriptors run out, libuv takes and drops connections with one
 * that it keeps back. Where even that one is gone, it would try for ever: its
 * handle is closed then, and opened again after a pause. The socket itself
 * stays, by another descriptor: who comes meanwhile waits, and the right to bind
 * it may be gone.
 */
#define _POSIX_C_SOURCE 200809L

#include "io/acceptor.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/adopt.h"

#define BACKLOG  1024
#define RETRY_MS 100

static int start(rill_acceptor *l);

static void part_closed(uv_handle_t *handle)
{
    rill_acceptor *l = handle->data;
    assert(l->parts > 0);
    if (--l->parts == 0)
        l->closed(l);
}

static void on_retry(uv_timer_t *timer)
{
    rill_acceptor *l = timer->data;
    if (start(l) != 0 && !l->open)
        uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

static void on_paused(uv_handle_t *handle)
{
    rill_acceptor *l = handle->data;
    l->open = false;
    if (l->closing)
        part_closed(handle);
    else
        uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
}

void rill_acceptor_pause(rill_acceptor *l)
{
    if (l->open && !uv_is_closing((uv_handle_t *)&l->handle))
        uv_close((uv_handle_t *)&l->handle, on_paused);
}

static void on_waited(uv_timer_t *timer)
{
    rill_acceptor *l = timer->data;
    if (l->open && !uv_is_closing((uv_handle_t *)&l->handle))
        l->ready(l, (uv_stream_t *)&l->handle);
}

/* libuv does not listen while a connection that it has told of is not taken. */
void rill_acceptor_wait(rill_acceptor *l, uint64_t ms)
{
    uv_timer_start(&l->retry, on_waited, ms, 0);
}

static void on_connection(uv_stream_t *stream, int status)
{
    rill_acceptor *l = stream->data;
    if (status == 0) {
        l->ready(l, stream);
    } else if (!uv_is_closing((uv_handle_t *)stream)) {
        l->trouble(l, status);
        rill_acceptor_pause(l);
    }
}

/* Bound for the first time, or again what was. libuv's status. */
static int bind_socket(rill_acceptor *l)
{
    if (l->kept < 0)
        return uv_tcp_bind(&l->handle, (const struct sockaddr *)&l->address, 0);
    int fd = fcntl(l->kept, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    int status = uv_tcp_open(&l->handle, fd);
    if (status != 0)
        close(fd);
    return status;
}

/* Where there is no descriptor for it, it will be bound again, if that is allowed. */
static void keep_socket(rill_acceptor *l)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&l->handle, &fd) == 0)
        l->kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* libuv's status. Where it is not 0, the handle is closing, and a retry follows unless that too. */
static int start(rill_acceptor *l)
{
    int status = uv_tcp_init(l->loop->uv, &l->handle);
    if (status != 0)
        return status;
    l->handle.data = l;
    l->open = true;
    status = bind_socket(l);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&l->handle, BACKLOG, on_connection);
    if (status != 0)
        uv_close((uv_handle_t *)&l->handle, on_paused);
    return status;
}

static void init_parts(rill_acceptor *l)
{
    l->kept = -1;
    l->local.path[0] = '\0';
    rill_list_init(&l->node);
    uv_timer_init(l->loop->uv, &l->retry);
    l->retry.data = l;
    l->parts = 2;
}

/*
 * Ours are for our user alone (rill_unix_bind); one that was adopted may be for others too, and not
 * for everybody, which is what systemd makes of it where nothing is said. One whose file is gone,
 * as with the folder of a service that has ended, is of no use.
 */
static int take_unix(rill_acceptor *l, int *fd, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat found;
    size_t len = strlen(path);
    if (len < sizeof at.sun_path) {
        memcpy(at.sun_path, path, len);
        *fd = rill_adopted_take(l->loop, (const struct sockaddr *)&at);
    }
    if (*fd >= 0 && lstat(path, &found) != 0) {
        close(*fd);
        *fd = -1;
    }
    if (*fd < 0)
        return rill_unix_bind(&l->local, fd, path);
    if ((found.st_mode & S_IWOTH) == 0)
        return RILL_OK;
    close(*fd);
    return RILL_ERR_INVALID;
}

/* libuv takes any stream socket here (uv_tcp_open). */
int rill_acceptor_open_unix(rill_acceptor *l, const char *path)
{
    int fd = -1;
    init_parts(l);
    l->address.ss_family = AF_UNIX;
    int rc = take_unix(l, &fd, path);
    if (rc == RILL_OK) {
        l->kept = fd;
        int status = start(l);
        rc = status == 0 ? RILL_OK : rill_loop_error(status);
    }
    if (rc == RILL_OK)
        rill_list_push_back(&l->loop->listening, &l->node);
    else
        rill_acceptor_close(l);
    return rc;
}

int rill_acceptor_open(rill_acceptor *l, const char *host, uint16_t port)
{
    int len = sizeof l->address;
    init_parts(l);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&l->address) != 0 &&
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&l->address) != 0)
        l->address.ss_family = AF_UNSPEC;
    else
        l->kept = rill_adopted_take(l->loop, (const struct sockaddr *)&l->address);
    int status = l->address.ss_family == AF_UNSPEC ? UV_EINVAL : start(l);
    if (status == 0)
        status = uv_tcp_getsockname(&l->handle, (struct sockaddr *)&l->address, &len);
    if (status == 0) {
        if (l->kept < 0)
            keep_socket(l);
        rill_list_push_back(&l->loop->listening, &l->node);
        return RILL_OK;
    }
    rill_acceptor_close(l);
    if (status == UV_EADDRINUSE)
        return RILL_ERR_ADDRESS_IN_USE;
    if (status == UV_EINVAL || status == UV_EADDRNOTAVAIL)
        return RILL_ERR_INVALID;
    return rill_loop_error(status);
}

uint16_t rill_acceptor_port(const rill_acceptor *l)
{
    if (l->address.ss_family == AF_UNIX)
        return 0;
    if (l->address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&l->address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&l->address)->sin_port);
}

void rill_acceptor_close(rill_acceptor *l)
{
    if (l->closing)
        return;
    l->closing = true;
    rill_list_remove(&l->node);
    rill_unix_remove(&l->local); /* while its file is in use, no other can be the same */
    if (l->kept >= 0)
        close(l->kept);
    l->kept = -1;
    if (!l->open)
        l->parts--; /* between two sockets */
    else if (!uv_is_closing((uv_handle_t *)&l->handle))
        uv_close((uv_handle_t *)&l->handle, part_closed);
    uv_close((uv_handle_t *)&l->retry, part_closed);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SOCK_CLOEXEC before POSIX has it; struct cmsghdr */

#include "cli/rilld_service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SOCKET 3 /* SD_LISTEN_FDS_START */
#define MAX_SOCKETS  256
/* Told so many times in the time after which the manager takes the process for stuck. */
#define WATCHDOG_TIMES 3
/* How long a manager is waited for that has much to read. */
#define PATIENCE_S 5

/* The number that a variable has; 0: none, or another than one of these. */
static uint64_t number_of(const char *variable, uint64_t most)
{
    const char *text = getenv(variable);
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && value <= most ? value : 0;
}

/* Variables of ours alone: a process that we were started by may have had its own. */
static bool is_for_us(const char *variable)
{
    return number_of(variable, INT_MAX) == (uint64_t)getpid();
}

/* What is ours is closed when another program begins, so it did not come from there. */
static bool was_passed(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

static unsigned adopt(rill_loop *loop)
{
    unsigned adopted = 0;
    uint64_t count = is_for_us("LISTEN_PID") ? number_of("LISTEN_FDS", MAX_SOCKETS) : 0;
    for (int fd = FIRST_SOCKET; count > 0; count--, fd++) {
        if (!was_passed(fd)) {
            rilld_warn("descriptor %d was not passed, though LISTEN_FDS says so", fd);
            continue;
        }
        int rc = rill_loop_adopt_socket(loop, fd);
        if (rc == RILL_OK) {
            adopted++;
            continue;
        }
        rilld_warn("descriptor %d was passed, and cannot be used: %s", fd,
                   rc == RILL_ERR_INVALID ? "it is no socket that listens" : rill_strerror(rc));
        close(fd);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return adopted;
}

/* Of a path, or of a name beginning with '@', which has no file. */
static bool find_manager(rilld_service *s)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof s->to.sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    s->to.sun_family = AF_UNIX;
    memcpy(s->to.sun_path, path, len + 1);
    if (path[0] == '@')
        s->to.sun_path[0] = '\0';
    s->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

/*
 * fd: passed along with it; -1: none. flags: MSG_DONTWAIT where it does not matter much, or for
 * ever, if one is lost; else a manager that has much to read is waited for, and no second time in
 * vain.
 */
static void tell(rilld_service *s, const char *text, int fd, int flags)
{
    union {
        struct cmsghdr first;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec bytes = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)&s->to,
                             .msg_namelen = s->to_len,
                             .msg_iov = &bytes,
                             .msg_iovlen = 1};
    if (s->fd < 0)
        return;
    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    flags |= MSG_NOSIGNAL | (s->deaf ? MSG_DONTWAIT : 0);
    ssize_t sent;
    do
        sent = sendmsg(s->fd, &message, flags);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (flags & MSG_DONTWAIT) == 0)
        s->deaf = true;
}

/* All that processes before this one have left with the manager. */
static void forget_sockets(rilld_service *s)
{
    tell(s, "FDSTOREREMOVE=1\nFDNAME=rilld", -1, 0);
}

static void on_watchdog(uv_timer_t *timer)
{
    tell(timer->data, "WATCHDOG=1", -1, MSG_DONTWAIT);
}

/* From the loop: a process whose loop does not turn any more is not alive. */
static void start_watchdog(rilld_service *s)
{
    bool ours = getenv("WATCHDOG_PID") == NULL || is_for_us("WATCHDOG_PID");
    uint64_t us = ours ? number_of("WATCHDOG_USEC", UINT64_MAX) : 0;
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
    if (s->fd < 0 || us == 0)
        return;
    uint64_t ms = us / (1000 * WATCHDOG_TIMES) + 1;
    (void)uv_timer_init(rill_loop_uv(s->loop), &s->watchdog);
    s->watchdog.data = s;
    s->watched = true;
    (void)uv_timer_start(&s->watchdog, on_watchdog, ms, ms);
    uv_unref((uv_handle_t *)&s->watchdog);
}

void rilld_service_begin(rilld_service *s, rill_loop *loop)
{
    *s = (rilld_service){.loop = loop, .fd = -1};
    s->adopted = adopt(loop);
    if (find_manager(s)) {
        const struct timeval patience = {.tv_sec = PATIENCE_S};
        s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
            rilld_warn("the manager of this service cannot be told of anything: %s",
                       strerror(errno));
        else
            (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    start_watchdog(s);
}

static void leave_socket(void *user, int fd)
{
    tell(user, "FDSTORE=1\nFDNAME=rilld", fd, 0);
}

void rilld_service_ready(rilld_service *s, const char *status)
{
    char text[512];
    size_t unused = rill_loop_drop_adopted(s->loop);
    if (unused > 0)
        rilld_warn("%zu sockets that were passed are at addresses where nothing is to listen, "
                   "and are closed",
                   unused);
    if (s->stopping)
        return;
    /* It would keep those that nobody uses any more, and whoever connects there would wait. */
    if (s->adopted > 0)
        forget_sockets(s);
    rill_loop_each_listening(s->loop, leave_socket, s);
    (void)snprintf(text, sizeof text, "READY=1\nSTATUS=%.400s", status);
    tell(s, text, -1, 0);
    s->ready = true;
}

void rilld_service_reloading(rilld_service *s)
{
    char text[80];
    struct timespec now;
    if (!s->ready || s->stopping)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    tell(s, text, -1, MSG_DONTWAIT);
}

void rilld_service_reloaded(rilld_service *s)
{
    if (s->ready && !s->stopping)
        tell(s, "READY=1", -1, 0);
}

void rilld_service_stopping(rilld_service *s)
{
    s->stopping = true;
    tell(s, "STOPPING=1\nSTATUS=waiting for packets under way", -1, MSG_DONTWAIT);
}

void rilld_service_end(rilld_service *s)
{
    if (s->watched)
        uv_close((uv_handle_t *)&s->watchdog, NULL);
    s->watched = false;
    /* Another address, say, of which the port is still taken by one of these. */
    if (s->adopted > 0 && !s->ready && !s->stopping)
        forget_sockets(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/data_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

struct data_source {
    const char *text; /* the rest of the text; NULL: read from fd */
    int fd;
    uint64_t size;
    bool waits; /* reading may have to wait, and poll tells when it need not */
    bool attached;
    uv_poll_t poll;
    rill_payment *payment;
};

data_source *data_source_of_text(const char *text)
{
    data_source *s = calloc(1, sizeof *s);
    if (s) {
        s->text = text;
        s->fd = -1;
        s->size = strlen(text);
    }
    return s;
}

/* From the present place: standard input may be a file of which a part was read already. */
static uint64_t size_of(int fd, const struct stat *status)
{
    off_t at = S_ISREG(status->st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
    /* A file in /proc says that its size is 0, although it is not empty. */
    if (at < 0 || status->st_size == 0)
        return UINT64_MAX;
    return status->st_size > at ? (uint64_t)(status->st_size - at) : 0;
}

uint64_t data_source_size(const data_source *s)
{
    return s ? s->size : 0;
}

data_source *data_source_of_file(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct stat status;
    int error = fstat(fd, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
    data_source *s = error == 0 ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        error = error != 0 ? error : ENOMEM;
        if (fd != STDIN_FILENO)
            close(fd);
        errno = error;
        return NULL;
    }
    s->fd = fd;
    s->size = size_of(fd, &status);
    s->waits = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || isatty(fd);
    return s;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    data_source *s = poll->data;
    uv_poll_stop(poll);
    rill_payment_readable(s->payment);
}

void data_source_attach(data_source *s, rill_loop *loop, rill_payment *payment)
{
    s->payment = payment;
    if (!s->waits || uv_poll_init(rill_loop_uv(loop), &s->poll, s->fd) != 0)
        return;
    s->poll.data = s;
    s->attached = true;
}

/*
 * Checks whether a read would wait. The descriptor may be shared with others, so its blocking mode
 * is not changed.
 */
static bool would_wait(const data_source *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    return s->attached && poll(&p, 1, 0) == 0;
}

int data_source_read(data_source *s, uint8_t *buf, size_t cap, size_t *len)
{
    *len = 0;
    if (s->text) {
        size_t left = strlen(s->text);
        *len = left < cap ? left : cap;
        memcpy(buf, s->text, *len);
        s->text += *len;
        return RILL_OK;
    }
    while (!would_wait(s)) {
        ssize_t n = read(s->fd, buf, cap);
        if (n >= 0) {
            *len = (size_t)n;
            return RILL_OK;
        }
        if (errno != EINTR && errno != EAGAIN)
            return RILL_ERR_IO;
        if (errno == EAGAIN && !s->attached)
            return RILL_ERR_IO;
    }
    if (uv_poll_start(&s->poll, UV_READABLE | UV_DISCONNECT, on_readable) != 0)
        return RILL_ERR_IO;
    return RILL_ERR_BLOCKED;
}

static void release(data_source *s)
{
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    free(s);
}

static void on_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void data_source_close(data_source *s)
{
    if (s && s->attached)
        uv_close((uv_handle_t *)&s->poll, on_closed);
    else if (s)
        release(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/kept_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum { PATH_CAP = 4096 };

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_kept_text_init(rill_kept_text *k)
{
    *k = (rill_kept_text){.fd = -1};
}

void rill_kept_text_clear(rill_kept_text *k)
{
    if (k->fd >= 0)
        (void)close(k->fd);
    rill_free(memory(), k->text);
    rill_kept_text_init(k);
}

/* It has no name from the start on, as far as anybody can see. -1: there is none. */
static int open_file(const char *beside)
{
    char path[PATH_CAP];
    int len = snprintf(path, sizeof path, "%s.config-XXXXXX", beside);
    if (len < 0 || (size_t)len >= sizeof path)
        return -1;
    int fd = mkstemp(path); /* mode 0600 */
    if (fd < 0)
        return -1;
    if (unlink(path) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t some = write(fd, text, len);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return false;
        text += some;
        len -= (size_t)some;
    }
    return true;
}

void rill_kept_text_take(rill_kept_text *k, char *text, size_t len, const char *beside)
{
    rill_kept_text_clear(k);
    k->text = text;
    k->len = len;
    int fd = len < RILL_KEPT_TEXT_LARGE ? -1 : open_file(beside);
    if (fd < 0)
        return;
    if (!write_all(fd, text, len)) {
        (void)close(fd);
        return;
    }
    k->fd = fd;
    k->text = NULL;
    rill_free(memory(), text);
}

static bool read_all(int fd, char *text, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t some = pread(fd, text + done, len - done, (off_t)done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            return false;
        done += (size_t)some;
    }
    return true;
}

int rill_kept_text_read(const rill_kept_text *k, char **text, size_t *len)
{
    char *copy = rill_alloc(memory(), k->len + 1);
    if (copy == NULL)
        return RILL_ERR_NOMEM;
    if (k->fd >= 0 && !read_all(k->fd, copy, k->len)) {
        rill_free(memory(), copy);
        return RILL_ERR_IO;
    }
    if (k->fd < 0 && k->len > 0)
        memcpy(copy, k->text, k->len);
    copy[k->len] = '\0';
    *text = copy;
    *len = k->len;
    return RILL_OK;
}

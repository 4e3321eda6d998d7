/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* flock */

#include "cli/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rill/crypto.h>

void state_file_init(state_file *f)
{
    f->path = NULL;
    f->lock = -1;
    f->lock_path = NULL;
    f->len = 0;
    f->incoming[0] = '\0';
}

static int complain(const cli_args *args, const char *path, const char *what)
{
    char shown[256];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    cli_error(args->command, "%s: %s", shown, what);
    return CLI_USAGE;
}

/* The file with that name is still the one that is locked. */
static bool is_there(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/*
 * Two processes that go on with one payment would pay it twice. The state itself is replaced again
 * and again, so that the lock is on a file beside it. 0, or errno; EWOULDBLOCK: another one has it.
 */
static int take_lock(state_file *f, const char *path)
{
    size_t size = strlen(path) + sizeof ".lock";
    f->lock_path = malloc(size);
    if (!f->lock_path)
        return ENOMEM;
    snprintf(f->lock_path, size, "%s.lock", path);
    for (;;) {
        f->lock = open(f->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (f->lock < 0)
            return errno;
        if (flock(f->lock, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            close(f->lock);
            f->lock = -1;
            return error;
        }
        if (is_there(f->lock, f->lock_path))
            return 0;
        close(f->lock); /* whoever had it has removed it */
    }
}

/* Another name of the same file would have another lock. */
static int lock(state_file *f, const cli_args *args, const char *path)
{
    struct stat status;
    if (*path == '\0')
        return complain(args, "the state of a payment", "the name of its file is empty");
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return complain(args, path,
                        S_ISLNK(status.st_mode)
                            ? "it is a link: give the name of the file itself"
                            : "it is no file that the state of a payment can be in");
    int error = take_lock(f, path);
    if (error == EWOULDBLOCK)
        return complain(args, path, "another process pays with this file now");
    if (error != 0)
        return complain(args, f->lock_path ? f->lock_path : path, strerror(error));
    f->path = path;
    return CLI_DONE;
}

int state_file_create(state_file *f, const cli_args *args, const char *path)
{
    rill_payment_state old;
    struct stat status;
    if (strcmp(path, "-") == 0)
        return complain(args, path, "the state of a payment is kept in a file");
    int code = lock(f, args, path);
    if (code != CLI_DONE || lstat(path, &status) != 0)
        return code;
    int error = rill_payment_state_load(path, f->text, &f->len);
    if (error == RILL_OK)
        error = rill_payment_state_read(&old, (rill_bytes){f->text, f->len}, NULL);
    if (error != RILL_OK)
        return complain(args, path, "it is there already, and holds no payment: give another name");
    rill_credentials_wipe(&old.credentials);
    if (!old.complete)
        return complain(args, path,
                        "it holds a payment that is not complete: go on with it by --resume, or "
                        "give another name");
    return CLI_DONE;
}

void state_file_set_incoming(state_file *f, const char *url)
{
    size_t len = strlen(url);
    f->incoming[0] = '\0';
    if (len >= sizeof f->incoming)
        return;
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] > '~' || url[i] == '"' || url[i] == '\\')
            return;
    memcpy(f->incoming, url, len + 1);
}

/* What it holds is a payment's state already. */
static void read_incoming(state_file *f)
{
    json_t *state = json_loadb((const char *)f->text, f->len, 0, NULL);
    const char *url = json_string_value(json_object_get(state, "incoming_payment"));
    if (url)
        state_file_set_incoming(f, url);
    json_decref(state);
}

int state_file_open(state_file *f, const cli_args *args, const char *path, rill_payment_state *out)
{
    const char *problem = "it is too long to be the saved state of a payment";
    int code = lock(f, args, path);
    if (code != CLI_DONE)
        return code;
    int error = rill_payment_state_load(path, f->text, &f->len);
    if (error == RILL_ERR_IO)
        problem = strerror(errno);
    else if (error == RILL_OK)
        error = rill_payment_state_read(out, (rill_bytes){f->text, f->len}, &problem);
    if (error != RILL_OK)
        return complain(args, path, problem);
    cli_warn_readable(args, path, "the receiver's secret");
    read_incoming(f);
    return CLI_DONE;
}

int state_file_save(rill_bytes state, void *file)
{
    state_file *f = file;
    char text[RILL_PAYMENT_STATE_MAX + sizeof f->incoming + 32];
    if (*f->incoming == '\0' || state.len < 2 || state.len > RILL_PAYMENT_STATE_MAX)
        return rill_payment_state_save(f->path, state);
    size_t kept = state.len - 2; /* "}\n": one more member follows */
    memcpy(text, state.data, kept);
    int n =
        snprintf(text + kept, sizeof text - kept, ",\"incoming_payment\":\"%s\"}\n", f->incoming);
    int error = kept + (size_t)n < RILL_PAYMENT_STATE_MAX
                    ? rill_payment_state_save(f->path,
                                              (rill_bytes){(const uint8_t *)text, kept + (size_t)n})
                    : rill_payment_state_save(f->path, state);
    rill_wipe(text, sizeof text);
    return error;
}

void state_file_close(state_file *f)
{
    rill_wipe(f->text, sizeof f->text);
    if (f->lock >= 0) {
        (void)unlink(f->lock_path); /* while it is still ours */
        close(f->lock);
    }
    free(f->lock_path);
    state_file_init(f);
}

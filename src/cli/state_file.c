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

static int lock(state_file *f, const cli_args *args, const char *path)
{
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
    return CLI_DONE;
}

int state_file_save(rill_bytes state, void *file)
{
    return rill_payment_state_save(((state_file *)file)->path, state);
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

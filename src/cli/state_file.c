/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/state_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "files/file_lock.h"
#include <rill/crypto.h>

void state_file_init(state_file *f)
{
    f->path = NULL;
    f->lock = -1;
    f->len = 0;
    f->incoming[0] = '\0';
    f->error = 0;
}

static int complain(const cli_args *args, const char *path, const char *what)
{
    char shown[256];
    cli_escape(shown, sizeof shown, (const uint8_t *)path, strlen(path));
    cli_error(args->command, "%s: %s", shown, what);
    return CLI_USAGE;
}

static int complain_of_lock(const cli_args *args, const char *path, int error)
{
    char name[256];
    snprintf(name, sizeof name, "%s.lock", path);
    return complain(args, name, strerror(error));
}

/*
 * Two processes that go on with one payment would pay it twice. Another name of the same file would
 * have another lock.
 */
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
    int error = rill_file_lock(path, &f->lock);
    if (error == EWOULDBLOCK)
        return complain(args, path, "another process pays with this file now");
    if (error != 0)
        return complain_of_lock(args, path, error);
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

static int save(state_file *f, rill_bytes state)
{
    int error = rill_payment_state_save(f->path, state);
    if (error != RILL_OK)
        f->error = errno;
    return error;
}

const char *state_file_problem(const state_file *f)
{
    return f->error < 0 ? "the file that locks it is gone" : strerror(f->error);
}

int state_file_save(rill_bytes state, void *file)
{
    state_file *f = file;
    char text[RILL_PAYMENT_STATE_MAX + sizeof f->incoming + 32];
    if (!rill_file_lock_holds(f->path, f->lock)) {
        f->error = -1;
        return RILL_ERR_IO; /* another process may pay with it */
    }
    if (*f->incoming == '\0' || state.len < 2 || state.len > RILL_PAYMENT_STATE_MAX)
        return save(f, state);
    size_t kept = state.len - 2; /* "}\n": one more member follows */
    memcpy(text, state.data, kept);
    int n =
        snprintf(text + kept, sizeof text - kept, ",\"incoming_payment\":\"%s\"}\n", f->incoming);
    int error = kept + (size_t)n < RILL_PAYMENT_STATE_MAX
                    ? save(f, (rill_bytes){(const uint8_t *)text, kept + (size_t)n})
                    : save(f, state);
    rill_wipe(text, sizeof text);
    return error;
}

void state_file_close(state_file *f)
{
    rill_wipe(f->text, sizeof f->text);
    if (f->lock >= 0)
        rill_file_unlock(f->path, f->lock);
    state_file_init(f);
}

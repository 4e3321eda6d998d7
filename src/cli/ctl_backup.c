/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the books: the node makes it, and this waits for it. */
#define _POSIX_C_SOURCE 200809L /* nanosleep, sigaction */

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/ctl.h"

enum { PATH = 1024 };

/* A path of this folder, where the node is on this machine. */
static int find_file(const ctl_args *args, char *out, size_t cap)
{
    const char *file = args->operands[0];
    char folder[PATH];
    int len;
    if (strchr(file, '/') == NULL || file[0] == '/')
        len = snprintf(out, cap, "%s", file);
    else if (getcwd(folder, sizeof folder) == NULL)
        len = -1;
    else
        len = snprintf(out, cap, "%s/%s", folder, file);
    if (len > 0 && (size_t)len < cap)
        return CTL_DONE;
    ctl_error(args, "the path is too long");
    return CTL_USAGE;
}

static void show_progress(const json_t *state)
{
    const json_int_t pages = ctl_number(state, "pages");
    if (isatty(STDERR_FILENO) == 0 || pages == 0)
        return;
    (void)fprintf(stderr, "\r%3" JSON_INTEGER_FORMAT " %%",
                  ctl_number(state, "copied") * 100 / pages);
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO) != 0)
        (void)fputs("\r     \r", stderr);
}

static int finish(const ctl_args *args, const ctl_reply *r, const char *file)
{
    const json_t *state = r->value;
    const bool done = strcmp(ctl_text(state, "state"), "done") == 0;
    end_progress();
    if (ctl_json(args))
        (void)ctl_print_json(r);
    if (!done)
        ctl_error(args, "%s", ctl_text(state, "problem"));
    else if (!ctl_json(args))
        (void)printf(
            "the copy is in %s, %" JSON_INTEGER_FORMAT
            " pages; look at \"Copies of the books\" in the documentation before you use it\n",
            file, ctl_number(state, "pages"));
    return done ? CTL_DONE : CTL_INCOMPLETE;
}

/* ---- who does not want it any more ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first one stops the copy, and the command says what came of it. The next one ends it. */
static void catch_signals(void)
{
    struct sigaction once = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    once.sa_flags |= (int)SA_RESETHAND;
    sigemptyset(&once.sa_mask);
    (void)sigaction(SIGINT, &once, NULL);
    (void)sigaction(SIGTERM, &once, NULL);
}

static int stop(const ctl_args *args)
{
    ctl_reply r;
    int code = ctl_ask(args, "DELETE", "/v1/backup", json_pack("{s:s}", "who", ctl_who(args)), &r);
    ctl_reply_clear(&r);
    return code;
}

static bool is_running(const ctl_reply *r)
{
    return strcmp(ctl_text(r->value, "state"), "running") == 0;
}

int ctl_backup(const ctl_args *args)
{
    static const struct timespec moment = {.tv_nsec = 200000000};
    char file[2 * PATH];
    bool stops = false;
    ctl_reply r;
    int code = find_file(args, file, sizeof file);
    if (code != CTL_DONE)
        return code;
    catch_signals();
    code = ctl_ask(args, "POST", "/v1/backup",
                   json_pack("{s:s, s:b, s:s}", "file", file, "force",
                             ctl_value(args, "--force") != NULL, "who", ctl_who(args)),
                   &r);
    while (code == CTL_DONE && is_running(&r)) {
        show_progress(r.value);
        (void)nanosleep(&moment, NULL);
        if (interrupted != 0 && !stops) {
            end_progress();
            stops = true;
            (void)stop(args); /* it may be whole by now; what came of it is asked next */
        }
        ctl_reply_clear(&r);
        code = ctl_ask(args, "GET", "/v1/backup", NULL, &r);
    }
    if (code == CTL_DONE)
        code = finish(args, &r, ctl_text(r.value, "file"));
    ctl_reply_clear(&r);
    return code;
}

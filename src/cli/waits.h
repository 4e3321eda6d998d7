/* SPDX-License-Identifier: Apache-2.0 */
/* Tells what a command waits for while it waits: lines on standard error, or events. */
#ifndef RILL_CLI_WAITS_H
#define RILL_CLI_WAITS_H

#include "cli/cli.h"
#include "cli/progress.h"

typedef struct cli_waits {
    const cli_args *args;
    rill_wait told;
    uint64_t told_at; /* monotonic nanoseconds */
} cli_waits;

/*
 * The command has waited for so long, in nanoseconds, without progress. This is reported once for
 * each reason, and again every ten seconds. now: monotonic nanoseconds. progress (may be NULL) is a
 * line to erase first.
 */
void cli_waits_tell(cli_waits *w, const rill_waiting *waiting, uint64_t waited, uint64_t now,
                    cli_progress *progress);
/* The command was asked to stop, and stops once this has come. */
void cli_waits_stopping(const cli_waits *w, const rill_waiting *waiting, uint64_t now,
                        cli_progress *progress);

/*
 * For a command that is not called as time passes. It looks at *waiting (by a function of the
 * owner) a few times a second, and tells what the command waits for. It calls late if the first
 * wait takes too long.
 */
typedef struct cli_watch cli_watch;
typedef struct cli_watch_handlers {
    /* NOTHING if it does not wait. */
    void (*waiting)(void *user, rill_waiting *out);
    /* The first wait has not ended within `patience`. waiting says what it is for. */
    void (*late)(void *user, const rill_waiting *waiting);
    void *user;
} cli_watch_handlers;
/* NULL without memory: then nothing is reported. patience: nanoseconds; 0: no limit. */
cli_watch *cli_watch_open(rill_loop *loop, const cli_args *args, uint64_t patience,
                          const cli_watch_handlers *handlers);
/* The first wait is over, so late will not be called. NULL is allowed, as below. */
void cli_watch_ready(cli_watch *w);
/* As cli_waits_stopping, with what the owner waits for now. */
void cli_watch_stopping(cli_watch *w);
void cli_watch_close(cli_watch *w);

#endif

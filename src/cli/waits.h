/* SPDX-License-Identifier: Apache-2.0 */
/* What a command waits for, told while it does: lines on standard error, or events. */
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
 * It has waited for so long, nanoseconds, and nothing went on: told once for each reason, and again
 * every ten seconds. now: monotonic nanoseconds. progress (may be NULL) is a line to be erased
 * first.
 */
void cli_waits_tell(cli_waits *w, const rill_waiting *waiting, uint64_t waited, uint64_t now,
                    cli_progress *progress);
/* It was asked to stop, and stops once that has come. */
void cli_waits_stopping(const cli_waits *w, const rill_waiting *waiting, uint64_t now,
                        cli_progress *progress);

/*
 * For who has nobody to tell it that time passes: looks at *waiting (by a function of the
 * owner) a few times a second, tells what is waited for, and calls late once it has
 * waited for so long before it was ready.
 */
typedef struct cli_watch cli_watch;
typedef struct cli_watch_handlers {
    /* NOTHING where all is well. */
    void (*waiting)(void *user, rill_waiting *out);
    /* After `patience` without an end of the first wait; waiting is what for. */
    void (*late)(void *user, const rill_waiting *waiting);
    void *user;
} cli_watch_handlers;
/* NULL without memory: then nothing is told. patience: nanoseconds; 0: none. */
cli_watch *cli_watch_open(rill_loop *loop, const cli_args *args, uint64_t patience,
                          const cli_watch_handlers *handlers);
/* The first wait is over: nobody is late any more. NULL is allowed, as below. */
void cli_watch_ready(cli_watch *w);
/* As cli_waits_stopping, of what the owner waits for now. */
void cli_watch_stopping(cli_watch *w);
void cli_watch_close(cli_watch *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A payment that a command watches: its progress, what it waits for, and what came of it. */
#ifndef RILL_CLI_PAYING_H
#define RILL_CLI_PAYING_H

#include "cli/cli.h"
#include "cli/data_source.h"
#include "cli/progress.h"
#include "cli/state_file.h"
#include "cli/waits.h"

typedef struct cli_paying {
    const cli_args *args;
    rill_loop *loop;
    rill_payment *payment;
    data_source *source; /* NULL: no data */
    /* its number of bytes once it is closed, as data_source_size gives it */
    uint64_t size;
    rill_connection_stats stats; /* the last that were reported; packets_sent 0: none were */
    bool json;
    bool progress_wanted;
    bool warned; /* the warning about another payment was printed */
    cli_waits waits;
    /* when the last progress event was printed, monotonic nanoseconds, and what it said */
    uint64_t event_at;
    uint64_t event_sent;
    uint64_t event_bytes;
    cli_progress progress;
    uint64_t amount;                         /* to be sent, our units */
    char asset_code[CLI_MAX_ASSET_CODE + 1]; /* the progress is shown in it; "": in units */
    uint8_t asset_scale;
    bool done;
    bool reached;
    int error;
    rill_pay_result result;
    state_file *save; /* keeps its state; NULL */
    /* The last of all, from the loop. May be NULL. */
    void (*ended)(void *user);
    void *user;
} cli_paying;

void cli_paying_init(cli_paying *run, const cli_args *args);
/* Of the payment: done and all else. source is set before. */
rill_payment_handlers cli_paying_handlers(cli_paying *run);
/* It has begun. */
void cli_paying_begin(cli_paying *run, rill_loop *loop, rill_payment *payment);
/* Sends nothing more, and says what it still waits for. */
void cli_paying_stop(void *paying);
/* Says what came of it. Returns the exit code. */
int cli_paying_report(cli_paying *run);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials that `rill receive` gives to its payers. */
#ifndef RILL_CLI_HAND_OUT_H
#define RILL_CLI_HAND_OUT_H

#include <uv.h>

#include "cli/cli.h"

/* More files than that in a folder are a mistake. */
#define CLI_HAND_OUT_MOST 100000

/*
 * Writes `count` credentials, some in each turn of the loop: one to path, or several to path.1,
 * path.2 and so on. If path is "-", each goes to a line of standard output. If there are several,
 * their numbers also follow tag (may be NULL). say gets a line about each file; NULL: none.
 */
typedef struct cli_hand_out {
    rill_server *server;
    const char *path;
    const char *tag;
    uint64_t count; /* at least 1 */
    FILE *say;
    /*
     * Some were written, or rc says why no more are: RILL_ERR_IO, RILL_ERR_TOO_LARGE (path, tag),
     * and the errors of rill_server_generate_credentials. problem has one line then.
     */
    void (*told)(int rc, const char *problem, void *user);
    void *user;

    uint64_t written;
    uv_timer_t timer; /* the next turn */
    bool open;
} cli_hand_out;

/* Begins at once. h stays until the loop has run. */
void cli_hand_out_start(cli_hand_out *h, rill_loop *loop);
/* Before the server is closed, however far it is. One that never began is allowed. */
void cli_hand_out_stop(cli_hand_out *h);

#endif

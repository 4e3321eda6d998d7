/* SPDX-License-Identifier: Apache-2.0 */
/* `rill receive --spsp`: whoever asks for a payment pointer of ours gets credentials. */
#ifndef RILL_CLI_RECEIVE_SPSP_H
#define RILL_CLI_RECEIVE_SPSP_H

#include <rill/spsp_server.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/listen_address.h"

typedef struct receive_spsp {
    const cli_args *args;
    bool wanted; /* --spsp was given */
    listen_address at;
    const char *cert_file; /* NULL: no TLS */
    const char *key_file;
    const char *tag;          /* of who pays the pointer without a path; NULL */
    rill_spsp_server *server; /* NULL: not open */
    uv_signal_t renew;
    bool renewing; /* the signal is looked for */
    bool terminal;
    void (*hung_up)(void *user);
    void *user;
} receive_spsp;

/* Reads the options: CLI_DONE, or CLI_USAGE with a line on stderr. */
int receive_spsp_parse(receive_spsp *r, const cli_args *args);
/*
 * Listens, and hands out the server's credentials. hung_up(user): the terminal has gone. CLI_DONE,
 * or another exit code with a line on stderr; then nothing is open.
 */
int receive_spsp_open(receive_spsp *r, rill_loop *loop, rill_server *server,
                      void (*hung_up)(void *user), void *user);
/* "http://127.0.0.1:3000". */
void receive_spsp_url(const receive_spsp *r, char out[80]);
/* Before the server that it hands out is gone. Nothing where it is not open. */
void receive_spsp_close(receive_spsp *r);

#endif

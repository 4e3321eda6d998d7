/* SPDX-License-Identifier: Apache-2.0 */
/* The file in which `rill pay` keeps the state of a payment: of one process at a time. */
#ifndef RILL_CLI_STATE_FILE_H
#define RILL_CLI_STATE_FILE_H

#include <rill/payment.h>

#include "cli/cli.h"

#define STATE_FILE_URL 1024

typedef struct state_file {
    const char *path; /* NULL: none */
    int lock;         /* -1: not held */
    size_t len;
    uint8_t text[RILL_PAYMENT_STATE_MAX]; /* as it was read; holds a secret */
    /* The URL of the incoming payment that was made for this payment alone, kept beside each state;
       "": none */
    char incoming[STATE_FILE_URL + 1];
    int error; /* why a state was not saved: errno; -1: its lock is gone; 0: all were */
} state_file;

void state_file_init(state_file *f);
/*
 * For a new payment: path is free, or holds one that is complete. CLI_DONE, or CLI_USAGE with a
 * line.
 */
int state_file_create(state_file *f, const cli_args *args, const char *path);
/* For the payment that it holds. As above. */
int state_file_open(state_file *f, const cli_args *args, const char *path, rill_payment_state *out);
/*
 * From the next state on it is kept that this incoming payment is for this payment alone. A URL
 * that is too long, or that JSON would have to escape, is not kept.
 */
void state_file_set_incoming(state_file *f, const char *url);
/* As the save handler of a payment, with the file as user. */
int state_file_save(rill_bytes state, void *file);
/* Why the last state that could not be saved was not, after state_file_save has failed. */
const char *state_file_problem(const state_file *f);
/* Wipes, and lets others have it. */
void state_file_close(state_file *f);

#endif

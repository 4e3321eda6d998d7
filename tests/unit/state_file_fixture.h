/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with the saved state of a payment, and arguments of a command that keeps one. */
#ifndef RILL_TESTS_STATE_FILE_FIXTURE_H
#define RILL_TESTS_STATE_FILE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/state_file.h"
#include "run/payment_state.h"

static const cli_option test_options[] = {{"--ca-file", "FILE", ""}, {NULL, NULL, NULL}};
static const cli_command test_command = {.name = "pay", .options = test_options};
static const cli_args test_args = {.command = &test_command};

/* What args.c wants of commands.c. */
const cli_command *const cli_commands[] = {&test_command, NULL};
const cli_command *cli_find_command(const char *name)
{
    (void)name;
    return NULL;
}
const char *cli_meant_command(const char *word)
{
    (void)word;
    return NULL;
}

static char folder[64];
static char path[128];
static char lock_path[160];

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/rill-state-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/payment.json", folder);
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(lock_path);
    return rmdir(folder);
}

static inline rill_payment_state sample(void)
{
    rill_payment_state s = {.amount = 1000,
                            .min_rate = {99, 100},
                            .sent = 500,
                            .in_doubt = 125,
                            .delivered = 498,
                            .packet_lifetime_ns = 30 * RILL_SECOND};
    strcpy(s.credentials.destination_account, "test.receiver.~token");
    memset(s.credentials.shared_secret, 0x5a, sizeof s.credentials.shared_secret);
    return s;
}

static inline size_t text_of(const rill_payment_state *s, char text[RILL_PAYMENT_STATE_MAX])
{
    size_t len = 0;
    assert_int_equal(rill_payment_state_write(s, text, &len), RILL_OK);
    return len;
}

/* As `rill pay --save` leaves it behind. */
static inline void write_file(const char *text, size_t len, mode_t mode)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void write_sample(const rill_payment_state *s)
{
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len = text_of(s, text);
    write_file(text, len, 0600);
}

static inline rill_payment_state read_sample(void)
{
    uint8_t text[RILL_PAYMENT_STATE_MAX];
    size_t len;
    rill_payment_state s;
    assert_int_equal(rill_payment_state_load(path, text, &len), RILL_OK);
    assert_int_equal(rill_payment_state_read(&s, (rill_bytes){text, len}, NULL), RILL_OK);
    return s;
}

#endif

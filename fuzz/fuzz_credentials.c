/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the programs are given: credentials (JSON) and the URI of a link. What was loaded is
 * valid. When cli_credentials_save writes it, it loads again and is the same. A reader that knows
 * no JSON finds it in the input.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "fuzz.h"

/* Messages are not checked, and there are many. */
void __wrap_cli_error(const cli_command *command, const char *format, ...);
void __wrap_cli_error(const cli_command *command, const char *format, ...)
{
    (void)command;
    CHECK(format != NULL);
}

static char path[64];
static int file = -1;

static void write_file(const uint8_t *data, size_t size)
{
    if (file < 0) {
        file = memfd_create("input", MFD_CLOEXEC);
        CHECK(file >= 0);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    CHECK(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

/* What cli_credentials_save writes to the standard output. */
static size_t saved(const rill_credentials *c, char *out, size_t cap)
{
    char problem[256];
    int to = memfd_create("output", MFD_CLOEXEC), before = dup(STDOUT_FILENO);
    CHECK(to >= 0 && before >= 0 && dup2(to, STDOUT_FILENO) >= 0);
    int err = cli_credentials_save("-", c, problem, sizeof problem);
    CHECK(dup2(before, STDOUT_FILENO) >= 0 && close(before) == 0);
    CHECK(err == RILL_OK);
    ssize_t len = pread(to, out, cap, 0);
    CHECK(len > 0 && (size_t)len < cap && close(to) == 0);
    return (size_t)len;
}

static void fuzz_credentials(const uint8_t *data, size_t size)
{
    rill_credentials c, again;
    char problem[256] = "", text[4096];
    write_file(data, size);
    int err = cli_credentials_load(path, &c, problem, sizeof problem);
    if (err != RILL_OK) {
        CHECK(err == RILL_ERR_MALFORMED && problem[0] != '\0' && strchr(problem, '\n') == NULL);
        return;
    }
    size_t address = strnlen(c.destination_account, sizeof c.destination_account);
    CHECK(rill_address_valid((rill_bytes){(const uint8_t *)c.destination_account, address}));
    /* JSON must not escape any character of an address. Few writers escape them anyway. */
    CHECK(memmem(data, size, c.destination_account, address) != NULL ||
          memchr(data, '\\', size) != NULL);
    size_t len = saved(&c, text, sizeof text);
    CHECK(text[len - 1] == '\n' && memchr(text, '\n', len) == text + len - 1);
    write_file((const uint8_t *)text, len);
    memset(&again, 0xAA, sizeof again);
    CHECK(cli_credentials_load(path, &again, problem, sizeof problem) == RILL_OK);
    CHECK(strcmp(again.destination_account, c.destination_account) == 0);
    CHECK(memcmp(again.shared_secret, c.shared_secret, sizeof c.shared_secret) == 0);
}

/* The first line of a file, without white space around it. */
static void fuzz_link_file(const uint8_t *data, size_t size)
{
    static const cli_option none[] = {{NULL, NULL, NULL}};
    static const cli_command command = {.name = "fuzz", .options = none};
    char *argv[] = {(char *)(uintptr_t) "--link-file", path};
    cli_args args;
    char *uri = NULL;
    write_file(data, size);
    CHECK(cli_args_parse(&args, &command, 2, argv) == CLI_DONE);
    int code = cli_link_uri(&args, &uri);
    CHECK(code == CLI_DONE || code == CLI_USAGE);
    CHECK((uri != NULL) == (code == CLI_DONE));
    if (uri != NULL) {
        size_t len = strlen(uri);
        CHECK(len > 0 && strchr(uri, '\n') == NULL && memmem(data, size, uri, len) != NULL);
        CHECK(strchr(" \t", uri[0]) == NULL && strchr(" \t\r", uri[len - 1]) == NULL);
    }
    cli_free_secret(uri);
    cli_args_clear(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == '@')
        fuzz_link_file(data + 1, size - 1);
    else
        fuzz_credentials(data, size);
    return 0;
}

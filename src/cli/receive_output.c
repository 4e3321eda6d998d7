/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/receive_output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

int receive_output_parse(receive_output *o, const cli_args *args)
{
    bool overwrite = cli_value(args, "--overwrite") != NULL;
    const char *credentials = cli_value(args, "--credentials");
    o->args = args;
    o->json = cli_value(args, "--json") != NULL;
    o->quiet = cli_quiet(args);
    o->path = cli_value(args, "--output");
    if (!o->path) {
        if (overwrite)
            cli_error(args->command, "--overwrite needs --output FILE");
        return overwrite ? CLI_USAGE : CLI_DONE;
    }
    if (is_stdout(o->path) && is_stdout(credentials)) {
        cli_error(args->command, "--credentials and --output cannot both be standard output");
        return CLI_USAGE;
    }
    int error = cli_store_check(o->path, overwrite);
    if (error == 0)
        return CLI_DONE;
    return cli_bad_value(args, "--output", o->path,
                         error == EEXIST ? "is there already; --overwrite replaces it"
                                         : strerror(error));
}

bool receive_output_is_for_one(const receive_output *o)
{
    return o->path && cli_store_is_for_one(o->path);
}

/* ---- what has happened to it ---- */

static void tell_room(receive_output *o)
{
    if (!o->closing)
        o->on.pause(o->failed || o->store_full || cli_writer_full(o->writer), o->on.user);
}

static void fail(receive_output *o, const char *name, int error)
{
    char shown[256];
    bool first = !o->failed;
    cli_escape(shown, sizeof shown, (const uint8_t *)name, strlen(name));
    o->failed = true;
    o->incomplete = true;
    /* The senders are told first, since a person reads the line later. */
    if (first && !o->closing)
        o->on.failed(o->on.user);
    cli_fail(o->args->command, RILL_ERR_IO,
             "cannot write to %s: %s; the receiver takes nothing more", shown, strerror(error));
}

/* Once all files are complete nothing more is reported. */
static void close_writer(receive_output *o)
{
    if (o->closing && (!o->store || cli_store_busy(o->store) == 0))
        cli_writer_close(o->writer, o->patience);
}

static void on_text_room(void *user)
{
    tell_room(user);
}

static void on_text_failed(int error, void *user)
{
    receive_output *o = user;
    fail(o, is_stdout(o->path) ? "standard error" : "standard output", error);
}

static void on_text_closed(size_t unwritten, void *user)
{
    receive_output *o = user;
    cli_json_to(NULL, NULL);
    if (unwritten > 0 && !o->incomplete) {
        cli_fail(o->args->command, RILL_ERR_IO,
                 "nobody reads standard output: its last %zu bytes were not written", unwritten);
        o->incomplete = true;
    }
    o->on.closed(o->on.user);
}

static void on_store_room(void *user)
{
    receive_output *o = user;
    o->store_full = false;
    tell_room(o);
}

static void on_store_failed(const char *name, int error, void *user)
{
    fail(user, name, error);
}

static void on_stored(const cli_stored *what, void *user)
{
    receive_output *o = user;
    o->incomplete = o->incomplete || !what->complete;
    if (o->json) {
        receive_output_json(o, json_pack("{s:s,s:I,s:I,s:o,s:I,s:b}", "event", "stored",
                                         "connection", (json_int_t)what->connection, "stream",
                                         (json_int_t)what->stream, "file",
                                         cli_json_text(what->name), "bytes",
                                         (json_int_t)what->bytes, "complete", what->complete));
    } else if (!o->quiet || !what->complete) {
        fprintf(o->text, "server wrote %" PRIu64 " bytes of stream %" PRIu64 " to ", what->bytes,
                what->stream);
        cli_print_text(o->text, (const uint8_t *)what->name, strlen(what->name));
        fputs(what->complete ? "\n" : ": not all of it came\n", o->text);
        receive_output_commit(o);
    }
    close_writer(o);
}

/* ---- writing ---- */

/* Waits and errors are printed between the events, and wait for the reader as events do. */
static bool print_event(json_t *object, void *user)
{
    receive_output_json(user, object);
    return true;
}

bool receive_output_open(receive_output *o, rill_loop *loop,
                         const receive_output_handlers *handlers)
{
    const cli_writer_handlers text = {
        .room = on_text_room, .failed = on_text_failed, .closed = on_text_closed, .user = o};
    const cli_store_handlers bytes = {
        .room = on_store_room, .failed = on_store_failed, .stored = on_stored, .user = o};
    o->on = *handlers;
    if (o->path) {
        o->store = cli_store_open(loop, o->path, cli_value(o->args, "--overwrite") != NULL, &bytes);
        if (!o->store)
            return false;
    }
    /* Nothing else may be on standard output beside the bytes. */
    o->writer = cli_writer_open(loop, is_stdout(o->path) ? STDERR_FILENO : STDOUT_FILENO, &text);
    if (!o->writer)
        return false;
    o->text = cli_writer_stream(o->writer);
    cli_json_to(print_event, o);
    return true;
}

void receive_output_commit(receive_output *o)
{
    (void)cli_writer_commit(o->writer);
    if (cli_writer_full(o->writer))
        tell_room(o);
}

void receive_output_json(receive_output *o, json_t *object)
{
    (void)cli_write_json(o->text, object);
    receive_output_commit(o);
}

void receive_output_data(receive_output *o, rill_stream *s, uint64_t connection,
                         const uint8_t *data, size_t len)
{
    switch (cli_store_add(o->store, s, connection, data, len)) {
    case CLI_STORE_TAKEN:
        return;
    case CLI_STORE_FULL:
        o->store_full = true;
        tell_room(o);
        return;
    case CLI_STORE_REFUSED:
        rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR,
                          "the receiver stores the bytes of one stream only");
        return;
    }
}

void receive_output_stream_end(receive_output *o, rill_stream *s, bool complete)
{
    cli_store_end(o->store, s, complete);
}

void receive_output_close(receive_output *o, uint64_t patience)
{
    o->closing = true;
    o->patience = patience;
    if (o->store && patience != 0)
        cli_store_hurry(o->store, patience);
    if (o->writer)
        close_writer(o);
}

void receive_output_clear(receive_output *o)
{
    cli_store_free(o->store);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "cli/cli.h"
#include "cli/colour.h"

static void print_line(const cli_command *command, cli_colour colour, const char *kind,
                       const char *format, va_list args) RILL_PRINTF(4, 0);

static void print_line(const cli_command *command, cli_colour colour, const char *kind,
                       const char *format, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "%srill%s%s:%s%s ", cli_colour_on(stderr, colour), command ? " " : "",
            command ? command->name : "", kind, cli_colour_off(stderr));
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static bool json_errors;

void cli_json_errors(void)
{
    json_errors = true;
}

const char *cli_error_word(int error)
{
    return rill_error_name(error) + strlen("RILL_ERR_");
}

static void print_error(const cli_command *command, int error, const char *format, va_list args)
    RILL_PRINTF(3, 0);

static void print_error(const cli_command *command, int error, const char *format, va_list args)
{
    if (json_errors) {
        char text[1024];
        va_list again;
        va_copy(again, args);
        vsnprintf(text, sizeof text, format, again);
        va_end(again);
        (void)cli_print_json(json_pack("{s:s,s:s,s:o}", "event", "error", "error",
                                       cli_error_word(error), "text", cli_json_text(text)));
    }
    print_line(command, CLI_RED, "", format, args);
}

void cli_fail(const cli_command *command, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(command, error, format, args);
    va_end(args);
}

void cli_error(const cli_command *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(command, RILL_ERR_INVALID, format, args);
    va_end(args);
}

void cli_warn(const cli_args *args, const char *format, ...)
{
    va_list list;
    if (cli_quiet(args))
        return;
    va_start(list, format);
    print_line(args->command, CLI_YELLOW, " warning:", format, list);
    va_end(list);
}

int cli_start_error(const cli_command *command, int error, const char *problem)
{
    if (!problem || !*problem)
        problem = rill_strerror(error);
    switch (error) {
    case RILL_ERR_URI:
    case RILL_ERR_UNSUPPORTED:
        cli_fail(command, error, "the link's URI: %s; a URI looks like btp+ws://:TOKEN@HOST:PORT",
                 problem);
        return CLI_USAGE;
    case RILL_ERR_MALFORMED:
    case RILL_ERR_INVALID:
    case RILL_ERR_ADDRESS:
        cli_fail(command, error, "%s", problem);
        return CLI_USAGE;
    case RILL_ERR_TLS:
        return cli_unreachable(command, error, problem);
    case RILL_ERR_FILES:
        cli_fail(command, error, "%s: \"ulimit -n\" shows the limit, and raises it", problem);
        return CLI_INCOMPLETE;
    default:
        cli_fail(command, error, "%s", problem);
        return CLI_INCOMPLETE;
    }
}

/* What a person can do about it, if the detail does not say so itself. */
static const char *advice(int error, const char *detail)
{
    if (error == RILL_ERR_AUTH)
        return ": check the account and token of --link";
    if (strstr(detail, "begins with btp+"))
        return "";
    if (strstr(detail, "too many open files"))
        return "; \"ulimit -n\" shows the limit, and raises it";
    if (strstr(detail, "certificate"))
        return "; --ca-file FILE names an authority to trust";
    return "; is it running (\"rilld local\"), and is --link right?";
}

int cli_unreachable(const cli_command *command, int error, const char *detail)
{
    char text[256];
    if (!detail || !*detail)
        detail = rill_strerror(error);
    cli_escape(text, sizeof text, (const uint8_t *)detail, strlen(detail));
    cli_fail(command, error, "%s%s%s",
             error == RILL_ERR_AUTH ? "" : "cannot reach the node: ", text, advice(error, text));
    return CLI_UNREACHABLE;
}

/* The length of the printable UTF-8 character at text; 0 if it is none. */
static size_t printable(const uint8_t *text, size_t len)
{
    static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
    uint8_t first = text[0];
    size_t n = first < 0x80       ? 1
               : first >> 5 == 6  ? 2
               : first >> 4 == 14 ? 3
               : first >> 3 == 30 ? 4
                                  : 0;
    if (n == 0 || n > len)
        return 0;
    uint32_t code = n == 1 ? first : first & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        code = code << 6 | (text[i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    /* Characters that change the writing direction can make a line look like another one. */
    bool turns = (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                 (code >= 0x2066 && code <= 0x2069);
    if (code < least[n] || code == 0x7f || surrogate || turns || code > 0x10ffff)
        return 0;
    return n;
}

/*
 * Writes the next character of text, as it is or escaped, to out[5]. Returns how much of text it
 * was.
 */
static size_t escape_one(const uint8_t *text, size_t len, char out[8])
{
    size_t n = printable(text, len);
    if (n > 0) {
        memcpy(out, text, n);
        out[n] = '\0';
        return n;
    }
    if (text[0] == '\n')
        memcpy(out, "\\n", 3);
    else
        snprintf(out, 8, "\\x%02x", text[0]);
    return 1;
}

void cli_escape(char *out, size_t cap, const uint8_t *text, size_t len)
{
    size_t used = 0;
    while (len > 0) {
        char piece[8];
        size_t n = escape_one(text, len, piece);
        size_t piece_len = strlen(piece);
        if (used + piece_len + 1 > cap)
            break;
        memcpy(out + used, piece, piece_len);
        used += piece_len;
        text += n;
        len -= n;
    }
    out[used] = '\0';
}

void cli_print_text(FILE *out, const uint8_t *text, size_t len)
{
    while (len > 0) {
        char piece[8];
        size_t n = escape_one(text, len, piece);
        fputs(piece, out);
        text += n;
        len -= n;
    }
}

json_t *cli_json_amount(uint64_t amount)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, amount);
    return json_string(text);
}

json_t *cli_json_text(const char *text)
{
    json_t *exact = json_string(text);
    if (exact)
        return exact;
    char escaped[1024];
    cli_escape(escaped, sizeof escaped, (const uint8_t *)text, strlen(text));
    return json_string(escaped);
}

json_t *cli_json_base64(const uint8_t *data, size_t len)
{
    char *text = malloc(RILL_BASE64_SIZE(len));
    if (!text)
        return NULL;
    size_t text_len = rill_base64_encode(data, len, text);
    json_t *out = json_stringn(text, text_len);
    free(text);
    return out;
}

bool cli_write_json(FILE *out, json_t *object)
{
    bool ok = object && json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0 &&
              fputc('\n', out) != EOF;
    json_decref(object);
    return ok;
}

static bool (*json_print)(json_t *object, void *user);
static void *json_user;

void cli_json_to(bool (*print)(json_t *object, void *user), void *user)
{
    json_print = print;
    json_user = user;
}

bool cli_print_json(json_t *object)
{
    if (json_print)
        return json_print(object, json_user);
    return cli_write_json(stdout, object) && fflush(stdout) == 0;
}

/*
 * Finds out why standard output has failed. Any earlier write may have failed, and its errno is
 * gone. So one more write is tried, which fails for the same reason.
 */
static int output_error(void)
{
    clearerr(stdout);
    errno = 0;
    if (putchar('\n') != EOF && fflush(stdout) == 0)
        return EIO; /* it works again, but something was lost */
    return errno != 0 ? errno : EIO;
}

bool cli_flush(const cli_command *command)
{
    static bool failed;
    if (failed)
        return false; /* which was reported before */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    failed = true;
    int error = output_error();
    /* A reader that has seen enough is no error. */
    if (error != EPIPE)
        cli_fail(command, RILL_ERR_IO, "cannot write to standard output: %s", strerror(error));
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/receive_spsp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options ---- */

static int needs_spsp(const cli_args *args)
{
    static const char *const others[] = {"--user", "--users", "--tls-cert", "--tls-key"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (cli_value(args, others[i])) {
            cli_error(args->command, "%s needs --spsp ADDRESS:PORT", others[i]);
            return CLI_USAGE;
        }
    return CLI_DONE;
}

int receive_spsp_parse(receive_spsp *r, const cli_args *args)
{
    const char *where = cli_value(args, "--spsp");
    r->args = args;
    r->cert_file = cli_value(args, "--tls-cert");
    r->key_file = cli_value(args, "--tls-key");
    r->tag = cli_value(args, "--tag");
    r->wanted = where != NULL;
    if (!r->wanted)
        return needs_spsp(args);
    const char *problem = listen_address_parse(&r->at, where);
    if (problem)
        return cli_bad_value(args, "--spsp", where, problem);
    if (!r->cert_file != !r->key_file) {
        cli_error(args->command, "--tls-cert and --tls-key belong together");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

/* ---- users ---- */

/* What is wrong with a user's name, which becomes a path; NULL: nothing. */
static const char *name_problem(const char *name, size_t len)
{
    if (len == 0)
        return "is empty";
    if (len > RILL_MAX_TAG)
        return "is longer than 255 bytes";
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        if (c <= ' ' || c == 0x7f || strchr("/?#%\\", c))
            return "has a blank, or one of / ? # % \\, which no name may have";
    }
    if ((len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
        return "is a folder to every browser";
    return NULL;
}

/* One name that is a line of text. */
static int add_user(receive_spsp *r, const char *option, const char *name, size_t len)
{
    char path[RILL_MAX_TAG + 2];
    char shown[64];
    const char *problem = name_problem(name, len);
    int error = RILL_OK;
    if (!problem) {
        path[0] = '/';
        memcpy(path + 1, name, len);
        path[len + 1] = '\0';
        error = rill_spsp_server_add(r->server, path, path + 1);
        if (error == RILL_ERR_EXISTS)
            problem = "is there twice";
    }
    if (error != RILL_OK && !problem) {
        cli_fail(r->args->command, error, "%s: %s", option, rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    if (!problem)
        return CLI_DONE;
    cli_escape(shown, sizeof shown, (const uint8_t *)name, len);
    cli_error(r->args->command, "%s: the name \"%s\" %s", option, shown, problem);
    return CLI_USAGE;
}

static int add_lines(receive_spsp *r, const char *lines)
{
    int code = CLI_DONE;
    while (lines && code == CLI_DONE) {
        size_t len = strcspn(lines, "\n");
        code = add_user(r, "--user", lines, len);
        lines = lines[len] ? lines + len + 1 : NULL;
    }
    return code;
}

static int add_file(receive_spsp *r, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    int code = CLI_DONE;
    FILE *file = fopen(path, "re");
    if (!file) {
        cli_fail(r->args->command, RILL_ERR_IO, "--users %s: %s", path, strerror(errno));
        return CLI_USAGE;
    }
    errno = 0;
    while (code == CLI_DONE && (len = getline(&line, &cap, file)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0 && line[0] != '#')
            code = add_user(r, "--users", line, (size_t)len);
    }
    if (code == CLI_DONE && (ferror(file) || errno == ENOMEM)) {
        cli_fail(r->args->command, RILL_ERR_IO, "--users %s: %s", path, strerror(errno));
        code = CLI_USAGE;
    }
    free(line);
    (void)fclose(file);
    return code;
}

static int add_users(receive_spsp *r)
{
    const char *file = cli_value(r->args, "--users");
    int error = rill_spsp_server_add(r->server, RILL_SPSP_WELL_KNOWN, r->tag);
    int code = CLI_DONE;
    if (error != RILL_OK) {
        cli_fail(r->args->command, error, "--spsp: %s", rill_strerror(error));
        return CLI_INCOMPLETE;
    }
    code = add_lines(r, cli_value(r->args, "--user"));
    return code == CLI_DONE && file ? add_file(r, file) : code;
}

/* ---- the server ---- */

static void on_log(const char *line, void *user)
{
    const receive_spsp *r = user;
    char text[512];
    if (!cli_verbose(r->args))
        return;
    cli_escape(text, sizeof text, (const uint8_t *)line, strlen(line));
    fprintf(stderr, "rill receive: %s\n", text);
}

static const char *unreadable(const receive_spsp *r)
{
    if (r->cert_file && access(r->cert_file, R_OK) != 0)
        return r->cert_file;
    return r->key_file && access(r->key_file, R_OK) != 0 ? r->key_file : NULL;
}

static const char tls_problem[] =
    "--tls-cert or --tls-key cannot be used: is each a PEM file, and do they belong together?";

static int say_why(const receive_spsp *r, int error)
{
    char where[64];
    const char *file = error == RILL_ERR_TLS ? unreadable(r) : NULL;
    listen_address_text(&r->at, r->at.port, where);
    if (file)
        cli_fail(r->args->command, error, "%s: %s", file, strerror(errno));
    else if (error == RILL_ERR_TLS)
        cli_fail(r->args->command, error, "%s", tls_problem);
    else if (error == RILL_ERR_INVALID)
        cli_fail(r->args->command, error, "--spsp %s: it is no address of this machine", where);
    else
        cli_fail(r->args->command, error, "--spsp %s: %s", where, rill_strerror(error));
    return error == RILL_ERR_TLS || error == RILL_ERR_INVALID ? CLI_USAGE : CLI_INCOMPLETE;
}

/* SIGHUP: the certificate was renewed. A terminal that closes sends the same signal. */
static void on_renew(uv_signal_t *handle, int number)
{
    receive_spsp *r = handle->data;
    (void)number;
    if (r->terminal && isatty(STDERR_FILENO) == 0) {
        r->hung_up(r->user);
        return;
    }
    if (!r->cert_file)
        return; /* nothing was read that could be read again */
    int error = rill_spsp_server_renew_tls(r->server, r->cert_file, r->key_file);
    if (error != RILL_OK)
        cli_warn(r->args, "the old certificate stays in use: %s", tls_problem);
    else if (!cli_quiet(r->args))
        fprintf(stderr, "rill receive: new connections get the certificate in %s\n", r->cert_file);
}

static void look_for_renewals(receive_spsp *r, rill_loop *loop)
{
    r->terminal = isatty(STDERR_FILENO) != 0;
    if (uv_signal_init(rill_loop_uv(loop), &r->renew) != 0)
        return;
    r->renewing = true;
    r->renew.data = r;
    (void)uv_signal_start(&r->renew, on_renew, SIGHUP);
    /* Waiting for a signal alone does not keep the loop running. */
    uv_unref((uv_handle_t *)&r->renew);
}

static int listen_at(receive_spsp *r, rill_loop *loop, rill_server *server)
{
    static const rill_spsp_server_handlers handlers = {.size = sizeof handlers, .log = on_log};
    rill_spsp_server_options o;
    rill_spsp_server_options_init(&o);
    o.host = r->at.host;
    o.port = r->at.port;
    o.cert_file = r->cert_file;
    o.key_file = r->key_file;
    o.server = server;
    o.handlers = &handlers;
    o.user = r;
    int error = rill_spsp_server_open(&r->server, loop, &o);
    return error == RILL_OK ? CLI_DONE : say_why(r, error);
}

int receive_spsp_open(receive_spsp *r, rill_loop *loop, rill_server *server,
                      void (*hung_up)(void *user), void *user)
{
    r->hung_up = hung_up;
    r->user = user;
    if (!r->wanted)
        return CLI_DONE;
    int code = listen_at(r, loop, server);
    if (code != CLI_DONE)
        return code;
    code = add_users(r);
    if (code != CLI_DONE) {
        receive_spsp_close(r);
        return code;
    }
    look_for_renewals(r, loop);
    if (!r->cert_file && !r->at.loopback)
        cli_warn(r->args, "--spsp without --tls-cert: whoever is on the way to a payer can read "
                          "the secret that it gets");
    return CLI_DONE;
}

void receive_spsp_url(const receive_spsp *r, char out[80])
{
    char where[64];
    listen_address_text(&r->at, rill_spsp_server_port(r->server), where);
    snprintf(out, 80, "%s://%s", r->cert_file ? "https" : "http", where);
}

void receive_spsp_close(receive_spsp *r)
{
    if (!r->server)
        return;
    rill_spsp_server_close(r->server);
    r->server = NULL;
    if (r->renewing)
        uv_close((uv_handle_t *)&r->renew, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/protect.h"
#include "cli/rilld_files.h"
#include "cli/rilld_log.h"
#include "cli/rilld_neighbours.h"
#include "cli/rilld_port_file.h"
#include "cli/rilld_service.h"
#include "cli/uri_file.h"
#include "serve/node_log.h"

/* How long to wait for packets under way. */
enum { DRAIN_MS = 5000 };
/* How long programs that were here before may take to come back. */
enum { RETURNING_S = 10 };
/* How long to wait for somebody to read the last lines. */
enum { LOG_PATIENCE_MS = 2000, LOG_HURRY_MS = 200 };
/* Files that clients cannot have: the standard ones, the loop's, listeners, and some to spare. */
enum { OWN_FILES = 48 };

typedef struct serving {
    const rilld_options *options;
    rilld_log log;
    rilld_service service;
    rill_loop *loop;
    rill_node *node;
    rill_node_port *ports[RILLD_MAX_LISTEN];
    size_t port_count; /* open */
    uint32_t max_sessions;
    uint32_t max_strangers;
    unsigned long long files; /* files that may be open, if they are fewer than clients may come */
    rilld_port_file port_file;
    uv_timer_t drain; /* the limit for draining */
    uv_signal_t signals[4];
    size_t signal_count;
    bool handles;  /* drain is initialised */
    bool terminal; /* standard error was a terminal */
    bool stopping;
    bool closing;
    int code; /* what it ends with, if it began */
} serving;

static rill_now now_of(void *user)
{
    const serving *s = user;
    return rill_loop_now(s->loop);
}

/* ---- stopping ---- */

static void on_closed(void *user)
{
    serving *s = user;
    if (s->handles)
        uv_close((uv_handle_t *)&s->drain, NULL);
    for (size_t i = 0; i < s->signal_count; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    s->handles = false;
    s->signal_count = 0;
    rilld_service_end(&s->service);
}

/* Closes everything, so that the loop ends afterwards. */
static void close_all(serving *s)
{
    if (s->closing)
        return;
    s->closing = true;
    rilld_port_file_remove(&s->port_file);
    if (s->node != NULL)
        rill_node_close(s->node);
    else
        on_closed(s);
}

static uint64_t open_packets(const serving *s)
{
    rill_node_stats stats;
    rill_node_get_stats(s->node, &stats);
    return stats.open;
}

static void on_drain_limit(uv_timer_t *timer)
{
    serving *s = timer->data;
    if (open_packets(s) > 0)
        rilld_say(&s->log, "%" PRIu64 " packets were not answered in time", open_packets(s));
    else
        rilld_say(&s->log, "programs that go on sending are not waited for");
    rill_node_abandon(s->node);
}

static void on_drained(void *user)
{
    close_all(user);
}

static void stop(serving *s)
{
    uint64_t open = open_packets(s);
    s->stopping = true;
    if (open > 0)
        rilld_say(&s->log, "stopping once %" PRIu64 " packets under way are answered", open);
    else
        rilld_say(&s->log, "stopping");
    rilld_service_stopping(&s->service);
    (void)uv_timer_start(&s->drain, on_drain_limit, DRAIN_MS, 0);
    rill_node_stop(s->node);
}

/* The file that cannot even be read; NULL if both can be read. */
static const char *unreadable(const rilld_options *o, const char **option)
{
    *option = "--tls-cert";
    if (o->tls_cert != NULL && access(o->tls_cert, R_OK) != 0)
        return o->tls_cert;
    *option = "--tls-key";
    return o->tls_key != NULL && access(o->tls_key, R_OK) != 0 ? o->tls_key : NULL;
}

/*
 * Certificates are renewed while the node runs. Files that cannot be used change nothing: the
 * operator is told, and clients come in as before.
 */
static void reload(serving *s)
{
    const rilld_options *o = s->options;
    const char *option;
    if (o->tls_cert == NULL) {
        rilld_say(&s->log,
                  "SIGHUP: there is no certificate to read again, since --tls-cert was not given");
        return;
    }
    const char *file = unreadable(o, &option);
    for (size_t i = 0; file == NULL && i < s->port_count; i++) {
        int rc = rill_node_port_renew_tls(s->ports[i], o->tls_cert, o->tls_key);
        if (rc != RILL_OK) {
            rilld_error("the old certificate stays in use, since --tls-cert or --tls-key cannot be "
                        "used: is each a PEM file, and do they belong together?");
            return;
        }
    }
    if (file != NULL)
        rilld_error("%s %s: %s; the old certificate stays in use", option, file, strerror(errno));
    else
        rilld_say(&s->log, "new connections get the certificate in %s", o->tls_cert);
}

/* Says what each connected account sent and got. */
static void report(serving *s)
{
    rill_node_account a;
    rill_node_stats stats;
    size_t cursor = 0;
    uint64_t away = 0;
    char line[512];
    s->log.asked = true;
    while (rill_node_next_account(s->node, &cursor, &a)) {
        if (a.sessions == 0) {
            away++;
            continue;
        }
        (void)snprintf(line, sizeof line,
                       "account %s: sent %" PRIu64 " packets (%" PRIu64 " rejected, %" PRIu64
                       " units fulfilled), got %" PRIu64 " (%" PRIu64 " units fulfilled), %" PRIu32
                       " open",
                       a.name, a.packets_from, a.rejected_from, a.fulfilled_from, a.packets_to,
                       a.fulfilled_to, a.open);
        rilld_log_line(&s->log, RILL_LOG_WARNING, line, NULL);
    }
    rill_node_get_stats(s->node, &stats);
    (void)snprintf(line, sizeof line,
                   "%" PRIu64 " requests open; %" PRIu64 " accounts known but away", stats.open,
                   away);
    rilld_log_line(&s->log, RILL_LOG_WARNING, line, NULL);
    s->log.asked = false;
}

static void on_signal(uv_signal_t *handle, int number)
{
    serving *s = handle->data;
    /* A terminal that closes sends the same signal. */
    bool hung_up = s->terminal && isatty(STDERR_FILENO) == 0;
    if (number == SIGHUP && !hung_up && !s->stopping) {
        rilld_service_reloading(&s->service);
        reload(s);
        rilld_service_reloaded(&s->service);
    } else if (number == SIGUSR1) {
        report(s);
    } else if (!s->stopping) {
        stop(s);
    } else {
        rilld_port_file_remove(&s->port_file);
        rilld_error("stopped at once, by a second signal");
        rilld_log_end(LOG_HURRY_MS);
        _exit(RILLD_FAILED);
    }
}

/* ---- starting ---- */

static void say_no_tls(const rilld_options *o, const char *where)
{
    const char *option;
    const char *file = unreadable(o, &option);
    if (file != NULL)
        rilld_error("cannot listen on %s: %s %s: %s", where, option, file, strerror(errno));
    else
        rilld_error("cannot listen on %s: --tls-cert or --tls-key cannot be used: is each a PEM "
                    "file, and do they belong together?",
                    where);
}

static int listen_on(serving *s, const rilld_listen *listen)
{
    rill_node_port_options options;
    rill_node_port_options_init(&options);
    options.host = listen->at.host;
    options.port = listen->at.port;
    options.http = listen->http;
    options.cert_file = s->options->tls_cert;
    options.key_file = s->options->tls_key;
    options.allow_origins = s->options->allow_origins;
    options.max_strangers = s->max_strangers;
    options.max_sessions = s->max_sessions;
    options.auth_timeout_ns = s->options->auth_timeout * RILL_SECOND;
    options.idle_timeout_ns = s->options->idle_timeout * RILL_SECOND;
    int rc = rill_node_listen(&s->ports[s->port_count], s->node, &options, NULL);
    if (rc == RILL_OK) {
        s->port_count++;
        return RILLD_DONE;
    }
    char where[64];
    listen_address_text(&listen->at, listen->at.port, where);
    if (rc == RILL_ERR_ADDRESS_IN_USE)
        rilld_error("cannot listen on %s: address in use; is another node running? choose another "
                    "port with --listen",
                    where);
    else if (rc == RILL_ERR_TLS)
        say_no_tls(s->options, where);
    else if (rc == RILL_ERR_IO && listen->at.port > 0 && listen->at.port < 1024 && geteuid() != 0)
        rilld_error("cannot listen on %s: ports below 1024 are for root: start as root with "
                    "--user, or choose another port with --listen",
                    where);
    else
        rilld_error("cannot listen on %s: %s%s", where, rill_strerror(rc),
                    rc == RILL_ERR_INVALID ? "; is it an address of this machine?" : "");
    return RILLD_FAILED;
}

static int add_neighbours(serving *s)
{
    rill_node_port *ports[RILLD_MAX_LISTEN];
    size_t count = 0;
    char problem[512];
    bool readable = false;
    if (s->options->neighbours == NULL)
        return RILLD_DONE;
    for (size_t i = 0; i < s->port_count; i++)
        if (s->options->listen[i].http)
            ports[count++] = s->ports[i];
    cli_wipe_json();
    if (!rilld_neighbours_add(s->options->neighbours, ports, count, &readable, problem,
                              sizeof problem)) {
        rilld_error("--neighbours %s", problem);
        return RILLD_USAGE;
    }
    if (readable)
        rilld_warn("warning: others can read %s, which holds tokens: chmod 600",
                   s->options->neighbours);
    return RILLD_DONE;
}

static int write_port_file(serving *s)
{
    uint16_t ports[RILLD_MAX_LISTEN];
    if (s->options->port_file == NULL)
        return RILLD_DONE;
    for (size_t i = 0; i < s->port_count; i++)
        ports[i] = rill_node_port_number(s->ports[i]);
    int error = rilld_port_file_write(&s->port_file, s->options->port_file, ports, s->port_count);
    if (error == 0)
        return RILLD_DONE;
    rilld_error("cannot write the port file %s: %s", s->options->port_file, strerror(error));
    return RILLD_FAILED;
}

static void say_ready(const serving *s)
{
    const rilld_options *o = s->options;
    rill_node_identity who;
    if (rill_node_get_identity(s->node, &who) != RILL_OK)
        return; /* it is ready, so it has one */
    for (size_t i = 0; i < s->port_count; i++) {
        char where[64];
        listen_address_text(&o->listen[i].at, rill_node_port_number(s->ports[i]), where);
        if (!o->listen[i].at.loopback)
            rilld_warn("warning: other machines can reach %s, and whoever reaches it gets an "
                       "account",
                       where);
        rilld_say(&s->log, "ready on %s as %s (%s, scale %u)", where, who.address, who.asset_code,
                  (unsigned)who.asset_scale);
    }
    if (s->files > 0)
        rilld_say(&s->log,
                  "only %llu files may be open (see \"ulimit -n\"): each address takes at most %u "
                  "sessions, and %u connections that have not authenticated",
                  s->files, (unsigned)s->max_sessions, (unsigned)s->max_strangers);
}

static int start_signals(serving *s)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_t *handle = &s->signals[i];
        if (uv_signal_init(rill_loop_uv(s->loop), handle) != 0)
            return RILLD_FAILED;
        s->signal_count++;
        handle->data = s;
        if (uv_signal_start(handle, on_signal, numbers[i]) != 0)
            return RILLD_FAILED;
    }
    return RILLD_DONE;
}

static int start_handles(serving *s)
{
    /* It cannot fail. */
    (void)uv_timer_init(rill_loop_uv(s->loop), &s->drain);
    s->drain.data = s;
    s->handles = true;
    return start_signals(s);
}

static void on_line(rill_log_level level, const char *line, void *user)
{
    serving *s = user;
    rilld_log_line(&s->log, level, line, NULL);
}

static void on_told(rill_log_level level, const char *line, const rill_log_about *about, void *user)
{
    serving *s = user;
    rilld_log_line(&s->log, level, line, about);
}

static void on_ready(void *user);
static void on_failed(int error, const char *detail, void *user);

/*
 * The uplink's URI into *uri, and a file's into *own, too, for cli_uri_free. It is read before the
 * node gives up its rights, so that the file may be another user's.
 */
static int find_uplink(const rilld_options *o, const char **uri, char **own)
{
    *uri = o->uplink;
    *own = NULL;
    if (o->uplink == NULL || o->uplink[0] != '@')
        return RILLD_DONE;
    const char *path = o->uplink + 1;
    bool readable;
    const char *why = cli_uri_read(path, own, &readable);
    if (why != NULL) {
        rilld_error("--uplink: the file %s: %s", path, why);
        return RILLD_USAGE;
    }
    if (readable)
        rilld_warn("warning: others can read %s, which holds the uplink's token: chmod 600 %s",
                   path, path);
    *uri = *own;
    return RILLD_DONE;
}

static int start_node(serving *s)
{
    static const rill_node_handlers handlers = {
        .size = sizeof(rill_node_handlers),
        .log = on_line,
        .drained = on_drained,
        .closed = on_closed,
        .ready = on_ready,
        .failed = on_failed,
    };
    const rilld_options *o = s->options;
    const char *problem = NULL;
    char *own;
    rill_node_options node;
    rill_link_options link;
    rill_link_options_init(&link);
    link.ca_file = o->uplink_ca;
    rill_node_options_init(&node);
    int code = find_uplink(o, &node.uplink, &own);
    if (code != RILLD_DONE)
        return code;
    node.uplink_options = &link;
    node.uplink_asks = o->uplink_asks;
    node.address = o->address;
    node.asset_code = o->asset_code;
    node.asset_scale = o->asset_scale;
    node.log_level = s->log.level;
    node.max_packet_amount = o->max_packet_amount;
    node.rate_limit = o->rate_limit;
    node.max_accounts = (uint32_t)o->max_accounts;
    node.max_open = (uint32_t)o->max_open;
    if (s->service.adopted > 0) /* in the place of one that programs were connected to */
        node.returning_ns = RETURNING_S * RILL_SECOND;
    int rc = rill_node_open(&s->node, s->loop, &node, &handlers, s, &problem);
    cli_uri_free(own);
    if (rc != RILL_OK && o->uplink != NULL && problem != NULL)
        rilld_error("--uplink: %s", problem);
    else if (rc != RILL_OK)
        rilld_error("cannot start: %s", rill_strerror(rc));
    if (rc == RILL_OK)
        rill_node_tell_about(s->node, on_told);
    return rc == RILL_OK ? RILLD_DONE : RILLD_FAILED;
}

static int give_up_rights(const serving *s)
{
    char problem[128] = "the system does not let rilld protect its memory from other processes";
    if (s->options->user == NULL)
        return RILLD_DONE;
    /* When the user changes, the kernel decides anew who may read our memory. */
    if (rilld_user_become(&s->options->become, problem, sizeof problem) && cli_protect())
        return RILLD_DONE;
    rilld_error("cannot start: %s", problem);
    return RILLD_FAILED;
}

/* Opens the ports, and says so. */
static int start_serving(serving *s)
{
    int rc = RILLD_DONE;
    for (size_t i = 0; i < s->options->listen_count; i++) {
        rc = listen_on(s, &s->options->listen[i]);
        if (rc != RILLD_DONE)
            return rc;
    }
    rc = add_neighbours(s);
    if (rc != RILLD_DONE)
        return rc;
    /* Nothing has been read from clients yet, since the loop runs later. */
    rc = give_up_rights(s);
    if (rc == RILLD_DONE)
        rc = write_port_file(s);
    if (rc == RILLD_DONE) {
        rilld_log_begin(s->options->log_format, true);
        say_ready(s);
        rilld_service_ready(&s->service, "ready");
    }
    return rc;
}

static int start(serving *s)
{
    int rc = start_node(s);
    if (rc != RILLD_DONE)
        return rc;
    if (start_handles(s) != RILLD_DONE) {
        rilld_error("cannot start: the system refuses signal handlers");
        return RILLD_FAILED;
    }
    /* With an uplink the ports open when it has said who we are. */
    if (s->options->uplink != NULL && s->options->uplink_asks)
        return RILLD_DONE;
    return start_serving(s);
}

static void on_ready(void *user)
{
    serving *s = user;
    if (s->port_count > 0 || s->stopping)
        return;
    s->code = start_serving(s);
    if (s->code != RILLD_DONE)
        close_all(s);
}

static void on_failed(int error, const char *detail, void *user)
{
    serving *s = user;
    (void)error;
    rilld_error("the uplink gives no address: %s", detail);
    s->code = RILLD_FAILED;
    close_all(s);
}

/*
 * The system would refuse sessions for which there are no files: those of clients as well as those
 * of strangers. It is better if our own limits come first.
 */
static void fit_file_limit(serving *s)
{
    const rilld_options *o = s->options;
    rlim_t files = rilld_raise_file_limit();
    s->max_sessions = (uint32_t)o->max_sessions;
    s->max_strangers = (uint32_t)o->max_strangers;
    if (files == RLIM_INFINITY)
        return;
    rlim_t each = (files > OWN_FILES ? files - OWN_FILES : 0) / o->listen_count;
    if (o->max_sessions + o->max_strangers <= each)
        return;
    s->files = (unsigned long long)files;
    if (s->max_strangers > each / 4)
        s->max_strangers = each / 4 > 0 ? (uint32_t)(each / 4) : 1;
    if (s->max_sessions + (rlim_t)s->max_strangers > each)
        s->max_sessions = each > s->max_strangers + 1 ? (uint32_t)(each - s->max_strangers) : 1;
}

int rilld_serve(const rilld_options *options)
{
    serving s = {.options = options};
    int rc = rill_loop_new(&s.loop, NULL);
    if (rc != RILL_OK) {
        rilld_error("cannot start: %s", rill_strerror(rc));
        return RILLD_FAILED;
    }
    rilld_log_begin(options->log_format, false);
    s.terminal = isatty(STDERR_FILENO) != 0;
    s.log = (rilld_log){
        .level = options->verbose ? RILL_LOG_DEBUG : RILL_LOG_WARNING,
        .quiet = options->quiet,
        .now = now_of,
        .user = &s,
    };
    rill_loop_set_max_output(s.loop, (size_t)options->max_buffer << 20);
    rilld_service_begin(&s.service, s.loop);
    fit_file_limit(&s);
    int code = start(&s);
    if (code != RILLD_DONE)
        close_all(&s);
    rc = rill_loop_run(s.loop);
    if (rc != RILL_OK) {
        /* Without the loop nothing can be closed in order. */
        rilld_port_file_remove(&s.port_file);
        rilld_error("stopped: %s", rill_strerror(rc));
        rilld_log_end(LOG_PATIENCE_MS);
        return RILLD_FAILED;
    }
    if (code == RILLD_DONE)
        code = s.code;
    if (code == RILLD_DONE)
        rilld_say(&s.log, "stopped");
    rilld_log_end(LOG_PATIENCE_MS);
    rill_loop_free(s.loop);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_serve.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "cli/protect.h"
#include "cli/rilld_log.h"
#include "cli/rilld_port.h"
#include "cli/rilld_port_file.h"
#include "io/large_pages.h"
#include "io/loop.h"

/* How long to wait for packets under way. */
enum { DRAIN_MS = 5000 };
/* How long to wait for somebody to read the last lines. */
enum { LOG_PATIENCE_MS = 2000, LOG_HURRY_MS = 200 };
/* Files that clients cannot have: the standard ones, the loop's, listeners, and some to spare. */
enum { OWN_FILES = 48 };

typedef struct serving {
    const rilld_options *options;
    rilld_log log;
    rill_loop *loop;
    rill_node *node;
    rilld_port ports[RILLD_MAX_LISTEN];
    size_t port_count; /* open */
    size_t left;       /* that are not closed yet */
    uint32_t max_sessions;
    uint32_t max_strangers;
    unsigned long long files; /* files that may be open, if they are fewer than clients may come */
    rilld_port_file port_file;
    uv_timer_t tick;
    uv_timer_t drain; /* first the limit for draining, then "now" */
    uv_signal_t signals[4];
    size_t signal_count;
    bool handles;  /* tick and drain are initialised */
    bool terminal; /* standard error was a terminal */
    bool stopping;
    bool closing;
} serving;

static rill_now now_of(void *user)
{
    const serving *s = user;
    return rill_loop_clock(s->loop);
}

/* ---- the node's timer ---- */

static void on_tick(uv_timer_t *timer)
{
    serving *s = timer->data;
    rill_node_tick(s->node);
}

static void wake(void *user, uint64_t deadline)
{
    serving *s = user;
    uint64_t now = now_of(s).mono_ns;
    /* Rounded up: a tick that comes too early would only have to come again. */
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 0;
    if (!s->closing)
        (void)uv_timer_start(&s->tick, on_tick, ms, 0);
}

/* ---- stopping ---- */

static void close_handles(serving *s)
{
    if (s->handles) {
        uv_close((uv_handle_t *)&s->tick, NULL);
        uv_close((uv_handle_t *)&s->drain, NULL);
    }
    for (size_t i = 0; i < s->signal_count; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    s->handles = false;
    s->signal_count = 0;
}

static void on_port_closed(void *owner)
{
    serving *s = owner;
    if (--s->left == 0)
        close_handles(s);
}

/* Closes everything, so that the loop ends afterwards. */
static void close_all(serving *s)
{
    if (s->closing)
        return;
    s->closing = true;
    rilld_port_file_remove(&s->port_file);
    if (s->port_count == 0)
        close_handles(s);
    s->left = s->port_count;
    for (size_t i = 0; i < s->port_count; i++)
        rilld_port_close(&s->ports[i], on_port_closed, s);
}

static void on_drained_now(uv_timer_t *timer)
{
    close_all(timer->data);
}

static void on_drain_limit(uv_timer_t *timer)
{
    serving *s = timer->data;
    rilld_say(&s->log, "%zu packets were not answered in time", rill_node_open(s->node));
    rill_node_abandon(s->node);
}

static void drained(void *user)
{
    serving *s = user;
    /* Not here, since a link may be in the middle of something. */
    if (!s->closing)
        (void)uv_timer_start(&s->drain, on_drained_now, 0, 0);
}

static void stop(serving *s)
{
    size_t open = rill_node_open(s->node);
    s->stopping = true;
    if (open > 0)
        rilld_say(&s->log, "stopping once %zu packets under way are answered", open);
    else
        rilld_say(&s->log, "stopping");
    for (size_t i = 0; i < s->port_count; i++)
        rilld_port_stop(&s->ports[i]);
    (void)uv_timer_start(&s->drain, on_drain_limit, DRAIN_MS, 0);
    rill_node_drain(s->node);
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
        int rc =
            rill_listener_renew_tls(rilld_port_listener(&s->ports[i]), o->tls_cert, o->tls_key);
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

static void on_signal(uv_signal_t *handle, int number)
{
    serving *s = handle->data;
    /* A terminal that closes sends the same signal. */
    bool hung_up = s->terminal && isatty(STDERR_FILENO) == 0;
    if (number == SIGHUP && !hung_up && !s->stopping) {
        reload(s);
    } else if (number == SIGUSR1) {
        s->log.asked = true;
        rill_node_report(s->node);
        s->log.asked = false;
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

static int authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user)
{
    serving *s = owner;
    return rill_node_admit(s->node, name, token, session, handlers, user);
}

static void server_log(void *owner, const char *line)
{
    serving *s = owner;
    rilld_log_line(&s->log, RILL_LOG_WARNING, line);
}

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
    rill_btp_server_options options;
    rill_btp_server_options_init(&options);
    options.listen.host = listen->host;
    options.listen.port = listen->port;
    options.allow_origins = s->options->allow_origins;
    options.listen.cert_file = s->options->tls_cert;
    options.listen.key_file = s->options->tls_key;
    options.max_sessions = s->max_sessions;
    options.listen.max_strangers = s->max_strangers;
    options.auth_timeout = s->options->auth_timeout * RILL_SECOND;
    options.idle_timeout = s->options->idle_timeout * RILL_SECOND;
    options.authenticate = authenticate;
    options.log = server_log;
    options.owner = s;
    rill_http_link_server_options http;
    rill_http_link_server_options_init(&http);
    http.allow_origins = s->options->allow_origins;
    http.idle_timeout = options.idle_timeout;
    http.max_connections = s->max_sessions;
    int rc =
        rilld_port_open(&s->ports[s->port_count], s->loop, &options, listen->http ? &http : NULL);
    if (rc == RILL_OK) {
        s->port_count++;
        return RILLD_DONE;
    }
    char where[64];
    rilld_listen_text(listen, listen->port, where);
    if (rc == RILL_ERR_ADDRESS_IN_USE)
        rilld_error("cannot listen on %s: address in use; is another node running? choose another "
                    "port with --listen",
                    where);
    else if (rc == RILL_ERR_TLS)
        say_no_tls(s->options, where);
    else if (rc == RILL_ERR_IO && listen->port > 0 && listen->port < 1024 && geteuid() != 0)
        rilld_error("cannot listen on %s: ports below 1024 are for root: start as root with "
                    "--user, or choose another port with --listen",
                    where);
    else
        rilld_error("cannot listen on %s: %s%s", where, rill_strerror(rc),
                    rc == RILL_ERR_INVALID ? "; is it an address of this machine?" : "");
    return RILLD_FAILED;
}

static int write_port_file(serving *s)
{
    uint16_t ports[RILLD_MAX_LISTEN];
    if (s->options->port_file == NULL)
        return RILLD_DONE;
    for (size_t i = 0; i < s->port_count; i++)
        ports[i] = rill_listener_port(rilld_port_listener(&s->ports[i]));
    int error = rilld_port_file_write(&s->port_file, s->options->port_file, ports, s->port_count);
    if (error == 0)
        return RILLD_DONE;
    rilld_error("cannot write the port file %s: %s", s->options->port_file, strerror(error));
    return RILLD_FAILED;
}

static void say_ready(const serving *s)
{
    const rilld_options *o = s->options;
    for (size_t i = 0; i < s->port_count; i++) {
        char where[64];
        rilld_listen_text(&o->listen[i], rill_listener_port(rilld_port_listener(&s->ports[i])),
                          where);
        if (!o->listen[i].loopback)
            rilld_warn("warning: other machines can reach %s, and whoever reaches it gets an "
                       "account",
                       where);
        rilld_say(&s->log, "ready on %s as %s (%s, scale %u)", where, o->address, o->asset_code,
                  (unsigned)o->asset_scale);
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
    uv_loop_t *uv = rill_loop_uv(s->loop);
    /* Neither can fail. */
    (void)uv_timer_init(uv, &s->tick);
    (void)uv_timer_init(uv, &s->drain);
    s->tick.data = s;
    s->drain.data = s;
    s->handles = true;
    return start_signals(s);
}

static int start_node(serving *s)
{
    const rilld_options *o = s->options;
    rill_node_options node;
    rill_node_options_init(&node);
    node.allocator = rill_allocator_large_pages();
    node.address = o->address;
    node.asset_code = o->asset_code;
    node.asset_scale = o->asset_scale;
    node.max_packet_amount = o->max_packet_amount;
    node.rate_limit = o->rate_limit;
    node.max_accounts = (uint32_t)o->max_accounts;
    node.max_open = (uint32_t)o->max_open;
    node.now = now_of;
    node.wake = wake;
    node.drained = drained;
    node.log = (rill_log){rilld_log_line, &s->log, s->log.level};
    node.user = s;
    int rc = rill_node_new(&s->node, &node);
    if (rc != RILL_OK)
        rilld_error("cannot start: %s", rill_strerror(rc));
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

static int start(serving *s)
{
    int rc = start_node(s);
    if (rc != RILLD_DONE)
        return rc;
    if (start_handles(s) != RILLD_DONE) {
        rilld_error("cannot start: the system refuses signal handlers");
        return RILLD_FAILED;
    }
    for (size_t i = 0; i < s->options->listen_count; i++) {
        rc = listen_on(s, &s->options->listen[i]);
        if (rc != RILLD_DONE)
            return rc;
    }
    /* Nothing has been read from the network yet, since the loop runs later. */
    rc = give_up_rights(s);
    if (rc == RILLD_DONE)
        rc = write_port_file(s);
    if (rc == RILLD_DONE) {
        rilld_log_begin(true);
        say_ready(s);
    }
    return rc;
}

/* Each session is a file. The usual limit of 1024 is less than a few busy clients may need. */
static rlim_t raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return RLIM_INFINITY;
    if (files.rlim_cur < files.rlim_max) {
        rlim_t before = files.rlim_cur;
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            return before;
    }
    return files.rlim_cur;
}

/*
 * The system would refuse sessions for which there are no files: those of clients as well as those
 * of strangers. It is better if our own limits come first.
 */
static void fit_file_limit(serving *s)
{
    const rilld_options *o = s->options;
    rlim_t files = raise_file_limit();
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
    rilld_log_begin(false);
    s.terminal = isatty(STDERR_FILENO) != 0;
    s.log = (rilld_log){
        .level = options->verbose ? RILL_LOG_DEBUG : RILL_LOG_WARNING,
        .quiet = options->quiet,
        .now = now_of,
        .user = &s,
    };
    s.loop->max_storage = (size_t)options->max_buffer << 20;
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
        rilld_say(&s.log, "stopped");
    rilld_log_end(LOG_PATIENCE_MS);
    rill_node_free(s.node);
    rill_loop_free(s.loop);
    return code;
}

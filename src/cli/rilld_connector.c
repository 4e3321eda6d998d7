/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_connector.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "cli/rilld_files.h"
#include "cli/rilld_log.h"
#include "cli/rilld_service.h"
#include "connector/run.h"

enum { DRAIN_MS = 5000, LOG_PATIENCE_MS = 2000, LOG_HURRY_MS = 200 };

typedef struct running {
    const rilld_options *options;
    rilld_log log;
    rilld_service service;
    rill_loop *loop;
    rill_connector *connector;
    uv_timer_t drain;
    uv_signal_t signals[4];
    size_t signal_count;
    bool handles; /* drain is initialised */
    bool stopping;
    bool closing;
    int code; /* what it ends with */
} running;

static void on_report(void *user, const char *line)
{
    (void)user;
    rilld_error("%s", line);
}

static rill_now now_of(void *user)
{
    const running *r = user;
    return rill_loop_now(r->loop);
}

/* ---- stopping ---- */

static void close_handles(running *r)
{
    if (r->handles)
        uv_close((uv_handle_t *)&r->drain, NULL);
    for (size_t i = 0; i < r->signal_count; i++)
        uv_close((uv_handle_t *)&r->signals[i], NULL);
    r->handles = false;
    r->signal_count = 0;
    rilld_service_end(&r->service);
}

static void on_closed(void *user)
{
    close_handles(user);
}

static void on_drained(void *user)
{
    running *r = user;
    if (r->closing)
        return;
    r->closing = true;
    rill_connector_close(r->connector);
}

static void on_ready(void *user);

static void on_failed(int error, void *user)
{
    running *r = user;
    r->code = error == RILL_ERR_INVALID || error == RILL_ERR_ASSET ? RILLD_USAGE : RILLD_FAILED;
    on_drained(r);
}

static void on_drain_limit(uv_timer_t *timer)
{
    running *r = timer->data;
    uint64_t open = rill_connector_open_packets(r->connector);
    if (open > 0)
        rilld_say(&r->log, "%" PRIu64 " packets were not answered in time", open);
    else
        rilld_say(&r->log, "neighbours that go on sending are not waited for");
    rill_connector_abandon(r->connector);
    /* What waits for a disk that cannot be written is not waited for. */
    on_drained(r);
}

static void stop(running *r)
{
    uint64_t open = rill_connector_open_packets(r->connector);
    r->stopping = true;
    if (open > 0)
        rilld_say(&r->log, "stopping once %" PRIu64 " packets under way are answered", open);
    else
        rilld_say(&r->log, "stopping");
    rilld_service_stopping(&r->service);
    (void)uv_timer_start(&r->drain, on_drain_limit, DRAIN_MS, 0);
    rill_connector_stop(r->connector);
}

/* Says what each account owes and is owed. */
static void report(running *r)
{
    char line[512];
    r->log.asked = true;
    for (size_t i = 0; i < rill_connector_accounts(r->connector); i++) {
        rill_connector_account a;
        rill_connector_account_at(r->connector, i, &a);
        (void)snprintf(line, sizeof line,
                       "account %.100s: balance %s %.32s/%u, held %s, coming %s; sent %" PRIu64
                       " packets (%" PRIu64 " rejected), got %" PRIu64 "; %" PRIu32 " sessions",
                       a.name, a.booked, a.asset, (unsigned)a.scale, a.held, a.coming,
                       a.traffic.packets_from, a.traffic.rejected_from, a.traffic.packets_to,
                       a.traffic.sessions);
        rilld_log_line(&r->log, RILL_LOG_WARNING, line, NULL);
    }
    r->log.asked = false;
}

static void on_signal(uv_signal_t *handle, int number)
{
    running *r = handle->data;
    if (number == SIGUSR1) {
        report(r);
    } else if (number == SIGHUP) {
        rilld_service_reloading(&r->service);
        int rc = rill_connector_reload(r->connector, "SIGHUP");
        rilld_service_reloaded(&r->service);
        if (rc == RILL_ERR_STATE)
            rilld_say(&r->log, "SIGHUP: the configuration is not read again now, since the node %s",
                      r->stopping ? "stops" : "has not begun");
    } else if (!r->stopping) {
        stop(r);
    } else {
        rilld_error("stopped at once, by a second signal");
        rilld_log_end(LOG_HURRY_MS);
        _exit(RILLD_FAILED);
    }
}

/* ---- starting ---- */

static int start_handles(running *r)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit of files is an error of writing, as a full disk is */
#endif
    (void)uv_timer_init(rill_loop_uv(r->loop), &r->drain);
    r->drain.data = r;
    r->handles = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_t *handle = &r->signals[i];
        if (uv_signal_init(rill_loop_uv(r->loop), handle) != 0)
            return RILLD_FAILED;
        r->signal_count++;
        handle->data = r;
        if (uv_signal_start(handle, on_signal, numbers[i]) != 0)
            return RILLD_FAILED;
    }
    return RILLD_DONE;
}

static void on_line(rill_log_level level, const char *line, const rill_log_about *about, void *user)
{
    running *r = user;
    rilld_log_line(&r->log, level, line, about);
}

static void on_told(const char *line, void *user)
{
    running *r = user;
    r->log.asked = true;
    rilld_log_line(&r->log, RILL_LOG_WARNING, line, NULL);
    r->log.asked = false;
}

static void on_stop(void *user)
{
    running *r = user;
    if (!r->stopping)
        stop(r);
}

static void on_level(rill_log_level level, void *user)
{
    running *r = user;
    r->log.level = level;
}

static void on_ready(void *user)
{
    running *r = user;
    char where[80];
    for (size_t i = 0; i < rill_connector_ports(r->connector); i++) {
        rill_connector_port_text(r->connector, i, where, sizeof where);
        rilld_say(&r->log, "ready on %s as %s", where, rill_connector_address(r->connector));
    }
    if (rill_connector_admin_port(r->connector) != 0)
        rilld_say(&r->log, "operators on port %u",
                  (unsigned)rill_connector_admin_port(r->connector));
    if (rill_connector_socket(r->connector)[0] != '\0')
        rilld_say(&r->log, "rillctl at %s", rill_connector_socket(r->connector));
    if (rill_connector_ports(r->connector) == 0)
        rilld_say(&r->log, "ready as %s, without a port", rill_connector_address(r->connector));
    (void)snprintf(where, sizeof where, "ready as %.64s", rill_connector_address(r->connector));
    rilld_service_ready(&r->service, where);
}

static int start(running *r)
{
    static const rill_connector_handlers handlers = {
        .log = on_line,
        .told = on_told,
        .drained = on_drained,
        .ready = on_ready,
        .stop = on_stop,
        .level = on_level,
        .failed = on_failed,
        .closed = on_closed,
    };
    const rill_connector_options o = {
        .config = r->options->config,
        .log_level = r->log.level,
        .report = on_report,
    };
    if (start_handles(r) != RILLD_DONE) {
        rilld_error("cannot start: the system refuses signal handlers");
        return RILLD_FAILED;
    }
    int rc = rill_connector_open(&r->connector, r->loop, &o, &handlers, r);
    if (rc != RILL_OK)
        return rc == RILL_ERR_MALFORMED || rc == RILL_ERR_INVALID ? RILLD_USAGE : RILLD_FAILED;
    rilld_log_begin(r->options->log_format, true);
    return RILLD_DONE;
}

int rilld_run(const rilld_options *options)
{
    running r = {.options = options};
    int rc = rill_loop_new(&r.loop, NULL);
    if (rc != RILL_OK) {
        rilld_error("cannot start: %s", rill_strerror(rc));
        return RILLD_FAILED;
    }
    rilld_log_begin(options->log_format, false);
    r.log = (rilld_log){
        .level = options->verbose ? RILL_LOG_DEBUG : RILL_LOG_WARNING,
        .quiet = options->quiet,
        .now = now_of,
        .user = &r,
    };
    rill_loop_set_max_output(r.loop, (size_t)options->max_buffer << 20);
    rilld_service_begin(&r.service, r.loop);
    (void)rilld_raise_file_limit();
    int code = start(&r);
    if (code != RILLD_DONE)
        close_handles(&r);
    rc = rill_loop_run(r.loop);
    if (rc != RILL_OK) {
        rilld_error("stopped: %s", rill_strerror(rc));
        rilld_log_end(LOG_PATIENCE_MS);
        return RILLD_FAILED;
    }
    if (code == RILLD_DONE)
        code = r.code;
    if (code == RILLD_DONE)
        rilld_say(&r.log, "stopped");
    rilld_log_end(LOG_PATIENCE_MS);
    rill_loop_free(r.loop);
    return code;
}

int rilld_check(const rilld_options *options)
{
    const rill_connector_options o = {.config = options->config, .report = on_report};
    int rc = rill_connector_check(&o);
    if (rc == RILL_OK && !options->quiet)
        (void)printf("%s: no errors\n", options->config);
    if (rc == RILL_OK)
        return RILLD_DONE;
    return rc == RILL_ERR_MALFORMED ? RILLD_USAGE : RILLD_FAILED;
}

int rilld_print_schema(void)
{
    char *schema = rill_connector_schema();
    if (schema == NULL) {
        rilld_error("out of memory");
        return RILLD_FAILED;
    }
    (void)fputs(schema, stdout);
    rill_connector_free_text(schema);
    return RILLD_DONE;
}

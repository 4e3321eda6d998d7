/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/waits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TELL_AFTER RILL_SECOND
#define TELL_AGAIN (10 * RILL_SECOND)
#define LOOK_MS    100

/* " (for 3 s; no longer than 57 s more)" */
static void times_text(const rill_waiting *waiting, uint64_t waited, uint64_t now, char *out,
                       size_t cap)
{
    char left[64] = "";
    if (waiting->until_ns != RILL_NEVER && waiting->until_ns > now)
        snprintf(left, sizeof left, "; no longer than %" PRIu64 " s more",
                 (waiting->until_ns - now + RILL_SECOND - 1) / RILL_SECOND);
    snprintf(out, cap, " (for %" PRIu64 " s%s)", waited / RILL_SECOND, left);
}

static void print_event(const char *event, const rill_waiting *waiting, uint64_t waited,
                        uint64_t now)
{
    json_t *object = json_pack(
        "{s:s,s:s,s:o,s:I}", "event", event, "for", rill_wait_name(waiting->reason), "text",
        cli_json_text(waiting->text), "seconds", (json_int_t)(waited / RILL_SECOND));
    if (object && waiting->reason != RILL_WAIT_NOTHING && waiting->until_ns != RILL_NEVER)
        json_object_set_new(object, "left",
                            json_integer(waiting->until_ns > now
                                             ? (json_int_t)((waiting->until_ns - now) / RILL_SECOND)
                                             : 0));
    (void)cli_print_json(object);
}

/* Prints what, and after it what rill waits for, if it waits. */
static void print_line(const cli_args *args, const char *what, const rill_waiting *waiting,
                       const char *times, cli_progress *progress)
{
    char text[sizeof waiting->text * 2];
    bool any = waiting->reason != RILL_WAIT_NOTHING;
    if (cli_quiet(args))
        return;
    cli_escape(text, sizeof text, (const uint8_t *)waiting->text, strlen(waiting->text));
    if (progress)
        cli_progress_erase(progress);
    fprintf(stderr, "rill %s: %s%s%s%s\n", args->command->name, what, any ? "waiting for " : "",
            any ? text : "", times);
}

void cli_waits_tell(cli_waits *w, const rill_waiting *waiting, uint64_t waited, uint64_t now,
                    cli_progress *progress)
{
    if (waiting->reason == RILL_WAIT_NOTHING ||
        (waiting->reason == w->told && now - w->told_at < TELL_AGAIN))
        return;
    w->told = waiting->reason;
    w->told_at = now;
    if (cli_value(w->args, "--json")) {
        print_event("waiting", waiting, waited, now);
        return;
    }
    char times[128];
    times_text(waiting, waited, now, times, sizeof times);
    print_line(w->args, "", waiting, times, progress);
}

void cli_waits_stopping(const cli_waits *w, const rill_waiting *waiting, uint64_t now,
                        cli_progress *progress)
{
    if (cli_value(w->args, "--json"))
        print_event("stopping", waiting, 0, now);
    else
        print_line(w->args, "stopping (Ctrl-C again: at once) ", waiting, "", progress);
}

/* ---- the watch ---- */

struct cli_watch {
    uv_timer_t timer;
    rill_loop *loop;
    cli_waits waits;
    cli_watch_handlers on;
    uint64_t started;
    uint64_t patience;
    uint64_t since; /* since when it waits; 0: it does not wait */
    bool ready;
};

static void on_look(uv_timer_t *timer)
{
    cli_watch *w = timer->data;
    uint64_t now = rill_loop_now(w->loop).mono_ns;
    rill_waiting waiting;
    w->on.waiting(w->on.user, &waiting);
    if (waiting.reason == RILL_WAIT_NOTHING) {
        w->since = 0;
        w->waits.told = RILL_WAIT_NOTHING;
        return;
    }
    if (w->since == 0)
        w->since = now;
    uint64_t late_at = w->started + w->patience;
    if (!w->ready && w->patience != 0) {
        if (now >= late_at) {
            w->ready = true;
            w->on.late(w->on.user, &waiting);
            return;
        }
        if (late_at < waiting.until_ns)
            waiting.until_ns = late_at;
    }
    if (now - w->since >= TELL_AFTER)
        cli_waits_tell(&w->waits, &waiting, now - w->since, now, NULL);
}

cli_watch *cli_watch_open(rill_loop *loop, const cli_args *args, uint64_t patience,
                          const cli_watch_handlers *handlers)
{
    cli_watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->loop = loop;
    w->waits.args = args;
    w->on = *handlers;
    w->started = rill_loop_now(loop).mono_ns;
    w->patience = patience;
    uv_timer_init(rill_loop_uv(loop), &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_look, LOOK_MS, LOOK_MS);
    /* Looking alone does not keep the loop running. */
    uv_unref((uv_handle_t *)&w->timer);
    return w;
}

void cli_watch_ready(cli_watch *w)
{
    if (w)
        w->ready = true;
}

void cli_watch_stopping(cli_watch *w)
{
    rill_waiting waiting;
    if (!w)
        return;
    w->ready = true;
    w->on.waiting(w->on.user, &waiting);
    cli_waits_stopping(&w->waits, &waiting, rill_loop_now(w->loop).mono_ns, NULL);
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void cli_watch_close(cli_watch *w)
{
    if (w)
        uv_close((uv_handle_t *)&w->timer, on_closed);
}

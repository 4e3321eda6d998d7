/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"

void rill_webhook_init(rill_webhook *w, const rill_allocator *allocator, uint64_t seed)
{
    *w = (rill_webhook){.allocator = allocator, .random = seed};
}

void rill_webhook_clear(rill_webhook *w)
{
    rill_audit_lines_clear(&w->lines, w->allocator);
}

void rill_webhook_know(rill_webhook *w, const char *cursor)
{
    uint64_t number = 0;
    const char *c = cursor;
    for (; *c >= '0' && *c <= '9' && number < INT64_MAX / 10; c++)
        number = number * 10 + (uint64_t)(*c - '0');
    if (*c != '\0' || c == cursor)
        return;
    w->known = true;
    w->cursor = w->last = number;
}

bool rill_webhook_begin(rill_webhook *w, uint64_t after, uint64_t first_wait, uint64_t mono_ns)
{
    bool moves = !w->known || w->cursor > after;
    if (moves)
        w->cursor = w->last = after;
    w->known = true;
    w->first_wait = first_wait;
    rill_audit_lines_clear(&w->lines, w->allocator);
    w->at = 0;
    w->stale = true;
    w->busy = false;
    w->tries = 0;
    w->wait = 0;
    w->retry_at = mono_ns;
    w->failing_since_ms = 0;
    w->problem[0] = '\0';
    return moves;
}

void rill_webhook_stir(rill_webhook *w)
{
    w->stale = true;
}

/* ---- what is to be done ---- */

static bool has_line(const rill_webhook *w)
{
    return w->at < w->lines.count;
}

rill_webhook_step rill_webhook_next(const rill_webhook *w, uint64_t mono_ns)
{
    if (w->busy)
        return RILL_WEBHOOK_NOTHING;
    if (mono_ns < w->retry_at) /* how many there are is worth knowing while he takes none */
        return has_line(w) && w->stale ? RILL_WEBHOOK_LOOK : RILL_WEBHOOK_NOTHING;
    if (has_line(w))
        return RILL_WEBHOOK_SEND;
    return w->stale || w->last > w->cursor ? RILL_WEBHOOK_LOOK : RILL_WEBHOOK_NOTHING;
}

uint64_t rill_webhook_deadline(const rill_webhook *w)
{
    bool some = has_line(w) || w->stale || w->last > w->cursor;
    return !w->busy && some ? w->retry_at : RILL_NEVER;
}

/* Again later, and not at the same moment as others. */
static void fail(rill_webhook *w, const char *problem, rill_now now)
{
    w->wait = w->wait == 0 ? w->first_wait : w->wait * 2;
    if (w->wait > RILL_WEBHOOK_LONGEST_WAIT)
        w->wait = RILL_WEBHOOK_LONGEST_WAIT;
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    w->retry_at = rill_add_sat(now.mono_ns, w->wait / 2 + (w->random >> 16) % (w->wait / 2 + 1));
    w->tries++;
    w->failures++;
    if (w->failing_since_ms == 0)
        w->failing_since_ms = now.wall_ms;
    (void)snprintf(w->problem, sizeof w->problem, "%s", problem);
    for (char *c = w->problem; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}

static void succeed(rill_webhook *w)
{
    w->tries = 0;
    w->wait = 0;
    w->failing_since_ms = 0;
    w->problem[0] = '\0';
}

/* ---- looking ---- */

void rill_webhook_ask(rill_webhook *w, rill_store_look *look)
{
    look->kind = RILL_LOOK_LINES;
    look->after = w->cursor;
    look->most = has_line(w) ? 0 : RILL_WEBHOOK_LINES;
    w->busy = true;
    w->stale = false; /* what comes from now on may be missed */
}

void rill_webhook_looked(rill_webhook *w, rill_store_look *look, rill_now now)
{
    w->busy = false;
    if (has_line(w)) {
        if (look->rc == RILL_OK)
            w->last = look->lines.last;
        return;
    }
    if (look->rc != RILL_OK) {
        w->stale = true;
        fail(w, look->problem, now);
        return;
    }
    if (w->tries > 0 && w->lines.count == 0)
        succeed(w);
    rill_audit_lines_clear(&w->lines, w->allocator);
    w->lines = look->lines;
    look->lines = (rill_audit_lines){.all = NULL};
    w->at = 0;
    w->last = w->lines.last;
}

/* ---- sending ---- */

const rill_audit_line *rill_webhook_line(rill_webhook *w)
{
    w->busy = true;
    return &w->lines.all[w->at];
}

bool rill_webhook_answered(rill_webhook *w, unsigned status, const char *problem, rill_now now)
{
    char text[80];
    w->busy = false;
    if (status >= 200 && status < 300) {
        succeed(w);
        w->cursor = w->lines.all[w->at++].id;
        w->delivered++;
        w->retry_at = now.mono_ns;
        return true;
    }
    (void)snprintf(text, sizeof text, "it answers with status %u", status);
    fail(w, status == 0 ? problem : text, now);
    return false;
}

void rill_webhook_cursor(const rill_webhook *w, char out[RILL_WEBHOOK_CURSOR])
{
    (void)snprintf(out, RILL_WEBHOOK_CURSOR, "%" PRIu64, w->cursor);
}

uint64_t rill_webhook_waiting(const rill_webhook *w)
{
    return rill_sub_sat(w->last, w->cursor);
}

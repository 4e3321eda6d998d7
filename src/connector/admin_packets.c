/* SPDX-License-Identifier: Apache-2.0 */
/* The log of packets: what is asked of it, what its answer looks like, and how it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "connector/admin_answer.h"
#include "connector/packet_search.h"
#include "connector/when.h"

enum { DEFAULT_LIMIT = 100 };

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_admin_free_search(rill_packet_search *search)
{
    if (search == NULL)
        return;
    rill_packet_search_clear(memory(), search);
    rill_free(memory(), search);
}

/* ---- what is asked ---- */

/* Each of these: false if it has been refused. */

static bool read_when(rill_bytes query, const char *name, uint64_t *out, rill_admin_answer *answer)
{
    char text[40];
    if (!rill_admin_query(query, name, text, sizeof text) || rill_when_parse(text, out))
        return true;
    rill_admin_refuse(answer, 400,
                      "%s: a day or a time in UTC, such as 2026-11-01 or 2026-11-01T12:00:00Z",
                      name);
    return false;
}

/* Characters of this kind, and at least one. */
static bool read_text(rill_bytes query, const char *name, const char *kind, char *out, size_t cap,
                      rill_admin_answer *answer)
{
    if (!rill_admin_query(query, name, out, cap) ||
        (out[0] != '\0' && (kind == NULL || strspn(out, kind) == strlen(out))))
        return true;
    rill_admin_refuse(answer, 400, "%s: it is no such text, or too long", name);
    return false;
}

static bool read_number(const char **at, uint64_t most, uint64_t *out)
{
    const char *begin = *at;
    *out = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        if (*at - begin >= 18)
            return false;
        *out = *out * 10 + (uint64_t)(**at - '0');
    }
    return *at > begin && *out <= most;
}

static bool read_limit(rill_bytes query, size_t *out, rill_admin_answer *answer)
{
    char text[24];
    uint64_t limit = DEFAULT_LIMIT;
    const char *at = text;
    if (rill_admin_query(query, "limit", text, sizeof text) &&
        (!read_number(&at, RILL_PACKET_FOUND_MAX, &limit) || *at != '\0' || limit == 0)) {
        rill_admin_refuse(answer, 400, "limit: a number from 1 to %d", RILL_PACKET_FOUND_MAX);
        return false;
    }
    *out = (size_t)limit;
    return true;
}

/* "12.3456", as `next` of an answer. */
static bool read_place(rill_bytes query, rill_packet_search *s, rill_admin_answer *answer)
{
    rill_packet_place *out = &s->place;
    char text[48];
    const char *at = text;
    if (!rill_admin_query(query, "after", text, sizeof text))
        return true;
    s->at_end = strcmp(text, "end") == 0;
    if (s->at_end)
        return true;
    if (read_number(&at, UINT64_MAX, &out->number) && *at++ == '.' &&
        read_number(&at, UINT64_MAX, &out->offset) && *at == '\0')
        return true;
    rill_admin_refuse(answer, 400, "after: what an answer has as `next`, or end");
    return false;
}

static bool read_rejected(rill_bytes query, bool *out, rill_admin_answer *answer)
{
    char text[8];
    if (!rill_admin_query(query, "rejected", text, sizeof text))
        return true;
    *out = strcmp(text, "true") == 0;
    if (*out || strcmp(text, "false") == 0)
        return true;
    rill_admin_refuse(answer, 400, "rejected: true or false");
    return false;
}

static bool read_question(rill_packet_search *s, rill_bytes query, rill_admin_answer *out)
{
    static const char hex[] = "0123456789abcdef";
    static const char code[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (!read_when(query, "from", &s->from_ms, out) || !read_when(query, "to", &s->to_ms, out) ||
        !read_text(query, "account", NULL, s->account, sizeof s->account, out) ||
        !read_text(query, "destination", NULL, s->destination, sizeof s->destination, out) ||
        !read_text(query, "id", hex, s->id, sizeof s->id, out) ||
        !read_text(query, "code", code, s->code, sizeof s->code, out) ||
        !read_rejected(query, &s->rejected, out) || !read_limit(query, &s->most, out) ||
        !read_place(query, s, out))
        return false;
    if (s->from_ms < s->to_ms)
        return true;
    rill_admin_refuse(out, 400, "from must be earlier than to");
    return false;
}

void rill_admin_begin_packets(const rill_core *core, rill_bytes query, rill_admin_answer *out)
{
    if (rill_core_packet_log(core) == NULL) {
        rill_admin_refuse(out, 404,
                          "this node keeps no log of packets: packet-log of its configuration");
        return;
    }
    rill_packet_search *s = rill_calloc(memory(), 1, sizeof *s);
    if (s == NULL) {
        out->status = 503;
        return;
    }
    s->file = -1;
    s->to_ms = UINT64_MAX;
    if (read_question(s, query, out))
        out->search = s;
    else
        rill_admin_free_search(s);
}

void rill_admin_watch_packets(rill_bytes query, rill_admin_answer *out)
{
    char outcome[16];
    out->watches = false;
    if (!read_text(query, "account", NULL, out->live.account, sizeof out->live.account, out))
        return;
    if (rill_admin_query(query, "outcome", outcome, sizeof outcome) &&
        !rill_live_parse_outcome(outcome, &out->live)) {
        rill_admin_refuse(out, 400,
                          "outcome: open, fulfilled, rejected, expired, or a code such as T04");
        return;
    }
    out->watches = true;
}

/* ---- what is found ---- */

static const char *lines_of(const rill_packet_lines *lines)
{
    return lines->text == NULL ? "" : lines->text;
}

void rill_admin_answer_search(const rill_packet_search *s, rill_admin_answer *out)
{
    rill_admin_lines l = {.text = NULL};
    *out = (rill_admin_answer){.type = "application/json"};
    if (s->rc == RILL_ERR_LIMIT) {
        rill_admin_refuse(out, 503, "%d wait for an answer already: ask again",
                          RILL_PACKET_SEARCHES);
    } else if (s->rc == RILL_ERR_IO) {
        rill_admin_refuse(out, 503, "the log of packets cannot be read: %s", strerror(s->error));
    } else if (s->rc != RILL_OK) {
        rill_admin_refuse(out, 503, "%s", rill_strerror(s->rc));
    } else {
        /* The lines are JSON already. */
        rill_admin_add(&l, "{\"packets\":[", 12);
        rill_admin_add(&l, lines_of(&s->packets), s->packets.len);
        rill_admin_add(&l, "],\"events\":[", 12);
        rill_admin_add(&l, lines_of(&s->events), s->events.len);
        rill_admin_line(
            &l, "],\"unreadable\":%" PRIu64 ",\"next\":\"%" PRIu64 ".%" PRIu64 "\",\"more\":%s}",
            s->unreadable, s->place.number, s->place.offset, s->more ? "true" : "false");
        if (l.failed)
            out->status = 503;
        else
            rill_admin_text(out, 200, "application/json", l.text);
    }
    rill_admin_lines_clear(&l);
}

/* ---- how it is ---- */

json_t *rill_admin_packet_log(const rill_core *core)
{
    const rill_config_packet_log *config = &rill_core_config(core)->packet_log;
    rill_packet_desk_state state;
    char oldest[RILL_WHEN_TEXT];
    char since[RILL_WHEN_TEXT];
    if (rill_core_packet_log(core) == NULL || config->folder == NULL)
        return json_null();
    rill_packet_desk_get_state(rill_core_packet_log(core), &state);
    rill_when_text(state.oldest_ms, oldest);
    rill_when_text(state.failing_ms, since);
    return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:s?, s:s?}", "folder", config->folder,
                     "oldest", state.oldest_ms == 0 ? NULL : oldest, "files",
                     (json_int_t)state.files, "bytes", (json_int_t)state.bytes, "lines",
                     (json_int_t)state.lines, "missing", (json_int_t)state.missing, "failing_since",
                     state.failing_ms == 0 ? NULL : since, "problem",
                     state.failing_ms == 0 ? NULL : strerror(state.error));
}

void rill_admin_packet_metrics(const rill_core *core, rill_admin_lines *l)
{
    rill_packet_desk_state state;
    if (rill_core_packet_log(core) == NULL)
        return;
    rill_packet_desk_get_state(rill_core_packet_log(core), &state);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } all[] = {
        {"rill_connector_packet_log_lines_total", "counter",
         "Lines that were written into the log of packets.", state.lines},
        {"rill_connector_packet_log_missing_total", "counter",
         "Packets that are not in the log of packets.", state.missing},
        {"rill_connector_packet_log_bytes", "gauge", "What the log of packets takes.", state.bytes},
        {"rill_connector_packet_log_oldest_timestamp_seconds", "gauge",
         "When the oldest file of the log of packets was begun; 0: there is none.",
         state.oldest_ms / 1000},
        {"rill_connector_packet_log_ok", "gauge", "1 while the log of packets can be written.",
         state.failing_ms == 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        rill_admin_line(l, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", all[i].name, all[i].help,
                        all[i].name, all[i].type, all[i].name, all[i].value);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/ratio_text.h"
#include "cli/amount_text.h"
#include "cli/progress.h"

void cli_bytes_text(uint64_t bytes, char out[24])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t tenths = 0;
    size_t unit = 0;
    for (; bytes >= 1000; unit++) {
        tenths = bytes % 1000 / 100;
        bytes /= 1000;
    }
    if (unit == 0)
        snprintf(out, 24, "%" PRIu64 " B", bytes);
    else
        snprintf(out, 24, "%" PRIu64 ".%" PRIu64 " %s", bytes, tenths, units[unit]);
}

void cli_duration_text(uint64_t seconds, char out[48])
{
    uint64_t minutes = seconds / 60;
    uint64_t hours = minutes / 60;
    if (minutes == 0)
        snprintf(out, 48, "%" PRIu64 " s", seconds);
    else if (hours == 0)
        snprintf(out, 48, "%" PRIu64 " min %02" PRIu64 " s", minutes, seconds % 60);
    else if (hours < 24)
        snprintf(out, 48, "%" PRIu64 " h %02" PRIu64 " min", hours, minutes % 60);
    else
        snprintf(out, 48, "%" PRIu64 " d %" PRIu64 " h", hours / 24, hours % 24);
}

unsigned cli_percent(uint64_t part, uint64_t whole)
{
    if (part >= whole)
        return 100;
    uint64_t percent;
    /* part is less than whole, so it fits. */
    return rill_mul_div_floor(part, 100, whole, &percent) ? (unsigned)percent : 0;
}

/* ---- the parts of the line, the most important first ---- */

enum { PART_DONE, PART_LEFT, PART_SPEED, PART_RATE, PART_PACKETS, PART_COUNT };
#define PART_SIZE 640

static void money_text(const cli_progress_state *s, uint64_t units, char out[CLI_DECIMAL_SIZE])
{
    if (s->asset)
        cli_decimal_text(units, s->asset_scale, out);
    else
        snprintf(out, CLI_DECIMAL_SIZE, "%" PRIu64, units);
}

/* "100 of 300 (33 %)", "1.2 MB of 3.0 MB (40 %)": how much of both is sent. */
static void done_text(const cli_progress_state *s, char *out, size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "sent ");
    if (s->amount > 0) {
        char sent[CLI_DECIMAL_SIZE];
        char amount[CLI_DECIMAL_SIZE];
        money_text(s, s->sent, sent);
        money_text(s, s->amount, amount);
        len += (size_t)snprintf(out + len, cap - len, "%s of %s%s%s (%u %%)", sent, amount,
                                s->asset ? " " : "", s->asset ? s->asset : "",
                                cli_percent(s->sent, s->amount));
    }
    if (s->size == 0)
        return;
    char bytes[24];
    char size[24];
    cli_bytes_text(s->bytes, bytes);
    cli_bytes_text(s->size, size);
    len += (size_t)snprintf(out + len, cap - len, "%s%s", s->amount > 0 ? ", " : "", bytes);
    if (s->size != CLI_SIZE_UNKNOWN)
        snprintf(out + len, cap - len, " of %s (%u %%)", size, cli_percent(s->bytes, s->size));
}

/* The same in a few columns: of money and data, the one that is further from its end. */
static void short_text(const cli_progress_state *s, char *out, size_t cap)
{
    unsigned percent = 100;
    bool known = false;
    if (s->amount > 0) {
        percent = cli_percent(s->sent, s->amount);
        known = true;
    }
    if (s->size != 0 && s->size != CLI_SIZE_UNKNOWN) {
        unsigned data = cli_percent(s->bytes, s->size);
        percent = data < percent ? data : percent;
        known = true;
    }
    char bytes[24];
    cli_bytes_text(s->bytes, bytes);
    if (known)
        snprintf(out, cap, "%u %%", percent);
    else
        snprintf(out, cap, "%s", bytes);
}

/* Until both have arrived. */
static void left_text(const cli_progress *p, uint64_t now, const cli_progress_state *s, char *out,
                      size_t cap)
{
    uint64_t longest = 0;
    *out = '\0';
    if (s->size == CLI_SIZE_UNKNOWN)
        return;
    if (s->sent < s->amount &&
        !cli_speed_left(&p->money, now, s->sent, s->amount - s->sent, &longest))
        return;
    uint64_t data = 0;
    if (s->bytes < s->size && !cli_speed_left(&p->data, now, s->bytes, s->size - s->bytes, &data))
        return;
    if (data > longest)
        longest = data;
    if (longest == 0)
        return;
    char duration[48];
    cli_duration_text(longest, duration);
    snprintf(out, cap, ", %s left", duration);
}

/* The speed of both if there is room, otherwise that of the data. */
static void speed_text(const cli_progress *p, uint64_t now, const cli_progress_state *s,
                       size_t room, char *out, size_t cap)
{
    uint64_t speed;
    char text[CLI_DECIMAL_SIZE];
    char data[32] = "";
    size_t len = 0;
    *out = '\0';
    if (s->amount > 0 && s->sent < s->amount &&
        cli_speed_per_second(&p->money, now, s->sent, &speed)) {
        money_text(s, speed, text);
        len = (size_t)snprintf(out, cap, ", %s/s", text);
    }
    if (s->size > 0 && s->bytes < s->size &&
        cli_speed_per_second(&p->data, now, s->bytes, &speed)) {
        cli_bytes_text(speed, text);
        snprintf(data, sizeof data, ", %.24s/s", text);
    }
    if (*data && len + strlen(data) > room)
        len = 0;
    snprintf(out + len, cap - len, "%s", data);
}

static void rate_text(rill_ratio ratio, char *out, size_t cap)
{
    char text[RILL_RATIO_TEXT];
    *out = '\0';
    if (ratio.num == 0 || ratio.den == 0)
        return;
    rill_ratio_text(ratio, text);
    snprintf(out, cap, ", rate %s", text);
}

void cli_progress_text(const cli_progress *p, uint64_t now, const cli_progress_state *state,
                       size_t columns, char *out, size_t cap)
{
    char parts[PART_COUNT][PART_SIZE] = {{0}};
    done_text(state, parts[PART_DONE], PART_SIZE);
    left_text(p, now, state, parts[PART_LEFT], PART_SIZE);
    if (state->amount > 0)
        rate_text(state->rate, parts[PART_RATE], PART_SIZE);
    snprintf(parts[PART_PACKETS], PART_SIZE, ", %" PRIu32 " packet%s in flight", state->packets,
             state->packets == 1 ? "" : "s");
    size_t room = columns < cap ? columns : cap - 1;
    const char *done = parts[PART_DONE];
    size_t need = strlen(done) + strlen(parts[PART_LEFT]);
    if (need > room) {
        done += strlen("sent ");
        need -= strlen("sent ");
    }
    if (need > room) {
        /* To people, how far and how long matter more than how much. */
        short_text(state, parts[PART_DONE], PART_SIZE);
        done = parts[PART_DONE];
    }
    need = strlen(done) + strlen(parts[PART_LEFT]);
    speed_text(p, now, state, room > need ? room - need : 0, parts[PART_SPEED], PART_SIZE);
    size_t used = strlen(done);
    used = used < room ? used : room;
    memcpy(out, done, used);
    for (int i = PART_LEFT; i < PART_COUNT; i++) {
        size_t len = strlen(parts[i]);
        if (used + len > room)
            break;
        memcpy(out + used, parts[i], len);
        used += len;
    }
    out[used] = '\0';
}

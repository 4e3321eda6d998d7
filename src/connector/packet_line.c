/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/packet_line.h"

#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "connector/when.h"

enum { WHEN = 24, DIGITS = 17, MOST_NAME = 255 };

static const char *const events[] = {
    [RILL_PACKET_MISSING] = "\"event\":\"missing\",\"since\":\"",
    [RILL_PACKET_BEGUN] = "\"event\":\"begun\"",
    [RILL_PACKET_BEGUN_AFTER_END] = "\"event\":\"begun\",\"after\":\"end\"",
    [RILL_PACKET_BEGUN_AFTER_KILL] = "\"event\":\"begun\",\"after\":\"kill\"",
    [RILL_PACKET_ENDED] = "\"event\":\"ended\"",
};

/* ---- writing ---- */

typedef struct output {
    char *text;
    size_t len;
} output;

static void put(output *o, const char *text)
{
    size_t len = strlen(text);
    memcpy(o->text + o->len, text, len);
    o->len += len;
}

/* What others wrote, at most so much of it. */
static void put_text(output *o, const char *before, rill_bytes text, size_t most)
{
    put(o, before);
    for (size_t i = 0; i < text.len && i < most; i++) {
        char c = (char)text.data[i];
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f)
            c = '?';
        if (c == '"' || c == '\\')
            o->text[o->len++] = '\\';
        o->text[o->len++] = c;
    }
    o->text[o->len++] = '"';
}

static void put_number(output *o, const char *before, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(o, before);
    memcpy(o->text + o->len, digits + at, sizeof digits - at);
    o->len += sizeof digits - at;
}

static void put_when(output *o, const char *before, uint64_t ms)
{
    char when[RILL_WHEN_TEXT];
    rill_when_text(ms, when);
    put(o, before);
    put(o, when);
    put(o, "\"");
}

static void put_id(output *o, const uint8_t id[RILL_PACKET_ID])
{
    static const char digits[] = "0123456789abcdef";
    put(o, ",\"id\":\"");
    for (size_t i = 0; i < RILL_PACKET_ID; i++) {
        o->text[o->len++] = digits[id[i] >> 4];
        o->text[o->len++] = digits[id[i] & 15];
    }
    put(o, "\"");
}

static void put_result(output *o, const rill_packet_line *line)
{
    if (line->result[0] == '\0') {
        put(o, ",\"result\":\"fulfilled\"");
        return;
    }
    put_text(o, ",\"result\":\"", (rill_bytes){(const uint8_t *)line->result, strlen(line->result)},
             3);
    put(o, line->by_node ? ",\"by\":\"node\"" : ",\"by\":\"neighbour\"");
    if (line->triggered_by.len > 0)
        put_text(o, ",\"triggered_by\":\"", line->triggered_by, RILL_ILP_MAX_ADDRESS);
    if (line->message.len > 0)
        put_text(o, ",\"message\":\"", line->message, RILL_PACKET_MESSAGE);
}

static void put_packet(output *o, const rill_packet_line *line)
{
    put_text(o, "\"from\":\"", line->from, MOST_NAME);
    if (line->to.len > 0)
        put_text(o, ",\"to\":\"", line->to, MOST_NAME);
    put_number(o, ",\"in\":\"", line->in);
    if (line->to.len > 0)
        put_number(o, "\",\"out\":\"", line->out);
    put(o, "\"");
    if (line->destination.len > 0)
        put_text(o, ",\"destination\":\"", line->destination, RILL_ILP_MAX_ADDRESS);
    if (line->has_id) {
        put_id(o, line->id);
        put_when(o, ",\"expires\":\"", line->expires_ms);
    }
    put_number(o, ",\"us\":", line->took_us);
    put_result(o, line);
    if (line->unseen)
        put(o, ",\"unseen\":true");
}

size_t rill_packet_line_write(const rill_packet_line *line, char out[RILL_PACKET_LINE_MAX])
{
    output o = {out, 0};
    put_when(&o, RILL_PACKET_LINE_HEAD, line->at_ms);
    put(&o, ",");
    if (line->event == RILL_PACKET_OVER) {
        put_packet(&o, line);
    } else {
        put(&o, events[line->event]);
        if (line->event == RILL_PACKET_MISSING) {
            put_when(&o, "", line->since_ms);
            put_number(&o, ",\"packets\":", line->packets);
        }
    }
    put(&o, "}\n");
    return o.len;
}

/* ---- reading ---- */

typedef struct input {
    const char *at;
    const char *end;
} input;

/* Is this next? Then it is behind us. */
static bool skip(input *in, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, text, len) != 0)
        return false;
    in->at += len;
    return true;
}

/* Up to the closing quote, which is behind us then. */
static bool read_text(input *in, size_t most, rill_bytes *out)
{
    const char *begin = in->at;
    size_t count = 0;
    for (; in->at < in->end && *in->at != '"'; in->at++, count++) {
        const unsigned char c = (unsigned char)*in->at;
        if (c < 0x20 || c >= 0x7f || count == most)
            return false;
        if (*in->at != '\\')
            continue;
        in->at++;
        if (in->at == in->end || (*in->at != '"' && *in->at != '\\'))
            return false;
    }
    *out = (rill_bytes){(const uint8_t *)begin, (size_t)(in->at - begin)};
    return skip(in, "\"");
}

/* As it is written: without zeros before it. */
static bool read_number(input *in, uint64_t *out)
{
    const char *begin = in->at;
    uint64_t value = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        uint64_t digit = (uint64_t)(*in->at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return in->at > begin && (*begin != '0' || in->at == begin + 1);
}

static bool read_when(input *in, uint64_t *out)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    uint8_t digits[DIGITS];
    size_t count = 0;
    if (in->end - in->at <= WHEN)
        return false;
    for (size_t i = 0; i < WHEN; i++) {
        if (form[i] == '0')
            digits[count++] = (uint8_t)in->at[i];
        else if (in->at[i] != form[i])
            return false;
    }
    in->at += WHEN;
    return rill_ilp_time_decode(digits, out) == RILL_OK && skip(in, "\"");
}

static bool read_id(input *in, uint8_t out[RILL_PACKET_ID])
{
    if (in->end - in->at < 2 * RILL_PACKET_ID)
        return false;
    for (size_t i = 0; i < 2 * RILL_PACKET_ID; i++) {
        char c = *in->at++;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return skip(in, "\"");
}

static bool read_result(input *in, rill_packet_line *out)
{
    rill_bytes code;
    if (skip(in, ",\"result\":\"fulfilled\""))
        return true;
    if (!skip(in, ",\"result\":\"") || !read_text(in, 3, &code) || code.len == 0 || code.len > 3)
        return false;
    memcpy(out->result, code.data, code.len);
    out->by_node = skip(in, ",\"by\":\"node\"");
    if (!out->by_node && !skip(in, ",\"by\":\"neighbour\""))
        return false;
    if (skip(in, ",\"triggered_by\":\"") &&
        !read_text(in, RILL_ILP_MAX_ADDRESS, &out->triggered_by))
        return false;
    return !skip(in, ",\"message\":\"") || read_text(in, RILL_PACKET_MESSAGE, &out->message);
}

static bool read_packet(input *in, rill_packet_line *out)
{
    if (!skip(in, "\"from\":\"") || !read_text(in, MOST_NAME, &out->from))
        return false;
    bool sent = skip(in, ",\"to\":\"");
    if (sent && (!read_text(in, MOST_NAME, &out->to) || out->to.len == 0))
        return false;
    if (!skip(in, ",\"in\":\"") || !read_number(in, &out->in) || !skip(in, "\""))
        return false;
    if (sent && (!skip(in, ",\"out\":\"") || !read_number(in, &out->out) || !skip(in, "\"")))
        return false;
    if (skip(in, ",\"destination\":\"") && !read_text(in, RILL_ILP_MAX_ADDRESS, &out->destination))
        return false;
    out->has_id = skip(in, ",\"id\":\"");
    if (out->has_id &&
        (!read_id(in, out->id) || !skip(in, ",\"expires\":\"") || !read_when(in, &out->expires_ms)))
        return false;
    if (!skip(in, ",\"us\":") || !read_number(in, &out->took_us) || !read_result(in, out))
        return false;
    out->unseen = skip(in, ",\"unseen\":true");
    return true;
}

static bool read_event(input *in, rill_packet_line *out)
{
    /* The longest first: one is the beginning of others. */
    for (int event = RILL_PACKET_ENDED; event > RILL_PACKET_OVER; event--) {
        if (!skip(in, events[event]))
            continue;
        out->event = (rill_packet_event)event;
        return event != RILL_PACKET_MISSING ||
               (read_when(in, &out->since_ms) && skip(in, ",\"packets\":") &&
                read_number(in, &out->packets));
    }
    return false;
}

bool rill_packet_line_time(const char *text, size_t len, uint64_t *at_ms)
{
    input in = {text, text + len};
    return skip(&in, RILL_PACKET_LINE_HEAD) && read_when(&in, at_ms);
}

bool rill_packet_line_read(const char *text, size_t len, rill_packet_line *out)
{
    input in = {text, text + len};
    *out = (rill_packet_line){.event = RILL_PACKET_OVER};
    if (len >= RILL_PACKET_LINE_MAX || !skip(&in, RILL_PACKET_LINE_HEAD) ||
        !read_when(&in, &out->at_ms) || !skip(&in, ","))
        return false;
    bool packet = in.at < in.end && in.end - in.at > 2 && in.at[1] == 'f';
    return (packet ? read_packet(&in, out) : read_event(&in, out)) && skip(&in, "}") &&
           in.at == in.end;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_record.h"

#include <assert.h>
#include <string.h>

typedef struct output {
    char *text;
    size_t len;
    log_format format;
    bool first;
} output;

static void put(output *o, const char *text)
{
    const size_t len = strlen(text);
    memcpy(o->text + o->len, text, len);
    o->len += len;
}

/* Bytes of the character at `at`, and which one it is. 0: no UTF-8 (RFC 3629). */
static size_t character(const uint8_t *at, size_t left, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t len = at[0] < 0x80             ? 1
                       : (at[0] & 0xe0) == 0xc0 ? 2
                       : (at[0] & 0xf0) == 0xe0 ? 3
                       : (at[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *out = value;
    return len;
}

/*
 * Characters of control, those that some readers of lines take for the end of one, and those that
 * turn the direction of text round.
 */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static void put_code(output *o, uint32_t c)
{
    static const char digits[] = "0123456789abcdef";
    put(o, "\\u");
    for (int shift = 12; shift >= 0; shift -= 4)
        o->text[o->len++] = digits[c >> shift & 15];
}

/* In quotes, as JSON has it. Of what is no UTF-8 each byte is U+FFFD. */
static void put_quoted(output *o, rill_bytes text)
{
    put(o, "\"");
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        const size_t len = character(text.data + i, text.len - i, &c);
        if (len == 0) {
            put(o, "\\ufffd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            put(o, "\\");
        if (is_hidden(c)) {
            put_code(o, c);
        } else {
            memcpy(o->text + o->len, text.data + i, len);
            o->len += len;
        }
        i += len;
    }
    put(o, "\"");
}

/* Can it stand without quotes in logfmt? */
static bool is_plain(rill_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || strchr("=\"\\", text.data[i]) != NULL)
            return false;
    }
    return text.len > 0;
}

/* Where a text is cut no character is cut in two. */
static rill_bytes cut(rill_bytes text, size_t most)
{
    if (text.len <= most)
        return text;
    size_t len = most;
    while (len > 0 && most - len < 3 && (text.data[len] & 0xc0) == 0x80)
        len--;
    return (rill_bytes){text.data, (text.data[len] & 0xc0) == 0x80 ? most : len};
}

static void put_field(output *o, const char *name, rill_bytes text, size_t most)
{
    const bool json = o->format == LOG_JSON;
    text = cut(text, most);
    if (!o->first)
        put(o, json ? "," : " ");
    o->first = false;
    put(o, json ? "\"" : "");
    put(o, name);
    put(o, json ? "\":" : "=");
    if (json || !is_plain(text)) {
        put_quoted(o, text);
    } else {
        memcpy(o->text + o->len, text.data, text.len);
        o->len += text.len;
    }
}

static void put_text(output *o, const char *name, const char *text, size_t most)
{
    if (text != NULL)
        put_field(o, name, (rill_bytes){(const uint8_t *)text, strlen(text)}, most);
}

static void put_about(output *o, const rill_log_about *about)
{
    put_text(o, "account", about->account, LOG_RECORD_TEXT);
    if (about->packet != NULL) {
        char id[RILL_LOG_PACKET_TEXT];
        rill_log_packet_text(about->packet, id);
        put_text(o, "packet", id, LOG_RECORD_TEXT);
    }
    if (about->destination.len > 0)
        put_field(o, "destination", about->destination, LOG_RECORD_TEXT);
    put_text(o, "code", about->code, LOG_RECORD_TEXT);
    put_text(o, "by", about->by, LOG_RECORD_TEXT);
}

size_t log_record_write(log_format format, const log_record *record, char out[LOG_RECORD_MAX])
{
    output o = {.text = out, .format = format, .first = true};
    assert(format != LOG_TEXT);
    put(&o, format == LOG_JSON ? "{" : "");
    put_text(&o, "time", record->time, 32);
    put_text(&o, "level", record->level, 16);
    put_text(&o, "msg", record->msg, LOG_RECORD_MSG);
    if (record->about != NULL)
        put_about(&o, record->about);
    put(&o, format == LOG_JSON ? "}\n" : "\n");
    assert(o.len <= LOG_RECORD_MAX);
    return o.len;
}

bool log_format_parse(const char *text, log_format *out)
{
    static const char *const names[] = {
        [LOG_TEXT] = "text", [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (log_format)i;
            return true;
        }
    }
    return false;
}

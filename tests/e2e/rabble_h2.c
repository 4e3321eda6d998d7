/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours that misbehave over HTTP/2, as clients and as servers. */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "hammer_wire.h"
#include "rabble.h"

enum { DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, END_HEADERS = 4 };
enum { MOST_STREAMS = 1000 };

static const uint8_t cancel[4] = {0, 0, 0, 8};
static const uint8_t no_window[6] = {0, 4, 0, 0, 0, 0};
static const uint8_t wide[6] = {0, 4, 0x7f, 0xff, 0xff, 0xff};
static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- frames ---- */

static size_t put_h2(uint8_t *out, unsigned type, unsigned flags, uint32_t stream,
                     const void *payload, size_t len)
{
    const uint8_t head[9] = {
        (uint8_t)(len >> 16),    (uint8_t)(len >> 8),    (uint8_t)len,
        (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(out, head, sizeof head);
    if (len > 0)
        memcpy(out + sizeof head, payload, len);
    return sizeof head + len;
}

static void say(conn *c, unsigned type, unsigned flags, uint32_t stream, const void *payload,
                size_t len)
{
    uint8_t out[9 + 16384];
    put(c, out, put_h2(out, type, flags, stream, payload, len));
}

/* A field that is not compressed; each text is shorter than 127 bytes. */
static size_t put_field(uint8_t *out, const char *name, const char *value)
{
    size_t at = 0, a = strlen(name), b = strlen(value);
    out[at++] = 0;
    out[at++] = (uint8_t)a;
    memcpy(out + at, name, a);
    at += a;
    out[at++] = (uint8_t)b;
    memcpy(out + at, value, b);
    return at + b;
}

static size_t put_fields(const conn *c, uint8_t *out, bool right)
{
    char token[TOKEN], value[TOKEN + 16];
    token_of(token, c->who);
    snprintf(value, sizeof value, "Bearer %s", right ? token : "who-knows");
    size_t at = put_field(out, ":method", "POST");
    at += put_field(out + at, ":scheme", "http");
    at += put_field(out + at, ":authority", "localhost");
    at += put_field(out + at, ":path", "/ilp");
    at += put_field(out + at, "authorization", value);
    return at + put_field(out + at, "content-type", "application/octet-stream");
}

static size_t put_packet(uint8_t *out)
{
    char to[128], name[NAME];
    name_of(name, (uint32_t)(next_random() % neighbours));
    snprintf(to, sizeof to, "%s.%s", prefix, name);
    n.prepares++;
    return put_prepare_for(out, to, 1, 3, NULL, 0);
}

static uint32_t next_stream(conn *c)
{
    return 2 * c->step++ + 1;
}

/* A request, and its body unless it is left out; whole if `ends`. */
static uint32_t ask(conn *c, bool body, bool ends)
{
    uint8_t fields[512], out[1600], packet[512];
    uint32_t stream = next_stream(c);
    size_t len = put_h2(out, HEADERS, END_HEADERS, stream, fields, put_fields(c, fields, true));
    if (body)
        len += put_h2(out + len, DATA, ends ? END_STREAM : 0, stream, packet, put_packet(packet));
    put(c, out, len);
    return stream;
}

/* ---- as clients ---- */

static void half_magic(conn *c)
{
    put(c, magic, 12);
}

static void begin(conn *c)
{
    put(c, magic, sizeof magic - 1);
    say(c, SETTINGS, 0, 0, NULL, 0);
}

static void half_frame(conn *c)
{
    static const uint8_t half[] = {0, 0x20, 0, DATA, 0, 0};
    begin(c);
    put(c, half, sizeof half);
}

static void rapid_reset(conn *c)
{
    for (int i = 0; i < 20 && is_clear(c); i++)
        say(c, RESET, 0, ask(c, true, true), cancel, sizeof cancel);
}

/* So many of one frame. */
static void flood_of(conn *c, unsigned type, uint32_t stream, const void *payload, size_t len)
{
    for (int i = 0; i < 100 && is_clear(c); i++)
        say(c, type, 0, stream, payload, len);
}

static void settings(conn *c)
{
    flood_of(c, SETTINGS, 0, wide, sizeof wide);
}

static void pings(conn *c)
{
    flood_of(c, PING, 0, "01234567", 8);
}

static void windows(conn *c)
{
    static const uint8_t one[4] = {0, 0, 0, 1};
    flood_of(c, WINDOW, 0, one, sizeof one);
}

static void priorities(conn *c)
{
    flood_of(c, PRIORITY, 1 + 2 * (uint32_t)(next_random() % 1000), "\0\0\0\0\x10", 5);
}

static void resets_of_nothing(conn *c)
{
    flood_of(c, RESET, 1, cancel, sizeof cancel);
}

static void empty_data(conn *c)
{
    if (c->step == 0)
        ask(c, false, false);
    flood_of(c, DATA, 1, NULL, 0);
}

static void unknown_frames(conn *c)
{
    flood_of(c, 77, 0, "what is this", 12);
}

static void shut_streams(conn *c)
{
    put(c, magic, sizeof magic - 1);
    say(c, SETTINGS, 0, 0, no_window, sizeof no_window);
}

static void ask_some(conn *c)
{
    for (int i = 0; i < 4 && is_clear(c) && c->step < 100000; i++)
        ask(c, true, true);
}

/* All streams are open wide, and the window of the connection never is. */
static void shut_connection(conn *c)
{
    put(c, magic, sizeof magic - 1);
    say(c, SETTINGS, 0, 0, wide, sizeof wide);
}

/* It asks now and then, makes no room for an answer, and says that it is there. */
static void ask_and_ping(conn *c)
{
    if (c->step < 200)
        ask(c, true, true);
    say(c, PING, 0, 0, "01234567", 8);
}

static void half_head(conn *c)
{
    uint8_t fields[512];
    begin(c);
    say(c, HEADERS, 0, 1, fields, put_fields(c, fields, true));
}

static void continuations(conn *c)
{
    uint8_t field[64];
    if (is_clear(c))
        say(c, CONTINUATION, 0, 1, field, put_field(field, "x", "and so on"));
}

static void half_streams(conn *c)
{
    for (int i = 0; i < 50 && is_clear(c) && c->step < MOST_STREAMS; i++)
        ask(c, false, false);
}

static void endless_bodies(conn *c)
{
    uint8_t body[2048] = {12};
    if (c->step < 8)
        ask(c, false, false);
    if (is_clear(c))
        say(c, DATA, 0, 2 * (uint32_t)(next_random() % c->step) + 1, body, sizeof body);
}

/* A name of four kilobytes, and a thousand times one byte that means it. */
static void bomb(conn *c)
{
    uint8_t block[6000];
    size_t len = put_fields(c, block, true);
    block[len++] = 0x40;
    block[len++] = 1;
    block[len++] = 'x';
    block[len++] = 127; /* 4000, as RFC 7541 section 5.1 writes it with a prefix of 7 bits */
    block[len++] = 0xa1;
    block[len++] = 0x1e;
    memset(block + len, 'v', 4000);
    len += 4000;
    memset(block + len, 0x80 | 62, 1000);
    say(c, HEADERS, END_HEADERS | END_STREAM, next_stream(c), block, len + 1000);
}

static void junk_frames(conn *c)
{
    uint8_t junk[64];
    fill_random(junk, sizeof junk);
    say(c, (unsigned)(next_random() % 12), (unsigned)(next_random() & 255),
        (uint32_t)(next_random() % 16), junk, (size_t)(next_random() % sizeof junk));
}

/* One request is never whole, and others are. */
static void one_is_stuck(conn *c)
{
    if (c->step == 0)
        ask(c, true, false);
    ask(c, true, true);
}

static void wrong_token(conn *c)
{
    uint8_t fields[512];
    if (is_clear(c))
        say(c, HEADERS, END_HEADERS | END_STREAM, next_stream(c), fields,
            put_fields(c, fields, false));
}

static void goodbye(conn *c)
{
    static const uint8_t what[8] = {0};
    begin(c);
    say(c, GOAWAY, 0, 0, what, sizeof what);
}

static void large_head(conn *c)
{
    uint8_t block[16000], value[120];
    size_t len = put_fields(c, block, true);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    while (len + 200 < sizeof block)
        len += put_field(block + len, "x", (const char *)value);
    say(c, HEADERS, END_HEADERS | END_STREAM, next_stream(c), block, len);
}

static void pay_and_cut(conn *c)
{
    ask_some(c);
    if (c->step > 8)
        cut(c);
}

const kind h2_kinds[] = {
    {.name = "h2-half-preface", .begin = half_magic},
    {.name = "h2-half-frame", .begin = half_frame},
    {.name = "h2-rapid-reset", .begin = begin, .tick = rapid_reset},
    {.name = "h2-settings", .begin = begin, .tick = settings},
    {.name = "h2-pings", .begin = begin, .tick = pings},
    {.name = "h2-windows", .begin = begin, .tick = windows},
    {.name = "h2-priorities", .begin = begin, .tick = priorities},
    {.name = "h2-resets-of-nothing", .begin = begin, .tick = resets_of_nothing},
    {.name = "h2-empty-data", .begin = begin, .tick = empty_data},
    {.name = "h2-unknown-frames", .begin = begin, .tick = unknown_frames},
    {.name = "h2-shut-streams", .begin = shut_streams, .tick = ask_some},
    {.name = "h2-shut-streams-pinging", .begin = shut_streams, .tick = ask_and_ping},
    {.name = "h2-shut-connection", .begin = shut_connection, .tick = ask_and_ping},
    {.name = "h2-deaf", .deaf = true, .begin = begin, .tick = ask_some},
    {.name = "h2-half-head", .begin = half_head},
    {.name = "h2-continuations", .begin = half_head, .tick = continuations},
    {.name = "h2-half-streams", .begin = begin, .tick = half_streams},
    {.name = "h2-endless-bodies", .begin = begin, .tick = endless_bodies},
    {.name = "h2-bomb", .begin = begin, .tick = bomb},
    {.name = "h2-junk-frames", .begin = begin, .tick = junk_frames},
    {.name = "h2-one-is-stuck", .begin = begin, .tick = one_is_stuck},
    {.name = "h2-wrong-token", .begin = begin, .tick = wrong_token},
    {.name = "h2-goodbye-and-go-on", .begin = goodbye, .tick = ask_some},
    {.name = "h2-large-head", .begin = begin, .tick = large_head},
    {.name = "h2-pay-and-cut", .begin = begin, .tick = pay_and_cut},
};
const size_t h2_kind_count = sizeof h2_kinds / sizeof h2_kinds[0];

/* ---- as servers ---- */

static void silence(conn *c, const uint8_t *data, size_t len)
{
    (void)c;
    (void)data;
    (void)len;
}

static void host_begin(conn *c)
{
    say(c, SETTINGS, 0, 0, NULL, 0);
}

static void host_no_streams(conn *c)
{
    static const uint8_t none[6] = {0, 3, 0, 0, 0, 0};
    say(c, SETTINGS, 0, 0, none, sizeof none);
}

static void host_no_window(conn *c)
{
    say(c, SETTINGS, 0, 0, no_window, sizeof no_window);
}

static void host_garbage(conn *c)
{
    uint8_t out[500];
    fill_random(out, sizeof out);
    put(c, out, sizeof out);
}

/* Whatever streams it has by now. */
static void each_reset(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    say(c, RESET, 0, next_stream(c), cancel, sizeof cancel);
}

static void each_goodbye(conn *c, const uint8_t *data, size_t len)
{
    static const uint8_t none[8] = {0};
    (void)data;
    (void)len;
    say(c, GOAWAY, 0, 0, none, sizeof none);
}

/* Heads of answers, and no more. */
static void each_half(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    say(c, HEADERS, END_HEADERS, next_stream(c), "\x88", 1);
}

static void each_500(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    say(c, HEADERS, END_HEADERS | END_STREAM, next_stream(c), "\x8e", 1);
}

static void endless_answers(conn *c)
{
    static const uint8_t body[1024];
    if (c->step > 0 && is_clear(c))
        say(c, DATA, 0, 1, body, sizeof body);
}

const kind h2_hosts[] = {
    {.name = "h2-host-silent", .take = silence},
    {.name = "h2-host-settings-alone", .begin = host_begin, .take = silence},
    {.name = "h2-host-no-streams", .begin = host_no_streams, .take = silence},
    {.name = "h2-host-no-window", .begin = host_no_window, .take = silence},
    {.name = "h2-host-garbage", .begin = host_garbage, .take = silence},
    {.name = "h2-host-resets", .begin = host_begin, .take = each_reset},
    {.name = "h2-host-goodbye", .begin = host_begin, .take = each_goodbye},
    {.name = "h2-host-half-answers", .begin = host_begin, .take = each_half},
    {.name = "h2-host-endless-answers",
     .begin = host_begin,
     .take = each_half,
     .tick = endless_answers},
    {.name = "h2-host-500", .begin = host_begin, .take = each_500},
    {.name = "h2-host-pings", .begin = host_begin, .tick = pings, .take = silence},
    {.name = "h2-host-settings", .begin = host_begin, .tick = settings, .take = silence},
};
const size_t h2_host_count = sizeof h2_hosts / sizeof h2_hosts[0];

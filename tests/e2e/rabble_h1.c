/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours that misbehave over HTTP/1.1, as clients and as servers. */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "hammer_wire.h"
#include "rabble.h"

/* ---- what is said ---- */

static void say(conn *c, const char *text)
{
    put(c, text, strlen(text));
}

/* The head of a POST by this neighbour, without its last line. */
static size_t put_head(const conn *c, char *out, size_t cap)
{
    char token[TOKEN];
    token_of(token, c->who);
    return (size_t)snprintf(out, cap,
                            "POST /ilp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                            "Content-Type: application/octet-stream\r\n",
                            token);
}

/* A head that promises a body like this. */
static void say_head(conn *c, const char *framing)
{
    char out[512];
    size_t len = put_head(c, out, sizeof out);
    len += (size_t)snprintf(out + len, sizeof out - len, "%s\r\n\r\n", framing);
    put(c, out, len);
}

/* A whole request with a Prepare to somebody. */
static size_t put_whole(const conn *c, uint8_t *out, size_t cap)
{
    char to[128], name[NAME];
    uint8_t packet[512];
    name_of(name, (uint32_t)(next_random() % neighbours));
    snprintf(to, sizeof to, "%s.%s", prefix, name);
    size_t size = put_prepare_for(packet, to, 1, 3, NULL, 0);
    size_t len = put_head(c, (char *)out, cap);
    len += (size_t)snprintf((char *)out + len, cap - len, "Content-Length: %zu\r\n\r\n", size);
    memcpy(out + len, packet, size);
    n.prepares++;
    return len + size;
}

/* ---- as clients ---- */

static void half_head(conn *c)
{
    say(c, "POST /ilp HTTP/1.1\r\nHost: localhost\r\nAuthoriz");
}

static void slow_head(conn *c)
{
    char text[512];
    drip(c, (const uint8_t *)text, put_head(c, text, sizeof text));
}

/* Header fields without end. */
static void huge_head(conn *c)
{
    char out[4096];
    if (c->step++ == 0)
        put(c, out, put_head(c, out, sizeof out));
    size_t len = (size_t)snprintf(out, sizeof out, "X-%u: %2000d\r\n", c->step, 7);
    if (is_clear(c))
        put(c, out, len);
}

/* One field without end. */
static void endless_field(conn *c)
{
    char out[2048];
    memset(out, 'x', sizeof out);
    if (c->step++ == 0)
        say(c, "POST /ilp HTTP/1.1\r\nX: ");
    if (is_clear(c))
        put(c, out, sizeof out);
}

static void endless_body(conn *c)
{
    static const char part[] = "400\r\n";
    char out[1024 + 16];
    memset(out, 'y', sizeof out);
    memcpy(out, part, 5);
    memcpy(out + 5 + 1024, "\r\n", 2);
    if (c->step++ == 0)
        say_head(c, "Transfer-Encoding: chunked");
    if (is_clear(c))
        put(c, out, 5 + 1024 + 2);
}

static void promised_body(conn *c)
{
    say_head(c, "Content-Length: 30000");
    say(c, "some of it");
}

static void slow_body(conn *c)
{
    static const uint8_t text[256] = {12, 130};
    if (c->step == 0)
        say_head(c, "Content-Length: 300");
    drip(c, text, sizeof text);
}

static void huge_length(conn *c)
{
    say_head(c, "Content-Length: 1099511627776");
}

/* As many as there is room for. */
static void pipeline(conn *c)
{
    uint8_t out[1024];
    for (int i = 0; i < 8 && is_clear(c); i++)
        put(c, out, put_whole(c, out, sizeof out));
}

static void wrong_token(conn *c)
{
    if (c->step++ % 8 == 0)
        say(c, "POST /ilp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer who-knows\r\n"
               "Content-Type: application/octet-stream\r\nContent-Length: 1\r\n\r\nx");
}

static void out_of_form(conn *c)
{
    static const char *const heads[] = {
        "POST /ilp HTTP/1.1\nHost: x\nContent-Length: 1\n\nx",
        ("POST /ilp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        "POST /ilp HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST /ilp HTTP/1.1\r\nHost : x\r\n\r\n",
        "POST /ilp HTTP/9.9\r\nHost: x\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET /ilp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "POST /ilp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    };
    say(c, heads[next_random() % (sizeof heads / sizeof heads[0])]);
}

static void no_packet(conn *c)
{
    uint8_t junk[64];
    fill_random(junk, sizeof junk);
    say_head(c, "Content-Length: 64");
    put(c, junk, sizeof junk);
}

static void pay_and_cut(conn *c)
{
    pipeline(c);
    cut(c);
}

static void other_methods(conn *c)
{
    say(c,
        "DELETE /v1/accounts HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void tls_half(conn *c)
{
    static const uint8_t half[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7};
    put(c, half, sizeof half);
}

const kind h1_kinds[] = {
    {.name = "h1-half-head", .begin = half_head},
    {.name = "h1-slow-head", .tick = slow_head},
    {.name = "h1-huge-head", .tick = huge_head},
    {.name = "h1-endless-field", .tick = endless_field},
    {.name = "h1-endless-body", .tick = endless_body},
    {.name = "h1-promised-body", .begin = promised_body},
    {.name = "h1-slow-body", .tick = slow_body},
    {.name = "h1-huge-length", .begin = huge_length},
    {.name = "h1-pipeline", .tick = pipeline},
    {.name = "h1-pipeline-deaf", .deaf = true, .tick = pipeline},
    {.name = "h1-wrong-token", .tick = wrong_token},
    {.name = "h1-out-of-form", .begin = out_of_form},
    {.name = "h1-no-packet", .begin = no_packet},
    {.name = "h1-pay-and-cut", .begin = pay_and_cut},
    {.name = "h1-other-methods", .tick = other_methods},
    {.name = "h1-half-tls", .begin = tls_half},
};
const size_t h1_kind_count = sizeof h1_kinds / sizeof h1_kinds[0];

/* ---- as servers: each request gets this ---- */

static void silence(conn *c, const uint8_t *data, size_t len)
{
    (void)c;
    (void)data;
    (void)len;
}

static void host_half(conn *c)
{
    say(c, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-str");
}

static void host_endless(conn *c)
{
    if (c->step++ == 0)
        say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (is_clear(c))
        say(c, "10\r\n0123456789abcdef\r\n");
}

static void host_huge_head(conn *c)
{
    char out[4096];
    if (c->step++ == 0)
        say(c, "HTTP/1.1 200 OK\r\n");
    if (is_clear(c))
        put(c, out, (size_t)snprintf(out, sizeof out, "X-%u: %2000d\r\n", c->step, 7));
}

static void host_garbage(conn *c)
{
    uint8_t out[1000];
    fill_random(out, sizeof out);
    put(c, out, sizeof out);
}

static void host_slow(conn *c)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n";
    drip(c, (const uint8_t *)text, sizeof text - 1);
}

static void each_500(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    say(c, "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops");
}

static void each_junk(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x0dhell");
}

/* A Fulfill with the wrong fulfillment. */
static void each_wrong(conn *c, const uint8_t *data, size_t len)
{
    uint8_t out[128];
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n\x0d\x21";
    (void)data;
    (void)len;
    memset(out, 1, sizeof out);
    memcpy(out, head, sizeof head - 1);
    put(c, out, sizeof head - 1 + 33);
}

/* More answers than questions. */
static void each_twice(conn *c, const uint8_t *data, size_t len)
{
    each_500(c, data, len);
    each_junk(c, data, len);
}

static void each_cut(conn *c, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    cut(c);
}

const kind h1_hosts[] = {
    {.name = "h1-host-silent", .take = silence},
    {.name = "h1-host-half-head", .begin = host_half, .take = silence},
    {.name = "h1-host-endless-body", .tick = host_endless, .take = silence},
    {.name = "h1-host-huge-head", .tick = host_huge_head, .take = silence},
    {.name = "h1-host-garbage", .begin = host_garbage, .take = silence},
    {.name = "h1-host-slow", .tick = host_slow, .take = silence},
    {.name = "h1-host-500", .take = each_500},
    {.name = "h1-host-junk", .take = each_junk},
    {.name = "h1-host-fulfils-wrongly", .take = each_wrong},
    {.name = "h1-host-answers-twice", .take = each_twice},
    {.name = "h1-host-cuts", .take = each_cut},
};
const size_t h1_host_count = sizeof h1_hosts / sizeof h1_hosts[0];

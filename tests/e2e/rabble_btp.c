/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours that misbehave over BTP, as clients and as servers. */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "hammer_wire.h"
#include "rabble.h"

enum { WINDOW = 16, SHORT = 3, LATE_MS = 4500 };

/* ---- what is said ---- */

static void say(conn *c, uint8_t first, const uint8_t *payload, size_t len)
{
    uint8_t out[5000];
    size_t size =
        c->served ? put_plain_frame(out, first, payload, len) : put_frame(out, first, payload, len);
    put(c, out, size);
}

static void answer(conn *c, uint32_t id, const uint8_t *packet, size_t len)
{
    uint8_t frame[4500];
    say(c, 0x82, frame, put_btp(frame, 1, id, packet, len));
}

/* The fulfillment of all Prepares of ours is 32 zeros. */
static void fulfill(conn *c, uint32_t id, uint8_t with)
{
    uint8_t packet[36] = {13, 33};
    memset(packet + 2, with, 32);
    answer(c, id, packet, 35);
}

static void reject(conn *c, uint32_t id)
{
    static const uint8_t packet[] = {14, 6, 'F', '9', '9', 0, 0, 0};
    answer(c, id, packet, sizeof packet);
}

static void ask(conn *c, uint32_t id)
{
    char to[128], name[NAME];
    uint8_t packet[512], frame[1024];
    name_of(name, (uint32_t)(next_random() % neighbours));
    snprintf(to, sizeof to, "%s.%s", prefix, name);
    size_t len = put_prepare_for(packet, to, 1, SHORT, NULL, 0);
    say(c, 0x82, frame, put_btp(frame, 6, id, packet, len));
    n.prepares++;
}

/* ---- what comes ---- */

static void on_packet(conn *c, uint8_t type, uint32_t id, const uint8_t *packet, size_t len)
{
    if (type == 6 && len > 0 && packet[0] == 12) {
        if (c->kind->asked != NULL)
            c->kind->asked(c, id);
    } else if (type == 1) {
        bool paid = c->asks > 0; /* and has not only asked who it is, which is fulfilled too */
        c->asks -= paid;
        if (paid && len > 0 && packet[0] == 13) {
            heard[c->who]++;
            n.fulfilled++;
        }
    }
}

static void welcome(conn *c)
{
    c->welcome = true;
    if (c->kind->met != NULL)
        c->kind->met(c);
}

/* A server: whoever comes is welcome. */
static void accept_auth(conn *c, const uint8_t *frame)
{
    uint8_t out[8] = {1, 0, 0, 0, 0, 2, 1, 0};
    memcpy(out + 1, frame + 1, 4);
    say(c, 0x82, out, sizeof out);
    welcome(c);
}

static void on_btp(conn *c, const uint8_t *frame, size_t len)
{
    static const uint8_t ilp[] = {3, 'i', 'l', 'p', 0};
    if (len < 5)
        return;
    if (!c->welcome && c->served) {
        if (c->kind->met != NULL || c->kind->asked != NULL)
            accept_auth(c, frame);
        return;
    }
    if (!c->welcome) {
        if (frame[0] == 1)
            welcome(c);
        return;
    }
    const uint8_t *at = memmem(frame, len, ilp, sizeof ilp);
    size_t left = at == NULL ? 0 : len - (size_t)(at - frame) - sizeof ilp;
    uint32_t id =
        (uint32_t)frame[1] << 24 | (uint32_t)frame[2] << 16 | (uint32_t)frame[3] << 8 | frame[4];
    /* The length of the packet: one byte, or 0x81 and one, or 0x82 and two. */
    size_t head = left == 0 ? 0 : at[5] < 128 ? 1 : 1 + (size_t)(at[5] & 127);
    if (left > head)
        on_packet(c, frame[0], id, at + 5 + head, left - head);
    else
        c->asks -= c->asks > 0; /* an ERROR */
}

/* One WebSocket frame off the front of c->in. False: it is not whole yet. */
static bool take_frame(conn *c)
{
    if (c->in_len < 2)
        return false;
    bool masked = (c->in[1] & 0x80) != 0;
    size_t head = 2, len = c->in[1] & 127;
    if (len == 126) {
        head = 4;
        if (c->in_len < 4)
            return false;
        len = (size_t)c->in[2] << 8 | c->in[3];
    }
    head += masked ? 4 : 0;
    if (head + len > IN_MAX) {
        size_t have = c->in_len < head + len ? c->in_len : head + len;
        c->skip = head + len - have;
        memmove(c->in, c->in + have, c->in_len - have);
        c->in_len -= have;
        return true;
    }
    if (c->in_len < head + len)
        return false;
    uint8_t frame[IN_MAX];
    for (size_t i = 0; i < len; i++)
        frame[i] = c->in[head + i] ^ (masked ? c->in[head - 4 + i % 4] : 0);
    bool binary = (c->in[0] & 15) == 2;
    memmove(c->in, c->in + head + len, c->in_len - head - len);
    c->in_len -= head + len;
    if (binary)
        on_btp(c, frame, len);
    return true;
}

/* The node's first request, as a server answers it (RFC 6455 section 4.2.2). */
static void accept_upgrade(conn *c, const char *head)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[128], accept[64], out[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    const char *key = strcasestr(head, "sec-websocket-key: ");
    if (key == NULL)
        return;
    key += 19;
    int len = snprintf(text, sizeof text, "%.*s%s", (int)strcspn(key, "\r"), key, guid);
    SHA1((const unsigned char *)text, (size_t)len, digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    len = snprintf(out, sizeof out,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
    put(c, out, (size_t)len);
}

static bool take_head(conn *c)
{
    uint8_t *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (end == NULL) {
        c->in_len = c->in_len == IN_MAX ? 0 : c->in_len;
        return false;
    }
    size_t head = (size_t)(end + 4 - c->in);
    end[2] = '\0';
    if (c->served)
        accept_upgrade(c, (const char *)c->in);
    memmove(c->in, c->in + head, c->in_len - head);
    c->in_len -= head;
    c->upgraded = true;
    return true;
}

void btp_take(conn *c, const uint8_t *data, size_t len)
{
    if (c->in == NULL && (c->in = malloc(IN_MAX)) == NULL)
        abort();
    while (len > 0 && !c->broken) {
        size_t skipped = c->skip < len ? c->skip : len;
        c->skip -= skipped;
        data += skipped;
        len -= skipped;
        size_t room = IN_MAX - c->in_len, now = room < len ? room : len;
        memcpy(c->in + c->in_len, data, now);
        c->in_len += now;
        data += now;
        len -= now;
        if (!c->upgraded && !take_head(c))
            continue;
        while (!c->broken && c->skip == 0 && take_frame(c))
            continue;
    }
}

/* ---- as clients: strangers ---- */

static void half_head(conn *c)
{
    put(c, "GET / HTTP/1.1\r\nHost: local", 27);
}

static void slow_head(conn *c)
{
    uint8_t text[1024];
    drip(c, text, put_greeting(text));
}

static void random_bytes(conn *c)
{
    uint8_t out[1500];
    fill_random(out, sizeof out);
    put(c, out, sizeof out);
}

static void greet(conn *c)
{
    uint8_t out[1024];
    char name[NAME], token[TOKEN];
    name_of(name, c->who);
    token_of(token, c->who);
    size_t len = put_greeting(out);
    put(c, out, len + put_auth_with(out + len, name, token));
}

static void wrong_token(conn *c)
{
    uint8_t out[1024];
    char name[NAME];
    name_of(name, c->who);
    size_t len = put_greeting(out);
    put(c, out, len + put_auth(out + len, name));
}

static void half_auth(conn *c)
{
    uint8_t out[1024];
    size_t len = put_greeting(out);
    put(c, out, len + put_auth(out + len, "x") / 2);
}

/* ---- as clients that were accepted ---- */

static const uint8_t long_frame[] = {0x82, 0x80 | 126, 0x75, 0x30, 0, 0, 0, 0, 6, 6, 6, 6};

static void half_frame(conn *c)
{
    put(c, long_frame, sizeof long_frame);
}

static void slow_frame(conn *c)
{
    uint8_t text[512];
    memset(text, 6, sizeof text);
    memcpy(text, long_frame, sizeof long_frame);
    if (c->welcome)
        drip(c, text, sizeof text);
}

static void junk_btp(conn *c)
{
    uint8_t junk[200];
    for (int i = 0; i < 4; i++) {
        fill_random(junk, sizeof junk);
        say(c, 0x82, junk, (size_t)(next_random() % sizeof junk));
    }
}

static void junk_ilp(conn *c)
{
    uint8_t junk[200], frame[512];
    for (uint32_t i = 1; c->welcome && i < 5; i++) {
        fill_random(junk, sizeof junk);
        size_t len = put_btp(frame, 6, i, junk, (size_t)(next_random() % sizeof junk));
        say(c, 0x82, frame, len);
    }
}

static void many_questions(conn *c)
{
    uint8_t one[512], out[4096];
    size_t size = put_question(one, 9), len = 0;
    if (!is_clear(c))
        return;
    while (len + size <= sizeof out) {
        memcpy(out + len, one, size);
        len += size;
    }
    put(c, out, len);
}

/* Pays any of the others, and reads the answers. */
static void flood(conn *c)
{
    while (c->welcome && is_clear(c) && c->asks < WINDOW) {
        c->asks++;
        ask(c, ++c->step);
    }
}

/* Pays, and leaves before the answers come. */
static void pay_and_cut(conn *c)
{
    if (!c->welcome)
        return;
    for (uint32_t i = 0; i < 20; i++)
        ask(c, i + 1);
    cut(c);
}

static void huge_frame(conn *c)
{
    static const uint8_t head[14] = {0x82, 0xff, 0, 0, 0, 0, 6, 0x40};
    static const uint8_t zeros[16384];
    if (c->welcome && c->step++ == 0)
        put(c, head, sizeof head);
    else if (c->welcome && is_clear(c))
        put(c, zeros, sizeof zeros);
}

static void pings(conn *c)
{
    uint8_t out[100 * 6], *at = out;
    for (int i = 0; i < 100; i++)
        at += put_frame(at, 0x89, (const uint8_t *)"", 0);
    if (c->welcome && is_clear(c))
        put(c, out, sizeof out);
}

static void fragments(conn *c)
{
    uint8_t out[50 * 7], *at = out;
    for (int i = 0; i < 50; i++)
        at += put_frame(at, c->step++ == 0 ? 0x02 : 0x00, (const uint8_t *)"x", 1);
    if (c->welcome && is_clear(c))
        put(c, out, (size_t)(at - out));
}

static void close_frame(conn *c)
{
    say(c, 0x88, (const uint8_t *)"\x03\xe8", 2);
}

static void not_masked(conn *c)
{
    uint8_t out[64];
    put(c, out, put_plain_frame(out, 0x81, (const uint8_t *)"not a mask", 10));
}

/* ---- liars: what they answer to Prepares ---- */

static void say_right(conn *c, uint32_t id)
{
    said[c->who]++;
    n.said++;
    fulfill(c, id, 0);
}

static void say_twice(conn *c, uint32_t id)
{
    say_right(c, id);
    fulfill(c, id, 0);
    reject(c, id);
    fulfill(c, id, 0);
}

static void say_unknown(conn *c, uint32_t id)
{
    fulfill(c, id + 0x01000000u, 0);
    fulfill(c, id ^ 0x80000000u, 0);
    reject(c, id);
    fulfill(c, id, 0);
}

static void say_wrong(conn *c, uint32_t id)
{
    fulfill(c, id, 1);
}

static void say_and_cut(conn *c, uint32_t id)
{
    say_right(c, id);
    if (++c->step % 8 == 0)
        cut(c);
}

static void say_junk(conn *c, uint32_t id)
{
    uint8_t junk[64];
    fill_random(junk, sizeof junk);
    junk[0] = (uint8_t)(12 + junk[0] % 3);
    junk[1] = (uint8_t)(junk[1] % 80);
    answer(c, id, junk, 2 + junk[2] % 60u);
}

static void say_nothing(conn *c, uint32_t id)
{
    (void)c;
    (void)id;
}

static void note_late(conn *c, uint32_t id)
{
    size_t i = c->step++ % (sizeof c->late / sizeof c->late[0]);
    c->late[i].id = id;
    c->late[i].at = now_ms();
}

/* The Prepare has expired: what it says now moves no money. */
static void say_late(conn *c)
{
    for (size_t i = 0; i < sizeof c->late / sizeof c->late[0]; i++)
        if (c->late[i].at != 0 && now_ms() - c->late[i].at > LATE_MS) {
            c->late[i].at = 0;
            fulfill(c, c->late[i].id, 0);
        }
}

#define CLIENT .begin = greet, .take = btp_take
const kind btp_kinds[] = {
    {.name = "btp-silent"},
    {.name = "btp-half-head", .begin = half_head},
    {.name = "btp-slow-head", .tick = slow_head},
    {.name = "btp-garbage", .begin = random_bytes},
    {.name = "btp-wrong-token", .begin = wrong_token},
    {.name = "btp-half-auth", .begin = half_auth},
    {.name = "btp-half-frame", CLIENT, .met = half_frame},
    {.name = "btp-slow-frame", CLIENT, .tick = slow_frame},
    {.name = "btp-junk-frames", CLIENT, .met = random_bytes},
    {.name = "btp-junk", CLIENT, .met = junk_btp},
    {.name = "btp-junk-packets", CLIENT, .tick = junk_ilp},
    {.name = "btp-deaf", .deaf = true, .begin = greet, .tick = many_questions},
    {.name = "btp-flood", CLIENT, .tick = flood},
    {.name = "btp-pay-and-cut", CLIENT, .tick = pay_and_cut},
    {.name = "btp-huge-frame", CLIENT, .tick = huge_frame},
    {.name = "btp-pings", CLIENT, .tick = pings},
    {.name = "btp-fragments", CLIENT, .tick = fragments},
    {.name = "btp-close-and-go-on", CLIENT, .met = close_frame, .tick = many_questions},
    {.name = "btp-not-masked", CLIENT, .met = not_masked},
    {.name = "btp-fulfils", CLIENT, .asked = say_right},
    {.name = "btp-fulfils-twice", CLIENT, .asked = say_twice},
    {.name = "btp-fulfils-the-unknown", CLIENT, .asked = say_unknown},
    {.name = "btp-fulfils-wrongly", CLIENT, .asked = say_wrong},
    {.name = "btp-fulfils-and-cuts", CLIENT, .asked = say_and_cut},
    {.name = "btp-fulfils-late", CLIENT, .asked = note_late, .tick = say_late},
    {.name = "btp-answers-junk", CLIENT, .asked = say_junk},
    {.name = "btp-answers-nothing", CLIENT, .asked = say_nothing},
};
const size_t btp_kind_count = sizeof btp_kinds / sizeof btp_kinds[0];

/* ---- as servers ---- */

static void host_nothing(conn *c, const uint8_t *data, size_t len)
{
    (void)c;
    (void)data;
    (void)len;
}

static void host_upgrade(conn *c, const uint8_t *data, size_t len)
{
    if (!c->upgraded)
        btp_take(c, data, len);
}

static void host_junk(conn *c)
{
    uint8_t junk[100];
    fill_random(junk, sizeof junk);
    say(c, 0x82, junk, sizeof junk);
}

const kind btp_hosts[] = {
    {.name = "btp-host-silent", .take = host_nothing},
    {.name = "btp-host-upgrades-alone", .take = host_upgrade},
    {.name = "btp-host-garbage", .begin = random_bytes, .take = host_nothing},
    {.name = "btp-host-cuts", .begin = cut, .take = host_nothing},
    {.name = "btp-host-junk", .take = btp_take, .met = host_junk},
    {.name = "btp-host-fulfils", .take = btp_take, .asked = say_right},
    {.name = "btp-host-fulfils-twice", .take = btp_take, .asked = say_twice},
    {.name = "btp-host-fulfils-wrongly", .take = btp_take, .asked = say_wrong},
    {.name = "btp-host-fulfils-and-cuts", .take = btp_take, .asked = say_and_cut},
    {.name = "btp-host-fulfils-late", .take = btp_take, .asked = note_late, .tick = say_late},
    {.name = "btp-host-answers-nothing", .take = btp_take, .asked = say_nothing},
    {.name = "btp-host-asks-without-end", .take = btp_take, .asked = say_right, .tick = flood},
};
const size_t btp_host_count = sizeof btp_hosts / sizeof btp_hosts[0];

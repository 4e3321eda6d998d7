/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's end, HTTP/1.1 or HTTP/2, against a server without rules. The input is a program:
 * requests are sent and cancelled, bytes come in pieces, the connection is lost, an allocation
 * fails. Oracles: each request ends once, or was cancelled; what never left the client was not
 * sent; what it says it has room for is taken; memory has a limit and comes back.
 */
#include "faults.h"
#include "http/client.h"
#include "program.h"

enum { MOST = 1024 };

typedef enum state { FREE, OPEN, CANCELLED, ENDED } state;

static rill_http_client *client;
static struct {
    state state;
    uint64_t handle;
    uint64_t before; /* bytes of output when it was asked */
} asked[MOST];
static size_t count;
static uint64_t output, handed;

static void ended(uint64_t outgoing_id)
{
    CHECK(outgoing_id < count && asked[outgoing_id].state == OPEN);
    asked[outgoing_id].state = ENDED;
}

static void on_response(void *owner, uint64_t outgoing_id, const rill_http_message *m)
{
    (void)owner;
    ended(outgoing_id);
    CHECK(m->status >= 200 && m->status <= 999);
}

static void on_failed(void *owner, uint64_t outgoing_id, int error, bool sent)
{
    (void)owner;
    ended(outgoing_id);
    CHECK(error != RILL_OK);
    /* Of what stood behind all that was written the server can know nothing. */
    if (output <= asked[outgoing_id].before)
        CHECK(!sent);
}

static void ask(program *p)
{
    static const uint8_t body[3000];
    size_t room = rill_http_client_room(client);
    if (count == MOST)
        return;
    rill_http_request r = {.method = {(const uint8_t *)"POST", 4},
                           .scheme = {(const uint8_t *)"http", 4},
                           .authority = {(const uint8_t *)"h", 1},
                           .path = {(const uint8_t *)"/", 1},
                           .body = {body, take_number(p) % sizeof body}};
    if (take_byte(p) % 16 == 0)
        r.method = (rill_bytes){(const uint8_t *)"HEAD", 4};
    asked[count].before = output;
    int error = rill_http_client_request(client, &r, count, &asked[count].handle);
    if (error == RILL_OK) {
        CHECK(room > 0);
        asked[count++].state = OPEN;
        return;
    }
    CHECK(room == 0 || (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0) ||
          error == RILL_ERR_CLOSED);
}

static void take_output(unsigned most)
{
    rill_bytes out;
    for (unsigned i = 0; i < most; i++) {
        int error = rill_http_client_output(client, &out);
        CHECK(error == RILL_OK || (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0));
        if (out.len == 0)
            break;
        uint8_t *copy = malloc(out.len);
        CHECK(copy != NULL);
        memcpy(copy, out.data, out.len);
        free(copy);
        output += out.len;
    }
}

static void step(program *p)
{
    switch (take_byte(p) % 10) {
    case 0:
    case 1:
    case 2:
        ask(p);
        break;
    case 3: {
        size_t i = take_byte(p);
        if (count == 0)
            break;
        i %= count;
        if (asked[i].state == OPEN)
            asked[i].state = CANCELLED;
        rill_http_client_cancel(client, asked[i].handle);
        break;
    }
    case 4:
        if (take_byte(p) % 16 == 0)
            rill_http_client_drain(client);
        break;
    case 5:
        if (take_byte(p) % 16 == 0)
            rill_http_client_end(client);
        break;
    case 6:
        fuzz_fault.allocation = take_byte(p) % 32 == 0 ? 1 + take_byte(p) : 0;
        break;
    default:
        take_output(take_byte(p) % 4 == 0 ? 1 : 64);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rill_http_client_handlers handlers = {on_response, on_failed};
    rill_blocks blocks;
    rill_http_limits limits;
    if (size < 2)
        return 0;
    /* Without spare blocks a sanitizer sees who uses one that was given back. */
    size_t kept = (data[0] & 2) != 0 ? 1 << 20 : 0;
    fuzz_faults_reset(1);
    count = 0;
    output = 0;
    rill_http_protocol protocol = (data[0] & 1) != 0 ? RILL_HTTP_2 : RILL_HTTP_1;
    size_t program_len = data[1];
    data += 2;
    size -= 2;
    if (program_len > size)
        program_len = size;
    program p = program_of(data, program_len);
    const uint8_t *wire = data + program_len;
    size_t left = size - program_len;

    rill_blocks_init(&blocks, fuzz_allocator(), kept);
    rill_http_limits_init(&limits);
    limits.max_body = 5000;
    limits.max_pending = 1 << 18;
    limits.max_streams = 100;
    CHECK(rill_http_client_new(&client, &blocks, &limits, protocol, &handlers, NULL) == RILL_OK);
    ask(&p);
    take_output(64);
    while (left != 0 || p.left != 0) {
        size_t now = 1 + take_byte(&p);
        if (now == 1 || now > left)
            now = left;
        uint8_t *copy = malloc(now == 0 ? 1 : now);
        CHECK(copy != NULL);
        if (now != 0)
            memcpy(copy, wire, now);
        int error = rill_http_client_feed(client, copy, now);
        free(copy);
        wire += now;
        left -= now;
        CHECK(error == RILL_OK || error == RILL_ERR_CLOSED ||
              (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0));
        step(&p);
        if (error != RILL_OK)
            break;
    }
    handed = take_byte(&p) % 2 == 0 ? output : output / 2;
    rill_http_client_lost(client, RILL_ERR_IO, handed);
    for (size_t i = 0; i < count; i++)
        CHECK(asked[i].state != OPEN);
    CHECK(rill_http_client_is_done(client) && rill_http_client_room(client) == 0);
    CHECK(fuzz_fault.peak < (size_t)8 << 20);
    rill_http_client_free(client);
    rill_blocks_clear(&blocks);
    CHECK(fuzz_fault.blocks == 0);

    return 0;
}

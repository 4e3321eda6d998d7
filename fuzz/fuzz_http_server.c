/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's end, HTTP/1.1 or HTTP/2, against a client without rules. The input is a program:
 * bytes come in pieces, requests are answered late, in any order, with anything, the server
 * drains, the client ends, time passes, an allocation fails. Oracles: each handle is asked about
 * once, goes at most once and not after its answer; an answer to what is open is taken, another one
 * is not; memory has a limit and comes back; who is done stays done.
 */
#include "faults.h"
#include "http/server.h"
#include "program.h"

enum { MOST = 512, FEW = 64 };

static rill_http_server *server;
static uint64_t open_handles[MOST];
static size_t open_count;
static bool at_once;
static bool ended; /* the client's side: HTTP/2 is over then */
static uint64_t now_ms;
static uint8_t body[6000];

static int answer(uint64_t handle, unsigned status, size_t len)
{
    static const rill_http_field field = {{(const uint8_t *)"content-type", 12},
                                          {(const uint8_t *)"text/plain", 10}};
    rill_http_response r = {
        .status = status, .fields = &field, .field_count = 1, .body = {body, len}};
    return rill_http_respond(server, handle, &r);
}

static void check_answer(int error)
{
    CHECK(error == RILL_OK || (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0) ||
          (error == RILL_ERR_NOT_FOUND && (ended || fuzz_fault.failed > 0)));
}

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    (void)owner;
    CHECK(m->version == 10 || m->version == 11 || m->version == 20);
    CHECK(m->status == 0 && m->method.len != 0);
    for (size_t i = 0; i < open_count; i++)
        CHECK(open_handles[i] != handle);
    if (at_once) {
        int error = answer(handle, 200, 3);
        check_answer(error);
        if (error == RILL_OK) {
            CHECK(answer(handle, 200, 3) == RILL_ERR_NOT_FOUND);
            return;
        }
    }
    if (open_count < MOST)
        open_handles[open_count++] = handle;
}

static void on_gone(void *owner, uint64_t handle)
{
    (void)owner;
    for (size_t i = 0; i < open_count; i++)
        if (open_handles[i] == handle) {
            open_handles[i] = open_handles[--open_count];
            return;
        }
    CHECK(false);
}

static bool on_upgrade(void *owner, const rill_http_message *m, rill_bytes raw)
{
    (void)owner;
    CHECK(raw.len > 4 && m->body_len == 0 && m->version != 20);
    return at_once;
}

static void take_output(unsigned most)
{
    rill_bytes out;
    for (unsigned i = 0; i < most; i++) {
        int error = rill_http_server_output(server, &out);
        CHECK(error == RILL_OK || (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0));
        if (out.len == 0)
            break;
        /* Each byte can be read. */
        uint8_t *copy = malloc(out.len);
        CHECK(copy != NULL);
        memcpy(copy, out.data, out.len);
        free(copy);
    }
}

static void step(program *p)
{
    switch (take_byte(p) % 12) {
    case 0:
    case 1:
    case 2: {
        size_t i = take_byte(p);
        if (open_count == 0)
            break;
        i %= open_count;
        size_t len = take_number(p) % sizeof body;
        uint64_t handle = open_handles[i];
        int error = answer(handle, 200, len);
        check_answer(error);
        if (error == RILL_OK) {
            open_handles[i] = open_handles[--open_count];
            CHECK(answer(handle, 200, 1) == RILL_ERR_NOT_FOUND);
        }
        break;
    }
    case 3:
        CHECK(answer(take_number(p) << 32 | 1u << 20, 200, 1) == RILL_ERR_NOT_FOUND);
        break;
    case 4:
        at_once = !at_once;
        break;
    case 5:
        if (take_byte(p) % 8 == 0)
            rill_http_server_drain(server);
        break;
    case 6:
        if (take_byte(p) % 16 == 0) {
            ended = true;
            rill_http_server_end(server);
        }
        break;
    case 7:
        fuzz_fault.allocation = take_byte(p) % 32 == 0 ? 1 + take_byte(p) : 0;
        break;
    case 8:
        take_output(1);
        break;
    case 9:
        /* Who is late is none of those that wait for an answer: they stay open. */
        now_ms += take_byte(p) * UINT64_C(500);
        (void)rill_http_server_end_late(server, now_ms, 10000, 60000);
        CHECK(rill_http_server_open_count(server) >= open_count);
        break;
    default:
        take_output(FEW);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rill_http_server_handlers handlers = {on_request, on_gone, on_upgrade};
    rill_blocks blocks;
    rill_http_limits limits;
    if (size < 2)
        return 0;
    /* Without spare blocks a sanitizer sees who uses one that was given back. */
    size_t kept = (data[0] & 2) != 0 ? 1 << 20 : 0;
    fuzz_faults_reset(1);
    open_count = 0;
    ended = false;
    now_ms = 0;
    at_once = (data[0] & 1) != 0;
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
    CHECK(rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &handlers, NULL) ==
          RILL_OK);
    while (left != 0 || p.left != 0) {
        size_t now = 1 + take_byte(&p);
        if (now == 1 || now > left)
            now = left;
        uint8_t *copy = malloc(now == 0 ? 1 : now);
        CHECK(copy != NULL);
        if (now != 0)
            memcpy(copy, wire, now);
        int error = rill_http_server_feed(server, copy, now);
        free(copy);
        wire += now;
        left -= now;
        CHECK(error == RILL_OK || error == RILL_ERR_CLOSED ||
              (error == RILL_ERR_NOMEM && fuzz_fault.failed > 0));
        CHECK(rill_http_server_open_count(server) >= open_count);
        step(&p);
        if (error != RILL_OK)
            break;
    }
    take_output(FEW);
    CHECK(fuzz_fault.peak < (size_t)8 << 20);
    rill_http_server_free(server);
    rill_blocks_clear(&blocks);
    CHECK(fuzz_fault.blocks == 0);
    return 0;
}

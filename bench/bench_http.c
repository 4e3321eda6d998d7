/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's and a server's end of HTTP in one process, on one core, with nothing between them but
 * memory: what both codecs cost together, for packets of a usual size. What is answered is what a
 * packet would be: a request of REQUEST bytes, a response of REPLY bytes.
 *
 * usage: bench_http REQUEST REPLY WINDOW SECONDS
 * Each line: HTTP/1.1 (one request at a time) and HTTP/2 (WINDOW of them), requests a second.
 */
#include <string.h>

#include "clock.h"
#include "http/client.h"

static rill_http_client *client;
static rill_http_server *server;
static size_t reply, answered, moved;
static uint8_t body[65536];

static const rill_http_field fields[] = {
    {{(const uint8_t *)"content-type", 12}, {(const uint8_t *)"application/octet-stream", 24}},
    {{(const uint8_t *)"authorization", 13},
     {(const uint8_t *)"Bearer 0123456789abcdef0123456789abcdef", 39}},
};

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    (void)owner;
    (void)m;
    rill_http_response r = {
        .status = 200, .fields = fields, .field_count = 1, .body = {body, reply}};
    bench_check(rill_http_respond(server, handle, &r), "rill_http_respond");
}

static void on_gone(void *owner, uint64_t handle)
{
    (void)owner;
    (void)handle;
    bench_check(-1, "a request has gone");
}

static void on_response(void *owner, uint64_t outgoing_id, const rill_http_message *m)
{
    (void)owner;
    (void)outgoing_id;
    bench_check(m->status == 200 && m->body_len == reply ? 0 : -1, "a response");
    answered++;
}

static void on_failed(void *owner, uint64_t outgoing_id, int error, bool sent)
{
    (void)owner;
    (void)outgoing_id;
    (void)sent;
    bench_check(error, "a request");
}

/* As a connection does it: all that waits leaves in one piece. */
static size_t move_all(bool to_server)
{
    static uint8_t wire[1 << 22];
    size_t len = 0;
    rill_bytes out;
    for (;;) {
        bench_check(to_server ? rill_http_client_output(client, &out)
                              : rill_http_server_output(server, &out),
                    "output");
        if (out.len == 0)
            break;
        bench_check(out.len <= sizeof wire - len ? 0 : -1, "a window that is too large");
        memcpy(wire + len, out.data, out.len);
        len += out.len;
    }
    bench_check(to_server ? rill_http_server_feed(server, wire, len)
                          : rill_http_client_feed(client, wire, len),
                "feed");
    moved += len;
    return len;
}

static void measure(const char *name, rill_http_protocol protocol, size_t request, size_t window,
                    uint64_t ns)
{
    static const rill_http_client_handlers on_client = {on_response, on_failed};
    static const rill_http_server_handlers on_server = {on_request, on_gone, NULL};
    rill_blocks blocks;
    rill_http_limits limits;
    rill_http_request r = {.method = {(const uint8_t *)"POST", 4},
                           .scheme = {(const uint8_t *)"http", 4},
                           .authority = {(const uint8_t *)"localhost:7770", 14},
                           .path = {(const uint8_t *)"/ilp", 4},
                           .fields = fields,
                           .field_count = 2,
                           .body = {body, request}};
    rill_blocks_init(&blocks, rill_allocator_default(), (size_t)64 << 20);
    rill_http_limits_init(&limits);
    bench_check(rill_http_client_new(&client, &blocks, &limits, protocol, &on_client, NULL),
                "rill_http_client_new");
    bench_check(rill_http_server_new(&server, &blocks, &limits, RILL_HTTP_AUTO, &on_server, NULL),
                "rill_http_server_new");
    answered = moved = 0;
    uint64_t start = bench_ns(CLOCK_MONOTONIC);
    while (bench_ns(CLOCK_MONOTONIC) - start < ns) {
        for (size_t i = 0; i < window && rill_http_client_room(client) != 0; i++)
            bench_check(rill_http_client_request(client, &r, i, NULL), "rill_http_client_request");
        while (move_all(true) + move_all(false) != 0)
            continue;
    }
    bench_rate(name, (double)answered, bench_ns(CLOCK_MONOTONIC) - start);
    printf("%s_bytes\t%.0f\n", name, answered == 0 ? 0 : (double)moved / (double)answered);
    rill_http_client_free(client);
    rill_http_server_free(server);
    rill_blocks_clear(&blocks);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    size_t request = (size_t)bench_number(argv[1]);
    size_t window = (size_t)bench_number(argv[3]);
    uint64_t ns = (uint64_t)(bench_number(argv[4]) * 1e9);
    reply = (size_t)bench_number(argv[2]);
    bench_check(request <= sizeof body && reply <= sizeof body ? 0 : -1, "64 KiB at most");
    measure("http1", RILL_HTTP_1, request, 1, ns);
    measure("http2", RILL_HTTP_2, request, window, ns);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP proxy that holds all bytes for a time, each way, and otherwise has unlimited bandwidth. So
 * a node nearby seems far away. It also holds back the news that a connection was made, since
 * making one takes a round trip.
 *
 * usage: bench_delay PORT MILLISECONDS
 *
 * It connects to 127.0.0.1:PORT and prints its own port.
 */
#include <stdbool.h>
#include <string.h>
#include <uv.h>

#include "clock.h"

typedef struct chunk {
    struct chunk *next;
    uint64_t due; /* nanoseconds */
    size_t len;   /* 0: the end */
    char data[];
} chunk;

typedef struct side {
    uv_tcp_t tcp; /* first */
    struct side *other;
    uv_timer_t timer; /* of what waits to be written here */
    chunk *first;
    chunk **last;
} side;

typedef struct write_request {
    uv_write_t request; /* first */
    chunk *chunk;
} write_request;

static uv_loop_t *loop;
static uint64_t delay_ns;
static struct sockaddr_in target;
static char block[1 << 20];

static void on_due(uv_timer_t *timer);

static void arm(side *s)
{
    uint64_t now = bench_ns(CLOCK_MONOTONIC);
    if (s->first == NULL)
        return;
    uint64_t ms = s->first->due > now ? (s->first->due - now + 999999) / 1000000 : 0;
    uv_update_time(loop);
    uv_timer_start(&s->timer, on_due, ms, 0);
}

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a side that is gone ends by its own end of file */
    write_request *w = (write_request *)request;
    free(w->chunk);
    free(w);
}

static void write_chunk(side *s, chunk *c)
{
    uv_buf_t buf = uv_buf_init(c->data, (unsigned)c->len);
    write_request *w = calloc(1, sizeof *w);
    bench_check(w ? 0 : -1, "memory");
    w->chunk = c;
    if (c->len == 0 && !uv_is_closing((uv_handle_t *)&s->tcp)) {
        uv_close((uv_handle_t *)&s->tcp, NULL);
        on_written(&w->request, 0);
    } else if (uv_is_closing((uv_handle_t *)&s->tcp) ||
               uv_write(&w->request, (uv_stream_t *)&s->tcp, &buf, 1, on_written) != 0) {
        on_written(&w->request, -1);
    }
}

static void on_due(uv_timer_t *timer)
{
    side *s = timer->data;
    while (s->first && s->first->due <= bench_ns(CLOCK_MONOTONIC)) {
        chunk *c = s->first;
        s->first = c->next;
        if (s->first == NULL)
            s->last = &s->first;
        write_chunk(s, c);
    }
    arm(s);
}

static void hold(side *to, const char *data, size_t len)
{
    chunk *c = malloc(sizeof *c + len);
    bench_check(c ? 0 : -1, "memory");
    *c = (chunk){.due = bench_ns(CLOCK_MONOTONIC) + delay_ns, .len = len};
    memcpy(c->data, data, len);
    bool idle = to->first == NULL;
    *to->last = c;
    to->last = &c->next;
    if (idle)
        arm(to);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(block, sizeof block);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    side *from = (side *)stream;
    if (len > 0) {
        hold(from->other, buf->base, (size_t)len);
    } else if (len < 0) {
        uv_read_stop(stream);
        hold(from->other, "", 0);
        if (!uv_is_closing((uv_handle_t *)stream))
            uv_close((uv_handle_t *)stream, NULL);
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    side *s = (side *)request->handle;
    free(request);
    bench_check(status, "connecting to the node");
    uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&s->other->tcp, on_alloc, on_read);
}

static side *side_new(void)
{
    side *s = calloc(1, sizeof *s);
    bench_check(s ? 0 : -1, "memory");
    uv_tcp_init(loop, &s->tcp);
    uv_tcp_nodelay(&s->tcp, 1);
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->last = &s->first;
    return s;
}

/*
 * The first bytes of a real connection leave one round trip after it was asked for. Here the
 * connection is made at once, so that round trip is added before the first read.
 */
static void on_handshake(uv_timer_t *timer)
{
    side *client = timer->data;
    uv_connect_t *request = malloc(sizeof *request);
    bench_check(request ? 0 : -1, "memory");
    uv_tcp_connect(request, &client->other->tcp, (const struct sockaddr *)&target, on_connected);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status != 0)
        return;
    side *client = side_new(), *node = side_new();
    client->other = node;
    node->other = client;
    bench_check(uv_accept(listener, (uv_stream_t *)&client->tcp), "accepting");
    uv_timer_start(&client->timer, on_handshake, 2 * delay_ns / 1000000, 0);
}

int main(int argc, char **argv)
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    int len = sizeof address;

    if (argc != 3)
        return 2;
    delay_ns = (uint64_t)(bench_number(argv[2]) * 1e6);
    loop = uv_default_loop();
    uv_ip4_addr("127.0.0.1", (int)bench_number(argv[1]), &target);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    bench_check(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0), "bind");
    bench_check(uv_listen((uv_stream_t *)&listener, 128, on_connection), "listen");
    bench_check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len), "getsockname");
    printf("%d\n", (address.sin_port & 0xff) << 8 | address.sin_port >> 8);
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}

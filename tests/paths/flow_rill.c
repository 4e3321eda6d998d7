/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include "../sim/report.h"
#include "../sim/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_MS    UINT64_C(1767225600000)
#define FIRST_TIME RILL_SECOND /* value of the monotonic clock at virtual time 0 */

typedef struct end {
    struct paths_flow *flow;
    rill_endpoint *endpoint;
    paths_port port;
    uint64_t timer;
    bool server;
} end;

typedef struct paths_flow {
    paths *path;
    paths_work work;
    uint64_t start;
    uint64_t written;
    uint64_t read;
    end ends[2];
    rill_connection *connection;
    rill_stream *streams[PATHS_MAX_STREAMS];
    paths_result result;
    uint8_t packet[RILL_PACKET_BUFFER];
} paths_flow;

static void must(int error)
{
    if (error == RILL_OK)
        return;
    fprintf(stderr, "paths: %s\n", rill_error_name(error));
    exit(1);
}

static rill_now now_of(const paths_flow *f)
{
    uint64_t now = f->path->queue.now;
    return (rill_now){now + FIRST_TIME, WALL_MS + now / RILL_MS};
}

static uint64_t since_start(const paths_flow *f)
{
    return f->path->queue.now - f->start;
}

static void feed(paths_flow *f)
{
    static const uint8_t zeros[65536];
    while (f->written < f->work.bytes) {
        uint64_t left = f->work.bytes - f->written;
        size_t accepted = 0;
        int error = rill_stream_write(
            f->streams[0], zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros), &accepted);
        f->written += accepted;
        if (error != RILL_OK)
            return;
    }
}

static void drain(paths_flow *f, rill_stream *s)
{
    for (rill_bytes b = rill_stream_peek(s); b.len > 0; b = rill_stream_peek(s)) {
        f->read += b.len;
        rill_stream_consume(s, b.len);
    }
    if (f->work.bytes > 0 && f->read >= f->work.bytes && f->result.done_ns == 0)
        f->result.done_ns = since_start(f);
}

static void event(end *n, const rill_event *e)
{
    paths_flow *f = n->flow;
    if (n->server) {
        if (e->type == RILL_EVENT_DATA)
            drain(f, e->stream);
        return;
    }
    if (e->type == RILL_EVENT_OUTGOING_MONEY) {
        if (f->result.first_ns == 0)
            f->result.first_ns = since_start(f);
        f->result.fulfilled += e->amount;
        for (unsigned i = 0; i < PATHS_MAX_STREAMS; i++)
            if (f->streams[i] == e->stream)
                f->result.stream[i] += e->amount;
    } else if (e->type == RILL_EVENT_WRITABLE) {
        feed(f);
    } else if (e->type == RILL_EVENT_SEND_TOTAL_END) {
        f->result.done_ns = since_start(f);
        f->result.error = e->error;
    } else if (e->type == RILL_EVENT_CONNECTION_END) {
        f->result.error = e->error;
        f->connection = NULL;
    }
}

static void turn(end *n);

static void timer_fires(void *context, uint64_t generation)
{
    end *n = context;
    if (generation != n->timer)
        return;
    rill_endpoint_timeout(n->endpoint, now_of(n->flow));
    turn(n);
}

static bool send_one(end *n)
{
    paths_flow *f = n->flow;
    size_t len = 0;
    uint64_t request = 0;
    must(rill_endpoint_next_prepare(n->endpoint, now_of(f), f->packet, &len, &request));
    if (len == 0)
        return false;
    sim_packet p = sim_packet_parse(f->packet, len);
    f->result.packets += !n->server;
    paths_send(f->path, &n->port, &f->ends[n->server ? 0 : 1].port, !n->server, request,
               sim_packet_amount(&p), f->packet, len);
    return true;
}

static void turn(end *n)
{
    rill_event e;
    bool more = true;
    while (more) {
        more = false;
        while (rill_endpoint_next_event(n->endpoint, &e)) {
            event(n, &e);
            more = true;
        }
        while (send_one(n))
            more = true;
    }
    uint64_t at = rill_endpoint_deadline(n->endpoint);
    n->timer++;
    if (at != RILL_NEVER)
        sim_queue_put(&n->flow->path->queue, at > FIRST_TIME ? at - FIRST_TIME : 0, timer_fires, n,
                      n->timer, NULL);
}

static void on_prepare(void *user, paths_packet *m)
{
    end *n = user;
    paths_flow *f = n->flow;
    size_t len = 0;
    must(rill_endpoint_receive_prepare(n->endpoint, now_of(f), m->request, m->bytes, m->len,
                                       f->packet, &len));
    if (n->server && sim_packet_parse(f->packet, len).type == SIM_FULFILL)
        f->result.delivered += m->amount;
    paths_answer(m, f->packet, len);
    turn(n);
}

static void on_reply(void *user, uint64_t request, uint8_t *packet, size_t len)
{
    end *n = user;
    int error = rill_endpoint_receive_reply(n->endpoint, now_of(n->flow), request, packet, len);
    if (error != RILL_ERR_NOT_FOUND)
        must(error);
    turn(n);
}

static void begin(void *context, uint64_t argument)
{
    paths_flow *f = context;
    const paths_work *w = &f->work;
    rill_connection_options o;
    rill_credentials credentials;
    (void)argument;
    rill_connection_options_init(&o);
    if (w->rate_given)
        o.min_rate = (rill_ratio){99, 100};
    if (w->max_packet != 0)
        o.max_packet_amount = w->max_packet;
    if (w->window != 0)
        o.max_in_flight = w->window;
    must(rill_endpoint_generate_credentials(f->ends[1].endpoint, NULL, &credentials));
    must(rill_endpoint_connect(f->ends[0].endpoint, now_of(f), credentials.destination_account,
                               credentials.shared_secret, sizeof(credentials.shared_secret), &o,
                               &f->connection));
    for (unsigned i = 0; i < w->streams; i++) {
        must(rill_connection_open_stream(f->connection, &f->streams[i]));
        must(rill_stream_set_weight(f->streams[i], i + 1));
        if (w->total == RILL_UNLIMITED)
            must(rill_stream_set_send_max(f->streams[i], UINT64_C(1) << 50));
        else if (w->total > 0)
            must(rill_stream_send_total(f->streams[i], w->total, RILL_NEVER));
    }
    feed(f);
    turn(&f->ends[0]);
}

static void make_end(paths_flow *f, unsigned i, unsigned flow)
{
    end *n = &f->ends[i];
    char address[32];
    rill_endpoint_options o;
    rill_endpoint_options_init(&o);
    int len = snprintf(address, sizeof(address), "test.%s%u", i == 1 ? "server" : "client", flow);
    must(rill_endpoint_new(&n->endpoint, &o));
    must(rill_endpoint_set_account(n->endpoint, (rill_bytes){(const uint8_t *)address, (size_t)len},
                                   (rill_bytes){(const uint8_t *)"XRP", 3}, 9));
    n->flow = f;
    n->server = i == 1;
    n->port = (paths_port){n, flow, on_prepare, on_reply};
}

static void *create(paths *p, unsigned flow, uint64_t start, const paths_work *work)
{
    paths_flow *f = sim_allocate(sizeof(*f));
    memset(f, 0, sizeof(*f));
    f->path = p;
    f->work = *work;
    f->work.streams = work->streams > 0 ? work->streams : 1;
    f->start = start;
    make_end(f, 0, flow);
    make_end(f, 1, flow);
    sim_queue_put(&p->queue, start, begin, f, 0, NULL);
    return f;
}

static void destroy(void *flow)
{
    paths_flow *f = flow;
    rill_endpoint_free(f->ends[0].endpoint);
    rill_endpoint_free(f->ends[1].endpoint);
    free(f);
}

static void result(const void *flow, paths_result *out)
{
    *out = ((const paths_flow *)flow)->result;
}

const paths_sender paths_rill = {"rill", create, destroy, result};

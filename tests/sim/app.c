/* SPDX-License-Identifier: Apache-2.0 */
#include "app_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sim_app *sim_app_new(sim_host *h, const sim_app_config *config, uint64_t seed,
                     const rill_connection_options *options)
{
    sim_app *a = sim_allocate(sizeof(*a));
    memset(a, 0, sizeof(*a));
    a->host = h;
    a->report = h->report;
    a->config = *config;
    a->options = *options;
    sim_rng_seed(&a->rng, seed, 200 + h->index);
    return a;
}

void sim_app_free(sim_app *a)
{
    if (a == NULL)
        return;
    for (unsigned i = 0; i < a->stream_count; i++)
        free(a->streams[i]);
    free(a->streams);
    free(a->decisions);
    free(a);
}

bool sim_app_no_memory(const sim_app *a, int error)
{
    return error == RILL_ERR_NOMEM && a->host->memory.refused != 0;
}

void sim_app_unexpected(sim_app *a, const char *what, int error)
{
    if (!sim_app_no_memory(a, error))
        sim_violation(a->report, "host %u: %s: %s", a->host->index, what, rill_error_name(error));
}

void sim_app_connected(sim_app *a, unsigned pair, rill_connection *c)
{
    sim_ledger *l = &a->host->books->ledgers[pair];
    l->connection = c;
    l->any_sequence = false; /* it has numbers of its own */
    if (a->host->server)
        l->client_life = l->coming_life;
    else
        l->client_life = a->host->books->directory->pairs[pair].life;
    /*
     * A server's connection begins with its client's packet. The server's application may hear of
     * it much later.
     */
    if (!a->host->server || l->last_ns == 0)
        l->last_ns = sim_host_now(a->host).mono_ns;
    l->min_rate = a->options.min_rate;
    l->max_packet_amount = a->options.max_packet_amount;
    a->connections[pair] = c;
    rill_connection_set_user(c, (void *)((uintptr_t)pair + 1));
}

sim_app_stream *sim_app_add(sim_app *a, unsigned pair, rill_stream *stream)
{
    if (a->stream_count == a->stream_capacity) {
        a->stream_capacity = a->stream_capacity == 0 ? 16 : a->stream_capacity * 2;
        a->streams = sim_reallocate(a->streams, a->stream_capacity * sizeof(sim_app_stream *));
    }
    unsigned known = sim_books_known(a->host->books, pair);
    sim_app_stream *s = sim_allocate(sizeof(*s));
    *s = (sim_app_stream){.app = a,
                          .stream = stream,
                          .pair = pair,
                          .id = rill_stream_id(stream),
                          .life = sim_books_written(a->host->books, known),
                          .client_life = a->host->books->ledgers[known].client_life,
                          .slow = sim_rng_chance(&a->rng, a->config.slow_reader)};
    if (s->slow)
        sim_count(a->report, SIM_SLOW_READER);
    a->streams[a->stream_count++] = s;
    rill_stream_set_user(stream, s);
    sim_books_stream_opened(a->host->books, pair, stream);
    sim_trace(a->report, "host %u connection %u stream %" PRIu64 " opened", a->host->index, pair,
              s->id);
    return s;
}

/* ---- bytes ---- */

void sim_app_write(sim_app_stream *s)
{
    sim_app *a = s->app;
    uint8_t bytes[2048];
    while (s->stream != NULL && s->written < s->to_write) {
        uint64_t left = s->to_write - s->written;
        size_t n = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = sim_pattern_of_life(a->host->books->pattern, s->life, s->pair,
                                           a->host->server, s->id, s->written + i);
        size_t accepted = 0;
        size_t room = rill_stream_writable(s->stream);
        int error = rill_stream_write(s->stream, bytes, n, &accepted);
        if (error == RILL_ERR_BLOCKED || error == RILL_ERR_CLOSED) {
            if (error == RILL_ERR_BLOCKED && room != 0)
                sim_violation(a->report, "host %u: blocked with room for %zu", a->host->index,
                              room);
            return;
        }
        if (error != RILL_OK || accepted == 0 || accepted > n) {
            sim_app_unexpected(a, "rill_stream_write", error);
            return;
        }
        s->written += accepted;
        if (accepted < n)
            return;
    }
}

/* A rogue writes one place in several ways. Each byte must be from one of them. */
static bool right_byte(const sim_app_stream *s, uint8_t byte, uint64_t at)
{
    const sim_books *b = s->app->host->books;
    for (unsigned v = 0; v < SIM_VERSIONS; v++)
        if (byte == sim_pattern(sim_pattern_version(b->pattern, v), s->pair, !b->server, s->id, at))
            return true;
    return b->directory->scrawls;
}

static bool are_of_life(const sim_app_stream *s, rill_bytes bytes, unsigned life)
{
    const sim_books *b = s->app->host->books;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] !=
            sim_pattern_of_life(b->pattern, life, s->pair, !b->server, s->id, s->read + i))
            return false;
    return true;
}

/* The bytes of a restarted process are not those of the process before it. */
static bool find_life(sim_app_stream *s, rill_bytes bytes)
{
    if (s->from_known)
        return are_of_life(s, bytes, s->from_life);
    for (s->from_life = 0; s->from_life < SIM_LIVES; s->from_life++) {
        s->from_known = are_of_life(s, bytes, s->from_life);
        if (s->from_known)
            return true;
    }
    return false;
}

static void check_bytes(sim_app_stream *s, rill_bytes bytes)
{
    const sim_books *b = s->app->host->books;
    if (!sim_books_by_rogue(b, s->pair)) {
        if (!find_life(s, bytes))
            sim_violation(s->app->report,
                          "host %u stream %" PRIu64 ": bytes from %" PRIu64 " on are wrong",
                          b->host, s->id, s->read);
        return;
    }
    for (size_t i = 0; i < bytes.len; i++)
        if (!right_byte(s, bytes.data[i], s->read + i)) {
            sim_violation(s->app->report, "host %u stream %" PRIu64 ": byte %" PRIu64 " is wrong",
                          b->host, s->id, s->read + i);
            return;
        }
}

static void read_later(void *context, uint64_t argument)
{
    (void)argument;
    sim_app_stream *s = context;
    sim_app *a = s->app;
    s->reading = false;
    if (sim_host_is_busy(a->host)) {
        sim_app_read_later(s);
        return;
    }
    if (a->report->failed || s->stream == NULL)
        return;
    if (a->host->asleep) {
        sim_app_read_later(s);
        return;
    }
    sim_host_enter(a->host);
    sim_app_read(s, (size_t)sim_rng_magnitude(&a->rng, 1, 20000));
    if (rill_stream_peek(s->stream).len != 0)
        sim_app_read_later(s);
    sim_host_acted(a->host);
}

void sim_app_read_later(sim_app_stream *s)
{
    sim_app *a = s->app;
    if (s->reading)
        return;
    s->reading = true;
    uint64_t wait = sim_rng_magnitude(&a->rng, 1, 500) * RILL_MS;
    sim_queue_put(a->host->queue, a->host->queue->now + wait, read_later, s, 0, NULL);
}

void sim_app_read(sim_app_stream *s, size_t most)
{
    sim_app *a = s->app;
    while (most > 0 && !a->report->failed) {
        rill_bytes bytes = rill_stream_peek(s->stream);
        if (bytes.len == 0)
            break;
        if (bytes.len > most)
            bytes.len = most;
        check_bytes(s, bytes);
        rill_stream_consume(s->stream, bytes.len);
        s->read += bytes.len;
        sim_books_read(a->host->books, s->pair, s->id, bytes.len);
        most -= bytes.len;
    }
}

/* ---- decisions ---- */

void sim_app_decide(sim_app *a, uint64_t index)
{
    sim_decision *d = &a->decisions[index];
    sim_host *h = a->host;
    size_t len = 0;
    bool fulfilled = false;
    d->made = true;
    rill_now now = sim_host_now(h);
    int error = rill_endpoint_decide(h->endpoint, now, d->decision, d->fulfill, h->packet, &len,
                                     &fulfilled);
    sim_trace(a->report, "host %u decides %s: %s", h->index, d->fulfill ? "yes" : "no",
              error != RILL_OK ? rill_error_name(error)
              : fulfilled      ? "fulfilled"
                               : "rejected");
    if (error != RILL_OK) {
        /*
         * Each packet that the application was asked about can be answered once, whatever became of
         * its connection.
         */
        sim_app_unexpected(a, "rill_endpoint_decide", error);
        return;
    }
    if (len == 0) {
        sim_violation(a->report, "host %u: a decision without a reply", h->index);
        return;
    }
    sim_packet p = sim_packet_parse(h->packet, len);
    if (fulfilled != (p.type == SIM_FULFILL) || (fulfilled && !d->fulfill))
        sim_violation(a->report, "host %u: a decision and its reply differ", h->index);
    sim_host_answer(h, d->request, h->packet, len);
    size_t again_len = 0;
    error = rill_endpoint_decide(h->endpoint, now, d->decision, true, h->packet, &again_len, NULL);
    if (error != RILL_ERR_NOT_FOUND)
        sim_violation(a->report, "host %u: a decision was taken twice", h->index);
}

void sim_app_answer_all(sim_app *a, unsigned pair)
{
    for (uint64_t i = 0; i < a->decision_count && !a->report->failed; i++)
        if (a->decisions[i].pair == pair && !a->decisions[i].made)
            sim_app_decide(a, i);
}

/* ---- actions ---- */

static sim_app_stream *any_stream(sim_app *a)
{
    sim_app_stream *live[64];
    unsigned count = 0;
    for (unsigned i = 0; i < a->stream_count && count < 64; i++)
        if (a->streams[i]->stream != NULL && !a->streams[i]->closed)
            live[count++] = a->streams[i];
    return count == 0 ? NULL : live[sim_rng_below(&a->rng, count)];
}

static bool may_fail(int error)
{
    return error == RILL_OK || error == RILL_ERR_CLOSED;
}

static void open_stream(sim_app *a)
{
    unsigned pair = (unsigned)sim_rng_below(&a->rng, SIM_MAX_PAIRS);
    for (unsigned i = 0; i < SIM_MAX_PAIRS && a->connections[pair] == NULL; i++)
        pair = (pair + 1) % SIM_MAX_PAIRS;
    unsigned open = 0;
    for (unsigned i = 0; i < a->stream_count; i++)
        open += a->streams[i]->stream != NULL;
    if (a->connections[pair] == NULL || open >= a->config.max_streams)
        return;
    rill_stream *s;
    int error = rill_connection_open_stream(a->connections[pair], &s);
    if (error == RILL_OK)
        sim_app_add(a, pair, s);
    else if (error != RILL_ERR_CLOSED && error != RILL_ERR_STREAM_ID)
        sim_app_unexpected(a, "rill_connection_open_stream", error);
}

static void pay(sim_app *a, sim_app_stream *s)
{
    if (!a->config.pays || a->enough || s->ending)
        return;
    sim_stream_book *book = sim_books_app_stream(a->host->books, s->pair, s->id);
    uint64_t more = sim_rng_magnitude(&a->rng, a->config.amount_low, a->config.amount_high);
    uint64_t total = book->send_bound + more;
    bool plain = s->sending || sim_rng_chance(&a->rng, 300);
    uint64_t now = sim_host_now(a->host).mono_ns;
    uint64_t deadline = RILL_NEVER;
    if (sim_rng_chance(&a->rng, a->config.timeouts))
        deadline = now + sim_rng_magnitude(
                             &a->rng, 1,
                             a->config.timeout_high_ms != 0 ? a->config.timeout_high_ms : 5000) *
                             RILL_MS;
    if (deadline != RILL_NEVER)
        sim_count(a->report, SIM_TIMEOUTS);
    int error = plain ? rill_stream_set_send_max(s->stream, total)
                      : rill_stream_send_total(s->stream, total, deadline);
    sim_trace(a->report, "host %u stream %" PRIu64 " pays up to %" PRIu64 ": %d", a->host->index,
              s->id, total, error);
    if (!may_fail(error))
        sim_app_unexpected(a, plain ? "rill_stream_set_send_max" : "rill_stream_send_total", error);
    if (error != RILL_OK)
        return;
    sim_count(a->report, SIM_PAYS);
    book->send_bound = total;
    if (plain)
        return;
    s->sending = true;
    s->send_total = total;
    s->send_deadline = deadline;
}

/* Lowers it to what has left. One unit less must be refused. */
static void lower(sim_app *a, sim_app_stream *s)
{
    if (s->sending || s->ending)
        return;
    rill_stream_totals t;
    rill_stream_get_totals(s->stream, &t);
    uint64_t least = t.sent + t.in_flight;
    int error = least == 0 ? RILL_ERR_RANGE : rill_stream_set_send_max(s->stream, least - 1);
    if (error != RILL_ERR_RANGE && error != RILL_ERR_CLOSED)
        sim_app_unexpected(a, "rill_stream_set_send_max below what is sent", error);
    error = rill_stream_set_send_max(s->stream, least);
    if (!may_fail(error))
        sim_app_unexpected(a, "rill_stream_set_send_max to what is sent", error);
    if (error == RILL_OK)
        sim_books_app_stream(a->host->books, s->pair, s->id)->send_bound = least;
    sim_count(a->report, SIM_LOWERS);
}

static void raise_receive(sim_app *a, sim_app_stream *s)
{
    sim_stream_book *book = sim_books_app_stream(a->host->books, s->pair, s->id);
    if (book->receive_max == RILL_UNLIMITED)
        return;
    uint64_t more = sim_rng_magnitude(&a->rng, a->config.amount_low, a->config.amount_high);
    uint64_t total = book->receive_max + more;
    sim_count(a->report, SIM_RAISES);
    if (!s->receiving && sim_rng_chance(&a->rng, 400)) {
        uint64_t now = sim_host_now(a->host).mono_ns;
        s->receive_deadline = now + sim_rng_magnitude(&a->rng, 1, 8000) * RILL_MS;
        int error = rill_stream_receive_total(s->stream, total, s->receive_deadline);
        if (!may_fail(error))
            sim_app_unexpected(a, "rill_stream_receive_total", error);
        if (error != RILL_OK)
            return;
        s->receiving = true;
        sim_trace(a->report,
                  "host %u connection %u stream %" PRIu64 " waits for %" PRIu64 " in all",
                  a->host->index, s->pair, s->id, total);
        s->receive_total = total;
    } else {
        int error = rill_stream_set_receive_max(s->stream, total);
        if (!may_fail(error))
            sim_app_unexpected(a, "rill_stream_set_receive_max", error);
        if (error != RILL_OK)
            return;
    }
    book->receive_max = total;
}

static void write_some(sim_app *a, sim_app_stream *s)
{
    /* Models of peers take no bytes. */
    if (a->config.data_high == 0 || s->ending ||
        a->host->books->directory->pairs[sim_pair_of(s->pair)].stands_in)
        return;
    sim_count(a->report, SIM_DATA);
    s->to_write += sim_rng_magnitude(&a->rng, 1, a->config.data_high);
    sim_app_write(s);
}

static void end_stream(sim_app *a, sim_app_stream *s)
{
    /* What is not accepted yet could not be written after this. */
    if (s->ending || s->written < s->to_write)
        return;
    int error = rill_stream_end(s->stream);
    sim_trace(a->report, "host %u stream %" PRIu64 " end: %d", a->host->index, s->id, error);
    if (!may_fail(error))
        sim_app_unexpected(a, "rill_stream_end", error);
    s->ending = error == RILL_OK;
    sim_books_app_stream(a->host->books, s->pair, s->id)->over |= s->ending;
    sim_count(a->report, SIM_ENDS);
}

static void set_weight(sim_app *a, sim_app_stream *s)
{
    int error = rill_stream_set_weight(s->stream, (uint32_t)sim_rng_magnitude(&a->rng, 1, 256));
    if (!may_fail(error))
        sim_app_unexpected(a, "rill_stream_set_weight", error);
    sim_count(a->report, SIM_WEIGHTS);
}

static void close_stream(sim_app *a, sim_app_stream *s)
{
    sim_trace(a->report, "host %u stream %" PRIu64 " close", a->host->index, s->id);
    bool error = sim_rng_chance(&a->rng, 500);
    s->closed = true;
    sim_books_app_stream(a->host->books, s->pair, s->id)->over = true;
    sim_count(a->report, SIM_CLOSES);
    rill_stream_close(s->stream, error ? RILL_CLOSE_APPLICATION_ERROR : RILL_CLOSE_NO_ERROR,
                      error ? "enough" : NULL);
}

/* A payment under way, or an end that waits for one, is over only with its stream. */
void sim_app_enough(sim_app *a)
{
    a->enough = true;
    for (unsigned i = 0; i < a->stream_count; i++) {
        sim_app_stream *s = a->streams[i];
        if (s->stream == NULL || s->closed)
            continue;
        rill_stream_totals t;
        rill_stream_get_totals(s->stream, &t);
        if (t.sent + t.in_flight >= t.send_max)
            continue;
        if (s->sending || s->ending)
            close_stream(a, s);
        else
            lower(a, s);
    }
}

static void one_action(sim_app *a)
{
    const sim_app_config *c = &a->config;
    sim_app_stream *s = any_stream(a);
    uint64_t kind = sim_rng_below(&a->rng, 100);
    if (s == NULL || kind < 15) {
        open_stream(a);
        return;
    }
    if (sim_rng_chance(&a->rng, c->closes))
        close_stream(a, s);
    else if (sim_rng_chance(&a->rng, c->ends))
        end_stream(a, s);
    else if (sim_rng_chance(&a->rng, c->lowers))
        lower(a, s);
    else if (sim_rng_chance(&a->rng, c->weights))
        set_weight(a, s);
    else if (kind < 50)
        pay(a, s);
    else if (kind < 80)
        write_some(a, s);
    else if (kind < 90 && c->raises)
        raise_receive(a, s);
}

static void act(void *context, uint64_t argument)
{
    (void)argument;
    sim_app *a = context;
    if (a->report->failed || a->settling || a->host->endpoint == NULL || a->host->asleep)
        return;
    if (sim_host_is_busy(a->host)) {
        sim_queue_put(a->host->queue, a->host->busy_until, act, a, 0, NULL);
        return;
    }
    sim_host_enter(a->host);
    one_action(a);
    sim_host_acted(a->host);
}

void sim_app_start(sim_app *a)
{
    for (unsigned i = 0; i < a->config.actions; i++) {
        /* Many at once, and many close to the start, since limits are not known yet there. */
        uint64_t span = sim_rng_chance(&a->rng, 400) ? RILL_SECOND / 20 : a->config.duration;
        uint64_t at = a->host->queue->now + sim_rng_below(&a->rng, span + 1);
        sim_queue_put(a->host->queue, at, act, a, 0, NULL);
    }
}

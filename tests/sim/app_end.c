/* SPDX-License-Identifier: Apache-2.0 */
/* How the application comes to an end, and whether everything that it asked for was done. */
#include "app_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "../oracle.h"
#include "stream/core/endpoint_internal.h"

/* Number of packets of the smallest size that is worth one. */
#define DUST 4U
/* Units of a packet, ours or theirs, of which rounding may take one too many. */
#define FEW 20000U

void sim_app_hasten(sim_app *a)
{
    a->config.blocks = 0;
}

void sim_app_settle(sim_app *a)
{
    a->settling = true;
    /*
     * An undecided packet keeps its place until it expires. That can take hours if a wall clock had
     * gone back, or if a connector changed the expiry. So an application that never decides does so
     * now.
     */
    for (uint64_t i = 0; i < a->decision_count; i++)
        if (!a->decisions[i].made && (!a->decisions[i].never || a->decisions[i].expires_late))
            sim_app_decide(a, i);
    for (unsigned i = 0; i < a->stream_count; i++) {
        sim_app_stream *s = a->streams[i];
        if (s->stream == NULL)
            continue;
        s->slow = false;
        sim_app_read(s, SIZE_MAX);
        sim_app_write(s);
        int error = rill_stream_set_receive_max(s->stream, RILL_UNLIMITED);
        if (error != RILL_OK && error != RILL_ERR_CLOSED)
            sim_app_unexpected(a, "rill_stream_set_receive_max", error);
        sim_books_app_stream(a->host->books, s->pair, s->id)->receive_max = RILL_UNLIMITED;
    }
}

/*
 * Only the last packet may use up the unit that may be missing in the end. A packet before it keeps
 * the minimum by itself. With small packets, or packets that bring little, rounding decides whether
 * some size does. Otherwise we assume that one does.
 */
static bool some_packet_keeps(const sim_spare *spare, const sim_route *r, uint64_t largest)
{
    uint64_t most = sim_path_delivers(r->path, r->side, largest);
    for (uint64_t i = 1; i <= FEW && i <= most && i <= largest; i++) {
        uint64_t needs = sim_path_needs(r->path, r->side, i);
        if ((needs <= largest && sim_spare_bears(spare, needs, i, false)) ||
            sim_spare_bears(spare, i, sim_path_delivers(r->path, r->side, i), false))
            return true;
    }
    return most > FEW && largest > FEW;
}

/*
 * The path leaves nothing of what a stream still has to send, or so little that even one packet
 * would bring less than the minimum of the stream or of its connection: other packets may have used
 * up the unit that may be missing. Or it is too much for one packet, and no size that the path
 * takes is good enough for the first one.
 */
static bool is_worthless(sim_app *a, const sim_app_stream *s, uint64_t left)
{
    const rill_connection *c = rill_stream_connection(s->stream);
    const sim_route *r = sim_host_route(a->host, rill_connection_remote_address(c));
    if (r == NULL || r->path == NULL)
        return false;
    sim_spare spare = sim_books_spare(a->host->books, s->pair, s->id);
    uint64_t brings = sim_path_delivers(r->path, r->side, left);
    if (brings == 0)
        return true;
    if (spare.rate.num == 0) /* nothing of the connection has left */
        return false;
    if (!sim_spare_bears(&spare, left, brings, true))
        return true;
    uint64_t largest = sim_path_largest(r->path, r->side);
    if (a->options.max_packet_amount < largest)
        largest = a->options.max_packet_amount;
    return left > largest && !some_packet_keeps(&spare, r, largest);
}

static bool stream_waits(sim_app *a, const sim_app_stream *s)
{
    rill_stream_totals t;
    rill_stream_offsets o;
    rill_stream_get_totals(s->stream, &t);
    rill_stream_get_offsets(s->stream, &o);
    /* Do not wait for money in doubt for good. Wait for money about which the receiver is asked. */
    uint64_t for_good = s->stream->out->money.abandoned;
    /* Nor for a few packets of which rounding may leave nothing. */
    uint64_t dust = DUST * rill_rate_grain(&s->stream->connection->path->rate);
    bool money = !a->config.hostile &&
                 (t.sent + for_good + dust < t.send_max || t.in_flight > for_good) &&
                 (t.in_flight > for_good || !is_worthless(a, s, t.send_max - t.sent - for_good));
    bool waits = s->sending || money || o.answered < o.written || s->written < s->to_write ||
                 o.consumed < o.received;
    if (waits)
        snprintf(a->waits, sizeof(a->waits),
                 "host %u stream %" PRIu64 ": %" PRIu64 " of %" PRIu64 " units (%" PRIu64
                 " in flight), %" PRIu64 " of %" PRIu64 " bytes, SENT %s",
                 a->host->index, s->id, t.sent, t.send_max, t.in_flight, o.acknowledged,
                 s->to_write, s->sending ? "is missing" : "is done");
    return waits;
}

const char *sim_app_waits_for(sim_app *a)
{
    for (unsigned i = 0; i < a->stream_count; i++)
        if (a->streams[i]->stream != NULL && !a->streams[i]->closed &&
            !sim_books_by_rogue(a->host->books, a->streams[i]->pair) &&
            stream_waits(a, a->streams[i]))
            return a->waits;
    return NULL;
}

uint64_t sim_app_progress(const sim_app *a)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < a->stream_count; i++) {
        const sim_app_stream *s = a->streams[i];
        if (s->stream == NULL) {
            sum++;
            continue;
        }
        rill_stream_totals t;
        rill_stream_offsets o;
        rill_stream_get_totals(s->stream, &t);
        rill_stream_get_offsets(s->stream, &o);
        sum += t.sent + t.received + o.answered + o.consumed;
    }
    return sum;
}

void sim_app_check_deadlines(sim_app *a)
{
    const sim_host *h = a->host;
    uint64_t now = sim_host_now(h).mono_ns;
    for (unsigned i = 0; i < a->stream_count; i++) {
        const sim_app_stream *s = a->streams[i];
        if (s->stream == NULL)
            continue;
        bool sent = s->sending && s->send_deadline < now;
        bool received = s->receiving && s->receive_deadline < now;
        uint64_t deadline = sent ? s->send_deadline : s->receive_deadline;
        /* If its host came too late for an event, the core has not forgotten it. */
        if ((sent || received) && now - deadline > h->timer_lag + h->blocked + RILL_MS)
            sim_violation(a->report,
                          "host %u stream %" PRIu64 ": %s is not told %" PRIu64
                          " ms after its deadline",
                          h->index, s->id, sent ? "SENT" : "RECEIVED", (now - deadline) / RILL_MS);
    }
}

void sim_app_dying(sim_app *a)
{
    const sim_books *b = a->host->books;
    for (unsigned i = 0; i < SIM_MAX_PAIRS; i++)
        if (sim_books_known(b, i) != i)
            a->unheard[i] |= 1U << b->ledgers[i].client_life;
    for (unsigned i = 0; i < a->stream_count; i++) {
        sim_app_stream *s = a->streams[i];
        rill_stream_offsets o;
        if (s->stream == NULL)
            continue;
        rill_stream_get_offsets(s->stream, &o);
        s->got = o.received;
        s->given = o.received;
        s->told = o.acknowledged;
    }
}

void sim_app_crash(sim_app *a)
{
    for (unsigned i = 0; i < a->stream_count; i++) {
        a->streams[i]->crashed = a->streams[i]->crashed || a->streams[i]->stream != NULL;
        a->streams[i]->stream = NULL;
    }
    for (unsigned i = 0; i < SIM_MAX_PAIRS; i++) {
        a->connections[i] = NULL;
        a->watches[i] = (sim_watch){0};
        a->ended[i] = false;
        a->closing[i] = false;
        a->undone[i] = a->excused[i] = false;
    }
    for (uint64_t i = 0; i < a->decision_count; i++)
        a->decisions[i].made = true;
}

void sim_app_finish(sim_app *a)
{
    if (!a->host->server || sim_rng_chance(&a->rng, 100)) {
        /* Ends some by hand, before the end of their connection. */
        for (unsigned i = 0; i < a->stream_count; i++) {
            sim_app_stream *s = a->streams[i];
            if (s->stream == NULL || s->ending || !sim_rng_chance(&a->rng, 500))
                continue;
            int error = rill_stream_end(s->stream);
            s->ending = error == RILL_OK;
            sim_books_app_stream(a->host->books, s->pair, s->id)->over |= s->ending;
        }
        for (unsigned i = 0; i < SIM_MAX_PAIRS; i++) {
            if (a->connections[i] == NULL)
                continue;
            a->closing[i] = true;
            a->host->books->ledgers[sim_books_known(a->host->books, i)].ending = true;
            /* A server that stops answers T99 to clients that it has not heard of yet. */
            bool all = !a->host->server && sim_rng_chance(&a->rng, 500);
            int error = all ? RILL_OK : rill_connection_end(a->connections[i]);
            if (all)
                rill_endpoint_end(a->host->endpoint);
            else if (error != RILL_OK && error != RILL_ERR_CLOSED)
                sim_app_unexpected(a, "rill_connection_end", error);
        }
    }
}

void sim_app_close(sim_app *a)
{
    for (unsigned i = 0; i < a->stream_count; i++)
        a->streams[i]->closed = true;
    for (uint64_t i = 0; i < a->decision_count; i++)
        if (!a->decisions[i].made)
            sim_app_decide(a, i);
    for (unsigned i = 0; i < SIM_MAX_PAIRS; i++)
        if (a->connections[i] != NULL)
            rill_connection_close(a->connections[i], RILL_CLOSE_NO_ERROR, "enough");
}

int sim_app_error(const sim_app *a, unsigned pair)
{
    return a->error[pair];
}

/* Whether the reader's bytes are from this life of the writer, as far as the bytes say. */
static bool is_of(const sim_app_stream *r, const sim_app_stream *w)
{
    return r->pair == w->pair && r->id == w->id && r->client_life == w->client_life &&
           (!r->from_known || r->from_life == w->life);
}

static void unlike(const sim_app_stream *w, const sim_app_stream *r, uint64_t read,
                   const char *what)
{
    sim_violation(w->app->report,
                  "stream %" PRIu64 ": host %u wrote %" PRIu64 " bytes%s, host %u read %" PRIu64,
                  w->id, w->app->host->index, w->written, what, r->app->host->index, read);
}

/*
 * A process that dies has not read everything that it got, and the writer was told that it came. Of
 * several lives of a reader one must have all of it.
 */
typedef struct reading {
    uint64_t most;
    uint64_t given;
    bool left;
    bool unheard;
} reading;

/* One of this writer's streams, but w, is the reader's, and all that was written to it was read. */
static bool is_all_of(const sim_app *writer, const sim_app_stream *w, const sim_app_stream *r)
{
    for (unsigned i = 0; writer != NULL && i < writer->stream_count; i++)
        if (writer->streams[i] != w && is_of(r, writer->streams[i]) &&
            writer->streams[i]->written == r->read)
            return true;
    return false;
}

/*
 * A reader without a byte does not know to which of two servers its stream belongs, if their client
 * went from one to the other, or to which life of a server that was restarted. It may be the one
 * that wrote nothing.
 */
static bool of_another(const sim_app_stream *w, const sim_app *twin, const sim_app_stream *r)
{
    return !r->from_known && (is_all_of(w->app, w, r) || is_all_of(twin, w, r));
}

static void compare_with(const sim_app_stream *w, const sim_app *twin, const sim_app *reader,
                         reading *all)
{
    /* Bytes for a connection that it had not been told of when it died are lost with it. */
    bool unheard = (reader->unheard[w->pair] >> w->client_life & 1) != 0;
    all->unheard = all->unheard || unheard;
    all->left = all->left || unheard;
    for (unsigned i = 0; i < reader->stream_count; i++) {
        const sim_app_stream *r = reader->streams[i];
        if (!is_of(r, w))
            continue;
        uint64_t got = r->got > r->read ? r->got : r->read;
        all->most = got > all->most ? got : all->most;
        all->given = r->given > all->given ? r->given : all->given;
        /* A reader that closed by itself did not want to read on. */
        all->left = all->left || r->closed;
        if (got > w->written && (r->from_known || !w->crashed))
            unlike(w, r, got, "");
        /* If a close reports no error, no bytes before it may be missing. */
        if (r->read_well && !r->closed && !w->crashed && r->read != w->written &&
            !of_another(w, twin, r))
            unlike(w, r, r->read, ", and no error was told");
    }
}

static void compare_stream(const sim_app_stream *w, const sim_app *twin,
                           const sim_app *const readers[], unsigned count)
{
    reading all = {0};
    for (unsigned i = 0; i < count; i++)
        compare_with(w, twin, readers[i], &all);
    if (w->ended_well && !all.left && all.most != w->written)
        sim_violation(w->app->report,
                      "stream %" PRIu64 ": host %u wrote %" PRIu64
                      " bytes and ended well, host %u read %" PRIu64,
                      w->id, w->app->host->index, w->written, readers[0]->host->index, all.most);
    /* However it ended: what was told as arrived was there for its reader to take. */
    if (w->told > all.given && !all.unheard)
        sim_violation(w->app->report,
                      "stream %" PRIu64 ": host %u was told that %" PRIu64
                      " bytes had arrived, host %u was given %" PRIu64,
                      w->id, w->app->host->index, w->told, readers[0]->host->index, all.given);
}

void sim_app_compare(const sim_app *writer, const sim_app *twin, const sim_app *const readers[],
                     unsigned count)
{
    const sim_host *client = writer->host->server ? readers[0]->host : writer->host;
    for (unsigned i = 0; i < writer->stream_count; i++) {
        const sim_app_stream *w = writer->streams[i];
        if (client->books->directory->pairs[w->pair].client == client->index &&
            !sim_books_by_rogue(client->books, w->pair))
            compare_stream(w, twin, readers, count);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <string.h>

static void draw_link(sim_link_config *l, sim_rng *r)
{
    l->delay = sim_rng_magnitude(r, 10, 300000) * 1000;
    l->jitter = sim_rng_chance(r, 500) ? sim_rng_below(r, l->delay + 1) : 0;
    l->ordered = sim_rng_chance(r, 500);
    /* A fifth of a second at most for the largest packet: probes are not held back. */
    if (sim_rng_chance(r, 150))
        l->bytes_per_second = sim_rng_magnitude(r, 160000, 10000000);
}

static void draw_rate(sim_hop_config *h, sim_rng *r)
{
    static const rill_ratio rates[] = {{1, 1},    {1, 1},      {1, 2},  {2, 1},
                                       {97, 100}, {1234, 999}, {1, 50}, {75, 1}};
    if (sim_rng_chance(r, 600)) {
        h->rate[0] = rates[sim_rng_below(r, 8)];
    } else {
        h->rate[0] = (rill_ratio){sim_rng_range(r, 1, 100000), 10000};
        if (h->rate[0].num < 200)
            h->rate[0].num += 200;
    }
    /* The way back, and a spread of up to a tenth. */
    h->rate[1] = (rill_ratio){h->rate[0].den * 10, h->rate[0].num * 10};
    if (sim_rng_chance(r, 500))
        h->rate[1].num -= sim_rng_below(r, h->rate[0].den + 1);
}

static void draw_path(sim_path_config *p, sim_rng *r)
{
    p->hops = sim_rng_chance(r, 600) ? 1 : (unsigned)sim_rng_range(r, 2, SIM_MAX_HOPS);
    for (unsigned i = 0; i <= p->hops; i++)
        draw_link(&p->link[i], r);
    /* One connector exchanges: more would round small packets away, below any minimum. */
    unsigned exchange = (unsigned)sim_rng_below(r, p->hops);
    for (unsigned i = 0; i < p->hops; i++) {
        sim_hop_config *h = &p->hop[i];
        h->rate[0] = (rill_ratio){1, 1};
        h->rate[1] = (rill_ratio){1, 1};
        h->burst = 1000;
        h->margin_ms = sim_rng_chance(r, 500) ? 1000 : sim_rng_range(r, 1, 1500);
        h->min_window_ms = sim_rng_chance(r, 500) ? 1000 : sim_rng_range(r, 0, 1500);
        h->hold_ms = sim_rng_chance(r, 700) ? 30000 : sim_rng_range(r, 12000, 60000);
        if (i == exchange)
            draw_rate(h, r);
        h->max_told = sim_rng_chance(r, 500);
        if (sim_rng_chance(r, 400))
            for (unsigned side = 0; side < 2; side++)
                h->max_packet[side] = sim_rng_magnitude(r, 2000, 10000000);
    }
    p->report_loss = (uint32_t)sim_rng_below(r, 1001);
}

/* Fewer than the 10 that the other side assumes: off while the core closes connections for it. */
static const bool few_streams = false;

static void draw_options(rill_connection_options *o, sim_rng *r)
{
    rill_connection_options_init(o);
    if (sim_rng_chance(r, 300))
        o->max_packet_amount = sim_rng_magnitude(r, 3000, 10000000);
    if (sim_rng_chance(r, 300))
        o->stream_receive_buffer = 16384 + (uint32_t)sim_rng_below(r, 50000);
    if (sim_rng_chance(r, 300))
        o->connection_receive_buffer = 65534 + (uint32_t)sim_rng_below(r, 100000);
    if (sim_rng_chance(r, 300))
        o->stream_send_buffer = (uint32_t)sim_rng_magnitude(r, 1, 100000);
    if (sim_rng_chance(r, 300))
        o->max_in_flight = (uint32_t)sim_rng_magnitude(r, 1, 200);
    if (sim_rng_chance(r, 300))
        o->max_remote_streams = (uint32_t)sim_rng_range(r, few_streams ? 1 : 10, 20);
    if (sim_rng_chance(r, 300))
        o->packet_lifetime_ns = sim_rng_range(r, 12, 30) * RILL_SECOND;
    o->padding = sim_rng_chance(r, 50);
    o->ask_before_fulfill = sim_rng_chance(r, 250);
    if (o->ask_before_fulfill && sim_rng_chance(r, 300))
        o->max_undecided = (uint32_t)sim_rng_magnitude(r, 1, 64);
}

static void draw_app(sim_app_config *a, sim_rng *r)
{
    a->actions = (unsigned)sim_rng_magnitude(r, 2, 60);
    a->duration = sim_rng_magnitude(r, 10, 15000) * RILL_MS;
    a->max_streams = (unsigned)sim_rng_range(r, 1, 12);
    a->amount_low = 1;
    a->amount_high = sim_rng_magnitude(r, 10, 2000000);
    a->data_high = sim_rng_chance(r, 600) ? sim_rng_magnitude(r, 1, 100000) : 0;
    a->pays = sim_rng_chance(r, 800);
    a->slow_reader = sim_rng_chance(r, 300) ? 500 : 0;
    a->closes = sim_rng_chance(r, 300) ? 60 : 0;
    a->ends = sim_rng_chance(r, 500) ? 100 : 0;
    a->timeouts = sim_rng_chance(r, 300) ? 300 : 0;
    a->lowers = sim_rng_chance(r, 300) ? 100 : 0;
    a->late = sim_rng_chance(r, 600) ? (uint32_t)sim_rng_below(r, 1001) : 0;
    a->too_late = sim_rng_chance(r, 200) ? 50 : 0;
    a->never = sim_rng_chance(r, 200) ? 50 : 0;
    a->refuses = sim_rng_chance(r, 300) ? 100 : 0;
    a->raises = sim_rng_chance(r, 300);
    a->weights = sim_rng_chance(r, 200) ? 50 : 0;
}

/* Above 2000 packets of the smallest limit a run takes too long. */
static void bound_amounts(sim_scenario *s)
{
    uint64_t smallest = s->client_options.max_packet_amount;
    if (s->server_options.max_packet_amount < smallest)
        smallest = s->server_options.max_packet_amount;
    for (unsigned i = 0; i < s->clients; i++)
        for (unsigned k = 0; k < s->path[i].hops; k++)
            for (unsigned side = 0; side < 2; side++) {
                uint64_t max = s->path[i].hop[k].max_packet[side];
                if (max != 0 && max / 60 < smallest)
                    smallest = max / 60 < 1000 ? 1000 : max / 60;
            }
    uint64_t most = smallest > UINT64_MAX / 100 ? UINT64_MAX : smallest * 100;
    /* A few bytes a round trip take their time, too. */
    if (s->client_app.data_high > s->client_options.stream_send_buffer * UINT64_C(20))
        s->client_app.data_high = s->client_options.stream_send_buffer * UINT64_C(20);
    if (s->server_app.data_high > s->server_options.stream_send_buffer * UINT64_C(20))
        s->server_app.data_high = s->server_options.stream_send_buffer * UINT64_C(20);
    if (s->client_app.amount_high > most)
        s->client_app.amount_high = most;
    if (s->server_app.amount_high > most)
        s->server_app.amount_high = most;
}

static void draw_fair(sim_scenario *s, sim_rng *r)
{
    s->clients = sim_rng_chance(r, 800) ? 1 : (unsigned)sim_rng_range(r, 2, SIM_MAX_CLIENTS);
    for (unsigned i = 0; i < s->clients; i++) {
        s->connections[i] = sim_rng_chance(r, 850) ? 1 : 2;
        draw_path(&s->path[i], r);
    }
    draw_options(&s->server_options, r);
    draw_options(&s->client_options, r);
    draw_app(&s->client_app, r);
    draw_app(&s->server_app, r);
    if (s->client_app.raises)
        s->client_options.default_receive_max = sim_rng_below(r, s->client_app.amount_high + 1);
    if (s->server_app.raises)
        s->server_options.default_receive_max = sim_rng_below(r, s->server_app.amount_high + 1);
    if (sim_rng_chance(r, 100)) {
        s->client_options.tell_address = false;
        s->server_app.actions = 0;
    }
    bound_amounts(s);
}

/* One rate for the whole path, as an application that knows it would ask for. */
static rill_ratio end_to_end(const sim_path_config *p, unsigned side, uint64_t percent)
{
    rill_ratio rate = {percent, 100};
    for (unsigned i = 0; i < p->hops; i++) {
        rate.num *= p->hop[i].rate[side].num;
        rate.den *= p->hop[i].rate[side].den;
    }
    return rate;
}

static void fix_rates(sim_scenario *s, sim_rng *r)
{
    if (s->clients == 1 && sim_rng_chance(r, 300))
        s->client_options.min_rate = end_to_end(&s->path[0], 0, sim_rng_range(r, 90, 100));
    if (s->clients == 1 && sim_rng_chance(r, 300))
        s->server_options.min_rate = end_to_end(&s->path[0], 1, sim_rng_range(r, 90, 100));
}

static void add_loss(sim_path_config *p, sim_rng *r)
{
    for (unsigned i = 0; i <= p->hops; i++) {
        sim_link_config *l = &p->link[i];
        l->lose_request = sim_rng_chance(r, 500) ? (uint32_t)sim_rng_below(r, 40) : 0;
        l->lose_reply = sim_rng_chance(r, 500) ? (uint32_t)sim_rng_below(r, 40) : 0;
        l->duplicate = sim_rng_chance(r, 300) ? (uint32_t)sim_rng_below(r, 50) : 0;
        l->reorder = sim_rng_chance(r, 500) ? (uint32_t)sim_rng_below(r, 200) : 0;
    }
}

static void add_limits(sim_path_config *p, sim_rng *r)
{
    sim_hop_config *h = &p->hop[sim_rng_below(r, p->hops)];
    if (sim_rng_chance(r, 400))
        h->packets_per_second = sim_rng_magnitude(r, 5, 1000);
    if (sim_rng_chance(r, 400))
        h->value_per_second = sim_rng_magnitude(r, 10000, 10000000);
    if (sim_rng_chance(r, 300)) {
        h->down_every_ms = sim_rng_range(r, 500, 5000);
        h->down_for_ms = sim_rng_below(r, h->down_every_ms / 2);
    }
    h->burst = sim_rng_range(r, 200, 2000);
    if (sim_rng_chance(r, 300)) {
        h->balance = sim_rng_magnitude(r, 20000, 10000000);
        h->settle_every_ms = sim_rng_range(r, 200, 3000);
    }
}

static void add_adversary(sim_path_config *p, sim_rng *r)
{
    sim_adversary_config *a = &p->hop[sim_rng_below(r, p->hops)].adversary;
    uint32_t *tricks[] = {&a->flip_data,         &a->cut_data,       &a->grow_data,
                          &a->raise_amount,      &a->lower_amount,   &a->change_condition,
                          &a->change_expiry,     &a->change_address, &a->swap_data,
                          &a->garbage_request,   &a->replay,         &a->reflect,
                          &a->withhold,          &a->forge_reject,   &a->forge_fulfill,
                          &a->lie_f08,           &a->swap_reply,     &a->flip_reply,
                          &a->wrong_fulfillment, &a->strip_reply,    &a->garbage_reply,
                          &a->reject_fulfilled,  &a->late_fulfill,   &a->twice};
    for (unsigned i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++)
        if (sim_rng_chance(r, 250))
            *tricks[i] = (uint32_t)sim_rng_magnitude(r, 5, 200);
}

/* Beside honest connections on a fair path, which it must not harm. */
static void add_rogue(sim_scenario *s, sim_rng *r)
{
    sim_rogue_config *c = &s->rogue;
    bool few = sim_rng_chance(r, 500);
    for (unsigned f = SIM_FIRST_TRICK; f <= SIM_LAST_TRICK; f++)
        if (sim_rng_chance(r, few ? 60 : 300))
            /* Fewer packets come to it than it sends. */
            *sim_feature_trick(s, (sim_feature)f) = f < SIM_FIRST_REPLY
                                                        ? (uint32_t)sim_rng_magnitude(r, 5, 500)
                                                        : (uint32_t)sim_rng_magnitude(r, 50, 1000);
    c->packets = (unsigned)sim_rng_magnitude(r, 3, 120);
    if (c->flood != 0)
        c->flood = 20;
    c->duration = s->client_app.duration;
    c->serves = sim_rng_chance(r, 500);
    c->deaf = sim_rng_chance(r, 300);
    c->amount_high = sim_rng_magnitude(r, 1, 1000000);
    sim_path_config *p = &s->path[s->clients];
    p->hops = 1;
    draw_link(&p->link[0], r);
    draw_link(&p->link[1], r);
    p->hop[0] = (sim_hop_config){.rate = {{1, 1}, {1, 1}},
                                 .burst = 1000,
                                 .margin_ms = 1000,
                                 .min_window_ms = 1000,
                                 .hold_ms = 30000};
}

static void add_breaks(sim_scenario *s, sim_rng *r)
{
    if (sim_rng_chance(r, 500)) {
        s->disconnects = (unsigned)sim_rng_range(r, 1, 4);
        s->away = sim_rng_magnitude(r, 1, 8000) * RILL_MS;
    }
    if (sim_rng_chance(r, 300)) {
        s->restart_at = sim_rng_range(r, 1, s->client_app.duration);
        s->restart_for = sim_rng_magnitude(r, 1, 5000) * RILL_MS;
    }
}

static void add_lives(sim_scenario *s, sim_rng *r)
{
    uint64_t span = s->client_app.duration;
    if (sim_rng_chance(r, 400)) {
        s->begin_again = sim_rng_range(r, 1, span);
        if (s->restart_for == 0)
            s->restart_for = sim_rng_magnitude(r, 1, 5000) * RILL_MS;
    } else {
        s->suspend_at = sim_rng_range(r, 1, span);
        s->suspend_for = sim_rng_magnitude(r, 1, 300000) * RILL_MS;
        s->client_app.duration += s->suspend_for;
    }
}

static void add_clocks(sim_scenario *s, sim_rng *r)
{
    if (sim_rng_chance(r, 200)) {
        s->wall_offset[0] = (int64_t)sim_rng_below(r, 2001) - 1000;
        s->wall_offset[1] = (int64_t)sim_rng_below(r, 2001) - 1000;
    }
    if (sim_rng_chance(r, 100)) {
        s->clock_jumps = (unsigned)sim_rng_range(r, 1, 5);
        /* On a fair path by less than makes all packets too old. */
        s->jump_ms = (int64_t)sim_rng_magnitude(r, 10, s->hostile ? 7200000 : 2000);
    }
}

/* How far receive buffers may grow: not at all, if that is less than their present size. */
static void draw_growth(rill_connection_options *o, sim_rng *r)
{
    if (sim_rng_chance(r, 300))
        o->max_stream_receive_buffer = (uint32_t)sim_rng_magnitude(r, 1, 1000000);
    if (sim_rng_chance(r, 300))
        o->max_connection_receive_buffer = (uint32_t)sim_rng_magnitude(r, 1, 2000000);
}

static void draw(sim_scenario *s, sim_rng *r)
{
    draw_fair(s, r);
    fix_rates(s, r);
    uint64_t kind = sim_rng_below(r, 100);
    s->name = kind < 15   ? "fair"
              : kind < 30 ? "limited"
              : kind < 50 ? "lossy"
              : kind < 70 ? "rogue"
                          : "hostile";
    s->hostile = kind >= 70;
    for (unsigned i = 0; i < s->clients; i++) {
        if ((kind >= 15 && kind < 30) || sim_rng_chance(r, kind < 15 ? 0 : 200))
            add_limits(&s->path[i], r);
        if ((kind >= 30 && kind < 50) || sim_rng_chance(r, kind < 50 ? 0 : 200))
            add_loss(&s->path[i], r);
        if (s->hostile)
            add_adversary(&s->path[i], r);
    }
    /* A lost first packet is only known to be lost once it has expired. */
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
    if (sim_rng_chance(r, 200))
        s->timer_lag = sim_rng_magnitude(r, 1, 2000) * RILL_MS;
    if (kind >= 50 && kind < 70)
        add_rogue(s, r);
    if (kind >= 30 && sim_rng_chance(r, 300))
        add_breaks(s, r);
    if (kind < 50 && sim_rng_chance(r, 100))
        add_lives(s, r);
    add_clocks(s, r);
    if (s->hostile && sim_rng_chance(r, 50))
        s->no_memory = (uint32_t)sim_rng_magnitude(r, 1, 100);
    if (s->hostile && sim_rng_chance(r, 150)) {
        s->worsen_at = sim_rng_below(r, s->client_app.duration) + 1;
        s->worsen = (rill_ratio){sim_rng_range(r, 50, 100), 100};
    }
    draw_growth(&s->server_options, r);
    draw_growth(&s->client_options, r);
}

/* Mostly of the usual size, and at either end of what there may be. */
static uint64_t draw_time(sim_rng *r, uint64_t least, uint64_t most)
{
    uint64_t kind = sim_rng_below(r, 10);
    return kind == 0 ? least : kind == 1 ? most : sim_rng_magnitude(r, least, most);
}

static void draw_times(rill_connection_options *o, sim_rng *r)
{
    if (sim_rng_chance(r, 500))
        o->idle_timeout_ns = sim_rng_chance(r, 100) ? 0 : draw_time(r, 1, 3600 * RILL_SECOND);
    if (sim_rng_chance(r, 500))
        o->connect_timeout_ns = draw_time(r, 1, 3600 * RILL_SECOND);
    if (sim_rng_chance(r, 500))
        o->packet_lifetime_ns = draw_time(r, 12 * RILL_SECOND, 3600 * RILL_SECOND);
}

/* Of a number of their own, so that what was drawn before stays as it was. */
static void draw_patience(sim_scenario *s, sim_rng *r)
{
    sim_app_config *apps[] = {&s->client_app, &s->server_app};
    bool asks = s->client_options.ask_before_fulfill || s->server_options.ask_before_fulfill;
    for (unsigned i = 0; i < 2 && asks && sim_rng_chance(r, 300); i++) {
        apps[i]->blocks = (uint32_t)sim_rng_magnitude(r, 1, 200);
        apps[i]->block_high_ms = sim_rng_magnitude(r, 1, 90000);
    }
    /* Without money there is no rate to be found: it is known. */
    bool known = s->client_options.min_rate.num != 0 &&
                 (s->server_options.min_rate.num != 0 || !s->server_app.pays);
    if (s->restart_at == 0 && known && sim_rng_chance(r, 300)) {
        sim_hop_config *h = &s->path[0].hop[0];
        h->dry_from_ms = sim_rng_below(r, s->client_app.duration / RILL_MS + 1);
        h->dry_for_ms = sim_rng_magnitude(r, 1000, 100000);
        s->calm_at = (h->dry_from_ms + h->dry_for_ms) * RILL_MS;
        for (unsigned i = 0; i < 2; i++)
            apps[i]->timeout_high_ms = 300000;
    }
    if (s->hostile && sim_rng_chance(r, 200)) {
        draw_times(&s->client_options, r);
        draw_times(&s->server_options, r);
    }
}

/* Two servers of one secret, one or both of which are started again: a rolling restart. */
static void draw_fleet(sim_scenario *s, sim_rng *r)
{
    uint64_t span = s->client_app.duration;
    s->fleet = (unsigned)sim_rng_range(r, 1, 2);
    if (sim_rng_chance(r, 500))
        s->roll_at = sim_rng_range(r, 1, span);
    if (s->roll_at != 0 && s->restart_at == 0 && sim_rng_chance(r, 500))
        s->restart_at = sim_rng_range(r, 1, span);
    if (s->restart_for == 0)
        s->restart_for = sim_rng_magnitude(r, 1, 5000) * RILL_MS;
}

/*
 * A server with room for exactly all of its connections. If they may fail, with room for fewer.
 * Times are at the ends of their ranges, if that leaves a fair path enough time.
 */
static void draw_ends(sim_scenario *s, sim_rng *r)
{
    uint32_t all = s->rogue.packets != 0;
    for (unsigned i = 0; i < s->clients; i++)
        all += s->connections[i];
    if (sim_rng_chance(r, 50))
        s->few_connections = s->hostile ? (uint32_t)sim_rng_range(r, 1, 3) : all;
    if (s->hostile && sim_rng_chance(r, 50))
        s->few_remembered = (uint32_t)sim_rng_range(r, 1, 3);
    if (s->hostile || !sim_rng_chance(r, 100))
        return;
    rill_connection_options *both[] = {&s->client_options, &s->server_options};
    /* One for both: who waits for longer goes on with what the other one has forgotten. */
    uint64_t idle = sim_rng_chance(r, 200) ? 0 : draw_time(r, 60 * RILL_SECOND, 3600 * RILL_SECOND);
    for (unsigned i = 0; i < 2; i++) {
        both[i]->idle_timeout_ns = idle;
        both[i]->connect_timeout_ns = draw_time(r, 200 * RILL_SECOND, 3600 * RILL_SECOND);
        both[i]->packet_lifetime_ns = draw_time(r, 12 * RILL_SECOND, 3600 * RILL_SECOND);
    }
}

/* On a path like the first client's, whose minimum rate it is. */
static void draw_peer(sim_scenario *s, sim_rng *r)
{
    s->peer = 1 + (unsigned)sim_rng_below(r, SIM_PEER_KINDS);
    s->path[s->clients] = s->path[0];
    s->client_app.pays = true;
    if (s->client_app.actions < 20)
        s->client_app.actions = 20;
}

bool sim_scenario_make(sim_scenario *s, const char *name, uint64_t seed)
{
    sim_rng r;
    memset(s, 0, sizeof(*s));
    if (name == NULL) {
        sim_rng_seed(&r, seed, 1);
        draw(s, &r);
        sim_rng_seed(&r, seed, 2);
        draw_patience(s, &r);
        if (s->rogue.packets == 0 && sim_rng_chance(&r, 100))
            draw_fleet(s, &r);
        else if (s->rogue.packets == 0 && s->begin_again == 0 && sim_rng_chance(&r, 100))
            draw_peer(s, &r);
        draw_ends(s, &r);
        return true;
    }
    for (unsigned i = 0; sim_scenario_name(i) != NULL; i++)
        if (strcmp(sim_scenario_name(i), name) == 0) {
            sim_scenario_named(s, i, seed);
            return true;
        }
    return false;
}

static void lower(uint64_t *value, uint64_t most)
{
    if (most != 0 && *value > most)
        *value = most;
}

static void lower_unsigned(unsigned *value, uint64_t most)
{
    if (most != 0 && *value > most)
        *value = (unsigned)most;
}

static void cut_app(sim_app_config *a, const sim_cut *cut)
{
    lower_unsigned(&a->actions, cut->actions);
    lower_unsigned(&a->max_streams, cut->streams);
    lower(&a->amount_high, cut->amount);
    lower(&a->amount_low, a->amount_high);
    lower(&a->data_high, cut->data);
    lower(&a->duration, cut->duration_ms * RILL_MS);
}

/* The connector that exchanges stays: minimum rates were made for it. */
static void cut_path(sim_path_config *p, uint64_t hops)
{
    for (unsigned i = 0; hops != 0 && hops < p->hops && i < p->hops; i++)
        if (i >= hops && p->hop[i].rate[0].num != p->hop[i].rate[0].den)
            memcpy(p->hop[0].rate, p->hop[i].rate, sizeof(p->hop[0].rate));
    lower_unsigned(&p->hops, hops);
}

void sim_scenario_cut(sim_scenario *s, const sim_cut *cut)
{
    for (unsigned f = 0; f < SIM_FEATURE_COUNT; f++)
        if (cut->without[f])
            sim_feature_remove(s, (sim_feature)f);
    unsigned before = s->clients;
    lower_unsigned(&s->clients, cut->clients);
    /* The rogue's or the peer's path is the one after the clients'. */
    s->path[s->clients] = s->path[before];
    for (unsigned i = 0; i < s->clients; i++)
        lower_unsigned(&s->connections[i], cut->connections);
    for (unsigned i = 0; i < s->clients; i++)
        cut_path(&s->path[i], cut->hops);
    cut_app(&s->client_app, cut);
    cut_app(&s->server_app, cut);
    lower_unsigned(&s->rogue.packets, cut->rogue_packets);
    lower(&s->rogue.duration, cut->duration_ms * RILL_MS);
}

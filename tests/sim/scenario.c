/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void draw_link(sim_link_config *l, sim_rng *r)
{
    l->delay = sim_rng_magnitude(r, 10, 300000) * 1000;
    l->jitter = sim_rng_chance(r, 500) ? sim_rng_below(r, l->delay + 1) : 0;
    l->ordered = sim_rng_chance(r, 500);
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
        h->margin_ms = 1000;
        h->min_window_ms = 1000;
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
        o->packet_lifetime = sim_rng_range(r, 12, 30) * RILL_SECOND;
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
        s->client_options.receive = false;
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
}

static void add_adversary(sim_path_config *p, sim_rng *r)
{
    sim_adversary_config *a = &p->hop[sim_rng_below(r, p->hops)].adversary;
    uint32_t *tricks[] = {&a->flip_data,         &a->cut_data,         &a->raise_amount,
                          &a->lower_amount,      &a->change_condition, &a->change_expiry,
                          &a->swap_data,         &a->replay,           &a->withhold,
                          &a->forge_reject,      &a->lie_f08,          &a->swap_reply,
                          &a->wrong_fulfillment, &a->flip_reply,       &a->garbage_reply,
                          &a->reject_fulfilled,  &a->late_fulfill,     &a->twice};
    for (unsigned i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++)
        if (sim_rng_chance(r, 250))
            *tricks[i] = (uint32_t)sim_rng_magnitude(r, 5, 200);
}

static void draw(sim_scenario *s, sim_rng *r)
{
    draw_fair(s, r);
    fix_rates(s, r);
    uint64_t kind = sim_rng_below(r, 100);
    s->name = kind < 20 ? "fair" : kind < 40 ? "limited" : kind < 65 ? "lossy" : "hostile";
    s->hostile = kind >= 65;
    for (unsigned i = 0; i < s->clients; i++) {
        if ((kind >= 20 && kind < 40) || sim_rng_chance(r, kind < 20 ? 0 : 200))
            add_limits(&s->path[i], r);
        if ((kind >= 40 && kind < 65) || sim_rng_chance(r, kind < 65 ? 0 : 200))
            add_loss(&s->path[i], r);
        if (s->hostile)
            add_adversary(&s->path[i], r);
    }
    /* A lost first packet is only known to be lost once it has expired. */
    s->client_options.connect_timeout = 200 * RILL_SECOND;
    s->server_options.connect_timeout = 200 * RILL_SECOND;
    if (sim_rng_chance(r, 200))
        s->timer_lag = sim_rng_magnitude(r, 1, 2000) * RILL_MS;
    if (sim_rng_chance(r, 200)) {
        s->client_wall_offset = (int64_t)sim_rng_below(r, 2001) - 1000;
        s->server_wall_offset = (int64_t)sim_rng_below(r, 2001) - 1000;
    }
    if (s->hostile && sim_rng_chance(r, 150)) {
        s->worsen_at = sim_rng_below(r, s->client_app.duration) + 1;
        s->worsen = (rill_ratio){sim_rng_range(r, 50, 100), 100};
    }
}

/* ---- the named ones: one thing at a time ---- */

static void plain(sim_scenario *s, sim_rng *r)
{
    s->clients = 1;
    s->connections[0] = 1;
    s->path[0].hops = 1;
    s->path[0].report_loss = 500;
    s->path[0].link[0].delay = sim_rng_range(r, 1, 50) * RILL_MS;
    s->path[0].link[1].delay = sim_rng_range(r, 1, 50) * RILL_MS;
    sim_hop_config *h = &s->path[0].hop[0];
    h->rate[0] = (rill_ratio){1, 1};
    h->rate[1] = (rill_ratio){1, 1};
    h->burst = 1000;
    h->margin_ms = 1000;
    h->min_window_ms = 1000;
    rill_connection_options_init(&s->server_options);
    rill_connection_options_init(&s->client_options);
    s->client_app = (sim_app_config){.actions = 40,
                                     .duration = 5 * RILL_SECOND,
                                     .max_streams = 6,
                                     .amount_low = 1,
                                     .amount_high = 200000,
                                     .data_high = 20000,
                                     .pays = true};
    s->server_app = s->client_app;
}

static void half_rate(sim_scenario *s)
{
    s->path[0].hop[0].rate[0] = (rill_ratio){1, 2};
    s->path[0].hop[0].rate[1] = (rill_ratio){2, 1};
}

static void max_told(sim_scenario *s)
{
    half_rate(s);
    s->path[0].hop[0].max_packet[0] = 3000;
    s->path[0].hop[0].max_packet[1] = 5000;
    s->path[0].hop[0].max_told = true;
}

static void max_untold(sim_scenario *s)
{
    max_told(s);
    s->path[0].hop[0].max_told = false;
}

static void money_only(sim_scenario *s)
{
    s->client_app.data_high = 0;
    s->server_app.actions = 0;
    s->client_app.max_streams = 1;
}

static void data_only(sim_scenario *s)
{
    s->client_app.pays = false;
    s->server_app.pays = false;
    s->client_app.data_high = 200000;
    s->server_app.data_high = 200000;
}

static void slow(sim_scenario *s)
{
    data_only(s);
    s->client_app.slow_reader = 1000;
    s->server_app.slow_reader = 1000;
    s->client_options.connection_receive_buffer = 65534;
    s->server_options.connection_receive_buffer = 65534;
    s->server_options.stream_receive_buffer = 16384;
}

static void receive_max(sim_scenario *s)
{
    max_told(s);
    s->client_app.raises = true;
    s->server_app.raises = true;
    s->client_options.default_receive_max = 0;
    s->server_options.default_receive_max = 1000;
}

static void asks(sim_scenario *s)
{
    max_told(s);
    s->server_options.ask_before_fulfill = true;
    s->client_options.ask_before_fulfill = true;
    s->client_app.late = 800;
    s->server_app.late = 800;
    s->client_app.refuses = 100;
    s->server_app.refuses = 100;
}

static void asks_too_late(sim_scenario *s)
{
    asks(s);
    s->client_app.too_late = 200;
    s->server_app.too_late = 200;
    s->client_app.never = 100;
    s->server_app.never = 100;
    s->server_options.max_undecided = 16;
    s->client_options.packet_lifetime = 4 * RILL_SECOND;
    s->server_options.packet_lifetime = 4 * RILL_SECOND;
    s->client_app.duration = 20 * RILL_SECOND;
    s->server_app.duration = 20 * RILL_SECOND;
}

static void asks_busy(sim_scenario *s)
{
    asks_too_late(s);
    s->timer_lag = 3 * RILL_SECOND;
}

static void asks_receive_max(sim_scenario *s)
{
    asks(s);
    s->client_app.raises = true;
    s->server_app.raises = true;
    s->client_options.default_receive_max = 20000;
    s->server_options.default_receive_max = 10000;
}

static void loses(sim_scenario *s)
{
    max_told(s);
    for (unsigned i = 0; i < 2; i++) {
        s->path[0].link[i].lose_request = 30;
        s->path[0].link[i].lose_reply = 30;
    }
}

static void duplicates(sim_scenario *s)
{
    max_told(s);
    s->path[0].link[1].duplicate = 300;
    s->path[0].link[0].duplicate = 300;
    s->path[0].link[0].reorder = 300;
}

static void closes(sim_scenario *s)
{
    max_told(s);
    s->client_app.closes = 150;
    s->server_app.closes = 150;
    s->client_app.ends = 150;
    s->server_app.ends = 150;
    s->client_app.actions = 80;
    s->server_app.actions = 80;
}

static void limits_value(sim_scenario *s)
{
    s->path[0].hop[0].value_per_second = 100000;
}

static void limits_packets(sim_scenario *s)
{
    max_told(s);
    s->path[0].hop[0].packets_per_second = 50;
}

static void goes_down(sim_scenario *s)
{
    max_told(s);
    s->path[0].hop[0].down_every_ms = 1000;
    s->path[0].hop[0].down_for_ms = 400;
}

static void times_out(sim_scenario *s)
{
    limits_value(s);
    s->client_app.timeouts = 1000;
    s->server_app.timeouts = 1000;
    s->client_app.lowers = 100;
}

static void fixed_rate(sim_scenario *s)
{
    max_told(s);
    s->client_options.min_rate = (rill_ratio){1, 2};
    s->server_options.min_rate = (rill_ratio){2, 1};
}

static void rate_falls(sim_scenario *s)
{
    fixed_rate(s);
    s->hostile = true;
    s->worsen_at = 500 * RILL_MS;
    s->worsen = (rill_ratio){3, 4};
}

static void four_hops(sim_scenario *s)
{
    sim_path_config *p = &s->path[0];
    p->hops = 4;
    for (unsigned i = 1; i < 4; i++) {
        p->hop[i] = p->hop[0];
        p->link[i + 1] = p->link[1];
    }
    half_rate(s);
    p->hop[2].max_packet[0] = 4000;
    p->hop[1].max_packet[1] = 7000;
}

static void hostile(sim_scenario *s, sim_adversary_config a)
{
    max_told(s);
    s->hostile = true;
    s->client_options.min_rate = (rill_ratio){1, 2};
    s->path[0].hop[0].adversary = a;
}

static void tampers(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.flip_data = 100, .cut_data = 50, .change_condition = 50});
}

static void changes_amounts(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.raise_amount = 200, .lower_amount = 200});
}

static void changes_expiry(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.change_expiry = 300});
    s->server_options.ask_before_fulfill = true;
    s->server_app.late = 500;
}

static void replays(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.replay = 500, .raise_amount = 200});
}

static void swaps(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.swap_data = 100, .swap_reply = 100});
}

static void cheats(sim_scenario *s)
{
    hostile(s,
            (sim_adversary_config){
                .wrong_fulfillment = 100, .reject_fulfilled = 50, .flip_reply = 50, .twice = 100});
}

static void forges(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.forge_reject = 100, .garbage_reply = 50});
}

static void lies(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.lie_f08 = 150});
}

static void withholds(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.withhold = 50, .late_fulfill = 100});
}

static void skewed(sim_scenario *s)
{
    asks(s);
    s->client_wall_offset = 4000;
    s->server_wall_offset = -4000;
}

static void nothing_more(sim_scenario *s)
{
    (void)s;
}

static const struct {
    const char *name;
    void (*change)(sim_scenario *s);
} named[] = {
    {"plain", nothing_more},
    {"money-only", money_only},
    {"data-only", data_only},
    {"half-rate", half_rate},
    {"max-told", max_told},
    {"max-untold", max_untold},
    {"slow-readers", slow},
    {"receive-max", receive_max},
    {"asks", asks},
    {"asks-too-late", asks_too_late},
    {"asks-busy", asks_busy},
    {"asks-receive-max", asks_receive_max},
    {"loses", loses},
    {"duplicates", duplicates},
    {"closes", closes},
    {"limits-value", limits_value},
    {"limits-packets", limits_packets},
    {"goes-down", goes_down},
    {"times-out", times_out},
    {"fixed-rate", fixed_rate},
    {"rate-falls", rate_falls},
    {"four-hops", four_hops},
    {"skewed", skewed},
    {"tampers", tampers},
    {"changes-amounts", changes_amounts},
    {"changes-expiry", changes_expiry},
    {"replays", replays},
    {"swaps", swaps},
    {"cheats", cheats},
    {"forges", forges},
    {"lies", lies},
    {"withholds", withholds},
};

const char *sim_scenario_name(unsigned index)
{
    return index < sizeof(named) / sizeof(named[0]) ? named[index].name : NULL;
}

bool sim_scenario_make(sim_scenario *s, const char *name, uint64_t seed)
{
    sim_rng r;
    sim_rng_seed(&r, seed, 1);
    memset(s, 0, sizeof(*s));
    if (name == NULL) {
        draw(s, &r);
        return true;
    }
    for (unsigned i = 0; sim_scenario_name(i) != NULL; i++) {
        if (strcmp(named[i].name, name) != 0)
            continue;
        plain(s, &r);
        named[i].change(s);
        s->name = named[i].name;
        return true;
    }
    return false;
}

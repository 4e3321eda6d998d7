/* SPDX-License-Identifier: Apache-2.0 */
/* The named scenarios: one thing at a time, and what was found once. */
#include "scenario.h"

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
    h->hold_ms = 30000;
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
    s->client_options.packet_lifetime_ns = 4 * RILL_SECOND;
    s->server_options.packet_lifetime_ns = 4 * RILL_SECOND;
    s->client_app.duration = 20 * RILL_SECOND;
    s->server_app.duration = 20 * RILL_SECOND;
}

static void asks_busy(sim_scenario *s)
{
    asks_too_late(s);
    s->timer_lag = 3 * RILL_SECOND;
}

/* Handlers take longer than packets last: clocks go on inside a decision. */
static void handlers_block(sim_scenario *s)
{
    asks_too_late(s);
    s->client_app.blocks = 200;
    s->server_app.blocks = 200;
    s->client_app.block_high_ms = 9000;
    s->server_app.block_high_ms = 9000;
}

/* The path has no money for longer than anybody is idle, and everything else passes. */
static void dry_for_long(sim_scenario *s)
{
    max_told(s);
    s->path[0].hop[0].dry_from_ms = 2000;
    s->path[0].hop[0].dry_for_ms = 150000;
    sim_app_config *apps[] = {&s->client_app, &s->server_app};
    for (unsigned i = 0; i < 2; i++) {
        apps[i]->duration = 4 * RILL_SECOND;
        apps[i]->timeouts = 500;
        apps[i]->timeout_high_ms = 400000;
        apps[i]->patient = true;
    }
    s->calm_at = 170 * RILL_SECOND;
    /*
     * A call that raises a send max gives no deadline, so the rate is searched for as long as the
     * connection allows.
     */
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
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
    s->wall_offset[0] = -4000;
    s->wall_offset[1] = 4000;
}

static void narrow(sim_scenario *s)
{
    data_only(s);
    s->path[0].link[0].bytes_per_second = 200000;
    s->path[0].link[1].bytes_per_second = 300000;
}

static void owes(sim_scenario *s)
{
    s->path[0].hop[0].balance = 150000;
    s->path[0].hop[0].settle_every_ms = 500;
}

static void hurried(sim_scenario *s)
{
    four_hops(s);
    for (unsigned i = 0; i < 4; i++) {
        s->path[0].hop[i].margin_ms = 2000;
        s->path[0].hop[i].min_window_ms = 2000;
        s->path[0].hop[i].hold_ms = 11000;
    }
    s->client_options.packet_lifetime_ns = 12 * RILL_SECOND;
}

static void disconnects(sim_scenario *s)
{
    max_told(s);
    s->disconnects = 5;
    s->away = 3 * RILL_SECOND;
    /* What a break swallows is known to be lost only after it has expired. */
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
}

static void restarts(sim_scenario *s)
{
    max_told(s);
    s->connections[0] = 2;
    s->restart_at = 2 * RILL_SECOND;
    s->restart_for = RILL_SECOND;
}

/* A client that dies and comes again with the credentials that it has, at once or after a while. */
static void begins_again(sim_scenario *s)
{
    max_told(s);
    s->begin_again = 2 * RILL_SECOND;
    s->restart_for = 10 * RILL_MS;
}

/* A laptop: the server has closed and forgotten the connection when it wakes. */
static void sleeps(sim_scenario *s)
{
    max_told(s);
    s->suspend_at = 2 * RILL_SECOND;
    s->suspend_for = 300 * RILL_SECOND;
    s->client_app.duration = 400 * RILL_SECOND;
}

/* Before anything was answered: the server has fulfilled and forgotten it (seed 4335). */
static void sleeps_early(sim_scenario *s)
{
    fixed_rate(s);
    s->client_options.min_rate = (rill_ratio){1, 3};
    s->client_app.duration = 200 * RILL_MS;
    s->server_app.duration = 400 * RILL_SECOND;
    s->client_app.data_high = 0;
    s->server_app.data_high = 0;
    s->suspend_at = 40 * RILL_MS;
    s->suspend_for = 300 * RILL_SECOND;
}

/* Its replies are lost with the client's link, and another server answers (seed 50223598). */
static void restarts_early(sim_scenario *s)
{
    fixed_rate(s);
    s->client_options.min_rate = (rill_ratio){1, 3};
    s->client_app.duration = 200 * RILL_MS;
    s->restart_at = 100 * RILL_MS;
    s->restart_for = RILL_MS;
    s->disconnects = 3;
    s->away = 500 * RILL_MS;
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
}

/* For a moment only: the server remembers that there was something. */
static void naps(sim_scenario *s)
{
    sleeps(s);
    s->suspend_for = 80 * RILL_SECOND;
}

/* A packet lives for an hour, and connectors send it again for as long, when all is over too. */
static void lives_long(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.replay = 500});
    s->client_options.packet_lifetime_ns = 3600 * RILL_SECOND;
    s->server_options.packet_lifetime_ns = 3600 * RILL_SECOND;
    s->path[0].hop[0].hold_ms = 3600000;
    s->path[0].replay_for = 3600 * RILL_SECOND;
    s->client_app.duration = RILL_SECOND;
    s->server_app.duration = RILL_SECOND;
}

/* Few of the packets that one key may seal are left. */
static void used_up(sim_scenario *s)
{
    max_told(s);
    s->numbered = (UINT64_C(1) << 31) - 100;
}

static void clocks_jump(sim_scenario *s)
{
    asks(s);
    s->hostile = true;
    s->clock_jumps = 5;
    s->jump_ms = 40000;
}

static void no_memory(sim_scenario *s)
{
    asks(s);
    s->hostile = true;
    s->no_memory = 50;
}

static void reflects(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.reflect = 300, .change_address = 50});
}

static void rogue(sim_scenario *s)
{
    for (unsigned f = SIM_FIRST_TRICK; f <= SIM_LAST_TRICK; f++)
        *sim_feature_trick(s, (sim_feature)f) = 60;
    s->rogue.flood = 5;
    s->rogue.close_all = 10;
    s->rogue.packets = 150;
    s->rogue.duration = s->client_app.duration;
    s->rogue.amount_high = 100000;
    s->path[s->clients] = s->path[0];
}

static void rogue_server(sim_scenario *s)
{
    rogue(s);
    s->rogue.serves = true;
    for (unsigned f = SIM_FIRST_REPLY; f <= SIM_LAST_TRICK; f++)
        *sim_feature_trick(s, (sim_feature)f) = 200;
}

/*
 * Seed 121632: a connector sent a server's packets back to it after it had
 * been started again. It took its own bytes for the client's.
 */
static void reflects_old(sim_scenario *s)
{
    reflects(s);
    s->server_app.data_high = 5000;
    s->path[0].hop[0].adversary.reflect = 500;
    s->path[0].hop[0].adversary.replay = 500;
    s->restart_at = RILL_SECOND;
    s->restart_for = 20 * RILL_MS;
    s->client_app.duration = 2 * RILL_SECOND;
    s->server_app.duration = 2 * RILL_SECOND;
}

/*
 * Seed 217161: the whole first volley of probes met a connector that was down,
 * and of what was sent then nothing passed a connector that was short of value.
 */
static void probes_in_vain(sim_scenario *s)
{
    half_rate(s);
    limits_value(s);
    s->path[0].hop[0].down_every_ms = 100000;
    s->path[0].hop[0].down_for_ms = 150;
    s->server_app.actions = 0;
    s->client_app.amount_high = 20000;
    s->client_app.duration = 40 * RILL_SECOND;
}

/*
 * Seeds 3086355 and 3223539: of each volley of probes a connector let one
 * packet through, the first, of a unit, which was rounded away. The others were
 * not sent again: from there on it took doublings, more than there are attempts.
 */
static void probes_one_by_one(sim_scenario *s)
{
    sim_hop_config *h = &s->path[0].hop[0];
    h->rate[0] = (rill_ratio){1, 50};
    h->rate[1] = (rill_ratio){50, 1};
    h->max_packet[0] = 2000000;
    h->packets_per_second = 2;
    h->burst = 500;
    s->server_app.actions = 0;
    s->client_app.duration = 50 * RILL_SECOND;
    s->client_app.data_high = 0;
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
}

/*
 * Seed 635792: one packet brought bytes for two streams that were over, and
 * the reply said so of one: the other's were taken for delivered.
 */
static void many_over(sim_scenario *s)
{
    data_only(s);
    s->client_app.max_streams = 12;
    s->client_app.actions = 150;
    s->client_app.data_high = 40;
    s->client_app.ends = 100;
    s->server_app.ends = 400;
    s->server_app.data_high = 0;
    s->server_app.actions = 100;
    s->client_app.duration = RILL_SECOND;
    s->server_app.duration = RILL_SECOND;
    s->disconnects = 6;
    s->away = 200 * RILL_MS;
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
}

/*
 * Seed 1035067: a connector put the expiry far off, the next one holds nothing
 * for long. What the first sent again came when the connection was over and its
 * numbers were forgotten.
 */
static void replays_later(sim_scenario *s)
{
    hostile(s, (sim_adversary_config){.replay = 500, .change_expiry = 500});
    sim_path_config *p = &s->path[0];
    p->hops = 2;
    p->hop[1] = (sim_hop_config){.rate = {{1, 1}, {1, 1}}, .hold_ms = 3000};
    p->link[2] = p->link[1];
    s->client_app.duration = RILL_SECOND;
    s->server_app.duration = RILL_SECOND;
    s->server_app.actions = 0;
    s->client_app.amount_high = 2000;
}

/* ILP over HTTP between all of them. Each link fails on its own, in both directions. */
static void http_links(sim_scenario *s, uint32_t error, uint32_t reset)
{
    max_told(s);
    s->path[0].hops = 2;
    s->path[0].hop[1] = s->path[0].hop[0];
    s->path[0].hop[1].rate[0] = s->path[0].hop[1].rate[1] = (rill_ratio){1, 1};
    s->path[0].link[2] = s->path[0].link[1];
    for (unsigned i = 0; i < 3; i++) {
        s->path[0].link[i].http_error = error;
        s->path[0].link[i].http_reset = reset;
    }
    /* What was reset is known to be lost only after it has expired. */
    s->client_options.connect_timeout_ns = 200 * RILL_SECOND;
    s->server_options.connect_timeout_ns = 200 * RILL_SECOND;
}

static void http_errors(sim_scenario *s)
{
    http_links(s, 30, 0);
}

static void http_resets(sim_scenario *s)
{
    http_links(s, 0, 30);
}

static void http_loses(sim_scenario *s)
{
    http_links(s, 20, 20);
    for (unsigned i = 0; i < 3; i++)
        s->path[0].link[i].lose_reply = 20;
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
    {"handlers-block", handlers_block},
    {"dry-for-long", dry_for_long},
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
    {"narrow", narrow},
    {"owes", owes},
    {"hurried", hurried},
    {"disconnects", disconnects},
    {"restarts", restarts},
    {"restarts-early", restarts_early},
    {"begins-again", begins_again},
    {"sleeps", sleeps},
    {"sleeps-early", sleeps_early},
    {"naps", naps},
    {"lives-long", lives_long},
    {"used-up", used_up},
    {"clocks-jump", clocks_jump},
    {"no-memory", no_memory},
    {"reflects", reflects},
    {"rogue-client", rogue},
    {"rogue-server", rogue_server},
    {"reflects-old", reflects_old},
    {"probes-in-vain", probes_in_vain},
    {"probes-one-by-one", probes_one_by_one},
    {"many-over", many_over},
    {"replays-later", replays_later},
    {"http-errors", http_errors},
    {"http-resets", http_resets},
    {"http-loses", http_loses},
};

const char *sim_scenario_name(unsigned index)
{
    return index < sizeof(named) / sizeof(named[0]) ? named[index].name : NULL;
}

void sim_scenario_named(sim_scenario *s, unsigned index, uint64_t seed)
{
    sim_rng r;
    sim_rng_seed(&r, seed, 1);
    plain(s, &r);
    named[index].change(s);
    s->name = named[index].name;
}

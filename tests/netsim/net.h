/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of real connectors (rill_core) and programs (rill_endpoint) in virtual time. What each
 * part is, for the files that run it; which file does what is in the headers of those.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <rill/rill.h>

#include "base/list.h"
#include "connector/core.h"
#include "link/link_impl.h"
#include "oracle.h"
#include "sim/queue.h"
#include "sim/report.h"
#include "sim/rng.h"
#include "store/sqlite.h"

enum {
    NET_NODES = 7,
    NET_PROGRAMS = 12,
    NET_WAYS = 32,
    NET_ACCOUNTS = 16, /* of one node */
    NET_ASSETS = 3,
    NET_ENTRIES = 48,
    NET_ENGINES = 2,  /* that an account may have, one after the other */
    NET_TEXT = 14000, /* a configuration */
    NET_ACCOUNT_TEXT = 700,
    NET_PROBES = 40,
};

/* Amounts that are settled are exact to a millionth of a unit. */
#define NET_FINE 1000000

/*
 * The wall clock at virtual time 0: milliseconds since 1970. A minute, by which books are summed,
 * ends 10 s later, while clocks are set back.
 */
#define NET_WALL UINT64_C(1700000030000)

typedef struct net net;
typedef struct net_node net_node;
typedef struct net_program net_program;
typedef struct net_way net_way;
typedef struct net_conn net_conn;
typedef struct net_prepare net_prepare;
typedef struct net_flight net_flight;
typedef struct net_transfer net_transfer;
typedef struct net_probe net_probe;
typedef struct net_log net_log;

/* ---- the wire ---- */

/* Why the two ends of a way may disagree about a packet. */
typedef enum net_why {
    NET_WHY_CUT = 1,    /* a connection was lost */
    NET_WHY_KILLED = 2, /* one of the two was killed, or started again */
    NET_WHY_LATE = 4,   /* the Fulfill came when the sender did not wait any more */
    NET_WHY_TRICK = 8,  /* the neighbour did something else than it said */
} net_why;

/* A Prepare on a way. The ledger: kept until the run ends. */
struct net_prepare {
    uint64_t number; /* in net.prepares; the id on the wire */
    net_conn *conn;
    unsigned from; /* side */
    uint64_t outgoing_id;
    uint64_t amount;
    uint64_t expires_ms;
    uint8_t condition[32];
    net_flight *flight;    /* of the node that sent it; NULL: it is a program's, or about routes */
    net_flight *forwarded; /* of the node that it came to; NULL: not forwarded */
    net_program *payer;    /* whose payment it is part of; NULL: nobody's */
    net_probe *probe;      /* that it is; NULL: none */
    rill_list open;        /* net_end.open, until the link has an answer */
    bool arrived;
    bool replied;      /* the receiver has answered */
    bool fulfilled;    /* ... with a Fulfill */
    bool program_took; /* the receiver is a program, and fulfilled it */
    bool program_paid; /* the sender is a program, and got the Fulfill */
    bool asker_gone; /* the receiver knows that nobody waits: the connection is lost, or given up */
    bool given_up;   /* the sender waits no more, though its connection goes on */
    uint64_t sent_at;   /* virtual */
    uint64_t booked_at; /* when the receiving node took the Fulfill that it passes on */
    uint64_t passed_at; /* when the receiver sent the Fulfill */
    unsigned why;       /* net_why */
};

/* One side of a connection, as its owner has it. */
typedef struct net_end {
    rill_link link; /* first */
    net_conn *conn; /* NULL: none yet */
    net_way *way;
    unsigned side;
    bool attached; /* the owner has it: handlers are set */
    bool up;
    bool closed; /* the owner has closed it */
    rill_list open;
} net_end;

struct net_conn {
    net_conn *next; /* of the way, the newest first */
    net_way *way;
    net_end *end[2];
    net_end server; /* end[0] */
    bool cut;
    bool gone[2];         /* that side knows */
    uint64_t sent[2];     /* messages, by the side that sends */
    uint64_t arriving[2]; /* once cut: those up to this one still arrive */
    uint64_t seen[2];     /* messages that have arrived, by the side that sends */
    uint64_t last_at[2];  /* when the last of them arrives */
};

typedef struct net_side {
    net_node *node; /* or */
    net_program *program;
    unsigned account; /* of the node */
} net_side;

/* Side 0 waits for connections, side 1 connects. */
struct net_way {
    net *net;
    unsigned index;
    net_side side[2];
    net_end client; /* the end of side 1, for all connections */
    net_conn *conns;
    unsigned asset;
    uint64_t latency; /* nanoseconds */
    uint64_t jitter;
    bool wanted; /* somebody tries to connect again */
    uint64_t dark_until;
    uint32_t impatience; /* of a thousand Prepares, how many are given up, as over HTTP; 0: BTP */
    char token[16];
};

/* ---- a node ---- */

/* What a node must know of the settlements of an account. */
typedef struct net_settle {
    bool outstanding;
    unsigned engine; /* that it began with */
    uint64_t asked;
    char key[40];         /* empty: the engine was not asked yet */
    oracle_i128 left_out; /* millionths of a unit that no engine has taken */
    oracle_i128 left_in;  /* ... that an engine has told, and that are less than a unit */
    oracle_i128 out;      /* units that were taken off the balance for engines */
    oracle_i128 in;       /* units that engines told */
    oracle_i128 believed; /* millionths that are said to be paid: by engines, or by an operator */
} net_settle;

/* Limits in a second. */
typedef enum net_limit {
    NET_PACKETS_FROM,
    NET_AMOUNT_FROM,
    NET_PACKETS_TO,
    NET_AMOUNT_TO,
    NET_LIMITS,
} net_limit;

/* Something that such a limit counts. */
typedef struct net_passage {
    uint64_t at; /* monotonic, of the node */
    uint64_t amount;
    const net_flight *flight; /* NULL: it counts whatever becomes of it */
} net_passage;

/* What passed since the limit was agreed, in this life of the node. */
typedef struct net_meter {
    uint64_t limit; /* a second; 0: none */
    uint64_t since; /* monotonic, of the node */
    net_passage *passages;
    size_t count;
    size_t cap;
} net_meter;

/* What an account may do. */
typedef struct net_terms {
    uint64_t credit;
    uint64_t most;
    uint64_t max_packet;
    uint64_t limits[NET_LIMITS]; /* 0: none */
} net_terms;

typedef struct net_account {
    net_way *way;
    unsigned side; /* the node's */
    char name[16]; /* the neighbour's, at this node */
    rill_relation relation;
    net_terms terms;
    net_meter meters[NET_LIMITS];
    bool mute;              /* it is told no routes at the moment */
    bool deaf;              /* what it tells of routes is not taken at the moment */
    bool by_api;            /* operators add it and take it out while the node runs */
    bool kept;              /* ... and it is there, as far as the store knows */
    net_terms kept_terms;   /* ... with these terms */
    uint64_t change;        /* group that keeps what they did last; 0: it is kept */
    bool tells_parent;      /* of routes */
    bool charge_unseen;     /* it owes what is fulfilled after its connection was lost */
    bool out;               /* it is not in the configuration, or not added */
    uint64_t out_at;        /* virtual: since then */
    bool gone;              /* ... and the node has parted with it */
    bool settles;           /* it has engines */
    bool engine_off;        /* ... and none at the moment */
    unsigned engine;        /* which one of them */
    unsigned engine_coarse; /* digits of the account that it cannot settle */
    uint64_t threshold;
    uint64_t settle_to;
    net_settle settle;
    bool due; /* it is to be settled now */
    /* What the simulator knows that its books must have. */
    oracle_i128 booked;
    oracle_u128 held;
    oracle_u128 coming;
    uint64_t unseen_packets; /* fulfilled after nobody waited any more, in this life of the node */
    oracle_u128 unseen;
    uint64_t
        late_packets; /* rejected as too late, and fulfilled after that; in this life as well */
    oracle_u128 late;
} net_account;

typedef enum net_flight_state {
    NET_FLIGHT_OUT,
    NET_FLIGHT_BOOKED, /* fulfilled, and the store has not said that it keeps it */
    NET_FLIGHT_KEPT,
    NET_FLIGHT_LEFT, /* out when the node was killed */
    NET_FLIGHT_ENDED,
} net_flight_state;

/* A packet that a node has forwarded. */
struct net_flight {
    rill_list link; /* net_node.flights while it is not kept and not ended; then net.done */
    net_node *node;
    net_prepare *in;
    net_prepare *out; /* the last one: another session may have been asked first */
    unsigned source;  /* accounts */
    unsigned destination;
    uint64_t taken;
    uint64_t given;
    uint64_t deadline; /* monotonic, of the node */
    uint64_t expires_ms;
    int64_t wall_offset; /* the node's, when it was sent; ms */
    net_flight_state state;
    uint64_t group;  /* BOOKED: that the store was given it in; 0: not yet */
    bool held;       /* LEFT: what it may take is held */
    bool charged;    /* the source pays */
    bool seen;       /* the source was there */
    bool passed;     /* ... and has been told */
    unsigned logged; /* life of the node that keeps a log of packets, and has seen it leave */
    unsigned over;   /* ... and end; 0: not */
    uint64_t over_ms;
    unsigned lines; /* of the log that are about it */
    bool expired;   /* it ended as too late */
    bool was_late;  /* ... and was fulfilled after that */
};

enum {
    NET_DISK_ROWS = 64,
    NET_DISK_RUNS = 64,
    NET_DISK_ROUTES = 128,
    NET_DISK_SETTLEMENTS = 1024,
    NET_DISK_SETTINGS = 128,
    NET_DISK_VALUE = 700,
    NET_DISK_KINDS = 8,
};

/* What packets from one to another booked in a minute of one run. */
typedef struct net_disk_flow {
    uint64_t run;
    rill_store_flow row;
} net_disk_flow;

typedef struct net_disk_settlement {
    rill_store_settlement row;
    char key[48];
    char engine[48];
    char amount[48];
} net_disk_settlement;

typedef struct net_disk_setting {
    char kind[24];
    char name[40];
    char value[NET_DISK_VALUE]; /* empty: there is none */
} net_disk_setting;

typedef struct net_disk_route {
    char account[16];
    char prefix[64];
    uint8_t value[1024];
    size_t len;
} net_disk_route;

/* A node's store: what outlives the process. */
typedef struct net_disk {
    rill_store store; /* first */
    net_node *node;
    bool real;                     /* SQLite keeps it, too, and a new process reads it from there */
    rill_sqlite *file;             /* while the process runs; NULL: it is not real */
    const rill_store_batch *batch; /* that it has been given */
    rill_store_account accounts[NET_DISK_ROWS];
    char names[NET_DISK_ROWS][16];
    char assets[NET_DISK_ROWS][16];
    rill_i128 booked[NET_DISK_ROWS];
    size_t last;
    struct {
        rill_store_entry entry;
        char key[64];
    } keys[4 * NET_ENTRIES];
    size_t key_count;
    net_disk_route routes[NET_DISK_ROUTES];
    size_t route_count;
    net_disk_settlement *settlements; /* NET_DISK_SETTLEMENTS */
    size_t settlement_count;
    net_disk_setting *settings; /* NET_DISK_SETTINGS */
    size_t setting_count;
    net_disk_flow *flows;
    size_t flow_count;
    oracle_u128 entered[NET_DISK_ROWS][NET_DISK_KINDS]; /* by kind of entry */
    uint64_t given_batch; /* of this life: batches that it was given, and the last that it has */
    uint64_t kept_batch;
    bool again;                   /* it failed: the next one is the same */
    uint64_t kept[NET_DISK_RUNS]; /* the last group, by run */
    uint64_t run;
    uint64_t given_group; /* the last that it was given in this run */
    uint64_t quick;       /* a write takes up to so long */
    uint64_t failing_until;
    uint64_t stalled_until;
} net_disk;

/* Where prices come from. */
typedef enum net_pricing { NET_PRICES_FIXED, NET_PRICES_SERVICE, NET_PRICES_ENTERED } net_pricing;

/* What a coin of an asset is worth to a node now, in coins of the first asset. */
typedef struct net_price {
    uint64_t num;
    uint64_t den;
    uint64_t good_until;    /* monotonic, of the node; RILL_NEVER; 0: there is none */
    uint64_t good_until_ms; /* of a service's, by the node's wall clock */
    /* Of one that was entered. */
    uint64_t until_ms; /* wall clock; RILL_NEVER */
    uint64_t group;    /* that it is kept with */
    uint64_t kept_num; /* the one that the store has; 0: none */
    uint64_t kept_den;
    uint64_t kept_until_ms;
} net_price;

typedef struct net_entry net_entry;

struct net_node {
    net *net;
    unsigned index;
    char address[64];
    char text[NET_TEXT]; /* its configuration */
    net_account accounts[NET_ACCOUNTS];
    unsigned account_count;
    rill_durability durability;
    uint64_t window;            /* min-message-window, ms */
    net_node *parent;           /* NULL: none */
    char routes[NET_NODES][48]; /* of the configuration */
    unsigned route_accounts[NET_NODES];
    unsigned route_count;
    uint32_t spread; /* millionths */
    net_pricing pricing;
    net_price prices[NET_ASSETS];
    uint64_t price_ticket;
    uint64_t prices_planned; /* virtual time of the next look at prices */
    bool two_people;
    unsigned kill_at_booking; /* it is killed after so many; 0: not so */
    unsigned kill_at_keeping; /* ... when its store has kept a batch, and has not said so */
    oracle_i128 exchange[NET_ASSETS];
    oracle_i128 outside[NET_ASSETS];
    uint64_t route_interval; /* seconds */
    uint64_t route_hold_down;
    net_log *log; /* of packets; NULL: it keeps none */
    /* Clocks. */
    uint64_t mono_offset;
    int64_t wall_offset; /* ms */
    /* The process. */
    unsigned life; /* counts up: what was planned for an earlier life does not happen */
    bool running;
    bool dying;
    bool draining;
    rill_core *core;
    rill_overlay overlay; /* what operators have added */
    rill_config config;
    uint64_t old_until; /* monotonic: no packet of before it began is held any more */
    rill_arena arena;
    rill_arena old[48]; /* of configurations before */
    unsigned old_count;
    net_disk disk;
    int flights_fd;
    char flights_path[40];
    rill_flights *flights_file;
    uint8_t *left; /* the list's first bytes, as the process left them */
    uint64_t wake; /* the hub's deadline */
    bool turn_planned;
    bool chores_planned;
    uint64_t planned; /* virtual time of the next look at deadlines */
    rill_list flights;
    net_prepare *coming_in;    /* the Prepare that it is being given */
    net_flight *answering;     /* the flight whose answer it is being given */
    net_entry *entering;       /* what an operator is booking */
    net_transfer *telling;     /* what an engine is telling */
    const net_account *ending; /* whose outstanding settlement an operator is ending */
    bool ending_paid;
    char problem[512]; /* that it reports */
};

/* ---- a program ---- */

struct net_program {
    net *net;
    unsigned index;
    char address[64];
    net_way *way;
    rill_endpoint *endpoint;
    uint64_t mono_offset;
    int64_t wall_offset;
    uint64_t planned;
    bool in_turn;
    bool thief;
    unsigned trick; /* how often it answers otherwise than it says, permille */
    /* A payer: what it pays. */
    net_program *to; /* NULL: it is paid */
    uint64_t amount;
    uint64_t packet; /* largest */
    uint64_t start_at;
    bool probes; /* the minimum rate */
    rill_connection *connection;
    rill_stream *stream;
    bool started;
    bool over;
    uint64_t sent;      /* what the sender says at the end */
    uint64_t delivered; /* ... */
    uint64_t in_flight; /* ... */
    int error;
    uint64_t received; /* what the receiver has counted of this payer */
    unsigned lost;     /* packets of it about which two neighbours disagree */
    uint64_t paid;     /* units whose Fulfill reached the sender */
};

/* ---- what is booked without a packet ---- */

struct net_entry {
    net_node *node;
    unsigned account;
    uint64_t amount;
    rill_entry_kind kind;
    char key[24];
    enum { NET_ENTRY_WANTED, NET_ENTRY_BOOKED, NET_ENTRY_KEPT } state;
    uint64_t group; /* BOOKED: that the store was given it in; 0: not yet */
    bool answered;
    char proposal[24]; /* where it takes two people: what the first one proposed; empty: nothing */
};

/* ---- whether packets still find their way in the end ---- */

struct net_probe {
    net_program *from;
    net_program *to;
    unsigned visited; /* nodes, a bit for each */
    bool sent;
    bool reached;
    bool answered;
    char code[4]; /* that it was rejected with */
    char by[64];  /* address */
};

/* ---- settlement ---- */

/* A settlement that an engine was asked for. */
typedef struct net_paid {
    net_node *node;
    unsigned account;
    unsigned engine;
    char key[40];
    uint64_t asked;
    oracle_i128 paid;     /* millionths */
    oracle_i128 believed; /* ... that it says */
    char body[96];        /* what it answers */
} net_paid;

/* What was paid to a neighbour, whose engine tells it. */
struct net_transfer {
    net_way *way;
    unsigned to; /* side */
    oracle_i128 amount;
    oracle_i128 dust; /* millionths that nobody can book by hand */
    char key[24];
    bool booked;
    bool kept;
    bool answered; /* the engine knows that it is booked */
};

/* Something that a node did with a settlement, until its store has it. */
typedef struct net_line {
    net_node *node;
    unsigned account;
    net_settle before;
    oracle_i128 booked; /* what it did to the balance */
    uint64_t batch;     /* that the store was given it in; 0: not yet */
    bool begins;        /* a settlement */
    bool over;          /* it is kept, or has never happened */
    net_transfer *told;
} net_line;

/* ---- all of it ---- */

typedef struct net_asset {
    char code[8];
    uint8_t scale;
    uint32_t num; /* the price of a coin */
    uint32_t den;
} net_asset;

/* How often things happened, over all seeds. */
typedef struct net_counts {
    uint64_t seeds, nodes, prepares, fulfilled, forwarded, booked;
    uint64_t cuts, kills, drains, reloads, clocks, stalls, failures, tricks;
    uint64_t recovered, uncharged, unseen, unheard, left, late, named, given_up;
    uint64_t payments, complete, delivered_some;
    uint64_t real_stores, entries, asked_again, thefts;
    uint64_t taken_out, put_back, gone, refused_loads, recovered_gone;
    uint64_t settled, engine_calls, paid, told, told_again, lies, ended, undone, proposals;
    uint64_t prices, stale;
    uint64_t added, dropped, patched, refused_drops, unkept;
    uint64_t flaps, dark, quiet;
    uint64_t paced, probes, unreachable, lines, kept_logs;
} net_counts;

struct net {
    sim_report report;
    sim_queue queue;
    sim_rng rng;      /* of what happens */
    sim_rng plan;     /* of what there is */
    sim_rng patience; /* of who does not wait */
    uint64_t seed;
    rill_crypto *crypto;
    net_asset assets[NET_ASSETS];
    unsigned asset_count;
    net_node nodes[NET_NODES];
    unsigned node_count;
    net_program programs[NET_PROGRAMS];
    unsigned program_count;
    net_way ways[NET_WAYS];
    unsigned way_count;
    net_entry entries[NET_ENTRIES];
    unsigned entry_count;
    net_prepare **prepares;
    size_t prepare_count;
    size_t prepare_cap;
    rill_list done; /* flights that are over */
    net_paid *paid;
    size_t paid_count;
    net_transfer **transfers;
    size_t transfer_count;
    net_line *lines;
    size_t line_count;
    net_probe probes[NET_PROBES];
    unsigned probe_count;
    bool configured;       /* routes are in the configuration */
    bool learns;           /* routes, by CCP */
    bool calm;             /* no faults any more */
    bool engines_calm;     /* nor of engines */
    uint64_t engines_away; /* until then */
    uint64_t faults_until;
    net_counts counts;
};

static inline uint64_t net_now(const net *n)
{
    return n->queue.now;
}

#endif

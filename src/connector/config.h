/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a connector: what `rilld run --config FILE` reads. */
#ifndef RILL_CONNECTOR_CONFIG_H
#define RILL_CONNECTOR_CONFIG_H

#include <rill/types.h>

#include "connector/overlay.h"
#include "connector/shape.h"
#include "store/store.h"

typedef enum rill_relation {
    RILL_RELATION_PARENT, /* it gives us our address, and knows the rest of the network */
    RILL_RELATION_PEER,   /* an equal */
    RILL_RELATION_CHILD,  /* it has an address below ours, which we give it */
} rill_relation;

/* A port. */
typedef struct rill_config_port {
    rill_place place;
    const char *host;
    uint64_t port;
    bool http; /* ILP over HTTP beside BTP */
    const char *cert_file;
    const char *key_file;
    bool insecure; /* others reach it without TLS, and that is meant */
} rill_config_port;

/* How a neighbour is reached, if we connect to it. */
typedef struct rill_config_link {
    rill_place place;
    const char *uri;   /* without a token */
    const char *token; /* a secret; NULL: none */
    uint64_t connections;
    const char *callback_url; /* where it is to post its replies; NULL: they are in responses */
    const char *answers_url;  /* where it takes ours then; NULL: at uri */
    const char *ca_file;      /* authorities to trust beside the system's; NULL */
    bool insecure;            /* it is without TLS, and not of this machine, and that is meant */
} rill_config_link;

/* The engine's finest amounts are those of the account. */
#define RILL_CONFIG_ACCOUNTS_SCALE UINT64_MAX

/* How an account is settled. */
typedef struct rill_config_settlement {
    rill_place place;
    const char *engine;  /* the URL of its engine; NULL: none */
    const char *token;   /* a secret that the engine is shown; NULL: none */
    rill_items tokens;   /* rill_text, secrets: it shows one of these; none: one of `engines` */
    uint64_t threshold;  /* units that we owe: then it is settled */
    uint64_t settle_to;  /* units that we owe afterwards */
    uint64_t scale;      /* of the engine; RILL_CONFIG_ACCOUNTS_SCALE */
    const char *ca_file; /* authorities to trust beside the system's; NULL */
    bool insecure;       /* the engine may be http, and not of this machine */
} rill_config_settlement;

/* How an account came about that two nodes have agreed on by themselves (connector/peering.h). */
typedef enum rill_peering_made {
    RILL_PEERING_ASKED,    /* an operator of ours has asked the peer */
    RILL_PEERING_ACCEPTED, /* the peer has asked us */
} rill_peering_made;

typedef struct rill_config_peered {
    rill_place place;
    const char *address; /* the peer's, to which packets go by this account; NULL: it is not such */
    int made;            /* rill_peering_made */
    const char *with;    /* the URL that was asked, or the address of who asked */
    const char *at;      /* when */
    const char *key;     /* from which, with the secret of `peering`, the link's token is made */
    bool quiet;          /* nobody is told of the route */
} rill_config_peered;

/*
 * What most do not have is of all that were read together (RILL_KIND_SHARED), so that it costs them
 * nothing.
 */
typedef struct rill_config_account {
    rill_place place;
    const char *name;
    int relation; /* rill_relation */
    rill_config_asset asset;
    const char *segment;       /* child: the last part of its address; NULL: the name */
    rill_config_link *link;    /* uri NULL: it connects to us */
    rill_items tokens;         /* rill_text, secrets: it shows one of these when it connects */
    uint64_t credit;           /* units that it may owe us; UINT64_MAX: no limit */
    uint64_t most;             /* units that we may owe it; UINT64_MAX: no limit */
    uint64_t max_packet;       /* units */
    uint64_t packets_a_second; /* from it; 0: no limit */
    uint64_t amount_a_second;  /* units in them; 0: no limit */
    uint64_t packets_to_a_second;
    uint64_t amount_to_a_second;
    uint64_t max_sessions;
    int send_routes;    /* 0, 1, or RILL_CONFIG_BY_RELATION */
    int receive_routes; /* the same */
    uint64_t max_routes;
    bool charge_unseen; /* it owes what is fulfilled after its connection or request was lost */
    rill_config_settlement *settlement;
    rill_config_peered *peered;
} rill_config_account;

/* Of send_routes and receive_routes. */
#define RILL_CONFIG_BY_RELATION (-1)
/* Is it told our routes? Does it tell us its own? */
bool rill_config_sends_routes(const rill_config_account *a);
bool rill_config_receives_routes(const rill_config_account *a);

typedef struct rill_config_price {
    rill_place place;
    const char *code;
    rill_ratio price;
} rill_config_price;

typedef struct rill_config_spread {
    rill_place place;
    const char *from;
    const char *to;
    uint32_t spread;
} rill_config_spread;

typedef struct rill_config_rates {
    rill_place place;
    const char *base;     /* an asset's code */
    rill_items prices;    /* rill_config_price */
    const char *url;      /* of a service; NULL: there is none */
    const char *token;    /* a secret that it is shown; NULL: none */
    const char *ca_file;  /* authorities to trust beside the system's; NULL */
    bool insecure;        /* it may be http, and not of this machine */
    bool by_api;          /* prices may come by the API alone */
    uint64_t refresh;     /* nanoseconds from one question to the next */
    uint64_t timeout;     /* nanoseconds for an answer */
    uint64_t stale_after; /* nanoseconds that a price of it is good for */
    uint32_t spread;      /* millionths */
    rill_items spreads;
} rill_config_rates;

typedef struct rill_config_route {
    rill_place place;
    const char *prefix;
    const char *account;
} rill_config_route;

/* No port for operators. */
#define RILL_CONFIG_NO_PORT UINT64_MAX

/*
 * What the one who shows a token may do at the operator's port: a bit for each. Each operation
 * needs one of them.
 */
typedef enum rill_scope {
    RILL_SCOPE_READ = 1,     /* look at everything but metrics, and follow what happens */
    RILL_SCOPE_METRICS = 2,  /* metrics alone */
    RILL_SCOPE_ACCOUNTS = 4, /* add, change and take out accounts, peers and routes */
    RILL_SCOPE_MONEY = 8,    /* book by hand, confirm what others propose to book */
    RILL_SCOPE_RATES = 16,   /* enter prices */
    RILL_SCOPE_NODE = 32,    /* load the configuration, drain, set the log's level */
    RILL_SCOPE_BACKUP = 64,  /* make copies of the books, in the folder of the configuration */
    RILL_SCOPES_ALL = 127,
} rill_scope;

/* An operator, by the token that he shows. */
typedef struct rill_config_operator {
    rill_place place;
    const char *token; /* where it is, or its hash */
    unsigned scopes;   /* at least one */
} rill_config_operator;

/* The operator's port, and socket. */
typedef struct rill_config_admin {
    rill_place place;
    const char *socket; /* a path, or "none"; NULL: by default */
    const char *host;
    uint64_t port; /* RILL_CONFIG_NO_PORT: none */
    const char *cert_file;
    const char *key_file;
    rill_items tokens; /* rill_config_operator */
    rill_items names;  /* rill_text */
    bool insecure;     /* others may reach it without TLS */
    bool two_people;   /* what is booked by hand is proposed by one, and confirmed by another */
} rill_config_admin;

/* The port of settlement engines. */
typedef struct rill_config_engines {
    rill_place place;
    const char *host;
    uint64_t port; /* RILL_CONFIG_NO_PORT: none */
    const char *cert_file;
    const char *key_file;
    rill_items tokens; /* rill_text, secrets */
    bool unprotected;  /* without tokens, though others than this machine reach it */
    bool insecure;     /* others reach it without TLS, and that is meant */
} rill_config_engines;

/* Who is told of each line of the audit. */
typedef struct rill_config_webhooks {
    rill_place place;
    const char *url;      /* NULL: nobody */
    const char *secret;   /* a secret that signs */
    const char *ca_file;  /* authorities to trust beside the system's; NULL */
    bool insecure;        /* it may be http, and not of this machine */
    uint64_t timeout;     /* nanoseconds for an answer */
    uint64_t retry_after; /* nanoseconds until the first of several tries */
} rill_config_webhooks;

/* What is kept of each packet. */
typedef struct rill_config_packet_log {
    rill_place place;
    const char *folder; /* NULL: nothing is */
    uint64_t size;      /* bytes of all its files */
    uint64_t keep;      /* nanoseconds */
    bool addresses;     /* where packets go is in it */
} rill_config_packet_log;

bool rill_config_same_webhooks(const rill_config_webhooks *a, const rill_config_webhooks *b);

/* What a peer gets that asks for an account in this asset. */
typedef struct rill_config_grant {
    rill_place place;
    rill_config_asset asset;
    uint64_t credit;     /* as of rill_config_account */
    uint64_t most;       /* the same */
    uint64_t max_packet; /* the same */
    uint64_t packets_a_second;
    uint64_t amount_a_second;
    rill_config_settlement settlement;
} rill_config_grant;

/* Who may ask for an account, and where. */
typedef struct rill_config_accept {
    rill_place place;
    const char *host;
    uint64_t port; /* RILL_CONFIG_NO_PORT: nobody */
    const char *cert_file;
    const char *key_file;
    rill_items assets;           /* rill_config_grant */
    bool approve;                /* an operator has to agree to each */
    uint64_t max_peers;          /* that were made so, and that wait */
    uint64_t requests_a_minute;  /* of all */
    uint64_t requests_each;      /* of one address */
    rill_items hosts;            /* rill_text: whose URLs are good; none: all */
    rill_items refused_hosts;    /* rill_text */
    rill_items prefixes;         /* rill_text: of ILP addresses that are good; none: all */
    rill_items refused_prefixes; /* rill_text */
} rill_config_accept;

/* Auto-peering, as Rafiki has it. */
typedef struct rill_config_peering {
    rill_place place;
    const char *url;     /* where peers reach our ILP over HTTP; NULL: there is no auto-peering */
    const char *name;    /* that peers are told; NULL: our address */
    const char *secret;  /* a secret from which the tokens are made that we show */
    const char *ca_file; /* authorities to trust beside the system's; NULL */
    bool insecure;       /* URLs may be http, and of any host */
    uint64_t timeout;    /* nanoseconds for an answer */
    rill_config_accept accept;
} rill_config_peering;

typedef struct rill_config_store {
    rill_place place;
    const char *path;
    int durability;        /* rill_durability */
    uint64_t keep_minutes; /* nanoseconds that sums of minutes are kept for; 0: for ever */
    const char *backups;   /* the folder of copies that are made by name; NULL: there is none */
} rill_config_store;

typedef struct rill_config {
    rill_place place;
    const char *address; /* NULL: the parent gives it */
    rill_config_store store;
    rill_config_admin admin;
    rill_config_engines engines;
    rill_items listen;   /* rill_config_port */
    rill_items accounts; /* rill_config_account */
    rill_config_rates rates;
    rill_config_webhooks webhooks;
    rill_config_peering peering;
    rill_config_packet_log packet_log;
    rill_items routes;           /* rill_config_route */
    const char *default_route;   /* an account; NULL: the parent, if there is one */
    uint64_t min_message_window; /* nanoseconds */
    uint64_t max_hold_time;      /* nanoseconds */
    uint64_t route_interval;     /* nanoseconds */
    uint64_t route_hold_down;    /* nanoseconds */
} rill_config;

/*
 * Reads a configuration and looks if it makes sense. Every error is reported; the errors of
 * rill_shape_read. What it points at is in the arena.
 */
RILL_MUST_CHECK int rill_config_read(rill_config *out, rill_arena *arena, const char *text,
                                     size_t len, rill_shape_report *report, void *user);
/*
 * The same, with what operators added, of which each item gets its trouble: what does not fit to
 * the configuration is left out. overlay may be NULL. address: that the parent gave, for a
 * configuration without one; NULL: none yet.
 */
RILL_MUST_CHECK int rill_config_read_with(rill_config *out, rill_arena *arena, const char *text,
                                          size_t len, const char *address, rill_overlay *overlay,
                                          rill_shape_report *report, void *user);
/*
 * The two halves of it: reading, and looking if it makes sense. RILL_ERR_MALFORMED (reported),
 * RILL_ERR_NOMEM; RILL_ERR_LIMIT of the first.
 */
RILL_MUST_CHECK int rill_config_parse(rill_config *out, rill_arena *arena, const char *text,
                                      size_t len, rill_shape_report *report, void *user);
RILL_MUST_CHECK int rill_config_judge(const rill_config *config, rill_arena *arena,
                                      rill_shape_report *report, void *user);
/*
 * What a node does, and what is not safe: tokens that cross a network in clear. Each is reported,
 * RILL_CONFIG_WARNINGS at most. only: of this account alone; NULL: of all.
 */
enum { RILL_CONFIG_WARNINGS = 20 };
void rill_config_warn(const rill_config *config, const char *only, rill_shape_report *report,
                      void *user);
/* One account: what stands below its name. Its name is not set. The errors of rill_shape_read. */
RILL_MUST_CHECK int rill_config_parse_account(rill_config_account *out, rill_arena *arena,
                                              const char *text, rill_shape_report *report,
                                              void *user);
/* The same of a text that was read before. */
RILL_MUST_CHECK int rill_config_take_account(rill_config_account *out, rill_arena *arena,
                                             const rill_yaml_tree *tree, rill_shape_report *report,
                                             void *user);

/*
 * Where the operator's socket is: in out, NUL-terminated. Empty: there is none. RILL_ERR_BUFFER.
 */
RILL_MUST_CHECK int rill_config_socket(const rill_config *config, char *out, size_t cap);
/* Are these items of rill_text the same, in the same order? */
bool rill_config_same_texts(const rill_items *a, const rill_items *b);
/* Texts that may be left out, which is NULL. */
bool rill_config_same_text(const char *a, const char *b);
/* "money"; scope is one bit. */
const char *rill_config_scope_name(rill_scope scope);

/* A token of which the configuration has only "sha256:" and 64 digits. False: it is another one. */
#define RILL_CONFIG_HASH "sha256:"
bool rill_config_token_hash(const char *where, uint8_t out[32]);
/* The JSON schema, NUL-terminated, in the arena; NULL: no memory. */
const char *rill_config_schema(rill_arena *arena);

/*
 * A secret that the configuration names, read from the file or the environment, without a newline
 * at its end. Writes to out[cap], NUL-terminated. RILL_ERR_NOT_FOUND, RILL_ERR_IO,
 * RILL_ERR_BUFFER, RILL_ERR_INVALID (empty, or with a NUL).
 */
RILL_MUST_CHECK int rill_config_secret(const char *where, char *out, size_t cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A connector on a loop, for the files of it alone. Whoever includes this defines
 * _POSIX_C_SOURCE first, for uv.h. */
#ifndef RILL_CONNECTOR_RUN_IMPL_H
#define RILL_CONNECTOR_RUN_IMPL_H

#include "clients/web_client.h"
#include "connector/admin.h"
#include "connector/core.h"
#include "connector/engine_port.h"
#include "connector/kept_text.h"
#include "connector/peering_port.h"
#include "connector/run.h"
#include "connector/run_packets.h"
#include "connector/run_rates.h"
#include "connector/run_webhooks.h"
#include "io/loop.h"
#include "links/port.h"
#include "serve/way.h"
#include "store/sqlite.h"

/* A link that we open. */
typedef struct connector_link {
    rill_connector *owner;
    const rill_config_account *config;
    const char *secret; /* of `peering`, of the same configuration; NULL */
    bool open;          /* or was */
    bool dropped;       /* another configuration has it no more, or has another in its place */
    bool is_new;        /* of a configuration that is not applied yet */
    bool stays;         /* while another configuration is applied */
    bool parting;     /* its account leaves: it stays until the packets that are out are answered */
    bool replaced;    /* parting, while its account stays: it has no link now, or another one */
    uint64_t part_by; /* of one that was replaced: when it is closed at last, monotonic */
    uint64_t reopen_at; /* monotonic nanoseconds; 0: it is open, or was never */
    uint64_t wait;      /* before that */
    struct connector_link *next_parting;
    rill_agreement agreement;      /* with the parent, of the account's asset */
    bool agreed_once;              /* or it differed: the parent has said at least once */
    bool differs;                  /* it did when the parent said last */
    uint8_t hash[RILL_SHA256_LEN]; /* of the URI with its token */
    rill_way way;
} connector_link;

typedef struct connector_port {
    rill_connector *owner;
    rill_port *port; /* NULL: it is closed */
    const rill_config_port *config;
} connector_port;

/* What its ports and links tell it: run.c. */
typedef struct connector_events {
    /* The parent has said what our address is: the rest can begin. */
    void (*addressed)(rill_connector *c);
    /* It cannot begin: says so to the owner, and closes. */
    void (*failed)(rill_connector *c, int rc);
    /* A port or a link of a connector that closes is gone. */
    void (*gone)(rill_connector *c);
    /* Something is to be looked at in a moment. */
    void (*chores)(rill_connector *c);
    /* One of `handles` is closed, which was counted. */
    void (*handle_closed)(rill_connector *c);
} connector_events;

/* Authorities to trust beside the system's. */
typedef struct connector_ca {
    struct connector_ca *next;
    rill_web_client *web; /* by which engines are asked; NULL: not yet */
    char path[];          /* empty: none but the system's */
} connector_ca;

typedef struct connector_engine {
    struct connector_engine *next;
    connector_ca *ca;
    char url[];
} connector_engine;

typedef struct connector_arena {
    struct connector_arena *next;
    rill_arena arena;
} connector_arena;

struct rill_connector {
    rill_loop *loop;
    const connector_events *events;
    rill_connector_options options;
    rill_connector_handlers on;
    void *user;
    char *path;                  /* of the configuration */
    rill_arena arena;            /* what the configuration points at */
    connector_arena *old_arenas; /* of configurations before, which accounts that leave still use */
    rill_config config;
    rill_kept_text text; /* that it was read from */
    rill_overlay overlay;
    char address[RILL_ILP_MAX_ADDRESS + 1]; /* that the parent gave; empty: none */
    rill_core *core;
    rill_store *store;
    rill_flights *flights;
    connector_port *ports;
    size_t port_count;
    size_t open_ports; /* the operator's, too */
    rill_admin *admin; /* NULL: there is none, or it is closed */
    rill_tokens operators;
    rill_admin_control control;
    rill_admin_backup backup;
    rill_store_look *backup_look; /* NULL: none is made */
    rill_engine_port *engines;    /* NULL: there is none, or it is closed */
    rill_tokens engine_tokens;
    rill_tokens own_engine_tokens;   /* of one account each; whose: its configuration */
    connector_ca *cas;               /* authorities, and by which engines are asked */
    connector_engine *known_engines; /* that have authorities of their own */
    rill_list calls;                 /* that are under way */
    rill_peering_port *peering;      /* NULL: there is none, or it is closed */
    rill_list peer_calls;            /* questions to peers that are under way */
    rill_list peer_calls_done;       /* and over, which are to be freed */
    size_t peer_call_count;          /* of both */
    uint64_t last_ticket;            /* of such a question */
    rill_task peers_done;
    rill_run_rates *rates;            /* NULL: it has not begun, or is closed */
    rill_run_webhooks *webhooks;      /* the same */
    rill_run_packets *packets;        /* NULL: there is no log of packets */
    rill_run_packets *ending_packets; /* of configurations before */
    char socket[512];                 /* the operator's; empty: there is none */
    connector_link **links;
    connector_link *parting; /* none of those */
    size_t link_count;
    size_t open_links;
    uv_timer_t tick;  /* the hub's */
    uv_timer_t retry; /* the clerk's */
    uv_timer_t chores;
    uv_timer_t speak; /* of routes */
    uv_async_t written;
    unsigned handles;
    rill_task turn;
    rill_task draining;
    rill_task stopping;  /* an operator asked for it */
    rill_task beginning; /* what is left of the beginning, and then `ready` */
    int failure;
    bool begun;       /* it has an address; what is booked belongs into the store */
    bool ready_waits; /* `ready` is told once the new accounts are in the store */
    bool stopped;
    bool closing;
    bool finishing; /* ports and links are gone; the store is asked for the rest */
};

/* run_say.c */

/* Reports what is wrong with all of it. */
void rill_connector_say(const rill_connector_options *o, const char *what);
/* Reports what is wrong, and where in the configuration. user: the options. */
void rill_connector_problem(void *user, rill_place place, const char *problem);
/* Logs a line. user: the connector. */
void rill_connector_line(void *user, rill_log_level level, const char *line);
void rill_connector_told(void *user, rill_log_level level, const char *line,
                         const rill_log_about *about);
/* As of rill_writer_options. */
void rill_connector_merge_failed(void *user, const char *problem);

/* The same about what an operator has done. */
void rill_connector_tell(const rill_connector *c, const char *line);

/* Tells those who follow what was settled. user: the connector. */
void rill_connector_entered(void *user, const rill_holder_account *a, const rill_store_entry *entry,
                            uint64_t group);

/* run_config.c */

/* The file's text, to be freed with rill_free. The errors of rill_connector_check. */
RILL_MUST_CHECK int rill_connector_read_file(const rill_connector_options *o, char **text,
                                             size_t *len);
/*
 * What the text says, with what operators added; what is wrong is reported. address and overlay as
 * of rill_config_read_with. The errors of rill_connector_check.
 */
RILL_MUST_CHECK int rill_connector_read_text(const rill_connector_options *o, const char *text,
                                             size_t len, const char *address, rill_overlay *overlay,
                                             rill_config *out, rill_arena *arena);
/* The address that the parent gave; NULL: none. */
const char *rill_connector_given_address(const rill_connector *c);

/*
 * Reports what is not safe, as rill_config_warn. user: as of rill_connector_problem, the options.
 */
void rill_connector_warn(const rill_connector_options *o, const rill_config *config,
                         const char *only);

/* As of rill_core_options. */
int rill_connector_secret(void *user, const char *where, char *out, size_t cap);

/* run_ports.c: both report what is wrong. */

RILL_MUST_CHECK int rill_connector_open_ports(rill_connector *c);
/* The operator's port, if the configuration has one. */
RILL_MUST_CHECK int rill_connector_open_admin(rill_connector *c);
/* For rill_port_close of one of them. */
void rill_connector_port_closed(void *owner);
/*
 * Which operators' tokens the configuration has; what is wrong is reported. RILL_ERR_INVALID.
 * Owners are of the configuration: rill_config_operator.
 */
RILL_MUST_CHECK int rill_connector_know_operators(rill_connector *c, const rill_config *config,
                                                  rill_tokens *tokens);
/* Certificates anew. What is wrong is reported: RILL_ERR_INVALID. */
RILL_MUST_CHECK int rill_connector_renew_tls(rill_connector *c, const rill_config *fresh);

/* What is wrong with a port, for people. */
const char *rill_connector_port_problem(int rc);
/* Reads tokens, whose owners are where they are from; what is wrong is reported. RILL_ERR_INVALID.
 */
RILL_MUST_CHECK int rill_connector_know_secrets(rill_connector *c, const rill_items *secrets,
                                                rill_tokens *tokens);
/* The hash of one. What is wrong is reported: RILL_ERR_INVALID. */
RILL_MUST_CHECK int rill_connector_secret_hash(const rill_connector *c, const rill_text *where,
                                               uint8_t hash[RILL_SHA256_LEN]);

/* For the options of ports of which there is one: user is the connector. */
void rill_connector_port_line(void *user, const char *line);
void rill_connector_one_port_less(void *user);

/* run_calls.c */

/* A call by HTTP: the first member of what its owner remembers of it. */
typedef struct connector_call {
    rill_list linked;
    rill_connector *owner;
    /* Once, from the loop: it is in no list any more. */
    void (*answered)(struct connector_call *call, const rill_web_answer *answer);
} connector_call;

/* It is in `all` until it is answered. The errors of rill_web_call_start: then it is in no list. */
RILL_MUST_CHECK int rill_connector_start_call(connector_call *call, rill_list *all,
                                              rill_web_client *web, const rill_web_ask *ask);
/* Takes the first one out, which nobody is told of if its client is gone. NULL: there is none. */
connector_call *rill_connector_take_call(rill_list *all);

/* run_backup.c: as of rill_admin_control. user: the connector. */
RILL_MUST_CHECK int rill_connector_backup(void *user, const char *path, bool make_folder,
                                          bool replace);
void rill_connector_backup_state(void *user, rill_admin_backup *out);
void rill_connector_stop_backup(void *user);

/* run_engines.c */

/*
 * A path of authorities that stays while the connector is there, for those who borrow it. NULL: no
 * memory.
 */
const char *rill_connector_ca(rill_connector *c, const char *path);
/*
 * Which engines have authorities of their own, in addition to those of *known. What cannot be read
 * is reported: RILL_ERR_INVALID. RILL_ERR_NOMEM. After an error, too, rill_connector_use_engines or
 * rill_connector_forget_engines takes them.
 */
RILL_MUST_CHECK int rill_connector_know_engines(rill_connector *c, const rill_config *config,
                                                connector_engine **known);
/* They are those of this configuration, and calls use them from now on. */
void rill_connector_use_engines(rill_connector *c, connector_engine *known,
                                const rill_config *config);
void rill_connector_forget_engines(connector_engine *known);
/* By which an engine is asked. NULL: no memory. */
connector_ca *rill_connector_engine_ca(rill_connector *c, const char *url);
/*
 * Reads the tokens of engines of one account each; what is wrong is reported. RILL_ERR_INVALID,
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_connector_know_own_tokens(rill_connector *c, const rill_config *config,
                                                   rill_tokens *tokens);
/* The engines' port, if the configuration has one. What is wrong is reported. */
RILL_MUST_CHECK int rill_connector_open_engines(rill_connector *c);
/* As of rill_core_options. user: the connector. */
RILL_MUST_CHECK int rill_connector_call_engine(void *user, const rill_engine_call *call);
void rill_connector_messaged(void *user, uint64_t message, unsigned status, rill_bytes data);
/* After rill_connector_end_calls, and after the links. */
void rill_connector_free_engines(rill_connector *c);
/* Nobody is told how calls end; the port closes. */
void rill_connector_end_calls(rill_connector *c);

/* run_peering.c */

/* The port of nodes that ask for an account. What is wrong is reported. */
RILL_MUST_CHECK int rill_connector_open_peering(rill_connector *c);
/* Can its secret be read? What is wrong is reported: RILL_ERR_INVALID. */
RILL_MUST_CHECK int rill_connector_check_peering(rill_connector *c, const rill_config *config);
/* As of rill_admin_control. user: the connector. */
RILL_MUST_CHECK int rill_connector_ask_peer(void *user, rill_peering_question *question,
                                            uint64_t *ticket);
/* Before all of these. */
void rill_connector_begin_peers(rill_connector *c);
/* The books are kept up to this group: who waits for it is answered. */
void rill_connector_kept_peers(rill_connector *c, uint64_t group);
/* Nobody is told how questions end; the port closes. */
void rill_connector_end_peers(rill_connector *c);

/* run_links.c */

/* Finds the accounts that we connect to. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_connector_prepare_links(rill_connector *c);
/* The parent's alone, which is to be asked for our address. */
RILL_MUST_CHECK int rill_connector_open_parent(rill_connector *c);
/* Opens what is not open yet, and gives all to the hub. */
RILL_MUST_CHECK int rill_connector_open_links(rill_connector *c);
void rill_connector_free_links(rill_connector *c);
/* Opens again what was closed and has waited long enough. When the next is to be. */
uint64_t rill_connector_reopen_links(rill_connector *c);
/*
 * What becomes of links with another configuration: those that stay, and new ones, which are open.
 * What is wrong is reported: RILL_ERR_INVALID and others.
 */
RILL_MUST_CHECK int rill_connector_change_links(rill_connector *c, const rill_config *fresh,
                                                connector_link ***out);
/* Closes those whose accounts have left. */
void rill_connector_part_links(rill_connector *c);
/* At the end: all that are open. */
void rill_connector_close_links(rill_connector *c);
void rill_connector_forget_links(connector_link **links, size_t count);
/* After rill_core_apply. */
void rill_connector_apply_links(rill_connector *c, connector_link **links,
                                const rill_config *fresh);

/* run_reload.c */

/* Those of configurations that nobody uses any more. */
void rill_connector_free_arenas(rill_connector *c);

/* Looks anew what is set aside, where another configuration or a change is refused. */
void rill_connector_look_again(rill_connector *c);

/* What rill_connector_reload does, for the operator's port. */
int rill_connector_load(rill_connector *c, const char *who, json_t *changes, json_t *problems);
/* The same with the text that was read last. What is wrong with this item (NULL) refuses it. */
int rill_connector_load_again(rill_connector *c, const char *who, const rill_overlay_item *wanted,
                              json_t *changes, json_t *problems);

/* run_change.c */

/*
 * The parent has given this node's address: a peer that said that it is his, or what is below it,
 * is set aside. The errors of rill_connector_load_again.
 */
RILL_MUST_CHECK int rill_connector_judge_peers(rill_connector *c);

/* All of these: user is the connector. */

/* Tells the core all that the books have. The errors of rill_sqlite_read. */
RILL_MUST_CHECK int rill_connector_read_store(rill_connector *c, rill_sqlite *file,
                                              const rill_store_reader *reader);

/* What the store has, before the configuration is read with it. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_connector_know_setting(void *user, const rill_store_setting *setting);
/* As of rill_admin_control. */
const rill_overlay *rill_connector_overlay(void *user);
int rill_connector_change(void *user, const rill_admin_change *change, json_t *changes,
                          json_t *problems, uint64_t *group);

#endif

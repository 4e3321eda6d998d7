/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator can ask a connector and tell it, over HTTP: which resources there are, and what
 * each answers. It knows no connections: docs/connector.md has the table.
 */
#ifndef RILL_CONNECTOR_ADMIN_API_H
#define RILL_CONNECTOR_ADMIN_API_H

#include <jansson.h>
#include <rill/types.h>

#include "connector/admin_origin.h"
#include "connector/core.h"
#include "connector/events.h"
#include "connector/packet_search.h"
#include "connector/peering.h"
#include "store/look.h"

/* Bytes of a request's body. */
#define RILL_ADMIN_MAX_BODY 65536

/* An account or a route that somebody adds, changes or takes out. */
typedef struct rill_admin_change {
    const char *kind; /* RILL_SETTING_ACCOUNT or RILL_SETTING_ROUTE */
    const char *name;
    const char *value; /* as of rill_overlay_item; NULL: it is taken out */
    const char *who;
} rill_admin_change;

/* The copy of the books that is made now, or was made last by this process. */
typedef struct rill_admin_backup {
    enum { RILL_BACKUP_NONE, RILL_BACKUP_RUNS, RILL_BACKUP_DONE, RILL_BACKUP_FAILED } state;
    char path[RILL_BACKUP_PATH];
    uint64_t pages; /* that there are to copy; 0: it is not known yet */
    uint64_t copied;
    uint64_t begun_ms;
    uint64_t ended_ms; /* once it is done, or has failed */
    char problem[RILL_LOOK_PROBLEM];
} rill_admin_backup;

/* What the port asks of who runs the connector. */
typedef struct rill_admin_control {
    /* Looks into the store: rill_store_look_into. */
    void (*look)(void *user, rill_store_look *look);
    /* Takes no new packets, and ends once those under way are answered, as a signal does. */
    void (*drain)(void *user);
    rill_log_level (*level)(void *user);
    void (*set_level)(void *user, rill_log_level level);
    /*
     * As rill_connector_reload; what is different, or wrong, is appended to these arrays, a line
     * each.
     */
    int (*load)(void *user, const char *who, json_t *changes, json_t *problems);
    /* What operators have added. */
    const rill_overlay *(*overlay)(void *user);
    /*
     * Applies a change at once, and keeps it; *group is when it is kept. As `load`;
     * RILL_ERR_NOT_FOUND: there is none to take out. RILL_ERR_LIMIT, RILL_ERR_TOO_LARGE.
     */
    int (*change)(void *user, const rill_admin_change *change, json_t *changes, json_t *problems,
                  uint64_t *group);
    /* As rill_packet_desk_search. RILL_ERR_NOT_FOUND: there is no log of packets. */
    int (*search)(void *user, rill_packet_search *search);
    void *user;
    /*
     * Asks a peer; what came of it is told with the ticket, later. The question is taken, also
     * where this fails. RILL_ERR_LIMIT: as many are asked already as may be at a time.
     * RILL_ERR_CLOSED, RILL_ERR_INVALID (the URL), RILL_ERR_TLS (ca), RILL_ERR_NOMEM.
     */
    int (*ask_peer)(void *user, rill_peering_question *question, uint64_t *ticket);
    /*
     * Begins a copy of the books; what comes of it is in backup_state. make_folder and replace are
     * as of rill_store_look. RILL_ERR_EXISTS: another one is made. RILL_ERR_CLOSED, RILL_ERR_NOMEM.
     */
    int (*backup)(void *user, const char *path, bool make_folder, bool replace);
    void (*backup_state)(void *user, rill_admin_backup *out);
    /* The copy that is made is not wanted any more; backup_state says what came of it. */
    void (*stop_backup)(void *user);
} rill_admin_control;

typedef struct rill_admin_request {
    rill_bytes method;
    rill_bytes path; /* with the query */
    rill_bytes body;
    unsigned scopes; /* of the token that it shows, of rill_scope; 0: it shows none that is known */
    const char *person; /* who asks: where the token is from, or "socket"; NULL: nobody knows */
    const char *known;  /* the same for the audit: of the socket with its user; NULL: as `person` */
    bool local;         /* it came by the socket */
    rill_admin_origin from;
    const rill_events *events; /* NULL: this node remembers none */
} rill_admin_request;

/* A look that was begun, and what its answer looks like. */
typedef struct rill_admin_look {
    rill_store_look look; /* first */
    char account[RILL_STORE_NAME_MAX + 1];
    char asset[RILL_STORE_ASSET_MAX + 1];
    uint8_t scale;
    bool csv;
    const char *step; /* "minute", "hour", "day" or "all" */
    bool compares;    /* with this head */
    rill_audit_head since;
    uint64_t until_ms; /* of a statement, as it is shown; its lines may be later without an end */
} rill_admin_look;

typedef struct rill_admin_answer {
    unsigned status;
    const char *type;  /* of the body */
    char *body;        /* to be freed with rill_admin_free; NULL: none */
    const char *allow; /* with 405: the methods that there are */
    bool page;         /* it is of the page: a browser is told what it may do with it */
    bool follows;      /* there is no body: what happens from now on is told */
    bool watches;      /* the same of packets that pass, those of `live` */
    rill_live_filter live;
    uint64_t group;  /* the answer is true once the books are kept up to it; 0: now */
    uint64_t ticket; /* there is no answer yet: a peer is asked, and then it comes; 0: there is */
    /*
     * There is no answer yet: this is to be given to the store, and `done` of it to call
     * rill_admin_answer_look. The caller's, to be freed with rill_admin_free_look. NULL: there is.
     */
    rill_admin_look *look;
    /* The same, with the log of packets, rill_admin_answer_search and rill_admin_free_search. */
    rill_packet_search *search;
} rill_admin_answer;

/* Never fails: what cannot be done is an answer, too. control may be NULL: there is none. */
void rill_admin_ask(rill_core *core, const rill_admin_control *control,
                    const rill_admin_request *request, rill_admin_answer *out);
void rill_admin_free(rill_admin_answer *answer);
/* What was looked for is found. */
void rill_admin_answer_look(const rill_admin_look *look, rill_admin_answer *out);
void rill_admin_free_look(rill_admin_look *look);
void rill_admin_answer_search(const rill_packet_search *search, rill_admin_answer *out);
void rill_admin_free_search(rill_packet_search *search);

/*
 * The resources that there are, for who describes them: NULL behind the last. *scope: what a token
 * needs; 0: it is open to everybody.
 */
const char *rill_admin_resource(size_t index, const char **method, unsigned *scope);

#endif

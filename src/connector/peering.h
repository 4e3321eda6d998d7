/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Auto-peering: who may have an account that no operator has written down, and on which terms. A
 * stranger's request becomes an account, or waits for an operator, or is refused; an operator's
 * question to a peer becomes an account when the peer has answered. It makes no call, and has no
 * clock.
 *
 * Rules that hold for both: the peer's address is of our network, and neither ours, nor below or
 * above it, nor of anybody to whom a route leads. An account is never another one's because
 * somebody says so: who comes again shows the same token, or gets nothing.
 */
#ifndef RILL_CONNECTOR_PEERING_H
#define RILL_CONNECTOR_PEERING_H

#include <jansson.h>

#include "connector/core.h"
#include "connector/overlay.h"
#include "connector/peering_text.h"

/* Addresses of requests that are counted at once, and peers that wait of one of them. */
#define RILL_PEERING_SOURCES 256
#define RILL_PEERING_WAIT    4
#define RILL_PEERING_PROBLEM 320

/* Where a request came from. */
typedef struct rill_peering_source {
    char text[48];   /* for people: without a port */
    uint8_t key[16]; /* what counts as the same: of IPv6 the network */
} rill_peering_source;

typedef struct rill_peering_count {
    uint8_t key[16];
    uint64_t minute; /* of the monotonic clock, plus 1; 0: it is free */
    uint64_t requests;
} rill_peering_count;

typedef struct rill_peering {
    rill_overlay waiting; /* of RILL_SETTING_PEER, by the account's name: what it will be */
    uint64_t last_group;  /* of the last of them, and of the last account that was made so */
    rill_peering_count all;
    rill_peering_count sources[RILL_PEERING_SOURCES];
    /* Requests since the node began. */
    uint64_t made;      /* an account */
    uint64_t began;     /* to wait */
    uint64_t again;     /* of who has one, or waits */
    uint64_t refused;   /* for what they say */
    uint64_t limited;   /* since there were too many */
    uint64_t asked;     /* accounts that our operators have asked for */
    uint64_t unsettled; /* questions of ours that were not answered, or not well */
} rill_peering;

/* Of the text: what counts as the same. Something else than an address counts as one of its own. */
void rill_peering_source_key(rill_peering_source *source);

/*
 * What the store has of who waits: to be told before rill_core_begin. One that cannot be read is
 * left out, with a line in the log. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_peering_know(rill_core *core, const char *name, const char *value);

/* Counts a request. False: there are too many in this minute. */
RILL_MUST_CHECK bool rill_peering_may_ask(rill_peering *p, const rill_config_accept *accept,
                                          const rill_peering_source *source, uint64_t mono_ns);

/*
 * May packets to this address go to somebody who says that it is his? others: items that are set
 * aside, and keep what they have. False: problem says why.
 */
bool rill_peering_address_is_free(const rill_core *core, const rill_overlay *others,
                                  const char *address, char problem[RILL_PEERING_PROBLEM]);

struct rill_admin_control;

/* A request at the port. */
typedef struct rill_peering_reply {
    unsigned status;
    uint64_t group;               /* the answer is true once the books are kept up to it; 0: now */
    char body[RILL_PEERING_BODY]; /* a secret */
} rill_peering_reply;

/* control is of who runs the connector. */
void rill_peering_accept(rill_core *core, const struct rill_admin_control *control,
                         const rill_peering_source *source, rill_bytes body,
                         rill_peering_reply *out);

/* ---- an operator of ours asks a peer ---- */

struct rill_admin_answer;

typedef struct rill_peering_question {
    char url[RILL_PEERING_URL + 1];     /* that is asked */
    char name[RILL_STORE_NAME_MAX + 1]; /* of the account; empty: by the answer */
    char who[RILL_STORE_NAME_MAX + 1];  /* asks */
    char key[RILL_PEERING_KEY];
    rill_config_asset asset;
    json_t *account;              /* what the operator says of it */
    char body[RILL_PEERING_BODY]; /* of the request; a secret */
} rill_peering_question;

/*
 * What an operator's body ({"url", "asset", "name", "account", "who"}) asks for. False: it is
 * refused, and out says why. *q is to be cleared in both cases.
 */
RILL_MUST_CHECK bool rill_peering_ask(rill_peering_question *q, const rill_core *core,
                                      const json_t *object, struct rill_admin_answer *out);
/* status 0: there was no answer, and problem says why. What became of it is in out. */
void rill_peering_answered(const rill_peering_question *q, rill_core *core,
                           const struct rill_admin_control *control, unsigned status,
                           const char *problem, rill_bytes body, struct rill_admin_answer *out);
void rill_peering_clear(rill_peering_question *q);

/* ---- what operators see and decide ---- */

/* Digits, with a NUL. */
#define RILL_PEERING_ID 33
/*
 * What a request that waits is known by: other digits for any other URL, address, token, terms or
 * time. value: of the item of rill_peering.waiting. RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_peering_id(const rill_core *core, const char *value,
                                    char out[RILL_PEERING_ID]);

#endif

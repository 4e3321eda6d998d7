/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to a neighbour: a link that the node opens, whose packets are the hub's. A parent can be
 * asked for the node's address and asset (IL-DCP, RFC 31): before the hub has the link, and again
 * each time that the link comes up, since the parent may have been started anew with others.
 */
#ifndef RILL_SERVE_WAY_H
#define RILL_SERVE_WAY_H

#include <rill/link.h>

#include "io/loop.h"
#include "node/hub.h"
#include "run/account_query.h"

typedef struct rill_way rill_way;

/* When the neighbour is asked for our address and asset. */
typedef enum rill_way_asks {
    RILL_WAY_ASKS_NEVER, /* it is no parent, or need not be asked */
    RILL_WAY_ASKS_ONCE,  /* until it has answered */
    RILL_WAY_ASKS_ALWAYS /* each time that the link comes up */
} rill_way_asks;

/* Called from the loop. All must be there but `asking`. */
typedef struct rill_way_handlers {
    /* The parent's answer, borrowed. */
    void (*address)(rill_way *w, const rill_ildcp_info *info, void *user);
    /*
     * It will not come: why is one line. Where the hub does not have the link yet, close the way.
     * Else there is nothing to be done: the parent is asked again when the link comes up again.
     */
    void (*no_address)(rill_way *w, int error, const char *why, void *user);
    /* It is waited for: why is one line. */
    void (*waiting)(rill_way *w, const char *why, void *user);
    /* The link is up, and the parent is asked, before a packet goes by the link. May be NULL. */
    void (*asking)(rill_way *w, void *user);
    /* After rill_way_close: the last call. */
    void (*closed)(rill_way *w, void *user);
} rill_way_handlers;

/* The caller's memory, which stays until `closed`. */
struct rill_way {
    rill_loop *loop;
    rill_link *link;              /* NULL: it is closed */
    const rill_link_handlers *on; /* the hub's; NULL: it has not got the link yet */
    void *session;
    const rill_way_handlers *tell;
    void *user;
    bool up;
    rill_way_asks asks;
    bool asking; /* for the address, which has not come */
    bool told;   /* the parent has answered at least once */
    bool closing;
    rill_account_query query;
    uv_timer_t again; /* when to ask again */
    char why[200];    /* the neighbour wants no more of us; empty: nothing like that */
    uint8_t space[RILL_ILP_MAX_PACKET];
};

/*
 * Opens the link. asks: whether the neighbour is a parent, to be asked for our address. The errors
 * of rill_link_open; then nothing is open, and *problem says what is wrong, static.
 */
RILL_MUST_CHECK int rill_way_open(rill_way *w, rill_loop *loop, const char *uri,
                                  const rill_link_options *options, rill_way_asks asks,
                                  const rill_way_handlers *handlers, void *user,
                                  const char **problem);
/* Gives the link to the hub, as a session of the account. RILL_ERR_LIMIT. */
RILL_MUST_CHECK int rill_way_attach(rill_way *w, rill_hub *hub, struct rill_account *account);
/*
 * Another way takes its place: rill_hub_part. The caller closes it, at best once it is not busy.
 * One that was not attached is closed at once.
 */
void rill_way_part(rill_way *w, const rill_hub *hub);
/* Something that was sent or that came by it is not answered yet. */
bool rill_way_is_busy(const rill_way *w);
/* `closed` follows. Nothing the second time. */
void rill_way_close(rill_way *w);

#endif

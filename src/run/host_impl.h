/* SPDX-License-Identifier: Apache-2.0 */
/* What a host is made of: shared by the files of the host alone. */
#ifndef RILL_RUN_HOST_IMPL_H
#define RILL_RUN_HOST_IMPL_H

#include "base/list.h"
#include "base/map.h"
#include "io/loop.h"
#include "run/account_query.h"
#include "run/decisions.h"
#include "run/host.h"

/* In the order in which a host goes through them. */
typedef enum host_state {
    HOST_OPEN,
    HOST_ENDING,       /* connections finish what they have begun */
    HOST_CLOSING,      /* connections have been closed, and are to agree */
    HOST_LINK_CLOSING, /* the endpoint takes part no more */
    HOST_GONE
} host_state;

struct rill_host {
    rill_loop *loop;
    rill_endpoint *endpoint;
    rill_link *link;
    uv_timer_t timer;
    uint64_t armed; /* what the timer is set to; RILL_NEVER */
    rill_task pump;
    bool pumping;
    bool again; /* something became necessary during the pump */
    bool paused;
    rill_stream *unread; /* had bytes when the pause came; NULL */

    rill_handlers handlers;
    void *user;
    rill_host_hooks hooks;
    void *owner;

    host_state state;
    bool configured; /* the account is from the options, not from IL-DCP */
    bool ready;
    rill_account_query account;
    uint64_t give_up_at;    /* monotonic nanoseconds, RILL_NEVER */
    uint64_t account_time;  /* for the account to be known once the link is up; 0: no limit */
    uint64_t account_until; /* monotonic nanoseconds, RILL_NEVER */
    uint64_t close_at;
    bool untold;       /* a connection ended, and its client cannot be told but in an answer */
    bool answering;    /* until close_at, for such clients */
    uint64_t up_since; /* monotonic nanoseconds, where the link is up */
    int error;         /* for hooks.closed */
    char detail[256];
    int link_error; /* why the link is down; RILL_OK */
    char link_detail[256];

    rill_map connections; /* open: their pointer, and the guest who is told, or the host itself */
    rill_list undecided;  /* rill_decision.order: packets that the application was asked about */

    uint8_t *held; /* a packet that the link did not take yet; allocated when first needed */
    size_t held_len;
    uint64_t held_request;
    uint8_t buffer[RILL_PACKET_BUFFER];
};

/* ---- dispatch.c ---- */
/* The bytes of a stream, for `to`. False: a pause came before all were taken. */
RILL_MUST_CHECK bool rill_host_deliver_data(rill_host *h, const rill_guest *to, rill_stream *s);

/* ---- host_link.c ---- */
/* As rill_server_open's. */
RILL_MUST_CHECK int rill_host_open_link(rill_host *h, const rill_net_options *o,
                                        const char **problem);

/* ---- host.c ---- */
/* A host that is all zeros can be scheduled from now on. */
void rill_host_init(rill_host *h, rill_loop *loop);
/* It has its endpoint and its link: its timer, and the loop is held until it is gone. */
void rill_host_begin(rill_host *h);
/* The packet that the link did not take never leaves. */
void rill_host_drop_held(rill_host *h);
/* The link is closed: so is the host. */
void rill_host_link_closed(rill_host *h);
/* A pump in this turn of the loop, or one more round of the one under way. */
void rill_host_schedule(rill_host *h);
/* Answers a request with a reject of our own. */
void rill_host_refuse(rill_host *h, uint64_t request, rill_ilp_code_id code);
/* Refuses the undecided packets of a connection or, NULL, of all of them; or only those expired. */
void rill_host_refuse_undecided(rill_host *h, const rill_connection *c, bool expired_only);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a node, where the plugin is the package's own: packets go between engines and
 * the node's bytes without JavaScript in between. WebSocket's frames (RFC 6455) are those of
 * src/ws, and BTP's (RFC 23) those of the core; the socket is JavaScript's. What is neither a
 * Prepare for an engine nor a reply to an engine's packet is given to JavaScript, which also says
 * all that is no packet.
 */
#ifndef RILL_NODE_LINK_H
#define RILL_NODE_LINK_H

#include "addon.h"
#include "ws/ws_frame.h"

/* ---- what has come for an engine, and waits for its turn (queue.c) ---- */

typedef struct queue_entry {
    uint32_t kind; /* of turn.c */
    uint32_t len;  /* bytes of the packet, which follow */
    uint64_t name; /* of our packet; of a Prepare the number of its request */
    uint64_t link; /* of a Prepare: by which it came */
} queue_entry;

/* What an engine has that has ever used a link. */
typedef struct direct {
    uint8_t *bytes; /* entries, each at a multiple of 8 */
    size_t len;
    size_t room;
    size_t at;       /* those before it are taken, and stay until the next turn */
    uint32_t out;    /* packets of it that wait for their replies, over any link */
    uint32_t asked;  /* how many Prepares of links JavaScript was asked about */
    uint32_t life;   /* the core serves one connection after the other: which it is */
    engine *touched; /* the next one that a read has brought something */
    uint32_t came;   /* Prepares that this read has brought */
    bool is_touched;
    struct destination *latest; /* of a server's packet */
} direct;

/* NULL without memory. */
direct *direct_of(engine *e);
void direct_free(engine *e);
/* False without memory. A pointer that an entry's bytes had is good no longer. */
bool queue_add(engine *e, const queue_entry *entry, const uint8_t *packet);
/* The next entry and its bytes, which stay where they are until queue_trim; NULL: there is none. */
const uint8_t *queue_next(const engine *e, queue_entry *out);
/* It is taken: the next one is another. */
void queue_taken(engine *e, const queue_entry *entry);
bool queue_is_empty(const engine *e);
/* Forgets what is taken. */
void queue_trim(engine *e);

/* ---- a link (link.c) ---- */

/* A packet of an engine's that waits for its reply. */
typedef struct request {
    bool used;
    uint32_t id;
    uint32_t life;
    uint64_t engine;
    uint64_t name;                   /* of the packet */
    uint64_t at_ns;                  /* when it left, monotonic */
    struct destination *destination; /* of a server's, else NULL: whose packet it is */
} request;

/* One for many packets in a row. */
typedef struct destination {
    uint32_t uses;
    uint32_t len;
    char text[]; /* without a NUL */
} destination;

/* Whose packet it is; it is d's own until the next call. NULL: the packet says nothing, or there is
 * no memory. */
destination *destination_of(direct *d, const uint8_t *packet, size_t len);
void destination_drop(destination *d);

typedef struct link {
    uint64_t name;
    arena *arena;
    rill_ws_reader reader;
    uint8_t *partial; /* a message that has not come whole */
    size_t partial_len;
    size_t partial_room;
    request *requests; /* by the lower bits of their ids */
    uint32_t request_room;
    uint32_t request_count;
    uint32_t next_id;
    uint32_t waiting; /* Prepares that it has brought to engines, and that are not answered */
    bool full;        /* JavaScript's socket has more than it should: no Prepares are made */
    size_t header;    /* bytes before the packet that was written last */
    napi_ref out;     /* ArrayBuffer that frames are written to */
    uint8_t *out_bytes;
    size_t out_room;
    size_t out_len;
} link;

/* Bytes before a packet at most, and what a packet of the core's needs with them. */
#define LINK_HEADER_MAX (RILL_WS_MAX_HEADER + RILL_BTP_ILP_HEADER_MAX)
#define LINK_PACKET_MAX (LINK_HEADER_MAX + RILL_PACKET_BUFFER)

/* NULL: there is none of that name (any more). */
link *link_find(const arena *a, uint64_t name);
/* Looks its memory up, in each call of JavaScript's anew. */
void link_view(napi_env env, link *l);
bool link_has_room(const link *l, size_t len);
/*
 * A packet is written in two steps: room for it, and, when it is there, the frame around it. The
 * caller has asked link_has_room(LINK_PACKET_MAX), or for LINK_HEADER_MAX more than the packet has.
 */
uint8_t *link_packet_room(link *l);
/* RILL_ERR_CRYPTO: nothing is written. */
int link_packet_end(link *l, rill_btp_type type, uint32_t id, uint8_t *packet, size_t len);
/* A frame of WebSocket with what JavaScript says. RILL_ERR_BUFFER: it needs more room;
 * RILL_ERR_CRYPTO. */
int link_say(link *l, rill_ws_opcode opcode, const uint8_t *data, size_t len);
/* The number of a request that no other has that waits. RILL_ERR_NOMEM. */
int link_request(link *l, engine *e, uint64_t name, uint64_t now_ns, destination *d, uint32_t *id);
uint32_t link_id(link *l);
/* NULL: none of an engine's. */
request *link_request_of(link *l, uint32_t id);
void link_settle(link *l, request *r);
/* Gives back what it does not need while nothing waits. */
void link_trim(link *l);
/* NULL without memory. */
link *link_new(arena *a);
void link_free(napi_env env, link *l);

/* link_api.c: what JavaScript calls. */
napi_value link_open(napi_env env, napi_callback_info info);
napi_value link_close(napi_env env, napi_callback_info info);
napi_value link_read(napi_env env, napi_callback_info info);
napi_value link_take(napi_env env, napi_callback_info info);
napi_value link_send(napi_env env, napi_callback_info info);
napi_value link_frame(napi_env env, napi_callback_info info);
napi_value link_late(napi_env env, napi_callback_info info);
napi_value link_next_id(napi_env env, napi_callback_info info);
napi_value link_set_full(napi_env env, napi_callback_info info);
napi_value link_waiting(napi_env env, napi_callback_info info);
napi_value direct_packet(napi_env env, napi_callback_info info);
napi_value direct_refuse(napi_env env, napi_callback_info info);
napi_value direct_end(napi_env env, napi_callback_info info);

/* turn.c, for link_api.c */
enum in_kind {
    IN_PREPARE = 1,
    IN_REPLY = 2,
    IN_UNANSWERED = 3,
    IN_UNSENT = 4,
    IN_FULFILL = 5, /* a decision; its bytes are the packet's name */
    IN_DECLINE = 6
};

#endif

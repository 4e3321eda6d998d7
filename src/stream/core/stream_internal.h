/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one stream. */
#ifndef RILL_STREAM_STREAM_INTERNAL_H
#define RILL_STREAM_STREAM_INTERNAL_H

#include "base/list.h"
#include "stream/bytes/reassembly.h"
#include "stream/bytes/sendbuf.h"
#include "stream/bytes/window.h"
#include "stream/core/deadline.h"
#include "stream/money/money.h"
#include "stream/money/tally.h"
#include <rill/stream.h>

/* What is to be told to the other side: of a stream, and of the connection. */
enum {
    RILL_TELL_MAX_MONEY,
    RILL_TELL_MAX_DATA,
    RILL_TELL_MONEY_BLOCKED,
    RILL_TELL_DATA_BLOCKED,
    RILL_TELL_CLOSE, /* with how much it cuts off */
    RILL_TELL_ADDRESS,
    RILL_TELL_ASSET,
    RILL_TELL_CONNECTION_MAX_DATA,
    RILL_TELL_MAX_STREAM_ID,
    RILL_TELL_CONNECTION_DATA_BLOCKED,
    RILL_TELL_STREAM_ID_BLOCKED,
    RILL_TELL_HELLO /* no frame: a packet is wanted for its own sake */
};
#define RILL_TELL(what) (1u << RILL_TELL_##what)

/* Events that wait to be fetched, as bits of 1 << rill_event_type. */
#define RILL_EVENT_BIT(type) (1u << (type))

#define RILL_MAX_MESSAGE 255

/* Money that expired without a reply: whether it arrived is asked of the receiver (doubt.c). */
typedef enum rill_doubt {
    RILL_DOUBT_NONE,
    RILL_DOUBT_LOST,    /* to be asked, once nothing else of the stream's money is under way */
    RILL_DOUBT_ASKED,   /* until the answer no money is sent */
    RILL_DOUBT_ANSWERED /* by a reply whose frames are not read yet */
} rill_doubt;

/*
 * Where a packet's money is divided among streams, each part is rounded down, and whose the rest
 * is only the receiver knows. So what is counted as delivered may be wrong, by so much of the
 * other side's units, since its total was last told.
 */
typedef struct rill_drift {
    uint64_t over;  /* so much too large */
    uint64_t under; /* so much too small */
} rill_drift;

/* What the other side has told of the money that we send. */
typedef struct rill_money_theirs {
    uint64_t max;      /* its receive max; UINT64_MAX until told */
    uint64_t received; /* the largest of its totals */
    uint64_t offset;   /* its total less what was delivered, as last told: modulo 2^64 */
} rill_money_theirs;

/*
 * Money that is to be sent, or was. Only a stream that was told to send some has it: the others
 * are lent their endpoint's, in which nothing is ever changed.
 */
typedef struct rill_money_out {
    rill_money money;
    uint64_t blocked_by; /* theirs.max, while blocked */
    rill_tally tally;
    uint64_t vain_since; /* monotonic ns: since then no size of packet brings enough; 0 */
    uint64_t credit;     /* units that still may leave in its turn; 0: it has none */
    rill_drift drift;
    uint64_t told_from; /* replies to packets from this number on tell of all money of ours */
    uint8_t doubt;      /* rill_doubt */
    int8_t vain;        /* why nothing of it is worth sending, to be told; RILL_OK */
    bool vague;         /* how much has arrived is not known: to be told before anything follows */
    bool blocked;       /* by theirs.max */
    bool given_up;      /* a goal failed: what comes back is not sent again */
    bool goal_set;      /* rill_stream_send_total */
    bool lent;          /* it is the endpoint's */
    uint64_t goal;
    uint64_t goal_deadline;
} rill_money_out;

/* Bytes that may have arrived or not, at a peer that stalls where they come twice (unsure.c). */
typedef struct rill_unsure {
    uint32_t buffer;    /* of its reader: its limit less what was read; 0: it is no such peer */
    bool known;         /* it has told a limit: what buffer says is known */
    uint64_t read;      /* so much its reader had, as last told */
    uint64_t since;     /* monotonic ns: when the last of them became unsure */
    uint64_t told_from; /* answers to packets from this number on count; RILL_NEVER */
} rill_unsure;

typedef struct rill_money_in {
    rill_receive_window window; /* used: received */
    uint64_t received;
    uint64_t reserved; /* packets that wait for a decision */
    uint64_t planned;  /* scratch of the packet being checked */
    uint64_t goal;
    uint64_t goal_deadline;
} rill_money_in;

struct rill_stream {
    rill_connection *connection;
    uint64_t id;
    void *user;
    rill_list node;           /* of the connection, ascending by opening */
    rill_list event_node;     /* of the connection, while events wait */
    rill_list tell_node;      /* of the connection, while something is to be told */
    rill_list unsettled_node; /* of the connection, while it is marked (settle.h) */
    rill_list money_node;     /* of the connection, while it may have money to send */
    rill_list data_node;      /* of the connection, while it may have bytes to send */
    rill_deadline deadline;
    rill_money_theirs theirs;
    rill_money_out *out; /* the endpoint's unused one until some may be sent */
    rill_money_in in;
    rill_sendbuf *sendbuf; /* made when first written to */
    rill_send_window send_window;
    rill_reassembly *reassembly; /* made when first received */
    rill_receive_window receive_window;
    rill_receive_tuning receive_tuning;
    uint32_t references; /* flights and undecided packets that point here */
    uint16_t tell;       /* RILL_TELL bits: with the next packet or reply */
    uint16_t urgent;     /* of those: worth a packet of their own */
    uint16_t events;     /* RILL_EVENT_BIT bits */
    uint16_t weight;     /* of its money among that of others */
    int8_t sent_error;   /* of the SENT and RECEIVED events */
    int8_t received_error;
    int8_t end_error;
    bool receive_goal_set; /* rill_stream_receive_total: in.goal */
    bool max_told;         /* theirs.max is the other side's word, which only rises */
    bool ours;             /* we opened it */
    bool ending;           /* rill_stream_end */
    bool closed;           /* either side closed it: nothing more goes either way */
    bool closed_remote;
    bool close_done;   /* the other side knows */
    bool undone;       /* it closed before all that was asked of its money was done */
    bool data_blocked; /* by its window */
    bool want_writable;
    bool over; /* its end has been announced */
    bool end_fetched;
    bool waited;   /* the end of the connection waits for it */
    uint8_t marks; /* RILL_MARK_*: what has changed, and has not been settled */
    uint8_t close_code;
    uint64_t event_in; /* amounts of MONEY and PROGRESS not fetched yet */
    uint64_t event_out;
    uint64_t progress_ns;  /* monotonic ns: when something last got through, while ending */
    uint64_t linger_until; /* monotonic ns: its end waits for bytes that the close overtook; 0 */
    rill_unsure unsure;
    uint64_t astray; /* of the packets that were answered: offset of the first byte that may have
                        been given to nobody; UINT64_MAX: none */
    uint64_t remote_wants; /* offset up to which the other side has said that it has bytes */
    char *message;         /* of the close; NULL: none */
    uint8_t *receipt;      /* the latest of the other side's; NULL: none */
};

_Static_assert(sizeof(struct rill_stream) <= 456, "a stream is not larger than it was");

/* What may still be sent, by our own limits; of a stream that is closed, nothing. */
static inline uint64_t rill_stream_sendable(const rill_stream *s)
{
    return s->closed ? 0 : s->out->money.free;
}

#endif

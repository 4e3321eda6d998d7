/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What something waits for: a connection of STREAM, the link below it, a server, a payment. It is
 * for people who look at a program that seems to do nothing, and for programs that tell them.
 */
#ifndef RILL_WAITING_H
#define RILL_WAITING_H

#include <rill/stream.h>

RILL_BEGIN_DECLS

/*
 * All reasons: X(NAME, "name for programs", "what is waited for, for people"). Numbers and names
 * stay as they are. A later version may have more, at the end.
 */
#define RILL_WAIT_LIST(X)                                                                          \
    X(NOTHING, "nothing", "nothing")                                                               \
    /* of a link */                                                                                \
    X(LINK, "link", "the link to the node, which was lost")                                        \
    X(RESOLVE, "resolve", "the address of the node's host name")                                   \
    X(CONNECT, "connect", "a connection to the node")                                              \
    X(TLS, "tls", "the node's part of the TLS handshake")                                          \
    X(HANDSHAKE, "handshake", "the node's answer to the WebSocket handshake")                      \
    X(AUTH, "auth", "the node's answer to our token")                                              \
    X(ACCOUNT, "account", "the node to tell our address (IL-DCP)")                                 \
    /* of a connection */                                                                          \
    X(ANSWER, "answer", "the receiver's first answer")                                             \
    X(RATE, "rate", "the exchange rate of the path, which is probed")                              \
    X(MINIMUM, "min_rate", "a better exchange rate")                                               \
    X(RECEIVE_MAX, "receive_max", "the receiver to take more money")                               \
    X(REFUSED, "refused", "the receiver to take our packets, which it refuses")                    \
    X(LIQUIDITY, "liquidity", "liquidity on the path (T04)")                                       \
    X(PATH, "path", "the path, which refuses our packets")                                         \
    X(REPLY, "reply", "replies to packets under way")                                              \
    X(DOUBT, "doubt", "word of money whose replies never came")                                    \
    X(DATA_WINDOW, "data_window", "the receiver to read")                                          \
    X(STREAM_ID, "stream_id", "the other side to allow one more stream")                           \
    X(DECISION, "decision", "the application to decide on packets")                                \
    X(READER, "reader", "the application to read what has come")                                   \
    X(INPUT, "input", "more to send")                                                              \
    X(CLOSE, "close", "the other side's answer to our close")                                      \
    /* before there is a connection */                                                             \
    X(SERVER, "server", "the receiver's server to answer")

typedef enum rill_wait {
#define RILL_WAIT_X(name, word, text) RILL_WAIT_##name,
    RILL_WAIT_LIST(RILL_WAIT_X)
#undef RILL_WAIT_X
} rill_wait;

/*
 * A reason for programs, such as "receive_max", and for people, such as "the receiver to take more
 * money". Static, never NULL, also for a number that is not in the list.
 */
RILL_API const char *rill_wait_name(rill_wait reason);
RILL_API const char *rill_wait_text(rill_wait reason);

/* Times are in the clock of rill_now.mono_ns (rill/types.h). */
typedef struct rill_waiting {
    rill_wait reason;
    /* Nothing of what was asked for has gone on since then, monotonic nanoseconds. 0: not known. */
    uint64_t since_ns;
    /* When this wait ends by itself at the latest, monotonic nanoseconds. RILL_NEVER: it may not.
     */
    uint64_t until_ns;
    /* One line for people, with the numbers that matter, without a secret. It ends with a NUL. */
    char text[256];
} rill_waiting;

/*
 * What a connection waits for now, from what it knows: it may be answered the next moment.
 * RILL_WAIT_NOTHING if there is nothing to send and nothing under way. Money that may be sent
 * (rill_stream_set_send_max) and is not worth a packet waits for more of it (RILL_WAIT_INPUT), or
 * for a better rate (RILL_WAIT_MINIMUM). It costs about as much as rill_connection_get_stats for
 * each stream, and allocates nothing.
 */
RILL_API void rill_connection_get_waiting_sized(const rill_connection *c, rill_waiting *out,
                                                size_t size);
static inline void rill_connection_get_waiting(const rill_connection *c, rill_waiting *out)
{
    rill_connection_get_waiting_sized(c, out, sizeof *out);
}

RILL_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. Every function that can fail returns an int: RILL_OK (0) or one of
 * the negative RILL_ERR_* values below.
 */
#ifndef RILL_ERROR_H
#define RILL_ERROR_H

#include <rill/api.h>

RILL_BEGIN_DECLS

/* X(NAME, number, "text for people") */
#define RILL_ERROR_LIST(X)                                                                         \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(INVALID, -2, "invalid argument")                                                             \
    X(RANGE, -3, "number out of range")                                                            \
    X(TRUNCATED, -4, "input ends too early")                                                       \
    X(MALFORMED, -5, "input is malformed")                                                         \
    X(TOO_LARGE, -6, "larger than allowed")                                                        \
    X(BUFFER, -7, "output buffer is too small")                                                    \
    X(ADDRESS, -8, "not a valid ILP address")                                                      \
    X(URI, -9, "not a valid link URI")                                                             \
    X(UNSUPPORTED, -10, "not supported")                                                           \
    X(CRYPTO, -11, "the cryptography library failed")                                              \
    X(AUTH, -12, "authentication failed")                                                          \
    X(STATE, -13, "not possible in this state")                                                    \
    X(CLOSED, -14, "already closed")                                                               \
    X(LIMIT, -15, "a configured limit is reached")                                                 \
    X(BLOCKED, -16, "no room for more now")                                                        \
    X(NOT_FOUND, -17, "not found")                                                                 \
    X(EXISTS, -18, "exists already")                                                               \
    X(EXPIRED, -19, "expired")                                                                     \
    X(TIMEOUT, -20, "timed out")                                                                   \
    X(RATE, -21, "the exchange rate is below the minimum")                                         \
    X(PATH, -22, "the path refuses the payment")                                                   \
    X(UNREACHABLE, -23, "the receiver cannot be reached")                                          \
    X(PROTOCOL, -24, "the peer broke the protocol")                                                \
    X(FLOW_CONTROL, -25, "the peer exceeded a flow control limit")                                 \
    X(STREAM_ID, -26, "stream id not allowed")                                                     \
    X(ASSET, -27, "the peer's asset changed")                                                      \
    X(NOT_CONNECTED, -28, "not connected")                                                         \
    X(CONNECT, -29, "cannot connect")                                                              \
    X(RESOLVE, -30, "host name cannot be resolved")                                                \
    X(TLS, -31, "TLS failed")                                                                      \
    X(IO, -32, "input or output failed")                                                           \
    X(ADDRESS_IN_USE, -33, "address and port are in use")                                          \
    X(REFUSED, -34, "refused by the peer")                                                         \
    X(CANCELLED, -35, "cancelled")                                                                 \
    X(REMOTE, -36, "closed by the peer with an error")                                             \
    X(IDLE, -37, "closed after inactivity")                                                        \
    X(EXHAUSTED, -38, "the connection's packet numbers are used up")                               \
    X(IN_DOUBT, -39, "replies never came: a part of the money may have arrived or not")            \
    X(FORGOTTEN, -40, "the other side no longer knows this connection")                            \
    X(TOO_LITTLE, -41, "so little money would arrive as nothing")                                  \
    X(STALLED, -42, "no progress for too long")                                                    \
    X(CLOCK, -43, "clocks differ")                                                                 \
    X(FILES, -44, "too many files are open")

typedef enum rill_error {
    RILL_OK = 0,
#define RILL_ERROR_X(name, number, text) RILL_ERR_##name = number,
    RILL_ERROR_LIST(RILL_ERROR_X)
#undef RILL_ERROR_X
} rill_error;

/* The text for an error: static, never NULL, also for numbers not in the list. */
RILL_API const char *rill_strerror(int error);

/* The name of an error ("RILL_ERR_NOMEM"): static, never NULL. */
RILL_API const char *rill_error_name(int error);

RILL_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. Every function that can fail returns an int: RILL_OK (0) or one of
 * the negative RILL_ERR_* values below.
 */
#ifndef RILL_ERROR_H
#define RILL_ERROR_H

#include <rill/api.h>

RILL_BEGIN_DECLS

/* A number never changes its meaning, and none is given twice. */
typedef enum rill_error {
    /* Success. */
    RILL_OK = 0,
    /* Out of memory. What was asked has not been done. */
    RILL_ERR_NOMEM = -1,
    /* An argument that can never be right. */
    RILL_ERR_INVALID = -2,
    /* A number outside the range that the function allows. */
    RILL_ERR_RANGE = -3,
    /* The input ends before what it announces. */
    RILL_ERR_TRUNCATED = -4,
    /* The input is not what it should be. */
    RILL_ERR_MALFORMED = -5,
    /* Larger than the protocol or an option allows. */
    RILL_ERR_TOO_LARGE = -6,
    /* The buffer that was given is too small for the output. */
    RILL_ERR_BUFFER = -7,
    /* Not a valid ILP address. */
    RILL_ERR_ADDRESS = -8,
    /* Not a valid link URI. */
    RILL_ERR_URI = -9,
    /* Valid, and not supported by this version or this build. */
    RILL_ERR_UNSUPPORTED = -10,
    /* The cryptography library failed. */
    RILL_ERR_CRYPTO = -11,
    /* A token, a secret or a packet is not authentic. */
    RILL_ERR_AUTH = -12,
    /* Not possible in the state that the object is in. */
    RILL_ERR_STATE = -13,
    /* The object has been closed before. */
    RILL_ERR_CLOSED = -14,
    /* A limit that was configured is reached. */
    RILL_ERR_LIMIT = -15,
    /* No room now; an event or a later call tells when there is. */
    RILL_ERR_BLOCKED = -16,
    /* There is no such thing. */
    RILL_ERR_NOT_FOUND = -17,
    /* There is such a thing already. */
    RILL_ERR_EXISTS = -18,
    /* The time of a packet or of a decision is over. */
    RILL_ERR_EXPIRED = -19,
    /* The time that a call was given is over. */
    RILL_ERR_TIMEOUT = -20,
    /* The path gives less than the minimum exchange rate. */
    RILL_ERR_RATE = -21,
    /* The path refuses the payment with an error that is final. */
    RILL_ERR_PATH = -22,
    /* No packet gets to the receiver. */
    RILL_ERR_UNREACHABLE = -23,
    /* The peer broke the protocol. */
    RILL_ERR_PROTOCOL = -24,
    /* The peer sent more than a flow control limit allows. */
    RILL_ERR_FLOW_CONTROL = -25,
    /* The peer used a stream id that is not its own or too high. */
    RILL_ERR_STREAM_ID = -26,
    /* The peer's asset changed within a connection. */
    RILL_ERR_ASSET = -27,
    /* There is no connection or no link yet, or no longer. */
    RILL_ERR_NOT_CONNECTED = -28,
    /* The link could not be connected. */
    RILL_ERR_CONNECT = -29,
    /* The name of the host could not be resolved. */
    RILL_ERR_RESOLVE = -30,
    /* TLS failed: the certificate or the protocol. */
    RILL_ERR_TLS = -31,
    /* Input or output failed. */
    RILL_ERR_IO = -32,
    /* Another program listens on this address and port. */
    RILL_ERR_ADDRESS_IN_USE = -33,
    /* The peer refused it. */
    RILL_ERR_REFUSED = -34,
    /* The application cancelled it. */
    RILL_ERR_CANCELLED = -35,
    /* The peer closed the connection or stream with an error. */
    RILL_ERR_REMOTE = -36,
    /* Nothing arrived for the idle time, and it was closed. */
    RILL_ERR_IDLE = -37,
    /* The connection's packet numbers (2^31) are used up. */
    RILL_ERR_EXHAUSTED = -38,
    /* Replies never came: a part of the money may have arrived or not. */
    RILL_ERR_IN_DOUBT = -39,
    /* The other side no longer knows this connection. */
    RILL_ERR_FORGOTTEN = -40,
    /* What would arrive is less than one unit, so nothing is sent. */
    RILL_ERR_TOO_LITTLE = -41,
    /* There was no progress for the time that was set. */
    RILL_ERR_STALLED = -42,
    /* This machine's clock and the peer's differ too much. */
    RILL_ERR_CLOCK = -43,
    /* The process, or the system, may open no more files or sockets. */
    RILL_ERR_FILES = -44,
    /* A file with a secret can be read by others. */
    RILL_ERR_EXPOSED = -45,
} rill_error;

/* The text for an error: static, never NULL, also for numbers not in the list. */
RILL_API const char *rill_strerror(int error);

/* The name of an error ("RILL_ERR_NOMEM"): static, never NULL. */
RILL_API const char *rill_error_name(int error);

RILL_END_DECLS

#endif

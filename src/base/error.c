/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/error.h>

#include <stddef.h>

struct error_words {
    const char *name;
    const char *text;
};

#define WORDS(name, text) [-RILL_ERR_##name] = {"RILL_ERR_" #name, text}

static const struct error_words errors[] = {
    [RILL_OK] = {"RILL_OK", "success"},
    WORDS(NOMEM, "out of memory"),
    WORDS(INVALID, "invalid argument"),
    WORDS(RANGE, "number out of range"),
    WORDS(TRUNCATED, "input ends too early"),
    WORDS(MALFORMED, "input is malformed"),
    WORDS(TOO_LARGE, "larger than allowed"),
    WORDS(BUFFER, "output buffer is too small"),
    WORDS(ADDRESS, "not a valid ILP address"),
    WORDS(URI, "not a valid link URI"),
    WORDS(UNSUPPORTED, "not supported"),
    WORDS(CRYPTO, "the cryptography library failed"),
    WORDS(AUTH, "authentication failed"),
    WORDS(STATE, "not possible in this state"),
    WORDS(CLOSED, "already closed"),
    WORDS(LIMIT, "a configured limit is reached"),
    WORDS(BLOCKED, "no room for more now"),
    WORDS(NOT_FOUND, "not found"),
    WORDS(EXISTS, "exists already"),
    WORDS(EXPIRED, "expired"),
    WORDS(TIMEOUT, "timed out"),
    WORDS(RATE, "the exchange rate is below the minimum"),
    WORDS(PATH, "the path refuses the payment"),
    WORDS(UNREACHABLE, "the receiver cannot be reached"),
    WORDS(PROTOCOL, "the peer broke the protocol"),
    WORDS(FLOW_CONTROL, "the peer exceeded a flow control limit"),
    WORDS(STREAM_ID, "stream id not allowed"),
    WORDS(ASSET, "the peer's asset changed"),
    WORDS(NOT_CONNECTED, "not connected"),
    WORDS(CONNECT, "cannot connect"),
    WORDS(RESOLVE, "host name cannot be resolved"),
    WORDS(TLS, "TLS failed"),
    WORDS(IO, "input or output failed"),
    WORDS(ADDRESS_IN_USE, "address and port are in use"),
    WORDS(REFUSED, "refused by the peer"),
    WORDS(CANCELLED, "cancelled"),
    WORDS(REMOTE, "closed by the peer with an error"),
    WORDS(IDLE, "closed after inactivity"),
    WORDS(EXHAUSTED, "the connection's packet numbers are used up"),
    WORDS(IN_DOUBT, "replies never came: a part of the money may have arrived or not"),
    WORDS(FORGOTTEN, "the other side no longer knows this connection"),
    WORDS(TOO_LITTLE, "so little money would arrive as nothing"),
    WORDS(STALLED, "no progress for too long"),
    WORDS(CLOCK, "clocks differ"),
    WORDS(FILES, "too many files are open"),
    WORDS(EXPOSED, "a file with a secret can be read by others"),
};

/* The text for an error, or NULL for a number that is no error. */
static const struct error_words *find(int error)
{
    const size_t count = sizeof(errors) / sizeof(errors[0]);

    if (error > 0 || error <= -(int)count || !errors[-error].name)
        return NULL;
    return &errors[-error];
}

const char *rill_strerror(int error)
{
    const struct error_words *words = find(error);

    return words ? words->text : "unknown error";
}

const char *rill_error_name(int error)
{
    const struct error_words *words = find(error);

    return words ? words->name : "RILL_ERR_UNKNOWN";
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One payment on one stream of a connection of its own, on a loop beside other things: what
 * rill_pay (rill/net.h) does while its caller waits.
 */
#ifndef RILL_PAYMENT_H
#define RILL_PAYMENT_H

#include <rill/credentials.h>
#include <rill/net.h>

RILL_BEGIN_DECLS

typedef struct rill_payment rill_payment;

/* Called from the loop, never from inside a call. All but done may be NULL. */
typedef struct rill_payment_handlers {
    size_t size RILL_SIZE_OF(struct rill_payment_handlers);
    /*
     * Where the bytes come from that are sent beside the money, instead of the data of the options.
     * Reads at most cap bytes into buf and sets *len; 0 is the end. RILL_ERR_BLOCKED: there are
     * none yet, and rill_payment_readable will be called. Another error ends the payment. NULL: the
     * data of the options.
     */
    int (*read)(uint8_t *buf, size_t cap, size_t *len, void *user) RILL_UNSET;
    /* At least every tenth of a second while it goes on; false cancels. */
    bool (*progress)(const rill_connection_stats *stats, const rill_stream_totals *totals,
                     void *user) RILL_UNSET;
    /*
     * Called once a second while there was no progress for a second or more, and at once when the
     * reason changes. waited_ns: the time since the last progress. false cancels.
     */
    bool (*waiting)(const rill_waiting *waiting, uint64_t waited_ns, void *user) RILL_UNSET;
    /*
     * The last call: the payment is gone when it returns. error and result: as of rill_pay. result
     * is the library's. reached: the node was reached, so that the error is not about it.
     */
    void (*done)(int error, bool reached, const rill_pay_result *result, void *user) RILL_UNSET;
    void *user RILL_UNSET;
    /*
     * Keeps what another process needs to continue the payment if this one ends before it. The
     * program replaces the state that it kept before, and returns when the new one is safe: on the
     * disk, and not only written. Called before more may be sent, once a second while money
     * arrives, and at the end. state is the library's. It is text, and holds the receiver's secret.
     * If the result is not RILL_OK, the state was not kept: nothing more is sent, and the payment
     * ends with this error. NULL: nobody keeps it.
     *
     * Another process can continue from the latest state (resume of rill_pay_options). No unit is
     * paid twice, because a state says how much may have been sent at most. After a clean end it
     * says exactly how much was sent. After a crash, money that had left and whose answer was not
     * noted yet is in doubt: it counts as sent, and is not sent again.
     */
    int (*save)(rill_bytes state, void *user) RILL_UNSET;
} rill_payment_handlers;

/*
 * Starts a payment; done follows. Of the options, progress, waiting and user are not looked at.
 * Options, credentials and handlers are copied, and what options->net points at too. The texts of
 * options->net and the data stay the caller's, and must be there until done.
 * Errors, which come without done: as rill_client_open. *problem (may be NULL) then says what is
 * wrong with the options, static, without secrets.
 */
RILL_API RILL_MUST_CHECK int rill_payment_start(rill_payment **out, rill_loop *loop,
                                                const rill_pay_options *options,
                                                const rill_payment_handlers *handlers,
                                                const char **problem);
/* Bytes that the other side has acknowledged. */
RILL_API uint64_t rill_payment_acknowledged(const rill_payment *p);
/* The read handler has bytes again, after it had none. */
RILL_API void rill_payment_readable(rill_payment *p);
/*
 * Sends nothing more. done follows with RILL_ERR_CANCELLED when what is in flight is answered, or
 * after 2 s. Does nothing if the payment has failed already.
 */
RILL_API void rill_payment_cancel(rill_payment *p);
/* ---- the saved state of a payment ---- */

/* Bytes of a state at most. */
#define RILL_PAYMENT_STATE_MAX 4096

/* What a state says. */
typedef struct rill_payment_state {
    rill_credentials credentials; /* wipe after use */
    uint64_t amount;              /* our units: the most that is sent in all */
    uint64_t deliver;    /* the receiver's units: ends when they have arrived; 0: not set */
    rill_ratio min_rate; /* num 0: none was set */
    uint64_t sent;       /* our units: certainly sent */
    uint64_t in_doubt;   /* our units: may have been sent beside them */
    uint64_t delivered;  /* the receiver's units, of what was certainly sent, as it said */
    bool complete;       /* nothing is left to pay */
    /*
     * Nanoseconds: no packet that is in doubt lives longer. It is packet_lifetime_ns of the
     * connection that sent it. A state of an earlier library does not say it: 1 h then, the most
     * that the option may be. RILL_NEVER: the program wrote expiries of its own, and nobody knows.
     */
    uint64_t packet_lifetime_ns;
} rill_payment_state;

/*
 * Reads a state. RILL_ERR_MALFORMED: it is none; *problem (may be NULL) says why, static, without
 * secrets. RILL_ERR_UNSUPPORTED: of a later version.
 */
RILL_API RILL_MUST_CHECK int rill_payment_state_read_sized(rill_payment_state *out, size_t size,
                                                           rill_bytes state, const char **problem);
RILL_MUST_CHECK static inline int rill_payment_state_read(rill_payment_state *out, rill_bytes state,
                                                          const char **problem)
{
    return rill_payment_state_read_sized(out, sizeof *out, state, problem);
}
/*
 * A receiver whose word is above doubt (the wallet of an incoming payment) says how much has
 * arrived in all, the receiver's units, of what this state is about. Ask it when no packet can
 * arrive any more: packet_lifetime_ns of the state after the process that paid is gone, and a
 * second more for clocks that differ. A packet that arrives after the answer would be paid twice,
 * and this function cannot see when that was. Writes the state that follows from the answer into
 * out[RILL_PAYMENT_STATE_MAX], and its length. Nothing is in doubt any more. If no more has arrived
 * than the state knew, nothing of what was in doubt was sent. If more has arrived, the most that
 * can have been sent for it at the minimum rate counts as sent, so that no more than the amount
 * leaves; the rest was not sent. Without a minimum rate all that was in doubt counts.
 * RILL_ERR_RANGE: less has arrived than the state knows, so that this is about another payment.
 * RILL_ERR_STATE: nobody can know when no packet can arrive any more (RILL_NEVER), and something is
 * in doubt. Errors of rill_payment_state_read.
 */
RILL_API RILL_MUST_CHECK int rill_payment_state_settle(rill_bytes state, uint64_t delivered,
                                                       uint8_t *out, size_t *len);

/* Keeps a state in a file, as rill_credentials_save does: for the save handler. */
RILL_API RILL_MUST_CHECK int rill_payment_state_save(const char *path, rill_bytes state);
/*
 * Reads it back into out[RILL_PAYMENT_STATE_MAX]. RILL_ERR_IO: errno says why. RILL_ERR_MALFORMED:
 * it is longer than that.
 */
RILL_API RILL_MUST_CHECK int rill_payment_state_load(const char *path, uint8_t *out, size_t *len);

/* ---- looking at it ---- */

/* What it waits for; since_ns is its last progress. */
RILL_API void rill_payment_get_waiting_sized(rill_payment *p, rill_waiting *out, size_t size);
static inline void rill_payment_get_waiting(rill_payment *p, rill_waiting *out)
{
    rill_payment_get_waiting_sized(p, out, sizeof *out);
}

RILL_END_DECLS

#endif

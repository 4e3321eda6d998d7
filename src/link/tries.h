/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a link that is not up yet tries again before it tells its owner.
 *
 * A node that is restarted may have taken our connection just before it stopped. It ends this
 * connection without having let us in, and the process after it takes the next one. To somebody who
 * gives up at the first failure this would look as if there was no node. Nothing was sent yet, so
 * that another attempt can do no harm. While the new process starts, connections may be refused.
 *
 * Somebody else may be listening there, who hangs up on everybody. Then the owner is told after a
 * few attempts. Where the first attempt is refused, there is no node, and he is told at once.
 */
#ifndef RILL_LINK_TRIES_H
#define RILL_LINK_TRIES_H

#include <stdbool.h>
#include <stdint.h>

/* Of the connections that were taken and ended, this one is told. */
#define RILL_TRIES_ENDS 3

/* All zero: nothing has happened. Set back to that when the link is up, or its owner was told. */
typedef struct rill_tries {
    uint64_t since_ms; /* of the first connection that was taken and ended */
    unsigned ends;     /* connections that were */
} rill_tries;

/*
 * An attempt has failed by this error (RILL_ERR_NOT_CONNECTED: the connection was taken and ended;
 * RILL_ERR_CONNECT: it was not taken) at now_ms, and the next one would be in wait_ms. true: it is
 * made, and the owner hears nothing; all attempts together get limit_ms.
 */
bool rill_tries_again(rill_tries *t, int error, uint64_t now_ms, uint64_t wait_ms,
                      uint64_t limit_ms);

#endif

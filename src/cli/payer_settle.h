/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interrupted payment has brought, in the words of the wallet that made an incoming payment
 * for it. Money in doubt is settled by that, once no packet can arrive any more.
 */
#ifndef RILL_CLI_PAYER_SETTLE_H
#define RILL_CLI_PAYER_SETTLE_H

#include <rill/reason.h>

#include "cli/cli.h"
#include "cli/state_file.h"

typedef struct payer_settler payer_settler;

/*
 * Over with it. Not RILL_REASON_NONE: the incoming payment takes no more, being complete
 * (RILL_REASON_COMPLETED) or over (RILL_REASON_EXPIRED).
 */
typedef void (*payer_settled)(rill_reason reason, void *user);

/*
 * Asks once the packets in doubt have expired, if there is a wallet to be asked and anything in
 * doubt. NULL: there is not, or nobody knows when they have expired. done is called from the loop.
 * The file's text is what is known then, and it was kept. Whatever goes wrong is a warning: what is
 * in doubt stays so.
 */
payer_settler *payer_settle_begin(const cli_args *args, rill_loop *loop, state_file *file,
                                  const rill_payment_state *state, payer_settled done, void *user);
/* Gives up, or gives the grant back after done; frees. NULL is allowed. */
void payer_settle_end(payer_settler *s);

#endif

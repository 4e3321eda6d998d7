/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state of a payment, as text. */
#ifndef RILL_RUN_PAYMENT_STATE_H
#define RILL_RUN_PAYMENT_STATE_H

#include <rill/payment.h>

/* The text holds the secret: wipe it. RILL_ERR_ADDRESS: the credentials are none. */
RILL_MUST_CHECK int rill_payment_state_write(const rill_payment_state *s,
                                             char text[RILL_PAYMENT_STATE_MAX], size_t *len);

#endif

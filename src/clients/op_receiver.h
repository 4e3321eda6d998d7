/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver of Open Payments that asks over somebody's connections. */
#ifndef RILL_CLIENTS_OP_RECEIVER_H
#define RILL_CLIENTS_OP_RECEIVER_H

#include <rill/open_payments.h>

#include "clients/web_client.h"

/*
 * As rill_op_receiver_new. http is asked, which stays the caller's and outlives the receiver; it
 * trusts whom it trusts, whatever ca_file says. NULL: connections of its own.
 */
RILL_MUST_CHECK int rill_op_receiver_over(rill_op_receiver **out, rill_loop *loop,
                                          const char *receiver, const rill_op_options *options,
                                          rill_web_client *http, rill_op_done done, void *user,
                                          const char **problem);

/* Its server speaks Open Payments: a wallet address, or an incoming payment, was read. */
bool rill_op_receiver_was_found(const rill_op_receiver *receiver);

#endif

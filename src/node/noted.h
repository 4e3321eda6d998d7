/* SPDX-License-Identifier: Apache-2.0 */
/* What whoever keeps a log of packets is told: for calls where there is one. */
#ifndef RILL_NODE_NOTED_H
#define RILL_NODE_NOTED_H

#include "node/accounts.h"
#include "node/hub.h"
#include "node/pending.h"

/* It came as `in`, and was sent as `out`. */
void rill_noted_sent(const rill_hub_options *o, rill_pending *entry, const rill_prepare *in,
                     const rill_prepare *out, rill_now now);
/* It has a note, which is gone after this. reject NULL: it was fulfilled. */
void rill_noted_over(const rill_hub_options *o, rill_pending *entry, const rill_reject *reject,
                     bool by_node);
/* It was never sent. prepare NULL: it is malformed. */
void rill_noted_refused(const rill_hub_options *o, const rill_account *from,
                        const rill_prepare *prepare, const rill_reject *reject, rill_now now);

/* The same as lines, for who wants to see every packet: that was never sent, or was. */
void rill_say_refused(const rill_log *log, const rill_account *from, const rill_prepare *prepare,
                      const rill_reject *reject);
void rill_say_rejected(const rill_log *log, const rill_pending *entry, const rill_reject *reject,
                       bool by_node);

#endif

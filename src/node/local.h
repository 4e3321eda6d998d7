/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node says about itself: its address, IL-DCP (RFC 31), and the answer to what is said of
 * routes (CCP), which is always yes: what it means is for the owner (rill_talk).
 */
#ifndef RILL_NODE_LOCAL_H
#define RILL_NODE_LOCAL_H

#include <rill/ilp.h>

#include "node/hub.h"

rill_bytes rill_local_address(const rill_hub_options *o);
bool rill_local_is_node(const rill_hub_options *o, rill_bytes destination);
/*
 * The answer to a request to peer.* from that account, written to buf[cap]
 * (2048 is enough). NULL, or what is wrong with the request, static.
 */
const char *rill_local_answer(const rill_hub_options *o, const rill_terms *terms,
                              const rill_prepare *request, rill_bytes account, uint8_t *buf,
                              size_t cap, size_t *len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What neighbours ask each other with Prepares to peer.*, which are all fulfilled in the same way.
 */
#ifndef RILL_ILP_PEER_H
#define RILL_ILP_PEER_H

#include <rill/ilp.h>

/* CCP, the protocol by which connectors tell each other routes. */
#define RILL_CCP_CONTROL "peer.route.control"
#define RILL_CCP_UPDATE  "peer.route.update"

/* Messages between settlement engines (RFC 38). */
#define RILL_SETTLE "peer.settle"

/* A Prepare to that address (a C string), with the condition whose preimage is 32 zero bytes. */
bool rill_peer_is_request(const rill_prepare *prepare, const char *destination);
/* The condition whose preimage is 32 zero bytes: 32 bytes. */
extern const uint8_t rill_peer_condition[32];
/*
 * One to peer.settle. RFC 38 says another condition, SHA-256 of nothing, which no 32 bytes fulfil;
 * who sends that one gets the 32 zero bytes too, as the RFC wants it.
 */
bool rill_peer_is_settlement(const rill_prepare *prepare);
/* A whole Fulfill with 32 zero bytes. RILL_ERR_BUFFER, RILL_ERR_TOO_LARGE. */
RILL_MUST_CHECK int rill_peer_answer_encode(rill_bytes data, uint8_t *buf, size_t cap, size_t *len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last reject with its words, for people who want to know who refused what. An endpoint keeps
 * one, of whichever of its clients' connections it was: most have one such connection, and others
 * pay nothing for it.
 */
#ifndef RILL_STREAM_REFUSAL_H
#define RILL_STREAM_REFUSAL_H

#include "stream/core/connection_internal.h"

/* Without memory nothing is kept. authentic: by the receiver. */
void rill_refusal_keep(rill_connection *c, const rill_reject *reject, bool authentic);
/* NULL where there is none, or another connection has met a later one. */
const rill_last_reject *rill_refusal_of(const rill_connection *c);
/* c is about to be gone. */
void rill_refusal_forget(rill_connection *c);

#endif

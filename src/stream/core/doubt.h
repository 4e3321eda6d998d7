/* SPDX-License-Identifier: Apache-2.0 */
/* Money that expired without a reply. */
#ifndef RILL_STREAM_DOUBT_H
#define RILL_STREAM_DOUBT_H

#include "stream/core/connection_internal.h"

/* So did f, which is in doubt: its streams have lost money. */
void rill_doubt_lost(rill_connection *c, rill_flight *f);
/* Where the stream has lost money, and nothing else of its money is under way: asks. */
void rill_doubt_ask(rill_stream *s);
/* The reply to our packet of this number told how much has been received in all. */
void rill_doubt_told(rill_stream *s, uint64_t total, uint64_t sequence, uint64_t now_ns);
/* The reply to our packet of this number, which asked, has come. */
void rill_doubt_acknowledged(rill_stream *s, uint64_t sequence);
/* Those that were answered without being told: their money stays in doubt. */
void rill_doubt_review(rill_connection *c);
/* Nobody can be asked any more: what is lost stays in doubt. */
void rill_doubt_abandon(rill_stream *s);

#endif

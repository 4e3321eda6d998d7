/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as operators write them, in UTC. */
#ifndef RILL_CONNECTOR_WHEN_H
#define RILL_CONNECTOR_WHEN_H

#include <rill/types.h>

/* Bytes of the longest with its NUL. */
#define RILL_WHEN_TEXT 32

/*
 * Reads "2026-11-29", "2026-11-29T20:15", "2026-11-29T20:15:00" or the same with milliseconds and
 * "Z". Milliseconds since 1970. False: none of these, or no such day.
 */
RILL_MUST_CHECK bool rill_when_parse(const char *text, uint64_t *out);
/* "2026-11-29T20:15:00.000Z". */
void rill_when_text(uint64_t ms, char out[RILL_WHEN_TEXT]);

#endif

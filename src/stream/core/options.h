/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a connection, complete. */
#ifndef RILL_STREAM_OPTIONS_H
#define RILL_STREAM_OPTIONS_H

#include <rill/connection.h>

/*
 * What the program gave (NULL: nothing), with the defaults of what it does not know.
 * RILL_ERR_INVALID, RILL_ERR_UNSUPPORTED.
 */
RILL_MUST_CHECK int rill_connection_options_take(rill_connection_options *full,
                                                 const rill_connection_options *o);
/* Whether they say the same; both are complete. */
bool rill_connection_options_same(const rill_connection_options *a,
                                  const rill_connection_options *b);

#endif

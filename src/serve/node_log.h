/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a node, and what they are about. It is not public yet: what is known of them grows. */
#ifndef RILL_SERVE_NODE_LOG_H
#define RILL_SERVE_NODE_LOG_H

#include <rill/node.h>

#include "base/log_about.h"

typedef void rill_node_told(rill_log_level level, const char *line, const rill_log_about *about,
                            void *user);

/* Instead of the handler log, of lines about something. The node has that handler. */
void rill_node_tell_about(rill_node *n, rill_node_told *told);

#endif

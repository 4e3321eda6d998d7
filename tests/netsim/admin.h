/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ADMIN_H
#define NET_ADMIN_H

#include "connector/core.h"

/* What somebody asks of a node by its operators' port: the status, and the body in out. */
unsigned net_admin_post(rill_core *core, const char *path, const char *person, const char *body,
                        char *out, size_t cap);

#endif

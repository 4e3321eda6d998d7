/* SPDX-License-Identifier: Apache-2.0 */
/* The file of `rilld local --neighbours`: accounts over HTTP, with their tokens and URIs. */
#ifndef RILL_CLI_RILLD_NEIGHBOURS_H
#define RILL_CLI_RILLD_NEIGHBOURS_H

#include <rill/node.h>

/*
 * Adds those of the file to each of the ports. False: one line says why, without secrets, in
 * problem[cap]. Others who can read the file are warned of: *readable.
 */
bool rilld_neighbours_add(const char *path, rill_node_port *const *ports, size_t port_count,
                          bool *readable, char *problem, size_t cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The log of packets that a configuration wants, on the loop. */
#ifndef RILL_CONNECTOR_RUN_PACKETS_H
#define RILL_CONNECTOR_RUN_PACKETS_H

#include "connector/config.h"
#include "connector/packet_search.h"
#include "connector/run.h"

typedef struct rill_run_packets rill_run_packets;

/*
 * Opens the log of a configuration, which notes nothing yet. *out is NULL if it wants none, or the
 * one that there is in the same folder. What is wrong is reported. RILL_ERR_INVALID,
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_run_packets_prepare(rill_run_packets **out, rill_connector *owner,
                                             const rill_config *config);
/* It was prepared and is not wanted. NULL is allowed, and so is the one that there is. */
void rill_run_packets_forget(rill_connector *owner, rill_run_packets *prepared);
/* Packets are noted there from now on, as config says. What was there before writes what it has. */
void rill_run_packets_use(rill_connector *owner, rill_run_packets *prepared,
                          const rill_config *config);
/* As `search` of rill_admin_control. */
int rill_run_packets_search(void *user, rill_packet_search *s);
/* No packet comes any more. Waits until what there is is written, unless the disk fails. */
void rill_run_packets_close(rill_connector *owner);

#endif

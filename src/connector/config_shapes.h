/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of the configuration that are in more than one file. */
#ifndef RILL_CONNECTOR_CONFIG_SHAPES_H
#define RILL_CONNECTOR_CONFIG_SHAPES_H

#include "connector/config.h"

/* config.c */
extern const rill_shape rill_config_shape;
extern const rill_shape rill_config_account_shape;

/* config_settlement.c */
extern const rill_shape rill_config_settlement_shape;
void rill_config_settlement_defaults(void *out);

/* config_peering.c */
extern const rill_shape rill_config_peered_shape;
extern const rill_shape rill_config_peering_shape;
void rill_config_judge_peering(const rill_config *config, rill_shape_report *report, void *user);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of how accounts are settled. */
#include "connector/config_shapes.h"

#define END                                                                                        \
    {                                                                                              \
        .key = NULL                                                                                \
    }
#define AT(type, member) .offset = offsetof(type, member)

void rill_config_settlement_defaults(void *out)
{
    ((rill_config_settlement *)out)->scale = RILL_CONFIG_ACCOUNTS_SCALE;
}

static const rill_field settlement_fields[] = {
    {"engine",
     "Where the account's settlement engine is: https://host/path, or http of this machine.",
     RILL_KIND_TEXT, AT(rill_config_settlement, engine), .required = true},
    {"token", "What the engine is shown, if it wants that: file:PATH or env:NAME.",
     RILL_KIND_SECRET, AT(rill_config_settlement, token)},
    {"tokens",
     "One of these the engine shows at the engines' port, and no other, for this account alone."
     " Default: one of those of engines.",
     RILL_KIND_SECRETS, AT(rill_config_settlement, tokens)},
    {"threshold", "When this node owes so many units, it settles.", RILL_KIND_NUMBER,
     AT(rill_config_settlement, threshold), .required = true, .min = 1, .max = UINT64_MAX - 1},
    {"settle-to", "So many units it owes after that. Default: 0.", RILL_KIND_NUMBER,
     AT(rill_config_settlement, settle_to), .max = UINT64_MAX - 1},
    {"scale",
     "The scale of what the engine can pay, if that is coarser. Default: the account's scale.",
     RILL_KIND_NUMBER, AT(rill_config_settlement, scale), .max = 255},
    {"ca", "A PEM file with authorities to trust beside the system's.", RILL_KIND_TEXT,
     AT(rill_config_settlement, ca_file)},
    {"insecure", "The engine is on another machine, and without TLS. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_settlement, insecure)},
    END,
};
const rill_shape rill_config_settlement_shape = {"a settlement", sizeof(rill_config_settlement),
                                                 settlement_fields,
                                                 .defaults = rill_config_settlement_defaults};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other senders as their published constants describe them, each over the same
 * paths: "rs" (interledger-rs), "pay" (@interledger/pay) and "stream"
 * (ilp-protocol-stream). Only what decides when and how much they send is
 * modelled; the receiver takes everything.
 */
#ifndef PATHS_MODEL_H
#define PATHS_MODEL_H

#include "flow.h"

typedef struct paths_model paths_model;

/* NULL where there is no such sender. */
paths_model *paths_model_new(paths *p, const char *sender, unsigned flow, uint64_t start,
                             const paths_work *work);
/* NULL is allowed. */
void paths_model_free(paths_model *m);
void paths_model_result(const paths_model *m, paths_result *out);

#endif

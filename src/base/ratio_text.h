/* SPDX-License-Identifier: Apache-2.0 */
/* A ratio for people. */
#ifndef RILL_BASE_RATIO_TEXT_H
#define RILL_BASE_RATIO_TEXT_H

#include <rill/types.h>

#define RILL_RATIO_TEXT 48

/*
 * Writes "0.985": at most six digits after the point, rounded down. Writes "1/3000000" if six
 * digits would say too little, or if the number is too large.
 */
void rill_ratio_text(rill_ratio ratio, char out[RILL_RATIO_TEXT]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers of 128 bits in decimal digits. */
#ifndef RILL_BASE_WIDE_TEXT_H
#define RILL_BASE_WIDE_TEXT_H

#include <rill/types.h>

#include "base/wide.h"

/* Bytes of the longest: a sign, 39 digits, NUL. */
#define RILL_WIDE_TEXT 41

/* "-17", "0", "340282366920938463463374607431768211455". */
void rill_wide_text(rill_u128 value, char out[RILL_WIDE_TEXT]);
void rill_wide_signed_text(rill_i128 value, char out[RILL_WIDE_TEXT]);
/*
 * Reads what the above write, and nothing else: no blank, no plus, no leading zeros, no "-0".
 * RILL_ERR_INVALID; RILL_ERR_RANGE if 128 bits cannot hold it.
 */
RILL_MUST_CHECK int rill_wide_signed_parse(const char *text, size_t len, rill_i128 *out);

#endif

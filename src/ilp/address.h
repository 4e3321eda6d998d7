/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet decoders know of addresses beyond <rill/ilp.h>. */
#ifndef RILL_ILP_ADDRESS_H
#define RILL_ILP_ADDRESS_H

#include <rill/types.h>

/*
 * Only the characters and the length of the ASN.1 type Address, which may be
 * empty. For a Reject's triggeredBy: ilp-connector says "unknown" there until
 * it has learnt its address, and its error code counts nevertheless.
 */
bool rill_address_chars_valid(rill_bytes address);

#endif

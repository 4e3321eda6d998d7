/* SPDX-License-Identifier: Apache-2.0 */
/* What the packet decoders know of addresses beyond <rill/ilp.h>. */
#ifndef RILL_ILP_ADDRESS_H
#define RILL_ILP_ADDRESS_H

#include <rill/ilp.h>

/*
 * Only the characters and the length of the ASN.1 type Address, which may be
 * empty. For a Reject's triggeredBy: ilp-connector says "unknown" there until
 * it has learnt its address, and its error code counts nevertheless.
 */
bool rill_address_chars_valid(rill_bytes address);

/*
 * As rill_prepare_decode, but for whether the destination is an ILP address:
 * it need not be looked at byte by byte where it is known already. All its
 * other errors come before RILL_ERR_ADDRESS would.
 */
RILL_MUST_CHECK int rill_prepare_decode_any_address(rill_prepare *out, const uint8_t *packet,
                                                    size_t len);

#endif

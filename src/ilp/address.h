/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes need of packets and addresses, beyond <rill/ilp.h>. */
#ifndef RILL_ILP_ADDRESS_H
#define RILL_ILP_ADDRESS_H

#include <rill/ilp.h>

/*
 * Checks only the characters and the length of the ASN.1 type Address, which may be empty. This is
 * for a Reject's triggeredBy: ilp-connector says "unknown" there until it has learnt its address,
 * and its error code still counts.
 */
bool rill_address_chars_valid(rill_bytes address);

/*
 * As rill_prepare_decode, but does not check that the destination is an ILP address. A caller that
 * knows the address need not look at each byte again. All other errors come before RILL_ERR_ADDRESS
 * would.
 */
RILL_MUST_CHECK int rill_prepare_decode_any_address(rill_prepare *out, const uint8_t *packet,
                                                    size_t len);
/*
 * As rill_prepare_encode, with data of up to RILL_ILP_MAX_DATA_READ, for a packet that came with so
 * much.
 */
RILL_MUST_CHECK int rill_prepare_encode_any_size(const rill_prepare *in, uint8_t *buf, size_t cap,
                                                 size_t *len);

/*
 * As rill_fulfill_decode and rill_reject_decode. *whole is false if something was left out or cut.
 * Then pass on what the next two functions write, since other implementations are less liberal.
 * They accept as much data as is read.
 */
RILL_MUST_CHECK int rill_fulfill_decode_noting(rill_fulfill *out, const uint8_t *packet, size_t len,
                                               bool *whole);
RILL_MUST_CHECK int rill_reject_decode_noting(rill_reject *out, const uint8_t *packet, size_t len,
                                              bool *whole);
RILL_MUST_CHECK int rill_fulfill_encode_any_size(const rill_fulfill *in, uint8_t *buf, size_t cap,
                                                 size_t *len);
RILL_MUST_CHECK int rill_reject_encode_any_size(const rill_reject *in, uint8_t *buf, size_t cap,
                                                size_t *len);

#endif

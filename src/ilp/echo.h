/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo, as ilp-connector's echo middleware does it: the node answers a ping by
 * sending the money and the condition back to whoever asked.
 *
 * To ping a node at ADDRESS (private.rill), a client whose own address is ME
 * (private.rill.alice):
 * 1. makes 32 random bytes, the fulfillment; the condition is their SHA-256;
 * 2. sends a Prepare to ADDRESS, exactly, with that condition, any amount (0
 *    will do), an expiry that leaves the second Prepare time (30 s is usual; a
 *    second is taken off at each node, on both ways), and as data
 *        "ECHOECHOECHOECHO" | 0x00 | VarOctetString(ME or ME.anything);
 * 3. gets a Prepare to the address it named, with the same condition and
 *    amount and, as data,
 *        "ECHOECHOECHOECHO" | 0x01
 *    and answers it with a Fulfill that carries the fulfillment and no data
 *    (a Prepare of that data with a condition that it did not make: reject F02);
 * 4. gets that Fulfill as the answer to its own Prepare: the node is there. A
 *    Reject says who could not go on (triggeredBy) and why.
 *
 * The second Prepare is an ordinary one from the first one's sender: it counts
 * as one request, and it may go back to the account that it came from.
 */
#ifndef RILL_ILP_ECHO_H
#define RILL_ILP_ECHO_H

#include <rill/types.h>

#define RILL_ECHO_PREFIX       "ECHOECHOECHOECHO"
#define RILL_ECHO_PREFIX_LEN   16
#define RILL_ECHO_REQUEST      0
#define RILL_ECHO_RESPONSE     1
#define RILL_ECHO_RESPONSE_LEN (RILL_ECHO_PREFIX_LEN + 1)
/* A request with an address of 1023 bytes. */
#define RILL_ECHO_REQUEST_MAX (RILL_ECHO_PREFIX_LEN + 1 + 3 + 1023)

/*
 * A ping's data; *reply_to borrows. Bytes after the address are ignored.
 * *problem says what is wrong, static. RILL_ERR_MALFORMED, RILL_ERR_TRUNCATED,
 * RILL_ERR_TOO_LARGE, RILL_ERR_ADDRESS.
 */
RILL_MUST_CHECK int rill_echo_request_decode(rill_bytes data, rill_bytes *reply_to,
                                             const char **problem);
/* For the one who pings. RILL_ERR_BUFFER (RILL_ECHO_REQUEST_MAX is enough), RILL_ERR_ADDRESS. */
RILL_MUST_CHECK int rill_echo_request_encode(rill_bytes reply_to, uint8_t *buf, size_t cap,
                                             size_t *len);
void rill_echo_response_encode(uint8_t out[RILL_ECHO_RESPONSE_LEN]);
/* Begins as the answer to a ping does. */
bool rill_echo_is_response(rill_bytes data);

#endif

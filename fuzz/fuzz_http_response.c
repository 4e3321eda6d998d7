/* SPDX-License-Identifier: Apache-2.0 */
/* Responses of HTTP/1.1. The first byte says if they answer HEAD, and how large the pieces are. */
#include "h1_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    h1_compare(true, (data[0] & 0x80) != 0, (data[0] & 0x7fu) + 1u, data + 1, size - 1);
    return 0;
}

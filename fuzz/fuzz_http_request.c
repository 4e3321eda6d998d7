/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of HTTP/1.1. The first byte says how large the pieces are. */
#include "h1_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    h1_compare(false, false, data[0] == 0 ? 1 : data[0], data + 1, size - 1);
    return 0;
}

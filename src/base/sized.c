/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sized.h"

#include <string.h>

/* No struct of ours comes near it: what says that it is larger was never initialised. */
#define SIZE_MAX_SANE ((size_t)1 << 16)

static size_t size_of(const void *sized)
{
    size_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

int rill_sized_take(void *full, size_t full_size, const void *given)
{
    size_t size = size_of(given);
    if (size < sizeof size || size > SIZE_MAX_SANE)
        return RILL_ERR_INVALID;
    if (size > full_size && !is_zero((const uint8_t *)given + full_size, size - full_size))
        return RILL_ERR_UNSUPPORTED;
    memcpy(full, given, size < full_size ? size : full_size);
    memcpy(full, &full_size, sizeof full_size);
    return RILL_OK;
}

const char *rill_options_problem(int error)
{
    return error == RILL_ERR_UNSUPPORTED
               ? "the program was built for a later version of the library, and asks for what this "
                 "one does not have"
               : "options or handlers were not initialised: their size is not set";
}

void rill_sized_give(void *out, size_t size, const void *full, size_t full_size)
{
    size_t both = size < full_size ? size : full_size;
    memcpy(out, full, both);
    memset((uint8_t *)out + both, 0, size - both);
}

void rill_sized_init(void *out, size_t size, const void *full, size_t full_size)
{
    rill_sized_give(out, size, full, full_size);
    memcpy(out, &size, sizeof size);
}

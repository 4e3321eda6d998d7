/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/error.h>

const char *rill_strerror(int error)
{
    switch (error) {
    case RILL_OK:
        return "success";
#define RILL_ERROR_X(name, number, text)                                                           \
    case RILL_ERR_##name:                                                                          \
        return text;
        RILL_ERROR_LIST(RILL_ERROR_X)
#undef RILL_ERROR_X
    default:
        return "unknown error";
    }
}

const char *rill_error_name(int error)
{
    switch (error) {
    case RILL_OK:
        return "RILL_OK";
#define RILL_ERROR_X(name, number, text)                                                           \
    case RILL_ERR_##name:                                                                          \
        return "RILL_ERR_" #name;
        RILL_ERROR_LIST(RILL_ERROR_X)
#undef RILL_ERROR_X
    default:
        return "RILL_ERR_UNKNOWN";
    }
}

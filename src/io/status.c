/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/loop.h"

int rill_loop_error(int status)
{
    if (status == UV_EMFILE || status == UV_ENFILE)
        return RILL_ERR_FILES;
    return status == UV_ENOMEM ? RILL_ERR_NOMEM : RILL_ERR_IO;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of links that the library has. */
#include "link/scheme.h"
#include "links/btp/btp_client.h"

const rill_scheme rill_schemes[] = {
    {"btp+ws", rill_btp_client_open},
    {"btp+wss", rill_btp_client_open},
    {NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of links that the library has. */
#include "link/scheme.h"
#include "links/btp/btp_client.h"
#include "links/http/http_client.h"

const rill_scheme rill_schemes[] = {
    {"btp+ws", rill_btp_client_open},  {"btp+wss", rill_btp_client_open},
    {"ilp+http", rill_http_link_open}, {"ilp+https", rill_http_link_open},
    {"ilp+h2c", rill_http_link_open},  {NULL, NULL},
};

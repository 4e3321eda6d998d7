/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept between queries of SPSP, for whoever asks the same server for something else. */
#ifndef RILL_CLIENTS_SPSP_CONNECTIONS_H
#define RILL_CLIENTS_SPSP_CONNECTIONS_H

#include <rill/spsp.h>

#include "clients/web_client.h"

struct rill_spsp_connections {
    rill_web_client *http;
    bool insecure;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* All of Rill's core, librill. For the network library, librill-net, include rill/net.h too. */
#ifndef RILL_H
#define RILL_H

#include <rill/btp.h>
#include <rill/connection.h>
#include <rill/credentials.h>
#include <rill/crypto.h>
#include <rill/endpoint.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <rill/receipt.h>
#include <rill/shared.h>
#include <rill/stream.h>
#include <rill/types.h>
#include <rill/waiting.h>

#endif

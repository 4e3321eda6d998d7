/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the endpoints of one thread can share. It is for programs with many endpoints: for example a
 * language's runtime in which each client has a link, and so an endpoint, of its own.
 *
 * An endpoint needs room for the packet that it is handling, random bytes, and the contexts of its
 * cryptography: some 66 KB, of which nothing is in use between two calls. Endpoints that share it
 * take 2 KB each, or 0.7 KB where they accept no connections, and are made faster. They share no
 * connection, no account, and no secret. They also share the records of packets in flight: room for
 * as many as were ever in flight at once is kept. A request of one endpoint is unknown to the
 * others.
 */
#ifndef RILL_SHARED_H
#define RILL_SHARED_H

#include <rill/crypto.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

typedef struct rill_shared rill_shared;

typedef struct rill_shared_options {
    size_t size; /* sizeof(rill_shared_options): see rill/types.h */
    /* Where its memory comes from. The caller's; it must outlive it. Default: malloc's. */
    const rill_allocator *allocator;
    /* What encrypts, for all of its endpoints. Default: RILL_CRYPTO_OPENSSL. */
    rill_crypto_backend crypto;
} rill_shared_options;

RILL_API void rill_shared_options_init_sized(rill_shared_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_shared_options_init(rill_shared_options *o)
{
    rill_shared_options_init_sized(o, sizeof *o);
}

/*
 * Makes it, for `shared` of rill_endpoint_options. *out is the caller's. All of its endpoints
 * belong to one thread at a time, and what one of them calls (wake, clock, wall_ns, its allocator)
 * must not call another. As every endpoint, they are not to be used on both sides of a fork(). o
 * may be NULL: the defaults. RILL_ERR_INVALID: crypto is no rill_crypto_backend, or the options
 * were not initialised. RILL_ERR_UNSUPPORTED: rill_crypto_available does not have crypto, or the
 * options are those of a later version. RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_shared_new(rill_shared **out, const rill_shared_options *o);
/* Frees it, after all of its endpoints. Secrets are wiped. NULL is allowed. */
RILL_API void rill_shared_free(rill_shared *s);

RILL_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of schemes: what stands before the :// of a link's URI, and who opens such a link.
 * Whoever has a URI needs to know nothing else of the kinds of links that there are.
 */
#ifndef RILL_LINK_SCHEME_H
#define RILL_LINK_SCHEME_H

#include <rill/link.h>

typedef struct rill_scheme {
    const char *name; /* in lower case */
    /* As rill_link_open, of a URI with this scheme. options and problem are not NULL. */
    int (*open)(rill_link **out, rill_loop *loop, const char *uri, const rill_link_options *options,
                const rill_link_handlers *handlers, void *user, const char **problem);
} rill_scheme;

/*
 * Those that this library has; one without a name ends them. src/links/schemes.c puts them
 * together: what is above this layer is chosen there, and not here.
 */
extern const rill_scheme rill_schemes[];

/* The one that a URI begins with, in any case of letters; NULL. */
const rill_scheme *rill_scheme_of(const rill_scheme *schemes, const char *uri);

#endif

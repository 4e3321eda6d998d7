/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour that is known before it comes. */
#ifndef RILL_LINK_ACCOUNT_H
#define RILL_LINK_ACCOUNT_H

#include <rill/link.h>

/* Whoever is given one copies all of it, but ca_file of the options. */
typedef struct rill_link_account {
    rill_bytes name;          /* what authenticate is given */
    const rill_bytes *tokens; /* it asks with any of them; authenticate is given the first */
    size_t token_count;       /* at least 1 */
    const char *uri;          /* where it is asked, as of rill_link_open; NULL: it only asks */
    const rill_link_options *options; /* of that link; NULL: the defaults */
} rill_link_account;

#endif

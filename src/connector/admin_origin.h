/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page in a browser asks. A browser sends what pages of others want sent: so the operator's
 * port serves nothing to a page that is not its own, and its own page only under names that are
 * its own. Else somebody else's name could be made to lead here for a moment (DNS rebinding), and a
 * token that is typed into the page under that name would be theirs.
 */
#ifndef RILL_CONNECTOR_ADMIN_ORIGIN_H
#define RILL_CONNECTOR_ADMIN_ORIGIN_H

#include "connector/shape.h"

/* Header fields of a request; empty: it has none. */
typedef struct rill_admin_origin {
    rill_bytes host;   /* Host, or :authority */
    rill_bytes origin; /* Origin */
    rill_bytes site;   /* Sec-Fetch-Site */
    rill_bytes mode;   /* Sec-Fetch-Mode */
} rill_admin_origin;

/*
 * Is the host, with or without a port, ours: a numeric address, localhost, or one of the names
 * (rill_text) of the configuration? In any case of letters, with or without a dot at its end.
 */
bool rill_admin_is_our_name(rill_bytes host, const rill_items *names);
/*
 * Does a page of another origin ask? With `page`, it asks for the page itself, to which others may
 * have links.
 */
bool rill_admin_is_foreign(const rill_admin_origin *o, const rill_items *names, bool page);

#endif

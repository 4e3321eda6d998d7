/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one request that a browser makes when a wallet sends it back to us (RFC 9635 section 4.2.1),
 * and the pages that it is answered with. Texts in, texts out.
 *
 * Anybody on this machine can send such a request, and any page of the web can make a browser send
 * one. So it counts only as a browser makes it that follows a wallet: by GET, to this machine's
 * address and port as the host, to a path that nobody can guess, and not from inside another page.
 */
#ifndef RILL_CLIENTS_REDIRECT_REQUEST_H
#define RILL_CLIENTS_REDIRECT_REQUEST_H

#include "clients/interaction.h"

#define RILL_REDIRECT_MAX_HEAD 8192 /* bytes of a request's line and headers */

/* What a wallet's answer says. "": it does not say it. */
typedef struct rill_redirect_query {
    char hash[RILL_INTERACTION_MAX_WORD];
    char interact_ref[RILL_INTERACTION_MAX_WORD];
    char
        result[RILL_INTERACTION_MAX_WORD]; /* "grant_rejected", of wallets that tell a refusal so */
} rill_redirect_query;

/*
 * Reads what has come so far. host is "127.0.0.1:PORT", path begins with "/".
 * Returns 0: more must come. 200: it is the wallet's answer, and *out is set. Else the status to
 * answer with: 400, 403 (from inside another page, or another host was meant), 404, 405, 431.
 */
unsigned rill_redirect_request_read(rill_redirect_query *out, const char *data, size_t len,
                                    const char *host, const char *path);

/* What a browser is shown. */
typedef enum rill_redirect_page {
    RILL_REDIRECT_THANKS,   /* it goes on; the page can be closed */
    RILL_REDIRECT_REJECTED, /* the wallet was told no */
    RILL_REDIRECT_AGAIN,    /* it has come before */
    RILL_REDIRECT_WRONG,    /* the answer is not to our question */
    RILL_REDIRECT_NOTHING   /* there is nothing here */
} rill_redirect_page;

/* A whole answer of HTTP/1.1, after which the connection closes: its length in out[cap]. */
#define RILL_REDIRECT_ANSWER_MAX 1536
size_t rill_redirect_answer(char *out, size_t cap, unsigned status, rill_redirect_page page);

#endif

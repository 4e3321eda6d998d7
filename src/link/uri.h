/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link URIs: <base>[s]://[account]:[token]@host[:port][/path][?query]; the s stands for TLS. base
 * is btp+ws, or that of another kind of link.
 */
#ifndef RILL_LINK_URI_H
#define RILL_LINK_URI_H

#include <rill/error.h>
#include <rill/types.h>

#define RILL_URI_MAX 2048

typedef struct rill_uri {
    const char *base; /* the scheme without TLS's s; not owned */
    bool tls;
    uint16_t port;             /* 80 or 443 where the URI names none */
    char host[256];            /* without brackets */
    char host_header[272];     /* as HTTP wants it: with brackets, without a default port */
    char account[256];         /* as written: percent-escapes stay, as JavaScript peers have it */
    char token[512];           /* likewise; a secret */
    char target[RILL_URI_MAX]; /* path and query, at least "/" */
} rill_uri;

/*
 * base: in lower case; it must stay. RILL_ERR_UNSUPPORTED: a URI of another scheme. RILL_ERR_URI.
 * *problem (may be NULL) then says what is wrong, static, without anything of the URI.
 */
RILL_MUST_CHECK int rill_uri_parse_as(rill_uri *out, const char *text, const char *base,
                                      const char **problem);
/* The same of btp+ws. */
RILL_MUST_CHECK int rill_uri_parse(rill_uri *out, const char *text, const char **problem);
/*
 * A URL of HTTP without a user name or a token: https:// or http://. Its base is "http".
 * RILL_ERR_URI.
 */
RILL_MUST_CHECK int rill_uri_parse_url(rill_uri *out, const char *text, const char **problem);
/* Host, port and TLS are the same. */
bool rill_uri_same_place(const rill_uri *a, const rill_uri *b);
/* The URI again. RILL_ERR_BUFFER. */
RILL_MUST_CHECK int rill_uri_write(const rill_uri *uri, char *out, size_t cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/web_problem.h"

#include <rill/error.h>

int rill_web_error_of(CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return RILL_ERR_NOMEM;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return RILL_ERR_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return RILL_ERR_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return RILL_ERR_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
        return RILL_ERR_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
        return RILL_ERR_PROTOCOL;
    default:
        return RILL_ERR_IO;
    }
}

void rill_web_one_line(char *text)
{
    unsigned char *at = (unsigned char *)text;
    unsigned char *start = at; /* of the last character */
    for (; *at; at++) {
        if ((*at & 0xc0) != 0x80)
            start = at;
        if (*at < ' ' || *at == 0x7f)
            *at = ' ';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* controls, once more */
            at[0] = at[1] = ' ';
    }
    long needed = *start >= 0xf0 ? 4 : *start >= 0xe0 ? 3 : *start >= 0xc0 ? 2 : 1;
    if (at - start < needed)
        *start = '\0';
}

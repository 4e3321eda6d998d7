/* SPDX-License-Identifier: Apache-2.0 */
/* What a server of SPSP says (RFC 9). */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "spsp/spsp_server.h"

#define TEXT(literal)                                                                              \
    (rill_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define METHODS "GET, HEAD, OPTIONS"
/* RFC 9 has the first; a script may ask for receipts, too. */
#define HEADERS "web-monetization-id, receipt-nonce, receipt-secret"

/* extra: one field more; NULL: none. */
static int respond(rill_web_connection *c, uint64_t handle, unsigned status, rill_bytes type,
                   const rill_http_field *extra, rill_bytes body)
{
    rill_http_field fields[5] = {
        {TEXT("access-control-allow-origin"), TEXT("*")},
        {TEXT("access-control-allow-headers"), TEXT(HEADERS)},
        {TEXT("cache-control"), TEXT("no-cache, no-store")},
        {TEXT("content-type"), type},
    };
    if (extra != NULL)
        fields[4] = *extra;
    const rill_http_response r = {
        .status = status, .fields = fields, .field_count = extra != NULL ? 5 : 4, .body = body};
    return rill_web_respond(c, handle, &r);
}

static rill_bytes type_of(bool older)
{
    return older ? TEXT("application/spsp+json") : TEXT("application/spsp4+json");
}

int spsp_respond_credentials(rill_web_connection *c, uint64_t handle, bool older,
                             const rill_credentials *credentials, bool receipts)
{
    char body[RILL_CREDENTIALS_TEXT_MAX + 32];
    size_t len = 0;
    int error = rill_credentials_encode(credentials, body, sizeof body, &len);
    if (error == RILL_OK) {
        /* One member more, in place of the brace and the line feed. */
        const char *rest =
            receipts ? ",\"receipts_enabled\":true}" : ",\"receipts_enabled\":false}";
        size_t more = strlen(rest);
        memcpy(body + len - 2, rest, more);
        error = respond(c, handle, 200, type_of(older), NULL,
                        (rill_bytes){(const uint8_t *)body, len - 2 + more});
    }
    rill_wipe(body, sizeof body);
    return error;
}

int spsp_respond_unknown(rill_web_connection *c, uint64_t handle, bool older)
{
    return respond(c, handle, 404, type_of(older), NULL,
                   TEXT("{\"id\":\"InvalidReceiverError\",\"message\":\"Invalid receiver ID\"}"));
}

int spsp_respond_refusal(rill_web_connection *c, uint64_t handle, unsigned status, const char *why)
{
    const rill_http_field allow = {TEXT("allow"), TEXT(METHODS)};
    const rill_http_field retry = {TEXT("retry-after"), TEXT("1")};
    return respond(c, handle, status, TEXT("text/plain"),
                   status == 405   ? &allow
                   : status == 503 ? &retry
                                   : NULL,
                   (rill_bytes){(const uint8_t *)why, strlen(why)});
}

int spsp_respond_text(rill_web_connection *c, uint64_t handle, unsigned status, const char *text)
{
    return respond(c, handle, status, TEXT("text/plain"), NULL,
                   (rill_bytes){(const uint8_t *)text, strlen(text)});
}

int spsp_respond_options(rill_web_connection *c, uint64_t handle)
{
    const rill_http_field fields[] = {
        {TEXT("allow"), TEXT(METHODS)},
        {TEXT("access-control-allow-origin"), TEXT("*")},
        {TEXT("access-control-allow-methods"), TEXT(METHODS)},
        {TEXT("access-control-allow-headers"), TEXT(HEADERS)},
        {TEXT("access-control-max-age"), TEXT("86400")},
    };
    const rill_http_response r = {.status = 204, .fields = fields, .field_count = 5};
    return rill_web_respond(c, handle, &r);
}

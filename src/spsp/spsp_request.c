/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked for, and what else is in a request: all of it is text of strangers. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/base64.h"
#include "spsp/spsp_server.h"

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The path as a text, its escapes resolved once (RFC 3986 section 2.1). An escaped slash is no part
 * of the way there, and a NUL ends a text: there are no receivers with either.
 */
static unsigned read_path(spsp_request *out, rill_bytes raw, const char **why)
{
    size_t len = 0;
    *why = "the path is no path of a receiver";
    if (raw.len == 0 || raw.data[0] != '/')
        return 400;
    for (size_t i = 0; i < raw.len; i++) {
        int c = raw.data[i];
        if (c == '?') {
            *why = "a receiver's URL has no query";
            return 400;
        }
        if (c == '%') {
            int high = i + 2 < raw.len ? digit(raw.data[i + 1]) : -1;
            int low = i + 2 < raw.len ? digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return 400;
            c = high << 4 | low;
            i += 2;
            if (c == 0 || c == '/')
                return 404;
        }
        if (len == RILL_SPSP_MAX_PATH)
            return 404;
        out->path[len++] = (char)c;
    }
    out->path[len] = '\0';
    return 0;
}

static void read_host(spsp_request *out, const rill_http_message *m)
{
    rill_bytes host = rill_http_text(m, m->authority);
    if (host.len == 0 && rill_http_find(m, "host", &host) == RILL_ERR_NOT_FOUND)
        host = (rill_bytes){0};
    size_t len = host.len < sizeof out->host ? host.len : 0;
    if (len > 0)
        memcpy(out->host, host.data, len);
    out->host[len] = '\0';
}

/* *there: the field is; false: it is none, or not of this length. */
static bool read_bytes(const rill_http_message *m, const char *name, uint8_t *out, size_t want,
                       bool *there)
{
    rill_bytes value;
    size_t len = 0;
    int error = rill_http_find(m, name, &value);
    *there = error != RILL_ERR_NOT_FOUND;
    return !*there ||
           (error == RILL_OK &&
            rill_base64_decode((const char *)value.data, value.len, out, want, &len) == RILL_OK &&
            len == want);
}

/* STREAM receipts, section 3.2: the two headers, in base64, come together. */
static unsigned read_receipt(spsp_request *out, const rill_http_message *m, const char **why)
{
    bool nonce, secret;
    *why = "Receipt-Nonce is not 16 bytes in base64";
    if (!read_bytes(m, "receipt-nonce", out->receipt_nonce, sizeof out->receipt_nonce, &nonce))
        return 400;
    *why = "Receipt-Secret is not 32 bytes in base64";
    if (!read_bytes(m, "receipt-secret", out->receipt_secret, sizeof out->receipt_secret, &secret))
        return 400;
    *why = "Receipt-Nonce and Receipt-Secret come together";
    out->receipts = nonce;
    return nonce == secret ? 0 : 400;
}

/* In one of the fields of this name; how much it would like each type is left aside. */
static bool accepts(const rill_http_message *m, const char *type)
{
    for (size_t i = 0; i < m->field_count; i++) {
        rill_bytes rest = rill_http_text(m, m->fields[i].value);
        if (!rill_http_same_nocase(rill_http_text(m, m->fields[i].name), "accept"))
            continue;
        while (rest.len > 0) {
            const uint8_t *comma = memchr(rest.data, ',', rest.len);
            size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.data);
            if (rill_http_value_is((rill_bytes){rest.data, len}, type))
                return true;
            len += comma != NULL;
            rest = (rill_bytes){rest.data + len, rest.len - len};
        }
    }
    return false;
}

unsigned spsp_request_path(spsp_request *out, const rill_http_message *m, const char **why)
{
    return read_path(out, rill_http_text(m, m->path), why);
}

unsigned spsp_request_read(spsp_request *out, const rill_http_message *m, const char **why)
{
    unsigned refused = read_path(out, rill_http_text(m, m->path), why);
    if (refused == 0)
        refused = read_receipt(out, m, why);
    read_host(out, m);
    out->older = accepts(m, "application/spsp+json") && !accepts(m, "application/spsp4+json");
    return refused;
}

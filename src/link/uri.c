/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "link/uri.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <uv.h>

#include "crypto/crypto.h"

/* RFC 3986; each part is checked by what it may hold. */
#define UNRESERVED "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define HEX        "0123456789abcdefABCDEF"

typedef struct span {
    const char *at;
    size_t len;
} span;

/* Only characters of the set, and percent-escapes where "%" is one of them. */
static bool made_of(span s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\0' || strchr(set, s.at[i]) == NULL)
            return false;
        if (s.at[i] == '%' && (i + 2 >= s.len || strchr(HEX, s.at[i + 1]) == NULL ||
                               strchr(HEX, s.at[i + 2]) == NULL))
            return false;
    }
    return true;
}

static bool copy(char *out, size_t cap, span s)
{
    if (s.len >= cap)
        return false;
    memcpy(out, s.at, s.len);
    out[s.len] = '\0';
    return true;
}

/* NULL or what is wrong. Likewise below. */
static const char *parse_credentials(rill_uri *out, span s)
{
    const char *colon = memchr(s.at, ':', s.len);
    size_t account_len = colon != NULL ? (size_t)(colon - s.at) : s.len;
    span account = {s.at, account_len};
    span token = {s.at + s.len, 0};
    if (colon != NULL)
        token = (span){colon + 1, s.len - account_len - 1};
    if (!made_of(account, UNRESERVED SUB_DELIMS "%"))
        return "the account has a character that must be written as a percent-escape";
    if (!made_of(token, UNRESERVED SUB_DELIMS ":%"))
        return "the token has a character that must be written as a percent-escape";
    if (!copy(out->account, sizeof out->account, account))
        return "the account is too long";
    if (!copy(out->token, sizeof out->token, token))
        return "the token is too long";
    return NULL;
}

static const char *parse_port(rill_uri *out, span s)
{
    unsigned port = 0;
    if (s.len == 0 || s.len > 5 || !made_of(s, "0123456789"))
        return "the port is not a number from 1 to 65535";
    for (size_t i = 0; i < s.len; i++)
        port = port * 10 + (unsigned)(s.at[i] - '0');
    if (port == 0 || port > UINT16_MAX)
        return "the port is not a number from 1 to 65535";
    out->port = (uint16_t)port;
    return NULL;
}

static const char *parse_host(rill_uri *out, span s)
{
    unsigned char address[16];
    bool brackets = s.len > 0 && s.at[0] == '[';
    const char *end = brackets ? memchr(s.at, ']', s.len) : memchr(s.at, ':', s.len);
    if (brackets && end == NULL)
        return "the bracket of the address is not closed";
    span host = {s.at, end != NULL ? (size_t)(end - s.at) : s.len};
    span rest = {s.at + host.len, s.len - host.len};
    if (brackets) {
        host = (span){host.at + 1, host.len - 1};
        rest = (span){rest.at + 1, rest.len - 1};
    }
    if (host.len == 0)
        return "there is no host";
    if (!copy(out->host, sizeof out->host, host))
        return "the host is too long";
    if (brackets ? uv_inet_pton(AF_INET6, out->host, address) != 0 || strchr(out->host, '%') != NULL
                 : !made_of(host, UNRESERVED))
        return brackets ? "what is in brackets is not an IPv6 address"
                        : "the host has a character that a host cannot have";
    out->port = out->tls ? 443 : 80;
    if (rest.len != 0) {
        if (rest.at[0] != ':')
            return "after the address in brackets there is neither a port nor a path";
        const char *problem = parse_port(out, (span){rest.at + 1, rest.len - 1});
        if (problem != NULL)
            return problem;
    }
    const char *form = brackets ? "[%s]" : "%s";
    int len = snprintf(out->host_header, sizeof out->host_header, form, out->host);
    if (out->port != (out->tls ? 443 : 80))
        snprintf(out->host_header + len, sizeof out->host_header - (size_t)len, ":%u",
                 (unsigned)out->port);
    return NULL;
}

static const char *parse_target(rill_uri *out, span s)
{
    if (!made_of(s, UNRESERVED SUB_DELIMS ":@/?%"))
        return "the path has a character that must be written as a percent-escape";
    bool slash = s.len != 0 && s.at[0] == '/';
    out->target[0] = '/';
    if (!copy(out->target + (slash ? 0 : 1), sizeof out->target - 1, s))
        return "the path is too long";
    return NULL;
}

static const char *parse_rest(rill_uri *out, const char *text)
{
    size_t authority_len = strcspn(text, "/?#");
    span authority = {text, authority_len};
    span target = {text + authority_len, strlen(text + authority_len)};
    const char *at = memchr(authority.at, '@', authority.len);
    if (at != NULL) {
        span userinfo = {authority.at, (size_t)(at - authority.at)};
        authority = (span){at + 1, authority.len - userinfo.len - 1};
        if (memchr(authority.at, '@', authority.len) != NULL)
            return "there is more than one @ before the path: write those of the token as %40";
        const char *problem = parse_credentials(out, userinfo);
        if (problem != NULL)
            return problem;
    }
    const char *problem = parse_host(out, authority);
    return problem != NULL ? problem : parse_target(out, target);
}

/* The length of what stands before ://, or 0. */
static size_t scheme_len(const char *text)
{
    const char *end = strstr(text, "://");
    if (end == NULL || !made_of((span){text, (size_t)(end - text)}, UNRESERVED "+"))
        return 0;
    return (size_t)(end - text);
}

/* base, or with TLS base and an s, in any case of letters. */
static bool scheme_is(const char *text, size_t len, const char *base, bool *tls)
{
    size_t base_len = strlen(base);
    if (len < base_len || len > base_len + 1 || strncasecmp(text, base, base_len) != 0)
        return false;
    *tls = len == base_len + 1;
    return !*tls || text[base_len] == 's' || text[base_len] == 'S';
}

int rill_uri_parse_as(rill_uri *out, const char *text, const char *base, const char **problem)
{
    const char *wrong = NULL;
    int error = RILL_ERR_URI;
    size_t scheme = scheme_len(text);
    bool tls = false;
    *out = (rill_uri){0};
    if (strlen(text) >= RILL_URI_MAX) {
        wrong = "it is too long";
    } else if (scheme == 0) {
        wrong = "it does not begin with a scheme, such as btp+ws://";
    } else if (scheme_is(text, scheme, base, &tls)) {
        out->base = base;
        out->tls = tls;
        wrong = parse_rest(out, text + scheme + 3);
    } else {
        error = RILL_ERR_UNSUPPORTED;
        wrong = "its scheme is that of another kind of link";
    }
    if (wrong == NULL)
        return RILL_OK;
    rill_wipe(out, sizeof *out);
    if (problem != NULL)
        *problem = wrong;
    return error;
}

int rill_uri_parse(rill_uri *out, const char *text, const char **problem)
{
    static const char *const bases[] = {"btp+ws", "ilp+http", "ilp+h2c"};
    int error = RILL_ERR_UNSUPPORTED;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0] && error == RILL_ERR_UNSUPPORTED; i++)
        error = rill_uri_parse_as(out, text, bases[i], problem);
    /* HTTP/2 in the clear has no form with TLS, where it is agreed upon. */
    if (error == RILL_OK && out->tls && strcmp(out->base, "ilp+h2c") == 0) {
        rill_wipe(out, sizeof *out);
        error = RILL_ERR_UNSUPPORTED;
    }
    if (error == RILL_ERR_UNSUPPORTED && problem != NULL)
        *problem = "its scheme is not btp+ws, btp+wss, ilp+http or ilp+https";
    else if (error == RILL_ERR_URI && problem != NULL && scheme_len(text) == 0 &&
             strlen(text) < RILL_URI_MAX)
        *problem = "it does not begin with btp+ws:// or btp+wss://";
    return error;
}

int rill_uri_parse_url(rill_uri *out, const char *text, const char **problem)
{
    int error = rill_uri_parse_as(out, text, "http", problem);
    if (error == RILL_ERR_UNSUPPORTED && problem != NULL)
        *problem = "a URL begins with https:// or http://";
    if (error != RILL_OK)
        return RILL_ERR_URI;
    size_t authority = strcspn(strstr(text, "://") + 3, "/?#");
    if (memchr(strstr(text, "://") + 3, '@', authority) == NULL)
        return RILL_OK;
    if (problem != NULL)
        *problem = "a URL has no user name and no token";
    rill_wipe(out, sizeof *out);
    return RILL_ERR_URI;
}

bool rill_uri_same_place(const rill_uri *a, const rill_uri *b)
{
    return a->tls == b->tls && a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

int rill_uri_write(const rill_uri *uri, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%s%s://%s:%s@%s%s", uri->base, uri->tls ? "s" : "", uri->account,
                       uri->token, uri->host_header, uri->target);
    return len < 0 || (size_t)len >= cap ? RILL_ERR_BUFFER : RILL_OK;
}

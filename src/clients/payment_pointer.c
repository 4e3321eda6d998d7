/* SPDX-License-Identifier: Apache-2.0 */
/* Payment pointers (RFC 26), and the URLs of receivers. */
#include <rill/spsp.h>

#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "clients/url.h"

static int fail(const char **problem, int error, const char *text)
{
    if (problem)
        *problem = text;
    return error;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* unreserved and sub-delims of RFC 3986, and what else is allowed there; or a percent-escape,
 * of which the other two characters are skipped. */
static bool take(const char **at, const char *also)
{
    if (**at == '%') {
        if (!is_hex((*at)[1]) || !is_hex((*at)[2]))
            return false;
        *at += 3;
        return true;
    }
    if (**at == '\0' ||
        (!is_alnum(**at) && !strchr("-._~!$&'()*+,;=", **at) && !strchr(also, **at)))
        return false;
    (*at)++;
    return true;
}

/* Why a character is not allowed. */
static const char *complaint(const char *at)
{
    switch (*at) {
    case ':':
        return "a payment pointer has no port: \"$\", a host, and a path";
    case '@':
        return "a payment pointer has no user name: \"$\", a host, and a path";
    case '?':
        return "a payment pointer has no query: \"$\", a host, and a path";
    case '#':
        return "a payment pointer has no fragment: \"$\", a host, and a path";
    case '%':
        return "a \"%\" that two hexadecimal digits must follow";
    case ' ':
    case '\t':
    case '\n':
    case '\r':
        return "a payment pointer has no blanks";
    }
    return (unsigned char)*at >= 0x80
               ? "characters outside ASCII: another host may be meant than is seen. Write the "
                 "host's ASCII form, \"xn--...\""
               : "a character that a payment pointer cannot have";
}

/* The host: a name or an address of IPv4, or one of IPv6 in brackets. */
static const char *skip_host(const char *at)
{
    if (*at != '[') {
        while (take(&at, ""))
            continue;
        return at;
    }
    const char *start = ++at;
    while (is_hex(*at) || *at == ':' || *at == '.')
        at++;
    return *at == ']' && at - start >= 2 ? at + 1 : start - 1;
}

int rill_payment_pointer_url(const char *pointer, char *url, size_t cap, const char **problem)
{
    if (*pointer != '$')
        return fail(problem, RILL_ERR_MALFORMED, "a payment pointer begins with \"$\"");
    const char *host = pointer + 1;
    const char *path = skip_host(host);
    if (path == host)
        return fail(problem, RILL_ERR_MALFORMED,
                    *host == '\0' || *host == '/' ? "there is no host after the \"$\""
                                                  : complaint(host));
    const char *at = path;
    while (*at == '/' || (at != path && take(&at, ":@"))) {
        if (*at == '/')
            at++;
    }
    if (*at != '\0')
        return fail(problem, RILL_ERR_MALFORMED, complaint(at));
    bool bare = strcmp(path, "") == 0 || strcmp(path, "/") == 0;
    int len = snprintf(url, cap, "https://%.*s%s", (int)(path - host), host,
                       bare ? "/.well-known/pay" : path);
    if (len < 0 || (size_t)len >= cap)
        return fail(problem, RILL_ERR_BUFFER, "it is too long");
    return RILL_OK;
}

/* ---- URLs ---- */

/* Whether text begins with the lower-case words, in any case; *rest is what follows. */
static bool begins(const char *text, const char *words, const char **rest)
{
    for (; *words; words++, text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;
        if (c != *words)
            return false;
    }
    *rest = text;
    return true;
}

/* This machine by its name or address: what is sent there does not leave it. */
static bool is_loopback(const char *host, size_t len)
{
    const char *rest;
    if ((begins(host, "localhost", &rest) || begins(host, "[::1]", &rest)) && rest == host + len)
        return true;
    if (len < 5 || strncmp(host, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (host[i] != '.' && (host[i] < '0' || host[i] > '9'))
            return false; /* a name of somebody's: 127.0.0.1.example */
    }
    return true;
}

/* Without the port. */
static size_t host_length(const char *authority)
{
    const char *end = authority + strcspn(authority, "/?#");
    const char *port =
        *authority == '[' ? memchr(authority, ']', (size_t)(end - authority)) : authority;
    port = port ? memchr(port, ':', (size_t)(end - port)) : NULL;
    return (size_t)((port ? port : end) - authority);
}

static int check_url(const char *authority, bool plain, bool insecure, const char **problem)
{
    const char *at = authority;
    for (; *at; at++) {
        if (*at <= ' ' || *at > '~' || *at == '\\')
            return fail(problem, RILL_ERR_MALFORMED,
                        "a URL has neither blanks nor characters outside ASCII");
    }
    const char *end = authority + strcspn(authority, "/?#");
    if (memchr(authority, '@', (size_t)(end - authority)))
        return fail(problem, RILL_ERR_MALFORMED, "a receiver's URL has no user name");
    if (*end && strchr(end, '#'))
        return fail(problem, RILL_ERR_MALFORMED, "a receiver's URL has no fragment");
    size_t len = host_length(authority);
    if (len == 0)
        return fail(problem, RILL_ERR_MALFORMED, "a URL without a host");
    if (plain && !insecure && !is_loopback(authority, len))
        return fail(problem, RILL_ERR_UNSUPPORTED,
                    "http is not protected: anyone on the way could take the money. Use https");
    return RILL_OK;
}

int rill_receiver_url(const char *text, bool insecure, char *url, size_t cap, const char **problem)
{
    const char *authority;
    if (*text == '$')
        return rill_payment_pointer_url(text, url, cap, problem);
    bool plain = begins(text, "http://", &authority);
    if (!plain && !begins(text, "https://", &authority))
        return fail(problem, RILL_ERR_UNSUPPORTED,
                    "neither a payment pointer (\"$wallet.example/alice\") nor an https URL");
    int error = check_url(authority, plain, insecure, problem);
    if (error != RILL_OK)
        return error;
    int len = snprintf(url, cap, "%s://%s", plain ? "http" : "https", authority);
    if (len < 0 || (size_t)len >= cap)
        return fail(problem, RILL_ERR_BUFFER, "it is too long");
    return RILL_OK;
}

int rill_url_normal(const char *url, char *out, size_t cap)
{
    const char *authority;
    bool plain = begins(url, "http://", &authority);
    if (!plain && !begins(url, "https://", &authority))
        return RILL_ERR_MALFORMED;
    size_t len = strcspn(authority, "/?#");
    const char *rest = authority + len;
    const char *usual = plain ? ":80" : ":443";
    if (len > strlen(usual) && strncmp(rest - strlen(usual), usual, strlen(usual)) == 0)
        len -= strlen(usual);
    int n = snprintf(out, cap, "%s://%.*s%s%s", plain ? "http" : "https", (int)len, authority,
                     *rest == '/' ? "" : "/", rest);
    if (n < 0 || (size_t)n >= cap)
        return RILL_ERR_BUFFER;
    char *host = strstr(out, "://") + 3;
    for (size_t i = 0; i < len; i++) {
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] + ('a' - 'A'));
    }
    return RILL_OK;
}

int rill_url_named(const char *from, const char *text, bool insecure, char *out, size_t cap,
                   const char **problem)
{
    const char *rest;
    bool was_https = begins(from, "https://", &rest);
    if (*text == '$')
        return fail(problem, RILL_ERR_UNSUPPORTED, "the server names a payment pointer, not a URL");
    int error = rill_receiver_url(text, insecure && !was_https, out, cap, problem);
    if (error == RILL_OK && was_https && !begins(out, "https://", &rest))
        return fail(problem, RILL_ERR_UNSUPPORTED, "the server leads from https to http");
    return error;
}

bool rill_url_is_local(const char *url)
{
    const char *authority;
    if (!begins(url, "http://", &authority))
        return false;
    return is_loopback(authority, host_length(authority));
}

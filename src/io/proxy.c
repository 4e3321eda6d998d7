/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rill/crypto.h>
#include <rill/error.h>

#include "base/base64.h"

#define MOST_TEXT 1024 /* of a proxy */

/* A part of a text that is not NUL-terminated. */
typedef struct part {
    const char *at;
    size_t len;
} part;

/* ---- which hosts go without ---- */

/* The address of a host that is one; the number of its bytes, or 0. */
static size_t address_of(const char *host, uint8_t out[16])
{
    if (inet_pton(AF_INET, host, out) == 1)
        return 4;
    return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

static bool is_here(const char *host)
{
    static const uint8_t here[16] = {[15] = 1};
    uint8_t address[16];
    size_t len = address_of(host, address);
    if (len == 0)
        return strcasecmp(host, "localhost") == 0;
    return len == 4 ? address[0] == 127 : memcmp(address, here, sizeof here) == 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

/* "10.0.0.0/8", or an address. */
static bool is_in_network(const char *network, const char *host)
{
    uint8_t address[16];
    uint8_t base[16];
    char text[64];
    size_t len = address_of(host, address);
    const char *slash = strchr(network, '/');
    size_t named = slash != NULL ? (size_t)(slash - network) : strlen(network);
    if (len == 0 || named >= sizeof text)
        return false;
    memcpy(text, network, named);
    text[named] = '\0';
    if (address_of(text, base) != len)
        return false;
    unsigned long bits = len * 8;
    if (slash != NULL) {
        char *end;
        bits = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || bits > len * 8)
            return false;
    }
    return same_bits(address, base, (unsigned)bits);
}

/* "example.com" is that host and all below it, ".example.com" only those below it. */
static bool is_of_domain(part domain, const char *host)
{
    size_t len = strlen(host);
    bool below_only = domain.at[0] == '.';
    if (below_only) {
        domain.at++;
        domain.len--;
    }
    if (domain.len == 0 || len < domain.len ||
        strncasecmp(host + len - domain.len, domain.at, domain.len) != 0)
        return false;
    return len == domain.len ? !below_only : host[len - domain.len - 1] == '.';
}

/* Without the port of what is "HOST:PORT" or "[HOST]:PORT". False: the port is another. */
static bool take_port(part *p, uint16_t port)
{
    const char *colon = NULL;
    unsigned colons = 0;
    for (size_t i = 0; i < p->len; i++)
        if (p->at[i] == ':') {
            colon = p->at + i;
            colons++;
        }
    bool bracket = p->len > 0 && p->at[0] == '[';
    if (bracket) {
        const char *end = memchr(p->at, ']', p->len);
        if (end == NULL)
            return false;
        colon = end + 1 < p->at + p->len && end[1] == ':' ? end + 1 : NULL;
        p->len = (size_t)(end - p->at) - 1;
        p->at++;
    } else if (colons != 1) {
        return true; /* none, or an address of IPv6 */
    }
    if (colon == NULL)
        return true;
    if (!bracket)
        p->len = (size_t)(colon - p->at);
    return strtoul(colon + 1, NULL, 10) == port;
}

static bool excludes(part p, const char *host, uint16_t port)
{
    char text[256];
    if (p.len == 1 && p.at[0] == '*')
        return true;
    if (p.len == 0 || !take_port(&p, port) || p.len == 0 || p.len >= sizeof text)
        return false;
    memcpy(text, p.at, p.len);
    text[p.len] = '\0';
    return is_in_network(text, host) || is_of_domain(p, host);
}

static const char *variable_of(const char *small, const char *capital, const char **name)
{
    const char *value = getenv(small);
    *name = small;
    if ((value == NULL || value[0] == '\0') && capital != NULL) {
        value = getenv(capital);
        *name = capital;
    }
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_excluded(const char *host, uint16_t port)
{
    const char *name;
    const char *list = variable_of("no_proxy", "NO_PROXY", &name);
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t len = strcspn(list, ", \t");
        if (excludes((part){list, len}, host, port))
            return true;
        list += len;
    }
    return false;
}

/* ---- the proxy ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* USER:PASSWORD, which may be percent-encoded, in base64. */
static bool set_user(rill_proxy *out, part user)
{
    uint8_t text[RILL_PROXY_USER * 3 / 4 - 3];
    size_t len = 0;
    bool good = true;
    for (size_t i = 0; good && i < user.len; i++) {
        int c = (unsigned char)user.at[i];
        if (c == '%') {
            good = i + 2 < user.len && hex(user.at[i + 1]) >= 0 && hex(user.at[i + 2]) >= 0;
            if (good)
                c = hex(user.at[i + 1]) * 16 + hex(user.at[i + 2]);
            i += 2;
        }
        good = good && len < sizeof text;
        if (good)
            text[len++] = (uint8_t)c;
    }
    if (good)
        rill_base64_encode(text, len, out->user);
    rill_wipe(text, sizeof text);
    return good;
}

/* HOST, HOST:PORT, [HOST] or [HOST]:PORT */
static bool set_host(rill_proxy *out, part p)
{
    part host = p;
    const char *port = NULL;
    const char *end = p.at + p.len;
    if (p.len > 0 && p.at[0] == '[') {
        const char *close = memchr(p.at, ']', p.len);
        if (close == NULL)
            return false;
        host = (part){p.at + 1, (size_t)(close - p.at) - 1};
        if (close + 1 < end && close[1] != ':')
            return false;
        port = close + 1 < end ? close + 2 : NULL;
    } else {
        const char *colon = memchr(p.at, ':', p.len);
        if (colon != NULL) {
            host.len = (size_t)(colon - p.at);
            port = colon + 1;
        }
    }
    if (host.len == 0 || host.len >= sizeof out->host)
        return false;
    memcpy(out->host, host.at, host.len);
    out->host[host.len] = '\0';
    unsigned long number = port == NULL ? 80 : 0;
    for (; port != NULL && port < end; port++) {
        if (*port < '0' || *port > '9' || number > UINT16_MAX)
            return false;
        number = number * 10 + (unsigned long)(*port - '0');
    }
    out->port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

static bool read_proxy(rill_proxy *out, const char *text)
{
    static const char scheme[] = "http://";
    if (strlen(text) > MOST_TEXT)
        return false;
    if (strncasecmp(text, scheme, sizeof scheme - 1) == 0)
        text += sizeof scheme - 1;
    else if (strstr(text, "://") != NULL)
        return false;
    part all = {text, strcspn(text, "/")};
    if (text[all.len] == '/' && text[all.len + 1] != '\0')
        return false;
    for (size_t i = 0; i < all.len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    const char *at = NULL; /* the last one: a password may have others */
    for (size_t i = 0; i < all.len; i++)
        if (text[i] == '@')
            at = text + i;
    if (at != NULL) {
        if (!set_user(out, (part){text, (size_t)(at - text)}))
            return false;
        all = (part){at + 1, all.len - (size_t)(at + 1 - text)};
    }
    return set_host(out, all);
}

int rill_proxy_find(rill_proxy *out, const char *host, uint16_t port, bool tls,
                    const char **variable)
{
    memset(out, 0, sizeof *out);
    if (is_here(host))
        return RILL_ERR_NOT_FOUND;
    const char *text = tls ? variable_of("https_proxy", "HTTPS_PROXY", variable)
                           : variable_of("http_proxy", NULL, variable);
    if (text == NULL)
        text = variable_of("all_proxy", "ALL_PROXY", variable);
    if (text == NULL || is_excluded(host, port))
        return RILL_ERR_NOT_FOUND;
    if (read_proxy(out, text))
        return RILL_OK;
    rill_wipe(out, sizeof *out);
    return RILL_ERR_INVALID;
}

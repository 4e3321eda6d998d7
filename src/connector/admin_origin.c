/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/admin_origin.h"

#include <arpa/inet.h>
#include <string.h>

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same(rill_bytes a, rill_bytes b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && lower(a.data[i]) == lower(b.data[i]))
        i++;
    return a.len == b.len && i == a.len;
}

static bool is(rill_bytes a, const char *text)
{
    return same(a, (rill_bytes){(const uint8_t *)text, strlen(text)});
}

/* Without its port, the brackets of an address, and the dot that may end a name. */
static rill_bytes name_of(rill_bytes host)
{
    size_t len = host.len;
    if (host.len > 0 && host.data[0] == '[') {
        const uint8_t *end = memchr(host.data, ']', host.len);
        size_t inside = end == NULL ? 0 : (size_t)(end - host.data) - 1;
        bool rest = end == NULL || (inside + 2 < host.len && host.data[inside + 2] != ':');
        return rest ? (rill_bytes){NULL, 0} : (rill_bytes){host.data + 1, inside};
    }
    const uint8_t *colon = host.len == 0 ? NULL : memchr(host.data, ':', host.len);
    if (colon != NULL)
        len = (size_t)(colon - host.data);
    if (len > 1 && host.data[len - 1] == '.')
        len--;
    return (rill_bytes){host.data, len};
}

static bool is_address(rill_bytes name)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;
    if (name.len == 0 || name.len >= sizeof text)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return memchr(text, '\0', name.len) == NULL &&
           (inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1);
}

bool rill_admin_is_our_name(rill_bytes host, const rill_items *names)
{
    const rill_text *own = names->items;
    rill_bytes name = name_of(host);
    if (is_address(name) || is(name, "localhost"))
        return true;
    for (size_t i = 0; i < names->count; i++) {
        if (is(name, own[i].text))
            return true;
    }
    return false;
}

/* What is behind "http://" or "https://"; empty: it is something else, as "null" is. */
static rill_bytes authority_of(rill_bytes origin)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if (origin.len > len && is((rill_bytes){origin.data, len}, schemes[i]))
            return (rill_bytes){origin.data + len, origin.len - len};
    }
    return (rill_bytes){NULL, 0};
}

/*
 * Behind a server that others reach under a name of the configuration, that name is the page's, and
 * Host may be another.
 */
static bool is_of_ours(const rill_admin_origin *o, const rill_items *names)
{
    rill_bytes authority = authority_of(o->origin);
    rill_bytes name = name_of(authority);
    const rill_text *own = names->items;
    if (authority.len > 0 && same(authority, o->host))
        return true;
    for (size_t i = 0; i < names->count; i++) {
        if (name.len > 0 && is(name, own[i].text))
            return true;
    }
    return false;
}

bool rill_admin_is_foreign(const rill_admin_origin *o, const rill_items *names, bool page)
{
    if (o->origin.len > 0)
        return !is_of_ours(o, names);
    if (o->site.len == 0 || is(o->site, "none") || is(o->site, "same-origin"))
        return false;
    return !page || !is(o->mode, "navigate");
}

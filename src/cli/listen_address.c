/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/listen_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/types.h>

void listen_address_text(const listen_address *a, uint16_t port, char out[64])
{
    (void)snprintf(out, 64, a->ipv6 ? "[%s]:%u" : "%s:%u", a->host, (unsigned)port);
}

bool listen_address_host(listen_address *out, const char *host, size_t len)
{
    uint8_t bytes[16];
    static const uint8_t loopback6[16] = {[15] = 1};
    if (len == 9 && memcmp(host, "localhost", 9) == 0)
        host = "127.0.0.1";
    if (len >= sizeof out->host)
        return false;
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    if (inet_pton(AF_INET, out->host, bytes) == 1) {
        out->ipv6 = false;
        out->loopback = bytes[0] == 127;
        return true;
    }
    out->ipv6 = true;
    if (inet_pton(AF_INET6, out->host, bytes) != 1)
        return false;
    out->loopback = memcmp(bytes, loopback6, sizeof bytes) == 0;
    return true;
}

bool listen_address_port(listen_address *out, const char *text)
{
    uint64_t port = 0;
    if (rill_amount_parse(text, &port) != RILL_OK || port > UINT16_MAX)
        return false;
    out->port = (uint16_t)port;
    return true;
}

const char *listen_address_parse(listen_address *out, const char *text)
{
    static const char form[] = "it must be ADDRESS:PORT, like 127.0.0.1:7768 or [::1]:7768";
    const char *colon = strrchr(text, ':');
    if (colon == NULL)
        return form;
    const char *host = text;
    size_t len = (size_t)(colon - text);
    bool brackets = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    if (brackets) {
        host++;
        len -= 2;
    }
    if (!listen_address_host(out, host, len) || out->ipv6 != brackets)
        return form;
    return listen_address_port(out, colon + 1) ? NULL : "the port must be a number from 0 to 65535";
}

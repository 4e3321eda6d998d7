/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program listens, as people write it: ADDRESS:PORT. */
#ifndef RILL_CLI_LISTEN_ADDRESS_H
#define RILL_CLI_LISTEN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct listen_address {
    char host[48]; /* numeric address, without brackets */
    uint16_t port; /* 0: any free port */
    bool loopback; /* only this machine can reach it */
    bool ipv6;
} listen_address;

/* NULL; or what is wrong with it, for people, static. */
const char *listen_address_parse(listen_address *out, const char *text);
/* The parts. False if it is not a numeric address (or localhost), or not a port. */
bool listen_address_host(listen_address *out, const char *host, size_t len);
bool listen_address_port(listen_address *out, const char *text);
/* Brackets around IPv6: "127.0.0.1:7768", "[::1]:7768". out[64]. */
void listen_address_text(const listen_address *a, uint16_t port, char out[64]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector says of itself. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
#include "connector/run_impl.h"

uint64_t rill_connector_open_packets(const rill_connector *c)
{
    return c->begun ? rill_hub_open(rill_core_hub(c->core)) : 0;
}

size_t rill_connector_ports(const rill_connector *c)
{
    return c->port_count;
}

void rill_connector_port_text(const rill_connector *c, size_t index, char *out, size_t cap)
{
    const connector_port *p = &c->ports[index];
    bool ipv6 = strchr(p->config->host, ':') != NULL;
    snprintf(out, cap, ipv6 ? "[%s]:%u" : "%s:%u", p->config->host,
             (unsigned)rill_listener_port(rill_port_listener(p->port)));
}

uint16_t rill_connector_admin_port(const rill_connector *c)
{
    return c->admin == NULL ? 0 : rill_admin_port(c->admin);
}

const char *rill_connector_socket(const rill_connector *c)
{
    return c->admin == NULL ? "" : c->socket;
}

const char *rill_connector_address(const rill_connector *c)
{
    return c->config.address;
}

size_t rill_connector_accounts(const rill_connector *c)
{
    return rill_core_accounts(c->core);
}

static void sum_text(rill_sum sum, char out[RILL_WIDE_TEXT])
{
    rill_wide_text(rill_wide_of(sum.high, sum.low), out);
}

void rill_connector_account_at(const rill_connector *c, size_t index, rill_connector_account *out)
{
    const rill_holder_account *holder = rill_core_account(c->core, index);
    const char *name = holder->config->name;
    *out = (rill_connector_account){
        .name = name, .asset = holder->config->asset.code, .scale = holder->config->asset.scale};
    rill_wide_signed_text(holder->balance.booked, out->booked);
    sum_text(holder->balance.held, out->held);
    sum_text(holder->balance.coming, out->coming);
    int rc = rill_hub_account(rill_core_hub(c->core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &out->traffic);
    (void)rc; /* it is there */
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of auto-peering. */
#include <stdio.h>
#include <string.h>

#include <rill/ilp.h>

#include "connector/config_shapes.h"
#include "connector/peering_text.h"

#define END                                                                                        \
    {                                                                                              \
        .key = NULL                                                                                \
    }
#define AT(type, member) .offset = offsetof(type, member)

static const char *const makers[] = {"asked", "accepted", NULL};

static const rill_field peered_fields[] = {
    {"address", "The peer's ILP address, to which packets go by this account.", RILL_KIND_TEXT,
     AT(rill_config_peered, address), .required = true},
    {"made", "Who has asked: asked, this node; accepted, the peer.", RILL_KIND_CHOICE,
     AT(rill_config_peered, made), .required = true, .choices = makers},
    {"with", "The URL that was asked, or where the request came from.", RILL_KIND_TEXT,
     AT(rill_config_peered, with)},
    {"at", "When.", RILL_KIND_TEXT, AT(rill_config_peered, at)},
    {"key", "From this and the secret of peering the token of the link is made.", RILL_KIND_TEXT,
     AT(rill_config_peered, key)},
    {"quiet", "Are other neighbours not told of the route? Default: false.", RILL_KIND_BOOL,
     AT(rill_config_peered, quiet)},
    END,
};
const rill_shape rill_config_peered_shape = {"a peer", sizeof(rill_config_peered), peered_fields,
                                             .defaults = NULL};

static void grant_defaults(void *out)
{
    rill_config_grant *g = out;
    g->most = UINT64_MAX;
    g->max_packet = UINT64_MAX;
    g->packets_a_second = 100;
    rill_config_settlement_defaults(&g->settlement);
}

static const rill_field grant_fields[] = {
    {"asset", "In this asset a peer may have an account, such as USD/2.", RILL_KIND_ASSET,
     AT(rill_config_grant, asset), .required = true},
    {"credit", "Units that each such peer may owe this node; none: no limit. Default: 0.",
     RILL_KIND_LIMIT, AT(rill_config_grant, credit), .max = UINT64_MAX - 1},
    {"most", "Units that this node may owe each such peer; none: no limit. Default: none.",
     RILL_KIND_LIMIT, AT(rill_config_grant, most), .max = UINT64_MAX - 1},
    {"max-packet",
     "Units in one packet from such a peer; none: as many as it asks for. Default: none.",
     RILL_KIND_LIMIT, AT(rill_config_grant, max_packet), .min = 1, .max = UINT64_MAX - 1},
    {"packets-a-second", "Packets that each such peer may send; 0: no limit. Default: 100.",
     RILL_KIND_NUMBER, AT(rill_config_grant, packets_a_second), .max = 1000000000},
    {"amount-a-second",
     "Units that packets from each such peer may carry in a second, and in one packet; 0: no limit"
     " but its credit. Default: 0.",
     RILL_KIND_NUMBER, AT(rill_config_grant, amount_a_second), .max = UINT64_MAX - 1},
    {"settlement", "How such an account is settled (RFC 38).", RILL_KIND_STRUCT,
     AT(rill_config_grant, settlement), .of = &rill_config_settlement_shape},
    END,
};
static const rill_shape grant_shape = {"what a peer gets", sizeof(rill_config_grant), grant_fields,
                                       .defaults = grant_defaults};

static void accept_defaults(void *out)
{
    rill_config_accept *a = out;
    a->host = "127.0.0.1";
    a->port = RILL_CONFIG_NO_PORT;
    a->approve = true;
    a->max_peers = 100;
    a->requests_a_minute = 60;
    a->requests_each = 6;
}

static const rill_field accept_fields[] = {
    {"host", "A numeric address of this machine. Default: 127.0.0.1.", RILL_KIND_TEXT,
     AT(rill_config_accept, host)},
    {"port", "The number of the port; 0: any that is free. Rafiki's is 3005.", RILL_KIND_NUMBER,
     AT(rill_config_accept, port), .required = true, .max = 65535},
    {"cert", "A PEM file with the certificate and those above it, for TLS.", RILL_KIND_TEXT,
     AT(rill_config_accept, cert_file)},
    {"key", "A PEM file with the key of the certificate.", RILL_KIND_TEXT,
     AT(rill_config_accept, key_file)},
    {"assets", "What a peer may have an account in, and what it gets there.", RILL_KIND_LIST,
     AT(rill_config_accept, assets), .required = true, .of = &grant_shape},
    {"approve",
     "Does each peer wait until an operator agrees, by `rillctl peer approve`? Default: true.",
     RILL_KIND_BOOL, AT(rill_config_accept, approve)},
    {"max-peers", "Peers that came so, and that wait. Default: 100.", RILL_KIND_NUMBER,
     AT(rill_config_accept, max_peers), .min = 1, .max = RILL_PEERING_MOST},
    {"requests-a-minute", "Requests of all together; others are refused. Default: 60.",
     RILL_KIND_NUMBER, AT(rill_config_accept, requests_a_minute), .min = 1, .max = 6000},
    {"requests-a-minute-each", "The same of one address. Default: 6.", RILL_KIND_NUMBER,
     AT(rill_config_accept, requests_each), .min = 1, .max = 6000},
    {"hosts",
     "Peers' URLs are of these hosts alone: bank.example, or .example for all below it. Default:"
     " all.",
     RILL_KIND_TEXTS, AT(rill_config_accept, hosts)},
    {"refused-hosts", "Peers' URLs are not of these hosts.", RILL_KIND_TEXTS,
     AT(rill_config_accept, refused_hosts)},
    {"prefixes", "Peers' ILP addresses begin with one of these. Default: all.", RILL_KIND_TEXTS,
     AT(rill_config_accept, prefixes)},
    {"refused-prefixes", "Peers' ILP addresses begin with none of these.", RILL_KIND_TEXTS,
     AT(rill_config_accept, refused_prefixes)},
    END,
};
static const rill_shape accept_shape = {"who may ask", sizeof(rill_config_accept), accept_fields,
                                        .defaults = accept_defaults};

static void peering_defaults(void *out)
{
    rill_config_peering *p = out;
    p->timeout = 10 * RILL_SECOND;
    accept_defaults(&p->accept);
}

static const rill_field peering_fields[] = {
    {"url", "Where peers reach this node's port for ILP over HTTP: https://host/path.",
     RILL_KIND_TEXT, AT(rill_config_peering, url), .required = true},
    {"name", "How this node is called, for people. Default: its ILP address.", RILL_KIND_TEXT,
     AT(rill_config_peering, name)},
    {"secret",
     "At least 32 characters that nobody knows: file:PATH or env:NAME. From it the tokens are made"
     " that this node shows to such peers.",
     RILL_KIND_SECRET, AT(rill_config_peering, secret), .required = true},
    {"ca", "A PEM file with authorities to trust beside the system's, when a peer is asked.",
     RILL_KIND_TEXT, AT(rill_config_peering, ca_file)},
    {"insecure", "For tests: URLs may be http, and of any host. Default: false.", RILL_KIND_BOOL,
     AT(rill_config_peering, insecure)},
    {"timeout", "How long a peer that is asked may take. Default: 10s.", RILL_KIND_DURATION,
     AT(rill_config_peering, timeout), .min = 100 * RILL_MS, .max = 60 * RILL_SECOND},
    {"accept", "Others may ask this node, at a port of its own. Default: nobody may.",
     RILL_KIND_STRUCT, AT(rill_config_peering, accept), .of = &accept_shape},
    END,
};
const rill_shape rill_config_peering_shape = {"peering", sizeof(rill_config_peering),
                                              peering_fields, .defaults = peering_defaults};

/* ---- does it make sense? ---- */

typedef struct judge {
    rill_shape_report *report;
    void *user;
} judge;

static void wrong(const judge *j, rill_place place, const char *before, const char *name,
                  const char *after)
{
    char problem[400];
    (void)snprintf(problem, sizeof problem, "peering: %s%.200s%s", before, name, after);
    j->report(j->user, place, problem);
}

static void judge_hosts(const judge *j, const rill_items *hosts)
{
    const rill_text *texts = hosts->items;
    for (size_t i = 0; i < hosts->count; i++) {
        size_t len = strlen(texts[i].text);
        if (len > 253 || strspn(texts[i].text, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != len)
            wrong(j, texts[i].place, "'", texts[i].text,
                  "' is no host, in small letters, such as bank.example or .example");
    }
}

static void judge_prefixes(const judge *j, const rill_items *prefixes)
{
    const rill_text *texts = prefixes->items;
    for (size_t i = 0; i < prefixes->count; i++) {
        const rill_bytes prefix = {(const uint8_t *)texts[i].text, strlen(texts[i].text)};
        if (!rill_address_prefix_valid(prefix))
            wrong(j, texts[i].place, "'", texts[i].text, "' is no prefix of ILP addresses");
    }
}

static bool same_asset(const rill_config_asset *a, const rill_config_asset *b)
{
    return strcmp(a->code, b->code) == 0 && a->scale == b->scale;
}

static void judge_grants(const judge *j, const rill_items *grants)
{
    const rill_config_grant *all = grants->items;
    for (size_t i = 0; i < grants->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (same_asset(&all[i].asset, &all[k].asset))
                wrong(j, all[i].place, "accept: ", all[i].asset.code,
                      " is there twice with this scale");
        }
    }
}

void rill_config_judge_peering(const rill_config *config, rill_shape_report *report, void *user)
{
    const rill_config_peering *p = &config->peering;
    const rill_config_accept *a = &p->accept;
    const judge j = {report, user};
    const char *problem = NULL;
    if (p->url == NULL)
        return;
    if (!rill_peering_url_is_good(p->url, p->insecure ? RILL_PEERING_ANY : RILL_PEERING_HTTPS,
                                  &problem))
        wrong(&j, p->place, "url: ", problem, "");
    if (p->name != NULL && strlen(p->name) > RILL_PEERING_NAME)
        wrong(&j, p->place, "name: at most 100 bytes", "", "");
    if (a->port == RILL_CONFIG_NO_PORT)
        return;
    if ((a->cert_file == NULL) != (a->key_file == NULL))
        wrong(&j, a->place, "accept: a port needs both cert and key for TLS", "", "");
    if (a->assets.count == 0)
        wrong(&j, a->place, "accept: assets: at least one is needed", "", "");
    judge_grants(&j, &a->assets);
    judge_hosts(&j, &a->hosts);
    judge_hosts(&j, &a->refused_hosts);
    judge_prefixes(&j, &a->prefixes);
    judge_prefixes(&j, &a->refused_prefixes);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over 600 lines: which keys there are, and what must be true of them together.
 */
#include "connector/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>
#include <rill/spsp.h>

#include "base/alloc.h"
#include "clients/url.h"
#include "connector/config_shapes.h"
#include "connector/settler.h"
#include "link/uri.h"

#define END                                                                                        \
    {                                                                                              \
        .key = NULL                                                                                \
    }
#define AT(type, member) .offset = offsetof(type, member)

static const char *const relations[] = {"parent", "peer", "child", NULL};
/* In the order of the bits of rill_scope. */
static const char *const scopes[] = {"read",  "metrics", "accounts", "money",
                                     "rates", "node",    "backup",   NULL};
static const char *const durabilities[] = {"full", "normal", "none", NULL};

/* ---- what there is ---- */

static void port_defaults(void *out)
{
    ((rill_config_port *)out)->host = "127.0.0.1";
}

static const rill_field port_fields[] = {
    {"host", "A numeric address of this machine. Default: 127.0.0.1.", RILL_KIND_TEXT,
     AT(rill_config_port, host)},
    {"port", "The number of the port; 0: any that is free.", RILL_KIND_NUMBER,
     AT(rill_config_port, port), .required = true, .max = 65535},
    {"http", "ILP over HTTP, besides BTP over WebSocket. Default: false.", RILL_KIND_BOOL,
     AT(rill_config_port, http)},
    {"cert", "A PEM file with the certificate and those above it, for TLS.", RILL_KIND_TEXT,
     AT(rill_config_port, cert_file)},
    {"key", "A PEM file with the key of the certificate.", RILL_KIND_TEXT,
     AT(rill_config_port, key_file)},
    {"insecure",
     "Other machines reach the port without TLS, and that is meant: do not warn. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_port, insecure)},
    END,
};
static const rill_shape port_shape = {"a port", sizeof(rill_config_port), port_fields,
                                      .defaults = port_defaults};

static void operator_defaults(void *out)
{
    ((rill_config_operator *)out)->scopes = RILL_SCOPES_ALL;
}

static const rill_field operator_fields[] = {
    {"token", "What is shown: file:PATH or env:NAME, or sha256: and its hash.", RILL_KIND_TOKEN,
     AT(rill_config_operator, token), .required = true},
    {"scopes", "What may be done with it. Default: everything.", RILL_KIND_CHOICES,
     AT(rill_config_operator, scopes), .choices = scopes},
    END,
};
static const rill_shape operator_shape = {"a token", sizeof(rill_config_operator), operator_fields,
                                          .defaults = operator_defaults, .alone = "token"};

static void admin_defaults(void *out)
{
    ((rill_config_admin *)out)->host = "127.0.0.1";
    ((rill_config_admin *)out)->port = RILL_CONFIG_NO_PORT;
}

static const rill_field admin_fields[] = {
    {"socket",
     "The path of a socket for programs of this node's user, such as rillctl; none: there is none."
     " Default: admin.sock in the folder that systemd gives, else the books' path and .sock.",
     RILL_KIND_TEXT, AT(rill_config_admin, socket)},
    {"host", "A numeric address of this machine. Default: 127.0.0.1.", RILL_KIND_TEXT,
     AT(rill_config_admin, host)},
    {"port", "A TCP port besides; 0: any that is free. Default: none.", RILL_KIND_NUMBER,
     AT(rill_config_admin, port), .max = 65535},
    {"cert", "A PEM file with the certificate and those above it, for TLS.", RILL_KIND_TEXT,
     AT(rill_config_admin, cert_file)},
    {"key", "A PEM file with the key of the certificate.", RILL_KIND_TEXT,
     AT(rill_config_admin, key_file)},
    {"tokens",
     "One of these an operator shows at the port: file:PATH or env:NAME, or with what may be done"
     " with it.",
     RILL_KIND_LIST, AT(rill_config_admin, tokens), .of = &operator_shape},
    {"names",
     "Names under which a browser may open the page at the port, besides localhost and numeric"
     " addresses.",
     RILL_KIND_TEXTS, AT(rill_config_admin, names)},
    {"insecure",
     "The port may be without TLS, though other machines reach it: whoever is between sees the"
     " tokens. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_admin, insecure)},
    {"two-people",
     "Is what one operator enters by hand booked once another one confirms it? Each token is one"
     " operator, and the socket is one. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_admin, two_people)},
    END,
};
static const rill_shape admin_shape = {"the operator's port", sizeof(rill_config_admin),
                                       admin_fields, .defaults = admin_defaults};

static void link_defaults(void *out)
{
    ((rill_config_link *)out)->connections = 1;
}

static const rill_field link_fields[] = {
    {"uri",
     "Where the neighbour is: btp+wss://host/path or ilp+https://host/path, without a token.",
     RILL_KIND_TEXT, AT(rill_config_link, uri), .required = true},
    {"token", "What we show there: file:PATH or env:NAME.", RILL_KIND_SECRET,
     AT(rill_config_link, token)},
    {"connections", "How many connections at once. Default: 1.", RILL_KIND_NUMBER,
     AT(rill_config_link, connections), .min = 1, .max = 16},
    {"callback-url",
     "ILP over HTTP: the URL of a port of this node where the neighbour posts its replies, by the"
     " asynchronous form of RFC 35. Default: none; they are in its responses.",
     RILL_KIND_TEXT, AT(rill_config_link, callback_url)},
    {"answers-url",
     "With callback-url: where the neighbour takes our replies, on the host and port of uri."
     " Default: at uri.",
     RILL_KIND_TEXT, AT(rill_config_link, answers_url)},
    {"ca", "A PEM file with authorities to trust beside the system's.", RILL_KIND_TEXT,
     AT(rill_config_link, ca_file)},
    {"insecure",
     "The link is without TLS to another machine, and that is meant: do not warn. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_link, insecure)},
    END,
};
static const rill_shape link_shape = {"a link", sizeof(rill_config_link), link_fields,
                                      .defaults = link_defaults};

static void engines_defaults(void *out)
{
    ((rill_config_engines *)out)->host = "127.0.0.1";
    ((rill_config_engines *)out)->port = RILL_CONFIG_NO_PORT;
}

static const rill_field engines_fields[] = {
    {"host", "A numeric address of this machine. Default: 127.0.0.1.", RILL_KIND_TEXT,
     AT(rill_config_engines, host)},
    {"port", "The number of the port; 0: any that is free.", RILL_KIND_NUMBER,
     AT(rill_config_engines, port), .required = true, .max = 65535},
    {"cert", "A PEM file with the certificate and those above it, for TLS.", RILL_KIND_TEXT,
     AT(rill_config_engines, cert_file)},
    {"key", "A PEM file with the key of the certificate.", RILL_KIND_TEXT,
     AT(rill_config_engines, key_file)},
    {"tokens", "One of these an engine shows at the port: file:PATH or env:NAME. Default: none.",
     RILL_KIND_SECRETS, AT(rill_config_engines, tokens)},
    {"unprotected",
     "No token is needed, though other machines reach the port: whoever does can credit accounts."
     " Default: false.",
     RILL_KIND_BOOL, AT(rill_config_engines, unprotected)},
    {"insecure",
     "Other machines reach the port without TLS, and that is meant: do not warn. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_engines, insecure)},
    END,
};
static const rill_shape engines_shape = {"the engines' port", sizeof(rill_config_engines),
                                         engines_fields, .defaults = engines_defaults};

static void account_defaults(void *out)
{
    rill_config_account *a = out;
    a->relation = RILL_RELATION_CHILD;
    a->most = UINT64_MAX;
    a->max_packet = UINT64_MAX;
    a->max_sessions = 16;
    a->send_routes = RILL_CONFIG_BY_RELATION;
    a->receive_routes = RILL_CONFIG_BY_RELATION;
    a->max_routes = 100000;
    a->charge_unseen = true;
}

static const rill_field account_fields[] = {
    {"relation", "What the neighbour is to this node: parent, peer or child.", RILL_KIND_CHOICE,
     AT(rill_config_account, relation), .required = true, .choices = relations},
    {"asset", "What the account is held in: a code and a scale, such as USD/2.", RILL_KIND_ASSET,
     AT(rill_config_account, asset), .required = true},
    {"segment", "Of a child: the last part of its address. Default: its name.", RILL_KIND_TEXT,
     AT(rill_config_account, segment)},
    {"link", "How the neighbour is reached. Without it, it connects to this node.",
     RILL_KIND_SHARED, AT(rill_config_account, link), .of = &link_shape},
    {"tokens", "One of these the neighbour shows when it connects: file:PATH or env:NAME.",
     RILL_KIND_SECRETS, AT(rill_config_account, tokens)},
    {"credit", "Units that the neighbour may owe this node; none: no limit. Default: 0.",
     RILL_KIND_LIMIT, AT(rill_config_account, credit), .max = UINT64_MAX - 1},
    {"most", "Units that this node may owe the neighbour; none: no limit. Default: none.",
     RILL_KIND_LIMIT, AT(rill_config_account, most), .max = UINT64_MAX - 1},
    {"max-packet", "Units in one packet from the neighbour; none: no limit. Default: none.",
     RILL_KIND_LIMIT, AT(rill_config_account, max_packet), .min = 1, .max = UINT64_MAX - 1},
    {"packets-a-second", "Packets that the neighbour may send; 0: no limit. Default: 0.",
     RILL_KIND_NUMBER, AT(rill_config_account, packets_a_second), .max = 1000000000},
    {"amount-a-second",
     "Units that packets from the neighbour may carry in a second, and in one packet; 0: no limit."
     " Default: 0.",
     RILL_KIND_NUMBER, AT(rill_config_account, amount_a_second), .max = UINT64_MAX - 1},
    {"packets-to-a-second", "Packets that the neighbour is sent; 0: no limit. Default: 0.",
     RILL_KIND_NUMBER, AT(rill_config_account, packets_to_a_second), .max = 1000000000},
    {"amount-to-a-second",
     "Units that packets to the neighbour may carry in a second, and in one packet; 0: no limit."
     " Default: 0.",
     RILL_KIND_NUMBER, AT(rill_config_account, amount_to_a_second), .max = UINT64_MAX - 1},
    {"max-sessions", "Connections of the neighbour at once. Default: 16.", RILL_KIND_NUMBER,
     AT(rill_config_account, max_sessions), .min = 1, .max = 64},
    {"send-routes",
     "Is the neighbour told which routes there are, if it asks? Default: true for peers and"
     " children.",
     RILL_KIND_MAYBE, AT(rill_config_account, send_routes)},
    {"receive-routes",
     "Is the neighbour asked which routes it has? Default: true for parents and peers.",
     RILL_KIND_MAYBE, AT(rill_config_account, receive_routes)},
    {"max-routes", "Routes that the neighbour may tell; others are ignored. Default: 100000.",
     RILL_KIND_NUMBER, AT(rill_config_account, max_routes), .min = 1, .max = 10000000},
    {"charge-unseen",
     "Does the neighbour owe what is fulfilled after its connection or request was lost? If not,"
     " this node bears it. Default: true.",
     RILL_KIND_BOOL, AT(rill_config_account, charge_unseen)},
    {"settlement", "How this node settles what it owes, and how the neighbour does (RFC 38).",
     RILL_KIND_SHARED, AT(rill_config_account, settlement), .of = &rill_config_settlement_shape},
    {"peered",
     "What `rillctl peer` and peers that ask have written: for accounts that were added while the"
     " node ran, and not for this file.",
     RILL_KIND_SHARED, AT(rill_config_account, peered), .not_for_files = true,
     .of = &rill_config_peered_shape},
    END,
};
const rill_shape rill_config_account_shape = {
    "an account", sizeof(rill_config_account), account_fields,
    .name_offset = offsetof(rill_config_account, name), .defaults = account_defaults};

static const rill_field price_fields[] = {
    {"price", "Coins of the base for one coin, such as 1.0842 or 3/4.", RILL_KIND_RATIO,
     AT(rill_config_price, price), .required = true},
    END,
};
static const rill_shape price_shape = {"a price", sizeof(rill_config_price), price_fields,
                                       .name_offset = offsetof(rill_config_price, code)};

static const rill_field spread_fields[] = {
    {"from", "The asset's code that comes.", RILL_KIND_TEXT, AT(rill_config_spread, from),
     .required = true},
    {"to", "The asset's code that goes.", RILL_KIND_TEXT, AT(rill_config_spread, to),
     .required = true},
    {"spread", "What this node keeps, as a part of 1 such as 0.002 or 0.2%.", RILL_KIND_PART,
     AT(rill_config_spread, spread), .required = true},
    END,
};
static const rill_shape spread_shape = {"a spread", sizeof(rill_config_spread), spread_fields,
                                        .defaults = NULL};

static void rates_defaults(void *out)
{
    rill_config_rates *r = out;
    r->refresh = 30 * RILL_SECOND;
    r->timeout = 5 * RILL_SECOND;
    r->stale_after = 300 * RILL_SECOND;
    r->spread = 2000;
}

static const rill_field rates_fields[] = {
    {"base", "The code of the asset that prices are in.", RILL_KIND_TEXT,
     AT(rill_config_rates, base)},
    {"prices", "What each asset is worth in the base, by its code.", RILL_KIND_MAP,
     AT(rill_config_rates, prices), .of = &price_shape},
    {"url",
     "A service that is asked for prices as Rafiki asks: URL?base=BASE. What `prices` has is not"
     " asked for.",
     RILL_KIND_TEXT, AT(rill_config_rates, url)},
    {"token", "What the service is shown, as a bearer token: file:PATH or env:NAME.",
     RILL_KIND_SECRET, AT(rill_config_rates, token)},
    {"ca", "A PEM file with authorities to trust beside the system's.", RILL_KIND_TEXT,
     AT(rill_config_rates, ca_file)},
    {"insecure", "The service may be http on another machine. Default: false.", RILL_KIND_BOOL,
     AT(rill_config_rates, insecure)},
    {"refresh", "How often the service is asked, a tenth more or less. Default: 30s.",
     RILL_KIND_DURATION, AT(rill_config_rates, refresh), .min = RILL_SECOND,
     .max = 24 * 3600 * RILL_SECOND},
    {"timeout", "How long an answer may take. Default: 5s.", RILL_KIND_DURATION,
     AT(rill_config_rates, timeout), .min = 100 * RILL_MS, .max = 60 * RILL_SECOND},
    {"stale-after",
     "How long a price of the service is good for. After that nothing is exchanged at it."
     " Default: 5m.",
     RILL_KIND_DURATION, AT(rill_config_rates, stale_after), .min = RILL_SECOND,
     .max = 7 * 24 * 3600 * RILL_SECOND},
    {"by-api", "Prices may come by the API alone: none has to be here. Default: false.",
     RILL_KIND_BOOL, AT(rill_config_rates, by_api)},
    {"spread", "What this node keeps when it exchanges, as a part of 1. Default: 0.002.",
     RILL_KIND_PART, AT(rill_config_rates, spread)},
    {"spreads", "Other spreads for pairs of assets.", RILL_KIND_LIST,
     AT(rill_config_rates, spreads), .of = &spread_shape},
    END,
};
static const rill_shape rates_shape = {"rates", sizeof(rill_config_rates), rates_fields,
                                       .defaults = rates_defaults};

static void webhooks_defaults(void *out)
{
    rill_config_webhooks *w = out;
    w->timeout = 5 * RILL_SECOND;
    w->retry_after = RILL_SECOND;
}

static const rill_field webhooks_fields[] = {
    {"url", "Where each line of the audit is sent to, as Rafiki sends its events.", RILL_KIND_TEXT,
     AT(rill_config_webhooks, url), .required = true},
    {"secret", "What each of them is signed with: file:PATH or env:NAME.", RILL_KIND_SECRET,
     AT(rill_config_webhooks, secret), .required = true},
    {"ca", "A PEM file with authorities to trust beside the system's.", RILL_KIND_TEXT,
     AT(rill_config_webhooks, ca_file)},
    {"insecure", "The receiver may be http on another machine. Default: false.", RILL_KIND_BOOL,
     AT(rill_config_webhooks, insecure)},
    {"timeout", "How long the receiver may take. Default: 5s.", RILL_KIND_DURATION,
     AT(rill_config_webhooks, timeout), .min = 100 * RILL_MS, .max = 60 * RILL_SECOND},
    {"retry-after",
     "When a line that was not taken is sent again for the first time; later it takes longer."
     " Default: 1s.",
     RILL_KIND_DURATION, AT(rill_config_webhooks, retry_after), .min = 10 * RILL_MS,
     .max = 60 * RILL_SECOND},
    END,
};
static const rill_shape webhooks_shape = {"webhooks", sizeof(rill_config_webhooks), webhooks_fields,
                                          .defaults = webhooks_defaults};

static void packet_log_defaults(void *out)
{
    rill_config_packet_log *l = out;
    l->size = UINT64_C(1) << 30;
    l->keep = UINT64_C(14) * 24 * 3600 * RILL_SECOND;
    l->addresses = true;
}

static const rill_field packet_log_fields[] = {
    {"folder", "Where its files are, which nobody else writes. It is made if it is not there.",
     RILL_KIND_TEXT, AT(rill_config_packet_log, folder), .required = true},
    {"size", "What all of its files may take, such as 500MiB: the oldest go first. Default: 1GiB.",
     RILL_KIND_SIZE, AT(rill_config_packet_log, size), .min = UINT64_C(1) << 20,
     .max = UINT64_C(1) << 50},
    {"keep", "How long a packet is kept at most. Default: 14d.", RILL_KIND_DURATION,
     AT(rill_config_packet_log, keep), .min = 60 * RILL_SECOND,
     .max = UINT64_C(36500) * 24 * 3600 * RILL_SECOND},
    {"addresses",
     "Is it kept where each packet goes? An address says which of a neighbour's customers it is"
     " for. Default: true.",
     RILL_KIND_BOOL, AT(rill_config_packet_log, addresses)},
    END,
};
static const rill_shape packet_log_shape = {"a log of packets", sizeof(rill_config_packet_log),
                                            packet_log_fields, .defaults = packet_log_defaults};

static const rill_field route_fields[] = {
    {"prefix", "Addresses that begin with this.", RILL_KIND_TEXT, AT(rill_config_route, prefix),
     .required = true},
    {"account", "The account that packets to them go to.", RILL_KIND_TEXT,
     AT(rill_config_route, account), .required = true},
    END,
};
static const rill_shape route_shape = {"a route", sizeof(rill_config_route), route_fields,
                                       .defaults = NULL};

static const rill_field store_fields[] = {
    {"path", "The file that the books are kept in.", RILL_KIND_TEXT, AT(rill_config_store, path),
     .required = true},
    {"durability",
     "When a Fulfill is passed on: full, once its booking is on the disk; normal, once the system"
     " has it; none, at once. Default: full.",
     RILL_KIND_CHOICE, AT(rill_config_store, durability), .choices = durabilities},
    {"keep-minutes",
     "How long packets are summed for each minute; older ones are summed for each day. Default: for"
     " ever.",
     RILL_KIND_DURATION, AT(rill_config_store, keep_minutes), .min = 24 * 3600 * RILL_SECOND,
     .max = UINT64_C(36500) * 24 * 3600 * RILL_SECOND},
    {"backups",
     "The folder of copies of the books that are made by name, as a token with the scope backup "
     "may."
     " It is made if it is missing. Default: none.",
     RILL_KIND_TEXT, AT(rill_config_store, backups)},
    END,
};
static const rill_shape store_shape = {"a store", sizeof(rill_config_store), store_fields,
                                       .defaults = NULL};

static void config_defaults(void *out)
{
    rill_config *c = out;
    rates_defaults(&c->rates);
    webhooks_defaults(&c->webhooks);
    packet_log_defaults(&c->packet_log);
    admin_defaults(&c->admin);
    engines_defaults(&c->engines);
    rill_config_peering_shape.defaults(&c->peering);
    c->min_message_window = RILL_SECOND;
    c->max_hold_time = 30 * RILL_SECOND;
    c->route_interval = 30 * RILL_SECOND;
    c->route_hold_down = 45 * RILL_SECOND;
}

static const rill_field config_fields[] = {
    {"address", "This node's ILP address. Without it, the parent gives one.", RILL_KIND_TEXT,
     AT(rill_config, address)},
    {"store", "Where the books are kept.", RILL_KIND_STRUCT, AT(rill_config, store),
     .required = true, .of = &store_shape},
    {"admin", "For operators: balances, settlements, metrics, over HTTP.", RILL_KIND_STRUCT,
     AT(rill_config, admin), .of = &admin_shape},
    {"engines", "The port at which settlement engines tell what they have received (RFC 38).",
     RILL_KIND_STRUCT, AT(rill_config, engines), .of = &engines_shape},
    {"listen", "Ports that neighbours connect to.", RILL_KIND_LIST, AT(rill_config, listen),
     .of = &port_shape},
    {"accounts", "The neighbours, by name.", RILL_KIND_MAP, AT(rill_config, accounts),
     .required = true, .of = &rill_config_account_shape},
    {"rates", "What assets are worth.", RILL_KIND_STRUCT, AT(rill_config, rates),
     .of = &rates_shape},
    {"webhooks", "Who is told of each settlement, deposit and change.", RILL_KIND_STRUCT,
     AT(rill_config, webhooks), .of = &webhooks_shape},
    {"peering",
     "Accounts on which this node and another one agree by themselves, as Rafiki's auto-peering"
     " does. Default: none.",
     RILL_KIND_STRUCT, AT(rill_config, peering), .of = &rill_config_peering_shape},
    {"packet-log", "A line of each packet, in files that operators can look into.",
     RILL_KIND_STRUCT, AT(rill_config, packet_log), .of = &packet_log_shape},
    {"routes", "Which addresses are reached by which account.", RILL_KIND_LIST,
     AT(rill_config, routes), .of = &route_shape},
    {"default-route", "The account for all other addresses. Default: the parent.", RILL_KIND_TEXT,
     AT(rill_config, default_route)},
    {"min-message-window", "How much earlier a packet expires that goes on. Default: 1s.",
     RILL_KIND_DURATION, AT(rill_config, min_message_window), .min = RILL_MS,
     .max = 60 * RILL_SECOND},
    {"max-hold-time", "How long a packet waits for its answer at most. Default: 30s.",
     RILL_KIND_DURATION, AT(rill_config, max_hold_time), .min = RILL_SECOND,
     .max = 3600 * RILL_SECOND},
    {"route-interval", "How often a neighbour is told of routes if none has changed. Default: 30s.",
     RILL_KIND_DURATION, AT(rill_config, route_interval), .min = RILL_SECOND,
     .max = 3600 * RILL_SECOND},
    {"route-hold-down",
     "How long routes that this node tells are good without another word. Default: 45s.",
     RILL_KIND_DURATION, AT(rill_config, route_hold_down), .min = RILL_SECOND,
     .max = 3600 * RILL_SECOND},
    END,
};
const rill_shape rill_config_shape = {"the configuration", sizeof(rill_config), config_fields,
                                      .defaults = config_defaults};

/* As interledger-rs has it. */
bool rill_config_sends_routes(const rill_config_account *a)
{
    return a->send_routes == RILL_CONFIG_BY_RELATION ? a->relation != RILL_RELATION_PARENT
                                                     : a->send_routes != 0;
}

bool rill_config_receives_routes(const rill_config_account *a)
{
    return a->receive_routes == RILL_CONFIG_BY_RELATION ? a->relation != RILL_RELATION_CHILD
                                                        : a->receive_routes != 0;
}

int rill_config_parse(rill_config *out, rill_arena *arena, const char *text, size_t len,
                      rill_shape_report *report, void *user)
{
    return rill_shape_read(&rill_config_shape, out, arena, text, len, report, user);
}

int rill_config_take_account(rill_config_account *out, rill_arena *arena,
                             const rill_yaml_tree *tree, rill_shape_report *report, void *user)
{
    return rill_shape_read_tree(&rill_config_account_shape, out, arena, tree, report, user);
}

int rill_config_parse_account(rill_config_account *out, rill_arena *arena, const char *text,
                              rill_shape_report *report, void *user)
{
    return rill_shape_read(&rill_config_account_shape, out, arena, text, strlen(text), report,
                           user);
}

const char *rill_config_schema(rill_arena *arena)
{
    return rill_shape_schema(&rill_config_shape, "Configuration of rilld run", arena);
}

const char *rill_config_scope_name(rill_scope scope)
{
    size_t i = 0;
    while (1u << i != (unsigned)scope)
        i++;
    return scopes[i];
}

/* ---- does it make sense? ---- */

typedef struct judge {
    const rill_config *config;
    rill_shape_report *report;
    void *user;
    unsigned errors;
    const rill_config_account **sorted; /* by name; NULL: no name is looked for */
} judge;

static void wrong(judge *j, rill_place place, const char *before, const char *name,
                  const char *after)
{
    char problem[400];
    snprintf(problem, sizeof problem, "%s%.200s%s", before, name, after);
    j->errors++;
    j->report(j->user, place, problem);
}

bool rill_config_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool rill_config_same_texts(const rill_items *a, const rill_items *b)
{
    const rill_text *x = a->items;
    const rill_text *y = b->items;
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = rill_config_same_text(x[i].text, y[i].text);
    return same;
}

static const rill_config_account *accounts_of(const rill_config *c)
{
    return c->accounts.items;
}

static int by_name(const void *a, const void *b)
{
    const rill_config_account *const *x = a;
    const rill_config_account *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int name_before(const void *name, const void *account)
{
    const rill_config_account *const *a = account;
    return strcmp(name, (*a)->name);
}

/* Only where names are looked for: there may be many accounts, and few routes. */
static int sort_accounts(judge *j, const rill_allocator *allocator)
{
    const rill_config *c = j->config;
    if (c->routes.count == 0 && c->default_route == NULL)
        return RILL_OK;
    j->sorted = rill_calloc(allocator, c->accounts.count + 1, sizeof *j->sorted);
    if (j->sorted == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < c->accounts.count; i++)
        j->sorted[i] = &accounts_of(c)[i];
    qsort(j->sorted, c->accounts.count, sizeof *j->sorted, by_name);
    return RILL_OK;
}

static bool there_is(const judge *j, const char *name)
{
    return bsearch(name, j->sorted, j->config->accounts.count, sizeof *j->sorted, name_before) !=
           NULL;
}

static bool is_segment(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= RILL_STORE_NAME_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-") == len;
}

static bool is_address(const char *text)
{
    return rill_address_valid((rill_bytes){(const uint8_t *)text, strlen(text)});
}

/* Visible ASCII, with nothing that a path cannot come after. */
static bool is_plain_url(const char *url)
{
    for (const char *c = url; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("@?#\"\\", *c) != NULL)
            return false;
    }
    return true;
}

/* name: of the account. */
static void judge_settlement(judge *j, const char *name, const rill_config_settlement *s)
{
    if (s->engine == NULL)
        return;
    bool plain = strncmp(s->engine, "http://", 7) == 0;
    if (!plain && strncmp(s->engine, "https://", 8) != 0)
        wrong(j, s->place, "engine: http:// or https:// is needed, not '", s->engine, "'");
    else if (strlen(s->engine) > RILL_ENGINE_MAX || !is_plain_url(s->engine))
        wrong(j, s->place, name, "",
              ": engine: a URL of at most 200 characters, without a token, a query or blanks");
    else if (plain && !s->insecure && !rill_url_is_local(s->engine))
        wrong(j, s->place, "engine: https is needed, unless insecure is true, for '", s->engine,
              "'");
    if (s->settle_to >= s->threshold)
        wrong(j, s->place, name, "", ": settle-to must be below threshold");
}

static bool takes_http(const rill_config *c)
{
    const rill_config_port *ports = c->listen.items;
    for (size_t i = 0; i < c->listen.count; i++) {
        if (ports[i].http)
            return true;
    }
    return false;
}

/* What is wrong with these URLs; NULL: nothing. */
static const char *reply_urls_problem(const rill_config_link *link)
{
    const char *problem = NULL;
    rill_uri uri, url;
    int rc = rill_uri_parse_url(&url, link->callback_url, &problem);
    if (rc == RILL_OK)
        rc = rill_uri_parse(&uri, link->uri, &problem);
    if (rc == RILL_OK && strncmp(uri.base, "ilp+h", 5) != 0)
        return "it is for a link of ILP over HTTP";
    if (rc == RILL_OK && link->answers_url != NULL)
        rc = rill_uri_parse_url(&url, link->answers_url, &problem);
    if (rc == RILL_OK && link->answers_url != NULL && !rill_uri_same_place(&uri, &url))
        return "answers-url must have the scheme, the host and the port of uri";
    return rc == RILL_OK ? NULL : problem;
}

/* Replies that do not come in responses need somebody who may bring them, and a place. */
static void judge_replies(judge *j, const rill_config_account *a)
{
    const rill_config_link *link = a->link;
    if (link->callback_url == NULL) {
        if (link->answers_url != NULL)
            wrong(j, link->place, a->name, "", ": answers-url is for a link with a callback-url");
        return;
    }
    const char *problem = reply_urls_problem(link);
    if (problem != NULL)
        wrong(j, link->place, a->name, ": callback-url: ", problem);
    if (a->tokens.count == 0)
        wrong(j, link->place, a->name, "",
              ": callback-url: the neighbour needs tokens, by which it posts its replies");
    if (!takes_http(j->config))
        wrong(j, link->place, a->name, "",
              ": callback-url: no port has http: true, so that no reply can come");
    if (a->max_sessions < 2)
        wrong(j, link->place, a->name, "",
              ": callback-url: max-sessions must be 2 at least: the link, and the neighbour at a "
              "port");
    if (link->connections != 1)
        wrong(j, link->place, a->name, "",
              ": callback-url: leave out connections, as many are opened as are needed");
    if (a->relation == RILL_RELATION_PARENT && j->config->address == NULL)
        wrong(j, link->place, a->name, "",
              ": callback-url: address is needed, since no port is open when the parent is asked"
              " for it");
}

static void judge_peered(judge *j, const rill_config_account *a)
{
    const rill_config_peered *p = a->peered;
    if (p->address == NULL)
        return;
    if (a->place.line != 0)
        wrong(j, p->place, a->name, "",
              ": peered is for accounts that `rillctl peer` adds; here, write a link, tokens, and a"
              " route");
    if (!is_address(p->address))
        wrong(j, a->place, "peered: address: '", p->address, "' is no ILP address");
    if (a->relation != RILL_RELATION_PEER || a->link->uri == NULL)
        wrong(j, a->place, a->name, "", ": peered is for peers that have a link");
    if (p->key != NULL && a->link->token != NULL)
        wrong(j, a->place, a->name, "", ": link: a token cannot be there beside peered.key");
}

static void judge_account(judge *j, const rill_config_account *a)
{
    judge_settlement(j, a->name, a->settlement);
    judge_peered(j, a);
    if (a->link->uri != NULL)
        judge_replies(j, a);
    if (!is_segment(a->name))
        wrong(j, a->place, "the account's name '", a->name,
              "' has characters other than letters, digits, _, ~ and -, or more than 255");
    if (a->segment != NULL && a->relation != RILL_RELATION_CHILD)
        wrong(j, a->place, a->name, "", ": a segment is for children alone");
    if (a->segment != NULL && !is_segment(a->segment))
        wrong(j, a->place, "a segment has letters, digits, _, ~ and -, not '", a->segment, "'");
    if (a->link->uri == NULL && a->tokens.count == 0)
        wrong(j, a->place, a->name, "",
              ": has neither a link nor tokens, so that nobody can connect");
    if (a->link->uri == NULL && a->relation == RILL_RELATION_PARENT)
        wrong(j, a->place, a->name, "", ": a parent needs a link");
}

static void judge_parents(judge *j)
{
    const rill_config *c = j->config;
    const rill_config_account *parent = NULL;
    for (size_t i = 0; i < c->accounts.count; i++) {
        const rill_config_account *a = &accounts_of(c)[i];
        judge_account(j, a);
        if (a->relation != RILL_RELATION_PARENT)
            continue;
        if (parent != NULL)
            wrong(j, a->place, a->name, ": there is another parent: ", parent->name);
        parent = a;
    }
    if (c->address == NULL && parent == NULL)
        wrong(j, c->place, "address is missing, and there is no parent that could give one", "",
              "");
    if (c->address != NULL && !is_address(c->address))
        wrong(j, c->place, "address: '", c->address, "' is no ILP address");
}

static bool has_price(const rill_config *c, const char *code)
{
    const rill_config_price *prices = c->rates.prices.items;
    if (c->rates.url != NULL || c->rates.by_api)
        return true; /* it may come yet */
    if (c->rates.base != NULL && strcmp(c->rates.base, code) == 0)
        return true;
    for (size_t i = 0; i < c->rates.prices.count; i++) {
        if (strcmp(prices[i].code, code) == 0)
            return true;
    }
    return false;
}

/* Something may be added to it. */
static bool is_service(const char *text, bool insecure)
{
    enum { ADDED = 110 };
    char url[RILL_MAX_URL - ADDED];
    return *text != '$' && strchr(text, '#') == NULL &&
           rill_receiver_url(text, insecure, url, sizeof url, NULL) == RILL_OK;
}

static void judge_webhooks(judge *j)
{
    const rill_config_webhooks *w = &j->config->webhooks;
    if (w->url != NULL && !is_service(w->url, w->insecure))
        wrong(j, w->place, "webhooks: url: '", w->url,
              "' is no https URL, nor http of this machine (or of any, with insecure: true)");
}

static void judge_service(judge *j)
{
    const rill_config_rates *r = &j->config->rates;
    if (r->base == NULL && (r->prices.count > 0 || r->url != NULL || r->by_api))
        wrong(j, r->place, "rates: base is missing", "", "");
    if (r->url == NULL && (r->token != NULL || r->ca_file != NULL || r->insecure))
        wrong(j, r->place, "rates: token, ca and insecure are for a url, and there is none", "",
              "");
    if (r->url != NULL && !is_service(r->url, r->insecure))
        wrong(j, r->place, "rates: url: '", r->url,
              "' is no https URL, nor http of this machine (or of any, with insecure: true)");
    if (r->url != NULL && r->stale_after <= r->refresh + r->timeout)
        wrong(j, r->place,
              "rates: stale-after must be longer than refresh and timeout together, or prices are"
              " too old between two answers",
              "", "");
}

/* Each asset has a price if there is more than one code. */
static void judge_rates(judge *j)
{
    const rill_config *c = j->config;
    const char *first = NULL;
    bool several = false;
    for (size_t i = 0; i < c->accounts.count; i++) {
        const char *code = accounts_of(c)[i].asset.code;
        several = several || (first != NULL && strcmp(first, code) != 0);
        first = code;
    }
    judge_service(j);
    for (size_t i = 0; several && i < c->accounts.count; i++) {
        const rill_config_account *a = &accounts_of(c)[i];
        if (!has_price(c, a->asset.code))
            wrong(j, a->place, "there is no price for ", a->asset.code, " in rates");
    }
}

static void judge_routes(judge *j)
{
    const rill_config *c = j->config;
    const rill_config_route *routes = c->routes.items;
    for (size_t i = 0; i < c->routes.count; i++) {
        if (!is_address(routes[i].prefix) && strcmp(routes[i].prefix, "") != 0)
            wrong(j, routes[i].place, "prefix: '", routes[i].prefix, "' is no ILP address");
        if (!there_is(j, routes[i].account))
            wrong(j, routes[i].place, "there is no account '", routes[i].account, "'");
    }
    if (c->route_hold_down <= c->route_interval)
        wrong(j, c->place,
              "route-hold-down must be longer than route-interval, or routes end"
              " between two words",
              "", "");
    if (c->default_route != NULL && !there_is(j, c->default_route))
        wrong(j, c->place, "default-route: there is no account '", c->default_route, "'");
}

static void on_wrong(void *user, rill_place place, const char *problem)
{
    judge *j = user;
    j->errors++;
    j->report(j->user, place, problem);
}

/* What is granted is agreed as with any account. */
static void judge_peering(judge *j)
{
    const rill_config_grant *grants = j->config->peering.accept.assets.items;
    rill_config_judge_peering(j->config, on_wrong, j);
    if (j->config->peering.accept.port != RILL_CONFIG_NO_PORT && !takes_http(j->config))
        wrong(j, j->config->peering.accept.place,
              "peering: accept: no port has http: true, so that no peer could reach this node", "",
              "");
    for (size_t i = 0; i < j->config->peering.accept.assets.count; i++)
        judge_settlement(j, "peering", &grants[i].settlement);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* Engines that show a token of their own each. */
static bool each_engine_has_tokens(const rill_config *c)
{
    bool any = false;
    for (size_t i = 0; i < c->accounts.count; i++) {
        const rill_config_settlement *s = accounts_of(c)[i].settlement;
        any = any || s->engine != NULL;
        if (s->engine != NULL && s->tokens.count == 0)
            return false;
    }
    return any;
}

/* Whoever reaches this port can credit accounts. */
static void judge_engines(judge *j)
{
    const rill_config_engines *e = &j->config->engines;
    if ((e->cert_file == NULL) != (e->key_file == NULL))
        wrong(j, e->place, "a port needs both cert and key for TLS", "", "");
    if (e->port == RILL_CONFIG_NO_PORT || e->tokens.count > 0 || e->unprotected)
        return;
    if (!is_loopback(e->host) && !each_engine_has_tokens(j->config))
        wrong(j, e->place, "other machines reach the engines' port: it needs tokens, or ",
              "unprotected: true", "");
}

/* What one operator proposes to book, another one has to be able to confirm. */
static bool has_two_people(const rill_config_admin *admin)
{
    const rill_config_operator *all = admin->tokens.items;
    size_t people = admin->socket == NULL || strcmp(admin->socket, "none") != 0;
    for (size_t i = 0; i < admin->tokens.count; i++)
        people += (all[i].scopes & RILL_SCOPE_MONEY) != 0;
    return people >= 2;
}

static void judge_ports(judge *j)
{
    const rill_config_port *ports = j->config->listen.items;
    const rill_config_admin *admin = &j->config->admin;
    if ((admin->cert_file == NULL) != (admin->key_file == NULL))
        wrong(j, admin->place, "a port needs both cert and key for TLS", "", "");
    if (admin->port != RILL_CONFIG_NO_PORT && admin->tokens.count == 0)
        wrong(j, admin->place, "the operator's port needs a token", "", "");
    if (admin->port != RILL_CONFIG_NO_PORT && admin->cert_file == NULL && !admin->insecure &&
        !is_loopback(admin->host))
        wrong(j, admin->place,
              "other machines reach the operator's port, and its tokens would cross the network in"
              " clear: it needs cert and key, or insecure: true",
              "", "");
    if (admin->two_people && !has_two_people(admin))
        wrong(j, admin->place,
              "two-people needs two ways in: the socket and a token, or two tokens, with the scope"
              " money",
              "", "");
    if (admin->port == RILL_CONFIG_NO_PORT && admin->tokens.count > 0)
        wrong(j, admin->place, "tokens are for the operator's port, and there is no port", "", "");
    for (size_t i = 0; i < j->config->listen.count; i++) {
        if ((ports[i].cert_file == NULL) != (ports[i].key_file == NULL))
            wrong(j, ports[i].place, "a port needs both cert and key for TLS", "", "");
    }
}

int rill_config_judge(const rill_config *config, rill_arena *arena, rill_shape_report *report,
                      void *user)
{
    judge j = {.config = config, .report = report, .user = user};
    if (sort_accounts(&j, arena->allocator) != RILL_OK)
        return RILL_ERR_NOMEM;
    judge_parents(&j);
    judge_rates(&j);
    judge_routes(&j);
    judge_ports(&j);
    judge_engines(&j);
    judge_webhooks(&j);
    judge_peering(&j);
    rill_free(arena->allocator, j.sorted);
    return j.errors > 0 ? RILL_ERR_MALFORMED : RILL_OK;
}

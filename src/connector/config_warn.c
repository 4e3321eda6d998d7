/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration may say, and is not safe. */
#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "connector/config.h"
#include "link/uri.h"

typedef struct warner {
    rill_shape_report *report;
    void *user;
    unsigned count;
} warner;

static void warn(warner *w, rill_place place, const char *what, const char *name, const char *rest)
{
    char problem[400];
    if (w->count++ >= RILL_CONFIG_WARNINGS)
        return;
    (void)snprintf(problem, sizeof problem, "warning: %s%.200s%s", what, name, rest);
    w->report(w->user, place, problem);
}

/* Nobody else hears what is said there. A name that begins with 127. is not one of these. */
static bool is_of_this_machine(const char *host)
{
    bool number = strspn(host, "0123456789.") == strlen(host);
    return (number && strncmp(host, "127.", 4) == 0) || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static void warn_of_port(warner *w, rill_place place, const char *what, const char *host,
                         const char *cert_file, bool insecure)
{
    if (cert_file == NULL && !insecure && !is_of_this_machine(host))
        warn(w, place, what, "",
             ": other machines reach it without TLS, and tokens cross the network in clear: cert"
             " and key are missing, or insecure: true");
}

static void warn_of_link(warner *w, const rill_config_account *a)
{
    rill_uri uri;
    const char *problem;
    if (a->link->uri == NULL || a->link->insecure ||
        rill_uri_parse(&uri, a->link->uri, &problem) != RILL_OK)
        return;
    if (!uri.tls && !is_of_this_machine(uri.host))
        warn(w, a->place.line == 0 ? a->place : a->link->place, "", a->name,
             ": its link is without TLS to another machine, and our token crosses the network in"
             " clear: btp+wss or ilp+https, or insecure: true");
}

void rill_config_warn(const rill_config *config, const char *only, rill_shape_report *report,
                      void *user)
{
    const rill_config_port *ports = config->listen.items;
    const rill_config_account *accounts = config->accounts.items;
    const rill_config_engines *engines = &config->engines;
    const rill_config_accept *accept = &config->peering.accept;
    warner w = {.report = report, .user = user};
    for (size_t i = 0; only == NULL && i < config->listen.count; i++)
        warn_of_port(&w, ports[i].place, "listen", ports[i].host, ports[i].cert_file,
                     ports[i].insecure);
    if (only == NULL && engines->port != RILL_CONFIG_NO_PORT && engines->tokens.count > 0)
        warn_of_port(&w, engines->place, "engines", engines->host, engines->cert_file,
                     engines->insecure);
    if (only == NULL && config->peering.url != NULL && accept->port != RILL_CONFIG_NO_PORT)
        warn_of_port(&w, accept->place, "peering: accept", accept->host, accept->cert_file,
                     config->peering.insecure);
    for (size_t i = 0; i < config->accounts.count; i++) {
        if (only == NULL || strcmp(only, accounts[i].name) == 0)
            warn_of_link(&w, &accounts[i]);
    }
    if (w.count > RILL_CONFIG_WARNINGS) {
        char text[80];
        (void)snprintf(text, sizeof text, "warning: %u more of these",
                       w.count - RILL_CONFIG_WARNINGS);
        report(user, config->place, text);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What another configuration changes, in words: for the audit, and for whoever asked for it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "connector/config_shapes.h"
#include "connector/core_change.h"

void rill_core_tell_change(rill_core_change *n, rill_holder_account *a, const char *format, ...)
{
    change_line *line = rill_arena_alloc(&n->arena, sizeof *line);
    va_list args;
    if (line == NULL) {
        n->no_memory = true;
        return;
    }
    line->next = NULL;
    line->account = a;
    va_start(args, format);
    (void)vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
    *n->last = line;
    n->last = &line->next;
}

static void limit_text(uint64_t limit, char out[24])
{
    if (limit == RILL_NO_LIMIT)
        (void)snprintf(out, 24, "none");
    else
        (void)snprintf(out, 24, "%llu", (unsigned long long)limit);
}

static void note_limit(rill_core_change *n, rill_holder_account *a, const char *what, uint64_t old,
                       uint64_t fresh)
{
    char before[24];
    char now[24];
    if (old == fresh)
        return;
    limit_text(old, before);
    limit_text(fresh, now);
    rill_core_tell_change(n, a, "%s %s, before %s", what, now, before);
}

static void note_flag(rill_core_change *n, rill_holder_account *a, const char *what, bool old,
                      bool fresh)
{
    if (old != fresh)
        rill_core_tell_change(n, a, "%s %s", what, fresh ? "true" : "false");
}

/* The name of a file or of a variable is no secret. What is in it never gets here. */
static void note_place(rill_core_change *n, rill_holder_account *a, const char *what,
                       const char *old, const char *fresh)
{
    if (!rill_config_same_text(old, fresh))
        rill_core_tell_change(n, a, "%s %.80s, before %.80s", what, fresh == NULL ? "none" : fresh,
                              old == NULL ? "none" : old);
}

/* Without what may stand before an @, and in a line: somebody may have put a secret there. */
static void link_text(const char *uri, char out[100])
{
    const char *host = uri == NULL ? NULL : strstr(uri, "://");
    const char *end = host == NULL ? NULL : host + 3 + strcspn(host + 3, "/?#");
    const char *at = host == NULL ? NULL : memchr(host, '@', (size_t)(end - host));
    if (uri == NULL)
        (void)snprintf(out, 100, "none");
    else if (at != NULL)
        (void)snprintf(out, 100, "%.*s://%.70s", (int)(host - uri < 20 ? host - uri : 20), uri,
                       at + 1);
    else
        (void)snprintf(out, 100, "%.99s", uri);
    out[strcspn(out, "?#")] = '\0';
}

static void note_url(rill_core_change *n, rill_holder_account *a, const char *what, const char *old,
                     const char *fresh)
{
    char now[100];
    link_text(fresh, now);
    if (!rill_config_same_text(old, fresh))
        rill_core_tell_change(n, a, "%s %s", what, now);
}

static void note_link(rill_core_change *n, rill_holder_account *a, const rill_config_link *old,
                      const rill_config_link *fresh)
{
    char before[100];
    char now[100];
    link_text(old->uri, before);
    link_text(fresh->uri, now);
    if (!rill_config_same_text(old->uri, fresh->uri))
        rill_core_tell_change(n, a, "link %s, before %s", now, before);
    note_place(n, a, "link token", old->token, fresh->token);
    note_url(n, a, "link callback-url", old->callback_url, fresh->callback_url);
    note_url(n, a, "link answers-url", old->answers_url, fresh->answers_url);
    if (old->uri != NULL && fresh->uri != NULL)
        note_limit(n, a, "link connections", old->connections, fresh->connections);
}

static void note_settlement(rill_core_change *n, rill_holder_account *a,
                            const rill_config_settlement *old, const rill_config_settlement *fresh)
{
    if (!rill_config_same_text(old->engine, fresh->engine))
        rill_core_tell_change(n, a, "settlement engine %s",
                              fresh->engine == NULL ? "none" : fresh->engine);
    if (fresh->engine == NULL || old->engine == NULL)
        return;
    note_place(n, a, "settlement token", old->token, fresh->token);
    if (rill_config_same_text(old->token, fresh->token) && a->settling != NULL &&
        !rill_config_same_text(a->settling->terms.token, a->settling->fresh.token))
        rill_core_tell_change(n, a, "settlement token: another one is there now");
    note_limit(n, a, "settlement threshold", old->threshold, fresh->threshold);
    note_limit(n, a, "settle-to", old->settle_to, fresh->settle_to);
    if (old->scale != fresh->scale)
        rill_core_tell_change(n, a, "settlement scale changed");
}

void rill_core_tell_account(rill_core_change *n, rill_holder_account *a,
                            const rill_config_account *fresh)
{
    const rill_config_account *old = a->config;
    if (a->fresh) {
        const rill_config_link none = {.uri = NULL};
        rill_core_tell_change(n, a, "added");
        note_link(n, a, &none, fresh->link);
        return;
    }
    note_link(n, a, old->link, fresh->link);
    note_limit(n, a, "credit", old->credit, fresh->credit);
    note_limit(n, a, "most", old->most, fresh->most);
    note_limit(n, a, "max-packet", old->max_packet, fresh->max_packet);
    note_limit(n, a, "packets-a-second", old->packets_a_second, fresh->packets_a_second);
    note_limit(n, a, "amount-a-second", old->amount_a_second, fresh->amount_a_second);
    note_limit(n, a, "packets-to-a-second", old->packets_to_a_second, fresh->packets_to_a_second);
    note_limit(n, a, "amount-to-a-second", old->amount_to_a_second, fresh->amount_to_a_second);
    note_limit(n, a, "max-sessions", old->max_sessions, fresh->max_sessions);
    note_limit(n, a, "max-routes", old->max_routes, fresh->max_routes);
    note_settlement(n, a, old->settlement, fresh->settlement);
    note_flag(n, a, "send-routes", rill_config_sends_routes(old), rill_config_sends_routes(fresh));
    note_flag(n, a, "receive-routes", rill_config_receives_routes(old),
              rill_config_receives_routes(fresh));
    note_flag(n, a, "charge-unseen", old->charge_unseen, fresh->charge_unseen);
}

static bool same_prices(const rill_config_rates *a, const rill_config_rates *b)
{
    const rill_config_price *x = a->prices.items;
    const rill_config_price *y = b->prices.items;
    if (a->prices.count != b->prices.count)
        return false;
    for (size_t i = 0; i < a->prices.count; i++) {
        if (strcmp(x[i].code, y[i].code) != 0 || x[i].price.num != y[i].price.num ||
            x[i].price.den != y[i].price.den)
            return false;
    }
    return true;
}

static bool same_spreads(const rill_config_rates *a, const rill_config_rates *b)
{
    const rill_config_spread *x = a->spreads.items;
    const rill_config_spread *y = b->spreads.items;
    if (a->spreads.count != b->spreads.count || a->spread != b->spread)
        return false;
    for (size_t i = 0; i < a->spreads.count; i++) {
        if (strcmp(x[i].from, y[i].from) != 0 || strcmp(x[i].to, y[i].to) != 0 ||
            x[i].spread != y[i].spread)
            return false;
    }
    return true;
}

void rill_core_tell_rates(rill_core_change *n)
{
    const rill_config_rates *old = &n->core->options.config->rates;
    const rill_config_rates *fresh = &n->fresh->rates;
    if (!rill_config_same_text(old->base, fresh->base) || !same_prices(old, fresh))
        rill_core_tell_change(n, NULL, "prices changed");
    if (!rill_config_same_text(old->url, fresh->url) ||
        !rill_config_same_text(old->token, fresh->token) ||
        !rill_config_same_text(old->ca_file, fresh->ca_file) || old->insecure != fresh->insecure ||
        old->refresh != fresh->refresh || old->timeout != fresh->timeout ||
        old->stale_after != fresh->stale_after)
        rill_core_tell_change(n, NULL, "the service of prices changed");
    if (!same_spreads(old, fresh))
        rill_core_tell_change(n, NULL, "spreads changed");
}

void rill_core_tell_peering(rill_core_change *n)
{
    const rill_config_peering *old = &n->core->options.config->peering;
    const rill_config_peering *fresh = &n->fresh->peering;
    if (!rill_config_same_peering(old, fresh))
        rill_core_tell_change(n, NULL, fresh->url == NULL ? "peering none" : "peering changed");
}

void rill_core_tell_webhooks(rill_core_change *n)
{
    const rill_config_webhooks *old = &n->core->options.config->webhooks;
    const rill_config_webhooks *fresh = &n->fresh->webhooks;
    char before[100];
    char now[100];
    if (rill_config_same_webhooks(old, fresh))
        return;
    link_text(old->url, before);
    link_text(fresh->url, now);
    if (rill_config_same_text(old->url, fresh->url))
        rill_core_tell_change(n, NULL, "webhooks changed, to %s", now);
    else
        rill_core_tell_change(n, NULL, "webhooks %s, before %s", now, before);
}

static void scopes_text(unsigned scopes, char out[80])
{
    size_t len = 0;
    (void)snprintf(out, 80, "everything");
    for (unsigned bit = 1; scopes != RILL_SCOPES_ALL && bit <= RILL_SCOPES_ALL; bit <<= 1) {
        if ((scopes & bit) != 0)
            len += (size_t)snprintf(out + len, 80 - len, "%s%s", len == 0 ? "" : ", ",
                                    rill_config_scope_name((rill_scope)bit));
    }
}

/* Where it is, or its hash: what is in it never gets here. NULL: there is none. */
static const rill_config_operator *find_operator(const rill_config_admin *admin, const char *token)
{
    const rill_config_operator *all = admin->tokens.items;
    for (size_t i = 0; i < admin->tokens.count; i++) {
        if (strcmp(all[i].token, token) == 0)
            return &all[i];
    }
    return NULL;
}

void rill_core_tell_operators(rill_core_change *n)
{
    const rill_config_admin *old = &n->core->options.config->admin;
    const rill_config_admin *fresh = &n->fresh->admin;
    const rill_config_operator *all = old->tokens.items;
    char before[80];
    char now[80];
    for (size_t i = 0; i < old->tokens.count; i++) {
        if (find_operator(fresh, all[i].token) == NULL)
            rill_core_tell_change(n, NULL, "admin: token %.100s is not good any more",
                                  all[i].token);
    }
    all = fresh->tokens.items;
    for (size_t i = 0; i < fresh->tokens.count; i++) {
        const rill_config_operator *had = find_operator(old, all[i].token);
        scopes_text(all[i].scopes, now);
        if (had == NULL) {
            rill_core_tell_change(n, NULL, "admin: token %.100s may do %s", all[i].token, now);
        } else if (had->scopes != all[i].scopes) {
            scopes_text(had->scopes, before);
            rill_core_tell_change(n, NULL, "admin: token %.100s may do %s, before %s",
                                  all[i].token, now, before);
        }
    }
    note_flag(n, NULL, "admin: two-people", old->two_people, fresh->two_people);
}

void rill_core_tell_packet_log(rill_core_change *n)
{
    const rill_config_packet_log *old = &n->core->options.config->packet_log;
    const rill_config_packet_log *fresh = &n->fresh->packet_log;
    if (rill_config_same_packet_log(old, fresh))
        return;
    note_place(n, NULL, "packet-log folder", old->folder, fresh->folder);
    if (fresh->folder == NULL || old->folder == NULL)
        return;
    if (old->size != fresh->size)
        rill_core_tell_change(n, NULL, "packet-log size %llu MiB, before %llu MiB",
                              (unsigned long long)(fresh->size >> 20),
                              (unsigned long long)(old->size >> 20));
    if (old->keep != fresh->keep)
        rill_core_tell_change(n, NULL, "packet-log keep %llu s, before %llu s",
                              (unsigned long long)(fresh->keep / RILL_SECOND),
                              (unsigned long long)(old->keep / RILL_SECOND));
    note_flag(n, NULL, "packet-log addresses", old->addresses, fresh->addresses);
}

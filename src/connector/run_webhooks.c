/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the audit go to whom the configuration names. */
#define _POSIX_C_SOURCE 200809L

#include "connector/run_webhooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "clients/web_client.h"
#include "connector/run_impl.h"
#include "connector/webhook.h"
#include "store/look.h"

enum { MOST_SECRET = 4096 };

struct rill_run_webhooks {
    rill_connector *owner;
    uv_timer_t timer;
    rill_web_client *web;  /* NULL: not yet */
    rill_web_call *call;   /* NULL: none is under way */
    rill_store_look *look; /* the same. It outlives us: its user is NULL once nobody waits */
    uint64_t lines;        /* of the audit, that the store had last */
    uint64_t deadline;     /* that the timer is set for */
    bool said;             /* that it fails */
    bool closed;
};

static void look(rill_run_webhooks *r);

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_webhook *state(const rill_run_webhooks *r)
{
    return rill_core_webhook(r->owner->core);
}

/* Once when it begins to fail, and once when it is over. */
static void say(rill_run_webhooks *r)
{
    const rill_webhook *w = state(r);
    char line[RILL_WEBHOOK_PROBLEM + 80];
    bool fails = w->problem[0] != '\0';
    if (fails == r->said)
        return;
    r->said = fails;
    (void)snprintf(line, sizeof line, fails ? "webhooks: %s; it is tried again" : "webhooks: %s",
                   fails ? w->problem : "they are taken again");
    rill_connector_line(r->owner, RILL_LOG_WARNING, line);
}

/* Without memory it is kept with the next one: until then some are sent again after a kill. */
static void keep_cursor(const rill_run_webhooks *r)
{
    char text[RILL_WEBHOOK_CURSOR];
    uint64_t group;
    rill_webhook_cursor(state(r), text);
    const rill_store_setting setting = {RILL_SETTING_WEBHOOK, "cursor", text};
    int rc = rill_core_put_setting(r->owner->core, &setting, &group);
    (void)rc;
}

/* ---- looking ---- */

static void on_looked(rill_store_look *found)
{
    rill_run_webhooks *r = found->user;
    if (r != NULL) {
        r->look = NULL;
        rill_webhook_looked(state(r), found, rill_core_now(r->owner->core));
        say(r);
        look(r);
    }
    rill_look_clear(found, memory());
    rill_free(memory(), found);
}

static bool start_look(rill_run_webhooks *r)
{
    rill_store_look *l = rill_calloc(memory(), 1, sizeof *l);
    if (l == NULL)
        return false;
    l->user = r;
    l->done = on_looked;
    rill_webhook_ask(state(r), l);
    r->look = l;
    rill_store_look_into(r->owner->store, l);
    return true;
}

/* ---- sending ---- */

static void on_answer(const rill_web_answer *answer, void *user)
{
    rill_run_webhooks *r = user;
    rill_loop_stale(r->owner->loop);
    r->call = NULL;
    if (rill_webhook_answered(state(r), answer->error == RILL_OK ? answer->status : 0,
                              answer->problem, rill_core_now(r->owner->core)))
        keep_cursor(r);
    say(r);
    look(r);
}

static int open_web(rill_run_webhooks *r, const rill_config_webhooks *config)
{
    rill_web_client_options o;
    if (r->web != NULL)
        return RILL_OK;
    rill_web_client_options_init(&o);
    o.timeout_ns = config->timeout;
    o.connect_timeout_ns = config->timeout;
    o.ca_file = config->ca_file;
    o.insecure = config->insecure;
    return rill_web_client_new(&r->web, r->owner->loop, &o);
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static int sign(const rill_run_webhooks *r, const rill_config_webhooks *config, const char *body,
                char signature[RILL_WEBHOOK_SIGNATURE])
{
    char secret[MOST_SECRET];
    int rc = rill_config_secret(config->secret, secret, sizeof secret);
    if (rc == RILL_OK)
        rc = rill_webhook_sign(r->owner->loop->crypto, memory(), secret,
                               rill_core_now(r->owner->core).wall_ms, body, signature);
    rill_wipe(secret, sizeof secret);
    return rc;
}

/* Not to where it is sent on: the receiver that is meant is this one alone. */
static int post(rill_run_webhooks *r, const rill_audit_line *line, const char *body,
                const char **problem)
{
    const rill_config_webhooks *config = &r->owner->config.webhooks;
    char signature[RILL_WEBHOOK_SIGNATURE];
    char number[24];
    *problem = "its secret cannot be read";
    int rc = sign(r, config, body, signature);
    if (rc != RILL_OK)
        return rc;
    *problem = "ca cannot be read";
    rc = open_web(r, config);
    if (rc != RILL_OK)
        return rc;
    (void)snprintf(number, sizeof number, "%" PRIu64, line->id);
    const rill_request_header fields[] = {
        {"Content-Type", bytes_of("application/json")},
        {"Rafiki-Signature", bytes_of(signature)},
        {"Rill-Sequence", bytes_of(number)},
    };
    const rill_web_ask ask = {
        .method = "POST",
        .url = config->url,
        .fields = fields,
        .field_count = sizeof fields / sizeof *fields,
        .body = bytes_of(body),
        .ignore_body = true,
    };
    *problem = "its URL cannot be used";
    return rill_web_call_start(&r->call, r->web, &ask, on_answer, r);
}

static void send_next(rill_run_webhooks *r)
{
    const char *problem = "out of memory";
    const rill_audit_line *line = rill_webhook_line(state(r));
    char *body = rill_webhook_body(line);
    int rc = body == NULL ? RILL_ERR_NOMEM : post(r, line, body, &problem);
    free(body);
    if (rc == RILL_OK)
        return;
    r->call = NULL;
    bool moved =
        rill_webhook_answered(state(r), 0, rc == RILL_ERR_NOMEM ? "out of memory" : problem,
                              rill_core_now(r->owner->core));
    (void)moved; /* it has not */
    say(r);
}

/* ---- when ---- */

static void on_timer(uv_timer_t *timer)
{
    rill_run_webhooks *r = timer->data;
    rill_loop_stale(r->owner->loop);
    r->deadline = 0;
    look(r);
}

static void arm(rill_run_webhooks *r)
{
    const uint64_t now = rill_loop_clock(r->owner->loop).mono_ns;
    uint64_t deadline = rill_webhook_deadline(state(r));
    /* Without memory for a look, or a call that failed at once: not in this turn again. */
    if (deadline <= now)
        deadline = now + RILL_SECOND;
    if (deadline == r->deadline)
        return;
    r->deadline = deadline;
    if (deadline == RILL_NEVER)
        uv_timer_stop(&r->timer);
    else
        (void)uv_timer_start(&r->timer, on_timer, (deadline - now + RILL_MS - 1) / RILL_MS, 0);
}

/* Does what is due, and sets the timer. */
static void look(rill_run_webhooks *r)
{
    if (r->closed || r->owner->config.webhooks.url == NULL || r->owner->store == NULL)
        return;
    switch (rill_webhook_next(state(r), rill_loop_clock(r->owner->loop).mono_ns)) {
    case RILL_WEBHOOK_LOOK:
        (void)start_look(r); /* without memory again in a second */
        break;
    case RILL_WEBHOOK_SEND:
        send_next(r);
        break;
    case RILL_WEBHOOK_NOTHING:
        break;
    }
    arm(r);
}

/* ---- its life ---- */

static void begin(rill_run_webhooks *r, uint64_t after)
{
    const rill_config_webhooks *config = &r->owner->config.webhooks;
    if (config->url == NULL)
        return;
    if (rill_webhook_begin(state(r), after, config->retry_after,
                           rill_loop_clock(r->owner->loop).mono_ns))
        keep_cursor(r);
    look(r);
}

/* What is under way is nobody's any more. */
static void forget(rill_run_webhooks *r)
{
    if (r->look != NULL)
        r->look->user = NULL;
    r->look = NULL;
    rill_web_client_free(r->web);
    r->web = NULL;
    r->call = NULL;
}

int rill_run_webhooks_open(rill_run_webhooks **out, rill_connector *owner)
{
    rill_run_webhooks *r = rill_calloc(memory(), 1, sizeof *r);
    if (r == NULL)
        return RILL_ERR_NOMEM;
    r->owner = owner;
    (void)uv_timer_init(rill_loop_uv(owner->loop), &r->timer);
    r->timer.data = r;
    *out = r;
    begin(r, rill_core_lines_before(owner->core));
    return RILL_OK;
}

void rill_run_webhooks_changed(rill_run_webhooks *r, bool different, uint64_t after)
{
    if (!different)
        return;
    forget(r);
    r->said = false;
    r->deadline = 0;
    uv_timer_stop(&r->timer);
    begin(r, after);
}

void rill_run_webhooks_written(rill_run_webhooks *r)
{
    if (r == NULL || r->lines == rill_core_lines_kept(r->owner->core))
        return;
    r->lines = rill_core_lines_kept(r->owner->core);
    rill_webhook_stir(state(r));
    look(r);
}

static void on_closed(uv_handle_t *timer)
{
    rill_run_webhooks *r = timer->data;
    rill_free(memory(), r);
}

void rill_run_webhooks_close(rill_run_webhooks **of)
{
    rill_run_webhooks *r = *of;
    *of = NULL;
    if (r == NULL)
        return;
    r->closed = true;
    forget(r);
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

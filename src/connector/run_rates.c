/* SPDX-License-Identifier: Apache-2.0 */
/* The service of prices, on the loop. */
#define _POSIX_C_SOURCE 200809L

#include "connector/run_rates.h"

#include <stdio.h>
#include <string.h>

#include <rill/spsp.h>

#include "base/alloc.h"
#include "clients/web_client.h"
#include "connector/core_rates.h"
#include "connector/run_impl.h"

/* Of an answer. A thousand prices have less than 64 KiB. */
enum { MOST_BODY = 256 * 1024, MOST_TOKEN = 4096 };

struct rill_run_rates {
    rill_connector *owner;
    uv_timer_t timer;
    rill_web_client *web; /* NULL: there is no service, or it has not been asked yet */
    rill_web_call *call;  /* NULL: none is under way */
    uint64_t ticket;
    uint64_t deadline; /* that the timer is set for */
    bool closed;
};

static void look(rill_run_rates *r);

/* BASE, with what a query may not have as %41. */
static bool make_url(const rill_config_rates *rates, char *out, size_t cap)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    int len = snprintf(out, cap, "%s%sbase=", rates->url, strchr(rates->url, '?') ? "&" : "?");
    for (const char *b = rates->base; *b != '\0' && len > 0 && (size_t)len < cap; b++) {
        const char *format = strchr(plain, *b) != NULL ? "%c" : "%%%02X";
        int more = snprintf(out + len, cap - (size_t)len, format, (unsigned char)*b);
        len = more < 0 ? -1 : len + more;
    }
    return len > 0 && (size_t)len < cap;
}

static void on_answer(const rill_web_answer *answer, void *user)
{
    rill_run_rates *r = user;
    rill_core *core = r->owner->core;
    char problem[RILL_FEED_PROBLEM];
    rill_loop_stale(r->owner->loop);
    r->call = NULL;
    if (answer->error == RILL_OK) {
        rill_core_rates_answered(core, r->ticket, answer->status, answer->body, answer->len);
    } else {
        (void)snprintf(problem, sizeof problem, "the service cannot be asked: %s", answer->problem);
        rill_core_rates_failed(core, r->ticket, problem);
    }
    look(r);
}

static int open_web(rill_run_rates *r, const rill_config_rates *rates)
{
    rill_web_client_options o;
    if (r->web != NULL)
        return RILL_OK;
    rill_web_client_options_init(&o);
    o.timeout_ns = rates->timeout;
    o.connect_timeout_ns = rates->timeout;
    o.max_body = MOST_BODY;
    o.ca_file = rates->ca_file;
    o.insecure = rates->insecure;
    return rill_web_client_new(&r->web, r->owner->loop, &o);
}

static int read_token(const rill_config_rates *rates, char out[MOST_TOKEN])
{
    static const char scheme[] = "Bearer ";
    out[0] = '\0';
    if (rates->token == NULL)
        return RILL_OK;
    memcpy(out, scheme, sizeof scheme);
    return rill_config_secret(rates->token, out + sizeof scheme - 1, MOST_TOKEN - sizeof scheme);
}

static int start(rill_run_rates *r, const rill_config_rates *rates, const char **problem)
{
    char url[RILL_MAX_URL];
    char token[MOST_TOKEN];
    *problem = "its token cannot be read";
    int rc = read_token(rates, token);
    if (rc != RILL_OK)
        return rc;
    const rill_request_header fields[] = {
        {"Accept", {(const uint8_t *)"application/json", strlen("application/json")}},
        {"Authorization", {(const uint8_t *)token, strlen(token)}},
    };
    *problem = "ca cannot be read";
    rc = open_web(r, rates);
    if (rc == RILL_ERR_NOMEM)
        *problem = rill_strerror(rc);
    if (rc == RILL_OK && !make_url(rates, url, sizeof url))
        rc = RILL_ERR_BUFFER;
    if (rc == RILL_OK) {
        /* Not to where it is sent on: the token is for this service alone. */
        const rill_web_ask ask = {.method = "GET",
                                  .url = url,
                                  .fields = fields,
                                  .field_count = rates->token == NULL ? 1 : 2};
        *problem = "its URL or its token cannot be used";
        rc = rill_web_call_start(&r->call, r->web, &ask, on_answer, r);
    }
    rill_wipe(token, sizeof token);
    return rc;
}

static void ask(rill_run_rates *r)
{
    const rill_config_rates *rates = &r->owner->config.rates;
    const char *why = NULL;
    char problem[RILL_FEED_PROBLEM];
    if (start(r, rates, &why) == RILL_OK)
        return;
    r->call = NULL;
    (void)snprintf(problem, sizeof problem, "the service cannot be asked: %s", why);
    rill_core_rates_failed(r->owner->core, r->ticket, problem);
}

static void on_timer(uv_timer_t *timer)
{
    rill_run_rates *r = timer->data;
    rill_loop_stale(r->owner->loop);
    r->deadline = 0;
    look(r);
}

/* Does what is due, and sets the timer. */
static void look(rill_run_rates *r)
{
    rill_core *core = r->owner->core;
    if (r->closed)
        return;
    if (r->call == NULL && rill_core_rates_turn(core, &r->ticket))
        ask(r);
    uint64_t deadline = rill_core_rates_deadline(core);
    if (deadline == r->deadline)
        return;
    r->deadline = deadline;
    uint64_t now = rill_loop_clock(r->owner->loop).mono_ns;
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 1;
    if (deadline == RILL_NEVER)
        uv_timer_stop(&r->timer);
    else
        (void)uv_timer_start(&r->timer, on_timer, ms, 0);
}

int rill_run_rates_open(rill_run_rates **out, rill_connector *owner)
{
    rill_run_rates *r = rill_calloc(rill_allocator_default(), 1, sizeof *r);
    if (r == NULL)
        return RILL_ERR_NOMEM;
    r->owner = owner;
    (void)uv_timer_init(rill_loop_uv(owner->loop), &r->timer);
    r->timer.data = r;
    *out = r;
    look(r);
    return RILL_OK;
}

/* What was asked of the service before is not wanted. */
static void end_web(rill_run_rates *r)
{
    rill_web_client_free(r->web);
    r->web = NULL;
    r->call = NULL;
}

void rill_run_rates_changed(rill_run_rates *r)
{
    if (r->call != NULL)
        rill_core_rates_again(r->owner->core, r->ticket);
    end_web(r);
    look(r);
}

void rill_run_rates_look(rill_run_rates *r)
{
    if (r != NULL)
        look(r);
}

static void on_closed(uv_handle_t *timer)
{
    rill_run_rates *r = timer->data;
    rill_free(rill_allocator_default(), r);
}

void rill_run_rates_close(rill_run_rates *r)
{
    if (r == NULL)
        return;
    r->closed = true;
    end_web(r);
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

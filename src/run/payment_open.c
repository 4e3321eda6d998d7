/* SPDX-License-Identifier: Apache-2.0 */
/* How a payment begins: what the program gave, or what another process has left. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "run/host.h"
#include "run/payment_impl.h"

#define STALL_USUAL (60 * RILL_SECOND)

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static int copy_credentials(rill_payment *p, const rill_pay_options *o)
{
    size_t size = strlen(o->destination_account) + 1;
    p->destination_account = rill_alloc(memory(), size);
    /* Of nothing there may be no memory; that no secret is one, rill_client_open says. */
    p->secret = rill_alloc(memory(), o->secret_len + 1);
    if (!p->destination_account || !p->secret)
        return RILL_ERR_NOMEM;
    memcpy(p->destination_account, o->destination_account, size);
    memcpy(p->secret, o->shared_secret, o->secret_len);
    p->secret_len = o->secret_len;
    return RILL_OK;
}

static uint64_t stall_of(const rill_pay_options *o)
{
    if (o->stall_timeout_ns != RILL_STALL_DEFAULT)
        return o->stall_timeout_ns;
    return o->timeout_ns ? 0 : STALL_USUAL;
}

/* The way to the network, as it is now: another connection may need it later. */
static int copy_net(rill_payment *p, const rill_net_options *net, const char **problem)
{
    rill_link_options_init(&p->link_options);
    rill_connection_options_init(&p->connection_options);
    int rc = rill_net_options_take(&p->net, net, problem);
    if (rc == RILL_OK && p->net.link_options)
        rc = rill_sized_take(&p->link_options, sizeof p->link_options, p->net.link_options);
    if (rc == RILL_OK && p->net.connection)
        rc = rill_sized_take(&p->connection_options, sizeof p->connection_options,
                             p->net.connection);
    if (rc != RILL_OK)
        *problem = rill_options_problem(rc);
    p->net.link_options = &p->link_options;
    p->net.connection = &p->connection_options;
    return rc;
}

void rill_payment_take_data(rill_payment *p, const rill_pay_options *o)
{
    p->data = o->data;
    p->data_read = !p->handlers.read && p->data.len == 0;
}

void rill_payment_take_times(rill_payment *p, const rill_pay_options *o)
{
    p->deadline = o->timeout_ns ? rill_add_sat(rill_payment_now(p), o->timeout_ns) : RILL_NEVER;
    p->stall = stall_of(o);
}

/* What is to be paid, of a payment that is not told later. */
static void take_amounts(rill_payment *p, const rill_pay_options *o, bool is_quote)
{
    p->is_quote = is_quote;
    p->hint = o->amount;
    p->asks = is_quote || o->deliver != 0;
    p->result.max_source = o->deliver == 0 || o->amount != 0 ? o->amount : RILL_UNLIMITED;
    p->result.min_delivery = o->deliver;
    p->asked_min_rate = p->connection_options.min_rate;
    p->min_rate = p->connection_options.min_rate;
    if (p->asks) /* or nothing would be asked */
        p->connection_options.min_rate = (rill_ratio){0, 1};
    p->amount = p->goal = is_quote ? 0 : o->amount;
    p->deliver = is_quote ? 0 : o->deliver;
    p->money_sent = !p->asks && o->amount == 0;
    rill_payment_take_data(p, o);
    if (is_quote)
        p->data_read = false; /* nothing is over before it has terms */
    /* What is to be sent may be long in coming. */
    if (is_quote || !p->data_read)
        p->connection_options.keep_alive = true;
}

/* What another process has left: what may have been sent counts as sent, and its packets may live
 * longer than ours. */
static void take_state(rill_payment *p, const rill_payment_state *s)
{
    p->amount = s->amount;
    p->deliver = s->deliver;
    p->min_rate = p->asked_min_rate = s->min_rate;
    p->result.max_source = s->amount;
    p->result.min_delivery = s->deliver;
    p->result.sent = s->sent;
    p->result.delivered = s->delivered;
    p->result.in_doubt = s->in_doubt;
    p->before = p->result;
    if (s->in_doubt > 0 && s->packet_lifetime_ns > p->packet_lifetime)
        p->packet_lifetime = s->packet_lifetime_ns;
    p->goal = s->complete ? 0 : s->amount - s->sent - s->in_doubt;
    p->money_sent = p->goal == 0;
    p->asks = p->goal != 0 && s->deliver != 0;
    if (!p->asks && s->min_rate.num != 0)
        p->connection_options.min_rate = s->min_rate;
}

/* The options, with what a saved state says instead. */
static int take_options(rill_pay_options *full, rill_payment_state *state,
                        const rill_pay_options *options, const char **problem)
{
    rill_pay_options_init(full);
    int rc = rill_sized_take(full, sizeof *full, options);
    if (rc != RILL_OK) {
        *problem = rill_options_problem(rc);
        return rc;
    }
    if (full->resume.len == 0)
        return rill_pay_options_take(full, options, problem);
    rc = rill_payment_state_read(state, full->resume, problem);
    full->destination_account = state->credentials.destination_account;
    full->shared_secret = state->credentials.shared_secret;
    full->secret_len = sizeof state->credentials.shared_secret;
    full->amount = state->amount;
    full->deliver = 0;
    return rc;
}

static int check_handlers(const rill_payment *p, bool is_quote, const char **problem)
{
    if (p->handlers.save && p->secret_len != RILL_SHARED_SECRET_LEN) {
        *problem = "the state of a payment is saved where the secret has 32 bytes";
        return RILL_ERR_INVALID;
    }
    if (!p->handlers.done && !is_quote) {
        *problem = "the handlers have no done";
        return RILL_ERR_INVALID;
    }
    return RILL_OK;
}

static int make(rill_payment *p, rill_loop *loop, const rill_pay_options *o,
                const rill_payment_state *state, bool is_quote, const char **problem)
{
    int rc = copy_net(p, o->net, problem);
    if (rc == RILL_OK)
        rc = check_handlers(p, is_quote, problem);
    if (rc != RILL_OK)
        return rc;
    p->loop = loop;
    /* Nobody counts what would come. */
    p->connection_options.default_receive_max = 0;
    take_amounts(p, o, is_quote);
    p->packet_lifetime = p->connection_options.packet_lifetime_ns;
    rill_quote_path_init(&p->path);
    if (o->resume.len > 0)
        take_state(p, state);
    p->fail_fast = o->fail_fast;
    p->started = p->progress_at = p->saved_at = rill_payment_now(p);
    rill_payment_take_times(p, o);
    p->grace_at = RILL_NEVER;
    return rill_payment_connect(p, problem);
}

static int open_payment(rill_payment **out, rill_loop *loop, const rill_pay_options *o,
                        const rill_payment_state *state, const rill_payment_handlers *handlers,
                        bool is_quote, const char **problem)
{
    rill_payment *p = rill_calloc(memory(), 1, sizeof *p);
    if (!p || copy_credentials(p, o) != RILL_OK) {
        *problem = rill_strerror(RILL_ERR_NOMEM);
        if (p)
            rill_payment_free(p);
        return RILL_ERR_NOMEM;
    }
    int rc = rill_sized_take(&p->handlers, sizeof p->handlers, handlers);
    if (rc != RILL_OK)
        *problem = rill_options_problem(rc);
    else
        rc = make(p, loop, o, state, is_quote, problem);
    if (rc != RILL_OK) {
        rill_payment_free(p);
        return rc;
    }
    rill_payment_begin(p, loop);
    *out = p;
    return RILL_OK;
}

int rill_payment_open(rill_payment **out, rill_loop *loop, const rill_pay_options *options,
                      const rill_payment_handlers *handlers, bool is_quote, const char **problem)
{
    rill_pay_options full;
    rill_payment_state state = {.min_rate = {0, 1}};
    int rc = take_options(&full, &state, options, problem);
    if (rc == RILL_OK)
        rc = open_payment(out, loop, &full, &state, handlers, is_quote, problem);
    rill_credentials_wipe(&state.credentials);
    return rc;
}

int rill_payment_start(rill_payment **out, rill_loop *loop, const rill_pay_options *options,
                       const rill_payment_handlers *handlers, const char **problem)
{
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    return rill_payment_open(out, loop, options, handlers, false, problem);
}

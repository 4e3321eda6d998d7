/* SPDX-License-Identifier: Apache-2.0 */
/* A quote is a payment that asks the path, and then waits to be told its terms. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/sized.h"
#include "run/payment_impl.h"

static rill_payment *payment_of(rill_quote *q)
{
    return RILL_CONTAINER(q, rill_payment, quote);
}

int rill_quote_start(rill_quote **out, rill_loop *loop, const rill_pay_options *options,
                     const rill_quote_handlers *handlers, const char **problem)
{
    const char *ignored;
    rill_pay_options o;
    rill_quote_handlers h = {.size = sizeof h};
    rill_payment *p;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    int error = rill_pay_options_take(&o, options, problem);
    if (error != RILL_OK)
        return error;
    error = rill_sized_take(&h, sizeof h, handlers);
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    /* Nothing is read or saved before there are terms. */
    const rill_payment_handlers asking = {
        .size = sizeof asking, .waiting = h.waiting, .done = h.done, .user = h.user};
    error = rill_payment_open(&p, loop, &o, &asking, true, problem);
    if (error != RILL_OK)
        return error;
    p->quote.handlers = h;
    *out = &p->quote;
    return RILL_OK;
}

void rill_quote_close(rill_quote *q)
{
    rill_payment_cancel(payment_of(q));
}

int rill_quote_pay(rill_payment **out, rill_quote *q, const rill_quote_terms *terms,
                   const rill_pay_options *options, const rill_payment_handlers *handlers)
{
    rill_payment *p = payment_of(q);
    rill_quote_terms t = {.size = sizeof t, .min_rate = {0, 1}};
    rill_pay_options o;
    rill_payment_handlers h = {.size = sizeof h};
    if (p->error != RILL_OK || p->over || (p->held && (!p->connection || !p->stream)))
        return RILL_ERR_CLOSED;
    if (!p->held)
        return RILL_ERR_STATE;
    rill_pay_options_init(&o);
    int error = rill_sized_take(&t, sizeof t, terms);
    if (error == RILL_OK)
        error = rill_sized_take(&h, sizeof h, handlers);
    if (error == RILL_OK && options)
        error = rill_sized_take(&o, sizeof o, options);
    if (error != RILL_OK)
        return error;
    if (t.max_source == 0 || t.min_delivery == 0 || t.min_rate.num == 0 || t.min_rate.den == 0 ||
        !h.done || (h.save && p->secret_len != RILL_SHARED_SECRET_LEN))
        return RILL_ERR_INVALID;
    p->handlers = h;
    p->is_quote = false;
    p->result.min_delivery = t.min_delivery;
    rill_payment_take_data(p, &o);
    rill_payment_take_times(p, &o);
    error =
        rill_payment_take_terms(p, t.max_source, t.fixed_delivery ? t.min_delivery : 0, t.min_rate);
    *out = p;
    rill_payment_release(p, error);
    return RILL_OK;
}

/* ---- blocking ---- */

typedef struct ask_call {
    bool done;
    int error;
    bool quoted;
    rill_quote_path path;
    rill_pay_result result;
} ask_call;

static void on_quoted(rill_quote *quote, const rill_quote_path *path, void *user)
{
    ask_call *call = user;
    call->quoted = true;
    call->path = *path;
    rill_quote_close(quote);
}

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    ask_call *call = user;
    (void)reached;
    call->done = true;
    call->error = call->quoted ? RILL_OK : error;
    call->result = *result;
    if (call->quoted) {
        call->result.reason = RILL_REASON_NONE;
        call->result.detail[0] = '\0';
    }
}

static int run_call(ask_call *call, const rill_pay_options *options)
{
    rill_loop *loop;
    rill_quote *quote;
    const char *problem = NULL;
    const rill_quote_handlers handlers = {
        .size = sizeof handlers, .quoted = on_quoted, .done = on_done, .user = call};
    int error = rill_loop_new(&loop, NULL);
    if (error == RILL_OK) {
        error = rill_quote_start(&quote, loop, options, &handlers, &problem);
        if (error == RILL_OK)
            error = rill_loop_run(loop);
        rill_loop_free(loop);
    }
    if (call->done)
        return call->error;
    if (error == RILL_OK)
        error = RILL_ERR_IO;
    call->result.reason = RILL_REASON_OTHER;
    snprintf(call->result.detail, sizeof call->result.detail, "%s",
             problem ? problem : rill_strerror(error));
    return error;
}

int rill_quote_ask_sized(rill_quote_path *out, size_t size, const rill_pay_options *options,
                         rill_pay_result *result, size_t result_size)
{
    ask_call call = {.error = RILL_OK};
    rill_quote_path_init(&call.path);
    int error = run_call(&call, options);
    rill_sized_init(out, size, &call.path, sizeof call.path);
    if (result)
        rill_sized_give(result, result_size, &call.result, sizeof call.result);
    return error;
}

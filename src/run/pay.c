/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "run/payment_impl.h"

typedef struct pay_call {
    const rill_pay_options *options;
    bool done;
    int error;
    rill_pay_result *result;
} pay_call;

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    (void)reached;
    pay_call *call = user;
    call->done = true;
    call->error = error;
    *call->result = *result;
}

static bool on_progress(const rill_connection_stats *stats, const rill_stream_totals *totals,
                        void *user)
{
    const rill_pay_options *o = ((pay_call *)user)->options;
    return !o->progress || o->progress(stats, totals, o->user);
}

static bool on_waiting(const rill_waiting *waiting, uint64_t waited, void *user)
{
    const rill_pay_options *o = ((pay_call *)user)->options;
    return !o->waiting || o->waiting(waiting, waited, o->user);
}

static int on_save(rill_bytes state, void *user)
{
    const rill_pay_options *o = ((pay_call *)user)->options;
    return o->save(state, o->user);
}

static int fail(rill_pay_result *result, int error, const char *problem)
{
    result->reason = RILL_REASON_OTHER;
    snprintf(result->detail, sizeof result->detail, "%s", problem ? problem : rill_strerror(error));
    return error;
}

static int pay(const rill_pay_options *options, rill_pay_result *result)
{
    rill_loop *loop;
    int rc = rill_loop_new(&loop, NULL);
    if (rc != RILL_OK)
        return fail(result, rc, NULL);
    pay_call call = {.options = options, .result = result};
    const rill_payment_handlers handlers = {.size = sizeof handlers,
                                            .progress = on_progress,
                                            .waiting = on_waiting,
                                            .done = on_done,
                                            .user = &call,
                                            .save = options->save ? on_save : NULL};
    const char *problem = NULL;
    rill_payment *payment;
    rc = rill_payment_start(&payment, loop, options, &handlers, &problem);
    if (rc == RILL_OK) {
        rc = rill_loop_run(loop);
        if (call.done)
            rc = call.error;
        else
            rc = fail(result, rc != RILL_OK ? rc : RILL_ERR_IO, NULL);
    } else {
        rc = fail(result, rc, problem);
    }
    rill_loop_free(loop);
    return rc;
}

int rill_pay_sized(const rill_pay_options *options, rill_pay_result *out, size_t size)
{
    rill_pay_options full;
    rill_pay_result result = {0};
    const char *problem = NULL;
    int rc = rill_pay_options_take(&full, options, &problem);
    rc = rc == RILL_OK ? pay(&full, &result) : fail(&result, rc, problem);
    rill_sized_give(out, size, &result, sizeof result);
    return rc;
}

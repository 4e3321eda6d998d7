/* SPDX-License-Identifier: Apache-2.0 */
/* A Prepare with our address in it goes to a node, comes back to us, and is fulfilled (ilp/echo.h).
 */
#define _POSIX_C_SOURCE 200809L

#include <rill/ping.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "ilp/echo.h"
#include "run/account_query.h"
#include "run/asker.h"

struct rill_ping {
    rill_asker asker; /* first; its timer is for the next packet, or for the next question about our
                         account */
    rill_ping_handlers on;
    void *user;
    rill_ping_options options; /* without pointers that the caller may take back */
    rill_account_query account;
    uint64_t account_until;                     /* monotonic nanoseconds */
    char destination[RILL_ILP_MAX_ADDRESS + 1]; /* the node's address */
    char address[RILL_ILP_MAX_ADDRESS + 1];     /* ours; "" while it is not known */
    uint64_t sent;                              /* packets */
    uint64_t sent_at;                           /* monotonic nanoseconds, the last one */
    bool waiting;                               /* for an answer */
    uint8_t fulfillment[32];
    uint8_t condition[32];
    uint8_t buffer[RILL_ILP_MAX_PACKET];
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- the end ---- */

static void free_ping(rill_ping *p)
{
    rill_wipe(p->fulfillment, sizeof p->fulfillment);
    rill_free(memory(), p);
}

static void on_gone(rill_asker *a)
{
    rill_ping *p = (rill_ping *)a;
    p->on.done(a->error, a->reached, a->detail, p->user);
    free_ping(p);
}

void rill_ping_close(rill_ping *p)
{
    rill_asker_close(&p->asker);
}

/* ---- packets ---- */

static rill_bytes text_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static int make_prepare(rill_ping *p, rill_now now, size_t *len)
{
    uint8_t echo[RILL_ECHO_REQUEST_MAX];
    size_t echo_len;
    rill_crypto *crypto = p->asker.loop->crypto;
    int error = rill_crypto_random(crypto, p->fulfillment, sizeof p->fulfillment);
    if (error == RILL_OK)
        error = rill_crypto_sha256(crypto, p->fulfillment, sizeof p->fulfillment, p->condition);
    if (error == RILL_OK)
        error = rill_echo_request_encode(text_of(p->address), echo, sizeof echo, &echo_len);
    if (error != RILL_OK)
        return error;
    rill_prepare prepare = {
        .expires_at_ms = now.wall_ms + p->options.answer_timeout_ns / RILL_MS,
        .condition = p->condition,
        .destination = text_of(p->destination),
        .data = {echo, echo_len},
    };
    return rill_prepare_encode(&prepare, p->buffer, sizeof p->buffer, len);
}

static void send_packet(rill_ping *p)
{
    size_t len;
    rill_now now = rill_loop_now(p->asker.loop);
    int error = make_prepare(p, now, &len);
    p->sent++;
    p->sent_at = now.mono_ns;
    p->waiting = true;
    if (error == RILL_OK)
        error = rill_link_send(p->asker.link, p->sent, p->buffer, len);
    if (error != RILL_OK) {
        p->asker.reached = true;
        rill_asker_fail(&p->asker, error, NULL);
    }
}

static void no_account(rill_ping *p, int error)
{
    char detail[256];
    rill_account_query_explain(&p->account, error, detail, sizeof detail);
    rill_asker_fail(&p->asker, error, detail);
}

static void on_timer(uv_timer_t *timer)
{
    rill_ping *p = timer->data;
    if (*p->address != '\0') {
        send_packet(p);
        return;
    }
    rill_now now = rill_loop_now(p->asker.loop);
    if (now.mono_ns >= p->account_until) {
        no_account(p, RILL_ERR_TIMEOUT);
        return;
    }
    rill_account_query_run(&p->account, p->asker.link, now, p->buffer);
    uint64_t at = p->account.retry_at;
    if (at != RILL_NEVER)
        (void)uv_timer_start(&p->asker.timer, on_timer,
                             at > now.mono_ns ? (at - now.mono_ns) / RILL_MS + 1 : 1, 0);
}

/* An answer came, or none will come. */
static void go_on(rill_ping *p)
{
    rill_loop_stale(p->asker.loop);
    if (p->asker.closing)
        return;
    if (p->sent == p->options.count)
        rill_ping_close(p);
    else
        (void)uv_timer_start(&p->asker.timer, on_timer, p->options.interval_ns / RILL_MS, 0);
}

static void say_unanswered(rill_ping *p, int error, const rill_reject *reject)
{
    p->waiting = false;
    if (p->on.unanswered != NULL)
        p->on.unanswered(p->sent, error, reject, p->user);
    go_on(p);
}

static void take_answer(rill_ping *p, const uint8_t *packet, size_t len)
{
    rill_fulfill fulfill;
    rill_reject reject;
    if (rill_fulfill_decode(&fulfill, packet, len) == RILL_OK &&
        rill_equal_ct(fulfill.fulfillment, p->fulfillment, sizeof p->fulfillment)) {
        p->waiting = false;
        if (p->on.answered != NULL)
            p->on.answered(p->sent, rill_loop_now(p->asker.loop).mono_ns - p->sent_at, p->user);
        go_on(p);
    } else if (rill_reject_decode(&reject, packet, len) == RILL_OK) {
        say_unanswered(p, RILL_ERR_REFUSED, &reject);
    } else {
        say_unanswered(p, RILL_ERR_MALFORMED, NULL);
    }
}

/* ---- the link ---- */

/* The question about our account leaves together with our authentication. */
static void on_early(rill_link *l, void *user)
{
    rill_ping *p = user;
    if (!p->asker.closing && *p->address == '\0')
        rill_account_query_early(&p->account, l, rill_loop_now(p->asker.loop), p->buffer);
}

static void on_up(rill_link *l, void *user)
{
    (void)l;
    rill_ping *p = user;
    if (p->asker.closing)
        return;
    rill_now now = rill_loop_now(p->asker.loop);
    uint64_t time = p->options.account_timeout_ns;
    p->account_until = time < RILL_NEVER - now.mono_ns ? now.mono_ns + time : RILL_NEVER;
    if (*p->address == '\0')
        rill_account_query_start(&p->account, now);
    on_timer(&p->asker.timer);
}

/* It came back: only we know what it is fulfilled with. */
static void on_prepare(rill_link *l, uint64_t incoming_id, const uint8_t *packet, size_t len,
                       void *user)
{
    rill_ping *p = user;
    rill_prepare prepare;
    bool ours = p->waiting && rill_prepare_decode(&prepare, packet, len) == RILL_OK &&
                rill_echo_is_response(prepare.data) &&
                rill_equal_ct(prepare.condition, p->condition, sizeof p->condition);
    size_t reply_len;
    int error;
    if (ours) {
        rill_fulfill fulfill = {.fulfillment = p->fulfillment};
        error = rill_fulfill_encode(&fulfill, p->buffer, sizeof p->buffer, &reply_len);
    } else {
        rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE)};
        error = rill_reject_encode(&reject, p->buffer, sizeof p->buffer, &reply_len);
    }
    if (error == RILL_OK)
        (void)!rill_link_reply(l, incoming_id, p->buffer, reply_len);
}

static void on_account(rill_ping *p, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    rill_ildcp_info info;
    int error = rill_account_query_reply(&p->account, outgoing_id, rill_loop_now(p->asker.loop),
                                         packet, len, &info);
    if (error == RILL_ERR_BLOCKED)
        return;
    if (error != RILL_OK) {
        no_account(p, error);
        return;
    }
    memcpy(p->address, info.address.data, info.address.len);
    p->address[info.address.len] = '\0';
    uv_timer_stop(&p->asker.timer);
    send_packet(p);
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)l;
    rill_ping *p = user;
    if (p->asker.closing)
        return;
    if (rill_account_query_owns(outgoing_id))
        on_account(p, outgoing_id, packet, len);
    else
        take_answer(p, packet, len);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)l;
    (void)sent;
    rill_ping *p = user;
    if (p->asker.closing)
        return;
    if (!rill_account_query_owns(outgoing_id)) {
        say_unanswered(p, error, NULL);
        return;
    }
    rill_account_query_unanswered(&p->account, outgoing_id, rill_loop_now(p->asker.loop));
    /* The early question was lost with the link. What became of the link is reported next. */
    if (rill_link_is_up(p->asker.link))
        on_timer(&p->asker.timer);
}

static int open_link(rill_ping *p, rill_loop *loop, const char *uri,
                     const rill_link_options *options, const char **problem)
{
    static const rill_link_handlers handlers = {
        .size = sizeof(rill_link_handlers),
        .up = on_up,
        .down = rill_asker_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = rill_asker_writable,
        .early = on_early,
    };
    p->asker.gone = on_gone;
    return rill_asker_open(&p->asker, loop, uri, options, &handlers, problem);
}

/* ---- options ---- */

void rill_ping_options_init_sized(rill_ping_options *o, size_t size)
{
    const rill_ping_options defaults = {
        .count = 1,
        .interval_ns = RILL_SECOND,
        .answer_timeout_ns = 10 * RILL_SECOND,
        .account_timeout_ns = 15 * RILL_SECOND,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static int take_options(rill_ping_options *o, rill_ping_handlers *on,
                        const rill_ping_options *given, const rill_ping_handlers *handlers,
                        const char **problem)
{
    rill_ping_options_init(o);
    int error = given != NULL ? rill_sized_take(o, sizeof *o, given) : RILL_OK;
    if (error == RILL_OK)
        error = rill_sized_take(on, sizeof *on, handlers);
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    *problem = "the handler done is missing";
    if (on->done == NULL)
        return RILL_ERR_INVALID;
    *problem = "at least one packet must be sent, and an answer needs a millisecond at least";
    if (o->count == 0 || o->answer_timeout_ns < RILL_MS)
        return RILL_ERR_INVALID;
    *problem = "our own address must be an ILP address";
    if (o->address != NULL && !rill_address_valid(text_of(o->address)))
        return RILL_ERR_ADDRESS;
    return RILL_OK;
}

int rill_ping_open(rill_ping **out, rill_loop *loop, const char *destination,
                   const rill_ping_options *options, const rill_ping_handlers *handlers, void *user,
                   const char **problem)
{
    const char *ignored;
    rill_ping_options o;
    rill_ping_handlers on = {.size = sizeof on, 0};
    if (problem == NULL)
        problem = &ignored;
    int error = take_options(&o, &on, options, handlers, problem);
    if (error != RILL_OK)
        return error;
    *problem = "it must be an ILP address such as private.rill";
    if (!rill_address_valid(text_of(destination)))
        return RILL_ERR_ADDRESS;
    *problem = rill_strerror(RILL_ERR_NOMEM);
    rill_ping *p = rill_calloc(memory(), 1, sizeof *p);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    p->on = on;
    p->user = user;
    p->options = o;
    (void)snprintf(p->destination, sizeof p->destination, "%s", destination);
    if (o.address != NULL)
        (void)snprintf(p->address, sizeof p->address, "%s", o.address);
    p->options.link_uri = NULL;
    p->options.link_options = NULL;
    p->options.address = NULL;
    rill_account_query_init(&p->account);
    error = open_link(p, loop, o.link_uri, o.link_options, problem);
    if (error != RILL_OK) {
        free_ping(p);
        return error;
    }
    *out = p;
    return RILL_OK;
}

void rill_ping_get_waiting_sized(const rill_ping *p, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    bool known = *p->address != '\0';
    rill_wait what = !known ? RILL_WAIT_ACCOUNT : p->waiting ? RILL_WAIT_REPLY : RILL_WAIT_NOTHING;
    uint64_t until =
        known ? rill_add_sat(p->sent_at, p->options.answer_timeout_ns) : p->account_until;
    rill_asker_waiting(&p->asker, what, known ? p->destination : NULL, until, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

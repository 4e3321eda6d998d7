/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "serve/way.h"

#include <stdio.h>
#include <string.h>

#include "link/link_impl.h"

static void on_again(uv_timer_t *timer);

/* ---- asking for the address ---- */

/*
 * Questions to a parent that has never answered one, while packets go by the link all the same. It
 * is asked again when the link comes up again.
 */
enum { QUESTIONS_IN_VAIN = 5 };

/* When the query wants to be asked again. */
static void arm(rill_way *w)
{
    uint64_t now = rill_loop_clock(w->loop).mono_ns;
    uint64_t at = w->asking && !w->closing ? w->query.retry_at : RILL_NEVER;
    if (at == RILL_NEVER)
        uv_timer_stop(&w->again);
    else
        (void)uv_timer_start(&w->again, on_again, at > now ? (at - now + RILL_MS - 1) / RILL_MS : 0,
                             0);
}

static void stop_asking(rill_way *w)
{
    w->asking = false;
    rill_account_query_stop(&w->query);
    arm(w);
}

/* It was asked and has not answered, and the hub has the link. */
static void is_unanswered(rill_way *w)
{
    char why[256];
    rill_account_query_explain(&w->query, RILL_ERR_TIMEOUT, why, sizeof why);
    if (w->query.attempts >= QUESTIONS_IN_VAIN) {
        stop_asking(w);
        w->tell->no_address(w, RILL_ERR_TIMEOUT, why, w->user);
    } else {
        w->tell->waiting(w, why, w->user);
    }
}

static void on_again(uv_timer_t *timer)
{
    rill_way *w = timer->data;
    rill_loop_stale(w->loop);
    if (w->on != NULL && w->query.waiting && rill_loop_clock(w->loop).mono_ns >= w->query.retry_at)
        is_unanswered(w);
    if (!w->asking)
        return;
    rill_account_query_run(&w->query, w->link, rill_loop_clock(w->loop), w->space);
    if (w->on != NULL && !w->query.waiting)
        is_unanswered(w); /* it could not be sent */
    arm(w);
}

static void take_answer(rill_way *w, uint64_t id, const uint8_t *packet, size_t len)
{
    rill_ildcp_info info;
    char why[256];
    int rc = rill_account_query_reply(&w->query, id, rill_loop_clock(w->loop), packet, len, &info);
    if (rc == RILL_ERR_BLOCKED) {
        if (w->on != NULL && w->query.refusal.text[0] != '\0')
            is_unanswered(w);
        arm(w);
        return;
    }
    stop_asking(w);
    if (rc == RILL_OK) {
        w->told = true;
        w->tell->address(w, &info, w->user);
        return;
    }
    if (w->asks == RILL_WAY_ASKS_ONCE)
        w->asks = RILL_WAY_ASKS_NEVER;
    rill_account_query_explain(&w->query, rc, why, sizeof why);
    w->tell->no_address(w, rc, why, w->user);
}

/* ---- the link's handlers: the hub's, once it has the link ---- */

static void on_up(rill_link *l, void *user)
{
    rill_way *w = user;
    w->up = true;
    if (w->asks == RILL_WAY_ASKS_ALWAYS || (w->asks == RILL_WAY_ASKS_ONCE && !w->told)) {
        w->asking = true;
        rill_account_query_start(&w->query, rill_loop_clock(w->loop));
        arm(w);
        if (w->tell->asking != NULL)
            w->tell->asking(w, w->user);
    }
    if (w->on != NULL)
        w->on->up(l, w->session);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    rill_way *w = user;
    w->up = false;
    if (final)
        (void)snprintf(w->why, sizeof w->why, "%s", detail);
    const bool is_asked = w->asks != RILL_WAY_ASKS_NEVER && !w->told;
    stop_asking(w);
    if (w->on != NULL) {
        w->on->down(l, error, detail, final, w->session);
        return;
    }
    if (!is_asked || w->closing)
        return;
    if (final) {
        w->asks = RILL_WAY_ASKS_NEVER;
        w->tell->no_address(w, error, detail, w->user);
    } else {
        w->tell->waiting(w, detail, w->user);
    }
}

static void refuse_early(rill_link *l, uint64_t id)
{
    static const char why[] = "the node has no address yet";
    uint8_t packet[256];
    size_t len = 0;
    const rill_reject reject = {
        .code = rill_ilp_code_of(RILL_ILP_T03_CONNECTOR_BUSY),
        .message = {(const uint8_t *)why, sizeof why - 1},
    };
    int rc = rill_reject_encode(&reject, packet, sizeof packet, &len);
    if (rc == RILL_OK)
        rc = rill_link_reply(l, id, packet, len);
    (void)rc; /* a link that was lost has nobody to be answered */
}

static void on_prepare(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    const rill_way *w = user;
    if (w->on != NULL)
        w->on->prepare(l, id, packet, len, w->session);
    else
        refuse_early(l, id);
}

static void on_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    rill_way *w = user;
    if (!rill_account_query_owns(id)) {
        if (w->on != NULL)
            w->on->reply(l, id, packet, len, w->session);
    } else if (w->asking && !w->closing) {
        take_answer(w, id, packet, len);
    }
}

static void on_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    rill_way *w = user;
    if (!rill_account_query_owns(id)) {
        if (w->on != NULL)
            w->on->unanswered(l, id, error, sent, w->session);
    } else if (w->asking) {
        rill_account_query_unanswered(&w->query, id, rill_loop_clock(w->loop));
        if (w->on != NULL)
            is_unanswered(w);
        arm(w);
    }
}

static void on_writable(rill_link *l, void *user)
{
    const rill_way *w = user;
    if (w->on != NULL)
        w->on->writable(l, w->session);
}

static void on_timer_closed(uv_handle_t *handle)
{
    rill_way *w = handle->data;
    w->tell->closed(w, w->user);
}

static void on_closed(rill_link *l, void *user)
{
    rill_way *w = user;
    if (w->on != NULL)
        w->on->closed(l, w->session);
    w->link = NULL;
    uv_close((uv_handle_t *)&w->again, on_timer_closed);
}

static const rill_link_handlers handlers_of_link = {
    .size = sizeof(rill_link_handlers),
    .up = on_up,
    .down = on_down,
    .prepare = on_prepare,
    .reply = on_reply,
    .unanswered = on_unanswered,
    .writable = on_writable,
    .closed = on_closed,
};

/* ---- its life ---- */

int rill_way_open(rill_way *w, rill_loop *loop, const char *uri, const rill_link_options *options,
                  rill_way_asks asks, const rill_way_handlers *handlers, void *user,
                  const char **problem)
{
    w->loop = loop;
    w->tell = handlers;
    w->user = user;
    w->link = NULL;
    w->on = NULL;
    w->session = NULL;
    w->up = false;
    w->why[0] = '\0';
    w->asks = asks;
    w->asking = false;
    w->told = false;
    w->closing = false;
    rill_account_query_init(&w->query);
    bool answered_elsewhere = options != NULL && options->callback_url != NULL;
    int rc = answered_elsewhere
                 ? rill_link_open_for_account(&w->link, loop, uri, options, &handlers_of_link, w,
                                              problem)
                 : rill_link_open(&w->link, loop, uri, options, &handlers_of_link, w, problem);
    if (rc != RILL_OK)
        return rc;
    (void)uv_timer_init(loop->uv, &w->again);
    w->again.data = w;
    return RILL_OK;
}

int rill_way_attach(rill_way *w, rill_hub *hub, struct rill_account *account)
{
    int rc = rill_hub_attach(&w->on, &w->session, hub, w->link, account);
    if (rc == RILL_OK && w->up)
        w->on->up(w->link, w->session);
    return rc;
}

void rill_way_part(rill_way *w, const rill_hub *hub)
{
    if (w->link == NULL)
        return;
    if (w->on == NULL)
        rill_way_close(w);
    else
        rill_hub_part(hub, w->session);
}

bool rill_way_is_busy(const rill_way *w)
{
    return w->link != NULL && rill_link_is_busy(w->link);
}

void rill_way_close(rill_way *w)
{
    if (w->closing || w->link == NULL)
        return;
    w->closing = true;
    stop_asking(w);
    rill_link_close(w->link);
}

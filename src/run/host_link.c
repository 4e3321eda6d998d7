/* SPDX-License-Identifier: Apache-2.0 */
/* What the link tells the host. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "crypto/crypto.h"
#include "run/host_impl.h"

static void on_link_closed(rill_link *l, void *user)
{
    (void)l;
    rill_host_link_closed(user);
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    (void)l;
    rill_host *h = user;
    h->loop->owing = true;
    if (h->state == HOST_LINK_CLOSING) {
        rill_host_refuse(h, request, RILL_ILP_T99_APPLICATION_ERROR);
        return;
    }
    size_t reply_len;
    int rc = rill_endpoint_receive_prepare(h->endpoint, rill_loop_clock(h->loop), request, packet,
                                           len, h->buffer, &reply_len);
    if (rc == RILL_ERR_STATE)
        rill_host_refuse(h, request, RILL_ILP_T01_PEER_UNREACHABLE);
    else if (rc != RILL_OK)
        rill_host_refuse(h, request, RILL_ILP_T00_INTERNAL_ERROR);
    else if (reply_len > 0)
        (void)!rill_link_reply(h->link, request, h->buffer, reply_len);
    rill_host_schedule(h);
}

static void become_ready(rill_host *h)
{
    if (h->ready)
        return;
    h->ready = true;
    h->give_up_at = h->account_until = RILL_NEVER;
    if (h->state == HOST_OPEN)
        h->hooks.ready(h->owner);
}

static void tell_link(rill_host *h, bool up, const char *detail)
{
    if (!h->handlers.link)
        return;
    rill_host_before_handler(h);
    h->handlers.link(up, detail, h->user);
    rill_host_after_handler(h);
}

/* Our account is asked for along with our authentication. */
static void on_early(rill_link *l, void *user)
{
    rill_host *h = user;
    if (h->state < HOST_LINK_CLOSING && !h->configured)
        rill_account_query_early(&h->account, l, rill_loop_clock(h->loop), h->buffer);
}

static void on_up(rill_link *l, void *user)
{
    (void)l;
    rill_host *h = user;
    if (h->state >= HOST_LINK_CLOSING)
        return;
    h->link_error = RILL_OK;
    h->up_since = rill_loop_clock(h->loop).mono_ns;
    tell_link(h, true, "");
    if (h->configured)
        become_ready(h);
    else
        rill_account_query_start(&h->account, rill_loop_clock(h->loop));
    if (!h->ready && h->account_time != 0)
        h->account_until = rill_add_sat(rill_loop_clock(h->loop).mono_ns, h->account_time);
    rill_host_schedule(h);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    rill_host *h = user;
    if (h->state >= HOST_LINK_CLOSING)
        return;
    h->link_error = error;
    snprintf(h->link_detail, sizeof h->link_detail, "%s", detail ? detail : "");
    rill_account_query_stop(&h->account);
    h->account_until = RILL_NEVER;
    rill_host_drop_held(h);
    /* Their replies cannot arrive, so their money must not be credited. */
    rill_host_refuse_undecided(h, NULL, false);
    if (h->state == HOST_CLOSING)
        h->close_at = rill_loop_clock(h->loop).mono_ns;
    else if (final)
        rill_host_close(h, error == RILL_OK ? RILL_ERR_NOT_CONNECTED : error, h->link_detail);
    else
        tell_link(h, false, h->link_detail);
    rill_host_schedule(h);
}

static void account_known(rill_host *h, const rill_ildcp_info *info)
{
    int rc =
        rill_endpoint_set_account(h->endpoint, info->address, info->asset_code, info->asset_scale);
    if (rc == RILL_OK)
        become_ready(h);
    else if (rc == RILL_ERR_ASSET)
        rill_host_close(h, rc, "the node has changed the asset of our account");
    else
        rill_host_close(h, rc, "the node's answer about our account is of no use (IL-DCP)");
}

static void account_refused(rill_host *h, int error)
{
    /* One that we know from before stays what it is. */
    if (h->ready)
        return;
    char detail[sizeof h->detail];
    rill_account_query_explain(&h->account, error, detail, sizeof detail);
    rill_host_close(h, error, detail);
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)l;
    rill_host *h = user;
    if (h->state >= HOST_LINK_CLOSING)
        return;
    rill_now now = rill_loop_clock(h->loop);
    if (rill_account_query_owns(outgoing_id)) {
        rill_ildcp_info info;
        int rc = rill_account_query_reply(&h->account, outgoing_id, now, packet, len, &info);
        if (rc == RILL_OK)
            account_known(h, &info);
        else if (rc != RILL_ERR_BLOCKED)
            account_refused(h, rc);
    } else {
        /* One that comes too late, or twice, has no effect. */
        (void)!rill_endpoint_receive_reply(h->endpoint, now, outgoing_id, packet, len);
    }
    rill_host_schedule(h);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)l;
    (void)error;
    rill_host *h = user;
    if (h->state >= HOST_LINK_CLOSING)
        return;
    rill_now now = rill_loop_clock(h->loop);
    if (rill_account_query_owns(outgoing_id))
        rill_account_query_unanswered(&h->account, outgoing_id, now);
    else
        rill_endpoint_unanswered(h->endpoint, now, outgoing_id, sent);
    rill_host_schedule(h);
}

static void on_writable(rill_link *l, void *user)
{
    (void)l;
    rill_host_schedule(user);
}

int rill_host_open_link(rill_host *h, const rill_net_options *o, const char **problem)
{
    static const rill_link_handlers handlers = {
        .size = sizeof(rill_link_handlers),
        .up = on_up,
        .down = on_down,
        .prepare = on_prepare,
        .reply = on_reply,
        .unanswered = on_unanswered,
        .writable = on_writable,
        .closed = on_link_closed,
        .early = on_early,
    };
    const char *uri = o->link_uri;
    char from_environment[4096];
    if (!uri) {
        int rc = rill_link_uri_from_environment(from_environment, sizeof from_environment);
        if (rc != RILL_OK) {
            *problem = "ILP_CREDENTIALS, ILP_PLUGIN or ILP_BTP_SERVER cannot be used";
            return rc;
        }
        uri = from_environment;
    }
    int rc = rill_link_open(&h->link, h->loop, uri, o->link_options, &handlers, h, problem);
    rill_wipe(from_environment, sizeof from_environment);
    return rc;
}

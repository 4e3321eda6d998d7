/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's uplink: a parent that says what the node is called, has all packets that are for no
 * account here, and may send to those that are.
 */
#define _POSIX_C_SOURCE 200809L

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "serve/node_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void tell(rill_task *task)
{
    rill_node *n = RILL_CONTAINER(task, rill_node, telling);
    rill_loop *loop = n->loop;
    if (n->failure == RILL_OK && n->on.ready != NULL)
        n->on.ready(n->user);
    else if (n->failure != RILL_OK && n->on.failed != NULL)
        n->on.failed(n->failure, n->why, n->user);
    rill_loop_stale(loop);
}

/* From inside a link's call: the owner is told later. */
static void fail(rill_node *n, int error, const char *why)
{
    n->failure = error;
    snprintf(n->why, sizeof n->why, "%s", why);
    rill_loop_defer(n->loop, &n->telling);
}

static void say(rill_node *n, const char *line)
{
    if (n->on.log != NULL)
        n->on.log(RILL_LOG_WARNING, line, n->user);
}

/* The parent is an account, to which all goes that is for nobody here. */
static int add_parent(rill_node *n, struct rill_account **parent)
{
    int rc = rill_hub_add_parent(parent, n->hub);
    return rc == RILL_OK ? rill_hub_add_route(n->hub, (rill_bytes){NULL, 0}, *parent) : rc;
}

static void give_to_hub(rill_node *n, struct rill_account *parent)
{
    int rc = rill_way_attach(n->uplink, n->hub, parent);
    assert(rc == RILL_OK); /* the first session of an account needs no memory */
    (void)rc;
    rill_loop_defer(n->loop, &n->telling);
}

static void on_address(rill_way *w, const rill_ildcp_info *info, void *user)
{
    rill_node *n = user;
    char address[RILL_ILP_MAX_ADDRESS + 1];
    char asset[RILL_MAX_ASSET_CODE + 1];
    rill_node_options o = n->options;
    (void)w;
    if (info->asset_code.len >= sizeof asset) {
        fail(n, RILL_ERR_ASSET, "the uplink's asset code is too long");
        return;
    }
    snprintf(address, sizeof address, "%.*s", (int)info->address.len,
             (const char *)info->address.data);
    snprintf(asset, sizeof asset, "%.*s", (int)info->asset_code.len,
             (const char *)info->asset_code.data);
    o.address = address;
    o.asset_code = asset;
    o.asset_scale = info->asset_scale;
    struct rill_account *parent = NULL;
    int rc = rill_node_open_hub(n, &o);
    if (rc == RILL_OK)
        rc = add_parent(n, &parent);
    if (rc == RILL_OK)
        give_to_hub(n, parent);
    else if (rc == RILL_ERR_INVALID)
        fail(n, rc, "the uplink gave an address or an asset that cannot be used");
    else
        fail(n, rc, rill_strerror(rc));
}

static void on_no_address(rill_way *w, int error, const char *why, void *user)
{
    (void)w;
    fail(user, error, why);
}

static void on_waiting(rill_way *w, const char *why, void *user)
{
    rill_node *n = user;
    char line[300];
    (void)w;
    snprintf(line, sizeof line, "waiting for an address from the uplink: %.200s", why);
    say(n, line);
}

static void on_closed(rill_way *w, void *user)
{
    rill_node *n = user;
    rill_free(memory(), w);
    n->uplink = NULL;
    if (!n->closing)
        say(n, "the uplink has refused this node: accounts reach only each other now");
    rill_node_port_gone(n);
}

static const rill_way_handlers handlers = {on_address, on_no_address, on_waiting, NULL, on_closed};

int rill_node_open_uplink(rill_node *n, const rill_node_options *o, const char **problem)
{
    struct rill_account *parent = NULL;
    rill_link_options options;
    n->telling.run = tell;
    rill_link_options_init(&options);
    if (o->uplink_options != NULL &&
        rill_sized_take(&options, sizeof options, o->uplink_options) == RILL_OK &&
        options.callback_url != NULL) {
        *problem = "an uplink has no asynchronous replies: nobody may come to a port as the parent";
        return RILL_ERR_STATE;
    }
    int rc = n->hub != NULL ? add_parent(n, &parent) : RILL_OK;
    if (rc == RILL_OK)
        n->uplink = rill_calloc(memory(), 1, sizeof *n->uplink);
    if (rc == RILL_OK && n->uplink == NULL)
        rc = RILL_ERR_NOMEM;
    if (rc == RILL_OK)
        rc = rill_way_open(n->uplink, n->loop, o->uplink, o->uplink_options,
                           o->uplink_asks ? RILL_WAY_ASKS_ONCE : RILL_WAY_ASKS_NEVER, &handlers, n,
                           problem);
    if (rc != RILL_OK) {
        rill_free(memory(), n->uplink);
        n->uplink = NULL;
    } else if (parent != NULL) {
        give_to_hub(n, parent);
    }
    return rc;
}

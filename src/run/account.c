/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host for many clients. A client is in one list: of those that wait for the account to be
 * known, of those that go on, or of those that leave.
 */
#define _POSIX_C_SOURCE 200809L

#include "run/account.h"

#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "io/loop.h"

/* As a client with a link of its own has it. */
#define LEAVE_PATIENCE RILL_SECOND

struct rill_account {
    rill_host *host;
    rill_loop *loop;
    rill_account_handlers handlers;
    void *user;
    bool ready;
    rill_list waiting;
    rill_list staying;
    rill_list leaving; /* those that began first first */
    rill_task task;    /* what is told from the loop alone */
    uv_timer_t timer;  /* of the first that leaves */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_member *member_of(rill_list *node)
{
    return RILL_CONTAINER(node, rill_member, node);
}

static void move(rill_member *m, rill_list *to)
{
    rill_list_remove(&m->node);
    rill_list_push_back(to, &m->node);
}

/* All of a list, which is empty then: others may come and go while they are told. */
static void take_all(rill_list *out, rill_list *from)
{
    rill_list_init(out);
    while (!rill_list_empty(from))
        move(member_of(from->next), out);
}

/* ---- members ---- */

/* The account's own error says more than that of a connection which it has closed. */
static void tell_gone(rill_member *m, int error, const char *detail)
{
    const char *why;
    int host_error = rill_host_error(m->account->host, &why);
    if (host_error != RILL_OK) {
        error = host_error;
        detail = why;
    }
    if (error != RILL_OK && (!detail || !*detail))
        detail = rill_strerror(error);
    rill_list_remove(&m->node);
    m->hooks->gone(m->owner, error, detail ? detail : "");
}

static void tell_ready(rill_account *a)
{
    rill_list batch;
    take_all(&batch, &a->waiting);
    while (!rill_list_empty(&batch)) {
        rill_member *m = member_of(batch.next);
        move(m, &a->staying);
        m->hooks->ready(m->owner);
    }
}

/* Those that leave and have no connection to wait for. */
static void tell_left(rill_account *a)
{
    rill_list batch;
    take_all(&batch, &a->leaving);
    while (!rill_list_empty(&batch)) {
        rill_member *m = member_of(batch.next);
        move(m, &a->leaving);
        if (!m->connection)
            tell_gone(m, RILL_OK, NULL);
    }
}

static void on_task(rill_task *task)
{
    rill_account *a = RILL_CONTAINER(task, rill_account, task);
    rill_host_before_handler(a->host);
    tell_left(a);
    if (a->ready && rill_host_is_open(a->host))
        tell_ready(a);
    rill_host_after_handler(a->host);
}

static void on_timer(uv_timer_t *timer);

/* The timer of who leaves, and has been at it for longest. */
static void arm(rill_account *a)
{
    if (rill_list_empty(&a->leaving)) {
        uv_timer_stop(&a->timer);
        return;
    }
    uint64_t now = rill_loop_now(a->loop).mono_ns;
    uint64_t until = member_of(a->leaving.next)->until;
    uint64_t wait = until > now ? (until - now + RILL_MS - 1) / RILL_MS : 0;
    uv_timer_start(&a->timer, on_timer, wait, 0);
}

/* Who has not agreed to the end of its connection by now is not asked any more. */
static void on_timer(uv_timer_t *timer)
{
    rill_account *a = timer->data;
    uint64_t now = rill_loop_now(a->loop).mono_ns;
    for (rill_list *at = a->leaving.next; at != &a->leaving; at = at->next) {
        rill_member *m = member_of(at);
        if (m->until > now)
            break;
        m->until = RILL_NEVER;
        if (m->connection)
            rill_connection_abandon(m->connection, RILL_ERR_CANCELLED);
    }
    /* Those that were abandoned are told of it in this turn; the rest has time. */
    if (!rill_list_empty(&a->leaving))
        uv_timer_start(&a->timer, on_timer, 10, 0);
}

int rill_account_join(rill_account *a, rill_member *m)
{
    if (!rill_host_is_open(a->host))
        return RILL_ERR_CLOSED;
    m->account = a;
    rill_list_init(&m->node);
    rill_list_push_back(&a->waiting, &m->node);
    if (a->ready)
        rill_loop_defer(a->loop, &a->task);
    return RILL_OK;
}

int rill_account_connected(rill_member *m, rill_connection *c)
{
    int rc = rill_host_add_connection(m->account->host, c, &m->guest);
    if (rc == RILL_OK)
        m->connection = c;
    return rc;
}

void rill_account_leave(rill_member *m)
{
    rill_account *a = m->account;
    if (m->until != 0)
        return;
    m->until = rill_loop_now(a->loop).mono_ns + LEAVE_PATIENCE;
    move(m, &a->leaving);
    if (m->connection)
        rill_connection_close(m->connection, RILL_CLOSE_NO_ERROR, NULL);
    else
        rill_loop_defer(a->loop, &a->task);
    arm(a);
}

/* ---- what the host tells ---- */

static void on_ready(void *owner)
{
    rill_account *a = owner;
    a->ready = true;
    if (a->handlers.ready) {
        rill_host_before_handler(a->host);
        a->handlers.ready(a, a->user);
        rill_host_after_handler(a->host);
    }
    if (rill_host_is_open(a->host))
        tell_ready(a);
}

static void on_connection_end(void *owner, const rill_event *event, rill_guest *guest)
{
    rill_account *a = owner;
    rill_member *m = (rill_member *)guest; /* its first member */
    if (!guest)
        return;
    m->connection = NULL;
    rill_host_before_handler(a->host);
    tell_gone(m, event->error, event->message);
    rill_host_after_handler(a->host);
}

static void on_link(bool up, const char *detail, void *user)
{
    rill_account *a = user;
    rill_list *lists[] = {&a->waiting, &a->staying};
    if (a->handlers.link)
        a->handlers.link(up, detail, a->user);
    for (size_t i = 0; i < 2; i++) {
        rill_list batch;
        take_all(&batch, lists[i]);
        while (!rill_list_empty(&batch)) {
            rill_member *m = member_of(batch.next);
            move(m, lists[i]);
            m->hooks->link(m->owner, up, detail);
        }
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    rill_account *a = timer->data;
    rill_loop *loop = a->loop;
    rill_free(memory(), a);
    rill_loop_drop(loop);
}

static void on_closed(void *owner, const rill_handlers *h, void *user, int error,
                      const char *detail)
{
    rill_account *a = owner;
    (void)h;
    (void)user;
    while (!rill_list_empty(&a->waiting))
        tell_gone(member_of(a->waiting.next), RILL_ERR_CLOSED, NULL);
    while (!rill_list_empty(&a->leaving))
        tell_gone(member_of(a->leaving.next), RILL_OK, NULL);
    if (a->handlers.closed)
        a->handlers.closed(error, detail, a->user);
    rill_task_cancel(&a->task);
    uv_close((uv_handle_t *)&a->timer, on_timer_closed);
}

/* ---- its beginning ---- */

static int open_host(rill_account *a, rill_loop *loop, rill_net_options *o, const char **problem)
{
    static const rill_host_hooks hooks = {on_ready, on_connection_end, on_closed};
    static const rill_handlers handlers = {.size = sizeof(rill_handlers), .link = on_link};
    rill_endpoint_options endpoint;
    rill_endpoint_options_init(&endpoint);
    endpoint.accept = false;
    endpoint.max_connections = o->max_connections;
    endpoint.crypto = o->crypto;
    o->handlers = &handlers;
    o->user = a;
    return rill_host_open(&a->host, loop, o, &endpoint, o->connect_timeout_ns, &hooks, a, problem);
}

static int prepare(rill_account *a, rill_net_options *o, const rill_net_options *options,
                   const rill_account_handlers *handlers, const char **problem)
{
    int rc = rill_net_options_take(o, options, problem);
    if (rc != RILL_OK)
        return rc;
    if (o->account) {
        *problem = "an account is not opened on another one";
        return RILL_ERR_INVALID;
    }
    rc = handlers ? rill_sized_take(&a->handlers, sizeof a->handlers, handlers) : RILL_OK;
    if (rc != RILL_OK)
        *problem = rill_options_problem(rc);
    return rc;
}

int rill_account_open(rill_account **out, rill_loop *loop, const rill_net_options *options,
                      const rill_account_handlers *handlers, void *user, const char **problem)
{
    const char *ignored;
    rill_net_options o;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    rill_account *a = rill_calloc(memory(), 1, sizeof *a);
    if (!a) {
        *problem = rill_strerror(RILL_ERR_NOMEM);
        return RILL_ERR_NOMEM;
    }
    a->loop = loop;
    a->user = user;
    rill_list_init(&a->waiting);
    rill_list_init(&a->staying);
    rill_list_init(&a->leaving);
    rill_task_init(&a->task, on_task);
    int rc = prepare(a, &o, options, handlers, problem);
    if (rc == RILL_OK)
        rc = open_host(a, loop, &o, problem);
    if (rc != RILL_OK) {
        rill_free(memory(), a);
        return rc;
    }
    uv_timer_init(rill_loop_uv(loop), &a->timer);
    a->timer.data = a;
    rill_loop_hold(loop);
    *out = a;
    return RILL_OK;
}

/* ---- looking at it, and its end ---- */

rill_host *rill_account_host(const rill_account *a)
{
    return a->host;
}

bool rill_account_is_on(const rill_account *a, const rill_loop *loop)
{
    return a->loop == loop;
}

const char *rill_account_address(const rill_account *account)
{
    return rill_endpoint_address(rill_host_endpoint(account->host));
}

const char *rill_account_asset_code(const rill_account *account)
{
    return rill_endpoint_asset_code(rill_host_endpoint(account->host));
}

uint8_t rill_account_asset_scale(const rill_account *account)
{
    return rill_endpoint_asset_scale(rill_host_endpoint(account->host));
}

void rill_account_get_waiting_sized(const rill_account *account, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    rill_host_waiting(account->host, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

void rill_account_close(rill_account *account)
{
    rill_host_close(account->host, RILL_OK, NULL);
}

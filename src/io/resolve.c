/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* What the thread has: it may outlive the lookup, the loop, and all that is known here. */
typedef struct job {
    pthread_mutex_t lock;
    bool abandoned; /* nobody waits: the thread frees it */
    bool over;      /* the result is there */
    uv_async_t *ready;
    int result; /* of getaddrinfo */
    struct addrinfo *found;
    char host[256];
    char service[8];
} job;

struct rill_lookup {
    uv_async_t ready;
    uv_timer_t at_once; /* for what need not be looked up */
    unsigned handles;
    job *job; /* NULL: none, or it is over */
    struct addrinfo *known;
    rill_resolved *done;
    void *owner;
};

static atomic_uint running;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void free_job(job *j)
{
    pthread_mutex_destroy(&j->lock);
    rill_free(memory(), j);
}

/* ---- the thread ---- */

static void *look_up(void *argument)
{
    job *j = argument;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(j->host, j->service, &hints, &found);
    pthread_mutex_lock(&j->lock);
    bool abandoned = j->abandoned;
    j->over = true;
    j->result = result;
    j->found = result == 0 ? found : NULL;
    if (!abandoned)
        uv_async_send(j->ready);
    pthread_mutex_unlock(&j->lock);
    atomic_fetch_sub(&running, 1);
    if (abandoned) {
        rill_resolve_free(j->found);
        free_job(j);
    }
    return NULL;
}

/* Signals are the program's own threads' to handle. */
static int start(job *j)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return RILL_ERR_NOMEM;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, &attributes, look_up, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed ? RILL_ERR_NOMEM : RILL_OK;
}

/* ---- the loop ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    rill_lookup *l = handle->data;
    if (--l->handles == 0)
        rill_free(memory(), l);
}

static void close_handles(rill_lookup *l)
{
    uv_close((uv_handle_t *)&l->ready, on_handle_closed);
    uv_close((uv_handle_t *)&l->at_once, on_handle_closed);
}

static void tell(rill_lookup *l, int status, struct addrinfo *found)
{
    rill_resolved *done = l->done;
    void *owner = l->owner;
    close_handles(l);
    done(owner, status, found);
}

/* As libuv names the resolver's errors. */
static int status_of(int result)
{
    switch (result) {
    case 0:
        return 0;
    case EAI_AGAIN:
        return UV_EAI_AGAIN;
    case EAI_FAIL:
        return UV_EAI_FAIL;
    case EAI_MEMORY:
        return UV_EAI_MEMORY;
    default:
        return UV_EAI_NONAME;
    }
}

static void on_ready(uv_async_t *handle)
{
    rill_lookup *l = handle->data;
    job *j = l->job;
    if (j == NULL)
        return;
    /* The thread has let go of it once this can be locked. */
    pthread_mutex_lock(&j->lock);
    struct addrinfo *found = j->found;
    int status = status_of(j->result);
    pthread_mutex_unlock(&j->lock);
    l->job = NULL;
    free_job(j);
    tell(l, status, found);
}

static void on_at_once(uv_timer_t *timer)
{
    rill_lookup *l = timer->data;
    struct addrinfo *found = l->known;
    l->known = NULL;
    tell(l, 0, found);
}

/* NULL where host is a name, or there is no memory. */
static struct addrinfo *numeric(const char *host, const char *service)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    struct sockaddr_storage address;
    /* Only what libuv reads as an address: the system's resolver is not asked for a name here. */
    if (uv_ip4_addr(host, 0, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(host, 0, (struct sockaddr_in6 *)&address) != 0)
        return NULL;
    return getaddrinfo(host, service, &hints, &found) == 0 ? found : NULL;
}

static int make_job(rill_lookup *l, const char *host, const char *service)
{
    if (strlen(host) >= sizeof l->job->host)
        return RILL_ERR_LIMIT;
    if (atomic_fetch_add(&running, 1) >= RILL_MAX_LOOKUPS) {
        atomic_fetch_sub(&running, 1);
        return RILL_ERR_LIMIT;
    }
    job *j = rill_calloc(memory(), 1, sizeof *j);
    int error = j == NULL || pthread_mutex_init(&j->lock, NULL) != 0 ? RILL_ERR_NOMEM : RILL_OK;
    if (error == RILL_OK) {
        j->ready = &l->ready;
        snprintf(j->host, sizeof j->host, "%s", host);
        snprintf(j->service, sizeof j->service, "%s", service);
        error = start(j);
        if (error != RILL_OK)
            pthread_mutex_destroy(&j->lock);
    }
    if (error != RILL_OK) {
        atomic_fetch_sub(&running, 1);
        rill_free(memory(), j);
        return error;
    }
    l->job = j;
    return RILL_OK;
}

int rill_resolve(rill_lookup **out, rill_loop *loop, const char *host, uint16_t port,
                 rill_resolved *done, void *owner)
{
    char service[8];
    rill_lookup *l = rill_calloc(memory(), 1, sizeof *l);
    if (l == NULL)
        return RILL_ERR_NOMEM;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    l->done = done;
    l->owner = owner;
    if (uv_async_init(loop->uv, &l->ready, on_ready) != 0) {
        rill_free(memory(), l);
        return RILL_ERR_NOMEM;
    }
    uv_timer_init(loop->uv, &l->at_once);
    l->ready.data = l->at_once.data = l;
    l->handles = 2;
    l->known = numeric(host, service);
    int error = l->known != NULL ? RILL_OK : make_job(l, host, service);
    if (error != RILL_OK) {
        close_handles(l);
        return error;
    }
    if (l->known != NULL)
        uv_timer_start(&l->at_once, on_at_once, 0, 0);
    *out = l;
    return RILL_OK;
}

void rill_resolve_cancel(rill_lookup *l)
{
    job *j = l->job;
    rill_resolve_free(l->known);
    l->known = NULL;
    l->job = NULL;
    if (j != NULL) {
        pthread_mutex_lock(&j->lock);
        /* Else the thread frees it, whenever that may be. */
        bool over = j->over;
        j->abandoned = true;
        pthread_mutex_unlock(&j->lock);
        if (over) {
            rill_resolve_free(j->found);
            free_job(j);
        }
    }
    close_handles(l);
}

void rill_resolve_free(struct addrinfo *found)
{
    if (found != NULL)
        freeaddrinfo(found);
}

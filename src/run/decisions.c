/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "run/decisions.h"

#include <assert.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/map.h"

static struct {
    pthread_mutex_t lock;
    bool made;
    rill_map by_handle;
    uint64_t last;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

int rill_decision_new(rill_decision **out, const rill_decision *what, uint64_t seed)
{
    rill_decision *d = rill_alloc(memory(), sizeof *d);
    if (d == NULL)
        return RILL_ERR_NOMEM;
    *d = *what;
    rill_list_init(&d->order);
    pthread_mutex_lock(&all.lock);
    if (!all.made) {
        rill_map_init(&all.by_handle, memory(), seed);
        all.made = true;
    }
    d->handle = ++all.last;
    int error = rill_map_put(&all.by_handle, d->handle, d);
    pthread_mutex_unlock(&all.lock);
    assert(error != RILL_ERR_EXISTS); /* it is a new one */
    if (error != RILL_OK)
        rill_free(memory(), d);
    else
        *out = d;
    return error;
}

rill_decision *rill_decision_find(uint64_t handle, const rill_connection *c)
{
    pthread_mutex_lock(&all.lock);
    rill_decision *d = all.made ? rill_map_get(&all.by_handle, handle) : NULL;
    if (d != NULL && d->connection != c)
        d = NULL;
    pthread_mutex_unlock(&all.lock);
    return d;
}

void rill_decision_free(rill_decision *d)
{
    assert(!rill_list_linked(&d->order)); /* a host would find it again */
    pthread_mutex_lock(&all.lock);
    const rill_decision *found = rill_map_remove(&all.by_handle, d->handle);
    assert(found == d);
    (void)found;
    if (rill_map_count(&all.by_handle) == 0) {
        rill_map_clear(&all.by_handle);
        all.made = false;
    }
    pthread_mutex_unlock(&all.lock);
    rill_free(memory(), d);
}

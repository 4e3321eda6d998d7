/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_desk.h"

#include <string.h>

#include "base/alloc.h"

int http_desk_hold(http_desk **out, rill_loop *loop)
{
    http_desk *d = loop->http_desk;
    uint64_t seed;
    if (d != NULL) {
        d->holds++;
        *out = d;
        return RILL_OK;
    }
    if (rill_crypto_random(loop->crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK)
        return RILL_ERR_CRYPTO;
    d = rill_calloc(rill_allocator_default(), 1, sizeof *d);
    if (d == NULL)
        return RILL_ERR_NOMEM;
    d->loop = loop;
    d->holds = 1;
    rill_list_init(&d->servers);
    rill_list_init(&d->links);
    rill_map_init(&d->awaited, rill_allocator_default(), seed);
    loop->http_desk = d;
    *out = d;
    return RILL_OK;
}

void http_desk_drop(http_desk *d)
{
    if (--d->holds > 0)
        return;
    d->loop->http_desk = NULL;
    rill_map_clear(&d->awaited);
    rill_wipe(d->random, sizeof d->random);
    rill_free(rill_allocator_default(), d);
}

void http_desk_add_server(http_desk *d, http_desk_server *s)
{
    rill_list_push_back(&d->servers, &s->node);
}

void http_desk_remove_server(http_desk_server *s)
{
    rill_list_remove(&s->node);
}

bool http_desk_has_server(const http_desk *d)
{
    return !rill_list_empty(&d->servers);
}

void http_desk_add_link(http_desk *d, http_desk_link *l)
{
    rill_list_push_back(&d->links, &l->node);
}

void http_desk_remove_link(http_desk_link *l)
{
    rill_list_remove(&l->node);
}

bool http_desk_has_link(const http_desk *d)
{
    return !rill_list_empty(&d->links);
}

static http_desk_link *find_link(http_desk *d, const void *account, bool parting)
{
    for (rill_list *n = d->links.next; account != NULL && n != &d->links; n = n->next) {
        http_desk_link *l = RILL_CONTAINER(n, http_desk_link, node);
        if (l->link->account == account && l->parting == parting)
            return l;
    }
    return NULL;
}

rill_link *http_desk_link_of(http_desk *d, const void *account)
{
    http_desk_link *l = find_link(d, account, false);
    if (l == NULL)
        l = find_link(d, account, true);
    if (l == NULL)
        return NULL;
    /* Who asked last asks next. */
    rill_list_remove(&l->node);
    rill_list_push_front(&d->links, &l->node);
    return l->link;
}

static int draw(http_desk *d, http_id *id)
{
    if (d->random_left < sizeof id->bytes) {
        if (rill_crypto_random(d->loop->crypto, d->random, sizeof d->random) != RILL_OK)
            return RILL_ERR_CRYPTO;
        d->random_left = sizeof d->random;
    }
    d->random_left -= sizeof id->bytes;
    memcpy(id->bytes, d->random + d->random_left, sizeof id->bytes);
    http_id_make(id);
    return RILL_OK;
}

int http_desk_expect(http_desk *d, http_awaited *w)
{
    int error;
    do {
        error = draw(d, &w->id);
        if (error == RILL_OK)
            error = rill_map_put(&d->awaited, http_id_key(&w->id), w);
    } while (error == RILL_ERR_EXISTS);
    w->listed = error == RILL_OK;
    return error;
}

void http_desk_forget(http_desk *d, http_awaited *w)
{
    if (w->listed)
        (void)rill_map_remove(&d->awaited, http_id_key(&w->id));
    w->listed = false;
}

http_awaited *http_desk_find(const http_desk *d, const http_id *id, const void *account)
{
    http_awaited *w = rill_map_get(&d->awaited, http_id_key(id));
    if (w == NULL || !http_id_same(&w->id, id))
        return NULL;
    return account != NULL && w->link->account == account ? w : NULL;
}

void http_desk_log(const http_desk *d, const char *line)
{
    for (rill_list *n = d->servers.next; n != &d->servers; n = n->next) {
        const http_desk_server *s = RILL_CONTAINER(n, http_desk_server, node);
        if (s->log != NULL) {
            s->log(s->owner, line);
            return;
        }
    }
}

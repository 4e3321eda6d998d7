/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/bytes/sendbuf.h"

#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

/* The least that the ring is allocated with, and the most that an empty buffer keeps. */
#define RING_MIN  1024
#define RING_KEPT 16384
/* The same where others' blocks are shared: nearly as fast as one of its own. */
#define RING_KEPT_SHARED 1024
/* Unused pieces that an empty buffer keeps. */
#define PIECES_KEPT 16

/* All pieces that are out, in order of their offsets: a queue, or the list of unused ones. */
typedef struct held_piece {
    rill_send_piece public;
    struct held_piece *next;
} held_piece;

struct rill_sendbuf {
    const rill_allocator *allocator;
    rill_spares *spares; /* NULL: not shared */
    uint8_t *ring;
    uint32_t capacity;
    uint32_t head; /* where in the ring the byte at `acknowledged` lies */
    uint32_t limit;
    uint64_t acknowledged;
    uint64_t sent;
    uint64_t written;
    held_piece *first; /* starts at `acknowledged`; NULL where nothing is out */
    held_piece *last;
    held_piece *unused;
    rill_list lost; /* of rill_send_piece, ascending */
    rill_list unsure;
};

int rill_sendbuf_new(rill_sendbuf **out, const rill_allocator *a, uint32_t limit)
{
    rill_sendbuf *b = rill_calloc(a, 1, sizeof *b);

    *out = b;
    if (b == NULL)
        return RILL_ERR_NOMEM;
    b->allocator = a;
    b->limit = limit;
    rill_list_init(&b->lost);
    rill_list_init(&b->unsure);
    return RILL_OK;
}

void rill_sendbuf_share(rill_sendbuf *b, rill_spares *spares)
{
    b->spares = spares;
}

static uint8_t *take_ring(rill_sendbuf *b, uint32_t capacity)
{
    if (b->spares == NULL)
        return rill_alloc(b->allocator, capacity);
    return rill_spares_take(b->spares, capacity);
}

static void drop_ring(rill_sendbuf *b)
{
    if (b->spares == NULL)
        rill_free(b->allocator, b->ring);
    else
        rill_spares_give(b->spares, b->ring, b->capacity);
    b->ring = NULL;
    b->capacity = 0;
}

static void free_pieces(const rill_allocator *a, held_piece *p)
{
    while (p != NULL) {
        held_piece *next = p->next;
        rill_free(a, p);
        p = next;
    }
}

void rill_sendbuf_free(rill_sendbuf *b)
{
    if (b == NULL)
        return;
    const rill_allocator *a = b->allocator;
    free_pieces(a, b->first);
    free_pieces(a, b->unused);
    drop_ring(b);
    rill_free(a, b);
}

static uint32_t kept(const rill_sendbuf *b)
{
    assert(b->written - b->acknowledged <= b->limit);
    return (uint32_t)(b->written - b->acknowledged);
}

/* Where in the ring the byte at `offset` lies, and how many bytes follow there in one piece. */
static uint32_t place(const rill_sendbuf *b, uint64_t offset, uint32_t *run)
{
    uint32_t distance = (uint32_t)(offset - b->acknowledged);
    uint32_t to_end = b->capacity - b->head;
    uint32_t at = distance < to_end ? b->head + distance : distance - to_end;

    *run = b->capacity - at;
    return at;
}

static void copy_out(const rill_sendbuf *b, uint64_t offset, uint32_t len, uint8_t *out)
{
    uint32_t run;
    uint32_t at = place(b, offset, &run);

    if (len <= run) {
        memcpy(out, b->ring + at, len);
        return;
    }
    memcpy(out, b->ring + at, run);
    memcpy(out + run, b->ring, len - run);
}

static void copy_in(rill_sendbuf *b, uint64_t offset, const uint8_t *data, uint32_t len)
{
    uint32_t run;
    uint32_t at = place(b, offset, &run);

    if (len <= run) {
        memcpy(b->ring + at, data, len);
        return;
    }
    memcpy(b->ring + at, data, run);
    memcpy(b->ring, data + run, len - run);
}

/* A ring of at least `needed` bytes; needed is at most the limit. */
static int reserve(rill_sendbuf *b, uint32_t needed)
{
    if (needed <= b->capacity)
        return RILL_OK;
    uint32_t capacity = b->capacity < RING_MIN ? RING_MIN : b->capacity;
    while (capacity < needed)
        capacity = capacity > UINT32_MAX / 2 ? UINT32_MAX : capacity * 2;
    if (capacity > b->limit)
        capacity = b->limit;
    uint8_t *ring = take_ring(b, capacity);
    if (ring == NULL)
        return RILL_ERR_NOMEM;
    if (kept(b) > 0)
        copy_out(b, b->acknowledged, kept(b), ring);
    drop_ring(b);
    b->ring = ring;
    b->capacity = capacity;
    b->head = 0;
    return RILL_OK;
}

int rill_sendbuf_write(rill_sendbuf *b, const uint8_t *data, size_t len, size_t *accepted)
{
    size_t room = rill_sendbuf_room(b);
    uint32_t taken = (uint32_t)(len < room ? len : room);

    *accepted = 0;
    if (taken == 0)
        return RILL_OK;
    int rc = reserve(b, kept(b) + taken);
    if (rc != RILL_OK)
        return rc;
    copy_in(b, b->written, data, taken);
    b->written += taken;
    *accepted = taken;
    return RILL_OK;
}

size_t rill_sendbuf_room(const rill_sendbuf *b)
{
    return b->limit - kept(b);
}

uint64_t rill_sendbuf_written(const rill_sendbuf *b)
{
    return b->written;
}

uint64_t rill_sendbuf_sent(const rill_sendbuf *b)
{
    return b->sent;
}

uint64_t rill_sendbuf_acknowledged(const rill_sendbuf *b)
{
    return b->acknowledged;
}

bool rill_sendbuf_has_lost(const rill_sendbuf *b)
{
    return !rill_list_empty(&b->lost);
}

bool rill_sendbuf_has_new(const rill_sendbuf *b)
{
    return b->sent < b->written;
}

uint32_t rill_sendbuf_lost_len(const rill_sendbuf *b)
{
    if (rill_list_empty(&b->lost))
        return 0;
    return RILL_CONTAINER(b->lost.next, rill_send_piece, node)->len;
}

rill_send_piece *rill_sendbuf_take_lost(rill_sendbuf *b)
{
    rill_list *node = rill_list_pop_front(&b->lost);

    return node == NULL ? NULL : RILL_CONTAINER(node, rill_send_piece, node);
}

static held_piece *get_piece(rill_sendbuf *b)
{
    held_piece *p = b->unused;

    if (p == NULL)
        return rill_alloc(b->allocator, sizeof *p);
    b->unused = p->next;
    return p;
}

rill_send_piece *rill_sendbuf_take_new(rill_sendbuf *b, uint32_t max)
{
    uint64_t left = b->written - b->sent;

    if (left == 0 || max == 0)
        return NULL;
    held_piece *p = get_piece(b);
    if (p == NULL)
        return NULL;
    *p = (held_piece){.public = {.offset = b->sent, .len = left < max ? (uint32_t)left : max}};
    rill_list_init(&p->public.node);
    if (b->last == NULL)
        b->first = p;
    else
        b->last->next = p;
    b->last = p;
    b->sent += p->public.len;
    return &p->public;
}

void rill_sendbuf_copy(const rill_sendbuf *b, const rill_send_piece *piece, uint8_t *out)
{
    assert(!piece->acknowledged);
    assert(piece->offset >= b->acknowledged && piece->offset + piece->len <= b->sent);
    copy_out(b, piece->offset, piece->len, out);
}

/* Nothing is kept any more: gives back what a burst needed, keeps what a trickle needs. */
static void shrink(rill_sendbuf *b)
{
    held_piece **end = &b->unused;

    b->head = 0;
    if (b->capacity > (b->spares == NULL ? RING_KEPT : RING_KEPT_SHARED))
        drop_ring(b);
    for (unsigned i = 0; i < PIECES_KEPT && *end != NULL; i++)
        end = &(*end)->next;
    free_pieces(b->allocator, *end);
    *end = NULL;
}

void rill_sendbuf_ack(rill_sendbuf *b, rill_send_piece *acked)
{
    uint32_t run;

    assert(!acked->acknowledged);
    acked->acknowledged = true;
    /* A late reply may acknowledge what was counted lost. */
    if (rill_list_linked(&acked->node))
        rill_list_remove(&acked->node);
    while (b->first != NULL && b->first->public.acknowledged) {
        held_piece *p = b->first;
        assert(p->public.offset == b->acknowledged);
        uint32_t head = place(b, b->acknowledged + p->public.len, &run);
        b->head = head;
        b->acknowledged += p->public.len;
        b->first = p->next;
        if (b->first == NULL)
            b->last = NULL;
        p->next = b->unused;
        b->unused = p;
    }
    if (b->acknowledged == b->written)
        shrink(b);
}

/* Losses are noticed nearly in order: the search from the end is short. */
static void insert(rill_list *list, rill_send_piece *piece)
{
    rill_list *before = list->prev;

    assert(!piece->acknowledged && !rill_list_linked(&piece->node));
    while (before != list && RILL_CONTAINER(before, rill_send_piece, node)->offset > piece->offset)
        before = before->prev;
    rill_list_push_front(before, &piece->node);
}

void rill_sendbuf_lose(rill_sendbuf *b, rill_send_piece *lost)
{
    insert(&b->lost, lost);
}

void rill_sendbuf_doubt(rill_sendbuf *b, rill_send_piece *piece)
{
    insert(&b->unsure, piece);
}

static rill_send_piece *first_unsure(const rill_sendbuf *b)
{
    return rill_list_empty(&b->unsure) ? NULL
                                       : RILL_CONTAINER(b->unsure.next, rill_send_piece, node);
}

bool rill_sendbuf_unsure(const rill_sendbuf *b, uint64_t *offset)
{
    const rill_send_piece *first = first_unsure(b);

    if (first != NULL)
        *offset = first->offset;
    return first != NULL;
}

bool rill_sendbuf_arrived_below(rill_sendbuf *b, uint64_t offset)
{
    bool any = false;

    for (rill_send_piece *p; (p = first_unsure(b)) != NULL && p->offset < offset; any = true)
        rill_sendbuf_ack(b, p);
    return any;
}

void rill_sendbuf_lose_unsure(rill_sendbuf *b)
{
    rill_send_piece *first = first_unsure(b);

    assert(first != NULL);
    rill_list_remove(&first->node);
    insert(&b->lost, first);
}

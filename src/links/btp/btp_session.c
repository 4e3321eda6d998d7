/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/btp/btp_session.h"

#include <assert.h>
#include <string.h>

#include <rill/btp.h>
#include <rill/ilp.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "links/btp/btp_auth.h"

/* A request's number is its generation and its id, in RILL_LINK_REQUEST_BITS. */
#define GENERATION_MASK 0xffffffu
/* An answer of the moment in which the packet expires is still on its way then. */
#define LATER (1 * RILL_SECOND)

/* A request of ours that waits for its reply. */
typedef struct open_request {
    rill_list node; /* of one of waiting, or of spare */
    uint64_t outgoing_id;
    uint64_t deadline;
    uint64_t written; /* of the connection, before this request */
    uint32_t id;
    bool message; /* not a packet */
} open_request;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_btp_session *session_of(rill_link *l)
{
    return RILL_CONTAINER(l, rill_btp_session, link);
}

static open_request *request_of(rill_list *node)
{
    return RILL_CONTAINER(node, open_request, node);
}

int rill_btp_session_init(rill_btp_session *s, rill_loop *loop, uint32_t max_requests)
{
    uint64_t seed = 0;
    s->link.loop = loop;
    s->max_requests = max_requests;
    s->request_timeout = RILL_BTP_REQUEST_TIMEOUT;
    for (size_t i = 0; i < RILL_BTP_WAITS; i++)
        rill_list_init(&s->waiting[i]);
    rill_list_init(&s->spare);
    if (rill_crypto_random(loop->crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK ||
        rill_crypto_random(loop->crypto, (uint8_t *)&s->next_id, sizeof s->next_id) != RILL_OK)
        return RILL_ERR_CRYPTO;
    rill_map_init(&s->open, memory(), seed);
    uv_timer_init(loop->uv, &s->timer);
    s->timer.data = s;
    return RILL_OK;
}

void rill_btp_session_early(rill_btp_session *s, rill_ws *ws)
{
    s->ws = ws;
    s->early = true;
}

void rill_btp_session_start(rill_btp_session *s, rill_ws *ws)
{
    assert(ws != NULL && !s->up);
    s->ws = ws;
    s->up = true;
    s->early = false;
    s->blocked = false;
    s->incoming = 0;
    s->generation = (s->generation + 1) & GENERATION_MASK;
}

/* Takes a request out of the table; the memory is for the next one, and good until that comes. */
static uint64_t settle(rill_btp_session *s, open_request *request)
{
    uint64_t outgoing_id = request->outgoing_id;
    const open_request *removed = rill_map_remove(&s->open, request->id);
    assert(removed == request); /* else somebody else's reply would be this one's */
    (void)removed;
    rill_list_remove(&request->node);
    rill_list_push_front(&s->spare, &request->node);
    return outgoing_id;
}

/* No reply will come. */
static void give_up(rill_btp_session *s, open_request *request, int error, bool sent)
{
    rill_link *l = &s->link;
    bool message = request->message;
    uint64_t outgoing_id = settle(s, request);
    if (!message)
        l->on.unanswered(l, outgoing_id, error, sent, l->user);
    else if (l->on.message_unanswered != NULL)
        l->on.message_unanswered(l, outgoing_id, error, sent, l->user);
}

void rill_btp_session_stop(rill_btp_session *s, int error)
{
    rill_ws *ws = s->ws;
    uint64_t handed = ws != NULL ? rill_ws_handed(ws) : 0;
    s->up = false;
    s->early = false;
    s->ws = NULL;
    uv_timer_stop(&s->timer);
    for (size_t i = 0; i < RILL_BTP_WAITS; i++) {
        while (!rill_list_empty(&s->waiting[i])) {
            open_request *request = request_of(s->waiting[i].next);
            give_up(s, request, error, request->written < handed);
        }
    }
}

void rill_btp_session_close(rill_btp_session *s, uv_close_cb closed)
{
    /* Everybody has been told by then: rill_btp_session_stop. */
    assert(!s->up && s->ws == NULL && rill_map_count(&s->open) == 0);
    for (rill_list *node; (node = rill_list_pop_front(&s->spare)) != NULL;)
        rill_free(memory(), request_of(node));
    rill_map_clear(&s->open);
    uv_close((uv_handle_t *)&s->timer, closed);
}

/* In each list all wait equally long, so the first that waits is the first whose time is over. */
static open_request *first_due(rill_btp_session *s)
{
    open_request *first = NULL;
    for (size_t i = 0; i < RILL_BTP_WAITS; i++) {
        if (rill_list_empty(&s->waiting[i]))
            continue;
        open_request *request = request_of(s->waiting[i].next);
        if (first == NULL || request->deadline < first->deadline)
            first = request;
    }
    return first;
}

static void on_timer(uv_timer_t *timer)
{
    rill_btp_session *s = timer->data;
    uint64_t now = rill_loop_now(s->link.loop).mono_ns;
    for (open_request *request; (request = first_due(s)) != NULL;) {
        bool behind = rill_loop_is_behind(s->link.loop, request->deadline);
        if (request->deadline > now || behind) {
            uint64_t left = behind ? 1 : (request->deadline - now + RILL_MS - 1) / RILL_MS;
            s->due = request->deadline;
            uv_timer_start(timer, on_timer, left, 0);
            return;
        }
        give_up(s, request, RILL_ERR_TIMEOUT, true);
    }
}

/*
 * When the Prepare expires, by the wall clock; 0: it is none. Its type and length come first, then
 * the amount, and then this. The parts begin where they like, but not within it.
 */
static uint64_t expiry_of(const rill_bytes *parts, size_t count)
{
    uint64_t wall_ms = 0;
    if (count == 0 || parts[0].len < 2 || parts[0].data[0] != RILL_ILP_PREPARE)
        return 0;
    uint8_t length = parts[0].data[1];
    size_t at = 2 + (length < 0x80 ? 0 : (size_t)(length & 0x7f)) + 8;
    while (count > 0 && at >= parts->len) {
        at -= parts->len;
        parts++;
        count--;
    }
    if (count == 0 || parts->len - at < 17 ||
        rill_ilp_time_decode(parts->data + at, &wall_ms) != RILL_OK)
        return 0;
    return wall_ms;
}

/* The list of those that wait at least until then; where none waits so long, the last. */
static size_t wait_for(const rill_btp_session *s, uint64_t expires_ms, rill_now now)
{
    uint64_t left = rill_sub_sat(expires_ms, now.wall_ms);
    uint64_t needed = rill_add_sat(rill_mul_div_floor_sat(left, RILL_MS, 1), LATER);
    size_t i = 0;
    while (i < RILL_BTP_WAITS - 1 && s->request_timeout << i < needed)
        i++;
    return i;
}

static open_request *request_new(rill_btp_session *s)
{
    rill_list *node = rill_list_pop_front(&s->spare);
    open_request *request;
    if (node != NULL)
        return request_of(node);
    request = rill_alloc(memory(), sizeof *request);
    if (request != NULL)
        rill_list_init(&request->node);
    return request;
}

static bool send_packet(rill_btp_session *s, rill_btp_type type, uint32_t id,
                        const rill_bytes *parts, size_t count)
{
    uint8_t header[RILL_BTP_ILP_HEADER_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    size_t header_len = rill_btp_ilp_header(type, id, len, header);
    uint8_t *room = rill_ws_begin(s->ws, header_len + len);
    if (room == NULL)
        return false;
    memcpy(room, header, header_len);
    room += header_len;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len != 0)
            memcpy(room, parts[i].data, parts[i].len);
        room += parts[i].len;
    }
    rill_ws_end(s->ws);
    return true;
}

/* Puts a request into the table under an id that is free. RILL_ERR_NOMEM. */
static int enter(rill_btp_session *s, open_request *request)
{
    int error;
    do {
        request->id = s->next_id++;
        error = rill_map_put(&s->open, request->id, request);
    } while (error == RILL_ERR_EXISTS);
    return error;
}

/*
 * A request under an id of its own, to be written and then noted, or taken back. RILL_ERR_BLOCKED,
 * RILL_ERR_LIMIT, RILL_ERR_NOMEM.
 */
static int begin_request(rill_btp_session *s, uint64_t outgoing_id, bool message,
                         open_request **out)
{
    if (rill_ws_is_full(s->ws)) {
        s->blocked = true;
        return RILL_ERR_BLOCKED;
    }
    if (rill_map_count(&s->open) >= s->max_requests)
        return RILL_ERR_LIMIT;
    open_request *request = request_new(s);
    if (request == NULL)
        return RILL_ERR_NOMEM;
    request->outgoing_id = outgoing_id;
    request->message = message;
    request->written = rill_ws_written(s->ws);
    int error = enter(s, request);
    if (error != RILL_OK) {
        rill_list_push_front(&s->spare, &request->node);
        return error;
    }
    *out = request;
    return RILL_OK;
}

/*
 * written: it is on its way, and its reply is waited for as long as it lives, by the wall clock;
 * else as if it had never been.
 */
static int end_request(rill_btp_session *s, open_request *request, bool written,
                       uint64_t expires_ms)
{
    if (!written) {
        (void)rill_map_remove(&s->open, request->id);
        rill_list_push_front(&s->spare, &request->node);
        return RILL_ERR_NOT_CONNECTED;
    }
    rill_now now = rill_loop_clock(s->link.loop);
    size_t i = wait_for(s, expires_ms, now);
    uint64_t wait = s->request_timeout << i;
    request->deadline = now.mono_ns + wait;
    rill_list_push_back(&s->waiting[i], &request->node);
    if (!uv_is_active((uv_handle_t *)&s->timer) || request->deadline < s->due) {
        s->due = request->deadline;
        uv_timer_start(&s->timer, on_timer, wait / RILL_MS, 0);
    }
    return RILL_OK;
}

int rill_btp_session_send_parts(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts,
                                size_t count)
{
    rill_btp_session *s = session_of(l);
    open_request *request;
    if (!s->up && !s->early)
        return RILL_ERR_NOT_CONNECTED;
    int error = begin_request(s, outgoing_id, false, &request);
    if (error != RILL_OK)
        return error;
    bool written = send_packet(s, RILL_BTP_MESSAGE, request->id, parts, count);
    return end_request(s, request, written, expiry_of(parts, count));
}

int rill_btp_session_send(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len)
{
    const rill_bytes whole = {packet, len};
    return rill_btp_session_send_parts(l, outgoing_id, &whole, 1);
}

/* It came by the connection of now. */
static bool can_answer(const rill_btp_session *s, uint64_t request)
{
    return s->up && (uint32_t)(request >> 32) == s->generation;
}

bool rill_btp_session_waits(const rill_link *l, uint64_t request)
{
    return can_answer(RILL_CONTAINER(l, const rill_btp_session, link), request);
}

int rill_btp_session_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    rill_btp_session *s = session_of(l);
    if (!can_answer(s, request))
        return RILL_ERR_NOT_CONNECTED;
    if (s->incoming > 0)
        s->incoming--;
    const rill_bytes whole = {packet, len};
    if (!send_packet(s, RILL_BTP_RESPONSE, (uint32_t)request, &whole, 1))
        return RILL_ERR_NOT_CONNECTED;
    return RILL_OK;
}

bool rill_btp_session_is_busy(const rill_link *l)
{
    const rill_btp_session *s = RILL_CONTAINER(l, const rill_btp_session, link);
    return rill_map_count(&s->open) > 0 || (s->up && s->incoming > 0);
}

/* A message as BTP has it, but for its id. RILL_ERR_TOO_LARGE. */
static int frame_of(rill_btp_frame *frame, rill_btp_type type, const rill_message *m)
{
    static_assert(RILL_MAX_MESSAGE_PARTS <= RILL_BTP_MAX_ENTRIES, "each part is an entry");
    *frame = (rill_btp_frame){.type = type, .amount = m->amount, .entry_count = m->count};
    for (size_t i = 0; i < m->count; i++)
        frame->entries[i] = (rill_btp_entry){
            .name = m->parts[i].protocol,
            .content_type = m->parts[i].content_type,
            .data = m->parts[i].data,
        };
    return rill_btp_size(frame) <= RILL_BTP_MAX_FRAME ? RILL_OK : RILL_ERR_TOO_LARGE;
}

int rill_btp_session_send_message(rill_link *l, uint64_t outgoing_id, const rill_message *message)
{
    rill_btp_session *s = session_of(l);
    rill_btp_frame frame;
    open_request *request;
    if (!s->up)
        return RILL_ERR_NOT_CONNECTED;
    int error = frame_of(&frame, message->transfer ? RILL_BTP_TRANSFER : RILL_BTP_MESSAGE, message);
    if (error == RILL_OK)
        error = begin_request(s, outgoing_id, true, &request);
    if (error != RILL_OK)
        return error;
    frame.request_id = request->id;
    return end_request(s, request, rill_btp_send_frame(s->ws, &frame), 0);
}

int rill_btp_session_reply_message(rill_link *l, uint64_t request, const rill_message *reply,
                                   const char *refusal)
{
    rill_btp_session *s = session_of(l);
    rill_btp_frame frame;
    if (!can_answer(s, request))
        return RILL_ERR_NOT_CONNECTED;
    if (reply != NULL) {
        int error = frame_of(&frame, RILL_BTP_RESPONSE, reply);
        if (error != RILL_OK)
            return error;
    }
    if (s->incoming > 0)
        s->incoming--;
    if (reply == NULL) {
        rill_btp_send_not_accepted(s->ws, rill_loop_clock(l->loop).wall_ms, (uint32_t)request,
                                   refusal);
        return RILL_OK;
    }
    frame.request_id = (uint32_t)request;
    return rill_btp_send_frame(s->ws, &frame) ? RILL_OK : RILL_ERR_NOT_CONNECTED;
}

bool rill_btp_session_is_up(const rill_link *l)
{
    return RILL_CONTAINER(l, const rill_btp_session, link)->up;
}

void rill_btp_session_drained(rill_btp_session *s)
{
    if (!s->up || !s->blocked)
        return;
    s->blocked = false;
    s->link.on.writable(&s->link, s->link.user);
}

static void complain(rill_btp_session *s, const char *what)
{
    if (s->complained || s->log == NULL)
        return;
    s->complained = true;
    s->log(s, what);
}

/* The entries of a frame, in parts, borrowed. */
static rill_message message_of(const rill_btp_frame *frame,
                               rill_message_part parts[RILL_BTP_MAX_ENTRIES])
{
    for (size_t i = 0; i < frame->entry_count; i++)
        parts[i] = (rill_message_part){
            .protocol = frame->entries[i].name,
            .content_type = frame->entries[i].content_type,
            .data = frame->entries[i].data,
        };
    bool transfer = frame->type == RILL_BTP_TRANSFER;
    return (rill_message){.parts = parts,
                          .count = frame->entry_count,
                          .transfer = transfer,
                          .amount = transfer ? frame->amount : 0};
}

/* Who keeps the books may know what it was an answer to. */
static void on_stray(rill_btp_session *s, const rill_btp_entry *ilp)
{
    rill_link *l = &s->link;
    if (l->stray != NULL && ilp != NULL && ilp->data.len > 0 &&
        ilp->data.data[0] == RILL_ILP_FULFILL)
        l->stray(l, ilp->data.data, ilp->data.len, l->stray_user);
}

static void on_message_answer(rill_btp_session *s, open_request *request,
                              const rill_btp_frame *frame)
{
    rill_link *l = &s->link;
    rill_message_part parts[RILL_BTP_MAX_ENTRIES];
    if (frame->type == RILL_BTP_ERROR) {
        give_up(s, request, RILL_ERR_REFUSED, true);
        return;
    }
    const rill_message reply = message_of(frame, parts);
    uint64_t outgoing_id = settle(s, request);
    if (l->on.message_reply != NULL)
        l->on.message_reply(l, outgoing_id, &reply, l->user);
}

/* An answer. Nobody asked, or asked so long ago that it was given up: it is shown, and no more. */
static void on_answer(rill_btp_session *s, const rill_btp_frame *frame, const rill_btp_entry *ilp)
{
    open_request *request = rill_map_get(&s->open, frame->request_id);
    if (request == NULL) {
        on_stray(s, ilp);
        return;
    }
    if (request->message) {
        on_message_answer(s, request, frame);
        return;
    }
    uint64_t outgoing_id = settle(s, request);
    rill_link *l = &s->link;
    if (frame->type == RILL_BTP_ERROR)
        l->on.unanswered(l, outgoing_id, RILL_ERR_REFUSED, true, l->user);
    else if (ilp == NULL || ilp->data.len == 0)
        l->on.unanswered(l, outgoing_id, RILL_ERR_PROTOCOL, true, l->user);
    else
        l->on.reply(l, outgoing_id, ilp->data.data, ilp->data.len, l->user);
}

/* More than we agreed to keep in mind: the sender may try again. */
static void refuse_busy(rill_btp_session *s, uint32_t id)
{
    static const char message[] = "too many requests open";
    uint8_t packet[128];
    size_t len = 0;
    const rill_reject reject = {
        .code = rill_ilp_code_of(RILL_ILP_T03_CONNECTOR_BUSY),
        .message = {(const uint8_t *)message, sizeof message - 1},
    };
    if (rill_reject_encode(&reject, packet, sizeof packet, &len) != RILL_OK)
        return;
    const rill_bytes whole = {packet, len};
    (void)send_packet(s, RILL_BTP_RESPONSE, id, &whole, 1);
}

/* Something that is no packet: a MESSAGE, or a TRANSFER. */
static void on_side_message(rill_btp_session *s, const rill_btp_frame *frame)
{
    rill_link *l = &s->link;
    rill_message_part parts[RILL_BTP_MAX_ENTRIES];
    const char *refusal = NULL;
    bool transfer = frame->type == RILL_BTP_TRANSFER;
    if (l->on.message == NULL) {
        complain(s, transfer ? "sent a transfer, and there is no settlement here"
                             : "sent a message without an ILP packet");
        refusal = transfer ? "no settlement here" : "the message has no ILP packet";
    } else if (s->incoming >= s->max_requests) {
        refusal = "too many requests open";
    }
    if (refusal != NULL) {
        rill_btp_send_not_accepted(s->ws, rill_loop_clock(l->loop).wall_ms, frame->request_id,
                                   refusal);
        return;
    }
    const rill_message message = message_of(frame, parts);
    s->incoming++;
    l->on.message(l, (uint64_t)s->generation << 32 | frame->request_id, &message, l->user);
}

/* A request; ilp is NULL where it has no packet. */
static void on_request(rill_btp_session *s, const rill_btp_frame *frame, const rill_btp_entry *ilp)
{
    if (ilp == NULL) {
        on_side_message(s, frame);
        return;
    }
    if (s->incoming >= s->max_requests) {
        refuse_busy(s, frame->request_id);
        return;
    }
    s->incoming++;
    uint64_t request = (uint64_t)s->generation << 32 | frame->request_id;
    s->link.on.prepare(&s->link, request, ilp->data.data, ilp->data.len, s->link.user);
}

/*
 * interledger-rs has exchanged the types since 2020: Fulfill and Reject come in MESSAGE, Prepare in
 * RESPONSE. The packet itself says what it is. A Prepare answers nothing, and is a request
 * in any frame; another packet is an answer where we wait for one of that id.
 */
static void on_packet(rill_btp_session *s, const rill_btp_frame *frame)
{
    const rill_btp_entry *ilp = rill_btp_find(frame, "ilp");
    bool has_packet = ilp != NULL && ilp->data.len > 0;
    uint8_t type = has_packet ? ilp->data.data[0] : 0;
    bool request = frame->type == RILL_BTP_MESSAGE;
    if (type == RILL_ILP_PREPARE)
        request = true;
    else if ((type == RILL_ILP_FULFILL || type == RILL_ILP_REJECT) &&
             rill_map_get(&s->open, frame->request_id) != NULL)
        request = false;
    if (request)
        on_request(s, frame, ilp);
    else
        on_answer(s, frame, ilp);
}

int rill_btp_session_frame(rill_btp_session *s, const uint8_t *data, size_t len)
{
    rill_btp_frame frame;
    uint64_t wall_ms = rill_loop_clock(s->link.loop).wall_ms;
    int error = rill_btp_decode(&frame, data, len);
    if (error == RILL_ERR_UNSUPPORTED) {
        complain(s, "sent a BTP frame of unknown type");
        rill_btp_send_not_accepted(s->ws, wall_ms, frame.request_id, "unknown frame type");
        return RILL_OK;
    }
    if (error != RILL_OK) {
        complain(s, "sent a malformed BTP frame");
        return RILL_ERR_PROTOCOL;
    }
    switch (frame.type) {
    case RILL_BTP_RESPONSE:
    case RILL_BTP_MESSAGE:
        on_packet(s, &frame);
        break;
    case RILL_BTP_ERROR:
        on_answer(s, &frame, NULL);
        break;
    case RILL_BTP_TRANSFER:
        on_side_message(s, &frame);
        break;
    }
    return RILL_OK;
}

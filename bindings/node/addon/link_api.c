/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/link.js asks of links. Each function's first argument is the name of the link, or, of
 * those that begin with direct, of an engine. */
#include <stdlib.h>
#include <string.h>

#include <rill/btp.h>
#include <rill/ilp.h>

#include "link.h"

/* Of what is shorter JavaScript looks whether it is whole (lib/engine.js). */
#define SHORTEST_REPLY 40

/* Records of read(), beside their words in addon.h. */
enum link_record {
    RECORD_FRAME = 16,   /* BTP for JavaScript: type, id, and what it has */
    RECORD_CONTROL = 17, /* of WebSocket: opcode, payload */
    RECORD_BAD = 18,     /* it cannot be read any more: the close code, and what is wrong */
    RECORD_ARRIVED = 19, /* an engine has something in its queue: how many Prepares */
    RECORD_REJECT = 20,  /* a Reject of an engine's packet, which is in the queue as well */
    RECORD_ANSWER = 21   /* to an engine's packet, and JavaScript has to look at it */
};
enum link_word {
    WORD_ENGINE = 2, /* handle */
    WORD_NAME = 4,   /* of the packet, 64 bits */
    WORD_BTP = 6,    /* type, opcode or code */
    WORD_REQUEST = 7,
    /* WORD_AT, WORD_LEN: the packet, or what there is; length 0: nothing */
    WORD_TEXT_AT = 10, /* of a BTP error its code and its name */
    WORD_TEXT_LEN = 11,
    WORD_DESTINATION_AT = 12,
    WORD_DESTINATION_LEN = 13,
    WORD_COUNT = 14
};

typedef struct reading {
    link *link;
    engine *incoming; /* who takes Prepares; NULL: JavaScript does */
    engine *touched;  /* the first of those that have got something */
    uint32_t engines; /* how many they are */
} reading;

typedef struct link_args {
    napi_env env;
    arena *arena;
    link *link;
    size_t count;
    napi_value value[4]; /* behind the link's name */
} link_args;

static bool wrong(napi_env env, const char *text)
{
    napi_throw_type_error(env, NULL, text);
    return false;
}

/* False, and a TypeError is pending. */
static bool get_args(napi_env env, napi_callback_info info, size_t least, link_args *out)
{
    napi_value all[5];
    size_t count = 5;
    void *data = NULL;
    uint64_t name;
    *out = (link_args){.env = env};
    if (napi_get_cb_info(env, info, &count, all, NULL, NULL) != napi_ok ||
        napi_get_instance_data(env, &data) != napi_ok || !data || count < 1 + least)
        return wrong(env, "more arguments are needed");
    if (!args_u64(env, all[0], &name))
        return false;
    out->arena = data;
    out->link = link_find(data, name);
    out->count = count - 1 < 4 ? count - 1 : 4;
    memcpy(out->value, all + 1, sizeof out->value);
    return out->link ? true : wrong(env, "not a link, or one that was closed");
}

/* linkOpen(): the name of a new one. Not of a link. */
napi_value link_open(napi_env env, napi_callback_info info)
{
    void *data = NULL;
    (void)info;
    if (napi_get_instance_data(env, &data) != napi_ok || !data)
        return NULL;
    const link *l = link_new(data);
    if (!l) {
        napi_throw_error(env, NULL, rill_strerror(RILL_ERR_NOMEM));
        return NULL;
    }
    return args_handle(env, l->name);
}

/* ---- what comes ---- */

static void touch(reading *r, engine *e)
{
    direct *d = e->direct;
    if (d->is_touched)
        return;
    d->is_touched = true;
    d->came = 0;
    d->touched = r->touched;
    r->touched = e;
    r->engines++;
}

static bool has_room(const reading *r)
{
    arena *a = r->link->arena;
    return a->out[HEAD_COUNT] + r->engines + RECORDS_NEED <= MAX_RECORDS &&
           arena_room(a, SLAB_NEED) != NULL;
}

/* Bytes for JavaScript, whose place and length go into two words. */
static void put_part(arena *a, uint32_t *record, unsigned word, const uint8_t *data, size_t len)
{
    uint8_t *at = arena_room(a, len);
    if (!at || len == 0)
        return;
    memcpy(at, data, len);
    record[word] = arena_keep(a, at, len);
    record[word + 1] = (uint32_t)len;
}

static void bad(reading *r, uint16_t code, const char *problem)
{
    arena *a = r->link->arena;
    uint32_t *record = record_add(a, RECORD_BAD);
    r->link->reader.ended = true;
    record[WORD_BTP] = code;
    put_part(a, record, WORD_AT, (const uint8_t *)problem, strlen(problem));
}

static uint32_t *put_frame(reading *r, uint32_t type, const rill_btp_frame *frame,
                           const rill_btp_entry *ilp)
{
    arena *a = r->link->arena;
    uint32_t *record = record_add(a, type);
    record[WORD_BTP] = (uint32_t)frame->type;
    record[WORD_REQUEST] = frame->request_id;
    record[WORD_COUNT] = ilp != NULL;
    if (ilp)
        put_part(a, record, WORD_AT, ilp->data.data, ilp->data.len);
    if (frame->type == RILL_BTP_ERROR) {
        uint8_t text[3 + 256];
        size_t len = frame->name.len < 255 ? frame->name.len : 255;
        memcpy(text, frame->code.data, 3);
        if (len > 0)
            memcpy(text + 3, frame->name.data, len);
        put_part(a, record, WORD_TEXT_AT, text, 3 + len);
    }
    return record;
}

static void put_owner(arena *a, uint32_t *record, const request *q)
{
    record_put64(record, WORD_ENGINE, q->engine);
    record_put64(record, WORD_NAME, q->name);
    if (q->destination)
        put_part(a, record, WORD_DESTINATION_AT, (const uint8_t *)q->destination->text,
                 q->destination->len);
}

/* A whole Fulfill or Reject, as far as lib/engine.js looks: the core reads it. */
static bool is_reply(rill_bytes packet)
{
    rill_fulfill fulfill;
    rill_reject reject;
    if (packet.len == 0 || packet.len > RILL_PACKET_BUFFER)
        return false;
    if (packet.data[0] == RILL_ILP_FULFILL)
        return packet.len >= SHORTEST_REPLY ||
               rill_fulfill_decode(&fulfill, packet.data, packet.len) == RILL_OK;
    if (packet.data[0] == RILL_ILP_REJECT)
        return packet.len >= SHORTEST_REPLY ||
               rill_reject_decode(&reject, packet.data, packet.len) == RILL_OK;
    return false;
}

/* A Reject that says that it may be otherwise the next time. */
static bool is_temporary(rill_bytes packet)
{
    size_t at = packet.len > 1 && (packet.data[1] & 0x80) ? 2 + (packet.data[1] & 0x7fu) : 2;
    return at < packet.len && packet.data[at] == 'T';
}

static void on_answer(reading *r, request *q, const rill_btp_frame *frame,
                      const rill_btp_entry *ilp)
{
    arena *a = r->link->arena;
    engine *e = handles_find(&a->engines, q->engine, false);
    bool alive = e && e->direct && e->direct->life == q->life;
    if (alive && frame->type == RILL_BTP_RESPONSE && ilp && is_reply(ilp->data)) {
        const queue_entry entry = {
            .kind = IN_REPLY, .len = (uint32_t)ilp->data.len, .name = q->name};
        if (ilp->data.data[0] == RILL_ILP_REJECT && !is_temporary(ilp->data))
            put_owner(a, put_frame(r, RECORD_REJECT, frame, ilp), q);
        /* Without memory it is as if it had never come: the packet expires. */
        if (queue_add(e, &entry, ilp->data.data))
            touch(r, e);
    } else if (alive) {
        put_owner(a, put_frame(r, RECORD_ANSWER, frame, ilp), q);
    }
    link_settle(r->link, q);
}

static void on_frame(reading *r, const rill_btp_frame *frame)
{
    const rill_btp_entry *ilp = frame->type == RILL_BTP_ERROR ? NULL : rill_btp_find(frame, "ilp");
    if (frame->type == RILL_BTP_RESPONSE || frame->type == RILL_BTP_ERROR) {
        request *q = link_request_of(r->link, frame->request_id);
        if (q) {
            on_answer(r, q, frame, ilp);
            return;
        }
    }
    if (frame->type == RILL_BTP_MESSAGE && r->incoming && ilp && ilp->data.len > 0 &&
        ilp->data.data[0] == RILL_ILP_PREPARE) {
        const queue_entry entry = {.kind = IN_PREPARE,
                                   .len = (uint32_t)ilp->data.len,
                                   .name = frame->request_id,
                                   .link = r->link->name};
        if (queue_add(r->incoming, &entry, ilp->data.data)) {
            touch(r, r->incoming);
            r->incoming->direct->came++;
            r->link->waiting++;
            return;
        }
    }
    put_frame(r, RECORD_FRAME, frame, ilp);
}

static void on_message(reading *r, const uint8_t *data, size_t len)
{
    rill_btp_frame frame;
    if (rill_btp_decode(&frame, data, len) != RILL_OK)
        bad(r, RILL_WS_PROTOCOL_ERROR, "sent a malformed BTP frame");
    else
        on_frame(r, &frame);
}

/* False without memory. The reader has a limit for messages. */
static bool keep_part(link *l, const rill_ws_part *part)
{
    size_t need = l->partial_len + part->len;
    if (need > l->partial_room) {
        size_t room = l->partial_room ? 2 * l->partial_room : 1024;
        while (room < need)
            room *= 2;
        uint8_t *grown = realloc(l->partial, room);
        if (!grown)
            return false;
        l->partial = grown;
        l->partial_room = room;
    }
    if (part->len > 0)
        memcpy(l->partial + l->partial_len, part->data, part->len);
    l->partial_len = need;
    return true;
}

static void on_part(reading *r, const rill_ws_part *part)
{
    link *l = r->link;
    if (part->opcode != RILL_WS_BINARY) {
        uint32_t *record = record_add(l->arena, RECORD_CONTROL);
        record[WORD_BTP] = (uint32_t)part->opcode;
        record[WORD_COUNT] = part->opcode == RILL_WS_CLOSE ? rill_ws_close_answer(part) : 0;
        put_part(l->arena, record, WORD_AT, part->data, part->len);
        return;
    }
    if (part->last && l->partial_len == 0) {
        on_message(r, part->data, part->len);
        return;
    }
    if (!keep_part(l, part)) {
        bad(r, RILL_WS_TRY_LATER, rill_strerror(RILL_ERR_NOMEM));
        return;
    }
    if (!part->last)
        return;
    size_t len = l->partial_len;
    l->partial_len = 0;
    on_message(r, l->partial, len);
}

static void put_arrived(reading *r)
{
    while (r->touched) {
        engine *e = r->touched;
        uint32_t *record = record_add(r->link->arena, RECORD_ARRIVED);
        record_put64(record, WORD_ENGINE, e->name);
        record[WORD_COUNT] = e->direct->came;
        e->direct->is_touched = false;
        r->touched = e->direct->touched;
    }
}

/*
 * linkRead(link, bytes, from, engine that takes Prepares, or 0): reads the bytes from that place
 * on, as far as the arena has room for what JavaScript has to look at, and says how far.
 */
napi_value link_read(napi_env env, napi_callback_info info)
{
    link_args in;
    rill_bytes bytes;
    uint64_t from, engine_name;
    if (!get_args(env, info, 3, &in) || !args_bytes(env, in.value[0], &bytes) ||
        !args_u64(env, in.value[1], &from) || !args_u64(env, in.value[2], &engine_name) ||
        !arena_open(env, in.arena))
        return NULL;
    if (from > bytes.len)
        from = bytes.len;
    reading r = {.link = in.link, .incoming = handles_find(&in.arena->engines, engine_name, false)};
    uint32_t *head = in.arena->out;
    memset(head, 0, HEAD_WORDS * sizeof *head);
    if (r.incoming && !direct_of(r.incoming))
        r.incoming = NULL;
    uint8_t *at = (uint8_t *)(uintptr_t)bytes.data + from;
    size_t len = bytes.len - (size_t)from;
    while (len > 0 && has_room(&r)) {
        rill_ws_part part;
        int rc = rill_ws_reader_next(&in.link->reader, &at, &len, &part);
        if (rc == RILL_OK) {
            on_part(&r, &part);
            continue;
        }
        if (rc == RILL_ERR_PROTOCOL && in.link->reader.problem) {
            bad(&r, in.link->reader.code, in.link->reader.problem);
            in.link->reader.problem = NULL;
        }
        len = 0; /* all is taken, or nothing is read any more */
    }
    put_arrived(&r);
    head[HEAD_SLAB] = arena_room(in.arena, SLAB_NEED) == NULL;
    return args_int(env, (int64_t)(bytes.len - len));
}

/* ---- what leaves ---- */

/*
 * linkTake(link, ArrayBuffer or null): how many bytes it has written; from now on it writes to that
 * one, or nothing.
 */
napi_value link_take(napi_env env, napi_callback_info info)
{
    link_args in;
    bool is = false;
    napi_valuetype type;
    if (!get_args(env, info, 1, &in))
        return NULL;
    if (napi_typeof(env, in.value[0], &type) != napi_ok ||
        (type != napi_null && (napi_is_arraybuffer(env, in.value[0], &is) != napi_ok || !is))) {
        wrong(env, "an ArrayBuffer is needed");
        return NULL;
    }
    link *l = in.link;
    size_t len = l->out_len;
    if (l->out)
        napi_delete_reference(env, l->out);
    l->out = NULL;
    l->out_len = 0;
    if (is && napi_create_reference(env, in.value[0], 1, &l->out) != napi_ok)
        wrong(env, "an ArrayBuffer cannot be kept");
    return args_int(env, (int64_t)len);
}

/*
 * linkSend(link, type, id, packet): a BTP frame with this packet; id: of a RESPONSE that of the
 * request, or -1: a new one. The id, or -1: it needs more room.
 */
napi_value link_send(napi_env env, napi_callback_info info)
{
    link_args in;
    uint64_t type;
    int64_t id;
    rill_bytes packet;
    if (!get_args(env, info, 3, &in) || !args_u64(env, in.value[0], &type) ||
        napi_get_value_int64(env, in.value[1], &id) != napi_ok ||
        !args_bytes(env, in.value[2], &packet))
        return NULL;
    link *l = in.link;
    link_view(env, l);
    if (!link_has_room(l, LINK_HEADER_MAX + packet.len))
        return args_int(env, -1);
    uint32_t number = id < 0 ? link_id(l) : (uint32_t)id;
    uint8_t *at = link_packet_room(l);
    if (packet.len > 0)
        memcpy(at, packet.data, packet.len);
    if (link_packet_end(l, (rill_btp_type)type, number, at, packet.len) != RILL_OK) {
        napi_throw_error(env, NULL, rill_strerror(RILL_ERR_CRYPTO));
        return NULL;
    }
    return args_int(env, number);
}

/* linkFrame(link, opcode, bytes): a frame of WebSocket; false: it needs more room */
napi_value link_frame(napi_env env, napi_callback_info info)
{
    link_args in;
    uint64_t opcode;
    rill_bytes bytes;
    napi_value done = NULL;
    if (!get_args(env, info, 2, &in) || !args_u64(env, in.value[0], &opcode) ||
        !args_bytes(env, in.value[1], &bytes))
        return NULL;
    link_view(env, in.link);
    int rc = link_say(in.link, (rill_ws_opcode)(opcode & 15), bytes.data, bytes.len);
    if (rc == RILL_ERR_CRYPTO) {
        napi_throw_error(env, NULL, rill_strerror(rc));
        return NULL;
    }
    napi_get_boolean(env, rc == RILL_OK, &done);
    return done;
}

/* linkId(link): the number of a request that JavaScript makes */
napi_value link_next_id(napi_env env, napi_callback_info info)
{
    link_args in;
    return get_args(env, info, 0, &in) ? args_int(env, link_id(in.link)) : NULL;
}

/* linkFull(link, whether so much waits to be written that no Prepares shall be made) */
napi_value link_set_full(napi_env env, napi_callback_info info)
{
    link_args in;
    if (get_args(env, info, 1, &in))
        (void)args_bool(env, in.value[0], &in.link->full);
    return NULL;
}

/* linkWaiting(link): how many Prepares it has brought to engines that have not answered them */
napi_value link_waiting(napi_env env, napi_callback_info info)
{
    link_args in;
    return get_args(env, info, 0, &in) ? args_int(env, in.link->waiting) : NULL;
}

/* ---- what gets no reply ---- */

static napi_value text_of(napi_env env, const destination *d)
{
    napi_value v = NULL;
    if (d)
        napi_create_string_latin1(env, d->text, d->len, &v);
    else
        napi_get_null(env, &v);
    return v;
}

/*
 * Gives up those that left before this time, in nanoseconds: an array with engine, id and
 * destination (null: a client's) of each, one after the other. Oldest first.
 */
static napi_value give_up(napi_env env, link *l, uint64_t before_ns)
{
    napi_value all = NULL;
    uint32_t count = 0;
    napi_create_array(env, &all);
    for (uint32_t i = 0; i < l->request_room; i++) {
        request *q = &l->requests[(l->next_id + i) & (l->request_room - 1)];
        if (!q->used || q->at_ns >= before_ns)
            continue;
        engine *e = handles_find(&l->arena->engines, q->engine, false);
        if (e && e->direct && e->direct->life == q->life) {
            const queue_entry entry = {.kind = IN_UNANSWERED, .name = q->name};
            (void)queue_add(e, &entry, NULL); /* else it expires */
            napi_set_element(env, all, count++, args_handle(env, q->engine));
            napi_set_element(env, all, count++, args_int(env, q->id));
            napi_set_element(env, all, count++, text_of(env, q->destination));
        }
        link_settle(l, q);
    }
    return all;
}

/* linkClose(link): no reply comes any more; see give_up */
napi_value link_close(napi_env env, napi_callback_info info)
{
    link_args in;
    if (!get_args(env, info, 0, &in))
        return NULL;
    napi_value all = give_up(env, in.link, UINT64_MAX);
    link_free(env, in.link);
    return all;
}

/* linkLate(link, milliseconds): those that have waited for so long; see give_up */
napi_value link_late(napi_env env, napi_callback_info info)
{
    link_args in;
    uint64_t ms;
    if (!get_args(env, info, 1, &in) || !args_u64(env, in.value[0], &ms))
        return NULL;
    uint64_t now = engine_now().mono_ns;
    napi_value all = give_up(env, in.link, now > ms * RILL_MS ? now - ms * RILL_MS : 0);
    link_trim(in.link);
    return all;
}

/* ---- an engine's queue ---- */

/* directPacket(engine, place, length): a Prepare that this turn has taken */
napi_value direct_packet(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t at, len;
    napi_value packet = NULL;
    if (!args_get(env, info, 2, &in) || !args_u64(env, in.value[0], &at) ||
        !args_u64(env, in.value[1], &len))
        return NULL;
    const direct *d = in.engine->direct;
    if (!d || at > d->at || len > d->at - at) {
        wrong(env, "no packet of this turn");
        return NULL;
    }
    napi_create_buffer_copy(env, (size_t)len, d->bytes + at, NULL, &packet);
    return packet;
}

/*
 * directRefuse(engine): [link, id] of the next Prepare that no turn will take; null: there is none.
 * It counts as answered.
 */
napi_value direct_refuse(napi_env env, napi_callback_info info)
{
    args in;
    queue_entry entry;
    napi_value result = NULL;
    if (!args_get(env, info, 0, &in))
        return NULL;
    while (queue_next(in.engine, &entry)) {
        queue_taken(in.engine, &entry);
        link *l = entry.kind == IN_PREPARE ? link_find(in.engine->arena, entry.link) : NULL;
        if (!l)
            continue;
        l->waiting--;
        napi_create_array_with_length(env, 2, &result);
        napi_set_element(env, result, 0, args_handle(env, entry.link));
        napi_set_element(env, result, 1, args_int(env, (int64_t)entry.name));
        return result;
    }
    napi_get_null(env, &result);
    return result;
}

/* directEnd(engine): what is on its way, and what has come, is nobody's any more */
napi_value direct_end(napi_env env, napi_callback_info info)
{
    args in;
    if (!args_get(env, info, 0, &in) || !in.engine->direct)
        return NULL;
    direct *d = in.engine->direct;
    d->life++;
    d->out = 0;
    d->at = d->len;
    queue_trim(in.engine);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ws/ws_frame.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#define FIN         0x80
#define RSV         0x70
#define OPCODE      0x0F
#define MASKED      0x80
#define LENGTH      0x7F
#define LENGTH_IS16 126
#define LENGTH_IS64 127

void rill_ws_reader_init(rill_ws_reader *r, bool from_client, size_t max_message)
{
    *r = (rill_ws_reader){.masked = from_client, .max_message = max_message};
}

/* Sixty-four bytes a round: a length that compilers turn into wide registers. */
void rill_ws_mask(uint8_t *data, size_t len, uint8_t key[4])
{
    uint8_t wide[8];
    uint64_t word;
    uint64_t block[8];
    memcpy(wide, key, 4);
    memcpy(wide + 4, key, 4);
    memcpy(&word, wide, sizeof word);
    size_t i = 0;
    for (; len - i >= sizeof block; i += sizeof block) {
        memcpy(block, data + i, sizeof block);
        for (size_t k = 0; k < 8; k++)
            block[k] ^= word;
        memcpy(data + i, block, sizeof block);
    }
    for (; len - i >= sizeof word; i += sizeof word) {
        memcpy(block, data + i, sizeof word);
        block[0] ^= word;
        memcpy(data + i, block, sizeof word);
    }
    for (; i < len; i++)
        data[i] ^= wide[i % 8];
    for (size_t k = 0; k < 4; k++)
        key[k] = wide[(k + len) % 4];
}

size_t rill_ws_header(uint8_t out[RILL_WS_MAX_HEADER], rill_ws_opcode opcode, size_t len,
                      const uint8_t key[4])
{
    uint8_t masked = key != NULL ? MASKED : 0;
    size_t at = 0;
    out[at++] = (uint8_t)(FIN | opcode);
    if (len < LENGTH_IS16) {
        out[at++] = (uint8_t)(masked | len);
    } else if (len <= UINT16_MAX) {
        out[at++] = (uint8_t)(masked | LENGTH_IS16);
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = (uint8_t)(masked | LENGTH_IS64);
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)len >> shift);
    }
    if (key != NULL) {
        memcpy(out + at, key, 4);
        at += 4;
    }
    return at;
}

uint16_t rill_ws_close_code(const rill_ws_part *part)
{
    if (part->len < 2)
        return 0;
    return (uint16_t)(part->data[0] << 8 | part->data[1]);
}

/* ---- what may not come ---- */

static int refuse(rill_ws_reader *r, uint16_t code, const char *problem)
{
    r->ended = true;
    r->code = code;
    r->problem = problem;
    return RILL_ERR_PROTOCOL;
}

static int malformed(rill_ws_reader *r)
{
    return refuse(r, RILL_WS_PROTOCOL_ERROR, "sent a malformed WebSocket frame");
}

static bool is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

/* By the first two bytes of a header: sections 5.1, 5.2, 5.4, 5.5. */
static int judge_start(rill_ws_reader *r, uint8_t first, uint8_t second)
{
    uint8_t opcode = first & OPCODE;
    uint8_t length = second & LENGTH;
    bool fin = (first & FIN) != 0;
    bool known = opcode <= RILL_WS_BINARY || (opcode >= RILL_WS_CLOSE && opcode <= RILL_WS_PONG);
    if (!known || (first & RSV) != 0 || ((second & MASKED) != 0) != r->masked)
        return malformed(r);
    if (is_control(opcode))
        return fin && length <= RILL_WS_MAX_CONTROL ? RILL_OK : malformed(r);
    if ((opcode == RILL_WS_CONTINUATION) != r->in_message)
        return refuse(r, RILL_WS_PROTOCOL_ERROR, "sent WebSocket fragments out of order");
    if (opcode == RILL_WS_TEXT)
        return refuse(r, RILL_WS_UNSUPPORTED, "sent a text message");
    return RILL_OK;
}

static bool is_continuation_byte(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the UTF-8 character (RFC 3629) at text; 0 where there is none. */
static size_t character_len(const uint8_t *text, size_t left)
{
    uint8_t first = text[0];
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (len == 1)
        return 1;
    if (first < 0xC2 || first > 0xF4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation_byte(text[i]))
            return 0;
    }
    /* Overlong forms, surrogates, beyond U+10FFFF. */
    if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F) ||
        (first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F))
        return 0;
    return len;
}

static bool is_utf8(const uint8_t *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t step = character_len(text + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* Section 7.4: the others never travel. */
static bool may_travel(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code < 5000);
}

uint16_t rill_ws_close_answer(const rill_ws_part *part)
{
    uint16_t code = rill_ws_close_code(part);
    if (part->len == 0)
        return 0;
    if (!may_travel(code))
        return RILL_WS_PROTOCOL_ERROR;
    return is_utf8(part->data + 2, part->len - 2) ? code : RILL_WS_BAD_PAYLOAD;
}

/* ---- reading ---- */

/* How long the header is that begins with these two bytes. */
static size_t header_size(const rill_ws_reader *r, uint8_t second)
{
    uint8_t length = second & LENGTH;
    size_t size = length == LENGTH_IS64 ? 10 : length == LENGTH_IS16 ? 4 : 2;
    return r->masked ? size + 4 : size;
}

/* A whole header, whose first two bytes were accepted. */
static int begin_frame(rill_ws_reader *r, const uint8_t *header, size_t size)
{
    uint64_t len = header[1] & LENGTH;
    size_t count = len == LENGTH_IS64 ? 8 : len == LENGTH_IS16 ? 2 : 0;
    if (count != 0) {
        len = 0;
        for (size_t i = 0; i < count; i++)
            len = len << 8 | header[2 + i];
        /* The shortest form only, and the highest bit is 0. */
        if (len <= (count == 2 ? LENGTH_IS16 - 1 : UINT16_MAX) || len > INT64_MAX)
            return malformed(r);
    }
    uint8_t opcode = header[0] & OPCODE;
    if (!is_control(opcode)) {
        if (len > r->max_message || r->message_len > r->max_message - len)
            return refuse(r, RILL_WS_TOO_BIG, "sent too large a message");
        r->message_len += len;
    }
    if (r->masked)
        memcpy(r->key, header + size - 4, 4);
    r->opcode = opcode;
    r->fin = (header[0] & FIN) != 0;
    r->left = len;
    r->in_frame = true;
    r->header_len = 0;
    return RILL_OK;
}

/* RILL_ERR_BLOCKED: all bytes are taken, and the header goes on. */
static int read_header(rill_ws_reader *r, uint8_t **data, size_t *len)
{
    const uint8_t *header = *data;
    size_t have = *len;
    size_t before = r->header_len;
    if (before != 0 || have < RILL_WS_MAX_HEADER) {
        size_t add = RILL_WS_MAX_HEADER - before;
        if (add > have)
            add = have;
        /* It may be more than the header: what is not of it is not counted. */
        if (add != 0)
            memcpy(r->header + before, *data, add);
        header = r->header;
        have = before + add;
    }
    size_t size = RILL_WS_MAX_HEADER;
    if (have >= 2) {
        size = header_size(r, header[1]);
        /* At once, not when the rest of a wrong header has come; and not twice. */
        int error = before < 2 ? judge_start(r, header[0], header[1]) : RILL_OK;
        if (error != RILL_OK)
            return error;
    }
    bool whole = have >= size;
    size_t used = (whole ? size : have) - before;
    *data += used;
    *len -= used;
    r->header_len = (uint8_t)have;
    return whole ? begin_frame(r, header, size) : RILL_ERR_BLOCKED;
}

static int take_control(rill_ws_reader *r, const uint8_t *payload, size_t take, rill_ws_part *out)
{
    bool in_parts = r->left != 0 || r->control_len != 0;
    if (in_parts && take != 0) {
        assert(take <= sizeof r->control - r->control_len);
        memcpy(r->control + r->control_len, payload, take);
        r->control_len = (uint8_t)(r->control_len + take);
    }
    if (r->left != 0)
        return RILL_ERR_BLOCKED;
    *out = (rill_ws_part){
        .opcode = (rill_ws_opcode)r->opcode,
        .last = true,
        .data = in_parts ? r->control : payload,
        .len = in_parts ? r->control_len : take,
    };
    r->in_frame = false;
    r->control_len = 0;
    r->ended = r->opcode == RILL_WS_CLOSE;
    return RILL_OK;
}

/* RILL_ERR_BLOCKED: no part in these bytes. */
static int take_payload(rill_ws_reader *r, uint8_t **data, size_t *len, rill_ws_part *out)
{
    uint8_t *payload = *data;
    size_t take = *len < r->left ? *len : (size_t)r->left;
    if (r->masked && take != 0)
        rill_ws_mask(payload, take, r->key);
    if (take != 0)
        *data += take;
    *len -= take;
    r->left -= take;
    if (is_control(r->opcode))
        return take_control(r, payload, take, out);
    bool last = r->left == 0 && r->fin;
    if (r->left == 0) {
        r->in_frame = false;
        r->in_message = !r->fin;
        if (r->fin)
            r->message_len = 0;
    }
    *out = (rill_ws_part){.opcode = RILL_WS_BINARY, .last = last, .data = payload, .len = take};
    return last || take != 0 ? RILL_OK : RILL_ERR_BLOCKED;
}

int rill_ws_reader_next(rill_ws_reader *r, uint8_t **data, size_t *len, rill_ws_part *out)
{
    if (r->ended)
        return r->code != 0 ? RILL_ERR_PROTOCOL : RILL_ERR_BLOCKED;
    do {
        if (!r->in_frame) {
            int error = read_header(r, data, len);
            if (error != RILL_OK)
                return error;
        }
        int error = take_payload(r, data, len, out);
        if (error != RILL_ERR_BLOCKED)
            return error;
    } while (*len != 0);
    return RILL_ERR_BLOCKED;
}

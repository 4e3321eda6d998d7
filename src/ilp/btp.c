/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BTP frames (RFC 23): type, request id, then a VarOctetString of the fields of
 * that type and a list of named entries. The number of entries is a VarUInt.
 */
#include <rill/btp.h>
#include <rill/error.h>
#include <string.h>

#include "ilp/oer.h"

enum { CODE_LEN = 3 };

static bool is_known(unsigned type)
{
    return type == RILL_BTP_RESPONSE || type == RILL_BTP_ERROR || type == RILL_BTP_MESSAGE ||
           type == RILL_BTP_TRANSFER;
}

static bool same_name(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* RFC 23 allows each name once, so that no two readers of a frame use different entries. */
static bool is_repeated(const rill_btp_frame *frame, size_t entry)
{
    for (size_t i = 0; i < entry; i++) {
        if (same_name(frame->entries[i].name, frame->entries[entry].name))
            return true;
    }
    return false;
}

static int read_entry(rill_reader *r, rill_btp_entry *out)
{
    int err = rill_oer_read_octets(r, SIZE_MAX, &out->name);
    if (err != RILL_OK)
        return err;
    if (!rill_read_u8(r, &out->content_type))
        return RILL_ERR_TRUNCATED;
    return rill_oer_read_octets(r, SIZE_MAX, &out->data);
}

static int read_entries(rill_reader *r, rill_btp_frame *out)
{
    uint64_t count;
    int err = rill_oer_read_varuint(r, &count);
    if (err == RILL_ERR_RANGE || (err == RILL_OK && count > RILL_BTP_MAX_ENTRIES))
        return RILL_ERR_TOO_LARGE;
    if (err != RILL_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        err = read_entry(r, &out->entries[i]);
        if (err != RILL_OK)
            return err;
        if (is_repeated(out, i))
            return RILL_ERR_MALFORMED;
    }
    out->entry_count = (size_t)count;
    return RILL_OK;
}

static int read_error(rill_reader *r, rill_btp_frame *out)
{
    if (!rill_read_bytes(r, CODE_LEN, &out->code))
        return RILL_ERR_TRUNCATED;
    int err = rill_oer_read_octets(r, SIZE_MAX, &out->name);
    if (err != RILL_OK)
        return err;
    err = rill_oer_read_octets(r, SIZE_MAX, &out->triggered_at);
    if (err != RILL_OK)
        return err;
    return rill_oer_read_octets(r, SIZE_MAX, &out->data);
}

/* Reads type and request id into out, and returns the fields after them. */
static int open_frame(rill_btp_frame *out, const uint8_t *bytes, size_t len, unsigned *type,
                      rill_reader *fields)
{
    if (len > RILL_BTP_MAX_FRAME)
        return RILL_ERR_TOO_LARGE;
    rill_reader r = rill_reader_of(bytes, len);
    uint8_t first;
    if (!rill_read_u8(&r, &first) || !rill_read_u32(&r, &out->request_id))
        return RILL_ERR_TRUNCATED;
    rill_bytes content;
    int err = rill_oer_read_octets(&r, SIZE_MAX, &content);
    if (err != RILL_OK)
        return err;
    *type = first;
    *fields = rill_reader_of(content.data, content.len);
    return RILL_OK;
}

int rill_btp_decode(rill_btp_frame *out, const uint8_t *bytes, size_t len)
{
    /* The entries are set one by one: clearing them all would cost more than decoding. */
    out->amount = 0;
    out->code = out->name = out->triggered_at = out->data = (rill_bytes){NULL, 0};
    out->entry_count = 0;
    unsigned type;
    rill_reader fields;
    int err = open_frame(out, bytes, len, &type, &fields);
    if (err != RILL_OK)
        return err;
    if (!is_known(type))
        return RILL_ERR_UNSUPPORTED;
    out->type = (rill_btp_type)type;
    if (type == RILL_BTP_TRANSFER && !rill_read_u64(&fields, &out->amount))
        return RILL_ERR_TRUNCATED;
    if (type == RILL_BTP_ERROR) {
        err = read_error(&fields, out);
        if (err != RILL_OK)
            return err;
    }
    return read_entries(&fields, out);
}

static size_t octets_size(size_t len)
{
    return rill_oer_length_size(len) + len;
}

static size_t content_size(const rill_btp_frame *in)
{
    size_t size = rill_oer_varuint_size(in->entry_count);
    for (size_t i = 0; i < in->entry_count; i++)
        size += octets_size(in->entries[i].name.len) + 1 + octets_size(in->entries[i].data.len);
    if (in->type == RILL_BTP_TRANSFER)
        size += 8;
    if (in->type == RILL_BTP_ERROR)
        size += in->code.len + octets_size(in->name.len) + octets_size(in->triggered_at.len) +
                octets_size(in->data.len);
    return size;
}

size_t rill_btp_size(const rill_btp_frame *in)
{
    return 1 + 4 + octets_size(content_size(in));
}

static bool is_encodable(const rill_btp_frame *in)
{
    if (!is_known((unsigned)in->type) || in->entry_count > RILL_BTP_MAX_ENTRIES)
        return false;
    if (in->type == RILL_BTP_ERROR && in->code.len != CODE_LEN)
        return false;
    for (size_t i = 0; i < in->entry_count; i++) {
        if (is_repeated(in, i))
            return false;
    }
    return true;
}

int rill_btp_encode(const rill_btp_frame *in, uint8_t *buf, size_t cap, size_t *len)
{
    if (!is_encodable(in))
        return RILL_ERR_INVALID;
    rill_writer w = rill_writer_of(buf, cap);
    rill_write_u8(&w, (uint8_t)in->type);
    rill_write_u32(&w, in->request_id);
    rill_oer_write_length(&w, content_size(in));
    if (in->type == RILL_BTP_TRANSFER)
        rill_write_u64(&w, in->amount);
    if (in->type == RILL_BTP_ERROR) {
        rill_write_bytes(&w, in->code.data, CODE_LEN);
        rill_oer_write_octets(&w, in->name);
        rill_oer_write_octets(&w, in->triggered_at);
        rill_oer_write_octets(&w, in->data);
    }
    rill_oer_write_varuint(&w, in->entry_count);
    for (size_t i = 0; i < in->entry_count; i++) {
        rill_oer_write_octets(&w, in->entries[i].name);
        rill_write_u8(&w, in->entries[i].content_type);
        rill_oer_write_octets(&w, in->entries[i].data);
    }
    if (w.failed)
        return RILL_ERR_BUFFER;
    *len = rill_writer_len(&w);
    return RILL_OK;
}

const rill_btp_entry *rill_btp_find(const rill_btp_frame *frame, const char *name)
{
    rill_bytes wanted = {(const uint8_t *)name, strlen(name)};
    for (size_t i = 0; i < frame->entry_count; i++) {
        if (same_name(frame->entries[i].name, wanted))
            return &frame->entries[i];
    }
    return NULL;
}

size_t rill_btp_ilp_header(rill_btp_type type, uint32_t request_id, size_t packet_len,
                           uint8_t out[RILL_BTP_ILP_HEADER_MAX])
{
    static const uint8_t one_ilp_entry[] = {1, 1, 3, 'i', 'l', 'p', RILL_BTP_OCTET_STREAM};
    rill_writer w = rill_writer_of(out, RILL_BTP_ILP_HEADER_MAX);
    rill_write_u8(&w, (uint8_t)type);
    rill_write_u32(&w, request_id);
    rill_oer_write_length(&w, sizeof(one_ilp_entry) + octets_size(packet_len));
    rill_write_bytes(&w, one_ilp_entry, sizeof(one_ilp_entry));
    rill_oer_write_length(&w, packet_len);
    return rill_writer_len(&w);
}

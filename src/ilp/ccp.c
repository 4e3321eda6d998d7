/* SPDX-License-Identifier: Apache-2.0 */
#include "ilp/ccp.h"

#include <rill/error.h>

#include "ilp/oer.h"

enum { MAX_FEATURE = 255, MAX_PROP = 4096 };

static bool read_fixed(rill_reader *r, uint8_t *out, size_t len)
{
    rill_bytes bytes;
    if (!rill_read_bytes(r, len, &bytes))
        return false;
    memcpy(out, bytes.data, len);
    return true;
}

/* ---- control ---- */

int rill_ccp_control_decode(rill_ccp_control *out, rill_bytes data)
{
    rill_reader r = rill_reader_of(data.data, data.len);
    uint8_t mode = 0;
    uint64_t features = 0;
    if (!rill_read_u8(&r, &mode) || !read_fixed(&r, out->table, sizeof out->table) ||
        !rill_read_u32(&r, &out->epoch))
        return RILL_ERR_TRUNCATED;
    if (mode > RILL_CCP_SYNC)
        return RILL_ERR_MALFORMED;
    out->mode = (rill_ccp_mode)mode;
    int rc = rill_oer_read_varuint(&r, &features);
    for (uint64_t i = 0; i < features && rc == RILL_OK; i++) {
        rill_bytes feature;
        rc = rill_oer_read_octets(&r, MAX_FEATURE, &feature);
    }
    return rc;
}

int rill_ccp_control_encode(const rill_ccp_control *control, uint8_t *buf, size_t cap, size_t *len)
{
    rill_writer w = rill_writer_of(buf, cap);
    rill_write_u8(&w, (uint8_t)control->mode);
    rill_write_bytes(&w, control->table, sizeof control->table);
    rill_write_u32(&w, control->epoch);
    rill_oer_write_varuint(&w, 0);
    *len = rill_writer_len(&w);
    return w.failed ? RILL_ERR_BUFFER : RILL_OK;
}

/* ---- updates: reading ---- */

/* The empty prefix is that of everything. */
static int read_prefix(rill_reader *r, rill_bytes *out)
{
    int rc = rill_oer_read_octets(r, RILL_ILP_MAX_ADDRESS, out);
    if (rc == RILL_OK && out->len > 0 && !rill_address_prefix_valid(*out))
        rc = RILL_ERR_ADDRESS;
    return rc;
}

static int read_hop(rill_reader *r, rill_bytes *out)
{
    int rc = rill_oer_read_octets(r, RILL_ILP_MAX_ADDRESS, out);
    return rc == RILL_OK && !rill_address_valid(*out) ? RILL_ERR_ADDRESS : rc;
}

/* What r has passed since `start`. */
static rill_bytes passed(const rill_reader *r, const uint8_t *start)
{
    return (rill_bytes){start, (size_t)(r->at - start)};
}

/* A property: what it says is for those who know it. */
static int pass_prop(rill_reader *r)
{
    uint8_t meta;
    rill_bytes id;
    rill_bytes value;
    if (!rill_read_u8(r, &meta) || !rill_read_bytes(r, 2, &id))
        return RILL_ERR_TRUNCATED;
    return rill_oer_read_octets(r, MAX_PROP, &value);
}

static int read_route(rill_reader *r, rill_ccp_route *out)
{
    uint64_t hops = 0;
    rill_bytes ignored;
    int rc = read_prefix(r, &out->prefix);
    if (rc == RILL_OK)
        rc = rill_oer_read_varuint(r, &hops);
    if (rc == RILL_OK && hops > RILL_CCP_MAX_PATH)
        rc = RILL_ERR_TOO_LARGE;
    out->hops = (size_t)hops;
    const uint8_t *start = r->at;
    for (uint64_t i = 0; i < hops && rc == RILL_OK; i++)
        rc = read_hop(r, &ignored);
    out->path = passed(r, start);
    if (rc == RILL_OK && !rill_read_bytes(r, RILL_CCP_AUTH_LEN, &ignored))
        rc = RILL_ERR_TRUNCATED;
    if (rc != RILL_OK)
        return rc;
    out->auth = ignored.data;
    rc = rill_oer_read_varuint(r, &out->prop_count);
    start = r->at;
    for (uint64_t i = 0; rc == RILL_OK && i < out->prop_count; i++)
        rc = pass_prop(r);
    out->props = passed(r, start);
    return rc;
}

static int read_header(rill_reader *r, rill_ccp_update *out)
{
    if (!read_fixed(r, out->table, sizeof out->table) || !rill_read_u32(r, &out->current_epoch) ||
        !rill_read_u32(r, &out->from_epoch) || !rill_read_u32(r, &out->to_epoch) ||
        !rill_read_u32(r, &out->hold_down_ms))
        return RILL_ERR_TRUNCATED;
    if (out->from_epoch > out->to_epoch)
        return RILL_ERR_MALFORMED;
    return read_hop(r, &out->speaker);
}

int rill_ccp_update_decode(rill_ccp_update *out, rill_bytes data)
{
    rill_reader r = rill_reader_of(data.data, data.len);
    rill_ccp_route route;
    rill_bytes prefix;
    int rc = read_header(&r, out);
    if (rc == RILL_OK)
        rc = rill_oer_read_varuint(&r, &out->route_count);
    const uint8_t *start = r.at;
    for (uint64_t i = 0; rc == RILL_OK && i < out->route_count; i++)
        rc = read_route(&r, &route);
    out->routes = passed(&r, start);
    if (rc == RILL_OK)
        rc = rill_oer_read_varuint(&r, &out->withdrawn_count);
    start = r.at;
    for (uint64_t i = 0; rc == RILL_OK && i < out->withdrawn_count; i++)
        rc = read_prefix(&r, &prefix);
    out->withdrawn = passed(&r, start);
    return rc;
}

bool rill_ccp_next_route(rill_reader *routes, rill_ccp_route *out)
{
    return rill_reader_left(routes) > 0 && read_route(routes, out) == RILL_OK;
}

bool rill_ccp_next_address(rill_reader *addresses, rill_bytes *out)
{
    return rill_reader_left(addresses) > 0 &&
           rill_oer_read_octets(addresses, RILL_ILP_MAX_ADDRESS, out) == RILL_OK;
}

/* ---- updates: writing ---- */

void rill_ccp_update_begin(rill_writer *w, const rill_ccp_update *update)
{
    rill_write_bytes(w, update->table, sizeof update->table);
    rill_write_u32(w, update->current_epoch);
    rill_write_u32(w, update->from_epoch);
    rill_write_u32(w, update->to_epoch);
    rill_write_u32(w, update->hold_down_ms);
    rill_oer_write_octets(w, update->speaker);
    rill_oer_write_varuint(w, update->route_count);
}

void rill_ccp_put_route(rill_writer *w, rill_bytes first, const rill_ccp_route *route)
{
    rill_oer_write_octets(w, route->prefix);
    rill_oer_write_varuint(w, route->hops + (first.len > 0 ? 1 : 0));
    if (first.len > 0)
        rill_oer_write_octets(w, first);
    rill_write_bytes(w, route->path.data, route->path.len);
    rill_write_bytes(w, route->auth, RILL_CCP_AUTH_LEN);
    rill_oer_write_varuint(w, route->prop_count);
    rill_write_bytes(w, route->props.data, route->props.len);
}

void rill_ccp_begin_withdrawn(rill_writer *w, uint64_t count)
{
    rill_oer_write_varuint(w, count);
}

void rill_ccp_put_withdrawn(rill_writer *w, rill_bytes prefix)
{
    rill_oer_write_octets(w, prefix);
}

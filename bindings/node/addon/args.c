/* SPDX-License-Identifier: Apache-2.0 */
/* What JavaScript passes. The files of lib/ check what their users pass; this is the last word. */
#include <string.h>

#include "addon.h"

const napi_type_tag engine_tag = {0x72696c6c2d6e6f64, 0x652d656e67696e65};

static bool wrong(napi_env env, const char *text)
{
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
        napi_throw_type_error(env, NULL, text);
    return false;
}

bool args_get(napi_env env, napi_callback_info info, size_t least, args *out)
{
    napi_value self;
    bool tagged = false;
    void *data = NULL;
    *out = (args){.env = env, .count = MAX_ARGS};
    if (napi_get_cb_info(env, info, &out->count, out->value, &self, NULL) != napi_ok)
        return wrong(env, "arguments could not be read");
    if (napi_check_object_type_tag(env, self, &engine_tag, &tagged) != napi_ok || !tagged ||
        napi_unwrap(env, self, &data) != napi_ok)
        return wrong(env, "not an engine");
    out->engine = data;
    if (!out->engine->endpoint)
        return wrong(env, "the engine was freed");
    return out->count >= least ? true : wrong(env, "more arguments are needed");
}

bool args_u64(napi_env env, napi_value v, uint64_t *out)
{
    napi_valuetype type;
    bool lossless = false;
    double number;
    if (napi_typeof(env, v, &type) != napi_ok)
        return wrong(env, "a number is needed");
    if (type == napi_bigint) {
        if (napi_get_value_bigint_uint64(env, v, out, &lossless) != napi_ok || !lossless)
            return wrong(env, "the number is negative, or more than 2^64 - 1");
        return true;
    }
    if (type != napi_number || napi_get_value_double(env, v, &number) != napi_ok ||
        !(number >= 0 && number <= 9007199254740992.0) || number != (double)(uint64_t)number)
        return wrong(env, "a whole number is needed");
    *out = (uint64_t)number;
    return true;
}

bool args_bytes(napi_env env, napi_value v, rill_bytes *out)
{
    bool is = false;
    void *data = NULL;
    size_t len = 0;
    if (napi_is_buffer(env, v, &is) != napi_ok || !is ||
        napi_get_buffer_info(env, v, &data, &len) != napi_ok)
        return wrong(env, "a Buffer is needed");
    *out = (rill_bytes){data, data ? len : 0};
    return true;
}

bool args_text(napi_env env, napi_value v, char *out, size_t room)
{
    size_t len = 0;
    if (napi_get_value_string_utf8(env, v, NULL, 0, &len) != napi_ok)
        return wrong(env, "a string is needed");
    if (len >= room)
        return wrong(env, "the string is too long");
    if (napi_get_value_string_utf8(env, v, out, room, &len) != napi_ok)
        return wrong(env, "a string is needed");
    return memchr(out, '\0', len) ? wrong(env, "the string has a zero byte") : true;
}

bool args_bool(napi_env env, napi_value v, bool *out)
{
    return napi_get_value_bool(env, v, out) == napi_ok ? true : wrong(env, "a boolean is needed");
}

static uint64_t handle(const args *a, size_t index)
{
    uint64_t name;
    double number;
    if (index >= a->count || napi_get_value_double(a->env, a->value[index], &number) != napi_ok ||
        !(number >= 0 && number <= 9007199254740992.0))
        return 0;
    name = (uint64_t)number;
    return name;
}

rill_connection *args_connection(const args *a, size_t index)
{
    return handles_find(&a->engine->handles, handle(a, index), false);
}

rill_stream *args_stream(const args *a, size_t index)
{
    return handles_find(&a->engine->handles, handle(a, index), true);
}

napi_value args_int(napi_env env, int64_t value)
{
    napi_value v = NULL;
    napi_create_int64(env, value, &v);
    return v;
}

napi_value args_handle(napi_env env, uint64_t value)
{
    napi_value v = NULL;
    napi_create_double(env, (double)value, &v);
    return v;
}

/* ---- options ---- */

static bool number(napi_env env, napi_value object, const char *name, uint64_t most, uint64_t *out)
{
    napi_value v;
    napi_valuetype type;
    if (napi_get_named_property(env, object, name, &v) != napi_ok ||
        napi_typeof(env, v, &type) != napi_ok)
        return wrong(env, name);
    if (type == napi_undefined)
        return true;
    if (!args_u64(env, v, out))
        return false;
    return *out <= most ? true : wrong(env, name);
}

static bool number32(napi_env env, napi_value object, const char *name, uint32_t *out)
{
    uint64_t wide = *out;
    if (!number(env, object, name, UINT32_MAX, &wide))
        return false;
    *out = (uint32_t)wide;
    return true;
}

static bool flag(napi_env env, napi_value object, const char *name, bool *out)
{
    uint64_t value = *out;
    if (!number(env, object, name, 1, &value))
        return false;
    *out = value == 1;
    return true;
}

/* Members have the names of the C struct; those that are not there keep their default. */
bool args_options(napi_env env, napi_value v, rill_connection_options *out)
{
    napi_valuetype type;
    rill_connection_options_init(out);
    if (napi_typeof(env, v, &type) != napi_ok || type != napi_object)
        return wrong(env, "options are needed");
    return number(env, v, "default_receive_max", UINT64_MAX, &out->default_receive_max) &&
           number(env, v, "max_packet_amount", UINT64_MAX, &out->max_packet_amount) &&
           number(env, v, "min_rate_num", UINT64_MAX, &out->min_rate.num) &&
           number(env, v, "min_rate_den", UINT64_MAX, &out->min_rate.den) &&
           number(env, v, "slippage_num", UINT64_MAX, &out->slippage.num) &&
           number(env, v, "slippage_den", UINT64_MAX, &out->slippage.den) &&
           number32(env, v, "stream_receive_buffer", &out->stream_receive_buffer) &&
           number32(env, v, "connection_receive_buffer", &out->connection_receive_buffer) &&
           number32(env, v, "max_stream_receive_buffer", &out->max_stream_receive_buffer) &&
           number32(env, v, "max_connection_receive_buffer", &out->max_connection_receive_buffer) &&
           number32(env, v, "stream_send_buffer", &out->stream_send_buffer) &&
           number32(env, v, "max_remote_streams", &out->max_remote_streams) &&
           number32(env, v, "max_in_flight", &out->max_in_flight) &&
           number32(env, v, "max_undecided", &out->max_undecided) &&
           number(env, v, "idle_timeout_ns", UINT64_MAX, &out->idle_timeout_ns) &&
           number(env, v, "packet_lifetime_ns", UINT64_MAX, &out->packet_lifetime_ns) &&
           number(env, v, "connect_timeout_ns", UINT64_MAX, &out->connect_timeout_ns) &&
           number(env, v, "flags", UINT64_MAX, &out->flags) &&
           flag(env, v, "padding", &out->padding) &&
           flag(env, v, "tell_address", &out->tell_address) &&
           flag(env, v, "ask_before_fulfill", &out->ask_before_fulfill) &&
           flag(env, v, "keep_alive", &out->keep_alive);
}

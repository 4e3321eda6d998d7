/* SPDX-License-Identifier: Apache-2.0 */
/* What JavaScript passes. The files of lib/ check what their users pass; this is the last word. */
#include <string.h>

#include "addon.h"

static bool wrong(napi_env env, const char *text)
{
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
        napi_throw_type_error(env, NULL, text);
    return false;
}

/* 0: it is the name of nothing. */
static uint64_t name_in(napi_env env, napi_value v)
{
    double number;
    if (napi_get_value_double(env, v, &number) != napi_ok ||
        !(number >= 0 && number <= 9007199254740992.0))
        return 0;
    return (uint64_t)number;
}

bool args_get(napi_env env, napi_callback_info info, size_t least, args *out)
{
    napi_value all[1 + MAX_ARGS];
    size_t count = sizeof all / sizeof all[0];
    void *data = NULL;
    *out = (args){.env = env};
    if (napi_get_cb_info(env, info, &count, all, NULL, NULL) != napi_ok ||
        napi_get_instance_data(env, &data) != napi_ok || !data)
        return wrong(env, "arguments could not be read");
    const arena *a = data;
    out->engine = count > 0 ? handles_find(&a->engines, name_in(env, all[0]), false) : NULL;
    if (!out->engine)
        return wrong(env, "not an engine, or one that was freed");
    out->count = count - 1 < MAX_ARGS ? count - 1 : MAX_ARGS;
    memcpy(out->value, all + 1, sizeof out->value);
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
    return index < a->count ? name_in(a->env, a->value[index]) : 0;
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

/* What each of the numbers is; lib/options.js has the same order. */
enum option {
    OPTION_GIVEN = 0, /* a bit for each of the others */
    OPTION_DEFAULT_RECEIVE_MAX,
    OPTION_MAX_PACKET_AMOUNT,
    OPTION_MIN_RATE_NUM,
    OPTION_MIN_RATE_DEN,
    OPTION_SLIPPAGE_NUM,
    OPTION_SLIPPAGE_DEN,
    OPTION_IDLE_TIMEOUT_NS,
    OPTION_PACKET_LIFETIME_NS,
    OPTION_FLAGS,
    OPTION_STREAM_RECEIVE_BUFFER,
    OPTION_CONNECTION_RECEIVE_BUFFER,
    OPTION_MAX_CONNECTION_RECEIVE_BUFFER,
    OPTION_STREAM_SEND_BUFFER,
    OPTION_MAX_REMOTE_STREAMS,
    OPTION_MAX_IN_FLIGHT,
    OPTION_PADDING,
    OPTION_TELL_ADDRESS,
    OPTION_ASK_BEFORE_FULFILL,
    OPTION_KEEP_ALIVE
};

static void number(const uint64_t *all, enum option which, uint64_t *out)
{
    if (all[OPTION_GIVEN] >> which & 1)
        *out = all[which];
}

/* What is too much stays so, and is refused with all that is wrong (rill_connection_options_check).
 */
static void number32(const uint64_t *all, enum option which, uint32_t *out)
{
    if (all[OPTION_GIVEN] >> which & 1)
        *out = all[which] < UINT32_MAX ? (uint32_t)all[which] : UINT32_MAX;
}

static void flag(const uint64_t *all, enum option which, bool *out)
{
    if (all[OPTION_GIVEN] >> which & 1)
        *out = all[which] != 0;
}

bool args_options(napi_env env, napi_value v, arena *a, rill_connection_options *out)
{
    napi_valuetype type;
    rill_connection_options_init(out);
    if (napi_typeof(env, v, &type) != napi_ok || (type != napi_null && type != napi_boolean))
        return wrong(env, "options are needed");
    if (type == napi_null)
        return true;
    if (!arena_open(env, a))
        return false;
    const uint64_t *all = a->stats;
    number(all, OPTION_DEFAULT_RECEIVE_MAX, &out->default_receive_max);
    number(all, OPTION_MAX_PACKET_AMOUNT, &out->max_packet_amount);
    number(all, OPTION_MIN_RATE_NUM, &out->min_rate.num);
    number(all, OPTION_MIN_RATE_DEN, &out->min_rate.den);
    number(all, OPTION_SLIPPAGE_NUM, &out->slippage.num);
    number(all, OPTION_SLIPPAGE_DEN, &out->slippage.den);
    number(all, OPTION_IDLE_TIMEOUT_NS, &out->idle_timeout_ns);
    number(all, OPTION_PACKET_LIFETIME_NS, &out->packet_lifetime_ns);
    number(all, OPTION_FLAGS, &out->flags);
    number32(all, OPTION_STREAM_RECEIVE_BUFFER, &out->stream_receive_buffer);
    number32(all, OPTION_CONNECTION_RECEIVE_BUFFER, &out->connection_receive_buffer);
    number32(all, OPTION_MAX_CONNECTION_RECEIVE_BUFFER, &out->max_connection_receive_buffer);
    number32(all, OPTION_STREAM_SEND_BUFFER, &out->stream_send_buffer);
    number32(all, OPTION_MAX_REMOTE_STREAMS, &out->max_remote_streams);
    number32(all, OPTION_MAX_IN_FLIGHT, &out->max_in_flight);
    flag(all, OPTION_PADDING, &out->padding);
    flag(all, OPTION_TELL_ADDRESS, &out->tell_address);
    flag(all, OPTION_ASK_BEFORE_FULFILL, &out->ask_before_fulfill);
    flag(all, OPTION_KEEP_ALIVE, &out->keep_alive);
    return true;
}

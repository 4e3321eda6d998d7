/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an application asks of connections and streams. Each function's first argument is the name
 * of the engine, and is not mentioned where the others are.
 *
 * Over 600 lines: a function for each question that JavaScript asks, each short, and their table.
 */
#include <stdlib.h>
#include <string.h>

#include "link.h"

static uint64_t name_of(engine *e, void *object, void *user, bool stream)
{
    uint64_t name = (uint64_t)(uintptr_t)user;
    return name ? name : handles_add(&e->handles, object, stream);
}

uint64_t engine_connection(engine *e, rill_connection *c)
{
    uint64_t name = name_of(e, c, rill_connection_user(c), false);
    rill_connection_set_user(c, (void *)(uintptr_t)name);
    return name;
}

uint64_t engine_stream(engine *e, rill_stream *s)
{
    uint64_t name = name_of(e, s, rill_stream_user(s), true);
    rill_stream_set_user(s, (void *)(uintptr_t)name);
    return name;
}

/* As lib/engine.js reads them. */
void engine_write_stats(const rill_connection *c, uint64_t numbers[STATS_NUMBERS])
{
    rill_connection_stats s;
    rill_connection_get_stats(c, &s);
    const uint64_t all[STATS_NUMBERS] = {
        s.sent,         s.in_flight,         s.in_doubt,          s.delivered,
        s.received,     s.packets_sent,      s.packets_fulfilled, s.packets_rejected,
        s.packets_lost, s.packets_received,  s.packets_refused,   s.packets_in_flight,
        s.window,       s.max_packet_amount, s.rate.num,          s.rate.den,
        s.min_rate.num, s.min_rate.den,      s.round_trip_ns,     s.ended_another,
    };
    memcpy(numbers, all, sizeof all);
}

static rill_now read_clock(void *user)
{
    (void)user;
    return engine_now();
}

void engine_free(engine *e)
{
    rill_endpoint_free(e->endpoint);
    handles_free(&e->handles);
    direct_free(e);
    free(e);
}

static napi_value fail(napi_env env, const char *text)
{
    napi_throw_error(env, NULL, text);
    return NULL;
}

/* An engine with a name; NULL without memory. */
static engine *name_engine(arena *a)
{
    engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->arena = a;
    e->name = handles_add(&a->engines, e, false);
    if (e->name != 0)
        return e;
    free(e);
    return NULL;
}

static void drop_engine(engine *e)
{
    handles_remove(&e->arena->engines, e->name);
    engine_free(e);
}

/* open(secret of a server or null, whether it accepts, whether there are options, or null): its
 * name */
static napi_value engine_open(napi_env env, napi_callback_info info)
{
    napi_value argv[3];
    napi_valuetype type;
    size_t argc = 3;
    void *data = NULL;
    rill_bytes secret = {NULL, 0};
    rill_connection_options connection;
    rill_endpoint_options options;
    rill_endpoint_options_init(&options);
    if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc < 3 ||
        napi_typeof(env, argv[0], &type) != napi_ok ||
        napi_get_instance_data(env, &data) != napi_ok || !data)
        return fail(env, "an engine needs three arguments");
    if ((type != napi_null && !args_bytes(env, argv[0], &secret)) ||
        !args_bool(env, argv[1], &options.accept) || !args_options(env, argv[2], data, &connection))
        return NULL;
    if (secret.data && secret.len != RILL_SHARED_SECRET_LEN)
        return fail(env, "serverSecret must be 32 bytes");
    const char *problem = NULL;
    if (rill_connection_options_check(&connection, &problem) != RILL_OK)
        return fail(env, problem);
    options.server_secret = secret.data;
    options.connection = &connection;
    options.clock = read_clock;
    engine *e = name_engine(data);
    if (!e)
        return fail(env, rill_strerror(RILL_ERR_NOMEM));
    e->accepts = options.accept;
    int rc = arena_shared(e->arena, &options.shared);
    if (rc == RILL_OK)
        rc = rill_endpoint_new(&e->endpoint, &options);
    if (rc != RILL_OK) {
        drop_engine(e);
        return fail(env, rill_strerror(rc));
    }
    return args_handle(env, e->name);
}

/* free(engine) */
static napi_value engine_close(napi_env env, napi_callback_info info)
{
    args in;
    if (args_get(env, info, 0, &in))
        drop_engine(in.engine);
    return NULL;
}

/* count(): how many engines there are. Not of an engine. */
static napi_value engine_count(napi_env env, napi_callback_info info)
{
    void *data = NULL;
    (void)info;
    if (napi_get_instance_data(env, &data) != napi_ok || !data)
        return NULL;
    return args_int(env, ((const arena *)data)->engines.live);
}

/* unused(engine): whether none of its connections and streams is left, so that it can serve another
 */
static napi_value unused(napi_env env, napi_callback_info info)
{
    args in;
    napi_value result = NULL;
    if (args_get(env, info, 0, &in))
        napi_get_boolean(env, in.engine->handles.live == 0, &result);
    return result;
}

/* account(address, asset code, asset scale) */
static napi_value account(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t scale;
    char address[RILL_ILP_MAX_ADDRESS + 2];
    char code[256];
    if (!args_get(env, info, 3, &in) || !args_text(env, in.value[0], address, sizeof address) ||
        !args_text(env, in.value[1], code, sizeof code) || !args_u64(env, in.value[2], &scale))
        return NULL;
    if (scale > UINT8_MAX)
        return args_int(env, RILL_ERR_RANGE);
    const rill_bytes a = {(const uint8_t *)address, strlen(address)};
    const rill_bytes c = {(const uint8_t *)code, strlen(code)};
    return args_int(env, rill_endpoint_set_account(in.engine->endpoint, a, c, (uint8_t)scale));
}

static bool optional_bytes(napi_env env, napi_value v, size_t len, const uint8_t **out)
{
    napi_valuetype type;
    rill_bytes bytes;
    *out = NULL;
    if (napi_typeof(env, v, &type) == napi_ok && type == napi_null)
        return true;
    if (!args_bytes(env, v, &bytes))
        return false;
    if (bytes.len != len) {
        napi_throw_type_error(env, NULL, "a Buffer has not the length that is needed");
        return false;
    }
    *out = bytes.data;
    return true;
}

static napi_value text(napi_env env, const char *s)
{
    napi_value v = NULL;
    napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
    return v;
}

/* generate(tag, nonce or null, secret or null): {address, secret}, or a number: the error */
static napi_value generate(napi_env env, napi_callback_info info)
{
    args in;
    char tag[RILL_MAX_TAG + 1];
    rill_credentials credentials;
    rill_credentials_options options;
    rill_credentials_options_init(&options);
    if (!args_get(env, info, 3, &in) || !args_text(env, in.value[0], tag, sizeof tag) ||
        !optional_bytes(env, in.value[1], RILL_RECEIPT_NONCE_LEN, &options.receipt_nonce) ||
        !optional_bytes(env, in.value[2], RILL_RECEIPT_SECRET_LEN, &options.receipt_secret))
        return NULL;
    options.tag = tag[0] ? tag : NULL;
    int rc = rill_endpoint_generate_credentials(in.engine->endpoint, &options, &credentials);
    if (rc != RILL_OK)
        return args_int(env, rc);
    napi_value result = NULL, secret = NULL;
    napi_create_object(env, &result);
    napi_create_buffer_copy(env, sizeof credentials.shared_secret, credentials.shared_secret, NULL,
                            &secret);
    napi_set_named_property(env, result, "address", text(env, credentials.destination_account));
    napi_set_named_property(env, result, "secret", secret);
    rill_credentials_wipe(&credentials);
    return result;
}

/* connect(address, secret, whether there are options, or null): the connection's name, or a
 * negative error */
static napi_value connect_to(napi_env env, napi_callback_info info)
{
    args in;
    char address[RILL_ILP_MAX_ADDRESS + 2];
    rill_bytes secret;
    rill_connection_options options;
    rill_connection *c;
    if (!args_get(env, info, 3, &in) || !args_text(env, in.value[0], address, sizeof address) ||
        !args_bytes(env, in.value[1], &secret) ||
        !args_options(env, in.value[2], in.engine->arena, &options))
        return NULL;
    const char *problem = NULL;
    if (rill_connection_options_check(&options, &problem) != RILL_OK)
        return fail(env, problem);
    int rc = rill_endpoint_connect(in.engine->endpoint, engine_now(), address, secret.data,
                                   secret.len, &options, &c);
    if (rc != RILL_OK)
        return args_int(env, rc);
    uint64_t name = engine_connection(in.engine, c);
    if (name == 0) {
        rill_connection_abandon(c, RILL_ERR_NOMEM);
        return args_int(env, RILL_ERR_NOMEM);
    }
    return args_handle(env, name);
}

/* probe(connection, amount): what the path makes of our money, before there is any */
static napi_value probe(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t amount;
    if (!args_get(env, info, 2, &in) || !args_u64(env, in.value[1], &amount))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    return args_int(env, c ? rill_connection_probe(c, amount) : RILL_ERR_CLOSED);
}

/* ---- a connection ---- */

/* openStream(connection): its name, and its id in the first number of the arena; or a negative
 * error */
static napi_value open_stream(napi_env env, napi_callback_info info)
{
    args in;
    rill_stream *s;
    if (!args_get(env, info, 1, &in) || !arena_open(env, in.engine->arena))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    int rc = c ? rill_connection_open_stream(c, &s) : RILL_ERR_CLOSED;
    if (rc != RILL_OK)
        return args_int(env, rc);
    uint64_t name = engine_stream(in.engine, s);
    if (name == 0) {
        rill_stream_close(s, RILL_CLOSE_INTERNAL_ERROR, NULL);
        return args_int(env, RILL_ERR_NOMEM);
    }
    in.engine->arena->stats[0] = rill_stream_id(s);
    return args_handle(env, name);
}

/* endConnection(connection) */
static napi_value end_connection(napi_env env, napi_callback_info info)
{
    args in;
    if (!args_get(env, info, 1, &in))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    return args_int(env, c ? rill_connection_end(c) : RILL_ERR_CLOSED);
}

static bool close_reason(const args *in, rill_close_code *code, char *message, size_t room)
{
    uint64_t number;
    if (!args_u64(in->env, in->value[1], &number) ||
        !args_text(in->env, in->value[2], message, room))
        return false;
    *code = number > UINT8_MAX ? RILL_CLOSE_INTERNAL_ERROR : (rill_close_code)number;
    return true;
}

#define MESSAGE_ROOM 256

/* closeConnection(connection, code, message) */
static napi_value close_connection(napi_env env, napi_callback_info info)
{
    args in;
    rill_close_code code;
    char message[MESSAGE_ROOM];
    if (!args_get(env, info, 3, &in) || !close_reason(&in, &code, message, sizeof message))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    if (c)
        rill_connection_close(c, code, message[0] ? message : NULL);
    return NULL;
}

/* abandon(connection, error) */
static napi_value abandon(napi_env env, napi_callback_info info)
{
    args in;
    int32_t error;
    if (!args_get(env, info, 2, &in) || napi_get_value_int32(env, in.value[1], &error) != napi_ok)
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    if (c && error < 0)
        rill_connection_abandon(c, error);
    return NULL;
}

/* stats(connection): fills the numbers of the arena; false: it is gone */
static napi_value stats(napi_env env, napi_callback_info info)
{
    args in;
    napi_value found = NULL;
    if (!args_get(env, info, 1, &in) || !arena_open(env, in.engine->arena))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    if (c)
        engine_write_stats(c, in.engine->arena->stats);
    napi_get_boolean(env, c != NULL, &found);
    return found;
}

/* remote(connection): [address, asset code or null, scale, tag], or null: it is gone */
static napi_value remote(napi_env env, napi_callback_info info)
{
    args in;
    napi_value result = NULL, none = NULL;
    const char *code = NULL;
    uint8_t scale = 0;
    if (!args_get(env, info, 1, &in))
        return NULL;
    napi_get_null(env, &none);
    rill_connection *c = args_connection(&in, 0);
    if (!c)
        return none;
    bool known = rill_connection_remote_asset(c, &code, &scale);
    napi_create_array_with_length(env, 4, &result);
    napi_set_element(env, result, 0, text(env, rill_connection_remote_address(c)));
    napi_set_element(env, result, 1, known ? text(env, code) : none);
    napi_set_element(env, result, 2, args_int(env, scale));
    napi_set_element(env, result, 3, text(env, rill_connection_tag(c)));
    return result;
}

/* tag(connection): '' where it has none, or is gone */
static napi_value tag(napi_env env, napi_callback_info info)
{
    args in;
    if (!args_get(env, info, 1, &in))
        return NULL;
    const rill_connection *c = args_connection(&in, 0);
    return text(env, c ? rill_connection_tag(c) : "");
}

/* waiting(connection): [reason, text], or null: it is gone */
static napi_value waiting(napi_env env, napi_callback_info info)
{
    args in;
    napi_value result = NULL;
    rill_waiting w;
    if (!args_get(env, info, 1, &in))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    if (!c) {
        napi_get_null(env, &result);
        return result;
    }
    rill_connection_get_waiting(c, &w);
    napi_create_array_with_length(env, 2, &result);
    napi_set_element(env, result, 0, text(env, rill_wait_name(w.reason)));
    napi_set_element(env, result, 1, text(env, w.text));
    return result;
}

/* Reasons to wait in which nothing of ours is on its way, or will be without something new. */
static bool is_quiet(rill_wait reason)
{
    switch (reason) {
    case RILL_WAIT_NOTHING:
    case RILL_WAIT_INPUT:
    case RILL_WAIT_READER:
    case RILL_WAIT_RECEIVE_MAX:
    case RILL_WAIT_DATA_WINDOW:
    case RILL_WAIT_STREAM_ID:
    case RILL_WAIT_DECISION:
    case RILL_WAIT_MINIMUM:
        return true;
    default:
        return false;
    }
}

static bool is_so(const rill_connection *c, uint64_t state)
{
    rill_connection_stats s;
    rill_waiting w;
    switch (state) {
    case STATE_QUIET:
        rill_connection_get_waiting(c, &w);
        return is_quiet(w.reason);
    case STATE_REACHABLE:
        return rill_connection_remote_address(c)[0] != '\0';
    case STATE_RATE_KNOWN:
    case STATE_OUT:
        rill_connection_get_stats(c, &s);
        return state == STATE_OUT ? s.packets_in_flight > 0 : s.min_rate.num > 0;
    default:
        return false;
    }
}

/* is(connection, one of connection_state); what is gone is quiet */
static napi_value is(napi_env env, napi_callback_info info)
{
    args in;
    uint64_t state;
    napi_value result = NULL;
    if (!args_get(env, info, 2, &in) || !args_u64(env, in.value[1], &state))
        return NULL;
    const rill_connection *c = args_connection(&in, 0);
    napi_get_boolean(env, c ? is_so(c, state) : state == STATE_QUIET, &result);
    return result;
}

/* setMinRate(connection, num, den) */
static napi_value set_min_rate(napi_env env, napi_callback_info info)
{
    args in;
    rill_ratio rate;
    if (!args_get(env, info, 3, &in) || !args_u64(env, in.value[1], &rate.num) ||
        !args_u64(env, in.value[2], &rate.den))
        return NULL;
    rill_connection *c = args_connection(&in, 0);
    return args_int(env, c ? rill_connection_set_min_rate(c, rate) : RILL_ERR_CLOSED);
}

/* ---- a stream ---- */

typedef int amount_setter(rill_stream *s, uint64_t amount);

static napi_value set_amount(napi_env env, napi_callback_info info, amount_setter *set)
{
    args in;
    uint64_t amount;
    if (!args_get(env, info, 2, &in) || !args_u64(env, in.value[1], &amount))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    return args_int(env, s ? set(s, amount) : RILL_ERR_CLOSED);
}

/* setSendMax(stream, amount) */
static napi_value set_send_max(napi_env env, napi_callback_info info)
{
    return set_amount(env, info, rill_stream_set_send_max);
}

static int send_total(rill_stream *s, uint64_t total)
{
    return rill_stream_send_total(s, total, RILL_NEVER);
}

/* sendTotal(stream, total): SEND_TOTAL_END follows, unless the result is an error */
static napi_value start_sending(napi_env env, napi_callback_info info)
{
    return set_amount(env, info, send_total);
}

/* stopSending(stream) */
static napi_value stop_sending(napi_env env, napi_callback_info info)
{
    args in;
    if (!args_get(env, info, 1, &in))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    if (s)
        rill_stream_stop_sending(s);
    return NULL;
}

/* setReceiveMax(stream, amount) */
static napi_value set_receive_max(napi_env env, napi_callback_info info)
{
    return set_amount(env, info, rill_stream_set_receive_max);
}

/* totals(stream): fills the first seven numbers of the arena; false: it is gone */
static napi_value totals(napi_env env, napi_callback_info info)
{
    args in;
    napi_value found = NULL;
    if (!args_get(env, info, 1, &in) || !arena_open(env, in.engine->arena))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    if (s) {
        rill_stream_totals t;
        rill_stream_get_totals(s, &t);
        const uint64_t all[] = {t.send_max,  t.sent,        t.in_flight, t.in_doubt,
                                t.delivered, t.receive_max, t.received};
        memcpy(in.engine->arena->stats, all, sizeof all);
    }
    napi_get_boolean(env, s != NULL, &found);
    return found;
}

/* write(stream, bytes, from): how many were accepted, or a negative error */
static napi_value write_bytes(napi_env env, napi_callback_info info)
{
    args in;
    rill_bytes bytes;
    uint64_t from;
    size_t accepted = 0;
    if (!args_get(env, info, 3, &in) || !args_bytes(env, in.value[1], &bytes) ||
        !args_u64(env, in.value[2], &from))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    if (!s || from > bytes.len)
        return args_int(env, s ? RILL_ERR_INVALID : RILL_ERR_CLOSED);
    if (from == bytes.len)
        return args_int(env, 0);
    int rc = rill_stream_write(s, bytes.data + from, bytes.len - (size_t)from, &accepted);
    return args_int(env, rc == RILL_OK ? (int64_t)accepted : rc);
}

/* offsets(stream): fills the first four numbers of the arena; false: it is gone */
static napi_value offsets(napi_env env, napi_callback_info info)
{
    args in;
    napi_value found = NULL;
    if (!args_get(env, info, 1, &in) || !arena_open(env, in.engine->arena))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    if (s) {
        rill_stream_offsets o;
        rill_stream_get_offsets(s, &o);
        const uint64_t all[] = {o.written, o.acknowledged, o.received, o.consumed};
        memcpy(in.engine->arena->stats, all, sizeof all);
    }
    napi_get_boolean(env, s != NULL, &found);
    return found;
}

/* endStream(stream) */
static napi_value end_stream(napi_env env, napi_callback_info info)
{
    args in;
    if (!args_get(env, info, 1, &in))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    return args_int(env, s ? rill_stream_end(s) : RILL_ERR_CLOSED);
}

/* closeStream(stream, code, message) */
static napi_value close_stream(napi_env env, napi_callback_info info)
{
    args in;
    rill_close_code code;
    char message[MESSAGE_ROOM];
    if (!args_get(env, info, 3, &in) || !close_reason(&in, &code, message, sizeof message))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    if (s)
        rill_stream_close(s, code, message[0] ? message : NULL);
    return NULL;
}

/* receipt(stream): a Buffer, or null */
static napi_value receipt(napi_env env, napi_callback_info info)
{
    args in;
    napi_value result = NULL;
    if (!args_get(env, info, 1, &in))
        return NULL;
    rill_stream *s = args_stream(&in, 0);
    uint8_t bytes[RILL_RECEIPT_LEN];
    if (!s || rill_stream_get_receipt(s, bytes) != RILL_OK)
        napi_get_null(env, &result);
    else
        napi_create_buffer_copy(env, sizeof bytes, bytes, NULL, &result);
    return result;
}

/* ---- the module ---- */

#define METHOD(name, function)                                                                     \
    {                                                                                              \
        (name), NULL, (function), NULL, NULL, NULL, napi_default_method, NULL                      \
    }

NAPI_MODULE_INIT()
{
    static const napi_property_descriptor methods[] = {
        METHOD("arena", arena_set),
        METHOD("open", engine_open),
        METHOD("free", engine_close),
        METHOD("count", engine_count),
        METHOD("unused", unused),
        METHOD("account", account),
        METHOD("generate", generate),
        METHOD("connect", connect_to),
        METHOD("probe", probe),
        METHOD("turn", engine_turn),
        METHOD("openStream", open_stream),
        METHOD("endConnection", end_connection),
        METHOD("closeConnection", close_connection),
        METHOD("abandon", abandon),
        METHOD("stats", stats),
        METHOD("remote", remote),
        METHOD("tag", tag),
        METHOD("waiting", waiting),
        METHOD("is", is),
        METHOD("setMinRate", set_min_rate),
        METHOD("setSendMax", set_send_max),
        METHOD("setReceiveMax", set_receive_max),
        METHOD("sendTotal", start_sending),
        METHOD("stopSending", stop_sending),
        METHOD("totals", totals),
        METHOD("write", write_bytes),
        METHOD("read", engine_read),
        METHOD("offsets", offsets),
        METHOD("endStream", end_stream),
        METHOD("closeStream", close_stream),
        METHOD("receipt", receipt),
        METHOD("readState", state_read),
        METHOD("writeState", state_write),
        METHOD("settleState", state_settle),
        METHOD("lock", state_lock),
        METHOD("holds", state_holds),
        METHOD("unlock", state_unlock),
        METHOD("linkOpen", link_open),
        METHOD("linkClose", link_close),
        METHOD("linkRead", link_read),
        METHOD("linkTake", link_take),
        METHOD("linkSend", link_send),
        METHOD("linkFrame", link_frame),
        METHOD("linkId", link_next_id),
        METHOD("linkLate", link_late),
        METHOD("linkFull", link_set_full),
        METHOD("linkWaiting", link_waiting),
        METHOD("directPacket", direct_packet),
        METHOD("directRefuse", direct_refuse),
        METHOD("directEnd", direct_end),
    };
    arena *shared = calloc(1, sizeof *shared);
    if (!shared || napi_set_instance_data(env, shared, arena_end, NULL) != napi_ok) {
        free(shared);
        return fail(env, rill_strerror(RILL_ERR_NOMEM));
    }
    if (napi_define_properties(env, exports, sizeof methods / sizeof methods[0], methods) !=
        napi_ok)
        return fail(env, "the addon could not be set up");
    napi_set_named_property(env, exports, "version", text(env, rill_version()));
    return exports;
}

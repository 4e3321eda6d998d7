/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved state of a payment, as text, and the lock of the file that it is in: what `rill pay`
 * has. None of these functions is of an engine. lib/state.js has the other side.
 */
#include <string.h>

#include "addon.h"
#include "files/file_lock.h"
#include "run/payment_state.h"

/* The numbers of the arena that a state is in. */
enum state_number {
    STATE_AMOUNT,
    STATE_DELIVER,
    STATE_RATE_NUM,
    STATE_RATE_DEN,
    STATE_SENT,
    STATE_IN_DOUBT,
    STATE_DELIVERED,
    STATE_COMPLETE,
    STATE_PACKET_LIFETIME
};

#define MAX_STATE_ARGS 2
#define PATH_ROOM      4096

/* False, and an exception is pending. */
static bool take(napi_env env, napi_callback_info info, size_t least,
                 napi_value argv[MAX_STATE_ARGS], arena **a)
{
    size_t argc = MAX_STATE_ARGS;
    void *data = NULL;
    if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) == napi_ok && argc >= least &&
        napi_get_instance_data(env, &data) == napi_ok && data) {
        *a = data;
        return true;
    }
    napi_throw_type_error(env, NULL, "more arguments are needed");
    return false;
}

static napi_value pair(napi_env env, napi_value first, napi_value second)
{
    napi_value result = NULL;
    napi_create_array_with_length(env, 2, &result);
    napi_set_element(env, result, 0, first);
    napi_set_element(env, result, 1, second);
    return result;
}

static napi_value text(napi_env env, const char *s)
{
    napi_value v = NULL;
    napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &v);
    return v;
}

/*
 * readState(bytes): [address, secret], and the numbers of the arena; or [error, why], an error of
 * rill_payment_state_read.
 */
napi_value state_read(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS], secret = NULL;
    arena *a;
    rill_bytes bytes;
    rill_payment_state s;
    const char *problem = NULL;
    if (!take(env, info, 1, argv, &a) || !args_bytes(env, argv[0], &bytes) || !arena_open(env, a))
        return NULL;
    int rc = rill_payment_state_read(&s, bytes, &problem);
    if (rc != RILL_OK)
        return pair(env, args_int(env, rc), text(env, problem ? problem : rill_strerror(rc)));
    a->stats[STATE_AMOUNT] = s.amount;
    a->stats[STATE_DELIVER] = s.deliver;
    a->stats[STATE_RATE_NUM] = s.min_rate.num;
    a->stats[STATE_RATE_DEN] = s.min_rate.den;
    a->stats[STATE_SENT] = s.sent;
    a->stats[STATE_IN_DOUBT] = s.in_doubt;
    a->stats[STATE_DELIVERED] = s.delivered;
    a->stats[STATE_COMPLETE] = s.complete;
    a->stats[STATE_PACKET_LIFETIME] = s.packet_lifetime_ns;
    napi_create_buffer_copy(env, sizeof s.credentials.shared_secret, s.credentials.shared_secret,
                            NULL, &secret);
    napi_value result = pair(env, text(env, s.credentials.destination_account), secret);
    rill_credentials_wipe(&s.credentials);
    return result;
}

static napi_value give(napi_env env, int rc, char bytes[RILL_PAYMENT_STATE_MAX], size_t len)
{
    napi_value result = NULL;
    if (rc == RILL_OK)
        napi_create_buffer_copy(env, len, bytes, NULL, &result);
    else
        result = args_int(env, rc);
    rill_wipe(bytes, RILL_PAYMENT_STATE_MAX);
    return result;
}

/* writeState(address, secret), and the numbers of the arena: its bytes, or a negative error */
napi_value state_write(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS];
    arena *a;
    rill_bytes secret;
    rill_payment_state s = {.complete = false};
    char out[RILL_PAYMENT_STATE_MAX];
    size_t len = 0;
    char *address = s.credentials.destination_account;
    if (!take(env, info, 2, argv, &a) ||
        !args_text(env, argv[0], address, sizeof s.credentials.destination_account) ||
        !args_bytes(env, argv[1], &secret) || !arena_open(env, a))
        return NULL;
    if (secret.len != sizeof s.credentials.shared_secret)
        return args_int(env, RILL_ERR_INVALID);
    memcpy(s.credentials.shared_secret, secret.data, secret.len);
    s.amount = a->stats[STATE_AMOUNT];
    s.deliver = a->stats[STATE_DELIVER];
    s.min_rate = (rill_ratio){a->stats[STATE_RATE_NUM], a->stats[STATE_RATE_DEN]};
    s.sent = a->stats[STATE_SENT];
    s.in_doubt = a->stats[STATE_IN_DOUBT];
    s.delivered = a->stats[STATE_DELIVERED];
    s.complete = a->stats[STATE_COMPLETE] != 0;
    s.packet_lifetime_ns = a->stats[STATE_PACKET_LIFETIME];
    int rc = rill_payment_state_write(&s, out, &len);
    rill_credentials_wipe(&s.credentials);
    return give(env, rc, out, len);
}

/* settleState(bytes, delivered): the bytes of what follows, or an error of
 * rill_payment_state_settle */
napi_value state_settle(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS];
    arena *a;
    rill_bytes bytes;
    uint64_t delivered;
    char out[RILL_PAYMENT_STATE_MAX];
    size_t len = 0;
    if (!take(env, info, 2, argv, &a) || !args_bytes(env, argv[0], &bytes) ||
        !args_u64(env, argv[1], &delivered))
        return NULL;
    int rc = rill_payment_state_settle(bytes, delivered, (uint8_t *)out, &len);
    return give(env, rc, out, len);
}

/* lock(path): what unlock is given, or an errno as a negative number */
napi_value state_lock(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS];
    arena *a;
    char path[PATH_ROOM];
    int lock;
    if (!take(env, info, 1, argv, &a) || !args_text(env, argv[0], path, sizeof path))
        return NULL;
    int error = rill_file_lock(path, &lock);
    return args_int(env, error != 0 ? -error : lock);
}

/* holds(path, lock): 1, or 0 where somebody has removed the lock's file */
napi_value state_holds(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS];
    arena *a;
    char path[PATH_ROOM];
    int32_t lock = -1;
    if (!take(env, info, 2, argv, &a) || !args_text(env, argv[0], path, sizeof path))
        return NULL;
    bool holds = napi_get_value_int32(env, argv[1], &lock) == napi_ok && lock >= 0 &&
                 rill_file_lock_holds(path, lock);
    return args_int(env, holds ? 1 : 0);
}

/* unlock(path, lock) */
napi_value state_unlock(napi_env env, napi_callback_info info)
{
    napi_value argv[MAX_STATE_ARGS];
    arena *a;
    char path[PATH_ROOM];
    int32_t lock;
    if (!take(env, info, 2, argv, &a) || !args_text(env, argv[0], path, sizeof path))
        return NULL;
    if (napi_get_value_int32(env, argv[1], &lock) == napi_ok && lock >= 0)
        rill_file_unlock(path, lock);
    return NULL;
}

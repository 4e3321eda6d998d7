/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that JavaScript and the addon both see, one for all engines of an environment: a turn
 * fills it, and JavaScript has read it before the next turn of any engine.
 */
#include <stdlib.h>

#include "addon.h"

static bool view(napi_env env, napi_ref ref, napi_typedarray_type type, size_t least, void **data)
{
    napi_value value;
    napi_typedarray_type is;
    size_t len;
    *data = NULL;
    if (!ref || napi_get_reference_value(env, ref, &value) != napi_ok || !value)
        return false;
    return napi_get_typedarray_info(env, value, &is, &len, data, NULL, NULL) == napi_ok &&
           is == type && len >= least && *data != NULL;
}

static void open_slab(napi_env env, arena *a)
{
    napi_value value;
    void *data = NULL;
    a->bytes = NULL;
    a->bytes_len = 0;
    if (a->slab && napi_get_reference_value(env, a->slab, &value) == napi_ok && value &&
        napi_get_buffer_info(env, value, &data, &a->bytes_len) == napi_ok)
        a->bytes = data;
    if (!a->bytes)
        a->bytes_len = 0;
}

bool arena_open(napi_env env, arena *a)
{
    void *in, *out, *stats;
    if (!view(env, a->inbox, napi_uint8_array, INBOX_BYTES, &in) ||
        !view(env, a->records, napi_uint32_array, HEAD_WORDS + MAX_RECORDS * RECORD_WORDS, &out) ||
        !view(env, a->numbers, napi_biguint64_array, STATS_NUMBERS, &stats)) {
        napi_throw_error(env, NULL, "the addon's memory is not there");
        return false;
    }
    a->in = in;
    a->out = out;
    a->stats = stats;
    open_slab(env, a);
    return true;
}

uint8_t *arena_room(arena *a, size_t len)
{
    size_t at = (a->bytes_at + 7) & ~(size_t)7;
    return a->bytes && at <= a->bytes_len && a->bytes_len - at >= len ? a->bytes + at : NULL;
}

uint32_t arena_keep(arena *a, const uint8_t *at, size_t len)
{
    size_t offset = (size_t)(at - a->bytes);
    a->bytes_at = offset + len;
    return (uint32_t)offset;
}

static void drop(napi_env env, napi_ref *ref)
{
    if (*ref)
        napi_delete_reference(env, *ref);
    *ref = NULL;
}

static bool keep(napi_env env, napi_value value, napi_ref *ref)
{
    bool is = false;
    if (napi_is_typedarray(env, value, &is) != napi_ok || !is) {
        napi_throw_type_error(env, NULL, "a typed array is needed");
        return false;
    }
    drop(env, ref);
    return napi_create_reference(env, value, 1, ref) == napi_ok;
}

/* arena(slab) or arena(slab, inbox, records, numbers) */
napi_value arena_set(napi_env env, napi_callback_info info)
{
    napi_value argv[4];
    size_t argc = 4;
    void *data = NULL;
    if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok ||
        napi_get_instance_data(env, &data) != napi_ok || !data || (argc != 1 && argc != 4)) {
        napi_throw_type_error(env, NULL, "arena takes one argument or four");
        return NULL;
    }
    arena *a = data;
    if (!keep(env, argv[0], &a->slab))
        return NULL;
    a->bytes_at = 0;
    if (argc == 4 && (!keep(env, argv[1], &a->inbox) || !keep(env, argv[2], &a->records) ||
                      !keep(env, argv[3], &a->numbers)))
        return NULL;
    return NULL;
}

/* References go with the environment. */
void arena_free(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

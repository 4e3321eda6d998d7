/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that JavaScript and the addon both see, one for all engines of an environment: a turn
 * fills it, and JavaScript has read it before the next turn of any engine.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "link.h"

/* False: it is not there any more, or smaller. */
static bool view(napi_env env, napi_ref ref, size_t least, uint8_t **data, size_t *len)
{
    napi_value value;
    void *at = NULL;
    *len = 0;
    *data = NULL;
    if (!ref || napi_get_reference_value(env, ref, &value) != napi_ok || !value ||
        napi_get_arraybuffer_info(env, value, &at, len) != napi_ok || !at || *len < least)
        return false;
    *data = at;
    return true;
}

bool arena_open(napi_env env, arena *a)
{
    uint8_t *memory;
    size_t len;
    if (!view(env, a->memory, INBOX_AT + INBOX_BYTES, &memory, &len)) {
        napi_throw_error(env, NULL, "the addon's memory is not there");
        return false;
    }
    a->stats = (uint64_t *)memory;
    a->out = (uint32_t *)(memory + RECORDS_AT);
    a->in = memory + INBOX_AT;
    if (!view(env, a->slab, 0, &a->bytes, &a->bytes_len))
        a->bytes_len = 0;
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

uint32_t *record_add(arena *a, uint32_t type)
{
    uint32_t *record = a->out + HEAD_WORDS + a->out[HEAD_COUNT]++ * RECORD_WORDS;
    memset(record, 0, RECORD_WORDS * sizeof *record);
    record[WORD_TYPE] = type;
    return record;
}

void record_put64(uint32_t *record, unsigned word, uint64_t value)
{
    record[word] = (uint32_t)value;
    record[word + 1] = (uint32_t)(value >> 32);
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
    if (napi_is_arraybuffer(env, value, &is) != napi_ok || !is) {
        napi_throw_type_error(env, NULL, "an ArrayBuffer is needed");
        return false;
    }
    drop(env, ref);
    return napi_create_reference(env, value, 1, ref) == napi_ok;
}

/* arena(slab) or arena(slab, memory) */
napi_value arena_set(napi_env env, napi_callback_info info)
{
    napi_value argv[2];
    size_t argc = 2;
    void *data = NULL;
    if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok ||
        napi_get_instance_data(env, &data) != napi_ok || !data || argc < 1 || argc > 2) {
        napi_throw_type_error(env, NULL, "arena takes one argument or two");
        return NULL;
    }
    arena *a = data;
    if (!keep(env, argv[0], &a->slab))
        return NULL;
    a->bytes_at = 0;
    if (argc == 2)
        (void)keep(env, argv[1], &a->memory);
    return NULL;
}

int arena_shared(arena *a, rill_shared **out)
{
    int rc = a->shared ? RILL_OK : rill_shared_new(&a->shared, NULL);
    *out = a->shared;
    return rc;
}

/* The environment ends, and does not free its references. */
void arena_end(napi_env env, void *data, void *hint)
{
    arena *a = data;
    (void)hint;
    drop(env, &a->memory);
    drop(env, &a->slab);
    for (uint32_t i = 0; i < a->links.count; i++) {
        if (a->links.entries[i].object)
            link_free(env, a->links.entries[i].object);
    }
    handles_free(&a->links);
    for (uint32_t i = 0; i < a->engines.count; i++) {
        if (a->engines.entries[i].object)
            engine_free(a->engines.entries[i].object);
    }
    handles_free(&a->engines);
    rill_shared_free(a->shared);
    rill_crypto_free(a->crypto);
    free(a);
}

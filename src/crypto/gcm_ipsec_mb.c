/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM by intel-ipsec-mb: one direct call for each packet, while OpenSSL looks up parameters
 * by name. The library's manager has 200 KB of queues for many buffers at a time. Only three of its
 * functions are needed. So a manager is made, asked for the functions that suit the processor, and
 * freed.
 *
 * The library's functions return nothing, and do nothing if their arguments are wrong. So this file
 * makes sure that they are right: no NULL, and lengths within limits.
 */
#include "crypto/gcm.h"

#include <intel-ipsec-mb.h>
#include <rill/error.h>

#include "base/alloc.h"

/* Without these instructions the library uses tables, whose addresses would reveal the key. */
#define NEEDED (IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ)

typedef struct ipsec_mb_gcm {
    rill_gcm base;
    const rill_allocator *allocator;
    aes_gcm_pre_t expand;
    aes_gcm_enc_dec_t encrypt;
    aes_gcm_enc_dec_t decrypt;
} ipsec_mb_gcm;

/*
 * The library needs its keys aligned to a cache line, which is more than an allocator promises. Its
 * public headers do not say so.
 */
enum { ALIGN = 64, KEY_ROOM = sizeof(struct gcm_key_data) + 2 * ALIGN };

static struct gcm_key_data *aligned(void *key)
{
    return (struct gcm_key_data *)(((uintptr_t)key + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static void gcm_free(rill_gcm *g)
{
    ipsec_mb_gcm *own = (ipsec_mb_gcm *)g;
    rill_free(own->allocator, own);
}

static void *key_new(rill_gcm *g)
{
    return rill_calloc(((ipsec_mb_gcm *)g)->allocator, 1, KEY_ROOM);
}

static void key_free(rill_gcm *g, void *key)
{
    if (key == NULL)
        return;
    rill_wipe(key, KEY_ROOM);
    rill_free(((ipsec_mb_gcm *)g)->allocator, key);
}

static bool key_set(rill_gcm *g, void *key, const uint8_t bytes[RILL_KEY_LEN])
{
    ((ipsec_mb_gcm *)g)->expand(bytes, aligned(key));
    return true;
}

/* Without bytes the library reads nothing, but it still demands a pointer. */
static void run(aes_gcm_enc_dec_t function, void *key, uint8_t *out, const uint8_t *in, size_t len,
                const uint8_t iv[RILL_IV_LEN], uint8_t tag[RILL_TAG_LEN])
{
    static const uint8_t none[1];
    struct gcm_context_data context;
    uint8_t nowhere[1];
    function(aligned(key), &context, len != 0 ? out : nowhere, len != 0 ? in : none, len, iv, none,
             0, tag, RILL_TAG_LEN);
    rill_wipe(&context, sizeof context); /* bytes of the key stream */
}

static int seal(rill_gcm *g, void *key, uint8_t *envelope, size_t len)
{
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    run(((ipsec_mb_gcm *)g)->encrypt, key, text, text, len, envelope, envelope + RILL_IV_LEN);
    return RILL_OK;
}

static int open_envelope(rill_gcm *g, void *key, const uint8_t *envelope, size_t len, uint8_t *out)
{
    uint8_t right[RILL_TAG_LEN];
    run(((ipsec_mb_gcm *)g)->decrypt, key, out, envelope + RILL_ENVELOPE_OVERHEAD, len, envelope,
        right);
    bool same = rill_equal_ct(right, envelope + RILL_IV_LEN, RILL_TAG_LEN);
    rill_wipe(right, sizeof right); /* whoever learns it can send anything under this IV */
    return same ? RILL_OK : RILL_ERR_AUTH;
}

bool rill_gcm_ipsec_mb_available(void)
{
    return (imb_get_feature_flags() & NEEDED) == NEEDED;
}

/* The functions for this processor. */
static int choose(ipsec_mb_gcm *own)
{
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (manager == NULL)
        return RILL_ERR_NOMEM;
    init_mb_mgr_auto(manager, NULL);
    int err = imb_get_errno(manager) == 0 ? RILL_OK : RILL_ERR_CRYPTO;
    own->expand = manager->gcm256_pre;
    own->encrypt = manager->gcm256_enc;
    own->decrypt = manager->gcm256_dec;
    free_mb_mgr(manager);
    if (own->expand == NULL || own->encrypt == NULL || own->decrypt == NULL)
        err = RILL_ERR_CRYPTO;
    return err;
}

int rill_gcm_ipsec_mb_new(rill_gcm **out, const rill_allocator *allocator)
{
    if (!rill_gcm_ipsec_mb_available())
        return RILL_ERR_UNSUPPORTED;
    ipsec_mb_gcm *own = rill_alloc(allocator, sizeof *own);
    if (own == NULL)
        return RILL_ERR_NOMEM;
    *own = (ipsec_mb_gcm){
        .base = {gcm_free, key_new, key_free, key_set, seal, open_envelope},
        .allocator = allocator,
    };
    int err = choose(own);
    if (err != RILL_OK) {
        gcm_free(&own->base);
        return err;
    }
    *out = &own->base;
    return RILL_OK;
}

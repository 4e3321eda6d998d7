/* SPDX-License-Identifier: Apache-2.0 */
#include "observer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

void sim_sha256(const uint8_t *data, size_t len, uint8_t out[32])
{
    SHA256(data, len, out);
}

static void hmac(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                 uint8_t out[32])
{
    if (HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL) == NULL)
        abort();
}

void sim_keys_derive(sim_keys *k, const uint8_t *secret, size_t len)
{
    static const char encryption[] = "ilp_stream_encryption";
    static const char fulfillment[] = "ilp_stream_fulfillment";
    hmac(secret, len, (const uint8_t *)encryption, sizeof(encryption) - 1, k->encryption);
    hmac(secret, len, (const uint8_t *)fulfillment, sizeof(fulfillment) - 1, k->fulfillment);
}

void sim_keys_condition(const sim_keys *k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
                        uint8_t condition[32])
{
    hmac(k->fulfillment, 32, data, len, fulfillment);
    sim_sha256(fulfillment, 32, condition);
}

/* One context for all packets, since making one costs as much as a packet. */
static EVP_CIPHER_CTX *cipher(void)
{
    static EVP_CIPHER_CTX *context;
    if (context == NULL) {
        context = EVP_CIPHER_CTX_new();
        if (context == NULL ||
            EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1)
            abort();
    }
    return context;
}

static bool decrypt(const sim_keys *k, const uint8_t *data, size_t len, uint8_t *out)
{
    EVP_CIPHER_CTX *c = cipher();
    uint8_t tag[16];
    int n;
    memcpy(tag, data + 12, sizeof(tag));
    return EVP_DecryptInit_ex(c, NULL, NULL, k->encryption, data) == 1 &&
           EVP_DecryptUpdate(c, out, &n, data + 28, (int)(len - 28)) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
           EVP_DecryptFinal_ex(c, out + n, &n) == 1;
}

void sim_envelope_write(const sim_keys *k, const uint8_t *iv, const uint8_t *text, size_t len,
                        uint8_t *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;
    memcpy(out, iv, 12);
    if (c == NULL || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->encryption, iv) != 1 ||
        EVP_EncryptUpdate(c, out + 28, &n, text, (int)len) != 1 ||
        EVP_EncryptFinal_ex(c, out + 28 + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + 12) != 1)
        abort();
    EVP_CIPHER_CTX_free(c);
}

typedef struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
} cursor;

static const uint8_t *take(cursor *c, size_t n)
{
    if (c->bad || c->left < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    c->left -= n;
    return p;
}

static uint64_t take_number(cursor *c, size_t bytes)
{
    const uint8_t *p = take(c, bytes);
    uint64_t x = 0;
    for (size_t i = 0; p != NULL && i < bytes; i++)
        x = x << 8 | p[i];
    return x;
}

/* Saturates, as RFC 29 section 5.1.4 asks. */
static uint64_t take_var_uint(cursor *c)
{
    size_t n = (size_t)take_number(c, 1);
    if (n <= 8)
        return take_number(c, n);
    take(c, n);
    return UINT64_MAX;
}

static cursor take_octets(cursor *c)
{
    size_t n = (size_t)take_number(c, 1);
    if (n >= 128)
        n = n - 128 > 4 ? SIZE_MAX : (size_t)take_number(c, n - 128);
    cursor inner = {take(c, n), n, c->bad};
    return inner;
}

/* False if something that it must have is cut off. */
static bool read_frame(sim_frame *f, cursor body)
{
    switch (f->type) {
    case SIM_FRAME_NEW_ADDRESS: {
        cursor address = take_octets(&body);
        f->data = address.at;
        f->data_len = address.bad ? 0 : address.left;
        return !address.bad;
    }
    case SIM_FRAME_MAX_DATA:
    case SIM_FRAME_MAX_STREAM_ID:
        f->value = take_var_uint(&body);
        break;
    case SIM_FRAME_STREAM_CLOSE:
        f->stream = take_var_uint(&body);
        f->value = take_number(&body, 1);
        break;
    case SIM_FRAME_STREAM_MAX_MONEY:
    case SIM_FRAME_STREAM_MONEY_BLOCKED:
        f->stream = take_var_uint(&body);
        f->value = take_var_uint(&body);
        take_var_uint(&body);
        break;
    case SIM_FRAME_STREAM_MONEY:
    case SIM_FRAME_STREAM_MAX_DATA:
        f->stream = take_var_uint(&body);
        f->value = take_var_uint(&body);
        break;
    case SIM_FRAME_STREAM_DATA: {
        f->stream = take_var_uint(&body);
        f->value = take_var_uint(&body);
        cursor bytes = take_octets(&body);
        f->data = bytes.at;
        f->data_len = bytes.bad ? 0 : bytes.left;
        return !bytes.bad;
    }
    default:
        break;
    }
    return !body.bad;
}

void sim_stream_packet_open(const sim_keys *k, const uint8_t *data, size_t len,
                            sim_stream_packet *out)
{
    out->authentic = false;
    out->malformed = false;
    out->over = false;
    out->life = 0;
    out->frame_count = 0;
    if (len < 28 || len > sizeof(out->text) || !decrypt(k, data, len, out->text))
        return;
    out->authentic = true;
    cursor c = {out->text, len - 28, false};
    uint64_t version = take_number(&c, 1);
    out->type = (uint8_t)take_number(&c, 1);
    out->sequence = take_var_uint(&c);
    out->amount = take_var_uint(&c);
    uint64_t count = take_var_uint(&c);
    for (; count > 0 && !c.bad && out->frame_count < SIM_FRAMES; count--) {
        sim_frame *f = &out->frames[out->frame_count++];
        memset(f, 0, sizeof(*f));
        f->type = (uint8_t)take_number(&c, 1);
        cursor body = take_octets(&c);
        if (!c.bad && !read_frame(f, body))
            c.bad = true;
    }
    out->malformed = c.bad || version != 1 || count != 0;
    if (out->malformed || c.left < 13 || memcmp(c.at, "rill", 4) != 0)
        return;
    out->over = c.at[4] == 'F' || c.at[4] == 'R';
    bool begins = c.at[4] == 'L';
    take(&c, 5);
    out->life = begins ? take_number(&c, 8) : 0;
}

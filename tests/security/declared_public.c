/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that comes from secrets but that everybody, or its owner, may know and branch on. The
 * linker puts these functions in front of the real ones.
 */
#include "secrets.h"

#include <rill/rill.h>
#include <valgrind/memcheck.h>

#include "base/base64.h"
#include "crypto/crypto.h"

void secret_mark(void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

void secret_publish(const void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

bool secret_is(const void *p, size_t len)
{
    unsigned char bits[256];
    if (len > sizeof bits || VALGRIND_GET_VBITS(p, bits, len) != 1)
        return false;
    for (size_t i = 0; i < len; i++)
        if (bits[i] != 0xff)
            return false;
    return true;
}

/* A comparison may tell whether two secrets are the same, but not where they differ. */
bool __real_rill_equal_ct(const void *a, const void *b, size_t len);
bool __wrap_rill_equal_ct(const void *a, const void *b, size_t len);

bool __wrap_rill_equal_ct(const void *a, const void *b, size_t len)
{
    bool same = __real_rill_equal_ct(a, b, len);
    secret_publish(&same, sizeof same);
    return same;
}

/* Ciphertext. */
int __real_rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len);
int __wrap_rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len);

int __wrap_rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len)
{
    int rc = __real_rill_keys_seal(k, envelope, len);
    secret_publish(envelope, RILL_ENVELOPE_OVERHEAD + len);
    return rc;
}

int __real_rill_crypto_seal(rill_crypto *c, const uint8_t *key, uint8_t *envelope, size_t len);
int __wrap_rill_crypto_seal(rill_crypto *c, const uint8_t *key, uint8_t *envelope, size_t len);

int __wrap_rill_crypto_seal(rill_crypto *c, const uint8_t *key, uint8_t *envelope, size_t len)
{
    int rc = __real_rill_crypto_seal(c, key, envelope, len);
    secret_publish(envelope, RILL_ENVELOPE_OVERHEAD + len);
    return rc;
}

/* The other side's frames are its words, not our secret. They are read like any others. */
int __real_rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t len, uint8_t *out);
int __wrap_rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t len, uint8_t *out);

int __wrap_rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t len, uint8_t *out)
{
    int rc = __real_rill_keys_open(k, envelope, len, out);
    if (rc == RILL_OK)
        secret_publish(out, len - RILL_ENVELOPE_OVERHEAD);
    return rc;
}

/* The version, flags and tag of an address token, but not the receipt secret at its end. */
int __real_rill_crypto_open(rill_crypto *c, const uint8_t *key, const uint8_t *envelope, size_t len,
                            uint8_t *out);
int __wrap_rill_crypto_open(rill_crypto *c, const uint8_t *key, const uint8_t *envelope, size_t len,
                            uint8_t *out);

int __wrap_rill_crypto_open(rill_crypto *c, const uint8_t *key, const uint8_t *envelope, size_t len,
                            uint8_t *out)
{
    int rc = __real_rill_crypto_open(c, key, envelope, len, out);
    size_t text = len - RILL_ENVELOPE_OVERHEAD;
    size_t secret = text > RILL_RECEIPT_SECRET_LEN ? RILL_RECEIPT_SECRET_LEN : 0;
    if (rc == RILL_OK)
        secret_publish(out, text - secret);
    return rc;
}

/* What leaves an endpoint: conditions, and fulfillments that it gives out. */
int __real_rill_endpoint_next_prepare(rill_endpoint *e, rill_now now, uint8_t *packet, size_t *len,
                                      uint64_t *request);
int __wrap_rill_endpoint_next_prepare(rill_endpoint *e, rill_now now, uint8_t *packet, size_t *len,
                                      uint64_t *request);

int __wrap_rill_endpoint_next_prepare(rill_endpoint *e, rill_now now, uint8_t *packet, size_t *len,
                                      uint64_t *request)
{
    int rc = __real_rill_endpoint_next_prepare(e, now, packet, len, request);
    secret_publish(packet, *len);
    return rc;
}

int __real_rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now, uint64_t request,
                                         const uint8_t *packet, size_t len, uint8_t *reply,
                                         size_t *reply_len);
int __wrap_rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now, uint64_t request,
                                         const uint8_t *packet, size_t len, uint8_t *reply,
                                         size_t *reply_len);

int __wrap_rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now, uint64_t request,
                                         const uint8_t *packet, size_t len, uint8_t *reply,
                                         size_t *reply_len)
{
    int rc = __real_rill_endpoint_receive_prepare(e, now, request, packet, len, reply, reply_len);
    secret_publish(reply, *reply_len);
    return rc;
}

/*
 * An account without a name is named after the hash of its token. That is its ILP address, which
 * everybody knows.
 */
size_t __real_rill_base64url_encode(const uint8_t *data, size_t len, char *out);
size_t __wrap_rill_base64url_encode(const uint8_t *data, size_t len, char *out);

size_t __wrap_rill_base64url_encode(const uint8_t *data, size_t len, char *out)
{
    size_t written = __real_rill_base64url_encode(data, len, out);
    secret_publish(out, written);
    return written;
}

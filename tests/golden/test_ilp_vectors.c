/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ILP packets of vectors/ilp-packets: each decodes to the fields that its
 * file says, and those encode to its bytes. Arguments: the files.
 */
#include <jansson.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

enum { MAX_BYTES = 4096 };

static int failures;

static void check(bool ok, const char *file, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s: %s differs\n", file, what);
        failures++;
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static rill_bytes borrow(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static rill_bytes from_base64(const json_t *object, const char *key, uint8_t out[MAX_BYTES])
{
    const char *text = text_of(object, key);
    rill_bytes bytes = {out, 0};
    if (rill_base64_decode(text, strlen(text), out, MAX_BYTES, &bytes.len) != RILL_OK)
        fprintf(stderr, "bad base64: %s\n", text);
    return bytes;
}

static size_t from_hex(const char *text, uint8_t out[MAX_BYTES])
{
    size_t n = 0;
    unsigned byte;
    while (n < MAX_BYTES && sscanf(text + 2 * n, "%2x", &byte) == 1)
        out[n++] = (uint8_t)byte;
    return n;
}

/* "2017-12-23T01:21:40.549Z", by way of the 17 digits in it. */
static uint64_t time_of(const char *text)
{
    uint8_t digits[17] = {0};
    size_t n = 0;
    for (; *text != '\0' && n < sizeof(digits); text++) {
        if (*text >= '0' && *text <= '9')
            digits[n++] = (uint8_t)*text;
    }
    uint64_t ms;
    return rill_ilp_time_decode(digits, &ms) == RILL_OK ? ms : 0;
}

static void check_encoding(const char *file, int err, rill_bytes encoded, rill_bytes packet)
{
    check(err == RILL_OK && same(encoded, packet), file, "encoding");
}

static void check_prepare(const char *file, const json_t *fields, rill_bytes packet)
{
    uint8_t condition[MAX_BYTES], data[MAX_BYTES], buf[MAX_BYTES];
    rill_prepare expected = {.expires_at_ms = time_of(text_of(fields, "expiresAt")),
                             .condition = condition,
                             .destination = borrow(text_of(fields, "destination")),
                             .data = from_base64(fields, "data", data)};
    rill_bytes hash = from_base64(fields, "executionCondition", condition);
    check(rill_amount_parse(text_of(fields, "amount"), &expected.amount) == RILL_OK, file,
          "amount");
    rill_prepare p;
    if (rill_prepare_decode(&p, packet.data, packet.len) != RILL_OK) {
        check(false, file, "decoding");
        return;
    }
    check(p.amount == expected.amount, file, "amount");
    check(p.expires_at_ms == expected.expires_at_ms, file, "expiresAt");
    check(same((rill_bytes){p.condition, 32}, hash), file, "executionCondition");
    check(same(p.destination, expected.destination), file, "destination");
    check(same(p.data, expected.data), file, "data");
    size_t len = 0;
    int err = rill_prepare_encode(&expected, buf, sizeof(buf), &len);
    check_encoding(file, err, (rill_bytes){buf, len}, packet);
}

static void check_fulfill(const char *file, const json_t *fields, rill_bytes packet)
{
    uint8_t preimage[MAX_BYTES], data[MAX_BYTES], buf[MAX_BYTES];
    rill_bytes hash = from_base64(fields, "fulfillment", preimage);
    rill_fulfill expected = {preimage, from_base64(fields, "data", data)};
    rill_fulfill p;
    if (rill_fulfill_decode(&p, packet.data, packet.len) != RILL_OK) {
        check(false, file, "decoding");
        return;
    }
    check(same((rill_bytes){p.fulfillment, 32}, hash), file, "fulfillment");
    check(same(p.data, expected.data), file, "data");
    size_t len = 0;
    int err = rill_fulfill_encode(&expected, buf, sizeof(buf), &len);
    check_encoding(file, err, (rill_bytes){buf, len}, packet);
}

static void check_reject(const char *file, const json_t *fields, rill_bytes packet)
{
    uint8_t data[MAX_BYTES], buf[MAX_BYTES];
    rill_reject expected = {.triggered_by = borrow(text_of(fields, "triggeredBy")),
                            .message = borrow(text_of(fields, "message")),
                            .data = from_base64(fields, "data", data)};
    snprintf(expected.code.text, sizeof(expected.code.text), "%s", text_of(fields, "code"));
    rill_reject p;
    if (rill_reject_decode(&p, packet.data, packet.len) != RILL_OK) {
        check(false, file, "decoding");
        return;
    }
    check(strcmp(p.code.text, expected.code.text) == 0, file, "code");
    check(same(p.triggered_by, expected.triggered_by), file, "triggeredBy");
    check(same(p.message, expected.message), file, "message");
    check(same(p.data, expected.data), file, "data");
    size_t len = 0;
    int err = rill_reject_encode(&expected, buf, sizeof(buf), &len);
    check_encoding(file, err, (rill_bytes){buf, len}, packet);
}

static void check_file(const char *file)
{
    json_error_t error;
    json_t *root = json_load_file(file, 0, &error);
    if (root == NULL) {
        fprintf(stderr, "%s:%d: %s\n", file, error.line, error.text);
        failures++;
        return;
    }
    uint8_t bytes[MAX_BYTES];
    rill_bytes packet = {bytes, from_hex(text_of(root, "binary"), bytes)};
    const json_t *fields = json_object_get(root, "json");
    switch (packet.len == 0 ? 0 : bytes[0]) {
    case RILL_ILP_PREPARE:
        check_prepare(file, fields, packet);
        break;
    case RILL_ILP_FULFILL:
        check_fulfill(file, fields, packet);
        break;
    case RILL_ILP_REJECT:
        check_reject(file, fields, packet);
        break;
    default:
        check(false, file, "packet type");
    }
    json_decref(root);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        check_file(argv[i]);
    return failures == 0 ? 0 : 1;
}

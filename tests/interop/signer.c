/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures and keys of librill-pay, one question a line: a JSON object in, a JSON object out.
 *
 *   {"do":"new","id":"k"}                          {"pem":...,"jwk":...}
 *   {"do":"sign","pem":...,"id":...,"method":...,"url":...,"authorization"?,"body"?,"created":N}
 *                                                  the headers to add
 *   {"do":"verify","jwk":...,"method":...,"url":...,"headers":{...},"body"?} {"error":NAME}
 *   {"do":"rewrite","text":...}                    {"text":...} or {"error":NAME}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>
#include <rill/http_signature.h>

static const char *text_of(const json_t *in, const char *name)
{
    const char *text = json_string_value(json_object_get(in, name));
    return text ? text : "";
}

static rill_bytes bytes_of(const json_t *in, const char *name)
{
    const json_t *value = json_object_get(in, name);
    return (rill_bytes){(const uint8_t *)json_string_value(value), json_string_length(value)};
}

static json_t *error_of(int error)
{
    return json_pack("{s:s}", "error", rill_error_name(error));
}

static json_t *make(const json_t *in)
{
    rill_key *key;
    rill_jwk jwk;
    char pem[RILL_KEY_TEXT_MAX], text[RILL_JWK_TEXT_MAX];
    size_t len;
    int error = rill_key_new(&key);
    if (error != RILL_OK)
        return error_of(error);
    error = rill_key_text(key, pem, &len);
    if (error == RILL_OK)
        error = rill_jwk_of_key(&jwk, key, text_of(in, "id"));
    if (error == RILL_OK)
        error = rill_jwk_write(&jwk, text, sizeof text, &len);
    rill_key_free(key);
    return error == RILL_OK ? json_pack("{s:s,s:s}", "pem", pem, "jwk", text) : error_of(error);
}

static json_t *sign(const json_t *in)
{
    rill_key *key;
    rill_signer signer;
    rill_request_signature out;
    rill_request_header fields[2];
    rill_bytes pem = bytes_of(in, "pem");
    rill_signed_request request = {bytes_of(in, "method"), bytes_of(in, "url"), fields, 0,
                                   bytes_of(in, "body")};
    if (json_object_get(in, "authorization"))
        fields[request.field_count++] =
            (rill_request_header){"authorization", bytes_of(in, "authorization")};
    if (request.body.len > 0)
        fields[request.field_count++] =
            (rill_request_header){"content-type", {(const uint8_t *)"application/json", 16}};
    int error = rill_key_from_text(&key, (const char *)pem.data, pem.len);
    if (error != RILL_OK)
        return error_of(error);
    rill_signer_of_key(&signer, key, text_of(in, "id"));
    error = rill_sign_request(&out, &request, &signer,
                              (uint64_t)json_integer_value(json_object_get(in, "created")));
    rill_key_free(key);
    if (error != RILL_OK)
        return error_of(error);
    json_t *headers =
        json_pack("{s:s,s:s}", "signature", out.signature, "signature-input", out.signature_input);
    if (*out.content_digest)
        json_object_update_new(headers,
                               json_pack("{s:s,s:s,s:s}", "content-digest", out.content_digest,
                                         "content-length", out.content_length, "content-type",
                                         "application/json"));
    return headers;
}

static json_t *verify(json_t *in)
{
    rill_jwk jwk;
    rill_request_header fields[16];
    rill_bytes text = bytes_of(in, "jwk");
    rill_signed_request request = {bytes_of(in, "method"), bytes_of(in, "url"), fields, 0,
                                   bytes_of(in, "body")};
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(in, "headers"), name, value)
    {
        if (request.field_count == 16)
            return error_of(RILL_ERR_LIMIT);
        fields[request.field_count++] = (rill_request_header){
            name, {(const uint8_t *)json_string_value(value), json_string_length(value)}};
    }
    int error = rill_jwk_read(&jwk, (const char *)text.data, text.len);
    return error_of(error == RILL_OK ? rill_verify_request(&request, jwk.public_key, 0, 0) : error);
}

static json_t *rewrite(const json_t *in)
{
    rill_bytes text = bytes_of(in, "text");
    char *out;
    size_t len;
    int error = rill_json_rewrite((const char *)text.data, text.len, &out, &len);
    if (error != RILL_OK)
        return error_of(error);
    json_t *answer = json_pack("{s:o}", "text", json_stringn(out, len));
    free(out);
    return answer;
}

static json_t *answer(json_t *in)
{
    const char *what = text_of(in, "do");
    if (strcmp(what, "new") == 0)
        return make(in);
    if (strcmp(what, "sign") == 0)
        return sign(in);
    if (strcmp(what, "verify") == 0)
        return verify(in);
    return strcmp(what, "rewrite") == 0 ? rewrite(in) : error_of(RILL_ERR_INVALID);
}

int main(void)
{
    for (;;) {
        json_t *in = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL);
        if (!in)
            return 0;
        json_t *out = answer(in);
        json_decref(in);
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(out);
    }
}

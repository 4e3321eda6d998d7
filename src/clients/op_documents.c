/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/op_documents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

#include "base/base64.h"

/* ---- reading ---- */

static int fail(const char **problem, const char *text)
{
    *problem = text;
    return RILL_ERR_MALFORMED;
}

bool rill_op_text_of(const json_t *object, const char *member, char *out, size_t cap)
{
    const json_t *value = json_object_get(object, member);
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len >= cap || strlen(json_string_value(value)) != len)
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

bool rill_op_flag_of(const json_t *object, const char *member, bool *out)
{
    const json_t *value = json_object_get(object, member);
    *out = json_is_true(value);
    return !value || json_is_null(value) || json_is_boolean(value);
}

bool rill_op_expiry_of(const json_t *object, uint64_t *wall_ms)
{
    const json_t *value = json_object_get(object, "expiresAt");
    char text[64];
    *wall_ms = 0;
    return !value || json_is_null(value) ||
           (rill_op_text_of(object, "expiresAt", text, sizeof text) &&
            rill_op_time_read(text, wall_ms) == RILL_OK);
}

/* A token goes into a header. */
static bool token_of(const json_t *object, const char *member, char *out)
{
    if (!rill_op_text_of(object, member, out, RILL_OP_MAX_TOKEN) || *out == '\0')
        return false;
    for (const char *c = out; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return true;
}

bool rill_op_asset_of(const json_t *object, char *code, uint8_t *scale)
{
    const json_t *value = json_object_get(object, "assetScale");
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT8_MAX)
        return false;
    *scale = (uint8_t)json_integer_value(value);
    return rill_op_text_of(object, "assetCode", code, RILL_MAX_ASSET_CODE + 1);
}

json_t *rill_op_object_of(const char *body, size_t len)
{
    json_t *object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static int read_document(rill_op_document *out, const json_t *object, const char **problem)
{
    *out = (rill_op_document){0};
    if (!json_object_get(object, "authServer")) {
        *problem = "the answer is neither a wallet address nor an incoming payment";
        return RILL_ERR_UNSUPPORTED;
    }
    if (!rill_op_text_of(object, "authServer", out->auth_server, sizeof out->auth_server))
        return fail(problem, "the answer's \"authServer\" is not a URL");
    if (!json_object_get(object, "resourceServer")) {
        out->kind = RILL_OP_INCOMING;
        return RILL_OK;
    }
    out->kind = RILL_OP_WALLET;
    if (!rill_op_text_of(object, "id", out->id, sizeof out->id))
        return fail(problem, "the wallet address has no \"id\"");
    if (!rill_op_text_of(object, "resourceServer", out->resource_server,
                         sizeof out->resource_server))
        return fail(problem, "the wallet address's \"resourceServer\" is not a URL");
    if (!rill_op_asset_of(object, out->asset_code, &out->asset_scale))
        return fail(problem, "the wallet address does not tell its asset");
    return RILL_OK;
}

int rill_op_document_read(rill_op_document *out, const char *body, size_t len, const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    if (!object)
        return fail(problem, "the answer is not a JSON object: it may be a page for people");
    int error = read_document(out, object, problem);
    json_decref(object);
    return error;
}

static int read_token(rill_op_grant *out, const json_t *token, const char **problem)
{
    if (!token_of(token, "value", out->token))
        return fail(problem, "the grant has no access token that can be used");
    if (json_object_get(token, "manage") &&
        !rill_op_text_of(token, "manage", out->manage, sizeof out->manage))
        return fail(problem, "the access token's \"manage\" is not a URL");
    return RILL_OK;
}

static int read_continue(rill_op_grant *out, const json_t *next, const char **problem)
{
    const json_t *wait = json_object_get(next, "wait");
    if (!rill_op_text_of(next, "uri", out->continue_uri, sizeof out->continue_uri) ||
        !token_of(json_object_get(next, "access_token"), "value", out->continue_token))
        return fail(problem, "the grant cannot be continued as it says");
    if (wait && (!json_is_integer(wait) || json_integer_value(wait) < 0))
        return fail(problem, "the grant's \"wait\" is not a number of seconds");
    json_int_t seconds = json_integer_value(wait);
    out->wait_s = seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
    return RILL_OK;
}

static int read_grant(rill_op_grant *out, const json_t *object, const char **problem)
{
    const json_t *token = json_object_get(object, "access_token");
    const json_t *next = json_object_get(object, "continue");
    const json_t *interact = json_object_get(object, "interact");
    int error = RILL_OK;
    *out = (rill_op_grant){.interact = json_is_object(interact)};
    if (!rill_op_text_of(interact, "redirect", out->redirect, sizeof out->redirect) ||
        !rill_op_text_of(interact, "finish", out->finish, sizeof out->finish) ||
        *out->finish == '\0')
        *out->redirect = '\0'; /* no way to ask that we know */
    if (token)
        error = read_token(out, token, problem);
    if (error == RILL_OK && next)
        error = read_continue(out, next, problem);
    if (error == RILL_OK && !token && !next && !out->interact)
        return fail(problem, "the answer is not a grant");
    return error;
}

int rill_op_grant_read(rill_op_grant *out, const char *body, size_t len, const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    if (!object)
        return fail(problem, "the grant is not a JSON object");
    int error = read_grant(out, object, problem);
    json_decref(object);
    return error;
}

int rill_op_token_read(rill_op_grant *grant, const char *body, size_t len, const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    const json_t *token = json_object_get(object, "access_token");
    int error = token ? read_token(grant, token, problem)
                      : fail(problem, "the answer has no new access token");
    json_decref(object);
    return error;
}

bool rill_op_amount_of(const json_t *object, const char *member, rill_op_amount *out)
{
    const json_t *amount = json_object_get(object, member);
    char value[24];
    return rill_op_text_of(amount, "value", value, sizeof value) &&
           rill_amount_parse(value, &out->value) == RILL_OK &&
           rill_op_asset_of(amount, out->asset_code, &out->asset_scale);
}

json_t *rill_op_amount_json(const rill_op_amount *amount)
{
    char value[24];
    snprintf(value, sizeof value, "%" PRIu64, amount->value);
    return json_pack("{s:s,s:s,s:i}", "value", value, "assetCode", amount->asset_code, "assetScale",
                     (int)amount->asset_scale);
}

/* In the payment's asset. */
static int read_amount(const json_t *object, const char *member, rill_incoming_payment *payment,
                       bool *asset_known, uint64_t *out, const char **problem)
{
    rill_op_amount amount;
    if (!rill_op_amount_of(object, member, &amount))
        return fail(problem, "the incoming payment has an amount that is none");
    if (*asset_known && (strcmp(amount.asset_code, payment->asset_code) != 0 ||
                         amount.asset_scale != payment->asset_scale)) {
        *problem = "the incoming payment is in another asset than its wallet address";
        return RILL_ERR_ASSET;
    }
    memcpy(payment->asset_code, amount.asset_code, sizeof amount.asset_code);
    payment->asset_scale = amount.asset_scale;
    *asset_known = true;
    *out = amount.value;
    return RILL_OK;
}

/* The first way of ILP among the methods. */
static int read_methods(rill_incoming_payment *out, bool *has_method, const json_t *methods,
                        const char **problem)
{
    for (size_t i = 0; i < json_array_size(methods); i++) {
        const json_t *method = json_array_get(methods, i);
        const char *type = json_string_value(json_object_get(method, "type"));
        const json_t *secret = json_object_get(method, "sharedSecret");
        rill_credentials *c = &out->credentials;
        size_t len = 0;
        if (!type || strcmp(type, "ilp") != 0)
            continue;
        if (!rill_op_text_of(method, "ilpAddress", c->destination_account,
                             sizeof c->destination_account) ||
            !rill_address_valid((rill_bytes){(const uint8_t *)c->destination_account,
                                             strlen(c->destination_account)}))
            return fail(problem, "the incoming payment's \"ilpAddress\" is not an ILP address");
        if (!json_is_string(secret) ||
            rill_base64_decode(json_string_value(secret), json_string_length(secret),
                               c->shared_secret, sizeof c->shared_secret, &len) != RILL_OK ||
            len != sizeof c->shared_secret)
            return fail(problem,
                        "the incoming payment's \"sharedSecret\" is not 32 bytes in base64");
        *has_method = true;
        return RILL_OK;
    }
    return RILL_OK;
}

static int read_payment(rill_incoming_payment *out, bool *has_method, const json_t *object,
                        const char **problem)
{
    bool asset_known = *out->asset_code != '\0';
    const json_t *incoming = json_object_get(object, "incomingAmount");
    *has_method = false;
    if (!rill_op_text_of(object, "id", out->id, sizeof out->id))
        return fail(problem, "the incoming payment has no \"id\"");
    if (!rill_op_flag_of(object, "completed", &out->completed))
        return fail(problem, "the incoming payment's \"completed\" is neither true nor false");
    int error = RILL_OK;
    out->incoming_amount = 0;
    if (incoming && !json_is_null(incoming))
        error = read_amount(object, "incomingAmount", out, &asset_known, &out->incoming_amount,
                            problem);
    if (error == RILL_OK)
        error = read_amount(object, "receivedAmount", out, &asset_known, &out->received_amount,
                            problem);
    if (error != RILL_OK)
        return error;
    if (!rill_op_expiry_of(object, &out->expires_at_ms))
        return fail(problem, "the incoming payment's \"expiresAt\" is not a date and time");
    return read_methods(out, has_method, json_object_get(object, "methods"), problem);
}

int rill_op_payment_read(rill_incoming_payment *out, bool *has_method, const char *body, size_t len,
                         const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    if (!object)
        return fail(problem, "the incoming payment is not a JSON object");
    int error = read_payment(out, has_method, object, problem);
    json_decref(object);
    return error;
}

void rill_op_error_read(const char *body, size_t len, char *out, size_t cap)
{
    json_t *object = rill_op_object_of(body, len);
    const json_t *error = json_object_get(object, "error");
    const char *code =
        json_string_value(json_is_object(error) ? json_object_get(error, "code") : error);
    const char *description = json_string_value(json_object_get(error, "description"));
    snprintf(out, cap, "%s%s%s", code ? code : "", code && description ? ": " : "",
             description ? description : "");
    json_decref(object);
}

/* ---- times ---- */

static bool digits(const char **at, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        if (**at < '0' || **at > '9')
            return false;
        out[i] = *(*at)++;
    }
    return true;
}

static bool is(const char **at, const char *any)
{
    if (**at == '\0' || !strchr(any, **at))
        return false;
    (*at)++;
    return true;
}

/* Minutes east of Greenwich: "Z", "+01:00". */
static bool offset(const char **at, int *minutes)
{
    char text[4];
    *minutes = 0;
    if (is(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!is(at, "+-") || !digits(at, 2, text) || !is(at, ":") || !digits(at, 2, text + 2))
        return false;
    int hours = (text[0] - '0') * 10 + text[1] - '0';
    int rest = (text[2] - '0') * 10 + text[3] - '0';
    *minutes = sign * (hours * 60 + rest);
    return hours < 24 && rest < 60;
}

int rill_op_time_read(const char *at, uint64_t *wall_ms)
{
    char text[17]; /* as an expiry of ILP: YYYYMMDDHHMMSSmmm */
    int minutes;
    memset(text + 14, '0', 3);
    if (!digits(&at, 4, text) || !is(&at, "-") || !digits(&at, 2, text + 4) || !is(&at, "-") ||
        !digits(&at, 2, text + 6) || !is(&at, "Tt ") || !digits(&at, 2, text + 8) ||
        !is(&at, ":") || !digits(&at, 2, text + 10) || !is(&at, ":") || !digits(&at, 2, text + 12))
        return RILL_ERR_MALFORMED;
    if (is(&at, ".")) {
        size_t count = 0;
        for (; *at >= '0' && *at <= '9'; at++, count++) {
            if (count < 3)
                text[14 + count] = *at;
        }
        if (count == 0)
            return RILL_ERR_MALFORMED;
    }
    if (!offset(&at, &minutes) || *at != '\0' ||
        rill_ilp_time_decode((const uint8_t *)text, wall_ms) != RILL_OK)
        return RILL_ERR_MALFORMED;
    uint64_t apart = (uint64_t)(minutes < 0 ? -minutes : minutes) * 60000;
    if (minutes > 0 && *wall_ms < apart)
        return RILL_ERR_MALFORMED;
    *wall_ms = minutes > 0 ? *wall_ms - apart : *wall_ms + apart;
    return RILL_OK;
}

/* ---- writing ---- */

/* The program may have given the library for JSON functions of its own, to wipe what it frees. */
static void free_text(char *text)
{
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(text);
}

int rill_op_body_of(char **out, size_t *len, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return RILL_ERR_NOMEM;
    int error = rill_json_rewrite(text, strlen(text), out, len);
    free_text(text);
    return error == RILL_ERR_MALFORMED ? RILL_ERR_NOMEM : error;
}

json_t *rill_op_client_of(const rill_jwk *jwk, const char *wallet_address)
{
    char text[RILL_JWK_TEXT_MAX];
    size_t len;
    if (wallet_address)
        return json_pack("{s:s}", "walletAddress", wallet_address);
    if (rill_jwk_write(jwk, text, sizeof text, &len) != RILL_OK)
        return NULL;
    return json_pack("{s:o}", "jwk", json_loadb(text, len, 0, NULL));
}

int rill_op_grant_body(char **out, size_t *len, rill_op_kind kind, const rill_jwk *jwk,
                       const char *wallet_address)
{
    json_t *actions = kind == RILL_OP_WALLET ? json_pack("[sss]", "create", "read", "complete")
                                             : json_pack("[s]", "read-all");
    return rill_op_body_of(out, len,
                           json_pack("{s:{s:[{s:s,s:o}]},s:o}", "access_token", "access", "type",
                                     "incoming-payment", "actions", actions, "client",
                                     rill_op_client_of(jwk, wallet_address)));
}

int rill_op_payment_body(char **out, size_t *len, const rill_op_document *wallet, uint64_t amount,
                         uint64_t expires_at_ms, const json_t *metadata)
{
    json_t *body = json_pack("{s:s}", "walletAddress", wallet->id);
    char text[32];
    uint8_t t[17];
    int failed = body ? 0 : -1;
    if (failed == 0 && amount > 0) {
        rill_op_amount incoming = {.value = amount, .asset_scale = wallet->asset_scale};
        memcpy(incoming.asset_code, wallet->asset_code, sizeof incoming.asset_code);
        failed = json_object_set_new(body, "incomingAmount", rill_op_amount_json(&incoming));
    }
    if (failed == 0 && expires_at_ms > 0 && rill_ilp_time_encode(expires_at_ms, t) == RILL_OK) {
        snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.%.3sZ", (char *)t, (char *)t + 4,
                 (char *)t + 6, (char *)t + 8, (char *)t + 10, (char *)t + 12, (char *)t + 14);
        failed = json_object_set_new(body, "expiresAt", json_string(text));
    }
    if (failed == 0 && metadata)
        failed = json_object_set_new(body, "metadata", json_deep_copy(metadata));
    if (failed != 0) {
        json_decref(body);
        return RILL_ERR_NOMEM;
    }
    return rill_op_body_of(out, len, body);
}

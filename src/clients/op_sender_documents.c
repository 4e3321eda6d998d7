/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/op_sender_documents.h"

#include <string.h>

#include <rill/error.h>

static int fail(const char **problem, const char *text)
{
    *problem = text;
    return RILL_ERR_MALFORMED;
}

/* ---- reading ---- */

static int read_quote(rill_op_quote *out, const json_t *object, const char **problem)
{
    rill_op_amount debit, receive;
    *out = (rill_op_quote){0};
    if (!rill_op_text_of(object, "id", out->id, sizeof out->id))
        return fail(problem, "the quote has no \"id\"");
    if (!rill_op_text_of(object, "receiver", out->incoming_payment, sizeof out->incoming_payment))
        return fail(problem, "the quote does not say which incoming payment it is for");
    if (!rill_op_amount_of(object, "debitAmount", &debit) ||
        !rill_op_amount_of(object, "receiveAmount", &receive))
        return fail(problem, "the quote has an amount that is none");
    out->debit_amount = debit.value;
    out->debit_asset_scale = debit.asset_scale;
    memcpy(out->debit_asset_code, debit.asset_code, sizeof out->debit_asset_code);
    out->receive_amount = receive.value;
    out->receive_asset_scale = receive.asset_scale;
    memcpy(out->receive_asset_code, receive.asset_code, sizeof out->receive_asset_code);
    if (!rill_op_expiry_of(object, &out->expires_at_ms))
        return fail(problem, "the quote's \"expiresAt\" is not a date and time");
    return RILL_OK;
}

int rill_op_quote_read(rill_op_quote *out, const char *body, size_t len, const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    int error =
        object ? read_quote(out, object, problem) : fail(problem, "the quote is not a JSON object");
    json_decref(object);
    return error;
}

static int read_outgoing(rill_op_outgoing *out, const json_t *object, const char **problem)
{
    *out = (rill_op_outgoing){0};
    if (!rill_op_flag_of(object, "failed", &out->failed))
        return fail(problem, "the outgoing payment's \"failed\" is neither true nor false");
    if (!rill_op_text_of(object, "id", out->id, sizeof out->id))
        return fail(problem, "the outgoing payment has no \"id\"");
    if (!rill_op_text_of(object, "receiver", out->receiver, sizeof out->receiver))
        return fail(problem, "the outgoing payment does not say whom it pays");
    if (!rill_op_amount_of(object, "debitAmount", &out->debit) ||
        !rill_op_amount_of(object, "sentAmount", &out->sent))
        return fail(problem, "the outgoing payment has an amount that is none");
    return RILL_OK;
}

int rill_op_outgoing_read(rill_op_outgoing *out, const char *body, size_t len, const char **problem)
{
    json_t *object = rill_op_object_of(body, len);
    int error = object ? read_outgoing(out, object, problem)
                       : fail(problem, "the outgoing payment is not a JSON object");
    json_decref(object);
    return error;
}

/* ---- writing ---- */

int rill_op_quote_grant_body(char **out, size_t *len, const char *wallet_address)
{
    return rill_op_body_of(out, len,
                           json_pack("{s:{s:[{s:s,s:[ss]}]},s:o}", "access_token", "access", "type",
                                     "quote", "actions", "create", "read", "client",
                                     rill_op_client_of(NULL, wallet_address)));
}

int rill_op_quote_body(char **out, size_t *len, const char *wallet_address,
                       const char *incoming_payment, const rill_op_amount *amount, bool deliver)
{
    json_t *body = json_pack("{s:s,s:s,s:s}", "walletAddress", wallet_address, "receiver",
                             incoming_payment, "method", "ilp");
    if (body && amount &&
        json_object_set_new(body, deliver ? "receiveAmount" : "debitAmount",
                            rill_op_amount_json(amount)) != 0) {
        json_decref(body);
        body = NULL;
    }
    return rill_op_body_of(out, len, body);
}

int rill_op_outgoing_grant_body(char **out, size_t *len, const char *wallet_address,
                                const rill_op_quote *quote, const char *finish_uri,
                                const char *nonce)
{
    rill_op_amount debit = {.value = quote->debit_amount, .asset_scale = quote->debit_asset_scale};
    memcpy(debit.asset_code, quote->debit_asset_code, sizeof debit.asset_code);
    json_t *limits = json_pack("{s:s,s:o}", "receiver", quote->incoming_payment, "debitAmount",
                               rill_op_amount_json(&debit));
    return rill_op_body_of(
        out, len,
        json_pack("{s:{s:[{s:s,s:[ss],s:s,s:o}]},s:o,s:{s:[s],s:{s:s,s:s,s:s}}}", "access_token",
                  "access", "type", "outgoing-payment", "actions", "create", "read", "identifier",
                  wallet_address, "limits", limits, "client",
                  rill_op_client_of(NULL, wallet_address), "interact", "start", "redirect",
                  "finish", "method", "redirect", "uri", finish_uri, "nonce", nonce));
}

int rill_op_continue_body(char **out, size_t *len, const char *interact_ref)
{
    return rill_op_body_of(out, len, json_pack("{s:s}", "interact_ref", interact_ref));
}

int rill_op_outgoing_body(char **out, size_t *len, const char *wallet_address, const char *quote_id,
                          const json_t *metadata)
{
    json_t *body = json_pack("{s:s,s:s}", "walletAddress", wallet_address, "quoteId", quote_id);
    if (body && metadata && json_object_set_new(body, "metadata", json_deep_copy(metadata)) != 0) {
        json_decref(body);
        body = NULL;
    }
    return rill_op_body_of(out, len, body);
}

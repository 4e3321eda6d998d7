/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/core_engines.h"

#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "connector/core_impl.h"
#include "ilp/peer.h"

static void refuse(rill_engine_reply *out, unsigned status, const char *why)
{
    out->status = status;
    out->type = "text/plain; charset=utf-8";
    (void)snprintf(out->body, sizeof out->body, "%s", why);
}

static bool take_word(rill_bytes *path, const char *word)
{
    size_t len = strlen(word);
    if (path->len < len || memcmp(path->data, word, len) != 0)
        return false;
    *path = (rill_bytes){path->data + len, path->len - len};
    return true;
}

/* Visible ASCII. */
static bool read_key(rill_bytes value, char out[RILL_SETTLE_KEY_MAX + 1])
{
    if (value.len == 0 || value.len > RILL_SETTLE_KEY_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] <= ' ' || value.data[i] > '~')
            return false;
    }
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

static void credit(rill_core *c, rill_settling *a, const rill_engine_request *r,
                   rill_engine_reply *out)
{
    char key[RILL_SETTLE_KEY_MAX + 1];
    rill_quantity quantity;
    if (!read_key(r->key, key)) {
        refuse(out, 400, "Idempotency-Key: one of 1 to 200 visible characters is needed");
        return;
    }
    if (rill_quantity_read(&quantity, r->body) != RILL_OK) {
        refuse(out, 400, "the body must be a Quantity: {\"amount\":\"254\",\"scale\":2}");
        return;
    }
    if (c->failing) {
        refuse(out, 503, "the books cannot be written");
        return;
    }
    switch (rill_settler_credit(&c->settler, a, key, &quantity, rill_core_now(c), &out->group)) {
    case RILL_OK:
    case RILL_ERR_EXISTS:
        /* All of it: what is less than a unit is kept here, and not for the engine to keep. */
        out->status = 201;
        rill_quantity_json(&quantity, out->body);
        break;
    case RILL_ERR_STATE:
        refuse(out, 409, "this Idempotency-Key came with another amount");
        out->group = 0;
        break;
    case RILL_ERR_RANGE:
        refuse(out, 400, "the amount is more, or finer, than an account can have");
        break;
    default:
        refuse(out, 503, "there is no room for it now");
        break;
    }
}

static void send_to_neighbour(rill_core *c, const rill_holder_account *holder, rill_bytes data,
                              rill_engine_reply *out)
{
    static const rill_bytes to = {(const uint8_t *)RILL_SETTLE, sizeof RILL_SETTLE - 1};
    rill_settling *a = holder->settling;
    const uint64_t wait = c->options.config->max_hold_time;
    const rill_prepare prepare = {
        .expires_at_ms = rill_add_sat(rill_core_now(c).wall_ms, wait / RILL_MS),
        .condition = rill_peer_condition,
        .destination = to,
        .data = data,
    };
    if (a->messages >= CORE_MESSAGES) {
        refuse(out, 503, "too many messages of the account wait");
        return;
    }
    const uint64_t id = rill_settler_next_id(&c->settler, a);
    int rc = rill_hub_ask(c->hub, &holder->terms, &prepare, wait, id | CORE_IS_MESSAGE);
    if (rc != RILL_OK) {
        refuse(out, rc == RILL_ERR_TOO_LARGE ? 413 : 503,
               rc == RILL_ERR_NOT_CONNECTED ? "the neighbour is not connected" : rill_strerror(rc));
        return;
    }
    a->messages++;
    out->message = id;
}

/* "/accounts/NAME" and what comes after it. False: the path is another one. */
static bool take_account(rill_bytes *path, rill_bytes *name)
{
    const uint8_t *end = NULL;
    if (take_word(path, "/accounts/"))
        end = path->len == 0 ? NULL : memchr(path->data, '/', path->len);
    if (end == NULL)
        return false;
    *name = (rill_bytes){path->data, (size_t)(end - path->data)};
    *path = (rill_bytes){end, path->len - name->len};
    return true;
}

bool rill_core_engine_has_tokens(const rill_core *c, rill_bytes path, rill_bytes *account)
{
    const rill_holder_account *holder =
        take_account(&path, account) ? rill_core_find(c, *account) : NULL;
    return holder != NULL && holder->config->settlement->tokens.count > 0;
}

/* The line of the audit is of the engine's token. */
static void credit_as(rill_core *c, rill_settling *a, const rill_engine_request *r,
                      rill_engine_reply *out)
{
    rill_core_ask_as(c, r->person);
    credit(c, a, r, out);
    rill_core_ask_as(c, NULL);
}

void rill_core_engine_ask(rill_core *c, const rill_engine_request *r, rill_engine_reply *out)
{
    rill_bytes path = r->path;
    *out = (rill_engine_reply){.type = "application/json"};
    if (!r->known) {
        refuse(out, 401, "a token of the configuration is needed");
        return;
    }
    rill_bytes name;
    if (!take_account(&path, &name)) {
        refuse(out, 404, "there is no such resource");
        return;
    }
    bool settles = path.len == strlen("/settlements") && take_word(&path, "/settlements");
    bool speaks = !settles && path.len == strlen("/messages") && take_word(&path, "/messages");
    rill_holder_account *holder = rill_core_find(c, name);
    rill_settling *a = holder == NULL || holder->leaving ? NULL : holder->settling;
    if (!settles && !speaks)
        refuse(out, 404, "there is no such resource");
    else if (a == NULL || a->terms.engine == NULL)
        refuse(out, 404, "there is no such account, or it has no engine");
    else if (r->method.len != 4 || memcmp(r->method.data, "POST", 4) != 0)
        refuse(out, 405, "this resource takes POST");
    else if (settles)
        credit_as(c, a, r, out);
    else
        send_to_neighbour(c, holder, r->body, out);
}

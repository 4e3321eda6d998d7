/* SPDX-License-Identifier: Apache-2.0 */
/* Settlement engines: their accounts, and what they answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/core_impl.h"

/* A neighbour's message that an engine is asked about. */
typedef struct engine_message {
    rill_settling *account;
    uint64_t ticket; /* the hub's */
} engine_message;

/* ---- accounts ---- */

/* Its token; NULL: none, or it has been complained about. */
static const char *read_token(rill_core *c, const rill_config_account *config, char *out,
                              size_t cap)
{
    const char *where = config->settlement->token;
    if (where == NULL)
        return NULL;
    int rc = c->options.secret(c->options.user, where, out, cap);
    if (rc == RILL_OK)
        return out;
    char what[300];
    (void)snprintf(what, sizeof what, "the token %.200s cannot be read: %s", where,
                   rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
    rill_core_complain(c, config->settlement->place, config->name, what);
    return NULL;
}

int rill_core_prepare_settlement(rill_core *c, rill_holder_account *holder,
                                 const rill_config_account *config)
{
    const rill_config_settlement *wanted = config->settlement;
    char token[RILL_TOKEN_MAX + 1];
    rill_settling *a = rill_settler_find(&c->settler, holder->balance.id);
    if (a == NULL && wanted->engine == NULL)
        return RILL_OK;
    /* Not the scale of a configuration that is about to be refused for it. */
    const uint8_t scale = c->rates.assets[holder->balance.asset].scale;
    int rc = rill_settler_attach(&a, &c->settler, holder->balance.id, config->name, scale,
                                 &holder->balance);
    if (rc != RILL_OK)
        return rc;
    holder->settling = a;
    const rill_settler_wanted what = {
        .engine = wanted->engine,
        .token = read_token(c, config, token, sizeof token),
        .where = wanted->token,
        .threshold = wanted->threshold,
        .settle_to = wanted->settle_to,
        .scale = wanted->scale == RILL_CONFIG_ACCOUNTS_SCALE ? config->asset.scale
                                                             : (uint8_t)wanted->scale,
    };
    rc = rill_settler_prepare(&c->settler, a, &what);
    rill_wipe(token, sizeof token);
    return rc;
}

typedef struct token_reader {
    const rill_core *core;
    char token[RILL_TOKEN_MAX + 1];
} token_reader;

static const char *on_read_token(void *user, const char *where)
{
    token_reader *r = user;
    const rill_core *c = r->core;
    if (c->options.secret(c->options.user, where, r->token, sizeof r->token) == RILL_OK)
        return r->token;
    rill_log_line(&c->options.log, RILL_LOG_WARNING,
                  "the token %.200s of an engine before cannot be read: it is asked without one",
                  where);
    return NULL;
}

int rill_core_know_engine_tokens(rill_core *c, const rill_store_setting *setting)
{
    token_reader r = {.core = c};
    int rc = rill_settler_know_tokens(&c->settler, setting, on_read_token, &r);
    rill_wipe(r.token, sizeof r.token);
    return rc;
}

int rill_core_know_engine_terms(rill_core *c, const rill_store_setting *setting)
{
    return rill_settler_know_terms(&c->settler, setting);
}

void rill_core_agree_settlement(rill_core *c, const rill_holder_account *holder)
{
    if (holder->settling == NULL)
        return;
    rill_settler_agree(&c->settler, holder->settling, c->options.now(c->options.user));
}

void rill_core_forget_settlement(rill_core *c, const rill_holder_account *holder)
{
    if (holder->settling != NULL)
        rill_settler_forget(&c->settler, holder->settling);
}

void rill_core_end_settlement(rill_core *c, const rill_holder_account *holder)
{
    rill_core_forget_settlement(c, holder);
    rill_core_agree_settlement(c, holder);
}

int rill_core_name_settlements(rill_core *c)
{
    int rc = RILL_OK;
    for (size_t i = 0; i < c->known_count && rc == RILL_OK; i++) {
        const known_balance *k = &c->known[i];
        rill_settling *a = rill_settler_find(&c->settler, k->id);
        if (a != NULL && a->name == NULL)
            rc = rill_settler_attach(&a, &c->settler, k->id, k->name, k->scale, NULL);
        if (a != NULL && a->balance == NULL && rc == RILL_OK)
            rill_settler_keep_tokens(&c->settler, a, c->options.now(c->options.user).wall_ms);
        if (a != NULL && a->balance == NULL && a->of != NULL && rc == RILL_OK)
            rill_log_account_line(&c->options.log, RILL_LOG_WARNING, a->name,
                                  "it is not in the configuration, or has another asset, "
                                  "and %s is still asked to settle %" PRIu64 " units of it, key %s",
                                  a->of->url, a->asked, a->key);
    }
    return rc;
}

int rill_core_know_settlement(rill_core *c, const rill_store_settlement *settlement)
{
    return rill_settler_know(&c->settler, settlement, c->options.now(c->options.user).mono_ns);
}

void rill_core_look_to_settle(rill_core *c, const rill_holder_account *holder)
{
    if (rill_settling_is_due(holder->settling))
        rill_settler_look(&c->settler, holder->settling, c->options.now(c->options.user));
}

/* ---- what engines answer ---- */

static int on_call(void *user, const rill_engine_call *call)
{
    const rill_core *c = user;
    return c->options.engine == NULL ? RILL_ERR_UNSUPPORTED
                                     : c->options.engine(c->options.user, call);
}

static int on_random(void *user, uint8_t *out, size_t len)
{
    const rill_core *c = user;
    return rill_crypto_random(c->options.crypto, out, len);
}

static void on_soon(void *user)
{
    const rill_core *c = user;
    c->options.soon(c->options.user);
}

void rill_core_init_settler(rill_core *c, const uint64_t seeds[2])
{
    const rill_settler_options o = {
        .allocator = c->options.allocator,
        .clerk = &c->clerk,
        .call = on_call,
        .random = on_random,
        .soon = on_soon,
        .log = &c->options.log,
        .user = c,
        .seed = seeds[0],
    };
    rill_settler_init(&c->settler, &o);
    rill_map_init(&c->messages, c->options.allocator, seeds[1]);
}

void rill_core_clear_settler(rill_core *c)
{
    size_t cursor = 0;
    uint64_t id;
    void *message;
    while (rill_map_next(&c->messages, &cursor, &id, &message))
        rill_free(c->options.allocator, message);
    rill_map_clear(&c->messages);
    rill_settler_clear(&c->settler);
}

/* What the neighbour is told of an engine's answer (RFC 38, "Exchanging messages"). */
static void answer_message(const rill_core *c, uint64_t ticket, const rill_engine_answer *answer)
{
    const bool refused = answer->status >= 400 && answer->status < 500;
    const rill_talk_answer told = {
        .fulfilled = answer->status >= 200 && answer->status < 300,
        .code = rill_ilp_code_of(refused ? RILL_ILP_F00_BAD_REQUEST : RILL_ILP_T00_INTERNAL_ERROR),
        .data = answer->body,
    };
    rill_hub_answer(c->hub, ticket, &told,
                    refused ? "the settlement engine refuses the message"
                            : "the settlement engine cannot answer");
}

/* The account is not open, and what no engine took of it is owed again. */
static void give_back_closed(rill_core *c, rill_settling *a)
{
    rill_balance *balance;
    /* Only where something is to be booked: no account is opened for nothing. */
    if (a->balance != NULL || a->of != NULL || a->left_out.units == 0 ||
        rill_core_open_closed(c, a->id, &balance) != RILL_OK)
        return;
    rill_settler_give_back(&c->settler, a, balance, c->options.now(c->options.user));
    rill_core_keep_closed(c, balance);
}

void rill_core_engine_answered(rill_core *c, uint64_t id, const rill_engine_answer *answer)
{
    engine_message *message = rill_map_remove(&c->messages, id);
    if (message != NULL) {
        uint64_t ticket = message->ticket;
        message->account->messages--;
        rill_free(c->options.allocator, message);
        answer_message(c, ticket, answer);
        return;
    }
    rill_settling *a = rill_settler_find_call(&c->settler, id);
    if (a != NULL) {
        rill_settler_answered(&c->settler, a, id, answer, c->options.now(c->options.user));
        give_back_closed(c, a);
    }
    c->options.soon(c->options.user);
}

/* ---- a neighbour's message to our engine ---- */

static int send_message(rill_core *c, rill_settling *a, rill_bytes data, uint64_t ticket)
{
    char path[RILL_STORE_NAME_MAX + 40];
    engine_message *message = rill_alloc(c->options.allocator, sizeof *message);
    if (message == NULL)
        return RILL_ERR_NOMEM;
    (void)snprintf(path, sizeof path, "/accounts/%s/messages", a->name);
    const rill_engine_call call = {
        .id = rill_settler_next_id(&c->settler, a),
        .method = "POST",
        .engine = a->terms.engine->url,
        .path = path,
        .token = a->terms.token,
        .type = "application/octet-stream",
        .body = data,
    };
    *message = (engine_message){a, ticket};
    int rc = rill_map_put(&c->messages, call.id, message);
    if (rc == RILL_OK) {
        rc = on_call(c, &call);
        if (rc != RILL_OK)
            rill_map_remove(&c->messages, call.id);
    }
    if (rc != RILL_OK) {
        rill_free(c->options.allocator, message);
        return RILL_ERR_NOMEM;
    }
    a->messages++;
    return RILL_OK;
}

int rill_core_settle_message(rill_core *c, const rill_holder_account *from, rill_bytes data,
                             uint64_t ticket)
{
    rill_settling *a = from->settling;
    if (a == NULL || a->terms.engine == NULL)
        return RILL_ERR_NOT_FOUND;
    if (a->messages >= CORE_MESSAGES)
        return RILL_ERR_LIMIT;
    return send_message(c, a, data, ticket);
}

/* ---- a neighbour's answer to an engine's message ---- */

bool rill_core_messaged(rill_core *c, const rill_holder_account *from, uint64_t id,
                        const rill_talk_answer *answer)
{
    if ((id & CORE_IS_MESSAGE) == 0)
        return false;
    unsigned status = 502;
    switch (rill_ilp_code_find(answer->code)) {
    case RILL_ILP_F00_BAD_REQUEST:
        status = 400;
        break;
    case RILL_ILP_F02_UNREACHABLE:
        status = 404;
        break;
    case RILL_ILP_R00_TRANSFER_TIMED_OUT:
        status = 504;
        break;
    default:
        break;
    }
    from->settling->messages--;
    if (c->options.messaged != NULL)
        c->options.messaged(c->options.user, id & ~CORE_IS_MESSAGE,
                            answer->fulfilled ? 201 : status, answer->data);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settlement engines ask, with whatever token they show, while the store writes or fails, and
 * after a store has said anything of their tokens: who shows none that is known gets nothing, each
 * key is booked once, and all that an engine has told is in the balance or left below a unit.
 *
 * Input: what the store had of tokens, then requests: a token, a path, a method, a key and a body.
 */
#include <stdio.h>
#include <strings.h>

#include "books_world.h"
#include "connector/core_engines.h"
#include "connector/tokens.h"
#include "http/bearer.h"
#include "program.h"

enum { STEPS = 80, KEYS = 80 };

static books_world w;
static rill_tokens tokens;
static int engine;

static const char first_token[] = "one";
static const char second_token[] = "another-token";

/* What was told with a key, and taken. */
static struct {
    char key[256];
    unsigned account;
    char body[RILL_QUANTITY_JSON]; /* as it was answered */
} told[KEYS];
static size_t told_count;

static const char *const names[] = {"alice", "bob", "carol", "eve"};

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* By the letter of RFC 6750: the scheme in any case, one blank, and the token. */
static bool is_good(rill_bytes value)
{
    const char *v = (const char *)value.data;
    if (value.len < 8 || strncasecmp(v, "bearer ", 7) != 0)
        return false;
    const rill_bytes token = {value.data + 7, value.len - 7};
    return same_bytes(token, text(first_token)) || same_bytes(token, text(second_token));
}

static bool is_known(rill_bytes value)
{
    rill_bytes token;
    return rill_bearer_parse(value, &token) == RILL_OK && rill_tokens_find(&tokens, token) != NULL;
}

static rill_bytes take_token(program *p, char out[64])
{
    const uint8_t what = take_byte(p);
    if (what < 128)
        (void)snprintf(out, 64, "Bearer %s", what % 2 == 0 ? first_token : second_token);
    else
        return take_bytes(p, 255);
    return text(out);
}

/* ---- a request ---- */

static void check_money(const rill_engine_request *r, const rill_engine_reply *reply,
                        const char *name, int64_t before)
{
    size_t i = 0;
    unsigned account = 0;
    if (strcmp(name, names[2]) == 0 || strcmp(name, names[3]) == 0)
        return;
    account = strcmp(name, names[1]) == 0;
    const int64_t came = books_balance(&w, name) - before;
    CHECK(came >= 0);
    if (reply->status != 201) {
        CHECK(came == 0);
        return;
    }
    CHECK(r->key.len > 0 && r->key.len < sizeof told[0].key);
    while (i < told_count && (told[i].account != account || !same_bytes(text(told[i].key), r->key)))
        i++;
    if (i < told_count) {
        CHECK(came == 0 && strcmp(told[i].body, reply->body) == 0);
        return;
    }
    if (told_count == KEYS)
        return;
    (void)snprintf(told[i].key, sizeof told[i].key, "%.*s", (int)r->key.len,
                   (const char *)r->key.data);
    (void)snprintf(told[i].body, sizeof told[i].body, "%s", reply->body);
    told[i].account = account;
    told_count++;
}

static void ask(program *p)
{
    char token[64];
    char path[160];
    rill_engine_reply reply;
    const rill_bytes shown = take_token(p, token);
    const uint8_t where = take_byte(p);
    const char *name = names[where % 4];
    const bool known = is_known(shown);
    CHECK(known == is_good(shown));
    (void)snprintf(path, sizeof path, "/accounts/%s/%s", name,
                   where % 16 < 12 ? "settlements" : "messages");
    rill_engine_request request = {.method = text(where < 240 ? "POST" : "PUT"),
                                   .path = text(path),
                                   .key = take_bytes(p, 255),
                                   .body = take_bytes(p, 255),
                                   .known = known};
    if (where >= 224)
        request.path = take_bytes(p, 255);
    const int64_t before = where % 4 < 2 ? books_balance(&w, name) : 0;
    rill_core_engine_ask(w.core, &request, &reply);
    CHECK(reply.message != 0 || (reply.status >= 200 && reply.status < 600));
    CHECK(known ? reply.status != 401 : reply.status == 401 && reply.group == 0);
    if (where < 224)
        check_money(&request, &reply, name, before);
}

/* What an engine answers to what it is asked. */
static void answer(program *p)
{
    static const unsigned statuses[] = {0, 200, 201, 204, 400, 404, 409, 500};
    const uint64_t id = w.call;
    const rill_engine_answer a = {statuses[take_byte(p) % 8], "it is away", take_bytes(p, 255)};
    w.call = 0;
    if (id != 0)
        rill_core_engine_answered(w.core, id, &a);
}

/* Less than a key is kept for, all steps together. */
static void pass(uint64_t ms)
{
    w.now.mono_ns += ms * RILL_MS;
    w.now.wall_ms += ms;
}

static void act(program *p)
{
    switch (take_byte(p) % 8) {
    case 0:
        books_turn(&w);
        break;
    case 1:
        books_written(&w, take_byte(p) % 4 != 0);
        break;
    case 2:
        answer(p);
        break;
    case 3:
        pass(take_number(p) % 600000);
        break;
    default:
        ask(p);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    books_setting setting = {.kind = RILL_SETTING_ENGINE_TOKENS};
    if (size > 20000)
        return 0;
    (void)snprintf(setting.name, sizeof setting.name, "%u", (unsigned)take_byte(&p));
    const rill_bytes value = take_bytes(&p, 255);
    (void)snprintf(setting.value, sizeof setting.value, "%.*s", (int)value.len,
                   (const char *)value.data);
    told_count = 0;
    books_begin(&w, &setting, value.len > 0);
    rill_tokens_init(&tokens, rill_allocator_default(), w.crypto, 5);
    CHECK(rill_tokens_add(&tokens, text(first_token), &engine) == RILL_OK);
    CHECK(rill_tokens_add(&tokens, text(second_token), &engine) == RILL_OK);
    for (unsigned i = 0; i < STEPS && p.left > 0; i++) {
        act(&p);
        books_check(&w);
    }
    rill_tokens_clear(&tokens);
    books_end(&w);
    return 0;
}

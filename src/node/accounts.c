/* SPDX-License-Identifier: Apache-2.0 */
#include "node/accounts.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/prefetch.h"

/*
 * Accounts that are allocated together, at first and at most. With the place of
 * one more, which aligns them, the most are 2 MB: a large page, so that the
 * processor need not look up where each account is.
 */
enum { FIRST_BLOCK = 15, LARGEST_BLOCK = 8191 };

void rill_accounts_init(rill_accounts *a, const rill_allocator *allocator, rill_crypto *crypto,
                        size_t max, size_t max_name, const uint64_t key[2])
{
    a->allocator = allocator;
    a->crypto = crypto;
    a->kept = 0;
    a->max = max;
    a->max_name = max_name < RILL_MAX_ACCOUNT_NAME ? max_name : RILL_MAX_ACCOUNT_NAME;
    rill_names_init(&a->names, allocator, key);
    rill_list_init(&a->idle);
    rill_list_init(&a->free);
    a->blocks = NULL;
    a->block_count = 0;
    a->fresh = NULL;
    a->fresh_count = 0;
}

static rill_account *account_of(rill_name *name)
{
    return name == NULL ? NULL : RILL_CONTAINER(name, rill_account, name);
}

/* Looks like the hash of a token, and so is one: the hash of that token and no other. */
static bool is_token_name(rill_bytes name)
{
    uint8_t hash[RILL_SHA256_LEN];
    size_t len = 0;
    return name.len == RILL_TOKEN_NAME_LEN &&
           rill_base64_decode((const char *)name.data, name.len, hash, sizeof hash, &len) ==
               RILL_OK &&
           len == sizeof hash;
}

/* ---- memory ---- */

static int grow(rill_accounts *a)
{
    size_t count = FIRST_BLOCK;
    for (size_t i = 0; i < a->block_count && count < LARGEST_BLOCK; i++)
        count = 2 * count + 1;
    void **blocks = rill_realloc_array(a->allocator, a->blocks, a->block_count + 1, sizeof *blocks);
    if (blocks == NULL)
        return RILL_ERR_NOMEM;
    a->blocks = blocks;
    uint8_t *block = rill_alloc(a->allocator, (count + 1) * sizeof(rill_account));
    if (block == NULL)
        return RILL_ERR_NOMEM;
    a->blocks[a->block_count++] = block;
    size_t past = (uintptr_t)block % RILL_ACCOUNT_ALIGNMENT;
    rill_account *accounts =
        (rill_account *)(void *)(block + (past == 0 ? 0 : RILL_ACCOUNT_ALIGNMENT - past));
    a->fresh = accounts;
    a->fresh_count = count;
    return RILL_OK;
}

/* All zero but for what links it, with this name. NULL: no memory */
static rill_account *take(rill_accounts *a, rill_bytes name)
{
    bool used = !rill_list_empty(&a->free);
    if (!used && a->fresh_count == 0 && grow(a) != RILL_OK)
        return NULL;
    rill_account *account = used ? RILL_CONTAINER(a->free.next, rill_account, idle) : a->fresh;
    char *text = account->text;
    if (name.len >= sizeof account->text)
        text = rill_alloc(a->allocator, name.len + 1);
    if (text == NULL)
        return NULL;
    if (used) {
        rill_list_remove(&account->idle);
    } else {
        a->fresh++;
        a->fresh_count--;
    }
    memset(account, 0, sizeof *account);
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    account->name.bytes = (rill_bytes){(const uint8_t *)text, name.len};
    rill_list_init(&account->idle);
    rill_list_init(&account->sessions);
    return account;
}

/* It is in no list. */
static void give_back(rill_accounts *a, rill_account *account)
{
    if (rill_account_text(account) != account->text)
        rill_free(a->allocator, (void *)(uintptr_t)account->name.bytes.data);
    rill_wipe(account->of.token_hash, sizeof account->of.token_hash);
    account->name.bytes = (rill_bytes){NULL, 0};
    rill_list_push_front(&a->free, &account->idle);
}

static void forget(rill_accounts *a, rill_account *account)
{
    rill_list_remove(&account->idle);
    rill_names_remove(&a->names, &account->name);
    if (!is_token_name(account->name.bytes))
        a->kept--;
    give_back(a, account);
}

void rill_accounts_clear(rill_accounts *a)
{
    size_t cursor = 0;
    for (rill_account *account; (account = rill_accounts_next(a, &cursor)) != NULL;)
        forget(a, account);
    rill_names_clear(&a->names);
    for (size_t i = 0; i < a->block_count; i++)
        rill_free(a->allocator, a->blocks[i]);
    rill_free(a->allocator, a->blocks);
}

const char *rill_account_text(const rill_account *account)
{
    return (const char *)account->name.bytes.data;
}

rill_account *rill_accounts_find(const rill_accounts *a, rill_bytes name)
{
    return account_of(rill_names_find(&a->names, name));
}

uint64_t rill_accounts_begin(const rill_accounts *a, rill_bytes name)
{
    return rill_names_begin(&a->names, name);
}

rill_account *rill_accounts_candidate(const rill_accounts *a, uint64_t begun)
{
    rill_account *account = account_of(rill_names_candidate(&a->names, begun));
    if (account != NULL)
        rill_account_prefetch(account);
    return account;
}

void rill_account_prefetch(const rill_account *account)
{
    rill_prefetch(account, offsetof(rill_account, of));
}

bool rill_account_is(const rill_account *account, rill_bytes name)
{
    return name.len > 0 && rill_name_is(&account->name, name);
}

rill_session *rill_account_new_session(const rill_accounts *a, rill_account *account)
{
    rill_session *session = &account->first;
    if (session->account != NULL)
        session = rill_alloc(a->allocator, sizeof *session);
    if (session == NULL)
        return NULL;
    *session = (rill_session){.account = account};
    rill_list_init(&session->in_account);
    rill_list_init(&session->open);
    return session;
}

void rill_account_free_session(const rill_accounts *a, rill_session *session)
{
    if (session == &session->account->first)
        session->account = NULL;
    else
        rill_free(a->allocator, session);
}

rill_account *rill_accounts_next(const rill_accounts *a, size_t *cursor)
{
    return account_of(rill_names_next(&a->names, cursor));
}

void rill_account_hold(rill_account *account)
{
    /* Only what nobody holds is in a list; whether it is, is rarely in the cache. */
    if (account->holds++ == 0 && rill_list_linked(&account->idle))
        rill_list_remove(&account->idle);
}

void rill_account_release(rill_accounts *a, rill_account *account)
{
    account->holds--;
    if (account->holds == 0 && is_token_name(account->name.bytes))
        rill_list_push_back(&a->idle, &account->idle);
}

static bool is_segment_byte(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '~' || c == '-';
}

bool rill_account_name_valid(rill_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_segment_byte(name.data[i]))
            return false;
    }
    return name.len > 0;
}

_Static_assert(sizeof(rill_account) <= (size_t)2 * RILL_ACCOUNT_ALIGNMENT, "see accounts.h");

static int create(rill_accounts *a, rill_bytes name, const uint8_t hash[RILL_SHA256_LEN],
                  rill_account **out)
{
    bool named_by_token = is_token_name(name);
    if (!named_by_token && a->kept >= a->max - a->max / 2)
        return RILL_ERR_LIMIT;
    if (rill_names_count(&a->names) >= a->max) {
        if (rill_list_empty(&a->idle))
            return RILL_ERR_LIMIT;
        forget(a, RILL_CONTAINER(a->idle.next, rill_account, idle));
    }
    rill_account *account = take(a, name);
    if (account == NULL)
        return RILL_ERR_NOMEM;
    int rc = rill_names_put(&a->names, &account->name, account->name.bytes);
    if (rc != RILL_OK) {
        give_back(a, account);
        return rc;
    }
    memcpy(account->of.token_hash, hash, RILL_SHA256_LEN);
    if (!named_by_token)
        a->kept++;
    *out = account;
    return RILL_OK;
}

int rill_accounts_add_parent(rill_accounts *a, rill_account **out)
{
    static const rill_bytes name = {(const uint8_t *)"(parent)", 8};
    if (rill_names_count(&a->names) >= a->max)
        return RILL_ERR_LIMIT;
    rill_account *account = take(a, name);
    if (account == NULL)
        return RILL_ERR_NOMEM;
    int rc = rill_names_put(&a->names, &account->name, account->name.bytes);
    if (rc != RILL_OK) {
        give_back(a, account);
        return rc;
    }
    a->kept++;
    account->holds = 1;
    *out = account;
    return RILL_OK;
}

rill_account *rill_accounts_open(rill_accounts *a, rill_terms *terms)
{
    static const rill_bytes none = {(const uint8_t *)"", 0};
    rill_account *account = take(a, none);
    if (account == NULL)
        return NULL;
    account->name.bytes = terms->name.bytes; /* which stay for longer */
    account->of.terms = terms;
    account->holds = 1;
    return account;
}

void rill_accounts_close(rill_accounts *a, rill_account *account)
{
    assert(account->holds == 1 && !rill_list_linked(&account->idle));
    account->name.bytes = (rill_bytes){(const uint8_t *)account->text, 0};
    give_back(a, account);
}

/* Refuses what cannot be: `name` is the client's, `hash` its token's. */
static const char *name_problem(const rill_accounts *a, rill_bytes name, rill_bytes token_name)
{
    if (name.len > a->max_name)
        return "the account name is too long";
    if (!rill_account_name_valid(name))
        return "the account name has characters that an ILP address cannot have";
    /* Else a stranger could take the address of somebody who has only a token. */
    if (is_token_name(name) && !rill_equal_ct(name.data, token_name.data, token_name.len))
        return "the account name is the hash of another token";
    return NULL;
}

int rill_accounts_admit(rill_accounts *a, rill_bytes name, rill_bytes token, rill_account **out,
                        const char **problem)
{
    *problem = "a token is required";
    if (token.len == 0)
        return RILL_ERR_AUTH;
    uint8_t hash[RILL_SHA256_LEN];
    char text[RILL_BASE64_SIZE(sizeof hash)];
    *problem = "internal error";
    if (rill_crypto_sha256(a->crypto, token.data, token.len, hash) != RILL_OK)
        return RILL_ERR_CRYPTO;
    size_t len = rill_base64url_encode(hash, sizeof hash, text);
    rill_bytes token_name = {(const uint8_t *)text, len};
    if (name.len == 0)
        name = token_name;
    *problem = name_problem(a, name, token_name);
    int rc = *problem == NULL ? RILL_OK : RILL_ERR_AUTH;
    rill_account *account = NULL;
    if (rc == RILL_OK) {
        account = rill_accounts_find(a, name);
        if (account == NULL) {
            rc = create(a, name, hash, &account);
            *problem = rc == RILL_ERR_LIMIT ? "there are too many accounts" : "out of memory";
        } else if (!rill_equal_ct(account->of.token_hash, hash, sizeof hash)) {
            rc = RILL_ERR_AUTH;
            *problem = "wrong token for this account";
        }
    }
    rill_wipe(hash, sizeof hash);
    rill_wipe(text, sizeof text);
    if (rc != RILL_OK)
        return rc;
    rill_account_hold(account);
    *problem = NULL;
    *out = account;
    return RILL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "node/accounts.h"

#include <rill/error.h>

#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"

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
}

static rill_account *account_of(rill_name *name)
{
    return name == NULL ? NULL : RILL_CONTAINER(name, rill_account, name);
}

static void forget(rill_accounts *a, rill_account *account)
{
    rill_list_remove(&account->idle);
    rill_names_remove(&a->names, &account->name);
    if (!account->named_by_token)
        a->kept--;
    rill_wipe(account->token_hash, sizeof account->token_hash);
    rill_free(a->allocator, account);
}

void rill_accounts_free(rill_accounts *a)
{
    size_t cursor = 0;
    for (rill_account *account; (account = rill_accounts_next(a, &cursor)) != NULL;)
        forget(a, account);
    rill_names_free(&a->names);
}

rill_account *rill_accounts_find(const rill_accounts *a, rill_bytes name)
{
    return account_of(rill_names_find(&a->names, name));
}

rill_account *rill_accounts_next(const rill_accounts *a, size_t *cursor)
{
    return account_of(rill_names_next(&a->names, cursor));
}

void rill_account_hold(rill_account *account)
{
    account->holds++;
    if (rill_list_linked(&account->idle))
        rill_list_remove(&account->idle);
}

void rill_account_release(rill_accounts *a, rill_account *account)
{
    account->holds--;
    if (account->holds == 0 && account->named_by_token)
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

static int create(rill_accounts *a, rill_bytes name, const uint8_t hash[RILL_SHA256_LEN],
                  bool named_by_token, rill_account **out)
{
    if (!named_by_token && a->kept >= a->max - a->max / 2)
        return RILL_ERR_LIMIT;
    if (rill_names_count(&a->names) >= a->max) {
        if (rill_list_empty(&a->idle))
            return RILL_ERR_LIMIT;
        forget(a, RILL_CONTAINER(a->idle.next, rill_account, idle));
    }
    rill_account *account = rill_calloc(a->allocator, 1, sizeof *account + name.len + 1);
    if (account == NULL)
        return RILL_ERR_NOMEM;
    memcpy(account->text, name.data, name.len);
    memcpy(account->token_hash, hash, RILL_SHA256_LEN);
    account->named_by_token = named_by_token;
    rill_list_init(&account->idle);
    rill_list_init(&account->sessions);
    int rc = rill_names_put(&a->names, &account->name,
                            (rill_bytes){(const uint8_t *)account->text, name.len});
    if (rc != RILL_OK) {
        rill_free(a->allocator, account);
        return rc;
    }
    if (!named_by_token)
        a->kept++;
    *out = account;
    return RILL_OK;
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
            rc = create(a, name, hash, is_token_name(name), &account);
            *problem = rc == RILL_ERR_LIMIT ? "there are too many accounts" : "out of memory";
        } else if (!rill_equal_ct(account->token_hash, hash, sizeof hash)) {
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

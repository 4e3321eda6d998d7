/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's accounts, as ilp-plugin-mini-accounts names them: by user name
 * where the client gives one, else base64url(SHA-256(token)) without padding.
 * The first token seen for a name is kept, hashed; another one later is
 * refused. An account that was named by its token proves itself, so it may be
 * forgotten when it is not in use; one with a user name is kept, lest somebody
 * else takes the name. So that whoever makes up names does not lock out the
 * others, those kept for good are at most half of all.
 */
#ifndef RILL_NODE_ACCOUNTS_H
#define RILL_NODE_ACCOUNTS_H

#include "base/list.h"
#include "base/names.h"
#include "base/rate_limit.h"
#include "crypto/crypto.h"
#include "node/session.h"
#include "node/terms.h"

#define RILL_MAX_ACCOUNT_NAME 255
/* base64url of 32 bytes */
#define RILL_TOKEN_NAME_LEN 43
/* Bytes: two cache lines, which processors like to fetch in pairs. */
#define RILL_ACCOUNT_ALIGNMENT 128

typedef struct rill_account_stats {
    /* What the account sent and got, counted when it ended. Amounts saturate. */
    uint64_t packets_from;   /* Prepares that it sent */
    uint64_t rejected_from;  /* of them, those that were rejected */
    uint64_t fulfilled_from; /* units of those that were fulfilled */
    uint64_t packets_to;     /* Prepares that it was sent */
    uint64_t fulfilled_to;   /* units of those that it fulfilled */
} rill_account_stats;

/*
 * Four cache lines on x86-64, of which a packet touches the first two or three:
 * where there are many accounts, none is in the cache.
 */
typedef struct rill_account {
    _Alignas(RILL_ACCOUNT_ALIGNMENT) rill_list sessions; /* rill_session.in_account, connected
                                                            ones, oldest first */
    rill_account_stats stats;
    uint32_t holds;     /* what keeps it: sessions, open requests from it and to it */
    uint32_t open_from; /* requests from it that wait for an answer */
    rill_session first; /* for the first session; more are allocated */
    rill_name name;     /* name.bytes: its name, an address segment, and a NUL after it */
    char text[RILL_TOKEN_NAME_LEN + 1]; /* name.bytes, where it is not longer */
    uint8_t admitted : 7;               /* sessions, connected or about to be */
    uint8_t present : 1;                /* the owner was told that it is there */
    uint8_t missing;                    /* of several that have just left (owners.c) */
    uint16_t left_s;                    /* when the last of those did: seconds, the last 16 bits */
    union {
        uint8_t token_hash[RILL_SHA256_LEN]; /* what it proves itself by, where anybody may come */
        rill_terms *terms; /* what is agreed with it, where accounts are the owner's (hub.h) */
    } of;
    rill_list idle; /* linked while it may be forgotten, and when it has been */
    rill_bucket bucket;
} rill_account;

typedef struct rill_accounts {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    rill_names names;
    rill_list idle; /* longest idle first */
    rill_list free; /* forgotten ones: their memory is kept */
    void **blocks;  /* which all of them are in */
    size_t block_count;
    rill_account *fresh; /* the next in the newest block that never was one */
    size_t fresh_count;
    size_t kept; /* accounts with a user name */
    size_t max;
    size_t max_name;
} rill_accounts;

/* max: how many it keeps. max_name: bytes of the longest name. key: 16 random bytes. */
void rill_accounts_init(rill_accounts *a, const rill_allocator *allocator, rill_crypto *crypto,
                        size_t max, size_t max_name, const uint64_t key[2]);
/* All of them, held or not. */
void rill_accounts_clear(rill_accounts *a);

/*
 * Whose session is it? Makes the account where it is new. The caller holds the
 * account (rill_account_release). *problem says what is wrong, static, without
 * what the client sent.
 * RILL_ERR_AUTH (wrong token, none, or a name that cannot be in an address),
 * RILL_ERR_LIMIT, RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_accounts_admit(rill_accounts *a, rill_bytes name, rill_bytes token,
                                        rill_account **out, const char **problem);
/*
 * One with terms of the owner's, under their name, by which it is not found here. It stays, held by
 * the caller, until rill_accounts_close; and so do the terms. NULL: no memory.
 */
rill_account *rill_accounts_open(rill_accounts *a, rill_terms *terms);
/* Of those that were opened. Nobody but the caller holds it. */
void rill_accounts_close(rill_accounts *a, rill_account *account);
/*
 * One with a name that no client can have, and no address: "(parent)". It stays. RILL_ERR_EXISTS,
 * RILL_ERR_LIMIT, RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_accounts_add_parent(rill_accounts *a, rill_account **out);
/* Its name, NUL-terminated. */
const char *rill_account_text(const rill_account *account);
/* NULL where there is none. */
rill_account *rill_accounts_find(const rill_accounts *a, rill_bytes name);
/*
 * In steps, as rill_names_begin; the candidate is on its way into the cache.
 * rill_account_is may be asked of one that has been forgotten since: it is none then,
 * or another.
 */
uint64_t rill_accounts_begin(const rill_accounts *a, rill_bytes name);
rill_account *rill_accounts_candidate(const rill_accounts *a, uint64_t begun);
bool rill_account_is(const rill_account *account, rill_bytes name);
/* Of what a packet touches. */
void rill_account_prefetch(const rill_account *account);

/* A session of this account, all else zero; NULL: no memory. The caller holds the account. */
rill_session *rill_account_new_session(const rill_accounts *a, rill_account *account);
void rill_account_free_session(const rill_accounts *a, rill_session *session);
void rill_account_hold(rill_account *account);
void rill_account_release(rill_accounts *a, rill_account *account);
/*
 * A packet can be sent to it, or be refused for good by who only asks. linked: this node opens a
 * link to it; then one that only asks is no way to it, and who sends may try again.
 */
static inline bool rill_account_is_there(const rill_account *account, bool linked)
{
    const rill_list *first = account->sessions.next;
    /* Those that only ask are behind the others: owners.c. */
    return first != &account->sessions &&
           (!linked || !RILL_CONTAINER(first, const rill_session, in_account)->only_asks);
}
/* As rill_names_next. */
rill_account *rill_accounts_next(const rill_accounts *a, size_t *cursor);

/* A segment of an ILP address (RFC 15): [A-Za-z0-9_~-], not empty. */
bool rill_account_name_valid(rill_bytes name);

#endif

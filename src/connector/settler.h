/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settlement by engines (RFC 38), without input or output: when an account is to be settled, what
 * its engine is asked for and how often, and what an engine tells. Money is booked by the clerk,
 * in one batch with what is known of the settlement, so that after a crash both are there or none.
 *
 * What this node owes an account is settled once it passes a threshold. The amount is booked and
 * kept first, with a random key; then the engine is asked, with the same key each time, until it
 * says yes. An account has one settlement that is outstanding at most. An engine that takes less
 * than it was asked for leaves the rest to the next one.
 *
 * What an engine tells is booked once for each key. What is less than a unit waits for more.
 */
#ifndef RILL_CONNECTOR_SETTLER_H
#define RILL_CONNECTOR_SETTLER_H

#include <rill/error.h>

#include "base/heap.h"
#include "base/map.h"
#include "connector/clerk.h"
#include "connector/quantity.h"
#include "node/log.h"

/* Between two tries: doubled each time, and then anything from a half of it to all of it. */
#define RILL_SETTLE_FIRST_WAIT   (1 * RILL_SECOND)
#define RILL_SETTLE_LONGEST_WAIT (3600 * RILL_SECOND)
/* How long a key is known after its last use: RFC 38 wants a day. */
#define RILL_SETTLE_KEEP_MS ((uint64_t)48 * 3600 * 1000)
/* Keys of one account that are known at a time. */
#define RILL_SETTLE_KEYS 100000
/* Calls that are open at a time; others wait for their end. */
#define RILL_SETTLE_CALLS 64
/* Bytes of an engine's URL, of a key that we make, and of one that an engine makes. */
#define RILL_ENGINE_MAX     200
#define RILL_SETTLE_KEY     36
#define RILL_SETTLE_KEY_MAX 200

/* An engine: its URL, without a slash at the end. Each has one of these. */
typedef struct rill_engine {
    struct rill_engine *next;
    char url[];
} rill_engine;

/* Bytes of it without slashes at the end: engines whose URLs are the same so far are one. */
size_t rill_engine_url_len(const char *url);

typedef enum rill_settle_step {
    RILL_SETTLE_NOTHING,
    RILL_SETTLE_SETUP,  /* POST /accounts */
    RILL_SETTLE_PAY,    /* POST /accounts/NAME/settlements */
    RILL_SETTLE_DELETE, /* DELETE /accounts/NAME */
} rill_settle_step;

/* What was agreed with an account. */
typedef struct rill_settle_terms {
    const rill_engine *engine; /* NULL: none */
    char *token;               /* a secret; the settler's; NULL: none */
    char *where;               /* it was read from, as in the configuration; NULL: none */
    uint64_t threshold;        /* units that we owe */
    uint64_t settle_to;        /* units that we owe afterwards */
    uint8_t scale;             /* finer amounts the engine cannot settle */
} rill_settle_terms;

/* An account that has, or had, an engine. */
typedef struct rill_settling {
    rill_timer timer;  /* first: the next try */
    rill_list linked;  /* rill_settler.all */
    rill_list waiting; /* rill_settler.waiting, while its booking is not kept */
    rill_balance_id id;
    uint8_t scale;
    char *name;
    rill_balance *balance; /* NULL: the account is not open */
    rill_settle_terms terms;
    rill_settle_terms fresh; /* of another configuration, which is not applied yet */
    /* With engines before: the one that is asked, and the one that knows the account, if others. */
    rill_settle_terms before[2];
    const rill_engine *known; /* that knows the account; NULL: none */
    bool forgotten;           /* it has said that it does not, or may have been told to forget it */
    /* What is outstanding. */
    const rill_engine *of; /* whose it is; NULL: nothing is */
    uint64_t asked;        /* units */
    uint64_t begun_ms;
    uint64_t group; /* that it is booked in; 0: it is kept */
    char key[RILL_SETTLE_KEY + 1];
    rill_exact left_out; /* booked, and taken by no engine: still owed */
    bool due;            /* more was owed since, and at least the threshold: it is to be settled */
    rill_exact left_in;  /* told by an engine, and not booked */
    /* Of the call that is open. */
    uint64_t call; /* 0: none */
    rill_settle_step step;
    const rill_engine *asks; /* whom */
    /* Of tries that failed. */
    unsigned tries;
    uint64_t wait;
    uint64_t retry_at;   /* monotonic nanoseconds */
    uint64_t rest_until; /* no settlement begins before: the engine took less of the last one */
    char problem[160];   /* of the last one */
    char *kept_tokens;   /* RILL_SETTING_ENGINE_TOKENS, as the store has it; NULL: nothing */
    char *kept_terms;    /* RILL_SETTING_ENGINE_TERMS, as the store has it; NULL: nothing */
    rill_list keys;      /* that the engine has shown, the one that was used last behind */
    size_t key_count;
    unsigned messages; /* that are under way, in both directions */
    /* Since this node began. */
    uint64_t units_out; /* that an engine has taken */
    uint64_t units_in;  /* that an engine has told */
    uint64_t failures;  /* tries that failed */
} rill_settling;

/* What an engine is to be asked. */
typedef struct rill_engine_call {
    uint64_t id;
    const char *method;
    const char *engine; /* its URL */
    const char *path;   /* that comes after it */
    const char *token;  /* NULL: none */
    const char *key;    /* NULL: none */
    const char *type;   /* of the body; NULL: there is none */
    rill_bytes body;
} rill_engine_call;

/* What came of it: good while it is told. */
typedef struct rill_engine_answer {
    unsigned status;     /* 0: there was no answer */
    const char *problem; /* why, one line */
    rill_bytes body;
} rill_engine_answer;

typedef struct rill_settler_options {
    const rill_allocator *allocator;
    rill_clerk *clerk; /* borrowed */
    /* An error: it fails as if there was no answer. */
    int (*call)(void *user, const rill_engine_call *call);
    int (*random)(void *user, uint8_t *out, size_t len);
    /* Something was booked, or is due at once: rill_settler_turn and the clerk's are wanted. */
    void (*soon)(void *user);
    rill_log *log; /* borrowed */
    void *user;
    uint64_t seed; /* random */
} rill_settler_options;

typedef struct rill_settler {
    rill_settler_options options;
    rill_list all;
    rill_list waiting; /* in the order of groups */
    rill_heap timers;
    rill_map by_id;  /* rill_settling, by the balance's id */
    rill_map by_key; /* keys that engines have shown */
    rill_engine *engines;
    uint32_t serial; /* of the last call */
    size_t open;     /* calls */
    bool paused;     /* nothing can be written, and no settlement begins */
} rill_settler;

void rill_settler_init(rill_settler *s, const rill_settler_options *options);
void rill_settler_clear(rill_settler *s);

/* ---- accounts ---- */

/*
 * What the store has: before any account is attached. mono_ns: now; keys are as if used then.
 * RILL_ERR_NOMEM, RILL_ERR_MALFORMED.
 */
RILL_MUST_CHECK int rill_settler_know(rill_settler *s, const rill_store_settlement *settlement,
                                      uint64_t mono_ns);
/* The account of this balance; NULL: the settler knows nothing of it. */
rill_settling *rill_settler_find(const rill_settler *s, rill_balance_id id);
/*
 * An account is open, or is known to be of this name though it is not (balance is NULL): made if
 * there is none. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_settler_attach(rill_settling **out, rill_settler *s, rill_balance_id id,
                                        const char *name, uint8_t scale, rill_balance *balance);
/* The account is not open any more. What is outstanding goes on. */
void rill_settler_detach(rill_settling *a);
/* What will be agreed. */
typedef struct rill_settler_wanted {
    const char *engine; /* its URL; NULL: none */
    const char *token;  /* NULL: none, or it cannot be read */
    const char *where;  /* the token is read from; NULL: there is none */
    uint64_t threshold;
    uint64_t settle_to;
    uint8_t scale;
} rill_settler_wanted;
/* It is, after rill_settler_agree: all is copied. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_settler_prepare(rill_settler *s, rill_settling *a,
                                         const rill_settler_wanted *wanted);
/*
 * What is owed by now is looked at only if this is not what was agreed before, also by an earlier
 * run of the node: what an account has paid ahead is not paid back because somebody reads a
 * configuration again. Without an engine, what none has taken is booked back.
 */
void rill_settler_agree(rill_settler *s, rill_settling *a, rill_now now);
/* Nothing will be. */
void rill_settler_forget(rill_settler *s, rill_settling *a);

/* ---- money that goes ---- */

/*
 * Is so much owed that it is to be settled? What no engine took is owed beside the balance. For
 * each packet to the account.
 */
static inline bool rill_settling_is_due(const rill_settling *a)
{
    rill_i128 owed;
    if (a == NULL || a->terms.engine == NULL || a->balance == NULL)
        return false;
    return !rill_wide_sum(a->balance->booked, rill_wide_signed(rill_wide(a->left_out.units)),
                          &owed) ||
           !rill_wide_below(owed, rill_wide_signed(rill_wide(a->terms.threshold)));
}
/*
 * The node owes it more than before: begins a settlement if that is due, or does so later if it
 * cannot begin now.
 */
void rill_settler_look(rill_settler *s, rill_settling *a, rill_now now);
/* Whether anything can be written. What was due meanwhile begins afterwards. */
void rill_settler_pause(rill_settler *s, bool paused);
/* The books are kept up to this group. */
void rill_settler_kept(rill_settler *s, uint64_t group, uint64_t mono_ns);
/* Begins what could not begin before, and asks engines for what is due. */
void rill_settler_turn(rill_settler *s, rill_now now);
/* RILL_NEVER: nothing will be due by itself. */
uint64_t rill_settler_deadline(const rill_settler *s);
/* What came of a call of the settler's. One that nobody waits for is ignored. */
void rill_settler_answered(rill_settler *s, rill_settling *a, uint64_t id,
                           const rill_engine_answer *answer, rill_now now);
/* An id for a call about an account; the caller's own calls have one of these, too. */
uint64_t rill_settler_next_id(rill_settler *s, const rill_settling *a);
/* The account that a call is about. NULL: none. */
rill_settling *rill_settler_find_call(const rill_settler *s, uint64_t id);

/* ---- what its engine will not end ---- */

/* Bytes of a note to it. */
#define RILL_SETTLE_NOTE_MAX 160

typedef struct rill_settler_word {
    const char *key;
    bool paid; /* false: the node owes it again */
    const char *who;
    const char *note; /* may be empty */
} rill_settler_word;

/*
 * Somebody says how what is outstanding has ended. The engine is not asked again, nor told that
 * the account is gone, unless it is agreed still. balance: where it is booked if it was not paid.
 * RILL_OK: it is ended, in *group. RILL_ERR_EXISTS: the same was said before, in *group.
 * RILL_ERR_STATE: something else was said before. RILL_ERR_NOT_FOUND: nothing of this key is
 * outstanding. RILL_ERR_BLOCKED: the engine is being asked, or the settlement is not kept yet.
 * RILL_ERR_INVALID: a text is too long, or nobody says it. RILL_ERR_NOMEM. Then nothing changed.
 */
RILL_MUST_CHECK int rill_settler_end(rill_settler *s, rill_settling *a, rill_balance *balance,
                                     const rill_settler_word *word, rill_now now, uint64_t *group);

/*
 * What no engine has taken is owed again if there is no engine any more that could be asked for it:
 * whole units go back to the balance. Nothing happens while an engine is agreed, or still asked.
 */
void rill_settler_give_back(rill_settler *s, rill_settling *a, rill_balance *balance, rill_now now);

/* ---- what was agreed ---- */

/*
 * The store keeps what was agreed when the account was looked at last, and if more is due since, as
 * a setting by the balance's id: "1" or "0", threshold, settle-to, scale and the engine's URL.
 */
#define RILL_SETTING_ENGINE_TERMS "engine-terms"
/* What the store has of it, before any account is attached. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_settler_know_terms(rill_settler *s, const rill_store_setting *setting);

/* ---- tokens of engines ---- */

/*
 * The store keeps where the tokens of engines are read from while these may have to be asked, since
 * an account may be taken out before its engine has said yes. It is a setting by the balance's id:
 * lines of an engine, a space, and where. The secrets are never in the store.
 */
#define RILL_SETTING_ENGINE_TOKENS "engine-tokens"
/* What the store has of it, after its settlements. read gives a token, or NULL. RILL_ERR_NOMEM. */
typedef const char *rill_settler_read_token(void *user, const char *where);
RILL_MUST_CHECK int rill_settler_know_tokens(rill_settler *s, const rill_store_setting *setting,
                                             rill_settler_read_token *read, void *user);
/* The store learns where they are, if that is different now. No memory: with the next change. */
void rill_settler_keep_tokens(rill_settler *s, rill_settling *a, uint64_t wall_ms);

/* ---- money that comes ---- */

/*
 * The engine of an account tells a settlement. RILL_OK: it is booked in *group. RILL_ERR_EXISTS: it
 * was told before, to this account or another of its name; *group is the one that it is in (0:
 * kept). RILL_ERR_STATE: the key came with another amount. RILL_ERR_RANGE: more than an account can
 * have, or finer than can be kept. RILL_ERR_LIMIT: too many keys. RILL_ERR_NOMEM. Then nothing has
 * changed.
 */
RILL_MUST_CHECK int rill_settler_credit(rill_settler *s, rill_settling *a, const char *key,
                                        const rill_quantity *quantity, rill_now now,
                                        uint64_t *group);

#endif

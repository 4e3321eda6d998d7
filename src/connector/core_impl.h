/* SPDX-License-Identifier: Apache-2.0 */
/* A connector without input or output, for the files of it alone. */
#ifndef RILL_CONNECTOR_CORE_IMPL_H
#define RILL_CONNECTOR_CORE_IMPL_H

#include "connector/core.h"
#include "connector/core_kept.h"
#include "connector/core_rates.h"
#include "connector/peering.h"
#include "connector/rate_answer.h"
#include "connector/shape_text.h"
#include "connector/tokens.h"
#include "connector/webhook.h"

/*
 * A balance that the store has: the node's own, and of accounts that are not open or were not. When
 * a node begins there is one for each account, so it is small; then those of open ones go.
 */
typedef struct known_balance {
    rill_i128 booked;
    rill_balance_id id;
    const char *name; /* in the core's arena, as is the next */
    const char *asset;
    rill_holder holder;
    uint8_t scale;
    bool open; /* an account of the configuration has it */
} known_balance;

/* A packet of an earlier run of the node. */
typedef struct old_flight {
    rill_flight flight;
    const char *source;      /* the names of its accounts; NULL: the store does not have it */
    const char *destination; /* in the core's arena */
    uint32_t slot;
    uint64_t kept;   /* the last group of its run that the store has; 0: none, or no such run */
    bool known;      /* the store knows its run */
    bool done;       /* it is not listed any more */
    bool recovered;  /* it is booked now */
    rill_flow *hold; /* what it may still take is held; NULL: nothing is */
} old_flight;

/* Which packets are out, in a file that outlives the process. */
typedef struct core_flights {
    rill_flights *file; /* borrowed; NULL: there is none */
    struct {
        uint64_t group;
        uint32_t slot;
    } * fulfilled; /* that wait for their group, in its order: a ring of RILL_FLIGHTS_MAX */
    uint32_t first;
    uint32_t count;
    old_flight *old;
    size_t old_count;
    size_t old_left;    /* that are not done */
    uint64_t old_until; /* monotonic nanoseconds: whatever the wall clock says, none is out then */
    /*
     * While they are settled, by balance: there may be as many accounts as packets, so nobody may
     * look for one among all.
     */
    struct {
        uint32_t known;             /* where it is in rill_core.known, and 1; 0: nowhere */
        struct core_closed *closed; /* NULL: it is not open, or is of an account */
    } * by_id;                      /* NULL: none are being settled */
    rill_balance_id ids;            /* that there is room for */
    uint64_t recovered;             /* packets */
    uint64_t recovered_group;       /* that they are booked in; 0: none */
} core_flights;

/* What the service said of an asset last. */
typedef struct core_quote {
    rill_rate_line line;
    uint64_t asked_at; /* monotonic nanoseconds */
    uint64_t asked_ms; /* wall clock */
} core_quote;

/* A price that somebody entered. */
typedef struct core_entered {
    char code[RILL_ASSET_CODE_MAX + 1];
    char who[RILL_ENTRY_TEXT_MAX + 1];
    rill_ratio price;
    uint64_t at_ms;      /* wall clock */
    uint64_t until_ms;   /* the same; RILL_NEVER */
    uint64_t good_until; /* monotonic nanoseconds; RILL_NEVER: until it is taken away */
} core_entered;

/* A price that the store has, of a base that is gone. */
typedef struct core_old_price {
    char code[RILL_ASSET_CODE_MAX + 1];
} core_old_price;

/* Prices that are not in the configuration. */
typedef struct core_prices {
    rill_rate_feed feed;
    uint64_t asked_ms; /* wall clock: of the question that is out, or was last */
    core_quote *quotes;
    size_t quote_count;
    core_entered *entered;
    size_t entered_count;
    core_old_price *old; /* until the node has begun */
    size_t old_count;
} core_prices;

/* Two that are of no account, and accounts by a hash of their names. */
enum { CORE_KEPT_PIECES = 2 + 256 };

/* How a secret is printed where the configuration is kept. */
typedef enum core_prints {
    CORE_PRINTS_BY_KEY, /* HMAC-SHA-256 with the key; nothing is printed without one */
    CORE_PRINTS_PLAIN,  /* SHA-256, as versions before had them: to compare with, once */
    CORE_PRINTS_NONE,   /* those that the store has are of another key, and say nothing */
} core_prints;

/* The configuration that was applied last: core_kept.c. */
typedef struct core_kept {
    char *pieces[CORE_KEPT_PIECES];  /* what the store had; later that of the node alone */
    uint64_t sums[CORE_KEPT_PIECES]; /* of what the store has */
    bool known;                      /* the store had one */
    bool has_key;
    uint8_t key[RILL_PRINT_KEY];
    char key_name[RILL_SHAPE_PRINT]; /* of the prints that the store has; empty: they are plain */
    core_prints prints;
} core_kept;

struct rill_core {
    rill_core_options options;
    rill_hub *hub;
    rill_books books;
    rill_rates rates;
    core_prices prices;
    rill_clerk clerk;
    rill_money money;
    rill_talk talk;
    rill_routing routing;
    rill_arena had; /* what the store had of routes, until they are restored */
    struct known_route *routes;
    struct known_route **last_route;
    rill_arena arena; /* accounts, tokens, addresses */
    rill_arena texts; /* of `known`, until the node has begun */
    rill_holder_account **accounts;
    size_t account_count;
    rill_holder_account *leaving; /* not in the configuration any more, and not gone yet */
    rill_tokens tokens;           /* whose owners are rill_holder_account */
    known_balance *known;
    size_t known_count;
    size_t known_sorted; /* of them; the rest is looked through */
    size_t known_cap;
    rill_balance_id last_id;
    core_flights flights;
    rill_settler settler;
    rill_map messages;          /* of neighbours, that engines are asked about */
    struct core_closed *closed; /* balances of accounts that are not open: core_outstanding.c */
    rill_waits waits;
    rill_webhook webhook;
    uint64_t lines_before; /* the newest line of the audit, when this node began */
    rill_overlay proposals;
    rill_peering peering;
    core_kept kept;
    rill_packet_notes notes;
    rill_packet_desk *desk; /* the log of packets; NULL: there is none */
    rill_live *live;        /* for those who watch packets; NULL: nobody does */
    /* When a group was begun, for the two that may wait: by its number modulo 2. 0: not begun. */
    uint64_t begun_at[2];
    rill_balance_id node_id; /* what changes of the node itself are written of; 0: none yet */
    bool failing;            /* the books cannot be written */
    bool looks_closer;       /* at each packet: failing, or an asset is not agreed on */
    bool draining;
    rill_shape_report *report;
    void *report_user;
    unsigned problems;
    bool beginning; /* what operators added, and does not fit, stops nothing */
};

/* core_token.c */

/* As of rill_lines. user: the core. */
bool rill_core_text_hash(void *user, const char *text, char out[RILL_SHAPE_PRINT]);

/* core_prints.c */

/* The print of some bytes, in the form of core_kept.prints. False: there is none. */
bool rill_core_print_bytes(const rill_core *c, const uint8_t *data, size_t len,
                           uint8_t out[RILL_SHA256_LEN]);
/* The same of a text, as of rill_lines. user: the core. */
bool rill_core_print(void *user, const char *text, char out[RILL_SHAPE_PRINT]);
/* What the key of prints is called in the store. */
void rill_core_name_prints(rill_core *c, char out[RILL_SHAPE_PRINT]);
/* Takes all prints out of lines of shape_text.h. text may be NULL. */
void rill_core_strip_prints(char *text);

/* core_told.c: both RILL_ERR_NOMEM */

/* A line for the audit. */
typedef void rill_core_line(void *user, const char *text);
/* What is new, by the lines of shape_text.h. */
RILL_MUST_CHECK int rill_core_say_added(const rill_allocator *allocator, rill_bytes now,
                                        rill_core_line *tell, void *user);
/* What is different, as rill_shape_compare. */
RILL_MUST_CHECK int rill_core_say_differences(const rill_allocator *allocator, rill_bytes before,
                                              rill_bytes now, rill_bytes defaults,
                                              rill_core_line *tell, void *user);

/* core_agreed.c */

/* After anything that rill_core.looks_closer is about has changed. */
void rill_core_look_closer(rill_core *c);

/* core_say.c */

/* Reports what is wrong: "NAME: WHAT". */
void rill_core_complain(rill_core *c, rill_place place, const char *name, const char *what);
/*
 * The same of what a connector can do without. Where operators added it, a node starts all the
 * same, so that it can be set right while it runs: it is logged.
 */
void rill_core_leave_out(rill_core *c, rill_place place, const char *name, const char *what);

/* core_flights.c */

void rill_core_flight_fulfilled(rill_core *c, uint32_t slot, uint64_t group, bool charged);
/* The books are kept up to this group. */
void rill_core_flights_kept(rill_core *c, uint64_t group);
/* What an earlier run has left: accounts are open, and nothing is booked yet. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_settle_flights(rill_core *c);
void rill_core_clear_flights(rill_core *c);

/* Messages of engines of one account that are under way at a time, in both directions. */
enum { CORE_MESSAGES = 32 };
/* Questions of ours to neighbours: those that are not about routes have this bit. */
#define CORE_IS_MESSAGE (UINT64_C(1) << 63)

/* core_settle.c */

void rill_core_init_settler(rill_core *c, const uint64_t seeds[2]);
void rill_core_clear_settler(rill_core *c);
/*
 * What an account's settlement will be, once rill_core_agree_settlement is called. What is wrong is
 * complained about. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_prepare_settlement(rill_core *c, rill_holder_account *holder,
                                                 const rill_config_account *config);
void rill_core_agree_settlement(rill_core *c, const rill_holder_account *holder);
void rill_core_forget_settlement(rill_core *c, const rill_holder_account *holder);
/* The account is taken out: its engine is told once nothing is outstanding. */
void rill_core_end_settlement(rill_core *c, const rill_holder_account *holder);
/* Accounts that are not open, and of which the store has settlements. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_name_settlements(rill_core *c);
/* We owe the account more than before. */
void rill_core_look_to_settle(rill_core *c, const rill_holder_account *holder);
/* As of rill_talk.settle. */
RILL_MUST_CHECK int rill_core_settle_message(rill_core *c, const rill_holder_account *from,
                                             rill_bytes data, uint64_t ticket);
/* False: it was not a message of an engine. */
bool rill_core_messaged(rill_core *c, const rill_holder_account *from, uint64_t id,
                        const rill_talk_answer *answer);

/* core_balances.c */

/* All that rill_core_know was told are found fast from now on. Pointers to them are stale. */
void rill_core_sort_known(rill_core *c);
/* NULL: there is none. Those that are not sorted are looked through. */
known_balance *rill_core_find_known(const rill_core *c, rill_holder holder, const char *name,
                                    const rill_config_asset *asset);
/* What accounts that are open have themselves, and the node does not need before they leave. */
void rill_core_forget_known(rill_core *c);
/*
 * The balance that the store has for this, or a new one of 0, which the store will be told of.
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_find_balance(rill_core *c, rill_holder holder, const char *name,
                                           const rill_config_asset *asset, rill_balance_id *id,
                                           rill_i128 *booked);
/* The number of an asset, whose own balances are opened with it. */
RILL_MUST_CHECK int rill_core_open_asset(rill_core *c, const rill_config_asset *asset,
                                         uint32_t *out);
/* Warns of accounts that are not in the configuration, and whose balance is not 0. */
void rill_core_warn_of_closed(const rill_core *c);
/* What is said of an account that is taken out. out has RILL_ENTRY_TEXT_MAX + 1 bytes. */
void rill_core_removed_text(rill_i128 booked, const char *asset, uint8_t scale, char *out);
/* rill_core_note of an account that is not open. */
RILL_MUST_CHECK int rill_core_note_closed(rill_core *c, rill_balance_id id, const char *who,
                                          const char *what);
/* NULL: the store has none of this id. */
known_balance *rill_core_known_balance(const rill_core *c, rill_balance_id id);
/*
 * The balance of an account that is not open, so that something can be booked of it.
 * RILL_ERR_NOT_FOUND: the store has none of this id, or it is the node's own. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_open_closed(rill_core *c, rill_balance_id id, rill_balance **out);
/* Have the books a balance other than 0 of an account that is not open? */
bool rill_core_owes_closed(const rill_core *c, const char *name, const rill_config_asset *asset);
/* Something was booked of it, if it is one of these. */
void rill_core_keep_closed(const rill_core *c, const rill_balance *balance);
/* Its account is open again, with this balance. */
void rill_core_leave_closed(rill_core *c, rill_balance *fresh);

/* core.c */

/* What is counted of it, which is allocated when it is needed. */
void rill_core_free_counts(const rill_core *c, rill_holder_account *a);
/* The audit is told of what is counted of it, and was not told yet. */
void rill_core_tell_counts(rill_core *c, rill_holder_account *a);
/* Before rill_core_agree: room for what that needs. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_prepare_pace(rill_core *c, rill_holder_account *holder,
                                           const rill_config_account *config);
/* Takes over what was agreed with an account. */
void rill_core_agree(rill_holder_account *holder, const rill_config_account *config);
/* Tells `all` whose the tokens are; what cannot be read is complained about. */
RILL_MUST_CHECK int rill_core_know_tokens(rill_core *c, rill_tokens *all,
                                          rill_holder_account *holder,
                                          const rill_config_account *config);
/*
 * A new account, its address and its tokens. *out is NULL if the hub does not have it; what was
 * complained about is no error.
 */
RILL_MUST_CHECK int rill_core_open_holder(rill_core *c, const rill_config_account *config,
                                          rill_tokens *tokens, rill_holder_account **out);

/* core_rates.c */

/*
 * All prices of this configuration, of the service and of the API, for rates with the same assets.
 * RILL_ERR_INVALID: *problem, a static text, says why. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_set_rates(const rill_core *c, rill_rates *r,
                                        const rill_config_rates *rates, const char **problem);
/* The same for those of the core, at the beginning. */
RILL_MUST_CHECK int rill_core_begin_rates(rill_core *c, const char **problem);
/* Other rates with the same assets, and all prices that are known now. If it fails *out is empty.
 */
RILL_MUST_CHECK int rill_core_compose_rates(const rill_core *c, rill_rates *out,
                                            const char **problem);
/* Packets are exchanged at these from now on, which are taken. */
void rill_core_use_rates(rill_core *c, const rill_rates *fresh);
/*
 * Another configuration is about to be applied, whose rates are composed already. False: its base
 * is another one, so that what was entered is to be forgotten.
 */
RILL_MUST_CHECK bool rill_core_change_prices(rill_core *c, const rill_config_rates *fresh);
void rill_core_clear_prices(rill_core *c);
/* Does the configuration say what it is worth? */
bool rill_core_price_is_fixed(const rill_config_rates *rates, const char *code);
/* All prices that were entered are taken away, for good: they are of a base that is gone. */
void rill_core_forget_entered(rill_core *c, const char *base);
/* NULL: there is none. */
core_entered *rill_core_find_entered(const rill_core *c, const char *code);
core_quote *rill_core_find_quote(const rill_core *c, const char *code);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The settler, for the files of it alone. */
#ifndef RILL_CONNECTOR_SETTLER_IMPL_H
#define RILL_CONNECTOR_SETTLER_IMPL_H

#include "connector/settler.h"

#define RILL_SETTLE_PATH    400
#define RILL_SETTLE_REFUSAL 60

/* settler_terms.c */

/* The engine of this URL. NULL: no memory. */
const rill_engine *rill_settler_engine(rill_settler *s, const char *url);
/* An account, of which nothing is known. NULL: no memory. */
rill_settling *rill_settler_make(rill_settler *s, rill_balance_id id);
/* RILL_ERR_NOMEM: *out is empty. */
RILL_MUST_CHECK int rill_settler_set_terms(rill_settler *s, rill_settle_terms *out,
                                           const rill_settler_wanted *wanted);
/* The store learns what is agreed, and if more is due, if that is different now. No memory: next
 * time. */
void rill_settler_keep_terms(rill_settler *s, rill_settling *a, uint64_t wall_ms);
/* Is what is agreed something else than when the account was looked at last? */
bool rill_settler_has_new_terms(const rill_settler *s, const rill_settling *a);
/* Terms with an engine before, that may still have to be asked: the settler's now. */
void rill_settler_keep_before(const rill_settler *s, rill_settling *a, rill_settle_terms *old);
void rill_settler_free_terms(const rill_settler *s, rill_settle_terms *terms);

/* settler.c */

/* When the next step is due. */
void rill_settler_arm(rill_settler *s, rill_settling *a);
/* Begins what is due, if that can be now. Or else later: it is armed for that. */
void rill_settler_begin_due(rill_settler *s, rill_settling *a, rill_now now);

/* settler_in.c */

/* A key that the store has. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_settler_know_in(rill_settler *s, rill_settling *a,
                                         const rill_store_settlement *settlement, uint64_t mono_ns);
void rill_settler_clear_in(rill_settler *s, rill_settling *a);

/* settler_rows.c: each is a row of the store. RILL_ERR_NOMEM. */

/*
 * What is left of an account, in or out; nothing if it is nothing. It is written as of an account
 * of scale 0: its whole units are what the account calls units.
 */
RILL_MUST_CHECK int rill_settler_put_left(const rill_settler *s, const rill_settling *a,
                                          rill_settlement_kind kind, const rill_exact *left);
RILL_MUST_CHECK int rill_settler_put_out(const rill_settler *s, const rill_settling *a,
                                         const char *key, uint64_t asked, const char *engine,
                                         uint64_t at_ms, bool gone);
RILL_MUST_CHECK int rill_settler_put_in(const rill_settler *s, const rill_settling *a,
                                        const char *key, const char *amount, uint8_t scale,
                                        uint64_t at_ms, bool gone);
/* url NULL: none knows the account. forgets: it is being told that the account is gone. */
RILL_MUST_CHECK int rill_settler_put_engine(const rill_settler *s, const rill_settling *a,
                                            const char *url, bool forgets, uint64_t at_ms);

/* settler_words.c */

/* A new key. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_settler_make_key(const rill_settler *s, char out[RILL_SETTLE_KEY + 1]);
/* What is asked at this step. Texts are in the buffers. */
void rill_settler_describe(const rill_settling *a, rill_engine_call *call,
                           char path[RILL_SETTLE_PATH], char body[RILL_QUANTITY_JSON]);
/*
 * What an engine has taken of what it was asked for. NULL, or why it is not believed. RFC 38 gives
 * a 201 no body; engines send the Quantity, or a word such as "Created". Whoever begins an object
 * has to finish a Quantity.
 */
const char *rill_settler_find_taken(const rill_settling *a, const rill_engine_answer *answer,
                                    rill_exact *taken);
/* Why an answer is a refusal of what this step asks for; NULL: it is none. */
const char *rill_settler_find_refusal(const rill_settling *a, const rill_engine_answer *answer,
                                      char out[RILL_SETTLE_REFUSAL]);

#endif

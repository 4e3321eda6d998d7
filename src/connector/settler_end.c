/* SPDX-License-Identifier: Apache-2.0 */
/* What is outstanding at an engine that will never say how it ended: an operator says it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"
#include "connector/settler_impl.h"

/* An operator's own entries have other keys, unless somebody makes one up that begins so. */
#define KEY_BEGINS "end "
enum { ENTRY_KEY = RILL_SETTLE_KEY + sizeof KEY_BEGINS };

static int judge(const rill_settler_word *word)
{
    if (word->who[0] == '\0' || strlen(word->who) > RILL_ENTRY_TEXT_MAX ||
        strlen(word->note) > RILL_SETTLE_NOTE_MAX)
        return RILL_ERR_INVALID;
    return RILL_OK;
}

/* What was said before about this key. */
static int find_said(const rill_settler *s, const rill_settling *a, const rill_settler_word *word,
                     uint64_t *group)
{
    char key[ENTRY_KEY];
    rill_entry_kind kind;
    uint64_t amount;
    if (strlen(word->key) > RILL_SETTLE_KEY)
        return RILL_ERR_NOT_FOUND;
    (void)snprintf(key, sizeof key, KEY_BEGINS "%s", word->key);
    if (!rill_clerk_find_key(s->options.clerk, a->id, key, &kind, &amount, group))
        return RILL_ERR_NOT_FOUND;
    return (kind == RILL_ENTRY_CHANGE) == word->paid ? RILL_ERR_EXISTS : RILL_ERR_STATE;
}

/* All of it in one batch, or nothing. forgets: its engine is not told that the account is gone. */
static int write_ended(const rill_settler *s, const rill_settling *a, rill_balance *balance,
                       const rill_settler_word *word, bool forgets, uint64_t wall_ms,
                       uint64_t *group)
{
    rill_clerk *clerk = s->options.clerk;
    const rill_clerk_mark mark = rill_clerk_mark_settlements(clerk);
    char key[ENTRY_KEY];
    char what[RILL_ENTRY_TEXT_MAX + 1];
    (void)snprintf(key, sizeof key, KEY_BEGINS "%s", a->key);
    (void)snprintf(what, sizeof what, "ended as %s: %" PRIu64 ", key %s%s%s",
                   word->paid ? "paid" : "not paid", a->asked, a->key,
                   word->note[0] == '\0' ? "" : "; ", word->note);
    const rill_store_entry entry = {
        .at_ms = wall_ms,
        .kind = word->paid ? RILL_ENTRY_CHANGE : RILL_ENTRY_SETTLED_BACK,
        .amount = word->paid ? 0 : a->asked,
        .who = word->who,
        .note = what,
        .key = key,
    };
    int rc = rill_settler_put_out(s, a, a->key, 0, "", 0, true);
    if (rc == RILL_OK && forgets)
        rc = rill_settler_put_engine(s, a, NULL, false, 0);
    if (rc == RILL_OK)
        rc = rill_clerk_enter(clerk, balance, &entry, group);
    if (rc != RILL_OK)
        rill_clerk_unput_settlements(clerk, mark);
    return rc;
}

int rill_settler_end(rill_settler *s, rill_settling *a, rill_balance *balance,
                     const rill_settler_word *word, rill_now now, uint64_t *group)
{
    int rc = judge(word);
    if (rc != RILL_OK)
        return rc;
    if (a->of == NULL || strcmp(a->key, word->key) != 0)
        return find_said(s, a, word, group);
    /* Its answer may be on the way, and would be worth more than anybody's word. */
    if (a->call != 0 || a->group != 0)
        return RILL_ERR_BLOCKED;
    const bool forgets = a->known == a->of && a->known != a->terms.engine;
    rc = write_ended(s, a, balance, word, forgets, now.wall_ms, group);
    if (rc != RILL_OK)
        return rc;
    rill_log_account_line(s->options.log, RILL_LOG_WARNING, a->name,
                          "%" PRIu64 " units that %s was asked to settle are ended as %s, key "
                          "%s",
                          a->asked, a->of->url, word->paid ? "paid" : "not paid", a->key);
    if (word->paid)
        a->units_out = rill_add_sat(a->units_out, a->asked);
    if (forgets)
        a->known = NULL;
    a->forgotten = false;
    a->of = NULL;
    a->key[0] = '\0';
    a->tries = 0;
    a->wait = 0;
    a->problem[0] = '\0';
    a->retry_at = now.mono_ns;
    rill_settler_keep_tokens(s, a, now.wall_ms);
    rill_settler_give_back(s, a, balance, now);
    s->options.soon(s->options.user);
    a->due = a->due || (!word->paid && rill_settling_is_due(a));
    rill_settler_begin_due(s, a, now);
    return RILL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and engines that the settler knows, what was agreed with them, and their tokens. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "connector/settler_impl.h"

size_t rill_engine_url_len(const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    return len;
}

const rill_engine *rill_settler_engine(rill_settler *s, const char *url)
{
    const size_t len = rill_engine_url_len(url);
    for (const rill_engine *e = s->engines; e != NULL; e = e->next) {
        if (strlen(e->url) == len && memcmp(e->url, url, len) == 0)
            return e;
    }
    rill_engine *fresh = rill_alloc(s->options.allocator, sizeof *fresh + len + 1);
    if (fresh == NULL)
        return NULL;
    memcpy(fresh->url, url, len);
    fresh->url[len] = '\0';
    fresh->next = s->engines;
    s->engines = fresh;
    return fresh;
}

rill_settling *rill_settler_find(const rill_settler *s, rill_balance_id id)
{
    return rill_map_get(&s->by_id, id);
}

rill_settling *rill_settler_make(rill_settler *s, rill_balance_id id)
{
    const rill_allocator *allocator = s->options.allocator;
    rill_settling *a = rill_calloc(allocator, 1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->id = id;
    rill_list_init(&a->waiting);
    rill_list_init(&a->keys);
    if (rill_heap_add(&s->timers, &a->timer, RILL_NEVER) != RILL_OK) {
        rill_free(allocator, a);
        return NULL;
    }
    if (rill_map_put(&s->by_id, id, a) != RILL_OK) {
        rill_heap_remove(&s->timers, &a->timer);
        rill_free(allocator, a);
        return NULL;
    }
    rill_list_push_back(&s->all, &a->linked);
    return a;
}

/* ---- terms ---- */

void rill_settler_free_terms(const rill_settler *s, rill_settle_terms *terms)
{
    const rill_allocator *allocator = s->options.allocator;
    if (terms->token != NULL)
        rill_wipe(terms->token, strlen(terms->token));
    rill_free(allocator, terms->token);
    rill_free(allocator, terms->where);
    *terms = (rill_settle_terms){.engine = NULL};
}

/* NULL: no memory. */
static char *copy_of(const rill_settler *s, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = rill_alloc(s->options.allocator, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

int rill_settler_set_terms(rill_settler *s, rill_settle_terms *out,
                           const rill_settler_wanted *wanted)
{
    rill_settle_terms fresh = {
        .threshold = wanted->threshold, .settle_to = wanted->settle_to, .scale = wanted->scale};
    rill_settler_free_terms(s, out);
    if (wanted->engine == NULL) {
        *out = fresh;
        return RILL_OK;
    }
    fresh.engine = rill_settler_engine(s, wanted->engine);
    bool good = fresh.engine != NULL;
    if (good && wanted->token != NULL)
        good = (fresh.token = copy_of(s, wanted->token)) != NULL;
    if (good && wanted->where != NULL)
        good = (fresh.where = copy_of(s, wanted->where)) != NULL;
    if (!good) {
        rill_settler_free_terms(s, &fresh);
        return RILL_ERR_NOMEM;
    }
    *out = fresh;
    return RILL_OK;
}

static bool may_be_asked(const rill_settling *a, const rill_engine *engine)
{
    return engine != NULL &&
           (engine == a->of || engine == a->known || (a->call != 0 && engine == a->asks));
}

void rill_settler_keep_before(const rill_settler *s, rill_settling *a, rill_settle_terms *old)
{
    rill_settle_terms *at = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (a->before[i].engine == old->engine)
            at = &a->before[i];
    }
    for (size_t i = 0; i < 2 && at == NULL; i++) {
        if (!may_be_asked(a, a->before[i].engine))
            at = &a->before[i];
    }
    /* Both others may still be asked: this one has never been. */
    if (at == NULL) {
        rill_settler_free_terms(s, old);
        return;
    }
    rill_settler_free_terms(s, at);
    *at = *old;
    *old = (rill_settle_terms){.engine = NULL};
}

/* ---- where tokens are ---- */

/* May it still have to be asked? */
static bool is_wanted(const rill_settling *a, const rill_settle_terms *t)
{
    if (t->engine == NULL || t->where == NULL || strchr(t->where, '\n') != NULL)
        return false;
    return t == &a->terms ||
           (t->engine != a->terms.engine && (t->engine == a->of || t->engine == a->known));
}

/* Empty: none is wanted. NULL: no memory. */
static char *write_tokens(const rill_settler *s, const rill_settling *a)
{
    const rill_settle_terms *const all[] = {&a->terms, &a->before[0], &a->before[1]};
    size_t size = 1;
    size_t len = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (is_wanted(a, all[i]))
            size += strlen(all[i]->engine->url) + strlen(all[i]->where) + 2;
    }
    char *text = rill_calloc(s->options.allocator, 1, size);
    for (size_t i = 0; text != NULL && i < sizeof all / sizeof *all; i++) {
        if (!is_wanted(a, all[i]))
            continue;
        int more = snprintf(text + len, size - len, "%s %s\n", all[i]->engine->url, all[i]->where);
        len += (size_t)more;
    }
    return text;
}

/* Takes the text, NULL: no memory. The store learns it if it has another one. */
static void keep(rill_settler *s, const rill_settling *a, const char *kind, char *text, char **kept,
                 uint64_t wall_ms)
{
    char name[16];
    uint64_t group;
    if (text == NULL)
        return;
    (void)snprintf(name, sizeof name, "%" PRIu32, a->id);
    const rill_store_setting setting = {kind, name, text};
    if (strcmp(text, *kept == NULL ? "" : *kept) != 0 &&
        rill_clerk_put_setting(s->options.clerk, &setting, wall_ms, &group) == RILL_OK) {
        char *old = *kept;
        *kept = text;
        text = old;
        s->options.soon(s->options.user);
    }
    rill_free(s->options.allocator, text);
}

void rill_settler_keep_tokens(rill_settler *s, rill_settling *a, uint64_t wall_ms)
{
    keep(s, a, RILL_SETTING_ENGINE_TOKENS, write_tokens(s, a), &a->kept_tokens, wall_ms);
}

/* Empty: there is no engine. NULL: no memory. */
static char *write_terms(const rill_settler *s, const rill_settling *a)
{
    const rill_settle_terms *t = &a->terms;
    enum { NUMBERS = 80 };
    const size_t size = t->engine == NULL ? 1 : strlen(t->engine->url) + NUMBERS;
    char *text = rill_calloc(s->options.allocator, 1, size);
    if (text != NULL && t->engine != NULL)
        (void)snprintf(text, size, "%d %" PRIu64 " %" PRIu64 " %u %s", (int)a->due, t->threshold,
                       t->settle_to, (unsigned)t->scale, t->engine->url);
    return text;
}

void rill_settler_keep_terms(rill_settler *s, rill_settling *a, uint64_t wall_ms)
{
    keep(s, a, RILL_SETTING_ENGINE_TERMS, write_terms(s, a), &a->kept_terms, wall_ms);
}

bool rill_settler_has_new_terms(const rill_settler *s, const rill_settling *a)
{
    char *text = write_terms(s, a);
    const char *kept = a->kept_terms == NULL ? "" : a->kept_terms;
    /* The first character is not of the terms. */
    const bool same = text != NULL && (text[0] == '\0') == (kept[0] == '\0') &&
                      (text[0] == '\0' || strcmp(text + 1, kept + 1) == 0);
    rill_free(s->options.allocator, text);
    return !same;
}

/* Another one is not asked any more. */
static int know_token(rill_settler *s, rill_settling *a, const char *url, const char *where,
                      rill_settler_read_token *read, void *user)
{
    const rill_engine *engine = rill_settler_engine(s, url);
    if (engine == NULL)
        return RILL_ERR_NOMEM;
    if (!may_be_asked(a, engine))
        return RILL_OK;
    const rill_settler_wanted wanted = {.engine = url, .token = read(user, where), .where = where};
    rill_settle_terms terms = {.engine = NULL};
    int rc = rill_settler_set_terms(s, &terms, &wanted);
    if (rc == RILL_OK)
        rill_settler_keep_before(s, a, &terms);
    return rc;
}

static bool read_id(const char *name, rill_balance_id *id)
{
    uint64_t number = 0;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > UINT32_MAX)
            return false;
        number = number * 10 + (uint64_t)(*c - '0');
    }
    *id = (rill_balance_id)number;
    return number > 0 && number <= UINT32_MAX;
}

/* Whose setting it is. RILL_ERR_NOT_FOUND: not one of ours. RILL_ERR_NOMEM. */
static int find_named(rill_settler *s, const rill_store_setting *setting, rill_settling **out)
{
    rill_balance_id id;
    if (!read_id(setting->name, &id))
        return RILL_ERR_NOT_FOUND;
    *out = rill_settler_find(s, id);
    if (*out == NULL)
        *out = rill_settler_make(s, id);
    return *out == NULL ? RILL_ERR_NOMEM : RILL_OK;
}

int rill_settler_know_terms(rill_settler *s, const rill_store_setting *setting)
{
    rill_settling *a;
    int rc = find_named(s, setting, &a);
    if (rc != RILL_OK)
        return rc == RILL_ERR_NOT_FOUND ? RILL_OK : rc;
    rill_free(s->options.allocator, a->kept_terms);
    a->kept_terms = copy_of(s, setting->value);
    a->due = setting->value[0] == '1';
    return a->kept_terms == NULL ? RILL_ERR_NOMEM : RILL_OK;
}

int rill_settler_know_tokens(rill_settler *s, const rill_store_setting *setting,
                             rill_settler_read_token *read, void *user)
{
    rill_settling *a;
    int rc = find_named(s, setting, &a);
    if (rc != RILL_OK)
        return rc == RILL_ERR_NOT_FOUND ? RILL_OK : rc;
    char *line = copy_of(s, setting->value);
    rill_free(s->options.allocator, a->kept_tokens);
    a->kept_tokens = copy_of(s, setting->value);
    if (line == NULL || a->kept_tokens == NULL)
        rc = RILL_ERR_NOMEM;
    for (char *at = line, *end; rc == RILL_OK && (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0'; /* what is no line of ours takes nothing from the next one */
        char *space = strchr(at, ' ');
        if (space == NULL)
            continue;
        *space = '\0';
        rc = know_token(s, a, at, space + 1, read, user);
    }
    rill_free(s->options.allocator, line);
    return rc;
}

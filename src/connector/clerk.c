/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/clerk.h"

#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

/* An entry's key, with what it was for. */
typedef struct known_key {
    rill_list linked; /* rill_clerk.keys */
    struct known_key *same_hash;
    rill_balance_id account;
    rill_entry_kind kind;
    uint64_t amount;
    uint64_t group; /* that its entry is in; 0: of an earlier run */
    char key[];     /* NUL-terminated */
} known_key;

void rill_clerk_init(rill_clerk *c, rill_books *books, const rill_clerk_options *options)
{
    *c = (rill_clerk){.options = *options, .books = books};
    c->wait = RILL_CLERK_FIRST_WAIT;
    rill_list_init(&c->keys);
    rill_map_init(&c->by_key, options->allocator, options->seed);
}

void rill_clerk_begin(rill_clerk *c, rill_store *store, rill_balance_id last)
{
    c->store = store;
    c->kept_last = last;
}

static void empty_page(rill_clerk *c, rill_clerk_page *page)
{
    for (size_t i = 0; i < page->text_count; i++)
        rill_free(c->options.allocator, page->texts[i]);
    page->text_count = 0;
    page->account_count = 0;
    page->entry_count = 0;
    page->route_count = 0;
    page->route_bytes = 0;
    page->settlement_count = 0;
    page->setting_count = 0;
}

void rill_clerk_clear(rill_clerk *c)
{
    const rill_allocator *allocator = c->options.allocator;
    for (size_t i = 0; i < 2; i++) {
        rill_clerk_page *page = &c->pages[i];
        empty_page(c, page);
        rill_group_clear(&page->group, allocator);
        rill_free(allocator, page->accounts);
        rill_free(allocator, page->entries);
        rill_free(allocator, page->routes);
        rill_free(allocator, page->settlements);
        rill_free(allocator, page->settings);
        rill_free(allocator, page->texts);
    }
    while (!rill_list_empty(&c->keys)) {
        known_key *k = RILL_CONTAINER(c->keys.next, known_key, linked);
        rill_list_remove(&k->linked);
        rill_free(allocator, k);
    }
    rill_map_clear(&c->by_key);
}

/* ---- the page that fills ---- */

/* A place more in an array; NULL: no memory, and all is as before. The place is not counted yet. */
static void *place(const rill_clerk *c, void **array, size_t count, size_t *cap, size_t size)
{
    if (count == *cap) {
        size_t larger = *cap * 2 + 8;
        void *grown = rill_realloc_array(c->options.allocator, *array, larger, size);
        if (grown == NULL)
            return NULL;
        *array = grown;
        *cap = larger;
    }
    return (char *)*array + count * size;
}

/* A copy that lives as long as what is on the page. NULL: no memory. */
static void *keep_bytes(const rill_clerk *c, rill_clerk_page *page, const void *bytes, size_t len)
{
    void *texts = page->texts;
    char **at = place(c, &texts, page->text_count, &page->text_cap, sizeof *page->texts);
    page->texts = texts;
    if (at == NULL)
        return NULL;
    char *copy = rill_alloc(c->options.allocator, len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    *at = copy;
    page->text_count++;
    return copy;
}

static const char *keep_text(const rill_clerk *c, rill_clerk_page *page, const char *text)
{
    return keep_bytes(c, page, text, strlen(text) + 1);
}

static void drop_texts(const rill_clerk *c, rill_clerk_page *page, size_t to)
{
    while (page->text_count > to)
        rill_free(c->options.allocator, page->texts[--page->text_count]);
}

int rill_clerk_open_account(rill_clerk *c, const rill_store_account *account)
{
    rill_clerk_page *page = &c->pages[c->filling];
    size_t texts = page->text_count;
    void *accounts = page->accounts;
    rill_store_account *at =
        place(c, &accounts, page->account_count, &page->account_cap, sizeof *at);
    page->accounts = accounts;
    if (at == NULL)
        return RILL_ERR_NOMEM;
    *at = *account;
    at->name = keep_text(c, page, account->name);
    at->asset = at->name == NULL ? NULL : keep_text(c, page, account->asset);
    if (at->asset == NULL) {
        drop_texts(c, page, texts);
        return RILL_ERR_NOMEM;
    }
    page->account_count++;
    return RILL_OK;
}

/* Those of the configuration, which have no account, are as many as operators say. */
static bool has_room_for(const rill_clerk *c, const rill_clerk_page *page,
                         const rill_store_route *route, size_t bytes)
{
    return route->account[0] == '\0' ||
           (!c->failed && page->route_bytes + bytes <= RILL_CLERK_ROUTE_BYTES);
}

int rill_clerk_put_route(rill_clerk *c, const rill_store_route *route)
{
    rill_clerk_page *page = &c->pages[c->filling];
    const size_t bytes =
        sizeof *route + strlen(route->account) + route->prefix.len + route->value.len;
    if (!has_room_for(c, page, route, bytes))
        return RILL_ERR_LIMIT;
    size_t texts = page->text_count;
    void *routes = page->routes;
    rill_store_route *at = place(c, &routes, page->route_count, &page->route_cap, sizeof *at);
    page->routes = routes;
    if (at == NULL)
        return RILL_ERR_NOMEM;
    *at = *route;
    at->account = keep_text(c, page, route->account);
    if (at->account != NULL)
        at->prefix.data = keep_bytes(c, page, route->prefix.data, route->prefix.len);
    if (at->account != NULL && at->prefix.data != NULL)
        at->value.data = keep_bytes(c, page, route->value.data, route->value.len);
    if (at->account == NULL || at->prefix.data == NULL || at->value.data == NULL) {
        drop_texts(c, page, texts);
        return RILL_ERR_NOMEM;
    }
    page->route_count++;
    page->route_bytes += bytes;
    return RILL_OK;
}

int rill_clerk_put_settlement(rill_clerk *c, const rill_store_settlement *settlement)
{
    rill_clerk_page *page = &c->pages[c->filling];
    size_t texts = page->text_count;
    void *settlements = page->settlements;
    rill_store_settlement *at =
        place(c, &settlements, page->settlement_count, &page->settlement_cap, sizeof *at);
    page->settlements = settlements;
    if (at == NULL)
        return RILL_ERR_NOMEM;
    *at = *settlement;
    const bool gone = settlement->gone;
    at->key = keep_text(c, page, settlement->key);
    at->engine = at->key == NULL ? NULL : keep_text(c, page, gone ? "" : settlement->engine);
    at->amount = at->engine == NULL ? NULL : keep_text(c, page, gone ? "" : settlement->amount);
    if (at->amount == NULL) {
        drop_texts(c, page, texts);
        return RILL_ERR_NOMEM;
    }
    page->settlement_count++;
    return RILL_OK;
}

int rill_clerk_put_setting(rill_clerk *c, const rill_store_setting *setting, uint64_t wall_ms,
                           uint64_t *group)
{
    rill_clerk_page *page = &c->pages[c->filling];
    size_t texts = page->text_count;
    void *settings = page->settings;
    rill_store_setting *at =
        place(c, &settings, page->setting_count, &page->setting_cap, sizeof *at);
    page->settings = settings;
    if (at == NULL)
        return RILL_ERR_NOMEM;
    at->kind = keep_text(c, page, setting->kind);
    at->name = at->kind == NULL ? NULL : keep_text(c, page, setting->name);
    at->value = at->name == NULL ? NULL : keep_text(c, page, setting->value);
    if (at->value == NULL) {
        drop_texts(c, page, texts);
        return RILL_ERR_NOMEM;
    }
    page->setting_count++;
    *group = rill_books_touch(c->books, wall_ms);
    return RILL_OK;
}

rill_clerk_mark rill_clerk_mark_settlements(const rill_clerk *c)
{
    const rill_clerk_page *page = &c->pages[c->filling];
    return (rill_clerk_mark){page->settlement_count, page->text_count};
}

void rill_clerk_unput_settlements(rill_clerk *c, rill_clerk_mark to)
{
    rill_clerk_page *page = &c->pages[c->filling];
    page->settlement_count = to.settlements;
    drop_texts(c, page, to.texts);
}

/* ---- keys ---- */

/* FNV-1a; who sends keys is trusted to settle, and equal hashes only cost a comparison. */
static uint64_t hash_of(rill_balance_id account, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ account;
    for (; *key != '\0'; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    return hash;
}

static known_key *find_key(const rill_clerk *c, rill_balance_id account, const char *key)
{
    known_key *k = rill_map_get(&c->by_key, hash_of(account, key));
    while (k != NULL && (k->account != account || strcmp(k->key, key) != 0))
        k = k->same_hash;
    return k;
}

int rill_clerk_know_key(rill_clerk *c, rill_balance_id account, const char *key,
                        rill_entry_kind kind, uint64_t amount)
{
    size_t len = strlen(key) + 1;
    uint64_t hash = hash_of(account, key);
    known_key *k = rill_alloc(c->options.allocator, sizeof *k + len);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->account = account;
    k->kind = kind;
    k->amount = amount;
    k->group = 0;
    memcpy(k->key, key, len);
    k->same_hash = rill_map_get(&c->by_key, hash);
    if (k->same_hash != NULL) {
        bool there = rill_map_replace(&c->by_key, hash, k);
        assert(there);
        (void)there;
    } else {
        int rc = rill_map_put(&c->by_key, hash, k);
        if (rc != RILL_OK) {
            rill_free(c->options.allocator, k);
            return rc;
        }
    }
    rill_list_push_back(&c->keys, &k->linked);
    return RILL_OK;
}

bool rill_clerk_find_key(const rill_clerk *c, rill_balance_id account, const char *key,
                         rill_entry_kind *kind, uint64_t *amount, uint64_t *group)
{
    const known_key *k = find_key(c, account, key);
    if (k == NULL)
        return false;
    *kind = k->kind;
    *amount = k->amount;
    *group = k->group;
    return true;
}

/* ---- entries ---- */

static bool texts_valid(const rill_store_entry *e)
{
    return e->who[0] != '\0' && strlen(e->who) <= RILL_ENTRY_TEXT_MAX &&
           strlen(e->note) <= RILL_ENTRY_TEXT_MAX && strlen(e->key) <= RILL_ENTRY_TEXT_MAX;
}

/* As much of it as a line holds, up to the end of a character: a token's place may be longer. */
static const char *cut_person(const char *person, char out[RILL_ENTRY_TEXT_MAX + 1])
{
    enum { MORE = 3 }; /* bytes of a character of UTF-8 behind its first */
    size_t len = strlen(person);
    if (len <= RILL_ENTRY_TEXT_MAX)
        return person;
    len = RILL_ENTRY_TEXT_MAX;
    while (len > RILL_ENTRY_TEXT_MAX - MORE && ((unsigned char)person[len] & 0xc0) == 0x80)
        len--;
    memcpy(out, person, len);
    out[len] = '\0';
    return out;
}

/* Writes the line onto the page; nothing changed if there is no memory. */
static int put_line(const rill_clerk *c, rill_clerk_page *page, const rill_store_entry *entry)
{
    const char *person = entry->person != NULL ? entry->person : c->person != NULL ? c->person : "";
    char cut[RILL_ENTRY_TEXT_MAX + 1];
    size_t texts = page->text_count;
    void *entries = page->entries;
    rill_store_entry *at = place(c, &entries, page->entry_count, &page->entry_cap, sizeof *at);
    page->entries = entries;
    if (at == NULL)
        return RILL_ERR_NOMEM;
    *at = *entry;
    at->who = keep_text(c, page, entry->who);
    at->note = at->who == NULL ? NULL : keep_text(c, page, entry->note);
    at->key = at->note == NULL ? NULL : keep_text(c, page, entry->key);
    at->person = at->key == NULL ? NULL : keep_text(c, page, cut_person(person, cut));
    if (at->person == NULL) {
        drop_texts(c, page, texts);
        return RILL_ERR_NOMEM;
    }
    page->entry_count++;
    return RILL_OK;
}

static void take_line_back(const rill_clerk *c, rill_clerk_page *page)
{
    enum { TEXTS_OF_A_LINE = 4 };
    page->entry_count--;
    drop_texts(c, page, page->text_count - TEXTS_OF_A_LINE);
}

int rill_clerk_enter(rill_clerk *c, rill_balance *a, const rill_store_entry *entry, uint64_t *group)
{
    rill_clerk_page *page = &c->pages[c->filling];
    if (!texts_valid(entry))
        return RILL_ERR_INVALID;
    if (entry->key[0] != '\0') {
        const known_key *k = find_key(c, a->id, entry->key);
        if (k != NULL && (k->kind != entry->kind || k->amount != entry->amount))
            return RILL_ERR_STATE;
        if (k != NULL) {
            *group = k->group;
            return RILL_ERR_EXISTS;
        }
    }
    rill_store_entry line = *entry;
    line.account = a->id;
    int rc = put_line(c, page, &line);
    if (rc != RILL_OK)
        return rc;
    if (entry->key[0] != '\0')
        rc = rill_clerk_know_key(c, a->id, entry->key, entry->kind, entry->amount);
    if (rc != RILL_OK) {
        take_line_back(c, page);
        return rc;
    }
    bool out = entry->kind == RILL_ENTRY_SETTLED_OUT || entry->kind == RILL_ENTRY_WITHDRAWAL;
    *group = rill_books_enter(c->books, a, out, entry->amount, entry->at_ms);
    if (entry->key[0] != '\0')
        find_key(c, a->id, entry->key)->group = *group;
    if (c->options.entered != NULL)
        c->options.entered(c->options.user, a, entry, *group);
    return RILL_OK;
}

int rill_clerk_note(rill_clerk *c, rill_balance_id account, uint64_t at_ms, const char *who,
                    const char *what)
{
    const rill_store_entry entry = {.at_ms = at_ms,
                                    .account = account,
                                    .kind = RILL_ENTRY_CHANGE,
                                    .who = who,
                                    .note = what,
                                    .key = ""};
    return texts_valid(&entry) ? put_line(c, &c->pages[c->filling], &entry) : RILL_ERR_INVALID;
}

uint64_t rill_clerk_lines(const rill_clerk *c)
{
    return c->lines_kept + c->pages[0].entry_count + c->pages[1].entry_count;
}

/* ---- the way to the store ---- */

static void give_to_store(rill_clerk *c, rill_clerk_page *page)
{
    page->batch = (rill_store_batch){
        .accounts = page->accounts,
        .account_count = page->account_count,
        .balances = page->group.balances,
        .balance_count = page->group.balance_count,
        .flows = page->group.flows,
        .flow_count = page->group.flow_count,
        .entries = page->entries,
        .entry_count = page->entry_count,
        .routes = page->routes,
        .route_count = page->route_count,
        .settlements = page->settlements,
        .settlement_count = page->settlement_count,
        .settings = page->settings,
        .setting_count = page->setting_count,
        .group = page->group.number,
    };
    c->writing = true;
    rill_store_write(c->store, &page->batch);
}

/* Nothing is on it beside what the books have. */
static bool is_blank(const rill_clerk_page *page)
{
    return page->account_count + page->entry_count + page->route_count + page->settlement_count +
               page->setting_count ==
           0;
}

void rill_clerk_turn(rill_clerk *c, uint64_t mono_ns)
{
    if (c->writing)
        return;
    if (c->failed) {
        if (mono_ns >= c->retry_at)
            give_to_store(c, &c->pages[1 - c->filling]);
        return;
    }
    rill_clerk_page *page = &c->pages[c->filling];
    page->group.number = 0;
    int rc = rill_books_take_group(c->books, &page->group);
    if (rc == RILL_ERR_NOMEM)
        return; /* all of it stays for the next turn */
    if (rc == RILL_ERR_BLOCKED) {
        page->group.balance_count = 0;
        page->group.flow_count = 0;
        if (is_blank(page))
            return;
    }
    c->filling = 1 - c->filling;
    give_to_store(c, page);
}

void rill_clerk_written(rill_clerk *c, int rc, const char *problem, uint64_t mono_ns)
{
    rill_clerk_page *page = &c->pages[1 - c->filling];
    assert(c->writing);
    c->writing = false;
    if (rc != RILL_OK) {
        bool first = !c->failed;
        c->failed = true;
        c->retry_at = mono_ns + c->wait;
        c->wait = c->wait * 2 < RILL_CLERK_LONGEST_WAIT ? c->wait * 2 : RILL_CLERK_LONGEST_WAIT;
        if (first)
            c->options.failing(c->options.user, problem);
        return;
    }
    bool worked_again = c->failed;
    c->failed = false;
    c->wait = RILL_CLERK_FIRST_WAIT;
    c->lines_kept += page->entry_count;
    /* In the order in which they were opened. */
    if (page->account_count > 0)
        c->kept_last = page->accounts[page->account_count - 1].id;
    empty_page(c, page);
    if (page->group.number != 0)
        rill_books_group_kept(c->books, &page->group);
    if (worked_again)
        c->options.failing(c->options.user, NULL);
    if (page->group.number != 0)
        c->options.kept(c->options.user, page->group.number);
}

uint64_t rill_clerk_deadline(const rill_clerk *c)
{
    return c->failed && !c->writing ? c->retry_at : RILL_NEVER;
}

bool rill_clerk_is_done(const rill_clerk *c)
{
    const rill_clerk_page *page = &c->pages[c->filling];
    return !c->writing && !c->failed && c->books->dirty_count == 0 && is_blank(page);
}

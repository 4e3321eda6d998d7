/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration that was applied last, as the books keep it: a start tells what was changed
 * while the node was stopped. It is kept in pieces, so that another account is a small write:
 * what is of no account, the routes, and accounts by a hash of their names.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "connector/config_shapes.h"
#include "connector/core_impl.h"
#include "connector/core_kept.h"

enum { NODE, ROUTES, BUCKETS, BUCKET_COUNT = CORE_KEPT_PIECES - BUCKETS, PIECE_NAME = 24 };

/* Beside the pieces: which key prints are of. */
static const char prints_name[] = "prints";

/* ---- what the store has ---- */

static void name_of_piece(unsigned piece, char out[PIECE_NAME])
{
    if (piece < BUCKETS)
        (void)snprintf(out, PIECE_NAME, "%s", piece == NODE ? "node" : "routes");
    else
        (void)snprintf(out, PIECE_NAME, "accounts-%02x", piece - BUCKETS);
}

int rill_core_know_config(rill_core *c, const rill_store_setting *setting)
{
    char name[PIECE_NAME];
    unsigned piece = 0;
    if (strcmp(setting->name, prints_name) == 0) {
        (void)snprintf(c->kept.key_name, sizeof c->kept.key_name, "%s", setting->value);
        return RILL_OK;
    }
    for (; piece < CORE_KEPT_PIECES; piece++) {
        name_of_piece(piece, name);
        if (strcmp(name, setting->name) == 0)
            break;
    }
    if (piece == CORE_KEPT_PIECES)
        return RILL_OK; /* of a version that knows more */
    size_t size = strlen(setting->value) + 1;
    char *copy = rill_alloc(c->options.allocator, size);
    if (copy == NULL)
        return RILL_ERR_NOMEM;
    memcpy(copy, setting->value, size);
    rill_free(c->options.allocator, c->kept.pieces[piece]);
    c->kept.pieces[piece] = copy;
    c->kept.known = true;
    return RILL_OK;
}

/* ---- prints of secrets ---- */

/* What the configuration itself names by its hash cannot change without it. */
static bool secret_print(void *user, const char *path, const char *where,
                         char out[RILL_SHAPE_PRINT])
{
    const rill_core *c = user;
    char secret[RILL_TOKEN_MAX + 1];
    uint8_t hash[RILL_SHA256_LEN];
    (void)path;
    if (rill_config_token_hash(where, hash) ||
        c->options.secret(c->options.user, where, secret, sizeof secret) != RILL_OK)
        return false;
    bool is = rill_core_print(user, secret, out);
    rill_wipe(secret, sizeof secret);
    return is;
}

/* Tokens of accounts are known already: there may be as many files of them as accounts. */
static bool print_but_tokens(void *user, const char *path, const char *where,
                             char out[RILL_SHAPE_PRINT])
{
    return strcmp(path, "tokens") != 0 && secret_print(user, path, where, out);
}

/* ---- telling ---- */

typedef struct keeping {
    rill_core *core;
    const char *who;
    void (*tell)(void *user, const char *line);
    void *user;
    const rill_holder_account *account; /* of what is told; NULL: the node */
    rill_lines text;                    /* of the piece, and of an account in it */
    rill_lines usual;                   /* of an account of which nothing is said */
    const void *usual_account;
    struct owner *owners;
    size_t owner_count;
    bool compares; /* what is different is told alone, and nothing is kept */
    bool failed;   /* without memory */
} keeping;

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

static void say(const keeping *k, const char *name, const char *text)
{
    char line[RILL_STORE_NAME_MAX + RILL_ENTRY_TEXT_MAX + 20];
    if (name != NULL)
        (void)snprintf(line, sizeof line, "account %.255s: %s", name, text);
    else
        (void)snprintf(line, sizeof line, "%s", text);
    if (k->tell != NULL)
        k->tell(k->user, line);
}

static void on_line(void *user, const char *text)
{
    keeping *k = user;
    say(k, k->account == NULL ? NULL : k->account->config->name, text);
    k->failed = rill_core_note(k->core, k->account, k->who, text) != RILL_OK || k->failed;
}

/* A secret that is named as before. All else of another configuration is told where it is applied.
 */
static void on_secret(void *user, rill_difference kind, const char *path, const char *before,
                      const char *now)
{
    char text[RILL_ENTRY_TEXT_MAX + 1];
    (void)before;
    (void)now;
    if (kind != RILL_OTHER_SECRET)
        return;
    (void)snprintf(text, sizeof text, "%s: another one is there now", path);
    on_line(user, text);
}

/* ---- accounts of a piece ---- */

/* One after the other, in the order of names: "@NAME\n", and its lines. */
typedef struct section {
    rill_bytes name;
    rill_bytes lines;
} section;

/* False: there is no other. */
static bool next_section(rill_bytes *rest, section *out)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (end == NULL || rest->data[0] != '@')
        return false;
    out->name = (rill_bytes){rest->data + 1, (size_t)(end - rest->data) - 1};
    const uint8_t *from = end + 1;
    const uint8_t *last = rest->data + rest->len;
    const uint8_t *at = from;
    while (at < last && *at != '@') {
        const uint8_t *next = memchr(at, '\n', (size_t)(last - at));
        at = next == NULL ? last : next + 1;
    }
    out->lines = (rill_bytes){from, (size_t)(at - from)};
    *rest = (rill_bytes){at, (size_t)(last - at)};
    return true;
}

static int compare_names(rill_bytes a, rill_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The balance that it had; NULL: nobody knows. */
static const known_balance *balance_of(const rill_core *c, const char *name, rill_bytes lines)
{
    static const char key[] = "asset\t";
    const size_t skip = sizeof key - 1;
    rill_config_asset asset = {.scale = 0};
    for (size_t i = 0; i + skip < lines.len; i++) {
        const uint8_t *at = lines.data + i;
        if ((i > 0 && at[-1] != '\n') || memcmp(at, key, skip) != 0)
            continue;
        const uint8_t *end = memchr(at, '\n', lines.len - i);
        const uint8_t *slash = end == NULL ? NULL : end;
        while (slash != NULL && slash > at && *slash != '/')
            slash--;
        const uint8_t *code = at + skip;
        if (slash == NULL || slash <= code || (size_t)(slash - code) >= sizeof asset.code)
            return NULL;
        memcpy(asset.code, code, (size_t)(slash - code));
        asset.scale = (uint8_t)strtoul((const char *)slash + 1, NULL, 10);
        return rill_core_find_known(c, RILL_HOLDER_NEIGHBOUR, name, &asset);
    }
    return NULL;
}

static void tell_removed(keeping *k, const section *s)
{
    char name[RILL_STORE_NAME_MAX + 1];
    char text[RILL_ENTRY_TEXT_MAX + 1];
    rill_core *c = k->core;
    (void)snprintf(name, sizeof name, "%.*s", (int)s->name.len, (const char *)s->name.data);
    const known_balance *known = balance_of(c, name, s->lines);
    int rc;
    if (known == NULL) {
        (void)snprintf(text, sizeof text, "account %.200s: removed", name);
        say(k, NULL, text);
        rc = rill_core_note(c, NULL, k->who, text);
    } else {
        rill_core_removed_text(known->booked, known->asset, known->scale, text);
        say(k, name, text);
        rc = rill_core_note_closed(c, known->id, k->who, text);
    }
    k->failed = k->failed || rc != RILL_OK;
}

/* Both in the order of names. */
static int tell_accounts(keeping *k, rill_bytes before, rill_bytes now)
{
    const rill_allocator *allocator = k->core->options.allocator;
    section old;
    section fresh;
    bool is_old = next_section(&before, &old);
    bool is_fresh = next_section(&now, &fresh);
    int rc = RILL_OK;
    while ((is_old || is_fresh) && rc == RILL_OK) {
        int order = !is_old ? 1 : !is_fresh ? -1 : compare_names(old.name, fresh.name);
        k->account = order < 0 ? NULL : rill_core_find(k->core, fresh.name);
        if (order < 0)
            tell_removed(k, &old);
        else if (order > 0)
            rc = rill_core_say_added(allocator, fresh.lines, on_line, k);
        else if (compare_names(old.lines, fresh.lines) != 0)
            rc = rill_core_say_differences(allocator, old.lines, fresh.lines,
                                           bytes_of(k->usual.text), on_line, k);
        if (order <= 0)
            is_old = next_section(&before, &old);
        if (order >= 0)
            is_fresh = next_section(&now, &fresh);
    }
    k->account = NULL;
    return rc;
}

/* ---- pieces ---- */

/* 0: of no text. */
static uint64_t sum_of(const rill_core *c, const char *text)
{
    uint8_t digest[RILL_SHA256_LEN];
    uint64_t sum = 1;
    if (text == NULL || text[0] == '\0')
        return 0;
    if (rill_crypto_sha256(c->options.crypto, (const uint8_t *)text, strlen(text), digest) ==
        RILL_OK)
        memcpy(&sum, digest, sizeof sum);
    return sum;
}

/* What is different since the books were closed, and what has to be kept. */
static int end_piece(keeping *k, unsigned piece, bool starts, const char *usual)
{
    rill_core *c = k->core;
    core_kept *kept = &c->kept;
    const char *text = k->text.text == NULL ? "" : k->text.text;
    const char *before = kept->pieces[piece] == NULL ? "" : kept->pieces[piece];
    char name[PIECE_NAME];
    uint64_t group;
    int rc = k->text.no_memory || k->usual.no_memory ? RILL_ERR_NOMEM : RILL_OK;
    const uint64_t sum = sum_of(c, text);
    if (starts)
        kept->sums[piece] = strcmp(before, text) == 0 ? sum : sum_of(c, kept->pieces[piece]);
    if (rc != RILL_OK || sum == kept->sums[piece])
        return rc;
    if (piece >= BUCKETS && starts && kept->known)
        rc = tell_accounts(k, bytes_of(before), bytes_of(text));
    else if (starts && kept->known)
        rc = rill_core_say_differences(c->options.allocator, bytes_of(before), bytes_of(text),
                                       bytes_of(usual), on_line, k);
    else if (piece == NODE && !starts)
        rc = rill_shape_compare(c->options.allocator, bytes_of(before), bytes_of(text),
                                bytes_of(usual), on_secret, k);
    if (rc != RILL_OK || k->compares)
        return rc;
    name_of_piece(piece, name);
    const rill_store_setting setting = {RILL_SETTING_CONFIG, name, text};
    rc = rill_core_put_setting(c, &setting, &group);
    if (rc == RILL_OK)
        kept->sums[piece] = sum;
    return rc;
}

/* Of the configuration, routes or all that is of no account and no route. */
static int keep_node(keeping *k, unsigned piece, bool starts)
{
    const rill_core *c = k->core;
    const char *skip[64] = {"accounts"};
    size_t skipped = 1;
    rill_arena arena;
    rill_lines usual = {.allocator = c->options.allocator};
    rill_arena_init(&arena, c->options.allocator);
    for (const rill_field *f = rill_config_shape.fields; f->key != NULL; f++) {
        bool route = strcmp(f->key, "routes") == 0 || strcmp(f->key, "default-route") == 0;
        if (route != (piece == ROUTES) && skipped < sizeof skip / sizeof *skip - 1)
            skip[skipped++] = f->key;
    }
    const void *defaults = rill_shape_defaults(&rill_config_shape, &arena);
    int rc = defaults == NULL ? RILL_ERR_NOMEM : RILL_OK;
    k->text.print = secret_print;
    if (rc == RILL_OK) {
        rill_shape_write(&usual, &rill_config_shape, defaults, NULL, skip);
        rill_shape_write(&k->text, &rill_config_shape, c->options.config, defaults, skip);
        rc = usual.no_memory ? RILL_ERR_NOMEM : end_piece(k, piece, starts, usual.text);
    }
    rill_lines_clear(&usual);
    rill_arena_clear(&arena);
    return rc;
}

/* For what its secrets are called again, once another configuration is applied. */
static void remember_node(keeping *k)
{
    core_kept *kept = &k->core->kept;
    rill_free(k->core->options.allocator, kept->pieces[NODE]);
    kept->pieces[NODE] = k->text.text;
    k->text.text = NULL;
    rill_lines_clear(&k->text);
}

/* ---- accounts ---- */

/* The sum of what is known of its tokens: the same on every machine that the books are moved to. */
struct owner {
    const void *account;
    uint64_t sum;
};

/* The first eight bytes of a digest, the lowest first. */
static uint64_t first_of(const uint8_t digest[RILL_SHA256_LEN])
{
    uint64_t first = 0;
    for (unsigned i = 0; i < sizeof first; i++)
        first |= (uint64_t)digest[i] << 8 * i;
    return first;
}

static void add_token(void *user, const uint8_t hash[RILL_SHA256_LEN], const void *owner)
{
    keeping *k = user;
    uint8_t digest[RILL_SHA256_LEN];
    if (k->core->kept.prints == CORE_PRINTS_PLAIN)
        memcpy(digest, hash, sizeof digest);
    else if (!rill_core_print_bytes(k->core, hash, RILL_SHA256_LEN, digest))
        return;
    struct owner *o = &k->owners[k->owner_count++];
    o->account = owner;
    o->sum = first_of(digest);
}

static void count_token(void *user, const uint8_t hash[RILL_SHA256_LEN], const void *owner)
{
    size_t *count = user;
    (void)hash;
    (void)owner;
    ++*count;
}

static int by_account(const void *a, const void *b)
{
    const struct owner *x = a;
    const struct owner *y = b;
    return ((uintptr_t)x->account > (uintptr_t)y->account) -
           ((uintptr_t)x->account < (uintptr_t)y->account);
}

static int list_owners(keeping *k)
{
    size_t count = 0;
    size_t last = 0;
    rill_tokens_each(&k->core->tokens, count_token, &count);
    k->owners = rill_calloc(k->core->options.allocator, count + 1, sizeof *k->owners);
    if (k->owners == NULL)
        return RILL_ERR_NOMEM;
    k->owner_count = 0;
    rill_tokens_each(&k->core->tokens, add_token, k);
    count = k->owner_count;
    if (count > 0)
        qsort(k->owners, count, sizeof *k->owners, by_account);
    for (size_t i = 1; i < count; i++) {
        if (k->owners[i].account == k->owners[last].account)
            k->owners[last].sum += k->owners[i].sum;
        else
            k->owners[++last] = k->owners[i];
    }
    k->owner_count = count == 0 ? 0 : last + 1;
    return RILL_OK;
}

/* An account, and the piece that it is in. */
typedef struct placed {
    const rill_holder_account *account;
    unsigned piece;
} placed;

/* FNV-1a. */
static unsigned piece_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return BUCKETS + (hash >> 16) % BUCKET_COUNT;
}

static int by_place(const void *a, const void *b)
{
    const placed *x = a;
    const placed *y = b;
    return x->piece != y->piece ? (x->piece > y->piece) - (x->piece < y->piece)
                                : strcmp(x->account->config->name, y->account->config->name);
}

static void write_account(keeping *k, const rill_holder_account *a)
{
    const struct owner wanted = {.account = a};
    char print[RILL_SHAPE_PRINT];
    const struct owner *tokens = k->owner_count == 0 ? NULL
                                                     : bsearch(&wanted, k->owners, k->owner_count,
                                                               sizeof *k->owners, by_account);
    rill_lines_append(&k->text, "@", 1);
    rill_lines_append(&k->text, a->config->name, strlen(a->config->name));
    rill_lines_append(&k->text, "\n", 1);
    rill_shape_write(&k->text, &rill_config_account_shape, a->config, k->usual_account, NULL);
    if (tokens == NULL)
        return;
    (void)snprintf(print, sizeof print, "%016" PRIx64, tokens->sum);
    rill_lines_add(&k->text, "tokens#", print);
}

static int keep_pieces(keeping *k, const placed *all, bool starts)
{
    const size_t count = k->core->account_count;
    int rc = RILL_OK;
    size_t at = 0;
    for (unsigned piece = BUCKETS; piece < CORE_KEPT_PIECES && rc == RILL_OK; piece++) {
        k->text.len = 0;
        if (k->text.text != NULL)
            k->text.text[0] = '\0';
        for (; at < count && all[at].piece == piece; at++)
            write_account(k, all[at].account);
        rc = end_piece(k, piece, starts, k->usual.text);
    }
    return rc;
}

static int keep_accounts(keeping *k, bool starts)
{
    const rill_core *c = k->core;
    const rill_allocator *allocator = c->options.allocator;
    rill_arena arena;
    rill_arena_init(&arena, allocator);
    placed *all = rill_calloc(allocator, c->account_count + 1, sizeof *all);
    k->usual_account = rill_shape_defaults(&rill_config_account_shape, &arena);
    int rc = all == NULL || k->usual_account == NULL ? RILL_ERR_NOMEM : list_owners(k);
    if (rc == RILL_OK) {
        for (size_t i = 0; i < c->account_count; i++)
            all[i] = (placed){c->accounts[i], piece_of(c->accounts[i]->config->name)};
        if (c->account_count > 0)
            qsort(all, c->account_count, sizeof *all, by_place);
        k->text.print = print_but_tokens;
        rill_shape_write(&k->usual, &rill_config_account_shape, k->usual_account, NULL, NULL);
        rc = keep_pieces(k, all, starts);
    }
    rill_free(allocator, all);
    rill_free(allocator, k->owners);
    rill_arena_clear(&arena);
    return rc;
}

static void forget_pieces(rill_core *c, unsigned first)
{
    for (unsigned i = first; i < CORE_KEPT_PIECES; i++) {
        rill_free(c->options.allocator, c->kept.pieces[i]);
        c->kept.pieces[i] = NULL;
    }
}

static int keep_all(keeping *k, bool starts)
{
    const rill_lines none = {
        .allocator = k->core->options.allocator, .hash = rill_core_print, .user = k->core};
    k->text = k->usual = none;
    int rc = keep_node(k, NODE, starts);
    if (rc == RILL_OK) {
        remember_node(k);
        rc = keep_node(k, ROUTES, starts);
    }
    if (rc == RILL_OK)
        rc = keep_accounts(k, starts);
    rill_lines_clear(&k->text);
    rill_lines_clear(&k->usual);
    return rc;
}

/*
 * The store's prints are not of our key. What is different is told by plain ones, if they are
 * plain; else secrets that are named as before may be others, and nobody knows. Then all is kept
 * anew.
 */
static int change_prints(keeping *k)
{
    core_kept *kept = &k->core->kept;
    const bool plain = kept->key_name[0] == '\0';
    int rc = RILL_OK;
    kept->prints = plain ? CORE_PRINTS_PLAIN : CORE_PRINTS_NONE;
    for (unsigned i = 0; i < CORE_KEPT_PIECES && !plain; i++)
        rill_core_strip_prints(kept->pieces[i]);
    if (!plain)
        on_line(k, "if secrets are others is not known: the books were kept with another key");
    /* Whatever the store has, it is replaced. */
    uint64_t sums[CORE_KEPT_PIECES];
    for (unsigned i = 0; i < CORE_KEPT_PIECES; i++)
        sums[i] = kept->pieces[i] == NULL ? 0 : UINT64_MAX;
    k->compares = true;
    rc = keep_all(k, true);
    k->compares = false;
    kept->prints = CORE_PRINTS_BY_KEY;
    memcpy(kept->sums, sums, sizeof sums);
    forget_pieces(k->core, NODE);
    return rc;
}

static int keep_key_name(rill_core *c, const char *name)
{
    uint64_t group;
    const rill_store_setting setting = {RILL_SETTING_CONFIG, prints_name, name};
    memcpy(c->kept.key_name, name, RILL_SHAPE_PRINT);
    return rill_core_put_setting(c, &setting, &group);
}

int rill_core_keep_config(rill_core *c, bool starts, const char *who,
                          void (*tell)(void *user, const char *line), void *user)
{
    keeping k = {.core = c, .who = who, .tell = tell, .user = user};
    char name[RILL_SHAPE_PRINT] = "";
    int rc = RILL_OK;
    rill_core_name_prints(c, name);
    const bool other = strcmp(name, c->kept.key_name) != 0;
    if (starts && other && c->kept.known) {
        rc = change_prints(&k);
        starts = false; /* all is told */
    }
    if (rc == RILL_OK)
        rc = keep_all(&k, starts);
    if (rc == RILL_OK && other)
        rc = keep_key_name(c, name);
    forget_pieces(c, ROUTES);
    return rc == RILL_OK && k.failed ? RILL_ERR_NOMEM : rc;
}

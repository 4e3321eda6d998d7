/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is different between two configurations. Of every key that there is another value is told:
 * the keys come from the tables that the configuration is read by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/config_shapes.h"
#include "connector/shape_text.h"
#include <cmocka.h>

static rill_arena arena;
static char told[4000];
static unsigned count;

static int set_up(void **state)
{
    (void)state;
    rill_arena_init(&arena, rill_allocator_default());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rill_arena_clear(&arena);
    return 0;
}

static void on_difference(void *user, rill_difference kind, const char *path, const char *before,
                          const char *now)
{
    static const char *const words[] = {"", "more ", "fewer ", "secret "};
    size_t len = strlen(told);
    (void)user;
    count++;
    snprintf(told + len, sizeof told - len, "%s%s: %s, before %s\n", words[kind], path,
             now == NULL ? "-" : now, before == NULL ? "-" : before);
}

/* The hash is the text's length, and the secret's print its name backwards. */
static bool on_hash(void *user, const char *text, char out[RILL_SHAPE_PRINT])
{
    (void)user;
    snprintf(out, RILL_SHAPE_PRINT, "%u", (unsigned)strlen(text));
    return true;
}

static const char *print = "1";

static bool on_print(void *user, const char *path, const char *where, char out[RILL_SHAPE_PRINT])
{
    (void)user;
    (void)where;
    snprintf(out, RILL_SHAPE_PRINT, "%s%.3s", print, path);
    return true;
}

static rill_lines empty(void)
{
    return (rill_lines){.allocator = rill_allocator_default(), .hash = on_hash, .print = on_print};
}

static rill_bytes bytes_of(const rill_lines *l)
{
    return (rill_bytes){(const uint8_t *)l->text, l->len};
}

static void compare(const rill_shape *shape, const void *before, const void *now)
{
    const void *defaults = rill_shape_defaults(shape, &arena);
    rill_lines lines[] = {empty(), empty(), empty()};
    rill_shape_write(&lines[0], shape, before, defaults, NULL);
    rill_shape_write(&lines[1], shape, now, defaults, NULL);
    rill_shape_write(&lines[2], shape, defaults, NULL, NULL);
    told[0] = '\0';
    count = 0;
    assert_int_equal(rill_shape_compare(rill_allocator_default(), bytes_of(&lines[0]),
                                        bytes_of(&lines[1]), bytes_of(&lines[2]), on_difference,
                                        NULL),
                     RILL_OK);
    for (size_t i = 0; i < 3; i++)
        rill_lines_clear(&lines[i]);
}

/* ---- each key ---- */

static void *before_all;
static void *now_all;
static unsigned keys;

static void key_is_told(const rill_field *f)
{
    keys++;
    assert_false(rill_shape_same(&rill_config_shape, before_all, now_all));
    compare(&rill_config_shape, before_all, now_all);
    if (count == 0 || strstr(told, f->key) == NULL)
        fail_msg("another %s is not told: %s", f->key, told);
    compare(&rill_config_shape, now_all, before_all);
    assert_true(count > 0);
}

static void change(const rill_field *f, void *at)
{
    static const char *const secret = "env:OTHER";
    static const char *const other = "other";
    static rill_text texts[] = {{{0, 0}, "env:ONE"}};
    const rill_items one = {texts, 1};
    const uint64_t more = f->min + 1;
    switch (f->kind) {
    case RILL_KIND_TEXT:
        memcpy(at, &other, sizeof other);
        return;
    case RILL_KIND_SECRET:
    case RILL_KIND_TOKEN:
        memcpy(at, &secret, sizeof secret);
        return;
    case RILL_KIND_NUMBER:
    case RILL_KIND_LIMIT:
    case RILL_KIND_DURATION:
    case RILL_KIND_SIZE:
        *(uint64_t *)at = *(uint64_t *)at == more ? more + 1 : more;
        return;
    case RILL_KIND_RATIO:
        *(rill_ratio *)at = (rill_ratio){7, 3};
        return;
    case RILL_KIND_PART:
        *(uint32_t *)at += 1;
        return;
    case RILL_KIND_BOOL:
        *(bool *)at = !*(bool *)at;
        return;
    case RILL_KIND_MAYBE:
        *(int *)at = 1;
        return;
    case RILL_KIND_CHOICE:
        *(int *)at = *(int *)at == 0;
        return;
    case RILL_KIND_CHOICES:
        *(unsigned *)at ^= 1;
        return;
    case RILL_KIND_ASSET:
        snprintf(((rill_config_asset *)at)->code, 8, "ZZZ");
        return;
    case RILL_KIND_TEXTS:
    case RILL_KIND_SECRETS:
        memcpy(at, &one, sizeof one);
        return;
    default:
        fail_msg("%s: this kind is not tried here", f->key);
    }
}

static void *copy_of(const rill_shape *shape, const void *of)
{
    void *copy = rill_arena_alloc(&arena, shape->size);
    memcpy(copy, of, shape->size);
    return copy;
}

/* Each of its keys, one at a time. */
static void visit(const rill_shape *shape, char *before, char *now)
{
    static const char *const name = "name";
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        char *at = now + f->offset;
        char was[64];
        void *own[2] = {NULL, NULL};
        assert_in_range(shape->size, 1, 4096);
        if (f->kind == RILL_KIND_STRUCT) {
            visit(f->of, before + f->offset, at);
            continue;
        }
        if (f->kind == RILL_KIND_SHARED) {
            void *shared;
            memcpy(&shared, at, sizeof shared);
            own[0] = copy_of(f->of, shared);
            memcpy(at, own, sizeof own[0]);
            visit(f->of, shared, own[0]);
            memcpy(at, &shared, sizeof shared);
            continue;
        }
        if (f->kind == RILL_KIND_LIST || f->kind == RILL_KIND_MAP) {
            for (size_t i = 0; i < 2; i++) {
                own[i] = copy_of(f->of, rill_shape_defaults(f->of, &arena));
                if (f->kind == RILL_KIND_MAP)
                    memcpy((char *)own[i] + f->of->name_offset, &name, sizeof name);
                const rill_items one = {own[i], 1};
                memcpy((i == 0 ? before : now) + f->offset, &one, sizeof one);
            }
            visit(f->of, own[0], own[1]);
            const rill_items none = {NULL, 0};
            memcpy(before + f->offset, &none, sizeof none);
            memcpy(at, &none, sizeof none);
            continue;
        }
        const size_t rest = shape->size - f->offset;
        const size_t size = rest < sizeof was ? rest : sizeof was;
        memcpy(was, at, size);
        change(f, at);
        key_is_told(f);
        memcpy(at, was, size);
    }
}

static void test_every_key_is_told(void **state)
{
    (void)state;
    before_all = rill_shape_defaults(&rill_config_shape, &arena);
    now_all = copy_of(&rill_config_shape, before_all);
    visit(&rill_config_shape, before_all, now_all);
    assert_true(keys > 100);
    compare(&rill_config_shape, before_all, now_all);
    assert_int_equal(count, 0);
    assert_true(rill_shape_same(&rill_config_shape, before_all, now_all));
}

/* ---- how it is told ---- */

static void on_wrong(void *user, rill_place place, const char *problem)
{
    (void)user;
    (void)place;
    fail_msg("%s", problem);
}

static void read_config(rill_config *out, const char *rest)
{
    char text[2000];
    snprintf(text, sizeof text,
             "address: g.x\nstore: {path: b}\naccounts:\n  bob: {relation: peer, asset: USD/2, "
             "tokens: env:B}\n%s",
             rest);
    assert_int_equal(rill_config_parse(out, &arena, text, strlen(text), on_wrong, NULL), RILL_OK);
}

static void differ(const char *before, const char *now, const char *want)
{
    rill_config old;
    rill_config fresh;
    read_config(&old, before);
    read_config(&fresh, now);
    compare(&rill_config_shape, &old, &fresh);
    assert_string_equal(told, want);
    assert_int_equal(rill_shape_same(&rill_config_shape, &old, &fresh), want[0] == '\0');
}

static void test_values(void **state)
{
    (void)state;
    differ("", "", "");
    differ("", "route-interval: 90s\n", "route-interval: 90s, before 30s\n");
    differ("route-interval: 2m\n", "", "route-interval: 30s, before 2m\n");
    differ("rates: {base: USD, prices: {EUR: {price: 1.08}, XRP: {price: 1/3}}}\n",
           "rates: {base: USD, prices: {EUR: {price: 1.0842}, GBP: {price: 5/4}}, spread: 0.1%}\n",
           "rates prices EUR price: 1.0842, before 1.08\n"
           "rates prices GBP price: 1.25, before none\n"
           "rates prices XRP price: none, before 1/3\n"
           "rates spread: 0.001, before 0.002\n");
    differ("rates: {base: USD, spreads: [{from: USD, to: EUR, spread: 1%}]}\n",
           "rates: {base: USD, spreads: [{from: USD, to: EUR, spread: 2%}]}\n",
           "fewer rates spreads: -, before from USD, to EUR, spread 0.01\n"
           "more rates spreads: from USD, to EUR, spread 0.02, before -\n");
    differ("admin: {port: 1, two-people: true, tokens: [env:A, {token: env:B, scopes: [read, "
           "rates]}]}\n",
           "admin: {port: 1, tokens: [env:A, {token: env:B, scopes: money}, 'file:/x']}\n",
           "more admin tokens: token env:B, scopes money, before -\n"
           "fewer admin tokens: -, before token env:B, scopes read rates\n"
           "more admin tokens: token file:/x, before -\n"
           "admin two-people: false, before true\n");
    differ("engines: {port: 1, tokens: [env:A, env:B]}\n",
           "engines: {port: 1, tokens: env:B, unprotected: true}\n",
           "fewer engines tokens: -, before env:A\n"
           "engines unprotected: true, before false\n");
    differ("packet-log: {folder: /l}\n", "packet-log: {folder: /l, size: 2MiB, keep: 36h}\n",
           "packet-log keep: 36h, before 14d\n"
           "packet-log size: 2MiB, before 1GiB\n");
    differ("packet-log: {folder: \"/l\\x01\"}\n", "packet-log: {folder: /m}\n",
           "packet-log folder: /m, before /l?\n");
}

/* Somebody may have put a secret there: it is not shown, and yet it is told that it is another. */
static void test_urls(void **state)
{
    (void)state;
    differ("webhooks: {url: 'https://u:hush@h/x?a=hush', secret: env:S}\n",
           "webhooks: {url: 'https://h/x?a=hush', secret: env:S}\n",
           "webhooks url: https://h/x, before https://h/x\n");
    differ("webhooks: {url: 'https://h/x', secret: env:S}\n",
           "webhooks: {url: 'https://h/x#y', secret: env:S}\n",
           "webhooks url: https://h/x, before https://h/x\n");
    differ("webhooks: {url: 'https://a@b:c@h', secret: env:S}\n",
           "webhooks: {url: 'https://g', secret: env:S}\n",
           "webhooks url: https://g, before https://h\n");
}

static void test_secrets(void **state)
{
    (void)state;
    rill_config config;
    rill_lines lines[] = {empty(), empty()};
    const void *defaults = rill_shape_defaults(&rill_config_shape, &arena);
    read_config(&config, "admin: {port: 1, tokens: [env:A]}\nengines: {port: 1, tokens: env:E}\n"
                         "webhooks: {url: 'https://h', secret: env:S}\n");
    for (size_t i = 0; i < 2; i++) {
        print = i == 0 ? "1" : "2";
        rill_shape_write(&lines[i], &rill_config_shape, &config, defaults, NULL);
    }
    print = "1";
    told[0] = '\0';
    assert_int_equal(rill_shape_compare(rill_allocator_default(), bytes_of(&lines[0]),
                                        bytes_of(&lines[1]), (rill_bytes){NULL, 0}, on_difference,
                                        NULL),
                     RILL_OK);
    assert_string_equal(told, "secret accounts bob tokens env:B: -, before -\n"
                              "secret admin tokens env:A token: -, before -\n"
                              "secret engines tokens env:E: -, before -\n"
                              "secret webhooks secret: -, before -\n");
    rill_lines_clear(&lines[0]);
    rill_lines_clear(&lines[1]);
}

/* What is kept may have been cut, or written by another version: nothing breaks. */
static void test_odd_texts(void **state)
{
    (void)state;
    static const char *const odd[] = {"",      "\n",  "\t\n",   "a",      "a\t",       "a\tb",
                                      "\ta\n", "a\n", "#\tx\n", "+\tx\n", "\n\n\t\t\n"};
    const rill_bytes none = {NULL, 0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const rill_bytes text = {(const uint8_t *)odd[i], strlen(odd[i])};
        told[0] = '\0';
        assert_int_equal(
            rill_shape_compare(rill_allocator_default(), text, none, none, on_difference, NULL),
            RILL_OK);
        assert_int_equal(
            rill_shape_compare(rill_allocator_default(), none, text, none, on_difference, NULL),
            RILL_OK);
    }
}

static void differs_as(const char *before, const char *now, const char *want)
{
    const rill_bytes none = {NULL, 0};
    const rill_bytes texts[] = {{(const uint8_t *)before, strlen(before)},
                                {(const uint8_t *)now, strlen(now)}};
    told[0] = '\0';
    assert_int_equal(
        rill_shape_compare(rill_allocator_default(), texts[0], texts[1], none, on_difference, NULL),
        RILL_OK);
    assert_string_equal(told, want);
}

#define HASH_A                                                                                     \
    "\x02"                                                                                         \
    "0123456789abcdef"
#define HASH_B                                                                                     \
    "\x02"                                                                                         \
    "fedcba9876543210"

/* The hash of what is left out of a value tells that it is another, and is shown to nobody. */
static void test_what_is_shown(void **state)
{
    (void)state;
    differs_as("u\thttps://h" HASH_A "\n", "u\thttps://h" HASH_B "\n",
               "u: https://h, before https://h\n");
    /* What comes behind it is shown, also of several values with such parts. */
    differs_as("u+\ta" HASH_A ", b" HASH_B ", c\n", "", "fewer u: -, before a, b, c\n");
    differs_as("", "u+\t" HASH_A "\n", "more u: , before -\n");
    /* One that was cut, or that somebody has written, takes no more than there is. */
    differs_as("u\tx\x02"
               "0123\n",
               "u\ty\n", "u: y, before x\n");
    differs_as("u\tx\x02\n", "u\ty\n", "u: y, before x\n");
    differs_as("u\tx" HASH_A "0\n", "u\ty\n", "u: y, before x0\n");
}

/* No longer than whoever tells it has room for; what is hidden takes no room. */
static void test_what_is_cut(void **state)
{
    char text[600];
    char want[600];
    char value[RILL_SHAPE_VALUE + 1];
    (void)state;
    memset(value, 'v', sizeof value);
    value[RILL_SHAPE_VALUE] = '\0';
    snprintf(text, sizeof text, "u+\t%s" HASH_A "\n", value);
    snprintf(want, sizeof want, "fewer u: -, before %s\n", value);
    differs_as(text, "", want);
    snprintf(text, sizeof text, "u+\t%sx" HASH_A "\n", value);
    differs_as(text, "", want);
    snprintf(text, sizeof text, "u+\t" HASH_A "%s" HASH_B "\n", value);
    differs_as(text, "", want);
    char path[RILL_SHAPE_PATH + 2];
    memset(path, 'p', sizeof path);
    path[RILL_SHAPE_PATH + 1] = '\0';
    snprintf(text, sizeof text, "%s+\tv\n", path);
    snprintf(want, sizeof want, "fewer %.*s: -, before v\n", (int)RILL_SHAPE_PATH, path);
    differs_as(text, "", want);
}

/* ---- without memory ---- */

static long allocations_left;

static void *reallocate(void *user, void *old, size_t size)
{
    (void)user;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return realloc(old, size);
}

static void release(void *user, void *old)
{
    (void)user;
    free(old);
}

static void test_without_memory(void **state)
{
    (void)state;
    static const rill_allocator scarce = {.realloc = reallocate, .free = release};
    const void *defaults = rill_shape_defaults(&rill_config_shape, &arena);
    rill_config config;
    bool done = false;
    read_config(&config, "listen: [{port: 1}]\nrates: {base: USD, prices: {EUR: {price: 2}}}\n");
    for (long i = 0; !done; i++) {
        rill_lines lines = {.allocator = &scarce};
        allocations_left = i;
        rill_shape_write(&lines, &rill_config_shape, &config, defaults, NULL);
        int rc = rill_shape_compare(&scarce, bytes_of(&lines), (rill_bytes){NULL, 0},
                                    (rill_bytes){NULL, 0}, on_difference, NULL);
        done = rc == RILL_OK && !lines.no_memory;
        assert_true(rc == RILL_OK || rc == RILL_ERR_NOMEM);
        rill_lines_clear(&lines);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_key_is_told), TEST(test_values),      TEST(test_urls),
        TEST(test_secrets),           TEST(test_odd_texts),   TEST(test_without_memory),
        TEST(test_what_is_shown),     TEST(test_what_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that was applied last is in the books: a start tells what is different. */
#include "connector_world.h"

static char told[3000];

static void on_told(void *user, const char *line)
{
    size_t len = strlen(told);
    (void)user;
    snprintf(told + len, sizeof told - len, "%s\n", line);
}

/* Each line that is told is in the audit, and the other way round. */
static void starts(const char *text, const char *want)
{
    told[0] = '\0';
    assert_int_equal(begin(text), RILL_OK);
    assert_int_equal(rill_core_keep_config(core, true, "start", on_told, NULL), RILL_OK);
    assert_string_equal(told, want);
    turn();
    size_t lines = 0;
    for (const char *at = want; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(store.batch == NULL ? 0 : store.batch->entry_count, lines);
    for (size_t i = 0; i < lines; i++) {
        assert_string_equal(store.batch->entries[i].who, "start");
        assert_non_null(strstr(want, store.batch->entries[i].note));
    }
    if (store.batch != NULL)
        written();
}

static void start_again(const char *text, const char *want)
{
    end();
    starts(text, want);
}

static void no_secret_is_kept(void)
{
    for (size_t i = 0; i < store.setting_count; i++) {
        assert_null(strstr(store.settings[i].value, "hush"));
        assert_null(strstr(store.settings[i].value, "\tALICE"));
    }
}

#define ONE(account, rest)                                                                         \
    "address: g.x\nstore: {path: b}\naccounts:\n  alice: {relation: child, asset: USD/2, " account \
    "}\n" rest

static void test_what_was_changed_while_it_was_stopped(void **state)
{
    (void)state;
    start_again(EXAMPLE, ""); /* books of a version that kept none */
    assert_true(store.setting_count > 3);
    start_again(EXAMPLE, "");
    assert_null(store.batch);
}

static void test_differences(void **state)
{
    (void)state;
    start_again(ONE("tokens: env:ALICE, credit: 7", ""), "");
    start_again(ONE("tokens: env:ALICE, credit: none, link: {uri: 'btp+ws://u:hush@h/'}",
                    "admin: {port: 0, tokens: env:T}\nroutes: [{prefix: g.a, account: alice}]\n"
                    "default-route: alice\nroute-interval: 20s\n"),
                "admin port 0, before none\n"
                "admin tokens token env:T added\n"
                "route-interval 20s, before 30s\n"
                "default-route alice, before none\n"
                "routes prefix g.a, account alice added\n"
                "account alice: credit none, before 7\n"
                "account alice: link uri btp+ws://h/, before none\n");
    no_secret_is_kept();
    start_again(ONE("tokens: env:ALICE, credit: none, link: {uri: 'btp+ws://u:hush@h/'}",
                    "admin: {port: 0, tokens: [{token: env:T, scopes: read}]}\n"
                    "default-route: alice\n"),
                "admin tokens token env:T removed\n"
                "admin tokens token env:T, scopes read added\n"
                "route-interval 30s, before 20s\n"
                "routes prefix g.a, account alice removed\n");
}

#define LONG_URI                                                                                   \
    "btp+wss://a.neighbour.with.a.long.name.and.a.long.path.example/interledger/of/peers/btp"

/* No limit is left out of what is told of an account that is new. */
static void test_accounts_come_and_go(void **state)
{
    (void)state;
    start_again(ONE("tokens: env:ALICE", ""), "");
    start_again(ONE("tokens: env:ALICE",
                    "  eve: {relation: peer, asset: USD/2, tokens: env:EVE, credit: none, most: 9,"
                    " max-packet: 8, packets-a-second: 7, amount-a-second: 6,"
                    " packets-to-a-second: 5, amount-to-a-second: 4, max-sessions: 3,"
                    " max-routes: 2, charge-unseen: false, link: {uri: '" LONG_URI
                    "', connections: 2}}\n"),
                "account eve: added: amount-a-second 6, amount-to-a-second 4, asset USD/2, "
                "charge-unseen false, credit none, link connections 2, link uri " LONG_URI
                ", max-packet 8, max-routes 2, max-sessions 3\n"
                "account eve: added with most 9, packets-a-second 7, packets-to-a-second 5, "
                "relation peer, tokens "
                "env:EVE\n");
    start_again(ONE("tokens: env:ALICE", ""), "account eve: removed\n");
}

/* What it had, or owed, is said. */
static void test_one_with_a_balance_goes(void **state)
{
    (void)state;
    start_again(EXAMPLE, "");
    all_come();
    send(&alice, 1, "g.x.b.server", 600);
    fulfill(&bob, fulfillment);
    turn();
    written();
    const unsigned before = warnings;
    start_again(ONE("tokens: env:ALICE, credit: 1000", ""),
                "rates base none, before USD\n"
                "rates prices EUR price none, before 2\n"
                "rates spread 0.002, before 0\n"
                "routes prefix g.carol, account carol removed\n"
                "account carol: removed\n"
                "account up: removed\n"
                "account bob: removed, with a balance of 30000 EUR/4, which stays in the books\n");
    assert_true(warnings > before);
    answered("GET", "/v1/assets", "", 200,
             "{\"code\":\"EUR\",\"scale\":4,\"exchange\":\"-30000\",\"outside\":\"0\","
             "\"owed_to_accounts\":\"30000\",\"owed_by_accounts\":\"0\","
             "\"closed\":[{\"name\":\"bob\",\"balance\":\"30000\"}]}");
    answered("GET", "/v1/accounts/bob", "", 404, "its balance is 30000 EUR/4");
    answered("GET", "/v1/accounts/carol", "", 404, "there is no such account");
}

/* Somebody has written into the books, or another version has: nothing breaks. */
static void test_odd_books(void **state)
{
    static const char *const odd[] = {"@",
                                      "\n",
                                      "@\n",
                                      "@x",
                                      "x\t",
                                      "@x\nasset\t\n",
                                      "@x\nasset\tUSD",
                                      "@x\nasset\tUSD\n",
                                      "@x\nasset\t/2\n",
                                      "@x\nasset\tA-CODE-OF-MUCH-MORE-THAN-31-CHARACTERS/2\n",
                                      "@x\nasset\tUSD/99999\n@\n@\n@y",
                                      "asset\tUSD/2\n@x\n",
                                      "x#\ty\nx\t\x02\n\x02",
                                      ("@x\nx\tyz\x02"
                                       "0123456789abcdef0\n#\tx\n")};
    static const char *const names[] = {"node",         "routes",    "accounts-00", "accounts-ff",
                                        "accounts-100", "accounts-", "prints",      "x"};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd * (sizeof names / sizeof *names); i++) {
        const rill_store_setting setting = {RILL_SETTING_CONFIG, names[i % 8], odd[i / 8]};
        end();
        assert_int_equal(begin(EXAMPLE), RILL_OK);
        assert_int_equal(rill_core_know_config(core, &setting), RILL_OK);
        told[0] = '\0';
        assert_int_equal(rill_core_keep_config(core, true, "start", on_told, NULL), RILL_OK);
        turn();
        if (store.batch != NULL)
            written();
    }
}

/* Another secret under the same name: it is told, and never what it is. */
static void test_secrets(void **state)
{
    (void)state;
    static const char config_of[] =
        ONE("tokens: env:ALICE, credit: 7", "engines: {port: 0, tokens: env:ENGINE}\n");
    start_again(config_of, "");
    no_secret_is_kept();
    other_secrets = true;
    start_again(config_of, "engines tokens env:ENGINE: another one is there now\n"
                           "account alice: tokens: another one is there now\n");
    /* While it runs: accounts' tokens are told where they are applied. */
    other_secrets = false;
    told[0] = '\0';
    assert_int_equal(rill_core_keep_config(core, false, "ada", on_told, NULL), RILL_OK);
    assert_string_equal(told, "engines tokens env:ENGINE: another one is there now\n");
    turn();
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "ada");
    written();
    assert_int_equal(rill_core_keep_config(core, false, "ada", on_told, NULL), RILL_OK);
    turn();
    assert_null(store.batch);
}

/* ---- prints of secrets ---- */

static const uint8_t *const usual_key = (const uint8_t *)"another key of the books, as long";

static const char secrets_text[] =
    ONE("tokens: env:ALICE, credit: 7, link: {uri: 'btp+ws://u:hush@h/'}",
        "engines: {port: 0, tokens: env:ENGINE}\n");

static bool is_kept(const char *part)
{
    bool found = false;
    for (size_t i = 0; i < store.setting_count; i++)
        found = found || strstr(store.settings[i].value, part) != NULL;
    return found;
}

static void set(const char *name, const char *value)
{
    snprintf(store.settings[store.setting_count].kind, sizeof store.settings->kind, "config");
    snprintf(store.settings[store.setting_count].name, sizeof store.settings->name, "%s", name);
    snprintf(store.settings[store.setting_count++].value, sizeof store.settings->value, "%s",
             value);
}

/* SHA-256 of "ENGINE", of "ALICE", and of the URL: whoever has the books can guess at these. */
#define PLAIN_ENGINE "8215b59ccb28808a"
#define PLAIN_ALICE  "0b173dc63ceedce7"
#define PLAIN_URL    "31293f884142a4df"

/* Books as the versions before kept them. */
static void books_of_before(void)
{
    store.setting_count = 0;
    set("node", "address\tg.x\nstore path\tb\nengines port\t0\nengines tokens+\tenv:ENGINE\n"
                "engines tokens env:ENGINE#\t" PLAIN_ENGINE "\n");
    set("accounts-22", "@alice\nasset\tUSD/2\nlink uri\tbtp+ws://h/\x02" PLAIN_URL
                       "\ntokens+\tenv:ALICE\ncredit\t7\ntokens#\t" PLAIN_ALICE "\n");
}

static void test_plain_prints_are_replaced(void **state)
{
    (void)state;
    books_of_before();
    start_again(secrets_text, ""); /* nothing has changed */
    assert_false(is_kept(PLAIN_ENGINE));
    assert_false(is_kept(PLAIN_ALICE));
    assert_false(is_kept(PLAIN_URL));
    start_again(secrets_text, "");
    assert_null(store.batch);
    other_secrets = true;
    start_again(secrets_text, "engines tokens env:ENGINE: another one is there now\n"
                              "account alice: tokens: another one is there now\n");
    /* What has changed while the version did is told all the same. */
    books_of_before();
    start_again(secrets_text, "engines tokens env:ENGINE: another one is there now\n"
                              "account alice: tokens: another one is there now\n");
    start_again(secrets_text, "");
    other_secrets = false;
}

#define NOT_KNOWN "if secrets are others is not known: the books were kept with another key\n"

/* A copy of the books is without the key, and so says nothing of secrets: nothing is made up. */
static void test_prints_of_another_key(void **state)
{
    const uint8_t *before = print_key;
    (void)state;
    start_again(secrets_text, "");
    print_key = usual_key;
    other_secrets = true;
    start_again(ONE("tokens: env:ALICE, credit: 8, link: {uri: 'btp+ws://u:hush@h/'}",
                    "engines: {port: 0, tokens: env:ENGINE}\n"),
                NOT_KNOWN "account alice: credit 8, before 7\n");
    other_secrets = false;
    start_again(secrets_text, "engines tokens env:ENGINE: another one is there now\n"
                              "account alice: credit 7, before 8\n"
                              "account alice: tokens: another one is there now\n");
    /* Without a key there are no prints, and none of before either. */
    print_key = NULL;
    start_again(secrets_text, NOT_KNOWN);
    assert_false(is_kept("#\t"));
    assert_false(is_kept("\x02"));
    other_secrets = true;
    start_again(secrets_text, "");
    other_secrets = false;
    print_key = before;
    start_again(secrets_text, NOT_KNOWN);
    start_again(secrets_text, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_changed_while_it_was_stopped),
        TEST(test_differences),
        TEST(test_accounts_come_and_go),
        TEST(test_one_with_a_balance_goes),
        TEST(test_secrets),
        TEST(test_odd_books),
        TEST(test_plain_prints_are_replaced),
        TEST(test_prints_of_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

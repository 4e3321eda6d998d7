/* SPDX-License-Identifier: Apache-2.0 */
/* Two people's rule: what one operator proposes, another one confirms. */
#include "connector_world.h"

#include <jansson.h>

#include "support/failing_memory.h"

#define TWO EXAMPLE "admin: {port: 1, tokens: [env:A, env:B], two-people: true}\n"
#define DEPOSIT(more)                                                                              \
    "{\"kind\":\"deposit\",\"amount\":\"70\",\"who\":\"maria\",\"note\":\"gift\"" more "}"
#define ADA "{\"who\":\"ada\"}"

static failing_memory memory;

static rill_admin_answer told(const char *person, const char *method, const char *path,
                              const char *body)
{
    rill_admin_answer answer;
    const rill_admin_request r = {.method = text(method),
                                  .path = text(path),
                                  .body = text(body),
                                  .scopes = RILL_SCOPES_ALL,
                                  .person = person};
    rill_admin_ask(core, NULL, &r, &answer);
    return answer;
}

static void told_is(const char *person, const char *method, const char *path, const char *body,
                    unsigned status, const char *part)
{
    rill_admin_answer answer = told(person, method, path, body);
    if (answer.status != status || answer.body == NULL || strstr(answer.body, part) == NULL)
        fail_msg("%u %s instead of %u %s", answer.status, answer.body, status, part);
    rill_admin_free(&answer);
}

/* Its name, in the path of the resource. */
static void proposed(const char *person, const char *body, char path[64])
{
    rill_admin_answer answer = told(person, "POST", "/v1/accounts/alice/entries", body);
    assert_int_equal(answer.status, 202);
    assert_true(answer.group != 0);
    json_t *value = json_loads(answer.body, 0, NULL);
    const char *id = json_string_value(json_object_get(json_object_get(value, "proposal"), "id"));
    assert_int_equal(strlen(id), 16);
    snprintf(path, 64, "/v1/proposals/%s", id);
    json_decref(value);
    rill_admin_free(&answer);
}

static int two(void **state)
{
    (void)state;
    set_up(NULL);
    end();
    failing_memory_init(&memory, 0, 0);
    core_memory = &memory.allocator;
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(TWO), RILL_OK);
    turn();
    written();
    return 0;
}

static int no_more(void **state)
{
    core_memory = NULL;
    int rc = tear_down(state);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return rc;
}

static const rill_store_entry *entry_of(rill_entry_kind kind)
{
    for (size_t i = 0; i < store.batch->entry_count; i++) {
        if (store.batch->entries[i].kind == kind)
            return &store.batch->entries[i];
    }
    return NULL;
}

static void test_one_proposes_another_confirms(void **state)
{
    (void)state;
    char path[64];
    char again[64];
    proposed("env:A", DEPOSIT(""), path);
    booked(ALICE, 0); /* nothing is booked */
    turn();
    assert_null(entry_of(RILL_ENTRY_DEPOSIT));
    assert_int_equal(store.batch->setting_count, 1);
    assert_string_equal(store.batch->settings[0].kind, RILL_SETTING_PROPOSAL);
    written();
    told_is("env:B", "GET", "/v1/proposals", "", 200, "\"by\":\"env:A\"");
    told_is("env:A", "POST", path, ADA, 409, "another person");
    told_is(NULL, "POST", path, ADA, 409, "another person");
    told_is("env:B", "POST", path, "{}", 400, "who");
    told_is("env:B", "POST", "/v1/proposals/0123", ADA, 404, "no such proposal");
    booked(ALICE, 0);
    told_is("env:B", "POST", path, ADA, 201, "\"balance\":\"70\"");
    booked(ALICE, 70);
    turn();
    /* In one batch: what is booked, and that nothing waits any more. */
    const rill_store_entry *e = entry_of(RILL_ENTRY_DEPOSIT);
    assert_non_null(e);
    assert_string_equal(e->who, "maria, confirmed by ada");
    assert_string_equal(e->note, "gift");
    assert_int_equal(strncmp(e->key, "proposal ", 9), 0);
    assert_int_equal(store.batch->setting_count, 1);
    assert_string_equal(store.batch->settings[0].value, "");
    assert_non_null(strstr(entry_of(RILL_ENTRY_CHANGE)->note, "by env:B"));
    written();
    told_is("env:B", "POST", path, ADA, 404, "no such proposal");
    told_is("socket", "GET", "/v1/proposals", "", 200, "[]");
    booked(ALICE, 70);
    /* The socket is a person, too. */
    proposed("socket", DEPOSIT(""), again);
    told_is("env:A", "POST", again, ADA, 201, "\"balance\":\"140\"");
}

/* After a kill between the two, or one that nobody knows of: booked once. */
static void test_confirmed_twice(void **state)
{
    (void)state;
    char path[64];
    proposed("env:A", DEPOSIT(",\"key\":\"k\""), path);
    const rill_overlay_item *item = rill_core_all_proposals(core)->first;
    char value[500];
    char name[40];
    snprintf(value, sizeof value, "%s", item->value);
    snprintf(name, sizeof name, "%s", item->name);
    told_is("env:B", "POST", path, ADA, 201, "\"balance\":\"70\"");
    assert_int_equal(
        rill_overlay_put(rill_core_proposals(core), RILL_SETTING_PROPOSAL, name, value),
        RILL_OK); /* as if that was lost */
    told_is("env:B", "POST", path, ADA, 200, "\"balance\":\"70\"");
    booked(ALICE, 70);
    assert_int_equal(rill_core_all_proposals(core)->count, 0);
}

static void test_what_cannot_be_proposed(void **state)
{
    (void)state;
    char path[64];
    char body[600];
    char long_text[300];
    static const char where[] = "/v1/accounts/alice/entries";
    memset(long_text, 'x', sizeof long_text);
    long_text[101] = '\0';
    snprintf(body, sizeof body, "{\"kind\":\"deposit\",\"amount\":\"1\",\"who\":\"%s\"}",
             long_text);
    told_is("env:A", "POST", where, body, 400, "who");
    told_is("env:A", "POST", where, "{\"kind\":\"x\"}", 400, "kind");
    told_is("env:A", "POST", where, "{\"kind\":\"deposit\",\"amount\":\"0\",\"who\":\"a\"}", 400,
            "amount");
    told_is("env:A", "POST", "/v1/accounts/eve/entries", DEPOSIT(""), 404, "no such account");
    told_is("env:A", "POST", "/v1/accounts/alice/outstanding",
            "{\"key\":\"k\",\"paid\":true,\"who\":\"a\"}", 404, "nothing with this key");
    told_is("env:A", "POST", "/v1/accounts/alice/outstanding", "{\"key\":\"k\",\"who\":\"a\"}", 400,
            "paid");
    for (size_t i = 0; i < RILL_PROPOSALS_MAX; i++)
        proposed("env:A", DEPOSIT(""), path);
    told_is("env:A", "POST", where, DEPOSIT(""), 409, "100 proposals");
    told_is("env:A", "DELETE", path, ADA, 200, "\"id\"");
    told_is("env:A", "DELETE", path, ADA, 404, "no such proposal");
    proposed("env:A", DEPOSIT(""), path);
    booked(ALICE, 0);
}

/* Units of another asset or scale are other money, whatever the account's name is. */
static void test_another_asset(void **state)
{
    (void)state;
    static const char where[] = "/v1/accounts/alice/entries";
    static const char *const others[] = {
        "\"asset\":{\"code\":\"USD\",\"scale\":6},",
        "\"asset\":{\"code\":\"EUR\",\"scale\":2},",
        "",
    };
    char path[64];
    char value[500];
    proposed("env:A", DEPOSIT(",\"asset\":{\"code\":\"USD\",\"scale\":2}"), path);
    told_is("env:B", "GET", "/v1/proposals", "", 200, "\"asset\":{\"code\":\"USD\",\"scale\":2}");
    /* As one that was made before the account had this asset, or by an earlier version. */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(value, sizeof value,
                 "{\"what\":\"entry\",\"account\":\"alice\",%s\"by\":\"env:A\",\"asked\":%s}",
                 others[i], DEPOSIT(""));
        const rill_store_setting setting = {RILL_SETTING_PROPOSAL, "old", value};
        assert_int_equal(rill_core_know_proposal(core, &setting), RILL_OK);
        told_is("env:B", "POST", "/v1/proposals/old", ADA, 409,
                i < 2 ? "the account is in USD/2" : "in which asset");
        told_is("env:B", "DELETE", "/v1/proposals/old", ADA, 200, "proposal");
    }
    booked(ALICE, 0);
    told_is("env:A", "POST", where, DEPOSIT(",\"asset\":{\"code\":\"USD\",\"scale\":6}"), 409,
            "the account is in USD/2");
    told_is("env:A", "POST", where, DEPOSIT(",\"asset\":{\"code\":\"EUR\",\"scale\":2}"), 409,
            "the account is in USD/2");
    told_is("env:A", "POST", where, DEPOSIT(",\"asset\":\"USD\""), 400, "asset must");
    told_is("env:A", "POST", where, DEPOSIT(",\"asset\":{\"code\":\"USD\"}"), 400, "asset must");
    told_is("env:A", "POST", where, DEPOSIT(",\"asset\":null"), 400, "asset must");
    assert_int_equal(rill_core_all_proposals(core)->count, 1);
    told_is("env:B", "POST", path, ADA, 201, "\"balance\":\"70\"");
}

/* What cannot be read is left out, with a warning: it can be neither confirmed nor in the way. */
static void test_what_a_store_had(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"what\":\"entry\",\"account\":\"alice\",\"asked\":{\"who\":\"a\"}}",
        "{\"what\":\"entry\",\"account\":\"alice\",\"by\":\"env:A\",\"asked\":{}}",
        "{\"what\":\"entry\",\"by\":\"env:A\",\"asked\":{\"who\":\"a\"}}",
        "{\"account\":\"alice\",\"by\":\"env:A\",\"asked\":{\"who\":\"a\"}}",
        "{\"what\":1,\"account\":\"alice\",\"by\":\"env:A\",\"asked\":{\"who\":\"a\"}}",
    };
    const unsigned before = warnings;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const rill_store_setting setting = {RILL_SETTING_PROPOSAL, "old", values[i]};
        assert_int_equal(rill_core_know_proposal(core, &setting), RILL_OK);
    }
    assert_int_equal(warnings, before + sizeof values / sizeof *values);
    told_is("env:B", "GET", "/v1/proposals", "", 200, "[]");
    told_is("env:B", "POST", "/v1/proposals/old", ADA, 404, "no such proposal");
    const rill_store_setting odd = {
        RILL_SETTING_PROPOSAL, "odd",
        "{\"what\":\"entry\",\"account\":\"alice\",\"by\":\"env:A\",\"asked\":{\"who\":\"a\"}}"};
    assert_int_equal(rill_core_know_proposal(core, &odd), RILL_OK);
    told_is("env:B", "POST", "/v1/proposals/odd", ADA, 400, "kind");
    told_is("env:B", "DELETE", "/v1/proposals/odd", ADA, 200, "proposal");
    failing_memory_after(&memory, 0);
    assert_int_equal(rill_core_know_proposal(core, &odd), RILL_ERR_NOMEM);
    failing_memory_well(&memory);
    booked(ALICE, 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    static const char where[] = "/v1/accounts/alice/entries";
    unsigned status = 0;
    for (unsigned long most = 0; status != 202; most++) {
        failing_memory_after(&memory, most);
        rill_admin_answer answer = told("env:A", "POST", where, DEPOSIT(""));
        failing_memory_well(&memory);
        status = answer.status;
        assert_true(status == 202 || status == 503);
        assert_int_equal(rill_core_all_proposals(core)->count, status == 202);
        rill_admin_free(&answer);
        assert_in_range(most, 0, 100);
    }
    booked(ALICE, 0);
    char path[64];
    snprintf(path, sizeof path, "/v1/proposals/%s", rill_core_all_proposals(core)->first->name);
    for (unsigned long most = 0; rill_core_all_proposals(core)->count > 0; most++) {
        failing_memory_after(&memory, most);
        rill_admin_answer answer = told("env:B", "POST", path, ADA);
        failing_memory_well(&memory);
        assert_true(answer.status == 201 || answer.status == 200 || answer.status == 503);
        rill_admin_free(&answer);
        assert_in_range(most, 0, 100);
    }
    booked(ALICE, 70); /* once */
    assert_true(rill_core_is_even(core));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, two, no_more)
        TEST(test_one_proposes_another_confirms),
        TEST(test_confirmed_twice),
        TEST(test_another_asset),
        TEST(test_what_cannot_be_proposed),
        TEST(test_what_a_store_had),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see and enter. */
#include "connector_world.h"

static rill_store_look *looked_for;
static unsigned drains;
static rill_log_level level_now;

static void control_look(void *user, rill_store_look *look)
{
    (void)user;
    looked_for = look;
}

static void control_drain(void *user)
{
    (void)user;
    drains++;
}

static rill_log_level control_level(void *user)
{
    (void)user;
    return level_now;
}

static void control_set_level(void *user, rill_log_level level)
{
    (void)user;
    level_now = level;
}

static int load_rc;

static int control_load(void *user, const char *who, json_t *changes, json_t *problems)
{
    (void)user;
    assert_string_equal(who, "me");
    json_array_append_new(load_rc == RILL_OK ? changes : problems, json_string("a line"));
    return load_rc;
}

static rill_overlay added;
static char changed[400]; /* the last change that was asked for */

static const rill_overlay *control_overlay(void *user)
{
    (void)user;
    return &added;
}

static int control_change(void *user, const rill_admin_change *change, json_t *changes,
                          json_t *problems, uint64_t *group)
{
    (void)user;
    *group = 0;
    snprintf(changed, sizeof changed, "%s %s %s by %s", change->kind, change->name,
             change->value == NULL ? "gone" : change->value, change->who);
    json_array_append_new(load_rc == RILL_OK ? changes : problems, json_string("a line"));
    return load_rc;
}

static const rill_admin_control control = {
    .look = control_look,
    .drain = control_drain,
    .level = control_level,
    .set_level = control_set_level,
    .load = control_load,
    .overlay = control_overlay,
    .change = control_change,
};

static rill_admin_answer told(const char *method, const char *path, const char *body)
{
    rill_admin_answer answer;
    const rill_admin_request r = {
        .method = text(method), .path = text(path), .body = text(body), .scopes = RILL_SCOPES_ALL};
    rill_admin_ask(core, &control, &r, &answer);
    return answer;
}

static void told_is(const char *method, const char *path, const char *body, unsigned status,
                    const char *part)
{
    rill_admin_answer answer = told(method, path, body);
    assert_int_equal(answer.status, status);
    if (answer.body == NULL || strstr(answer.body, part) == NULL)
        fail_msg("%s is not in %s", part, answer.body);
    rill_admin_free(&answer);
}

static void test_why_packets_were_rejected(void **state)
{
    (void)state;
    all_come();
    answered("GET", "/v1/accounts/alice/rejects", "", 200, "\"rejects\":[],\"others\":0");
    send(&alice, 1, "g.none", 1);
    for (uint64_t i = 2; i < 5; i++) {
        send(&alice, i, "g.x.b.server", 1);
        reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    }
    send(&alice, 5, "g.x.b.server", 1001);
    answered("GET", "/v1/accounts/alice/rejects", "", 200,
             "\"rejects\":[{\"code\":\"F99\",\"name\":\"Application Error\",\"by\":\"bob\"");
    answered("GET", "/v1/accounts/alice/rejects", "", 200, "\"message\":\"no\",\"count\":3");
    answered("GET", "/v1/accounts/alice/rejects", "", 200,
             "{\"code\":\"T04\",\"name\":\"Insufficient "
             "Liquidity\",\"by\":null,\"triggered_by\":\"g.x\"");
    answered("GET", "/v1/accounts/bob/rejects", "", 200, "\"rejects\":[]");
    /* What others write is cut, and cannot move a cursor; of too many reasons the number is kept.
     */
    rill_rejects all = {.count = 0};
    char address[200];
    memset(address, 'x', sizeof address);
    rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR),
                     .triggered_by = {(const uint8_t *)address, sizeof address},
                     .message = text("no\x1b[31m\n")};
    rill_rejects_count(&all, &r, 7, 1);
    assert_string_equal(all.rows[0].message, "no?[31m?");
    assert_int_equal(strlen(all.rows[0].triggered_by), RILL_REJECTS_TEXT - 1);
    for (rill_balance_id by = 0; by < 20; by++) {
        rill_rejects_count(&all, &r, by, 2);
        assert_in_range(all.count, 1, RILL_REJECTS_KEPT);
    }
    assert_int_equal(all.rows[0].count, 2);
    assert_int_equal(all.count, RILL_REJECTS_KEPT);
    assert_int_equal(all.others, 4);
}

static void test_what_operators_see(void **state)
{
    (void)state;
    static const char *const secret[] = {"/v1/accounts", "/v1/accounts/alice", "/metrics", "/none"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        rill_admin_answer answer = asked("GET", secret[i], "", false);
        assert_int_equal(answer.status, 401);
        assert_null(strstr(answer.body, "alice"));
        rill_admin_free(&answer);
    }
    rill_admin_answer answer = asked("POST", "/v1/accounts/alice/entries", "{}", false);
    assert_int_equal(answer.status, 401);
    rill_admin_free(&answer);
    answer = asked("GET", "/readyz", "", false);
    assert_int_equal(answer.status, 200);
    rill_admin_free(&answer);
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    answered("GET", "/v1/accounts/alice?x=y", "", 200, "\"held\":\"100\"");
    answered("GET", "/v1/accounts/bob", "", 200, "\"coming\":\"5000\",\"credit\":\"0\"");
    fulfill(&bob, fulfillment);
    answered("GET", "/v1/accounts/alice", "", 200, "\"balance\":\"-100\",\"held\":\"0\"");
    answered("GET", "/v1/accounts", "", 200, "{\"accounts\":[{\"name\":\"alice\"");
    answered("GET", "/metrics", "", 200,
             "rill_connector_balance{account=\"bob\",asset=\"EUR\",scale=\"4\"} 5000\n");
    answered("GET", "/v1/accounts/", "", 404, "no such account");
    answered("GET", "/v1/accounts/alice/", "", 404, "no such resource");
    answered("GET", "/v1/accounts/alice/entries", "", 405, "POST");
    answered("PUT", "/v1/accounts", "", 405, "GET");
    turn();
    written();
}

/* Every resource but the two for probes is closed to whoever shows no token. */
static void test_who_may_ask(void **state)
{
    (void)state;
    const char *method;
    const char *path;
    unsigned scope;
    for (size_t i = 0; (path = rill_admin_resource(i, &method, &scope)) != NULL; i++) {
        rill_admin_answer answer = asked(method, path, "", false);
        bool open = strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0 ||
                    strcmp(path, "/v1/openapi.json") == 0;
        assert_int_equal(answer.status, open ? 200 : 401);
        rill_admin_free(&answer);
    }
    answered("GET", "/v1/audit", "", 503, "cannot do that");
}

/* Every resource, and what a token needs for it. Who adds one says it here, too. */
static const struct {
    const char *method;
    const char *path;
    unsigned scope;
} needs[] = {
    {"GET", "/healthz", 0},
    {"GET", "/readyz", 0},
    {"GET", "/v1/openapi.json", 0},
    {"GET", "/metrics", RILL_SCOPE_METRICS},
    {"GET", "/v1/node", RILL_SCOPE_READ},
    {"GET", "/v1/accounts", RILL_SCOPE_READ},
    {"POST", "/v1/accounts", RILL_SCOPE_ACCOUNTS},
    {"GET", "/v1/accounts/{account}", RILL_SCOPE_READ},
    {"PATCH", "/v1/accounts/{account}", RILL_SCOPE_ACCOUNTS},
    {"DELETE", "/v1/accounts/{account}", RILL_SCOPE_ACCOUNTS},
    {"POST", "/v1/accounts/{account}/entries", RILL_SCOPE_MONEY},
    {"POST", "/v1/accounts/{account}/outstanding", RILL_SCOPE_MONEY},
    {"GET", "/v1/outstanding", RILL_SCOPE_READ},
    {"GET", "/v1/proposals", RILL_SCOPE_READ},
    {"POST", "/v1/proposals/{proposal}", RILL_SCOPE_MONEY},
    {"DELETE", "/v1/proposals/{proposal}", RILL_SCOPE_MONEY},
    {"GET", "/v1/peers", RILL_SCOPE_READ},
    {"POST", "/v1/peers", RILL_SCOPE_ACCOUNTS},
    {"POST", "/v1/peers/{peer}", RILL_SCOPE_ACCOUNTS},
    {"DELETE", "/v1/peers/{peer}", RILL_SCOPE_ACCOUNTS},
    {"GET", "/v1/accounts/{account}/statement", RILL_SCOPE_READ},
    {"GET", "/v1/accounts/{account}/rejects", RILL_SCOPE_READ},
    {"GET", "/v1/rejects", RILL_SCOPE_READ},
    {"GET", "/v1/entries", RILL_SCOPE_READ},
    {"GET", "/v1/events", RILL_SCOPE_READ},
    {"GET", "/v1/in-flight", RILL_SCOPE_READ},
    {"GET", "/v1/packets", RILL_SCOPE_READ},
    {"GET", "/v1/packets/live", RILL_SCOPE_READ},
    {"GET", "/v1/assets", RILL_SCOPE_READ},
    {"GET", "/v1/rates", RILL_SCOPE_READ},
    {"PUT", "/v1/rates", RILL_SCOPE_RATES},
    {"GET", "/v1/routes", RILL_SCOPE_READ},
    {"PUT", "/v1/routes", RILL_SCOPE_ACCOUNTS},
    {"DELETE", "/v1/routes", RILL_SCOPE_ACCOUNTS},
    {"GET", "/v1/audit", RILL_SCOPE_READ},
    {"GET", "/v1/lines", RILL_SCOPE_READ},
    {"GET", "/v1/backup", RILL_SCOPE_BACKUP},
    {"POST", "/v1/backup", RILL_SCOPE_BACKUP},
    {"DELETE", "/v1/backup", RILL_SCOPE_BACKUP},
    {"POST", "/v1/drain", RILL_SCOPE_NODE},
    {"POST", "/v1/reload", RILL_SCOPE_NODE},
    {"GET", "/v1/log-level", RILL_SCOPE_READ},
    {"PUT", "/v1/log-level", RILL_SCOPE_NODE},
};

static unsigned need_of(const char *method, const char *path)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (strcmp(needs[i].method, method) == 0 && strcmp(needs[i].path, path) == 0)
            return needs[i].scope;
    }
    fail_msg("%s %s: what does a token need for it?", method, path);
    return 0;
}

/* Without who runs the connector, what may be asked ends in an error of its own: 400, 404, 503. */
static rill_admin_answer asked_with(unsigned scopes, const char *method, const char *path)
{
    rill_admin_answer answer;
    const rill_admin_request r = {
        .method = text(method), .path = text(path), .body = text("[]"), .scopes = scopes};
    rill_admin_ask(core, NULL, &r, &answer);
    return answer;
}

static void test_scopes(void **state)
{
    (void)state;
    const char *method;
    const char *path;
    unsigned scope;
    size_t count = 0;
    for (; (path = rill_admin_resource(count, &method, &scope)) != NULL; count++) {
        const unsigned need = need_of(method, path);
        assert_int_equal(scope, need);
        for (unsigned has = 1; has <= RILL_SCOPES_ALL; has++) {
            rill_admin_answer answer = asked_with(has, method, path);
            const bool may = need == 0 || (has & need) != 0;
            if ((answer.status != 403) != may || answer.status == 401)
                fail_msg("%s %s with scopes %u: %u", method, path, has, answer.status);
            char says[40];
            if (!may) {
                snprintf(says, sizeof says, "\"scope\":\"%s\"", rill_config_scope_name(need));
                assert_non_null(strstr(answer.body, says));
                assert_false(answer.follows || answer.watches);
                assert_null(answer.look);
            }
            rill_admin_free_look(answer.look);
            rill_admin_free(&answer);
        }
    }
    assert_int_equal(count, sizeof needs / sizeof *needs);
    rill_admin_answer answer = asked_with(RILL_SCOPE_METRICS, "GET", "/v1/accounts");
    assert_string_equal(answer.body,
                        "{\"error\":\"this token may not do that: it has not the scope "
                        "read\",\"scope\":\"read\"}");
    rill_admin_free(&answer);
}

static size_t operations_of(const json_t *paths)
{
    const char *path;
    const json_t *operations;
    size_t count = 0;
    json_object_foreach((json_t *)(uintptr_t)paths, path, operations) count +=
        json_object_size(operations);
    return count;
}

/* The document has every resource with its method, and no other. */
static void test_the_document_is_the_code(void **state)
{
    (void)state;
    const char *method;
    const char *path;
    unsigned scope;
    size_t count = 0;
    rill_admin_answer answer = asked("GET", "/v1/openapi.json", "", false);
    assert_int_equal(answer.status, 200);
    json_t *document = json_loads(answer.body, JSON_REJECT_DUPLICATES, NULL);
    const json_t *paths = json_object_get(document, "paths");
    assert_non_null(paths);
    for (; (path = rill_admin_resource(count, &method, &scope)) != NULL; count++) {
        char lower[8] = "";
        for (size_t i = 0; method[i] != '\0'; i++)
            lower[i] = (char)(method[i] | 0x20);
        const json_t *operation = json_object_get(json_object_get(paths, path), lower);
        if (operation == NULL)
            fail_msg("%s %s is not documented", method, path);
        const json_t *security = json_array_get(json_object_get(operation, "security"), 0);
        const json_t *scopes = json_object_get(security, "token");
        assert_non_null(security);
        assert_int_equal(json_array_size(scopes), scope == 0 ? 0 : 1);
        if (scope != 0)
            assert_string_equal(json_string_value(json_array_get(scopes, 0)),
                                rill_config_scope_name(scope));
        rill_admin_answer got = asked(method, path, "", false);
        assert_int_equal(scopes == NULL, got.status == 200);
        rill_admin_free(&got);
    }
    assert_int_equal(operations_of(paths), count);
    json_decref(document);
    rill_admin_free(&answer);
}

static void test_what_the_node_says(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 100);
    told_is("GET", "/v1/node", "", 200, "\"state\":\"ready\",\"open\":1,\"accounts\":4");
    fulfill(&bob, fulfillment);
    told_is("GET", "/v1/assets", "", 200,
            "{\"code\":\"USD\",\"scale\":2,\"exchange\":\"100\",\"outside\":\"0\","
            "\"owed_to_accounts\":\"0\",\"owed_by_accounts\":\"100\",\"closed\":[]}");
    told_is("GET", "/v1/rates", "", 200,
            "{\"code\":\"EUR\",\"price\":\"2\",\"state\":\"fixed\",\"source\":\"configuration\"");
    told_is("GET", "/v1/rates", "", 200,
            "\"units\":\"100\",\"brings\":\"5000\",\"state\":\"good\"");
    told_is("GET", "/v1/log-level", "", 200, "warning");
    told_is("PUT", "/v1/log-level", "{\"level\":\"debug\",\"who\":\"me\"}", 200, "debug");
    assert_int_equal(level_now, RILL_LOG_DEBUG);
    told_is("PUT", "/v1/log-level", "{\"level\":\"loud\"}", 400, "warning, info or debug");
    told_is("PUT", "/v1/log-level", "{\"level\":7}", 400, "warning, info or debug");
    told_is("PUT", "/v1/log-level", "[]", 400, "object");
    told_is("DELETE", "/v1/log-level", "", 405, "GET, PUT");
    load_rc = RILL_OK;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 200, "{\"changes\":[\"a line\"]}");
    load_rc = RILL_ERR_MALFORMED;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 422, "\"problems\":[\"a line\"]");
    load_rc = RILL_ERR_STATE;
    told_is("POST", "/v1/reload", "{\"who\":\"me\"}", 409, "has not begun");
    told_is("POST", "/v1/reload", "{\"who\":7}", 400, "who");
    told_is("POST", "/v1/drain", "{\"who\":7}", 400, "who");
    assert_int_equal(drains, 0);
    told_is("POST", "/v1/drain", "", 202, "{\"open\":1}"); /* it waits for the store */
    assert_int_equal(drains, 1);
    turn();
    /* Who changed what is in the audit. */
    assert_int_equal(store.batch->entry_count, 2);
    assert_int_equal(store.batch->entries[0].kind, RILL_ENTRY_CHANGE);
    assert_string_equal(store.batch->entries[0].who, "me");
    assert_string_equal(store.batch->entries[0].note, "log-level debug");
    assert_string_equal(store.batch->entries[1].who, "api");
    assert_int_equal(store.batch->entries[0].amount, 0);
    written();
    assert_true(rill_core_is_even(core));
}

static void test_looks_are_begun(void **state)
{
    (void)state;
    rill_admin_answer answer = told("GET", "/v1/audit", "");
    assert_non_null(answer.look);
    assert_int_equal(answer.look->look.kind, RILL_LOOK_AUDIT);
    rill_admin_answer found;
    answer.look->look.audit.broken_entries = 1;
    rill_admin_answer_look(answer.look, &found);
    assert_non_null(strstr(found.body, "\"good\":false"));
    rill_admin_free(&found);
    answer.look->look.rc = RILL_ERR_LIMIT;
    rill_admin_answer_look(answer.look, &found);
    assert_int_equal(found.status, 413);
    rill_admin_free(&found);
    rill_admin_free_look(answer.look);
    answer = told(
        "GET",
        "/v1/accounts/bob/statement?from=2026-11-01&to=2026-11-02T00%3A00Z&step=hour&format=csv",
        "");
    assert_non_null(answer.look);
    assert_true(answer.look->csv);
    assert_int_equal(answer.look->look.step_minutes, 60);
    assert_int_equal(answer.look->look.to_ms - answer.look->look.from_ms, 86400000);
    answer.look->look.statement.opening = answer.look->look.statement.closing =
        rill_wide_signed(rill_wide(7));
    rill_admin_answer_look(answer.look, &found);
    assert_string_equal(found.body, "time,kind,with,packets,change,balance,who,note,key,"
                                    "person\r\n"
                                    "2026-11-01T00:00:00.000Z,opening,,,,7,,,,\r\n"
                                    "2026-11-02T00:00:00.000Z,closing,,,,7,,,,\r\n");
    rill_admin_free(&found);
    /* Texts that were cut amid a character; and what was before that is there. */
    char texts[4][8] = {"m\xc3", "n\xe2\x82", "k\xf0\x9f\x92", "p\xc3\xa4\xc3"};
    rill_statement_line cut = {.kind = RILL_ENTRY_DEPOSIT,
                               .change = rill_wide_signed(rill_wide(0)),
                               .texts = {texts[0], texts[1], texts[2], texts[3]}};
    answer.look->csv = false;
    answer.look->look.statement.lines = &cut;
    answer.look->look.statement.count = 1;
    rill_admin_answer_look(answer.look, &found);
    assert_int_equal(found.status, 200);
    assert_non_null(strstr(found.body, "\"who\":\"m\",\"person\":\"p\xc3\xa4\",\"note\":\"n\","
                                       "\"key\":\"k\","));
    rill_admin_free(&found);
    answer.look->look.statement.lines = NULL; /* these are the test's */
    answer.look->look.statement.count = 0;
    rill_admin_free_look(answer.look);
    static const char *const wrong[] = {"from=x",
                                        "to=2026-11-01T00%3",
                                        "to=%zz",
                                        "step=week",
                                        "format=xml",
                                        "from=2026-11-02&to=2026-11-02",
                                        "from=2026%00-11-02"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/accounts/bob/statement?%s", wrong[i]);
        told_is("GET", path, "", 400, "error");
    }
    told_is("GET", "/v1/accounts/none/statement", "", 404, "no such account");
    /* A clock that was ahead has left lines that are later than now. */
    rill_admin_answer open_end = told("GET", "/v1/accounts/bob/statement", "");
    assert_non_null(open_end.look);
    assert_true(open_end.look->look.to_ms == UINT64_MAX);
    rill_admin_free_look(open_end.look);
}

#define ENTRY(kind, amount, key)                                                                   \
    "{\"kind\":\"" kind "\",\"amount\":\"" amount "\",\"who\":\"me\",\"key\":\"" key "\"}"

/* The answer is true once the entry is in the books; and asking again books nothing. */
static void test_what_operators_enter(void **state)
{
    (void)state;
    static const char where[] = "/v1/accounts/alice/entries";
    rill_admin_answer answer = asked("POST", where, ENTRY("deposit", "70", "k"), true);
    assert_int_equal(answer.status, 201);
    assert_true(answer.group != 0);
    assert_false(rill_core_has_kept(core, answer.group));
    assert_true(turn_wanted);
    turn();
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "me");
    written();
    assert_true(rill_core_has_kept(core, answer.group));
    rill_admin_free(&answer);
    booked(ALICE, 70);
    /* Who asks again before the first is kept waits for it, too. */
    answer = asked("POST", where, ENTRY("deposit", "5", "early"), true);
    const uint64_t group = answer.group;
    rill_admin_free(&answer);
    answer = asked("POST", where, ENTRY("deposit", "5", "early"), true);
    assert_int_equal(answer.status, 200);
    assert_true(group != 0 && answer.group == group);
    assert_false(rill_core_has_kept(core, answer.group));
    rill_admin_free(&answer);
    answered("POST", where, ENTRY("withdrawal", "5", ""), 201, "\"balance\":\"70\"");
    answered("POST", where, ENTRY("deposit", "70", "k"), 200, "\"balance\":\"70\"");
    answered("POST", where, ENTRY("deposit", "71", "k"), 409, "this key");
    answered("POST", where, ENTRY("withdrawal", "20", ""), 201, "\"balance\":\"50\"");
    answered("POST", where, ENTRY("settled-out", "18446744073709551615", ""), 201,
             "\"balance\":\"-18446744073709551565\"");
    static const char *const wrong[] = {
        "",
        "7",
        "[]",
        "{",
        "{}",
        ENTRY("gift", "1", ""),
        ENTRY("deposit", "0", ""),
        ENTRY("deposit", "18446744073709551616", ""),
        ENTRY("deposit", "1.5", ""),
        "{\"kind\":\"deposit\",\"amount\":5,\"who\":\"me\"}",
        "{\"kind\":\"deposit\",\"amount\":\"5\"}",
        "{\"kind\":\"deposit\",\"amount\":\"5\",\"amount\":\"6\",\"who\":\"me\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        answered("POST", where, wrong[i], 400, "error");
    assert_true(rill_core_is_even(core));
    /* A key of the store, from before. */
    const rill_store_entry before = {.account = rill_core_account(core, ALICE)->balance.id,
                                     .kind = RILL_ENTRY_DEPOSIT,
                                     .amount = 9,
                                     .key = "old"};
    assert_int_equal(rill_core_know_key(core, &before), RILL_OK);
    answered("POST", where, ENTRY("deposit", "9", "old"), 200, "balance");
}

/* ---- accounts and routes that are added ---- */

#define CAROL                                                                                      \
    "{\"relation\":\"child\",\"asset\":\"USD/2\",\"link\":{\"uri\":\"a\",\"token\":\"b\"}}"

static void test_what_is_added(void **state)
{
    (void)state;
    rill_overlay_init(&added, rill_allocator_default());
    load_rc = RILL_OK;
    told_is("PUT", "/v1/routes", "{\"prefix\":\"g.a\",\"account\":\"bob\",\"who\":\"me\"}", 200,
            "{\"name\":\"g.a\",\"token\":null,\"changes\":[\"a line\"]}");
    assert_string_equal(changed, "route g.a bob by me");
    told_is("DELETE", "/v1/routes?prefix=g.a", "", 200, "g.a");
    assert_string_equal(changed, "route g.a gone by api");
    told_is("DELETE", "/v1/routes", "", 400, "the query must name a prefix");
    told_is("PUT", "/v1/routes", "{\"prefix\":\"\",\"account\":\"bob\"}", 400, "must be strings");
    told_is("PUT", "/v1/routes", "{\"prefix\":\"g.a\",\"account\":7}", 400, "must be strings");
    told_is("PUT", "/v1/routes", "{\"prefix\":\"g.a\",\"account\":\"bob\",\"who\":\"\"}", 400,
            "who");
    told_is("POST", "/v1/routes", "{}", 405, "this resource takes GET, PUT, DELETE");
    told_is("PUT", "/v1/accounts/alice", "{}", 405, "GET, PATCH, DELETE");
    told_is("PUT", "/v1/accounts", "{}", 405, "GET, POST");
    told_is("POST", "/v1/accounts", "{\"name\":\"carl\",\"account\":" CAROL "}", 201,
            "\"token\":null");
    assert_string_equal(changed, "account carl " CAROL " by api");
    told_is("POST", "/v1/accounts", "{\"name\":\"carl\",\"account\":{},\"new_token\":true}", 201,
            "\"token\":\"");
    assert_non_null(strstr(changed, "account carl {\"tokens\":[\"sha256:"));
    told_is("POST", "/v1/accounts", "{\"name\":\"alice\",\"account\":{}}", 409, "of this name");
    told_is("POST", "/v1/accounts", "{\"account\":{}}", 400, "name must be");
    told_is("POST", "/v1/accounts", "{\"name\":\"carl\"}", 400, "account must be");
    load_rc = RILL_ERR_INVALID;
    told_is("POST", "/v1/accounts", "{\"name\":\"carl\",\"account\":{}}", 422,
            "\"problems\":[\"a line\"]");
    load_rc = RILL_ERR_STATE;
    told_is("PUT", "/v1/routes", "{\"prefix\":\"g.a\",\"account\":\"bob\"}", 409, "has not begun");
    load_rc = RILL_ERR_LIMIT;
    told_is("PUT", "/v1/routes", "{\"prefix\":\"g.a\",\"account\":\"bob\"}", 409, "already");
    load_rc = RILL_ERR_NOT_FOUND;
    told_is("DELETE", "/v1/routes?prefix=g.a", "", 404, "no such thing");
    load_rc = RILL_OK;
    rill_overlay_clear(&added);
}

/* What is kept is the hash of the token that is shown. */
static void test_a_new_token_and_its_hash(void **state)
{
    uint8_t digest[RILL_SHA256_LEN];
    char want[RILL_SHA256_LEN * 2 + 1];
    (void)state;
    rill_overlay_init(&added, rill_allocator_default());
    load_rc = RILL_OK;
    rill_admin_answer answer =
        told("POST", "/v1/accounts", "{\"name\":\"carl\",\"account\":{},\"new_token\":true}");
    const char *token = strstr(answer.body, "\"token\":\"");
    const char *hash = strstr(changed, "sha256:");
    assert_non_null(token);
    assert_non_null(hash);
    token += strlen("\"token\":\"");
    assert_int_equal(strspn(token, "0123456789abcdef"), 64);
    assert_int_equal(rill_crypto_sha256(crypto, (const uint8_t *)token, 64, digest), RILL_OK);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(want + 2 * i, 3, "%02x", (unsigned)digest[i]);
    assert_memory_equal(hash + strlen("sha256:"), want, 64);
    assert_null(strstr(changed, "\"token\""));
    rill_admin_free(&answer);
    rill_overlay_clear(&added);
}

enum { ROUTES = 2100 };

/* Each way once, in order, however the pages fall. */
static void test_pages_of_routes(void **state)
{
    static char all[ROUTES * 40 + 400];
    char path[1600] = "/v1/routes";
    char last[64] = "";
    size_t count = 0;
    unsigned pages = 0;
    (void)state;
    size_t len = (size_t)snprintf(all, sizeof all, "%sroutes:\n",
                                  "address: g.x\nstore: {path: b}\naccounts:\n"
                                  "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                                  "  bob: {relation: child, asset: USD/2, tokens: env:BOB}\n");
    for (unsigned i = 0; i < ROUTES; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "- {prefix: g.n%u, account: bob}\n",
                                i * 1009 % ROUTES);
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(all), RILL_OK);
    for (bool more = true; more; pages++) {
        rill_admin_answer answer = asked("GET", path, "", true);
        json_t *value = json_loads(answer.body, 0, NULL);
        const json_t *routes = json_object_get(value, "routes");
        const json_t *next = json_object_get(value, "next");
        for (size_t i = 0; i < json_array_size(routes); i++, count++) {
            const json_t *route = json_array_get(routes, i);
            const char *prefix = json_string_value(json_object_get(route, "prefix"));
            assert_true(strcmp(prefix, last) > 0);
            snprintf(last, sizeof last, "%s", prefix);
        }
        more = json_is_string(next);
        assert_int_equal(more, json_is_true(json_object_get(value, "more")));
        snprintf(path, sizeof path, "/v1/routes?after=%s", more ? json_string_value(next) : "");
        for (char *c = path; *c != '\0'; c++)
            *c = (char)(*c == ' ' ? '+' : *c);
        json_decref(value);
        rill_admin_free(&answer);
    }
    assert_int_equal(pages, 3);
    assert_int_equal(count, ROUTES + 3); /* the node, alice, bob */
    answered("GET", "/v1/routes?after=x", "", 400, "after must be");
    answered("GET", "/v1/routes?after=g.x+bob+4", "", 400, "after must be");
    answered("GET", "/v1/routes?prefix=g.n99&after=g.n998+bob+2", "", 200, "g.n999");
}

static void test_what_was_added_changes(void **state)
{
    (void)state;
    rill_overlay_init(&added, rill_allocator_default());
    load_rc = RILL_OK;
    all_come();
    told_is("PATCH", "/v1/accounts/alice", "{}", 409, "the configuration has this account");
    told_is("DELETE", "/v1/accounts/alice", "", 409, "the configuration has this account");
    told_is("PATCH", "/v1/accounts/nobody", "{}", 404, "there is no such account");
    assert_int_equal(rill_overlay_put(&added, "account", "alice", CAROL), RILL_OK);
    told_is("PATCH", "/v1/accounts/alice",
            "{\"account\":{\"credit\":7,\"asset\":null,\"link\":{\"token\":null,\"x\":1}}}", 200,
            "alice");
    assert_string_equal(changed,
                        "account alice {\"relation\":\"child\",\"link\":{\"uri\":\"a\",\"x\":1},"
                        "\"credit\":7} by api");
    told_is("PATCH", "/v1/accounts/alice", "{\"account\":7}", 400, "account must be");
    /* One that owes, or has packets under way, stays. */
    send(&alice, 1, "g.x.b.server", 100);
    told_is("DELETE", "/v1/accounts/alice", "", 409, "its balance is 0 units, or packets are");
    fulfill(&bob, fulfillment);
    told_is("DELETE", "/v1/accounts/alice", "", 409, "its balance is -100 units");
    turn();
    written();
    told_is("POST", "/v1/accounts/alice/entries",
            "{\"kind\":\"settled-in\",\"amount\":\"100\",\"who\":\"me\"}", 201, "alice");
    turn();
    written();
    /* So does one that its engine still has to settle. */
    static union {
        rill_engine engine;
        char room[sizeof(rill_engine) + 20];
    } gone = {.room = ""};
    memcpy(gone.engine.url, "http://gone", sizeof "http://gone");
    rill_settling outstanding = {.of = &gone.engine};
    rill_holder_account *account = rill_core_find(core, text("alice"));
    account->settling = &outstanding;
    told_is("DELETE", "/v1/accounts/alice", "", 409,
            "its engine http://gone has not said yet that it has settled");
    outstanding = (rill_settling){.left_out = rill_exact_units(7)};
    told_is("DELETE", "/v1/accounts/alice", "", 409, "no engine has taken 7 units");
    account->settling = NULL;
    assert_int_equal(rill_overlay_put(&added, "route", "g.q", "alice"), RILL_OK);
    told_is("DELETE", "/v1/accounts/alice", "", 409, "the route g.q leads to it");
    rill_overlay_remove(&added, "route", "g.q");
    told_is("DELETE", "/v1/accounts/alice", "{\"who\":\"me\"}", 200, "alice");
    assert_string_equal(changed, "account alice gone by me");
    rill_overlay_clear(&added);
}

static void test_what_is_set_aside_is_said(void **state)
{
    (void)state;
    rill_overlay_init(&added, rill_allocator_default());
    assert_int_equal(rill_overlay_put(&added, "route", "g.q", "alice"), RILL_OK);
    told_is("GET", "/v1/node", "", 200, "\"set_aside\":[]");
    snprintf(added.first->trouble, sizeof added.first->trouble, "why");
    told_is("GET", "/v1/node", "", 200,
            "\"set_aside\":[{\"kind\":\"route\",\"name\":\"g.q\",\"why\":\"why\"}]");
    /* It is no account of the core, and can be taken out all the same. */
    assert_int_equal(rill_overlay_put(&added, "account", "aside", CAROL), RILL_OK);
    told_is("DELETE", "/v1/accounts/aside", "", 200, "aside");
    rill_overlay_clear(&added);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_why_packets_were_rejected),
        TEST(test_what_operators_see),
        TEST(test_what_operators_enter),
        TEST(test_who_may_ask),
        TEST(test_scopes),
        TEST(test_the_document_is_the_code),
        TEST(test_what_the_node_says),
        TEST(test_what_is_added),
        TEST(test_a_new_token_and_its_hash),
        TEST(test_pages_of_routes),
        TEST(test_what_was_added_changes),
        TEST(test_what_is_set_aside_is_said),
        TEST(test_looks_are_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

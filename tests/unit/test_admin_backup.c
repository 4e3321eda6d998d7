/* SPDX-License-Identifier: Apache-2.0 */
/* Where operators may have a copy of the books; lines and heads of the audit; and who it was. */
#include "connector_world.h"

#include <jansson.h>

static rill_store_look *looked_for;
static rill_admin_backup now_made;
static char wanted[RILL_BACKUP_PATH + 20];
static int backup_rc;

static void control_look(void *user, rill_store_look *look)
{
    (void)user;
    looked_for = look;
}

static int control_backup(void *user, const char *path, bool make_folder, bool replace)
{
    (void)user;
    snprintf(wanted, sizeof wanted, "%s%s%s", path, make_folder ? " made" : "",
             replace ? " replaced" : "");
    snprintf(now_made.path, sizeof now_made.path, "%s", path);
    if (backup_rc == RILL_OK)
        now_made.state = RILL_BACKUP_RUNS;
    return backup_rc;
}

static void control_state(void *user, rill_admin_backup *out)
{
    (void)user;
    *out = now_made;
}

static unsigned stops;

static void control_stop(void *user)
{
    (void)user;
    stops++;
}

static const rill_admin_control control = {.look = control_look,
                                           .backup = control_backup,
                                           .backup_state = control_state,
                                           .stop_backup = control_stop};

static rill_admin_answer told(bool local, const char *method, const char *path, const char *body)
{
    rill_admin_answer answer;
    const rill_admin_request r = {.method = text(method),
                                  .path = text(path),
                                  .body = text(body),
                                  .scopes = RILL_SCOPES_ALL,
                                  .person = local ? "socket" : "env:TOKEN",
                                  .known = local ? "socket, user 7" : NULL,
                                  .local = local};
    rill_admin_ask(core, &control, &r, &answer);
    return answer;
}

static void told_is(bool local, const char *method, const char *path, const char *body,
                    unsigned status, const char *part)
{
    rill_admin_answer answer = told(local, method, path, body);
    if (answer.status != status || answer.body == NULL || strstr(answer.body, part) == NULL)
        fail_msg("%u %s instead of %u %s", answer.status, answer.body, status, part);
    rill_admin_free(&answer);
}

static void with_backups(void)
{
    end();
    rill_arena_clear(&arena);
    rill_arena_init(&arena, rill_allocator_default());
    store.batch = NULL;
    assert_int_equal(begin("address: g.x\nstore: {path: b, backups: /copies}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "rates: {base: USD, spread: 0}\n"),
                     RILL_OK);
    turn();
    written();
    now_made = (rill_admin_backup){.state = RILL_BACKUP_NONE};
    backup_rc = RILL_OK;
    wanted[0] = '\0';
}

static void begins(bool local, const char *file, const char *want)
{
    char body[400];
    snprintf(body, sizeof body, "{\"file\":\"%s\",\"who\":\"maria\"}", file);
    now_made.state = RILL_BACKUP_NONE;
    told_is(local, "POST", "/v1/backup", body, 202, "\"state\":\"running\"");
    assert_string_equal(wanted, want);
    now_made.state = RILL_BACKUP_DONE;
}

static void refuses(bool local, const char *file, unsigned status, const char *why)
{
    char body[400];
    snprintf(body, sizeof body, "{\"file\":\"%s\"}", file);
    wanted[0] = '\0';
    told_is(local, "POST", "/v1/backup", body, status, why);
    assert_string_equal(wanted, "");
}

/* By the port a name in the folder, and nothing that leads out of it; by the socket a path, too. */
static void test_where(void **state)
{
    (void)state;
    refuses(false, "monday", 409, "no folder");
    refuses(true, "monday", 409, "no folder");
    with_backups();
    begins(false, "monday", "/copies/monday made");
    begins(true, "monday", "/copies/monday made");
    begins(true, "/elsewhere/x", "/elsewhere/x");
    static const char *const wrong[] = {"",          ".",       "..",   ".x",    "../x",
                                        "x/../../y", "x/y",     "./x",  "a b",   "a%2f",
                                        "~x",        "\\u00e4", "x\\n", "-\\\\x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refuses(false, wrong[i], 400, "file must be");
        refuses(true, wrong[i], 400, "file must be");
    }
    refuses(false, "/elsewhere/x", 400, "a name in the folder");
    refuses(false, "/copies/x", 400, "a name in the folder");
    char longest[202];
    memset(longest, 'x', sizeof longest);
    longest[201] = '\0';
    refuses(false, longest, 400, "file must be");
}

static void test_bodies(void **state)
{
    (void)state;
    with_backups();
    static const char *const wrong[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"file\":7}",
                                        "{\"file\":null}",
                                        "{\"file\":\"x\",\"force\":1}",
                                        "{\"file\":\"x\",\"force\":\"true\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        told_is(true, "POST", "/v1/backup", wrong[i], 400, "error");
    told_is(true, "POST", "/v1/backup", "{\"file\":\"x\",\"who\":\"\"}", 400, "who must be");
    told_is(true, "GET", "/v1/backup", "", 200, "{\"state\":\"none\",\"file\":null,\"begun\":null");
    told_is(true, "POST", "/v1/backup", "{\"file\":\"x\",\"force\":true}", 202, "running");
    assert_string_equal(wanted, "/copies/x made replaced");
    refuses(true, "y", 409, "is being made already");
    now_made = (rill_admin_backup){.state = RILL_BACKUP_FAILED,
                                   .path = "/p",
                                   .pages = 9,
                                   .copied = 4,
                                   .begun_ms = 1,
                                   .ended_ms = 2,
                                   .problem = "the disk is full"};
    told_is(true, "GET", "/v1/backup", "", 200,
            "{\"state\":\"failed\",\"file\":\"/p\",\"begun\":\"1970-01-01T00:00:00.001Z\","
            "\"ended\":\"1970-01-01T00:00:00.002Z\",\"pages\":9,\"copied\":4,"
            "\"problem\":\"the disk is full\"}");
    /* One that was cut amid a character; there may be any bytes in a path. */
    snprintf(now_made.problem, sizeof now_made.problem, "/p\xc3\xa4/\xc3");
    snprintf(now_made.path, sizeof now_made.path, "/p\xe4/x");
    told_is(true, "GET", "/v1/backup", "", 200, "\"problem\":\"/p\xc3\xa4/\"");
    told_is(true, "GET", "/v1/backup", "", 200, "\"file\":\"/p\"");
    backup_rc = RILL_ERR_CLOSED;
    told_is(true, "POST", "/v1/backup", "{\"file\":\"x\"}", 503, "closed");
}

/* The line that was written last. */
static const rill_store_entry *last_entry(void)
{
    turn();
    assert_non_null(store.batch);
    assert_true(store.batch->entry_count > 0);
    return &store.batch->entries[store.batch->entry_count - 1];
}

/* Whatever name somebody gives: the line has his token's place, or the socket's user. */
static void test_who_it_was(void **state)
{
    (void)state;
    with_backups();
    begins(false, "monday", "/copies/monday made");
    const rill_store_entry *line = last_entry();
    assert_string_equal(line->who, "maria");
    assert_string_equal(line->note, "backup to /copies/monday");
    assert_string_equal(line->person, "env:TOKEN");
    written();
    told_is(true, "POST", "/v1/accounts/alice/entries",
            "{\"kind\":\"deposit\",\"amount\":\"7\",\"who\":\"maria\",\"key\":\"k\"}", 201,
            "alice");
    line = last_entry();
    assert_int_equal(line->amount, 7);
    assert_string_equal(line->person, "socket, user 7");
    written();
    /* What the node does by itself is of nobody, also just after. */
    assert_null(rill_core_asker(core));
    assert_int_equal(rill_core_note(core, NULL, "node", "x"), RILL_OK);
    assert_string_equal(last_entry()->person, "");
    written();
}

static void test_one_that_is_stopped(void **state)
{
    (void)state;
    with_backups();
    stops = 0;
    told_is(true, "DELETE", "/v1/backup", "", 409, "no copy of the books is being made");
    now_made.state = RILL_BACKUP_DONE;
    told_is(true, "DELETE", "/v1/backup", "", 409, "no copy of the books is being made");
    told_is(true, "POST", "/v1/backup", "{\"file\":\"x\"}", 202, "running");
    turn();
    written();
    told_is(true, "DELETE", "/v1/backup", "{\"who\":7}", 400, "who must be");
    told_is(true, "DELETE", "/v1/backup", "[]", 400, "an object");
    assert_int_equal(stops, 0);
    told_is(true, "DELETE", "/v1/backup", "{\"who\":\"maria\"}", 202, "\"state\":\"running\"");
    assert_int_equal(stops, 1);
    const rill_store_entry *line = last_entry();
    assert_string_equal(line->who, "maria");
    assert_string_equal(line->note, "backup to /copies/x stopped");
    written();
    told_is(true, "PUT", "/v1/backup", "{}", 405, "error");
}

static rill_admin_answer found;

static rill_admin_look *begun(const char *path)
{
    rill_admin_answer answer = told(true, "GET", path, "");
    if (answer.look == NULL)
        fail_msg("%s: %s", path, answer.body);
    return answer.look;
}

static void finds(rill_admin_look *look, const char *part)
{
    rill_admin_answer_look(look, &found);
    assert_int_equal(found.status, 200);
    if (strstr(found.body, part) == NULL)
        fail_msg("%s is not in %s", part, found.body);
    rill_admin_free(&found);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void test_heads(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "1.2",
        "1.2:",
        "1.2:00",
        "-1.2:" ZEROS,
        "1.2:" ZEROS "0",
        "1.2:0x" ZEROS,
        "1.2:%20" ZEROS,
        "99999999999999999999999.2:" ZEROS,
        "1.2:A000000000000000000000000000000000000000000000000000000000000000",
        "1.2:+00000000000000000000000000000000000000000000000000000000000000",
    };
    char path[200];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(path, sizeof path, "/v1/audit?since=%s", wrong[i]);
        rill_admin_answer answer = told(true, "GET", path, "");
        if (answer.status != 400)
            fail_msg("%s", wrong[i]);
        rill_admin_free(&answer);
    }
    rill_admin_look *look = begun("/v1/audit");
    look->look.audit.head = (rill_audit_head){.entry = 12, .seal = 345, .hash = {0xab}};
    finds(look, "\"head\":\"12.345:ab000000");
    finds(look, "\"continues\":null");
    finds(look, "\"good\":true");
    look->look.audit.broken_seals = 1;
    finds(look, "\"good\":false");
    rill_admin_free_look(look);
    look = begun("/v1/audit?since=12.345:"
                 "0a0b0c0d0e0f000000000000000000000000000000000000000000000000000f");
    assert_non_null(look->look.since);
    assert_int_equal(look->look.since->entry, 12);
    assert_int_equal(look->look.since->seal, 345);
    assert_int_equal(look->look.since->hash[2], 0x0c);
    assert_int_equal(look->look.since->hash[31], 0x0f);
    finds(look, "\"continues\":false,\"first\":\"the head that was kept is not of these books\"");
    finds(look, "\"good\":false");
    look->look.audit.has_since = true;
    finds(look, "\"continues\":true,\"first\":\"\"");
    finds(look, "\"good\":true");
    rill_admin_free_look(look);
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const wrong[] = {"after=-1",  "after=x",    "after=9223372036854775808",
                                        "limit=0",   "limit=1001", "limit=1e2",
                                        "format=xml"};
    char path[200];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(path, sizeof path, "/v1/lines?%s", wrong[i]);
        told_is(true, "GET", path, "", 400, "error");
    }
    rill_audit_line lines[] = {
        {.id = 8,
         .holder = RILL_HOLDER_NEIGHBOUR,
         .scale = 2,
         .kind = RILL_ENTRY_SETTLED_IN,
         .at_ms = 1,
         .amount = 300,
         .hash = {0x0f},
         .account = (char *)(uintptr_t) "alice",
         .asset = (char *)(uintptr_t) "USD",
         .who = (char *)(uintptr_t) "maria",
         .note = (char *)(uintptr_t) "a \"note\"\n\xff",
         .key = (char *)(uintptr_t) "k",
         .person = (char *)(uintptr_t) "env:TOKEN"},
        {.id = 9,
         .holder = RILL_HOLDER_NODE,
         .kind = RILL_ENTRY_CHANGE,
         .at_ms = 1,
         .account = (char *)(uintptr_t) "",
         .asset = (char *)(uintptr_t) "",
         .who = (char *)(uintptr_t) "=eve",
         .note = (char *)(uintptr_t) "drain",
         .key = (char *)(uintptr_t) "",
         .person = (char *)(uintptr_t) ""},
    };
    rill_admin_look *look = begun("/v1/lines");
    assert_int_equal(look->look.kind, RILL_LOOK_LINES);
    assert_int_equal(look->look.after, 0);
    assert_int_equal(look->look.most, 1000);
    finds(look, "{\"lines\":[],\"last\":0}");
    rill_admin_free_look(look);
    look = begun("/v1/lines?after=7&limit=2");
    assert_int_equal(look->look.after, 7);
    assert_int_equal(look->look.most, 2);
    look->look.lines = (rill_audit_lines){.all = lines, .count = 2, .last = 11};
    finds(look,
          "{\"number\":8,\"at\":\"1970-01-01T00:00:00.001Z\",\"account\":\"alice\","
          "\"kind\":\"settled-in\",\"amount\":\"300\",\"asset\":{\"code\":\"USD\",\"scale\":2},"
          "\"who\":\"maria\",\"person\":\"env:TOKEN\",\"note\":\"a \\\"note\\\"\\n\",\"key\":"
          "\"k\",\"hash\":\"0f0000");
    finds(look, "{\"number\":9,\"at\":\"1970-01-01T00:00:00.001Z\",\"account\":null,"
                "\"kind\":\"change\",\"amount\":null,\"asset\":null,\"who\":\"=eve\"");
    finds(look, "],\"last\":11}");
    look->csv = true;
    finds(look, "8,1970-01-01T00:00:00.001Z,\"alice\",settled-in,300,\"USD\",2,\"maria\","
                "\"env:TOKEN\",\"a \"\"note\"\"\n\xff\",\"k\",0f00");
    finds(look, "\r\n9,1970-01-01T00:00:00.001Z,,change,,,,\"'=eve\",,\"drain\",,0000");
    rill_admin_answer_look(look, &found);
    assert_null(strstr(found.body, "number,")); /* the first page alone has the names */
    rill_admin_free(&found);
    look->look.after = 0;
    finds(look, "number,time,account,kind,amount,asset,scale,who,person,note,key,hash\r\n8,");
    look->look.lines = (rill_audit_lines){.all = NULL};
    rill_admin_free_look(look);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_where),  TEST(test_one_that_is_stopped),
        TEST(test_bodies), TEST(test_who_it_was),
        TEST(test_heads),  TEST(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

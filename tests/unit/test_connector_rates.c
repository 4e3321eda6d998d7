/* SPDX-License-Identifier: Apache-2.0 */
/* Prices that a service gives and that operators enter, while packets are exchanged at them. */
#include "connector_world.h"

#include "connector/core_rates.h"
#include "support/failing_memory.h"

/* alice has USD/2, bob EUR/4, and nothing is fixed but the base. */
#define WITH(rates)                                                                                \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: none}\n"                  \
    "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], segment: b, credit: "     \
    "none}\n"                                                                                      \
    "  carol: {relation: peer, asset: USD/9, tokens: env:CAROL, receive-routes: false,"            \
    " credit: none}\n"                                                                             \
    "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}, credit: none,"              \
    " receive-routes: false}\n"                                                                    \
    "rates: {base: USD, spread: 0, " rates "}\n"
#define SERVICE "url: 'http://localhost/rates', refresh: 30s, stale-after: 2m"

static uint64_t ticket;
static uint64_t packet;

static void begin_with(const char *text)
{
    end();
    store = (disk){.store = {&disk_ops}};
    assert_int_equal(begin(text), RILL_OK);
    turn();
    written();
    all_come();
    packet = 0;
}

static int set_up_service(void **state)
{
    int rc = set_up(state);
    begin_with(WITH(SERVICE));
    return rc;
}

static void later(uint64_t ns)
{
    now.mono_ns += ns;
    now.wall_ms += ns / RILL_MS;
}

static void ask_service(void)
{
    if (rill_core_rates_deadline(core) > now.mono_ns)
        later(rill_core_rates_deadline(core) - now.mono_ns);
    assert_true(rill_core_rates_turn(core, &ticket));
}

static void answer_service(const char *body)
{
    rill_core_rates_answered(core, ticket, 200, body, strlen(body));
}

static void service_says(const char *body)
{
    ask_service();
    answer_service(body);
}

#define EUR(rate) "{\"base\":\"USD\",\"rates\":{\"EUR\":" rate "}}"

/* 1.00 USD brings so many units of EUR/4. */
static void brings(uint64_t amount)
{
    send(&alice, ++packet, "g.x.b.s", 100);
    assert_int_equal(last_sent(&bob).amount, amount);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
}

static void is_refused(const char *code)
{
    size_t before = bob.sent_count;
    send(&alice, ++packet, "g.x.b.s", 100);
    rejected(&alice, packet, code);
    assert_int_equal(bob.sent_count, before);
    nothing_held();
}

static const char *problem_now(void)
{
    return rill_core_rate_feed(core)->problem;
}

/* Until the service has said something, senders are to try again; afterwards all is known. */
static void test_before_the_first_answer(void **state)
{
    (void)state;
    is_refused("T00");
    answered("GET", "/v1/rates", "", 200, "\"state\":\"awaited\"");
    service_says(EUR("0.5"));
    brings(5000);
    assert_string_equal(problem_now(), "");
}

static void test_a_service_that_does_not_have_it(void **state)
{
    (void)state;
    service_says("{\"base\":\"USD\",\"rates\":{\"ZAR\":17}}");
    is_refused("F07");
    assert_string_equal(problem_now(), "the answer has no price of EUR");
    service_says(EUR("\"0.5\""));
    is_refused("F07");
    assert_string_equal(problem_now(), "the price of EUR is no number");
    service_says(EUR("2"));
    brings(20000);
}

/* Exactly as it is written: a double would bring 1 unit less, or more. */
static void test_prices_are_exact(void **state)
{
    (void)state;
    service_says(EUR("0.57"));
    brings(5700); /* 0.57 * 10000 is 5699.999... in doubles */
    service_says(EUR("1.2345678901234567e-7"));
    send(&carol, 1, "g.x.b.s", 1000000000000000000); /* a billion coins */
    assert_int_equal(last_sent(&bob).amount, 1234567);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    /* The other way: 1 / 0.7 coins, rounded down. */
    service_says(EUR("0.7"));
    send(&bob, 1, "g.x.alice.s", 10000);
    assert_int_equal(last_sent(&alice).amount, 142);
    reject(&alice, RILL_ILP_F99_APPLICATION_ERROR, "");
    send(&bob, 2, "g.x.alice.s", 7000);
    assert_int_equal(last_sent(&alice).amount, 100);
    reject(&alice, RILL_ILP_F99_APPLICATION_ERROR, "");
}

/* From when it was asked for, and not from when the answer came. */
static void test_an_old_price_is_none(void **state)
{
    (void)state;
    ask_service();
    later(4 * RILL_SECOND);
    answer_service(EUR("0.5"));
    later(116 * RILL_SECOND - 1);
    brings(5000);
    later(1);
    is_refused("T00");
    answered("GET", "/v1/rates", "", 200,
             "\"state\":\"too old\",\"source\":\"service\",\"age\":120");
    service_says(EUR("0.6"));
    brings(6000);
}

static void test_an_answer_that_says_nothing_of_it(void **state)
{
    (void)state;
    service_says(EUR("0.5"));
    uint64_t first = now.mono_ns;
    service_says("{\"base\":\"USD\",\"rates\":{}}");
    brings(5000); /* of before, as long as that is good */
    assert_string_equal(problem_now(), "the answer has no price of EUR");
    service_says(EUR("-1"));
    assert_string_equal(problem_now(), "the price of EUR is below zero");
    brings(5000);
    later(first + 120 * RILL_SECOND - now.mono_ns);
    is_refused("T00");
}

/* The monotonic clock stands still meanwhile. The wall clock may also be wrong: the safe side. */
static void test_a_machine_that_was_suspended(void **state)
{
    uint64_t group;
    (void)state;
    service_says(EUR("0.5"));
    now.wall_ms += 119999;
    brings(5000);
    answered("GET", "/v1/rates", "", 200, "\"state\":\"good\",\"source\":\"service\",\"age\":119");
    now.wall_ms += 1;
    is_refused("T00");
    answered("GET", "/v1/rates", "", 200,
             "\"state\":\"too old\",\"source\":\"service\",\"age\":120,\"good_for\":0");
    answered("GET", "/metrics", "", 200, "rill_connector_price_good{asset=\"EUR\"} 0");
    service_says(EUR("0.5"));
    brings(5000);
    /* Suspended while the question is out: it may be answered from long ago. */
    ask_service();
    now.wall_ms += 3600000;
    answer_service(EUR("9"));
    is_refused("T00");
    service_says(EUR("0.5"));
    brings(5000);
    /* A clock that is set back is no reason to keep a price. */
    now.wall_ms -= 3600000;
    brings(5000);
    now.mono_ns += 120 * RILL_SECOND;
    is_refused("T00");
    /* What was entered for a time is over by the wall clock, too; then the service's is used. */
    assert_int_equal(
        rill_core_enter_price(core, "EUR", (rill_ratio){1, 1}, 600 * RILL_SECOND, "ada", &group),
        RILL_OK);
    service_says(EUR("0.5"));
    brings(10000);
    now.wall_ms += 600000;
    is_refused("T00");
    service_says(EUR("0.5"));
    brings(5000);
}

/* Whatever is wrong, the price of before stays, and its age with it. */
static void test_answers_that_are_none(void **state)
{
    static const char *const bodies[] = {"<html>",
                                         "",
                                         "{\"base\":\"EUR\",\"rates\":{\"EUR\":9}}",
                                         "{\"rates\":{\"EUR\":9}}",
                                         "{\"base\":\"USD\",\"rates\":{\"EUR\":9,\"EUR\":9}}",
                                         "{\"base\":\"USD\",\"rates\":{\"EUR\":9,\"USD\":2}}"};
    (void)state;
    service_says(EUR("0.5"));
    uint64_t good = rill_core_rate_feed(core)->good_at;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        service_says(bodies[i]);
        assert_true(problem_now()[0] != '\0');
        assert_int_equal(rill_core_rate_feed(core)->good_at, good);
        brings(5000);
    }
    ask_service();
    rill_core_rates_answered(core, ticket, 500, EUR("9"), strlen(EUR("9")));
    assert_string_equal(problem_now(), "the service answered with status 500");
    ask_service();
    rill_core_rates_answered(core, ticket, 302, EUR("9"), strlen(EUR("9")));
    assert_non_null(strstr(problem_now(), "not followed"));
    ask_service();
    rill_core_rates_failed(core, ticket, "refused");
    assert_string_equal(problem_now(), "refused");
    assert_int_equal(rill_core_rate_feed(core)->failed, 9);
    /* An answer that nobody waits for any more. */
    rill_core_rates_answered(core, ticket, 200, EUR("9"), strlen(EUR("9")));
    assert_string_equal(problem_now(), "refused");
    brings(5000);
}

static void test_a_problem_is_logged_once(void **state)
{
    (void)state;
    unsigned before = warnings;
    for (unsigned i = 0; i < 5; i++) {
        ask_service();
        rill_core_rates_failed(core, ticket, "refused");
    }
    assert_int_equal(warnings, before + 1);
    service_says(EUR("1"));
    assert_int_equal(warnings, before + 2);
    service_says(EUR("1"));
    assert_int_equal(warnings, before + 2);
}

/* ---- who wins ---- */

static void put(const char *body, unsigned status, const char *part)
{
    answered("PUT", "/v1/rates", body, status, part);
}

static void test_the_configuration_wins(void **state)
{
    (void)state;
    begin_with(WITH(SERVICE ", prices: {EUR: {price: 4}}"));
    brings(2500);
    service_says(EUR("0.9"));
    brings(2500);
    put("{\"code\":\"EUR\",\"price\":\"2\"}", 409, "the configuration says what EUR is worth");
    put("{\"code\":\"USD\",\"price\":\"2\"}", 409, "the configuration says what USD is worth");
    brings(2500);
}

static void test_an_entered_price_wins_while_it_is_good(void **state)
{
    (void)state;
    service_says(EUR("0.9"));
    put("{\"code\":\"EUR\",\"price\":\"2\",\"good_for\":60,\"who\":\"maria\"}", 200,
        "\"source\":\"api\",\"age\":0,\"good_for\":60,\"who\":\"maria\"");
    brings(5000);
    uint64_t entered = now.mono_ns;
    service_says(EUR("0.8"));
    brings(5000);
    later(entered + 60 * RILL_SECOND - 1 - now.mono_ns);
    brings(5000);
    assert_true(rill_core_rates_deadline(core) <= entered + 60 * RILL_SECOND);
    later(1);
    is_refused("T00"); /* until the turn that its end is the deadline of */
    (void)rill_core_rates_turn(core, &ticket);
    brings(8000);
}

static void test_an_entered_price_alone(void **state)
{
    (void)state;
    begin_with(WITH("by-api: true"));
    assert_true(rill_core_rates_deadline(core) == RILL_NEVER);
    is_refused("F07");
    put("{\"code\":\"EUR\",\"price\":\"3/4\",\"good_for\":10}", 200, "\"price\":\"3/4\"");
    send(&alice, ++packet, "g.x.b.s", 3);
    assert_int_equal(last_sent(&bob).amount, 400);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "");
    later(10 * RILL_SECOND);
    is_refused("T00");
    (void)rill_core_rates_turn(core, &ticket);
    is_refused("T00"); /* it is too old, and that is not silent */
    answered("GET", "/v1/rates", "", 200, "\"state\":\"too old\",\"source\":\"api\"");
    put("{\"code\":\"EUR\",\"price\":\"2\"}", 200, "\"good_for\":null");
    later(365 * 24 * 3600 * RILL_SECOND);
    brings(5000);
    put("{\"code\":\"EUR\",\"price\":null}", 200, "\"prices\"");
    is_refused("F07");
    put("{\"code\":\"EUR\",\"price\":null}", 404, "no price of EUR was entered");
}

static void test_what_cannot_be_entered(void **state)
{
    static const struct {
        const char *body;
        const char *part;
    } wrong[] = {
        {"[]", "an object"},
        {"{\"price\":\"1\"}", "code must be"},
        {"{\"code\":7,\"price\":\"1\"}", "code must be"},
        {"{\"code\":\"\",\"price\":\"1\"}", "code has 1 to 31"},
        {"{\"code\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF\",\"price\":\"1\"}", "code must be"},
        {"{\"code\":\"EUR\"}", "price is missing"},
        {"{\"code\":\"EUR\",\"price\":1.5}", "price must be a string"},
        {"{\"code\":\"EUR\",\"price\":\"0\"}", "price must be a string"},
        {"{\"code\":\"EUR\",\"price\":\"-1\"}", "price must be a string"},
        {"{\"code\":\"EUR\",\"price\":\"1e5\"}", "price must be a string"},
        {"{\"code\":\"EUR\",\"price\":\"1\",\"good_for\":0}", "good_for must be"},
        {"{\"code\":\"EUR\",\"price\":\"1\",\"good_for\":1.5}", "good_for must be"},
        {"{\"code\":\"EUR\",\"price\":\"1\",\"good_for\":2147483648}", "good_for must be"},
        {"{\"code\":\"EUR\",\"price\":\"1\",\"who\":7}", "who must be"},
        {"{\"code\":\"EUR\",\"price\":\"1\",\"who\":\"\"}", "who at most"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        put(wrong[i].body, 400, wrong[i].part);
    rill_admin_answer unknown = asked("PUT", "/v1/rates", "{}", false);
    assert_int_equal(unknown.status, 401);
    rill_admin_free(&unknown);
    is_refused("T00");
}

static void test_no_more_than_so_many(void **state)
{
    char body[80];
    (void)state;
    for (unsigned i = 0; i < RILL_ENTERED_MAX; i++) {
        (void)snprintf(body, sizeof body, "{\"code\":\"C%u\",\"price\":\"1\"}", i);
        put(body, 200, "prices");
    }
    put("{\"code\":\"EUR\",\"price\":\"1\"}", 409, "256 prices are entered already");
    put("{\"code\":\"C7\",\"price\":\"2\"}", 200, "prices");
    put("{\"code\":\"C7\",\"price\":null}", 200, "prices");
    put("{\"code\":\"EUR\",\"price\":\"2\"}", 200, "prices");
    brings(5000);
}

static void test_who_entered_it_is_in_the_audit(void **state)
{
    (void)state;
    put("{\"code\":\"EUR\",\"price\":\"2\",\"who\":\"maria\",\"good_for\":60}", 200, "prices");
    turn();
    assert_int_equal(store.batch->entry_count, 1);
    assert_string_equal(store.batch->entries[0].who, "maria");
    assert_string_equal(store.batch->entries[0].note, "price of EUR 2/1 for 60 s");
    assert_int_equal(store.batch->entries[0].kind, RILL_ENTRY_CHANGE);
    written();
    put("{\"code\":\"EUR\",\"price\":null}", 200, "prices");
    turn();
    assert_string_equal(store.batch->entries[0].who, "api");
    assert_string_equal(store.batch->entries[0].note, "price of EUR taken away");
    written();
}

/* ---- the node is started again ---- */

static void start_again(const char *text)
{
    turn();
    if (store.batch != NULL)
        written();
    end();
    assert_int_equal(begin(text), RILL_OK);
    turn();
    if (store.batch != NULL)
        written();
    all_come();
}

static void test_entered_prices_are_kept(void **state)
{
    (void)state;
    begin_with(WITH("by-api: true"));
    put("{\"code\":\"EUR\",\"price\":\"3/4\",\"good_for\":60,\"who\":\"maria\\nb\"}", 200, "EUR");
    put("{\"code\":\"ZAR\",\"price\":\"7\"}", 200, "ZAR");
    put("{\"code\":\"GBP\",\"price\":\"8\"}", 200, "GBP");
    put("{\"code\":\"GBP\",\"price\":null}", 200, "ZAR");
    later(20 * RILL_SECOND);
    start_again(WITH("by-api: true"));
    answered("GET", "/v1/rates", "", 200,
             "\"price\":\"3/4\",\"state\":\"good\",\"source\":\"api\",\"age\":20,\"good_for\":40,"
             "\"who\":\"maria\\nb\"");
    answered("GET", "/v1/rates", "", 200, "\"code\":\"ZAR\",\"price\":\"7\"");
    rill_admin_answer shown = asked("GET", "/v1/rates", "", true);
    assert_null(strstr(shown.body, "GBP"));
    rill_admin_free(&shown);
    brings(13333);
    later(40 * RILL_SECOND);
    is_refused("T00");
    start_again(WITH("by-api: true"));
    is_refused("T00"); /* nor does it get younger */
    /* Coins of another base are worth something else. */
    begin_with("address: g.x\nstore: {path: b}\naccounts:\n"
               "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: none}\n"
               "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], segment: b}\n"
               "  carol: {relation: peer, asset: USD/9, tokens: env:CAROL}\n"
               "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}}\n"
               "rates: {base: GBP, by-api: true}\n");
}

static void test_what_is_kept_may_be_anything(void **state)
{
    static const char *const values[] = {"",
                                         "1",
                                         "1/2",
                                         "1/2\n3",
                                         "1/2\n3\n4",
                                         "1/2\n3\n4\nUSD",
                                         "1/2\n3\n4\nUSD\n",
                                         "0/2\n3\n4\nUSD\nx",
                                         "1/0\n3\n4\nUSD\nx",
                                         "-1/2\n3\n4\nUSD\nx",
                                         "1/2\n3\n4\nEUR\nx",
                                         "1/2\n3\n4\nUSDX\nx",
                                         "99999999999999999999999/x"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const rill_store_setting setting = {RILL_SETTING_PRICE, "EUR", values[i]};
        assert_int_equal(rill_core_know_price(core, &setting), RILL_OK);
    }
    put("{\"code\":\"EUR\",\"price\":null}", 404, "no price of EUR was entered");
}

/* ---- another configuration ---- */

static rill_config fresh;

static void reload(const char *text)
{
    rill_core_change *change = NULL;
    first_problem[0] = '\0';
    assert_int_equal(rill_config_read(&fresh, &arena, text, strlen(text), report, NULL), RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_apply(change, "test", NULL, NULL);
    config = fresh;
    rill_core_part(core);
    turn();
    written();
}

static void test_another_service(void **state)
{
    (void)state;
    service_says(EUR("0.5"));
    put("{\"code\":\"ZAR\",\"price\":\"2\"}", 200, "prices");
    ask_service();
    reload(WITH("url: 'http://localhost/other', refresh: 30s, stale-after: 2m"));
    is_refused("T00"); /* what the other one said counts no more */
    answer_service(EUR("9"));
    is_refused("T00"); /* nor what it says now */
    service_says("{\"base\":\"USD\",\"rates\":{\"ZAR\":1}}");
    is_refused("F07"); /* nor later, where this one does not have it */
    service_says(EUR("0.25"));
    brings(2500);
    answered("GET", "/v1/rates", "", 200, "\"code\":\"ZAR\",\"price\":\"2\"");
    /* The same service at other times: prices stay, and it is asked at once. */
    reload(WITH("url: 'http://localhost/other', refresh: 10s, stale-after: 1m"));
    brings(2500);
    assert_true(rill_core_rates_deadline(core) <= now.mono_ns);
    later(60 * RILL_SECOND);
    is_refused("T00"); /* by the new limit */
    service_says(EUR("0.2"));
    brings(2000);
    reload(WITH("url: 'http://localhost/other', refresh: 10s, stale-after: 1m,"
                " prices: {EUR: {price: 4}}"));
    brings(2500);
    reload(WITH("by-api: true"));
    is_refused("F07");
    assert_true(rill_core_rates_deadline(core) == RILL_NEVER);
}

/* What was entered in coins of another base does not come back, not even after a restart. */
static void test_prices_go_with_their_base(void **state)
{
    (void)state;
    begin_with(WITH("by-api: true"));
    put("{\"code\":\"EUR\",\"price\":\"0.5\"}", 200, "EUR");
    brings(20000);
    reload("address: g.x\nstore: {path: b}\naccounts:\n"
           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: none}\n"
           "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], segment: b}\n"
           "  carol: {relation: peer, asset: USD/9, tokens: env:CAROL}\n"
           "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}}\n"
           "rates: {base: GBP, by-api: true}\n");
    reload(WITH("by-api: true"));
    is_refused("F07");
    start_again(WITH("by-api: true"));
    is_refused("F07");
}

/* Nor if it was changed while the node was stopped: the audit says that the price is gone. */
static void test_prices_go_with_their_base_while_it_is_stopped(void **state)
{
    (void)state;
    bool told = false;
    begin_with(WITH("by-api: true"));
    put("{\"code\":\"EUR\",\"price\":\"0.5\"}", 200, "EUR");
    brings(20000);
    turn();
    if (store.batch != NULL)
        written();
    end();
    rill_arena_clear(&arena);
    assert_int_equal(begin("address: g.x\nstore: {path: b}\naccounts:\n"
                           "  alice: {relation: child, asset: USD/2, tokens: env:ALICE}\n"
                           "rates: {base: GBP, by-api: true}\n"),
                     RILL_OK);
    turn();
    assert_non_null(store.batch);
    for (size_t i = 0; i < store.batch->entry_count; i++)
        told |= strcmp(store.batch->entries[i].note,
                       "price of EUR taken away: the base is GBP now") == 0;
    assert_true(told);
    written();
    start_again(WITH("by-api: true"));
    is_refused("F07");
}

static void test_a_configuration_that_is_refused_changes_no_price(void **state)
{
    static const char text[] = WITH("url: 'http://localhost/other', spread: 0,"
                                    " prices: {EUR: {price: 4}}");
    rill_core_change *change = NULL;
    (void)state;
    service_says(EUR("0.5"));
    assert_int_equal(rill_config_read(&fresh, &arena, text, strlen(text), report, NULL),
                     RILL_ERR_MALFORMED); /* spread is there twice */
    assert_int_equal(rill_config_read(&fresh, &arena, WITH("url: 'http://localhost/other'"),
                                      strlen(WITH("url: 'http://localhost/other'")), report, NULL),
                     RILL_OK);
    assert_int_equal(rill_core_prepare(&change, core, &fresh, report, NULL), RILL_OK);
    rill_core_forget_change(change);
    brings(5000);
}

/* ---- what operators see ---- */

static void test_metrics(void **state)
{
    (void)state;
    answered("GET", "/metrics", "", 200, "rill_connector_price_good{asset=\"EUR\"} 0");
    service_says(EUR("0.5"));
    later(7 * RILL_SECOND);
    answered("GET", "/metrics", "", 200,
             "rill_connector_price_age_seconds{asset=\"EUR\",source=\"service\"} 7\n");
    answered("GET", "/metrics", "", 200, "rill_connector_price_good{asset=\"EUR\"} 1");
    answered("GET", "/metrics", "", 200,
             "rill_connector_price_answers_total{result=\"taken\"} 1\n");
    later(113 * RILL_SECOND);
    answered("GET", "/metrics", "", 200, "rill_connector_price_good{asset=\"EUR\"} 0");
}

static void test_what_is_shown(void **state)
{
    (void)state;
    begin_with(WITH("url: 'http://localhost/rates?key=SECRET', refresh: 30s, stale-after: 2m"));
    answered("GET", "/v1/node", "", 200, "\"age\":null,\"taken\":0");
    service_says(EUR("0.9"));
    later(3 * RILL_SECOND);
    answered("GET", "/v1/rates", "", 200,
             "\"service\":{\"url\":\"http://localhost/rates\",\"age\":3,\"taken\":1,");
    answered("GET", "/v1/rates", "", 200, "\"price\":\"10/9\",\"state\":\"good\"");
    rill_admin_answer shown = asked("GET", "/v1/rates", "", true);
    assert_null(strstr(shown.body, "SECRET"));
    rill_admin_free(&shown);
    service_says(EUR("1.2345678901234567e-22"));
    answered("GET", "/v1/rates", "", 200,
             "\"price\":\"100000000000000000000000000000000000000/12345678901234567\"");
    service_says(EUR("3e21"));
    answered("GET", "/v1/rates", "", 200, "\"price\":\"1/3000000000000000000000\"");
    ask_service();
    rill_core_rates_failed(core, ticket, "away");
    answered("GET", "/v1/node", "", 200, "\"problem\":\"away\",\"problem_at\":\"20");
}

/* ---- without memory ---- */

static failing_memory memory;

/* All of a new price is taken, or nothing of it. */
static void test_without_memory(void **state)
{
    unsigned failures = 0;
    bool taken = false;
    uint64_t group;
    (void)state;
    failing_memory_init(&memory, 0, 1);
    core_memory = &memory.allocator;
    begin_with(WITH(SERVICE));
    service_says(EUR("0.5"));
    for (unsigned long at = 1; !taken; at++) {
        ask_service();
        memory.fail_at = memory.asked + at;
        answer_service(EUR("0.25"));
        memory.fail_at = 0;
        taken = problem_now()[0] == '\0';
        failures += !taken;
        brings(taken ? 2500 : 5000);
    }
    assert_true(failures >= 4);
    taken = false;
    for (unsigned long at = 1; !taken; at++) {
        memory.fail_at = memory.asked + at;
        int rc =
            rill_core_enter_price(core, "EUR", (rill_ratio){10, 1}, RILL_NEVER, "test", &group);
        memory.fail_at = 0;
        taken = rc == RILL_OK;
        assert_true(taken || rc == RILL_ERR_NOMEM);
        failures += !taken;
        brings(taken ? 1000 : 2500);
    }
    assert_true(failures >= 8);
    for (unsigned long at = 1; taken; at++) {
        memory.fail_at = memory.asked + at;
        taken = rill_core_enter_price(core, "EUR", (rill_ratio){0, 1}, RILL_NEVER, "test",
                                      &group) != RILL_OK;
        memory.fail_at = 0;
        brings(taken ? 1000 : 2500);
    }
    begin_with(EXAMPLE); /* the core of the failing memory is gone */
    core_memory = NULL;
}

static int tear_down_failing(void **state)
{
    int rc = tear_down(state);
    if (memory.blocks != 0)
        rc = -1;
    failing_memory_end(&memory);
    return rc;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_service, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_before_the_first_answer),
        TEST(test_a_service_that_does_not_have_it),
        TEST(test_prices_are_exact),
        TEST(test_a_machine_that_was_suspended),
        TEST(test_an_old_price_is_none),
        TEST(test_an_answer_that_says_nothing_of_it),
        TEST(test_answers_that_are_none),
        TEST(test_a_problem_is_logged_once),
        TEST(test_the_configuration_wins),
        TEST(test_an_entered_price_wins_while_it_is_good),
        TEST(test_an_entered_price_alone),
        TEST(test_what_cannot_be_entered),
        TEST(test_no_more_than_so_many),
        TEST(test_who_entered_it_is_in_the_audit),
        TEST(test_entered_prices_are_kept),
        TEST(test_what_is_kept_may_be_anything),
        TEST(test_another_service),
        TEST(test_prices_go_with_their_base),
        TEST(test_prices_go_with_their_base_while_it_is_stopped),
        TEST(test_a_configuration_that_is_refused_changes_no_price),
        TEST(test_metrics),
        TEST(test_what_is_shown),
        cmocka_unit_test_setup_teardown(test_without_memory, set_up_service, tear_down_failing),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}

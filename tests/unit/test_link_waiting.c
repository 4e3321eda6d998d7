/* SPDX-License-Identifier: Apache-2.0 */
/* What a link says that it waits for, on its way up and after it was lost. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static rill_wait wanted;
static rill_waiting seen;
static uint64_t seen_at;

/* It waits, or waited in one turn of the loop, for what is wanted. */
static bool waits(net *n)
{
    rill_waiting now;
    rill_link_get_waiting(n->client.link, &now);
    if (now.reason == wanted) {
        seen = now;
        seen_at = rill_loop_now(n->loop).mono_ns;
    }
    return seen.reason == wanted;
}

static void until_it_waits_for(net *n, rill_wait reason)
{
    wanted = reason;
    seen = (rill_waiting){.reason = (rill_wait)-1};
    until(n, waits);
    uint64_t now = rill_loop_now(n->loop).mono_ns;
    assert_true(seen.since_ns <= now);
    assert_int_equal(strncmp(seen.text, rill_wait_text(reason), strlen(rill_wait_text(reason))), 0);
    assert_null(strstr(seen.text, TOKEN));
}

/* A port that takes connections, and says nothing. */
static int listen_in_silence(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s, 8), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return s;
}

static void open_link(net *n, const char *scheme, const char *host)
{
    char uri[256];
    net_uri(n, uri, sizeof uri, scheme, TOKEN, host);
    assert_int_equal(
        rill_link_open(&n->client.link, n->loop, uri, NULL, &link_handlers, &n->client, NULL),
        RILL_OK);
}

static void test_the_way_up(void **state)
{
    (void)state;
    net n;
    net_begin(&n);
    net_serve(&n);
    uint64_t begun = rill_loop_now(n.loop).mono_ns;
    open_link(&n, "btp+ws", "localhost");
    until_it_waits_for(&n, RILL_WAIT_RESOLVE);
    assert_true(seen.since_ns >= begun);
    assert_true(seen.until_ns >= seen.since_ns && seen.until_ns <= seen_at + 10 * RILL_SECOND);
    until_it_waits_for(&n, RILL_WAIT_AUTH);
    until_it_waits_for(&n, RILL_WAIT_NOTHING);
    assert_int_equal(n.client.ups, 1);
    /* Lost: it says why, until it is back. */
    net_stop_server(&n);
    until_it_waits_for(&n, RILL_WAIT_CONNECT);
    assert_non_null(strstr(seen.text, "localhost:"));
    net_serve(&n);
    until_it_waits_for(&n, RILL_WAIT_NOTHING);
    net_end(&n);
}

static void test_a_node_that_says_nothing(void **state)
{
    static const struct {
        const char *scheme;
        rill_wait reason;
    } cases[] = {{"btp+ws", RILL_WAIT_HANDSHAKE}, {"btp+wss", RILL_WAIT_TLS}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        net n;
        net_begin(&n);
        int s = listen_in_silence(&n.options.listen.port);
        open_link(&n, cases[i].scheme, "127.0.0.1");
        until_it_waits_for(&n, cases[i].reason);
        assert_non_null(strstr(seen.text, ": 127.0.0.1:"));
        net_end(&n);
        close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_way_up),
        cmocka_unit_test(test_a_node_that_says_nothing),
    };
    return cmocka_run_group_tests_name("link_waiting", tests, NULL, NULL);
}

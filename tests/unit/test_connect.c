/* SPDX-License-Identifier: Apache-2.0 */
/* Names whose first address does not answer, and resolvers that do not answer. */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include <rill/error.h>

#include "io/resolve.h"
#include "io/tcp.h"

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

static sem_t go_on; /* what hangs.example waits for */
static sem_t gone_on;

/* Addresses one after the other, "127.0.0.2 127.0.0.1". */
static int several(const char *addresses, const char *service, const struct addrinfo *hints,
                   struct addrinfo **found)
{
    char copy[256];
    struct addrinfo **last = found;
    strncpy(copy, addresses, sizeof copy - 1);
    copy[sizeof copy - 1] = '\0';
    char *rest = copy;
    for (char *one; (one = strtok_r(rest, " ", &rest)) != NULL; last = &(*last)->ai_next)
        if (__real_getaddrinfo(one, service, hints, last) != 0)
            abort();
    return 0;
}

static const char *two_addresses;

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    if (strcmp(host, "two.example") == 0)
        return several(two_addresses, service, hints, found);
    if (strcmp(host, "none.example") == 0)
        return EAI_NONAME;
    if (strcmp(host, "hangs.example") != 0)
        return __real_getaddrinfo(host, service, hints, found);
    while (sem_wait(&go_on) != 0)
        continue;
    int rc = __real_getaddrinfo("127.0.0.1", service, hints, found);
    sem_post(&gone_on);
    return rc;
}

/* ---- listeners ---- */

static int listen_on(const char *address, uint16_t *port, int backlog)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

enum { FILLERS = 4 };

typedef struct hole {
    int fd;
    int fillers[FILLERS];
} hole;

/* Its queue is full and nobody takes from it: a packet to it is as lost. */
static hole dig(const char *address, uint16_t *port)
{
    hole h = {.fd = listen_on(address, port, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    for (int i = 0; i < FILLERS; i++) {
        h.fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(fcntl(h.fillers[i], F_SETFL, O_NONBLOCK), 0);
        (void)!connect(h.fillers[i], (struct sockaddr *)&at, sizeof at);
    }
    return h;
}

static void fill_up(const hole *h)
{
    for (int i = 0; i < FILLERS; i++)
        close(h->fillers[i]);
    close(h->fd);
}

/* ---- who connects ---- */

typedef struct caller {
    rill_loop *loop;
    rill_tcp *tcp;
    uv_timer_t deadline; /* generous: what is waited for is the event */
    unsigned opened, closed;
    int lost;
    char detail[256];
} caller;

static void end(caller *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->deadline))
        uv_close((uv_handle_t *)&c->deadline, NULL);
    rill_tcp_close(c->tcp);
}

static void on_open(void *owner)
{
    caller *c = owner;
    c->opened++;
    end(c);
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    (void)owner;
    (void)data;
    (void)len;
}

static void on_lost(void *owner, int error, const char *detail)
{
    caller *c = owner;
    c->lost = error;
    strncpy(c->detail, detail, sizeof c->detail - 1);
    end(c);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    ((caller *)owner)->closed++;
}

static void on_deadline(uv_timer_t *timer)
{
    end(timer->data);
}

static const rill_tcp_handlers handlers = {
    .open = on_open, .read = on_read, .lost = on_lost, .drained = on_drained, .closed = on_closed};

static caller *call(const char *host, uint16_t port, uint64_t patience_ms)
{
    static caller c;
    memset(&c, 0, sizeof c);
    assert_int_equal(rill_loop_new(&c.loop, NULL), RILL_OK);
    assert_int_equal(rill_tcp_new(&c.tcp, c.loop, &handlers, &c), RILL_OK);
    uv_timer_init(rill_loop_uv(c.loop), &c.deadline);
    c.deadline.data = &c;
    uv_timer_start(&c.deadline, on_deadline, patience_ms, 0);
    assert_int_equal(rill_tcp_connect(c.tcp, host, port, NULL), RILL_OK);
    assert_int_equal(c.opened + c.closed, 0);
    assert_int_equal(rill_loop_run(c.loop), RILL_OK);
    rill_loop_free(c.loop);
    assert_int_equal(c.closed, 1);
    return &c;
}

#define PATIENT 60000

/* RFC 8305: an address that does not answer does not delay one that does. */
static void test_the_second_address(void **state)
{
    (void)state;
    uint16_t port = 0;
    int fd = listen_on("127.0.0.1", &port, 8);
    hole h = dig("127.0.0.2", &port);
    two_addresses = "127.0.0.2 127.0.0.1";
    assert_int_equal(call("two.example", port, PATIENT)->opened, 1);
    two_addresses = "127.0.0.1 127.0.0.2";
    assert_int_equal(call("two.example", port, PATIENT)->opened, 1);
    fill_up(&h);
    /* An address that refuses delays it even less: nobody waits a quarter of a second then. */
    two_addresses = "127.0.0.2 127.0.0.3 127.0.0.1";
    assert_int_equal(call("two.example", port, PATIENT)->opened, 1);
    close(fd);
}

static void test_all_refuse(void **state)
{
    (void)state;
    uint16_t port = 0;
    close(listen_on("127.0.0.1", &port, 8));
    two_addresses = "127.0.0.2 127.0.0.3 127.0.0.1";
    const caller *c = call("two.example", port, PATIENT);
    assert_int_equal(c->opened, 0);
    assert_int_equal(c->lost, RILL_ERR_CONNECT);
    assert_non_null(strstr(c->detail, "cannot connect to two.example:"));
    c = call("127.0.0.1", port, PATIENT);
    assert_int_equal(c->lost, RILL_ERR_CONNECT);
    c = call("none.example", port, PATIENT);
    assert_int_equal(c->lost, RILL_ERR_RESOLVE);
    assert_non_null(strstr(c->detail, "cannot resolve none.example:"));
}

static void test_given_up_between_addresses(void **state)
{
    (void)state;
    uint16_t port = 0;
    hole h = dig("127.0.0.2", &port);
    two_addresses = "127.0.0.2 127.0.0.2 127.0.0.2";
    const caller *c = call("two.example", port, 300);
    assert_int_equal(c->opened, 0);
    assert_int_equal(c->lost, 0);
    fill_up(&h);
}

/* Nobody waits for it: neither the caller that gives up, nor the loop that is freed. */
static void test_a_resolver_that_hangs(void **state)
{
    (void)state;
    const caller *c = call("hangs.example", 1, 1);
    assert_int_equal(c->opened, 0);
    assert_int_equal(c->lost, 0);
    /* It is over long after, and harms nobody. */
    sem_post(&go_on);
    while (sem_wait(&gone_on) != 0)
        continue;
}

static void never(void *owner, int status, struct addrinfo *found)
{
    (void)owner;
    (void)status;
    rill_resolve_free(found);
    fail_msg("it was cancelled");
}

static void test_lookups_are_limited(void **state)
{
    (void)state;
    rill_loop *loop;
    rill_lookup *lookups[RILL_MAX_LOOKUPS], *more;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    alarm(60);
    for (size_t i = 0; i < RILL_MAX_LOOKUPS; i++) {
        int rc;
        /* The lookup of the test before is over for its caller; its thread may still be ending. */
        while ((rc = rill_resolve(&lookups[i], loop, "hangs.example", 1, never, NULL)) ==
               RILL_ERR_LIMIT)
            sched_yield();
        assert_int_equal(rc, RILL_OK);
    }
    alarm(0);
    assert_int_equal(rill_resolve(&more, loop, "hangs.example", 1, never, NULL), RILL_ERR_LIMIT);
    /* An address needs no lookup. */
    assert_int_equal(rill_resolve(&more, loop, "::1", 1, never, NULL), RILL_OK);
    rill_resolve_cancel(more);
    for (size_t i = 0; i < RILL_MAX_LOOKUPS; i++)
        rill_resolve_cancel(lookups[i]);
    rill_loop_run(loop);
    rill_loop_free(loop);
    for (size_t i = 0; i < RILL_MAX_LOOKUPS; i++)
        sem_post(&go_on);
    for (size_t i = 0; i < RILL_MAX_LOOKUPS; i++)
        while (sem_wait(&gone_on) != 0)
            continue;
}

static int prepare(void **state)
{
    (void)state;
    unsetenv("http_proxy"); /* connections here are without TLS */
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return sem_init(&go_on, 0, 0) != 0 || sem_init(&gone_on, 0, 0) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_address),
        cmocka_unit_test(test_all_refuse),
        cmocka_unit_test(test_given_up_between_addresses),
        cmocka_unit_test(test_a_resolver_that_hangs),
        cmocka_unit_test(test_lookups_are_limited),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous replies over HTTP (RFC 35): between two of our own nodes, and with a neighbour that
 * loses, repeats and mixes up what it says.
 *
 * Over 600 lines: both ends of one exchange, and each fault of it, need the same two nodes.
 */
#define _GNU_SOURCE

#include "http_async_fixture.h"

#include <rill/node.h>

#include "http_script.h"
#include "links/http/http_id.h"
#include "links/http/server_impl.h"

static net n;
static side us, them;
static uint8_t packet[512];
static size_t packet_len;

/* A Fulfill without data, in which nothing is checked here. */
static const uint8_t fulfill[35] = {RILL_ILP_FULFILL, 33};

#define ID      "42ee09c8-a6de-4ae3-8a47-4732b0cbb07b"
#define ACCEPTS "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define TAKES   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void begin(void)
{
    net_begin(&n);
    memset(&stranger, 0, sizeof stranger);
    side_ports_closed = 0;
    packet_len = make_prepare(&n, 20000, packet, sizeof packet);
}

/* Our neighbour says what the script says. */
static void begin_scripted(const char *answer, bool closes)
{
    const char *problem = NULL;
    begin();
    assert_int_equal(side_open(&us, &n), RILL_OK);
    serve_script(&n, answer, closes);
    assert_int_equal(side_add(&us, "ilp+http", n.options.listen.port, &problem), RILL_OK);
    n.options.listen.port = us.number;
}

static bool us_closed(net *m)
{
    (void)m;
    return us.http_closed && side_ports_closed > 0;
}

static void end_scripted(void)
{
    if (!us.http_closed) {
        side_close(&us);
        until(&n, us_closed);
    }
    uv_close((uv_handle_t *)&scripted, NULL);
    net_end(&n);
}

static void send_from(side *s, uint64_t cookie)
{
    int error;
    while ((error = rill_link_send(s->told.link, cookie, packet, packet_len)) ==
           RILL_ERR_NOT_CONNECTED)
        (void)uv_run(rill_loop_uv(n.loop), UV_RUN_ONCE);
    assert_int_equal(error, RILL_OK);
}

static unsigned wanted;

static bool was_requested(net *m)
{
    (void)m;
    return script_requests >= wanted;
}

static void until_requested(unsigned count)
{
    wanted = count;
    until(&n, was_requested);
}

static bool is_told(net *m)
{
    (void)m;
    return us.told.replies + us.told.unanswered >= wanted;
}

static void until_told(unsigned count)
{
    wanted = count;
    until(&n, is_told);
}

/* A chance for what would be wrong to happen. Nothing that is right depends on how long it is. */
static bool passed;

static void on_passed(uv_timer_t *timer)
{
    (void)timer;
    passed = true;
}

static bool has_passed(net *m)
{
    (void)m;
    return passed;
}

static void let_pass(uint64_t ms)
{
    uv_timer_t timer;
    passed = false;
    uv_timer_init(rill_loop_uv(n.loop), &timer);
    uv_timer_start(&timer, on_passed, ms, 0);
    until(&n, has_passed);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
}

/* ---- what somebody posts to us ---- */

static raw poster;

static bool is_answered(net *m)
{
    (void)m;
    return raw_has(&poster, "\r\n\r\n");
}

/* The status of the answer. */
static unsigned post(const char *token, const char *fields, const uint8_t *body, size_t len)
{
    char head[1024];
    snprintf(head, sizeof head,
             "POST /replies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n%s\r\n",
             token, len, fields);
    raw_open(&n, &poster);
    raw_say(&poster, head);
    raw_send(&poster, body, len);
    until(&n, is_answered);
    unsigned status = (unsigned)strtoul((const char *)poster.got + sizeof "HTTP/1.1", NULL, 10);
    raw_close(&poster);
    (void)uv_run(rill_loop_uv(n.loop), UV_RUN_NOWAIT);
    return status;
}

static unsigned post_reply(const char *token, const char *id)
{
    char fields[640];
    snprintf(fields, sizeof fields, "Request-Id: %s\r\n", id);
    return post(token, fields, fulfill, sizeof fulfill);
}

static unsigned post_prepare(const char *fields)
{
    return post(TOKEN, fields, packet, packet_len);
}

/* The value of a field of the script's last request. */
static const char *field(const char *name, char out[512])
{
    const char *at = strcasestr(script_last, name);
    assert_non_null(at);
    at += strlen(name);
    size_t len = strcspn(at, "\r");
    assert_in_range(len, 1, 511);
    memcpy(out, at, len);
    out[len] = '\0';
    return out;
}

/* ---- between two of ours ---- */

static bool both_answered(net *m)
{
    (void)m;
    return us.told.replies >= wanted && them.told.replies >= wanted;
}

static bool both_closed(net *m)
{
    (void)m;
    return us.http_closed && them.http_closed && side_ports_closed == 2;
}

static void test_both_ways_between_two_nodes(void **state)
{
    static const char *const schemes[] = {"ilp+http", "ilp+h2c"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *problem = NULL;
        begin();
        assert_int_equal(side_open(&us, &n), RILL_OK);
        assert_int_equal(side_open(&them, &n), RILL_OK);
        /* What each calls the place where it takes replies the other one knows. */
        snprintf(us.callback, sizeof us.callback, "http://127.0.0.1:%u/theirs",
                 (unsigned)us.number);
        snprintf(them.callback, sizeof them.callback, "http://127.0.0.1:%u/theirs",
                 (unsigned)them.number);
        assert_int_equal(side_add(&us, schemes[i], them.number, &problem), RILL_OK);
        assert_int_equal(side_add(&them, schemes[i], us.number, &problem), RILL_OK);
        us.told.echo = them.told.echo = true;
        for (uint64_t cookie = 0; cookie < 300; cookie++) {
            send_from(&us, cookie);
            send_from(&them, cookie);
        }
        wanted = 300;
        until(&n, both_answered);
        assert_int_equal(us.told.prepares, 300);
        assert_int_equal(them.told.prepares, 300);
        assert_int_equal(us.told.unanswered + them.told.unanswered, 0);
        assert_int_equal(us.told.last[0], RILL_ILP_FULFILL);
        assert_int_equal(n.lines, 0);
        side_close(&us);
        side_close(&them);
        until(&n, both_closed);
        assert_int_equal(us.told.closed + them.told.closed, 2);
        net_end(&n);
    }
}

/* ---- our Prepares ---- */

static void test_a_reply_comes_by_our_port(void **state)
{
    char id[512], other[512];
    http_id parsed;
    (void)state;
    begin_scripted(ACCEPTS, false);
    send_from(&us, 7);
    until_requested(1);
    field("request-id: ", id);
    assert_int_equal(http_id_parse(&parsed, text_of(id)), RILL_OK);
    assert_int_equal(parsed.bytes[6] >> 4, 4);
    assert_int_equal(parsed.bytes[8] >> 6, 2);
    assert_string_equal(field("callback-url: ", other), us.callback);
    assert_string_equal(field("prefer: ", other), "respond-async");
    assert_string_equal(field("accept: ", other), "application/octet-stream");
    assert_non_null(strstr(script_last, "POST /ilp "));
    let_pass(50);
    assert_int_equal(us.told.replies + us.told.unanswered, 0);
    assert_int_equal(post_reply(TOKEN, id), 200);
    assert_int_equal(us.told.replies, 1);
    assert_int_equal(us.told.outgoing_id, 7);
    assert_memory_equal(us.told.last, fulfill, sizeof fulfill);
    /* Once. */
    assert_int_equal(post_reply(TOKEN, id), 400);
    assert_int_equal(us.told.replies, 1);
    /* The next one has another id. */
    send_from(&us, 8);
    until_requested(2);
    assert_string_not_equal(field("request-id: ", other), id);
    end_scripted();
    assert_int_equal(us.told.unanswered, 1); /* of the second, at the end */
    assert_int_equal(us.told.unsent, 0);
}

static void test_only_the_neighbour_replies(void **state)
{
    char id[512], fields[1200];
    const char *problem = NULL;
    (void)state;
    begin_scripted(ACCEPTS, false);
    send_from(&us, 7);
    until_requested(1);
    field("request-id: ", id);
    let_pass(20);
    assert_int_equal(post_reply("stranger", id), 400);
    assert_int_equal(post_reply("nobody", id), 401);
    assert_int_equal(post_reply(TOKEN, ID), 400);
    assert_int_equal(post_reply(TOKEN, "7"), 400);
    assert_int_equal(post(TOKEN, "", fulfill, sizeof fulfill), 400);
    snprintf(fields, sizeof fields, "Request-Id: %s\r\nRequest-Id: %s\r\n", id, id);
    assert_int_equal(post(TOKEN, fields, fulfill, sizeof fulfill), 400);
    snprintf(fields, sizeof fields, "Request-Id: %s\r\n", id);
    assert_int_equal(post(TOKEN, fields, (const uint8_t *)"?", 1), 400);
    assert_int_equal(post(TOKEN, fields, (const uint8_t *)"", 0), 400);
    /* Another account that has this form too, at a port of the same loop. */
    assert_int_equal(side_open(&them, &n), RILL_OK);
    assert_int_equal(side_add(&them, "ilp+http", us.number, &problem), RILL_OK);
    n.options.listen.port = them.number;
    assert_int_equal(post_reply(TOKEN, id), 400);
    n.options.listen.port = us.number;
    assert_int_equal(us.told.replies + us.told.unanswered + them.told.replies, 0);
    assert_int_equal(post_reply(TOKEN, id), 200);
    assert_int_equal(us.told.replies, 1);
    side_close(&us);
    side_close(&them);
    until(&n, both_closed);
    end_scripted();
}

/* Whatever the response then is: nothing more is said. */
static void test_a_reply_before_the_202(void **state)
{
    static const char *const later[] = {NULL, ACCEPTS,
                                        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n\x0d\x21"
                                        "01234567890123456789012345678901x"};
    char id[512];
    (void)state;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        begin_scripted(NULL, false);
        send_from(&us, 7);
        until_requested(1);
        field("request-id: ", id);
        assert_int_equal(post_reply(TOKEN, id), 200);
        assert_int_equal(us.told.replies, 1);
        assert_int_equal(post_reply(TOKEN, id), 400);
        if (later[i] != NULL)
            script_say(later[i]);
        let_pass(50);
        assert_int_equal(us.told.replies, 1);
        assert_memory_equal(us.told.last, fulfill, sizeof fulfill);
        end_scripted();
        assert_int_equal(us.told.replies, 1);
        assert_int_equal(us.told.unanswered, 0);
    }
}

/* Its 202, and with it all we know of the request. */
static void test_a_202_that_is_lost(void **state)
{
    char id[512];
    (void)state;
    begin_scripted(NULL, true);
    send_from(&us, 7);
    until_requested(1);
    field("request-id: ", id);
    let_pass(50);
    assert_int_equal(us.told.replies + us.told.unanswered, 0);
    assert_int_equal(script_requests, 1); /* not a second time */
    assert_int_equal(post_reply(TOKEN, id), 200);
    assert_int_equal(us.told.replies, 1);
    end_scripted();
    assert_int_equal(us.told.unanswered, 0);
}

static void test_a_neighbour_that_answers_at_once(void **state)
{
    static const char *const accepted[] = {TAKES, "HTTP/1.1 204 No Content\r\n\r\n"};
    char id[512];
    (void)state;
    begin_scripted("HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n\x0d\x21"
                   "01234567890123456789012345678901x",
                   false);
    send_from(&us, 7);
    until_told(1);
    assert_int_equal(us.told.replies, 1);
    assert_int_equal(us.told.last[0], RILL_ILP_FULFILL);
    assert_int_equal(post_reply(TOKEN, field("request-id: ", id)), 400);
    assert_int_equal(us.told.replies, 1);
    /* 200 and 204 without a body accept it too. */
    for (unsigned i = 0; i < 2; i++) {
        script = accepted[i];
        send_from(&us, 8);
        until_requested(i + 2);
        field("request-id: ", id);
        let_pass(20);
        assert_int_equal(post_reply(TOKEN, id), 200);
        assert_int_equal(us.told.replies, i + 2);
    }
    end_scripted();
}

static void test_other_answers_are_rejects(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
                                          "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"};
    char id[512];
    rill_reject r;
    (void)state;
    begin_scripted(ACCEPTS, false);
    for (unsigned i = 0; i < 3; i++) {
        script = answers[i];
        send_from(&us, i);
        until_told(i + 1);
        assert_int_equal(us.told.replies, i + 1);
        assert_int_equal(rill_reject_decode(&r, us.told.last, us.told.last_len), RILL_OK);
        assert_string_equal(r.code.text, "T00");
        assert_int_equal(post_reply(TOKEN, field("request-id: ", id)), 400);
        assert_int_equal(us.told.replies, i + 1);
    }
    end_scripted();
}

/* It was not taken, and is posted again: 200 would mean something else. */
static void test_a_reply_without_room(void **state)
{
    (void)state;
    begin_scripted(ACCEPTS, false);
    us.full = true;
    assert_int_equal(post_reply("stranger", ID), 503);
    assert_int_equal(post("stranger", "", packet, packet_len), 200); /* a Reject */
    end_scripted();
}

static unsigned strays;

static void on_stray(rill_link *l, const uint8_t *bytes, size_t len, void *user)
{
    (void)user;
    assert_ptr_equal(l->user, &stranger);
    assert_int_equal(len, sizeof fulfill);
    assert_memory_equal(bytes, fulfill, len);
    strays++;
}

static void on_stray_of_ours(rill_link *l, const uint8_t *bytes, size_t len, void *user)
{
    assert_ptr_equal(l, us.told.link);
    assert_ptr_equal(user, &us);
    assert_int_equal(len, sizeof fulfill);
    assert_memory_equal(bytes, fulfill, len);
    strays++;
}

/* Who has been asked by a link that is gone may answer all the same: who keeps the books sees it.
 */
static void test_a_reply_that_nothing_waits_for(void **state)
{
    static const uint8_t other[35] = {RILL_ILP_REJECT, 33};
    char id[512];
    (void)state;
    begin_scripted(ACCEPTS, false);
    send_from(&us, 7);
    until_requested(1);
    field("request-id: ", id);
    us.told.link->stray = on_stray_of_ours;
    us.told.link->stray_user = &us;
    strays = 0;
    assert_int_equal(post(TOKEN, "Request-Id: " ID "\r\n", other, sizeof other), 400);
    assert_int_equal(strays, 0);
    assert_int_equal(post_reply(TOKEN, ID), 400);
    assert_int_equal(strays, 1);
    assert_int_equal(post_reply(TOKEN, id), 200);
    assert_int_equal(strays, 1);
    /* An account that has no such link, or none now. */
    assert_int_equal(post_reply("stranger", ID), 400);
    stranger.link->stray = on_stray;
    assert_int_equal(post_reply("stranger", ID), 400);
    assert_int_equal(post("stranger", "", other, sizeof other), 400);
    assert_int_equal(strays, 2);
    end_scripted();
}

static void test_a_late_reply(void **state)
{
    char id[512];
    (void)state;
    begin_scripted(ACCEPTS, false);
    packet_len = make_prepare(&n, 50, packet, sizeof packet);
    send_from(&us, 7);
    until_requested(1);
    field("request-id: ", id);
    until_told(1);
    assert_int_equal(us.told.unanswered, 1);
    assert_int_equal(us.told.unsent, 0);
    assert_int_equal(us.told.error, RILL_ERR_TIMEOUT);
    assert_int_equal(post_reply(TOKEN, id), 400);
    assert_int_equal(us.told.replies, 0);
    end_scripted();
}

/* ---- Prepares of theirs ---- */

static void answer(const uint8_t *bytes, size_t len)
{
    assert_int_equal(rill_link_reply(us.told.link, us.told.request, bytes, len), RILL_OK);
}

static void test_their_prepare_is_answered_by_a_request(void **state)
{
    char other[512];
    (void)state;
    begin_scripted(TAKES, false);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(us.told.prepares, 1);
    /* Twice: it is the same request. */
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(us.told.prepares, 1);
    /* The connection by which it came is gone, and the neighbour waits all the same. */
    assert_true(rill_link_waits(us.told.link, us.told.request));
    answer(fulfill, sizeof fulfill);
    assert_false(rill_link_waits(us.told.link, us.told.request));
    until_requested(1);
    assert_string_equal(field("request-id: ", other), ID);
    assert_non_null(strstr(script_last, "POST /theirs "));
    assert_non_null(strcasestr(script_last, "authorization: Bearer " TOKEN "\r\n"));
    assert_null(strcasestr(script_last, "callback-url"));
    assert_int_equal(script_body_len, sizeof fulfill);
    assert_memory_equal(script_body, fulfill, sizeof fulfill);
    /* The same after the answer; and the id as it was written. */
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(us.told.prepares, 1);
    assert_int_equal(post_prepare("Request-Id: 42EE09C8-A6DE-4AE3-8A47-4732B0CBB07B\r\n"), 202);
    assert_int_equal(us.told.prepares, 1);
    assert_int_equal(post_prepare("Request-Id: 42EE09C8-A6DE-4AE3-8A47-4732B0CBB07C\r\n"), 202);
    assert_int_equal(us.told.prepares, 2);
    answer(fulfill, sizeof fulfill);
    until_requested(2);
    assert_string_equal(field("request-id: ", other), "42EE09C8-A6DE-4AE3-8A47-4732B0CBB07C");
    let_pass(150);
    assert_int_equal(script_requests, 2);
    assert_int_equal(n.lines, 0);
    end_scripted();
}

/* How many requests of the stranger's the port keeps. */
static size_t stranger_asks(void)
{
    const http_session *session = RILL_CONTAINER(stranger.link, http_session, link);
    size_t listed = 0;
    for (const rill_list *r = session->requests.next; r != &session->requests; r = r->next)
        listed++;
    assert_int_equal(listed, session->later);
    assert_int_equal(rill_map_count(&us.http->requests), listed);
    return listed;
}

/*
 * The link by which an account is answered is closed while its packets are out: nobody waits for
 * their replies, the port keeps nothing of them, and what is owed is in the log.
 */
/* One that is replaced still has what is out, and posts nothing more where there is another. */
static void test_a_link_that_parts_is_the_last(void **state)
{
    int account;
    rill_link a = {.account = &account}, b = {.account = &account};
    http_desk_link old = {.link = &a}, fresh = {.link = &b};
    http_desk *desk = NULL;
    (void)state;
    begin_scripted(ACCEPTS, false);
    assert_int_equal(http_desk_hold(&desk, n.loop), RILL_OK);
    http_desk_add_link(desk, &old);
    http_desk_add_link(desk, &fresh);
    assert_ptr_equal(http_desk_link_of(desk, &account), &a);
    old.parting = true;
    assert_ptr_equal(http_desk_link_of(desk, &account), &b);
    assert_null(http_desk_link_of(desk, &desk));
    http_desk_remove_link(&fresh);
    assert_ptr_equal(http_desk_link_of(desk, &account), &a);
    http_desk_remove_link(&old);
    assert_null(http_desk_link_of(desk, &account));
    http_desk_drop(desk);
    end_scripted();
}

static void test_the_link_of_its_replies_closes(void **state)
{
    static const char *const ids[] = {ID, "42ee09c8-a6de-4ae3-8a47-4732b0cbb07c",
                                      "42ee09c8-a6de-4ae3-8a47-4732b0cbb07d",
                                      "42ee09c8-a6de-4ae3-8a47-4732b0cbb07e"};
    char uri[160];
    char fields[640];
    uint64_t requests[4];
    const char *problem = NULL;
    rill_link *out = NULL;
    rill_link_options o;
    static told by_it;
    (void)state;
    memset(&by_it, 0, sizeof by_it);
    begin_scripted(TAKES, false);
    rill_link_options_init(&o);
    o.callback_url = us.callback;
    o.answers_url = us.answers;
    snprintf(uri, sizeof uri, "ilp+http://:%s@%s/ilp", TOKEN, us.answers + sizeof "http://" - 1);
    *strstr(uri, "/theirs") = '\0';
    assert_int_equal(
        rill_link_open_for_account(&out, n.loop, uri, &o, &link_handlers, &by_it, &problem),
        RILL_OK);
    out->account = &stranger;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(fields, sizeof fields, "Request-Id: %s\r\n", ids[i]);
        assert_int_equal(post("stranger", fields, packet, packet_len), 202);
        requests[i] = stranger.request;
    }
    assert_int_equal(stranger.prepares, 4);
    assert_int_equal(stranger_asks(), 4);
    rill_link_close(out);
    const unsigned lines = n.lines;
    for (size_t i = 0; i < 4; i++)
        assert_false(rill_link_waits(stranger.link, requests[i]));
    rill_link_forget(stranger.link, requests[0], false);
    assert_int_equal(stranger_asks(), 3);
    assert_int_equal(n.lines, lines);
    rill_link_forget(stranger.link, requests[1], true);
    assert_int_equal(stranger_asks(), 2);
    assert_int_equal(n.lines, lines + 1);
    assert_non_null(strstr(n.line, "a Fulfill could not be posted"));
    /* Again: nothing. Another one: it is said once a session. */
    rill_link_forget(stranger.link, requests[1], true);
    rill_link_forget(stranger.link, requests[2], true);
    assert_int_equal(stranger_asks(), 1);
    assert_int_equal(n.lines, lines + 1);
    assert_int_equal(rill_link_reply(stranger.link, requests[3], fulfill, sizeof fulfill),
                     RILL_ERR_NOT_CONNECTED);
    assert_int_equal(stranger_asks(), 0);
    assert_int_equal(n.lines, lines + 1);
    end_scripted();
}

static void test_who_is_answered_in_the_response(void **state)
{
    (void)state;
    begin_scripted(TAKES, false);
    us.told.echo = stranger.echo = true;
    /* Without a Request-Id; and an account without such a link, whatever it says. */
    assert_int_equal(post_prepare(""), 200);
    assert_int_equal(post_prepare("Callback-Url: http://10.0.0.1/\r\n"), 200);
    assert_int_equal(post("stranger", "Request-Id: " ID "\r\nCallback-Url: http://10.0.0.1/\r\n",
                          packet, packet_len),
                     200);
    assert_int_equal(stranger.prepares, 1);
    let_pass(100);
    assert_int_equal(script_requests, 0);
    end_scripted();
}

static void test_no_url_of_theirs_is_asked(void **state)
{
    char fields[400];
    const char *const others[] = {"http://127.0.0.1:%u/other",
                                  "https://127.0.0.1:%u/theirs",
                                  "http://127.0.0.2:%u/theirs",
                                  "http://127.0.0.1:%u0/theirs",
                                  "http://x@127.0.0.1:%u/theirs",
                                  "//127.0.0.1:%u/theirs",
                                  "http://127.0.0.1:%u/theirs?x",
                                  "http://127.0.0.1:%u",
                                  "?"};
    const char *const same[] = {"http://127.0.0.1:%u/theirs", "HTTP://127.0.0.1:%u/theirs"};
    unsigned there;
    (void)state;
    begin_scripted(TAKES, false);
    const char *colon = strrchr(us.answers, ':');
    there = (unsigned)strtoul(colon + 1, NULL, 10);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char url[200];
        snprintf(url, sizeof url, others[i], there);
        snprintf(fields, sizeof fields, "Request-Id: " ID "\r\nCallback-Url: %s\r\n", url);
        n.lines = 0;
        assert_int_equal(post_prepare(fields), 400);
        assert_int_equal(n.lines, 1);
        assert_non_null(strstr(n.line, "Callback-Url"));
    }
    assert_int_equal(post_prepare("Request-Id: 42ee09c8\r\n"), 400);
    assert_int_equal(us.told.prepares, 0);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char url[200];
        snprintf(url, sizeof url, same[i], there);
        snprintf(fields, sizeof fields,
                 "Request-Id: 42ee09c8-a6de-4ae3-8a47-4732b0cbb07%zu\r\nCallback-Url: %s\r\n", i,
                 url);
        assert_int_equal(post_prepare(fields), 202);
        assert_int_equal(us.told.prepares, i + 1);
        answer(fulfill, sizeof fulfill);
        until_requested((unsigned)i + 1);
    }
    end_scripted();
}

static void test_a_reply_is_posted_until_it_is_taken(void **state)
{
    (void)state;
    /* A 500, silence and the end of the connection, then a 200. */
    begin_scripted("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", false);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(2);
    script = NULL;
    script_closes = true;
    until_requested(4);
    assert_memory_equal(script_body, fulfill, sizeof fulfill);
    script = TAKES;
    script_closes = false;
    until_requested(5);
    let_pass(1300);
    assert_int_equal(script_requests, 5);
    assert_int_equal(n.lines, 0);
    end_scripted();
}

static void test_a_reply_that_is_refused(void **state)
{
    (void)state;
    begin_scripted("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", false);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(1);
    let_pass(300);
    assert_int_equal(script_requests, 1);
    assert_int_equal(n.lines, 1);
    assert_non_null(strstr(n.line, "did not take the Fulfill"));
    assert_non_null(strstr(n.line, "HTTP status 400"));
    /* Once, until it takes one again. */
    assert_int_equal(post_prepare("Request-Id: 42ee09c8-a6de-4ae3-8a47-4732b0cbb071\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(2);
    let_pass(100);
    assert_int_equal(n.lines, 1);
    script = TAKES;
    assert_int_equal(post_prepare("Request-Id: 42ee09c8-a6de-4ae3-8a47-4732b0cbb072\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(3);
    let_pass(100);
    assert_int_equal(n.lines, 2);
    assert_non_null(strstr(n.line, "did not take: 2"));
    end_scripted();
}

static void test_no_reply_leaves_after_its_expiry(void **state)
{
    (void)state;
    begin_scripted(NULL, true);
    packet_len = make_prepare(&n, 2500, packet, sizeof packet);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(2);
    let_pass(2700);
    unsigned seen = script_requests;
    let_pass(500);
    assert_int_equal(script_requests, seen);
    assert_int_equal(n.lines, 1);
    assert_non_null(strstr(n.line, "it expired before"));
    /* One that comes after it. */
    packet_len = make_prepare(&n, 50, packet, sizeof packet);
    assert_int_equal(post_prepare("Request-Id: 42ee09c8-a6de-4ae3-8a47-4732b0cbb071\r\n"), 202);
    let_pass(100);
    answer(fulfill, sizeof fulfill);
    let_pass(200);
    assert_int_equal(script_requests, seen);
    end_scripted();
}

/* It is forgotten then: the packet itself has expired. */
static void test_an_id_is_remembered_until_its_packet_expires(void **state)
{
    (void)state;
    begin_scripted(TAKES, false);
    packet_len = make_prepare(&n, 2000, packet, sizeof packet);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(us.told.prepares, 1);
    let_pass(2100);
    packet_len = make_prepare(&n, 20000, packet, sizeof packet);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    assert_int_equal(us.told.prepares, 2);
    end_scripted();
}

static void test_what_is_left_at_the_end_is_posted(void **state)
{
    (void)state;
    begin_scripted("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", false);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    send_from(&us, 9);
    until_requested(2);
    side_close(&us);
    script = TAKES;
    until(&n, us_closed);
    assert_int_equal(us.told.closed, 1);
    assert_memory_equal(script_body, fulfill, sizeof fulfill);
    assert_non_null(strstr(script_last, "POST /theirs "));
    end_scripted();
}

/* A neighbour that is away does not keep us. */
static void test_a_neighbour_that_is_away_at_the_end(void **state)
{
    (void)state;
    begin_scripted(NULL, true);
    assert_int_equal(post_prepare("Request-Id: " ID "\r\n"), 202);
    answer(fulfill, sizeof fulfill);
    until_requested(1);
    uv_close((uv_handle_t *)&scripted, NULL);
    side_close(&us);
    uint64_t before = uv_now(rill_loop_uv(n.loop));
    until(&n, us_closed);
    assert_true(uv_now(rill_loop_uv(n.loop)) - before < 4000);
    net_end(&n);
}

/* ---- what cannot be ---- */

static void refuse(const char *uri, const rill_link_options *o, int error, const char *why)
{
    const char *problem = NULL;
    rill_link *l = NULL;
    assert_int_equal(
        rill_link_open_for_account(&l, n.loop, uri, o, &link_handlers, &n.client, &problem), error);
    assert_non_null(problem);
    assert_non_null(strstr(problem, why));
}

static void test_links_that_cannot_be(void **state)
{
    static const char uri[] = "ilp+http://:t@127.0.0.1:1/ilp";
    const char *problem = NULL;
    rill_link_options o;
    rill_link *l = NULL;
    (void)state;
    begin();
    rill_link_options_init(&o);
    o.callback_url = "http://here.example/x";
    /* A link of its own has no port. */
    assert_int_equal(rill_link_open(&l, n.loop, uri, &o, &link_handlers, &n.client, &problem),
                     RILL_ERR_STATE);
    assert_non_null(strstr(problem, "a node's port"));
    refuse(uri, &o, RILL_ERR_STATE, "there is none yet");
    assert_int_equal(side_open(&us, &n), RILL_OK);
    refuse("btp+ws://:t@127.0.0.1:1/", &o, RILL_ERR_INVALID, "only ILP over HTTP");
    o.connections = 2;
    refuse(uri, &o, RILL_ERR_INVALID, "connections");
    o.connections = 1;
    o.callback_url = "here.example/x";
    refuse(uri, &o, RILL_ERR_URI, "scheme");
    o.callback_url = "ftp://here.example/x";
    refuse(uri, &o, RILL_ERR_URI, "https://");
    o.callback_url = "https://me:secret@here.example/x";
    refuse(uri, &o, RILL_ERR_URI, "no token");
    o.callback_url = "https://here.example/x";
    const char *const elsewhere[] = {"http://127.0.0.2:1/x", "https://127.0.0.1:1/x",
                                     "http://127.0.0.1:2/x"};
    for (size_t i = 0; i < 3; i++) {
        o.answers_url = elsewhere[i];
        refuse(uri, &o, RILL_ERR_URI, "the host and the port");
    }
    o.callback_url = NULL;
    refuse(uri, &o, RILL_ERR_INVALID, "answers_url");
    /* Nobody comes to a port as the parent. */
    const rill_node_handlers nothing = {.size = sizeof nothing, 0};
    rill_node_options node;
    rill_node *parents = NULL;
    rill_node_options_init(&node);
    o.answers_url = NULL;
    o.callback_url = us.callback;
    node.uplink = uri;
    node.uplink_options = &o;
    assert_int_equal(rill_node_open(&parents, n.loop, &node, &nothing, NULL, &problem),
                     RILL_ERR_STATE);
    assert_non_null(strstr(problem, "uplink"));
    /* And an account that is not asked. */
    const rill_bytes token = text_of(TOKEN);
    const rill_link_account a = {
        .name = text_of("them"), .tokens = &token, .token_count = 1, .options = &o};
    assert_int_equal(rill_http_link_server_add(us.http, &a, &problem), RILL_ERR_INVALID);
    side_close(&us);
    until(&n, us_closed);
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_between_two_nodes),
        cmocka_unit_test(test_a_reply_comes_by_our_port),
        cmocka_unit_test(test_only_the_neighbour_replies),
        cmocka_unit_test(test_a_reply_before_the_202),
        cmocka_unit_test(test_a_202_that_is_lost),
        cmocka_unit_test(test_a_neighbour_that_answers_at_once),
        cmocka_unit_test(test_other_answers_are_rejects),
        cmocka_unit_test(test_a_reply_without_room),
        cmocka_unit_test(test_a_reply_that_nothing_waits_for),
        cmocka_unit_test(test_a_late_reply),
        cmocka_unit_test(test_their_prepare_is_answered_by_a_request),
        cmocka_unit_test(test_a_link_that_parts_is_the_last),
        cmocka_unit_test(test_the_link_of_its_replies_closes),
        cmocka_unit_test(test_who_is_answered_in_the_response),
        cmocka_unit_test(test_no_url_of_theirs_is_asked),
        cmocka_unit_test(test_a_reply_is_posted_until_it_is_taken),
        cmocka_unit_test(test_a_reply_that_is_refused),
        cmocka_unit_test(test_no_reply_leaves_after_its_expiry),
        cmocka_unit_test(test_an_id_is_remembered_until_its_packet_expires),
        cmocka_unit_test(test_what_is_left_at_the_end_is_posted),
        cmocka_unit_test(test_a_neighbour_that_is_away_at_the_end),
        cmocka_unit_test(test_links_that_cannot_be),
    };
    return cmocka_run_group_tests_name("http async", tests, NULL, NULL);
}

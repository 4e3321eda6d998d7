/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators' port from the first byte on the socket: the listener, HTTP, the real handlers of
 * every resource, and a connector behind them. The input plays the network (fake_uv.h): bytes of
 * any kind, and requests that are well-formed, with tokens that are good and that are not, in
 * pieces. Answers come late, sockets block and break, time passes, allocations fail. Who shows no
 * good token changes nothing; each answer is a whole one, in JSON where it says so; the books add
 * up; in the end everything is closed and freed.
 */
#define _GNU_SOURCE /* memmem */

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/alloc.h"
#include "books_world.h"
#include "connector/admin.h"
#include "connector/admin_answer.h"
#include "connector/peering.h"
#include "fake_uv.h"
#include "faults.h"
#include "io/loop.h"
#include "program.h"

enum { CLIENTS = 6, OUTPUT = 1 << 20, STEPS = 200 };

typedef struct client {
    fake_socket *socket;
    bool broken; /* what it has sent is no request of ours, or it cannot take all answers */
    char *out;   /* what it was answered, and has not been judged */
    size_t len;
} client;

typedef struct world {
    books_world books;
    rill_loop *loop;
    rill_admin *admin;
    rill_admin_control control;
    rill_tokens tokens;
    client clients[CLIENTS];
    unsigned count;
    rill_store_look *look;
    uint64_t ticket;
    uint64_t last_ticket;
    rill_admin_backup backup;
    bool may_write; /* somebody has shown a token with which something may change */
    bool closed;
} world;

static world w;

/* ---- who runs it ---- */

static void on_look(void *user, rill_store_look *look)
{
    (void)user;
    if (w.look != NULL) { /* one at a time is enough: a store does them in order */
        look->rc = RILL_ERR_CLOSED;
        (void)snprintf(look->problem, sizeof look->problem, "the node stops");
        look->done(look);
        return;
    }
    w.look = look;
}

static void end_look(int rc)
{
    rill_store_look *look = w.look;
    w.look = NULL;
    if (look == NULL)
        return;
    look->rc = rc;
    (void)snprintf(look->problem, sizeof look->problem, "%s", rc == RILL_OK ? "" : "it failed");
    look->done(look);
}

static void on_drain(void *user)
{
    (void)user;
    rill_core_drain(w.books.core);
}

static rill_log_level on_level(void *user)
{
    (void)user;
    return RILL_LOG_INFO;
}

static void on_set_level(void *user, rill_log_level level)
{
    (void)user;
    rill_core_set_log_level(w.books.core, level);
}

static int on_load(void *user, const char *who, json_t *changes, json_t *problems)
{
    (void)user;
    CHECK(strlen(who) > 0);
    (void)json_array_append_new(changes, json_string("one"));
    (void)json_array_append_new(problems, json_string("two"));
    return strlen(who) % 2 == 0 ? RILL_OK : RILL_ERR_INVALID;
}

static int on_search(void *user, rill_packet_search *search)
{
    (void)user;
    (void)search;
    return RILL_ERR_NOT_FOUND;
}

static int on_ask_peer(void *user, rill_peering_question *question, uint64_t *ticket)
{
    (void)user;
    rill_peering_clear(question);
    rill_free(rill_allocator_default(), question);
    w.ticket = *ticket = ++w.last_ticket;
    return RILL_OK;
}

static int on_backup(void *user, const char *path, bool make_folder, bool replace)
{
    (void)user;
    (void)replace;
    /* By the port a name in the folder, and nothing else. */
    CHECK(make_folder && strncmp(path, "/copies/", 8) == 0 && strchr(path + 8, '/') == NULL);
    w.backup = (rill_admin_backup){.state = RILL_BACKUP_RUNS, .begun_ms = 1};
    (void)snprintf(w.backup.path, sizeof w.backup.path, "%s", path);
    return RILL_OK;
}

static void on_backup_state(void *user, rill_admin_backup *out)
{
    (void)user;
    *out = w.backup;
}

static void on_stop_backup(void *user)
{
    (void)user;
    CHECK(w.backup.state == RILL_BACKUP_RUNS);
    w.backup.state = RILL_BACKUP_FAILED;
}

static void on_log(void *user, const char *line)
{
    (void)user;
    CHECK(strchr(line, '\n') == NULL);
}

static void on_closed(void *user)
{
    (void)user;
    w.closed = true;
}

static const rill_config_operator everything = {.token = "env:A", .scopes = RILL_SCOPES_ALL};
static const rill_config_operator reads = {.token = "env:R", .scopes = RILL_SCOPE_READ};
static const rill_config_operator measures = {.token = "env:M", .scopes = RILL_SCOPE_METRICS};

static void know_token(const char *token, const rill_config_operator *whose)
{
    CHECK(rill_tokens_add(&w.tokens, (rill_bytes){(const uint8_t *)token, strlen(token)},
                          (void *)(uintptr_t)whose) == RILL_OK);
}

static void open_all(void)
{
    const rill_admin_options o = {.host = "127.0.0.1",
                                  .core = w.books.core,
                                  .tokens = &w.tokens,
                                  .control = &w.control,
                                  .log = on_log,
                                  .closed = on_closed};
    bool of_path = false;
    books_control(&w.books, &w.control);
    w.control.look = on_look;
    w.control.drain = on_drain;
    w.control.level = on_level;
    w.control.set_level = on_set_level;
    w.control.load = on_load;
    w.control.search = on_search;
    w.control.ask_peer = on_ask_peer;
    w.control.backup = on_backup;
    w.control.backup_state = on_backup_state;
    w.control.stop_backup = on_stop_backup;
    rill_tokens_init(&w.tokens, rill_allocator_default(), w.books.crypto, 7);
    know_token("all", &everything);
    know_token("read", &reads);
    know_token("metrics", &measures);
    CHECK(rill_admin_open(&w.admin, w.loop, &o, &of_path) == RILL_OK);
}

/* ---- answers ---- */

/* The value of a field; NULL: there is none. The head is NUL-terminated. */
static const char *field(const char *head, const char *name, char out[64])
{
    char line[40];
    (void)snprintf(line, sizeof line, "\n%s: ", name);
    const char *at = strstr(head, line);
    if (at == NULL)
        return NULL;
    at += strlen(line);
    size_t len = strcspn(at, "\r");
    CHECK(at[len] == '\r' && at[len + 1] == '\n');
    (void)snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), at);
    return out;
}

static void judge_body(const char *head, const char *body, size_t len)
{
    char value[64];
    if (field(head, "content-type", value) == NULL || strcmp(value, "application/json") != 0)
        return;
    json_t *json = json_loadb(body, len, 0, NULL);
    CHECK(json != NULL);
    json_decref(json);
}

/* Bytes of a whole answer at the beginning of what there is; 0: it is not whole yet. */
static size_t judge_one(client *c)
{
    char head[4096];
    char value[64];
    const char *end = memmem(c->out, c->len, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    const size_t head_len = (size_t)(end - c->out) + 4;
    CHECK(head_len < sizeof head);
    memcpy(head, c->out, head_len);
    head[head_len] = '\0';
    CHECK(strlen(head) == head_len && strncmp(head, "HTTP/1.1 ", 9) == 0);
    const long status = strtol(head + 9, NULL, 10);
    CHECK(status >= 100 && status < 600);
    if (status == 100)
        return head_len;
    const char *length = field(head, "content-length", value);
    if (length == NULL) { /* it goes on: what somebody follows */
        c->broken = true;
        return 0;
    }
    const size_t len = (size_t)strtoull(length, NULL, 10);
    if (c->len < head_len + len)
        return 0;
    judge_body(head, c->out + head_len, len);
    return head_len + len;
}

static void judge(client *c)
{
    const rill_bytes more = fake_socket_output(c->socket);
    if (c->broken || c->len + more.len > OUTPUT) {
        c->broken = true;
        return;
    }
    if (more.len > 0) {
        char *grown = realloc(c->out, c->len + more.len);
        CHECK(grown != NULL);
        c->out = grown;
        memcpy(c->out + c->len, more.data, more.len);
        c->len += more.len;
    }
    size_t used;
    while (!c->broken && c->len > 0 && (used = judge_one(c)) > 0) {
        c->len -= used;
        memmove(c->out, c->out + used, c->len);
    }
}

static void turn(void)
{
    fake_uv_turn(rill_loop_uv(w.loop));
    w.books.now = rill_loop_now(w.loop);
    for (unsigned i = 0; i < w.count; i++)
        judge(&w.clients[i]);
}

/* ---- clients ---- */

static client *any_client(program *p)
{
    const uint8_t which = take_byte(p);
    if (w.count == 0 || (which >= 224 && w.count < CLIENTS)) {
        fake_socket *s = fake_uv_arrive();
        if (s == NULL)
            return NULL;
        w.clients[w.count++] = (client){.socket = s};
        turn();
        return &w.clients[w.count - 1];
    }
    return &w.clients[which % w.count];
}

static void feed(client *c, program *p, const char *data, size_t len)
{
    const uint8_t cut = take_byte(p);
    const size_t first = cut < 192 ? len : (size_t)(cut & 63u) * len / 64;
    fake_socket_feed(c->socket, (const uint8_t *)data, first);
    if (first == len)
        return;
    turn();
    fake_socket_feed(c->socket, (const uint8_t *)data + first, len - first);
}

static rill_bytes take_text(program *p, size_t most)
{
    size_t len = (size_t)take_byte(p) << 8;
    len |= take_byte(p);
    len = len < most ? len : most;
    len = len < p->left ? len : p->left;
    const rill_bytes bytes = {p->at, len};
    if (len != 0)
        p->at += len;
    p->left -= len;
    return bytes;
}

static void say_anything(program *p)
{
    client *c = any_client(p);
    const rill_bytes bytes = take_text(p, 4000);
    if (c == NULL)
        return;
    c->broken = true;
    /* It may show any token, but it has to guess. */
    w.may_write = w.may_write || memmem(bytes.data, bytes.len, "all", 3) != NULL;
    feed(c, p, (const char *)bytes.data, bytes.len);
}

/* A resource's path, with a name in place of what is in braces. */
static void path_of(program *p, char out[200], const char **method)
{
    static const char *const names[] = {"alice", "bob", "carol", "nobody", "%00", "1", ""};
    unsigned scope = 0;
    size_t count = 0;
    while (rill_admin_resource(count, method, &scope) != NULL)
        count++;
    const char *form = rill_admin_resource(take_byte(p) % count, method, &scope);
    const char *open = strchr(form, '{');
    const char *name = names[take_byte(p) % 7];
    if (open == NULL)
        (void)snprintf(out, 200, "%s", form);
    else
        (void)snprintf(out, 200, "%.*s%s%s", (int)(open - form), form, name, strchr(open, '}') + 1);
}

/* A query has no byte that is none of a path. */
static void add_query(program *p, char *out, size_t cap)
{
    const rill_bytes bytes = take_bytes(p, 120);
    size_t len = strlen(out);
    for (size_t i = 0; i < bytes.len && len + 2 < cap; i++) {
        const char c = (char)(i == 0 ? '?' : bytes.data[i]);
        if (c > ' ' && c < 0x7f)
            out[len++] = c;
    }
    out[len] = '\0';
}

static void say_request(program *p)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "X"};
    static const char *const tokens[] = {
        "Authorization: Bearer all\r\n",     "Authorization: Bearer all\r\n",
        "Authorization: Bearer all\r\n",     "Authorization: Bearer read\r\n",
        "Authorization: Bearer metrics\r\n", "Authorization: Bearer wrong\r\n",
        "Authorization: Basic all\r\n",      ""};
    static const char *const more[] = {"",
                                       "Origin: http://127.0.0.1\r\n",
                                       "Origin: http://evil.example\r\n",
                                       "Sec-Fetch-Site: cross-site\r\n",
                                       "Last-Event-ID: 7\r\n",
                                       "Expect: 100-continue\r\n",
                                       "Connection: close\r\n",
                                       "If-None-Match: \"x\"\r\n"};
    static char request[6000];
    char path[400];
    const char *method = NULL;
    client *c = any_client(p);
    path_of(p, path, &method);
    add_query(p, path, sizeof path);
    const uint8_t other = take_byte(p);
    if (other >= 192)
        method = methods[other % 7];
    const uint8_t whose = take_byte(p) % 8;
    const uint8_t field = take_byte(p);
    const rill_bytes body = take_text(p, 3000);
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%sContent-Length: %zu\r\n\r\n",
                       method, path, tokens[whose], more[field < 192 ? 0 : field % 8], body.len);
    if (c == NULL)
        return;
    w.may_write = w.may_write || whose < 3;
    /* An answer to HEAD has no body, whatever its length says. */
    c->broken = c->broken || strcmp(method, "HEAD") == 0;
    CHECK(len > 0 && (size_t)len + body.len < sizeof request);
    memcpy(request + len, body.data, body.len);
    feed(c, p, request, (size_t)len + body.len);
}

static void change_socket(program *p)
{
    client *c = any_client(p);
    const uint8_t how = take_byte(p);
    if (c == NULL)
        return;
    if (how < 64)
        fake_socket_eof(c->socket);
    else if (how < 96)
        fake_socket_break(c->socket, UV_ECONNRESET);
    else if (how < 224)
        fake_socket_room(c->socket, (size_t)(how - 96u) * 40u);
    else
        fake_socket_room(c->socket, SIZE_MAX);
}

/* ---- the node ---- */

static void answer_peer(program *p)
{
    rill_admin_answer answer = {.status = 200, .type = "application/json"};
    const uint64_t ticket = take_byte(p) < 200 ? w.ticket : take_byte(p);
    rill_admin_refuse(&answer, 200 + take_byte(p), "x");
    rill_admin_answered(w.admin, ticket, &answer);
}

static void keep_books(bool well)
{
    books_turn(&w.books);
    books_written(&w.books, well);
    books_turn(&w.books);
    rill_admin_kept(w.admin, rill_core_books(w.books.core)->kept);
}

static void wait(uint64_t ns)
{
    turn();
    uint64_t at = fake_uv_deadline(), now = fake_uv_now();
    if (at > now && at - now < ns)
        ns = at - now + RILL_MS;
    fake_uv_advance(ns);
    turn();
}

static void step(program *p)
{
    const uint8_t op = take_byte(p);
    switch (op % 12) {
    case 0:
        say_anything(p);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        say_request(p);
        break;
    case 6:
        change_socket(p);
        break;
    case 7:
        keep_books(take_byte(p) < 224);
        break;
    case 8:
        end_look(take_byte(p) < 192 ? RILL_OK : RILL_ERR_LIMIT);
        break;
    case 9:
        answer_peer(p);
        break;
    case 10:
        wait(take_number(p) * 100 * RILL_MS % (3600 * RILL_SECOND));
        break;
    default:
        if (take_byte(p) < 64)
            fuzz_fault.allocation = take_byte(p);
        else
            rill_admin_reloaded(w.admin, "somebody", 3, take_byte(p) % 2 == 0);
    }
    if ((op & 0x80) == 0)
        turn();
    books_check(&w.books);
}

static void close_all(void)
{
    fuzz_fault.allocation = 0;
    rill_admin_close(w.admin);
    end_look(RILL_ERR_CLOSED);
    for (unsigned n = 0; !w.closed; n++) {
        CHECK(n < 200);
        wait(RILL_SECOND);
    }
    rill_tokens_clear(&w.tokens);
    books_end(&w.books);
    rill_loop_free(w.loop);
    for (unsigned i = 0; i < w.count; i++) {
        CHECK(fake_socket_closed(w.clients[i].socket) || fake_socket_waits(w.clients[i].socket));
        free(w.clients[i].out);
    }
    CHECK(fake_uv_handles() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    fuzz_faults_reset(size);
    fake_uv_reset();
    memset(&w, 0, sizeof w);
    CHECK(rill_loop_new(&w.loop, NULL) == RILL_OK);
    books_begin(&w.books, NULL, 0);
    books_turn(&w.books);
    books_written(&w.books, true);
    const int64_t alice = books_balance(&w.books, "alice");
    const uint64_t lines = rill_core_last_line(w.books.core);
    open_all();
    turn();
    for (unsigned i = 0; i < STEPS && p.left > 0; i++)
        step(&p);
    /* Who shows no token that is good for it has changed nothing, and is in no audit. */
    CHECK(w.may_write || (alice == books_balance(&w.books, "alice") && w.books.added.count == 0 &&
                          lines == rill_core_last_line(w.books.core)));
    close_all();
    return 0;
}

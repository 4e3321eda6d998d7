/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on the loop: it says which sockets it waits for and until when, and is
 * told what happens to them. Redirects are followed here and not by libcurl, so that each of them
 * is held to the same rules as the first URL.
 *
 * Over 600 lines: a client, its sockets and its calls are callbacks of one another, in libcurl and
 * in libuv, and any of them may end any other. Apart they would be harder to follow.
 */
#define _POSIX_C_SOURCE 200809L

#include "clients/web_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <uv.h>

#include <rill/error.h>
#include <rill/spsp.h>

#include "base/alloc.h"
#include "base/list.h"
#include "clients/url.h"
#include "clients/web_problem.h"
#include "crypto/crypto.h"

#define USER_AGENT        "rill/" RILL_VERSION
#define MAX_CACHE_CONTROL 4096 /* bytes, of all such headers together */
#define MAX_CONNECTIONS                                                                            \
    256L /* that wait for their next call; libcurl's own number grows and shrinks */

struct rill_web_client {
    rill_web_client_options options;
    char *ca_file;
    CURLM *multi;
    uv_loop_t *uv;
    uv_timer_t timer;
    rill_list calls;
    rill_list sockets;
    unsigned handles; /* of libuv's, that have not said that they are closed */
    bool freed;
};

/* A socket that libcurl waits for. */
typedef struct watch {
    rill_list node;
    uv_poll_t poll;
    rill_web_client *client;
    curl_socket_t fd;
} watch;

struct rill_web_call {
    rill_list node;
    rill_web_client *client;
    CURL *easy;
    struct curl_slist *headers;
    void (*done)(const rill_web_answer *answer, void *user);
    void *user;
    bool follow;
    bool ignore_body;
    bool lost;     /* libcurl cannot go on with it */
    bool has_head; /* the header fields of the answer have come to their end */
    unsigned redirects;
    uint64_t until_ms; /* of the loop's clock: then its time is over */
    char *url;
    char *cache_control;
    char *body;
    size_t len;
    size_t cap;
    size_t max_body;
    bool too_large;
    char problem[CURL_ERROR_SIZE];
};

void rill_web_client_options_init(rill_web_client_options *o)
{
    *o = (rill_web_client_options){
        .timeout_ns = 30 * RILL_SECOND,
        .connect_timeout_ns = 10 * RILL_SECOND,
        .max_body = (size_t)1024 * 1024,
    };
}

/* ---- the loop ---- */

static void settle(rill_web_client *client, bool lost);

static void free_client(rill_web_client *client)
{
    if (client->multi)
        (void)curl_multi_cleanup(client->multi);
    free(client->ca_file);
    free(client);
    curl_global_cleanup();
}

static void on_handle_closed(rill_web_client *client)
{
    client->handles--;
    if (client->freed && client->handles == 0)
        free_client(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

static void on_watch_closed(uv_handle_t *handle)
{
    watch *w = handle->data;
    rill_web_client *client = w->client;
    free(w);
    on_handle_closed(client);
}

static void close_watch(watch *w)
{
    rill_list_remove(&w->node);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void act(rill_web_client *client, curl_socket_t fd, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(client->multi, fd, events, &running);
    settle(client, code != CURLM_OK);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    watch *w = poll->data;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    act(w->client, w->fd, what);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl wants to be called after so many milliseconds; -1: not at all. */
static int set_timer(CURLM *multi, long ms, void *user)
{
    rill_web_client *client = user;
    (void)multi;
    if (client->freed)
        return 0;
    if (ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static watch *make_watch(rill_web_client *client, curl_socket_t fd)
{
    watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->client = client;
    w->fd = fd;
    if (uv_poll_init_socket(client->uv, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    client->handles++;
    rill_list_push_back(&client->sockets, &w->node);
    (void)curl_multi_assign(client->multi, fd, w);
    return w;
}

/* libcurl waits for a socket, or no longer. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
    rill_web_client *client = user;
    watch *w = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)curl_multi_assign(client->multi, fd, NULL);
        if (w)
            close_watch(w);
        return 0;
    }
    if (!w)
        w = make_watch(client, fd);
    if (!w)
        return -1;
    int events =
        (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

/* ---- the client ---- */

static bool is_readable(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    (void)fclose(file);
    return true;
}

/* NULL: no memory. */
static CURLM *make_multi(rill_web_client *client)
{
    CURLM *multi = curl_multi_init();
    if (!multi)
        return NULL;
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    return multi;
}

/* Its connections close, and what waits for their sockets with them. */
static void end_multi(rill_web_client *client)
{
    (void)curl_multi_cleanup(client->multi);
    client->multi = NULL;
    while (!rill_list_empty(&client->sockets))
        close_watch(RILL_CONTAINER(client->sockets.next, watch, node));
}

int rill_web_client_new(rill_web_client **out, rill_loop *loop,
                        const rill_web_client_options *options)
{
    if (options->ca_file && !is_readable(options->ca_file))
        return RILL_ERR_TLS;
    rill_web_client *client = calloc(1, sizeof *client);
    if (!client)
        return RILL_ERR_NOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return RILL_ERR_NOMEM;
    }
    client->options = *options;
    client->uv = rill_loop_uv(loop);
    client->multi = make_multi(client);
    client->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
    rill_list_init(&client->calls);
    rill_list_init(&client->sockets);
    if (!client->multi || (options->ca_file && !client->ca_file)) {
        free_client(client);
        return RILL_ERR_NOMEM;
    }
    (void)uv_timer_init(client->uv, &client->timer); /* cannot fail */
    client->timer.data = client;
    client->handles = 1;
    *out = client;
    return RILL_OK;
}

static void free_call(rill_web_call *call)
{
    rill_list_remove(&call->node);
    if (call->easy) {
        (void)curl_multi_remove_handle(call->client->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    /* A token, a secret. */
    for (struct curl_slist *line = call->headers; line; line = line->next)
        rill_wipe(line->data, strlen(line->data));
    if (call->body)
        rill_wipe(call->body, call->cap);
    curl_slist_free_all(call->headers);
    free(call->url);
    free(call->cache_control);
    free(call->body);
    free(call);
}

void rill_web_client_free(rill_web_client *client)
{
    if (!client)
        return;
    while (!rill_list_empty(&client->calls))
        free_call(RILL_CONTAINER(client->calls.next, rill_web_call, node));
    client->freed = true;
    end_multi(client);
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

/* ---- an answer comes ---- */

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    rill_web_call *call = user;
    size_t len = size * count;
    if (call->ignore_body)
        return len;
    if (len > call->max_body - call->len) {
        call->too_large = true;
        return 0;
    }
    if (call->len + len + 1 > call->cap) {
        size_t cap = (call->len + len + 1) * 2;
        char *grown = malloc(cap);
        if (!grown)
            return 0;
        if (call->body) {
            memcpy(grown, call->body, call->len);
            rill_wipe(call->body, call->cap); /* realloc would leave it behind */
            free(call->body);
        }
        call->body = grown;
        call->cap = cap;
    }
    memcpy(call->body + call->len, data, len);
    call->len += len;
    call->body[call->len] = '\0';
    return len;
}

/* Of several, the first counts: as JavaScript's clients join them, and none may be forgotten. */
static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    static const char name[] = "cache-control:";
    rill_web_call *call = user;
    size_t len = size * count;
    size_t skip = sizeof name - 1;
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) { /* of another answer than before */
        free(call->cache_control);
        call->cache_control = NULL;
        call->has_head = false;
    }
    if (len > 0 && (data[0] == '\r' || data[0] == '\n'))
        call->has_head = true;
    if (len < skip || !curl_strnequal(data, name, skip))
        return len;
    size_t had = call->cache_control ? strlen(call->cache_control) : 0;
    if (had + len > MAX_CACHE_CONTROL) {
        call->too_large = true;
        return 0;
    }
    char *joined = realloc(call->cache_control, had + len + 2);
    if (!joined)
        return 0;
    if (had > 0)
        joined[had++] = ',';
    while (len > skip && (data[len - 1] == '\r' || data[len - 1] == '\n'))
        len--;
    memcpy(joined + had, data + skip, len - skip);
    joined[had + len - skip] = '\0';
    call->cache_control = joined;
    return size * count;
}

/* ---- how it ends ---- */

static void tell(rill_web_call *call, int error, const char *problem)
{
    long status = 0;
    char *type = NULL;
    if (error == RILL_OK) {
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    }
    rill_web_answer answer = {
        .error = error,
        .problem = problem,
        .status = (unsigned)status,
        .content_type = type ? type : "",
        .cache_control = call->cache_control ? call->cache_control : "",
        .url = call->url,
        .redirects = call->redirects,
        .body = call->body ? call->body : "",
        .len = call->len,
    };
    /* done may free the client. What it is told lives until it returns. */
    rill_list_remove(&call->node);
    rill_list_init(&call->node);
    (void)curl_multi_remove_handle(call->client->multi, call->easy);
    call->done(&answer, call->user);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
    free_call(call);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The URL that a Location leads to; NULL: none that we may ask. *problem says why. */
static char *next_url(rill_web_call *call, const char **problem)
{
    char *location = NULL;
    char checked[RILL_MAX_URL];
    /* libcurl has made it absolute. */
    (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &location);
    if (!location) {
        *problem = "the server redirects to nowhere";
        return NULL;
    }
    const char *why = "";
    if (rill_url_named(call->url, location, call->client->options.insecure, checked, sizeof checked,
                       &why) != RILL_OK) {
        snprintf(call->problem, sizeof call->problem,
                 "the server leads on to where it must not be followed: %s", why);
        *problem = call->problem;
        return NULL;
    }
    char *url = strdup(checked);
    if (!url)
        *problem = "out of memory";
    return url;
}

/* What is for this machine is not for a proxy, which would read it, and ask its own machine. */
static bool set_url(rill_web_call *call)
{
    return curl_easy_setopt(call->easy, CURLOPT_URL, call->url) == CURLE_OK &&
           curl_easy_setopt(call->easy, CURLOPT_PROXY, rill_url_is_local(call->url) ? "" : NULL) ==
               CURLE_OK;
}

/* Asks again where the answer sent us. RILL_ERR_*: that cannot be, and *problem says why. */
static int follow(rill_web_call *call, const char **problem)
{
    CURLM *multi = call->client->multi;
    uint64_t now_ms = uv_now(call->client->uv);
    if (call->redirects == RILL_WEB_MAX_REDIRECTS) {
        *problem = "the server redirects again and again";
        return RILL_ERR_PROTOCOL;
    }
    if (now_ms >= call->until_ms) {
        *problem = "the server redirects, and there was no answer in time";
        return RILL_ERR_TIMEOUT;
    }
    char *url = next_url(call, problem);
    if (!url)
        return RILL_ERR_PROTOCOL;
    free(call->url);
    call->url = url;
    call->redirects++;
    call->len = 0;
    if (call->body)
        *call->body = '\0';
    (void)curl_multi_remove_handle(multi, call->easy);
    (void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)(call->until_ms - now_ms));
    if (set_url(call) && curl_multi_add_handle(multi, call->easy) == CURLM_OK)
        return RILL_OK;
    *problem = "out of memory";
    return RILL_ERR_NOMEM;
}

static void end(rill_web_call *call, CURLcode code)
{
    long status = 0;
    const char *problem = "";
    if (call->too_large) {
        tell(call, RILL_ERR_TOO_LARGE, "the answer is too large");
        return;
    }
    if (code != CURLE_OK) {
        rill_web_one_line(call->problem);
        tell(call, rill_web_error_of(code),
             *call->problem ? call->problem : curl_easy_strerror(code));
        return;
    }
    /* libcurl takes what ends there for a whole answer, and it is none (RFC 9112 section 8). */
    if (!call->has_head) {
        tell(call, RILL_ERR_PROTOCOL, "the answer ends within its header fields");
        return;
    }
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!call->follow || !is_redirect(status)) {
        tell(call, RILL_OK, "");
        return;
    }
    int error = follow(call, &problem);
    if (error != RILL_OK)
        tell(call, error, problem);
}

/*
 * libcurl does nothing more once one of its sockets could not be waited for, and must not be asked
 * to: the next calls have another. None of these goes on; those that begin meanwhile come behind
 * them.
 */
static void give_up(rill_web_client *client)
{
    for (rill_list *node = client->calls.next; node != &client->calls; node = node->next) {
        rill_web_call *call = RILL_CONTAINER(node, rill_web_call, node);
        call->lost = true;
        (void)curl_multi_remove_handle(client->multi, call->easy);
    }
    end_multi(client);
    uv_timer_stop(&client->timer);
    client->multi = make_multi(client);
    while (!client->freed && !rill_list_empty(&client->calls)) {
        rill_web_call *call = RILL_CONTAINER(client->calls.next, rill_web_call, node);
        if (!call->lost)
            break;
        tell(call, RILL_ERR_NOMEM, "a socket cannot be waited for");
    }
}

/* Tells those whose calls are over; all are where libcurl is lost. Any of them may free the client.
 */
static void settle(rill_web_client *client, bool lost)
{
    int left;
    CURLMsg *message;
    client->handles++; /* stays until this is done */
    while (!client->freed && (message = curl_multi_info_read(client->multi, &left))) {
        rill_web_call *call = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        end(call, code); /* message is gone with it */
    }
    if (lost && !client->freed)
        give_up(client);
    on_handle_closed(client);
}

/* ---- an ask ---- */

static bool add_header(rill_web_call *call, const rill_request_header *field)
{
    size_t size = strlen(field->name) + field->value.len + 3;
    char *line = malloc(size);
    if (!line)
        return false;
    snprintf(line, size, "%s: %.*s", field->name, (int)field->value.len,
             field->value.data ? (const char *)field->value.data : "");
    struct curl_slist *list = curl_slist_append(call->headers, line);
    rill_wipe(line, size);
    free(line);
    if (!list)
        return false;
    call->headers = list;
    return true;
}

static bool is_line(rill_bytes value)
{
    return value.len == 0 ||
           (!memchr(value.data, '\n', value.len) && !memchr(value.data, '\r', value.len) &&
            !memchr(value.data, '\0', value.len));
}

/* At least one, for 0 is none at all; at most a day, which fits a long of 32 bits. */
static long milliseconds(uint64_t ns)
{
    uint64_t ms = ns / RILL_MS;
    return ms == 0 ? 1 : ms > 86400000 ? 86400000 : (long)ms;
}

static uint64_t time_of(const rill_web_client *client, const rill_web_ask *ask)
{
    return ask->timeout_ns ? ask->timeout_ns : client->options.timeout_ns;
}

static bool set_options(rill_web_call *call, const rill_web_ask *ask)
{
    const rill_web_client_options *o = &call->client->options;
    CURL *easy = call->easy;
    bool good = set_url(call) &&
                curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, ask->method) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
                (!call->client->ca_file ||
                 curl_easy_setopt(easy, CURLOPT_CAINFO, call->client->ca_file) == CURLE_OK);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->problem);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* What was signed is asked for. */
    (void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* A name that nobody answers for must not hold up whoever gives up. */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(time_of(call->client, ask)));
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(o->connect_timeout_ns));
    if (ask->body.len > 0 || strcmp(ask->method, "POST") == 0)
        good = good &&
               curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len) ==
                   CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                                ask->body.len > 0 ? (const char *)ask->body.data : "") == CURLE_OK;
    if (ask->once)
        (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    if (strcmp(ask->method, "HEAD") == 0)
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return good;
}

static bool prepare(rill_web_call *call, const rill_web_ask *ask)
{
    /* Empty ones remove libcurl's own: it waits for a 100 that few servers send, and says that a
     * body is a form, also one that is not there. */
    static const rill_request_header no_expect = {"Expect", {0}};
    static const rill_request_header no_type = {"Content-Type", {0}};
    bool has_type = false;
    for (size_t i = 0; i < ask->field_count; i++) {
        has_type = has_type || curl_strequal(ask->fields[i].name, "content-type");
        if (!add_header(call, &ask->fields[i]))
            return false;
    }
    return add_header(call, &no_expect) && (has_type || add_header(call, &no_type)) &&
           set_options(call, ask) &&
           curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK;
}

int rill_web_call_start(rill_web_call **out, rill_web_client *client, const rill_web_ask *ask,
                        void (*done)(const rill_web_answer *answer, void *user), void *user)
{
    char url[RILL_MAX_URL];
    if (*ask->url == '$' ||
        rill_receiver_url(ask->url, client->options.insecure, url, sizeof url, NULL) != RILL_OK)
        return RILL_ERR_INVALID;
    for (size_t i = 0; i < ask->field_count; i++) {
        if (!is_line(ask->fields[i].value) || ask->fields[i].value.len > INT32_MAX)
            return RILL_ERR_INVALID;
    }
    rill_web_call *call = calloc(1, sizeof *call);
    if (!call)
        return RILL_ERR_NOMEM;
    call->client = client;
    call->done = done;
    call->user = user;
    call->follow = ask->follow;
    call->max_body = ask->max_body ? ask->max_body : client->options.max_body;
    call->ignore_body = ask->ignore_body;
    uv_update_time(client->uv);
    call->until_ms = uv_now(client->uv) + (uint64_t)milliseconds(time_of(client, ask));
    call->url = strdup(url);
    call->easy = curl_easy_init();
    rill_list_push_back(&client->calls, &call->node);
    if (!call->url || !call->easy || !prepare(call, ask)) {
        free_call(call);
        return RILL_ERR_NOMEM;
    }
    *out = call;
    return RILL_OK;
}

void rill_web_call_cancel(rill_web_call *call)
{
    free_call(call);
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "clients/op_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <rill/error.h>

#include "clients/url.h"
#include "clients/web_problem.h"
#include "crypto/crypto.h"

#define MAX_ANSWER 262144 /* bytes; metadata may be long */
/* Between two looks at a grant that is pending, where the server does not say: seconds. */
#define WAIT_S 5

/* Outlives its session until libuv has closed it. */
struct rill_op_timer {
    uv_timer_t timer;
    rill_op_session *session;
    void (*then)(void *user);
};

/* ---- what stops it ---- */

void rill_op_session_fail(rill_op_session *s, int error, const char *format, ...)
{
    char problem[600];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    rill_web_one_line(problem); /* a server's words may be in it */
    s->failed(error, problem, s->user);
}

void rill_op_session_go_on(rill_op_session *s, int error)
{
    if (error == RILL_ERR_INVALID)
        rill_op_session_fail(s, RILL_ERR_MALFORMED,
                             "the server names a URL that cannot be asked: %s", s->why);
    else if (error != RILL_OK)
        rill_op_session_fail(s, error, "%s", rill_strerror(error));
}

bool rill_op_session_refused(rill_op_session *s, const rill_web_answer *a, const char *what)
{
    char why[400];
    if (a->status >= 200 && a->status < 300)
        return false;
    rill_op_error_read(a->body, a->len, why, sizeof why);
    rill_op_session_fail(s, a->status == 404 ? RILL_ERR_NOT_FOUND : RILL_ERR_REFUSED,
                         "%s: status %u%s%s", what, a->status, *why ? ", " : "", why);
    return true;
}

/* ---- asking ---- */

static void on_answer(const rill_web_answer *a, void *user);

static size_t add_field(rill_request_header *fields, size_t count, const char *name,
                        const char *value)
{
    fields[count] = (rill_request_header){name, {(const uint8_t *)value, strlen(value)}};
    return count + 1;
}

/* With its headers, and signed where it is. */
static int send_question(rill_op_session *s, const rill_op_question *q)
{
    char authorization[RILL_OP_MAX_TOKEN + 8];
    rill_request_signature signature;
    rill_request_header fields[8];
    size_t count = 0;
    rill_signed_request request = {
        {(const uint8_t *)q->method, strlen(q->method)},
        {(const uint8_t *)q->url, strlen(q->url)},
        fields,
        0,
        {(const uint8_t *)q->body, q->len},
    };
    count = add_field(fields, count, "accept", "application/json");
    if (q->body)
        count = add_field(fields, count, "content-type", "application/json");
    if (q->token != RILL_OP_NO_TOKEN) {
        snprintf(authorization, sizeof authorization, "GNAP %s",
                 q->token == RILL_OP_ACCESS_TOKEN ? s->grant.token : s->grant.continue_token);
        count = add_field(fields, count, "authorization", authorization);
    }
    request.field_count = count;
    int error = RILL_OK;
    if (q->is_signed) {
        error = rill_sign_request(&signature, &request, &s->signer,
                                  rill_loop_now(s->loop).wall_ms / 1000);
        count = add_field(fields, count, "signature", signature.signature);
        count = add_field(fields, count, "signature-input", signature.signature_input);
        if (q->body)
            count = add_field(fields, count, "content-digest", signature.content_digest);
    }
    rill_web_ask ask = {q->method,
                        q->url,
                        fields,
                        count,
                        request.body,
                        .follow = !q->is_signed,
                        .once = q->sent_once,
                        .max_body = MAX_ANSWER,
                        .timeout_ns = s->timeout_ns};
    if (q->tidies && s->timeout_ns > RILL_OP_TIDY)
        ask.timeout_ns = RILL_OP_TIDY;
    if (error == RILL_OK)
        error = rill_web_call_start(&s->call, s->http, &ask, on_answer, s);
    rill_wipe(authorization, sizeof authorization);
    return error;
}

int rill_op_session_url(rill_op_session *s, const char *url, char *out)
{
    char checked[RILL_MAX_URL];
    const char *from = *s->from ? s->from : url;
    const char *problem = "it is too long";
    if (rill_url_named(from, url, s->insecure, checked, sizeof checked, &problem) == RILL_OK &&
        rill_url_normal(checked, out, RILL_MAX_URL) == RILL_OK)
        return RILL_OK;
    snprintf(s->why, sizeof s->why, "%.300s: %s", url, problem);
    return RILL_ERR_INVALID;
}

int rill_op_session_path(rill_op_session *s, const char *server, const char *path, char *out)
{
    size_t len = strlen(server);
    if (len > 0 && server[len - 1] == '/')
        len--;
    int n = snprintf(out, RILL_MAX_URL, "%.*s%s", (int)len, server, path);
    if (n > 0 && n < RILL_MAX_URL)
        return RILL_OK;
    snprintf(s->why, sizeof s->why, "%.300s: it is too long", server);
    return RILL_ERR_INVALID;
}

rill_op_question rill_op_question_of(const char *method, rill_op_credential token,
                                     rill_op_answered answered)
{
    return (rill_op_question){.method = method, .token = token, .answered = answered};
}

int rill_op_session_ask(rill_op_session *s, const char *url, const rill_op_question *question)
{
    rill_op_question q = *question;
    q.is_signed = q.token != RILL_OP_NO_TOKEN || q.body;
    int error = rill_op_session_url(s, url, q.url);
    if (error != RILL_OK) {
        free(q.body);
        return error;
    }
    free(s->asked.body);
    s->asked = q;
    s->rotated = false;
    return send_question(s, &s->asked);
}

/* ---- an access token that is over ---- */

/* Asks for a new one, and then the same question again. False: there is no way to. */
static bool rotate(rill_op_session *s)
{
    rill_op_question q = {.method = "POST", .token = RILL_OP_ACCESS_TOKEN, .is_signed = true};
    if (s->asked.token != RILL_OP_ACCESS_TOKEN || s->asked.once || s->rotated ||
        rill_op_session_url(s, s->grant.manage, q.url) != RILL_OK ||
        send_question(s, &q) != RILL_OK)
        return false;
    s->rotating = true;
    s->rotated = true;
    return true;
}

static void on_rotated(rill_op_session *s, const rill_web_answer *a)
{
    const char *problem = "";
    if (rill_op_session_refused(s, a, "the wallet does not renew the grant"))
        return;
    int error = rill_op_token_read(&s->grant, a->body, a->len, &problem);
    if (error != RILL_OK)
        rill_op_session_fail(s, error, "%s", problem);
    else
        rill_op_session_go_on(s, send_question(s, &s->asked));
}

/* ---- one answer ---- */

static void on_answer(const rill_web_answer *a, void *user)
{
    rill_op_session *s = user;
    bool rotating = s->rotating;
    s->call = NULL;
    s->rotating = false;
    if (a->error != RILL_OK && (rotating || !s->asked.whatever))
        rill_op_session_fail(s, a->error, "%s", a->problem);
    else if (rotating)
        on_rotated(s, a);
    else if ((a->status != 401 && a->status != 403) || !rotate(s))
        s->asked.answered(a, s->user);
}

/* ---- waiting ---- */

static void on_timer(uv_timer_t *timer)
{
    rill_op_timer *t = timer->data;
    t->then(t->session->user);
}

void rill_op_session_after(rill_op_session *s, uint64_t ms, void (*then)(void *user))
{
    s->timer->then = then;
    (void)uv_timer_start(&s->timer->timer, on_timer, ms, 0);
}

uint64_t rill_op_session_wait_ms(const rill_op_session *s)
{
    return (s->grant.wait_s != 0 ? s->grant.wait_s : WAIT_S) * UINT64_C(1000);
}

/* ---- a session's life ---- */

static int open_http(rill_op_session *s, const rill_op_options *options)
{
    rill_web_client_options http;
    rill_web_client_options_init(&http);
    http.ca_file = options->ca_file;
    http.insecure = options->insecure;
    return rill_web_client_new(&s->http, s->loop, &http);
}

int rill_op_session_open(rill_op_session *s, rill_loop *loop, const rill_op_options *options)
{
    const rill_signer *signer = options->signer;
    if (!signer || !options->public_key || !rill_key_id_valid(signer->key_id))
        return RILL_ERR_INVALID;
    s->loop = loop;
    s->insecure = options->insecure;
    s->timeout_ns = options->timeout_ns;
    memcpy(s->jwk.key_id, signer->key_id, strlen(signer->key_id) + 1);
    memcpy(s->jwk.public_key, options->public_key, sizeof s->jwk.public_key);
    s->signer = *signer;
    s->signer.key_id = s->jwk.key_id;
    s->borrowed = s->http != NULL;
    int error = s->borrowed ? RILL_OK : open_http(s, options);
    if (error != RILL_OK)
        return error;
    s->timer = calloc(1, sizeof *s->timer);
    if (!s->timer)
        return RILL_ERR_NOMEM;
    (void)uv_timer_init(rill_loop_uv(loop), &s->timer->timer); /* cannot fail */
    s->timer->timer.data = s->timer;
    s->timer->session = s;
    return RILL_OK;
}

void rill_op_session_stop(rill_op_session *s)
{
    if (s->call)
        rill_web_call_cancel(s->call);
    s->call = NULL;
    s->rotating = false;
    uv_timer_stop(&s->timer->timer);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void rill_op_session_clear(rill_op_session *s)
{
    if (s->call)
        rill_web_call_cancel(s->call);
    if (!s->borrowed)
        rill_web_client_free(s->http);
    s->call = NULL;
    if (s->timer)
        uv_close((uv_handle_t *)&s->timer->timer, on_timer_closed);
    free(s->asked.body);
    rill_wipe(&s->grant, sizeof s->grant);
    s->http = NULL;
    s->timer = NULL;
    s->asked.body = NULL;
}

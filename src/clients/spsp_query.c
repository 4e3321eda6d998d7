/* SPDX-License-Identifier: Apache-2.0 */
/* A query of SPSP (RFC 9), by HTTP. */
#include <rill/spsp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>

#include "base/base64.h"
#include "base/sized.h"
#include "clients/spsp_connections.h"
#include "clients/web_problem.h"
#include "crypto/crypto.h"

#define MAX_ANSWER 65536 /* bytes; an answer has some 200 */

struct rill_spsp_query {
    rill_web_client *http; /* NULL: `connections` of the options are asked */
    rill_web_call *call;
    void (*done)(const rill_spsp_result *result, void *user);
    void *user;
};

static const rill_spsp_query_options defaults = {
    .size = sizeof defaults,
    .timeout_ns = 30 * RILL_SECOND,
};

void rill_spsp_query_options_init_sized(rill_spsp_query_options *o, size_t size)
{
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* ---- an answer ---- */

/* A wallet address answers with where its Open Payments are, whatever it is asked for. */
static bool is_wallet_address(const rill_web_answer *a)
{
    json_t *body = json_loadb(a->body, a->len, 0, NULL);
    bool is = json_is_string(json_object_get(body, "authServer"));
    json_decref(body);
    return is;
}

/* A server's own words, in one line: ": no such invoice". */
static void words_of(const rill_web_answer *a, char *out, size_t cap)
{
    json_t *body = json_loadb(a->body, a->len, 0, NULL);
    const char *message = json_string_value(json_object_get(body, "message"));
    snprintf(out, cap, "%s%.200s", message && *message ? ": " : "", message ? message : "");
    rill_web_one_line(out);
    json_decref(body);
}

/* What is wrong with an answer's status. problem[cap] is one line. */
static int check_status(const rill_web_answer *a, char *problem, size_t cap)
{
    char words[224];
    if (a->status == 200)
        return RILL_OK;
    if (a->status == 404) {
        snprintf(problem, cap, "the server knows no such receiver (404)");
        return RILL_ERR_NOT_FOUND;
    }
    words_of(a, words, sizeof words);
    snprintf(problem, cap, "the server answered with status %u%s", a->status, words);
    return RILL_ERR_REFUSED;
}

static int read_answer(rill_spsp_answer *out, const rill_web_answer *a, char *problem, size_t cap)
{
    const char *why = "";
    int error = a->error;
    if (error != RILL_OK) {
        snprintf(problem, cap, "%s", a->problem);
        return error;
    }
    error = check_status(a, problem, cap);
    if (error != RILL_OK)
        return error;
    error = rill_spsp_answer_read(out, a->content_type, a->cache_control, a->body, a->len, &why);
    if (error == RILL_ERR_UNSUPPORTED && is_wallet_address(a))
        why = "the receiver is a wallet address of Open Payments and does not answer SPSP";
    if (error != RILL_OK)
        snprintf(problem, cap, "%s", why);
    return error;
}

static void free_query(rill_spsp_query *query)
{
    rill_web_client_free(query->http);
    free(query);
}

static void on_answer(const rill_web_answer *a, void *user)
{
    rill_spsp_query *query = user;
    rill_spsp_answer answer = {0};
    char problem[512] = "";
    int error = read_answer(&answer, a, problem, sizeof problem);
    rill_spsp_result result = {
        .error = error,
        .problem = problem,
        .answer = error == RILL_OK ? &answer : NULL,
        .url = a->url,
        .redirects = a->redirects,
    };
    query->done(&result, query->user);
    rill_credentials_wipe(&answer.credentials);
    free_query(query);
}

/* ---- a question ---- */

static int make_client(rill_web_client **out, rill_loop *loop, const char *ca_file, bool insecure)
{
    rill_web_client_options http;
    rill_web_client_options_init(&http);
    http.ca_file = ca_file;
    http.insecure = insecure;
    return rill_web_client_new(out, loop, &http);
}

int rill_spsp_connections_new(rill_spsp_connections **out, rill_loop *loop, const char *ca_file,
                              bool insecure)
{
    rill_spsp_connections *c = calloc(1, sizeof *c);
    if (!c)
        return RILL_ERR_NOMEM;
    int error = make_client(&c->http, loop, ca_file, insecure);
    if (error != RILL_OK) {
        free(c);
        return error;
    }
    c->insecure = insecure;
    *out = c;
    return RILL_OK;
}

void rill_spsp_connections_free(rill_spsp_connections *connections)
{
    if (!connections)
        return;
    rill_web_client_free(connections->http);
    free(connections);
}

static int ask(rill_spsp_query *query, const char *url, const rill_spsp_query_options *o)
{
    rill_web_client *http = o->connections ? o->connections->http : query->http;
    char nonce[RILL_BASE64_SIZE(RILL_RECEIPT_NONCE_LEN)];
    char secret[RILL_BASE64_SIZE(RILL_RECEIPT_SECRET_LEN)];
    rill_request_header fields[3] = {
        {"Accept", {(const uint8_t *)RILL_SPSP_ACCEPT, strlen(RILL_SPSP_ACCEPT)}}};
    rill_web_ask ask = {.method = "GET",
                        .url = url,
                        .fields = fields,
                        .field_count = 1,
                        .follow = true,
                        .max_body = MAX_ANSWER,
                        .timeout_ns = o->timeout_ns};
    if (o->receipt_nonce) {
        size_t len = rill_base64_encode(o->receipt_nonce, RILL_RECEIPT_NONCE_LEN, nonce);
        fields[1] = (rill_request_header){"Receipt-Nonce", {(const uint8_t *)nonce, len}};
        len = rill_base64_encode(o->receipt_secret, RILL_RECEIPT_SECRET_LEN, secret);
        fields[2] = (rill_request_header){"Receipt-Secret", {(const uint8_t *)secret, len}};
        ask.field_count = 3;
    }
    int error = rill_web_call_start(&query->call, http, &ask, on_answer, query);
    rill_wipe(secret, sizeof secret);
    return error;
}

int rill_spsp_query_start(rill_spsp_query **out, rill_loop *loop, const char *receiver,
                          const rill_spsp_query_options *options,
                          void (*done)(const rill_spsp_result *result, void *user), void *user,
                          const char **problem)
{
    char url[RILL_MAX_URL];
    rill_spsp_query_options o = defaults;
    if (problem)
        *problem = "";
    int error = rill_sized_take(&o, sizeof o, options);
    if (error == RILL_OK && !o.receipt_nonce != !o.receipt_secret)
        error = RILL_ERR_INVALID;
    if (error == RILL_OK && o.connections)
        o.insecure = o.connections->insecure;
    if (error == RILL_OK)
        error = rill_receiver_url(receiver, o.insecure, url, sizeof url, problem);
    if (error != RILL_OK)
        return error;
    rill_spsp_query *query = calloc(1, sizeof *query);
    if (!query)
        return RILL_ERR_NOMEM;
    query->done = done;
    query->user = user;
    if (!o.connections)
        error = make_client(&query->http, loop, o.ca_file, o.insecure);
    if (error == RILL_OK)
        error = ask(query, url, &o);
    if (error != RILL_OK) {
        free_query(query);
        return error;
    }
    *out = query;
    return RILL_OK;
}

void rill_spsp_query_cancel(rill_spsp_query *query)
{
    rill_web_call_cancel(query->call);
    free_query(query);
}

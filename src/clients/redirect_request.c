/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "clients/redirect_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A piece of the request. */
typedef struct piece {
    const char *at;
    size_t len;
} piece;

static bool is(piece p, const char *text)
{
    return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

/* A line without its end, which is CRLF or LF; false: there is none left. */
static bool next_line(piece *rest, piece *line)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    if (!end)
        return false;
    *line = (piece){rest->at, (size_t)(end - rest->at)};
    rest->len -= line->len + 1;
    rest->at = end + 1;
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    return true;
}

/* ---- the query ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/*
 * A value with its "%" taken out. "+" stays: some write base64 as it is, and no value has a blank.
 * False: it is too long, or has what a word does not have.
 */
static bool decode(piece value, char out[RILL_INTERACTION_MAX_WORD])
{
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        int c = (unsigned char)value.at[i];
        if (c == '%') {
            int high = i + 2 < value.len ? hex(value.at[i + 1]) : -1;
            int low = i + 2 < value.len ? hex(value.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c <= ' ' || c > '~' || len + 1 >= RILL_INTERACTION_MAX_WORD)
            return false;
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}

/* One parameter; those that are not known are none of ours. */
static bool take_parameter(rill_redirect_query *out, piece name, piece value)
{
    char *to = is(name, "hash")           ? out->hash
               : is(name, "interact_ref") ? out->interact_ref
               : is(name, "result")       ? out->result
                                          : NULL;
    if (!to)
        return true;
    return *to == '\0' && value.len > 0 && decode(value, to);
}

static bool read_query(rill_redirect_query *out, piece query)
{
    while (query.len > 0) {
        const char *end = memchr(query.at, '&', query.len);
        size_t len = end ? (size_t)(end - query.at) : query.len;
        const char *equals = memchr(query.at, '=', len);
        size_t name_len = equals ? (size_t)(equals - query.at) : len;
        piece value = {query.at + name_len + (equals ? 1 : 0), len - name_len - (equals ? 1 : 0)};
        if (!take_parameter(out, (piece){query.at, name_len}, value))
            return false;
        query.at += len + (end ? 1 : 0);
        query.len -= len + (end ? 1 : 0);
    }
    return true;
}

/* ---- the request ---- */

static unsigned read_target(rill_redirect_query *out, piece target, const char *path)
{
    const char *mark = memchr(target.at, '?', target.len);
    piece place = {target.at, mark ? (size_t)(mark - target.at) : target.len};
    piece query = {target.at + place.len, target.len - place.len};
    if (!is(place, path))
        return 404;
    if (query.len > 0) {
        query.at++;
        query.len--;
    }
    return read_query(out, query) ? 200 : 400;
}

/* "GET /path?query HTTP/1.1" */
static unsigned read_line(rill_redirect_query *out, piece line, const char *path)
{
    const char *first = memchr(line.at, ' ', line.len);
    if (!first)
        return 400;
    piece method = {line.at, (size_t)(first - line.at)};
    piece target = {first + 1, line.len - method.len - 1};
    const char *second = memchr(target.at, ' ', target.len);
    if (!second)
        return 400;
    piece version = {second + 1, target.len - (size_t)(second - target.at) - 1};
    target.len = (size_t)(second - target.at);
    if (!is(version, "HTTP/1.1") && !is(version, "HTTP/1.0"))
        return 400;
    if (!is(method, "GET"))
        return 405;
    return read_target(out, target, path);
}

static bool is_name(piece name, const char *text)
{
    return name.len == strlen(text) && strncasecmp(name.at, text, name.len) == 0;
}

/* What a header says against the request; 200: nothing. */
static unsigned judge(piece line, const char *host, unsigned *hosts)
{
    const char *colon = memchr(line.at, ':', line.len);
    if (!colon)
        return 400;
    piece name = {line.at, (size_t)(colon - line.at)};
    piece value = {colon + 1, line.len - name.len - 1};
    while (value.len > 0 && (*value.at == ' ' || *value.at == '\t')) {
        value.at++;
        value.len--;
    }
    while (value.len > 0 && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
        value.len--;
    if (is_name(name, "host")) { /* else a name of somebody's leads here (DNS rebinding) */
        (*hosts)++;
        return is(value, host) ? 200 : 403;
    }
    if (is_name(name, "origin")) /* a script or a form; a browser that is led here sends none */
        return 403;
    if (is_name(name, "sec-fetch-mode"))
        return is(value, "navigate") ? 200 : 403;
    if (is_name(name, "sec-fetch-dest"))
        return is(value, "document") ? 200 : 403; /* no frame */
    return 200;
}

unsigned rill_redirect_request_read(rill_redirect_query *out, const char *data, size_t len,
                                    const char *host, const char *path)
{
    piece rest = {data, len < RILL_REDIRECT_MAX_HEAD ? len : RILL_REDIRECT_MAX_HEAD};
    piece line;
    unsigned hosts = 0;
    unsigned verdict = 200;
    *out = (rill_redirect_query){0};
    if (!next_line(&rest, &line))
        return len < RILL_REDIRECT_MAX_HEAD ? 0 : 431;
    unsigned status = read_line(out, line, path);
    while (next_line(&rest, &line)) {
        if (line.len == 0) {
            if (verdict == 200 && hosts != 1)
                verdict = 400;
            return verdict != 200 ? verdict : status;
        }
        unsigned judged = judge(line, host, &hosts);
        if (verdict == 200)
            verdict = judged;
    }
    return len < RILL_REDIRECT_MAX_HEAD ? 0 : 431;
}

/* ---- the answer ---- */

static const char *words_of(rill_redirect_page page, const char **title)
{
    switch (page) {
    case RILL_REDIRECT_THANKS:
        *title = "Thank you";
        return "Your wallet's answer has arrived, and the payment goes on. You can close this "
               "page.";
    case RILL_REDIRECT_REJECTED:
        *title = "Not paid";
        return "Your wallet says that you did not agree, so nothing is paid. You can close this "
               "page.";
    case RILL_REDIRECT_AGAIN:
        *title = "Already done";
        return "This answer has arrived before. You can close this page.";
    case RILL_REDIRECT_WRONG:
        *title = "Not understood";
        return "This is not the answer that is waited for, and nothing was done with it. Go back "
               "to your wallet's page.";
    case RILL_REDIRECT_NOTHING:
        break;
    }
    *title = "Nothing here";
    return "There is nothing to see here.";
}

static const char *phrase_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    default:
        return "Bad Request";
    }
}

size_t rill_redirect_answer(char *out, size_t cap, unsigned status, rill_redirect_page page)
{
    char body[640];
    const char *title;
    const char *words = words_of(page, &title);
    int body_len = snprintf(body, sizeof body,
                            "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
                            "<title>rill: %s</title><h1>%s</h1><p>%s</p></html>\n",
                            title, title, words);
    /* Whoever reads the page's address has the reference: it goes nowhere. */
    int len =
        snprintf(out, cap,
                 "HTTP/1.1 %u %s\r\n"
                 "Content-Type: text/html; charset=utf-8\r\n"
                 "Content-Length: %d\r\n"
                 "Connection: close\r\n"
                 "Cache-Control: no-store\r\n"
                 "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
                 "Referrer-Policy: no-referrer\r\n"
                 "X-Content-Type-Options: nosniff\r\n%s\r\n%s",
                 status, phrase_of(status), body_len, status == 405 ? "Allow: GET\r\n" : "", body);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the node: by its socket, or by its port. */
#define _POSIX_C_SOURCE 200809L

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/muldiv.h"
#include "cli/ctl.h"
#include "connector/run.h"
#include <rill/crypto.h>

/* An answer is not longer. A statement has 20,000 lines at most. */
enum { MAX_ANSWER = 64 * 1024 * 1024, MAX_TOKEN = 4096, MAX_PATH = 512 };

/* Where the node is. */
typedef struct where {
    char socket[MAX_PATH]; /* empty: by a URL */
    const char *url;
    char token[MAX_TOKEN + 1];
} where;

/* ---- where ---- */

static void on_report(void *user, const char *line)
{
    ctl_error(user, "%s", line);
}

static int socket_of_config(const ctl_args *args, const char *config, where *out)
{
    union {
        const ctl_args *given;
        void *user;
    } args_of = {.given = args};
    const rill_connector_options o = {
        .config = config, .report = on_report, .report_user = args_of.user};
    int rc = rill_connector_find_socket(&o, out->socket, sizeof out->socket);
    if (rc == RILL_OK && out->socket[0] != '\0')
        return CTL_DONE;
    if (rc == RILL_OK)
        ctl_error(args, "%s: the node has no socket: use --url and --token-file", config);
    return CTL_USAGE;
}

static int read_token(const ctl_args *args, const char *path, where *out)
{
    FILE *file = fopen(path, "r");
    size_t len = 0;
    if (file == NULL) {
        ctl_error(args, "--token-file: %s: %s", path, strerror(errno));
        return CTL_USAGE;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it stays in memory */
    len = fread(out->token, 1, sizeof out->token - 1, file);
    (void)fclose(file);
    out->token[len] = '\0';
    out->token[strcspn(out->token, "\r\n")] = '\0';
    if (out->token[0] != '\0')
        return CTL_DONE;
    ctl_error(args, "--token-file: %s has no token in its first line", path);
    return CTL_USAGE;
}

static int find_token(const ctl_args *args, where *out)
{
    const char *file = ctl_value(args, "--token-file");
    const char *token = getenv("RILLCTL_TOKEN");
    if (file != NULL)
        return read_token(args, file, out);
    if (token == NULL || token[0] == '\0' || strlen(token) >= sizeof out->token) {
        ctl_error(args, "the node's port wants a token: --token-file FILE, or RILLCTL_TOKEN");
        return CTL_USAGE;
    }
    (void)snprintf(out->token, sizeof out->token, "%s", token);
    return CTL_DONE;
}

static int find_node(const ctl_args *args, where *out)
{
    const char *socket = ctl_value(args, "--socket");
    const char *config = ctl_value(args, "--config");
    const char *environment = getenv("RILLCTL_SOCKET");
    out->url = ctl_value(args, "--url");
    if ((socket != NULL) + (config != NULL) + (out->url != NULL) > 1) {
        ctl_error(args, "only one of --socket, --config and --url can be given");
        return CTL_USAGE;
    }
    if (out->url != NULL && strncmp(out->url, "http://", 7) != 0 &&
        strncmp(out->url, "https://", 8) != 0) {
        ctl_error(args, "--url: it begins with http:// or https://, not \"%s\"", out->url);
        return CTL_USAGE;
    }
    if (out->url != NULL)
        return find_token(args, out);
    if (config != NULL)
        return socket_of_config(args, config, out);
    if (socket == NULL)
        socket = environment != NULL && environment[0] != '\0' ? environment : CTL_SOCKET;
    int len = snprintf(out->socket, sizeof out->socket, "%s", socket);
    if (len > 0 && (size_t)len < sizeof out->socket)
        return CTL_DONE;
    ctl_error(args, "the socket's path is too long");
    return CTL_USAGE;
}

/* ---- asking ---- */

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    ctl_reply *r = user;
    size_t len = size * count;
    if (len > MAX_ANSWER - r->len)
        return 0;
    if (r->len + len + 1 > r->cap) {
        size_t cap = r->cap * 2 + len + 4096;
        char *grown = realloc(r->text, cap);
        if (grown == NULL)
            return 0;
        r->text = grown;
        r->cap = cap;
    }
    memcpy(r->text + r->len, data, len);
    r->len += len;
    r->text[r->len] = '\0';
    return len;
}

/* Milliseconds; 0: it is no time. */
static long patience(const ctl_args *args)
{
    const char *value = ctl_value(args, "--timeout");
    rill_ratio seconds = {60, 1};
    if (value != NULL && rill_ratio_parse(value, &seconds) != RILL_OK)
        return 0;
    uint64_t ms = rill_ratio_floor(seconds, 1000);
    return ms > INT32_MAX ? INT32_MAX : (long)ms;
}

static int unreachable(const ctl_args *args, const where *w, CURL *easy, CURLcode code,
                       const char *method)
{
    long number = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_OPERATION_TIMEDOUT)
        ctl_error(args, "%s: no answer in %.3g s%s", w->url != NULL ? w->url : w->socket,
                  (double)patience(args) / 1000,
                  strcmp(method, "GET") != 0
                      ? ": the node may do all the same what it was asked to; look before you ask "
                        "again"
                      : "");
    else if (w->url != NULL)
        ctl_error(args, "%s: %s", w->url, curl_easy_strerror(code));
    else if (code == CURLE_COULDNT_CONNECT && number == EACCES)
        ctl_error(args, "%s: only the node's user may use it: try \"sudo -u USER rillctl ...\"",
                  w->socket);
    else if (code == CURLE_COULDNT_CONNECT)
        ctl_error(args,
                  "no node answers at %s (%s): is \"rilld run\" running? --socket PATH or --config "
                  "FILE says where it is",
                  w->socket, number != 0 ? strerror((int)number) : "cannot connect");
    else
        ctl_error(args, "%s: %s", w->socket, curl_easy_strerror(code));
    return CTL_UNREACHABLE;
}

static int refused(const ctl_args *args, const ctl_reply *r)
{
    const char *why = ctl_text(r->value, "error");
    if (ctl_json(args) && r->value != NULL)
        (void)ctl_print_json(r);
    if (r->status == 401) {
        ctl_error(args, "the node does not know this token");
        return CTL_UNREACHABLE;
    }
    if (why[0] == '\0')
        ctl_error(args, "the node answers with status %u", r->status);
    else
        ctl_error(args, "%s", why);
    return r->status == 400 || r->status == 404 || r->status == 413 ? CTL_USAGE : CTL_INCOMPLETE;
}

static bool set_up(const ctl_args *args, const where *w, CURL *easy, struct curl_slist **fields)
{
    char line[MAX_TOKEN + 32];
    const char *ca = ctl_value(args, "--ca-file");
    *fields = curl_slist_append(*fields, "Content-Type: application/json");
    bool good = *fields != NULL;
    if (w->url == NULL)
        return curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, w->socket) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && good;
    (void)snprintf(line, sizeof line, "Authorization: Bearer %s", w->token);
    struct curl_slist *more = curl_slist_append(*fields, line);
    rill_wipe(line, sizeof line);
    if (more != NULL)
        *fields = more;
    good = good && more != NULL;
    if (ca != NULL)
        good = curl_easy_setopt(easy, CURLOPT_CAINFO, ca) == CURLE_OK && good;
    return good;
}

static int perform(const ctl_args *args, const where *w, CURL *easy, const char *method,
                   ctl_reply *out)
{
    long status = 0;
    const char *type = NULL;
    CURLcode code = curl_easy_perform(easy);
    if (code != CURLE_OK)
        return unreachable(args, w, easy, code, method);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    out->status = (unsigned)status;
    if (type != NULL && strcmp(type, "application/json") == 0 && out->text != NULL)
        out->value = json_loadb(out->text, out->len, JSON_REJECT_DUPLICATES, NULL);
    return status < 300 ? CTL_DONE : refused(args, out);
}

static int ask(const ctl_args *args, const where *w, const char *method, const char *path,
               const char *body, ctl_reply *out)
{
    char url[2048];
    struct curl_slist *fields = NULL;
    const char *base = w->url != NULL ? w->url : "http://localhost";
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    int written = snprintf(url, sizeof url, "%.*s%s", (int)len, base, path);
    CURL *easy = curl_easy_init();
    int code = CTL_INCOMPLETE;
    if (written < 0 || (size_t)written >= sizeof url) {
        ctl_error(args, "the URL is too long");
        code = CTL_USAGE;
    } else if (easy == NULL || !set_up(args, w, easy, &fields) ||
               curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 10L) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, patience(args)) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
               curl_easy_setopt(easy, CURLOPT_WRITEDATA, out) != CURLE_OK ||
               (body != NULL && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK)) {
        ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
    } else {
        code = perform(args, w, easy, method, out);
    }
    curl_slist_free_all(fields);
    curl_easy_cleanup(easy);
    return code;
}

int ctl_ask(const ctl_args *args, const char *method, const char *path, json_t *body,
            ctl_reply *out)
{
    where w = {.url = NULL};
    *out = (ctl_reply){.status = 0};
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    int code = CTL_DONE;
    if (patience(args) == 0) {
        ctl_error(args, "--timeout: it is not a time: seconds above 0, like 30 or 0.5");
        code = CTL_USAGE;
    } else if (body != NULL && text == NULL) {
        ctl_error(args, "%s", rill_strerror(RILL_ERR_NOMEM));
        code = CTL_INCOMPLETE;
    }
    json_decref(body);
    if (code == CTL_DONE)
        code = find_node(args, &w);
    if (code == CTL_DONE)
        code = ask(args, &w, method, path, text, out);
    rill_wipe(w.token, sizeof w.token);
    free(text);
    return code;
}

void ctl_reply_clear(ctl_reply *reply)
{
    json_decref(reply->value);
    free(reply->text);
    *reply = (ctl_reply){.status = 0};
}

/* ---- paths ---- */

/* Bytes that stand for themselves in a path or a query are letters, digits and -_.~ */
static bool add_escaped(char *out, size_t cap, size_t len, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (; *text != '\0'; text++) {
        if (len + 4 > cap)
            return false;
        if (strchr(plain, *text) != NULL)
            out[len++] = *text;
        else
            len += (size_t)snprintf(out + len, cap - len, "%%%02X", (unsigned)(unsigned char)*text);
    }
    out[len] = '\0';
    return true;
}

bool ctl_account_path(char *out, size_t cap, const char *account, const char *after)
{
    size_t len = (size_t)snprintf(out, cap, "/v1/accounts/");
    if (!add_escaped(out, cap, len, account))
        return false;
    len = strlen(out);
    return (size_t)snprintf(out + len, cap - len, "%s", after) < cap - len;
}

bool ctl_add_query(char *path, size_t cap, const char *name, const char *value)
{
    size_t len = strlen(path);
    if (value == NULL)
        return true;
    int more =
        snprintf(path + len, cap - len, "%c%s=", strchr(path, '?') == NULL ? '?' : '&', name);
    return more > 0 && (size_t)more < cap - len &&
           add_escaped(path, cap, len + (size_t)more, value);
}

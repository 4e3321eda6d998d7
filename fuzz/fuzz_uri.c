/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link URIs and ILP addresses, against second decoders: the grammars of RFC 3986 (as far as the URI
 * of a link may use it) and RFC 15 as regular expressions of the C library.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include <rill/ilp.h>

#include "fuzz.h"
#include "link/uri.h"

#define PCHAR "[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f][0-9A-Fa-f]"

enum {
    WHOLE,
    TLS,
    USERINFO,
    ACCOUNT,
    A1,
    TOKEN_PART,
    TOKEN,
    T1,
    HOST,
    H1,
    H2,
    PORT_PART,
    PORT,
    TARGET,
    PARTS
};

static regex_t uri_grammar, address_grammar;

static void compile(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    CHECK(regcomp(&uri_grammar,
                  "^[bB][tT][pP][+][wW][sS]([sS]?)://"
                  "(((" PCHAR ")*)(:((" PCHAR "|:)*))?@)?"
                  "(([A-Za-z0-9._~-]+)|\\[([^][]+)\\])(:([0-9]{1,5}))?"
                  "(([/?](" PCHAR "|[:@/?])*)?)$",
                  REG_EXTENDED) == 0);
    CHECK(regcomp(&address_grammar,
                  "^(g|private|example|peer|self|test[1-3]?|local)([.][a-zA-Z0-9_~-]+)+$",
                  REG_EXTENDED) == 0);
}

static bool part_is(const char *text, const regmatch_t *m, const char *expected)
{
    size_t len = m->rm_so < 0 ? 0 : (size_t)(m->rm_eo - m->rm_so);
    return strlen(expected) == len && (len == 0 || memcmp(text + m->rm_so, expected, len) == 0);
}

static size_t part_len(const regmatch_t *m)
{
    return m->rm_so < 0 ? 0 : (size_t)(m->rm_eo - m->rm_so);
}

/* What the grammar does not say: lengths, ports, IPv6 addresses. */
static bool within_limits(const char *text, const regmatch_t *m)
{
    char address[256] = "";
    uint8_t bytes[16];
    if (part_len(&m[ACCOUNT]) > 255 || part_len(&m[TOKEN]) > 511)
        return false;
    if (m[PORT].rm_so >= 0) {
        long port = strtol(text + m[PORT].rm_so, NULL, 10);
        if (port < 1 || port > 65535)
            return false;
    }
    size_t host = part_len(&m[H1]) + part_len(&m[H2]);
    if (host > 255)
        return false;
    if (m[H2].rm_so < 0)
        return true;
    memcpy(address, text + m[H2].rm_so, host);
    return inet_pton(AF_INET6, address, bytes) == 1;
}

static void compare_uri(const char *text, const rill_uri *uri, const regmatch_t *m)
{
    CHECK(uri->tls == (part_len(&m[TLS]) == 1));
    CHECK(part_is(text, &m[ACCOUNT], uri->account) && part_is(text, &m[TOKEN], uri->token));
    CHECK(part_is(text, m[H1].rm_so >= 0 ? &m[H1] : &m[H2], uri->host));
    long port = m[PORT].rm_so >= 0 ? strtol(text + m[PORT].rm_so, NULL, 10) : uri->tls ? 443 : 80;
    CHECK(uri->port == port);
    CHECK(uri->target[0] == '/');
    CHECK(part_is(text, &m[TARGET], uri->target) || part_is(text, &m[TARGET], uri->target + 1));
}

/* The same with btp+ws for another scheme, which changes nothing of what follows. */
static void as_btp(const char *text, char out[4096])
{
    static const struct {
        const char *scheme;
        const char *as;
    } others[] = {
        {"ilp+https://", "btp+wss://"}, {"ilp+http://", "btp+ws://"}, {"ilp+h2c://", "btp+ws://"}};
    const char *as = "";
    for (size_t i = 0; i < sizeof others / sizeof others[0] && *as == '\0'; i++)
        if (strncasecmp(text, others[i].scheme, strlen(others[i].scheme)) == 0) {
            as = others[i].as;
            text += strlen(others[i].scheme);
        }
    snprintf(out, 4096, "%s%s", as, text);
}

static void fuzz_uri(const char *original, size_t len)
{
    char text[4096];
    rill_uri uri, again;
    regmatch_t m[PARTS + 4];
    const char *problem = NULL;
    char written[RILL_URI_MAX + 64];
    int err = rill_uri_parse(&uri, original, &problem);
    as_btp(original, text);
    bool matches = len < RILL_URI_MAX && regexec(&uri_grammar, text, PARTS + 4, m, 0) == 0 &&
                   within_limits(text, m);
    CHECK((err == RILL_OK) == matches);
    if (err != RILL_OK) {
        CHECK((err == RILL_ERR_URI || err == RILL_ERR_UNSUPPORTED) && problem != NULL);
        return;
    }
    compare_uri(text, &uri, m);
    CHECK(rill_uri_write(&uri, written, sizeof written) == RILL_OK);
    if (strlen(written) >= RILL_URI_MAX)
        return; /* parts that may be left out are written: a colon, a slash */
    CHECK(rill_uri_parse(&again, written, &problem) == RILL_OK);
    CHECK(again.tls == uri.tls && again.port == uri.port);
    CHECK(strcmp(again.host, uri.host) == 0 && strcmp(again.host_header, uri.host_header) == 0);
    CHECK(strcmp(again.account, uri.account) == 0 && strcmp(again.token, uri.token) == 0);
    CHECK(strcmp(again.target, uri.target) == 0);
}

/* ---- ILP addresses ---- */

static bool valid_by_grammar(const char *text, size_t len)
{
    return len <= RILL_ILP_MAX_ADDRESS && strlen(text) == len &&
           regexec(&address_grammar, text, 0, NULL, 0) == 0;
}

static void fuzz_address(const char *text, size_t len)
{
    rill_bytes address = {(const uint8_t *)text, len};
    char longer[4096 + 8];
    bool valid = rill_address_valid(address);
    CHECK(valid == valid_by_grammar(text, len));
    /* A prefix is the beginning of an address, up to a dot; or nothing. */
    if (len > 0 && len + 2 <= RILL_ILP_MAX_ADDRESS) {
        memcpy(longer, text, len);
        memcpy(longer + len, ".x", 3);
        CHECK(rill_address_prefix_valid(address) == valid_by_grammar(longer, len + 2));
    }
    if (!valid)
        return;
    for (size_t cut = 0; cut <= len; cut++) {
        rill_bytes prefix = {(const uint8_t *)text, cut};
        bool boundary = cut == 0 || cut == len || text[cut] == '.';
        CHECK(rill_address_has_prefix(address, prefix) == boundary);
        rill_bytes segment = rill_address_segment_after(address, prefix);
        if (!boundary || cut == len) {
            CHECK(segment.len == 0);
            continue;
        }
        size_t from = cut == 0 ? 0 : cut + 1;
        CHECK(segment.len == strcspn(text + from, ".") &&
              memcmp(segment.data, text + from, segment.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    compile();
    char *text = malloc(size); /* in a block of exactly that length, with its NUL */
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if ((data[0] & 1) != 0)
        fuzz_address(text, size - 1);
    else
        fuzz_uri(text, strlen(text));
    free(text);
    return 0;
}

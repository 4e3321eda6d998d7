/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes as a Request-Id (RFC 35), and as the URL where replies are to be posted. Oracles: an
 * id is taken exactly if the grammar of RFC 9562 has it, and is the same when it is written and
 * read again, in any case of letters; two ids are the same if their bytes are. A URL that is taken
 * has no user name, is at the place that it names, and says the same when it is written again.
 */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "fuzz.h"
#include "link/uri.h"
#include "links/http/http_id.h"

static regex_t grammar;

static void compile(void)
{
    static bool compiled;
    if (!compiled)
        CHECK(regcomp(&grammar,
                      "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
                      "[0-9a-fA-F]{12}$",
                      REG_EXTENDED | REG_NOSUB) == 0);
    compiled = true;
}

static void fuzz_id(const char *text, size_t len)
{
    http_id id, again;
    char written[HTTP_ID_TEXT + 1] = "";
    bool good = strlen(text) == len && regexec(&grammar, text, 0, NULL, 0) == 0;
    CHECK((http_id_parse(&id, (rill_bytes){(const uint8_t *)text, len}) == RILL_OK) == good);
    if (!good)
        return;
    http_id_write(&id, written);
    CHECK(strcasecmp(written, text) == 0);
    for (size_t i = 0; i < HTTP_ID_TEXT; i++)
        CHECK(!isupper((unsigned char)written[i]));
    CHECK(http_id_parse(&again, (rill_bytes){(const uint8_t *)written, HTTP_ID_TEXT}) == RILL_OK);
    CHECK(http_id_same(&id, &again) && http_id_key(&id) == http_id_key(&again));
    again.bytes[len % sizeof again.bytes] ^= 1;
    CHECK(!http_id_same(&id, &again));
    http_id_make(&again);
    CHECK(again.bytes[6] >> 4 == 4 && again.bytes[8] >> 6 == 2);
}

static void fuzz_url(const char *text)
{
    static rill_uri url, again;
    static char written[RILL_URI_MAX + 300];
    const char *problem = NULL;
    if (rill_uri_parse_url(&url, text, &problem) != RILL_OK) {
        CHECK(problem != NULL);
        return;
    }
    CHECK(strncasecmp(text, url.tls ? "https://" : "http://", url.tls ? 8 : 7) == 0);
    CHECK(url.account[0] == '\0' && url.token[0] == '\0' && url.target[0] == '/');
    const char *authority = strstr(text, "://") + 3;
    CHECK(memchr(authority, '@', strcspn(authority, "/?#")) == NULL);
    int len = snprintf(written, sizeof written, "%s://%s%s", url.tls ? "https" : "http",
                       url.host_header, url.target);
    CHECK(len > 0 && (size_t)len < sizeof written);
    if (len >= RILL_URI_MAX)
        return;
    CHECK(rill_uri_parse_url(&again, written, &problem) == RILL_OK);
    CHECK(rill_uri_same_place(&url, &again) && strcmp(url.target, again.target) == 0);
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
        fuzz_url(text);
    else
        fuzz_id(text, size - 1);
    free(text);
    return 0;
}

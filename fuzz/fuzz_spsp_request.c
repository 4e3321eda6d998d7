/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a server of SPSP, whole as HTTP gives them: the first line is the path, the others
 * are fields, "name: value". Oracles: a path that is taken is found again when it is written with
 * every byte escaped; it has no NUL and no escaped slash; receipts have both values or none; what
 * is refused says why.
 */
#include <stdio.h>

#include "fuzz.h"
#include "spsp/spsp_server.h"

static rill_blocks blocks;
static rill_http_limits limits;

static rill_bytes text_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* The rest of the input after a line, whose end is cut off. */
static rill_bytes line_of(rill_bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    rill_bytes line = {rest->data, len};
    len += end != NULL;
    *rest = (rill_bytes){rest->data + len, rest->len - len};
    return line;
}

static void add_fields(rill_http_message *m, rill_bytes rest)
{
    while (rest.len > 0 && m->field_count < RILL_HTTP_MAX_FIELDS) {
        rill_bytes line = line_of(&rest);
        const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
        size_t name = colon == NULL ? line.len : (size_t)(colon - line.data);
        size_t skip = colon == NULL ? name : name + 1;
        while (skip < line.len && line.data[skip] == ' ')
            skip++;
        if (rill_http_add_field(m, (rill_bytes){line.data, name},
                                (rill_bytes){line.data + skip, line.len - skip}) != RILL_OK)
            return;
    }
}

static unsigned read_path(const char *path, spsp_request *out)
{
    rill_http_message m;
    const char *why = NULL;
    rill_http_message_init(&m, &blocks, &limits);
    CHECK(rill_http_add_text(&m, text_of(path), &m.path) == RILL_OK);
    unsigned refused = spsp_request_read(out, &m, &why);
    rill_http_message_clear(&m);
    return refused;
}

/* Each byte but the slashes as an escape, in either case of the digits. */
static void check_escaped(const spsp_request *request)
{
    static char path[3 * RILL_SPSP_MAX_PATH + 1];
    static spsp_request again;
    size_t len = 0;
    for (const char *c = request->path; *c != '\0'; c++) {
        if (*c == '/')
            path[len++] = '/';
        else
            len += (size_t)snprintf(path + len, 4, (uint8_t)*c % 2 == 0 ? "%%%02x" : "%%%02X",
                                    (unsigned)(uint8_t)*c);
    }
    path[len] = '\0';
    CHECK(read_path(path, &again) == 0);
    CHECK(strcmp(again.path, request->path) == 0);
    CHECK(!again.receipts && !again.older && again.host[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static spsp_request request;
    rill_http_message m;
    rill_bytes rest = {data, size};
    const char *why = NULL;
    if (size == 0)
        return 0;
    rill_http_limits_init(&limits);
    limits.max_head = 65536;
    rill_blocks_init(&blocks, rill_allocator_default(), 1 << 20);
    blocks.wipe = rill_wipe;
    rill_http_message_init(&m, &blocks, &limits);
    rill_bytes path = line_of(&rest);
    if (rill_http_add_text(&m, path, &m.path) == RILL_OK) {
        add_fields(&m, rest);
        memset(&request, 0, sizeof request);
        unsigned refused = spsp_request_read(&request, &m, &why);
        CHECK(refused == 0 || refused == 400 || refused == 404);
        CHECK(strlen(request.host) < sizeof request.host);
        if (refused != 0) {
            CHECK(why != NULL && why[0] != '\0');
        } else {
            size_t len = strlen(request.path);
            CHECK(request.path[0] == '/' && len <= path.len && len <= RILL_SPSP_MAX_PATH);
            CHECK(memchr(path.data, '?', path.len) == NULL);
            check_escaped(&request);
        }
    }
    rill_http_message_clear(&m);
    CHECK(blocks.used == 0);
    rill_blocks_clear(&blocks);
    return 0;
}

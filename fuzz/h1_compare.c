/* SPDX-License-Identifier: Apache-2.0 */
#include "h1_compare.h"

#include <stdio.h>

#include "faults.h"
#include "h1_http_parser.h"
#include "http/h1_reader.h"

enum { MESSAGES = 8 };

typedef struct reader {
    rill_h1_reader r;
    rill_http_message m;
} reader;

static rill_blocks blocks;
static rill_http_limits limits;

static void begin(reader *x, const rill_h1_engine *engine, bool response, bool to_head)
{
    rill_h1_reader_init(&x->r, engine, &blocks, &limits, response);
    x->r.to_head = to_head;
    rill_http_message_init(&x->m, &blocks, &limits);
}

static void end(reader *x)
{
    rill_h1_reader_clear(&x->r);
    rill_http_message_clear(&x->m);
}

/* One message, in blocks of exactly their length; *used bytes were taken. */
static int read_one(reader *x, const uint8_t *data, size_t size, size_t piece, size_t *used)
{
    int verdict = RILL_ERR_BLOCKED;
    *used = 0;
    rill_http_message_clear(&x->m);
    while (*used < size && verdict == RILL_ERR_BLOCKED) {
        size_t now = size - *used < piece ? size - *used : piece, part = 0;
        uint8_t *copy = malloc(now);
        CHECK(copy != NULL);
        memcpy(copy, data + *used, now);
        verdict = rill_h1_reader_feed(&x->r, &x->m, copy, now, &part);
        free(copy);
        CHECK(part <= now && (verdict != RILL_ERR_BLOCKED || part == now));
        *used += part;
    }
    return verdict;
}

static void same_message(const rill_http_message *a, const rill_http_message *b)
{
    CHECK(a->status == b->status && a->version == b->version);
    CHECK(a->field_count == b->field_count && a->text_len == b->text_len);
    CHECK(a->text_len == 0 || memcmp(a->text, b->text, a->text_len) == 0);
    CHECK(memcmp(a->fields, b->fields, a->field_count * sizeof a->fields[0]) == 0);
    CHECK(a->body_len == b->body_len);
    CHECK(a->body_len == 0 || memcmp(a->body, b->body, a->body_len) == 0);
}

/* Every line of the head ends with CR LF, and has no other control character. */
static void check_lines(const uint8_t *data, size_t used)
{
    size_t at = used >= 2 && data[0] == '\r' ? 2 : 0;
    size_t line = at;
    for (bool first = true; at < used; at++) {
        CHECK(data[at] != 0 && data[at] != 0x7f);
        if (data[at] != '\r') {
            CHECK(data[at] >= ' ' || data[at] == '\t');
            continue;
        }
        CHECK(at + 1 < used && data[at + 1] == '\n');
        if (at == line)
            return;
        CHECK(data[line] != ' ' && data[line] != '\t');
        const uint8_t *colon = memchr(data + line, ':', at - line);
        CHECK(first ||
              (colon != NULL && colon > data + line && colon[-1] != ' ' && colon[-1] != '\t'));
        first = false;
        line = ++at + 1;
    }
    CHECK(false);
}

static size_t count_of(const rill_http_message *m, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < m->field_count; i++)
        count += rill_http_same_nocase(rill_http_text(m, m->fields[i].name), name) ? 1 : 0;
    return count;
}

static void check_message(const reader *x, bool response, bool to_head)
{
    const rill_http_message *m = &x->m;
    rill_bytes length;
    size_t lengths = count_of(m, "content-length");
    size_t codings = count_of(m, "transfer-encoding");
    CHECK(lengths + codings <= 1);
    CHECK(m->field_count <= RILL_HTTP_MAX_FIELDS && m->body_len <= limits.max_body);
    CHECK(response ? m->status >= 100 && m->status <= 599 : m->path.len != 0);
    CHECK(response || count_of(m, "host") <= 1);
    if (rill_http_find(m, "content-length", &length) == RILL_OK && !to_head) {
        char text[24];
        char *rest = NULL;
        CHECK(length.len < sizeof text);
        memcpy(text, length.data, length.len);
        text[length.len] = '\0';
        CHECK(strtoull(text, &rest, 10) == m->body_len && *rest == '\0');
    }
    if (lengths + codings == 0)
        CHECK(m->body_len == 0 || response);
}

/*
 * Where the two differ, and ours is right. One knows a method that the other does not. And
 * http-parser takes each name that begins with Transfer-Encoding for that field.
 */
static bool is_known(const reader *x, const reader *other)
{
    static const char name[] = "transfer-encoding";
    if (x->r.refusal == 501 || other->r.refusal == 501)
        return true;
    for (size_t i = 0; i < x->m.field_count; i++) {
        rill_bytes field = rill_http_text(&x->m, x->m.fields[i].name);
        if (field.len > strlen(name) &&
            rill_http_same_nocase((rill_bytes){field.data, strlen(name)}, name))
            return true;
    }
    return false;
}

void h1_compare(bool response, bool to_head, size_t piece, const uint8_t *data, size_t size)
{
    reader whole, parts, other;
    fuzz_faults_reset(1);
    rill_blocks_init(&blocks, fuzz_allocator(), 1 << 20);
    rill_http_limits_init(&limits);
    limits.max_head = 2048;
    limits.max_body = 4096;
    begin(&whole, &rill_h1_llhttp, response, to_head);
    begin(&parts, &rill_h1_llhttp, response, to_head);
    begin(&other, &fuzz_http_parser, response, to_head);
    for (unsigned i = 0; i < MESSAGES && size != 0; i++) {
        size_t used, in_parts, by_other;
        int verdict = read_one(&whole, data, size, size, &used);
        CHECK(read_one(&parts, data, size, piece, &in_parts) == verdict);
        CHECK(whole.r.refusal == parts.r.refusal);
        int others = read_one(&other, data, size, size, &by_other);
        if (verdict != RILL_OK && verdict != RILL_ERR_BLOCKED && others != RILL_OK)
            break;
        if (verdict != others) {
            CHECK(is_known(&whole, &other));
            break;
        }
        if (verdict != RILL_OK)
            break;
        CHECK(used == in_parts && used == by_other);
        same_message(&whole.m, &parts.m);
        same_message(&whole.m, &other.m);
        check_lines(data, used);
        check_message(&whole, response, to_head);
        data += used;
        size -= used;
    }
    if (whole.r.framing == RILL_H1_TO_END && rill_h1_reader_has_head(&whole.r))
        CHECK(rill_h1_reader_end(&whole.r) == RILL_OK);
    end(&whole);
    end(&parts);
    end(&other);
    rill_blocks_clear(&blocks);
    CHECK(fuzz_fault.blocks == 0);
}

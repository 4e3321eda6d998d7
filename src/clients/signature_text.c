/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/signature_text.h"

#include <string.h>
#include <strings.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/base64.h"

/* ---- structured fields (RFC 8941), as far as signatures need them ---- */

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static reader reader_of(rill_bytes text)
{
    const char *at = (const char *)text.data;
    return (reader){at, text.len == 0 ? at : at + text.len};
}

static rill_bytes since(const char *start, const reader *r)
{
    return (rill_bytes){(const uint8_t *)start, (size_t)(r->at - start)};
}

static bool take(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static void skip_blanks(reader *r)
{
    while (r->at != r->end && (*r->at == ' ' || *r->at == '\t'))
        r->at++;
}

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || c == '*';
}

static bool is_key(char c)
{
    return is_key_start(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool take_key(reader *r, rill_bytes *out)
{
    const char *start = r->at;
    if (r->at == r->end || !is_key_start(*r->at))
        return false;
    while (r->at != r->end && is_key(*r->at))
        r->at++;
    *out = since(start, r);
    return true;
}

/* Between quotes. Names and ids have no escapes: one that has is refused. */
static bool take_string(reader *r, rill_bytes *out)
{
    if (!take(r, '"'))
        return false;
    const char *start = r->at;
    while (r->at != r->end && *r->at != '"') {
        if (*r->at < ' ' || *r->at > '~' || *r->at == '\\')
            return false;
        r->at++;
    }
    *out = since(start, r);
    return take(r, '"');
}

/* Whole numbers of at most 15 digits (RFC 8941 section 3.3.1), not negative. */
static bool number_of(rill_bytes text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.len > 0 && text.len <= 15;
}

static bool is(rill_bytes text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

/* ("@method" "date" ...). Components have no parameters. */
static int read_components(rill_signature_input *out, reader *r)
{
    if (!take(r, '('))
        return RILL_ERR_MALFORMED;
    for (;;) {
        skip_blanks(r);
        if (take(r, ')'))
            return RILL_OK;
        if (out->component_count == RILL_MAX_COMPONENTS)
            return RILL_ERR_UNSUPPORTED;
        rill_bytes *name = &out->components[out->component_count];
        if (!take_string(r, name))
            return RILL_ERR_MALFORMED;
        for (size_t i = 0; i < out->component_count; i++) {
            const rill_bytes *other = &out->components[i];
            if (other->len == name->len && memcmp(other->data, name->data, name->len) == 0)
                return RILL_ERR_MALFORMED; /* RFC 9421 section 2.5 */
        }
        out->component_count++;
        if (r->at != r->end && *r->at == ';')
            return RILL_ERR_UNSUPPORTED;
        if (r->at != r->end && *r->at != ' ' && *r->at != ')')
            return RILL_ERR_MALFORMED;
    }
}

/* Any value of a parameter but true, which is left out: a string, or what has no quotes. */
static bool take_value(reader *r, rill_bytes *string, rill_bytes *bare)
{
    if (r->at != r->end && *r->at == '"')
        return take_string(r, string);
    const char *start = r->at;
    while (r->at != r->end && !strchr(";, \t\"", *r->at))
        r->at++;
    *bare = since(start, r);
    return bare->len > 0;
}

static int read_params(rill_signature_input *out, reader *r)
{
    while (take(r, ';')) {
        rill_bytes key;
        rill_bytes string = {0};
        rill_bytes bare = {0};
        skip_blanks(r);
        if (!take_key(r, &key))
            return RILL_ERR_MALFORMED;
        if (take(r, '=') && !take_value(r, &string, &bare))
            return RILL_ERR_MALFORMED;
        if (is(key, "created") || is(key, "expires")) {
            if (!number_of(bare, is(key, "created") ? &out->created_s : &out->expires_s))
                return RILL_ERR_MALFORMED;
        } else if (is(key, "keyid") || is(key, "alg")) {
            if (!string.data)
                return RILL_ERR_MALFORMED;
            *(is(key, "keyid") ? &out->key_id : &out->algorithm) = string;
        }
    }
    return RILL_OK;
}

static int read_signature(rill_signature_input *out, reader *r)
{
    *out = (rill_signature_input){0};
    if (!take_key(r, &out->label) || !take(r, '='))
        return RILL_ERR_MALFORMED;
    const char *start = r->at;
    int error = read_components(out, r);
    if (error == RILL_OK)
        error = read_params(out, r);
    out->params = since(start, r);
    return error;
}

int rill_signature_input_read(rill_signature_input *out, rill_bytes header)
{
    reader r = reader_of(header);
    rill_signature_input one;
    size_t count = 0;
    skip_blanks(&r);
    do {
        skip_blanks(&r);
        int error = read_signature(&one, &r);
        if (error != RILL_OK)
            return error;
        if (count == 0 || is(one.label, "sig1"))
            *out = one;
        count++;
        skip_blanks(&r);
    } while (take(&r, ','));
    if (r.at != r.end)
        return RILL_ERR_MALFORMED;
    return count == 1 || is(out->label, "sig1") ? RILL_OK : RILL_ERR_NOT_FOUND;
}

int rill_signature_member(rill_bytes header, rill_bytes member, uint8_t *out, size_t cap,
                          size_t *len)
{
    reader r = reader_of(header);
    int found = RILL_ERR_NOT_FOUND;
    do {
        rill_bytes key;
        skip_blanks(&r);
        if (!take_key(&r, &key) || !take(&r, '=') || !take(&r, ':'))
            return RILL_ERR_MALFORMED;
        const char *start = r.at;
        while (r.at != r.end && *r.at != ':')
            r.at++;
        rill_bytes text = since(start, &r);
        if (!take(&r, ':'))
            return RILL_ERR_MALFORMED;
        if (key.len == member.len && memcmp(key.data, member.data, key.len) == 0) {
            /* Which of two is meant would be for the reader to choose. */
            if (found == RILL_OK)
                return RILL_ERR_MALFORMED;
            if (rill_base64_decode((const char *)text.data, text.len, out, cap, len) != RILL_OK)
                return RILL_ERR_MALFORMED;
            found = RILL_OK;
        }
        skip_blanks(&r);
    } while (take(&r, ','));
    return r.at == r.end ? found : RILL_ERR_MALFORMED;
}

bool rill_signature_covers(const rill_signature_input *input, const char *name)
{
    for (size_t i = 0; i < input->component_count; i++) {
        if (is(input->components[i], name))
            return true;
    }
    return false;
}

/* ---- what is signed ---- */

/* Names are the same in any case: one in capitals does not slip by what must be signed. */
bool rill_is_header(rill_bytes name, const char *other)
{
    return name.len == strlen(other) && strncasecmp((const char *)name.data, other, name.len) == 0;
}

static size_t count_of(const rill_signed_request *request, rill_bytes name, rill_bytes *value)
{
    size_t count = 0;
    for (size_t i = 0; i < request->field_count; i++) {
        if (rill_is_header(name, request->fields[i].name)) {
            *value = request->fields[i].value;
            count++;
        }
    }
    return count;
}

rill_bytes rill_request_header_of(const rill_signed_request *request, const char *name)
{
    rill_bytes value = {0};
    rill_bytes wanted = {(const uint8_t *)name, strlen(name)};
    if (count_of(request, wanted, &value) != 1)
        return (rill_bytes){0};
    if (!value.data)
        value.data = (const uint8_t *)""; /* there, and empty */
    return value;
}

/* Without the blanks around it (RFC 9421 section 2.1). */
static rill_bytes trimmed(rill_bytes v)
{
    while (v.len > 0 && (v.data[v.len - 1] == ' ' || v.data[v.len - 1] == '\t'))
        v.len--;
    while (v.len > 0 && (*v.data == ' ' || *v.data == '\t')) {
        v.data++;
        v.len--;
    }
    return v;
}

static bool has_line_break(rill_bytes v)
{
    return v.len > 0 && (memchr(v.data, '\n', v.len) || memchr(v.data, '\r', v.len));
}

/* The parts of an absolute URI: scheme "://" authority path "?" query. */
typedef struct parts {
    rill_bytes scheme, authority, path, query;
} parts;

static rill_bytes cut(rill_bytes *rest, const char *ends)
{
    size_t len = 0;
    while (len < rest->len && !memchr(ends, rest->data[len], strlen(ends)))
        len++;
    rill_bytes taken = {rest->data, len};
    *rest = (rill_bytes){rest->data + len, rest->len - len};
    return taken;
}

static parts parts_of(rill_bytes uri)
{
    parts p;
    p.scheme = cut(&uri, ":");
    if (uri.len >= 3 && memcmp(uri.data, "://", 3) == 0)
        uri = (rill_bytes){uri.data + 3, uri.len - 3};
    p.authority = cut(&uri, "/?#");
    p.path = cut(&uri, "?#");
    if (p.path.len == 0)
        p.path = (rill_bytes){(const uint8_t *)"/", 1};
    p.query = cut(&uri, "#");
    if (p.query.len == 0)
        p.query = (rill_bytes){(const uint8_t *)"?", 1}; /* RFC 9421 section 2.2.7 */
    return p;
}

/* RFC 9421 section 2.2. */
static int derived(const rill_signed_request *request, rill_bytes name, rill_bytes *out)
{
    parts p = parts_of(request->target_uri);
    if (is(name, "@method"))
        *out = request->method;
    else if (is(name, "@target-uri"))
        *out = request->target_uri;
    else if (is(name, "@authority"))
        *out = p.authority;
    else if (is(name, "@scheme"))
        *out = p.scheme;
    else if (is(name, "@path"))
        *out = p.path;
    else if (is(name, "@query"))
        *out = p.query;
    else
        return RILL_ERR_UNSUPPORTED;
    return RILL_OK;
}

/*
 * A component's value. Of headers that come twice, RFC 9421 would join the values; which of them a
 * server believes is another matter, so that neither is.
 */
static int value_of(const rill_signed_request *request, rill_bytes name, rill_bytes *out)
{
    if (name.len > 0 && name.data[0] == '@') {
        int error = derived(request, name, out);
        if (error != RILL_OK)
            return error;
    } else if (count_of(request, name, out) != 1) {
        return RILL_ERR_AUTH;
    }
    *out = trimmed(*out);
    return has_line_break(*out) ? RILL_ERR_INVALID : RILL_OK;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

static const char LAST_LINE[] = "\"@signature-params\": ";

int rill_signature_base(const rill_signed_request *request, const rill_bytes *components,
                        size_t count, rill_bytes params, uint8_t **out, size_t *len)
{
    size_t size = sizeof LAST_LINE - 1 + params.len;
    rill_bytes value;
    for (size_t i = 0; i < count; i++) {
        int error = value_of(request, components[i], &value);
        if (error != RILL_OK)
            return error;
        size += components[i].len + value.len + sizeof "\"\": \n" - 1;
    }
    uint8_t *base = rill_alloc(rill_allocator_default(), size);
    if (!base)
        return RILL_ERR_NOMEM;
    uint8_t *at = base;
    for (size_t i = 0; i < count; i++) {
        int error = value_of(request, components[i], &value);
        if (error != RILL_OK) { /* not twice different */
            rill_free(rill_allocator_default(), base);
            return error;
        }
        at = append(at, "\"", 1);
        at = append(at, components[i].data, components[i].len);
        at = append(at, "\": ", 3);
        at = append(at, value.data, value.len);
        at = append(at, "\n", 1);
    }
    at = append(at, LAST_LINE, sizeof LAST_LINE - 1);
    at = append(at, params.data, params.len);
    *out = base;
    *len = (size_t)(at - base);
    return RILL_OK;
}

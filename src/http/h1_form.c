/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_form.h"

#include <string.h>

enum { MAX_METHOD = 32, MAX_LENGTH_DIGITS = 18, MAX_SIZE_DIGITS = 8 };

int rill_h1_head_end(const uint8_t *data, size_t len, size_t *seen, size_t *end)
{
    while (*seen < len) {
        const uint8_t *feed = memchr(data + *seen, '\n', len - *seen);
        if (feed == NULL) {
            *seen = len;
            break;
        }
        size_t at = (size_t)(feed - data);
        if (at == 0 || data[at - 1] != '\r')
            return RILL_ERR_MALFORMED;
        *seen = at + 1;
        if (at >= 3 && data[at - 2] == '\n') {
            *end = at + 1;
            return RILL_OK;
        }
    }
    return RILL_ERR_BLOCKED;
}

static int refuse(rill_h1_form *f, int error, unsigned status, const char *problem)
{
    f->refusal = status;
    f->problem = problem;
    return error;
}

static int malformed(rill_h1_form *f, const char *problem)
{
    return refuse(f, RILL_ERR_MALFORMED, 400, problem);
}

/* RFC 9110 section 5.6.2: what methods and names are made of. */
static bool is_token_char(uint8_t c)
{
    static const uint8_t allowed[256] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
        ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
        ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
        ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
        ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
        ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
        ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
        ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
        ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
        ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};
    return allowed[c] != 0;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* No control character but the tab: a carriage return within a line is one. */
static bool is_text(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((data[i] < ' ' && data[i] != '\t') || data[i] == 0x7f)
            return false;
    return true;
}

/* The next line without its end; there is one. */
static rill_bytes next_line(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *feed = memchr(*at, '\n', (size_t)(end - *at));
    rill_bytes line = {*at, (size_t)(feed - *at) - 1};
    *at = feed + 1;
    return line;
}

static bool read_version(rill_h1_form *f, const uint8_t *text)
{
    if (memcmp(text, "HTTP/1.", 7) != 0 || (text[7] != '0' && text[7] != '1'))
        return false;
    f->minor = (unsigned)(text[7] - '0');
    return true;
}

static int read_request_line(rill_h1_form *f, rill_bytes line)
{
    enum { VERSION = 8 };
    size_t at = 0;
    while (at < line.len && is_token_char(line.data[at]))
        at++;
    f->method = (rill_bytes){line.data, at};
    if (at == 0 || at > MAX_METHOD || at == line.len || line.data[at] != ' ')
        return malformed(f, "the method is malformed");
    size_t target = ++at;
    while (at < line.len && line.data[at] > ' ' && line.data[at] < 0x7f)
        at++;
    f->target = (rill_bytes){line.data + target, at - target};
    if (at == target || at == line.len || line.data[at] != ' ')
        return malformed(f, "the target is malformed");
    at++;
    if (line.len - at != VERSION || memcmp(line.data + at, "HTTP/", 5) != 0)
        return malformed(f, "the request line is malformed");
    if (!read_version(f, line.data + at))
        return refuse(f, RILL_ERR_UNSUPPORTED, 505, "the version of HTTP is not 1.0 or 1.1");
    if (rill_http_same(f->method, "CONNECT") || rill_http_same(f->method, "PRI"))
        return refuse(f, RILL_ERR_UNSUPPORTED, 501, "the method is not taken");
    return RILL_OK;
}

static int read_status_line(rill_h1_form *f, rill_bytes line)
{
    enum { STATUS = 9, REASON = 12 };
    const uint8_t *d = line.data;
    if (line.len < REASON || !read_version(f, d) || d[8] != ' ')
        return malformed(f, "the status line is malformed");
    if (!is_digit(d[STATUS]) || !is_digit(d[STATUS + 1]) || !is_digit(d[STATUS + 2]))
        return malformed(f, "the status is no number");
    f->status = (unsigned)(d[STATUS] - '0') * 100 + (unsigned)(d[STATUS + 1] - '0') * 10 +
                (unsigned)(d[STATUS + 2] - '0');
    if (f->status < 100 || f->status > 599)
        return malformed(f, "the status is out of its range");
    if (line.len > REASON && (d[REASON] != ' ' || !is_text(d + REASON, line.len - REASON)))
        return malformed(f, "the reason is malformed");
    return RILL_OK;
}

static int read_field(rill_h1_form *f, rill_bytes line)
{
    size_t name = 0;
    if (f->count == RILL_HTTP_MAX_FIELDS)
        return refuse(f, RILL_ERR_TOO_LARGE, 431, "there are too many header fields");
    while (name < line.len && is_token_char(line.data[name]))
        name++;
    /* A line that goes on with the one before begins with a blank, and has no name. */
    if (name == 0 || name == line.len || line.data[name] != ':')
        return malformed(f, "the name of a header field is malformed");
    size_t from = name + 1;
    size_t to = line.len;
    while (from < to && (line.data[from] == ' ' || line.data[from] == '\t'))
        from++;
    while (to > from && (line.data[to - 1] == ' ' || line.data[to - 1] == '\t'))
        to--;
    if (!is_text(line.data + from, to - from))
        return malformed(f, "the value of a header field is malformed");
    f->fields[f->count++] = (rill_http_field){{line.data, name}, {line.data + from, to - from}};
    return RILL_OK;
}

/* What the fields say of the connection and of the body. */
typedef struct facts {
    unsigned hosts;
    unsigned lengths;
    unsigned encodings;
    bool close;
    bool keep_alive;
    bool upgrade;
    bool names_protocol;
} facts;

static int take_length(rill_h1_form *f, facts *x, rill_bytes value)
{
    if (x->lengths++ != 0)
        return malformed(f, "Content-Length is there twice");
    if (value.len == 0 || value.len > MAX_LENGTH_DIGITS)
        return malformed(f, "Content-Length is no number");
    f->length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.data[i]))
            return malformed(f, "Content-Length is no number");
        f->length = f->length * 10 + (uint64_t)(value.data[i] - '0');
    }
    return RILL_OK;
}

static int take_encoding(rill_h1_form *f, facts *x, rill_bytes value)
{
    if (x->encodings++ != 0)
        return malformed(f, "Transfer-Encoding is there twice");
    if (!rill_http_same_nocase(value, "chunked"))
        return refuse(f, RILL_ERR_UNSUPPORTED, 501, "Transfer-Encoding is not chunked");
    if (f->minor == 0)
        return malformed(f, "Transfer-Encoding is there in HTTP/1.0");
    return RILL_OK;
}

static int take_expectation(rill_h1_form *f, rill_bytes value)
{
    if (!rill_http_same_nocase(value, "100-continue"))
        return refuse(f, RILL_ERR_UNSUPPORTED, 417, "the expectation is not known");
    f->expect_continue = f->minor != 0;
    return RILL_OK;
}

static int take_field(rill_h1_form *f, facts *x, const rill_http_field *field)
{
    switch (field->name.len) {
    case 4:
        x->hosts += rill_http_same_nocase(field->name, "host") ? 1 : 0;
        break;
    case 6:
        if (!f->response && rill_http_same_nocase(field->name, "expect"))
            return take_expectation(f, field->value);
        break;
    case 7:
        x->names_protocol = x->names_protocol || rill_http_same_nocase(field->name, "upgrade");
        break;
    case 10:
    case 16:
        /* The second is no standard. Proxies send it, and parsers take it for the first. */
        if (!rill_http_same_nocase(field->name, "connection") &&
            !rill_http_same_nocase(field->name, "proxy-connection"))
            break;
        x->close = x->close || rill_http_list_has(field->value, "close");
        x->keep_alive = x->keep_alive || rill_http_list_has(field->value, "keep-alive");
        x->upgrade = x->upgrade || rill_http_list_has(field->value, "upgrade");
        break;
    case 14:
        if (rill_http_same_nocase(field->name, "content-length"))
            return take_length(f, x, field->value);
        break;
    case 17:
        if (rill_http_same_nocase(field->name, "transfer-encoding"))
            return take_encoding(f, x, field->value);
        break;
    default:
        break;
    }
    return RILL_OK;
}

/* RFC 9112 section 6.3, without what it leaves to the reader. */
static int conclude(rill_h1_form *f, const facts *x)
{
    bool bodiless = f->response && (f->status < 200 || f->status == 204 || f->status == 304);
    if (x->lengths != 0 && x->encodings != 0)
        return malformed(f, "Content-Length and Transfer-Encoding are both there");
    if (bodiless && (x->encodings != 0 || f->length != 0))
        return malformed(f, "a response without a body announces one");
    if (!f->response && (x->hosts > 1 || (x->hosts == 0 && f->minor == 1)))
        return malformed(f, "Host is not there once");
    if (bodiless || f->to_head)
        f->framing = RILL_H1_NO_BODY;
    else if (x->encodings != 0)
        f->framing = RILL_H1_CHUNKED;
    else if (x->lengths != 0)
        f->framing = f->length == 0 ? RILL_H1_NO_BODY : RILL_H1_LENGTH;
    else
        f->framing = f->response ? RILL_H1_TO_END : RILL_H1_NO_BODY;
    f->keep_alive = !x->close && (f->minor == 1 || x->keep_alive) && f->framing != RILL_H1_TO_END;
    f->upgrade = x->upgrade && x->names_protocol;
    return RILL_OK;
}

int rill_h1_form_read(rill_h1_form *f, const uint8_t *data, size_t len)
{
    const uint8_t *at = data;
    const uint8_t *end = data + len;
    facts x = {0};
    f->count = 0;
    f->status = 0;
    f->length = 0;
    f->expect_continue = false;
    rill_bytes line = next_line(&at, end);
    int error = f->response ? read_status_line(f, line) : read_request_line(f, line);
    while (error == RILL_OK && (line = next_line(&at, end)).len != 0) {
        error = read_field(f, line);
        if (error == RILL_OK)
            error = take_field(f, &x, &f->fields[f->count - 1]);
    }
    return error != RILL_OK ? error : conclude(f, &x);
}

enum { SIZE, SIZE_END, DATA, DATA_CR, DATA_END, LAST_CR, LAST_END };

static int hex(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte that is not data; false where it may not stand there. */
static bool take_byte(rill_h1_chunks *c, uint8_t byte)
{
    switch (c->state) {
    case SIZE:
        if (hex(byte) >= 0 && c->digits < MAX_SIZE_DIGITS) {
            c->left = c->left * 16 + (uint64_t)hex(byte);
            c->digits++;
            return true;
        }
        c->state = SIZE_END;
        return byte == '\r' && c->digits != 0;
    case SIZE_END:
        c->state = c->left == 0 ? LAST_CR : DATA;
        c->total += c->left;
        c->digits = 0;
        return byte == '\n';
    case DATA_CR:
        c->state = DATA_END;
        return byte == '\r';
    case DATA_END:
        c->state = SIZE;
        return byte == '\n';
    default: /* LAST_CR: what stands here else is a trailer */
        c->state = LAST_END;
        return byte == '\r';
    }
}

int rill_h1_chunks_read(rill_h1_chunks *c, const uint8_t *data, size_t len, size_t *used)
{
    size_t at = 0;
    while (at < len) {
        if (c->state == DATA) {
            size_t now = len - at < c->left ? len - at : (size_t)c->left;
            at += now;
            c->left -= now;
            if (c->left == 0)
                c->state = DATA_CR;
            continue;
        }
        if (c->state == LAST_END) {
            *used = at + 1;
            return data[at] == '\n' ? RILL_OK : RILL_ERR_MALFORMED;
        }
        if (!take_byte(c, data[at++]))
            return RILL_ERR_MALFORMED;
    }
    *used = len;
    return RILL_ERR_BLOCKED;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/rate_answer.h"

#include <jansson.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

/* ---- numbers ---- */

/* 10^19 - 1 is the largest number of so many digits, and fits in 64 bits. */
enum { MOST_DIGITS = 19, LARGEST_EXPONENT = 100000 };

typedef struct scan {
    const char *at;
    const char *end;
} scan;

static bool is_digit(const scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool take(scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

typedef struct mantissa {
    uint64_t digits;
    unsigned count; /* of them, without zeros before the first */
    int tens;
} mantissa;

static void add_digit(mantissa *m, unsigned digit, bool fraction)
{
    bool fits = m->count < MOST_DIGITS;
    if (fits) {
        m->digits = m->digits * 10 + digit;
        m->count += m->digits != 0;
    }
    /* Each digit of the fraction that is kept is a tenth; each other one that is not, a ten. */
    if (fits == fraction && m->tens > -LARGEST_EXPONENT && m->tens < LARGEST_EXPONENT)
        m->tens += fits ? -1 : 1;
}

static bool take_digits(scan *s, mantissa *m, bool fraction)
{
    if (!is_digit(s))
        return false;
    while (is_digit(s))
        add_digit(m, (unsigned)(*s->at++ - '0'), fraction);
    return true;
}

static bool take_exponent(scan *s, int *out)
{
    int value = 0;
    if (!take(s, 'e') && !take(s, 'E'))
        return true;
    bool negative = take(s, '-');
    if (!negative)
        (void)take(s, '+');
    if (!is_digit(s))
        return false;
    for (; is_digit(s); s->at++) {
        if (value < LARGEST_EXPONENT)
            value = value * 10 + (*s->at - '0');
    }
    *out = negative ? -value : value;
    return true;
}

bool rill_rate_number(const char *text, size_t len, rill_rate_line *out)
{
    scan s = {text, text + len};
    mantissa m = {.digits = 0};
    int exponent = 0;
    bool negative = take(&s, '-');
    bool zero = s.at < s.end && *s.at == '0';
    if (!take_digits(&s, &m, false) || (zero && s.at - text > 1 + negative))
        return false; /* no digit, or a zero before another one */
    if (take(&s, '.') && !take_digits(&s, &m, true))
        return false;
    if (!take_exponent(&s, &exponent) || s.at != s.end)
        return false;
    int tens = m.tens + exponent;
    for (; m.digits != 0 && m.digits % 10 == 0; tens++)
        m.digits /= 10;
    bool in_range = tens >= -RILL_PRICE_TENS && tens <= RILL_PRICE_TENS;
    out->problem = m.digits == 0 ? "is zero"
                   : negative    ? "is below zero"
                   : !in_range   ? "is too large or too small for a price"
                                 : NULL;
    out->digits = out->problem == NULL ? m.digits : 0;
    out->tens = (int16_t)(out->problem == NULL ? tens : 0);
    return true;
}

/* ---- JSON whose numbers are texts ---- */

/*
 * jansson reads JSON, but a number as floating point. So numbers are put into quotes before, with
 * a '#' in front; and so that no text can look like a number, each text gets a '$'.
 */
enum { TEXT_MARK = '$', NUMBER_MARK = '#', GROWTH = 4 };

static const char number_letters[] = "+-.0123456789Ee";

static void copy_text(scan *s, char **to)
{
    *(*to)++ = *s->at++;
    *(*to)++ = TEXT_MARK;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\' && s->end - s->at > 1)
            *(*to)++ = *s->at++;
        *(*to)++ = *s->at++;
    }
    if (s->at < s->end)
        *(*to)++ = *s->at++;
}

static bool copy_number(scan *s, char **to)
{
    const char *begin = s->at;
    rill_rate_line ignored;
    while (s->at < s->end && *s->at != '\0' && strchr(number_letters, *s->at) != NULL)
        s->at++;
    size_t len = (size_t)(s->at - begin);
    *(*to)++ = '"';
    *(*to)++ = NUMBER_MARK;
    memcpy(*to, begin, len);
    *to += len;
    *(*to)++ = '"';
    return rill_rate_number(begin, len, &ignored);
}

/* Into out, which has GROWTH bytes for each: a number of one digit becomes four. */
static bool mark(const char *body, size_t len, char *out, size_t *written)
{
    scan s = {body, body + len};
    char *to = out;
    while (s.at < s.end) {
        if (*s.at == '"') {
            copy_text(&s, &to);
        } else if (*s.at == '-' || is_digit(&s)) {
            if (!copy_number(&s, &to))
                return false;
        } else {
            *to++ = *s.at++;
        }
    }
    *written = (size_t)(to - out);
    return true;
}

/* NULL: it is not JSON, or there is no memory. */
static json_t *load(const rill_allocator *allocator, const char *body, size_t len, int *rc)
{
    json_error_t error = {.line = 0}; /* its code stays unknown where there was no memory */
    size_t marked = 0;
    json_t *value = NULL;
    char *text = len > SIZE_MAX / GROWTH - 1 ? NULL : rill_alloc(allocator, len * GROWTH + 1);
    *rc = RILL_ERR_NOMEM;
    if (text == NULL)
        return NULL;
    bool numbers = mark(body, len, text, &marked);
    if (numbers)
        value = json_loadb(text, marked, JSON_REJECT_DUPLICATES, &error);
    if (!numbers || (json_error_code(&error) != json_error_unknown &&
                     json_error_code(&error) != json_error_out_of_memory))
        *rc = RILL_ERR_MALFORMED;
    rill_free(allocator, text);
    return value;
}

/* ---- an answer ---- */

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && json_string_value(value)[0] == TEXT_MARK &&
           strcmp(json_string_value(value) + 1, text) == 0;
}

/* NULL: it is well. */
static const char *judge(const json_t *value, const char *base)
{
    const json_t *said = json_object_get(value, "$base");
    const json_t *rates = json_object_get(value, "$rates");
    if (!json_is_object(value))
        return "the answer is no object";
    if (said == NULL)
        return "the answer has no base";
    if (!is_text(said, base))
        return "the answer has another base";
    if (!json_is_object(rates))
        return "the answer has no rates";
    if (json_object_size(rates) > RILL_RATE_ANSWER_MAX)
        return "the answer has too many rates";
    return NULL;
}

static void read_line(const json_t *value, rill_rate_line *line)
{
    const char *text = json_string_value(value);
    bool number = text != NULL && text[0] == NUMBER_MARK &&
                  rill_rate_number(text + 1, json_string_length(value) - 1, line);
    if (!number)
        line->problem = "is no number";
}

/* NULL: it is well. */
static const char *read_lines(json_t *rates, const char *base, rill_rate_answer *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(rates, key, value)
    {
        rill_rate_line *line = &out->lines[out->count];
        const char *code = key + 1;
        size_t len = strlen(code);
        if (len == 0 || len > RILL_ASSET_CODE_MAX)
            continue;
        *line = (rill_rate_line){.digits = 0};
        memcpy(line->code, code, len + 1);
        read_line(value, line);
        if (strcmp(code, base) != 0)
            out->count++;
        else if (line->problem != NULL || line->digits != 1 || line->tens != 0)
            return "the answer says that the base is not worth itself";
    }
    return NULL;
}

int rill_rate_answer_read(rill_rate_answer *out, const rill_allocator *allocator, const char *body,
                          size_t len, const char *base, const char **problem)
{
    int rc;
    json_t *value = load(allocator, body, len, &rc);
    *out = (rill_rate_answer){.allocator = allocator};
    *problem = rc == RILL_ERR_NOMEM ? rill_strerror(rc) : "the answer is not JSON";
    if (value == NULL)
        return rc;
    *problem = judge(value, base);
    rc = *problem == NULL ? RILL_OK : RILL_ERR_MALFORMED;
    if (rc == RILL_OK) {
        json_t *rates = json_object_get(value, "$rates");
        out->lines = rill_calloc(allocator, json_object_size(rates) + 1, sizeof *out->lines);
        *problem =
            out->lines == NULL ? rill_strerror(RILL_ERR_NOMEM) : read_lines(rates, base, out);
        rc = out->lines == NULL ? RILL_ERR_NOMEM : *problem != NULL ? RILL_ERR_MALFORMED : RILL_OK;
    }
    json_decref(value);
    if (rc != RILL_OK)
        rill_rate_answer_clear(out);
    return rc;
}

void rill_rate_answer_clear(rill_rate_answer *a)
{
    rill_free(a->allocator, a->lines);
    a->lines = NULL;
    a->count = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The ways that a node knows, in pages, by prefix. */
#include <stdio.h>
#include <stdlib.h> /* qsort */
#include <string.h>

#include "base/alloc.h"
#include "connector/admin_answer.h"

/* There may be a million: an answer has so many, and says where the next one begins. */
enum { MOST = 1000 };
/* What stands behind a page: the last way of it. */
enum { AFTER = RILL_ILP_MAX_ADDRESS + RILL_STORE_NAME_MAX + 24 };

static const char *const kinds[] = {"own", "child", "configured", "learnt"};

static unsigned kind_of(const rill_routing_line *line)
{
    switch (line->kind) {
    case RILL_ROUTE_OWN:
        return 0;
    case RILL_ROUTE_CHILD:
        return 1;
    case RILL_ROUTE_STATIC:
        return 2;
    default:
        return 3;
    }
}

static const char *account_of(const rill_routing_line *line)
{
    return line->account == NULL ? "" : line->account;
}

static json_t *route_json(const rill_routing_line *line)
{
    return json_pack("{s:s%, s:s?, s:s, s:i, s:b, s:b}", "prefix",
                     line->prefix.len > 0 ? (const char *)line->prefix.data : "", line->prefix.len,
                     "account", line->account, "kind", kinds[kind_of(line)], "hops",
                     (int)line->hops, "taken", (int)line->best, "away", (int)line->away);
}

/* By prefix, as bytes, then by account, then by kind: no two are the same. */
static int compare(const rill_routing_line *a, const rill_routing_line *b)
{
    size_t len = a->prefix.len < b->prefix.len ? a->prefix.len : b->prefix.len;
    int order = len == 0 ? 0 : memcmp(a->prefix.data, b->prefix.data, len);
    if (order == 0)
        order = (a->prefix.len > b->prefix.len) - (a->prefix.len < b->prefix.len);
    if (order == 0)
        order = strcmp(account_of(a), account_of(b));
    return order != 0 ? order : (int)kind_of(a) - (int)kind_of(b);
}

static int compare_any(const void *a, const void *b)
{
    return compare(a, b);
}

/* The first MOST + 1 in the order, the last of them at the top: a heap. */
typedef struct page {
    rill_routing_line lines[MOST + 1];
    size_t count;
} page;

static void swap(page *p, size_t a, size_t b)
{
    const rill_routing_line line = p->lines[a];
    p->lines[a] = p->lines[b];
    p->lines[b] = line;
}

static void sink(page *p)
{
    for (size_t at = 0;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < p->count; child++) {
            if (compare(&p->lines[child], &p->lines[last]) > 0)
                last = child;
        }
        if (last == at)
            return;
        swap(p, at, last);
        at = last;
    }
}

static void add(page *p, const rill_routing_line *line)
{
    if (p->count == MOST + 1) {
        if (compare(line, &p->lines[0]) < 0) {
            p->lines[0] = *line;
            sink(p);
        }
        return;
    }
    size_t at = p->count++;
    p->lines[at] = *line;
    for (; at > 0 && compare(&p->lines[(at - 1) / 2], &p->lines[at]) < 0; at = (at - 1) / 2)
        swap(p, at, (at - 1) / 2);
}

/* An empty prefix is that of all. */
static bool is_asked_for(const rill_routing_line *line, const char *prefix)
{
    size_t len = strlen(prefix);
    return line->prefix.len >= len && (len == 0 || memcmp(line->prefix.data, prefix, len) == 0);
}

/* "PREFIX ACCOUNT KIND", which point into the text. False: it is none that we gave. */
static bool read_after(char *text, rill_routing_line *out)
{
    char *first = strchr(text, ' ');
    char *second = first == NULL ? NULL : strchr(first + 1, ' ');
    if (second == NULL || second[1] < '0' || second[1] > '3' || second[2] != '\0')
        return false;
    static const rill_route_kind back[] = {RILL_ROUTE_OWN, RILL_ROUTE_CHILD, RILL_ROUTE_STATIC,
                                           RILL_ROUTE_LEARNT};
    *first = *second = '\0';
    out->prefix = (rill_bytes){(const uint8_t *)text, strlen(text)};
    out->account = first + 1;
    out->kind = back[second[1] - '0'];
    return true;
}

static json_t *next_json(const rill_routing_line *last)
{
    return json_sprintf("%.*s %s %u", (int)last->prefix.len,
                        last->prefix.len > 0 ? (const char *)last->prefix.data : "",
                        account_of(last), kind_of(last));
}

static void answer(page *p, rill_admin_answer *out)
{
    json_t *all = json_array();
    qsort(p->lines, p->count, sizeof p->lines[0], compare_any);
    bool more = p->count > MOST;
    for (size_t i = 0; all != NULL && i < p->count && i < MOST; i++) {
        if (json_array_append_new(all, route_json(&p->lines[i])) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    rill_admin_json(out, 200,
                    all == NULL ? NULL
                                : json_pack("{s:o, s:b, s:o?}", "routes", all, "more", (int)more,
                                            "next", more ? next_json(&p->lines[MOST - 1]) : NULL));
}

void rill_admin_routes(const rill_core *core, rill_bytes query, rill_admin_answer *out)
{
    char prefix[RILL_ILP_MAX_ADDRESS + 1] = "";
    char after[AFTER] = "";
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    rill_routing_line last = {.account = NULL};
    bool asked = rill_admin_query(query, "prefix", prefix, sizeof prefix);
    bool later = rill_admin_query(query, "after", after, sizeof after);
    if (later && !read_after(after, &last)) {
        rill_admin_refuse(out, 400, "after must be what an answer had as next");
        return;
    }
    page *p = rill_calloc(rill_allocator_default(), 1, sizeof *p);
    if (p == NULL) {
        rill_admin_refuse(out, 503, "%s", rill_strerror(RILL_ERR_NOMEM));
        return;
    }
    while (rill_routing_next(rill_core_routing(core), &cursor, &line)) {
        if ((!asked || is_asked_for(&line, prefix)) && (!later || compare(&line, &last) > 0))
            add(p, &line);
    }
    answer(p, out);
    rill_free(rill_allocator_default(), p);
}

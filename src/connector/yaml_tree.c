/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/yaml_tree.h"

#include <string.h>
#include <yaml.h>

#include <rill/error.h>

#include "base/alloc.h"

enum { LARGEST = 64 * 1024 * 1024 };

/* A sequence or a mapping that is not complete yet. */
typedef struct frame {
    uint32_t node;
    uint32_t last; /* in it; 0: none yet */
} frame;

typedef struct anchor {
    uint32_t name; /* where it begins in the text */
    uint32_t node;
} anchor;

typedef struct builder {
    rill_yaml_tree *tree;
    frame *frames;
    size_t depth;
    size_t frame_cap;
    anchor *anchors;
    size_t anchor_count;
    size_t anchor_cap;
    rill_yaml_problem *problem;
} builder;

/* The array, with room for so many. NULL: no memory, and it is as it was. */
static void *with_room(const rill_allocator *allocator, void *array, size_t *cap, size_t count,
                       size_t size)
{
    size_t more = *cap == 0 ? 64 : *cap;
    if (count <= *cap)
        return array;
    while (more < count)
        more *= 2;
    void *grown = rill_realloc_array(allocator, array, more, size);
    if (grown != NULL)
        *cap = more;
    return grown;
}

/* Where it is in the text from now on. RILL_ERR_NOMEM. */
static int put_text(rill_yaml_tree *t, const void *bytes, size_t len, uint32_t *out)
{
    char *text = with_room(t->allocator, t->text, &t->text_cap, t->text_len + len + 1, 1);
    if (text == NULL)
        return RILL_ERR_NOMEM;
    t->text = text;
    *out = (uint32_t)t->text_len;
    if (len > 0)
        memcpy(text + t->text_len, bytes, len);
    text[t->text_len + len] = '\0';
    t->text_len += len + 1;
    return RILL_OK;
}

static int malformed(const builder *b, const yaml_mark_t *mark, const char *what)
{
    *b->problem = (rill_yaml_problem){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1, what};
    return RILL_ERR_MALFORMED;
}

/* ---- nodes ---- */

/* The last thing in what is not complete yet. RILL_ERR_NOMEM. */
static int add_node(builder *b, rill_yaml_kind kind, const yaml_mark_t *mark, uint32_t *out)
{
    rill_yaml_tree *t = b->tree;
    rill_yaml_node *nodes =
        with_room(t->allocator, t->nodes, &t->cap, t->count + 1, sizeof *t->nodes);
    if (nodes == NULL)
        return RILL_ERR_NOMEM;
    const uint32_t at = (uint32_t)t->count++;
    t->nodes = nodes;
    nodes[at] = (rill_yaml_node){.line = (uint32_t)mark->line + 1,
                                 .column = (uint32_t)mark->column + 1,
                                 .kind = (uint8_t)kind};
    if (b->depth > 0) {
        frame *in = &b->frames[b->depth - 1];
        if (in->last == 0)
            nodes[in->node].first = at;
        else
            nodes[in->last].next = at;
        nodes[in->node].count++;
        in->last = at;
    }
    *out = at;
    return RILL_OK;
}

static const anchor *find_anchor(const builder *b, const yaml_char_t *name)
{
    for (size_t i = 0; i < b->anchor_count; i++) {
        if (strcmp(b->tree->text + b->anchors[i].name, (const char *)name) == 0)
            return &b->anchors[i];
    }
    return NULL;
}

/* name NULL: it has none. */
static int add_anchor(builder *b, const yaml_char_t *name, const yaml_mark_t *mark, uint32_t node)
{
    anchor added = {.node = node};
    if (name == NULL)
        return RILL_OK;
    if (find_anchor(b, name) != NULL)
        return malformed(b, mark, "second occurrence");
    anchor *anchors = with_room(b->tree->allocator, b->anchors, &b->anchor_cap, b->anchor_count + 1,
                                sizeof *anchors);
    if (anchors == NULL)
        return RILL_ERR_NOMEM;
    b->anchors = anchors;
    int rc = put_text(b->tree, name, strlen((const char *)name), &added.name);
    if (rc == RILL_OK)
        b->anchors[b->anchor_count++] = added;
    return rc;
}

static int add_scalar(builder *b, const yaml_event_t *e)
{
    uint32_t at = 0;
    uint32_t text = 0;
    int rc = add_node(b, RILL_YAML_SCALAR, &e->start_mark, &at);
    if (rc == RILL_OK)
        rc = put_text(b->tree, e->data.scalar.value, e->data.scalar.length, &text);
    if (rc != RILL_OK)
        return rc;
    rill_yaml_node *node = &b->tree->nodes[at];
    node->first = text;
    node->count = (uint32_t)e->data.scalar.length;
    node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return add_anchor(b, e->data.scalar.anchor, &e->start_mark, at);
}

static int add_alias(builder *b, const yaml_event_t *e)
{
    uint32_t at = 0;
    const anchor *known = find_anchor(b, e->data.alias.anchor);
    if (known == NULL)
        return malformed(b, &e->start_mark, "found undefined alias");
    const uint32_t node = known->node;
    int rc = add_node(b, RILL_YAML_ALIAS, &e->start_mark, &at);
    if (rc == RILL_OK)
        b->tree->nodes[at].first = node;
    return rc;
}

static int begin(builder *b, rill_yaml_kind kind, const yaml_event_t *e, const yaml_char_t *name)
{
    uint32_t at = 0;
    int rc = add_node(b, kind, &e->start_mark, &at);
    if (rc == RILL_OK)
        rc = add_anchor(b, name, &e->start_mark, at);
    if (rc != RILL_OK)
        return rc;
    frame *frames =
        with_room(b->tree->allocator, b->frames, &b->frame_cap, b->depth + 1, sizeof *frames);
    if (frames == NULL)
        return RILL_ERR_NOMEM;
    b->frames = frames;
    b->frames[b->depth++] = (frame){.node = at};
    return RILL_OK;
}

static int take(builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return add_scalar(b, e);
    case YAML_ALIAS_EVENT:
        return add_alias(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return begin(b, RILL_YAML_SEQUENCE, e, e->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return begin(b, RILL_YAML_MAPPING, e, e->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return RILL_OK;
    default:
        return RILL_OK;
    }
}

/* ---- reading ---- */

/* What comes after the first document is not looked at. */
static int read_events(builder *b, yaml_parser_t *parser)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser->error == YAML_MEMORY_ERROR
                       ? RILL_ERR_NOMEM
                       : malformed(b, &parser->problem_mark,
                                   parser->problem == NULL ? "cannot be read" : parser->problem);
        int rc = take(b, &event);
        more = event.type != YAML_DOCUMENT_END_EVENT && event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (rc != RILL_OK)
            return rc;
    }
    return RILL_OK;
}

int rill_yaml_read(rill_yaml_tree *t, const rill_allocator *allocator, const char *text, size_t len,
                   rill_yaml_problem *problem)
{
    builder b = {.tree = t, .problem = problem};
    yaml_parser_t parser;
    *t = (rill_yaml_tree){.allocator = allocator};
    if (len > LARGEST) {
        *problem = (rill_yaml_problem){1, 1, "it is too large"};
        return RILL_ERR_MALFORMED;
    }
    if (!yaml_parser_initialize(&parser))
        return RILL_ERR_NOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    int rc = read_events(&b, &parser);
    yaml_parser_delete(&parser);
    rill_free(allocator, b.frames);
    rill_free(allocator, b.anchors);
    return rc;
}

void rill_yaml_clear(rill_yaml_tree *t)
{
    rill_free(t->allocator, t->nodes);
    rill_free(t->allocator, t->text);
    *t = (rill_yaml_tree){.allocator = t->allocator};
}

void rill_yaml_fit(rill_yaml_tree *t)
{
    rill_yaml_node *nodes =
        t->count == 0 ? NULL
                      : rill_realloc_array(t->allocator, t->nodes, t->count, sizeof *t->nodes);
    char *text =
        t->text_len == 0 ? NULL : rill_realloc_array(t->allocator, t->text, t->text_len, 1);
    if (nodes != NULL) {
        t->nodes = nodes;
        t->cap = t->count;
    }
    if (text != NULL) {
        t->text = text;
        t->text_cap = t->text_len;
    }
}

/* ---- looking ---- */

const rill_yaml_node *rill_yaml_root(const rill_yaml_tree *t)
{
    return t->count == 0 ? NULL : t->nodes;
}

const rill_yaml_node *rill_yaml_first(const rill_yaml_tree *t, const rill_yaml_node *in)
{
    return in->count == 0 ? NULL : &t->nodes[in->first];
}

const rill_yaml_node *rill_yaml_next(const rill_yaml_tree *t, const rill_yaml_node *node)
{
    return node->next == 0 ? NULL : &t->nodes[node->next];
}

const rill_yaml_node *rill_yaml_value(const rill_yaml_tree *t, const rill_yaml_node *node)
{
    return node->kind == RILL_YAML_ALIAS ? &t->nodes[node->first] : node;
}

const char *rill_yaml_text(const rill_yaml_tree *t, const rill_yaml_node *scalar)
{
    return t->text + scalar->first;
}

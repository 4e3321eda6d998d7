/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first document of a YAML text as a tree. A configuration may have a million values, so each
 * takes 24 bytes and its text, and all are given back in two pieces.
 */
#ifndef RILL_CONNECTOR_YAML_TREE_H
#define RILL_CONNECTOR_YAML_TREE_H

#include <rill/types.h>

typedef enum rill_yaml_kind {
    RILL_YAML_SCALAR,
    RILL_YAML_SEQUENCE,
    RILL_YAML_MAPPING, /* keys and values by turns */
    RILL_YAML_ALIAS    /* stands for another one; see rill_yaml_value */
} rill_yaml_kind;

typedef struct rill_yaml_node {
    uint32_t line; /* 1 for the first */
    uint32_t column;
    uint32_t next; /* behind it in what it is in; 0: nothing */
    uint32_t
        first; /* SCALAR: where its text begins. ALIAS: for which it stands. Else what is in it */
    uint32_t count; /* SCALAR: bytes of its text. Else how many are in it, keys and values */
    uint8_t kind;   /* rill_yaml_kind */
    bool plain;     /* SCALAR: without quotes */
} rill_yaml_node;

typedef struct rill_yaml_tree {
    const rill_allocator *allocator;
    rill_yaml_node *nodes; /* the root is the first */
    size_t count;
    size_t cap;
    char *text; /* of all scalars, a NUL after each */
    size_t text_len;
    size_t text_cap;
} rill_yaml_tree;

typedef struct rill_yaml_problem {
    uint32_t line;
    uint32_t column;
    const char *what; /* static */
} rill_yaml_problem;

/*
 * Reads at most 64 MiB. Whatever comes out, it is to be cleared. RILL_ERR_MALFORMED: *problem says
 * why. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_yaml_read(rill_yaml_tree *t, const rill_allocator *allocator,
                                   const char *text, size_t len, rill_yaml_problem *problem);
void rill_yaml_clear(rill_yaml_tree *t);
/* Of one that is to stay: gives back what it does not need. */
void rill_yaml_fit(rill_yaml_tree *t);

/* NULL: there is no document. */
const rill_yaml_node *rill_yaml_root(const rill_yaml_tree *t);
/* What is in a sequence or a mapping, in its order; NULL: nothing. */
const rill_yaml_node *rill_yaml_first(const rill_yaml_tree *t, const rill_yaml_node *in);
/* What comes after it; NULL: nothing. */
const rill_yaml_node *rill_yaml_next(const rill_yaml_tree *t, const rill_yaml_node *node);
/* The node itself, or the one for which an alias stands. It may contain what it is in. */
const rill_yaml_node *rill_yaml_value(const rill_yaml_tree *t, const rill_yaml_node *node);
/* Of a scalar, NUL-terminated; it may have other NULs. */
const char *rill_yaml_text(const rill_yaml_tree *t, const rill_yaml_node *scalar);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads YAML into structs, by tables that say which keys there are and what each may be. From the
 * same tables comes the JSON schema for editors, so that these cannot disagree.
 *
 * Every struct that is read begins with a rill_place: where in the file it stands, for errors that
 * are found later.
 */
#ifndef RILL_CONNECTOR_SHAPE_H
#define RILL_CONNECTOR_SHAPE_H

#include <rill/types.h>

#include "connector/yaml_tree.h"

typedef struct rill_place {
    uint32_t line; /* 1 for the first; 0: it is not in the file */
    uint32_t column;
} rill_place;

typedef enum rill_kind {
    RILL_KIND_TEXT,     /* const char * */
    RILL_KIND_NUMBER,   /* uint64_t, from min to max */
    RILL_KIND_LIMIT,    /* uint64_t, or "none": UINT64_MAX */
    RILL_KIND_DURATION, /* uint64_t: nanoseconds, written as 250ms, 30s, 5m or 2h */
    RILL_KIND_SIZE,     /* uint64_t: bytes, written as 500MiB or 2GiB */
    RILL_KIND_RATIO,    /* rill_ratio, above 0 */
    RILL_KIND_PART,     /* uint32_t: millionths, written as 0.002 or 0.2% */
    RILL_KIND_BOOL,     /* bool */
    RILL_KIND_MAYBE,    /* int: 0 or 1; another number by default */
    RILL_KIND_CHOICE,   /* int: which of choices */
    RILL_KIND_CHOICES,  /* unsigned: a bit for each of choices: a sequence, or one text */
    RILL_KIND_ASSET,    /* rill_config_asset, written as USD/2 */
    RILL_KIND_SECRET,   /* const char *: "file:PATH" or "env:NAME", as written */
    RILL_KIND_TOKEN,    /* the same that others show: its hash is enough, as "sha256:DIGITS" */
    RILL_KIND_STRUCT,   /* a struct of `of` */
    RILL_KIND_SHARED,   /* a pointer to one; to a single one from all that do not have it */
    RILL_KIND_LIST,     /* rill_items of structs of `of`: a sequence, or one that is alone */
    RILL_KIND_TEXTS,    /* rill_items of rill_text: a sequence, or one text */
    RILL_KIND_SECRETS,  /* the same of tokens */
    RILL_KIND_MAP,      /* rill_items of structs of `of`: keys are their names */
} rill_kind;

typedef struct rill_config_asset {
    char code[32];
    uint8_t scale;
} rill_config_asset;

typedef struct rill_items {
    void *items;
    size_t count;
} rill_items;

typedef struct rill_text {
    rill_place place;
    const char *text;
} rill_text;

typedef struct rill_shape rill_shape;

typedef struct rill_field {
    const char *key;
    const char *help; /* one sentence, for people */
    rill_kind kind;
    size_t offset;
    bool required;
    bool not_for_files; /* the node alone writes it: people are not told of it */
    uint64_t min;       /* of numbers, durations and sizes */
    uint64_t max;
    const char *const *choices; /* NULL ends them */
    const rill_shape *of;
} rill_field;

struct rill_shape {
    const char *name; /* "account", for errors */
    size_t size;
    const rill_field *fields;    /* key NULL ends them */
    size_t name_offset;          /* in a map: a const char *, which gets the key */
    void (*defaults)(void *out); /* NULL: zeros */
    const char *alone; /* the key of a text that stands for a whole struct of it; NULL: none */
};

/*
 * Memory that is given back in one piece. Small pieces lie side by side in blocks that grow with
 * their number, so that a piece costs its bytes and no more.
 */
typedef struct rill_arena {
    const rill_allocator *allocator;
    struct rill_arena_block *last; /* NULL: there is none yet */
} rill_arena;

void rill_arena_init(rill_arena *a, const rill_allocator *allocator);
void rill_arena_clear(rill_arena *a);
/* Zeros. NULL: no memory */
void *rill_arena_alloc(rill_arena *a, size_t size);
/* A copy of a text. NULL: no memory */
char *rill_arena_text(rill_arena *a, const char *text);

/* Called for each error: one line without the file's name, which never has a secret. */
typedef void rill_shape_report(void *user, rill_place place, const char *problem);

/*
 * Reads len bytes of YAML into out, which has shape->size bytes. What it points at is in the
 * arena. Every error is reported. RILL_ERR_MALFORMED: some were. RILL_ERR_NOMEM. RILL_ERR_LIMIT:
 * the file is too large (RILL_CONFIG_MAX).
 */
#define RILL_CONFIG_MAX ((size_t)16 * 1024 * 1024)
RILL_MUST_CHECK int rill_shape_read(const rill_shape *shape, void *out, rill_arena *arena,
                                    const char *text, size_t len, rill_shape_report *report,
                                    void *user);
/* The same of a text that was read before, and which is only looked at. */
RILL_MUST_CHECK int rill_shape_read_tree(const rill_shape *shape, void *out, rill_arena *arena,
                                         const rill_yaml_tree *tree, rill_shape_report *report,
                                         void *user);

/* The JSON schema (draft 2020-12) of a shape, NUL-terminated, in the arena. NULL: no memory. */
const char *rill_shape_schema(const rill_shape *shape, const char *title, rill_arena *arena);

#endif

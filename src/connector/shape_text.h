/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration says, in lines of text, by the same tables that it is read by: to tell what
 * is different in another one, and to keep it. A key that is added to the tables is among them by
 * itself.
 *
 * A line is "PATH\tVALUE\n". The path of one of several things ends with '+', and that of a
 * secret's print with '#'. There is a line for each value that is not the default.
 */
#ifndef RILL_CONNECTOR_SHAPE_TEXT_H
#define RILL_CONNECTOR_SHAPE_TEXT_H

#include "connector/shape.h"

/* Bytes of a path and of a value that is told. What is longer is cut. */
enum { RILL_SHAPE_PATH = 64, RILL_SHAPE_VALUE = 170, RILL_SHAPE_PRINT = 17 };

/* In a value: before the hash of what is not shown of it. */
#define RILL_SHAPE_REST '\x02'

typedef struct rill_lines {
    const rill_allocator *allocator;
    /*
     * 16 hexadecimal digits that are others if what is at `where` is another, so that it need not
     * be kept to see that it has changed. path: of the key. False: it has none. NULL: nothing has.
     */
    bool (*print)(void *user, const char *path, const char *where, char out[RILL_SHAPE_PRINT]);
    /* The same of a text that is not shown as a whole. */
    bool (*hash)(void *user, const char *text, char out[RILL_SHAPE_PRINT]);
    void *user;
    char *text; /* NUL-terminated once there is a byte; NULL */
    size_t len;
    size_t cap;
    bool no_memory; /* something is missing */
} rill_lines;

/* The functions stay; the text is gone, and its memory too. */
void rill_lines_clear(rill_lines *l);
void rill_lines_add(rill_lines *l, const char *path, const char *value);
/* As it is. */
void rill_lines_append(rill_lines *l, const char *text, size_t len);

/* One with the values that it has if nothing is said of it, in the arena. NULL: no memory. */
void *rill_shape_defaults(const rill_shape *shape, rill_arena *arena);
/* Do both say the same? */
bool rill_shape_same(const rill_shape *shape, const void *a, const void *b);
/*
 * Adds the lines of a struct. defaults: as of rill_shape_defaults; NULL: a line of every value.
 * skip: keys that are left out, NULL ends them; may be NULL.
 */
void rill_shape_write(rill_lines *out, const rill_shape *shape, const void *value,
                      const void *defaults, const char *const *skip);

typedef enum rill_difference {
    RILL_DIFFERENT,    /* another value */
    RILL_MORE,         /* one of several is there now; before is NULL */
    RILL_FEWER,        /* it is not there any more; now is NULL */
    RILL_OTHER_SECRET, /* it is named as before, and another one is there; both are NULL */
} rill_difference;

typedef void rill_shape_tell(void *user, rill_difference kind, const char *path, const char *before,
                             const char *now);

/*
 * Tells each difference, in the order of paths. defaults has the values of lines that are not
 * there, as rill_shape_write without defaults writes them. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_shape_compare(const rill_allocator *allocator, rill_bytes before,
                                       rill_bytes now, rill_bytes defaults, rill_shape_tell *tell,
                                       void *user);

#endif

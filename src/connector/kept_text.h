/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that a configuration was read from, for as long as it counts: what operators add is read
 * together with it, and the file may say something else by then. A large one is not kept in memory
 * but in a file without a name, which goes when it is closed, or its process ends.
 */
#ifndef RILL_CONNECTOR_KEPT_TEXT_H
#define RILL_CONNECTOR_KEPT_TEXT_H

#include <stddef.h>

#include <rill/error.h>

/* Bytes from which on a text is large. */
#define RILL_KEPT_TEXT_LARGE 65536

typedef struct rill_kept_text {
    int fd;     /* -1: it is in memory */
    char *text; /* NULL: it is in the file, or there is none */
    size_t len;
} rill_kept_text;

void rill_kept_text_init(rill_kept_text *k);
/*
 * Keeps another text, which was allocated with rill_allocator_default(), and frees it if it is in
 * the file. That is in the folder of `beside`. Where it cannot be written, the text stays in
 * memory.
 */
void rill_kept_text_take(rill_kept_text *k, char *text, size_t len, const char *beside);
/*
 * A copy of it, to be freed with rill_allocator_default(). RILL_ERR_NOMEM; RILL_ERR_IO: the file
 * cannot be read, or is shorter than it was.
 */
RILL_MUST_CHECK int rill_kept_text_read(const rill_kept_text *k, char **text, size_t *len);
void rill_kept_text_clear(rill_kept_text *k);

#endif

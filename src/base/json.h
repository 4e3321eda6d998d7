/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one JSON object (RFC 8259) where it stands, without a copy: for text with secrets in it,
 * which a library for JSON would leave in memory that it has freed.
 */
#ifndef RILL_BASE_JSON_H
#define RILL_BASE_JSON_H

#include <rill/error.h>
#include <rill/types.h>

/* Objects and arrays inside each other at most. */
#define RILL_JSON_DEPTH 16

/* A member to look for, by a name without anything to escape. */
typedef struct rill_json_member {
    const char *name;
    rill_bytes value; /* as it stands in the text; data is NULL where there is none */
} rill_json_member;

/*
 * Checks the whole text, and finds the members of the outermost object that are looked for.
 * RILL_ERR_MALFORMED: not one JSON object, or a member that is looked for comes twice;
 * RILL_ERR_TOO_LARGE: deeper than RILL_JSON_DEPTH.
 */
RILL_MUST_CHECK int rill_json_find(const char *text, size_t len, rill_json_member *members,
                                   size_t count);

/*
 * A value that rill_json_find found, as NUL-terminated text in out[cap].
 * RILL_ERR_MALFORMED: not a string, or of characters that are not ASCII; RILL_ERR_BUFFER.
 */
RILL_MUST_CHECK int rill_json_ascii(rill_bytes value, char *out, size_t cap);

#endif

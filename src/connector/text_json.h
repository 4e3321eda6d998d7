/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that people wrote, as JSON. */
#ifndef RILL_CONNECTOR_TEXT_JSON_H
#define RILL_CONNECTOR_TEXT_JSON_H

#include <jansson.h>

/*
 * A text, or the beginning of it that is UTF-8: it may have been cut amid a character, or come from
 * a store that somebody has edited. NULL stands for an empty one. Returns NULL without memory.
 */
json_t *rill_text_json(const char *text);

#endif

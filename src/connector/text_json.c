/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/text_json.h"

#include <string.h>

json_t *rill_text_json(const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    json_t *value = json_stringn(text == NULL ? "" : text, len);
    while (value == NULL && len > 0)
        value = json_stringn(text, --len);
    return value;
}

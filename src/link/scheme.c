/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "link/scheme.h"

#include <string.h>
#include <strings.h>

const rill_scheme *rill_scheme_of(const rill_scheme *schemes, const char *uri)
{
    const char *end = strstr(uri, "://");
    if (end == NULL)
        return NULL;
    for (const rill_scheme *s = schemes; s->name != NULL; s++) {
        size_t len = strlen(s->name);
        if ((size_t)(end - uri) == len && strncasecmp(uri, s->name, len) == 0)
            return s;
    }
    return NULL;
}

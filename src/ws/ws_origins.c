/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "ws/ws_origins.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"

int rill_ws_origins_copy(const char *const **out, const rill_allocator *a,
                         const char *const *origins)
{
    size_t count = 0;
    size_t bytes = 0;
    *out = NULL;
    for (; origins != NULL && origins[count] != NULL; count++)
        bytes += strlen(origins[count]) + 1;
    /* The texts stand behind the list. */
    const char **copy = rill_alloc(a, (count + 1) * sizeof *copy + bytes);
    if (copy == NULL)
        return RILL_ERR_NOMEM;
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(origins[i]) + 1;
        memcpy(text, origins[i], size);
        copy[i] = text;
        text += size;
    }
    copy[count] = NULL;
    *out = copy;
    return RILL_OK;
}

void rill_ws_origins_free(const rill_allocator *a, const char *const *origins)
{
    rill_free(a, (void *)(uintptr_t)origins);
}

bool rill_ws_origins_have(const char *const *origins, const char *origin)
{
    for (const char *const *o = origins; o != NULL && *o != NULL; o++)
        if (strcmp(*o, "*") == 0 || strcasecmp(*o, origin) == 0)
            return true;
    return false;
}

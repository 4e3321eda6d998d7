/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/print_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "files/file.h"

enum { PATH = 1024 };

static const char *make(const char *path, rill_crypto *crypto, uint8_t key[RILL_PRINT_KEY])
{
    if (rill_crypto_random(crypto, key, RILL_PRINT_KEY) != RILL_OK)
        return "there are no random bytes";
    return rill_file_create(path, (const char *)key, RILL_PRINT_KEY) == 0 ? NULL
                                                                          : "it cannot be written";
}

const char *rill_print_key_find(const char *books, rill_crypto *crypto, uint8_t key[RILL_PRINT_KEY])
{
    char path[PATH];
    char text[RILL_PRINT_KEY + 1];
    uint8_t fresh[RILL_PRINT_KEY];
    size_t len = 0;
    bool exposed = false;
    const char *problem = NULL;
    const int needed = snprintf(path, sizeof path, "%s.key", books);
    if (needed < 0 || (size_t)needed >= sizeof path)
        return "its path is too long";
    const int error = rill_file_read(path, text, sizeof text, &len, &exposed);
    if (error == ENOENT)
        problem = make(path, crypto, fresh);
    else if (error != 0)
        problem = "it cannot be read";
    else if (exposed)
        problem = "others than its owner can read it";
    else if (len != RILL_PRINT_KEY)
        problem = "it has not 32 bytes";
    else
        memcpy(fresh, text, sizeof fresh);
    if (problem == NULL)
        memcpy(key, fresh, sizeof fresh);
    rill_wipe(fresh, sizeof fresh);
    rill_wipe(text, sizeof text);
    return problem;
}

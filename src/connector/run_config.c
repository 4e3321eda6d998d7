/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's file. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/run_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static int read_file(const rill_connector_options *o, rill_arena *arena, const char **text,
                     size_t *len)
{
    FILE *file = fopen(o->config, "r");
    int error = errno;
    if (file == NULL) {
        rill_connector_say(o, strerror(error));
        return error == ENOENT ? RILL_ERR_NOT_FOUND : RILL_ERR_IO;
    }
    char *all = rill_arena_alloc(arena, RILL_CONFIG_MAX + 1);
    int rc = all == NULL ? RILL_ERR_NOMEM : RILL_OK;
    if (rc == RILL_OK) {
        *len = fread(all, 1, RILL_CONFIG_MAX + 1, file);
        error = errno;
        rc = ferror(file) != 0 ? RILL_ERR_IO : *len > RILL_CONFIG_MAX ? RILL_ERR_LIMIT : RILL_OK;
    }
    (void)fclose(file);
    if (rc != RILL_OK)
        rill_connector_say(o, rc == RILL_ERR_LIMIT ? "is larger than 16 MiB"
                              : rc == RILL_ERR_IO  ? strerror(error)
                                                   : rill_strerror(rc));
    *text = all;
    return rc;
}

int rill_connector_read(const rill_connector_options *o, rill_config *out, rill_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    rill_arena file;
    rill_arena_init(&file, memory());
    int rc = read_file(o, &file, &text, &len);
    if (rc == RILL_OK) {
        union {
            const rill_connector_options *given;
            void *user;
        } options = {.given = o};
        rc = rill_config_read(out, arena, text, len, rill_connector_problem, options.user);
        if (rc != RILL_OK && rc != RILL_ERR_MALFORMED)
            rill_connector_say(o, rill_strerror(rc));
    }
    rill_arena_clear(&file);
    return rc;
}

int rill_connector_check(const rill_connector_options *options)
{
    rill_arena arena;
    rill_config config;
    rill_arena_init(&arena, memory());
    int rc = rill_connector_read(options, &config, &arena);
    rill_arena_clear(&arena);
    return rc;
}

int rill_connector_find_socket(const rill_connector_options *options, char *out, size_t cap)
{
    rill_arena arena;
    rill_config config;
    rill_arena_init(&arena, memory());
    int rc = rill_connector_read(options, &config, &arena);
    if (rc == RILL_OK)
        rc = rill_config_socket(&config, out, cap);
    rill_arena_clear(&arena);
    return rc;
}

char *rill_connector_schema(void)
{
    rill_arena arena;
    char *copy = NULL;
    rill_arena_init(&arena, memory());
    const char *text = rill_config_schema(&arena);
    if (text != NULL)
        copy = rill_alloc(memory(), strlen(text) + 1);
    if (copy != NULL)
        memcpy(copy, text, strlen(text) + 1);
    rill_arena_clear(&arena);
    return copy;
}

void rill_connector_free_text(char *text)
{
    rill_free(memory(), text);
}

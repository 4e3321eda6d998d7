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

static int read_open(FILE *file, char **text, size_t *len, int *error)
{
    char *all = rill_alloc(memory(), RILL_CONFIG_MAX + 1);
    if (all == NULL)
        return RILL_ERR_NOMEM;
    *len = fread(all, 1, RILL_CONFIG_MAX + 1, file);
    *error = errno;
    int rc = ferror(file) != 0 ? RILL_ERR_IO : *len > RILL_CONFIG_MAX ? RILL_ERR_LIMIT : RILL_OK;
    char *fits = rc == RILL_OK ? rill_realloc_array(memory(), all, *len + 1, 1) : NULL;
    *text = fits != NULL ? fits : all;
    if (rc != RILL_OK) {
        rill_free(memory(), all);
        *text = NULL;
    }
    return rc;
}

int rill_connector_read_file(const rill_connector_options *o, char **text, size_t *len)
{
    FILE *file = fopen(o->config, "r");
    int error = errno;
    *text = NULL;
    if (file == NULL) {
        rill_connector_say(o, strerror(error));
        return error == ENOENT ? RILL_ERR_NOT_FOUND : RILL_ERR_IO;
    }
    int rc = read_open(file, text, len, &error);
    (void)fclose(file);
    if (rc != RILL_OK)
        rill_connector_say(o, rc == RILL_ERR_LIMIT ? "is larger than 16 MiB"
                              : rc == RILL_ERR_IO  ? strerror(error)
                                                   : rill_strerror(rc));
    return rc;
}

const char *rill_connector_given_address(const rill_connector *c)
{
    return c->address[0] == '\0' ? NULL : c->address;
}

int rill_connector_read_text(const rill_connector_options *o, const char *text, size_t len,
                             const char *address, rill_overlay *overlay, rill_config *out,
                             rill_arena *arena)
{
    union {
        const rill_connector_options *given;
        void *user;
    } options = {.given = o};
    int rc = rill_config_read_with(out, arena, text, len, address, overlay, rill_connector_problem,
                                   options.user);
    if (rc != RILL_OK && rc != RILL_ERR_MALFORMED)
        rill_connector_say(o, rill_strerror(rc));
    return rc;
}

static int read_both(const rill_connector_options *o, rill_config *out, rill_arena *arena)
{
    char *text = NULL;
    size_t len = 0;
    int rc = rill_connector_read_file(o, &text, &len);
    if (rc == RILL_OK)
        rc = rill_connector_read_text(o, text, len, NULL, NULL, out, arena);
    rill_free(memory(), text);
    return rc;
}

void rill_connector_warn(const rill_connector_options *o, const rill_config *config,
                         const char *only)
{
    union {
        const rill_connector_options *given;
        void *user;
    } options = {.given = o};
    rill_config_warn(config, only, rill_connector_problem, options.user);
}

int rill_connector_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    return rill_config_secret(where, out, cap);
}

int rill_connector_check(const rill_connector_options *options)
{
    rill_arena arena;
    rill_config config;
    rill_arena_init(&arena, memory());
    int rc = read_both(options, &config, &arena);
    if (rc == RILL_OK)
        rill_connector_warn(options, &config, NULL);
    rill_arena_clear(&arena);
    return rc;
}

int rill_connector_find_socket(const rill_connector_options *options, char *out, size_t cap)
{
    rill_arena arena;
    rill_config config;
    rill_arena_init(&arena, memory());
    int rc = read_both(options, &config, &arena);
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

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_neighbours.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Tokens of one neighbour at most: more than one is for the time in which they change. */
#define MAX_TOKENS 16

typedef struct reading {
    const char *path;
    rill_node_port *const *ports;
    size_t port_count;
    char *problem;
    size_t cap;
} reading;

static bool wrong(const reading *r, const char *name, const char *what)
{
    (void)snprintf(r->problem, r->cap, "%s: neighbour \"%.100s\": %s", r->path, name, what);
    return false;
}

static bool read_tokens(const reading *r, const char *name, const json_t *list,
                        const char *tokens[MAX_TOKENS + 1])
{
    size_t count = json_array_size(list);
    if (count == 0 || count > MAX_TOKENS)
        return wrong(r, name, "\"tokens\" must be a list of 1 to 16 texts");
    for (size_t i = 0; i < count; i++) {
        tokens[i] = json_string_value(json_array_get(list, i));
        if (tokens[i] == NULL)
            return wrong(r, name, "\"tokens\" must be a list of 1 to 16 texts");
    }
    tokens[count] = NULL;
    return true;
}

/* A member that is a text, or is not there. */
static bool read_text(const reading *r, const char *name, const json_t *value, const char *key,
                      const char **out)
{
    char what[100];
    const json_t *member = json_object_get(value, key);
    *out = json_string_value(member);
    if (member == NULL || *out != NULL)
        return true;
    (void)snprintf(what, sizeof what, "\"%s\" must be a text", key);
    return wrong(r, name, what);
}

static bool is_known(const char *key)
{
    static const char *const known[] = {"tokens", "uri", "callback_url", "answers_url"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(key, known[i]) == 0)
            return true;
    }
    return false;
}

static bool add_one(const reading *r, const char *name, const json_t *value)
{
    const char *tokens[MAX_TOKENS + 1];
    const char *key;
    const json_t *member;
    const char *problem = NULL;
    const char *uri;
    rill_link_options options;
    rill_link_options_init(&options);
    if (!json_is_object(value))
        return wrong(r, name, "must be an object with \"tokens\" and, if it is asked, \"uri\"");
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (!is_known(key))
            return wrong(
                r, name,
                "only \"tokens\", \"uri\", \"callback_url\" and \"answers_url\" are known");
    }
    if (!read_text(r, name, value, "uri", &uri) ||
        !read_text(r, name, value, "callback_url", &options.callback_url) ||
        !read_text(r, name, value, "answers_url", &options.answers_url) ||
        !read_tokens(r, name, json_object_get(value, "tokens"), tokens))
        return false;
    for (size_t i = 0; i < r->port_count; i++) {
        rill_node_neighbour neighbour;
        rill_node_neighbour_init(&neighbour);
        neighbour.name = name;
        neighbour.tokens = tokens;
        neighbour.uri = uri;
        neighbour.link_options = &options;
        if (rill_node_port_add_neighbour(r->ports[i], &neighbour, &problem) != RILL_OK)
            return wrong(r, name, problem);
    }
    return true;
}

static bool add_all(const reading *r, const json_t *file)
{
    const char *name;
    const json_t *value;
    if (!json_is_object(file)) {
        (void)snprintf(r->problem, r->cap, "%s: must be an object: {\"NAME\": {\"tokens\": [...]}}",
                       r->path);
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)file, name,
                        value) if (!add_one(r, name, value)) return false;
    return true;
}

bool rilld_neighbours_add(const char *path, rill_node_port *const *ports, size_t port_count,
                          bool *readable, char *problem, size_t cap)
{
    const reading r = {path, ports, port_count, problem, cap};
    json_error_t error;
    struct stat status;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        (void)snprintf(problem, cap, "%s: %s", path, strerror(errno));
        if (file != NULL)
            (void)fclose(file);
        return false;
    }
    *readable = S_ISREG(status.st_mode) && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    (void)fclose(file);
    if (root == NULL) {
        /* The library's own words may have a part of the file in them. */
        (void)snprintf(problem, cap, "%s: line %d is not JSON, or has a name twice", path,
                       error.line);
        return false;
    }
    bool done = add_all(&r, root);
    json_decref(root);
    return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours over HTTP that are known before they come. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "links/port.h"
#include "serve/node_impl.h"

void rill_node_neighbour_init_sized(rill_node_neighbour *neighbour, size_t size)
{
    const rill_node_neighbour defaults = {.name = NULL};
    rill_sized_init(neighbour, size, &defaults, sizeof defaults);
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static int add(rill_node_port *p, const rill_node_neighbour *given,
               const rill_link_options *options, const char **problem)
{
    size_t count = 0;
    while (given->tokens[count] != NULL)
        count++;
    rill_bytes *tokens = rill_calloc(rill_allocator_default(), count + 1, sizeof *tokens);
    *problem = rill_strerror(RILL_ERR_NOMEM);
    if (tokens == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        tokens[i] = bytes_of(given->tokens[i]);
    const rill_link_account account = {
        .name = bytes_of(given->name),
        .tokens = tokens,
        .token_count = count,
        .uri = given->uri,
        .options = options,
    };
    int error = rill_port_add_http_account(p->port, &account, problem);
    rill_free(rill_allocator_default(), tokens);
    return error;
}

static const char *neighbour_problem(const rill_node_neighbour *neighbour)
{
    if (neighbour->name == NULL || neighbour->name[0] == '\0')
        return "a neighbour needs a name";
    return neighbour->tokens == NULL ? "a neighbour needs a token" : NULL;
}

int rill_node_port_add_neighbour(rill_node_port *p, const rill_node_neighbour *neighbour,
                                 const char **problem)
{
    const char *ignored;
    rill_node_neighbour full;
    rill_link_options options;
    if (problem == NULL)
        problem = &ignored;
    rill_node_neighbour_init(&full);
    rill_link_options_init(&options);
    int error = rill_sized_take(&full, sizeof full, neighbour);
    if (error == RILL_OK && full.link_options != NULL)
        error = rill_sized_take(&options, sizeof options, full.link_options);
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    *problem = neighbour_problem(&full);
    if (*problem != NULL)
        return RILL_ERR_INVALID;
    *problem = "the port is closed";
    if (p->closing || p->owner->stopped)
        return RILL_ERR_CLOSED;
    error = add(p, &full, &options, problem);
    if (error == RILL_ERR_AUTH)
        *problem = "the name is another's, or has characters that an ILP address cannot have";
    return error;
}

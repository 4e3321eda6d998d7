/* SPDX-License-Identifier: Apache-2.0 */
/* How a link begins: what the program gave is checked, and the scheme of its URI opens it. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <strings.h>

#include "base/sized.h"
#include "link/link_impl.h"
#include "link/pool.h"
#include "link/scheme.h"

void rill_link_options_init_sized(rill_link_options *o, size_t size)
{
    const rill_link_options defaults = {
        .connect_timeout_ns = 10 * RILL_SECOND,
        .reconnect = true,
        .verify = true,
        .connections = 1,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* Those that a link calls without looking. */
static bool complete(const rill_link_handlers *h)
{
    return h->up != NULL && h->down != NULL && h->prepare != NULL && h->reply != NULL &&
           h->unanswered != NULL && h->writable != NULL && h->closed != NULL;
}

/* NULL where the reply's place is one that this link can have. */
static const char *callback_problem(const rill_link_options *o, const char *uri)
{
    if (o->callback_url == NULL)
        return o->answers_url == NULL ? NULL : "answers_url is for a link with a callback_url";
    if (strncasecmp(uri, "ilp+h", 5) != 0)
        return "only ILP over HTTP has asynchronous replies";
    return o->connections == 1 ? NULL
                               : "a link with a callback_url opens as many connections as it needs "
                                 "by itself: leave out connections";
}

int rill_link_open_for_account(rill_link **out, rill_loop *loop, const char *uri,
                               const rill_link_options *given_options,
                               const rill_link_handlers *given_handlers, void *user,
                               const char **problem)
{
    rill_link_options options;
    rill_link_handlers handlers = {.size = sizeof(rill_link_handlers), 0};
    const char *ignored;
    if (problem == NULL)
        problem = &ignored;
    *problem = NULL;
    rill_link_options_init(&options);
    int err = given_options ? rill_sized_take(&options, sizeof options, given_options) : RILL_OK;
    if (err == RILL_OK)
        err = rill_sized_take(&handlers, sizeof handlers, given_handlers);
    if (err != RILL_OK) {
        *problem = rill_options_problem(err);
        return err;
    }
    if (strstr(uri, "://") == NULL) {
        *problem = "it does not begin with a scheme, such as btp+ws://";
        return RILL_ERR_URI;
    }
    const rill_scheme *scheme = rill_scheme_of(rill_schemes, uri);
    if (scheme == NULL) {
        *problem = "its scheme is not btp+ws, btp+wss, ilp+http or ilp+https";
        return RILL_ERR_UNSUPPORTED;
    }
    if (!complete(&handlers)) {
        *problem = "a handler of the link is missing";
        return RILL_ERR_INVALID;
    }
    if ((options.cert_file == NULL) != (options.key_file == NULL)) {
        *problem = "a certificate and its key belong together";
        return RILL_ERR_INVALID;
    }
    if (options.connections == 0 || options.connections > RILL_LINK_POOL_MAX) {
        *problem = "a link has 1 to 16 connections";
        return RILL_ERR_INVALID;
    }
    *problem = callback_problem(&options, uri);
    if (*problem != NULL)
        return RILL_ERR_INVALID;
    if (options.connections > 1)
        return rill_link_pool_open(out, loop, scheme, uri, options.connections, &options, &handlers,
                                   user, problem);
    return scheme->open(out, loop, uri, &options, &handlers, user, problem);
}

int rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                   const rill_link_options *given_options, const rill_link_handlers *given_handlers,
                   void *user, const char **problem)
{
    rill_link_options options;
    rill_link_options_init(&options);
    if (given_options != NULL &&
        rill_sized_take(&options, sizeof options, given_options) == RILL_OK &&
        options.callback_url != NULL) {
        if (problem != NULL)
            *problem = "asynchronous replies come to a node's port: a link of its own has none";
        return RILL_ERR_STATE;
    }
    return rill_link_open_for_account(out, loop, uri, given_options, given_handlers, user, problem);
}

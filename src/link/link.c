/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/sized.h"
#include "link/link_impl.h"

typedef int opener(rill_link **out, rill_loop *loop, const char *uri,
                   const rill_link_options *options, const rill_link_handlers *handlers, void *user,
                   const char **problem);

/* What comes before the :// of a URI, and who understands the rest. */
static const struct {
    const char *scheme;
    opener *open;
} schemes[] = {
    {"btp+ws", rill_btp_client_open},
    {"btp+wss", rill_btp_client_open},
};

void rill_link_options_init_sized(rill_link_options *o, size_t size)
{
    const rill_link_options defaults = {
        .connect_timeout = 10 * RILL_SECOND,
        .reconnect = true,
        .verify = true,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

int rill_link_open(rill_link **out, rill_loop *loop, const char *uri,
                   const rill_link_options *given_options, const rill_link_handlers *given_handlers,
                   void *user, const char **problem)
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
    const char *end = strstr(uri, "://");
    if (end == NULL) {
        *problem = "it does not begin with a scheme, such as btp+ws://";
        return RILL_ERR_URI;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].scheme);
        if ((size_t)(end - uri) == len && strncasecmp(uri, schemes[i].scheme, len) == 0)
            return schemes[i].open(out, loop, uri, &options, &handlers, user, problem);
    }
    *problem = "its scheme is not btp+ws or btp+wss";
    return RILL_ERR_UNSUPPORTED;
}

bool rill_link_is_up(const rill_link *l)
{
    return l->ops->is_up(l);
}

void rill_waiting_set(rill_waiting *out, rill_wait reason, const char *more)
{
    bool any = more != NULL && *more != '\0';
    out->reason = reason;
    snprintf(out->text, sizeof out->text, "%s%s%s", rill_wait_text(reason), any ? ": " : "",
             any ? more : "");
}

void rill_link_waiting_sized(const rill_link *l, rill_waiting *out, size_t size)
{
    rill_waiting waiting = {.until = RILL_NEVER};
    rill_waiting_set(&waiting, RILL_WAIT_NOTHING, NULL);
    if (l->waiting != NULL)
        l->waiting(l, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

int rill_link_send(rill_link *l, uint64_t cookie, const uint8_t *packet, size_t len)
{
    return l->ops->send(l, cookie, packet, len);
}

int rill_link_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    return l->ops->reply(l, request, packet, len);
}

void rill_link_close(rill_link *l)
{
    l->ops->close(l);
}

void rill_link_set_user(rill_link *l, void *user)
{
    l->user = user;
}

void *rill_link_user(const rill_link *l)
{
    return l->user;
}

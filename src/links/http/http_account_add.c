/* SPDX-License-Identifier: Apache-2.0 */
/* Adding an account: what it is given, checked. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/alloc.h"
#include "links/http/server_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static char *copy_of(rill_bytes text)
{
    char *copy = rill_alloc(memory(), text.len + 1);
    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool copy_text(char **out, const char *text)
{
    if (text != NULL)
        *out = copy_of((rill_bytes){(const uint8_t *)text, strlen(text)});
    return text == NULL || *out != NULL;
}

static int make(http_session *session, const rill_link_account *given)
{
    http_account *a =
        rill_calloc(memory(), 1, sizeof *a + (given->token_count - 1) * sizeof a->more[0]);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    session->account = a;
    rill_link_options_init(&a->options);
    if (given->options != NULL)
        a->options = *given->options;
    a->name = copy_of(given->name);
    if (!copy_text(&a->uri, given->uri) || !copy_text(&a->callback_url, a->options.callback_url) ||
        !copy_text(&a->answers_url, a->options.answers_url) || a->name == NULL)
        return RILL_ERR_NOMEM;
    session->link.only_asks = a->uri == NULL;
    a->options.callback_url = a->callback_url;
    a->options.answers_url = a->answers_url;
    for (size_t i = 1; i < given->token_count; i++) {
        int error = rill_bearers_add(&session->server->bearers, given->tokens[i],
                                     (uint64_t)(uintptr_t)session, a->more[a->more_count]);
        if (error != RILL_OK)
            return error;
        a->more_count++;
    }
    return RILL_OK;
}

static const char *words(int error)
{
    switch (error) {
    case RILL_ERR_INVALID:
        return "a token is empty, longer than 4096 bytes, or has a character that none may have";
    case RILL_ERR_EXISTS:
        return "a token is there twice: each is good for one account";
    default:
        return rill_strerror(error);
    }
}

static bool is_http(const char *uri)
{
    return strncmp(uri, "ilp+http://", 11) == 0 || strncmp(uri, "ilp+https://", 12) == 0 ||
           strncmp(uri, "ilp+h2c://", 10) == 0;
}

int rill_http_link_server_add(rill_http_link_server *s, const rill_link_account *given,
                              const char **problem)
{
    http_session *session = NULL;
    *problem = "an account needs a token";
    if (given->token_count == 0)
        return RILL_ERR_INVALID;
    *problem = "the URI is not of ILP over HTTP: ilp+http:// or ilp+https://";
    if (given->uri != NULL && !is_http(given->uri))
        return RILL_ERR_UNSUPPORTED;
    *problem = "callback_url is for a neighbour with a URI, and with one connection";
    if (given->options != NULL && given->options->callback_url != NULL &&
        (given->uri == NULL || given->options->connections != 1))
        return RILL_ERR_INVALID;
    *problem = NULL;
    int error = s->closing ? RILL_ERR_CLOSED : http_session_make(s, given->tokens[0], &session);
    if (error == RILL_OK)
        error = make(session, given);
    if (error == RILL_OK && given->uri != NULL)
        error = http_account_open(session, problem);
    if (error != RILL_OK && session != NULL)
        http_session_close(session);
    if (error == RILL_OK)
        error = http_session_admit(session, given->name, given->tokens[0]);
    if (error != RILL_OK && *problem == NULL)
        *problem = words(error);
    return error;
}

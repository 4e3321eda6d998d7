/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' port of a node. Its names are those of its own header, so it is a file alone. */
#include "admin.h"

#include <stdio.h>
#include <string.h>

#include "connector/admin_api.h"

unsigned net_admin_post(rill_core *core, const char *path, const char *person, const char *body,
                        char *out, size_t cap)
{
    const rill_admin_request request = {
        .method = {(const uint8_t *)"POST", 4},
        .path = {(const uint8_t *)path, strlen(path)},
        .body = {(const uint8_t *)body, strlen(body)},
        .scopes = RILL_SCOPES_ALL,
        .person = person,
    };
    rill_admin_answer answer = {.status = 0};
    rill_admin_ask(core, NULL, &request, &answer);
    snprintf(out, cap, "%s", answer.body == NULL ? "" : answer.body);
    unsigned status = answer.status;
    rill_admin_free(&answer);
    return status;
}

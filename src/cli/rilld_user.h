/* SPDX-License-Identifier: Apache-2.0 */
/* Gives up the rights of root once they are not needed any more. */
#ifndef RILL_CLI_RILLD_USER_H
#define RILL_CLI_RILLD_USER_H

#include <sys/types.h>

#include <rill/api.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct rilld_user {
    uid_t uid;
    gid_t gid;
} rilld_user;

/*
 * Finds a user and a group by name or number. group NULL: the user's own. False: there is no such
 * user, or it is root; problem[cap] says so in one line.
 */
RILL_MUST_CHECK bool rilld_user_find(rilld_user *out, const char *user, const char *group,
                                     char *problem, size_t cap);
/*
 * Becomes that user, with that group and no other, for good. It tests that there is no way back;
 * otherwise it fails. False, and problem[cap].
 */
RILL_MUST_CHECK bool rilld_user_become(const rilld_user *user, char *problem, size_t cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up the rights of root, once what needed them is done. */
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
 * Who that is: names or numbers; group NULL: the user's own. False, and
 * problem[cap] says why, one line: there is none, or it is root.
 */
RILL_MUST_CHECK bool rilld_user_find(rilld_user *out, const char *user, const char *group,
                                     char *problem, size_t cap);
/*
 * Becomes that user, with that group and no other, for good: the way back is
 * tried, and is an error where it is open. False, and problem[cap].
 */
RILL_MUST_CHECK bool rilld_user_become(const rilld_user *user, char *problem, size_t cap);

#endif

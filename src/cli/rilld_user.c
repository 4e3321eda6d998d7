/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* setresuid, setgroups */

#include "cli/rilld_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rill/types.h>

/* The numbers that mean "no change" or "none" belong to nobody. */
static bool parse_id(const char *text, unsigned long *out)
{
    uint64_t number = 0;
    if (rill_amount_parse(text, &number) != 0 || number >= UINT32_MAX)
        return false;
    *out = (unsigned long)number;
    return true;
}

static bool find_group(rilld_user *out, const char *group, char *problem, size_t cap)
{
    unsigned long number;
    const struct group *found = getgrnam(group);
    if (found == NULL && !parse_id(group, &number)) {
        (void)snprintf(problem, cap, "--group %.100s: there is no such group", group);
        return false;
    }
    out->gid = found != NULL ? found->gr_gid : (gid_t)number;
    return true;
}

bool rilld_user_find(rilld_user *out, const char *user, const char *group, char *problem,
                     size_t cap)
{
    unsigned long number;
    const struct passwd *found = getpwnam(user);
    if (found == NULL && parse_id(user, &number)) {
        found = getpwuid((uid_t)number);
        if (found == NULL && group == NULL) {
            (void)snprintf(problem, cap,
                           "--user %.100s: this user has no name, so give --group too", user);
            return false;
        }
        out->uid = (uid_t)number;
    } else if (found == NULL) {
        (void)snprintf(problem, cap, "--user %.100s: there is no such user", user);
        return false;
    }
    if (found != NULL) {
        out->uid = found->pw_uid;
        out->gid = found->pw_gid;
    }
    if (group != NULL && !find_group(out, group, problem, cap))
        return false;
    if (out->uid == 0 || out->gid == 0) {
        (void)snprintf(problem, cap,
                       out->uid == 0 ? "--user %.100s: that is root"
                                     : "--user %.100s: its group is root's",
                       user);
        return false;
    }
    return true;
}

static bool is(const rilld_user *user)
{
    uid_t uid[3];
    gid_t gid[3];
    return getresuid(&uid[0], &uid[1], &uid[2]) == 0 && getresgid(&gid[0], &gid[1], &gid[2]) == 0 &&
           uid[0] == user->uid && uid[1] == user->uid && uid[2] == user->uid &&
           gid[0] == user->gid && gid[1] == user->gid && gid[2] == user->gid;
}

bool rilld_user_become(const rilld_user *user, char *problem, size_t cap)
{
    if (geteuid() != 0 && is(user))
        return true; /* somebody else has done it already, such as systemd or su */
    /* Groups first: after the change of user they could not be given up any more. */
    if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0) {
        (void)snprintf(problem, cap, "cannot become user %lu and group %lu: %s",
                       (unsigned long)user->uid, (unsigned long)user->gid, strerror(errno));
        return false;
    }
    bool back = setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0;
    if (back || !is(user) || getgroups(0, NULL) != 0) {
        (void)snprintf(problem, cap, "the rights of root could not be given up for good");
        return false;
    }
    return true;
}

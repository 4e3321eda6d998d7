/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector says: reports of what is wrong with its configuration, and lines of its log. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>

#include "connector/run_impl.h"

enum { LINE = 1024 };

void rill_connector_say(const rill_connector_options *o, const char *what)
{
    char line[LINE];
    if (o->report == NULL)
        return;
    snprintf(line, sizeof line, "%s: %s", o->config, what);
    o->report(o->report_user, line);
}

void rill_connector_problem(void *user, rill_place place, const char *problem)
{
    const rill_connector_options *o = user;
    char line[LINE];
    if (o->report == NULL)
        return;
    snprintf(line, sizeof line, "%s:%" PRIu32 ":%" PRIu32 ": %s", o->config, place.line,
             place.column, problem);
    o->report(o->report_user, line);
}

void rill_connector_line(void *user, rill_log_level level, const char *line)
{
    rill_connector *c = user;
    if (c->on.log != NULL)
        c->on.log(level, line, NULL, c->user);
}

void rill_connector_told(void *user, rill_log_level level, const char *line,
                         const rill_log_about *about)
{
    rill_connector *c = user;
    if (c->on.log != NULL)
        c->on.log(level, line, about, c->user);
}

void rill_connector_tell(const rill_connector *c, const char *line)
{
    if (c->on.told != NULL)
        c->on.told(line, c->user);
}

void rill_connector_entered(void *user, const rill_holder_account *a, const rill_store_entry *entry,
                            uint64_t group)
{
    rill_connector *c = user;
    if (c->admin != NULL)
        rill_admin_entered(c->admin, a, entry, group);
}

void rill_connector_merge_failed(void *user, const char *problem)
{
    rill_connector *c = user;
    char line[RILL_SQLITE_PROBLEM + 80];
    (void)snprintf(
        line, sizeof line,
        "sums of packets are not sealed, or old ones not merged, and it is tried again: %s",
        problem);
    rill_connector_line(c, RILL_LOG_WARNING, line);
}

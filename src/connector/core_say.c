/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "connector/core_impl.h"

void rill_core_complain(rill_core *c, rill_place place, const char *name, const char *what)
{
    char problem[400];
    snprintf(problem, sizeof problem, "%s: %s", name, what);
    c->problems++;
    c->report(c->report_user, place, problem);
}

void rill_core_leave_out(rill_core *c, rill_place place, const char *name, const char *what)
{
    if (c->beginning && place.line == 0 && place.column > 0)
        rill_log_line(&c->options.log, RILL_LOG_WARNING, "added by the API, and not used: %s: %s",
                      name, what);
    else
        rill_core_complain(c, place, name, what);
}

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

/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's port is, for programs: openapi.json. */
#include "connector/admin_answer.h"
#include "connector/openapi_json.h"

void rill_admin_openapi(rill_admin_answer *out)
{
    rill_admin_text(out, 200, "application/json", openapi_json);
}

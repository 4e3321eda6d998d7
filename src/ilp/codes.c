/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/ilp.h>
#include <string.h>

static const struct {
    rill_ilp_code code;
    const char *name;
} codes[] = {
#define RILL_ILP_CODE_X(id, code, name) {{code}, name},
    RILL_ILP_CODE_LIST(RILL_ILP_CODE_X)
#undef RILL_ILP_CODE_X
};

rill_ilp_code rill_ilp_code_of(rill_ilp_code_id id)
{
    /* Whatever id is, what is sent is a code: F00 is the catch-all of RFC 27. */
    unsigned index = (unsigned)id;
    return codes[index < RILL_ILP_CODE_UNKNOWN ? index : RILL_ILP_F00_BAD_REQUEST].code;
}

rill_ilp_code_id rill_ilp_code_find(rill_ilp_code code)
{
    for (unsigned i = 0; i < RILL_ILP_CODE_UNKNOWN; i++) {
        if (memcmp(codes[i].code.text, code.text, sizeof(code.text)) == 0)
            return (rill_ilp_code_id)i;
    }
    return RILL_ILP_CODE_UNKNOWN;
}

const char *rill_ilp_code_name(rill_ilp_code code)
{
    rill_ilp_code_id id = rill_ilp_code_find(code);
    return id == RILL_ILP_CODE_UNKNOWN ? "unknown code" : codes[id].name;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The page for operators, whose files are in src/connector/page. */
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/chart_js.h"
#include "connector/packets_js.h"
#include "connector/page_css.h"
#include "connector/page_html.h"
#include "connector/page_js.h"
#include "connector/plots_js.h"
#include "connector/stream_js.h"
#include "connector/tables_js.h"
#include "connector/text_js.h"

static const char js[] = "text/javascript; charset=utf-8";

static const struct {
    const char *path;
    const char *type;
    const char *text;
} parts[] = {
    {"/", "text/html; charset=utf-8", page_html},
    {"/page.css", "text/css; charset=utf-8", page_css},
    {"/page.js", js, page_js},
    {"/packets.js", js, packets_js},
    {"/plots.js", js, plots_js},
    {"/stream.js", js, stream_js},
    {"/tables.js", js, tables_js},
    {"/text.js", js, text_js},
    {"/chart.js", js, chart_js},
};

enum { PARTS = sizeof parts / sizeof *parts };

static size_t find(rill_bytes path)
{
    size_t i = 0;
    while (i < PARTS &&
           (strlen(parts[i].path) != path.len || memcmp(parts[i].path, path.data, path.len) != 0))
        i++;
    return i;
}

bool rill_admin_is_page(rill_bytes path)
{
    return find(path) < PARTS;
}

/* Parts of the page need no token: there is nothing of the node in them. */
void rill_admin_page(const rill_core *core, const rill_admin_request *request, rill_bytes path,
                     rill_admin_answer *out)
{
    size_t i = find(path);
    bool get = request->method.len == 3 && memcmp(request->method.data, "GET", 3) == 0;
    if (!rill_admin_is_our_name(request->from.host, &rill_core_config(core)->admin.names)) {
        rill_admin_refuse(out, 421,
                          "the page is shown under a numeric address, localhost, and what "
                          "\"names\" below \"admin\" in the configuration says");
    } else if (!get) {
        rill_admin_refuse(out, 405, "this resource takes GET");
        out->allow = "GET";
    } else {
        rill_admin_text(out, 200, parts[i].type, parts[i].text);
        out->page = true;
    }
}

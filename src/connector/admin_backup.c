/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of the books. By the socket a copy may be anywhere: who may open the socket is the node's
 * own user, who may write the same files without the node. By the port it is a name in one folder,
 * which the configuration has: a token may not make this node write elsewhere.
 */
#include <stdio.h>
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/when.h"

/* NULL: it is none of these. */
static json_t *time_json(uint64_t ms)
{
    char text[RILL_WHEN_TEXT];
    if (ms == 0)
        return json_null();
    rill_when_text(ms, text);
    return json_string(text);
}

void rill_admin_backup_state(const rill_admin_control *control, unsigned status,
                             rill_admin_answer *out)
{
    static const char *const states[] = {"none", "running", "done", "failed"};
    rill_admin_backup b;
    control->backup_state(control->user, &b);
    const bool none = b.state == RILL_BACKUP_NONE;
    rill_admin_json(out, status,
                    json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:o}", "state", states[b.state],
                              "file", none ? json_null() : rill_text_json(b.path), "begun",
                              time_json(b.begun_ms), "ended", time_json(b.ended_ms), "pages",
                              (json_int_t)b.pages, "copied", (json_int_t)b.copied, "problem",
                              rill_text_json(b.problem)));
}

/* Letters, digits and a few signs; nothing that leads out of the folder, or hides in it. */
static bool is_name(const char *file)
{
    enum { MOST = 200 };
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t len = strlen(file);
    return len > 0 && len <= MOST && file[0] != '.' && strspn(file, good) == len;
}

/* False: it has been refused. */
static bool find_path(const rill_core *core, const rill_admin_request *request, const char *file,
                      char path[RILL_BACKUP_PATH], rill_admin_answer *out)
{
    const char *folder = rill_core_config(core)->store.backups;
    const bool is_path = file[0] == '/';
    int len = 0;
    if (is_path && !request->local) {
        rill_admin_refuse(out, 400,
                          "by the port, file is a name in the folder \"backups\" of the "
                          "configuration's store");
        return false;
    }
    if (!is_path && !is_name(file)) {
        rill_admin_refuse(out, 400,
                          "file must be a name of letters, digits, \".\", \"_\" and \"-\"%s",
                          request->local ? ", or a path that begins with \"/\"" : "");
        return false;
    }
    if (!is_path && folder == NULL) {
        rill_admin_refuse(out, 409,
                          "the configuration's store has no folder \"backups\" for copies by name");
        return false;
    }
    if (is_path)
        len = snprintf(path, RILL_BACKUP_PATH, "%s", file);
    else
        len = snprintf(path, RILL_BACKUP_PATH, "%s/%s", folder, file);
    if (len > 0 && len < RILL_BACKUP_PATH)
        return true;
    rill_admin_refuse(out, 400, "the path has at most %d bytes", RILL_BACKUP_PATH - 1);
    return false;
}

static bool is_running(const rill_admin_control *control)
{
    rill_admin_backup b;
    control->backup_state(control->user, &b);
    return b.state == RILL_BACKUP_RUNS;
}

void rill_admin_begin_backup(rill_core *core, const rill_admin_control *control,
                             const rill_admin_request *request, const json_t *object,
                             rill_admin_answer *out)
{
    char path[RILL_BACKUP_PATH];
    char what[RILL_ENTRY_TEXT_MAX + 1];
    const char *file = json_string_value(json_object_get(object, "file"));
    const json_t *force = json_object_get(object, "force");
    const char *who = rill_admin_who(object, out);
    if (who == NULL)
        return;
    if (file == NULL || (force != NULL && !json_is_boolean(force))) {
        rill_admin_refuse(out, 400, "file must be a string, and force true or false");
        return;
    }
    if (!find_path(core, request, file, path, out))
        return;
    if (is_running(control)) {
        rill_admin_refuse(out, 409, "a copy of the books is being made already");
        return;
    }
    (void)snprintf(what, sizeof what, "backup to %.200s", path);
    int rc = rill_core_note(core, NULL, who, what);
    if (rc == RILL_OK)
        rc = control->backup(control->user, path, file[0] != '/', json_is_true(force));
    if (rc == RILL_OK)
        rill_admin_backup_state(control, 202, out);
    else
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
}

void rill_admin_stop_backup(rill_core *core, const rill_admin_control *control,
                            const json_t *object, rill_admin_answer *out)
{
    char what[RILL_ENTRY_TEXT_MAX + 1];
    rill_admin_backup b;
    const char *who = rill_admin_who(object, out);
    if (who == NULL)
        return;
    control->backup_state(control->user, &b);
    if (b.state != RILL_BACKUP_RUNS) {
        rill_admin_refuse(out, 409, "no copy of the books is being made");
        return;
    }
    (void)snprintf(what, sizeof what, "backup to %.200s stopped", b.path);
    int rc = rill_core_note(core, NULL, who, what);
    if (rc != RILL_OK) {
        rill_admin_refuse(out, 503, "%s", rill_strerror(rc));
        return;
    }
    control->stop_backup(control->user);
    rill_admin_backup_state(control, 202, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the books, one at a time, while the node runs. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/run_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void on_done(rill_store_look *look)
{
    rill_connector *c = look->user;
    rill_admin_backup *b = &c->backup;
    char line[RILL_BACKUP_PATH + RILL_LOOK_PROBLEM + 80];
    b->pages = atomic_load(&look->pages);
    b->copied = atomic_load(&look->copied);
    b->ended_ms = rill_core_now(c->core).wall_ms;
    b->state = look->rc == RILL_OK ? RILL_BACKUP_DONE : RILL_BACKUP_FAILED;
    (void)snprintf(b->problem, sizeof b->problem, "%s", look->problem);
    if (look->rc == RILL_OK)
        (void)snprintf(line, sizeof line, "a copy of the books is in %s: %" PRIu64 " pages",
                       b->path, b->pages);
    else
        (void)snprintf(line, sizeof line, "no copy of the books was made: %s", b->problem);
    rill_connector_line(c, look->rc == RILL_OK ? RILL_LOG_INFO : RILL_LOG_WARNING, line);
    c->backup_look = NULL;
    rill_free(memory(), look);
}

int rill_connector_backup(void *user, const char *path, bool make_folder, bool replace)
{
    rill_connector *c = user;
    if (c->backup_look != NULL)
        return RILL_ERR_EXISTS;
    if (c->store == NULL || c->stopped || c->closing)
        return RILL_ERR_CLOSED;
    rill_store_look *look = rill_calloc(memory(), 1, sizeof *look);
    if (look == NULL)
        return RILL_ERR_NOMEM;
    look->kind = RILL_LOOK_BACKUP;
    look->make_folder = make_folder;
    look->replace = replace;
    look->done = on_done;
    look->user = c;
    (void)snprintf(look->path, sizeof look->path, "%s", path);
    c->backup =
        (rill_admin_backup){.state = RILL_BACKUP_RUNS, .begun_ms = rill_core_now(c->core).wall_ms};
    memcpy(c->backup.path, look->path, sizeof look->path);
    c->backup_look = look;
    rill_store_look_into(c->store, look);
    return RILL_OK;
}

void rill_connector_stop_backup(void *user)
{
    rill_connector *c = user;
    if (c->backup_look != NULL)
        atomic_store(&c->backup_look->stop, true);
}

void rill_connector_backup_state(void *user, rill_admin_backup *out)
{
    const rill_connector *c = user;
    *out = c->backup;
    if (c->backup_look == NULL)
        return;
    out->pages = atomic_load(&c->backup_look->pages);
    out->copied = atomic_load(&c->backup_look->copied);
}

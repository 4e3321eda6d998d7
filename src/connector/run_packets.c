/* SPDX-License-Identifier: Apache-2.0 */
/* The log of packets on a loop: its folder, its thread, and what is said of it. */
#define _POSIX_C_SOURCE 200809L

#include "connector/run_packets.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/run_impl.h"

struct rill_run_packets {
    rill_connector *owner;
    rill_run_packets *next; /* of those that end */
    rill_packet_folder *folder;
    rill_packet_files files;
    rill_packet_desk *desk;
    rill_task turn;
    uv_async_t woken;
    char path[]; /* the folder's */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void on_async_closed(uv_handle_t *handle)
{
    rill_run_packets *r = handle->data;
    rill_connector *owner = r->owner;
    rill_free(memory(), r);
    owner->events->handle_closed(owner);
}

static void close_async(rill_run_packets *r)
{
    r->owner->handles++;
    uv_close((uv_handle_t *)&r->woken, on_async_closed);
}

/* Searches that wait are told. */
static void release(rill_run_packets *r)
{
    rill_task_cancel(&r->turn);
    rill_packet_desk_free(r->desk);
    rill_packet_folder_close(r->folder);
    close_async(r);
}

/* ---- what the desk says ---- */

/* From the writing thread. */
static void on_wake(void *user)
{
    rill_run_packets *r = user;
    (void)uv_async_send(&r->woken);
}

static void on_soon(void *user)
{
    rill_run_packets *r = user;
    rill_loop_before_wait(r->owner->loop, &r->turn);
}

static void on_say(void *user, const char *line)
{
    const rill_run_packets *r = user;
    rill_connector_line(r->owner, RILL_LOG_WARNING, line);
}

static void take_turn(rill_task *task)
{
    rill_run_packets *r = RILL_CONTAINER(task, rill_run_packets, turn);
    rill_packet_desk_turn(r->desk, rill_loop_clock(r->owner->loop));
}

static void on_woken(uv_async_t *async)
{
    rill_run_packets *r = async->data;
    rill_run_packets **at = &r->owner->ending_packets;
    rill_loop_stale(r->owner->loop);
    rill_packet_desk_collect(r->desk, rill_loop_clock(r->owner->loop));
    if (!rill_packet_desk_has_ended(r->desk))
        return;
    while (*at != NULL && *at != r)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = r->next;
    release(r);
}

/* ---- its life ---- */

static bool is_there(const rill_connector *c, const char *folder)
{
    return c->packets != NULL && folder != NULL && strcmp(c->packets->path, folder) == 0;
}

static int open_desk(rill_run_packets *r, const rill_config_packet_log *config)
{
    const rill_packet_desk_options o = {
        .allocator = memory(),
        .files = &r->files,
        .limits = {config->size, config->keep / RILL_MS},
        .addresses = config->addresses,
        .wake = on_wake,
        .soon = on_soon,
        .say = on_say,
        .user = r,
    };
    rill_packet_folder_files(r->folder, &r->files);
    int rc = rill_packet_desk_new(&r->desk, &o);
    if (rc != RILL_OK)
        rill_connector_problem(&r->owner->options, config->place, rill_strerror(rc));
    return rc;
}

static int open_folder(rill_run_packets *r, const rill_config_packet_log *config)
{
    char problem[RILL_PACKET_FILES_PROBLEM];
    char what[RILL_PACKET_FILES_PROBLEM + 300];
    int rc = rill_packet_folder_open(&r->folder, memory(), config->folder, problem);
    if (rc == RILL_OK)
        return RILL_OK;
    (void)snprintf(what, sizeof what, "packet-log: folder: %.200s: %s", config->folder,
                   rc == RILL_ERR_STATE && r->owner->ending_packets != NULL
                       ? "what was logged there before is still being written: try again"
                       : problem);
    rill_connector_problem(&r->owner->options, config->place, what);
    return rc == RILL_ERR_NOMEM ? rc : RILL_ERR_INVALID;
}

int rill_run_packets_prepare(rill_run_packets **out, rill_connector *owner,
                             const rill_config *config)
{
    const rill_config_packet_log *wanted = &config->packet_log;
    *out = NULL;
    if (wanted->folder == NULL)
        return RILL_OK;
    if (is_there(owner, wanted->folder)) {
        *out = owner->packets;
        return RILL_OK;
    }
    size_t size = strlen(wanted->folder) + 1;
    rill_run_packets *r = rill_calloc(memory(), 1, sizeof *r + size);
    if (r == NULL)
        return RILL_ERR_NOMEM;
    r->owner = owner;
    memcpy(r->path, wanted->folder, size);
    rill_task_init(&r->turn, take_turn);
    int rc = open_folder(r, wanted);
    if (rc == RILL_OK && uv_async_init(rill_loop_uv(owner->loop), &r->woken, on_woken) != 0)
        rc = RILL_ERR_FILES;
    if (rc != RILL_OK) {
        rill_packet_folder_close(r->folder);
        rill_free(memory(), r);
        return rc;
    }
    r->woken.data = r;
    rc = open_desk(r, wanted);
    if (rc != RILL_OK) {
        rill_packet_folder_close(r->folder);
        close_async(r);
        return rc;
    }
    *out = r;
    return RILL_OK;
}

/* It writes what it has, and is released when that is done. */
static void end(rill_connector *c, rill_run_packets *r)
{
    r->next = c->ending_packets;
    c->ending_packets = r;
    rill_packet_desk_end(r->desk);
}

void rill_run_packets_forget(rill_connector *owner, rill_run_packets *prepared)
{
    if (prepared != NULL && prepared != owner->packets)
        end(owner, prepared);
}

void rill_run_packets_use(rill_connector *owner, rill_run_packets *prepared,
                          const rill_config *config)
{
    const rill_config_packet_log *wanted = &config->packet_log;
    const rill_packet_limits limits = {wanted->size, wanted->keep / RILL_MS};
    rill_run_packets *old = owner->packets;
    if (prepared == old) {
        if (old != NULL)
            rill_packet_desk_change(old->desk, limits, wanted->addresses);
        return;
    }
    owner->packets = prepared;
    rill_core_log_packets(owner->core, prepared == NULL ? NULL : prepared->desk);
    if (old != NULL)
        end(owner, old);
}

int rill_run_packets_search(void *user, rill_packet_search *s)
{
    const rill_connector *c = user;
    return c->packets == NULL ? RILL_ERR_NOT_FOUND : rill_packet_desk_search(c->packets->desk, s);
}

void rill_run_packets_close(rill_connector *owner)
{
    if (owner->packets != NULL) {
        rill_core_log_packets(owner->core, NULL);
        end(owner, owner->packets);
    }
    owner->packets = NULL;
    while (owner->ending_packets != NULL) {
        rill_run_packets *r = owner->ending_packets;
        owner->ending_packets = r->next;
        release(r);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of packets of a node, on a disk that is memory: by the node's own desk, with its thread.
 * Whatever happens to the node, each packet that it forwarded has one line at most, which says what
 * became of it, and what was over while the node ran is there as long as it is to be kept. A node
 * that is killed leaves a line that is not whole.
 */
#include "parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

/* The least that may be: much of what there is goes while a run lasts. Or nothing does. */
#define SHORT_MS UINT64_C(60000)
#define LONG_MS  UINT64_C(86400000)
/* More than all of it. */
#define SIZE (UINT64_C(1) << 26)

enum { FILES = 64, HANDLES = 8, NAME = 80 };

typedef struct file {
    char name[NAME]; /* empty: it was taken away */
    char *data;
    size_t len;
    size_t cap;
} file;

struct net_log {
    rill_packet_desk *desk; /* NULL: the node does not run */
    rill_packet_files files;
    file all[FILES];
    size_t count;
    file *open[HANDLES];
    uint64_t keep_ms;
    _Atomic uint64_t now_ms; /* wall clock of the node, for the thread */
    uint64_t latest_ms;
    bool soon;
    bool lost; /* the disk of this simulator is too small: nothing can be said */
};

/* ---- the disk: the thread's while there is one ---- */

static file *find(net_log *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->all[i].name, name) == 0)
            return &l->all[i];
    }
    return NULL;
}

static int handle_of(net_log *l, file *f)
{
    for (int i = 0; i < HANDLES; i++) {
        if (l->open[i] == NULL) {
            l->open[i] = f;
            return i;
        }
    }
    return -EMFILE;
}

static int on_list(void *user, void (*found)(void *u, const char *name), void *u)
{
    const net_log *l = user;
    for (size_t i = 0; i < l->count; i++) {
        if (l->all[i].name[0] != '\0')
            found(u, l->all[i].name);
    }
    return 0;
}

static int on_create(void *user, const char *name)
{
    net_log *l = user;
    if (l->count == FILES || strlen(name) >= NAME) {
        l->lost = true;
        return -ENOSPC;
    }
    file *f = &l->all[l->count++];
    snprintf(f->name, sizeof f->name, "%s", name);
    return handle_of(l, f);
}

static int on_open(void *user, const char *name, bool writes)
{
    net_log *l = user;
    file *f = find(l, name);
    (void)writes;
    return f == NULL ? -ENOENT : handle_of(l, f);
}

static void on_close(void *user, int handle)
{
    net_log *l = user;
    l->open[handle] = NULL;
}

static ptrdiff_t on_append(void *user, int handle, const void *data, size_t len)
{
    net_log *l = user;
    file *f = l->open[handle];
    if (f->len + len > f->cap) {
        f->cap = (f->len + len) * 2;
        f->data = sim_reallocate(f->data, f->cap);
    }
    memcpy(f->data + f->len, data, len);
    f->len += len;
    return (ptrdiff_t)len;
}

static ptrdiff_t on_read(void *user, int handle, void *data, size_t len, uint64_t offset)
{
    const net_log *l = user;
    const file *f = l->open[handle];
    size_t left = offset < f->len ? f->len - (size_t)offset : 0;
    len = len < left ? len : left;
    if (len > 0)
        memcpy(data, f->data + offset, len);
    return (ptrdiff_t)len;
}

static int64_t on_size(void *user, int handle)
{
    const net_log *l = user;
    return (int64_t)l->open[handle]->len;
}

static int on_truncate(void *user, int handle, uint64_t size)
{
    net_log *l = user;
    l->open[handle]->len = (size_t)size;
    return 0;
}

static int on_remove(void *user, const char *name)
{
    net_log *l = user;
    file *f = find(l, name);
    if (f == NULL)
        return -ENOENT;
    free(f->data);
    memset(f, 0, sizeof *f);
    return 0;
}

/* ---- its life ---- */

static uint64_t on_now(void *user)
{
    net_log *l = user;
    return atomic_load(&l->now_ms);
}

static void on_wake(void *user)
{
    (void)user;
}

static void on_soon(void *user)
{
    net_log *l = user;
    l->soon = true;
}

static void on_say(void *user, const char *line)
{
    (void)user;
    (void)line;
}

void net_log_draw(net_node *node)
{
    net_log *l = sim_allocate(sizeof *l);
    memset(l, 0, sizeof *l);
    l->files = (rill_packet_files){
        .list = on_list,
        .create = on_create,
        .open = on_open,
        .close = on_close,
        .append = on_append,
        .read_at = on_read,
        .size = on_size,
        .truncate = on_truncate,
        .remove = on_remove,
        .user = l,
    };
    l->keep_ms = sim_rng_chance(&node->net->plan, 300) ? SHORT_MS : LONG_MS;
    node->log = l;
    node->net->counts.kept_logs++;
}

static void note_time(net_node *node)
{
    net_log *l = node->log;
    const uint64_t now = net_node_now(node).wall_ms;
    l->latest_ms = now > l->latest_ms ? now : l->latest_ms;
    atomic_store(&l->now_ms, now);
}

void net_log_begin(net_node *node)
{
    net_log *l = node->log;
    if (l == NULL)
        return;
    const rill_packet_desk_options o = {
        .allocator = rill_allocator_default(),
        .files = &l->files,
        .limits = {SIZE, l->keep_ms},
        .addresses = true,
        .now_ms = on_now,
        .wake = on_wake,
        .soon = on_soon,
        .say = on_say,
        .user = l,
    };
    note_time(node);
    l->soon = false;
    if (rill_packet_desk_new(&l->desk, &o) != RILL_OK)
        abort(); /* this machine has no room for another thread */
    rill_core_log_packets(node->core, l->desk);
}

void net_log_turn(net_node *node)
{
    net_log *l = node->log;
    if (l == NULL || l->desk == NULL)
        return;
    note_time(node);
    if (l->soon)
        rill_packet_desk_turn(l->desk, net_node_now(node));
    l->soon = false;
}

/* Of the last line a part may be missing: it says that the log has ended, and no more. */
static void tear(net *n, net_log *l)
{
    file *last = NULL;
    for (size_t i = 0; i < l->count; i++) {
        if (l->all[i].name[0] != '\0' && (last == NULL || strcmp(l->all[i].name, last->name) > 0))
            last = &l->all[i];
    }
    if (last == NULL || last->len < 2)
        return;
    size_t line = last->len - 1;
    while (line > 0 && last->data[line - 1] != '\n')
        line--;
    last->len = line + (size_t)sim_rng_below(&n->rng, last->len - line + 1);
}

void net_log_end(net_node *node)
{
    net_log *l = node->log;
    if (l == NULL || l->desk == NULL)
        return;
    rill_core_log_packets(node->core, NULL);
    rill_packet_desk_end(l->desk);
    rill_packet_desk_free(l->desk);
    l->desk = NULL;
    if (!node->draining && sim_rng_chance(&node->net->rng, 700))
        tear(node->net, l);
}

void net_log_free(net_node *node)
{
    net_log *l = node->log;
    for (size_t i = 0; l != NULL && i < l->count; i++)
        free(l->all[i].data);
    free(l);
}

/* ---- what it has to say ---- */

void net_log_left(net_flight *f)
{
    net_node *node = f->node;
    if (node->log != NULL)
        f->logged = node->life;
}

void net_log_over(net_flight *f)
{
    net_node *node = f->node;
    if (!node->running || f->logged != node->life)
        return;
    f->over = node->life;
    f->over_ms = net_node_now(node).wall_ms;
}

static bool is_text(rill_bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static bool is_about(const rill_packet_line *line, const net_flight *f)
{
    const net_node *node = f->node;
    const bool rejected = line->result[0] != '\0';
    return f->lines == 0 && f->logged != 0 &&
           memcmp(line->id, f->in->condition, sizeof line->id) == 0 &&
           is_text(line->from, node->accounts[f->source].name) &&
           is_text(line->to, node->accounts[f->destination].name) && line->in == f->taken &&
           line->out == f->given && rejected != net_is_booked(f) &&
           (!rejected || f->over == 0 || line->at_ms == f->over_ms);
}

static void judge_line(net_node *node, const rill_packet_line *line)
{
    net *n = node->net;
    n->counts.lines++;
    for (rill_list *at = n->done.next; at != &n->done; at = at->next) {
        net_flight *f = RILL_CONTAINER(at, net_flight, link);
        if (f->node == node && is_about(line, f)) {
            f->lines++;
            return;
        }
    }
    sim_violation(&n->report,
                  "%s: its log has a packet from %.*s to %.*s, %" PRIu64 " and %" PRIu64
                  ", result %.3s, at %" PRIu64 ": it was otherwise",
                  node->address, (int)line->from.len, (const char *)line->from.data,
                  (int)line->to.len, (const char *)line->to.data, line->in, line->out, line->result,
                  line->at_ms);
}

static void judge_file(net_node *node, const file *f)
{
    size_t begin = 0;
    for (size_t at = 0; at < f->len && !node->net->report.failed; at++) {
        rill_packet_line line;
        if (f->data[at] != '\n')
            continue;
        if (!rill_packet_line_read(f->data + begin, at - begin, &line))
            sim_violation(&node->net->report, "%s: its log has what is no line: %.*s",
                          node->address, (int)(at - begin), f->data + begin);
        else if (line.event == RILL_PACKET_MISSING)
            sim_violation(&node->net->report, "%s: lines are missing in its log", node->address);
        else if (line.event == RILL_PACKET_OVER && line.to.len > 0)
            judge_line(node, &line);
        begin = at + 1;
    }
}

void net_log_judge(net_node *node)
{
    net_log *l = node->log;
    net *n = node->net;
    if (l == NULL)
        return;
    net_log_end(node);
    if (l->lost)
        return;
    for (size_t i = 0; i < l->count && !n->report.failed; i++)
        judge_file(node, &l->all[i]);
    for (const rill_list *at = n->done.next; at != &n->done; at = at->next) {
        const net_flight *f = RILL_CONTAINER(at, net_flight, link);
        if (f->node == node && f->over != 0 && f->lines == 0 &&
            f->over_ms + l->keep_ms > l->latest_ms)
            sim_violation(&n->report, "%s: its log has no line of packet %" PRIu64, node->address,
                          f->in->number);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector on a loop: what `rilld run` is. It is not public yet: it will be when what it can be
 * told while it runs is.
 */
#ifndef RILL_CONNECTOR_RUN_H
#define RILL_CONNECTOR_RUN_H

#include <rill/error.h>
#include <rill/loop.h>
#include <rill/node.h>

#include "base/log_about.h"

typedef struct rill_connector rill_connector;

/* Every member may be NULL. */
typedef struct rill_connector_handlers {
    /* As of rill_node_handlers. about: NULL where there is nothing to look for it by. */
    void (*log)(rill_log_level level, const char *line, const rill_log_about *about, void *user);
    /* A line about what an operator has done, however many there are. */
    void (*told)(const char *line, void *user);
    void (*drained)(void *user);
    /*
     * All ports and links are open, and all accounts are in the store. It may have to wait for a
     * parent that gives the address, and for the store to be able to write.
     */
    void (*ready)(void *user);
    /* An operator wants it to stop, as a signal does: rill_connector_stop is to be called. */
    void (*stop)(void *user);
    /* An operator has changed what is logged. */
    void (*level)(rill_log_level level, void *user);
    /* It cannot begin: what is wrong has been reported. To be closed. */
    void (*failed)(int error, void *user);
    /* After rill_connector_close: the last call. */
    void (*closed)(void *user);
} rill_connector_handlers;

/* Called for each thing that is wrong: "FILE:LINE:COLUMN: what", without secrets. */
typedef void rill_connector_report(void *user, const char *line);

typedef struct rill_connector_options {
    const char *config; /* the file's path */
    rill_log_level log_level;
    rill_connector_report *report;
    void *report_user;
    /* Of each port: as of rill_node_port_options. 0: its defaults */
    uint32_t max_strangers;
    uint32_t max_sessions;
} rill_connector_options;

/*
 * Is the file a configuration that makes sense? Nothing is opened, and no secret is read.
 * RILL_ERR_NOT_FOUND, RILL_ERR_IO (the file), RILL_ERR_MALFORMED (reported), RILL_ERR_LIMIT,
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_connector_check(const rill_connector_options *options);

/*
 * Where the operator's socket of a node with this configuration is, in out; empty: it has none.
 * Nothing else is read of it. The errors of rill_connector_check; RILL_ERR_BUFFER.
 */
RILL_MUST_CHECK int rill_connector_find_socket(const rill_connector_options *options, char *out,
                                               size_t cap);

/*
 * Opens the books, the ports and the links of a configuration. Every error is reported, too: those
 * of rill_connector_check; RILL_ERR_INVALID (accounts, secrets); those of rill_sqlite_open and of
 * rill_node_listen.
 */
RILL_MUST_CHECK int rill_connector_open(rill_connector **out, rill_loop *loop,
                                        const rill_connector_options *options,
                                        const rill_connector_handlers *handlers, void *user);

/*
 * Reads the configuration again, and applies it as a whole; each difference is logged, and written
 * into the audit as of `who`. If anything is wrong with it, that is logged with its place, and all
 * stays as it is. Sessions and links that are not different stay up. RILL_ERR_STATE: it has not
 * begun, or stops. The errors of rill_connector_open.
 */
RILL_MUST_CHECK int rill_connector_reload(rill_connector *c, const char *who);

/* As rill_node_stop, rill_node_abandon and rill_node_close. What was booked is kept before closed.
 */
void rill_connector_stop(rill_connector *c);
void rill_connector_abandon(rill_connector *c);
void rill_connector_close(rill_connector *c);

/* Packets that wait for an answer, or for the disk. */
uint64_t rill_connector_open_packets(const rill_connector *c);
size_t rill_connector_ports(const rill_connector *c);
/* "127.0.0.1:7768", NUL-terminated. */
void rill_connector_port_text(const rill_connector *c, size_t index, char *out, size_t cap);
/* The operator's; 0: there is none. */
uint16_t rill_connector_admin_port(const rill_connector *c);
/* The path of the operator's socket; empty: there is none. */
const char *rill_connector_socket(const rill_connector *c);
const char *rill_connector_address(const rill_connector *c);

/* An account, for people. */
typedef struct rill_connector_account {
    const char *name; /* the connector's */
    const char *asset;
    uint8_t scale;
    char booked[41]; /* what the node owes it, in units; "-5": it owes 5 */
    char held[41];
    char coming[41];
    rill_node_account traffic;
} rill_connector_account;

size_t rill_connector_accounts(const rill_connector *c);
void rill_connector_account_at(const rill_connector *c, size_t index, rill_connector_account *out);

/* The JSON schema of configurations, to be freed with rill_connector_free_text. NULL: no memory. */
char *rill_connector_schema(void);
void rill_connector_free_text(char *text);

#endif

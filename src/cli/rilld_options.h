/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of rilld, and the MONEYD_* variables. They are checked before anything is done.
 */
#ifndef RILL_CLI_RILLD_OPTIONS_H
#define RILL_CLI_RILLD_OPTIONS_H

#include "cli/listen_address.h"
#include "cli/log_record.h"
#include "cli/rilld_user.h"
#include <rill/node.h>

/* Exit codes of rilld. */
enum { RILLD_DONE = 0, RILLD_FAILED = 1, RILLD_USAGE = 2 };

#define RILLD_MAX_LISTEN  16
#define RILLD_MAX_ORIGINS 64

typedef enum rilld_command {
    RILLD_LOCAL,
    RILLD_RUN,
    RILLD_CHECK,
    RILLD_SCHEMA,
    RILLD_HELP,
    RILLD_LOCAL_HELP,
    RILLD_RUN_HELP,
    RILLD_VERSION
} rilld_command;

typedef struct rilld_listen {
    listen_address at;
    bool http; /* ILP over HTTP, and BTP beside it */
} rilld_listen;

/* The texts belong to argv or to the environment. */
typedef struct rilld_options {
    rilld_command command;
    rilld_listen listen[RILLD_MAX_LISTEN];
    size_t listen_count;
    const char *allow_origins[RILLD_MAX_ORIGINS + 1]; /* NULL-terminated */
    size_t origin_count;
    const char *config;     /* of run and check */
    const char *port_file;  /* NULL: none */
    const char *neighbours; /* a file; NULL: none */
    const char *address;
    const char *asset_code;
    const char *uplink;    /* NULL: none */
    const char *uplink_ca; /* NULL: the system's */
    bool uplink_asks;      /* for the address, since no --address was given */
    uint8_t asset_scale;
    uint64_t max_packet_amount;
    uint64_t rate_limit;
    const char *user; /* NULL: does not change user */
    const char *group;
    rilld_user become;      /* if user is not NULL */
    const char *tls_cert;   /* PEM file; NULL: no TLS */
    const char *tls_key;    /* PEM file */
    uint64_t max_sessions;  /* at each address */
    uint64_t max_strangers; /* connections at each address that have not authenticated */
    uint64_t auth_timeout;  /* seconds */
    uint64_t idle_timeout;  /* seconds */
    uint64_t max_accounts;
    uint64_t max_open;     /* packets that wait for an answer */
    uint64_t max_buffer;   /* MiB of output that waits to be read */
    log_format log_format; /* of run and local */
    bool quiet;
    bool verbose;
} rilld_options;

/*
 * RILLD_DONE; or RILLD_USAGE, and problem[cap] gets one line about it without a newline. getenv
 * reads variables: it is getenv itself, or a test's function.
 */
RILL_MUST_CHECK int rilld_options_parse(rilld_options *o, int argc, char **argv,
                                        char *(*getenv_of)(const char *name), char *problem,
                                        size_t cap);

/* Help texts, to stdout. */
void rilld_print_help(void);
void rilld_print_local_help(void);
/* Of run and check. */
void rilld_print_run_help(void);

#endif

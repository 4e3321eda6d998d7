/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that tells other programs on which ports the node listens. It appears whole or not at
 * all. When the node ends it removes the file, unless the file belongs to another node by then.
 */
#ifndef RILL_CLI_RILLD_PORT_FILE_H
#define RILL_CLI_RILLD_PORT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct rilld_port_file {
    const char *path; /* NULL: none */
    dev_t device;
    ino_t inode; /* 0: nothing to remove */
} rilld_port_file;

/*
 * Writes the ports to path, one on each line. path is kept. Returns 0 or an errno value; after an
 * error nothing is left behind.
 */
int rilld_port_file_write(rilld_port_file *f, const char *path, const uint16_t *ports,
                          size_t count);
void rilld_port_file_remove(rilld_port_file *f);

#endif

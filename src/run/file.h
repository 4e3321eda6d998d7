/* SPDX-License-Identifier: Apache-2.0 */
/* Small files with secrets in them: one read, and one write that is whole or not at all. */
#ifndef RILL_RUN_FILE_H
#define RILL_RUN_FILE_H

#include <stddef.h>

/* Reads at most cap bytes. 0, or errno. A file that fills the buffer may be longer. */
int rill_file_read(const char *path, char *buf, size_t cap, size_t *len);
/*
 * A new file of mode 0600, which is on the disk, takes the place of an old one in one step; or
 * nothing has changed. 0, or errno.
 */
int rill_file_replace(const char *path, const char *text, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Small files with secrets in them: one read, and one write that is whole or not at all. */
#ifndef RILL_FILES_FILE_H
#define RILL_FILES_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads at most cap bytes. 0, or errno. A file that fills the buffer may be longer.
 *
 * exposed, if it is not NULL: says if others than the file's owner can read or write it. Then
 * nothing is read, and *len is 0. A pipe has nobody else at its end.
 */
int rill_file_read(const char *path, char *buf, size_t cap, size_t *len, bool *exposed);
/*
 * A new file of mode 0600, which is on the disk, takes the place of an old one in one step; or
 * nothing has changed. 0, or errno. If its folder cannot be written to the disk (EIO), the new file
 * is there, and may be the old one once the power has gone.
 */
int rill_file_replace(const char *path, const char *text, size_t len);
/* The same where there was none. EEXIST: there is, and it stays as it is. */
int rill_file_create(const char *path, const char *text, size_t len);

#endif

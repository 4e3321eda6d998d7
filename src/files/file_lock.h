/* SPDX-License-Identifier: Apache-2.0 */
/* One process at a time works with a file that is replaced again and again. */
#ifndef RILL_FILES_FILE_LOCK_H
#define RILL_FILES_FILE_LOCK_H

#include <stdbool.h>

/*
 * Takes the lock of the file with that name, there or not: it is on another file beside it, with
 * ".lock" behind its name, and is gone with the process that holds it. 0, and *out is what
 * rill_file_unlock is given; or errno. EWOULDBLOCK: somebody holds it, maybe this process.
 */
int rill_file_lock(const char *path, int *out);
/*
 * Whether the lock keeps others out still: somebody may have removed its file, and then the next
 * one gets a lock of its own. Asked before the file is replaced.
 */
bool rill_file_lock_holds(const char *path, int lock);
/* Removes the lock's file, and lets others have it. lock: of rill_file_lock, of the same path. */
void rill_file_unlock(const char *path, int lock);

#endif

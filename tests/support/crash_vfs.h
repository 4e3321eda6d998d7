/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system for SQLite, in memory, that can lose what a disk can lose. What was written and not
 * synced is lost by a crash, in part and in any order; the last write to reach the disk may be
 * torn. Writes and syncs can be made to fail.
 */
#ifndef TEST_CRASH_VFS_H
#define TEST_CRASH_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_VFS "crash"

/* Registers it, once. */
void crash_vfs_register(void);
/* Takes all files away, and every failure that was asked for. */
void crash_vfs_reset(void);
/*
 * The power goes: all open files are dead (close what has them), and of each the disk has what was
 * synced and a part, drawn from the seed, of what was not.
 */
void crash_vfs_power_loss(uint64_t seed);
/* The process dies: all open files are dead, and what was written is there. */
void crash_vfs_kill(void);
/* The n-th write or sync from now on fails (1: the next), and `more` after it; 0: none does. */
void crash_vfs_fail(unsigned n, unsigned more, int sqlite_code);
/* Writes and syncs since the last reset. */
unsigned crash_vfs_operations(void);
/* These bytes are a file's, and are on the disk. Nobody has it open. */
void crash_vfs_put(const char *path, const uint8_t *data, size_t len);
/* What was written of it, until somebody writes. NULL: there is no such file. */
const uint8_t *crash_vfs_get(const char *path, size_t *len);
/* Changes a byte on the disk. False: there is no such file or place. */
bool crash_vfs_damage(const char *path, uint64_t offset);

#endif

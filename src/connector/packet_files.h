/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a folder, as the log of packets needs them: a table of functions, so that tests have
 * a disk that fails. Each is called on one thread at a time, and may take as long as a disk does.
 */
#ifndef RILL_CONNECTOR_PACKET_FILES_H
#define RILL_CONNECTOR_PACKET_FILES_H

#include <rill/types.h>

/* Where it says an error, that is a negative errno. */
typedef struct rill_packet_files {
    /* Calls `found` with each name of the folder. 0, or an error. */
    int (*list)(void *user, void (*found)(void *found_user, const char *name), void *found_user);
    /* A new one; or one that there is, to be read, and if `writes` to be written. Its number. */
    int (*create)(void *user, const char *name);
    int (*open)(void *user, const char *name, bool writes);
    void (*close)(void *user, int file);
    /* At its end. How much of it was written, at least 1 byte. */
    ptrdiff_t (*append)(void *user, int file, const void *data, size_t len);
    /* How much of it was read; 0: it has no more. */
    ptrdiff_t (*read_at)(void *user, int file, void *data, size_t len, uint64_t offset);
    int64_t (*size)(void *user, int file);
    int (*truncate)(void *user, int file, uint64_t size);
    int (*remove)(void *user, const char *name);
    void *user;
} rill_packet_files;

#define RILL_PACKET_FILES_PROBLEM 512

/* A folder of this machine. It is locked: one node at a time writes there. */
typedef struct rill_packet_folder rill_packet_folder;

/*
 * Opens it, or makes it, for the node's user alone. problem[RILL_PACKET_FILES_PROBLEM] says what is
 * wrong, without the folder's name. RILL_ERR_IO, RILL_ERR_STATE (another node writes there),
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_packet_folder_open(rill_packet_folder **out,
                                            const rill_allocator *allocator, const char *path,
                                            char *problem);
/* NULL is allowed. */
void rill_packet_folder_close(rill_packet_folder *f);
/* Its files, until it is closed. */
void rill_packet_folder_files(rill_packet_folder *f, rill_packet_files *out);

#endif

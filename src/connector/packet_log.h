/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the log of packets: lines are added at the end, a file that is full or has been
 * written for long enough is followed by the next one, and the oldest files go, by size and by age.
 * It has no thread and no clock: who adds lines says what time it is, and may wait for the disk.
 *
 * Files are named packets-0000000012-20261124T093000Z.jsonl: their number, and when they were
 * begun. Within a file lines are in the order of their times, but for a second: if the clock is set
 * back by more, the next file begins.
 */
#ifndef RILL_CONNECTOR_PACKET_LOG_H
#define RILL_CONNECTOR_PACKET_LOG_H

#include "connector/packet_files.h"
#include "connector/packet_line.h"

/* Bytes of a file's name with its NUL. */
#define RILL_PACKET_NAME 64
/* No more files than these. */
#define RILL_PACKET_SEGMENTS 4096
/* Bytes that are written at once, at most. */
#define RILL_PACKET_LOG_BUFFER ((size_t)128 * 1024)
/* Milliseconds by which lines of one file may be out of order. */
#define RILL_PACKET_DISORDER 1000

typedef struct rill_packet_limits {
    uint64_t size;    /* bytes of all files; at least 1 MiB */
    uint64_t keep_ms; /* what is older goes; at least a minute */
} rill_packet_limits;

typedef struct rill_packet_segment {
    uint64_t number; /* 1, 2, ...: in the order of writing */
    uint64_t begun_ms;
    uint64_t last_ms; /* the latest time of a line; 0: it has none */
    uint64_t size;
} rill_packet_segment;

typedef struct rill_packet_log {
    const rill_allocator *allocator;
    rill_packet_files files;
    rill_packet_limits limits;
    rill_packet_segment *segments; /* [RILL_PACKET_SEGMENTS], the oldest first */
    size_t count;
    uint64_t total; /* bytes of all of them */
    uint64_t next_number;
    int file;     /* that of the last segment; -1: it is not written any more */
    char *buffer; /* lines of the last segment that are not written yet */
    size_t len;
    uint64_t lines; /* that were written */
    int error;      /* errno of what failed last; 0: all is well */
    bool begun;     /* the folder was read */
} rill_packet_log;

/* RILL_ERR_NOMEM. The files are borrowed. */
RILL_MUST_CHECK int rill_packet_log_init(rill_packet_log *l, const rill_allocator *allocator,
                                         const rill_packet_files *files, rill_packet_limits limits);
/* What is not written is lost. */
void rill_packet_log_clear(rill_packet_log *l);

/* What is to be kept from now on. What is too much goes with the next line, or when it is tidied.
 */
void rill_packet_log_limit(rill_packet_log *l, rill_packet_limits limits);

/*
 * All of these: false if the disk refuses; l->error says why. Nothing is lost then but what the
 * caller gives up: the same may be tried again.
 */

/* Reads the folder, takes the end of a line off that is not whole, and says that it begins. */
RILL_MUST_CHECK bool rill_packet_log_begin(rill_packet_log *l, uint64_t now_ms);
/* Adds a line, which is written now or by rill_packet_log_flush. False: it was not added. */
RILL_MUST_CHECK bool rill_packet_log_add(rill_packet_log *l, const rill_packet_line *line);
/* What was added is in the files when this is true. */
RILL_MUST_CHECK bool rill_packet_log_flush(rill_packet_log *l);
/* Takes away what is too old, or too much. A file that somebody took away is not written any more.
 */
RILL_MUST_CHECK bool rill_packet_log_tidy(rill_packet_log *l, uint64_t now_ms);
/* Says that it ends, and writes all. */
RILL_MUST_CHECK bool rill_packet_log_end(rill_packet_log *l, uint64_t now_ms);

/* The name of a file. */
void rill_packet_segment_name(const rill_packet_segment *s, char out[RILL_PACKET_NAME]);
/* False: it is none of ours. */
RILL_MUST_CHECK bool rill_packet_segment_parse(const char *name, rill_packet_segment *out);

#endif

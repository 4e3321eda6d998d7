/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of links in memory, the server's and the client's. What one sends arrives at the other in
 * the next turn of the loop, with the same amount. It replaces rill_link_open
 * (-Wl,--wrap=rill_link_open), so that nothing opens a socket.
 */
#ifndef RILL_TESTS_MEMORY_LINK_H
#define RILL_TESTS_MEMORY_LINK_H

#include "io/loop.h"
#include "link/link_impl.h"

typedef enum { UP, PREPARE, REPLY, UNANSWERED, WRITABLE, DOWN, CLOSED } note_type;

typedef struct note {
    struct note *next;
    note_type type;
    uint64_t id;
    int error;
    size_t len;
    uint8_t packet[];
} note;

typedef struct fake_link {
    rill_link link;
    rill_task task;
    note *first;
    note **last;
    struct fake_link *other;
    bool up;
    bool closing;
    unsigned room;      /* packets taken before it is blocked */
    uint64_t ids[4096]; /* outgoing_ids of the other side's requests, by request % 4096 */
    uint64_t next_request;
} fake_link;

typedef struct memory_links {
    fake_link *links[2]; /* the server's, the client's; NULL: gone */
    unsigned opened;
    bool answer_account;
    unsigned room; /* packets that a link takes before it is blocked */
    uint64_t sent_by_client;
    unsigned busy; /* packets that the server refused T02 */
} memory_links;

extern memory_links memory;

/* Something happens at a link, in the next turn. */
void memory_post(fake_link *l, note_type type, uint64_t id, int error, const uint8_t *packet,
                 size_t len);

#endif

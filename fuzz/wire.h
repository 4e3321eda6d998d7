/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what a program writes to its socket, as strictly as RFC 7230 and RFC 6455 allow a program
 * to write: the HTTP head, then frames. It also writes frames for the other direction, right ones
 * and wrong ones.
 */
#ifndef RILL_FUZZ_WIRE_H
#define RILL_FUZZ_WIRE_H

#include "program.h"

enum { WIRE_HEAD = 8192, WIRE_FRAME = 65536 + 64 };

typedef struct wire {
    bool client;  /* the program is the client: it sends a request, and masks its frames */
    bool open;    /* the head was an upgrade */
    bool refused; /* the head was a refusal: nothing may follow */
    bool closed;  /* a close frame: nothing may follow */
    /* client: the key of its request; server: the key with which it was asked, "" if unknown */
    char key[25];
    size_t len;    /* bytes that are no whole head or frame yet */
    uint8_t *data; /* WIRE_FRAME */
    /* A whole binary message. */
    void (*message)(void *user, const uint8_t *data, size_t len);
    void *user;
} wire;

void wire_open(wire *w, bool client);
void wire_close(wire *w);
void wire_take(wire *w, rill_bytes bytes);

/*
 * Makes a frame to a server (masked) or to a client. flags break its rules. Returns its length; out
 * has len + 14 bytes.
 */
size_t wire_frame(uint8_t *out, bool to_server, unsigned opcode, bool fin, const uint8_t *data,
                  size_t len);
/* Makes what a client writes first. */
size_t wire_request(char *out, size_t cap, const char *key, const char *more);

#endif

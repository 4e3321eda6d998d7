/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parser of HTTP/1.1 that others wrote, behind one interface. It is given what h1_form.h has
 * found to be in form, and must understand the same: the same fields, the same length of the
 * body, the same end. What it takes for something else is refused.
 */
#ifndef RILL_HTTP_H1_ENGINE_H
#define RILL_HTTP_H1_ENGINE_H

#include "http/h1_form.h"

#define RILL_H1_ENGINE_SIZE 256 /* bytes that the state of any of them needs */

typedef struct rill_h1_state {
    _Alignas(16) uint8_t bytes[RILL_H1_ENGINE_SIZE];
} rill_h1_state;

typedef struct rill_h1_engine {
    /*
     * A new message: its whole head, of which f says what it is. Where it thinks that the
     * connection ends with this message, f->keep_alive becomes false. RILL_ERR_UNSUPPORTED: a
     * method that it does not know. RILL_ERR_MALFORMED: it understands something else.
     */
    int (*head)(rill_h1_state *s, rill_h1_form *f, const uint8_t *data, size_t len);
    /*
     * Bytes of its body, in whatever coding; what they hold is added to m. *complete: it ends
     * with them. RILL_ERR_MALFORMED; RILL_ERR_NOMEM, RILL_ERR_TOO_LARGE.
     */
    int (*body)(rill_h1_state *s, rill_http_message *m, const uint8_t *data, size_t len,
                bool *complete);
} rill_h1_engine;

extern const rill_h1_engine rill_h1_llhttp;

#endif

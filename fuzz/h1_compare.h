/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of HTTP/1.1, one after the other, by three readers: llhttp behind our form, whole and in
 * pieces, and http-parser behind the same form. They must agree about each message: taken or
 * refused, its end, its fields, its body. Nobody may take what the form of the specification
 * forbids: what was taken is looked at once more, line by line, by a reader that has nothing in
 * common with any of them.
 */
#ifndef RILL_FUZZ_H1_COMPARE_H
#define RILL_FUZZ_H1_COMPARE_H

#include "fuzz.h"

void h1_compare(bool response, bool to_head, size_t piece, const uint8_t *data, size_t size);

#endif

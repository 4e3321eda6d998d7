/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-parser, behind the interface that llhttp is behind. It has a header of its own that does
 * not go together with llhttp's.
 */
#ifndef RILL_FUZZ_H1_HTTP_PARSER_H
#define RILL_FUZZ_H1_HTTP_PARSER_H

#include "http/h1_engine.h"

extern const rill_h1_engine fuzz_http_parser;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong with a call of HTTP, for programs and for people. */
#ifndef RILL_CLIENTS_WEB_PROBLEM_H
#define RILL_CLIENTS_WEB_PROBLEM_H

#include <curl/curl.h>

/* RILL_ERR_* of what libcurl says, which is not CURLE_OK. */
int rill_web_error_of(CURLcode code);

/*
 * Makes text from elsewhere fit for people to see: what would move a terminal's cursor, or more,
 * becomes a blank, and a character of UTF-8 that was cut off at the end goes.
 */
void rill_web_one_line(char *text);

#endif

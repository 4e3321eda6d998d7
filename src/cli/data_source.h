/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data that `rill send` sends: a text, a file, or what another program writes to a pipe. It is
 * read no faster than it can be sent.
 */
#ifndef RILL_CLI_DATA_SOURCE_H
#define RILL_CLI_DATA_SOURCE_H

#include <rill/payment.h>

typedef struct data_source data_source;

/* data is borrowed. NULL: no memory. */
data_source *data_source_of_text(const char *text);
/* "-" is standard input. NULL with errno. */
data_source *data_source_of_file(const char *path);
/* Number of bytes; 0 for NULL, which is no data; UINT64_MAX if it is known only at the end. */
uint64_t data_source_size(const data_source *s);
/* Sets what to call when there is something to read again. */
void data_source_attach(data_source *s, rill_loop *loop, rill_payment *payment);
/* As the read handler of a payment. */
int data_source_read(data_source *s, uint8_t *buf, size_t cap, size_t *len);
/* If it was attached, the loop frees it in its last turn. NULL is allowed. */
void data_source_close(data_source *s);

#endif

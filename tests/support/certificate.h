/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that signs itself, and its key, as PEM files in a folder of their own. */
#ifndef RILL_TESTS_CERTIFICATE_H
#define RILL_TESTS_CERTIFICATE_H

typedef struct certificate {
    char folder[32];
    char cert_file[64];
    char key_file[64];
} certificate;

extern certificate test_certificate;

/* For cmocka_run_group_tests. */
int certificate_make(void **state);
int certificate_remove(void **state);

#endif

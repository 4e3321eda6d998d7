/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/certificate.h"

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

certificate test_certificate;

int certificate_make(void **state)
{
    (void)state;
    certificate *c = &test_certificate;
    snprintf(c->folder, sizeof c->folder, "/tmp/rill-keys-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    snprintf(c->cert_file, sizeof c->cert_file, "%.31s/cert.pem", c->folder);
    snprintf(c->key_file, sizeof c->key_file, "%.31s/key.pem", c->folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_true(key != NULL && cert != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *where = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    assert_int_equal(X509_add_ext(cert, where, -1), 1);
    X509_EXTENSION_free(where);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(c->cert_file, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
    f = fopen(c->key_file, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

int certificate_remove(void **state)
{
    (void)state;
    unlink(test_certificate.cert_file);
    unlink(test_certificate.key_file);
    rmdir(test_certificate.folder);
    return 0;
}

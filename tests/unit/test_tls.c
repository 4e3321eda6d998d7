/* SPDX-License-Identifier: Apache-2.0 */
/* btp+wss over loopback, with certificates made here. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static char folder[64];
static char cert_file[96];
static char key_file[96];

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Self-signed, for localhost and 127.0.0.1. */
static int make_certificate(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/rill-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_non_null(key);
    assert_non_null(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_file, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    fclose(f);
    f = fopen(key_file, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    unlink(cert_file);
    unlink(key_file);
    rmdir(folder);
    return 0;
}

static bool client_down(net *n)
{
    return n->client.downs > 0;
}

static void connect_to(net *n, const char *host, const rill_link_options *o)
{
    char uri[256];
    net_begin(n);
    n->options.cert_file = cert_file;
    n->options.key_file = key_file;
    net_serve(n);
    net_uri(n, uri, sizeof uri, "btp+wss", TOKEN, host);
    assert_int_equal(
        rill_link_open(&n->client.link, n->loop, uri, o, &link_handlers, &n->client, NULL),
        RILL_OK);
}

static bool all_back(net *n)
{
    return n->client.replies == 100;
}

static void test_trusted(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    static uint8_t packet[20000] = {12};
    for (size_t i = 0; i < 2; i++) {
        net n;
        rill_link_options o;
        rill_link_options_init(&o);
        o.ca_file = cert_file;
        connect_to(&n, hosts[i], &o);
        until(&n, both_up);
        n.session.echo = true;
        for (uint64_t c = 0; c < 100; c++) {
            /* More than the high-water mark in one turn is refused, and that is tested elsewhere.
             */
            int error = rill_link_send(n.client.link, c, packet, c % 50 == 0 ? sizeof packet : c);
            assert_int_equal(error, RILL_OK);
        }
        until(&n, all_back);
        net_end(&n);
        assert_int_equal(n.session.closed, 1);
    }
}

static void test_not_trusted(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    rill_link_options_init(&o);
    connect_to(&n, "localhost", &o);
    until(&n, client_down);
    assert_int_equal(n.client.error, RILL_ERR_TLS);
    assert_non_null(strstr(n.client.detail, "not trusted"));
    assert_int_equal(n.session.ups, 0);
    net_end(&n);
}

/* A certificate that is trusted, but is another host's. */
static void test_wrong_host(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    rill_link_options_init(&o);
    o.ca_file = cert_file;
    o.reconnect = false;
    connect_to(&n, "127.0.0.2", &o);
    until(&n, client_down);
    /* The server listens on 127.0.0.1 alone where the system separates them; else TLS refuses. */
    assert_true(n.client.error == RILL_ERR_TLS || n.client.error == RILL_ERR_CONNECT);
    assert_true(n.client.final);
    net_end(&n);

    n.client.detail[0] = '\0';
    net_begin(&n);
    n.options.host = "127.0.0.2";
    n.options.cert_file = cert_file;
    n.options.key_file = key_file;
    net_serve(&n);
    char uri[256];
    net_uri(&n, uri, sizeof uri, "btp+wss", TOKEN, "127.0.0.2");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, &o, &link_handlers, &n.client, NULL), RILL_OK);
    until(&n, client_down);
    assert_int_equal(n.client.error, RILL_ERR_TLS);
    assert_non_null(strstr(n.client.detail, "mismatch"));
    net_end(&n);
}

static void test_unverified(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    rill_link_options_init(&o);
    o.verify = false;
    connect_to(&n, "localhost", &o);
    until(&n, both_up);
    net_end(&n);
}

static void test_no_tls_there(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    rill_link_options_init(&o);
    net_begin(&n);
    net_serve(&n);
    char uri[256];
    net_uri(&n, uri, sizeof uri, "btp+wss", TOKEN, "localhost");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, &o, &link_handlers, &n.client, NULL), RILL_OK);
    until(&n, client_down);
    assert_false(n.client.final);
    net_end(&n);
}

static void test_files(void **state)
{
    (void)state;
    net n;
    rill_link_options o;
    const char *problem = NULL;
    net_begin(&n);
    rill_link_options_init(&o);
    o.ca_file = "/nowhere/ca.pem";
    assert_int_equal(rill_link_open(&n.client.link, n.loop, "btp+wss://:t@h", &o, &link_handlers,
                                    &n.client, &problem),
                     RILL_ERR_TLS);
    assert_non_null(problem);
    n.options.cert_file = "/nowhere/cert.pem";
    n.options.key_file = key_file;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_ERR_TLS);
    n.options.cert_file = cert_file;
    n.options.key_file = cert_file;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_ERR_TLS);
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),      cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_wrong_host),   cmocka_unit_test(test_unverified),
        cmocka_unit_test(test_no_tls_there), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}

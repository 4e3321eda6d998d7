/* SPDX-License-Identifier: Apache-2.0 */
/* btp+wss over loopback, with certificates made here. */
#define _POSIX_C_SOURCE 200809L

#include "net_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "io/tls.h"

static char folder[64];
static char cert_file[96]; /* self-signed, for localhost and 127.0.0.1; an authority too */
static char key_file[96];
static EVP_PKEY *cert_key;
static X509 *cert;

/* What a certificate says. */
typedef struct wish {
    const char *names;   /* subjectAltName */
    const char *usage;   /* extendedKeyUsage; NULL: any */
    long begins, ends;   /* seconds from now */
    X509 *issuer;        /* NULL: itself */
    EVP_PKEY *issued_by; /* the issuer's key */
    bool authority;
} wish;

static void add_extension(X509 *to, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, to, to, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(to, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *make(const wish *w, EVP_PKEY *key)
{
    static long serial = 1;
    X509 *made = X509_new();
    assert_non_null(made);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
    X509_gmtime_adj(X509_getm_notBefore(made), w->begins);
    X509_gmtime_adj(X509_getm_notAfter(made), w->ends);
    X509_set_pubkey(made, key);
    X509_NAME *name = X509_get_subject_name(made);
    char text[32];
    snprintf(text, sizeof text, "test %ld", serial++);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0);
    X509_set_issuer_name(made, w->issuer != NULL ? X509_get_subject_name(w->issuer) : name);
    add_extension(made, NID_basic_constraints, w->authority ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(made, NID_subject_alt_name, w->names);
    if (w->usage != NULL)
        add_extension(made, NID_ext_key_usage, w->usage);
    assert_true(X509_sign(made, w->issued_by != NULL ? w->issued_by : key, EVP_sha256()) > 0);
    return made;
}

static void write_chain(const char *path, X509 *first, X509 *second)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, first), 1);
    if (second != NULL)
        assert_int_equal(PEM_write_X509(f, second), 1);
    fclose(f);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static int make_certificate(void **state)
{
    (void)state;
    const wish own = {
        .names = "DNS:localhost,IP:127.0.0.1", .begins = -3600, .ends = 3600, .authority = true};
    snprintf(folder, sizeof folder, "/tmp/rill-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    cert_key = EVP_EC_gen("P-256");
    assert_non_null(cert_key);
    cert = make(&own, cert_key);
    write_chain(cert_file, cert, NULL);
    write_key(key_file, cert_key);
    return 0;
}

static int remove_certificate(void **state)
{
    (void)state;
    X509_free(cert);
    EVP_PKEY_free(cert_key);
    unlink(cert_file);
    unlink(key_file);
    rmdir(folder);
    return 0;
}

static bool up_or_down(net *n)
{
    return n->client.downs > 0 || n->client.ups > 0;
}

static bool client_down(net *n)
{
    return n->client.downs > 0;
}

static void connect_to(net *n, const char *host, const rill_link_options *o)
{
    char uri[256];
    net_begin(n);
    n->options.listen.cert_file = cert_file;
    n->options.listen.key_file = key_file;
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
            int error =
                rill_link_send(n.client.link, c, packet, c % 50 == 0 ? sizeof packet : (size_t)c);
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
    /*
     * The server listens only on 127.0.0.1 if the system separates the addresses. Otherwise TLS
     * refuses.
     */
    assert_true(n.client.error == RILL_ERR_TLS || n.client.error == RILL_ERR_CONNECT);
    assert_true(n.client.final);
    net_end(&n);

    n.client.detail[0] = '\0';
    net_begin(&n);
    n.options.listen.host = "127.0.0.2";
    n.options.listen.cert_file = cert_file;
    n.options.listen.key_file = key_file;
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

/*
 * A server with a certificate of our making, for the default client, which
 * trusts the authority. NULL: it was accepted. Else what the client says.
 */
static const char *told_of(const wish *w, X509 *between)
{
    static char detail[512];
    char leaf_file[96];
    char leaf_key_file[96];
    char uri[256];
    net n;
    rill_link_options o;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = make(w, key);
    snprintf(leaf_file, sizeof leaf_file, "%s/leaf.pem", folder);
    snprintf(leaf_key_file, sizeof leaf_key_file, "%s/leaf-key.pem", folder);
    write_chain(leaf_file, leaf, between);
    write_key(leaf_key_file, key);
    X509_free(leaf);
    EVP_PKEY_free(key);
    rill_link_options_init(&o);
    assert_true(o.verify);
    o.ca_file = cert_file;
    net_begin(&n);
    n.options.listen.cert_file = leaf_file;
    n.options.listen.key_file = leaf_key_file;
    net_serve(&n);
    net_uri(&n, uri, sizeof uri, "btp+wss", TOKEN, "localhost");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, &o, &link_handlers, &n.client, NULL), RILL_OK);
    until(&n, up_or_down);
    bool accepted = n.client.ups > 0;
    /* A server that is not trusted does not get the token. */
    assert_true(accepted || (n.client.error == RILL_ERR_TLS && n.session.ups == 0));
    snprintf(detail, sizeof detail, "%s", n.client.detail);
    net_end(&n);
    unlink(leaf_file);
    unlink(leaf_key_file);
    return accepted ? NULL : detail;
}

static void refused_for(const char *what, const wish *w, X509 *between)
{
    const char *why = told_of(w, between);
    assert_non_null(why);
    if (strstr(why, what) == NULL)
        fail_msg("not for \"%s\" but: %s", what, why);
}

static wish good(void)
{
    return (wish){.names = "DNS:localhost",
                  .begins = -60,
                  .ends = 3600,
                  .issuer = cert,
                  .issued_by = cert_key};
}

static void test_certificates(void **state)
{
    (void)state;
    wish w = good();
    assert_null(told_of(&w, NULL));
    w.ends = -1;
    w.begins = -3600;
    refused_for("expired", &w, NULL);
    w = good();
    w.begins = 3600;
    w.ends = 7200;
    refused_for("not yet valid", &w, NULL);
    w = good();
    w.names = "DNS:example.org,DNS:localhost.example.org,IP:127.0.0.1";
    refused_for("mismatch", &w, NULL);
    w = good();
    w.usage = "clientAuth";
    refused_for("purpose", &w, NULL);
    w = good();
    w.issuer = NULL;
    w.issued_by = NULL;
    refused_for("self-signed", &w, NULL);
    /* The authority's name, another's signature. */
    EVP_PKEY *other = EVP_EC_gen("P-256");
    w = good();
    w.issued_by = other;
    refused_for("not trusted", &w, NULL);
    /* Somebody with a good certificate signs one for us. */
    w = good();
    w.names = "DNS:somebody.example";
    X509 *somebody = make(&w, other);
    w = good();
    w.issuer = somebody;
    w.issued_by = other;
    refused_for("CA", &w, somebody);
    X509_free(somebody);
    EVP_PKEY_free(other);
}

/* ---- versions: against OpenSSL itself, which speaks what it is told to ---- */

typedef struct plain_ssl {
    SSL_CTX *context;
    SSL *ssl;
} plain_ssl;

static plain_ssl plain_open(bool server, int version, const char *ciphers)
{
    plain_ssl r = {.context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method())};
    assert_non_null(r.context);
    /* Old versions need old digests. */
    char list[128];
    snprintf(list, sizeof list, "%s:@SECLEVEL=0", ciphers);
    assert_int_equal(SSL_CTX_set_cipher_list(r.context, list), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(r.context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(r.context, version), 1);
    assert_int_equal(SSL_CTX_use_certificate(r.context, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(r.context, cert_key), 1);
    r.ssl = SSL_new(r.context);
    assert_non_null(r.ssl);
    SSL_set_bio(r.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (server)
        SSL_set_accept_state(r.ssl);
    else
        SSL_set_connect_state(r.ssl);
    return r;
}

static void plain_close(plain_ssl *r)
{
    SSL_free(r->ssl);
    SSL_CTX_free(r->context);
}

/* Both to their ends or to a standstill. RILL_OK, or what ours says. */
static int shake_hands(rill_tls *ours, plain_ssl *theirs)
{
    int error = RILL_ERR_BLOCKED;
    uint8_t bytes[16384];
    for (int turn = 0; turn < 10; turn++) {
        if (error == RILL_ERR_BLOCKED)
            error = rill_tls_handshake(ours);
        size_t len = rill_tls_take(ours, bytes, sizeof bytes);
        if (len != 0)
            assert_int_equal(BIO_write(SSL_get_rbio(theirs->ssl), bytes, (int)len), len);
        (void)SSL_do_handshake(theirs->ssl);
        int got = BIO_read(SSL_get_wbio(theirs->ssl), bytes, sizeof bytes);
        if (got > 0)
            assert_int_equal(rill_tls_feed(ours, bytes, (size_t)got), RILL_OK);
    }
    return error == RILL_OK && !SSL_is_init_finished(theirs->ssl) ? RILL_ERR_TLS : error;
}

static void open_ours(rill_tls_context **context, rill_tls **ours, bool server)
{
    int error = server ? rill_tls_server_context(context, cert_file, key_file, NULL)
                       : rill_tls_client_context(context, cert_file, true, NULL);
    assert_int_equal(error, RILL_OK);
    assert_int_equal(rill_tls_new(ours, *context, server ? NULL : "localhost"), RILL_OK);
}

/* Ciphers of TLS 1.2, each alone: those that every version of it has, and better ones. */
static void test_ciphers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int outcome;
    } cases[] = {
        {"ECDHE-ECDSA-AES128-SHA", RILL_ERR_TLS},  {"ECDHE-ECDSA-AES256-SHA384", RILL_ERR_TLS},
        {"ECDHE-ECDSA-AES128-CCM8", RILL_ERR_TLS}, {"ECDHE-ECDSA-NULL-SHA", RILL_ERR_TLS},
        {"AECDH-AES128-SHA", RILL_ERR_TLS},        {"ECDHE-ECDSA-AES128-GCM-SHA256", RILL_OK},
        {"ECDHE-ECDSA-CHACHA20-POLY1305", RILL_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int server = 0; server < 2; server++) {
            rill_tls_context *context;
            rill_tls *ours;
            plain_ssl theirs = plain_open(server == 1, TLS1_2_VERSION, cases[i].name);
            open_ours(&context, &ours, server == 0);
            assert_int_equal(shake_hands(ours, &theirs), cases[i].outcome);
            rill_tls_free(ours);
            rill_tls_context_free(context);
            plain_close(&theirs);
        }
    }
}

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        int version;
        int outcome;
    } cases[] = {{TLS1_VERSION, RILL_ERR_TLS},
                 {TLS1_1_VERSION, RILL_ERR_TLS},
                 {TLS1_2_VERSION, RILL_OK},
                 {TLS1_3_VERSION, RILL_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int server = 0; server < 2; server++) {
            rill_tls_context *context;
            rill_tls *ours;
            plain_ssl theirs = plain_open(server == 1, cases[i].version, "ALL");
            open_ours(&context, &ours, server == 0);
            assert_int_equal(shake_hands(ours, &theirs), cases[i].outcome);
            if (cases[i].outcome == RILL_OK)
                assert_int_equal(SSL_version(theirs.ssl), cases[i].version);
            rill_tls_free(ours);
            rill_tls_context_free(context);
            plain_close(&theirs);
        }
    }
}

/* We refuse it ourselves, and not an OpenSSL that does not support it. */
static void test_what_is_refused_is_there(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *ciphers;
    } cases[] = {{TLS1_VERSION, "ALL"},
                 {TLS1_1_VERSION, "ALL"},
                 {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA"},
                 {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"},
                 {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8"},
                 {TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA"},
                 {TLS1_2_VERSION, "AECDH-AES128-SHA"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plain_ssl server = plain_open(true, cases[i].version, cases[i].ciphers);
        plain_ssl client = plain_open(false, cases[i].version, cases[i].ciphers);
        uint8_t bytes[16384];
        for (int turn = 0; turn < 10; turn++) {
            (void)SSL_do_handshake(client.ssl);
            int got = BIO_read(SSL_get_wbio(client.ssl), bytes, sizeof bytes);
            if (got > 0)
                assert_int_equal(BIO_write(SSL_get_rbio(server.ssl), bytes, got), got);
            (void)SSL_do_handshake(server.ssl);
            got = BIO_read(SSL_get_wbio(server.ssl), bytes, sizeof bytes);
            if (got > 0)
                assert_int_equal(BIO_write(SSL_get_rbio(client.ssl), bytes, got), got);
        }
        assert_true(SSL_is_init_finished(client.ssl) && SSL_is_init_finished(server.ssl));
        plain_close(&server);
        plain_close(&client);
    }
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
    assert_non_null(strstr(n.client.detail, "begins with btp+ws://"));
    /* Without TLS the token is not sent either. */
    assert_int_equal(n.session.ups, 0);
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
    n.options.listen.cert_file = "/nowhere/cert.pem";
    n.options.listen.key_file = key_file;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_ERR_TLS);
    n.options.listen.cert_file = cert_file;
    n.options.listen.key_file = cert_file;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_ERR_TLS);
    /* A key with a password is refused; nobody is asked for it. */
    char locked[96];
    snprintf(locked, sizeof locked, "%s/locked.pem", folder);
    FILE *f = fopen(locked, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, cert_key, EVP_aes_256_cbc(),
                                          (const unsigned char *)"word", 4, NULL, NULL),
                     1);
    fclose(f);
    n.options.listen.key_file = locked;
    assert_int_equal(rill_btp_server_open(&n.server, n.loop, &n.options), RILL_ERR_TLS);
    unlink(locked);
    net_end(&n);
}

static bool client_up(net *n)
{
    return n->client.ups > 0;
}

/* New connections get the new certificate; files that cannot be used change nothing. */
static void test_renewed(void **state)
{
    (void)state;
    net n;
    char uri[256], other_cert[96], other_key[96];
    const wish own = {
        .names = "DNS:localhost,IP:127.0.0.1", .begins = -3600, .ends = 3600, .authority = true};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *other = make(&own, key);
    snprintf(other_cert, sizeof other_cert, "%s/other-cert.pem", folder);
    snprintf(other_key, sizeof other_key, "%s/other-key.pem", folder);
    write_chain(other_cert, other, NULL);
    write_key(other_key, key);
    rill_link_options o;
    rill_link_options_init(&o);
    o.ca_file = cert_file;
    net_begin(&n);
    n.options.listen.cert_file = other_cert;
    n.options.listen.key_file = other_key;
    net_serve(&n);
    net_uri(&n, uri, sizeof uri, "btp+wss", TOKEN, "localhost");
    assert_int_equal(
        rill_link_open(&n.client.link, n.loop, uri, &o, &link_handlers, &n.client, NULL), RILL_OK);
    until(&n, client_down);
    assert_int_equal(n.client.error, RILL_ERR_TLS);
    /* A certificate of another key, and none at all: the server goes on as before. */
    assert_int_equal(
        rill_listener_renew_tls(rill_btp_server_listener(n.server), cert_file, other_key),
        RILL_ERR_TLS);
    assert_int_equal(
        rill_listener_renew_tls(rill_btp_server_listener(n.server), "/nowhere", key_file),
        RILL_ERR_TLS);
    n.client.downs = 0;
    until(&n, client_down);
    assert_int_equal(n.client.ups, 0);
    assert_int_equal(
        rill_listener_renew_tls(rill_btp_server_listener(n.server), cert_file, key_file), RILL_OK);
    until(&n, client_up);
    net_end(&n);
    unlink(other_cert);
    unlink(other_key);
    X509_free(other);
    EVP_PKEY_free(key);
    net_begin(&n);
    net_serve(&n);
    assert_int_equal(
        rill_listener_renew_tls(rill_btp_server_listener(n.server), cert_file, key_file),
        RILL_ERR_INVALID);
    net_end(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),
        cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_wrong_host),
        cmocka_unit_test(test_unverified),
        cmocka_unit_test(test_no_tls_there),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_what_is_refused_is_there),
        cmocka_unit_test(test_ciphers),
        cmocka_unit_test(test_renewed),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}

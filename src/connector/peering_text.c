/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/peering_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "link/uri.h"

/* ---- errors ---- */

static const struct {
    const char *name;
    const char *text;
    unsigned status;
} errors[] = {
    [RILL_PEERING_FINE] = {"", "", 200},
    [RILL_PEERING_OUR_CONFIGURATION] = {"InvalidIlpConfiguration",
                                        "The ILP configuration is misconfigured", 400},
    [RILL_PEERING_PEER_CONFIGURATION] = {"InvalidPeerIlpConfiguration",
                                         "Requested peer's ILP configuration is misconfigured",
                                         400},
    [RILL_PEERING_UNKNOWN_ASSET] = {"UnknownAsset", "Unknown asset", 404},
    [RILL_PEERING_PEER_ASSET] = {"PeerUnsupportedAsset", "Peer does not support asset", 400},
    [RILL_PEERING_BAD_URL] = {"InvalidPeerUrl",
                              "Peer URL is invalid or peer does not support auto-peering", 400},
    [RILL_PEERING_BAD_REQUEST] = {"InvalidPeeringRequest", "Invalid peering request", 400},
    [RILL_PEERING_LIQUIDITY] = {"LiquidityError", "Could not deposit liquidity to peer", 400},
};
enum { ERRORS = sizeof errors / sizeof *errors };

const char *rill_peering_error_name(rill_peering_error error)
{
    return errors[error].name;
}

const char *rill_peering_error_text(rill_peering_error error)
{
    return errors[error].text;
}

unsigned rill_peering_error_status(rill_peering_error error)
{
    return errors[error].status;
}

rill_peering_error rill_peering_read_error(const char *text, size_t len)
{
    rill_json_member error = {.name = "error"};
    rill_json_member type = {.name = "type"};
    char name[40];
    if (rill_json_find(text, len, &error, 1) != RILL_OK || error.value.data == NULL ||
        rill_json_find((const char *)error.value.data, error.value.len, &type, 1) != RILL_OK ||
        type.value.data == NULL || rill_json_ascii(type.value, name, sizeof name) != RILL_OK)
        return RILL_PEERING_FINE;
    for (int i = 1; i < ERRORS; i++) {
        if (strcmp(errors[i].name, name) == 0)
            return (rill_peering_error)i;
    }
    return RILL_PEERING_FINE;
}

/* ---- URLs ---- */

/* Numbers, or what a resolver may take for one: 127.1, 0x7f000001, [::1]. */
static bool is_numeric(const char *host)
{
    const char *last = strrchr(host, '.');
    const char *part = last == NULL ? host : last + 1;
    return strchr(host, ':') != NULL || strspn(part, "0123456789") == strlen(part) ||
           strncasecmp(part, "0x", 2) == 0;
}

static bool ends_in(const char *host, const char *end)
{
    size_t len = strlen(host);
    size_t end_len = strlen(end);
    return len >= end_len && strcasecmp(host + len - end_len, end) == 0;
}

/* A name that is this machine's, or its network's alone. */
static bool is_inner(const char *host)
{
    size_t len = strlen(host);
    return strchr(host, '.') == NULL || host[0] == '.' || host[len - 1] == '.' ||
           ends_in(host, ".localhost") || ends_in(host, ".local") || ends_in(host, ".internal") ||
           ends_in(host, ".home.arpa");
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

bool rill_peering_url_is_good(const char *url, rill_peering_trust trust, const char **problem)
{
    rill_uri uri;
    if (strlen(url) > RILL_PEERING_URL) {
        *problem = "the URL is too long";
        return false;
    }
    /* With an @ anywhere it is no URI of a link that has its token apart. */
    if (strpbrk(url, "?#@") != NULL) {
        *problem = "the URL may not have a query, a fragment or an @";
        return false;
    }
    if (rill_uri_parse_url(&uri, url, problem) != RILL_OK)
        return false;
    *problem = NULL;
    if (!uri.tls && trust != RILL_PEERING_ANY &&
        (trust != RILL_PEERING_LOCAL || !is_loopback(uri.host)))
        *problem = "the URL must be https";
    else if (trust == RILL_PEERING_STRANGER && is_numeric(uri.host))
        *problem = "the URL must have the name of a host, and not its number";
    else if (trust == RILL_PEERING_STRANGER && is_inner(uri.host))
        *problem = "the URL must have the name of a host that is known everywhere";
    return *problem == NULL;
}

bool rill_peering_same_host(const char *a, const char *b)
{
    rill_uri x, y;
    const char *problem;
    return rill_uri_parse_url(&x, a, &problem) == RILL_OK &&
           rill_uri_parse_url(&y, b, &problem) == RILL_OK && strcasecmp(x.host, y.host) == 0;
}

bool rill_peering_host_is_in(const char *url, const rill_items *hosts)
{
    const rill_text *texts = hosts->items;
    rill_uri uri;
    const char *problem;
    if (rill_uri_parse_url(&uri, url, &problem) != RILL_OK)
        return false;
    for (size_t i = 0; i < hosts->count; i++) {
        const char *host = texts[i].text;
        if (host[0] == '.' ? ends_in(uri.host, host) : strcasecmp(uri.host, host) == 0)
            return true;
    }
    return false;
}

/* ---- reading ---- */

/* RILL_ERR_MALFORMED: it is missing, no string, or too long. */
static int read_text(const rill_json_member *m, char *out, size_t cap)
{
    return m->value.data != NULL && rill_json_ascii(m->value, out, cap) == RILL_OK
               ? RILL_OK
               : RILL_ERR_MALFORMED;
}

static bool is_visible(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return true;
}

/* A name is for people: one that is not readable everywhere is none. */
static void read_name(const rill_json_member *m, char out[RILL_PEERING_NAME + 1])
{
    if (read_text(m, out, RILL_PEERING_NAME + 1) != RILL_OK)
        out[0] = '\0';
    for (char *c = out; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
}

/* Where the peer is, and what it will show. */
static int read_place(rill_peering_offer *out, const rill_json_member *m, rill_peering_error *error,
                      const char **problem)
{
    rill_bytes address;
    *error = RILL_PEERING_PEER_CONFIGURATION;
    *problem = "staticIlpAddress is no ILP address";
    if (read_text(&m[0], out->address, sizeof out->address) != RILL_OK)
        return RILL_ERR_MALFORMED;
    address = (rill_bytes){(const uint8_t *)out->address, strlen(out->address)};
    if (!rill_address_valid(address))
        return RILL_ERR_MALFORMED;
    *problem = "ilpConnectorUrl is no URL, or is too long";
    if (read_text(&m[1], out->url, sizeof out->url) != RILL_OK ||
        !rill_peering_url_is_good(out->url, RILL_PEERING_ANY, problem))
        return RILL_ERR_MALFORMED;
    *error = RILL_PEERING_BAD_REQUEST;
    *problem = "httpToken must have 12 to 400 visible characters";
    if (read_text(&m[2], out->token, sizeof out->token) != RILL_OK || !is_visible(out->token) ||
        strlen(out->token) < RILL_PEERING_SHORTEST_TOKEN)
        return RILL_ERR_MALFORMED;
    read_name(&m[3], out->name);
    *error = RILL_PEERING_FINE;
    *problem = NULL;
    return RILL_OK;
}

/* Digits alone. False: something else, or more than 64 bits. */
static bool read_number(rill_bytes text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return text.len > 0;
}

static bool read_asset(const rill_json_member *m, rill_config_asset *out)
{
    rill_json_member parts[] = {{.name = "code"}, {.name = "scale"}};
    uint64_t scale = 0;
    memset(out, 0, sizeof *out);
    if (m->value.data == NULL ||
        rill_json_find((const char *)m->value.data, m->value.len, parts, 2) != RILL_OK ||
        read_text(&parts[0], out->code, sizeof out->code) != RILL_OK || out->code[0] == '\0' ||
        !is_visible(out->code) || parts[1].value.data == NULL ||
        !read_number(parts[1].value, &scale) || scale > UINT8_MAX)
        return false;
    out->scale = (uint8_t)scale;
    return true;
}

static bool is_null(rill_bytes value)
{
    return value.len == 4 && memcmp(value.data, "null", 4) == 0;
}

/*
 * Rafiki writes null where an operator has said nothing. To JavaScript 0 is nothing, too. More than
 * 64 bits is no limit.
 */
static bool read_max_packet(const rill_json_member *m, uint64_t *out)
{
    *out = UINT64_MAX;
    if (m->value.data == NULL || is_null(m->value))
        return true;
    if (!read_number(m->value, out)) {
        for (size_t i = 0; i < m->value.len; i++) {
            if ((unsigned)m->value.data[i] - '0' > 9)
                return false;
        }
        *out = UINT64_MAX;
    }
    if (*out == 0)
        *out = UINT64_MAX;
    return true;
}

int rill_peering_read_request(rill_peering_offer *out, const char *text, size_t len,
                              rill_peering_error *error, const char **problem)
{
    rill_json_member m[] = {{.name = "staticIlpAddress"},
                            {.name = "ilpConnectorUrl"},
                            {.name = "httpToken"},
                            {.name = "name"},
                            {.name = "asset"},
                            {.name = "maxPacketAmount"}};
    memset(out, 0, sizeof *out);
    *error = RILL_PEERING_BAD_REQUEST;
    *problem = "the body must be one object in JSON";
    if (len > RILL_PEERING_BODY || rill_json_find(text, len, m, 6) != RILL_OK)
        return RILL_ERR_MALFORMED;
    *problem = "asset must have a code and a scale";
    if (!read_asset(&m[4], &out->asset))
        return RILL_ERR_MALFORMED;
    *problem = "maxPacketAmount must be a whole number";
    if (!read_max_packet(&m[5], &out->max_packet))
        return RILL_ERR_MALFORMED;
    return read_place(out, m, error, problem);
}

int rill_peering_read_answer(rill_peering_offer *out, const char *text, size_t len,
                             const char **problem)
{
    rill_json_member m[] = {{.name = "staticIlpAddress"},
                            {.name = "ilpConnectorUrl"},
                            {.name = "httpToken"},
                            {.name = "name"}};
    rill_peering_error error;
    memset(out, 0, sizeof *out);
    *problem = "it is not one object in JSON";
    if (len > RILL_PEERING_BODY || rill_json_find(text, len, m, 4) != RILL_OK)
        return RILL_ERR_MALFORMED;
    out->max_packet = UINT64_MAX;
    return read_place(out, m, &error, problem);
}

/* ---- writing ---- */

/* All that is written is visible ASCII, or a blank. */
static void escape(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; *text != '\0' && len + 3 < cap; text++) {
        if (*text == '"' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
    }
    out[len] = '\0';
}

static int fits(int len)
{
    return len < 0 || len >= RILL_PEERING_BODY ? RILL_ERR_BUFFER : RILL_OK;
}

int rill_peering_write_request(const rill_peering_offer *offer, char out[RILL_PEERING_BODY])
{
    char name[2 * RILL_PEERING_NAME + 4];
    char code[2 * sizeof offer->asset.code + 4];
    char most[40] = "";
    escape(offer->name, name, sizeof name);
    escape(offer->asset.code, code, sizeof code);
    if (offer->max_packet != UINT64_MAX)
        (void)snprintf(most, sizeof most, ",\"maxPacketAmount\":%" PRIu64, offer->max_packet);
    return fits(snprintf(out, RILL_PEERING_BODY,
                         "{\"staticIlpAddress\":\"%s\",\"ilpConnectorUrl\":\"%s\",\"asset\":{"
                         "\"code\":\"%s\",\"scale\":%u},\"httpToken\":\"%s\"%s,\"name\":\"%s\"}",
                         offer->address, offer->url, code, (unsigned)offer->asset.scale,
                         offer->token, most, name));
}

/* Rafiki says which of its tenants it is; here there is one. */
int rill_peering_write_answer(const rill_peering_offer *offer, char out[RILL_PEERING_BODY])
{
    char name[2 * RILL_PEERING_NAME + 4];
    escape(offer->name, name, sizeof name);
    return fits(snprintf(out, RILL_PEERING_BODY,
                         "{\"staticIlpAddress\":\"%s\",\"ilpConnectorUrl\":\"%s\",\"httpToken\":"
                         "\"%s\",\"name\":\"%s\",\"tenantId\":"
                         "\"00000000-0000-0000-0000-000000000000\"}",
                         offer->address, offer->url, offer->token, name));
}

void rill_peering_write_error(rill_peering_error error, unsigned status, const char *message,
                              char out[RILL_PEERING_BODY])
{
    (void)snprintf(out, RILL_PEERING_BODY,
                   "{\"error\":{\"code\":%u,\"message\":\"%.400s\",\"type\":\"%s\"}}", status,
                   message == NULL ? errors[error].text : message, errors[error].name);
}

/* ---- tokens ---- */

static void hex(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

/* The digits of a hash of texts, of which none can run into the next. */
static int digest(rill_crypto *crypto, const char *const *texts, size_t count, size_t len,
                  char *out)
{
    uint8_t all[RILL_SHA256_LEN];
    uint8_t one[2 * RILL_SHA256_LEN] = {0};
    int rc = RILL_OK;
    for (size_t i = 0; i < count && rc == RILL_OK; i++) {
        rc = rill_crypto_sha256(crypto, (const uint8_t *)texts[i], strlen(texts[i]),
                                one + RILL_SHA256_LEN);
        if (rc == RILL_OK)
            rc = rill_crypto_sha256(crypto, one, sizeof one, all);
        if (rc == RILL_OK)
            memcpy(one, all, sizeof all);
    }
    if (rc != RILL_OK)
        return RILL_ERR_CRYPTO;
    hex(one, len, out);
    return RILL_OK;
}

int rill_peering_key(rill_crypto *crypto, rill_peering_made made, const char *with,
                     const rill_config_asset *asset, const char *more, char out[RILL_PEERING_KEY])
{
    char scale[8];
    (void)snprintf(scale, sizeof scale, "%u", (unsigned)asset->scale);
    const char *const texts[] = {made == RILL_PEERING_ASKED ? "asked" : "accepted", with,
                                 asset->code, scale, more};
    return digest(crypto, texts, 5, (RILL_PEERING_KEY - 1) / 2, out);
}

int rill_peering_token(rill_crypto *crypto, const char *secret, const char *key,
                       char out[RILL_PEERING_DIGITS])
{
    char text[100];
    uint8_t mac[RILL_SHA256_LEN];
    int len = snprintf(text, sizeof text, "rill peering %.64s", key);
    int rc = rill_crypto_hmac(crypto, (const uint8_t *)secret, strlen(secret),
                              (const uint8_t *)text, (size_t)len, mac);
    if (rc == RILL_OK)
        hex(mac, sizeof mac, out);
    rill_wipe(mac, sizeof mac);
    return rc == RILL_OK ? RILL_OK : RILL_ERR_CRYPTO;
}

int rill_peering_hash(rill_crypto *crypto, const char *token, char out[RILL_PEERING_HASH])
{
    uint8_t hash[RILL_SHA256_LEN];
    int rc = rill_crypto_sha256(crypto, (const uint8_t *)token, strlen(token), hash);
    (void)snprintf(out, RILL_PEERING_HASH, "%s", RILL_CONFIG_HASH);
    if (rc == RILL_OK)
        hex(hash, sizeof hash, out + strlen(RILL_CONFIG_HASH));
    return rc == RILL_OK ? RILL_OK : RILL_ERR_CRYPTO;
}

int rill_peering_account(rill_crypto *crypto, const char *address, const rill_config_asset *asset,
                         char out[RILL_PEERING_ACCOUNT])
{
    enum { TAIL = 40, DIGITS = 6 };
    char digits[2 * DIGITS + 1];
    char scale[8];
    size_t len = strlen(address);
    const char *tail = len > TAIL ? address + len - TAIL : address;
    (void)snprintf(scale, sizeof scale, "%u", (unsigned)asset->scale);
    const char *const texts[] = {address, asset->code, scale};
    int rc = digest(crypto, texts, 3, DIGITS, digits);
    if (rc != RILL_OK)
        return rc;
    (void)snprintf(out, RILL_PEERING_ACCOUNT, "%s-%s-%s-%s", tail, asset->code, scale, digits);
    for (char *c = out; *c != '\0'; c++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-", *c) == NULL)
            *c = '-';
    }
    return RILL_OK;
}

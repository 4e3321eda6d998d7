/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two nodes say to each other when they agree on an account by themselves, as Rafiki's
 * auto-peering has it: a request, an answer, or an error, each one object of JSON. Whoever asks
 * says where it is reached, and what it will show there as a token; the answer says the same of the
 * other side. Texts in, texts out; both are a stranger's.
 */
#ifndef RILL_CONNECTOR_PEERING_TEXT_H
#define RILL_CONNECTOR_PEERING_TEXT_H

#include <rill/error.h>
#include <rill/ilp.h>

#include "connector/config.h"
#include "crypto/crypto.h"

/* Bytes of a body, in both directions. */
#define RILL_PEERING_BODY 8192
/* Bytes of the parts of it. */
#define RILL_PEERING_URL   400
#define RILL_PEERING_NAME  100
#define RILL_PEERING_TOKEN 400
/* A token that is shorter could be guessed. */
#define RILL_PEERING_SHORTEST_TOKEN 12
/* Of a secret in the configuration. */
#define RILL_PEERING_SHORTEST_SECRET 32
/* Peers that came so, and that wait, at most. */
#define RILL_PEERING_MOST 1000

/* What Rafiki calls them; the order is that of their names in the file. */
typedef enum rill_peering_error {
    RILL_PEERING_FINE,
    RILL_PEERING_OUR_CONFIGURATION,  /* InvalidIlpConfiguration */
    RILL_PEERING_PEER_CONFIGURATION, /* InvalidPeerIlpConfiguration */
    RILL_PEERING_UNKNOWN_ASSET,
    RILL_PEERING_PEER_ASSET, /* PeerUnsupportedAsset */
    RILL_PEERING_BAD_URL,    /* InvalidPeerUrl */
    RILL_PEERING_BAD_REQUEST,
    RILL_PEERING_LIQUIDITY,
} rill_peering_error;

/* What one side offers the other. */
typedef struct rill_peering_offer {
    char address[RILL_ILP_MAX_ADDRESS + 1];
    char url[RILL_PEERING_URL + 1];
    char token[RILL_PEERING_TOKEN + 1]; /* that it will show; a secret */
    char name[RILL_PEERING_NAME + 1];   /* for people; empty: none that can be shown */
    rill_config_asset asset;            /* of a request alone */
    uint64_t max_packet;                /* the same; UINT64_MAX: it does not say */
} rill_peering_offer;

/*
 * Reads one. It has no more of the text than what fits to the limits above: an address that is
 * valid, a URL that RILL_PEERING_ANY allows, a token of visible ASCII. RILL_ERR_MALFORMED: *problem
 * says why, a static text, and *error what that is for Rafiki. Wipe the offer after use.
 */
RILL_MUST_CHECK int rill_peering_read_request(rill_peering_offer *out, const char *text, size_t len,
                                              rill_peering_error *error, const char **problem);
RILL_MUST_CHECK int rill_peering_read_answer(rill_peering_offer *out, const char *text, size_t len,
                                             const char **problem);
/* Of an error; RILL_PEERING_FINE: it is none that is known. */
rill_peering_error rill_peering_read_error(const char *text, size_t len);

/* Each NUL-terminated, in out[RILL_PEERING_BODY]. RILL_ERR_BUFFER. */
RILL_MUST_CHECK int rill_peering_write_request(const rill_peering_offer *offer,
                                               char out[RILL_PEERING_BODY]);
RILL_MUST_CHECK int rill_peering_write_answer(const rill_peering_offer *offer,
                                              char out[RILL_PEERING_BODY]);
/* message (may be NULL): instead of Rafiki's own words. It needs no escapes. */
void rill_peering_write_error(rill_peering_error error, unsigned status, const char *message,
                              char out[RILL_PEERING_BODY]);

/* As Rafiki has them. */
const char *rill_peering_error_name(rill_peering_error error);
const char *rill_peering_error_text(rill_peering_error error);
unsigned rill_peering_error_status(rill_peering_error error);

/* Whose URL is it? */
typedef enum rill_peering_trust {
    RILL_PEERING_ANY,      /* http or https, of any host */
    RILL_PEERING_LOCAL,    /* an operator's: https, or http of this machine */
    RILL_PEERING_HTTPS,    /* an operator's: https */
    RILL_PEERING_STRANGER, /* https of a host with a name that others know, too */
} rill_peering_trust;

/* If not, *problem says why, a static text. */
bool rill_peering_url_is_good(const char *url, rill_peering_trust trust, const char **problem);
/* Are both URLs of one host, by whichever port? */
bool rill_peering_same_host(const char *a, const char *b);
/* Does the host of a URL match one of these (rill_text: "bank.example", ".example")? */
bool rill_peering_host_is_in(const char *url, const rill_items *hosts);

/* ---- tokens ---- */

/* Digits of a key, and of a token, each with its NUL. */
#define RILL_PEERING_KEY    33
#define RILL_PEERING_DIGITS 65

/*
 * From what was agreed comes a key, which is no secret and always the same; from the key and the
 * secret of the configuration the token that we show. So nothing has to be kept that somebody could
 * steal, and who asks again says the same again. RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_peering_key(rill_crypto *crypto, rill_peering_made made, const char *with,
                                     const rill_config_asset *asset, const char *more,
                                     char out[RILL_PEERING_KEY]);
RILL_MUST_CHECK int rill_peering_token(rill_crypto *crypto, const char *secret, const char *key,
                                       char out[RILL_PEERING_DIGITS]);
/* "sha256:" and the digits of a token's hash. RILL_ERR_CRYPTO. */
#define RILL_PEERING_HASH 72
RILL_MUST_CHECK int rill_peering_hash(rill_crypto *crypto, const char *token,
                                      char out[RILL_PEERING_HASH]);
/*
 * What an account is called that nobody has named: the end of the address, the asset, and digits
 * that are another one's for another address or asset. RILL_ERR_CRYPTO.
 */
#define RILL_PEERING_ACCOUNT 100
RILL_MUST_CHECK int rill_peering_account(rill_crypto *crypto, const char *address,
                                         const rill_config_asset *asset,
                                         char out[RILL_PEERING_ACCOUNT]);

#endif

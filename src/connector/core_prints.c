/* SPDX-License-Identifier: Apache-2.0 */
/* Prints of secrets, as the books keep them in place of what the secrets are: core_kept.h. */
#include <stdio.h>
#include <string.h>

#include "connector/core_impl.h"
#include "connector/core_kept.h"

/* There is none, and there are no prints. */
static const char no_key[] = "none";

void rill_core_print_with(rill_core *c, const uint8_t key[RILL_PRINT_KEY])
{
    memcpy(c->kept.key, key, RILL_PRINT_KEY);
    c->kept.has_key = true;
}

bool rill_core_print_bytes(const rill_core *c, const uint8_t *data, size_t len,
                           uint8_t out[RILL_SHA256_LEN])
{
    const core_kept *kept = &c->kept;
    if (kept->prints == CORE_PRINTS_PLAIN)
        return rill_crypto_sha256(c->options.crypto, data, len, out) == RILL_OK;
    return kept->prints == CORE_PRINTS_BY_KEY && kept->has_key &&
           rill_crypto_hmac(c->options.crypto, kept->key, sizeof kept->key, data, len, out) ==
               RILL_OK;
}

bool rill_core_print(void *user, const char *text, char out[RILL_SHAPE_PRINT])
{
    uint8_t digest[RILL_SHA256_LEN];
    if (!rill_core_print_bytes(user, (const uint8_t *)text, strlen(text), digest))
        return false;
    for (size_t i = 0; i < (RILL_SHAPE_PRINT - 1) / 2; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)digest[i]);
    return true;
}

void rill_core_name_prints(rill_core *c, char out[RILL_SHAPE_PRINT])
{
    if (!rill_core_print(c, "prints of secrets", out))
        (void)snprintf(out, RILL_SHAPE_PRINT, "%s", no_key);
}

void rill_core_strip_prints(char *text)
{
    char *to = text;
    while (text != NULL && *text != '\0') {
        const size_t len = strcspn(text, "\n");
        const char *tab = memchr(text, '\t', len);
        const char *next = text + len + (text[len] == '\n');
        if (*text == '@' || tab == NULL || tab == text || tab[-1] != '#') {
            for (const char *at = text; at < next; at++) {
                if (*at != RILL_SHAPE_REST)
                    *to++ = *at;
                else
                    at += next - at < RILL_SHAPE_PRINT ? next - at - 1 : RILL_SHAPE_PRINT - 1;
            }
        }
        text += next - text;
    }
    if (to != NULL)
        *to = '\0';
}

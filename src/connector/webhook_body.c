/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent of a line of the audit, and its signature. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector/text_json.h"
#include "connector/webhook.h"
#include "connector/when.h"

static const struct {
    const char *type;
    bool money;
} kinds[] = {
    [RILL_ENTRY_SETTLED_IN] = {"account.settled_in", true},
    [RILL_ENTRY_SETTLED_OUT] = {"account.settled_out", true},
    [RILL_ENTRY_DEPOSIT] = {"account.deposit", true},
    [RILL_ENTRY_WITHDRAWAL] = {"account.withdrawal", true},
    [RILL_ENTRY_CHANGE] = {"account.changed", false},
    [RILL_ENTRY_SETTLED_BACK] = {"account.settled_back", true},
};

/* The same line has the same id, however often it is sent: its hash, as a UUID of version 8. */
static void id_of(const rill_audit_line *line, char out[37])
{
    uint8_t b[16];
    size_t at = 0;
    memcpy(b, line->hash, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof b; i++)
        at += (size_t)snprintf(out + at, 37 - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
}

static json_t *data_json(const rill_audit_line *line)
{
    char at[RILL_WHEN_TEXT];
    rill_when_text(line->at_ms, at);
    json_t *data = json_pack("{s:s, s:o, s:o, s:o}", "at", at, "who", rill_text_json(line->who),
                             "note", rill_text_json(line->note), "key", rill_text_json(line->key));
    bool known = (size_t)line->kind < sizeof kinds / sizeof *kinds && line->kind > 0;
    int rc = data == NULL ? -1 : 0;
    if (rc == 0 && line->holder == RILL_HOLDER_NODE)
        return data;
    if (rc == 0)
        rc = json_object_set_new(data, "account", rill_text_json(line->account));
    if (rc == 0)
        rc = json_object_set_new(data, "asset",
                                 json_pack("{s:o, s:i}", "code", rill_text_json(line->asset),
                                           "scale", (int)line->scale));
    if (rc == 0 && (!known || kinds[line->kind].money)) {
        char amount[24];
        (void)snprintf(amount, sizeof amount, "%" PRIu64, line->amount);
        rc = json_object_set_new(data, "amount", json_string(amount));
    }
    if (rc == 0)
        return data;
    json_decref(data);
    return NULL;
}

/* RFC 8785 wants small letters in \u001f; jansson writes large ones. All else is the same. */
static void make_canonical(char *text)
{
    for (char *c = strchr(text, '\\'); c != NULL; c = strchr(c, '\\')) {
        if (c[1] != 'u') {
            c += 2;
            continue;
        }
        for (size_t i = 2; i < 6; i++)
            c[i] = (char)(c[i] >= 'A' && c[i] <= 'F' ? c[i] - 'A' + 'a' : c[i]);
        c += 6;
    }
}

char *rill_webhook_body(const rill_audit_line *line)
{
    char id[37];
    bool known = (size_t)line->kind < sizeof kinds / sizeof *kinds && line->kind > 0;
    const char *type = !known                             ? "account.entry"
                       : line->holder == RILL_HOLDER_NODE ? "node.changed"
                                                          : kinds[line->kind].type;
    id_of(line, id);
    json_t *all = json_pack("{s:s, s:s, s:o}", "id", id, "type", type, "data", data_json(line));
    char *text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(all);
    if (text != NULL)
        make_canonical(text);
    return text;
}

int rill_webhook_sign(rill_crypto *crypto, const rill_allocator *allocator, const char *secret,
                      uint64_t wall_ms, const char *body, char out[RILL_WEBHOOK_SIGNATURE])
{
    uint8_t mac[RILL_SHA256_LEN];
    size_t size = strlen(body) + 32;
    char *text = rill_alloc(allocator, size);
    if (text == NULL)
        return RILL_ERR_NOMEM;
    int len = snprintf(text, size, "%" PRIu64 ".%s", wall_ms, body);
    int rc = rill_crypto_hmac(crypto, (const uint8_t *)secret, strlen(secret),
                              (const uint8_t *)text, (size_t)len, mac);
    rill_free(allocator, text);
    if (rc != RILL_OK)
        return rc;
    len = snprintf(out, RILL_WEBHOOK_SIGNATURE, "t=%" PRIu64 ", v1=", wall_ms);
    for (size_t i = 0; i < sizeof mac; i++)
        len += snprintf(out + len, RILL_WEBHOOK_SIGNATURE - (size_t)len, "%02x", mac[i]);
    return RILL_OK;
}

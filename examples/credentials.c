/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "credentials.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void to_base64(const uint8_t secret[32], char text[45])
{
    for (size_t i = 0; i < 32; i += 3) {
        uint8_t third = i + 2 < 32 ? secret[i + 2] : 0;
        unsigned three = (unsigned)(secret[i] << 16 | secret[i + 1] << 8 | third);
        for (int k = 0; k < 4; k++)
            *text++ = alphabet[three >> (18 - 6 * k) & 63];
    }
    text[-1] = '='; /* 32 bytes end in the middle of three */
    *text = '\0';
}

static bool from_base64(const char *text, uint8_t secret[32])
{
    unsigned bits = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < 43; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (unsigned)(at - alphabet);
        if (i % 4 != 0)
            secret[bytes++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return true;
}

bool save_credentials(const char *path, const rill_credentials *credentials)
{
    char secret[45];
    char temporary[4096];
    to_base64(credentials->shared_secret, secret);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    umask(077);
    FILE *file = fopen(temporary, "w");
    bool ok = file && fprintf(file, "{\"destination_account\":\"%s\",\"shared_secret\":\"%s\"}\n",
                              credentials->destination_account, secret) > 0;
    if (file && fclose(file) != 0)
        ok = false;
    /* Under its name only when it is whole. */
    if (!ok || rename(temporary, path) != 0) {
        perror(path);
        return false;
    }
    return true;
}

bool load_credentials(const char *path, rill_credentials *credentials)
{
    char secret[45] = "";
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return false;
    }
    int found =
        fscanf(file, " { \"destination_account\" : \"%1023[^\"]\" , \"shared_secret\" : \"%44[^\"]",
               credentials->destination_account, secret);
    fclose(file);
    if (found != 2 || !from_base64(secret, credentials->shared_secret)) {
        fprintf(stderr, "%s: not the credentials of a server\n", path);
        return false;
    }
    return true;
}

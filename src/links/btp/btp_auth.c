/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/btp/btp_auth.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>
#include <rill/ilp.h>

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

bool rill_btp_send_frame(rill_ws *ws, const rill_btp_frame *frame)
{
    size_t size = rill_btp_size(frame);
    size_t len = 0;
    uint8_t *room = rill_ws_begin(ws, size);
    if (room == NULL)
        return false;
    int error = rill_btp_encode(frame, room, size, &len);
    assert(error == RILL_OK && len == size);
    (void)error;
    rill_ws_end(ws);
    return true;
}

/* As a JSON string may hold it as it is. Longer than cap: its beginning. */
static void plain_text(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; text[len] != '\0' && len < cap - 1; len++) {
        bool plain = text[len] >= ' ' && text[len] <= '~' && text[len] != '"' && text[len] != '\\';
        out[len] = plain ? text[len] : '?';
    }
    out[len] = '\0';
}

void rill_btp_send_error(rill_ws *ws, uint64_t wall_ms, uint32_t request_id, const char *code,
                         const char *name, const char *message)
{
    uint8_t digits[17] = {0};
    char at[32];
    char text[101];
    char data[128];
    if (rill_ilp_time_encode(wall_ms, digits) != RILL_OK)
        memcpy(digits, "19700101000000000", sizeof digits);
    snprintf(at, sizeof at, "%.14s.%.3sZ", (const char *)digits, (const char *)digits + 14);
    plain_text(message, text, sizeof text);
    snprintf(data, sizeof data, "{\"message\":\"%s\"}", text);
    const rill_btp_frame frame = {
        .type = RILL_BTP_ERROR,
        .request_id = request_id,
        .code = bytes_of(code),
        .name = bytes_of(name),
        .triggered_at = bytes_of(at),
        .data = bytes_of(data),
    };
    (void)rill_btp_send_frame(ws, &frame);
}

void rill_btp_send_not_accepted(rill_ws *ws, uint64_t wall_ms, uint32_t request_id,
                                const char *message)
{
    rill_btp_send_error(ws, wall_ms, request_id, "F00", "NotAcceptedError", message);
}

bool rill_btp_send_auth(rill_ws *ws, uint32_t request_id, const char *name, const char *token)
{
    const rill_btp_frame frame = {
        .type = RILL_BTP_MESSAGE,
        .request_id = request_id,
        .entry_count = 3,
        .entries = {{bytes_of("auth"), RILL_BTP_OCTET_STREAM, {NULL, 0}},
                    {bytes_of("auth_username"), RILL_BTP_TEXT, bytes_of(name)},
                    {bytes_of("auth_token"), RILL_BTP_TEXT, bytes_of(token)}},
    };
    bool sent = rill_btp_send_frame(ws, &frame);
    rill_ws_wipe_written(ws);
    return sent;
}

int rill_btp_read_auth(const rill_btp_frame *frame, rill_bytes *name, rill_bytes *token)
{
    if (frame->type != RILL_BTP_MESSAGE || frame->entry_count == 0 ||
        rill_btp_find(frame, "auth") != &frame->entries[0])
        return RILL_ERR_PROTOCOL;
    const rill_btp_entry *username = rill_btp_find(frame, "auth_username");
    const rill_btp_entry *secret = rill_btp_find(frame, "auth_token");
    if (secret == NULL)
        return RILL_ERR_AUTH;
    *name = username != NULL ? username->data : (rill_bytes){NULL, 0};
    *token = secret->data;
    return RILL_OK;
}

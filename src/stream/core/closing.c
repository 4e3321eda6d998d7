/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/closing.h"

#include <assert.h>
#include <string.h>

void rill_closing_put(const rill_closing *closing, rill_packet_writer *p)
{
    assert(closing->cut_count < RILL_PACKET_MAX_FRAMES); /* the close is a frame as well */
    for (uint32_t i = 0; i < closing->cut_count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_DATA_BLOCKED,
                            .stream = closing->cut[i].stream,
                            .value = closing->cut[i].written};
        rill_packet_put(p, &frame);
    }
    rill_frame close = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = closing->code};
    if (closing->message)
        close.text = (rill_bytes){(const uint8_t *)closing->message, strlen(closing->message)};
    rill_packet_put(p, &close);
}

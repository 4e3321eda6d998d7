/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/closing.h"

#include <string.h>

bool rill_closing_add(const rill_closing *closing, rill_packet_writer *p)
{
    for (uint32_t i = 0; i < closing->cut_count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_DATA_BLOCKED,
                            .stream = closing->cut[i].stream,
                            .value = closing->cut[i].written};
        if (!rill_packet_add(p, &frame))
            return false;
    }
    rill_frame close = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = closing->code};
    if (closing->message)
        close.text = (rill_bytes){(const uint8_t *)closing->message, strlen(closing->message)};
    return rill_packet_add(p, &close);
}

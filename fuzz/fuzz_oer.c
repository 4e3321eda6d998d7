/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses a decoder for the rest; what it takes encodes to the same value. */
#include "fuzz.h"
#include "ilp/oer.h"

static void fuzz_length(rill_reader r)
{
    const uint8_t *start = r.at;
    size_t len;
    if (rill_oer_read_length(&r, &len) != 0) {
        CHECK(r.at == start);
        return;
    }
    /* Canonical: the bytes themselves come back. */
    uint8_t buf[16];
    rill_writer w = rill_writer_of(buf, sizeof(buf));
    rill_oer_write_length(&w, len);
    CHECK(!w.failed && rill_writer_len(&w) == (size_t)(r.at - start));
    CHECK(rill_writer_len(&w) == rill_oer_length_size(len));
    CHECK(memcmp(buf, start, rill_writer_len(&w)) == 0);
}

static void fuzz_octets(rill_reader r, size_t max)
{
    const uint8_t *start = r.at;
    rill_bytes bytes;
    if (rill_oer_read_octets(&r, max, &bytes) != 0) {
        CHECK(r.at == start);
        return;
    }
    CHECK(bytes.len <= max);
    CHECK(bytes.len == 0 || bytes.data + bytes.len == r.at);
    size_t size = rill_oer_length_size(bytes.len) + bytes.len;
    CHECK(size == (size_t)(r.at - start));
    uint8_t *buf = malloc(size);
    CHECK(buf != NULL);
    rill_writer w = rill_writer_of(buf, size);
    rill_oer_write_octets(&w, bytes);
    CHECK(!w.failed && rill_writer_left(&w) == 0 && memcmp(buf, start, size) == 0);
    free(buf);
}

static void fuzz_varuint(rill_reader r)
{
    rill_reader again = r;
    uint64_t v, saturated;
    int err = rill_oer_read_varuint(&r, &v);
    int saturating_err = rill_oer_read_varuint_saturating(&again, &saturated);
    if (err != 0) {
        CHECK(saturating_err != 0 || saturated == UINT64_MAX);
        return;
    }
    CHECK(saturating_err == 0 && saturated == v && again.at == r.at);
    uint8_t buf[9];
    rill_writer w = rill_writer_of(buf, sizeof(buf));
    rill_oer_write_varuint(&w, v);
    CHECK(!w.failed && rill_writer_len(&w) == rill_oer_varuint_size(v));
    rill_reader back = rill_reader_of(buf, rill_writer_len(&w));
    CHECK(rill_oer_read_varuint(&back, &saturated) == 0 && saturated == v);
    CHECK(rill_reader_left(&back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    rill_reader r = rill_reader_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        fuzz_length(r);
        break;
    case 1:
        fuzz_octets(r, SIZE_MAX);
        break;
    case 2:
        fuzz_octets(r, 32);
        break;
    default:
        fuzz_varuint(r);
    }
    return 0;
}

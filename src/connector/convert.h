/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an amount of one asset to an amount of another, exactly. A price is for whole coins of an
 * asset ("one USD"); an amount is in units, of which 10^scale are one coin. Nothing is rounded on
 * the way: the last step rounds down, so that what a unit cannot express stays with the node.
 */
#ifndef RILL_CONNECTOR_CONVERT_H
#define RILL_CONNECTOR_CONVERT_H

#include <rill/types.h>

/* Parts of a million, for a spread. */
#define RILL_SPREAD_ONE UINT32_C(1000000)
/* Two scales differ by 255 at most, two prices by twice RILL_PRICE_TENS. */
#define RILL_MAX_SHIFT  400
#define RILL_PRICE_TENS 60

/*
 * What turns units of a source into units of a destination:
 * source * up[0] * up[1] * 10^shift * (10^6 - spread) / (down[0] * down[1] * 10^6).
 * A quotient of two prices has four numbers, of which the products need not fit in 64 bits.
 */
typedef struct rill_conversion {
    uint64_t up[2];   /* 0 in either: the destination gets nothing */
    uint64_t down[2]; /* not 0 */
    int16_t shift;    /* at most RILL_MAX_SHIFT, or below zero: tens of the scales and the prices */
    uint32_t spread;  /* what the node keeps, in millionths: at most RILL_SPREAD_ONE */
    /* What all of that is in lowest terms, if two 64-bit numbers can express it; else den is 0. */
    rill_ratio exact;
} rill_conversion;

/*
 * Between two assets with these prices, each in the same third asset (or, with {1, 1}, in itself).
 * The scales are 0 to 255 and the spread at most RILL_SPREAD_ONE. The source's price times an
 * amount is divided by the destination's, so the destination's price is not 0.
 */
rill_conversion rill_conversion_of(rill_ratio source_price, uint8_t source_scale,
                                   rill_ratio destination_price, uint8_t destination_scale,
                                   uint32_t spread);

/*
 * The same where prices have powers of ten of their own: shift is the destination's scale less the
 * source's, and the power of the source's price less that of the destination's. RILL_MAX_SHIFT at
 * most, and not less than -RILL_MAX_SHIFT.
 */
rill_conversion rill_conversion_shifted(rill_ratio source_price, rill_ratio destination_price,
                                        int shift, uint32_t spread);

/* Rounded down. False: it is more than 64 bits can hold, and *out is unchanged. */
RILL_MUST_CHECK bool rill_convert(const rill_conversion *c, uint64_t source, uint64_t *out);

/*
 * The most units of the source that bring at most `destination` units: the inverse of
 * rill_convert. UINT64_MAX if any amount does. For the limit that a source is told when the
 * destination's largest packet is known.
 */
uint64_t rill_convert_inverse(const rill_conversion *c, uint64_t destination);

/*
 * Does a round trip through both conversions bring more than was sent, however large the amount
 * is? Then whoever sends money in a circle empties the node. Spreads are counted.
 */
bool rill_conversion_gains(const rill_conversion *there, const rill_conversion *back);

#endif

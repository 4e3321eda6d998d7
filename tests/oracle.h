/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's own numbers of 128 bits, for tests to reckon with beside src/base/wide.h.
 * Compilers have none for machines of 32 bits: tests that need them are left out there.
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

__extension__ typedef unsigned __int128 oracle_u128;
__extension__ typedef __int128 oracle_i128;

#endif

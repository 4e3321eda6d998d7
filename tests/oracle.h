/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler's own numbers of 128 bits, for tests to reckon with beside src/base/wide.h. gcc has
 * none for 32-bit machines; tests that need them are left out there (tests/meson.build).
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 oracle_u128;
__extension__ typedef __int128 oracle_i128;
#else
__extension__ typedef unsigned _BitInt(128) oracle_u128;
__extension__ typedef signed _BitInt(128) oracle_i128;
#endif

#endif

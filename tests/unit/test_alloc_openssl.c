/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation that OpenSSL makes for us fails, in each of the core's scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "support/every_nth.h"

/* OpenSSL's, for the whole of the program: it cannot be changed later. */
static failing_memory memory;

static void *on_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : failing_memory_realloc(&memory, NULL, size);
}

static void on_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    failing_memory_free(&memory, ptr);
}

static void *on_realloc(void *ptr, size_t size, const char *file, int line)
{
    if (size > 0)
        return failing_memory_realloc(&memory, ptr, size);
    on_free(ptr, file, line);
    return NULL;
}

static void arm(unsigned long n, unsigned long fail_for)
{
    memory.asked = memory.refused = 0;
    memory.fail_at = n;
    memory.fail_for = fail_for;
}

/* Blocks that are out afterwards and were not before. */
static size_t play(const scenario *what, nth_fault fault, bool *failed)
{
    static scene s;
    pair_options o;
    pair_options_init(&o);
    size_t before = memory.blocks;
    arm(fault.n, fault.fail_for);
    nth_play(&s, what, &o, fault);
    *failed = memory.refused > 0;
    arm(0, 0);
    scene_close(&s);
    ERR_clear_error();
    return memory.blocks > before ? memory.blocks - before : 0;
}

static bool run(const scenario *what, nth_fault fault)
{
    bool failed;
    /* What OpenSSL keeps for itself, once, is no leak: doing the same again leaves nothing. */
    if (play(what, fault, &failed) > 0)
        assert_int_equal(play(what, fault, &failed), 0);
    return failed;
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {" of OpenSSL's", NULL};
    static const every_nth allocations = {"allocation", kinds, true, run};
    failing_memory_init(&memory, 0, 0);
    if (!CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free))
        return 1;
    return every_nth_main(argc, argv, &allocations);
}

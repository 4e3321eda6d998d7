/* SPDX-License-Identifier: Apache-2.0 */
/* One at a time: who has the lock of a file, and what is left of it. */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files/file_lock.h"

static char folder[] = "/tmp/rill-file-lock-XXXXXX";
static char path[sizeof folder + 16];
static char lock_path[sizeof folder + 32];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where anything was left */
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0;
}

static void test_one_at_a_time(void **state)
{
    int first, second;
    struct stat status;
    (void)state;
    assert_int_equal(rill_file_lock(path, &first), 0);
    assert_false(exists(path)); /* it is not needed */
    assert_int_equal(stat(lock_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(rill_file_lock(path, &second), EWOULDBLOCK);
    assert_int_equal(second, -1);
    assert_true(exists(lock_path)); /* it is not the other one's to remove */
    rill_file_unlock(path, first);
    assert_false(exists(lock_path));
    assert_int_equal(rill_file_lock(path, &second), 0);
    rill_file_unlock(path, second);
}

/* The kernel lets it go, and its file stays, which hinders nobody. */
static void test_a_process_that_was_killed(void **state)
{
    int pipe_of[2], lock;
    char byte;
    (void)state;
    assert_int_equal(pipe(pipe_of), 0);
    pid_t child = fork();
    if (child == 0) {
        if (rill_file_lock(path, &lock) != 0 || write(pipe_of[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(child > 0);
    assert_int_equal(read(pipe_of[0], &byte, 1), 1);
    assert_int_equal(rill_file_lock(path, &lock), EWOULDBLOCK);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(exists(lock_path));
    assert_int_equal(rill_file_lock(path, &lock), 0);
    rill_file_unlock(path, lock);
    close(pipe_of[0]);
    close(pipe_of[1]);
}

/* Somebody removes its file: whoever comes next has a lock, and the first one learns of it. */
static void test_a_lock_that_was_removed(void **state)
{
    int first, second;
    (void)state;
    assert_int_equal(rill_file_lock(path, &first), 0);
    assert_true(rill_file_lock_holds(path, first));
    assert_int_equal(unlink(lock_path), 0);
    assert_false(rill_file_lock_holds(path, first));
    assert_int_equal(rill_file_lock(path, &second), 0);
    assert_false(rill_file_lock_holds(path, first));
    assert_true(rill_file_lock_holds(path, second));
    rill_file_unlock(path, first);
    assert_true(rill_file_lock_holds(path, second)); /* it was not the first one's to remove */
    rill_file_unlock(path, second);
    assert_false(exists(lock_path));
}

static void test_what_cannot_be_locked(void **state)
{
    int lock = 5;
    (void)state;
    assert_int_equal(rill_file_lock("/nowhere/at/all", &lock), ENOENT);
    assert_int_equal(lock, -1);
    /* A link could lead anywhere. */
    assert_int_equal(symlink("/nowhere/at/all", lock_path), 0);
    assert_int_equal(rill_file_lock(path, &lock), ELOOP);
    assert_int_equal(unlink(lock_path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_a_process_that_was_killed),
        cmocka_unit_test(test_a_lock_that_was_removed),
        cmocka_unit_test(test_what_cannot_be_locked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

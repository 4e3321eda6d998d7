/* SPDX-License-Identifier: Apache-2.0 */
/* Files with secrets: who may read them, and that a file is whole or not there. */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/file.h"

static char folder[] = "/tmp/rill-file-XXXXXX";
static char path[sizeof folder + 16];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails where anything was left */
}

static unsigned mode_of(const char *name)
{
    struct stat about;
    assert_int_equal(stat(name, &about), 0);
    return (unsigned)(about.st_mode & 07777);
}

/* Names in the folder: what is not finished must not stay. */
static size_t count_files(void)
{
    size_t count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            count++;
    closedir(d);
    return count;
}

static void expect(const char *text)
{
    char buf[64];
    size_t len = 99;
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, NULL), 0);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(buf, text, len);
}

static void test_replaces(void **state)
{
    (void)state;
    struct stat before, after;
    assert_int_equal(rill_file_replace(path, "one", 3), 0);
    assert_int_equal(mode_of(path), 0600);
    expect("one");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(stat(path, &before), 0);
    /* A new file, and not new bytes in one that others may have open. */
    assert_int_equal(rill_file_replace(path, "another", 7), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(mode_of(path), 0600);
    expect("another");
    assert_int_equal(rill_file_replace(path, "", 0), 0);
    expect("");
    assert_int_equal(count_files(), 1);
    unlink(path);
}

static void test_creates(void **state)
{
    (void)state;
    assert_int_equal(rill_file_create(path, "one", 3), 0);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(rill_file_create(path, "two", 3), EEXIST);
    expect("one");
    assert_int_equal(count_files(), 1);
    unlink(path);
    /* A link that leads nowhere is something, too. */
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    assert_int_equal(rill_file_create(path, "two", 3), EEXIST);
    assert_int_equal(count_files(), 1);
    unlink(path);
}

static void test_a_failure_leaves_nothing(void **state)
{
    (void)state;
    char inside[sizeof path + 16];
    assert_int_equal(rill_file_replace("/nowhere/at/all", "one", 3), ENOENT);
    assert_int_equal(rill_file_create("/nowhere/at/all", "one", 3), ENOENT);
    /* The name is a folder's: it is written, and cannot get its name. */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(rill_file_replace(path, "one", 3), EISDIR);
    assert_int_equal(rill_file_create(path, "one", 3), EEXIST);
    assert_int_equal(count_files(), 1);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rill_file_replace(path, "one", 3), 0);
    snprintf(inside, sizeof inside, "%s/below", path);
    assert_int_equal(rill_file_replace(inside, "one", 3), ENOTDIR);
    expect("one");
    unlink(path);
}

static void test_reads_as_much_as_fits(void **state)
{
    (void)state;
    char buf[4];
    size_t len = 99;
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, NULL), ENOENT);
    assert_int_equal(len, 0);
    assert_int_equal(rill_file_replace(path, "abcdef", 6), 0);
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, NULL), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(buf, "abcd", 4);
    assert_int_equal(rill_file_read(folder, buf, sizeof buf, &len, NULL), EISDIR);
    assert_int_equal(len, 0);
    unlink(path);
}

static void test_says_who_can_read(void **state)
{
    (void)state;
    static const unsigned exposing[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666};
    char buf[8] = "zzz";
    size_t len = 99;
    bool exposed = true;
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, &exposed), ENOENT);
    assert_false(exposed);
    assert_int_equal(rill_file_replace(path, "abc", 3), 0);
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, &exposed), 0);
    assert_false(exposed);
    assert_int_equal(len, 3);
    memcpy(buf, "zzz", 3);
    for (size_t i = 0; i < sizeof exposing / sizeof exposing[0]; i++) {
        assert_int_equal(chmod(path, exposing[i]), 0);
        assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, &exposed), 0);
        assert_true(exposed);
        assert_int_equal(len, 0);
        assert_memory_equal(buf, "zzz", 3);
    }
    /* Who does not ask is not kept from it. */
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, NULL), 0);
    assert_int_equal(len, 3);
    unlink(path);
    /* A pipe has nobody else at its end, whatever its mode. */
    int ends[2];
    char name[32];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fchmod(ends[0], 0666), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_int_equal(rill_file_read(name, buf, sizeof buf, &len, &exposed), 0);
    assert_false(exposed);
    assert_int_equal(len, 3);
    close(ends[0]);
}

/* Nobody writes to it: it is not waited for. */
static void test_a_pipe_without_a_writer_is_empty(void **state)
{
    (void)state;
    alarm(30);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect("");
    int end = open(path, O_RDWR); /* as a shell has it that writes a command's output to it */
    assert_true(end >= 0);
    assert_int_equal(write(end, "key", 3), 3);
    char buf[3];
    size_t len;
    assert_int_equal(rill_file_read(path, buf, sizeof buf, &len, NULL), 0);
    assert_int_equal(len, 3);
    close(end);
    unlink(path);
    alarm(0);
}

/* The disk has an error as the new name is written to it. */
static int folder_error;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat status;
    if (folder_error == 0 || fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))
        return __real_fsync(fd);
    errno = folder_error;
    return -1;
}

static void test_a_name_that_may_not_be_on_the_disk(void **state)
{
    static const int harmless[] = {EINVAL, ENOTSUP, ENOSYS, EACCES};
    (void)state;
    folder_error = EIO;
    assert_int_equal(rill_file_replace(path, "new", 3), EIO);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        folder_error = harmless[i]; /* a file system that cannot say */
        assert_int_equal(rill_file_replace(path, "newer", 5), 0);
    }
    folder_error = 0;
    expect("newer");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_creates),
        cmocka_unit_test(test_a_failure_leaves_nothing),
        cmocka_unit_test(test_reads_as_much_as_fits),
        cmocka_unit_test(test_says_who_can_read),
        cmocka_unit_test(test_a_pipe_without_a_writer_is_empty),
        cmocka_unit_test(test_a_name_that_may_not_be_on_the_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

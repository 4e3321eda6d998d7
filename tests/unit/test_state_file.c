/* SPDX-License-Identifier: Apache-2.0 */
/* The file of `rill pay --save`: of one process at a time, and never of two payments. */
#define _POSIX_C_SOURCE 200809L

#include "state_file_fixture.h"

#include <fcntl.h>

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

/* As if whoever had the lock gives it up, and removes its file, while we wait for it. */
static unsigned removals;

int __wrap_flock(int fd, int operation)
{
    if (removals > 0) {
        removals--;
        assert_int_equal(unlink(lock_path), 0);
    }
    return __real_flock(fd, operation);
}

/* What is said on stderr while something runs. */
static char said[2048];
static int kept_stderr;
static FILE *saying;

static void listen_to_errors(void)
{
    saying = tmpfile();
    assert_non_null(saying);
    (void)fflush(stderr);
    kept_stderr = dup(2);
    assert_int_equal(dup2(fileno(saying), 2), 2);
}

static const char *errors(void)
{
    (void)fflush(stderr);
    assert_int_equal(dup2(kept_stderr, 2), 2);
    (void)close(kept_stderr);
    rewind(saying);
    said[fread(said, 1, sizeof said - 1, saying)] = '\0';
    (void)fclose(saying);
    return said;
}

/* One line, which says so. */
static void says(const char *part)
{
    const char *text = errors();
    if (!strstr(text, part) || strchr(text, '\n') != text + strlen(text) - 1)
        fail_msg("not one line with \"%s\": %s", part, text);
}

static state_file f;

static int create(const char *name)
{
    state_file_init(&f);
    return state_file_create(&f, &test_args, name);
}

static int open_state(rill_payment_state *out)
{
    state_file_init(&f);
    return state_file_open(&f, &test_args, path, out);
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0;
}

/* ---- a new payment ---- */

static void test_a_free_name(void **state)
{
    struct stat status;
    (void)state;
    assert_int_equal(create(path), CLI_DONE);
    assert_false(exists(path)); /* nothing is in it before there is something to keep */
    assert_int_equal(stat(lock_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    rill_payment_state s = sample();
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len = text_of(&s, text);
    assert_int_equal(state_file_save((rill_bytes){(uint8_t *)text, len}, &f), RILL_OK);
    state_file_close(&f);
    assert_false(exists(lock_path));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(read_sample().in_doubt, 125);
}

static void test_a_payment_that_goes_on_is_not_overwritten(void **state)
{
    rill_payment_state s = sample();
    (void)state;
    write_sample(&s);
    listen_to_errors();
    assert_int_equal(create(path), CLI_USAGE);
    says("--resume");
    state_file_close(&f);
    assert_int_equal(read_sample().sent, 500);
    s.complete = true;
    write_sample(&s);
    assert_int_equal(create(path), CLI_DONE);
    state_file_close(&f);
}

static void test_what_is_no_payment_is_not_overwritten(void **state)
{
    (void)state;
    write_file("dear diary\n", 11, 0600);
    listen_to_errors();
    assert_int_equal(create(path), CLI_USAGE);
    says("holds no payment");
    state_file_close(&f);
    (void)unlink(path);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    listen_to_errors();
    assert_int_equal(create(path), CLI_USAGE);
    says("it is a link");
    state_file_close(&f);
    listen_to_errors();
    assert_int_equal(create(""), CLI_USAGE);
    says("name of its file is empty");
    state_file_close(&f);
    assert_false(exists(".lock"));
    listen_to_errors();
    assert_int_equal(create("-"), CLI_USAGE);
    says("kept in a file");
    state_file_close(&f);
    assert_false(exists("-.lock"));
}

/* ---- one at a time ---- */

static void test_two_processes(void **state)
{
    rill_payment_state s = sample(), read;
    state_file other;
    (void)state;
    write_sample(&s);
    assert_int_equal(open_state(&read), CLI_DONE);
    assert_int_equal(read.sent, 500);
    state_file_init(&other);
    listen_to_errors();
    assert_int_equal(state_file_open(&other, &test_args, path, &read), CLI_USAGE);
    says("another process pays");
    state_file_close(&other);
    assert_true(exists(lock_path)); /* it is not the other one's to remove */
    state_file_close(&f);
    assert_false(exists(lock_path));
    state_file_init(&other);
    assert_int_equal(state_file_open(&other, &test_args, path, &read), CLI_DONE);
    state_file_close(&other);
}

/* A lock on a file that has no name any more keeps nobody out. */
static void test_a_lock_that_is_removed_meanwhile(void **state)
{
    rill_payment_state s = sample(), read;
    state_file other;
    (void)state;
    write_sample(&s);
    removals = 2;
    assert_int_equal(open_state(&read), CLI_DONE);
    assert_int_equal(removals, 0);
    assert_true(exists(lock_path));
    state_file_init(&other);
    listen_to_errors();
    assert_int_equal(state_file_open(&other, &test_args, path, &read), CLI_USAGE);
    says("another process pays");
    state_file_close(&other);
    state_file_close(&f);
}

/* By another name of the file it would be another lock, and the payment would be paid twice. */
static void test_a_link_is_no_way_around_the_lock(void **state)
{
    rill_payment_state s = sample(), read;
    state_file other;
    char link_path[sizeof path + 8];
    (void)state;
    write_sample(&s);
    snprintf(link_path, sizeof link_path, "%s.link", path);
    assert_int_equal(symlink(path, link_path), 0);
    assert_int_equal(open_state(&read), CLI_DONE);
    state_file_init(&other);
    listen_to_errors();
    assert_int_equal(state_file_open(&other, &test_args, link_path, &read), CLI_USAGE);
    says("it is a link: give the name of the file itself");
    state_file_close(&other);
    state_file_close(&f);
    (void)unlink(link_path);
}

/* Nobody writes to it: it is not waited for. */
static void test_a_pipe_is_no_state(void **state)
{
    rill_payment_state read;
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_USAGE);
    says("no file that the state of a payment can be in");
    state_file_close(&f);
    assert_false(exists(lock_path));
}

/* Somebody else's link must not make us write elsewhere. */
static void test_a_lock_that_leads_elsewhere(void **state)
{
    rill_payment_state s = sample(), read;
    (void)state;
    write_sample(&s);
    assert_int_equal(symlink(path, lock_path), 0);
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_USAGE);
    says("payment.json.lock");
    state_file_close(&f);
}

/* ---- what is read ---- */

static void test_files_that_are_none(void **state)
{
    char large[RILL_PAYMENT_STATE_MAX + 2];
    rill_payment_state read;
    (void)state;
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_USAGE);
    says("No such file");
    state_file_close(&f);
    write_file("{}", 2, 0600);
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_USAGE);
    says("not the saved state");
    state_file_close(&f);
    memset(large, ' ', sizeof large);
    write_file(large, sizeof large, 0600);
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_USAGE);
    says("too long");
    state_file_close(&f);
}

static void test_a_file_that_others_can_read(void **state)
{
    rill_payment_state s = sample(), read;
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len = text_of(&s, text);
    (void)state;
    write_file(text, len, 0644);
    listen_to_errors();
    assert_int_equal(open_state(&read), CLI_DONE);
    says("others can read");
    state_file_close(&f);
}

static void test_the_secret_does_not_stay(void **state)
{
    rill_payment_state s = sample(), read;
    static const uint8_t zeros[RILL_PAYMENT_STATE_MAX];
    (void)state;
    write_sample(&s);
    assert_int_equal(open_state(&read), CLI_DONE);
    state_file_close(&f);
    assert_memory_equal(f.text, zeros, sizeof f.text);
}

/* ---- the incoming payment beside it ---- */

static void test_the_incoming_payment_is_kept(void **state)
{
    static const char url[] = "https://wallet.example/incoming-payments/1";
    rill_payment_state s = sample(), read;
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len = text_of(&s, text);
    (void)state;
    assert_int_equal(create(path), CLI_DONE);
    state_file_set_incoming(&f, url);
    assert_int_equal(state_file_save((rill_bytes){(uint8_t *)text, len}, &f), RILL_OK);
    state_file_close(&f);
    assert_string_equal(f.incoming, "");
    assert_int_equal(open_state(&read), CLI_DONE);
    assert_int_equal(read.in_doubt, 125);
    assert_string_equal(f.incoming, url);
    /* And beside the next state as well. */
    assert_int_equal(state_file_save((rill_bytes){(uint8_t *)text, len}, &f), RILL_OK);
    state_file_close(&f);
    assert_int_equal(open_state(&read), CLI_DONE);
    assert_string_equal(f.incoming, url);
    state_file_close(&f);
}

static void test_a_url_that_is_not_kept(void **state)
{
    static const char *const bad[] = {"https://a.example/\"",  "https://a.example/\\",
                                      "https://a.example/a b", "https://a.example/\x7f",
                                      "https://a.example/\n",  "https://a.example/\xc3\xa4"};
    char large[STATE_FILE_URL + 2];
    (void)state;
    state_file_init(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        state_file_set_incoming(&f, "https://a.example/");
        state_file_set_incoming(&f, bad[i]);
        assert_string_equal(f.incoming, "");
    }
    memset(large, 'a', sizeof large);
    large[STATE_FILE_URL] = '\0';
    state_file_set_incoming(&f, large);
    assert_string_equal(f.incoming, large);
    large[STATE_FILE_URL] = 'a';
    large[STATE_FILE_URL + 1] = '\0';
    state_file_set_incoming(&f, large);
    assert_string_equal(f.incoming, "");
}

/* The state itself matters more: it is kept without the URL where there is no room for both. */
static void test_the_longest_state_and_the_longest_url(void **state)
{
    rill_payment_state s = sample(), read;
    char text[RILL_PAYMENT_STATE_MAX];
    char url[STATE_FILE_URL + 1];
    (void)state;
    memset(s.credentials.destination_account, 'a', 1022);
    memcpy(s.credentials.destination_account, "test.", 5);
    s.credentials.destination_account[1022] = '\0';
    size_t len = text_of(&s, text);
    memset(url, 'a', sizeof url);
    url[STATE_FILE_URL] = '\0';
    assert_int_equal(create(path), CLI_DONE);
    state_file_set_incoming(&f, url);
    assert_int_equal(state_file_save((rill_bytes){(uint8_t *)text, len}, &f), RILL_OK);
    /* A state of a later version, which is longer. */
    memset(text + len - 2, ' ', RILL_PAYMENT_STATE_MAX - 200 - len + 2);
    len = RILL_PAYMENT_STATE_MAX - 200;
    memcpy(text + len - 2, "}\n", 2);
    assert_int_equal(state_file_save((rill_bytes){(uint8_t *)text, len}, &f), RILL_OK);
    state_file_close(&f);
    assert_int_equal(open_state(&read), CLI_DONE);
    assert_int_equal(read.in_doubt, 125);
    assert_string_equal(f.incoming, "");
    state_file_close(&f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_free_name),
        TEST(test_a_payment_that_goes_on_is_not_overwritten),
        TEST(test_what_is_no_payment_is_not_overwritten),
        TEST(test_two_processes),
        TEST(test_a_lock_that_is_removed_meanwhile),
        TEST(test_a_lock_that_leads_elsewhere),
        TEST(test_a_link_is_no_way_around_the_lock),
        TEST(test_a_pipe_is_no_state),
        TEST(test_files_that_are_none),
        TEST(test_a_file_that_others_can_read),
        TEST(test_the_secret_does_not_stay),
        TEST(test_the_incoming_payment_is_kept),
        TEST(test_a_url_that_is_not_kept),
        TEST(test_the_longest_state_and_the_longest_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of books that are written meanwhile. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>
#include <sqlite3.h>

#include "store/flights.h"
#include "store/writer.h"
#include <cmocka.h>

enum { EXCHANGE = 1, OUTSIDE, ALICE, BOB, ACCOUNTS = BOB, DAY = 1440 };

static char folder[64];
static char path[80];
static char target[80];
static rill_sqlite *file;
static int64_t booked[ACCOUNTS + 1];

static const rill_store_account accounts[] = {
    {EXCHANGE, RILL_HOLDER_EXCHANGE, "", "USD", 2, 7},
    {OUTSIDE, RILL_HOLDER_OUTSIDE, "", "USD", 2, 7},
    {ALICE, RILL_HOLDER_NEIGHBOUR, "alice", "USD", 2, 7},
    {BOB, RILL_HOLDER_NEIGHBOUR, "bob", "USD", 2, 7},
};

static rill_sqlite *opened(const char *where)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *s = NULL;
    const rill_sqlite_options o = {.path = where, .durability = RILL_DURABILITY_NORMAL};
    if (rill_sqlite_open(&s, &o, problem) != RILL_OK)
        fail_msg("%s", problem);
    return s;
}

static int set_up(void **state)
{
    (void)state;
    memset(booked, 0, sizeof booked);
    snprintf(folder, sizeof folder, "/tmp/rill-backup-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/books", folder);
    snprintf(target, sizeof target, "%s/copy", folder);
    file = opened(path);
    return 0;
}

static unsigned files_of_folder(bool take_away)
{
    unsigned count = 0;
    DIR *all = opendir(folder);
    const struct dirent *entry;
    char one[400];
    assert_non_null(all);
    while ((entry = readdir(all)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        snprintf(one, sizeof one, "%s/%s", folder, entry->d_name);
        if (take_away)
            assert_int_equal(unlink(one), 0);
    }
    closedir(all);
    return count;
}

static int tear_down(void **state)
{
    (void)state;
    rill_sqlite_close(file);
    file = NULL;
    (void)chmod(folder, S_IRWXU);
    (void)files_of_folder(true);
    return rmdir(folder);
}

static rill_i128 signed_of(int64_t value)
{
    return rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
}

static uint64_t minute = 10 * DAY;

/* So many packets, each in a minute of its own. */
static void sent(unsigned rows)
{
    static rill_store_flow flows[8];
    rill_store_balance balances[ACCOUNTS];
    for (unsigned i = 0; i < rows; i++)
        flows[i] = (rill_store_flow){minute++, ALICE, BOB, 1, {10, 0}, {9, 0}};
    booked[ALICE] -= 10 * (int64_t)rows;
    booked[EXCHANGE] += rows;
    booked[BOB] += 9 * (int64_t)rows;
    for (rill_balance_id i = 1; i <= ACCOUNTS; i++)
        balances[i - 1] = (rill_store_balance){i, signed_of(booked[i])};
    const rill_store_batch batch = {
        .accounts = accounts,
        .account_count = ACCOUNTS,
        .balances = balances,
        .balance_count = ACCOUNTS,
        .flows = flows,
        .flow_count = rows,
    };
    assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
}

/* Six megabytes: lines of the audit with long notes. */
static void large_books(void)
{
    enum { LINES = 500 };
    static rill_store_entry lines[LINES];
    char note[250];
    memset(note, 'x', sizeof note);
    note[sizeof note - 1] = '\0';
    sent(1);
    for (unsigned i = 0; i < LINES; i++)
        lines[i] = (rill_store_entry){
            .account = ALICE, .kind = RILL_ENTRY_CHANGE, .who = "maria", .note = note, .key = ""};
    for (unsigned i = 0; i < 40; i++) {
        const rill_store_batch batch = {.entries = lines, .entry_count = LINES};
        assert_int_equal(rill_sqlite_write(file, &batch), RILL_OK);
    }
}

static rill_store_look backup_to(const char *where, bool replace)
{
    rill_store_look look = {.kind = RILL_LOOK_BACKUP, .replace = replace};
    snprintf(look.path, sizeof look.path, "%s", where);
    return look;
}

static void finish(rill_store_look *look)
{
    for (bool more = true; more;)
        rill_sqlite_look(file, look, &more);
}

static void audits_clean(const char *where, int64_t alice)
{
    rill_audit audit;
    rill_sqlite *s = opened(where);
    for (bool more = true; more;)
        assert_int_equal(rill_sqlite_seal(s, &more), RILL_OK);
    assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    assert_int_equal(audit.broken_seals + audit.uneven_balances, 0);
    assert_int_equal(audit.flows, -alice / 10);
    rill_sqlite_close(s);
}

/* Each step is followed by a write, to pages that are copied already and to others. */
static void test_a_copy_while_it_is_written(void **state)
{
    (void)state;
    large_books();
    rill_store_look look = backup_to(target, false);
    unsigned steps = 0;
    uint64_t copied = 0;
    struct stat made;
    for (bool more = true; more; steps++) {
        int64_t before = booked[ALICE];
        rill_sqlite_look(file, &look, &more);
        assert_true(look.copied >= copied); /* it never begins anew */
        copied = look.copied;
        if (!more) {
            assert_int_equal(look.rc, RILL_OK);
            audits_clean(target, before); /* all but what came after the last step */
        } else if (look.pages == 0 || look.copied < look.pages) {
            sent(3);
        }
    }
    assert_true(steps > 10);
    assert_int_equal(look.copied, look.pages);
    assert_int_equal(stat(target, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0600);
    assert_int_equal(files_of_folder(false), 2 + 1); /* the books, their log, and the copy */
}

/* This file keeps a copy of that name from being made, and is still there. */
static void stays(const char *where, const char *name, const char *why)
{
    struct stat there;
    char one[100];
    snprintf(one, sizeof one, "%s/%s", folder, name);
    rill_store_look look = backup_to(one, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    if (strstr(look.problem, why) == NULL)
        fail_msg("%s", look.problem);
    assert_int_equal(lstat(where, &there), 0);
    assert_int_not_equal(lstat(one, &there), 0);
}

/* A file that is there stays, whole, unless it is a copy and is to be replaced. */
static void test_what_is_there(void **state)
{
    (void)state;
    char other[100];
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    sent(1);
    look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "there is a file of this name"));
    audits_clean(target, -10);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    audits_clean(target, -20);
    snprintf(other, sizeof other, "%s/other", folder);
    FILE *text = fopen(other, "w");
    assert_non_null(text);
    fputs("important", text);
    fclose(text);
    look = backup_to(other, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "no copy of books"));
    /* Nor is a link followed. */
    char link[100];
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink(target, link), 0);
    look = backup_to(link, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_int_equal(unlink(link), 0);
    /* In the place of a part, too, only what is a part of a copy makes room. */
    snprintf(link, sizeof link, "%s/new.partial", folder);
    assert_int_equal(symlink(other, link), 0);
    stays(link, "new", "no part of a copy");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rename(other, link), 0);
    stays(link, "new", "no part of a copy");
    assert_int_equal(rename(link, other), 0);
    text = fopen(other, "r");
    char word[20] = "";
    assert_non_null(text);
    assert_non_null(fgets(word, sizeof word, text));
    fclose(text);
    assert_string_equal(word, "important");
}

static size_t read_file(const char *where, char *bytes, size_t cap)
{
    FILE *f = fopen(where, "r");
    assert_non_null(f);
    size_t len = fread(bytes, 1, cap, f);
    fclose(f);
    assert_in_range(len, 1, cap - 1);
    return len;
}

static void write_file(const char *where, const char *bytes, size_t len)
{
    FILE *f = fopen(where, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* More than SQLite keeps in memory: the part has pages, but maybe not the first. */
static void some_of(rill_sqlite *books, rill_store_look *look)
{
    enum { MANY = 900 };
    bool more = true;
    while (more && look->copied < MANY)
        rill_sqlite_look(books, look, &more);
    assert_true(more);
}

/* A part that a process which was killed has left makes room; so does an empty one. */
static void test_a_part_that_was_left(void **state)
{
    (void)state;
    char partial[100];
    char half[100];
    static char bytes[8 << 20];
    snprintf(partial, sizeof partial, "%s.partial", target);
    snprintf(half, sizeof half, "%s/half", folder);
    large_books();
    rill_store_look look = backup_to(target, false);
    some_of(file, &look);
    assert_int_equal(link(partial, half), 0);
    assert_true(read_file(half, bytes, sizeof bytes) > 1 << 20);
    rill_sqlite_stop_looking(file, &look);
    assert_int_equal(rename(half, partial), 0);
    look = backup_to(target, false);
    finish(&look);
    assert_string_equal(look.problem, "");
    assert_int_equal(look.rc, RILL_OK);
    audits_clean(target, -10);
    FILE *empty = fopen(partial, "w");
    assert_non_null(empty);
    fclose(empty);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
}

/*
 * Two nodes that make a copy of one name. What the first has still open is left to it; one that is
 * about to have its name says so, and the later one's is whole.
 */
static void test_two_at_once(void **state)
{
    (void)state;
    char partial[100];
    char second[100];
    struct stat there;
    snprintf(partial, sizeof partial, "%s.partial", target);
    snprintf(second, sizeof second, "%s/second", folder);
    large_books();
    rill_store_look look = backup_to(second, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    sent(1); /* so they differ */
    rill_sqlite *later = opened(second);
    rill_store_look first = backup_to(target, false);
    rill_store_look other = backup_to(target, false);
    some_of(file, &first);
    for (bool more = true; more;)
        rill_sqlite_look(later, &other, &more);
    assert_int_equal(other.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(other.problem, "somebody else"));
    for (bool more = true; more && first.copied < first.pages;)
        rill_sqlite_look(file, &first, &more);
    other = backup_to(target, false);
    some_of(later, &other);
    finish(&first);
    assert_int_not_equal(stat(target, &there), 0);
    assert_int_equal(first.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(first.problem, "somebody else"));
    assert_int_equal(stat(partial, &there), 0);
    for (bool more = true; more;)
        rill_sqlite_look(later, &other, &more);
    assert_int_equal(other.rc, RILL_OK);
    rill_sqlite_close(later);
    audits_clean(target, -10);
}

/* ---- books that somebody runs on ---- */

typedef struct node {
    pid_t process;
    int ends; /* when this is closed */
} node;

/* A node in a process of its own. *rc: what it got for opening its books. */
static node node_on(const char *where, int *rc)
{
    int told[2];
    int ends[2];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(ends), 0);
    node n = {.process = fork(), .ends = ends[1]};
    if (n.process == 0) {
        char problem[RILL_SQLITE_PROBLEM];
        char byte;
        rill_sqlite *s = NULL;
        const rill_sqlite_options o = {.path = where, .durability = RILL_DURABILITY_NORMAL};
        (void)close(ends[1]);
        int got = rill_sqlite_open(&s, &o, problem);
        bool good = write(told[1], &got, sizeof got) == sizeof got;
        good = read(ends[0], &byte, 1) == 0 && good;
        rill_sqlite_close(s);
        _exit(good ? 0 : 1);
    }
    assert_true(n.process > 0);
    assert_int_equal(read(told[0], rc, sizeof *rc), sizeof *rc);
    (void)close(told[0]);
    (void)close(told[1]);
    (void)close(ends[0]);
    return n;
}

static void end_node(const node *n)
{
    int status = 1;
    (void)close(n->ends);
    assert_int_equal(waitpid(n->process, &status, 0), n->process);
    assert_int_equal(status, 0);
}

/* It is refused, and what is there is the same file as before, with what is beside it. */
static void is_open_to_somebody(rill_store_look *look, const char *why)
{
    struct stat before;
    struct stat after;
    char log[100];
    snprintf(log, sizeof log, "%s-wal", target);
    assert_int_equal(stat(target, &before), 0);
    finish(look);
    assert_int_equal(look->rc, RILL_ERR_EXISTS);
    if (strstr(look->problem, why) == NULL)
        fail_msg("%s", look->problem);
    assert_int_equal(stat(target, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(stat(log, &after), 0);
}

/* Where a node runs on a file, no copy takes its place: not at the beginning, nor at the end. */
static void test_books_of_a_running_node(void **state)
{
    (void)state;
    int rc = RILL_OK;
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    node n = node_on(target, &rc);
    assert_int_equal(rc, RILL_OK);
    look = backup_to(target, true);
    is_open_to_somebody(&look, "somebody has it open");
    assert_int_equal(look.copied, 0); /* it is known before anything is copied */
    end_node(&n);
    /* It begins while the copy is made. */
    large_books();
    look = backup_to(target, true);
    for (bool more = true; more && look.copied == 0;)
        rill_sqlite_look(file, &look, &more);
    n = node_on(target, &rc);
    assert_int_equal(rc, RILL_OK);
    is_open_to_somebody(&look, "somebody has it open");
    end_node(&n);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    audits_clean(target, -20);
}

/* Another node of this process: it is found, too, and it keeps its locks. */
static void test_books_of_this_process(void **state)
{
    (void)state;
    int rc = RILL_OK;
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    rill_sqlite *s = opened(target);
    look = backup_to(target, true);
    is_open_to_somebody(&look, "somebody has it open");
    node n = node_on(target, &rc);
    assert_int_equal(rc, RILL_ERR_ADDRESS_IN_USE);
    end_node(&n);
    n = node_on(path, &rc);
    assert_int_equal(rc, RILL_ERR_ADDRESS_IN_USE);
    end_node(&n);
    rill_sqlite_close(s);
}

/* Books that are called as a part of a copy is make no room for one. */
static void test_books_in_the_place_of_a_part(void **state)
{
    (void)state;
    char partial[100];
    int rc = RILL_OK;
    struct stat there;
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    snprintf(partial, sizeof partial, "%s.partial", target);
    assert_int_equal(rename(target, partial), 0);
    node n = node_on(partial, &rc);
    assert_int_equal(rc, RILL_OK);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_int_equal(stat(partial, &there), 0);
    end_node(&n);
}

/* What a node on an older copy has left beside it would be played into the copy. */
static void test_what_an_older_copy_left(void **state)
{
    (void)state;
    static char log[1 << 20];
    static const char journal[] = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
    char wal[100];
    char other[100];
    struct stat there;
    snprintf(wal, sizeof wal, "%s-wal", target);
    snprintf(other, sizeof other, "%s-journal", target);
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    rill_sqlite *s = opened(target); /* a node on it, which is killed */
    const rill_store_entry line = {
        .account = ALICE, .kind = RILL_ENTRY_CHANGE, .who = "maria", .note = "", .key = ""};
    const rill_store_batch batch = {.entries = &line, .entry_count = 1};
    assert_int_equal(rill_sqlite_write(s, &batch), RILL_OK);
    const size_t len = read_file(wal, log, sizeof log);
    rill_sqlite_close(s);
    assert_int_equal(unlink(target), 0);
    write_file(wal, log, len);
    sent(1);
    look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "\"-wal\""));
    assert_int_equal(look.copied, 0); /* it is known before anything is copied */
    assert_int_equal(stat(wal, &there), 0);
    assert_int_not_equal(stat(target, &there), 0);
    write_file(other, journal, 8);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_not_equal(stat(wal, &there), 0);
    assert_int_not_equal(stat(other, &there), 0);
    audits_clean(target, -20);
    /* The same where the older copy is there still. */
    write_file(wal, log, len);
    sent(1);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_not_equal(stat(wal, &there), 0);
    audits_clean(target, -30);
    assert_int_equal(unlink(target), 0);
    write_file(other, journal, 8);
    look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "\"-journal\""));
    assert_int_equal(unlink(other), 0);
    /* One that comes while the copy is made. */
    look = backup_to(target, false);
    for (bool more = true; more && look.copied == 0;)
        rill_sqlite_look(file, &look, &more);
    write_file(wal, log, len);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_int_not_equal(stat(target, &there), 0);
    /* No node has left it: it stays. */
    write_file(wal, "important", 9);
    stays(wal, "copy", "which no node has left");
}

int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_unlinkat(int fd, const char *name, int flags);

/* A node that is started on the copy's name, just as something beside it is taken away. */
static bool begins;
static bool begun;

int __wrap_unlinkat(int fd, const char *name, int flags)
{
    if (begins && strcmp(name, "copy-wal") == 0) {
        char problem[RILL_SQLITE_PROBLEM];
        rill_sqlite *s = NULL;
        const rill_sqlite_options o = {.path = target};
        begins = false;
        begun = rill_sqlite_open(&s, &o, problem) == RILL_OK;
        rill_sqlite_close(s);
    }
    return __real_unlinkat(fd, name, flags);
}

/* What is taken away is never that of a node which began meanwhile. */
static void test_a_node_that_begins_in_its_place(void **state)
{
    (void)state;
    static const char log[] = "\x37\x7f\x06\x82\0\0\0\0";
    char wal[100];
    struct stat there;
    snprintf(wal, sizeof wal, "%s-wal", target);
    sent(1);
    write_file(wal, log, 8);
    begins = true;
    begun = false;
    rill_store_look look = backup_to(target, true);
    finish(&look);
    assert_false(begins);
    assert_false(begun);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_not_equal(stat(wal, &there), 0);
    audits_clean(target, -10);
    assert_int_equal(unlink(target), 0);
    /* One that fails leaves no file of its name: what comes beside meanwhile is nobody's log. */
    look = backup_to(target, true);
    for (bool more = true; more && look.copied == 0;)
        rill_sqlite_look(file, &look, &more);
    write_file(wal, "important", 9);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_int_not_equal(stat(target, &there), 0);
    assert_int_equal(stat(wal, &there), 0);
    assert_int_equal(files_of_folder(false), 3); /* the books and their log, and that one */
}

/* A node on the copy would take packets of another node for its own. */
static void test_packets_of_another_node(void **state)
{
    (void)state;
    char list[100];
    char problem[RILL_SQLITE_PROBLEM];
    struct stat there;
    rill_flights *flights = NULL;
    snprintf(list, sizeof list, "%s.flights", target);
    assert_int_equal(
        rill_flights_open(&flights, rill_allocator_default(), list, problem, sizeof problem),
        RILL_OK);
    rill_flights_close(flights);
    sent(1);
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "\".flights\" at its end is there, of an older file"));
    assert_int_equal(stat(list, &there), 0);
    assert_int_not_equal(stat(target, &there), 0);
    look = backup_to(target, true);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    assert_int_not_equal(stat(list, &there), 0);
    audits_clean(target, -10);
    assert_int_equal(unlink(target), 0);
    write_file(list, "12345678", 8);
    stays(list, "copy", "which no node has left");
    write_file(list, "1234", 4);
    stays(list, "copy", "which no node has left");
}

/* The books themselves are no place for a copy of them, by whatever name. */
static void test_the_books_themselves(void **state)
{
    (void)state;
    static const char *const names[] = {"books",      "books-wal",     "books-shm", "books-journal",
                                        "books.sock", "books.flights", "hard"};
    char one[120];
    sent(1);
    snprintf(one, sizeof one, "%s/hard", folder);
    assert_int_equal(link(path, one), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(one, sizeof one, "%s/../%s/%s", folder, strrchr(folder, '/') + 1, names[i]);
        rill_store_look look = backup_to(one, true);
        finish(&look);
        assert_true(look.rc == RILL_ERR_INVALID || look.rc == RILL_ERR_EXISTS);
    }
    /* They are still ours alone. */
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *s = NULL;
    const rill_sqlite_options o = {.path = path};
    assert_int_equal(rill_sqlite_open(&s, &o, problem), RILL_ERR_ADDRESS_IN_USE);
    snprintf(one, sizeof one, "%s/books-2", folder);
    rill_store_look look = backup_to(one, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
}

/* SQLite would play a copy of such a name into the database beside it, or take it for its own. */
static void test_names_of_what_is_beside(void **state)
{
    (void)state;
    static const char *const ends[] = {"-wal", "-shm", "-journal", ".flights", ".key", ".sock"};
    char one[120];
    struct stat there;
    sent(1);
    for (size_t i = 0; i < 2 * sizeof ends / sizeof *ends; i++) {
        const char *end = ends[i / 2];
        snprintf(one, sizeof one, "%s%s", target, end);
        rill_store_look look = backup_to(one, i % 2 == 1);
        finish(&look);
        assert_int_equal(look.rc, RILL_ERR_INVALID);
        assert_non_null(strstr(look.problem, end));
        assert_non_null(strstr(look.problem, "beside other books"));
        assert_int_not_equal(stat(one, &there), 0);
        /* It is the end alone that is one of these. */
        snprintf(one, sizeof one, "%s/%s", folder, end + (end[0] == '.'));
        look = backup_to(end[0] == '.' ? one : strcat(one, ".copy"), true);
        finish(&look);
        assert_int_equal(look.rc, RILL_OK);
    }
}

static void test_folders(void **state)
{
    (void)state;
    char one[120];
    sent(1);
    static const struct {
        const char *name;
        const char *words;
    } wrong[] = {
        {"none/copy", "No such file"},
        {"books/copy", "Not a directory"},
        {"", "no name of a file"},
        {"..", "no name of a file"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(one, sizeof one, "%s/%s", folder, wrong[i].name);
        rill_store_look look = backup_to(one, false);
        finish(&look);
        assert_true(look.rc == RILL_ERR_IO || look.rc == RILL_ERR_INVALID);
        if (strstr(look.problem, wrong[i].words) == NULL)
            fail_msg("%s: %s", wrong[i].name, look.problem);
        assert_non_null(strstr(look.problem, one));
    }
    /* One that is to be made; and one in which everybody may write. */
    snprintf(one, sizeof one, "%s/made/copy", folder);
    rill_store_look look = backup_to(one, false);
    look.make_folder = true;
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    audits_clean(one, -10);
    assert_int_equal(unlink(one), 0);
    struct stat made;
    snprintf(one, sizeof one, "%s/made", folder);
    assert_int_equal(stat(one, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0700);
    assert_int_equal(rmdir(one), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_INVALID);
    assert_non_null(strstr(look.problem, "everybody may write"));
    assert_int_equal(chmod(folder, 01777), 0);
    look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
}

/* The disk of the copy is full: the books go on, and nothing of it is left. */
static void test_a_full_disk(void **state)
{
    (void)state;
    rill_store_look look = backup_to("/dev/full/copy", false);
    sent(1);
    finish(&look);
    assert_int_equal(look.rc, RILL_ERR_IO);
    large_books();
    look = backup_to(target, false);
    bool more = true;
    while (more && look.copied == 0)
        rill_sqlite_look(file, &look, &more);
    assert_true(more);
    rill_sqlite_stop_looking(file, &look); /* as at the end of a node */
    assert_int_equal(files_of_folder(false), 2);
    sent(1);
}

/* ---- on the thread ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static bool awake;
static bool written;
static bool copied_all;

static void wake(void *user)
{
    (void)user;
    pthread_mutex_lock(&lock);
    awake = true;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void wait_until_woken(void)
{
    pthread_mutex_lock(&lock);
    while (!awake)
        pthread_cond_wait(&woken, &lock);
    awake = false;
    pthread_mutex_unlock(&lock);
}

static void on_written(void *user, const rill_store_batch *batch, int rc, const char *problem)
{
    (void)user;
    (void)batch;
    assert_string_equal(problem, "");
    assert_int_equal(rc, RILL_OK);
    written = true;
}

static void on_done(rill_store_look *look)
{
    *(bool *)look->user = true;
}

/* While it is written all the time; and another look does not wait for the copy. */
static void test_on_the_thread(void **state)
{
    (void)state;
    large_books();
    rill_store *store = NULL;
    const rill_writer_options w = {
        .allocator = rill_allocator_default(), .wake = wake, .written = on_written};
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    file = NULL;
    rill_store_look look = backup_to(target, false);
    rill_store_look lines = {.kind = RILL_LOOK_LINES};
    bool looked = false;
    look.done = lines.done = on_done;
    copied_all = false;
    look.user = &copied_all;
    lines.user = &looked;
    rill_store_look_into(store, &look);
    rill_store_look_into(store, &lines);
    unsigned batches = 0;
    while (!copied_all || !looked) {
        const rill_store_flow flow = {minute++, ALICE, BOB, 0, {0, 0}, {0, 0}};
        const rill_store_batch batch = {.flows = &flow, .flow_count = 1};
        written = false;
        rill_store_write(store, &batch);
        while (!written) {
            wait_until_woken();
            rill_store_collect(store);
        }
        batches++;
    }
    assert_int_equal(look.rc, RILL_OK);
    assert_true(batches > 1);
    rill_store_close(store);
    rill_audit audit;
    rill_sqlite *s = opened(target);
    assert_int_equal(rill_sqlite_audit(s, &audit), RILL_OK);
    assert_string_equal(audit.first, "");
    rill_sqlite_close(s);
}

/* A node that ends amid a copy: it is told, and the part of it is taken away. */
static void test_an_end_amid_a_copy(void **state)
{
    (void)state;
    large_books();
    rill_store *store = NULL;
    const rill_writer_options w = {
        .allocator = rill_allocator_default(), .wake = wake, .written = on_written};
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    file = NULL;
    rill_store_look look = backup_to(target, false);
    bool done = false;
    look.done = on_done;
    look.user = &done;
    rill_store_look_into(store, &look);
    rill_store_close(store);
    assert_true(done);
    assert_true(look.rc == RILL_ERR_CLOSED || look.rc == RILL_OK);
    struct stat there;
    char partial[100];
    snprintf(partial, sizeof partial, "%s.partial", target);
    assert_int_not_equal(stat(partial, &there), 0);
    assert_int_equal(stat(target, &there) == 0, look.rc == RILL_OK);
}

/* ---- a disk that hangs ---- */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

/* Under the lock. */
static bool hangs;
static bool hung;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

int __wrap_fdatasync(int fd)
{
    pthread_mutex_lock(&lock);
    hung = hangs;
    pthread_cond_broadcast(&moved);
    while (hangs)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
    return __real_fdatasync(fd);
}

int __real_linkat(int from, const char *name, int to, const char *other, int flags);
int __wrap_linkat(int from, const char *name, int to, const char *other, int flags);

/* Under the lock: what the copy's name is given by hangs, and fails in the end. */
static bool naming_hangs;
static int naming_fails;

int __wrap_linkat(int from, const char *name, int to, const char *other, int flags)
{
    pthread_mutex_lock(&lock);
    hung = hung || naming_hangs;
    pthread_cond_broadcast(&moved);
    while (naming_hangs)
        pthread_cond_wait(&moved, &lock);
    errno = naming_fails;
    pthread_mutex_unlock(&lock);
    return errno != 0 ? -1 : __real_linkat(from, name, to, other, flags);
}

static void let_hang(bool yes)
{
    pthread_mutex_lock(&lock);
    hangs = yes;
    hung = false;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void *close_it(void *store)
{
    rill_store_close(store);
    return NULL;
}

/* Can they be opened before this time is over? */
static bool are_free(const char *where, time_t seconds)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *s = NULL;
    const rill_sqlite_options o = {.path = where, .durability = RILL_DURABILITY_NORMAL};
    const time_t end = time(NULL) + seconds;
    int rc;
    do {
        rc = rill_sqlite_open(&s, &o, problem);
    } while (rc == RILL_ERR_ADDRESS_IN_USE && time(NULL) < end);
    if (rc == RILL_OK)
        rill_sqlite_close(s);
    return rc == RILL_OK;
}

static void let_naming_hang(bool yes, int fails)
{
    pthread_mutex_lock(&lock);
    naming_hangs = yes;
    naming_fails = fails;
    hung = false;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

/* The node is told what became of it, and not only that it ended meanwhile. */
static void end_while_it_is_named(int fails, rill_store_look *look)
{
    rill_store *store = NULL;
    const rill_writer_options w = {
        .allocator = rill_allocator_default(), .wake = wake, .written = on_written};
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    file = NULL;
    bool done = false;
    *look = backup_to(target, false);
    look->done = on_done;
    look->user = &done;
    let_naming_hang(true, 0);
    rill_store_look_into(store, look);
    pthread_mutex_lock(&lock);
    while (!hung)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
    pthread_t closing;
    assert_int_equal(pthread_create(&closing, NULL, close_it, store), 0);
    const bool were_free = are_free(path, 30);
    let_naming_hang(false, fails);
    assert_int_equal(pthread_join(closing, NULL), 0);
    let_naming_hang(false, 0);
    assert_true(were_free);
    assert_true(done);
}

static void test_an_end_while_it_is_named(void **state)
{
    (void)state;
    rill_store_look look;
    struct stat there;
    sent(1);
    end_while_it_is_named(EEXIST, &look);
    assert_int_equal(look.rc, RILL_ERR_EXISTS);
    assert_non_null(strstr(look.problem, "there is a file of this name already"));
    assert_int_not_equal(stat(target, &there), 0);
    file = opened(path);
    end_while_it_is_named(0, &look);
    assert_int_equal(look.rc, RILL_OK);
    assert_string_equal(look.problem, "");
    assert_int_equal(stat(target, &there), 0);
    audits_clean(target, -10);
}

/* A node that ends while the disk of a copy hangs: whoever comes next can open the books. */
static void test_an_end_while_the_disk_hangs(void **state)
{
    (void)state;
    large_books();
    rill_store *store = NULL;
    const rill_writer_options w = {
        .allocator = rill_allocator_default(), .wake = wake, .written = on_written};
    assert_int_equal(rill_writer_new(&store, file, &w), RILL_OK);
    file = NULL;
    rill_store_look look = backup_to(target, false);
    bool done = false;
    look.done = on_done;
    look.user = &done;
    let_hang(true);
    rill_store_look_into(store, &look);
    pthread_mutex_lock(&lock);
    while (!hung)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
    pthread_t closing;
    assert_int_equal(pthread_create(&closing, NULL, close_it, store), 0);
    const bool were_free = are_free(path, 30);
    let_hang(false);
    assert_int_equal(pthread_join(closing, NULL), 0);
    assert_true(were_free);
    assert_true(done);
    assert_int_equal(look.rc, RILL_ERR_CLOSED);
    assert_string_equal(look.problem, "the node stops");
    assert_int_equal(files_of_folder(false), 1);
    audits_clean(path, -10);
}

static bool is_there(const char *end)
{
    struct stat there;
    char where[100];
    snprintf(where, sizeof where, "%s%s", target, end);
    return stat(where, &there) == 0;
}

/* It is not wanted any more: at once, amid it, and when it is whole but has no name yet. */
static void test_one_that_is_stopped(void **state)
{
    (void)state;
    large_books();
    for (unsigned after = 0; after < 3; after++) {
        rill_store_look look = backup_to(target, false);
        for (bool more = true; more && (after == 2 ? look.copied == 0 || look.copied < look.pages
                                                   : after == 1 && look.copied == 0);)
            rill_sqlite_look(file, &look, &more);
        assert_int_equal(is_there(".partial"), after > 0);
        atomic_store(&look.stop, true);
        finish(&look);
        assert_int_equal(look.rc, RILL_ERR_CLOSED);
        assert_non_null(strstr(look.problem, "it was stopped"));
        assert_false(is_there("") || is_there(".partial"));
    }
    /* The next one is none of its business; and one that has its name is whole. */
    rill_store_look look = backup_to(target, false);
    finish(&look);
    assert_int_equal(look.rc, RILL_OK);
    atomic_store(&look.stop, true);
    assert_true(is_there(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_a_copy_while_it_is_written),
        TEST(test_what_is_there),
        TEST(test_a_part_that_was_left),
        TEST(test_two_at_once),
        TEST(test_books_of_a_running_node),
        TEST(test_books_of_this_process),
        TEST(test_books_in_the_place_of_a_part),
        TEST(test_what_an_older_copy_left),
        TEST(test_a_node_that_begins_in_its_place),
        TEST(test_packets_of_another_node),
        TEST(test_the_books_themselves),
        TEST(test_one_that_is_stopped),
        TEST(test_names_of_what_is_beside),
        TEST(test_folders),
        TEST(test_a_full_disk),
        TEST(test_on_the_thread),
        TEST(test_an_end_amid_a_copy),
        TEST(test_an_end_while_it_is_named),
        TEST(test_an_end_while_the_disk_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

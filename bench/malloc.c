/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For a program that is not ours: loaded before its libraries (LD_PRELOAD), it writes to the file
 * named by RILL_MALLOC how many bytes malloc has handed out, whenever the process gets SIGUSR2.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *name;

/* Not safe in any signal handler; a process that measures itself is not inside malloc then. */
static void on_signal(int number)
{
    char line[32];
    struct mallinfo2 info = mallinfo2();
    (void)number;
    int len = snprintf(line, sizeof line, "%zu\n", info.uordblks + info.hblkhd);
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, line, (size_t)len) != len)
        _exit(1);
    close(file);
}

__attribute__((constructor)) static void start(void)
{
    name = getenv("RILL_MALLOC");
    if (name)
        signal(SIGUSR2, on_signal);
}

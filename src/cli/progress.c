/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* winsize */

#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/colour.h"

#define TERMINAL_INTERVAL (RILL_SECOND / 10)
#define LINE_INTERVAL     (10 * RILL_SECOND)
#define LINE_SIZE         512
#define USUAL_COLUMNS     80

/*
 * The terminal's width at this moment. It is asked before each line, which is sooner than a handler
 * of SIGWINCH could redraw it.
 */
static size_t columns_now(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return USUAL_COLUMNS;
}

void cli_progress_init(cli_progress *p)
{
    *p = (cli_progress){
        .terminal = isatty(STDERR_FILENO) != 0,
        .capable = cli_term_is_capable(getenv("TERM")),
    };
}

/* Goes back to the margin, and overwrites the rest of a longer line. */
static void draw(cli_progress *p, const char *text, size_t len)
{
    if (p->capable)
        fprintf(stderr, "\r%s\x1b[K", text);
    else
        fprintf(stderr, "\r%s%*s", text, p->drawn > len ? (int)(p->drawn - len) : 0, "");
    p->drawn = len;
}

/*
 * The most packets that were in flight since the last line. If packets leave one by one and are
 * answered at once, there may be none at any moment at which we look, although there was one each
 * time.
 */
static void note_packets(cli_progress *p, const cli_progress_state *state)
{
    uint32_t packets = state->packets;
    if (packets == 0 && state->packets_sent > p->packets_sent)
        packets = 1;
    if (packets > p->peak)
        p->peak = packets;
}

void cli_progress_show(cli_progress *p, uint64_t now, const cli_progress_state *state)
{
    char text[LINE_SIZE];
    cli_speed_note(&p->money, now, state->sent);
    cli_speed_note(&p->data, now, state->bytes);
    note_packets(p, state);
    uint64_t interval = p->terminal ? TERMINAL_INTERVAL : LINE_INTERVAL;
    if (!p->begun && !p->terminal) {
        /* A file or a log need not be told that a payment has begun. */
        p->begun = true;
        p->shown_at = now;
    }
    if (p->begun && now - p->shown_at < interval)
        return;
    p->begun = true;
    p->shown_at = now;
    /* One column less, since some terminals go to the next line after the last column. */
    size_t columns = p->terminal ? columns_now() - 1 : LINE_SIZE;
    cli_progress_state shown = *state;
    shown.packets = p->peak;
    cli_progress_text(p, now, &shown, columns, text, sizeof text);
    p->peak = 0;
    p->packets_sent = state->packets_sent;
    if (p->terminal) {
        size_t len = 0;
        while (text[len] != '\0')
            len++;
        draw(p, text, len);
        p->shown = true;
    } else {
        fprintf(stderr, "%s\n", text);
    }
    fflush(stderr);
}

void cli_progress_erase(cli_progress *p)
{
    if (!p->shown)
        return;
    draw(p, "", 0);
    fputc('\r', stderr);
    fflush(stderr);
    p->shown = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/browser.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MOST_WORDS  16
#define COMMAND_MAX 1024
#define URL_MAX     4096

struct cli_browser {
    uv_process_t process;
    void (*failed)(const char *command, void *user);
    void *user;
    char command[COMMAND_MAX]; /* its words, each with a NUL */
    char word_with_url[COMMAND_MAX + URL_MAX];
    char url[URL_MAX];
    char *words[MOST_WORDS + 2];
};

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
    cli_browser *b = process->data;
    if ((status != 0 || signal != 0) && b->failed)
        b->failed(b->words[0], b->user);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* "%s" in a word stands for the page, as others who read $BROWSER have it. */
static char *put_url(cli_browser *b, char *word, bool *put)
{
    char *at = strstr(word, "%s");
    if (!at || *put)
        return word;
    *put = true;
    snprintf(b->word_with_url, sizeof b->word_with_url, "%.*s%s%s", (int)(at - word), word, b->url,
             at + 2);
    return b->word_with_url;
}

/* The words of the first command of a list with ":" between. False: there is none, or too many. */
static bool split(cli_browser *b, const char *commands)
{
    size_t len = strcspn(commands, ":");
    size_t count = 0;
    bool put = false;
    if (len >= sizeof b->command)
        return false;
    memcpy(b->command, commands, len);
    b->command[len] = '\0';
    char *save = NULL;
    for (char *word = strtok_r(b->command, " \t", &save); word;
         word = strtok_r(NULL, " \t", &save)) {
        if (count == MOST_WORDS)
            return false;
        b->words[count++] = put_url(b, word, &put);
    }
    if (count == 0)
        return false;
    if (!put)
        b->words[count++] = b->url;
    b->words[count] = NULL;
    return true;
}

/* On a machine without a screen xdg-open would look for a browser of the terminal. */
static const char *command_of(void)
{
    const char *chosen = getenv("BROWSER");
    if (chosen && *chosen)
        return chosen;
    return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") ? "xdg-open" : NULL;
}

cli_browser *cli_browser_open(rill_loop *loop, const char *url,
                              void (*failed)(const char *command, void *user), void *user,
                              const char **why)
{
    const char *command = command_of();
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    *why = "there is no screen here, and $BROWSER names no command";
    if (!command)
        return NULL;
    cli_browser *b = calloc(1, sizeof *b);
    *why = rill_strerror(RILL_ERR_NOMEM);
    if (!b)
        return NULL;
    *why = "$BROWSER is no command";
    snprintf(b->url, sizeof b->url, "%s", url);
    if (strlen(url) >= sizeof b->url || !split(b, command)) {
        free(b);
        return NULL;
    }
    b->failed = failed;
    b->user = user;
    b->process.data = b;
    /* Of its own session: Ctrl-C is for rill. */
    const uv_process_options_t options = {.file = b->words[0],
                                          .args = b->words,
                                          .exit_cb = on_exit_of,
                                          .stdio = stdio,
                                          .stdio_count = 3,
                                          .flags = UV_PROCESS_DETACHED};
    int status = uv_spawn(rill_loop_uv(loop), &b->process, &options);
    if (status != 0) {
        *why = uv_strerror(status);
        uv_close((uv_handle_t *)&b->process, on_closed);
        return NULL;
    }
    uv_unref((uv_handle_t *)&b->process);
    return b;
}

void cli_browser_close(cli_browser *b)
{
    if (!b)
        return;
    b->failed = NULL;
    uv_close((uv_handle_t *)&b->process, on_closed);
}

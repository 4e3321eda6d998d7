/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: the options and variables of rilld, the arguments of rill, and the link that the
 * environment names. The first byte chooses one of them. The rest is texts, each of which ends with
 * a NUL. Texts with a "=" after a capital letter are variables. What is accepted must be in its
 * ranges, must mean the same when it is written and read again, and the node must agree with it.
 */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stdio.h>

#include <rill/link.h>

#include "cli/cli.h"
#include "cli/rilld_options.h"
#include "fuzz.h"
#include "link/uri.h"

enum { MAX_TEXTS = 24, PROBLEM = 256 };

typedef struct texts {
    char *args[MAX_TEXTS + 1];
    int arg_count;
    char *variables[MAX_TEXTS];
    int variable_count;
} texts;

static texts all;

/* Each text is in a block of exactly its length. */
static void read_texts(const uint8_t *data, size_t size)
{
    memset(&all, 0, sizeof all);
    for (size_t at = 0; at < size && all.arg_count < MAX_TEXTS && all.variable_count < MAX_TEXTS;) {
        const uint8_t *end = memchr(data + at, 0, size - at);
        size_t len = end != NULL ? (size_t)(end - data) - at : size - at;
        char *copy = malloc(len + 1);
        CHECK(copy != NULL);
        memcpy(copy, data + at, len);
        copy[len] = '\0';
        at += len + 1;
        if (copy[0] >= 'A' && copy[0] <= 'Z' && strchr(copy, '=') != NULL)
            all.variables[all.variable_count++] = copy;
        else
            all.args[all.arg_count++] = copy;
    }
}

static void free_texts(void)
{
    for (int i = 0; i < all.arg_count; i++)
        free(all.args[i]);
    for (int i = 0; i < all.variable_count; i++)
        free(all.variables[i]);
}

static char *variable(const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < all.variable_count; i++)
        if (strncmp(all.variables[i], name, len) == 0 && all.variables[i][len] == '=')
            return all.variables[i] + len + 1;
    return NULL;
}

/* Replaces the system's list of users, which takes long to read. */
bool rilld_user_find(rilld_user *out, const char *user, const char *group, char *problem,
                     size_t cap)
{
    CHECK(user != NULL);
    *out = (rilld_user){1000, 1000};
    if (strcmp(user, "rilld") == 0 && (group == NULL || strcmp(group, "rilld") == 0))
        return true;
    (void)snprintf(problem, cap, "there is no such user");
    return false;
}

static char *no_variable(const char *name)
{
    (void)name;
    return NULL;
}

/* ---- rilld ---- */

static void check_listen(const rilld_listen *l)
{
    uint8_t bytes[16];
    char text[64], problem[PROBLEM];
    rilld_options again;
    const listen_address *at = &l->at;
    CHECK(inet_pton(at->ipv6 ? AF_INET6 : AF_INET, at->host, bytes) == 1);
    listen_address_text(at, at->port, text);
    char *argv[] = {(char *)(uintptr_t) "rilld", (char *)(uintptr_t) "local",
                    (char *)(uintptr_t) "--listen", text};
    CHECK(rilld_options_parse(&again, 4, argv, no_variable, problem, sizeof problem) == RILLD_DONE);
    const listen_address *same = &again.listen[0].at;
    CHECK(again.listen_count == 1 && strcmp(same->host, at->host) == 0);
    CHECK(same->port == at->port && same->ipv6 == at->ipv6 && same->loopback == at->loopback);
}

static void check_local(const rilld_options *o)
{
    rill_node_options node;
    rill_node_options_init(&node);
    CHECK(o->listen_count >= 1 && o->listen_count <= RILLD_MAX_LISTEN);
    for (size_t i = 0; i < o->listen_count; i++)
        check_listen(&o->listen[i]);
    CHECK(o->origin_count <= RILLD_MAX_ORIGINS && o->allow_origins[o->origin_count] == NULL);
    for (size_t i = 0; i < o->origin_count; i++)
        CHECK(o->allow_origins[i][0] != '\0');
    CHECK(!o->quiet || !o->verbose);
    node.address = o->address;
    node.asset_code = o->asset_code;
    node.asset_scale = o->asset_scale;
    node.max_packet_amount = o->max_packet_amount;
    node.rate_limit = o->rate_limit;
    CHECK(rill_node_options_problem(&node) == NULL);
}

/* The same settings, written as options, without the environment. */
static void check_written(const rilld_options *o)
{
    char address[RILL_ILP_MAX_ADDRESS + 32], code[RILL_MAX_ASSET_CODE + 32];
    char scale[24], amount[48], rate[48], problem[PROBLEM];
    char *argv[] = {(char *)(uintptr_t) "rilld",
                    (char *)(uintptr_t) "local",
                    address,
                    code,
                    scale,
                    amount,
                    rate};
    rilld_options again;
    /* A value that begins with a hyphen is accepted only in this form. */
    (void)snprintf(address, sizeof address, "--address=%s", o->address);
    (void)snprintf(code, sizeof code, "--asset-code=%s", o->asset_code);
    (void)snprintf(scale, sizeof scale, "--asset-scale=%u", o->asset_scale);
    (void)snprintf(amount, sizeof amount, "--max-packet-amount=%llu",
                   (unsigned long long)o->max_packet_amount);
    (void)snprintf(rate, sizeof rate, "--rate-limit=%llu", (unsigned long long)o->rate_limit);
    int argc = o->rate_limit == 0 ? 6 : 7; /* no limit is expressed by leaving the option out */
    CHECK(rilld_options_parse(&again, argc, argv, no_variable, problem, sizeof problem) ==
          RILLD_DONE);
    CHECK(strcmp(again.address, o->address) == 0 && strcmp(again.asset_code, o->asset_code) == 0);
    CHECK(again.asset_scale == o->asset_scale && again.rate_limit == o->rate_limit);
    CHECK(again.max_packet_amount == o->max_packet_amount);
}

static void fuzz_rilld(void)
{
    char *argv[MAX_TEXTS + 2] = {(char *)(uintptr_t) "rilld"};
    char problem[PROBLEM];
    rilld_options o;
    for (int i = 0; i < all.arg_count; i++)
        argv[i + 1] = all.args[i];
    memset(problem, 'x', sizeof problem);
    int rc = rilld_options_parse(&o, all.arg_count + 1, argv, variable, problem, sizeof problem);
    CHECK(rc == RILLD_DONE || rc == RILLD_USAGE);
    if (rc == RILLD_USAGE) {
        CHECK(memchr(problem, '\0', sizeof problem) != NULL && problem[0] != '\0');
        return;
    }
    if (o.command != RILLD_LOCAL)
        return;
    check_local(&o);
    check_written(&o);
}

/* ---- rill ---- */

static const cli_option options[] = {
    {"--amount", "N", ""}, {"--rate", "R", ""},  {"--time", "S", ""},
    {"--count", "N", ""},  {"--flag", NULL, ""}, {NULL, NULL, NULL},
};
static const cli_command with_operand = {
    .name = "pay", .options = options, .operands = {"FILE", "[AMOUNT]"}};
static const cli_command without = {.name = "info", .options = options};

void __wrap_cli_error(const cli_command *command, const char *format, ...);
void __wrap_cli_error(const cli_command *command, const char *format, ...)
{
    CHECK(command != NULL && format != NULL);
}

/* An amount that was read is written again, and read again. */
static void fuzz_amount_text(const cli_args *args, const char *word)
{
    cli_amount_text text = {0}, again;
    uint64_t units = 0, twice = 0;
    char decimal[CLI_DECIMAL_SIZE], both[CLI_DECIMAL_SIZE + CLI_MAX_ASSET_CODE + 2];
    if (cli_amount_text_of(args, "AMOUNT", word, &text) != CLI_DONE || !text.given)
        return;
    uint8_t scale = (uint8_t)text.places;
    CHECK(text.places <= UINT8_MAX);
    CHECK(cli_amount_text_units(&text, text.code, scale, &units) == RILL_OK);
    if (text.code[0] == '\0') {
        CHECK(rill_amount_parse(word, &twice) == RILL_OK && twice == units);
        return;
    }
    cli_decimal_text(units, scale, decimal);
    snprintf(both, sizeof both, "%s %s", decimal, text.code);
    CHECK(cli_amount_text_parse(both, &again) == RILL_OK);
    CHECK(again.whole == text.whole && again.places == text.places);
}

static void fuzz_rill(const cli_command *command)
{
    cli_args args;
    uint64_t amount = 7, time = 7, count = 7;
    rill_ratio rate = {7, 7};
    char fresh[RILL_URI_MAX];
    if (cli_args_parse(&args, command, all.arg_count, all.args) == CLI_DONE) {
        CHECK(command->operands[0] != NULL || args.operands[0] == NULL);
        CHECK(args.operands[0] != NULL || args.operands[1] == NULL);
        fuzz_amount_text(&args, args.operands[1]);
        int rc = cli_amount(&args, "--amount", &amount);
        CHECK(rc == CLI_DONE || rc == CLI_USAGE);
        rc = cli_ratio(&args, "--rate", &rate);
        CHECK(rc != CLI_DONE || rate.den != 0);
        rc = cli_seconds(&args, "--time", &time);
        CHECK(rc != CLI_DONE || time != 0);
        rc = cli_count(&args, "--count", &count);
        CHECK(rc != CLI_DONE || count != 0);
        const char *link = cli_value(&args, "--link");
        rill_uri uri, again;
        if (link != NULL && rill_link_uri_with_new_token(fresh, sizeof fresh, link) == RILL_OK &&
            rill_uri_parse(&uri, link, NULL) == RILL_OK) {
            CHECK(rill_uri_parse(&again, fresh, NULL) == RILL_OK);
            CHECK(strcmp(again.host_header, uri.host_header) == 0 && again.tls == uri.tls);
            CHECK(strcmp(again.target, uri.target) == 0 && again.account[0] == '\0');
            CHECK(strcmp(again.token, uri.token) != 0 && strlen(again.token) == 32);
        }
    }
    cli_args_clear(&args);
}

/* ---- the environment ---- */

static void fuzz_environment(void)
{
    static const char *const names[] = {"ILP_PLUGIN", "ILP_CREDENTIALS", "ILP_BTP_SERVER"};
    char uri[RILL_URI_MAX];
    for (size_t i = 0; i < 3; i++) {
        const char *value = variable(names[i]);
        CHECK((value != NULL ? setenv(names[i], value, 1) : unsetenv(names[i])) == 0);
    }
    int err = rill_link_uri_from_environment(uri, sizeof uri);
    CHECK(err == RILL_OK || err == RILL_ERR_MALFORMED || err == RILL_ERR_UNSUPPORTED ||
          err == RILL_ERR_URI || err == RILL_ERR_BUFFER);
    if (err == RILL_OK)
        CHECK(strnlen(uri, sizeof uri) < sizeof uri);
    if (err != RILL_OK || variable("ILP_CREDENTIALS") != NULL)
        return;
    rill_uri parsed; /* our own URI, with a new token */
    CHECK(rill_uri_parse(&parsed, uri, NULL) == RILL_OK && strlen(parsed.token) == 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_texts(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        fuzz_rilld();
        break;
    case 1:
        fuzz_rill(&with_operand);
        break;
    case 2:
        fuzz_rill(&without);
        break;
    default:
        fuzz_environment();
    }
    free_texts();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"

#define DEFAULT_PORT 7768

/* Room for the description of a problem. */
typedef struct problem_text {
    char *text;
    size_t cap;
} problem_text;

static int fail(const problem_text *p, const char *format, ...) RILL_PRINTF(2, 3);

static int fail(const problem_text *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->text, p->cap, format, args);
    va_end(args);
    return RILLD_USAGE;
}

static int parse_listen(rilld_options *o, const char *name, const char *text, const problem_text *p)
{
    if (o->listen_count == RILLD_MAX_LISTEN)
        return fail(p, "%s: at most %d addresses", name, RILLD_MAX_LISTEN);
    rilld_listen *listen = &o->listen[o->listen_count];
    const char *problem = listen_address_parse(&listen->at, text);
    if (problem != NULL)
        return fail(p, "%s %.100s: %s", name, text, problem);
    listen->http = strcmp(name, "--listen-http") == 0;
    o->listen_count++;
    return RILLD_DONE;
}

static int parse_origin(rilld_options *o, const char *text, const problem_text *p)
{
    if (o->origin_count == RILLD_MAX_ORIGINS)
        return fail(p, "--allow-origin: at most %d origins", RILLD_MAX_ORIGINS);
    if (*text == '\0')
        return fail(p, "--allow-origin needs an origin, like http://localhost:8080");
    o->allow_origins[o->origin_count++] = text;
    return RILLD_DONE;
}

static int parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                        uint64_t *out, const problem_text *p)
{
    int rc = rill_amount_parse(text, out);
    if (rc == RILL_ERR_MALFORMED)
        return fail(p, "%s %.100s: it must be a whole number", name, text);
    if (rc != RILL_OK || *out < min || *out > max)
        return fail(p, "%s %.100s: it must be from %llu to %llu", name, text,
                    (unsigned long long)min, (unsigned long long)max);
    return RILLD_DONE;
}

/* The options that are numbers. */
static const struct number_option {
    const char *name;
    uint64_t min, max;
    size_t field; /* of rilld_options, a uint64_t */
} numbers[] = {
    {"--max-packet-amount", 1, UINT64_MAX, offsetof(rilld_options, max_packet_amount)},
    {"--rate-limit", 1, 1000000000, offsetof(rilld_options, rate_limit)},
    {"--max-sessions", 1, 1000000, offsetof(rilld_options, max_sessions)},
    {"--max-strangers", 1, 1000000, offsetof(rilld_options, max_strangers)},
    {"--auth-timeout", 1, 3600, offsetof(rilld_options, auth_timeout)},
    {"--idle-timeout", 1, 86400, offsetof(rilld_options, idle_timeout)},
    {"--max-accounts", 2, 100000000, offsetof(rilld_options, max_accounts)},
    {"--max-open", 1, 100000000, offsetof(rilld_options, max_open)},
    {"--max-buffer", 1, 1048576, offsetof(rilld_options, max_buffer)},
};

static const struct number_option *number_option_of(const char *name)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0)
            return &numbers[i];
    }
    return NULL;
}

static int parse_scale(rilld_options *o, const char *name, const char *text, const problem_text *p)
{
    uint64_t scale = 0;
    int rc = parse_number(name, text, 0, UINT8_MAX, &scale, p);
    o->asset_scale = (uint8_t)scale;
    return rc;
}

/* Takes an option with a value. name is as it was written. */
static int take_format(rilld_options *o, const char *value, const problem_text *p)
{
    return log_format_parse(value, &o->log_format)
               ? RILLD_DONE
               : fail(p, "--log-format: text, logfmt or json, not %.40s", value);
}

static int take_value(rilld_options *o, const char *name, const char *value, const problem_text *p)
{
    if (strcmp(name, "--listen") == 0 || strcmp(name, "--listen-http") == 0)
        return parse_listen(o, name, value, p);
    if (strcmp(name, "--allow-origin") == 0)
        return parse_origin(o, value, p);
    if (strcmp(name, "--asset-scale") == 0)
        return parse_scale(o, name, value, p);
    if (strcmp(name, "--log-format") == 0)
        return take_format(o, value, p);
    const struct number_option *number = number_option_of(name);
    if (number != NULL)
        return parse_number(name, value, number->min, number->max,
                            (uint64_t *)(void *)((char *)o + number->field), p);
    if (*value == '\0')
        return fail(p, "%s: it must not be empty", name);
    if (strcmp(name, "--port-file") == 0)
        o->port_file = value;
    else if (strcmp(name, "--neighbours") == 0)
        o->neighbours = value;
    else if (strcmp(name, "--user") == 0)
        o->user = value;
    else if (strcmp(name, "--group") == 0)
        o->group = value;
    else if (strcmp(name, "--address") == 0)
        o->address = value;
    else if (strcmp(name, "--uplink") == 0)
        o->uplink = value;
    else if (strcmp(name, "--uplink-ca") == 0)
        o->uplink_ca = value;
    else if (strcmp(name, "--tls-cert") == 0)
        o->tls_cert = value;
    else if (strcmp(name, "--tls-key") == 0)
        o->tls_key = value;
    else
        o->asset_code = value;
    return RILLD_DONE;
}

/* The other options that take a value. */
static const char *const text_options[] = {
    "--listen",   "--listen-http", "--allow-origin", "--asset-scale", "--port-file",
    "--tls-cert", "--tls-key",     "--asset-code",   "--address",     "--user",
    "--group",    "--neighbours",  "--uplink",       "--uplink-ca",   "--log-format"};
static const char *const flags[] = {"--quiet", "--verbose", "--help"};
static const char *const commands[] = {"local",   "run",       "check", "help",
                                       "version", "--version", "--help"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool takes_value(const char *name)
{
    for (size_t i = 0; i < COUNT(text_options); i++) {
        if (strcmp(name, text_options[i]) == 0)
            return true;
    }
    return number_option_of(name) != NULL;
}

/* "; did you mean --listen?" or nothing. */
static const char *question(const cli_suggestion *s, char out[64])
{
    out[0] = '\0';
    if (s->best != NULL)
        (void)snprintf(out, 64, "; did you mean %s?", s->best);
    return out;
}

static int unknown_option(const char *word, size_t len, const problem_text *p)
{
    char meant[64];
    cli_suggestion s;
    cli_suggest_begin(&s, word, len);
    for (size_t i = 0; i < COUNT(text_options); i++)
        cli_suggest_offer(&s, text_options[i]);
    for (size_t i = 0; i < COUNT(numbers); i++)
        cli_suggest_offer(&s, numbers[i].name);
    for (size_t i = 0; i < COUNT(flags); i++)
        cli_suggest_offer(&s, flags[i]);
    return fail(p, "unknown option: %.*s%s (see rilld local --help)", len < 100 ? (int)len : 100,
                word, question(&s, meant));
}

static int unknown_command(const char *word, const problem_text *p)
{
    char meant[64];
    cli_suggestion s;
    cli_suggest_begin(&s, word, strlen(word));
    for (size_t i = 0; i < COUNT(commands); i++)
        cli_suggest_offer(&s, commands[i]);
    /* An option in the first place means that the command was left out. */
    if (word[0] == '-' && (takes_value(word) || strcmp(word, "-q") == 0 || strcmp(word, "-v") == 0))
        return fail(p, "a command comes first: rilld local %.100s (see rilld help)", word);
    return fail(p, "unknown command: %.100s%s (see rilld help)", word, question(&s, meant));
}

/* Takes text if it is an option without a value. */
static bool take_flag(rilld_options *o, const char *text)
{
    if (strcmp(text, "--quiet") == 0 || strcmp(text, "-q") == 0)
        o->quiet = true;
    else if (strcmp(text, "--verbose") == 0 || strcmp(text, "-v") == 0)
        o->verbose = true;
    else
        return false;
    return true;
}

static int parse_arguments(rilld_options *o, int argc, char **argv, const problem_text *p)
{
    for (int i = 0; i < argc; i++) {
        char name[32];
        const char *equals = strchr(argv[i], '=');
        size_t len = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        if (take_flag(o, argv[i]))
            continue;
        (void)snprintf(name, sizeof name, "%.*s", len < sizeof name ? (int)len : 0, argv[i]);
        if (argv[i][0] != '-')
            return fail(p, "unexpected argument: %.100s (see rilld local --help)", argv[i]);
        if (!takes_value(name))
            return unknown_option(argv[i], len, p);
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && i + 1 < argc)
            value = argv[++i];
        if (value == NULL)
            return fail(p, "%s needs a value (see rilld local --help)", name);
        int rc = take_value(o, name, value, p);
        if (rc != RILLD_DONE)
            return rc;
    }
    if (o->quiet && o->verbose)
        return fail(p, "give --quiet or --verbose, not both");
    if (o->uplink_ca != NULL && o->uplink == NULL)
        return fail(p, "--uplink-ca needs --uplink");
    return RILLD_DONE;
}

/* An empty variable counts as not set, as in moneyd. */
static const char *variable(char *(*getenv_of)(const char *name), const char *name)
{
    const char *value = getenv_of(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* moneyd's variables are defaults. Options come after them and win. */
static int read_environment(rilld_options *o, rilld_listen *listen,
                            char *(*getenv_of)(const char *name), const problem_text *p)
{
    const char *value = variable(getenv_of, "MONEYD_BIND_IP");
    if (value != NULL && !listen_address_host(&listen->at, value, strlen(value)))
        return fail(p, "MONEYD_BIND_IP=%.100s: it must be a numeric address or localhost", value);
    value = variable(getenv_of, "MONEYD_BIND_PORT");
    if (value != NULL && !listen_address_port(&listen->at, value))
        return fail(p, "MONEYD_BIND_PORT=%.100s: it must be a number from 0 to 65535", value);
    value = variable(getenv_of, "MONEYD_ILP_ADDRESS");
    if (value != NULL)
        o->address = value;
    value = variable(getenv_of, "MONEYD_ASSET_CODE");
    if (value != NULL)
        o->asset_code = value;
    /* A URI with a token is better here than on the command line, which everybody can read. */
    o->uplink = variable(getenv_of, "RILLD_UPLINK");
    value = variable(getenv_of, "MONEYD_ASSET_SCALE");
    return value != NULL ? parse_scale(o, "MONEYD_ASSET_SCALE", value, p) : RILLD_DONE;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

/* What the node itself says about the options, with the option's name if that helps. */
static int check(const rilld_options *o, const problem_text *p)
{
    rill_node_options node;
    rill_node_options_init(&node);
    node.address = o->address;
    const char *problem = rill_node_options_problem(&node);
    if (problem != NULL)
        return fail(p, "--address %.100s: %s", o->address, problem);
    node.asset_code = o->asset_code;
    problem = rill_node_options_problem(&node);
    if (problem != NULL)
        return fail(p, "--asset-code: %s", problem);
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        return fail(p, "--tls-cert and --tls-key need each other: give both or none");
    return RILLD_DONE;
}

/* Neighbours over HTTP need a port that takes it. */
static int check_neighbours(const rilld_options *o, const problem_text *p)
{
    bool http = o->neighbours == NULL;
    for (size_t i = 0; i < o->listen_count; i++)
        http |= o->listen[i].http;
    return http ? RILLD_DONE : fail(p, "--neighbours needs --listen-http");
}

static int check_user(rilld_options *o, const problem_text *p)
{
    if (o->user == NULL)
        return o->group == NULL ? RILLD_DONE : fail(p, "--group needs --user");
    return rilld_user_find(&o->become, o->user, o->group, p->text, p->cap) ? RILLD_DONE
                                                                           : RILLD_USAGE;
}

static const char *default_address(void)
{
    rill_node_options node;
    rill_node_options_init(&node);
    return node.address;
}

static int parse_local(rilld_options *o, int argc, char **argv,
                       char *(*getenv_of)(const char *name), const problem_text *p)
{
    rilld_listen fallback = {.at = {.host = "127.0.0.1", .port = DEFAULT_PORT, .loopback = true}};
    o->command = RILLD_LOCAL;
    if (asks_for_help(argc, argv)) {
        o->command = RILLD_LOCAL_HELP;
        return RILLD_DONE;
    }
    int rc = read_environment(o, &fallback, getenv_of, p);
    if (rc == RILLD_DONE)
        rc = parse_arguments(o, argc, argv, p);
    /* Whoever says the address knows it. */
    o->uplink_asks = strcmp(o->address, default_address()) == 0;
    if (rc == RILLD_DONE)
        rc = check(o, p);
    if (rc == RILLD_DONE)
        rc = check_neighbours(o, p);
    if (rc == RILLD_DONE)
        rc = check_user(o, p);
    if (rc == RILLD_DONE && o->listen_count == 0)
        o->listen[o->listen_count++] = fallback;
    return rc;
}

/* Of run and check, at argv[*i]: "--name=value" or "--name value". *value NULL: it has none. */
static bool is_option(int argc, char **argv, int *i, const char *name, const char **value)
{
    const size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0 || (argv[*i][len] != '=' && argv[*i][len] != '\0'))
        return false;
    *value = argv[*i][len] == '=' ? argv[*i] + len + 1 : ++*i < argc ? argv[*i] : NULL;
    return true;
}

/* run and check: --config FILE, and little else, since the file says the rest. */
static int parse_run(rilld_options *o, int argc, char **argv, const problem_text *p)
{
    static const char *const known[] = {"--config", "--schema",  "--log-format",
                                        "--quiet",  "--verbose", "--help"};
    const char *name = o->command == RILLD_RUN ? "run" : "check";
    if (asks_for_help(argc, argv)) {
        o->command = RILLD_RUN_HELP;
        return RILLD_DONE;
    }
    for (int i = 0; i < argc; i++) {
        if (take_flag(o, argv[i]))
            continue;
        if (strcmp(argv[i], "--schema") == 0 && o->command == RILLD_CHECK && argc == 1) {
            o->command = RILLD_SCHEMA;
            return RILLD_DONE;
        }
        const char *value;
        if (is_option(argc, argv, &i, "--config", &value)) {
            if (value == NULL)
                return fail(p, "--config needs a value (see rilld %s --help)", name);
            o->config = value;
        } else if (o->command == RILLD_RUN && is_option(argc, argv, &i, "--log-format", &value)) {
            if (value == NULL)
                return fail(p, "--log-format needs a value (see rilld %s --help)", name);
            if (take_format(o, value, p) != RILLD_DONE)
                return RILLD_USAGE;
        } else if (argv[i][0] == '-') {
            char meant[64];
            cli_suggestion s;
            cli_suggest_begin(&s, argv[i], strlen(argv[i]));
            for (size_t k = 0; k < COUNT(known); k++)
                cli_suggest_offer(&s, known[k]);
            return fail(p, "unknown option: %.100s%s (see rilld %s --help)", argv[i],
                        question(&s, meant), name);
        } else {
            return fail(p, "unexpected argument: %.100s (see rilld %s --help)", argv[i], name);
        }
    }
    if (o->quiet && o->verbose)
        return fail(p, "give --quiet or --verbose, not both");
    if (o->config == NULL || o->config[0] == '\0')
        return fail(p, "a configuration is needed: rilld %s --config FILE", name);
    return RILLD_DONE;
}

int rilld_options_parse(rilld_options *o, int argc, char **argv,
                        char *(*getenv_of)(const char *name), char *problem, size_t cap)
{
    problem_text p = {problem, cap};
    rill_node_options node;
    rill_node_options_init(&node);
    rill_node_port_options port;
    rill_node_port_options_init(&port);
    *o = (rilld_options){
        .command = RILLD_HELP,
        .address = node.address,
        .asset_code = node.asset_code,
        .asset_scale = node.asset_scale,
        .max_packet_amount = node.max_packet_amount,
        .rate_limit = node.rate_limit,
        .max_sessions = port.max_sessions,
        .max_strangers = port.max_strangers,
        .auth_timeout = port.auth_timeout_ns / RILL_SECOND,
        .idle_timeout = port.idle_timeout_ns / RILL_SECOND,
        .max_accounts = node.max_accounts,
        .max_open = node.max_open,
        .max_buffer = RILL_LOOP_MAX_OUTPUT >> 20,
    };
    if (argc < 2)
        return fail(&p, "a command is needed: rilld local starts the node (see rilld help)");
    const char *command = argv[1];
    if (strcmp(command, "local") == 0)
        return parse_local(o, argc - 2, argv + 2, getenv_of, &p);
    if (strcmp(command, "run") == 0 || strcmp(command, "check") == 0) {
        o->command = command[0] == 'r' ? RILLD_RUN : RILLD_CHECK;
        return parse_run(o, argc - 2, argv + 2, &p);
    }
    if (strcmp(command, "--version") == 0 || strcmp(command, "version") == 0)
        o->command = RILLD_VERSION;
    else if (strcmp(command, "help") == 0 && argc == 3 && strcmp(argv[2], "local") == 0)
        o->command = RILLD_LOCAL_HELP;
    else if (strcmp(command, "help") == 0 && argc == 3 &&
             (strcmp(argv[2], "run") == 0 || strcmp(argv[2], "check") == 0))
        o->command = RILLD_RUN_HELP;
    else if (strcmp(command, "help") != 0 && strcmp(command, "--help") != 0 &&
             strcmp(command, "-h") != 0)
        return unknown_command(command, &p);
    if (argc > 2 && o->command != RILLD_LOCAL_HELP && o->command != RILLD_RUN_HELP)
        return fail(&p, "unexpected argument: %.100s (see rilld help)", argv[2]);
    return RILLD_DONE;
}

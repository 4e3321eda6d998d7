/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <curl/curl.h>
#include <errno.h>
#include <rill/api.h>
#include <signal.h>
#include <string.h>

#include "cli/ctl.h"
#include "cli/protect.h"
#include "cli/suggest.h"

static const ctl_option settle_options[] = {
    {"--in", NULL, "the account has paid you: you owe it more"},
    {"--out", NULL, "you have paid the account: you owe it less"},
    {"--deposit", NULL, "credit the account without a payment"},
    {"--withdrawal", NULL, "the opposite of --deposit"},
    {"--end", "KEY", "end what is outstanding with this key: its engine is not asked again"},
    {"--paid", NULL, "of --end: the engine has paid it, and the balance stays"},
    {"--unpaid", NULL, "of --end: the engine has not paid it, and you owe it again"},
    {"--note", "TEXT", "what to write beside it, such as the number of a transfer"},
    {"--key", "KEY", "with the same key nothing is booked twice. Default: a new random one"},
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option statement_options[] = {
    {"--from", "TIME", "from this day or time on, in UTC: 2026-11-01 or 2026-11-01T12:00:00Z"},
    {"--to", "TIME", "before this day or time. Default: now"},
    {"--step", "STEP", "sum packets for each minute, hour or day, or all. Default: day"},
    {"--asset", "CODE/SCALE", "what the account was held in, if that is another asset now"},
    {"--csv", NULL, "print a table for spreadsheets"},
    {NULL, NULL, NULL},
};

static const ctl_option audit_options[] = {
    {"--since-head", "HEAD", "are these still the books that had this head? It is kept elsewhere"},
    {"--lines", NULL, "print the lines of the audit: who changed and settled what"},
    {"--after", "NUMBER", "of --lines: those behind this one. Default: from the first on"},
    {"--csv", NULL, "of --lines: print a table for spreadsheets"},
    {NULL, NULL, NULL},
};

static const ctl_option backup_options[] = {
    {"--force", NULL, "replace the copy that is there"},
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option who_options[] = {
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option accounts_options[] = {
    {"--new-token", NULL, "the node makes a token for the account, and shows it once"},
    {"--drop-old-tokens", NULL, "earlier tokens of the account stop working"},
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option peer_options[] = {
    {"--auto", "URL", "of \"peer add\": the URL at which the peer takes such requests"},
    {"--asset", "CODE/SCALE",
     "what the account is held in. Default: what all accounts are held in"},
    {"--name", "NAME", "of the account here. Default: made from the peer's address"},
    {"--credit", "UNITS", "what the peer may owe this node; none: no limit. Default: 0"},
    {"--most", "UNITS", "what this node may owe the peer; none: no limit. Default: none"},
    {"--max-packet", "UNITS", "in one packet; the peer is told, too. Default: none"},
    {"--packets-a-second", "NUMBER", "that the peer may send; 0: no limit. Default: 0"},
    {"--amount-a-second", "UNITS", "in what the peer sends; 0: no limit. Default: 0"},
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option rates_options[] = {
    {"--for", "TIME",
     "how long the price is good, such as 90s, 15m, 2h or 1d. Default: until it "
     "is taken away"},
    {"--who", "NAME", "who did this, for the audit. Default: your user name"},
    {NULL, NULL, NULL},
};

static const ctl_option packets_options[] = {
    {"--from", "TIME",
     "over at this day or time or later, in UTC. Default: an hour ago; with --id: from the "
     "beginning"},
    {"--to", "TIME", "over before this day or time. Default: now"},
    {"--destination", "PREFIX", "to addresses that begin with this"},
    {"--id", "DIGITS", "the packet whose condition begins with these digits"},
    {"--code", "CODE", "rejected with this code, such as T04, or T for all that begin so"},
    {"--rejected", NULL, "rejected with any code"},
    {"--limit", "NUMBER", "at most so many. Default: 1000"},
    {"--follow", NULL, "packets as they come, from now on or from --from on"},
    {"--csv", NULL, "print a table for spreadsheets"},
    {NULL, NULL, NULL},
};

static const ctl_option top_options[] = {
    {"--interval", "SECONDS", "how often to look. Default: 2"},
    {"--count", "NUMBER", "end after so many tables. Default: when it is interrupted"},
    {NULL, NULL, NULL},
};

const ctl_command ctl_commands[] = {
    {"status", "how the node is", "[OPTIONS]", "Says if the node can book, and what is under way.",
     NULL, 0, 0, ctl_status},
    {"accounts", "every account with its balance, and changing them",
     "[add|set|remove NAME [KEY=VALUE ...]] [OPTIONS]",
     "A balance is what the node owes the account; below zero the account owes the node. Held is "
     "what packets under way may take. \"accounts add\" takes the keys of the configuration, such "
     "as "
     "relation=child asset=USD/2 credit=1000 link.uri=btp+wss://HOST; the node makes a token, "
     "unless "
     "there is a link. \"accounts set\" changes some of them, and a key without a value takes it "
     "out. What the configuration has is changed there.",
     accounts_options, CTL_MAX_OPERANDS - 1, 0, ctl_accounts},
    {"peer", "accounts on which nodes agree by themselves",
     "[list | show NAME | add --auto URL | approve NAME ID | remove NAME] [OPTIONS]",
     "\"peer add --auto URL\" asks another node for an account, as Rafiki's auto-peering does, and "
     "has one here for what it answers: links both ways, and a route to its address. Asking again "
     "is safe. \"peer approve\" agrees to a node that has asked for one and waits, and that you "
     "have "
     "looked at: \"peer\" shows its ID, which is another one for any other URL, address or terms. "
     "\"peer remove\" refuses it, or takes an account out.",
     peer_options, 3, 0, ctl_peer},
    {"balance", "the balance of an account, or what the node has", "[ACCOUNT] [OPTIONS]",
     "Without an account: for each asset what all accounts are owed and owe, what the exchange has "
     "earned, and what came from outside; and balances of accounts that are not in the "
     "configuration any more.",
     NULL, 1, 0, ctl_balance},
    {"rates", "prices, and what each exchange brings", "[set CODE PRICE] [OPTIONS]",
     "Prices are exact. What one coin brings has the spread taken off. \"rates set\" enters what "
     "one coin of CODE is worth in the base, such as 1.0842 or 3/4; none takes it away. It counts "
     "before the service's, and not where the configuration has a price.",
     rates_options, 3, 0, ctl_rates},
    {"routes", "the ways to each prefix, and changing them",
     "[PREFIX | add PREFIX ACCOUNT | remove PREFIX] [OPTIONS]",
     "Packets take one way to each prefix. PREFIX shows only those that begin with it. \"routes "
     "add\" "
     "adds one to those of the configuration, also for when the node is started again.",
     who_options, 4, 0, ctl_routes},
    {"settle", "record what was settled by hand",
     "ACCOUNT AMOUNT --in|--out, or ACCOUNT --end KEY --paid|--unpaid [OPTIONS]",
     "The amount is a whole number of units, or of coins with the asset's code, such as 3.00USD. "
     "It "
     "is booked when this command ends. An entry is never changed; a wrong one is set right by its "
     "opposite. --end is for a settlement that an engine was asked for and will never answer, such "
     "as "
     "one that is gone for good: you say whether it has paid.",
     settle_options, 2, 1, ctl_settle},
    {"outstanding", "what engines were asked to settle", "[OPTIONS]",
     "What engines have not taken yet, with the key of each, since when, and what the engine says. "
     "Also of accounts that were taken out.",
     NULL, 0, 0, ctl_outstanding},
    {"proposals", "what waits for a second person", "[OPTIONS]",
     "Where the configuration wants two people, what one of them has settled by hand, and nobody "
     "else has confirmed yet.",
     NULL, 0, 0, ctl_proposals},
    {"confirm", "book what somebody else has proposed", "ID [OPTIONS]",
     "It takes another person than who proposed it: with another token, or by the socket.",
     who_options, 1, 1, ctl_confirm},
    {"reject", "take a proposal away", "ID [OPTIONS]",
     "It is not booked. Who proposed it may do that, too.", who_options, 1, 1, ctl_reject},
    {"statement", "what changed the balance of an account", "ACCOUNT [OPTIONS]",
     "Each line has the sum of packets with one other account, or an entry.", statement_options, 1,
     1, ctl_statement},
    {"audit", "compute the books anew", "[OPTIONS]",
     "Computes each balance anew from all sums and entries, checks the chains of hashes of the "
     "entries and of the sums, and that the balances of each asset add up to 0. The node goes on "
     "meanwhile. It ends with the head of both chains: keep it elsewhere, and --since-head finds "
     "later if anything before it was changed or cut off. --lines prints the lines of the audit "
     "instead, also those that are of no account.",
     audit_options, 0, 0, ctl_audit},
    {"backup", "copy the books while the node runs", "FILE [OPTIONS]",
     "The node writes the copy, on its own machine: FILE is a name in the folder \"backups\" of "
     "its "
     "configuration's store, or a path as the node sees it, which only the socket may name. The "
     "file "
     "is there once the copy is whole and on the disk. It is of the moment when the command ends.",
     backup_options, 1, 1, ctl_backup},
    {"why", "why packets of an account were rejected", "ACCOUNT [OPTIONS]",
     "By code, and by whom: by this node, or by the neighbour that the packet went to; and how "
     "often, "
     "since the node was started.",
     NULL, 1, 1, ctl_why},
    {"packets", "what became of packets", "[ACCOUNT] [OPTIONS]",
     "Packets that the account sent or was sent, the oldest first, each with its result, from the "
     "log of packets (packet-log of the configuration). What is missing in the log is said. With "
     "--json each packet is a line; lines with \"event\" are about the log.",
     packets_options, 1, 0, ctl_packets},
    {"in-flight", "packets that were out when the node was killed", "[OPTIONS]",
     "What neighbours had fulfilled and the node had not booked was booked when it was started. "
     "What "
     "was out is listed until it expires, and held until then.",
     NULL, 0, 0, ctl_in_flight},
    {"top", "what accounts do now, the busiest first", "[OPTIONS]",
     "Packets a second of each account since the table before. In a terminal the table stays where "
     "it is, with as many accounts as there is room for. Elsewhere each table follows the one "
     "before, with all accounts; with --json, each is one line.",
     top_options, 0, 0, ctl_top},
    {"reload", "read the configuration again", "[OPTIONS]",
     "Applies what is different: accounts, limits, tokens, links, routes, rates, certificates. "
     "Connections that are not different stay up. If anything is wrong with the configuration, all "
     "of it is refused, and everything stays as it is. As SIGHUP.",
     who_options, 0, 0, ctl_reload},
    {"drain", "stop the node when nothing is under way", "[OPTIONS]",
     "The node takes no new packets, waits 5 seconds at most for those under way, and ends.",
     who_options, 0, 0, ctl_drain},
    {"log-level", "show or set what the node logs", "[warning|info|debug] [OPTIONS]",
     "It is as before when the node is started again.", who_options, 1, 0, ctl_log_level},
    {NULL, NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static int unknown_command(const char *word)
{
    cli_suggestion s;
    cli_suggest_begin(&s, word, strlen(word));
    for (const ctl_command *c = ctl_commands; c->name != NULL; c++)
        cli_suggest_offer(&s, c->name);
    if (word[0] == '-')
        ctl_error(NULL, "a command comes first; see \"rillctl help\"");
    else if (s.best != NULL)
        ctl_error(NULL, "there is no command \"%s\"; did you mean \"%s\"?", word, s.best);
    else
        ctl_error(NULL, "there is no command \"%s\"; see \"rillctl help\"", word);
    return CTL_USAGE;
}

static int help(int argc, char **argv)
{
    const ctl_command *command = argc > 0 ? ctl_find_command(argv[0]) : NULL;
    if (argc > 0 && command == NULL)
        return unknown_command(argv[0]);
    ctl_print_help(command);
    return CTL_DONE;
}

static int run(const ctl_command *command, int argc, char **argv)
{
    ctl_args args;
    int code = ctl_args_parse(&args, command, argc, argv);
    if (code != CTL_DONE)
        return code;
    if (ctl_value(&args, "--help") != NULL) {
        ctl_print_help(command);
        return CTL_DONE;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        ctl_error(&args, "%s", rill_strerror(RILL_ERR_NOMEM));
        return CTL_INCOMPLETE;
    }
    code = command->run(&args);
    curl_global_cleanup();
    return code;
}

static int begin(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        ctl_print_help(NULL);
        return CTL_USAGE;
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(word, "--version") == 0) {
        (void)printf("rillctl %s\n", RILL_VERSION);
        return CTL_DONE;
    }
    const ctl_command *command = ctl_find_command(word);
    return command == NULL ? unknown_command(word) : run(command, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    /* A reader that went away and a full disk are errors to report. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (!cli_protect()) {
        ctl_error(NULL, "cannot start: the system does not protect its memory");
        return CTL_INCOMPLETE;
    }
    int code = begin(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        ctl_error(NULL, "cannot write to standard output: %s", strerror(errno));
        return code == CTL_DONE ? CTL_INCOMPLETE : code;
    }
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/rilld_options.h"

void rilld_print_help(void)
{
    (void)fputs("rilld: an Interledger node.\n"
                "\n"
                "Usage:\n"
                "  rilld local [OPTION]...  start a node for the programs on this machine\n"
                "  rilld local --help       its options\n"
                "  rilld run --config FILE  start a connector: accounts with balances, and routes\n"
                "  rilld check --config FILE\n"
                "                           say what is wrong with a configuration\n"
                "  rilld run --help         what a configuration has\n"
                "  rilld help               this text\n"
                "  rilld --version          the version\n"
                "\n"
                "See also: rill help, and the manual page rilld(1).\n",
                stdout);
}

void rilld_print_local_help(void)
{
    (void)fputs(
        "rilld local: a node that connects the programs on this machine to each other.\n"
        "\n"
        "Programs connect by BTP to btp+ws://ACCOUNT:TOKEN@127.0.0.1:7768. The first connection\n"
        "makes the account, and its TOKEN is then the account's password. Without ACCOUNT, the\n"
        "account is named after the token. Its ILP address is the node's address, a dot, and\n"
        "the name.\n"
        "\n"
        "Usage: rilld local [OPTION]...\n"
        "\n"
        "  --listen ADDRESS:PORT   where to listen; may be repeated; port 0 picks a free port.\n"
        "                          Default: 127.0.0.1:7768\n"
        "  --listen-http ADDRESS:PORT\n"
        "                          listen for ILP over HTTP, HTTP/1.1 and HTTP/2, at any path, "
        "and\n"
        "                          for BTP there too; may be repeated. Default: none\n"
        "  --port-file FILE        when the node is ready, write its ports to FILE, one on a line\n"
        "  --address ADDRESS       the node's ILP address. Default: private.rill\n"
        "  --asset-code CODE       what accounts count. Default: XRP\n"
        "  --asset-scale N         a unit is 10^-N of the asset, 0 to 255. Default: 9\n"
        "  --max-packet-amount N   reject packets of more than N units. Default: no limit\n"
        "  --rate-limit N          packets that each account may send in a second.\n"
        "                          Default: no limit\n"
        "  --tls-cert FILE         serve btp+wss with this certificate (PEM, with its chain)\n"
        "  --tls-key FILE          the key of the certificate (PEM)\n"
        "  --allow-origin ORIGIN   allow web pages of ORIGIN to connect; may be repeated;\n"
        "                          * allows all. Default: none\n"
        "  --user USER             if started as root: become USER once the node listens\n"
        "  --group GROUP           and this group. Default: the group of USER\n"
        "  -q, --quiet             print only errors and warnings\n"
        "  -v, --verbose           also print who connects and leaves, and what is rejected\n"
        "  -h, --help              print this text\n"
        "\n"
        "Limits, so that no client can take too much from the others:\n"
        "  --max-sessions N        sessions at each address. Default: 20000, or fewer if the\n"
        "                          process may open fewer files\n"
        "  --max-strangers N       connections at each address that have not authenticated; a\n"
        "                          further one closes the oldest. Default: 1024\n"
        "  --auth-timeout SECONDS  time to authenticate after connecting. Default: 5\n"
        "  --idle-timeout SECONDS  time without a whole message or ping. Default: 60\n"
        "  --max-accounts N        accounts; half of them may have a name. Default: 100000\n"
        "  --max-open N            packets that wait for an answer. Default: 500000. One account\n"
        "                          may have an eighth of the free places, at most 20000\n"
        "  --max-buffer MIB        output that waits for clients to read it. Default: 256\n"
        "\n"
        "rilld writes no core dump, since it would contain secrets. RILL_CORE_DUMPS=1 allows it.\n"
        "\n"
        "These environment variables are defaults for the options: MONEYD_BIND_IP,\n"
        "MONEYD_BIND_PORT, MONEYD_ILP_ADDRESS, MONEYD_ASSET_CODE, MONEYD_ASSET_SCALE.\n"
        "\n"
        "SIGHUP reads --tls-cert and --tls-key again, for new connections.\n"
        "SIGTERM and SIGINT stop the node once the packets under way are answered, or after 5 s;\n"
        "a second one stops it at once. SIGUSR1 logs what each account has sent and got.\n"
        "Exit status: 0 stopped by a signal, 1 could not start or continue, 2 wrong usage.\n",
        stdout);
}

void rilld_print_run_help(void)
{
    (void)fputs(
        "rilld run: a connector, with accounts, balances, prices and routes of a configuration.\n"
        "rilld check: says what is wrong with a configuration, and does nothing else.\n"
        "\n"
        "Usage: rilld run --config FILE [OPTION]...\n"
        "       rilld check --config FILE\n"
        "       rilld check --schema\n"
        "\n"
        "  --config FILE   the configuration, in YAML\n"
        "  --schema        print the JSON schema of configurations, for editors\n"
        "  -q, --quiet     print only errors and warnings\n"
        "  -v, --verbose   also print who connects and leaves, and what is rejected\n"
        "  -h, --help      print this text\n"
        "\n"
        "A small configuration:\n"
        "\n"
        "  address: g.example\n"
        "  store: {path: /var/lib/rilld/books}\n"
        "  listen:\n"
        "    - {host: 127.0.0.1, port: 7768, http: true}\n"
        "  accounts:\n"
        "    alice:\n"
        "      relation: child\n"
        "      asset: USD/2\n"
        "      tokens: file:/etc/rilld/alice.token\n"
        "      credit: 10000\n"
        "\n"
        "Balances are kept in the store. A Fulfill is passed on once its booking is there.\n"
        "SIGTERM and SIGINT stop the node once the packets under way are answered, or after 5 s;\n"
        "a second one stops it at once. SIGUSR1 logs each account's balance.\n"
        "Exit status: 0 stopped by a signal, 1 could not start or continue, 2 wrong usage or a\n"
        "wrong configuration.\n",
        stdout);
}

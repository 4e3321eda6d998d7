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
        "Programs connect by BTP, as btp+ws://ACCOUNT:TOKEN@127.0.0.1:7768. The account is\n"
        "made when it is first used; its token is the first one seen. Without ACCOUNT it is\n"
        "named after the token. Its ILP address is the node's address, a dot, its name.\n"
        "\n"
        "Usage: rilld local [OPTION]...\n"
        "\n"
        "  --listen ADDRESS:PORT   where to listen; may be repeated; port 0 picks a free one\n"
        "                          (127.0.0.1:7768)\n"
        "  --port-file FILE        when it is ready, write the ports to FILE, one a line\n"
        "  --address ADDRESS       the node's ILP address (private.rill)\n"
        "  --asset-code CODE       what accounts are counted in (XRP)\n"
        "  --asset-scale N         one unit is 10^-N of it, 0 to 255 (9)\n"
        "  --max-packet-amount N   reject packets of more units (no limit)\n"
        "  --rate-limit N          packets a second that each account may send (no limit)\n"
        "  --tls-cert FILE         serve btp+wss with this certificate (PEM, with its chain)\n"
        "  --tls-key FILE          and its key (PEM)\n"
        "  --allow-origin ORIGIN   let browser pages of ORIGIN connect; may be repeated;\n"
        "                          * is any (none)\n"
        "  --user USER             once it listens, become USER for good; for who starts as root\n"
        "  --group GROUP           and GROUP; else USER's own\n"
        "  -q, --quiet             say nothing but errors and warnings\n"
        "  -v, --verbose           say who comes and goes, and what is rejected\n"
        "  -h, --help              this text\n"
        "\n"
        "Limits on what clients can take from each other:\n"
        "  --max-sessions N        sessions at each address (20000, or what files allow)\n"
        "  --max-strangers N       connections at each address that have not authenticated;\n"
        "                          one more, and the oldest is closed (1024)\n"
        "  --auth-timeout SECONDS  from connecting to authenticated (5)\n"
        "  --idle-timeout SECONDS  without a whole message or ping (60)\n"
        "  --max-accounts N        accounts, half of them with a name (100000)\n"
        "  --max-open N            packets that wait for an answer; an account may have an\n"
        "                          eighth of those left, and 20000 (500000)\n"
        "  --max-buffer MIB        output that waits for clients to read it (256)\n"
        "\n"
        "No core dump is written, since it would hold secrets, unless RILL_CORE_DUMPS=1.\n"
        "\n"
        "Environment, for what the options do not say: MONEYD_BIND_IP, MONEYD_BIND_PORT,\n"
        "MONEYD_ILP_ADDRESS, MONEYD_ASSET_CODE, MONEYD_ASSET_SCALE.\n"
        "\n"
        "SIGHUP reads --tls-cert and --tls-key again, for new connections.\n"
        "SIGTERM and SIGINT stop it when the packets under way are answered, or after 5 s;\n"
        "a second one stops it at once. SIGUSR1 logs what each account has sent and got.\n"
        "Exit status: 0 stopped by a signal, 1 it could not start or go on, 2 wrong usage.\n",
        stdout);
}

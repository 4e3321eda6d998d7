/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repeat LINK FILE COUNT: pays one unit COUNT times, one payment after the other, each with the
 * credentials in FILE. Prints each payment that fails, and the sums.
 */
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    rill_credentials c;
    rill_net_options net;
    rill_pay_options o;
    const char *problem;
    uint64_t sent = 0, delivered = 0, in_doubt = 0;
    unsigned failed = 0;
    if (argc != 4)
        return 2;
    if (rill_credentials_load(&c, argv[2], &problem) != RILL_OK) {
        fprintf(stderr, "%s: %s\n", argv[2], problem);
        return 2;
    }
    unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
    rill_net_options_init(&net);
    net.link_uri = argv[1];
    rill_pay_options_init(&o);
    o.net = &net;
    o.destination_account = c.destination_account;
    o.shared_secret = c.shared_secret;
    o.secret_len = sizeof c.shared_secret;
    o.amount = 1;
    for (unsigned i = 0; i < count; i++) {
        rill_pay_result r;
        int err = rill_pay(&o, &r);
        sent += r.sent;
        delivered += r.delivered;
        in_doubt += r.in_doubt;
        if (err == RILL_OK)
            continue;
        failed++;
        printf("failed %s: %s\n", rill_error_name(err), r.detail);
    }
    printf("paid %u failed %u sent %" PRIu64 " delivered %" PRIu64 " in_doubt %" PRIu64 "\n",
           count - failed, failed, sent, delivered, in_doubt);
    rill_credentials_wipe(&c);
    return failed == 0 ? 0 : 1;
}

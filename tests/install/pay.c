/* An application outside of the tree: it pays 1000 units to some credentials. */
#include <rill/net.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint8_t secret[RILL_SHARED_SECRET_LEN];
    rill_pay_options o;
    rill_pay_result r;
    rill_pay_options_init(&o);
    if (argc != 2 || fread(secret, 1, sizeof secret, stdin) != sizeof secret)
        return 2;
    o.destination_account = argv[1];
    o.shared_secret = secret;
    o.secret_len = sizeof secret;
    o.amount = 1000;
    int err = rill_pay(&o, &r);
    printf("sent %llu: %s\n", (unsigned long long)r.sent, rill_strerror(err));
    return err == RILL_OK ? 0 : 1;
}

/* The core alone, for a program with its own loop: makes credentials for a client. */
#include <rill/rill.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    rill_endpoint_options o;
    rill_endpoint *e;
    rill_credentials c;
    rill_bytes address = {(const uint8_t *)"test.shop", 9}, asset = {(const uint8_t *)"EUR", 3};
    rill_endpoint_options_init(&o);
    if (rill_endpoint_new(&e, &o) || rill_endpoint_set_account(e, address, asset, 2) ||
        rill_endpoint_generate_credentials(e, NULL, &c))
        return 1;
    puts(c.destination_account);
    if (strcmp(rill_version(), RILL_VERSION) != 0)
        return 1;
    rill_endpoint_free(e);
    return 0;
}

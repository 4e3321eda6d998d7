/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that holds secrets: it is wiped, and compared without telling how much is the same. */
#include <openssl/crypto.h>
#include <rill/crypto.h>

#include "base/secret.h"
#include "crypto/crypto.h"

void rill_wipe(void *p, size_t len)
{
    if (len != 0)
        OPENSSL_cleanse(p, len);
}

bool rill_equal_ct(const void *a, const void *b, size_t len)
{
    return rill_same_ct(a, b, len);
}

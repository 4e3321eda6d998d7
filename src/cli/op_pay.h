/* SPDX-License-Identifier: Apache-2.0 */
/* `rill op pay`: a wallet pays out of one's own account, once a person has agreed at its page. */
#ifndef RILL_CLI_OP_PAY_H
#define RILL_CLI_OP_PAY_H

#include "cli/cli.h"

/* The exit code. */
int op_pay_run(const cli_args *args);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `rill pay` and `rill quote` do: who is to be paid becomes credentials, the path is asked for
 * its rate, somebody decides, and the payment goes over the same connection.
 */
#ifndef RILL_CLI_PAYER_H
#define RILL_CLI_PAYER_H

#include <rill/quote.h>
#include <rill/receiver.h>

#include "cli/cli.h"
#include "cli/key_option.h"
#include "cli/money_option.h"
#include "cli/payer_settle.h"
#include "cli/paying.h"
#include "cli/state_file.h"
#include "cli/time_left.h"
#include "cli/waits.h"

typedef enum payer_stage {
    PAYER_ASKS_RECEIVER,
    PAYER_ASKS_PATH,
    PAYER_ASKS_PERSON,
    PAYER_PAYS,
    PAYER_ENDS /* the receiver is told, and its grant given back */
} payer_stage;

typedef struct payer_prompt payer_prompt;

typedef struct payer {
    const cli_args *args;
    bool quotes_only;
    bool json;

    /* ---- the arguments: payer_options.c ---- */
    const char *receiver_text;
    cli_amount_text amount; /* as it was written, of what is fixed */
    cli_amount_text max_source;
    bool units; /* both are numbers of units */
    bool deliver;
    bool yes;
    rill_quote_options wanted;
    rill_receiver_options receiver_options;
    rill_pay_options pay;
    cli_key key;
    state_file state; /* of --save or --resume */

    /* ---- what is known ---- */
    cli_net net;
    cli_account account; /* ours */
    rill_credentials credentials;
    bool from_file;        /* the credentials are */
    bool by_open_payments; /* `incoming` says how much it takes */
    bool created;          /* the incoming payment was made for us */
    rill_incoming_payment incoming;
    rill_quote_path path;
    rill_quote_terms terms;

    /* ---- what goes on ---- */
    payer_stage stage;
    time_left time; /* of --timeout; pay.timeout_ns is what the present step may take */
    rill_loop *loop;
    cli_signals *signals;
    rill_receiver *receiver;
    cli_watch *watch; /* while its server is asked */
    rill_quote *quote;
    payer_prompt *prompt;
    payer_settler *settler; /* of --resume */
    cli_paying paying;
    bool stopped; /* by a signal */
    int code;     /* exit code, once it is known */
} payer;

/* CLI_DONE, or CLI_USAGE with a line. */
int payer_parse(payer *p);
/* Asks "Pay? [y/N]"; answered is called from the loop. NULL: it cannot be asked. */
payer_prompt *payer_prompt_open(rill_loop *loop, void (*answered)(bool yes, void *user),
                                void *user);
/* NULL is allowed. */
void payer_prompt_close(payer_prompt *prompt);

/* The exit code. */
int payer_run(const cli_args *args, bool quotes_only);

#endif

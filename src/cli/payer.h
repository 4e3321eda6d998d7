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
    PAYER_SETTLES, /* of --resume: the receiver's wallet says what has arrived */
    PAYER_ASKS_RECEIVER,
    PAYER_ASKS_PATH,
    PAYER_ASKS_PERSON,
    PAYER_PAYS,
    PAYER_ENDS /* the receiver is told, and its grant given back */
} payer_stage;

typedef struct payer_prompt payer_prompt;

/* Of --resume: what an earlier process has sent. */
typedef struct payer_sums {
    bool known;
    uint64_t amount, sent, delivered, in_doubt;
} payer_sums;

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
    payer_sums before;

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

/* ---- payer_end.c ---- */

/* Why it is over before anything more was sent; and what can be done. The first reason stays. */
void payer_give_up(payer *p, int error, rill_reason reason, const char *what);
/* The same, of what nobody need look up. problem may be NULL. */
void payer_give_up_wrong(payer *p, int error, const char *problem);
/* The same, in the words of others that were said already: the last event alone. */
void payer_print_nothing_done(const payer *p, int error, rill_reason reason);
void payer_stop_watching(payer *p);
/* Nothing is left but to give the receiver's grant back. */
void payer_end(payer *p);
/* What is to be sent in all, and the asset that it is shown in; code "": in units. */
void payer_show_amount(payer *p, uint64_t amount, const char *code, uint8_t scale);

/* ---- payer_resume.c ---- */

/* True: nothing is left to pay, and that was said. */
bool payer_is_complete(payer *p, const rill_payment_state *state);
/* From the loop: the wallet is asked, where it can tell, and what is left is sent. */
void payer_resume(payer *p, const rill_payment_state *state);

/* The exit code. */
int payer_run(const cli_args *args, bool quotes_only);

#endif

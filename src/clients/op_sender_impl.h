/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A payment out of one's own account, which goes through its steps in four files: op_sender.c up to
 * the quote, op_sender_consent.c with the person, op_sender_pay.c with the payment, and
 * op_sender_end.c, where each of them ends. Each knows those behind it.
 *
 * Until the question that makes the payment is sent nothing can move, whatever goes wrong. From
 * then on the wallet moves money by itself: whatever goes wrong then is told as what is not known.
 */
#ifndef RILL_CLIENTS_OP_SENDER_IMPL_H
#define RILL_CLIENTS_OP_SENDER_IMPL_H

#include <rill/op_sender.h>

#include "clients/op_sender_documents.h"
#include "clients/op_session.h"
#include "clients/redirect.h"

/* In their order. */
typedef enum rill_op_step {
    RILL_OP_STEP_ASKS_WALLET,
    RILL_OP_STEP_ASKS_RECEIVER,
    RILL_OP_STEP_ASKS_QUOTE,
    RILL_OP_STEP_HAS_QUOTE, /* and the program has not agreed */
    RILL_OP_STEP_ASKS_GRANT,
    RILL_OP_STEP_WAITS_FOR_PERSON,
    RILL_OP_STEP_CONTINUES, /* the person has answered */
    RILL_OP_STEP_CHECKS,    /* that the receiver still waits */
    RILL_OP_STEP_CREATES,   /* from here on money may move */
    RILL_OP_STEP_FOLLOWS,
    RILL_OP_STEP_ENDS
} rill_op_step;

struct rill_op_sender {
    rill_op_session session; /* with the payer's wallet; the receiver has its own */
    rill_op_receiver *receiver;
    rill_redirect *redirect;
    rill_op_sender_options options; /* with copies of what it points at */
    rill_op_sender_handlers on;
    char *wallet_address;
    char *receiver_text;
    char *metadata_text;
    char *ca_file;
    json_t *metadata;
    rill_op_step step;
    uint64_t until_ms; /* of the loop's clock: what is waited for is given up */
    rill_op_document wallet;
    rill_incoming_payment incoming; /* without its credentials */
    bool created;                   /* it was made for us */
    rill_op_amount amount;          /* what is fixed; value 0: what the incoming payment is for */
    rill_op_quote quote;
    bool has_quote;
    char nonce[RILL_INTERACTION_NONCE_LEN + 1];
    char server_nonce[RILL_INTERACTION_MAX_WORD];
    char interact_ref[RILL_INTERACTION_MAX_WORD];
    uint64_t received_before; /* by the incoming payment */
    rill_op_outgoing outgoing;
    uint64_t said_before; /* what it had sent at the last look */
    bool all_sent;        /* it says so: that it arrives is waited for */
    bool cancelled;       /* while the payment was being made */
    void (*given_back)(rill_op_sender *p);
    int error;
    char problem[600];
    bool may_move;
};

/* ---- op_sender_end.c ---- */

uint64_t rill_op_sender_wall_ms(const rill_op_sender *p);
uint64_t rill_op_sender_mono_ms(const rill_op_sender *p);
/* What begins now is given up after so long. */
void rill_op_sender_wait_until(rill_op_sender *p, uint64_t ns);
void rill_op_sender_tell_waiting(rill_op_sender *p, rill_op_wait what);
/* Units that have arrived since it began. */
uint64_t rill_op_sender_received(const rill_op_sender *p);
/* The quote is not to be paid any more: it ends. */
bool rill_op_sender_quote_is_over(rill_op_sender *p);

/* A question under one of the wallet's grants. Takes body over, also on failure. */
RILL_MUST_CHECK int rill_op_sender_ask(rill_op_sender *p, const char *method, const char *url,
                                       char *body, size_t len, rill_op_credential token,
                                       rill_op_answered answered);
/* Takes what a server answers for the grant, but what it does not tell anew stays. False: it ends.
 */
bool rill_op_sender_take_grant(rill_op_sender *p, const rill_web_answer *a);
/*
 * Gives the wallet's grant back: the access token is revoked, a grant without one cancelled. then
 * follows, whatever came of it.
 */
void rill_op_sender_give_back(rill_op_sender *p, void (*then)(rill_op_sender *p));
/*
 * Nothing is asked any more but to take the grants back. The first reason stays. Where the question
 * that makes the payment is under way it is RILL_ERR_IN_DOUBT, whatever error says.
 */
void rill_op_sender_finish(rill_op_sender *p, int error, const char *problem);
void rill_op_sender_finish_with(rill_op_sender *p, int error, const char *format, ...)
    RILL_PRINTF(3, 4);

/* ---- op_sender_pay.c ---- */

/* The grant to pay is there: the payment is made, and followed to its end. */
void rill_op_sender_pay(rill_op_sender *p);
/* The next look at a payment that goes on, where the last question came to nothing. */
void rill_op_sender_look(rill_op_sender *p);
/* Two URLs that a server may write in two ways. */
bool rill_op_sender_same_url(const char *a, const char *b);
/* The incoming payment has an amount, and less than units of it are still missing. */
bool rill_op_sender_takes_less(const rill_incoming_payment *in, uint64_t units);

/* ---- op_sender_consent.c ---- */

/* A person is asked, and then paid. */
void rill_op_sender_ask_person(rill_op_sender *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a payment, a quote or a question to a receiver's server came to nothing: finer than the
 * numbers of rill/error.h, and each with what can be done about it.
 */
#ifndef RILL_REASON_H
#define RILL_REASON_H

#include <rill/api.h>

RILL_BEGIN_DECLS

/*
 * X(NAME, number, "name for programs", "what is wrong, for people", "what can be done")
 * A number or a name never changes its meaning, and none is given twice.
 */
#define RILL_REASON_LIST(X)                                                                        \
    X(NONE, 0, "none", "nothing is wrong", "nothing")                                              \
    X(OTHER, 1, "other", "something else failed", "see the error, and try again")                  \
    /* what was asked for */                                                                       \
    X(RECEIVER, 2, "receiver", "this is no payment pointer, URL or credentials",                   \
      "check how the receiver is written")                                                         \
    X(CREDENTIALS, 3, "credentials", "the receiver's address or secret is not valid",              \
      "get new credentials from the receiver")                                                     \
    X(NO_AMOUNT, 4, "no_amount", "nothing says how much is to be paid",                            \
      "give an amount to send or one to deliver")                                                  \
    X(AMOUNT, 5, "amount", "the amount cannot be sent or delivered", "give another amount")        \
    X(SLIPPAGE, 6, "slippage", "the slippage is not between 0 and 1", "give a slippage below 1")   \
    X(PRICE, 7, "price", "there is no price between the two assets",                               \
      "give a price, or accept the rate that the path offers")                                     \
    X(UNENFORCEABLE, 8, "unenforceable", "the minimum rate is 0, so that nothing need arrive",     \
      "give a smaller slippage or another price")                                                  \
    X(TERMS, 9, "terms", "the terms of the payment are not valid", "ask for a new quote")          \
    X(SAVED_STATE, 10, "saved_state", "the saved state of the payment cannot be used",             \
      "resume with the state that was saved last")                                                 \
    X(SAVE, 11, "save", "the state of the payment cannot be saved, so nothing more was sent",      \
      "free space where it is saved, and resume the payment")                                      \
    /* the receiver's server */                                                                    \
    X(NO_SUCH_RECEIVER, 12, "no_such_receiver", "the server knows no such receiver",               \
      "check how the receiver is written, or ask for a new link")                                  \
    X(SERVER_UNREACHABLE, 13, "server_unreachable", "the receiver's server cannot be reached",     \
      "check the name and the network, and try again later")                                       \
    X(SERVER_TLS, 14, "server_tls", "the receiver's server cannot prove who it is",                \
      "do not pay; ask the receiver to renew its certificate")                                     \
    X(SERVER_REFUSED, 15, "server_refused", "the receiver's server refused the question",          \
      "read its words; it may want another key or a wallet address, or be asked later")            \
    X(SERVER_ANSWER, 16, "server_answer", "the receiver's server gave no answer that can be used", \
      "tell the receiver")                                                                         \
    X(SERVER_UNSUPPORTED, 17, "server_unsupported",                                                \
      "the receiver's server offers no way to be paid that is known here",                         \
      "ask the receiver for another way")                                                          \
    X(COMPLETED, 18, "completed", "the incoming payment is complete",                              \
      "nothing: it has been paid, or its receiver has ended it")                                   \
    X(EXPIRED, 19, "expired", "the time of the incoming payment is over",                          \
      "ask the receiver for a new one")                                                            \
    /* the node */                                                                                 \
    X(NODE_UNREACHABLE, 20, "node_unreachable", "our node cannot be reached",                      \
      "check the link's URI, and that the node runs")                                              \
    X(NODE_REFUSED, 21, "node_refused", "our node refuses us",                                     \
      "check the token in the link's URI")                                                         \
    X(SOURCE_ASSET, 22, "source_asset", "the asset of our account is not known",                   \
      "give address and asset where the node does not tell them")                                  \
    /* the way to the receiver */                                                                  \
    X(NO_ROUTE, 23, "no_route", "no packet finds a way to the receiver",                           \
      "check that the receiver runs and that our node has a route there")                          \
    X(UNKNOWN_CREDENTIALS, 24, "unknown_credentials",                                              \
      "the receiver does not know these credentials",                                              \
      "get new ones: it may have been started again since it made them")                           \
    X(NO_ANSWER, 25, "no_answer", "the receiver does not answer",                                  \
      "try again later, or ask the receiver")                                                      \
    X(PATH, 26, "path", "a node on the way refuses the packets",                                   \
      "see who refused and why; try again later or by another node")                               \
    X(LIQUIDITY, 27, "liquidity", "a node on the way has too little money for this",               \
      "send less, or try again later")                                                             \
    X(NO_RATE, 28, "no_rate", "the exchange rate could not be found",                              \
      "try again, or with a larger amount")                                                        \
    X(RATE, 29, "rate", "the exchange rate is below the minimum",                                  \
      "accept a lower rate, or try again later")                                                   \
    X(TOO_LITTLE, 30, "too_little", "less than one unit would arrive", "send more")                \
    X(RECEIVE_MAX, 31, "receive_max", "the receiver takes less than this payment brings",          \
      "send less, or ask the receiver for more room")                                              \
    X(SOURCE_MAX, 32, "source_max", "to deliver it would cost more than may be sent",              \
      "allow more to be sent, or deliver less")                                                    \
    X(DESTINATION_ASSET, 33, "destination_asset", "the receiver has not said what its asset is",   \
      "pay a fixed source amount, without a price")                                                \
    X(ASSET_CONFLICT, 34, "asset_conflict", "the receiver's asset is another than was expected",   \
      "do not pay before the receiver has explained it")                                           \
    X(CLOCK, 35, "clock", "this machine's clock differs from the others'", "set the clock")        \
    /* what happened then */                                                                       \
    X(CLOSED_BY_RECEIVER, 36, "closed_by_receiver", "the receiver ended it before all was sent",   \
      "read its words; the rest was not sent")                                                     \
    X(PROTOCOL, 37, "protocol", "the receiver broke the protocol",                                 \
      "do not pay again before that is understood")                                                \
    X(EXHAUSTED, 38, "exhausted", "the connection has no more packet numbers",                     \
      "pay the rest with new credentials")                                                         \
    X(STALLED, 39, "stalled", "nothing went on for too long",                                      \
      "see what it waited for, and try the rest later")                                            \
    X(TIMEOUT, 40, "timeout", "the time for the payment is over", "pay the rest, with more time")  \
    X(IN_DOUBT, 41, "in_doubt", "some of the money may have arrived or not",                       \
      "ask the receiver what arrived, before you pay the rest")                                    \
    X(FORGOTTEN, 42, "forgotten", "the receiver no longer knows the connection",                   \
      "pay the rest with the same or new credentials")                                             \
    X(CANCELLED, 43, "cancelled", "the payment was cancelled", "pay the rest, if you want to")

typedef enum rill_reason {
#define RILL_REASON_X(name, number, word, text, advice) RILL_REASON_##name = number,
    RILL_REASON_LIST(RILL_REASON_X)
#undef RILL_REASON_X
} rill_reason;

/* "receive_max": static, never NULL, also for numbers not in the list ("other"). */
RILL_API const char *rill_reason_name(rill_reason reason);
/* What is wrong, and what can be done: for people, static, never NULL. */
RILL_API const char *rill_reason_text(rill_reason reason);
RILL_API const char *rill_reason_advice(rill_reason reason);

RILL_END_DECLS

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a network, and what they ask of each other. */
#ifndef NET_PARTS_H
#define NET_PARTS_H

#include "net.h"

/* ---- draw.c: what there is, from the seed ---- */

void net_draw(net *n);
/* The configuration of a node, as its accounts are now, into node.text. */
void net_write_config(net_node *node);
/* An account as JSON, which a configuration takes, too; and its terms, members of such an object.
 */
void net_write_account(const net_node *node, const net_account *a, char out[NET_ACCOUNT_TEXT]);
void net_write_terms(const net_account *a, char out[NET_ACCOUNT_TEXT]);
/* Other terms of an account; and another way to settle it, too. */
void net_draw_limits(net *n, net_account *a);
void net_draw_account(net *n, net_account *a);
/* Faults, in the time that is for them. */
void net_plan_faults(net *n);

/* ---- patience.c: who asks, and does not wait for the answer ---- */

/* Which ways are as ILP over HTTP, where a request is given up and the connection goes on. */
void net_patience_draw(net *n);
/* It has just been sent. */
void net_patience_begins(net *n, net_prepare *p);

/* ---- wire.c: connections, what is under way, and what is lost ---- */

void net_way_open(net_way *w);
/* The way's newest connection is lost. Each side learns that when it does. */
void net_way_cut(net_way *w);
/* The process at this side is gone, and with it all of its connections. */
void net_way_lost(net_way *w, unsigned side);
/* What waits is tried again from now on. */
void net_way_reconnect(net_way *w);
bool net_way_is_up(const net_way *w);
/* The node at side 1 closes its link for good. */
void net_way_close(net_way *w);
/* This end sends a Prepare or answers one: for programs; nodes do it by their link. */
int net_send(net_end *end, uint64_t outgoing_id, const uint8_t *packet, size_t len);
void net_reply(net_end *end, net_prepare *p, const uint8_t *packet, size_t len);
bool net_fulfills(net *n, const net_prepare *p, const uint8_t *packet, size_t len);

/* ---- node.c: the life of a connector ---- */

/* From what its store has. */
void net_node_begin(net_node *node);
void net_node_kill(net_node *node);
/* At this moment, after what is being done. */
void net_node_kill_soon(net_node *node);
/* Drains, and is started again when nothing is out. */
void net_node_restart(net_node *node);
/* Can it load another configuration now? */
bool net_node_can_reload(const net_node *node);
void net_node_reload(net_node *node);
/* The configuration in node.text, which must be refused. */
void net_node_reload_wrong(net_node *node);
/* What operators add, change or take out (value NULL): as of rill_admin_control. */
int net_node_change(net_node *node, const char *kind, const char *name, const char *value,
                    uint64_t *group);
void net_node_free(net_node *node);
/* In a process that was forked: the files are the other one's. */
void net_node_forget_files(void);
/* The session at this end of a new connection. False: it is refused. */
bool net_node_admit(net_node *node, net_end *end);
rill_now net_node_now(const net_node *node);
/* After anything was done to it: what it wants to do next. */
void net_node_after(net_node *node);

/* ---- disk.c: its store ---- */

void net_disk_init(net_disk *d, net_node *node);
void net_disk_free(net_disk *d);
/* A new run of the node. RILL_ERR_LIMIT, and the errors of rill_sqlite_open. */
int net_disk_open(net_disk *d);
/* Tells a new process all that it has. */
int net_disk_read(const net_disk *d);
/* The process is gone. */
void net_disk_close(net_disk *d);
/* Computes all balances anew from what it has. */
void net_disk_audit(net_disk *d);

/* ---- audit.c: what the store has, reckoned anew ---- */

/* again: the same batch was kept before. */
void net_audit_kept(net_disk *d, const rill_store_batch *batch, bool again);
void net_audit_judge(const net_disk *d);
void net_audit_free(net_disk *d);

/* ---- log.c: the log of packets ---- */

/* The node keeps one. */
void net_log_draw(net_node *node);
void net_log_begin(net_node *node);
void net_log_turn(net_node *node);
/* Of a process that ends. */
void net_log_end(net_node *node);
void net_log_free(net_node *node);
/* A packet leaves; and is over. */
void net_log_left(net_flight *f);
void net_log_over(net_flight *f);
void net_log_judge(net_node *node);

/* ---- limits.c: what may pass in a second ---- */

/* What the accounts of a node have now; anew: it has begun. */
void net_limits_agree(net_node *node, bool anew);
/* A Prepare of an account is about to come in; and did. */
void net_limits_arrived(net_node *node, unsigned account);
void net_limits_taken(net_node *node, unsigned account);
/* One that could not be sent to an account. */
void net_limits_tried(net_node *node, unsigned account);
void net_limits_forwarded(net_node *node, const net_flight *f);
/* The node itself rejects one that it has not forwarded. */
void net_limits_refused(net_node *node, const net_prepare *p, const uint8_t *packet, size_t len);
void net_limits_free(net *n);

/* ---- ledger.c: what the books must have, and the rules ---- */

/* A node sends a Prepare. */
void net_ledger_sent(net_node *node, net_prepare *p);
/* A node is about to be told this answer to p; and was. */
void net_ledger_answer(net_node *node, net_prepare *p, const uint8_t *packet, size_t len);
void net_ledger_answered(net_node *node, net_prepare *p);
/* No answer comes any more. */
void net_ledger_unanswered(net_node *node, net_prepare *p);
/* A node answers a Prepare. */
void net_ledger_replied(net_node *node, net_prepare *p, const uint8_t *packet, size_t len);
/* The hub has looked what has expired. */
void net_ledger_ticked(net_node *node);
/* The store was given a batch; and has said that it keeps it. */
void net_ledger_given(net_node *node, uint64_t group);
void net_ledger_kept(net_node *node, uint64_t group);
/* The node was killed; its store has all groups up to this one. And it begins again. */
void net_ledger_killed(net_node *node, uint64_t kept);
void net_ledger_begun(net_node *node);
/* Packets of an earlier life have expired. */
void net_ledger_chores(net_node *node);
/* The books of a node against the ledger: after every event. */
void net_ledger_check(net_node *node);
bool net_is_booked(const net_flight *f);
oracle_i128 net_wide(rill_i128 value);

/* ---- judge.c: the rules, when nothing happens any more ---- */

void net_judge(net *n);

/* ---- program.c: programs with an endpoint ---- */

void net_program_begin(net_program *p);
void net_program_free(net_program *p);
void net_program_attach(net_program *p, net_end *end);
bool net_programs_over(const net *n);

/* ---- thief.c: two programs that want something for nothing ---- */

void net_thief_begin(net_program *p);
void net_thief_attach(net_program *p, net_end *end);

/* ---- operator.c: deposits and withdrawals, and what was settled by hand ---- */

/* It is asked for until it is kept. */
void net_entry_want(net *n, net_node *node, unsigned account, uint64_t amount,
                    rill_entry_kind kind);
/* Where it takes two people: how something ended that is outstanding. */
void net_operator_ends(net_node *node, net_account *a, const char *key, bool paid);
/* What it does to its account's balance. */
oracle_i128 net_entry_amount(const net_entry *e);
/* The node books what node.entering asks for. */
void net_entry_entered(net_node *node, const net_account *a, const rill_store_entry *entry);
/* As net_ledger_given and those after it. */
void net_entries_given(const net_node *node, uint64_t group);
void net_entries_kept(const net_node *node, uint64_t group);
void net_entries_killed(const net_node *node, uint64_t kept);

/* ---- settle.c: what the books must have of settlements ---- */

net_account *net_account_named(net_node *node, const char *name);
/* As of rill_core_options. */
void net_settle_entered(void *user, const rill_holder_account *holder,
                        const rill_store_entry *entry, uint64_t group);
/* The node owes this account more than before. */
void net_settle_expect(net_node *node, unsigned account);
/* It is about to be told that so much of what is outstanding is paid: millionths. */
void net_settle_takes(net_node *node, net_account *a, oracle_i128 taken);
/* An operator says how something has ended that is outstanding. */
void net_settle_end_some(net_node *node);
/* The store was given a batch; it has all up to this one; the node was killed. */
void net_settle_given(const net_node *node, uint64_t batch);
void net_settle_kept(const net_node *node, uint64_t batch);
void net_settle_killed(const net_node *node);
void net_settle_check(net_node *node, const net_account *a, const rill_settling *has);
/* Nothing is outstanding, and all that was paid is told. */
bool net_settle_is_over(const net *n);
/* What settlements did to the two balances of a way together. */
oracle_i128 net_settle_judge(net *n, const net_way *w);
void net_settle_free(net *n);

/* ---- engines.c ---- */

/* As of rill_core_options. */
int net_engine_call(void *user, const rill_engine_call *asked);

/* ---- prices.c: prices that change ---- */

void net_prices_draw(net_node *node);
/* How the configuration has them. */
void net_prices_write(const net_node *node, char *out, size_t cap);
void net_prices_begun(net_node *node);
/* When to look at them again: after anything was done to the node. */
void net_prices_plan(net_node *node);
void net_prices_kept(net_node *node, uint64_t group);
void net_prices_killed(net_node *node, uint64_t kept);
/* Somebody changes one of a node's. */
void net_prices_change(net_node *node);

/* ---- members.c: accounts that are taken out and come back ---- */

/* One account of a node, if another configuration can be loaded now. */
void net_member_toggle(net_node *node);
/* A configuration that must be refused, and changes nothing. */
void net_member_attempt(net_node *node);
/* All come back, for good. */
void net_members_restore(net_node *node);
/* The node closes a connection of this account. */
void net_member_closes(net_node *node, unsigned account);
/* It has parted with one that was taken out. */
void net_member_gone(net_node *node, net_account *a);

/* ---- joiners.c: accounts that operators add and take out ---- */

void net_joiners_begin(net_node *node);
void net_joiners_kept(net_node *node, uint64_t group);
void net_joiners_killed(net_node *node, uint64_t kept);
void net_joiners_check(const net_node *node);
/* All are there, and kept. */
bool net_joiners_are_there(const net *n);

/* ---- flaps.c: routes that come and go ---- */

void net_flap(net *n);
/* A connection is lost, and there is none for a while. */
void net_darken(net *n);
/* Some neighbours of a node are not told of routes any more, or not heard; or are again. */
void net_hush(net_node *node);
bool net_sends_routes(const net_account *a);
bool net_receives_routes(const net_account *a);

/* ---- probes.c: packets find their way ---- */

/* When they are over. */
uint64_t net_probes_begin(net *n);
void net_probe_visits(net_probe *p, const net_node *node);
void net_probe_arrives(net_probe *p, const net_program *at);
/* False: the answer is to another packet. */
bool net_probe_answers(net *n, uint64_t id, const uint8_t *packet, size_t len);
void net_probes_judge(net *n);

/* ---- run.c ---- */

/* A whole run. True: all is well. */
bool net_run(net *n, uint64_t seed, bool trace);

#endif

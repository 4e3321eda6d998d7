/* SPDX-License-Identifier: Apache-2.0 */
/* Making answers, for the files of the operator's port alone. */
#ifndef RILL_CONNECTOR_ADMIN_ANSWER_H
#define RILL_CONNECTOR_ADMIN_ANSWER_H

#include <jansson.h>

#include "connector/admin_api.h"
#include "connector/text_json.h"

/* Each of these: 503 where there is no memory. */
void rill_admin_text(rill_admin_answer *out, unsigned status, const char *type, const char *text);
/* Takes the value; NULL: there was no memory for it. */
void rill_admin_json(rill_admin_answer *out, unsigned status, json_t *value);
void rill_admin_refuse(rill_admin_answer *out, unsigned status, const char *format, ...)
    RILL_PRINTF(3, 4);

/* A text that grows. */
typedef struct rill_admin_lines {
    char *text; /* to be freed by rill_admin_lines_clear */
    size_t len;
    size_t cap;
    bool failed; /* no memory: what was added since is missing */
} rill_admin_lines;
void rill_admin_add(rill_admin_lines *l, const char *text, size_t len);
/* At most 700 bytes at a time. */
void rill_admin_line(rill_admin_lines *l, const char *format, ...) RILL_PRINTF(2, 3);
void rill_admin_lines_clear(rill_admin_lines *l);

/* A text as the value of a label of Prometheus: names of accounts need no escape, codes may. */
void rill_admin_label(const char *text, char *out, size_t cap);

/*
 * The value of a name in a query ("from=2026-11-01&step=day"), its %41 read: false if the name is
 * not there. A value that does not fit, or is malformed, is empty.
 */
bool rill_admin_query(rill_bytes query, const char *name, char *out, size_t cap);

/* admin_rejects.c */
void rill_admin_rejects(const rill_core *core, const rill_holder_account *a,
                        rill_admin_answer *out);
/* Of all accounts. */
void rill_admin_all_rejects(const rill_core *core, rill_admin_answer *out);

/* admin_flights.c */
void rill_admin_flights(const rill_core *core, rill_admin_answer *out);

/* admin_openapi.c */
void rill_admin_openapi(rill_admin_answer *out);

/* admin_times.c */
void rill_admin_times(const rill_core *core, rill_admin_lines *l);

/* admin_page.c: is this a part of the page? Then this answers with it. */
bool rill_admin_is_page(rill_bytes path);
void rill_admin_page(const rill_core *core, const rill_admin_request *request, rill_bytes path,
                     rill_admin_answer *out);

/* admin_metrics.c */
void rill_admin_metrics(const rill_core *core, rill_admin_answer *out);

/* admin_looks.c: each begins a look, which out->look has then, or refuses. */
void rill_admin_begin_audit(rill_bytes query, rill_admin_answer *out);
/* Lines of the audit, behind `after` of the query. */
void rill_admin_begin_lines(rill_bytes query, rill_admin_answer *out);
/*
 * a NULL: the account of this name is not in the configuration any more. With `asset` in the query
 * it is the one that was held in this.
 */
void rill_admin_begin_statement(const rill_core *core, const rill_holder_account *a,
                                const char *name, rill_bytes query, rill_admin_answer *out);
/* That there is no such account, and the balance that it had. */
void rill_admin_no_account(const rill_core *core, const char *name, rill_admin_answer *out);

/* admin_accounts.c */
/* NULL: no memory. */
json_t *rill_admin_account(const rill_core *core, const rill_holder_account *a);
/* What it fulfilled too late. NULL: no memory. */
json_t *rill_admin_late(const rill_holder_account *a);
/* What it never answered. NULL: no memory. */
json_t *rill_admin_unanswered(const rill_holder_account *a);
/* What POST /v1/accounts/{account}/entries has in its body. False: it has been refused. */
RILL_MUST_CHECK bool rill_admin_read_entry(const json_t *object, rill_store_entry *entry,
                                           rill_admin_answer *out);
/* Is it the account's? False: it has been refused, as no asset or as another one. */
RILL_MUST_CHECK bool rill_admin_is_asset(const json_t *asset, const rill_holder_account *a,
                                         rill_admin_answer *out);
/* Books it. What became of it is the answer, and the errors of rill_core_enter. */
int rill_admin_enter(rill_core *core, rill_holder_account *a, const rill_store_entry *entry,
                     rill_admin_answer *out);

/* admin_proposals.c: where the configuration wants two people, the first of the two proposes. */
void rill_admin_propose_entry(rill_core *core, const rill_admin_request *request,
                              const rill_holder_account *a, const json_t *object,
                              rill_admin_answer *out);
void rill_admin_propose_end(rill_core *core, const rill_admin_request *request, const char *name,
                            const json_t *object, rill_admin_answer *out);
void rill_admin_proposals(const rill_core *core, rill_admin_answer *out);
void rill_admin_confirm(rill_core *core, const rill_admin_request *request, const char *id,
                        const json_t *object, rill_admin_answer *out);
void rill_admin_reject_proposal(rill_core *core, const rill_admin_request *request, const char *id,
                                const json_t *object, rill_admin_answer *out);

/* admin_settlement.c: null if the account has no engine; NULL: no memory. */
json_t *rill_admin_settlement(const rill_holder_account *holder);
void rill_admin_outstanding(const rill_core *core, rill_admin_answer *out);
/* What became of it is the answer, and the errors of rill_core_end_outstanding. */
int rill_admin_end_outstanding(rill_core *core, const char *name, const json_t *object,
                               rill_admin_answer *out);

/* admin_changes.c */
void rill_admin_put_route(const rill_admin_control *control, const json_t *object,
                          rill_admin_answer *out);
void rill_admin_drop_route(const rill_admin_control *control, const json_t *object,
                           rill_bytes query, rill_admin_answer *out);
/* The account in it gets a token more, if that is wanted. */
void rill_admin_add_account(const rill_core *core, const rill_admin_control *control,
                            json_t *object, rill_admin_answer *out);
void rill_admin_set_account(const rill_core *core, const rill_admin_control *control,
                            const char *name, const json_t *object, rill_admin_answer *out);
void rill_admin_drop_account(const rill_core *core, const rill_admin_control *control,
                             const char *name, const json_t *object, rill_admin_answer *out);
/* What the API added and the configuration does not leave room for. NULL: no memory. */
/* "api" where nobody is named. NULL: it has been refused. */
const char *rill_admin_who(const json_t *object, rill_admin_answer *out);
/*
 * Puts an account there, or takes it out (value NULL), and answers. False: it is refused, and all
 * stays as it is.
 */
bool rill_admin_change_account(const rill_admin_control *control, const char *name,
                               const char *value, const char *who, unsigned status,
                               rill_admin_answer *out);
json_t *rill_admin_set_aside(const rill_admin_control *control);

/* admin_routes.c: the ways to prefixes that begin with `prefix` of the query, sorted, 1000 at most
 * behind `after`. */
void rill_admin_routes(const rill_core *core, rill_bytes query, rill_admin_answer *out);

/* admin_rates.c */
void rill_admin_rates(const rill_core *core, rill_admin_answer *out);
/* How the service of prices is; NULL: there is none, or no memory. */
json_t *rill_admin_price_service(const rill_core *core);
/* What PUT /v1/rates has in its body. */
void rill_admin_enter_price(rill_core *core, const json_t *object, rill_admin_answer *out);
void rill_admin_price_metrics(const rill_core *core, rill_admin_lines *l);

/* admin_peers.c: accounts on which nodes agreed by themselves, and who waits for one. */
void rill_admin_peers(const rill_core *core, rill_admin_answer *out);
/* Asks a peer for one: the answer comes later. */
void rill_admin_add_peer(const rill_core *core, const rill_admin_control *control,
                         const json_t *object, rill_admin_answer *out);
/* An operator agrees to one that waits, and that has been looked at. */
void rill_admin_approve(rill_core *core, const rill_admin_control *control, const char *name,
                        const json_t *object, rill_admin_answer *out);
/* One that waits is refused; an account is taken out, as by rill_admin_drop_account. */
void rill_admin_drop_peer(rill_core *core, const rill_admin_control *control, const char *name,
                          const json_t *object, rill_admin_answer *out);
void rill_admin_peer_metrics(const rill_core *core, rill_admin_lines *l);

/* admin_backup.c */
/* How the copy of the books is. */
void rill_admin_backup_state(const rill_admin_control *control, unsigned status,
                             rill_admin_answer *out);
/* DELETE /v1/backup. */
void rill_admin_stop_backup(rill_core *core, const rill_admin_control *control,
                            const json_t *object, rill_admin_answer *out);
/* What POST /v1/backup has in its body. */
void rill_admin_begin_backup(rill_core *core, const rill_admin_control *control,
                             const rill_admin_request *request, const json_t *object,
                             rill_admin_answer *out);

/* admin_webhooks.c: null if there are none; NULL: no memory. */
json_t *rill_admin_webhooks(const rill_core *core);
void rill_admin_webhook_metrics(const rill_core *core, rill_admin_lines *l);

/* admin_packets.c: begins a search, which out->search has then, or refuses. */
void rill_admin_begin_packets(const rill_core *core, rill_bytes query, rill_admin_answer *out);
/* Packets are to be shown as they pass, those that the query says; or it is refused. */
void rill_admin_watch_packets(rill_bytes query, rill_admin_answer *out);
/* How the log of packets is: null if there is none; NULL: no memory. */
json_t *rill_admin_packet_log(const rill_core *core);
void rill_admin_packet_metrics(const rill_core *core, rill_admin_lines *l);

/* admin_node.c: assets and the node itself. */
void rill_admin_assets(const rill_core *core, rill_admin_answer *out);
void rill_admin_node(const rill_core *core, const rill_admin_control *control,
                     rill_admin_answer *out);

#endif

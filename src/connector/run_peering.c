/* SPDX-License-Identifier: Apache-2.0 */
/* Auto-peering on the loop: the port where others ask, and questions to them. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "clients/web_client.h"
#include "connector/admin_answer.h"
#include "connector/run_impl.h"

/* Questions to peers at a time. */
enum { MOST_QUESTIONS = 8 };

typedef struct peer_call {
    connector_call call; /* first; in rill_connector.peer_calls or peer_calls_done */
    uint64_t ticket;
    rill_web_client *web; /* of this one alone: the configuration may be another one later */
    rill_peering_question *question;
    char person[RILL_ENTRY_TEXT_MAX + 1]; /* who has asked, for the audit */
} peer_call;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- questions ---- */

static void free_question(rill_peering_question *q)
{
    rill_peering_clear(q);
    rill_free(memory(), q);
}

static void free_call(peer_call *call)
{
    rill_web_client_free(call->web);
    call->call.owner->peer_call_count--;
    free_question(call->question);
    rill_free(memory(), call);
}

static void free_calls(rill_list *all)
{
    connector_call *call;
    while ((call = rill_connector_take_call(all)) != NULL)
        free_call((peer_call *)call);
}

static void on_done(rill_task *task)
{
    free_calls(&RILL_CONTAINER(task, rill_connector, peers_done)->peer_calls_done);
}

void rill_connector_begin_peers(rill_connector *c)
{
    rill_list_init(&c->peer_calls);
    rill_list_init(&c->peer_calls_done);
    rill_task_init(&c->peers_done, on_done);
}

void rill_connector_kept_peers(rill_connector *c, uint64_t group)
{
    if (c->peering != NULL)
        rill_peering_port_kept(c->peering, group);
}

static void on_answer(connector_call *of, const rill_web_answer *answer)
{
    const peer_call *call = (const peer_call *)of;
    rill_connector *c = of->owner;
    rill_admin_answer told;
    rill_core_ask_as(c->core, call->person);
    rill_peering_answered(call->question, c->core, &c->control,
                          answer->error == RILL_OK ? answer->status : 0, answer->problem,
                          (rill_bytes){(const uint8_t *)answer->body, answer->len}, &told);
    rill_core_ask_as(c->core, NULL);
    if (c->admin != NULL)
        rill_admin_answered(c->admin, call->ticket, &told);
    else
        rill_admin_free(&told);
    /* A client cannot be freed from inside its own call. */
    rill_list_push_back(&c->peer_calls_done, &of->linked);
    rill_loop_defer(c->loop, &c->peers_done);
}

static int open_client(const rill_connector *c, rill_web_client **out)
{
    const rill_config_peering *config = &c->config.peering;
    rill_web_client_options o;
    rill_web_client_options_init(&o);
    o.timeout_ns = config->timeout;
    o.connect_timeout_ns = config->timeout;
    o.max_body = RILL_PEERING_BODY;
    o.ca_file = config->ca_file;
    o.insecure = config->insecure;
    return rill_web_client_new(out, c->loop, &o);
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* A redirect is not followed: the token is for whom the operator has named. */
static int start(peer_call *call)
{
    static const rill_request_header fields[] = {
        {"Content-Type", {(const uint8_t *)"application/json", 16}},
        {"Accept", {(const uint8_t *)"application/json", 16}},
    };
    rill_connector *c = call->call.owner;
    const rill_web_ask ask = {
        .method = "POST",
        .url = call->question->url,
        .fields = fields,
        .field_count = sizeof fields / sizeof *fields,
        .body = bytes_of(call->question->body),
        .once = true,
    };
    int rc = open_client(c, &call->web);
    if (rc == RILL_OK)
        rc = rill_connector_start_call(&call->call, &c->peer_calls, call->web, &ask);
    return rc;
}

int rill_connector_ask_peer(void *user, rill_peering_question *question, uint64_t *ticket)
{
    rill_connector *c = user;
    int rc = !c->begun || c->stopped || c->closing  ? RILL_ERR_CLOSED
             : c->peer_call_count >= MOST_QUESTIONS ? RILL_ERR_LIMIT
                                                    : RILL_OK;
    peer_call *call = rc == RILL_OK ? rill_calloc(memory(), 1, sizeof *call) : NULL;
    if (call == NULL) {
        free_question(question);
        return rc == RILL_OK ? RILL_ERR_NOMEM : rc;
    }
    *call = (peer_call){.call = {.owner = c, .answered = on_answer},
                        .ticket = ++c->last_ticket,
                        .question = question};
    const char *person = rill_core_asker(c->core);
    (void)snprintf(call->person, sizeof call->person, "%s", person == NULL ? "" : person);
    c->peer_call_count++;
    *ticket = call->ticket;
    rc = start(call);
    if (rc != RILL_OK)
        free_call(call);
    return rc;
}

void rill_connector_end_peers(rill_connector *c)
{
    rill_peering_port *port = c->peering;
    c->peering = NULL;
    if (port != NULL)
        rill_peering_port_close(port);
    rill_task_cancel(&c->peers_done);
    free_calls(&c->peer_calls_done);
    free_calls(&c->peer_calls);
}

/* ---- the port ---- */

int rill_connector_check_peering(rill_connector *c, const rill_config *config)
{
    char secret[RILL_TOKEN_MAX + 1];
    const rill_config_peering *p = &config->peering;
    int rc;
    if (p->url == NULL)
        return RILL_OK;
    rc = rill_config_secret(p->secret, secret, sizeof secret);
    bool short_one = rc == RILL_OK && strlen(secret) < RILL_PEERING_SHORTEST_SECRET;
    rill_wipe(secret, sizeof secret);
    if (rc == RILL_OK && !short_one)
        return RILL_OK;
    rill_connector_problem(&c->options, p->place,
                           short_one ? "peering: the secret must have 32 characters at least"
                                     : "peering: the secret cannot be read");
    return RILL_ERR_INVALID;
}

int rill_connector_open_peering(rill_connector *c)
{
    const rill_config_accept *config = &c->config.peering.accept;
    const rill_peering_port_options o = {
        .host = config->host,
        .port = (uint16_t)config->port,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .core = c->core,
        .control = &c->control,
        .log = rill_connector_port_line,
        .closed = rill_connector_one_port_less,
        .user = c,
    };
    char line[120];
    int rc = rill_connector_check_peering(c, &c->config);
    if (rc != RILL_OK || c->config.peering.url == NULL || config->port == RILL_CONFIG_NO_PORT)
        return rc;
    rc = rill_peering_port_open(&c->peering, c->loop, &o);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, config->place, rill_connector_port_problem(rc));
        return rc;
    }
    c->open_ports++;
    (void)snprintf(line, sizeof line, "peers may ask on %.60s:%u", config->host,
                   (unsigned)rill_peering_port_number(c->peering));
    rill_connector_tell(c, line);
    return RILL_OK;
}

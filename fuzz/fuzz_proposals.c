/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators propose and strangers ask for, in any order, beside what a store had of both,
 * which may be anything: no answer but a whole one is given, money moves when another one confirms
 * and not otherwise, and whoever asks twice is not two.
 *
 * Input: how many settings the store had, each with its kind, name and value; then what is done.
 */
#include <stdio.h>

#include "books_world.h"
#include "connector/core_rates.h"
#include "connector/peering.h"
#include "program.h"

enum { SETTINGS = 4, STEPS = 60 };

static books_world w;
static rill_admin_control control;

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* Of two bytes of length. */
static rill_bytes take_text(program *p, size_t most)
{
    size_t len = (size_t)take_byte(p) << 8;
    len |= take_byte(p);
    len = len < most ? len : most;
    len = len < p->left ? len : p->left;
    const rill_bytes bytes = {p->at, len};
    if (len != 0)
        p->at += len;
    p->left -= len;
    return bytes;
}

static void copy(char *out, size_t cap, rill_bytes bytes)
{
    (void)snprintf(out, cap, "%.*s", (int)bytes.len, (const char *)bytes.data);
}

static size_t take_settings(program *p, books_setting settings[SETTINGS])
{
    static const char *const kinds[] = {RILL_SETTING_PROPOSAL, RILL_SETTING_PEER,
                                        RILL_SETTING_ENGINE_TOKENS, RILL_SETTING_PRICE};
    const size_t count = take_byte(p) % (SETTINGS + 1);
    for (size_t i = 0; i < count; i++) {
        settings[i].kind = kinds[take_byte(p) % 4];
        copy(settings[i].name, sizeof settings[i].name, take_bytes(p, sizeof settings[i].name - 1));
        copy(settings[i].value, sizeof settings[i].value,
             take_text(p, sizeof settings[i].value - 1));
    }
    return count;
}

/* ---- what operators ask ---- */

static unsigned ask(const char *method, const char *path, const char *person, rill_bytes body)
{
    rill_admin_answer answer;
    const rill_admin_request request = {.method = text(method),
                                        .path = text(path),
                                        .body = body,
                                        .scopes = RILL_SCOPES_ALL,
                                        .person = person};
    rill_admin_ask(w.core, &control, &request, &answer);
    CHECK(answer.ticket != 0 || (answer.status >= 200 && answer.status < 600));
    CHECK(answer.ticket != 0 || answer.body != NULL);
    if (answer.body != NULL) {
        json_t *value = json_loads(answer.body, 0, NULL);
        CHECK(json_is_object(value));
        json_decref(value);
    }
    const unsigned status = answer.status;
    rill_admin_free(&answer);
    return status;
}

/* The name of one of them; empty: there is none. */
static void name_of(const rill_overlay *items, size_t index, char out[128])
{
    const rill_overlay_item *item = items->first;
    out[0] = '\0';
    for (index = items->count == 0 ? 0 : index % items->count; index > 0; index--)
        item = item->next;
    if (item != NULL)
        (void)snprintf(out, 128, "%s", item->name);
}

static void decide_proposal(program *p, const char *method)
{
    static const char *const people[] = {"env:A", "env:B", "socket", NULL};
    char name[128];
    char path[160];
    const rill_overlay *all = rill_core_proposals(w.core);
    const size_t before = all->count;
    const int64_t alice = books_balance(&w, "alice");
    const int64_t bob = books_balance(&w, "bob");
    const int64_t carol = books_balance(&w, "carol");
    name_of(all, take_byte(p), name);
    (void)snprintf(path, sizeof path, "/v1/proposals/%s", name);
    const unsigned status = ask(method, path, people[take_byte(p) % 4], take_text(p, 400));
    const bool moved = alice != books_balance(&w, "alice") || bob != books_balance(&w, "bob") ||
                       carol != books_balance(&w, "carol");
    CHECK(!moved || (status == 201 && strcmp(method, "POST") == 0 && all->count == before - 1));
}

static void decide_peer(program *p, const char *method)
{
    char name[128];
    char path[160];
    name_of(&rill_core_peering(w.core)->waiting, take_byte(p), name);
    (void)snprintf(path, sizeof path, "/v1/peers/%s", name);
    (void)ask(method, path, "env:A", take_text(p, 400));
}

static void ask_to_be_peer(program *p)
{
    rill_peering_reply first;
    rill_peering_reply again;
    rill_peering_source source = {.text = "192.0.2.7"};
    const rill_bytes body = take_text(p, 1200);
    rill_peering_source_key(&source);
    rill_peering_accept(w.core, &control, &source, body, &first);
    const size_t waiting = rill_core_peering(w.core)->waiting.count;
    CHECK(first.status >= 200 && first.status < 600 && strlen(first.body) < sizeof first.body);
    rill_peering_accept(w.core, &control, &source, body, &again);
    CHECK(rill_core_peering(w.core)->waiting.count == waiting && again.status == first.status);
}

static void act(program *p)
{
    static const char *const entries[] = {"/v1/accounts/alice/entries", "/v1/accounts/bob/entries",
                                          "/v1/accounts/carol/entries"};
    const int64_t alice = books_balance(&w, "alice");
    const uint8_t what = take_byte(p) % 12;
    switch (what) {
    case 0:
        (void)ask("POST", entries[take_byte(p) % 3], "env:A", take_text(p, 400));
        break;
    case 1:
        (void)ask("POST", "/v1/accounts/alice/outstanding", "env:A", take_text(p, 400));
        break;
    case 2:
        decide_proposal(p, "POST");
        return;
    case 3:
        decide_proposal(p, "DELETE");
        break;
    case 4:
        CHECK(ask("GET", "/v1/proposals", "env:A", (rill_bytes){NULL, 0}) == 200);
        break;
    case 5:
        CHECK(ask("GET", "/v1/peers", "env:A", (rill_bytes){NULL, 0}) == 200);
        break;
    case 6:
        ask_to_be_peer(p);
        break;
    case 7:
        decide_peer(p, "POST");
        break;
    case 8:
        decide_peer(p, "DELETE");
        break;
    case 9:
        (void)ask("POST", "/v1/peers", "env:A", take_text(p, 800));
        break;
    case 10:
        books_turn(&w);
        break;
    default:
        books_written(&w, take_byte(p) % 4 != 0);
        break;
    }
    /* What is owed may be settled when the books can be written again. */
    CHECK(what >= 10 || alice == books_balance(&w, "alice"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    books_setting settings[SETTINGS];
    if (size > 20000)
        return 0;
    const size_t count = take_settings(&p, settings);
    books_begin(&w, settings, count);
    books_control(&w, &control);
    for (unsigned i = 0; i < STEPS && p.left > 0; i++) {
        act(&p);
        books_check(&w);
    }
    books_end(&w);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What neighbours say by CCP, in any order and at any time, while memory runs out. What the speaker
 * sends is well made, packets go by the best way that is known, and its books about who has told
 * what are right.
 */
#include "connector/speaker.h"

#include "faults.h"
#include "fuzz.h"

enum { PEERS = 3 };

static rill_speaker s;
static rill_speaker_peer peers[PEERS];
static uint64_t now;

static int on_apply(void *user, rill_bytes prefix, rill_via *via)
{
    (void)user;
    CHECK(rill_address_prefix_valid(prefix));
    if (via == NULL)
        return RILL_OK;
    void *block = fuzz_allocator()->realloc(fuzz_allocator()->user, NULL, 1);
    if (block == NULL)
        return RILL_ERR_NOMEM;
    fuzz_allocator()->free(fuzz_allocator()->user, block);
    return RILL_OK;
}

static void check_entry(const rill_rib_entry *e)
{
    size_t own = 0;
    for (const rill_rib_route *r = e->routes; r != NULL; r = r->next) {
        CHECK(r->entry == e);
        own += r->kind != RILL_ROUTE_LEARNT;
        CHECK(r->kind == RILL_ROUTE_OWN || r->via != NULL);
    }
    CHECK(own <= 1);
    if (rill_list_linked(&e->dirty))
        return;
    CHECK((e->best == NULL) == (e->routes == NULL));
    CHECK(e->applied == (e->best == NULL ? NULL : e->best->via));
    CHECK(e->routes != NULL || e->logged);
}

static void check_all(void)
{
    size_t cursor = 0;
    size_t withdrawn = 0;
    size_t dead = 0;
    for (const rill_rib_entry *e; (e = rill_rib_next(&s.rib, &cursor)) != NULL;) {
        check_entry(e);
        withdrawn += e->logged && !e->told;
    }
    CHECK(withdrawn == s.rib.withdrawn);
    for (size_t i = 0; i < s.rib.log_count; i++) {
        CHECK(i == 0 || s.rib.log[i - 1].epoch < s.rib.log[i].epoch);
        CHECK(s.rib.log[i].epoch < s.rib.epoch);
        CHECK(s.rib.log[i].entry == NULL || s.rib.log[i].entry->epoch == s.rib.log[i].epoch);
        dead += s.rib.log[i].entry == NULL;
    }
    CHECK(dead == s.rib.dead);
    for (size_t i = 0; i < PEERS; i++) {
        size_t count = 0;
        for (const rill_list *at = peers[i].via.routes.next; at != &peers[i].via.routes;
             at = at->next)
            count++;
        CHECK(count == peers[i].via.count && count <= peers[i].most);
    }
}

static void pump(uint64_t how)
{
    rill_speaker_message m;
    for (unsigned i = 0; i < 50 && rill_speaker_next(&s, now, &m); i++) {
        rill_ccp_update u;
        rill_ccp_control control;
        if (strcmp(m.destination, "peer.route.update") == 0)
            CHECK(rill_ccp_update_decode(&u, m.data) == RILL_OK);
        else
            CHECK(rill_ccp_control_decode(&control, m.data) == RILL_OK);
        if ((how & 1) != 0)
            rill_speaker_answered(&s, m.to, m.id, (how & 2) != 0, now);
    }
}

static void begin(void)
{
    static rill_crypto *crypto;
    rill_speaker_options o;
    if (crypto == NULL)
        crypto = rill_crypto_new(rill_allocator_default());
    CHECK(crypto != NULL);
    rill_speaker_options_init(&o);
    o.allocator = fuzz_allocator();
    o.address = (rill_bytes){(const uint8_t *)"g.x", 3};
    o.crypto = crypto;
    o.apply = on_apply;
    now = RILL_SECOND;
    CHECK(rill_speaker_init(&s, &o) == RILL_OK);
    static const char *const names[PEERS] = {"a", "b", "c"};
    for (size_t i = 0; i < PEERS; i++) {
        memset(&peers[i], 0, sizeof peers[i]);
        rill_bytes address = {(const uint8_t *)"g.x.c", i == 2 ? 5 : 0};
        rill_via_init(&peers[i].via, names[i], (rill_relation)i, address);
        peers[i].tells = true;
        peers[i].is_heard = true;
        peers[i].most = 6;
        CHECK(rill_speaker_add(&s, &peers[i]) == RILL_OK);
        rill_speaker_up(&s, &peers[i], now);
    }
    CHECK(rill_rib_add(&s.rib, &peers[0].via, RILL_ROUTE_STATIC, (rill_bytes){NULL, 0}) == RILL_OK);
}

static void act(uint8_t what, rill_bytes data)
{
    rill_speaker_peer *p = &peers[what % PEERS];
    const char *problem = NULL;
    int rc = RILL_OK;
    switch (what / PEERS % 7) {
    case 0:
    case 1:
        rc = rill_speaker_take_update(&s, p, data, now, &problem);
        CHECK(rc == RILL_OK || problem != NULL);
        break;
    case 2:
        rc = rill_speaker_take_control(&s, p, data, now, &problem);
        CHECK(rc == RILL_OK || problem != NULL);
        break;
    case 3:
        now += data.len * RILL_SECOND;
        pump(data.len);
        break;
    case 4:
        if (p->up)
            rill_speaker_down(&s, p, now);
        else
            rill_speaker_up(&s, p, now);
        break;
    case 5:
        fuzz_fault.allocation = (unsigned)data.len;
        break;
    default:
        if (rill_rib_add(&s.rib, &p->via, RILL_ROUTE_STATIC, data) == RILL_ERR_EXISTS)
            CHECK(rill_rib_remove(&s.rib, RILL_ROUTE_STATIC, data) == RILL_OK || data.len == 3);
        break;
    }
}

/* Actions, each of one byte and what it takes: two bytes of length, and so many bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_reader r = rill_reader_of(data, size);
    uint8_t what = 0;
    rill_bytes bytes;
    rill_bytes length;
    if (size > 100000)
        return 0;
    fuzz_faults_reset(1);
    begin();
    while (rill_read_u8(&r, &what) && rill_read_bytes(&r, 2, &length)) {
        size_t len = (size_t)length.data[0] << 8 | length.data[1];
        if (!rill_read_bytes(&r, len < rill_reader_left(&r) ? len : rill_reader_left(&r), &bytes))
            break;
        act(what, bytes);
        check_all();
    }
    rill_speaker_clear(&s);
    CHECK(fuzz_fault.blocks == 0);
    return 0;
}

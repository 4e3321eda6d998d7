/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector does although it must not. Each trick has its own chance. */
#ifndef SIM_ADVERSARY_H
#define SIM_ADVERSARY_H

#include "report.h"
#include "rng.h"
#include "wire.h"
#include <rill/types.h>

typedef struct sim_adversary_config {
    /* permille of Prepares */
    uint32_t flip_data;
    uint32_t cut_data;
    uint32_t grow_data;
    uint32_t raise_amount;
    uint32_t lower_amount;
    uint32_t change_condition;
    uint32_t change_expiry;
    uint32_t change_address;
    uint32_t garbage_request;
    uint32_t swap_data;     /* swaps it with that of another Prepare */
    uint32_t replay;        /* sends it again, later */
    uint32_t reflect;       /* also sends it back to its sender */
    uint32_t withhold;      /* drops it, silently */
    uint32_t forge_reject;  /* with any code, some with another packet's authentic data */
    uint32_t forge_fulfill; /* without having passed it on, or with another packet's fulfillment */
    uint32_t lie_f08;
    /* permille of replies */
    uint32_t swap_reply; /* swaps it with that of another packet */
    uint32_t wrong_fulfillment;
    uint32_t flip_reply;
    uint32_t strip_reply; /* of its data */
    uint32_t garbage_reply;
    uint32_t reject_fulfilled; /* keeps the money */
    uint32_t late_fulfill;     /* holds a Fulfill back, perhaps past the expiry */
    uint32_t twice;            /* sends the same reply again */
} sim_adversary_config;

#define SIM_KEPT 8 /* packets that it remembers of each kind */

typedef struct sim_kept {
    uint8_t *bytes;
    size_t len;
} sim_kept;

typedef struct sim_adversary {
    sim_adversary_config config;
    sim_rng rng;
    sim_report *report;
    sim_kept prepares[2][SIM_KEPT]; /* of each side */
    sim_kept replies[SIM_KEPT];
} sim_adversary;

typedef enum sim_verdict {
    SIM_PASS,   /* as it is now */
    SIM_ANSWER, /* it wrote a reply instead of passing the packet on */
    SIM_WITHHELD
} sim_verdict;

/* What else it does with the packet. */
typedef struct sim_aside {
    bool again;         /* also sends the same Prepare again, after this time */
    size_t reflect_len; /* not 0: also sends this one back to its sender */
    uint8_t reflect[SIM_MAX_PACKET];
} sim_aside;

void sim_adversary_init(sim_adversary *a, const sim_adversary_config *config, sim_report *report,
                        uint64_t seed);
void sim_adversary_free(sim_adversary *a);
bool sim_adversary_idle(const sim_adversary *a);
/* May change packet[*len] (room SIM_MAX_PACKET) from that side, or write a reply over it. */
sim_verdict sim_adversary_prepare(sim_adversary *a, unsigned side, uint8_t *packet, size_t *len,
                                  sim_aside *aside);
/* May change the reply. *hold: nanoseconds to keep it back. *twice: send it twice. */
void sim_adversary_reply(sim_adversary *a, uint8_t *packet, size_t *len, uint64_t *hold,
                         bool *twice);

#endif

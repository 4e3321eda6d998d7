/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/contact.h"

#include <assert.h>

/* Nothing has ever come back: something is sent again, lest the first packets were lost. */
#define HELLO_DELAY (3 * RILL_SECOND)
#define HELLO_AGAIN RILL_SECOND
/* Longer than it takes until somebody who wants something gives a sign of life. */
#define LOOK_AROUND (ALIVE_MAX + 5 * RILL_SECOND)
/* Signs of life, in silence, while there is something to be done. */
#define ALIVE_MIN RILL_SECOND
#define ALIVE_MAX (15 * RILL_SECOND)
/* Rounds of final errors, in a row, that end a connection: at first, and once it has worked. */
#define FINAL_ROUNDS_NEW       3u
#define FINAL_ROUNDS_CONNECTED 8u
/* How long a receiver that knows nothing of the connection is asked all the same. */
#define FORGOTTEN_PATIENCE (3 * RILL_SECOND)

_Static_assert(HELLO_AGAIN <= HELLO_DELAY && ALIVE_MIN <= ALIVE_MAX && ALIVE_MAX < LOOK_AROUND &&
                   FINAL_ROUNDS_NEW <= FINAL_ROUNDS_CONNECTED,
               "no least is above its most");

void rill_contact_init(rill_contact *k, uint64_t now_ns)
{
    *k = (rill_contact){.started = now_ns, .last_authentic = now_ns};
}

void rill_contact_sent(rill_contact *k, uint64_t now_ns)
{
    if (k->first_sent == 0)
        k->first_sent = now_ns;
    k->hello_at = now_ns + HELLO_DELAY;
}

void rill_contact_hello(rill_contact *k, uint64_t now_ns)
{
    k->hello_at = now_ns + HELLO_AGAIN;
}

/* A wrong clock may be set right. */
bool rill_contact_final_error(rill_contact *k, int error)
{
    bool patient = k->connected || error == RILL_ERR_CLOCK;
    k->final_errors++;
    return k->final_errors >= (patient ? FINAL_ROUNDS_CONNECTED : FINAL_ROUNDS_NEW);
}

bool rill_contact_forgotten(rill_contact *k, uint64_t now_ns)
{
    if (k->forgotten_since == 0)
        k->forgotten_since = now_ns;
    return now_ns - k->forgotten_since >= FORGOTTEN_PATIENCE;
}

const char *rill_contact_error_text(int error)
{
    if (error == RILL_ERR_UNREACHABLE)
        return "no connector knows the way to the receiver";
    if (error == RILL_ERR_AUTH)
        return "the receiver does not know this secret";
    if (error == RILL_ERR_CLOCK)
        return "packets count as expired when they arrive: the clock of this machine, or of "
               "another on the path, is wrong";
    return "the path refuses the packets";
}

uint64_t rill_contact_alive_deadline(const rill_contact *k, const rill_connection_options *o)
{
    if (!k->connected)
        return RILL_NEVER;
    uint64_t every = o->idle_timeout_ns / 3;
    if (every == 0 || every > ALIVE_MAX)
        every = ALIVE_MAX;
    if (every < ALIVE_MIN)
        every = ALIVE_MIN;
    return (k->alive_at > k->last_authentic ? k->alive_at : k->last_authentic) + every;
}

void rill_contact_look_around(rill_contact *k, const rill_connection_options *o, uint64_t now_ns)
{
    uint64_t idle = o->idle_timeout_ns;
    uint64_t until = now_ns + (idle != 0 && idle < LOOK_AROUND ? idle : LOOK_AROUND);
    uint64_t connect = rill_contact_connect_deadline(k, o);
    rill_contact_spare(k, until);
    if (connect < until)
        k->first_sent += until - connect;
    /* Neither silence nor the want of an answer ends it before somebody could have looked. */
    assert(rill_contact_idle_deadline(k, o) >= until &&
           rill_contact_connect_deadline(k, o) >= until);
}

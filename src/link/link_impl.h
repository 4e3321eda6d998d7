/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of link provides. The first member of its own struct is a rill_link. */
#ifndef RILL_LINK_LINK_IMPL_H
#define RILL_LINK_LINK_IMPL_H

#include <rill/link.h>

/*
 * Requests that come by a link have numbers below 2^56: who has several links puts above that which
 * one it was.
 */
#define RILL_LINK_REQUEST_BITS 56

/* As the functions of rill/link.h with the same names. The first four are never NULL. */
typedef struct rill_link_ops {
    bool (*is_up)(const rill_link *l);
    int (*send)(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len);
    int (*reply)(rill_link *l, uint64_t request, const uint8_t *packet, size_t len);
    void (*close)(rill_link *l);
    /*
     * As send, of a packet in parts, for who changes a few bytes of one that came. NULL: this kind
     * of link takes whole packets only.
     */
    int (*send_parts)(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts, size_t count);
    /* What it waits for before it is up; out is NOTHING. NULL: this kind is made when it is up. */
    void (*waiting)(const rill_link *l, rill_waiting *out);
    /* Messages: rill_link_send_message has looked at the parts. NULL: it carries none. */
    int (*send_message)(rill_link *l, uint64_t outgoing_id, const rill_message *message);
    /* reply: NULL where it is refused, and refusal says why. Not NULL where send_message is not. */
    int (*reply_message)(rill_link *l, uint64_t request, const rill_message *reply,
                         const char *refusal);
    /*
     * Does the neighbour still wait for the answer to this request, which has not been answered? Of
     * a link that is up: one that it asked by may be gone all the same. It allocates nothing, and
     * takes as long as reply does. NULL: it waits as long as the link is up.
     */
    bool (*waits)(const rill_link *l, uint64_t request);
    /*
     * Of a link that is up: this request will not be answered, as nobody waits for that or as the
     * answer was not taken. What is kept of it goes. fulfilled: the answer was a Fulfill; who has
     * asked will not learn that it owes, and the log is told. Nothing where the request is gone.
     * NULL: nothing is kept of a request.
     */
    void (*forget)(rill_link *l, uint64_t request, bool fulfilled);
    /*
     * Another link of the same account takes its place: what else there is to be sent goes by that.
     * Replies come by this one until it is closed. Again: nothing. NULL: nothing is sent by it but
     * what it is given.
     */
    void (*part)(rill_link *l);
    /* Something is not answered yet: of its owner, or of the neighbour's. NULL: it cannot know. */
    bool (*is_busy)(const rill_link *l);
} rill_link_ops;

/*
 * As rill_link_open, for who gives the link to an account of a node: only then can a callback_url
 * be of use.
 */
RILL_MUST_CHECK int rill_link_open_for_account(rill_link **out, rill_loop *loop, const char *uri,
                                               const rill_link_options *options,
                                               const rill_link_handlers *handlers, void *user,
                                               const char **problem);

/* Fills in reason and text of what a link or host waits for; more may be NULL, and follows ": ". */
void rill_waiting_set(rill_waiting *out, rill_wait reason, const char *more);

struct rill_link {
    const rill_link_ops *ops;
    void *user;
    void *group; /* for who has many links: what they have in common. No link looks at it */
    /*
     * Whose it is, for who has several links of one account, set before the first packet; NULL:
     * nobody's. A reply that comes by one of them may be to a Prepare that left by another.
     */
    const void *account;
    /*
     * For who knows what other links of that account have sent: an answer came, borrowed, and
     * nothing waits for it any more. NULL: nobody wants to know. It is called with the second.
     */
    void (*stray)(rill_link *l, const uint8_t *packet, size_t len, void *user);
    void *stray_user;
    /* It takes no Prepares: it rejects each with F02. Known before it is given out. */
    bool only_asks;
    rill_loop *loop;
    rill_link_handlers on;
};

/*
 * False: nobody will see the answer to this request, though the link is up. A link does not say
 * when that comes to be so: it is asked where it matters, so that no answer is told to a request
 * that has the number of one that is gone.
 */
static inline bool rill_link_waits(const rill_link *l, uint64_t request)
{
    return l->ops->waits == NULL || l->ops->waits(l, request);
}

/* It closes once it is not busy any more: as of the ops. */
static inline void rill_link_part(rill_link *l)
{
    if (l->ops->part != NULL)
        l->ops->part(l);
}

static inline bool rill_link_is_busy(const rill_link *l)
{
    return l->ops->is_busy != NULL && l->ops->is_busy(l);
}

/* After rill_link_waits has said no, or instead of an answer that was not taken. */
static inline void rill_link_forget(rill_link *l, uint64_t request, bool fulfilled)
{
    if (l->ops->forget != NULL)
        l->ops->forget(l, request, fulfilled);
}

#endif

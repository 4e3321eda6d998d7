/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a run may have and that can be taken from it: faults, limits, tricks, habits of
 * applications. Each has a name, a place in the scenario, and a count of how often it happened.
 */
#ifndef SIM_FEATURE_H
#define SIM_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, name, place in the scenario, member there) */
#define SIM_FEATURES_OF_PATHS(X)                                                                   \
    X(JITTER, "jitter", LINK, jitter)                                                              \
    X(BANDWIDTH, "bandwidth", LINK, bytes_per_second)                                              \
    X(LOSE_REQUEST, "lose-request", LINK, lose_request)                                            \
    X(LOSE_REPLY, "lose-reply", LINK, lose_reply)                                                  \
    X(DUPLICATE, "duplicate", LINK, duplicate)                                                     \
    X(REORDER, "reorder", LINK, reorder)                                                           \
    X(HTTP_ERROR, "http-error", LINK, http_error)                                                  \
    X(HTTP_RESET, "http-reset", LINK, http_reset)                                                  \
    X(AMOUNT_LIMIT, "max-packet", HOP, max_packet)                                                 \
    X(PACKET_RATE, "packet-rate", HOP, packets_per_second)                                         \
    X(VALUE_RATE, "value-rate", HOP, value_per_second)                                             \
    X(BALANCE, "balance", HOP, balance)                                                            \
    X(DOWN, "down", HOP, down_every_ms)                                                            \
    X(DRY, "dry", HOP, dry_for_ms)

#define SIM_FEATURES_OF_CONNECTORS(X)                                                              \
    X(FLIP_DATA, "flip-data", ADVERSARY, flip_data)                                                \
    X(CUT_DATA, "cut-data", ADVERSARY, cut_data)                                                   \
    X(GROW_DATA, "grow-data", ADVERSARY, grow_data)                                                \
    X(RAISE_AMOUNT, "raise-amount", ADVERSARY, raise_amount)                                       \
    X(LOWER_AMOUNT, "lower-amount", ADVERSARY, lower_amount)                                       \
    X(CHANGE_CONDITION, "change-condition", ADVERSARY, change_condition)                           \
    X(CHANGE_EXPIRY, "change-expiry", ADVERSARY, change_expiry)                                    \
    X(CHANGE_ADDRESS, "change-address", ADVERSARY, change_address)                                 \
    X(GARBAGE_REQUEST, "garbage-request", ADVERSARY, garbage_request)                              \
    X(SWAP_DATA, "swap-data", ADVERSARY, swap_data)                                                \
    X(REPLAY, "replay", ADVERSARY, replay)                                                         \
    X(REFLECT, "reflect", ADVERSARY, reflect)                                                      \
    X(WITHHOLD, "withhold", ADVERSARY, withhold)                                                   \
    X(FORGE_REJECT, "forge-reject", ADVERSARY, forge_reject)                                       \
    X(FORGE_FULFILL, "forge-fulfill", ADVERSARY, forge_fulfill)                                    \
    X(LIE_F08, "lie-f08", ADVERSARY, lie_f08)                                                      \
    X(SWAP_REPLY, "swap-reply", ADVERSARY, swap_reply)                                             \
    X(WRONG_FULFILLMENT, "wrong-fulfillment", ADVERSARY, wrong_fulfillment)                        \
    X(FLIP_REPLY, "flip-reply", ADVERSARY, flip_reply)                                             \
    X(STRIP_REPLY, "strip-reply", ADVERSARY, strip_reply)                                          \
    X(GARBAGE_REPLY, "garbage-reply", ADVERSARY, garbage_reply)                                    \
    X(REJECT_FULFILLED, "reject-fulfilled", ADVERSARY, reject_fulfilled)                           \
    X(LATE_FULFILL, "late-fulfill", ADVERSARY, late_fulfill)                                       \
    X(TWICE, "twice", ADVERSARY, twice)

#define SIM_FEATURES_OF_APPLICATIONS(X)                                                            \
    X(SLOW_READER, "slow-reader", APP, slow_reader)                                                \
    X(CLOSES, "closes", APP, closes)                                                               \
    X(ENDS, "ends", APP, ends)                                                                     \
    X(TIMEOUTS, "timeouts", APP, timeouts)                                                         \
    X(LOWERS, "lowers", APP, lowers)                                                               \
    X(WEIGHTS, "weights", APP, weights)                                                            \
    X(LATE, "late", APP, late)                                                                     \
    X(TOO_LATE, "too-late", APP, too_late)                                                         \
    X(NEVER, "never", APP, never)                                                                  \
    X(REFUSES, "refuses", APP, refuses)                                                            \
    X(BLOCKS, "blocks", APP, blocks)                                                               \
    X(RAISES, "raises", APP, raises)                                                               \
    X(PAYS, "pays", APP, pays)                                                                     \
    X(DATA, "data", APP, data_high)                                                                \
    X(ASK, "ask", OPTION, ask_before_fulfill)                                                      \
    X(MIN_RATE, "min-rate", OPTION, min_rate)                                                      \
    X(PADDING, "padding", OPTION, padding)                                                         \
    X(IN_FLIGHT, "in-flight", OPTION, max_in_flight)                                               \
    X(LIFETIME, "lifetime", OPTION, packet_lifetime_ns)                                            \
    X(IDLE_TIME, "idle-time", OPTION, idle_timeout_ns)                                             \
    X(PACKET_AMOUNT, "packet-amount", OPTION, max_packet_amount)                                   \
    X(SEND_BUFFER, "send-buffer", OPTION, stream_send_buffer)                                      \
    X(STREAM_BUFFER, "stream-buffer", OPTION, stream_receive_buffer)                               \
    X(CONNECTION_BUFFER, "connection-buffer", OPTION, connection_receive_buffer)                   \
    X(STREAM_GROWTH, "stream-growth", OPTION, max_stream_receive_buffer)                           \
    X(CONNECTION_GROWTH, "connection-growth", OPTION, max_connection_receive_buffer)

#define SIM_FEATURES_OF_WORLDS(X)                                                                  \
    X(TIMER_LAG, "timer-lag", WORLD, timer_lag)                                                    \
    X(SKEW, "skew", WORLD, wall_offset)                                                            \
    X(CLOCK_JUMPS, "clock-jumps", WORLD, clock_jumps)                                              \
    X(WORSEN, "worsen", WORLD, worsen_at)                                                          \
    X(DISCONNECT, "disconnect", WORLD, disconnects)                                                \
    X(RESTART, "restart", WORLD, restart_at)                                                       \
    X(BEGIN_AGAIN, "begin-again", WORLD, begin_again)                                              \
    X(SUSPEND, "suspend", WORLD, suspend_at)                                                       \
    X(NUMBERED, "numbered", WORLD, numbered)                                                       \
    X(FLEET, "fleet", WORLD, fleet)                                                                \
    X(ROLL, "roll", WORLD, roll_at)                                                                \
    X(PEER, "peer", WORLD, peer)                                                                   \
    X(FEW, "few-connections", WORLD, few_connections)                                              \
    X(FEW_PAST, "few-remembered", WORLD, few_remembered)                                           \
    X(NO_MEMORY, "no-memory", WORLD, no_memory)

/* What a peer that holds the secret does against RFC 29, in its packets and in its replies. */
#define SIM_FEATURES_OF_ROGUES(X)                                                                  \
    X(BAD_FRAMES, "bad-frames", ROGUE, bad_frames)                                                 \
    X(BAD_HEADER, "bad-header", ROGUE, bad_header)                                                 \
    X(UNKNOWN_FRAMES, "unknown-frames", ROGUE, unknown_frames)                                     \
    X(BAD_SEQUENCE, "bad-sequence", ROGUE, bad_sequence)                                           \
    X(BAD_CONDITION, "bad-condition", ROGUE, bad_condition)                                        \
    X(BAD_EXPIRY, "bad-expiry", ROGUE, bad_expiry)                                                 \
    X(HIGH_MINIMUM, "high-minimum", ROGUE, high_minimum)                                           \
    X(WRONG_PARITY, "wrong-parity", ROGUE, wrong_parity)                                           \
    X(HIGH_STREAM, "high-stream", ROGUE, high_stream)                                              \
    X(MANY_STREAMS, "many-streams", ROGUE, many_streams)                                           \
    X(NO_SHARES, "no-shares", ROGUE, no_shares)                                                    \
    X(HUGE_SHARES, "huge-shares", ROGUE, huge_shares)                                              \
    X(MANY_PARTS, "many-parts", ROGUE, many_parts)                                                 \
    X(MONEY_OVER, "money-over", ROGUE, money_over)                                                 \
    X(CONTRADICT, "contradict", ROGUE, contradict)                                                 \
    X(HOLES, "holes", ROGUE, holes)                                                                \
    X(GIANT_OFFSET, "giant-offset", ROGUE, giant_offset)                                           \
    X(PAST_LIMIT, "past-limit", ROGUE, past_limit)                                                 \
    X(SHRINK_LIMITS, "shrink-limits", ROGUE, shrink_limits)                                        \
    X(HUGE_LIMITS, "huge-limits", ROGUE, huge_limits)                                              \
    X(THIRD_PARTY, "third-party", ROGUE, third_party)                                              \
    X(BAD_ADDRESS, "bad-address", ROGUE, bad_address)                                              \
    X(ASSET_CHANGE, "asset-change", ROGUE, asset_change)                                           \
    X(FALSE_BLOCKED, "false-blocked", ROGUE, false_blocked)                                        \
    X(FALSE_RECEIPT, "false-receipt", ROGUE, false_receipt)                                        \
    X(FALSE_CLOSE, "false-close", ROGUE, false_close)                                              \
    X(CLOSE_ALL, "close-all", ROGUE, close_all)                                                    \
    X(FLOOD, "flood", ROGUE, flood)                                                                \
    X(REPLY_LATE, "reply-late", ROGUE, reply_late)                                                 \
    X(REPLY_NEVER, "reply-never", ROGUE, reply_never)                                              \
    X(REPLY_REFUSES, "reply-refuses", ROGUE, reply_refuses)                                        \
    X(REPLY_AMOUNT, "reply-amount", ROGUE, reply_amount)                                           \
    X(REPLY_SEQUENCE, "reply-sequence", ROGUE, reply_sequence)                                     \
    X(REPLY_TYPE, "reply-type", ROGUE, reply_type)                                                 \
    X(REPLY_FRAMES, "reply-frames", ROGUE, reply_frames)

#define SIM_FEATURES(X)                                                                            \
    SIM_FEATURES_OF_PATHS(X)                                                                       \
    SIM_FEATURES_OF_CONNECTORS(X)                                                                  \
    SIM_FEATURES_OF_APPLICATIONS(X)                                                                \
    SIM_FEATURES_OF_WORLDS(X)                                                                      \
    SIM_FEATURES_OF_ROGUES(X)

typedef enum sim_feature {
#define SIM_FEATURE_ID(id, name, place, member) SIM_##id,
    SIM_FEATURES(SIM_FEATURE_ID)
#undef SIM_FEATURE_ID
        SIM_FEATURE_COUNT
} sim_feature;

typedef struct sim_feature_set {
    bool has[SIM_FEATURE_COUNT];
} sim_feature_set;

struct sim_scenario;

const char *sim_feature_name(sim_feature f);
/* SIM_FEATURE_COUNT if there is none with that name. */
sim_feature sim_feature_find(const char *name, size_t len);
/* Whether the scenario has it. */
bool sim_feature_on(const struct sim_scenario *s, sim_feature f);
/* A rogue's trick: how often, in permille. */
uint32_t *sim_feature_trick(struct sim_scenario *s, sim_feature f);
#define SIM_FIRST_TRICK SIM_BAD_FRAMES
#define SIM_FIRST_REPLY SIM_REPLY_LATE
#define SIM_LAST_TRICK  SIM_REPLY_FRAMES
void sim_feature_remove(struct sim_scenario *s, sim_feature f);

#endif

/* count.h: what a node counts of its signalling, one row per counter. The name is the key in
 * `godwit show counters`; it is stable. Every refusal and every limit that was hit has one.
 */
#ifndef GW_FN_LM_COUNT_H
#define GW_FN_LM_COUNT_H

#include <stdint.h>

#define GW_COUNTERS(X)                               \
    X(IN_PBU, "in-pbu")                              \
    X(IN_PBA, "in-pba")                              \
    X(IN_BE, "in-binding-error")                     \
    X(IN_HEARTBEAT, "in-heartbeat")                  \
    X(IN_BRI, "in-bri")                              \
    X(IN_BRA, "in-bra")                              \
    X(IN_UPN, "in-upn")                              \
    X(IN_UPA, "in-upa")                              \
    X(IN_OTHER, "in-other")                          \
    X(OUT_PBU, "out-pbu")                            \
    X(OUT_PBA, "out-pba")                            \
    X(OUT_HEARTBEAT, "out-heartbeat")                \
    X(OUT_BRI, "out-bri")                            \
    X(OUT_BRA, "out-bra")                            \
    X(OUT_UPN, "out-upn")                            \
    X(OUT_UPA, "out-upa")                            \
    X(OUT_BE, "out-binding-error")                   \
    X(OUT_PROBLEM, "out-parameter-problem")          \
    X(RETRANSMIT, "retransmissions")                 \
    X(RATE_DELAYED, "delayed-by-update-rate")        \
    X(UNKNOWN_PEER, "drop-unknown-peer")             \
    X(AUTH_FAILED, "drop-auth-failed")               \
    X(REPLAY, "drop-replay")                         \
    X(MALFORMED, "drop-malformed")                   \
    X(IGNORED, "drop-ignored")                       \
    X(WRONG_ROLE, "drop-wrong-role")                 \
    X(UNMATCHED, "drop-unmatched-answer")            \
    X(STALE, "drop-stale-update")                    \
    X(ANSWER_LIMITED, "drop-answer-rate")            \
    X(PEER_RATE, "drop-peer-rate")                   \
    X(IN_NO_POLICY, "drop-no-ipsec-policy")          \
    X(OUT_NO_POLICY, "unsent-no-ipsec-policy")       \
    X(REFUSED_POLICY, "refused-policy")              \
    X(UNAUTHORISED, "refused-not-authorised")        \
    X(REFUSED_MNID, "refused-missing-mn-id")         \
    X(REFUSED_PEER, "refused-peer-not-authorised")   \
    X(REFUSED_TIMESTAMP, "refused-timestamp")        \
    X(REFUSED_ELSEWHERE, "refused-served-elsewhere") \
    X(REFUSED_OPTION, "refused-missing-option")      \
    X(REFUSED_PREFIX, "refused-prefix")              \
    X(REFUSED_PREFIX_SET, "refused-prefix-set")      \
    X(REFUSED_SEQUENCE, "refused-sequence")          \
    X(REFUSED_RFC8885, "refused-rfc8885")            \
    X(REFUSED_RESOURCES, "refused-resources")        \
    X(REFUSED_HELD, "refused-revoked")               \
    X(REFUSED_BRI, "refused-revocation")             \
    X(REFUSED_UPN, "refused-update-notification")    \
    X(REFUSED_BY_PEER, "refused-by-peer")            \
    X(REFUSED_HOME, "refused-home-registration")     \
    X(LIMIT_STATIONS, "limit-stations")              \
    X(LIMIT_BINDINGS, "limit-bindings")              \
    X(LIMIT_SESSIONS, "limit-sessions")              \
    X(LIMIT_PENDING, "limit-pending")                \
    X(LIMIT_PREVIOUS, "limit-previous-maars")        \
    X(LIMIT_LOCAL, "limit-local-prefixes")           \
    X(REFUSED_LOCAL, "refused-local-prefix")         \
    X(LIMIT_POOL, "limit-pool")                      \
    X(LIMIT_HOLDS, "limit-holds")                    \
    X(LIMIT_OPERATIONS, "limit-operations")          \
    X(STATION_RATE, "limit-station-rate")            \
    X(NO_MEMORY, "no-memory")                        \
    X(ATTACHED, "attached")                          \
    X(DETACHED, "detached")                          \
    X(REGISTERED, "registered")                      \
    X(HANDOVER, "handovers")                         \
    X(REFRESHED, "refreshed")                        \
    X(DEREGISTERED, "deregistered")                  \
    X(EXPIRED, "expired")                            \
    X(REVOKED, "revoked")                            \
    X(ORDER_SILENT, "orders-unanswered")             \
    X(REBUILT, "rebuilt")                            \
    X(RELAY_TIMEOUT, "relay-timeouts")               \
    X(COPY, "answers-by-previous-maars")             \
    X(PLANE_FAILED, "plane-failed")                  \
    X(RECORD_BAD, "record-bad")                      \
    X(ROUTER_COLLISION, "router-address-collision")  \
    X(PREFIX_CONFLICT, "prefix-conflict")            \
    X(ANCHOR_LOST, "anchor-lost")                    \
    X(PEER_DOWN, "peer-down")                        \
    X(PEER_UP, "peer-up")                            \
    X(PEER_RESTARTED, "peer-restarted")              \
    X(PEER_CLOCK, "peer-clocks-proved")              \
    X(SILENT, "stations-gone-silent")                \
    X(IDLE_RELEASED, "idle-released")

enum gw_count {
#define X(id, name) GW_CNT_##id,
    GW_COUNTERS(X)
#undef X
        GW_CNT_MAX
};

const char *gw_count_name(enum gw_count c);

#endif

/* stamp.h: test packets of the Simple Two-Way Active Measurement Protocol (RFC 8762): the
 * Session-Sender's and the stateful Session-Reflector's, unauthenticated (§4.2.1, §4.3.1) and
 * authenticated (§4.2.2, §4.3.2). Pure. Extensions (RFC 8972) behind the base packet are ignored.
 */
#ifndef GW_WIRE_STAMP_H
#define GW_WIRE_STAMP_H

#include "base/types.h"

#define GW_STAMP_PORT 862
#define GW_STAMP_OPEN 44  /* octets of a packet, unauthenticated */
#define GW_STAMP_AUTH 112 /* and authenticated */

/* HMAC-SHA-256 truncated to 128 bits over the first 96 octets (§4.4). NULL: unauthenticated mode.
 */
struct gw_stamp_key {
    uint8_t len;
    uint8_t secret[64];
};

struct gw_stamp_probe { /* of the Session-Sender */
    uint32_t seq;
    uint64_t sent;  /* NTP format, as all timestamps here */
    uint16_t error; /* Error Estimate */
};
struct gw_stamp_reply { /* of the Session-Reflector */
    uint32_t seq;
    uint64_t sent, received;
    uint16_t error;
    struct gw_stamp_probe probe; /* that is answered */
    uint8_t hop;                 /* Hop Limit with which it came */
};

/* The length, GW_STAMP_OPEN or GW_STAMP_AUTH; GW_ESHORT when size is less. */
int gw_stamp_write_probe(const struct gw_stamp_probe *p, const struct gw_stamp_key *key,
                         uint8_t *buf, size_t size);
int gw_stamp_write_reply(const struct gw_stamp_reply *r, const struct gw_stamp_key *key,
                         uint8_t *buf, size_t size);
/* 0; GW_ESHORT, or GW_EAUTH: the HMAC is not right. */
int gw_stamp_read_probe(const uint8_t *data, size_t len, const struct gw_stamp_key *key,
                        struct gw_stamp_probe *p);
int gw_stamp_read_reply(const uint8_t *data, size_t len, const struct gw_stamp_key *key,
                        struct gw_stamp_reply *r);

/* A span between two NTP timestamps, in nanoseconds; correct when they are less than 34 years
 * apart. */
int64_t gw_stamp_span(uint64_t from, uint64_t to);

/* What Error Estimate says of a clock that is not synchronised, with that many nanoseconds of
 * uncertainty (RFC 4656 §4.1.2): S and Z are zero. */
uint16_t gw_stamp_error(uint64_t ns);

#endif

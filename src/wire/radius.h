/* radius.h: RADIUS accounting (RFC 2866) as its server reads and answers it: an Accounting-Request
 * of an access point or switch (a NAS) about one of its stations, and the Accounting-Response.
 * Pure; views point into the request. Nothing is read before the Request Authenticator, an MD5
 * under the secret shared with that NAS, is right (§3); a Message-Authenticator (RFC 2869 §5.14)
 * must be right too where there is one. The answer has none: for accounting no RFC says what it
 * would be over.
 *
 * Left to others: whose secret it is, what a session is, and duplicates (src/sys/radius.h).
 */
#ifndef GW_WIRE_RADIUS_H
#define GW_WIRE_RADIUS_H

#include "base/err.h"
#include "base/types.h"

#define GW_RADIUS_PORT       1813
#define GW_RADIUS_MAX        4096 /* octets of a packet, RFC 2865 §3 */
#define GW_RADIUS_SECRET_MAX 128

struct gw_radius_secret {
    uint8_t len; /* 1..GW_RADIUS_SECRET_MAX */
    uint8_t b[GW_RADIUS_SECRET_MAX];
};

/* Acct-Status-Type; others are no news of a station. */
enum gw_radius_status {
    GW_RADIUS_START = 1,
    GW_RADIUS_STOP = 2,
    GW_RADIUS_INTERIM = 3,
    GW_RADIUS_ON = 7,  /* the NAS begins, after a restart for instance: it has no sessions */
    GW_RADIUS_OFF = 8, /* the NAS is about to end */
};

struct gw_radius_acct {
    uint8_t id;
    uint8_t authenticator[16];
    uint32_t status;        /* enum gw_radius_status or another */
    const uint8_t *session; /* Acct-Session-Id */
    uint8_t session_len;    /* 0: there is none */
    struct gw_lladdr sta;   /* Calling-Station-Id; len 0: none, or no unicast EUI-48 */
    struct gw_mnid nai;     /* User-Name; len 0: none, or it is the station's address again */
    const uint8_t *attributes;
    size_t attributes_len;
};

/* 0; GW_EFORMAT: no Accounting-Request, or one with attributes that RFC 2866 §5 does not allow;
 * GW_EAUTH: not of somebody with this secret. *out is set for 0 only. */
int gw_radius_parse(const struct gw_radius_secret *secret, const void *data, size_t len,
                    struct gw_radius_acct *out);

/* The Accounting-Response to it, with its Proxy-States (RFC 2865 §5.33); its length. */
size_t gw_radius_answer(const struct gw_radius_secret *secret, const struct gw_radius_acct *request,
                        uint8_t out[static GW_RADIUS_MAX]);

#endif

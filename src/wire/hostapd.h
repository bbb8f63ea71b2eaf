/* hostapd.h: what hostapd says on its control socket: datagrams of text. An event begins with its
 * level in angle brackets ("<3>AP-STA-CONNECTED 02:00:00:00:00:01"); anything else is the answer
 * to a request. Pure; views point into the datagram. Part of it is a station's own words (its EAP
 * identity), so nothing here is trusted to be a line where a line is expected.
 */
#ifndef GW_WIRE_HOSTAPD_H
#define GW_WIRE_HOSTAPD_H

#include "base/err.h"
#include "base/types.h"

#define GW_HOSTAPD_MAX 4096 /* octets of a datagram that are looked at; hostapd's own limit */

enum gw_hostapd_event {
    GW_HOSTAPD_ANSWER,       /* no event */
    GW_HOSTAPD_OTHER,        /* an event that says nothing of attachment */
    GW_HOSTAPD_CONNECTED,    /* AP-STA-CONNECTED: authorised */
    GW_HOSTAPD_DISCONNECTED, /* AP-STA-DISCONNECTED: to be confirmed, see src/sys/hostapd.h */
    GW_HOSTAPD_EAP_SUCCESS,  /* CTRL-EVENT-EAP-SUCCESS: authorised in a moment, or again */
};
/* What a datagram is; *sta is set for the last three only. An event of those with anything but a
 * unicast EUI-48 behind its name is OTHER. */
enum gw_hostapd_event gw_hostapd_parse(const void *data, size_t len, struct gw_lladdr *sta);

/* The answer to STA, STA-FIRST and STA-NEXT. */
struct gw_hostapd_sta {
    struct gw_lladdr lladdr;
    bool authorised;
    struct gw_mnid nai; /* dot1xAuthSessionUserName; len 0: the station has no EAP identity */
};
/* 0; GW_ENOENT: "FAIL" or nothing, there is no such station; GW_EFORMAT: not such an answer, or
 * an identity that is no NAI of at most 253 octets (RFC 7542 §2.4) on one line of its own. */
int gw_hostapd_parse_sta(const void *data, size_t len, struct gw_hostapd_sta *out);

/* Does an answer consist of this word and a line feed? */
bool gw_hostapd_says(const void *data, size_t len, const char *word);

#endif

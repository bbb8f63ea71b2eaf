/* tcp_state.h: an established TCP connection as octets: what one host tells another that goes on
 * with it (src/sys/tcp_move.h takes it from a socket and puts it into one). Pure.
 *
 * Not in it, because the kernel neither tells nor takes it: what has been received out of order (it
 * was never acknowledged, so the peer sends it again), the SACK scoreboard, congestion state (the
 * connection begins with an initial window again), measured round-trip times, ECN, TCP's keys
 * (RFC 2385, RFC 5925).
 *
 * The form, big endian; one version, and no other is read:
 *
 *   "GWTC"  version (2)  flags (2)
 *   local address (16)   remote address (16)   local port (2)   remote port (2)
 *   first sequence number of the receive queue (4), of the send queue (4)
 *   octets in the receive queue (4), in the send queue (4), of these not yet sent (4)
 *   MSS (2)  window scale of the peer (1), our own (1)  timestamp clock (4)
 *   SND.WL1 (4)  SND.WND (4)  largest window ever offered (4)  RCV.WND (4)  RCV.WUP (4)
 *   send buffer (4)  receive buffer (4)  traffic class (1)  hop limit (1)  keepalive probes (2)
 *   keepalive idle (4), interval (4), seconds   user timeout (4), ms   unsent low mark (4)
 *   congestion control's name (16, NUL-padded)
 *   receive queue   send queue
 *
 * RFC 9293 (sequence space, windows), RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
 */
#ifndef GW_WIRE_TCP_STATE_H
#define GW_WIRE_TCP_STATE_H

#include "base/types.h"

#define GW_TCP_STATE_VERSION 1
#define GW_TCP_STATE_HEAD    136         /* octets before the queues */
#define GW_TCP_QUEUE_MAX     (64u << 20) /* octets of one queue; more is refused */

enum gw_tcp_flag {
    GW_TCP_SACK = 1 << 0,       /* was agreed on in the SYNs, as the next two */
    GW_TCP_TIMESTAMPS = 1 << 1, /* */
    GW_TCP_WSCALE = 1 << 2,     /* */
    GW_TCP_NODELAY = 1 << 3,    /* socket options */
    GW_TCP_CORK = 1 << 4,
    GW_TCP_KEEPALIVE = 1 << 5,
    GW_TCP_SNDBUF_SET = 1 << 6, /* the buffer's size is the application's: it does not grow */
    GW_TCP_RCVBUF_SET = 1 << 7,
    GW_TCP_FLAGS = (1 << 8) - 1,
};

struct gw_tcp_state {
    struct gw_addr local, remote;
    uint16_t lport, rport;
    uint16_t flags;                          /* enum gw_tcp_flag */
    uint32_t recv_seq, send_seq;             /* of the first octet in each queue */
    uint32_t recv_len, send_len, unsent_len; /* octets; unsent_len: the end of send_len */
    uint16_t mss;                            /* the peer's */
    uint8_t peer_wscale, own_wscale;         /* 0..14 */
    uint32_t timestamp;                      /* this side's clock, in units of the kernel */
    uint32_t snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup;
    uint32_t sndbuf, rcvbuf; /* octets, as getsockopt says them */
    uint8_t tclass, hops;    /* hops 0: the default */
    uint16_t keep_count;
    uint32_t keep_idle, keep_interval; /* seconds */
    uint32_t user_timeout;             /* ms; 0: the default */
    uint32_t unsent_low;               /* TCP_NOTSENT_LOWAT */
    char congestion[16];               /* ends with NUL */
    const uint8_t *recv, *send;        /* views of recv_len and send_len octets */
};

/* How many octets gw_tcp_state_write writes. */
size_t gw_tcp_state_size(const struct gw_tcp_state *s);
/* Into buf, which has room for them; how many. recv and send may lie in buf where they go. */
size_t gw_tcp_state_write(const struct gw_tcp_state *s, uint8_t *buf);
/* Reads exactly len octets; *s has views of them. GW_EFORMAT or GW_EVERSION, and *why is a text
 * that stays. Whatever is read is a connection that a kernel can take: lengths and windows agree.
 */
int gw_tcp_state_read(const uint8_t *buf, size_t len, struct gw_tcp_state *s, const char **why);

#endif

/* tcp_move.h: an established TCP connection leaves one socket and goes on in another, on this host
 * or another one with the same address (TCP_REPAIR). Needs CAP_NET_ADMIN in the user namespace of
 * the socket's network namespace, whoever made the socket; binding a port below 1024 needs
 * CAP_NET_BIND_SERVICE there. IPv6 only.
 *
 *   old host:  freeze -> dump -> ...  -> bury        new host:  restore -> ... -> go
 *                            \-> thaw (it did not work: goes on here)  \-> close()
 *
 * A frozen socket is deaf and mute: a filter on the socket drops what comes in before TCP sees it,
 * and nothing new leaves. So it neither acknowledges what it could not hand on nor sends a RST, and
 * the path may be switched to the new host at any time between `restore` and `go`: what comes
 * meanwhile is lost and sent again by the peer (whoever wants to avoid that buffers it before).
 * Packets for a connection that no socket has are answered with RST: so `restore` comes before the
 * switch, and a buried socket stays open until no packet can be on its way to it.
 *
 * Only connections in ESTABLISHED travel. Refused, by name: every other state; TLS in the kernel
 * and other layered protocols; MPTCP; a socket with a filter of its own, with SO_PEEK_OFF, with
 * urgent data; IPv4, also mapped, and link-local addresses. `wire/tcp_state.h` has what does not
 * travel.
 *
 * Functions return 0 or a negative gw_err, with the reason in why.
 */
#ifndef GW_SYS_TCP_MOVE_H
#define GW_SYS_TCP_MOVE_H

#include "base/err.h"
#include "wire/tcp_state.h"

struct gw_tcp_why {
    char text[192];
};

/* Could it travel? Changes nothing, and needs no privilege. GW_EINVAL: it cannot; GW_ESYS. */
int gw_tcp_movable(int fd, struct gw_tcp_why *why);

/* Both ends' addresses and ports, nothing else, into s. GW_EINVAL: not IPv6 TCP; GW_ESYS. */
int gw_tcp_name(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why);

/* Are both sockets of one network namespace? */
bool gw_tcp_same_host(int a, int b);

/* After an error it is as before. GW_EINVAL: it cannot travel; GW_EDENIED: no privilege; GW_ESYS.
 */
int gw_tcp_freeze(int fd, struct gw_tcp_why *why);
bool gw_tcp_frozen(int fd);

/* What a frozen one is, as the octets of gw_tcp_state_write: malloc'd, the caller's. GW_EFULL: more
 * than most octets; GW_EAGAIN: it changes, which no frozen one does; GW_ENOMEM, GW_ESYS. */
int gw_tcp_dump(int fd, size_t most, uint8_t **blob, size_t *len, struct gw_tcp_why *why);

/* A frozen one goes on here, as if nothing had been; what was dumped of it is void. */
int gw_tcp_thaw(int fd, struct gw_tcp_why *why);

/* A frozen one has gone on elsewhere: it stays deaf until the last descriptor of it is closed,
 * which sends nothing. That should be when no packet can come any more. GW_EINVAL: it is not
 * frozen. */
int gw_tcp_bury(int fd, struct gw_tcp_why *why);

/* fd: a new IPv6 TCP socket, of whatever network namespace. It becomes s, frozen, and what it then
 * is has been compared with s. After an error it is of no use; closing it sends nothing. GW_EINVAL:
 * no such socket; GW_EEXIST: this very connection is here already; GW_EDENIED; GW_EFORMAT: it is
 * not what it should be; GW_ESYS. */
int gw_tcp_restore(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why);

/* A restored one goes on: the peer hears of it at once (an ACK that it answers), and what was not
 * sent yet is sent. */
int gw_tcp_go(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why);

#endif

/* tcp_int.h: what tcp_move.c (leaving) and tcp_restore.c (arriving) share. Private to src/sys. */
#ifndef GW_SYS_TCP_INT_H
#define GW_SYS_TCP_INT_H

#include "sys/tcp_move.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifndef SO_BUF_LOCK /* Linux 5.15; glibc 2.36 does not have it everywhere */
#define SO_BUF_LOCK 72
#endif
#ifndef SO_NETNS_COOKIE /* Linux 5.14 */
#define SO_NETNS_COOKIE 71
#endif
#define GW_SOCK_SNDBUF_LOCK 1
#define GW_SOCK_RCVBUF_LOCK 2

/* Writes why and returns err; with errno, if err is GW_ESYS, or GW_EDENIED where errno says so. */
int gw_tcp_fail(struct gw_tcp_why *why, int err, const char *what);

int gw_tcp_get(int fd, int level, int name, uint32_t *value); /* 0, or -1 with errno */
int gw_tcp_set(int fd, int level, int name, int value);       /* likewise */
int gw_tcp_read_seq(int fd, int queue, uint32_t *seq);        /* leaves it at that queue */
int gw_tcp_deafen(int fd);                                    /* the filter */
/* What a frozen one is, without its queues. *in, *out and *unsent: octets of them. */
int gw_tcp_look(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why);

#endif

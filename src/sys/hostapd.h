/* hostapd.h: a client of hostapd's control socket (Unix datagrams): which stations of its
 * interface are authorised, and under which EAP identity. It never blocks and never gives up: a
 * hostapd that is not there or does not answer is asked again with backoff, and after each
 * (re)connection all its stations are gone through (STA-FIRST, STA-NEXT).
 *
 * An event is only a reason to ask: with hostapd's wired driver AP-STA-DISCONNECTED often follows
 * an authentication at once although the station stays authorised. The answer to `STA` decides. A
 * station is said to have left only after such an answer; while hostapd is away nobody comes and
 * nobody leaves.
 *
 * The socket is bound to an abstract address of the network namespace (autobind) after it was
 * connected, so that Linux lets nobody but hostapd send to it. System calls, also to reconnect:
 * socket, connect, bind, send, recv, close.
 *
 *     gw_hostapd_init(&h, "/run/hostapd/wlan0", fn, user);
 *     gw_hostapd_run(&h, now);       // at the start, when readable and at gw_hostapd_deadline
 *     watch h.fd (it changes when h.connections does; -1: none) and the deadline
 */
#ifndef GW_SYS_HOSTAPD_H
#define GW_SYS_HOSTAPD_H

#include "base/table.h"
#include "wire/hostapd.h"

#include <sys/un.h>

#define GW_HOSTAPD_STATIONS 4096 /* per hostapd, which itself has at most 2007 */

enum gw_hostapd_news {
    GW_HOSTAPD_CAME, /* authorised just now: it is here */
    GW_HOSTAPD_MAY,  /* authorised, as found when going through all: it may be here */
    GW_HOSTAPD_LEFT, /* not authorised any more */
    GW_HOSTAPD_ALL,  /* every station that is authorised has been said; sta is NULL */
};
/* nai: NULL without an EAP identity, and with LEFT and ALL. Nothing of h may be called in it. */
typedef void gw_hostapd_fn(void *user, enum gw_hostapd_news news, const struct gw_lladdr *sta,
                           const struct gw_mnid *nai);

struct gw_hostapd_known;

struct gw_hostapd {
    struct sockaddr_un path;
    gw_hostapd_fn *fn;
    void *user;
    int fd;                /* -1: not connected */
    uint64_t connections;  /* so far */
    bool attached;         /* hostapd has answered ATTACH */
    uint8_t asking;        /* the request that waits for its answer */
    struct gw_lladdr whom; /* it is about */
    bool walking;          /* going through all stations; from `at` on, len 0: the first */
    struct gw_lladdr at;
    uint32_t steps, round;
    struct gw_time deadline, backoff;
    struct gw_table known;                 /* struct gw_hostapd_known, owned */
    struct gw_hostapd_known *first, *last; /* to be asked for */
    uint64_t events, bad, full;            /* counters: events of stations; malformed; no room */
};

/* path: cut to what a socket's name can have (the configuration's check). Allocates nothing. */
void gw_hostapd_init(struct gw_hostapd *h, const char *path, gw_hostapd_fn *fn, void *user);
/* Reads what is there, sends what is due, connects again when it is time; bounded work. */
void gw_hostapd_run(struct gw_hostapd *h, struct gw_time now);
struct gw_time gw_hostapd_deadline(const struct gw_hostapd *h);
void gw_hostapd_close(struct gw_hostapd *h); /* silently */

#endif

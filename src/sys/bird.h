/* bird.h: a client of BIRD 2's control socket (a Unix stream, the protocol of birdc) that switches
 * protocols on and off: while a service has an instance, the protocol with its anycast route is
 * enabled. It never blocks and never gives up: a BIRD that is not there is tried again with
 * backoff, and after each (re)connection, and every GW_BIRD_AGAIN, all that is wanted is said
 * again, because BIRD may have been restarted or configured anew.
 *
 * What a protocol announces, and to whom, is BIRD's configuration (`godwit export bird`).
 *
 *     gw_bird_init(&b, "/run/bird/bird.ctl", fn, user);
 *     gw_bird_want(&b, "godwit_web", true);
 *     gw_bird_run(&b, now);       // after gw_bird_want, when readable and at gw_bird_deadline
 *     watch b.fd (it changes when b.connections does; -1: none) and the deadline
 */
#ifndef GW_SYS_BIRD_H
#define GW_SYS_BIRD_H

#include "base/types.h"

#include <sys/un.h>

#define GW_BIRD_NAME  80 /* of a protocol, with its NUL */
#define GW_BIRD_AGAIN GW_SEC(10)

struct gw_bird_protocol {
    char name[GW_BIRD_NAME];
    bool on;      /* what is wanted */
    bool said;    /* and BIRD has answered since */
    bool forget;  /* when it is said */
    uint8_t told; /* the last answer that fn was told */
};

/* BIRD has done it, or why: it refused. Not again when the answer is that of the last time. */
typedef void gw_bird_fn(void *user, const struct gw_bird_protocol *p, const char *why);

struct gw_bird {
    struct sockaddr_un path;
    gw_bird_fn *fn;
    void *user;
    int fd;               /* -1: not connected */
    uint64_t connections; /* so far */
    bool greeted;         /* BIRD is there */
    bool asking;          /* that whom[] be switched; the answer is waited for */
    bool asked_on;
    char whom[GW_BIRD_NAME];
    struct gw_time deadline, backoff;
    size_t n, size;
    struct gw_bird_protocol *protocols; /* owned */
    size_t used;
    char line[512]; /* that is not complete */
};

/* path: cut to what a socket's name can have (the configuration's check). */
void gw_bird_init(struct gw_bird *b, const char *path, gw_bird_fn *fn, void *user);
/* name: letters, digits and '_'. GW_ENOMEM. */
int gw_bird_want(struct gw_bird *b, const char *name, bool on);
/* Switches it off, and is silent about it then. */
void gw_bird_forget(struct gw_bird *b, const char *name);
/* Reads what is there, asks what is to be said, connects again when it is time; bounded work. */
void gw_bird_run(struct gw_bird *b, struct gw_time now);
struct gw_time gw_bird_deadline(const struct gw_bird *b);
/* Switches everything off and waits for the answers, at most `ms`; before an end that leaves
 * nothing. */
void gw_bird_withdraw(struct gw_bird *b, int ms);
void gw_bird_close(struct gw_bird *b);

#endif

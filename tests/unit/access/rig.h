/* rig.h: an access function with a clock to turn and a drawer for what it sends. */
#ifndef TEST_ACCESS_RIG_H
#define TEST_ACCESS_RIG_H

#include "fn/access/access.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RIG_FRAMES 256

struct frame {
    uint32_t iface;
    struct gw_lladdr src, dst;
    size_t len;
    uint8_t data[1280];
    struct gw_nd nd; /* the same, parsed */
};

struct rig {
    struct gw_config cfg;
    struct gw_alloc al;
    size_t out;  /* octets allocated and not freed */
    long credit; /* allocations that still succeed; negative: all */
    struct gw_timers timers;
    struct gw_time now;
    struct gw_access a;
    size_t n, total;  /* frames in the drawer, and ever */
    unsigned queries; /* MLD */
    struct frame frame[RIG_FRAMES];
};

extern const struct gw_lladdr rig_mn, rig_mn2;
extern const struct gw_addr rig_mn_ll; /* EUI-64 link-local of rig_mn */
extern const struct gw_station_key rig_key, rig_key2;
/* DLIF number i (1..99) with the i-th anchor's addresses and a prefix of its pool. */
struct gw_access_dlif rig_dlif(unsigned i, bool previous);

struct rig *rig_new(long credit);
void rig_free(struct rig *r); /* and everything must have been given back */
void rig_clear(struct rig *r);
void rig_run(struct rig *r, struct gw_time span); /* turns the clock, timers fire */
enum gw_access_seen rig_hear(struct rig *r, const struct gw_lladdr *src, const struct gw_nd *m);
enum gw_access_seen rig_rs(struct rig *r, const struct gw_lladdr *src);
enum gw_access_seen rig_ns(struct rig *r, const struct gw_addr *from, const struct gw_addr *target);

/* The frame is the golden packet, the options in any order. */
void rig_same(const struct frame *f, const uint8_t *golden, size_t len, size_t options);

int access_send_tests(void);
int access_hear_tests(void);

#endif

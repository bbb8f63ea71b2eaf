/* schedule.h: what happens to a domain and when, as data and as text, one operation a line:
 *
 *     domain maars=4 stations=8 mode=proxy delay=5000us durability=batch idle=0s seed=1 span=60s
 *     1.500000 attach mn3 maar2 carrier
 *
 * Written by draw.c or by people, executed by apply.c, made shorter by shrink.c.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "node/config.h"

#include <stdio.h>

enum sim_op_kind {
    SIM_ATTACH,  /* mn, node; flag: the carrier came up with it */
    SIM_LEAVE,   /* mn; flag: the access point says so */
    SIM_FLOW,    /* mn, span: a packet each `amount` us from its newest address */
    SIM_CRASH,   /* node, span: down for so long; flag: with the machine */
    SIM_PAUSE,   /* node, span */
    SIM_LINK,    /* node, other, span: both ways; amount: loss, more: duplicates and reordering */
    SIM_CUT,     /* node, other, span: one way */
    SIM_CLOCK,   /* node; amount: ms to step the wall clock by */
    SIM_DRIFT,   /* node; amount: parts per million */
    SIM_NOMEM,   /* node; amount: allocations refused */
    SIM_DISK,    /* node, span: full (flag) or each commit takes amount us */
    SIM_REPLAY,  /* amount: which of the messages seen lately */
    SIM_HOSTILE, /* amount: which, with more deciding what is changed in it */
    SIM_MODE,    /* amount: enum gw_cmd_mode */
    SIM_OPS
};
struct sim_op {
    int64_t at; /* ns, multiple of 1000 */
    enum sim_op_kind kind;
    uint32_t mn, node, other;
    int64_t span;
    int64_t amount;
    uint32_t more;
    bool flag;
};

struct sim_schedule {
    uint32_t maars, stations;
    enum gw_cmd_mode mode;
    enum gw_durability durability;
    int64_t delay, idle, span;
    uint64_t seed; /* of what links do to single packets, and of ties */
    struct sim_op *op;
    size_t nops;
};

/* A mix of faults drawn from a seed; sizes of 0 are drawn too. */
struct sim_mix {
    uint32_t maars, stations;
    int64_t span;
    uint32_t ops;
    bool calm; /* no faults */
};
struct sim_schedule *sim_draw(uint64_t seed, const struct sim_mix *mix);
struct sim_schedule *sim_schedule_copy(const struct sim_schedule *s);
void sim_schedule_free(struct sim_schedule *s);
void sim_schedule_write(const struct sim_schedule *s, FILE *f);
/* NULL: the reason, with file and line, is in why. */
struct sim_schedule *sim_schedule_read(FILE *f, const char *name, char *why, size_t size);

#endif

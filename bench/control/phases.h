/* phases.h: what is measured of one node with N bindings, each phase over the state that the one
 * before has left: registered, handed over, refreshed, expired.
 */
#ifndef BENCH_CONTROL_PHASES_H
#define BENCH_CONTROL_PHASES_H

#include "drive.h"

enum phase {
    PHASE_INITIAL,  /* N stations register one after the other with an empty node */
    PHASE_HANDOVER, /* each registers with another peer; the previous one is told and answers */
    PHASE_REFRESH,  /* some refresh, in no order */
    PHASE_EXPIRE,   /* all expire; peers are told and answer */
    PHASES
};
const char *phase_name(enum phase p);

struct phase_result {
    struct drive_time took;
    size_t done; /* registrations, handovers, refreshes, expiries */
};
struct phases_result {
    struct phase_result phase[PHASES];
    size_t held; /* octets for N bindings with one previous anchor each, without the empty node's */
};

/* Adds one pass over all phases to *out. dir: of a new database, NULL: none. */
void phases_run(const struct domain *d, const char *dir, uint32_t n, size_t refreshes,
                struct phases_result *out);

#endif

/* mesh.h: forwarders that tell each other of service instances, in one process: a virtual clock and
 * a network that delays, loses, duplicates and cuts. Messages are written and parsed as octets.
 */
#ifndef TESTS_UNIT_METRIC_MESH_H
#define TESTS_UNIT_METRIC_MESH_H

#include "../test_alloc.h"
#include "base/prng.h"
#include "fn/metric/metric.h"

#define M_NODES  12
#define M_FLYING 20000

struct m_packet {
    int64_t at;
    size_t from, to, len;
    uint8_t *data;
};
struct m_node {
    size_t index;
    struct mesh *mesh;
    struct gw_metric_config cfg;
    struct gw_timers timers;
    struct gw_mh out;
    struct gw_metric m;
    bool up;
    uint64_t changes;
};
struct mesh {
    struct test_alloc mem;
    struct gw_alloc al;
    struct gw_prng prng;
    struct gw_time now;
    size_t n;
    struct m_node node[M_NODES];
    bool peer[M_NODES][M_NODES]; /* they are neighbours */
    bool source[M_NODES];        /* it speaks for itself only */
    bool link[M_NODES][M_NODES]; /* and the way from one to the other is there */
    unsigned loss, dup;          /* of 100 */
    int64_t delay;               /* ns; as much again at random */
    uint64_t sent, octets;
    size_t nflying;
    struct m_packet flying[M_FLYING];
};

void mesh_begin(struct mesh *s, size_t n, uint64_t seed);
void mesh_link(struct mesh *s, size_t a, size_t b); /* neighbours */
void mesh_start(struct mesh *s, size_t i, uint32_t epoch);
void mesh_stop(struct mesh *s, size_t i);
void mesh_run(struct mesh *s, struct gw_time span);
void mesh_end(struct mesh *s); /* nothing is left */
struct gw_addr mesh_addr(size_t i);
struct gw_cats_service mesh_service(unsigned s);
struct gw_addr mesh_csci(size_t origin, unsigned i);
int mesh_say(struct mesh *s, size_t i, unsigned service, unsigned instance,
             enum gw_cats_state state, uint32_t load);
/* As node i knows it, NULL: not, or gone. */
const struct gw_metric_instance *mesh_get(struct mesh *s, size_t i, size_t origin, unsigned service,
                                          unsigned instance);
/* Does every running node know the same of every instance? */
bool mesh_agrees(struct mesh *s);

#endif

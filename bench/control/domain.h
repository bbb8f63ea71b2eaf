/* domain.h: the domain that the control-plane benchmarks work on: a CMD with its MAARs, or an LMA
 * with its MAGs, by number; the configuration of that node; and the messages of its peers, made by
 * the real codec under the real keys.
 *
 * Left to others: feeding them to a node (drive.c) or through sockets (control_load.c).
 */
#ifndef BENCH_CONTROL_DOMAIN_H
#define BENCH_CONTROL_DOMAIN_H

#include "node/config.h"

#define DOMAIN_PEERS_MAX 1000

struct domain {
    enum gw_role role; /* of the node under test: GW_ROLE_CMD or GW_ROLE_LMA */
    unsigned peers;
    bool auth; /* MACs and Mesg-IDs; else ESP is asked for, of which the node sees nothing */
};

struct gw_addr domain_node(void);
struct gw_addr domain_peer(unsigned peer);
/* Of an address of domain_peer; UINT_MAX: of none. */
unsigned domain_peer_of(const struct gw_addr *a);
struct gw_key domain_key(unsigned peer);
/* CMD: what a MAAR gives to a station. */
struct gw_prefix domain_prefix(unsigned peer, uint32_t station);

/* The configuration file of the node; dir: of its control socket, state and pins. To be freed. */
char *domain_yaml(const struct domain *d, const char *dir);

/* One message of a peer, as it will be sent at `now`. */
struct domain_pbu {
    uint32_t station;
    unsigned peer;
    uint16_t seq, lifetime;    /* units of 4 s */
    uint8_t hi;                /* enum gw_handoff */
    int64_t attached_ns;       /* wall clock: the Timestamp */
    unsigned previous;         /* CMD: in a refresh, the previous MAAR; UINT_MAX: none */
    struct gw_prefix assigned; /* LMA: the prefix it has given; length 0: none yet */
};
/* Octets written (at most GW_MH_MAX). Each message of a peer must be later than the one before: its
 * Mesg-ID is the time. */
size_t domain_write_pbu(const struct domain *d, const struct domain_pbu *p, struct gw_now now,
                        uint8_t *out);
/* The answer of a peer to a PBU or BRI from the node. */
size_t domain_write_answer(const struct domain *d, unsigned peer, const struct gw_mh *asked,
                           struct gw_now now, uint8_t *out);

/* The station that a message is about; UINT32_MAX: it does not say. */
uint32_t domain_station_of(const struct gw_mh *m);

#endif

/* node_world.h: one real node between peers that the fuzzer speaks for, with a memory store, the
 * native packet path, a virtual clock and memory that fails when told to; and what must always hold
 * of it. fuzz_node.c decides what happens.
 */
#ifndef GW_FUZZ_NODE_WORLD_H
#define GW_FUZZ_NODE_WORLD_H

#include "node/node_int.h"
#include "plane/native.h"
#include "store/store.h"

enum {
    FZ_PEERS = 4,  /* 0: the CMD or LMA (or one more MAAR); 3: under ESP, without a MAC */
    FZ_MNS = 4,    /* mobile nodes */
    FZ_SENT = 64,  /* messages of the node that are remembered */
    FZ_KNOWN = 64, /* prefixes that the packet path was told of */
    FZ_DONE = 512, /* answers of the packet path that wait */
};

struct fz_sent {
    struct gw_mh_addrs addrs;
    size_t len;
    uint8_t data[GW_MH_MAX];
};

struct fz_world {
    struct gw_alloc al;
    size_t live;    /* octets */
    unsigned fails; /* so many allocations from now on are refused */
    struct gw_config cfg[2];
    unsigned cfg_now;
    struct gw_cfg_if ifs[2];
    struct gw_cfg_pool pool;
    struct gw_cfg_policy policy[2];
    struct gw_cfg_peer peers[FZ_PEERS];
    struct gw_prefix pools[FZ_PEERS], local;
    struct gw_node *node;
    struct gw_native *plane;
    struct gw_intent_result applied;
    struct gw_store *store;
    bool spoilt; /* there are records that no node has written */
    struct gw_now now;
    uint64_t mesgid;
    unsigned plane_fails; /* so many intents are not applied */
    uint8_t used; /* 0: no prefix carries packets; else when last, in s before now, plus 1 */
    struct fz_sent sent[FZ_SENT];
    size_t nsent; /* so far; the last FZ_SENT are kept */
    struct gw_input done[FZ_DONE];
    size_t ndone;
    struct gw_prefix known[FZ_KNOWN];
    size_t nknown;
};

/* Ends the process, and says why, when it does not hold. */
#define fz_demand(holds) fz_holds((holds), #holds, __func__)
void fz_holds(bool holds, const char *what, const char *where);
/* A node of one of the variants (any number), started. NULL never. */
struct fz_world *fz_new(uint8_t variant, uint8_t options);
void fz_free(struct fz_world *w); /* all memory must have been given back */

void fz_input(struct fz_world *w, const struct gw_input *in);
void fz_advance(struct fz_world *w, int64_t ns);
void fz_restart(struct fz_world *w); /* the process is killed; the store and the path survive */
void fz_reload(struct fz_world *w, uint8_t how);
void fz_operate(struct fz_world *w, uint8_t what, uint8_t who);
void fz_policies(struct fz_world *w, bool esp);
void fz_show(struct fz_world *w);
/* A message of a peer, with a new Mesg-ID and the peer's protection. flip: an octet of it is
 * changed (`at`, by `with`; 0 changes nothing), under a MAC before it is checked. */
struct fz_flip {
    uint16_t at;
    uint8_t with;
};
void fz_send(struct fz_world *w, unsigned peer, struct gw_mh *m, uint64_t late, struct fz_flip f);
void fz_seal(const struct gw_mh_addrs *addrs, uint8_t *buf, size_t len); /* the checksum */
/* The answer that a well-meaning peer gives to a message of the node; false: it gives none. The
 * views are of s. */
bool fz_answer(const struct fz_world *w, const struct fz_sent *s, struct gw_mh *m, unsigned *peer);
/* Everybody leaves, the peers are helpful, and time passes: then nothing must be left. */
void fz_end(struct fz_world *w);

struct gw_addr fz_addr(unsigned peer);
struct gw_station_key fz_station(unsigned mn);
struct gw_mnid fz_mnid(unsigned mn);
struct gw_prefix fz_prefix(unsigned peer, unsigned mn); /* of a peer's pool */

#endif

/* binding.h: the one binding structure: (a mobile node) → (where it is served, which prefixes it
 * has and who anchors each), with a lifetime, an order and a sequence. The CMD's binding cache and
 * a MAAR's binding list hold the same core and add their own state around it.
 *
 * Two ways in, both O(1): by MN-ID, and by prefix, where a prefix has exactly one owner.
 */
#ifndef GW_FN_LM_BINDING_H
#define GW_FN_LM_BINDING_H

#include "base/table.h"
#include "fn/lm/lm.h"

enum gw_anchor_state {
    GW_ANCHOR_SETTLED,
    GW_ANCHOR_UPDATING, /* CMD: the anchor is being told of the new serving MAAR */
    /* No longer the node's. CMD: the anchor is being told to let go; S-MAAR: the CMD is. */
    GW_ANCHOR_RELEASING,
    GW_ANCHOR_TRANSIT, /* MAAR: served until a moment ago, forwards what is still in flight */
};
const char *gw_anchor_state_name(enum gw_anchor_state s);

struct gw_binding;

/* A prefix of a mobile node and the MAAR whose pool it is from. A CMD has millions: what few have
 * is allocated apart, and the order of members leaves no gap. */
struct gw_anchor {
    struct gw_prefix prefix; /* the key */
    uint8_t mac[6];          /* of its DLIF: gw_anchor_lladdr */
    enum gw_anchor_state state : 4;
    bool mark : 1;             /* scratch of whoever compares lists */
    bool heard : 1;            /* S-MAAR, locator: its own answer has come */
    struct gw_addr link_local; /* of its DLIF */
    struct gw_addr maar;
    struct gw_binding *binding;
    struct gw_anchor *next;
    struct gw_locals *locals; /* gw_anchor_locals */
    struct gw_exchange ex;    /* CMD: the PBU to this anchor; S-MAAR: about it to the CMD */
    union {
        struct gw_time used; /* S-MAAR: the last packet that is known of, or when serving began */
        uint64_t told;       /* CMD: the Timestamp in the PBU */
    };
};

struct gw_binding {
    struct gw_mnid mnid;       /* the octets follow the structure this is the head of */
    struct gw_binding *next;   /* LMA: of the same mobile node, for another interface */
    struct gw_addr serving;    /* zero: nobody */
    uint64_t attached;         /* Timestamp of the attachment that is in force (RFC 5213 §5.5) */
    struct gw_anchor *anchors; /* most recently serving first; CMD: or in use (mobility/evict) */
    uint32_t number;           /* of all that this node has made, in their order; it wraps */
    uint16_t size;             /* of the whole allocation */
    uint16_t nanchors;
    uint16_t seq;            /* last sequence number used (by us) */
    uint16_t lifetime;       /* granted, units of 4 s */
    uint8_t att, hi;         /* as registered */
    struct gw_lladdr lladdr; /* the mobile node's */
};
/* Was it made after the binding of that number? */
static inline bool gw_binding_since(const struct gw_binding *b, uint32_t number)
{
    return (int32_t)(b->number - number) > 0;
}

struct gw_bindings {
    struct gw_lm *lm;
    bool several; /* a mobile node may have several: the table has the first, `next` the others */
    struct gw_table by_mnid, by_prefix;
};

void gw_bindings_init(struct gw_bindings *bs, struct gw_lm *lm, size_t limit, uint64_t seed);
/* Frees every binding; free_one stops what the owner has hanging on it. */
void gw_bindings_free(struct gw_bindings *bs, void (*free_one)(struct gw_binding *b));

/* Adds a zeroed object of `size` octets whose head is a struct gw_binding. NULL with *err =
 * GW_EFULL or GW_ENOMEM, or GW_EEXIST unless `several`. */
struct gw_binding *gw_binding_new(struct gw_bindings *bs, size_t size, const struct gw_mnid *mn,
                                  int *err);
/* With its anchors (their exchanges are stopped). */
void gw_binding_free(struct gw_bindings *bs, struct gw_binding *b);
struct gw_binding *gw_binding_get(const struct gw_bindings *bs, const struct gw_mnid *mn);
/* The latest attachment that any of them knows; 0 without one. */
uint64_t gw_bindings_latest(const struct gw_bindings *bs);

/* Adds an anchor in front. NULL with *err = GW_EEXIST (the prefix has an owner) or GW_ENOMEM. */
struct gw_anchor *gw_anchor_add(struct gw_bindings *bs, struct gw_binding *b,
                                const struct gw_lm_previous *p, int *err);
void gw_anchor_del(struct gw_bindings *bs, struct gw_anchor *a);
struct gw_anchor *gw_anchor_get(const struct gw_bindings *bs, const struct gw_prefix *p);
/* The anchor in b that belongs to a MAAR, but for those being released. */
struct gw_anchor *gw_anchor_of(const struct gw_binding *b, const struct gw_addr *maar);
void gw_anchor_to_front(struct gw_anchor *a);
void gw_anchor_to_back(struct gw_anchor *a);
/* Its DLIF's link-layer address: of six octets, or none. */
struct gw_lladdr gw_anchor_lladdr(const struct gw_anchor *a);
void gw_anchor_set_lladdr(struct gw_anchor *a, const struct gw_lladdr *l);
/* The networks behind it; of the own anchor: as the CMD was told last. Never NULL. */
const struct gw_locals *gw_anchor_locals(const struct gw_anchor *a);
/* GW_ENOMEM: counted, and it has none then. */
int gw_anchor_set_locals(struct gw_lm *lm, struct gw_anchor *a, const struct gw_locals *l);
struct gw_lm_previous gw_anchor_values(const struct gw_anchor *a);

/* The durable form of the core, in a record of its owner. */
#define GW_RECORD_MAX 9216
/* The key of what is remembered of a mobile node: kind | MN-ID subtype | MN-ID. Its length. */
#define GW_RECORD_KEY_MAX 257
size_t gw_record_key(char kind, const struct gw_mnid *mn, uint8_t key[static GW_RECORD_KEY_MAX]);
void gw_binding_write(struct gw_wr *w, const struct gw_binding *b);
/* The binding of a record, with its identity only; size is that of the owner's entry. NULL with
 * *err GW_EVERSION, GW_EFORMAT, GW_EEXIST, GW_EFULL or GW_ENOMEM. */
struct gw_binding *gw_binding_open(struct gw_rd *r, uint8_t version, struct gw_bindings *bs,
                                   size_t size, int *err);
/* 0, GW_EFORMAT, GW_EEXIST (a prefix has another owner), GW_ENOMEM; on failure the caller frees
 * the binding. */
int gw_binding_read(struct gw_rd *r, struct gw_bindings *bs, struct gw_binding *b);
void gw_wr_lladdr(struct gw_wr *w, const struct gw_lladdr *l);
bool gw_rd_lladdr(struct gw_rd *r, struct gw_lladdr *l);
/* Where a mobile node is, NULL for nowhere: on link | interface name | link-layer address. The last
 * thing in a record. */
void gw_wr_station(struct gw_wr *w, const struct gw_config *cfg, const struct gw_station_key *st);
/* false: nowhere, at an interface that is not there any more, or (r->bad) not to be read. */
bool gw_rd_station(struct gw_rd *r, const struct gw_config *cfg, struct gw_station_key *st);

#endif

/* plane_impl.h: what the files of the loader share; for src/sys/plane*.c only. */
#ifndef GW_SYS_PLANE_IMPL_H
#define GW_SYS_PLANE_IMPL_H

#include <net/if.h>

#include "base/err.h"
#include "plane/entries.h"
#include "plane/serve_tables.h"
#include "sys/plane.h"

struct gw_bpf_if {
    char name[IFNAMSIZ];
    uint32_t ifindex, mtu;
    enum gw_t_side side;
    bool want_xdp, must_xdp; /* of the configuration; must: failing is an error */
    bool xdp;                /* it has it */
};

struct gw_bpf {
    const struct gw_log *log;
    char *pin_dir;
    struct gw_path *skel;
    struct gw_addr addr;
    size_t nifs;
    struct gw_bpf_if *ifs;
    uint32_t *ifindex; /* as in ifs, for struct gw_ifmap */
    uint32_t generation;
    uint32_t lpm_used, nets_used, services_used, instances_here; /* as in struct gw_t_self */
    uint32_t holds_used;                                         /* likewise */
    bool keeps;                   /* packets of clients that move are to be kept back */
    struct gw_bpf_keeper *keeper; /* NULL: nobody does */
    struct gw_t_steer *steer;     /* the map, GW_SERVICES_MAX of them */
    uint64_t service_ids;         /* bits: those in use */
    struct gw_steer_rule rule[GW_SERVICES_MAX];
    struct gw_bpf_service {
        struct gw_t_cs_key key;
        uint64_t timeout_ns;
        uint32_t affinity;
    } service[GW_SERVICES_MAX]; /* those in use */
    bool adopted;
    struct gw_time deadline; /* at 0 first: a former loader may have lowered MTUs */
    struct gw_time sweep_at; /* 0 first, as there may be flows */
    struct gw_bpf_sweep *sweep;
    int ncpus;
    struct ring_buffer *ring;
    int epoll_fd, icmp_fd, raw_fd, link_fd;
    const struct gw_bpf_ops *ops; /* during a dispatch */
    void *user;
};

static inline struct gw_ifmap gw_bpf_ifmap(const struct gw_bpf *b)
{
    return (struct gw_ifmap){.ifindex = b->ifindex, .n = b->nifs};
}

/* Logs "what: strerror(errno)" and returns GW_ESYS. */
int gw_bpf_fail(const struct gw_bpf *b, const char *what);

/* plane_pin.c: the directory of pins. */
int gw_bpf_pin_dir(const struct gw_bpf *b); /* creates it; GW_ESYS if it is not on a bpffs */
/* Schema of what is pinned; 0: nothing is; or GW_ESYS. */
int64_t gw_bpf_pinned_schema(const struct gw_bpf *b);
void gw_bpf_unpin_all(const struct gw_bpf *b);
void gw_bpf_pin_path(const struct gw_bpf *b, const char *what, const char *name, size_t size,
                     char *out);

/* plane_attach.c: programs on interfaces. */
int gw_bpf_attach(struct gw_bpf *b, struct gw_bpf_if *i);
int gw_bpf_attach_tc(const struct gw_bpf *b, const struct gw_bpf_if *i); /* the tc form alone */
void gw_bpf_detach_tc(uint32_t ifindex);
void gw_bpf_detach_xdp(const struct gw_bpf *b, const char *ifname);

/* plane_maps.c: tells the programs which tables are worth a lookup. */
int gw_bpf_set_used(const struct gw_bpf *b);

/* plane_serve.c: services. */
int gw_bpf_serve_open(struct gw_bpf *b);
void gw_bpf_serve_close(struct gw_bpf *b);
int gw_bpf_serve_apply(struct gw_bpf *b, const struct gw_intent *in);
void gw_bpf_serve_sync(struct gw_bpf *b); /* removes what was not set since the start */
bool gw_bpf_service_used(const struct gw_bpf *b, uint32_t id);
/* Is it the CS-ID of an instance that this node is the egress of? */
bool gw_bpf_serves_here(struct gw_bpf *b, const struct gw_t_addr *cs_id);
/* A flow of that candidate begins (1) or has ended (-1); GW_T_NO_CANDIDATE: nothing. */
void gw_bpf_in_flight(const struct gw_bpf *b, uint32_t candidate, int by);
/* The candidate that the flow counts at, or GW_T_NO_CANDIDATE. */
uint32_t gw_bpf_candidate_of(const struct gw_bpf *b, const struct gw_t_flow *f);

/* The service that packets of a flow are for, and the key of the flow's entry; or GW_ENOENT. */
int gw_bpf_find_service(const struct gw_bpf *b, const struct gw_addr *cs_id,
                        const struct gw_flow_id *flow, struct gw_t_cs *s,
                        struct gw_t_flow_key *key);

/* plane_flows.c: flows. */
int gw_bpf_flow_apply(struct gw_bpf *b, const struct gw_intent *in);
/* The next GW_BPF_BATCH entries, or fewer, of `flows` or `pending`. *at: 0 at first. How many; or
 * GW_ENOENT: that was all, or GW_ESYS. */
enum { GW_BPF_BATCH = 1024 };
struct gw_bpf_batch {
    uint32_t at;
    bool begun, over;
    struct gw_t_flow_key key[GW_BPF_BATCH];
    struct gw_t_flow value[GW_BPF_BATCH];
};
int gw_bpf_next_batch(const struct gw_bpf *b, bool pending, struct gw_bpf_batch *batch);
int gw_bpf_sweep_open(struct gw_bpf *b);
void gw_bpf_sweep_close(struct gw_bpf *b);
/* A slice, each second: flows that are over end, and counts of flows in flight are set right. */
void gw_bpf_sweep(struct gw_bpf *b, struct gw_time now);

/* plane_events.c */
int gw_bpf_events_open(struct gw_bpf *b);
void gw_bpf_events_close(struct gw_bpf *b);
void gw_bpf_add_counter(const struct gw_bpf *b, enum gw_reason r);
void gw_bpf_add_counters(const struct gw_bpf *b, enum gw_reason r, uint64_t by);

/* plane_hold.c: what is kept back. */
int gw_bpf_keeper_open(struct gw_bpf *b); /* also without one: nothing is held by an old one */
void gw_bpf_keeper_close(struct gw_bpf *b);
int gw_bpf_keeper_fd(const struct gw_bpf *b);          /* -1: none */
uint32_t gw_bpf_keeper_device(const struct gw_bpf *b); /* its ifindex; 0: none */
void gw_bpf_keeper_dispatch(struct gw_bpf *b);
struct gw_time gw_bpf_keeper_deadline(const struct gw_bpf *b);
void gw_bpf_keeper_expire(struct gw_bpf *b, struct gw_time now);
const struct gw_keeper_count *gw_bpf_keeper_count(const struct gw_bpf *b); /* or NULL */
int gw_bpf_hold_apply(struct gw_bpf *b, const struct gw_intent *in);
int gw_bpf_mark(const struct gw_bpf *b, const struct gw_intent_mark *in);

#endif

/* config.h: a node's configuration as values: what src/conf makes of a YAML file and what the node
 * runs on. Plain data, owned by one arena (gw_config_free); strings and arrays live in it. Every
 * default is in the YANG model (src/conf/godwit.yang), none here.
 */
#ifndef GW_NODE_CONFIG_H
#define GW_NODE_CONFIG_H

#include "base/alloc.h"
#include "base/log.h"
#include "fn/metric/path.h"
#include "fn/metric/report.h"
#include "fn/metric/score.h"
#include "plane/intent.h"
#include "wire/auth.h"
#include "wire/mh.h"
#include "wire/radius.h"

enum gw_role {
    GW_ROLE_MAAR = 1u << 0,
    GW_ROLE_CMD = 1u << 1,
    GW_ROLE_LMA = 1u << 2,
    GW_ROLE_MAG = 1u << 3,
    /* CATS (RFC 10053) */
    GW_ROLE_D_ROUTER = 1u << 4,        /* forwarder with C-PS and C-TC: ingress and egress */
    GW_ROLE_D_FORWARDER = 1u << 5,     /* C-TC only: asks its D-Router on a miss; egress too */
    GW_ROLE_METRIC_AGENT = 1u << 6,    /* C-SMA of its own, at the instances' host */
    GW_ROLE_PATH_SELECTOR = 1u << 7,   /* C-PS of its own: answers and pushes */
    GW_ROLE_LOCATION_SERVER = 1u << 8, /* knows at which ingress clients have flows */
};
#define GW_ROLES_STEERING ((unsigned)(GW_ROLE_D_ROUTER | GW_ROLE_D_FORWARDER))
#define GW_ROLES_CATS                                                           \
    ((unsigned)(GW_ROLE_D_ROUTER | GW_ROLE_D_FORWARDER | GW_ROLE_METRIC_AGENT | \
                GW_ROLE_PATH_SELECTOR))
/* Those that have stations, and those that have tunnels for them. */
#define GW_ROLES_ACCESS     ((unsigned)(GW_ROLE_MAAR | GW_ROLE_MAG))
#define GW_ROLES_FORWARDING ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA | GW_ROLE_MAG))

/* Where mobile nodes are; other nodes and the world; clients that do not move (CATS ingress). */
enum gw_if_side { GW_IF_ACCESS, GW_IF_CORE, GW_IF_CLIENT };
enum gw_if_hook { GW_HOOK_AUTO, GW_HOOK_TC, GW_HOOK_XDP };
struct gw_cfg_if {
    const char *name; /* of the Linux interface */
    enum gw_if_side side;
    enum gw_if_hook hook;
    const char *ap; /* name of the access point, for people; NULL: the interface's */
};

/* Of a mobile node's prefixes: what address autoconfiguration works with (RFC 4862, RFC 2464). */
#define GW_NODE_PREFIX_LEN 64

struct gw_cfg_pool {
    struct gw_prefix prefix; /* prefixes for mobile nodes are cut from it */
    uint8_t node_len;        /* their length; GW_NODE_PREFIX_LEN */
};

#define GW_PEER_KEYS 2 /* live keys during a rollover */
struct gw_cfg_peer {
    const char *name;
    struct gw_addr addr;
    unsigned roles; /* enum gw_role it may act in */
    size_t npools;  /* the prefixes it may anchor; 0 for a CMD */
    struct gw_prefix *pools;
    size_t nnodes;               /* whom it may register; 0: everybody */
    const char **nodes;          /* globs over gw_fmt_mnid */
    bool esp;                    /* signalling is under IPsec, which the kernel must ask for */
    bool placed;                 /* `latitude` and `longitude` are of its access point */
    int32_t latitude, longitude; /* 1/10^7 degree */
    bool bulk;                   /* it may revoke all its sessions in one message (RFC 5846 §13) */
    size_t nkeys;                /* up to GW_PEER_KEYS, the first signs; 0: no MAC, only with esp */
    struct gw_key keys[GW_PEER_KEYS];
};

/* Where the prefixes of a mobile node come from; a set of these. */
enum gw_anchoring {
    GW_ANCHORING_HERE = 1u << 0, /* from this MAAR's pool, followed by mobility (RFC 8885) */
    GW_ANCHORING_LMA = 1u << 1,  /* from a central LMA, this node being its MAG (appendix A.5) */
    GW_ANCHORING_NONE = 1u << 2, /* from this MAAR's pool, lost when it leaves; excludes HERE */
};

/* Who may attach; the first match decides. */
enum gw_match { GW_MATCH_ANY, GW_MATCH_LLADDR, GW_MATCH_MNID };
struct gw_cfg_policy {
    enum gw_match match;
    const char *pattern; /* glob (* and ?) over gw_fmt_lladdr or gw_fmt_mnid; NULL for ANY */
    bool allow;
    unsigned anchoring; /* enum gw_anchoring; 0 in a node that is neither MAAR nor MAG */
    struct gw_addr lma; /* with GW_ANCHORING_LMA: which */
    uint8_t prefixes;   /* LMA: how many a new session gets (RFC 5213 §5.4.2), 1.. */
};

enum gw_cmd_mode { GW_CMD_PROXY, GW_CMD_RELAY, GW_CMD_LOCATOR }; /* RFC 8885 §3.4, §3.2, §3.3 */
/* RFC 8885 §3.5: a previous MAAR stops its timer, or asks to leave and is told to stay. */
enum gw_dereg { GW_DEREG_STOP_TIMER, GW_DEREG_ASK };

/* Which previous MAAR goes when there are more than limits.previous_maars. */
enum gw_evict { GW_EVICT_OLDEST, GW_EVICT_IDLE }; /* longest not serving; longest without traffic */

struct gw_cfg_mobility {
    enum gw_cmd_mode cmd_mode;    /* CMD */
    struct gw_time relay_timeout; /* CMD, relay: then what has arrived is sent; 0: waits for all */
    enum gw_dereg dereg;          /* MAAR */
    enum gw_evict evict;          /* CMD */
    size_t nlocal; /* MAAR: networks that can be reached through it only (RFC 8885 §3.7) */
    struct gw_prefix *local;
    struct gw_time idle_release; /* S-MAAR: a previous anchor without traffic goes; 0: never */
};

/* RFC 5213, for LMA and MAG. */
struct gw_cfg_pmip {
    bool sequence; /* ordered by sequence numbers, not by Timestamps (§5.5) */
    struct {       /* how every MAG looks to a mobile node for this LMA's prefixes (§6.9.3) */
        struct gw_addr link_local;
        struct gw_lladdr lladdr;
    } mag;                             /* LMA: what it assigns; zero: gw_dlif_default of the LMA */
    bool local_routing;                /* MAG: EnableMAGLocalRouting (§6.10.3) */
    struct gw_time min_before_delete;  /* MinDelayBeforeBCEDelete */
    struct gw_time max_before_assign;  /* MaxDelayBeforeNewBCEAssign */
    struct gw_time timestamp_validity; /* TimestampValidityWindow */
};

struct gw_cfg_heartbeat {     /* RFC 5847 */
    struct gw_time interval;  /* HEARTBEAT_INTERVAL; 0: none are sent */
    uint32_t missing_allowed; /* MISSING_HEARTBEATS_ALLOWED */
};

#define GW_HOLD_MAX_S 31536000    /* that a node is kept out for */
struct gw_cfg_revocation {        /* RFC 5846 §11 */
    uint32_t max_retries;         /* BRIMaxRetriesNumber */
    struct gw_time initial_delay; /* InitMINDelayBRIs */
    struct gw_time max_delay;     /* MAX_BRACK_TIMEOUT */
    struct gw_time hold;          /* CMD, LMA: a node that was revoked by name stays out */
};
struct gw_cfg_notification {  /* RFC 7077 §7 */
    uint32_t max_retries;     /* MAX_UPDATE_NOTIFICATION_RETRANSMIT_COUNT */
    struct gw_time min_delay; /* MIN_DELAY_BETWEEN_UPDATE_NOTIFICATION_REPLAY */
};

/* Where attachments are learnt beside the first frame, RS and netlink. */
struct gw_cfg_hostapd {
    const char *iface;  /* the access interface its stations are on */
    const char *socket; /* hostapd's control socket of that interface */
};
struct gw_cfg_nas {
    struct gw_addr addr; /* its requests come from */
    struct gw_radius_secret secret;
    size_t nifs;
    const char **ifs; /* the access interfaces its stations are on */
};
struct gw_cfg_attachment {
    size_t nhostapd;
    struct gw_cfg_hostapd *hostapd;
    struct {                 /* accounting, RFC 2866; port 0: no listener */
        struct gw_addr addr; /* to listen on */
        uint16_t port;
        size_t nnas;
        struct gw_cfg_nas *nas;
    } radius;
};

struct gw_cfg_limits {
    uint32_t stations;       /* on this MAAR */
    uint32_t bindings;       /* mobile nodes known here */
    uint32_t previous_maars; /* per mobile node */
    uint32_t flows;          /* of services, at this ingress */
    uint32_t pending;        /* messages waiting for an acknowledgement */
    uint32_t peer_rate;      /* messages per second taken from one peer; 0: no limit */
    uint32_t station_rate;   /* attachments per minute of one station; 0: no limit */
    uint32_t notice_rate;    /* PBUs per second to previous MAARs; 0: no limit */
};

struct gw_cfg_timers {
    struct gw_time lifetime;      /* of a binding, as requested and granted */
    struct gw_time refresh;       /* before expiry */
    struct gw_time initial_ack;   /* INITIAL_BINDACK_TIMEOUT, RFC 6275 §12 */
    struct gw_time max_ack;       /* MAX_BINDACK_TIMEOUT */
    struct gw_time replay_window; /* RFC 4285 Mesg-ID */
    struct gw_time ra_interval;   /* between unsolicited unicast RAs to a station */
    struct gw_time transit;       /* old S-MAAR forwards in-flight packets to the new one */
    struct gw_time detach_guard;  /* after a detach until it counts (RFC 8885 §3.5) */
    uint32_t valid_lifetime_s;    /* of PIOs */
    uint32_t preferred_lifetime_s;
    uint32_t router_lifetime_s;
    uint32_t max_update_rate; /* PBUs per second and binding, RFC 6275 MAX_UPDATE_RATE */
};

/* -- CATS ---------------------------------------------------------------------------------------
 */

/* Who chooses (RFC 10053): each ingress; the path selector, whose shares an ingress draws from; the
 * ingress where it has fresh reports, else the path selector's shares. */
enum gw_steer_model { GW_MODEL_DISTRIBUTED, GW_MODEL_CENTRALISED, GW_MODEL_HYBRID };
struct gw_cfg_service {
    const char *name;
    struct gw_service_key key;
    enum gw_affinity affinity;
    struct gw_time affinity_timeout;
    bool reselect; /* flows of a dead instance go to another; else ICMPv6 ends them */
    enum gw_delivery delivery;
    uint32_t policy;                                 /* enum gw_steer_policy */
    struct gw_steer_rule rule;                       /* interval_ms as that of the reports */
    uint32_t max_age_ms, blur, error_limit, lasting; /* as in struct gw_t_service */
    struct {                                         /* while a client moves (doc/handover.md) */
        bool continuity;     /* its flows go on behind the next ingress; else they end */
        uint32_t packets;    /* kept back for a client, in each direction; 0: none */
        uint32_t octets;     /* likewise */
        struct gw_time most; /* for so long at most */
        bool in_order;       /* the direct path waits for the marker of the old one, `most` long */
        bool switches;       /* transactions may move to another instance (figure 3) */
    } handover;
};

enum gw_health { GW_HEALTH_NONE, GW_HEALTH_TCP, GW_HEALTH_HTTP, GW_HEALTH_REPORT };
struct gw_cfg_health {
    enum gw_health kind; /* REPORT: it must report at least every `interval` itself */
    uint16_t port;
    const char *path; /* HTTP; 2xx and 3xx are healthy */
    struct gw_time interval, timeout;
    uint32_t fall, rise; /* checks in a row */
};
struct gw_cfg_scrape { /* a Prometheus endpoint of the instance; port 0: none */
    uint16_t port;
    const char *path;
    struct gw_time interval;
    const char *name[GW_METRIC_KINDS]; /* of the time series, with {label="value"} or without */
};
/* An instance that this node or agent speaks for. */
struct gw_cfg_instance {
    const char *name;
    size_t service; /* index in `services` */
    struct gw_addr csci_id;
    struct gw_addr address; /* of its host: where it is delivered to, checked and scraped */
    bool registers;         /* it is there from when it registers itself until its lease ends */
    char token[65];         /* the credential for that; "" : none can */
    struct gw_time lease;
    uint32_t slots, weight; /* what it serves at once; share */
    struct gw_cfg_health health;
    struct gw_cfg_scrape scrape;
};

struct gw_cfg_steering {
    enum gw_steer_model model;
    struct gw_addr selector; /* the path selector; zero: none */
    struct gw_addr d_router; /* D-Forwarder: whom it asks */
    struct gw_addr egress;   /* metric-agent: the forwarder its instances are behind */
    struct gw_report_rules report;
    struct gw_time sample; /* between two looks at host and instances */
    struct gw_metric_rules scores;
    struct gw_time pace, digest; /* of the flood; its retransmission is timers.initial_ack */
    struct gw_time lifetime;     /* of a record: gone when its origin is silent for so long */
    struct gw_path_config stamp; /* interval 0: paths are not measured */
    uint16_t stamp_port;
    bool host_metrics; /* CPU, memory, pressure of the host count for its instances */
    struct {           /* HTTP registration by instances; port 0: none */
        struct gw_addr addr;
        uint16_t port;
    } http;
    const char *agent_socket; /* Unix socket of the same; NULL: none */
    const char *bird_socket;  /* where BIRD is told which services have an instance; NULL: none */
    bool kernel_routes;       /* their CS-IDs are unreachable routes in the kernel */
};

/* Handover of clients between ingresses (CATS mobility draft). */
enum gw_find { /* how a new ingress finds the old one; the first answer counts */
               GW_FIND_SERVER = 1u << 0, /* asks the location server */
               GW_FIND_PLAN = 1u << 1,   /* whose pool the client's address is from */
};
struct gw_cfg_handover {
    bool on;
    unsigned find; /* enum gw_find */
    size_t nservers;
    struct gw_addr *servers;      /* location servers: peers, or this node */
    size_t nneighbours;           /* candidates of each client that is about to move */
    struct gw_addr *neighbours;   /* peers */
    bool tokens;                  /* an egress believes an indication only with a token */
    bool placed;                  /* where this node's access point is */
    int32_t latitude, longitude;  /* 1/10^7 degree */
    struct gw_time horizon;       /* a position feed is extrapolated so far */
    uint32_t nearest;             /* candidates by position, at most */
    int32_t weak_dbm;             /* a station that is heard weaker is about to leave */
    struct gw_time candidate;     /* unused, a candidate's state goes after this */
    struct gw_time binding;       /* lifetime of what an indication makes */
    struct gw_time location;      /* lifetime of an entry of a location server */
    uint32_t retries;             /* of a message without answer; first after timers.initial_ack */
    uint32_t clients, candidates; /* limits */
    uint32_t flows;               /* of one client, limit */
    uint32_t locations;           /* location server: limit */
    struct {                      /* transactions to a better instance (figure 3) */
        uint32_t gain;            /* 1/1000: only when so much better for the expected rest */
        struct gw_time again;     /* not again for a client within this */
        struct gw_time rest;      /* expected, of a transaction that does not say */
        struct gw_time most;      /* a transfer takes at most this; then the old one goes on */
        uint32_t octets;          /* of state, limit */
        uint16_t port;            /* TLS of transfers; 0: none are done */
        const char *certificate, *key, *authority; /* PEM files */
    } transfer;
};

enum gw_on_stop { GW_STOP_LEAVE, GW_STOP_REMOVE };
/* When an acknowledgement leaves: at once; when the record survives the process; when it survives
 * a power failure. */
enum gw_durability { GW_DURABLE_NONE, GW_DURABLE_BATCH, GW_DURABLE_EACH };
/* What a system call that the daemon has no use for does. */
enum gw_sandbox { GW_SANDBOX_ENFORCE, GW_SANDBOX_LOG, GW_SANDBOX_OFF };
struct gw_config {
    struct gw_arena arena;
    const char *file; /* it was read from */
    const char *name; /* of the node; file-name safe */
    unsigned roles;
    struct gw_addr addr; /* of signalling and tunnels */
    struct gw_addr cmd;  /* the CMD's, for a MAAR; zero otherwise */
    struct gw_addr lma;  /* the LMA's, for a MAG; zero otherwise */
    struct gw_mh_codec codec;
    size_t nifs;
    struct gw_cfg_if *ifs;
    size_t npools; /* my own */
    struct gw_cfg_pool *pools;
    struct { /* how this anchor looks to mobile nodes, everywhere (DLIF) */
        struct gw_addr link_local;
        struct gw_lladdr lladdr;
    } dlif;
    uint16_t access_mtu; /* for the RA's MTU option; leaves room for the tunnel */
    uint16_t core_mtu;   /* of the path between nodes, until a Packet Too Big says less */
    size_t npeers;
    struct gw_cfg_peer *peers;
    size_t npolicy;
    struct gw_cfg_policy *policy;
    struct gw_cfg_mobility mobility;
    struct gw_cfg_pmip pmip;
    struct gw_cfg_heartbeat heartbeat;
    struct gw_cfg_revocation revocation;
    struct gw_cfg_notification notification;
    struct gw_cfg_attachment attachment;
    struct gw_cfg_limits limits;
    struct gw_cfg_timers timers;
    size_t nservices;
    struct gw_cfg_service *services;
    size_t ninstances;
    struct gw_cfg_instance *instances;
    struct gw_cfg_steering steering;
    struct gw_cfg_handover handover;
    struct {
        const char *control_socket; /* Unix socket of `godwit` */
        const char *state_dir;      /* LMDB */
        const char *pin_dir;        /* below a bpffs */
        enum gw_on_stop on_stop;
        enum gw_durability durability;
        enum gw_sandbox sandbox;
        enum gw_log_level log_level[GW_CAT_COUNT];
        uint32_t log_rate;    /* lines per second and category; 0: no limit */
        const char *log_file; /* NULL: stderr */
    } daemon;
};

/* c: one of src/conf, allocated like its arena; NULL is fine. Wipes the keys. */
void gw_config_free(struct gw_config *c);

/* Times, MTUs and how often something is repeated, as src/conf/godwit.yang has them by default: for
 * a configuration that is made without its text. The rest of c stays. */
void gw_config_defaults(struct gw_config *c);

/* The DLIF addresses of an anchor that configures none: a function of its address, so that every
 * node can tell them for a peer. */
void gw_dlif_default(const struct gw_addr *node, struct gw_addr *ll, struct gw_lladdr *mac);

#endif

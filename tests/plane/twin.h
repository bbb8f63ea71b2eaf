/* twin.h: the packet path and its twin, for tests: the same intents into BPF maps and into the
 * native tables, every frame through the native build, the tc and the XDP program (BPF test-run);
 * verdict, octets and counters must agree. Needs root: it makes a network namespace and a pin
 * directory.
 */
#ifndef TESTS_PLANE_TWIN_H
#define TESTS_PLANE_TWIN_H

#include <linux/bpf.h>

#include "test.h"

#include "base/prng.h"
#include "base/text.h"
#include "plane/native.h"
#include "sys/plane_impl.h"

enum { ROOM = 64, FRAME_MAX = 2048, CORE_MTU = 1500, TWIN_FLOWS = 65536 };

#define ME      "2001:db8:f::1"
#define PEER_A  "2001:db8:f::2"
#define PEER_B  "2001:db8:f::3"
#define WORLD   "2001:db8:5::2"
#define LOCAL   "2001:db8:1000::10" /* of station 1 */
#define SERVED  "2001:db8:a000::10" /* of station 1, anchored at A */
#define MOVED   "2001:db8:1001::10" /* station at A */
#define LOCAL80 "2001:db8:2000::10" /* of station 2, a /80 */
#define LOST    "2001:db8:1002::10" /* moved behind a peer nobody configured */
#define CUT_OFF "2001:db8:1003::10" /* moved behind a peer without a route */
#define NO_WAY  "2001:db8:bad::2"   /* an unreachable route */
#define HOLE    "2001:db8:bad:1::2" /* a blackhole route */
#define PEER_C  "2001:db8:bad::3"

extern const uint8_t st1[6], st2[6], stranger[6], group[6], dlif[6], hop_mac[6];

struct twin {
    struct gw_bpf *bpf;
    struct gw_native *native;
    uint32_t ap, core;
    uint8_t core_mac[6];
    char pins[64];
    struct gw_icmp_error error; /* the native build's last */
    unsigned errors, firsts, reports;
    bool forwarding_off, local_routing; /* of prefixes being set */
    bool no_nets;                       /* of peers being set */
};
extern struct twin T;

struct frame {
    uint8_t room[ROOM], b[FRAME_MAX];
    size_t len;
};

struct gw_addr addr(const char *text);
void sh(const char *cmd);
/* Of first packets (1 uplink, 100 downlink) and unknown stations, into T; for gw_bpf_dispatch. */
void on_first(void *user, const struct gw_prefix *prefix, bool uplink, struct gw_time seen);
void on_report(void *user, const struct gw_station_key *key, struct gw_time seen);

/* Intents, into both. */
void apply(const struct gw_intent *in);
struct gw_station_key station_key(const uint8_t mac[6]);
void set_prefix(const char *text, uint8_t len, enum gw_prefix_kind kind, const char *peer,
                const uint8_t *mac, bool watch);
void set_peer(const char *text, uint16_t mtu);
void fill_tables(void); /* as set_up leaves them */

/* Ethernet, IPv6, UDP and zeroes; the same in a tunnel packet. */
struct frame plain(const uint8_t *mac, const char *src, const char *dst, uint8_t tclass,
                   uint8_t hop, size_t payload);
struct frame tunnelled(const char *from, const char *src, const char *dst, uint8_t outer,
                       uint8_t tclass, uint8_t hop, size_t payload);

/* Any of these addresses, and something wrong with it now and then. */
struct frame any_frame(struct gw_prng *p, const char *const *all, size_t n);

/* One frame through all three. */
struct gw_native_result run(const struct frame *in, uint32_t ifindex, uint32_t gso,
                            struct frame *result);
void expect(struct frame f, bool access, enum gw_reason reason);
uint64_t bpf_counter(enum gw_reason r);

/* Opens T.bpf, once more after gw_bpf_close; 0, or why not. */
int twin_open(void);
/* CLOCK_MONOTONIC, as programs read it. */
struct gw_time twin_now(void);
/* For cmocka: the namespace, links and tables; and everything away again. */
int set_up(void **state);
int tear_down(void **state);

#endif

/* policy.h: the kernel's IPsec policies as values, and what they ask of the Mobility Header
 * messages between two addresses: the question of RFC 5213 §4, are these under ESP in transport
 * mode? Reading the kernel's database is for src/sys/xfrm.c; pure.
 *
 * The kernel takes the policy with the lowest priority value among those that match; of equal ones
 * the older, which nobody is told. So ESP is required when a policy that matches every message asks
 * for it and none that goes before, or stands beside it, may match one of them and does not.
 */
#ifndef GW_WIRE_POLICY_H
#define GW_WIRE_POLICY_H

#include "base/types.h"

enum gw_policy_dir { GW_POLICY_IN, GW_POLICY_OUT };
#define GW_POLICY_DIRS (GW_POLICY_OUT + 1)

struct gw_policy {
    enum gw_policy_dir dir;
    uint32_t priority;         /* the lowest is taken */
    struct gw_prefix src, dst; /* selector; length 0: any */
    uint8_t proto;             /* next header; 0: any */
    bool partly;               /* it looks at more than that, such as the type of message */
    bool esp;                  /* allows what is under ESP in transport mode, and nothing else */
};

/* The sum of the policies for the messages between two addresses in one direction; zero: none. */
struct gw_policy_sum {
    bool esp, other;               /* there is one that asks for ESP for all, one that does not */
    uint32_t esp_prio, other_prio; /* the lowest of each */
};

/* May it match a Mobility Header message from src to dst? */
bool gw_policy_matches(const struct gw_policy *p, const struct gw_addr *src,
                       const struct gw_addr *dst);
/* Takes in one that matches. */
void gw_policy_add(struct gw_policy_sum *s, const struct gw_policy *p);
bool gw_policy_requires_esp(const struct gw_policy_sum *s);

#endif

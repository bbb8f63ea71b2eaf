/* policy.c: see policy.h. */
#include "wire/policy.h"

#define PROTO_MH 135

bool gw_policy_matches(const struct gw_policy *p, const struct gw_addr *src,
                       const struct gw_addr *dst)
{
    return (p->proto == 0 || p->proto == PROTO_MH) && gw_prefix_contains(&p->src, src) &&
           gw_prefix_contains(&p->dst, dst);
}

static void lowest(bool *any, uint32_t *prio, uint32_t one)
{
    if (!*any || one < *prio)
        *prio = one;
    *any = true;
}

void gw_policy_add(struct gw_policy_sum *s, const struct gw_policy *p)
{
    if (!p->esp)
        lowest(&s->other, &s->other_prio, p->priority);
    else if (!p->partly) /* else it says nothing of the rest */
        lowest(&s->esp, &s->esp_prio, p->priority);
}

bool gw_policy_requires_esp(const struct gw_policy_sum *s)
{
    return s->esp && (!s->other || s->esp_prio < s->other_prio);
}

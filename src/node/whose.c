/* whose.c: whose a station is: the policy says for each mobile node whether the MAAR, the MAG or
 * both serve it (RFC 8885 appendix A.5), and what is heard of it goes to those that do. A node with
 * one of the roles is the simple case.
 */
#include "node/node_int.h"

bool gw_attach_holds(const struct gw_node *n, const struct gw_station_key *st)
{
    const struct gw_maar_mn *maar = gw_table_get(&n->maar.by_station, st);
    const struct gw_mag_mn *mag = gw_table_get(&n->mag.by_station, st);

    return (maar != NULL && !gw_timer_is_set(&maar->guard)) ||
           (mag != NULL && !gw_timer_is_set(&mag->guard));
}

/* Under its own name or, when it has none, the one that it is served under already. */
static struct gw_mnid name_of(const struct gw_node *n, const struct gw_station_key *st,
                              const struct gw_mnid *mnid)
{
    const struct gw_maar_mn *maar = gw_table_get(&n->maar.by_station, st);
    const struct gw_mag_mn *mag = gw_table_get(&n->mag.by_station, st);

    if (mnid != NULL)
        return *mnid;
    if (maar != NULL)
        return maar->b.mnid;
    return mag != NULL ? mag->b.mnid : gw_lm_eui(&st->lladdr);
}

int gw_attach(struct gw_node *n, const struct gw_station_key *st, const struct gw_mnid *mnid,
              struct gw_time seen)
{
    uint8_t id[256];
    int err = 0;

    if (!gw_lm_plausible(n->cfg, st))
        return GW_EINVAL;
    struct gw_mnid name = name_of(n, st, mnid);
    memcpy(id, name.id, name.len); /* the entry it was taken from may go */
    name.id = id;
    unsigned how = gw_lm_anchoring(n->cfg, &name, &st->lladdr);
    bool mag = (n->cfg->roles & GW_ROLE_MAG) != 0 &&
               ((how & GW_ANCHORING_LMA) != 0 || gw_table_get(&n->mag.by_station, st) != NULL);
    bool maar = (n->cfg->roles & GW_ROLE_MAAR) != 0 &&
                (!mag || (how & (GW_ANCHORING_HERE | GW_ANCHORING_NONE)) != 0 ||
                 gw_table_get(&n->maar.by_station, st) != NULL);
    if (maar)
        err = gw_maar_attach(&n->maar, st, &name, seen);
    if (mag) {
        int e = gw_mag_attach(&n->mag, st, &name, seen);
        return err != 0 ? err : e;
    }
    if (!maar) {
        n->lm.count[GW_CNT_REFUSED_POLICY]++;
        return GW_EDENIED;
    }
    return err;
}

int gw_detach(struct gw_node *n, const struct gw_station_key *st)
{
    int maar = gw_maar_detach(&n->maar, st), mag = gw_mag_detach(&n->mag, st);

    return maar == 0 ? 0 : mag;
}

void gw_attach_alive(struct gw_node *n, const struct gw_station_key *st)
{
    (void)gw_maar_alive(&n->maar, st);
    (void)gw_mag_alive(&n->mag, st);
}

/* A station that one of them serves and that the policy now gives to the other as well: the packet
 * path knows it, so that no frame of it will be reported. */
void gw_attach_review(struct gw_node *n)
{
    const struct gw_maar_mn *maar;
    const struct gw_mag_mn *mag;

    if ((n->cfg->roles & GW_ROLE_MAAR) != 0)
        gw_maar_review(&n->maar);
    if ((n->cfg->roles & GW_ROLE_MAG) == 0)
        return;
    gw_mag_review(&n->mag);
    if ((n->cfg->roles & GW_ROLE_MAAR) == 0)
        return;
    for (size_t i = 0; (maar = gw_table_next(&n->maar.by_station, &i)) != NULL;) {
        struct gw_addr lma = gw_mag_lma(n->cfg, &maar->b.mnid, &maar->b.lladdr);
        if (!gw_addr_is_zero(&lma) && gw_table_get(&n->mag.by_station, &maar->station) == NULL)
            (void)gw_mag_attach(&n->mag, &maar->station, &maar->b.mnid, n->lm.now.mono);
    }
    for (size_t i = 0; (mag = gw_table_next(&n->mag.by_station, &i)) != NULL;) {
        unsigned how = gw_lm_anchoring(n->cfg, &mag->b.mnid, &mag->b.lladdr);
        if ((how & (GW_ANCHORING_HERE | GW_ANCHORING_NONE)) != 0 &&
            gw_table_get(&n->maar.by_station, &mag->station) == NULL)
            (void)gw_maar_attach(&n->maar, &mag->station, &mag->b.mnid, n->lm.now.mono);
    }
}

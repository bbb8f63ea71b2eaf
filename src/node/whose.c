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

/* One of them serves it: what the policy gives it as well, which it has not (any more: a CMD or LMA
 * has had it elsewhere for a moment). No frame of it is reported. */
static unsigned missing(const struct gw_node *n, const struct gw_station_key *st)
{
    const struct gw_maar_mn *maar = gw_table_get(&n->maar.by_station, st);
    const struct gw_mag_mn *mag = gw_table_get(&n->mag.by_station, st);

    if ((maar == NULL) == (mag == NULL))
        return 0;
    const struct gw_mnid *name = maar != NULL ? &maar->b.mnid : &mag->b.mnid;
    unsigned how = gw_lm_anchoring(n->cfg, name, &st->lladdr);
    return how & (unsigned)(mag == NULL ? GW_ANCHORING_LMA : GW_ANCHORING_HERE | GW_ANCHORING_NONE);
}

static int give_to_other(struct gw_node *n, const struct gw_station_key *st)
{
    const struct gw_maar_mn *maar = gw_table_get(&n->maar.by_station, st);
    const struct gw_mag_mn *mag = gw_table_get(&n->mag.by_station, st);

    if (missing(n, st) == 0)
        return 0;
    return maar != NULL ? gw_mag_attach(&n->mag, st, &maar->b.mnid, maar->seen)
                        : gw_maar_attach(&n->maar, st, &mag->b.mnid, mag->seen);
}

static bool serves_both_ways(const struct gw_node *n)
{
    return (n->cfg->roles & GW_ROLE_MAAR) != 0 && (n->cfg->roles & GW_ROLE_MAG) != 0;
}

int gw_attach_alive(struct gw_node *n, const struct gw_station_key *st)
{
    int err = gw_maar_alive(&n->maar, st);

    (void)gw_mag_alive(&n->mag, st);
    if (serves_both_ways(n)) {
        int e = give_to_other(n, st);
        err = err != 0 ? err : e;
    }
    return err == GW_ENOMEM ? err : 0;
}

/* Whether it is there is for the station to say: an entry of one without mobility may outlive its
 * visit. When it cannot be asked it is taken to be, unless the entry is from a record. */
static void ask_for_other(struct gw_node *n, const struct gw_station_key *st, bool restored)
{
    if (missing(n, st) != 0 && gw_access_probe(&n->access, st) != 0 && !restored)
        (void)give_to_other(n, st);
}

/* Stations that one of them serves and that the policy now gives to the other as well. */
static void give_to_both(struct gw_node *n, bool restored)
{
    const struct gw_maar_mn *maar;
    const struct gw_mag_mn *mag;

    for (size_t i = 0; (maar = gw_table_next(&n->maar.by_station, &i)) != NULL;)
        ask_for_other(n, &maar->station, restored);
    for (size_t i = 0; (mag = gw_table_next(&n->mag.by_station, &i)) != NULL;)
        ask_for_other(n, &mag->station, restored);
}

static void ask_after(struct gw_node *n, struct gw_time delay)
{
    struct gw_time at = gw_time_add(n->lm.now.mono, delay);

    if ((n->cfg->roles & GW_ROLES_ACCESS) != 0 && gw_time_before(n->ask_at, at))
        n->ask_at = at;
}

void gw_attach_ask_soon(struct gw_node *n)
{
    ask_after(n, GW_LM_REPORT_AGAIN);
}

void gw_attach_missed(struct gw_node *n)
{
    ask_after(n, n->cfg->timers.initial_ack);
}

void gw_attach_ask(struct gw_node *n)
{
    const struct gw_config *c = n->cfg;

    n->ask_at = (struct gw_time){0};
    for (uint32_t i = 0; i < c->nifs && (c->roles & GW_ROLES_ACCESS) != 0; i++)
        if (c->ifs[i].side == GW_IF_ACCESS)
            gw_access_query(&n->access, i, &c->dlif.link_local, &c->dlif.lladdr);
}

void gw_attach_review(struct gw_node *n)
{
    if ((n->cfg->roles & GW_ROLE_MAAR) != 0)
        gw_maar_review(&n->maar);
    if ((n->cfg->roles & GW_ROLE_MAG) != 0)
        gw_mag_review(&n->mag);
    if (serves_both_ways(n))
        give_to_both(n, false);
    gw_attach_ask_soon(n); /* whoever was not allowed before has no router to speak to */
}

/* A MAAR's part looks at the policy as it goes. */
void gw_attach_resume(struct gw_node *n)
{
    if ((n->cfg->roles & GW_ROLE_MAAR) != 0)
        gw_maar_resume(&n->maar);
    if ((n->cfg->roles & GW_ROLE_MAG) == 0)
        return;
    gw_mag_resume(&n->mag);
    gw_mag_review(&n->mag);
    if (serves_both_ways(n))
        give_to_both(n, true);
}

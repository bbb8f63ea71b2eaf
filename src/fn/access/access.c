/* access.c: the stations and their lists of DLIFs, and when RAs leave. See access.h; what RAs say
 * is in ra.c, what is heard and answered in hear.c.
 */
#include "fn/access/access.h"

#include "fn/access/station.h"

static bool key_eq(const void *key, const void *obj)
{
    return gw_station_eq(key, &((const struct gw_access_station *)obj)->key);
}

static const void *key_of(const void *obj)
{
    const struct gw_access_station *st = obj;
    return &st->key;
}

static const struct gw_table_ops station_ops = {
    .hash = gw_station_hash,
    .eq = key_eq,
    .key = key_of,
};

void gw_access_init(struct gw_access *a, const struct gw_config *cfg,
                    const struct gw_access_env *env, uint64_t seed)
{
    *a = (struct gw_access){.env = *env};
    gw_prng_seed(&a->prng, seed);
    gw_table_init(&a->stations, env->al, &station_ops, cfg->limits.stations, gw_prng_u64(&a->prng));
    gw_access_reload(a, cfg);
}

void gw_access_reload(struct gw_access *a, const struct gw_config *cfg)
{
    a->stations.limit = cfg->limits.stations;
    a->mtu = cfg->access_mtu;
    a->valid_s = cfg->timers.valid_lifetime_s;
    a->preferred_s = cfg->timers.preferred_lifetime_s;
    a->router_lifetime_s = cfg->timers.router_lifetime_s;
    a->ra_interval = cfg->timers.ra_interval;
}

static void station_free(struct gw_access_station *st)
{
    const struct gw_access_env *env = &st->access->env;

    gw_timer_stop(env->timers, &st->timer);
    gw_free(env->al, st->entry, st->size);
    gw_free(env->al, st, sizeof *st);
}

void gw_access_free(struct gw_access *a)
{
    struct gw_access_station *st;

    for (size_t i = 0; (st = gw_table_next(&a->stations, &i)) != NULL;)
        station_free(st);
    gw_table_free(&a->stations);
}

struct gw_access_station *access_find(const struct gw_access *a, const struct gw_station_key *key)
{
    if (key->lladdr.len > sizeof key->lladdr.b)
        return NULL;
    return gw_table_get(&a->stations, key);
}

/* Between three quarters and the whole of a span, so that stations that came together do not ask
 * for packets together for ever (RFC 4861 §6.2.4). */
static struct gw_time jitter(struct gw_access *a, struct gw_time span)
{
    uint64_t quarter = (uint64_t)span.ns / 4;
    return (struct gw_time){span.ns - (int64_t)gw_prng_below(&a->prng, quarter + 1)};
}

/* The round after this one. */
static int schedule(struct gw_access_station *st)
{
    struct gw_access *a = st->access;
    struct gw_time gap = a->ra_interval;

    if (st->rounds == ACCESS_ROUNDS - 1)
        gap = ACCESS_GAP_1;
    else if (st->rounds > 0)
        gap = ACCESS_GAP_2;
    return gw_timer_set(a->env.timers, &st->timer, gw_time_add(*a->env.now, jitter(a, gap)));
}

static void forget_gone(struct gw_access_station *st)
{
    size_t kept = 0;

    for (size_t i = 0; i < st->n; i++) {
        if (st->entry[i].gone)
            continue;
        st->entry[kept] = st->entry[i];
        st->entry[kept].dlif.nrio = st->entry[kept].nlive;
        kept++;
    }
    st->n = kept;
}

static void forget(struct gw_access_station *st)
{
    gw_table_del(&st->access->stations, &st->key);
    station_free(st);
}

static void round_due(struct gw_timer *t, void *user)
{
    struct gw_access_station *st = t->owner;

    (void)user;
    access_ra_round(st);
    if (st->rounds > 0)
        st->rounds--;
    if (st->rounds == 0 && st->leaving) /* it may have come back and heard that, not knowing why */
        gw_access_ask_again(st->access, &st->key, &st->entry->dlif.link_local,
                            &st->entry->dlif.lladdr);
    if (st->rounds == 0)
        forget_gone(st);
    if (st->n > 0)
        (void)schedule(st); /* the heap has room: this timer has just left it */
    else if (st->leaving)
        forget(st);
}

static struct gw_access_station *station_get(struct gw_access *a, const struct gw_station_key *key,
                                             int *err)
{
    struct gw_access_station *st = access_find(a, key);

    *err = 0;
    if (st != NULL)
        return st;
    st = gw_new(a->env.al, sizeof *st);
    if (st == NULL) {
        *err = GW_ENOMEM;
        return NULL;
    }
    st->key = *key;
    st->access = a;
    st->timer.fire = round_due;
    st->timer.owner = st;
    *err = gw_table_put(&a->stations, st);
    if (*err != 0) {
        gw_free(a->env.al, st, sizeof *st);
        return NULL;
    }
    return st;
}

static bool rio_same(const struct gw_access_dlif *x, size_t nlive, const struct gw_access_dlif *y)
{
    if (nlive != y->nrio)
        return false;
    for (size_t i = 0; i < nlive; i++) {
        if (!gw_prefix_eq(&x->rio[i].prefix, &y->rio[i].prefix) ||
            x->rio[i].pref != y->rio[i].pref || x->rio[i].lifetime_s != y->rio[i].lifetime_s)
            return false;
    }
    return true;
}

static bool entry_same(const struct access_entry *e, const struct gw_access_dlif *y)
{
    const struct gw_access_dlif *x = &e->dlif;

    return gw_addr_eq(&x->link_local, &y->link_local) && gw_lladdr_eq(&x->lladdr, &y->lladdr) &&
           gw_prefix_eq(&x->prefix, &y->prefix) && x->previous == y->previous &&
           rio_same(x, e->nlive, y);
}

static bool list_same(const struct gw_access_station *st, enum gw_access_owner owner,
                      const struct gw_access_dlif *d, size_t n)
{
    size_t live = 0;

    for (size_t i = 0; i < st->n; i++) {
        if (st->entry[i].gone || st->entry[i].owner != owner)
            continue;
        if (live == n || !entry_same(&st->entry[i], &d[live]))
            return false;
        live++;
    }
    return live == n;
}

/* Is the pair of anchor and prefix in the list? Only then its old form need not be withdrawn. */
static bool listed(const struct gw_access_dlif *x, const struct gw_access_dlif *d, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (gw_addr_eq(&x->link_local, &d[i].link_local) && gw_prefix_eq(&x->prefix, &d[i].prefix))
            return true;
    }
    return false;
}

struct list {
    struct access_entry *entry;
    size_t n, size;
    struct gw_nd_rio *rio; /* where the next ones go */
};

/* nlive: how many of its routes are not being withdrawn. */
static struct access_entry *list_add(struct list *l, const struct gw_access_dlif *d,
                                     enum gw_access_owner owner, size_t nlive)
{
    struct access_entry *e = &l->entry[l->n++];

    *e = (struct access_entry){.dlif = *d, .owner = owner, .nlive = nlive};
    e->dlif.rio = l->rio;
    if (d->nrio > 0)
        memcpy(l->rio, d->rio, d->nrio * sizeof *d->rio);
    l->rio += d->nrio;
    return e;
}

static bool has_route(const struct gw_access_dlif *d, const struct gw_prefix *p)
{
    for (size_t i = 0; i < d->nrio; i++)
        if (gw_prefix_eq(&d->rio[i].prefix, p))
            return true;
    return false;
}

/* The owner's d, and behind its routes those that the same anchor and prefix had before. */
static void list_add_new(struct list *l, const struct gw_access_station *st,
                         enum gw_access_owner owner, const struct gw_access_dlif *d)
{
    struct access_entry *e = list_add(l, d, owner, d->nrio);

    for (size_t i = 0; i < st->n; i++) {
        const struct access_entry *old = &st->entry[i];
        if (old->owner != owner || !gw_addr_eq(&old->dlif.link_local, &d->link_local) ||
            !gw_prefix_eq(&old->dlif.prefix, &d->prefix))
            continue;
        for (size_t k = 0; k < old->dlif.nrio && e->dlif.nrio < GW_ND_RIOS; k++) {
            if (has_route(&e->dlif, &old->dlif.rio[k].prefix))
                continue;
            *l->rio = old->dlif.rio[k];
            l->rio++->lifetime_s = 0;
            e->dlif.nrio++;
        }
    }
}

/* The owner's new list, what the others have and, behind it, what the owner's old list had more. */
static int list_make(struct list *l, const struct gw_access_station *st, enum gw_access_owner owner,
                     const struct gw_access_dlif *d, size_t n)
{
    size_t nrio = 0, most = n + ACCESS_GONE_MAX;

    for (size_t i = 0; i < n; i++)
        nrio += d[i].nrio;
    for (size_t i = 0; i < st->n; i++) {
        nrio += st->entry[i].dlif.nrio;
        most += st->entry[i].owner != owner;
    }
    l->n = 0;
    l->size = most * sizeof *l->entry + nrio * sizeof *l->rio;
    l->entry = gw_new(st->access->env.al, l->size);
    if (l->entry == NULL)
        return GW_ENOMEM;
    l->rio = (struct gw_nd_rio *)(void *)(l->entry + most);
    for (size_t i = 0; i < n; i++)
        list_add_new(l, st, owner, &d[i]);
    for (size_t i = 0; i < st->n; i++) {
        const struct access_entry *e = &st->entry[i];
        if (e->owner != owner)
            list_add(l, &e->dlif, e->owner, e->nlive)->gone = e->gone;
    }
    for (size_t i = 0; i < st->n && l->n < most; i++) {
        if (st->entry[i].owner == owner && !listed(&st->entry[i].dlif, d, n))
            list_add(l, &st->entry[i].dlif, owner, 0)->gone = true;
    }
    return 0;
}

static int restart_rounds(struct gw_access_station *st)
{
    unsigned before = st->rounds;
    int err;

    st->rounds = ACCESS_ROUNDS - 1;
    err = schedule(st);
    if (err != 0)
        st->rounds = before;
    return err;
}

/* Without memory for the new list: what is in it is not withdrawn any more, at least. */
static void keep_listed(struct gw_access_station *st, enum gw_access_owner owner,
                        const struct gw_access_dlif *d, size_t n)
{
    for (size_t i = 0; i < st->n; i++) {
        if (st->entry[i].owner != owner || !listed(&st->entry[i].dlif, d, n))
            continue;
        st->entry[i].gone = false;
        st->leaving = false;
    }
}

static int station_change(struct gw_access_station *st, enum gw_access_owner owner,
                          const struct gw_access_dlif *dlifs, size_t n)
{
    const struct gw_alloc *al = st->access->env.al;
    struct list l;
    int err = list_make(&l, st, owner, dlifs, n);

    if (err != 0) {
        keep_listed(st, owner, dlifs, n);
        return err;
    }
    err = restart_rounds(st);
    if (err != 0) {
        gw_free(al, l.entry, l.size);
        return err;
    }
    gw_free(al, st->entry, st->size);
    st->entry = l.entry;
    st->n = l.n;
    st->size = l.size;
    st->leaving = false;
    return access_ra_round(st);
}

/* Marking what goes needs no memory, nor does moving the timer of a station that has entries. */
void gw_access_withdraw(struct gw_access *a, const struct gw_station_key *key,
                        enum gw_access_owner owner)
{
    struct gw_access_station *st = access_find(a, key);
    bool told = false, live = false;

    if (st == NULL)
        return;
    if (st->n == 0) { /* it has been told of everything */
        forget(st);
        return;
    }
    for (size_t i = 0; i < st->n; i++) {
        told |= st->entry[i].owner == owner && !st->entry[i].gone;
        st->entry[i].gone |= st->entry[i].owner == owner;
        live |= !st->entry[i].gone;
    }
    st->leaving = !live;
    if (told && restart_rounds(st) == 0)
        access_ra_round(st);
}

void gw_access_del_station(struct gw_access *a, const struct gw_station_key *key,
                           enum gw_access_owner owner)
{
    struct gw_access_station *st = access_find(a, key);
    bool others = false;

    if (st == NULL || st->leaving)
        return;
    for (size_t i = 0; i < st->n; i++)
        others |= st->entry[i].owner != owner && !st->entry[i].gone;
    if (others)
        gw_access_withdraw(a, key, owner);
    else
        forget(st);
}

int gw_access_set_station(struct gw_access *a, const struct gw_station_key *key,
                          enum gw_access_owner owner, const struct gw_access_dlif *dlifs, size_t n)
{
    struct gw_access_station *st;
    bool known = access_find(a, key) != NULL;
    int err;

    if (key->lladdr.len == 0 || key->lladdr.len > sizeof key->lladdr.b)
        return GW_EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (dlifs[i].nrio > GW_ND_RIOS)
            return GW_EINVAL;
    }
    if (!known && n == 0)
        return 0;
    st = station_get(a, key, &err);
    if (st == NULL)
        return err;
    if (list_same(st, owner, dlifs, n))
        return 0;
    err = station_change(st, owner, dlifs, n);
    if (err < 0 && !known)
        forget(st);
    return err;
}

int gw_access_advertise(struct gw_access *a, const struct gw_station_key *key)
{
    struct gw_access_station *st = access_find(a, key);

    if (st == NULL || st->n == 0)
        return GW_ENOENT;
    (void)restart_rounds(st); /* without memory there is this round, and the timer as it was */
    return access_ra_round(st);
}

/* RFC 4291 §2.5.1 appendix A: the address a station without privacy settings gives itself. */
static bool eui64_link_local(const struct gw_lladdr *l, struct gw_addr *out)
{
    *out = (struct gw_addr){{0xfe, 0x80}};
    if (l->len == 8) {
        memcpy(&out->b[8], l->b, 8);
    } else if (l->len == 6) {
        memcpy(&out->b[8], l->b, 3);
        out->b[11] = 0xff;
        out->b[12] = 0xfe;
        memcpy(&out->b[13], l->b + 3, 3);
    } else {
        return false;
    }
    out->b[8] ^= 0x02;
    return true;
}

static const struct gw_access_dlif *first_live(const struct gw_access_station *st)
{
    for (size_t i = 0; i < st->n; i++)
        if (!st->entry[i].gone)
            return &st->entry[i].dlif;
    return NULL;
}

int gw_access_probe(struct gw_access *a, const struct gw_station_key *key)
{
    struct gw_access_station *st = access_find(a, key);
    struct gw_nd ns = {.type = GW_ND_NS};
    const struct gw_access_dlif *from = st != NULL ? first_live(st) : NULL;
    int guess = 0;

    if (from == NULL)
        return GW_ENOENT;
    if (st->ll_known)
        ns.target = st->link_local;
    else if (!gw_addr_is_zero(&st->global))
        ns.target = st->global;
    else if (eui64_link_local(&st->key.lladdr, &ns.target))
        guess = 1;
    else
        return GW_ENOENT;
    ns.src = from->link_local;
    ns.dst = ns.target;
    ns.slla = from->lladdr;
    access_send(st, &from->lladdr, &ns);
    return guess;
}

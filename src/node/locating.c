/* locating.c: see locating.h. Which message is for which of the two is here, and who may send it: a
 * location server listens to peers that steer, an ingress to its location servers.
 */
#include "node/locating.h"

#include "node/handover.h"
#include "node/steering.h"

static int op_send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    const struct gw_locating *x = user;

    return gw_signal_send(x->node, (enum gw_role)0, to, m); /* also to itself */
}

static void op_put(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    struct gw_lm *lm = &((const struct gw_locating *)user)->node->lm;

    lm->ops->put(lm->user, key, key_len, value, len);
}

static void op_del(void *user, const void *key, size_t key_len)
{
    struct gw_lm *lm = &((const struct gw_locating *)user)->node->lm;

    lm->ops->del(lm->user, key, key_len);
}

static const struct gw_location_ops server_ops = {op_send, op_put, op_del};

static void op_located(void *user, const struct gw_prefix *client, const struct gw_addr *ingress)
{
    const struct gw_node *n = user;

    if (n->moving != NULL)
        gw_handover_located(&n->moving->handover, client, ingress);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static int init_server(struct gw_locating *x, const struct gw_config *c, uint64_t seed)
{
    struct gw_node *n = x->node;

    x->server = gw_new(n->al, sizeof *x->server);
    if (x->server == NULL)
        return GW_ENOMEM;
    *x->server = (struct gw_locations){.cfg = c,
                                       .al = n->al,
                                       .timers = &n->timers,
                                       .now = n->lm.now,
                                       .ops = &server_ops,
                                       .user = x};
    gw_locations_init(x->server, seed);
    return 0;
}

static int init_ingress(struct gw_locating *x, const struct gw_config *c, uint64_t seed)
{
    struct gw_node *n = x->node;

    x->ingress = gw_new(n->al, sizeof *x->ingress);
    if (x->ingress == NULL)
        return GW_ENOMEM;
    *x->ingress = (struct gw_locates){
        .cfg = c, .al = n->al, .metric = &n->steering->metric, .located = op_located, .user = n};
    return gw_locates_init(x->ingress, seed);
}

int gw_locating_init(struct gw_node *n, const struct gw_config *c, uint64_t seed)
{
    bool server = (c->roles & GW_ROLE_LOCATION_SERVER) != 0;
    bool ingress = c->handover.on && (c->roles & GW_ROLES_STEERING) != 0;
    int err = 0;

    if (!server && !ingress)
        return 0;
    struct gw_locating *x = gw_new(n->al, sizeof *x);
    if (x == NULL)
        return GW_ENOMEM;
    *x = (struct gw_locating){.node = n};
    n->locating = x;
    if (server)
        err = init_server(x, c, seed ^ 0x6cu);
    if (err == 0 && ingress)
        err = init_ingress(x, c, seed ^ 0x69u);
    return err;
}

void gw_locating_free(struct gw_node *n)
{
    struct gw_locating *x = n->locating;

    if (x == NULL)
        return;
    if (x->ingress != NULL)
        gw_locates_free(x->ingress);
    if (x->server != NULL)
        gw_locations_free(x->server);
    gw_free(n->al, x->ingress, sizeof *x->ingress);
    gw_free(n->al, x->server, sizeof *x->server);
    gw_free(n->al, x, sizeof *x);
    n->locating = NULL;
}

int gw_locating_restore(struct gw_node *n, const struct gw_input *in)
{
    struct gw_locations *s = n->locating != NULL ? n->locating->server : NULL;

    if (s == NULL)
        return GW_EFORMAT;
    s->now = n->lm.now;
    return gw_locations_restore(s, in->restore.key, in->restore.key_len, in->restore.value,
                                in->restore.value_len);
}

/* With the first server everything is to be said. */
static int reload_ingress(struct gw_node *n, struct gw_locates *l)
{
    bool none = l->server == NULL;
    const struct gw_client *c;

    l->cfg = n->cfg;
    int err = gw_locates_reload(l);
    if (!none || l->server == NULL || n->moving == NULL)
        return err;
    for (size_t i = 0; (c = gw_table_next(&n->moving->handover.clients, &i)) != NULL;)
        if (c->place == GW_CLIENT_HERE)
            gw_locating_changed(n, c);
    return err;
}

int gw_locating_reload(struct gw_node *n)
{
    struct gw_locating *x = n->locating;

    if (x != NULL && x->server != NULL) {
        x->server->cfg = n->cfg;
        gw_locations_reload(x->server);
    }
    return x != NULL && x->ingress != NULL ? reload_ingress(n, x->ingress) : 0;
}

/* -- clients ------------------------------------------------------------------------------------
 */

static bool has(const struct gw_addr *egress, size_t n, const struct gw_addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (gw_addr_eq(&egress[i], a))
            return true;
    return false;
}

void gw_locating_changed(struct gw_node *n, const struct gw_client *c)
{
    struct gw_locates *l = n->locating != NULL ? n->locating->ingress : NULL;
    struct gw_addr egress[GW_CATS_EGRESSES + 1]; /* one more: too many are counted */
    size_t count = 0;

    if (l == NULL)
        return;
    for (const struct gw_client_flow *f = c->flows; f != NULL && count <= GW_CATS_EGRESSES;
         f = f->next)
        if (!has(egress, count, &f->egress))
            egress[count++] = f->egress;
    /* Without memory, or room, it is counted, and nobody finds it here. */
    (void)gw_locates_set(l, &c->prefix, &c->station.lladdr, c->generation, egress, count);
}

void gw_locating_left(struct gw_node *n, const struct gw_client *c)
{
    if (n->locating != NULL && n->locating->ingress != NULL)
        (void)gw_locates_set(n->locating->ingress, &c->prefix, &c->station.lladdr, c->generation,
                             NULL, 0);
}

bool gw_locating_ask(struct gw_node *n, const struct gw_client *c)
{
    return n->locating != NULL && n->locating->ingress != NULL &&
           gw_locates_ask(n->locating->ingress, &c->prefix, &c->station.lladdr);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

int gw_locating_message(struct gw_node *n, const struct gw_peer *p)
{
    struct gw_locating *x = n->locating;
    bool located = n->in.exp.cats.type == GW_CATS_LOCATED;
    unsigned wants = located ? (unsigned)GW_ROLE_LOCATION_SERVER : GW_ROLES_STEERING;

    if (x == NULL || (p->cfg->roles & wants) == 0 ||
        (located ? x->ingress == NULL : x->server == NULL)) {
        n->lm.count[GW_CNT_WRONG_ROLE]++;
        return GW_EDENIED;
    }
    if (located)
        return gw_locates_located(x->ingress, &p->cfg->addr, &n->in);
    x->server->now = n->lm.now;
    return gw_locations_message(x->server, &p->cfg->addr, &n->in);
}

int gw_locating_ack(struct gw_node *n, const struct gw_peer *p)
{
    struct gw_locating *x = n->locating;

    return x != NULL && x->ingress != NULL
               ? gw_locates_ack(x->ingress, &p->cfg->addr, n->in.exp.cats.seq)
               : GW_ENOENT;
}

/* -- for people ---------------------------------------------------------------------------------
 */

void gw_locating_show(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    if (n->locating == NULL || n->locating->server == NULL)
        return;
    n->locating->server->now = now;
    gw_locations_show(n->locating->server, e);
}

void gw_locating_counters(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_locating *x = n->locating;

    for (unsigned i = 0; x != NULL && x->server != NULL && i < GW_LOCCNT_MAX; i++)
        gw_emit_num(e, gw_location_count_name((enum gw_location_count)i),
                    (int64_t)x->server->count[i]);
    for (unsigned i = 0; x != NULL && x->ingress != NULL && i < GW_LOCATECNT_MAX; i++)
        gw_emit_num(e, gw_locate_count_name((enum gw_locate_count)i),
                    (int64_t)x->ingress->count[i]);
}

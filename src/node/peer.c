/* peer.c: the peers of a node: who may speak to it, and what it has heard from each (replay
 * protection, RFC 4285 §6 and doc/protocol.md). The node itself is one of them, for a process that
 * is a MAAR and the CMD.
 */
#include "node/node_int.h"

/* Era-safe: the difference of two NTP times is right while they are within 68 years. */
static int64_t later(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b);
}

bool gw_replay_has(const struct gw_replay *r, uint64_t id)
{
    for (size_t i = r->used; i > 0 && later(r->id[i - 1], id) >= 0; i--)
        if (r->id[i - 1] == id)
            return true;
    return false;
}

int gw_replay_check(const struct gw_replay *r, uint64_t id, uint64_t now, int64_t window)
{
    int64_t d = later(id, now + (uint64_t)r->ahead);

    if (d > window || d < -window || later(id, r->floor) <= 0)
        return GW_EREPLAY;
    return gw_replay_has(r, id) ? GW_EREPLAY : 0;
}

void gw_replay_take(struct gw_replay *r, uint64_t id)
{
    size_t i;

    if (r->used == GW_REPLAY) { /* the oldest becomes the floor, or this one, if it is older */
        if (later(r->id[0], id) > 0) {
            r->floor = id;
            return;
        }
        r->floor = r->id[0];
        memmove(r->id, r->id + 1, (GW_REPLAY - 1) * sizeof r->id[0]);
        r->used--;
    }
    for (i = r->used; i > 0 && later(r->id[i - 1], id) > 0; i--)
        r->id[i] = r->id[i - 1];
    r->id[i] = id;
    r->used++;
}

static uint64_t addr_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(struct gw_addr), seed);
}
static bool addr_eq(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_peer *)obj)->cfg->addr);
}
static const void *addr_key(const void *obj)
{
    return &((const struct gw_peer *)obj)->cfg->addr;
}
static const struct gw_table_ops ops = {.hash = addr_hash, .eq = addr_eq, .key = addr_key};

struct gw_talk *gw_peer_talk(struct gw_node *n, struct gw_peer *p)
{
    if (p->talk != NULL)
        return p->talk;
    struct gw_talk *t = gw_new(n->al, sizeof *t);
    if (t == NULL) {
        n->lm.count[GW_CNT_NO_MEMORY]++;
        return NULL;
    }
    t->replay.floor = n->born;
    for (size_t i = 0; i < GW_PEER_KEYS; i++)
        t->mac[i] = (struct gw_mac){.key = &p->cfg->keys[i]};
    p->talk = t;
    return t;
}

static void drop(struct gw_node *n, struct gw_peer *p)
{
    if (p->talk != NULL) {
        gw_timer_stop(&n->timers, &p->talk->hb.timer);
        for (size_t i = 0; i < GW_PEER_KEYS; i++)
            gw_mac_end(&p->talk->mac[i]);
    }
    gw_free(n->al, p->talk, sizeof *p->talk);
    gw_free(n->al, p, sizeof *p);
}

/* A peer that stays keeps what it was heard saying: a reload opens no hole. */
static int recall(struct gw_node *n, struct gw_peer *p, const struct gw_peer *old)
{
    if (gw_peer_talk(n, p) == NULL)
        return GW_ENOMEM;
    if (old != NULL && old->talk != NULL) {
        struct gw_mac mac[GW_PEER_KEYS]; /* the keys may be others */
        memcpy(mac, p->talk->mac, sizeof mac);
        *p->talk = *old->talk;
        memcpy(p->talk->mac, mac, sizeof mac);
    }
    p->talk->hb.timer.pos = 0; /* that one is the old one's; `due` says when */
    if (!p->cfg->esp)
        p->talk->policy = (struct gw_protect){0};
    return 0;
}

static int add(struct gw_node *n, struct gw_table *t, const struct gw_config *c,
               const struct gw_cfg_peer *cfg)
{
    const struct gw_peer *old = gw_peer_get(n, &cfg->addr);
    struct gw_peer *p = gw_new(n->al, sizeof *p);
    int err = 0;

    if (p == NULL)
        return GW_ENOMEM;
    p->cfg = cfg;
    if ((old != NULL && old->talk != NULL) || c->heartbeat.interval.ns != 0 || cfg->esp ||
        cfg == &n->self)
        err = recall(n, p, old);
    if (err == 0)
        err = gw_table_put(t, p);
    if (err != 0)
        drop(n, p);
    return err == GW_EEXIST ? 0 : err;
}

int gw_peers_load(struct gw_node *n, const struct gw_config *cfg, struct gw_table *out)
{
    gw_table_init(out, n->al, &ops, 0, n->lm.seed);
    int err = add(n, out, cfg, &n->self); /* first: a list that several nodes share names it too */
    for (size_t i = 0; i < cfg->npeers && err == 0; i++)
        err = add(n, out, cfg, &cfg->peers[i]);
    if (err != 0)
        gw_peers_free(n, out);
    return err;
}

void gw_peers_free(struct gw_node *n, struct gw_table *t)
{
    struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(t, &i)) != NULL;)
        drop(n, p);
    gw_table_free(t);
}

struct gw_peer *gw_peer_get(const struct gw_node *n, const struct gw_addr *a)
{
    return n->peers.ops != NULL ? gw_table_get(&n->peers, a) : NULL;
}

const struct gw_cfg_peer *gw_peer_cfg(void *node, const struct gw_addr *a)
{
    const struct gw_peer *p = gw_peer_get(node, a);

    return p != NULL ? p->cfg : NULL;
}

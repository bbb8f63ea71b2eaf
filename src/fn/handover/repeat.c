/* repeat.c: the messages of a handover until they are answered. What is not answered is said again
 * as it is then, with the same sequence number, first after timers/initial-ack, then doubling,
 * handover/retries times.
 */
#include "core.h"

static struct gw_time wait_of(const struct gw_move_post *p)
{
    const struct gw_cfg_timers *t = &p->client->all->cfg->timers;
    int64_t ns = t->initial_ack.ns << (p->tries < 20 ? p->tries : 20);

    return (struct gw_time){ns > 0 && ns < t->max_ack.ns ? ns : t->max_ack.ns};
}

static bool say(struct gw_move_post *p)
{
    struct gw_handover *h = p->client->all;

    gw_move_write(h, p);
    return gw_timer_set(h->timers, &p->timer, gw_time_add(h->now.mono, wait_of(p))) == 0;
}

/* It is over: answered (0), refused (GW_EDENIED) or given up (GW_EAGAIN). p is gone then. */
static void over(struct gw_move_post *p, int err)
{
    struct gw_client *c = p->client;
    enum gw_move_kind kind = p->kind;
    struct gw_addr to = p->to;

    gw_post_stop_move(p);
    gw_takeover_answered(c, kind, &to, err);
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_move_post *p = t->owner;
    struct gw_client *c = p->client;
    struct gw_handover *h = c->all;

    (void)user;
    if (++p->tries > h->cfg->handover.retries) {
        h->count[GW_HCNT_UNANSWERED]++;
        gw_ladder_message(h, &c->prefix, gw_move_name(p->kind), &h->cfg->addr, &p->to, 0,
                          GW_EAGAIN);
        over(p, GW_EAGAIN);
    } else {
        h->count[GW_HCNT_AGAIN]++;
        (void)say(p);
    }
    (void)gw_client_done(c);
}

void gw_post_stop_move(struct gw_move_post *p)
{
    struct gw_handover *h = p->client->all;
    struct gw_move_post **at = &p->client->posts;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    gw_timer_stop(h->timers, &p->timer);
    h->nposts--;
    gw_free(h->al, p, sizeof *p);
}

struct gw_move_post *gw_post_find(const struct gw_client *c, enum gw_move_kind kind,
                                  const struct gw_addr *to)
{
    for (struct gw_move_post *p = c->posts; p != NULL; p = p->next)
        if (p->kind == kind && gw_addr_eq(&p->to, to))
            return p;
    return NULL;
}

bool gw_post_any(const struct gw_client *c, enum gw_move_kind kind)
{
    for (const struct gw_move_post *p = c->posts; p != NULL; p = p->next)
        if (p->kind == kind)
            return true;
    return false;
}

void gw_posts_stop(struct gw_client *c, enum gw_move_kind kind)
{
    for (struct gw_move_post *p = c->posts, *next; p != NULL; p = next) {
        next = p->next;
        if (p->kind == kind)
            gw_post_stop_move(p);
    }
}

static struct gw_move_post *make(struct gw_client *c, enum gw_move_kind kind,
                                 const struct gw_addr *to)
{
    struct gw_handover *h = c->all;
    struct gw_move_post *p;

    if (h->nposts >= h->cfg->limits.pending) {
        h->count[GW_HCNT_LIMIT_POSTS]++;
        return NULL;
    }
    p = gw_new(h->al, sizeof *p);
    if (p == NULL) {
        h->count[GW_HCNT_NO_MEMORY]++;
        return NULL;
    }
    *p = (struct gw_move_post){.next = c->posts, .client = c, .kind = kind, .to = *to};
    p->timer = (struct gw_timer){.fire = due, .owner = p};
    c->posts = p;
    h->nposts++;
    return p;
}

bool gw_post_move(struct gw_client *c, enum gw_move_kind kind, const struct gw_addr *to,
                  uint16_t seq)
{
    struct gw_handover *h = c->all;
    struct gw_move_post *p = gw_post_find(c, kind, to);

    if (p == NULL)
        p = make(c, kind, to);
    if (p == NULL)
        return false;
    p->tries = 0;
    p->seq = seq != 0 ? seq : ++h->seq != 0 ? h->seq : ++h->seq;
    if (say(p))
        return true;
    h->count[GW_HCNT_NO_MEMORY]++; /* said once, and nobody waits */
    gw_post_stop_move(p);
    return false;
}

/* MOVE_ACK. What it acknowledges is found by the client, the sender and the number. */
int gw_post_acked(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_move_in in;
    int err = gw_move_read(h, m, false, &in);
    struct gw_client *c = err == 0 ? gw_client_get(h, &in.client) : NULL;
    bool refused = (m->exp.cats.flags & GW_CATS_UNKNOWN) != 0;

    if (err != 0)
        return err;
    gw_ladder_message(h, &in.client, "acknowledgement", from, &h->cfg->addr, 0,
                      refused ? GW_EDENIED : 0);
    for (struct gw_move_post *p = c != NULL ? c->posts : NULL; p != NULL; p = p->next) {
        if (p->kind == GW_MOVE_REQUEST || p->seq != m->exp.cats.seq || !gw_addr_eq(&p->to, from))
            continue;
        h->count[GW_HCNT_REFUSED] += refused;
        over(p, refused ? GW_EDENIED : 0);
        (void)gw_client_done(c);
        return 0;
    }
    h->count[GW_HCNT_LATE]++;
    return GW_ENOENT;
}

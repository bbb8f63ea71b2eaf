/* post.c: see post.h. */
#include "fn/metric/post.h"

#include "base/err.h"

static struct gw_time wait_of(const struct gw_post *p)
{
    int64_t ns = p->first.ns << (p->tries < 20 ? p->tries : 20);
    int64_t most = p->m->cfg->retransmit_max.ns;

    return (struct gw_time){ns > 0 && ns < most ? ns : most};
}

static void say(struct gw_post *p)
{
    struct gw_metric *m = p->m;

    p->seq = ++m->seq;
    if (!p->build(p)) {
        p->tries = 0;
        return;
    }
    p->waiting = true;
    p->sent = m->now;
    m->count[p->tries > 0 ? GW_MCNT_POST_AGAIN : GW_MCNT_POST_OUT]++;
    (void)m->ops->send(m->user, &p->to, m->out);
    (void)gw_timer_set(m->timers, &p->timer, gw_time_add(m->now, wait_of(p)));
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_post *p = t->owner;

    (void)user;
    if (p->waiting && ++p->tries >= p->m->cfg->tries) {
        p->waiting = false;
        p->tries = 0;
        p->m->count[GW_MCNT_POST_LOST]++;
        p->lost(p);
        return;
    }
    p->waiting = false;
    say(p);
}

void gw_post_init(struct gw_post *p)
{
    p->timer = (struct gw_timer){.fire = due, .owner = p};
}

void gw_post_stop(struct gw_post *p)
{
    gw_timer_stop(p->m->timers, &p->timer);
    p->waiting = false;
}

void gw_post_soon(struct gw_post *p)
{
    struct gw_time at = gw_time_add(p->sent, p->sent.ns != 0 ? p->pace : (struct gw_time){0});

    if (p->waiting || gw_timer_is_set(&p->timer))
        return;
    if (gw_time_before(at, p->m->now))
        at = p->m->now;
    (void)gw_timer_set(p->m->timers, &p->timer, at); /* without memory: when it is asked again */
}

int gw_post_ack(struct gw_post *p, uint32_t seq)
{
    if (!p->waiting || p->seq != seq)
        return GW_ENOENT;
    gw_timer_stop(p->m->timers, &p->timer);
    p->waiting = false;
    p->tries = 0;
    p->acked(p);
    return 0;
}

void gw_post_answer(struct gw_metric *m, const struct gw_addr *to, uint32_t seq)
{
    gw_cats_begin(m->out, &m->buf, GW_CATS_ACK, 0, seq);
    (void)m->ops->send(m->user, to, m->out);
}

/* flood.c: neighbours of metric.h: what each is known to know, and UPDATE, DIGEST and ACK.
 */
#include "base/text.h"
#include "fn/metric/metric.h"

#define ANNOUNCE GW_MSEC(500)
#define GRACE    GW_SEC(5) /* for neighbours that have not answered yet */

static struct gw_metric_known *known_of(struct gw_metric_neighbour *nb, struct gw_metric_origin *o)
{
    const struct gw_alloc *al = nb->m->al;
    size_t more = nb->size == 0 ? 8 : nb->size;

    while (more <= o->index)
        more *= 2;
    if (more > nb->size) {
        struct gw_metric_known *k =
            al->resize(al->user, nb->known, nb->size * sizeof *k, more * sizeof *k);
        if (k == NULL)
            return NULL;
        memset(k + nb->size, 0, (more - nb->size) * sizeof *k);
        nb->known = k;
        nb->size = more;
    }
    nb->known[o->index].of = o;
    return &nb->known[o->index];
}

/* The neighbour has said, or shown by what it sent, how far it knows an origin. */
static void learn(struct gw_metric_neighbour *nb, const struct gw_cats_vector *v, bool exact)
{
    struct gw_metric_origin *o = gw_metric_origin_get(nb->m, &v->origin);
    struct gw_metric_known *k = o != NULL ? known_of(nb, o) : NULL;

    if (k == NULL)
        return;
    if (exact)
        k->direct = v->direct;
    if (!exact && (gw_cats_later(k->epoch, v->epoch) ||
                   (k->epoch == v->epoch && !gw_cats_later(v->seq, k->seq))))
        return;
    k->epoch = v->epoch;
    k->seq = v->seq;
}

/* A source speaks of nobody else. */
static bool relays(const struct gw_metric_neighbour *nb, const struct gw_addr *origin)
{
    return !nb->source || gw_addr_eq(&nb->addr, origin);
}

/* Is all known here that the neighbour has said it knows? Once is enough. */
static void look_synced(struct gw_metric_neighbour *nb)
{
    for (size_t i = 0; i < nb->size; i++) {
        const struct gw_metric_known *k = &nb->known[i];
        if (k->of == NULL)
            continue;
        if (gw_cats_later(k->epoch, k->of->epoch) || (k->of->epoch == 0 && k->seq != 0) ||
            (k->epoch == k->of->epoch && gw_cats_later(k->seq, k->of->seq)))
            return;
    }
    nb->synced = nb->digested;
}

size_t gw_metric_unsynced(const struct gw_metric *m, bool of_all)
{
    const struct gw_metric_neighbour *nb;
    size_t n = 0;

    for (size_t i = 0; (nb = gw_table_next(&m->neighbours, &i)) != NULL;)
        n += !nb->synced && (of_all || nb->up);
    return n;
}

bool gw_metric_caught_up(const struct gw_metric *m, struct gw_time since, struct gw_time most)
{
    struct gw_time span = gw_time_sub(m->now, since);

    return gw_metric_unsynced(m, true) == 0 ||
           (span.ns >= GRACE.ns && gw_metric_unsynced(m, false) == 0) || span.ns >= most.ns;
}

static void send(struct gw_metric_neighbour *nb)
{
    struct gw_metric *m = nb->m;

    (void)m->ops->send(m->user, &nb->addr, m->out);
}

/* -- DIGEST -------------------------------------------------------------------------------------
 */

static struct gw_cats_item vector_of(const struct gw_metric_origin *o)
{
    return (struct gw_cats_item){.type = GW_CATS_VECTOR,
                                 .vector = {.origin = o->addr, .epoch = o->epoch, .seq = o->seq}};
}

static const struct gw_metric_neighbour *heard_at(const struct gw_metric_origin *o,
                                                  const struct gw_addr *a)
{
    const struct gw_metric_neighbour *nb = gw_table_get(&o->m->neighbours, a);

    return nb != NULL && nb->up ? nb : NULL;
}

/* Is the origin a neighbour that is heard, or the forwarder that an agent tells? */
static bool is_direct(const struct gw_metric_origin *o)
{
    const struct gw_metric_neighbour *nb = heard_at(o, &o->addr);

    if (nb == NULL || nb->source)
        nb = heard_at(o, &o->via);
    return nb != NULL && !nb->source;
}

/* Is it this node that tells the others of it? */
static bool is_ours(const struct gw_metric_origin *o)
{
    const struct gw_metric_neighbour *nb = gw_table_get(&o->m->neighbours, &o->addr);

    return o == o->m->self || (nb != NULL && nb->source);
}

/* full: also what the neighbour need not pass on, and knows so. */
static void digest(struct gw_metric_neighbour *nb, uint16_t flags, bool full)
{
    struct gw_metric *m = nb->m;
    struct gw_metric_origin *o;

    gw_cats_begin(m->out, &m->buf, GW_CATS_DIGEST, flags, ++m->seq);
    for (size_t i = 0; (o = gw_table_next(&m->origins, &i)) != NULL;) {
        struct gw_cats_item v = vector_of(o);
        v.vector.direct = is_direct(o);
        if (v.vector.direct && !full && !gw_addr_eq(&o->addr, &nb->addr))
            continue;
        if ((o->seq == 0 && !v.vector.direct) || (nb->source && !gw_addr_eq(&o->addr, &nb->addr)) ||
            gw_cats_add(m->out, &m->buf, &v) == 0)
            continue;
        send(nb);
        m->count[GW_MCNT_DIGEST_OUT]++;
        gw_cats_begin(m->out, &m->buf, GW_CATS_DIGEST, 0, ++m->seq);
        (void)gw_cats_add(m->out, &m->buf, &v);
    }
    send(nb);
    m->count[GW_MCNT_DIGEST_OUT]++;
}

/* -- UPDATE -------------------------------------------------------------------------------------
 */

static struct gw_cats_instance as_of_now(const struct gw_metric *m,
                                         const struct gw_metric_instance *x)
{
    struct gw_cats_instance v = x->v;
    int64_t age = gw_time_sub(m->now, x->measured).ns / 1000000;

    v.age = age > UINT16_MAX ? UINT16_MAX : age < 0 ? 0 : (uint16_t)age;
    if (gw_addr_eq(&v.egress, &x->key.origin))
        v.egress = (struct gw_addr){{0}};
    return v;
}

/* Adds the instance, behind its service unless that is the one before. */
static int add_instance(struct gw_metric *m, const struct gw_metric_instance *x,
                        struct gw_cats_service *last)
{
    struct gw_cats_item s = {.type = GW_CATS_SERVICE, .service = x->key.service};
    struct gw_cats_item i = {.type = GW_CATS_INSTANCE, .instance = as_of_now(m, x)};
    uint16_t nopts = m->out->nopts;
    size_t used = m->buf.used;
    int err = 0;

    if (last->proto != s.service.proto || last->port != s.service.port ||
        !gw_addr_eq(&last->cs_id, &s.service.cs_id))
        err = gw_cats_add(m->out, &m->buf, &s);
    if (err == 0)
        err = gw_cats_add(m->out, &m->buf, &i);
    if (err != 0) { /* not the service without an instance */
        m->out->nopts = nopts;
        m->buf.used = used;
        return err;
    }
    *last = s.service;
    m->count[GW_MCNT_RECORDS_OUT]++;
    return 0;
}

/* What the neighbour lacks of an origin, as far as it fits; false when it did not all. */
static bool add_origin(struct gw_metric_neighbour *nb, struct gw_metric_origin *o)
{
    struct gw_metric *m = nb->m;
    struct gw_metric_known *k = known_of(nb, o);
    struct gw_cats_item head = {.type = GW_CATS_ORIGIN,
                                .origin = {.upto = vector_of(o).vector, .complete = true}};
    /* No service of protocol 0 has a port: the first instance always has one before it. */
    struct gw_cats_service last = {.port = 1};

    if (k == NULL || gw_addr_eq(&o->addr, &nb->addr) || o->seq == 0 || (k->direct && !is_ours(o)) ||
        (k->epoch == o->epoch && !gw_cats_later(o->seq, k->seq)))
        return true;
    head.origin.from = k->epoch == o->epoch ? k->seq : 0;
    if (gw_cats_add(m->out, &m->buf, &head) != 0)
        return false;
    size_t at = m->out->nopts - 1u;
    const struct gw_metric_instance *x = o->first;
    uint32_t done = head.origin.from;
    while (x != NULL && !gw_cats_later(x->v.seq, head.origin.from))
        x = x->next;
    for (; x != NULL && add_instance(m, x, &last) == 0; x = x->next)
        done = x->v.seq;
    if (x == NULL)
        return true;
    head.origin.upto.seq = done;
    head.origin.complete = false;
    (void)gw_cats_amend(m->out, &m->buf, at, &head);
    return false;
}

/* Builds what the neighbour lacks; false when it lacks nothing. */
static bool build(struct gw_metric_neighbour *nb)
{
    struct gw_metric *m = nb->m;
    struct gw_metric_origin *o;
    size_t it = nb->turn;

    gw_cats_begin(m->out, &m->buf, GW_CATS_UPDATE, 0, nb->seq);
    while ((o = gw_table_next(&m->origins, &it)) != NULL)
        if (!add_origin(nb, o)) {
            nb->turn = it;
            return true;
        }
    it = 0;
    while (nb->turn != 0 && (o = gw_table_next(&m->origins, &it)) != NULL && it <= nb->turn)
        if (!add_origin(nb, o))
            break;
    nb->turn = 0;
    return m->out->nopts != 0;
}

static void tell(struct gw_metric_neighbour *nb);

/* Everybody is told who is heard now: who passes on what. */
static void announce(struct gw_timer *t, void *user)
{
    struct gw_metric *m = t->owner;
    struct gw_metric_neighbour *nb;

    (void)user;
    for (size_t i = 0; (nb = gw_table_next(&m->neighbours, &i)) != NULL;)
        if (nb->up && !nb->source)
            digest(nb, 0, true);
}

static void announce_soon(struct gw_metric *m)
{
    m->announce.fire = announce;
    m->announce.owner = m;
    if (!gw_timer_is_set(&m->announce))
        (void)gw_timer_set(m->timers, &m->announce, gw_time_add(m->now, ANNOUNCE));
}

static void lost(struct gw_metric_neighbour *nb)
{
    struct gw_metric *m = nb->m;
    char text[GW_TEXT_MAX];

    nb->up = false;
    nb->waiting = false;
    nb->tries = 0;
    announce_soon(m);
    m->count[GW_MCNT_NEIGHBOUR_DOWN]++;
    gw_log(m->log, GW_LOG_WARN, GW_CAT_SIGNAL, "cats-neighbour-down",
           "%s does not answer CATS updates", gw_fmt_addr(&nb->addr, text));
}

static struct gw_time wait_of(const struct gw_metric *m, unsigned tries)
{
    int64_t ns = m->cfg->retransmit.ns << (tries < 20 ? tries : 20);

    return (struct gw_time){ns < m->cfg->retransmit_max.ns && ns > 0 ? ns
                                                                     : m->cfg->retransmit_max.ns};
}

/* Nothing came back: what it lacks now is sent, which may be more than before. Or a digest is due.
 */
static void due(struct gw_timer *t, void *user)
{
    struct gw_metric_neighbour *nb = t->owner;
    struct gw_metric *m = nb->m;

    (void)user;
    if (nb->waiting && ++nb->tries < m->cfg->tries) {
        m->count[GW_MCNT_UPDATE_AGAIN]++;
        nb->waiting = false;
        tell(nb);
        return;
    }
    if (nb->waiting || (nb->up && gw_time_sub(m->now, nb->heard).ns > 3 * m->cfg->digest.ns))
        lost(nb);
    digest(nb, GW_CATS_WANTS_DIGEST, !nb->up);
    (void)gw_timer_set(m->timers, &nb->timer, gw_time_add(m->now, m->cfg->digest));
}

static void tell(struct gw_metric_neighbour *nb)
{
    struct gw_metric *m = nb->m;

    if (nb->waiting || !nb->up)
        return;
    nb->seq = ++m->seq;
    if (!build(nb)) {
        nb->tries = 0;
        if (!gw_timer_is_set(&nb->timer))
            (void)gw_timer_set(m->timers, &nb->timer, gw_time_add(m->now, m->cfg->digest));
        return;
    }
    nb->waiting = true;
    m->count[GW_MCNT_UPDATE_OUT]++;
    send(nb);
    (void)gw_timer_set(m->timers, &nb->timer, gw_time_add(m->now, wait_of(m, nb->tries)));
    (void)gw_timer_set(m->timers, &nb->pace, gw_time_add(m->now, m->cfg->pace));
}

static void paced(struct gw_timer *t, void *user)
{
    (void)user;
    tell(t->owner);
}

/* Soon: at once unless something was sent just now. */
static void tell_soon(struct gw_metric_neighbour *nb)
{
    if (nb->up && !nb->source && !nb->waiting && !gw_timer_is_set(&nb->pace))
        (void)gw_timer_set(nb->m->timers, &nb->pace, nb->m->now);
}

void gw_metric_news(struct gw_metric *m)
{
    struct gw_metric_neighbour *nb;

    for (size_t i = 0; (nb = gw_table_next(&m->neighbours, &i)) != NULL;)
        tell_soon(nb);
}

static void heard(struct gw_metric_neighbour *nb)
{
    struct gw_metric *m = nb->m;

    nb->heard = m->now;
    if (nb->up)
        return;
    nb->up = true;
    nb->tries = 0;
    announce_soon(m);
    m->count[GW_MCNT_NEIGHBOUR_UP]++;
}

/* -- what comes in ------------------------------------------------------------------------------
 */

/* An UPDATE as it is read: whose the next instances are, and what is answered. */
struct reading {
    struct gw_metric_neighbour *nb;
    struct gw_metric_origin *of; /* NULL: not to be taken */
    struct gw_cats_origin head;
    struct gw_cats_service service;
    bool news;
    bool denied; /* something of this origin: somebody else has to bring it */
    size_t n;
    struct gw_cats_vector answer[GW_MH_OPTS];
};

/* The origin's items are all read. */
static void end_origin(struct reading *r)
{
    struct gw_metric_origin *o = r->of;
    struct gw_metric *m = r->nb->m;

    if (o == NULL)
        return;
    r->of = NULL;
    if (r->denied) { /* never wanted of this neighbour: as if it were known */
        r->answer[r->n++] = r->head.upto;
        return;
    }
    if (gw_cats_later(r->head.from, o->seq))
        m->count[GW_MCNT_GAP]++;
    else if (gw_cats_later(r->head.upto.seq, o->seq)) {
        o->seq = r->head.upto.seq;
        r->news = true;
    }
    if (r->head.complete && o->seq == r->head.upto.seq)
        gw_metric_epoch_end(o);
    r->answer[r->n++] = vector_of(o).vector;
}

static void own_again(struct gw_metric *m, const struct gw_cats_vector *v)
{
    if (gw_cats_later(v->epoch, m->self->epoch) ||
        (v->epoch == m->self->epoch && gw_cats_later(v->seq, m->self->seq)))
        gw_metric_outlive(m, v->epoch);
}

static void begin_origin(struct reading *r, const struct gw_cats_origin *head)
{
    struct gw_metric *m = r->nb->m;
    const struct gw_cats_vector *v = &head->upto;

    r->head = *head;
    r->denied = false;
    r->service = (struct gw_cats_service){.port = 0};
    if (!relays(r->nb, &v->origin)) {
        m->count[GW_MCNT_DENIED]++;
        r->answer[r->n++] = *v;
        return;
    }
    learn(r->nb, v, false);
    if (gw_addr_eq(&v->origin, &m->cfg->self)) {
        own_again(m, v);
        r->answer[r->n++] = vector_of(m->self).vector;
        return;
    }
    struct gw_metric_origin *o = gw_metric_origin_get(m, &v->origin);
    if (o == NULL) { /* never wanted: it is as if it were known */
        r->answer[r->n++] = *v;
        return;
    }
    bool fresh = o->epoch == 0 && o->seq == 0;
    if (fresh && is_direct(o))
        announce_soon(m);
    if (!fresh && gw_cats_later(o->epoch, v->epoch)) {
        r->answer[r->n++] = vector_of(o).vector;
        return;
    }
    if ((fresh || o->epoch != v->epoch) && head->from != 0) {
        m->count[GW_MCNT_GAP]++;
        r->answer[r->n++] = vector_of(o).vector;
        return;
    }
    if (o->epoch != v->epoch)
        gw_metric_epoch_begin(o, v->epoch);
    r->of = o;
}

static void take_instance(struct reading *r, const struct gw_cats_instance *v)
{
    struct gw_metric *m = r->nb->m;

    m->count[GW_MCNT_RECORDS_IN]++;
    if (r->of == NULL)
        return;
    struct gw_metric_key key = {r->of->addr, r->service, v->csci_id};
    if (!m->ops->may(m->user, &r->nb->addr, &key, v)) {
        m->count[GW_MCNT_DENIED]++;
        r->denied = true;
        return;
    }
    if (gw_metric_take(m, r->of, &r->service, v)) {
        m->count[GW_MCNT_RECORDS_NEWS]++;
        r->news = true;
    }
}

static int answer(struct reading *r, uint32_t seq)
{
    struct gw_metric *m = r->nb->m;

    gw_cats_begin(m->out, &m->buf, GW_CATS_ACK, 0, seq);
    for (size_t i = 0; i < r->n; i++) {
        struct gw_cats_item v = {.type = GW_CATS_VECTOR, .vector = r->answer[i]};
        const struct gw_metric_origin *o = gw_table_get(&m->origins, &v.vector.origin);
        v.vector.direct = o != NULL && is_direct(o); /* who did not know stops passing it on */
        if (gw_cats_add(m->out, &m->buf, &v) != 0)
            break; /* the rest is sent again, and answered then */
    }
    send(r->nb);
    return 0;
}

static int update(struct gw_metric_neighbour *nb, const struct gw_mh *mh)
{
    struct reading r = {.nb = nb};
    struct gw_cats_item item;
    size_t it = 0;
    int got;

    nb->m->count[GW_MCNT_UPDATE_IN]++;
    while ((got = gw_cats_next(mh, &it, &item)) == 1) {
        if (item.type == GW_CATS_ORIGIN) {
            end_origin(&r);
            begin_origin(&r, &item.origin);
        } else if (item.type == GW_CATS_SERVICE) {
            r.service = item.service;
        } else if (item.type == GW_CATS_INSTANCE) {
            take_instance(&r, &item.instance);
        }
    }
    if (got < 0) {
        nb->m->count[GW_MCNT_MALFORMED]++;
        return got; /* what was read stays; how far the origin is known does not move */
    }
    end_origin(&r);
    (void)answer(&r, mh->exp.cats.seq);
    if (r.news)
        gw_metric_news(nb->m);
    return 0;
}

static int learn_all(struct gw_metric_neighbour *nb, const struct gw_mh *mh)
{
    struct gw_cats_item item;
    size_t it = 0;
    int got;

    while ((got = gw_cats_next(mh, &it, &item)) == 1) {
        if (item.type != GW_CATS_VECTOR)
            continue;
        if (!nb->source && gw_addr_eq(&item.vector.origin, &nb->m->cfg->self))
            own_again(nb->m, &item.vector);
        if (relays(nb, &item.vector.origin))
            learn(nb, &item.vector, true);
    }
    if (got < 0)
        nb->m->count[GW_MCNT_MALFORMED]++;
    return got;
}

static int ack(struct gw_metric_neighbour *nb, const struct gw_mh *mh)
{
    if (!nb->waiting || mh->exp.cats.seq != nb->seq) {
        nb->m->count[GW_MCNT_STALE_ACK]++;
        return GW_ENOENT;
    }
    nb->waiting = false;
    nb->tries = 0;
    (void)gw_timer_set(nb->m->timers, &nb->timer, gw_time_add(nb->m->now, nb->m->cfg->digest));
    int err = learn_all(nb, mh);
    tell_soon(nb);
    return err;
}

static int digest_input(struct gw_metric_neighbour *nb, const struct gw_mh *mh)
{
    nb->m->count[GW_MCNT_DIGEST_IN]++;
    if ((mh->exp.cats.flags & GW_CATS_RESET) != 0) {
        if (nb->size != 0)
            memset(nb->known, 0, nb->size * sizeof *nb->known);
        nb->waiting = false;
    }
    int err = learn_all(nb, mh);
    nb->digested = nb->digested || err == 0;
    if ((mh->exp.cats.flags & GW_CATS_WANTS_DIGEST) != 0)
        digest(nb, 0, (mh->exp.cats.flags & GW_CATS_RESET) != 0);
    tell_soon(nb);
    return err;
}

int gw_metric_input(struct gw_metric *m, const struct gw_addr *from, const struct gw_mh *mh)
{
    struct gw_metric_neighbour *nb = gw_table_get(&m->neighbours, from);

    if (nb == NULL) {
        m->count[GW_MCNT_DENIED]++;
        return GW_EDENIED;
    }
    heard(nb);
    int err = GW_EINVAL;
    if (mh->exp.cats.type == GW_CATS_UPDATE)
        err = update(nb, mh);
    else if (mh->exp.cats.type == GW_CATS_ACK)
        err = ack(nb, mh);
    else if (mh->exp.cats.type == GW_CATS_DIGEST)
        err = digest_input(nb, mh);
    if (!nb->synced)
        look_synced(nb);
    return err;
}

int gw_metric_neighbour_add(struct gw_metric *m, const struct gw_addr *a, bool source)
{
    struct gw_metric_neighbour *nb = gw_table_get(&m->neighbours, a);

    if (nb != NULL)
        return 0;
    nb = gw_new(m->al, sizeof *nb);
    if (nb == NULL)
        return GW_ENOMEM;
    nb->addr = *a;
    nb->m = m;
    nb->source = source;
    nb->timer.fire = due;
    nb->timer.owner = nb;
    nb->pace.fire = paced;
    nb->pace.owner = nb;
    int err = gw_table_put(&m->neighbours, nb);
    if (err == 0)
        err = gw_timer_set(m->timers, &nb->timer, gw_time_add(m->now, m->cfg->retransmit_max));
    if (err != 0) {
        gw_metric_neighbour_del(m, a);
        return err;
    }
    digest(nb, GW_CATS_RESET | GW_CATS_WANTS_DIGEST, true);
    return 0;
}

void gw_metric_neighbour_way(struct gw_metric *m, const struct gw_addr *a, bool there)
{
    struct gw_metric_neighbour *nb = gw_table_get(&m->neighbours, a);

    if (nb == NULL || nb->up == there)
        return;
    if (there)
        digest(nb, GW_CATS_WANTS_DIGEST, true);
    else
        lost(nb);
}

void gw_metric_neighbour_del(struct gw_metric *m, const struct gw_addr *a)
{
    struct gw_metric_neighbour *nb = gw_table_del(&m->neighbours, a);

    if (nb == NULL)
        return;
    gw_timer_stop(m->timers, &nb->timer);
    gw_timer_stop(m->timers, &nb->pace);
    gw_free(m->al, nb->known, nb->size * sizeof *nb->known);
    gw_free(m->al, nb, sizeof *nb);
}

/* locate.c: see locate.h. */
#include "fn/handover/locate.h"

#include "base/err.h"
#include "node/config.h"

struct key {
    struct gw_prefix client;
    enum gw_locate_kind kind;
};

static uint64_t hash(const void *key, uint64_t seed)
{
    const struct key *k = key;

    return gw_hash(k->client.addr.b, 8, seed ^ (uint64_t)k->kind);
}

static bool eq(const void *key, const void *obj)
{
    const struct key *k = key;
    const struct gw_locate *x = obj;

    return k->kind == x->kind && gw_prefix_eq(&k->client, &x->client);
}

static const void *key_of(const void *obj)
{
    return obj; /* it begins as struct key does */
}

static const struct gw_table_ops by_client = {hash, eq, key_of};

const char *gw_locate_count_name(enum gw_locate_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_LOCATECNT_##id] = (name),
        GW_LOCATE_COUNTERS(X)
#undef X
    };

    return names[c];
}

/* -- lists --------------------------------------------------------------------------------------
 */

static void take_out(struct gw_locate_link *x)
{
    if (x->in == NULL)
        return;
    *(x->prev != NULL ? &x->prev->next : &x->in->first) = x->next;
    *(x->next != NULL ? &x->next->prev : &x->in->last) = x->prev;
    x->prev = x->next = NULL;
    x->in = NULL;
}

static void append(struct gw_locate_list *to, struct gw_locate_link *x)
{
    take_out(x);
    x->in = to;
    x->prev = to->last;
    *(to->last != NULL ? &to->last->next : &to->first) = x;
    to->last = x;
}

static bool is_anywhere(const struct gw_locate *x)
{
    for (size_t i = 0; i < GW_LOCATE_SERVERS; i++)
        if (x->link[i].in != NULL)
            return true;
    return false;
}

static void free_one(struct gw_locate *x)
{
    struct gw_locates *l = x->all;

    for (size_t i = 0; i < GW_LOCATE_SERVERS; i++)
        take_out(&x->link[i]);
    gw_timer_stop(l->metric->timers, &x->timer);
    (void)gw_table_del(&l->by_client, x);
    gw_free(l->al, x, sizeof *x);
}

/* -- messages -----------------------------------------------------------------------------------
 */

/* Something waits: one message that is not out takes it. */
static void wake(struct gw_locate_server *s, enum gw_locate_kind kind)
{
    size_t most = s->silent ? 1 : GW_LOCATE_SLOTS;

    for (size_t i = 0; i < most && s->waits[kind].first != NULL; i++) {
        struct gw_post *p = &s->slot[kind][i].post;
        if (!p->waiting && !gw_timer_is_set(&p->timer)) {
            gw_post_soon(p);
            return;
        }
    }
}

static void queue(struct gw_locate_server *s, struct gw_locate *x)
{
    append(&s->waits[x->kind], &x->link[s->index]);
    wake(s, x->kind);
}

static struct gw_cats_item item_of(const struct gw_locate *x)
{
    const struct gw_config *c = x->all->cfg;
    struct gw_cats_item item = {.type = GW_CATS_LOCATION,
                                .location = {.client = x->client.addr, .lladdr = x->lladdr}};

    if (x->kind == GW_LOCATE_ASK)
        return item;
    item.location.ingress = c->addr;
    item.location.generation = x->generation;
    item.location.negresses = x->negresses;
    item.location.lifetime =
        (uint16_t)(x->negresses > 0 ? c->handover.location.ns / GW_SEC(1).ns : 0);
    memcpy(item.location.egress, x->egress, sizeof item.location.egress);
    return item;
}

static bool add(struct gw_metric *m, struct gw_locate_link *x)
{
    struct gw_cats_item item = item_of(x->of);

    if (m->out->nopts >= GW_LOCATE_ITEMS || gw_cats_add(m->out, &m->buf, &item) != 0)
        return false;
    x->changed = false;
    return true;
}

/* What is in it already goes again, as it is now; then what waits. */
static bool build(struct gw_post *p)
{
    struct gw_locate_slot *slot = p->owner;
    struct gw_locate_server *s = slot->server;
    enum gw_locate_kind kind = slot < s->slot[GW_LOCATE_ASK] ? GW_LOCATE_SAY : GW_LOCATE_ASK;
    struct gw_locate_link *x, *next;
    struct gw_metric *m = p->m;

    gw_cats_begin(m->out, &m->buf, kind == GW_LOCATE_SAY ? GW_CATS_LOCATE : GW_CATS_WHERE, 0,
                  p->seq);
    for (x = slot->out.first; x != NULL; x = next) {
        next = x->next;
        if (!add(m, x)) /* it has become longer */
            append(&s->waits[kind], x);
    }
    while ((x = s->waits[kind].first) != NULL && add(m, x))
        append(&slot->out, x);
    wake(s, kind);
    return m->out->nopts != 0;
}

static void answered(struct gw_locate_server *s)
{
    s->silent = false;
    wake(s, GW_LOCATE_SAY);
    wake(s, GW_LOCATE_ASK);
}

/* A server has stored what was said. */
static void said(struct gw_post *p)
{
    struct gw_locate_slot *slot = p->owner;
    struct gw_locate_link *x;

    while ((x = slot->out.first) != NULL) {
        struct gw_locate *of = x->of;
        take_out(x);
        of->all->count[GW_LOCATECNT_SAID]++;
        if (x->changed)
            append(&slot->server->waits[GW_LOCATE_SAY], x);
        else if (of->negresses == 0 && !is_anywhere(of))
            free_one(of);
    }
    answered(slot->server);
}

/* Nobody else is being asked: it is unknown. */
static void no_answer(struct gw_locate *x)
{
    struct gw_locates *l = x->all;
    struct gw_prefix client = x->client;

    if (is_anywhere(x))
        return;
    l->count[GW_LOCATECNT_UNKNOWN]++;
    free_one(x);
    l->located(l->user, &client, &(struct gw_addr){.b = {0}});
}

/* The items of an answered question are gone by then. */
static void asked(struct gw_post *p)
{
    answered(((struct gw_locate_slot *)p->owner)->server);
}

/* What is so is said until somebody hears it; a question is over. */
static void lost(struct gw_post *p)
{
    struct gw_locate_slot *slot = p->owner;
    struct gw_locate_server *s = slot->server;
    struct gw_locate_link *x;

    s->all->count[GW_LOCATECNT_SILENT]++;
    s->silent = true;
    while ((x = slot->out.first) != NULL) {
        if (x->of->kind == GW_LOCATE_SAY) {
            append(&s->waits[GW_LOCATE_SAY], x);
        } else {
            take_out(x);
            no_answer(x->of);
        }
    }
    wake(s, GW_LOCATE_SAY);
    wake(s, GW_LOCATE_ASK);
}

int gw_locates_ack(struct gw_locates *l, const struct gw_addr *from, uint32_t seq)
{
    for (size_t i = 0; l->server != NULL && i < GW_LOCATE_SERVERS; i++)
        for (size_t k = 0; k < GW_LOCATE_SLOTS && gw_addr_eq(&l->server[i].addr, from); k++)
            if (gw_post_ack(&l->server[i].slot[GW_LOCATE_SAY][k].post, seq) == 0)
                return 0;
    return GW_ENOENT;
}

/* -- servers ------------------------------------------------------------------------------------
 */

static void open_server(struct gw_locates *l, size_t i, const struct gw_addr *addr)
{
    struct gw_locate_server *s = &l->server[i];

    *s = (struct gw_locate_server){.addr = *addr, .all = l, .index = i};
    for (unsigned kind = 0; kind < GW_LOCATE_KINDS; kind++)
        for (size_t k = 0; k < GW_LOCATE_SLOTS; k++) {
            struct gw_locate_slot *slot = &s->slot[kind][k];
            slot->server = s;
            slot->post = (struct gw_post){.m = l->metric,
                                          .to = *addr,
                                          .owner = slot,
                                          .build = build,
                                          .acked = kind == GW_LOCATE_SAY ? said : asked,
                                          .lost = lost,
                                          .first = l->cfg->timers.initial_ack};
            gw_post_init(&slot->post);
        }
}

/* Those that it alone was being asked about are unknown. */
static void close_server(struct gw_locates *l, size_t i)
{
    struct gw_locate_server *s = &l->server[i];
    struct gw_locate *x;

    for (unsigned kind = 0; kind < GW_LOCATE_KINDS; kind++)
        for (size_t k = 0; k < GW_LOCATE_SLOTS; k++)
            gw_post_stop(&s->slot[kind][k].post);
    for (size_t it = 0; (x = gw_table_next(&l->by_client, &it)) != NULL;) {
        take_out(&x->link[i]);
        if (x->kind == GW_LOCATE_ASK)
            no_answer(x);
        else if (x->negresses == 0 && !is_anywhere(x))
            free_one(x);
    }
    s->addr = (struct gw_addr){.b = {0}};
}

static bool is_configured(const struct gw_config *c, const struct gw_addr *a)
{
    for (size_t i = 0; i < c->handover.nservers; i++)
        if (gw_addr_eq(&c->handover.servers[i], a))
            return true;
    return false;
}

static bool is_open(const struct gw_locates *l, const struct gw_addr *a)
{
    for (size_t i = 0; i < GW_LOCATE_SERVERS; i++)
        if (gw_addr_eq(&l->server[i].addr, a))
            return true;
    return false;
}

static void add_server(struct gw_locates *l, const struct gw_addr *a)
{
    size_t i = 0;
    struct gw_locate *x;

    while (i < GW_LOCATE_SERVERS && !gw_addr_is_zero(&l->server[i].addr))
        i++;
    if (i == GW_LOCATE_SERVERS)
        return; /* the model has no more */
    open_server(l, i, a);
    for (size_t it = 0; (x = gw_table_next(&l->by_client, &it)) != NULL;)
        if (x->kind == GW_LOCATE_SAY && x->negresses > 0)
            queue(&l->server[i], x);
}

int gw_locates_reload(struct gw_locates *l)
{
    const struct gw_cfg_handover *h = &l->cfg->handover;

    l->by_client.limit = 2 * (size_t)h->clients;
    if (h->nservers > 0 && l->server == NULL) {
        l->server = gw_new(l->al, GW_LOCATE_SERVERS * sizeof *l->server);
        if (l->server == NULL)
            return GW_ENOMEM;
        memset(l->server, 0, GW_LOCATE_SERVERS * sizeof *l->server);
    }
    for (size_t i = 0; l->server != NULL && i < GW_LOCATE_SERVERS; i++)
        if (!gw_addr_is_zero(&l->server[i].addr) && !is_configured(l->cfg, &l->server[i].addr))
            close_server(l, i);
    for (size_t i = 0; l->server != NULL && i < h->nservers; i++)
        if (!is_open(l, &h->servers[i]))
            add_server(l, &h->servers[i]);
    return 0;
}

int gw_locates_init(struct gw_locates *l, uint64_t seed)
{
    gw_table_init(&l->by_client, l->al, &by_client, 0, seed);
    return gw_locates_reload(l);
}

void gw_locates_free(struct gw_locates *l)
{
    struct gw_locate *x;

    for (size_t i = 0; (x = gw_table_next(&l->by_client, &i)) != NULL;)
        free_one(x);
    gw_table_free(&l->by_client);
    for (size_t i = 0; l->server != NULL && i < GW_LOCATE_SERVERS; i++)
        for (size_t k = 0; k < (size_t)GW_LOCATE_KINDS * GW_LOCATE_SLOTS; k++)
            if (!gw_addr_is_zero(&l->server[i].addr))
                gw_post_stop(&l->server[i].slot[k / GW_LOCATE_SLOTS][k % GW_LOCATE_SLOTS].post);
    gw_free(l->al, l->server, GW_LOCATE_SERVERS * sizeof *l->server);
    l->server = NULL;
}

/* -- what is said and asked ---------------------------------------------------------------------
 */

static void say_everywhere(struct gw_locate *x)
{
    struct gw_locates *l = x->all;

    for (size_t i = 0; l->server != NULL && i < GW_LOCATE_SERVERS; i++) {
        struct gw_locate_server *s = &l->server[i];
        struct gw_locate_link *link = &x->link[i];
        if (gw_addr_is_zero(&s->addr))
            continue;
        link->changed = true;
        if (link->in == NULL)
            queue(s, x);
    }
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_locate *x = t->owner;
    int64_t third = x->all->cfg->handover.location.ns / 3;

    (void)user;
    if (x->negresses == 0) {
        free_one(x);
        return;
    }
    say_everywhere(x);
    (void)gw_timer_set(x->all->metric->timers, t,
                       gw_time_add(x->all->metric->now, (struct gw_time){third}));
}

static struct gw_locate *make(struct gw_locates *l, const struct gw_prefix *client,
                              enum gw_locate_kind kind, int *err)
{
    struct gw_locate *x = gw_new(l->al, sizeof *x);

    *err = x != NULL ? 0 : GW_ENOMEM;
    if (x != NULL) {
        *x = (struct gw_locate){.client = *client, .kind = kind, .all = l};
        x->timer = (struct gw_timer){.fire = due, .owner = x};
        for (size_t i = 0; i < GW_LOCATE_SERVERS; i++)
            x->link[i].of = x;
        *err = gw_table_put(&l->by_client, x);
    }
    if (*err == 0)
        return x;
    l->count[*err == GW_EFULL ? GW_LOCATECNT_LIMIT : GW_LOCATECNT_NO_MEMORY]++;
    if (x != NULL)
        gw_free(l->al, x, sizeof *x);
    return NULL;
}

static struct gw_locate *get(const struct gw_locates *l, const struct gw_prefix *client,
                             enum gw_locate_kind kind)
{
    struct key key = {.client = *client, .kind = kind};

    return gw_table_get(&l->by_client, &key);
}

int gw_locates_set(struct gw_locates *l, const struct gw_prefix *client,
                   const struct gw_lladdr *lladdr, uint32_t generation,
                   const struct gw_addr *egress, size_t n)
{
    struct gw_locate *x = get(l, client, GW_LOCATE_SAY);
    int64_t span = l->cfg->handover.location.ns / (n > 0 ? 3 : 1);
    int err = 0;

    if (l->server == NULL || (x == NULL && n == 0))
        return 0;
    if (x == NULL && (x = make(l, client, GW_LOCATE_SAY, &err)) == NULL)
        return err;
    err = gw_timer_set(l->metric->timers, &x->timer,
                       gw_time_add(l->metric->now, (struct gw_time){span}));
    if (err != 0 && !gw_timer_is_set(&x->timer)) {
        l->count[GW_LOCATECNT_NO_MEMORY]++;
        free_one(x);
        return err;
    }
    l->count[GW_LOCATECNT_EGRESSES] += n > GW_CATS_EGRESSES;
    x->negresses = (uint8_t)(n < GW_CATS_EGRESSES ? n : GW_CATS_EGRESSES);
    for (size_t i = 0; i < x->negresses; i++)
        x->egress[i] = egress[i];
    x->lladdr = *lladdr;
    x->generation = generation;
    say_everywhere(x);
    return 0;
}

bool gw_locates_ask(struct gw_locates *l, const struct gw_prefix *client,
                    const struct gw_lladdr *lladdr)
{
    struct gw_locate *x = get(l, client, GW_LOCATE_ASK);
    int err;

    if (x != NULL)
        return true;
    if (l->server == NULL || (l->cfg->handover.find & GW_FIND_SERVER) == 0 ||
        l->cfg->handover.nservers == 0)
        return false;
    x = make(l, client, GW_LOCATE_ASK, &err);
    if (x == NULL)
        return false;
    x->lladdr = *lladdr;
    l->count[GW_LOCATECNT_ASKED]++;
    say_everywhere(x);
    return true;
}

/* -- answers ------------------------------------------------------------------------------------
 */

static struct gw_locate_slot *question(const struct gw_locates *l, const struct gw_addr *from,
                                       uint32_t seq)
{
    for (size_t i = 0; l->server != NULL && i < GW_LOCATE_SERVERS; i++)
        for (size_t k = 0; k < GW_LOCATE_SLOTS && gw_addr_eq(&l->server[i].addr, from); k++) {
            struct gw_locate_slot *slot = &l->server[i].slot[GW_LOCATE_ASK][k];
            if (slot->post.waiting && slot->post.seq == seq)
                return slot;
        }
    return NULL;
}

/* The first server that knows it counts; a client that is here already has nothing to be asked. */
static void answer(struct gw_locates *l, struct gw_locate_slot *slot,
                   const struct gw_cats_location *at)
{
    struct gw_prefix client = {.addr = at->client, .len = 64};
    struct gw_locate *x = get(l, &client, GW_LOCATE_ASK);

    if (x == NULL || x->link[slot->server->index].in != &slot->out)
        return;
    take_out(&x->link[slot->server->index]);
    if (at->lifetime == 0 || gw_addr_is_zero(&at->ingress) ||
        gw_addr_eq(&at->ingress, &l->cfg->addr)) {
        no_answer(x);
        return;
    }
    l->count[GW_LOCATECNT_FOUND]++;
    free_one(x);
    l->located(l->user, &client, &at->ingress);
}

int gw_locates_located(struct gw_locates *l, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_locate_slot *slot = question(l, from, m->exp.cats.seq);
    struct gw_cats_item item;
    size_t it = 0;
    int err;

    if (slot == NULL) {
        l->count[GW_LOCATECNT_UNASKED]++;
        return GW_EDENIED;
    }
    while ((err = gw_cats_next(m, &it, &item)) == 1)
        if (item.type == GW_CATS_LOCATION)
            answer(l, slot, &item.location);
    if (err != 0)
        l->count[GW_LOCATECNT_MALFORMED]++;
    else if (slot->out.first == NULL)
        (void)gw_post_ack(&slot->post, m->exp.cats.seq);
    return err;
}

size_t gw_locates_waiting(const struct gw_locates *l)
{
    const struct gw_locate *x;
    size_t n = 0;

    for (size_t i = 0; (x = gw_table_next(&l->by_client, &i)) != NULL;)
        n += is_anywhere(x);
    return n;
}

/* location.c: see location.h. */
#include "fn/handover/location.h"

#include "node/config.h"

#define VERSION 1u
#define KEY_LEN 17u

static uint64_t hash(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_prefix *)key)->addr.b, 8, seed);
}

static bool eq(const void *key, const void *obj)
{
    return gw_prefix_eq(key, &((const struct gw_location *)obj)->client);
}

static const void *key_of(const void *obj)
{
    return &((const struct gw_location *)obj)->client;
}

static const struct gw_table_ops by_client = {hash, eq, key_of};

const char *gw_location_count_name(enum gw_location_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_LOCCNT_##id] = (name),
        GW_LOCATION_COUNTERS(X)
#undef X
    };

    return names[c];
}

/* Any address of it stands for the client. */
static struct gw_prefix client_of(const struct gw_addr *a)
{
    struct gw_prefix p = {.addr = *a, .len = 64};

    memset(p.addr.b + 8, 0, 8);
    return p;
}

/* -- entries ------------------------------------------------------------------------------------
 */

static void record_key(const struct gw_location *e, uint8_t key[static KEY_LEN])
{
    key[0] = GW_LOCATION_RECORD;
    memcpy(key + 1, e->client.addr.b, 16);
}

static void record(struct gw_location *e)
{
    struct gw_locations *s = e->all;
    int64_t left = gw_timer_at(s->timers, &e->timer).ns - s->now.mono.ns;
    uint8_t key[KEY_LEN], value[64 + 16 * GW_CATS_EGRESSES];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    record_key(e, key);
    gw_wr_u8(&w, VERSION);
    gw_wr_u64(&w, (uint64_t)(s->now.wall_ns + left));
    gw_wr_u32(&w, e->generation);
    gw_wr_put(&w, e->ingress.b, sizeof e->ingress.b);
    gw_wr_u8(&w, e->lladdr.len);
    gw_wr_put(&w, e->lladdr.b, e->lladdr.len);
    gw_wr_u8(&w, e->negresses);
    for (size_t i = 0; i < e->negresses; i++)
        gw_wr_put(&w, e->egress[i].b, sizeof e->egress[i].b);
    s->ops->put(s->user, key, sizeof key, value, gw_wr_len(&w));
}

static void free_entry(struct gw_location *e)
{
    struct gw_locations *s = e->all;

    gw_timer_stop(s->timers, &e->timer);
    (void)gw_table_del(&s->by_client, &e->client);
    gw_free(s->al, e, sizeof *e);
}

static void forget(struct gw_location *e)
{
    uint8_t key[KEY_LEN];

    record_key(e, key);
    e->all->ops->del(e->all->user, key, sizeof key);
    free_entry(e);
}

static void expire(struct gw_timer *t, void *user)
{
    struct gw_location *e = t->owner;

    (void)user;
    e->all->count[GW_LOCCNT_EXPIRED]++;
    forget(e);
}

/* In the table, with its timer running; NULL: counted. */
static struct gw_location *make(struct gw_locations *s, const struct gw_prefix *client,
                                struct gw_time until, int *err)
{
    struct gw_location *e = gw_new(s->al, sizeof *e);

    *err = e != NULL ? 0 : GW_ENOMEM;
    if (e != NULL) {
        *e = (struct gw_location){.client = *client, .all = s};
        e->timer = (struct gw_timer){.fire = expire, .owner = e};
        *err = gw_table_put(&s->by_client, e);
    }
    if (*err == 0) {
        *err = gw_timer_set(s->timers, &e->timer, until);
        if (*err == 0)
            return e;
        (void)gw_table_del(&s->by_client, client);
    }
    s->count[*err == GW_EFULL ? GW_LOCCNT_LIMIT : GW_LOCCNT_NO_MEMORY]++;
    if (e != NULL)
        gw_free(s->al, e, sizeof *e);
    return NULL;
}

void gw_locations_init(struct gw_locations *s, uint64_t seed)
{
    gw_table_init(&s->by_client, s->al, &by_client, s->cfg->handover.locations, seed);
}

void gw_locations_free(struct gw_locations *s)
{
    struct gw_location *e;

    for (size_t i = 0; (e = gw_table_next(&s->by_client, &i)) != NULL;)
        free_entry(e);
    gw_table_free(&s->by_client);
}

void gw_locations_reload(struct gw_locations *s)
{
    s->by_client.limit = s->cfg->handover.locations;
}

static bool read_record(struct gw_rd *r, struct gw_location *e)
{
    e->generation = gw_rd_u32(r);
    (void)gw_rd_copy(r, e->ingress.b, sizeof e->ingress.b);
    e->lladdr.len = gw_rd_u8(r);
    if (e->lladdr.len > sizeof e->lladdr.b)
        return false;
    (void)gw_rd_copy(r, e->lladdr.b, e->lladdr.len);
    e->negresses = gw_rd_u8(r);
    for (size_t i = 0; i < e->negresses && i < GW_CATS_EGRESSES; i++)
        (void)gw_rd_copy(r, e->egress[i].b, sizeof e->egress[i].b);
    return e->negresses <= GW_CATS_EGRESSES && !r->bad && gw_rd_left(r) == 0;
}

int gw_locations_restore(struct gw_locations *s, const uint8_t *key, size_t key_len,
                         const uint8_t *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    uint8_t version = gw_rd_u8(&r);
    int64_t left = (int64_t)gw_rd_u64(&r) - s->now.wall_ns;
    struct gw_prefix client = {.len = 64};
    int err;

    if (key_len != KEY_LEN || version != VERSION || r.bad)
        return GW_EFORMAT;
    memcpy(client.addr.b, key + 1, sizeof client.addr.b);
    if (left <= 0) {
        s->ops->del(s->user, key, key_len);
        return 0;
    }
    /* A clock that was set back does not keep it for longer than anybody has said. */
    int64_t most = (int64_t)UINT16_MAX * GW_SEC(1).ns;
    struct gw_time span = {left < most ? left : most};
    struct gw_location *e = make(s, &client, gw_time_add(s->now.mono, span), &err);
    if (e == NULL)
        return err;
    if (read_record(&r, e))
        return 0;
    free_entry(e);
    return GW_EFORMAT;
}

/* -- LOCATE -------------------------------------------------------------------------------------
 */

/* May it say that? Its own entry again, or another's with a later generation. */
static bool may(struct gw_locations *s, const struct gw_location *e, const struct gw_addr *from,
                const struct gw_cats_location *x)
{
    bool own = e == NULL || gw_addr_eq(&e->ingress, from);

    if (!gw_addr_eq(&x->ingress, from)) {
        s->count[GW_LOCCNT_DENIED]++;
        return false;
    }
    if (e == NULL || gw_cats_later(x->generation, e->generation) ||
        (own && x->generation == e->generation))
        return true;
    s->count[GW_LOCCNT_STALE]++;
    return false;
}

static void withdraw(struct gw_locations *s, struct gw_location *e, const struct gw_addr *from)
{
    if (e == NULL)
        return; /* said again, or expired */
    if (!gw_addr_eq(&e->ingress, from)) {
        s->count[GW_LOCCNT_STALE]++; /* it has not said so itself */
        return;
    }
    s->count[GW_LOCCNT_WITHDRAWN]++;
    forget(e);
}

static void set(struct gw_locations *s, const struct gw_addr *from,
                const struct gw_cats_location *x)
{
    struct gw_prefix client = client_of(&x->client);
    struct gw_location *e = gw_table_get(&s->by_client, &client);
    struct gw_time until = gw_time_add(s->now.mono, GW_SEC(x->lifetime));
    int err;

    if (!may(s, e, from, x))
        return;
    if (x->lifetime == 0) {
        withdraw(s, e, from);
        return;
    }
    bool again = e != NULL && x->generation == e->generation;
    if (e == NULL && (e = make(s, &client, until, &err)) == NULL)
        return;
    (void)gw_timer_set(s->timers, &e->timer, until); /* it is set: needs no memory */
    e->generation = x->generation;
    e->ingress = *from;
    e->lladdr = x->lladdr;
    e->negresses = (uint8_t)x->negresses;
    memcpy(e->egress, x->egress, sizeof e->egress);
    s->count[again ? GW_LOCCNT_RENEWED : GW_LOCCNT_SET]++;
    record(e);
}

/* -- WHERE --------------------------------------------------------------------------------------
 */

static struct gw_cats_item answer(struct gw_locations *s, const struct gw_cats_location *x)
{
    struct gw_prefix client = client_of(&x->client);
    const struct gw_location *e = gw_table_get(&s->by_client, &client);
    struct gw_cats_item item = {.type = GW_CATS_LOCATION, .location = {.client = client.addr}};

    s->count[e != NULL ? GW_LOCCNT_FOUND : GW_LOCCNT_UNKNOWN]++;
    if (e == NULL)
        return item;
    int64_t left = gw_timer_at(s->timers, &e->timer).ns - s->now.mono.ns;
    item.location.lifetime = (uint16_t)(1 + (left > 0 ? left - 1 : 0) / GW_SEC(1).ns);
    item.location.generation = e->generation;
    item.location.ingress = e->ingress;
    item.location.lladdr = e->lladdr;
    item.location.negresses = e->negresses;
    memcpy(item.location.egress, e->egress, sizeof item.location.egress);
    return item;
}

/* Its answer may need several messages, of the same number. */
static void say(struct gw_locations *s, const struct gw_addr *to, uint32_t seq,
                const struct gw_cats_item *item)
{
    if (gw_cats_add(&s->out, &s->buf, item) == 0)
        return;
    (void)s->ops->send(s->user, to, &s->out);
    gw_cats_begin(&s->out, &s->buf, GW_CATS_LOCATED, 0, seq);
    (void)gw_cats_add(&s->out, &s->buf, item); /* alone it fits */
}

/* -- messages -----------------------------------------------------------------------------------
 */

static bool is_whole(const struct gw_mh *m)
{
    struct gw_cats_item item;
    size_t it = 0;
    int err;

    while ((err = gw_cats_next(m, &it, &item)) == 1)
        continue;
    return err == 0;
}

int gw_locations_message(struct gw_locations *s, const struct gw_addr *from, const struct gw_mh *m)
{
    bool locate = m->exp.cats.type == GW_CATS_LOCATE;
    uint32_t seq = m->exp.cats.seq;
    struct gw_cats_item item;
    size_t it = 0;

    if (!locate && m->exp.cats.type != GW_CATS_WHERE)
        return GW_EINVAL;
    s->count[locate ? GW_LOCCNT_IN_LOCATE : GW_LOCCNT_IN_WHERE]++;
    if (!is_whole(m)) {
        s->count[GW_LOCCNT_MALFORMED]++;
        return GW_EFORMAT;
    }
    gw_cats_begin(&s->out, &s->buf, locate ? GW_CATS_ACK : GW_CATS_LOCATED, 0, seq);
    while (gw_cats_next(m, &it, &item) == 1) {
        if (item.type != GW_CATS_LOCATION)
            continue;
        if (locate) {
            set(s, from, &item.location);
        } else {
            item = answer(s, &item.location);
            say(s, from, seq, &item);
        }
    }
    (void)s->ops->send(s->user, from, &s->out);
    return 0;
}

/* -- for people ---------------------------------------------------------------------------------
 */

void gw_locations_show(const struct gw_locations *s, struct gw_emit *e)
{
    const struct gw_location *x;

    for (size_t i = 0; (x = gw_table_next(&s->by_client, &i)) != NULL;) {
        int64_t left = gw_timer_at(s->timers, &x->timer).ns - s->now.mono.ns;
        gw_emit_obj(e, NULL);
        gw_emit_prefix(e, "client", &x->client);
        if (x->lladdr.len != 0)
            gw_emit_lladdr(e, "lladdr", &x->lladdr);
        gw_emit_addr(e, "ingress", &x->ingress);
        gw_emit_num(e, "generation", x->generation);
        gw_emit_num(e, "expires_s", left / GW_SEC(1).ns);
        gw_emit_arr(e, "egresses");
        for (size_t k = 0; k < x->negresses; k++)
            gw_emit_addr(e, NULL, &x->egress[k]);
        gw_emit_arr_end(e);
        gw_emit_obj_end(e);
    }
}

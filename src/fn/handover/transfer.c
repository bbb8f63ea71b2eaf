/* transfer.c: the transactions that are moved: tables, records, timers, rows. What the three sides
 * do is in files of their own; see transfer.h.
 */
#include "fn/handover/transfer_int.h"

#include "base/cursor.h"
#include "base/text.h"
#include "fn/steer/steer.h"

#include <stdio.h>

#define TRANSFERS      1024 /* at a node, those that are over among them */
#define RECORD_VERSION 1
#define RECORD_MAX     2048

const char *gw_transfer_count_name(enum gw_transfer_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_TCNT_##id] = (name),
        GW_TRANSFER_COUNTERS(X)
#undef X
    };

    return names[c];
}

const char *gw_transfer_code_name(unsigned code)
{
    static const char *const names[] = {"fine",      "unknown",     "denied",    "no export",
                                        "too large", "unreachable", "no import", "timeout",
                                        "resources", "ended",       "restarted"};

    return code < sizeof names / sizeof *names ? names[code] : "?";
}

const char *gw_transfer_do_name(enum gw_transfer_do d)
{
    static const char *const names[] = {"export", "expect", "forget", "keep", "resume", "discard"};

    return names[d];
}

static const char *side_name(enum gw_transfer_side s)
{
    static const char *const names[] = {"ingress", "old egress", "new egress"};

    return names[s];
}

static const char *state_name(enum gw_transfer_state s)
{
    static const char *const names[] = {"moving", "ready", "decided", "undoing", "over"};

    return names[s];
}

/* -- tables -------------------------------------------------------------------------------------
 */

static uint64_t hash_key(const void *key, uint64_t seed)
{
    const struct gw_transfer_key *k = key;
    uint8_t b[16 + 8 + 1];

    memcpy(b, k->ingress.b, 16);
    memcpy(b + 16, &k->id, 8);
    b[24] = (uint8_t)k->side;
    return gw_hash(b, sizeof b, seed);
}

static bool eq_key(const void *key, const void *obj)
{
    const struct gw_transfer_key *a = key, *b = &((const struct gw_transfer *)obj)->key;

    return a->side == b->side && a->id == b->id && gw_addr_eq(&a->ingress, &b->ingress);
}

static const void *key_key(const void *obj)
{
    return &((const struct gw_transfer *)obj)->key;
}

static uint64_t hash_client(const void *key, uint64_t seed)
{
    const struct gw_transfer_client *k = key;
    uint8_t b[8 + 16 + 4];

    memcpy(b, k->net.b, 8);
    memcpy(b + 8, k->service.cs_id.b, 16);
    memcpy(b + 24, &k->service.port, 2);
    b[26] = k->service.proto;
    b[27] = (uint8_t)k->side;
    return gw_hash(b, sizeof b, seed);
}

static bool eq_client(const void *key, const void *obj)
{
    const struct gw_transfer_client *a = key, *b = &((const struct gw_transfer *)obj)->client;

    return a->side == b->side && gw_addr_eq(&a->net, &b->net) &&
           gw_addr_eq(&a->service.cs_id, &b->service.cs_id) && a->service.port == b->service.port &&
           a->service.proto == b->service.proto;
}

static const void *key_client(const void *obj)
{
    return &((const struct gw_transfer *)obj)->client;
}

static const struct gw_table_ops by_key = {hash_key, eq_key, key_key};
static const struct gw_table_ops by_client = {hash_client, eq_client, key_client};

void gw_transfers_init(struct gw_transfers *x, uint32_t run, uint64_t seed)
{
    x->last_id = (uint64_t)run << 32;
    gw_table_init(&x->table, x->al, &by_key, TRANSFERS, seed);
    gw_table_init(&x->clients, x->al, &by_client, 0, seed + 1);
}

static struct gw_transfer_client client_of(enum gw_transfer_side side, const struct gw_addr *client,
                                           const struct gw_service_key *s)
{
    struct gw_transfer_client c = {.side = side, .net = *client, .service = *s};

    memset(c.net.b + 8, 0, 8);
    return c;
}

static struct gw_transfer *latest(const struct gw_transfers *x, const struct gw_transfer_client *c)
{
    return gw_table_get(&x->clients, c);
}

struct gw_transfer *gw_transfer_get(const struct gw_transfers *x, enum gw_transfer_side side,
                                    const struct gw_addr *ingress, uint64_t id)
{
    return gw_table_get(&x->table,
                        &(struct gw_transfer_key){.side = side, .ingress = *ingress, .id = id});
}

struct gw_transfer *gw_transfer_of(const struct gw_transfers *x, const struct gw_addr *client,
                                   const struct gw_service_key *s)
{
    struct gw_transfer_client c = client_of(GW_TRANSFER_INGRESS, client, s);

    return latest(x, &c);
}

static void drop(struct gw_transfer *t)
{
    struct gw_transfers *x = t->all;

    gw_post_stop(&t->post[0]);
    gw_post_stop(&t->post[1]);
    gw_timer_stop(x->timers, &t->timer);
    (void)gw_table_del(&x->table, &t->key);
    if (latest(x, &t->client) == t)
        (void)gw_table_del(&x->clients, &t->client);
    gw_free(x->al, t, sizeof *t);
}

void gw_transfers_free(struct gw_transfers *x)
{
    struct gw_transfer *t;

    for (size_t i = 0; (t = gw_table_next(&x->table, &i)) != NULL;)
        drop(t);
    gw_table_free(&x->clients);
    gw_table_free(&x->table);
}

static void due(struct gw_timer *timer, void *user)
{
    struct gw_transfer *t = timer->owner;

    (void)user;
    if (t->state == GW_TRANSFER_OVER) {
        drop(t);
        return;
    }
    switch (t->key.side) {
    case GW_TRANSFER_INGRESS:
        gw_transfer_ingress_due(t);
        break;
    case GW_TRANSFER_OLD:
        gw_transfer_old_due(t);
        break;
    case GW_TRANSFER_NEW:
        gw_transfer_new_due(t);
        break;
    }
}

/* Without memory the next thing that happens sets it. */
void gw_transfer_deadline(struct gw_transfer *t, struct gw_time in)
{
    (void)gw_timer_set(t->all->timers, &t->timer, gw_time_add(t->all->metric->now, in));
}

static void fill(struct gw_transfer *t, struct gw_transfers *x, enum gw_transfer_side side,
                 const struct gw_transfer_what *w)
{
    *t = (struct gw_transfer){.key = {.side = side, .ingress = w->ingress, .id = w->id},
                              .client = client_of(side, &w->client, &w->service),
                              .all = x,
                              .what = *w,
                              .begun = x->metric->now,
                              .timer = {.fire = due}};
    t->timer.owner = t;
    gw_transfer_posts(t);
}

static bool in_the_way(const struct gw_transfer *t)
{
    return t != NULL && t->state != GW_TRANSFER_OVER;
}

struct gw_transfer *gw_transfer_new(struct gw_transfers *x, enum gw_transfer_side side,
                                    const struct gw_transfer_what *w, int *why)
{
    struct gw_transfer_client c = client_of(side, &w->client, &w->service);
    struct gw_transfer *before = latest(x, &c), *t;

    *why = GW_EEXIST;
    if (in_the_way(before))
        return NULL;
    *why = GW_ENOMEM;
    t = gw_new(x->al, sizeof *t);
    if (t == NULL)
        return NULL;
    fill(t, x, side, w);
    *why = gw_table_put(&x->table, t);
    if (*why == 0 && before != NULL)
        gw_table_swap(&x->clients, t);
    else if (*why == 0 && (*why = gw_table_put(&x->clients, t)) != 0)
        (void)gw_table_del(&x->table, &t->key);
    if (*why == 0 && gw_timer_set(x->timers, &t->timer, GW_NEVER) == 0)
        return t;
    if (*why == GW_EFULL)
        x->count[GW_TCNT_LIMIT]++;
    if (*why != 0)
        gw_free(x->al, t, sizeof *t);
    else
        drop(t);
    *why = *why != 0 ? *why : GW_ENOMEM;
    return NULL;
}

/* -- records ------------------------------------------------------------------------------------
 */

#define KEY_LEN (1 + 1 + 16 + 8)

static void make_key(const struct gw_transfer_key *k, uint8_t out[static KEY_LEN])
{
    struct gw_wr w = gw_wr_make(out, KEY_LEN);

    gw_wr_u8(&w, GW_TRANSFER_RECORD);
    gw_wr_u8(&w, (uint8_t)k->side);
    gw_wr_put(&w, k->ingress.b, 16);
    gw_wr_u64(&w, k->id);
}

static void write_service(struct gw_wr *w, const struct gw_service_key *s)
{
    gw_wr_put(w, s->cs_id.b, 16);
    gw_wr_u8(w, s->proto);
    gw_wr_u16(w, s->port);
}

void gw_transfer_store(struct gw_transfer *t)
{
    const struct gw_transfer_what *v = &t->what;
    uint8_t key[KEY_LEN], value[RECORD_MAX];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    make_key(&t->key, key);
    gw_wr_u8(&w, RECORD_VERSION);
    gw_wr_u8(&w, (uint8_t)t->state);
    gw_wr_u8(&w, t->code);
    gw_wr_u32(&w, t->size);
    write_service(&w, &v->service);
    gw_wr_put(&w, v->client.b, 16);
    gw_wr_put(&w, v->from.b, 16);
    gw_wr_put(&w, v->from_egress.b, 16);
    gw_wr_put(&w, v->to.b, 16);
    gw_wr_put(&w, v->to_egress.b, 16);
    gw_wr_u8(&w, (uint8_t)v->nflows);
    for (size_t i = 0; i < v->nflows; i++) {
        gw_wr_put(&w, v->flow[i].src.b, 16);
        gw_wr_u8(&w, v->flow[i].proto);
        gw_wr_u16(&w, v->flow[i].sport);
        gw_wr_u16(&w, v->flow[i].dport);
    }
    t->all->ops->put(t->all->user, key, sizeof key, value, gw_wr_len(&w));
}

static void read_flows(struct gw_rd *r, struct gw_transfer_what *v)
{
    v->nflows = gw_rd_u8(r);
    if (v->nflows > GW_TRANSFER_FLOWS) {
        v->nflows = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < v->nflows; i++) {
        (void)gw_rd_copy(r, v->flow[i].src.b, 16);
        v->flow[i].proto = gw_rd_u8(r);
        v->flow[i].sport = gw_rd_u16(r);
        v->flow[i].dport = gw_rd_u16(r);
    }
}

static bool read_key(const uint8_t *key, size_t key_len, struct gw_transfer_key *k)
{
    struct gw_rd r = gw_rd_make(key, key_len);

    (void)gw_rd_u8(&r);
    uint8_t side = gw_rd_u8(&r);
    (void)gw_rd_copy(&r, k->ingress.b, 16);
    k->id = gw_rd_u64(&r);
    k->side = (enum gw_transfer_side)side;
    return !r.bad && gw_rd_left(&r) == 0 && side <= GW_TRANSFER_NEW;
}

/* Everything but the key. */
static bool read_value(struct gw_rd *r, struct gw_transfer *t)
{
    struct gw_transfer_what *v = &t->what;
    uint8_t state = gw_rd_u8(r);

    t->code = gw_rd_u8(r);
    t->size = gw_rd_u32(r);
    (void)gw_rd_copy(r, v->service.cs_id.b, 16);
    v->service.proto = gw_rd_u8(r);
    v->service.port = gw_rd_u16(r);
    (void)gw_rd_copy(r, v->client.b, 16);
    (void)gw_rd_copy(r, v->from.b, 16);
    (void)gw_rd_copy(r, v->from_egress.b, 16);
    (void)gw_rd_copy(r, v->to.b, 16);
    (void)gw_rd_copy(r, v->to_egress.b, 16);
    read_flows(r, v);
    t->state = (enum gw_transfer_state)state;
    return !r->bad && gw_rd_left(r) == 0 && state < GW_TRANSFER_OVER;
}

int gw_transfers_restore(struct gw_transfers *x, const uint8_t *key, size_t key_len,
                         const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    struct gw_transfer_key k;
    struct gw_transfer got = {.state = GW_TRANSFER_MOVING};
    int err;

    if (!read_key(key, key_len, &k))
        return GW_EFORMAT;
    if (gw_rd_u8(&r) != RECORD_VERSION)
        return r.bad ? GW_EFORMAT : GW_EVERSION;
    if (!read_value(&r, &got))
        return GW_EFORMAT;
    got.what.ingress = k.ingress;
    got.what.id = k.id;
    struct gw_transfer *t = gw_transfer_new(x, k.side, &got.what, &err);
    if (t == NULL)
        return err;
    t->state = got.state;
    t->code = got.code;
    t->size = got.size;
    x->count[GW_TCNT_RESTORED]++;
    return 0;
}

void gw_transfers_start(struct gw_transfers *x)
{
    struct gw_transfer *t;

    for (size_t i = 0; (t = gw_table_next(&x->table, &i)) != NULL;)
        switch (t->key.side) {
        case GW_TRANSFER_INGRESS:
            gw_transfer_ingress_resume(t);
            break;
        case GW_TRANSFER_OLD:
            gw_transfer_old_resume(t);
            break;
        case GW_TRANSFER_NEW:
            gw_transfer_new_resume(t);
            break;
        }
}

/* -- what they have in common -------------------------------------------------------------------
 */

void gw_transfer_step(struct gw_transfer *t, enum gw_transfer_do what)
{
    const struct gw_addr *me = &t->all->cfg->addr;

    t->stepped = false;
    gw_transfer_event(t, me, me, gw_transfer_do_name(what), t->size);
    t->all->ops->step(t->all->user, what, &t->what);
}

/* At the ingress for as long as the client is left alone. */
static struct gw_time linger(const struct gw_transfer *t)
{
    struct gw_time most = t->all->cfg->handover.transfer.most;
    struct gw_time again = t->all->cfg->handover.transfer.again;

    return t->key.side == GW_TRANSFER_INGRESS && gw_time_before(most, again) ? again : most;
}

void gw_transfer_over(struct gw_transfer *t)
{
    uint8_t key[KEY_LEN];

    make_key(&t->key, key);
    t->all->ops->del(t->all->user, key, sizeof key);
    t->state = GW_TRANSFER_OVER;
    t->ended = t->all->metric->now;
    gw_transfer_deadline(t, linger(t));
}

void gw_transfer_event(struct gw_transfer *t, const struct gw_addr *from, const struct gw_addr *to,
                       const char *what, uint32_t count)
{
    t->all->ops->event(t->all->user, &t->what, from, to, what, count, t->code);
}

void gw_transfer_said(struct gw_transfer *t, const char *event, enum gw_log_level level)
{
    char from[GW_TEXT_MAX], to[GW_TEXT_MAX];
    int64_t us = gw_time_sub(t->all->metric->now, t->begun).ns / 1000;

    gw_log(t->all->log, level, GW_CAT_NODE, event,
           "transaction %llx of instance %s to %s, as %s: %s, %u octets, %lld us",
           (unsigned long long)t->what.id, gw_fmt_addr(&t->what.from, from),
           gw_fmt_addr(&t->what.to, to), side_name(t->key.side), gw_transfer_code_name(t->code),
           t->size, (long long)us);
}

/* -- from outside -------------------------------------------------------------------------------
 */

int gw_transfers_progress(struct gw_transfers *x, const struct gw_transfer_progress *p)
{
    bool old =
        p->of == GW_TRANSFER_EXPORT || p->of == GW_TRANSFER_FORGET || p->of == GW_TRANSFER_KEEP;
    struct gw_transfer *t =
        gw_transfer_get(x, old ? GW_TRANSFER_OLD : GW_TRANSFER_NEW, &p->ingress, p->id);

    if (t == NULL || t->state == GW_TRANSFER_OVER)
        return GW_ENOENT;
    if (p->size != 0)
        t->size = p->size;
    if (p->moved != 0)
        t->moved = p->moved;
    if (old)
        gw_transfer_old_progress(t, p);
    else
        gw_transfer_new_progress(t, p);
    return 0;
}

bool gw_transfers_rested(const struct gw_transfers *x, const struct gw_addr *client,
                         const struct gw_service_key *s)
{
    const struct gw_transfer *t = gw_transfer_of(x, client, s);

    return t == NULL || (t->state == GW_TRANSFER_OVER &&
                         !gw_time_before(x->metric->now,
                                         gw_time_add(t->ended, x->cfg->handover.transfer.again)));
}

bool gw_transfers_moved(const struct gw_transfers *x, const struct gw_addr *client,
                        const struct gw_service_key *s, const struct gw_addr *from)
{
    struct gw_transfer_client c = client_of(GW_TRANSFER_OLD, client, s);
    const struct gw_transfer *t = latest(x, &c);

    return t != NULL && gw_addr_eq(&t->what.from, from) && t->code == GW_TRANSFER_FINE &&
           (t->state == GW_TRANSFER_DECIDED || t->state == GW_TRANSFER_OVER);
}

static void show_one(const struct gw_transfer *t, struct gw_emit *e)
{
    struct gw_time now = t->all->metric->now;
    const struct gw_cfg_service *s = gw_steer_service(t->all->cfg, &t->what.service);
    struct gw_time until = t->state == GW_TRANSFER_OVER ? t->ended : now;
    char id[20];

    (void)snprintf(id, sizeof id, "%llx", (unsigned long long)t->what.id);
    gw_emit_obj(e, NULL);
    gw_emit_str(e, "id", id);
    gw_emit_str(e, "as", side_name(t->key.side));
    gw_emit_str(e, "state", state_name(t->state));
    gw_emit_str(e, "code", gw_transfer_code_name(t->code));
    gw_emit_str(e, "service", s != NULL ? s->name : "?");
    gw_emit_addr(e, "client", &t->what.client);
    gw_emit_num(e, "flows", (int64_t)t->what.nflows);
    gw_emit_addr(e, "ingress", &t->what.ingress);
    gw_emit_addr(e, "from", &t->what.from);
    gw_emit_addr(e, "from_egress", &t->what.from_egress);
    gw_emit_addr(e, "to", &t->what.to);
    gw_emit_addr(e, "to_egress", &t->what.to_egress);
    gw_emit_num(e, "size", t->size);
    gw_emit_num(e, "moved", t->moved);
    gw_emit_num(e, "took_us", gw_time_sub(until, t->begun).ns / 1000);
    gw_emit_num(e, "ago_ms", gw_time_sub(now, t->begun).ns / 1000000);
    gw_emit_obj_end(e);
}

void gw_transfers_show(const struct gw_transfers *x, struct gw_emit *e)
{
    const struct gw_transfer *t;

    for (size_t i = 0; (t = gw_table_next(&x->table, &i)) != NULL;)
        show_one(t, e);
}

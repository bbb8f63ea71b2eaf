/* hold.c: see hold.h. A record is
 *
 *     version 1 | end, ns since the Unix epoch (8) | MN-ID subtype | length | MN-ID
 *
 * under the key 'H' | MN-ID subtype | MN-ID.
 */
#include "fn/lm/hold.h"

#include "base/cursor.h"
#include "fn/lm/binding.h"

#define VERSION 1

static uint64_t mnid_hash(const void *key, uint64_t seed)
{
    const struct gw_mnid *mn = key;
    return gw_hash(mn->id, mn->len, seed ^ mn->subtype);
}
static bool mnid_eq(const void *key, const void *obj)
{
    return gw_mnid_eq(key, &((const struct gw_hold *)obj)->mnid);
}
static const void *mnid_key(const void *obj)
{
    return &((const struct gw_hold *)obj)->mnid;
}
static const struct gw_table_ops by_mnid_ops = {.hash = mnid_hash, .eq = mnid_eq, .key = mnid_key};

void gw_holds_init(struct gw_holds *hs, struct gw_lm *lm, uint64_t seed)
{
    *hs = (struct gw_holds){.lm = lm};
    gw_table_init(&hs->by_mnid, lm->al, &by_mnid_ops, lm->cfg->limits.bindings, seed);
}

static void put(const struct gw_hold *h)
{
    struct gw_lm *lm = h->all->lm;
    uint8_t key[GW_RECORD_KEY_MAX], value[GW_RECORD_KEY_MAX + 16];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    gw_wr_u8(&w, VERSION);
    gw_wr_u64(&w, (uint64_t)h->until_wall_ns);
    gw_wr_u8(&w, h->mnid.subtype);
    gw_wr_u8(&w, h->mnid.len);
    gw_wr_put(&w, h->mnid.id, h->mnid.len);
    lm->ops->put(lm->user, key, gw_record_key('H', &h->mnid, key), value, gw_wr_len(&w));
}

static void discard(struct gw_hold *h)
{
    struct gw_lm *lm = h->all->lm;

    gw_timer_stop(lm->timers, &h->timer);
    gw_table_del(&h->all->by_mnid, &h->mnid);
    gw_free(lm->al, h, h->size);
}

void gw_holds_free(struct gw_holds *hs)
{
    struct gw_hold *h;

    if (hs->by_mnid.ops == NULL)
        return;
    for (size_t i = 0; (h = gw_table_next(&hs->by_mnid, &i)) != NULL;)
        discard(h);
    gw_table_free(&hs->by_mnid);
}

static void end(struct gw_hold *h)
{
    struct gw_lm *lm = h->all->lm;
    uint8_t key[GW_RECORD_KEY_MAX];

    lm->ops->del(lm->user, key, gw_record_key('H', &h->mnid, key));
    discard(h);
}

static void due(struct gw_timer *t, void *user)
{
    (void)user;
    end(t->owner);
}

static struct gw_hold *make(struct gw_holds *hs, const struct gw_mnid *mn, int *err)
{
    struct gw_lm *lm = hs->lm;
    struct gw_hold *h = gw_new(lm->al, sizeof *h + mn->len);

    *err = GW_ENOMEM;
    if (h != NULL) {
        uint8_t *id = (uint8_t *)(h + 1);
        memcpy(id, mn->id, mn->len);
        h->mnid = (struct gw_mnid){.subtype = mn->subtype, .len = mn->len, .id = id};
        h->size = sizeof *h + mn->len;
        h->all = hs;
        h->timer.fire = due;
        h->timer.owner = h;
        *err = gw_table_put(&hs->by_mnid, h);
    }
    if (*err == 0)
        return h;
    lm->count[*err == GW_EFULL ? GW_CNT_LIMIT_HOLDS : GW_CNT_NO_MEMORY]++;
    gw_free(lm->al, h, h != NULL ? h->size : 0);
    return NULL;
}

int gw_hold_set(struct gw_holds *hs, const struct gw_mnid *mn, struct gw_time span)
{
    struct gw_lm *lm = hs->lm;
    struct gw_hold *h = gw_table_get(&hs->by_mnid, mn);
    bool fresh = h == NULL;
    int err = 0;

    if (mn->len == 0)
        return GW_EINVAL;
    if (fresh)
        h = make(hs, mn, &err);
    if (h == NULL)
        return err;
    err = gw_timer_set(lm->timers, &h->timer, gw_time_add(lm->now.mono, span));
    if (err != 0) {
        lm->count[GW_CNT_NO_MEMORY]++;
        if (fresh)
            discard(h);
        return err;
    }
    h->until_wall_ns = lm->now.wall_ns + span.ns;
    put(h);
    return 0;
}

bool gw_hold_has(const struct gw_holds *hs, const struct gw_mnid *mn)
{
    return gw_table_count(&hs->by_mnid) != 0 && gw_table_get(&hs->by_mnid, mn) != NULL;
}

int gw_hold_end(struct gw_holds *hs, const struct gw_mnid *mn)
{
    struct gw_hold *h = gw_table_get(&hs->by_mnid, mn);

    if (h == NULL)
        return GW_ENOENT;
    end(h);
    return 0;
}

/* Until then; no longer than any hold: the clock was ahead when it began, or the record is spoilt.
 */
static struct gw_time left(const struct gw_lm *lm, int64_t until_wall_ns)
{
    const struct gw_time most = GW_SEC(GW_HOLD_MAX_S);

    if (until_wall_ns <= lm->now.wall_ns)
        return GW_SEC(0);
    uint64_t ns = (uint64_t)until_wall_ns - (uint64_t)lm->now.wall_ns;
    return ns < (uint64_t)most.ns ? (struct gw_time){(int64_t)ns} : most;
}

/* One that has ended meanwhile ends with the first deadline: its record goes then. */
int gw_hold_restore(struct gw_holds *hs, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    uint8_t version = gw_rd_u8(&r);
    int64_t until = (int64_t)gw_rd_u64(&r);
    struct gw_mnid mn = {.subtype = gw_rd_u8(&r), .len = gw_rd_u8(&r)};
    int err;

    mn.id = gw_rd_take(&r, mn.len);
    if (version != VERSION)
        return GW_EVERSION;
    if (r.bad || gw_rd_left(&r) != 0 || mn.len == 0 || gw_table_get(&hs->by_mnid, &mn) != NULL)
        return GW_EFORMAT;
    struct gw_hold *h = make(hs, &mn, &err);
    if (h == NULL)
        return err;
    h->until_wall_ns = until;
    err =
        gw_timer_set(hs->lm->timers, &h->timer, gw_time_add(hs->lm->now.mono, left(hs->lm, until)));
    if (err != 0)
        discard(h);
    return err;
}

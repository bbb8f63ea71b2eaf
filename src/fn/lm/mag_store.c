/* mag_store.c: what a MAG remembers over a crash, and how it goes on afterwards. A record is an
 * entry that the LMA has accepted:
 *
 *     version 1 | binding (record.c) | link-local address of the router | station (record.c)
 *
 * under the key 'G' | length and octets of the link-layer address | MN-ID subtype | MN-ID. The LMA
 * is the one of the prefixes. It goes with the entry, so that what was being de-registered is
 * de-registered again.
 */
#include "fn/lm/mag.h"

#define VERSION     1
#define KEY_MAX     266
#define RESUME_PACE GW_MSEC(2)

static size_t record_key(const struct gw_binding *b, uint8_t key[static KEY_MAX])
{
    struct gw_wr w = gw_wr_make(key, KEY_MAX);

    gw_wr_u8(&w, 'G');
    gw_wr_u8(&w, b->lladdr.len);
    gw_wr_put(&w, b->lladdr.b, b->lladdr.len);
    gw_wr_u8(&w, b->mnid.subtype);
    gw_wr_put(&w, b->mnid.id, b->mnid.len);
    return gw_wr_len(&w);
}

void gw_mag_put(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;
    uint8_t key[KEY_MAX], value[GW_RECORD_MAX];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    gw_wr_u8(&w, VERSION);
    gw_binding_write(&w, &mn->b);
    gw_wr_put(&w, mn->link_local.b, 16);
    gw_wr_station(&w, lm->cfg, mn->on_link ? &mn->station : NULL);
    if (!w.bad)
        lm->ops->put(lm->user, key, record_key(&mn->b, key), value, gw_wr_len(&w));
}

void gw_mag_del_record(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;
    uint8_t key[KEY_MAX];

    lm->ops->del(lm->user, key, record_key(&mn->b, key));
}

static int read_mn(struct gw_rd *r, struct gw_mag_mn *mn)
{
    struct gw_station_key st;
    int err = gw_binding_read(r, &mn->mag->bs, &mn->b);

    if (err != 0)
        return err;
    gw_rd_copy(r, mn->link_local.b, 16);
    bool here = gw_rd_station(r, mn->mag->lm->cfg, &st);
    if (r->bad || mn->b.anchors == NULL)
        return GW_EFORMAT;
    mn->state = GW_MAG_SERVING;
    mn->lma = mn->b.anchors->maar;
    return here ? gw_mag_set_station(mn, &st) : 0;
}

int gw_mag_restore(struct gw_mag *g, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    int err;
    struct gw_binding *b = gw_binding_open(&r, VERSION, &g->bs, sizeof(struct gw_mag_mn), &err);

    if (b == NULL)
        return err;
    struct gw_mag_mn *mn = gw_mag_mn(b);
    mn->mag = g;
    mn->seen = mn->refreshed = g->lm->now.mono;
    err = read_mn(&r, mn);
    if (err != 0)
        gw_binding_free(&g->bs, &mn->b);
    return err;
}

void gw_mag_say_all(struct gw_mag *g)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&g->bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next)
            if (gw_mag_mn(b)->state == GW_MAG_SERVING)
                gw_mag_serve(gw_mag_mn(b), false);
}

void gw_mag_resume(struct gw_mag *g)
{
    struct gw_binding *b;
    struct gw_time delay = {0};

    for (size_t i = 0; (b = gw_table_next(&g->bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next) {
            struct gw_mag_mn *mn = gw_mag_mn(b);
            if (mn->state == GW_MAG_SERVING && mn->on_link)
                (void)gw_mag_extend(mn, delay);
            else
                gw_mag_guard(mn, gw_time_add(g->lm->cfg->timers.detach_guard, delay));
            delay = gw_time_add(delay, RESUME_PACE);
        }
}

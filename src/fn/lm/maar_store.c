/* maar_store.c: what a MAAR remembers over a crash, and how it goes on afterwards. A record is
 * the whole state of one mobile node:
 *
 *     version 1 | binding (record.c) | state | on link | interface name | link-layer address
 *
 * under the key 'M' | MN-ID subtype | MN-ID. Interfaces are remembered by name: their order in
 * the configuration may change.
 *
 * What the CMD is asked for is stored before it is asked: it may say yes to a process that is not
 * there any more, and then the prefix must not be anybody else's here. Such a record is that of
 * somebody who leaves, so that after a crash the CMD is told, unless the station is seen again; or,
 * where there is something to go back to, the record of that.
 */
#include "fn/lm/maar.h"
#include "fn/route/route.h"

#define VERSION     1
#define RESUME_PACE GW_MSEC(2)

static enum gw_mn_state state_stored(const struct gw_maar_mn *mn)
{
    if (mn->state != GW_MN_REGISTERING)
        return mn->state;
    return mn->was_previous ? GW_MN_PREVIOUS : GW_MN_DEREGISTERING;
}

void gw_mn_put(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    uint8_t key[GW_RECORD_KEY_MAX], value[GW_RECORD_MAX];
    struct gw_wr w = gw_wr_make(value, sizeof value);
    bool asked = mn->state == GW_MN_REGISTERING;
    uint64_t attached = mn->b.attached;

    if (asked && mn->was_previous)
        mn->b.attached = mn->attached_before;
    gw_wr_u8(&w, VERSION);
    gw_binding_write(&w, &mn->b);
    gw_wr_u8(&w, (uint8_t)state_stored(mn));
    gw_wr_station(&w, lm->cfg, mn->on_link && !asked ? &mn->station : NULL);
    mn->b.attached = attached;
    if (!w.bad)
        lm->ops->put(lm->user, key, gw_record_key('M', &mn->b.mnid, key), value, gw_wr_len(&w));
}

void gw_mn_del_record(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    uint8_t key[GW_RECORD_KEY_MAX];

    lm->ops->del(lm->user, key, gw_record_key('M', &mn->b.mnid, key));
}

static int read_station(struct gw_rd *r, struct gw_maar_mn *mn)
{
    struct gw_station_key st;

    if (gw_rd_station(r, mn->maar->lm->cfg, &st))
        return gw_mn_set_station(mn, &st);
    return r->bad || gw_rd_left(r) != 0 ? GW_EFORMAT : 0;
}

/* What was in transit before the crash has arrived or is lost; who leaves or has left has its own
 * prefix only, and who was about to be registered anew may have had others' before. */
static void drop_others(struct gw_maar_mn *mn)
{
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a->state == GW_ANCHOR_TRANSIT ||
            (a != mn->own && (mn->state == GW_MN_DEREGISTERING || mn->state == GW_MN_PREVIOUS)))
            gw_anchor_del(&mn->maar->bs, a);
    }
}

static int read_mn(struct gw_rd *r, struct gw_maar_mn *mn)
{
    struct gw_maar *m = mn->maar;
    int err = gw_binding_read(r, &m->bs, &mn->b);

    if (err != 0)
        return err;
    uint8_t state = gw_rd_u8(r);
    if (state != GW_MN_SERVING && state != GW_MN_PREVIOUS && state != GW_MN_DEREGISTERING &&
        state != GW_MN_LOCAL)
        return GW_EFORMAT;
    mn->state = (enum gw_mn_state)state;
    mn->event = mn->b.attached;
    struct gw_anchor *own = gw_anchor_of(&mn->b, &m->lm->cfg->addr);
    if (own == NULL)
        return GW_EFORMAT;
    err = gw_pools_reserve(&m->pools, &own->prefix);
    if (err != 0)
        return err;
    mn->own = own;
    drop_others(mn);
    return read_station(r, mn);
}

int gw_maar_restore(struct gw_maar *m, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    int err;
    struct gw_binding *b = gw_binding_open(&r, VERSION, &m->bs, sizeof(struct gw_maar_mn), &err);

    if (b == NULL)
        return err;
    struct gw_maar_mn *mn = gw_maar_mn(b);
    mn->maar = m;
    mn->seen = m->lm->now.mono;
    err = read_mn(&r, mn);
    if (err != 0)
        gw_mn_free(mn);
    return err;
}

static void say(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;

    switch (mn->state) {
    case GW_MN_SERVING:
    case GW_MN_LOCAL:
        if (!mn->on_link)
            break;
        gw_mn_set_tag(mn);
        gw_route_serve(lm, &mn->b, &mn->station, false, mn->tag);
        gw_mn_advertise(mn);
        break;
    case GW_MN_REGISTERING: /* until the CMD answers it is as it was */
        if (mn->was_previous)
            gw_mn_say_moved(mn);
        break;
    case GW_MN_PREVIOUS:
        gw_mn_say_moved(mn);
        break;
    case GW_MN_DEREGISTERING:
    case GW_MN_REFUSED:
        break;
    case GW_MN_RELEASING: /* what was to be removed will be by the sync: it is not named */
        gw_mn_set_tag(mn);
        gw_route_drop_prefix(lm, &mn->own->prefix, mn->tag);
        break;
    }
}

void gw_maar_say_all(struct gw_maar *m)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&m->bs.by_mnid, &i)) != NULL;)
        say(gw_maar_mn(b));
}

void gw_maar_resume(struct gw_maar *m)
{
    struct gw_binding *b;
    struct gw_time delay = {0};

    for (size_t i = 0; (b = gw_table_next(&m->bs.by_mnid, &i)) != NULL;) {
        struct gw_maar_mn *mn = gw_maar_mn(b);
        if (mn->state == GW_MN_PREVIOUS) {
            mn->doubt = true;
            gw_mn_arm_ask(mn);
            continue;
        }
        if (mn->state == GW_MN_SERVING)
            gw_mn_resume(mn, delay);
        if (mn->state == GW_MN_LOCAL)
            (void)gw_mn_local_look(mn, delay);
        if (mn->state == GW_MN_DEREGISTERING || !mn->on_link)
            gw_mn_guard(mn, gw_time_add(m->lm->cfg->timers.detach_guard, delay));
        delay = gw_time_add(delay, RESUME_PACE);
    }
    gw_maar_tell_locals(m);
}

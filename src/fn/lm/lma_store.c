/* lma_store.c: the sessions of an LMA on disk and after a restart. A record's key is the first
 * prefix of its session, which never changes and is nobody else's.
 */
#include "fn/lm/lma.h"

#define VERSION 1
#define KEY_LEN 18
/* Behind the binding; 0: in force. */
#define LEAVING 1
#define REVOKED 2 /* and the MAG has not said that it has let go */

static void record_key(const struct gw_binding *b, uint8_t key[static KEY_LEN])
{
    key[0] = 'L';
    key[1] = b->anchors->prefix.len;
    memcpy(key + 2, b->anchors->prefix.addr.b, 16);
}

void gw_lma_put(struct gw_lma_session *s)
{
    struct gw_lm *lm = s->lma->lm;
    uint8_t key[KEY_LEN], value[GW_RECORD_MAX];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    record_key(&s->b, key);
    gw_wr_u8(&w, VERSION);
    gw_binding_write(&w, &s->b);
    gw_wr_u8(&w, s->revoked ? REVOKED : s->leaving ? LEAVING : 0);
    if (!w.bad)
        lm->ops->put(lm->user, key, sizeof key, value, gw_wr_len(&w));
}

void gw_lma_del_record(struct gw_lma_session *s)
{
    uint8_t key[KEY_LEN];

    record_key(&s->b, key);
    s->lma->lm->ops->del(s->lma->lm->user, key, sizeof key);
}

/* The prefixes of a restored session are its own again; all or none. */
static int reserve(struct gw_lma_session *s)
{
    for (struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next) {
        int err = gw_pools_reserve(s->lma->pools, &a->prefix);
        if (err == 0)
            continue;
        for (struct gw_anchor *x = s->b.anchors; x != a; x = x->next)
            (void)gw_pools_release(s->lma->pools, &x->prefix);
        return err;
    }
    return 0;
}

int gw_lma_restore(struct gw_lma *l, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    int err;
    struct gw_binding *b =
        gw_binding_open(&r, VERSION, &l->bs, sizeof(struct gw_lma_session), &err);

    if (b == NULL)
        return err;
    struct gw_lma_session *s = gw_lma_session(b);
    s->lma = l;
    s->acknowledged = true;
    err = gw_binding_read(&r, &l->bs, b);
    uint8_t how = gw_rd_u8(&r);
    s->leaving = how != 0;
    s->revoked = how == REVOKED;
    if (err == 0 && (r.bad || gw_rd_left(&r) != 0 || b->anchors == NULL))
        err = GW_EFORMAT;
    if (err == 0)
        err = reserve(s);
    if (err != 0)
        gw_binding_free(&l->bs, b);
    return err;
}

void gw_lma_say_all(struct gw_lma *l)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&l->bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next)
            if (!gw_lma_session(b)->leaving)
                gw_lma_program(gw_lma_session(b));
}

void gw_lma_resume(struct gw_lma *l)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&l->bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next) {
            struct gw_lma_session *s = gw_lma_session(b);
            (void)gw_lma_arm(s, s->leaving && !s->revoked ? l->lm->cfg->pmip.min_before_delete
                                                          : gw_lm_lifetime_span(b->lifetime));
        }
}

/* durable.c: what of a client outlives the process: behind whom it has moved (egress, old ingress);
 * that its flows are being asked for, or that they have been taken over: its generation and the
 * egresses that were told (new ingress). Flows are the packet path's, which reports them again.
 */
#include "core.h"

#define VERSION 1u
#define MOVED   1u
#define ASKING  2u
#define MOST    255u /* egresses in a record */
#define KEY_LEN 17u

static void key_of(const struct gw_client *c, uint8_t key[KEY_LEN])
{
    key[0] = GW_HANDOVER_RECORD;
    memcpy(key + 1, c->prefix.addr.b, 16);
}

static void write_moved(struct gw_wr *w, const struct gw_client *c)
{
    const struct gw_handover *h = c->all;
    const struct gw_moved *x = c->moved;

    gw_wr_put(w, x->to.b, 16);
    gw_wr_put(w, x->old.b, 16);
    gw_wr_u32(w, x->generation);
    gw_wr_u64(w, (uint64_t)(h->now.wall_ns + (x->until.ns - h->now.mono.ns)));
}

static void write_taken(struct gw_wr *w, const struct gw_client *c)
{
    uint8_t n = 0;

    for (const struct gw_client_egress *e = c->egresses; e != NULL && n < MOST; e = e->next)
        n++;
    gw_wr_put(w, c->last.b, 16);
    gw_wr_u8(w, n);
    for (const struct gw_client_egress *e = c->egresses; e != NULL && n > 0; e = e->next, n--)
        gw_wr_put(w, e->addr.b, 16);
}

void gw_client_record(struct gw_client *c)
{
    struct gw_handover *h = c->all;
    uint8_t key[KEY_LEN], value[64 + 16 * MOST];
    struct gw_wr w = gw_wr_make(value, sizeof value);
    bool asking = c->taking == GW_TAKEOVER_ASKING;

    key_of(c, key);
    if (c->moved == NULL && c->egresses == NULL && !asking) {
        if (c->recorded)
            h->ops->del(h->user, key, sizeof key);
        c->recorded = false;
        return;
    }
    gw_wr_u8(&w, VERSION);
    gw_wr_u8(&w, (uint8_t)((c->moved != NULL ? MOVED : 0u) | (asking ? ASKING : 0u)));
    gw_wr_u32(&w, c->generation);
    write_taken(&w, c);
    if (c->moved != NULL)
        write_moved(&w, c);
    h->ops->put(h->user, key, sizeof key, value, gw_wr_len(&w));
    c->recorded = true;
}

static int read_egresses(struct gw_rd *r, struct gw_client *c)
{
    for (unsigned n = gw_rd_u8(r); n > 0 && !r->bad; n--) {
        struct gw_client_egress *e = gw_new(c->all->al, sizeof *e);
        if (e == NULL)
            return GW_ENOMEM;
        (void)gw_rd_copy(r, e->addr.b, 16);
        e->told = true;
        e->next = c->egresses;
        c->egresses = e;
    }
    return 0;
}

static int read_moved(struct gw_rd *r, struct gw_client *c)
{
    const struct gw_now *now = &c->all->now;

    c->moved = gw_new(c->all->al, sizeof *c->moved);
    if (c->moved == NULL)
        return GW_ENOMEM;
    (void)gw_rd_copy(r, c->moved->to.b, 16);
    (void)gw_rd_copy(r, c->moved->old.b, 16);
    c->moved->generation = gw_rd_u32(r);
    int64_t left = (int64_t)gw_rd_u64(r) - now->wall_ns;
    int64_t most = c->all->cfg->handover.binding.ns; /* clocks may have been set */
    c->moved->until = gw_time_add(now->mono, (struct gw_time){left < 0      ? 0
                                                              : left > most ? most
                                                                            : left});
    return 0;
}

static int read(struct gw_rd *r, struct gw_client *c)
{
    unsigned flags = gw_rd_u8(r);

    c->generation = gw_rd_u32(r);
    (void)gw_rd_copy(r, c->last.b, 16);
    int err = read_egresses(r, c);
    if (err == 0 && (flags & MOVED) != 0)
        err = read_moved(r, c);
    if ((flags & ASKING) != 0)
        c->taking = GW_TAKEOVER_ASKING;
    return err != 0 ? err : r->bad ? GW_EFORMAT : 0;
}

static struct gw_time longest_affinity(const struct gw_handover *h)
{
    struct gw_time t = {0};

    for (size_t i = 0; i < h->cfg->nservices; i++)
        if (gw_time_before(t, h->cfg->services[i].affinity_timeout))
            t = h->cfg->services[i].affinity_timeout;
    return t;
}

static int forget(struct gw_client *c, int err)
{
    struct gw_handover *h = c->all;

    gw_egresses_free(h, &c->egresses);
    gw_free(h->al, c->moved, sizeof *c->moved);
    c->moved = NULL;
    c->taking = GW_TAKEOVER_NONE;
    c->keep.ns = 0;
    h->count[GW_HCNT_RECORD_BAD]++;
    (void)gw_client_done(c);
    return err;
}

int gw_handover_restore(struct gw_handover *h, const uint8_t *key, size_t key_len,
                        const uint8_t *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    struct gw_addr a;

    if (key_len != KEY_LEN || gw_rd_u8(&r) != VERSION) {
        h->count[GW_HCNT_RECORD_BAD]++;
        return GW_EFORMAT;
    }
    memcpy(a.b, key + 1, 16);
    struct gw_prefix p = gw_client_prefix(&a);
    struct gw_client *c = gw_client_make(h, &p);
    if (c == NULL)
        return GW_ENOMEM;
    if (c->restored)
        return GW_EFORMAT;
    int err = read(&r, c);
    if (err != 0)
        return forget(c, err);
    c->restored = c->recorded = true;
    c->keep = gw_time_add(h->now.mono, h->cfg->handover.binding);
    c->grace = gw_time_add(h->now.mono, longest_affinity(h));
    (void)gw_client_done(c);
    return 0;
}

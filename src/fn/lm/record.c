/* record.c: the durable form of a binding: what must be known again after a crash, in big endian,
 * read with every length checked. The owner's record puts a version before it.
 */
#include "fn/lm/binding.h"

void gw_wr_lladdr(struct gw_wr *w, const struct gw_lladdr *l)
{
    gw_wr_u8(w, l->len);
    gw_wr_put(w, l->b, l->len);
}

bool gw_rd_lladdr(struct gw_rd *r, struct gw_lladdr *l)
{
    *l = (struct gw_lladdr){.len = gw_rd_u8(r)};
    if (l->len > sizeof l->b)
        r->bad = true;
    return !r->bad && gw_rd_copy(r, l->b, l->len);
}

/* The state in the low half of the first octet, the number of networks in the high one. */
static void write_anchor(struct gw_wr *w, const struct gw_anchor *a)
{
    const struct gw_locals *locals = gw_anchor_locals(a);
    struct gw_lladdr lladdr = gw_anchor_lladdr(a);

    gw_wr_u8(w, (uint8_t)((unsigned)a->state | (unsigned)locals->n << 4));
    gw_wr_u8(w, a->prefix.len);
    gw_wr_put(w, a->prefix.addr.b, 16);
    gw_wr_put(w, a->maar.b, 16);
    gw_wr_put(w, a->link_local.b, 16);
    gw_wr_lladdr(w, &lladdr);
    for (size_t i = 0; i < locals->n; i++) {
        gw_wr_u8(w, locals->list[i].len);
        gw_wr_put(w, locals->list[i].addr.b, 16);
    }
}

static void write_anchors(struct gw_wr *w, const struct gw_anchor *a)
{
    if (a == NULL)
        return;
    write_anchors(w, a->next); /* last first: reading adds each in front */
    write_anchor(w, a);
}

size_t gw_record_key(char kind, const struct gw_mnid *mn, uint8_t key[static GW_RECORD_KEY_MAX])
{
    key[0] = (uint8_t)kind;
    key[1] = mn->subtype;
    memcpy(key + 2, mn->id, mn->len);
    return 2u + mn->len;
}

void gw_binding_write(struct gw_wr *w, const struct gw_binding *b)
{
    gw_wr_u8(w, b->mnid.subtype);
    gw_wr_u8(w, b->mnid.len);
    gw_wr_put(w, b->mnid.id, b->mnid.len);
    gw_wr_put(w, b->serving.b, 16);
    gw_wr_u64(w, b->attached);
    gw_wr_u16(w, b->seq);
    gw_wr_u16(w, b->lifetime);
    gw_wr_u8(w, b->att);
    gw_wr_u8(w, b->hi);
    gw_wr_lladdr(w, &b->lladdr);
    gw_wr_u16(w, b->nanchors);
    write_anchors(w, b->anchors);
}

struct gw_binding *gw_binding_open(struct gw_rd *r, uint8_t version, struct gw_bindings *bs,
                                   size_t size, int *err)
{
    struct gw_mnid id;

    *err = GW_EVERSION;
    if (gw_rd_u8(r) != version)
        return NULL;
    id.subtype = gw_rd_u8(r);
    id.len = gw_rd_u8(r);
    id.id = gw_rd_take(r, id.len);
    *err = GW_EFORMAT;
    return r->bad ? NULL : gw_binding_new(bs, size, &id, err);
}

static void read_locals(struct gw_rd *r, uint8_t n, struct gw_locals *out)
{
    struct gw_addr addr = {0};

    if (n > GW_LM_LOCALS_MAX)
        r->bad = true;
    for (out->n = 0; out->n < n && !r->bad; out->n++) {
        uint8_t len = gw_rd_u8(r);
        gw_rd_copy(r, addr.b, 16);
        if (len > 128)
            r->bad = true;
        else
            out->list[out->n] = gw_prefix_mask(addr, len);
    }
}

static int read_anchor(struct gw_rd *r, struct gw_bindings *bs, struct gw_binding *b)
{
    struct gw_lm_previous p = {0};
    struct gw_addr addr = {0};
    int err;

    uint8_t first = gw_rd_u8(r), state = first & 0x0f;
    uint8_t len = gw_rd_u8(r);
    gw_rd_copy(r, addr.b, 16);
    gw_rd_copy(r, p.maar.b, 16);
    gw_rd_copy(r, p.link_local.b, 16);
    gw_rd_lladdr(r, &p.lladdr);
    read_locals(r, first >> 4, &p.locals);
    if (r->bad || len > 128 || state > GW_ANCHOR_TRANSIT)
        return GW_EFORMAT;
    p.prefix = gw_prefix_mask(addr, len);
    struct gw_anchor *a = gw_anchor_add(bs, b, &p, &err);
    if (a != NULL)
        a->state = (enum gw_anchor_state)state;
    return err;
}

int gw_binding_read(struct gw_rd *r, struct gw_bindings *bs, struct gw_binding *b)
{
    int err = 0;

    gw_rd_copy(r, b->serving.b, 16);
    b->attached = gw_rd_u64(r);
    b->seq = gw_rd_u16(r);
    b->lifetime = gw_rd_u16(r);
    b->att = gw_rd_u8(r);
    b->hi = gw_rd_u8(r);
    gw_rd_lladdr(r, &b->lladdr);
    uint16_t n = gw_rd_u16(r);
    for (uint16_t i = 0; i < n && err == 0 && !r->bad; i++)
        err = read_anchor(r, bs, b);
    return r->bad ? GW_EFORMAT : err;
}

void gw_wr_station(struct gw_wr *w, const struct gw_config *cfg, const struct gw_station_key *st)
{
    const char *name = st != NULL ? cfg->ifs[st->iface].name : "";
    size_t len = strnlen(name, 255);

    gw_wr_u8(w, st != NULL);
    gw_wr_u8(w, (uint8_t)len);
    gw_wr_put(w, name, len);
    gw_wr_lladdr(w, st != NULL ? &st->lladdr : &(struct gw_lladdr){0});
}

static uint32_t iface_named(const struct gw_config *cfg, const uint8_t *name, size_t len)
{
    for (uint32_t i = 0; i < cfg->nifs; i++)
        if (cfg->ifs[i].side == GW_IF_ACCESS && strlen(cfg->ifs[i].name) == len &&
            memcmp(cfg->ifs[i].name, name, len) == 0)
            return i;
    return UINT32_MAX;
}

bool gw_rd_station(struct gw_rd *r, const struct gw_config *cfg, struct gw_station_key *st)
{
    bool on_link = gw_rd_u8(r) != 0;
    uint8_t len = gw_rd_u8(r);
    const uint8_t *name = gw_rd_take(r, len);

    *st = (struct gw_station_key){0};
    gw_rd_lladdr(r, &st->lladdr);
    if (gw_rd_left(r) != 0)
        r->bad = true;
    if (r->bad)
        return false;
    st->iface = iface_named(cfg, name, len);
    return on_link && st->iface != UINT32_MAX;
}

/* mh_opt.c: mobility options (RFC 6275 §6.2), one table row each: type, name, length rule,
 * alignment, read, write. A type without a row is kept as raw octets. Whether an option may stand
 * in a message is src/fn's business.
 *
 * Rows are from RFC 6275 §6.2 (2, 3, 5), 5568 (7), 4283 (8), 4285 (9, 10), 5096 (18), 5094 (19),
 * 5149 (20), 5213 §8 (22-27), 5847 (28), 5845 (33), 5648 (35), 6602 (50), 6705 (51), 8127 (62),
 * 8885 §4 (65-70) and the CATS mobility draft.
 */
#include "wire/mh_int.h"

#define LLADDR_MAX (sizeof((struct gw_lladdr *)0)->b)

static void read_raw(struct gw_rd *r, struct gw_opt *o)
{
    o->raw.len = (uint8_t)gw_rd_left(r);
    o->raw.data = gw_rd_take(r, o->raw.len);
}

static bool write_raw(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_put(w, o->raw.data, o->raw.len);
    return true;
}

static void read_mnid(struct gw_rd *r, struct gw_opt *o)
{
    o->mnid.subtype = gw_rd_u8(r);
    o->mnid.len = (uint8_t)gw_rd_left(r);
    o->mnid.id = gw_rd_take(r, o->mnid.len);
}

static bool write_mnid(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, o->mnid.subtype);
    gw_wr_put(w, o->mnid.id, o->mnid.len);
    return true;
}

/* A prefix length beyond 128 ends the reading, which refuses the option. */
static uint8_t read_prefix_len(struct gw_rd *r)
{
    uint8_t len = gw_rd_u8(r);

    if (len > 128)
        r->bad = true;
    return len;
}

static struct gw_prefix read_prefix_bits(struct gw_rd *r, uint8_t len)
{
    struct gw_addr a;

    (void)gw_rd_copy(r, a.b, sizeof a.b);
    return gw_prefix_mask(a, len);
}

static void write_prefix_bits(struct gw_wr *w, const struct gw_prefix *p)
{
    struct gw_prefix masked = gw_prefix_mask(p->addr, p->len);

    gw_wr_put(w, masked.addr.b, sizeof masked.addr.b);
}

static void read_prefix(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u8(r);
    uint8_t len = read_prefix_len(r);
    o->prefix = read_prefix_bits(r, len);
}

static bool write_prefix(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, 0);
    gw_wr_u8(w, o->prefix.len);
    write_prefix_bits(w, &o->prefix);
    return o->prefix.len <= 128;
}

/* As draft-ietf-dmm-pmipv6-dlif-02 draws it: no reserved octet. */
static void read_previous_drawn(struct gw_rd *r, struct gw_opt *o)
{
    uint8_t len = read_prefix_len(r);

    (void)gw_rd_copy(r, o->previous_maar.maar.b, sizeof o->previous_maar.maar.b);
    o->previous_maar.hnp = read_prefix_bits(r, len);
}

static bool write_previous_drawn(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, o->previous_maar.hnp.len);
    gw_wr_put(w, o->previous_maar.maar.b, sizeof o->previous_maar.maar.b);
    write_prefix_bits(w, &o->previous_maar.hnp);
    return o->previous_maar.hnp.len <= 128;
}

static void read_previous(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u8(r);
    read_previous_drawn(r, o);
}

static bool write_previous(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, 0);
    return write_previous_drawn(w, o);
}

static void read_addr(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_copy(r, o->addr.b, sizeof o->addr.b);
}

static bool write_addr(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_put(w, o->addr.b, sizeof o->addr.b);
    return true;
}

/* RFC 6705 §11.1: a reserved octet and an Address Length that is always 128. */
static void read_mag_addr(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u8(r);
    if (gw_rd_u8(r) != 128)
        r->bad = true;
    read_addr(r, o);
}

static bool write_mag_addr(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u16(w, 128);
    return write_addr(w, o);
}

static void read_lladdr_octets(struct gw_rd *r, struct gw_lladdr *l)
{
    *l = (struct gw_lladdr){.len = (uint8_t)gw_rd_left(r)};
    (void)gw_rd_copy(r, l->b, l->len);
}

static bool write_lladdr_octets(struct gw_wr *w, const struct gw_lladdr *l)
{
    if (l->len > LLADDR_MAX)
        return false;
    gw_wr_put(w, l->b, l->len);
    return true;
}

static void read_lladdr(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u16(r);
    read_lladdr_octets(r, &o->lladdr);
}

static bool write_lladdr(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u16(w, 0);
    return write_lladdr_octets(w, &o->lladdr);
}

static void read_coded(struct gw_rd *r, struct gw_opt *o)
{
    o->coded.code = gw_rd_u8(r);
    read_lladdr_octets(r, &o->coded.lladdr);
}

static bool write_coded(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, o->coded.code);
    return write_lladdr_octets(w, &o->coded.lladdr);
}

static void read_code(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u8(r);
    o->code = gw_rd_u8(r);
}

static bool write_code(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u16(w, o->code);
    return true;
}

static void read_u16(struct gw_rd *r, struct gw_opt *o)
{
    o->u16 = gw_rd_u16(r);
}

static bool write_u16(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u16(w, o->u16);
    return true;
}

static void read_u32(struct gw_rd *r, struct gw_opt *o)
{
    o->u32 = gw_rd_u32(r);
}

static bool write_u32(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u32(w, o->u32);
    return true;
}

static void read_u64(struct gw_rd *r, struct gw_opt *o)
{
    o->u64 = gw_rd_u64(r);
}

static bool write_u64(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u64(w, o->u64);
    return true;
}

/* Length 2 has no key, length 6 has one; what lies between is read too short and refused. */
static void read_gre(struct gw_rd *r, struct gw_opt *o)
{
    (void)gw_rd_u16(r);
    o->gre.has_key = gw_rd_left(r) > 0;
    o->gre.key = o->gre.has_key ? gw_rd_u32(r) : 0;
}

static bool write_gre(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u16(w, 0);
    if (o->gre.has_key)
        gw_wr_u32(w, o->gre.key);
    return true;
}

static void read_group(struct gw_rd *r, struct gw_opt *o)
{
    o->group.subtype = gw_rd_u8(r);
    (void)gw_rd_u8(r);
    o->group.id = gw_rd_u32(r);
}

static bool write_group(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, o->group.subtype);
    gw_wr_u8(w, 0);
    gw_wr_u32(w, o->group.id);
    return true;
}

static void read_auth(struct gw_rd *r, struct gw_opt *o)
{
    o->auth.subtype = gw_rd_u8(r);
    o->auth.spi = gw_rd_u32(r);
    o->auth.mac_len = (uint8_t)gw_rd_left(r);
    o->auth.mac = gw_rd_take(r, o->auth.mac_len);
}

static bool write_auth(struct gw_wr *w, const struct gw_opt *o)
{
    gw_wr_u8(w, o->auth.subtype);
    gw_wr_u32(w, o->auth.spi);
    gw_wr_put(w, o->auth.mac, o->auth.mac_len);
    return true;
}

/* RFC 5648 §4.1: without a care-of address, with an IPv4 one, or with an IPv6 one. */
static bool bid_len_ok(size_t len)
{
    return len == 4 || len == 8 || len == 20;
}

static void read_bid(struct gw_rd *r, struct gw_opt *o)
{
    r->bad = r->bad || !bid_len_ok(gw_rd_left(r));
    read_raw(r, o);
}

static bool write_bid(struct gw_wr *w, const struct gw_opt *o)
{
    return bid_len_ok(o->raw.len) && write_raw(w, o);
}

struct form {
    void (*read)(struct gw_rd *body, struct gw_opt *o);
    bool (*write)(struct gw_wr *w, const struct gw_opt *o); /* false: a value is not allowed */
};
static const struct form forms[] = {
    [GW_FORM_RAW] = {read_raw, write_raw},
    [GW_FORM_MNID] = {read_mnid, write_mnid},
    [GW_FORM_PREFIX] = {read_prefix, write_prefix},
    [GW_FORM_PREVIOUS_MAAR] = {read_previous, write_previous},
    [GW_FORM_ADDR] = {read_addr, write_addr},
    [GW_FORM_LLADDR] = {read_lladdr, write_lladdr},
    [GW_FORM_CODED_LLADDR] = {read_coded, write_coded},
    [GW_FORM_CODE] = {read_code, write_code},
    [GW_FORM_U16] = {read_u16, write_u16},
    [GW_FORM_U32] = {read_u32, write_u32},
    [GW_FORM_U64] = {read_u64, write_u64},
    [GW_FORM_GRE] = {read_gre, write_gre},
    [GW_FORM_GROUP] = {read_group, write_group},
    [GW_FORM_AUTH] = {read_auth, write_auth},
};
static const struct form form_mag_addr = {read_mag_addr, write_mag_addr};
static const struct form form_bid = {read_bid, write_bid};
static const struct form form_previous_drawn = {read_previous_drawn, write_previous_drawn};

/* The option starts at a multiple of `n`, plus `plus`. n 0: by the size of what it carries. */
struct opt_row {
    const char *name; /* NULL in `rows`: none */
    uint8_t min, max; /* of the Option Length field */
    struct {
        uint8_t n, plus;
    } align;
    enum gw_opt_form shape;
    const struct form *special; /* NULL: as the shape says */
};
/* By type. */
static const struct opt_row rows[] = {
    [GW_OPT_REFRESH_ADVICE] = {"refresh-advice", 2, 2, {2, 0}, GW_FORM_U16, NULL},
    [GW_OPT_ALT_COA] = {"alternate-coa", 16, 16, {8, 6}, GW_FORM_ADDR, NULL},
    [GW_OPT_BINDING_AUTH] = {"binding-auth", 1, 255, {8, 2}, GW_FORM_RAW, NULL},
    [GW_OPT_MH_LLADDR] = {"mh-lladdr", 2, 1 + LLADDR_MAX, {1, 0}, GW_FORM_CODED_LLADDR, NULL},
    [GW_OPT_MNID] = {"mn-id", 1, 255, {1, 0}, GW_FORM_MNID, NULL},
    [GW_OPT_AUTH] = {"auth", 6, 255, {4, 1}, GW_FORM_AUTH, NULL},
    [GW_OPT_MESGID] = {"mesg-id", 8, 8, {8, 2}, GW_FORM_U64, NULL},
    [GW_OPT_EXPERIMENTAL] = {"experimental", 0, 255, {1, 0}, GW_FORM_RAW, NULL},
    [GW_OPT_VENDOR] = {"vendor", 5, 255, {4, 2}, GW_FORM_RAW, NULL},
    [GW_OPT_SERVICE] = {"service-selection", 1, 255, {1, 0}, GW_FORM_RAW, NULL},
    [GW_OPT_HNP] = {"hnp", 18, 18, {8, 4}, GW_FORM_PREFIX, NULL},
    [GW_OPT_HI] = {"handoff-indicator", 2, 2, {1, 0}, GW_FORM_CODE, NULL},
    [GW_OPT_ATT] = {"access-technology", 2, 2, {1, 0}, GW_FORM_CODE, NULL},
    [GW_OPT_MN_LLID] = {"mn-ll-id", 3, 2 + LLADDR_MAX, {0, 0}, GW_FORM_LLADDR, NULL},
    [GW_OPT_LINK_LOCAL] = {"link-local", 16, 16, {8, 6}, GW_FORM_ADDR, NULL},
    [GW_OPT_TIMESTAMP] = {"timestamp", 8, 8, {8, 2}, GW_FORM_U64, NULL},
    [GW_OPT_RESTART] = {"restart-counter", 4, 4, {4, 2}, GW_FORM_U32, NULL},
    [GW_OPT_GRE_KEY] = {"gre-key", 2, 6, {4, 0}, GW_FORM_GRE, NULL},
    [GW_OPT_BID] = {"binding-id", 4, 20, {0, 0}, GW_FORM_RAW, &form_bid},
    [GW_OPT_MN_GROUP] = {"mn-group", 6, 6, {4, 0}, GW_FORM_GROUP, NULL},
    [GW_OPT_MAG_ADDR] = {"mag-address", 18, 18, {8, 4}, GW_FORM_ADDR, &form_mag_addr},
    [GW_OPT_LCMP] = {"lcmp", 0, 255, {4, 2}, GW_FORM_RAW, NULL},
    [GW_OPT_ANCHORED_PREFIX] = {"anchored-prefix", 18, 18, {8, 4}, GW_FORM_PREFIX, NULL},
    [GW_OPT_LOCAL_PREFIX] = {"local-prefix", 18, 18, {8, 4}, GW_FORM_PREFIX, NULL},
    [GW_OPT_PREVIOUS_MAAR] = {"previous-maar", 34, 34, {8, 4}, GW_FORM_PREVIOUS_MAAR, NULL},
    [GW_OPT_SERVING_MAAR] = {"serving-maar", 16, 16, {8, 6}, GW_FORM_ADDR, NULL},
    [GW_OPT_DLIF_LINK_LOCAL] = {"dlif-link-local", 16, 16, {8, 6}, GW_FORM_ADDR, NULL},
    [GW_OPT_DLIF_LLADDR] = {"dlif-lladdr", 3, 2 + LLADDR_MAX, {0, 0}, GW_FORM_LLADDR, NULL},
};
/* The draft states no alignment; as it draws it, the first address begins a natural word. */
static const struct opt_row row_previous_drawn = {
    "previous-maar", 33, 33, {8, 5}, GW_FORM_PREVIOUS_MAAR, &form_previous_drawn,
};
static const struct opt_row row_cats_client = {
    "cats-client", 16, 16, {8, 6}, GW_FORM_ADDR, NULL,
};
static const struct opt_row row_cats_addr = {
    "cats-address", 16, 16, {8, 6}, GW_FORM_ADDR, NULL,
};
static const struct opt_row row_unknown = {
    "unknown", 0, 255, {1, 0}, GW_FORM_RAW, NULL,
};

static const struct opt_row *fixed_row(uint8_t type)
{
    return type < sizeof rows / sizeof *rows && rows[type].name != NULL ? &rows[type] : NULL;
}

/* Registered types come before the configurable ones: no configuration can hide an RFC's option. */
static const struct opt_row *row_of(const struct gw_mh_codec *codec, uint8_t type)
{
    const struct opt_row *row = fixed_row(type);

    if (type == GW_OPT_PREVIOUS_MAAR && codec->profile == GW_PROFILE_AS_DRAWN)
        return &row_previous_drawn;
    if (row != NULL)
        return row;
    if (type != 0 && type == codec->opt_cats_client)
        return &row_cats_client;
    if (type != 0 && type == codec->opt_cats_addr)
        return &row_cats_addr;
    return &row_unknown;
}

static const struct form *form_of(const struct opt_row *row)
{
    return row->special != NULL ? row->special : &forms[row->shape];
}

const char *gw_opt_read(const struct gw_mh_codec *codec, struct gw_rd *r, struct gw_opt *o)
{
    uint8_t type = gw_rd_u8(r), len = gw_rd_u8(r);
    const uint8_t *body = gw_rd_take(r, len);

    if (body == NULL)
        return "option ends behind the header";
    const struct opt_row *row = row_of(codec, type);
    if (len < row->min || len > row->max)
        return "option length is not allowed";
    struct gw_rd in = gw_rd_make(body, len);
    *o = (struct gw_opt){.type = type};
    form_of(row)->read(&in, o);
    return in.bad || gw_rd_left(&in) != 0 ? "option value is not allowed" : NULL;
}

void gw_opt_pad(struct gw_wr *w, size_t n)
{
    if (n == 0)
        return;
    if (n > 1) {
        gw_wr_u8(w, GW_OPT_PADN);
        gw_wr_u8(w, (uint8_t)(n - 2));
        n -= 2;
    }
    gw_wr_zero(w, n); /* the rest of a PadN, or one Pad1 */
}

/* "Aligned by size" (RFC 5213 §8.6, RFC 8885 §4.8): what is carried begins on a natural boundary.
 * RFC 5648 §4.1 says it of a binding identifier with an IPv6 care-of address. */
static size_t size_align(const struct gw_opt *o, size_t *plus)
{
    *plus = 0;
    if (o->type == GW_OPT_BID) {
        *plus = o->raw.len == 20 ? 2 : 0;
        return o->raw.len == 20 ? 8 : 2;
    }
    if (o->lladdr.len == 8) {
        *plus = 4;
        return 8;
    }
    return o->lladdr.len == 4 ? 4 : 2;
}

static size_t pad_before(const struct opt_row *row, const struct gw_opt *o, size_t at)
{
    size_t n = row->align.n, plus = row->align.plus;

    if (n == 0)
        n = size_align(o, &plus);
    return (n + plus - at % n) % n;
}

int gw_opt_write(const struct gw_mh_codec *codec, struct gw_wr *w, const struct gw_opt *o)
{
    if (o->type == GW_OPT_PAD1 || o->type == GW_OPT_PADN)
        return GW_EINVAL;
    const struct opt_row *row = row_of(codec, o->type);
    gw_opt_pad(w, pad_before(row, o, gw_wr_len(w)));
    uint8_t *head = w->p;
    gw_wr_u8(w, o->type);
    gw_wr_u8(w, 0);
    if (!form_of(row)->write(w, o))
        return GW_EINVAL;
    if (w->bad)
        return 0;
    size_t len = (size_t)(w->p - head) - 2;
    if (len < row->min || len > row->max)
        return GW_EINVAL;
    head[1] = (uint8_t)len;
    return 0;
}

const char *gw_mh_opt_name(uint8_t type)
{
    if (type == GW_OPT_PAD1)
        return "pad1";
    if (type == GW_OPT_PADN)
        return "padn";
    return row_of(&gw_mh_codec_default, type)->name;
}

enum gw_opt_form gw_mh_opt_form(const struct gw_mh_codec *codec, uint8_t type)
{
    return row_of(codec, type)->shape;
}

/* mh_tools.c: see mh_tools.h. */
#include "mh_tools.h"

#include "base/text.h"
#include "wire/cats.h"

const struct gw_mh_addrs sample_addrs = {
    .src = {{0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = 0x01}},
    .dst = {{0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = 0x0c}},
};

static struct gw_addr addr(const char *text)
{
    struct gw_addr a = {0};

    (void)gw_parse_addr(text, &a);
    return a;
}

static struct gw_prefix prefix(const char *text)
{
    struct gw_prefix p = {0};

    (void)gw_parse_prefix(text, &p);
    return p;
}

static struct gw_lladdr lladdr(const char *text)
{
    struct gw_lladdr l = {0};

    (void)gw_parse_lladdr(text, &l);
    return l;
}

static const uint8_t eui48[] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t blob[] = "\x00\x00\x28\x1f\x07godwit-of-nine-lives";

static void add_raw(struct gw_mh *m, uint8_t type, const uint8_t *data, uint8_t len)
{
    struct gw_opt *o = gw_mh_add(m, type);

    o->raw.data = data;
    o->raw.len = len;
}

static void add_addr(struct gw_mh *m, uint8_t type, const char *text)
{
    gw_mh_add(m, type)->addr = addr(text);
}

static void add_prefix(struct gw_mh *m, uint8_t type, const char *text)
{
    gw_mh_add(m, type)->prefix = prefix(text);
}

static void add_identity(struct gw_mh *m)
{
    gw_mh_add(m, GW_OPT_MNID)->mnid = (struct gw_mnid){GW_MNID_EUI48, sizeof eui48, eui48};
}

/* What a MAAR's registration carries, in Godwit's order. */
static void add_registration(struct gw_mh *m)
{
    add_identity(m);
    add_prefix(m, GW_OPT_HNP, "2001:db8:1000::/64");
    gw_mh_add(m, GW_OPT_HI)->code = GW_HI_NEW_INTERFACE;
    gw_mh_add(m, GW_OPT_ATT)->code = 4;
    gw_mh_add(m, GW_OPT_MN_LLID)->lladdr = lladdr("02:00:00:00:00:01");
    gw_mh_add(m, GW_OPT_TIMESTAMP)->u64 = (uint64_t)1700000000 << 16 | 0x8000;
    add_addr(m, GW_OPT_DLIF_LINK_LOCAL, "fe80::1:1");
    gw_mh_add(m, GW_OPT_DLIF_LLADDR)->lladdr = lladdr("02:00:5e:00:01:01");
    gw_mh_add(m, GW_OPT_MESGID)->u64 = 0xe8fdb78080000000u;
}

static void add_previous(struct gw_mh *m)
{
    struct gw_opt *o = gw_mh_add(m, GW_OPT_PREVIOUS_MAAR);

    o->previous_maar.maar = addr("2001:db8:f::2");
    o->previous_maar.hnp = prefix("2001:db8:2000:7::/64");
}

static void add_all_6275(struct gw_mh *m)
{
    struct gw_opt *o;

    gw_mh_add(m, GW_OPT_REFRESH_ADVICE)->u16 = 15;
    add_addr(m, GW_OPT_ALT_COA, "2001:db8:f::3");
    o = gw_mh_add(m, GW_OPT_MH_LLADDR);
    o->coded.code = 2;
    o->coded.lladdr = lladdr("02:00:00:00:00:02");
    add_registration(m);
    add_addr(m, GW_OPT_LINK_LOCAL, "fe80::abcd");
    add_raw(m, GW_OPT_EXPERIMENTAL, blob, 3);
    add_raw(m, GW_OPT_VENDOR, blob, 10);
    add_raw(m, GW_OPT_SERVICE, blob + 5, 6);
}

void sample_all_options(struct gw_mh *m)
{
    struct gw_opt *o;

    add_all_6275(m);
    gw_mh_add(m, GW_OPT_RESTART)->u32 = 0xdeadbeef;
    gw_mh_add(m, GW_OPT_GRE_KEY)->gre.has_key = false;
    o = gw_mh_add(m, GW_OPT_GRE_KEY);
    o->gre.has_key = true;
    o->gre.key = 0x01020304;
    add_raw(m, GW_OPT_BID, blob, 4);
    add_raw(m, GW_OPT_BID, blob, 20);
    o = gw_mh_add(m, GW_OPT_MN_GROUP);
    o->group.subtype = 1;
    o->group.id = 1;
    add_addr(m, GW_OPT_MAG_ADDR, "2001:db8:f::4");
    add_raw(m, GW_OPT_LCMP, blob, 8);
    add_prefix(m, GW_OPT_ANCHORED_PREFIX, "2001:db8:1000:1::/64");
    add_prefix(m, GW_OPT_LOCAL_PREFIX, "2001:db8:8000::/33");
    add_previous(m);
    add_addr(m, GW_OPT_SERVING_MAAR, "2001:db8:f::5");
    add_addr(m, GW_OPT_CATS_CLIENT, "2001:db8:1000::99");
    add_addr(m, GW_OPT_CATS_ADDR, "2001:db8:f::6");
    add_raw(m, 200, blob, 7);
    o = gw_mh_add(m, GW_OPT_AUTH);
    o->auth.subtype = 1;
    o->auth.spi = 256;
    o->auth.mac = blob + 5;
    o->auth.mac_len = 16;
}

static void make_pbu(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BU};
    m->bu = (struct gw_mh_bu){.seq = 1, .flags = GW_BU_A | GW_BU_P | GW_BU_D, .lifetime = 15};
    add_registration(m);
}

static void make_pba(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BA};
    m->ba = (struct gw_mh_ba){.flags = GW_BA_P | GW_BA_D, .seq = 1, .lifetime = 15};
    add_identity(m);
    add_prefix(m, GW_OPT_HNP, "2001:db8:1000::/64");
    add_previous(m);
    add_addr(m, GW_OPT_DLIF_LINK_LOCAL, "fe80::2:1");
    gw_mh_add(m, GW_OPT_DLIF_LLADDR)->lladdr = lladdr("02:00:5e:00:02:01");
}

static void make_notification(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BU};
    m->bu = (struct gw_mh_bu){.seq = 65535, .flags = GW_BU_A | GW_BU_P | GW_BU_D, .lifetime = 0};
    add_identity(m);
    add_prefix(m, GW_OPT_HNP, "2001:db8:2000:7::/64");
    add_addr(m, GW_OPT_SERVING_MAAR, "2001:db8:f::1");
}

static void make_bu(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BU};
    m->bu = (struct gw_mh_bu){
        .seq = 0x1234, .flags = GW_BU_A | GW_BU_H | GW_BU_L | GW_BU_K, .lifetime = 105};
    add_addr(m, GW_OPT_ALT_COA, "2001:db8:c0a::1");
    add_raw(m, GW_OPT_BINDING_AUTH, blob + 5, 12);
}

static void make_ba(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BA};
    m->ba = (struct gw_mh_ba){.status = GW_ST_SEQUENCE, .flags = GW_BA_K, .seq = 77, .lifetime = 3};
    gw_mh_add(m, GW_OPT_REFRESH_ADVICE)->u16 = 2;
}

static void make_all_in_pbu(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BU};
    m->bu = (struct gw_mh_bu){.seq = 2, .flags = 0xfffc, .lifetime = 0xffff};
    sample_all_options(m);
}

static void make_all_in_pba(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BA};
    m->ba = (struct gw_mh_ba){.status = 255, .flags = 0xff, .seq = 0xffff, .lifetime = 0xffff};
    sample_all_options(m);
}

static void make_be(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_BE};
    m->be = (struct gw_mh_be){.status = 2, .home = addr("2001:db8:1000::99")};
}

static void make_experimental(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_EXPERIMENTAL};
    m->exp = (struct gw_mh_experimental){.data = blob, .len = 18};
}

static void add_cats(struct gw_mh *m, struct gw_cats_buf *b, struct gw_cats_item item)
{
    if (gw_cats_add(m, b, &item) != 0)
        m->type = 0; /* which nothing takes */
}

static void make_cats_update(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    gw_cats_begin(m, &b, GW_CATS_UPDATE, 0, 0x01020304);
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_ORIGIN,
                                   .origin = {{addr("2001:db8:f::3"), 7, 21, false}, 19, true}});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_SERVICE,
                                   .service = {addr("2001:db8:cafe::1"), 6, 443}});
    struct gw_cats_instance x = {.seq = 20,
                                 .state = GW_CATS_UP,
                                 .score = 8,
                                 .computing = 7,
                                 .communication = GW_CATS_NO_SCORE,
                                 .service = 9,
                                 .weight = 4,
                                 .lifetime = 30,
                                 .age = 250,
                                 .slots = 16,
                                 .latency = 12500,
                                 .in_flight = 11,
                                 .errors = 3,
                                 .csci_id = addr("2001:db8:e3::10")};
    add_cats(m, &b, (struct gw_cats_item){.type = GW_CATS_INSTANCE, .instance = x});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_METRIC, .metric = {1, 0, 2, 3, 4, 1000, 875}});
    x.seq = 21;
    x.state = GW_CATS_GONE;
    x.egress = addr("2001:db8:f::4");
    add_cats(m, &b, (struct gw_cats_item){.type = GW_CATS_INSTANCE, .instance = x});
}

static void make_cats_mapping(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    gw_cats_begin(m, &b, GW_CATS_MAPPING, GW_CATS_UNKNOWN, 9);
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_FLOW,
                                   .flow = {GW_CATS_BY_FLOW, 6, 40000, 443,
                                            addr("2001:db8:1000::99"), addr("2001:db8:cafe::1")}});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_CHOICE,
                                   .choice = {GW_CATS_CHOSEN, 8, 65535, 60, addr("2001:db8:e3::10"),
                                              addr("2001:db8:f::3")}});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_PATH,
                                   .path = {addr("2001:db8:f::3"), 4000, 150, 12, 80}});
    add_cats(
        m, &b,
        (struct gw_cats_item){.type = GW_CATS_HOP, .hop = {addr("2001:db8:f::3"), 2, 0, 100, 99}});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_VECTOR,
                                   .vector = {addr("2001:db8:f::3"), 7, 21, false}});
}

static void make_cats_notification(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    *m = (struct gw_mh){.type = GW_MH_BU};
    m->bu = (struct gw_mh_bu){.seq = 40, .flags = GW_BU_C, .lifetime = 5};
    add_addr(m, GW_OPT_CATS_CLIENT, "2001:db8:1000::");
    add_addr(m, GW_OPT_CATS_ADDR, "2001:db8:f::3");
    add_addr(m, GW_OPT_CATS_ADDR, "2001:db8:f::4");
    gw_cats_carry(m, &b);
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_MOVE,
                                   .move = {GW_CATS_MOVE_CONTINUES | GW_CATS_MOVE_MARKS, 3}});
    struct gw_cats_token t = {addr("2001:db8:f::3"), 256, 1700000020, {0}};
    memcpy(t.mac, blob + 5, sizeof t.mac);
    add_cats(m, &b, (struct gw_cats_item){.type = GW_CATS_TOKEN, .token = t});
}

static void make_cats_indication(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    *m = (struct gw_mh){.type = GW_MH_BA};
    m->ba = (struct gw_mh_ba){.flags = GW_BA_C, .seq = 40, .lifetime = 15};
    add_addr(m, GW_OPT_CATS_CLIENT, "2001:db8:1000::");
    add_addr(m, GW_OPT_CATS_ADDR, "2001:db8:f::1");
    gw_cats_carry(m, &b);
    add_cats(m, &b, (struct gw_cats_item){.type = GW_CATS_MOVE, .move = {0, 0xffffffff}});
}

static void make_cats_locate(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    gw_cats_begin(m, &b, GW_CATS_LOCATE, 0, 8);
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_LOCATION,
                                   .location = {60,
                                                3,
                                                addr("2001:db8:1000::"),
                                                addr("2001:db8:f::1"),
                                                lladdr("02:00:00:00:00:01"),
                                                2,
                                                {addr("2001:db8:f::3"), addr("2001:db8:f::4")}}});
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_LOCATION,
                                   .location = {.client = addr("2001:db8:1000:1::")}});
}

static void make_cats_transfer(struct gw_mh *m)
{
    static struct gw_cats_buf b;

    gw_cats_begin(m, &b, GW_CATS_TRANSFER_CONFIRM, 0, 0xfffffffe);
    add_cats(m, &b,
             (struct gw_cats_item){.type = GW_CATS_TRANSACTION,
                                   .transaction = {0x0102030405060708, 4, 65536, 4096}});
}

static void make_heartbeat(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_HEARTBEAT, .hb = {.seq = 0x01020304}};
}

static void make_heartbeat_response(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_HEARTBEAT,
                        .hb = {.unsolicited = true, .response = true, .seq = 5}};
    gw_mh_add(m, GW_OPT_RESTART)->u32 = 7;
}

static void make_bri(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_REVOCATION,
                        .br = {.br_type = 1, .code = 1, .seq = 9, .p = true, .g = true}};
    add_identity(m);
}

static void make_bra(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_REVOCATION,
                        .br = {.br_type = 2, .code = 133, .seq = 9, .p = true, .v = true}};
}

static void make_lri(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_LRI, .lri = {.seq = 3, .lifetime = 60}};
    add_identity(m);
    add_prefix(m, GW_OPT_HNP, "2001:db8:1000::/64");
    add_addr(m, GW_OPT_MAG_ADDR, "2001:db8:f::4");
}

static void make_lra(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_LRA,
                        .lra = {.seq = 3, .unsolicited = true, .status = 129, .lifetime = 60}};
}

static void make_upn(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_UPN, .upn = {.seq = 4, .reason = 1, .a = true, .d = true}};
    add_identity(m);
}

static void make_upa(struct gw_mh *m)
{
    *m = (struct gw_mh){.type = GW_MH_UPA, .upa = {.seq = 4, .status = 128}};
}

static const struct {
    const char *name;
    void (*make)(struct gw_mh *m);
} samples[] = {
    {"pbu", make_pbu},
    {"pba", make_pba},
    {"notification", make_notification},
    {"bu", make_bu},
    {"ba", make_ba},
    {"pbu-all", make_all_in_pbu},
    {"pba-all", make_all_in_pba},
    {"be", make_be},
    {"experimental", make_experimental},
    {"heartbeat", make_heartbeat},
    {"heartbeat-response", make_heartbeat_response},
    {"bri", make_bri},
    {"bra", make_bra},
    {"lri", make_lri},
    {"lra", make_lra},
    {"upn", make_upn},
    {"upa", make_upa},
    {"cats-update", make_cats_update},
    {"cats-mapping", make_cats_mapping},
    {"cats-notification", make_cats_notification},
    {"cats-indication", make_cats_indication},
    {"cats-locate", make_cats_locate},
    {"cats-transfer", make_cats_transfer},
};

const char *sample_make(size_t i, struct gw_mh *m)
{
    if (i >= sizeof samples / sizeof *samples)
        return NULL;
    samples[i].make(m);
    return samples[i].name;
}

static uint8_t below(struct gw_prng *p, unsigned n)
{
    return (uint8_t)gw_prng_below(p, n);
}

static struct gw_addr random_addr(struct gw_prng *p)
{
    struct gw_addr a;

    for (size_t i = 0; i < sizeof a.b; i++)
        a.b[i] = below(p, 256);
    return a;
}

static struct gw_prefix random_prefix(struct gw_prng *p)
{
    return gw_prefix_mask(random_addr(p), below(p, 129));
}

static struct gw_lladdr random_lladdr(struct gw_prng *p)
{
    struct gw_lladdr l = {.len = (uint8_t)(1 + below(p, 8))};

    for (size_t i = 0; i < l.len; i++)
        l.b[i] = below(p, 256);
    return l;
}

static uint8_t random_raw_len(struct gw_prng *p, uint8_t type)
{
    static const uint8_t bid[] = {4, 8, 20};
    uint8_t len = below(p, 30);

    switch (type) {
    case GW_OPT_BID:
        return bid[len % 3];
    case GW_OPT_VENDOR:
        return (uint8_t)(len + 5);
    case GW_OPT_BINDING_AUTH:
    case GW_OPT_SERVICE:
        return (uint8_t)(len + 1);
    default:
        return len;
    }
}

static void random_value(struct gw_prng *p, enum gw_opt_form form, const uint8_t *octets,
                         struct gw_opt *o)
{
    switch (form) {
    case GW_FORM_RAW:
        o->raw.data = octets;
        o->raw.len = random_raw_len(p, o->type);
        break;
    case GW_FORM_MNID:
        o->mnid = (struct gw_mnid){below(p, 10), (uint8_t)(1 + below(p, 40)), octets};
        break;
    case GW_FORM_PREFIX:
        o->prefix = random_prefix(p);
        break;
    case GW_FORM_PREVIOUS_MAAR:
        o->previous_maar.maar = random_addr(p);
        o->previous_maar.hnp = random_prefix(p);
        break;
    case GW_FORM_ADDR:
        o->addr = random_addr(p);
        break;
    case GW_FORM_LLADDR:
        o->lladdr = random_lladdr(p);
        break;
    case GW_FORM_CODED_LLADDR:
        o->coded.code = below(p, 256);
        o->coded.lladdr = random_lladdr(p);
        break;
    case GW_FORM_CODE:
        o->code = below(p, 256);
        break;
    case GW_FORM_U16:
        o->u16 = (uint16_t)gw_prng_u64(p);
        break;
    case GW_FORM_U32:
        o->u32 = (uint32_t)gw_prng_u64(p);
        break;
    case GW_FORM_U64:
        o->u64 = gw_prng_u64(p);
        break;
    case GW_FORM_GRE:
        o->gre.has_key = below(p, 2) == 1;
        o->gre.key = o->gre.has_key ? (uint32_t)gw_prng_u64(p) : 0;
        break;
    case GW_FORM_GROUP:
        o->group.subtype = below(p, 256);
        o->group.id = (uint32_t)gw_prng_u64(p);
        break;
    case GW_FORM_AUTH:
        o->auth.subtype = below(p, 4);
        o->auth.spi = (uint32_t)gw_prng_u64(p);
        o->auth.mac = octets;
        o->auth.mac_len = (uint8_t)(1 + below(p, 32));
        break;
    }
}

static uint16_t random_bu_flags(struct gw_prng *p, const struct gw_mh_codec *codec, bool cats)
{
    unsigned flags = (unsigned)gw_prng_u64(p) & 0xfffcu;

    if (codec->profile == GW_PROFILE_REGISTERED)
        return (uint16_t)flags;
    unsigned unsayable = GW_BU_F | (cats ? GW_BU_D : GW_BU_C | GW_BU_N);
    flags &= ~unsayable;
    if (cats)
        flags = (flags | GW_BU_C) & ~(unsigned)GW_BU_T;
    return (uint16_t)flags;
}

static uint8_t random_ba_flags(struct gw_prng *p, const struct gw_mh_codec *codec, bool cats)
{
    unsigned flags = below(p, 256);

    if (codec->profile == GW_PROFILE_REGISTERED)
        return (uint8_t)flags;
    return (uint8_t)(flags & ~(unsigned)(GW_BA_T | (cats ? GW_BA_D : GW_BA_C)));
}

static void random_fixed(struct gw_prng *p, const struct gw_mh_codec *codec, struct gw_mh *m)
{
    size_t it = 0;
    bool cats = gw_mh_opt(m, codec->opt_cats_client, &it) != NULL;
    uint64_t v = gw_prng_u64(p);
    uint16_t a = (uint16_t)v, b = (uint16_t)(v >> 16);
    uint8_t c = (uint8_t)(v >> 32);
    bool x = (v >> 40 & 1) != 0, y = (v >> 41 & 1) != 0, z = (v >> 42 & 1) != 0;

    switch ((enum gw_mh_type)m->type) {
    case GW_MH_BU:
        m->bu = (struct gw_mh_bu){a, random_bu_flags(p, codec, cats), b};
        break;
    case GW_MH_BA:
        m->ba = (struct gw_mh_ba){c, random_ba_flags(p, codec, cats), a, b};
        break;
    case GW_MH_BE:
        m->be = (struct gw_mh_be){c, random_addr(p)};
        break;
    case GW_MH_EXPERIMENTAL:
        if (m->exp.data != NULL)
            m->exp.len = (uint16_t)(2 + 8 * (c % 20));
        else
            m->exp.cats = (struct gw_mh_cats){c, a, (uint32_t)(v >> 24)};
        break;
    case GW_MH_HEARTBEAT:
        m->hb = (struct gw_mh_heartbeat){x, y, (uint32_t)v};
        break;
    case GW_MH_REVOCATION:
        m->br = (struct gw_mh_revocation){(uint8_t)(1 + z), c, a, x, y, z};
        break;
    case GW_MH_LRI:
        m->lri = (struct gw_mh_lri){a, b};
        break;
    case GW_MH_LRA:
        m->lra = (struct gw_mh_lra){a, x, c, b};
        break;
    case GW_MH_UPN:
        m->upn = (struct gw_mh_upn){a, b, x, y};
        break;
    case GW_MH_UPA:
        m->upa = (struct gw_mh_upa){a, c};
        break;
    }
}

void random_mh(struct gw_prng *p, const struct gw_mh_codec *codec, struct random_pool *pool,
               size_t most, struct gw_mh *m)
{
    static const uint8_t types[] = {
        GW_MH_BU,         GW_MH_BA,  GW_MH_BE,  GW_MH_EXPERIMENTAL, GW_MH_HEARTBEAT,
        GW_MH_REVOCATION, GW_MH_LRI, GW_MH_LRA, GW_MH_UPN,          GW_MH_UPA};

    for (size_t i = 0; i < sizeof pool->octets; i++)
        pool->octets[i] = below(p, 256);
    *m = (struct gw_mh){.type = types[gw_prng_below(p, sizeof types)]};
    if (m->type == GW_MH_EXPERIMENTAL && below(p, 2) == 0) {
        m->exp.data = pool->octets;
        most = 0;
    }
    size_t n = gw_prng_below(p, most + 1);
    while (m->nopts < n) {
        struct gw_opt *o = gw_mh_add(m, (uint8_t)(2 + below(p, 254)));
        if (below(p, 2) == 0)
            o->type = (uint8_t)(2 + below(p, 73)); /* where the known ones are */
        random_value(p, gw_mh_opt_form(codec, o->type), pool->octets + below(p, 200), o);
    }
    random_fixed(p, codec, m);
}

static bool octets_equal(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    return an == bn && (an == 0 || (a != NULL && b != NULL && memcmp(a, b, an) == 0));
}

static bool opt_equal(enum gw_opt_form form, const struct gw_opt *a, const struct gw_opt *b)
{
    switch (form) {
    case GW_FORM_RAW:
        return octets_equal(a->raw.data, a->raw.len, b->raw.data, b->raw.len);
    case GW_FORM_MNID:
        return gw_mnid_eq(&a->mnid, &b->mnid);
    case GW_FORM_PREFIX:
        return gw_prefix_eq(&a->prefix, &b->prefix);
    case GW_FORM_PREVIOUS_MAAR:
        return gw_addr_eq(&a->previous_maar.maar, &b->previous_maar.maar) &&
               gw_prefix_eq(&a->previous_maar.hnp, &b->previous_maar.hnp);
    case GW_FORM_ADDR:
        return gw_addr_eq(&a->addr, &b->addr);
    case GW_FORM_LLADDR:
        return gw_lladdr_eq(&a->lladdr, &b->lladdr);
    case GW_FORM_CODED_LLADDR:
        return a->coded.code == b->coded.code && gw_lladdr_eq(&a->coded.lladdr, &b->coded.lladdr);
    case GW_FORM_CODE:
        return a->code == b->code;
    case GW_FORM_U16:
        return a->u16 == b->u16;
    case GW_FORM_U32:
        return a->u32 == b->u32;
    case GW_FORM_U64:
        return a->u64 == b->u64;
    case GW_FORM_GRE:
        return a->gre.has_key == b->gre.has_key && a->gre.key == b->gre.key;
    case GW_FORM_GROUP:
        return a->group.subtype == b->group.subtype && a->group.id == b->group.id;
    case GW_FORM_AUTH:
        return a->auth.subtype == b->auth.subtype && a->auth.spi == b->auth.spi &&
               octets_equal(a->auth.mac, a->auth.mac_len, b->auth.mac, b->auth.mac_len);
    }
    return false;
}

static bool fixed_equal(const struct gw_mh *a, const struct gw_mh *b)
{
    switch ((enum gw_mh_type)a->type) {
    case GW_MH_BU:
        return a->bu.seq == b->bu.seq && a->bu.flags == b->bu.flags &&
               a->bu.lifetime == b->bu.lifetime;
    case GW_MH_BA:
        return a->ba.status == b->ba.status && a->ba.flags == b->ba.flags &&
               a->ba.seq == b->ba.seq && a->ba.lifetime == b->ba.lifetime;
    case GW_MH_BE:
        return a->be.status == b->be.status && gw_addr_eq(&a->be.home, &b->be.home);
    case GW_MH_EXPERIMENTAL:
        return (a->exp.data == NULL) == (b->exp.data == NULL) &&
               octets_equal(a->exp.data, a->exp.len, b->exp.data, b->exp.len) &&
               a->exp.cats.type == b->exp.cats.type && a->exp.cats.flags == b->exp.cats.flags &&
               a->exp.cats.seq == b->exp.cats.seq;
    case GW_MH_HEARTBEAT:
        return a->hb.unsolicited == b->hb.unsolicited && a->hb.response == b->hb.response &&
               a->hb.seq == b->hb.seq;
    case GW_MH_REVOCATION:
        return a->br.br_type == b->br.br_type && a->br.code == b->br.code &&
               a->br.seq == b->br.seq && a->br.p == b->br.p && a->br.v == b->br.v &&
               a->br.g == b->br.g;
    case GW_MH_LRI:
        return a->lri.seq == b->lri.seq && a->lri.lifetime == b->lri.lifetime;
    case GW_MH_LRA:
        return a->lra.seq == b->lra.seq && a->lra.unsolicited == b->lra.unsolicited &&
               a->lra.status == b->lra.status && a->lra.lifetime == b->lra.lifetime;
    case GW_MH_UPN:
        return a->upn.seq == b->upn.seq && a->upn.reason == b->upn.reason && a->upn.a == b->upn.a &&
               a->upn.d == b->upn.d;
    case GW_MH_UPA:
        return a->upa.seq == b->upa.seq && a->upa.status == b->upa.status;
    }
    return false;
}

bool mh_equal(const struct gw_mh_codec *codec, const struct gw_mh *a, const struct gw_mh *b)
{
    if (a->type != b->type || a->nopts != b->nopts || !fixed_equal(a, b))
        return false;
    for (size_t i = 0; i < a->nopts; i++)
        if (a->opt[i].type != b->opt[i].type ||
            !opt_equal(gw_mh_opt_form(codec, a->opt[i].type), &a->opt[i], &b->opt[i]))
            return false;
    return true;
}

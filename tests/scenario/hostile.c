/* hostile.c: see hostile.h. */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CENTRE HOSTILE_CENTRE
#define EDGE   HOSTILE_EDGE
#define SEQ    0xbeef /* of acknowledgements that nobody waits for */

enum edit {
    NONE,
    TO_DMM,     /* not an edit: for speakers of RFC 8885 only, others would rightly act on it */
    TO_PMIP,    /* the other way round */
    WITHOUT,    /* the option of type arg */
    FLAGS,      /* arg */
    LIFETIME,   /* arg */
    PREFIX,     /* the HNP is prefixes[arg] */
    PREFIX_1ST, /* the same, before the right one */
    MNID,       /* arg octets, a NAI */
    MNID_1ST,   /* empty, before the right one */
    TIME,       /* 0: the beginning, 1: the end, 2: in an hour */
    PLACE,      /* Serving MAAR is places[arg], no Handoff Indicator */
    ANCHOR,     /* a Previous MAAR option that names places[arg] */
    MANY,       /* arg link-layer identifiers */
    STATUS,     /* arg, of an acknowledgement */
    COA,        /* an Alternate Care-of Address option: places[arg] */
    PREFIXES,   /* arg more of ALL_ZERO */
    AWAITED,    /* the number of the exchange that waits for an answer, if one does */
    BR,         /* revocation: type arg / 256, trigger or status arg % 256 */
    BR_FLAGS,   /* arg: P 1, V 2, G 4 */
    REASON,     /* arg, of an update notification */
    ID,         /* Mesg-ID: 0 none, 1 two, 2 an hour ago, 3 in an hour, 4 zero, 5 again */
    SPI,        /* arg */
    AUTH_TWICE,
    OCTET,     /* the octet at arg / 256 becomes arg % 256 */
    LENGTH_OF, /* the option of type arg / 256 says Length arg % 256 */
    CUT,       /* to arg octets */
    SHORTEN,   /* by arg * 8 octets, and the header says so */
    MAC_FLIP,
    MAC_CUT,    /* to arg octets */
    AUTH_EARLY, /* an option follows the authentication */
    CHECKSUM,
};
struct hostile {
    const char *name;
    uint8_t type;
    struct {
        enum edit what;
        unsigned arg;
    } edit[3];
};

/* Each is wrong for the CMD's parser and for the MAAR's: where the one named would be nothing to
 * one of them, a second edit makes it so (a MAAR wants a serving MAAR, which the CMD passes over).
 */
static const struct hostile table[] = {
    {"no MN-ID", GW_MH_BU, {{WITHOUT, GW_OPT_MNID}}},
    {"empty MN-ID", GW_MH_BU, {{MNID, 0}}},
    {"empty MN-ID before the right one", GW_MH_BU, {{MNID_1ST, 0}}},
    {"MN-ID of 254 octets, foreign prefix", GW_MH_BU, {{MNID, 254}, {PREFIX, 1}}},
    {"no prefix", GW_MH_BU, {{WITHOUT, GW_OPT_HNP}}},
    {"no handoff indicator", GW_MH_BU, {{WITHOUT, GW_OPT_HI}}},
    {"no access technology", GW_MH_BU, {{WITHOUT, GW_OPT_ATT}}},
    {"no timestamp", GW_MH_BU, {{WITHOUT, GW_OPT_TIMESTAMP}, {TO_DMM, 0}}},
    {"no option at all", GW_MH_BU, {{WITHOUT, 0}}},
    {"no flag", GW_MH_BU, {{FLAGS, 0}}},
    {"D without P", GW_MH_BU, {{FLAGS, GW_BU_A | GW_BU_D}}},
    {"P without D", GW_MH_BU, {{FLAGS, GW_BU_A | GW_BU_P}, {TO_DMM, 0}}},
    {"home registration", GW_MH_BU, {{FLAGS, GW_BU_A | GW_BU_H | GW_BU_L | GW_BU_K}}},
    {"prefix of another MAAR", GW_MH_BU, {{PREFIX, 0}}},
    {"prefix of nobody", GW_MH_BU, {{PREFIX, 1}}},
    {"prefix ::/0", GW_MH_BU, {{PREFIX, 2}, {TO_DMM, 0}}},
    {"prefix ALL_ZERO", GW_MH_BU, {{PREFIX, 3}, {TO_DMM, 0}}},
    {"prefix of length 128", GW_MH_BU, {{PREFIX, 4}}},
    {"prefix of multicast", GW_MH_BU, {{PREFIX, 5}}},
    {"prefix of link-local addresses", GW_MH_BU, {{PREFIX, 6}}},
    {"prefix larger than every pool", GW_MH_BU, {{PREFIX, 7}}},
    {"prefix of another node", GW_MH_BU, {{PREFIX, 8}}},
    {"foreign prefix before the right one", GW_MH_BU, {{PREFIX_1ST, 0}}},
    {"ALL_ZERO before the right one", GW_MH_BU, {{PREFIX_1ST, 3}, {TO_DMM, 0}}},
    {"other node's prefix before the right one", GW_MH_BU, {{PREFIX_1ST, 8}}},
    {"goodbye with a foreign prefix", GW_MH_BU, {{LIFETIME, 0}, {PREFIX, 1}}},
    {"goodbye from before everything", GW_MH_BU, {{LIFETIME, 0}, {TIME, 0}, {PREFIX, 1}}},
    {"endless lifetime, foreign prefix", GW_MH_BU, {{LIFETIME, 0xffff}, {PREFIX, 0}}},
    {"timestamp at the end of time", GW_MH_BU, {{TIME, 1}}},
    {"timestamp in an hour", GW_MH_BU, {{TIME, 2}}},
    {"serving MAAR is the receiver", GW_MH_BU, {{PLACE, 0}}},
    {"serving MAAR is nobody known", GW_MH_BU, {{PLACE, 1}}},
    {"serving MAAR is a group", GW_MH_BU, {{PLACE, 2}}},
    {"serving MAAR is the unspecified address", GW_MH_BU, {{PLACE, 3}}},
    {"serving MAAR is the CMD", GW_MH_BU, {{PLACE, 4}}},
    {"previous MAAR is the sender, no prefix", GW_MH_BU, {{ANCHOR, 0}, {WITHOUT, GW_OPT_HNP}}},
    {"previous MAAR is a group, foreign prefix", GW_MH_BU, {{ANCHOR, 2}, {PREFIX, 1}}},
    {"very many options, no prefix", GW_MH_BU, {{MANY, 140}, {WITHOUT, GW_OPT_HNP}}},
    {"acknowledgement nobody asked for", GW_MH_BA, {{NONE, 0}}},
    {"the same, prefix discovery", GW_MH_BA, {{STATUS, 1}}},
    {"the same, refused", GW_MH_BA, {{STATUS, 128}}},
    {"the same, not authorised for the prefix", GW_MH_BA, {{STATUS, 155}}},
    {"the same, timestamp lower", GW_MH_BA, {{STATUS, 157}}},
    {"the same, status 255", GW_MH_BA, {{STATUS, 255}}},
    {"the same, lifetime 0", GW_MH_BA, {{LIFETIME, 0}}},
    {"the same, endless", GW_MH_BA, {{LIFETIME, 0xffff}}},
    {"the same, D without P", GW_MH_BA, {{FLAGS, GW_BA_D}}},
    {"the same, P without D", GW_MH_BA, {{FLAGS, GW_BA_P}, {TO_DMM, 0}}},
    {"the same, no MN-ID", GW_MH_BA, {{WITHOUT, GW_OPT_MNID}}},
    {"the same, no prefix", GW_MH_BA, {{WITHOUT, GW_OPT_HNP}}},
    {"the same, previous MAAR is the receiver", GW_MH_BA, {{ANCHOR, 0}}},
    {"the same, previous MAAR is a group", GW_MH_BA, {{ANCHOR, 2}}},
    {"the same, serving MAAR is nobody known", GW_MH_BA, {{PLACE, 1}}},
    {"the same, very many options", GW_MH_BA, {{MANY, 140}}},
    {"revocation of nobody", GW_MH_REVOCATION, {{MNID, 9}}},
    {"update notification for nobody", GW_MH_UPN, {{MNID, 9}}},
    {"its acknowledgement", GW_MH_UPA, {{MNID, 9}}},
    {"revocation without a node", GW_MH_REVOCATION, {{WITHOUT, GW_OPT_MNID}}},
    {"revocation of an empty name", GW_MH_REVOCATION, {{MNID, 0}}},
    {"revocation of nobody, 254 octets", GW_MH_REVOCATION, {{MNID, 254}}},
    {"revocation of another's prefix", GW_MH_REVOCATION, {{PREFIX, 8}}},
    {"revocation of a foreign prefix", GW_MH_REVOCATION, {{PREFIX, 1}}},
    {"revocation of an attachment long ago", GW_MH_REVOCATION, {{TIME, 0}, {PREFIX, 1}}},
    {"revocation of an IPv4 binding", GW_MH_REVOCATION, {{BR_FLAGS, 3}}},
    {"revocation that is none of a proxy's", GW_MH_REVOCATION, {{BR_FLAGS, 0}}},
    {"revocation, reserved trigger", GW_MH_REVOCATION, {{BR, 1 << 8 | 77}, {PREFIX, 1}}},
    {"revocation of all, trigger for one", GW_MH_REVOCATION, {{BR_FLAGS, 5}}},
    {"revocation of a realm, not a global", GW_MH_REVOCATION, {{BR, 1 << 8 | 129}, {PREFIX, 1}}},
    {"revocation of type 0", GW_MH_REVOCATION, {{BR, 0 << 8 | 1}}},
    {"revocation of type 3", GW_MH_REVOCATION, {{BR, 3 << 8 | 1}}},
    {"revocation of type 255", GW_MH_REVOCATION, {{BR, 255 << 8 | 1}}},
    {"revocation acknowledged that nobody sent", GW_MH_REVOCATION, {{BR, 2 << 8 | 0}}},
    {"the same, partly", GW_MH_REVOCATION, {{BR, 2 << 8 | 1}}},
    {"the same, not supported", GW_MH_REVOCATION, {{BR, 2 << 8 | 129}}},
    {"the same, status 255", GW_MH_REVOCATION, {{BR, 2 << 8 | 255}}},
    {"the same, without a node", GW_MH_REVOCATION, {{BR, 2 << 8 | 0}, {WITHOUT, GW_OPT_MNID}}},
    {"update notification without a node", GW_MH_UPN, {{WITHOUT, GW_OPT_MNID}}},
    {"update notification for an empty name", GW_MH_UPN, {{MNID, 0}}},
    {"update notification, reason 0", GW_MH_UPN, {{REASON, 0}}},
    {"update notification, vendor's reason", GW_MH_UPN, {{REASON, 3}}},
    {"update notification, reason 65535", GW_MH_UPN, {{REASON, 0xffff}}},
    {"update acknowledgement that nobody waits for", GW_MH_UPA, {{NONE, 0}}},
    {"local routing for nobody", GW_MH_LRI, {{MNID, 9}}},
    {"its acknowledgement too", GW_MH_LRA, {{MNID, 9}}},
    {"heartbeat's answer nobody asked for", GW_MH_HEARTBEAT, {{WITHOUT, 0}}},
    {"binding error", GW_MH_BE, {{NONE, 0}}},
    {"unknown type", GW_MH_BU, {{OCTET, 2 << 8 | 99}}},
    {"payload protocol", GW_MH_BU, {{OCTET, 0 << 8 | 58}}},
    {"header longer than the packet", GW_MH_BU, {{OCTET, 1 << 8 | 255}}},
    {"header of 8 octets", GW_MH_BU, {{OCTET, 1 << 8 | 0}}},
    {"cut to 5 octets", GW_MH_BU, {{CUT, 5}}},
    {"cut in an option", GW_MH_BU, {{CUT, 40}}},
    {"authentication cut off", GW_MH_BU, {{SHORTEN, 1}}},
    {"MN-ID option of length 0", GW_MH_BU, {{LENGTH_OF, GW_OPT_MNID << 8 | 0}}},
    {"prefix option of length 17", GW_MH_BU, {{LENGTH_OF, GW_OPT_HNP << 8 | 17}}},
    {"prefix option of length 255", GW_MH_BU, {{LENGTH_OF, GW_OPT_HNP << 8 | 255}}},
    {"timestamp option of length 0", GW_MH_BU, {{LENGTH_OF, GW_OPT_TIMESTAMP << 8 | 0}}},
    {"authentication of length 5", GW_MH_BU, {{LENGTH_OF, GW_OPT_AUTH << 8 | 5}}},
    {"checksum", GW_MH_BU, {{CHECKSUM, 0}}},
    {"no Mesg-ID", GW_MH_BU, {{ID, 0}}},
    {"two Mesg-IDs, the first an old one", GW_MH_BU, {{ID, 1}}},
    {"Mesg-ID of an hour ago", GW_MH_BU, {{ID, 2}}},
    {"Mesg-ID in an hour", GW_MH_BU, {{ID, 3}}},
    {"Mesg-ID zero", GW_MH_BU, {{ID, 4}}},
    {"Mesg-ID again", GW_MH_BU, {{ID, 5}}},
    {"unknown SPI", GW_MH_BU, {{SPI, 999}}},
    {"SPI of RFC 4285", GW_MH_BU, {{SPI, 3}}},
    {"authenticator changed", GW_MH_BU, {{MAC_FLIP, 0}}},
    {"authenticator of 4 octets", GW_MH_BU, {{MAC_CUT, 4}}},
    {"authentication not last", GW_MH_BU, {{AUTH_EARLY, 0}}},
    {"two authentications", GW_MH_BU, {{AUTH_TWICE, 0}}},
    {"prefix of a pool, too long", GW_MH_BU, {{PREFIX, 9}}},
    {"answer with the right number, no MN-ID", GW_MH_BA, {{AWAITED, 0}, {WITHOUT, GW_OPT_MNID}}},
    {"the same, empty MN-ID", GW_MH_BA, {{AWAITED, 0}, {MNID, 0}}},
    {"the same, unknown node", GW_MH_BA, {{AWAITED, 0}, {MNID, 20}}},
    {"the same, neither P nor D", GW_MH_BA, {{AWAITED, 0}, {FLAGS, 0}}},
    {"the same, D only", GW_MH_BA, {{AWAITED, 0}, {FLAGS, GW_BA_D}}},
    {"the same, Mesg-ID mismatch", GW_MH_BA, {{AWAITED, 0}, {STATUS, 144}}},
    {"the same, Mesg-ID required", GW_MH_BA, {{AWAITED, 0}, {STATUS, 145}}},
    {"the same, authentication failed", GW_MH_BA, {{AWAITED, 0}, {STATUS, 146}}},
    {"the same, P without D", GW_MH_BA, {{AWAITED, 0}, {FLAGS, GW_BA_P}, {TO_DMM, 0}}},
    {"the same, of RFC 8885", GW_MH_BA, {{AWAITED, 0}, {FLAGS, GW_BA_P | GW_BA_D}, {TO_PMIP, 0}}},
    {"RFC 8885", GW_MH_BU, {{FLAGS, GW_BU_A | GW_BU_P | GW_BU_D}, {TO_PMIP, 0}}},
    {"no timestamp, foreign prefix",
     GW_MH_BU,
     {{WITHOUT, GW_OPT_TIMESTAMP}, {PREFIX, 1}, {TO_PMIP, 0}}},
    {"traffic to the receiver", GW_MH_BU, {{COA, 0}, {TO_PMIP, 0}}},
    {"traffic to nobody known", GW_MH_BU, {{COA, 1}, {TO_PMIP, 0}}},
    {"traffic to a group", GW_MH_BU, {{COA, 2}, {TO_PMIP, 0}}},
    {"traffic to the unspecified address", GW_MH_BU, {{COA, 3}, {TO_PMIP, 0}}},
    {"more prefixes than a session has", GW_MH_BU, {{PREFIXES, 16}, {PREFIX, 3}, {TO_PMIP, 0}}},
    {"ALL_ZERO and another node's prefix", GW_MH_BU, {{PREFIXES, 1}, {PREFIX, 8}, {TO_PMIP, 0}}},
};
#define MESSAGES (sizeof table / sizeof *table)

static struct gw_mh m;
static uint8_t buf[GW_MH_MAX + 64];
static const uint8_t nobody[] =
    "nobody@example.org, and of no realm; xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

int hostile_lose(struct world *w, struct sim_message *e)
{
    (void)w;
    (void)e;
    return 1;
}

static bool dmm(const struct world *w)
{
    return (w->n[CENTRE].cfg->roles & GW_ROLE_CMD) != 0;
}

/* Mobile node 2's. */
static struct gw_prefix of_another(struct world *w)
{
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(2, id);

    if (dmm(w))
        return w_own(w, 2, 2);
    return gw_binding_get(&w->n[CENTRE].node->lma.bs, &mn)->anchors->prefix;
}

static struct gw_prefix some_prefix(struct world *w, unsigned which)
{
    struct gw_prefix p[] = {
        {w->n[3].pool.prefix.addr, 64},
        {{{0x3f, 0xff, 1}}, 64},
        {{{0}}, 0},
        {{{0}}, 64},
        {{{0x3f, 0xff, 1, [15] = 1}}, 128},
        {{{0xff, 2}}, 64},
        {{{0xfe, 0x80}}, 64},
        {{{0x20, 1, 0x0d, 0xb8}}, 32},
        {{{0}}, 0},
        {w->n[dmm(w) ? EDGE : CENTRE].pool.prefix.addr, 80},
    };
    if (which == 8)
        return of_another(w);
    return p[which];
}

/* Of the node that the message is for; the last one is the CMD, which is no MAAR. */
static struct gw_addr some_place(struct world *w, size_t to, unsigned which)
{
    struct gw_addr a[] = {w->n[to].cfg->addr,
                          {{0x20, 1, 0x0d, 0xb8, 0xde, 0xad, [15] = 1}},
                          {{0xff, 2, [15] = 1}},
                          {{0}},
                          w->n[CENTRE].cfg->addr};
    return a[which];
}

static void drop(uint8_t type)
{
    uint16_t n = 0;

    for (uint16_t i = 0; i < m.nopts; i++)
        if (m.opt[i].type != type && type != 0)
            m.opt[n++] = m.opt[i];
    m.nopts = n;
}

static struct gw_opt *find(uint8_t type)
{
    for (uint16_t i = 0; i < m.nopts; i++)
        if (m.opt[i].type == type)
            return &m.opt[i];
    return NULL;
}

static struct gw_opt *in_front(uint8_t type)
{
    assert_non_null(gw_mh_add(&m, type));
    memmove(m.opt + 1, m.opt, (m.nopts - 1u) * sizeof m.opt[0]);
    m.opt[0] = (struct gw_opt){.type = type};
    return &m.opt[0];
}

/* What is right about the message: a registration of mobile node 1 by MAAR 1, which says nothing of
 * a serving MAAR; or an answer with a number that nobody has given. */
static void begin(struct world *w, uint8_t type)
{
    static uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);
    struct gw_prefix p = {w->n[dmm(w) ? EDGE : CENTRE].pool.prefix.addr, 64};

    memset(&m, 0, sizeof m);
    m.type = type;
    if (type == GW_MH_BU)
        m.bu = (struct gw_mh_bu){SEQ, (uint16_t)(GW_BU_A | GW_BU_P | (dmm(w) ? GW_BU_D : 0)), 15};
    else if (type == GW_MH_BA)
        m.ba = (struct gw_mh_ba){0, (uint8_t)(GW_BA_P | (dmm(w) ? GW_BA_D : 0)), SEQ, 15};
    else if (type == GW_MH_REVOCATION)
        m.br = (struct gw_mh_revocation){.br_type = 1, .code = 1, .seq = SEQ, .p = true};
    else if (type == GW_MH_HEARTBEAT)
        m.hb = (struct gw_mh_heartbeat){.response = true, .seq = SEQ};
    else if (type == GW_MH_UPN)
        m.upn = (struct gw_mh_upn){.seq = SEQ, .reason = 1};
    p.addr.b[7] = 0x77;
    gw_lm_add_mnid(&m, &mn);
    gw_lm_add_prefix(&m, GW_OPT_HNP, &p);
    gw_lm_add_code(&m, GW_OPT_HI, GW_HI_UNKNOWN);
    gw_lm_add_code(&m, GW_OPT_ATT, 3);
    gw_lm_add_u64(&m, GW_OPT_TIMESTAMP, gw_lm_timestamp(w_now(w).wall_ns));
}

/* Of the exchange about mobile node 1 that waits for an answer. */
static uint16_t awaited(struct world *w, size_t to)
{
    const struct gw_node *n = w->n[to].node;
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);
    const struct gw_binding *b =
        gw_binding_get(to == EDGE ? dmm(w) ? &n->maar.bs : &n->mag.bs : &n->cmd.bs, &mn);

    if (b != NULL && to == EDGE && dmm(w))
        return ((const struct gw_maar_mn *)b)->ex.seq;
    if (b != NULL && to == EDGE)
        return ((const struct gw_mag_mn *)b)->ex.seq;
    return b != NULL && b->anchors != NULL ? b->anchors->ex.seq : SEQ;
}

static void edit_id(struct world *w, unsigned how)
{
    static const int64_t hour = 3600000000000;
    int64_t at = w_now(w).wall_ns;

    drop(GW_OPT_MESGID);
    if (how == 0)
        return;
    gw_lm_add_u64(&m, GW_OPT_MESGID,
                  how == 4   ? 0
                  : how == 3 ? gw_ntp_time(at + hour)
                  : how == 5 ? gw_ntp_time(at - 1000000000)
                             : gw_ntp_time(at - hour));
    if (how == 1)
        gw_lm_add_u64(&m, GW_OPT_MESGID, gw_ntp_time(at));
}

/* Edits of what the message says, before it is signed. */
static void edit_said(struct world *w, size_t to, enum edit what, unsigned arg)
{
    struct gw_lm_previous was = {.maar = some_place(w, to, arg <= 4 ? arg : 0),
                                 .prefix = some_prefix(w, 0)};
    struct gw_addr place = was.maar;
    struct gw_lladdr ll = {6, {2, 0, 0, 0, 9, 9}};

    if (what == WITHOUT) {
        drop((uint8_t)arg);
    } else if (what == FLAGS && m.type == GW_MH_BU) {
        m.bu.flags = (uint16_t)arg;
    } else if (what == FLAGS) {
        m.ba.flags = (uint8_t)arg;
    } else if (what == LIFETIME && m.type == GW_MH_BU) {
        m.bu.lifetime = (uint16_t)arg;
    } else if (what == LIFETIME) {
        m.ba.lifetime = (uint16_t)arg;
    } else if (what == STATUS) {
        m.ba.status = (uint8_t)arg;
    } else if (what == PREFIX) {
        find(GW_OPT_HNP)->prefix = some_prefix(w, arg);
    } else if (what == PREFIX_1ST) {
        in_front(GW_OPT_HNP)->prefix = some_prefix(w, arg);
    } else if (what == MNID) {
        find(GW_OPT_MNID)->mnid = (struct gw_mnid){GW_MNID_NAI, (uint8_t)arg, nobody};
    } else if (what == MNID_1ST) {
        in_front(GW_OPT_MNID)->mnid = (struct gw_mnid){GW_MNID_NAI, 0, nobody};
    } else if (what == TIME) {
        find(GW_OPT_TIMESTAMP)->u64 = arg == 0 ? 0
                                      : arg == 1
                                          ? UINT64_MAX
                                          : gw_lm_timestamp(w_now(w).wall_ns) + (3600u << 16);
    } else if (what == PLACE) {
        drop(GW_OPT_HI);
        gw_lm_add_addr(&m, GW_OPT_SERVING_MAAR, &place);
    } else if (what == ANCHOR) {
        gw_lm_add_previous(&m, &was);
    } else if (what == MANY) {
        while (arg-- > 0)
            assert_true(gw_lm_add_lladdr(&m, GW_OPT_MN_LLID, &ll));
    } else if (what == COA) {
        gw_lm_add_addr(&m, GW_OPT_ALT_COA, &place);
    } else if (what == PREFIXES) {
        while (arg-- > 0)
            gw_lm_add_prefix(&m, GW_OPT_HNP, &(struct gw_prefix){0});
    } else if (what == BR) {
        m.br.br_type = (uint8_t)(arg >> 8);
        m.br.code = (uint8_t)arg;
    } else if (what == BR_FLAGS) {
        m.br.p = (arg & 1) != 0;
        m.br.v = (arg & 2) != 0;
        m.br.g = (arg & 4) != 0;
    } else if (what == REASON) {
        m.upn.reason = (uint16_t)arg;
    } else if (what == AWAITED) {
        m.ba.seq = awaited(w, to);
    } else if (what == ID) {
        edit_id(w, arg);
    }
}

static uint8_t *option(int len, uint8_t type)
{
    for (int at = 12; at < len;) {
        if (buf[at] == type)
            return buf + at;
        at += buf[at] == 0 ? 1 : 2 + buf[at + 1];
    }
    return NULL;
}

/* Edits of the octets, after it has been signed. The new length. */
static int edit_octets(enum edit what, unsigned arg, int len)
{
    if (what == OCTET) {
        buf[arg >> 8] = (uint8_t)arg;
    } else if (what == LENGTH_OF) {
        option(len, (uint8_t)(arg >> 8))[1] = (uint8_t)arg;
    } else if (what == CUT) {
        len = (int)arg;
    } else if (what == SHORTEN) {
        buf[1] = (uint8_t)(buf[1] - arg);
        len -= (int)arg * 8;
    } else if (what == MAC_FLIP) {
        option(len, GW_OPT_AUTH)[8] ^= 1;
    } else if (what == MAC_CUT) {
        uint8_t *o = option(len, GW_OPT_AUTH);
        int pad = o[1] - 5 - (int)arg - 2;
        o[1] = (uint8_t)(5 + arg);
        o[2 + o[1]] = GW_OPT_PADN;
        o[3 + o[1]] = (uint8_t)pad;
        memset(o + 4 + o[1], 0, (size_t)pad);
    } else if (what == AUTH_TWICE) {
        memcpy(buf + len, option(len, GW_OPT_AUTH), 23);
        buf[len + 23] = GW_OPT_PAD1;
        buf[1] = (uint8_t)(buf[1] + 3);
        len += 24;
    } else if (what == AUTH_EARLY) {
        static const uint8_t more[8] = {GW_OPT_HI, 2, 0, 4, GW_OPT_PADN, 2, 0, 0};
        memcpy(buf + len, more, sizeof more);
        buf[1]++;
        len += 8;
    }
    return len;
}

static void sum(const struct gw_mh_addrs *addrs, int len, bool wrong)
{
    if (len < 6)
        return;
    buf[4] = buf[5] = 0;
    uint16_t s = gw_ip6_checksum(addrs, GW_IPPROTO_MH, buf, (size_t)len);
    buf[4] = (uint8_t)(s >> 8);
    buf[5] = (uint8_t)(s ^ wrong);
}

static bool has(const struct hostile *h, enum edit what)
{
    return h->edit[0].what == what || h->edit[1].what == what || h->edit[2].what == what;
}

/* The message, as a peer of `to` would sign it if it had that address. Its length. */
static int make(struct world *w, const struct hostile *h, size_t to, uint64_t id,
                const struct gw_mh_addrs *addrs)
{
    struct gw_key key = sim_key(to == CENTRE ? EDGE : CENTRE, to);
    int len;

    begin(w, h->type);
    for (size_t i = 0; i < 3; i++)
        edit_said(w, to, h->edit[i].what, h->edit[i].arg);
    if (!has(h, ID))
        gw_lm_add_u64(&m, GW_OPT_MESGID, id);
    if (has(h, SPI))
        key.spi = h->edit[0].arg;
    len = gw_mh_write_auth(&gw_mh_codec_default, addrs, &m, &key, buf, GW_MH_MAX);
    if (len <= 0)
        fail_msg("%s: cannot be written: %s", h->name, gw_err_name(len));
    for (size_t i = 0; i < 3; i++)
        len = edit_octets(h->edit[i].what, h->edit[i].arg, len);
    sum(addrs, len, has(h, CHECKSUM));
    return len;
}

/* The state as text: everything that is shown but counters, and the records and tables. */
static void put_begin(void *user, const char *key)
{
    (void)fprintf(user, "%s{", key != NULL ? key : "");
}

static void put_end(void *user)
{
    (void)fprintf(user, "}\n");
}

static void put_str(void *user, const char *key, const char *value)
{
    (void)fprintf(user, "%s=%s ", key != NULL ? key : "", value);
}

static void put_num(void *user, const char *key, int64_t value)
{
    (void)fprintf(user, "%s=%lld ", key != NULL ? key : "", (long long)value);
}

static void put_flag(void *user, const char *key, bool value)
{
    put_num(user, key, value);
}

static int put_record(void *user, const void *key, size_t key_len, const void *value,
                      size_t value_len)
{
    (void)key;
    (void)key_len;
    for (size_t k = 0; k < value_len; k++)
        put_num(user, "record", ((const uint8_t *)value)[k]);
    return 0;
}

static void put_path(FILE *f, const struct gw_native *path)
{
    const struct gw_t_prefix *x;

    for (size_t i = 0; (x = gw_native_next_prefix(path, &i)) != NULL;)
        for (size_t k = 0; k < sizeof *x; k++)
            put_num(f, "prefix", ((const uint8_t *)x)[k]);
    put_num(f, "stations", (int64_t)gw_native_stations(path));
    put_num(f, "networks", (int64_t)gw_native_nets(path));
}

char *hostile_snapshot(struct world *w, size_t node)
{
    static const struct gw_emit_ops ops = {put_begin, put_end, put_begin, put_end,
                                           put_str,   put_num, put_flag};
    static const enum gw_show shows[] = {GW_SHOW_BINDINGS, GW_SHOW_STATIONS,  GW_SHOW_PREFIXES,
                                         GW_SHOW_TUNNELS,  GW_SHOW_HANDOVERS, GW_SHOW_OPERATIONS,
                                         GW_SHOW_REVOKED};
    struct sim_node *n = &w->n[node];
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    struct gw_emit e = {.ops = &ops, .user = f};

    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++)
        gw_node_show(n->node, shows[i], &e, w_now(w));
    w_records(w, node, put_record, f);
    put_path(f, n->plane);
    put_num(f, "deadline", gw_node_deadline(n->node).ns);
    (void)fclose(f);
    return text;
}

static uint64_t counted(struct world *w, size_t node)
{
    uint64_t total = 0;

    for (size_t i = 0; i < GW_CNT_MAX; i++)
        total += w->n[node].node->lm.count[i];
    return total;
}

static void send_it(struct world *w, const struct hostile *h, size_t to, bool stranger, uint64_t id,
                    const char *state)
{
    struct gw_mh_addrs addrs = {w->n[to == CENTRE ? EDGE : CENTRE].cfg->addr, w->n[to].cfg->addr};
    char *before = hostile_snapshot(w, to);
    uint64_t count = counted(w, to);
    unsigned sent = w->messages;

    if (stranger)
        addrs.src = some_place(w, to, 1);
    int len = make(w, h, to, id, &addrs);
    uint8_t *exact = malloc((size_t)len); /* so that the sanitizer sees an octet too far */
    memcpy(exact, buf, (size_t)len);
    struct gw_input in = {.kind = GW_IN_MH, .mh = {addrs, exact, (size_t)len}};
    int err = w_input(w, to, &in);
    free(exact);
    if (err != GW_EDENIED && stranger)
        fail_msg("%s, %s: a stranger gets %s", state, h->name, gw_err_name(err));
    if (w->messages != sent && stranger)
        fail_msg("%s, %s: a stranger is answered", state, h->name);
    if (counted(w, to) == count)
        fail_msg("%s, %s: is not counted", state, h->name);
    char *after = hostile_snapshot(w, to);
    if (strcmp(before, after) != 0)
        fail_msg("%s, %s%s: before\n%s\nafter\n%s", state, h->name, stranger ? ", stranger" : "",
                 before, after);
    free(before);
    free(after);
}

/* All of the table, to a node whose state is what it says. */
void hostile_attack(struct world *w, size_t to, const char *state)
{
    uint64_t id = gw_ntp_time(w_now(w).wall_ns - 1000000000);
    unsigned sent = 0;

    w->tap = hostile_lose;
    /* One that is taken as fresh and refused, so that its identifier can come again. */
    send_it(w, &table[4], to, false, id, state);
    for (size_t i = 0; i < MESSAGES; i++)
        for (unsigned stranger = 0; stranger < 2; stranger++)
            if (!has(&table[i], dmm(w) ? TO_PMIP : TO_DMM))
                send_it(w, &table[i], to, stranger != 0, id + 1 + sent++ * 1000, state);
    print_message("[ hostile  ] %s: %u messages, as many of a peer as of a stranger\n", state,
                  sent);
    assert_true(sent >= 2 * 64);
    w_free(w);
}

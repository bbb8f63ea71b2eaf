/* mh.c: Mobility Header messages (RFC 6275 §6.1, 5213 §8, 5096, 5846, 5847, 6705, 7077, 8885 §4):
 * one table row per type for the fixed part, then options by mh_opt.c. Validation goes as far as
 * RFC 6275 §9.2; which options a message needs is src/fn's business.
 */
#include "wire/mh_int.h"

#define PAYLOAD_NONE 59u /* IPv6 No Next Header */
#define CATS_FIXED   10u /* octets of message data before a CATS message's options */

const struct gw_mh_codec gw_mh_codec_default = {
    .profile = GW_PROFILE_REGISTERED,
    .opt_cats_client = GW_OPT_CATS_CLIENT,
    .opt_cats_addr = GW_OPT_CATS_ADDR,
};

static void read_bu(struct gw_rd *r, struct gw_mh *m)
{
    m->bu.seq = gw_rd_u16(r);
    m->bu.flags = gw_rd_u16(r);
    m->bu.lifetime = gw_rd_u16(r);
}

static void write_bu(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, m->bu.seq);
    gw_wr_u16(w, m->bu.flags);
    gw_wr_u16(w, m->bu.lifetime);
}

static void read_ba(struct gw_rd *r, struct gw_mh *m)
{
    m->ba.status = gw_rd_u8(r);
    m->ba.flags = gw_rd_u8(r);
    m->ba.seq = gw_rd_u16(r);
    m->ba.lifetime = gw_rd_u16(r);
}

static void write_ba(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u8(w, m->ba.status);
    gw_wr_u8(w, m->ba.flags);
    gw_wr_u16(w, m->ba.seq);
    gw_wr_u16(w, m->ba.lifetime);
}

static void read_be(struct gw_rd *r, struct gw_mh *m)
{
    m->be.status = gw_rd_u8(r);
    (void)gw_rd_u8(r);
    (void)gw_rd_copy(r, m->be.home.b, sizeof m->be.home.b);
}

static void write_be(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u8(w, m->be.status);
    gw_wr_u8(w, 0);
    gw_wr_put(w, m->be.home.b, sizeof m->be.home.b);
}

/* Message data that begins like that of a CATS control message. */
static bool is_cats(const uint8_t *data, size_t len)
{
    return len >= CATS_FIXED && data[0] == GW_CATS_EXPERIMENT >> 8 &&
           data[1] == (GW_CATS_EXPERIMENT & 0xff) && data[2] == GW_CATS_VERSION;
}

/* Others' data reaches to the end, and no option follows. */
static void read_experimental(struct gw_rd *r, struct gw_mh *m)
{
    m->exp = (struct gw_mh_experimental){.len = 0};
    if (!is_cats(r->p, gw_rd_left(r))) {
        m->exp.len = (uint16_t)gw_rd_left(r);
        m->exp.data = gw_rd_take(r, m->exp.len);
        return;
    }
    (void)gw_rd_take(r, 3);
    m->exp.cats.type = gw_rd_u8(r);
    m->exp.cats.flags = gw_rd_u16(r);
    m->exp.cats.seq = gw_rd_u32(r);
}

static void write_experimental(struct gw_wr *w, const struct gw_mh *m)
{
    if (m->exp.data != NULL) {
        gw_wr_put(w, m->exp.data, m->exp.len);
        return;
    }
    gw_wr_u16(w, GW_CATS_EXPERIMENT);
    gw_wr_u8(w, GW_CATS_VERSION);
    gw_wr_u8(w, m->exp.cats.type);
    gw_wr_u16(w, m->exp.cats.flags);
    gw_wr_u32(w, m->exp.cats.seq);
}

static void read_heartbeat(struct gw_rd *r, struct gw_mh *m)
{
    uint16_t flags = gw_rd_u16(r);

    m->hb.unsolicited = (flags & 2u) != 0;
    m->hb.response = (flags & 1u) != 0;
    m->hb.seq = gw_rd_u32(r);
}

static void write_heartbeat(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, (uint16_t)((m->hb.unsolicited ? 2u : 0u) | (m->hb.response ? 1u : 0u)));
    gw_wr_u32(w, m->hb.seq);
}

static void read_revocation(struct gw_rd *r, struct gw_mh *m)
{
    m->br.br_type = gw_rd_u8(r);
    m->br.code = gw_rd_u8(r);
    m->br.seq = gw_rd_u16(r);
    uint16_t flags = gw_rd_u16(r);
    m->br.p = (flags & 0x8000u) != 0;
    m->br.v = (flags & 0x4000u) != 0;
    m->br.g = (flags & 0x2000u) != 0;
}

static void write_revocation(struct gw_wr *w, const struct gw_mh *m)
{
    unsigned flags = (m->br.p ? 0x8000u : 0u) | (m->br.v ? 0x4000u : 0u) | (m->br.g ? 0x2000u : 0u);

    gw_wr_u8(w, m->br.br_type);
    gw_wr_u8(w, m->br.code);
    gw_wr_u16(w, m->br.seq);
    gw_wr_u16(w, (uint16_t)flags);
}

static void read_lri(struct gw_rd *r, struct gw_mh *m)
{
    m->lri.seq = gw_rd_u16(r);
    (void)gw_rd_u16(r);
    m->lri.lifetime = gw_rd_u16(r);
}

static void write_lri(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, m->lri.seq);
    gw_wr_u16(w, 0);
    gw_wr_u16(w, m->lri.lifetime);
}

static void read_lra(struct gw_rd *r, struct gw_mh *m)
{
    m->lra.seq = gw_rd_u16(r);
    m->lra.unsolicited = (gw_rd_u8(r) & 0x80u) != 0;
    m->lra.status = gw_rd_u8(r);
    m->lra.lifetime = gw_rd_u16(r);
}

static void write_lra(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, m->lra.seq);
    gw_wr_u8(w, m->lra.unsolicited ? 0x80 : 0);
    gw_wr_u8(w, m->lra.status);
    gw_wr_u16(w, m->lra.lifetime);
}

static void read_upn(struct gw_rd *r, struct gw_mh *m)
{
    m->upn.seq = gw_rd_u16(r);
    m->upn.reason = gw_rd_u16(r);
    uint16_t flags = gw_rd_u16(r);
    m->upn.a = (flags & 0x8000u) != 0;
    m->upn.d = (flags & 0x4000u) != 0;
}

static void write_upn(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, m->upn.seq);
    gw_wr_u16(w, m->upn.reason);
    gw_wr_u16(w, (uint16_t)((m->upn.a ? 0x8000u : 0u) | (m->upn.d ? 0x4000u : 0u)));
}

static void read_upa(struct gw_rd *r, struct gw_mh *m)
{
    m->upa.seq = gw_rd_u16(r);
    m->upa.status = gw_rd_u8(r);
    (void)gw_rd_take(r, 3);
}

static void write_upa(struct gw_wr *w, const struct gw_mh *m)
{
    gw_wr_u16(w, m->upa.seq);
    gw_wr_u8(w, m->upa.status);
    gw_wr_zero(w, 3);
}

struct msg_row {
    uint8_t type;
    const char *name;
    size_t fixed; /* octets before the options */
    void (*read)(struct gw_rd *r, struct gw_mh *m);
    void (*write)(struct gw_wr *w, const struct gw_mh *m);
};
static const struct msg_row rows[] = {
    {GW_MH_BU, "PBU/BU", 12, read_bu, write_bu},
    {GW_MH_BA, "PBA/BA", 12, read_ba, write_ba},
    {GW_MH_BE, "BE", 24, read_be, write_be},
    {GW_MH_EXPERIMENTAL, "experimental", 6, read_experimental, write_experimental},
    {GW_MH_HEARTBEAT, "heartbeat", 12, read_heartbeat, write_heartbeat},
    {GW_MH_REVOCATION, "revocation", 12, read_revocation, write_revocation},
    {GW_MH_LRI, "LRI", 12, read_lri, write_lri},
    {GW_MH_LRA, "LRA", 12, read_lra, write_lra},
    {GW_MH_UPN, "UPN", 12, read_upn, write_upn},
    {GW_MH_UPA, "UPA", 12, read_upa, write_upa},
};

static const struct msg_row *row_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type)
            return &rows[i];
    return NULL;
}

const char *gw_mh_type_name(uint8_t type)
{
    const struct msg_row *row = row_of(type);

    return row != NULL ? row->name : "unknown";
}

/* RFC 6275 §9.2, in its order; len is known to cover the header. */
static struct gw_parse_result check_header(const struct gw_mh_addrs *addrs, const uint8_t *data)
{
    size_t len = gw_mh_length(data);
    const struct msg_row *row = row_of(data[2]);

    if (addrs != NULL && gw_ip6_checksum(addrs, GW_IPPROTO_MH, data, len) != 0)
        return (struct gw_parse_result){
            .code = GW_PARSE_IGNORE, .offset = GW_MH_CHECKSUM_AT, .why = "checksum is wrong"};
    if (row == NULL)
        return (struct gw_parse_result){.code = GW_PARSE_ERROR,
                                        .offset = 2,
                                        .why = "message type is unknown",
                                        .answer = GW_ANSWER_BE_UNKNOWN_TYPE};
    if (data[0] != PAYLOAD_NONE)
        return (struct gw_parse_result){.code = GW_PARSE_ERROR,
                                        .offset = 0,
                                        .why = "payload protocol is not 59",
                                        .answer = GW_ANSWER_PARAM_PROBLEM};
    if (len < row->fixed)
        return (struct gw_parse_result){.code = GW_PARSE_ERROR,
                                        .offset = 1,
                                        .why = "header is too short for its message type",
                                        .answer = GW_ANSWER_PARAM_PROBLEM};
    return (struct gw_parse_result){.code = GW_PARSE_OK};
}

/* Takes a pad; false when an option is next. */
static bool skip_pad(struct gw_rd *r)
{
    if (*r->p == GW_OPT_PAD1) {
        (void)gw_rd_u8(r);
        return true;
    }
    if (*r->p != GW_OPT_PADN)
        return false;
    (void)gw_rd_u8(r);
    (void)gw_rd_take(r, gw_rd_u8(r));
    return true;
}

static struct gw_parse_result read_options(const struct gw_mh_codec *codec, struct gw_rd *r,
                                           struct gw_mh *m)
{
    uint16_t at = 0;
    const char *why = NULL;

    while (why == NULL && gw_rd_left(r) > 0) {
        at = (uint16_t)gw_rd_offset(r);
        if (skip_pad(r)) {
            why = r->bad ? "padding ends behind the header" : NULL;
            continue;
        }
        if (m->nopts == GW_MH_OPTS) {
            why = "too many options";
            break;
        }
        why = gw_opt_read(codec, r, &m->opt[m->nopts]);
        if (why == NULL)
            m->opt[m->nopts++].offset = at;
    }
    if (why == NULL)
        return (struct gw_parse_result){.code = GW_PARSE_OK};
    return (struct gw_parse_result){.code = GW_PARSE_ERROR, .offset = at, .why = why};
}

struct gw_parse_result gw_mh_parse(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                                   const uint8_t *data, size_t len, struct gw_mh *out)
{
    if (len < 8 || len < gw_mh_length(data))
        return (struct gw_parse_result){.code = GW_PARSE_ERROR,
                                        .offset = len < 2 ? (uint16_t)len : 1,
                                        .why = "data ends before the header"};
    struct gw_parse_result res = check_header(addrs, data);
    if (res.code != GW_PARSE_OK)
        return res;
    struct gw_rd r = gw_rd_make(data, gw_mh_length(data));
    (void)gw_rd_take(&r, GW_MH_DATA_AT);
    out->type = data[2];
    out->nopts = 0;
    row_of(out->type)->read(&r, out);
    res = read_options(codec, &r, out);
    if (res.code != GW_PARSE_OK)
        return res;
    if (out->type == GW_MH_BU)
        out->bu.flags = gw_mh_bu_flags_in(codec, out, out->bu.flags);
    else if (out->type == GW_MH_BA)
        out->ba.flags = gw_mh_ba_flags_in(codec, out, out->ba.flags);
    return res;
}

/* The fixed part, whose flags are then replaced by what the profile has on the wire. */
static int put_fixed(const struct gw_mh_codec *codec, const struct gw_mh *m,
                     const struct msg_row *row, struct gw_wr *w)
{
    int flags = 0;

    if (m->type == GW_MH_BU)
        flags = gw_mh_bu_flags_out(codec, m);
    else if (m->type == GW_MH_BA)
        flags = gw_mh_ba_flags_out(codec, m);
    if (flags < 0)
        return flags;
    row->write(w, m);
    if (m->type == GW_MH_BU && !w->bad) {
        w->base[8] = (uint8_t)(flags >> 8);
        w->base[9] = (uint8_t)flags;
    } else if (m->type == GW_MH_BA && !w->bad) {
        w->base[7] = (uint8_t)flags;
    }
    return 0;
}

/* Others' data has no options, no padding and is not mistaken for ours. */
static bool may_say(const struct gw_mh *m)
{
    return m->exp.data == NULL || (m->nopts == 0 && (GW_MH_DATA_AT + m->exp.len) % 8 == 0 &&
                                   !is_cats(m->exp.data, m->exp.len));
}

int gw_mh_put(const struct gw_mh_codec *codec, const struct gw_mh *m, struct gw_wr *w)
{
    const struct msg_row *row = row_of(m->type);

    if (row == NULL || m->nopts > GW_MH_OPTS)
        return GW_EINVAL;
    if (m->type == GW_MH_EXPERIMENTAL && !may_say(m))
        return GW_EINVAL;
    gw_wr_u8(w, PAYLOAD_NONE);
    gw_wr_u8(w, 0);
    gw_wr_u8(w, m->type);
    gw_wr_zero(w, 3);
    int err = put_fixed(codec, m, row, w);
    for (size_t i = 0; err == 0 && i < m->nopts; i++)
        err = gw_opt_write(codec, w, &m->opt[i]);
    return err;
}

int gw_mh_close(struct gw_wr *w, size_t size)
{
    gw_opt_pad(w, (8 - gw_wr_len(w) % 8) % 8);
    if (w->bad)
        return size >= GW_MH_MAX ? GW_EINVAL : GW_ESHORT;
    w->base[1] = (uint8_t)(gw_wr_len(w) / 8 - 1);
    return (int)gw_wr_len(w);
}

void gw_mh_seal(const struct gw_mh_addrs *addrs, uint8_t *buf, size_t len)
{
    if (addrs == NULL)
        return;
    uint16_t sum = gw_ip6_checksum(addrs, GW_IPPROTO_MH, buf, len);
    buf[GW_MH_CHECKSUM_AT] = (uint8_t)(sum >> 8);
    buf[GW_MH_CHECKSUM_AT + 1] = (uint8_t)sum;
}

int gw_mh_write(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                const struct gw_mh *m, uint8_t *buf, size_t size)
{
    struct gw_wr w = gw_wr_make(buf, size < GW_MH_MAX ? size : GW_MH_MAX);
    int err = gw_mh_put(codec, m, &w);

    if (err != 0)
        return err;
    int len = gw_mh_close(&w, size);
    if (len > 0)
        gw_mh_seal(addrs, buf, (size_t)len);
    return len;
}

const struct gw_opt *gw_mh_opt(const struct gw_mh *m, uint8_t type, size_t *it)
{
    while (*it < m->nopts) {
        const struct gw_opt *o = &m->opt[(*it)++];
        if (o->type == type)
            return o;
    }
    return NULL;
}

struct gw_opt *gw_mh_add(struct gw_mh *m, uint8_t type)
{
    if (m->nopts >= GW_MH_OPTS)
        return NULL;
    struct gw_opt *o = &m->opt[m->nopts++];
    *o = (struct gw_opt){.type = type};
    return o;
}

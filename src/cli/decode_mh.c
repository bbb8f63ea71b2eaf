/* decode_mh.c: one Mobility Header message as JSON members, for `godwit decode`. How they are shown
 * is decode.c's business; what they mean, src/fn's.
 */
#include <stdio.h>
#include <time.h>

#include "cli/decode.h"
#include "cli/decode_put.h"
#include "wire/cats.h"

static void put_prefix(json_t *obj, const char *key, const struct gw_prefix *p)
{
    char text[GW_TEXT_MAX];

    put_str(obj, key, gw_fmt_prefix(p, text));
}

/* letters[i] stands for the bit `top >> i`. */
static void put_flags(json_t *obj, unsigned flags, unsigned top, const char *letters)
{
    char text[17];
    size_t n = 0;

    for (size_t i = 0; letters[i] != '\0' && n < sizeof text - 1; i++)
        if ((flags & (top >> i)) != 0)
            text[n++] = letters[i];
    text[n] = '\0';
    put_str(obj, "flags", text);
}

bool gw_decode_time(int64_t sec, uint32_t usec, char buf[static GW_DECODE_TIME_MAX])
{
    time_t t = (time_t)sec;
    struct tm tm;
    char text[GW_DECODE_TIME_MAX];

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return false;
    return snprintf(buf, GW_DECODE_TIME_MAX, "%s.%06uZ", text, usec) < GW_DECODE_TIME_MAX;
}

/* Seconds between the NTP era 0 (RFC 4285 §6 uses it) and the Unix epoch. */
#define NTP_EPOCH 2208988800u

static void put_timestamp(json_t *obj, const struct gw_opt *o)
{
    char text[GW_DECODE_TIME_MAX];
    bool ntp = o->type == GW_OPT_MESGID;
    int64_t sec = ntp ? (int64_t)(o->u64 >> 32) - NTP_EPOCH : (int64_t)(o->u64 >> 16);
    uint64_t fraction = ntp ? o->u64 & 0xffffffffu : (o->u64 & 0xffffu) << 16;

    if (gw_decode_time(sec, (uint32_t)(fraction * 1000000 >> 32), text))
        put_str(obj, "time", text);
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)o->u64);
    put_str(obj, "value", text);
}

static void put_mnid(json_t *obj, const struct gw_mnid *m)
{
    char text[GW_MNID_TEXT_MAX];

    put_num(obj, "subtype", m->subtype);
    put_str(obj, "id", gw_fmt_mnid(m, text));
}

static void put_option_value(json_t *obj, enum gw_opt_form form, const struct gw_opt *o)
{
    switch (form) {
    case GW_FORM_RAW:
        put_hex(obj, "data", o->raw.data, o->raw.len);
        break;
    case GW_FORM_MNID:
        put_mnid(obj, &o->mnid);
        break;
    case GW_FORM_PREFIX:
        put_prefix(obj, "prefix", &o->prefix);
        break;
    case GW_FORM_PREVIOUS_MAAR:
        put_addr(obj, "maar", &o->previous_maar.maar);
        put_prefix(obj, "prefix", &o->previous_maar.hnp);
        break;
    case GW_FORM_ADDR:
        put_addr(obj, "address", &o->addr);
        break;
    case GW_FORM_LLADDR:
        put_lladdr(obj, "lladdr", &o->lladdr);
        break;
    case GW_FORM_CODED_LLADDR:
        put_num(obj, "code", o->coded.code);
        put_lladdr(obj, "lladdr", &o->coded.lladdr);
        break;
    case GW_FORM_CODE:
        put_num(obj, "code", o->code);
        break;
    case GW_FORM_U16:
        put_num(obj, "value", o->u16);
        break;
    case GW_FORM_U32:
        put_num(obj, "value", o->u32);
        break;
    case GW_FORM_U64:
        put_timestamp(obj, o);
        break;
    case GW_FORM_GRE:
        if (o->gre.has_key)
            put_num(obj, "key", o->gre.key);
        break;
    case GW_FORM_GROUP:
        put_num(obj, "subtype", o->group.subtype);
        put_num(obj, "id", o->group.id);
        break;
    case GW_FORM_AUTH:
        put_num(obj, "subtype", o->auth.subtype);
        put_num(obj, "spi", o->auth.spi);
        put_hex(obj, "mac", o->auth.mac, o->auth.mac_len);
        break;
    }
}

static const char *option_name(const struct gw_mh_codec *codec, uint8_t type)
{
    if (gw_mh_opt_form(codec, type) == GW_FORM_RAW)
        return gw_mh_opt_name(type);
    if (type == codec->opt_cats_client)
        return "cats-client";
    return type == codec->opt_cats_addr ? "cats-address" : gw_mh_opt_name(type);
}

/* Items of CATS control messages and of notifications, requests and indications. */
static bool put_item(json_t *obj, const struct gw_mh *m, size_t i)
{
    struct gw_cats_item item;
    bool control = m->type == GW_MH_EXPERIMENTAL && m->exp.data == NULL;

    if (m->opt[i].type != GW_OPT_EXPERIMENTAL || m->opt[i].raw.len == 0 ||
        (!control && gw_cats_move_name(m) == NULL))
        return false;
    const char *name = gw_cats_item_name(m->opt[i].raw.data[0]);
    if (strcmp(name, "unknown") == 0)
        return false;
    put_str(obj, "item", name);
    if (gw_cats_next(m, &i, &item) != 1)
        return false;
    gw_decode_item(obj, &item);
    return true;
}

static void put_options(json_t *obj, const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->nopts; i++) {
        const struct gw_opt *o = &m->opt[i];
        json_t *item = json_object();
        put_str(item, "name", option_name(codec, o->type));
        put_num(item, "type", o->type);
        put_num(item, "offset", o->offset);
        if (!put_item(item, m, i))
            put_option_value(item, gw_mh_opt_form(codec, o->type), o);
        (void)json_array_append_new(list, item);
    }
    (void)json_object_set_new(obj, "options", list);
}

static void put_bu(json_t *obj, const struct gw_mh *m)
{
    bool proxy = (m->bu.flags & (GW_BU_P | GW_BU_D | GW_BU_C)) != 0;

    put_str(obj, "type", proxy ? "PBU" : "BU");
    put_num(obj, "seq", m->bu.seq);
    put_flags(obj, m->bu.flags, GW_BU_A, "AHLKMRPFTBSDCN");
    put_num(obj, "lifetime", 4u * m->bu.lifetime);
}

static void put_ba(json_t *obj, const struct gw_mh *m)
{
    bool proxy = (m->ba.flags & (GW_BA_P | GW_BA_D | GW_BA_C)) != 0;

    put_str(obj, "type", proxy ? "PBA" : "BA");
    put_num(obj, "status", m->ba.status);
    put_str(obj, "status-name", gw_mh_status_name(m->ba.status));
    put_num(obj, "seq", m->ba.seq);
    put_flags(obj, m->ba.flags, GW_BA_K, "KRPTBSDC");
    put_num(obj, "lifetime", 4u * m->ba.lifetime);
}

static void put_revocation(json_t *obj, const struct gw_mh *m)
{
    unsigned flags = (m->br.p ? 4u : 0u) | (m->br.v ? 2u : 0u) | (m->br.g ? 1u : 0u);
    bool bri = m->br.br_type == 1;

    put_str(obj, "type", bri ? "BRI" : m->br.br_type == 2 ? "BRA" : "revocation");
    put_num(obj, "revocation-type", m->br.br_type);
    put_num(obj, bri ? "trigger" : "status", m->br.code);
    put_num(obj, "seq", m->br.seq);
    put_flags(obj, flags, 4, "PVG");
}

static void put_lra(json_t *obj, const struct gw_mh *m)
{
    put_num(obj, "seq", m->lra.seq);
    put_bool(obj, "unsolicited", m->lra.unsolicited);
    put_num(obj, "status", m->lra.status);
    put_num(obj, "lifetime", m->lra.lifetime);
}

static void put_experimental(json_t *obj, const struct gw_mh *m)
{
    if (m->exp.data != NULL) {
        put_hex(obj, "data", m->exp.data, m->exp.len);
        return;
    }
    put_str(obj, "type", "CATS");
    put_str(obj, "message", gw_cats_type_name(m->exp.cats.type));
    put_num(obj, "sub-type", m->exp.cats.type);
    put_num(obj, "seq", m->exp.cats.seq);
    put_flags(obj, m->exp.cats.flags, GW_CATS_WANTS_DIGEST, "WUR");
}

static void put_fields(json_t *obj, const struct gw_mh *m)
{
    const char *move = gw_cats_move_name(m);

    put_str(obj, "type", gw_mh_type_name(m->type));
    if (move != NULL)
        put_str(obj, "message", move);
    switch ((enum gw_mh_type)m->type) {
    case GW_MH_BU:
        put_bu(obj, m);
        break;
    case GW_MH_BA:
        put_ba(obj, m);
        break;
    case GW_MH_BE:
        put_num(obj, "status", m->be.status);
        put_addr(obj, "home", &m->be.home);
        break;
    case GW_MH_EXPERIMENTAL:
        put_experimental(obj, m);
        break;
    case GW_MH_HEARTBEAT:
        put_num(obj, "seq", m->hb.seq);
        put_bool(obj, "response", m->hb.response);
        put_bool(obj, "unsolicited", m->hb.unsolicited);
        break;
    case GW_MH_REVOCATION:
        put_revocation(obj, m);
        break;
    case GW_MH_LRI:
        put_num(obj, "seq", m->lri.seq);
        put_num(obj, "lifetime", m->lri.lifetime);
        break;
    case GW_MH_LRA:
        put_lra(obj, m);
        break;
    case GW_MH_UPN:
        put_num(obj, "seq", m->upn.seq);
        put_num(obj, "reason", m->upn.reason);
        put_flags(obj, (m->upn.a ? 2u : 0u) | (m->upn.d ? 1u : 0u), 2, "AD");
        break;
    case GW_MH_UPA:
        put_num(obj, "seq", m->upa.seq);
        put_num(obj, "status", m->upa.status);
        break;
    }
}

void gw_decode_message(json_t *obj, const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    put_fields(obj, m);
    put_options(obj, codec, m);
}

/* domain.c: see domain.h. Stations have NAIs of 21 octets, a link-layer address and, at each peer,
 * a /64 with their number in it; messages have the options that a MAAR (maar_reg.c) or a MAG
 * (mag_reg.c) of this project sends.
 */
#include "domain.h"

#include "base/text.h"
#include "node/node_int.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define SPI          256
#define ATT_ETHERNET 3
#define NAI_LEN      21

struct gw_addr domain_node(void)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = 0x0c}};
}

struct gw_addr domain_peer(unsigned peer)
{
    return (struct gw_addr){
        {0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [13] = 1, (uint8_t)(peer >> 8), (uint8_t)peer}};
}

unsigned domain_peer_of(const struct gw_addr *a)
{
    unsigned peer = (unsigned)a->b[14] << 8 | a->b[15];
    struct gw_addr x = domain_peer(peer);

    return gw_addr_eq(a, &x) ? peer : UINT_MAX;
}

struct gw_key domain_key(unsigned peer)
{
    struct gw_key k = {.spi = SPI, .alg = GW_AUTH_HMAC_SHA256_128, .len = 32};

    for (unsigned i = 0; i < k.len; i++)
        k.secret[i] = (uint8_t)(peer * 7 + i + 1);
    return k;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

struct gw_prefix domain_prefix(unsigned peer, uint32_t station)
{
    struct gw_prefix p = {.addr = {{0x26, 0x00, (uint8_t)(peer >> 8), (uint8_t)peer}}, .len = 64};

    put_u32(p.addr.b + 4, station);
    return p;
}

static void print_peer(FILE *out, const struct domain *d, unsigned i)
{
    char text[GW_TEXT_MAX];
    struct gw_addr a = domain_peer(i);
    struct gw_prefix pool = domain_prefix(i, 0);
    struct gw_key key = domain_key(i);

    pool.len = 32;
    fprintf(out, "    - name: peer%u\n      address: \"%s\"\n", i, gw_fmt_addr(&a, text));
    fprintf(out, "      roles: [%s]\n", d->role == GW_ROLE_CMD ? "maar" : "mag");
    if (d->role == GW_ROLE_CMD)
        fprintf(out, "      pools: [\"%s\"]\n", gw_fmt_prefix(&pool, text));
    if (!d->auth) {
        fprintf(out, "      protection: esp\n");
        return;
    }
    fprintf(out, "      keys: [{spi: %u, secret: \"", key.spi);
    for (unsigned k = 0; k < key.len; k++)
        fprintf(out, "%02x", key.secret[k]);
    fprintf(out, "\"}]\n");
}

/* Limits are raised above what is measured; all else is as it is by default. */
static void print(FILE *out, const struct domain *d, const char *dir)
{
    char text[GW_TEXT_MAX];
    struct gw_addr self = domain_node();

    fprintf(out, "godwit:\n  node: {name: node, roles: [%s], address: \"%s\"}\n",
            d->role == GW_ROLE_CMD ? "cmd" : "lma", gw_fmt_addr(&self, text));
    if (d->role == GW_ROLE_LMA)
        fprintf(out, "  interfaces: [{name: core0, side: core}]\n"
                     "  pools: [{prefix: \"2a00::/32\"}]\n");
    fprintf(out, "  peers:\n");
    for (unsigned i = 0; i < d->peers; i++)
        print_peer(out, d, i);
    fprintf(
        out,
        "  policy: [{any: true, action: allow}]\n"
        "  limits: {bindings: 10000000, pending: 10000000, peer-rate: 0, notice-rate: 1000000}\n"
        "  heartbeat: {interval: 0}\n");
    fprintf(out,
            "  daemon:\n    control-socket: %s/control\n    state-directory: %s/state\n"
            "    pin-directory: /sys/fs/bpf/godwit-bench\n",
            dir, dir);
}

char *domain_yaml(const struct domain *d, const char *dir)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        return NULL;
    print(out, d, dir);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static struct gw_mnid name_of(uint32_t station, char buf[static NAI_LEN + 1])
{
    (void)snprintf(buf, NAI_LEN + 1, "mn%07u@example.org", station % 10000000);
    return (struct gw_mnid){GW_MNID_NAI, NAI_LEN, (const uint8_t *)buf};
}

uint32_t domain_station_of(const struct gw_mh *m)
{
    const struct gw_opt *o = gw_lm_opt(m, GW_OPT_MNID);
    uint32_t n = 0;

    if (o == NULL || o->mnid.len != NAI_LEN)
        return UINT32_MAX;
    for (int i = 2; i < 9; i++)
        n = n * 10 + (uint32_t)(o->mnid.id[i] - '0');
    return n;
}

static struct gw_lladdr station_lladdr(uint32_t station)
{
    struct gw_lladdr l = {6, {2, 0}};

    put_u32(l.b + 2, station);
    return l;
}

static struct gw_mac *mac_of(unsigned peer)
{
    static struct gw_key key[DOMAIN_PEERS_MAX];
    static struct gw_mac mac[DOMAIN_PEERS_MAX];

    if (mac[peer].key == NULL) {
        key[peer] = domain_key(peer);
        mac[peer].key = &key[peer];
    }
    return &mac[peer];
}

static size_t finish(const struct domain *d, unsigned peer, struct gw_now now, struct gw_mh *m,
                     uint8_t *out)
{
    struct gw_mh_addrs addrs = {.src = domain_peer(peer), .dst = domain_node()};
    int len;

    if (d->auth && gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(now.wall_ns)))
        len = gw_mac_write(&gw_mh_codec_default, &addrs, m, mac_of(peer), out, GW_MH_MAX);
    else
        len = gw_mh_write(&gw_mh_codec_default, &addrs, m, out, GW_MH_MAX);
    if (len > 0)
        return (size_t)len;
    (void)fprintf(stderr, "bench: a message cannot be written: %s\n", gw_err_name(len));
    exit(1);
}

/* The DLIF of a MAAR is the default of its address. */
static void add_maar(struct gw_mh *m, const struct domain_pbu *p)
{
    struct gw_lm_previous own = {.maar = domain_peer(p->peer)}, prev = {0};

    gw_dlif_default(&own.maar, &own.link_local, &own.lladdr);
    gw_lm_add_addr(m, GW_OPT_DLIF_LINK_LOCAL, &own.link_local);
    gw_lm_add_lladdr(m, GW_OPT_DLIF_LLADDR, &own.lladdr);
    if (p->previous == UINT_MAX)
        return;
    prev.maar = domain_peer(p->previous);
    prev.prefix = domain_prefix(p->previous, p->station);
    gw_dlif_default(&prev.maar, &prev.link_local, &prev.lladdr);
    gw_lm_add_previous(m, &prev);
}

size_t domain_write_pbu(const struct domain *d, const struct domain_pbu *p, struct gw_now now,
                        uint8_t *out)
{
    static struct gw_mh m;
    char name[NAI_LEN + 1];
    struct gw_mnid id = name_of(p->station, name);
    struct gw_lladdr ll = station_lladdr(p->station);
    bool cmd = d->role == GW_ROLE_CMD;
    struct gw_prefix hnp = cmd ? domain_prefix(p->peer, p->station) : p->assigned;

    m.type = GW_MH_BU;
    m.nopts = 0;
    m.bu = (struct gw_mh_bu){.seq = p->seq,
                             .lifetime = p->lifetime,
                             .flags = (uint16_t)(GW_BU_A | GW_BU_P | (cmd ? GW_BU_D : 0))};
    gw_lm_add_mnid(&m, &id);
    gw_lm_add_prefix(&m, GW_OPT_HNP, &hnp);
    gw_lm_add_code(&m, GW_OPT_HI, p->hi);
    gw_lm_add_code(&m, GW_OPT_ATT, ATT_ETHERNET);
    gw_lm_add_lladdr(&m, GW_OPT_MN_LLID, &ll);
    gw_lm_add_u64(&m, GW_OPT_TIMESTAMP, gw_lm_timestamp(p->attached_ns));
    if (cmd)
        add_maar(&m, p);
    return finish(d, p->peer, now, &m, out);
}

/* What a previous MAAR says of the CMD's PBU: accepted, and all of it again (maar_prev.c). */
static void answer_pbu(const struct gw_mh *asked, struct gw_mh *m)
{
    m->type = GW_MH_BA;
    m->ba = (struct gw_mh_ba){
        .flags = GW_BA_P | GW_BA_D, .seq = asked->bu.seq, .lifetime = asked->bu.lifetime};
    for (size_t i = 0; i < asked->nopts; i++)
        if (asked->opt[i].type != GW_OPT_MESGID && asked->opt[i].type != GW_OPT_AUTH)
            m->opt[m->nopts++] = asked->opt[i];
}

static void answer_bri(const struct gw_mh *asked, struct gw_mh *m)
{
    const struct gw_opt *id = gw_lm_opt(asked, GW_OPT_MNID);

    m->type = GW_MH_REVOCATION;
    m->br = (struct gw_mh_revocation){.br_type = GW_BR_BRA, .seq = asked->br.seq, .p = true};
    if (id != NULL)
        gw_lm_add_mnid(m, &id->mnid);
}

size_t domain_write_answer(const struct domain *d, unsigned peer, const struct gw_mh *asked,
                           struct gw_now now, uint8_t *out)
{
    static struct gw_mh m;

    m.nopts = 0;
    if (asked->type == GW_MH_BU)
        answer_pbu(asked, &m);
    else
        answer_bri(asked, &m);
    return finish(d, peer, now, &m, out);
}

/* access_test.c: what leaves unasked: RAs per anchor, when they leave, and what they say. The
 * golden packets were made with scapy.
 */
#include "rig.h"

#include <stdlib.h>

static const uint8_t ra_current[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x40, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0x00, 0x0d, 0x0a, 0x40,
    0x00, 0x07, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x02, 0x00,
    0x5e, 0x00, 0x01, 0x02, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x05, 0xb4, 0x03, 0x04, 0x40,
    0x40, 0x00, 0x00, 0x1c, 0x20, 0x00, 0x00, 0x0e, 0x10, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01,
    0x0d, 0xb8, 0x20, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t ra_previous[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x40, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x86, 0x00, 0x2b, 0x04, 0x40,
    0x18, 0x07, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x02, 0x00,
    0x5e, 0x00, 0x01, 0x01, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x05, 0xb4, 0x03, 0x04, 0x40,
    0x40, 0x00, 0x00, 0x1c, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01,
    0x0d, 0xb8, 0x10, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t probe_ns[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfe, 0x00, 0x00, 0xaa, 0x87, 0x00, 0x1b, 0xc8, 0x00,
    0x00, 0x00, 0x00, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff,
    0xfe, 0x00, 0x00, 0xaa, 0x01, 0x01, 0x02, 0x00, 0x5e, 0x00, 0x01, 0x02};

static void one_ra_per_anchor(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    assert_int_equal(r->n, 2);
    rig_same(&r->frame[0], ra_current, sizeof ra_current, 56);
    rig_same(&r->frame[1], ra_previous, sizeof ra_previous, 56);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(r->frame[i].iface, 3);
        assert_true(gw_lladdr_eq(&r->frame[i].dst, &rig_mn)); /* RFC 6085 */
        assert_true(gw_lladdr_eq(&r->frame[i].src, &d[i].lladdr));
    }
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 0);
    assert_int_equal(r->n, 0);
    rig_free(r);
}

/* At 0, about 1 s, about 4 s, then within three quarters and all of the interval. */
static void rounds_are_repeated(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(1, false);
    struct gw_time at[16];
    size_t n = 0;

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    at[n++] = r->now;
    while (n < 16) {
        struct gw_time next = gw_timers_next(&r->timers);
        rig_clear(r);
        rig_run(r, gw_time_sub(next, r->now));
        assert_int_equal(r->n, 1);
        at[n++] = r->now;
    }
    assert_in_range(at[1].ns - at[0].ns, 750000000, 1000000000);
    assert_in_range(at[2].ns - at[1].ns, 2250000000, 3000000000);
    for (size_t i = 3; i < 16; i++)
        assert_in_range(at[i].ns - at[i - 1].ns, 30000000000, 40000000000);
    assert_int_not_equal(at[4].ns - at[3].ns, at[5].ns - at[4].ns);
    rig_free(r);
}

static void a_late_clock_is_no_burst(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(1, false);

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    rig_clear(r);
    r->now = gw_time_add(r->now, GW_SEC(86400)); /* the machine slept */
    gw_timers_run(&r->timers, r->now, 1000, NULL);
    assert_int_equal(r->n, 1);
    rig_free(r);
}

static void what_is_gone_is_withdrawn(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1), 2);
    assert_true(gw_addr_eq(&r->frame[1].nd.src, &d[1].link_local));
    assert_int_equal(r->frame[1].nd.router_lifetime_s, 0);
    assert_int_equal(r->frame[1].nd.pref, GW_PREF_MEDIUM); /* RFC 4191 §2.2 */
    assert_int_equal(r->frame[1].nd.npio, 1);
    assert_int_equal(r->frame[1].nd.pio[0].valid_s, 0);
    assert_int_equal(r->frame[1].nd.pio[0].preferred_s, 0);
    assert_int_equal(r->frame[0].nd.router_lifetime_s, 1800);
    rig_run(r, GW_SEC(10));
    assert_int_equal(r->n, 6); /* both, three times */
    rig_clear(r);
    rig_run(r, GW_SEC(40));
    assert_int_equal(r->n, 1);
    assert_true(gw_addr_eq(&r->frame[0].nd.src, &d[0].link_local));
    rig_free(r);
}

static void everything_taken_back(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, NULL, 0), 2);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, NULL, 0), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(r->frame[i].nd.router_lifetime_s, 0);
    assert_int_equal(gw_access_probe(&r->a, &rig_key), GW_ENOENT);
    rig_run(r, GW_SEC(600));
    assert_int_equal(r->n, 6);
    assert_int_equal(gw_access_advertise(&r->a, &rig_key), GW_ENOENT);
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_SEEN);
    assert_int_equal(r->n, 6);
    rig_free(r);
}

/* The list changes faster than the rounds end: what is remembered stays bounded. */
static void withdrawals_are_bounded(void **state)
{
    struct rig *r = rig_new(-1);

    (void)state;
    for (unsigned i = 1; i < 99; i++) {
        struct gw_access_dlif d = rig_dlif(i, false);
        rig_clear(r);
        assert_true(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1) <= 9);
        assert_true(gw_addr_eq(&r->frame[0].nd.src, &d.link_local));
    }
    rig_free(r);
}

/* A second prefix of one anchor: one router, so one RA, and it is as good as its best prefix. */
static void one_router_one_ra(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(1, false), rig_dlif(2, true), rig_dlif(1, true)};
    const struct gw_nd *nd = &r->frame[0].nd;

    (void)state;
    d[2].prefix.addr.b[7] = 9;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 3), 2);
    assert_int_equal(nd->pref, GW_PREF_MEDIUM);
    assert_int_equal(nd->npio, 2);
    assert_int_equal(nd->pio[0].preferred_s, 3600);
    assert_true(gw_prefix_eq(&nd->pio[1].prefix, &d[2].prefix));
    assert_int_equal(nd->pio[1].preferred_s, 0);
    assert_int_equal(nd->pio[1].valid_s, 7200);
    rig_clear(r);
    d[0].previous = true;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 3), 2);
    assert_int_equal(nd->pref, GW_PREF_LOW);
    rig_free(r);
}

static void many_prefixes_of_one_anchor(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[GW_ND_PIOS + 3];

    (void)state;
    for (unsigned i = 0; i < GW_ND_PIOS + 3; i++) {
        d[i] = rig_dlif(1, i > 0);
        d[i].prefix.addr.b[7] = (uint8_t)i;
    }
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, GW_ND_PIOS + 3), 2);
    assert_int_equal(r->frame[0].nd.npio, GW_ND_PIOS);
    assert_int_equal(r->frame[1].nd.npio, 3);
    assert_int_equal(r->frame[1].nd.router_lifetime_s, 1800);
    assert_int_equal(r->frame[1].nd.pref, GW_PREF_MEDIUM);
    rig_free(r);
}

static void local_prefixes_are_routes(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_nd_rio rio = {{{{0x20, 0x01, 0x0d, 0xb8, 0xff}}, 48}, GW_PREF_HIGH, 600};
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};
    const struct gw_nd *nd = &r->frame[1].nd;

    (void)state;
    d[1].rio = &rio;
    d[1].nrio = 1;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    assert_int_equal(nd->nrio, 1);
    assert_int_equal(nd->rio[0].pref, GW_PREF_HIGH);
    assert_int_equal(nd->rio[0].lifetime_s, 600);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 0);
    rio.lifetime_s = 0; /* it was copied, so this is a change */
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    assert_int_equal(nd->rio[0].lifetime_s, 0);
    rio.lifetime_s = 600;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_clear(r);
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1);
    assert_int_equal(nd->nrio, 1);
    assert_int_equal(nd->rio[0].lifetime_s, 0);
    rig_clear(r); /* without the route, the router stays: it is withdrawn in three rounds */
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    d[1].nrio = 0;
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    assert_int_equal(nd->nrio, 1);
    assert_int_equal(nd->rio[0].lifetime_s, 0);
    assert_int_equal(nd->pio[0].valid_s, 7200);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 0);
    rig_clear(r);
    rig_run(r, GW_SEC(5));
    assert_int_equal(r->n, 4);
    assert_int_equal(nd->nrio, 1);
    rig_clear(r);
    rig_run(r, GW_SEC(700));
    assert_int_equal(nd->nrio, 0);
    assert_int_equal(nd->npio, 1);
    /* another prefix of the same router has it: it holds, whatever the other says */
    d[0] = rig_dlif(1, false);
    d[1] = rig_dlif(1, true);
    d[1].prefix.addr.b[7] = 9;
    d[0].rio = d[1].rio = &rio;
    d[0].nrio = d[1].nrio = 1;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1), 2);
    assert_int_equal(r->frame[0].nd.nrio, 1);
    assert_int_equal(r->frame[0].nd.rio[0].lifetime_s, 600);
    d[1].nrio = GW_ND_RIOS + 1;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), GW_EINVAL);
    rig_free(r);
}

static void limit_and_leaving(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(1, false);
    struct gw_station_key k = rig_key;

    (void)state;
    for (uint8_t i = 0; i < 4; i++) {
        k.lladdr.b[5] = i;
        assert_int_equal(gw_access_set_station(&r->a, &k, GW_ACCESS_MAAR, &d, 1), 1);
    }
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1), GW_EFULL);
    rig_clear(r);
    gw_access_del_station(&r->a, &k, GW_ACCESS_MAAR);
    gw_access_del_station(&r->a, &k, GW_ACCESS_MAAR);
    assert_int_equal(r->n, 0);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1), 1);
    k.lladdr.len = 0;
    assert_int_equal(gw_access_set_station(&r->a, &k, GW_ACCESS_MAAR, &d, 1), GW_EINVAL);
    k.lladdr.len = 9;
    assert_int_equal(gw_access_set_station(&r->a, &k, GW_ACCESS_MAAR, &d, 1), GW_EINVAL);
    k = rig_key; /* the same station on another interface is another one */
    k.iface = 4;
    assert_int_equal(gw_access_set_station(&r->a, &k, GW_ACCESS_MAAR, &d, 1), GW_EFULL);
    rig_free(r);
}

static void advertise_again(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    assert_int_equal(gw_access_advertise(&r->a, &rig_key), GW_ENOENT);
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_run(r, GW_SEC(10));
    rig_clear(r);
    assert_int_equal(gw_access_advertise(&r->a, &rig_key), 2);
    rig_run(r, GW_SEC(10));
    assert_int_equal(r->n, 6);
    rig_free(r);
}

static void probe_asks_the_station(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(2, false);
    struct gw_addr other = {{0xfe, 0x80, [15] = 0x77}};

    (void)state;
    assert_int_equal(gw_access_probe(&r->a, &rig_key), GW_ENOENT);
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    rig_clear(r);
    assert_int_equal(gw_access_probe(&r->a, &rig_key), 1); /* a guess */
    rig_same(&r->frame[0], probe_ns, sizeof probe_ns, 64);
    assert_true(gw_lladdr_eq(&r->frame[0].dst, &rig_mn));
    assert_int_equal(rig_ns(r, &other, &other), GW_ACCESS_SEEN); /* so that is its address */
    assert_int_equal(gw_access_probe(&r->a, &rig_key), 0);
    assert_true(gw_addr_eq(&r->frame[1].nd.target, &other));
    assert_true(gw_addr_eq(&r->frame[1].nd.dst, &other));
    assert_int_equal(r->a.count.ns_sent, 2);
    rig_free(r);
}

/* Moved with its carrier kept, a host with privacy addresses shows itself by DAD for the address it
 * makes of the new prefix. */
static void probe_asks_what_dad_has_shown(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(2, false);
    struct gw_addr nobody = {0}, global = d.prefix.addr;

    (void)state;
    global.b[15] = 0x5c;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    rig_clear(r);
    assert_int_equal(rig_ns(r, &nobody, &global), GW_ACCESS_SEEN);
    assert_int_equal(gw_access_probe(&r->a, &rig_key), 0);
    assert_true(gw_addr_eq(&r->frame[0].nd.target, &global));
    rig_free(r);
}

static void reload_takes_new_lifetimes(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(2, false);

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    r->cfg.access_mtu = 1400;
    r->cfg.timers.router_lifetime_s = 100000;
    r->cfg.timers.valid_lifetime_s = 99;
    gw_access_reload(&r->a, &r->cfg);
    rig_clear(r);
    gw_access_advertise(&r->a, &rig_key);
    assert_int_equal(r->frame[0].nd.mtu, 1400);
    assert_int_equal(r->frame[0].nd.router_lifetime_s, 65535);
    assert_int_equal(r->frame[0].nd.pio[0].valid_s, 99);
    rig_free(r);
}

/* What one owner lists is nothing to the other's; the station goes with the last one. */
static void owners_are_apart(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)}, lma = rig_dlif(7, false);

    (void)state;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAG, &lma, 1), 3);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 0);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAG, &lma, 1), 0);
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1), 3);
    for (size_t i = 0; i < 3; i++) { /* the one that went, and nothing else, is withdrawn */
        bool gone = gw_addr_eq(&r->frame[i].nd.src, &d[1].link_local);
        assert_int_equal(r->frame[i].nd.router_lifetime_s == 0, gone);
        assert_int_equal(r->frame[i].nd.pio[0].valid_s == 0, gone);
    }
    rig_free(r);
}

static void the_last_owner_takes_the_station(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d = rig_dlif(1, false), lma = rig_dlif(7, false);

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d, 1);
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAG, &lma, 1);
    rig_clear(r);
    r->credit = 0; /* and that needs no memory */
    gw_access_del_station(&r->a, &rig_key, GW_ACCESS_MAAR);
    assert_int_equal(r->n, 2);
    assert_int_equal(r->frame[0].nd.router_lifetime_s == 0,
                     gw_addr_eq(&r->frame[0].nd.src, &d.link_local));
    rig_clear(r);
    assert_int_equal(gw_access_probe(&r->a, &rig_key), 1);
    assert_true(gw_addr_eq(&r->frame[0].nd.src, &lma.link_local)); /* not from one that is gone */
    gw_access_del_station(&r->a, &rig_key, GW_ACCESS_MAAR);        /* again: nothing */
    assert_int_equal(r->n, 1);
    rig_run(r, GW_SEC(10));
    rig_clear(r);
    assert_int_equal(gw_access_advertise(&r->a, &rig_key), 1);
    gw_access_del_station(&r->a, &rig_key, GW_ACCESS_MAG);
    assert_int_equal(gw_table_count(&r->a.stations), 0);
    rig_free(r);
}

/* A station that gets nothing any more hears so three times, and is as good as unknown meanwhile;
 * whoever gives it something again is heard at once. */
static void withdrawn_in_three_rounds(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    gw_access_withdraw(&r->a, &rig_key, GW_ACCESS_MAAR); /* nobody */
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    rig_clear(r);
    r->credit = 0;                                      /* and that needs no memory */
    gw_access_withdraw(&r->a, &rig_key, GW_ACCESS_MAG); /* what it has is another's */
    assert_int_equal(r->n, 0);
    gw_access_withdraw(&r->a, &rig_key, GW_ACCESS_MAAR);
    assert_int_equal(r->n, 2);
    gw_access_withdraw(&r->a, &rig_key, GW_ACCESS_MAAR);
    gw_access_del_station(&r->a, &rig_key, GW_ACCESS_MAAR);
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_RS_UNKNOWN);
    assert_int_equal(gw_access_probe(&r->a, &rig_key), GW_ENOENT);
    assert_int_equal(r->queries, 0);
    rig_run(r, GW_SEC(10));
    assert_int_equal(r->queries, 1); /* it may have come back, and has just lost its routers */
    assert_int_equal(r->n, 6);
    for (size_t i = 0; i < r->n; i++) {
        assert_int_equal(r->frame[i].nd.router_lifetime_s, 0);
        assert_int_equal(r->frame[i].nd.pio[0].valid_s, 0);
    }
    assert_int_equal(gw_table_count(&r->a.stations), 0);
    r->credit = -1;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1);
    gw_access_withdraw(&r->a, &rig_key, GW_ACCESS_MAAR);
    rig_clear(r);
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1), 1);
    assert_int_not_equal(r->frame[0].nd.router_lifetime_s, 0);
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_SEEN); /* too soon after the last */
    rig_free(r);
}

/* A prefix that is being withdrawn is the station's again, and there is no memory to say so. */
static void not_withdrawn_without_memory(void **state)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1);
    r->credit = 0;
    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), GW_ENOMEM);
    rig_clear(r);
    rig_run(r, GW_SEC(2));
    assert_int_equal(r->n, 2);
    for (size_t i = 0; i < r->n; i++) {
        assert_int_equal(r->frame[i].nd.router_lifetime_s, 1800);
        assert_int_equal(r->frame[i].nd.pio[0].valid_s, 7200);
    }
    rig_free(r);
}

/* Each allocation fails in turn: the call says so, and nothing has changed. */
static void survives_failing_memory(void **state)
{
    bool done = false;

    (void)state;
    for (long credit = 0; !done; credit++) {
        struct rig *r = rig_new(credit);
        struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};
        int first = gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, &d[1], 1);
        int second = gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2);

        assert_true(first == 1 || first == GW_ENOMEM);
        assert_true(second == 2 || second == GW_ENOMEM);
        done = first == 1 && second == 2;
        if (second == GW_ENOMEM) {
            assert_int_equal(gw_table_count(&r->a.stations), first == 1);
            rig_clear(r);
            assert_int_equal(gw_access_advertise(&r->a, &rig_key), first == 1 ? 1 : GW_ENOENT);
        }
        r->credit = -1;
        assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2),
                         done ? 0 : 2);
        rig_free(r);
        assert_true(credit < 50);
    }
}

int access_send_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_ra_per_anchor),
        cmocka_unit_test(rounds_are_repeated),
        cmocka_unit_test(a_late_clock_is_no_burst),
        cmocka_unit_test(what_is_gone_is_withdrawn),
        cmocka_unit_test(everything_taken_back),
        cmocka_unit_test(withdrawals_are_bounded),
        cmocka_unit_test(one_router_one_ra),
        cmocka_unit_test(many_prefixes_of_one_anchor),
        cmocka_unit_test(local_prefixes_are_routes),
        cmocka_unit_test(limit_and_leaving),
        cmocka_unit_test(advertise_again),
        cmocka_unit_test(probe_asks_the_station),
        cmocka_unit_test(probe_asks_what_dad_has_shown),
        cmocka_unit_test(reload_takes_new_lifetimes),
        cmocka_unit_test(owners_are_apart),
        cmocka_unit_test(the_last_owner_takes_the_station),
        cmocka_unit_test(withdrawn_in_three_rounds),
        cmocka_unit_test(not_withdrawn_without_memory),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests_name("access: unasked", tests, NULL, NULL);
}

/* rig.c: see rig.h. */
#include "rig.h"

#include <stdlib.h>

const struct gw_lladdr rig_mn = {6, {0x02, 0, 0, 0, 0, 0xaa}};
const struct gw_lladdr rig_mn2 = {6, {0x02, 0, 0, 0, 0, 0xbb}};
const struct gw_addr rig_mn_ll = {{0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 0xaa}};
const struct gw_station_key rig_key = {3, {6, {0x02, 0, 0, 0, 0, 0xaa}}};
const struct gw_station_key rig_key2 = {3, {6, {0x02, 0, 0, 0, 0, 0xbb}}};

struct gw_access_dlif rig_dlif(unsigned i, bool previous)
{
    struct gw_access_dlif d = {
        .link_local = {{0xfe, 0x80, [13] = 1, [15] = (uint8_t)i}},
        .lladdr = {6, {0x02, 0x00, 0x5e, 0x00, 0x01, (uint8_t)i}},
        .prefix = {{{0x20, 0x01, 0x0d, 0xb8, (uint8_t)(i << 4), 0, 0, 5}}, 64},
        .previous = previous,
    };
    return d;
}

static void *resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct rig *r = user;

    if (size > 0 && r->credit == 0)
        return NULL;
    if (size > 0 && r->credit > 0)
        r->credit--;
    r->out = r->out - (ptr != NULL ? old_size : 0) + size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

static void take_frame(void *user, uint32_t iface, const struct gw_lladdr *src,
                       const struct gw_lladdr *dst, const uint8_t *data, size_t len)
{
    struct rig *r = user;

    if (len > 48 && data[6] == 0 && data[48] == 130) { /* Multicast Listener Query */
        assert_true(gw_lladdr_eq(dst, &rig_mn));
        r->queries++;
        return;
    }
    struct frame *f = &r->frame[r->n < RIG_FRAMES ? r->n++ : RIG_FRAMES - 1];
    r->total++;
    assert_true(len <= sizeof f->data);
    f->iface = iface;
    f->src = *src;
    f->dst = *dst;
    f->len = len;
    memcpy(f->data, data, len);
    assert_int_equal(gw_nd_parse(f->data, len, &f->nd).code, GW_PARSE_OK);
}

/* Numbers from 9 on: of other anchors. */
static bool other_anchor(void *user, const struct gw_addr *link_local, struct gw_lladdr *lladdr)
{
    struct gw_access_dlif d = rig_dlif(9, false);

    (void)user;
    *lladdr = d.lladdr;
    return gw_addr_eq(link_local, &d.link_local);
}

struct rig *rig_new(long credit)
{
    struct rig *r = calloc(1, sizeof *r);
    struct gw_access_env env;

    assert_non_null(r);
    r->credit = credit;
    r->al = (struct gw_alloc){resize, r};
    r->now = GW_SEC(1000);
    r->cfg.access_mtu = 1460;
    r->cfg.limits.stations = 4;
    r->cfg.timers.valid_lifetime_s = 7200;
    r->cfg.timers.preferred_lifetime_s = 3600;
    r->cfg.timers.router_lifetime_s = 1800;
    r->cfg.timers.ra_interval = GW_SEC(40);
    gw_timers_init(&r->timers, &r->al);
    env = (struct gw_access_env){&r->al, &r->timers, &r->now, take_frame, r, other_anchor};
    gw_access_init(&r->a, &r->cfg, &env, 77);
    return r;
}

void rig_free(struct rig *r)
{
    gw_access_free(&r->a);
    assert_int_equal(gw_timers_next(&r->timers).ns, GW_NEVER.ns);
    gw_timers_free(&r->timers);
    assert_int_equal(r->out, 0);
    free(r);
}

void rig_clear(struct rig *r)
{
    r->n = r->total = 0;
}

void rig_run(struct rig *r, struct gw_time span)
{
    struct gw_time end = gw_time_add(r->now, span);
    struct gw_time next;

    while (next = gw_timers_next(&r->timers), !gw_time_before(end, next)) {
        if (gw_time_before(r->now, next))
            r->now = next;
        gw_timers_run(&r->timers, r->now, 100, NULL);
    }
    r->now = end;
}

enum gw_access_seen rig_hear(struct rig *r, const struct gw_lladdr *src, const struct gw_nd *m)
{
    uint8_t buf[1280];
    int len = gw_nd_write(m, buf, sizeof buf);

    assert_true(len > 0);
    return gw_access_input_nd(&r->a, rig_key.iface, src, buf, (size_t)len);
}

enum gw_access_seen rig_rs(struct rig *r, const struct gw_lladdr *src)
{
    struct gw_nd rs = {.type = GW_ND_RS, .src = rig_mn_ll, .dst = {{0xff, 2, [15] = 2}}};

    rs.slla = *src;
    return rig_hear(r, src, &rs);
}

enum gw_access_seen rig_ns(struct rig *r, const struct gw_addr *from, const struct gw_addr *target)
{
    struct gw_nd ns = {.type = GW_ND_NS, .src = *from, .target = *target};

    ns.dst = gw_nd_solicited_node(target);
    if (!gw_addr_is_zero(from))
        ns.slla = rig_mn;
    return rig_hear(r, &rig_mn, &ns);
}

static bool has_option(const struct frame *f, size_t at, const uint8_t *opt, size_t len)
{
    for (; at + len <= f->len; at += (size_t)f->data[at + 1] * 8) {
        if (memcmp(f->data + at, opt, len) == 0)
            return true;
        assert_int_not_equal(f->data[at + 1], 0);
    }
    return false;
}

void rig_same(const struct frame *f, const uint8_t *golden, size_t len, size_t options)
{
    assert_int_equal(f->len, len);
    assert_memory_equal(f->data, golden, options);
    for (size_t at = options; at < len; at += (size_t)golden[at + 1] * 8)
        assert_true(has_option(f, options, golden + at, (size_t)golden[at + 1] * 8));
}

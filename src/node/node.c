/* node.c: a node's life: made of a configuration, fed with inputs and deadlines, reloaded. Each
 * input goes to the function it is for; what comes out is in the queue.
 */
#include "node/node_int.h"

#include "fn/handover/location.h"
#include "fn/route/route.h"

#define HANDOVERS 512
/* How soon to try again when a deadline could not be handled for want of memory. */
#define STARVED GW_MSEC(50)
/* Deadlines handled in one call; the rest is due at once. */
#define EXPIRE_MOST 1024

static void op_intent(void *user, const struct gw_intent *i)
{
    struct gw_node *n = user;

    struct gw_action act = {.kind = GW_ACT_INTENT, .intent = *i};

    if (i->kind == GW_INTENT_STATION_DEL && gw_attach_holds(n, &i->station.key))
        return;                           /* it has left the MAAR or the MAG, but not both */
    if (i->kind == GW_INTENT_STATION_SET) /* also when it is the MAG that says so */
        act.intent.station.nets = gw_maar_has_nets(&n->maar, &i->station.key);
    gw_moving_intent(n, &act.intent);
    gw_queue_add(&n->queue, &act);
}

static void store_op(struct gw_node *n, enum gw_action_kind kind, const void *key, size_t key_len,
                     const void *value, size_t value_len)
{
    const void *k = gw_queue_copy(&n->queue, key, key_len);
    const void *v = value != NULL ? gw_queue_copy(&n->queue, value, value_len) : NULL;

    if (k == NULL || (value != NULL && v == NULL))
        return;
    gw_queue_add(&n->queue,
                 &(struct gw_action){
                     .kind = kind,
                     .store = {.key = k, .value = v, .key_len = key_len, .value_len = value_len}});
}

static void op_put(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    store_op(user, GW_ACT_STORE_PUT, key, key_len, value, value_len);
}

static void op_del(void *user, const void *key, size_t key_len)
{
    store_op(user, GW_ACT_STORE_DEL, key, key_len, NULL, 0);
}

static void op_ask_use(void *user, const struct gw_prefix *p)
{
    struct gw_node *n = user;
    gw_queue_add(&n->queue, &(struct gw_action){.kind = GW_ACT_USE, .use = *p});
}

static const struct gw_lm_ops lm_ops = {
    .send = gw_signal_send,
    .peer = gw_peer_cfg,
    .intent = op_intent,
    .put = op_put,
    .del = op_del,
    .ask_use = op_ask_use,
};

static void send_nd(void *user, uint32_t iface, const struct gw_lladdr *src,
                    const struct gw_lladdr *dst, const uint8_t *data, size_t len)
{
    struct gw_node *n = user;
    const uint8_t *copy = gw_queue_copy(&n->queue, data, len);

    if (copy != NULL)
        gw_queue_add(
            &n->queue,
            &(struct gw_action){
                .kind = GW_ACT_SEND_ND,
                .nd = {.iface = iface, .src = *src, .dst = *dst, .data = copy, .len = len}});
}

/* By the default of its address: what another has in its configuration is not known here. */
static bool other_anchor(void *user, const struct gw_addr *link_local, struct gw_lladdr *lladdr)
{
    struct gw_node *n = user;
    struct gw_addr ll;
    const struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        gw_dlif_default(&p->cfg->addr, &ll, lladdr);
        if ((p->cfg->roles & (unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA)) != 0 &&
            gw_addr_eq(&ll, link_local))
            return true;
    }
    return false;
}

/* The node as a peer of itself, with its own pools. */
static int make_self(struct gw_node *n, const struct gw_config *c)
{
    n->self = (struct gw_cfg_peer){
        .name = c->name, .addr = c->addr, .roles = c->roles, .npools = c->npools};
    if (c->npools == 0)
        return 0;
    n->self.pools = gw_new(n->al, c->npools * sizeof *n->self.pools);
    if (n->self.pools == NULL)
        return GW_ENOMEM;
    for (size_t i = 0; i < c->npools; i++)
        n->self.pools[i] = c->pools[i].prefix;
    return 0;
}

static int init(struct gw_node *n, const struct gw_config *c, uint64_t seed)
{
    struct gw_access_env env = {.al = n->al,
                                .timers = &n->timers,
                                .now = &n->lm.now.mono,
                                .send = send_nd,
                                .user = n,
                                .other_anchor = other_anchor};

    gw_awaits_init(&n->lm, seed ^ 0x6177u);
    gw_access_init(&n->access, c, &env, seed ^ 0x6e64u);
    gw_attach_init(n, seed ^ 0x6175u);
    gw_cmd_init(&n->cmd, &n->lm, seed ^ 0x636du);
    gw_mag_init(&n->mag, &n->lm, &n->access, seed ^ 0x6d67u);
    int err = gw_maar_init(&n->maar, &n->lm, &n->access, seed ^ 0x6d61u);
    gw_lma_init(&n->lma, &n->lm, &n->maar.pools, seed ^ 0x6c6du);
    n->operations =
        (struct gw_operations){.cmd = &n->cmd, .lma = &n->lma, .maar = &n->maar, .mag = &n->mag};
    gw_operations_init(&n->operations, &n->lm, seed ^ 0x6f70u);
    if (err == 0)
        err = gw_handovers_init(&n->lm.handovers, n->al, HANDOVERS);
    if (err == 0)
        err = gw_limit_init(n);
    if (err == 0)
        err = make_self(n, c);
    if (err == 0)
        err = gw_peers_load(n, c, &n->peers);
    if (err == 0)
        err = gw_steering_init(n, c, seed ^ 0x6361u, n->lm.now);
    if (err == 0)
        err = gw_locating_init(n, c, seed ^ 0x6c6fu);
    if (err == 0)
        err = gw_moving_init(n, c, seed ^ 0x686fu);
    return err;
}

struct gw_node *gw_node_new(const struct gw_config *c, const struct gw_alloc *al,
                            const struct gw_log *log, uint64_t seed, struct gw_now now)
{
    struct gw_node *n = gw_new(al, sizeof *n);

    if (n == NULL)
        return NULL;
    n->al = al;
    n->cfg = c;
    n->log = log;
    n->born = gw_ntp_time(now.wall_ns);
    gw_clock_start(n, now);
    gw_timers_init(&n->timers, al);
    gw_queue_init(&n->queue, al);
    n->lm = (struct gw_lm){.cfg = c,
                           .al = al,
                           .log = log,
                           .timers = &n->timers,
                           .now = now,
                           .seed = seed,
                           .ops = &lm_ops,
                           .user = n,
                           .out = &n->out};
    if (init(n, c, seed) == 0)
        return n;
    gw_node_free(n);
    return NULL;
}

void gw_node_free(struct gw_node *n)
{
    if (n == NULL)
        return;
    gw_moving_free(n);
    gw_locating_free(n);
    gw_steering_free(n);
    gw_operations_free(&n->operations);
    gw_maar_free(&n->maar);
    gw_cmd_free(&n->cmd);
    gw_attach_free(n);
    gw_lma_free(&n->lma);
    gw_mag_free(&n->mag);
    gw_awaits_free(&n->lm);
    gw_access_free(&n->access);
    gw_handovers_free(&n->lm.handovers);
    if (n->peers.ops != NULL)
        gw_peers_free(n, &n->peers);
    gw_free(n->al, n->self.pools, n->self.npools * sizeof *n->self.pools);
    gw_signal_drop_loop(n);
    gw_limit_free(n);
    gw_queue_free(&n->queue);
    gw_timers_free(&n->timers);
    gw_free(n->al, n, sizeof *n);
}

static int restore(struct gw_node *n, const struct gw_input *in)
{
    const uint8_t *key = in->restore.key;
    int err = GW_EFORMAT;

    if (n->started)
        return GW_EINVAL;
    if (in->restore.key_len >= 2 && key[0] == 'M' && (n->cfg->roles & GW_ROLE_MAAR) != 0)
        err = gw_maar_restore(&n->maar, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'C' && (n->cfg->roles & GW_ROLE_CMD) != 0)
        err = gw_cmd_restore(&n->cmd, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'R')
        err = gw_heartbeat_restore(n, key, in->restore.key_len, in->restore.value,
                                   in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'L' && (n->cfg->roles & GW_ROLE_LMA) != 0)
        err = gw_lma_restore(&n->lma, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'G' && (n->cfg->roles & GW_ROLE_MAG) != 0)
        err = gw_mag_restore(&n->mag, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'H')
        err = gw_hold_restore(&n->operations.holds, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == 'O')
        err = gw_operation_restore(&n->operations, in->restore.value, in->restore.value_len);
    else if (in->restore.key_len >= 2 && (key[0] == GW_OWN_RECORD || key[0] == GW_TRANSFER_RECORD))
        err = gw_steering_restore(n, key, in->restore.key_len, in->restore.value,
                                  in->restore.value_len);
    else if (in->restore.key_len >= 2 && key[0] == GW_HANDOVER_RECORD)
        err = gw_moving_restore(n, in);
    else if (in->restore.key_len >= 2 && key[0] == GW_LOCATION_RECORD)
        err = gw_locating_restore(n, in);
    if (err != 0) {
        n->lm.count[GW_CNT_RECORD_BAD]++;
        gw_log(n->log, GW_LOG_ERROR, GW_CAT_STORE, "record-bad", "a record is left out: %s",
               gw_err_name(err));
    }
    return err;
}

static int start(struct gw_node *n)
{
    if (n->started)
        return GW_EINVAL;
    gw_clock_after(n, gw_bindings_latest(&n->cmd.bs));
    gw_clock_after(n, gw_bindings_latest(&n->lma.bs));
    if ((n->cfg->roles & (GW_ROLES_FORWARDING | GW_ROLES_STEERING)) != 0) {
        gw_fixed_say(n, NULL);
        gw_maar_say_all(&n->maar);
        gw_lma_say_all(&n->lma);
        gw_mag_say_all(&n->mag);
        gw_moving_start(n);
        gw_route_sync(&n->lm);
    }
    if ((n->cfg->roles & GW_ROLES_STEERING) == 0 && (n->cfg->roles & GW_ROLES_FORWARDING) != 0)
        gw_route_serve_sync(&n->lm);
    gw_attach_resume(n);
    if ((n->cfg->roles & GW_ROLE_CMD) != 0) {
        gw_cmd_review(&n->cmd);
        gw_cmd_resume(&n->cmd);
    }
    (void)gw_heartbeat_start(n);
    gw_attach_ask_soon(n); /* whoever came meanwhile, was refused or has been forgotten */
    if ((n->cfg->roles & GW_ROLE_LMA) != 0)
        gw_lma_resume(&n->lma);
    n->started = true;
    int err = gw_steering_start(n);
    return n->queue.lost == 0 ? err : GW_ENOMEM;
}

static int plane_done(struct gw_node *n, const struct gw_input *in)
{
    int err = gw_maar_plane_done(&n->maar, in->plane.tag, in->plane.result);

    if (err != 0)
        err = gw_steering_plane_done(n, in->plane.tag, in->plane.result);
    return err == 0 ? 0 : gw_await_done(&n->lm, in->plane.tag, in->plane.result);
}

static int first_packet(struct gw_node *n, const struct gw_input *in)
{
    int err = gw_maar_first_packet(&n->maar, &in->first.prefix, in->first.uplink, in->first.seen);

    return err == 0
               ? 0
               : gw_mag_first_packet(&n->mag, &in->first.prefix, in->first.uplink, in->first.seen);
}

static int access_input(struct gw_node *n, const struct gw_input *in)
{
    switch (in->kind) {
    case GW_IN_ATTACH:
    case GW_IN_DETACH:
        gw_moving_station(n, &in->attach.station, in->kind == GW_IN_ATTACH);
        return gw_attach_input(n, in);
    case GW_IN_ND:
    case GW_IN_AUTHORISED:
    case GW_IN_ALL_SAID:
        return gw_attach_input(n, in);
    case GW_IN_LINK_DOWN:
        gw_maar_link_down(&n->maar, in->link.iface);
        gw_mag_link_down(&n->mag, in->link.iface);
        return 0;
    case GW_IN_PLANE_DONE:
        return plane_done(n, in);
    case GW_IN_FIRST_PKT:
        return first_packet(n, in);
    case GW_IN_USE:
        return gw_maar_use(&n->maar, &in->use.prefix, in->use.last);
    case GW_IN_MH:
    case GW_IN_POLICIES:
    case GW_IN_RESTORE:
    case GW_IN_START:
    case GW_IN_STOP:
    case GW_IN_STAMP:
    case GW_IN_REPORT:
    case GW_IN_MISS:
    case GW_IN_FLOW:
    case GW_IN_MARKED:
    case GW_IN_HINT:
    case GW_IN_TRANSFER:
    case GW_IN_TRACE:
        break;
    }
    return GW_EINVAL;
}

static int input(struct gw_node *n, const struct gw_input *in)
{
    switch (in->kind) {
    case GW_IN_RESTORE:
        return restore(n, in);
    case GW_IN_POLICIES:
        return gw_protect_policies(n, in->policies.list, in->policies.n);
    case GW_IN_START:
        return start(n);
    case GW_IN_STOP: /* what is durable is stored already; the packet path is the driver's */
        if (n->started)
            gw_heartbeat_stop(n);
        return 0;
    case GW_IN_MH:
        return n->started ? gw_signal_input(n, &in->mh.addrs, in->mh.data, in->mh.len) : GW_EINVAL;
    case GW_IN_ND:
    case GW_IN_ATTACH:
    case GW_IN_DETACH:
    case GW_IN_AUTHORISED:
    case GW_IN_ALL_SAID:
    case GW_IN_LINK_DOWN:
    case GW_IN_PLANE_DONE:
    case GW_IN_FIRST_PKT:
    case GW_IN_USE:
        break;
    case GW_IN_STAMP:
    case GW_IN_REPORT:
    case GW_IN_MISS:
    case GW_IN_TRACE:
    case GW_IN_TRANSFER:
        return gw_steering_input(n, in);
    case GW_IN_FLOW:
    case GW_IN_MARKED:
    case GW_IN_HINT:
        return gw_moving_input(n, in);
    }
    unsigned may =
        in->kind == GW_IN_PLANE_DONE ? GW_ROLES_FORWARDING | GW_ROLES_STEERING : GW_ROLES_ACCESS;
    if (!n->started || (n->cfg->roles & may) == 0)
        return GW_EINVAL;
    return access_input(n, in);
}

static bool shows_station(const struct gw_input *in)
{
    return in->kind == GW_IN_ND || in->kind == GW_IN_ATTACH;
}

int gw_node_input(struct gw_node *n, const struct gw_input *in, struct gw_now now)
{
    gw_clock_set(n, now);
    gw_steering_now(n, now);
    gw_moving_now(n, now);
    gw_queue_recycle(&n->queue);
    int err = gw_queue_reserve(&n->queue);
    if (err != 0) {
        n->lm.count[GW_CNT_NO_MEMORY]++;
        if (n->started && shows_station(in))
            gw_attach_missed(n);
        return err;
    }
    err = input(n, in);
    if (err == GW_ENOMEM && shows_station(in))
        gw_attach_missed(n);
    gw_signal_drain(n);
    gw_moving_settle(n);
    return err;
}

struct gw_time gw_node_deadline(const struct gw_node *n)
{
    struct gw_time next = gw_timers_next(&n->timers);

    if (n->ask_at.ns != 0 && gw_time_before(n->ask_at, next))
        next = n->ask_at;
    if (n->starved) {
        struct gw_time later = gw_time_add(n->lm.now.mono, STARVED);
        return gw_time_before(next, later) ? later : next;
    }
    return next;
}

void gw_node_expire(struct gw_node *n, struct gw_now now)
{
    gw_clock_set(n, now);
    gw_steering_now(n, now);
    gw_moving_now(n, now);
    n->starved = false;
    gw_queue_recycle(&n->queue);
    for (int i = 0; i < EXPIRE_MOST; i++) {
        if (gw_queue_reserve(&n->queue) != 0) {
            n->lm.count[GW_CNT_NO_MEMORY]++;
            n->starved = true;
            return;
        }
        if (n->ask_at.ns != 0 && !gw_time_before(now.mono, n->ask_at))
            gw_attach_ask(n);
        if (gw_timers_run(&n->timers, now.mono, 1, n) == 0)
            return;
        gw_signal_drain(n);
        gw_moving_settle(n);
    }
}

bool gw_node_next_action(struct gw_node *n, struct gw_action *act)
{
    return gw_queue_next(&n->queue, act);
}

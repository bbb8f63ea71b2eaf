/* node.c: one machine with one Godwit process on it: its clock, what comes in, what it wants done,
 * how it dies and starts again. A stand-in for src/daemon and the kernel around it, over the same
 * node, packet path and store front.
 *
 * As in the daemon, what one input writes is one batch, and messages wait until it is committed;
 * meanwhile (and while the process is paused) inputs wait in a bounded queue. What a full disk has
 * not taken the store tries again when it is due, and then the node wakes up as for a deadline.
 */
#include "cats.h"

#include <stdlib.h>

#define INPUTS_MAX 4096 /* as a socket's buffer: more are lost */

static void feed(struct sim *s, struct sim_node *n);

static struct sim_node *of_event(struct sim_event *e, size_t offset)
{
    return (struct sim_node *)(void *)((uint8_t *)e - offset);
}

/* -- clock --------------------------------------------------------------------------------------
 */

static int64_t mono(const struct sim *s, const struct sim_node *n)
{
    int64_t past = s->now - n->clock.from;
    return n->clock.mono + past + past / 1000000 * n->clock.drift +
           past % 1000000 * n->clock.drift / 1000000;
}

struct gw_now sim_node_now(const struct sim *s, const struct sim_node *n)
{
    int64_t m = mono(s, n);
    return (struct gw_now){{m}, m + n->clock.wall};
}

/* When the node's clock shows `at`, or a little later. */
static int64_t when(const struct sim *s, const struct sim_node *n, int64_t at)
{
    int64_t left = at - mono(s, n);
    if (left <= 0)
        return s->now;
    return s->now + left + (n->clock.drift < 0 ? left / 999000 * -n->clock.drift + 1000 : 0);
}

void sim_node_step_clock(struct sim_node *n, int64_t by)
{
    n->clock.wall += by;
}

static void arm(struct sim *s, struct sim_node *n);

void sim_node_drift(struct sim *s, struct sim_node *n, int64_t ppm)
{
    n->clock.mono = mono(s, n);
    n->clock.from = s->now;
    n->clock.drift = ppm;
    arm(s, n);
}

static void arm(struct sim *s, struct sim_node *n)
{
    struct gw_time at = n->node != NULL ? gw_node_deadline(n->node) : GW_NEVER;
    struct gw_time store = n->node != NULL ? gw_store_retry(n->store) : GW_NEVER;

    if (gw_time_before(store, at))
        at = store;
    if (at.ns == GW_NEVER.ns) {
        sim_cancel(s, &n->deadline);
        return;
    }
    int64_t next = when(s, n, at.ns);
    if (n->deadline.number == 0 || n->deadline.at != next)
        sim_post(s, &n->deadline, next);
}

static bool stalled(const struct sim_node *n)
{
    return n->paused || n->committing;
}

static void deadline(struct sim *s, struct sim_event *e)
{
    struct sim_node *n = of_event(e, offsetof(struct sim_node, deadline));

    if (stalled(n))
        return; /* armed again when it goes on */
    gw_node_expire(n->node, sim_node_now(s, n));
    sim_node_drain(s, n);
}

/* -- memory -------------------------------------------------------------------------------------
 */

static bool refused(struct sim_node *n)
{
    struct sim *s = n->sim;
    uint64_t nth = ++s->memory.count;

    if (n->alloc_fails == 0)
        return s->memory.fail_at != 0 && nth >= s->memory.fail_at &&
               nth - s->memory.fail_at < s->memory.fail_for;
    n->alloc_fails--;
    return true;
}

static void *resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct sim_node *n = user;

    if (size > old_size && refused(n))
        return NULL;
    n->live += ptr == NULL && size > 0;
    n->live -= ptr != NULL && size == 0;
    return sim_resize(&n->sim->pool, ptr, old_size, size);
}

/* -- what it wants done -------------------------------------------------------------------------
 */

static void said(struct sim *s, struct sim_node *n, const struct gw_mh_addrs *a,
                 const uint8_t *data, size_t len)
{
    if (n == s->cmd || n == s->lma) /* what a full disk has not taken may go */
        sim_ledger_note(s, n, data, len, a, gw_store_staged(n->store) == 0);
    sim_core_mh(s, n->index, a, data, len);
}

static void say(struct sim *s, struct sim_node *n, const struct gw_action *a)
{
    if (n->out == NULL && gw_store_staged(n->store) == 0) {
        said(s, n, &a->mh.addrs, a->mh.data, a->mh.len);
        return;
    }
    struct sim_out *o = sim_get(&s->pool, sizeof *o + a->mh.len);
    *o = (struct sim_out){.addrs = a->mh.addrs, .len = a->mh.len};
    memcpy(o->data, a->mh.data, o->len);
    *n->out_last = o;
    n->out_last = &o->next;
}

static void silence(struct sim_node *n)
{
    for (struct sim_out *o = n->out; o != NULL; o = n->out) {
        n->out = o->next;
        sim_put(&n->sim->pool, o, sizeof *o + o->len);
    }
    n->out_last = &n->out;
}

/* What has waited for a commit: also when that failed, as the daemon does. */
static void release(struct sim *s, struct sim_node *n)
{
    struct sim_out *out = n->out;

    n->out = NULL;
    n->out_last = &n->out;
    while (out != NULL) {
        struct sim_out *next = out->next;
        said(s, n, &out->addrs, out->data, out->len);
        sim_put(&s->pool, out, sizeof *out + out->len);
        out = next;
    }
}

static void commit(struct sim *s, struct sim_event *e)
{
    struct sim_node *n = of_event(e, offsetof(struct sim_node, commit));
    struct gw_store_why why;

    n->committing = false;
    if (gw_store_commit(n->store, sim_node_now(s, n).mono, &why) == 0 &&
        n->cfg[n->cfg_now].daemon.durability == GW_DURABLE_EACH)
        (void)gw_store_sync(n->store, &why);
    release(s, n);
    feed(s, n);
}

/* Results go back when the queue of actions is empty: its views end with the next input. */
static void later(struct sim_node *n, const struct gw_input *in)
{
    if (n->ndone == n->done_size) {
        n->done_size = n->done_size > 0 ? 2 * n->done_size : 64;
        n->done = realloc(n->done, n->done_size * sizeof *n->done);
        if (n->done == NULL)
            abort();
    }
    n->done[n->ndone++] = *in;
}

/* What the packet path has to say to the node. */
static void answer(struct sim_node *n, const struct gw_input *in, int64_t takes)
{
    if (takes > 0)
        sim_node_input_at(n->sim, n, in, n->sim->now + takes);
    else
        later(n, in);
}

static void trace_station(struct sim_node *n, const struct gw_intent *i)
{
    char lladdr[GW_TEXT_MAX];
    uint64_t mac = 0;

    memcpy(&mac, i->station.key.lladdr.b, 6);
    sim_note(n->sim, SIM_NOTE_STATION, n->index, mac, i->kind == GW_INTENT_STATION_SET);
    if (!n->sim->trace)
        return;
    sim_say(n->sim, "%s: %s %s", n->name, gw_fmt_lladdr(&i->station.key.lladdr, lladdr),
            i->kind == GW_INTENT_STATION_SET ? "may send" : "may not send");
}

static void trace_prefix(struct sim_node *n, const struct gw_intent *i)
{
    static const char *const kinds[] = {"local", "served", "moved"};
    char prefix[GW_TEXT_MAX], peer[GW_TEXT_MAX];
    bool set = i->kind == GW_INTENT_PREFIX_SET;
    uint64_t net, to = 0;

    memcpy(&net, i->prefix.prefix.addr.b, 8);
    if (set && i->prefix.kind != GW_PFX_LOCAL)
        memcpy(&to, i->prefix.peer.b + 8, 8);
    sim_note(n->sim, SIM_NOTE_PREFIX, n->index << 8 | (set ? 1u + (unsigned)i->prefix.kind : 0),
             net, to);
    if (!n->sim->trace)
        return;
    sim_say(n->sim, "%s: %s is %s %s", n->name, gw_fmt_prefix(&i->prefix.prefix, prefix),
            i->kind == GW_INTENT_PREFIX_SET ? kinds[i->prefix.kind] : "gone",
            i->kind == GW_INTENT_PREFIX_SET && i->prefix.kind != GW_PFX_LOCAL
                ? gw_fmt_addr(&i->prefix.peer, peer)
                : "");
}

static bool adds(enum gw_intent_kind k)
{
    return k == GW_INTENT_PEER_SET || k == GW_INTENT_STATION_SET || k == GW_INTENT_PREFIX_SET ||
           k == GW_INTENT_NET_SET;
}

static void intent(struct sim_node *n, const struct gw_intent *i)
{
    int err = n->plane_full && adds(i->kind) ? GW_EFULL : gw_native_apply(n->plane, i);

    if (i->kind == GW_INTENT_PREFIX_SET || i->kind == GW_INTENT_PREFIX_DEL)
        trace_prefix(n, i);
    if (i->kind == GW_INTENT_STATION_SET || i->kind == GW_INTENT_STATION_DEL)
        trace_station(n, i);

    sim_cats_intent(n->sim, n, i);
    sim_plane_next(n->sim, n);
    if (gw_intent_applied(&n->applied, i, err))
        answer(n,
               &(struct gw_input){.kind = GW_IN_PLANE_DONE,
                                  .plane = {.tag = i->tag, .result = n->applied.err}},
               n->plane_ns);
}

static void read_use(struct sim_node *n, const struct gw_prefix *p)
{
    const struct gw_t_prefix *t = gw_native_prefix(n->plane, p);
    uint64_t up = t != NULL ? t->up.last_ns : 0, down = t != NULL ? t->down.last_ns : 0;

    answer(n,
           &(struct gw_input){.kind = GW_IN_USE,
                              .use = {.prefix = *p, .last = {(int64_t)(up > down ? up : down)}}},
           n->use_ns);
}

static void act(struct sim *s, struct sim_node *n, const struct gw_action *a)
{
    if (s->hooks.action != NULL)
        s->hooks.action(s->hooks.user, n, a);
    switch (a->kind) {
    case GW_ACT_SEND_MH:
        say(s, n, a);
        break;
    case GW_ACT_SEND_ND:
        sim_station_nd(s, n->index, &a->nd.src, &a->nd.dst, a->nd.data, a->nd.len);
        break;
    case GW_ACT_INTENT:
        intent(n, &a->intent);
        break;
    case GW_ACT_STORE_PUT:
        (void)gw_store_put(n->store, a->store.key, a->store.key_len, a->store.value,
                           a->store.value_len);
        break;
    case GW_ACT_STORE_DEL:
        (void)gw_store_del(n->store, a->store.key, a->store.key_len);
        break;
    case GW_ACT_USE:
        read_use(n, &a->use);
        break;
    case GW_ACT_SEND_STAMP:
        sim_core_stamp(s, n->index, a);
        break;
    case GW_ACT_TRACE:
        answer(n,
               &(struct gw_input){.kind = GW_IN_TRACE,
                                  .trace = {.question = a->trace,
                                            .seen = gw_native_trace(n->plane, &a->trace.want)}},
               n->use_ns);
        break;
    case GW_ACT_TRANSFER:      /* no instance here gives anything away */
    case GW_ACT_PARAM_PROBLEM: /* to whoever sent it, who counts it at most */
        break;
    }
}

/* A commit has just failed; the store does not try again yet. */
static bool too_early(const struct sim *s, const struct sim_node *n)
{
    struct gw_time retry = gw_store_retry(n->store);

    return retry.ns != GW_NEVER.ns && gw_time_before(sim_node_now(s, n).mono, retry);
}

static void flush(struct sim *s, struct sim_node *n)
{
    if (n->node == NULL || n->committing || gw_store_staged(n->store) == 0)
        return;
    if (too_early(s, n)) {
        release(s, n);
        return;
    }
    n->committing = true;
    if (n->commit_ns == 0)
        commit(s, &n->commit);
    else
        sim_post(s, &n->commit, s->now + n->commit_ns);
}

static void drain_actions(struct sim *s, struct sim_node *n)
{
    struct gw_action a;

    while (gw_node_next_action(n->node, &a))
        act(s, n, &a);
}

void sim_node_drain(struct sim *s, struct sim_node *n)
{
    drain_actions(s, n);
    for (size_t i = 0; i < n->ndone; i++) { /* which may grow */
        struct gw_input in = n->done[i];
        (void)gw_node_input(n->node, &in, sim_node_now(s, n));
        drain_actions(s, n);
    }
    n->ndone = 0;
    flush(s, n);
    arm(s, n);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

static struct sim_input *keep(struct sim_node *n, size_t len)
{
    if (n->nin == INPUTS_MAX)
        return NULL;
    struct sim_input *i = sim_get(&n->sim->pool, sizeof *i + len);
    *i = (struct sim_input){.len = len};
    *n->in_last = i;
    n->in_last = &i->next;
    n->nin++;
    return i;
}

static void keep_input(struct sim_node *n, const struct gw_input *in)
{
    const uint8_t *data = NULL;
    size_t len = 0;

    if (in->kind == GW_IN_MH) {
        data = in->mh.data;
        len = in->mh.len;
    } else if (in->kind == GW_IN_ND) {
        data = in->nd.data;
        len = in->nd.len;
    } else if (in->kind == GW_IN_STAMP) {
        data = in->stamp.data;
        len = in->stamp.len;
    }
    struct sim_input *i = keep(n, len);
    if (i == NULL)
        return;
    i->in = *in;
    if (len > 0)
        memcpy(i->data, data, len);
    if (in->kind == GW_IN_MH)
        i->in.mh.data = i->data;
    else if (in->kind == GW_IN_ND)
        i->in.nd.data = i->data;
    else if (in->kind == GW_IN_STAMP)
        i->in.stamp.data = i->data;
}

static void forget_inputs(struct sim_node *n)
{
    for (struct sim_input *i = n->in; i != NULL; i = n->in) {
        n->in = i->next;
        sim_put(&n->sim->pool, i, sizeof *i + i->len);
    }
    n->in_last = &n->in;
    n->nin = 0;
}

/* A MAAR has taken a station over from another, and the station is there. */
static void handed_over(struct sim *s, const struct sim_node *n)
{
    const struct gw_opt *id = gw_lm_opt(&n->node->in, GW_OPT_MNID);
    const struct sim_station *h = id != NULL ? sim_station_of(s, &id->mnid) : NULL;

    s->tally.handovers += h != NULL && h->at == n->index;
}

static int take(struct sim *s, struct sim_node *n, const struct gw_input *in)
{
    uint64_t before = n->node->lm.count[GW_CNT_HANDOVER];

    int err = gw_node_input(n->node, in, sim_node_now(s, n));
    if (n->index != 0 && n->node->lm.count[GW_CNT_HANDOVER] != before)
        handed_over(s, n);
    return err;
}

int sim_node_input(struct sim *s, struct sim_node *n, const struct gw_input *in)
{
    if (n->node == NULL)
        return GW_ENOENT;
    if (stalled(n) || n->in != NULL) {
        keep_input(n, in);
        return 0;
    }
    int err = take(s, n, in);
    sim_node_drain(s, n);
    return err;
}

struct notice {
    struct sim_event event;
    struct sim_node *node;
    unsigned boot;
    struct gw_input in;
};

static void noticed(struct sim *s, struct sim_event *e)
{
    struct notice *x = (struct notice *)e;

    if (x->boot == x->node->boots)
        (void)sim_node_input(s, x->node, &x->in);
    sim_event_free(s, e);
}

void sim_node_input_at(struct sim *s, struct sim_node *n, const struct gw_input *in, int64_t at)
{
    struct notice *x = sim_get(&s->pool, sizeof *x);

    *x = (struct notice){
        .event = {.fire = noticed, .size = sizeof *x}, .node = n, .boot = n->boots, .in = *in};
    sim_post(s, &x->event, at);
}

void sim_node_operate(struct sim *s, struct sim_node *n, const struct sim_op *op)
{
    if (n->node == NULL)
        return;
    if (!stalled(n) && n->in == NULL) {
        sim_operate(s, n, op);
        sim_node_drain(s, n);
        return;
    }
    struct sim_input *i = keep(n, 0);
    if (i == NULL)
        return;
    i->admin = true;
    i->op = *op;
}

static void reload(struct sim *s, struct sim_node *n)
{
    unsigned next = !n->cfg_now;

    n->stale = true;
    n->cfg[next] = n->cfg[n->cfg_now];
    sim_configure_settings(s, n, next);
    if (n->node != NULL) {
        if (gw_node_reload(n->node, &n->cfg[next], NULL, NULL, sim_node_now(s, n)) != 0)
            return; /* its operator is told, and comes again */
        sim_node_drain(s, n);
    }
    n->stale = false;
    n->cfg_now = next;
}

void sim_node_reload(struct sim *s, struct sim_node *n)
{
    n->stale = true;
    if (n->node == NULL || !stalled(n))
        reload(s, n);
}

/* What has waited. */
static void feed(struct sim *s, struct sim_node *n)
{
    if (n->stale && !stalled(n))
        reload(s, n);
    while (n->in != NULL && !stalled(n)) {
        struct sim_input *i = n->in;
        n->in = i->next;
        if (n->in == NULL)
            n->in_last = &n->in;
        n->nin--;
        if (i->admin)
            sim_operate(s, n, &i->op);
        else
            (void)take(s, n, &i->in);
        sim_put(&s->pool, i, sizeof *i + i->len);
        sim_node_drain(s, n);
    }
    if (!stalled(n))
        arm(s, n);
}

void sim_node_pause(struct sim *s, struct sim_node *n, bool paused)
{
    n->paused = paused;
    if (n->node != NULL && !paused)
        feed(s, n);
}

/* -- life and death -----------------------------------------------------------------------------
 */

static int restore(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct sim_node *n = user;
    struct gw_input in = {.kind = GW_IN_RESTORE,
                          .restore = {key, value, .key_len = key_len, .value_len = value_len}};

    (void)gw_node_input(n->node, &in, sim_node_now(n->sim, n));
    if (*(const char *)key == 'O') /* it goes on with what its operator has ordered */
        sim_ledger_revoked(n->sim, n, NULL);
    return 0;
}

static void make_plane(struct sim *s, struct sim_node *n)
{
    bool steers = sim_is(n, GW_ROLES_STEERING);
    bool clients = steers && !sim_is(n, GW_ROLES_ACCESS); /* that do not move */
    struct gw_native_if ifs[] = {{SIM_IF_ACCESS, 1500, clients ? GW_T_CLIENT : GW_T_ACCESS},
                                 {SIM_IF_CORE, 1500, GW_T_CORE},
                                 {SIM_IF_ACCESS2, 1500, GW_T_ACCESS}};
    struct gw_native_conf c = {.addr = n->cfg[0].addr,
                               .nifs = n->cfg[0].nifs,
                               .ifs = ifs,
                               .stations = s->nstations + 16,
                               .prefixes = 8 * s->nstations + 64,
                               .peers = s->nnodes,
                               .flows = !steers                      ? 0
                                        : n->cfg[0].limits.flows > 0 ? n->cfg[0].limits.flows
                                                                     : 65536,
                               .seed = s->sched->seed + n->index};

    if (n->plane != NULL) {
        gw_native_restart(n->plane);
        return;
    }
    n->plane = gw_native_new(&c, &sim_plane_ops, n, &s->pool.al);
    if (n->plane == NULL)
        abort();
}

static void prepare(struct sim *s, struct sim_node *n)
{
    n->sim = s;
    n->al = (struct gw_alloc){resize, n};
    n->disk = sim_disk_new(&s->pool);
    n->in_last = &n->in;
    n->out_last = &n->out;
    n->deadline.fire = deadline;
    n->commit.fire = commit;
    n->clock = (struct sim_clock){
        .from = s->now, .mono = SIM_BOOT_MONO, .wall = SIM_WALL_START + s->now - SIM_BOOT_MONO};
}

/* As the daemon does: the flows that the packet path has of before. */
static void say_flows(struct sim *s, struct sim_node *n)
{
    const struct gw_native_serve *serve = gw_native_services(n->plane);
    const struct gw_t_flow_key *key;
    const struct gw_t_flow *f;

    for (size_t it = 0; (f = gw_ns_next_flow(serve, GW_NS_FLOWS, &it, &key)) != NULL;) {
        const struct gw_t_cs_key *of;
        const struct gw_t_cs *cs = gw_ns_service(serve, f->cs, &of);
        if (cs == NULL)
            continue;
        struct gw_flow_info i = gw_show_flow(of, cs->affinity, key, f);
        struct gw_input in = {.kind = GW_IN_FLOW,
                              .flow = {.service = i.service, .flow = i.flow, .csci_id = i.csci_id}};
        (void)gw_node_input(n->node, &in, sim_node_now(s, n));
        drain_actions(s, n);
    }
}

bool sim_node_boot(struct sim *s, struct sim_node *n)
{
    struct gw_store_why why;
    const void *disk;

    if (n->disk == NULL)
        prepare(s, n);
    disk = n->disk;
    n->boots++;
    n->alloc_fails = 0;
    n->paused = n->committing = false;
    if (n->stale)
        reload(s, n);
    if (gw_store_open(&sim_disk_ops, disk, &s->pool.al, &n->store, &why) != 0)
        abort();
    make_plane(s, n);
    /* Another one at each start, as a process has. */
    uint64_t seed = s->sched->seed * 31 + n->index + ((uint64_t)(n->boots - 1) << 32);
    n->node = gw_node_new(&n->cfg[n->cfg_now], &n->al, NULL, seed, sim_node_now(s, n));
    if (n->node == NULL) {
        gw_store_close(n->store);
        n->store = NULL;
        return false;
    }
    (void)gw_store_load(n->store, restore, n, &why);
    sim_trace(s, "%s starts", n->name);
    (void)gw_node_input(n->node, &(struct gw_input){.kind = GW_IN_START}, sim_node_now(s, n));
    sim_node_drain(s, n);
    if (n->boots > 1 && n->cfg[n->cfg_now].handover.on)
        say_flows(s, n);
    if (n->boots > 1 && (n == s->cmd || n == s->lma))
        sim_ledger_check(s, n);
    return true;
}

void sim_node_crash(struct sim *s, struct sim_node *n, bool power)
{
    if (n->node != NULL) {
        gw_node_free(n->node);
        n->node = NULL;
        if (n->live > 0)
            sim_fail(s, "nothing-leaks", "%s has not freed %zu allocations", n->name, n->live);
        gw_store_close(n->store);
        n->store = NULL;
    }
    forget_inputs(n);
    silence(n);
    n->ndone = 0;
    n->paused = n->committing = false;
    sim_cancel(s, &n->deadline);
    sim_cancel(s, &n->commit);
    if (!power)
        return;
    sim_disk_power(n->disk);
    sim_ledger_power(s, n);
    sim_cats_power(s, n);
    if (n->plane != NULL)
        gw_native_free(n->plane);
    n->plane = NULL;
    int64_t wall = sim_node_now(s, n).wall_ns;
    n->clock.from = s->now;
    n->clock.mono = SIM_BOOT_MONO;
    n->clock.wall = wall - SIM_BOOT_MONO;
}

void sim_node_free(struct sim *s, struct sim_node *n)
{
    sim_node_crash(s, n, false);
    sim_cancel(s, &n->restart);
    if (n->plane != NULL)
        gw_native_free(n->plane);
    if (n->disk != NULL)
        sim_disk_free(n->disk);
    free(n->done);
    free(n->peers);
    free(n->pools);
    free(n->rows[0]);
    free(n->rows[1]);
}

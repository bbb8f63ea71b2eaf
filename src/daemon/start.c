/* start.c: the order in which a node comes and goes. What tells a second daemon of the same node
 * (control socket, store) comes before what would disturb a running one (packet path, sockets);
 * the node's inputs come last: every record of the store, then the start.
 */
#include "daemon/daemon.h"
#include "daemon/transfer.h"
#include "sys/clock.h"
#include "sys/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define SECOND_MS   1000
#define GRACE_MS    2000
#define GRACE_TRIES 40

static int fail(struct gwd *d, enum gw_log_cat cat, const char *id, int err, const char *what,
                const char *why)
{
    gw_log(&d->logger.log, GW_LOG_ERROR, cat, id, "%s: %s", what, why);
    return err;
}

/* Does somebody else have it for good? A daemon that was just killed takes a moment to be gone,
 * and whoever starts it again does not always wait for that. */
static bool still_taken(int err, unsigned *tries)
{
    if (err != GW_EEXIST || ++*tries > GRACE_TRIES)
        return false;
    uv_sleep(GRACE_MS / GRACE_TRIES);
    return true;
}

static int open_control(struct gwd *d)
{
    const char *path = d->conf->daemon.control_socket;
    unsigned tries = 0;
    int err;
    do
        err = gwd_control_open(&d->control, &d->loop, path, 0660, gwd_request, d);
    while (still_taken(err, &tries));
    if (err == GW_EEXIST)
        return fail(d, GW_CAT_NODE, "control-in-use", err, path,
                    "another daemon answers there (or it is no socket)");
    if (err == GW_EINVAL)
        return fail(d, GW_CAT_NODE, "control-failed", err, path, "too long for a socket's name");
    if (err < 0)
        return fail(d, GW_CAT_NODE, "control-failed", err, path, strerror(errno));
    return 0;
}

static int open_store(struct gwd *d)
{
    const char *dir = d->conf->daemon.state_dir;
    struct gw_store_why why;
    unsigned tries = 0;
    int err;
    do
        err = gw_store_open(&gw_store_lmdb, dir, &gw_alloc_libc, &d->store, &why);
    while (still_taken(err, &tries));
    return err < 0 ? fail(d, GW_CAT_STORE, "store-failed", err, "state directory", why.text) : 0;
}

static int find_interfaces(struct gwd *d)
{
    d->ifs = calloc(d->conf->nifs, sizeof *d->ifs);
    if (d->ifs == NULL)
        return GW_ENOMEM;
    for (size_t i = 0; i < d->conf->nifs; i++) {
        const struct gw_cfg_if *cfg = &d->conf->ifs[i];
        struct gwd_if *ifc = &d->ifs[i];
        *ifc = (struct gwd_if){.side = cfg->side,
                               .ifindex = if_nametoindex(cfg->name),
                               .index = (uint32_t)i,
                               .nd.fd = -1,
                               .daemon = d};
        if (ifc->ifindex == 0)
            return fail(d, GW_CAT_NODE, "no-interface", GW_ENOENT, cfg->name, strerror(errno));
        snprintf(ifc->name, sizeof ifc->name, "%s", cfg->name);
        d->nifs = i + 1;
    }
    return 0;
}

static int set_sysctl(struct gwd *d, const char *ifname, const char *key, const char *value)
{
    char what[96];
    snprintf(what, sizeof what, "net.ipv6.conf.%s.%s=%s", ifname, key, value);
    if (gw_sysctl_ipv6(ifname, key, value) < 0)
        return fail(d, GW_CAT_NODE, "sysctl-failed", GW_ESYS, what, strerror(errno));
    gw_log(&d->logger.log, GW_LOG_INFO, GW_CAT_NODE, "sysctl", "%s", what);
    return 0;
}

/* A node forwards; and where the daemon speaks ND for many anchors the kernel must be silent. */
static int settle_interfaces(struct gwd *d)
{
    int err = set_sysctl(d, "all", "forwarding", "1");
    for (size_t i = 0; err == 0 && i < d->nifs; i++)
        if (d->ifs[i].side == GW_IF_ACCESS)
            err = set_sysctl(d, d->ifs[i].name, "disable_ipv6", "1");
    return err;
}

static int open_plane(struct gwd *d)
{
    const char *dir = d->conf->daemon.pin_dir;
    int err = gw_bpf_open(&d->bpf, d->conf, d->rebuild ? GW_BPF_REBUILD : 0, &d->logger.log);
    if (err == GW_EVERSION)
        return fail(d, GW_CAT_PLANE, "plane-version", err, dir,
                    "pinned by another version of the packet path, which goes on; start with "
                    "--rebuild to replace it");
    if (err < 0)
        return fail(d, GW_CAT_PLANE, "plane-failed", err, dir, gw_err_name(err));
    d->adopted = gw_bpf_adopted(d->bpf);
    gw_log(&d->logger.log, GW_LOG_NOTICE, GW_CAT_PLANE, d->adopted ? "adopted" : "created",
           "packet path pinned below %s", dir);
    return 0;
}

/* With them, or (n = 0) without; a failure is no reason not to serve. */
static void pool_routes(struct gwd *d, size_t n)
{
    struct gw_prefix *pools = calloc(n + 1, sizeof *pools);
    for (size_t i = 0; pools != NULL && i < n; i++)
        pools[i] = d->conf->pools[i].prefix;
    if (pools == NULL || gw_nl_pool_routes(pools, n) < 0)
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "pool-routes",
               "cannot set the unreachable routes of the pools: %s", strerror(errno));
    free(pools);
}

static int restore_record(void *user, const void *key, size_t key_len, const void *value,
                          size_t value_len)
{
    struct gwd *d = user;
    struct gw_input in = {
        .kind = GW_IN_RESTORE,
        .restore = {.key = key, .value = value, .key_len = key_len, .value_len = value_len}};
    int err = gwd_input(d, &in, gw_clock_now());
    if (err < 0)
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_STORE, "record-refused",
               "a record of %zu octets: %s", value_len, gw_err_name(err));
    return 0;
}

static bool say_flow(void *user, const struct gw_flow_info *f)
{
    struct gw_input in = {.kind = GW_IN_FLOW,
                          .flow = {.service = f->service, .flow = f->flow, .csci_id = f->csci_id}};

    (void)gwd_input(user, &in,
                    gw_clock_now()); /* of a service or client that it has not: refused */
    return true;
}

static int start_node(struct gwd *d)
{
    uint64_t seed;
    struct gw_store_why why;
    struct gw_input start = {.kind = GW_IN_START};
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        return fail(d, GW_CAT_NODE, "no-entropy", GW_ESYS, "getrandom", strerror(errno));
    d->node = gw_node_new(d->conf, &gw_alloc_libc, &d->logger.log, seed, gw_clock_now());
    if (d->node == NULL)
        return fail(d, GW_CAT_NODE, "no-memory", GW_ENOMEM, d->conf->name, "out of memory");
    int err = gw_store_load(d->store, restore_record, d, &why);
    if (err < 0)
        return fail(d, GW_CAT_STORE, "store-failed", err, "state directory", why.text);
    if (gwd_policies_open(d, d->conf) < 0)
        return fail(d, GW_CAT_NODE, "no-ipsec", GW_ESYS, "cannot watch the IPsec policies",
                    strerror(errno));
    gwd_policies_read(d);
    err = gwd_input(d, &start, gw_clock_now());
    if (err == 0 && d->bpf != NULL && d->conf->handover.on &&
        gw_bpf_flows(d->bpf, NULL, say_flow, d) < 0) /* those of before: pinned */
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_PLANE, "flows-unread",
               "the flows of services cannot be read: they are known when they are used");
    gwd_flush(d);
    return err < 0 ? fail(d, GW_CAT_NODE, "start-failed", err, d->conf->name, gw_err_name(err)) : 0;
}

static int or_no_memory(struct gwd *d, enum gw_log_cat cat, int err)
{
    return err == GW_ENOMEM ? fail(d, cat, "no-memory", err, d->conf->name, gw_err_name(err)) : err;
}

static int open_attachment(struct gwd *d)
{
    return or_no_memory(d, GW_CAT_ACCESS, gwd_attach_open(d));
}

static int open_announce(struct gwd *d)
{
    return or_no_memory(d, GW_CAT_PLANE, gwd_announce_open(d));
}

static int open_transfers(struct gwd *d)
{
    return or_no_memory(d, GW_CAT_NODE, gwd_transfers_open(d, &gwd_agent_mover));
}

/* An instance that was stopped when a daemon before this one ended asks what has become of it. */
static bool has_moved(void *user, const struct gwd_transaction *t)
{
    const struct gwd *d = user;
    return gw_node_transfer_moved(d->node, &t->client.addr, &t->service, &t->csci_id);
}

static int open_agent(struct gwd *d)
{
    int err = or_no_memory(d, GW_CAT_NODE, gwd_agent_open(d));
    if (err == 0 && d->agent != NULL)
        gwd_move_on_orphan(d, has_moved, d);
    return err;
}

static void every_second(uv_timer_t *timer)
{
    struct gwd *d = timer->data;
    gw_logger_tick(&d->logger);
    gwd_sync(d);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct gwd *d = handle->data;
    if (signum == SIGHUP)
        gwd_reload(d, NULL);
    else
        uv_stop(&d->loop);
}

static void start_housekeeping(struct gwd *d)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        uv_signal_start(&d->signal[i], on_signal, signals[i]);
    d->serving = true;
    uv_timer_start(&d->second, every_second, SECOND_MS, SECOND_MS);
}

static void init_handles(struct gwd *d)
{
    uv_loop_init(&d->loop);
    uv_prepare_init(&d->loop, &d->prepare);
    uv_check_init(&d->loop, &d->check);
    uv_timer_init(&d->loop, &d->second);
    d->prepare.data = d->check.data = d->second.data = d;
    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&d->loop, &d->signal[i]);
        d->signal[i].data = d;
    }
    d->mh.fd = d->plane.fd = d->netlink.fd = d->deadline.fd = d->xfrm.fd = d->icmp_fd = -1;
    d->reflector.fd = d->prober.fd = -1;
}

/* Last of the start: no thread runs yet, and nothing is opened later that it forbids. A system
 * without seccomp is no reason to serve unprotected without being asked to. */
static int enter_sandbox(struct gwd *d)
{
    const char *what;
    enum gw_sandbox mode = d->conf->daemon.sandbox;
    bool connects = (d->conf->roles & GW_ROLES_CATS) != 0; /* roles stay, instances may come */
    if (mode == GW_SANDBOX_OFF) {
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "sandbox-off",
               "capabilities and system calls are not restricted");
        return 0;
    }
    if (gw_sandbox_enter(mode == GW_SANDBOX_ENFORCE, connects, &what) < 0)
        return fail(d, GW_CAT_NODE, "sandbox-failed", GW_ESYS, what, strerror(errno));
    return 0;
}

int gwd_start(struct gwd *d)
{
    static int (*const steps[])(struct gwd *) = {
        open_control,  open_store,     find_interfaces, settle_interfaces, open_plane, gwd_io_open,
        open_announce, open_transfers, start_node,      open_attachment,   open_agent};
    int err = 0;
    init_handles(d);
    d->started = gw_clock_mono();
    for (size_t i = 0; err == 0 && i < sizeof steps / sizeof *steps; i++)
        err = steps[i](d);
    if (err < 0)
        return err;
    pool_routes(d, d->conf->npools);
    gwd_links_refresh(d);
    err = enter_sandbox(d);
    if (err < 0)
        return err;
    start_housekeeping(d);
    gw_log(&d->logger.log, GW_LOG_NOTICE, GW_CAT_NODE, "started", "%s, from %s", d->conf->name,
           d->conf_path);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Lets a sync under way end, and every handle close. */
static void close_loop(struct gwd *d)
{
    uv_walk(&d->loop, close_handle, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
}

static void stop_node(struct gwd *d)
{
    struct gw_input stop = {.kind = GW_IN_STOP};
    gwd_input(d, &stop, gw_clock_now());
    gwd_batch_end(d);
    gw_log(&d->logger.log, GW_LOG_NOTICE, GW_CAT_NODE, "stopped", "%s; the packet path %s",
           d->conf->name,
           d->conf->daemon.on_stop == GW_STOP_LEAVE ? "stays at work" : "is removed");
}

void gwd_stop(struct gwd *d)
{
    struct gw_store_why why;
    enum gw_on_stop on_stop = d->conf->daemon.on_stop;
    bool failed = !uv_is_active((const uv_handle_t *)&d->second);
    if (!failed)
        stop_node(d);
    else if (d->bpf != NULL) /* a failed start leaves what it has found, and nothing else */
        on_stop = d->adopted ? GW_STOP_LEAVE : GW_STOP_REMOVE;
    gwd_control_close(&d->control);
    gwd_attach_close(d);
    gwd_agent_close(d);
    gwd_announce_close(d, on_stop == GW_STOP_REMOVE && !failed);
    gwd_policies_close(d);
    gwd_io_close(d);
    close_loop(d);
    if (on_stop == GW_STOP_REMOVE && !failed)
        pool_routes(d, 0);
    gw_bpf_close(d->bpf, on_stop);
    if (d->store != NULL && gw_store_sync(d->store, &why) < 0)
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_STORE, "sync-failed", "%s", why.text);
    gw_store_close(d->store);
    gw_node_free(d->node);
    gwd_attach_free(d);
    gwd_agent_free(d);
    gwd_announce_free(d);
    gwd_transfers_free(d);
    free(d->ifs);
    gwd_driver_free(d);
}

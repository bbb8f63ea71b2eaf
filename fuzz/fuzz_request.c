/* fuzz_request.c: requests on the control socket, from the octets of a line to the answer, as the
 * daemon has them (src/daemon/control.c, request.c, operate.c, steer.c), about a real node under
 * the daemon's own driver. The first two octets say what node it is (node_world.h), then each line
 * is a request, or time passes: "+", 100 s for each octet.
 *
 * Sockets, the clock and the parts of the daemon that read files are stand-ins below; the packet
 * path is the native one.
 */
#include "daemon/daemon.h"
#include "node_world.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 64, PLUSES = 40 };

static struct gw_cfg_service web = {.name = "web",
                                    .key = {{{0x20, 1, 0xd, 0xb8, [15] = 1}}, 6, 80}};
/* What stands for the system has no argument for it; one thread. */
static struct fz_world *world;

/* -- the system and the rest of the daemon ------------------------------------------------------
 */

struct gw_now gw_clock_now(void)
{
    return world->now;
}

struct gw_time gw_clock_mono(void)
{
    return world->now.mono;
}

int gw_mh_send(int fd, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len)
{
    (void)fd;
    (void)addrs;
    (void)data;
    fz_demand(len <= GW_MH_MAX);
    return 0;
}

int gw_bpf_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    (void)b;
    return gw_native_apply(world->plane, in);
}

int gw_bpf_usage(const struct gw_bpf *b, const struct gw_prefix *prefix, struct gw_bpf_usage *out)
{
    (void)b;
    *out = (struct gw_bpf_usage){.up_packets = 1, .last_up = GW_SEC(1)};
    return gw_native_prefix(world->plane, prefix) != NULL ? 0 : GW_ENOENT;
}

struct gw_trace_seen gw_bpf_trace(const struct gw_bpf *b, const struct gw_trace_want *want)
{
    (void)b;
    return gw_native_trace(world->plane, want);
}

void gw_bpf_counters(const struct gw_bpf *b, struct gw_emit *e)
{
    (void)b;
    (void)e;
}

int gw_bpf_peer_mtu(const struct gw_bpf *b, const struct gw_addr *peer)
{
    (void)b;
    return peer->b[15];
}

/* One of each, of the service that begin() configures. */
int gw_bpf_flows(const struct gw_bpf *b, const struct gw_service_key *service,
                 bool (*each)(void *user, const struct gw_flow_info *f), void *user)
{
    (void)b;
    (void)service;
    const struct gw_flow_info f = {.service = web.key, .begun = GW_SEC(1), .last = GW_SEC(1)};
    return each(user, &f) ? 1 : 0;
}

int gw_bpf_services(const struct gw_bpf *b,
                    bool (*each)(void *user, const struct gw_service_info *s), void *user)
{
    (void)b;
    const struct gw_service_info s = {.service = web.key};
    return each(user, &s) ? 1 : 0;
}

int gw_bpf_instances(const struct gw_bpf *b,
                     bool (*each)(void *user, const struct gw_instance_info *i), void *user)
{
    (void)b;
    const struct gw_instance_info i = {.service = web.key, .here = true};
    return each(user, &i) ? 1 : 0;
}

int gw_bpf_why(const struct gw_bpf *b, const struct gw_addr *cs_id, const struct gw_flow_id *flow,
               struct gw_time now, uint64_t random, struct gw_why *out)
{
    (void)b;
    (void)now;
    (void)random;
    if (!gw_addr_eq(cs_id, &web.key.cs_id) || flow->dport == 1)
        return GW_ENOENT;
    out->service.service = web.key;
    out->bound = flow->sport != 0;
    out->n = flow->proto % GW_STEER_CANDIDATES;
    return 0;
}

void gwd_agent_describe(const struct gwd *d, const struct gw_addr *csci_id, json_t *row)
{
    (void)d;
    (void)csci_id;
    (void)row;
}

json_t *gwd_agent_drain(struct gwd *d, const char *cmd, const char *name)
{
    (void)d;
    return gwd_answer_error("%s %s", cmd, name);
}

const char *gw_bpf_hook(const struct gw_bpf *b, uint32_t iface)
{
    (void)b;
    (void)iface;
    return "tc";
}

void gwd_attach_show(const struct gwd *d, struct gw_emit *e)
{
    (void)d;
    (void)e;
}

void gwd_accounting_count(const struct gwd *d, struct gw_emit *e)
{
    (void)d;
    (void)e;
}

int gwd_reload(struct gwd *d, json_t **problems)
{
    (void)d;
    *problems = json_array();
    return GW_EFORMAT;
}

/* ---- */

static void begin(struct gwd *d)
{
    static struct gwd_if ifs[2];

    *d = (struct gwd){.conf = &world->cfg[0],
                      .conf_path = "",
                      .node = world->node,
                      .store = world->store,
                      .icmp_fd = -1,
                      .nifs = 2,
                      .ifs = ifs};
    world->cfg[0].services = &web;
    world->cfg[0].nservices = 1;
    for (uint32_t i = 0; i < d->nifs; i++) {
        const struct gw_cfg_if *c = &world->cfg[0].ifs[i];
        ifs[i] = (struct gwd_if){.side = c->side, .index = i, .nd.fd = -1};
        (void)snprintf(ifs[i].name, sizeof ifs[i].name, "%s", c->name);
    }
}

/* An answer is one line of JSON that says whether it worked, and why not. */
static void ask(const struct gwd_control *c, const uint8_t *line, size_t len)
{
    struct gwd_asker who = {0};
    json_t *answer = gwd_control_answer(c, &who, (const char *)line, len);
    const json_t *ok = json_object_get(answer, "ok");

    fz_demand(json_is_boolean(ok));
    fz_demand(json_is_true(ok) || json_is_string(json_object_get(answer, "error")));
    char *text = json_dumps(answer, JSON_COMPACT);
    fz_demand(text != NULL && strchr(text, '\n') == NULL);
    free(text);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_rd r = gw_rd_make(data, size);
    uint8_t variant = gw_rd_u8(&r);
    struct gwd d;

    world = fz_new(variant, gw_rd_u8(&r));
    begin(&d);
    const struct gwd_control c = {.handle = gwd_request, .user = &d};
    for (unsigned i = 0; i < LINES && gw_rd_left(&r) > 0; i++) {
        const uint8_t *line = data + (size - gw_rd_left(&r));
        const uint8_t *end = memchr(line, '\n', gw_rd_left(&r));
        size_t len = end != NULL ? (size_t)(end - line) : gw_rd_left(&r);
        (void)gw_rd_take(&r, len + (end != NULL));
        if (len > 0 && *line == '+')
            fz_advance(world, GW_SEC(len < PLUSES ? 100 * (int64_t)len : 0).ns);
        else if (len < GWD_CONTROL_REQUEST_MAX)
            ask(&c, line, len);
        gwd_flush(&d);
    }
    gwd_driver_free(&d);
    fz_free(world);
    return 0;
}

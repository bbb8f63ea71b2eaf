/* path_tool.c: the loader on a string: opens the packet path in the current network namespace and
 * takes intents as lines on standard input, so that tests in namespaces need no daemon.
 *
 *   path_tool [-r] ADDRESS PIN-DIR NAME:access|core:auto|tc|xdp ...
 *
 * Lines (answered "ok" or an error's name):
 *   peer ADDR MTU | -peer ADDR | station IF MAC | -station IF MAC
 *   local PREFIX IF MAC DLIF [WATCH] | served PREFIX PEER IF MAC DLIF [WATCH]
 *   moved PREFIX PEER [WATCH] | -prefix PREFIX | sync | hook IF
 *   here CSCI-ID CS-ID VIA (an instance that this node is the egress of)
 *   hold PREFIX up|down PACKETS OCTETS [FROM] | release PREFIX up|down [FROM] | discard (likewise)
 *   mark PREFIX GENERATION [routed | PEER]
 *   counters (one JSON object) | usage PREFIX | mtu ADDR | quit leave|remove
 *   age SECONDS (expire as if they had passed)
 * Events come as lines "station IF MAC NS", "first PREFIX up|down NS" and "marked PREFIX BY
 * GENERATION".
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "sys/plane.h"

enum { MAX_IFS = 8, MAX_WORDS = 10 };

static void on_station(void *user, const struct gw_station_key *key, struct gw_time seen)
{
    char mac[GW_TEXT_MAX];

    (void)user;
    printf("station %u %s %lld\n", key->iface, gw_fmt_lladdr(&key->lladdr, mac),
           (long long)seen.ns);
}

static void on_first(void *user, const struct gw_prefix *prefix, bool uplink, struct gw_time seen)
{
    char text[GW_TEXT_MAX];

    (void)user;
    printf("first %s %s %lld\n", gw_fmt_prefix(prefix, text), uplink ? "up" : "down",
           (long long)seen.ns);
}

static void on_mark(void *user, const struct gw_marked *m)
{
    char prefix[GW_TEXT_MAX], by[GW_TEXT_MAX];

    (void)user;
    printf("marked %s %s %u\n", gw_fmt_prefix(&m->prefix, prefix), gw_fmt_addr(&m->by, by),
           m->generation);
}

static void log_line(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                     const char *text)
{
    (void)user;
    (void)cat;
    fprintf(stderr, "%s %s: %s\n", gw_log_level_name(level), id, text);
}

static void emit_num(void *user, const char *key, int64_t value)
{
    bool *first = user;

    printf("%s\"%s\": %lld", *first ? "" : ", ", key, (long long)value);
    *first = false;
}

static int counters(const struct gw_bpf *b)
{
    static const struct gw_emit_ops ops = {.num = emit_num};
    bool first = true;
    struct gw_emit e = {.ops = &ops, .user = &first};

    printf("{");
    gw_bpf_counters(b, &e);
    printf("}\n");
    return GW_OK;
}

static int usage(const struct gw_bpf *b, const struct gw_prefix *prefix)
{
    struct gw_bpf_usage u;
    int rc = gw_bpf_usage(b, prefix, &u);

    if (rc == GW_OK)
        printf("{\"up\": %llu, \"down\": %llu, \"last_up\": %lld, \"last_down\": %lld}\n",
               (unsigned long long)u.up_packets, (unsigned long long)u.down_packets,
               (long long)u.last_up.ns, (long long)u.last_down.ns);
    return rc;
}

static int mtu_of(const struct gw_bpf *b, const struct gw_addr *peer)
{
    int mtu = gw_bpf_peer_mtu(b, peer);

    if (mtu < 0)
        return mtu;
    printf("%d\n", mtu);
    return GW_OK;
}

static struct gw_time clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return gw_time_add(GW_SEC(ts.tv_sec), (struct gw_time){ts.tv_nsec});
}

static bool has_word(char **w, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (strcmp(w[i], what) == 0)
            return true;
    return false;
}

static int station_of(char **w, int n, struct gw_station_key *out)
{
    if (n < 2)
        return GW_EINVAL;
    out->iface = (uint32_t)strtoul(w[0], NULL, 10);
    return gw_parse_lladdr(w[1], &out->lladdr);
}

/* w: the words behind the kind. */
static int prefix_intent(enum gw_prefix_kind kind, char **w, int n, struct gw_intent *in)
{
    int at = kind == GW_PFX_LOCAL ? 1 : 2, rc;

    *in = (struct gw_intent){.kind = GW_INTENT_PREFIX_SET, .prefix = {.kind = kind}};
    if (n < (kind == GW_PFX_MOVED ? 2 : at + 3))
        return GW_EINVAL;
    in->prefix.watch_up = has_word(w, n, "up");
    in->prefix.watch_down = has_word(w, n, "down");
    rc = gw_parse_prefix(w[0], &in->prefix.prefix);
    if (rc == GW_OK && kind != GW_PFX_LOCAL)
        rc = gw_parse_addr(w[1], &in->prefix.peer);
    if (rc == GW_OK && kind != GW_PFX_MOVED)
        rc = station_of(w + at, n - at, &in->prefix.station);
    if (rc == GW_OK && kind != GW_PFX_MOVED)
        rc = gw_parse_lladdr(w[at + 2], &in->prefix.dlif);
    return rc;
}

static int instance_intent(char **w, int n, struct gw_intent *in)
{
    *in = (struct gw_intent){.kind = GW_INTENT_INSTANCE_SET,
                             .instance = {.here = true, .delivery = GW_DELIVERY_DIRECT}};
    if (n < 3)
        return GW_EINVAL;
    int rc = gw_parse_addr(w[0], &in->instance.csci_id);
    if (rc == GW_OK)
        rc = gw_parse_addr(w[1], &in->instance.service.cs_id);
    return rc == GW_OK ? gw_parse_addr(w[2], &in->instance.via) : rc;
}

static int hold_intent(char **w, int n, struct gw_intent *in)
{
    bool set = strcmp(w[0], "hold") == 0;
    int from = set ? 5 : 3;

    *in = (struct gw_intent){.kind = set ? GW_INTENT_HOLD_SET : GW_INTENT_HOLD_DEL,
                             .hold = {.drop = strcmp(w[0], "discard") == 0}};
    if (n < from)
        return GW_EINVAL;
    in->hold.up = strcmp(w[2], "up") == 0;
    in->hold.packets = set ? (uint32_t)strtoul(w[3], NULL, 10) : 0;
    in->hold.octets = set ? (uint32_t)strtoul(w[4], NULL, 10) : 0;
    int rc = gw_parse_prefix(w[1], &in->hold.prefix);
    return rc == GW_OK && n > from ? gw_parse_addr(w[from], &in->hold.from) : rc;
}

static int mark_intent(char **w, int n, struct gw_intent *in)
{
    *in = (struct gw_intent){.kind = GW_INTENT_MARK};
    if (n < 2)
        return GW_EINVAL;
    in->mark.generation = (uint32_t)strtoul(w[1], NULL, 10);
    int rc = gw_parse_prefix(w[0], &in->mark.prefix);
    if (rc != GW_OK || n < 3)
        return rc;
    in->mark.way = strcmp(w[2], "routed") == 0 ? GW_MARK_ROUTED : GW_MARK_TUNNEL;
    return in->mark.way == GW_MARK_TUNNEL ? gw_parse_addr(w[2], &in->mark.to) : GW_OK;
}

static int intent_of(char **w, int n, struct gw_intent *in)
{
    const char *cmd = w[0];

    *in = (struct gw_intent){.kind = GW_INTENT_SYNC};
    if (strcmp(cmd, "sync") == 0)
        return GW_OK;
    if (n < 2)
        return GW_EINVAL;
    if (strcmp(cmd, "peer") == 0 || strcmp(cmd, "-peer") == 0) {
        in->kind = cmd[0] == '-' ? GW_INTENT_PEER_DEL : GW_INTENT_PEER_SET;
        in->peer.mtu = (uint16_t)(n > 2 ? strtoul(w[2], NULL, 10) : 0);
        return gw_parse_addr(w[1], &in->peer.addr);
    }
    if (strcmp(cmd, "station") == 0 || strcmp(cmd, "-station") == 0) {
        in->kind = cmd[0] == '-' ? GW_INTENT_STATION_DEL : GW_INTENT_STATION_SET;
        return station_of(w + 1, n - 1, &in->station.key);
    }
    if (strcmp(cmd, "-prefix") == 0) {
        in->kind = GW_INTENT_PREFIX_DEL;
        return gw_parse_prefix(w[1], &in->prefix.prefix);
    }
    if (strcmp(cmd, "hold") == 0 || strcmp(cmd, "release") == 0 || strcmp(cmd, "discard") == 0)
        return hold_intent(w, n, in);
    if (strcmp(cmd, "mark") == 0)
        return mark_intent(w + 1, n - 1, in);
    if (strcmp(cmd, "here") == 0)
        return instance_intent(w + 1, n - 1, in);
    if (strcmp(cmd, "local") == 0)
        return prefix_intent(GW_PFX_LOCAL, w + 1, n - 1, in);
    if (strcmp(cmd, "served") == 0)
        return prefix_intent(GW_PFX_SERVED, w + 1, n - 1, in);
    return strcmp(cmd, "moved") == 0 ? prefix_intent(GW_PFX_MOVED, w + 1, n - 1, in) : GW_EINVAL;
}

static int run(struct gw_bpf *b, char **w, int n)
{
    struct gw_prefix prefix;
    struct gw_addr addr;
    struct gw_intent in;

    if (strcmp(w[0], "counters") == 0)
        return counters(b);
    if (strcmp(w[0], "hook") == 0 && n > 1)
        return puts(gw_bpf_hook(b, (uint32_t)strtoul(w[1], NULL, 10))) < 0 ? GW_ESYS : GW_OK;
    if (strcmp(w[0], "usage") == 0 && n > 1)
        return gw_parse_prefix(w[1], &prefix) ? GW_EFORMAT : usage(b, &prefix);
    if (strcmp(w[0], "mtu") == 0 && n > 1)
        return gw_parse_addr(w[1], &addr) ? GW_EFORMAT : mtu_of(b, &addr);
    if (strcmp(w[0], "age") == 0 && n > 1)
        return gw_bpf_expire(b, gw_time_add(clock_now(), GW_SEC(strtol(w[1], NULL, 10))));
    int rc = intent_of(w, n, &in);
    return rc ? rc : gw_bpf_apply(b, &in);
}

static int split(char *line, char **w)
{
    int n = 0;

    for (char *p = strtok(line, " \n"); p && n < MAX_WORDS; p = strtok(NULL, " \n"))
        w[n++] = p;
    return n;
}

/* Until "quit" or the end of input, which leaves all at work like a killed daemon. */
static void serve(struct gw_bpf *b)
{
    static const struct gw_bpf_ops ops = {
        .new_station = on_station, .first_packet = on_first, .marked = on_mark};
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = gw_bpf_fd(b), .events = POLLIN}};
    char line[1024], *w[MAX_WORDS];

    while (poll(fds, 2, 10) >= 0) {
        if (fds[1].revents)
            gw_bpf_dispatch(b, &ops, NULL, clock_now());
        if (!gw_time_before(clock_now(), gw_bpf_deadline(b)))
            gw_bpf_expire(b, clock_now());
        if (!fds[0].revents)
            continue;
        if (!fgets(line, sizeof line, stdin))
            break;
        int n = split(line, w);
        if (n > 0 && strcmp(w[0], "quit") == 0) {
            gw_bpf_close(b, n > 1 && strcmp(w[1], "remove") == 0 ? GW_STOP_REMOVE : GW_STOP_LEAVE);
            puts("ok");
            return;
        }
        int rc = n > 0 ? run(b, w, n) : GW_EINVAL;
        puts(rc ? gw_err_name(rc) : "ok");
    }
    gw_bpf_close(b, GW_STOP_LEAVE);
}

static int interface_of(char *text, struct gw_cfg_if *out)
{
    char *name = strtok(text, ":"), *side = strtok(NULL, ":"), *hook = strtok(NULL, ":");

    if (!name || !side || !hook)
        return GW_EINVAL;
    *out = (struct gw_cfg_if){.name = name,
                              .side = strcmp(side, "access") == 0 ? GW_IF_ACCESS : GW_IF_CORE,
                              .hook = strcmp(hook, "xdp") == 0  ? GW_HOOK_XDP
                                      : strcmp(hook, "tc") == 0 ? GW_HOOK_TC
                                                                : GW_HOOK_AUTO};
    return GW_OK;
}

int main(int argc, char **argv)
{
    struct gw_cfg_if ifs[MAX_IFS];
    struct gw_config c = {.ifs = ifs,
                          .limits = {.stations = 100, .bindings = 100, .previous_maars = 2},
                          .handover = {.on = true}};
    const struct gw_log log = {.write = log_line};
    unsigned flags = argc > 1 && strcmp(argv[1], "-r") == 0 ? GW_BPF_REBUILD : 0;
    struct gw_bpf *b;

    argv += flags != 0;
    argc -= flags != 0;
    if (argc < 3 || argc - 3 > MAX_IFS || gw_parse_addr(argv[1], &c.addr))
        return 2;
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    c.daemon.pin_dir = argv[2];
    for (int i = 3; i < argc; i++)
        if (interface_of(argv[i], &ifs[c.nifs++]))
            return 2;
    int rc = gw_bpf_open(&b, &c, flags, &log);
    puts(rc ? gw_err_name(rc) : "ok");
    if (rc)
        return 1;
    serve(b);
    return 0;
}

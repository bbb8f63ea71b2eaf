/* plane_hold.c: who keeps back packets of clients that move, for the programs in the kernel (src/
 * plane/hold.h says when, keeper.h how much), and who sends the markers that end a path.
 *
 * The programs redirect what is to be kept to a TAP device. Its other end is read here, into the
 * queue of its hold; on release it is written back, and a program on that device takes it for what
 * came in on its first interface. A write returns when the packet has been sent, so that `back`
 * tells the programs the truth. GSO packets come in as segments: the kernel has cut them up.
 *
 * Nothing is held for ever. The device goes with the process, and programs hold nothing for a
 * process that does not say that it lives; the next one begins without holds. Frames that did not
 * get here (the device's queue was full) would keep a released hold waiting: what has been missing
 * for some time is given up, and counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "plane/keeper.h"
#include "plane/mark.h"
#include "sys/plane_impl.h"

enum { FRAME_MAX = 65600, MAC = 6, FRAMES_AT_ONCE = 512, DEVICE_QUEUE = 8192, DEVICE_MTU = 65521 };
static const struct gw_time alive_every = {500000000}, look_every = {20000000};

struct gw_bpf_keeper {
    struct gw_keeper k;
    int fd;
    uint32_t ifindex;
    struct gw_t_hold *of;             /* the map, by id */
    struct gw_t_keeper *self;         /* the map */
    struct gw_time alive_at, look_at; /* next; GW_NEVER */
    uint32_t released;                /* holds that wait for their last frames */
    uint8_t frame[FRAME_MAX];
};

/* -- the device ---------------------------------------------------------------------------------
 */

static int set_device(int s, struct ifreq *req)
{
    req->ifr_mtu = DEVICE_MTU;
    if (ioctl(s, SIOCSIFMTU, req) != 0)
        return -1;
    req->ifr_qlen = DEVICE_QUEUE;
    if (ioctl(s, SIOCSIFTXQLEN, req) != 0)
        return -1;
    if (ioctl(s, SIOCGIFFLAGS, req) != 0)
        return -1;
    req->ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, req);
}

static int open_device(struct gw_bpf *b, struct gw_bpf_keeper *w)
{
    struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(req.ifr_name, sizeof req.ifr_name, "gw-hold%%d");
    w->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int rc = s < 0 || w->fd < 0 ? -1 : ioctl(w->fd, TUNSETIFF, &req);
    if (rc == 0)
        rc = set_device(s, &req);
    if (s >= 0)
        close(s);
    if (rc != 0)
        return gw_bpf_fail(b, "a TAP device to keep packets back");
    w->ifindex = if_nametoindex(req.ifr_name);
    return w->ifindex != 0 ? GW_OK : gw_bpf_fail(b, req.ifr_name);
}

static void *map_of(const struct bpf_map *m, size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

    return at != MAP_FAILED ? at : NULL;
}

/* Holds of a process that is gone. */
static void forget_holds(const struct gw_bpf *b)
{
    int fd = bpf_map__fd(b->skel->maps.holds);
    struct gw_t_hold_key key;

    while (bpf_map_get_next_key(fd, NULL, &key) == 0 && bpf_map_delete_elem(fd, &key) == 0)
        continue;
}

static int open_maps(struct gw_bpf *b, struct gw_bpf_keeper *w)
{
    struct gw_t_iface entry = {.side = GW_T_KEEPER, .mtu = DEVICE_MTU};

    w->of = map_of(b->skel->maps.hold_of, GW_HOLDS_MAX * sizeof *w->of);
    w->self = map_of(b->skel->maps.keeper, sizeof *w->self);
    if (w->of == NULL || w->self == NULL)
        return gw_bpf_fail(b, "mapping the tables of holds");
    w->self->ifindex = w->ifindex;
    if (bpf_map_update_elem(bpf_map__fd(b->skel->maps.ifaces), &w->ifindex, &entry, BPF_ANY))
        return gw_bpf_fail(b, "the table of interfaces");
    struct gw_bpf_if device = {.ifindex = w->ifindex};
    snprintf(device.name, sizeof device.name, "gw-hold");
    return gw_bpf_attach_tc(b, &device);
}

int gw_bpf_keeper_open(struct gw_bpf *b)
{
    forget_holds(b);
    b->holds_used = 0;
    if (!b->keeps)
        return GW_OK;
    struct gw_bpf_keeper *w = calloc(1, sizeof *w);
    if (w == NULL)
        return GW_ENOMEM;
    b->keeper = w;
    w->fd = -1;
    w->alive_at = w->look_at = GW_NEVER;
    gw_keeper_init(&w->k, &gw_alloc_libc, b->generation);
    int rc = open_device(b, w);
    return rc == GW_OK ? open_maps(b, w) : rc;
}

void gw_bpf_keeper_close(struct gw_bpf *b)
{
    struct gw_bpf_keeper *w = b->keeper;

    if (w == NULL)
        return;
    if (w->self != NULL) {
        w->self->alive_ns = 0;
        munmap(w->self, sizeof *w->self);
    }
    if (w->of != NULL)
        munmap(w->of, GW_HOLDS_MAX * sizeof *w->of);
    if (w->fd >= 0)
        close(w->fd);
    gw_keeper_free(&w->k);
    free(w);
    b->keeper = NULL;
}

int gw_bpf_keeper_fd(const struct gw_bpf *b)
{
    return b->keeper != NULL ? b->keeper->fd : -1;
}

uint32_t gw_bpf_keeper_device(const struct gw_bpf *b)
{
    return b->keeper != NULL ? b->keeper->ifindex : 0;
}

/* -- packets ------------------------------------------------------------------------------------
 */

static void put_address(uint8_t *mac, uint8_t what, uint32_t word)
{
    mac[0] = what;
    mac[1] = 0;
    for (int i = 0; i < 4; i++)
        mac[2 + i] = (uint8_t)(word >> (24 - 8 * i));
}

/* Through the packet path again. */
static void send_again(const struct gw_bpf *b, uint8_t *frame, size_t len, uint32_t ifindex)
{
    put_address(frame, GW_KEPT_BACK, ifindex);
    if (write(b->keeper->fd, frame, len) < 0)
        gw_bpf_add_counter(b, GW_R_KEPT_LOST);
}

static uint32_t in_flight(const struct gw_t_hold *s)
{
    return __atomic_load_n(&s->kept, __ATOMIC_ACQUIRE) - s->back;
}

static void passed(struct gw_t_hold *s)
{
    __atomic_store_n(&s->back, s->back + 1, __ATOMIC_RELEASE);
}

/* All that is kept: on, or, where the hold discards, nowhere. */
static void flush(struct gw_bpf *b, struct gw_keeper_hold *h)
{
    struct gw_kept *p;

    while ((p = gw_keeper_take(&b->keeper->k, h)) != NULL) {
        if (!h->discards)
            send_again(b, p->data, p->len, p->ifindex);
        passed(&b->keeper->of[h->id]);
        gw_keeper_done(&b->keeper->k, p);
    }
}

/* A frame of a hold: behind the others, or on if that is released. */
static void take_in(struct gw_bpf *b, uint8_t *frame, size_t len)
{
    struct gw_bpf_keeper *w = b->keeper;
    uint32_t id =
        (uint32_t)frame[2] << 24 | (uint32_t)frame[3] << 16 | (uint32_t)frame[4] << 8 | frame[5];
    struct gw_keeper_hold *h = gw_keeper_by_id(&w->k, id);
    struct gw_kept of = {.frames = 1};

    if (frame[1] >= b->nifs)
        return;
    of.ifindex = b->ifs[frame[1]].ifindex;
    if (h == NULL) { /* its hold has just gone */
        send_again(b, frame, len, of.ifindex);
        return;
    }
    if (!gw_keeper_push(&w->k, h, frame, len, &of))
        passed(&w->of[id]);
    if (h->released)
        flush(b, h);
}

/* true: there may be more. */
static bool read_frames(struct gw_bpf *b, unsigned most)
{
    struct gw_bpf_keeper *w = b->keeper;

    for (unsigned i = 0; i < most; i++) {
        ssize_t len = read(w->fd, w->frame, sizeof w->frame);
        if (len < 0)
            return false;
        if (len > 2 * MAC && w->frame[0] == GW_KEPT) /* else the kernel's own, of link scope */
            take_in(b, w->frame, (size_t)len);
    }
    return true;
}

void gw_bpf_keeper_dispatch(struct gw_bpf *b)
{
    if (b->keeper != NULL)
        read_frames(b, FRAMES_AT_ONCE);
}

/* -- holds --------------------------------------------------------------------------------------
 */

static struct gw_time now_mono(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return gw_time_add(GW_SEC(ts.tv_sec), (struct gw_time){ts.tv_nsec});
}

static void say_alive(struct gw_bpf_keeper *w, struct gw_time now)
{
    __atomic_store_n(&w->self->alive_ns, (uint64_t)now.ns, __ATOMIC_RELEASE);
    w->alive_at = gw_time_add(now, alive_every);
}

static int hold_set(struct gw_bpf *b, const struct gw_t_hold_key *key,
                    const struct gw_intent_hold *in)
{
    struct gw_bpf_keeper *w = b->keeper;
    bool fresh;
    struct gw_keeper_hold *h = gw_keeper_get(&w->k, key);

    w->released -= h != NULL && h->released;
    h = gw_keeper_set(&w->k, key, in, &fresh);
    if (h == NULL)
        return GW_EFULL;
    if (!fresh) {
        __atomic_store_n(&w->of[h->id].state, GW_T_HOLD_KEEPS, __ATOMIC_RELEASE);
        return GW_OK;
    }
    w->of[h->id] = (struct gw_t_hold){.state = GW_T_HOLD_KEEPS};
    say_alive(w, now_mono());
    if (bpf_map_update_elem(bpf_map__fd(b->skel->maps.holds), key, &h->id, BPF_ANY) != 0) {
        gw_keeper_del(&w->k, h);
        return gw_bpf_fail(b, "the table of holds");
    }
    b->holds_used++;
    return b->holds_used == 1 ? gw_bpf_set_used(b) : GW_OK;
}

static int gone(struct gw_bpf *b, struct gw_keeper_hold *h)
{
    struct gw_bpf_keeper *w = b->keeper;

    bpf_map_delete_elem(bpf_map__fd(b->skel->maps.holds), &h->key);
    w->released--;
    gw_keeper_del(&w->k, h);
    b->holds_used--;
    if (b->holds_used > 0)
        return GW_OK;
    w->alive_at = GW_NEVER;
    return gw_bpf_set_used(b);
}

/* The entry stays for a moment: programs that have just read the old state count by it. */
static void release(struct gw_bpf *b, struct gw_keeper_hold *h, bool drop)
{
    struct gw_bpf_keeper *w = b->keeper;

    if (h->released)
        return;
    h->released = true;
    h->discards = drop;
    w->released++;
    __atomic_store_n(&w->of[h->id].state, GW_T_HOLD_RELEASED, __ATOMIC_RELEASE);
    flush(b, h);
    read_frames(b, FRAMES_AT_ONCE);
    if (w->look_at.ns == GW_NEVER.ns)
        w->look_at = gw_time_add(now_mono(), look_every);
}

/* Holds that are over go; frames that have not come since the last look do not come any more. */
static void look(struct gw_bpf *b, struct gw_time now)
{
    struct gw_bpf_keeper *w = b->keeper;
    struct gw_keeper_hold *h;

    bool more = read_frames(b, FRAMES_AT_ONCE);
    for (size_t it = 0; (h = gw_table_next(&w->k.holds, &it)) != NULL;) {
        if (!h->released)
            continue;
        struct gw_t_hold *s = &w->of[h->id];
        uint32_t missing = in_flight(s);
        if ((int32_t)missing <= 0) {
            gone(b, h);
        } else if (!more && missing == h->state.kept && h->state.back++ > 0) {
            gw_bpf_add_counters(b, GW_R_KEPT_LOST, missing);
            __atomic_store_n(&s->back, s->back + missing, __ATOMIC_RELEASE);
        } else if (missing != h->state.kept) {
            h->state = (struct gw_t_hold){.kept = missing};
        }
    }
    w->look_at = w->released > 0 ? gw_time_add(now, look_every) : GW_NEVER;
}

struct gw_time gw_bpf_keeper_deadline(const struct gw_bpf *b)
{
    const struct gw_bpf_keeper *w = b->keeper;

    if (w == NULL)
        return GW_NEVER;
    return gw_time_before(w->look_at, w->alive_at) ? w->look_at : w->alive_at;
}

void gw_bpf_keeper_expire(struct gw_bpf *b, struct gw_time now)
{
    struct gw_bpf_keeper *w = b->keeper;

    if (w == NULL)
        return;
    if (!gw_time_before(now, w->look_at))
        look(b, now);
    if (!gw_time_before(now, w->alive_at))
        say_alive(w, now);
}

const struct gw_keeper_count *gw_bpf_keeper_count(const struct gw_bpf *b)
{
    return b->keeper != NULL ? &b->keeper->k.count : NULL;
}

int gw_bpf_hold_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_t_hold_key key;
    int rc = b->keeper != NULL ? gw_keeper_key(&in->hold, &key) : GW_EINVAL;

    if (rc != GW_OK)
        return rc;
    if (in->kind == GW_INTENT_HOLD_SET)
        return hold_set(b, &key, &in->hold);
    struct gw_keeper_hold *h = gw_keeper_get(&b->keeper->k, &key);
    if (h != NULL)
        release(b, h, in->hold.drop);
    return GW_OK;
}

/* -- markers ------------------------------------------------------------------------------------
 */

/* To a station here: through the packet path, as if it had come from the core. */
static int mark_here(const struct gw_bpf *b, const uint8_t *packet, size_t len)
{
    uint8_t frame[2 * MAC + 2 + GW_MARK_MAX] = {0};

    for (size_t i = 0; b->keeper != NULL && i < b->nifs; i++) {
        if (b->ifs[i].side != GW_T_CORE)
            continue;
        frame[2 * MAC] = 0x86;
        frame[2 * MAC + 1] = 0xdd;
        memcpy(frame + 2 * MAC + 2, packet, len);
        send_again(b, frame, 2 * MAC + 2 + len, b->ifs[i].ifindex);
        return GW_OK;
    }
    return GW_EINVAL;
}

int gw_bpf_mark(const struct gw_bpf *b, const struct gw_intent_mark *in)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    uint8_t packet[GW_MARK_MAX];
    struct gw_t_prefix_key key;
    struct gw_t_prefix x;

    if (in->prefix.len != 64)
        return GW_EINVAL;
    gw_entry_prefix_key(&in->prefix, &key);
    uint64_t upper = gw_t_key64(&key.addr);
    bool known = bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.prefixes64), &upper, &x) == 0;
    struct gw_mark_path path = gw_mark_path(in, known ? &x : NULL);
    size_t len = gw_mark_packet(in, &b->addr, &path, packet);
    gw_bpf_add_counter(b, GW_R_MARKED);
    if (path.here)
        return mark_here(b, packet, len);
    memcpy(&to.sin6_addr, packet + 24, sizeof to.sin6_addr);
    if (sendto(b->raw_fd, packet, len, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)len)
        return GW_OK;
    return gw_bpf_fail(b, "sending a marker");
}

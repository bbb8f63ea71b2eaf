/* plane_attach.c: the programs on interfaces. Every interface gets the tc form, the complete one;
 * where XDP is wanted it comes in front of it and leaves to tc what it cannot do (bpf/xdp.h).
 *
 * `auto` means XDP where a driver stands behind the interface, tc alone on virtual ones (veth,
 * bridge, tun), where packets are large GSO ones and XDP would cut them up. XDP is native only:
 * the generic form is slower than tc.
 *
 * tc: a clsact filter with a fixed handle and priority, so that a new process replaces it
 * atomically; it outlives us by itself, tcx would not before Linux 6.6. XDP: a pinned link, its
 * program replaced atomically.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "sys/plane_impl.h"

enum { TC_HANDLE = 1, TC_PRIORITY = 0x6777 };

/* libbpf says aloud what is an ordinary answer here: there is a clsact already, or no filter. */
static libbpf_print_fn_t hush(void)
{
    return libbpf_set_print(NULL);
}

int gw_bpf_attach_tc(const struct gw_bpf *b, const struct gw_bpf_if *i)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)i->ifindex, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
                .prog_fd = bpf_program__fd(b->skel->progs.gw_tc), .flags = BPF_TC_F_REPLACE);

    libbpf_print_fn_t loud = hush();
    int rc = bpf_tc_hook_create(&hook);
    libbpf_set_print(loud);
    if (rc && rc != -EEXIST) {
        errno = -rc;
        return gw_bpf_fail(b, i->name);
    }
    rc = bpf_tc_attach(&hook, &opts);
    errno = -rc;
    return rc ? gw_bpf_fail(b, i->name) : GW_OK;
}

void gw_bpf_detach_tc(uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

    libbpf_print_fn_t loud = hush();
    bpf_tc_detach(&hook, &opts); /* the interface may be gone, and that is fine */
    libbpf_set_print(loud);
}

void gw_bpf_detach_xdp(const struct gw_bpf *b, const char *ifname)
{
    char path[4096];

    gw_bpf_pin_path(b, "xdp-", ifname, sizeof path, path);
    unlink(path); /* the last reference: the kernel detaches */
}

/* The pinned link, if it still is on this interface. */
static int pinned_link(const char *path, uint32_t ifindex)
{
    struct bpf_link_info info = {0};
    uint32_t len = sizeof info;
    int fd = bpf_obj_get(path);

    if (fd < 0)
        return -1;
    if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.xdp.ifindex == ifindex)
        return fd;
    close(fd);
    unlink(path);
    return -1;
}

static int attach_xdp(const struct gw_bpf *b, const struct gw_bpf_if *i)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
    int prog = bpf_program__fd(b->skel->progs.gw_xdp), rc = 0;
    char path[4096];

    gw_bpf_pin_path(b, "xdp-", i->name, sizeof path, path);
    int fd = pinned_link(path, i->ifindex);
    if (fd >= 0) {
        rc = bpf_link_update(fd, prog, NULL);
    } else {
        fd = bpf_link_create(prog, (int)i->ifindex, BPF_XDP, &opts);
        rc = fd < 0 ? -1 : bpf_obj_pin(fd, path);
    }
    if (fd >= 0)
        close(fd);
    return rc ? GW_ESYS : GW_OK;
}

int gw_bpf_attach(struct gw_bpf *b, struct gw_bpf_if *i)
{
    if (gw_bpf_attach_tc(b, i))
        return GW_ESYS;
    if (!i->want_xdp) {
        gw_bpf_detach_xdp(b, i->name);
        return GW_OK;
    }
    i->xdp = attach_xdp(b, i) == GW_OK;
    if (!i->xdp && i->must_xdp)
        return gw_bpf_fail(b, i->name);
    return GW_OK;
}

/* netlink.c: see netlink.h. A bridge's forwarding entries come as neighbours of family AF_BRIDGE
 * with the port as interface and the bridge as master. A deleted entry has state STALE when it
 * was aged and REACHABLE when it was removed with its port's carrier; an aged one says nothing
 * about its station, which may just be silent.
 */
#include "sys/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_PER_DISPATCH 64
#define RECEIVE_BUFFER     (2 << 20)
#define BUFFER_SIZE        32768 /* the kernel's largest dump message */

static int link_attr(const struct nlattr *attr, void *user)
{
    bool *carrier = user;
    if (mnl_attr_get_type(attr) == IFLA_CARRIER && mnl_attr_get_payload_len(attr) >= 1)
        *carrier = mnl_attr_get_u8(attr) != 0;
    return MNL_CB_OK;
}

static void parse_link(const struct nlmsghdr *nlh, gw_nl_fn *fn, void *user)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    bool carrier = (ifi->ifi_flags & IFF_LOWER_UP) != 0;
    struct gw_nl_event ev = {.kind = GW_NL_LINK_GONE, .ifindex = (unsigned)ifi->ifi_index};
    if (ifi->ifi_family == AF_BRIDGE)
        return; /* a port's bridge settings, not its carrier */
    mnl_attr_parse(nlh, sizeof *ifi, link_attr, &carrier);
    if (nlh->nlmsg_type == RTM_NEWLINK)
        ev.kind = carrier && (ifi->ifi_flags & IFF_UP) ? GW_NL_CARRIER_UP : GW_NL_CARRIER_DOWN;
    fn(user, &ev);
}

/* Does the message speak of a station? Sets the kind. */
static bool judge_neigh(const struct ndmsg *ndm, bool deleted, enum gw_nl_kind *kind)
{
    const unsigned valid = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
    if (ndm->ndm_state & (NUD_PERMANENT | NUD_NOARP))
        return false;
    *kind = deleted ? GW_NL_STATION_GONE : GW_NL_STATION;
    if (deleted)
        return ndm->ndm_family == AF_BRIDGE && (ndm->ndm_state & NUD_REACHABLE);
    return (ndm->ndm_state & valid) != 0;
}

static int neigh_attr(const struct nlattr *attr, void *user)
{
    struct gw_nl_event *ev = user;
    uint16_t len = mnl_attr_get_payload_len(attr);
    if (mnl_attr_get_type(attr) == NDA_MASTER && len >= 4)
        ev->master = mnl_attr_get_u32(attr);
    if (mnl_attr_get_type(attr) == NDA_LLADDR && (len == 6 || len == 8)) {
        ev->lladdr.len = (uint8_t)len;
        memcpy(ev->lladdr.b, mnl_attr_get_payload(attr), len);
    }
    return MNL_CB_OK;
}

static void parse_neigh(const struct nlmsghdr *nlh, gw_nl_fn *fn, void *user)
{
    const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
    struct gw_nl_event ev = {.ifindex = (unsigned)ndm->ndm_ifindex};
    if (ndm->ndm_family != AF_BRIDGE && ndm->ndm_family != AF_INET6)
        return;
    if (!judge_neigh(ndm, nlh->nlmsg_type == RTM_DELNEIGH, &ev.kind))
        return;
    mnl_attr_parse(nlh, sizeof *ndm, neigh_attr, &ev);
    if (ev.lladdr.len > 0 && !(ev.lladdr.b[0] & 1))
        fn(user, &ev);
}

static bool holds(const struct nlmsghdr *nlh, size_t payload)
{
    return mnl_nlmsg_get_payload_len(nlh) >= payload;
}

static int parse_error(const struct nlmsghdr *nlh)
{
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
    if (!holds(nlh, sizeof *e) || e->error == 0)
        return 0;
    errno = -e->error;
    return GW_ESYS;
}

int gw_nl_parse(const void *data, size_t len, gw_nl_fn *fn, void *user)
{
    int left = (int)len, err = 0;
    const struct nlmsghdr *nlh = data;
    for (; err == 0 && mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
        switch (nlh->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            if (holds(nlh, sizeof(struct ifinfomsg)))
                parse_link(nlh, fn, user);
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            if (holds(nlh, sizeof(struct ndmsg)))
                parse_neigh(nlh, fn, user);
            break;
        case NLMSG_ERROR:
            err = parse_error(nlh);
            break;
        default:
            break;
        }
    }
    return err;
}

int gw_nl_listen(int bus, unsigned groups)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, bus), size = 0;
    struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (fd < 0)
        return GW_ESYS;
    size = RECEIVE_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(fd, (const struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return GW_ESYS;
}

int gw_nl_open(void)
{
    return gw_nl_listen(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_NEIGH);
}

int gw_nl_dispatch(int fd, gw_nl_fn *fn, void *user)
{
    _Alignas(struct nlmsghdr) char buf[BUFFER_SIZE];
    for (int i = 0; i < READS_PER_DISPATCH; i++) {
        struct sockaddr_nl from = {0};
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS)
            return GW_ESHORT;
        if (n < 0)
            return errno == EAGAIN ? 0 : GW_ESYS;
        if (from.nl_pid == 0) /* any process may send to us; only the kernel is believed */
            gw_nl_parse(buf, (size_t)n, fn, user);
    }
    return 0;
}

int gw_nl_transact(int bus, struct nlmsghdr *nlh,
                   int (*each)(const struct nlmsghdr *nlh, void *user), void *user)
{
    char buf[BUFFER_SIZE];
    int rc = MNL_CB_ERROR;
    struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
    if (nl == NULL)
        return GW_ESYS;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0)
        rc = MNL_CB_OK;
    while (rc > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof buf);
        rc = n > 0 ? mnl_cb_run(buf, (size_t)n, 0, 0, each, user) : MNL_CB_ERROR;
    }
    int saved = errno;
    mnl_socket_close(nl);
    errno = saved;
    return rc < 0 ? GW_ESYS : 0;
}

struct listener {
    gw_nl_fn *fn;
    void *user;
};

static int each_link(const struct nlmsghdr *nlh, void *user)
{
    const struct listener *l = user;
    gw_nl_parse(nlh, nlh->nlmsg_len, l->fn, l->user);
    return MNL_CB_OK;
}

int gw_nl_links(gw_nl_fn *fn, void *user)
{
    _Alignas(struct nlmsghdr) char buf[256];
    struct listener listener = {fn, user};
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = RTM_GETLINK;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    return gw_nl_transact(NETLINK_ROUTE, nlh, each_link, &listener);
}

/* Two kinds of routes that are ours, of type unreachable. */
struct kind {
    uint8_t protocol;
    uint32_t metric;
};
static const struct kind of_pools = {GW_NL_RTPROT,
                                     0xfffffffe}; /* whatever else is there goes first */
static const struct kind of_services = {GW_NL_RTPROT_SERVICES, 1024};

static int set_route(const struct kind *k, const struct gw_prefix *to, bool add)
{
    _Alignas(struct nlmsghdr) char buf[256];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    if (add)
        nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);
    *rtm = (struct rtmsg){.rtm_family = AF_INET6,
                          .rtm_dst_len = to->len,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = k->protocol,
                          .rtm_type = RTN_UNREACHABLE};
    mnl_attr_put(nlh, RTA_DST, sizeof to->addr.b, to->addr.b);
    mnl_attr_put_u32(nlh, RTA_PRIORITY, k->metric);
    int err = gw_nl_transact(NETLINK_ROUTE, nlh, NULL, NULL);
    return err < 0 && ((add && errno == EEXIST) || (!add && errno == ESRCH)) ? 0 : err;
}

struct stale {
    const struct kind *kind;
    const struct gw_prefix *wanted;
    size_t nwanted, nfound;
    struct gw_prefix found[64]; /* more are found by the next start */
};

static int destination(const struct nlattr *attr, void *user)
{
    struct gw_prefix *p = user;
    if (mnl_attr_get_type(attr) == RTA_DST && mnl_attr_get_payload_len(attr) == sizeof p->addr.b)
        memcpy(p->addr.b, mnl_attr_get_payload(attr), sizeof p->addr.b);
    return MNL_CB_OK;
}

static int each_route(const struct nlmsghdr *nlh, void *user)
{
    struct stale *s = user;
    const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
    if (nlh->nlmsg_type != RTM_NEWROUTE || !holds(nlh, sizeof *rtm) ||
        rtm->rtm_protocol != s->kind->protocol || rtm->rtm_type != RTN_UNREACHABLE ||
        s->nfound == sizeof s->found / sizeof *s->found)
        return MNL_CB_OK;
    struct gw_prefix p = {.len = rtm->rtm_dst_len};
    mnl_attr_parse(nlh, sizeof *rtm, destination, &p);
    for (size_t i = 0; i < s->nwanted; i++)
        if (gw_prefix_eq(&p, &s->wanted[i]))
            return MNL_CB_OK;
    s->found[s->nfound++] = p;
    return MNL_CB_OK;
}

static int remove_others(const struct kind *k, const struct gw_prefix *wanted, size_t n)
{
    _Alignas(struct nlmsghdr) char buf[256];
    struct stale stale = {.kind = k, .wanted = wanted, .nwanted = n};
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = RTM_GETROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);
    rtm->rtm_family = AF_INET6;
    int err = gw_nl_transact(NETLINK_ROUTE, nlh, each_route, &stale);
    for (size_t i = 0; err == 0 && i < stale.nfound; i++)
        err = set_route(k, &stale.found[i], false);
    return err;
}

static int set_routes(const struct kind *k, const struct gw_prefix *wanted, size_t n, bool only)
{
    int err = only ? remove_others(k, wanted, n) : 0;
    for (size_t i = 0; err == 0 && i < n; i++)
        err = set_route(k, &wanted[i], true);
    return err;
}

int gw_nl_pool_routes(const struct gw_prefix *pools, size_t n)
{
    return set_routes(&of_pools, pools, n, true);
}

int gw_nl_service_routes(const struct gw_prefix *list, size_t n, bool only)
{
    return set_routes(&of_services, list, n, only);
}

int gw_sysctl_ipv6(const char *ifname, const char *key, const char *value)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", ifname, key);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return GW_ESYS;
    ssize_t n = write(fd, value, strlen(value));
    int saved = errno;
    close(fd);
    errno = saved;
    return n < 0 ? GW_ESYS : 0;
}

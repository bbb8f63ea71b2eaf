/* xfrm.c: see xfrm.h. Policies by mark (other than 0) or by XFRM interface are left out because
 * signalling leaves unmarked and through none; those of a second kind (XFRM_POLICY_TYPE_SUB)
 * because the kernel asks them beside the main ones and not instead.
 */
#include "sys/xfrm.h"

#include "sys/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#define READS_PER_EVENT 1024
#define BUFFER_SIZE     32768
#define GROUP(g)        (1u << ((g)-1))

/* What is said of a policy beside its fixed part. */
struct extras {
    bool foreign; /* never meets what we send */
    bool esp;
};

/* Templates are required one and all, but for those that say they are not. */
static bool asks_esp(const struct nlattr *attr)
{
    const struct xfrm_user_tmpl *t = mnl_attr_get_payload(attr);
    size_t n = mnl_attr_get_payload_len(attr) / sizeof *t;

    for (size_t i = 0; i < n; i++)
        if (t[i].id.proto == IPPROTO_ESP && t[i].mode == XFRM_MODE_TRANSPORT && t[i].optional == 0)
            return true;
    return false;
}

static int policy_attr(const struct nlattr *attr, void *user)
{
    struct extras *x = user;
    const void *payload = mnl_attr_get_payload(attr);
    size_t len = mnl_attr_get_payload_len(attr);

    if (mnl_attr_get_type(attr) == XFRMA_TMPL)
        x->esp = asks_esp(attr);
    else if (mnl_attr_get_type(attr) == XFRMA_IF_ID && len >= sizeof(uint32_t))
        x->foreign |= mnl_attr_get_u32(attr) != 0;
    else if (mnl_attr_get_type(attr) == XFRMA_MARK && len >= sizeof(struct xfrm_mark))
        x->foreign |= ((const struct xfrm_mark *)payload)->v != 0;
    else if (mnl_attr_get_type(attr) == XFRMA_POLICY_TYPE &&
             len >= sizeof(struct xfrm_userpolicy_type))
        x->foreign |= ((const struct xfrm_userpolicy_type *)payload)->type != XFRM_POLICY_TYPE_MAIN;
    return MNL_CB_OK;
}

static struct gw_prefix prefix_of(const xfrm_address_t *a, uint8_t len)
{
    struct gw_addr addr;

    memcpy(addr.b, a->a6, sizeof addr.b);
    return gw_prefix_mask(addr, len > 128 ? 128 : len);
}

static bool read_policy(const struct nlmsghdr *nlh, struct gw_policy *out)
{
    struct xfrm_userpolicy_info info; /* has 64-bit members, netlink's alignment is 4 */
    const struct xfrm_selector *sel = &info.sel;
    struct extras x = {0};

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof info)
        return false;
    memcpy(&info, mnl_nlmsg_get_payload(nlh), sizeof info);
    if (sel->family == AF_INET || info.dir > XFRM_POLICY_OUT)
        return false;
    mnl_attr_parse(nlh, sizeof info, policy_attr, &x);
    if (x.foreign)
        return false;
    *out = (struct gw_policy){
        .dir = info.dir == XFRM_POLICY_OUT ? GW_POLICY_OUT : GW_POLICY_IN,
        .priority = info.priority,
        .src = prefix_of(&sel->saddr, sel->prefixlen_s),
        .dst = prefix_of(&sel->daddr, sel->prefixlen_d),
        .proto = sel->proto,
        /* For a Mobility Header the port is the type of message. */
        .partly = sel->sport_mask != 0 || sel->dport_mask != 0 || sel->ifindex != 0,
        .esp = info.action == XFRM_POLICY_ALLOW && x.esp,
    };
    return true;
}

void gw_xfrm_parse(const void *data, size_t len, gw_xfrm_fn *fn, void *user)
{
    const struct nlmsghdr *nlh = data;
    int left = (int)len;

    for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
        struct gw_policy p;
        if (nlh->nlmsg_type == XFRM_MSG_NEWPOLICY && read_policy(nlh, &p))
            fn(user, &p);
    }
}

int gw_xfrm_open(void)
{
    return gw_nl_listen(NETLINK_XFRM, GROUP(XFRMNLGRP_POLICY) | GROUP(XFRMNLGRP_EXPIRE));
}

static bool says_change(const void *data, size_t len)
{
    const struct nlmsghdr *nlh = data;
    int left = (int)len;

    for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
        if (nlh->nlmsg_type == XFRM_MSG_NEWPOLICY || nlh->nlmsg_type == XFRM_MSG_UPDPOLICY ||
            nlh->nlmsg_type == XFRM_MSG_DELPOLICY || nlh->nlmsg_type == XFRM_MSG_FLUSHPOLICY ||
            nlh->nlmsg_type == XFRM_MSG_POLEXPIRE)
            return true;
    return false;
}

bool gw_xfrm_changed(int fd)
{
    _Alignas(struct nlmsghdr) char buf[BUFFER_SIZE];
    bool changed = false;

    for (int i = 0; i < READS_PER_EVENT; i++) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) /* ENOBUFS: some were lost, who knows which */
            return changed || errno != EAGAIN;
        changed |= says_change(buf, (size_t)n);
    }
    return changed;
}

struct found {
    const struct gw_addr *local;
    struct gw_policy *list;
    size_t n, size;
    int err;
};

static void keep(void *user, const struct gw_policy *p)
{
    struct found *f = user;
    bool out = p->dir == GW_POLICY_OUT;

    if (f->err != 0 || !gw_prefix_contains(out ? &p->src : &p->dst, f->local))
        return;
    if (f->n == f->size) {
        size_t size = f->size > 0 ? 2 * f->size : 64;
        struct gw_policy *list = realloc(f->list, size * sizeof *list);
        if (list == NULL) {
            f->err = GW_ENOMEM;
            return;
        }
        f->list = list;
        f->size = size;
    }
    f->list[f->n++] = *p;
}

static int each_message(const struct nlmsghdr *nlh, void *user)
{
    gw_xfrm_parse(nlh, nlh->nlmsg_len, keep, user);
    return MNL_CB_OK;
}

int gw_xfrm_policies(const struct gw_addr *local, struct gw_policy **list, size_t *n)
{
    _Alignas(struct nlmsghdr) char buf[256];
    struct found f = {.local = local};
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

    nlh->nlmsg_type = XFRM_MSG_GETPOLICY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    mnl_nlmsg_put_extra_header(nlh, sizeof(struct xfrm_userpolicy_id));
    int err = gw_nl_transact(NETLINK_XFRM, nlh, each_message, &f);
    if (err == 0)
        err = f.err;
    if (err != 0) {
        int saved = errno;
        free(f.list);
        errno = saved;
        f.list = NULL;
        f.n = 0;
    }
    *list = f.list;
    *n = f.n;
    return err;
}

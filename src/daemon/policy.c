/* policy.c: the kernel's IPsec policies become an input of the node, at the start, after a reload
 * and whenever they change. Nothing is opened while no peer's signalling is under IPsec.
 *
 * Decisions: what waits in the signalling socket is read before the node hears of new policies: it
 * came while the kernel did not ask for ESP, and is refused like it. When the policies cannot be
 * read there are none.
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/xfrm.h"

#include <errno.h>
#include <stdlib.h>

static bool wanted(const struct gw_config *c)
{
    for (size_t i = 0; i < c->npeers; i++)
        if (c->peers[i].esp)
            return true;
    return false;
}

void gwd_policies_read(struct gwd *d)
{
    struct gw_input in = {.kind = GW_IN_POLICIES};
    struct gw_policy *list;

    if (d->xfrm.fd < 0)
        return;
    gwd_mh_read_all(d);
    if (gw_xfrm_policies(&d->conf->addr, &list, &in.policies.n) < 0)
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "policies-unknown",
               "cannot read the IPsec policies: %s", strerror(errno));
    in.policies.list = list;
    gwd_input(d, &in, gw_clock_now());
    free(list);
}

static void changed(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    (void)events;
    if (gw_xfrm_changed(d->xfrm.fd))
        gwd_policies_read(d);
    gwd_go_on(poll, status, changed);
}

int gwd_policies_open(struct gwd *d, const struct gw_config *c)
{
    if (d->xfrm.fd >= 0 || !wanted(c))
        return 0;
    int fd = gw_xfrm_open();
    return fd < 0 ? fd : gwd_watch(d, &d->xfrm, fd, true, changed, d);
}

void gwd_policies_close(struct gwd *d)
{
    gwd_unwatch(&d->xfrm);
}

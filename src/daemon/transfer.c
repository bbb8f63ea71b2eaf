/* transfer.c: transactions on their way between an instance here and one at another egress: see
 * transfer.h.
 */
#include "daemon/transfer.h"

#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS  100
#define RETRY_MS 200          /* doubles, up to eight times that */
#define AHEAD    (1u << 20)   /* octets taken from the instance and not yet at the other end */
#define NOWHERE  UINT64_MAX   /* the other end has not said yet where it is */
#define TELL     (256u << 10) /* octets between two words of progress to the node */

static struct gwd *daemon_of(const struct gwd_haul *h)
{
    return h->all->daemon;
}

static const struct gwd_mover *mover_of(const struct gwd_haul *h)
{
    return h->all->mover;
}

/* -- the node -----------------------------------------------------------------------------------
 */

static void tell(struct gwd *d, const struct gw_transfer_progress *p)
{
    struct gw_input in = {.kind = GW_IN_TRANSFER, .transfer = *p};

    (void)gwd_input(d, &in, gw_clock_now()); /* nobody waits for it any more: that is fine */
}

static void progress(struct gwd_haul *h, enum gw_transfer_do of, bool done, uint8_t code)
{
    uint64_t moved = h->old ? h->got : h->at;
    struct gw_transfer_progress p = {.ingress = h->what.ingress,
                                     .id = h->what.id,
                                     .of = of,
                                     .done = done,
                                     .code = code,
                                     .size = (uint32_t)(h->old ? h->len : h->at),
                                     .moved = (uint32_t)moved};

    h->told = moved;
    tell(daemon_of(h), &p);
}

static uint8_t code_of(int err, bool old)
{
    if (err == GW_ENOENT)
        return GW_TRANSFER_UNKNOWN;
    if (err == GW_EFULL)
        return GW_TRANSFER_TOO_LARGE;
    if (err == GW_ENOMEM)
        return GW_TRANSFER_RESOURCES;
    return old ? GW_TRANSFER_NO_EXPORT : GW_TRANSFER_NO_IMPORT;
}

/* -- hauls --------------------------------------------------------------------------------------
 */

struct gwd_haul *gwd_haul_find(struct gwd_transfers *x, bool old, const struct gw_addr *ingress,
                               uint64_t id)
{
    for (struct gwd_haul *h = x->hauls; h != NULL; h = h->next)
        /* That h->all is x, from which let_go() takes it, the analyzer cannot know.
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        if (h->old == old && h->what.id == id && gw_addr_eq(&h->what.ingress, ingress))
            return h;
    return NULL;
}

const char *gwd_haul_peer_name(const struct gwd_haul *h)
{
    const struct gw_config *c = daemon_of(h)->conf;
    const struct gw_addr *a = h->old ? &h->what.to_egress : &h->what.from_egress;

    for (size_t i = 0; i < c->npeers; i++)
        if (gw_addr_eq(&c->peers[i].addr, a))
            return c->peers[i].name;
    return gw_addr_eq(&c->addr, a) ? c->name : "";
}

static struct gwd_haul *make(struct gwd_transfers *x, bool old, const struct gw_transfer_what *w)
{
    struct gwd_haul *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    *h = (struct gwd_haul){.all = x, .next = x->hauls, .old = old, .what = *w, .sent = NOWHERE};
    x->hauls = h;
    uv_timer_start(&x->clock, x->clock.timer_cb, TICK_MS, TICK_MS);
    return h;
}

static void let_go(struct gwd_haul *h)
{
    struct gwd_haul **p = &h->all->hauls;

    while (*p != h)
        p = &(*p)->next;
    *p = h->next;
    if (h->link != NULL)
        gwd_link_close(h->link);
    free(h->data);
    free(h);
}

/* The last step is done. */
static void finish(struct gwd_haul *h, uint8_t code)
{
    progress(h, h->step, true, code);
    let_go(h);
}

static struct gwd_transaction transaction_of(const struct gwd_haul *h)
{
    struct gwd_transaction t = {.nflows = h->what.nflows, .flows = h->what.flow};

    t.service = h->what.service;
    t.client = (struct gw_prefix){.addr = h->what.client, .len = GW_NODE_PREFIX_LEN};
    t.csci_id = h->old ? h->what.from : h->what.to;
    return t;
}

/* -- the instance's side ------------------------------------------------------------------------
 */

static void take_more(struct gwd_haul *h)
{
    if (h->move == NULL || h->whole || h->asked || h->len - h->got >= AHEAD)
        return;
    h->asked = true;
    mover_of(h)->more(h->move);
}

static void given(void *user, struct gwd_move *m, const uint8_t *octets, size_t len)
{
    struct gwd_haul *h = user;

    (void)m;
    h->asked = false;
    if (h->len + len > h->size) {
        size_t size = h->size > 0 ? 2 * (h->size + len) : 4 * len;
        uint8_t *data = realloc(h->data, size);
        if (data == NULL) {
            mover_of(h)->abandon(h->move, GW_ENOMEM, "no memory for its state");
            return;
        }
        h->data = data;
        h->size = size;
    }
    memcpy(h->data + h->len, octets, len);
    h->len += len;
    take_more(h);
    gwd_haul_push(h);
}

static void failed(struct gwd_haul *h, int err, const char *why)
{
    struct gwd *d = daemon_of(h);
    bool ends = h->step == GW_TRANSFER_KEEP || h->step == GW_TRANSFER_DISCARD;

    h->move = NULL;
    if (ends) {
        finish(h, GW_TRANSFER_FINE);
        return;
    }
    gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "transfer-instance",
           "the instance's part of a transaction that moves: %s", why);
    if (h->step == GW_TRANSFER_RESUME || h->step == GW_TRANSFER_FORGET)
        finish(h, code_of(err, h->old));
    else
        progress(h, h->step, true, code_of(err, h->old));
}

static void happened(void *user, struct gwd_move *m, enum gwd_move_event e, int err,
                     const char *why)
{
    struct gwd_haul *h = user;

    switch (e) {
    case GWD_MOVE_BLOCK: /* its sockets do that: what comes meanwhile is sent again */
        mover_of(h)->blocked(m);
        break;
    case GWD_MOVE_WHOLE:
        h->whole = true;
        gwd_haul_push(h);
        break;
    case GWD_MOVE_MORE:
        h->feeding = false;
        if (h->link != NULL) {
            gwd_link_say(h->link, &(struct gw_tframe){.type = GW_TFRAME_AT, .octets = h->at});
            gwd_link_go_on(h->link);
        }
        break;
    case GWD_MOVE_READY:
        h->holds = true;
        progress(h, GW_TRANSFER_EXPECT, true, GW_TRANSFER_FINE);
        if (h->link != NULL)
            gwd_link_say(h->link, &(struct gw_tframe){.type = GW_TFRAME_AT, .octets = h->at});
        break;
    case GWD_MOVE_RELEASED:
    case GWD_MOVE_RESUMED:
        h->move = NULL;
        finish(h, GW_TRANSFER_FINE);
        break;
    case GWD_MOVE_FAILED:
        failed(h, err, why);
        break;
    }
}

static struct gwd_move_user user_of(struct gwd_haul *h)
{
    return (struct gwd_move_user){.data = given,
                                  .event = happened,
                                  .user = h,
                                  .most = daemon_of(h)->conf->handover.transfer.octets,
                                  .patience = daemon_of(h)->conf->handover.transfer.most};
}

/* -- the connection's side ----------------------------------------------------------------------
 */

void gwd_haul_up(struct gwd_haul *h)
{
    h->tries = 0;
}

void gwd_haul_push(struct gwd_haul *h)
{
    if (h->link == NULL || h->sent == NOWHERE)
        return;
    while (h->sent < h->len && gwd_link_room(h->link)) {
        size_t left = h->len - h->sent;
        struct gw_tframe f = {.type = GW_TFRAME_DATA};
        f.data.octets = h->data + h->sent;
        f.data.len = left < GW_TFRAME_MOST ? left : GW_TFRAME_MOST;
        h->sent += f.data.len;
        gwd_link_say(h->link, &f);
    }
    if (!h->whole || h->at_end || h->sent < h->len)
        return;
    h->at_end = true;
    gwd_link_say(h->link, &(struct gw_tframe){.type = GW_TFRAME_END, .octets = h->len});
}

void gwd_haul_at(struct gwd_haul *h, uint64_t octets)
{
    if (!h->old || octets > h->len) {
        gwd_link_close(h->link);
        return;
    }
    h->got = octets;
    if (h->sent == NOWHERE)
        h->sent = octets;
    if (h->whole && h->got == h->len && !h->done) {
        h->done = true;
        progress(h, GW_TRANSFER_EXPORT, true, GW_TRANSFER_FINE);
    } else if (h->got >= h->told + TELL) {
        progress(h, GW_TRANSFER_EXPORT, false, GW_TRANSFER_FINE);
    }
    take_more(h);
    gwd_haul_push(h);
}

bool gwd_haul_octets(struct gwd_haul *h, const uint8_t *octets, size_t len)
{
    struct gwd *d = daemon_of(h);

    if (h->move == NULL || h->holds)
        return true; /* it will not be: what is on its way still counts for nothing */
    if (h->at + len > d->conf->handover.transfer.octets) {
        d->count.transfer_too_large++;
        gwd_link_say(h->link,
                     &(struct gw_tframe){.type = GW_TFRAME_NO, .code = GW_TRANSFER_TOO_LARGE});
        progress(h, GW_TRANSFER_EXPECT, true, GW_TRANSFER_TOO_LARGE);
        return true;
    }
    if (mover_of(h)->feed(h->move, octets, len) != 0)
        return true;
    h->feeding = true;
    h->at += len;
    d->count.transfer_octets += len;
    if (h->at >= h->told + TELL)
        progress(h, GW_TRANSFER_EXPECT, false, GW_TRANSFER_FINE);
    return false;
}

void gwd_haul_end(struct gwd_haul *h, uint64_t octets)
{
    if (h->move != NULL && !h->holds && octets == h->at)
        mover_of(h)->end(h->move);
    else if (h->holds)
        gwd_link_say(h->link, &(struct gw_tframe){.type = GW_TFRAME_AT, .octets = h->at});
}

void gwd_haul_refused(struct gwd_haul *h, uint8_t code)
{
    if (h->old && h->step == GW_TRANSFER_EXPORT && code != GW_TRANSFER_UNKNOWN && !h->done)
        progress(h, GW_TRANSFER_EXPORT, true, code);
}

void gwd_haul_cut(struct gwd_haul *h)
{
    h->link = NULL;
    h->at_end = false;
    h->sent = NOWHERE;
    h->retry_ms =
        uv_now(&daemon_of(h)->loop) + ((uint64_t)RETRY_MS << (h->tries < 3 ? h->tries : 3));
    h->tries++;
}

/* -- the node's steps ---------------------------------------------------------------------------
 */

/* Without an agent no instance gives anything away. */
static bool no_agent(struct gwd_haul *h)
{
    if (mover_of(h) == NULL)
        failed(h, GW_EAGAIN, "this node has no agent for it");
    return mover_of(h) == NULL;
}

static void begin_export(struct gwd_haul *h)
{
    struct gwd_transaction t = transaction_of(h);
    struct gwd_move_user u = user_of(h);
    const char *why = "";
    int err = mover_of(h)->export(daemon_of(h), &t, &u, &h->move, &why);

    if (err != 0) {
        failed(h, err, why);
        return;
    }
    take_more(h);
    gwd_link_open(h);
}

static void begin_import(struct gwd_haul *h)
{
    struct gwd_transaction t = transaction_of(h);
    struct gwd_move_user u = user_of(h);
    const char *why = "";
    int err = mover_of(h)->import(daemon_of(h), &t, &u, &h->move, &why);

    if (err != 0)
        failed(h, err, why);
}

static bool is_old(enum gw_transfer_do what)
{
    return what == GW_TRANSFER_EXPORT || what == GW_TRANSFER_FORGET || what == GW_TRANSFER_KEEP;
}

/* Nothing of it is here, as after a restart: what was to be given up has been; what the instance
 * was to go on with is lost. */
static void without(struct gwd *d, const struct gwd_later *s)
{
    tell(d, &(struct gw_transfer_progress){
                .ingress = s->about.ingress,
                .id = s->about.id,
                .of = s->what,
                .done = true,
                .code = s->what == GW_TRANSFER_RESUME ? GW_TRANSFER_NO_IMPORT : GW_TRANSFER_FINE});
}

static void carry_on(struct gwd_haul *h)
{
    switch (h->step) {
    case GW_TRANSFER_EXPORT:
        if (!no_agent(h))
            begin_export(h);
        break;
    case GW_TRANSFER_EXPECT:
        if (!no_agent(h))
            begin_import(h);
        break;
    case GW_TRANSFER_FORGET:
        mover_of(h)->release(h->move);
        break;
    case GW_TRANSFER_RESUME:
        mover_of(h)->resume(h->move);
        break;
    case GW_TRANSFER_KEEP:
    case GW_TRANSFER_DISCARD:
        mover_of(h)->abandon(h->move, GW_EDENIED, "the move was called off");
        break;
    }
}

static void take_step(struct gwd_transfers *x, const struct gwd_later *s)
{
    bool begins = s->what == GW_TRANSFER_EXPORT || s->what == GW_TRANSFER_EXPECT;
    struct gwd_haul *h = gwd_haul_find(x, is_old(s->what), &s->about.ingress, s->about.id);

    if (begins && h == NULL)
        h = make(x, is_old(s->what), &s->about);
    else if (begins)
        return; /* it is under way */
    if (h == NULL) {
        without(x->daemon, s);
        return;
    }
    h->step = s->what;
    if (begins || h->move != NULL)
        carry_on(h);
    else
        finish(h, s->what == GW_TRANSFER_RESUME ? GW_TRANSFER_NO_IMPORT : GW_TRANSFER_FINE);
}

/* What waits for records that are not durable yet is looked at again a moment later. */
static void take_steps(uv_timer_t *timer)
{
    struct gwd_transfers *x = timer->data;

    while (x->later != NULL && x->later->batch <= x->daemon->durable) {
        struct gwd_later *s = x->later;
        x->later = s->next;
        if (x->later == NULL)
            x->later_last = &x->later;
        take_step(x, s);
        free(s);
    }
    if (x->later != NULL)
        uv_timer_start(&x->soon, take_steps, 1, 0);
}

void gwd_transfer_step(struct gwd *d, const struct gw_transfer_step *step)
{
    struct gwd_transfers *x = d->transfers;
    struct gwd_later *s = x != NULL ? malloc(sizeof *s) : NULL;

    if (s == NULL)
        return; /* the node gives up in time */
    *s = (struct gwd_later){.batch = d->batches + (gw_store_staged(d->store) > 0),
                            .what = step->what,
                            .about = *step->about};
    *x->later_last = s;
    x->later_last = &s->next;
    uv_timer_start(&x->soon, take_steps, 0, 0);
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void tick(uv_timer_t *timer)
{
    struct gwd_transfers *x = timer->data;
    uint64_t now = uv_now(&x->daemon->loop);

    gwd_links_tick(x);
    for (struct gwd_haul *h = x->hauls; h != NULL; h = h->next)
        if (h->old && h->step == GW_TRANSFER_EXPORT && h->link == NULL && h->move != NULL &&
            !h->done && now >= h->retry_ms)
            gwd_link_open(h);
    if (x->hauls == NULL && x->links == NULL)
        uv_timer_stop(&x->clock);
}

int gwd_transfers_open(struct gwd *d, const struct gwd_mover *mover)
{
    const struct gw_cfg_handover *h = &d->conf->handover;
    struct gw_tls_why why = {.text = ""};
    struct gwd_transfers *x = calloc(1, sizeof *x);

    if (x == NULL)
        return GW_ENOMEM;
    d->transfers = x;
    x->daemon = d;
    x->mover = mover;
    x->later_last = &x->later;
    uv_timer_init(&d->loop, &x->soon);
    uv_timer_init(&d->loop, &x->clock);
    x->soon.data = x->clock.data = x;
    uv_timer_start(&x->clock, tick, TICK_MS, TICK_MS);
    if (h->transfer.port == 0)
        return 0;
    int err = gw_tls_ctx_new(h->transfer.certificate, h->transfer.key, h->transfer.authority,
                             &x->tls, &why);
    if (err == 0 && (err = gwd_links_listen(x)) != 0)
        (void)snprintf(why.text, sizeof why.text, "port %u: %s", h->transfer.port, strerror(errno));
    if (err != 0)
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "transfers-failed",
               "cannot take transfers: %s", why.text);
    return err;
}

void gwd_transfers_free(struct gwd *d)
{
    struct gwd_transfers *x = d->transfers;

    if (x == NULL)
        return;
    while (x->later != NULL) {
        struct gwd_later *s = x->later;
        x->later = s->next;
        free(s);
    }
    for (struct gwd_haul *h = x->hauls, *next; h != NULL; h = next) {
        next = h->next;
        free(h->data);
        free(h);
    }
    gwd_links_free(x);
    gw_tls_ctx_free(x->tls);
    free(x);
    d->transfers = NULL;
}

/* driver.c: carries out what the node wants, in order: intents at once (their result goes back as
 * an input when the queue of actions is empty, because the views in an action end with the next
 * input), ND at once, records into the batch of the store, Mobility Header messages when the batch
 * lets them (batch.c).
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/nd_socket.h"

#include <errno.h>
#include <stdlib.h>

#define ICMP_RATE  10 /* Parameter Problems per second, RFC 4443 §2.4 f */
#define ICMP_BURST 20

static void send_nd(struct gwd *d, const struct gw_action *act)
{
    if (act->nd.iface >= d->nifs || d->ifs[act->nd.iface].nd.fd < 0) {
        d->count.nd_send_errors++;
        return;
    }
    const struct gwd_if *ifc = &d->ifs[act->nd.iface];
    if (gw_nd_send(ifc->nd.fd, &act->nd.src, &act->nd.dst, act->nd.data, act->nd.len) == 0) {
        d->count.nd_sent++;
        return;
    }
    d->count.nd_send_errors++;
    gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_ACCESS, "nd-send-failed", "on %s: %s", ifc->name,
           strerror(errno));
}

static void note_done(struct gwd *d, const struct gw_input *in)
{
    if (d->ndone == d->done_size) {
        size_t size = d->done_size > 0 ? d->done_size * 2 : 64;
        struct gwd_done *done = realloc(d->done, size * sizeof *done);
        if (done == NULL)
            return; /* the node goes on by its own deadline */
        d->done = done;
        d->done_size = size;
    }
    d->done[d->ndone++] = (struct gwd_done){*in, gw_clock_now()};
}

static void apply(struct gwd *d, const struct gw_intent *in)
{
    int result = gw_bpf_apply(d->bpf, in);
    d->count.intents++;
    gwd_announce_note(d, in);
    if (result < 0) {
        d->count.intent_errors++;
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_PLANE, "intent-failed", "kind %d: %s", in->kind,
               gw_err_name(result));
    }
    if (gw_intent_applied(&d->applied, in, result))
        note_done(d, &(struct gw_input){.kind = GW_IN_PLANE_DONE,
                                        .plane = {.tag = in->tag, .result = d->applied.err}});
}

/* What the path does not know carries nothing. */
static void read_use(struct gwd *d, const struct gw_prefix *p)
{
    struct gw_bpf_usage u = {0};
    (void)gw_bpf_usage(d->bpf, p, &u);
    struct gw_time last = gw_time_before(u.last_up, u.last_down) ? u.last_down : u.last_up;
    note_done(d, &(struct gw_input){.kind = GW_IN_USE, .use = {.prefix = *p, .last = last}});
}

static void read_trace(struct gwd *d, const struct gw_trace_question *q)
{
    note_done(
        d, &(struct gw_input){.kind = GW_IN_TRACE,
                              .trace = {.question = *q, .seen = gw_bpf_trace(d->bpf, &q->want)}});
}

static void send_problem(struct gwd *d, const struct gw_action *act)
{
    uint8_t buf[GW_ICMP_MAX];
    if (!gw_icmp_rate_take(&d->icmp_rate, ICMP_RATE, ICMP_BURST, gw_clock_mono())) {
        d->count.param_problems_limited++;
        return;
    }
    size_t len = gw_icmp_param_problem(&act->problem.addrs, act->problem.pointer, act->problem.data,
                                       act->problem.len, buf);
    if (gw_icmp_send(d->icmp_fd, &act->problem.addrs.dst, buf, len) == 0)
        d->count.param_problems_sent++;
}

static void stage(struct gwd *d, const struct gw_action *act)
{
    int err = act->kind == GW_ACT_STORE_PUT
                  ? gw_store_put(d->store, act->store.key, act->store.key_len, act->store.value,
                                 act->store.value_len)
                  : gw_store_del(d->store, act->store.key, act->store.key_len);
    if (err == 0)
        return;
    d->count.store_errors++;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_STORE, "record-lost", "%s", gw_err_name(err));
}

static void carry_out(struct gwd *d, const struct gw_action *act)
{
    switch (act->kind) {
    case GW_ACT_SEND_MH:
        gwd_send_mh(d, act);
        break;
    case GW_ACT_SEND_ND:
        send_nd(d, act);
        break;
    case GW_ACT_INTENT:
        apply(d, &act->intent);
        break;
    case GW_ACT_STORE_PUT:
    case GW_ACT_STORE_DEL:
        stage(d, act);
        break;
    case GW_ACT_USE:
        read_use(d, &act->use);
        break;
    case GW_ACT_PARAM_PROBLEM:
        send_problem(d, act);
        break;
    case GW_ACT_SEND_STAMP:
        gwd_stamp_send(d, act);
        break;
    case GW_ACT_TRACE:
        read_trace(d, &act->trace);
        break;
    case GW_ACT_TRANSFER:
        gwd_transfer_step(d, &act->transfer);
        break;
    }
}

static void drain(struct gwd *d)
{
    struct gw_action act;
    while (gw_node_next_action(d->node, &act))
        carry_out(d, &act);
}

void gwd_carry_out(struct gwd *d)
{
    drain(d);
    /* Feeding a result may apply further intents, which grow the list. */
    for (size_t i = 0; i < d->ndone; i++) {
        struct gwd_done done = d->done[i];
        gw_node_input(d->node, &done.in, done.at);
        drain(d);
    }
    d->ndone = 0;
}

int gwd_input(struct gwd *d, const struct gw_input *in, struct gw_now now)
{
    int err = gw_node_input(d->node, in, now);
    gwd_carry_out(d);
    return err;
}

void gwd_driver_free(struct gwd *d)
{
    free(d->done);
    free(d->queue.buf);
}

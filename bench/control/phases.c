/* phases.c: see phases.h. Messages are made, and what the node has sent is judged, while no clock
 * runs.
 */
#include "phases.h"

#include <limits.h>
#include <stdlib.h>

#define CHUNK 16384u /* messages made at a time */
#define MOVES 192u   /* handovers under way at a time: fewer than GW_ORDERS_MAX */
/* Between two messages. Answers to what expires come faster than it does. */
#define STEP      ((struct gw_time){5000})
#define STEP_EXP  ((struct gw_time){1000})
#define SCATTER   UINT64_C(2654435761) /* a prime */
#define HANDOVERS 512u                 /* that a node remembers (node.c) */
#define LIFETIME  75u                  /* of 4 s */

struct run {
    const struct domain *d;
    struct drive *x;
    uint32_t n;
    struct gw_time step;
    struct gw_prefix *assigned; /* LMA: by station */
    struct drive_messages out;
    struct gw_mh m;
};

const char *phase_name(enum phase p)
{
    static const char *const names[] = {"initial", "handover", "refresh", "expire"};
    return names[p];
}

static unsigned first_peer(const struct run *r, uint32_t station)
{
    return station % r->d->peers;
}

static unsigned second_peer(const struct run *r, uint32_t station)
{
    return (station + 1) % r->d->peers;
}

/* Of the nth message in r->out. */
static struct gw_now at_message(const struct run *r)
{
    struct gw_now now = drive_now(r->x);
    int64_t later = (int64_t)r->out.count * r->step.ns;

    return (struct gw_now){{now.mono.ns + later}, now.wall_ns + later};
}

static void clear(struct run *r)
{
    r->out.used = r->out.count = 0;
}

static void add_pbu(struct run *r, struct domain_pbu p)
{
    uint8_t buf[GW_MH_MAX];
    struct gw_now now = at_message(r);

    p.lifetime = LIFETIME;
    if (r->d->role == GW_ROLE_LMA)
        p.assigned = r->assigned[p.station];
    if (p.attached_ns == 0)
        p.attached_ns = now.wall_ns;
    size_t len = domain_write_pbu(r->d, &p, now, buf);
    drive_add(&r->out, p.peer, buf, len);
}

static void judge_answer(struct run *r)
{
    const struct gw_opt *hnp = gw_lm_opt(&r->m, GW_OPT_HNP);
    uint32_t station = domain_station_of(&r->m);
    bool good = r->m.ba.status == GW_ST_ACCEPTED && hnp != NULL && station < r->n;

    drive_demand(r->x, good, "a registration was not accepted");
    if (good && r->d->role == GW_ROLE_LMA)
        r->assigned[station] = hnp->prefix;
}

/* Judges all that the node has sent; answers that are due to it are in r->out. The number of PBAs
 * among what it has sent. */
static size_t judge_sent(struct run *r)
{
    size_t at = 0, len, answers = 0;
    const uint8_t *data;
    unsigned peer;

    clear(r);
    while (drive_next(drive_sent(r->x), &at, &peer, &data, &len)) {
        struct gw_mh_addrs addrs = {.src = domain_node(), .dst = domain_peer(peer)};
        struct gw_parse_result res = gw_mh_parse(&gw_mh_codec_default, &addrs, data, len, &r->m);
        uint8_t buf[GW_MH_MAX];
        drive_demand(r->x, peer < r->d->peers && res.code == GW_PARSE_OK,
                     "the node has sent something odd");
        if (r->m.type == GW_MH_BA) {
            judge_answer(r);
            answers++;
            continue;
        }
        len = domain_write_answer(r->d, peer, &r->m, at_message(r), buf);
        drive_add(&r->out, peer, buf, len);
    }
    return answers;
}

/* Feeds what is in r->out, and the answers to what the node says then. */
static size_t feed(struct run *r, struct drive_time *took)
{
    size_t answers = 0;

    while (r->out.count != 0) {
        drive_feed(r->x, &r->out, r->step, took);
        answers += judge_sent(r);
    }
    return answers;
}

/* What is left to be told is told a moment later. */
static size_t feed_rest(struct run *r, struct drive_time *took)
{
    drive_pass(r->x, GW_MSEC(5));
    drive_expire(r->x, took);
    size_t answers = judge_sent(r);
    return answers + feed(r, took);
}

static void done(struct run *r, struct phase_result *res, size_t messages, size_t answers)
{
    drive_demand(r->x, answers == messages, "not every registration was answered");
    drive_demand_clean(r->x);
    drive_demand(r->x, drive_node(r->x)->lm.pending == 0, "somebody still waits for an answer");
    res->done += messages;
}

static void run_initial(struct run *r, struct phase_result *res)
{
    size_t answers = 0;

    for (uint32_t i = 0; i < r->n;) {
        clear(r);
        for (; i < r->n && r->out.count < CHUNK; i++)
            add_pbu(r, (struct domain_pbu){.station = i,
                                           .peer = first_peer(r, i),
                                           .seq = 1,
                                           .hi = GW_HI_NEW_INTERFACE,
                                           .previous = UINT_MAX});
        answers += feed(r, &res->took);
    }
    drive_demand(r->x, drive_node(r->x)->lm.count[GW_CNT_REGISTERED] == r->n, "not all are there");
    done(r, res, r->n, answers);
}

static void run_handover(struct run *r, struct phase_result *res)
{
    size_t answers = 0;

    for (uint32_t i = 0; i < r->n;) {
        clear(r);
        for (; i < r->n && r->out.count < MOVES; i++)
            add_pbu(r, (struct domain_pbu){.station = i,
                                           .peer = second_peer(r, i),
                                           .seq = 2,
                                           .hi = GW_HI_INTER_MAG,
                                           .previous = UINT_MAX});
        answers += feed(r, &res->took);
        answers += feed_rest(r, &res->took);
    }
    drive_demand(r->x, drive_node(r->x)->lm.count[GW_CNT_HANDOVER] == r->n, "not all have moved");
    done(r, res, r->n, answers);
}

/* All stations in an order that no cache or heap knows, none twice within a tick of Timestamps. A
 * MAAR's refresh has the Timestamp of the attachment, an interface that of the message at an LMA.
 * Later than the last is right for both. */
static void run_refresh(struct run *r, struct phase_result *res, size_t refreshes)
{
    size_t answers = 0;
    uint16_t seq = 3;

    for (size_t i = 0; i < refreshes; seq++) {
        clear(r);
        for (; i < refreshes && r->out.count < CHUNK; i++) {
            uint32_t station = (uint32_t)(i * SCATTER % r->n);
            add_pbu(r, (struct domain_pbu){.station = station,
                                           .peer = second_peer(r, station),
                                           .seq = (uint16_t)(seq + i),
                                           .hi = GW_HI_REREGISTRATION,
                                           .previous = first_peer(r, station)});
        }
        answers += feed(r, &res->took);
    }
    done(r, res, refreshes, answers);
}

static size_t bindings(const struct run *r)
{
    const struct gw_node *n = drive_node(r->x);

    return gw_table_count(r->d->role == GW_ROLE_CMD ? &n->cmd.bs.by_mnid : &n->lma.bs.by_mnid);
}

static void expire_all(struct run *r, struct drive_time *took)
{
    r->step = STEP_EXP;
    while (bindings(r) != 0) {
        struct gw_time left = gw_time_sub(gw_node_deadline(drive_node(r->x)), drive_now(r->x).mono);
        if (left.ns > 0)
            drive_pass(r->x, left);
        drive_pass(r->x, GW_MSEC(2));
        drive_expire(r->x, took);
        (void)judge_sent(r);
        (void)feed(r, took);
    }
    r->step = STEP;
}

static void run_expire(struct run *r, struct phase_result *res)
{
    expire_all(r, &res->took);
    drive_demand(r->x, drive_node(r->x)->lm.count[GW_CNT_EXPIRED] == r->n, "not all have expired");
    done(r, res, r->n, r->n);
}

static void visit(struct run *r, unsigned peer)
{
    struct drive_time unused = {0};

    clear(r);
    add_pbu(r, (struct domain_pbu){
                   .peer = peer, .seq = 1, .hi = GW_HI_INTER_MAG, .previous = UINT_MAX});
    (void)feed(r, &unused);
    (void)feed_rest(r, &unused);
    drive_pass(r->x, GW_SEC(1)); /* MAX_UPDATE_RATE */
}

/* What a node holds whether or not there are bindings: of each peer that has spoken, and the last
 * handovers. One station sees to that, and goes. */
static void warm_up(struct run *r)
{
    struct drive_time unused = {0};
    struct gw_prefix any = r->assigned[0];

    for (unsigned i = 0; i < r->d->peers; i++) {
        visit(r, i);
        expire_all(r, &unused);
        r->assigned[0] = any;
    }
    for (unsigned i = 0; i < HANDOVERS; i++)
        visit(r, i % 2);
    expire_all(r, &unused);
    r->assigned[0] = any;
    drive_demand_clean(r->x);
    memset(drive_node(r->x)->lm.count, 0, sizeof drive_node(r->x)->lm.count);
}

void phases_run(const struct domain *d, const char *dir, uint32_t n, size_t refreshes,
                struct phases_result *out)
{
    struct run *r = calloc(1, sizeof *r);

    if (r == NULL)
        abort();
    *r = (struct run){.d = d, .x = drive_new(d, dir), .n = n, .step = STEP};
    r->assigned = calloc(n, sizeof *r->assigned);
    if (r->assigned == NULL)
        abort();
    for (uint32_t i = 0; i < n; i++)
        r->assigned[i].len = 64; /* of all zeros: any */
    warm_up(r);
    size_t empty = drive_memory(r->x)->held;
    run_initial(r, &out->phase[PHASE_INITIAL]);
    run_handover(r, &out->phase[PHASE_HANDOVER]);
    out->held = drive_memory(r->x)->held - empty;
    run_refresh(r, &out->phase[PHASE_REFRESH], refreshes);
    run_expire(r, &out->phase[PHASE_EXPIRE]);
    drive_free(r->x);
    free(r->assigned);
    free(r->out.buf);
    free(r);
}

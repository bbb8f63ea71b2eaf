/* count.c: where nothing is lost, late or down, a handover takes as many messages as the documents
 * say: 2 for a first registration, 2n+2 with n previous MAARs by a relay or a proxy, 3n+1 by a
 * locator (RFC 8885 §3.1 to §3.4), 2 at an LMA (RFC 5213 §5.3).
 *
 * Counted on the wire, for each mobile node from a registration on. What is not part of one is left
 * out: refreshes, de-registrations, releases. A registration that begins before the one before it
 * is done with is not judged.
 */
#include "judge.h"

#include <stdlib.h>

#define DONE (500 * SIM_MS) /* an answer that has not come is asked for after a second */

struct sim_count {
    bool on;
    int64_t began;
    uint64_t which; /* its Timestamp; at an LMA, where that is of the sending, its number */
    size_t by;
    unsigned expected, seen;
};

static bool faultless(const struct sim_schedule *d)
{
    for (size_t i = 0; i < d->nops; i++) {
        const struct sim_op *o = &d->op[i];
        bool policy = o->kind == SIM_POLICY && o->at == 0;
        if (o->kind != SIM_ATTACH && o->kind != SIM_LEAVE && o->kind != SIM_FLOW &&
            o->kind != SIM_FLAP && !policy)
            return false;
    }
    return true;
}

/* What a registration by that MAAR takes; 0: something else is going on. */
static unsigned at_cmd(const struct sim *s, size_t by, const struct gw_mnid *id)
{
    const struct gw_binding *b = gw_binding_get(&s->cmd->node->cmd.bs, id);
    unsigned n = 0;

    for (const struct gw_anchor *a = b != NULL ? b->anchors : NULL; a != NULL; a = a->next) {
        if (a->state != GW_ANCHOR_SETTLED || a->ex.pending)
            return 0;
        n += !gw_addr_eq(&a->maar, &s->node[by].cfg[0].addr);
    }
    if (n > s->set.previous)
        return 0; /* one too many is released */
    if (n == 0)
        return 2;
    return s->set.mode == GW_CMD_LOCATOR ? 3 * n + 1 : 2 * n + 2;
}

static void begin(struct sim *s, struct sim_count *c, size_t by, uint64_t which)
{
    bool busy = c->on;

    *c = (struct sim_count){
        .on = !busy, .began = s->now, .which = which, .by = by, .expected = 2, .seen = 1};
}

/* It reaches the CMD: now is settled how many previous MAARs there are. */
void sim_count_arrived(struct sim *s, size_t to, const struct gw_mh_addrs *a, const uint8_t *data,
                       size_t len)
{
    const struct gw_mh *m = &s->mh;

    if (s->counts == NULL || &s->node[to] != s->cmd || s->cmd->node == NULL ||
        data[2] != GW_MH_BU ||
        gw_mh_parse(&gw_mh_codec_default, a, data, len, &s->mh).code != GW_PARSE_OK)
        return;
    const struct gw_opt *id = gw_lm_opt(m, GW_OPT_MNID), *ts = gw_lm_opt(m, GW_OPT_TIMESTAMP);
    const struct sim_station *h = id != NULL ? sim_station_of(s, &id->mnid) : NULL;
    struct sim_count *c = h != NULL ? &s->counts[2 * h->index] : NULL;

    if (c == NULL || !c->on || ts == NULL || c->which != ts->u64 || c->seen != 1)
        return;
    c->expected = at_cmd(s, c->by, &id->mnid);
    c->on = c->expected != 0;
}

void sim_count_message(struct sim *s, size_t from, size_t to, const struct gw_mh_addrs *a,
                       const uint8_t *data, size_t len)
{
    const struct gw_mh *m = &s->mh;

    if (s->counts == NULL || (data[2] != GW_MH_BA && data[2] != GW_MH_BU) ||
        gw_mh_parse(&gw_mh_codec_default, a, data, len, &s->mh).code != GW_PARSE_OK)
        return;
    bool update = data[2] == GW_MH_BU;
    bool lma = update ? (m->bu.flags & GW_BU_D) == 0 : (m->ba.flags & GW_BA_D) == 0;
    const struct gw_opt *id = gw_lm_opt(m, GW_OPT_MNID), *hi = gw_lm_opt(m, GW_OPT_HI);
    const struct gw_opt *ts = gw_lm_opt(m, GW_OPT_TIMESTAMP);
    const struct sim_station *h = id != NULL ? sim_station_of(s, &id->mnid) : NULL;

    if (h == NULL || hi == NULL || hi->code == GW_HI_REREGISTRATION || ts == NULL ||
        (update ? m->bu.lifetime : m->ba.lifetime) == 0)
        return;
    struct sim_count *c = &s->counts[2 * h->index + lma];
    bool registers = update && &s->node[to] == (lma ? s->lma : s->cmd);
    uint64_t which = !lma ? ts->u64 : update ? m->bu.seq : m->ba.seq;
    bool same = c->which == which && (!lma || c->by == (update ? from : to));
    if (registers && !(c->on && same))
        begin(s, c, from, which);
    else if (c->on && same)
        c->seen++;
}

void sim_count_judge(struct sim *s)
{
    for (size_t i = 0; s->counts != NULL && i < 2 * s->nstations; i++) {
        struct sim_count *c = &s->counts[i];
        if (!c->on || s->now < c->began + DONE)
            continue;
        c->on = false;
        if (c->seen != c->expected)
            sim_fail(s, "messages-as-counted",
                     "mn%zu's registration by %s took %u messages, not %u", i / 2,
                     s->node[c->by].name, c->seen, c->expected);
    }
}

void sim_count_begin(struct sim *s)
{
    if (s->nstations > 0 && faultless(s->sched))
        s->counts = sim_new_memory(2 * s->nstations * sizeof *s->counts);
}

void sim_count_end(struct sim *s)
{
    free(s->counts);
    s->counts = NULL;
}

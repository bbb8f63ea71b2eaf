/* handover.c: the ring of handover.h, and the names of all that is counted and timed. */
#include "fn/lm/handover.h"

#include "base/err.h"
#include "fn/lm/count.h"

const char *gw_count_name(enum gw_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_CNT_##id] = (name),
        GW_COUNTERS(X)
#undef X
    };
    return (unsigned)c < GW_CNT_MAX ? names[c] : "unknown";
}

const char *gw_ho_role_name(enum gw_ho_role r)
{
    static const char *const names[] = {"serving", "previous", "cmd", "lma"};
    return names[r];
}

const char *gw_ho_step_name(enum gw_ho_step s)
{
    static const char *const names[] = {
        [GW_HO_ATTACHMENT_SEEN] = "attachment_seen",
        [GW_HO_PBU_SENT] = "pbu_sent",
        [GW_HO_PBA_RECEIVED] = "pba_received",
        [GW_HO_PBU_RECEIVED] = "pbu_received",
        [GW_HO_PLANE_PROGRAMMED] = "plane_programmed",
        [GW_HO_PLANE_COMPLETE] = "plane_complete",
        [GW_HO_PBA_SENT] = "pba_sent",
        [GW_HO_RA_SENT] = "ra_sent",
        [GW_HO_FIRST_UPLINK] = "first_uplink",
        [GW_HO_FIRST_DOWNLINK] = "first_downlink",
    };
    return (unsigned)s < GW_HO_STEPS ? names[s] : "unknown";
}

#define ROWS_FIRST 16

int gw_handovers_init(struct gw_handovers *h, const struct gw_alloc *al, size_t most)
{
    *h = (struct gw_handovers){.al = al, .size = ROWS_FIRST, .most = most};
    h->row = gw_new(al, h->size * sizeof *h->row);
    return h->row != NULL ? 0 : GW_ENOMEM;
}

void gw_handovers_free(struct gw_handovers *h)
{
    gw_free(h->al, h->row, h->size * sizeof *h->row);
    h->row = NULL;
}

/* Twice as many rows, when the next one would be the first again: all stay where their numbers say,
 * in the lower half or, if an earlier attempt found no memory, perhaps in the upper one. */
static void grow(struct gw_handovers *h)
{
    size_t half = h->size * sizeof *h->row;
    struct gw_handover_row *row = h->al->resize(h->al->user, h->row, half, 2 * half);
    bool upper = h->last / h->size % 2 == 0;

    if (row == NULL)
        return;
    if (upper)
        memcpy(row + h->size, row, half);
    memset(upper ? row : row + h->size, 0, half);
    h->row = row;
    h->size *= 2;
}

struct gw_handover_row *gw_handovers_add(struct gw_handovers *h, enum gw_ho_role role,
                                         const struct gw_mnid *mn)
{
    if (h->last != 0 && h->last % h->size == 0 && h->size < h->most)
        grow(h);
    struct gw_handover_row *row = &h->row[h->last++ % h->size];
    uint8_t len = mn->len < GW_HO_MNID ? mn->len : GW_HO_MNID;

    *row = (struct gw_handover_row){
        .number = h->last, .role = role, .mnid_subtype = mn->subtype, .mnid_len = len};
    memcpy(row->mnid, mn->id, len);
    return row;
}

struct gw_handover_row *gw_handovers_get(const struct gw_handovers *h, uint64_t number)
{
    if (number == 0)
        return NULL;
    struct gw_handover_row *row = &h->row[(number - 1) % h->size];
    return row->number == number ? row : NULL;
}

const struct gw_handover_row *gw_handovers_next(const struct gw_handovers *h, uint64_t *it)
{
    if (*it == 0 && h->last > h->size)
        *it = h->last - h->size;
    while (*it < h->last) {
        const struct gw_handover_row *row = &h->row[*it % h->size];
        if (row->number == ++*it)
            return row;
    }
    return NULL;
}

void gw_handover_step(struct gw_handover_row *row, enum gw_ho_step s, struct gw_time at)
{
    if (row != NULL && row->step[s].ns == 0)
        row->step[s] = at;
}

void gw_handover_prev_sent(struct gw_handover_row *row, const struct gw_addr *maar,
                           struct gw_time at)
{
    if (row == NULL)
        return;
    for (uint16_t i = 0; i < row->nprev; i++)
        if (gw_addr_eq(&row->prev[i].maar, maar))
            return;
    if (row->nprev < GW_HO_PREV) {
        row->prev[row->nprev].maar = *maar;
        row->prev[row->nprev++].pbu_sent = at;
    }
}

void gw_handover_prev_done(struct gw_handover_row *row, const struct gw_addr *maar,
                           struct gw_time at)
{
    if (row == NULL)
        return;
    for (uint16_t i = 0; i < row->nprev; i++)
        if (gw_addr_eq(&row->prev[i].maar, maar) && row->prev[i].pba_received.ns == 0)
            row->prev[i].pba_received = at;
}

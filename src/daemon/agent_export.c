/* agent_export.c: a transaction leaves (agent_move.h, wire/carry.h): the application's state is
 * drawn from the instance as fast as the caller takes it; then, the path being blocked, the
 * connections that it has given are frozen, copied and poured out too.
 *
 * All of a transaction's connections are frozen before the first of their octets leaves, so that
 * they are of one moment; the copies are held here, since the sockets must stay as they are.
 */
#include "daemon/agent_link.h"

#include <stdlib.h>
#include <unistd.h>

static void send_piece(struct gwd_move *m, size_t len)
{
    m->octets += len;
    m->agent->daemon->count.moves_octets += len;
    m->wanted = false;
    m->user.data(m->user.user, m, m->buf, len);
}

/* How many octets of the stream's head stand at the beginning of buf. */
static size_t begin_stream(struct gwd_move *m)
{
    if (m->begun)
        return 0;
    m->begun = true;
    gw_carry_write_begin(m->buf);
    return GW_CARRY_HEAD;
}

static void pull(struct gwd_move *m)
{
    const uint32_t most = GWD_MOVE_PIECE - 2 * GW_CARRY_HEAD;
    const uint8_t octets[4] = {0, (uint8_t)(most >> 16), (uint8_t)(most >> 8), (uint8_t)most};
    gwd_move_ask(m, GWD_STEP_PULL, GW_FRAME_PULL, 0, octets, sizeof octets);
}

/* ---- what the instance says ---- */

static void take_connection(struct gwd_move *m, const struct gw_frame *f, int fd)
{
    struct gw_tcp_why why;
    struct gwd_conn *c = &m->conns[m->nconns];
    if (m->nconns == GW_CARRY_CONNECTIONS) {
        close(fd);
        gwd_move_fail(m, GW_EFULL, "more than %d connections", GW_CARRY_CONNECTIONS);
        return;
    }
    *c = (struct gwd_conn){.fd = fd, .label = f->label};
    m->nconns++;
    int err = gw_tcp_name(fd, &c->s, &why);
    if (err < 0)
        gwd_move_fail(m, err, "connection %u: %s", f->label, why.text);
    else if (!gwd_move_covers(&m->t, &c->s))
        gwd_move_fail(m, GW_EDENIED, "connection %u is not of this client and service", f->label);
}

static void take_state(struct gwd_move *m, const uint8_t *octets, size_t len)
{
    if (len == 0) {
        gwd_move_turn(m, GWD_STEP_BLOCK);
        gwd_move_tell(m, GWD_MOVE_BLOCK);
        return;
    }
    size_t head = begin_stream(m);
    if (len > GWD_MOVE_PIECE - 2 * GW_CARRY_HEAD) {
        gwd_move_fail(m, GW_EFORMAT, "the instance gave more than it was asked for");
        return;
    }
    m->state += len;
    if (m->octets + head + GW_CARRY_HEAD + len > m->user.most) {
        gwd_move_fail(m, GW_EFULL, "more state than the limit of %llu octets",
                      (unsigned long long)m->user.most);
        return;
    }
    gw_carry_write_record(m->buf + head, GW_CARRY_STATE, (uint32_t)len);
    memcpy(m->buf + head + GW_CARRY_HEAD, octets, len);
    gwd_move_turn(m, GWD_STEP_CALLER);
    send_piece(m, head + GW_CARRY_HEAD + len);
}

void gwd_export_frame(struct gwd_move *m, const struct gw_frame *f, const uint8_t *octets, int fd)
{
    if (f->type == GW_FRAME_GIVE && (m->step == GWD_STEP_PULL || m->step == GWD_STEP_BEGIN)) {
        take_connection(m, f, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (f->type == GW_FRAME_DONE && m->step == GWD_STEP_BEGIN) {
        gwd_move_turn(m, GWD_STEP_CALLER);
        if (m->wanted)
            pull(m);
    } else if (f->type == GW_FRAME_STATE && m->step == GWD_STEP_PULL) {
        take_state(m, octets, f->len);
    } else {
        gwd_move_fail(m, GW_EFORMAT, "the instance speaks out of turn");
    }
}

/* ---- what the caller wants ---- */

void gwd_move_more(struct gwd_move *m)
{
    m->wanted = true;
    if (m->step == GWD_STEP_CALLER)
        pull(m);
    else if (m->step == GWD_STEP_POUR)
        gwd_agent_at(m->agent, &m->kick, (struct gw_time){0});
}

static int freeze(struct gwd_move *m, struct gwd_conn *c)
{
    struct gw_tcp_why why;
    const char *wrong;
    uint64_t left = m->user.most > m->octets ? m->user.most - m->octets : 0;
    int err = gw_tcp_freeze(c->fd, &why);
    if (err == 0)
        err = gw_tcp_dump(c->fd, left, &c->blob, &c->len, &why);
    if (err < 0) {
        gwd_move_fail(m, err, "connection %u: %s", c->label, why.text);
        return err;
    }
    err = gw_tcp_state_read(c->blob, c->len, &c->s, &wrong);
    if (err < 0)
        gwd_move_fail(m, err, "connection %u: %s", c->label, wrong);
    m->agent->daemon->count.moves_connections++;
    return err;
}

void gwd_move_blocked(struct gwd_move *m)
{
    if (m->step != GWD_STEP_BLOCK)
        return;
    for (size_t i = 0; i < m->nconns; i++)
        if (freeze(m, &m->conns[i]) < 0)
            return;
    gwd_move_turn(m, GWD_STEP_POUR);
    gwd_agent_at(m->agent, &m->kick, (struct gw_time){0});
}

/* Octets of the record of connection m->pour, from m->poured on, into buf at `at`; where they end.
 */
static size_t pour(struct gwd_move *m, size_t at)
{
    const struct gwd_conn *c = &m->conns[m->pour];
    if (m->poured == 0) {
        gw_carry_write_record(m->buf + at, GW_CARRY_CONNECTION,
                              (uint32_t)(GW_CARRY_LABEL + c->len));
        at += GW_CARRY_HEAD;
        memcpy(m->buf + at, (const uint8_t[]){0, 0, (uint8_t)(c->label >> 8), (uint8_t)c->label},
               GW_CARRY_LABEL);
        at += GW_CARRY_LABEL;
    }
    size_t n = c->len - m->poured, room = GWD_MOVE_PIECE - at;
    if (n > room)
        n = room;
    memcpy(m->buf + at, c->blob + m->poured, n);
    m->poured += n;
    if (m->poured == c->len) {
        m->pour++;
        m->poured = 0;
    }
    return at + n;
}

/* As much as fits a piece. */
static size_t fill(struct gwd_move *m)
{
    size_t at = begin_stream(m);
    while (m->pour < m->nconns && at + GW_CARRY_HEAD + GW_CARRY_LABEL < GWD_MOVE_PIECE)
        at = pour(m, at);
    if (m->pour == m->nconns && at + GW_CARRY_HEAD + GW_CARRY_END_SIZE <= GWD_MOVE_PIECE) {
        gw_carry_write_end(m->buf + at, m->state, (uint32_t)m->nconns);
        at += GW_CARRY_HEAD + GW_CARRY_END_SIZE;
        m->whole = true;
    }
    return at;
}

void gwd_export_kick(struct gwd_move *m)
{
    if (m->step != GWD_STEP_POUR || !m->wanted)
        return;
    if (m->whole) {
        gwd_move_turn(m, GWD_STEP_WHOLE);
        gwd_move_tell(m, GWD_MOVE_WHOLE);
        return;
    }
    size_t len = fill(m);
    if (m->octets + len > m->user.most)
        gwd_move_fail(m, GW_EFULL, "more state than the limit of %llu octets",
                      (unsigned long long)m->user.most);
    else
        send_piece(m, len);
}

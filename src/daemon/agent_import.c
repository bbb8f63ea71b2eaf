/* agent_import.c: a transaction comes (agent_move.h, wire/carry.h): what the caller feeds is read
 * record by record; state goes to the instance, which answers each piece, and a connection, once it
 * is whole, into a new socket that the instance gives for it, so that it is of the instance's
 * network namespace and its own. It stays frozen until the caller says that the path has been
 * switched.
 *
 * Nobody can make this agent take a connection that is not of the transaction's client and service.
 */
#include "daemon/agent_link.h"

#include <stdlib.h>
#include <unistd.h>

static void take_more(struct gwd_move *m);

/* ---- connections ---- */

/* The first piece has the label, and says how long the rest is. */
static int begin_connection(struct gwd_move *m, const struct gw_carry_piece *p)
{
    struct gwd_conn *c = &m->conns[m->nconns];
    *c = (struct gwd_conn){.fd = -1, .len = p->total};
    c->blob = malloc(p->total);
    if (c->blob == NULL) {
        gwd_move_fail(m, GW_ENOMEM, "no memory for a connection of %u octets", p->total);
        return GW_ENOMEM;
    }
    m->nconns++;
    return 0;
}

static int read_connection(struct gwd_move *m, struct gwd_conn *c)
{
    const char *why;
    int err = gw_tcp_state_read(c->blob + GW_CARRY_LABEL, c->len - GW_CARRY_LABEL, &c->s, &why);
    c->label = (uint16_t)(c->blob[2] << 8 | c->blob[3]);
    if (err == 0 && (c->blob[0] | c->blob[1]) != 0) {
        err = GW_EFORMAT;
        why = "its label";
    }
    if (err < 0) {
        gwd_move_fail(m, err, "connection %u: %s", c->label, why);
    } else if (!gwd_move_covers(&m->t, &c->s)) {
        err = GW_EDENIED;
        gwd_move_fail(m, err, "connection %u is not of this client and service", c->label);
    }
    return err;
}

static void take_connection(struct gwd_move *m, const struct gw_carry_piece *p)
{
    if (p->at == 0 && begin_connection(m, p) < 0)
        return;
    struct gwd_conn *c = &m->conns[m->nconns - 1];
    memcpy(c->blob + p->at, p->octets, p->len);
    if (p->last && read_connection(m, c) == 0)
        gwd_move_ask(m, GWD_STEP_SOCKET, GW_FRAME_SOCKET, c->label, NULL, 0);
}

static void restore(struct gwd_move *m, int fd)
{
    struct gwd_conn *c = &m->conns[m->nconns - 1];
    struct gw_tcp_why why;
    c->fd = fd;
    gwd_move_exhume(m->agent, fd, &c->s);
    int err = gw_tcp_restore(fd, &c->s, &why);
    if (err < 0) {
        gwd_move_fail(m, err, "connection %u: %s", c->label, why.text);
        return;
    }
    m->agent->daemon->count.moves_connections++;
    take_more(m);
}

/* ---- the stream ---- */

static void all_read(struct gwd_move *m)
{
    gwd_move_turn(m, GWD_STEP_CALLER);
    m->nbuf = m->at = 0;
    if (!m->whole)
        gwd_move_tell(m, GWD_MOVE_MORE);
    else if (m->reader.ended)
        gwd_move_ask(m, GWD_STEP_CONFIRM, GW_FRAME_WHOLE, 0, NULL, 0);
    else
        gwd_move_fail(m, GW_EFORMAT, "its state ends too early");
}

/* Reads what is in buf until the instance, or the caller, has something to do. */
static void take_more(struct gwd_move *m)
{
    struct gw_carry_piece p;
    const char *why;
    size_t used;
    int rc = 1;
    m->step = GWD_STEP_CALLER;
    while (rc > 0 && m->step == GWD_STEP_CALLER) {
        rc = gw_carry_read(&m->reader, m->buf + m->at, m->nbuf - m->at, &used, &p, &why);
        m->at += used;
        if (rc < 0)
            gwd_move_fail(m, rc, "%s", why);
        else if (rc > 0 && p.type == GW_CARRY_STATE)
            gwd_move_ask(m, GWD_STEP_PUSH, GW_FRAME_PUSH, 0, p.octets, p.len);
        else if (rc > 0 && p.type == GW_CARRY_CONNECTION)
            take_connection(m, &p);
    }
    if (m->step == GWD_STEP_CALLER)
        all_read(m);
}

/* ---- what the caller does ---- */

int gwd_move_feed(struct gwd_move *m, const uint8_t *octets, size_t len)
{
    bool busy = m->nbuf > 0 || m->tell;
    if ((m->step != GWD_STEP_CALLER && m->step != GWD_STEP_BEGIN) || busy || m->whole ||
        len > GWD_MOVE_PIECE)
        return GW_EAGAIN;
    memcpy(m->buf, octets, len);
    m->nbuf = len;
    m->at = 0;
    m->agent->daemon->count.moves_octets += len;
    gwd_agent_at(m->agent, &m->kick, (struct gw_time){0});
    return 0;
}

void gwd_move_end(struct gwd_move *m)
{
    m->whole = true;
    gwd_agent_at(m->agent, &m->kick, (struct gw_time){0});
}

void gwd_import_kick(struct gwd_move *m)
{
    if (m->step == GWD_STEP_CALLER && (m->nbuf > 0 || m->whole))
        take_more(m);
}

void gwd_move_resume(struct gwd_move *m)
{
    if (m->step != GWD_STEP_READY)
        return;
    for (size_t i = 0; i < m->nconns; i++) {
        struct gw_tcp_why why;
        if (gw_tcp_go(m->conns[i].fd, &m->conns[i].s, &why) < 0)
            gwd_move_log(m, GW_LOG_ERROR, "move-connection-lost", why.text);
    }
    gwd_move_ask(m, GWD_STEP_RESUME, GW_FRAME_RESUME, 0, NULL, 0);
}

/* ---- what the instance says ---- */

void gwd_import_frame(struct gwd_move *m, const struct gw_frame *f, int fd)
{
    if (f->type == GW_FRAME_GIVE && m->step == GWD_STEP_SOCKET) {
        restore(m, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (f->type == GW_FRAME_DONE && m->step == GWD_STEP_BEGIN) {
        gwd_move_turn(m, GWD_STEP_CALLER);
        gwd_agent_at(m->agent, &m->kick, (struct gw_time){0});
    } else if (f->type == GW_FRAME_DONE && m->step == GWD_STEP_PUSH) {
        take_more(m);
    } else if (f->type == GW_FRAME_DONE && m->step == GWD_STEP_CONFIRM) {
        gwd_move_turn(m, GWD_STEP_READY);
        gwd_move_tell(m, GWD_MOVE_READY);
    } else if (f->type == GW_FRAME_DONE && m->step == GWD_STEP_RESUME) {
        m->agent->daemon->count.moves_in++;
        gwd_move_turn(m, GWD_STEP_OVER);
        gwd_move_tell(m, GWD_MOVE_RESUMED);
    } else {
        gwd_move_fail(m, GW_EFORMAT, "the instance speaks out of turn");
    }
}

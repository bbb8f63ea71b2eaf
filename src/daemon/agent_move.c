/* agent_move.c: see agent_move.h; what both directions share: beginning, steps and their time
 * limits, what is told to the caller, the end, and connections that nobody has any more. */
#include "base/text.h"
#include "daemon/agent_link.h"
#include "sys/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GRAVES_MAX                                                                \
    4096 /* connections that have gone elsewhere and are still dropped packets of \
          */

struct gwd_grave {
    struct gwd_grave *next;
    struct gwd_agent *agent;
    struct gw_timer timer;
    int fd;
};

/* ---- whose is it ---- */

static bool in_flow(const struct gw_frame_flow *f, const struct gw_tcp_state *s)
{
    return (f->proto == 0 || f->proto == 6) && gw_addr_eq(&f->client, &s->remote) &&
           (f->client_port == 0 || f->client_port == s->rport) &&
           (f->port == 0 || f->port == s->lport);
}

bool gwd_move_covers(const struct gw_frame_transaction *t, const struct gw_tcp_state *s)
{
    bool named = t->nflows == 0;
    for (size_t i = 0; i < t->nflows && !named; i++)
        named = in_flow(&t->flow[i], s);
    return named && gw_addr_eq(&t->cs_id, &s->local) && (t->port == 0 || t->port == s->lport) &&
           (t->proto == 0 || t->proto == 6) && gw_prefix_contains(&t->client, &s->remote);
}

/* ---- steps ---- */

void gwd_move_log(const struct gwd_move *m, enum gw_log_level level, const char *id,
                  const char *text)
{
    char client[GW_TEXT_MAX], instance[GW_TEXT_MAX];
    gw_log(&m->agent->daemon->logger.log, level, GW_CAT_NODE, id, "%s %s %s: %s",
           gw_fmt_prefix(&m->t.client, client), m->in ? "to" : "from",
           gw_fmt_addr(&m->csci_id, instance), text);
}

static void kick(struct gwd_move *m)
{
    gwd_agent_at(m->agent, &m->kick, gw_clock_mono());
}

void gwd_move_tell(struct gwd_move *m, enum gwd_move_event event)
{
    m->tell = true;
    m->event = event;
    kick(m);
}

void gwd_move_turn(struct gwd_move *m, enum gwd_step step)
{
    m->step = step;
    gwd_agent_stop(m->agent, &m->patience);
}

void gwd_move_ask(struct gwd_move *m, enum gwd_step step, enum gw_frame_type type, uint16_t label,
                  const void *octets, size_t len)
{
    struct gw_frame f = {
        .len = (uint32_t)len, .type = (uint8_t)type, .label = label, .move = m->id};
    m->step = step;
    gwd_agent_at(m->agent, &m->patience, gw_time_add(gw_clock_mono(), m->user.patience));
    if (m->link != NULL)
        gwd_line_send(m->link, &f, octets);
}

/* A word that is not answered. */
static void say(struct gwd_move *m, enum gw_frame_type type, const char *text)
{
    struct gw_frame f = {.len = (uint32_t)strlen(text), .type = (uint8_t)type, .move = m->id};
    if (m->link != NULL)
        gwd_line_send(m->link, &f, text);
}

/* The old side's connections go on where they were; the new side's are closed without a word. */
static void let_go(struct gwd_move *m)
{
    struct gw_tcp_why why;
    for (size_t i = 0; i < m->nconns; i++) {
        struct gwd_conn *c = &m->conns[i];
        if (c->fd >= 0 && !m->in && gw_tcp_frozen(c->fd) && gw_tcp_thaw(c->fd, &why) < 0)
            gwd_move_log(m, GW_LOG_ERROR, "move-thaw-failed", why.text);
        if (c->fd >= 0)
            close(c->fd);
        free(c->blob);
    }
    m->nconns = 0;
}

static void finish(struct gwd_move *m, enum gwd_move_event event)
{
    gwd_move_turn(m, GWD_STEP_OVER);
    gwd_move_tell(m, event);
}

void gwd_move_fail(struct gwd_move *m, int err, const char *fmt, ...)
{
    va_list args;
    if (m->step == GWD_STEP_OVER)
        return;
    m->err = err;
    va_start(args, fmt);
    /* Compiled into two programs, it is misread: NOLINTNEXTLINE(clang-analyzer-valist.*) */
    vsnprintf(m->why, sizeof m->why, fmt, args);
    va_end(args);
    let_go(m);
    say(m, GW_FRAME_ABANDON, m->why);
    m->agent->daemon->count.moves_failed++;
    gwd_move_log(m, GW_LOG_WARN, "move-failed", m->why);
    finish(m, GWD_MOVE_FAILED);
}

static void out_of_patience(struct gw_timer *t, void *user)
{
    static const char *const steps[] = {
        [GWD_STEP_BEGIN] = "answer",    [GWD_STEP_PULL] = "give its state",
        [GWD_STEP_PUSH] = "take state", [GWD_STEP_SOCKET] = "give a socket",
        [GWD_STEP_CONFIRM] = "confirm", [GWD_STEP_RESUME] = "resume"};
    struct gwd_move *m = t->owner;
    (void)user;
    gwd_move_fail(m, GW_EAGAIN, "the instance did not %s within %lld ms", steps[m->step],
                  (long long)(m->user.patience.ns / 1000000));
}

static void release_memory(struct gwd_move *m)
{
    struct gwd_agent *a = m->agent;
    if (m->prev != NULL)
        m->prev->next = m->next;
    else
        a->moves = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    a->nmoves--;
    gwd_agent_stop(a, &m->kick);
    gwd_agent_stop(a, &m->patience);
    let_go(m);
    free(m);
}

static void kicked(struct gw_timer *t, void *user)
{
    struct gwd_move *m = t->owner;
    (void)user;
    if (m->tell) {
        bool over = m->step == GWD_STEP_OVER;
        m->tell = false;
        m->user.event(m->user.user, m, m->event, m->err, m->why);
        if (over)
            release_memory(m);
    } else if (m->in) {
        gwd_import_kick(m);
    } else {
        gwd_export_kick(m);
    }
}

/* ---- beginning ---- */

static void name_transaction(struct gwd_move *m, const struct gwd_transaction *t)
{
    m->t = (struct gw_frame_transaction){.cs_id = t->service.cs_id,
                                         .proto = t->service.proto,
                                         .port = t->service.port,
                                         .client = t->client,
                                         .nflows = t->nflows};
    m->csci_id = t->csci_id;
    for (size_t i = 0; i < t->nflows; i++)
        m->t.flow[i] = (struct gw_frame_flow){.proto = t->flows[i].proto,
                                              .client = t->flows[i].src,
                                              .client_port = t->flows[i].sport,
                                              .port = t->flows[i].dport};
}

static bool moves_already(const struct gwd_agent *a, const struct gwd_transaction *t)
{
    for (const struct gwd_move *m = a->moves; m != NULL; m = m->next)
        if (m->step != GWD_STEP_OVER && gw_addr_eq(&m->csci_id, &t->csci_id) &&
            gw_addr_eq(&m->t.cs_id, &t->service.cs_id) && m->t.proto == t->service.proto &&
            m->t.port == t->service.port && gw_prefix_overlaps(&m->t.client, &t->client))
            return true;
    return false;
}

/* 0, or why not. */
static int check(struct gwd_agent *a, const struct gwd_transaction *t, const char **why)
{
    bool here = false;
    for (size_t i = 0; a != NULL && i < a->n; i++)
        here = here || gw_addr_eq(&a->instances[i].csci_id, &t->csci_id);
    *why = "no such instance here";
    if (!here)
        return GW_ENOENT;
    *why = "too many flows";
    if (t->nflows > GWD_MOVE_FLOWS_MAX)
        return GW_EINVAL;
    *why = "it is not connected, or cannot give its state";
    if (gwd_line_of(a, &t->csci_id) == NULL)
        return GW_EAGAIN;
    *why = "it moves already";
    if (moves_already(a, t))
        return GW_EEXIST;
    *why = "too many moves at once";
    return a->nmoves < GWD_MOVES_MAX ? 0 : GW_EFULL;
}

static void enlist(struct gwd_agent *a, struct gwd_move *m)
{
    m->agent = a;
    m->id = ++a->last_move;
    m->kick.fire = kicked;
    m->patience.fire = out_of_patience;
    m->kick.owner = m->patience.owner = m;
    m->next = a->moves;
    if (m->next != NULL)
        m->next->prev = m;
    a->moves = m;
    a->nmoves++;
}

static int begin(struct gwd *d, bool in, const struct gwd_transaction *t,
                 const struct gwd_move_user *u, struct gwd_move **out, const char **why)
{
    uint8_t name[GW_FRAME_MAX];
    int err = check(d->agent, t, why);
    struct gwd_move *m = *out = err == 0 ? calloc(1, sizeof *m) : NULL;
    if (m == NULL) {
        d->count.moves_refused++;
        if (err == 0)
            *why = "no memory";
        return err == 0 ? GW_ENOMEM : err;
    }
    name_transaction(m, t);
    m->in = in;
    m->user = *u;
    m->user.most = u->most > 0 ? u->most : GWD_MOVE_OCTETS;
    m->user.patience = u->patience.ns > 0 ? u->patience : GWD_MOVE_PATIENCE;
    m->link = gwd_line_of(d->agent, &t->csci_id);
    m->reader = gw_carry_reader_make(m->user.most);
    enlist(d->agent, m);
    gwd_move_ask(m, GWD_STEP_BEGIN, in ? GW_FRAME_IMPORT : GW_FRAME_EXPORT, 0, name,
                 gw_frame_write_transaction(&m->t, name));
    return 0;
}

int gwd_move_export(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why)
{
    return begin(d, false, t, u, m, why);
}

int gwd_move_import(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why)
{
    return begin(d, true, t, u, m, why);
}

/* ---- the end ---- */

void gwd_move_abandon(struct gwd_move *m, int err, const char *why)
{
    gwd_move_fail(m, err, "%s", why);
}

void gwd_move_release(struct gwd_move *m)
{
    if (m->step != GWD_STEP_WHOLE)
        return;
    for (size_t i = 0; i < m->nconns; i++) {
        gwd_move_bury(m->agent, m->conns[i].fd);
        m->conns[i].fd = -1;
    }
    say(m, GW_FRAME_RELEASE, "");
    m->agent->daemon->count.moves_out++;
    finish(m, GWD_MOVE_RELEASED);
}

struct gwd_move_progress gwd_move_progress(const struct gwd_move *m)
{
    static const char *const steps[] = {
        [GWD_STEP_BEGIN] = "begins",     [GWD_STEP_CALLER] = "state",
        [GWD_STEP_PULL] = "state",       [GWD_STEP_BLOCK] = "path",
        [GWD_STEP_POUR] = "connections", [GWD_STEP_WHOLE] = "whole",
        [GWD_STEP_PUSH] = "state",       [GWD_STEP_SOCKET] = "connections",
        [GWD_STEP_CONFIRM] = "confirms", [GWD_STEP_READY] = "ready",
        [GWD_STEP_RESUME] = "resumes",   [GWD_STEP_OVER] = "over"};
    return (struct gwd_move_progress){.octets = m->in ? m->reader.octets : m->octets,
                                      .connections = (unsigned)m->nconns,
                                      .step = steps[m->step]};
}

/* ---- from instances ---- */

void gwd_move_frame(struct gwd_line *l, const struct gw_frame *f, const uint8_t *octets, int fd)
{
    struct gwd_move *m = l->agent->moves;
    while (m != NULL && (m->id != f->move || m->link != l))
        m = m->next;
    if (m == NULL || m->step == GWD_STEP_OVER) {
        if (fd >= 0) /* of a move that has been given up meanwhile */
            close(fd);
        return;
    }
    if (f->type == GW_FRAME_DONE && f->len > 0 && octets[0] != 0) {
        gwd_move_fail(m, GW_EDENIED, "the instance: %.*s", (int)f->len - 1, octets + 1);
        return;
    }
    if (m->in)
        gwd_import_frame(m, f, fd);
    else
        gwd_export_frame(m, f, octets, fd);
}

/* When all of it is out, or it has resumed, an instance is not needed any more. */
void gwd_move_link_gone(struct gwd_line *l)
{
    for (struct gwd_move *m = l->agent->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->link != l)
            continue;
        m->link = NULL;
        if (m->step != GWD_STEP_WHOLE && m->step != GWD_STEP_OVER)
            gwd_move_fail(m, GW_ENOENT, "the instance is gone");
    }
}

/* ---- connections that have gone elsewhere ---- */

static void close_grave(struct gw_timer *t, void *user)
{
    struct gwd_grave *g = t->owner, **at = &g->agent->graves;
    (void)user;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    g->agent->ngraves--;
    gwd_agent_stop(g->agent, &g->timer);
    close(g->fd);
    free(g);
}

/* It comes back to a host that it left not long ago, where it still lies. */
void gwd_move_exhume(struct gwd_agent *a, int fd, const struct gw_tcp_state *s)
{
    struct gw_tcp_why why;
    struct gw_tcp_state is;
    for (struct gwd_grave *g = a->graves, *next; g != NULL; g = next) {
        next = g->next;
        if (gw_tcp_same_host(g->fd, fd) && gw_tcp_name(g->fd, &is, &why) == 0 &&
            gw_addr_eq(&is.local, &s->local) && gw_addr_eq(&is.remote, &s->remote) &&
            is.lport == s->lport && is.rport == s->rport)
            close_grave(&g->timer, NULL);
    }
}

void gwd_move_bury(struct gwd_agent *a, int fd)
{
    struct gw_tcp_why why;
    struct gwd_grave *g =
        a->ngraves < GRAVES_MAX && gw_tcp_bury(fd, &why) == 0 ? calloc(1, sizeof *g) : NULL;
    if (g == NULL) {
        close(fd);
        return;
    }
    *g = (struct gwd_grave){.next = a->graves, .agent = a, .fd = fd};
    g->timer.fire = close_grave;
    g->timer.owner = g;
    a->graves = g;
    a->ngraves++;
    gwd_agent_at(a, &g->timer, gw_time_add(gw_clock_mono(), GWD_MOVE_GRAVE));
}

void gwd_move_on_orphan(struct gwd *d, gwd_move_moved_fn *moved, void *user)
{
    d->agent->moved = moved;
    d->agent->moved_user = user;
}

static bool has_moved(const struct gwd_line *l, const struct gw_frame_transaction *t)
{
    struct gw_flow_id flows[GW_FRAME_FLOWS];
    struct gwd_transaction about = {.service = {t->cs_id, t->proto, t->port},
                                    .client = t->client,
                                    .csci_id = l->csci_id,
                                    .nflows = t->nflows,
                                    .flows = flows};
    for (size_t i = 0; i < t->nflows; i++)
        flows[i] = (struct gw_flow_id){.src = t->flow[i].client,
                                       .proto = t->flow[i].proto,
                                       .sport = t->flow[i].client_port,
                                       .dport = t->flow[i].port};
    return l->agent->moved != NULL && l->agent->moved(l->agent->moved_user, &about);
}

/* An agent that is no more had frozen it. */
void gwd_move_thaw(struct gwd_line *l, const uint8_t *octets, size_t len, int fd)
{
    struct gw_frame_transaction *t = malloc(sizeof *t);
    struct gw_tcp_why why = {""};
    uint8_t said[sizeof why.text + 1] = {0};
    if (t == NULL || gw_frame_read_transaction(octets, len, t) < 0) {
        said[0] = 2;
        close(fd);
    } else if (has_moved(l, t)) {
        said[0] = 1;
        gwd_move_bury(l->agent, fd);
    } else {
        said[0] = gw_tcp_frozen(fd) && gw_tcp_thaw(fd, &why) < 0 ? 2 : 0;
        close(fd);
    }
    free(t);
    l->agent->daemon->count.moves_thawed++;
    size_t n = strlen(why.text);
    memcpy(said + 1, why.text, n);
    gwd_line_send(l, &(struct gw_frame){.type = GW_FRAME_THAWED, .len = (uint32_t)n + 1}, said);
}

void gwd_move_close(struct gwd_agent *a)
{
    for (struct gwd_move *m = a->moves, *next; m != NULL; m = next) {
        next = m->next;
        gwd_move_fail(m, GW_EAGAIN, "the agent ends");
        m->user.event(m->user.user, m, m->event, m->err, m->why);
        release_memory(m);
    }
    for (struct gwd_grave *g = a->graves, *next; g != NULL; g = next) {
        next = g->next;
        close_grave(&g->timer, NULL);
    }
    for (struct gwd_line *l = a->links, *next; l != NULL; l = next) {
        next = l->next;
        gwd_line_close(l);
    }
}

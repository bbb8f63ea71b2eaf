/* move.c: libgodwit-instance's moves: the agent's commands become callbacks, and what these say
 * becomes answers. See instance.h, and wire/instance.h for who says what when.
 *
 * Each command is answered once; a callback that says GWI_LATER puts its answer off. A new socket,
 * asked for a connection that arrives, is made here: so it is of this process's network namespace.
 */
#include "instance/instance.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- answers ---- */

static void done(gwi_move *m, int status, const char *why)
{
    uint8_t octets[GWI_TEXT + 1];
    size_t len = strnlen(why, GWI_TEXT);
    octets[0] = status != 0;
    memcpy(octets + 1, why, len);
    gwi_send(m->g,
             &(struct gw_frame){.type = GW_FRAME_DONE, .move = m->id, .len = (uint32_t)len + 1},
             octets, -1);
}

static void refuse(gwi_move *m, int err, const char *what)
{
    char why[GWI_TEXT];
    snprintf(why, sizeof why, "%s: %s", what, strerror(err < 0 && err > -4096 ? -err : EIO));
    done(m, 1, why);
}

static void forget(gwi_move *m)
{
    gwi_move **at = &m->g->first;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    free(m->piece);
    free(m);
}

static void close_conns(gwi_move *m)
{
    for (size_t i = 0; i < m->nconns; i++)
        if (!m->conns[i].taken)
            close(m->conns[i].fd);
    m->nconns = 0;
}

static void abandon(gwi_move *m, const char *why)
{
    if (m->in)
        close_conns(m);
    if (m->begun)
        m->g->cb.abandon(m->g->user, m, why);
    forget(m);
}

static void release(gwi_move *m)
{
    m->g->cb.release(m->g->user, m);
    close_conns(m);
    forget(m);
}

static void resume(gwi_move *m)
{
    m->g->cb.resume(m->g->user, m);
    close_conns(m);
    done(m, 0, "");
    forget(m);
}

/* ---- callbacks ---- */

static int begin(gwi_move *m)
{
    gwi *g = m->g;
    int rc = m->in ? g->cb.begin_import(g->user, m) : g->cb.begin_export(g->user, m);
    if (rc == GWI_LATER)
        return rc;
    m->begun = rc >= 0;
    m->due = GWI_DUE_NOTHING;
    if (rc < 0) {
        refuse(m, rc, m->in ? "it takes no transaction" : "it gives no transaction away");
        forget(m);
    } else {
        done(m, 0, "");
    }
    return 0;
}

static int give_state(gwi_move *m)
{
    gwi *g = m->g;
    size_t room = m->pull < sizeof g->out ? m->pull : sizeof g->out;
    ssize_t n = g->cb.export_state(g->user, m, g->out, room);
    if (n == GWI_LATER)
        return GWI_LATER;
    m->due = GWI_DUE_NOTHING;
    if (n < 0 || (size_t)n > room)
        refuse(m, n < 0 ? (int)n : -EOVERFLOW, "its state");
    else
        gwi_send(g, &(struct gw_frame){.type = GW_FRAME_STATE, .move = m->id, .len = (uint32_t)n},
                 g->out, -1);
    return 0;
}

static int take_piece(gwi_move *m)
{
    int rc = m->g->cb.import_state(m->g->user, m, m->piece, m->piece_len);
    if (rc == GWI_LATER)
        return rc;
    m->due = GWI_DUE_NOTHING;
    free(m->piece);
    m->piece = NULL;
    if (rc < 0)
        refuse(m, rc, "the state");
    else
        done(m, 0, "");
    return 0;
}

static int confirm(gwi_move *m)
{
    int rc = m->g->cb.confirm != NULL ? m->g->cb.confirm(m->g->user, m) : 0;
    if (rc == GWI_LATER)
        return rc;
    m->due = GWI_DUE_NOTHING;
    m->confirmed = rc >= 0;
    if (rc < 0)
        refuse(m, rc, "it does not confirm");
    else
        done(m, 0, "");
    return 0;
}

static void call(gwi_move *m)
{
    m->ready = false;
    switch (m->due) {
    case GWI_DUE_BEGIN:
        begin(m);
        break;
    case GWI_DUE_STATE:
        give_state(m);
        break;
    case GWI_DUE_PIECE:
        take_piece(m);
        break;
    case GWI_DUE_CONFIRM:
        confirm(m);
        break;
    case GWI_DUE_NOTHING:
    case GWI_DUE_THAW:
        break;
    }
}

void gwi_ready(gwi_move *m)
{
    m->ready = true;
}

void gwi_run_ready(gwi *g)
{
    for (gwi_move *m = g->first, *next; m != NULL; m = next) {
        next = m->next;
        if (m->ready)
            call(m);
    }
}

/* ---- commands ---- */

static void start(gwi *g, const struct gw_frame *f, const uint8_t *octets)
{
    gwi_move *m = calloc(1, sizeof *m), none = {.g = g, .id = f->move};
    if (m == NULL || !g->moves || gw_frame_read_transaction(octets, f->len, &m->about) < 0) {
        done(&none, 1, m == NULL ? "no memory" : "it moves nothing");
        free(m);
        return;
    }
    m->g = g;
    m->id = f->move;
    m->in = f->type == GW_FRAME_IMPORT;
    m->next = g->first;
    g->first = m;
    m->due = GWI_DUE_BEGIN;
    call(m);
}

static void make_socket(gwi_move *m, uint16_t label)
{
    int fd = m->nconns < GWI_CONNECTIONS ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        refuse(m, -errno, "a socket");
        return;
    }
    m->conns[m->nconns++] = (struct gwi_conn){.fd = fd, .label = label};
    gwi_send(m->g, &(struct gw_frame){.type = GW_FRAME_GIVE, .move = m->id, .label = label}, "",
             fd);
}

static void keep_piece(gwi_move *m, const uint8_t *octets, size_t len)
{
    m->piece = malloc(len > 0 ? len : 1);
    if (m->piece == NULL) {
        refuse(m, -ENOMEM, "the state");
        return;
    }
    memcpy(m->piece, octets, len);
    m->piece_len = len;
    m->due = GWI_DUE_PIECE;
    call(m);
}

static uint32_t number(const uint8_t *octets, size_t len)
{
    uint32_t n = 0;
    for (size_t i = 0; i < len && i < 4; i++)
        n = n << 8 | octets[i];
    return n;
}

static void obey(gwi_move *m, const struct gw_frame *f, const uint8_t *octets)
{
    char why[GWI_TEXT];
    switch (f->type) {
    case GW_FRAME_PULL:
        m->pull = number(octets, f->len);
        m->due = GWI_DUE_STATE;
        call(m);
        break;
    case GW_FRAME_PUSH:
        keep_piece(m, octets, f->len);
        break;
    case GW_FRAME_SOCKET:
        make_socket(m, f->label);
        break;
    case GW_FRAME_WHOLE:
        m->due = GWI_DUE_CONFIRM;
        call(m);
        break;
    case GW_FRAME_RESUME:
        resume(m);
        break;
    case GW_FRAME_ABANDON:
        snprintf(why, sizeof why, "%.*s", (int)f->len, (const char *)octets);
        abandon(m, why);
        break;
    case GW_FRAME_RELEASE:
        release(m);
        break;
    default: /* of a later version: nobody waits for an answer that this one does not know */
        break;
    }
}

static void answered(gwi *g, const struct gw_frame *f, const uint8_t *octets)
{
    char why[GWI_TEXT];
    if (f->len == 0 || octets[0] == 0)
        return;
    snprintf(why, sizeof why, "%.*s", (int)f->len - 1, (const char *)octets + 1);
    gwi_fail(g, -EINVAL, "%s", why);
    if (g->moves && g->cb.refused != NULL)
        g->cb.refused(g->user, why);
}

/* Answers come in the order of what was asked. */
static void thawed(gwi *g, const struct gw_frame *f, const uint8_t *octets)
{
    gwi_move *m = g->first;
    while (m != NULL && m->due != GWI_DUE_THAW)
        m = m->next;
    if (m == NULL || f->len == 0)
        return;
    m->elsewhere = m->elsewhere || octets[0] == 1;
    if (--m->thawing > 0)
        return;
    if (m->elsewhere)
        release(m);
    else
        abandon(m, "the agent was lost");
}

void gwi_handle(gwi *g, const struct gw_frame *f, const uint8_t *octets)
{
    gwi_move *m = g->first;
    if (f->type == GW_FRAME_ANSWER) {
        answered(g, f, octets);
        return;
    }
    if (f->type == GW_FRAME_THAWED) {
        thawed(g, f, octets);
        return;
    }
    if (f->type == GW_FRAME_EXPORT || f->type == GW_FRAME_IMPORT) {
        start(g, f, octets);
        return;
    }
    while (m != NULL && m->id != f->move)
        m = m->next;
    if (m != NULL)
        obey(m, f, octets);
}

/* ---- a lost agent ---- */

static bool is_frozen(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    return getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, &len) == 0 && on != 0;
}

static size_t count_frozen(const gwi_move *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->nconns; i++)
        n += is_frozen(m->conns[i].fd);
    return n;
}

/* What was leaving goes on here, unless the agent had frozen connections: then another one must say
 * what is to become of it. What was arriving is forgotten, unless it had been set going. */
void gwi_agent_lost(gwi *g)
{
    for (gwi_move *m = g->first, *next; m != NULL; m = next) {
        next = m->next;
        size_t frozen = count_frozen(m);
        if (!m->in && frozen > 0)
            m->due = GWI_DUE_THAW;
        else if (m->in && m->confirmed && m->nconns > 0 && frozen == 0)
            resume(m);
        else
            abandon(m, "the agent is gone");
    }
}

static void ask_about(gwi_move *m)
{
    size_t len = gw_frame_write_transaction(&m->about, m->g->out);
    m->thawing = 0;
    for (size_t i = 0; i < m->nconns; i++)
        if (is_frozen(m->conns[i].fd) &&
            gwi_send(m->g, &(struct gw_frame){.type = GW_FRAME_THAW, .len = (uint32_t)len},
                     m->g->out, m->conns[i].fd) == 0)
            m->thawing++;
}

void gwi_agent_found(gwi *g)
{
    for (gwi_move *m = g->first; m != NULL; m = m->next)
        if (m->due == GWI_DUE_THAW)
            ask_about(m);
}

void gwi_abandon_all(gwi *g)
{
    for (gwi_move *m = g->first, *next; m != NULL; m = next) {
        next = m->next;
        abandon(m, "the instance ends");
    }
}

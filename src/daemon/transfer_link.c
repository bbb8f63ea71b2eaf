/* transfer_link.c: a connection between two egresses for one transaction: TCP of libuv, TLS over it
 * (sys/tls.h), frames in it (wire/transfer.h). The old egress connects, from its node's address to
 * that of the new one; the new one listens. See transfer.h.
 */
#include "daemon/transfer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM  (256u << 10) /* octets that wait to leave */
#define PIECE 16384u

struct gwd_link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct gwd_transfers *all;
    struct gwd_link *next;
    struct gwd_haul *haul; /* NULL: not known yet, or not any more */
    struct gw_tls *tls;
    bool server, closing, greeted, deaf; /* deaf: it was refused, and may leave */
    uint64_t heard;                      /* of the loop */
    size_t queued;                       /* octets that wait to leave */
    size_t used;
    uint8_t in[GW_TFRAME_MAX], cipher[PIECE];
};
struct outgoing {
    uv_write_t write;
    struct gwd_link *link;
    size_t len;
    uint8_t data[];
};

static struct gwd *daemon_of(const struct gwd_link *l)
{
    return l->all->daemon;
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void closed(uv_handle_t *handle)
{
    struct gwd_link *l = handle->data, **p = &l->all->links;

    while (*p != l)
        p = &(*p)->next;
    *p = l->next;
    l->all->nlinks--;
    gw_tls_free(l->tls);
    free(l);
}

void gwd_link_close(struct gwd_link *l)
{
    struct gwd_haul *h = l->haul;

    if (l->closing || uv_is_closing((uv_handle_t *)&l->tcp)) /* the loop ends */
        return;
    l->closing = true;
    l->haul = NULL;
    if (h != NULL)
        gwd_haul_cut(h);
    uv_close((uv_handle_t *)&l->tcp, closed);
}

/* It is no use any more, for a reason that somebody may want to know. */
static void broken(struct gwd_link *l, const char *why)
{
    struct gwd *d = daemon_of(l);

    if (l->closing || uv_is_closing((uv_handle_t *)&l->tcp))
        return;
    d->count.transfer_failures++;
    gw_log(&d->logger.log, GW_LOG_INFO, GW_CAT_NODE, "transfer-connection", "%s %s: %s",
           l->server ? "from" : "to", l->haul != NULL ? gwd_haul_peer_name(l->haul) : "somebody",
           why);
    gwd_link_close(l);
}

static struct gwd_link *make(struct gwd_transfers *x, bool server)
{
    struct gwd_link *l = x->nlinks < GWD_LINKS_MAX ? calloc(1, sizeof *l) : NULL;

    if (l == NULL) {
        x->daemon->count.transfer_limit++;
        return NULL;
    }
    l->all = x;
    l->server = server;
    l->heard = uv_now(&x->daemon->loop);
    l->tls = gw_tls_new(x->tls, server);
    if (l->tls == NULL || uv_tcp_init(&x->daemon->loop, &l->tcp) < 0) {
        gw_tls_free(l->tls);
        free(l);
        return NULL;
    }
    l->tcp.data = l->connect.data = l;
    l->next = x->links;
    x->links = l;
    x->nlinks++;
    uv_tcp_nodelay(&l->tcp, 1);
    uv_timer_again(&x->clock);
    x->daemon->count.transfer_connections++;
    return l;
}

/* -- what leaves --------------------------------------------------------------------------------
 */

static void written(uv_write_t *write, int status)
{
    struct outgoing *o = write->data;
    struct gwd_link *l = o->link;

    l->queued -= o->len;
    free(o);
    if (l->closing)
        return;
    if (status < 0)
        broken(l, uv_strerror(status));
    else if (l->haul != NULL && l->haul->old && l->greeted)
        gwd_haul_push(l->haul);
}

static void flush(struct gwd_link *l)
{
    while (!l->closing) {
        struct outgoing *o = malloc(sizeof *o + PIECE);
        size_t len = o != NULL ? gw_tls_take(l->tls, o->data, PIECE) : 0;
        if (len == 0) {
            free(o);
            return;
        }
        o->link = l;
        o->len = len;
        o->write.data = o;
        uv_buf_t buf = uv_buf_init((char *)o->data, (unsigned)len);
        int rc = uv_write(&o->write, (uv_stream_t *)&l->tcp, &buf, 1, written);
        if (rc < 0) {
            free(o);
            broken(l, uv_strerror(rc));
            return;
        }
        l->queued += len;
    }
}

bool gwd_link_room(const struct gwd_link *l)
{
    return !l->closing && !l->deaf && l->greeted && l->queued < ROOM;
}

void gwd_link_say(struct gwd_link *l, const struct gw_tframe *f)
{
    uint8_t out[GW_TFRAME_MAX];
    size_t len = gw_tframe_write(f, out);

    if (l->closing || l->deaf)
        return;
    l->deaf = f->type == GW_TFRAME_NO;
    if (gw_tls_write(l->tls, out, len) != 0)
        broken(l, "cannot be written to");
    else
        flush(l);
}

static void refuse(struct gwd_link *l, uint8_t code)
{
    gwd_link_say(l, &(struct gw_tframe){.type = GW_TFRAME_NO, .code = code});
}

/* -- what comes ---------------------------------------------------------------------------------
 */

/* Is the other end the egress that this transaction is shared with? */
static bool is_peer(const struct gwd_link *l, const struct gwd_haul *h)
{
    return gw_tls_names(l->tls, h->old ? &h->what.to_egress : &h->what.from_egress,
                        gwd_haul_peer_name(h));
}

static void stranger(struct gwd_link *l, const struct gwd_haul *h)
{
    struct gwd *d = daemon_of(l);

    d->count.transfer_strangers++;
    gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "transfer-refused",
           "the certificate of the other end of a transfer does not name %s",
           gwd_haul_peer_name(h));
    refuse(l, GW_TRANSFER_DENIED);
}

/* New egress: which transaction it is about. */
static void hello(struct gwd_link *l, const struct gw_tframe *f)
{
    struct gwd_haul *h = gwd_haul_find(l->all, false, &f->hello.ingress, f->hello.id);

    if (h == NULL) { /* nobody has announced it, or not yet: the old egress comes again */
        daemon_of(l)->count.transfer_unannounced++;
        refuse(l, GW_TRANSFER_UNKNOWN);
        return;
    }
    if (!is_peer(l, h)) {
        stranger(l, h);
        return;
    }
    if (h->link != NULL)
        gwd_link_close(h->link);
    h->link = l;
    l->haul = h;
    l->greeted = true;
    gwd_link_say(l, &(struct gw_tframe){.type = GW_TFRAME_AT, .octets = h->at});
}

/* Old egress: the handshake is over. */
static void greet(struct gwd_link *l)
{
    struct gw_tframe f = {.type = GW_TFRAME_HELLO};

    if (!is_peer(l, l->haul)) {
        stranger(l, l->haul);
        return;
    }
    f.hello.ingress = l->haul->what.ingress;
    f.hello.id = l->haul->what.id;
    l->greeted = true;
    gwd_haul_up(l->haul);
    gwd_link_say(l, &f);
}

/* false: no more of them for now. */
static bool take(struct gwd_link *l, const struct gw_tframe *f)
{
    bool server = l->server, known = l->haul != NULL;
    enum gw_tframe_type type = (enum gw_tframe_type)f->type;

    if (type == GW_TFRAME_HELLO && server && !known)
        hello(l, f);
    else if (type == GW_TFRAME_AT && !server && known)
        gwd_haul_at(l->haul, f->octets);
    else if (type == GW_TFRAME_NO && !server && known)
        gwd_haul_refused(l->haul, f->code);
    else if (type == GW_TFRAME_DATA && server && known)
        return gwd_haul_octets(l->haul, f->data.octets, f->data.len);
    else if (type == GW_TFRAME_END && server && known)
        gwd_haul_end(l->haul, f->octets);
    else
        broken(l, "something else was expected");
    return !l->closing;
}

static bool busy(const struct gwd_link *l)
{
    return l->haul != NULL && !l->haul->old && l->haul->feeding;
}

/* The frames that are there. false: not now. */
static bool frames(struct gwd_link *l)
{
    struct gw_tframe f;

    while (!l->closing && !busy(l)) {
        int n = l->deaf ? 0 : gw_tframe_read(l->in, l->used, &f);
        if (l->deaf)
            l->used = 0;
        if (n == 0)
            return true;
        if (n < 0) {
            broken(l, "what it says is no frame");
            return false;
        }
        bool more = take(l, &f);
        if (l->closing)
            return false;
        l->used -= (size_t)n;
        memmove(l->in, l->in + n, l->used);
        if (!more)
            return false;
    }
    return false;
}

static void pump(struct gwd_link *l)
{
    struct gw_tls_why why = {.text = ""};
    int n = 1;

    while (n > 0 && frames(l)) {
        n = gw_tls_read(l->tls, l->in + l->used, sizeof l->in - l->used, &why);
        if (!l->closing && !l->server && !l->greeted && !l->deaf && gw_tls_up(l->tls))
            greet(l);
        if (n > 0)
            l->used += (size_t)n;
    }
    flush(l); /* also the alert that says why */
    if (n == GW_ENOENT)
        gwd_link_close(l);
    else if (n < 0)
        broken(l, why.text);
}

void gwd_link_go_on(struct gwd_link *l)
{
    if (!l->closing)
        pump(l);
}

static void buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct gwd_link *l = handle->data;

    (void)suggested;
    *buf = uv_buf_init((char *)l->cipher, sizeof l->cipher);
}

static void came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct gwd_link *l = stream->data;

    if (n < 0) {
        broken(l, uv_strerror((int)n));
        return;
    }
    l->heard = uv_now(&daemon_of(l)->loop);
    if (gw_tls_put(l->tls, (const uint8_t *)buf->base, (size_t)n) != 0)
        broken(l, "no memory");
    else
        pump(l);
}

static void start(struct gwd_link *l)
{
    if (uv_read_start((uv_stream_t *)&l->tcp, buffer, came) < 0)
        broken(l, "cannot be read from");
    else
        pump(l);
}

/* -- both ends ----------------------------------------------------------------------------------
 */

static struct sockaddr_in6 name_of(const struct gw_addr *a, uint16_t port)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memcpy(&sa.sin6_addr, a->b, 16);
    return sa;
}

static void connected(uv_connect_t *connect, int status)
{
    struct gwd_link *l = connect->data;

    if (l->closing)
        return;
    if (status < 0)
        broken(l, uv_strerror(status));
    else
        start(l);
}

void gwd_link_open(struct gwd_haul *h)
{
    const struct gw_config *c = h->all->daemon->conf;
    struct gwd_link *l = h->all->tls != NULL ? make(h->all, false) : NULL;
    struct sockaddr_in6 from = name_of(&c->addr, 0);
    struct sockaddr_in6 to = name_of(&h->what.to_egress, c->handover.transfer.port);

    if (l == NULL) {
        gwd_haul_cut(h);
        return;
    }
    h->link = l;
    l->haul = h;
    if (uv_tcp_bind(&l->tcp, (const struct sockaddr *)&from, 0) < 0 ||
        uv_tcp_connect(&l->connect, &l->tcp, (const struct sockaddr *)&to, connected) < 0)
        broken(l, "cannot connect");
}

static void called(uv_stream_t *listener, int status)
{
    struct gwd_transfers *x = listener->data;
    struct gwd_link *l = status == 0 ? make(x, true) : NULL;

    if (l == NULL) /* what waits in the queue is not looked at, and leaves */
        return;
    if (uv_accept(listener, (uv_stream_t *)&l->tcp) < 0)
        broken(l, "cannot be taken");
    else
        start(l);
}

int gwd_links_listen(struct gwd_transfers *x)
{
    const struct gw_config *c = x->daemon->conf;
    struct sockaddr_in6 sa = name_of(&c->addr, c->handover.transfer.port);
    int rc = uv_tcp_init(&x->daemon->loop, &x->listener);

    if (rc < 0) {
        errno = -rc;
        return GW_ESYS;
    }
    x->listener.data = x;
    x->listening = true;
    rc = uv_tcp_bind(&x->listener, (const struct sockaddr *)&sa, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&x->listener, 64, called);
    errno = -rc;
    return rc < 0 ? GW_ESYS : 0;
}

/* Who waits for an instance here is not silent. */
void gwd_links_tick(struct gwd_transfers *x)
{
    uint64_t now = uv_now(&x->daemon->loop);

    for (struct gwd_link *l = x->links; l != NULL; l = l->next) {
        bool waits =
            l->greeted && !l->deaf &&
            (l->haul == NULL || !l->haul->old || l->haul->done || l->haul->got == l->haul->len);
        if (!l->closing && !waits && now - l->heard > GWD_LINK_PATIENCE_MS)
            broken(l, "it is silent");
    }
}

void gwd_links_free(struct gwd_transfers *x)
{
    while (x->links != NULL) {
        struct gwd_link *l = x->links;
        x->links = l->next;
        gw_tls_free(l->tls);
        free(l);
    }
}

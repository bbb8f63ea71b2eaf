/* about.c: what an application asks of a transaction that moves, and its connections. See
 * instance.h. */
#include "instance/instance.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct gwi_service gwi_move_service(const gwi_move *m)
{
    struct gwi_service s = {.protocol = m->about.proto, .port = m->about.port};
    memcpy(s.address, m->about.cs_id.b, sizeof s.address);
    return s;
}

struct gwi_client gwi_move_client(const gwi_move *m)
{
    struct gwi_client c = {.prefix_len = m->about.client.len};
    memcpy(c.address, m->about.client.addr.b, sizeof c.address);
    return c;
}

void gwi_move_set(gwi_move *m, void *data)
{
    m->data = data;
}

void *gwi_move_get(const gwi_move *m)
{
    return m->data;
}

static bool in_prefix(const struct gw_prefix *p, const struct in6_addr *a)
{
    unsigned octets = p->len / 8, bits = p->len % 8;
    if (memcmp(p->addr.b, a, octets) != 0)
        return false;
    return bits == 0 || (p->addr.b[octets] ^ a->s6_addr[octets]) >> (8 - bits) == 0;
}

static bool in_flows(const struct gw_frame_transaction *t, const struct sockaddr_in6 *near,
                     const struct sockaddr_in6 *far)
{
    for (size_t i = 0; i < t->nflows; i++) {
        const struct gw_frame_flow *f = &t->flow[i];
        if ((f->proto == 0 || f->proto == IPPROTO_TCP) &&
            memcmp(f->client.b, &far->sin6_addr, sizeof f->client.b) == 0 &&
            (f->client_port == 0 || f->client_port == ntohs(far->sin6_port)) &&
            (f->port == 0 || f->port == ntohs(near->sin6_port)))
            return true;
    }
    return t->nflows == 0;
}

int gwi_move_covers(const gwi_move *m, int fd)
{
    const struct gw_frame_transaction *t = &m->about;
    struct sockaddr_in6 near = {0}, far = {0};
    socklen_t near_len = sizeof near, far_len = sizeof far;
    if (getsockname(fd, (struct sockaddr *)&near, &near_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&far, &far_len) < 0)
        return -ENOTCONN;
    return near.sin6_family == AF_INET6 && far.sin6_family == AF_INET6 &&
           memcmp(t->cs_id.b, &near.sin6_addr, sizeof t->cs_id.b) == 0 &&
           (t->port == 0 || t->port == ntohs(near.sin6_port)) &&
           in_prefix(&t->client, &far.sin6_addr) && in_flows(t, &near, &far);
}

static struct gwi_conn *find(const gwi_move *m, unsigned label)
{
    for (size_t i = 0; i < m->nconns; i++)
        if (m->conns[i].label == label && !m->conns[i].taken)
            return (struct gwi_conn *)(uintptr_t)&m->conns[i];
    return NULL;
}

int gwi_give(gwi_move *m, int fd, unsigned label)
{
    if (m->in || label > UINT16_MAX || find(m, label) != NULL || gwi_move_covers(m, fd) != 1)
        return gwi_fail(m->g, -EINVAL, "connection %u is not of this transaction", label);
    if (m->nconns == GWI_CONNECTIONS)
        return gwi_fail(m->g, -EMFILE, "too many connections");
    m->conns[m->nconns++] = (struct gwi_conn){.fd = fd, .label = (uint16_t)label};
    return gwi_send(
        m->g, &(struct gw_frame){.type = GW_FRAME_GIVE, .move = m->id, .label = (uint16_t)label},
        "", fd);
}

int gwi_take(gwi_move *m, unsigned label)
{
    struct gwi_conn *c = m->in ? find(m, label) : NULL;
    if (c == NULL)
        return gwi_fail(m->g, -ENOENT, "no connection %u came", label);
    c->taken = true;
    return c->fd;
}

size_t gwi_labels(const gwi_move *m, unsigned *labels, size_t size)
{
    for (size_t i = 0; i < m->nconns && i < size; i++)
        labels[i] = m->conns[i].label;
    return m->nconns;
}

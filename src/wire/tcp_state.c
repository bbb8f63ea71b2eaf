/* tcp_state.c: see tcp_state.h. */
#include "wire/tcp_state.h"

#include "base/cursor.h"
#include "base/err.h"

#define WSCALE_MAX 14         /* RFC 7323 §2.3 */
#define MSS_MIN    64         /* less than the kernel itself would use */
#define BUFFER_MAX (1u << 30) /* of one socket */

static const uint8_t magic[4] = {'G', 'W', 'T', 'C'};

size_t gw_tcp_state_size(const struct gw_tcp_state *s)
{
    return (size_t)GW_TCP_STATE_HEAD + s->recv_len + s->send_len;
}

static void write_numbers(struct gw_wr *w, const struct gw_tcp_state *s)
{
    gw_wr_u16(w, s->lport);
    gw_wr_u16(w, s->rport);
    gw_wr_u32(w, s->recv_seq);
    gw_wr_u32(w, s->send_seq);
    gw_wr_u32(w, s->recv_len);
    gw_wr_u32(w, s->send_len);
    gw_wr_u32(w, s->unsent_len);
    gw_wr_u16(w, s->mss);
    gw_wr_u8(w, s->peer_wscale);
    gw_wr_u8(w, s->own_wscale);
    gw_wr_u32(w, s->timestamp);
    gw_wr_u32(w, s->snd_wl1);
    gw_wr_u32(w, s->snd_wnd);
    gw_wr_u32(w, s->max_window);
    gw_wr_u32(w, s->rcv_wnd);
    gw_wr_u32(w, s->rcv_wup);
}

static void write_options(struct gw_wr *w, const struct gw_tcp_state *s)
{
    gw_wr_u32(w, s->sndbuf);
    gw_wr_u32(w, s->rcvbuf);
    gw_wr_u8(w, s->tclass);
    gw_wr_u8(w, s->hops);
    gw_wr_u16(w, s->keep_count);
    gw_wr_u32(w, s->keep_idle);
    gw_wr_u32(w, s->keep_interval);
    gw_wr_u32(w, s->user_timeout);
    gw_wr_u32(w, s->unsent_low);
    gw_wr_put(w, s->congestion, sizeof s->congestion);
}

size_t gw_tcp_state_write(const struct gw_tcp_state *s, uint8_t *buf)
{
    struct gw_wr w = gw_wr_make(buf, GW_TCP_STATE_HEAD);
    gw_wr_put(&w, magic, sizeof magic);
    gw_wr_u16(&w, GW_TCP_STATE_VERSION);
    gw_wr_u16(&w, s->flags);
    gw_wr_put(&w, s->local.b, sizeof s->local.b);
    gw_wr_put(&w, s->remote.b, sizeof s->remote.b);
    write_numbers(&w, s);
    write_options(&w, s);
    if (s->recv_len > 0 && s->recv != w.p)
        memcpy(w.p, s->recv, s->recv_len);
    if (s->send_len > 0 && s->send != w.p + s->recv_len)
        memcpy(w.p + s->recv_len, s->send, s->send_len);
    return gw_tcp_state_size(s);
}

static void read_numbers(struct gw_rd *r, struct gw_tcp_state *s)
{
    s->lport = gw_rd_u16(r);
    s->rport = gw_rd_u16(r);
    s->recv_seq = gw_rd_u32(r);
    s->send_seq = gw_rd_u32(r);
    s->recv_len = gw_rd_u32(r);
    s->send_len = gw_rd_u32(r);
    s->unsent_len = gw_rd_u32(r);
    s->mss = gw_rd_u16(r);
    s->peer_wscale = gw_rd_u8(r);
    s->own_wscale = gw_rd_u8(r);
    s->timestamp = gw_rd_u32(r);
    s->snd_wl1 = gw_rd_u32(r);
    s->snd_wnd = gw_rd_u32(r);
    s->max_window = gw_rd_u32(r);
    s->rcv_wnd = gw_rd_u32(r);
    s->rcv_wup = gw_rd_u32(r);
}

static void read_options(struct gw_rd *r, struct gw_tcp_state *s)
{
    s->sndbuf = gw_rd_u32(r);
    s->rcvbuf = gw_rd_u32(r);
    s->tclass = gw_rd_u8(r);
    s->hops = gw_rd_u8(r);
    s->keep_count = gw_rd_u16(r);
    s->keep_idle = gw_rd_u32(r);
    s->keep_interval = gw_rd_u32(r);
    s->user_timeout = gw_rd_u32(r);
    s->unsent_low = gw_rd_u32(r);
    gw_rd_copy(r, s->congestion, sizeof s->congestion);
}

static bool is_unicast(const struct gw_addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 §2.5.5.2 */
    return !gw_addr_is_zero(a) && !gw_addr_is_multicast(a) && !gw_addr_is_link_local(a) &&
           memcmp(a->b, mapped, sizeof mapped) != 0;
}

/* Is a after b, in sequence space? */
static bool is_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static const char *judge_windows(const struct gw_tcp_state *s)
{
    uint32_t rcv_nxt = s->recv_seq + s->recv_len;
    if (s->peer_wscale > WSCALE_MAX || s->own_wscale > WSCALE_MAX)
        return "a window scale above 14";
    if ((s->flags & GW_TCP_WSCALE) == 0 && (s->peer_wscale | s->own_wscale) != 0)
        return "a window scale that was not agreed on";
    if (s->snd_wnd > s->max_window)
        return "a send window larger than the largest";
    if (is_after(s->snd_wl1, rcv_nxt + s->rcv_wnd) || is_after(s->rcv_wup, rcv_nxt))
        return "windows outside the sequence numbers";
    return NULL;
}

/* NULL, or why no kernel should take it. */
static const char *judge(const struct gw_tcp_state *s)
{
    if ((s->flags & ~(unsigned)GW_TCP_FLAGS) != 0)
        return "an unknown flag";
    if (!is_unicast(&s->local) || !is_unicast(&s->remote) || s->lport == 0 || s->rport == 0)
        return "an address or port that cannot travel";
    if (s->unsent_len > s->send_len)
        return "more unsent than there is";
    if (s->mss < MSS_MIN)
        return "a segment size below 64";
    if (s->sndbuf > BUFFER_MAX || s->rcvbuf > BUFFER_MAX)
        return "a buffer above 1 GiB";
    if (memchr(s->congestion, '\0', sizeof s->congestion) == NULL)
        return "a congestion control without a name's end";
    return judge_windows(s);
}

int gw_tcp_state_read(const uint8_t *buf, size_t len, struct gw_tcp_state *s, const char **why)
{
    struct gw_rd r = gw_rd_make(buf, len);
    const uint8_t *head = gw_rd_take(&r, sizeof magic);
    uint16_t version = gw_rd_u16(&r);
    *s = (struct gw_tcp_state){.flags = gw_rd_u16(&r)};
    *why = "not the state of a connection";
    if (r.bad || memcmp(head, magic, sizeof magic) != 0)
        return GW_EFORMAT;
    *why = "the state of a connection in another version";
    if (version != GW_TCP_STATE_VERSION)
        return GW_EVERSION;
    gw_rd_copy(&r, s->local.b, sizeof s->local.b);
    gw_rd_copy(&r, s->remote.b, sizeof s->remote.b);
    read_numbers(&r, s);
    read_options(&r, s);
    *why = "the lengths of its queues disagree with its own";
    if (r.bad || s->recv_len > GW_TCP_QUEUE_MAX || s->send_len > GW_TCP_QUEUE_MAX ||
        gw_rd_left(&r) != (size_t)s->recv_len + s->send_len)
        return GW_EFORMAT;
    s->recv = gw_rd_take(&r, s->recv_len);
    s->send = gw_rd_take(&r, s->send_len);
    *why = judge(s);
    return *why == NULL ? GW_OK : GW_EFORMAT;
}

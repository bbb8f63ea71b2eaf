/* icmp.c: see icmp.h. */
#include "sys/icmp.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

bool gw_icmp_rate_take(struct gw_icmp_rate *b, uint32_t rate, uint32_t burst, struct gw_time now)
{
    int64_t token = 1000000 / (int64_t)rate, most = token * (int64_t)burst;
    int64_t passed = (now.ns - b->last.ns) / 1000;
    b->last = now;
    b->tokens_us = passed > most - b->tokens_us ? most : b->tokens_us + passed;
    if (b->tokens_us < token)
        return false;
    b->tokens_us -= token;
    return true;
}

size_t gw_icmp_param_problem(const struct gw_mh_addrs *addrs, uint16_t pointer, const uint8_t *mh,
                             size_t len, uint8_t out[static GW_ICMP_MAX])
{
    struct gw_wr w = gw_wr_make(out, GW_ICMP_MAX);
    size_t room = GW_ICMP_MAX - 8 - 40;
    gw_wr_u8(&w, ICMP6_PARAM_PROB);
    gw_wr_u8(&w, ICMP6_PARAMPROB_HEADER);
    gw_wr_u16(&w, 0);
    gw_wr_u32(&w, 40u + pointer);
    /* The IPv6 header as it came, as far as the socket tells. */
    gw_wr_u32(&w, 6u << 28);
    gw_wr_u16(&w, (uint16_t)len);
    gw_wr_u8(&w, GW_IPPROTO_MH);
    gw_wr_u8(&w, 64);
    gw_wr_put(&w, addrs->dst.b, sizeof addrs->dst.b);
    gw_wr_put(&w, addrs->src.b, sizeof addrs->src.b);
    gw_wr_put(&w, mh, len < room ? len : room);
    return gw_wr_len(&w);
}

int gw_icmp_open(const struct gw_addr *local)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    struct icmp6_filter none;
    memcpy(&sa.sin6_addr, local->b, sizeof local->b);
    ICMP6_FILTER_SETBLOCKALL(&none);
    int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    if (fd < 0)
        return GW_ESYS;
    if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &none, sizeof none) == 0 &&
        bind(fd, (const struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return GW_ESYS;
}

int gw_icmp_send(int fd, const struct gw_addr *to, const uint8_t *data, size_t len)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    memcpy(&sa.sin6_addr, to->b, sizeof to->b);
    return sendto(fd, data, len, 0, (const struct sockaddr *)&sa, sizeof sa) < 0 ? GW_ESYS : 0;
}

/* token.c: whom an egress believes that a client has moved behind it: who has a token of its old
 * ingress, for this client, new ingress and generation. It is a MAC with the key that old ingress
 * and egress share, as of their messages, over octets that no message begins with; it is good until
 * its expiry by the egress's clock, give or take what clocks may differ (timers/replay-window).
 *
 * Where peers share no key (ESP alone) there are no tokens.
 */
#include "core.h"

#include <openssl/crypto.h>

static struct gw_addr label(void)
{
    return (struct gw_addr){{'g', 'o', 'd', 'w', 'i', 't', ' ', 'm', 'o', 'v', 'e', 's'}};
}

#define TOKEN_TEXT (16u * 4u + 4u * 2u)

/* Label, client, new ingress, egress, generation, expiry. */
static void text(const struct gw_prefix *client, const struct gw_addr *to, uint32_t generation,
                 const struct gw_cats_token *t, uint8_t out[TOKEN_TEXT])
{
    struct gw_addr l = label();
    struct gw_wr w = gw_wr_make(out, TOKEN_TEXT);

    gw_wr_put(&w, l.b, 16);
    gw_wr_put(&w, client->addr.b, 16);
    gw_wr_put(&w, to->b, 16);
    gw_wr_put(&w, t->egress.b, 16);
    gw_wr_u32(&w, generation);
    gw_wr_u32(&w, t->expiry);
}

int gw_token_make(struct gw_handover *h, const struct gw_prefix *client,
                  const struct gw_addr *egress, const struct gw_addr *to, uint32_t generation,
                  struct gw_time valid, struct gw_cats_token *t)
{
    uint8_t octets[TOKEN_TEXT];
    size_t n = 0;
    struct gw_mac *keys = h->ops->keys(h->user, egress, &n);

    if (keys == NULL || n == 0)
        return GW_ENOENT;
    *t = (struct gw_cats_token){.egress = *egress,
                                .spi = keys[0].key->spi,
                                .expiry =
                                    (uint32_t)((h->now.wall_ns + valid.ns) / GW_SEC(1).ns + 1)};
    text(client, to, generation, t, octets);
    return gw_mac_octets(&keys[0], octets, sizeof octets, t->mac);
}

static bool expired(const struct gw_handover *h, const struct gw_cats_token *t)
{
    uint32_t now = (uint32_t)(h->now.wall_ns / GW_SEC(1).ns);

    return gw_cats_later(now,
                         t->expiry + (uint32_t)(h->cfg->timers.replay_window.ns / GW_SEC(1).ns));
}

int gw_token_check(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                   const struct gw_addr *old, uint32_t generation, const struct gw_cats_token *t)
{
    uint8_t octets[TOKEN_TEXT], mac[GW_CATS_TOKEN_MAC];
    size_t n = 0;
    struct gw_mac *keys = h->ops->keys(h->user, old, &n);

    if (expired(h, t))
        return GW_EAUTH;
    text(client, to, generation, t, octets);
    for (size_t i = 0; keys != NULL && i < n; i++)
        if (keys[i].key->spi == t->spi &&
            gw_mac_octets(&keys[i], octets, sizeof octets, mac) == 0 &&
            CRYPTO_memcmp(mac, t->mac, sizeof mac) == 0)
            return 0;
    return GW_EAUTH;
}

/* text.c: addresses (RFC 5952 through inet_ntop), prefixes, link-layer addresses and mobile node
 * identities as text. It resolves no names and knows no configuration syntax.
 */
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/err.h"

static const char hex_digits[] = "0123456789abcdef";

const char *gw_fmt_addr(const struct gw_addr *a, char buf[static GW_TEXT_MAX])
{
    /* 46 octets are enough for any address, so this cannot fail. */
    return inet_ntop(AF_INET6, a->b, buf, GW_TEXT_MAX);
}

const char *gw_fmt_prefix(const struct gw_prefix *p, char buf[static GW_TEXT_MAX])
{
    gw_fmt_addr(&p->addr, buf);
    size_t n = strlen(buf);
    (void)snprintf(buf + n, GW_TEXT_MAX - n, "/%u", p->len);
    return buf;
}

static char *put_hex(char *at, uint8_t octet)
{
    *at++ = hex_digits[octet >> 4];
    *at++ = hex_digits[octet & 15];
    return at;
}

static void fmt_colons(const uint8_t *b, size_t n, char *at)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *at++ = ':';
        at = put_hex(at, b[i]);
    }
    *at = '\0';
}

const char *gw_fmt_lladdr(const struct gw_lladdr *l, char buf[static GW_TEXT_MAX])
{
    fmt_colons(l->b, l->len <= sizeof l->b ? l->len : sizeof l->b, buf);
    return buf;
}

/* The backslash is escaped too, so that two identities never look the same. */
static void fmt_nai(const struct gw_mnid *m, char *at)
{
    for (size_t i = 0; i < m->len; i++) {
        uint8_t c = m->id[i];
        if (c > ' ' && c < 0x7f && c != '\\') {
            *at++ = (char)c;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        at = put_hex(at, c);
    }
    *at = '\0';
}

const char *gw_fmt_mnid(const struct gw_mnid *m, char buf[static GW_MNID_TEXT_MAX])
{
    if (m->subtype == GW_MNID_NAI) {
        fmt_nai(m, buf);
        return buf;
    }
    if (m->subtype == GW_MNID_EUI48 && m->len == 6) {
        fmt_colons(m->id, m->len, buf);
        return buf;
    }
    char *at = buf + snprintf(buf, GW_MNID_TEXT_MAX, "%u:", m->subtype);
    for (size_t i = 0; i < m->len; i++)
        at = put_hex(at, m->id[i]);
    *at = '\0';
    return buf;
}

int gw_parse_addr(const char *text, struct gw_addr *out)
{
    struct gw_addr a;

    if (inet_pton(AF_INET6, text, a.b) != 1)
        return GW_EFORMAT;
    *out = a;
    return 0;
}

/* One to three digits, no sign, no leading zero but "0" itself. */
static int parse_prefix_len(const char *text, uint8_t *out)
{
    unsigned v = 0;
    size_t n = strlen(text);

    if (n == 0 || n > 3 || (n > 1 && text[0] == '0'))
        return GW_EFORMAT;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return GW_EFORMAT;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    if (v > 128)
        return GW_EFORMAT;
    *out = (uint8_t)v;
    return 0;
}

int gw_parse_prefix(const char *text, struct gw_prefix *out)
{
    char addr[GW_TEXT_MAX];
    struct gw_prefix p;
    const char *slash = strchr(text, '/');

    if (slash == NULL || (size_t)(slash - text) >= sizeof addr)
        return GW_EFORMAT;
    memcpy(addr, text, (size_t)(slash - text));
    addr[slash - text] = '\0';
    if (gw_parse_addr(addr, &p.addr) != 0 || parse_prefix_len(slash + 1, &p.len) != 0)
        return GW_EFORMAT;
    struct gw_prefix masked = gw_prefix_mask(p.addr, p.len);
    if (!gw_prefix_eq(&masked, &p))
        return GW_EINVAL;
    *out = p;
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int gw_parse_lladdr(const char *text, struct gw_lladdr *out)
{
    struct gw_lladdr l = {0};
    size_t n = strlen(text);

    if (n != 17 && n != 23)
        return GW_EFORMAT;
    for (size_t i = 0; i < n; i += 3) {
        int hi = hex_value(text[i]), lo = hex_value(text[i + 1]);
        if (hi < 0 || lo < 0 || (i + 2 < n && text[i + 2] != ':'))
            return GW_EFORMAT;
        l.b[l.len++] = (uint8_t)(hi << 4 | lo);
    }
    *out = l;
    return 0;
}

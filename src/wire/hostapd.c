/* hostapd.c: see hostapd.h. The order of hostapd's answer decides what is believed: address, flags,
 * then the rest. The identity comes behind the flags, so that whatever octets it has cannot claim
 * an authorisation; and an identity with a line feed in it is refused when what follows is not a
 * line of hostapd's shape. (One that imitates such a line is cut there: the authentication server
 * has accepted the longer name, and a peer that it lets choose any name could take the shorter
 * one.)
 */
#include "wire/hostapd.h"

#include "base/text.h"

#define MAC_TEXT 17
#define NAI_MOST 253

struct text {
    const char *p, *end;
};

static size_t left(const struct text *t)
{
    return (size_t)(t->end - t->p);
}

static bool take(struct text *t, const char *word)
{
    size_t n = strlen(word);

    if (left(t) < n || memcmp(t->p, word, n) != 0)
        return false;
    t->p += n;
    return true;
}

/* The next line without its end; false when there is none. */
static bool line(struct text *t, struct text *out)
{
    if (left(t) == 0)
        return false;
    const char *lf = memchr(t->p, '\n', left(t));
    *out = (struct text){t->p, lf != NULL ? lf : t->end};
    t->p = lf != NULL ? lf + 1 : t->end;
    return true;
}

/* A unicast EUI-48, and nothing of an address behind it. */
static bool take_lladdr(struct text *t, struct gw_lladdr *out)
{
    char text[MAC_TEXT + 1] = {0};
    struct gw_lladdr l;

    if (left(t) < MAC_TEXT || (left(t) > MAC_TEXT && t->p[MAC_TEXT] != ' '))
        return false;
    memcpy(text, t->p, MAC_TEXT);
    if (gw_parse_lladdr(text, &l) < 0 || l.len != 6 || (l.b[0] & 1) != 0)
        return false;
    t->p += MAC_TEXT;
    *out = l;
    return true;
}

static bool take_level(struct text *t)
{
    const char *p = t->p;

    if (left(t) == 0 || *p++ != '<')
        return false;
    while (p < t->end && *p >= '0' && *p <= '9')
        p++;
    if (p == t->end || *p != '>')
        return false;
    t->p = p + 1;
    return true;
}

enum gw_hostapd_event gw_hostapd_parse(const void *data, size_t len, struct gw_lladdr *sta)
{
    static const struct {
        const char *name;
        enum gw_hostapd_event event;
    } names[] = {
        {"AP-STA-CONNECTED ", GW_HOSTAPD_CONNECTED},
        {"AP-STA-DISCONNECTED ", GW_HOSTAPD_DISCONNECTED},
        {"CTRL-EVENT-EAP-SUCCESS ", GW_HOSTAPD_EAP_SUCCESS},
        {"CTRL-EVENT-EAP-SUCCESS2 ", GW_HOSTAPD_EAP_SUCCESS}, /* by another's server */
    };
    const char *text = data;
    struct text t = {text, text + len};

    if (len == 0 || *t.p != '<')
        return GW_HOSTAPD_ANSWER;
    if (!take_level(&t))
        return GW_HOSTAPD_OTHER;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (take(&t, names[i].name))
            return take_lladdr(&t, sta) ? names[i].event : GW_HOSTAPD_OTHER;
    return GW_HOSTAPD_OTHER;
}

bool gw_hostapd_says(const void *data, size_t len, const char *word)
{
    const char *text = data;
    struct text t = {text, text + len};

    return len > 0 && take(&t, word) && left(&t) == 1 && *t.p == '\n';
}

/* "[AUTH][ASSOC][AUTHORIZED]" */
static bool has_flag(struct text flags, const char *flag)
{
    for (; flags.p < flags.end; flags.p++)
        if (take(&flags, flag))
            return true;
    return false;
}

/* What hostapd writes behind the identity: name=value. */
static bool is_setting(const struct text *l)
{
    const char *eq = left(l) > 0 ? memchr(l->p, '=', left(l)) : NULL;

    if (eq == NULL || eq == l->p)
        return false;
    for (const char *p = l->p; p < eq; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_' || *p == '[' || *p == ']'))
            return false;
    return true;
}

static int set_nai(const struct text *name, struct gw_mnid *out)
{
    if (left(name) > NAI_MOST || (left(name) > 0 && memchr(name->p, '\0', left(name)) != NULL))
        return GW_EFORMAT;
    *out = (struct gw_mnid){
        .subtype = GW_MNID_NAI, .len = (uint8_t)left(name), .id = (const uint8_t *)name->p};
    return 0;
}

/* The first one counts: a second is part of a station's words. */
static int find_nai(struct text *t, struct gw_mnid *out)
{
    struct text l;

    *out = (struct gw_mnid){.subtype = GW_MNID_NAI};
    while (line(t, &l)) {
        if (!take(&l, "dot1xAuthSessionUserName="))
            continue;
        struct text next;
        if (line(t, &next) && !is_setting(&next))
            return GW_EFORMAT;
        return set_nai(&l, out);
    }
    return 0;
}

int gw_hostapd_parse_sta(const void *data, size_t len, struct gw_hostapd_sta *out)
{
    const char *text = data;
    struct text t, l;
    struct gw_hostapd_sta sta;

    if (len == 0 || gw_hostapd_says(data, len, "FAIL"))
        return GW_ENOENT;
    t = (struct text){text, text + len};
    if (!line(&t, &l) || !take_lladdr(&l, &sta.lladdr) || left(&l) != 0)
        return GW_EFORMAT;
    if (!line(&t, &l) || !take(&l, "flags="))
        return GW_EFORMAT;
    sta.authorised = has_flag(l, "[AUTHORIZED]");
    int err = find_nai(&t, &sta.nai);
    if (err == 0)
        *out = sta;
    return err;
}
